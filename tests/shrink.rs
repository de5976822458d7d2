//! Shrinking, on bugs that are planted by leaving steps out.
//!
//! ```text
//!   swarm, one step ablated ──seeds──▶ failure ──shrink──▶ a few faults, 1-minimal ──run──▶ the same
//! ```

use splitbrain::{
    base::{
        ids::Seed,
        text::source::Edited,
        time::{Duration, Time},
    },
    engine::{
        network::Endpoint,
        protocol::Step as _,
        trace::{Kind, Recording},
    },
    protocols::two_phase_commit::Step,
    scenario::{
        load::load,
        model::Do,
        plan::Plan,
        registry::Registry,
        run::Run,
        script::{Part, SpanLine},
        write::Draft,
    },
    search::{
        fingerprint::Fingerprint,
        freeze::freeze,
        shrink::{NotShrunk, Seen, Shrunk, Tools, shrink, shrink_draft},
    },
};
use std::{
    ops::Range,
    path::{Path, PathBuf},
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
    fn each(draft: &Draft, all: usize, less: impl Fn(&mut Draft, usize)) -> Vec<Draft> {
        let without = |place| {
            let mut smaller = draft.clone();
            less(&mut smaller, place);
            smaller
        };
        (0..all).map(without).collect()
    }
    let mut all = each(draft, draft.faults.len(), |draft, place| drop(draft.faults.remove(place)));
    all.extend(each(draft, draft.operations.len(), |draft, place| {
        draft.operations.remove(place);
    }));
    for part in Part::ALL {
        let lines = draft.script.count(part);
        all.extend(each(draft, lines, |draft, place| {
            draft.script.part(part).remove(place..place + 1);
        }));
    }
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

/// Every scenario that is shipped, studies aside: those sweep.
fn shipped() -> Vec<Plan> {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut files = Vec::new();
    for protocol in ["two_phase_commit", "quorum", "wal"] {
        let folder = std::fs::read_dir(home.join(protocol)).expect("a folder of scenarios");
        files.extend(folder.map(|entry| entry.expect("it can be listed").path()));
    }
    files.sort();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "ron"));
    let load = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).expect("it can be read");
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        load(&Registry::built_in(), &name, &Edited::new(text)).expect("it is sound")
    };
    files.iter().map(load).collect()
}

/// The first difference between each run and what it is once it is written down.
fn frozen_otherwise(plan: &Plan, seeds: Range<u64>) -> Vec<String> {
    let registry = Registry::built_in();
    let mut found = Vec::new();
    for seed in seeds {
        let run = plan.runner().run(Seed(seed), Recording::Full);
        let frozen = load(&registry, "frozen", &Edited::new(freeze(plan, &run).text()));
        let frozen = frozen.unwrap_or_else(|error| {
            panic!("{}@{seed}: {}", plan.name, error.mistakes[0].message);
        });
        let again = frozen.runner().run(Seed(1), Recording::Full);
        let (one, other) = (happened(&run), happened(&again));
        let parted = one.iter().zip(&other).find(|(one, other)| one != other);
        if one != other {
            found.push(format!("{}@{seed}: {parted:?}", plan.name));
        }
    }
    found
}

#[test]
fn a_frozen_run_is_the_run() {
    for weather in ["Measured", "Mixed"] {
        let plan = plan(
            &SWARM.replace("swarm: PerSeed,", &format!("swarm: PerSeed, weather: {weather},")),
        );
        assert_eq!(frozen_otherwise(&plan, 1..40), [""; 0], "{weather}");
    }
    let otherwise: Vec<String> =
        shipped().iter().flat_map(|plan| frozen_otherwise(plan, 1..6)).collect();
    assert_eq!(otherwise, [""; 0]);
}

/// Shrinks what a seed of a shipped scenario violates first.
fn shrunk_shipped(name: &str, seed: Seed, runs_max: u32) -> (Fingerprint, Shrunk) {
    let plan = shipped().into_iter().find(|plan| plan.name == name).expect(name);
    let found = Seen::of(&plan, seed, &catch).fingerprints();
    let wanted = found.into_iter().next().expect("it fails");
    let registry = Registry::built_in();
    let tools = Tools { registry: &registry, catch: &catch, runs_max };
    let shrunk = shrink(tools, &plan, seed, &wanted);
    (wanted, shrunk.unwrap_or_else(|error| panic!("{name}@{seed}: {error}")))
}

#[test]
fn a_client_that_asks_again_at_once_can_be_shrunk() {
    let (wanted, shrunk) = shrunk_shipped("partial_quorums_are_stale", Seed(1), 5_000);
    assert!(fails_so(&shrunk.draft, &wanted), "{}", shrunk.draft.text());
    assert!(shrunk.draft.operations.len() <= 6, "{}", shrunk.draft.text());
}

