//! Change data capture: a copy of a table, fed from the log of its database.
//!
//! ```text
//!  client    source              connector            broker             replica
//!    ├─ Write ─▶│                    │                   │                   │
//!    │          ● force Committed    │                   │                   │
//!    │◀─ Done ──┤◀──────────── Tail ─┤ after my offset   │                   │
//!    │          ├─ Changes ─────────▶│                   │                   │
//!    │          │                    ├─ Publish ────────▶│ by key            │
//!    │          │                    │                   ● force Appended    │
//!    │          │                    │◀────── Published ─┤                   │
//!    │          │                    ● force the offset  ├─ Batch ──────────▶│
//!    │          │◀──── Tail, stored ─┤                   │                   ● force Took: rows that
//!    │          ● lets go of its log │                   │◀───────────── Ack ┤ are newer, position
//!
//!   at first   Locate ──▶ position S ──▶ Scan a range of keys, publish, … ──▶ Tail after S
//! ```
//!
//! Nothing is asked of whoever writes to the table: the log is there anyway, it has every change,
//! deletions included, and it has them in the order of their commits. The price: the log must stay
//! until it was read, and what can be said is what stands in rows, not why.
//!
//! Publish, then store the offset: a crash between the two publishes again, and every change says
//! the version of its row, so a replica leaves out what is not newer. It remembers deleted rows, too.
//! The snapshot is read in chunks while clients go on: each row is of its own instant, and none of
//! them before S. What was changed since comes with the log, at least once, and the version tells.
//! Stopping all writers for a consistent snapshot was rejected, as was one long transaction: both are
//! what people want to avoid. Marks in the log around each chunk (Andreakis & Papapanagiotou 2020,
//! DBLog) come to the same without versions at the reader, at the price of writing to the source.
//!
//! Events of a key go to one partition; those of two keys have no order. A row that gets another key
//! is a deletion of one and an insertion of another, each among its own; where the two are torn
//! apart, a reader sees both or neither for a while (`whole_commits`).
//!
//! Follows Kreps, Narkhede & Rao (2011) for the broker, Das and others (2012, Databus) for capture
//! from the log. This file is long because a pattern is one file; the source and the replica, without
//! which a connector can be read, stand apart. Limits: one connector; the offset moves by whole
//! batches, one at a time; replicas remember deleted keys for ever.

use crate::{
    base::{
        ids::{NodeId, OpId, Topic, TxnId},
        table::Table,
        time::Time,
    },
    blocks::{
        broker::{self, Acked, Broker, Partition, Position, Producer},
        database::{self, Version},
    },
    embed,
    engine::{
        ctx,
        facts::{Fact, Facts},
        operations::{Answer, Operation},
        protocol::{Alternative, BadSetting, Logged, Placement, Protocol},
    },
};
use replica::Replica;
use serde::{Deserialize, Serialize};
use settings::{BROKER, CONNECTOR, Capture, IfGone, PartitionBy, SOURCE};
use source::Source;

pub use settings::Config;

// Who plays which role, where keys go.
pub mod settings;

// The copy: what is newer than what it has.
mod replica;

// The table, its transactions, and what it lets a connector see.
mod source;

crate::tables! {
    /// What the source stores.
    pub enum AnyRow by Name {
        /// The table.
        Rows(Row),
        /// What cells mean: one row, 0, once the table was altered.
        Layouts(Schema),
    }
}

/// A row as it lies on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// What is written there.
    pub cell: i64,
    /// What it means; the log of changes does not say it.
    pub schema: Schema,
    /// When its statement ran.
    pub updated_at: Time,
}

/// What a cell means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Schema {
    /// So many units.
    First,
    /// So many hundredths.
    Second,
}

/// A change of a row, as events carry it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowChange {
    /// Which row.
    pub key: u32,
    /// The commit that made it so.
    pub version: Version,
    /// What stands there; `None` once it is deleted.
    pub cell: Option<i64>,
}

/// What the connector publishes: the part of a commit, or of a chunk, that goes to one partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// What cells in it mean.
    pub schema: Schema,
    /// The rows.
    pub changes: Vec<RowChange>,
}

/// A commit, as the log has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    /// Its number.
    pub version: Version,
    /// Keys, and what stands there now.
    pub changes: Vec<(u32, Option<i64>)>,
    /// What cells mean from here on, where the table was altered.
    pub altered: Option<Schema>,
}

