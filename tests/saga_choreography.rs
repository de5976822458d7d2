//! Choreographed sagas: the swarm, every step left out, every order of a small one, and their costs.
//!
//! ```text
//!   swarm.ron × seeds ──▶ all holds, all exercised, each fault class effective
//!   a scenario per step × seeds, the step left out ──▶ the property that its doc names falls
//!   small_saga.ron ──explore──▶ exhausted, golden counts
//!   chains of n steps ──▶ messages and successes equal their closed forms
//! ```
//!
//! Optimized, ten thousand seeds are proved; without optimization a twentieth of them. Each step that
//! is left out is also run against its twin, the same seeds with the step kept, which must be green.
//! Counts of states were read off and change with the protocol and with the broker; whoever changes
//! one should be able to say which.

#[path = "common/pattern.rs"]
mod pattern;

use pattern::{Pattern, SEEDS, hold, is_violated};
use splitbrain::{
    base::{ids::Seed, text::source::Edited},
    engine::trace::Recording,
    explore::{
        breadth_first::{Options, breadth_first},
        world::{Budgets, Network, WorldModel, WorldOptions},
    },
    scenario::{load::load, registry::Registry, run::Run},
};
use std::ops::ControlFlow;

const SAGAS: Pattern = Pattern { folder: "saga_choreography", protocol: "SagaChoreography" };

#[test]
fn every_saga_of_the_swarm_ends_as_it_says_and_everything_is_put_to_the_test() {
    let held = hold(&SAGAS.scenario("swarm", &[]), SEEDS);
    held.assert_exercised(8, SEEDS * 9 / 10).assert_effective(7, SEEDS / 20);
    held.assert_crashes_inside(SEEDS / 2, SEEDS / 10);
}

/// The scenario in which nothing else does a step's work.
fn stage(step: &str) -> &'static str {
    match step {
        "HearDeadLetters" => "poison_message", // Nothing else ends its sagas.
        "ForceDeadLetter" => "dead_letter_survives_a_crash",
        _ => "swarm",
    }
}

#[test]
fn without_any_one_step_the_property_that_its_doc_names_falls() {
    SAGAS.assert_every_step_bears_load(stage);
}

/// Every scenario of the pattern, far beyond the few seeds that show it.
#[test]
#[cfg_attr(debug_assertions, ignore = "long; run it with --release")]
fn every_scenario_breaks_only_what_it_says_it_breaks_in_many_seeds() {
    SAGAS.assert_scenarios_break_only_what_they_say(SEEDS / 10);
}

/// Distinct states, generated ones, depth: of all orders, none of which breaks anything.
fn explore(sets: &[(&str, &str)], operations: usize, budgets: Budgets) -> (u32, u64, u32) {
    let plan = SAGAS.scenario("small_saga", sets);
    let options =
        WorldOptions { network: Network::Multiset, budgets, operations, ..WorldOptions::default() };
    let model = WorldModel::new(&plan, options);
    let search = Options { states_max: 50_000_000, ..Options::default() };
    let report = breadth_first(&model, &search, &mut |_| ControlFlow::Continue(())).report;
    assert_eq!(model.refused(), None);
    assert!(report.is_exhausted() && report.violations.is_empty(), "{:?}", report.violations);
    (report.distinct, report.generated, report.depth())
}

fn budgets([crashes, losses, duplicates]: [u16; 3]) -> Budgets {
    Budgets { crashes, losses, duplicates, firings: Some(0) }
}

/// An order that is taken back at once.
const CANCELLED: (&str, &str) = (
    "workload",
    "Requests([(at: \"1ms\", ask: Own(kind: 1, key: 0, value: 1)), \
     (at: \"2ms\", ask: Own(kind: 2, key: 1, value: 0))])",
);

#[test]
fn a_small_saga_is_exhausted_and_no_order_of_events_breaks_it() {
    assert_eq!(explore(&[], 1, budgets([0, 0, 0])), (7_137, 18_012, 25));
}

#[test]
#[cfg_attr(debug_assertions, ignore = "long; run it with --release")]
fn a_small_saga_is_exhausted_with_a_copy_a_crash_and_a_cancellation() {
    assert_eq!(explore(&[], 1, budgets([0, 0, 1])), (169_115, 514_950, 28));
    assert_eq!(explore(&[], 1, budgets([1, 0, 0])), (674_247, 2_247_206, 32));
    assert_eq!(explore(&[CANCELLED], 2, budgets([0, 0, 0])), (3_741_397, 12_653_419, 35));
}

#[test]
#[ignore = "minutes and gigabytes: cargo test --release --test saga_choreography -- --ignored"]
fn a_saga_of_three_steps_is_exhausted_on_the_way_back() {
    let steps = r#"[(name: "order"), (name: "payment", action: Charge, after: ["order"]),
        (name: "shipping", after: ["payment"], kind: Pivot)]"#;
    let steps = ("protocol.steps", steps);
    let forward = [steps, ("protocol.refuse", "Never")];
    assert_eq!(explore(&forward, 1, budgets([0, 0, 0])), (274_163, 856_572, 35));
    let back = [steps, ("protocol.refuse", "Always([\"shipping\"])")];
    assert_eq!(explore(&back, 1, budgets([0, 0, 0])), (40_839_819, 141_495_484, 44));
}

