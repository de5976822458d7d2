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

#[path = "common/pattern.rs"]
mod pattern;

use pattern::{Pattern, SEEDS, hold};

const SAGAS: Pattern = Pattern { folder: "saga_orchestration", protocol: "SagaOrchestration" };

#[test]
fn every_saga_ends_whole_or_undone_and_everything_is_put_to_the_test() {
    let held = hold(&SAGAS.scenario("swarm", &[]), SEEDS);
    held.assert_exercised(8, SEEDS * 9 / 10).assert_effective(7, SEEDS / 20);
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
        println!("{sets:?}");
        hold(&SAGAS.scenario("swarm", sets), SEEDS / 10).assert_exercised(8, 0);
    }
}

/// The scenario in which nothing else does a step's work.
fn stage(step: &str) -> &'static str {
    match step {
        "HoldSemanticLock" => "semantic_lock",
        "ReleaseLock" => "lock_is_given_back",
        "ForceEnd" => "compensate_after_crash",
        "KeepUnanswered" => "partial_keeps_what_answers_late",
        _ => "swarm",
    }
}

#[test]
fn without_any_one_step_the_property_that_its_doc_names_falls() {
    SAGAS.assert_every_step_bears_load(stage);
}
