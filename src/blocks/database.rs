//! A local database: tables with ACID transactions, on the log of its node.
//!
//! ```text
//!   begin ──▶ Transaction ──commit──▶ Record::Committed ──ctx.force──▶ apply ──▶ rows, versions
//!              reads its writes        all tables at once                   └──▶ changes, in order
//!
//!   let mut txn = self.database.begin();
//!   txn.insert(Orders, id, order)?;
//!   txn.put(Outbox, number, event);
//!   let record = txn.commit();
//!   self.database.apply(ctx.force(Step::ForceCommit, record));
//! ```
//!
//! *Atomic*, because a transaction is one record and a crash leaves a prefix of records. *Durable*,
//! because its host forces the record before it answers; which step that is, and whether forces are
//! shared (`force_grouped`), only the host knows. *Isolated*, because handlers run one by one;
//! transactions that outlive a handler have row versions to validate ([`Transaction`]) or row locks
//! to wait for ([`Locks`]). *Consistent* is what the host refuses before it commits.
//!
//! Commits are numbered from 1 without a gap. That number is the [`Version`] of the rows that they
//! write, and their position in the stream of changes, which others may tail ([`Database::changes_after`]):
//! it *is* the log, so it can neither miss a commit nor show one that never was. Locks, numbers
//! taken, and drafts die in a crash.
//!
//! Rows at older versions are not kept: nothing here reads into the past, and what does (event
//! sourcing) stores its events. A table per type of its own, with a trait object for each, was
//! rejected: one enum of rows keeps a transaction one plain record.
//!
//! Limits: a checkpoint replaces the log of the whole node, so a host that checkpoints keeps all
//! that must survive in tables. A commit that a crash takes back (it was not forced) gives its
//! number to another one: who has read it before cannot tell.

use crate::{base::ids::TxnId, engine::protocol::Logged};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, VecDeque, vec_deque},
    fmt,
    ops::Bound,
    sync::Arc,
};

mod locks;
mod schema;
mod transaction;

pub use locks::{Asked, Locks, Mode};
pub use schema::{Key, RowId, Schema, Table};
pub use transaction::{Draft, Refused, Transaction};

/// How many transactions were committed by then; 0 is before everything, and the version of a row
/// that is not there.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Version(pub u64);

impl Version {
    /// Before everything.
    pub const NONE: Self = Self(0);

    /// The version after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.0)
    }
}

/// As short as the `Display`, for timelines.
impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What survives a crash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound = "")]
pub enum Record<S: Schema> {
    /// A transaction: all of it, or nothing.
    Committed(Commit<S>),
    /// Nobody will ask for changes up to here any more.
    Truncated(Version),
    /// All that came before, as one record.
    Checkpoint(Box<Snapshot<S>>),
}

/// One transaction, as it was committed. Clones share its changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Commit<S: Schema> {
    /// Its number, and the version of the rows that it wrote.
    pub version: Version,
    /// What it changed, each row once, by table and key.
    pub changes: Arc<[Change<S>]>,
}

/// One changed row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Change<S: Schema> {
    /// Where.
    pub id: RowId<S::Name>,
    /// What it is now; `None` once it is deleted.
    pub row: Option<S>,
}

/// All durable state of a database at an instant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Snapshot<S: Schema> {
    version: Version,
    rows: Vec<(RowId<S::Name>, Stored<S>)>,
    marks: Vec<(S::Name, Marks)>,
    commits: Vec<Commit<S>>,
}

impl<S: Schema> Snapshot<S> {
    /// The last commit that is in it.
    pub fn version(&self) -> Version {
        self.version
    }
}

/// Which changes are kept for those who tail them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Retention {
    /// None.
    #[default]
    Nothing,
    /// Those of so many last commits.
    Last(u32),
    /// All that are not truncated: a reader that stays away holds them for ever.
    UntilTruncated,
}

/// Why changes cannot be read from some position on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutOfReach {
    /// Changes after it are gone.
    #[error("the changes up to {kept_after} are gone")]
    TooLate {
        /// The first position from which they can be read.
        kept_after: Version,
    },
    /// It was never committed, or a crash took it back.
    #[error("the last commit is {last}")]
    Ahead {
        /// The last commit there is.
        last: Version,
    },
}

