//! Checkers: definition, judge, witness. They fold signals and know no protocol.
//!
//! ```text
//!   Signal ──on_signal──▶ checker ──finish──▶ Judgement { property, verdict, exercised }
//!                                                 └─ Violated(Witness) ──recheck──▶ signals
//! ```
//!
//! Four verdicts: a property holds, is violated (with a witness), is unknown (and why), or was not
//! exercised. The last one is not green: a durability check without a crash proves nothing. A
//! witness cites events of the run, and a second function, written apart from the judge, checks
//! the citation against the signals alone. Two values were rejected: they force a limit to lie.
//!
//! Where every order is explored, a checker is an automaton: it is forked at each branch, folded
//! into the key of a state, and asked whether something is broken by now. Liveness and whatever a
//! clock decides cannot be asked there.
//!
//! Adding a checker: one file, one line in [`all`].

// Commit protocols.
mod atomic_commit;
mod durability;
mod forgetting;
mod no_blocking;

// What sagas promise.
mod saga;

// What they do not promise, counted.
mod saga_isolation;

// What any protocol may promise.
mod answered;
mod conservation;
mod delivery;
mod idempotency;
mod progress;

// What leaves a database for others.
mod publication;

// What replicas promise.
mod replicas;

// What a copy of a table promises.
mod copy;
mod copy_lag;
mod numbered;
mod whole_commits;

// What clients saw, whatever answered them.
pub mod history;

// What registers promise their clients.
mod convergence;
mod linearizable;
mod sessions;
mod staleness;

// What a log of bytes promises.
mod recovery;
mod shipping;
mod takeover;

// Shared parts: the folds of what nodes know, and how a witness is cited and found again.
pub mod evidence;
pub mod knowledge;
mod lineage;

// What a checker of another crate needs of them.
pub use evidence::{Found, ensure, find, no_such_property, place, witness};
pub use knowledge::judge;

#[cfg(test)]
mod litmus;

use crate::base::{
    digest::Fold,
    ids::{EventId, NodeId},
    text::{decode::Named, diagnostic::Diagnostic},
    time::Time,
};
use crate::engine::{
    operations::HistoryEntry,
    runner::{Catalog, RunEnd},
    signal::Signal,
};
use std::sync::Arc;

/// A fold over signals that ends in verdicts.
pub trait Checker: Send {
    /// Forgets everything: a new run begins.
    fn reset(&mut self);

    /// Takes one signal, in order.
    fn on_signal(&mut self, signal: &Signal);

    /// Judges, once the run is over. One judgement per property, in the order of the entry.
    fn finish(&mut self, finish: &Finish<'_>) -> Vec<Judgement>;

    /// Checks a witness of the named property against all signals of the run, without the judge.
    ///
    /// # Errors
    /// What in the witness does not stand in the signals.
    fn recheck(&self, property: &str, witness: &Witness, signals: &[Signal]) -> Result<(), String>;

    /// The properties that a part of a run can break, whatever comes after and however long it
    /// takes. Only these can be judged where every order is explored; by default there are none.
    fn explorable(&self) -> &'static [&'static str] {
        &[]
    }

    /// A copy that goes another way from here; `None` where nothing of it is explorable.
    fn fork(&self) -> Option<Box<dyn Checker>> {
        None
    }

    /// Folds in what decides later verdicts on its explorable properties: no event numbers, no
    /// times, nothing that only counts. Two checkers that fold alike must judge alike for ever.
    fn fold(&self, _: &mut Fold) {}

    /// The explorable properties that would be violated if the run ended here.
    fn broken(&mut self) -> Vec<&'static str> {
        Vec::new()
    }
}

/// What is known when a run is over, besides its signals.
#[derive(Clone, Copy, Debug)]
pub struct Finish<'a> {
    /// How it ended.
    pub end: &'a RunEnd,
    /// What each node still waits for.
    pub waiting: &'a [(NodeId, String)],
    /// What clients saw.
    pub history: &'a [HistoryEntry],
}

/// The verdict on one property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// Its name: `checker` or `checker.clause`, the same word everywhere.
    pub property: &'static str,
    /// The verdict.
    pub verdict: Verdict,
    /// On how many occasions it could have been violated.
    pub exercised: u64,
    /// What was seen, in a few words: `34 transactions decided alike`.
    pub note: String,
}

/// What can be said of a property in one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was put to the test and held.
    Holds,
    /// It was broken.
    Violated(Witness),
    /// The checker gave up.
    Unknown(String),
    /// Nothing happened that could have broken it.
    NotExercised,
}

impl Verdict {
    /// The word that reports use.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Violated(_) => "violated",
            Self::Unknown(_) => "unknown",
            Self::NotExercised => "not_exercised",
        }
    }
}

/// Why a property is violated: a sentence, and the events that show it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Witness {
    /// One sentence with names and times.
    pub sentence: String,
    /// The events, in order.
    pub citations: Vec<Citation>,
}

/// An event that a witness rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Citation {
    /// Which event.
    pub event: EventId,
    /// When it counted.
    pub at: Time,
    /// Where, if at a node.
    pub node: Option<NodeId>,
    /// What it says: `decided commit on t7`.
    pub says: String,
}

/// A line of the registry of checks.
pub struct CheckEntry {
    /// What a scenario calls it: `NoBlocking`.
    pub name: &'static str,
    /// The properties it judges.
    pub properties: &'static [PropertyInfo],
    /// Builds it from a scenario's text, where it stands as `NoBlocking(limit: "1s")`.
    pub build: BuildCheck,
}

/// Builds a check from a scenario's text and the place of its settings in it.
pub type BuildCheck =
    fn(&str, &Named<'_>, &Arc<Catalog>) -> Result<Box<dyn Checker>, Vec<Diagnostic>>;

/// What `explain` tells of a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PropertyInfo {
    /// Its name.
    pub name: &'static str,
    /// What it demands, in one sentence.
    pub demands: &'static str,
    /// What puts it to the test.
    pub exercised_by: &'static str,
    /// Where the definition comes from.
    pub source: &'static str,
}

/// The built-in checks.
pub fn all() -> Vec<CheckEntry> {
    vec![
        atomic_commit::ENTRY,
        no_blocking::ENTRY,
        durability::ENTRY,
        conservation::ENTRY,
        forgetting::ENTRY,
        saga::ENTRY,
        saga_isolation::ENTRY,
        progress::ENTRY,
        delivery::ENTRY,
        publication::ENTRY,
        idempotency::ENTRY,
        answered::ENTRY,
        replicas::AGREE_ENTRY,
        replicas::KEEP_ENTRY,
        copy::ENTRY,
        copy_lag::ENTRY,
        whole_commits::ENTRY,
        linearizable::ENTRY,
        sessions::ENTRY,
        staleness::ENTRY,
        convergence::ENTRY,
        recovery::ENTRY,
        shipping::ENTRY,
        takeover::ENTRY,
    ]
}

/// For checks that have no settings: whatever is written in parentheses is a mistake.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct NoSettings {}
