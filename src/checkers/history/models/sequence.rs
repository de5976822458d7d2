//! Sequences: lists that are read whole, queues, and stacks.
//!
//! ```text
//!   append 3   [1,2] ──▶ [1,2,3]      enqueue 3  [1,2] ──▶ [1,2,3]     push 3  [1,2] ──▶ [1,2,3]
//!   read→[1,2] [1,2] ──▶ [1,2]        dequeue→1  [1,2] ──▶ [2]         pop→2   [1,2] ──▶ [1]
//! ```
//!
//! The state is the number of a sequence. Two short cuts keep searches small. Where lists only
//! grow, the longest read says what every shorter state must be. In a queue, what is put behind an
//! element that nobody takes, or that is taken for certain later, can never come out in time.

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

/// Who takes which value from a queue, when every value is put and taken at most once.
#[derive(Clone, Debug)]
struct Takers {
    /// Sorted by value: when the taker is invoked and when it has ended.
    by_value: Vec<(Value, u32, u32)>,
    /// Takers of which nobody knows what they took.
    unknown: bool,
}

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
        Self { history, sequences, steps, initial: initial_state, longest, takers }
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
    let mut takers = Takers { by_value: Vec::new(), unknown: false };
    for call in calls {
        match call.action {
            Action::Enqueue(value) => put.push(value),
            Action::Dequeue(Seen::One(value)) if value != Value::NOTHING => {
                takers.by_value.push((value, call.invoked.rank, call.end_rank()));
            }
            Action::Dequeue(Seen::Anything) => takers.unknown = true,
            Action::Dequeue(_) => {}
            _ => return None,
        }
    }
    takers.by_value.sort_unstable();
    put.sort_unstable();
    let once = put.windows(2).all(|two| two[0] != two[1])
        && takers.by_value.windows(2).all(|two| two[0].0 != two[1].0);
    once.then_some(takers)
}

impl Takers {
    fn of(&self, value: Value) -> Option<(u32, u32)> {
        let place = self.by_value.binary_search_by_key(&value, |taker| taker.0).ok()?;
        let (_, invoked, ended) = self.by_value[place];
        Some((invoked, ended))
    }

    /// Can what stands behind come out, given what stands before it?
    fn bars(&self, before: Value, behind: Value) -> bool {
        match (self.of(before), self.of(behind)) {
            (Some((invoked, _)), Some((_, ended))) => ended < invoked,
            (None, Some(_)) => !self.unknown,
            (_, None) => false,
        }
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

    fn take(&mut self, call: usize) {
        if let Some(longest) = self.longest.as_mut().filter(|longest| longest.call == call) {
            longest.waits = false;
        }
    }

    fn put_back(&mut self, call: usize) {
        if let Some(longest) = self.longest.as_mut().filter(|longest| longest.call == call) {
            longest.waits = true;
        }
    }

    fn is_hopeless(&self, _call: usize, from: State, to: State) -> bool {
        if let Some(longest) = self.longest.as_ref().filter(|longest| longest.waits) {
            let length = self.sequences.length(to) as usize;
            return longest.beginnings.get(length) != Some(&to);
        }
        let Some(takers) = &self.takers else { return false };
        let grew = self.sequences.length(to) > self.sequences.length(from);
        match (self.sequences.popped(from), self.sequences.popped(to)) {
            (Some((before, _)), Some((behind, _))) if grew => takers.bars(before, behind),
            _ => false,
        }
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
