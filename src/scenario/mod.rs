//! Scenario files: their types, their errors, and what comes of running one.
//!
//! ```text
//!   text ──load──▶ model ──resolve──▶ Plan ──Runner──▶ Run          registry: what can be named
//! ```
//!
//! A scenario is data: a title, a protocol, a network, a workload, faults, checks, and what is
//! expected of them. Code in scenarios was rejected; what cannot be said here becomes a protocol,
//! a workload or a check, each of which is one file and one line in a registry.

// The shape of a file.
pub mod model;

// Protocols, workloads and checks by name.
pub mod registry;

// Decisions by name.
pub mod script;

// From text to a plan.
pub mod load;

mod resolve;

// From drafts to text.
pub mod write;

// What can be run.
pub mod plan;

// What came of it.
pub mod run;
