//! Orchestrated sagas: a long transaction as a row of short ones, each with a way back.
//!
//! ```text
//!  client   orchestrator           order   inventory   payment   shipping
//!    ├─ order ─▶│                    │         │          │          │
//!    │          ● force "called"     │         │          │          │
//!    │          ├── Do ─────────────▶●         │          │          │   one local transaction
//!    │          │◀────────────── Did ┤         │          │          │   per step
//!    │          ● force "called"     │         │          │          │
//!    │          ├── Do ─────────────────────▶ ● │         │          │   parallel branches,
//!    │          ├── Do ──────────────────────────────────▶●          │   a barrier behind them
//!    │          │◀──────────────────────── Did ┤          │          │
//!    │          │◀───────────────────────────────── Refused          │
//!    │          ● force "backward"   │         │          │          │   the turn
//!    │          ├── Undo ───────────────────▶● │          │          │   in reverse,
//!    │          │◀────────────────────── Undid ┤          │          │   branches in parallel
//!    │          ├── Undo ───────────▶●         │          │          │
//!    │          │◀──────────── Undid ┤         │          │          │
//!    │          ● force the end      │         │          │          │
//!    │◀─ answer ┤                    │         │          │          │
//! ```
//!
//! The price: no isolation. Between two steps everyone sees what may yet be undone, and what is
//! undone is undone in meaning only: a refund is not a charge that never was. Behind its *pivot* a
//! saga can only go forward, so whoever has called the pivot must wait for its answer.
//!
//! An answer that does not come says nothing: the step may have happened, may happen yet, or not.
//! So a saga that turns undoes all that it has ever called, and a service that is told to undo what
//! it has not done leaves a *tombstone*, which refuses the step when it comes late.
//!
//! Answers are logged without a force: what a crash takes back of them is asked again, and services
//! know what they have done. Undoing in parallel whatever the plan did in parallel keeps the
//! reverse order as a partial order. Waiting for the parallel steps in flight before turning was
//! rejected, since the slowest service would hold up every compensation.
//!
//! Follows Garcia-Molina & Salem (1987) for backward, forward and mixed recovery, Richardson (2018,
//! Microservices Patterns, chapter 4) for pivot, retriable steps and countermeasures. This file is
//! long because a pattern is one file; settings, journal, calls, ends and services stand apart.
//! Limits: sagas that are over are remembered for ever; a timeout of a saga is counted anew after a
//! crash; a partial plan waits for an answer of all that it may keep.

use crate::{
    base::ids::{NodeId, OpId, Topic},
    blocks::{
        database::{self, Database, Retention},
        rpc::{self, CallId, Caller},
    },
    embed,
    engine::{
        ctx,
        facts::{Facts, SagaEnd, StepKind},
        operations::{Answer, Operation},
        orders::OrderRequest,
        protocol::{Alternative, BadSetting, Circuit, Logged, Placement, Protocol},
    },
};
use calls::{Call, Sent, Way, call_id};
use journal::{Course, Row, Saga, Sagas, State};
use serde::{Deserialize, Serialize};
use services::Services;
use settings::{AfterCrash, Plan, Recovery};
use std::sync::Arc;

pub use settings::Config;

// The plan of steps, and what becomes of failures.
pub mod settings;

// What the orchestrator stores.
pub mod journal;

// Whom it asks what, and how often.
pub mod calls;

// How sagas end.
mod ending;

// Each takes its steps and takes them back.
pub mod services;

// How all of it reads on a timeline.
mod telling;

/// One variant per arrow in the diagram; then what ends a semantic lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// Take this step, once.
    Do(Job),
    /// It took effect.
    Did(At),
    /// It did not, and if the job says so it never will.
    Refused(At),
    /// Take it back, once; or never take it.
    Undo(Job),
    /// It has no effect and never will.
    Undid(At),
    /// The saga is over: others may have what it held.
    Release(Job),
    /// They may.
    Released(At),
}

