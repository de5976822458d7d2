//! Calls of the orchestrator: timeouts, retries, breaker, and what becomes of calls given up.
//!
//! ```text
//!   Do       given up ──▶ the saga recovers; a pivot, and what comes after it, is asked again
//!   Undo     given up ──▶ the saga is parked until a person acts: a dead letter
//!   Release  given up ──▶ asked again
//! ```
//!
//! A call is numbered by what it asks of which step, so that an orchestrator that comes back after
//! a crash, and a service that answers twice, mean the same call.

use super::{
    At, Ctx, Job, Message, Orchestrator, Step, Timer,
    journal::{Course, State},
    settings::{Config, Plan, Recovery},
};
use crate::blocks::rpc::{self, CallId, Ended, Outcome};
use serde::{Deserialize, Serialize};

/// Which way a call goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Way {
    Do,
    Undo,
    Release,
}

/// Whether a request may have left for a service before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    Never,
    Perhaps,
}

/// What is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Call {
    pub(super) way: Way,
    pub(super) job: Job,
}

/// Calls to services: timeouts, retries, breaker and what they give up are the block's.
impl Orchestrator {
    pub(super) fn call(&mut self, way: Way, at: At, sent: Sent, ctx: &mut Ctx<'_>) {
        let Some(saga) = self.saga(at.saga) else { return };
        if way == Way::Do
            && saga.course == Course::Backward
            && !self.is_awaited(&saga, at.step, ctx)
        {
            return; // It has turned since its steps were found ready.
        }
        let id = call_id(way, at);
        let plan = self.plan.clone();
        let job = Job { at, order: saga.order, refusal: self.refusal(at.step, ctx) };
        let request = (plan.step(at.step).service.node(), Call { way, job });
        let settings = patience(&plan, way, at, ctx.config());
        let ended = match sent {
            Sent::Never => self.caller.call::<(), _>(id, request, settings, ctx),
            Sent::Perhaps => self.caller.resume::<(), _>(id, request, settings, ctx),
        };
        self.ended(ended, ctx);
    }

    pub(super) fn call_again(&mut self, id: CallId, ctx: &mut Ctx<'_>) {
        let (way, at) = called(id);
        let Some(saga) = self.saga(at.saga) else { return };
        let is_wanted = match way {
            Way::Do => saga.state(at.step) == State::Called && !self.is_over(at.saga),
            Way::Undo => saga.course == Course::Backward && !self.is_over(at.saga),
            Way::Release => saga.held >> at.step & 1 == 1,
        };
        if is_wanted {
            self.call(way, at, Sent::Perhaps, ctx);
        }
    }

    pub(super) fn answered(&mut self, way: Way, at: At, ctx: &mut Ctx<'_>) {
        let plan = self.plan.clone();
        let settings = patience(&plan, way, at, ctx.config());
        let service = plan.step(at.step).service.node();
        _ = self.caller.on_response(service, (call_id(way, at), ()), settings, ctx);
    }

    pub(super) fn on_call_timer(&mut self, timer: rpc::Timer, ctx: &mut Ctx<'_>) {
        let (rpc::Timer::Timeout(id) | rpc::Timer::Retry(id) | rpc::Timer::Hedge(id)) = timer
        else {
            let settings = &ctx.config().call;
            let none = rpc::Steps { retry: None };
            _ = self.caller.on_timer::<(), _>(timer, (settings, none), ctx);
            return;
        };
        let (way, at) = called(id);
        let plan = self.plan.clone();
        let settings = patience(&plan, way, at, ctx.config());
        let steps = rpc::Steps { retry: Some(Step::Retry) };
        let ended = self.caller.on_timer::<(), _>(timer, (settings, steps), ctx);
        self.ended(ended, ctx);
    }

    /// A call was given up.
    pub(super) fn ended(&mut self, ended: Option<Ended<Call, ()>>, ctx: &mut Ctx<'_>) {
        let Some(Ended { id, outcome }) = ended else { return };
        let (way, at) = called(id);
        let Some(mut saga) = self.saga(at.saga) else { return };
        match (way, outcome) {
            (Way::Do, Outcome::NeverSent(_)) if ctx.config().recovery == Recovery::Backward => {
                saga.set(at.step, State::Refused); // The breaker says for sure: nothing happened.
                self.recover_from_failure(saga, at.step, ctx);
            }
            (Way::Do, Outcome::Unknown(_) | Outcome::NeverSent(_)) => {
                self.recover_from_failure(saga, at.step, ctx);
            }
            (Way::Undo, Outcome::Unknown(_) | Outcome::NeverSent(_)) => self.park(saga, ctx),
            (Way::Release, Outcome::Unknown(_) | Outcome::NeverSent(_))
                if ctx.step(Step::Retry) =>
            {
                ctx.set_timer(ctx.config().pause, Timer::Again(id));
            }
            (Way::Release, _) | (_, Outcome::Answered(())) => {}
        }
    }
}

pub(super) fn patience<'a>(
    plan: &'a Plan,
    way: Way,
    at: At,
    config: &'a Config,
) -> &'a rpc::Settings {
    match way {
        Way::Do => &plan.step(at.step).call,
        Way::Undo | Way::Release => &config.compensation,
    }
}

/// A call is numbered by what it asks of which step.
pub(super) fn call_id(way: Way, at: At) -> CallId {
    CallId(at.saga << 8 | u64::from(at.step) << 2 | way as u64)
}

pub(super) fn called(CallId(id): CallId) -> (Way, At) {
    let way = match id & 3 {
        0 => Way::Do,
        1 => Way::Undo,
        _ => Way::Release,
    };
    (way, At { saga: id >> 8, step: (id >> 2 & 63) as u16 })
}

/// How the block's requests look on the wire; services answer in words of their own.
impl From<rpc::Message<Call, ()>> for Message {
    fn from(message: rpc::Message<Call, ()>) -> Self {
        match message {
            rpc::Message::Request { body: Call { way: Way::Do, job }, .. } => Self::Do(job),
            rpc::Message::Request { body: Call { way: Way::Undo, job }, .. } => Self::Undo(job),
            rpc::Message::Request { body: Call { job, .. }, .. } => Self::Release(job),
            rpc::Message::Response { .. } => unreachable!("a service answers in its own words"),
        }
    }
}
