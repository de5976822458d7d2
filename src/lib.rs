//! splitbrain: a deterministic simulator of distributed systems.
pub mod base;
pub mod blocks;
pub mod checkers;
pub mod engine;
pub mod protocols;
pub mod scenario;
