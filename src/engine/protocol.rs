//! The seam: what a protocol tells the engine, and nothing else.
//!
//! ```text
//!   topology ──▶ new ──▶ apply(each record of the log) ──▶ on_boot
//!                          ▲                                 │
//!   crash: memory gone ────┘      on_request · on_message · on_timer ──▶ effects, in order
//! ```
//!
//! Handlers are plain functions of one node's state and one event; what they want done they say
//! through [`Ctx`], in order, and a crash may fall between any two of those effects. State that
//! must survive changes only in [`Protocol::apply`], which takes what only the log can make.
//!
//! One struct with all roles, or an enum of roles, is up to the protocol; there is no trait per
//! role. `async` handlers were rejected: a future can be neither cloned nor digested, and the
//! places where a crash may fall would be invisible.

use super::{ctx::Ctx, facts::Facts, files::AfterFailure, operations::Operation};
use crate::base::ids::{NodeId, NodeSet, OpId, Topic};
use serde::{Serialize, de::DeserializeOwned};
use std::fmt::Debug;

/// A distributed protocol: one value of this type is one node's state.
pub trait Protocol: Clone + Debug + Serialize + Sized + 'static {
    /// What a scenario file calls it: `TwoPhaseCommit`.
    const NAME: &'static str;
    /// One line for `list protocols`.
    const SUMMARY: &'static str;
    /// A workload it understands, as a scenario writes it; `new scenario` starts with it.
    const EXAMPLE_WORKLOAD: &'static str = r#"Appends(rate: "20/s", until: "2s")"#;
    /// Checks that judge what it promises, as a scenario lists them.
    const EXAMPLE_CHECKS: &'static str = "Progress";

    /// Settings that a reader of a failure may want to try: `why` runs them under the same weather.
    const ALTERNATIVES: &'static [Alternative] = &[];

    /// Its settings, read from the scenario: `TwoPhaseCommit(participants: 3)`.
    type Config: Clone + Debug + Default + DeserializeOwned + Send + Sync + 'static;
    /// What nodes send to each other.
    type Message: Clone + Debug + Eq + Serialize + DeserializeOwned;
    /// What survives a crash.
    type Record: Clone + Debug + Eq + Serialize + DeserializeOwned;
    /// What wakes a node. A timer is known by its value: setting an equal one replaces it.
    type Timer: Clone + Debug + Eq + Serialize + DeserializeOwned;
    /// The load-bearing steps, declared with [`steps!`](crate::steps).
    type Step: Step;

    /// Finds what is wrong with settings that could be read. Each finding names the field.
    fn validate(_config: &Self::Config) -> Vec<BadSetting> {
        Vec::new()
    }

    /// The nodes, by name and role. Their order gives the ids.
    fn topology(config: &Self::Config) -> Vec<Placement>;

    /// A node with an empty log and an empty memory.
    fn new(config: &Self::Config, me: NodeId) -> Self;

    /// After the log was replayed; first boot included.
    fn on_boot(&mut self, ctx: &mut Ctx<'_, Self>);

    /// A client asks for something.
    fn on_request(&mut self, op: OpId, operation: Operation, ctx: &mut Ctx<'_, Self>);

    /// A message arrives.
    fn on_message(&mut self, from: NodeId, message: Self::Message, ctx: &mut Ctx<'_, Self>);

    /// A timer that was set and not cancelled is due.
    fn on_timer(&mut self, timer: Self::Timer, ctx: &mut Ctx<'_, Self>);

    /// A sync of raw files has failed. What is asked for here happens before all that waits.
    fn on_failed_sync(&mut self, _ctx: &mut Ctx<'_, Self>) -> AfterFailure {
        AfterFailure::Stop
    }

    /// Redo: the only place where durable state changes, in normal operation and in recovery.
    fn apply(&mut self, record: Logged<Self::Record>);

    /// What a record means, in the shared vocabulary that checkers read.
    fn facts(record: &Self::Record, facts: &mut Facts);

    /// The conversation that a message belongs to; part of the name of all draws about it.
    fn topic(_message: &Self::Message) -> Topic {
        Topic::NONE
    }

    /// What this node still waits for, in words; `None` when it is at rest.
    fn waiting(&self) -> Option<String> {
        None
    }

    /// What this node's circuit breakers do, by callee; for whoever looks, never for the run.
    fn breakers(&self) -> Vec<(NodeId, Circuit)> {
        Vec::new()
    }

    /// Whom the healing phase must repair so that the rest of the run can make progress.
    fn sufficient_core(config: &Self::Config) -> SufficientCore {
        SufficientCore { always: (0..Self::topology(config).len()).collect(), others_min: 0 }
    }

    /// How much may be broken at once by random rules.
    fn tolerance(_config: &Self::Config) -> Tolerance {
        Tolerance { unavailable_max: u16::MAX, amnesia_max: 0 }
    }
}

/// What a circuit breaker does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Circuit {
    /// It lets every call through.
    Closed,
    /// It lets some probes through.
    HalfOpen,
    /// It lets nothing through.
    Open,
}

/// One node of a topology.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// What scenarios call the node, and what its draws are named by.
    pub name: String,
    /// What it plays: `coordinator`, `participant`.
    pub role: &'static str,
    /// Whether clients send their requests to it.
    pub serves_clients: bool,
}

impl Placement {
    /// A node that clients do not talk to.
    pub fn new(name: impl Into<String>, role: &'static str) -> Self {
        Self { name: name.into(), role, serves_clients: false }
    }

    /// The same node, open to clients.
    #[must_use]
    pub fn serving_clients(self) -> Self {
        Self { serves_clients: true, ..self }
    }
}

/// Other settings that may keep a promise that was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alternative {
    /// Fields of the protocol's settings, each with its other value as a scenario writes it.
    pub settings: &'static [(&'static str, &'static str)],
    /// What a person calls it: `cooperative termination`.
    pub called: &'static str,
}

