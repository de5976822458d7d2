//! Sequences: lists that are read whole, queues, and stacks.
//!
//! ```text
//!   append 3   [1,2] ──▶ [1,2,3]      enqueue 3  [1,2] ──▶ [1,2,3]     push 3  [1,2] ──▶ [1,2,3]
//!   read→[1,2] [1,2] ──▶ [1,2]        dequeue→1  [1,2] ──▶ [2]         pop→2   [1,2] ──▶ [1]
//! ```
//!
//! The state is the number of a sequence. Three short cuts keep searches small. Where lists only
//! grow, the longest read says what every shorter state must be. Where every value is put and taken
//! once, who takes a value that is at hand loses nothing by taking it at once: whatever would come
//! between cannot touch it. And what gets behind such a value that nobody takes, or that is taken
//! for certain later, can never come out in time: in a queue the new one, in a stack those below.

use super::{Object, State};
use crate::checkers::history::{
    calls::{Action, Call, History, List, Seen, SeenList, Value},
    sequences::{EMPTY, Sequence, Sequences},
};

/// A sequence and the calls on it.
#[derive(Clone, Debug)]
pub(in crate::checkers::history) struct SequenceModel<'h> {
    history: &'h History,
    sequences: Sequences,
    steps: Vec<Step>,
    initial: Sequence,
    longest: Option<Longest>,
    takers: Option<Takers>,
    is_queue: bool,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    ReadAny,
    Read(Sequence),
    Replace(Sequence),
    Extend(List),
    Put(Value),
    TakeFirst(Seen),
    TakeLast(Seen),
}

/// The longest list that is read: all states before that read are its beginnings.
#[derive(Clone, Debug)]
struct Longest {
    call: usize,
    beginnings: Vec<Sequence>,
    waits: bool,
}

/// Who takes which value, when every value is put and taken at most once.
#[derive(Clone, Debug)]
struct Takers {
    /// Sorted by value: when the taker is invoked and when it has ended.
    by_value: Vec<(Value, u32, u32)>,
    /// Takers of which nobody knows what they took.
    unknown: bool,
    /// The values that are taken for certain by the ends of their takers, and who puts them.
    by_end: Vec<(u32, Value)>,
    /// Whether each of `by_end` has been put, and how many of them, from the first, all have.
    is_put: Vec<bool>,
    all_put: usize,
}

/// So many elements before a new one are looked at.
const LOOK_BACK: usize = 64;

impl<'h> SequenceModel<'h> {
    /// The sequence for these calls, with what it holds at first.
    pub(in crate::checkers::history) fn new(
        history: &'h History,
        calls: &[Call],
        initial: &[Value],
    ) -> Self {
        let mut sequences = Sequences::new();
        let initial_state = sequences.extended(EMPTY, initial);
        let step = |call: &Call| match call.action {
            Action::ReadList(SeenList::Anything) => Step::ReadAny,
            Action::ReadList(SeenList::One(list)) => {
                Step::Read(sequences.extended(EMPTY, history.of(list)))
            }
            Action::Replace(list) => Step::Replace(sequences.extended(EMPTY, history.of(list))),
            Action::Extend(list) => Step::Extend(list),
            Action::Enqueue(value) | Action::Push(value) => Step::Put(value),
            Action::Dequeue(seen) => Step::TakeFirst(seen),
            Action::Pop(seen) => Step::TakeLast(seen),
            other => unreachable!("{other:?} is no call on a sequence"),
        };
        let steps: Vec<Step> = calls.iter().map(step).collect();
        let longest = longest(&steps, &sequences);
        let takers = takers(calls, initial);
        let is_queue = steps.iter().any(|step| matches!(step, Step::TakeFirst(_)));
        Self { history, sequences, steps, initial: initial_state, longest, takers, is_queue }
    }
}

fn longest(steps: &[Step], sequences: &Sequences) -> Option<Longest> {
    if steps.iter().any(|step| matches!(step, Step::Replace(_))) {
        return None;
    }
    let reads = steps.iter().enumerate().filter_map(|(call, step)| match step {
        Step::Read(sequence) => Some((call, *sequence)),
        _ => None,
    });
    let (call, mut at) = reads.max_by_key(|(_, read)| sequences.length(*read))?;
    let mut beginnings = vec![at];
    while let Some((_, before)) = sequences.popped(at) {
        beginnings.push(before);
        at = before;
    }
    beginnings.reverse();
    Some(Longest { call, beginnings, waits: true })
}

