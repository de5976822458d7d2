//! Calls: requests over a network that loses them, with retries, hedges, a breaker and dead letters.
//!
//! ```text
//!   caller                                 server
//!      ├── Request(id, body) ────────────────▶│
//!      │                                      ● effect and remembered answer: one record of the host
//!      │◀───────────── Response(id, answer) ──┤    a repeat of the id gets the same answer
//!      │
//!   Timeout ─▶ backoff ─▶ again, up to attempts_max, while the budget lasts
//!   Hedge   ─▶ a second request beside the first; the first answer wins
//!   breaker    closed ──k failures in a window──▶ open ──after a while──▶ half open ──probes──▶ closed
//! ```
//!
//! The price of no answer is not knowing: a call ends [`Answered`](Outcome::Answered),
//! [`Unknown`](Outcome::Unknown), or [`NeverSent`](Outcome::NeverSent) (a breaker refused the first
//! attempt), and only the last means that it did not happen. A boolean or a `Result` was rejected,
//! for both invite reading silence as failure.
//!
//! A caller lives in memory: after a crash its host calls again what its log says is open, under
//! the same id, by [`Caller::resume`], since an earlier life may have sent it. All waiting is by
//! timers, so no clock is read and a set clock opens no breaker.
//!
//! Limits: a breaker's window begins with its first failure rather than sliding. Hedges count
//! neither as attempts nor against the budget nor at a breaker, and after a crash the budget's
//! reserve is full and every breaker closed. A server that has
//! forgotten an id (see [`Window`](super::remembered::Window)) takes a late repeat for new.
//! After Nygard (2007), Release It! (breaker); Brooker (2015), AWS (jitter); Dean & Barroso (2013),
//! The Tail at Scale (hedging).

mod breaker;
mod caller;
mod server;
mod settings;

pub use breaker::{Breaker, State};
pub use caller::{Caller, DeadLetterQueue, Ended, GivenUp, Outcome, Steps, Targets, Why};
pub use server::{Answered, Server};
pub use settings::{Backoff, BreakerPolicy, Budget, Hedge, Jitter, Retry, Settings};

use crate::{
    base::ids::{NodeId, Topic},
    engine::protocol::Protocol,
};
use serde::{Deserialize, Serialize};

/// One call, whatever happens to its messages: repeats of it have the same number. The host takes it
/// from something durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CallId(pub u64);

/// One variant per arrow in the diagram.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message<Q, A> {
    /// To the server: do this, once.
    Request {
        /// Which call.
        id: CallId,
        /// What is asked.
        body: Q,
    },
    /// From the server: done, and this came of it.
    Response {
        /// Which call.
        id: CallId,
        /// The answer.
        answer: A,
    },
}

impl<Q, A> Message<Q, A> {
    /// The conversation it belongs to: its call's.
    pub fn topic(&self) -> Topic {
        match self {
            Self::Request { id, .. } | Self::Response { id, .. } => Topic(id.0 + 1),
        }
    }
}

/// What wakes a node on behalf of this block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Timer {
    /// No answer to the last attempt.
    Timeout(CallId),
    /// The backoff is over.
    Retry(CallId),
    /// The first request takes long.
    Hedge(CallId),
    /// Failures at this node before now do not count any more.
    Window(NodeId),
    /// This node may be probed.
    HalfOpen(NodeId),
}

/// What a protocol must be able to say to embed a caller or a server.
pub trait Peer<Q, A>: Protocol<Message: From<Message<Q, A>>, Timer: From<Timer>> {}

impl<Q, A, P> Peer<Q, A> for P where P: Protocol<Message: From<Message<Q, A>>, Timer: From<Timer>> {}