/// One order in a world without faults.
fn one_order(steps: &str, refuse: &str) -> Run {
    let text = format!(
        r#"Scenario(
            title: "one order",
            protocol: SagaChoreography(steps: {steps}, refuse: {refuse}),
            network: (latency: Uniform("1ms", "3ms")),
            workload: Orders(operations_max: 1),
            checks: [Saga, Progress],
            run: (for: "1s", quiet_tail: "500ms"),
        )"#
    );
    let plan = load(&Registry::built_in(), "one", &Edited::new(text)).expect("it is sound");
    let run = plan.runner().run(Seed(1), Recording::Full);
    assert!(!run.judgements.iter().any(is_violated), "{:?}", run.judgements);
    run
}

/// Messages about events, not those by which consumers say that they are there.
fn messages(run: &Run) -> u64 {
    let catalog = &run.catalog;
    let about_events = |name: &str| {
        ["Publish", "Published", "Batch", "Ack"]
            .iter()
            .any(|kind| name.ends_with(&format!(".{kind}")))
    };
    let labels = catalog.messages.names().iter().enumerate();
    let labels = labels.filter(|(_, name)| about_events(name)).map(|(label, _)| label);
    let roles = 0..catalog.roles.len();
    labels
        .flat_map(|label| roles.clone().map(move |role| (role, label)))
        .map(|(role, label)| run.counters.messages_of(role, label).sent)
        .sum()
}

/// A row of n steps; the last one is the pivot.
fn chain(n: u64) -> String {
    let step = |k: u64| match k {
        0 => r#"(name: "s0")"#.to_owned(),
        k if k == n - 1 => format!(r#"(name: "s{k}", after: ["s{}"], kind: Pivot)"#, k - 1),
        k => format!(r#"(name: "s{k}", after: ["s{}"])"#, k - 1),
    };
    format!("[{}]", (0..n).map(step).collect::<Vec<_>>().join(", "))
}

/// Each event costs two messages at its producer and two at each of its consumers. A row of n steps
/// that succeeds has n events for one consumer each: 4n. Where step k refuses, k steps are done,
/// n − 1 − k are barred and k − 1 undone, and whoever is out tells its neighbours on both sides:
/// n + k − 1 events and 2n + k − 3 deliveries.
#[test]
fn messages_equal_the_closed_form() {
    for n in [2, 3, 4, 6, 9] {
        let run = one_order(&chain(n), "Never");
        assert_eq!((run.counters.operations.ok, messages(&run)), (1, 4 * n), "{n} steps");
        for k in 1..n {
            let run = one_order(&chain(n), &format!(r#"Always(["s{k}"])"#));
            let expected = 2 * (3 * n + 2 * k - 4);
            assert_eq!(messages(&run), expected, "{n} steps, {k} refuses");
            assert_eq!(run.counters.operations.not_done, 1);
        }
    }
    let run = one_order(
        r#"[(name: "order"), (name: "inventory", action: Reserve, after: ["order"]),
            (name: "payment", action: Charge, after: ["order"]),
            (name: "shipping", after: ["inventory", "payment"], kind: Pivot),
            (name: "notification", after: ["shipping"], kind: Retriable)]"#,
        "Never",
    );
    assert_eq!(messages(&run), 22, "five events, six deliveries");
}

/// Where each of n − 1 steps refuses with probability p, a share of (1 − p)^(n − 1) succeeds.
#[test]
fn successes_equal_the_closed_form() {
    for (n, percent) in [(2, 10), (3, 30), (5, 10), (6, 20)] {
        let text = format!(
            r#"Scenario(
                title: "a row of steps",
                protocol: SagaChoreography(steps: {}, refuse: Chance("{percent}%"),
                    // What overtakes waits for a retry; and a log that begins anew under load waits for
                    // all that is under way, after which every event has a force of its own.
                    broker: (partitions: 8, in_flight_max: 1, checkpoints: ByHost)),
                network: (latency: Uniform("1ms", "3ms")),
                workload: Orders(clients: 4, rate: "100/s", until: "10s"),
                checks: [Saga],
                run: (for: "12s", quiet_tail: "1s"),
            )"#,
            chain(n)
        );
        let plan = load(&Registry::built_in(), "row", &Edited::new(text)).expect("it is sound");
        let run = plan.runner().run(Seed(3), Recording::HashOnly);
        assert!(!run.judgements.iter().any(is_violated), "{:?}", run.judgements);
        let counts = &run.counters.operations;
        let (ok, all) = (counts.ok as f64, (counts.ok + counts.not_done) as f64);
        assert!(all > 3_900.0, "{counts:?}");
        let expected = (1.0 - f64::from(percent) / 100.0).powi(n as i32 - 1);
        let error = (expected * (1.0 - expected) / all).sqrt();
        assert!(
            (ok / all - expected).abs() <= 4.0 * error,
            "{n} {percent}: {} {expected}",
            ok / all
        );
    }
}
