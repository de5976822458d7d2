//! The lineage: the one log that is served, position by position, and what became of writes in it.
//!
//! ```text
//!   p1  logged 1 2 3 4 5 6 ─╳ boot ── recovered 4 ── logged 5′ 6′ ─╳
//!   p2      applied 1 2 3 4                             applied 5′    recovered 5 ── logged 6″ …
//!
//!   lineage   1 2 3 4 5 6   ──▶   1 2 3 4   ──▶   1 2 3 4 5′ 6′   ──▶   1 2 3 4 5′   ──▶   … 6″
//!                                 own recovery: 5 6 lost               takeover: 6′ lost
//! ```
//!
//! Three judges ask what was lost, and by whom, so they share this fold. The node that logs serves;
//! another one that recovers takes the lineage over, and what the former logs afterwards is astray.
//! A write is known by its key and value, so the lineage tells where it stands; of one that stands
//! nowhere this keeps what took it. Comparing the logs of nodes was rejected: positions that two
//! nodes gave to different changes would look alike.
//!
//! Limits: one lineage per run, and values that are written once. A node that follows another
//! states no recovery when it comes back.

use super::{
    evidence::place,
    knowledge::{ByNode, order},
};
use crate::{
    base::{
        digest::Fold,
        ids::{NodeId, OpId},
        table::Table,
    },
    engine::{
        facts::Fact,
        operations::{Ending, Operation},
        signal::{Signal, What},
    },
};

/// A write, known by its register and its value.
pub(super) type Name = (u32, i64);

/// What a signal came to.
#[derive(Clone, Debug)]
pub(super) enum Turn {
    /// Nothing that a judge asks for.
    Nothing,
    /// A change left a gap, or changed an old position.
    Misfit,
    /// A node serves from a log.
    Recovered(Recovered),
    /// A client was told that a write is done.
    Told(Name),
    /// A client has read what a write wrote.
    Read(Name),
    /// A client was told of a write before, and a node logged it that serves no more.
    Astray(Name),
}

/// A node serves from what it found.
#[derive(Clone, Debug)]
pub(super) struct Recovered {
    /// Who.
    pub(super) node: NodeId,
    /// Up to where.
    pub(super) upto: u64,
    /// Whose log it was.
    pub(super) how: How,
    /// How long the lineage was before.
    pub(super) length: u64,
    /// Up to where this node had it before, as far as it had said.
    pub(super) reached: u64,
    /// Up to where it had synced it.
    pub(super) synced: u64,
    /// Writes that clients may know of and that stand in the lineage no more.
    pub(super) lost: Vec<Name>,
}

/// What takes a write out of the lineage, or keeps it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// The node that logged recovered without it.
    Own,
    /// Another node took over without it.
    Takeover,
    /// It was logged by a node that served no more.
    Astray,
}

/// A write as clients and logs know it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Write {
    pub(super) asked: Option<Signal>,
    /// Where it was logged first, as far as that is still in the lineage or was lost last.
    pub(super) logged: Option<(u64, Signal)>,
    pub(super) told: Option<Signal>,
    /// The first end of a read that saw it.
    pub(super) read: Option<Signal>,
    pub(super) lost: Option<(How, Signal)>,
}

/// What one node has of the lineage.
#[derive(Clone, Copy, Debug, Default)]
struct Copied {
    synced: u64,
    /// Up to where it ever had it.
    applied: u64,
    /// What it applied last: after a boot that may be again what it had.
    position: u64,
    /// It booted, and has logged and applied nothing since: what it has it has from its disk.
    from_disk: bool,
}

/// The lineage, who serves it, and what clients know.
#[derive(Clone, Debug, Default)]
pub(super) struct Lineage {
    changes: Vec<Signal>,
    serving: Option<NodeId>,
    copies: ByNode<Copied>,
    asked: Table<OpId, Operation>,
    writes: Table<Name, Write>,
}

impl Lineage {
    pub(super) fn reset(&mut self) {
        self.changes.clear();
        self.serving = None;
        self.copies.iter_mut().for_each(|copy| *copy = Copied::default());
        self.asked.clear();
        self.writes.clear();
    }

