//! Search: many seeds of a scenario, what fails in them, and how often.
//!
//! ```text
//!   Plan ──▶ sweep ──▶ Worker::block × many ──▶ Tally, folded in the order of seeds
//!                          └ failures by fingerprint        │
//!   lines ◀──────── one object per line ◀───────────────────┴──▶ verdict ──▶ summary
//! ```
//!
//! Nothing here reads a clock, starts a thread or opens a file: the command line hands in what
//! runs the work. Floats are allowed, in statistics only.

// Which failures are the same.
pub mod fingerprint;

// Where two runs part.
pub mod divergence;

// Runs in files.
pub mod recording;

// From a recorded run to a script.
pub mod freeze;

// But-for causes.
pub mod why;

// From a path of the explorer to a scenario.
pub mod export;

// The few things that a failure needs.
pub mod shrink;

// Which seeds, and in which blocks.
pub mod seeds;

// What is counted, and how counts add up.
pub mod tally;

// One block of seeds; all of them, in order.
pub mod block;
pub mod sweep;

// What it means: expectations, what is asked besides, what is known, and intervals.
pub mod floors;
pub mod quarantine;
pub mod statistics;
pub mod verdict;

// How it is told: to readers and to programs.
pub mod lines;
pub mod merge;
pub mod summary;

// One step left out after the other; every single fault at every event.
pub mod ablate;
pub mod matrix;

// A run at one of its events, forward and back.
pub mod stepper;

// The same run with one decision taken otherwise.
pub mod branch;
