//! Outbox: what a service commits to its database is published through a broker and takes effect once.
//!
//! ```text
//!  client     orders                  relay             broker          consumer
//!    ├─ Append ─▶│                      │                  │                │
//!    │           ● force Committed:     │                  │                │
//!    │           │  order and outbox    │                  │                │
//!    │◀── Done ──┤  row, one record     │                  │                │
//!    │           │◀──────── ReadOutbox ─┤ now and then     │                │
//!    │           ● write: rows up to    │                  │                │
//!    │           │  the cursor deleted  │                  │                │
//!    │           ├─ Rows ──────────────▶│                  │                │
//!    │           │                      ├─ Publish ───────▶│  again, until  │
//!    │           │                      │                  ● force Appended │
//!    │           │                      │◀───── Published ─┤  it is answered│
//!    │           │                      ● write Cursor     ├─ Batch ───────▶│
//!    │           │                                         │                ● force Took: effect
//!    │           │                                         │                │  and dedupe row
//!    │           │                                         │◀────────── Ack ┤
//! ```
//!
//! Two writes to two systems are not one: a crash between them loses an event, or publishes one that
//! never was (`DualWrite`, in either order). The outbox makes them one local transaction, and leaves
//! the second to a relay that repeats it until it is done. The price: events come late, by half the
//! interval of the relay on average, and more than once, so whoever receives them must know them.
//!
//! A relay moves its cursor behind what the broker has acknowledged, and asks from there; that tells
//! the database what it may delete. The cursor follows *commits*. One that follows ids (`ById`) is
//! what most people write first: an id is taken before the commit, so a slow transaction commits a
//! row below the cursor, where nobody looks again. Some databases number commits for the asking
//! (`rowversion`, `pg_snapshot_xmin`); all of them have a log that does, and `Tailing` reads it.
//!
//! The relay has a node of its own. On the node of the database it would save a message, and die and
//! come back with it: the crash between publishing and moving the cursor could not be told from one
//! of the service, and there could be no second relay. What the database has to do for it are the
//! messages `ReadOutbox`.
//!
//! Follows Richardson (2018), Microservices Patterns, section 3.3, for transactional outbox, polling
//! publisher and log tailing; Gray & Reuter (1993), section 10.2, for queues; Hohpe & Woolf (2003)
//! for the idempotent receiver. This file is long because a pattern is one file; settings, and what
//! the database does for relays, stand apart. Limits: transactions only add, so none is in another
//! one's way; the log of the service is never cut; the consumer remembers as long as `window` says.

use crate::{
    base::{
        ids::{NodeId, OpId, Topic, TxnId},
        table::Table,
        time::Time,
    },
    blocks::{
        broker::{self, Acked, Batch, Broker, Consumer, Delivery, Partition, Position, Producer},
        database::{self, Change, Database, Draft, Retention},
        remembered::Remembered,
    },
    embed,
    engine::{
        ctx::{self, Delay},
        facts::{Fact, Facts},
        operations::{Answer, Operation},
        protocol::{Alternative, BadSetting, Logged, Placement, Protocol},
    },
};
use serde::{Deserialize, Serialize};
use settings::{DualOrder, Publish, Slow};

pub use settings::Config;

// How events get out, and who relays them.
pub mod settings;

// What the database does for relays: rows behind a cursor, and deleting those before it.
mod reading;

/// Relays ask the database; everyone else talks to the broker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// To the database: all up to here is published, what comes next?
    ReadOutbox {
        /// The relay's cursor.
        after: u64,
    },
    /// To the relay: these, each with its place.
    Rows {
        /// Where it asked.
        after: u64,
        /// In order.
        rows: Vec<(u64, Event)>,
    },
    /// To and from the broker.
    Broker(broker::Message<Event>),
}

/// What everyone hears of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The operation that placed it.
    pub order: u64,
    /// Whose order it is: events of one key keep their order.
    pub key: u32,
    /// What was ordered.
    pub value: i64,
}

/// An order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Whose.
    pub key: u32,
    /// Of what.
    pub value: i64,
}

crate::tables! {
    /// What the order service stores.
    pub enum Row by Name {
        /// Orders, by the operation that placed them.
        Orders(Order),
        /// What is to be published, by a number that was taken before the commit.
        OutboxTable(Event),
    }
}

