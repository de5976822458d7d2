//! Building blocks: parts that several protocols are made of.
//!
//! ```text
//!   host's Message { Broker(toy_broker::Message<E>), … } ──▶ block.on_message(from, message, …, ctx)
//!   host's Record  { Broker(toy_broker::Record<E>),  … } ──▶ block.apply(record.narrow())
//! ```
//!
//! A block is the state of one role and has messages, records and timers of its own. Its host holds
//! it as a field and its enums as newtype variants with `From`; replay hands records back through
//! `TryFrom`. What a block needs of its host it states in one bound (`P: Host<E>`). Steps belong to
//! the host, which passes them in: only the host knows which property falls without them. Trait
//! objects and message wrappers were rejected: nothing is lifted, boxed or allocated here.

// A log of events that many publish to and read from: one node, one topic, nothing forgotten.
pub mod toy_broker;

// Partitioned logs of events for groups of consumers, with the small parts of those who use it.
pub mod broker;

// A map that forgets its oldest entries: ids that took effect, answers that were given.
pub mod remembered;

// Requests and answers: timeouts, retries, hedges, breakers, dead letters, repeats known by id.
pub mod rpc;

// Tables with transactions on the log of one node: versions, row locks, a stream of changes.
pub mod database;
