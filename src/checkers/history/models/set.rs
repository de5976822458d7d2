//! Sets: elements are added and removed, looked for, or read all at once.
//!
//! ```text
//!   add 3   {1} ──▶ {1,3}     remove 1   {1,3} ──▶ {3}     contains 1→false   read→[3]
//! ```
//!
//! The state is the number of a set over the elements that any call speaks of. Adding what is there
//! and removing what is not are legal and change nothing. A list that was read counts as a set: its
//! order says nothing, and an element that stands in it twice stands in it. As with registers, an
//! element whose presence or absence is still needed, and cannot come back, must not go.

use super::{Object, State};
use crate::checkers::history::{
    calls::{Action, Call, History, SeenList, Value},
    subsets::{NONE, Subset, Subsets},
};

/// A set and the calls on it.
#[derive(Clone, Debug)]
pub(in crate::checkers::history) struct SetModel {
    subsets: Subsets,
    elements: Vec<Value>,
    steps: Vec<Step>,
    must_happen: Vec<bool>,
    initial: Subset,
    /// By element, absent first: how many ended calls outside of the order need it so, and how many
    /// calls make it so.
    needed: Vec<[u32; 2]>,
    made: Vec<[u32; 2]>,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Add(u32),
    Remove(u32),
    Contains(u32, bool),
    ReadAny,
    Read(Subset),
}

impl SetModel {
    /// The set for these calls, with what it holds at first.
    pub(in crate::checkers::history) fn new(
        history: &History,
        calls: &[Call],
        initial: &[Value],
    ) -> Self {
        let mut elements = initial.to_vec();
        for call in calls {
            match call.action {
                Action::Add(value) | Action::Remove(value) | Action::Contains(value, _) => {
                    elements.push(value);
                }
                Action::ReadSet(SeenList::One(list)) => elements.extend(history.of(list)),
                Action::ReadSet(SeenList::Anything) => {}
                other => unreachable!("{other:?} is no call on a set"),
            }
        }
        elements.sort_unstable();
        elements.dedup();
        let mut subsets = Subsets::over(elements.len());
        let place = |value: Value| elements.partition_point(|&known| known < value) as u32;
        let mut subset = |values: &[Value]| {
            values.iter().fold(NONE, |set, value| subsets.with(set, place(*value)))
        };
        let initial = subset(initial);
        let step = |call: &Call| match call.action {
            Action::Add(value) => Step::Add(place(value)),
            Action::Remove(value) => Step::Remove(place(value)),
            Action::Contains(value, found) => Step::Contains(place(value), found),
            Action::ReadSet(SeenList::One(list)) => Step::Read(subset(history.of(list))),
            _ => Step::ReadAny,
        };
        let steps: Vec<Step> = calls.iter().map(step).collect();
        let counts = vec![[0; 2]; elements.len()];
        let must_happen = calls.iter().map(|call| call.ended.is_some()).collect();
        let (needed, made) = (counts.clone(), counts);
        let mut model = Self { subsets, elements, steps, must_happen, initial, needed, made };
        (0..calls.len()).for_each(|call| model.recount(call, 1));
        model
    }

    fn recount(&mut self, call: usize, by: i32) {
        let change = |count: &mut u32| {
            *count = count.checked_add_signed(by).expect("what is put back was taken");
        };
        match self.steps[call] {
            Step::Add(element) => change(&mut self.made[element as usize][1]),
            Step::Remove(element) => change(&mut self.made[element as usize][0]),
            _ if !self.must_happen[call] => {}
            Step::Contains(element, found) => {
                change(&mut self.needed[element as usize][usize::from(found)]);
            }
            Step::Read(seen) => {
                for (needed, element) in self.needed.iter_mut().zip(0..) {
                    change(&mut needed[usize::from(self.subsets.has(seen, element))]);
                }
            }
            Step::ReadAny => {}
        }
    }
}

impl Object for SetModel {
    fn initial(&self) -> State {
        self.initial
    }

    fn step(&mut self, state: State, call: usize) -> Option<State> {
        match self.steps[call] {
            Step::Add(element) => Some(self.subsets.with(state, element)),
            Step::Remove(element) => Some(self.subsets.without(state, element)),
            Step::Contains(element, found) => {
                (self.subsets.has(state, element) == found).then_some(state)
            }
            Step::ReadAny => Some(state),
            Step::Read(seen) => (seen == state).then_some(state),
        }
    }

    fn take(&mut self, call: usize) {
        self.recount(call, -1);
    }

    fn put_back(&mut self, call: usize) {
        self.recount(call, 1);
    }

    fn is_hopeless(&self, call: usize, from: State, to: State) -> bool {
        let (element, before) = match self.steps[call] {
            Step::Add(element) => (element as usize, 0),
            Step::Remove(element) => (element as usize, 1),
            _ => return false,
        };
        from != to && self.needed[element][before] > 0 && self.made[element][before] == 0
    }

    fn shown(&self, state: State) -> Vec<Value> {
        let has = |element: &u32| self.subsets.has(state, *element);
        let present = (0..self.elements.len() as u32).filter(has);
        present.map(|element| self.elements[element as usize]).collect()
    }

    fn kept(&self) -> usize {
        self.subsets.kept()
    }
}
