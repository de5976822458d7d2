//! How a saga ends, and how a parked one is taken up again.
//!
//! ```text
//!   all done ──▶ Done ─────────┐                       ┌─▶ undo ──▶ backward
//!   undone ────▶ Compensated ──┤ ● force ──▶ answer    Parked ──decide──┤
//!   undone ────▶ Partial ──────┘     └──▶ Release ×k   └─▶ try again ──▶ the way it went
//! ```
//!
//! The client of a parked saga hears nothing: nobody knows yet. What holds locks for it keeps them.

use super::{
    At, Ctx, Orchestrator, Step, Timer,
    calls::{Sent, Way},
    journal::{Course, Ends, Saga, State},
};
use crate::{
    base::ids::OpId,
    engine::{
        facts::{SagaEnd, StepKind},
        operations::Answer,
        orders,
    },
};

/// The end, or a rest until a person decides.
impl Orchestrator {
    pub(super) fn end(&mut self, mut saga: Saga, end: SagaEnd, ctx: &mut Ctx<'_>) {
        let number = saga.number;
        if ctx.config().locks(saga.order.quantity) && ctx.step(Step::ReleaseLock) {
            saga.held = self.locked(&saga);
        }
        self.force(Step::ForceEnd, saga.clone(), Some(end), ctx);
        ctx.cancel_timer(Timer::SagaTimeout(number));
        let kept = saga.steps.iter().filter(|&&state| state == State::Done).count();
        let answer = match end {
            SagaEnd::Done => Answer::Done,
            SagaEnd::Partial => Answer::Value(kept as i64),
            SagaEnd::Compensated | SagaEnd::Parked => Answer::NotDone,
        };
        ctx.reply(OpId(number as u32), answer);
        self.release(&saga, ctx);
    }

    /// What its services hold for a saga that is over: what was undone has released itself.
    pub(super) fn locked(&self, saga: &Saga) -> u32 {
        let locks = |step: &u16| {
            let kind = self.plan.step(*step).kind;
            let can_be_undone = matches!(kind, StepKind::Compensable | StepKind::Kept);
            can_be_undone && saga.state(*step) == State::Done
        };
        self.plan.numbers().filter(locks).fold(0, |all, step| all | 1 << step)
    }

    pub(super) fn release(&mut self, saga: &Saga, ctx: &mut Ctx<'_>) {
        for step in self.plan.numbers().filter(|step| saga.held >> step & 1 == 1) {
            self.call(Way::Release, At { saga: saga.number, step }, Sent::Perhaps, ctx);
        }
    }

    pub(super) fn on_released(&mut self, at: At, ctx: &mut Ctx<'_>) {
        self.answered(Way::Release, at, ctx);
        if let Some(mut saga) = self.saga(at.saga) {
            saga.held &= !(1 << at.step);
            self.note(saga, ctx);
        }
    }

    /// Leaves a saga as it is. Its client is not answered: nobody knows yet.
    pub(super) fn park(&mut self, saga: Saga, ctx: &mut Ctx<'_>) {
        ctx.cancel_timer(Timer::SagaTimeout(saga.number));
        self.force(Step::ForceEnd, saga, Some(SagaEnd::Parked), ctx);
    }

    /// A person has looked at a saga that is parked.
    pub(super) fn decide(&mut self, op: OpId, order: OpId, way: orders::Way, ctx: &mut Ctx<'_>) {
        let number = u64::from(order.0);
        let (Some(saga), Some(SagaEnd::Parked)) = (self.saga(number), self.end_of(number)) else {
            return ctx.reply(op, Answer::NotDone);
        };
        let mut txn = self.database.begin();
        txn.delete(Ends, number).expect("it is parked");
        let record = txn.commit();
        self.database.apply(ctx.force(Step::ForceTurn, record));
        ctx.reply(op, Answer::Done);
        match (way, saga.course) {
            (orders::Way::Undo, Course::Forward) if self.turn(saga.clone(), ctx) => {}
            _ => self.resume(saga, ctx),
        }
    }
}
