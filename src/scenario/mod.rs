//! Scenario files: their types, their errors, and what comes of running one.

/// A finished run.
pub mod run;
