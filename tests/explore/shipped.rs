//! The shipped two-phase commit, exhausted: one transaction, two participants, one crash.
//!
//! ```text
//!   counts ── pinned, and made twice        cuts ── every handler, after each of its effects
//!   ablations ── every step whose loss needs no clock to show falls, with a story
//! ```
//!
//! The counts are no theorems: they were read off, and change with the protocol or with what a
//! state is. Whoever changes one should be able to say which.

use crate::{explore, plan};
use splitbrain::{
    base::ids::Seed,
    engine::trace::{Entry, Kind, Recording},
    engine::untimed::Handler,
    explore::{
        breadth_first::{Explored, OnViolation, Options, breadth_first},
        world::{Budgets, Checks, Network, WorldModel, WorldOptions},
    },
    scenario::{plan::Plan, run::Run},
};
use std::{collections::BTreeSet, ops::ControlFlow};

fn one_crash() -> Budgets {
    Budgets { crashes: 1, ..Budgets::default() }
}

fn counts(explored: &Explored) -> (u32, u64, u32) {
    let report = &explored.report;
    assert!(report.is_exhausted() && report.violations.is_empty(), "{:?}", report.violations);
    (report.distinct, report.generated, report.depth())
}

#[test]
fn one_transaction_with_one_crash_is_exhausted_and_nothing_breaks() {
    for (presume, calm, crash) in [
        ("Nothing", (1_397, 12_538, 21), (9_562, 93_562, 24)),
        ("Abort", (474, 3_961, 21), (4_864, 41_193, 24)),
        ("Commit", (1_324, 11_945, 23), (9_843, 96_135, 26)),
    ] {
        let plan = plan(&format!("participants: 2, presume: {presume}"), "");
        for (budgets, golden) in [(Budgets::default(), calm), (one_crash(), crash)] {
            let options = || WorldOptions { budgets, ..WorldOptions::default() };
            let (_, explored) = explore(&plan, options());
            assert_eq!(counts(&explored), golden, "{presume} {budgets:?}");
            let (_, again) = explore(&plan, options());
            assert_eq!(explored.report, again.report, "twice, {presume}");
        }
    }
}

#[test]
fn copies_that_count_are_exhausted_within_their_budgets() {
    let budgets = Budgets { crashes: 1, losses: 1, firings: Some(1), ..Budgets::default() };
    let options = WorldOptions { network: Network::Multiset, budgets, ..WorldOptions::default() };
    let (_, explored) = explore(&plan("participants: 2, presume: Abort", ""), options);
    assert_eq!(counts(&explored), (20_278, 91_047, 24));
}

#[test]
fn checks_multiply_the_states_only_by_what_they_remember() {
    let plan = plan("participants: 2, presume: Abort", "");
    let without =
        |budgets| WorldOptions { budgets, checks: Checks::Off, ..WorldOptions::default() };
    let (_, calm) = explore(&plan, without(Budgets::default()));
    // Without a crash the logs tell all that a check remembers.
    assert_eq!(counts(&calm), (474, 3_961, 21));
    let (_, crash) = explore(&plan, without(one_crash()));
    assert_eq!(counts(&crash).0, 4_590);
}

/// What `tests/cuts.rs` asks of timed runs: a role, a handler, and how many effects it had before
/// the crash, for each handler of a calm run.
fn required(run: &Run) -> BTreeSet<(Handler, u32)> {
    let is_effect =
        |entry: &Entry| matches!(entry.kind, Kind::Send | Kind::Force | Kind::Write | Kind::Reply);
    let mut required = BTreeSet::new();
    for event in &run.entries {
        let catalog = &run.catalog;
        let name = match event.kind {
            Kind::Deliver if event.label == u16::MAX => "request".to_owned(),
            Kind::Deliver => catalog.messages.name(event.label).to_owned(),
            Kind::Timer => catalog.timers.name(event.label).to_owned(),
            Kind::Durable => {
                // The step of the force that the disk was asked for: the latest one of this node.
                let step = run.entries.iter().take_while(|entry| entry.event != event.event);
                let step = step.filter(|entry| entry.kind == Kind::Force && entry.who == event.who);
                let force = step.last().expect("something was forced");
                let marks = run.entries.iter().take_while(|entry| entry.event != force.event);
                let marks = marks.filter(|e| e.kind == Kind::Step && e.who == event.who);
                let mark = marks.last().expect("a force is a step");
                format!("after {}", catalog.steps[usize::from(mark.label)].name)
            }
            _ => continue,
        };
        let role = catalog.roles[usize::from(catalog.role_of[usize::from(event.who.0)])];
        let done = run.entries.iter().filter(|entry| {
            entry.cause == event.event && entry.who == event.who && is_effect(entry)
        });
        for effects in 0..done.count() as u32 {
            required.insert((Handler { role, event: name.clone() }, effects));
        }
    }
    required
}

