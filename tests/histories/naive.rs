//! The definitions, by trying every order. Nothing here knows how the judges work.
//!
//! ```text
//!   Op { process, invoked, ended, what } ──legal?──▶ every order of every subset of the open calls
//!                                        └─history()──▶ what the judges read
//! ```
//!
//! Moments are plain numbers, all different, unless a test wants them equal.

use splitbrain::{
    base::time::Time,
    checkers::history::{
        Model, Rules,
        calls::{Action, Call, History, Moment, Seen, SeenList, Value},
    },
};
use std::collections::BTreeSet;

/// One call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Op {
    pub(crate) process: u32,
    pub(crate) invoked: u64,
    pub(crate) ended: Option<u64>,
    pub(crate) what: What,
}

/// What was asked and answered; `None` is `null`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Read(Option<i64>),
    Write(i64),
    Cas(Option<i64>, i64),
    Mismatch(Option<i64>),
    ReadList(Vec<i64>),
    Replace(Vec<i64>),
    Append(i64),
    Add(i64),
    Remove(i64),
    Contains(i64, bool),
    ReadSet(Vec<i64>),
    Enqueue(i64),
    /// `None` of the outer kind: nobody knows what came out.
    Dequeue(Option<Option<i64>>),
    Push(i64),
    Pop(Option<Option<i64>>),
    Acquire,
    Release,
}

impl What {
    /// What an unknown call is: nobody knows what came out of it.
    pub(crate) fn unanswered(&self) -> Self {
        match self {
            Self::Dequeue(_) => Self::Dequeue(None),
            Self::Pop(_) => Self::Pop(None),
            other => other.clone(),
        }
    }

    pub(crate) fn is_observer(&self) -> bool {
        matches!(
            self,
            Self::Read(_)
                | Self::Mismatch(_)
                | Self::ReadList(_)
                | Self::Contains(..)
                | Self::ReadSet(_)
                | Self::Dequeue(Some(None))
                | Self::Pop(Some(None))
        )
    }
}

/// What an object holds.
#[derive(Clone, Debug, PartialEq, Eq)]
struct State {
    value: Option<i64>,
    list: Vec<i64>,
}

/// The state after a call, if its answer is right.
fn step(state: &State, what: &What) -> Option<State> {
    let mut next = state.clone();
    let right = match what {
        What::Read(seen) => state.value == *seen,
        What::Write(value) => {
            next.value = Some(*value);
            true
        }
        What::Cas(expected, new) => {
            next.value = Some(*new);
            state.value == *expected
        }
        What::Mismatch(expected) => state.value != *expected,
        What::ReadList(seen) => state.list == *seen,
        What::Replace(list) => {
            next.list.clone_from(list);
            true
        }
        What::Append(value) | What::Enqueue(value) | What::Push(value) => {
            next.list.push(*value);
            true
        }
        What::Add(value) => {
            next.list.retain(|known| known != value);
            next.list.push(*value);
            true
        }
        What::Remove(value) => {
            next.list.retain(|known| known != value);
            true
        }
        What::Contains(value, found) => state.list.contains(value) == *found,
        What::ReadSet(seen) => {
            let set = |list: &[i64]| list.iter().copied().collect::<BTreeSet<_>>();
            set(&state.list) == set(seen)
        }
        What::Dequeue(seen) => {
            let out = (!next.list.is_empty()).then(|| next.list.remove(0));
            seen.is_none_or(|seen| seen == out)
        }
        What::Pop(seen) => {
            let out = next.list.pop();
            seen.is_none_or(|seen| seen == out)
        }
        What::Acquire => next.value.replace(1).is_none(),
        What::Release => next.value.take().is_some(),
    };
    right.then_some(next)
}

/// Is there an order of all ended and some other calls that keeps to real time and is right?
pub(crate) fn is_linearizable(ops: &[Op]) -> bool {
    extends(&State { value: None, list: Vec::new() }, ops, &mut vec![false; ops.len()])
}

fn extends(state: &State, ops: &[Op], placed: &mut [bool]) -> bool {
    if (0..ops.len()).all(|op| placed[op] || ops[op].ended.is_none()) {
        return true;
    }
    for next in 0..ops.len() {
        let comes_too_early = |other: usize| {
            !placed[other] && ops[other].ended.is_some_and(|ended| ended < ops[next].invoked)
        };
        if placed[next] || (0..ops.len()).any(comes_too_early) {
            continue;
        }
        if let Some(after) = step(state, &ops[next].what) {
            placed[next] = true;
            let found = extends(&after, ops, placed);
            placed[next] = false;
            if found {
                return true;
            }
        }
    }
    false
}

/// The rules of a model with nothing in it.
pub(crate) fn rules(model: Model) -> Rules {
    Rules::of(model)
}

