//! The shape of a scenario file, as serde reads it: names are still texts here.
//!
//! ```text
//!   Scenario( title, protocol: Raw, network: (…), workload: Raw, faults: [(id, when, do)],
//!             checks: [Raw], expect, run: (for, quiet_tail), … )
//! ```
//!
//! `protocol`, `workload` and each check are [`Raw`]: the registry entry of their name reads the
//! rest, so that in-house and outside ones load, fail and are suggested alike. What may gain
//! options is a struct variant with named fields, because RON cannot mix them with positional
//! ones. No `untagged`, `tag` or `flatten`: with them, errors point at the wrong place.
//! This file is long because it is a table: every field that a scenario may have, with its doc.

use super::script::ScriptText;
use crate::{
    base::{
        quantity::{Offset, PartsPerMillion, Probability},
        sampler::Law,
        time::{Duration, Time, serialize_as_text},
    },
    engine::{
        faults::{CutAt, DiskFate, Swarm, Trouble},
        network::Held,
        setup::Ties,
        weather::Weather,
    },
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::IgnoredAny};

/// A scenario file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// One line: what is shown.
    pub title: String,
    /// The protocol and its settings.
    pub protocol: Raw,
    /// Links.
    #[serde(default)]
    pub network: Network,
    /// Disks.
    #[serde(default)]
    pub disk: Disk,
    /// Clocks.
    #[serde(default)]
    pub clocks: Clocks,
    /// How long handlers occupy nodes.
    #[serde(default)]
    pub service: Vec<Service>,
    /// Who asks for what.
    pub workload: Raw,
    /// How long a client waits for an answer.
    #[serde(default = "patience")]
    pub patience: Duration,
    /// What goes wrong.
    #[serde(default)]
    pub faults: Vec<Fault>,
    /// Whether random faults are held to what the protocol claims to survive.
    #[serde(default)]
    pub budget: Budget,
    /// Whether each seed has all fault classes.
    #[serde(default)]
    pub swarm: Swarm,
    /// How long messages travel: as measured, or as a search wants it. When left out, as measured,
    /// or mixed where each seed has its own fault classes.
    #[serde(default)]
    pub weather: Option<Weather>,
    /// Decisions that are written down instead of drawn.
    #[serde(default)]
    pub script: ScriptText,
    /// Load-bearing steps that are left out.
    #[serde(default)]
    pub ablate: Vec<String>,
    /// What is checked.
    pub checks: Vec<Raw>,
    /// What is expected of the checks.
    #[serde(default)]
    pub expect: Expect,
    /// How many seeds of a sweep must show it.
    #[serde(default)]
    pub sweep: Sweep,
    /// The order of events at one instant.
    #[serde(default)]
    pub ties: Ties,
    /// How long the run is.
    pub run: Phases,
}

fn patience() -> Duration {
    Duration::from_secs(2)
}

/// Something that the registry entry of its name reads.
#[derive(Clone, Copy, Debug)]
pub struct Raw;

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

/// Links between nodes, and between clients and nodes.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Network {
    /// How long messages travel.
    pub latency: Law,
    /// How likely a message is lost.
    pub loss: Probability,
    /// How likely it arrives twice.
    pub duplication: Probability,
    /// How likely it is damaged; the receiver finds that and drops it.
    pub corruption: Probability,
    /// How likely it arrives once more, long after.
    pub replay: Probability,
    /// How long after.
    pub replay_after: Law,
    /// Whether messages of one link keep their order.
    pub order: Order,
    /// Links between clients and nodes; like the others but without loss when left out.
    pub client: Option<ClientLinks>,
    /// Links with laws of their own.
    pub links: Vec<OneLink>,
    /// Messages with laws of their own, whatever the link.
    pub labels: Vec<OneLabel>,
}

