//! Judges of client histories: what do the answers say, whatever gave them?
//!
//! ```text
//!   signals of a run ┐              ┌ linearizable ── zones ┐
//!                    ├─▶ History ──▶│                search ├─▶ Finding: ruling, proof
//!   lines of a file  ┘   (calls)    ├ sessions              │     └ the fewest calls that show it,
//!                                   └ staleness ────────────┘       and what would have been legal
//! ```
//!
//! A judge trusts only what clients saw, so it serves any system: the protocols of this simulator
//! as well as a recorded history of somebody else's database. Each is one file: definition, judge,
//! and what its proof consists of. Isolation levels of transactions and causal consistency have
//! their place here, as further levels beside these three; they are not judged yet.
//!
//! Limits: objects are judged one by one, so no call may touch two keys.

// What judges read.
pub mod calls;
pub mod engine;
pub mod lines;

// Levels.
mod linearizable;
mod sessions;
mod staleness;

// How linearizability is decided.
mod elements;
mod models;
mod search;
mod witness;
mod zones;

// Proofs about runs, checked again.
pub(in crate::checkers) mod recheck;

// Things that are kept once and known by a number.
mod index;
mod sequences;
mod subsets;

// Cycles, for orders of versions.
mod cycles;

pub use self::{
    linearizable::{LINEARIZABLE, is_linearizable, linearizable},
    models::Model,
    sessions::{SESSIONS, sessions},
    staleness::{Bounds, STALENESS, staleness},
};
use calls::{Call, Value};

/// What kind of object a history is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The kind.
    pub model: Model,
    /// What it holds at first: the value of a register, the elements of a list, queue, stack or
    /// set; something in a lock that is held.
    pub initial: Vec<Value>,
    /// How many configurations a search may meet before it gives up.
    pub states_max: u64,
}

/// How many configurations a search may meet unless somebody says otherwise: a second or so.
pub const STATES_MAX: u64 = 4_000_000;

impl Rules {
    /// The model with nothing in it.
    pub fn of(model: Model) -> Self {
        Self { model, initial: Vec::new(), states_max: STATES_MAX }
    }

    /// What a register holds at first.
    pub(crate) fn initial_value(&self) -> Value {
        match (self.model, self.initial.first()) {
            (Model::Mutex, Some(_)) => models::HELD,
            (Model::Mutex, None) => models::FREE,
            (_, initial) => initial.copied().unwrap_or(Value::NOTHING),
        }
    }
}

/// What a judge says of one property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its name.
    pub property: &'static str,
    /// The verdict.
    pub ruling: Ruling,
    /// How many answers could have broken it.
    pub exercised: u64,
    /// What was seen, in a few words.
    pub note: String,
}

/// What can be said of a property of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// It was put to the test and holds.
    Holds,
    /// It is broken.
    Violated(Proof),
    /// The judge could not say, and why.
    Unknown(String),
    /// No answer could have broken it.
    NotExercised,
}

/// A few calls that show that a property is broken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// What is wrong, in one sentence.
    pub sentence: String,
    /// The calls that cannot be explained together, in the order of their invocations. Nothing is
    /// left of the proof without any of them.
    pub calls: Vec<Call>,
    /// Calls that would help if they could: what the others saw was theirs. Whether and when they
    /// took effect is left open.
    pub context: Vec<Call>,
    /// What would have been legal instead, in words; empty when nothing short can be said.
    pub legal: Vec<String>,
}
