//! The erased face of a protocol: what everything that knows no message type sees.
//!
//! ```text
//!   Runnable (a name, its steps)
//!      └─configure(text)──▶ Configured (nodes, labels)
//!                              └─simulation(setup)──▶ Simulation (reset, run, look)
//! ```
//!
//! `World<P>` is generic, and so is little else: the command line, sweeps and reports hold these
//! three trait objects. Erasing per message (`Box<dyn Any>`) was rejected; one virtual call per
//! *run* costs nothing, and handlers keep their exhaustive matches.

use super::{
    counters::Counters,
    faults::RuleCounts,
    look::{Gauges, NodeView, UnderWay},
    network::Endpoint,
    operations::HistoryEntry,
    protocol::{Alternative, BadSetting, Protocol, Step, StepInfo, Tolerance},
    setup::Setup,
    trace::{Recording, Trace},
    untimed::{Nodes, Untimed, UntimedOptions},
    world::{EVENTS_MAX, Judge, World},
};
use crate::base::{
    draws::name_word,
    ids::{ClientId, NodeId, Seed},
    labels::Labels,
    text::{decode::Named, diagnostic::Diagnostic},
    time::Time,
};
use std::{marker::PhantomData, sync::Arc};

/// A protocol that can be configured and run, whatever its types.
pub trait Runnable: Send + Sync {
    /// What a scenario file calls it.
    fn name(&self) -> &'static str;
    /// One line about it.
    fn summary(&self) -> &'static str;
    /// Its load-bearing steps.
    fn steps(&self) -> &'static [StepInfo];
    /// Settings that a reader of a failure may want to try.
    fn alternatives(&self) -> &'static [Alternative];
    /// Its settings with their defaults, as a scenario writes them.
    fn default_settings(&self) -> String;
    /// What the first scenario of an author would ask of it.
    fn example(&self) -> Example;
    /// Reads its settings from a scenario's text, where they stand as
    /// `TwoPhaseCommit(participants: 3)`.
    ///
    /// # Errors
    /// Every mistake in them, with its position.
    fn configure(
        &self,
        text: &str,
        settings: &Named<'_>,
    ) -> Result<Box<dyn Configured>, Vec<Diagnostic>>;
}

/// A workload and checks that fit a protocol, as scenarios write them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Example {
    /// The value of `workload`.
    pub workload: &'static str,
    /// What stands between the brackets of `checks`.
    pub checks: &'static str,
}

/// A protocol with its settings.
pub trait Configured: Send + Sync {
    /// Settings that could be read and make no sense.
    fn bad_settings(&self) -> Vec<BadSetting>;
    /// Its settings, those that a scenario leaves out included; only good to be compared.
    fn settings(&self) -> String;
    /// Nodes and labels.
    fn catalog(&self) -> Arc<Catalog>;
    /// What it claims to survive.
    fn tolerance(&self) -> Tolerance;
    /// A simulation of it; to be reset before it is run.
    fn simulation(&self, setup: Arc<Setup>) -> Box<dyn Simulation>;
    /// Its nodes without time, one event at a time.
    fn untimed(&self, setup: &Setup, options: UntimedOptions) -> Box<dyn Untimed>;
}