impl Default for Network {
    fn default() -> Self {
        let millis =
            |from, to| Law::Uniform(Duration::from_millis(from), Duration::from_millis(to));
        Self {
            latency: millis(1, 3),
            loss: Probability::NEVER,
            duplication: Probability::NEVER,
            corruption: Probability::NEVER,
            replay: Probability::NEVER,
            replay_after: millis(50, 2000),
            order: Order::Independent,
            client: None,
            links: Vec::new(),
            labels: Vec::new(),
        }
    }
}

/// Whether messages of one link keep their order.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Order {
    /// Each travels on its own.
    Independent,
    /// None overtakes another.
    Fifo,
}

/// Links between clients and nodes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientLinks {
    /// How long requests and answers travel.
    pub latency: Law,
    /// How likely one is lost.
    #[serde(default)]
    pub loss: Probability,
}

/// One directed link with a law of its own.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OneLink {
    /// The sender.
    pub from: String,
    /// The receiver.
    pub to: String,
    /// How long messages travel, if otherwise.
    #[serde(default)]
    pub latency: Option<Law>,
    /// How likely one is lost, if otherwise.
    #[serde(default)]
    pub loss: Option<Probability>,
    /// How much longer each travels: the way to another site.
    #[serde(default)]
    pub distance: Duration,
}

/// The messages of one label, with a law of their own.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OneLabel {
    /// The label.
    pub label: String,
    /// How long they travel between nodes; a link's own latency gives way, its distance is added.
    pub latency: Law,
}

/// Disks.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Disk {
    /// How long a force takes.
    pub force: Law,
    /// What moving the head costs, where raw files lie apart.
    pub seek: Duration,
    /// What transferring a sector of a raw file costs.
    pub sector: Duration,
}

impl Default for Disk {
    fn default() -> Self {
        let force = Law::Fixed(Duration::from_millis(1));
        Self { force, seek: Duration::ZERO, sector: Duration::ZERO }
    }
}

/// Clocks.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Clocks {
    /// Offsets lie within plus and minus this.
    pub offset_max: Duration,
    /// Drifts lie within plus and minus this.
    pub drift_max: PartsPerMillion,
    /// Offsets of clients' clocks, which are right otherwise, lie within plus and minus this.
    pub client_offset_max: Duration,
}

/// How long the handlers of some nodes take.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Which nodes.
    pub nodes: Group,
    /// How long a handler takes.
    pub time: Law,
    /// How many messages may wait.
    #[serde(default = "no_limit")]
    pub queue_max: u32,
}

fn no_limit() -> u32 {
    u32::MAX
}

/// One fault rule.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Its name, unique in the file.
    pub id: String,
    /// When it strikes.
    pub when: When,
    /// What it does.
    pub r#do: Do,
}

