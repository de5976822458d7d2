//! The calm run: the same protocol and the first few operations, with nothing left to go wrong.
//!
//! ```text
//!   scenario ──laws at their means, no faults──▶ run ──▶ its first operations, when and where
//!            ──only these, coins as the seed──▶ run ──▶ the coins, written down
//!            ──no randomness at all───────────▶ the calm run: events to put faults at
//! ```
//!
//! Links, disks and handlers take their mean, clocks are right, nothing is lost, and the scenario's
//! own faults are left out: every event then has one instant, and a cell of the matrix differs from
//! the calm run by its fault alone. What protocols toss coins about is tossed by the seed and
//! written into the script, so that a cell needs no seed.
//!
//! Limits: links with laws of their own get the common mean.

use super::Trouble;
use crate::{
    base::{
        ids::{EventId, Seed},
        sampler::Law,
        text::source::{Edited, Tree},
        time::{Duration, Time},
    },
    base::{quantity::Probability, sampler::Sampler},
    engine::faults::When,
    engine::{
        clock::ClockLaw,
        faults::{Budget, Swarm},
        network::{Link, Order as LinkOrder},
        script::{Decision, MessageName, Otherwise, Script, Travel},
        setup::{Service, Setup, Ties},
        trace::{Entry, Kind, Recording},
    },
    scenario::{
        load::load,
        model::Order,
        plan::Plan,
        registry::Registry,
        run::Run,
        script::{ChoiceLine, ScriptText},
        write::Draft,
    },
    workload::requests::Asked,
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
        let mut draft = draft(plan, asked(plan, seed, operations)?);
        let weather = run(registry, &draft, seed)?;
        draft.script = ScriptText {
            otherwise: Otherwise::Calm,
            choices: choices(&weather),
            ..ScriptText::default()
        };
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
        let busy = |entry: &&Entry| matches!(entry.kind, Kind::Deliver | Kind::Durable | Kind::End);
        self.run.entries.iter().rev().find(busy).map_or(Time::ZERO, |entry| entry.at)
    }
}

/// Runs a draft as whoever is given its file would.
pub(super) fn run(registry: &Registry, draft: &Draft, seed: Seed) -> Result<Run, Trouble> {
    let plan = load_draft(registry, draft)?;
    Ok(plan.runner().run(seed, Recording::Full))
}

/// A draft, written and read.
pub(super) fn load_draft(registry: &Registry, draft: &Draft) -> Result<Plan, Trouble> {
    let text = draft.text();
    load(registry, "matrix", &Edited::new(text.as_str())).map_err(|error| {
        let mistake = error.mistakes.first().map_or("", |mistake| mistake.message.as_str());
        Trouble::Draft(mistake.to_owned())
    })
}

/// The first operations that the scenario's clients ask for when nothing goes wrong.
fn asked(plan: &Plan, seed: Seed, operations: usize) -> Result<Vec<Asked>, Trouble> {
    let setup = Setup {
        link: constant(&plan.setup.link),
        client_link: constant(&plan.setup.client_link),
        links: Vec::new(),
        force: fixed(plan.setup.force.mean()),
        clocks: ClockLaw::default(),
        service: plan.setup.service.iter().map(constant_service).collect(),
        script: Script::default(),
        rules: Vec::new(),
        budget: Budget::Unlimited,
        swarm: Swarm::Off,
        ties: Ties::Insertion,
        ..(*plan.setup).clone()
    };
    let run = plan.runner_of(Arc::new(setup)).run(seed, Recording::HashOnly);
    let first = run.history.iter().take(operations);
    let asked: Vec<Asked> = first
        .map(|entry| Asked {
            at: entry.invoked_at.saturating_since(Time::ZERO),
            client: entry.client.0 + 1,
            op: Some(entry.op.0),
            node: Some(plan.catalog.node(entry.node).to_owned()),
            ask: entry.operation,
        })
        .collect();
    if asked.is_empty() { Err(Trouble::NoOperations) } else { Ok(asked) }
}

fn constant(link: &Link) -> Link {
    Link {
        latency: fixed(link.latency.mean()),
        loss: Probability::NEVER,
        duplication: Probability::NEVER,
        corruption: Probability::NEVER,
        replay: Probability::NEVER,
        ..link.clone()
    }
}

fn constant_service(service: &Service) -> Service {
    Service { time: fixed(service.time.mean()), ..service.clone() }
}

fn fixed(span: Duration) -> Sampler {
    Law::Fixed(span).compile().expect("a fixed span is a law")
}

fn draft(plan: &Plan, operations: Vec<Asked>) -> Draft {
    let setup = &plan.setup;
    let tree = Tree::parse(&plan.text).expect("a plan comes of a text that can be parsed");
    let text = |field: &str| {
        let node = tree.root.field(&plan.text, field);
        node.expect("it was there when loading").span.of(&plan.text).to_owned()
    };
    let tail = setup.heal_at.map(|at| setup.end.saturating_since(at));
    let steps = plan.catalog.steps.iter().enumerate();
    let ablated = steps.filter(|(step, _)| setup.ablated >> step & 1 == 1);
    Draft {
        story: Vec::new(),
        title: format!("{}: the calm run", plan.title),
        protocol: text("protocol"),
        latency: setup.link.latency.mean(),
        client_latency: setup.client_link.latency.mean(),
        order: match setup.link.order {
            LinkOrder::Independent => Order::Independent,
            LinkOrder::Fifo => Order::Fifo,
        },
        force: setup.force.mean(),
        service: service(plan),
        patience: setup.patience,
        operations,
        faults: Vec::new(),
        script: ScriptText::default(),
        ablate: ablated.map(|(_, step)| step.name.to_owned()).collect(),
        checks: text("checks"),
        expect: plan.expect.clone(),
        run_for: setup.end.saturating_since(Time::ZERO),
        quiet_tail: tail,
    }
}

fn service(plan: &Plan) -> Option<String> {
    let line = |service: &Service| {
        let (node, mean) = (plan.catalog.node(service.node), service.time.mean());
        let most = service.queue_max;
        format!("(nodes: Nodes([\"{node}\"]), time: Fixed(\"{mean}\"), queue_max: {most})")
    };
    let lines: Vec<String> = plan.setup.service.iter().map(line).collect();
    (!lines.is_empty()).then(|| format!("[{}]", lines.join(", ")))
}

/// The coins that were tossed, as lines of a script.
fn choices(run: &Run) -> Vec<ChoiceLine> {
    let lines = run.decisions.iter().filter_map(|decision| match decision {
        Decision::Choice(name, label, is) => Some(ChoiceLine {
            node: run.catalog.node(name.node).to_owned(),
            label: label.clone(),
            topic: name.topic.0,
            nth: name.nth,
            is: *is,
        }),
        _ => None,
    });
    lines.collect()
}

/// How many of a scenario's rules were left out, random ones and others.
pub(super) fn left_out(plan: &Plan) -> (usize, usize) {
    let random = plan.setup.rules.iter().filter(|rule| When::is_random(&rule.when)).count();
    (random, plan.setup.rules.len() - random)
}
