//! A transaction: reads with their versions, and writes that nobody sees before the commit.
//!
//! ```text
//!   begin ──▶ get · scan · put · insert · update · delete ──▶ commit ──▶ one record
//!     ▲         │ set_aside                                     ▲
//!     └─resume──┴─▶ Draft, plain data in the host's memory      └ validate_writes · validate_reads
//! ```
//!
//! Handlers run one after the other, so a transaction that begins and commits in one handler is
//! alone. One that is set aside, while its host waits for a lock or a message, comes back to rows
//! that may have changed: it notes the version of each row that it touches, and a host that holds
//! no locks validates before it commits. Which validation, and whether at all, is the host's
//! choice, since leaving one out is how updates get lost (writes) and how skew comes about (reads).
//!
//! Aborting is letting go: a draft dies in a crash as in a drop, and the log knows of neither.
//! Only numbers that were taken stay taken, as sequences of databases have it.
//!
//! After Kung & Robinson (1981), optimistic concurrency control, and Adya (1999) for phantoms: a
//! scan notes the version of its whole table. Limits: of several writes to a row in one transaction
//! the last one counts, and a commit lists its rows by table and key, not by statement.

use super::{
    Change, Commit, Database, Record, Version,
    schema::{Key, RowId, Schema, Table},
};
use crate::base::table::Table as Small;
use serde::Serialize;
use std::{iter::Peekable, sync::Arc};

/// Why a transaction may not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused<N: std::fmt::Debug> {
    /// It inserts a row that is there.
    #[error("{0} is there already")]
    Exists(RowId<N>),
    /// It changes a row that is not there.
    #[error("{0} is not there")]
    Missing(RowId<N>),
    /// A row is not of the version that it was read at, or is expected to be of.
    #[error("{row} is of version {found} instead of {expected}")]
    Stale {
        /// Which row.
        row: RowId<N>,
        /// The version that it should have.
        expected: Version,
        /// The version that it has.
        found: Version,
    },
    /// A table that it scanned has changed since.
    #[error("table {0:?} has changed since it was scanned")]
    Phantom(N),
}

/// A transaction on a database. Dropping it aborts it.
#[derive(Debug)]
#[must_use = "a transaction that is not committed has no effect"]
pub struct Transaction<'a, S: Schema> {
    database: &'a mut Database<S>,
    draft: Draft<S>,
}

/// A transaction between two handlers: what it has seen, and what it would write.
#[derive(Clone, Debug, Serialize)]
#[serde(bound = "")]
pub struct Draft<S: Schema> {
    /// The version of each row when it was touched first.
    seen: Small<RowId<S::Name>, Seen>,
    /// The version of each table when it was scanned first.
    scanned: Small<S::Name, Version>,
    writes: Small<RowId<S::Name>, Option<S>>,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Seen {
    version: Version,
    was_read: bool,
}

type Outcome<S> = Result<(), Refused<<S as Schema>::Name>>;

impl<'a, S: Schema> Transaction<'a, S> {
    pub(super) fn new(database: &'a mut Database<S>, draft: Draft<S>) -> Self {
        Self { database, draft }
    }

    /// Reads a row: as this transaction wrote it, else as it was committed last.
    pub fn get<T: Table<Schema = S>>(&mut self, table: T, key: impl Into<Key>) -> Option<&T::Row> {
        let row = RowId::of(table, key);
        self.touch(row).was_read = true;
        self.find(row).map(T::typed)
    }

    /// Reads all rows of a table in the order of their keys, with this transaction's own writes.
    pub fn scan<T>(&mut self, table: T) -> impl Iterator<Item = (Key, &T::Row)>
    where
        T: Table<Schema = S>,
    {
        let Self { database, draft } = self;
        draft.scanned.or_insert_with(T::NAME, || database.table_version(table));
        let bounds = RowId { table: T::NAME, key: Key(0, 0) }..=RowId {
            table: T::NAME,
            key: Key(u64::MAX, u64::MAX),
        };
        let writes = draft.writes.range(bounds).map(|(row, any)| (row.key, any.as_ref()));
        let writes = writes.map(|(key, any)| (key, any.map(T::typed)));
        merged(database.scan(table).peekable(), writes.peekable())
    }

    /// The version of a row when this transaction touched it first.
    pub fn version<T: Table<Schema = S>>(&mut self, table: T, key: impl Into<Key>) -> Version {
        self.touch(RowId::of(table, key)).version
    }

    /// Refuses unless a row is of this version, such as one that a client has read.
    pub fn expect_version<T: Table<Schema = S>>(
        &mut self,
        table: T,
        key: impl Into<Key>,
        expected: Version,
    ) -> Outcome<S> {
        let row = RowId::of(table, key);
        let seen = self.touch(row);
        seen.was_read = true;
        let found = seen.version;
        if found == expected { Ok(()) } else { Err(Refused::Stale { row, expected, found }) }
    }

    /// Writes a row, there or not.
    pub fn put<T: Table<Schema = S>>(&mut self, table: T, key: impl Into<Key>, row: T::Row) {
        self.write(RowId::of(table, key), Some(T::any(row)));
    }

