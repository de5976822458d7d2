//! Legal and illegal stories of sagas, one event apart, for every clause.
//!
//! ```text
//!   chain(7)     0 ──▶ 1 ──▶ 2           diamond(7)   0 ──▶ 1 · 0 ──▶ 2, side by side
//!   step k lives at node k + 1 of (p1, p2, p3), the plan and the end at c
//! ```
//!
//! At the end random stories with crashes: other names change no verdict, and every witness passes
//! its recheck, which shares no line with the judge.

use super::*;
use crate::{
    base::ids::NodeId,
    checkers::litmus::*,
    engine::facts::StepKind::{self, Compensable, Kept, Pivot, Retriable},
};
use SagaEnd::{Compensated, Done, Parked, Partial};
use proptest::prelude::*;

const SAGA: u64 = 7;

fn at(step: u16) -> u16 {
    step + 1
}
fn did(step: u16) -> What {
    fact(at(step), Fact::DidStep(SAGA, step))
}
fn undid(step: u16) -> What {
    fact(at(step), Fact::UndidStep(SAGA, step))
}
fn barred(step: u16) -> What {
    fact(at(step), Fact::Tombstoned(SAGA, step))
}
fn moves(step: u16, account: u32, by: i64) -> What {
    fact(at(step), Fact::Moves { saga: SAGA, account, by })
}
fn ended(end: SagaEnd) -> What {
    fact(C, Fact::SagaEnded(SAGA, end))
}
fn planned(step: u16, after: u32, kind: StepKind) -> What {
    fact(C, Fact::Planned { saga: SAGA, step, after, kind })
}

/// Three steps in a row, of these kinds, and what happened.
fn chain_of(kinds: [StepKind; 3], story: &[What]) -> Vec<What> {
    let steps = (0..3_u16).zip([0b000, 0b001, 0b010]).zip(kinds);
    let plan = steps.map(|((step, after), kind)| planned(step, after, kind));
    plan.chain(story.iter().copied()).collect()
}

fn chain(story: &[What]) -> Vec<What> {
    chain_of([Compensable; 3], story)
}

/// Two steps side by side after the first one.
fn diamond_of(kinds: [StepKind; 3], story: &[What]) -> Vec<What> {
    let steps = (0..3_u16).zip([0b000, 0b001, 0b001]).zip(kinds);
    let plan = steps.map(|((step, after), kind)| planned(step, after, kind));
    plan.chain(story.iter().copied()).collect()
}

fn diamond(story: &[What]) -> Vec<What> {
    diamond_of([Compensable; 3], story)
}

// Termination.

#[test]
fn every_saga_ends_once_faults_are_over() {
    let done = [did(0), did(1), did(2), ended(Done)];
    legal(TERMINATION, &chain(&done));
    let sentence = illegal(TERMINATION, &chain(&done[..3]));
    assert_eq!(sentence, "saga 7, known at c since 0s, never ended");
    untested(TERMINATION, &chain(&[DISTURBED, did(0)]));
    illegal(TERMINATION, &chain(&[DISTURBED, did(0), HEALED]));
}

#[test]
fn a_saga_that_is_done_has_done_all_and_undone_nothing() {
    let sentence = illegal(TERMINATION, &chain(&[did(0), did(1), ended(Done)]));
    assert_eq!(sentence, "saga 7 ended done at 5ms, but its step 2 was not done");
    illegal(TERMINATION, &chain(&[did(0), did(1), did(2), undid(2), ended(Done)]));
}

#[test]
fn of_a_compensated_saga_nothing_stays() {
    legal(TERMINATION, &chain(&[did(0), undid(0), ended(Compensated)]));
    illegal(TERMINATION, &chain(&[did(0), ended(Compensated)]));
    let late = [did(0), undid(0), ended(Compensated), did(0)];
    let sentence = illegal(TERMINATION, &chain(&late));
    assert_eq!(sentence, "saga 7 ended compensated at 5ms, but its step 0 is done");
}

#[test]
fn a_partial_plan_keeps_what_it_says_and_nothing_else() {
    let kinds = [Kept, Compensable, Compensable];
    let story = |story: &[What]| chain_of(kinds, story);
    legal(TERMINATION, &story(&[did(0), did(1), undid(1), ended(Partial)]));
    legal(TERMINATION, &story(&[ended(Partial)]));
    illegal(TERMINATION, &story(&[did(0), did(1), ended(Partial)]));
    illegal(TERMINATION, &story(&[did(0), did(1), undid(1), undid(0), ended(Partial)]));
}

