//! The command `explore`: its exit codes, what it refuses, and the scenario that it writes.
//!
//! ```text
//!   0 exhausted as expected   1 violated   2 refused, with the reason   3 cut by a bound
//! ```

use crate::{explore, plan};
use splitbrain::{
    base::{ids::Seed, text::source::Edited},
    engine::trace::Recording,
    explore::world::{Budgets, WorldOptions},
    scenario::{load::load, registry::Registry},
    search::export::export,
};
use std::process::Command;

/// Runs the command on a scenario of one transfer: exit code, stdout, stderr.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let file = "scenarios/two_phase_commit/happy_path.ron";
    let mut command = Command::new(env!("CARGO_BIN_EXE_splitbrain"));
    command.args(["explore", "--color", "never"]);
    if !arguments.contains(&"--model") {
        command.arg(file).args(["--set", "protocol.participants=2"]);
    }
    let output = command.args(arguments).output().expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("what is printed is text");
    let code = output.status.code().expect("it exits");
    (code, text(output.stdout), text(output.stderr))
}

#[test]
fn the_exit_code_tells_exhausted_from_violated_from_cut() {
    let (code, screen, _) = run(&["--crashes", "1"]);
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("exhausted: every order within these budgets"), "{screen}");
    assert!(screen.contains("not judged atomic_commit.termination, no_blocking"), "{screen}");

    let (code, screen, _) = run(&["--set", "ablate=[\"AwaitEveryVote\"]"]);
    assert_eq!(code, 1, "{screen}");
    assert!(screen.contains("violated   atomic_commit.validity"), "{screen}");

    let expected = "expect=Violates(\"atomic_commit.validity\")";
    let (code, screen, _) = run(&["--set", "ablate=[\"AwaitEveryVote\"]", "--set", expected]);
    assert_eq!(code, 0, "{screen}");

    for bound in [["--max-states", "100"], ["--depth", "5"]] {
        let (code, screen, _) = run(&bound);
        assert_eq!(code, 3, "{screen}");
        assert!(screen.contains(&format!("cut by {}", bound[0])), "{screen}");
    }
}

#[test]
fn what_cannot_be_explored_is_refused_with_the_reason() {
    for (arguments, reason) in [
        (&["--symmetry"][..], "no protocol declares one"),
        (&["--network", "multiset"], "--firings"),
        (&["--model", "nonsense"], "there are: transaction_commit"),
        (&["--model", "two_phase", "--size", "99"], "resource managers"),
        (&["--operations", "0"], "0 is not in"),
        (&["--model", "two_phase", "--set", "foo=bar"], "cannot be used with"),
        (&["--model", "two_phase", "--timers", "ordered"], "cannot be used with"),
        (&["--model", "two_phase", "--firings", "3"], "cannot be used with"),
        (&["--model", "two_phase", "--no-checks"], "cannot be used with"),
        (&["--model", "two_phase", "--operations", "5"], "cannot be used with"),
        (&["--model", "two_phase", "--duplicate", "1"], "cannot be used with"),
        (&["--model", "two_phase", "--seed", "2"], "cannot be used with"),
        (&["--model", "two_phase", "--loss", "1"], "needs --network multiset"),
        (&["--model", "two_phase", "--network", "multiset", "--loss", "2"], "is 0 or 1"),
        (&["--model", "two_phase", "--crashes", "2"], "is 0 or 1"),
    ] {
        let (code, _, complaint) = run(arguments);
        assert_eq!(code, 2, "{complaint}");
        assert!(complaint.contains(reason), "{complaint}");
    }
}

#[test]
fn what_no_order_put_to_the_test_did_not_hold() {
    let (code, screen, _) = run(&["--set", "checks=[Durability]"]);
    assert_eq!(code, 3, "without a crash nothing can be forgotten: {screen}");
    assert!(screen.contains("not exercised durability\n"), "{screen}");
    assert!(!screen.contains("\nholds"), "{screen}");
    assert!(screen.contains("holds, but nothing was put to the test"), "{screen}");

    let (code, screen, _) = run(&["--set", "checks=[Durability]", "--crashes", "1"]);
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("\nholds      durability\n"), "{screen}");
    assert!(!screen.contains("not exercised"), "{screen}");

    let (code, screen, _) = run(&["--set", "checks=[Durability, Conservation]"]);
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("\nholds      conservation\nnot exercised durability\n"), "{screen}");
    assert!(screen.contains("holds, as far as it was put to the test"), "{screen}");

    let (code, screen, _) = run(&["--no-checks"]);
    assert_eq!(code, 3, "{screen}");
    assert!(screen.contains("holds, but nothing was put to the test"), "{screen}");
}

#[test]
fn the_screen_says_what_was_left_out_and_how_to_have_it_again() {
    let bounds = ["--max-states", "100", "--no-checks", "--set", "network.order=Fifo"];
    let (_, screen, _) = run(&bounds);
    let left_out = "left out   the order that its links keep (network.order: Fifo), all latencies";
    assert!(screen.contains(left_out), "{screen}");
    let again = screen.lines().find(|line| line.starts_with("again")).expect("it says how");
    for flag in ["--max-states 100", "--no-checks", "network.order=Fifo"] {
        assert!(again.contains(flag), "{again}");
    }
}

#[test]
fn a_specification_of_a_known_count_can_be_explored_by_name() {
    let (code, screen, _) = run(&["--model", "two_phase"]);
    assert_eq!(code, 0);
    assert!(screen.contains("288 distinct, 1,146 generated, depth 11"), "{screen}");
}

#[test]
fn equal_explorations_print_equal_bytes() {
    let arguments = ["--crashes", "1", "--format", "json"];
    assert_eq!(run(&arguments), run(&arguments));
}

/// The shortest story of each ablation happens in time as well, as the scenario that is written.
#[test]
fn a_counterexample_is_written_as_a_scenario_that_does_the_same_in_time() {
    let registry = Registry::built_in();
    for (step, presume, operations) in [
        ("ForcePromise", "Abort", 1),
        ("HoldLocks", "Abort", 2),
        ("ForceCollecting", "Commit, refuse: Chance(\"50%\")", 1),
        ("AwaitEveryVote", "Abort", 1),
        ("ForceDecision", "Nothing", 1),
        ("ForceDecision", "Commit", 1),
        ("ForceOutcome", "Abort", 1),
        ("StayInDoubt", "Abort", 1),
        ("WaitToAnswer", "Abort", 1),
        ("AwaitEveryAck", "Abort", 1),
        ("RestoreLocks", "Abort", 2),
    ] {
        let participants = if operations == 1 { 2 } else { 1 };
        let settings = format!("participants: {participants}, presume: {presume}");
        let ablated = plan(&settings, &format!("ablate: [\"{step}\"],"));
        let budgets = Budgets { crashes: 1, ..Budgets::default() };
        let options = WorldOptions { budgets, operations, ..WorldOptions::default() };
        let (model, explored) = explore(&ablated, options);
        let found = &explored.report.violations[0];
        let draft = export(&registry, &ablated, &model, found);
        let draft = draft.unwrap_or_else(|why| panic!("{step}: {why}\n{:#?}", found.story));
        let written = load(&registry, "written", &Edited::new(draft.text()));
        let written = written.unwrap_or_else(|error| panic!("{step}: {:?}", error.mistakes));
        let run = written.runner().run(Seed(7), Recording::Full);
        let judged = run.judgements.iter().find(|one| found.violation.property == one.property);
        let verdict = judged.map(|judgement| judgement.verdict.word());
        assert_eq!(verdict, Some("violated"), "{step}");
    }
}
