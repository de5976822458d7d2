//! Every fault does exactly what its description says, and every way of saying when strikes there.
//!
//! ```text
//!   scenario text (one asker, two peers, every step takes 1 ms) ──▶ recording ──▶ one line per entry
//!   10 a>p1 Ask(1)    11 a>p1 got Ask(1)    11 p1 force Heard(1)    12 p1 durable    12 p1>a Answer…
//! ```
//!
//! The probe asks at 10, 20 and 30 ms whatever happens, so a fault changes nothing but what it
//! hits, and expectations are exact lines. What chance decides is held to its law over many seeds,
//! at a level of one in a million with fixed seeds. Scenarios of a real protocol were rejected here:
//! its retries hide which message a fault took.

#[path = "common/probe.rs"]
mod probe;

use probe::{millis, name, plan, story, story_of, try_plan};
use splitbrain::{
    base::ids::Seed,
    engine::{
        faults::RuleCounts,
        operations::Ending,
        trace::{Entry, Kind, Recording},
    },
    scenario::run::Run,
};
use std::collections::{BTreeMap, BTreeSet};

const FORCE: &str = "force: true";

/// Runs seed 1 of the probe.
fn run(settings: &str, faults: &str) -> Run {
    plan(settings, faults, "").runner().run(Seed(1), Recording::Full)
}

/// Runs many seeds.
fn runs(settings: &str, faults: &str, fields: &str, seeds: u64) -> Vec<Run> {
    let plan = plan(settings, faults, fields);
    let mut runner = plan.runner();
    (1..=seeds).map(|seed| runner.run(Seed(seed), Recording::Full)).collect()
}

/// What became of rule number `place`.
fn counts(run: &Run, place: usize) -> RuleCounts {
    run.rules[place].counts
}

fn fired_and_effects(run: &Run) -> (u64, u64) {
    let counts = counts(run, 0);
    (counts.fired, counts.effects)
}

/// Lines of a node between two instants, in milliseconds.
fn between(run: &Run, node: &str, from: f64, to: f64) -> Vec<String> {
    let at = |line: &String| line.split(' ').next().map(|at| at.parse::<f64>().expect("a time"));
    let lines = story_of(run, node).into_iter();
    lines.filter(|line| at(line).is_some_and(|at| (from..=to).contains(&at))).collect()
}

fn kinds(run: &Run, kind: Kind) -> impl Iterator<Item = &Entry> + Clone {
    run.entries.iter().filter(move |entry| entry.kind == kind)
}

/// A count of `n` trials with probability `p`, within five standard deviations of its mean.
fn assert_share(count: u64, n: u64, p: f64) {
    let (n, count) = (n as f64, count as f64);
    let off = (count - n * p) / (n * p * (1.0 - p)).sqrt();
    assert!(off.abs() < 5.0, "{count} of {n} instead of {p}: {off:.1} standard deviations");
}

#[test]
fn the_probe_without_faults_does_what_the_other_tests_start_from() {
    let run = run(FORCE, "");
    let expected = [
        "0 p1 boot",
        "10 a>p1 Ask(1)",
        "11 a>p1 got Ask(1)",
        "11 p1 force Heard(1)",
        "12 p1 durable",
        "12 p1>a Answer(1, 11)",
        "13 p1>a got Answer(1, 11)",
    ];
    assert_eq!(between(&run, "p1", 0.0, 19.0), expected);
    assert_eq!(run.counters.nodes.crashes, 0);
}

// Crashes.

#[test]
fn a_crash_before_a_step_cuts_its_handler_exactly_there() {
    let faults = r#"(id: "x", when: Before(event: Step("ForceHeard"), node: "p1", nth: 2), do: Crash(node: Actor, down: "5ms"))"#;
    let run = run(FORCE, faults);
    let expected = [
        "20 a>p1 Ask(2)",
        "21 a>p1 got Ask(2)",
        "21 p1 crash",
        "26 p1 boot",
        "26 p1>a Back(1)",
        "27 p1>a got Back(1)",
    ];
    assert_eq!(between(&run, "p1", 15.0, 29.0), expected);
    assert_eq!(run.counters.nodes.cut_handlers, 1);
    assert_eq!(fired_and_effects(&run), (1, 1));
}

#[test]
fn a_crash_after_a_force_leaves_it_durable_and_nothing_sent() {
    for event in [r#"Force("Heard")"#, r#"Step("ForceHeard")"#] {
        let faults = format!(
            r#"(id: "x", when: After(event: {event}, node: "p1", nth: 2), do: Crash(node: Actor, down: "5ms"))"#
        );
        let run = run(FORCE, &faults);
        let expected = [
            "20 a>p1 Ask(2)",
            "21 a>p1 got Ask(2)",
            "21 p1 force Heard(2)",
            "22 p1 durable",
            "22 p1 crash",
            "27 p1 boot",
            "27 p1>a Back(2)",
            "28 p1>a got Back(2)",
        ];
        assert_eq!(between(&run, "p1", 15.0, 29.0), expected);
    }
}

#[test]
fn a_crash_before_a_send_loses_that_message_and_after_it_does_not() {
    for (when, sent) in [("Before", false), ("After", true)] {
        let faults = format!(
            r#"(id: "x", when: {when}(event: Send("Answer"), node: "p1", nth: 2), do: Crash(node: Actor, down: "5ms"))"#
        );
        let lines = between(&run("", &faults), "p1", 20.0, 25.0);
        assert!(lines.contains(&"21 p1 crash".to_owned()));
        assert_eq!(lines.contains(&"21 p1>a Answer(2, 21)".to_owned()), sent, "{lines:?}");
        assert_eq!(lines.contains(&"22 p1>a got Answer(2, 21)".to_owned()), sent, "{lines:?}");
    }
}

