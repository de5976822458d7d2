//! The judge of sagas against definitions that are too simple to be wrong.
//!
//! ```text
//!   sagas/naive.rs       each property as its prose says it, over a list of effects
//!   sagas/complete.rs    all complete histories of a small saga, and of two side by side
//!   here                 all sequences of effects up to a length: judge = definition
//! ```
//!
//! The judge keeps lists, marks and occasions; the definition looks at the whole sequence for each
//! clause. They share no line. Crashes are left to the litmus stories beside the judge.

#[path = "sagas/complete.rs"]
mod complete;
#[path = "sagas/naive.rs"]
mod naive;

use naive::{Deed, Deed::*, Effect, Plan};
use splitbrain::{
    base::{
        ids::{EventId, NodeId},
        text::{decode::decode_named, source::Tree},
        time::Time,
    },
    checkers::{Checker, Finish, Verdict, all},
    engine::{
        facts::{
            Fact,
            SagaEnd::{self, *},
            StepKind::*,
        },
        runner::{Catalog, Outcome, RunEnd},
        signal::{Signal, What},
    },
};
use std::sync::Arc;

/// What step k moves on balance k; all three make nothing.
const MOVES: [i64; 3] = [-3, 1, 2];
const ENDS: [Option<SagaEnd>; 5] =
    [None, Some(Done), Some(Compensated), Some(Partial), Some(Parked)];

fn judge_of_sagas() -> Box<dyn Checker> {
    let entry = all().into_iter().find(|entry| entry.name == "Saga").expect("it is registered");
    let text = "Saga()";
    let tree = Tree::parse(text).expect("it can be read");
    let named = decode_named(text, &tree.root).expect("it has a name");
    (entry.build)(text, &named, &Arc::new(Catalog::named(&["c", "p1", "p2", "p3"])))
        .expect("it has no settings")
}

/// The facts of one effect, at the node of its step.
fn facts_of((deed, step): Effect, saga: u64) -> Vec<(NodeId, Fact)> {
    let node = NodeId(step + 1);
    let (fact, sign) = match deed {
        Do => (Fact::DidStep(saga, step), 1),
        Undo => (Fact::UndidStep(saga, step), -1),
        Bar => return vec![(node, Fact::Tombstoned(saga, step))],
    };
    let by = sign * MOVES[usize::from(step)];
    vec![(node, fact), (node, Fact::Moves { saga, account: step.into(), by })]
}

fn facts_of_plan(plan: &Plan, saga: u64) -> Vec<(NodeId, Fact)> {
    let steps = (0_u16..).zip(plan.after.iter().zip(plan.kinds));
    let fact = |(step, (&after, kind))| Fact::Planned { saga, step, after, kind };
    steps.map(|step| (NodeId(0), fact(step))).collect()
}

/// Which properties are violated, in order.
fn violated(judge: &mut dyn Checker, facts: &[(NodeId, Fact)]) -> Vec<&'static str> {
    judge.reset();
    for (event, &(node, fact)) in (1_u32..).zip(facts) {
        let at = Time::from_millis(event.into());
        judge.on_signal(&Signal { at, event: EventId(event), what: What::Stated(node, fact) });
    }
    let end = RunEnd {
        outcome: Outcome::Finished,
        quiet_at: Time::ZERO,
        progress_at: Time::ZERO,
        end: Time::from_secs(1),
        healed: false,
    };
    let judgements = judge.finish(&Finish { end: &end, waiting: &[], history: &[] });
    let broken = judgements.iter().filter(|one| matches!(one.verdict, Verdict::Violated(_)));
    broken.map(|judgement| judgement.property).collect()
}

/// Every sequence over the alphabet up to a length, the empty one first.
fn sequences(alphabet: &[Effect], length_max: usize, mut each: impl FnMut(&[Effect])) {
    let mut places: Vec<usize> = Vec::new();
    loop {
        let sequence: Vec<Effect> = places.iter().map(|&place| alphabet[place]).collect();
        each(&sequence);
        // Count on, with the alphabet as digits.
        let Some(last) = places.iter().rposition(|&place| place + 1 < alphabet.len()) else {
            if places.len() == length_max {
                return;
            }
            places = vec![0; places.len() + 1];
            continue;
        };
        places[last] += 1;
        places[last + 1..].fill(0);
    }
}