/// A step of a saga.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct At {
    saga: u64,
    step: u16,
}

/// What a service is asked: a step, and all that it needs to know for either direction.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    at: At,
    order: Order,
    refusal: Refusal,
}

/// Whether a refusal is the last word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Refusal {
    /// The saga turns on it.
    Final,
    /// The step will be tried again.
    ForNow,
}

/// What a client wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    customer: u32,
    item: u32,
    quantity: i64,
}

/// What survives a crash: local transactions of the databases.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// At the orchestrator.
    Saga(database::Record<Row>),
    /// At a service.
    Service(database::Record<services::Row>),
}

embed!(database::Record<Row> as Record::Saga);
embed!(database::Record<services::Row> as Record::Service);

/// What wakes a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Timer {
    /// A call waits.
    Call(rpc::Timer),
    /// A saga has gone forward for long enough.
    SagaTimeout(u64),
    /// What must succeed is tried again.
    Again(CallId),
}

embed!(rpc::Timer as Timer::Call);

crate::steps! {
    /// The steps that carry the guarantees. A scenario may leave one out to show what it buys.
    pub enum Step {
        /// What a saga is about to call, and with which data, is on disk before the call leaves.
        LogBeforeCall => "saga.termination",
        /// A step waits until every step that it comes after is done.
        WaitAtBarrier => "saga.termination",
        /// A service takes a step once, however often it is told to.
        IdempotentStep => "saga.at_most_once",
        /// It takes a step back once.
        IdempotentCompensation => "saga.at_most_once",
        /// What it does or undoes is on its disk before it says so.
        ForceEffect => "saga.termination",
        /// What it has refused it refuses for ever.
        RememberRefusal => "saga.termination",
        /// It takes back only what it has done.
        UndoOnlyWhatIsDone => "saga.no_orphan_compensation",
        /// Told to undo what it has not done, it refuses the step from then on.
        LeaveTombstone => "saga.termination",
        /// The turn is on disk before the first compensation leaves.
        ForceTurn => "saga.termination",
        /// No answer does not mean that nothing happened: what was called is undone.
        UndoUnanswered => "saga.no_skipped_compensation",
        /// What a partial plan keeps is not undone for want of an answer, but asked until it gives one.
        KeepUnanswered => "saga.termination",
        /// Everything that was done is undone, not only what came last.
        UndoEverything => "saga.no_skipped_compensation",
        /// A step is undone when all that came after it are undone.
        UndoInReverse => "saga.reverse_order",
        /// Past the pivot, nothing is undone.
        StopAtPivot => "saga.forward_after_pivot",
        /// Who has called the pivot waits for its answer before it turns.
        AwaitPivot => "saga.forward_after_pivot",
        /// The end is on disk before the client hears of it.
        ForceEnd => "saga.termination",
        /// What is not answered is asked again.
        Retry => "saga.termination",
        /// What a saga may yet undo is kept from others.
        HoldSemanticLock => "saga.dirty_read",
        /// What it held is given back when it is over.
        ReleaseLock => "saga.termination",
    }
}

type Ctx<'a> = ctx::Ctx<'a, SagaOrchestration>;

/// One node, by its role.
#[derive(Clone, Debug, Serialize)]
pub enum SagaOrchestration {
    /// Runs the sagas.
    Orchestrator(Orchestrator),
    /// Takes steps.
    Service(Services),
}

/// The state of the orchestrator.
#[derive(Clone, Debug, Serialize)]
pub struct Orchestrator {
    // Replayed from the log.
    database: Database<Row>,
    // A setting.
    #[serde(skip_serializing)]
    plan: Arc<Plan>,
    // Lost in a crash.
    caller: Caller<Call>,
}