#[test]
fn a_parked_saga_is_counted_with_its_age_and_may_end_later() {
    let parked = chain(&[did(0), ended(Parked)]);
    let judgement = Case::of("Saga").gives(TERMINATION, &tell(&parked), "holds");
    assert_eq!(judgement.note, "1 saga, 1 parked, the oldest for 996ms");
    legal(TERMINATION, &chain(&[did(0), ended(Parked), undid(0), ended(Compensated)]));
    illegal(TERMINATION, &chain(&[ended(Compensated), ended(Parked)]));
    illegal(TERMINATION, &chain(&[did(0), undid(0), ended(Compensated), ended(Done)]));
}

#[test]
fn who_lost_the_plan_owes_the_end_of_what_stands() {
    let lost = [crash(C), boot(C)];
    illegal(TERMINATION, &chain(&[&[did(0)][..], &lost, &[HEALED]].concat()));
    untested(TERMINATION, &chain(&[&lost[..], &[HEALED]].concat()));
    untested(TERMINATION, &chain(&[did(0), crash(C), HEALED]));
}

#[test]
fn a_client_does_not_hear_that_a_saga_was_done_that_is_compensated() {
    let undone = [did(0), undid(0), ended(Compensated)];
    legal(TERMINATION, &chain(&undone));
    let sentence = illegal(TERMINATION, &chain(&[&[told_ok(7)][..], &undone].concat()));
    let wanted = "saga 7 ended compensated at 6ms, but its client heard at 3ms that it was done";
    assert_eq!(sentence, wanted);
    legal(TERMINATION, &chain(&[did(0), did(1), did(2), ended(Done), told_ok(7)]));
}

// Order.

#[test]
fn compensations_go_backwards() {
    let begun = [did(0), did(1), did(2)];
    let back = |order: [u16; 3]| chain(&[&begun[..], &order.map(undid)].concat());
    legal(REVERSE_ORDER, &back([2, 1, 0]));
    let sentence = illegal(REVERSE_ORDER, &back([2, 0, 1]));
    let wanted = "p1 undid step 0 of saga 7 at 7ms, while step 1, which rests on it, was done at \
                  p2 since 4ms";
    assert_eq!(sentence, wanted);
    illegal(REVERSE_ORDER, &back([0, 1, 2]));
    illegal(REVERSE_ORDER, &chain(&[&begun[..], &[undid(0)]].concat()));
}

#[test]
fn steps_side_by_side_are_undone_in_any_order() {
    let begun = [did(0), did(1), did(2)];
    let back = |order: [u16; 3]| diamond(&[&begun[..], &order.map(undid)].concat());
    legal(REVERSE_ORDER, &back([2, 1, 0]));
    legal(REVERSE_ORDER, &back([1, 2, 0]));
    illegal(REVERSE_ORDER, &back([1, 0, 2]));
    untested(REVERSE_ORDER, &diamond(&[did(0), did(1), undid(1)]));
}

#[test]
fn a_kept_step_may_stay_above_an_undone_one_but_not_follow_it() {
    let story = |story: &[What]| chain_of([Compensable, Kept, Compensable], story);
    let begun = [did(0), did(1), undid(0)];
    legal(REVERSE_ORDER, &story(&begun));
    let sentence = illegal(REVERSE_ORDER, &story(&[&begun[..], &[undid(1)]].concat()));
    let wanted = "p2 undid step 1 of saga 7 at 6ms, and p1 had undone step 0, on which it rests, \
                  before, at 5ms";
    assert_eq!(sentence, wanted);
}

// Once.

#[test]
fn no_effect_comes_twice() {
    legal(AT_MOST_ONCE, &chain(&[did(0), undid(0)]));
    illegal(AT_MOST_ONCE, &chain(&[did(0), did(0)]));
    illegal(AT_MOST_ONCE, &chain(&[did(0), undid(0), undid(0)]));
    illegal(AT_MOST_ONCE, &chain(&[did(0), undid(0), did(0)]));
    untested(AT_MOST_ONCE, &chain(&[barred(0)]));
}

