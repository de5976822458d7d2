//! Raw files in runs: what waits for a sync, what a disk costs, and what each way of being bad does.
//!
//! ```text
//!   one node writes sectors and syncs them; every sync and every message takes 1 ms
//!   client asks 0 ──▶ 1 writes, sync ──▶ 2 durable, replies ──▶ 3 done
//! ```
//!
//! What a disk holds is told by the answers to reads, after a crash where one is needed: the test
//! looks at nothing that a client could not see, but for costs and counters.

#[path = "common/scribe.rs"]
mod scribe;

use scribe::Scribe;
use splitbrain::{
    base::{
        ids::{NodeId, OpId, Seed},
        text::source::Edited,
    },
    engine::{
        operations::{Answer, Ending},
        trace::{Kind, Recording},
        untimed::{
            DiskIs, Outcome, OutcomeId, SituationId, Stimulus, Timers, Untimed, UntimedOptions,
            asked::first_operations,
        },
    },
    scenario::{load::load, plan::Plan, registry::Registry, run::Run},
};
use std::collections::BTreeSet;

/// A scenario: settings, requests, faults, disk.
fn plan(settings: &str, requests: &str, faults: &str, disk: &str) -> Plan {
    let text = format!(
        r#"Scenario(
            title: "scribe",
            protocol: Scribe({settings}),
            network: (latency: Fixed("1ms")),
            disk: ({disk}),
            workload: Requests([{requests}]),
            faults: [{faults}],
            checks: [],
            run: (for: "500ms"),
        )"#
    );
    let registry = Registry::built_in().with_protocol::<Scribe>();
    load(&registry, "scribe", &Edited::new(text))
        .unwrap_or_else(|error| panic!("{:#?}", error.mistakes))
}

/// Runs one seed of it.
fn run_seed(settings: &str, requests: &str, faults: &str, disk: &str, seed: u64) -> Run {
    plan(settings, requests, faults, disk).runner().run(Seed(seed), Recording::Full)
}

fn run(settings: &str, requests: &str, faults: &str) -> Run {
    run_seed(settings, requests, faults, "", 1)
}

