//! The engine: runs any protocol, knows none.
//!
//! ```text
//!   protocol ── what an author writes          ctx ── what a handler may ask for
//!   world ── the loop    core ── the data      identity ── its digest
//!   effects · inject · chance · asking         what happens to the data
//!   network · log · clock · faults · clients   the parts      setup ── their settings, resolved
//!   disk ── raw files    device ── the machine under logs and files    files ── the hands on them
//!   untimed ── a second driver: one node, one event, every way it can go      aside ── for its sake
//!   script ── decisions by name instead of by chance
//!   trace · counters · signal · facts          what a run tells     runner ── the erased face
//!   orders ── requests of a shop, as operations
//!   bench ── one handler at a time, for unit tests      look ── what a node is, for people
//! ```
//!
//! Single-threaded, discrete events, virtual time. Handlers are pure functions of a node's state
//! and an event; what they want done, they say in order, and a crash may fall between any two.
//! Threads with intercepted system calls were rejected: their state can be neither cloned nor
//! digested, so nothing could be explored, and the places where a crash may fall stay invisible.

// What a protocol author writes: the trait, topology, steps.
pub mod protocol;

// What a handler may ask for.
pub mod ctx;

// What clients ask for and hear.
pub mod operations;

// What they ask a shop.
pub mod orders;

// What records mean.
pub mod facts;

// What a run tells its judges.
pub mod signal;

// The loop in virtual time.
pub mod world;

mod aside;
mod asking;
mod chance;
mod core;

// The machine under logs and files.
pub mod device;

mod effects;
mod identity;
mod inject;
mod ledger;
mod log;

// Raw files: what survives of them.
pub mod disk;

// What a handler may ask of them.
pub mod files;

// Links, cuts and the fate of messages.
pub mod network;

// Clocks that nodes read.
pub mod clock;

// Fault rules.
pub mod faults;

// Clients and workloads.
pub mod clients;

// Decisions that are written down instead of drawn.
pub mod script;

// All settings of a run, resolved.
pub mod setup;

// Latencies that are meant to find bugs.
pub mod weather;

// What happened: hash and recording.
pub mod trace;

// What it cost.
pub mod counters;

// What a node is at an instant, for people.
pub mod look;

// The second driver: every order instead of one time.
pub mod untimed;

// The erased face of a protocol.
pub mod runner;

// One handler at a time: a state and an event in, a list of effects out.
pub mod bench;
