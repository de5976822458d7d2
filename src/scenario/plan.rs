//! A plan: a scenario that has been loaded and can be run with any seed.
//!
//! ```text
//!   Plan ──runner()──▶ Runner { simulation, checkers } ──run(seed)──▶ Run ──▶ expectation met?
//! ```
//!
//! A runner owns one world and resets it for every seed; nothing is built anew. Whether a run is
//! what the scenario expects is decided here and nowhere else, so that every command agrees.

use super::{
    model::{Expect, Sweep},
    run::{RuleReport, Run},
};
use crate::{
    base::{
        ids::{NodeId, Seed},
        text::{
            decode::decode_named,
            source::{Node, Span},
        },
        time::Time,
    },
    checkers::{BuildCheck, Checker, Finish, Judgement, PropertyInfo, Verdict},
    engine::{
        faults::Swarm,
        runner::{Catalog, Configured, Outcome, RunEnd, Simulation},
        setup::Setup,
        signal::Signal,
        trace::Recording,
        world::Judge,
    },
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

/// A scenario that can be run.
pub struct Plan {
    /// Its short name: the file's stem.
    pub name: String,
    /// Its title.
    pub title: String,
    /// The protocol's name.
    pub protocol: String,
    /// Its text, with all edits.
    pub text: String,
    /// The protocol with its settings.
    pub configured: Box<dyn Configured>,
    /// Names of nodes, labels, steps.
    pub catalog: Arc<Catalog>,
    /// Everything else, resolved.
    pub setup: Arc<Setup>,
    /// What is checked.
    pub checks: Vec<CheckUse>,
    /// What is expected.
    pub expect: Expect,
    /// How many seeds of a sweep must show it.
    pub sweep: Sweep,
}

/// A check as a scenario lists it.
pub struct CheckUse {
    /// Its name.
    pub name: &'static str,
    /// The properties it judges.
    pub properties: &'static [PropertyInfo],
    pub(super) build: BuildCheck,
    pub(super) node: Node,
}

impl CheckUse {
    /// Where it stands in the text of the plan.
    pub fn span(&self) -> Span {
        self.node.span
    }
}

impl Plan {
    /// A world and checkers for this plan.
    pub fn runner(&self) -> Runner<'_> {
        self.runner_of(self.setup.clone())
    }

    /// The same in another setup, such as one with a step left out.
    pub fn runner_of(&self, setup: Arc<Setup>) -> Runner<'_> {
        let simulation = self.configured.simulation(setup.clone());
        let judges = Judges { checkers: self.checkers(), signals: None };
        Runner { plan: self, setup, simulation, judges }
    }

    /// Checkers that have heard nothing yet, in the order of the scenario.
    pub fn checkers(&self) -> Vec<Box<dyn Checker>> {
        self.checks.iter().map(|check| self.checker(check)).collect()
    }

    fn checker(&self, check: &CheckUse) -> Box<dyn Checker> {
        let named = decode_named(&self.text, &check.node).expect("it was read when loading");
        let built = (check.build)(&self.text, &named, &self.catalog);
        built.expect("it was built when loading")
    }

    /// Whether a run is what the scenario expects.
    pub fn expectation(&self, judgements: &[Judgement]) -> Met {
        let expected = self.expect.violations();
        let violated = |judgement: &&Judgement| matches!(judgement.verdict, Verdict::Violated(_));
        let unexpected = judgements
            .iter()
            .filter(violated)
            .find(|judgement| !expected.contains(&judgement.property));
        if let Some(judgement) = unexpected {
            return Met::No(format!("{} is violated", judgement.property));
        }
        for property in expected {
            let judgement = judgements.iter().find(|judgement| judgement.property == property);
            if !judgement.as_ref().is_some_and(violated) {
                return Met::No(format!("{property} is not violated"));
            }
        }
        match judgements.iter().find(|j| matches!(j.verdict, Verdict::Unknown(_))) {
            Some(judgement) => Met::Undecided(format!("{} is unknown", judgement.property)),
            None => Met::Yes,
        }
    }
}

