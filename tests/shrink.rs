//! Shrinking, on bugs that are planted by leaving steps out.
//!
//! ```text
//!   swarm, one step ablated ──seeds──▶ failure ──shrink──▶ a few faults, 1-minimal ──run──▶ the same
//! ```

use splitbrain::{
    base::{ids::Seed, text::source::Edited, time::Time},
    engine::{
        network::Endpoint,
        protocol::Step as _,
        trace::{Kind, Recording},
    },
    protocols::two_phase_commit::Step,
    scenario::{load::load, plan::Plan, registry::Registry, run::Run, write::Draft},
    search::{
        fingerprint::Fingerprint,
        freeze::freeze,
        shrink::{Seen, Shrunk, Tools, shrink},
    },
};

const SWARM: &str = include_str!("../scenarios/two_phase_commit/swarm.ron");

#[expect(clippy::unnecessary_wraps, reason = "what catches panics may say so")]
fn catch(work: &mut dyn FnMut()) -> Result<(), String> {
    work();
    Ok(())
}

fn plan(text: &str) -> Plan {
    load(&Registry::built_in(), "swarm", &Edited::new(text)).unwrap_or_else(|error| {
        panic!("{:?}\n{text}", error.mistakes);
    })
}

fn without(step: &str) -> Plan {
    // In measured latencies; a failure found in another weather may shrink to a larger local minimum.
    let fields = format!("swarm: PerSeed, weather: Measured, ablate: [\"{step}\"],");
    plan(&SWARM.replace("swarm: PerSeed,", &fields))
}

/// The first seeds that fail by a property, each with its fingerprint.
fn failures(plan: &Plan, property: &str, wanted: usize) -> Vec<(Seed, Fingerprint)> {
    let mut runner = plan.runner();
    let fails = |seed| {
        let (_, judgements) = runner.judge(Seed(seed));
        let mut found = judgements.iter().filter_map(|one| Fingerprint::of(one, &plan.catalog));
        found.find(|found| found.property == property).map(|found| (Seed(seed), found))
    };
    (1..3_000).filter_map(fails).take(wanted).collect()
}

fn shrunk(plan: &Plan, seed: Seed, wanted: &Fingerprint) -> Shrunk {
    let registry = Registry::built_in();
    let tools = Tools { registry: &registry, catch: &catch, runs_max: 5_000 };
    shrink(tools, plan, seed, wanted).unwrap_or_else(|error| panic!("{wanted}@{seed}: {error}"))
}

/// Whether a draft, written and read again, fails so.
fn fails_so(draft: &Draft, wanted: &Fingerprint) -> bool {
    let registry = Registry::built_in();
    match load(&registry, "draft", &Edited::new(draft.text())) {
        Ok(plan) => Seen::of(&plan, Seed(7), &catch).fails_so(wanted),
        Err(_) => false,
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

#[test]
fn a_failure_of_every_ablated_step_shrinks_to_a_handful_and_is_minimal() {
    for step in Step::ALL {
        let plan = without(step.name);
        let (seed, wanted) = failures(&plan, step.guards, 1).pop().expect(step.name);
        let shrunk = shrunk(&plan, seed, &wanted);
        let size = shrunk.draft.size();
        println!(
            "{}@{seed} {wanted}: {:?} → {size:?}, {} runs",
            step.name, shrunk.before, shrunk.runs
        );
        assert!(!shrunk.cut_short, "{}", step.name);
        assert!(size.faults <= 3 && size.oddities() <= 6, "{}\n{}", step.name, shrunk.draft.text());
        assert!(fails_so(&shrunk.draft, &wanted), "{}", shrunk.draft.text());
        for smaller in smaller(&shrunk.draft) {
            assert!(!fails_so(&smaller, &wanted), "not minimal:\n{}", smaller.text());
        }
    }
}

#[test]
fn a_shrunk_scenario_depends_on_no_seed_and_fails_no_more_once_the_step_is_back() {
    let plan_without = without("ForceDecision");
    let (seed, wanted) =
        failures(&plan_without, "atomic_commit.agreement", 1).pop().expect("it is missed");
    let mut draft = shrunk(&plan_without, seed, &wanted).draft;
    let registry = Registry::built_in();
    let kept = load(&registry, "kept", &Edited::new(draft.text())).expect("it can be loaded");
    let judged = |seed| kept.runner().judge(Seed(seed)).1;
    assert!((2..50).all(|seed| judged(seed) == judged(1)));
    draft.ablate.clear();
    assert!(!fails_so(&draft, &wanted), "with the step it holds");
}

#[test]
fn what_is_shrunk_twice_is_the_same_and_shrinks_no_further() {
    let plan_without = without("ForceDecision");
    let (seed, wanted) =
        failures(&plan_without, "atomic_commit.agreement", 1).pop().expect("it is missed");
    let once = shrunk(&plan_without, seed, &wanted).draft;
    assert_eq!(once.text(), shrunk(&plan_without, seed, &wanted).draft.text());
    let again = shrunk(&plan(&once.text()), Seed(3), &wanted).draft;
    assert_eq!(once.size(), again.size(), "{}", again.text());
}

/// What happened, without the names of rules and without the order of what costs no time.
fn happened(run: &Run) -> Vec<(Time, Kind, Endpoint, Endpoint, &str)> {
    let told = run.entries.iter().filter(|entry| {
        !matches!(
            entry.kind,
            Kind::Cut | Kind::Disturb | Kind::Refuse | Kind::Mend | Kind::Crash | Kind::Step
        )
    });
    told.map(|entry| (entry.at, entry.kind, entry.who, entry.peer, entry.text.as_str())).collect()
}

#[test]
fn a_frozen_run_is_the_run() {
    let registry = Registry::built_in();
    for weather in ["Measured", "Mixed"] {
        let plan = plan(
            &SWARM.replace("swarm: PerSeed,", &format!("swarm: PerSeed, weather: {weather},")),
        );
        for seed in 1..40 {
            let run = plan.runner().run(Seed(seed), Recording::Full);
            let frozen = load(&registry, "frozen", &Edited::new(freeze(&plan, &run).text()));
            let frozen = frozen.expect("what is frozen can be loaded");
            let again = frozen.runner().run(Seed(1), Recording::Full);
            assert!(happened(&run) == happened(&again), "{weather}@{seed}");
        }
    }
}
