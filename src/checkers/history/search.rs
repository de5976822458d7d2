//! The general search for a legal order: Wing and Gong's, with Lowe's memory.
//!
//! ```text
//!   configuration = which calls are in the order + the state they lead to
//!
//!     ──▶ put in every observer that is right now       (no choice: it changes nothing)
//!     ──▶ put in what loses nothing by coming now       (no choice: the model says so)
//!     ──▶ been here before? ──yes──▶ back
//!     ──▶ try each call that may come next, the one with the earliest end first
//!         may come next: invoked before the first end that is not in the order
//! ```
//!
//! Sources: Wing & Gong 1993; Lowe 2017, Testing for linearizability. A configuration is remembered
//! in a few words: how many ends are passed without a gap, one bit for each call that is open there
//! and in the order, and the state. A call gets the lowest bit that is free while it is open, so
//! there are as many bits as calls ever overlap, however long the history. Of calls that ask and
//! answer the same, only the one that ends first is tried. A configuration that has more unknown
//! calls in the order than one met before, and is otherwise like it, leads nowhere new: it counts as
//! met (`memory.rs`). Remembering whole sets was rejected: their size grows with the history.
//!
//! Limits: configurations are counted, each time they are met, and words of memory, and a search
//! that exceeds a limit says which. Vectors that grow may hold as much again in reserve.

use super::{
    calls::Call,
    models::{Object, State},
};
use memory::Memory;
use timeline::{Bits, Timeline};

mod memory;
mod timeline;

/// What came of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A legal order, with the state before each call.
    Order(Vec<(usize, State)>),
    /// There is none.
    Nothing,
    /// A limit came first.
    GaveUp(Limit),
}

/// What a search may have no more of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    /// It met as many configurations as it may.
    States,
    /// It filled the room that it may.
    Room,
}

/// How much room a search may fill, in words of eight bytes: 256 MiB.
pub(super) const WORDS_MAX: usize = 1 << 25;

/// Looks for a legal order of calls, each in as many configurations as allowed at most. Says how
/// many configurations it met.
pub(super) fn search(calls: &[Call], object: &mut impl Object, states_max: u64) -> (Found, u64) {
    let mut search = Search::new(calls, object);
    let found = search.run(states_max, WORDS_MAX);
    (found, search.met)
}

struct Search<'s, O> {
    object: &'s mut O,
    observes: Vec<bool>,
    /// Calls by their ends; unknown ones are not among them.
    by_end: Vec<u32>,
    /// The place of each call in `by_end`; `u32::MAX` for the unknown.
    ends: Vec<u32>,
    /// The bit of each call, and its kind: calls of one kind ask and answer the same.
    bits: Vec<u32>,
    kinds: Vec<u32>,
    /// In which round of looking around each kind was last among the choices.
    last_met: Vec<u64>,
    round: u64,
    timeline: Timeline,
    /// How many of `by_end` are in the order without a gap.
    passed: u32,
    open: Vec<u64>,
    is_taken: Vec<bool>,
    order: Vec<(u32, State)>,
    frames: Vec<Frame>,
    choices: Vec<u32>,
    memory: Memory,
    /// How many configurations were looked at, those met before among them.
    met: u64,
}

/// A configuration on the way to the present one.
struct Frame {
    state: State,
    passed: u32,
    order_len: u32,
    next_choice: u32,
    choices_start: u32,
    choices_end: u32,
}

