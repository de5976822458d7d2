//! Workloads: who asks for what, and when. Plain data over named draws.
//!
//! ```text
//!   Transfers ── random transfers between accounts    Appends ── items for a stream
//!   Registers ── reads and writes of registers     ReadAfterWrite ── a write, and a read a while later
//!   Orders ── orders of a shop, and cancels        Rows ── writes, deletes, renames of rows
//!   Charges ── charges under idempotency keys
//!   Requests ── a list of requests at given instants, for scripts and exact counts
//! ```
//!
//! A workload speaks the engine's vocabulary of operations and knows no protocol; a protocol that
//! does not understand an operation answers that it is not done. What a client does depends on the
//! seed, its number and the number of its operation, so that one client more moves no other.
//!
//! Adding a workload: one file, one line in [`all`].

use crate::{
    base::text::{decode::Named, diagnostic::Diagnostic},
    engine::clients::Workload,
};
use std::sync::Arc;

// When a client asks again: shared.
mod pace;

// Items for a stream.
pub mod appends;

// Charges under idempotency keys.
pub mod charges;

// Orders of a shop.
pub mod orders;

// A write, and a read a given while after it.
pub mod read_after_write;

// Reads and writes of registers.
pub mod registers;

// Requests at given instants.
pub mod requests;

// Writes, deletes and renames of the rows of a table.
pub mod rows;

// Money between accounts.
pub mod transfers;

/// A line of the registry of workloads.
pub struct WorkloadEntry {
    /// What a scenario calls it: `Transfers`.
    pub name: &'static str,
    /// One line about it.
    pub summary: &'static str,
    /// Builds it from a scenario's text, where it stands as `Transfers(clients: 2)`.
    pub build: BuildWorkload,
}

/// Builds a workload from a scenario's text and the place of its settings in it.
pub type BuildWorkload = fn(&str, &Named<'_>) -> Result<Arc<dyn Workload>, Vec<Diagnostic>>;

/// The built-in workloads.
pub fn all() -> Vec<WorkloadEntry> {
    vec![
        transfers::ENTRY,
        appends::ENTRY,
        registers::ENTRY,
        read_after_write::ENTRY,
        orders::ENTRY,
        charges::ENTRY,
        rows::ENTRY,
        requests::ENTRY,
    ]
}