#[test]
fn what_is_told_again_is_the_same_effect_and_what_is_lost_was_none() {
    let crashed = [did(0), crash(1), boot(1)];
    legal(AT_MOST_ONCE, &chain(&[&crashed[..], &[again(did(0))]].concat()));
    legal(AT_MOST_ONCE, &chain(&[&crashed[..], &[did(0)]].concat()));
    illegal(AT_MOST_ONCE, &chain(&[&crashed[..], &[again(did(0)), did(0)]].concat()));
    illegal(NO_ORPHAN, &chain(&[&crashed[..], &[undid(0)]].concat()));
    legal(NO_ORPHAN, &chain(&[&crashed[..], &[again(did(0)), undid(0)]].concat()));
}

// Orphans and gaps.

#[test]
fn nothing_is_undone_that_was_not_done_and_nothing_done_that_was_barred() {
    legal(NO_ORPHAN, &chain(&[did(0), undid(0)]));
    let sentence = illegal(NO_ORPHAN, &chain(&[undid(0)]));
    assert_eq!(sentence, "p1 undid step 0 of saga 7 at 3ms, and it was not done");
    legal(NO_ORPHAN, &chain(&[barred(0)]));
    illegal(NO_ORPHAN, &chain(&[barred(0), did(0)]));
    untested(NO_ORPHAN, &chain(&[did(0)]));
}

#[test]
fn no_compensation_is_skipped() {
    let story = |end, undone: &[What]| {
        let begun = [did(0), did(1)];
        chain_of([Kept, Compensable, Pivot], &[&begun[..], undone, &[ended(end)]].concat())
    };
    legal(NO_SKIPPED, &story(Compensated, &[undid(1), undid(0)]));
    let sentence = illegal(NO_SKIPPED, &story(Compensated, &[undid(1)]));
    let wanted = "saga 7 ended compensated at 6ms, and step 0, done at p1 at 3ms, was not undone";
    assert_eq!(sentence, wanted);
    legal(NO_SKIPPED, &story(Partial, &[undid(1)]));
    illegal(NO_SKIPPED, &story(Partial, &[]));
    untested(NO_SKIPPED, &story(Done, &[]));
    untested(NO_SKIPPED, &story(Parked, &[]));
    illegal(NO_SKIPPED, &chain(&[did(0), ended(Compensated), undid(0)]));
}

// Forward.

#[test]
fn after_the_pivot_there_is_no_way_back() {
    let story = |story: &[What]| chain_of([Compensable, Pivot, Retriable], story);
    legal(FORWARD, &story(&[did(0), undid(0)]));
    illegal(FORWARD, &story(&[did(0), did(1), undid(0)]));
    untested(FORWARD, &story(&[did(0), did(1), did(2), ended(Done)]));
    let lost = [did(0), did(1), crash(2), boot(2), undid(0)];
    legal(FORWARD, &story(&lost));
}

#[test]
fn a_late_step_side_by_side_must_be_undone_too() {
    let begun = [did(0), did(1), undid(1), did(2)];
    let rest = [undid(2), undid(0), ended(Compensated)];
    legal(FORWARD, &diamond(&[&begun[..], &rest].concat()));
    illegal(FORWARD, &diamond(&[&begun[..], &rest[1..]].concat()));
    legal(FORWARD, &diamond(&begun));
    let kept = |end| {
        let story = [&begun[..], &[undid(0), ended(end)]].concat();
        diamond_of([Compensable, Compensable, Kept], &story)
    };
    illegal(FORWARD, &kept(Compensated));
    illegal(FORWARD, &diamond_of([Compensable, Compensable, Pivot], &begun));
}

#[test]
fn a_late_step_may_not_rest_on_an_undone_one() {
    let story = [did(0), undid(0), did(1), undid(1), ended(Compensated)];
    let sentence = illegal(FORWARD, &chain(&story));
    let wanted = "step 1 of saga 7 took effect at p2 at 5ms, though step 0, on which it rests, was \
                  undone at p1 at 4ms";
    assert_eq!(sentence, wanted);
}

// Balances.

#[test]
fn a_saga_that_is_done_makes_and_loses_nothing() {
    let story = |by: i64| chain(&[did(0), moves(0, 1, -5), did(1), moves(1, 2, by), ended(Done)]);
    legal(BALANCE, &story(5));
    let sentence = illegal(BALANCE, &story(4));
    assert_eq!(sentence, "saga 7 ended done at 7ms, and all that it moved adds up to -1");
}

