//! Registers: a value that is read, written, or written if it is what was expected.
//!
//! ```text
//!   read→v   needs v             write v   gives v           acquire   needs free, gives held
//!   cas v→w  needs v, gives w    mismatch  needs any but v   release   needs held, gives free
//! ```
//!
//! The state is the number of a value. Whoever leaves a value that is still needed, and that nobody
//! can give again, has lost: counting needs and gifts finds that at once. With values that are
//! written once this alone leaves a search hardly any choice.

use super::{Object, State};
use crate::checkers::history::calls::{Action, Call, Seen, Value};

/// A register and the calls on it.
#[derive(Clone, Debug)]
pub(in crate::checkers::history) struct Registers {
    calls: Vec<Step>,
    values: Vec<Value>,
    initial: State,
    /// By value: how many ended calls outside of the order need it, and how many calls give it.
    needed: Vec<u32>,
    given: Vec<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Step {
    needs: State,
    avoids: State,
    gives: State,
    must_happen: bool,
}

const ANY: State = State::MAX;

impl Registers {
    /// The register for these calls, with what it holds at first.
    pub(in crate::checkers::history) fn new(calls: &[Call], initial: Value) -> Self {
        let mut values = vec![initial];
        for call in calls {
            let (needs, avoids, gives) = meaning(call.action);
            values.extend([needs, avoids, gives].into_iter().flatten());
        }
        values.sort_unstable();
        values.dedup();
        let place = |value: Option<Value>| {
            value.map_or(ANY, |value| values.partition_point(|&known| known < value) as State)
        };
        let step = |call: &Call| {
            let (needs, avoids, gives) = meaning(call.action);
            let must_happen = call.ended.is_some();
            Step { needs: place(needs), avoids: place(avoids), gives: place(gives), must_happen }
        };
        let steps: Vec<Step> = calls.iter().map(step).collect();
        let (mut needed, mut given) = (vec![0; values.len()], vec![0; values.len()]);
        for step in &steps {
            count(&mut needed, if step.must_happen { step.needs } else { ANY }, 1);
            count(&mut given, step.gives, 1);
        }
        let initial = place(Some(initial));
        Self { calls: steps, initial, values, needed, given }
    }

    fn recount(&mut self, call: usize, by: i32) {
        let Step { needs, gives, must_happen, .. } = self.calls[call];
        count(&mut self.needed, if must_happen { needs } else { ANY }, by);
        count(&mut self.given, gives, by);
    }
}

fn count(counts: &mut [u32], of: State, by: i32) {
    if of != ANY {
        let count = &mut counts[of as usize];
        *count = count.checked_add_signed(by).expect("what is put back was taken");
    }
}

/// What a call needs, must not find, and gives.
fn meaning(action: Action) -> (Option<Value>, Option<Value>, Option<Value>) {
    let [free, held] = [FREE, HELD].map(Some);
    match action {
        Action::Read(Seen::Anything) => (None, None, None),
        Action::Read(Seen::One(value)) => (Some(value), None, None),
        Action::Write(value) => (None, None, Some(value)),
        Action::Cas { expected, new } => (Some(expected), None, Some(new)),
        Action::Mismatch { expected } => (None, Some(expected), None),
        Action::Acquire => (free, None, held),
        Action::Release => (held, None, free),
        other => unreachable!("{other:?} is no call on a register"),
    }
}

/// The two values of a mutex.
pub(in crate::checkers::history) const FREE: Value = Value::NOTHING;
pub(in crate::checkers::history) const HELD: Value = Value::ONE;

impl Object for Registers {
    fn initial(&self) -> State {
        self.initial
    }

    #[inline]
    fn step(&mut self, state: State, call: usize) -> Option<State> {
        let Step { needs, avoids, gives, .. } = self.calls[call];
        if (needs != ANY && needs != state) || avoids == state {
            return None;
        }
        Some(if gives == ANY { state } else { gives })
    }

    fn take(&mut self, call: usize) {
        self.recount(call, -1);
    }

    fn put_back(&mut self, call: usize) {
        self.recount(call, 1);
    }

    fn is_hopeless(&self, _call: usize, from: State, to: State) -> bool {
        from != to && self.needed[from as usize] > 0 && self.given[from as usize] == 0
    }

    fn shown(&self, state: State) -> Vec<Value> {
        vec![self.values[state as usize]]
    }
}
