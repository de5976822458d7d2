//! Clients: they belong to the engine, outlive crashes, and write the history.
//!
//! ```text
//!   Workload::next ──▶ invoke ──request──▶ node … reply ──▶ ok │ not done
//!                        └── no answer in time ──────────────▶ unknown
//! ```
//!
//! A client is an endpoint with links of its own, not a node: it cannot crash, and nothing it knows
//! is lost. Its clock is true time unless a scenario sets it wrong for good. An operation ends once, by an answer or by patience; silence
//! is *unknown* and never taken for failure. Clients as protocol nodes were rejected: every
//! protocol would have to write them again, and the history would depend on code under test.
//!
//! Limits: a client asks once per operation and does not retry.

use super::operations::Operation;
use crate::base::{
    draws::{Draws, Key, Purpose, below, name_word},
    ids::{ClientId, NodeId, OpId},
    time::Duration,
};
use std::fmt::Debug;

/// Who asks for what, and when. Implementations are plain data: a run clones one and starts.
pub trait Workload: Debug + Send + Sync {
    /// How many clients there are.
    fn clients(&self) -> u16;

    /// The number of a client's operation `nth` (from 0). It names the operation's draws and its
    /// transaction, so it may not depend on what other clients have done by then.
    fn number(&self, client: ClientId, nth: u64) -> OpId {
        let number = nth * u64::from(self.clients()) + u64::from(client.0) + 1;
        OpId(u32::try_from(number).expect("a run asks for fewer operations than numbers"))
    }

    /// Nodes that it asks by name; the scenario that it stands in says whether they exist.
    fn named(&self) -> Vec<String> {
        Vec::new()
    }

    /// From when on nothing new is asked; `None` for the end of the run.
    fn until(&self) -> Option<Duration> {
        None
    }

    /// Everything that is asked, where it is a list: when, and by whom. Requests of one instant are
    /// then made in this order, whoever makes them.
    fn listed(&self) -> &[(Duration, ClientId)] {
        &[]
    }

    /// How long after the start a client first asks.
    fn first(&self, draw: &mut Draw<'_>) -> Duration;

    /// What a client asks as its operation number `draw.nth()`, and what happens then.
    fn next(&self, draw: &mut Draw<'_>) -> Request;
}

/// Nobody asks for anything.
impl Workload for () {
    fn clients(&self) -> u16 {
        0
    }

    fn first(&self, _: &mut Draw<'_>) -> Duration {
        Duration::ZERO
    }

    fn next(&self, _: &mut Draw<'_>) -> Request {
        unreachable!("there are no clients")
    }
}

/// What a client does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// What it asks for.
    pub operation: Operation,
    /// Whom.
    pub target: Target,
    /// When it asks again.
    pub again: Again,
}

/// Whom a client asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Any node that serves clients, drawn.
    Any,
    /// This one.
    Node(NodeId),
    /// The one at this place among the names of [`Workload::named`].
    Named(usize),
}

/// When a client asks again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// So long after it asked, answered or not: open loop.
    After(Duration),
    /// So long after the operation ended: closed loop.
    Thinking(Duration),
    /// Never.
    Never,
}

/// The named draws of one operation of one client.
#[derive(Debug)]
pub struct Draw<'a> {
    draws: &'a Draws,
    client: ClientId,
    name: u64,
    nth: u64,
}

impl<'a> Draw<'a> {
    /// Draws for operation `nth` (from 0) of a client.
    pub fn new(draws: &'a Draws, client: ClientId, nth: u64) -> Self {
        Self { draws, client, name: u64::from(client.0), nth }
    }

    /// The draws of another operation of the same client.
    #[must_use]
    pub fn of(&self, nth: u64) -> Self {
        Self { nth, ..*self }
    }

    /// Which client.
    pub fn client(&self) -> ClientId {
        self.client
    }

    /// Which of its operations, from 0.
    pub fn nth(&self) -> u64 {
        self.nth
    }

    fn key(&self, label: &str) -> Key {
        self.draws.key(Purpose::Workload, [self.name, name_word(label), self.nth, 0])
    }

    /// A word named by a label.
    pub fn word(&mut self, label: &str) -> u64 {
        self.key(label).word(0, 0)
    }

    /// A number from 0 to `bound − 1`, named by a label.
    pub fn below(&mut self, label: &str, bound: u64) -> u64 {
        below(self.word(label), bound)
    }
}
