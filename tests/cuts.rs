//! A crash can fall between any two effects: every cut of every handler of a small run is reached.
//!
//! ```text
//!   calm run ──▶ for each handler, its effects in order     required: (handler, k) for every k
//!   crashing seeds ──▶ where each crash fell ──────────────▶ reached
//! ```
//!
//! A handler is known by its role and what it handles; what stands behind a force is a handler of
//! its own here, begun by the disk. Timers and step marks change nothing that outlives a crash, so
//! two cuts that differ only by one of those count as one.

use splitbrain::{
    base::{ids::Seed, text::source::Edited},
    engine::trace::{Entry, Kind, Recording},
    scenario::{load::load, plan::Plan, registry::Registry, run::Run},
};
use std::collections::{BTreeMap, BTreeSet};

/// Role and what is handled.
type Handler = (String, String);

fn plan(faults: &str) -> Plan {
    let text = format!(
        r#"Scenario(
            title: "one transaction",
            protocol: TwoPhaseCommit(participants: 2, presume: Commit),
            network: (latency: Fixed("10ms")),
            workload: Requests([(at: "0ms", ask: Transfer(from: 0, to: 1, amount: 5))]),
            faults: [{faults}],
            checks: [AtomicCommit, Durability, Conservation],
            run: (for: "3s", quiet_tail: "2s"),
        )"#
    );
    load(&Registry::built_in(), "cuts", &Edited::new(text)).expect("the scenario is sound")
}

fn is_effect(entry: &Entry) -> bool {
    matches!(entry.kind, Kind::Send | Kind::Force | Kind::Write | Kind::Reply)
}

/// The name of the handler that an event began.
fn handler(run: &Run, event: &Entry) -> Handler {
    let catalog = &run.catalog;
    let role = catalog.roles[usize::from(catalog.role_of[usize::from(event.who.0)])];
    let what = match event.kind {
        Kind::Deliver if event.label == u16::MAX => "request".to_owned(),
        Kind::Deliver => catalog.messages.name(event.label).to_owned(),
        Kind::Timer => catalog.timers.name(event.label).to_owned(),
        Kind::Durable => {
            let begun = run.entries.iter().find(|entry| entry.event == event.cause);
            format!("{} after its force", handler(run, begun.expect("a force has a handler")).1)
        }
        other => format!("{other:?}"),
    };
    (role.to_owned(), what)
}

/// How many effects each handler of a run has, and where crashes fell.
fn effects_and_cuts(run: &Run) -> (BTreeMap<Handler, usize>, BTreeSet<(Handler, usize)>) {
    let mut effects = BTreeMap::new();
    let mut cuts = BTreeSet::new();
    for event in run.entries.iter().filter(|entry| !is_effect(entry)) {
        let begun = matches!(event.kind, Kind::Deliver | Kind::Timer | Kind::Durable | Kind::Boot);
        if !begun {
            continue;
        }
        let caused = run.entries.iter().filter(|entry| entry.cause == event.event);
        let done =
            caused.clone().filter(|entry| is_effect(entry) && entry.who == event.who).count();
        if caused.clone().any(|entry| entry.kind == Kind::Crash && entry.who == event.who) {
            cuts.insert((handler(run, event), done));
        } else {
            let most = effects.entry(handler(run, event)).or_insert(0);
            *most = done.max(*most);
        }
    }
    (effects, cuts)
}

#[test]
fn every_cut_of_every_handler_of_a_commit_is_reached() {
    let calm = plan("").runner().run(Seed(1), Recording::Full);
    let required: BTreeSet<(Handler, usize)> = effects_and_cuts(&calm)
        .0
        .into_iter()
        .flat_map(|(handler, effects)| (0..effects).map(move |k| (handler.clone(), k)))
        .collect();
    assert!(required.len() >= 8, "a commit has a good many effects: {required:?}");
    let crashing = plan(
        r#"(id: "cut", when: EachEffect(chance: "10%"), do: Crash(node: Actor, down: "20ms"))"#,
    );
    let mut runner = crashing.runner();
    let mut reached = BTreeSet::new();
    for seed in 1..=400 {
        let run = runner.run(Seed(seed), Recording::Full);
        reached.extend(effects_and_cuts(&run).1);
    }
    let missed: Vec<_> = required.difference(&reached).collect();
    assert!(missed.is_empty(), "no seed cut here: {missed:?}");
}
