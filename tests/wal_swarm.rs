//! The swarm of the write-ahead log, class by class, and what falls when a step is left out.
//!
//! ```text
//!   swarm.ron × seeds ──▶ all holds, each fault class effective, each property put to the test
//!     without damage  ──▶ survived: nobody refuses, everything goes on
//!     damage only     ──▶ detected: refused, or of no account; never served
//!     a disk that lies ─▶ outside the promise: what was acknowledged is lost
//!   a scenario per step × seeds, the step ablated ──▶ the property that the step's doc names falls
//! ```
//!
//! Optimized, ten thousand seeds are proved; without optimization a twentieth of them. Each ablated
//! step is also run against its twin: the same seeds with the step kept, which must be green.
//!
//! Budgets, optimized and on one core: a minute for all that is not ignored, five more for ten
//! thousand seeds of every scenario, which is (`cargo test --release --test wal_swarm -- --ignored`).

#[path = "common/pattern.rs"]
mod pattern;

use pattern::{Pattern, SEEDS, falls, hold, is_violated, plan, text};
use splitbrain::{
    base::ids::{NodeId, Seed},
    engine::{
        facts::Fact,
        signal::What,
        trace::{Entry, Kind, Recording},
    },
    scenario::{plan::Plan, run::Run},
};
use std::collections::BTreeSet;

const WAL: Pattern = Pattern { folder: "wal", protocol: "Wal" };

/// The swarm with only those rules of which this says so, and other checks.
fn swarm_of(keeps: impl Fn(&str) -> bool, checks: &str) -> Plan {
    let text = text("wal/swarm");
    let lines = text.lines().filter(|line| match line.split_once("(id: \"") {
        Some((_, rest)) => keeps(rest.split('"').next().expect("an id")),
        None => true,
    });
    let lines: Vec<&str> = lines.collect();
    plan("swarm", &lines.join("\n"), &[("checks", checks)])
}

fn is_damage(id: &str) -> bool {
    matches!(id, "rot" | "misdirected")
}

/// How many nodes refused to serve.
fn refusals(run: &Run) -> usize {
    let refuses = |what: &What| matches!(what, What::Stated(_, Fact::Refuses(_)));
    run.signals.iter().filter(|signal| refuses(&signal.what)).count()
}

#[test]
fn nothing_that_anyone_knows_is_lost_in_silence_and_everything_is_put_to_the_test() {
    let held = hold(&WAL.scenario("swarm", &[]), SEEDS);
    held.assert_exercised(6, SEEDS / 10).assert_effective(8, SEEDS / 10);
}

#[test]
fn what_damages_nothing_is_survived_and_nobody_refuses() {
    let plan = swarm_of(|id| !is_damage(id), "[Recovery, Linearizable, Progress]");
    hold(&plan, SEEDS).assert_effective(6, SEEDS / 10);
    let mut runner = plan.runner();
    for seed in 1..=SEEDS / 10 {
        assert_eq!(refusals(&runner.run(Seed(seed), Recording::Full)), 0, "{seed}");
    }
}

#[test]
fn damage_is_refused_and_never_served() {
    let keeps = |id: &str| is_damage(id) || id == "crashes";
    let plan = swarm_of(keeps, "[Recovery, Linearizable]");
    hold(&plan, SEEDS).assert_effective(3, SEEDS / 10);
    let mut runner = plan.runner();
    let refusing = (1..=SEEDS / 10)
        .filter(|seed| refusals(&runner.run(Seed(*seed), Recording::Full)) > 0)
        .count();
    println!("somebody refuses in {refusing} of {} seeds", SEEDS / 10);
    assert!(refusing as u64 > SEEDS / 100);
}

