//! Scenario files: the text a user writes, and everything that can be wrong with it.
//!
//! ```text
//!   text ──source──▶ tree of spans ──decode──▶ typed values
//!                         │                        │
//!                         └──────▶ diagnostic ◀────┘
//! ```
//!
//! The text is kept for as long as the scenario is, so that an edit from the command line and a
//! mistake found late both point at a place in it. Going through `ron::Value` was rejected: it
//! drops the names of structs and variants.

/// Where everything is in the text, and how to replace a part of it.
pub mod source;

/// From a part of the text to a typed value, with mistakes on the right token.
pub mod decode;

/// What is wrong, where, and what to do about it.
pub mod diagnostic;
