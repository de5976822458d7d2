//! Idempotency keys: two swarms, every step left out, every order of a small one, and closed forms.
//!
//! ```text
//!   swarm.ron, swarm_provider.ron × seeds ──▶ all holds, all exercised, each fault class effective
//!   a scenario per step × seeds, the step left out ──▶ the property that its doc names falls
//!   small_key.ron, small_reservation.ron ──explore──▶ exhausted, golden counts
//!   losses of requests and answers ──▶ sends, deliveries and double charges as the closed forms say
//! ```
//!
//! Optimized, ten thousand seeds are proved; without optimization a twentieth of them. Each step that
//! is left out is also run against its twin, the same seeds with the step kept, which must be green.
//! Counts of states were read off and change with the protocol; whoever changes one should be able to
//! say which.

use splitbrain::{
    base::{ids::Seed, text::source::Edited},
    checkers::{Judgement, Verdict},
    engine::{protocol::StepInfo, trace::Recording},
    explore::{
        breadth_first::{Options, breadth_first},
        world::{Budgets, Network, WorldModel, WorldOptions},
    },
    scenario::{
        load::{edit, load},
        plan::Plan,
        registry::Registry,
        run::Run,
    },
};
use std::{collections::BTreeMap, ops::ControlFlow};

const SEEDS: u64 = if cfg!(debug_assertions) { 500 } else { 10_000 };
const ABLATED_SEEDS_MAX: u64 = 3_000;

fn folder() -> String {
    format!("{}/scenarios/idempotency_key", env!("CARGO_MANIFEST_DIR"))
}

fn scenario(name: &str, sets: &[(&str, &str)]) -> Plan {
    let text = std::fs::read_to_string(format!("{}/{name}.ron", folder()));
    let sets: Vec<(String, String)> =
        sets.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect();
    let edited: Edited = edit(&text.expect("it is there"), &sets).expect("the paths exist");
    load(&Registry::built_in(), name, &edited).expect("the scenario is sound")
}

fn violated(judgement: &Judgement) -> bool {
    matches!(judgement.verdict, Verdict::Violated(_))
}

fn swarm_holds(name: &str) {
    let plan = scenario(name, &[]);
    let mut runner = plan.runner();
    let mut exercised: BTreeMap<&str, u64> = BTreeMap::new();
    let mut effective: BTreeMap<String, u64> = BTreeMap::new();
    let (mut cut_handlers, mut during_force) = (0, 0);
    for seed in 1..=SEEDS {
        let (_, judgements) = runner.judge(Seed(seed));
        for judgement in &judgements {
            let sound = matches!(judgement.verdict, Verdict::Holds | Verdict::NotExercised);
            assert!(sound, "{name}@{seed}: {judgement:?}");
            *exercised.entry(judgement.property).or_default() += u64::from(judgement.exercised > 0);
        }
        for rule in runner.rules() {
            *effective.entry(rule.id).or_default() += u64::from(rule.counts.effects > 0);
        }
        let nodes = &runner.simulation().counters().nodes;
        cut_handlers += nodes.cut_handlers;
        during_force += nodes.during_force;
    }
    println!("{name}: {SEEDS} seeds hold; exercised {exercised:?}; effective {effective:?}");
    println!("{cut_handlers} crashes between two effects, {during_force} during a force");
    assert_eq!(exercised.len(), 7);
    assert!(exercised.values().all(|seeds| *seeds > SEEDS * 9 / 10), "{exercised:?}");
    assert!(effective.values().all(|seeds| *seeds > SEEDS / 20), "{effective:?}");
    assert!(cut_handlers > SEEDS / 2 && during_force > SEEDS / 10);
}

#[test]
fn every_key_of_the_swarm_is_charged_once_and_everything_is_put_to_the_test() {
    swarm_holds("swarm");
}

#[test]
fn so_it_is_where_a_provider_charges() {
    swarm_holds("swarm_provider");
}

/// The scenario in which nothing else does a step's work.
fn stage(step: &str) -> &'static str {
    match step {
        // Where the provider honours keys, it does the work of a reservation.
        "ReserveFirst" => "provider_ignores_keys_and_nothing_fails",
        "DeriveKey" | "ExpireReservation" | "SayInProgress" | "RememberOnlyAnswers"
        | "ForceBooking" => "swarm_provider",
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
    let protocol = registry.protocols().find(|protocol| protocol.name() == "IdempotencyKey");
    let mut missed = Vec::new();
    for step in protocol.expect("it is built in").steps() {
        let Some(seed) = first_fall(step) else {
            missed.push(step.name);
            continue;
        };
        println!("{:22} {:32} falls first at seed {seed}", step.name, step.guards);
        let whole = scenario(stage(step.name), &[]);
        let mut twin = whole.runner();
        for seed in 1..=seed {
            let (_, judgements) = twin.judge(Seed(seed));
            assert!(!falls(step, &judgements), "the twin falls at {seed}: {judgements:?}");
        }
    }
    assert!(missed.is_empty(), "nobody misses {missed:?}");
}

/// Every scenario of the pattern, far beyond the few seeds that show it.
#[test]
fn every_scenario_breaks_only_what_it_says_it_breaks_in_many_seeds() {
    for entry in std::fs::read_dir(folder()).expect("it is there") {
        let file = entry.expect("it can be listed").file_name().into_string();
        let file = file.expect("names are ASCII");
        let Some(name) = file.strip_suffix(".ron").filter(|name| !name.starts_with("swarm")) else {
            continue;
        };
        let plan = scenario(name, &[]);
        let expected = plan.expect.violations();
        let mut runner = plan.runner();
        for seed in 1..=SEEDS / 10 {
            let (_, judgements) = runner.judge(Seed(seed));
            let unexpected = judgements
                .iter()
                .find(|judgement| violated(judgement) && !expected.contains(&judgement.property));
            assert!(unexpected.is_none(), "{name}@{seed}: {unexpected:?}");
        }
    }
}

/// Distinct states, generated ones, depth: of all orders, none of which breaks anything.
fn explore(name: &str, operations: usize, budgets: Budgets) -> (u32, u64, u32) {
    let plan = scenario(name, &[]);
    let options =
        WorldOptions { network: Network::Multiset, budgets, operations, ..WorldOptions::default() };
    let model = WorldModel::new(&plan, options);
    let search = Options { states_max: 50_000_000, ..Options::default() };
    let report = breadth_first(&model, &search, &mut |_| ControlFlow::Continue(())).report;
    assert_eq!(model.refused(), None);
    assert!(report.is_exhausted() && report.violations.is_empty(), "{:?}", report.violations);
    (report.distinct, report.generated, report.depth())
}

fn budgets(crashes: u16, firings: u32) -> Budgets {
    Budgets { crashes, losses: 0, duplicates: 0, firings: Some(firings) }
}
