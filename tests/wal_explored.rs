//! A small write-ahead log in every order, with every crash and every image that a crash may leave.
//!
//! ```text
//!   small_log.ron ──explore──▶ exhausted, golden counts, recovery and reads hold
//!           └ without a step ──▶ what the step guards falls ──export──▶ a script that does it in time
//! ```
//!
//! Counts were read off and change with the protocol, with what a state is and with what the checks
//! remember; whoever changes one should be able to say which. Budgets stand beside them.

#[path = "common/pattern.rs"]
mod pattern;

use pattern::{falls, scenario};
use splitbrain::{
    base::{ids::Seed, text::source::Edited},
    explore::{
        breadth_first::{End, Explored, Options, breadth_first},
        world::{Budgets, WorldModel, WorldOptions},
    },
    scenario::{
        load::load,
        plan::{Met, Plan},
        registry::Registry,
    },
    search::export::export,
};
use std::ops::ControlFlow;

fn small_log(sets: &[(&str, &str)]) -> Plan {
    scenario("wal/small_log", sets)
}

/// So many operations, crashes, and timers that fire where that is limited.
type Bounds = (usize, u16, Option<u32>);

fn explore(plan: &Plan, (operations, crashes, firings): Bounds) -> (WorldModel, Explored) {
    let budgets = Budgets { crashes, firings, ..Budgets::default() };
    let options = WorldOptions { budgets, operations, ..WorldOptions::default() };
    let model = WorldModel::new(plan, options);
    let search = Options { states_max: 100_000_000, ..Options::default() };
    let explored = breadth_first(&model, &search, &mut |_| ControlFlow::Continue(()));
    assert_eq!(model.refused(), None);
    (model, explored)
}

/// Distinct states and depth: of all orders, none of which breaks anything.
fn counts(plan: &Plan, bounds: Bounds) -> (u32, u32) {
    let (model, explored) = explore(plan, bounds);
    let report = explored.report;
    assert!(report.is_exhausted() && report.violations.is_empty(), "{:?}", report.violations);
    let judged: Vec<_> = model.judged().iter().map(|property| property.name).collect();
    assert_eq!(judged.len(), 6, "{judged:?}");
    if bounds.1 > 0 {
        for property in ["recovery.prefix", "recovery.acknowledged"] {
            assert!(model.is_tested(property), "{property}");
        }
    }
    (report.distinct, report.depth())
}

#[test]
fn no_crash_takes_what_anyone_knows() {
    let budgets = [(1, 0), (1, 1), (2, 0), (2, 1), (1, 2), (2, 2), (3, 2), (3, 3)];
    let counted =
        budgets.map(|(operations, crashes)| counts(&small_log(&[]), (operations, crashes, None)));
    let golden =
        [(11, 8), (80, 11), (38, 11), (337, 14), (178, 14), (903, 17), (11_091, 22), (19_629, 22)];
    assert_eq!(counted, golden);
}

#[test]
#[cfg_attr(debug_assertions, ignore = "seconds; run it with --release")]
fn no_crash_in_a_checkpoint_takes_what_anyone_knows() {
    let plan = small_log(&[("protocol.checkpoint", "Every(\"50ms\")")]);
    assert_eq!(counts(&plan, (3, 2, Some(4))), (735_375, 36));
}

#[test]
fn without_a_step_some_crash_breaks_what_it_guards_and_so_does_its_script() {
    // With a timer set behind the answer, the shortest way is a crash inside a call.
    let inside = r#"WhenIdle("50ms")"#;
    for (step, property, seal) in [
        ("ForceBeforeAcknowledge", "recovery.acknowledged", "Never"),
        ("ForceBeforeAcknowledge", "recovery.acknowledged", inside),
        ("SyncNames", "recovery.acknowledged", "Never"),
        ("ReadOnlyDurable", "recovery.read", "Never"),
    ] {
        let plan = small_log(&[
            ("protocol.seal", seal),
            ("ablate", &format!("[\"{step}\"]")),
            ("expect", &format!("Violates(\"{property}\")")),
        ]);
        let (model, explored) = explore(&plan, (2, 1, Some(0)));
        assert_eq!(explored.report.end, End::Violated, "{step}");
        let found = &explored.report.violations[0];
        assert_eq!(found.violation.property, property, "{step}");
        let draft = export(&Registry::built_in(), &plan, &model, found)
            .unwrap_or_else(|error| panic!("{step}: {error}\n{:#?}", found.story));
        assert_eq!(
            draft.text().contains(r#"Deliver("Forced")"#),
            seal == inside,
            "{}",
            draft.text()
        );
        let written = load(&Registry::built_in(), "written", &Edited::new(draft.text()));
        let written = written.unwrap_or_else(|error| panic!("{:?}", error.mistakes));
        for seed in [1, 7] {
            let (_, judgements) = written.runner().judge(Seed(seed));
            assert_eq!(written.expectation(&judgements), Met::Yes, "{step}\n{}", draft.text());
            assert!(falls(property, &judgements), "{step}: {judgements:?}");
        }
    }
}
