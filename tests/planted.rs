//! Planted bugs in protocols that splitbrain does not bring along, found in every way there is.
//!
//! ```text
//!   planted/announcer.rs   SendFirst · Impatient     agreement falls, in two different ways
//!   planted/ledger.rs      Forgetful                 at most once falls
//!   planted/majority.rs    Half                      validity falls
//!   planted/bugs.rs        the four of them, and the scenarios in which they are looked for
//!
//!   each:  sweep of seeds · single faults · every order  ──▶ planted falls, sound stands
//!          a failing seed ──shrink──▶ a few faults, 1-minimal ──text──▶ the same failure
//! ```
//!
//! What splitbrain finds in its own two-phase commit, it may have been built to find. These protocols
//! were written apart from it, and each differs from its sound variant in one decision. All four
//! bugs need a fault or an unlucky order: a calm run shows none of them.
//!
//! Limits: what shrinks to nothing smaller by leaving one thing out may still not be the smallest.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "planted/announcer.rs"]
mod announcer;
#[path = "planted/bugs.rs"]
mod bugs;
#[path = "planted/ledger.rs"]
mod ledger;
#[path = "planted/majority.rs"]
mod majority;

use bugs::{BUGS, Bug, IMPATIENT, SEND_FIRST, calm, plan, registry, swarm};
use splitbrain::{
    base::{ids::Seed, text::source::Edited, time::Duration},
    explore::{
        breadth_first::{Explored, Options, breadth_first},
        world::{Budgets, WorldModel, WorldOptions},
    },
    scenario::{load::load, plan::Plan, write::Draft},
    search::{
        fingerprint::Fingerprint,
        matrix::{self, Matrix, Returns, Verdict},
        seeds::{Seeds, Slice},
        shrink::{Seen, Shrunk, Tools, shrink},
        sweep::{self, Ending, OneByOne, Swept},
    },
};
use std::ops::ControlFlow;

#[expect(clippy::unnecessary_wraps, reason = "the shape of a function that catches panics")]
fn catch(work: &mut dyn FnMut()) -> Result<(), String> {
    work();
    Ok(())
}

// A sweep of seeds.

fn swept(plan: &Plan) -> Swept {
    let seeds = Seeds::range(1, 512).unwrap();
    let order = sweep::Order {
        plan,
        seeds: &seeds,
        slice: Slice::WHOLE,
        failures_max: None,
        known: &[],
        catch: &catch,
    };
    let swept = sweep::sweep(&order, &OneByOne, &mut |_, _| {});
    assert_eq!(swept.ending, Ending::Complete);
    swept
}

#[test]
fn a_sweep_finds_every_planted_bug_and_nothing_in_the_sound_variants() {
    for bug in &BUGS {
        let sound = swept(&swarm(bug.sound, bug.checks));
        assert!(sound.tally.failures.is_empty(), "{}: {:?}", bug.sound, sound.tally.failures);
        let property = &sound.tally.properties[bug.breaks];
        assert!(property.exercised > 400 && property.unknown == 0, "{}: {property:?}", bug.sound);
        let planted = swept(&swarm(bug.planted, bug.checks));
        let found = &planted.tally.failures;
        for (what, failure) in found {
            println!("{:30} {what} in {} seeds: {}", bug.planted, failure.seeds, failure.sentence);
        }
        assert!(found.keys().any(|what| what.property == bug.breaks), "{}: {found:?}", bug.planted);
    }
}

// Single faults.

fn faults_one_by_one(protocol: &str, checks: &str) -> Matrix {
    let (registry, plan) = (registry(), calm(protocol, checks));
    let order = matrix::Order {
        registry: &registry,
        plan: &plan,
        seed: Seed(1),
        operations: 1,
        returns: Returns::Later,
        pairs: 0,
        catch: &catch,
    };
    matrix::matrix(&order).unwrap()
}

#[test]
fn a_single_fault_shows_every_planted_bug_and_breaks_no_sound_variant() {
    for bug in &BUGS {
        let violated = |verdict: &Verdict| matches!(verdict, Verdict::Violated(_));
        let sound = faults_one_by_one(bug.sound, bug.checks);
        let broken: Vec<&str> = sound
            .all()
            .filter(|cell| violated(&cell.verdict))
            .map(|cell| cell.id.as_str())
            .collect();
        assert_eq!(broken, [""; 0], "{}", bug.sound);
        let planted = faults_one_by_one(bug.planted, bug.checks);
        assert!(!violated(&planted.calm.verdict), "{} needs a fault", bug.planted);
        let falls = |verdict: &Verdict| matches!(verdict, Verdict::Violated(fallen) if fallen.iter().any(|one| one == bug.breaks));
        let cells = planted.cells.iter().filter(|cell| falls(&cell.verdict));
        let cells: Vec<&str> = cells.map(|cell| cell.id.as_str()).collect();
        println!("{:30} {} of {}: {cells:?}", bug.planted, cells.len(), planted.cells.len());
        assert!(!cells.is_empty(), "{}", bug.planted);
    }
}

// Every order.

fn explored(protocol: &str, checks: &str) -> Explored {
    let budgets = Budgets { crashes: 1, ..Budgets::default() };
    let model = WorldModel::new(
        &calm(protocol, checks),
        WorldOptions { budgets, ..WorldOptions::default() },
    );
    let options = Options { states_max: 300_000, ..Options::default() };
    let explored = breadth_first(&model, &options, &mut |_| ControlFlow::Continue(()));
    assert_eq!(model.refused(), None);
    explored
}