/// What the judges read. Open calls have no answer.
pub(crate) fn history(ops: &[Op]) -> History {
    let mut history = History::default();
    for op in ops {
        let what = if op.ended.is_some() { op.what.clone() } else { op.what.unanswered() };
        let action = action(&mut history, &what);
        let moment = |at: u64| Moment { rank: 0, event: at, at: Time::from_nanos(at) };
        history.add(Call {
            process: op.process,
            key: Value::NOTHING,
            action,
            invoked: moment(op.invoked),
            ended: op.ended.map(moment),
        });
    }
    history.calls.sort_by_key(|call| call.invoked.event);
    history.rank();
    history
}

pub(crate) fn value(number: i64) -> Value {
    Value::number(number).expect("a small number")
}

fn action(history: &mut History, what: &What) -> Action {
    let maybe = |number: &Option<i64>| number.map_or(Value::NOTHING, value);
    let seen = |seen: &Option<Option<i64>>| {
        seen.as_ref().map_or(Seen::Anything, |number| Seen::One(maybe(number)))
    };
    let mut list = |numbers: &[i64]| history.list(numbers.iter().map(|number| value(*number)));
    match what {
        What::Read(number) => Action::Read(Seen::One(maybe(number))),
        What::Write(number) => Action::Write(value(*number)),
        What::Cas(expected, new) => Action::Cas { expected: maybe(expected), new: value(*new) },
        What::Mismatch(expected) => Action::Mismatch { expected: maybe(expected) },
        What::ReadList(numbers) => Action::ReadList(SeenList::One(list(numbers))),
        What::Replace(numbers) => Action::Replace(list(numbers)),
        What::Append(number) => Action::Extend(list(&[*number])),
        What::Add(number) => Action::Add(value(*number)),
        What::Remove(number) => Action::Remove(value(*number)),
        What::Contains(number, found) => Action::Contains(value(*number), *found),
        What::ReadSet(numbers) => Action::ReadSet(SeenList::One(list(numbers))),
        What::Enqueue(number) => Action::Enqueue(value(*number)),
        What::Dequeue(number) => Action::Dequeue(seen(number)),
        What::Push(number) => Action::Push(value(*number)),
        What::Pop(number) => Action::Pop(seen(number)),
        What::Acquire => Action::Acquire,
        What::Release => Action::Release,
    }
}

/// The op that a call of a proof is: calls are told apart by when they were invoked.
pub(crate) fn op_of<'o>(ops: &'o [Op], call: &Call) -> &'o Op {
    ops.iter().find(|op| op.invoked == call.invoked.event).expect("a call of the history")
}

// Sessions.

/// Does some order of the versions meet the guarantee? Number 0 to 3 in the order of the judges.
///
/// What a session saw go back and forth has no order at all; of the last two guarantees, which only
/// take that for evidence, one is broken only if two calls that it speaks of are part of it.
pub(crate) fn keeps_guarantee(ops: &[Op], guarantee: usize) -> bool {
    let mut versions: Vec<Option<i64>> = Vec::new();
    for op in ops {
        versions.extend(found(op));
        versions.extend(left(op));
    }
    versions.retain(Option::is_some);
    versions.sort_unstable();
    versions.dedup();
    if guarantee >= 2 {
        return !is_part_of_a_cycle(ops, guarantee, &versions);
    }
    let mut keeps = false;
    permute(&mut versions, 0, &mut |order| {
        keeps = keeps || meets(ops, guarantee, order);
    });
    keeps
}

/// Can one get from the second version of a demanded pair to the first?
fn is_part_of_a_cycle(ops: &[Op], guarantee: usize, versions: &[Option<i64>]) -> bool {
    let mut steps: BTreeSet<(Option<i64>, Option<i64>)> = BTreeSet::new();
    let mut demanded = Vec::new();
    steps.extend(versions.iter().map(|version| (None, *version)));
    for op in ops {
        if let What::Cas(expected, new) = op.what {
            steps.insert((expected, Some(new)));
        }
    }
    for (one, other) in ops.iter().flat_map(|one| ops.iter().map(move |other| (one, other))) {
        let in_order = one.ended.is_some_and(|ended| ended < other.invoked);
        if one.process != other.process || !in_order {
            continue;
        }
        steps.extend(found(one).zip(found(other)));
        let own = if guarantee == 2 { left(one) } else { found(one) };
        demanded.extend(own.zip(left(other)));
    }
    steps.extend(demanded.iter().copied());
    for _ in versions {
        for (from, to) in steps.clone() {
            let further: Vec<_> = steps.iter().filter(|step| step.0 == to).map(|s| s.1).collect();
            steps.extend(further.into_iter().map(|to| (from, to)));
        }
    }
    demanded.iter().any(|&(from, to)| from == to || steps.contains(&(to, from)))
}