/// The state of a database.
#[derive(Clone, Debug, Serialize)]
#[serde(bound = "")]
pub struct Database<S: Schema> {
    // Replayed from the log.
    version: Version,
    rows: BTreeMap<RowId<S::Name>, Stored<S>>,
    marks: BTreeMap<S::Name, Marks>,
    commits: VecDeque<Commit<S>>,
    // A setting.
    retention: Retention,
    // Lost in a crash.
    taken: BTreeMap<S::Name, u64>,
    locks: Locks<RowId<S::Name>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stored<S> {
    version: Version,
    row: S,
}

/// What is known of a table as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Marks {
    /// When a row of it was last changed or deleted.
    changed: Version,
    /// The highest number that was ever committed as a key; deleting the row does not lower it.
    highest: u64,
}

/// Reading what is committed.
impl<S: Schema> Database<S> {
    /// An empty database.
    pub fn new(retention: Retention) -> Self {
        Self {
            version: Version::NONE,
            rows: BTreeMap::new(),
            marks: BTreeMap::new(),
            commits: VecDeque::new(),
            retention,
            taken: BTreeMap::new(),
            locks: Locks::default(),
        }
    }

    /// The last commit. Together with a scan in the same handler it is a consistent snapshot.
    pub fn version(&self) -> Version {
        self.version
    }

    /// A row, if it is there.
    pub fn get<T: Table<Schema = S>>(&self, table: T, key: impl Into<Key>) -> Option<&T::Row> {
        self.find(RowId::of(table, key)).map(T::typed)
    }

    /// The commit that wrote a row last; [`Version::NONE`] when it is not there.
    pub fn row_version<T: Table<Schema = S>>(&self, table: T, key: impl Into<Key>) -> Version {
        self.version_at(RowId::of(table, key))
    }

    /// The commit that changed any row of a table last, deletion included.
    pub fn table_version<T: Table<Schema = S>>(&self, _: T) -> Version {
        self.version_of_table(T::NAME)
    }

    /// All rows of a table, in the order of their keys.
    pub fn scan<T: Table<Schema = S>>(&self, _: T) -> impl Iterator<Item = (Key, &T::Row)> {
        let first = RowId { table: T::NAME, key: Key(0, 0) };
        let rows = self.rows.range(first..).take_while(|(id, _)| id.table == T::NAME);
        rows.map(|(id, stored)| (id.key, T::typed(&stored.row)))
    }

    /// The rows of a table behind a key, in the order of their keys.
    pub fn scan_after<T: Table<Schema = S>>(
        &self,
        table: T,
        key: impl Into<Key>,
    ) -> impl Iterator<Item = (Key, &T::Row)> {
        let bounds = (Bound::Excluded(RowId::of(table, key)), Bound::Unbounded);
        let rows = self.rows.range(bounds).take_while(|(id, _)| id.table == T::NAME);
        rows.map(|(id, stored)| (id.key, T::typed(&stored.row)))
    }

    /// The commits after a position, in their order: the next one has the next number.
    ///
    /// # Errors
    /// When some of them are no longer kept, or the position is one that no commit has.
    pub fn changes_after(
        &self,
        position: Version,
    ) -> Result<vec_deque::Iter<'_, Commit<S>>, OutOfReach> {
        let kept_after = self.changes_kept_after();
        if position < kept_after {
            return Err(OutOfReach::TooLate { kept_after });
        }
        if position > self.version {
            return Err(OutOfReach::Ahead { last: self.version });
        }
        Ok(self.commits.range((position.0 - kept_after.0) as usize..))
    }

    /// The first position from which changes can be read.
    pub fn changes_kept_after(&self) -> Version {
        Version(self.version.0 - self.commits.len() as u64)
    }

    fn find(&self, row: RowId<S::Name>) -> Option<&S> {
        self.rows.get(&row).map(|stored| &stored.row)
    }

    fn version_at(&self, row: RowId<S::Name>) -> Version {
        self.rows.get(&row).map_or(Version::NONE, |stored| stored.version)
    }

    fn version_of_table(&self, table: S::Name) -> Version {
        self.marks.get(&table).map_or(Version::NONE, |marks| marks.changed)
    }
}

