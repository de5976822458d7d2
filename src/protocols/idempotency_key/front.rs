//! The front: asks on behalf of clients until it is answered, and every server in turn.
//!
//! ```text
//!   Charge ──▶ ● force Asked ──▶ call server 1 ──no answer──▶ call server 2 ──no answer──▶ …
//!                                  │    └─"in progress"─▶ pause ─▶ call server 2
//!                                  └─ answer ─▶ client, write Closed        retry_for: give up
//! ```
//!
//! The key comes from the client, so it is the same in all attempts, after a crash of the front and
//! in a second click at another one. A front that made a key for each attempt would have none.
//! Giving up is no answer: the client then knows nothing, and is told nothing.

use super::{Charge, Ctx, Outcome, Record, Reply, Step, Timer};
use crate::{
    base::{
        ids::{NodeId, OpId},
        table::Table,
    },
    blocks::rpc::{self, CallId, Caller, Ended, Steps, Why},
    engine::{
        operations::{Answer, Operation},
        protocol::Logged,
    },
};
use serde::Serialize;

/// The state of a front.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Front {
    // Replayed from the log.
    asked: Table<OpId, Charge>,
    // Lost in a crash.
    caller: Caller<Charge>,
    /// How many servers were asked, one after the other.
    rounds: Table<OpId, u32>,
}

impl Front {
    pub(super) fn on_request(&mut self, op: OpId, operation: Operation, ctx: &mut Ctx<'_>) {
        let Operation::Charge { key, amount } = operation else {
            return ctx.reply(op, Answer::NotDone);
        };
        let charge = Charge { key: key.into(), amount };
        self.apply(ctx.force(Step::ForceRequest, Record::Asked(op, charge)));
        self.begin(op, ctx);
    }

    pub(super) fn on_boot(&mut self, ctx: &mut Ctx<'_>) {
        let open: Vec<OpId> = self.asked.keys().copied().collect();
        for op in open {
            self.begin(op, ctx);
        }
    }

    fn begin(&mut self, op: OpId, ctx: &mut Ctx<'_>) {
        if let Some(window) = ctx.config().retry_for {
            ctx.set_timer(window, Timer::GiveUp(op));
        }
        self.ask(op, ctx);
    }

    /// Asks the next server.
    pub(super) fn ask(&mut self, op: OpId, ctx: &mut Ctx<'_>) {
        let Some(&charge) = self.asked.get(&op) else { return };
        let config = ctx.config();
        let round = self.rounds.entry_or_default(op);
        let server = config.server(op.0.wrapping_add(*round));
        *round += 1;
        let ended = self.caller.resume(call_of(op), (server, charge), &config.call, ctx);
        self.on_ended(ended, ctx);
    }

    pub(super) fn on_reply(&mut self, from: NodeId, reply: (CallId, Reply), ctx: &mut Ctx<'_>) {
        let ended = self.caller.on_response(from, reply, &ctx.config().call, ctx);
        self.on_ended(ended, ctx);
    }

    pub(super) fn on_call_timer(&mut self, timer: rpc::Timer, ctx: &mut Ctx<'_>) {
        let terms = (&ctx.config().call, Steps { retry: Some(Step::RetryRequest) });
        let ended = self.caller.on_timer(timer, terms, ctx);
        self.on_ended(ended, ctx);
    }

    fn on_ended(&mut self, ended: Option<Ended<Charge, Reply>>, ctx: &mut Ctx<'_>) {
        let Some(Ended { id, outcome }) = ended else { return };
        let op = OpId(id.0 as u32);
        match outcome {
            rpc::Outcome::Answered(Reply::Ended(Outcome::Charged(receipt))) => {
                self.answer(op, Answer::Value(receipt as i64), ctx);
            }
            rpc::Outcome::Answered(Reply::Ended(Outcome::Declined) | Reply::AnotherBody) => {
                self.answer(op, Answer::NotDone, ctx);
            }
            rpc::Outcome::Answered(Reply::InProgress) => pause(op, ctx),
            rpc::Outcome::Unknown(call) | rpc::Outcome::NeverSent(call) => {
                if !ctx.step(Step::RetryRequest) {
                    return;
                }
                match call.why {
                    Why::Attempts => self.ask(op, ctx), // At once: it was waited for.
                    Why::Budget | Why::Breaker => pause(op, ctx),
                }
            }
        }
    }

    fn answer(&mut self, op: OpId, answer: Answer, ctx: &mut Ctx<'_>) {
        ctx.reply(op, answer);
        self.close(op, ctx);
    }

    /// Whoever asks has asked for long enough.
    pub(super) fn give_up(&mut self, op: OpId, ctx: &mut Ctx<'_>) {
        self.caller.abandon(call_of(op), ctx);
        self.close(op, ctx);
    }

    fn close(&mut self, op: OpId, ctx: &mut Ctx<'_>) {
        ctx.cancel_timer(Timer::GiveUp(op));
        ctx.cancel_timer(Timer::AskAgain(op));
        self.apply(ctx.write(Record::Closed(op)));
    }

    pub(super) fn apply(&mut self, record: Logged<Record>) {
        match record.into_inner() {
            Record::Asked(op, charge) => _ = self.asked.insert(op, charge),
            Record::Closed(op) => {
                self.asked.remove(&op);
                self.rounds.remove(&op);
            }
            Record::Database(_) | Record::Booked(_) => unreachable!("a record of another role"),
        }
    }

    /// How many requests are not answered.
    pub(super) fn open(&self) -> usize {
        self.asked.len()
    }
}

/// A call has the number of its request: it is the same after a crash.
fn call_of(op: OpId) -> CallId {
    CallId(op.0.into())
}

/// Asks again in a while: whoever is at it may be done by then.
fn pause(op: OpId, ctx: &mut Ctx<'_>) {
    ctx.set_timer(ctx.config().pause, Timer::AskAgain(op));
}
