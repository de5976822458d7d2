//! Study: a grid of settings, many seeds of each, one number per cell with its interval.
//!
//! ```text
//!   file ──▶ Study ──▶ grid of cells ──blocks of seeds──▶ samples, in the order of seeds
//!                         └ closed form                       └ estimates ──▶ table · charts
//! ```
//!
//! A sweep asks whether a promise holds; a study asks how much something costs, and sets the
//! measurement beside the formula of a paper. All cells run the same seeds, so that they differ by
//! their settings and not by their weather. Nothing here starts a thread or opens a file.

// What a file says, and every mistake in it.
pub mod file;

// What is measured, one line per metric; and formulas to compare with.
pub mod closed_forms;
pub mod metrics;

// What a run shows to metrics.
pub mod observed;

// From samples to numbers with intervals.
pub mod estimate;

// The cells of a study, and how they are run.
pub mod grid;
pub mod run;

// How it is told: to readers, to programs, and as pictures.
pub mod picture;
pub mod table;
