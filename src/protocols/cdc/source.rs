//! The source: a table that clients change, and what it lets a connector see of it.
//!
//! ```text
//!   Write, Delete, Rename ──▶ draft ──think──▶ validate ──▶ ● force Committed ──▶ Done
//!                                                               │ the log, in commit order
//!   Tail(after) ──▶ Changes, as the log has them: raw cells     ◀┘
//!   Scan(range) ──▶ rows of a range of keys, as they are now, each with its version
//!   Query(since) ──▶ rows whose column says that they are newer
//! ```
//!
//! A transaction stays open for a while. What it writes is stamped with the clock when it is
//! written, as `updated_at` columns are, and becomes visible when it commits: later, and not in the
//! order of the stamps. The log has the order of the commits.
//!
//! The log has cells, not values: what a cell means depends on the schema that was in force where
//! it stands. A query is answered by the database, which knows; who reads the log must know itself.
//!
//! Limits: one table; a transaction that was open when the table was altered is refused, as is one
//! whose rows have changed since it began.

use super::{
    AnyRow, Ctx, Layouts, LogEntry, Message, Record, Row, RowChange, Rows, Schema, Step, Timer,
    settings::{CONNECTOR, Capture, Column, Config},
};
use crate::{
    base::{
        ids::{OpId, TxnId},
        table::Table,
        time::{Duration, Time},
    },
    blocks::database::{self, Commit, Database, Draft, Key, OutOfReach, Refused, Version},
    engine::{
        ctx::Delay,
        facts::{Fact, Facts},
        operations::{Answer, Operation},
        protocol::Logged,
    },
};
use serde::Serialize;

/// The state of the source.
#[derive(Clone, Debug, Serialize)]
pub struct Source {
    // Replayed from the log.
    database: Database<AnyRow>,
    // Lost in a crash.
    drafts: Table<OpId, Draft<AnyRow>>,
    /// From where on the connector waits for changes.
    awaited: Option<Version>,
}

impl Source {
    pub(super) fn new(config: &Config) -> Self {
        let database = Database::new(config.retention());
        Self { database, drafts: Table::new(), awaited: None }
    }

    /// The table is as old as the first boot; the log of how it came about is not kept.
    pub(super) fn on_boot(&mut self, ctx: &mut Ctx<'_>) {
        if self.database.version() == Version::NONE && ctx.config().rows > 0 {
            self.open(ctx);
        }
        if let Some(after) = ctx.config().alter_at
            && self.schema() == Schema::First
        {
            ctx.set_timer(after, Timer::Alter);
        }
    }

    fn open(&mut self, ctx: &mut Ctx<'_>) {
        let updated_at = stamp(ctx);
        let mut txn = self.database.begin();
        for key in 0..ctx.config().rows {
            let cell = -1 - i64::from(key);
            txn.put(Rows, key, Row { cell, schema: Schema::First, updated_at });
        }
        let record = txn.commit();
        self.database.apply(ctx.force(Step::ForceCommit, record));
        self.let_go(self.database.version(), ctx);
    }

    /// The table gets another column for the same: from this commit on, cells mean something else.
    pub(super) fn alter(&mut self, ctx: &mut Ctx<'_>) {
        let mut txn = self.database.begin();
        txn.put(Layouts, 0_u32, Schema::Second);
        let record = txn.commit();
        self.database.apply(ctx.force(Step::ForceCommit, record));
        self.wake(ctx);
    }

    pub(super) fn apply(&mut self, record: Logged<Record>) {
        if let Some(record) = record.narrow() {
            self.database.apply(record);
        }
    }

    pub(super) fn waiting(&self) -> Option<String> {
        let open = self.drafts.len();
        (open > 0).then(|| format!("{open} transactions to commit"))
    }

    /// The schema that is in force now.
    fn schema(&self) -> Schema {
        self.database.get(Layouts, 0_u32).copied().unwrap_or(Schema::First)
    }
}

/// What the clock says, where anybody looks at it.
fn stamp(ctx: &mut Ctx<'_>) -> Time {
    match ctx.config().capture {
        Capture::Polling { by: Column::UpdatedAt, .. } => ctx.now(),
        Capture::Polling { by: Column::Version, .. } | Capture::Log => Time::ZERO,
    }
}

