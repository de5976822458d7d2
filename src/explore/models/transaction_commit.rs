//! Transaction commit, the problem: resource managers decide alike, by looking at each other.
//!
//! ```text
//!   working ──Prepare──▶ prepared ──all prepared or committed──▶ committed
//!      └──────────┴──────nobody committed──────▶ aborted
//! ```
//!
//! `TCommit` of Gray & Lamport, *Consensus on Transaction Commit*, ACM TODS 31(1), 2006, as in the
//! TLA+ examples. No messages and no failures: it says what the protocols must achieve.
//!
//! Known counts: 34 states, depth 7 with three resource managers.

use super::{
    packed::{Field, sort_rows},
    words::{AGREEMENT, disagreement},
};
use crate::explore::model::{Model, Ordinal, Violation};

const STRIDE: u32 = 2;
const STATE: Field = Field::new(0, STRIDE);

const WORKING: u32 = 0;
const PREPARED: u32 = 1;
const COMMITTED: u32 = 2;
const ABORTED: u32 = 3;

const KINDS: [&str; 3] = ["prepare", "commit", "abort"];

/// The most resource managers of this model.
pub(super) const NODES_MAX: u32 = 16;

/// The model, with so many resource managers (1 to 16).
#[derive(Clone, Copy, Debug)]
pub struct TransactionCommit {
    /// How many.
    pub managers: u32,
}

impl TransactionCommit {
    fn count(self, state: u128, wanted: u32) -> u32 {
        (0..self.managers).map(|rm| u32::from(at(state, rm) == wanted)).sum()
    }
}

fn at(state: u128, rm: u32) -> u32 {
    STATE.row(rm, STRIDE).of(state)
}

impl Model for TransactionCommit {
    type State = u128;

    fn initial(&self, found: &mut impl FnMut(&u128)) {
        found(&0);
    }

    fn successors(&self, &state: &u128, found: &mut impl FnMut(Ordinal, &u128)) {
        let committed = self.count(state, COMMITTED);
        let may_commit = self.count(state, PREPARED) + committed == self.managers;
        for (kind, next) in [PREPARED, COMMITTED, ABORTED].into_iter().enumerate() {
            for rm in 0..self.managers {
                let enabled = match (at(state, rm), next) {
                    (WORKING, PREPARED) => true,
                    (PREPARED, COMMITTED) => may_commit,
                    (WORKING | PREPARED, ABORTED) => committed == 0,
                    _ => false,
                };
                if enabled {
                    let ordinal = Ordinal(kind as u32 * NODES_MAX + rm);
                    found(ordinal, &STATE.row(rm, STRIDE).set(state, next));
                }
            }
        }
    }

    fn key(&self, &state: &u128) -> u128 {
        state
    }

    fn violated(&self, &state: &u128) -> Option<Violation> {
        let find = |wanted| (0..self.managers).find(|&rm| at(state, rm) == wanted);
        let both = find(COMMITTED).zip(find(ABORTED));
        both.map(|(committed, aborted)| disagreement(AGREEMENT, committed, aborted))
    }

    fn canonical(&self, &state: &u128) -> Option<u128> {
        Some(sort_rows(state, self.managers, STRIDE))
    }

    fn kinds(&self) -> Vec<String> {
        KINDS.map(String::from).to_vec()
    }

    fn kind(&self, ordinal: Ordinal) -> usize {
        (ordinal.0 / NODES_MAX) as usize
    }

    fn describe(&self, _: &u128, ordinal: Ordinal) -> String {
        format!("rm{}: {}", ordinal.0 % NODES_MAX + 1, KINDS[self.kind(ordinal)])
    }
}
