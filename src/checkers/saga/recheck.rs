//! The witness of a saga, checked again: plain questions to the list of all signals.
//!
//! ```text
//!   facts of the saga up to a place  =  of every node, what it knows there since its last boot
//!   step stands  =  its last do or undo among them is a do
//! ```
//!
//! Shares no line with the judge, which keeps a list of deeds and restores it; here every question
//! reads the run from its start. Only what the judge said is confirmed, so a witness of another
//! breach of the same property passes too.
//!
//! Limits: one node holds a step and its compensation.

use crate::{
    checkers::evidence::{self, Found, ensure},
    engine::{
        facts::{Fact, SagaEnd, StepKind},
        operations::Ending,
        signal::{Signal, What},
    },
};

type Checked = Result<(), String>;

/// The fact that a cited signal states or repeats.
fn fact(found: &Found) -> Result<Fact, String> {
    match found.1.what {
        What::Stated(_, fact) | What::Replayed(_, fact) => Ok(fact),
        _ => Err("a cited event states nothing".to_owned()),
    }
}

fn facts(cited: &[Found]) -> Result<Vec<Fact>, String> {
    cited.iter().map(fact).collect()
}

/// What all nodes know there, in the order in which each learned it.
fn known(signals: &[Signal]) -> Vec<Fact> {
    let nodes = evidence::nodes(signals).into_iter();
    let mut known: Vec<(usize, Fact)> =
        nodes.flat_map(|node| evidence::known(signals, node)).collect();
    known.sort_by_key(|(position, _)| *position);
    known.into_iter().map(|(_, fact)| fact).collect()
}

fn stands(known: &[Fact], saga: u64, step: u16) -> bool {
    let (did, undid) = (Fact::DidStep(saga, step), Fact::UndidStep(saga, step));
    known.iter().rev().find(|&&fact| fact == did || fact == undid) == Some(&did)
}

/// The plan of a step as it was ever told: what it comes after, and its kind.
fn plan(signals: &[Signal], saga: u64, step: u16) -> (u32, StepKind) {
    let mut plans = signals.iter().filter_map(|signal| match signal.what {
        What::Stated(_, Fact::Planned { saga: of, step: planned, after, kind })
        | What::Replayed(_, Fact::Planned { saga: of, step: planned, after, kind })
            if (of, planned) == (saga, step) =>
        {
            Some((after, kind))
        }
        _ => None,
    });
    plans.next_back().unwrap_or((0, StepKind::Compensable))
}

fn rests_on(signals: &[Signal], saga: u64, (step, other): (u16, u16)) -> bool {
    let mut reached = plan(signals, saga, step).0;
    for _ in 0..32 {
        for under in (0..32_u16).filter(|under| reached >> under & 1 == 1).collect::<Vec<_>>() {
            reached |= plan(signals, saga, under).0;
        }
    }
    other < 32 && reached >> other & 1 == 1
}

pub(super) fn at_most_once(cited: &[Found], signals: &[Signal]) -> Checked {
    let [first, again] = cited else { return Err("two effects are needed".to_owned()) };
    let (one, other) = (fact(first)?, fact(again)?);
    let is_effect = matches!(one, Fact::DidStep(..) | Fact::UndidStep(..));
    ensure(is_effect && one == other, "they are not the same effect")?;
    ensure(known(&signals[..again.0]).contains(&one), "the first one was lost before the second")
}

pub(super) fn no_orphan(cited: &[Found], signals: &[Signal]) -> Checked {
    match facts(cited)?.as_slice() {
        [Fact::UndidStep(saga, step)] => {
            let before = known(&signals[..cited[0].0]);
            ensure(!before.contains(&Fact::DidStep(*saga, *step)), "the step was done")
        }
        [bar @ Fact::Tombstoned(saga, step), Fact::DidStep(of, done)] => {
            ensure((saga, step) == (of, done), "they are of different steps")?;
            ensure(known(&signals[..cited[1].0]).contains(bar), "the bar was lost")
        }
        _ => Err("a compensation is needed, or a bar and its step".to_owned()),
    }
}

pub(super) fn reverse_order(cited: &[Found], signals: &[Signal]) -> Checked {
    match *facts(cited)?.as_slice() {
        [Fact::DidStep(saga, above), Fact::UndidStep(of, under)] => {
            ensure(saga == of, "they are of different sagas")?;
            let before = &signals[..cited[1].0];
            ensure(rests_on(before, saga, (above, under)), "neither rests on the other")?;
            ensure(plan(before, saga, above).1 != StepKind::Kept, "the step is kept")?;
            ensure(stands(&known(before), saga, above), "it was undone before")
        }
        [Fact::UndidStep(saga, under), Fact::UndidStep(of, above)] => {
            ensure(saga == of, "they are of different sagas")?;
            let [early, late] = [0, 1].map(|place: usize| &signals[..cited[place].0]);
            ensure(rests_on(late, saga, (above, under)), "neither rests on the other")?;
            ensure(stands(&known(early), saga, above), "it was not done then")?;
            ensure(known(late).contains(&Fact::UndidStep(saga, under)), "the first was lost")
        }
        _ => Err("a compensation, and what is above it, are needed".to_owned()),
    }
}

