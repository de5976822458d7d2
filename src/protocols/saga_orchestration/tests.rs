//! Handlers of orchestrated sagas, one at a time: a message in, a list of effects out.
//!
//! ```text
//!   Bench: place, Did, Refused, Do, Undo ──▶ [Force(record), Send(Do | Undo | Did | Undid), Reply]
//! ```
//!
//! Whole runs are judged elsewhere; here is what no run shows, the order of effects in a handler.

use super::*;
use crate::engine::bench::{Bench, Listed, Told};

type Effect = Told<SagaOrchestration>;

const SAGA: u64 = 1;
const ORDER: Order = Order { customer: 3, item: 2, quantity: 1 };

fn at(step: u16) -> At {
    At { saga: SAGA, step }
}

fn job(step: u16) -> Job {
    Job { at: at(step), order: ORDER, refusal: Refusal::Final }
}

/// Forces and messages of a list, in words.
fn told(effects: &[Effect]) -> Vec<String> {
    let one = |effect: &Effect| match effect {
        Listed::Force(step, record) => Some(format!("{step}: {record:?}")),
        Listed::Write(record) => Some(format!("{record:?}")),
        Listed::Send(to, message) => Some(format!("{message:?} to {to}")),
        _ => None,
    };
    effects.iter().filter_map(one).collect()
}

/// What an orchestrator does about a message that comes after an order of one piece was placed.
fn placed(bench: &mut Bench<SagaOrchestration>) -> Vec<String> {
    let place = OrderRequest::Place { customer: 3, item: 2, quantity: 1 };
    told(&bench.request("orchestrator", OpId(SAGA as u32), place.into()))
}

fn hears(bench: &mut Bench<SagaOrchestration>, from: &str, message: Message) -> Vec<String> {
    told(&bench.message("orchestrator", from, message))
}

#[test]
fn what_is_called_is_on_disk_before_the_call_leaves() {
    let mut bench = Bench::new(Config::default());
    assert_eq!(
        placed(&mut bench),
        [
            "LogBeforeCall: saga 1 goes on: called, waits, waits, waits, waits",
            "Do(step 0 of saga 1) to order",
        ]
    );
    assert_eq!(
        hears(&mut bench, "order", Message::Did(at(0))),
        [
            "LogBeforeCall: saga 1 goes on: done, called, called, waits, waits",
            "Do(step 1 of saga 1) to inventory",
            "Do(step 2 of saga 1) to payment",
        ]
    );
}

#[test]
fn a_refusal_turns_the_saga_and_undoes_what_was_called_though_nobody_has_answered() {
    let mut bench = Bench::new(Config::default());
    placed(&mut bench);
    hears(&mut bench, "order", Message::Did(at(0)));
    assert_eq!(
        hears(&mut bench, "inventory", Message::Refused(at(1))),
        [
            "ForceTurn: saga 1 goes back: done, refused, called, waits, waits",
            "Undo(step 2 of saga 1) to payment",
        ]
    );
    assert_eq!(
        hears(&mut bench, "payment", Message::Undid(at(2))),
        [
            "saga 1 goes back: done, refused, undone, waits, waits",
            "Undo(step 0 of saga 1) to order",
        ]
    );
    assert_eq!(
        hears(&mut bench, "order", Message::Undid(at(0))),
        ["ForceEnd: saga 1 goes back: undone, refused, undone, waits, waits; compensated"]
    );
}

#[test]
fn a_service_says_what_it_did_when_it_is_on_disk_and_does_it_once() {
    let mut bench: Bench<SagaOrchestration> = Bench::new(Config::default());
    let mut asked = |message| told(&bench.message("payment", "orchestrator", message));
    let did = "Did(step 2 of saga 1) to orchestrator";
    assert_eq!(
        asked(Message::Do(job(2))),
        ["ForceEffect: did step 2 of saga 1; balance 14 by -5; balance 15 by +5", did]
    );
    assert_eq!(asked(Message::Do(job(2))), [did]);
    let undid = "Undid(step 2 of saga 1) to orchestrator";
    assert_eq!(
        asked(Message::Undo(job(2))),
        ["ForceEffect: undid step 2 of saga 1; balance 14 by +5; balance 15 by -5", undid]
    );
    assert_eq!(asked(Message::Undo(job(2))), [undid]);
    assert_eq!(asked(Message::Do(job(2))), ["Refused(step 2 of saga 1) to orchestrator"]);
}

#[test]
fn a_compensation_that_comes_first_leaves_a_tombstone() {
    let mut bench: Bench<SagaOrchestration> = Bench::new(Config::default());
    let mut asked = |message| told(&bench.message("inventory", "orchestrator", message));
    assert_eq!(
        asked(Message::Undo(job(1))),
        ["ForceEffect: barred step 1 of saga 1", "Undid(step 1 of saga 1) to orchestrator"]
    );
    assert_eq!(asked(Message::Do(job(1))), ["Refused(step 1 of saga 1) to orchestrator"]);
}

#[test]
fn who_looks_again_does_not_overwrite_what_others_changed() {
    let config = Config { update: settings::Update::Reread, ..Config::default() };
    let mut bench: Bench<SagaOrchestration> = Bench::new(config);
    let mut asked = |message| told(&bench.message("inventory", "orchestrator", message)).len();
    let other = Job { at: At { saga: 2, step: 1 }, ..job(1) };
    assert_eq!((asked(Message::Do(job(1))), asked(Message::Do(other))), (2, 2));
    assert_eq!(asked(Message::Undo(job(1))), 0, "the other saga has changed it since");
    assert_eq!(asked(Message::Undo(other)), 2);
    assert_eq!(asked(Message::Undo(job(1))), 2);
}

#[test]
fn settings_that_make_no_sense_are_refused_with_reasons() {
    let step = |name: &str, after: &[&str], kind| settings::StepPlan {
        name: name.to_owned(),
        service: settings::Service::Order,
        action: None,
        after: after.iter().map(|&name| name.to_owned()).collect(),
        kind,
        call: None,
        steps: Vec::new(),
    };
    let reasons = |steps: &[settings::StepPlan]| {
        let config = Config { steps: steps.to_vec(), ..Config::default() };
        SagaOrchestration::validate(&config).len()
    };
    let first = step("first", &[], StepKind::Compensable);
    let pivot = step("pivot", &["first"], StepKind::Pivot);
    let letter = step("letter", &["pivot"], StepKind::Retriable);
    assert_eq!(reasons(&[first.clone(), pivot.clone(), letter.clone()]), 0);
    assert_eq!(reasons(&[]), 1, "nothing to do");
    assert_eq!(reasons(std::slice::from_ref(&pivot)), 1, "it waits for nobody");
    assert_eq!(reasons(&[first.clone(), first.clone()]), 1, "two of a name");
    let early = step("early", &[], StepKind::Retriable);
    assert_eq!(reasons(&[first.clone(), early, pivot.clone()]), 1, "before the pivot");
    let kept = step("kept", &["first"], StepKind::Kept);
    assert_eq!(reasons(&[first, kept]), 1, "kept, and what it rests on is not");
}
