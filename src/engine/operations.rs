//! What clients ask for, and what they hear: a vocabulary shared by workloads, protocols, checkers.
//!
//! ```text
//!   workload ──Operation──▶ protocol ──Answer──▶ client ──Ending──▶ history ──▶ checkers
//! ```
//!
//! The words are the engine's, so that the workload `Transfers` serves two-phase commit and sagas
//! alike and a checker reads the history of either. An operation type per protocol was rejected:
//! every checker and exporter would be generic. What has no word here is [`Operation::Own`].
//!
//! Limits: keys and values are numbers. An operation ends once; an answer after that is dropped.

use crate::base::ids::{ClientId, EventId, NodeId, OpId};
use crate::base::time::Time;
use serde::{Deserialize, Serialize};

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Operation {
    /// Move an amount between two accounts, all or nothing.
    Transfer {
        /// The account that pays.
        from: u32,
        /// The account that is paid.
        to: u32,
        /// How much.
        amount: i64,
    },
    /// Read every account in one transaction and answer the sum.
    Audit,
    /// Read one register.
    Read {
        /// Which.
        key: u32,
    },
    /// Write one register.
    Write {
        /// Which.
        key: u32,
        /// What.
        value: i64,
    },
    /// Write one register if it holds what is expected.
    Cas {
        /// Which.
        key: u32,
        /// What it must hold.
        expected: i64,
        /// What it shall hold then.
        value: i64,
    },
    /// Add an event to the end of a stream or queue.
    Append {
        /// Which.
        key: u32,
        /// The event.
        value: i64,
    },
    /// Delete a row.
    Delete {
        /// Which.
        key: u32,
    },
    /// Give a row another key.
    Rename {
        /// The key that it has.
        from: u32,
        /// The key that it shall have.
        to: u32,
    },
    /// Charge an amount once, however often it is asked for under the same key.
    Charge {
        /// The idempotency key, chosen by whom the amount is charged to.
        key: u32,
        /// How much.
        amount: i64,
    },
    /// A protocol's own request, by a number of its choosing.
    Own {
        /// What is asked.
        kind: u32,
        /// Of which thing.
        key: u32,
        /// With what.
        value: i64,
    },
}

/// What a node answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// It is done.
    Done,
    /// It is done, and this came of it.
    Value(i64),
    /// It was not done and never will be.
    NotDone,
}

/// How an operation ended for its client. Never a guess: silence is `Unknown`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The client was told that it is done.
    Ok(Option<i64>),
    /// The client was told that it is not done and never will be.
    NotDone,
    /// The client gave up waiting: it may or may not have happened.
    Unknown,
}

impl From<Answer> for Ending {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Done => Self::Ok(None),
            Answer::Value(value) => Self::Ok(Some(value)),
            Answer::NotDone => Self::NotDone,
        }
    }
}

/// The history of a run: every operation in the order of its invocation, found by its number.
///
/// Numbers belong to clients, not to the order of invocation, so there may be gaps between them.
#[derive(Clone, Debug, Default)]
pub struct History {
    entries: Vec<HistoryEntry>,
    /// One more than the place of each operation in `entries`, by its number; 0 for none.
    places: Vec<u32>,
}

impl History {
    /// All operations, in the order of their invocation.
    pub fn entries(&self) -> &[HistoryEntry] {
        &self.entries
    }

    /// The operation of a number, if it was invoked.
    pub fn get(&self, op: OpId) -> Option<&HistoryEntry> {
        let place = *self.places.get(op.0 as usize)?;
        self.entries.get((place as usize).wrapping_sub(1))
    }

    pub(super) fn get_mut(&mut self, op: OpId) -> Option<&mut HistoryEntry> {
        let place = *self.places.get(op.0 as usize)?;
        self.entries.get_mut((place as usize).wrapping_sub(1))
    }

    /// Forgets everything and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.places.clear();
    }

    pub(super) fn push(&mut self, entry: HistoryEntry) {
        let number = entry.op.0 as usize;
        if self.places.len() <= number {
            self.places.resize(number + 1, 0);
        }
        assert!(self.places[number] == 0, "a workload gives each operation a number of its own");
        self.entries.push(entry);
        self.places[number] = self.entries.len() as u32;
    }
}

/// One line of the history: what a client asked, when, and how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryEntry {
    /// Its number.
    pub op: OpId,
    /// Who asked.
    pub client: ClientId,
    /// Whom.
    pub node: NodeId,
    /// For what.
    pub operation: Operation,
    /// When, as true time.
    pub invoked_at: Time,
    /// The event of the invocation.
    pub invoked: EventId,
    /// How and when it ended; `None` while it is open.
    pub ending: Option<(Time, Ending)>,
}
