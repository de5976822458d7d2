//! Protocols: one file per pattern, and the registry.
//!
//! ```text
//!   protocols::all() ──▶ name, steps ──configure(text)──▶ simulation        in teaching order
//! ```
//!
//! A file reads from top to bottom as the textbook tells it: the diagram, what is sent, what
//! survives a crash, which steps carry the guarantees, then one `impl` block per phase.
//!
//! Adding a pattern: one file, one line in [`all`], its scenarios and its chapter.

use crate::engine::runner::{Of, Runnable};

// All nodes commit a transaction, or none does.
pub mod two_phase_commit;

// Delivery through a broker: at least once on the way, exactly once in effect.
pub mod relay;

// Long transactions as rows of short ones, each with a way back.
pub mod saga_orchestration;

// The same, and nobody in charge: services follow each other's events.
pub mod saga_choreography;

// What a database commits is published through a broker, and takes effect once.
pub mod outbox;

// A copy of a table, fed from the log of its database.
pub mod cdc;

// Charges once, however often somebody asks.
pub mod idempotency_key;

// Registers on N replicas: R answer a read, W hold a write.
pub mod quorum;

// Registers on a write-ahead log: forces, checkpoints, recovery, a standby.
pub mod wal;

/// Every built-in protocol.
pub fn all() -> Vec<Box<dyn Runnable>> {
    vec![
        Box::new(Of::<two_phase_commit::TwoPhaseCommit>::new()),
        Box::new(Of::<relay::Relay>::new()),
        Box::new(Of::<saga_orchestration::SagaOrchestration>::new()),
        Box::new(Of::<saga_choreography::SagaChoreography>::new()),
        Box::new(Of::<outbox::Outbox>::new()),
        Box::new(Of::<cdc::Cdc>::new()),
        Box::new(Of::<idempotency_key::IdempotencyKey>::new()),
        Box::new(Of::<quorum::Quorum>::new()),
        Box::new(Of::<wal::Wal>::new()),
    ]
}