fn write(at: u32, key: u32, value: u8) -> String {
    format!(r#"(at: "{at}ms", ask: Write(key: {key}, value: {value})),"#)
}

fn read(at: u32, key: u32) -> String {
    format!(r#"(at: "{at}ms", ask: Read(key: {key})),"#)
}

/// The answers to reads, in order; `None` where there was none.
fn answers(run: &Run) -> Vec<Option<i64>> {
    let ended = run.history.iter().map(|entry| entry.ending);
    let value = ended.filter_map(|ending| match ending {
        Some((_, Ending::Ok(None))) => None,
        Some((_, Ending::Ok(value))) => Some(value),
        _ => Some(None),
    });
    value.collect()
}

/// What happened at the node, with milliseconds.
fn story(run: &Run) -> Vec<String> {
    let word = |kind| match kind {
        Kind::FileWrite => Some("writes"),
        Kind::Sync => Some("sync"),
        Kind::Synced => Some("synced"),
        Kind::SyncFailed => Some("failed"),
        Kind::Read => Some("read"),
        Kind::Reply => Some("replies"),
        Kind::Crash => Some("crash"),
        Kind::Boot => Some("boot"),
        _ => None,
    };
    let entries = run.entries.iter();
    let lines = entries.filter_map(|entry| {
        let millis = entry.at.as_nanos() as f64 / 1e6;
        Some(format!("{millis} {}", word(entry.kind)?))
    });
    lines.collect()
}

fn effects(run: &Run, rule: usize) -> u64 {
    run.rules[rule].counts.effects
}

const CRASH: &str = r#"(id: "crash", when: At("100ms"), do: Crash(node: Node("s"), down: "10ms", cut: Boundary, sectors: [], names: 0)),"#;

#[test]
fn what_stands_behind_a_sync_happens_after_it() {
    let run = run("", &write(10, 0, 7), "");
    let expected =
        ["0 boot", "0 writes", "0 sync", "1 synced", "11 writes", "11 sync", "12 synced"];
    assert_eq!(story(&run)[..7], expected);
    assert_eq!(story(&run)[7..], ["12 replies"]);
}

#[test]
fn a_crash_falls_between_any_two_effects() {
    let mut seen = BTreeSet::new();
    for effects in 0..4 {
        let faults = format!(
            r#"(id: "x", when: Inside(event: Request, nth: 1, effects: {effects}), do: Crash(node: Actor, down: "10ms", sectors: [0]))"#
        );
        let requests = write(10, 0, 7) + &read(100, 0);
        let run = run("", &requests, &faults);
        let after: Vec<_> =
            story(&run).into_iter().skip(4).take_while(|line| !line.ends_with("boot")).collect();
        seen.insert((after, answers(&run)));
    }
    let told: Vec<_> =
        seen.iter().map(|(story, answers)| (story.join(", "), answers.clone())).collect();
    assert_eq!(told.len(), 4, "{told:#?}");
    assert_eq!(told[0].0, "11 crash");
    assert!(told.iter().any(|(story, _)| story == "11 writes, 11 crash"), "{told:#?}");
    assert!(told.iter().any(|(story, _)| story.ends_with("12 synced, 12 crash")), "{told:#?}");
}

#[test]
fn grouped_syncs_that_wait_share_the_next_one() {
    let requests: String = (0..4).map(|key| write(10, key, 7)).collect();
    let grouped = run("grouped: true", &requests, "");
    let synced: Vec<_> =
        story(&grouped).into_iter().filter(|line| line.ends_with("synced")).collect();
    assert_eq!(synced, ["1 synced", "12 synced", "13 synced"]);
    let blocking = run("", &requests, "");
    let synced = story(&blocking).into_iter().filter(|line| line.ends_with("synced"));
    assert_eq!(synced.count(), 5);
}

#[test]
fn unsynced_sectors_survive_as_the_crash_says() {
    for chosen in 0..8_u32 {
        let kept: Vec<String> =
            (0..3).filter(|s| chosen >> s & 1 == 1).map(|s| s.to_string()).collect();
        let crash = format!(
            r#"(id: "x", when: Before(event: Step("SyncLog")), do: Crash(node: Actor, down: "5ms", sectors: [{}]))"#,
            kept.join(", ")
        );
        let requests = write(10, 0, 7) + &(0..3).map(|key| read(50, key)).collect::<String>();
        let run = run("width: 3", &requests, &crash);
        let wanted: Vec<_> =
            (0..3).map(|s| Some(if chosen >> s & 1 == 1 { 7 } else { 0 })).collect();
        assert_eq!(answers(&run)[1..], wanted);
    }
}

#[test]
fn drawn_crashes_leave_every_image() {
    let crash =
        r#"(id: "x", when: Before(event: Step("SyncLog")), do: Crash(node: Actor, down: "5ms"))"#;
    let requests = write(10, 0, 7) + &(0..3).map(|key| read(50, key)).collect::<String>();
    let images: BTreeSet<_> =
        (1..=200).map(|seed| answers(&run_seed("width: 3", &requests, crash, "", seed))).collect();
    assert_eq!(images.len(), 8);
}

#[test]
fn names_that_are_not_synced_revert() {
    for (synced, files) in [(0, 1), (1, 2)] {
        let requests = format!(
            r#"(at: "10ms", ask: Append(key: 1, value: {synced})), (at: "50ms", ask: Audit), (at: "150ms", ask: Audit)"#
        );
        let run = run("", &requests, CRASH);
        assert_eq!(answers(&run), [Some(2), Some(files)]);
        assert_eq!(run.counters.disk.names_lost, u64::from(synced == 0));
    }
}

#[test]
fn a_lying_disk_loses_at_a_crash_what_it_called_safe() {
    let lies =
        r#"(id: "lies", when: At("5ms"), do: BadDisk(node: Node("s"), how: Lies, for: "20ms")),"#;
    let requests = write(10, 0, 7) + &read(150, 0);
    let lost = run("", &requests, &(lies.to_owned() + CRASH));
    assert_eq!((answers(&lost), effects(&lost, 0)), (vec![Some(0)], 1));
    let honest_later = write(10, 0, 7) + &write(40, 1, 8) + &read(150, 0);
    let saved = run("", &honest_later, &(lies.to_owned() + CRASH));
    assert_eq!((answers(&saved), effects(&saved, 0)), (vec![Some(7)], 0));
}

#[test]
fn a_failed_sync_stops_or_is_retried_in_vain_or_ignored() {
    let fails = r#"(id: "fails", when: At("5ms"), do: FailForce(node: Node("s"), down: "10ms", sectors: [], names: 0)),"#;
    let requests = write(10, 0, 7) + &read(50, 0) + &read(150, 0);
    let stop = run("after: Stop", &requests, fails);
    assert_eq!(answers(&stop), [None, Some(0), Some(0)]);
    for after in ["after: Retry", "after: Ignore"] {
        let run = run(after, &requests, &(fails.to_owned() + CRASH));
        assert_eq!(answers(&run), [Some(7), Some(0)], "{after}");
        assert_eq!((run.counters.disk.failed_syncs, effects(&run, 0)), (1, 1));
    }
}

#[test]
fn a_full_disk_drops_what_grows_and_fails_the_next_sync() {
    let full =
        r#"(id: "full", when: At("20ms"), do: BadDisk(node: Node("s"), how: Full, for: "20ms"))"#;
    let requests =
        write(10, 0, 7) + &write(25, 0, 8) + &write(30, 1, 9) + &read(80, 0) + &read(80, 1);
    let run = run("", &requests, full);
    assert_eq!(answers(&run), [None, Some(8), Some(0)]);
    assert_eq!(run.counters.disk.failed_syncs, 1);
    assert!(effects(&run, 0) > 0);
}

#[test]
fn stalled_and_slow_disks_answer_late() {
    let synced = |faults: &str| {
        let run = run("", &write(10, 0, 7), faults);
        story(&run).into_iter().rfind(|line| line.ends_with("synced"))
    };
    assert_eq!(synced("").as_deref(), Some("12 synced"));
    let stall = r#"(id: "x", when: At("5ms"), do: StallDisk(node: Node("s"), for: "20ms"))"#;
    assert_eq!(synced(stall).as_deref(), Some("25 synced"));
    let slow =
        r#"(id: "x", when: At("5ms"), do: BadDisk(node: Node("s"), how: Slow(10), for: "20ms"))"#;
    assert_eq!(synced(slow).as_deref(), Some("21 synced"));
}

#[test]
fn a_node_that_pauses_during_a_sync_hears_of_it_afterwards() {
    let pause = r#"(id: "pause", when: At("11500us"), do: Pause(node: Node("s"), for: "10ms")),"#;
    let run_one = run("", &write(10, 0, 7), pause);
    assert_eq!(story(&run_one)[6..], ["21.5 synced", "21.5 replies"]);
    let fails = r#"(id: "fails", when: At("5ms"), do: FailForce(node: Node("s"), down: "10ms"))"#;
    let failed = run("after: Ignore", &write(10, 0, 7), &(pause.to_owned() + fails));
    assert_eq!(story(&failed)[6..], ["21.5 failed", "21.5 synced", "21.5 replies"]);
}

#[test]
fn a_crash_during_a_sync_without_anything_to_write_hangs_nothing() {
    let crash =
        r#"(id: "x", when: At("11500us"), do: Crash(node: Node("s"), down: "5ms", cut: Boundary))"#;
    let requests = write(10, 0, 7) + &write(50, 0, 8);
    let run = run("width: 0", &requests, crash);
    let replies = story(&run).into_iter().filter(|line| line.ends_with("replies")).count();
    assert_eq!(replies, 1);
}

#[test]
fn reads_and_seeks_cost_time() {
    let disk = r#"force: Fixed("0ms"), seek: "5ms", sector: "1ms""#;
    let took = |keys: &[u32]| {
        let requests: String = keys.iter().map(|key| write(100, *key, 7)).collect();
        let run = run_seed("", &requests, "", disk, 1);
        let last = run.history.last().and_then(|entry| entry.ending);
        (last.expect("an answer").0.as_nanos() / 1_000_000 - 102, run.counters.disk.seeks)
    };
    assert_eq!(took(&[0, 1, 2, 3]), (5 + 4, 1), "one seek, then sector after sector");
    assert_eq!(
        took(&[8, 2, 6, 0]),
        (4 * 5 + 4 + 8, 4),
        "zeros before the first one are written too"
    );
    let requests = write(10, 0, 7) + &read(100, 0);
    let run = run_seed("", &requests, "", disk, 1);
    assert_eq!(run.counters.disk.sectors_read, 1);
    let ended = run.history[1].ending.expect("an answer").0;
    assert_eq!(ended.as_nanos() / 1_000_000, 103, "the head stands there, so only the transfer");
}

#[test]
fn rot_and_misdirection_have_an_effect_when_they_are_met() {
    let rots = r#"(id: "rots", when: At("50ms"), do: BadDisk(node: Node("s"), how: Rots(file: Some("log"), sector: Some(1)))),"#;
    let requests = write(10, 0, 7) + &write(20, 1, 7) + &read(80, 1) + &read(150, 0);
    let hidden = run("", &requests, &(rots.to_owned() + CRASH));
    assert_eq!(effects(&hidden, 0), 0);
    let met = run("", &(requests + &read(160, 1)), &(rots.to_owned() + CRASH));
    assert_eq!(effects(&met, 0), 1);
    let strays =
        r#"(id: "strays", when: At("50ms"), do: BadDisk(node: Node("s"), how: Misdirects)),"#;
    let requests =
        write(10, 0, 1) + &write(20, 1, 2) + &write(60, 0, 3) + &read(150, 0) + &read(150, 1);
    let strayed = run("", &requests, &(strays.to_owned() + CRASH));
    assert_eq!((answers(&strayed), effects(&strayed, 0)), (vec![Some(1), Some(3)], 1));
}

// Without time.

/// The node without time, and its operations.
fn untimed(settings: &str, requests: &str) -> (Box<dyn Untimed>, Vec<OpId>) {
    let plan = plan(settings, requests, "", "");
    let asked = first_operations(&plan.setup, &plan.catalog, Seed(1), 99);
    let operations: Vec<_> = asked.iter().map(|asked| asked.entry).collect();
    let ops = operations.iter().map(|entry| entry.op).collect();
    let options = UntimedOptions { timers: Timers::Async, operations };
    (plan.configured.untimed(&plan.setup, options), ops)
}

/// Every way that a stimulus goes.
fn ways(nodes: &mut dyn Untimed, at: SituationId, stimulus: Stimulus) -> Vec<Outcome> {
    let ways = nodes.outcomes(at, stimulus).expect("it can be explored");
    ways.map(|way| nodes.outcome(OutcomeId(way)).clone()).collect()
}

/// The only way that it goes, until the disk is at rest. Gives the answers too.
fn then(
    nodes: &mut dyn Untimed,
    at: SituationId,
    stimulus: Stimulus,
) -> (SituationId, Vec<Answer>) {
    let [only] = &ways(nodes, at, stimulus)[..] else { panic!("one way is expected") };
    let mut answers: Vec<_> = only.answers.iter().map(|(_, answer)| *answer).collect();
    let mut at = only.next;
    while nodes.situation(at).disk != DiskIs::Idle {
        let [only] = &ways(nodes, at, Stimulus::Durable)[..] else { panic!("one way is expected") };
        answers.extend(only.answers.iter().map(|(_, answer)| *answer));
        at = only.next;
    }
    (at, answers)
}

#[test]
fn the_explorer_meets_every_image_of_a_crash_and_no_other() {
    for k in 0..=4_u32 {
        let requests = write(0, 0, 7) + &(0..4).map(|key| read(1, key)).collect::<String>();
        let (mut nodes, ops) = untimed(&format!("width: {k}"), &requests);
        let nodes = nodes.as_mut();
        let blank = nodes.blank(NodeId(0));
        let (up, _) = then(nodes, blank, Stimulus::Boot);
        let [syncing] = &ways(nodes, up, Stimulus::Request(ops[0]))[..] else { panic!("one way") };
        let crashes = ways(nodes, syncing.next, Stimulus::Crash);
        assert_eq!(crashes.len(), 1 << k);
        let states: BTreeSet<_> = crashes.iter().map(|crash| crash.next).collect();
        assert_eq!(states.len(), 1 << k);
        for crash in &crashes {
            let kept = crash.files.map_or(0, |files| files.sectors);
            let (mut at, _) = then(nodes, crash.next, Stimulus::Boot);
            for sector in 0..k {
                let (next, answers) = then(nodes, at, Stimulus::Request(ops[1 + sector as usize]));
                let wanted = if kept >> sector & 1 == 1 { 7 } else { 0 };
                assert_eq!(answers, [Answer::Value(wanted)], "sector {sector} of {kept:b}");
                at = next;
            }
        }
    }
}

#[test]
fn the_explorer_lets_names_survive_as_a_prefix() {
    let appends = r#"(at: "0ms", ask: Append(key: 1, value: 0)), (at: "0ms", ask: Append(key: 2, value: 0)),"#;
    let requests = appends.to_owned() + &write(0, 0, 7);
    let (mut nodes, ops) = untimed("width: 2", &requests);
    let nodes = nodes.as_mut();
    let blank = nodes.blank(NodeId(0));
    let (mut at, _) = then(nodes, blank, Stimulus::Boot);
    for op in &ops[..2] {
        (at, _) = then(nodes, at, Stimulus::Request(*op));
    }
    let [syncing] = &ways(nodes, at, Stimulus::Request(ops[2]))[..] else { panic!("one way") };
    let crashes = ways(nodes, syncing.next, Stimulus::Crash);
    let states: BTreeSet<_> = crashes.iter().map(|crash| crash.next).collect();
    assert_eq!((crashes.len(), states.len()), (4 * 3, 4 * 3));
}
