//! The ABD register in every order: one writer, one or two readers, three replicas.
//!
//! ```text
//!   small_register.ron ──explore──▶ exhausted, golden counts, linearizable
//!           └ without the write-back ──▶ new, then old ──export──▶ a script that does it in time
//!   inversion ──sweep──▶ a seed ──shrink──▶ one write, two reads, three late messages
//! ```
//!
//! Counts were read off and change with the protocol, with what a state is and with what the check
//! remembers; whoever changes one should be able to say which. The largest of them needs minutes
//! and gigabytes, and stands behind an optimized build.

#[path = "common/pattern.rs"]
mod pattern;

use pattern::scenario;
use splitbrain::{
    base::{ids::Seed, text::source::Edited},
    engine::{operations::Operation, trace::Recording},
    explore::{
        breadth_first::{End, Explored, Options, breadth_first},
        world::{Budgets, Network, WorldModel, WorldOptions},
    },
    scenario::{load::load, plan::Plan, registry::Registry},
    search::{
        export::export,
        fingerprint::Fingerprint,
        shrink::{Tools, shrink},
    },
};
use std::ops::ControlFlow;

fn explore(plan: &Plan, options: WorldOptions) -> (WorldModel, Explored) {
    let model = WorldModel::new(plan, options);
    let search = Options { states_max: 100_000_000, ..Options::default() };
    let explored = breadth_first(&model, &search, &mut |_| ControlFlow::Continue(()));
    assert_eq!(model.refused(), None);
    let judged: Vec<_> = model.judged().iter().map(|property| property.name).collect();
    assert_eq!(judged, ["linearizable"]);
    (model, explored)
}

/// Distinct states, generated ones, depth: of all orders, none of which breaks anything.
fn counts(plan: &Plan, options: WorldOptions) -> (u32, u64, u32) {
    let report = explore(plan, options).1.report;
    assert!(report.is_exhausted() && report.violations.is_empty(), "{:?}", report.violations);
    (report.distinct, report.generated, report.depth())
}

/// So many operations, copies that count, timers that rest, and these crashes, losses and copies.
fn multiset(operations: usize, [crashes, losses, duplicates]: [u16; 3]) -> WorldOptions {
    let budgets = Budgets { crashes, losses, duplicates, firings: Some(0) };
    WorldOptions { network: Network::Multiset, budgets, operations, ..WorldOptions::default() }
}

#[test]
fn a_writer_and_a_reader_are_exhausted_and_no_order_breaks_the_register() {
    let plan = scenario("quorum/small_register", &[]);
    let calm = [0, 0, 0];
    assert_eq!(counts(&plan, multiset(1, calm)), (660, 1_805, 19));
    assert_eq!(counts(&plan, multiset(2, calm)), (126_938, 584_085, 31));
    // A set of messages, with every timer: each may come again and again.
    let crash = Budgets { crashes: 1, ..Budgets::default() };
    let options = WorldOptions { budgets: crash, ..WorldOptions::default() };
    assert_eq!(counts(&plan, options), (8_252, 76_529, 22));
}

#[test]
#[cfg_attr(debug_assertions, ignore = "long; run it with --release")]
fn a_writer_and_a_reader_are_exhausted_with_a_crash_a_loss_a_copy_and_with_every_timer() {
    let plan = scenario("quorum/small_register", &[]);
    for (faults, golden) in [
        ([1, 0, 0], (920_535, 5_160_942, 31)),
        ([0, 1, 0], (314_605, 1_706_595, 31)),
        ([0, 0, 1], (1_831_788, 10_013_729, 33)),
    ] {
        assert_eq!(counts(&plan, multiset(2, faults)), golden, "{faults:?}");
    }
    let options = WorldOptions { operations: 2, ..WorldOptions::default() };
    assert_eq!(counts(&plan, options), (1_516_121, 25_332_893, 34));
}

#[test]
#[ignore = "minutes and gigabytes: cargo test --release --test quorum_explored -- --ignored"]
fn a_writer_and_two_readers_are_exhausted_and_no_order_breaks_the_register() {
    let plan = scenario("quorum/small_register", &[]);
    assert_eq!(counts(&plan, multiset(3, [0, 0, 0])), (37_008_490, 258_628_248, 43));
}

