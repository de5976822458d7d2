//! The settings of change data capture, and which node plays which role.
//!
//! ```text
//!   Cdc(capture: Log, rows: 8, replicas: 2, broker: (partitions: 2), reader: KnowsBoth, …)
//!
//!   key ──▶ replica: key mod replicas ──▶ partition of its topic: (key / replicas) mod partitions
//! ```
//!
//! A topic per replica, because each keeps the rows of its own topic and no others; a group of
//! consumers that share one topic was rejected, since whoever takes over a partition would lack the
//! rows that were applied elsewhere.
//!
//! Limits: a copy is not moved from one replica to another.

use crate::{
    base::{ids::NodeId, time::Duration},
    blocks::{
        broker::{self, GroupId, Partition, ProducerId, Sending, TopicId},
        database,
    },
    engine::protocol::{Alternative, BadSetting, Placement},
};
use serde::{Deserialize, Serialize};

/// The settings.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How many rows the table has before anybody captures its changes: keys 0 and up.
    pub rows: u32,
    /// How long a transaction stays open at most; drawn anew for each.
    pub think_max: Duration,
    /// Which part of its log the database keeps for readers.
    pub retention: database::Retention,
    /// When the table is altered, counted from the boot of the source.
    pub alter_at: Option<Duration>,
    /// How changes are found.
    pub capture: Capture,
    /// Which partition a change goes to.
    pub partition_by: PartitionBy,
    /// What the connector does when the log that it needs is gone.
    pub if_gone: IfGone,
    /// How many commits, or rows, one answer of the source has at most.
    pub batch_max: u16,
    /// How many keys of the table one chunk of the snapshot covers.
    pub chunk_keys: u32,
    /// How often the connector asks again: answers get lost.
    pub ask_interval: Duration,
    /// How many replicas share the rows.
    pub replicas: u16,
    /// Which schemas the replicas know.
    pub reader: Reader,
    /// Settings of the broker, its producer and its consumers.
    pub broker: broker::Settings,
}

/// How changes are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Capture {
    /// In the log of the database.
    Log,
    /// By asking the table for rows that have changed.
    Polling {
        /// Which column says so.
        by: Column,
        /// How often.
        every: Duration,
    },
}

/// A column that says when a row was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Column {
    /// The clock of the source at the statement that wrote the row.
    UpdatedAt,
    /// The number of the commit that wrote it.
    Version,
}

/// Which partition a change goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum PartitionBy {
    /// Each changed row to that of its own key.
    OwnKey,
    /// All of a commit to that of the first key which has a row after it, as connectors do that
    /// describe a change by the row before and the row after it.
    NewKey,
    /// All of a commit to the next one in turn.
    Commit,
}

/// What the connector does when the log that it needs is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum IfGone {
    /// It stops until a person looks.
    Stop,
    /// It goes on where the log begins now.
    SkipAhead,
}

/// Which schemas a replica knows, and what it does about another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Reader {
    /// Both.
    KnowsBoth,
    /// The first; it stops where the other begins.
    Waits,
    /// The first; it leaves out what is of the other.
    Skips,
    /// The first; it reads everything as if it were of that.
    Guesses,
}

/// What `why` tries in place of the settings of a run that failed.
pub(super) const ALTERNATIVES: &[Alternative] = &[
    Alternative { settings: &[("capture", "Log")], called: "capture from the log" },
    Alternative {
        settings: &[("think_max", "\"0s\"")],
        called: "transactions that commit at once",
    },
    Alternative {
        settings: &[("retention", "UntilTruncated")],
        called: "a log that is kept until it is read",
    },
    Alternative { settings: &[("reader", "KnowsBoth")], called: "a reader of both schemas" },
    Alternative {
        settings: &[("partition_by", "OwnKey")],
        called: "changes that go where their key goes",
    },
    Alternative {
        settings: &[("broker.partitions", "1"), ("replicas", "1")],
        called: "one partition for all keys",
    },
    Alternative {
        settings: &[("broker.unread", "Keep")],
        called: "a broker that keeps the unread",
    },
];