fn permute(items: &mut Vec<Option<i64>>, from: usize, visit: &mut impl FnMut(&[Option<i64>])) {
    if from == items.len() {
        return visit(items);
    }
    for place in from..items.len() {
        items.swap(from, place);
        permute(items, from + 1, visit);
        items.swap(from, place);
    }
}

/// What a call saw; a call without an answer saw nothing.
fn found(op: &Op) -> Option<Option<i64>> {
    match op.what {
        What::Read(seen) if op.ended.is_some() => Some(seen),
        What::Cas(expected, _) if op.ended.is_some() => Some(expected),
        _ => None,
    }
}

fn left(op: &Op) -> Option<Option<i64>> {
    match op.what {
        What::Write(value) | What::Cas(_, value) => Some(Some(value)),
        _ => None,
    }
}

fn meets(ops: &[Op], guarantee: usize, order: &[Option<i64>]) -> bool {
    // The initial version comes before all others.
    let place = |version: Option<i64>| order.iter().position(|known| *known == version);
    let not_after = |one: Option<i64>, other: Option<i64>| place(one) <= place(other);
    let before = |one: Option<i64>, other: Option<i64>| place(one) < place(other);
    let mut right = ops.iter().all(|op| match op.what {
        What::Cas(expected, new) => expected == Some(new) || before(expected, Some(new)),
        _ => true,
    });
    for (one, other) in ops.iter().flat_map(|one| ops.iter().map(move |other| (one, other))) {
        if one.ended.is_none_or(|ended| ended >= other.invoked) {
            continue;
        }
        let in_session = one.process == other.process;
        let pair = |from: Option<Option<i64>>, to: Option<Option<i64>>| from.zip(to);
        if let Some((from, to)) = pair(left(one), left(other)) {
            right &= before(from, to);
        }
        if let Some((from, to)) = pair(found(one), found(other)) {
            right &= !(guarantee == 1 && in_session) || not_after(from, to);
        }
        if let Some((from, to)) = pair(left(one), found(other)) {
            right &= !(guarantee == 0 && in_session) || not_after(from, to);
        }
    }
    right
}

/// Does the history of a list meet the guarantee, by the words of the definition?
pub(crate) fn list_keeps_guarantee(ops: &[Op], guarantee: usize) -> bool {
    let read = |op: &Op| match &op.what {
        What::ReadList(list) if op.ended.is_some() => Some(list.clone()),
        _ => None,
    };
    let appended = |op: &Op| match op.what {
        What::Append(value) => Some(value),
        _ => None,
    };
    let seen_after = |first: &[i64], later: i64| {
        ops.iter().filter_map(read).all(|list| {
            let place = list.iter().position(|element| *element == later);
            place.is_none_or(|place| first.iter().all(|element| list[..place].contains(element)))
        })
    };
    let pairs = ops.iter().flat_map(|one| ops.iter().map(move |other| (one, other)));
    pairs
        .filter(|(one, other)| {
            one.process == other.process && one.ended.is_some_and(|ended| ended < other.invoked)
        })
        .all(|(one, other)| match guarantee {
            0 => appended(one).zip(read(other)).is_none_or(|(own, list)| list.contains(&own)),
            1 => read(one).zip(read(other)).is_none_or(|(one, other)| other.starts_with(&one)),
            2 => appended(one)
                .zip(appended(other))
                .is_none_or(|(one, other)| seen_after(&[one], other)),
            _ => read(one).zip(appended(other)).is_none_or(|(list, own)| seen_after(&list, own)),
        })
}

// Staleness.

/// By how many versions and for how long the worst read was behind; unique values only.
pub(crate) fn worst_lag(ops: &[Op]) -> (u64, u64) {
    let mut worst = (0, 0);
    for read in ops {
        let Some(seen) = found(read).filter(|_| read.ended.is_some()) else { continue };
        let knows =
            |op: &&Op| op.ended.is_some() && (left(op) == Some(seen) || found(op) == Some(seen));
        let in_place = ops.iter().filter(knows).filter_map(|op| op.ended).min();
        let newer = ops.iter().filter(|write| {
            let began_later = seen.is_none() || in_place.is_some_and(|since| since < write.invoked);
            left(write).is_some()
                && began_later
                && write.ended.is_some_and(|ended| ended < read.invoked)
        });
        let ends: Vec<u64> = newer.filter_map(|write| write.ended).collect();
        let since = ends.iter().min().map_or(0, |first| read.invoked - first);
        worst = (worst.0.max(ends.len() as u64), worst.1.max(since));
    }
    worst
}