/// What survives a crash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// At the order service.
    Database(database::Record<Row>),
    /// At a relay: all rows of its share up to here are in the broker. A hint.
    Cursor {
        /// The place of the last one.
        upto: u64,
    },
    /// At the broker.
    Broker(broker::Record<Event>),
    /// At the consumer: the effect, and with it the dedupe row.
    Took {
        /// What took effect.
        event: Event,
        /// The dedupe row, unless it is a record of its own.
        seen: Option<Seen>,
    },
    /// At the consumer: the dedupe row alone.
    Remembered(Seen),
    /// At the consumer: how far it has read. A hint.
    Moved(Position),
}

/// A dedupe row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    order: u64,
    /// When, where the window asks for it.
    at: Option<Time>,
}

embed!(broker::Message<Event> as Message::Broker);
embed!(broker::Record<Event> as Record::Broker);
embed!(database::Record<Row> as Record::Database);

/// What wakes a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Timer {
    /// At the order service: this transaction has thought enough.
    Commit(OpId),
    /// At a relay: there may be more.
    ReadAgain,
    /// Of a producer, a consumer or the broker.
    Broker(broker::Timer),
}

embed!(broker::Timer as Timer::Broker);

crate::steps! {
    /// The steps that carry the guarantees. A scenario may leave one out to show what it buys.
    pub enum Step {
        /// An order is on disk before a relay can read of it: else a crash takes back what others
        /// have heard.
        ForceCommit => "publication.no_phantom",
        /// The order and its row of the outbox are one transaction: else a crash between the two
        /// keeps the order and nobody ever hears of it.
        EventWithOrder => "publication.no_loss",
        /// Rows leave in the order of their commits, not of their ids.
        InOrderOfCommits => "publication.order",
        /// The cursor moves when the broker has the rows, not when they were read: what is marked
        /// and not yet published is lost in a crash.
        MoveBehindAck => "publication.no_loss",
        /// A relay asks again and again: questions and answers get lost.
        ReadAgain => "publication.no_loss",
        /// What the broker did not confirm is published again.
        RetryPublish => "publication.no_loss",
        /// What is published is deleted from the outbox: else it grows for ever.
        Prune => "forgetting",
        /// An event is on the broker's disk before the relay stops to care.
        ForceAppend => "publication.no_loss",
        /// What a reader has not read is kept, however long it is away.
        KeepUnread => "publication.no_loss",
        /// The consumer says again and again how far it is: answers get lost.
        PollAgain => "publication.no_loss",
        /// What took effect takes none again, however often it comes.
        Deduplicate => "publication.exactly_once",
        /// The dedupe row is in the transaction of the effect: else a crash between the two
        /// forgets the effect and keeps it.
        RememberWithEffect => "publication.exactly_once",
        /// The effect is on disk before the broker hears that it is done.
        ForceEffect => "publication.no_loss",
    }
}

type Ctx<'a> = ctx::Ctx<'a, Outbox>;

/// One node, by its role.
#[derive(Clone, Debug, Serialize)]
pub enum Outbox {
    /// Takes orders.
    Service(Service),
    /// Keeps events.
    Broker(Broker<Event>),
    /// Lets each take effect.
    Receiver(Receiver),
    /// Brings rows of the outbox to the broker.
    Relay(Relay),
}

/// The state of the order service.
#[derive(Clone, Debug, Serialize)]
pub struct Service {
    // Replayed from the log.
    database: Database<Row>,
    // Lost in a crash: transactions that have not committed, what a dual write has not published
    // and not committed, relays at the end of the log, and how far each is.
    open: Table<OpId, Open>,
    producer: Producer<Event>,
    uncommitted: Table<(Partition, u64), OpId>,
    waiting: Table<NodeId, u64>,
    confirmed: Table<NodeId, u64>,
}

/// A transaction that has not committed.
#[derive(Clone, Debug, Serialize)]
struct Open {
    event: Event,
    /// Its row of the outbox.
    number: u64,
    draft: Draft<Row>,
}

/// The state of a relay.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Relay {
    // Replayed from the log.
    cursor: u64,
    // Lost in a crash: what was read and is not yet in the broker comes again.
    read: u64,
    fill: Fill,
    producer: Producer<Event>,
}