#[test]
fn a_compensated_saga_changed_no_balance() {
    let story =
        |by: i64, end| chain(&[did(0), moves(0, 1, -5), undid(0), moves(0, 1, by), ended(end)]);
    legal(BALANCE, &story(5, Compensated));
    let sentence = illegal(BALANCE, &story(4, Compensated));
    assert_eq!(sentence, "saga 7 ended compensated at 7ms, and changed balance 1 by -1");
    untested(BALANCE, &story(4, Partial));
    untested(BALANCE, &story(4, Parked));
    let crossed = [did(0), moves(0, 1, -5), undid(0), moves(0, 2, 5), ended(Compensated)];
    illegal(BALANCE, &chain(&crossed));
}

#[test]
fn what_a_crash_took_moved_nothing() {
    let story = |told: &[What]| {
        let before = [did(0), moves(0, 1, -5), undid(0), moves(0, 1, 5), crash(1), boot(1)];
        chain(&[&before[..], told, &[ended(Compensated), HEALED]].concat())
    };
    let log = [did(0), moves(0, 1, -5), undid(0), moves(0, 1, 5)].map(again);
    legal(BALANCE, &story(&log));
    illegal(BALANCE, &story(&log[..2]));
}

#[test]
fn a_saga_that_nobody_knows_leaves_nothing() {
    let lost = [crash(C), boot(C), HEALED];
    illegal(BALANCE, &chain(&[&[did(0), moves(0, 1, -5)][..], &lost].concat()));
    let undone = [did(0), moves(0, 1, -5), undid(0), moves(0, 1, 5)];
    legal(BALANCE, &chain(&[&undone[..], &lost].concat()));
}

// What must hold for any story.

fn any_saga_signal() -> impl Strategy<Value = What> {
    let step = || (0..2_u64, 0..3_u16);
    let end = prop_oneof![Just(Done), Just(Compensated), Just(Partial), Just(Parked)];
    prop_oneof![
        6 => step().prop_map(|(saga, step)| fact(at(step), Fact::DidStep(saga, step))),
        5 => step().prop_map(|(saga, step)| fact(at(step), Fact::UndidStep(saga, step))),
        1 => step().prop_map(|(saga, step)| fact(at(step), Fact::Tombstoned(saga, step))),
        2 => (step(), 0..2_u32, -1..2_i64).prop_map(|((saga, step), account, by)| {
            fact(at(step), Fact::Moves { saga, account, by })
        }),
        2 => (0..2_u64, end).prop_map(|(saga, end)| fact(C, Fact::SagaEnded(saga, end))),
        1 => (0..4_u16).prop_map(crash),
        1 => Just(HEALED),
    ]
}

/// Two sagas of one plan, then events; a node that crashes boots at once and tells a part of its
/// log again, the beginning of it.
fn any_saga_story() -> impl Strategy<Value = Vec<What>> {
    let kind = || prop_oneof![Just(Compensable), Just(Kept), Just(Pivot), Just(Retriable)];
    let plan = (prop::array::uniform3(kind()), 0..2_u32, 0..4_u32);
    let script = prop::collection::vec((any_saga_signal(), any::<u64>()), 0..24);
    (plan, script).prop_map(|((kinds, one, two), script)| {
        let mut logs: [Vec<What>; 4] = Default::default();
        let mut story = Vec::new();
        for saga in 0..2 {
            for (step, after) in (0..3_u16).zip([0, one, two]) {
                let kind = kinds[usize::from(step)];
                story.push(fact(C, Fact::Planned { saga, step, after, kind }));
            }
        }
        logs[0].clone_from(&story);
        for (what, luck) in script {
            story.push(what);
            match what {
                What::Crashed(node) => {
                    let log = &mut logs[usize::from(node.0)];
                    log.truncate(luck as usize % (log.len() + 1));
                    story.push(What::Booted(node));
                    story.extend(log.iter().map(|&fact| again(fact)));
                }
                What::Stated(node, _) => logs[usize::from(node.0)].push(what),
                _ => {}
            }
        }
        story
    })
}

