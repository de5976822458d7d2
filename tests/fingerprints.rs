//! Fingerprints of real failures: an ablated step fails in few shapes, however many seeds fail.
//!
//! ```text
//!   swarm.ron, one step ablated × seeds ──▶ violations ──▶ fingerprints, counted
//! ```
//!
//! Which shapes there are is printed, not fixed: a better sentence may change them. What is fixed
//! is that they are few, and that no two shapes share a fingerprint.

use splitbrain::{
    base::{ids::Seed, text::source::Edited},
    checkers::Verdict,
    scenario::{
        load::{edit, load},
        plan::Plan,
        registry::Registry,
    },
    search::fingerprint::{Fingerprint, shape},
};
use std::collections::BTreeMap;

const SEEDS: u64 = if cfg!(debug_assertions) { 600 } else { 3_000 };

/// So many shapes one missing step may have, over all properties that it breaks.
const SHAPES_MAX: usize = 8;

fn without(step: &str) -> Plan {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/two_phase_commit/swarm.ron");
    let text = std::fs::read_to_string(path).expect("the scenario is there");
    let sets = [("ablate".to_owned(), format!("[\"{step}\"]"))];
    let edited: Edited = edit(&text, &sets).expect("the path exists");
    load(&Registry::built_in(), "swarm", &edited).expect("the scenario is sound")
}

#[test]
fn an_ablated_step_fails_in_few_shapes() {
    let registry = Registry::built_in();
    let protocol = registry.protocols().find(|protocol| protocol.name() == "TwoPhaseCommit");
    for step in protocol.expect("it is built in").steps() {
        let plan = without(step.name);
        let mut runner = plan.runner();
        let mut found: BTreeMap<Fingerprint, (String, u64)> = BTreeMap::new();
        for seed in 1..=SEEDS {
            for judgement in runner.judge(Seed(seed)).1 {
                let Some(fingerprint) = Fingerprint::of(&judgement, &plan.catalog) else {
                    continue;
                };
                let Verdict::Violated(witness) = &judgement.verdict else { continue };
                let shape = shape(witness, &plan.catalog);
                let known = found.entry(fingerprint).or_insert((shape.clone(), 0));
                assert_eq!(known.0, shape, "two shapes share a fingerprint");
                known.1 += 1;
            }
        }
        println!("{}: {} fingerprints", step.name, found.len());
        for (fingerprint, (shape, count)) in &found {
            println!("  {fingerprint} {count:5}  {shape}");
        }
        assert!(found.len() <= SHAPES_MAX, "{} has {} shapes", step.name, found.len());
    }
}
