//! The caller's side: attempts, pauses, hedges, breakers, and how a call ends.
//!
//! ```text
//!   call ──attempt──▶ waiting ──Timeout──▶ pausing ──Retry──▶ waiting …
//!                        └──Response──▶ Answered       └──no attempt left──▶ Unknown(GivenUp)
//! ```
//!
//! An answer ends a call whichever attempt it belongs to, also during a pause. Waiting for a
//! breaker to close was rejected: a refused attempt ends the call at once, and the host decides.

use super::{
    Backoff, Breaker, BreakerPolicy, Budget, CallId, Hedge, Message, Peer, Settings, Timer,
    breaker::{Pass, State, Trip},
};
use crate::{
    base::{ids::NodeId, table::Table},
    engine::{
        ctx::Ctx,
        protocol::{Circuit, Protocol},
    },
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Whom a call asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Targets {
    /// In every attempt.
    pub first: NodeId,
    /// As a hedge; may be the same.
    pub hedge: NodeId,
}

impl From<NodeId> for Targets {
    fn from(node: NodeId) -> Self {
        Self { first: node, hedge: node }
    }
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<Q, A> {
    /// It happened, and this came of it.
    Answered(A),
    /// Nobody knows: it may have happened, may happen yet, or not.
    Unknown(GivenUp<Q>),
    /// It did not happen: no request ever left.
    NeverSent(GivenUp<Q>),
}

/// Why a call was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Why {
    /// All attempts timed out.
    Attempts,
    /// The budget for retries is spent.
    Budget,
    /// The breaker is open.
    Breaker,
}

/// A call that was given up: a dead letter, if the host keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenUp<Q> {
    /// Which call.
    pub id: CallId,
    /// Whom it asked.
    pub to: Targets,
    /// What.
    pub body: Q,
    /// How often.
    pub attempts: u16,
    /// Why no further.
    pub why: Why,
}

/// The end of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended<Q, A> {
    /// Which.
    pub id: CallId,
    /// How.
    pub outcome: Outcome<Q, A>,
}

/// The host's names for the steps of a caller; `None` for one that is always taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steps<S> {
    /// What was not answered is asked again.
    pub retry: Option<S>,
}

/// A call that is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Open<Q> {
    to: Targets,
    body: Q,
    attempts: u16,
    /// Whether a request left, in this life or an earlier one.
    sent: bool,
    /// How the breaker let the last attempt through; `None` once that attempt is counted.
    pass: Option<Pass>,
}

/// The state of a caller; all of it is lost in a crash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Caller<Q> {
    open: Table<CallId, Open<Q>>,
    breakers: BTreeMap<NodeId, Breaker>,
    /// Hundredths of retries; `None` before the first call.
    tokens: Option<u32>,
}

impl<Q> Default for Caller<Q> {
    fn default() -> Self {
        Self { open: Table::new(), breakers: BTreeMap::new(), tokens: None }
    }
}

impl<Q: Clone> Caller<Q> {
    /// Begins a call that was never made before. An end that comes back came at once: the breaker
    /// is open. A call that is open already goes on.
    pub fn call<A, P: Peer<Q, A>>(
        &mut self,
        id: CallId,
        (to, body): (impl Into<Targets>, Q),
        settings: &Settings,
        ctx: &mut Ctx<'_, P>,
    ) -> Option<Ended<Q, A>> {
        self.begin(
            id,
            Open { to: to.into(), body, attempts: 0, sent: false, pass: None },
            settings,
            ctx,
        )
    }

    /// Begins a call again that may have been made before, by an earlier life or before it was
    /// given up: it can end unknown, but not as never sent.
    pub fn resume<A, P: Peer<Q, A>>(
        &mut self,
        id: CallId,
        (to, body): (impl Into<Targets>, Q),
        settings: &Settings,
        ctx: &mut Ctx<'_, P>,
    ) -> Option<Ended<Q, A>> {
        self.begin(
            id,
            Open { to: to.into(), body, attempts: 0, sent: true, pass: None },
            settings,
            ctx,
        )
    }

