//! Changes of a history that change no verdict, or can change it in one direction only.
//!
//! ```text
//!   same      other names for processes, values, keys · other times in the same order
//!   same      an unknown write that nobody sees · a failed call
//!   legal stays legal      an end left out · an end later, a beginning sooner · a read left out
//!                          a beginning of the history
//!   by key    a history is legal if and only if each object's part is
//! ```
//!
//! Histories are drawn by running a made-up object, so that most are legal or nearly so: an answer
//! in ten is changed.

use crate::{
    naive::{Op, What, history, is_linearizable, rules},
    small::check,
};
use proptest::prelude::*;
use splitbrain::checkers::history::{Model, Ruling, calls::History, linearizable};

/// Histories of up to nine calls on one object of a model, with unique moments.
fn drawn(model: Model) -> impl Strategy<Value = Vec<Op>> {
    prop::collection::vec((0..6_u8, 0..3_i64, any::<u16>(), 0..10_u8), 1..9)
        .prop_map(move |script| play(model, &script))
}

/// Each call takes effect at a moment of its own on an object that is right; then it gets a
/// beginning before and an end after that moment.
fn play(model: Model, script: &[(u8, i64, u16, u8)]) -> Vec<Op> {
    let mut value: Option<i64> = None;
    let mut list: Vec<i64> = Vec::new();
    let mut ops = Vec::new();
    for (place, &(choice, number, spread, luck)) in script.iter().enumerate() {
        let what = match model {
            Model::Register | Model::CasRegister if choice < 3 => What::Read(value),
            Model::CasRegister if choice == 5 => {
                let expected = value.replace(number);
                What::Cas(expected, number)
            }
            Model::Register | Model::CasRegister => {
                value = Some(number);
                What::Write(number)
            }
            Model::KvAppend if choice < 3 => What::ReadList(list.clone()),
            Model::KvAppend => {
                list.push(number);
                What::Append(number)
            }
            Model::Set => match choice {
                0 => What::ReadSet(list.clone()),
                1 | 2 => What::Contains(number, list.contains(&number)),
                3 => {
                    list.retain(|known| *known != number);
                    What::Remove(number)
                }
                _ => {
                    list.retain(|known| *known != number);
                    list.push(number);
                    What::Add(number)
                }
            },
            Model::Queue if choice < 3 => {
                What::Dequeue(Some((!list.is_empty()).then(|| list.remove(0))))
            }
            Model::Queue => {
                list.push(number);
                What::Enqueue(number)
            }
            Model::Stack if choice < 3 => What::Pop(Some(list.pop())),
            Model::Stack => {
                list.push(number);
                What::Push(number)
            }
            Model::Mutex if value.take().is_some() => What::Release,
            Model::Mutex => {
                value = Some(1);
                What::Acquire
            }
        };
        let moment = 100 * (place as u64 + 10);
        let [before, after] = [u64::from(spread & 0xff), u64::from(spread >> 8)].map(|s| s * 2);
        let what = if luck == 0 { spoilt(what) } else { what };
        // Different for all: the place is in the last digits.
        let invoked = (moment - before) * 100 + place as u64;
        let ended = (moment + after) * 100 + 50 + place as u64;
        let ended = (luck > 1).then_some(ended);
        let what = if ended.is_some() { what } else { what.unanswered() };
        ops.push(Op { process: place as u32, invoked, ended, what });
    }
    ops.retain(|op| op.ended.is_some() || !op.what.is_observer());
    ops
}

/// Another answer.
fn spoilt(what: What) -> What {
    match what {
        What::Read(seen) => What::Read(Some(seen.map_or(0, |seen| (seen + 1) % 3))),
        What::Contains(value, found) => What::Contains(value, !found),
        What::ReadList(mut list) => {
            list.reverse();
            What::ReadList(list)
        }
        What::Dequeue(Some(seen)) => What::Dequeue(Some(seen.map(|seen| (seen + 1) % 3))),
        What::Pop(Some(seen)) => What::Pop(Some(seen.map(|seen| (seen + 1) % 3))),
        other => other,
    }
}

fn is_judged_legal(model: Model, history: &History) -> bool {
    match linearizable(history, &rules(model)).ruling {
        Ruling::Holds | Ruling::NotExercised => true,
        Ruling::Violated(_) => false,
        Ruling::Unknown(why) => panic!("{why}"),
    }
}

fn any_model() -> impl Strategy<Value = Model> {
    prop::sample::select(Model::ALL.to_vec())
}

fn any_history() -> impl Strategy<Value = (Model, Vec<Op>)> {
    any_model().prop_flat_map(|model| drawn(model).prop_map(move |ops| (model, ops)))
}

/// Histories that can be put together: lists lie in one place for each history.
fn history_without_lists() -> impl Strategy<Value = (Model, Vec<Op>)> {
    let models =
        [Model::Register, Model::CasRegister, Model::Queue, Model::Stack, Model::Mutex].to_vec();
    let drawn = |model| drawn(model).prop_map(move |ops| (model, ops));
    prop::sample::select(models).prop_flat_map(drawn)
}

