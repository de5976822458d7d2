//! RON text with its positions: what was read, where it stands, and what is wrong with it.
//!
//! ```text
//!   text ──source──▶ tree of spans ──decode──▶ values          `--set` splices into the text
//!                          └──────── diagnostic ◀── mistakes, on the line where they stand
//! ```
//!
//! The `ron` crate decides what is accepted; its values, though, forget enum names and positions,
//! so the tree of spans is our own. It lies down here, below protocols, checkers and workloads,
//! because each of them reads its own settings, in-house and outside ones alike.

// Reads a value from a span, and finds all mistakes.
pub mod decode;

// Mistakes: their codes, and how they are shown.
pub mod diagnostic;

// The tree of spans, paths into it, and edits.
pub mod source;
