//! Configurations: all that a register may be by now, given what clients were told so far.
//!
//! ```text
//!   k1 ├──write 1╌╌╌        { value 0, nothing placed }
//!   k2    ├──read╌╌╌        { value 0, read placed: 0 }   { value 1, write placed }
//!                           { value 1, write placed, read placed: 0 or 1 }
//!   k2 is answered 1   ──▶  { value 1, write placed }      k2 is answered 2 ──▶ none: illegal
//! ```
//!
//! Where every order is explored, a past matters as far as it decides later verdicts, and this is
//! just that: calls that have ended are gone, and of the open ones a configuration says which have
//! taken effect already, and with which answer. Two pasts with equal sets are judged alike for ever.
//! Keeping the order of real time among all calls with their results was tried on paper: it tells
//! apart pasts that no future tells apart, and states multiply by that.
//!
//! Follows Lowe 2017, whose just-in-time linearization keeps such a set per event.
//!
//! Limits: exponential in the calls that are open at a time; explorations have a handful.

use crate::{
    base::{digest::Fold, ids::OpId},
    checkers::history::engine::Step,
    engine::operations::{Ending, Operation},
};
use std::collections::{BTreeMap, BTreeSet};

/// What one register may be: a value, and the open calls that have taken effect.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Configuration {
    value: i64,
    /// With the answer that each has to get.
    placed: BTreeMap<OpId, Option<i64>>,
}

/// All that one register may be.
#[derive(Clone, Debug)]
struct Register {
    open: BTreeMap<OpId, Operation>,
    configurations: BTreeSet<Configuration>,
}

/// All that the registers of a run may be, by key.
pub(super) struct Configurations {
    initial: i64,
    registers: BTreeMap<u32, Register>,
}

impl Configurations {
    /// What clients were told so far leaves these.
    pub(super) fn after(steps: impl Iterator<Item = Step>, initial: i64) -> Self {
        let mut all = Self { initial, registers: BTreeMap::new() };
        let mut keys = BTreeMap::new();
        for step in steps {
            match step {
                Step::Invoked(op, operation) => {
                    let key = key_of(operation);
                    keys.insert(op, key);
                    all.register(key).invoke(op, operation);
                }
                Step::Ended(op, ending) => all.register(keys[&op]).end(op, ending, initial),
            }
        }
        all
    }

    fn register(&mut self, key: u32) -> &mut Register {
        let untouched = Configuration { value: self.initial, placed: BTreeMap::new() };
        let configurations = BTreeSet::from([untouched]);
        let register = || Register { open: BTreeMap::new(), configurations };
        self.registers.entry(key).or_insert_with(register)
    }

    /// Whether there is a register that no order of its calls explains.
    pub(super) fn is_illegal(&self) -> bool {
        self.registers.values().any(|register| register.configurations.is_empty())
    }

    pub(super) fn fold(&self, fold: &mut Fold) {
        for (&key, register) in &self.registers {
            fold.word(u64::from(key));
            for (&op, &operation) in &register.open {
                fold.word(u64::from(op.0));
                fold_operation(operation, fold);
            }
            fold.word(register.configurations.len() as u64);
            for Configuration { value, placed } in &register.configurations {
                fold.word(*value as u64);
                fold.word(placed.len() as u64);
                for (op, answer) in placed {
                    fold.words([u64::from(op.0), u64::from(answer.is_some())]);
                    fold.word(answer.unwrap_or(0) as u64);
                }
            }
        }
    }
}

impl Register {
    fn invoke(&mut self, op: OpId, operation: Operation) {
        self.open.insert(op, operation);
        let mut fresh: Vec<_> = self.configurations.iter().cloned().collect();
        while let Some(from) = fresh.pop() {
            for next in from.nexts(&self.open) {
                if self.configurations.insert(next.clone()) {
                    fresh.push(next);
                }
            }
        }
    }

    /// An answer leaves only what explains it. Whoever hears nothing may take effect at any time, or
    /// never, so nothing is known; a read that nobody hears of explains nothing and is forgotten.
    fn end(&mut self, op: OpId, ending: Ending, initial: i64) {
        let operation = self.open[&op];
        let is_read = matches!(operation, Operation::Read { .. });
        let fits = |placed: Option<&Option<i64>>| match ending {
            Ending::Ok(answer) if is_read => placed == Some(&Some(answer.unwrap_or(initial))),
            Ending::Ok(_) => placed.is_some(),
            Ending::NotDone => placed.is_none(),
            Ending::Unknown => true,
        };
        self.configurations.retain(|one| fits(one.placed.get(&op)));
        if ending == Ending::Unknown && !is_read {
            return;
        }
        self.open.remove(&op);
        let rest = std::mem::take(&mut self.configurations).into_iter();
        self.configurations = rest.map(|one| one.without(op)).collect();
    }
}

impl Configuration {
    /// Where one more of the open calls takes effect.
    fn nexts(&self, open: &BTreeMap<OpId, Operation>) -> Vec<Self> {
        let left = open.iter().filter(|(op, _)| !self.placed.contains_key(op));
        let placed = left.filter_map(|(&op, &operation)| {
            let (value, answer) = match operation {
                Operation::Write { value, .. } => (value, None),
                Operation::Cas { expected, value, .. } if expected == self.value => (value, None),
                Operation::Read { .. } => (self.value, Some(self.value)),
                _ => return None,
            };
            let mut placed = self.placed.clone();
            placed.insert(op, answer);
            Some(Self { value, placed })
        });
        placed.collect()
    }

    fn without(mut self, op: OpId) -> Self {
        self.placed.remove(&op);
        self
    }
}

fn key_of(operation: Operation) -> u32 {
    match operation {
        Operation::Read { key } | Operation::Write { key, .. } | Operation::Cas { key, .. } => key,
        _ => unreachable!("only calls on registers are gathered"),
    }
}

fn fold_operation(operation: Operation, fold: &mut Fold) {
    let (kind, one, other) = match operation {
        Operation::Write { value, .. } => (1, value, 0),
        Operation::Cas { expected, value, .. } => (2, expected, value),
        _ => (0, 0, 0),
    };
    fold.word(kind);
    fold.word(one as u64);
    fold.word(other as u64);
}