/// Transactions of clients.
impl Source {
    pub(super) fn on_request(&mut self, op: OpId, operation: Operation, ctx: &mut Ctx<'_>) {
        if let Operation::Read { key } = operation {
            let row = self.database.get(Rows, key);
            return ctx.reply(op, row.map_or(Answer::NotDone, |row| Answer::Value(row.value())));
        }
        match self.draft(operation, stamp(ctx)) {
            None => ctx.reply(op, Answer::NotDone),
            Some(draft) if ctx.config().think_max.is_zero() => self.commit(op, draft, ctx),
            Some(draft) => {
                self.drafts.insert(op, draft);
                let think = Delay::Between(Duration::ZERO, ctx.config().think_max);
                ctx.set_timer(think, Timer::Commit(op));
            }
        }
    }

    /// What an operation would write; `None` when it cannot be done.
    fn draft(&mut self, operation: Operation, updated_at: Time) -> Option<Draft<AnyRow>> {
        let mut txn = self.database.begin();
        let schema = txn.get(Layouts, 0_u32).copied().unwrap_or(Schema::First);
        let row = |value| Row { cell: schema.cell(value), schema, updated_at };
        match operation {
            Operation::Write { key, value } => txn.put(Rows, key, row(value)),
            Operation::Delete { key } => txn.delete(Rows, key).ok()?,
            Operation::Rename { from, to } => {
                let value = txn.get(Rows, from)?.value();
                txn.insert(Rows, to, row(value)).ok()?; // Refused where both are the same key, too.
                txn.delete(Rows, from).ok()?;
            }
            _ => return None,
        }
        Some(txn.set_aside())
    }

    pub(super) fn on_commit(&mut self, op: OpId, ctx: &mut Ctx<'_>) {
        if let Some(draft) = self.drafts.remove(&op) {
            self.commit(op, draft, ctx);
        }
    }

    fn commit(&mut self, op: OpId, draft: Draft<AnyRow>, ctx: &mut Ctx<'_>) {
        let txn = self.database.resume(draft);
        let valid: Result<(), Refused<_>> =
            txn.validate_writes().and_then(|()| txn.validate_reads());
        if valid.is_err() {
            return ctx.reply(op, Answer::NotDone);
        }
        let record = txn.commit();
        self.database.apply(ctx.force(Step::ForceCommit, record));
        ctx.reply(op, Answer::Done);
        self.wake(ctx);
    }
}

/// What a connector may see.
impl Source {
    /// Where the log ends now, and which schema is in force there.
    pub(super) fn on_locate(&self, ctx: &mut Ctx<'_>) {
        let (position, schema) = (self.database.version(), self.schema());
        ctx.send(CONNECTOR, Message::Located { position, schema });
    }

    /// All rows of a range of keys, as they are now.
    pub(super) fn on_scan(&self, from: u32, ctx: &mut Ctx<'_>) {
        let upto = from.saturating_add(ctx.config().chunk_keys);
        let is_in = |key: &Key| (u64::from(from)..u64::from(upto)).contains(&key.0);
        let schema = self.schema();
        let rows = self.database.scan(Rows);
        let rows =
            rows.filter(|(key, _)| is_in(key)).map(|(key, row)| self.change(key, row, schema));
        let rows = rows.collect();
        let has_more = self.database.scan(Rows).any(|(key, _)| key.0 >= u64::from(upto));
        let next = has_more.then_some(upto);
        let at = self.database.version();
        ctx.send(CONNECTOR, Message::Scanned { from, rows, schema, next, at });
    }