    /// Takes one signal. What was replayed from typed records says nothing here.
    pub(super) fn on_signal(&mut self, signal: &Signal) -> Turn {
        match signal.what {
            What::Stated(node, fact) => return self.on_fact(node, fact, signal),
            What::Booted(node) => self.copies.of(node).from_disk = true,
            What::Invoked(op, _, operation) => {
                self.asked.insert(op, operation);
                if let Operation::Write { key, value } = operation {
                    self.writes.entry_or_default((key, value)).asked.get_or_insert(*signal);
                }
            }
            What::Ended(op, ending) => return self.on_end(op, ending, signal),
            _ => {}
        }
        Turn::Nothing
    }

    fn on_fact(&mut self, node: NodeId, fact: Fact, signal: &Signal) -> Turn {
        match fact {
            Fact::Logged { lsn, key, value } => return self.log(node, (lsn, key, value), signal),
            Fact::Synced(upto) => {
                let copy = self.copies.of(node);
                copy.synced = copy.synced.max(upto);
            }
            Fact::Applied(lsn) => {
                let copy = self.copies.of(node);
                (copy.applied, copy.position) = (copy.applied.max(lsn), lsn);
                copy.from_disk = false;
            }
            Fact::Recovered(upto) => return Turn::Recovered(self.recover(node, upto, signal)),
            _ => {}
        }
        Turn::Nothing
    }

    fn log(&mut self, node: NodeId, (lsn, key, value): (u64, u32, i64), signal: &Signal) -> Turn {
        let known = self.change(lsn).is_some_and(|(there, _)| there == (key, value));
        self.copies.of(node).from_disk = false;
        let write = self.writes.entry_or_default((key, value));
        if *self.serving.get_or_insert(node) != node {
            if !known && write.logged.is_none() {
                write.lost = Some((How::Astray, *signal));
                if write.told.is_some() {
                    return Turn::Astray((key, value));
                }
            }
            return Turn::Nothing;
        }
        if lsn != self.changes.len() as u64 + 1 {
            return if known { Turn::Nothing } else { Turn::Misfit };
        }
        self.changes.push(*signal);
        if !write.stands() {
            (write.logged, write.lost) = (Some((lsn, *signal)), None);
        }
        let copy = self.copies.of(node);
        copy.applied = copy.applied.max(lsn);
        copy.position = copy.applied;
        Turn::Nothing
    }

    fn recover(&mut self, node: NodeId, upto: u64, signal: &Signal) -> Recovered {
        let length = self.length();
        let how = match self.serving {
            Some(other) if other != node && length > 0 => How::Takeover,
            _ => How::Own,
        };
        self.serving = Some(node).filter(|_| length > 0);
        self.changes.truncate(usize::try_from(upto).unwrap_or(usize::MAX));
        let Copied { synced, applied, .. } = *self.copies.of(node);
        for copy in self.copies.iter_mut() {
            (copy.synced, copy.applied) = (copy.synced.min(upto), copy.applied.min(upto));
            copy.position = copy.position.min(upto);
        }
        let copy = self.copies.of(node);
        (copy.applied, copy.position) = (upto, upto);
        if copy.from_disk {
            copy.synced = upto;
        }
        let mut lost = Vec::new();
        for (&name, write) in self.writes.iter_mut().filter(|(_, write)| write.lost.is_none()) {
            let known = write.logged.is_some() || write.told.is_some() || write.read.is_some();
            if known && write.logged.is_none_or(|(lsn, _)| lsn > upto) {
                write.lost = Some((how, *signal));
                lost.push(name);
            }
        }
        Recovered { node, upto, how, length, reached: synced.max(applied), synced, lost }
    }

    fn on_end(&mut self, op: OpId, ending: Ending, signal: &Signal) -> Turn {
        let (Some(asked), Ending::Ok(answer)) = (self.asked.remove(&op), ending) else {
            return Turn::Nothing;
        };
        let (name, turn) = match (asked, answer) {
            (Operation::Write { key, value }, _) => ((key, value), Turn::Told((key, value))),
            (Operation::Read { key }, Some(value)) => ((key, value), Turn::Read((key, value))),
            _ => return Turn::Nothing,
        };
        let Some(write) = self.writes.get_mut(&name) else { return Turn::Nothing };
        match turn {
            Turn::Told(_) => write.told.get_or_insert(*signal),
            _ => write.read.get_or_insert(*signal),
        };
        turn
    }

    /// How many changes it has.
    pub(super) fn length(&self) -> u64 {
        self.changes.len() as u64
    }