/// With every number that a call speaks of replaced.
fn renumbered(what: &What, new: impl Fn(i64) -> i64) -> What {
    let all = |list: &[i64]| list.iter().map(|number| new(*number)).collect();
    match what {
        What::Read(seen) => What::Read(seen.map(new)),
        What::Write(value) => What::Write(new(*value)),
        What::Cas(expected, value) => What::Cas(expected.map(&new), new(*value)),
        What::Mismatch(expected) => What::Mismatch(expected.map(new)),
        What::ReadList(list) => What::ReadList(all(list)),
        What::Replace(list) => What::Replace(all(list)),
        What::Append(value) => What::Append(new(*value)),
        What::Add(value) => What::Add(new(*value)),
        What::Remove(value) => What::Remove(new(*value)),
        What::Contains(value, found) => What::Contains(new(*value), *found),
        What::ReadSet(list) => What::ReadSet(all(list)),
        What::Enqueue(value) => What::Enqueue(new(*value)),
        What::Dequeue(seen) => What::Dequeue(seen.map(|seen| seen.map(&new))),
        What::Push(value) => What::Push(new(*value)),
        What::Pop(seen) => What::Pop(seen.map(|seen| seen.map(&new))),
        What::Acquire => What::Acquire,
        What::Release => What::Release,
    }
}

/// A call whose effect nobody can have seen.
fn unseen(model: Model) -> What {
    match model {
        Model::Register | Model::CasRegister => What::Write(99),
        Model::KvAppend => What::Append(99),
        Model::Set => What::Add(99),
        Model::Queue => What::Enqueue(99),
        Model::Stack => What::Push(99),
        Model::Mutex => What::Release,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_judge_says_what_the_definition_says((model, ops) in any_history()) {
        check(model, &ops, is_linearizable(&ops));
    }

    #[test]
    fn other_names_and_times_change_nothing((model, ops) in any_history(), shift in 1..9_u64) {
        let verdict = is_judged_legal(model, &history(&ops));
        let changed: Vec<Op> = ops
            .iter()
            .map(|op| Op {
                process: 1_000 - op.process,
                invoked: op.invoked * shift + 17,
                ended: op.ended.map(|ended| ended * shift + 17),
                what: renumbered(&op.what, |number| 70 - 7 * number),
            })
            .collect();
        prop_assert_eq!(is_judged_legal(model, &history(&changed)), verdict);
    }

    #[test]
    fn an_unknown_call_that_nobody_sees_changes_nothing(
        (model, mut ops) in any_history(),
        at in any::<u16>(),
    ) {
        let verdict = is_judged_legal(model, &history(&ops));
        ops.push(Op { process: 77, invoked: u64::from(at) * 100 + 99, ended: None, what: unseen(model) });
        let changed = is_judged_legal(model, &history(&ops));
        // A release may have been what another acquire waited for.
        prop_assert!(changed == verdict || (model == Model::Mutex && changed));
    }

    #[test]
    fn what_demands_less_stays_legal(
        (model, mut ops) in any_history(),
        place in any::<prop::sample::Index>(),
        how in 0..4_u8,
        by in 0..5_000_u64,
    ) {
        prop_assume!(!ops.is_empty() && is_judged_legal(model, &history(&ops)));
        let place = place.index(ops.len());
        match how {
            0 => {
                ops[place].what = ops[place].what.unanswered();
                ops[place].ended = None;
            }
            1 => ops[place].invoked = ops[place].invoked.saturating_sub(by * 100),
            2 => ops[place].ended = ops[place].ended.map(|ended| ended + by * 100),
            _ if ops[place].what.is_observer() => {
                ops.remove(place);
            }
            _ => {}
        }
        ops.retain(|op| op.ended.is_some() || !op.what.is_observer());
        prop_assert!(is_judged_legal(model, &history(&ops)));
    }

    #[test]
    fn the_beginning_of_a_legal_history_is_legal((model, ops) in any_history(), cut in any::<u16>()) {
        prop_assume!(is_judged_legal(model, &history(&ops)));
        let cut = u64::from(cut) * 3;
        let begun = ops.into_iter().filter(|op| op.invoked <= cut);
        let mut begun: Vec<Op> = begun
            .map(|op| if op.ended.is_some_and(|ended| ended <= cut) { op } else { Op { ended: None, what: op.what.unanswered(), ..op } })
            .collect();
        begun.retain(|op| op.ended.is_some() || !op.what.is_observer());
        prop_assert!(is_judged_legal(model, &history(&begun)));
    }

    #[test]
    fn a_history_of_two_objects_is_legal_if_both_parts_are(
        (model, one) in history_without_lists(),
        seed in any::<prop::sample::Index>(),
        script in prop::collection::vec((0..6_u8, 0..3_i64, any::<u16>(), 0..10_u8), 1..9),
    ) {
        let other = play(model, &script);
        let mut both = history(&one);
        let mut second = history(&other);
        let key = crate::naive::value(1 + seed.index(5) as i64);
        for call in &mut second.calls {
            call.key = key;
            call.process += 500;
        }
        both.calls.extend(second.calls.iter().copied());
        both.calls.sort_by_key(|call| call.invoked.at);
        both.rank();
        let parts = [&one, &other].map(|ops| is_judged_legal(model, &history(ops)));
        prop_assert_eq!(is_judged_legal(model, &both), parts[0] && parts[1]);
    }
}
