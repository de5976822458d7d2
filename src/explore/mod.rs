//! Every order: breadth first through all states of a model, with what was found and what was not.
//!
//! ```text
//!   Model ──initial, successors──▶ breadth_first ──▶ Explored { report, seen }
//!                                     │ Seen: key, parent, ordinal of every state
//!                                     └ shortest counterexamples, replayed from an initial state
//! ```
//!
//! A model is anything with initial states and successors in a stable order: a bit-packed
//! specification, or a snapshot of a whole world. Sampling walks were rejected as the first tool:
//! they rarely reach all states of even a small system, and cannot say that they did.

// What can be explored.
pub mod model;

// The search itself, its bounds and its report.
pub mod breadth_first;

// The set of states seen, in at most forty bytes each.
pub mod seen;

// Whole worlds of any protocol as a model, and the checks that walk along.
mod monitors;
pub mod world;

// Specifications whose counts are known.
pub mod models;
