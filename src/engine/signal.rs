//! Signals: what a run tells those who judge it, one by one, in order.
//!
//! ```text
//!   World ──Signal { at, event, what }──▶ checkers fold · witnesses cite `event`
//! ```
//!
//! The engine gathers the signals of one event in a buffer that it reuses; whoever drives the
//! world hands them on before the next event. So the world itself holds no checker and stays
//! cloneable, and a sweep without checkers pays for nothing. Callbacks from inside a handler were
//! rejected for the same reason.

use super::{
    facts::Fact,
    operations::{Ending, Operation},
};
use crate::base::{
    ids::{ClientId, EventId, NodeId, OpId},
    time::Time,
};

/// Something that judges may want to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal {
    /// True time.
    pub at: Time,
    /// The event of the run that it belongs to.
    pub event: EventId,
    /// What it is.
    pub what: What,
}

/// What a signal says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A record counts from now on.
    Stated(NodeId, Fact),
    /// A record that survived a crash was read again.
    Replayed(NodeId, Fact),
    /// A node lost its memory.
    Crashed(NodeId),
    /// A node begins to read its log; its replayed facts follow.
    Booted(NodeId),
    /// A client asked.
    Invoked(OpId, ClientId, Operation),
    /// An operation ended for its client.
    Ended(OpId, Ending),
    /// A fault rule had an effect.
    Disturbed,
    /// Faults are over: the core is repaired.
    Healed,
}
