//! Handlers of the write-ahead log, one at a time: a state and an event in, a list of effects out.
//!
//! ```text
//!   Bench: boot ──▶ events ──▶ [writes, Sync, Reply, …]      what a crash may leave out
//! ```
//!
//! Whole runs are judged elsewhere; here is what no run shows, the order of effects in a handler.

use super::{
    settings::{Interval, Takeover},
    *,
};
use crate::{
    base::time::Duration,
    engine::bench::{Bench, Listed, Told},
};

type Effect = Told<Wal>;

const OP: OpId = OpId(1);
const WRITE: Operation = Operation::Write { key: 0, value: 70 };
const READ: Operation = Operation::Read { key: 0 };
const LOGGED: Effect = Listed::State(Fact::Logged { lsn: 1, key: 0, value: 70 });
const SYNCED: Effect = Listed::State(Fact::Synced(1));

fn booted(config: Config) -> Bench<Wal> {
    let mut bench = Bench::new(config);
    bench.boot("p");
    bench
}

/// Without timers and marks.
fn visible(effects: Vec<Effect>) -> Vec<Effect> {
    let hidden = |effect: &Effect| matches!(effect, Listed::Mark(_) | Listed::SetTimer(..));
    effects.into_iter().filter(|effect| !hidden(effect)).collect()
}

fn file(words: &str) -> Effect {
    Listed::File(words.to_owned())
}

fn sync(step: &'static str, target: &str) -> Effect {
    Listed::Sync(step, target.to_owned())
}

fn to(node: &str, message: Message) -> Effect {
    Listed::Send(node.to_owned(), message)
}

fn forced(upto: u32) -> Message {
    Message::Forced(Force { upto: Lsn(upto), vouches: Lsn(0) })
}

fn standby(standby: Standby) -> Config {
    let (silence, lease) = (Duration::from_millis(90), Duration::from_millis(50));
    Config { standby, takeover: Takeover::After { silence, lease }, ..Config::default() }
}

fn ship(changes: Vec<Change>) -> Message {
    Message::Ship(Shipment { after: Lsn(0), changes, sent: Time::from_millis(3) })
}

#[test]
fn the_first_boot_makes_an_empty_log_durable_before_it_serves() {
    let expected = [
        file("creates log.1"),
        file("writes 32 bytes to log.1 at 0"),
        sync("ForceBeforeAcknowledge", "log.1"),
        sync("SyncNames", "the names"),
        Listed::State(Fact::Recovered(0)),
    ];
    assert_eq!(visible(Bench::<Wal>::new(Config::default()).boot("p")), expected);
}

#[test]
fn a_write_is_answered_behind_its_force_and_those_that_come_meanwhile_share_the_next() {
    let mut bench = booted(Config::default());
    let expected = [
        LOGGED,
        file("writes 48 bytes to log.1 at 32"),
        sync("ForceBeforeAcknowledge", "log.1"),
        to("p", forced(1)),
    ];
    assert_eq!(visible(bench.request("p", OP, WRITE)), expected);
    let second = Listed::State(Fact::Logged { lsn: 2, key: 0, value: 70 });
    let effects = visible(bench.request("p", OpId(2), WRITE));
    assert_eq!(effects, [second, file("writes 48 bytes to log.1 at 80")]);
    let expected = [
        SYNCED,
        Listed::Reply(OP, Answer::Done),
        sync("ForceBeforeAcknowledge", "log.1"),
        to("p", Message::Forced(Force { upto: Lsn(2), vouches: Lsn(1) })),
    ];
    assert_eq!(visible(bench.message("p", "p", forced(1))), expected);
}

#[test]
fn each_commit_waits_for_a_force_of_its_own() {
    let acknowledge = Acknowledge::EachCommit;
    let mut bench = booted(Config { acknowledge, ..Config::default() });
    let expected = [
        LOGGED,
        file("writes 48 bytes to log.1 at 32"),
        sync("ForceBeforeAcknowledge", "log.1"),
        SYNCED,
        Listed::Reply(OP, Answer::Done),
    ];
    assert_eq!(visible(bench.request("p", OP, WRITE)), expected);
}

