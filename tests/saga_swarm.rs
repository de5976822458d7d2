//! The swarm of orchestrated sagas, and what falls when a step of theirs is left out.
//!
//! ```text
//!   swarm.ron × settings × seeds ──▶ S1–S6 and balances hold, exercised, fault classes effective
//!   a scenario per step × seeds, the step ablated ──▶ the property that the step's doc names falls
//! ```
//!
//! Optimized, ten thousand seeds of the sound variant are proved, and a thousand of every other
//! setting; without optimization a twentieth of them. Each ablated step is also run against its
//! twin: the same seeds with the step kept, which must be green.

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
    let path = format!("{}/scenarios/saga_orchestration/{name}.ron", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("the scenario is there");
    let sets: Vec<(String, String)> =
        sets.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect();
    let edited: Edited = edit(&text, &sets).expect("the paths exist");
    load(&Registry::built_in(), name, &edited).expect("the scenario is sound")
}

fn violated(judgement: &Judgement) -> bool {
    matches!(judgement.verdict, Verdict::Violated(_))
}

/// Runs seeds that must all hold. In how many of them each property was exercised, and each fault
/// class had an effect.
fn hold(plan: &Plan, seeds: u64) -> (BTreeMap<&'static str, u64>, BTreeMap<String, u64>) {
    let mut runner = plan.runner();
    let mut exercised: BTreeMap<&str, u64> = BTreeMap::new();
    let mut effective: BTreeMap<String, u64> = BTreeMap::new();
    for seed in 1..=seeds {
        let (_, judgements) = runner.judge(Seed(seed));
        for judgement in &judgements {
            let sound = matches!(judgement.verdict, Verdict::Holds | Verdict::NotExercised);
            assert!(sound, "{}@{seed}: {judgement:?}", plan.name);
            *exercised.entry(judgement.property).or_default() += u64::from(judgement.exercised > 0);
        }
        for rule in runner.rules() {
            *effective.entry(rule.id).or_default() += u64::from(rule.counts.effects > 0);
        }
    }
    (exercised, effective)
}

#[test]
fn every_saga_ends_whole_or_undone_and_everything_is_put_to_the_test() {
    let (exercised, effective) = hold(&scenario("swarm", &[]), SEEDS);
    println!("{SEEDS} seeds hold; exercised {exercised:?}; effective {effective:?}");
    assert_eq!(exercised.len(), 8);
    assert!(exercised.values().all(|seeds| *seeds > SEEDS * 9 / 10), "{exercised:?}");
    assert!(effective.values().all(|seeds| *seeds > SEEDS / 20), "{effective:?}");
}

const KEPT: &str = r#"[
    (name: "wish", service: Order, kind: Kept),
    (name: "goods", service: Inventory, after: ["wish"]),
    (name: "money", service: Payment, after: ["wish"], kind: Kept),
    (name: "box", service: Shipping, after: ["goods"]),
    (name: "parcel", service: Shipping, after: ["box", "money"], kind: Pivot),
    (name: "letter", service: Notification, after: ["parcel"], kind: Retriable),
]"#;

const NESTED: &str = r#"[
    (name: "order", service: Order),
    (name: "fulfilment", after: ["order"], steps: [
        (name: "left", service: Inventory),
        (name: "right", service: Payment),
        (name: "box", service: Shipping, after: ["left", "right"]),
    ]),
    (name: "letter", service: Notification, after: ["fulfilment"]),
]"#;

#[test]
fn every_other_setting_survives_the_same_faults() {
    let breaker = r#"(timeout: "30ms", attempts_max: 3, breaker: On(failures: 3, window: "300ms", open_for: "60ms", probes: 1))"#;
    let settings: [&[(&str, &str)]; 6] = [
        &[("protocol.recovery", "Forward")],
        &[("protocol.recovery", "Partial"), ("protocol.steps", KEPT)],
        &[("protocol.after_crash", "Compensate")],
        &[("protocol.lock", "Semantic")],
        &[("protocol.steps", NESTED), ("protocol.saga_timeout", "\"60ms\"")],
        &[("protocol.call", breaker)],
    ];
    for sets in settings {
        let (exercised, _) = hold(&scenario("swarm", sets), SEEDS / 10);
        println!("{sets:?}: {} seeds hold; exercised {exercised:?}", SEEDS / 10);
        assert!(exercised.values().all(|seeds| *seeds > 0), "{sets:?}: {exercised:?}");
    }
}

/// The scenario, and what is changed in it, in which nothing else does a step's work.
fn stage(step: &str) -> (&'static str, &'static [(&'static str, &'static str)]) {
    match step {
        "HoldSemanticLock" => ("semantic_lock", &[]),
        "ReleaseLock" => ("lock_is_given_back", &[]),
        "ForceEnd" => ("compensate_after_crash", &[]),
        "KeepUnanswered" => ("partial_keeps_what_answers_late", &[]),
        _ => ("swarm", &[]),
    }
}

fn falls(step: &StepInfo, judgements: &[Judgement]) -> bool {
    judgements.iter().any(|judgement| judgement.property == step.guards && violated(judgement))
}

/// The first seed in which a step's property falls.
fn first_fall(step: &StepInfo) -> Option<u64> {
    let (name, sets) = stage(step.name);
    let ablate = format!("[\"{}\"]", step.name);
    let sets = [&[("ablate", ablate.as_str())], sets].concat();
    let plan = scenario(name, &sets);
    let mut runner = plan.runner();
    (1..=ABLATED_SEEDS_MAX).find(|seed| falls(step, &runner.judge(Seed(*seed)).1))
}

#[test]
fn without_any_one_step_the_property_that_its_doc_names_falls() {
    let registry = Registry::built_in();
    let protocol = registry.protocols().find(|protocol| protocol.name() == "SagaOrchestration");
    let mut missed = Vec::new();
    for step in protocol.expect("it is built in").steps() {
        let Some(seed) = first_fall(step) else {
            missed.push(step.name);
            continue;
        };
        println!("{:22} {:28} falls first at seed {seed}", step.name, step.guards);
        let (name, sets) = stage(step.name);
        let whole = scenario(name, sets);
        let mut twin = whole.runner();
        for seed in 1..=seed {
            let (_, judgements) = twin.judge(Seed(seed));
            assert!(!falls(step, &judgements), "the twin falls at {seed}: {judgements:?}");
        }
    }
    assert!(missed.is_empty(), "nobody misses {missed:?}");
}
