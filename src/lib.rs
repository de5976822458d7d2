//! splitbrain: a deterministic simulator of distributed systems.
pub mod base;
pub mod blocks;
pub mod checkers;
//pub mod cli;
pub mod engine;
pub mod protocols;
pub mod scenario;
pub mod workload;
