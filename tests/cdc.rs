//! Change data capture: the swarm, every step left out, every order of a small table, and closed forms.
//!
//! ```text
//!   swarm.ron × seeds ──▶ all holds, all exercised, each fault class effective
//!   swarm.ron × seeds, a step left out ──▶ the property that its doc names falls
//!   small_table.ron ──explore──▶ exhausted, golden counts
//!   lag by links, forces and intervals · changes lost with the source · a log that is kept
//! ```
//!
//! Optimized, ten thousand seeds are proved; without optimization a twentieth of them. Each step that
//! is left out is also run against its twin, the same seeds with the step kept, which must be green.
//! Counts of states were read off and change with the protocol and with the broker; whoever changes
//! one should be able to say which.

#[path = "common/pattern.rs"]
mod pattern;

use pattern::{Pattern, SEEDS, hold};
use splitbrain::{
    base::{ids::Seed, text::source::Edited, time::Time},
    engine::{
        facts::Fact,
        signal::{Signal, What},
        world::Judge,
    },
    explore::{
        breadth_first::{Options, breadth_first},
        world::{Budgets, Network, WorldModel, WorldOptions},
    },
    scenario::{load::load, registry::Registry},
};
use std::{collections::BTreeMap, ops::ControlFlow};

const CDC: Pattern = Pattern { folder: "cdc", protocol: "Cdc" };

#[test]
fn copies_of_the_swarm_come_to_hold_what_the_source_holds_and_everything_is_put_to_the_test() {
    let held = hold(&CDC.scenario("swarm", &[]), SEEDS);
    held.assert_exercised(5, SEEDS * 9 / 10).assert_effective(7, SEEDS / 20);
}

#[test]
fn an_idempotent_producer_and_one_partition_survive_the_same_faults() {
    let settings: [&[(&str, &str)]; 2] = [
        &[("protocol.broker.producers", "Idempotent")],
        &[("protocol.broker.partitions", "1"), ("protocol.replicas", "1")],
    ];
    for sets in settings {
        println!("{sets:?}");
        hold(&CDC.scenario("swarm", sets), SEEDS / 10);
    }
}

#[test]
fn without_any_one_step_the_property_that_its_doc_names_falls() {
    CDC.assert_every_step_bears_load(|_| "swarm");
}

#[test]
fn every_scenario_breaks_what_it_says_and_nothing_else() {
    CDC.assert_scenarios_break_only_what_they_say(SEEDS / 10);
}

/// Distinct states, generated ones, depth: of all orders, none of which breaks anything.
fn explore(sets: &[(&str, &str)], operations: usize, bounds: [u16; 4]) -> (u32, u64, u32) {
    let plan = CDC.scenario("small_table", sets);
    let [crashes, losses, duplicates, firings] = bounds;
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
fn a_small_table_is_exhausted_with_a_crash_and_no_order_of_events_breaks_it() {
    assert_eq!(explore(&[], 1, [0, 0, 0, 0]), (1_601, 3_575, 32));
    assert_eq!(explore(&[], 2, [0, 0, 0, 0]), (68_581, 194_115, 45));
    assert_eq!(explore(&[], 1, [1, 0, 0, 0]), (96_821, 261_790, 41));
    assert_eq!(explore(&[], 1, [0, 0, 0, 1]), (46_127, 126_207, 39));
}

/// Commits and when they showed, counted apart from the judges.
#[derive(Default)]
struct Story {
    speaks_as: BTreeMap<u16, Option<u64>>,
    open: BTreeMap<(u32, u64), Time>,
    lags: Vec<u64>,
    kept: u64,
    /// What the log held when a node came back.
    kept_at_boot: u64,
}

impl Judge for Story {
    fn on_signal(&mut self, signal: &Signal) {
        if let What::Booted(_) = signal.what {
            self.kept_at_boot = self.kept;
        }
        let What::Stated(node, fact) = signal.what else { return };
        match fact {
            Fact::Commits { number, key, .. } => {
                self.speaks_as.insert(node.0, None);
                self.open.insert((key, number), signal.at);
            }
            Fact::Applied(number) => _ = self.speaks_as.insert(node.0, Some(number)),
            Fact::Holds { key, .. } | Fact::Lacks { key } => {
                let Some(Some(upto)) = self.speaks_as.get(&node.0).copied() else { return };
                let shown: Vec<_> = self.open.range((key, 0)..=(key, upto)).map(|e| *e.0).collect();
                for name in shown {
                    let since = self.open.remove(&name).expect("it was there");
                    self.lags.push(signal.at.saturating_since(since).as_nanos());
                }
            }
            Fact::Remembers(_) => self.kept += 1,
            Fact::Forgot(_) => self.kept -= 1,
            _ => {}
        }
    }
}

/// Rows of a large table, written at a rate; a link and a force take a millisecond each.
fn story(settings: &str, (rate, until, rest): (&str, &str, &str), seed: u64) -> Story {
    let text = format!(
        r#"Scenario(
            title: "rows of a large table",
            protocol: Cdc({settings}
                ask_interval: "1s",
                broker: (poll_interval: "1s", session_timeout: "5s", in_flight_max: 64)),
            network: (latency: Fixed("1ms"), client: (latency: Fixed("0s"))),
            disk: (force: Fixed("1ms")),
            workload: Rows(rate: "{rate}", keys: 100000, deletes: "0%", renames: "0%", until: "{until}"),
            checks: [],
            {rest}
        )"#
    );
    let plan = load(&Registry::built_in(), "table", &Edited::new(text)).expect("it is sound");
    let mut story = Story::default();
    plan.runner().judged_before(Seed(seed), &mut story);
    story
}