pub(super) fn no_skipped(cited: &[Found], signals: &[Signal]) -> Checked {
    let [Fact::DidStep(saga, step), Fact::SagaEnded(of, end)] = *facts(cited)?.as_slice() else {
        return Err("a step and an end are needed".to_owned());
    };
    ensure(saga == of, "they are of different sagas")?;
    let before = &signals[..cited[1].0];
    let must_go = match end {
        SagaEnd::Compensated => &[StepKind::Compensable, StepKind::Kept][..],
        SagaEnd::Partial => &[StepKind::Compensable],
        SagaEnd::Done | SagaEnd::Parked => &[],
    };
    ensure(must_go.contains(&plan(before, saga, step).1), "it need not be undone")?;
    ensure(stands(&known(before), saga, step), "it is undone")
}

pub(super) fn forward(cited: &[Found], signals: &[Signal]) -> Checked {
    match *facts(cited)?.as_slice() {
        [Fact::DidStep(saga, pivot), Fact::UndidStep(of, _)] => {
            ensure(saga == of, "they are of different sagas")?;
            let before = &signals[..cited[1].0];
            ensure(plan(before, saga, pivot).1 == StepKind::Pivot, "it is no pivot")?;
            ensure(stands(&known(before), saga, pivot), "the pivot does not stand")
        }
        [Fact::UndidStep(saga, under), Fact::DidStep(of, step)] => {
            ensure(saga == of, "they are of different sagas")?;
            let before = &signals[..cited[1].0];
            let is_new = matches!(cited[1].1.what, What::Stated(..));
            ensure(is_new, "the step was done before, and is told again")?;
            let then = known(before);
            ensure(then.contains(&Fact::UndidStep(saga, under)), "the compensation was lost")?;
            let on_undone = rests_on(before, saga, (step, under)) && !stands(&then, saga, under);
            let no_way_back =
                matches!(plan(before, saga, step).1, StepKind::Pivot | StepKind::Retriable);
            ensure(on_undone || no_way_back, "a late step may take effect")
        }
        [Fact::UndidStep(saga, _), Fact::DidStep(of, step), Fact::SagaEnded(over, end)]
        | [Fact::UndidStep(saga, _), Fact::SagaEnded(over, end), Fact::DidStep(of, step)]
        | [Fact::SagaEnded(over, end), Fact::UndidStep(saga, _), Fact::DidStep(of, step)] => {
            ensure(saga == of && of == over, "they are of different sagas")?;
            let may_stay = end == SagaEnd::Partial && plan(signals, saga, step).1 == StepKind::Kept;
            ensure(end != SagaEnd::Parked && !may_stay, "the step may stay")?;
            ensure(evidence::settled(signals), "faults were never over")?;
            ensure(stands(&known(signals), saga, step), "the step does not stand")
        }
        _ => Err("a step and a compensation are needed".to_owned()),
    }
}

