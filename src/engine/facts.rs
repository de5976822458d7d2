//! Facts: what records *mean*, in words that every checker understands.
//!
//! ```text
//!   Record ──Protocol::facts──▶ Fact ──▶ checkers fold them one by one
//! ```
//!
//! A checker that knew a protocol's records would serve one protocol; a checker that scanned all
//! logs would cost more than the run. So a protocol translates each record once, when the record
//! counts: a forced one when it is durable, an unforced one when it is written (the protocol says
//! by the unforced write that it acts on it at once). After a crash the surviving log is
//! translated again, so a checker sees what a node still knows as well as what it ever said.
//!
//! Limits: facts come from records, and from protocols that bring their own bytes
//! ([`Ctx::state`](super::ctx::Ctx::state)). What a node merely believes is not a fact.

use crate::base::ids::{NodeSet, TxnId};

/// How a transaction ends.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub enum Decision {
    /// All of it happens.
    Commit,
    /// None of it happens.
    Abort,
}

/// What a voter promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub enum Vote {
    /// "I can commit, and will not abort on my own."
    Yes,
    /// "I have aborted."
    No,
}

/// One thing that a record states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub enum Fact {
    /// A participant voted on a transaction. A Yes leaves it in doubt until it has decided.
    Voted(TxnId, Vote),
    /// A participant voted No without a force: should a crash take that back, it may still say Yes.
    Declined(TxnId),
    /// A node reached a decision.
    Decided(TxnId, Decision),
    /// The decision was taken because something did not answer in time.
    TimedOut(TxnId),
    /// The commit of this transaction rests on the Yes of exactly these nodes.
    RestsOn(TxnId, NodeSet),
    /// A node will remember a decided transaction until it can forget it.
    Remembers(TxnId),
    /// It has forgotten it.
    Forgot(TxnId),
    /// If the transaction commits, the node changes a value. Until then it is locked.
    Stages {
        /// The transaction.
        txn: TxnId,
        /// Which value.
        key: u32,
        /// What it is now.
        before: i64,
        /// What it will be.
        after: i64,
    },
    /// An item was accepted, to be delivered.
    Accepted(u64),
    /// An item took effect at its receiver.
    TookEffect(u64),
    /// A replica holds a value in a register: in place of all that it held there when nothing
    /// stands beside it yet, else beside what the same record stated before.
    Holds {
        /// Which register.
        key: u32,
        /// What it holds.
        value: i64,
        /// How many values of the same record came before.
        beside: u16,
    },
    /// A node added a change to its log of bytes, for now only in the cache.
    Logged {
        /// Its position, from 1, without gaps.
        lsn: u64,
        /// What it changes.
        key: u32,
        /// To what.
        value: i64,
    },
    /// All changes up to this position are synced, as far as the node can know.
    Synced(u64),
    /// A copy of the change at this position, shipped from elsewhere, shows to readers here.
    Applied(u64),
    /// A node has read its files, its own log or that of the node it succeeds, and serves from now
    /// on what all changes up to this position come to; what it `Holds` of each key follows.
    Recovered(u64),
    /// A node has found its files damaged at this position and serves nothing.
    Refuses(u64),
    /// A saga has this step, where it begins.
    Planned {
        /// Which saga.
        saga: u64,
        /// The step, from 0.
        step: u16,
        /// The steps whose effects it needs, one bit each.
        after: u32,
        /// What may become of it.
        kind: StepKind,
    },
    /// A step took effect at its resource.
    DidStep(u64, u16),
    /// Its compensation took effect there.
    UndidStep(u64, u16),
    /// Its compensation came first: the step will be refused there.
    Tombstoned(u64, u16),
    /// Where a step or a compensation takes effect, a balance changes with it.
    Moves {
        /// For which saga.
        saga: u64,
        /// Which balance: what is moved, and where.
        account: u32,
        /// By how much.
        by: i64,
    },
    /// A saga is over.
    SagaEnded(u64, SagaEnd),
    /// What a node held in a register is deleted.
    Lacks {
        /// Which register.
        key: u32,
    },
    /// A database committed a change that others are to hear of.
    Commits {
        /// Its place in the order of commits, from 1.
        number: u64,
        /// What was changed: events of one key are to be heard in the order of their commits.
        key: u32,
        /// The event that says so.
        event: u64,
    },
    /// An event stands in a broker's log, for everyone to read; repeats state it again.
    Publishes {
        /// What was changed.
        key: u32,
        /// The event.
        event: u64,
    },
    /// A resource was charged.
    Charges {
        /// Under which idempotency key.
        key: u64,
        /// How much.
        amount: i64,
    },
    /// What only a protocol of another crate and its checker understand.
    Own {
        /// What is said, by a number of the protocol's choosing.
        kind: u32,
        /// Of which thing.
        key: u64,
        /// With what.
        value: i64,
    },
}

/// What may become of a step of a saga.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum StepKind {
    /// It can be undone.
    Compensable,
    /// It can be undone, and stays done where recovery is partial.
    Kept,
    /// Once it is done, the saga only goes forward.
    Pivot,
    /// It comes after the pivot and succeeds if it is tried often enough.
    Retriable,
}

/// How a saga ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum SagaEnd {
    /// All steps are done.
    Done,
    /// All that was done is undone.
    Compensated,
    /// All that was done is undone but what its plan keeps.
    Partial,
    /// It waits for a person.
    Parked,
}

/// The facts of one record, in order.
#[derive(Clone, Debug, Default)]
pub struct Facts(Vec<Fact>);

impl Facts {
    /// Adds a fact.
    pub fn state(&mut self, fact: Fact) {
        self.0.push(fact);
    }

    /// Takes the facts out and keeps the memory.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Fact> {
        self.0.drain(..)
    }

    /// The facts so far.
    pub fn as_slice(&self) -> &[Fact] {
        &self.0
    }
}
