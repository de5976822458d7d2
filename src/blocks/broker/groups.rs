//! The broker's side of consumer groups: who is there, who reads what, whose attempt failed.
//!
//! ```text
//!   Poll ──▶ subscribe · join · commit ──▶ serve: Batch, or wait for an append
//!                                    └──▶ Assigned, when the consumer's idea of its share is wrong
//!   Failed, or gone with one event in hand ──▶ count the attempt ──▶ dead letter ──▶ serve behind it
//!   gone with more than one in hand ──▶ suspects ──▶ serve one event at a time, and nothing beside it
//! ```
//!
//! A consumer is gone when it joins anew or its session times out. One of the events that it had in
//! hand may have killed it, and only a trial of each alone tells which; blaming the first of each
//! partition was rejected, because a killer then makes dead letters of its neighbours.
//!
//! All of it is in memory only. The i-th partition of a group belongs to the i-th of its members,
//! round and round, so nobody has to remember an assignment. Commits only rise and are true
//! whoever sends them, so none needs a fencing token: a consumer that lost a partition has still
//! done what it says.

use super::{
    Batch, Broker, DeadLetters, GroupId, Host, Message, Offset, Partition, Position, Record,
    Standing, Terms, Timer, TopicId, keeps,
};
use crate::{base::ids::NodeId, engine::ctx::Ctx};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// One group, as far as it is known since the last boot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Group {
    members: BTreeSet<NodeId>,
    /// Who asked from where, and was told nothing yet.
    waiting: BTreeMap<Partition, (NodeId, Offset)>,
    /// What went out.
    delivered: BTreeMap<Partition, Delivered>,
    /// Behind the last event that a consumer was lost with, together with others. What of it is
    /// not done goes out alone.
    suspects: BTreeMap<Partition, Offset>,
}

/// What went out of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
struct Delivered {
    /// Who has it in hand; `None` when it was lost with its consumer, or on the way.
    to: Option<NodeId>,
    /// Behind the last event of it.
    end: Offset,
    /// Behind the last event that ever went out.
    upto: Offset,
    /// Whether its consumer polled since, and had not handled it.
    polled: bool,
}

/// A consumer: its group and its node.
type Member = (GroupId, NodeId);

/// Groups and their members.
impl<E: Clone> Broker<E> {
    pub(super) fn on_poll<P: Host<E>>(
        &mut self,
        (group, from): Member,
        (topics, standing, done): (Vec<TopicId>, Standing, Vec<Position>),
        terms: Terms<'_, P::Step>,
        ctx: &mut Ctx<'_, P>,
    ) {
        if self.kept.topics(group) != Some(&topics) {
            let subscribed = Record::Subscribed { group, topics };
            self.apply(ctx.force_grouped(terms.steps.append, subscribed));
        }
        // Records come first: behind a force that is under way they then join the log at once,
        // while one that stands behind another effect waits, and all later records with it.
        for &done in &done {
            self.commit(group, done, ctx);
        }
        ctx.set_timer(terms.settings.session_timeout, Timer::Session(group, from));
        self.groups.entry(group).or_default().members.insert(from);
        if standing == Standing::Joins {
            self.blame((group, from), terms, ctx);
        }
        let partitions = self.share((group, from), terms);
        let knows = done.iter().map(|done| done.partition).eq(partitions.iter().copied());
        if standing == Standing::Stays && knows {
            for &done in &done {
                if !self.is_in_hand((group, from), done) {
                    self.serve((group, from), done, terms, ctx);
                }
            }
        } else {
            ctx.send(from, Message::Assigned { group, partitions });
        }
    }

    /// Whether a consumer may still be busy with what it was sent; when it polls a second time
    /// from the same place, that was lost on the way.
    fn is_in_hand(&mut self, (group, node): Member, done: Position) -> bool {
        let known = self.groups.get_mut(&group);
        let delivered = known.and_then(|known| known.delivered.get_mut(&done.partition));
        let Some(delivered) = delivered else { return false };
        if delivered.to != Some(node) || delivered.end <= done.offset {
            return false;
        }
        if std::mem::replace(&mut delivered.polled, true) {
            delivered.to = None;
        }
        delivered.to.is_some()
    }

