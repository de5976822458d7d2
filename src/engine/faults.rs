//! Fault rules: when something breaks, what breaks, and whether it made a difference.
//!
//! ```text
//!   Rule { id, when: scheduled │ by time │ by step │ triggered, what }
//!     armed ──▶ refused (budget) │ fired ──▶ effective
//! ```
//!
//! One list, three ways to say when. Every draw of a rule is keyed by its id, so deleting rule A
//! moves nothing in rule B. Every rule counts how often it had a chance, was refused, fired, and
//! *had an effect*: a crash of a node that was down already, or a cut that stopped no message, had
//! none, and a fault without effect tests nothing.
//!
//! Random rules draw a *number* of times by default rather than a rate, because with a rate most
//! runs see nothing. This file holds the rules and their counts; `inject.rs` carries them out.

use super::network::{Direction, Held};
use crate::base::{
    draws::name_word,
    ids::{EventId, NodeId},
    quantity::{Offset, Probability},
    sampler::Sampler,
    time::{Duration, Time},
};

/// One entry of a scenario's `faults`.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name, unique in the scenario; all its draws are keyed by it.
    pub id: String,
    /// When it strikes.
    pub when: When,
    /// What it does.
    pub what: What,
}

/// When a rule strikes.
#[derive(Clone, Debug)]
pub enum When {
    /// Scheduled.
    At(Time),
    /// So many times, drawn between both ends inclusive, at instants within the window.
    Times {
        /// Fewest and most.
        count: (u16, u16),
        /// First and last instant.
        within: (Time, Time),
    },
    /// Again and again, with exponential pauses, within the window.
    Poisson {
        /// Mean pause.
        mean: Duration,
        /// First and last instant.
        within: (Time, Time),
    },
    /// At each message, with this chance.
    EachMessage {
        /// How likely, per message.
        chance: Probability,
        /// Which messages.
        pattern: Pattern,
    },
    /// At each force, with this chance.
    EachForce {
        /// How likely, per force.
        chance: Probability,
        /// At which nodes; empty for all.
        nodes: Vec<NodeId>,
    },
    /// At each effect of each handler, with this chance.
    EachEffect {
        /// How likely, per effect.
        chance: Probability,
        /// At which nodes; empty for all.
        nodes: Vec<NodeId>,
    },
    /// Just before the `nth` event that matches, counted from 1 over the run.
    Before(Pattern, u32),
    /// Just after it.
    After(Pattern, u32),
    /// In the handler of the `nth` event that matches, after so many of its effects: a crash falls
    /// there. A handler with fewer effects is cut at its end.
    Inside(Pattern, u32, u32),
}

impl When {
    /// Whether chance decides when: such rules are held to the budget.
    pub fn is_random(&self) -> bool {
        !matches!(self, Self::At(_) | Self::Before(..) | Self::After(..) | Self::Inside(..))
    }
}

/// What kind of event a trigger watches. The order is that of the engine's watch lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// A named step.
    Step,
    /// A message leaves.
    Send,
    /// A message is handled.
    Deliver,
    /// A record is forced; *after* is when it is durable.
    Force,
    /// A timer fires.
    Timer,
    /// A node has replayed its log and runs its boot handler.
    Boot,
    /// What a client asks is handled.
    Request,
}

/// How many kinds of watched events there are.
pub(super) const WATCHES: usize = 7;

/// Which events a trigger waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// What kind.
    pub watch: Watch,
    /// The label (or step); `None` for any.
    pub label: Option<u16>,
    /// Where it happens (the sender of a send, the receiver of an arrival); empty for anywhere.
    pub nodes: Vec<NodeId>,
    /// The other end of a message; empty for any.
    pub peers: Vec<NodeId>,
    /// The conversation (a transaction's number); `None` for any.
    pub topic: Option<u64>,
}

/// Whom a rule hits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Victim {
    /// The node at which the trigger fired.
    Actor,
    /// One of these, drawn when the rule strikes.
    OneOf(Vec<NodeId>),
}

/// How long something lasts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Span {
    /// Drawn from a law.
    For(Sampler),
    /// Until the run ends, or the healing phase repairs it.
    Forever,
}