/// A setting that could be read and makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadSetting {
    /// The field of the protocol's settings, such as `participants`.
    pub field: &'static str,
    /// What is wrong with it, and what would be right.
    pub reason: String,
}

/// Nodes that suffice for progress: all of `always` (positions in the topology), and any
/// `others_min` of the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SufficientCore {
    /// Those that nothing can replace.
    pub always: Vec<usize>,
    /// How many of the others are enough.
    pub others_min: u16,
}

/// What a protocol claims to survive at once; random rules are held to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tolerance {
    /// Nodes that are down, paused or cut off at the same time.
    pub unavailable_max: u16,
    /// Nodes that ever lose their disk.
    pub amnesia_max: u16,
}

/// A record that is in the log. Only [`Ctx`] and replay can make one, so only what was logged can
/// be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged<R>(R);

impl<R> Logged<R> {
    pub(super) fn new(record: R) -> Self {
        Self(record)
    }

    /// The record itself.
    pub fn into_inner(self) -> R {
        self.0
    }

    /// The part of it that belongs to a building block, if it does.
    pub fn narrow<B: TryFrom<R>>(self) -> Option<Logged<B>> {
        B::try_from(self.0).ok().map(Logged)
    }
}

/// The load-bearing steps of a protocol, an enum declared with [`steps!`](crate::steps).
pub trait Step: Copy + Debug + 'static {
    /// Every step, in the order of declaration.
    const ALL: &'static [StepInfo];

    /// Its position in [`Step::ALL`].
    fn index(self) -> usize;
}

/// What is known of a step without running anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepInfo {
    /// Its name, as scenarios write it.
    pub name: &'static str,
    /// The property that falls when the step is left out.
    pub guards: &'static str,
    /// Its documentation.
    pub doc: &'static str,
}

/// Declares the steps of a protocol: an enum whose variants have a doc comment and, behind `=>`,
/// the property that falls without them.
///
/// ```
/// splitbrain::steps! {
///     /// The steps that carry the guarantees.
///     pub enum Step {
///         /// The vote is on disk before it leaves.
///         ForcePromise => "durability",
///     }
/// }
/// use splitbrain::engine::protocol::Step as _;
/// assert_eq!(Step::ALL[Step::ForcePromise.index()].guards, "durability");
/// ```
#[macro_export]
macro_rules! steps {
    (
        $(#[$outer:meta])*
        $visible:vis enum $name:ident {
            $($(#[doc = $doc:literal])+ $step:ident => $guards:literal),+ $(,)?
        }
    ) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $visible enum $name {
            $($(#[doc = $doc])+ $step),+
        }

        impl $crate::engine::protocol::Step for $name {
            const ALL: &'static [$crate::engine::protocol::StepInfo] = &[
                $($crate::engine::protocol::StepInfo {
                    name: stringify!($step),
                    guards: $guards,
                    doc: concat!($($doc),+),
                }),+
            ];

            fn index(self) -> usize {
                self as usize
            }
        }
    };
}

/// Embeds a building block's enum in its host's enum as a newtype variant: `From` to say it,
/// `TryFrom` to take it out again.
///
/// ```
/// #[derive(Debug, PartialEq)]
/// enum Inner { Appended(u64) }
/// enum Record { Accepted(u64), Broker(Inner) }
/// splitbrain::embed!(Inner as Record::Broker);
///
/// assert_eq!(Inner::try_from(Record::from(Inner::Appended(7))), Ok(Inner::Appended(7)));
/// assert_eq!(Inner::try_from(Record::Accepted(7)), Err(()));
/// ```
#[macro_export]
macro_rules! embed {
    ($inner:ty as $host:ident :: $variant:ident) => {
        impl From<$inner> for $host {
            fn from(inner: $inner) -> Self {
                Self::$variant(inner)
            }
        }

        impl TryFrom<$host> for $inner {
            type Error = ();

            #[allow(unreachable_patterns, reason = "a host may have no other variant")]
            fn try_from(host: $host) -> Result<Self, ()> {
                match host {
                    $host::$variant(inner) => Ok(inner),
                    _ => Err(()),
                }
            }
        }
    };
}

/// Positions in a topology as a set.
pub fn node_set(positions: &[usize]) -> NodeSet {
    positions.iter().map(|&position| NodeId(position as u16)).collect()
}