/// One world, ready to run any seed.
pub trait Simulation {
    /// Goes back to the first instant, with this seed.
    fn reset(&mut self, seed: Seed, recording: Recording);
    /// Runs to the end.
    fn run(&mut self, judge: &mut dyn Judge) -> RunEnd;
    /// Handles the next pending event, unjudged; false when the run is over.
    fn step(&mut self) -> bool;
    /// The same world once more, to go on from here more than once.
    fn fork(&self) -> Box<dyn Simulation>;
    /// A node as it is now.
    fn look(&self, node: NodeId) -> NodeView;
    /// The same without its log.
    fn glance(&self, node: NodeId) -> NodeView;
    /// What the instruments on a node show now.
    fn gauges(&self, node: NodeId) -> Gauges;
    /// What is on its way, the next to arrive first.
    fn under_way(&self) -> Vec<UnderWay>;
    /// The hash of what happened, and its recording.
    fn trace(&self) -> &Trace;
    /// The recorded entries; empty for a run that was only hashed.
    fn entries(&self) -> &[super::trace::Entry];
    /// What it cost.
    fn counters(&self) -> &Counters;
    /// How many messages of a label that nodes of a role sent are still under way.
    fn in_flight(&self, role: usize, label: usize) -> u64;
    /// What clients saw.
    fn history(&self) -> &[HistoryEntry];
    /// What chance decided; empty for a run that was only hashed.
    fn decisions(&self) -> &[super::script::Decision];
    /// What became of each fault rule.
    fn rules(&self) -> Vec<RuleCounts>;
    /// What each node still waits for.
    fn waiting(&self) -> Vec<(NodeId, String)>;
    /// The digest of the world as it is now.
    fn digest(&self) -> u128;
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It came to its end, or nothing was left to happen.
    Finished,
    /// It handled more events than any run should.
    LimitReached,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunEnd {
    /// Why.
    pub outcome: Outcome,
    /// The instant of the last event.
    pub quiet_at: Time,
    /// When something last counted: a fact was stated or an operation answered. Retries and
    /// heartbeats do not move it.
    pub progress_at: Time,
    /// When the run was to end.
    pub end: Time,
    /// Whether the core was healed before.
    pub healed: bool,
}

/// Names of everything in a configured protocol, by index.
#[derive(Clone, Debug)]
pub struct Catalog {
    /// Node names.
    pub nodes: Vec<String>,
    /// Role names, in the order of first appearance.
    pub roles: Vec<&'static str>,
    /// The role of each node.
    pub role_of: Vec<u8>,
    /// The nodes that serve clients.
    pub serving: Vec<NodeId>,
    /// Labels of messages.
    pub messages: Labels,
    /// Labels of records.
    pub records: Labels,
    /// Labels of timers.
    pub timers: Labels,
    /// The load-bearing steps.
    pub steps: &'static [StepInfo],
    pub(super) message_words: Vec<u64>,
    pub(super) request_word: u64,
    pub(super) reply_word: u64,
}

impl Catalog {
    /// Only names of nodes, all of one role, without a protocol: for histories told by hand.
    #[doc(hidden)]
    pub fn named(nodes: &[&str]) -> Self {
        Self {
            nodes: nodes.iter().map(|&name| name.to_owned()).collect(),
            roles: vec!["node"],
            role_of: vec![0; nodes.len()],
            serving: Vec::new(),
            messages: Labels::default(),
            records: Labels::default(),
            timers: Labels::default(),
            steps: &[],
            message_words: Vec::new(),
            request_word: name_word("request"),
            reply_word: name_word("reply"),
        }
    }

    fn of<P: Protocol>(config: &P::Config) -> Self {
        let placements = P::topology(config);
        let mut roles = Vec::new();
        let mut role_of = Vec::new();
        for placement in &placements {
            let known = roles.iter().position(|role| *role == placement.role);
            role_of.push(known.unwrap_or_else(|| {
                roles.push(placement.role);
                roles.len() - 1
            }) as u8);
        }
        let serving = placements.iter().enumerate().filter(|(_, node)| node.serves_clients);
        let messages = Labels::of::<P::Message>();
        Self {
            serving: serving.map(|(node, _)| NodeId(node as u16)).collect(),
            nodes: placements.into_iter().map(|placement| placement.name).collect(),
            roles,
            role_of,
            message_words: messages.names().iter().map(|name| name_word(name)).collect(),
            messages,
            records: Labels::of::<P::Record>(),
            timers: Labels::of::<P::Timer>(),
            steps: P::Step::ALL,
            request_word: name_word("request"),
            reply_word: name_word("reply"),
        }
    }

    /// The endpoint of a client.
    pub fn client_end(&self, client: ClientId) -> Endpoint {
        Endpoint(self.nodes.len() as u16 + client.0)
    }

    /// The name of an endpoint: the node's, or `client1`, `client2`, …
    pub fn endpoint(&self, end: Endpoint) -> String {
        let place = usize::from(end.0);
        match self.nodes.get(place) {
            Some(name) => name.clone(),
            None => format!("client{}", place - self.nodes.len() + 1),
        }
    }

    /// The name of a node.
    pub fn node(&self, node: NodeId) -> &str {
        &self.nodes[usize::from(node.0)]
    }

    /// The node of a name.
    pub fn find_node(&self, name: &str) -> Option<NodeId> {
        self.nodes.iter().position(|known| known == name).map(|node| NodeId(node as u16))
    }

