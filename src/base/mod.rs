//! The vocabulary under everything else: time, quantities, small tables, random laws.
//!
//! ```text
//!   decimal ──▶ time ──▶ quantity ──┐
//!   logarithm ─────────────────────┴▶ sampler
//!   table
//! ```
//!
//! Nothing here knows a node, a message or a file. Everything is integer arithmetic, so a value
//! read from a scenario is the same value on every platform; binary floating point was rejected
//! because `ln` and `exp` may differ by platform, compiler and even by call.

mod decimal;
mod logarithm;

/// A point and a span of virtual time, in nanoseconds.
pub mod time;

/// What scenario files measure in: probabilities, rates, drifts, offsets.
pub mod quantity;

/// A map for small keyed state, ordered by key.
pub mod table;

/// Latency laws: one random word in, one span out.
pub mod sampler;