/// One variant per arrow in the diagram.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// To the source: where does your log end?
    Locate,
    /// From the source: here, and this is what cells mean there.
    Located {
        /// The last commit.
        position: Version,
        /// In force there.
        schema: Schema,
    },
    /// To the source: a chunk of the table, from this key on.
    Scan(u32),
    /// From the source: the chunk.
    Scanned {
        /// From which key on.
        from: u32,
        /// Its rows.
        rows: Vec<RowChange>,
        /// What their cells mean.
        schema: Schema,
        /// Where the next chunk begins, if there is one.
        next: Option<u32>,
        /// The last commit by then.
        at: Version,
    },
    /// To the source: what follows in the log?
    Tail {
        /// Behind this commit.
        after: Version,
        /// All up to here will never be asked for again.
        stored: Version,
    },
    /// From the source: this.
    Changes {
        /// Behind this commit.
        after: Version,
        /// In their order.
        commits: Vec<LogEntry>,
        /// In force now, not where the commits stand.
        schema: Schema,
    },
    /// From the source: that part of the log is gone.
    Gone {
        /// What was asked for.
        after: Version,
        /// Where the log begins.
        kept_after: Version,
        /// In force now.
        schema: Schema,
    },
    /// To the source: which rows are newer than this, by their column?
    Query(u64),
    /// From the source: these.
    Found {
        /// What was asked for.
        since: u64,
        /// The rows.
        rows: Vec<RowChange>,
        /// What their cells mean.
        schema: Schema,
        /// How new the newest is.
        upto: u64,
    },
    /// To and from the broker.
    Broker(broker::Message<Event>),
}

/// What survives a crash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// At the source: a transaction.
    Database(database::Record<AnyRow>),
    /// At the source: the log between the two is let go of.
    LetGo {
        /// What was let go of before.
        after: Version,
        /// Up to here.
        upto: Version,
    },
    /// At the connector: all before this is in the broker.
    Stored(Progress),
    /// At the broker.
    Broker(broker::Record<Event>),
    /// At a replica: rows that are newer than what it had, and the place of the last event.
    Took(Option<Position>, Vec<Copied>),
    /// Where the place is not part of that: it alone.
    Moved(Position),
}

/// How far a connector is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Progress {
    /// It has not begun.
    Begins,
    /// The snapshot is done before this key; the log is to be read behind the position.
    Scans {
        /// Where the log ended when the snapshot began.
        position: Version,
        /// What cells meant there.
        schema: Schema,
        /// Where the next chunk begins.
        from: u32,
    },
    /// All up to this commit is done.
    Tails {
        /// The commit.
        offset: Version,
        /// What cells mean behind it.
        schema: Schema,
    },
    /// All rows up to this mark are done.
    Polls(u64),
}

/// A row as a replica has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copied {
    /// Which row.
    pub key: u32,
    /// The commit that made it so.
    pub version: Version,
    /// What it is; `None` once it is deleted.
    pub value: Option<i64>,
}

embed!(broker::Message<Event> as Message::Broker);
embed!(broker::Record<Event> as Record::Broker);

impl From<database::Record<AnyRow>> for Record {
    fn from(record: database::Record<AnyRow>) -> Self {
        Self::Database(record)
    }
}

impl TryFrom<Record> for database::Record<AnyRow> {
    type Error = ();

    fn try_from(record: Record) -> Result<Self, ()> {
        match record {
            Record::Database(record) => Ok(record),
            Record::LetGo { upto, .. } => Ok(Self::Truncated(upto)),
            Record::Stored(_) | Record::Broker(_) | Record::Took(..) | Record::Moved(_) => Err(()),
        }
    }
}

/// What wakes a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Timer {
    /// At the source: the client has thought enough.
    Commit(OpId),
    /// At the source: the table is altered.
    Alter,
    /// At the connector: ask, or ask again.
    Ask,
    /// Of the producer, a consumer or the broker.
    Broker(broker::Timer),
}

embed!(broker::Timer as Timer::Broker);

