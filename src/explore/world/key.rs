//! What a state of a world is: sums where order means nothing, everything else in order.
//!
//! ```text
//!   Σ nodes ‖ Σ messages ‖ budgets left ‖ operations ‖ memories of checks
//! ```
//!
//! The explorer and the comparison with timed worlds share the folds below, so that they cannot
//! differ in what they call one state.

use super::{Budgets, Checks, Inner, Network, Stage, WorldModel, WorldState};
use crate::{
    base::digest::{Fold, digest},
    checkers::Checker,
    engine::{operations::Ending, untimed::observe::Observation},
    explore::monitors::memories_key,
};

impl WorldModel {
    /// The key that a state of a timed world has here, from what was seen of it and from its
    /// checkers. `None` when it is outside the budgets.
    ///
    /// # Panics
    /// When the network is a multiset, which a timed world keeps no account of.
    pub fn observed_key(
        &self,
        observed: &Observation,
        checkers: &[Box<dyn Checker>],
    ) -> Option<u128> {
        assert_eq!(self.options.network, Network::Set, "a timed world knows a set of messages");
        let crashes = u16::try_from(observed.crashes).ok()?;
        let crashes = self.options.budgets.crashes.checked_sub(crashes)?;
        let left = Budgets { crashes, ..self.options.budgets };
        let mut fold = Fold::NEW;
        wide(&mut fold, observed.nodes.iter().copied().fold(0, u128::wrapping_add));
        wide(&mut fold, observed.sent.iter().copied().fold(0, u128::wrapping_add));
        fold_left(&mut fold, left);
        for asked in &self.asked {
            let of = &observed.operations;
            let operation = of.iter().find(|operation| operation.op == asked.entry.op);
            let stage = match operation {
                None => Stage::ToBeAsked,
                Some(operation) => operation.ending.map_or(Stage::Open, Stage::Ended),
            };
            let is_asked = operation.is_some_and(|operation| operation.is_asked);
            let answers = operation.map_or(0, |operation| {
                operation.answers.iter().copied().fold(0, u128::wrapping_add)
            });
            fold_operation(&mut fold, stage, is_asked, answers);
        }
        let memories = match self.options.checks {
            Checks::Explorable => memories_key(checkers),
            Checks::Off => memories_key(&[]),
        };
        wide(&mut fold, memories);
        Some(fold.end())
    }
}

impl WorldState {
    /// Computes the key, once everything else is settled.
    pub(super) fn seal(&mut self, inner: &Inner) {
        let mut fold = Fold::NEW;
        wide(&mut fold, self.nodes_sum);
        wide(&mut fold, self.messages_sum);
        fold_left(&mut fold, self.left);
        for operation in &self.operations {
            let under_way = inner.answers.iter().enumerate();
            let under_way = under_way.filter(|(number, _)| operation.answers >> number & 1 == 1);
            let keys = under_way.map(|(_, answer)| digest(answer).fold.end());
            let answers = keys.fold(0, u128::wrapping_add);
            fold_operation(&mut fold, operation.stage, operation.is_asked, answers);
        }
        wide(&mut fold, inner.monitors.key(self.told));
        self.key = fold.end();
    }
}

fn fold_left(fold: &mut Fold, left: Budgets) {
    let Budgets { crashes, losses, duplicates, firings } = left;
    fold.word(u64::from(crashes) << 32 | u64::from(losses) << 16 | u64::from(duplicates));
    fold.word(firings.map_or(u64::MAX, u64::from));
}

/// An operation, with the sum of the keys of answers under way; one that has ended hears none.
fn fold_operation(fold: &mut Fold, stage: Stage, is_asked: bool, answers: u128) {
    let (stage, answers) = match stage {
        Stage::ToBeAsked => ([0, 0], 0),
        Stage::Open => ([1, 0], answers),
        Stage::Ended(Ending::Unknown) => ([2, 0], 0),
        Stage::Ended(Ending::NotDone) => ([3, 0], 0),
        Stage::Ended(Ending::Ok(None)) => ([4, 0], 0),
        Stage::Ended(Ending::Ok(Some(value))) => ([5, value as u64], 0),
    };
    fold.word(stage[0] << 1 | u64::from(is_asked));
    fold.word(stage[1]);
    wide(fold, answers);
}

fn wide(fold: &mut Fold, digest: u128) {
    fold.word(digest as u64);
    fold.word((digest >> 64) as u64);
}
