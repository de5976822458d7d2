//! The network: what becomes of a message, decided by its name when it is sent.
//!
//! ```text
//!   send ──▶ Fate { lost │ copies, each with its own latency }      by (link, label, topic, attempt)
//!   arrival ──▶ is the link cut now? ──▶ deliver, hold or drop
//! ```
//!
//! Loss, copies and latency are drawn at the send; whether the link is up is asked at arrival, so
//! a partition also stops what was under way. Reordering needs no rule of its own: latencies are
//! independent unless the link is FIFO. A message queue per link was rejected; a cut is a flag
//! that arrivals look at, never a search through pending messages.
//!
//! Links have one default law and a short sorted list of exceptions, because a dense table would
//! be a hundred million entries at ten thousand nodes. A label may have a latency of its own, since
//! a write to a slow disk takes longer than a read, and models state laws per leg. Bandwidth and connections come with the
//! first pattern that needs them.

use super::weather::Sky;
use crate::base::{
    draws::{Draws, Key, Purpose},
    ids::{NodeId, NodeSet},
    quantity::Probability,
    sampler::Sampler,
    time::{Duration, Time},
};

/// An end of a link: the nodes come first, then the clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Endpoint(pub u16);

impl From<NodeId> for Endpoint {
    fn from(node: NodeId) -> Self {
        Self(node.0)
    }
}

/// The law of one directed link.
#[derive(Clone, Debug)]
pub struct Link {
    /// How long a message travels, where its label has no law of its own.
    pub latency: Sampler,
    /// How much longer it travels, whatever its label: the way to another site.
    pub distance: Duration,
    /// How likely it is lost.
    pub loss: Probability,
    /// How likely it arrives twice.
    pub duplication: Probability,
    /// How likely the frame check finds it damaged, and the receiver drops it.
    pub corruption: Probability,
    /// How likely it arrives once more, long after.
    pub replay: Probability,
    /// How long after, for a replay.
    pub replay_after: Sampler,
    /// Whether messages of this link keep their order.
    pub order: Order,
}

impl Link {
    /// Whether it only loses, copies and delays.
    fn is_simple(&self) -> bool {
        self.distance.is_zero()
            && self.corruption == Probability::NEVER
            && self.replay == Probability::NEVER
            && self.order == Order::Independent
    }
}

/// Whether messages on a link may overtake each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Order {
    /// Each on its own.
    #[default]
    Independent,
    /// Never before an earlier one.
    Fifo,
}

/// Why a message did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The link lost it.
    Dropped,
    /// The frame check found it damaged.
    Corrupt,
    /// The link was cut when it arrived.
    Cut,
    /// Its receiver was down, or went down before handling it.
    Dead,
    /// Its receiver's queue was full.
    Overflow,
}

/// What was drawn for one message. Each word of the message's key has one use, whatever the
/// settings: switching loss on moves no latency.
#[derive(Clone, Copy, Debug)]
pub struct Fate {
    /// Lost, and how; `None` when it travels.
    pub lost: Option<Lost>,
    /// How long it travels.
    pub latency: Duration,
    /// How long its second copy travels, if it has one.
    pub copy: Option<Duration>,
    /// How long until it is replayed, if it is.
    pub replay: Option<Duration>,
}

/// A cut between groups of endpoints, in force until it ends.
#[derive(Clone, Debug)]
pub struct Cut {
    /// Which cut, for its end.
    pub id: u32,
    /// The rule that made it.
    pub rule: u16,
    /// The group of each endpoint; `u8::MAX` belongs to none and reaches everyone.
    pub groups: Vec<u8>,
    /// Which ways are closed.
    pub direction: Direction,
    /// What becomes of messages that arrive at the cut.
    pub held: Held,
    /// When it ends.
    pub until: Time,
}

/// Which ways a cut closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Between any two groups.
    Both,
    /// From the first group to the others, but not back.
    OneWay,
}

/// What becomes of a message that arrives at a cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub enum Held {
    /// It is lost.
    #[default]
    Drop,
    /// It arrives when the cut ends: the nastier choice.
    Hold,
}

/// Links slowed down for a while.
#[derive(Clone, Debug)]
pub struct Slowness {
    /// Which slowness, for its end.
    pub id: u32,
    /// The rule that made it.
    pub rule: u16,
    /// From these endpoints; empty for all.
    pub from: Vec<Endpoint>,
    /// To these; empty for all.
    pub to: Vec<Endpoint>,
    /// How many times as long a message travels.
    pub factor: u32,
}

