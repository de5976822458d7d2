//! Orchestrated sagas: every order of a small one, their costs and chances, and how they read.
//!
//! ```text
//!   small_saga.ron ──explore──▶ exhausted, golden counts
//!   chains of n steps ──▶ messages and successes equal their closed forms
//!   backward_recovery.ron ──timeline──▶ forward, the turn, and back in reverse
//!   one switch per countermeasure × seeds ──▶ anomalies before and after, and the price
//! ```
//!
//! Optimized, anomalies are counted over a thousand seeds, else over a tenth of them. Counts of
//! states were read off and change with the protocol; whoever changes one should be able to say why.

#[path = "common/pattern.rs"]
mod pattern;

use pattern::{falls, is_violated, scenario};
use splitbrain::{
    base::{ids::Seed, text::source::Edited},
    engine::trace::Recording,
    explore::{
        breadth_first::{Options, breadth_first},
        world::{Budgets, Network, WorldModel, WorldOptions},
    },
    scenario::{load::load, registry::Registry, run::Run},
};
use std::{ops::ControlFlow, process::Command};

/// States, generated states and depth of the small saga.
fn explore(
    sets: &[(&str, &str)],
    operations: usize,
    [crashes, losses, duplicates, firings]: [u16; 4],
) -> (u32, u64, u32) {
    let plan = scenario("saga_orchestration/small_saga", sets);
    let budgets = Budgets { crashes, losses, duplicates, firings: Some(firings.into()) };
    let options =
        WorldOptions { network: Network::Multiset, budgets, operations, ..WorldOptions::default() };
    let model = WorldModel::new(&plan, options);
    let search = Options { states_max: 50_000_000, ..Options::default() };
    let report = breadth_first(&model, &search, &mut |_| ControlFlow::Continue(())).report;
    assert_eq!(model.refused(), None);
    assert!(report.is_exhausted() && report.violations.is_empty(), "{:?}", report.violations);
    (report.distinct, report.generated, report.depth())
}

#[test]
fn a_small_saga_is_exhausted_and_no_order_of_events_breaks_it() {
    assert_eq!(explore(&[], 1, [0, 0, 0, 0]), (28, 28, 17));
    assert_eq!(explore(&[], 2, [0, 0, 0, 0]), (11_963, 18_077, 33));
    assert_eq!(explore(&[], 1, [1, 0, 1, 1]), (3_779, 11_023, 21));
}

#[test]
#[cfg_attr(debug_assertions, ignore = "long; run it with --release")]
fn two_small_sagas_are_exhausted_with_a_crash_a_copy_and_a_timeout() {
    assert_eq!(explore(&[], 2, [1, 0, 0, 0]), (437_201, 1_144_332, 37));
    assert_eq!(explore(&[], 1, [2, 0, 1, 2]), (57_092, 258_927, 25));
}