    /// An answer came. Nothing ends if the call had ended, or was answered before.
    pub fn on_response<A, P: Peer<Q, A>>(
        &mut self,
        from: NodeId,
        (id, answer): (CallId, A),
        settings: &Settings,
        ctx: &mut Ctx<'_, P>,
    ) -> Option<Ended<Q, A>> {
        let open = self.open.remove(&id)?;
        silence(id, ctx);
        if let (BreakerPolicy::On { probes, .. }, Some(pass)) = (settings.breaker, open.pass) {
            let breaker = self.breakers.entry(open.to.first).or_default();
            if from == open.to.first {
                breaker.succeeded(pass, probes);
            } else {
                breaker.abandoned(pass); // The hedge was faster.
            }
        }
        Some(Ended { id, outcome: Outcome::Answered(answer) })
    }

    /// Forgets a call whose answer nobody wants any more. A request that left is not called back.
    pub fn abandon<P: Protocol<Timer: From<Timer>>>(&mut self, id: CallId, ctx: &mut Ctx<'_, P>) {
        if self.open.remove(&id).is_some() {
            silence(id, ctx);
        }
    }

    /// A timer of this block is due.
    pub fn on_timer<A, P: Peer<Q, A>>(
        &mut self,
        timer: Timer,
        (settings, steps): (&Settings, Steps<P::Step>),
        ctx: &mut Ctx<'_, P>,
    ) -> Option<Ended<Q, A>> {
        match timer {
            Timer::Timeout(id) => self.timed_out(id, (settings, steps), ctx),
            Timer::Retry(id) => self.attempt(id, settings, ctx),
            Timer::Hedge(id) => {
                if let Some(Open { to, body, .. }) = self.open.get(&id) {
                    ctx.send(to.hedge, Message::Request { id, body: body.clone() });
                }
                None
            }
            Timer::Window(node) => {
                self.breakers.entry(node).or_default().forget();
                None
            }
            Timer::HalfOpen(node) => {
                self.breakers.entry(node).or_default().half_open();
                None
            }
        }
    }

    /// The breaker of a callee.
    pub fn breaker(&self, node: NodeId) -> Breaker {
        self.breakers.get(&node).copied().unwrap_or_default()
    }

    /// What the breakers of all callees do, as [`Protocol::breakers`] tells it.
    pub fn circuits(&self) -> Vec<(NodeId, Circuit)> {
        let circuit = |(node, breaker): (&NodeId, &Breaker)| {
            let circuit = match breaker.state {
                State::Closed => Circuit::Closed,
                State::HalfOpen => Circuit::HalfOpen,
                State::Open => Circuit::Open,
            };
            (*node, circuit)
        };
        self.breakers.iter().map(circuit).collect()
    }

    /// How many calls are open.
    pub fn open(&self) -> usize {
        self.open.len()
    }

    fn begin<A, P: Peer<Q, A>>(
        &mut self,
        id: CallId,
        open: Open<Q>,
        settings: &Settings,
        ctx: &mut Ctx<'_, P>,
    ) -> Option<Ended<Q, A>> {
        if self.open.contains_key(&id) {
            return None;
        }
        self.open.insert(id, open);
        if let Budget::Limited { per_hundred_calls, reserve } = settings.budget {
            let full = 100 * u32::from(reserve);
            let saved = self.tokens.map_or(full, |t| t + u32::from(per_hundred_calls));
            self.tokens = Some(saved.min(full));
        }
        self.attempt(id, settings, ctx)
    }