    /// Writes a row that is not there yet.
    pub fn insert<T>(&mut self, table: T, key: impl Into<Key>, row: T::Row) -> Outcome<S>
    where
        T: Table<Schema = S>,
    {
        let at = RowId::of(table, key);
        if self.is_there(at) {
            return Err(Refused::Exists(at));
        }
        self.write(at, Some(T::any(row)));
        Ok(())
    }

    /// Changes a row that is there.
    pub fn update<T>(
        &mut self,
        table: T,
        key: impl Into<Key>,
        change: impl FnOnce(&mut T::Row),
    ) -> Outcome<S>
    where
        T: Table<Schema = S, Row: Clone>,
    {
        let at = RowId::of(table, key);
        let mut row = self.get(table, at.key).cloned().ok_or(Refused::Missing(at))?;
        change(&mut row);
        self.write(at, Some(T::any(row)));
        Ok(())
    }

    /// Deletes a row that is there.
    pub fn delete<T: Table<Schema = S>>(&mut self, table: T, key: impl Into<Key>) -> Outcome<S> {
        let at = RowId::of(table, key);
        if !self.is_there(at) {
            return Err(Refused::Missing(at));
        }
        self.write(at, None);
        Ok(())
    }

    /// Takes the next number of a table whose rows are numbered: above all that were ever committed
    /// as keys of it, and all that were taken since the node started. It is taken at once: who
    /// takes a number and commits later may commit it after a higher one, and who aborts leaves a
    /// gap. Taken in the handler that commits, numbers have the order of the commits.
    pub fn take_number<T: Table<Schema = S>>(&mut self, _: T) -> u64 {
        self.database.take_number(T::NAME)
    }

    /// Refuses if a row that this transaction writes has changed since it touched it first.
    pub fn validate_writes(&self) -> Outcome<S> {
        self.validate_rows(|row, _| self.draft.writes.contains_key(row))
    }

    /// Refuses if a row that this transaction has read, or a table that it has scanned, has changed
    /// since.
    pub fn validate_reads(&self) -> Outcome<S> {
        let now = |table| self.database.version_of_table(table);
        let changed = self.draft.scanned.iter().find(|&(&table, &seen)| now(table) != seen);
        match changed {
            Some((&table, _)) => Err(Refused::Phantom(table)),
            None => self.validate_rows(|_, seen| seen.was_read),
        }
    }

    /// Has it written nothing? Then there is nothing to commit.
    pub fn is_read_only(&self) -> bool {
        self.draft.writes.is_empty()
    }

    /// Leaves the handler and keeps the transaction, see [`Database::resume`].
    pub fn set_aside(self) -> Draft<S> {
        self.draft
    }

    /// All of its writes as one record. They take effect when the host has logged and applied it,
    /// which it must do before it commits anything else.
    #[must_use = "a record takes effect when it is logged and applied"]
    pub fn commit(self) -> Record<S> {
        let writes = self.draft.writes.into_iter();
        let changes: Arc<[Change<S>]> = writes.map(|(id, row)| Change { id, row }).collect();
        Record::Committed(Commit { version: self.database.version().next(), changes })
    }

    fn validate_rows(&self, concerns: impl Fn(&RowId<S::Name>, &Seen) -> bool) -> Outcome<S> {
        for (&row, seen) in self.draft.seen.iter().filter(|(row, seen)| concerns(row, seen)) {
            let (expected, found) = (seen.version, self.database.version_at(row));
            if found != expected {
                return Err(Refused::Stale { row, expected, found });
            }
        }
        Ok(())
    }

    fn touch(&mut self, row: RowId<S::Name>) -> &mut Seen {
        let database = &self.database;
        let first = || Seen { version: database.version_at(row), was_read: false };
        self.draft.seen.or_insert_with(row, first)
    }

    /// Whether a row is there counts as a read of it.
    fn is_there(&mut self, row: RowId<S::Name>) -> bool {
        self.touch(row).was_read = true;
        self.find(row).is_some()
    }

    fn find(&self, row: RowId<S::Name>) -> Option<&S> {
        match self.draft.writes.get(&row) {
            Some(written) => written.as_ref(),
            None => self.database.find(row),
        }
    }

    fn write(&mut self, row: RowId<S::Name>, any: Option<S>) {
        self.touch(row);
        self.draft.writes.insert(row, any);
    }
}

impl<S: Schema> Default for Draft<S> {
    fn default() -> Self {
        Self { seen: Small::new(), scanned: Small::new(), writes: Small::new() }
    }
}

/// Two iterators in the order of keys as one; where both have a key, the second one counts.
fn merged<'a, R: 'a>(
    mut below: Peekable<impl Iterator<Item = (Key, &'a R)>>,
    mut above: Peekable<impl Iterator<Item = (Key, Option<&'a R>)>>,
) -> impl Iterator<Item = (Key, &'a R)> {
    std::iter::from_fn(move || {
        loop {
            let Some(&(own, _)) = above.peek() else { return below.next() };
            match below.peek() {
                Some(&(key, _)) if key < own => return below.next(),
                Some(&(key, _)) if key == own => _ = below.next(),
                _ => {}
            }
            if let Some((key, Some(row))) = above.next() {
                return Some((key, row));
            }
        }
    })
}
