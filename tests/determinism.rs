//! A run is its scenario and its seed: nothing else shows in it, to the last bit.
//!
//! ```text
//!   every file under scenarios/ × seed ──▶ hash and judgements     twice, in a new world, recorded,
//!                                          after 20 other seeds, cloned half way: always the same
//!   tests/golden/hashes.txt ◀── hashes of seeds 1 and 2            in debug and in release alike
//! ```
//!
//! Two runs in one process find what a run leaves behind; the golden file finds what differs
//! between profiles, machines and versions. A change of behaviour changes it: look at what moved,
//! then bless it with `SPLITBRAIN_BLESS=1 cargo test --test determinism`.
//! Comparing recordings instead was rejected: a hash covers the same, and its prefixes name the
//! first difference.

use splitbrain::{
    base::{ids::Seed, text::source::Edited, time::Time},
    engine::{runner::With, signal::Signal, trace::Recording, world::Judge},
    protocols::two_phase_commit::{Config, TwoPhaseCommit},
    scenario::{load::load, plan::Plan, registry::Registry},
};
use std::{fmt::Write as _, path::Path};

const GOLDEN: &str = "tests/golden/hashes.txt";

/// Every scenario file, by name: `two_phase_commit/swarm`.
fn scenarios() -> Vec<(String, Plan)> {
    let mut plans = Vec::new();
    gather(Path::new("scenarios"), &mut plans);
    plans.sort_by(|x, y| x.0.cmp(&y.0));
    assert!(plans.len() > 10, "the scenarios are there");
    plans
}

fn gather(folder: &Path, plans: &mut Vec<(String, Plan)>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && !path.ends_with("studies") {
            gather(&path, plans);
        } else if path.extension().is_some_and(|extension| extension == "ron")
            && !path.ends_with("splitbrain.ron")
        {
            let name = path.with_extension("");
            let name = name.strip_prefix("scenarios").expect("it lies there").to_string_lossy();
            let name = name.replace('\\', "/");
            let text = std::fs::read_to_string(&path).expect("a text");
            let plan = load(&Registry::built_in(), &name, &Edited::new(text));
            let plan = plan.unwrap_or_else(|error| panic!("{name}: {:?}", error.mistakes));
            plans.push((name, plan));
        }
    }
}

/// Hash, judgements in full and final digest of a seed in a new world.
fn in_a_new_world(plan: &Plan, seed: u64) -> (u128, String, u128) {
    let mut runner = plan.runner();
    let (hash, judgements) = runner.judge(Seed(seed));
    (hash, format!("{judgements:?}"), runner.simulation().digest())
}

#[test]
fn a_seed_gives_the_same_run_in_the_same_world_in_a_new_one_and_recorded() {
    for (name, plan) in scenarios() {
        let expected = in_a_new_world(&plan, 1);
        let mut runner = plan.runner();
        for round in 1..=2 {
            let (hash, judgements) = runner.judge(Seed(1));
            let seen = (hash, format!("{judgements:?}"), runner.simulation().digest());
            assert_eq!(seen, expected, "{name}, round {round}");
        }
        let run = runner.run(Seed(1), Recording::Full);
        let seen = (run.hash, format!("{:?}", run.judgements), runner.simulation().digest());
        assert_eq!(seen, expected, "{name}, recorded");
        assert!(!run.entries.is_empty() && !run.signals.is_empty());
        let hashed = runner.run(Seed(1), Recording::HashOnly);
        assert_eq!(hashed.hash, expected.0, "{name}, hashed");
        assert!(hashed.entries.is_empty());
    }
}

#[test]
fn another_seed_gives_another_run() {
    for (name, plan) in scenarios() {
        let mut hashes: Vec<u128> = (1..=5).map(|seed| in_a_new_world(&plan, seed).0).collect();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), 5, "{name}");
    }
}

#[test]
fn a_run_leaves_nothing_behind() {
    for (name, plan) in scenarios() {
        let expected = in_a_new_world(&plan, 7);
        let mut runner = plan.runner();
        let recordings = [Recording::HashOnly, Recording::Full];
        for seed in 100..120 {
            runner.run(Seed(seed), recordings[seed as usize % 2]);
        }
        let run = runner.run(Seed(7), Recording::HashOnly);
        let seen = (run.hash, format!("{:?}", run.judgements), runner.simulation().digest());
        assert_eq!(seen, expected, "{name}");
    }
}

#[test]
fn hashes_are_those_of_the_golden_file() {
    let mut hashes = String::new();
    for (name, plan) in scenarios() {
        for seed in 1..=2 {
            let (hash, ..) = in_a_new_world(&plan, seed);
            writeln!(hashes, "{name} {seed} {hash:032x}").expect("a string takes it");
        }
    }
    if std::env::var_os("SPLITBRAIN_BLESS").is_some() {
        return std::fs::write(GOLDEN, hashes).expect("the golden file can be written");
    }
    let golden = std::fs::read_to_string(GOLDEN).unwrap_or_default();
    let moved: Vec<&str> = hashes.lines().filter(|line| !golden.contains(line)).collect();
    assert!(
        golden == hashes,
        "these runs are not those of {GOLDEN}; if that is intended, bless them with \
         SPLITBRAIN_BLESS=1:\n{}",
        moved.join("\n")
    );
}

/// Remembers every signal, as words.
#[derive(Clone, Default, PartialEq, Debug)]
struct Memory(Vec<String>);

impl Judge for Memory {
    fn on_signal(&mut self, signal: &Signal) {
        self.0.push(format!("{signal:?}"));
    }
}

/// The settings of the swarm, whose rules meet a world in every state.
fn swarm() -> (With<TwoPhaseCommit>, Plan) {
    let (_, plan) = scenarios()
        .into_iter()
        .find(|(name, _)| name == "two_phase_commit/swarm")
        .expect("the swarm is there");
    let config: Config = ron::from_str(
        r#"(participants: 3, presume: Mixed, refuse: Chance("5%"), vote_deadline: "40ms",
            resend_interval: "30ms", inquiry_interval: "25ms")"#,
    )
    .expect("the settings of the scenario");
    (With::new(config), plan)
}

#[test]
fn a_world_cloned_half_way_ends_like_its_original() {
    let (protocol, plan) = swarm();
    let mut world = protocol.world(plan.setup.clone());
    for seed in 1..=20 {
        for at in [1, 50, 400, 1_000, 2_500] {
            world.reset(Seed(seed), Recording::HashOnly);
            let mut memory = Memory::default();
            world.run_until(Time::from_millis(at), &mut memory);
            let (mut clone, mut remembered) = (world.clone(), memory.clone());
            assert_eq!(clone.digest(), world.digest());
            let end = world.run(&mut memory);
            assert_eq!(clone.run(&mut remembered), end, "seed {seed}, cloned at {at} ms");
            assert_eq!(clone.trace().hash(), world.trace().hash());
            assert_eq!(clone.digest(), world.digest());
            assert_eq!(remembered, memory);
        }
    }
}

#[test]
fn a_run_in_steps_is_the_run_in_one_go() {
    let (protocol, plan) = swarm();
    let mut world = protocol.world(plan.setup.clone());
    for seed in 1..=20 {
        let expected = in_a_new_world(&plan, seed);
        world.reset(Seed(seed), Recording::HashOnly);
        for step in 0..400 {
            let before = world.run_until(Time::from_millis(step * 10), &mut ());
            assert!(before.quiet_at <= Time::from_millis(step * 10), "it stops where it should");
        }
        world.run(&mut ());
        assert_eq!((world.trace().hash(), world.digest()), (expected.0, expected.2), "seed {seed}");
    }
}