#[test]
fn a_cut_that_stops_many_messages_stays_a_cut() {
    for name in ["partition", "strict_quorum_waits"] {
        let (wanted, shrunk) = shrunk_shipped(name, Seed(1), 5_000);
        let text = shrunk.draft.text();
        assert!(!shrunk.cut_short && fails_so(&shrunk.draft, &wanted), "{text}");
        let cuts = shrunk.draft.faults.iter().filter(|fault| matches!(fault.r#do, Do::Cut { .. }));
        assert_eq!((cuts.count(), shrunk.draft.script.messages.len()), (1, 0), "{text}");
        for smaller in smaller(&shrunk.draft) {
            assert!(!fails_so(&smaller, &wanted), "not minimal:\n{}", smaller.text());
        }
    }
}

#[test]
fn shrinking_never_makes_more_of_what_is_odd() {
    for plan in shipped() {
        let found = Seen::of(&plan, Seed(1), &catch).fingerprints();
        let Some(wanted) = found.first() else { continue };
        let registry = Registry::built_in();
        // Also where the budget runs out half-way.
        for runs_max in [20, 60, 400] {
            let tools = Tools { registry: &registry, catch: &catch, runs_max };
            let shrunk = shrink(tools, &plan, Seed(1), wanted)
                .unwrap_or_else(|error| panic!("{}: {error}", plan.name));
            let (before, after) = (shrunk.before.oddities(), shrunk.draft.size().oddities());
            assert!(after <= before, "{}: {before} → {after}\n{}", plan.name, shrunk.draft.text());
        }
    }
}

#[test]
fn a_crash_at_an_effect_stays_there_where_nodes_also_tell_themselves() {
    let cut = "siblings_are_kept";
    let plan = shipped().into_iter().find(|plan| plan.name == cut).expect("it is shipped");
    assert_eq!(frozen_otherwise(&plan, 1..40), [""; 0]);
}

#[test]
fn strikes_get_names_that_no_rule_has() {
    let text = include_str!("../scenarios/two_phase_commit/happy_path.ron");
    let faults = r#"faults: [
        (id: "a", when: Times(count: (2, 2), within: ("100ms", "1s")), do: Pause(node: Node("c"), for: "1ms")),
        (id: "a_2", when: At("10ms"), do: Pause(node: Node("p1"), for: "1ms")),
    ], checks:"#;
    let plan = plan(&text.replacen("checks:", faults, 1));
    let run = plan.runner().run(Seed(1), Recording::Full);
    let draft = freeze(&plan, &run);
    let mut names: Vec<&str> = draft.faults.iter().map(|fault| fault.id.as_str()).collect();
    assert!(["a", "a_2", "a_3"].iter().all(|name| names.contains(name)), "{names:?}");
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
    assert_eq!(frozen_otherwise(&plan, 1..2), [""; 0]);
}

#[test]
fn a_script_that_cannot_be_loaded_says_so_and_blames_no_chance() {
    let plan_without = without("ForceDecision");
    let (seed, wanted) =
        failures(&plan_without, "atomic_commit.agreement", 1).pop().expect("it is missed");
    let mut frozen = freeze(&plan_without, &Seen::of(&plan_without, seed, &catch).run);
    let twice = frozen.faults[0].clone();
    frozen.faults.push(twice);
    let registry = Registry::built_in();
    let tools = Tools { registry: &registry, catch: &catch, runs_max: 10 };
    let refused = shrink_draft(tools, frozen, &wanted).expect_err("two faults have one name");
    assert!(matches!(refused, NotShrunk::NotLoaded(_)), "{refused}");
    assert!(refused.to_string().contains("cannot be loaded"), "{refused}");
}

#[test]
fn what_a_sync_took_is_taken_away_where_it_does_not_matter() {
    let plan_without = without("ForceDecision");
    let (seed, wanted) =
        failures(&plan_without, "atomic_commit.agreement", 1).pop().expect("it is missed");
    let mut frozen = freeze(&plan_without, &Seen::of(&plan_without, seed, &catch).run);
    frozen.script.syncs.push(SpanLine {
        node: "c".to_owned(),
        label: "ForceDecision".to_owned(),
        nth: 900,
        takes: Duration::from_millis(3),
    });
    let registry = Registry::built_in();
    let tools = Tools { registry: &registry, catch: &catch, runs_max: 5_000 };
    let shrunk = shrink_draft(tools, frozen, &wanted).expect("it fails so");
    assert_eq!(shrunk.draft.script.syncs, []);
}