    /// Rows that are newer by a column, oldest first; those of one mark are not torn apart.
    pub(super) fn on_query(&self, since: u64, ctx: &mut Ctx<'_>) {
        let Capture::Polling { by, .. } = ctx.config().capture else { return };
        let schema = self.schema();
        let marked = self.database.scan(Rows).map(|(key, row)| match by {
            Column::UpdatedAt => (row.updated_at.as_nanos(), self.change(key, row, schema)),
            Column::Version => {
                (self.database.row_version(Rows, key.0).0, self.change(key, row, schema))
            }
        });
        let mut newer: Vec<(u64, RowChange)> = marked.filter(|(mark, _)| *mark > since).collect();
        newer.sort_by_key(|(mark, change)| (*mark, change.key));
        let last =
            newer.get(usize::from(ctx.config().batch_max) - 1).map_or(u64::MAX, |(mark, _)| *mark);
        newer.retain(|(mark, _)| *mark <= last);
        let upto = newer.last().map_or(since, |(mark, _)| *mark);
        let rows = newer.into_iter().map(|(_, change)| change).collect();
        ctx.send(CONNECTOR, Message::Found { since, rows, schema, upto });
    }

    /// The connector has stored all up to `stored`, and wants what follows `after`.
    pub(super) fn on_tail(&mut self, after: Version, stored: Version, ctx: &mut Ctx<'_>) {
        self.let_go(stored, ctx);
        self.awaited = Some(after);
        self.wake(ctx);
    }

    /// Tells the connector what it waits for, once there is any.
    fn wake(&mut self, ctx: &mut Ctx<'_>) {
        let Some(after) = self.awaited else { return };
        let commits = match self.database.changes_after(after) {
            Ok(commits) => commits,
            Err(OutOfReach::TooLate { kept_after }) => {
                let schema = self.schema();
                return ctx.send(CONNECTOR, Message::Gone { after, kept_after, schema });
            }
            Err(OutOfReach::Ahead { .. }) => return, // A crash took back what it has read.
        };
        let batch = commits.take(ctx.config().batch_max.into());
        let commits: Vec<LogEntry> = batch.map(LogEntry::of).collect();
        let Some(last) = commits.last().map(|entry| entry.version) else { return };
        self.awaited = None;
        ctx.send(CONNECTOR, Message::Changes { after, commits, schema: self.schema() });
        if !ctx.step(Step::KeepUntilStored) {
            self.let_go(last, ctx);
        }
    }

    /// Nobody will ask for changes up to here any more.
    fn let_go(&mut self, upto: Version, ctx: &mut Ctx<'_>) {
        let after = self.database.changes_kept_after();
        if after < upto && ctx.step(Step::LetGo) {
            self.apply(ctx.write(Record::LetGo { after, upto }));
        }
    }

    /// A row as a query gives it: under the schema of now, whatever it was written under.
    fn change(&self, key: Key, row: &Row, schema: Schema) -> RowChange {
        let version = self.database.row_version(Rows, key.0);
        RowChange { key: key.0 as u32, version, cell: Some(schema.cell(row.value())) }
    }
}

impl LogEntry {
    /// What the log has of a commit.
    fn of(commit: &Commit<AnyRow>) -> Self {
        let mut entry = Self { version: commit.version, changes: Vec::new(), altered: None };
        for database::Change { id, row } in commit.changes.iter() {
            match (id.table, row) {
                (super::Name::Layouts, Some(AnyRow::Layouts(schema))) => {
                    entry.altered = Some(*schema);
                }
                (super::Name::Rows, Some(AnyRow::Rows(row))) => {
                    entry.changes.push((id.key.0 as u32, Some(row.cell)));
                }
                (super::Name::Rows, None) => entry.changes.push((id.key.0 as u32, None)),
                (super::Name::Rows | super::Name::Layouts, _) => {
                    unreachable!("a row stands in its table, and no layout is deleted")
                }
            }
        }
        entry
    }
}

/// What a commit states: of each row that it changed, what it is from now on.
pub(super) fn state(commit: &Commit<AnyRow>, facts: &mut Facts) {
    let number = commit.version.0;
    facts.state(Fact::Remembers(TxnId(number as u32)));
    for database::Change { id, row } in commit.changes.iter() {
        let key = id.key.0 as u32;
        let now = match row {
            Some(AnyRow::Rows(row)) => Fact::Holds { key, value: row.value(), beside: 0 },
            Some(AnyRow::Layouts(_)) => continue,
            None => Fact::Lacks { key },
        };
        facts.state(Fact::Commits { number, key, event: number });
        facts.state(now);
    }
}
