//! The swarm of the ABD register, and what falls when a step of quorum replication is left out.
//!
//! ```text
//!   swarm.ron × seeds ──▶ linearizable, exercised, each fault class effective
//!   a scenario per step × seeds, the step ablated ──▶ the property that the step's doc names falls
//! ```
//!
//! Optimized, ten thousand seeds are proved; without optimization a twentieth of them. Each ablated
//! step is also run against its twin: the same seeds with the step kept, which must be green. A step
//! is judged in a scenario in which nothing else does its work: what anti-entropy repairs, nobody
//! can miss.

use splitbrain::{
    base::{ids::Seed, text::source::Edited},
    checkers::{Judgement, Verdict},
    engine::protocol::StepInfo,
    scenario::{
        load::{edit, load},
        plan::Plan,
        registry::Registry,
    },
};
use std::collections::BTreeMap;

const SEEDS: u64 = if cfg!(debug_assertions) { 500 } else { 10_000 };
const ABLATED_SEEDS_MAX: u64 = 3_000;

fn scenario(name: &str, sets: &[(&str, &str)]) -> Plan {
    let path = format!("{}/scenarios/quorum/{name}.ron", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("the scenario is there");
    let sets: Vec<(String, String)> =
        sets.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect();
    let edited: Edited = edit(&text, &sets).expect("the paths exist");
    load(&Registry::built_in(), name, &edited).expect("the scenario is sound")
}

fn violated(judgement: &Judgement) -> bool {
    matches!(judgement.verdict, Verdict::Violated(_))
}

#[test]
fn an_abd_register_stays_linearizable_and_everything_is_put_to_the_test() {
    let plan = scenario("swarm", &[]);
    let mut runner = plan.runner();
    let mut exercised: BTreeMap<&str, u64> = BTreeMap::new();
    let mut effective: BTreeMap<String, u64> = BTreeMap::new();
    let (mut cut_handlers, mut during_force) = (0, 0);
    for seed in 1..=SEEDS {
        let (_, judgements) = runner.judge(Seed(seed));
        for judgement in &judgements {
            let sound = matches!(judgement.verdict, Verdict::Holds | Verdict::NotExercised);
            assert!(sound, "swarm@{seed}: {judgement:?}");
            *exercised.entry(judgement.property).or_default() += u64::from(judgement.exercised > 0);
        }
        for rule in runner.rules() {
            *effective.entry(rule.id).or_default() += u64::from(rule.counts.effects > 0);
        }
        let nodes = &runner.simulation().counters().nodes;
        cut_handlers += nodes.cut_handlers;
        during_force += nodes.during_force;
    }
    println!("{SEEDS} seeds hold; exercised {exercised:?}; effective {effective:?}");
    println!("{cut_handlers} crashes between two effects, {during_force} during a force");
    assert_eq!(exercised.len(), 3);
    assert!(exercised.values().all(|seeds| *seeds > SEEDS * 9 / 10), "{exercised:?}");
    assert!(effective.values().all(|seeds| *seeds > SEEDS / 20), "{effective:?}");
    assert!(cut_handlers > SEEDS / 2 && during_force > SEEDS / 10);
}

/// The scenario in which nothing else does a step's work.
fn stage(step: &str) -> &'static str {
    match step {
        "WriteBack" => "write_back_prevents_the_inversion",
        "CountHomesOnly" => "hints_do_not_count",
        "ReadRepair" => "read_repair_heals",
        "HandOver" | "AwaitTaken" | "ForceHint" => "hinted_handoff_heals",
        "Compare" => "anti_entropy_converges",
        "ForceNumber" | "KeepSiblings" => "siblings_are_kept",
        _ => "swarm",
    }
}

/// Whether the property that a step guards is violated.
fn falls(step: &StepInfo, judgements: &[Judgement]) -> bool {
    judgements.iter().any(|judgement| judgement.property == step.guards && violated(judgement))
}

/// The first seed in which a step's property falls.
fn first_fall(step: &StepInfo) -> Option<u64> {
    let plan = scenario(stage(step.name), &[("ablate", &format!("[\"{}\"]", step.name))]);
    let mut runner = plan.runner();
    (1..=ABLATED_SEEDS_MAX).find(|seed| falls(step, &runner.judge(Seed(*seed)).1))
}

#[test]
fn without_any_one_step_the_property_that_its_doc_names_falls() {
    let registry = Registry::built_in();
    let protocol = registry.protocols().find(|protocol| protocol.name() == "Quorum");
    let mut missed = Vec::new();
    for step in protocol.expect("it is built in").steps() {
        let Some(seed) = first_fall(step) else {
            missed.push(step.name);
            continue;
        };
        println!("{:18} {:16} falls first at seed {seed}", step.name, step.guards);
        let whole = scenario(stage(step.name), &[]);
        let mut twin = whole.runner();
        for seed in 1..=seed {
            let (_, judgements) = twin.judge(Seed(seed));
            assert!(!falls(step, &judgements), "the twin falls at {seed}: {judgements:?}");
        }
    }
    assert!(missed.is_empty(), "nobody misses {missed:?}");
}

#[test]
fn where_replicas_do_not_compare_reads_never_come_to_agree() {
    let plan = scenario("reads_converge", &[("ablate", "[\"Compare\"]")]);
    let mut runner = plan.runner();
    for seed in 1..=20 {
        let (_, judgements) = runner.judge(Seed(seed));
        let judged = judgements.iter().find(|judgement| judgement.property == "convergence");
        assert!(judged.is_some_and(violated), "seed {seed}");
    }
}

/// Every scenario of the pattern, far beyond the few seeds that show it.
#[test]
#[cfg_attr(debug_assertions, ignore = "long; run it with --release")]
fn every_scenario_breaks_only_what_it_says_it_breaks_in_many_seeds() {
    every_scenario_breaks_only_what_it_says(1..=SEEDS / 10);
}

#[test]
#[ignore = "minutes: cargo test --release --test quorum_swarm -- --ignored"]
fn every_scenario_breaks_only_what_it_says_it_breaks_in_ten_thousand_seeds() {
    every_scenario_breaks_only_what_it_says(1..=SEEDS);
}

fn every_scenario_breaks_only_what_it_says(seeds: std::ops::RangeInclusive<u64>) {
    let folder = format!("{}/scenarios/quorum", env!("CARGO_MANIFEST_DIR"));
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .expect("it is there")
        .filter_map(|entry| entry.expect("it can be listed").file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".ron").map(str::to_owned))
        .filter(|name| name != "swarm") // It has a test of its own.
        .collect();
    names.sort();
    for name in names {
        let plan = scenario(&name, &[]);
        let expected = plan.expect.violations();
        let mut runner = plan.runner();
        for seed in seeds.clone() {
            let (_, judgements) = runner.judge(Seed(seed));
            let unexpected = judgements
                .iter()
                .find(|judgement| violated(judgement) && !expected.contains(&judgement.property));
            assert!(unexpected.is_none(), "{name}@{seed}: {unexpected:?}");
        }
    }
}
