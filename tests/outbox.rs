//! The outbox: the swarm, every step left out, every order of a small one, and its two famous bugs.
//!
//! ```text
//!   swarm.ron × settings × seeds ──▶ all holds, all exercised, each fault class effective
//!   swarm.ron × seeds, a step left out ──▶ the property that its doc names falls, its twin holds
//!   small_outbox.ron ──explore──▶ exhausted, golden counts
//!   dual writes ──shrink──▶ one crash      the id gap ──▶ one event, and `why` names the cursor
//! ```
//!
//! Optimized, ten thousand seeds are proved; without optimization a twentieth of them. Counts of states
//! were read off and change with the protocol and with its blocks; whoever changes one should be able
//! to say which.

#[path = "common/pattern.rs"]
mod pattern;

use pattern::{Pattern, SEEDS, hold, is_violated};
use splitbrain::{
    base::ids::Seed,
    engine::{
        facts::Fact,
        signal::{Signal, What},
        world::Judge,
    },
    explore::{
        breadth_first::{Explored, Options, breadth_first},
        world::{Budgets, Network, WorldModel, WorldOptions},
    },
    scenario::{model::Do, plan::Plan, registry::Registry},
    search::{
        fingerprint::Fingerprint,
        shrink::{Seen, Shrunk, Tools, shrink},
        why::{Kind, Outcome, why},
    },
};
use std::{collections::BTreeSet, ops::ControlFlow};

const OUTBOX: Pattern = Pattern { folder: "outbox", protocol: "Outbox" };

#[test]
fn what_is_committed_takes_effect_once_and_everything_is_put_to_the_test() {
    let held = hold(&OUTBOX.scenario("swarm", &[]), SEEDS);
    held.assert_exercised(6, SEEDS * 9 / 10).assert_effective(7, SEEDS / 20);
}

