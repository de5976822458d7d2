//! The swarm: what two-phase commit promises holds, and leaving out a step breaks what it guards.
//!
//! ```text
//!   swarm.ron × seeds ──▶ no property violated, each exercised, each fault class effective
//!   swarm.ron × seeds, one step ablated ──▶ the property that the step's doc names falls
//! ```
//!
//! Optimized, ten thousand seeds are proved; without optimization a tenth of them, so that the
//! usual test run stays short. Each ablated step is also run against its twin: the same seeds with
//! the step kept, which must be green. Only looking for *some* failure was rejected: a step is
//! load-bearing when the named property falls.

use splitbrain::{
    base::{ids::Seed, text::source::Edited},
    checkers::{Judgement, Verdict},
    engine::protocol::StepInfo,
    scenario::{
        load::{edit, load},
        plan::{Plan, Runner},
        registry::Registry,
    },
};
use std::collections::BTreeMap;

const SEEDS: u64 = if cfg!(debug_assertions) { 1_000 } else { 10_000 };
const ABLATED_SEEDS_MAX: u64 = 3_000;

fn swarm(sets: &[(&str, String)]) -> Plan {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/two_phase_commit/swarm.ron");
    let text = std::fs::read_to_string(path).expect("the scenario is there");
    let sets: Vec<(String, String)> =
        sets.iter().map(|(path, value)| ((*path).to_owned(), value.clone())).collect();
    let edited: Edited = edit(&text, &sets).expect("the paths exist");
    load(&Registry::built_in(), "swarm", &edited).expect("the scenario is sound")
}

fn violated(judgement: &Judgement) -> bool {
    matches!(judgement.verdict, Verdict::Violated(_))
}

/// How often each property was put to the test, and each rule and crash had an effect.
#[derive(Default)]
struct Tally {
    exercised: BTreeMap<&'static str, u64>,
    effective: BTreeMap<String, u64>,
    cut_handlers: u64,
    during_force: u64,
}

impl Tally {
    fn add(&mut self, judgements: &[Judgement], runner: &Runner<'_>) {
        for judgement in judgements {
            *self.exercised.entry(judgement.property).or_default() +=
                u64::from(judgement.exercised > 0);
        }
        for rule in runner.rules() {
            *self.effective.entry(rule.id).or_default() += u64::from(rule.counts.effects > 0);
        }
        let nodes = &runner.simulation().counters().nodes;
        self.cut_handlers += nodes.cut_handlers;
        self.during_force += nodes.during_force;
    }
}

#[test]
fn nothing_that_two_phase_commit_promises_breaks_and_everything_is_put_to_the_test() {
    let plan = swarm(&[]);
    let mut runner = plan.runner();
    let mut tally = Tally::default();
    for seed in 1..=SEEDS {
        let (_, judgements) = runner.judge(Seed(seed));
        let broken = judgements.iter().find(|judgement| violated(judgement));
        assert!(broken.is_none(), "swarm@{seed}: {broken:?}");
        tally.add(&judgements, &runner);
    }
    let Tally { exercised, effective, cut_handlers, during_force } = tally;
    println!("{SEEDS} seeds hold; exercised {exercised:?}; effective {effective:?}");
    println!("{cut_handlers} crashes between two effects, {during_force} during a force");
    assert_eq!(exercised.len(), 9);
    assert!(exercised.values().all(|seeds| *seeds > SEEDS / 20), "{exercised:?}");
    assert!(effective.values().all(|seeds| *seeds > SEEDS / 20), "{effective:?}");
    assert!(cut_handlers > SEEDS && during_force > SEEDS / 10);
}

#[test]
fn coordinators_and_participants_crash_inside_the_window() {
    let window = r#"(id: "window", when: Before(event: Step("ForceDecision"), nth: 5), do: Crash(node: Actor, down: "300ms"))"#;
    let doubt = r#"(id: "doubt", when: After(event: Step("ForcePromise"), nth: 7), do: Crash(node: Actor, down: "300ms"))"#;
    let plan = swarm(&[("faults", format!("[{window}, {doubt}]"))]);
    let mut runner = plan.runner();
    let mut both = 0;
    for seed in 1..=200 {
        let (_, judgements) = runner.judge(Seed(seed));
        assert!(!judgements.iter().any(violated), "seed {seed}: {judgements:?}");
        both += u64::from(runner.rules().iter().all(|rule| rule.counts.effects > 0));
    }
    assert!(both > 190, "both roles crashed in the window in {both} of 200 seeds only");
}

/// The first seed in which a step's property falls, and how many seeds were looked at.
fn first_fall(step: &StepInfo) -> Option<u64> {
    let plan = swarm(&[("ablate", format!("[\"{}\"]", step.name))]);
    let mut runner = plan.runner();
    (1..=ABLATED_SEEDS_MAX).find(|seed| {
        let (_, judgements) = runner.judge(Seed(*seed));
        judgements.iter().any(|judgement| judgement.property == step.guards && violated(judgement))
    })
}

#[test]
fn without_any_one_step_the_property_that_its_doc_names_falls() {
    let registry = Registry::built_in();
    let protocol = registry.protocols().find(|protocol| protocol.name() == "TwoPhaseCommit");
    let whole = swarm(&[]);
    let mut twin = whole.runner();
    for step in protocol.expect("it is built in").steps() {
        let seed = first_fall(step).unwrap_or_else(|| {
            panic!("{} is not load-bearing: {} holds without it", step.name, step.guards)
        });
        println!("{:16} {:26} falls first at seed {seed}", step.name, step.guards);
        for seed in 1..=seed {
            let (_, judgements) = twin.judge(Seed(seed));
            assert!(!judgements.iter().any(violated), "the twin falls at {seed}: {judgements:?}");
        }
    }
}

#[test]
fn every_sound_combination_of_settings_survives_the_swarm() {
    let combinations = [
        "participants: 3, presume: Mixed, termination: Cooperative, read_only_votes: Off, enlist: All",
        "participants: 3, presume: Mixed, termination: Cooperative, read_only_votes: Off",
        "participants: 3, presume: Abort, enlist: All",
        "participants: 3, presume: Commit, enlist: All",
        "participants: 4, presume: Nothing, enlist: All",
        "participants: 3, enlist: All, begin: ResourceManager(coordinator: Apart)",
        "participants: 3, enlist: All, begin: ResourceManager(coordinator: CoLocated)",
    ];
    let patience = "vote_deadline: \"40ms\", resend_interval: \"30ms\", inquiry_interval: \"25ms\"";
    for settings in combinations {
        let protocol = format!("TwoPhaseCommit({settings}, refuse: Chance(\"15%\"), {patience})");
        let mut sets = vec![("protocol", protocol), ("network.replay", "10%".to_owned())];
        if settings.contains("CoLocated") {
            let deaf = r#"(id: "deaf", when: Times(count: (0, 2), within: ("0s", "1500ms")), do: CutOneWay(from: Nodes(["p1"]), to: Nodes(["p2"]), for: "50ms..300ms"))"#;
            sets.push(("faults.deaf", deaf.to_owned()));
        }
        let plan = swarm(&sets);
        let mut runner = plan.runner();
        for seed in 1..=SEEDS / 5 {
            let (_, judgements) = runner.judge(Seed(seed));
            let broken = judgements.iter().find(|judgement| violated(judgement));
            assert!(broken.is_none(), "{settings}, seed {seed}: {broken:?}");
        }
    }
}
