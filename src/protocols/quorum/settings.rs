//! The settings of quorum replication: who holds what, how many must answer, what repairs it.
//!
//! ```text
//!   key 4, n: 3, spares: 2      r5 ─ r1 ─ r2 ─ r3 ─ r4 ─       homes r5, r1, r2; stand-ins r3, r4
//!   Quorum(n: 3, r: One, w: Quorum, …) ──▶ topology · homes · quorums · tolerance
//! ```
//!
//! Apart from the protocol, because a student of the one need not read the other. What is left out
//! is what the mode means: `Abd` asks majorities, orders writes by a query and writes back, and
//! settings that would contradict it are refused with the reason.

use super::versions::Siblings;
use crate::{
    base::{
        ids::{NodeId, NodeSet},
        time::Duration,
    },
    engine::protocol::{BadSetting, Placement, SufficientCore, Tolerance},
};
use serde::Deserialize;

/// Settings of the protocol.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// What everything left out means.
    pub mode: Mode,
    /// How many replicas hold a key, its *homes*.
    pub n: u16,
    /// How many must answer a read.
    pub r: Option<Count>,
    /// How many must hold a write before it is acknowledged.
    pub w: Option<Count>,
    /// How many more replicas the ring has, which can stand in for a key's homes.
    pub spares: u16,
    /// Coordinators that are no replicas: `c1`, `c2`, …; without any, replicas coordinate.
    pub coordinators: u16,
    /// What tells which of two writes is newer.
    pub order: Option<Order>,
    /// When a read that finds stale replicas repairs them.
    pub read_repair: Option<ReadRepair>,
    /// Whom a coordinator asks.
    pub ask: Ask,
    /// Whether a stand-in keeps what a home did not answer for, and hands it over later.
    pub handoff: Handoff,
    /// Whether stand-ins count for a quorum.
    pub quorum: Intersection,
    /// How often a replica compares what it holds with another one.
    pub anti_entropy: Interval,
    /// How often a coordinator asks again who has not answered.
    pub resend: Interval,
    /// After how long without an answer a stand-in is asked.
    pub suspect_after: Duration,
    /// After how long a coordinator forgets an operation; its client hears nothing.
    pub deadline: Duration,
}

/// What everything left out means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Mode {
    /// Quorums as given (majorities if not), last write wins by the coordinator's clock, no read
    /// repair.
    Dynamo,
    /// Majorities; writes ordered by a query; reads write back.
    Abd,
}

/// How many replicas of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Count {
    /// One.
    One,
    /// More than half.
    Quorum,
    /// All.
    All,
    /// So many.
    Exactly(u16),
}

/// What tells which of two writes is newer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Order {
    /// The clock of the coordinator: last write wins.
    CoordinatorClock,
    /// The clock of the client: last write wins.
    ClientClock,
    /// A counter above all that a read quorum knows (Lynch & Shvartsman 1997).
    Query,
    /// What the writer had seen: concurrent writes stand beside each other as siblings.
    VersionVectors,
}

impl Order {
    /// Whether versions of which neither had seen the other both stay.
    pub(super) fn siblings(self) -> Siblings {
        match self {
            Self::VersionVectors => Siblings::Kept,
            Self::CoordinatorClock | Self::ClientClock | Self::Query => Siblings::Dropped,
        }
    }
}

/// When a read that finds stale replicas repairs them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum ReadRepair {
    /// Before it answers: as many as a write needs hold what it answers (write-back).
    On,
    /// After it answered.
    Asynchronous,
    /// Never.
    Off,
}

/// Whom a coordinator asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Ask {
    /// All homes of the key; the first to answer count.
    All,
    /// Only as many as are needed, drawn evenly.
    Drawn,
}

/// Whether a stand-in keeps what a home did not answer for, and hands it over later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Handoff {
    /// Nobody stands in.
    Off,
    /// It offers what it keeps so often.
    Every(Duration),
}

/// Whether stand-ins count for a quorum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Intersection {
    /// Only homes count, so that quorums can be made to meet.
    Strict,
    /// Whoever answers counts: available as long as enough nodes are, and quorums need not meet.
    Sloppy,
}

/// How often something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Interval {
    /// Not at all.
    Never,
    /// After each such pause.
    Every(Duration),
}