crate::steps! {
    /// The steps that carry the guarantees. A scenario may leave one out to show what it buys.
    pub enum Step {
        /// A transaction is on disk before the client, or the connector, hears of it.
        ForceCommit => "copy.order",
        /// The rows that were there before are copied, too.
        SnapshotFirst => "copy.complete",
        /// Where the log is read from is settled before the first row of the snapshot is read, not
        /// after the last: what changes in between is in the log, and maybe nowhere else.
        LocateBeforeSnapshot => "copy.complete",
        /// The offset is stored when all before it is in the broker, not when it was read.
        StoreBehindPublish => "copy.complete",
        /// It is on disk before the source hears of it, and lets go of its log.
        ForceOffset => "copy.complete",
        /// The source keeps its log until the connector has stored that it is done with it.
        KeepUntilStored => "copy.complete",
        /// And no longer.
        LetGo => "forgetting",
        /// A connector that was not answered asks again.
        AskAgain => "copy.complete",
        /// Cells mean what they meant where they stand in the log, not what they mean now.
        ReadUnderSchemaOfPosition => "copy.order",
        /// The deletion of a row goes where the row went: a row that gets another key is in two
        /// places.
        PartitionByOwnKey => "copy.complete",
        /// What the broker did not confirm is published again.
        RetryPublish => "copy.complete",
        /// An event is on the broker's disk before the connector stops to care.
        ForceAppend => "copy.complete",
        /// A consumer says again and again how far it is: answers get lost.
        PollAgain => "copy.complete",
        /// A replica leaves out what is older than what it has.
        KeepNewer => "copy.order",
        /// It does so even where what it has is nothing: a deleted row stays deleted.
        KeepTombstone => "copy.order",
        /// Rows are on its disk before the broker hears that they are.
        ForceRows => "copy.complete",
        /// How far it has read is in the record of what it made of it.
        MoveWithRows => "copy.complete",
    }
}

type Ctx<'a> = ctx::Ctx<'a, Cdc>;

/// One node, by its role.
#[derive(Clone, Debug, Serialize)]
pub enum Cdc {
    /// Has the table.
    Source(Source),
    /// Reads its log and publishes what it finds.
    Connector(Connector),
    /// Keeps the events.
    Broker(Broker<Event>),
    /// Has a copy.
    Replica(Replica),
}

/// The state of the connector.
#[derive(Clone, Debug, Serialize)]
pub struct Connector {
    // Replayed from the log.
    stored: Progress,
    // Lost in a crash: what was read and is being published, and how far that brings it.
    read: Progress,
    producer: Producer<Event>,
    gone: Option<Version>,
}

impl Protocol for Cdc {
    const NAME: &'static str = "Cdc";
    const SUMMARY: &'static str = "a copy of a table, fed from the log of its database";
    const EXAMPLE_WORKLOAD: &'static str =
        r#"Rows(clients: 2, rate: "20/s", keys: 8, until: "2s")"#;
    const EXAMPLE_CHECKS: &'static str = "Copy, Forgetting";
    const ALTERNATIVES: &'static [Alternative] = settings::ALTERNATIVES;
    type Config = Config;
    type Message = Message;
    type Record = Record;
    type Timer = Timer;
    type Step = Step;

    fn on_request(&mut self, op: OpId, operation: Operation, ctx: &mut Ctx<'_>) {
        match self {
            Self::Source(source) => source.on_request(op, operation, ctx),
            Self::Connector(_) | Self::Broker(_) | Self::Replica(_) => {
                ctx.reply(op, Answer::NotDone);
            }
        }
    }

    fn on_message(&mut self, from: NodeId, message: Message, ctx: &mut Ctx<'_>) {
        match self {
            Self::Source(source) => source.on_message(message, ctx),
            Self::Connector(connector) => connector.on_message(message, ctx),
            Self::Broker(broker) => {
                let Message::Broker(message) = message else {
                    unreachable!("{from} sent it to the wrong role")
                };
                broker.on_message(from, message, terms(ctx), ctx);
            }
            Self::Replica(replica) => replica.on_message(message, ctx),
        }
    }

    fn on_timer(&mut self, timer: Timer, ctx: &mut Ctx<'_>) {
        match (self, timer) {
            (Self::Source(source), Timer::Commit(op)) => source.on_commit(op, ctx),
            (Self::Source(source), Timer::Alter) => source.alter(ctx),
            (Self::Connector(connector), Timer::Ask) => connector.on_ask_due(ctx),
            (Self::Connector(connector), Timer::Broker(broker::Timer::Retry(partition))) => {
                connector.on_retry(partition, ctx);
            }
            (Self::Broker(broker), Timer::Broker(timer)) => {
                broker.on_timer(&timer, terms(ctx), ctx);
            }
            (Self::Replica(replica), Timer::Broker(broker::Timer::Poll(_))) => replica.poll(ctx),
            (_, timer) => unreachable!("{timer:?} is of another role"),
        }
    }

