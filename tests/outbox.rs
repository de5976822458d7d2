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

use splitbrain::{
    base::{ids::Seed, text::source::Edited},
    checkers::{Judgement, Verdict},
    engine::{
        facts::Fact,
        protocol::StepInfo,
        signal::{Signal, What},
        world::Judge,
    },
    explore::{
        breadth_first::{Explored, Options, breadth_first},
        world::{Budgets, Network, WorldModel, WorldOptions},
    },
    scenario::{
        load::{edit, load},
        model::Do,
        plan::Plan,
        registry::Registry,
    },
    search::{
        fingerprint::Fingerprint,
        shrink::{Seen, Shrunk, Tools, shrink},
        why::{Kind, Outcome, why},
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
};

const SEEDS: u64 = if cfg!(debug_assertions) { 500 } else { 10_000 };
const ABLATED_SEEDS_MAX: u64 = 3_000;

fn folder() -> String {
    format!("{}/scenarios/outbox", env!("CARGO_MANIFEST_DIR"))
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
fn what_is_committed_takes_effect_once_and_everything_is_put_to_the_test() {
    let (exercised, effective) = hold(&scenario("swarm", &[]), SEEDS);
    println!("{SEEDS} seeds hold; exercised {exercised:?}; effective {effective:?}");
    assert_eq!(exercised.len(), 6);
    assert!(exercised.values().all(|seeds| *seeds > SEEDS * 9 / 10), "{exercised:?}");
    assert!(effective.values().all(|seeds| *seeds > SEEDS / 20), "{effective:?}");
}

#[test]
fn every_other_sound_setting_survives_the_same_faults() {
    let settings = [
        ("protocol.publish", r#"Tailing(interval: "50ms")"#),
        ("protocol.share", "Everything"),
        ("protocol.broker.producers", "Idempotent"),
    ];
    for set in settings {
        let (exercised, _) = hold(&scenario("swarm", &[set]), SEEDS / 10);
        assert!(exercised.values().all(|seeds| *seeds > SEEDS / 11), "{set:?}: {exercised:?}");
    }
}

/// Whether the property that a step guards is violated.
fn falls(step: &StepInfo, judgements: &[Judgement]) -> bool {
    judgements.iter().any(|judgement| judgement.property == step.guards && violated(judgement))
}

/// The first seed in which a step's property falls.
fn first_fall(step: &StepInfo) -> Option<u64> {
    let plan = scenario("swarm", &[("ablate", &format!("[\"{}\"]", step.name))]);
    let mut runner = plan.runner();
    (1..=ABLATED_SEEDS_MAX).find(|seed| falls(step, &runner.judge(Seed(*seed)).1))
}

#[test]
fn without_any_one_step_the_property_that_its_doc_names_falls() {
    let registry = Registry::built_in();
    let protocol = registry.protocols().find(|protocol| protocol.name() == "Outbox");
    let whole = scenario("swarm", &[]);
    let mut missed = Vec::new();
    for step in protocol.expect("it is built in").steps() {
        let Some(seed) = first_fall(step) else {
            missed.push(step.name);
            continue;
        };
        println!("{:20} {:26} falls first at seed {seed}", step.name, step.guards);
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
#[cfg_attr(debug_assertions, ignore = "long; run it with --release")]
fn every_scenario_breaks_only_what_it_says_it_breaks_in_many_seeds() {
    for entry in std::fs::read_dir(folder()).expect("it is there") {
        let file = entry.expect("it can be listed").file_name().into_string();
        let file = file.expect("names are ASCII");
        let Some(name) = file.strip_suffix(".ron").filter(|name| *name != "swarm") else {
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

fn explore(sets: &[(&str, &str)], operations: usize, [crashes, duplicates]: [u16; 2]) -> Explored {
    let plan = scenario("small_outbox", sets);
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
        let plan = scenario(name, &[]);
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
    let text = std::fs::read_to_string(format!("{}/dual_write_database_first.ron", folder()));
    let text = text.expect("it is there");
    let faults = r#"[(id: "crashes", when: EachEffect(chance: "3%", nodes: Nodes(["orders"])),
        do: Crash(node: Actor, down: "50ms"))]"#;
    for (order, falls) in
        [("DatabaseFirst", "publication.no_loss"), ("BrokerFirst", "publication.no_phantom")]
    {
        let sets = [("protocol.publish", dual(order)), ("faults", faults.to_owned())];
        let sets = sets.map(|(path, value)| (path.to_owned(), value));
        let edited = edit(&text, &sets).expect("the paths exist");
        let plan = load(&Registry::built_in(), order, &edited).expect("it is sound");
        let mut runner = plan.runner();
        let mut found: BTreeSet<&str> = BTreeSet::new();
        for seed in 1..=100 {
            let (_, judgements) = runner.judge(Seed(seed));
            let broken = judgements.iter().filter(|judgement| violated(judgement));
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
    let plan = scenario("id_gap", &[]);
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
    let late = watched(&scenario("cursor_by_commit_finds_it", &[]));
    assert_eq!(late.effects, late.committed);
}

#[test]
fn an_outbox_that_is_pruned_stays_small_and_one_that_is_not_grows_with_every_order() {
    let longer = [("workload.until", "\"20s\""), ("run.for", "\"22s\"")];
    let pruned = watched(&scenario("happy_path", &longer));
    let orders = pruned.committed.len();
    assert!(orders > 700 && pruned.rows_max < 10, "{orders} orders, {} rows", pruned.rows_max);
    let kept = watched(&scenario("never_pruned", &longer));
    assert_eq!((kept.committed.len(), kept.rows_max), (orders, orders));
}
