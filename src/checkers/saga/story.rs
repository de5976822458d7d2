//! Story: what is known of one saga, and what may be asked about it.
//!
//! ```text
//!   Stated ──▶ learn: one more deed, at the end
//!   Booted ──▶ lose: what the node had is gone      Replayed ──▶ learn_again: back in its old place
//! ```
//!
//! Deeds of all resources stand in one list, in the order in which they were stated, because the
//! order between resources is what is judged; one list per node was rejected for that reason. A
//! saga has a handful of deeds, so every question scans the list.
//!
//! Limits: of equal deeds at one node a replay restores the first. A step that nobody planned
//! counts as one that can be undone and rests on nothing.

use crate::{
    base::{digest::Fold, ids::NodeId},
    engine::{
        facts::{Fact, SagaEnd, StepKind},
        signal::Signal,
    },
};

/// What is known of one saga.
#[derive(Clone, Default)]
pub(super) struct Story {
    plans: Vec<Plan>,
    deeds: Vec<Deed>,
    /// Those that stand.
    pub(super) moves: Vec<Move>,
    ends: Vec<End>,
    /// When its client heard that it was done.
    pub(super) heard: Option<Signal>,
    /// Steps that took effect after a compensation, and may yet be undone.
    pub(super) late: Vec<u16>,
    /// Kept steps that were done when a step on which they rest was undone: it, that one, when.
    pub(super) outlived: Vec<(u16, u16, Signal)>,
}

#[derive(Clone, Copy)]
struct Plan {
    node: NodeId,
    step: u16,
    after: u32,
    kind: StepKind,
    signal: Signal,
    stands: bool,
}

/// An effect of a step at its resource.
#[derive(Clone, Copy)]
struct Deed {
    node: NodeId,
    step: u16,
    what: Effect,
    signal: Signal,
    stands: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Do,
    Undo,
    Bar,
}

/// A change of a balance.
#[derive(Clone, Copy)]
pub(super) struct Move {
    node: NodeId,
    pub(super) account: u32,
    pub(super) by: i64,
    pub(super) signal: Signal,
}

#[derive(Clone, Copy)]
struct End {
    node: NodeId,
    end: SagaEnd,
    signal: Signal,
    stands: bool,
}

// What is known.

impl Story {
    /// A fact that counts from now on.
    pub(super) fn learn(&mut self, node: NodeId, fact: Fact, signal: &Signal) {
        let signal = *signal;
        let mut deed = |step, what| {
            self.deeds.push(Deed { node, step, what, signal, stands: true });
        };
        match fact {
            Fact::DidStep(_, step) => deed(step, Effect::Do),
            Fact::UndidStep(_, step) => deed(step, Effect::Undo),
            Fact::Tombstoned(_, step) => deed(step, Effect::Bar),
            Fact::Moves { account, by, .. } => {
                self.moves.push(Move { node, account, by, signal });
            }
            Fact::Planned { step, after, kind, .. } => {
                let same = |plan: &&mut Plan| (plan.node, plan.step) == (node, step);
                match self.plans.iter_mut().find(same) {
                    Some(plan) => (plan.after, plan.kind, plan.stands) = (after, kind, true),
                    None => {
                        self.plans.push(Plan { node, step, after, kind, signal, stands: true });
                    }
                }
            }
            Fact::SagaEnded(_, end) => {
                let same = |known: &&mut End| (known.node, known.end) == (node, end);
                match self.ends.iter_mut().find(same) {
                    Some(known) => known.stands = true,
                    None => self.ends.push(End { node, end, signal, stands: true }),
                }
            }
            _ => {}
        }
    }

    /// A fact that a node's log tells again after a boot.
    pub(super) fn learn_again(&mut self, node: NodeId, fact: Fact, signal: &Signal) {
        let (step, what) = match fact {
            Fact::DidStep(_, step) => (step, Effect::Do),
            Fact::UndidStep(_, step) => (step, Effect::Undo),
            Fact::Tombstoned(_, step) => (step, Effect::Bar),
            other => return self.learn(node, other, signal),
        };
        let lost = |deed: &&mut Deed| {
            !deed.stands && (deed.node, deed.step, deed.what) == (node, step, what)
        };
        match self.deeds.iter_mut().find(lost) {
            Some(deed) => deed.stands = true,
            None => self.learn(node, fact, signal),
        }
    }

    /// A node boots: what it had is gone until its log tells it again.
    pub(super) fn lose(&mut self, node: NodeId) {
        self.deeds.retain(|deed| deed.node != node || deed.stands);
        let deeds = self.deeds.iter_mut().filter(|deed| deed.node == node);
        deeds.for_each(|deed| deed.stands = false);
        self.moves.retain(|one| one.node != node);
        let plans = self.plans.iter_mut().filter(|plan| plan.node == node);
        plans.for_each(|plan| plan.stands = false);
        let ends = self.ends.iter_mut().filter(|end| end.node == node);
        ends.for_each(|end| end.stands = false);
    }

    /// Folds in what later verdicts rest on.
    pub(super) fn fold(&self, fold: &mut Fold) {
        let lengths = [self.plans.len(), self.deeds.len(), self.moves.len(), self.ends.len()];
        for length in lengths {
            fold.word(length as u64);
        }
        for plan in &self.plans {
            fold.words([u64::from(plan.node.0), u64::from(plan.step), u64::from(plan.after)]);
            fold.words([plan.kind as u64, u64::from(plan.stands)]);
        }
        for deed in &self.deeds {
            fold.words([u64::from(deed.node.0), u64::from(deed.step)]);
            fold.words([deed.what as u64, u64::from(deed.stands)]);
        }
        for Move { node, account, by, .. } in &self.moves {
            fold.words([u64::from(node.0), u64::from(*account), *by as u64]);
        }
        for end in &self.ends {
            fold.words([u64::from(end.node.0), end.end as u64, u64::from(end.stands)]);
        }
        fold.words([self.late.len() as u64, self.outlived.len() as u64]);
        self.late.iter().for_each(|step| fold.word(u64::from(*step)));
        for (kept, under, _) in &self.outlived {
            fold.words([u64::from(*kept), u64::from(*under)]);
        }
    }
}

