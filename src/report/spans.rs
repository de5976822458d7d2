//! What lasted: nodes down or paused, transactions in doubt, locks held, the network cut.
//!
//! ```text
//!   entries, signals ──one pass each──▶ Spans { down, paused, doubts, locks, cuts }
//! ```
//!
//! Pictures and highlights show states, and a run records instants. A span begins and ends with an
//! event; an open one lasted to the end. A node in doubt stays so while it is down if its promise
//! is on disk, which the replay of its log shows: doubt ends at a crash only when the promise is
//! not there any more. Asking nodes for their states was rejected: reports know no protocol.
//!
//! Limits: an entry does not say which cut was mended; of those with one cause, the oldest is.

use crate::{
    base::{
        ids::{EventId, NodeId, TxnId},
        time::{Duration, Time},
    },
    engine::{
        facts::{Fact, Vote},
        runner::Outcome,
        signal::What,
        trace::{Entry, Kind},
    },
    scenario::run::Run,
};
use std::collections::{BTreeMap, btree_map};

/// Something that lasted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Span<T> {
    /// What it was about.
    pub(super) of: T,
    /// From when.
    pub(super) since: Time,
    /// Until when; `None` for the end of the run.
    pub(super) until: Option<Time>,
}

impl<T> Span<T> {
    fn new(of: T, since: Time) -> Self {
        Self { of, since, until: None }
    }

    /// How long it lasted, in a run that ended then.
    pub(super) fn length(&self, end: Time) -> Duration {
        self.until.unwrap_or(end).saturating_since(self.since)
    }
}

/// A transaction that a node has promised and not decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Doubt {
    pub(super) txn: TxnId,
    pub(super) node: NodeId,
}

/// A value that a node keeps locked for a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lock {
    pub(super) txn: TxnId,
    pub(super) node: NodeId,
    pub(super) key: u32,
}

/// A crash, and what it interrupted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Down {
    pub(super) node: NodeId,
    /// The step that the node passed last.
    pub(super) step: Option<u16>,
    /// The record that it was forcing.
    pub(super) forcing: Option<String>,
}

/// A cut of the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CutOff {
    /// The rule's id.
    pub(super) rule: String,
    cause: EventId,
}

/// Everything that lasted in a run, each list in the order of beginnings.
#[derive(Debug, Default)]
pub(super) struct Spans {
    pub(super) down: Vec<Span<Down>>,
    pub(super) paused: Vec<Span<NodeId>>,
    pub(super) doubts: Vec<Span<Doubt>>,
    pub(super) locks: Vec<Span<Lock>>,
    pub(super) cuts: Vec<Span<CutOff>>,
    pub(super) healed_at: Option<Time>,
    /// Where the spans stand that have not ended: long runs have too many to look through.
    open_doubts: BTreeMap<Doubt, usize>,
    open_locks: BTreeMap<Lock, usize>,
}

impl Spans {
    /// What lasted in a run.
    pub(super) fn of(run: &Run) -> Self {
        let mut spans = Self::default();
        for (place, entry) in run.entries.iter().enumerate() {
            spans.take_entry(entry, &run.entries[..place]);
        }
        for place in 0..run.signals.len() {
            spans.take_signal(run, place);
        }
        spans
    }

    fn take_entry(&mut self, entry: &Entry, before: &[Entry]) {
        let node = NodeId(entry.who.0);
        match entry.kind {
            Kind::Crash => {
                close(&mut self.paused, entry.at, |paused| *paused == node);
                self.down.push(Span::new(interrupted(node, entry, before), entry.at));
            }
            Kind::Boot => close(&mut self.down, entry.at, |down| down.node == node),
            Kind::Pause => self.paused.push(Span::new(node, entry.at)),
            Kind::Resume => close(&mut self.paused, entry.at, |paused| *paused == node),
            Kind::Cut => {
                let cut = CutOff { rule: entry.text.clone(), cause: entry.cause };
                self.cuts.push(Span::new(cut, entry.at));
            }
            Kind::Mend => self.mend(entry),
            Kind::Heal => {
                self.healed_at = Some(entry.at);
                close(&mut self.cuts, entry.at, |_| true);
            }
            _ => {}
        }
    }

    fn mend(&mut self, entry: &Entry) {
        let open = |cut: &&mut Span<CutOff>| cut.until.is_none() && cut.of.cause == entry.cause;
        if let Some(cut) = self.cuts.iter_mut().find(open) {
            cut.until = Some(entry.at);
        }
    }

