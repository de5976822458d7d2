//! The settings of the outbox: how events get out, who relays them, how long a transaction thinks.
//!
//! ```text
//!   publish: DualWrite(order: DatabaseFirst)             orders ─────────▶ broker ──▶ consumer
//!            Polling(cursor: ByCommit, interval: "20ms") orders ◀─ relay ─▶ broker ──▶ consumer
//!            Tailing(interval: "100ms")            the same, by the database's log
//!
//!   relays: 2, share: ByKey     which relay a row belongs to: ByKey · ByRow · Everything
//!   slow: Keys([0])             transactions of these keys think before they commit
//! ```
//!
//! The approach is one setting, because its parts come only together: a dual write has no cursor. A
//! row of switches was rejected, since most of their combinations would mean nothing.
//!
//! Limits: one order service, one consumer.

use crate::{
    base::{ids::NodeId, quantity::Probability, time::Duration},
    blocks::{
        broker::{self, GroupId, Partition, ProducerId, Producers, Sending, TopicId},
        remembered::Window,
    },
    engine::protocol::{Alternative, BadSetting, Placement},
};
use serde::Deserialize;

/// Settings of the protocol.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How events get from the database to the broker.
    pub publish: Publish,
    /// How many relays there are; none where the order service publishes by itself.
    pub relays: u16,
    /// Which rows of the outbox a relay publishes.
    pub share: Share,
    /// How many rows a relay takes at once.
    pub batch_max: u16,
    /// Which transactions take their numbers and commit later.
    pub slow: Slow,
    /// How long these think, at least and at most.
    pub think: (Duration, Duration),
    /// How long the consumer remembers which events took effect.
    pub window: Window,
    /// The broker. Left out, it knows no repeats, so that there are some, and producers send one
    /// event at a time, so that none overtakes another. Where a scenario says something of it, the
    /// rest is as the broker itself has it: repeats are known, five events are under way.
    pub broker: broker::Settings,
}

/// How events get from the database to the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Publish {
    /// The order service writes to both, one after the other, and has no outbox.
    DualWrite {
        /// Which one comes first.
        order: DualOrder,
    },
    /// A relay asks the database for rows of the outbox.
    Polling {
        /// What it asks for.
        cursor: Cursor,
        /// How often.
        interval: Duration,
    },
    /// A relay reads the log of the database, and waits at its end.
    Tailing {
        /// How long it waits before it says again where it stands.
        interval: Duration,
    },
}

/// Which of the two writes comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum DualOrder {
    /// Commits, then publishes.
    DatabaseFirst,
    /// Publishes, then commits.
    BrokerFirst,
}

/// What a relay remembers of what it has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Cursor {
    /// The highest id of a row. Ids are taken before the commit, so a row below it may come later.
    ById,
    /// The last commit of a row. Commits do not come later than others that came before them.
    ByCommit,
}

/// Which rows of the outbox a relay publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Share {
    /// Those of its keys.
    ByKey,
    /// Every second one, with two relays: the next row, whoever it is about.
    ByRow,
    /// All, like every other relay.
    Everything,
}

/// Which transactions take their numbers and commit later.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Slow {
    /// None.
    Never,
    /// Any, so likely.
    Chance(Probability),
    /// Those of these keys.
    Keys(Vec<u32>),
}

/// What `why` tries in place of the settings of a run that failed.
pub(super) const ALTERNATIVES: &[Alternative] = &[
    Alternative {
        settings: &[("publish", "Polling(cursor: ByCommit, interval: \"20ms\")")],
        called: "an outbox whose cursor follows commits",
    },
    Alternative {
        settings: &[("publish", "Tailing(interval: \"100ms\")")],
        called: "an outbox that is tailed",
    },
    Alternative { settings: &[("share", "ByKey")], called: "each key at one relay" },
    Alternative { settings: &[("window", "Forever")], called: "a consumer that remembers all" },
    Alternative { settings: &[("slow", "Never")], called: "transactions that commit at once" },
];

