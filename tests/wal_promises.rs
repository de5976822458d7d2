//! What the chapter on write-ahead logging promises of each kind of fault, held against runs.
//!
//! ```text
//!   book/src/protocols/wal.md   | fault | survived │ detected │ outside the promise | scenario |
//!       each row ──▶ the scenario × seeds ──▶ the fault had an effect, and this is what became of it
//! ```
//!
//! The table is read from the page: a kind of fault that is missing there, or promised too much, is
//! red here. A promise between the two nodes has a case of its own, with every instant given.

use splitbrain::{
    base::{ids::Seed, text::source::Edited},
    checkers::{Judgement, Verdict},
    engine::{facts::Fact, operations::Ending, signal::What, trace::Recording},
    scenario::{
        load::load,
        plan::{Met, Plan},
        registry::Registry,
        run::Run,
    },
};
use std::{collections::BTreeSet, path::Path};

const SEEDS: u64 = if cfg!(debug_assertions) { 100 } else { 1_000 };

/// Everything that can be wrong with a disk, and the crash that shows it.
const FAULTS: [&str; 8] =
    ["crash", "fail_force", "full_disk", "lie", "misdirect", "rot", "slow_disk", "stall_disk"];

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn plan(name: &str) -> Plan {
    let text = read(&format!("scenarios/wal/{name}.ron"));
    load(&Registry::built_in(), name, &Edited::new(text)).expect("it is sound")
}

/// The rows of the table: fault, what becomes of it, scenario.
fn promises() -> Vec<(String, String, String)> {
    let page = read("book/src/protocols/wal.md");
    let table = page.lines().skip_while(|line| !line.starts_with("| fault |")).skip(2);
    let rows = table.take_while(|line| line.starts_with('|')).map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').collect();
        let [fault, promise, scenario] = cells[..] else { panic!("{line}") };
        let word = |cell: &str| cell.trim().trim_matches('`').to_owned();
        (word(fault), word(promise), word(scenario))
    });
    rows.collect()
}

fn refuses(run: &Run) -> bool {
    let is_refusal = |what: &What| matches!(what, What::Stated(_, Fact::Refuses(_)));
    run.signals.iter().any(|signal| is_refusal(&signal.what))
}

fn is_exercised(run: &Run, property: &str) -> bool {
    let of = |judgement: &&Judgement| judgement.property == property;
    run.judgements.iter().find(of).is_some_and(|judgement| judgement.exercised > 0)
}

/// What a scenario comes to over many seeds.
#[derive(Debug, Default)]
struct Came {
    /// Seeds in which the fault made a difference.
    effective: u64,
    /// Those in which somebody then refused to serve.
    refused: u64,
    /// Those in which what was acknowledged was lost.
    lost: u64,
    /// Those in which somebody waited for progress.
    went_on: u64,
}

fn came(plan: &Plan, fault: &str) -> Came {
    let rules: Vec<usize> = (0..plan.setup.rules.len())
        .filter(|&rule| plan.setup.rules[rule].what.class() == fault)
        .collect();
    assert!(!rules.is_empty(), "{} has no {fault}", plan.name);
    let mut runner = plan.runner();
    let mut came = Came::default();
    for seed in 1..=SEEDS {
        let run = runner.run(Seed(seed), Recording::Full);
        let met = plan.expectation(&run.judgements);
        assert_eq!(met, Met::Yes, "{}@{seed}: {:?}", plan.name, run.judgements);
        if rules.iter().all(|&rule| run.rules[rule].counts.effects == 0) {
            continue;
        }
        let lost = run.judgements.iter().any(|judgement| {
            let is_lost = matches!(judgement.verdict, Verdict::Violated(_));
            judgement.property == "recovery.acknowledged" && is_lost
        });
        came.effective += 1;
        came.refused += u64::from(refuses(&run));
        came.lost += u64::from(lost);
        came.went_on += u64::from(is_exercised(&run, "progress"));
    }
    came
}

#[test]
fn every_fault_of_a_disk_is_survived_detected_or_outside_the_promise_as_the_chapter_says() {
    let promises = promises();
    let listed: BTreeSet<&str> = promises.iter().map(|(fault, ..)| fault.as_str()).collect();
    assert_eq!(listed, BTreeSet::from(FAULTS));
    for (fault, promise, scenario) in &promises {
        let plan = plan(scenario);
        let came = came(&plan, fault);
        println!("{fault:12} {promise:20} {scenario}: {came:?} of {SEEDS} seeds");
        assert!(came.effective > SEEDS / 5, "{fault}: {came:?}");
        match promise.as_str() {
            "survived" => {
                assert_eq!((came.refused, came.lost), (0, 0), "{fault}");
                assert_eq!(came.went_on, came.effective, "{fault}: {came:?}");
            }
            "detected" => {
                assert_eq!(came.lost, 0, "{fault}");
                assert!(came.refused > came.effective / 5, "{fault}: {came:?}");
            }
            "outside the promise" => assert_eq!(came.lost, came.effective, "{fault}"),
            other => panic!("{fault}: {other} is no promise"),
        }
    }
}

#[test]
fn a_standby_whose_disk_stalls_keeps_its_promise_not_to_take_over() {
    let plan = plan("a_promise_counts_before_it_is_given");
    let run = plan.runner().run(Seed(1), Recording::Full);
    assert_eq!(plan.expectation(&run.judgements), Met::Yes, "{:?}", run.judgements);
    let took_over = run.entries.iter().any(|entry| entry.text.contains("succession"));
    assert!(!took_over, "the primary was alive");
    // The reader was answered by the primary, while the standby was asked for a write.
    let answered: Vec<Option<Ending>> =
        run.history.iter().map(|entry| entry.ending.map(|(_, ending)| ending)).collect();
    let (written, read) = (Ending::Ok(None), Ending::Ok(Some(1)));
    assert_eq!(answered, [Some(written), Some(Ending::NotDone), Some(read)]);
}