#[test]
fn every_other_sound_setting_survives_the_same_faults() {
    let settings = [
        ("protocol.publish", r#"Tailing(interval: "50ms")"#),
        ("protocol.share", "Everything"),
        ("protocol.broker.producers", "Idempotent"),
    ];
    for set in settings {
        println!("{set:?}");
        hold(&OUTBOX.scenario("swarm", &[set]), SEEDS / 10).assert_exercised(6, SEEDS / 11);
    }
}

#[test]
fn without_any_one_step_the_property_that_its_doc_names_falls() {
    OUTBOX.assert_every_step_bears_load(|_| "swarm");
}

/// Every scenario of the pattern, far beyond the few seeds that show it.
#[test]
#[cfg_attr(debug_assertions, ignore = "long; run it with --release")]
fn every_scenario_breaks_only_what_it_says_it_breaks_in_many_seeds() {
    OUTBOX.assert_scenarios_break_only_what_they_say(SEEDS / 10);
}

fn explore(sets: &[(&str, &str)], operations: usize, [crashes, duplicates]: [u16; 2]) -> Explored {
    let plan = OUTBOX.scenario("small_outbox", sets);
    let budgets = Budgets { crashes, losses: 0, duplicates, firings: Some(0) };
    let options =
        WorldOptions { network: Network::Multiset, budgets, operations, ..WorldOptions::default() };
    let model = WorldModel::new(&plan, options);
    let search = Options { states_max: 50_000_000, ..Options::default() };
    let explored = breadth_first(&model, &search, &mut |_| ControlFlow::Continue(()));
    assert_eq!(model.refused(), None);
    explored
}

/// Distinct states, generated ones, depth: of all orders, none of which breaks anything.
fn counts(operations: usize, budgets: [u16; 2]) -> (u32, u64, u32) {
    let report = explore(&[], operations, budgets).report;
    assert!(report.is_exhausted() && report.violations.is_empty(), "{:?}", report.violations);
    (report.distinct, report.generated, report.depth())
}

#[test]
fn a_small_outbox_is_exhausted_and_no_order_of_events_breaks_it() {
    assert_eq!(counts(1, [0, 0]), (158, 331, 18));
    assert_eq!(counts(1, [0, 1]), (2_049, 5_263, 24));
    assert_eq!(counts(1, [1, 0]), (5_410, 14_379, 27));
    assert_eq!(counts(2, [0, 0]), (5_604, 14_752, 30));
}

#[test]
#[cfg_attr(debug_assertions, ignore = "long; run it with --release")]
fn two_orders_are_exhausted_with_a_copy_or_a_crash() {
    assert_eq!(counts(2, [0, 1]), (174_868, 546_045, 36));
    assert_eq!(counts(2, [1, 0]), (550_232, 1_715_987, 42));
}

#[test]
fn the_explorer_finds_what_a_consumer_forgets() {
    for step in ["Deduplicate", "RememberWithEffect"] {
        let explored = explore(&[("ablate", &format!("[\"{step}\"]"))], 1, [1, 0]);
        let violations = &explored.report.violations;
        assert!(!violations.is_empty(), "nobody misses {step}");
    }
}

#[expect(clippy::unnecessary_wraps, reason = "what catches panics may say so")]
fn catch(work: &mut dyn FnMut()) -> Result<(), String> {
    work();
    Ok(())
}

/// The failure of a run, its property, and the smallest story of it.
fn shrunk(plan: &Plan) -> (Fingerprint, Shrunk) {
    let wanted = Seen::of(plan, Seed(1), &catch).fingerprints().into_iter().next();
    let wanted = wanted.expect("it fails");
    let registry = Registry::built_in();
    let tools = Tools { registry: &registry, catch: &catch, runs_max: 5_000 };
    let shrunk = shrink(tools, plan, Seed(1), &wanted);
    (wanted.clone(), shrunk.unwrap_or_else(|error| panic!("{wanted}: {error}")))
}

#[test]
fn a_dual_write_fails_in_both_orders_by_one_crash_between_the_two_writes() {
    for name in ["dual_write_database_first", "dual_write_broker_first"] {
        let plan = OUTBOX.scenario(name, &[]);
        let (wanted, shrunk) = shrunk(&plan);
        assert!(plan.expect.violations().contains(&&*wanted.property), "{wanted}");
        let [fault] = &shrunk.draft.faults[..] else { panic!("{:?}", shrunk.draft.faults) };
        assert!(matches!(fault.r#do, Do::Crash { .. }), "{fault:?}");
        assert!(shrunk.draft.operations.len() <= 2, "{:?}", shrunk.draft.operations);
        assert!(shrunk.draft.script.messages.is_empty(), "no message has to be lost");
    }
}

/// Weather in which nobody aims: every third seed or so a crash falls between the two writes.
#[test]
fn swapping_the_two_writes_swaps_what_falls() {
    let dual = |order: &str| format!("DualWrite(order: {order})");
    let faults = r#"[(id: "crashes", when: EachEffect(chance: "3%", nodes: Nodes(["orders"])),
        do: Crash(node: Actor, down: "50ms"))]"#;
    for (order, falls) in
        [("DatabaseFirst", "publication.no_loss"), ("BrokerFirst", "publication.no_phantom")]
    {
        let sets = [("protocol.publish", &*dual(order)), ("faults", faults)];
        let plan = OUTBOX.scenario("dual_write_database_first", &sets);
        let mut runner = plan.runner();
        let mut found: BTreeSet<&str> = BTreeSet::new();
        for seed in 1..=100 {
            let (_, judgements) = runner.judge(Seed(seed));
            let broken = judgements.iter().filter(|judgement| is_violated(judgement));
            found.extend(broken.map(|judgement| judgement.property));
        }
        let of_both = ["publication.no_loss", "publication.no_phantom"];
        let found: Vec<&str> = of_both.into_iter().filter(|one| found.contains(one)).collect();
        assert_eq!(found, [falls], "{order}");
    }
}

/// What is committed, what takes effect, and how many rows the outbox ever had.
#[derive(Default)]
struct Watch {
    committed: BTreeSet<u64>,
    effects: BTreeSet<u64>,
    rows: BTreeSet<u32>,
    rows_max: usize,
}

impl Judge for Watch {
    fn on_signal(&mut self, signal: &Signal) {
        let What::Stated(_, fact) = signal.what else { return };
        match fact {
            Fact::Commits { event, .. } => _ = self.committed.insert(event),
            Fact::TookEffect(event) => _ = self.effects.insert(event),
            Fact::Remembers(row) => _ = self.rows.insert(row.0),
            Fact::Forgot(row) => _ = self.rows.remove(&row.0),
            _ => {}
        }
        self.rows_max = self.rows_max.max(self.rows.len());
    }
}

fn watched(plan: &Plan) -> Watch {
    let mut watch = Watch::default();
    plan.runner().judged_before(Seed(1), &mut watch);
    watch
}

#[test]
fn the_id_gap_loses_one_event_and_why_names_the_cursor() {
    let plan = OUTBOX.scenario("id_gap", &[]);
    let Watch { committed, effects, .. } = watched(&plan);
    assert_eq!((committed.len(), effects.len()), (2, 1));
    assert!(effects.is_subset(&committed));
    let (wanted, shrunk) = shrunk(&plan);
    assert_eq!(shrunk.draft.faults.len() + shrunk.draft.script.messages.len(), 0);
    let registry = Registry::built_in();
    let protocol = registry.protocols().find(|known| known.name() == "Outbox");
    let alternatives = protocol.expect("it is built in").alternatives();
    let tools = Tools { registry: &registry, catch: &catch, runs_max: 5_000 };
    let changed = why(tools, &shrunk, &wanted, alternatives);
    let cures = changed.iter().filter(|one| one.kind == Kind::Setting);
    let cures = cures.filter(|one| one.outcome == Outcome::Holds);
    let cures: Vec<&str> = cures.map(|one| one.what.as_str()).collect();
    assert!(cures.contains(&"with an outbox whose cursor follows commits"), "{cures:?}");
    let late = watched(&OUTBOX.scenario("cursor_by_commit_finds_it", &[]));
    assert_eq!(late.effects, late.committed);
}

#[test]
fn an_outbox_that_is_pruned_stays_small_and_one_that_is_not_grows_with_every_order() {
    let longer = [("workload.until", "\"20s\""), ("run.for", "\"22s\"")];
    let pruned = watched(&OUTBOX.scenario("happy_path", &longer));
    let orders = pruned.committed.len();
    assert!(orders > 700 && pruned.rows_max < 10, "{orders} orders, {} rows", pruned.rows_max);
    let kept = watched(&OUTBOX.scenario("never_pruned", &longer));
    assert_eq!((kept.committed.len(), kept.rows_max), (orders, orders));
}