    fn take_signal(&mut self, run: &Run, place: usize) {
        let signal = &run.signals[place];
        match signal.what {
            What::Stated(node, fact) => self.take_fact(node, fact, signal.at),
            What::Booted(node) => self.forget_unpromised(run, place, node),
            _ => {}
        }
    }

    fn take_fact(&mut self, node: NodeId, fact: Fact, at: Time) {
        match fact {
            Fact::Voted(txn, Vote::Yes) => {
                let doubt = Doubt { txn, node };
                if let btree_map::Entry::Vacant(open) = self.open_doubts.entry(doubt) {
                    open.insert(self.doubts.len());
                    self.doubts.push(Span::new(doubt, at));
                }
            }
            Fact::Stages { txn, key, .. } => {
                let lock = Lock { txn, node, key };
                if let btree_map::Entry::Vacant(open) = self.open_locks.entry(lock) {
                    open.insert(self.locks.len());
                    self.locks.push(Span::new(lock, at));
                }
            }
            Fact::Decided(txn, _) => {
                self.end_doubt(Doubt { txn, node }, at);
                let lock = |key| Lock { txn, node, key };
                let held = self.open_locks.range(lock(0)..=lock(u32::MAX));
                let held: Vec<Lock> = held.map(|(lock, _)| *lock).collect();
                for lock in held {
                    self.end_lock(lock, at);
                }
            }
            _ => {}
        }
    }

    /// A node that boots is no longer bound by promises that its log has lost.
    fn forget_unpromised(&mut self, run: &Run, place: usize, node: NodeId) {
        let at = run.signals[place].at;
        let replayed = run.signals[place..].iter().take_while(|signal| signal.at == at);
        let promised: Vec<TxnId> = replayed
            .filter_map(|signal| match signal.what {
                What::Replayed(of, Fact::Voted(txn, Vote::Yes) | Fact::Stages { txn, .. })
                | What::Stated(of, Fact::Voted(txn, Vote::Yes) | Fact::Stages { txn, .. })
                    if of == node =>
                {
                    Some(txn)
                }
                _ => None,
            })
            .collect();
        let lapsed = |of: NodeId, txn: &TxnId| of == node && !promised.contains(txn);
        let doubts = self.open_doubts.keys().filter(|doubt| lapsed(doubt.node, &doubt.txn));
        let doubts: Vec<Doubt> = doubts.copied().collect();
        for doubt in doubts {
            self.end_doubt(doubt, at);
        }
        let locks = self.open_locks.keys().filter(|lock| lapsed(lock.node, &lock.txn));
        let locks: Vec<Lock> = locks.copied().collect();
        for lock in locks {
            self.end_lock(lock, at);
        }
    }

    fn end_doubt(&mut self, doubt: Doubt, at: Time) {
        if let Some(place) = self.open_doubts.remove(&doubt) {
            self.doubts[place].until = Some(at);
        }
    }

    fn end_lock(&mut self, lock: Lock, at: Time) {
        if let Some(place) = self.open_locks.remove(&lock) {
            self.locks[place].until = Some(at);
        }
    }
}

fn close<T>(spans: &mut [Span<T>], at: Time, concerned: impl Fn(&T) -> bool) {
    for span in spans.iter_mut().filter(|span| span.until.is_none() && concerned(&span.of)) {
        span.until = Some(at);
    }
}

/// What a node is like for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Condition {
    /// Nothing in particular.
    Idle,
    /// It has promised and does not know the end.
    InDoubt,
    /// It handles nothing.
    Paused,
    /// It is down.
    Down,
}

/// The conditions of one node, by the instants at which they begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lifeline(Vec<(Time, Condition)>);

impl Lifeline {
    /// What the node is like from this instant on.
    pub(super) fn at(&self, at: Time) -> Condition {
        match self.0.partition_point(|change| change.0 <= at) {
            0 => Condition::Idle,
            after => self.0[after - 1].1,
        }
    }

    /// Each change of condition.
    pub(super) fn changes(&self) -> &[(Time, Condition)] {
        &self.0
    }
}

