//! What every pattern's tests do: load its scenarios, hold seeds, leave out each step.
//!
//! ```text
//!   swarm × seeds ──hold──▶ Held: how often each property, fault and crash was put to the test
//!   a stage per step × seeds ──the step left out──▶ what it guards falls     the twin holds
//!   every other scenario × seeds ──▶ what it says may fall, and the rest holds
//! ```
//!
//! One place decides what "holds" means: nothing falls, and no checker gives up. How often something
//! has to be put to the test differs between patterns, so each test says that itself; one bound for
//! all was rejected, since it would be the weakest of them.
//!
//! Limits: that what a scenario says it breaks does fall is tested with the scenarios, not here.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use splitbrain::{
    base::ids::Seed,
    checkers::{Judgement, Verdict},
    engine::protocol::StepInfo,
    scenario::{
        load::{edit, load},
        plan::Plan,
        registry::Registry,
    },
};
use std::{collections::BTreeMap, fs};

/// How many seeds of a swarm are proved.
pub(crate) const SEEDS: u64 = if cfg!(debug_assertions) { 500 } else { 10_000 };
/// A step that nobody missed by then bears no load.
const ABLATED_SEEDS_MAX: u64 = 3_000;
/// How many seeds a twin holds at least, however soon its step is missed.
const TWIN_SEEDS_MIN: u64 = 50;