impl Protocol for SagaOrchestration {
    const NAME: &'static str = "SagaOrchestration";
    const SUMMARY: &'static str = "a row of local transactions, each with a way back";
    const EXAMPLE_WORKLOAD: &'static str = r#"Orders(clients: 1, rate: "20/s", until: "2s")"#;
    const EXAMPLE_CHECKS: &'static str = "Progress";
    const ALTERNATIVES: &'static [Alternative] = settings::ALTERNATIVES;
    type Config = Config;
    type Message = Message;
    type Record = Record;
    type Timer = Timer;
    type Step = Step;

    fn on_request(&mut self, op: OpId, operation: Operation, ctx: &mut Ctx<'_>) {
        let Self::Orchestrator(orchestrator) = self else { return ctx.reply(op, Answer::NotDone) };
        match OrderRequest::of(operation) {
            Some(OrderRequest::Place { customer, item, quantity }) => {
                let quantity = quantity.into();
                orchestrator.begin(op, Order { customer, item, quantity }, ctx);
            }
            Some(OrderRequest::Cancel { order }) => orchestrator.cancel(op, order, ctx),
            Some(OrderRequest::Decide { order, way }) => orchestrator.decide(op, order, way, ctx),
            None => ctx.reply(op, Answer::NotDone),
        }
    }

    fn on_message(&mut self, from: NodeId, message: Message, ctx: &mut Ctx<'_>) {
        match (self, message) {
            (Self::Service(service), Message::Do(job)) => service.on_do(from, job, ctx),
            (Self::Service(service), Message::Undo(job)) => service.on_undo(from, job, ctx),
            (Self::Service(service), Message::Release(job)) => service.on_release(from, job, ctx),
            (Self::Orchestrator(all), Message::Did(at)) => all.on_did(at, ctx),
            (Self::Orchestrator(all), Message::Refused(at)) => all.on_refused(at, ctx),
            (Self::Orchestrator(all), Message::Undid(at)) => all.on_undid(at, ctx),
            (Self::Orchestrator(all), Message::Released(at)) => all.on_released(at, ctx),
            (Self::Orchestrator(_), Message::Do(_) | Message::Undo(_) | Message::Release(_))
            | (
                Self::Service(_),
                Message::Did(_) | Message::Refused(_) | Message::Undid(_) | Message::Released(_),
            ) => unreachable!("{from} sent it to the wrong role"),
        }
    }

    fn on_timer(&mut self, timer: Timer, ctx: &mut Ctx<'_>) {
        let Self::Orchestrator(orchestrator) = self else { return };
        match timer {
            Timer::Call(timer) => orchestrator.on_call_timer(timer, ctx),
            Timer::SagaTimeout(saga) => orchestrator.on_saga_timeout(saga, ctx),
            Timer::Again(id) => orchestrator.call_again(id, ctx),
        }
    }

    /// Redo: the log is the state, so recovery takes the same path as normal operation.
    fn apply(&mut self, record: Logged<Record>) {
        match self {
            Self::Orchestrator(orchestrator) => {
                if let Some(record) = record.narrow() {
                    orchestrator.database.apply(record);
                }
            }
            Self::Service(service) => {
                if let Some(record) = record.narrow() {
                    service.apply(record);
                }
            }
        }
    }

    fn on_boot(&mut self, ctx: &mut Ctx<'_>) {
        if let Self::Orchestrator(orchestrator) = self {
            orchestrator.recover(ctx);
        } // A service waits to be asked.
    }

    fn new(config: &Config, me: NodeId) -> Self {
        let plan = Arc::new(config.plan());
        if me == ORCHESTRATOR {
            let database = Database::new(Retention::Nothing);
            Self::Orchestrator(Orchestrator { database, plan, caller: Caller::default() })
        } else {
            Self::Service(Services::new(plan))
        }
    }

    fn topology(_: &Config) -> Vec<Placement> {
        Config::topology()
    }

    fn validate(config: &Config) -> Vec<BadSetting> {
        config.validate()
    }