fn mean(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (mean, variance)
}

/// Three links and two forces where the log is tailed. Where the table is polled, every T, the next
/// poll comes evenly between nothing and T after a write is begun; one that comes while the write is
/// being forced, for f, waits for the disk and sees it. So it takes (T - f)²/2T more on average.
#[test]
fn the_lag_equals_the_closed_form() {
    let calm = ("2/s", "500s", r#"run: (for: "505s")"#);
    let milliseconds =
        |story: &Story| -> Vec<f64> { story.lags.iter().map(|lag| *lag as f64 / 1e6).collect() };
    let tailed = story("", calm, 1);
    assert!(tailed.open.is_empty());
    let lags = milliseconds(&tailed);
    let least = lags.iter().copied().fold(f64::MAX, f64::min);
    assert!((least - 5.0).abs() < 1e-6, "{least}");
    // A commit that comes while another one is under way waits for it.
    let prompt = lags.iter().filter(|lag| **lag < 5.000_001).count();
    assert!(prompt * 100 > lags.len() * 97, "{prompt} of {}", lags.len());
    for interval in [20.0, 100.0] {
        let polling = format!(r#"capture: Polling(by: Version, every: "{interval}ms"),"#);
        let polled = story(&polling, calm, 1);
        assert!(polled.open.is_empty());
        let lags = milliseconds(&polled);
        let (lag, _) = mean(&lags);
        let expected = (interval - 1.0_f64).powi(2) / (2.0 * interval) + 5.0;
        let error = interval / 12.0_f64.sqrt() / (lags.len() as f64).sqrt();
        println!("every {interval} ms: {lag:.3} ms, expected {expected} +- {error:.3}");
        assert!((lag - expected).abs() < 4.0 * error, "{lag} {expected} {error}");
    }
}

/// Whoever loses the source loses what was under way: writes at rate r, behind by L, are Poisson
/// with mean and variance rL.
#[test]
fn changes_lost_with_the_source_are_poisson_of_rate_times_lag() {
    const TRIALS: u64 = 400;
    let polled = r#"capture: Polling(by: Version, every: "100ms"), batch_max: 1000,"#;
    let lost: Vec<f64> = (1..=TRIALS)
        .map(|seed| {
            // The run ends here, and the source with it; polls come at multiples of 100 ms, so
            // what was committed in the last 55 ms and 5 ms of way shows nowhere.
            let end = r#"run: (for: "1956ms")"#;
            story(polled, ("100/s", "10s", end), seed).open.len() as f64
        })
        .collect();
    let (average, variance) = mean(&lost);
    println!("lost {average:.3}, variance {variance:.3}");
    let expected = 100.0 * 0.055;
    let error = (expected / TRIALS as f64).sqrt();
    assert!((average - expected).abs() < 4.0 * error, "{average} {expected}");
    let spread = variance / average;
    assert!((spread - 1.0).abs() < 4.0 * (2.0 / TRIALS as f64).sqrt(), "{spread}");
}

/// While nobody reads it, a log grows by what is written: looked at when the reader comes back.
#[test]
fn a_log_that_waits_for_its_reader_grows_by_rate_times_outage() {
    const TRIALS: u64 = 50;
    let kept = |down: &str| -> f64 {
        let rest = format!(
            r#"faults: [(id: "down", when: At("500ms"), do: Crash(node: Node("connector"), down: "{down}"))],
            run: (for: "4s", quiet_tail: "500ms")"#
        );
        let kept: Vec<f64> = (1..=TRIALS)
            .map(|seed| story("", ("100/s", "3s", &rest), seed).kept_at_boot as f64)
            .collect();
        mean(&kept).0
    };
    let (short, long) = (kept("500ms"), kept("1500ms"));
    println!("kept {short} and {long}");
    let error = (2.0 * 150.0 / TRIALS as f64).sqrt();
    assert!((long - short - 100.0).abs() < 4.0 * error, "{short} {long}");
}
