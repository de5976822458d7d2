//! No message comes from nowhere and none disappears; nothing happens on a dead node.
//!
//! ```text
//!   sent + copied + local = delivered + dropped + corrupt + cut + dead + overflowed + in flight
//!                           for every role and label, after every run
//! ```
//!
//! The left side is counted where messages leave, the right side in six other places, so a path on
//! which the engine forgets a message shows as a difference. The swarm of two-phase commit is made
//! worse here by damaged frames, cuts that hold, and short queues, so that no term stays zero.
//!
//! The recording is read once more for what must never be in it: time going back, a handler on a
//! node that is down or paused, a timer that was cancelled. Assertions inside the engine were
//! rejected for these: they would share its view of who is down.

#[path = "common/echo.rs"]
mod echo;
#[path = "common/probe.rs"]
mod probe;

use echo::Echo;
use splitbrain::{
    base::{ids::Seed, text::source::Edited},
    engine::{
        counters::MessageCounts,
        network::Endpoint,
        runner::Simulation,
        trace::{Kind, Recording},
    },
    scenario::{load::load, plan::Plan, registry::Registry, run::Run},
};
use std::collections::BTreeMap;

const SEEDS: u64 = 50;

/// The swarm of two-phase commit, with what it lacks.
fn swarm() -> Plan {
    let path = "scenarios/two_phase_commit/swarm.ron";
    let mut text = std::fs::read_to_string(path).expect("the swarm is there");
    for (part, replacement) in [
        ("loss: \"2%\"", "loss: \"2%\", corruption: \"1%\""),
        ("for: \"50ms..400ms\"", "for: \"50ms..400ms\", held: Hold"),
        (
            "faults: [",
            "service: [(nodes: Role(\"participant\"), time: Fixed(\"2ms\"), queue_max: 2)], faults: [",
        ),
    ] {
        assert!(text.contains(part), "`{part}` is not in {path} any more");
        text = text.replace(part, replacement);
    }
    load(&Registry::built_in(), "swarm", &Edited::new(text)).expect("the scenario is sound")
}

/// The counts of a role and label, and how many of these messages are under way, for all of them.
fn accounts(plan: &Plan, simulation: &dyn Simulation) -> Vec<(String, MessageCounts, u64)> {
    let mut accounts = Vec::new();
    for (role, name) in plan.catalog.roles.iter().enumerate() {
        for (label, message) in plan.catalog.messages.names().iter().enumerate() {
            let counts = simulation.counters().messages_of(role, label);
            let in_flight = simulation.in_flight(role, label);
            accounts.push((format!("{message} of {name}"), counts, in_flight));
        }
    }
    accounts
}

fn left(counts: &MessageCounts) -> u64 {
    counts.sent + counts.copied + counts.local
}

fn arrived_or_lost(counts: &MessageCounts) -> u64 {
    let MessageCounts { delivered, dropped, corrupt, cut, dead, overflowed, .. } = *counts;
    delivered + dropped + corrupt + cut + dead + overflowed
}

#[test]
fn every_message_is_accounted_for_in_every_seed_of_the_swarm() {
    let plan = swarm();
    let mut runner = plan.runner();
    let (mut all, mut under_way) = (MessageCounts::default(), 0);
    for seed in 1..=SEEDS {
        runner.judge(Seed(seed));
        for (what, counts, in_flight) in accounts(&plan, runner.simulation()) {
            let right = arrived_or_lost(&counts) + in_flight;
            assert_eq!(
                left(&counts),
                right,
                "seed {seed}, {what}: {counts:?}, {in_flight} in flight"
            );
            all = all.plus(counts);
            under_way += in_flight;
        }
    }
    let terms = [all.copied, all.dropped, all.corrupt, all.cut, all.dead, all.overflowed];
    assert!(terms.iter().all(|&term| term > 10), "a term was never tested: {all:?}");
    println!("{all:?}, {under_way} in flight");
}

#[test]
fn messages_to_oneself_are_accounted_for_too() {
    let path = "scenarios/two_phase_commit/gray_lamport.ron";
    let text = std::fs::read_to_string(path).expect("it is there");
    let plan = load(&Registry::built_in(), "local", &Edited::new(text)).expect("it is sound");
    let mut runner = plan.runner();
    runner.judge(Seed(1));
    let accounts = accounts(&plan, runner.simulation());
    assert!(accounts.iter().any(|(_, counts, _)| counts.local > 0));
    for (what, counts, in_flight) in accounts {
        assert_eq!(left(&counts), arrived_or_lost(&counts) + in_flight, "{what}: {counts:?}");
    }
}

#[test]
fn nothing_is_in_flight_when_nothing_is_left_to_happen() {
    let faults = r#"(id: "x", when: EachMessage(chance: "20%"), do: Duplicate(copies: 2)),
        (id: "y", when: At("15ms"), do: Crash(node: Node("p1"), down: "9ms"))"#;
    let plan = probe::plan("asks: 6, gossip: true", faults, "");
    let mut runner = plan.runner();
    for seed in 1..=SEEDS {
        let run = runner.run(Seed(seed), Recording::HashOnly);
        assert!(run.end.quiet_at < run.end.end, "the queue ran empty");
        for (what, counts, in_flight) in accounts(&plan, runner.simulation()) {
            assert_eq!(in_flight, 0, "{what}");
            assert_eq!(left(&counts), arrived_or_lost(&counts), "seed {seed}, {what}: {counts:?}");
        }
    }
}