    /// The partitions of a consumer.
    fn share<S>(&self, (group, node): Member, terms: Terms<'_, S>) -> Vec<Partition> {
        let Some(members) = self.groups.get(&group).map(|group| &group.members) else {
            return Vec::new();
        };
        let Some(place) = members.iter().position(|member| *member == node) else {
            return Vec::new();
        };
        let topics = self.kept.topics(group).unwrap_or_default();
        let numbers = 0..terms.settings.partitions;
        let all = topics
            .iter()
            .flat_map(|&topic| numbers.clone().map(move |number| Partition { topic, number }));
        all.skip(place).step_by(members.len()).collect()
    }

    pub(super) fn leave<P: Host<E>>(
        &mut self,
        group: GroupId,
        node: NodeId,
        terms: Terms<'_, P::Step>,
        ctx: &mut Ctx<'_, P>,
    ) {
        if let Some(group) = self.groups.get_mut(&group) {
            group.members.remove(&node);
            group.waiting.retain(|_, (waits, _)| *waits != node);
        }
        self.blame((group, node), terms, ctx);
    }
}

/// Serving.
impl<E: Clone> Broker<E> {
    pub(super) fn on_ack<P: Host<E>>(
        &mut self,
        member: Member,
        done: Position,
        terms: Terms<'_, P::Step>,
        ctx: &mut Ctx<'_, P>,
    ) {
        self.commit(member.0, done, ctx);
        if self.share(member, terms).contains(&done.partition) {
            self.serve(member, done, terms, ctx);
        }
    }

    /// Sends what follows, or remembers who waits for it.
    fn serve<P: Host<E>>(
        &mut self,
        (group, to): Member,
        asked: Position,
        terms: Terms<'_, P::Step>,
        ctx: &mut Ctx<'_, P>,
    ) {
        let partition = asked.partition;
        if self.is_held_back((group, to), partition, terms) {
            return; // It polls again.
        }
        let expired = self.kept.first(partition);
        let first = asked.offset.max(self.kept.committed(group, partition)).max(expired);
        let at = Position { partition, offset: first };
        let alone = self.is_suspect(group, partition);
        let events_max = if alone { 1 } else { terms.settings.batch_max };
        let events = self.kept.read(at, events_max);
        let attempt = self.kept.attempts(group, at) + 1;
        let known = self.groups.entry(group).or_default();
        if events.is_empty() {
            known.waiting.insert(partition, (to, asked.offset));
            return;
        }
        known.waiting.remove(&partition);
        let end = Offset(first.0 + events.len() as u64);
        let before = known.delivered.get(&partition).map_or(first, |delivered| delivered.upto);
        self.redelivered += end.min(before).0.saturating_sub(first.0);
        let upto = end.max(before);
        let delivered = Delivered { to: Some(to), end, upto, polled: false };
        known.delivered.insert(partition, delivered);
        ctx.send(to, Message::Batch(Batch { group, asked, expired, first, attempt, events }));
    }

    /// Something came: whoever waits for it gets it.
    pub(super) fn wake<P: Host<E>>(
        &mut self,
        partition: Partition,
        terms: Terms<'_, P::Step>,
        ctx: &mut Ctx<'_, P>,
    ) {
        let mut from = GroupId(0);
        loop {
            let mut groups = self.groups.range(from..);
            let next = groups.find_map(|(group, known)| {
                known.waiting.get(&partition).map(|&(node, offset)| (*group, node, offset))
            });
            let Some((group, node, offset)) = next else { return };
            if self.share((group, node), terms).contains(&partition) {
                self.serve((group, node), Position { partition, offset }, terms, ctx);
            }
            let Some(after) = group.0.checked_add(1) else { return };
            from = GroupId(after);
        }
    }

    fn commit<P: Host<E>>(&mut self, group: GroupId, done: Position, ctx: &mut Ctx<'_, P>) {
        // A consumer may remember more than a broker whose disk is gone.
        let offset = done.offset.min(self.kept.end(done.partition));
        if self.kept.committed(group, done.partition) < offset {
            let done = Position { offset, ..done };
            self.apply(ctx.write(Record::Committed { group, done }));
        }
    }
}

