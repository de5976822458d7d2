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

#[path = "common/pattern.rs"]
mod pattern;

use pattern::{Pattern, SEEDS, falls, hold};
use splitbrain::{
    base::{ids::Seed, text::source::Edited},
    engine::trace::Recording,
    explore::{
        breadth_first::{Options, breadth_first},
        world::{Budgets, Network, WorldModel, WorldOptions},
    },
    scenario::{load::load, plan::Plan, registry::Registry, run::Run},
};
use std::ops::ControlFlow;

const KEYS: Pattern = Pattern { folder: "idempotency_key", protocol: "IdempotencyKey" };

fn assert_swarm_holds(name: &str) {
    let held = hold(&KEYS.scenario(name, &[]), SEEDS);
    held.assert_exercised(7, SEEDS * 9 / 10).assert_effective(7, SEEDS / 20);
    held.assert_crashes_inside(SEEDS / 2, SEEDS / 10);
}

#[test]
fn every_key_of_the_swarm_is_charged_once_and_everything_is_put_to_the_test() {
    assert_swarm_holds("swarm");
}

#[test]
fn so_it_is_where_a_provider_charges() {
    assert_swarm_holds("swarm_provider");
}

/// The scenario in which nothing else does a step's work.
fn stage(step: &str) -> &'static str {
    match step {
        // Where the provider honours keys, it does the work of a reservation.
        "ReserveFirst" => "provider_ignores_keys_and_nothing_fails",
        "DeriveKey"
        | "ExpireReservation"
        | "SayInProgress"
        | "RememberOnlyAnswers"
        | "ForceBooking" => "swarm_provider",
        _ => "swarm",
    }
}

#[test]
fn without_any_one_step_the_property_that_its_doc_names_falls() {
    KEYS.assert_every_step_bears_load(stage);
}

/// Every scenario of the pattern, far beyond the few seeds that show it.
#[test]
fn every_scenario_breaks_only_what_it_says_it_breaks_in_many_seeds() {
    KEYS.assert_scenarios_break_only_what_they_say(SEEDS / 10);
}