/// When a rule strikes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub enum When {
    /// At this instant.
    At(#[serde(serialize_with = "serialize_as_text")] Time),
    /// A number of times, drawn between both ends inclusive, within the window.
    #[serde(skip_serializing)]
    Times {
        /// Fewest and most.
        count: (u16, u16),
        /// First and last instant.
        within: (Time, Time),
    },
    /// Again and again with exponential pauses, within the window.
    #[serde(skip_serializing)]
    Poisson {
        /// Mean pause.
        mean: Duration,
        /// First and last instant.
        within: (Time, Time),
    },
    /// At each message, with this chance.
    #[serde(skip_serializing)]
    EachMessage {
        /// How likely.
        chance: Probability,
        /// Only messages with this label.
        #[serde(default)]
        label: Option<String>,
        /// Only from this node.
        #[serde(default)]
        from: Option<String>,
        /// Only to this node.
        #[serde(default)]
        to: Option<String>,
    },
    /// At each force, with this chance.
    #[serde(skip_serializing)]
    EachForce {
        /// How likely.
        chance: Probability,
        /// Only at these nodes.
        #[serde(default)]
        nodes: Option<Group>,
    },
    /// At each effect of each handler, with this chance.
    #[serde(skip_serializing)]
    EachEffect {
        /// How likely.
        chance: Probability,
        /// Only at these nodes.
        #[serde(default)]
        nodes: Option<Group>,
    },
    /// Just before the nth event that matches.
    Before {
        /// What kind of event.
        event: Event,
        /// Which one, counted from 1 over the run.
        #[serde(default = "first", skip_serializing_if = "is_first")]
        nth: u32,
        /// Only at this node (the sender of a send, the receiver of an arrival).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        node: Option<String>,
        /// Only with this other end.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        peer: Option<String>,
        /// Only in this conversation: a transaction's number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        topic: Option<u32>,
    },
    /// Just after it.
    After {
        /// What kind of event.
        event: Event,
        /// Which one, counted from 1 over the run.
        #[serde(default = "first", skip_serializing_if = "is_first")]
        nth: u32,
        /// Only at this node (the sender of a send, the receiver of an arrival).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        node: Option<String>,
        /// Only with this other end.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        peer: Option<String>,
        /// Only in this conversation: a transaction's number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        topic: Option<u32>,
    },
    /// In the handler of the nth event that matches, after so many of its effects; for crashes.
    Inside {
        /// What kind of event.
        event: Event,
        /// After how many effects; a handler with fewer is cut at its end.
        effects: u32,
        /// Which one, counted from 1 over the run.
        #[serde(default = "first", skip_serializing_if = "is_first")]
        nth: u32,
        /// Only at this node (the sender of a send, the receiver of an arrival).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        node: Option<String>,
        /// Only with this other end.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        peer: Option<String>,
        /// Only in this conversation: a transaction's number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        topic: Option<u32>,
    },
}

fn first() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for references")]
fn is_first(nth: &u32) -> bool {
    *nth == 1
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What kind of event a trigger waits for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub enum Event {
    /// A named step.
    Step(String),
    /// A message of this label leaves.
    Send(String),
    /// A message of this label is handled.
    Deliver(String),
    /// A record of this label is forced; *after* is when it is durable.
    Force(String),
    /// A timer of this label fires.
    Timer(String),
    /// A node comes up.
    Boot,
    /// What a client asks is handled.
    Request,
}

/// What a rule does.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub enum Do {
    /// A node loses its memory.
    Crash {
        /// Who.
        node: Who,
        /// For how long.
        down: SpanText,
        /// Where it may fall.
        #[serde(default, skip_serializing_if = "is_default")]
        cut: CutAt,
        /// What becomes of its log.
        #[serde(default, skip_serializing_if = "is_default")]
        disk: DiskFate,
        /// How many records that no force has covered survive; drawn when left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        keeps: Option<u32>,
        /// Which sectors of raw files that no sync has covered survive, from 0; drawn when left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sectors: Option<Vec<u8>>,
        /// How many changes of the names of files survive; drawn when left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        names: Option<u32>,
    },
    /// A node handles nothing for a while.
    Pause {
        /// Who.
        node: Who,
        /// For how long.
        r#for: SpanText,
    },
    /// A node's handlers take long.
    Slow {
        /// Who.
        node: Who,
        /// What each handler takes.
        #[serde(serialize_with = "serialize_as_text")]
        service: Duration,
        /// For how long.
        r#for: SpanText,
    },
    /// A node's forces complete only afterwards.
    StallDisk {
        /// Who.
        node: Who,
        /// For how long.
        r#for: SpanText,
    },
    /// A node's disk is bad.
    BadDisk {
        /// Who.
        node: Who,
        /// In which way.
        how: Trouble,
        /// For how long, if it lasts.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        r#for: Option<SpanText>,
    },
    /// A node's next force fails, and the node stops unless its protocol knows better.
    FailForce {
        /// Who.
        node: Who,
        /// For how long it is down.
        down: SpanText,
        /// How many records that no force has covered survive; drawn when left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        keeps: Option<u32>,
        /// Which sectors of raw files that no sync has covered survive, from 0; drawn when left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sectors: Option<Vec<u8>>,
        /// How many changes of the names of files survive; drawn when left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        names: Option<u32>,
    },
    /// Nothing crosses between the groups; who is in none reaches all.
    Cut {
        /// The groups.
        groups: Vec<Group>,
        /// For how long.
        r#for: SpanText,
        /// What becomes of messages that arrive meanwhile.
        #[serde(default, skip_serializing_if = "is_default")]
        held: Held,
    },
    /// Nothing gets from the first to the second.
    CutOneWay {
        /// From here.
        from: Group,
        /// To there.
        to: Group,
        /// For how long.
        r#for: SpanText,
        /// What becomes of messages that arrive meanwhile.
        #[serde(default, skip_serializing_if = "is_default")]
        held: Held,
    },
    /// Messages take longer.
    SlowLink {
        /// From here.
        from: Group,
        /// To there.
        to: Group,
        /// How many times as long.
        factor: u32,
        /// For how long.
        r#for: SpanText,
    },
    /// A node's wall clock is set forward or back.
    JumpClock {
        /// Whose.
        node: Who,
        /// By how much.
        by: Offset,
    },
    /// The message at hand is lost.
    Lose,
    /// The message at hand takes longer.
    Delay {
        /// By this much.
        by: SpanText,
    },
    /// The message at hand arrives more than once.
    Duplicate {
        /// How many times more.
        #[serde(default = "one_copy")]
        copies: u16,
    },
}