    /// Redo: the log is the state, so recovery takes the same path as normal operation.
    fn apply(&mut self, record: Logged<Record>) {
        match self {
            Self::Source(source) => source.apply(record),
            Self::Connector(connector) => connector.apply(record),
            Self::Broker(broker) => {
                if let Some(record) = record.narrow() {
                    broker.apply(record);
                }
            }
            Self::Replica(replica) => replica.apply(record),
        }
    }

    fn on_boot(&mut self, ctx: &mut Ctx<'_>) {
        match self {
            Self::Source(source) => source.on_boot(ctx),
            Self::Connector(connector) => connector.on_boot(ctx),
            Self::Broker(_) => {} // It waits to be asked.
            Self::Replica(replica) => replica.on_boot(ctx),
        }
    }

    fn new(config: &Config, me: NodeId) -> Self {
        match me {
            SOURCE => Self::Source(Source::new(config)),
            CONNECTOR => Self::Connector(Connector::new(config)),
            BROKER => Self::Broker(Broker::default()),
            replica => Self::Replica(Replica::new(replica)),
        }
    }

    fn topology(config: &Config) -> Vec<Placement> {
        config.topology()
    }

    fn validate(config: &Config) -> Vec<BadSetting> {
        config.validate()
    }

    fn facts(record: &Record, facts: &mut Facts) {
        match record {
            Record::Database(database::Record::Committed(commit)) => source::state(commit, facts),
            Record::LetGo { after, upto } => {
                let versions = after.0 + 1..=upto.0;
                versions.for_each(|version| facts.state(Fact::Forgot(TxnId(version as u32))));
            }
            Record::Took(_, rows) => rows.iter().for_each(|copied| copied.state(facts)),
            Record::Database(_) | Record::Stored(_) | Record::Broker(_) | Record::Moved(_) => {}
        }
    }

    fn topic(message: &Message) -> Topic {
        match message {
            Message::Locate | Message::Located { .. } => Topic(1),
            Message::Scan(from) | Message::Scanned { from, .. } => Topic(u64::from(*from) + 1),
            Message::Tail { after, .. }
            | Message::Changes { after, .. }
            | Message::Gone { after, .. } => Topic(after.0 + 1),
            Message::Query(since) | Message::Found { since, .. } => Topic(since.wrapping_add(1)),
            Message::Broker(message) => message.topic(),
        }
    }

    fn waiting(&self) -> Option<String> {
        match self {
            Self::Source(source) => source.waiting(),
            Self::Connector(connector) => connector.waiting(),
            Self::Broker(_) | Self::Replica(_) => None,
        }
    }
}

fn terms<'a>(ctx: &Ctx<'a>) -> broker::Terms<'a, Step> {
    let steps = broker::Steps::forced_by(Step::ForceAppend);
    broker::Terms { settings: &ctx.config().broker, steps }
}

/// The source: what a connector asks it.
impl Source {
    fn on_message(&mut self, message: Message, ctx: &mut Ctx<'_>) {
        match message {
            Message::Locate => self.on_locate(ctx),
            Message::Scan(from) => self.on_scan(from, ctx),
            Message::Tail { after, stored } => self.on_tail(after, stored, ctx),
            Message::Query(since) => self.on_query(since, ctx),
            Message::Located { .. }
            | Message::Scanned { .. }
            | Message::Changes { .. }
            | Message::Gone { .. }
            | Message::Found { .. }
            | Message::Broker(_) => unreachable!("it was sent to the wrong role"),
        }
    }
}

/// The connector: one batch at a time. Read it, publish it, store that it is done, ask for the next.
impl Connector {
    fn new(config: &Config) -> Self {
        let stored = match config.capture {
            Capture::Log => Progress::Begins,
            Capture::Polling { .. } => Progress::Polls(0),
        };
        Self { stored, read: stored, producer: Producer::default(), gone: None }
    }

