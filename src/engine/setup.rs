//! The setup: everything about a run but the protocol and the seed, as plain resolved data.
//!
//! ```text
//!   scenario file ──resolve names──▶ Setup ──▶ World<P>::new(config, setup) ──reset(seed)──▶ run
//! ```
//!
//! Node names have become ids, texts have become laws and instants, and what makes no sense has
//! been refused: the engine asserts, it does not explain. Reading scenario types here was
//! rejected, since the engine would then know files and positions.

use super::{
    clients::Workload,
    clock::ClockLaw,
    device::Geometry,
    faults::{Budget, Rule, Swarm},
    network::{Endpoint, Link, Order},
    script::Script,
    weather::Weather,
};
use crate::base::{
    ids::NodeId,
    quantity::Probability,
    sampler::{Law, Sampler},
    time::{Duration, Time},
};
use std::sync::Arc;

/// Everything about a run but the protocol and the seed.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The law of links between nodes.
    pub link: Link,
    /// The law of links between clients and nodes.
    pub client_link: Link,
    /// Laws of single links, directed.
    pub links: Vec<((Endpoint, Endpoint), Link)>,
    /// Latencies of messages between nodes by label, by its index; they stand before those of
    /// links.
    pub by_label: Vec<Option<Sampler>>,
    /// How long a force takes.
    pub force: Sampler,
    /// What disks cost besides, for raw files.
    pub geometry: Geometry,
    /// How far clocks may be apart.
    pub clocks: ClockLaw,
    /// How far the clocks of clients may be from true time.
    pub client_offset_max: Duration,
    /// How long handlers occupy a node; empty where they take no time.
    pub service: Vec<Service>,
    /// What clients ask for.
    pub workload: Arc<dyn Workload>,
    /// How long a client waits for an answer.
    pub patience: Duration,
    /// From when on clients ask for nothing new.
    pub until: Time,
    /// The nodes that the workload names, in its order.
    pub targets: Vec<NodeId>,
    /// Decisions that are not left to chance.
    pub script: Script,
    /// The fault rules.
    pub rules: Vec<Rule>,
    /// Whether random rules are held to the protocol's tolerance.
    pub budget: Budget,
    /// Whether each seed has all fault classes.
    pub swarm: Swarm,
    /// How long messages travel: as measured, or as a search wants it.
    pub weather: Weather,
    /// How many messages a calm run has, about: what makes few of them late is a share of this.
    pub messages_expected: u64,
    /// The steps left out, as bits by index.
    pub ablated: u64,
    /// The order of events at one instant and of one class.
    pub ties: Ties,
    /// When the core is healed; `None` for never.
    pub heal_at: Option<Time>,
    /// When the run ends.
    pub end: Time,
}

impl Setup {
    /// A world in which nothing goes wrong: messages and forces take a millisecond each, clients
    /// are patient for a second, the run ends after ten.
    pub fn calm(workload: Arc<dyn Workload>) -> Self {
        let end = Time::from_secs(10);
        Self {
            link: Link::calm(),
            client_link: Link::calm(),
            links: Vec::new(),
            by_label: Vec::new(),
            force: a_millisecond(),
            geometry: Geometry::default(),
            clocks: ClockLaw::default(),
            client_offset_max: Duration::ZERO,
            service: Vec::new(),
            workload,
            patience: Duration::from_secs(1),
            until: end,
            targets: Vec::new(),
            script: Script::default(),
            rules: Vec::new(),
            budget: Budget::Unlimited,
            swarm: Swarm::Off,
            weather: Weather::Measured,
            messages_expected: 1_000,
            ablated: 0,
            ties: Ties::Insertion,
            heal_at: None,
            end,
        }
    }
}

impl Link {
    /// A link that takes a millisecond, in order, and loses nothing.
    pub fn calm() -> Self {
        Self {
            latency: a_millisecond(),
            distance: Duration::ZERO,
            loss: Probability::NEVER,
            duplication: Probability::NEVER,
            corruption: Probability::NEVER,
            replay: Probability::NEVER,
            replay_after: a_millisecond(),
            order: Order::Independent,
        }
    }
}

fn a_millisecond() -> Sampler {
    let law = Law::Fixed(Duration::from_millis(1));
    law.compile().expect("a fixed law always makes sense")
}

/// How long handlers occupy a node, and how many events may wait for it.
#[derive(Clone, Debug)]
pub struct Service {
    /// Which node.
    pub node: NodeId,
    /// How long one handler takes.
    pub time: Sampler,
    /// How many events may wait; more are lost.
    pub queue_max: u32,
}

/// The order of events at one instant and of one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Ties {
    /// As they were scheduled.
    #[default]
    Insertion,
    /// Drawn by seed, to show races that insertion order hides. The draw is by the number of the
    /// event: an event more or less moves all later ties.
    Shuffled,
}