#[test]
fn a_read_waits_for_what_it_would_show() {
    let mut bench = booted(Config::default());
    bench.request("p", OP, WRITE);
    assert_eq!(visible(bench.request("p", OpId(2), READ)), []);
    let other = Operation::Read { key: 40 };
    let effects = visible(bench.request("p", OpId(3), other));
    assert_eq!(effects, [Listed::Reply(OpId(3), Answer::Value(0))]);
    let effects = visible(bench.message("p", "p", forced(1)));
    assert_eq!(effects[2], Listed::Reply(OpId(2), Answer::Value(70)));
}

#[test]
fn who_answers_at_once_forces_later() {
    let acknowledge = Acknowledge::Interval(Duration::from_millis(9));
    let mut bench = booted(Config { acknowledge, ..Config::default() });
    let effects = visible(bench.request("p", OP, WRITE));
    assert_eq!(effects[2..], [Listed::Reply(OP, Answer::Done)]);
    let effects = visible(bench.timer("p", Timer::Force));
    assert_eq!(effects[0], sync("ForceBeforeAcknowledge", "log.1"));
}

#[test]
fn a_batch_is_acknowledged_behind_its_seal_where_the_settings_say_so() {
    let seal = Sealing::BeforeAcknowledge;
    let mut bench = booted(Config { seal, ..Config::default() });
    bench.request("p", OP, WRITE);
    let sealing = Force { upto: Lsn(1), vouches: Lsn(1) };
    let expected = [
        SYNCED,
        file("writes 32 bytes to log.1 at 80"),
        sync("ForceBeforeAcknowledge", "log.1"),
        to("p", Message::Forced(sealing)),
    ];
    assert_eq!(visible(bench.message("p", "p", forced(1))), expected);
    let effects = visible(bench.message("p", "p", Message::Forced(sealing)));
    assert_eq!(effects, [SYNCED, Listed::Reply(OP, Answer::Done)]);
}

#[test]
fn a_page_follows_the_log_and_the_checkpoint_follows_the_pages() {
    let mut bench = booted(Config { segment_bytes: 512, ..Config::default() });
    bench.request("p", OP, WRITE);
    let expected = [sync("LogBeforePage", "log.1"), file("writes 512 bytes to pages at 0")];
    assert_eq!(visible(bench.timer("p", Timer::Checkpoint)), expected);
    let expected = [sync("SyncPages", "pages"), to("p", Message::PagesSynced)];
    assert_eq!(visible(bench.timer("p", Timer::WritePage)), expected);
    let expected = [
        file("creates checkpoint.tmp"),
        file("writes 28 bytes to checkpoint.tmp at 0"),
        sync("SyncCheckpoint", "checkpoint.tmp"),
        file("renames checkpoint.tmp to checkpoint"),
        sync("SyncNames", "the names"),
    ];
    assert_eq!(visible(bench.message("p", "p", Message::PagesSynced)), expected);
}

#[test]
fn a_full_segment_is_synced_before_the_next_is_begun_and_goes_with_the_checkpoint() {
    let mut bench = booted(Config { segment_bytes: 512, ..Config::default() });
    for op in 1..=10 {
        bench.request("p", OpId(op), WRITE);
    }
    let effects = visible(bench.request("p", OpId(11), WRITE));
    let expected = [
        sync("ForceBeforeAcknowledge", "log.1"),
        file("creates log.2"),
        file("writes 32 bytes to log.2 at 0"),
        sync("ForceBeforeAcknowledge", "log.2"),
        sync("SyncNames", "the names"),
    ];
    assert_eq!(effects[..5], expected);
    bench.timer("p", Timer::Checkpoint);
    bench.timer("p", Timer::WritePage);
    let effects = visible(bench.message("p", "p", Message::PagesSynced));
    assert_eq!(effects.last(), Some(&file("removes log.1")));
}

#[test]
fn nothing_is_shipped_that_is_not_synced_and_nothing_acknowledged_that_the_standby_lacks() {
    let mut bench = booted(standby(Standby::Synchronous));
    let lease = Message::Shipped(Lsn(0), Time::from_millis(1));
    bench.message("p", "s", lease);
    let effects = visible(bench.request("p", OP, WRITE));
    assert_eq!(effects.len(), 4, "{effects:?}");
    let change = Change { key: 0, value: 70 };
    let shipped =
        Message::Ship(Shipment { after: Lsn(0), changes: vec![change], sent: Time::ZERO });
    let effects = visible(bench.message("p", "p", forced(1)));
    assert_eq!(effects, [SYNCED, to("s", shipped)]);
    let effects = visible(bench.message("p", "s", Message::Shipped(Lsn(1), Time::ZERO)));
    assert_eq!(effects, [Listed::Reply(OP, Answer::Done)]);
}

