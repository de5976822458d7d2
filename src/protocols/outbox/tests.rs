//! Handlers of the outbox, one at a time: what a node does about one message, in which order.
//!
//! ```text
//!   Bench: Append ──▶ [Force(order and row), Reply]        Rows ──▶ [Publish]        Published ──▶ [Cursor]
//! ```
//!
//! Whole runs are judged elsewhere; here is what no run shows, the order of effects in a handler and
//! that one record holds what belongs together.

use super::*;
use crate::{
    base::time::Duration,
    blocks::broker::{Message as ToBroker, Offset},
    engine::bench::{Bench, Listed, Told},
};
use settings::Cursor;

type Effect = Told<Outbox>;

const EVENT: Event = Event { order: 7, key: 1, value: 10 };
const OP: OpId = OpId(7);
const ASKED: Operation = Operation::Append { key: 1, value: 10 };

fn bench(publish: Publish) -> Bench<Outbox> {
    Bench::new(Config { publish, ..Config::default() })
}

fn polling(cursor: Cursor) -> Publish {
    Publish::Polling { cursor, interval: Duration::from_millis(20) }
}

/// Without marks and timers.
fn shown(effects: Vec<Effect>) -> Vec<Effect> {
    let hidden = |effect: &Effect| {
        matches!(effect, Listed::Mark(_) | Listed::SetTimer(..) | Listed::CancelTimer(_))
    };
    effects.into_iter().filter(|effect| !hidden(effect)).collect()
}

fn rows_of(effects: &[Effect]) -> Vec<(u64, Event)> {
    match effects.last() {
        Some(Listed::Send(_, Message::Rows { rows, .. })) => rows.clone(),
        other => panic!("no rows: {other:?}"),
    }
}

fn read(bench: &mut Bench<Outbox>, after: u64) -> Vec<Effect> {
    shown(bench.message("orders", "relay", Message::ReadOutbox { after }))
}

#[test]
fn order_and_row_are_one_record_and_the_client_hears_behind_it() {
    let told = shown(bench(polling(Cursor::ByCommit)).request("orders", OP, ASKED));
    let [Listed::Force("ForceCommit", Record::Database(record)), reply] = &told[..] else {
        panic!("a force and a reply: {told:?}")
    };
    let database::Record::Committed(commit) = record else { panic!("a commit") };
    assert_eq!(commit.changes.len(), 2);
    assert_eq!(*reply, Listed::Reply(OP, Answer::Done));
}

#[test]
fn a_question_deletes_what_is_published_and_is_answered_with_what_follows() {
    let mut bench = bench(polling(Cursor::ByCommit));
    bench.request("orders", OP, ASKED);
    bench.request("orders", OpId(8), ASKED);
    let told = read(&mut bench, 0);
    let second = Event { order: 8, ..EVENT };
    assert_eq!((told.len(), rows_of(&told)), (1, vec![(1, EVENT), (2, second)]));
    let told = read(&mut bench, 1);
    assert!(matches!(told[0], Listed::Write(Record::Database(_))), "{told:?}");
    assert_eq!(rows_of(&told), [(2, second)]);
    assert_eq!(rows_of(&read(&mut bench, 1)), [(2, second)], "it was deleted once");
}

#[test]
fn a_lower_id_that_commits_later_stands_behind_a_cursor_by_commit_and_before_one_by_id() {
    for (cursor, found) in [(Cursor::ByCommit, 1), (Cursor::ById, 0)] {
        let mut bench = Bench::<Outbox>::new(Config {
            publish: polling(cursor),
            slow: Slow::Keys(vec![2]),
            ..Config::default()
        });
        bench.request("orders", OpId(1), Operation::Append { key: 2, value: 1 });
        bench.request("orders", OP, ASKED);
        let rows = rows_of(&read(&mut bench, 0));
        assert_eq!(rows.len(), 1, "the slow one has taken its id and has not committed");
        bench.timer("orders", Timer::Commit(OpId(1)));
        assert_eq!(rows_of(&read(&mut bench, rows[0].0)).len(), found, "{cursor:?}");
    }
}

