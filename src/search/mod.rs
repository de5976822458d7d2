//! Search: many seeds of a scenario, what fails in them, and how often.
//!
//! ```text
//!   Plan ──seed after seed──▶ failures ──by fingerprint──▶ one group per bug
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