    /// The nodes of a role, lowest first; `None` when there is no such role.
    pub fn nodes_of(&self, role: &str) -> Option<Vec<NodeId>> {
        let role = self.roles.iter().position(|known| *known == role)? as u8;
        let members = self.role_of.iter().enumerate().filter(|&(_, &of)| of == role);
        Some(members.map(|(node, _)| NodeId(node as u16)).collect())
    }
}

/// Erases a protocol: `Of::<TwoPhaseCommit>::new()` is its line in a registry.
pub struct Of<P>(PhantomData<fn() -> P>);

impl<P> Of<P> {
    /// The erased protocol.
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<P> Default for Of<P> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: Protocol> Runnable for Of<P> {
    fn name(&self) -> &'static str {
        P::NAME
    }
    fn summary(&self) -> &'static str {
        P::SUMMARY
    }
    fn steps(&self) -> &'static [StepInfo] {
        P::Step::ALL
    }
    fn alternatives(&self) -> &'static [Alternative] {
        P::ALTERNATIVES
    }
    fn default_settings(&self) -> String {
        // What `Debug` prints differs from RON in its braces and in the name of the type.
        let settings = format!("{:#?}", P::Config::default());
        let settings = settings.replace(" {", "(").replace('}', ")");
        format!("{}{}", P::NAME, settings.find('(').map_or("()", |open| &settings[open..]))
    }
    fn example(&self) -> Example {
        Example { workload: P::EXAMPLE_WORKLOAD, checks: P::EXAMPLE_CHECKS }
    }
    fn configure(
        &self,
        text: &str,
        settings: &Named<'_>,
    ) -> Result<Box<dyn Configured>, Vec<Diagnostic>> {
        Ok(Box::new(With::<P>::new(settings.decode(text)?)))
    }
}

/// A protocol type with its settings.
pub struct With<P: Protocol> {
    config: Arc<P::Config>,
    catalog: Arc<Catalog>,
}

impl<P: Protocol> With<P> {
    /// Settles the names.
    pub fn new(config: P::Config) -> Self {
        // A topology of settings that make no sense need not exist.
        let sound = P::validate(&config).is_empty();
        let catalog =
            if sound { Catalog::of::<P>(&config) } else { Catalog::of::<P>(&P::Config::default()) };
        Self { config: Arc::new(config), catalog: Arc::new(catalog) }
    }

    /// A typed world, for those who know `P`.
    pub fn world(&self, setup: Arc<Setup>) -> World<P> {
        World::new(self.config.clone(), setup, self.catalog.clone())
    }
}

impl<P: Protocol> Configured for With<P> {
    fn bad_settings(&self) -> Vec<BadSetting> {
        P::validate(&self.config)
    }
    fn settings(&self) -> String {
        format!("{:?}", self.config)
    }
    fn catalog(&self) -> Arc<Catalog> {
        self.catalog.clone()
    }
    fn tolerance(&self) -> Tolerance {
        P::tolerance(&self.config)
    }
    fn simulation(&self, setup: Arc<Setup>) -> Box<dyn Simulation> {
        Box::new(self.world(setup))
    }
    fn untimed(&self, setup: &Setup, options: UntimedOptions) -> Box<dyn Untimed> {
        Box::new(Nodes::<P>::new(self.config.clone(), setup, self.catalog.clone(), options))
    }
}

impl<P: Protocol> Simulation for World<P> {
    fn reset(&mut self, seed: Seed, recording: Recording) {
        Self::reset(self, seed, recording);
    }
    fn run(&mut self, judge: &mut dyn Judge) -> RunEnd {
        Self::run(self, judge)
    }
    fn step(&mut self) -> bool {
        self.core.counters.events < EVENTS_MAX && Self::step(self, &mut ())
    }
    fn fork(&self) -> Box<dyn Simulation> {
        Box::new(self.clone())
    }
    fn look(&self, node: NodeId) -> NodeView {
        Self::look(self, node)
    }
    fn glance(&self, node: NodeId) -> NodeView {
        Self::glance(self, node)
    }
    fn gauges(&self, node: NodeId) -> Gauges {
        Self::gauges(self, node)
    }
    fn under_way(&self) -> Vec<UnderWay> {
        Self::under_way(self)
    }
    fn trace(&self) -> &Trace {
        Self::trace(self)
    }
    fn entries(&self) -> &[super::trace::Entry] {
        &self.core.trace.entries
    }
    fn counters(&self) -> &Counters {
        &self.core.counters
    }
    fn in_flight(&self, role: usize, label: usize) -> u64 {
        Self::in_flight(self, role, label)
    }
    fn history(&self) -> &[HistoryEntry] {
        self.core.history.entries()
    }
    fn decisions(&self) -> &[super::script::Decision] {
        &self.core.ledger
    }
    fn rules(&self) -> Vec<RuleCounts> {
        self.core.rules.iter().map(|rule| rule.counts).collect()
    }
    fn waiting(&self) -> Vec<(NodeId, String)> {
        Self::waiting(self)
    }
    fn digest(&self) -> u128 {
        Self::digest(self)
    }
}
