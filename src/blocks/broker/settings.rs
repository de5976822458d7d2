//! The settings of a broker and of those who talk to it, as a host's scenario writes them.
//!
//! ```text
//!   broker: (partitions: 3, retention: Events(1000), unread: Keep, dead_letters: After(5), …)
//! ```
//!
//! One set for the broker, its producers and its consumers, because they must agree. Choices are
//! enums; flags that are true or false were rejected, since a scenario should say what it means.

use super::{Partition, TopicId};
use crate::{base::time::Duration, engine::protocol::BadSetting};
use serde::Deserialize;

/// Settings of a broker, its producers and its consumers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How many partitions each topic has.
    pub partitions: u16,
    /// How many events one message carries at most.
    pub batch_max: u16,
    /// Whether repeats are known.
    pub producers: Producers,
    /// How many events a producer has under way to a partition at most.
    pub in_flight_max: u16,
    /// How long a producer waits before it publishes again.
    pub retry_interval: Duration,
    /// How often a consumer says where it stands; also how long it waits for an answer.
    pub poll_interval: Duration,
    /// How long a silent consumer keeps its partitions.
    pub session_timeout: Duration,
    /// What becomes of an event that fails again and again.
    pub dead_letters: DeadLetters,
    /// How many events of a partition are kept.
    pub retention: Retention,
    /// Whether retention waits for readers.
    pub unread: Unread,
    /// When the log begins anew; retention takes effect then.
    pub checkpoints: Checkpoints,
}

/// Whether repeats are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Producers {
    /// By producer and sequence: each event has one offset, in the order of its producer.
    Idempotent,
    /// They are not: an event that is published twice is in the log twice, perhaps out of order.
    Plain,
}

/// What becomes of an event that fails again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum DeadLetters {
    /// It is tried for ever, and stops its partition.
    Never,
    /// After so many attempts it becomes a dead letter.
    After(u16),
}

/// How many events of a partition are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Retention {
    /// All.
    Forever,
    /// The last so many.
    Events(u64),
    /// Those of the last so long, on the broker's own clock.
    Age(Duration),
    /// At most so many, and none that is older.
    EventsAndAge(u64, Duration),
}

impl Retention {
    /// Whether events need to know when they came.
    pub(super) fn is_by_age(self) -> bool {
        self.age_max().is_some()
    }

    pub(super) fn age_max(self) -> Option<Duration> {
        match self {
            Self::Forever | Self::Events(_) => None,
            Self::Age(age) | Self::EventsAndAge(_, age) => Some(age),
        }
    }

    pub(super) fn events_max(self) -> Option<u64> {
        match self {
            Self::Forever | Self::Age(_) => None,
            Self::Events(events) | Self::EventsAndAge(events, _) => Some(events),
        }
    }
}

/// Whether retention waits for readers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Unread {
    /// What a group that ever subscribed has not read is kept, however long it is away; all is, as
    /// long as nobody has subscribed.
    Keep,
    /// It is dropped like the rest.
    Drop,
}

/// When the log begins anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Checkpoints {
    /// After so many records.
    Every(u32),
    /// When the host says so, because its node logs more than the broker.
    ByHost,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            partitions: 1,
            batch_max: 16,
            producers: Producers::Idempotent,
            in_flight_max: 5,
            retry_interval: Duration::from_millis(50),
            poll_interval: Duration::from_millis(20),
            session_timeout: Duration::from_millis(200),
            dead_letters: DeadLetters::After(5),
            retention: Retention::Forever,
            unread: Unread::Keep,
            checkpoints: Checkpoints::Every(1_000),
        }
    }
}

impl Settings {
    /// Where events of a key go: the same key always to the same partition, so that they keep their
    /// order.
    pub fn partition(&self, topic: TopicId, key: u64) -> Partition {
        Partition { topic, number: (key % u64::from(self.partitions)) as u16 }
    }

    /// What could be read and makes no sense, each finding under the host's name for the field.
    pub fn validate(&self, field: &'static str) -> Vec<BadSetting> {
        let zero = Duration::ZERO;
        let session_min = self.poll_interval + self.poll_interval;
        let findings = [
            (self.partitions == 0, "partitions: a topic has 1 or more"),
            (self.batch_max == 0, "batch_max: a message must be able to carry 1 event or more"),
            (self.in_flight_max == 0, "in_flight_max: 1 or more, else nothing is ever published"),
            (self.retry_interval == zero, "retry_interval: it must be longer than nothing"),
            (self.poll_interval == zero, "poll_interval: it must be longer than nothing"),
            (
                self.session_timeout < session_min,
                "session_timeout: at least two poll intervals, else a consumer that lost one \
                 message loses its partitions",
            ),
            (
                self.dead_letters == DeadLetters::After(0),
                "dead_letters: After(1) or more; an event is tried once before it has failed",
            ),
            (
                self.checkpoints == Checkpoints::Every(0),
                "checkpoints: Every(1) or more; ByHost for none of the broker's own",
            ),
        ];
        let bad = findings.into_iter().filter(|(bad, _)| *bad);
        bad.map(|(_, reason)| BadSetting { field, reason: reason.to_owned() }).collect()
    }
}