impl Default for Config {
    fn default() -> Self {
        Self {
            mode: Mode::Dynamo,
            n: 3,
            r: None,
            w: None,
            spares: 0,
            coordinators: 0,
            order: None,
            read_repair: None,
            ask: Ask::All,
            handoff: Handoff::Off,
            quorum: Intersection::Strict,
            anti_entropy: Interval::Never,
            resend: Interval::Every(Duration::from_millis(50)),
            suspect_after: Duration::from_millis(20),
            deadline: Duration::from_secs(1),
        }
    }
}

/// A key's homes are this many at most, so that each can be drawn.
const HOMES_MAX: u16 = 16;
/// Nodes fit into a set.
const NODES_MAX: u16 = 60;

impl Config {
    fn count(&self, count: Option<Count>) -> u32 {
        u32::from(match count {
            Some(Count::One) => 1,
            None | Some(Count::Quorum) => self.n / 2 + 1,
            Some(Count::All) => self.n,
            Some(Count::Exactly(count)) => count,
        })
    }

    /// How many must answer a read.
    pub(super) fn r(&self) -> u32 {
        self.count(self.r)
    }

    /// How many must hold a write.
    pub(super) fn w(&self) -> u32 {
        self.count(self.w)
    }

    pub(super) fn order(&self) -> Order {
        self.order.unwrap_or(match self.mode {
            Mode::Dynamo => Order::CoordinatorClock,
            Mode::Abd => Order::Query,
        })
    }

    pub(super) fn read_repair(&self) -> ReadRepair {
        self.read_repair.unwrap_or(match self.mode {
            Mode::Dynamo => ReadRepair::Off,
            Mode::Abd => ReadRepair::On,
        })
    }

    /// How many replicas there are: they come first, then the coordinators.
    pub(super) fn replicas(&self) -> u16 {
        self.n + self.spares
    }

    /// The preference list of a key: all replicas in the order of the ring, its homes first.
    pub(super) fn preference(&self, key: u32) -> impl Iterator<Item = NodeId> + use<> {
        let replicas = self.replicas();
        let first = (key % u32::from(replicas)) as u16;
        (0..replicas).map(move |place| NodeId((first + place) % replicas))
    }

    /// The replicas that hold a key.
    pub(super) fn homes(&self, key: u32) -> NodeSet {
        self.preference(key).take(usize::from(self.n)).collect()
    }

    /// Those that can stand in for them, the next healthy first.
    pub(super) fn stand_ins(&self, key: u32) -> impl Iterator<Item = NodeId> + use<> {
        self.preference(key).skip(usize::from(self.n))
    }

    pub(super) fn topology(&self) -> Vec<Placement> {
        let replicas = (1..=self.replicas()).map(|nth| {
            let replica = Placement::new(format!("r{nth}"), "replica");
            if self.coordinators == 0 { replica.serving_clients() } else { replica }
        });
        let coordinators = (1..=self.coordinators)
            .map(|nth| Placement::new(format!("c{nth}"), "coordinator").serving_clients());
        replicas.chain(coordinators).collect()
    }

    /// So many homes of a key may be missing that both quorums are still there.
    fn homes_missing_max(&self) -> u16 {
        self.n - (self.r().max(self.w()) as u16).min(self.n)
    }

    pub(super) fn sufficient_core(&self) -> SufficientCore {
        let replicas = usize::from(self.replicas());
        let coordinators = replicas..replicas + usize::from(self.coordinators);
        SufficientCore {
            always: coordinators.collect(),
            others_min: self.replicas() - self.homes_missing_max(),
        }
    }

    pub(super) fn tolerance(&self) -> Tolerance {
        Tolerance { unavailable_max: self.homes_missing_max(), amnesia_max: 0 }
    }

    /// What could be read and makes no sense.
    pub(super) fn validate(&self) -> Vec<BadSetting> {
        let mut bad = Vec::new();
        let mut say = |field, reason: &str| {
            bad.push(BadSetting { field, reason: reason.to_owned() });
        };
        if !(1..=HOMES_MAX).contains(&self.n) {
            say("n", &format!("a key is held by 1 to {HOMES_MAX} replicas, not {}", self.n));
            return bad; // Nothing else can be judged.
        }
        if u32::from(self.n) + u32::from(self.spares) + u32::from(self.coordinators)
            > u32::from(NODES_MAX)
        {
            say("spares", &format!("there can be {NODES_MAX} nodes, coordinators included"));
            return bad;
        }
        for (field, count) in [("r", self.r()), ("w", self.w())] {
            if !(1..=u32::from(self.n)).contains(&count) {
                let n = self.n;
                say(field, &format!("{count} of {n} replicas cannot be asked: 1 to {n} can"));
            }
        }
        self.contradictions(&mut say);
        bad
    }

