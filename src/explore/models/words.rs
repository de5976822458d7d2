//! What the models of commit protocols promise, in the words that the checkers use too.
//!
//! The names are those of `checkers`, so that a property is called the same wherever it falls.
//! They are written out here, because checkers keep theirs to themselves.

use crate::explore::model::Violation;

/// No one commits what another aborts.
pub(super) const AGREEMENT: &str = "atomic_commit.agreement";

/// Nothing is committed that someone refused.
pub(super) const VALIDITY: &str = "atomic_commit.validity";

/// Nothing is aborted without a refusal or a failure.
pub(super) const NONTRIVIALITY: &str = "atomic_commit.nontriviality";

/// No one who is up waits for a decision that cannot come.
pub(super) const NO_BLOCKING: &str = "no_blocking";

/// Two that decided differently.
pub(super) fn disagreement(property: &'static str, committed: u32, aborted: u32) -> Violation {
    let witness = format!("rm{} committed and rm{} aborted", committed + 1, aborted + 1);
    Violation::new(property, witness)
}
