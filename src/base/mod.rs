//! The vocabulary under everything else: time, ids, named draws, laws of chance, the event queue.
//!
//! ```text
//!   ids    time ◀── quantity ◀── sampler      what things are called and measured in
//!   digest ◀── draws · labels                 what a value is, and what is random about it
//!   queue · table                             where events and small keyed state wait
//! ```
//!
//! Nothing here knows a node's behaviour, a message or a file. Everything is integer arithmetic,
//! so a value read from a scenario is the same on every platform; binary floating point was
//! rejected because `ln` and `exp` may differ by platform, compiler and even by call.

mod decimal;
mod logarithm;

// A point and a span of virtual time, in nanoseconds.
pub mod time;

// What scenario files measure in: probabilities, rates, drifts, offsets.
pub mod quantity;

// Names for nodes, clients, operations, transactions, log positions.
pub mod ids;

// What a value is, in 128 bits.
pub mod digest;

// Random decisions, looked up by name.
pub mod draws;

// Laws of latency: one word in, one span out.
pub mod sampler;

// Names of messages, records and timers, known before any run.
pub mod labels;

// Pending events in the order in which they are handled.
pub mod queue;

// A map for small keyed state, ordered by key.
pub mod table;

// RON text with its positions.
pub mod text;