    fn attempt<A, P: Peer<Q, A>>(
        &mut self,
        id: CallId,
        settings: &Settings,
        ctx: &mut Ctx<'_, P>,
    ) -> Option<Ended<Q, A>> {
        let open = self.open.get_mut(&id)?;
        let pass = match settings.breaker {
            BreakerPolicy::Off => Pass::Normal,
            BreakerPolicy::On { probes, .. } => {
                self.breakers.entry(open.to.first).or_default().pass(probes)
            }
        };
        if pass == Pass::Refused {
            return self.give_up(id, Why::Breaker, ctx);
        }
        open.attempts += 1;
        (open.sent, open.pass) = (true, Some(pass));
        ctx.send(open.to.first, Message::Request { id, body: open.body.clone() });
        ctx.set_timer(settings.timeout, Timer::Timeout(id));
        if let (Hedge::After(delay), 1) = (settings.hedge, open.attempts) {
            ctx.set_timer(delay, Timer::Hedge(id));
        }
        None
    }

    fn timed_out<A, P: Peer<Q, A>>(
        &mut self,
        id: CallId,
        (settings, steps): (&Settings, Steps<P::Step>),
        ctx: &mut Ctx<'_, P>,
    ) -> Option<Ended<Q, A>> {
        let open = self.open.get_mut(&id)?;
        let (attempts, callee) = (open.attempts, open.to.first);
        if let (BreakerPolicy::On { failures, window, open_for, .. }, Some(pass)) =
            (settings.breaker, open.pass.take())
        {
            match self.breakers.entry(callee).or_default().failed(pass, failures) {
                Trip::None => {}
                Trip::Window => ctx.set_timer(window, Timer::Window(callee)),
                Trip::Opened => {
                    ctx.cancel_timer(Timer::Window(callee));
                    ctx.set_timer(open_for, Timer::HalfOpen(callee));
                }
            }
        }
        let backoff = settings.retry.after(attempts);
        if attempts >= settings.attempts_max
            || backoff == Backoff::GiveUp
            || steps.retry.is_some_and(|step| !ctx.step(step))
        {
            return self.give_up(id, Why::Attempts, ctx);
        }
        if let Some(tokens) = &mut self.tokens {
            match tokens.checked_sub(100) {
                Some(left) => *tokens = left,
                None => return self.give_up(id, Why::Budget, ctx),
            }
        }
        match backoff {
            Backoff::Later(delay) => {
                ctx.set_timer(delay, Timer::Retry(id));
                None
            }
            Backoff::Now | Backoff::GiveUp => self.attempt(id, settings, ctx),
        }
    }

    fn give_up<A, P: Peer<Q, A>>(
        &mut self,
        id: CallId,
        why: Why,
        ctx: &mut Ctx<'_, P>,
    ) -> Option<Ended<Q, A>> {
        let Open { to, body, attempts, sent, .. } = self.open.remove(&id)?;
        silence(id, ctx);
        let given_up = GivenUp { id, to, body, attempts, why };
        let outcome = if sent { Outcome::Unknown(given_up) } else { Outcome::NeverSent(given_up) };
        Some(Ended { id, outcome })
    }
}

fn silence<P: Protocol<Timer: From<Timer>>>(id: CallId, ctx: &mut Ctx<'_, P>) {
    for timer in [Timer::Timeout(id), Timer::Retry(id), Timer::Hedge(id)] {
        ctx.cancel_timer(timer);
    }
}

/// Calls that were given up, until somebody takes care of them. Filled by the host's `apply`, whose
/// records carry the letters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetterQueue<Q> {
    letters: Table<CallId, GivenUp<Q>>,
}

impl<Q> Default for DeadLetterQueue<Q> {
    fn default() -> Self {
        Self { letters: Table::new() }
    }
}

impl<Q> DeadLetterQueue<Q> {
    /// Keeps a letter.
    pub fn keep(&mut self, letter: GivenUp<Q>) {
        self.letters.insert(letter.id, letter);
    }

    /// Takes a letter out: it was settled, or is tried again.
    pub fn take(&mut self, id: CallId) -> Option<GivenUp<Q>> {
        self.letters.remove(&id)
    }

    /// All letters, lowest call first.
    pub fn iter(&self) -> impl Iterator<Item = &GivenUp<Q>> {
        self.letters.values()
    }
}