    fn on_boot(&mut self, ctx: &mut Ctx<'_>) {
        self.read = self.stored;
        self.ask(ctx);
        ctx.set_timer(ctx.config().pace(), Timer::Ask);
    }

    fn on_ask_due(&mut self, ctx: &mut Ctx<'_>) {
        let polls = matches!(self.stored, Progress::Polls(_));
        if polls || ctx.step(Step::AskAgain) {
            if self.is_idle() {
                self.ask(ctx);
            }
            ctx.set_timer(ctx.config().pace(), Timer::Ask);
        }
    }

    fn ask(&self, ctx: &mut Ctx<'_>) {
        let question = match self.stored {
            Progress::Begins => Message::Locate,
            Progress::Scans { from, .. } => Message::Scan(from),
            Progress::Tails { offset, .. } => Message::Tail { after: offset, stored: offset },
            Progress::Polls(mark) => Message::Query(mark),
        };
        ctx.send(SOURCE, question);
    }

    /// What is late, or a repeat, does not fit to where the connector is.
    fn on_message(&mut self, message: Message, ctx: &mut Ctx<'_>) {
        match message {
            Message::Located { position, schema } => self.on_located(position, schema, ctx),
            Message::Scanned { from, rows, schema, next, at } => {
                self.on_scanned(from, Event { schema, changes: rows }, (next, at), ctx);
            }
            Message::Changes { after, commits, schema } => {
                self.on_changes(after, commits, schema, ctx);
            }
            Message::Gone { after, kept_after, schema } => {
                self.on_gone(after, kept_after, schema, ctx);
            }
            Message::Found { since, rows, schema, upto } => {
                self.on_found(since, Event { schema, changes: rows }, upto, ctx);
            }
            Message::Broker(broker::Message::Published { partition, sequence }) => {
                self.on_published(Acked { partition, sequence }, ctx);
            }
            Message::Locate
            | Message::Scan(_)
            | Message::Tail { .. }
            | Message::Query(_)
            | Message::Broker(_) => unreachable!("it was sent to the wrong role"),
        }
    }

    /// Whether nothing that was read is still to be published: only then an answer is awaited.
    fn is_idle(&self) -> bool {
        self.producer.open() == 0
    }

    /// The log ends here: all that comes later will be in it.
    fn on_located(&mut self, position: Version, schema: Schema, ctx: &mut Ctx<'_>) {
        if self.stored != Progress::Begins {
            return;
        }
        let next = if ctx.step(Step::SnapshotFirst) {
            Progress::Scans { position, schema, from: 0 }
        } else {
            Progress::Tails { offset: position, schema }
        };
        self.publish(next, ctx);
    }

    fn on_scanned(
        &mut self,
        from: u32,
        chunk: Event,
        (next, at): (Option<u32>, Version),
        ctx: &mut Ctx<'_>,
    ) {
        let Progress::Scans { position, schema, from: asked } = self.stored else { return };
        if from != asked || !self.is_idle() {
            return;
        }
        let place = u64::from(from / ctx.config().chunk_keys) + 1;
        self.enqueue(sequence(position) + place, chunk, PartitionBy::OwnKey, ctx);
        let progress = match next {
            Some(from) => Progress::Scans { position, schema, from },
            None if ctx.step(Step::LocateBeforeSnapshot) => {
                Progress::Tails { offset: position, schema }
            }
            None => Progress::Tails { offset: at, schema },
        };
        self.publish(progress, ctx);
    }

    fn on_changes(
        &mut self,
        after: Version,
        commits: Vec<LogEntry>,
        now: Schema,
        ctx: &mut Ctx<'_>,
    ) {
        let Progress::Tails { mut offset, mut schema } = self.stored else { return };
        if after != offset || !self.is_idle() {
            return;
        }
        for LogEntry { version, changes, altered } in commits {
            (offset, schema) = (version, altered.unwrap_or(schema));
            let changes = changes.into_iter();
            let changes = changes.map(|(key, cell)| RowChange { key, version, cell }).collect();
            let read_as = if ctx.step(Step::ReadUnderSchemaOfPosition) { schema } else { now };
            let by = match ctx.config().partition_by {
                PartitionBy::OwnKey if !ctx.step(Step::PartitionByOwnKey) => PartitionBy::NewKey,
                by => by,
            };
            self.enqueue(sequence(version), Event { schema: read_as, changes }, by, ctx);
        }
        self.publish(Progress::Tails { offset, schema }, ctx);
    }

