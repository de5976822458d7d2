//! The calm run: the same protocol and the first few operations, with nothing left to go wrong.
//!
//! ```text
//!   scenario ──usual laws, no faults──▶ run ──▶ its first operations, when and where
//!            ──only these, coins as the seed──▶ run ──▶ the coins, written down
//!            ──no randomness at all───────────▶ the calm run: events to put faults at
//! ```
//!
//! Links, disks and handlers take their median, clocks are right, nothing is lost, and the
//! scenario's own faults are left out: every event then has one instant, and a cell of the matrix
//! differs from the calm run by its fault alone. What protocols toss coins about is tossed by the
//! seed and written into the script, so that a cell needs no seed.
//!
//! Limits: links with laws of their own get the common one.

use super::Trouble;
use crate::{
    base::{
        ids::{EventId, Seed},
        quantity::Probability,
        sampler::{Law, Sampler},
        text::source::Edited,
        time::{Duration, Time},
    },
    engine::{
        clock::ClockLaw,
        faults::Swarm,
        network::Link,
        script::{Decision, MessageName, Otherwise, Script, Travel},
        setup::{Service, Setup, Ties},
        trace::{Entry, Kind, Recording},
    },
    scenario::{
        load::load, plan::Plan, registry::Registry, run::Run, script::ScriptText, write::Draft,
    },
    search::freeze::{freeze, rounded},
};
use std::sync::Arc;

/// The calm run of a scenario.
pub(super) struct Calm {
    /// What was run, to be written down.
    pub(super) draft: Draft,
    /// What came of it.
    pub(super) run: Run,
}

/// A message of the calm run.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    /// The event at which it was sent.
    pub(super) event: EventId,
    /// What it is called.
    pub(super) name: MessageName,
    /// How long it travels.
    pub(super) takes: Duration,
}

impl Calm {
    /// Calms a scenario down.
    pub(super) fn of(
        registry: &Registry,
        plan: &Plan,
        seed: Seed,
        operations: usize,
    ) -> Result<Self, Trouble> {
        let mut calmed = reload(registry, &plan.text)?;
        calmed.setup = Arc::new(calm_setup(&plan.setup));
        let mut draft = freeze(&calmed, &calmed.runner().run(seed, Recording::Full));
        draft.title = format!("{}: the calm run", plan.title);
        draft.service = service(&calmed);
        draft.expect = plan.expect.clone();
        draft.operations.truncate(operations);
        if draft.operations.is_empty() {
            return Err(Trouble::NoOperations);
        }
        draft.script = ScriptText::default();
        let tossing = reload(registry, &draft.text())?;
        let tossed = freeze(&tossing, &tossing.runner().run(seed, Recording::Full));
        let choices = tossed.script.choices;
        draft.script = ScriptText { otherwise: Otherwise::Calm, choices, ..ScriptText::default() };
        let run = run(registry, &draft, seed)?;
        Ok(Self { draft, run })
    }

    /// Its messages, in the order in which they were sent.
    pub(super) fn sent(&self) -> impl Iterator<Item = Sent> {
        self.run.decisions.iter().filter_map(|decision| match decision {
            Decision::Message(event, name, Travel::Takes(spans)) => {
                Some(Sent { event: *event, name: *name, takes: *spans.last()? })
            }
            _ => None,
        })
    }

    /// When its last message was sent or handled, or record made durable.
    pub(super) fn ends(&self) -> Time {
        let busy = |entry: &&Entry| {
            matches!(entry.kind, Kind::Deliver | Kind::Durable | Kind::Synced | Kind::End)
        };
        self.run.entries.iter().rev().find(busy).map_or(Time::ZERO, |entry| entry.at)
    }
}

/// Runs a draft as whoever is given its file would.
pub(super) fn run(registry: &Registry, draft: &Draft, seed: Seed) -> Result<Run, Trouble> {
    Ok(reload(registry, &draft.text())?.runner().run(seed, Recording::Full))
}

fn reload(registry: &Registry, text: &str) -> Result<Plan, Trouble> {
    load(registry, "matrix", &Edited::new(text)).map_err(|error| {
        let mistake = error.mistakes.first().map_or("", |mistake| mistake.message.as_str());
        Trouble::Draft(mistake.to_owned())
    })
}

/// The setup with nothing left to chance but the workload and the coins of protocols.
fn calm_setup(setup: &Setup) -> Setup {
    Setup {
        link: calm_link(&setup.link),
        client_link: calm_link(&setup.client_link),
        links: Vec::new(),
        force: usual(&setup.force),
        clocks: ClockLaw::default(),
        service: setup.service.iter().map(calm_service).collect(),
        script: Script::default(),
        rules: Vec::new(),
        swarm: Swarm::Off,
        ties: Ties::Insertion,
        ..setup.clone()
    }
}

fn calm_link(link: &Link) -> Link {
    Link {
        latency: usual(&link.latency),
        loss: Probability::NEVER,
        duplication: Probability::NEVER,
        corruption: Probability::NEVER,
        replay: Probability::NEVER,
        ..link.clone()
    }
}

fn calm_service(service: &Service) -> Service {
    Service { time: usual(&service.time), ..service.clone() }
}

/// The median of a law, to one digit, always.
fn usual(law: &Sampler) -> Sampler {
    let median = rounded(law.sample(u64::MAX / 2));
    Law::Fixed(median).compile().expect("a fixed span is a law")
}

/// How long handlers take, as a scenario writes it.
fn service(plan: &Plan) -> Option<String> {
    let line = |service: &Service| {
        let (node, takes) = (plan.catalog.node(service.node), service.time.min());
        let most = service.queue_max;
        format!("(nodes: Nodes([\"{node}\"]), time: Fixed(\"{takes}\"), queue_max: {most})")
    };
    let lines: Vec<String> = plan.setup.service.iter().map(line).collect();
    (!lines.is_empty()).then(|| format!("[{}]", lines.join(", ")))
}

/// How many of a scenario's rules are left out: random ones, and others.
pub(super) fn left_out(plan: &Plan) -> (usize, usize) {
    let random = plan.setup.rules.iter().filter(|rule| rule.when.is_random()).count();
    (random, plan.setup.rules.len() - random)
}