pub(super) fn termination(cited: &[Found], signals: &[Signal]) -> Checked {
    ensure(evidence::settled(signals), "faults were never over")?;
    let known = known(signals);
    let heard = |found: &&Found| match found.1.what {
        What::Ended(op, Ending::Ok(_)) => Some(u64::from(op.0)),
        _ => None,
    };
    if let Some(client) = cited.iter().find_map(|found| heard(&found)) {
        let ends = cited.iter().filter(|found| heard(found).is_none());
        let Some(Fact::SagaEnded(saga, SagaEnd::Compensated)) =
            ends.map(fact).next().transpose()?
        else {
            return Err("an end is needed".to_owned());
        };
        let stands = known.contains(&Fact::SagaEnded(saga, SagaEnd::Compensated));
        return ensure(saga == client && stands, "its client heard nothing of the kind");
    }
    match *facts(cited)?.as_slice() {
        [Fact::SagaEnded(saga, one), Fact::SagaEnded(of, other)] => {
            ensure(saga == of && one != other && one != SagaEnd::Parked, "the ends agree")?;
            let both = [one, other].map(|end| known.contains(&Fact::SagaEnded(saga, end)));
            ensure(both == [true, true], "one of them was lost")
        }
        [Fact::SagaEnded(saga, end)]
        | [Fact::DidStep(..) | Fact::UndidStep(..), Fact::SagaEnded(saga, end)]
        | [Fact::SagaEnded(saga, end), Fact::DidStep(..) | Fact::UndidStep(..)] => {
            ensure(known.contains(&Fact::SagaEnded(saga, end)), "the end was lost")?;
            ensure(!fits(&known, signals, (saga, end)), "what stands fits the end")
        }
        [
            Fact::Planned { saga, .. }
            | Fact::DidStep(saga, _)
            | Fact::UndidStep(saga, _)
            | Fact::Tombstoned(saga, _),
        ] => {
            let ended = |fact: &Fact| matches!(fact, Fact::SagaEnded(of, _) if *of == saga);
            ensure(!known.iter().any(ended), "it ended")?;
            let planned =
                |fact: &Fact| matches!(fact, Fact::Planned { saga: of, .. } if *of == saga);
            let did = |fact: &Fact| match *fact {
                Fact::DidStep(of, step) => of == saga && stands(&known, saga, step),
                _ => false,
            };
            let nodes = evidence::nodes(signals).into_iter();
            let up: Vec<_> = nodes.filter(|node| evidence::is_up(signals, *node)).collect();
            let at_one_up = |is: &dyn Fn(&Fact) -> bool| {
                up.iter().any(|&node| evidence::known(signals, node).any(|(_, fact)| is(&fact)))
            };
            let by_effect = !known.iter().any(planned) && at_one_up(&did);
            ensure(at_one_up(&planned) || by_effect, "nobody who is up knows of it")
        }
        _ => Err("an end is needed, or a beginning".to_owned()),
    }
}

/// Does what stands of the steps fit the end?
fn fits(known: &[Fact], signals: &[Signal], (saga, end): (u64, SagaEnd)) -> bool {
    let mut steps: Vec<u16> = Vec::new();
    for signal in signals {
        match signal.what {
            What::Stated(
                _,
                Fact::Planned { saga: of, step, .. }
                | Fact::DidStep(of, step)
                | Fact::UndidStep(of, step),
            )
            | What::Replayed(
                _,
                Fact::Planned { saga: of, step, .. }
                | Fact::DidStep(of, step)
                | Fact::UndidStep(of, step),
            ) if of == saga => {
                steps.push(step);
            }
            _ => {}
        }
    }
    steps.into_iter().all(|step| {
        let stands = stands(known, saga, step);
        let was_undone = known.contains(&Fact::UndidStep(saga, step));
        let is_kept = plan(signals, saga, step).1 == StepKind::Kept;
        match end {
            SagaEnd::Parked => true,
            SagaEnd::Done => stands && !was_undone,
            SagaEnd::Partial if is_kept => stands || !was_undone,
            SagaEnd::Compensated | SagaEnd::Partial => !stands,
        }
    })
}

pub(super) fn balance(cited: &[Found], signals: &[Signal]) -> Checked {
    ensure(evidence::settled(signals), "faults were never over")?;
    let facts = facts(cited)?;
    let known = known(signals);
    let saga = facts.iter().find_map(|fact| match fact {
        Fact::Moves { saga, .. } => Some(*saga),
        _ => None,
    });
    let Some(saga) = saga else { return Err("no move is cited".to_owned()) };
    let end = facts.iter().find_map(|fact| match fact {
        Fact::SagaEnded(of, end) if *of == saga => Some(*end),
        _ => None,
    });
    let moves = known.iter().filter_map(|fact| match fact {
        Fact::Moves { saga: of, account, by } if *of == saga => Some((*account, i128::from(*by))),
        _ => None,
    });
    let moves: Vec<(u32, i128)> = moves.collect();
    match end {
        Some(SagaEnd::Done) => {
            ensure(moves.iter().map(|(_, by)| by).sum::<i128>() != 0, "it adds up")
        }
        Some(SagaEnd::Partial | SagaEnd::Parked) => Err("it may leave something".to_owned()),
        Some(SagaEnd::Compensated) | None => {
            let about = |fact: &Fact| {
                matches!(fact, Fact::SagaEnded(of, _) | Fact::Planned { saga: of, .. }
                    if *of == saga)
            };
            ensure(end.is_some() || !known.iter().any(about), "somebody knows of it")?;
            let sum = |account: u32| -> i128 {
                moves.iter().filter(|(of, _)| *of == account).map(|(_, by)| by).sum()
            };
            let is_uneven = moves.iter().any(|(account, _)| sum(*account) != 0);
            ensure(is_uneven, "nothing is left")
        }
    }
}