/// Where a crash may fall.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub enum CutAt {
    /// At once, or inside the node's next handler, between two of its effects.
    #[default]
    Anywhere,
    /// Only between two handlers.
    Boundary,
    /// Inside the node's next handler, after so many of its effects, or at its end.
    Effects(u32),
}

/// What a crash does to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub enum DiskFate {
    /// The log survives, with a prefix of its unsynced tail.
    #[default]
    Keep,
    /// The node comes back with an empty log under its old name.
    Wipe,
}

/// What survives of what no sync has covered; drawn where it is left open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keeps {
    /// How many records of the log.
    pub records: Option<u32>,
    /// Which sectors of raw files, one bit each in the order of files and sectors; beyond the first
    /// 64 a sector shares the fate of the one 64 before.
    pub sectors: Option<u64>,
    /// How many changes of the names of files.
    pub names: Option<u32>,
}

/// What is wrong with a disk. Slowness concerns all forces, lies those of logs and raw files; the
/// rest raw files only.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub enum Trouble {
    /// For a while it says that data is safe which it only has in a cache of its own.
    Lies,
    /// For a while no file can become longer.
    Full,
    /// For a while everything takes so many times as long.
    Slow(u32),
    /// One bit of a sector flips for good: in a file of this word, or in any.
    Rots {
        /// The word of the files' names.
        #[serde(default)]
        file: Option<String>,
        /// Which of their sectors that survived so far, from 0; drawn when left out.
        #[serde(default)]
        sector: Option<u32>,
    },
    /// One sector of the next sync is written in the wrong place.
    Misdirects,
}

impl Trouble {
    /// Whether it goes on for a while.
    pub fn lasts(&self) -> bool {
        matches!(self, Self::Lies | Self::Full | Self::Slow(_))
    }
}

/// What a rule does.
#[derive(Clone, Debug)]
pub enum What {
    /// A node loses its memory, and boots again after a while.
    Crash {
        /// Who.
        node: Victim,
        /// For how long.
        down: Span,
        /// Where it may fall.
        cut: CutAt,
        /// What becomes of the log.
        disk: DiskFate,
        /// What survives of what was not synced.
        keeps: Keeps,
    },
    /// A node handles nothing for a while; its clock goes on, and events queue.
    Pause {
        /// Who.
        node: Victim,
        /// For how long.
        span: Span,
    },
    /// A node's handlers take time, or `factor` times as long: a gray failure.
    Slow {
        /// Who.
        node: Victim,
        /// For how long.
        span: Span,
        /// What each handler takes meanwhile.
        service: Duration,
    },
    /// Forces of a node complete only when this is over.
    StallDisk {
        /// Who.
        node: Victim,
        /// For how long.
        span: Span,
    },
    /// A node's disk is bad.
    BadDisk {
        /// Who.
        node: Victim,
        /// In which way.
        how: Trouble,
        /// For how long, if it lasts.
        span: Span,
    },
    /// The next force of a node fails, which stops the node unless its protocol knows better.
    FailForce {
        /// Who.
        node: Victim,
        /// For how long it is down then.
        down: Span,
        /// What survives of what was not synced.
        keeps: Keeps,
    },
    /// No message crosses between groups of endpoints.
    Cut {
        /// The group of each endpoint; `u8::MAX` for none.
        groups: Vec<u8>,
        /// For how long.
        span: Span,
        /// Which ways.
        direction: Direction,
        /// What becomes of messages that arrive meanwhile.
        held: Held,
    },
    /// Messages take longer.
    SlowLink {
        /// From these; empty for all.
        from: Vec<NodeId>,
        /// To these; empty for all.
        to: Vec<NodeId>,
        /// How many times as long.
        factor: u32,
        /// For how long.
        span: Span,
    },
    /// A node's wall clock is set forward or back.
    JumpClock {
        /// Whose.
        node: Victim,
        /// By how much.
        by: Offset,
    },
    /// The message at hand is lost.
    Lose,
    /// The message at hand takes longer, by this.
    Delay(Sampler),
    /// The message at hand arrives so many times more.
    Duplicate(u16),
}

