//! The judge of a moment: which rules an effect or an end breaks when it is stated.
//!
//! ```text
//!   Stated(fact) ──▶ against what stands of the saga ──▶ report(slot of the property, breach or none)
//! ```
//!
//! Every call of `report` is an occasion on which the property could have been broken. Judging the
//! whole list in the end was rejected: what a crash takes later did stand when it mattered.
//!
//! Limits: what a log tells again is not judged again.

use super::story::{Effect, Story};
use crate::engine::{
    facts::{Fact, SagaEnd, StepKind},
    signal::Signal,
};

/// Slots of the properties that are judged at once, as in [`super::AT_ONCE`].
const REVERSE_ORDER: usize = 0;
const AT_MOST_ONCE: usize = 1;
const NO_ORPHAN: usize = 2;
const NO_SKIPPED: usize = 3;
const FORWARD: usize = 4;

/// A rule that an event broke.
#[derive(Clone, Copy)]
pub(super) struct Breach {
    pub(super) how: How,
    pub(super) saga: u64,
    /// The step that it is about.
    pub(super) step: u16,
    /// What came first, and its step.
    pub(super) before: Option<(u16, Signal)>,
    pub(super) signal: Signal,
}

/// How a rule was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// It took effect again.
    Twice(Effect),
    /// What was undone was never done.
    NeverDone,
    /// What was barred took effect.
    Barred,
    /// It was undone before a step that rests on it.
    Overtook,
    /// It was undone after a step on which it rests.
    Outlived,
    /// It was undone after the pivot was done.
    AfterPivot,
    /// It rests on a step that was undone before.
    OnUndone,
    /// It cannot be undone, and others were already.
    NoWayBack,
    /// It stood when the saga ended.
    Skipped(SagaEnd),
}

type Report<'a> = &'a mut dyn FnMut(usize, Option<Breach>);

impl Story {
    /// Which rules a fact breaks that is stated now, before it is learned.
    pub(super) fn judge(&mut self, saga: u64, fact: Fact, signal: &Signal, report: Report<'_>) {
        match fact {
            Fact::DidStep(_, step) => self.judge_do((saga, step, signal), report),
            Fact::UndidStep(_, step) => self.judge_undo((saga, step, signal), report),
            Fact::Tombstoned(..) => report(NO_ORPHAN, None),
            Fact::SagaEnded(_, end) => self.judge_end((saga, end, signal), report),
            _ => {}
        }
    }

    fn judge_do(&mut self, (saga, step, signal): (u64, u16, &Signal), report: Report<'_>) {
        let breach = |how, before| Breach { how, saga, step, before, signal: *signal };
        let twice = |first| breach(How::Twice(Effect::Do), Some((step, first)));
        report(AT_MOST_ONCE, self.done(step).map(twice));
        if let Some(bar) = self.of(step, Effect::Bar).next() {
            report(NO_ORPHAN, Some(breach(How::Barred, Some((step, bar)))));
        }
        self.late.retain(|late| *late != step);
        self.outlived.retain(|(kept, ..)| *kept != step);
        let Some(first) = self.first_undo() else { return };
        let is_undone = |under: &u16| {
            self.rests_on(step, *under)
                && self.undone(*under).is_some()
                && self.standing(*under).is_none()
        };
        let under = self.steps().into_iter().find(is_undone);
        let broken = match (under, self.kind(step)) {
            (Some(under), _) => {
                let before = self.undone(under).map(|undo| (under, undo));
                Some(breach(How::OnUndone, before))
            }
            (None, StepKind::Pivot | StepKind::Retriable) => {
                Some(breach(How::NoWayBack, Some(first)))
            }
            (None, StepKind::Compensable | StepKind::Kept) => None,
        };
        self.late.push(step);
        report(FORWARD, broken);
    }

    fn judge_undo(&mut self, (saga, step, signal): (u64, u16, &Signal), report: Report<'_>) {
        let breach = |how, before| Breach { how, saga, step, before, signal: *signal };
        let twice = |first| breach(How::Twice(Effect::Undo), Some((step, first)));
        report(AT_MOST_ONCE, self.undone(step).map(twice));
        let orphan = self.done(step).is_none().then(|| breach(How::NeverDone, None));
        report(NO_ORPHAN, orphan);
        let is_pivot = |step: &u16| self.kind(*step) == StepKind::Pivot;
        let mut pivots = self.steps().into_iter().filter(is_pivot);
        let pivot = pivots.find_map(|pivot| Some((pivot, self.standing(pivot)?)));
        report(FORWARD, pivot.map(|pivot| breach(How::AfterPivot, Some(pivot))));
        self.judge_order((saga, step, signal), report);
    }

    fn judge_order(&mut self, (saga, step, signal): (u64, u16, &Signal), report: Report<'_>) {
        let breach = |how, before| Breach { how, saga, step, before, signal: *signal };
        let steps = self.steps();
        let above: Vec<u16> =
            steps.into_iter().filter(|&other| self.rests_on(other, step)).collect();
        let under = self.outlived.iter().filter(|(kept, ..)| *kept == step);
        let under =
            under.copied().find_map(|(_, under, undo)| self.undone(under).map(|_| (under, undo)));
        if above.iter().all(|&other| self.done(other).is_none()) && under.is_none() {
            return;
        }
        let standing = above.iter().filter_map(|&other| Some((other, self.standing(other)?)));
        let (kept, bound): (Vec<_>, Vec<_>) =
            standing.partition(|(other, _)| self.kind(*other) == StepKind::Kept);
        let overtook = bound.first().map(|&before| breach(How::Overtook, Some(before)));
        let outlived = under.map(|under| breach(How::Outlived, Some(under)));
        report(REVERSE_ORDER, overtook.or(outlived));
        self.outlived.extend(kept.into_iter().map(|(kept, _)| (kept, step, *signal)));
    }

    fn judge_end(&self, (saga, end, signal): (u64, SagaEnd, &Signal), report: Report<'_>) {
        let must_go = |step: &u16| match (end, self.kind(*step)) {
            (SagaEnd::Compensated | SagaEnd::Partial, StepKind::Compensable)
            | (SagaEnd::Compensated, StepKind::Kept) => self.done(*step).is_some(),
            _ => false,
        };
        let steps: Vec<u16> = self.steps().into_iter().filter(must_go).collect();
        if steps.is_empty() {
            return;
        }
        let skipped = steps.into_iter().find_map(|step| Some((step, self.standing(step)?)));
        let breach = skipped.map(|(step, done)| {
            let how = How::Skipped(end);
            Breach { how, saga, step, before: Some((step, done)), signal: *signal }
        });
        report(NO_SKIPPED, breach);
    }
}
