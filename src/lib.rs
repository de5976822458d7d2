//! splitbrain: a deterministic simulator of distributed systems.
//!
//! A *scenario* names a protocol, a network, a workload and faults; a *run* is that scenario with a
//! seed. Everything in a run happens in one thread and in virtual time, so that the same seed gives
//! the same run to the last bit, and a bug is an address: `scenario@seed`.
//!
//! ```text
//!   scenario file ──▶ Plan ──▶ Runner ──seed──▶ Run ──▶ screen · timeline · pictures · JSON
//!                               │ World: nodes, disks, links, clients
//!                               └ Checkers: four verdicts, witnesses that are checked again
//! ```
//!
//! To read: [`engine::protocol`] is what an author writes, [`protocols::two_phase_commit`] how it
//! looks, [`engine::ctx`] what a handler may ask for, [`checkers`] how promises are judged. To use
//! it with a protocol of your own, call [`cli::main_with`] with a
//! [`Registry`](scenario::registry::Registry) that has it.

pub mod base;
pub mod engine;

pub mod blocks;
pub mod checkers;
pub mod protocols;
pub mod workload;

pub mod scenario;

pub mod explore;
pub mod search;

pub mod report;
pub mod study;

pub mod course;

pub mod cli;