impl<'s, O: Object> Search<'s, O> {
    fn new(calls: &[Call], object: &'s mut O) -> Self {
        let mut by_end: Vec<u32> = (0..calls.len() as u32).collect();
        by_end.retain(|&call| calls[call as usize].ended.is_some());
        by_end.sort_unstable_by_key(|&call| calls[call as usize].end_rank());
        let mut ends = vec![u32::MAX; calls.len()];
        for (&call, place) in by_end.iter().zip(0..) {
            ends[call as usize] = place;
        }
        let timeline = Timeline::new(calls);
        let Bits { bits, certain_words, words } = timeline.bits(calls);
        let (kinds, kinds_len) = kinds(calls);
        Self {
            object,
            observes: calls.iter().map(|call| call.action.only_observes()).collect(),
            by_end,
            ends,
            bits,
            kinds,
            last_met: vec![0; kinds_len],
            round: 0,
            timeline,
            passed: 0,
            open: vec![0; words],
            is_taken: vec![false; calls.len()],
            order: Vec::new(),
            frames: Vec::new(),
            choices: Vec::new(),
            memory: Memory::new(1 + certain_words, 1 + words),
            met: 0,
        }
    }

    fn run(&mut self, states_max: u64, words_max: usize) -> Found {
        let mut state = self.object.initial();
        loop {
            let choices_start = self.choices.len();
            self.look_around(state);
            while let Some(next) = self.forced(state, choices_start) {
                state = next;
                self.choices.truncate(choices_start);
                self.look_around(state);
            }
            if self.passed as usize == self.by_end.len() {
                return self.finished();
            }
            self.met += 1;
            if !self.memory.is_new(self.passed, state, &self.open) {
                self.choices.truncate(choices_start);
            } else if self.met > states_max {
                return Found::GaveUp(Limit::States);
            } else if self.words() > words_max {
                return Found::GaveUp(Limit::Room);
            }
            self.frames.push(Frame {
                state,
                passed: self.passed,
                order_len: self.order.len() as u32,
                next_choice: choices_start as u32,
                choices_start: choices_start as u32,
                choices_end: self.choices.len() as u32,
            });
            match self.choose() {
                Some(next) => state = next,
                None => return Found::Nothing,
            }
        }
    }

    fn finished(&self) -> Found {
        Found::Order(self.order.iter().map(|&(call, state)| (call as usize, state)).collect())
    }

    /// How many words are filled by what grows with the search: what it remembers, the way to the
    /// present configuration, and the states.
    fn words(&self) -> usize {
        let way = size_of_val(&self.frames[..]) + size_of_val(&self.choices[..]);
        self.memory.kept() + self.object.kept() + way / size_of::<u64>()
    }

    /// Puts every observer into the order that is right in this state and may come now, and lists
    /// what else may come, earliest end first.
    fn look_around(&mut self, state: State) {
        let start = self.choices.len();
        let mut last = self.timeline.head();
        while let Some(call) = self.timeline.call_at(self.timeline.after(last)) {
            let is_observer = self.observes[call as usize];
            if is_observer && self.object.step(state, call as usize).is_some() {
                self.take(call, state); // Which also takes it off the timeline.
                continue;
            }
            if !is_observer {
                self.choices.push(call);
            }
            last = self.timeline.after(last);
        }
        let ends = &self.ends;
        self.choices[start..].sort_by_key(|&call| ends[call as usize]);
        // Of each kind only the first.
        self.round += 1;
        let mut kept = start;
        for place in start..self.choices.len() {
            let call = self.choices[place];
            let last_met = &mut self.last_met[self.kinds[call as usize] as usize];
            if *last_met != self.round {
                *last_met = self.round;
                self.choices[kept] = call;
                kept += 1;
            }
        }
        self.choices.truncate(kept);
    }

    /// Puts the first of the choices into the order that loses nothing by coming now.
    fn forced(&mut self, state: State, choices_start: usize) -> Option<State> {
        for place in choices_start..self.choices.len() {
            let call = self.choices[place];
            if self.object.is_forced(call as usize)
                && let Some(next) = self.object.step(state, call as usize)
            {
                self.take(call, state);
                return Some(next);
            }
        }
        None
    }