/// The two sagas, the nodes and the accounts by other names.
fn renamed(story: &[What]) -> Vec<What> {
    let node = |node: NodeId| NodeId((node.0 + 1) % 4);
    let fact = |said| match said {
        Fact::Planned { saga, step, after, kind } => {
            Fact::Planned { saga: 1 - saga, step, after, kind }
        }
        Fact::DidStep(saga, step) => Fact::DidStep(1 - saga, step),
        Fact::UndidStep(saga, step) => Fact::UndidStep(1 - saga, step),
        Fact::Tombstoned(saga, step) => Fact::Tombstoned(1 - saga, step),
        Fact::Moves { saga, account, by } => {
            Fact::Moves { saga: 1 - saga, account: 9 - account, by }
        }
        Fact::SagaEnded(saga, end) => Fact::SagaEnded(1 - saga, end),
        other => other,
    };
    let what = |what| match what {
        What::Stated(at, said) => What::Stated(node(at), fact(said)),
        What::Replayed(at, said) => What::Replayed(node(at), fact(said)),
        What::Crashed(at) => What::Crashed(node(at)),
        What::Booted(at) => What::Booted(node(at)),
        other => other,
    };
    story.iter().map(|&one| what(one)).collect()
}

proptest! {
    #[test]
    fn other_names_change_no_verdict_on_sagas_and_every_witness_passes_its_recheck(
        story in any_saga_story(),
    ) {
        let case = Case::of("Saga");
        let [before, after] = [story.clone(), renamed(&story)].map(|story| {
            let judged = case.judgements(&tell(&story)).into_iter();
            let words = judged.map(|judged| (judged.verdict.word(), judged.exercised));
            words.collect::<Vec<_>>()
        });
        prop_assert_eq!(before, after);
    }
}

// Places and other sagas.

#[test]
fn a_deed_that_is_told_again_is_as_old_as_it_was() {
    let crashed = [crash(1), boot(1)];
    let once = [&[did(0)][..], &crashed, &[again(did(0)), did(0)]].concat();
    let sentence = illegal(AT_MOST_ONCE, &chain(&once));
    assert!(sentence.contains("3ms"), "{sentence}");
    // The first one was lost, and what the second boot tells again is the second one.
    let twice = [&[did(0)][..], &crashed, &once].concat();
    let sentence = illegal(AT_MOST_ONCE, &chain(&twice));
    assert!(sentence.contains("6ms"), "{sentence}");
}

#[test]
fn what_one_node_tells_again_restores_nothing_of_another() {
    let lost = [did(0), did(1), crash(1), boot(1)];
    let story = [&lost[..], &[crash(2), boot(2), again(did(1)), undid(0)]].concat();
    illegal(NO_ORPHAN, &chain(&story));
}

#[test]
fn a_bar_is_no_step_and_a_step_at_a_node_that_is_down_is_owed_by_nobody() {
    legal(TERMINATION, &[barred(0), ended(Done)]);
    illegal(TERMINATION, &[did(0), HEALED]);
    untested(TERMINATION, &[did(0), crash(1), HEALED]);
}

#[test]
fn what_another_saga_did_says_nothing_of_one() {
    let of = |saga, step| fact(at(step), Fact::DidStep(saga, step));
    let moved = |saga, account, by| fact(P1, Fact::Moves { saga, account, by });
    let ends = |saga, end| fact(C, Fact::SagaEnded(saga, end));
    let parked = [of(7, 1), moved(7, 1, 5), ends(7, Parked)];
    let done = [of(8, 0), moved(8, 1, 3), moved(8, 2, -3), ends(8, Done)];
    let both = [parked.as_slice(), &done].concat();
    legal(TERMINATION, &both);
    legal(BALANCE, &both);
    let undone = [of(8, 1), fact(at(1), Fact::UndidStep(8, 1)), ends(8, Compensated)];
    illegal(TERMINATION, &[&undone[..], &[of(7, 0), ends(7, Compensated)]].concat());
    let told = [told_ok(8), did(0), undid(0), ended(Compensated)];
    legal(TERMINATION, &chain(&told));
}

#[test]
fn a_step_beyond_every_plan_rests_on_nothing() {
    illegal(NO_ORPHAN, &[did(0), fact(P2, Fact::UndidStep(SAGA, 32))]);
}

#[test]
fn all_moves_are_added_up() {
    let story = chain(&[did(0), moves(0, 1, 5), moves(0, 2, 2), ended(Parked)]);
    let judgement = Case::of("Saga").gives(BALANCE, &tell(&story), "not_exercised");
    assert_eq!(judgement.note, "0 sagas, all moves add up to 7");
}
