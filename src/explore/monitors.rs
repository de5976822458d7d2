//! Monitors: the checks of a scenario as automata that walk along with an exploration.
//!
//! ```text
//!   monitor 0 ──what a step told──▶ monitor 3 ──▶ …      fork · fold ─▶ key · broken?
//! ```
//!
//! What checkers remember is part of a state: two equal worlds with different pasts are two states
//! where a verdict depends on the past. Each combination of memories is numbered once, and steps
//! that tell nothing keep the number. Judging whole paths in the end was rejected: there are more
//! paths than states by far.
//!
//! Whether a property was ever put to the test is asked at every new step from one combination to
//! the next, and not of the combinations: what only counts is no part of a key.
//!
//! Limits: only properties that a part of a run can break.

use crate::{
    base::{
        digest::Fold,
        ids::{EventId, OpId},
        table::Table,
        time::Time,
    },
    checkers::{Checker, Finish, Verdict},
    engine::{
        runner::{Outcome, RunEnd},
        signal::{Signal, What},
        untimed::OutcomeId,
    },
};
use std::collections::{BTreeMap, BTreeSet};

/// The end of a path, where time stands still and nothing is waited for.
pub(super) const PATH_END: RunEnd = RunEnd {
    outcome: Outcome::Finished,
    quiet_at: Time::ZERO,
    progress_at: Time::ZERO,
    end: Time::ZERO,
    healed: false,
};

/// A combination of memories, numbered in the order of discovery.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct MonitorId(pub(super) u32);

/// What told something: the same one tells the same things every time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Teller {
    /// A way that a node went.
    Outcome(OutcomeId),
    /// A client asked.
    Invoked(OpId),
    /// It got the answer of this number.
    Answered(OpId, u8),
    /// It gave up.
    GaveUp(OpId),
}

struct Monitor {
    key: u128,
    checkers: Vec<Box<dyn Checker>>,
    broken: Vec<&'static str>,
    next: Table<Teller, MonitorId>,
}

/// All combinations met so far.
pub(super) struct Monitors {
    all: Vec<Monitor>,
    known: BTreeMap<u128, MonitorId>,
    /// The properties that were put to the test on some path.
    tested: BTreeSet<&'static str>,
}

impl Monitors {
    /// Monitors of those checkers that can be explored; number 0 has heard nothing.
    pub(super) fn new(checkers: Vec<Box<dyn Checker>>) -> Self {
        let mut monitors =
            Self { all: Vec::new(), known: BTreeMap::new(), tested: BTreeSet::new() };
        let explorable = checkers.into_iter().filter(|checker| checker.fork().is_some());
        monitors.number(explorable.collect());
        monitors
    }

    /// The memories after a step told something.
    pub(super) fn after(&mut self, at: MonitorId, teller: Teller, told: &[What]) -> MonitorId {
        let monitor = &self.all[at.0 as usize];
        if told.is_empty() || monitor.checkers.is_empty() {
            return at;
        }
        if let Some(&known) = monitor.next.get(&teller) {
            return known;
        }
        let mut checkers: Vec<_> = monitor.checkers.iter().map(|one| fork(one.as_ref())).collect();
        for &what in told {
            let signal = Signal { at: Time::ZERO, event: EventId(0), what };
            for checker in &mut checkers {
                checker.on_signal(&signal);
            }
        }
        for checker in &checkers {
            self.note_tested(checker.as_ref());
        }
        let next = self.number(checkers);
        self.all[at.0 as usize].next.insert(teller, next);
        next
    }

    /// Notes what has been put to the test when a path ends here.
    fn note_tested(&mut self, checker: &dyn Checker) {
        let explorable = checker.explorable();
        if explorable.iter().all(|property| self.tested.contains(property)) {
            return;
        }
        let finish = Finish { end: &PATH_END, waiting: &[], history: &[] };
        for judgement in fork(checker).finish(&finish) {
            let is_broken = matches!(judgement.verdict, Verdict::Violated(_));
            let is_tested = judgement.exercised > 0 || is_broken;
            if is_tested && explorable.contains(&judgement.property) {
                self.tested.insert(judgement.property);
            }
        }
    }

    fn number(&mut self, mut checkers: Vec<Box<dyn Checker>>) -> MonitorId {
        let key = memories_key(&checkers);
        if let Some(&known) = self.known.get(&key) {
            return known;
        }
        let id = MonitorId(self.all.len() as u32);
        let broken = checkers.iter_mut().flat_map(|checker| checker.broken()).collect();
        self.all.push(Monitor { key, checkers, broken, next: Table::new() });
        self.known.insert(key, id);
        id
    }

    /// What the memories are, in 128 bits.
    pub(super) fn key(&self, at: MonitorId) -> u128 {
        self.all[at.0 as usize].key
    }

    /// The properties that are broken by now, in the order of the scenario.
    pub(super) fn broken(&self, at: MonitorId) -> &[&'static str] {
        &self.all[at.0 as usize].broken
    }

    /// Whether a property was put to the test on some path.
    pub(super) fn is_tested(&self, property: &str) -> bool {
        self.tested.contains(property)
    }

    /// How many combinations were met.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }
}

/// Another one with the same memory.
fn fork(checker: &dyn Checker) -> Box<dyn Checker> {
    checker.fork().expect("it could be forked before")
}

/// What the memories of checkers are, in 128 bits; of those that can be explored.
pub(super) fn memories_key(checkers: &[Box<dyn Checker>]) -> u128 {
    let mut fold = Fold::NEW;
    for checker in checkers.iter().filter(|checker| !checker.explorable().is_empty()) {
        fold.word(u64::MAX);
        checker.fold(&mut fold);
    }
    fold.end()
}