/// Whether an answer left something for the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
enum Fill {
    #[default]
    Partly,
    Full,
}

/// The state of the consumer.
#[derive(Clone, Debug, Serialize)]
pub struct Receiver {
    // Replayed from the log, but for what the consumer says is lost in a crash.
    totals: Table<u32, i64>,
    seen: Remembered<u64, ()>,
    consumer: Consumer<Event>,
}

impl Protocol for Outbox {
    const NAME: &'static str = "Outbox";
    const SUMMARY: &'static str = "what a database commits is published, and takes effect once";
    const EXAMPLE_WORKLOAD: &'static str =
        r#"Appends(clients: 2, rate: "20/s", keys: 3, until: "1s")"#;
    const EXAMPLE_CHECKS: &'static str = "Publication, Forgetting, Progress";
    const ALTERNATIVES: &'static [Alternative] = settings::ALTERNATIVES;
    type Config = Config;
    type Message = Message;
    type Record = Record;
    type Timer = Timer;
    type Step = Step;

    fn on_request(&mut self, op: OpId, operation: Operation, ctx: &mut Ctx<'_>) {
        let (Self::Service(service), Operation::Append { key, value }) = (self, operation) else {
            return ctx.reply(op, Answer::NotDone);
        };
        service.begin(op, Order { key, value }, ctx);
    }

    fn on_message(&mut self, from: NodeId, message: Message, ctx: &mut Ctx<'_>) {
        use broker::Message::{Assigned, Batch, Published};
        match (self, message) {
            (Self::Service(service), Message::ReadOutbox { after }) => {
                service.on_read(from, after, ctx);
            }
            (Self::Relay(relay), Message::Rows { after, rows }) => relay.on_rows(after, rows, ctx),
            (Self::Broker(broker), Message::Broker(message)) => {
                broker.on_message(from, message, terms(ctx), ctx);
            }
            (Self::Service(service), Message::Broker(Published { partition, sequence })) => {
                service.on_published(Acked { partition, sequence }, ctx);
            }
            (Self::Relay(relay), Message::Broker(Published { partition, sequence })) => {
                relay.on_published(Acked { partition, sequence }, ctx);
            }
            (Self::Receiver(receiver), Message::Broker(Assigned { partitions, .. })) => {
                receiver.consumer.on_assigned(partitions, ctx);
            }
            (Self::Receiver(receiver), Message::Broker(Batch(batch))) => {
                receiver.on_batch(batch, ctx);
            }
            (
                Self::Service(_) | Self::Relay(_) | Self::Receiver(_),
                Message::ReadOutbox { .. } | Message::Rows { .. } | Message::Broker(_),
            )
            | (Self::Broker(_), Message::ReadOutbox { .. } | Message::Rows { .. }) => {
                unreachable!("{from} sent it to the wrong role")
            }
        }
    }

    fn on_timer(&mut self, timer: Timer, ctx: &mut Ctx<'_>) {
        match (self, timer) {
            (Self::Service(service), Timer::Commit(op)) => service.decide(op, ctx),
            (Self::Relay(relay), Timer::ReadAgain) => relay.read_again(ctx),
            (Self::Broker(broker), Timer::Broker(timer)) => {
                broker.on_timer(&timer, terms(ctx), ctx);
            }
            (Self::Receiver(receiver), Timer::Broker(broker::Timer::Poll(_))) => {
                receiver.poll_again(ctx);
            }
            (
                Self::Service(Service { producer, .. }) | Self::Relay(Relay { producer, .. }),
                Timer::Broker(timer),
            ) => {
                let broker::Timer::Retry(partition) = timer else {
                    unreachable!("a producer waits for answers only")
                };
                let sending = ctx.config().sending(ctx.me());
                producer.on_timer(partition, Some(Step::RetryPublish), sending, ctx);
            }
            (Self::Service(_), Timer::ReadAgain)
            | (Self::Relay(_), Timer::Commit(_))
            | (Self::Broker(_), Timer::Commit(_) | Timer::ReadAgain)
            | (Self::Receiver(_), Timer::Commit(_) | Timer::ReadAgain | Timer::Broker(_)) => {
                unreachable!("nobody sets the timer of another role")
            }
        }
    }