// What may be asked.

impl Story {
    /// What stands of a step, in order.
    pub(super) fn of(&self, step: u16, what: Effect) -> impl Iterator<Item = Signal> {
        let all = self.deeds.iter();
        let wanted = move |deed: &&Deed| deed.stands && (deed.step, deed.what) == (step, what);
        all.filter(wanted).map(|deed| deed.signal)
    }

    /// Where a step took effect, if it did so ever.
    pub(super) fn done(&self, step: u16) -> Option<Signal> {
        self.of(step, Effect::Do).next()
    }

    /// Where it was undone, if it was.
    pub(super) fn undone(&self, step: u16) -> Option<Signal> {
        self.of(step, Effect::Undo).next()
    }

    /// Where a step took effect that is not undone since.
    pub(super) fn standing(&self, step: u16) -> Option<Signal> {
        let turns = |deed: &&Deed| deed.stands && deed.step == step && deed.what != Effect::Bar;
        let last = self.deeds.iter().rev().find(turns)?;
        (last.what == Effect::Do).then_some(last.signal)
    }

    /// The first compensation that stands.
    pub(super) fn first_undo(&self) -> Option<(u16, Signal)> {
        let undo = self.deeds.iter().find(|deed| deed.stands && deed.what == Effect::Undo)?;
        Some((undo.step, undo.signal))
    }

    /// All steps planned, done or undone, in order, each once.
    pub(super) fn steps(&self) -> Vec<u16> {
        let planned = self.plans.iter().map(|plan| plan.step);
        let told = |deed: &&Deed| deed.stands && deed.what != Effect::Bar;
        let done = self.deeds.iter().filter(told).map(|deed| deed.step);
        let mut steps: Vec<u16> = planned.chain(done).collect();
        steps.sort_unstable();
        steps.dedup();
        steps
    }

    /// What may become of a step.
    pub(super) fn kind(&self, step: u16) -> StepKind {
        let plan = self.plans.iter().find(|plan| plan.step == step);
        plan.map_or(StepKind::Compensable, |plan| plan.kind)
    }

    /// Does a step rest on another one, directly or through others?
    pub(super) fn rests_on(&self, step: u16, other: u16) -> bool {
        let bit = |step: u16| 1_u32.checked_shl(step.into()).unwrap_or(0);
        let after = |mask: u32, plan: &Plan| mask | plan.after;
        let mut mask = self.plans.iter().filter(|plan| plan.step == step).fold(0, after);
        loop {
            let more =
                self.plans.iter().filter(|plan| mask & bit(plan.step) != 0).fold(mask, after);
            if more == mask {
                return mask & bit(other) != 0;
            }
            mask = more;
        }
    }

    /// Is the plan known where this is true of the node?
    pub(super) fn is_planned(&self, at: impl Fn(NodeId) -> bool) -> bool {
        self.plans.iter().any(|plan| plan.stands && at(plan.node))
    }

    /// Does a step stand at a node of which this is true?
    pub(super) fn has_effect(&self, at: impl Fn(NodeId) -> bool) -> bool {
        let here = |deed: &Deed| deed.stands && deed.what == Effect::Do && at(deed.node);
        self.deeds.iter().any(|deed| here(deed) && self.standing(deed.step).is_some())
    }

    /// Where it begins, for a reader: its plan, or else its first effect.
    pub(super) fn beginning(&self) -> Option<Signal> {
        let planned = self.plans.iter().find(|plan| plan.stands).map(|plan| plan.signal);
        planned.or_else(|| self.deeds.iter().find(|deed| deed.stands).map(|deed| deed.signal))
    }

    /// How it ended, if it did.
    pub(super) fn end(&self) -> Option<(SagaEnd, Signal)> {
        let last = self.ends.iter().rev().find(|end| end.stands)?;
        Some((last.end, last.signal))
    }

    /// Two ends of which the first was final and the second is another.
    pub(super) fn two_ends(&self) -> Option<[(SagaEnd, Signal); 2]> {
        let mut standing = self.ends.iter().filter(|end| end.stands);
        let one = standing.find(|end| end.end != SagaEnd::Parked)?;
        let other = standing.find(|end| end.end != one.end)?;
        Some([(one.end, one.signal), (other.end, other.signal)])
    }

    /// A step that took effect after the first compensation, and stands though the saga is over.
    pub(super) fn late(&self) -> Option<(u16, [Signal; 3])> {
        let (end, ended) = self.end().filter(|(end, _)| *end != SagaEnd::Parked)?;
        let (_, undo) = self.first_undo()?;
        let may_stay = |step| end == SagaEnd::Partial && self.kind(step) == StepKind::Kept;
        let late = self.late.iter().filter(|&&step| !may_stay(step));
        // The compensation that made it late may be lost since, and another one came behind it.
        let is_behind = |done: &Signal| (undo.at, undo.event) < (done.at, done.event);
        let standing = |&step: &u16| Some((step, self.standing(step).filter(is_behind)?));
        late.filter_map(standing).map(|(step, done)| (step, [undo, done, ended])).next()
    }
}