#[test]
fn every_cut_of_every_handler_is_explored() {
    for presume in ["Nothing", "Abort", "Commit"] {
        let plan = plan(&format!("participants: 2, presume: {presume}"), "");
        let calm = plan.runner().run(Seed(1), Recording::Full);
        let required = required(&calm);
        assert!(required.len() >= 8, "a commit has a good many effects: {required:?}");
        let options = WorldOptions { budgets: one_crash(), ..WorldOptions::default() };
        let (model, _) = explore(&plan, options);
        let coverage = model.coverage();
        for (handler, effects) in &required {
            let cuts = coverage.handlers.get(handler).map(|tested| &tested.cuts);
            let reached = cuts.is_some_and(|cuts| cuts.contains(effects));
            assert!(reached, "{presume}: {handler:?} was never cut after {effects}: {cuts:?}");
        }
        // And those that a calm run does not see, unless only a second crash could cut them.
        for (handler, tested) in coverage.handlers.iter().filter(|(one, _)| one.event != "boot") {
            let missed = (0..tested.effects_max).find(|effects| !tested.cuts.contains(effects));
            let recovery = presume == "Commit" && handler.event == "after ForceDecision";
            assert!(missed.is_none() || recovery, "{presume}: {handler:?} {tested:?}");
        }
    }
}

/// All that falls when a step is left out.
fn fallen(plan: &Plan, options: WorldOptions) -> Vec<(String, usize)> {
    let model = WorldModel::new(plan, options);
    let search =
        Options { states_max: 400_000, on_violation: OnViolation::Collect, ..Options::default() };
    let explored = breadth_first(&model, &search, &mut |_| ControlFlow::Continue(()));
    assert_eq!(model.refused(), None);
    let violations = explored.report.violations.iter();
    violations
        .map(|found| {
            let property = found.violation.property.to_string();
            assert!(!model.witness(plan, found).is_empty(), "{property} has no witness");
            (property, found.story.len())
        })
        .collect()
}

/// Each step, the presumption under which it matters (and whether participants may refuse), the operations it takes, and what falls.
const ABLATIONS: [(&str, &str, usize, &str); 10] = [
    ("ForcePromise", "Abort", 1, "durability"),
    ("HoldLocks", "Abort", 2, "conservation"),
    ("ForceCollecting", "Commit, refuse: Chance(\"50%\")", 1, "atomic_commit.agreement"),
    ("AwaitEveryVote", "Abort", 1, "atomic_commit.validity"),
    ("ForceDecision", "Abort", 1, "atomic_commit.agreement"),
    ("ForceOutcome", "Abort", 1, "atomic_commit.stability"),
    ("StayInDoubt", "Abort", 1, "atomic_commit.agreement"),
    ("WaitToAnswer", "Abort", 1, "atomic_commit.agreement"),
    ("AwaitEveryAck", "Abort", 1, "atomic_commit.agreement"),
    ("RestoreLocks", "Abort", 2, "conservation"),
];

#[test]
fn every_step_that_can_fall_without_clocks_falls_with_a_story() {
    for (step, presume, operations, guards) in ABLATIONS {
        // Two transactions at one participant are enough for its locks.
        let participants = if operations == 1 { 2 } else { 1 };
        let settings = format!("participants: {participants}, presume: {presume}");
        let ablated =
            plan(&settings, &format!("ablate: [\"{step}\"], expect: Violates(\"{guards}\"),"));
        let options =
            || WorldOptions { budgets: one_crash(), operations, ..WorldOptions::default() };
        let fallen = fallen(&ablated, options());
        println!("{step}: {fallen:?}");
        assert!(fallen.iter().any(|(property, _)| property == guards), "{step}: {fallen:?}");
    }
}

#[test]
fn a_decision_that_is_not_sent_again_breaks_nothing_that_a_part_of_a_run_can_break() {
    // `ResendDecision` guards forgetting, which asks for an end of all faults: a liveness property.
    let ablated = plan("participants: 2, presume: Abort", "ablate: [\"ResendDecision\"],");
    let options = WorldOptions { budgets: one_crash(), ..WorldOptions::default() };
    assert_eq!(fallen(&ablated, options), []);
}
