//! The server's side of calls: a repeat gets the answer that was given before.
//!
//! ```text
//!   Request ──▶ known? ──yes──▶ Response with the remembered answer
//!                 └──no──▶ host: force one record { effect, Answered } ──apply──▶ remember
//! ```
//!
//! The answer is remembered in the record of the effect, or a crash between the two would make a
//! repeat take effect again.

use super::{CallId, Message, Peer};
use crate::{
    base::{ids::NodeId, time::Time},
    blocks::remembered::{Remembered, Window},
    engine::ctx::Ctx,
};
use serde::{Deserialize, Serialize};

/// What the record of an effect says about the call that asked for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered<A> {
    /// Which call.
    pub id: CallId,
    /// What was answered.
    pub answer: A,
    /// When, where the window is one of time.
    pub at: Option<Time>,
}

/// The state of a server; all of it is replayed from the host's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Server<A> {
    window: Window,
    answers: Remembered<CallId, A>,
}

impl<A: Clone> Server<A> {
    /// A server that remembers its answers for so long.
    pub fn new(window: Window) -> Self {
        Self { window, answers: Remembered::new(window) }
    }

    /// What the host's `apply` calls.
    pub fn remember(&mut self, answered: Answered<A>) {
        self.answers.insert(answered.id, answered.answer, answered.at);
    }

    /// Answers a repeat. True when it was none, and is for the host to carry out. `deduplicate` is
    /// the host's name for knowing repeats.
    pub fn is_new<Q, P: Peer<Q, A>>(
        &self,
        from: NodeId,
        id: CallId,
        deduplicate: Option<P::Step>,
        ctx: &mut Ctx<'_, P>,
    ) -> bool {
        let now = self.window.stamp(ctx);
        let Some(answer) = self.answers.get(&id, now) else { return true };
        if deduplicate.is_some_and(|step| !ctx.step(step)) {
            return true;
        }
        ctx.send(from, Message::Response { id, answer: answer.clone() });
        false
    }

    /// What goes into the record of the effect.
    pub fn answered<Q, P: Peer<Q, A>>(
        &self,
        id: CallId,
        answer: A,
        ctx: &mut Ctx<'_, P>,
    ) -> Answered<A> {
        Answered { id, answer, at: self.window.stamp(ctx) }
    }
}