#[test]
fn a_relay_moves_its_cursor_when_the_broker_has_the_rows() {
    let mut bench = bench(polling(Cursor::ByCommit));
    let rows = Message::Rows { after: 0, rows: vec![(1, EVENT), (4, EVENT)] };
    let told = shown(bench.message("relay", "orders", rows.clone()));
    assert_eq!(told.len(), 1, "one event is under way at a time: {told:?}");
    assert_eq!(
        shown(bench.message("relay", "orders", rows)),
        [],
        "a repeat is none of its business"
    );
    let partition = Config::default().partition(EVENT.key);
    let mut published = |sequence| {
        let message = ToBroker::Published { partition, sequence };
        shown(bench.message("relay", "broker", Message::Broker(message)))
    };
    assert!(matches!(published(1)[..], [Listed::Send(..)]));
    assert_eq!(published(4), [Listed::Write(Record::Cursor { upto: 4 })]);
}

#[test]
fn a_dual_write_does_one_after_the_other() {
    let publish = |order| bench(Publish::DualWrite { order });
    let told = shown(publish(DualOrder::DatabaseFirst).request("orders", OP, ASKED));
    assert!(matches!(told[..], [Listed::Force(..), Listed::Reply(..), Listed::Send(..)]));
    let mut bench = publish(DualOrder::BrokerFirst);
    let told = shown(bench.request("orders", OP, ASKED));
    assert!(matches!(told[..], [Listed::Send(..)]), "{told:?}");
    let partition = Config::default().partition(EVENT.key);
    let published = Message::Broker(ToBroker::Published { partition, sequence: 1 });
    let told = shown(bench.message("orders", "broker", published));
    assert!(matches!(told[..], [Listed::Force(..), Listed::Reply(..)]), "{told:?}");
}

#[test]
fn effect_and_dedupe_row_are_one_record_and_a_repeat_has_neither() {
    let mut bench = bench(polling(Cursor::ByCommit));
    let partition = Config::default().partition(EVENT.key);
    let assigned = ToBroker::Assigned { group: Config::GROUP, partitions: vec![partition] };
    bench.message("consumer", "broker", Message::Broker(assigned));
    let batch = |first: u64| {
        let asked = Position { partition, offset: Offset(first) };
        let batch = Batch {
            group: Config::GROUP,
            asked,
            expired: Offset(0),
            first: Offset(first),
            attempt: 1,
            events: vec![EVENT],
        };
        Message::Broker(ToBroker::Batch(batch))
    };
    let told = shown(bench.message("consumer", "broker", batch(0)));
    let seen = Some(Seen { order: 7, at: None });
    assert_eq!(told[0], Listed::Force("ForceEffect", Record::Took { event: EVENT, seen }));
    assert!(matches!(told[1..], [Listed::Write(Record::Moved(_)), Listed::Send(..)]), "{told:?}");
    let told = shown(bench.message("consumer", "broker", batch(1)));
    assert!(matches!(told[..], [Listed::Write(Record::Moved(_)), Listed::Send(..)]), "{told:?}");
}

#[test]
fn settings_that_make_no_sense_are_refused_with_reasons() {
    let reasons = |config: Config| Outbox::validate(&config).len();
    assert_eq!(reasons(Config::default()), 0);
    assert_eq!(reasons(Config { relays: 0, batch_max: 0, ..Config::default() }), 2);
    let never = Publish::Polling { cursor: Cursor::ByCommit, interval: Duration::ZERO };
    assert_eq!(reasons(Config { publish: never, ..Config::default() }), 1);
    let think = (Duration::from_millis(2), Duration::from_millis(1));
    assert_eq!(reasons(Config { think, ..Config::default() }), 1);
    let broker = broker::Settings::default(); // Whose producers are idempotent.
    let publish = Publish::DualWrite { order: DualOrder::BrokerFirst };
    assert_eq!(reasons(Config { publish, broker, ..Config::default() }), 1);
}