/// The text of a scenario below `scenarios/`: of `wal/swarm`, say.
pub(crate) fn text(path: &str) -> String {
    let path = format!("{}/scenarios/{path}.ron", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A text with some of its values set, as a scenario of this name.
pub(crate) fn plan(name: &str, text: &str, sets: &[(&str, &str)]) -> Plan {
    let owned = |(path, value): &(&str, &str)| ((*path).to_owned(), (*value).to_owned());
    let sets: Vec<(String, String)> = sets.iter().map(owned).collect();
    let edited = edit(text, &sets).expect("the paths exist");
    load(&Registry::built_in(), name, &edited)
        .unwrap_or_else(|error| panic!("{name}: {:?}\n{text}", error.mistakes))
}

/// A scenario below `scenarios/`, with some of its values set.
pub(crate) fn scenario(path: &str, sets: &[(&str, &str)]) -> Plan {
    let name = path.rsplit('/').next().expect("a path ends in a name");
    plan(name, &text(path), sets)
}

pub(crate) fn is_violated(judgement: &Judgement) -> bool {
    matches!(judgement.verdict, Verdict::Violated(_))
}

/// Whether a property is violated.
pub(crate) fn falls(property: &str, judgements: &[Judgement]) -> bool {
    judgements.iter().any(|judgement| judgement.property == property && is_violated(judgement))
}

/// What was put to the test in seeds that hold.
#[derive(Default)]
pub(crate) struct Held {
    /// In how many seeds each property was exercised.
    pub(crate) exercised: BTreeMap<&'static str, u64>,
    /// In how many seeds each fault rule had an effect.
    pub(crate) effective: BTreeMap<String, u64>,
    /// How many crashes fell between two effects of a handler.
    pub(crate) cut_handlers: u64,
    /// How many crashes fell during a force.
    pub(crate) during_force: u64,
}

/// Runs so many seeds. Panics at the first one in which a property is broken or undecided.
pub(crate) fn hold(plan: &Plan, seeds: u64) -> Held {
    hold_but_for(&[], plan, seeds)
}

/// The same, where these properties may be broken.
fn hold_but_for(broken: &[&str], plan: &Plan, seeds: u64) -> Held {
    let mut runner = plan.runner();
    let mut held = Held::default();
    for seed in 1..=seeds {
        let (_, judgements) = runner.judge(Seed(seed));
        for judgement in &judgements {
            let sound = match judgement.verdict {
                Verdict::Holds | Verdict::NotExercised => true,
                Verdict::Violated(_) => broken.contains(&judgement.property),
                Verdict::Unknown(_) => false,
            };
            assert!(sound, "{}@{seed}: {judgement:?}", plan.name);
            let exercised = held.exercised.entry(judgement.property).or_default();
            *exercised += u64::from(judgement.exercised > 0);
        }
        for rule in runner.rules() {
            *held.effective.entry(rule.id).or_default() += u64::from(rule.counts.effects > 0);
        }
        let nodes = &runner.simulation().counters().nodes;
        held.cut_handlers += nodes.cut_handlers;
        held.during_force += nodes.during_force;
    }
    held
}

impl Held {
    /// So many properties are judged, each of them put to the test in more seeds than these.
    pub(crate) fn assert_exercised(&self, properties: usize, seeds_above: u64) -> &Self {
        println!("exercised {:?}", self.exercised);
        assert_eq!(self.exercised.len(), properties, "{:?}", self.exercised);
        let enough = self.exercised.values().all(|seeds| *seeds > seeds_above);
        assert!(enough, "not all in more than {seeds_above} seeds: {:?}", self.exercised);
        self
    }

    /// There are so many fault rules, each of which has an effect in more seeds than these.
    pub(crate) fn assert_effective(&self, rules: usize, seeds_above: u64) -> &Self {
        println!("effective {:?}", self.effective);
        assert_eq!(self.effective.len(), rules, "{:?}", self.effective);
        let enough = self.effective.values().all(|seeds| *seeds > seeds_above);
        assert!(enough, "not all in more than {seeds_above} seeds: {:?}", self.effective);
        self
    }

    /// More crashes than these fall between two effects of a handler, and during a force.
    pub(crate) fn assert_crashes_inside(&self, handlers_above: u64, forces_above: u64) -> &Self {
        let Self { cut_handlers, during_force, .. } = self;
        println!("{cut_handlers} crashes between two effects, {during_force} during a force");
        assert!(*cut_handlers > handlers_above, "{cut_handlers} between two effects");
        assert!(*during_force > forces_above, "{during_force} during a force");
        self
    }
}

/// A protocol of the registry and the folder of its scenarios.
pub(crate) struct Pattern {
    /// Below `scenarios/`.
    pub(crate) folder: &'static str,
    /// Its name in the registry.
    pub(crate) protocol: &'static str,
}

impl Pattern {
    /// One of its scenarios, with some of its values set.
    pub(crate) fn scenario(&self, name: &str, sets: &[(&str, &str)]) -> Plan {
        scenario(&format!("{}/{name}", self.folder), sets)
    }

    /// Leaves each step out of its stage, the scenario in which nothing else does its work: the
    /// property that it guards falls. The twin, which keeps every step, holds for as many seeds.
    pub(crate) fn assert_every_step_bears_load(&self, stage: impl Fn(&str) -> &'static str) {
        let registry = Registry::built_in();
        let protocol = registry.protocols().find(|protocol| protocol.name() == self.protocol);
        let mut missed = Vec::new();
        for step in protocol.expect("it is built in").steps() {
            let stage = stage(step.name);
            let Some(seed) = self.first_fall(stage, step) else {
                missed.push(step.name);
                continue;
            };
            println!("{:26} {:32} falls first at {stage}@{seed}", step.name, step.guards);
            self.assert_twin_holds(stage, step, seed.max(TWIN_SEEDS_MIN));
        }
        assert!(missed.is_empty(), "nobody misses {missed:?}");
    }

    /// The first seed in which a step's property falls without it.
    fn first_fall(&self, stage: &str, step: &StepInfo) -> Option<u64> {
        let plan = self.scenario(stage, &[("ablate", &format!("[\"{}\"]", step.name))]);
        let mut runner = plan.runner();
        (1..=ABLATED_SEEDS_MAX).find(|seed| falls(step.guards, &runner.judge(Seed(*seed)).1))
    }

    /// With every step in place a stage breaks nothing but what it says, and never what the step
    /// guards. A stage that leaves a step out itself says what that breaks: its twin breaks nothing.
    fn assert_twin_holds(&self, stage: &str, step: &StepInfo, seeds: u64) {
        let whole = self.scenario(stage, &[]);
        let is_whole = whole.setup.ablated == 0;
        let broken = if is_whole { whole.expect.violations() } else { Vec::new() };
        assert!(!broken.contains(&step.guards), "{stage} breaks {} anyway", step.guards);
        hold_but_for(&broken, &self.scenario(stage, &[("ablate", "[]")]), seeds);
    }

    /// Runs so many seeds of every scenario but the swarms, which have tests of their own.
    pub(crate) fn assert_scenarios_break_only_what_they_say(&self, seeds: u64) {
        for name in self.names().iter().filter(|name| !name.starts_with("swarm")) {
            let plan = self.scenario(name, &[]);
            hold_but_for(&plan.expect.violations(), &plan, seeds);
        }
    }

    /// The names of its scenarios, in order.
    fn names(&self) -> Vec<String> {
        let folder = format!("{}/scenarios/{}", env!("CARGO_MANIFEST_DIR"), self.folder);
        let files = fs::read_dir(folder).expect("it is there").map(|entry| {
            let file = entry.expect("it can be listed").file_name();
            file.into_string().expect("names are ASCII")
        });
        let mut names: Vec<String> =
            files.filter_map(|file| file.strip_suffix(".ron").map(str::to_owned)).collect();
        names.sort();
        names
    }
}
