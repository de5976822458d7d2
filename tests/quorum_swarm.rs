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

#[path = "common/pattern.rs"]
mod pattern;

use pattern::{Pattern, SEEDS, falls, hold};
use splitbrain::base::ids::Seed;

const QUORUM: Pattern = Pattern { folder: "quorum", protocol: "Quorum" };

#[test]
fn an_abd_register_stays_linearizable_and_everything_is_put_to_the_test() {
    let held = hold(&QUORUM.scenario("swarm", &[]), SEEDS);
    held.assert_exercised(3, SEEDS * 9 / 10).assert_effective(7, SEEDS / 20);
    held.assert_crashes_inside(SEEDS / 2, SEEDS / 10);
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

#[test]
fn without_any_one_step_the_property_that_its_doc_names_falls() {
    QUORUM.assert_every_step_bears_load(stage);
}

#[test]
fn where_replicas_do_not_compare_reads_never_come_to_agree() {
    let plan = QUORUM.scenario("reads_converge", &[("ablate", "[\"Compare\"]")]);
    let mut runner = plan.runner();
    for seed in 1..=20 {
        let (_, judgements) = runner.judge(Seed(seed));
        assert!(falls("convergence", &judgements), "seed {seed}");
    }
}

/// Every scenario of the pattern, far beyond the few seeds that show it.
#[test]
#[cfg_attr(debug_assertions, ignore = "long; run it with --release")]
fn every_scenario_breaks_only_what_it_says_it_breaks_in_many_seeds() {
    QUORUM.assert_scenarios_break_only_what_they_say(SEEDS / 10);
}

#[test]
#[ignore = "minutes: cargo test --release --test quorum_swarm -- --ignored"]
fn every_scenario_breaks_only_what_it_says_it_breaks_in_ten_thousand_seeds() {
    QUORUM.assert_scenarios_break_only_what_they_say(SEEDS);
}