#[test]
fn without_the_write_back_some_order_shows_the_new_value_and_then_the_old_and_so_does_its_script() {
    // Coordinators apart from replicas: a message of a node to itself cannot be late in time.
    let text = r#"Scenario(
        title: "one writer, two readers, no write-back",
        protocol: Quorum(n: 3, order: Query, read_repair: Off, coordinators: 3, resend: Never),
        network: (latency: Uniform("1ms", "3ms")),
        workload: Requests([
            (at: "0ms", client: 1, node: "c1", ask: Write(key: 0, value: 1)),
            (at: "1ms", client: 2, node: "c2", ask: Read(key: 0)),
            (at: "2ms", client: 3, node: "c3", ask: Read(key: 0)),
        ]),
        patience: "10s",
        checks: [Linearizable],
        expect: Violates("linearizable"),
        run: (for: "2s"),
    )"#;
    let plan = load(&Registry::built_in(), "small", &Edited::new(text)).expect("it is sound");
    let (model, explored) = explore(&plan, multiset(3, [0, 0, 0]));
    assert_eq!(explored.report.end, End::Violated);
    let found = &explored.report.violations[0];
    assert_eq!(found.violation.property, "linearizable");
    assert_eq!(model.witness(&plan, found).len(), 5, "one write is open, two reads are done");
    let draft = export(&Registry::built_in(), &plan, &model, found).expect("it happens in time");
    let written = load(&Registry::built_in(), "written", &Edited::new(draft.text()));
    let run = written.expect("it can be loaded").runner().run(Seed(7), Recording::Full);
    assert_eq!(run.judgements[0].verdict.word(), "violated");
    let seen: Vec<_> = run.history.iter().filter_map(|entry| entry.ending).collect();
    assert_eq!(seen.len(), 2, "{seen:?}");
}

#[expect(clippy::unnecessary_wraps, reason = "what catches panics may say so")]
fn catch(work: &mut dyn FnMut()) -> Result<(), String> {
    work();
    Ok(())
}

#[test]
fn a_seed_of_the_inversion_shrinks_to_a_writer_and_two_reads() {
    let registry = Registry::built_in();
    for name in ["inversion_without_write_back", "inversion_with_late_read_repair"] {
        let plan = scenario(&format!("quorum/{name}"), &[]);
        let (_, judgements) = plan.runner().judge(Seed(1));
        let wanted = judgements.iter().find_map(|one| Fingerprint::of(one, &plan.catalog));
        let wanted = wanted.expect("the first seed shows it");
        let tools = Tools { registry: &registry, catch: &catch, runs_max: 5_000 };
        let shrunk = shrink(tools, &plan, Seed(1), &wanted).expect("it can be frozen");
        let draft = &shrunk.draft;
        assert!(!shrunk.cut_short, "{name}");
        let asked: Vec<_> = draft.operations.iter().map(|asked| asked.ask).collect();
        let reads = asked.iter().filter(|ask| matches!(ask, Operation::Read { .. })).count();
        let writes = asked.iter().filter(|ask| matches!(ask, Operation::Write { .. })).count();
        assert_eq!((writes, reads, asked.len()), (1, 2, 3), "{}", draft.text());
        let writer = draft.operations.iter().find(|asked| is_write(asked.ask));
        let writer = writer.expect("there is one").client;
        let readers = draft.operations.iter().filter(|asked| !is_write(asked.ask));
        assert!(readers.clone().all(|asked| asked.client != writer), "{}", draft.text());
        let size = draft.size();
        assert_eq!(size.faults, 0, "{}", draft.text());
        // Where repairs travel behind the answers, more spans matter.
        let oddities_max = if name == "inversion_without_write_back" { 3 } else { 8 };
        assert!(size.oddities() <= oddities_max, "{}", draft.text());
    }
}

fn is_write(operation: Operation) -> bool {
    matches!(operation, Operation::Write { .. })
}