    fn contradictions(&self, say: &mut impl FnMut(&'static str, &str)) {
        if self.mode == Mode::Abd {
            let majority = u32::from(self.n / 2 + 1);
            for (field, count) in [("r", self.r()), ("w", self.w())] {
                if count != majority {
                    say(field, "an ABD register asks majorities: leave it out, or `mode: Dynamo`");
                }
            }
            if self.order() != Order::Query {
                say("order", "an ABD register asks for the greatest tag: leave it out");
            }
            if self.read_repair() != ReadRepair::On {
                say("read_repair", "an ABD register writes back before it answers: leave it out");
            }
            if self.quorum == Intersection::Sloppy {
                say("quorum", "sloppy quorums need not meet, and an ABD register's must");
            }
        }
        if self.handoff == Handoff::Off && self.quorum == Intersection::Sloppy {
            say("quorum", "a sloppy quorum needs `handoff: Every(…)`: somebody must stand in");
        }
        if self.handoff != Handoff::Off && self.spares == 0 {
            say("handoff", "all replicas are homes of every key: write `spares: 1` or more");
        }
        if self.ask == Ask::Drawn && self.resend != Interval::Never {
            say("ask", "who is drawn may be down for good: write `resend: Never`");
        }
        if self.order() == Order::VersionVectors && self.coordinators + self.spares > 0 {
            say(
                "order",
                "who coordinates a write numbers it in its own log, so every node is a home of \
                 every key: leave `coordinators` and `spares` out",
            );
        }
        let zero = Duration::ZERO;
        if self.handoff == Handoff::Every(zero) {
            say("handoff", "the pause must be longer than nothing");
        }
        for (field, interval) in [("anti_entropy", self.anti_entropy), ("resend", self.resend)] {
            if interval == Interval::Every(zero) {
                say(field, "the pause must be longer than nothing");
            }
        }
        if self.deadline.is_zero() {
            say("deadline", "it must be longer than nothing");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn homes_follow_each_other_on_the_ring() {
        let config = Config { spares: 2, ..Config::default() };
        let homes = |key| config.homes(key).iter().map(|node| node.0).collect::<Vec<_>>();
        assert_eq!(homes(0), [0, 1, 2]);
        assert_eq!(homes(4), [0, 1, 4]);
        assert_eq!(config.stand_ins(4).map(|node| node.0).collect::<Vec<_>>(), [2, 3]);
    }

    #[test]
    fn a_majority_is_more_than_half() {
        for (n, majority) in [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3)] {
            let config = Config { n, ..Config::default() };
            assert_eq!((config.r(), config.w()), (majority, majority));
            assert_eq!(u32::from(config.tolerance().unavailable_max), u32::from(n) - majority);
        }
    }

    #[test]
    fn settings_that_contradict_each_other_are_refused() {
        let abd = Config { mode: Mode::Abd, ..Config::default() };
        let handing = Config { handoff: Handoff::Every(Duration::from_millis(1)), ..abd.clone() };
        let table = [
            (Config { n: 0, ..abd.clone() }, "n"),
            (Config { spares: 58, ..abd.clone() }, "spares"),
            (Config { w: Some(Count::Exactly(4)), mode: Mode::Dynamo, ..abd.clone() }, "w"),
            (Config { r: Some(Count::One), ..abd.clone() }, "r"),
            (Config { order: Some(Order::ClientClock), ..abd.clone() }, "order"),
            (Config { read_repair: Some(ReadRepair::Off), ..abd.clone() }, "read_repair"),
            (Config { quorum: Intersection::Sloppy, spares: 1, ..handing.clone() }, "quorum"),
            (Config { ask: Ask::Drawn, ..abd.clone() }, "ask"),
            (Config { resend: Interval::Every(Duration::ZERO), ..abd.clone() }, "resend"),
            (Config { deadline: Duration::ZERO, ..abd.clone() }, "deadline"),
            (
                Config { order: Some(Order::VersionVectors), coordinators: 1, ..Config::default() },
                "order",
            ),
            (handing, "handoff"),
        ];
        for (config, field) in table {
            let bad = config.validate();
            assert_eq!(bad.iter().map(|bad| bad.field).collect::<Vec<_>>(), [field], "{config:?}");
        }
        assert_eq!(abd.validate(), []);
    }
}