/// All links, and what is wrong with them at the moment.
#[derive(Clone, Debug)]
pub struct Network {
    /// The law of links between nodes without one of their own.
    pub(super) default: Link,
    /// The law of links between clients and nodes.
    pub(super) client: Link,
    /// Laws of single links, sorted.
    pub(super) exceptions: Vec<((Endpoint, Endpoint), Link)>,
    /// Latencies by a message's label, between nodes; empty where none has its own.
    pub(super) by_label: Vec<Option<Sampler>>,
    /// All links between nodes only lose, copy and delay, by one law and in any order.
    uniform: bool,
    pub(super) nodes: u16,
    pub(super) cuts: Vec<Cut>,
    pub(super) slow: Vec<Slowness>,
    /// Nodes repaired by the healing phase: no cut stands between them.
    pub(super) healed: NodeSet,
    /// When the latest message of a FIFO link arrives, sorted by link.
    latest: Vec<((Endpoint, Endpoint), Time)>,
    pub(super) sky: Sky,
    /// Whether a seed's swarm has lossy and duplicating links at all.
    pub(super) lossy: bool,
    pub(super) duplicating: bool,
}

impl Network {
    /// A network of `nodes` nodes.
    pub(super) fn new(
        nodes: u16,
        default: Link,
        client: Link,
        mut exceptions: Vec<((Endpoint, Endpoint), Link)>,
        by_label: Vec<Option<Sampler>>,
        sky: Sky,
    ) -> Self {
        exceptions.sort_by_key(|exception| exception.0);
        let uniform = exceptions.is_empty() && by_label.is_empty() && default.is_simple();
        Self {
            uniform,
            default,
            client,
            exceptions,
            by_label,
            nodes,
            cuts: Vec::new(),
            slow: Vec::new(),
            healed: NodeSet::EMPTY,
            latest: Vec::new(),
            sky,
            lossy: true,
            duplicating: true,
        }
    }

    pub(super) fn reset(&mut self) {
        self.cuts.clear();
        self.slow.clear();
        self.healed = NodeSet::EMPTY;
        self.latest.clear();
        (self.lossy, self.duplicating) = (true, true);
    }

    /// The law of a link, and its place among the laws of the weather.
    #[inline]
    fn link(&self, from: Endpoint, to: Endpoint) -> (&Link, usize) {
        if from.0 >= self.nodes || to.0 >= self.nodes {
            return (&self.client, 1);
        }
        if self.exceptions.is_empty() {
            return (&self.default, 0);
        }
        match self.exceptions.binary_search_by_key(&(from, to), |exception| exception.0) {
            Ok(found) => (&self.exceptions[found].1, 2 + found),
            Err(_) => (&self.default, 0),
        }
    }

    /// Whether nothing stands in the way of [`Network::simple_fate`] at this moment.
    #[inline]
    pub(super) fn is_simple(&self) -> bool {
        self.uniform && self.sky.is_clear() && self.slow.is_empty()
    }

    /// What [`Network::fate`] draws between nodes where the network is simple: how long a message
    /// and its copy travel; `None` for what is lost.
    #[inline]
    pub(super) fn simple_fate(
        &self,
        key: Key,
        attempt: u32,
    ) -> Option<(Duration, Option<Duration>)> {
        let Link { latency, loss, duplication, .. } = &self.default;
        let happens = |on, chance, word| on && happens(chance, key, (attempt, word));
        if happens(self.lossy, *loss, 1) {
            return None;
        }
        let copied = happens(self.duplicating, *duplication, 2);
        let copy = copied.then(|| latency.sample(key.word(attempt, 3)));
        Some((latency.sample(key.word(attempt, 0)), copy))
    }

    /// Draws what becomes of a message; of a client's request or answer without a label.
    #[inline]
    pub(super) fn fate(
        &self,
        ends: (Endpoint, Endpoint),
        label: Option<u16>,
        key: Key,
        attempt: u32,
    ) -> Fate {
        let (link, place) = self.link(ends.0, ends.1);
        let law = self.law(link, label);
        let travels = |word| self.latency(law, place, key.word(attempt, word)) + link.distance;
        let happens = |on, chance, word| on && happens(chance, key, (attempt, word));
        let lost = if happens(self.lossy, link.loss, 1) {
            Some(Lost::Dropped)
        } else if happens(true, link.corruption, 4) {
            Some(Lost::Corrupt)
        } else {
            None
        };
        let copy = happens(self.duplicating, link.duplication, 2).then(|| travels(3));
        let replay = happens(self.duplicating, link.replay, 5)
            .then(|| link.replay_after.sample(key.word(attempt, 6)));
        let mut fate = Fate { lost, latency: travels(0), copy, replay };
        self.belate(&mut fate, place, key, attempt);
        fate
    }

