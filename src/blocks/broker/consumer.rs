//! The consumer's side of a broker: what is mine, how far am I, what is new in this batch.
//!
//! ```text
//!   Batch ──fresh──▶ Delivery { at, event } ──▶ host: force one record { effect, at }
//!                                                 apply ──▶ took(at)
//!                                                 then ack(partition), or fail(at)
//! ```
//!
//! The position belongs into the record of the effect: then no crash falls between the two, and a
//! redelivered event is known by its offset. A position of its own in a second record was rejected
//! as what this block does by itself, because it makes every crash a choice between loss and
//! repetition; a host that wants to show that can log it so.
//!
//! Limits: an event that stands in the log twice (a plain producer) has two offsets; a host that
//! minds remembers ids, see [`Remembered`](crate::blocks::remembered::Remembered).

use super::{
    Batch, GroupId, Message, Offset, Partition, Peer, Position, Settings, Standing, Timer, TopicId,
    keeps,
};
use crate::{
    base::{ids::NodeId, table::Table},
    engine::ctx::Ctx,
};
use serde::Serialize;
use std::marker::PhantomData;

/// One event to be handled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery<E> {
    /// Where it stands; goes into the record of its effect.
    pub at: Position,
    /// Which attempt at it this is, as far as the broker knows, from 1.
    pub attempt: u16,
    /// The event.
    pub event: E,
}

/// The state of a consumer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Consumer<E> {
    broker: NodeId,
    group: GroupId,
    topics: Vec<TopicId>,
    // Replayed from the host's log.
    done: Table<Partition, Offset>,
    // Lost in a crash.
    assigned: Vec<Partition>,
    standing: Standing,
    repeated: u64,
    missed: u64,
    reads: PhantomData<E>,
}

impl<E> Consumer<E> {
    /// A consumer of a group. All members of a group read the same topics.
    pub fn new(broker: NodeId, group: GroupId, topics: Vec<TopicId>) -> Self {
        let done = Table::new();
        let (assigned, standing) = (Vec::new(), Standing::Joins);
        Self {
            broker,
            group,
            topics,
            done,
            assigned,
            standing,
            repeated: 0,
            missed: 0,
            reads: PhantomData,
        }
    }

    /// Its group.
    pub fn group(&self) -> GroupId {
        self.group
    }

    /// What the host's `apply` calls with the position in the record of an effect.
    pub fn took(&mut self, at: Position) {
        let done = self.done.entry_or_default(at.partition);
        *done = at.next().offset.max(*done);
    }

    /// Behind what is done in each partition, for a checkpoint of the host's.
    pub fn positions(&self) -> impl Iterator<Item = Position> {
        self.done.iter().map(|(&partition, &offset)| Position { partition, offset })
    }

    /// The partitions that it reads now.
    pub fn assigned(&self) -> &[Partition] {
        &self.assigned
    }

    /// How many events came that were done already, since this node booted.
    pub fn repeated(&self) -> u64 {
        self.repeated
    }

    /// How many events retention dropped before this consumer saw them, since this node booted.
    pub fn missed(&self) -> u64 {
        self.missed
    }

    /// Tells the broker where it stands: on boot, and whenever [`Timer::Poll`] is due.
    pub fn poll<P: Peer<E>>(&self, settings: &Settings, ctx: &mut Ctx<'_, P>) {
        self.tell(ctx);
        ctx.set_timer(settings.poll_interval, Timer::Poll(self.group));
    }

    /// The broker says which partitions are its own.
    pub fn on_assigned<P: Peer<E>>(&mut self, partitions: Vec<Partition>, ctx: &mut Ctx<'_, P>) {
        if self.standing == Standing::Joins || self.assigned != partitions {
            (self.standing, self.assigned) = (Standing::Stays, partitions);
            self.tell(ctx);
        }
    }

    /// What of a batch is to be handled, in order. `deduplicate` is the host's name for leaving
    /// out what is done already.
    pub fn fresh<P: Peer<E>>(
        &mut self,
        batch: Batch<E>,
        deduplicate: Option<P::Step>,
        ctx: &mut Ctx<'_, P>,
    ) -> impl Iterator<Item = Delivery<E>> + use<E, P> {
        let Batch { group, asked, expired, first, attempt, events } = batch;
        let partition = asked.partition;
        let done = self.position(partition).offset;
        // A batch for a partition that has changed hands would be handled by two.
        let mine = group == self.group && self.assigned.contains(&partition);
        let events = if mine && asked.offset <= done { events } else { Vec::new() };
        self.missed += if events.is_empty() { 0 } else { expired.0.saturating_sub(done.0) };
        let repeated = done.0.saturating_sub(first.0).min(events.len() as u64);
        self.repeated += repeated;
        let skipped = if repeated > 0 && keeps(deduplicate, ctx) { repeated } else { 0 };
        let places = (first.0..).map(move |offset| Position { partition, offset: Offset(offset) });
        let deliveries = places.zip(events).map(move |(at, event)| {
            let attempt = if at.offset == first { attempt } else { 1 };
            Delivery { at, attempt, event }
        });
        deliveries.skip(skipped as usize)
    }

    /// Says that all that was taken of a partition is done, and asks for what follows. To be
    /// called behind the force of the effects.
    pub fn ack<P: Peer<E>>(&self, partition: Partition, ctx: &mut Ctx<'_, P>) {
        let done = self.position(partition);
        ctx.send(self.broker, Message::Ack { group: self.group, done });
    }

    /// Says that an event could not be handled, and that all before it is done. It comes again
    /// with the next poll, unless it has failed too often.
    pub fn fail<P: Peer<E>>(&self, at: Position, attempt: u16, ctx: &mut Ctx<'_, P>) {
        ctx.send(self.broker, Message::Failed { group: self.group, at, attempt });
    }

    fn position(&self, partition: Partition) -> Position {
        let offset = self.done.get(&partition).copied().unwrap_or_default();
        Position { partition, offset }
    }

    fn tell<P: Peer<E>>(&self, ctx: &mut Ctx<'_, P>) {
        let done = match self.standing {
            Standing::Joins => self.positions().collect(),
            Standing::Stays => self.assigned.iter().map(|&p| self.position(p)).collect(),
        };
        let (group, standing, topics) = (self.group, self.standing, self.topics.clone());
        ctx.send(self.broker, Message::Poll { group, topics, standing, done });
    }
}
