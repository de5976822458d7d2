//! What each property of a saga says, over the whole sequence of its effects, without crashes.
//!
//! Every clause is a question about places in the sequence: is there an undo here, what stood there.
//! Nothing is kept from one place to the next.

use splitbrain::engine::facts::{
    SagaEnd::{self, *},
    StepKind::{self, *},
};

pub(crate) const PROPERTIES: [&str; 7] = [
    "saga.termination",
    "saga.reverse_order",
    "saga.at_most_once",
    "saga.no_orphan_compensation",
    "saga.no_skipped_compensation",
    "saga.forward_after_pivot",
    "saga.balance",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    Do,
    Undo,
    Bar,
}
use Deed::*;

pub(crate) type Effect = (Deed, u16);

/// Three steps: what each comes after, one bit each, and its kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) after: [u32; 3],
    pub(crate) kinds: [StepKind; 3],
}

impl Plan {
    /// Does a step rest on another, directly or through one between?
    fn rests_on(&self, step: u16, other: u16) -> bool {
        let directly = |step: u16, other: u16| self.after[usize::from(step)] >> other & 1 == 1;
        directly(step, other) || (0..3).any(|mid| directly(step, mid) && directly(mid, other))
    }

    fn kind(&self, step: u16) -> StepKind {
        self.kinds[usize::from(step)]
    }
}

/// Is a step done and not undone after that?
fn stands(sequence: &[Effect], step: u16) -> bool {
    let mut turns = sequence.iter().filter(|(deed, of)| *of == step && *deed != Bar);
    turns.next_back() == Some(&(Do, step))
}

fn has(sequence: &[Effect], effect: Effect) -> bool {
    sequence.contains(&effect)
}

fn times(sequence: &[Effect], effect: Effect) -> usize {
    sequence.iter().filter(|&&one| one == effect).count()
}

/// The names of the properties that a saga violates.
pub(crate) fn violated(
    plan: &Plan,
    sequence: &[Effect],
    end: Option<SagaEnd>,
    moves: [i64; 3],
) -> Vec<&'static str> {
    let broken = [
        termination(plan, sequence, end),
        reverse_order(plan, sequence),
        sequence.iter().any(|&(deed, step)| deed != Bar && 1 < times(sequence, (deed, step))),
        orphan(sequence),
        skipped(plan, sequence, end),
        forward(plan, sequence, end),
        unbalanced(sequence, end, moves),
    ];
    PROPERTIES.into_iter().zip(broken).filter(|(_, broken)| *broken).map(|(name, _)| name).collect()
}

fn termination(plan: &Plan, sequence: &[Effect], end: Option<SagaEnd>) -> bool {
    let misfit = |step: u16| {
        let (stands, undone) = (stands(sequence, step), has(sequence, (Undo, step)));
        match end {
            None => true,
            Some(Parked) => false,
            Some(Done) => !stands || undone,
            Some(Partial) if plan.kind(step) == Kept => undone && !stands,
            Some(Compensated | Partial) => stands,
        }
    };
    (0..3).any(misfit)
}

fn reverse_order(plan: &Plan, sequence: &[Effect]) -> bool {
    let undone_too_early = |place: usize| {
        let (before, (deed, under)) = (&sequence[..place], sequence[place]);
        let above = |step: &u16| plan.rests_on(*step, under) && stands(before, *step);
        deed == Undo
            && (0..3).filter(above).any(|above| {
                let rest = &sequence[place..];
                let next = rest.iter().find(|(deed, step)| *step == above && *deed != Bar);
                plan.kind(above) != Kept || next == Some(&(Undo, above))
            })
    };
    (0..sequence.len()).any(undone_too_early)
}

fn orphan(sequence: &[Effect]) -> bool {
    (0..sequence.len()).any(|place| {
        let before = &sequence[..place];
        match sequence[place] {
            (Undo, step) => !has(before, (Do, step)),
            (Do, step) => has(before, (Bar, step)),
            (Bar, _) => false,
        }
    })
}

fn skipped(plan: &Plan, sequence: &[Effect], end: Option<SagaEnd>) -> bool {
    let must_go = |step: &u16| match end {
        Some(Compensated) => matches!(plan.kind(*step), Compensable | Kept),
        Some(Partial) => plan.kind(*step) == Compensable,
        None | Some(Done | Parked) => false,
    };
    (0..3).filter(must_go).any(|step| stands(sequence, step))
}

fn forward(plan: &Plan, sequence: &[Effect], end: Option<SagaEnd>) -> bool {
    let breaks = |place: usize| {
        let before = &sequence[..place];
        let has_begun = before.iter().any(|(deed, _)| *deed == Undo);
        match sequence[place] {
            (Undo, _) => (0..3).any(|step| plan.kind(step) == Pivot && stands(before, step)),
            (Do, step) if has_begun => {
                let is_gone = |under| has(before, (Undo, under)) && !stands(before, under);
                let on_undone = (0..3).any(|under| plan.rests_on(step, under) && is_gone(under));
                let stays_for_good = !has(&sequence[place + 1..], (Do, step))
                    && stands(sequence, step)
                    && match end {
                        None | Some(Parked) => false,
                        Some(Done | Compensated) => true,
                        Some(Partial) => plan.kind(step) != Kept,
                    };
                on_undone || matches!(plan.kind(step), Pivot | Retriable) || stays_for_good
            }
            _ => false,
        }
    };
    (0..sequence.len()).any(breaks)
}

fn unbalanced(sequence: &[Effect], end: Option<SagaEnd>, moves: [i64; 3]) -> bool {
    let moved = [0, 1, 2].map(|step: u16| {
        let net = times(sequence, (Do, step)) as i64 - times(sequence, (Undo, step)) as i64;
        net * moves[usize::from(step)]
    });
    match end {
        Some(Done) => moved.iter().sum::<i64>() != 0,
        Some(Compensated) => moved != [0; 3],
        None | Some(Partial | Parked) => false,
    }
}
