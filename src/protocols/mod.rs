//! The patterns: one protocol per file, and the registry.
use crate::engine::runner::{Of, Runnable};

/// Two-phase commit.
pub mod two_phase_commit;

/// All protocols, in the order of the book.
pub fn all() -> Vec<Box<dyn Runnable>> {
    vec![Box::new(Of::<two_phase_commit::TwoPhaseCommit>::new())]
}