    /// Who owns an effect states it: plans and ends are the orchestrator's, steps the services'.
    fn facts(record: &Record, facts: &mut Facts) {
        let commit = match record {
            Record::Saga(database::Record::Committed(commit)) => commit,
            Record::Saga(_) => return,
            Record::Service(record) => return services::facts(record, facts),
        };
        journal::facts(commit, facts);
    }

    fn topic(message: &Message) -> Topic {
        match message {
            Message::Do(job) | Message::Undo(job) | Message::Release(job) => Topic(job.at.saga),
            Message::Did(at)
            | Message::Refused(at)
            | Message::Undid(at)
            | Message::Released(at) => Topic(at.saga),
        }
    }

    fn waiting(&self) -> Option<String> {
        let Self::Orchestrator(orchestrator) = self else { return None };
        let mut sagas = orchestrator.database.scan(Sagas).map(|(_, saga)| saga);
        let open = sagas.find(|saga| orchestrator.end_of(saga.number).is_none() || saga.held != 0);
        open.map(|saga| format!("saga {} is not over", saga.number))
    }

    fn breakers(&self) -> Vec<(NodeId, Circuit)> {
        match self {
            Self::Orchestrator(orchestrator) => orchestrator.caller.circuits(),
            Self::Service(_) => Vec::new(),
        }
    }
}

const ORCHESTRATOR: NodeId = NodeId(0);

/// Forward: call what is ready, and what becomes ready with each answer.
impl Orchestrator {
    fn begin(&mut self, op: OpId, order: Order, ctx: &mut Ctx<'_>) {
        let number = u64::from(op.0);
        if self.saga(number).is_some() {
            return; // Asked twice.
        }
        if let Some(limit) = ctx.config().saga_timeout {
            ctx.set_timer(limit, Timer::SagaTimeout(number));
        }
        let steps = vec![State::Waits; self.plan.steps.len()];
        self.forward(Saga { number, order, course: Course::Forward, steps, held: 0 }, ctx);
    }

    /// Goes on with a saga whose answers came in.
    fn forward(&mut self, mut saga: Saga, ctx: &mut Ctx<'_>) {
        let plan = self.plan.clone();
        let ready: Vec<u16> =
            plan.numbers().filter(|&step| saga.is_ready(step, &plan, ctx)).collect();
        if ready.is_empty() {
            let is_done = saga.steps.iter().all(|&state| state == State::Done);
            return if is_done { self.end(saga, SagaEnd::Done, ctx) } else { self.note(saga, ctx) };
        }
        for &step in &ready {
            saga.set(step, State::Called);
        }
        let number = saga.number;
        self.force(Step::LogBeforeCall, saga, None, ctx);
        for step in ready {
            self.call(Way::Do, At { saga: number, step }, Sent::Never, ctx);
        }
    }

    fn on_did(&mut self, at: At, ctx: &mut Ctx<'_>) {
        self.answered(Way::Do, at, ctx);
        let Some(mut saga) = self.saga(at.saga) else { return };
        if saga.state(at.step) != State::Called {
            return; // It is known.
        }
        if saga.course == Course::Backward && !self.may_keep(at.step, ctx) {
            return; // It is being undone as what it was when the saga turned.
        }
        saga.set(at.step, State::Done);
        self.go_on(saga, ctx);
    }

    fn on_refused(&mut self, at: At, ctx: &mut Ctx<'_>) {
        self.answered(Way::Do, at, ctx);
        let Some(mut saga) = self.saga(at.saga) else { return };
        if saga.state(at.step) != State::Called {
            return;
        }
        if self.refusal(at.step, ctx) == Refusal::Final {
            saga.set(at.step, State::Refused);
        }
        if saga.course == Course::Backward {
            return self.go_on(saga, ctx);
        }
        self.recover_from_failure(saga, at.step, ctx);
    }