    /// The change at a position.
    pub(super) fn change(&self, lsn: u64) -> Option<(Name, &Signal)> {
        let signal = self.changes.get(usize::try_from(lsn).ok()?.checked_sub(1)?)?;
        Some((name(signal)?, signal))
    }

    /// What each register holds after all changes, and which change put it there.
    pub(super) fn comes_to(&self) -> Table<u32, (i64, Signal)> {
        let mut holds = Table::new();
        for change in &self.changes {
            if let Some((key, value)) = name(change) {
                holds.insert(key, (value, *change));
            }
        }
        holds
    }

    /// A write, if a client asked for it.
    pub(super) fn write(&self, name: Name) -> Option<&Write> {
        self.writes.get(&name)
    }

    /// How many writes fit.
    pub(super) fn count(&self, fits: impl Fn(&Write) -> bool) -> u64 {
        self.writes.values().filter(|write| fits(write)).count() as u64
    }

    /// Of these writes the one with the earliest signal of a kind.
    pub(super) fn earliest(
        &self,
        among: &[Name],
        when: impl Fn(&Write) -> Option<Signal>,
    ) -> Option<Name> {
        let timed = among.iter().filter_map(|name| Some((when(self.write(*name)?)?, *name)));
        timed.min_by_key(|(signal, _)| order(signal)).map(|(_, name)| name)
    }

    /// Who serves.
    pub(super) fn serving(&self) -> Option<NodeId> {
        self.serving
    }

    /// Up to where a node has synced it, as far as the node can know.
    pub(super) fn synced(&self, node: NodeId) -> u64 {
        self.copies.get(node).map_or(0, |copy| copy.synced)
    }

    /// What a node applied or logged last.
    pub(super) fn position(&self, node: NodeId) -> u64 {
        self.copies.get(node).map_or(0, |copy| copy.position)
    }

    /// Whether a node that applies this change goes on where it stands. After a boot it stands
    /// anywhere in what it ever had.
    pub(super) fn goes_on(&self, node: NodeId, lsn: u64) -> bool {
        let Copied { applied, position, from_disk, .. } =
            self.copies.get(node).copied().unwrap_or_default();
        lsn == position + 1 || from_disk && (1..=applied + 1).contains(&lsn)
    }

    /// Folds in all that decides what comes of later signals.
    pub(super) fn fold(&self, fold: &mut Fold) {
        fold.word(self.serving.map_or(0, |node| u64::from(node.0) + 1));
        fold.word(self.length());
        for change in &self.changes {
            let node = place(&change.what).map_or(0, |node| u64::from(node.0));
            let (key, value) = name(change).unwrap_or_default();
            fold.words([node, u64::from(key), value.cast_unsigned()]);
        }
        for (node, copy) in self.copies.iter() {
            fold.words([u64::from(node.0), u64::from(copy.from_disk)]);
            fold.words([copy.synced, copy.applied, copy.position]);
        }
        fold.word(self.asked.len() as u64);
        self.asked.keys().for_each(|op| fold.word(u64::from(op.0)));
        for ((key, value), write) in &self.writes {
            let lost = write.lost.map_or(0, |(how, _)| how as u64 + 1);
            let lsn = write.logged.map_or(0, |(lsn, _)| lsn);
            fold.words([u64::from(*key), value.cast_unsigned(), lsn, lost]);
            fold.words([write.told.is_some(), write.read.is_some()].map(u64::from));
        }
    }
}

impl Write {
    /// Whether it is in the lineage.
    fn stands(&self) -> bool {
        self.logged.is_some() && self.lost.is_none()
    }
}

/// The write that was logged.
pub(super) fn name(logged: &Signal) -> Option<Name> {
    match logged.what {
        What::Stated(_, Fact::Logged { key, value, .. }) => Some((key, value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::litmus::{log::*, *};
    use super::*;

    #[test]
    fn a_log_that_somebody_serves_folds_unlike_one_that_nobody_serves() {
        let fold_of = |story: &[What]| {
            let mut lineage = Lineage::default();
            for signal in tell(story) {
                lineage.on_signal(&signal);
            }
            let mut fold = Fold::NEW;
            lineage.fold(&mut fold);
            fold.end()
        };
        // An empty log that is recovered is free for anybody.
        let served = [logged(C, 1, 7), crash(C), boot(C), recovered(C, 0)];
        let free = [&served[..], &[crash(C), boot(C), recovered(C, 0)]].concat();
        assert_ne!(fold_of(&served), fold_of(&free));
    }
}
