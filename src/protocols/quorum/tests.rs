//! Handlers of quorum replication, one at a time: a state and an event in, a list of effects out.
//!
//! ```text
//!   Bench: apply(records) ──▶ one event ──▶ [Force, Send, …]      what a crash may leave out
//! ```
//!
//! Whole runs are judged elsewhere; here is what no run shows, the order of effects in a handler.

use super::settings::{Count, Mode};
use super::*;
use crate::{
    base::time::{Duration, Time},
    engine::bench::{Bench, Listed, Told},
};

type Effect = Told<Quorum>;

const OP: OpId = OpId(1);
const READ: Operation = Operation::Read { key: 0 };
const WRITE: Operation = Operation::Write { key: 0, value: 70 };

fn abd() -> Bench<Quorum> {
    Bench::new(Config { mode: Mode::Abd, coordinators: 1, ..Config::default() })
}

fn version(time: u64, value: i64) -> Versions {
    let tag = Tag { time, writer: writer(OP) };
    Versions::of(Version { tag, value, past: Seen::default() })
}

/// Messages, records and answers, without timers and marks.
fn visible(effects: Vec<Effect>) -> Vec<Effect> {
    let hidden = |effect: &Effect| {
        matches!(effect, Listed::Mark(_) | Listed::SetTimer(..) | Listed::CancelTimer(_))
    };
    effects.into_iter().filter(|effect| !hidden(effect)).collect()
}

fn to(node: &str, message: Message) -> Effect {
    Listed::Send(node.to_owned(), message)
}

fn store(node: &str, versions: &Versions) -> Effect {
    let versions = versions.clone();
    to(node, Message::Store(Copy { op: OP, key: 0, versions, home: None }))
}

fn state(bench: &mut Bench<Quorum>, from: &str, versions: Versions) -> Vec<Effect> {
    visible(bench.message("c1", from, Message::State(OP, versions)))
}

fn stored(bench: &mut Bench<Quorum>, from: &str) -> Vec<Effect> {
    visible(bench.message("c1", from, Message::Stored(OP, None)))
}

#[test]
fn a_replica_forces_what_is_newer_before_it_says_so() {
    let mut bench = abd();
    let copy = |versions| Message::Store(Copy { op: OP, key: 0, versions, home: None });
    let told = to("c1", Message::Stored(OP, None));
    let effects = visible(bench.message("r1", "c1", copy(version(5, 50))));
    let forced = Listed::Force("ForceReplica", Record::Kept(0, version(5, 50)));
    assert_eq!(effects, [forced, told.clone()]);
    let effects = visible(bench.message("r1", "c1", copy(version(4, 40))));
    assert_eq!(effects, [told], "an older version changes nothing");
}

#[test]
fn a_writer_takes_a_tag_above_all_that_a_majority_knows_and_waits_for_a_majority() {
    let mut bench = abd();
    let query = |node| to(node, Message::Query(OP, 0));
    let effects = visible(bench.request("c1", OP, WRITE));
    assert_eq!(effects, [query("r1"), query("r2"), query("r3")]);
    assert_eq!(state(&mut bench, "r1", version(5, 50)), []);
    assert_eq!(state(&mut bench, "r1", version(9, 90)), [], "one replica answers once");
    let mine = version(6, 70);
    let effects = state(&mut bench, "r2", Versions::default());
    assert_eq!(effects, ["r1", "r2", "r3"].map(|node| store(node, &mine)));
    assert_eq!(stored(&mut bench, "r3"), []);
    assert_eq!(stored(&mut bench, "r3"), [], "one replica counts once");
    assert_eq!(stored(&mut bench, "r1"), [Listed::Reply(OP, Answer::Done)]);
}

#[test]
fn a_reader_that_finds_replicas_apart_writes_back_before_it_answers() {
    let mut bench = abd();
    bench.request("c1", OP, READ);
    state(&mut bench, "r1", version(5, 50));
    let effects = state(&mut bench, "r2", version(4, 40));
    assert_eq!(effects, ["r2", "r3"].map(|node| store(node, &version(5, 50))));
    assert_eq!(stored(&mut bench, "r2"), [Listed::Reply(OP, Answer::Value(50))]);
}

#[test]
fn a_reader_that_finds_a_majority_alike_answers_at_once() {
    let mut bench = abd();
    bench.request("c1", OP, READ);
    state(&mut bench, "r1", version(5, 50));
    let effects = state(&mut bench, "r3", version(5, 50));
    assert_eq!(effects, [Listed::Reply(OP, Answer::Value(50))]);
}