    /// A step was refused, or has not answered in all of its time.
    fn recover_from_failure(&mut self, saga: Saga, step: u16, ctx: &mut Ctx<'_>) {
        if self.is_over(saga.number) {
            return self.note(saga, ctx);
        }
        let must_succeed = self.plan.step(step).kind == StepKind::Retriable
            || (self.plan.step(step).kind == StepKind::Pivot && saga.state(step) == State::Called)
            || saga.course == Course::Backward; // Its answer decides what is kept.
        match ctx.config().recovery {
            Recovery::Manual if !must_succeed => self.park(saga, ctx),
            Recovery::Backward | Recovery::Partial if !must_succeed => {
                self.turn(saga, ctx);
            }
            _ if ctx.step(Step::Retry) => {
                let at = At { saga: saga.number, step };
                ctx.set_timer(ctx.config().pause, Timer::Again(call_id(Way::Do, at)));
            }
            _ => {}
        }
    }

    /// Whether a refusal of this step is the last word.
    fn refusal(&self, step: u16, ctx: &Ctx<'_>) -> Refusal {
        match ctx.config().recovery {
            Recovery::Backward | Recovery::Partial => Refusal::Final,
            Recovery::Manual if self.plan.step(step).kind == StepKind::Pivot => Refusal::Final,
            Recovery::Forward | Recovery::Manual => Refusal::ForNow,
        }
    }

    fn go_on(&mut self, saga: Saga, ctx: &mut Ctx<'_>) {
        match saga.course {
            _ if self.is_over(saga.number) => self.note(saga, ctx),
            Course::Forward => self.forward(saga, ctx),
            Course::Backward => self.backward(saga, ctx),
        }
    }
}

/// Backward: undo what was called, from its end.
impl Orchestrator {
    /// Turns a saga, unless it is past its pivot or may be. Answers whether it goes backward now.
    fn turn(&mut self, mut saga: Saga, ctx: &mut Ctx<'_>) -> bool {
        let plan = self.plan.clone();
        let pivot = plan.numbers().find(|&step| plan.step(step).kind == StepKind::Pivot);
        let is_bound = match pivot.map(|step| saga.state(step)) {
            Some(State::Done) => ctx.step(Step::StopAtPivot),
            Some(State::Called) => ctx.step(Step::AwaitPivot),
            Some(State::Waits | State::Refused | State::Undone) | None => false,
        };
        if is_bound {
            self.note(saga, ctx);
            return false;
        }
        saga.course = Course::Backward;
        self.force(Step::ForceTurn, saga.clone(), None, ctx);
        ctx.cancel_timer(Timer::SagaTimeout(saga.number));
        for step in plan.numbers() {
            if self.is_awaited(&saga, step, ctx) {
                continue;
            }
            let id = call_id(Way::Do, At { saga: saga.number, step });
            self.caller.abandon(id, ctx);
            ctx.cancel_timer(Timer::Again(id));
        }
        self.backward(saga, ctx);
        true
    }

    fn backward(&mut self, saga: Saga, ctx: &mut Ctx<'_>) {
        let plan = self.plan.clone();
        let done: Vec<u16> =
            plan.numbers().filter(|&step| self.is_to_undo(&saga, step, ctx)).collect();
        let awaited: Vec<u16> =
            plan.numbers().filter(|&step| self.is_awaited(&saga, step, ctx)).collect();
        let began = saga.steps.contains(&State::Undone);
        let is_over = done.is_empty() && awaited.is_empty();
        if is_over || (began && !ctx.step(Step::UndoEverything)) {
            let kept = plan.numbers().any(|step| self.is_kept(&saga, step, ctx));
            let end = if kept { SagaEnd::Partial } else { SagaEnd::Compensated };
            return self.end(saga, end, ctx);
        }
        let number = saga.number;
        self.note(saga, ctx);
        for step in awaited {
            self.call(Way::Do, At { saga: number, step }, Sent::Perhaps, ctx);
        }
        for &step in &done {
            let is_last = !plan.before(step).any(|later| done.contains(&later));
            if is_last || !ctx.step(Step::UndoInReverse) {
                self.call(Way::Undo, At { saga: number, step }, Sent::Perhaps, ctx);
            }
        }
    }