    /// Redo: the log is the state, so recovery takes the same path as normal operation.
    fn apply(&mut self, record: Logged<Record>) {
        match self {
            Self::Service(service) => {
                if let Some(record) = record.narrow() {
                    service.database.apply(record);
                }
            }
            Self::Broker(broker) => {
                if let Some(record) = record.narrow() {
                    broker.apply(record);
                }
            }
            Self::Receiver(receiver) => receiver.apply(record),
            Self::Relay(relay) => relay.apply(record),
        }
    }

    /// After replay: ask for what comes next. Whoever is asked waits.
    fn on_boot(&mut self, ctx: &mut Ctx<'_>) {
        match self {
            Self::Service(_) | Self::Broker(_) => {}
            Self::Receiver(receiver) => receiver.consumer.poll(&ctx.config().broker, ctx),
            Self::Relay(relay) => relay.boot(ctx),
        }
    }

    fn new(config: &Config, me: NodeId) -> Self {
        match me {
            Config::SERVICE => Self::Service(Service::new(config)),
            Config::BROKER => Self::Broker(Broker::default()),
            Config::CONSUMER => Self::Receiver(Receiver {
                totals: Table::new(),
                seen: Remembered::new(config.window),
                consumer: Consumer::new(Config::BROKER, Config::GROUP, Config::topics()),
            }),
            _ => Self::Relay(Relay::default()),
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
            Record::Database(database::Record::Committed(commit)) => {
                let number = commit.version.0;
                commit.changes.iter().for_each(|change| committed(number, change, facts));
            }
            Record::Broker(broker::Record::Appended { event, .. }) => {
                facts.state(Fact::Publishes { key: event.key, event: event.order });
            }
            Record::Took { event, .. } => facts.state(Fact::TookEffect(event.order)),
            Record::Database(_)
            | Record::Cursor { .. }
            | Record::Broker(_)
            | Record::Remembered(_)
            | Record::Moved(_) => {}
        }
    }

    fn topic(message: &Message) -> Topic {
        match message {
            Message::ReadOutbox { after } | Message::Rows { after, .. } => Topic(after + 1),
            Message::Broker(message) => message.topic(),
        }
    }

    fn waiting(&self) -> Option<String> {
        let (Self::Service(Service { producer, .. }) | Self::Relay(Relay { producer, .. })) = self
        else {
            return None;
        };
        let open = producer.open();
        (open > 0).then(|| format!("{open} events to be published"))
    }
}

/// What a row that was committed says: an order is an event that others are to hear of, a row of
/// the outbox is a burden until it is deleted.
fn committed(number: u64, Change { id, row }: &Change<Row>, facts: &mut Facts) {
    let place = id.key.0;
    match (id.table, row) {
        (Name::Orders, Some(Row::Orders(order))) => {
            facts.state(Fact::Commits { number, key: order.key, event: place });
        }
        (Name::OutboxTable, Some(_)) => facts.state(Fact::Remembers(TxnId(place as u32))),
        (Name::OutboxTable, None) => facts.state(Fact::Forgot(TxnId(place as u32))),
        (Name::Orders, _) => {}
    }
}

fn terms<'a>(ctx: &Ctx<'a>) -> broker::Terms<'a, Step> {
    let steps = broker::Steps {
        keep_unread: Some(Step::KeepUnread),
        ..broker::Steps::forced_by(Step::ForceAppend)
    };
    broker::Terms { settings: &ctx.config().broker, steps }
}

/// Taking orders: one local transaction.
impl Service {
    fn new(config: &Config) -> Self {
        let retention = match config.publish {
            Publish::Tailing { .. } => Retention::UntilTruncated,
            Publish::DualWrite { .. } | Publish::Polling { .. } => Retention::Nothing,
        };
        Self {
            database: Database::new(retention),
            open: Table::new(),
            producer: Producer::default(),
            uncommitted: Table::new(),
            waiting: Table::new(),
            confirmed: Table::new(),
        }
    }