impl Default for Config {
    fn default() -> Self {
        let broker = broker::Settings {
            producers: Producers::Plain,
            in_flight_max: 1,
            dead_letters: broker::DeadLetters::Never,
            ..broker::Settings::default()
        };
        Self {
            publish: Publish::Polling {
                cursor: Cursor::ByCommit,
                interval: Duration::from_millis(20),
            },
            relays: 1,
            share: Share::ByKey,
            batch_max: 16,
            slow: Slow::Never,
            think: (Duration::from_millis(20), Duration::from_millis(60)),
            window: Window::Forever,
            broker,
        }
    }
}

/// The one topic that there is.
const ORDERS: TopicId = TopicId(0);

/// The nodes.
impl Config {
    pub(super) const SERVICE: NodeId = NodeId(0);
    pub(super) const BROKER: NodeId = NodeId(1);
    pub(super) const CONSUMER: NodeId = NodeId(2);
    const FIRST_RELAY: u16 = 3;
    /// The consumer is alone in its group.
    pub(super) const GROUP: GroupId = GroupId(0);

    pub(super) fn topology(&self) -> Vec<Placement> {
        let relay = |nth: u16| if nth == 1 { "relay".to_owned() } else { format!("relay{nth}") };
        let relays = (1..=self.relays_acting()).map(|nth| Placement::new(relay(nth), "relay"));
        let others = [
            Placement::new("orders", "service").serving_clients(),
            Placement::new("broker", "broker"),
            Placement::new("consumer", "consumer"),
        ];
        others.into_iter().chain(relays).collect()
    }

    fn relays_acting(&self) -> u16 {
        match self.publish {
            Publish::DualWrite { .. } => 0,
            Publish::Polling { .. } | Publish::Tailing { .. } => self.relays,
        }
    }

    pub(super) fn relays(&self) -> impl Iterator<Item = NodeId> + use<> {
        (Self::FIRST_RELAY..Self::FIRST_RELAY + self.relays_acting()).map(NodeId)
    }

    /// Whether a relay publishes a row.
    pub(super) fn is_share_of(&self, relay: NodeId, (row, key): (u64, u32)) -> bool {
        let place = u64::from(relay.0 - Self::FIRST_RELAY);
        match self.share {
            Share::ByKey => u64::from(key) % u64::from(self.relays) == place,
            Share::ByRow => row % u64::from(self.relays) == place,
            Share::Everything => true,
        }
    }
}

/// What the parts of a broker are told.
impl Config {
    pub(super) fn sending(&self, me: NodeId) -> Sending<'_> {
        let producer = ProducerId(me.0.into());
        Sending { broker: Self::BROKER, producer, settings: &self.broker }
    }

    pub(super) fn partition(&self, key: u32) -> Partition {
        self.broker.partition(ORDERS, key.into())
    }

    pub(super) fn topics() -> Vec<TopicId> {
        vec![ORDERS]
    }
}

/// What could be read and makes no sense.
impl Config {
    pub(super) fn validate(&self) -> Vec<BadSetting> {
        let zero = Duration::ZERO;
        let (is_dual, waits) = match self.publish {
            Publish::DualWrite { .. } => (true, None),
            Publish::Polling { interval, .. } | Publish::Tailing { interval } => {
                (false, Some(interval))
            }
        };
        let numbered = self.broker.producers == Producers::Idempotent;
        let findings = [
            (self.relays == 0, "relays", "1 or more: nobody else empties the outbox"),
            (self.batch_max == 0, "batch_max", "1 or more, else nothing is ever published"),
            (waits == Some(zero), "publish", "it must be longer than nothing"),
            (self.think.0 > self.think.1, "think", "the shortest time comes first"),
            (
                is_dual && numbered,
                "broker",
                "producers: Plain; the events of a dual write have no numbers that outlive a crash",
            ),
        ];
        let bad = findings.into_iter().filter(|(bad, ..)| *bad);
        let bad = bad.map(|(_, field, reason)| BadSetting { field, reason: reason.to_owned() });
        bad.chain(self.broker.validate("broker")).collect()
    }
}