impl Spans {
    /// What a node went through. Where conditions overlap, the graver one counts.
    pub(super) fn lifeline(&self, node: NodeId) -> Lifeline {
        let mut changes = Vec::new();
        let mut add = |condition: Condition, since: Time, until: Option<Time>| {
            changes.push((since, condition, 1));
            changes.extend(until.map(|until| (until, condition, -1)));
        };
        let down = self.down.iter().filter(|span| span.of.node == node);
        down.for_each(|span| add(Condition::Down, span.since, span.until));
        let paused = self.paused.iter().filter(|span| span.of == node);
        paused.for_each(|span| add(Condition::Paused, span.since, span.until));
        let doubts = self.doubts.iter().filter(|span| span.of.node == node);
        doubts.for_each(|span| add(Condition::InDoubt, span.since, span.until));
        changes.sort_unstable();
        let mut open = [1, 0, 0, 0];
        let mut line = Lifeline(Vec::new());
        for (at, condition, change) in changes {
            open[condition as usize] += change;
            line.turn(at, &open);
        }
        line
    }
}

impl Lifeline {
    fn turn(&mut self, at: Time, open: &[i32; 4]) {
        const GRAVEST_FIRST: [Condition; 3] =
            [Condition::Down, Condition::Paused, Condition::InDoubt];
        let is_open = |condition: &Condition| 0 < open[*condition as usize];
        let gravest = GRAVEST_FIRST.into_iter().find(is_open).unwrap_or(Condition::Idle);
        if self.0.last().is_some_and(|latest| latest.0 == at) {
            self.0.pop();
        }
        if self.0.last().map_or(Condition::Idle, |latest| latest.1) != gravest {
            self.0.push((at, gravest));
        }
    }
}

/// What a crash fell into: found by looking back from it to the boot.
fn interrupted(node: NodeId, crash: &Entry, before: &[Entry]) -> Down {
    let mut down = Down { node, step: None, forcing: None };
    let mut disk_idle = false;
    let here = before.iter().rev().filter(|entry| entry.who == crash.who);
    for entry in here.take_while(|entry| entry.kind != Kind::Boot) {
        match entry.kind {
            Kind::Step if down.step.is_none() => down.step = Some(entry.label),
            Kind::Durable | Kind::Synced => disk_idle = true,
            Kind::Force | Kind::Sync if !disk_idle && down.forcing.is_none() => {
                down.forcing = Some(entry.text.clone());
            }
            _ => {}
        }
        if down.step.is_some() && (disk_idle || down.forcing.is_some()) {
            break;
        }
    }
    down
}

/// The instant up to which a run was simulated.
pub(super) fn simulated(run: &Run) -> Time {
    match run.end.outcome {
        Outcome::Finished => run.end.end,
        Outcome::LimitReached => run.end.quiet_at,
    }
}

/// The typical pause between instants: the median of those that are not zero, at least 1us.
pub(super) fn typical_pause(instants: impl Iterator<Item = Time>) -> Duration {
    let instants: Vec<Time> = instants.collect();
    let pauses = instants.windows(2).map(|pair| pair[1].saturating_since(pair[0]));
    let mut pauses: Vec<Duration> = pauses.filter(|pause| !pause.is_zero()).collect();
    pauses.sort_unstable();
    let middle = pauses.get(pauses.len() / 2).copied().unwrap_or_default();
    middle.max(Duration::from_micros(1))
}

#[cfg(test)]
mod tests {
    use super::{super::fixture::Sketch, *};

    #[test]
    fn a_crash_tells_what_it_interrupted_and_doubt_lasts_until_the_decision() {
        let run = Sketch::coordinator_crash().run(42);
        let spans = Spans::of(&run);
        assert_eq!(spans.down.len(), 1);
        assert_eq!(spans.down[0].of.forcing.as_deref(), Some("Decided(t1, Commit)"));
        assert_eq!(spans.down[0].until, Some(Time::from_millis(5_059)));
        assert_eq!(spans.doubts.len(), 3);
        for doubt in &spans.doubts {
            assert!(Duration::from_secs(5) < doubt.length(run.end.end));
            assert!(doubt.until.is_some());
        }
    }

    #[test]
    fn a_cut_lasts_from_its_beginning_to_its_mending() {
        let run = Sketch::busy().run(7);
        let spans = Spans::of(&run);
        assert_eq!(spans.cuts.len(), 1);
        assert_eq!(spans.cuts[0].length(run.end.end), Duration::from_millis(400));
        assert_eq!(spans.locks.len(), spans.doubts.len());
    }
}
