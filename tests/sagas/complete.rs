//! All complete histories of a small saga, by recursion, and of two that interleave.
//!
//! A saga goes forward in any order that its plan allows until all is done, or until a step that
//! could come next fails; then it goes back in any order that undoes what rests on others first.
//! Nothing is lost, nothing comes twice: what is left is order alone, which can be counted.

use crate::naive::{Deed, Effect};
use splitbrain::engine::facts::SagaEnd;

/// An effect, or the end of the saga.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Effect(Effect),
    End(SagaEnd),
}

/// All complete histories of one saga, without their ends: which steps each comes after.
///
/// Two that differ only in which step failed are two.
pub(crate) fn histories(after: &[u32]) -> Vec<Vec<Effect>> {
    let mut all = Vec::new();
    go_on(after, 0, &mut Vec::new(), &mut all);
    all
}

/// Those of so many steps in a row.
pub(crate) fn of_chain(steps: usize) -> Vec<Vec<Effect>> {
    let after: Vec<u32> =
        (0..steps).map(|step| if step == 0 { 0 } else { 1 << (step - 1) }).collect();
    histories(&after)
}

fn go_on(after: &[u32], done: u32, so_far: &mut Vec<Effect>, all: &mut Vec<Vec<Effect>>) {
    if done.count_ones() as usize == after.len() {
        all.push(so_far.clone());
        return;
    }
    for (step, needs) in (0_u16..).zip(after) {
        if done >> step & 1 == 1 || needs & !done != 0 {
            continue;
        }
        so_far.push((Deed::Do, step));
        go_on(after, done | 1 << step, so_far, all);
        so_far.pop();
        // Or it fails.
        go_back(after, done, so_far, all);
    }
}

fn go_back(after: &[u32], done: u32, so_far: &mut Vec<Effect>, all: &mut Vec<Vec<Effect>>) {
    if done == 0 {
        all.push(so_far.clone());
        return;
    }
    for step in 0..after.len() as u16 {
        let rests_on_it =
            |(other, needs): (u16, &u32)| done >> other & 1 == 1 && needs >> step & 1 == 1;
        if done >> step & 1 == 1 && !(0_u16..).zip(after).any(rests_on_it) {
            so_far.push((Deed::Undo, step));
            go_back(after, done & !(1 << step), so_far, all);
            so_far.pop();
        }
    }
}

/// Tells every way in which two sagas, 0 and 1, go through one of these histories each, with ends.
pub(crate) fn two_interleaved(histories: &[Vec<Effect>], mut each: impl FnMut(&[(u64, Event)])) {
    let with_end = |history: &Vec<Effect>| -> Vec<Event> {
        let is_back = history.is_empty() || history.iter().any(|(deed, _)| *deed == Deed::Undo);
        let end = if is_back { SagaEnd::Compensated } else { SagaEnd::Done };
        history.iter().map(|&effect| Event::Effect(effect)).chain([Event::End(end)]).collect()
    };
    let ended: Vec<Vec<Event>> = histories.iter().map(with_end).collect();
    for one in &ended {
        for other in &ended {
            interleave(one, other, &mut Vec::new(), &mut each);
        }
    }
}

fn interleave(
    one: &[Event],
    other: &[Event],
    so_far: &mut Vec<(u64, Event)>,
    each: &mut impl FnMut(&[(u64, Event)]),
) {
    if one.is_empty() && other.is_empty() {
        each(so_far);
    }
    if let Some((&event, rest)) = one.split_first() {
        so_far.push((0, event));
        interleave(rest, other, so_far, each);
        so_far.pop();
    }
    if let Some((&event, rest)) = other.split_first() {
        so_far.push((1, event));
        interleave(one, rest, so_far, each);
        so_far.pop();
    }
}

/// In how many ways k of n can be chosen.
pub(crate) fn choose(n: u64, k: u64) -> u64 {
    (0..k).fold(1, |ways, place| ways * (n - place) / (place + 1))
}
