//! Handlers of idempotency keys, one at a time: a state and an event in, a list of effects out.
//!
//! ```text
//!   front: force, then ask      server: a row found ──▶ what it says      database: written over v?
//! ```
//!
//! Whole runs are judged elsewhere; here is the order of effects, and what each answer rests on.

use super::{settings::ProviderKeys, *};
use crate::engine::{
    bench::{Bench, Listed, Told},
    operations::Answer,
};

type Effect = Told<IdempotencyKey>;

const OP: OpId = OpId(2);
const ASKED: Operation = Operation::Charge { key: 7, amount: 10 };
const CHARGE: Charge = Charge { key: 7, amount: 10 };
const JOB: Job = Job { front: NodeId(0), call: CallId(2), charge: CHARGE };
const OTHER: Job = Job { charge: Charge { key: 7, amount: 11 }, ..JOB };

fn bench(charge: Variant) -> Bench<IdempotencyKey> {
    Bench::new(Config { charge, ..Config::default() })
}

/// Without timers and marks.
fn visible(effects: Vec<Effect>) -> Vec<Effect> {
    let hidden = |effect: &Effect| {
        matches!(effect, Listed::Mark(_) | Listed::SetTimer(..) | Listed::CancelTimer(_))
    };
    effects.into_iter().filter(|effect| !hidden(effect)).collect()
}

fn to(node: &str, message: impl Into<Message>) -> Effect {
    Listed::Send(node.to_owned(), message.into())
}

fn answer(answer: Reply) -> Effect {
    let response: rpc::Message<Charge, Reply> = rpc::Message::Response { id: CallId(2), answer };
    to("front1", response)
}

fn known(amount: i64, outcome: Option<Outcome>, reservation: Reservation) -> Message {
    let row = KeyRow { amount, outcome, at: None };
    Message::Found(JOB, Some(Known { version: Version(4), row, reservation }))
}

#[test]
fn a_front_keeps_a_request_before_it_asks() {
    let mut bench = bench(Variant::Local);
    let request: rpc::Message<Charge, Reply> =
        rpc::Message::Request { id: CallId(2), body: CHARGE };
    assert_eq!(
        visible(bench.request("front1", OP, ASKED)),
        [Listed::Force("ForceRequest", Record::Asked(OP, CHARGE)), to("server1", request)]
    );
}

#[test]
fn a_front_answers_before_it_forgets_and_asks_again_when_somebody_is_at_it() {
    let mut bench = bench(Variant::Local);
    bench.request("front1", OP, ASKED);
    let response = |answer| -> rpc::Message<Charge, Reply> {
        rpc::Message::Response { id: CallId(2), answer }
    };
    assert_eq!(visible(bench.message("front1", "server1", response(Reply::InProgress))), []);
    assert!(matches!(
        visible(bench.timer("front1", Timer::AskAgain(OP)))[..],
        [Listed::Send(ref node, _)] if node == "server2"
    ));
    let charged = response(Reply::Ended(Outcome::Charged(3)));
    assert_eq!(
        visible(bench.message("front1", "server2", charged)),
        [Listed::Reply(OP, Answer::Value(3)), Listed::Write(Record::Closed(OP))]
    );
}

#[test]
fn what_a_server_finds_decides_what_it_says() {
    let mut bench = bench(Variant::External);
    let mut says = |amount, outcome, reservation| {
        visible(bench.message("server1", "database", known(amount, outcome, reservation)))
    };
    let charged = Some(Outcome::Charged(3));
    let (fresh, lapsed) = (Reservation::Fresh, Reservation::Lapsed);
    assert_eq!(says(10, charged, fresh), [answer(Reply::Ended(Outcome::Charged(3)))]);
    assert_eq!(says(11, charged, fresh), [answer(Reply::AnotherBody)]);
    assert_eq!(says(11, None, lapsed), [answer(Reply::AnotherBody)]);
    assert_eq!(says(10, None, fresh), [answer(Reply::InProgress)]);
    let take_over = Message::Execute(JOB, Statement::Reserve(Version(4)));
    assert_eq!(says(10, None, lapsed), [to("database", take_over)]);
}