fn one_copy() -> u16 {
    1
}

/// Whom a rule hits.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub enum Who {
    /// The node at which the trigger fired.
    Actor,
    /// This node.
    Node(String),
    /// Any node of a role, drawn.
    AnyOf(String),
    /// Any node, drawn.
    Any,
}

/// Some nodes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub enum Group {
    /// These.
    Nodes(Vec<String>),
    /// All of a role.
    Role(String),
    /// All nodes that are in no other group.
    Rest,
    /// All clients.
    Clients,
}

/// How long something lasts: `"5s"`, `"100ms..2s"` (drawn evenly) or `"forever"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpanText {
    /// Between the two, drawn evenly; equal when one was written.
    Between(Duration, Duration),
    /// No end.
    Forever,
}

impl Serialize for SpanText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Forever => serializer.serialize_str("forever"),
            Self::Between(least, most) if least == most => serializer.collect_str(least),
            Self::Between(least, most) => serializer.collect_str(&format_args!("{least}..{most}")),
        }
    }
}

impl<'de> Deserialize<'de> for SpanText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let text = String::deserialize(deserializer)?;
        let parse = |part: &str| {
            part.parse::<Duration>().map_err(|e| D::Error::custom(format!("{}: {e}", e.code())))
        };
        match text.split_once("..") {
            _ if text == "forever" => Ok(Self::Forever),
            None => parse(&text).map(|span| Self::Between(span, span)),
            Some((least, most)) => Ok(Self::Between(parse(least)?, parse(most)?)),
        }
    }
}

/// Whether random faults are held to what the protocol claims to survive.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Budget {
    /// To its own claim.
    #[default]
    Enforce,
    /// To this many broken nodes at once, and lost disks ever.
    AtMost {
        /// Nodes down, paused or cut off at the same time.
        unavailable: u16,
        /// Nodes that ever lose their disk.
        #[serde(default)]
        amnesia: u16,
    },
    /// To nothing.
    Unlimited,
}

/// What is expected of the checks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Expect {
    /// No property is violated.
    #[default]
    Holds,
    /// This one is, and no other.
    Violates(String),
    /// These are, and no others.
    ViolatesAll(Vec<String>),
}

/// How many seeds of a sweep must show what is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sweep {
    /// At least so many violate each property that is to be violated.
    pub r#in: u64,
    /// At least so many put each property to the test, when all are to hold.
    pub exercised: u64,
}

impl Default for Sweep {
    fn default() -> Self {
        Self { r#in: 1, exercised: 1 }
    }
}

/// How long the run is.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phases {
    /// The whole of it, tail included.
    pub r#for: Duration,
    /// The last part, which begins with the healing of a sufficient core; no healing without it.
    #[serde(default)]
    pub quiet_tail: Option<Duration>,
}