fn takers(calls: &[Call], initial: &[Value]) -> Option<Takers> {
    let mut put = initial.to_vec();
    let (mut by_value, mut unknown) = (Vec::new(), false);
    for call in calls {
        match call.action {
            Action::Enqueue(value) | Action::Push(value) => put.push(value),
            Action::Dequeue(Seen::One(value)) | Action::Pop(Seen::One(value)) => {
                if value != Value::NOTHING {
                    by_value.push((value, call.invoked.rank, call.end_rank()));
                }
            }
            Action::Dequeue(Seen::Anything) | Action::Pop(Seen::Anything) => unknown = true,
            _ => return None,
        }
    }
    by_value.sort_unstable();
    put.sort_unstable();
    let once = put.windows(2).all(|two| two[0] != two[1])
        && by_value.windows(2).all(|two| two[0].0 != two[1].0);
    let mut by_end: Vec<(u32, Value)> =
        by_value.iter().map(|&(value, _, ended)| (ended, value)).collect();
    by_end.sort_unstable();
    let is_put = vec![false; by_end.len()];
    let mut takers = Takers { by_value, unknown, by_end, is_put, all_put: 0 };
    for &value in initial {
        takers.note(value, true);
    }
    once.then_some(takers)
}

impl Takers {
    fn of(&self, value: Value) -> Option<(u32, u32)> {
        let place = self.by_value.binary_search_by_key(&value, |taker| taker.0).ok()?;
        let (_, invoked, ended) = self.by_value[place];
        Some((invoked, ended))
    }

    /// A value was put, or is not put any more.
    fn note(&mut self, value: Value, is_put: bool) {
        let Some((_, ended)) = self.of(value) else { return };
        let Ok(place) = self.by_end.binary_search(&(ended, value)) else { return };
        self.is_put[place] = is_put;
        self.all_put = self.all_put.min(place);
        while self.is_put.get(self.all_put) == Some(&true) {
            self.all_put += 1;
        }
    }

    /// Must one value come out before another that is in its way?
    fn bars(&self, in_the_way: Value, behind: Value) -> bool {
        match (self.of(in_the_way), self.of(behind)) {
            (Some((invoked, _)), Some((_, ended))) => ended < invoked,
            (None, Some(_)) => !self.unknown,
            (_, None) => false,
        }
    }

    /// Is a value, just put, before another that is not put yet and must come out sooner?
    fn comes_too_early(&self, value: Value) -> bool {
        self.by_end.get(self.all_put).is_some_and(|&(_, missing)| self.bars(value, missing))
    }
}

impl Object for SequenceModel<'_> {
    fn initial(&self) -> State {
        self.initial
    }

    fn step(&mut self, state: State, call: usize) -> Option<State> {
        match self.steps[call] {
            Step::ReadAny => Some(state),
            Step::Read(seen) => (seen == state).then_some(state),
            Step::Replace(sequence) => Some(sequence),
            Step::Extend(list) => Some(self.sequences.extended(state, self.history.of(list))),
            Step::Put(value) => Some(self.sequences.pushed(state, value)),
            Step::TakeFirst(seen) => taken(state, self.sequences.shifted(state), seen),
            Step::TakeLast(seen) => taken(state, self.sequences.popped(state), seen),
        }
    }

    fn is_forced(&self, call: usize) -> bool {
        let takes = matches!(
            self.steps[call],
            Step::TakeFirst(Seen::One(_)) | Step::TakeLast(Seen::One(_))
        );
        takes && self.takers.is_some()
    }

    fn take(&mut self, call: usize) {
        if let (Step::Put(value), Some(takers)) = (self.steps[call], &mut self.takers) {
            takers.note(value, true);
        }
        if let Some(longest) = self.longest.as_mut().filter(|longest| longest.call == call) {
            longest.waits = false;
        }
    }

    fn put_back(&mut self, call: usize) {
        if let (Step::Put(value), Some(takers)) = (self.steps[call], &mut self.takers) {
            takers.note(value, false);
        }
        if let Some(longest) = self.longest.as_mut().filter(|longest| longest.call == call) {
            longest.waits = true;
        }
    }

    fn is_hopeless(&self, call: usize, from: State, to: State) -> bool {
        if let Some(longest) = self.longest.as_ref().filter(|longest| longest.waits) {
            let length = self.sequences.length(to) as usize;
            return longest.beginnings.get(length) != Some(&to);
        }
        let (Some(takers), Step::Put(value)) = (&self.takers, self.steps[call]) else {
            return false;
        };
        let (mut at, mut bars) = (from, self.is_queue && takers.comes_too_early(value));
        for _ in 0..LOOK_BACK {
            let Some((before, rest)) = self.sequences.popped(at) else { break };
            bars = bars
                || if self.is_queue {
                    takers.bars(before, value)
                } else {
                    takers.bars(value, before)
                };
            at = rest;
        }
        bars
    }

    fn shown(&self, state: State) -> Vec<Value> {
        self.sequences.elements(state)
    }

    fn kept(&self) -> usize {
        self.sequences.kept()
    }
}

/// The state after somebody took an element, or found that there is none.
fn taken(state: State, element: Option<(Value, Sequence)>, seen: Seen) -> Option<State> {
    match (element, seen) {
        (None, Seen::Anything | Seen::One(Value::NOTHING)) => Some(state),
        (Some((_, rest)), Seen::Anything) => Some(rest),
        (Some((element, rest)), Seen::One(value)) if element == value => Some(rest),
        _ => None,
    }
}