impl Default for Config {
    fn default() -> Self {
        Self {
            rows: 0,
            think_max: Duration::ZERO,
            retention: database::Retention::UntilTruncated,
            alter_at: None,
            capture: Capture::Log,
            partition_by: PartitionBy::OwnKey,
            if_gone: IfGone::Stop,
            batch_max: 16,
            chunk_keys: 4,
            ask_interval: Duration::from_millis(20),
            replicas: 1,
            reader: Reader::KnowsBoth,
            broker: broker::Settings::default(),
        }
    }
}

pub(super) const SOURCE: NodeId = NodeId(0);
pub(super) const CONNECTOR: NodeId = NodeId(1);
pub(super) const BROKER: NodeId = NodeId(2);
/// The node of the first replica.
pub(super) const REPLICAS: u16 = 3;

const ROWS_MAX: u32 = 10_000;

/// The settings as they act.
impl Config {
    /// How often the connector asks: where it polls, that is the poll.
    pub(super) fn pace(&self) -> Duration {
        match self.capture {
            Capture::Log => self.ask_interval,
            Capture::Polling { every, .. } => every,
        }
    }

    /// Nobody reads the log of a table that is polled.
    pub(super) fn retention(&self) -> database::Retention {
        match self.capture {
            Capture::Log => self.retention,
            Capture::Polling { .. } => database::Retention::Nothing,
        }
    }

    /// Where changes of a key go: the same key always to the same partition.
    pub(super) fn partition(&self, key: u32) -> Partition {
        let replicas = u32::from(self.replicas);
        let topic = TopicId((key % replicas) as u16);
        self.broker.partition(topic, u64::from(key / replicas))
    }

    pub(super) fn sending(&self) -> Sending<'_> {
        let producer = ProducerId(CONNECTOR.0.into());
        Sending { broker: BROKER, producer, settings: &self.broker }
    }

    /// The group of a replica, of which it is the only member, and its topic.
    pub(super) fn group(me: NodeId) -> (GroupId, TopicId) {
        let number = me.0 - REPLICAS;
        (GroupId(number), TopicId(number))
    }

    pub(super) fn topology(&self) -> Vec<Placement> {
        let fixed = [
            Placement::new("source", "source").serving_clients(),
            Placement::new("connector", "connector"),
            Placement::new("broker", "broker"),
        ];
        let name = |nth: u16| if nth == 1 { "replica".into() } else { format!("replica{nth}") };
        let replicas = (1..=self.replicas).map(|nth| Placement::new(name(nth), "replica"));
        fixed.into_iter().chain(replicas).collect()
    }

    pub(super) fn validate(&self) -> Vec<BadSetting> {
        let polls_never = matches!(self.capture, Capture::Polling { every, .. } if every.is_zero());
        let findings = [
            (self.rows > ROWS_MAX, "rows", "at most 10000 rows"),
            (self.batch_max == 0, "batch_max", "an answer must have room for something"),
            (self.chunk_keys == 0, "chunk_keys", "a chunk covers 1 key or more"),
            (self.ask_interval.is_zero(), "ask_interval", "it must be longer than nothing"),
            (polls_never, "capture", "`every` must be longer than nothing"),
            (
                self.partition_by == PartitionBy::Commit && self.replicas > 1,
                "partition_by",
                "commits in turn: then no replica has all changes of a key, so there must be one",
            ),
            (self.replicas == 0, "replicas", "somebody must keep the rows: 1 or more"),
            (
                self.capture == Capture::Log && self.retention == database::Retention::Nothing,
                "retention",
                "a log of which nothing is kept cannot be tailed: UntilTruncated, or Last(n)",
            ),
        ];
        let bad = findings.into_iter().filter(|(bad, ..)| *bad);
        let bad = bad.map(|(_, field, reason)| BadSetting { field, reason: reason.to_owned() });
        self.broker.validate("broker").into_iter().chain(bad).collect()
    }
}