    /// The number is taken at once, as sequences of databases have it.
    fn begin(&mut self, op: OpId, order: Order, ctx: &mut Ctx<'_>) {
        let event = Event { order: op.0.into(), key: order.key, value: order.value };
        let mut txn = self.database.begin();
        txn.put(Orders, op, order);
        let number = txn.take_number(OutboxTable);
        if !matches!(ctx.config().publish, Publish::DualWrite { .. }) {
            txn.put(OutboxTable, number, event);
        }
        let draft = txn.set_aside();
        self.open.insert(op, Open { event, number, draft });
        if is_slow(op, order, ctx) {
            let (least, most) = ctx.config().think;
            ctx.set_timer(Delay::Between(least, most), Timer::Commit(op));
        } else {
            self.decide(op, ctx);
        }
    }

    /// Where the two writes are, or the one that stands for both.
    fn decide(&mut self, op: OpId, ctx: &mut Ctx<'_>) {
        match ctx.config().publish {
            Publish::Polling { .. } | Publish::Tailing { .. } => {
                self.commit_with_event(op, ctx);
                self.wake(ctx);
            }
            Publish::DualWrite { order: DualOrder::DatabaseFirst } => {
                if let Some(event) = self.commit(op, ctx) {
                    self.publish(event, ctx);
                }
            }
            Publish::DualWrite { order: DualOrder::BrokerFirst } => {
                let Some(event) = self.open.get(&op).map(|open| open.event) else { return };
                let sent = self.publish(event, ctx);
                self.uncommitted.insert(sent, op);
            }
        }
    }
}

/// The writes.
impl Service {
    /// Order and row together, if the scenario keeps it so.
    fn commit_with_event(&mut self, op: OpId, ctx: &mut Ctx<'_>) {
        if ctx.step(Step::EventWithOrder) {
            self.commit(op, ctx);
            return;
        }
        let Some(Open { event, number, .. }) = self.open.remove(&op) else { return };
        let mut txn = self.database.begin();
        txn.put(Orders, op, Order { key: event.key, value: event.value });
        let record = txn.commit();
        self.write(record, ctx);
        let mut txn = self.database.begin();
        txn.put(OutboxTable, number, event);
        let record = txn.commit();
        self.write(record, ctx);
        ctx.reply(op, Answer::Done);
    }

    /// Commits what the transaction has written, and tells the client.
    fn commit(&mut self, op: OpId, ctx: &mut Ctx<'_>) -> Option<Event> {
        let Open { event, draft, .. } = self.open.remove(&op)?;
        let record = self.database.resume(draft).commit();
        self.write(record, ctx);
        ctx.reply(op, Answer::Done);
        Some(event)
    }

    fn write(&mut self, record: database::Record<Row>, ctx: &mut Ctx<'_>) {
        self.database.apply(ctx.force(Step::ForceCommit, record));
    }

    /// Publishes without an outbox; where and under which sequence. What is not acknowledged is
    /// known to memory only.
    fn publish(&mut self, event: Event, ctx: &mut Ctx<'_>) -> (Partition, u64) {
        let partition = ctx.config().partition(event.key);
        let sequence = self.producer.enqueue(partition, event);
        self.producer.flush(ctx.config().sending(ctx.me()), ctx);
        (partition, sequence)
    }

    /// The broker has the event of a dual write.
    fn on_published(&mut self, acked: Acked, ctx: &mut Ctx<'_>) {
        let sending = ctx.config().sending(ctx.me());
        self.producer.on_published(acked, sending, ctx);
        if let Some(op) = self.uncommitted.remove(&(acked.partition, acked.sequence)) {
            self.commit(op, ctx);
        }
    }
}

fn is_slow(op: OpId, order: Order, ctx: &mut Ctx<'_>) -> bool {
    match &ctx.config().slow {
        Slow::Never => false,
        Slow::Chance(chance) => ctx.chance("slow", Topic(u64::from(op.0) + 1), *chance),
        Slow::Keys(keys) => keys.contains(&order.key),
    }
}

/// A relay: read, publish, move the cursor, read on.
impl Relay {
    fn boot(&mut self, ctx: &mut Ctx<'_>) {
        self.read = self.cursor;
        self.ask(ctx);
    }

    fn read_again(&mut self, ctx: &mut Ctx<'_>) {
        if ctx.step(Step::ReadAgain) {
            self.ask(ctx);
        }
    }