#[test]
fn a_disk_that_lies_is_outside_the_promise() {
    let lies = r#"(id: "lies", when: Times(count: (1, 3), within: ("0s", "800ms")), do: BadDisk(node: Any, how: Lies, for: "10ms..80ms")),
        (id: "crashes","#;
    let text = text("wal/swarm").replacen("(id: \"crashes\",", lies, 1);
    let plan = plan("lies", &text, &[]);
    let mut runner = plan.runner();
    let mut lost = 0;
    for seed in 1..=SEEDS / 5 {
        let (_, judgements) = runner.judge(Seed(seed));
        lost += u64::from(falls("recovery.acknowledged", &judgements));
    }
    println!("acknowledged writes are lost in {lost} of {} seeds", SEEDS / 5);
    assert!(lost > SEEDS / 500, "{lost}");
}

#[test]
fn typed_records_on_a_disk_that_lies_are_outside_the_promise_too() {
    let lost = |how| {
        let text = format!(
            r#"Scenario(
                title: "lies",
                protocol: TwoPhaseCommit(participants: 2),
                network: (latency: Fixed("1ms")),
                disk: (force: Fixed("1ms")),
                workload: Transfers(clients: 2, rate: "50/s", accounts: 8, until: "400ms"),
                faults: [
                    (id: "bad", when: At("50ms"), do: BadDisk(node: Node("p1"), how: {how}, for: "200ms")),
                    (id: "crash", when: At("240ms"), do: Crash(node: Node("p1"), down: "10ms", cut: Boundary)),
                ],
                checks: [Durability],
                run: (for: "1s"),
            )"#
        );
        let plan = plan("lies", &text, &[]);
        let mut runner = plan.runner();
        let loses = |seed: &u64| {
            let lost = runner.judge(Seed(*seed)).1.iter().any(is_violated);
            assert!(!lost || runner.rules()[0].counts.effects == 1, "the lie is what lost it");
            lost
        };
        (1..=40).filter(loses).count()
    };
    assert!(lost("Lies") > 30);
    assert_eq!(lost("Slow(2)"), 0);
}

/// The scenario in which nothing else does a step's work.
fn stage(step: &str) -> &'static str {
    match step {
        "ReadOnlyDurable" => "reading_what_is_not_durable_loses",
        "Checksum" | "ChainChecksums" => "what_stood_behind_a_cut_does_not_rise_again",
        "CheckPages" => "a_misdirected_page_is_detected",
        "LogBeforePage" => "no_page_goes_ahead_of_the_log",
        "KeepLogUntilCheckpoint" => "cutting_the_log_too_early_leaves_a_gap",
        "StopAfterFailedSync" => "a_node_that_stops_at_a_failed_sync_survives",
        "ForceBeforeShipping" => "a_standby_shows_only_what_is_durable",
        "AwaitStandby" | "HoldLease" | "SyncSuccession" => "a_synchronous_standby_loses_nothing",
        _ => "crashes_keep_every_acknowledged_write",
    }
}

#[test]
fn without_any_one_step_the_property_that_its_doc_names_falls() {
    WAL.assert_every_step_bears_load(stage);
}

/// A crash of the second boot after so many effects.
fn after_effects(boot: u32, effects: u32) -> String {
    format!(
        r#"when: Inside(event: Boot, nth: {boot}, effects: {effects}), do: Crash(node: Actor, down: "5ms")"#
    )
}

/// A crash at an instant, between two handlers.
fn at(micros: u32) -> String {
    format!(r#"when: At("{micros}us"), do: Crash(node: Node("p"), down: "5ms", cut: Boundary)"#)
}

/// A crash at 111 ms, and these two after it.
fn crashed_in_recovery(second: &str, third: &str) -> Plan {
    plan(
        "recovery",
        &format!(
            r#"Scenario(
                title: "recovery",
                protocol: Wal(acknowledge: Group(window: "1ms"), checkpoint: Every("40ms"), segment_bytes: 1024),
                network: (latency: Fixed("300us")),
                disk: (force: Fixed("1ms"), seek: "1ms", sector: "50us"),
                workload: Registers(clients: 4, think: "1ms", keys: 12, until: "200ms"),
                patience: "30ms",
                faults: [
                    (id: "first", when: At("111ms"), do: Crash(node: Node("p"), down: "5ms")),
                    (id: "second", {second}),
                    (id: "third", {third}),
                ],
                budget: Unlimited,
                checks: [Recovery, Linearizable, Progress],
                run: (for: "500ms", quiet_tail: "200ms"),
            )"#
        ),
        &[],
    )
}