    /// The latency of a label, or of the link.
    #[inline]
    fn law<'l>(&'l self, link: &'l Link, label: Option<u16>) -> &'l Sampler {
        let of_label = label.and_then(|label| self.by_label.get(usize::from(label))?.as_ref());
        of_label.unwrap_or(&link.latency)
    }

    /// How long a copy travels that a fault rule makes, counted from 0: drawn apart from the fates
    /// of later attempts.
    pub(super) fn copy_latency(
        &self,
        ends: (Endpoint, Endpoint),
        label: u16,
        key: Key,
        (attempt, copy): (u32, u32),
    ) -> Duration {
        const ATTEMPTS_MAX: u32 = 1 << 20;
        let word = key.word(attempt + (copy + 1) * ATTEMPTS_MAX, 0);
        let (link, place) = self.link(ends.0, ends.1);
        self.latency(self.law(link, Some(label)), place, word) + link.distance
    }

    /// Whether messages of a link keep their order.
    pub(super) fn order(&self, from: Endpoint, to: Endpoint) -> Order {
        self.link(from, to).0.order
    }

    /// When a message of a FIFO link may arrive: not before the latest one so far.
    pub(super) fn in_order(&mut self, from: Endpoint, to: Endpoint, at: Time) -> Time {
        match self.latest.binary_search_by_key(&(from, to), |entry| entry.0) {
            Ok(found) => {
                let latest = &mut self.latest[found].1;
                *latest = at.max(*latest);
                *latest
            }
            Err(place) => {
                self.latest.insert(place, ((from, to), at));
                at
            }
        }
    }

    /// How many times as long a message travels now, and the rule to thank for it.
    pub(super) fn slowness(&self, from: Endpoint, to: Endpoint) -> Option<(u32, u16)> {
        let concerns = |ends: &[Endpoint], end| ends.is_empty() || ends.contains(&end);
        let slow = self.slow.iter().find(|s| concerns(&s.from, from) && concerns(&s.to, to))?;
        (!self.both_healed(from, to)).then_some((slow.factor, slow.rule))
    }

    fn both_healed(&self, from: Endpoint, to: Endpoint) -> bool {
        let healed = |end: Endpoint| end.0 >= self.nodes || self.healed.contains(NodeId(end.0));
        !self.healed.is_empty() && healed(from) && healed(to)
    }

    /// Whether no link is cut.
    #[inline]
    pub(super) fn is_whole(&self) -> bool {
        self.cuts.is_empty()
    }

    /// The cut that stands between two endpoints, if any.
    #[inline]
    pub(super) fn cut_between(&self, from: Endpoint, to: Endpoint) -> Option<&Cut> {
        if self.cuts.is_empty() {
            return None;
        }
        self.cuts.iter().find(|cut| cut.stops(from, to)).filter(|_| !self.both_healed(from, to))
    }
}

/// Whether a word of a message's key makes something happen; where it never does no word is drawn.
#[inline]
fn happens(chance: Probability, key: Key, (attempt, word): (u32, u32)) -> bool {
    chance != Probability::NEVER && chance.happens(key.word(attempt, word))
}

impl Cut {
    fn stops(&self, from: Endpoint, to: Endpoint) -> bool {
        let group = |end: Endpoint| self.groups.get(usize::from(end.0)).copied().unwrap_or(u8::MAX);
        let (from, to) = (group(from), group(to));
        match self.direction {
            _ if from == u8::MAX || to == u8::MAX || from == to => false,
            Direction::Both => true,
            Direction::OneWay => from == 0,
        }
    }
}

/// Names of draws: one word per endpoint, so that adding a node moves none of them.
#[derive(Clone, Debug)]
pub(super) struct LinkNames {
    pub(super) endpoints: Vec<u64>,
}

impl LinkNames {
    /// The key of a message's fate.
    #[inline]
    pub(super) fn key(
        &self,
        draws: &Draws,
        (from, to): (Endpoint, Endpoint),
        label: u64,
        topic: u64,
    ) -> Key {
        let (from, to) = (self.endpoints[usize::from(from.0)], self.endpoints[usize::from(to.0)]);
        draws.key(Purpose::Network, [from, to, label, topic])
    }
}
