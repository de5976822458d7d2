//! Handlers of choreographed sagas, one at a time: an event in, a list of effects out.
//!
//! ```text
//!   Bench: Assigned, then Batch(event) ──▶ [Force(turn), Send(Publish), Send(Ack)]
//! ```
//!
//! Whole runs are judged elsewhere; here is what no run shows, the order of effects in a handler and
//! that one record holds what belongs together.

use super::*;
use crate::{
    blocks::broker::{Message as ToBroker, Offset},
    engine::bench::{Bench, Listed, Told},
};

type Effect = Told<SagaChoreography>;

const ORDER: Order = Order { customer: 3, item: 2, quantity: 1 };
const INVENTORY: u16 = 1;
const PAYMENT: u16 = 2;
const SHIPPING: u16 = 3;

/// What a service does about events that come one after the other, without timers and marks.
fn hears(bench: &mut Bench<SagaChoreography>, node: &str, events: &[What]) -> Vec<Effect> {
    let mut effects = Vec::new();
    for what in events {
        let partition = Partition { topic: what.topic(), number: 0 };
        let group = Config::group(NodeId(bench_step(bench, node)));
        let assigned = ToBroker::Assigned { group, partitions: vec![partition] };
        bench.message(node, "broker", Message::Broker(assigned));
        let (start, event) = (Offset(0), Event { saga: 7, order: ORDER, what: *what });
        let batch = Batch {
            group,
            asked: Position { partition, offset: start },
            expired: start,
            first: start,
            attempt: 1,
            events: vec![event],
        };
        effects = bench.message(node, "broker", Message::Broker(ToBroker::Batch(batch)));
    }
    let hidden = |effect: &Effect| {
        matches!(effect, Listed::Mark(_) | Listed::SetTimer(..) | Listed::CancelTimer(_))
    };
    effects.into_iter().filter(|effect| !hidden(effect)).collect()
}

fn bench_step(bench: &Bench<SagaChoreography>, node: &str) -> u16 {
    let SagaChoreography::Service(service) = bench.state(node) else { panic!("a service") };
    service.place.step
}

fn bench() -> Bench<SagaChoreography> {
    Bench::new(Config::default())
}

/// The turn that was forced, and what was published and acknowledged behind it.
fn told(effects: &[Effect]) -> (Turn, Option<What>, usize) {
    let Listed::Force("ForceTurn", Record::Turn(turn)) = &effects[0] else {
        panic!("the force comes first: {effects:?}")
    };
    let published = effects[1..].iter().find_map(|effect| match effect {
        Listed::Send(_, Message::Broker(ToBroker::Publish { event, .. })) => Some(event.what),
        _ => None,
    });
    let last = effects.last().expect("there is one");
    let acked = matches!(last, Listed::Send(_, Message::Broker(ToBroker::Ack { .. })));
    assert!(acked, "the acknowledgement comes last: {effects:?}");
    (turn.clone(), published, effects.len())
}

#[test]
fn place_deed_and_event_are_one_record_and_nobody_hears_before_it_is_durable() {
    let (turn, published, effects) = told(&hears(&mut bench(), "payment", &[What::Did(ROOT)]));
    let deed = turn.deed.expect("it charges");
    assert_eq!((deed.fate, turn.at.is_some()), (Fate::Done, true));
    let (from, to) = (Account::Credit.number(3), Account::Earned.number(3));
    assert_eq!(deed.moved, Some(Move { from, to, amount: 5 }));
    assert_eq!((turn.publishes, published), (Some(What::Did(PAYMENT)), Some(What::Did(PAYMENT))));
    assert_eq!(effects, 3, "a force, an event, an acknowledgement");
}

#[test]
fn a_service_waits_for_all_its_predecessors() {
    let did = [What::Did(INVENTORY), What::Did(PAYMENT)];
    let (turn, published, _) = told(&hears(&mut bench(), "shipping", &did[..1]));
    assert_eq!((turn.deed, published), (None, None));
    let (turn, published, _) = told(&hears(&mut bench(), "shipping", &did));
    assert_eq!(
        (turn.deed.map(|deed| deed.fate), published),
        (Some(Fate::Done), Some(What::Did(SHIPPING)))
    );
}

#[test]
fn who_hears_that_all_above_it_are_out_before_its_step_leaves_a_tombstone() {
    let mut bench = bench();
    let (turn, published, _) = told(&hears(&mut bench, "payment", &[What::Undid(SHIPPING)]));
    assert_eq!(turn.deed, Some(Deed { fate: Fate::Tombstone, moved: None }));
    assert_eq!(published, Some(What::Undid(PAYMENT)));
    let (turn, published, _) = told(&hears(&mut bench, "payment", &[What::Did(ROOT)]));
    assert_eq!((turn.deed, published), (None, None), "the step comes too late");
}

#[test]
fn what_was_done_is_undone_once_and_moves_back_what_it_moved() {
    let mut bench = bench();
    let (done, ..) = told(&hears(&mut bench, "inventory", &[What::Did(ROOT)]));
    let (undone, published, _) = told(&hears(&mut bench, "inventory", &[What::Failed(SHIPPING)]));
    let reversed = done.deed.and_then(|deed| deed.moved).map(Move::reversed);
    assert_eq!(undone.deed, Some(Deed { fate: Fate::Undone, moved: reversed }));
    assert_eq!(published, Some(What::Undid(INVENTORY)));
    let (again, published, _) = told(&hears(&mut bench, "inventory", &[What::Undid(SHIPPING)]));
    assert_eq!((again.deed, published), (None, None));
}

#[test]
fn a_wish_to_cancel_meets_the_pivot_before_it_happens_or_never() {
    let cancel = What::Cancel(SHIPPING);
    let (turn, published, _) = told(&hears(&mut bench(), "shipping", &[cancel]));
    let fate = turn.deed.map(|deed| deed.fate);
    assert_eq!((fate, published), (Some(Fate::Tombstone), Some(What::Undid(SHIPPING))));
    let late = [What::Did(INVENTORY), What::Did(PAYMENT), cancel];
    let (turn, published, _) = told(&hears(&mut bench(), "shipping", &late));
    assert_eq!((turn.deed, published), (None, None));
}

#[test]
fn settings_that_make_no_sense_are_refused_with_reasons() {
    let step = |name: &str, after: &[&str], kind| settings::StepPlan {
        name: name.to_owned(),
        action: Action::Note,
        after: after.iter().map(|&name| name.to_owned()).collect(),
        kind,
    };
    let whole = [
        step("order", &[], StepKind::Compensable),
        step("shipping", &["order"], StepKind::Pivot),
        step("letter", &["shipping"], StepKind::Retriable),
    ];
    let reasons = |steps: &[settings::StepPlan]| {
        let config = Config { steps: steps.to_vec(), ..Config::default() };
        SagaChoreography::validate(&config).len()
    };
    assert_eq!((reasons(&whole), reasons(&[]), reasons(&whole[..1])), (0, 1, 1));
    let [order, shipping, letter] = &whole;
    let late = step("late", &["shipping"], StepKind::Compensable);
    assert_eq!(reasons(&[order.clone(), shipping.clone(), late]), 1);
    let early = step("early", &["order"], StepKind::Retriable);
    assert_eq!(reasons(&[order.clone(), early, shipping.clone()]), 1);
    let kept = step("kept", &["order"], StepKind::Kept);
    assert_eq!(reasons(&[order.clone(), kept, shipping.clone()]), 1);
    assert_eq!(reasons(&[order.clone(), shipping.clone(), shipping.clone()]), 2);
    assert_eq!(reasons(&[shipping.clone(), letter.clone()]), 2);
}
