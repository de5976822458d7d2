//! Two-phase commit with a backup transaction manager that takes over when the first one hides.
//!
//! ```text
//!   tm:  TS ──▶ TC: commit ──▶ F1: hidden ──▶ done        TS ──▶ TA: abort ──▶ F2: hidden ──▶ done
//!   btm: BTS ──tm is hidden──▶ BTC: commit ──▶ done       BTS ──▶ BTA: abort ──▶ done
//!   rm:  working ──▶ prepared ──▶ committed · aborted · failed (one of them at most) ──▶ done
//! ```
//!
//! `2PCwithBTM` of Demirbas, a PlusCal algorithm in the TLA+ examples: one atomic step per label,
//! shared memory for messages, both kinds of failure allowed. A transaction manager may commit when
//! all are prepared or one has committed, and abort when one aborted or failed and none committed.
//!
//! Known counts: 1,245 states, depth 15 with three resource managers.

use super::{
    packed::{Field, sort_rows},
    words::{AGREEMENT, disagreement},
};
use crate::explore::model::{Model, Ordinal, Violation};

/// The most resource managers of this model.
pub(super) const NODES_MAX: u32 = 16;

const STRIDE: u32 = 4;
const RM: Field = Field::new(0, 3);
const RM_DONE: Field = Field::new(3, 1);

const WORKING: u32 = 0;
const PREPARED: u32 = 1;
const COMMITTED: u32 = 2;
const ABORTED: u32 = 3;
const FAILED: u32 = 4;

/// What everyone reads: the decision, if it is not hidden.
const DECISION: Field = Field::new(NODES_MAX * STRIDE, 2);
const COMMIT: u32 = 1;
const ABORT: u32 = 2;
const HIDDEN: u32 = 3;

/// Where the transaction managers stand.
const TM: Field = Field::new(NODES_MAX * STRIDE + 2, 3);
const BACKUP: Field = Field::new(NODES_MAX * STRIDE + 5, 3);
const START: u32 = 0;
const TO_COMMIT: u32 = 1;
const TO_ABORT: u32 = 2;
const TO_HIDE: u32 = 3;
/// A transaction manager that hides after an abort stands elsewhere than after a commit.
const TO_HIDE_ABORT: u32 = 4;
const DONE: u32 = 5;

const KINDS: [&str; 15] = [
    "tm: may commit",
    "tm: may abort",
    "tm: commit",
    "tm: abort",
    "tm: hides",
    "backup: may commit",
    "backup: may abort",
    "backup: commit",
    "backup: abort",
    "prepares:",
    "commits:",
    "aborts:",
    "fails:",
    "ends:",
    "all have ended",
];
const RM_KINDS: std::ops::Range<usize> = 9..14;

/// The model, with so many resource managers (1 to 16).
#[derive(Clone, Copy, Debug)]
pub struct BackupCoordinator {
    /// How many.
    pub managers: u32,
}

/// What the guards of all processes read.
#[derive(Clone, Copy)]
struct View {
    may_commit: bool,
    may_abort: bool,
    any_failed: bool,
}

impl BackupCoordinator {
    fn view(self, state: u128) -> View {
        let any = |wanted| (0..self.managers).any(|rm| rm_state(state, rm) == wanted);
        let prepared = (0..self.managers).all(|rm| rm_state(state, rm) == PREPARED);
        let (committed, any_failed) = (any(COMMITTED), any(FAILED));
        View {
            may_commit: prepared || committed,
            may_abort: (any(ABORTED) || any_failed) && !committed,
            any_failed,
        }
    }

    fn tm_steps(state: u128, view: View, found: &mut impl FnMut(Ordinal, &u128)) {
        let decide = |decision, then| TM.set(DECISION.set(state, decision), then);
        match TM.of(state) {
            START => {
                if view.may_commit {
                    found(ordinal(0, 0), &TM.set(state, TO_COMMIT));
                }
                if view.may_abort {
                    found(ordinal(1, 0), &TM.set(state, TO_ABORT));
                }
            }
            TO_COMMIT => found(ordinal(2, 0), &decide(COMMIT, TO_HIDE)),
            TO_ABORT => found(ordinal(3, 0), &decide(ABORT, TO_HIDE_ABORT)),
            TO_HIDE | TO_HIDE_ABORT => found(ordinal(4, 0), &decide(HIDDEN, DONE)),
            _ => {}
        }
    }

    fn backup_steps(state: u128, view: View, found: &mut impl FnMut(Ordinal, &u128)) {
        let hidden = DECISION.of(state) == HIDDEN;
        let decide = |decision| BACKUP.set(DECISION.set(state, decision), DONE);
        match BACKUP.of(state) {
            START => {
                if view.may_commit && hidden {
                    found(ordinal(5, 0), &BACKUP.set(state, TO_COMMIT));
                }
                if view.may_abort && hidden {
                    found(ordinal(6, 0), &BACKUP.set(state, TO_ABORT));
                }
            }
            TO_COMMIT => found(ordinal(7, 0), &decide(COMMIT)),
            TO_ABORT => found(ordinal(8, 0), &decide(ABORT)),
            _ => {}
        }
    }

    fn rm_step(state: u128, kind: u32, rm: u32, view: View) -> Option<u128> {
        let (own, decision) = (rm_state(state, rm), DECISION.of(state));
        if RM_DONE.row(rm, STRIDE).of(state) == 1 {
            return None;
        }
        let to = |next| Some(RM.row(rm, STRIDE).set(state, next));
        let ends = !matches!(own, WORKING | PREPARED);
        match kind {
            9 if own == WORKING => to(PREPARED),
            10 if !ends && decision == COMMIT => to(COMMITTED),
            11 if own == WORKING || (!ends && decision == ABORT) => to(ABORTED),
            // One failure at most; whoever comes later stays as it is.
            12 if !ends => to(if view.any_failed { own } else { FAILED }),
            13 if ends => Some(RM_DONE.row(rm, STRIDE).set(state, 1)),
            _ => None,
        }
    }

    fn all_ended(self, state: u128) -> bool {
        let rms = (0..self.managers).all(|rm| RM_DONE.row(rm, STRIDE).of(state) == 1);
        rms && TM.of(state) == DONE && BACKUP.of(state) == DONE
    }
}

fn rm_state(state: u128, rm: u32) -> u32 {
    RM.row(rm, STRIDE).of(state)
}

fn ordinal(kind: u32, rm: u32) -> Ordinal {
    Ordinal(kind * NODES_MAX + rm)
}

impl Model for BackupCoordinator {
    type State = u128;

    fn initial(&self, found: &mut impl FnMut(&u128)) {
        found(&0);
    }

    fn successors(&self, &state: &u128, found: &mut impl FnMut(Ordinal, &u128)) {
        let view = self.view(state);
        Self::tm_steps(state, view, found);
        Self::backup_steps(state, view, found);
        for kind in RM_KINDS {
            for rm in 0..self.managers {
                if let Some(next) = Self::rm_step(state, kind as u32, rm, view) {
                    found(ordinal(kind as u32, rm), &next);
                }
            }
        }
        if self.all_ended(state) {
            found(ordinal(14, 0), &state);
        }
    }

    fn key(&self, &state: &u128) -> u128 {
        state
    }

    fn violated(&self, &state: &u128) -> Option<Violation> {
        let find = |wanted| (0..self.managers).find(|&rm| rm_state(state, rm) == wanted);
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
        let kind = self.kind(ordinal);
        if RM_KINDS.contains(&kind) {
            return format!("{} rm{}", KINDS[kind], ordinal.0 % NODES_MAX + 1);
        }
        String::from(KINDS[kind])
    }
}
