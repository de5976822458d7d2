//! A finished run: everything that a screen, a picture or a file may want to tell of it.
//!
//! ```text
//!   Plan::run(seed) ──▶ Run { end, judgements, counters, history, entries, signals, rules }
//! ```
//!
//! Plain data without generics, made once when the run is over. Reports read this and nothing
//! else, so that they cannot change what they tell about.

use crate::{
    base::ids::{NodeId, Seed},
    checkers::Judgement,
    engine::{
        counters::Counters,
        faults::RuleCounts,
        operations::HistoryEntry,
        runner::{Catalog, RunEnd},
        script::Decision,
        signal::Signal,
        trace::Entry,
    },
};
use std::sync::Arc;

/// One finished run.
#[derive(Clone, Debug)]
pub struct Run {
    /// The scenario's title.
    pub title: String,
    /// Its short name: the file's stem.
    pub name: String,
    /// The protocol's name.
    pub protocol: String,
    /// The seed.
    pub seed: Seed,
    /// Names of nodes, labels, steps.
    pub catalog: Arc<Catalog>,
    /// How many clients there were.
    pub clients: u16,
    /// How it ended.
    pub end: RunEnd,
    /// The hash of everything that happened.
    pub hash: u128,
    /// The verdict on every listed property, in the order of the scenario.
    pub judgements: Vec<Judgement>,
    /// What it cost.
    pub counters: Counters,
    /// What clients saw.
    pub history: Vec<HistoryEntry>,
    /// The recording; empty for a run that was only hashed.
    pub entries: Vec<Entry>,
    /// What chance decided; empty for a run that was only hashed.
    pub decisions: Vec<Decision>,
    /// All signals; empty for a run that was only hashed.
    pub signals: Vec<Signal>,
    /// What became of each fault rule.
    pub rules: Vec<RuleReport>,
    /// What nodes still wait for.
    pub waiting: Vec<(NodeId, String)>,
}

/// What became of one fault rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleReport {
    /// Its id.
    pub id: String,
    /// Its class: `crash`, `cut`, …
    pub class: &'static str,
    /// Whether chance decides when it strikes.
    pub random: bool,
    /// How often it struck, and what came of it.
    pub counts: RuleCounts,
}