#[test]
fn exploring_every_order_finds_every_planted_bug_and_exhausts_the_sound_variants() {
    for bug in &BUGS {
        let sound = explored(bug.sound, bug.checks).report;
        assert!(sound.is_exhausted() && sound.violations.is_empty(), "{:?}", sound.violations);
        let planted = explored(bug.planted, bug.checks).report;
        let found = planted.violations.first().unwrap_or_else(|| panic!("{}", bug.planted));
        println!(
            "{:30} {} steps; sound: {} states: {}",
            bug.planted,
            found.story.len(),
            sound.distinct,
            found.violation.witness
        );
        assert_eq!(found.violation.property, bug.breaks, "{}", bug.planted);
    }
}

// Shrinking.

/// The first seeds whose failure is of the property that the bug breaks, each with its fingerprint.
fn failures(bug: &Bug, wanted: usize) -> Vec<(Seed, Fingerprint)> {
    let plan = swarm(bug.planted, bug.checks);
    let mut runner = plan.runner();
    let fails = |seed| {
        let (_, judgements) = runner.judge(Seed(seed));
        let mut found = judgements.iter().filter_map(|one| Fingerprint::of(one, &plan.catalog));
        found.find(|found| found.property == bug.breaks).map(|found| (Seed(seed), found))
    };
    (1..3_000).filter_map(fails).take(wanted).collect()
}

fn shrunk(bug: &Bug, seed: Seed, wanted: &Fingerprint) -> Shrunk {
    let registry = registry();
    let tools = Tools { registry: &registry, catch: &catch, runs_max: 3_000 };
    shrink(tools, &swarm(bug.planted, bug.checks), seed, wanted)
        .unwrap_or_else(|error| panic!("{wanted}@{seed}: {error}"))
}

/// What fails when a draft is written and read again.
fn fails(draft: &Draft) -> Vec<Fingerprint> {
    match load(&registry(), "draft", &Edited::new(draft.text())) {
        Ok(plan) => Seen::of(&plan, Seed(7), &catch).fingerprints(),
        Err(_) => Vec::new(),
    }
}

/// All drafts with one thing less.
fn smaller(draft: &Draft) -> Vec<Draft> {
    fn each<T: Clone>(draft: &Draft, list: impl Fn(&mut Draft) -> &mut Vec<T>) -> Vec<Draft> {
        let all = list(&mut draft.clone()).len();
        let without = |place| {
            let mut smaller = draft.clone();
            list(&mut smaller).remove(place);
            smaller
        };
        (0..all).map(without).collect()
    }
    let mut all = each(draft, |draft| &mut draft.faults);
    all.extend(each(draft, |draft| &mut draft.operations));
    all.extend(each(draft, |draft| &mut draft.script.messages));
    all.extend(each(draft, |draft| &mut draft.script.forces));
    all.extend(each(draft, |draft| &mut draft.script.timers));
    all.extend(each(draft, |draft| &mut draft.script.choices));
    all.extend(each(draft, |draft| &mut draft.script.clocks));
    all
}

/// The properties that fall once the bug is out of a draft, with time to come to an end.
fn fails_when_sound(bug: &Bug, mut draft: Draft) -> Vec<Fingerprint> {
    assert_eq!(draft.protocol, bug.planted);
    bug.sound.clone_into(&mut draft.protocol);
    draft.run_for = Duration::from_secs(2); // A shrunk run ends where the failure shows.
    let sound = plan(&draft.text());
    Seen::of(&sound, Seed(7), &catch).fingerprints()
}

#[test]
fn failing_seeds_shrink_to_a_few_faults_all_needed_that_the_sound_variant_survives() {
    for bug in &BUGS {
        for (seed, wanted) in failures(bug, 8) {
            let Shrunk { draft, before, runs, cut_short, .. } = shrunk(bug, seed, &wanted);
            let (size, text) = (draft.size(), draft.text());
            println!("{:30} {wanted}@{seed}: {before:?} → {size:?}, {runs} runs", bug.planted);
            assert!(!cut_short && size.faults <= 3 && size.oddities() <= 3, "{size:?}\n{text}");
            assert!(fails(&draft).contains(&wanted), "{text}");
            for smaller in smaller(&draft) {
                assert!(!fails(&smaller).contains(&wanted), "not minimal:\n{}", smaller.text());
            }
            assert_eq!(fails_when_sound(bug, draft), [], "{text}");
        }
    }
}

// Which failures are one bug.

#[test]
fn seeds_that_show_one_bug_have_one_fingerprint() {
    for bug in &BUGS {
        let found = failures(bug, 8);
        assert_eq!(found.len(), 8, "{}", bug.planted);
        let (_, first) = &found[0];
        for (seed, other) in &found {
            assert_eq!(other, first, "{} {seed}", bug.planted);
        }
    }
}

#[test]
fn two_bugs_that_break_one_property_have_two_fingerprints() {
    assert_eq!(SEND_FIRST.breaks, IMPATIENT.breaks);
    let of = |bug| failures(bug, 1).pop().expect("it is missed").1;
    let (send_first, impatient) = (of(&SEND_FIRST), of(&IMPATIENT));
    assert_eq!(send_first.property, impatient.property);
    assert_ne!(send_first, impatient, "coordinator and participant, or two participants");
}
