//! What the orchestrator stores of each saga, and what its records mean.
//!
//! ```text
//!   Plans   which step waits for which     once, with the first record of a saga
//!   Sagas   how far it has come            forced before it calls and when it turns, else noted
//!   Ends    how it ended                   taken out again when a person takes a parked one up
//! ```
//!
//! A note is a record without a force. A crash may take it back, and then the service is asked
//! again: it knows what it has done.

use super::{At, Ctx, Orchestrator, Order, Step, settings::Plan};
use crate::{
    blocks::database::{self, Key},
    engine::facts::{Fact, Facts, SagaEnd, StepKind},
};
use serde::{Deserialize, Serialize};

crate::tables! {
    /// What the orchestrator stores, by the number of the saga.
    pub enum Row by Table {
        /// What each saga set out to do: which steps each of its steps waits for, and its kind.
        Plans(Vec<(u32, StepKind)>),
        /// How far each has come.
        Sagas(Saga),
        /// How it ended.
        Ends(End),
    }
}

/// How far a saga has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saga {
    pub(super) number: u64,
    pub(super) order: Order,
    pub(super) course: Course,
    pub(super) steps: Vec<State>,
    /// Steps whose services hold a lock for it, one bit each, once it is over.
    pub(super) held: u32,
}

/// Which way a saga goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Course {
    Forward,
    Backward,
}

/// What the orchestrator knows of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum State {
    Waits,
    /// It may have happened, may happen yet, or not.
    Called,
    Done,
    Refused,
    Undone,
}

/// The end of a saga.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    pub(super) saga: u64,
    pub(super) end: SagaEnd,
}

/// The tables of the orchestrator.
impl Orchestrator {
    pub(super) fn saga(&self, number: u64) -> Option<Saga> {
        self.database.get(Sagas, number).cloned()
    }

    /// A saga that is not over and not parked.
    pub(super) fn open(&self, number: u64) -> Option<Saga> {
        self.saga(number).filter(|_| !self.is_over(number))
    }

    pub(super) fn end_of(&self, number: u64) -> Option<SagaEnd> {
        self.database.get(Ends, number).map(|end| end.end)
    }

    pub(super) fn is_over(&self, number: u64) -> bool {
        self.end_of(number).is_some()
    }

    /// Logs what is new about a saga, durably, and how it ended if it did.
    pub(super) fn force(
        &mut self,
        step: Step,
        saga: Saga,
        end: Option<SagaEnd>,
        ctx: &mut Ctx<'_>,
    ) {
        let record = self.commit(saga, end);
        self.database.apply(ctx.force(step, record));
    }

    /// Logs what a crash may take back: it will be asked again.
    pub(super) fn note(&mut self, saga: Saga, ctx: &mut Ctx<'_>) {
        if self.database.get(Sagas, saga.number) != Some(&saga) {
            let record = self.commit(saga, None);
            self.database.apply(ctx.write(record));
        }
    }

    pub(super) fn commit(&mut self, saga: Saga, end: Option<SagaEnd>) -> database::Record<Row> {
        let number = saga.number;
        let plan = self.plan.clone();
        let mut txn = self.database.begin();
        if txn.get(Plans, number).is_none() {
            let steps = plan.steps.iter().map(|step| (step.after, step.kind)).collect();
            txn.put(Plans, number, steps);
        }
        txn.put(Sagas, number, saga);
        if let Some(end) = end {
            txn.put(Ends, number, End { saga: number, end });
        }
        txn.commit()
    }
}

impl Saga {
    pub(super) fn state(&self, step: u16) -> State {
        self.steps[usize::from(step)]
    }

    pub(super) fn set(&mut self, step: u16, state: State) {
        self.steps[usize::from(step)] = state;
    }

    /// Whether a step can be called: all that it comes after are done.
    pub(super) fn is_ready(&self, step: u16, plan: &Plan, ctx: &mut Ctx<'_>) -> bool {
        let after = plan.step(step).after;
        let done = plan.numbers().filter(|&before| self.state(before) == State::Done);
        let missing = done.fold(after, |missing, before| missing & !(1 << before));
        self.state(step) == State::Waits
            && (missing == 0 || (missing != after && !ctx.step(Step::WaitAtBarrier)))
    }
}

/// What the orchestrator's records state.
pub(super) fn facts(commit: &database::Commit<Row>, facts: &mut Facts) {
    let mut plan: &[(u32, StepKind)] = &[];
    for change in commit.changes.iter() {
        match &change.row {
            Some(Row::Plans(steps)) => plan = steps,
            Some(Row::Sagas(Saga { number: saga, .. })) => {
                for (step, &(after, kind)) in (0..).zip(plan) {
                    facts.state(Fact::Planned { saga: *saga, step, after, kind });
                }
            }
            Some(Row::Ends(End { saga, end })) => facts.state(Fact::SagaEnded(*saga, *end)),
            None => {} // A person took the saga up again.
        }
    }
}

impl From<At> for Key {
    fn from(at: At) -> Self {
        Self(at.saga, at.step.into())
    }
}