#[test]
fn whoever_reserves_orders_with_the_key_of_the_client_and_remembers_over_its_reservation() {
    let mut bench = bench(Variant::External);
    let reserved = Message::Done(JOB, Committed::Reserved(Version(5)));
    let order = Order { key: Some(7), charge: CHARGE };
    let request: rpc::Message<Order, Reply> = rpc::Message::Request { id: CallId(5), body: order };
    let effects = bench.message("server1", "database", reserved);
    assert_eq!(visible(effects), [to("provider", request)]);
    let receipt = Outcome::Charged(3);
    let response: rpc::Message<Order, Reply> =
        rpc::Message::Response { id: CallId(5), answer: Reply::Ended(receipt) };
    let remember = Message::Execute(JOB, Statement::Remember(Version(5), receipt));
    let effects = bench.message("server1", "provider", response);
    assert_eq!(visible(effects), [to("database", remember)]);
}

#[test]
fn the_database_writes_over_the_version_that_was_read_or_not_at_all() {
    let mut bench = bench(Variant::Local);
    let charge = Message::Execute(JOB, Statement::ChargeAndRemember);
    let first = visible(bench.message("database", "server1", charge.clone()));
    let done = Message::Done(JOB, Committed::Remembered(Outcome::Charged(1)));
    assert!(matches!(first[0], Listed::Force("ForceCommit", Record::Database(_))), "{first:?}");
    assert_eq!(first[1..], [to("server1", done)]);
    let row = KeyRow { amount: 10, outcome: Some(Outcome::Charged(1)), at: None };
    let known = Known { version: Version(1), row, reservation: Reservation::Fresh };
    assert_eq!(
        visible(bench.message("database", "server2", charge)),
        [to("server2", Message::Found(JOB, Some(known)))]
    );
}

#[test]
fn a_reservation_lapses_and_is_taken_over_once() {
    let mut bench = bench(Variant::External);
    let reserve = |over| Message::Execute(JOB, Statement::Reserve(over));
    bench.message("database", "server1", reserve(Version::NONE));
    let find = |bench: &mut Bench<IdempotencyKey>| match &visible(bench.message(
        "database",
        "server2",
        Message::Find(JOB),
    ))[..]
    {
        [Listed::Send(_, Message::Found(_, Some(known)))] => (known.version, known.reservation),
        other => panic!("{other:?}"),
    };
    assert_eq!(find(&mut bench), (Version(1), Reservation::Fresh));
    bench.timer("database", Timer::Lapse(7));
    assert_eq!(find(&mut bench), (Version(1), Reservation::Lapsed));
    let taken = visible(bench.message("database", "server2", reserve(Version(1))));
    assert_eq!(taken[1..], [to("server2", Message::Done(JOB, Committed::Reserved(Version(2))))]);
    assert_eq!(find(&mut bench), (Version(2), Reservation::Fresh));
    let late = visible(bench.message("database", "server1", reserve(Version(1))));
    assert!(matches!(late[..], [Listed::Send(_, Message::Found(_, Some(_)))]), "{late:?}");
}

#[test]
fn a_provider_answers_a_repeat_as_before_and_refuses_another_body() {
    let order = |charge| -> rpc::Message<Order, Reply> {
        rpc::Message::Request { id: CallId(5), body: Order { key: Some(7), charge } }
    };
    let says = |reply| {
        let response: rpc::Message<Order, Reply> =
            rpc::Message::Response { id: CallId(5), answer: reply };
        to("server1", response)
    };
    let receipt = |number| says(Reply::Ended(Outcome::Charged(number)));
    let mut honest = bench(Variant::External);
    let first = visible(honest.message("provider", "server1", order(CHARGE)));
    assert!(matches!(first[0], Listed::Force("ForceBooking", _)), "{first:?}");
    assert_eq!(first[1..], [receipt(1)]);
    assert_eq!(visible(honest.message("provider", "server1", order(CHARGE))), [receipt(1)]);
    let other = visible(honest.message("provider", "server1", order(OTHER.charge)));
    assert_eq!(other, [says(Reply::AnotherBody)]);

    let config = Config { provider_keys: ProviderKeys::Ignored, ..Config::default() };
    let config = Config { charge: Variant::External, ..config };
    let mut deaf: Bench<IdempotencyKey> = Bench::new(config);
    deaf.message("provider", "server1", order(CHARGE));
    let again = visible(deaf.message("provider", "server1", order(CHARGE)));
    assert_eq!(again[1..], [receipt(2)]);
}