    /// Goes on with the next choice, here or further back; `None` when there is none left.
    fn choose(&mut self) -> Option<State> {
        loop {
            let frame = self.frames.last_mut()?;
            let (state, passed, order_len) = (frame.state, frame.passed, frame.order_len);
            if frame.next_choice == frame.choices_end {
                self.choices.truncate(frame.choices_start as usize);
                self.frames.pop();
                let before = self.frames.last().map(|frame| (frame.order_len, frame.passed));
                let (order_len, passed) = before?;
                self.go_back(order_len, passed);
                continue;
            }
            let call = self.choices[frame.next_choice as usize];
            frame.next_choice += 1;
            let Some(next) = self.object.step(state, call as usize) else { continue };
            self.take(call, state);
            if !self.object.is_hopeless(call as usize, state, next) {
                return Some(next);
            }
            self.go_back(order_len, passed);
        }
    }

    fn take(&mut self, call: u32, state: State) {
        self.object.take(call as usize);
        self.timeline.remove(call);
        self.order.push((call, state));
        self.is_taken[call as usize] = true;
        self.flip(call);
        while let Some(&next) = self.by_end.get(self.passed as usize) {
            if !self.is_taken[next as usize] {
                break;
            }
            self.flip(next);
            self.passed += 1;
        }
    }

    /// Takes calls out of the order again, the last first.
    fn go_back(&mut self, order_len: u32, passed: u32) {
        while self.passed > passed {
            self.passed -= 1;
            self.flip(self.by_end[self.passed as usize]);
        }
        while self.order.len() > order_len as usize {
            let (call, _) = self.order.pop().expect("it is longer than it shall be");
            self.flip(call);
            self.is_taken[call as usize] = false;
            self.timeline.restore(call);
            self.object.put_back(call as usize);
        }
    }

    fn flip(&mut self, call: u32) {
        let bit = self.bits[call as usize];
        self.open[(bit / 64) as usize] ^= 1 << (bit % 64);
    }
}

/// Numbers for actions: equal ones for calls that ask and answer the same.
fn kinds(calls: &[Call]) -> (Vec<u32>, usize) {
    let mut actions: Vec<_> = calls.iter().map(|call| call.action).collect();
    actions.sort_unstable();
    actions.dedup();
    let place = |call: &Call| actions.partition_point(|known| *known < call.action) as u32;
    (calls.iter().map(place).collect(), actions.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::time::Time,
        checkers::history::{
            calls::{Action, History, Moment, SeenList, Value},
            models::SequenceModel,
        },
    };

    /// Twelve processes change an object at once; then it is read and has seen too much.
    fn blown(history: &mut History, change: impl Fn(&mut History, Value) -> Action) {
        let moment = |at: u64| Moment { rank: 0, event: at, at: Time::from_nanos(at) };
        let call = |process: u32, action, (invoked, ended)| Call {
            process,
            key: Value::NOTHING,
            action,
            invoked: moment(invoked),
            ended: Some(moment(ended)),
        };
        for number in 0..12_u32 {
            let value = Value::number(number.into()).expect("a small number");
            let action = change(history, value);
            history.add(call(number, action, (number.into(), 100 + u64::from(number))));
        }
        history.rank();
    }

    fn refused(calls: &[Call], object: &mut impl Object, words_max: usize) -> (Found, usize) {
        let mut search = Search::new(calls, object);
        let found = search.run(u64::MAX, words_max);
        (found, search.words())
    }

    #[test]
    fn a_search_gives_up_before_it_fills_more_than_its_room() {
        let mut lists = History::default();
        blown(&mut lists, |history, value| match history.calls.len() {
            0 => Action::Replace(history.list([])),
            11 => Action::ReadList(SeenList::One(history.list([value, value]))),
            _ => Action::Extend(history.list([value])),
        });
        for words_max in [500, 2_000] {
            let mut list = SequenceModel::new(&lists, &lists.calls, &[]);
            let (found, words) = refused(&lists.calls, &mut list, words_max);
            assert_eq!(found, Found::GaveUp(Limit::Room));
            assert!(words > words_max && words < 2 * words_max, "{words} of {words_max}");
        }
    }
}