#[test]
fn a_standby_shows_and_confirms_what_it_has_synced() {
    let mut bench = booted(standby(Standby::Synchronous));
    bench.boot("s");
    let change = Change { key: 0, value: 70 };
    let expected = [
        LOGGED,
        file("writes 48 bytes to log.1 at 32"),
        sync("ForceBeforeAcknowledge", "log.1"),
        to("s", forced(1)),
        to("p", Message::Shipped(Lsn(0), Time::from_millis(3))),
    ];
    assert_eq!(visible(bench.message("s", "p", ship(vec![change]))), expected);
    let expected =
        [SYNCED, Listed::State(Fact::Applied(1)), to("p", Message::Shipped(Lsn(1), Time::ZERO))];
    assert_eq!(visible(bench.message("s", "s", forced(1))), expected);
}

#[test]
fn a_primary_without_a_lease_serves_nothing() {
    let mut bench = booted(standby(Standby::Asynchronous));
    let refused = [Listed::Reply(OP, Answer::NotDone)];
    assert_eq!(visible(bench.request("p", OP, READ)), refused);
    bench.message("p", "s", Message::Shipped(Lsn(0), Time::from_millis(1)));
    let served = [Listed::Reply(OP, Answer::Value(0))];
    assert_eq!(visible(bench.request("p", OP, READ)), served);
    bench.at(Time::from_millis(51));
    assert_eq!(visible(bench.request("p", OP, READ)), refused);
}

#[test]
fn an_answer_that_was_long_on_its_way_brings_no_lease() {
    let mut bench = booted(standby(Standby::Synchronous));
    bench.at(Time::from_millis(51));
    let late = Message::Shipped(Lsn(0), Time::from_millis(1));
    assert_eq!(visible(bench.message("p", "s", late)), []);
    let in_time = Message::Shipped(Lsn(0), Time::from_millis(2));
    assert_eq!(visible(bench.message("p", "s", in_time)), [Listed::State(Fact::Recovered(0))]);
}

#[test]
fn a_key_that_has_no_page_is_refused() {
    let mut bench = booted(Config::default());
    let write = Operation::Write { key: u32::MAX, value: 7 };
    assert_eq!(visible(bench.request("p", OP, write)), [Listed::Reply(OP, Answer::NotDone)]);
}

#[test]
fn a_standby_takes_over_durably_and_the_old_primary_stands_down() {
    let mut bench = booted(standby(Standby::Synchronous));
    bench.boot("s");
    let expected = [
        sync("ForceBeforeAcknowledge", "log.1"),
        Listed::State(Fact::Synced(0)),
        file("creates succession"),
        sync("SyncSuccession", "the names"),
        Listed::State(Fact::Recovered(0)),
    ];
    assert_eq!(visible(bench.timer("s", Timer::TakeOver)), expected);
    let effects = visible(bench.message("s", "p", ship(Vec::new())));
    assert_eq!(effects, [to("p", Message::Succeeded)]);
    bench.message("p", "s", Message::Succeeded);
    let refused = [Listed::Reply(OP, Answer::NotDone)];
    assert_eq!(visible(bench.request("p", OP, READ)), refused);
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    let sound = Config::default();
    let early = Config { acknowledge: Acknowledge::Never, ..sound.clone() };
    let zero = Duration::ZERO;
    let table = [
        (Config { keys_per_page: 0, ..sound.clone() }, "keys_per_page"),
        (Config { segment_bytes: 100, ..sound.clone() }, "segment_bytes"),
        (Config { checkpoint: Interval::Every(zero), ..sound.clone() }, "checkpoint"),
        (Config { acknowledge: Acknowledge::Interval(zero), ..sound.clone() }, "acknowledge"),
        (Config { ship_interval: zero, ..sound.clone() }, "ship_interval"),
        (Config { seal: Sealing::BeforeAcknowledge, ..early.clone() }, "seal"),
        (Config { standby: Standby::Synchronous, ..early }, "standby"),
        (Config { standby: Standby::Absent, ..standby(Standby::Absent) }, "takeover"),
    ];
    for (config, field) in table {
        let bad = config.validate();
        assert_eq!(bad.iter().map(|bad| bad.field).collect::<Vec<_>>(), [field], "{config:?}");
    }
    assert_eq!(sound.validate(), []);
    assert_eq!(standby(Standby::Synchronous).validate(), []);
}