/// A row of n steps.
fn chain(n: u64) -> String {
    let step = |k: u64| match k {
        0 => r#"(name: "s0", service: Order)"#.to_owned(),
        k => format!(r#"(name: "s{k}", service: Order, after: ["s{}"])"#, k - 1),
    };
    format!("[{}]", (0..n).map(step).collect::<Vec<_>>().join(", "))
}

/// One order in a world without faults.
fn one_order(steps: &str, refuse: &str) -> Run {
    let text = format!(
        r#"Scenario(
            title: "one order",
            protocol: SagaOrchestration(steps: {steps}, refuse: {refuse}),
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

fn messages(run: &Run) -> u64 {
    let (roles, labels) = (run.catalog.roles.len(), run.catalog.messages.names().len());
    let all = (0..roles).flat_map(|role| (0..labels).map(move |label| (role, label)));
    all.map(|(role, label)| run.counters.messages_of(role, label).sent).sum()
}

/// A row of n steps that succeeds costs a request and an answer each: 2n. Where the k-th step
/// refuses, k were asked and k − 1 are undone: 2k + 2(k − 1).
#[test]
fn messages_equal_the_closed_form() {
    for n in [1, 2, 3, 5, 8, 13] {
        let run = one_order(&chain(n), "Never");
        assert_eq!((run.counters.operations.ok, messages(&run)), (1, 2 * n), "{n} steps");
        for k in 1..=n {
            let run = one_order(&chain(n), &format!(r#"Always(["s{}"])"#, k - 1));
            assert_eq!(messages(&run), 2 * k + 2 * (k - 1), "{n} steps, the {k}th refuses");
            assert_eq!(run.counters.operations.not_done, 1);
        }
    }
    let run = one_order(
        r#"[(name: "order", service: Order), (name: "goods", service: Inventory, after: ["order"]),
            (name: "money", service: Payment, after: ["order"]),
            (name: "parcel", service: Shipping, after: ["goods", "money"], kind: Pivot),
            (name: "letter", service: Notification, after: ["parcel"], kind: Retriable)]"#,
        "Never",
    );
    assert_eq!(messages(&run), 10, "five steps, two of them side by side");
}

/// Where each of n steps refuses with probability p, a share of (1 − p)^n succeeds.
#[test]
fn successes_equal_the_closed_form() {
    for (n, percent) in [(1, 30), (2, 10), (3, 30), (5, 10), (8, 5)] {
        let text = format!(
            r#"Scenario(
                title: "a row of steps",
                protocol: SagaOrchestration(steps: {}, refuse: Chance("{percent}%")),
                network: (latency: Uniform("1ms", "3ms")),
                disk: (force: Fixed("10us")),
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
        let expected = (1.0 - f64::from(percent) / 100.0).powi(n as i32);
        let error = (expected * (1.0 - expected) / all).sqrt();
        let share = ok / all;
        assert!((share - expected).abs() <= 4.0 * error, "{n} {percent}: {share} {expected}");
    }
}

/// What is logged, by whom, line by line of the timeline.
fn logged() -> Vec<String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_splitbrain"));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    let scenario = "scenarios/saga_orchestration/no_goods.ron";
    let output = command.args(["run", scenario, "--trace"]).output().expect("it runs");
    let text = String::from_utf8(output.stdout).expect("it is text");
    let logs = |line: &str| {
        let (place, record) = line.split_once("  forces ").or(line.split_once("  writes "))?;
        Some(format!("{} {record}", place.split_whitespace().last()?))
    };
    text.lines().filter_map(logs).collect()
}

#[test]
fn the_timeline_of_a_compensated_saga_reads_like_the_table_of_a_textbook() {
    let table = [
        "orchestrator saga 1 goes on: called, waits, waits, waits, waits",
        "order did step 0 of saga 1",
        "orchestrator saga 1 goes on: done, called, called, waits, waits",
        "inventory refused step 1 of saga 1",
        "payment did step 2 of saga 1; balance 10 by -5; balance 11 by +5",
        "orchestrator saga 1 goes back: done, refused, called, waits, waits",
        "payment undid step 2 of saga 1; balance 10 by +5; balance 11 by -5",
        "orchestrator saga 1 goes back: done, refused, undone, waits, waits",
        "order undid step 0 of saga 1",
        "orchestrator saga 1 goes back: undone, refused, undone, waits, waits; compensated",
    ];
    assert_eq!(logged(), table);
}

/// What a variant does to sagas that share their goods, over many seeds.
#[derive(Debug)]
struct Anomalies {
    dirty_reads: Share,
    lost_updates: Share,
    done: f64,
    latency_ms: f64,
    messages: f64,
}

/// How many of how many.
#[derive(Clone, Copy, Debug, Default)]
struct Share {
    hits: u64,
    of: u64,
}

impl Share {
    fn rate(self) -> f64 {
        self.hits as f64 / self.of as f64
    }

    /// From a note such as `3 dirty reads of 70`.
    fn add(&mut self, note: &str) {
        let numbers: Vec<u64> = note.split(' ').filter_map(|word| word.parse().ok()).collect();
        let [hits, of] = numbers[..] else { panic!("{note}") };
        (self.hits, self.of) = (self.hits + hits, self.of + of);
    }
}

const ANOMALY_SEEDS: u64 = if cfg!(debug_assertions) { 100 } else { 1_000 };

fn anomalies(sets: &[(&str, &str)]) -> Anomalies {
    let plan = scenario("saga_orchestration/lost_update", &[&[("expect", "Holds")], sets].concat());
    let mut runner = plan.runner();
    let [mut dirty_reads, mut lost_updates] = [Share::default(); 2];
    let (mut done, mut asked, mut sent, mut waited, mut heard) = (0, 0, 0, 0.0, 0);
    for seed in 1..=ANOMALY_SEEDS {
        let run = runner.run(Seed(seed), Recording::HashOnly);
        for judgement in &run.judgements {
            match judgement.property {
                "saga.dirty_read" => dirty_reads.add(&judgement.note),
                "saga.lost_update" => lost_updates.add(&judgement.note),
                "saga.balance" => {}
                _ => assert!(!is_violated(judgement), "{sets:?} seed {seed}: {judgement:?}"),
            }
        }
        (done, asked) =
            (done + run.counters.operations.ok, asked + run.counters.operations.invoked);
        sent += messages(&run);
        for entry in &run.history {
            if let Some((at, _)) = entry.ending {
                heard += 1;
                waited += at.saturating_since(entry.invoked_at).as_nanos() as f64 / 1e6;
            }
        }
    }
    Anomalies {
        dirty_reads,
        lost_updates,
        done: done as f64 / asked as f64,
        latency_ms: waited / f64::from(heard),
        messages: sent as f64 / asked as f64,
    }
}

/// The goods are reserved last, when nothing but the goods themselves can fail before the pivot.
const PESSIMISTIC: &str = r#"[
    (name: "order", service: Order),
    (name: "parcel", service: Shipping, after: ["order"]),
    (name: "letter", service: Notification, after: ["parcel"]),
    (name: "money", service: Payment, after: ["letter"]),
    (name: "goods", service: Inventory, after: ["money"], kind: Pivot),
]"#;

#[test]
fn each_countermeasure_lowers_its_anomaly_and_has_its_price() {
    let parked = r#"(timeout: "20ms", attempts_max: 3)"#;
    let table = [
        ("none", anomalies(&[])),
        ("commutative update", anomalies(&[("protocol.update", "Commutative")])),
        (
            "reread value",
            anomalies(&[("protocol.update", "Reread"), ("protocol.compensation", parked)]),
        ),
        ("semantic lock", anomalies(&[("protocol.lock", "Semantic")])),
        (
            "by value",
            anomalies(&[("protocol.lock", "ByValue(10)"), ("workload.quantity_max", "3")]),
        ),
        ("none, by value", anomalies(&[("workload.quantity_max", "3")])),
        ("pessimistic view", anomalies(&[("protocol.steps", PESSIMISTIC)])),
    ];
    for (name, row) in &table {
        println!(
            "{name:20} dirty reads {:6.2} % · lost updates {:6.2} % · done {:5.1} % · {:5.1} ms · {:5.1} messages",
            100.0 * row.dirty_reads.rate(),
            100.0 * row.lost_updates.rate(),
            100.0 * row.done,
            row.latency_ms,
            row.messages
        );
    }
    let [none, commutative, reread, lock, by_value, all_values, pessimistic] =
        table.map(|(_, row)| row);
    assert!(none.dirty_reads.rate() > 0.1 && none.lost_updates.rate() > 0.1, "{none:?}");
    assert_eq!(commutative.lost_updates.hits, 0);
    assert_eq!(reread.lost_updates.hits, 0);
    assert_eq!((lock.dirty_reads.hits, lock.lost_updates.hits), (0, 0));
    assert!(lock.done < none.done, "who meets a lock is refused");
    assert!(by_value.dirty_reads.rate() < all_values.dirty_reads.rate() / 2.0);
    assert!(pessimistic.dirty_reads.rate() < none.dirty_reads.rate() / 2.0);
    assert!(pessimistic.latency_ms > none.latency_ms, "what ran side by side runs in a row");
}

/// Sagas of which a compensation overtakes its step, and what becomes of them.
#[test]
fn a_version_file_keeps_what_comes_late_from_standing() {
    let late = |sets: &[(&str, &str)]| {
        let plan = scenario("saga_orchestration/compensation_overtakes_its_step", sets);
        let mut runner = plan.runner();
        let broken = (1..=ANOMALY_SEEDS).filter(|seed| {
            let (_, judgements) = runner.judge(Seed(*seed));
            falls("saga.termination", &judgements)
        });
        broken.count()
    };
    let without = late(&[("ablate", "[\"LeaveTombstone\"]")]);
    println!("late steps stand in {without} of {ANOMALY_SEEDS} seeds without it");
    assert_eq!(late(&[]), 0);
    assert!(without as u64 > ANOMALY_SEEDS / 2, "{without}");
}