impl What {
    /// Whether it is done to the message at hand.
    pub fn is_about_a_message(&self) -> bool {
        matches!(self, Self::Lose | Self::Delay(_) | Self::Duplicate(_))
    }

    /// The name of its class: what a swarm turns on and off, and what is counted together.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Crash { disk: DiskFate::Keep, .. } => "crash",
            Self::Crash { disk: DiskFate::Wipe, .. } => "wipe",
            Self::Pause { .. } => "pause",
            Self::Slow { .. } => "slow",
            Self::StallDisk { .. } => "stall_disk",
            Self::FailForce { .. } => "fail_force",
            Self::BadDisk { how: Trouble::Lies, .. } => "lie",
            Self::BadDisk { how: Trouble::Full, .. } => "full_disk",
            Self::BadDisk { how: Trouble::Slow(_), .. } => "slow_disk",
            Self::BadDisk { how: Trouble::Rots { .. }, .. } => "rot",
            Self::BadDisk { how: Trouble::Misdirects, .. } => "misdirect",
            Self::Cut { .. } => "cut",
            Self::SlowLink { .. } => "slow_link",
            Self::JumpClock { .. } => "jump_clock",
            Self::Lose => "lose",
            Self::Delay(_) => "delay",
            Self::Duplicate(_) => "duplicate",
        }
    }
}

/// Whether random rules are held to what the protocol claims to survive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budget {
    /// A random fault that would break more than this at once is refused.
    Enforce(super::protocol::Tolerance),
    /// Nothing is refused.
    Unlimited,
}

/// Whether each seed has all fault classes or some of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Swarm {
    /// Every seed has all of them.
    #[default]
    Off,
    /// One seed in ten is calm, one in ten has all, the others toss a coin for each class.
    PerSeed,
}

/// What became of one rule in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuleCounts {
    /// Occasions on which it could have struck.
    pub armed: u64,
    /// Strikes that the budget refused.
    pub refused: u64,
    /// Strikes.
    pub fired: u64,
    /// Differences it made: nodes it took down, messages it stopped, events it put off.
    pub effects: u64,
}

/// A rule and its state in a run.
#[derive(Clone, Debug)]
pub(super) struct RuleState {
    pub(super) word: u64,
    pub(super) counts: RuleCounts,
    /// How many matching events a trigger has seen.
    pub(super) seen: u32,
    /// What the draws about a strike are named by: its number, or at a step the word that decided
    /// that it strikes there, so that a step more or less moves no other strike.
    pub(super) strike: u64,
    /// At which event the force was asked for at which it struck last.
    pub(super) asked: EventId,
    /// Off in this seed's swarm, or after the healing.
    pub(super) off: bool,
}

impl RuleState {
    pub(super) fn new(rule: &Rule) -> Self {
        let (counts, word) = (RuleCounts::default(), name_word(&rule.id));
        Self { word, counts, seen: 0, strike: 0, asked: EventId(0), off: false }
    }

    pub(super) fn reset(&mut self) {
        (self.counts, self.seen, self.off) = (RuleCounts::default(), 0, false);
    }
}

/// For each kind of event, the labels that some trigger watches, as bits: a miss is one load and
/// one test. More than 64 labels share bits.
#[derive(Clone, Debug, Default)]
pub(super) struct Watched([u64; WATCHES]);

impl Watched {
    /// What a list of rules watches.
    pub(super) fn by(rules: &[Rule]) -> Self {
        let mut masks = [0; WATCHES];
        for rule in rules {
            match &rule.when {
                When::Before(pattern, _) | When::After(pattern, _) | When::Inside(pattern, ..) => {
                    masks[pattern.watch as usize] |= pattern.label.map_or(u64::MAX, bit);
                }
                When::EachMessage { pattern, .. } => {
                    masks[Watch::Send as usize] |= pattern.label.map_or(u64::MAX, bit);
                }
                _ => {}
            }
        }
        Self(masks)
    }

    #[inline]
    pub(super) fn hit(&self, watch: Watch, label: u16) -> bool {
        self.0[watch as usize] & bit(label) != 0
    }
}

#[inline]
fn bit(label: u16) -> u64 {
    1 << (label & 63)
}