/// Attempts that failed.
impl<E: Clone> Broker<E> {
    pub(super) fn on_failed<P: Host<E>>(
        &mut self,
        (group, from): Member,
        (at, attempt): (Position, u16),
        terms: Terms<'_, P::Step>,
        ctx: &mut Ctx<'_, P>,
    ) {
        self.commit(group, at, ctx);
        if self.kept.attempts(group, at) + 1 == attempt && self.count(group, at, terms, ctx) {
            self.on_ack((group, from), at, terms, ctx); // What stands behind it can go on.
        }
    }

    /// Whether an event of a partition is to be tried alone.
    fn is_suspect(&self, group: GroupId, partition: Partition) -> bool {
        let known = self.groups.get(&group);
        let upto = known.and_then(|known| known.suspects.get(&partition));
        upto.is_some_and(|upto| self.kept.committed(group, partition) < *upto)
    }

    /// Whether a consumer must not get events of a partition now. Of several partitions with
    /// suspects the first has its turn, once the consumer has nothing else in hand.
    fn is_held_back<S>(
        &self,
        (group, node): Member,
        partition: Partition,
        terms: Terms<'_, S>,
    ) -> bool {
        if self.groups.get(&group).is_none_or(|known| known.suspects.is_empty()) {
            return false;
        }
        let share = self.share((group, node), terms);
        let turn = share.iter().find(|partition| self.is_suspect(group, **partition));
        let has = |other: &Partition| {
            let delivered = self.groups.get(&group).and_then(|known| known.delivered.get(other));
            delivered.is_some_and(|delivered| {
                let open = self.kept.committed(group, *other) < delivered.end;
                delivered.to == Some(node) && open
            })
        };
        let busy = || share.iter().any(|other| *other != partition && has(other));
        turn.is_some_and(|turn| *turn != partition || busy())
    }

    /// A consumer is gone: what it had in hand was an attempt, if it is clear at what.
    fn blame<P: Host<E>>(
        &mut self,
        (group, node): Member,
        terms: Terms<'_, P::Step>,
        ctx: &mut Ctx<'_, P>,
    ) {
        let Some(known) = self.groups.get_mut(&group) else { return };
        let mut lost = Vec::new();
        for (&partition, delivered) in &mut known.delivered {
            let at = Position { partition, offset: self.kept.committed(group, partition) };
            if delivered.to == Some(node) {
                delivered.to = None;
                if at.offset < delivered.end {
                    lost.push((at, delivered.end));
                }
            }
        }
        let is_clear = matches!(lost[..], [(at, end)] if at.next().offset == end);
        if lost.is_empty() || is_clear || !keeps(terms.steps.single_out, ctx) {
            for (at, _) in lost {
                _ = self.count(group, at, terms, ctx);
            }
        } else if let Some(known) = self.groups.get_mut(&group) {
            for (at, end) in lost {
                let suspects = known.suspects.entry(at.partition).or_default();
                *suspects = end.max(*suspects);
            }
        }
    }

    /// Counts an attempt at the first event that a group is not done with. True if it was the last.
    fn count<P: Host<E>>(
        &mut self,
        group: GroupId,
        at: Position,
        terms: Terms<'_, P::Step>,
        ctx: &mut Ctx<'_, P>,
    ) -> bool {
        let there = self.kept.first(at.partition) <= at.offset
            && at.offset < self.kept.end(at.partition)
            && self.kept.committed(group, at.partition) == at.offset;
        if !there {
            return false;
        }
        let attempts = self.kept.attempts(group, at).saturating_add(1);
        self.apply(ctx.write(Record::Attempted { group, at, attempts }));
        let DeadLetters::After(attempts_max) = terms.settings.dead_letters else { return false };
        let moves = attempts >= attempts_max
            && at.partition.topic != TopicId::DEAD_LETTERS
            && keeps(terms.steps.dead_letter, ctx);
        if moves {
            // Durable before anybody goes on behind it, or a crash could make it neither done nor
            // a dead letter.
            let record = Record::DeadLettered { group, at };
            self.apply(ctx.force_grouped(terms.steps.force_dead_letter, record));
            let dead = Partition { topic: TopicId::DEAD_LETTERS, number: 0 };
            self.wake(dead, terms, ctx);
        }
        moves
    }
}