/// Transactions.
impl<S: Schema> Database<S> {
    /// A transaction that has seen and written nothing.
    pub fn begin(&mut self) -> Transaction<'_, S> {
        self.resume(Draft::default())
    }

    /// Goes on with a transaction that was set aside. Other transactions may have committed since.
    pub fn resume(&mut self, draft: Draft<S>) -> Transaction<'_, S> {
        Transaction::new(self, draft)
    }

    fn take_number(&mut self, table: S::Name) -> u64 {
        let committed = self.marks.get(&table).map_or(0, |marks| marks.highest);
        let taken = self.taken.entry(table).or_default();
        *taken = committed.max(*taken) + 1;
        *taken
    }
}

/// Row locks, see [`Locks`].
impl<S: Schema> Database<S> {
    /// Asks for a row on behalf of a transaction.
    ///
    /// # Panics
    /// When the transaction already waits for a lock.
    pub fn lock<T: Table<Schema = S>>(
        &mut self,
        txn: TxnId,
        table: T,
        key: impl Into<Key>,
        mode: Mode,
    ) -> Asked {
        self.locks.acquire(txn, RowId::of(table, key), mode)
    }

    /// Ends a transaction for others: gives up its locks and its place in a queue, and names those
    /// that may go on now, in order.
    #[must_use = "those named here wait for a word from the host"]
    pub fn release(&mut self, txn: TxnId) -> Vec<TxnId> {
        self.locks.release(txn)
    }

    /// Who holds what and who waits for whom.
    pub fn locks(&self) -> &Locks<RowId<S::Name>> {
        &self.locks
    }
}

/// Redo, and what bounds it.
impl<S: Schema> Database<S> {
    /// Redo: the only place where durable state changes.
    ///
    /// # Panics
    /// When commits do not follow each other: a host made a record before it applied the last one.
    pub fn apply(&mut self, record: Logged<Record<S>>) {
        match record.into_inner() {
            Record::Committed(commit) => self.redo(commit),
            Record::Truncated(position) => self.keep_after(position),
            Record::Checkpoint(snapshot) => self.restore(*snapshot),
        }
    }

    /// A record that says all that the log does, to replace it: `ctx.checkpoint(record)`.
    #[must_use = "a record takes effect when it is logged and applied"]
    pub fn checkpoint(&self) -> Record<S> {
        let rows = self.rows.iter().map(|(&id, stored)| (id, stored.clone()));
        let marks = self.marks.iter().map(|(&table, &marks)| (table, marks));
        Record::Checkpoint(Box::new(Snapshot {
            version: self.version,
            rows: rows.collect(),
            marks: marks.collect(),
            commits: self.commits.iter().cloned().collect(),
        }))
    }

    /// A record that lets go of the changes up to a position, such as the one that the slowest
    /// reader has confirmed.
    #[must_use = "a record takes effect when it is logged and applied"]
    pub fn truncate_changes(&self, upto: Version) -> Record<S> {
        Record::Truncated(upto)
    }

    fn redo(&mut self, commit: Commit<S>) {
        assert!(commit.version == self.version.next(), "{} after {}", commit.version, self.version);
        self.version = commit.version;
        for Change { id, row } in commit.changes.iter() {
            let marks = self.marks.entry(id.table).or_default();
            *marks = Marks { changed: commit.version, highest: marks.highest.max(id.key.0) };
            match row {
                Some(row) => {
                    let stored = Stored { version: commit.version, row: row.clone() };
                    self.rows.insert(*id, stored);
                }
                None => _ = self.rows.remove(id),
            }
        }
        self.commits.push_back(commit);
        match self.retention {
            Retention::Nothing => self.keep_after(self.version),
            Retention::Last(commits) => {
                self.keep_after(Version(self.version.0.saturating_sub(u64::from(commits))));
            }
            Retention::UntilTruncated => {}
        }
    }

    fn keep_after(&mut self, position: Version) {
        let gone = position.0.saturating_sub(self.changes_kept_after().0) as usize;
        self.commits.drain(..gone.min(self.commits.len()));
    }

    fn restore(&mut self, snapshot: Snapshot<S>) {
        self.version = snapshot.version;
        self.rows = snapshot.rows.into_iter().collect();
        self.marks = snapshot.marks.into_iter().collect();
        self.commits = snapshot.commits.into();
    }
}

#[cfg(test)]
mod tests;