/// How many messages nodes send in a run without faults: what few of them are is a share of it.
pub(super) fn messages_of_a_calm_run(protocol: &dyn Configured, setup: &Setup) -> u64 {
    let calm = Setup { rules: Vec::new(), swarm: Swarm::Off, ..setup.clone() };
    let count = || {
        let mut simulation = protocol.simulation(Arc::new(calm));
        simulation.reset(Seed(0), Recording::HashOnly);
        simulation.run(&mut ());
        simulation.counters().messages_sent()
    };
    // A protocol that panics shall do so where somebody runs it.
    catch_unwind(AssertUnwindSafe(count)).unwrap_or(1_000)
}

/// Whether an expectation is met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Met {
    /// It is.
    Yes,
    /// It is not, and why.
    No(String),
    /// A checker could not say.
    Undecided(String),
}

impl Expect {
    /// The properties that are expected to be violated.
    pub fn violations(&self) -> Vec<&str> {
        match self {
            Self::Holds => Vec::new(),
            Self::Violates(property) => vec![property],
            Self::ViolatesAll(properties) => properties.iter().map(String::as_str).collect(),
        }
    }

    /// In words: `holds`, `violates no_blocking`.
    pub fn describe(&self) -> String {
        match self.violations().as_slice() {
            [] => "holds".to_owned(),
            properties => format!("violates {}", properties.join(", ")),
        }
    }
}

/// A world with its checkers, for one seed after the other.
pub struct Runner<'p> {
    plan: &'p Plan,
    setup: Arc<Setup>,
    simulation: Box<dyn Simulation>,
    judges: Judges,
}

/// What the cheap way tells of a seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// How the run ended.
    pub end: RunEnd,
    /// The hash of everything that happened.
    pub hash: u128,
    /// The verdict on every listed property.
    pub judgements: Vec<Judgement>,
}

struct Judges {
    checkers: Vec<Box<dyn Checker>>,
    /// All signals, when somebody looks.
    signals: Option<Vec<Signal>>,
}

impl Judge for Judges {
    fn on_signal(&mut self, signal: &Signal) {
        self.checkers.iter_mut().for_each(|checker| checker.on_signal(signal));
        if let Some(signals) = &mut self.signals {
            signals.push(*signal);
        }
    }
}

/// The checkers, and somebody else.
struct Both<'a>(&'a mut Judges, &'a mut dyn Judge);

impl Judge for Both<'_> {
    fn on_signal(&mut self, signal: &Signal) {
        self.0.on_signal(signal);
        self.1.on_signal(signal);
    }
}

