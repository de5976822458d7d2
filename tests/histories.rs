//! Judges of client histories against definitions that are too simple to be wrong.
//!
//! ```text
//!   histories/naive.rs        the definitions, by trying every order          shares no line with src
//!   histories/small.rs        all histories up to a small size: judge = definition, proof = proof
//!   histories/litmus.rs       the shortest legal and illegal history of each clause, and known ones
//!   histories/metamorphic.rs  changes of a history that must not change a verdict, or only one way
//!   histories/files.rs        history.jsonl: what is read, what is refused and where
//!   histories/generated.rs    large histories
//!   histories/scale.rs        how much work large histories take, counted
//! ```
//!
//! A judge that is fast has short cuts, and a short cut is a place for mistakes. So every judge is
//! compared with its definition on every history that fits: unknown calls, calls that failed, equal
//! values, all overlaps.

#![expect(
    clippy::option_option,
    reason = "nothing known, known to be nothing, and a number are three things here"
)]
#![expect(clippy::disallowed_types, reason = "times are printed; what is tested is counted")]

#[path = "histories/files.rs"]
mod files;
#[path = "histories/generated.rs"]
mod generated;
#[path = "histories/litmus.rs"]
mod litmus;
#[path = "histories/metamorphic.rs"]
mod metamorphic;
#[path = "histories/naive.rs"]
mod naive;
#[path = "histories/scale.rs"]
mod scale;
#[path = "histories/small.rs"]
mod small;
