//! Ablation as a user meets it: every step of two-phase commit is missed, and the book says so.
//!
//! ```text
//!   splitbrain ablate two_phase_commit --vary protocol.presume=… --markdown ──▶ book/tables/
//!   a step that nobody misses │ a scenario that is red anyway ──▶ exit code 1, with the reason
//! ```
//!
//! The table of the book is compared byte for byte; `SPLITBRAIN_BLESS=1` writes it anew. What the
//! command counts is counted once more here, by running the seeds one by one.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use serde_json::Value;
use splitbrain::{
    base::ids::Seed,
    checkers::Verdict,
    scenario::{
        load::{edit, load},
        registry::Registry,
    },
};
use std::{path::Path, process::Command};

const SWARM: &str = "scenarios/two_phase_commit/swarm.ron";
const WINDOW: &str = "scenarios/two_phase_commit/coordinator_dies_in_the_window.ron";
const TABLE: &str = "book/tables/ablate_two_phase_commit.md";
const HEADER: &str = "<!-- Written by a test from `splitbrain ablate two_phase_commit -n 250 --vary protocol.presume=Nothing,Abort,Commit,Mixed --markdown`. -->\n\n";

/// Calls `splitbrain ablate`: exit code, stdout, stderr.
fn ablate(arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_splitbrain"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).arg("ablate").args(arguments);
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn wrong(arguments: &[&str]) -> String {
    let (code, stdout, stderr) = ablate(arguments);
    assert_eq!(code, Some(2), "{arguments:?}: {stdout}{stderr}");
    assert_eq!(stdout, "", "{arguments:?}");
    stderr
}

#[test]
fn every_step_of_two_phase_commit_is_missed_under_every_presumption_and_the_book_says_so() {
    let vary = "protocol.presume=Nothing,Abort,Commit,Mixed";
    let (code, table, stderr) =
        ablate(&["two_phase_commit", "-n", "250", "--vary", vary, "--markdown"]);
    assert_eq!(code, Some(0), "{table}{stderr}");
    assert_eq!(table.matches("### ").count(), 4, "{table}");
    assert_eq!(table.matches("not in this variant").count(), 2, "only one step, twice: {table}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(TABLE);
    let table = format!("{HEADER}{table}");
    if std::env::var_os("SPLITBRAIN_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &table).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(table == written, "{TABLE} is out of date; SPLITBRAIN_BLESS=1 writes it anew\n{table}");
}

/// The seeds in which a property falls without a step, one after the other.
fn finds(step: &str, property: &str, seeds: u64) -> Vec<u64> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(SWARM);
    let sets = [("ablate".to_owned(), format!("[\"{step}\"]"))];
    let text = edit(&std::fs::read_to_string(path).unwrap(), &sets).unwrap();
    let plan = load(&Registry::built_in(), "swarm", &text).unwrap();
    let falls = |seed: &u64| {
        let (_, judgements) = plan.runner().judge(Seed(*seed));
        judgements
            .iter()
            .any(|j| j.property == property && matches!(j.verdict, Verdict::Violated(_)))
    };
    (1..=seeds).filter(falls).collect()
}

#[test]
fn what_is_counted_is_what_the_seeds_show() {
    let steps = ["--step", "ForceDecision", "--step", "ForceOutcome"];
    let arguments = [&[SWARM, "-n", "60", "--format", "json"][..], &steps].concat();
    let (code, stdout, _) = ablate(&arguments);
    assert_eq!(code, Some(0));
    let document: Value = serde_json::from_str(&stdout).unwrap();
    let rows = document[0]["steps"].as_array().unwrap();
    let cases =
        [("ForceDecision", "atomic_commit.agreement"), ("ForceOutcome", "atomic_commit.stability")];
    assert_eq!(rows.len(), cases.len());
    for (row, (step, property)) in rows.iter().zip(cases) {
        let finds = finds(step, property, 60);
        assert!(finds.len() > 3, "{step}");
        assert_eq!((&row["step"], &row["guards"]), (&step.into(), &property.into()));
        assert_eq!(row["found"], finds.len());
        assert_eq!(row["first_seed"], finds[0].to_string());
    }
}

#[test]
fn a_step_that_nobody_misses_fails_the_command() {
    let (code, stdout, _) = ablate(&[SWARM, "-n", "3", "--step", "RestoreLocks"]);
    assert_eq!(code, Some(1));
    assert!(stdout.contains("RestoreLocks is missed by nobody"), "{stdout}");
    assert!(stdout.contains("MISSED"), "{stdout}");
}

#[test]
fn another_property_that_falls_does_not_make_a_step_caught() {
    let cases = [
        ("ForcePromise", "durability", "conservation"),
        ("ForceCollecting", "atomic_commit.agreement", "conservation"),
        ("ForceDecision", "atomic_commit.agreement", "conservation"),
    ];
    let only_the_other = |&(step, guarded, other): &(&'static str, &str, &str)| {
        let guarded = finds(step, guarded, 120);
        let others = finds(step, other, 120);
        others.into_iter().find(|seed| !guarded.contains(seed)).map(|seed| (step, seed))
    };
    let (step, seed) = cases.iter().find_map(only_the_other).unwrap();
    let arguments = [SWARM, "-n", "1", "--start", &seed.to_string(), "--step", step];
    let (code, stdout, _) = ablate(&arguments);
    assert_eq!(code, Some(1), "{stdout}");
    assert!(stdout.contains("conservation"), "{stdout}");
}

#[test]
fn a_property_that_no_scenario_checks_fails_the_command() {
    let checks = "checks=[AtomicCommit]";
    let (code, stdout, _) = ablate(&[SWARM, "-n", "20", "--set", checks, "--step", "ForcePromise"]);
    assert_eq!(code, Some(1));
    assert!(stdout.contains("which no scenario checks"), "{stdout}");
}

#[test]
fn a_scenario_that_is_red_with_every_step_in_place_fails_the_command() {
    let broken = "ablate=[\"HoldLocks\"]";
    let (code, stdout, _) =
        ablate(&[SWARM, "-n", "20", "--set", broken, "--step", "AwaitEveryVote"]);
    assert_eq!(code, Some(1));
    assert!(stdout.contains("conservation is violated in"), "{stdout}");
    assert!(stdout.contains("(no step left out)"), "{stdout}");
}

#[test]
fn a_step_that_a_variant_does_without_is_shown_and_fails_nothing() {
    let abort = ["two_phase_commit", "--set", "protocol.presume=Abort", "-n", "20"];
    let steps = ["--step", "ForceCollecting", "--step", "HoldLocks"];
    let (code, stdout, stderr) = ablate(&[&abort[..], &steps].concat());
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    assert!(stdout.contains("not in this variant"), "{stdout}");
    assert!(stdout.contains("caught    1 of 1 steps"), "{stdout}");
    let (code, stdout, _) = ablate(&[&abort[..], &steps[..2]].concat());
    assert_eq!(code, Some(3), "nothing was tried: {stdout}");
}

#[test]
fn a_protocol_has_two_spellings_and_threads_change_nothing() {
    let rest = ["-n", "40", "--step", "StayInDoubt", "--step", "ForcePromise"];
    let with = |name, jobs| {
        let (code, stdout, _) = ablate(&[&[name, "-j", jobs][..], &rest].concat());
        assert_eq!(code, Some(0), "{stdout}");
        stdout
    };
    let one = with("two_phase_commit", "1");
    assert_eq!(one, with("TwoPhaseCommit", "1"));
    assert_eq!(one, with("two_phase_commit", "2"));
    assert_eq!(one, with("two_phase_commit", "7"));
}

#[test]
fn a_find_is_shrunk_on_demand() {
    let (code, stdout, _) =
        ablate(&[SWARM, "-n", "5", "--step", "HoldLocks", "--shrink", "--format", "jsonl"]);
    assert_eq!(code, Some(0), "{stdout}");
    let line: Value = serde_json::from_str(&stdout).unwrap();
    let shrunk = line["steps"][0]["shrunk"].as_str().unwrap();
    assert!(shrunk.contains("operation"), "{shrunk}");
}

#[test]
fn bad_flags_are_refused_with_reasons() {
    let cases: &[(&[&str], &str)] = &[
        (&["two_phase_comit"], "did you mean `two_phase_commit`?"),
        (&["no_such_thing_at_all"], "neither a protocol nor a file"),
        (&["scenarios/none.ron"], "failed to read"),
        (&[SWARM, "--step", "ForceDecison"], "did you mean `ForceDecision`?"),
        (&[SWARM, "-n", "0"], "0 is not in"),
        (&[SWARM, "-j", "0"], "0 is not in"),
        (&[SWARM, "--start", "18446744073709551615"], "no such seeds"),
        (&[WINDOW], "a step left out shows nothing"),
        (&["two_phase_commit", SWARM], "a protocol stands alone"),
        (&[SWARM, "--set", "a"], "PATH=VALUE"),
        (&[SWARM, "--set", "protocol.presume=Abort", "--vary", "protocol.presume=Abort"], "both"),
        (&["two_phase_commit", "--set", "protocol.presume=Abor"], "Abort"),
        (&[SWARM, "--markdown", "--format", "json"], "cannot be used with"),
        (&[], "PROTOCOL|SCENARIO"),
    ];
    for (arguments, reason) in cases {
        let stderr = wrong(arguments);
        assert!(stderr.contains(reason), "{arguments:?}: {stderr}");
    }
}