impl Runner<'_> {
    /// Runs a seed.
    ///
    /// # Panics
    /// When a witness does not stand up to its recheck, which is a bug in a checker.
    pub fn run(&mut self, seed: Seed, recording: Recording) -> Run {
        let (end, waiting, judgements) = self.play(seed, recording);
        let signals = self.judges.signals.take().unwrap_or_default();
        if recording == Recording::Full {
            self.recheck(&judgements, &signals);
        }
        self.told(seed, (end, waiting, judgements), signals)
    }

    /// What is there of a run that a panic in a handler ended: no verdicts, but all that was
    /// recorded up to then.
    pub fn so_far(&mut self, seed: Seed) -> Run {
        let at = self.simulation.entries().last().map_or(Time::ZERO, |entry| entry.at);
        let (outcome, end) = (Outcome::Finished, self.plan.setup.end);
        let end = RunEnd { outcome, quiet_at: at, progress_at: at, end, healed: false };
        let signals = self.judges.signals.take().unwrap_or_default();
        self.told(seed, (end, Vec::new(), Vec::new()), signals)
    }

    fn told(
        &self,
        seed: Seed,
        (end, waiting, judgements): (RunEnd, Vec<(NodeId, String)>, Vec<Judgement>),
        signals: Vec<Signal>,
    ) -> Run {
        let plan = self.plan;
        Run {
            title: plan.title.clone(),
            name: plan.name.clone(),
            protocol: plan.protocol.clone(),
            seed,
            catalog: plan.catalog.clone(),
            clients: self.setup.workload.clients(),
            end,
            hash: self.simulation.trace().hash(),
            judgements,
            counters: self.simulation.counters().clone(),
            history: self.simulation.history().to_vec(),
            entries: self.simulation.entries().to_vec(),
            decisions: self.simulation.decisions().to_vec(),
            signals,
            rules: self.rules(),
            waiting,
        }
    }

    /// The cheap way for many seeds: only the hash and the judgements.
    pub fn judge(&mut self, seed: Seed) -> (u128, Vec<Judgement>) {
        let Judged { hash, judgements, .. } = self.judged(seed);
        (hash, judgements)
    }

    /// The same, and how the run ended.
    pub fn judged(&mut self, seed: Seed) -> Judged {
        let (end, _, judgements) = self.play(seed, Recording::HashOnly);
        Judged { end, hash: self.simulation.trace().hash(), judgements }
    }

    /// The same, with somebody who hears every signal after the checkers.
    pub fn judged_before(&mut self, seed: Seed, listener: &mut dyn Judge) -> Judged {
        self.begin(seed, Recording::HashOnly);
        let end = self.simulation.run(&mut Both(&mut self.judges, listener));
        let (end, _, judgements) = self.finish(end);
        Judged { end, hash: self.simulation.trace().hash(), judgements }
    }

    /// Runs a seed to its end and lets every checker judge: how it ended, who waits, the verdicts.
    fn play(
        &mut self,
        seed: Seed,
        recording: Recording,
    ) -> (RunEnd, Vec<(NodeId, String)>, Vec<Judgement>) {
        self.begin(seed, recording);
        let end = self.simulation.run(&mut self.judges);
        self.finish(end)
    }

    fn begin(&mut self, seed: Seed, recording: Recording) {
        let judges = &mut self.judges;
        judges.checkers.iter_mut().for_each(|checker| checker.reset());
        judges.signals = (recording == Recording::Full).then(Vec::new);
        self.simulation.reset(seed, recording);
    }

    fn finish(&mut self, end: RunEnd) -> (RunEnd, Vec<(NodeId, String)>, Vec<Judgement>) {
        let judges = &mut self.judges;
        let waiting = self.simulation.waiting();
        let finish = Finish { end: &end, waiting: &waiting, history: self.simulation.history() };
        let judgements =
            judges.checkers.iter_mut().flat_map(|checker| checker.finish(&finish)).collect();
        (end, waiting, judgements)
    }

    /// The simulation, to look at after a run.
    pub fn simulation(&self) -> &dyn Simulation {
        self.simulation.as_ref()
    }

    fn recheck(&self, judgements: &[Judgement], signals: &[Signal]) {
        for Judgement { property, verdict, .. } in judgements {
            let Verdict::Violated(witness) = verdict else { continue };
            let judges = |check: &CheckUse| check.properties.iter().any(|p| p.name == *property);
            let place = self.plan.checks.iter().position(judges);
            let place = place.expect("a checker judges only its own properties");
            let checked = self.judges.checkers[place].recheck(property, witness, signals);
            assert!(checked.is_ok(), "the witness of {property} does not stand: {checked:?}");
        }
    }

    /// What became of each fault rule.
    pub fn rules(&self) -> Vec<RuleReport> {
        let rules = self.setup.rules.iter().zip(self.simulation.rules());
        rules
            .map(|(rule, counts)| RuleReport {
                id: rule.id.clone(),
                class: rule.what.class(),
                random: rule.when.is_random(),
                counts,
            })
            .collect()
    }
}
