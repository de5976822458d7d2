//! The second driver: one node, one event, and every way it can go.
//!
//! ```text
//!   Situation (a node: state, log, what waits behind a force, timers)
//!      └─ Stimulus (boot, message, request, timer, disk done, crash)
//!            └─▶ Outcome, Outcome, …     uncut · cut after 0, 1, 2, … effects · per choice, per
//!                  next situation,       remainder of the unsynced log
//!                  what was sent, answered and signalled
//! ```
//!
//! A handler is a pure function of one node, so all that exploration asks of the engine is what a
//! stimulus makes of a situation; whoever explores combines the answers into worlds. Situations and
//! messages are numbered when they first occur, and the answer to a question is kept: most steps of
//! an exploration look one up. Cloning a whole world per step was rejected; it is a hundred times
//! slower and says nothing more.
//!
//! Everything happens through the handlers, effects and crashes of the timed driver; only what
//! would go into its queue is set aside (`aside.rs`), and doom falls at every effect in turn.
//!
//! Limits: a node's clock cannot be read here. Pauses, slow nodes, cuts of the network and failing
//! disks are not explored. A message of a node to itself arrives once, in any order.

use super::{
    operations::{Answer, HistoryEntry},
    runner::Catalog,
    signal::What,
    trace::Entry,
};
use crate::base::ids::{NodeId, OpId};
use std::{collections::BTreeMap, collections::BTreeSet, ops::Range, sync::Arc};

// One step of one node.
mod local;
pub(super) use local::Nodes;

// What a node is, without anything positional.
mod key;

// What clients ask for.
pub mod asked;

// The same of a timed world, for comparison.
pub mod observe;

/// A node in a situation, numbered in the order of discovery.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct SituationId(pub u32);

/// A message with both its ends, numbered in the order of discovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MessageId(pub u32);

/// A way that something went, numbered in the order of discovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OutcomeId(pub u32);

/// Which timers may fire first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Timers {
    /// Any that is set.
    #[default]
    Async,
    /// On one node, none before another that was set earlier and cannot run longer.
    Ordered,
}

/// What happens to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stimulus {
    /// It comes up: empty, replay, boot handler.
    Boot,
    /// A message arrives.
    Deliver(MessageId),
    /// A message of the node to itself arrives.
    Local(MessageId),
    /// A client's request arrives.
    Request(OpId),
    /// The timer in this place fires.
    Timer(u16),
    /// The disk has done what it works on.
    Durable,
    /// It loses its memory, between two handlers.
    Crash,
}

/// Where a crash cuts what happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cut {
    /// Nowhere.
    Nowhere,
    /// After so many effects.
    After(u16),
}

/// One way that a stimulus goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Where the node is then.
    pub next: SituationId,
    /// What it sent to others, in order.
    pub sent: Vec<MessageId>,
    /// What it answered clients.
    pub answers: Vec<(OpId, Answer)>,
    /// What it tells those who judge, in order.
    pub signals: Vec<What>,
    /// Where it was cut.
    pub cut: Cut,
    /// Unsynced records that survived its crash by luck.
    pub kept: u32,
    /// Those that did not.
    pub lost: u32,
    /// What survived of raw files, where something was at risk.
    pub files: Option<FilesKept>,
    /// Which way it took at each branch: choices of the protocol, remainders of the log.
    pub branches: Vec<u64>,
}

/// What a crash left of raw files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilesKept {
    /// Which unsynced sectors survived, one bit each.
    pub sectors: u64,
    /// Of how many.
    pub sectors_all: u32,
    /// How many changes of names survived.
    pub names: u32,
    /// Of how many.
    pub names_all: u32,
}

/// What can be said of a situation without its types.
#[derive(Clone, Debug)]
pub struct Situation {
    /// Whose.
    pub node: NodeId,
    /// What it is, in 128 bits.
    pub key: u128,
    /// Whether the node is up.
    pub is_up: bool,
    /// Whether it takes input: it is up and does not wait for its disk.
    pub takes_input: bool,
    /// Whether the disk is at work.
    pub is_forcing: bool,
    /// The timers that may fire, by place.
    pub timers: Vec<u16>,
    /// Messages to itself that wait.
    pub local: Vec<MessageId>,
}

/// What can be said of a message without its type.
#[derive(Clone, Debug)]
pub struct MessageInfo {
    /// Who sent it.
    pub from: NodeId,
    /// To whom.
    pub to: NodeId,
    /// What it is, in 128 bits.
    pub key: u128,
    /// In words.
    pub text: String,
}

/// Why a protocol cannot be explored without time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotExplorable {
    /// A handler read the clock of its node.
    #[error(
        "{protocol} reads clocks, and without time there are none: not explorable in this mode"
    )]
    ReadsClocks {
        /// Which protocol.
        protocol: &'static str,
    },
}

/// A handler: a role, and what it handles.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Handler {
    /// The role of the node.
    pub role: &'static str,
    /// `Prepare`, `request`, `boot`, or `after ForcePromise` for what stands behind that force.
    pub event: String,
}

/// How a handler was put to the test.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tested {
    /// The most records, messages and answers that it had when it was not cut.
    pub effects_max: u32,
    /// How many of those it had when it was cut: every number once.
    pub cuts: BTreeSet<u32>,
}

/// What was reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Handlers that ran, and where they were cut.
    pub handlers: BTreeMap<Handler, Tested>,
    /// Named steps that were passed, by index.
    pub steps: BTreeSet<usize>,
}

/// A protocol's nodes, one event at a time.
pub trait Untimed {
    /// Names.
    fn catalog(&self) -> &Arc<Catalog>;

    /// A node that was never up, with an empty log.
    fn blank(&mut self, node: NodeId) -> SituationId;

    /// Every way that a stimulus goes in a situation without a crash; for [`Stimulus::Crash`] every
    /// remainder of the log.
    ///
    /// # Errors
    /// When the handler asks for what cannot be explored.
    fn outcomes(
        &mut self,
        at: SituationId,
        stimulus: Stimulus,
    ) -> Result<Range<u32>, NotExplorable>;

    /// Every way that it goes when a crash cuts it between two of its effects. Ways that come to
    /// the same are given once.
    ///
    /// # Errors
    /// When the handler asks for what cannot be explored.
    fn cuts(&mut self, at: SituationId, stimulus: Stimulus) -> Result<Range<u32>, NotExplorable>;

    /// A way, by number.
    fn outcome(&self, outcome: OutcomeId) -> &Outcome;

    /// A situation, by number.
    fn situation(&self, at: SituationId) -> &Situation;

    /// Whether what the disk works on is a read of a file.
    fn is_reading(&self, at: SituationId) -> bool;

    /// A message, by number.
    fn message(&self, message: MessageId) -> &MessageInfo;

    /// A timer of a situation, in words.
    fn timer_text(&self, at: SituationId, place: u16) -> String;

    /// Everything that happens on a way, as the timed driver would record it.
    fn entries(&mut self, at: SituationId, stimulus: Stimulus, way: OutcomeId) -> Vec<Entry>;

    /// What was reached so far.
    fn coverage(&self) -> &Coverage;
}

/// What is explored, besides the protocol and its setup.
#[derive(Clone, Debug)]
pub struct UntimedOptions {
    /// Which timers may fire first.
    pub timers: Timers,
    /// The operations that clients ask for, as [`asked::first_operations`] gives them.
    pub operations: Vec<HistoryEntry>,
}
