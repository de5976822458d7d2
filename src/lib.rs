//! splitbrain: a deterministic simulator of distributed systems.
pub mod base;
pub mod checkers;
pub mod engine;
pub mod report;
pub mod scenario;