#[test]
fn what_is_held_waiting_or_being_handled_when_the_run_ends_is_in_flight() {
    let in_flight = |faults: &str| {
        let plan = probe::plan("asks: 1", faults, "run: (for: \"50ms\"),");
        let mut runner = plan.runner();
        runner.judge(Seed(1));
        let accounts = accounts(&plan, runner.simulation());
        accounts.iter().map(|(.., in_flight)| in_flight).sum::<u64>()
    };
    assert_eq!(in_flight(""), 0);
    let held = r#"(id: "x", when: At("5ms"), do: Cut(groups: [Nodes(["a"]), Rest], for: "1s", held: Hold))"#;
    assert_eq!(in_flight(held), 2);
    let paused = r#"(id: "x", when: At("5ms"), do: Pause(node: Node("p1"), for: "forever"))"#;
    assert_eq!(in_flight(paused), 1);
    let slow =
        r#"(id: "x", when: At("5ms"), do: Slow(node: Node("p1"), service: "1s", for: "1s"))"#;
    assert_eq!(in_flight(slow), 1);
    let late = r#"(id: "x", when: EachMessage(chance: "100%", label: "Ask"), do: Delay(by: "1s"))"#;
    assert_eq!(in_flight(late), 2);
}

/// Whether an entry is something that a node does.
fn is_done_by_a_node(kind: Kind) -> bool {
    use Kind::{Deliver, Durable, Force, Reply, Send, Step, Timer, Write};
    matches!(kind, Deliver | Durable | Force | Reply | Send | Step | Timer | Write)
}

/// Reads a recording for what must never be in it.
fn assert_sane(run: &Run) {
    let nodes = run.catalog.nodes.len();
    let (mut down, mut paused) = (vec![true; nodes], vec![false; nodes]);
    for (place, entry) in run.entries.iter().enumerate() {
        let before = place.checked_sub(1).map(|before| &run.entries[before]);
        assert!(before.is_none_or(|before| before.at <= entry.at), "time goes back at {entry:?}");
        assert!(before.is_none_or(|before| before.event < entry.event), "numbers at {entry:?}");
        assert!(entry.cause < entry.event, "the cause comes first: {entry:?}");
        let Some(who) = Some(usize::from(entry.who.0)).filter(|&who| who < nodes) else { continue };
        match entry.kind {
            Kind::Crash => {
                assert!(!down[who], "only a node that is up crashes: {entry:?}");
                (down[who], paused[who]) = (true, false);
            }
            Kind::Boot => {
                assert!(down[who], "only a node that is down boots: {entry:?}");
                down[who] = false;
            }
            Kind::Pause => paused[who] = true,
            Kind::Resume => {
                assert!(paused[who], "only a paused node resumes: {entry:?}");
                paused[who] = false;
            }
            kind if is_done_by_a_node(kind) => {
                assert!(!down[who], "seed {}: a dead node did it: {entry:?}", run.seed.0);
                assert!(!paused[who], "seed {}: a paused node did it: {entry:?}", run.seed.0);
            }
            _ => {}
        }
    }
}

#[test]
fn time_never_goes_back_and_nothing_runs_on_a_node_that_is_down_or_paused() {
    let plan = swarm();
    let mut runner = plan.runner();
    let (mut crashes, mut pauses) = (0, 0);
    for seed in 1..=SEEDS {
        let run = runner.run(Seed(seed), Recording::Full);
        assert_sane(&run);
        crashes += run.entries.iter().filter(|entry| entry.kind == Kind::Crash).count();
        pauses += run.entries.iter().filter(|entry| entry.kind == Kind::Pause).count();
    }
    assert!(crashes > 50 && pauses > 10, "{crashes} crashes and {pauses} pauses");
}

/// Balls at about the pace of the timer that guards them, with pauses in which timers fall due.
fn game() -> Plan {
    let text = r#"Scenario(
        title: "echo",
        protocol: Echo(balls: 60),
        network: (latency: Uniform("40ms", "60ms"), loss: "5%", duplication: "10%"),
        workload: Requests([(at: "0ms", ask: Audit)]),
        faults: [
            (id: "p", when: Times(count: (4, 8), within: ("0s", "3s")), do: Pause(node: Any, for: "5ms..90ms")),
            (id: "c", when: Times(count: (0, 2), within: ("0s", "3s")), do: Crash(node: Any, down: "30ms")),
        ],
        budget: Unlimited,
        checks: [],
        run: (for: "4s"),
    )"#;
    let registry = Registry::built_in().with_protocol::<Echo>();
    load(&registry, "echo", &Edited::new(text)).expect("the scenario is sound")
}

/// The number in `Ball(7)` or `Again(7)`.
fn number(text: &str) -> u32 {
    let digits = text.trim_matches(|letter: char| !letter.is_ascii_digit());
    digits.parse().expect("a number")
}

#[test]
fn a_cancelled_timer_never_fires() {
    let plan = game();
    let mut runner = plan.runner();
    let mut fired = 0;
    for seed in 1..=SEEDS {
        let run = runner.run(Seed(seed), Recording::Full);
        assert_sane(&run);
        // Throwing a ball sets its timer, and the ball that comes back cancels it: only the timer
        // of a node's latest throw may ever fire.
        let mut thrown: BTreeMap<Endpoint, u32> = BTreeMap::new();
        for entry in &run.entries {
            match entry.kind {
                Kind::Crash => _ = thrown.remove(&entry.who),
                Kind::Send => _ = thrown.insert(entry.who, number(&entry.text)),
                Kind::Timer => {
                    fired += 1;
                    let latest = thrown.get(&entry.who).copied();
                    assert_eq!(latest, Some(number(&entry.text)), "seed {seed}: {entry:?}");
                }
                _ => {}
            }
        }
    }
    assert!(fired > 500, "timers fire and are cancelled: {fired}");
}
