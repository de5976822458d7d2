//! The two drivers against each other: whatever a seed does in time, some path does without.
//!
//! ```text
//!   timed seeds ──state between any two events──▶ keys ──▶ all of them in the explored set?
//!                                                            └ without crashes explored: no
//! ```
//!
//! A bug in either driver shows: an effect that one performs and the other does not, a crash that
//! falls where the other cannot let it fall, or anything positional in a key. The same keys are
//! asked of an exploration without crashes, where some must be missing, or the test tests nothing.

use crate::{explore, plan};
use splitbrain::{
    base::ids::Seed,
    checkers::Checker,
    engine::{
        runner::With,
        signal::Signal,
        trace::Recording,
        world::{Judge, World},
    },
    explore::world::{Budgets, WorldModel, WorldOptions},
    protocols::two_phase_commit::{Config, TwoPhaseCommit, settings::Presumption},
    scenario::plan::Plan,
};
use std::collections::BTreeSet;

struct Checkers(Vec<Box<dyn Checker>>);

impl Judge for Checkers {
    fn on_signal(&mut self, signal: &Signal) {
        self.0.iter_mut().for_each(|checker| checker.on_signal(signal));
    }
}

fn one_crash() -> WorldOptions {
    WorldOptions {
        budgets: Budgets { crashes: 1, ..Budgets::default() },
        ..WorldOptions::default()
    }
}

/// Everything goes wrong that a budget of one crash and a set of messages allow.
const WEATHER: &str = r#"
    run: (for: "1s"),
    network: (
        latency: LogUniform("100us", "400ms"),
        loss: "10%",
        duplication: "20%",
        replay: "10%",
        replay_after: LogUniform("1ms", "1s"),
        client: Some((latency: LogUniform("100us", "400ms"), loss: "5%")),
    ),
    disk: (force: LogUniform("100us", "100ms")),
    patience: "300ms",
    budget: Unlimited,
    faults: [
        (id: "cut", when: EachEffect(chance: "2%"), do: Crash(node: Actor, down: "1ms..300ms")),
        (id: "crash", when: Times(count: (0, 1), within: ("0ms", "500ms")),
            do: Crash(node: Any, down: "1ms..300ms")),
    ],
"#;

/// The keys of all states of so many seeds, as long as they stay within the budgets.
fn visited(plan: &Plan, model: &WorldModel, config: Config, seeds: u64) -> BTreeSet<u128> {
    let mut world: World<TwoPhaseCommit> = With::new(config).world(plan.setup.clone());
    let mut keys = BTreeSet::new();
    for seed in 1..=seeds {
        let mut checkers = Checkers(plan.checkers());
        world.compare();
        world.reset(Seed(seed), Recording::HashOnly);
        world.tell(&mut checkers);
        let mut goes_on = true;
        while goes_on && let Some(key) = model.observed_key(&world.observe(), &checkers.0) {
            keys.insert(key);
            goes_on = world.step(&mut checkers);
        }
    }
    keys
}

fn compare(presume: &str, presumption: Presumption) {
    let seeds = 10_000;
    let plan = plan(&format!("participants: 2, presume: {presume}"), WEATHER);
    let (model, explored) = explore(&plan, one_crash());
    assert!(explored.report.is_exhausted(), "{:?}", explored.report);
    let config = Config { participants: 2, presume: presumption, ..Config::default() };
    let keys = visited(&plan, &model, config, seeds);
    let missing = keys.iter().filter(|key| !explored.seen.contains(**key)).count();
    let share = keys.len() * 100 / explored.report.distinct as usize;
    println!(
        "{presume}: {seeds} seeds visited {} of {} states ({share} %)",
        keys.len(),
        explored.report.distinct
    );
    assert_eq!(missing, 0, "{presume}: a seed was where no path leads");
    assert!(share >= 10, "the seeds hardly move: {share} %");

    let (_, calm) = explore(&plan, WorldOptions::default());
    let outside = keys.iter().filter(|key| !calm.seen.contains(**key)).count();
    assert!(outside > keys.len() / 10, "without crashes explored, states must be missing");
}

#[test]
fn every_state_of_every_seed_is_explored_presuming_abort() {
    compare("Abort", Presumption::Abort);
}

#[test]
fn every_state_of_every_seed_is_explored_presuming_commit() {
    compare("Commit", Presumption::Commit);
}

#[test]
fn every_state_of_every_seed_is_explored_presuming_nothing() {
    compare("Nothing", Presumption::Nothing);
}