    fn ask(&mut self, ctx: &mut Ctx<'_>) {
        let interval = match ctx.config().publish {
            Publish::Polling { interval, .. } | Publish::Tailing { interval } => interval,
            Publish::DualWrite { .. } => unreachable!("nobody relays a dual write"),
        };
        ctx.set_timer(interval, Timer::ReadAgain);
        self.read_on(ctx);
    }

    /// Asks for more, unless there is something to publish still.
    fn read_on(&mut self, ctx: &mut Ctx<'_>) {
        if self.producer.open() == 0 {
            ctx.send(Config::SERVICE, Message::ReadOutbox { after: self.cursor });
        }
    }

    /// Rows that follow the cursor; an answer to an older question says nothing new.
    fn on_rows(&mut self, after: u64, rows: Vec<(u64, Event)>, ctx: &mut Ctx<'_>) {
        let config = ctx.config();
        if after != self.read || self.producer.open() > 0 {
            return;
        }
        let Some(&(last, _)) = rows.last() else { return };
        self.read = last;
        self.fill =
            if rows.len() < usize::from(config.batch_max) { Fill::Partly } else { Fill::Full };
        for (place, event) in rows {
            self.producer.enqueue_as(config.partition(event.key), place, event);
        }
        if !ctx.step(Step::MoveBehindAck) {
            self.apply(ctx.write(Record::Cursor { upto: last }));
        }
        self.producer.flush(config.sending(ctx.me()), ctx);
    }

    fn on_published(&mut self, acked: Acked, ctx: &mut Ctx<'_>) {
        let config = ctx.config();
        self.producer.on_published(acked, config.sending(ctx.me()), ctx);
        if self.producer.open() > 0 || self.cursor == self.read {
            return;
        }
        self.apply(ctx.write(Record::Cursor { upto: self.read }));
        if self.fill == Fill::Full || matches!(config.publish, Publish::Tailing { .. }) {
            self.read_on(ctx);
        }
    }

    fn apply(&mut self, record: Logged<Record>) {
        if let Record::Cursor { upto } = record.into_inner() {
            self.cursor = upto;
        }
    }
}

/// The consumer: what comes takes effect, unless it has.
impl Receiver {
    fn poll_again(&mut self, ctx: &mut Ctx<'_>) {
        if ctx.step(Step::PollAgain) {
            self.consumer.poll(&ctx.config().broker, ctx);
        }
    }

    fn on_batch(&mut self, batch: Batch<Event>, ctx: &mut Ctx<'_>) {
        let partition = batch.asked.partition;
        let mut last = None;
        for Delivery { at, event, .. } in self.consumer.fresh(batch, None, ctx) {
            self.take(event, ctx);
            last = Some(at);
        }
        if let Some(at) = last {
            self.apply(ctx.write(Record::Moved(at)));
            self.consumer.ack(partition, ctx);
        }
    }

    fn take(&mut self, event: Event, ctx: &mut Ctx<'_>) {
        let now = ctx.config().window.stamp(ctx);
        let is_known = self.seen.get(&event.order, now).is_some();
        if is_known && ctx.step(Step::Deduplicate) {
            return;
        }
        let seen = Seen { order: event.order, at: now };
        if ctx.step(Step::RememberWithEffect) {
            let took = Record::Took { event, seen: Some(seen) };
            self.apply(ctx.force(Step::ForceEffect, took));
        } else {
            self.apply(ctx.force(Step::ForceEffect, Record::Took { event, seen: None }));
            self.apply(ctx.force(Step::ForceEffect, Record::Remembered(seen)));
        }
    }

    fn apply(&mut self, record: Logged<Record>) {
        match record.into_inner() {
            Record::Took { event, seen } => {
                *self.totals.entry_or_default(event.key) += event.value;
                if let Some(seen) = seen {
                    self.remember(seen);
                }
            }
            Record::Remembered(seen) => self.remember(seen),
            Record::Moved(at) => self.consumer.took(at),
            Record::Database(_) | Record::Broker(_) | Record::Cursor { .. } => {
                unreachable!("a record of another role")
            }
        }
    }

    fn remember(&mut self, Seen { order, at }: Seen) {
        self.seen.insert(order, (), at);
    }
}

#[cfg(test)]
mod tests;
