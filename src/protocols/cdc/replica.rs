//! The replica: a copy that takes what is newer than what it has.
//!
//! ```text
//!   Batch ──▶ of each row: newer than mine, or than what I know to be deleted? ──▶ ● force Took ──▶ Ack
//!                                                       rows and position: one record
//! ```
//!
//! The number of the commit decides, not the order in which events come: a repeat, an event that was
//! overtaken and a row of the snapshot that the log has, too, are all left out in the same way. A
//! deleted row is remembered with its number, or an old event would bring it back. To rely on the order
//! of the partition alone was rejected: it would do without versions, and not survive a repeat.
//!
//! Limits: deleted rows are remembered for ever.

use super::{
    Copied, Ctx, Event, Message, Record, RowChange, Schema, Step,
    settings::{BROKER, Config, Reader},
};
use crate::{
    base::{ids::NodeId, table::Table},
    blocks::broker::{self, Batch, Consumer, Delivery, Position},
    engine::{
        facts::{Fact, Facts},
        protocol::Logged,
    },
};
use serde::Serialize;

/// The state of a replica.
#[derive(Clone, Debug, Serialize)]
pub struct Replica {
    // Replayed from the log, but for what the consumer says is lost in a crash.
    rows: Table<u32, Copied>,
    consumer: Consumer<Event>,
}

/// A replica: what is newer than what it has.
impl Replica {
    pub(super) fn new(me: NodeId) -> Self {
        let (group, topic) = Config::group(me);
        Self { rows: Table::new(), consumer: Consumer::new(BROKER, group, vec![topic]) }
    }

    /// It says where it is, and reads on.
    pub(super) fn on_boot(&self, ctx: &mut Ctx<'_>) {
        self.consumer.poll(&ctx.config().broker, ctx);
    }

    pub(super) fn on_message(&mut self, message: Message, ctx: &mut Ctx<'_>) {
        match message {
            Message::Broker(broker::Message::Assigned { partitions, .. }) => {
                self.consumer.on_assigned(partitions, ctx);
            }
            Message::Broker(broker::Message::Batch(batch)) => self.on_batch(batch, ctx),
            Message::Locate
            | Message::Located { .. }
            | Message::Scan(_)
            | Message::Scanned { .. }
            | Message::Tail { .. }
            | Message::Changes { .. }
            | Message::Gone { .. }
            | Message::Query(_)
            | Message::Found { .. }
            | Message::Broker(_) => unreachable!("it was sent to the wrong role"),
        }
    }

    /// All of a batch is one record, so that no reader sees a part of an event.
    fn on_batch(&mut self, batch: Batch<Event>, ctx: &mut Ctx<'_>) {
        let partition = batch.asked.partition;
        let (mut upto, mut newer) = (None, Vec::new());
        for Delivery { at, event, .. } in self.consumer.fresh(batch, None, ctx) {
            let schema = match (event.schema, ctx.config().reader) {
                (schema, Reader::KnowsBoth) => schema,
                (Schema::First, _) | (Schema::Second, Reader::Guesses) => Schema::First,
                (Schema::Second, Reader::Waits) => break,
                (Schema::Second, Reader::Skips) => {
                    upto = Some(at);
                    continue;
                }
            };
            upto = Some(at);
            for RowChange { key, version, cell } in event.changes {
                let copied = Copied { key, version, value: cell.map(|cell| schema.value(cell)) };
                if self.is_newer(copied, &newer, ctx) {
                    newer.push(copied);
                }
            }
        }
        if let Some(upto) = upto {
            self.take(upto, newer, ctx);
            self.consumer.ack(partition, ctx);
        }
    }

    /// Whether a row is newer than what is known of its key, in this batch or before.
    fn is_newer(&self, row: Copied, newer: &[Copied], ctx: &mut Ctx<'_>) -> bool {
        let in_batch = newer.iter().rev().find(|known| known.key == row.key);
        match in_batch.or_else(|| self.rows.get(&row.key)) {
            None => true,
            Some(known) if known.version < row.version => true,
            Some(Copied { value: Some(_), .. }) => !ctx.step(Step::KeepNewer),
            Some(Copied { value: None, .. }) => !ctx.step(Step::KeepTombstone),
        }
    }

    fn take(&mut self, upto: Position, rows: Vec<Copied>, ctx: &mut Ctx<'_>) {
        let mut place = Some(upto);
        if !ctx.step(Step::MoveWithRows) {
            place = None;
            self.apply(ctx.force(Step::ForceRows, Record::Moved(upto)));
        }
        self.apply(ctx.force(Step::ForceRows, Record::Took(place, rows)));
    }

    pub(super) fn poll(&self, ctx: &mut Ctx<'_>) {
        if ctx.step(Step::PollAgain) {
            self.consumer.poll(&ctx.config().broker, ctx);
        }
    }

    pub(super) fn apply(&mut self, record: Logged<Record>) {
        match record.into_inner() {
            Record::Took(place, rows) => {
                for copied in rows {
                    self.rows.insert(copied.key, copied);
                }
                if let Some(at) = place {
                    self.consumer.took(at);
                }
            }
            Record::Moved(at) => self.consumer.took(at),
            Record::Database(_) | Record::LetGo { .. } | Record::Stored(_) | Record::Broker(_) => {
                unreachable!("a record of another role")
            }
        }
    }
}

impl Copied {
    pub(super) fn state(self, facts: &mut Facts) {
        let Self { key, version, value } = self;
        facts.state(Fact::Applied(version.0));
        facts.state(match value {
            Some(value) => Fact::Holds { key, value, beside: 0 },
            None => Fact::Lacks { key },
        });
    }
}