    fn on_gone(&mut self, after: Version, kept_after: Version, schema: Schema, ctx: &mut Ctx<'_>) {
        match (self.stored, ctx.config().if_gone) {
            (Progress::Tails { offset, .. }, IfGone::Stop) if after == offset => {
                self.gone = Some(kept_after);
            }
            (Progress::Tails { offset, .. }, IfGone::SkipAhead) if after == offset => {
                self.publish(Progress::Tails { offset: kept_after, schema }, ctx);
            }
            _ => {}
        }
    }

    fn on_found(&mut self, since: u64, rows: Event, upto: u64, ctx: &mut Ctx<'_>) {
        if self.stored == Progress::Polls(since) && since < upto && self.is_idle() {
            self.enqueue(upto, rows, PartitionBy::OwnKey, ctx);
            self.publish(Progress::Polls(upto), ctx);
        }
    }

    /// Each partition gets its part. What is published again after a crash has the same sequence.
    fn enqueue(&mut self, sequence: u64, event: Event, by: PartitionBy, ctx: &Ctx<'_>) {
        let Event { schema, changes } = event;
        let new = changes.iter().find(|change| change.cell.is_some()).or(changes.first());
        let Some(&RowChange { key: new, version, .. }) = new else { return };
        let mut parts: Table<Partition, Vec<RowChange>> = Table::new();
        for change in changes {
            let key = match by {
                PartitionBy::OwnKey => change.key,
                PartitionBy::NewKey => new,
                PartitionBy::Commit => version.0 as u32,
            };
            parts.entry_or_default(ctx.config().partition(key)).push(change);
        }
        for (&partition, changes) in &parts {
            let event = Event { schema, changes: changes.clone() };
            self.producer.enqueue_as(partition, sequence, event);
        }
    }

    fn publish(&mut self, progress: Progress, ctx: &mut Ctx<'_>) {
        self.read = progress;
        if !ctx.step(Step::StoreBehindPublish) {
            self.store(ctx);
        }
        self.producer.flush(ctx.config().sending(), ctx);
        self.go_on(ctx);
    }

    fn on_published(&mut self, acked: Acked, ctx: &mut Ctx<'_>) {
        _ = self.producer.on_published(acked, ctx.config().sending(), ctx);
        self.go_on(ctx);
    }

    /// Once all of the batch is in the broker, that is stored, and the next one asked for.
    fn go_on(&mut self, ctx: &mut Ctx<'_>) {
        if self.is_idle() && self.read != self.stored {
            self.store(ctx);
            if !matches!(self.stored, Progress::Polls(_)) {
                self.ask(ctx); // Who polls asks by the clock.
            }
        }
    }

    fn store(&mut self, ctx: &mut Ctx<'_>) {
        self.apply(ctx.force(Step::ForceOffset, Record::Stored(self.read)));
    }

    fn on_retry(&mut self, partition: Partition, ctx: &mut Ctx<'_>) {
        let sending = ctx.config().sending();
        self.producer.on_timer(partition, Some(Step::RetryPublish), sending, ctx);
    }

    fn apply(&mut self, record: Logged<Record>) {
        if let Record::Stored(progress) = record.into_inner() {
            self.stored = progress;
        }
    }

    fn waiting(&self) -> Option<String> {
        let open = self.producer.open();
        match self.gone {
            Some(kept_after) => Some(format!("a log that is gone: it begins behind {kept_after}")),
            None if open > 0 => Some(format!("{open} events to be published")),
            None => None,
        }
    }
}

/// The sequence of what a commit changed in a partition. Between two of them there is room for the
/// chunks of a snapshot: a chunk covers the same keys when it is published again, so that what the
/// broker then drops as a repeat was there, or is in the log.
fn sequence(version: Version) -> u64 {
    version.0 << 16
}

impl Row {
    fn value(&self) -> i64 {
        self.schema.value(self.cell)
    }
}

impl Schema {
    fn value(self, cell: i64) -> i64 {
        match self {
            Self::First => cell,
            Self::Second => cell / 100,
        }
    }

    fn cell(self, value: i64) -> i64 {
        match self {
            Self::First => value,
            Self::Second => value * 100,
        }
    }
}