fn plans() -> [Plan; 4] {
    let (chain, diamond) = ([0b000, 0b001, 0b010], [0b000, 0b001, 0b001]);
    [
        Plan { after: chain, kinds: [Compensable; 3] },
        Plan { after: diamond, kinds: [Compensable; 3] },
        Plan { after: chain, kinds: [Compensable, Pivot, Retriable] },
        Plan { after: diamond, kinds: [Compensable, Kept, Pivot] },
    ]
}

fn compare(deeds: &[Deed], length_max: usize, ends: &[Option<SagaEnd>]) -> [usize; 7] {
    let effects = deeds.iter().flat_map(|&deed| (0..3).map(move |step| (deed, step)));
    let alphabet: Vec<Effect> = effects.collect();
    let mut judge = judge_of_sagas();
    let mut broken_by = [0; 7];
    for plan in plans() {
        for &end in ends {
            sequences(&alphabet, length_max, |sequence| {
                let mut facts = facts_of_plan(&plan, 7);
                facts.extend(sequence.iter().flat_map(|&effect| facts_of(effect, 7)));
                facts.extend(end.map(|end| (NodeId(0), Fact::SagaEnded(7, end))));
                let judged = violated(judge.as_mut(), &facts);
                let defined = naive::violated(&plan, sequence, end, MOVES);
                assert_eq!(judged, defined, "{plan:?} {sequence:?} {end:?}");
                for (count, property) in broken_by.iter_mut().zip(naive::PROPERTIES) {
                    *count += usize::from(defined.contains(&property));
                }
            });
        }
    }
    broken_by
}

#[test]
fn the_judge_is_the_definition_on_all_effects_of_three_steps_up_to_six_long() {
    compare(&[Do, Undo], 6, &[None, Some(Compensated)]);
}

#[test]
fn the_judge_is_the_definition_with_bars_and_with_every_end() {
    let broken_by = compare(&[Do, Undo, Bar], 4, &ENDS);
    assert!(broken_by.iter().all(|&count| 0 < count), "a clause is never broken: {broken_by:?}");
}

#[test]
fn one_small_saga_has_as_many_complete_histories_as_the_closed_form_says() {
    for steps in 1..6 {
        let histories = complete::of_chain(steps);
        assert_eq!(histories.len(), steps + 1, "all done, or failed at one of the steps");
    }
    let diamond = complete::histories(&[0b000, 0b001, 0b001]);
    assert_eq!(diamond.len(), 7, "two orders forward; 0 fails; 1 or 2 fails, before or after");
}

#[test]
fn two_small_sagas_interleave_as_often_as_the_closed_form_says() {
    for steps in 1..4 {
        let histories = complete::of_chain(steps);
        let lengths: Vec<u64> = histories.iter().map(|one| one.len() as u64 + 1).collect();
        let pairs = lengths.iter().flat_map(|a| lengths.iter().map(move |b| (*a, *b)));
        let closed_form: u64 = pairs.map(|(a, b)| complete::choose(a + b, a)).sum();
        let mut counted = 0;
        complete::two_interleaved(&histories, |_| counted += 1);
        assert_eq!(counted, closed_form, "two sagas of {steps} steps");
    }
}

#[test]
fn no_complete_history_of_two_sagas_breaks_anything() {
    let plan = Plan { after: [0b000, 0b001, 0b010], kinds: [Compensable; 3] };
    let mut judge = judge_of_sagas();
    complete::two_interleaved(&complete::of_chain(3), |history| {
        let mut facts = [facts_of_plan(&plan, 0), facts_of_plan(&plan, 1)].concat();
        for &(saga, event) in history {
            match event {
                complete::Event::Effect(effect) => facts.extend(facts_of(effect, saga)),
                complete::Event::End(end) => facts.push((NodeId(0), Fact::SagaEnded(saga, end))),
            }
        }
        assert_eq!(violated(judge.as_mut(), &facts), [""; 0], "{history:?}");
    });
}