    fn is_to_undo(&self, saga: &Saga, step: u16, ctx: &mut Ctx<'_>) -> bool {
        match saga.state(step) {
            State::Waits | State::Refused | State::Undone => false,
            State::Called => !self.may_keep(step, ctx) && ctx.step(Step::UndoUnanswered),
            State::Done => !self.is_kept(saga, step, ctx),
        }
    }

    /// A plan for partial recovery keeps what it has got.
    fn is_kept(&self, saga: &Saga, step: u16, ctx: &Ctx<'_>) -> bool {
        ctx.config().recovery == Recovery::Partial
            && self.plan.step(step).kind == StepKind::Kept
            && saga.state(step) == State::Done
    }

    /// Whether a saga that goes back has yet to learn if it keeps a step.
    fn is_awaited(&self, saga: &Saga, step: u16, ctx: &mut Ctx<'_>) -> bool {
        saga.state(step) == State::Called && self.may_keep(step, ctx)
    }

    fn may_keep(&self, step: u16, ctx: &mut Ctx<'_>) -> bool {
        ctx.config().recovery == Recovery::Partial
            && self.plan.step(step).kind == StepKind::Kept
            && ctx.step(Step::KeepUnanswered)
    }

    fn on_undid(&mut self, at: At, ctx: &mut Ctx<'_>) {
        self.answered(Way::Undo, at, ctx);
        let Some(mut saga) = self.saga(at.saga) else { return };
        if saga.course == Course::Backward && saga.state(at.step) != State::Undone {
            saga.set(at.step, State::Undone);
            self.go_on(saga, ctx);
        }
    }

    fn on_saga_timeout(&mut self, number: u64, ctx: &mut Ctx<'_>) {
        if let Some(saga) = self.open(number)
            && saga.course == Course::Forward
        {
            self.turn(saga, ctx);
        }
    }

    /// A client thinks better of it.
    fn cancel(&mut self, op: OpId, order: OpId, ctx: &mut Ctx<'_>) {
        let turned = match self.open(order.0.into()) {
            Some(saga) if saga.course == Course::Forward => self.turn(saga, ctx),
            Some(_) | None => false,
        };
        ctx.reply(op, if turned { Answer::Done } else { Answer::NotDone });
    }
}

/// Recovery: the log says what was called; whatever is not answered is asked again.
impl Orchestrator {
    fn recover(&mut self, ctx: &mut Ctx<'_>) {
        let sagas: Vec<Saga> = self.database.scan(Sagas).map(|(_, saga)| saga.clone()).collect();
        for saga in sagas {
            if self.is_over(saga.number) {
                self.release(&saga, ctx);
            } else if saga.course == Course::Backward
                || ctx.config().after_crash == AfterCrash::Resume
                || !self.turn(saga.clone(), ctx)
            {
                self.resume(saga, ctx);
            }
        }
    }

    fn resume(&mut self, mut saga: Saga, ctx: &mut Ctx<'_>) {
        let number = saga.number;
        if saga.course == Course::Forward {
            if let Some(limit) = ctx.config().saga_timeout {
                ctx.set_timer(limit, Timer::SagaTimeout(number));
            }
            for step in self.plan.numbers() {
                match saga.state(step) {
                    State::Refused => saga.set(step, State::Called), // A person wants it tried again.
                    State::Called => {}
                    State::Waits | State::Done | State::Undone => continue,
                }
                self.note(saga.clone(), ctx);
                self.call(Way::Do, At { saga: number, step }, Sent::Perhaps, ctx);
            }
        }
        if let Some(saga) = self.open(number) {
            self.go_on(saga, ctx);
        }
    }
}

#[cfg(test)]
mod tests;