/// Of each boot of a run, what it did last before its crash, and whether it had told by then what it
/// had recovered.
fn boots(run: &Run) -> Vec<(String, bool)> {
    let server = |entry: &&Entry| entry.who == NodeId(0).into();
    let entries: Vec<&Entry> = run.entries.iter().filter(server).collect();
    let starts = entries.iter().enumerate().filter(|(_, entry)| entry.kind == Kind::Boot);
    let boot = |(start, boot): (usize, &&Entry)| {
        let rest = &entries[start..];
        let crash = rest.iter().position(|entry| entry.kind == Kind::Crash);
        let last = crash.map_or(Kind::Boot, |crash| rest[crash - 1].kind);
        let until = crash.map(|crash| rest[crash].event);
        let told = run.signals.iter().any(|signal| {
            matches!(signal.what, What::Stated(_, Fact::Recovered(_)))
                && signal.event >= boot.event
                && until.is_none_or(|until| signal.event < until)
        });
        (format!("{last:?}"), told)
    };
    starts.map(boot).collect()
}

fn unbroken(plan: &Plan, seed: u64) -> Run {
    let run = plan.runner().run(Seed(seed), Recording::Full);
    let broken = run.judgements.iter().find(|judgement| is_violated(judgement));
    assert!(broken.is_none(), "{seed}: {broken:?}\n{}", plan.text);
    assert!(run.rules.iter().all(|rule| rule.counts.fired == 1), "{seed}\n{}", plan.text);
    run
}

#[test]
fn recovery_may_crash_between_any_two_effects_and_comes_to_the_same() {
    let mut last_before_a_crash = BTreeSet::new();
    // How many boots were cut before they had told what they recovered, and how many after.
    let mut told = [0, 0];
    for (second, third) in (0..48).flat_map(|second| [(second, 0), (second, 99), (second, second)])
    {
        let plan = crashed_in_recovery(&after_effects(2, second), &after_effects(3, third));
        for seed in 1..=5 {
            let run = unbroken(&plan, seed);
            let boots = boots(&run);
            let [_, cut, cut_again, (_, true)] = &boots[..] else { panic!("{boots:?}") };
            for (last, has_told) in [cut, cut_again] {
                last_before_a_crash.insert(last.clone());
                told[usize::from(*has_told)] += 1;
            }
            // The last boot always tells; it is compared with one before it, if one came so far.
            let idempotent = run.judgements.iter().find(|j| j.property == "recovery.idempotent");
            let put = idempotent.is_some_and(|judgement| judgement.exercised > 0);
            assert_eq!(put, cut.1 || cut_again.1, "{second} {third} @{seed}: {boots:?}");
        }
    }
    println!("crashes behind {last_before_a_crash:?}; not told and told: {told:?}");
    for kind in ["Boot", "Read", "Step", "FileWrite", "Synced"] {
        assert!(last_before_a_crash.contains(kind), "no crash falls behind a {kind}");
    }
    assert!(told.iter().all(|boots| *boots > 0), "{told:?}");
}

#[test]
fn recovery_may_crash_while_it_reads_and_while_it_syncs() {
    let mut last_before_a_crash = BTreeSet::new();
    // The second boot is at 116 ms, the third 5 ms after the crash of the second.
    for (second, third) in (0..80).flat_map(|second| [(second, 0), (second, 20), (second, 60)]) {
        let (second, third) = (116_000 + 100 * second, 121_000 + 100 * (second + third));
        let plan = crashed_in_recovery(&at(second), &at(third));
        for seed in 1..=3 {
            let boots = boots(&unbroken(&plan, seed));
            last_before_a_crash.extend(boots[1..].iter().map(|(last, _)| last.clone()));
        }
    }
    println!("crashes behind {last_before_a_crash:?}");
    for kind in ["Read", "Sync", "Synced"] {
        assert!(last_before_a_crash.contains(kind), "no crash falls behind a {kind}");
    }
}

#[test]
#[cfg_attr(debug_assertions, ignore = "long; run it with --release")]
fn every_scenario_breaks_only_what_it_says_it_breaks_in_many_seeds() {
    WAL.assert_scenarios_break_only_what_they_say(SEEDS / 10);
}

#[test]
#[ignore = "minutes: cargo test --release --test wal_swarm -- --ignored"]
fn every_scenario_breaks_only_what_it_says_it_breaks_in_ten_thousand_seeds() {
    WAL.assert_scenarios_break_only_what_they_say(SEEDS);
}