/// Distinct states, generated ones, depth: of all orders, none of which breaks anything.
fn explore(name: &str, operations: usize, budgets: Budgets) -> (u32, u64, u32) {
    let plan = KEYS.scenario(name, &[]);
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

#[test]
fn small_configurations_are_exhausted_and_no_order_of_events_breaks_them() {
    assert_eq!(explore("small_key", 3, budgets(0, 0)), (10_562, 24_408, 28));
    assert_eq!(explore("small_key", 2, budgets(1, 1)), (29_099, 96_931, 29));
    assert_eq!(explore("small_reservation", 2, budgets(0, 1)), (2_423, 5_207, 34));
    assert_eq!(explore("small_reservation", 2, budgets(1, 1)), (221_242, 746_174, 42));
}

#[test]
#[cfg_attr(debug_assertions, ignore = "long; run it with --release")]
fn three_requests_are_exhausted_with_a_crash() {
    assert_eq!(explore("small_key", 3, budgets(1, 0)), (2_220_168, 9_387_527, 40));
}

/// What falls in the small model, if anything, when a step is left out.
fn falls_in_the_model(name: &str, step: &str, operations: usize, budgets: Budgets) -> bool {
    let ablate = format!("[\"{step}\"]");
    let plan = KEYS.scenario(name, &[("ablate", ablate.as_str())]);
    let options =
        WorldOptions { network: Network::Multiset, budgets, operations, ..WorldOptions::default() };
    let model = WorldModel::new(&plan, options);
    let search = Options { states_max: 5_000_000, ..Options::default() };
    let report = breadth_first(&model, &search, &mut |_| ControlFlow::Continue(())).report;
    !report.violations.is_empty()
}

#[test]
fn the_small_models_miss_the_steps_that_races_need() {
    assert!(falls_in_the_model("small_key", "CompareVersion", 2, budgets(0, 0)));
    assert!(falls_in_the_model("small_key", "CompareBody", 3, budgets(0, 0)));
    assert!(falls_in_the_model("small_reservation", "SayInProgress", 2, budgets(0, 1)));
    assert!(falls_in_the_model("small_reservation", "DeriveKey", 2, budgets(0, 1)));
}

/// One charge over links to and from servers that lose; the others lose nothing.
fn one_charge(keys: &str, (request_loss, answer_loss): (u32, u32)) -> Plan {
    let link = |from: &str, to: &str, loss: u32| {
        format!(r#"(from: "{from}", to: "{to}", loss: "{loss}%")"#)
    };
    let links: Vec<String> = ["server1", "server2"]
        .iter()
        .flat_map(|server| {
            [link("front1", server, request_loss), link(server, "front1", answer_loss)]
        })
        .collect();
    let text = format!(
        r#"Scenario(
            title: "one charge",
            protocol: IdempotencyKey(fronts: 1, keys: {keys}, call: (timeout: "60ms", attempts_max: 1)),
            network: (latency: Fixed("1ms"), links: [{}]),
            workload: Requests([(at: "0ms", ask: Charge(key: 7, amount: 10))]),
            patience: "60s",
            checks: [Idempotency],
            run: (for: "60s"),
        )"#,
        links.join(", ")
    );
    load(&Registry::built_in(), "one", &Edited::new(text)).expect("it is sound")
}

/// Front requests sent, requests that reached a server, and charges, of one run each.
fn counted(run: &Run) -> [u64; 3] {
    let catalog = &run.catalog;
    let place = |names: &[&str], wanted: &str| {
        names.iter().position(|name| *name == wanted).expect("it is there")
    };
    let labels: Vec<&str> = catalog.messages.names().iter().map(|name| &**name).collect();
    let roles: Vec<&str> = catalog.roles.clone();
    let sent =
        |role, label| run.counters.messages_of(place(&roles, role), place(&labels, label)).sent;
    let charges = run.judgements.iter().find(|one| one.property == "idempotency.one_charge");
    [
        sent("front", "Front.Request"),
        sent("server", "Front.Response"),
        charges.expect("it is judged").exercised,
    ]
}

/// Requests are lost with probability a, answers with b: a front sends 1/((1-a)(1-b)) times, 1/(1-b)
/// of its requests arrive, and without a key each of them is a charge: a share of b is charged twice
/// or more. With a key none is. Within four standard deviations.
#[test]
fn sends_deliveries_and_double_charges_equal_their_closed_forms() {
    const RUNS: u64 = 4_000;
    let n = RUNS as f64;
    for (a, b) in [(10, 10), (20, 5), (0, 30)] {
        for keys in ["Nothing", "Database"] {
            let plan = one_charge(keys, (a, b));
            let runner = plan.runner();
            let (mut sums, mut doubled) = ([0_u64; 3], 0);
            let mut runner = runner;
            for seed in 1..=RUNS {
                let run = runner.run(Seed(seed), Recording::HashOnly);
                assert_eq!(run.counters.operations.ok, 1, "{keys} {a} {b} @{seed}");
                let counts = counted(&run);
                sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
                doubled += u64::from(counts[2] > 1);
            }
            let (a, b) = (f64::from(a) / 100.0, f64::from(b) / 100.0);
            // Attempts until one succeeds with probability p: mean 1/p, variance (1-p)/p².
            let fits = |sum: u64, p: f64| {
                let (mean, deviation) = (1.0 / p, ((1.0 - p) / (p * p) / n).sqrt());
                let found = sum as f64 / n;
                assert!((found - mean).abs() <= 4.0 * deviation, "{keys}: {found} for {mean}");
            };
            fits(sums[0], (1.0 - a) * (1.0 - b));
            fits(sums[1], 1.0 - b);
            if keys == "Nothing" {
                assert_eq!(sums[2], sums[1], "each arrival is a charge");
                let error = 4.0 * (b * (1.0 - b) / n).sqrt();
                assert!((doubled as f64 / n - b).abs() <= error, "{doubled} of {n} for {b}");
            } else {
                assert_eq!((sums[2], doubled), (RUNS, 0));
            }
        }
    }
}

/// A key lives for w and is asked for again after D: a duplicate if D > w, and only then. The sweep
/// looks every millisecond, and everything else takes a few.
#[test]
fn a_repeat_is_a_duplicate_exactly_when_it_comes_later_than_the_key_lives() {
    for (life, after) in [(50, 30), (50, 45), (50, 65), (200, 190), (200, 215), (1_000, 990)] {
        let text = format!(
            r#"Scenario(
                title: "a repeat",
                protocol: IdempotencyKey(key_life: "{life}ms", sweep_interval: "1ms"),
                network: (latency: Fixed("1ms")),
                workload: Requests([
                    (at: "0ms", ask: Charge(key: 7, amount: 10)),
                    (at: "{after}ms", ask: Charge(key: 7, amount: 10)),
                ]),
                checks: [Idempotency],
                run: (for: "3s"),
            )"#
        );
        let plan = load(&Registry::built_in(), "repeat", &Edited::new(text)).expect("it is sound");
        let run = plan.runner().run(Seed(1), Recording::HashOnly);
        let doubled = falls("idempotency.one_charge", &run.judgements);
        assert_eq!(doubled, after > life, "a key of {life} ms, a repeat after {after} ms");
    }
}