#[test]
fn a_write_that_is_sent_again_keeps_its_tag() {
    let mut bench = abd();
    bench.request("c1", OP, WRITE);
    state(&mut bench, "r1", version(5, 50));
    state(&mut bench, "r2", Versions::default());
    stored(&mut bench, "r1");
    let effects = visible(bench.timer("c1", Timer::Resend(OP)));
    assert_eq!(effects, ["r2", "r3"].map(|node| store(node, &version(6, 70))));
    bench.ablate(Step::KeepTag);
    let effects = visible(bench.timer("c1", Timer::Resend(OP)));
    assert_eq!(effects[0], to("r1", Message::Query(OP, 0)));
}

#[test]
fn the_coordinators_clock_is_the_tag_where_the_last_write_wins() {
    let mut bench = Bench::<Quorum>::new(Config { coordinators: 1, ..Config::default() });
    bench.at(Time::from_nanos(77));
    let effects = visible(bench.request("c1", OP, WRITE));
    assert_eq!(effects[0], store("r1", &version(77, 70)));
}

#[test]
fn a_stand_in_keeps_what_a_home_missed_until_the_home_has_it() {
    let handoff = Handoff::Every(Duration::from_millis(10));
    let config = Config { spares: 1, handoff, w: Some(Count::All), ..Config::default() };
    let mut bench = Bench::<Quorum>::new(config);
    bench.at(Time::from_nanos(6));
    bench.request("r1", OP, WRITE);
    let missing =
        |home| Message::Store(Copy { op: OP, key: 0, versions: version(6, 70), home: Some(home) });
    for node in ["r1", "r2"] {
        bench.message("r1", node, Message::Stored(OP, None));
    }
    let effects = visible(bench.timer("r1", Timer::Suspect(OP)));
    assert_eq!(effects, [to("r4", missing(NodeId(2)))]);
    let effects = visible(bench.message("r4", "r1", missing(NodeId(2))));
    let hinted = Listed::Force("ForceHint", Record::Hinted(NodeId(2), 0, version(6, 70)));
    assert_eq!(effects, [hinted, to("r1", Message::Stored(OP, Some(NodeId(2))))]);
    let effects = visible(bench.message("r1", "r4", Message::Stored(OP, Some(NodeId(2)))));
    assert_eq!(effects, [], "a hint is no replica");
    let offer = to("r3", Message::Hint(0, version(6, 70)));
    assert_eq!(visible(bench.timer("r4", Timer::HandOver)), [offer]);
    let taken = |versions| Message::Taken(0, versions);
    assert_eq!(visible(bench.message("r4", "r3", taken(version(5, 50)))), []);
    let dropped = Listed::Write(Record::HandedOver(NodeId(2), 0));
    assert_eq!(visible(bench.message("r4", "r3", taken(version(6, 70)))), [dropped]);
}

#[test]
fn replicas_that_compare_swap_what_differs_both_ways() {
    let mut bench = Bench::<Quorum>::new(Config::default());
    bench.apply("r1", [Record::Kept(0, version(5, 50)), Record::Kept(1, version(2, 20))]);
    bench.apply("r2", [Record::Kept(0, version(4, 40)), Record::Kept(1, version(2, 20))]);
    let tags =
        [0, 1].map(|key| (key, bench.state("r1").kept.get(&key).expect("it is kept").tags()));
    let effects = visible(bench.message("r2", "r1", Message::Tags(tags.to_vec())));
    assert_eq!(effects, [to("r1", Message::Rows(vec![(0, version(4, 40))]))]);
    let rows = Message::Rows(vec![(0, version(4, 40))]);
    let effects = visible(bench.message("r1", "r2", rows));
    assert_eq!(effects, [to("r2", Message::Rows(vec![(0, version(5, 50))]))]);
    let rows = Message::Rows(vec![(0, version(5, 50))]);
    let effects = visible(bench.message("r2", "r1", rows));
    let forced = Listed::Force("ForceReplica", Record::Kept(0, version(5, 50)));
    assert_eq!(effects, [forced]);
}

#[test]
fn a_write_beside_others_is_numbered_in_the_log_before_anyone_hears_of_it() {
    let order = Some(Order::VersionVectors);
    let mut bench = Bench::<Quorum>::new(Config { order, ..Config::default() });
    let effects = visible(bench.request("r2", OP, WRITE));
    let Listed::Force("ForceNumber", Record::Kept(0, versions)) = &effects[0] else {
        panic!("{effects:?}")
    };
    assert_eq!(versions.tags(), [Tag { time: 1, writer: 1 }]);
    assert_eq!(effects.len(), 4);
}

#[test]
fn a_register_cannot_compare_and_set() {
    let cas = Operation::Cas { key: 0, expected: 1, value: 2 };
    assert_eq!(abd().request("c1", OP, cas), [Listed::Reply(OP, Answer::NotDone)]);
}