#[test]
fn a_crash_around_a_delivery_a_timer_or_a_boot_falls_there() {
    let crash = |event: &str, node: &str, nth: u32| {
        let faults = format!(
            r#"(id: "x", when: {event}, node: "{node}", nth: {nth}), do: Crash(node: Actor, down: "5ms"))"#
        );
        between(&run("", &faults), node, 0.0, 26.0)
    };
    let lines = crash(r#"Before(event: Deliver("Ask")"#, "p1", 2);
    assert_eq!(lines[5..], ["20 a>p1 Ask(2)", "21 p1 crash", "21 a>p1 Dead Ask(2)", "26 p1 boot"]);
    let lines = crash(r#"After(event: Deliver("Ask")"#, "p1", 1);
    assert_eq!(
        lines[1..5],
        ["10 a>p1 Ask(1)", "11 a>p1 got Ask(1)", "11 p1>a Answer(1, 11)", "11 p1 crash"]
    );
    let lines = crash(r#"Before(event: Timer("Ask")"#, "a", 1);
    let own: Vec<_> = lines.iter().filter(|line| !line.contains("client")).collect();
    assert_eq!(own[..3], ["0 a boot", "10 a crash", "15 a boot"]);
    let lines = crash("Before(event: Boot", "p1", 1);
    assert_eq!(lines[..3], ["0 p1 boot", "0 p1 crash", "5 p1 boot"]);
}

/// The four things that a crash by the clock at 15 ms can do to a peer that forces and answers.
fn fates_of_a_crash_by_the_clock(cut: &str) -> BTreeMap<Vec<String>, u32> {
    let faults =
        format!(r#"(id: "x", when: At("15ms"), do: Crash(node: Node("p1"), down: "4ms"{cut}))"#);
    let mut fates = BTreeMap::new();
    for run in runs(FORCE, &faults, "", 300) {
        let lines = between(&run, "p1", 14.0, 22.0);
        *fates.entry(lines).or_insert(0) += 1;
        assert_eq!(fired_and_effects(&run), (1, 1));
    }
    fates
}

#[test]
fn a_crash_by_the_clock_falls_at_once_or_after_each_effect_of_the_next_handler() {
    let fates = fates_of_a_crash_by_the_clock("");
    let crash_last =
        |lines: &[&str]| -> Vec<String> { lines.iter().map(|&line| line.to_owned()).collect() };
    let until = ["20 a>p1 Ask(2)", "21 a>p1 got Ask(2)"];
    let forced = [until[0], until[1], "21 p1 force Heard(2)", "22 p1 durable"];
    let before = crash_last(&[&until[..], &["21 p1 crash"]].concat());
    let between = crash_last(&[&forced[..], &["22 p1 crash"]].concat());
    let after = crash_last(&[&forced[..], &["22 p1>a Answer(2, 21)", "22 p1 crash"]].concat());
    let at_once: u32 =
        fates.iter().filter(|(lines, _)| lines[0] == "15 p1 crash").map(|(_, n)| n).sum();
    assert_share(u64::from(at_once), 300, 0.5);
    for fate in [before, between, after] {
        assert!(fates.get(&fate).is_some_and(|&n| n > 5), "{fate:#?} is not among {fates:#?}");
    }
    assert_eq!(fates.len(), 4, "{fates:#?}");
}

#[test]
fn a_crash_at_a_boundary_never_cuts_a_handler() {
    let fates = fates_of_a_crash_by_the_clock(", cut: Boundary");
    assert_eq!(fates.len(), 1);
    assert!(fates.keys().all(|lines| lines[..2] == ["15 p1 crash", "19 p1 boot"]), "{fates:#?}");
}

#[test]
fn a_crashed_node_loses_what_reaches_it_and_what_waits_at_it() {
    let faults = r#"(id: "x", when: At("11500us"), do: Crash(node: Node("p1"), down: "10ms", cut: Boundary))"#;
    let run = run("force: true, every: \"500us\", asks: 30", faults);
    let lost = kinds(&run, Kind::Lose(splitbrain::engine::network::Lost::Dead));
    let at_crash = lost.clone().filter(|entry| (millis(entry) - 11.5).abs() < f64::EPSILON).count();
    assert!(at_crash > 1, "some waited in the inbox");
    assert!(lost.clone().count() > at_crash + 5, "some met a dead node");
    let down = run.entries.iter().filter(|entry| millis(entry) > 11.5 && millis(entry) < 21.5);
    let own = down.filter(|entry| name(&run, entry.who) == "p1" && entry.kind != Kind::Boot);
    assert_eq!(own.count(), 0, "a dead node does nothing");
}

#[test]
fn a_wipe_leaves_an_empty_log_and_a_crash_keeps_it() {
    for (disk, back) in [("Keep", true), ("Wipe", false)] {
        let faults = format!(
            r#"(id: "x", when: At("15ms"), do: Crash(node: Node("p1"), down: "2ms", cut: Boundary, disk: {disk}))"#
        );
        let run = run(FORCE, &faults);
        let lines = between(&run, "p1", 15.0, 19.0);
        let mut expected = vec!["15 p1 crash", "17 p1 boot"];
        if back {
            expected.extend(["17 p1>a Back(1)", "18 p1>a got Back(1)"]);
        }
        assert_eq!(lines, expected);
        assert_eq!(run.rules[0].class, if back { "crash" } else { "wipe" });
    }
}

// Pauses, slow nodes, disks.

#[test]
fn events_wait_for_a_paused_node_and_come_in_order() {
    let faults = r#"(id: "x", when: At("10500us"), do: Pause(node: Node("p1"), for: "15ms"))"#;
    let run = run("", faults);
    let expected = [
        "10.5 p1 pause",
        "20 a>p1 Ask(2)",
        "25.5 p1 resume",
        "25.5 a>p1 got Ask(1)",
        "25.5 p1>a Answer(1, 25)",
        "25.5 a>p1 got Ask(2)",
        "25.5 p1>a Answer(2, 25)",
        "26.5 p1>a got Answer(1, 25)",
        "26.5 p1>a got Answer(2, 25)",
    ];
    assert_eq!(between(&run, "p1", 10.1, 29.0), expected);
    assert_eq!(fired_and_effects(&run), (1, 2));
}

#[test]
fn a_paused_node_does_nothing_even_when_its_disk_is_done() {
    let faults = r#"(id: "x", when: At("11500us"), do: Pause(node: Node("p1"), for: "10ms"))"#;
    let run = run(FORCE, faults);
    let lines = between(&run, "p1", 11.4, 22.5);
    let expected = [
        "11.5 p1 pause",
        "20 a>p1 Ask(2)",
        "21.5 p1 resume",
        "21.5 p1 durable",
        "21.5 p1>a Answer(1, 11)",
        "21.5 a>p1 got Ask(2)",
        "21.5 p1 force Heard(2)",
        "22.5 p1 durable",
        "22.5 p1>a Answer(2, 21)",
        "22.5 p1>a got Answer(1, 11)",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn what_reached_the_disk_during_a_pause_survives_a_crash() {
    let faults = r#"
        (id: "x", when: At("11500us"), do: Pause(node: Node("p1"), for: "10ms")),
        (id: "y", when: At("15ms"), do: Crash(node: Node("p1"), down: "2ms", cut: Boundary))"#;
    let expected = ["15 p1 crash", "17 p1 boot", "17 p1>a Back(1)", "18 p1>a got Back(1)"];
    for run in runs(FORCE, faults, "", 30) {
        assert_eq!(between(&run, "p1", 15.0, 19.0), expected);
    }
}

#[test]
fn timers_of_a_paused_node_fire_when_it_resumes() {
    let faults = r#"(id: "x", when: At("15ms"), do: Pause(node: Node("a"), for: "8ms"))"#;
    let run = run("", faults);
    let timers: Vec<f64> = kinds(&run, Kind::Timer).map(millis).collect();
    assert_eq!(timers, [10.0, 23.0, 33.0]);
}

#[test]
fn handlers_of_a_slow_node_take_their_time() {
    let faults =
        r#"(id: "x", when: At("15ms"), do: Slow(node: Node("p1"), service: "5ms", for: "10ms"))"#;
    let run = run("", faults);
    let handled: Vec<f64> =
        kinds(&run, Kind::Deliver).filter(|e| name(&run, e.who) == "p1").map(millis).collect();
    assert_eq!(handled, [11.0, 26.0, 31.0]);
    assert_eq!(fired_and_effects(&run), (1, 1));
}

#[test]
fn a_slow_handler_that_ends_during_a_pause_waits_for_its_end() {
    let faults = r#"
        (id: "x", when: At("5ms"), do: Slow(node: Node("p1"), service: "2ms", for: "10ms")),
        (id: "y", when: At("12ms"), do: Pause(node: Node("p1"), for: "6ms"))"#;
    let run = run("", faults);
    let expected = [
        "12 p1 pause",
        "18 p1 resume",
        "18 a>p1 got Ask(1)",
        "18 p1>a Answer(1, 18)",
        "19 p1>a got Answer(1, 18)",
    ];
    assert_eq!(between(&run, "p1", 11.0, 19.0), expected);
}

#[test]
fn forces_complete_only_when_a_stall_is_over() {
    for (at, span) in [("5ms", "13ms"), ("11500us", "6500us")] {
        let faults = format!(
            r#"(id: "x", when: At("{at}"), do: StallDisk(node: Node("p1"), for: "{span}"))"#
        );
        let run = run(FORCE, &faults);
        let durable: Vec<f64> =
            kinds(&run, Kind::Durable).filter(|e| name(&run, e.who) == "p1").map(millis).collect();
        assert_eq!(durable, [18.0, 22.0, 32.0], "stalled at {at}");
        assert_eq!(fired_and_effects(&run), (1, 1));
    }
}

#[test]
fn a_failed_force_stops_the_node_and_it_comes_back() {
    let faults = r#"(id: "x", when: At("5ms"), do: FailForce(node: Node("p1"), down: "5ms"))"#;
    let mut survived = BTreeSet::new();
    for run in runs(FORCE, faults, "", 40) {
        let lines = between(&run, "p1", 11.0, 18.0);
        let expected = ["11 a>p1 got Ask(1)", "11 p1 force Heard(1)", "12 p1 crash", "17 p1 boot"];
        assert_eq!(lines[..4], expected);
        survived.insert(lines.len() > 4);
        assert_eq!(fired_and_effects(&run), (1, 1));
        assert_eq!(run.counters.nodes.crashes, 1, "only the next force fails");
    }
    assert_eq!(survived.len(), 2, "the record of a failed force may survive or not");
}

// Links.

/// What became of messages between `a`, `p1` and `p2`: `(from, to, what)` of everything that did
/// not arrive.
fn stopped(run: &Run) -> Vec<String> {
    let lost = run.entries.iter().filter(|entry| matches!(entry.kind, Kind::Lose(_)));
    lost.map(|e| format!("{} {}>{}", millis(e), name(run, e.who), name(run, e.peer))).collect()
}

fn cut(groups: &str, more: &str) -> Run {
    let faults =
        format!(r#"(id: "x", when: At("15ms"), do: Cut(groups: [{groups}], for: "10ms"{more}))"#);
    run("gossip: true", &faults)
}

#[test]
fn nothing_crosses_a_cut_while_it_stands() {
    let run = cut(r#"Nodes(["p1"]), Rest"#, "");
    assert_eq!(stopped(&run), ["21 a>p1", "22 p2>p1"]);
    assert_eq!(fired_and_effects(&run), (1, 2));
    assert!(story(&run).contains(&"31 a>p1 got Ask(3)".to_owned()), "deliveries resume");
    assert!(story(&run).contains(&"21 a>p2 got Ask(2)".to_owned()), "others are not concerned");
}

#[test]
fn a_cut_stops_what_was_under_way() {
    let faults =
        r#"(id: "x", when: At("10500us"), do: Cut(groups: [Nodes(["p1"]), Rest], for: "2ms"))"#;
    assert_eq!(stopped(&run("", faults)), ["11 a>p1"]);
}

#[test]
fn a_cut_one_way_leaves_the_way_back_open() {
    for (from, to, expected) in [("a", "p1", "21 a>p1"), ("p1", "a", "22 p1>a")] {
        let faults = format!(
            r#"(id: "x", when: At("15ms"), do: CutOneWay(from: Nodes(["{from}"]), to: Nodes(["{to}"]), for: "10ms"))"#
        );
        assert_eq!(stopped(&run("", &faults)), [expected]);
    }
}

#[test]
fn a_bridge_that_is_in_no_group_reaches_both_sides() {
    let run = cut(r#"Nodes(["p1"]), Nodes(["p2"])"#, "");
    assert_eq!(stopped(&run), ["22 p1>p2", "22 p2>p1"]);
}

#[test]
fn a_cut_that_holds_delivers_when_it_ends() {
    let run = cut(r#"Nodes(["p1"]), Rest"#, ", held: Hold");
    assert_eq!(stopped(&run), Vec::<String>::new());
    let lines = between(&run, "p1", 20.0, 26.0);
    let expected = [
        "20 a>p1 Ask(2)",
        "21 p2>p1 Gossip(2)",
        "25 a>p1 got Ask(2)",
        "25 p1>a Answer(2, 25)",
        "25 p1>p2 Gossip(2)",
        "25 p2>p1 got Gossip(2)",
        "26 p1>a got Answer(2, 25)",
        "26 p1>p2 got Gossip(2)",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn clients_can_be_cut_off_both_ways_or_one() {
    let ending = |faults: &str| {
        let run = plan("", faults, r#"patience: "50ms","#).runner().run(Seed(1), Recording::Full);
        let (at, ending) = run.history[0].ending.expect("it ended");
        (at.as_nanos() / 1_000_000, ending, stopped(&run), counts(&run, 0).effects)
    };
    let both =
        r#"(id: "x", when: At("0ms"), do: Cut(groups: [Clients, Nodes(["a"])], for: "9ms"))"#;
    assert_eq!(ending(both), (50, Ending::Unknown, vec!["1 client1>a".to_owned()], 1));
    let back =
        r#"(id: "x", when: At("0ms"), do: CutOneWay(from: Nodes(["a"]), to: Clients, for: "9ms"))"#;
    assert_eq!(ending(back), (50, Ending::Unknown, vec!["2 a>client1".to_owned()], 1));
    let held = back.replace("\"9ms\"", "\"9ms\", held: Hold");
    assert_eq!(ending(&held), (9, Ending::Ok(None), Vec::new(), 1));
    let others =
        r#"(id: "x", when: At("0ms"), do: Cut(groups: [Clients, Nodes(["p1"])], for: "9ms"))"#;
    assert_eq!(ending(others), (2, Ending::Ok(None), Vec::new(), 0));
}

#[test]
fn messages_on_a_slow_link_take_so_many_times_as_long() {
    let faults = r#"(id: "x", when: At("15ms"), do: SlowLink(from: Nodes(["a"]), to: Nodes(["p1"]), factor: 5, for: "10ms"))"#;
    let run = run("", faults);
    let arrivals: Vec<String> = story(&run).into_iter().filter(|l| l.contains(" got ")).collect();
    for line in ["25 a>p1 got Ask(2)", "21 a>p2 got Ask(2)", "26 p1>a got Answer(2, 25)"] {
        assert!(arrivals.contains(&line.to_owned()), "{line} is not in {arrivals:#?}");
    }
    assert!(arrivals.contains(&"31 a>p1 got Ask(3)".to_owned()), "it ends");
    assert_eq!(fired_and_effects(&run), (1, 1));
}

#[test]
fn a_jump_moves_the_wall_clock_and_no_timer() {
    for (by, shown) in [("+500ms", 521), ("-9ms", 12), ("-1s", 0)] {
        let faults =
            format!(r#"(id: "x", when: At("15ms"), do: JumpClock(node: Node("p1"), by: "{by}"))"#);
        let run = run("", &faults);
        let answer = format!("21 p1>a Answer(2, {shown})");
        assert!(story(&run).contains(&answer), "{answer}: {:#?}", story_of(&run, "p1"));
        assert_eq!(fired_and_effects(&run), (1, 1));
    }
    let faults = r#"(id: "x", when: At("15ms"), do: JumpClock(node: Node("a"), by: "+1h"))"#;
    let run = run("", faults);
    assert_eq!(kinds(&run, Kind::Timer).map(millis).collect::<Vec<_>>(), [10.0, 20.0, 30.0]);
    assert_eq!(fired_and_effects(&run), (1, 0), "nobody read the clock that jumped");
}

// Single messages.

/// Arrivals of questions at `p1`.
fn asks_at_p1(run: &Run) -> Vec<f64> {
    let label = run.catalog.messages.find("Ask").expect("a label");
    let arrivals = kinds(run, Kind::Deliver);
    arrivals.filter(|e| e.label == label && name(run, e.who) == "p1").map(millis).collect()
}

#[test]
fn a_single_message_is_lost_delayed_or_duplicated() {
    let at = r#"Before(event: Send("Ask"), node: "a", peer: "p1", nth: 2)"#;
    let faulty = |what: &str| run("", &format!(r#"(id: "x", when: {at}, do: {what})"#));
    let lost = faulty("Lose");
    assert_eq!(asks_at_p1(&lost), [11.0, 31.0]);
    assert_eq!(stopped(&lost), ["20 a>p1"]);
    assert_eq!(asks_at_p1(&faulty(r#"Delay(by: "5ms")"#)), [11.0, 26.0, 31.0]);
    assert_eq!(asks_at_p1(&faulty("Duplicate(copies: 2)")), [11.0, 21.0, 21.0, 21.0, 31.0]);
    assert_eq!(asks_at_p1(&faulty("Duplicate()")), [11.0, 21.0, 21.0, 31.0]);
}

#[test]
fn every_message_of_a_pattern_is_lost_delayed_or_duplicated() {
    let at = r#"EachMessage(chance: "100%", label: "Ask", to: "p1")"#;
    let faulty = |what: &str| run("", &format!(r#"(id: "x", when: {at}, do: {what})"#));
    let lost = faulty("Lose");
    assert_eq!(asks_at_p1(&lost), Vec::<f64>::new());
    assert_eq!(counts(&lost, 0), RuleCounts { armed: 3, refused: 0, fired: 3, effects: 3 });
    assert_eq!(stopped(&lost), ["10 a>p1", "20 a>p1", "30 a>p1"]);
    assert_eq!(asks_at_p1(&faulty(r#"Delay(by: "5ms")"#)), [16.0, 26.0, 36.0]);
    assert_eq!(asks_at_p1(&faulty("Duplicate(copies: 1)")).len(), 6);
}

#[test]
fn a_message_can_be_lost_just_before_its_delivery_and_is_accounted_for() {
    let faults = r#"(id: "x", when: Before(event: Deliver("Ask"), node: "p1", nth: 2), do: Lose)"#;
    let run = run("", faults);
    assert_eq!(asks_at_p1(&run), [11.0, 31.0]);
    assert_eq!(stopped(&run), ["21 a>p1"]);
    let label = run.catalog.messages.find("Ask").expect("a label");
    let counted = run.counters.messages_of(0, usize::from(label));
    assert_eq!((counted.sent, counted.delivered, counted.dropped), (6, 5, 1));
}

#[test]
fn what_cannot_be_done_to_a_message_at_hand_is_refused_when_loading() {
    let deliver = r#"Before(event: Deliver("Ask"))"#;
    for (when, what) in [
        (deliver, r#"Delay(by: "1ms")"#),
        (deliver, "Duplicate(copies: 1)"),
        (r#"After(event: Send("Ask"))"#, "Lose"),
        (r#"At("1ms")"#, "Lose"),
        (r#"Times(count: (0, 1), within: ("0s", "1ms"))"#, r#"Crash(node: Actor, down: "1ms")"#),
    ] {
        let faults = format!(r#"(id: "x", when: {when}, do: {what})"#);
        assert!(try_plan("", &faults, "").is_err(), "{faults}");
    }
}

#[test]
fn each_message_is_hit_with_the_chance_that_was_asked_for() {
    let faults = r#"(id: "x", when: EachMessage(chance: "30%", label: "Ask"), do: Lose)"#;
    let settings = r#"asks: 5000, every: "10us""#;
    let run = plan(settings, faults, "").runner().run(Seed(1), Recording::HashOnly);
    let RuleCounts { armed, fired, effects, .. } = counts(&run, 0);
    assert_eq!((armed, effects), (10_000, fired));
    assert_share(fired, armed, 0.3);
}

// When.

#[test]
fn times_strikes_a_number_of_times_within_its_range_and_its_window() {
    let faults = r#"(id: "x", when: Times(count: (1, 4), within: ("20ms", "30ms")), do: Pause(node: Node("p2"), for: "1ns"))"#;
    let runs = runs("asks: 0", faults, "", 2_000);
    let mut numbers = BTreeMap::new();
    let mut instants = Vec::new();
    for run in &runs {
        *numbers.entry(counts(run, 0).fired).or_insert(0) += 1;
        instants.extend(kinds(run, Kind::Pause).map(millis));
    }
    assert_eq!(numbers.keys().copied().collect::<Vec<_>>(), [1, 2, 3, 4]);
    for &count in numbers.values() {
        assert_share(count, 2_000, 0.25);
    }
    assert!(instants.iter().all(|at| (20.0..=30.0).contains(at)));
    for tenth in 0..10 {
        let from = 20.0 + f64::from(tenth);
        let within = instants.iter().filter(|&&at| (from..from + 1.0).contains(&at)).count();
        assert_share(within as u64, instants.len() as u64, 0.1);
    }
}

#[test]
fn poisson_strikes_with_its_mean_pause_within_its_window() {
    let faults = r#"(id: "x", when: Poisson(mean: "100us", within: ("20ms", "90ms")), do: JumpClock(node: Node("p2"), by: "+1ns"))"#;
    let runs = runs("asks: 0", faults, "", 100);
    let strikes: Vec<u64> = runs.iter().map(|run| counts(run, 0).fired).collect();
    let (sum, n) = (strikes.iter().sum::<u64>() as f64, strikes.len() as f64);
    let mean = 700.0 * n;
    assert!((sum - mean).abs() < 5.0 * mean.sqrt(), "{sum} strikes instead of {mean}");
    let variance = strikes.iter().map(|&x| (x as f64 - sum / n).powi(2)).sum::<f64>() / (n - 1.0);
    // The variance of a variance over n values of a Poisson law is about 2·mean²/n.
    assert!((variance - 700.0).abs() < 5.0 * 700.0 * (2.0 / n).sqrt(), "variance {variance}");
    let mut instants = runs.iter().flat_map(|run| kinds(run, Kind::Disturb).map(millis));
    assert!(instants.all(|at| (20.0..=90.0).contains(&at)));
}

#[test]
fn each_force_strikes_at_forces_of_the_nodes_that_were_named() {
    let faults = r#"(id: "x", when: EachForce(chance: "25%", nodes: Nodes(["p1"])), do: StallDisk(node: Actor, for: "5us"))"#;
    let settings = r#"force: true, asks: 2000, every: "10us""#;
    let fields = r#"disk: (force: Fixed("1us")), run: (for: "1s"),"#;
    let run = plan(settings, faults, fields).runner().run(Seed(1), Recording::Full);
    let RuleCounts { armed, fired, effects, .. } = counts(&run, 0);
    assert_eq!((armed, effects), (2_000, fired), "p2 forces too and is not concerned");
    assert_share(fired, armed, 0.25);
    let stalled = kinds(&run, Kind::Disturb).all(|entry| name(&run, entry.who) == "p1");
    assert!(stalled);
    let fail = r#"(id: "x", when: EachForce(chance: "100%", nodes: Nodes(["p1"])), do: FailForce(node: Actor, down: "1ms"))"#;
    let failing = self::run(FORCE, fail);
    assert_eq!(failing.counters.nodes.crashes, 3);
}

#[test]
fn each_effect_cuts_before_every_effect_with_the_same_chance() {
    let faults = r#"(id: "x", when: EachEffect(chance: "20%", nodes: Nodes(["p1"])), do: Crash(node: Actor, down: "1us"))"#;
    let settings = r#"gossip: true, asks: 4000, every: "10us""#;
    let fields = r#"network: (latency: Fixed("1us")), run: (for: "1s"),"#;
    let run = plan(settings, faults, fields).runner().run(Seed(1), Recording::Full);
    assert!(kinds(&run, Kind::Crash).all(|entry| name(&run, entry.who) == "p1"));
    assert_eq!(counts(&run, 0).fired, run.counters.nodes.crashes);
    assert_eq!(counts(&run, 0).fired, run.counters.nodes.cut_handlers);
    let sent = |label: &str| {
        let label = run.catalog.messages.find(label);
        let of = |entry: &&Entry| Some(entry.label) == label && name(&run, entry.who) == "p1";
        kinds(&run, Kind::Send).filter(of).count() as u64
    };
    let asked = asks_at_p1(&run).len() as u64;
    assert_share(sent("Answer"), asked, 0.8);
    assert_share(sent("Gossip"), sent("Answer"), 0.8);
}

#[test]
fn triggers_count_from_one_and_only_what_matches() {
    assert!(
        try_plan("", r#"(id: "x", when: Before(event: Send("Ask"), nth: 0), do: Lose)"#, "")
            .is_err()
    );
    let lost = |filter: &str| {
        stopped(&run(
            "",
            &format!(r#"(id: "x", when: Before(event: Send("Ask"){filter}), do: Lose)"#),
        ))
    };
    assert_eq!(lost(""), ["10 a>p1"]);
    assert_eq!(lost(", nth: 1"), ["10 a>p1"]);
    assert_eq!(lost(", nth: 4"), ["20 a>p2"]);
    assert_eq!(lost(r#", peer: "p2""#), ["10 a>p2"]);
    assert_eq!(lost(r#", peer: "p2", nth: 3"#), ["30 a>p2"]);
    assert_eq!(lost(", topic: 3"), ["30 a>p1"]);
    assert_eq!(lost(r#", topic: 3, peer: "p2""#), ["30 a>p2"]);
    assert_eq!(lost(", topic: 3, nth: 2"), ["30 a>p2"]);
    assert_eq!(lost(", topic: 3, nth: 3"), Vec::<String>::new());
    assert_eq!(lost(r#", node: "p1""#), Vec::<String>::new());
    let answered = r#"(id: "x", when: Before(event: Send("Answer"), node: "p2"), do: Lose)"#;
    assert_eq!(stopped(&run("", answered)), ["11 p2>a"]);
}

#[test]
fn a_trigger_can_hit_another_node_than_its_actor() {
    let faults = r#"(id: "x", when: After(event: Deliver("Ask"), node: "p1", nth: 2), do: Crash(node: Node("p2"), down: "3ms"))"#;
    let run = run("", faults);
    let expected = ["20 a>p2 Ask(2)", "21 p2 crash", "21 a>p2 Dead Ask(2)", "24 p2 boot"];
    assert_eq!(between(&run, "p2", 20.0, 25.0), expected);
}

// Budget, swarm, healing.

#[test]
fn the_budget_refuses_random_faults_beyond_it_and_counts_them() {
    let faults = r#"
        (id: "x", when: Times(count: (1, 1), within: ("15ms", "15ms")), do: Crash(node: Node("p1"), down: "10ms", cut: Boundary)),
        (id: "y", when: Times(count: (1, 1), within: ("20ms", "20ms")), do: Crash(node: Node("p2"), down: "10ms", cut: Boundary)),
        (id: "z", when: Times(count: (1, 1), within: ("26ms", "26ms")), do: Pause(node: Node("p2"), for: "10ms")),
        (id: "u", when: Times(count: (1, 1), within: ("30ms", "30ms")), do: Cut(groups: [Nodes(["p1"]), Rest], for: "10ms"))"#;
    let refused = |budget: &str| {
        let plan = plan("", faults, budget);
        let run = plan.runner().run(Seed(1), Recording::Full);
        let refusals = kinds(&run, Kind::Refuse).count() as u64;
        assert_eq!(refusals, run.rules.iter().map(|rule| rule.counts.refused).sum::<u64>());
        run.rules.iter().map(|rule| (rule.counts.refused, rule.counts.fired)).collect::<Vec<_>>()
    };
    assert_eq!(refused("budget: AtMost(unavailable: 1),"), [(0, 1), (1, 0), (0, 1), (1, 0)]);
    assert_eq!(refused("budget: AtMost(unavailable: 2),"), [(0, 1), (0, 1), (0, 1), (0, 1)]);
    assert_eq!(refused("budget: AtMost(unavailable: 0),"), [(1, 0), (1, 0), (1, 0), (1, 0)]);
    assert_eq!(refused("budget: Unlimited,"), [(0, 1), (0, 1), (0, 1), (0, 1)]);
}

#[test]
fn the_budget_refuses_to_wipe_more_disks_than_it_allows() {
    let wipe = |id: &str, at: &str, node: &str| {
        format!(
            r#"(id: "{id}", when: Times(count: (1, 1), within: ("{at}", "{at}")), do: Crash(node: Node("{node}"), down: "1ms", disk: Wipe, cut: Boundary)),"#
        )
    };
    let faults = [wipe("x", "15ms", "p1"), wipe("y", "25ms", "p2")].concat();
    let fired = |budget: &str| {
        let run = plan("", &faults, budget).runner().run(Seed(1), Recording::Full);
        [counts(&run, 0).fired, counts(&run, 1).fired]
    };
    assert_eq!(fired("budget: AtMost(unavailable: 2),"), [0, 0]);
    assert_eq!(fired("budget: AtMost(unavailable: 2, amnesia: 1),"), [1, 0]);
    assert_eq!(fired("budget: AtMost(unavailable: 2, amnesia: 2),"), [1, 1]);
}

#[test]
fn scheduled_and_triggered_faults_are_charged_and_never_refused() {
    let faults = r#"
        (id: "x", when: At("15ms"), do: Crash(node: Node("p1"), down: "20ms", cut: Boundary)),
        (id: "y", when: After(event: Deliver("Ask"), node: "p2", nth: 2), do: Crash(node: Actor, down: "20ms")),
        (id: "z", when: Times(count: (1, 1), within: ("25ms", "25ms")), do: Pause(node: Node("a"), for: "1ms"))"#;
    let run =
        plan("", faults, "budget: AtMost(unavailable: 1),").runner().run(Seed(1), Recording::Full);
    assert_eq!(run.counters.nodes.crashes, 2);
    assert_eq!([0, 1, 2].map(|rule| counts(&run, rule).refused), [0, 0, 1]);
}

#[test]
fn a_swarm_is_calm_or_complete_in_a_tenth_and_tosses_a_coin_per_class_else() {
    const SEEDS: u64 = 1_000;
    let rule = |id: &str, what: &str| {
        format!(
            r#"(id: "{id}", when: Times(count: (1, 1), within: ("15ms", "50ms")), do: {what}),"#
        )
    };
    let faults = [
        rule("crash", r#"Crash(node: Node("p1"), down: "1us", cut: Boundary)"#),
        rule("crash2", r#"Crash(node: Node("p1"), down: "1us", cut: Boundary)"#),
        rule("pause", r#"Pause(node: Node("p2"), for: "1us")"#),
        rule("cut", r#"Cut(groups: [Nodes(["p1"]), Rest], for: "1us")"#),
        rule("jump", r#"JumpClock(node: Node("a"), by: "+1us")"#),
        rule("slow", r#"Slow(node: Node("a"), service: "1us", for: "1us")"#),
        r#"(id: "at", when: At("60ms"), do: Pause(node: Node("p2"), for: "1us")),"#.to_owned(),
    ];
    let plan = plan("", &faults.concat(), "swarm: PerSeed, budget: Unlimited,");
    let mut runner = plan.runner();
    let mut on = vec![Vec::new(); 5];
    let (mut calm, mut complete) = (0, 0);
    for seed in 1..=SEEDS {
        let run = runner.run(Seed(seed), Recording::HashOnly);
        let fired: Vec<u64> = run.rules.iter().map(|rule| rule.counts.fired).collect();
        assert_eq!(fired[0], fired[1], "rules of one class are turned on and off together");
        assert_eq!(fired[6], 1, "a swarm does not concern scheduled rules");
        on.iter_mut().zip(&fired[1..6]).for_each(|(class, &fired)| class.push(fired == 1));
        calm += u64::from(fired[..6].iter().all(|&fired| fired == 0));
        complete += u64::from(fired[..6].iter().all(|&fired| fired == 1));
    }
    // A seed that tosses coins can come out calm or complete too: 0.8 in 2^5.
    assert_share(calm, SEEDS, 0.1 + 0.8 / 32.0);
    assert_share(complete, SEEDS, 0.1 + 0.8 / 32.0);
    for (place, class) in on.iter().enumerate() {
        assert_share(class.iter().filter(|&&on| on).count() as u64, SEEDS, 0.5);
        for other in &on[place + 1..] {
            let both = class.iter().zip(other).filter(|&(&x, &y)| x && y).count() as u64;
            assert_share(both, SEEDS, 0.1 + 0.8 / 4.0);
        }
    }
}

/// Everything broken for ever, and more to come after the healing at 60 ms.
const LASTING: &str = r#"
    (id: "down", when: At("25ms"), do: Crash(node: Node("p1"), down: "forever", cut: Boundary)),
    (id: "stall", when: At("5ms"), do: StallDisk(node: Node("p2"), for: "forever")),
    (id: "apart", when: At("26ms"), do: Cut(groups: [Nodes(["a"]), Nodes(["p1"]), Nodes(["p2"])], for: "forever")),
    (id: "due", when: At("59ms"), do: Crash(node: Node("a"), down: "1ms")),
    (id: "later", when: Times(count: (5, 9), within: ("50ms", "100ms")), do: Pause(node: Any, for: "1ms")),
    (id: "at", when: At("70ms"), do: Crash(node: Any, down: "1ms")),
    (id: "lose", when: EachMessage(chance: "30%"), do: Lose),
    (id: "cuts", when: EachEffect(chance: "10%"), do: Crash(node: Actor, down: "1ms")),
    (id: "nth", when: Before(event: Send("Ask"), nth: 13), do: Lose)"#;

#[test]
fn nothing_strikes_after_the_healing_and_a_core_works_again() {
    let fields = r#"budget: Unlimited, run: (for: "120ms", quiet_tail: "60ms"),"#;
    let settings = "force: true, asks: 1000";
    let mut cores = BTreeSet::new();
    for run in runs(settings, LASTING, fields, 60) {
        let heal = kinds(&run, Kind::Heal).next().expect("there is a healing");
        assert!((millis(heal) - 60.0).abs() < f64::EPSILON);
        cores.insert(heal.text.clone());
        let after: Vec<&Entry> = run.entries.iter().filter(|e| e.event > heal.event).collect();
        let faults = [Kind::Crash, Kind::Pause, Kind::Cut, Kind::Disturb, Kind::Refuse];
        let dropped =
            |e: &&&Entry| matches!(e.kind, Kind::Lose(why) if format!("{why:?}") == "Dropped");
        assert_eq!(after.iter().filter(|e| faults.contains(&e.kind)).count(), 0);
        assert_eq!(after.iter().filter(dropped).count(), 0);
        let reached = |to: &str| {
            after.iter().any(|e| {
                e.kind == Kind::Deliver && name(&run, e.who) == to && name(&run, e.peer) == "a"
            })
        };
        let answers = |from: &str| {
            after.iter().any(|e| {
                e.kind == Kind::Deliver && name(&run, e.who) == "a" && name(&run, e.peer) == from
            })
        };
        let core = |peer: &str| {
            let id = run.catalog.find_node(peer).expect("a node").0;
            heal.text.contains(&format!("{id}"))
        };
        for peer in ["p1", "p2"] {
            assert_eq!(reached(peer), core(peer), "seed {}: {}: {peer}", run.seed.0, heal.text);
            assert_eq!(answers(peer), core(peer), "seed {}: {}: {peer}", run.seed.0, heal.text);
        }
    }
    assert_eq!(cores.len(), 3, "either peer, or everyone: {cores:?}");
}

// Independence: a decision moves with its name and with nothing else.

/// When each message arrived after it was sent, by who told whom what.
fn latencies(run: &Run) -> BTreeMap<(String, String, String), u64> {
    let sends: BTreeMap<_, _> = kinds(run, Kind::Send).map(|e| (e.event, e)).collect();
    let mut latencies = BTreeMap::new();
    for arrival in kinds(run, Kind::Deliver) {
        let Some(sent) = sends.get(&arrival.cause) else { continue };
        let what = sent.text.split(',').next().expect("a first part").to_owned();
        let key = (name(run, sent.who), name(run, sent.peer), what);
        latencies.insert(key, arrival.at.as_nanos() - sent.at.as_nanos());
    }
    latencies
}

const WEATHER: &str = r#"network: (latency: Uniform("1ms", "8ms")),"#;

/// Latencies of a seed under two scenarios, for messages that arrived in both, heartbeats aside.
fn compared(
    seed: u64,
    [settings, changed]: [&str; 2],
    [faults, others]: [&str; 2],
) -> Vec<((String, String, String), u64, u64)> {
    let of = |settings, faults| {
        latencies(&plan(settings, faults, WEATHER).runner().run(Seed(seed), Recording::Full))
    };
    let (before, after) = (of(settings, faults), of(changed, others));
    let both = before.into_iter().filter_map(|(key, x)| after.get(&key).map(|&y| (key, x, y)));
    both.filter(|(key, ..)| key.2 != "Beat").collect()
}

fn assert_unmoved(settings: [&str; 2], faults: [&str; 2], least: usize, but: &str) {
    for seed in 1..=20 {
        let compared = compared(seed, settings, faults);
        assert!(compared.len() >= least, "{} messages in both", compared.len());
        for ((from, to, what), x, y) in compared {
            if from != but && to != but {
                assert_eq!(x, y, "seed {seed}: {what} from {from} to {to}");
            }
        }
    }
}

#[test]
fn a_rule_moves_no_message_that_it_does_not_hit() {
    let plain = ["asks: 8", "asks: 8"];
    let lose = r#"(id: "x", when: EachMessage(chance: "20%"), do: Lose)"#;
    assert_unmoved(plain, ["", lose], 10, "");
    let delay =
        r#"(id: "x", when: EachMessage(chance: "50%", to: "p2"), do: Delay(by: "1ms..9ms"))"#;
    assert_unmoved(plain, ["", delay], 30, "p2");
    let crash = r#"(id: "x", when: At("35ms"), do: Crash(node: Node("p1"), down: "5ms"))"#;
    assert_unmoved(plain, ["", crash], 20, "");
    let cut = r#"(id: "x", when: At("35ms"), do: Cut(groups: [Nodes(["p1"]), Rest], for: "30ms"))"#;
    assert_unmoved(plain, ["", cut], 20, "");
}

#[test]
fn a_heartbeat_moves_no_other_message() {
    assert_unmoved(["asks: 8", r#"asks: 8, beat: "3ms""#], ["", ""], 32, "");
}

#[test]
fn another_node_moves_no_other_message() {
    assert_unmoved(["asks: 8, peers: 3", "asks: 8, peers: 4"], ["", ""], 48, "");
}

#[test]
fn a_heartbeat_moves_no_fault_of_another_message() {
    let delay = r#"(id: "x", when: EachMessage(chance: "50%"), do: Delay(by: "1ms..9ms"))"#;
    assert_unmoved(["asks: 8", r#"asks: 8, beat: "3ms""#], [delay, delay], 28, "");
}

#[test]
fn deleting_a_rule_moves_nothing_in_another() {
    let a = r#"(id: "a", when: Times(count: (0, 3), within: ("0s", "90ms")), do: Pause(node: Any, for: "1us..3ms")),"#;
    let b = r#"(id: "b", when: Times(count: (0, 5), within: ("0s", "90ms")), do: JumpClock(node: Any, by: "+1ms")),"#;
    let c = r#"(id: "c", when: Poisson(mean: "20ms", within: ("0s", "90ms")), do: JumpClock(node: AnyOf("peer"), by: "-1ms")),"#;
    let strikes = |faults: &str, seed| {
        let run = plan("", faults, WEATHER).runner().run(Seed(seed), Recording::Full);
        let jumps = kinds(&run, Kind::Disturb).map(|e| (e.at, e.who, e.text.clone()));
        jumps.collect::<Vec<_>>()
    };
    for seed in 1..=30 {
        let all = strikes(&[a, b, c].concat(), seed);
        assert_eq!(all, strikes(&[b, c].concat(), seed));
        assert_eq!(all, strikes(&[c, a, b].concat(), seed));
        let alone = strikes(b, seed);
        let of_b: Vec<_> = all.into_iter().filter(|jump| jump.2.contains("(b)")).collect();
        assert_eq!(of_b, alone);
    }
}

#[test]
fn a_partition_lets_nothing_across_until_it_ends() {
    let faults = r#"(id: "x", when: Times(count: (1, 2), within: ("10ms", "60ms")), do: Cut(groups: [Nodes(["p1"]), Rest], for: "5ms..20ms"))"#;
    let crosses = |run: &Run, e: &Entry| (name(run, e.who) == "p1") != (name(run, e.peer) == "p1");
    for run in runs(r#"asks: 100, every: "1ms", gossip: true"#, faults, WEATHER, 30) {
        let mut standing = 0;
        let (mut inside, mut stopped, mut afterwards) = (0, 0, 0);
        let mut ended = false;
        for entry in &run.entries {
            match entry.kind {
                Kind::Cut => standing += 1,
                Kind::Mend => (standing, ended) = (standing - 1, true),
                Kind::Deliver if crosses(&run, entry) && standing > 0 => inside += 1,
                Kind::Deliver if crosses(&run, entry) && ended => afterwards += 1,
                Kind::Lose(_) if crosses(&run, entry) => stopped += 1,
                _ => {}
            }
        }
        assert_eq!(inside, 0);
        assert!(stopped > 5 && afterwards > 5, "{stopped} stopped, {afterwards} afterwards");
    }
}

// Links.

#[test]
fn a_label_has_its_own_latency_on_every_link_and_a_distance_is_added() {
    let network = r#"network: (
        latency: Fixed("1ms"),
        links: [
            (from: "a", to: "p1", latency: Fixed("3ms")),
            (from: "a", to: "p2", latency: Fixed("3ms"), distance: "2ms"),
            (from: "p1", to: "a", distance: "7ms"),
        ],
        labels: [(label: "Answer", latency: Fixed("400us"))],
    ),"#;
    let run = plan("asks: 1", "", network).runner().run(Seed(1), Recording::Full);
    let arrivals: Vec<_> = story(&run).into_iter().filter(|line| line.contains("got A")).collect();
    let expected = [
        "13 a>p1 got Ask(1)",
        "15 a>p2 got Ask(1)",
        "15.4 p2>a got Answer(1, 15)",
        "20.4 p1>a got Answer(1, 13)",
    ];
    assert_eq!(arrivals, expected);
}
