//! Variations: every story told by hand, changed in one or two places, and judged twice.
//!
//! ```text
//!   story ──leave out · swap · move to another node · repeat · come later──▶ stories near it
//!              each: judge says violated ──▶ the recheck accepts its witness
//!                    judge says no       ──▶ the recheck refuses every one or two events
//!                    told one by one     ──▶ what is broken = what the judge says
//!                    two that fold alike ──▶ break the same, now and whatever comes
//! ```
//!
//! A judge folds signals as they come; its recheck scans them all for one witness. They share no
//! line, so what both say of many stories is right, or wrong twice. A variation need not be legal or
//! illegal by intention: nobody has to say beforehand what comes of it.
//!
//! Limits: what no world could tell is left out (`worlds.rs`). Of long stories witnesses of three
//! events are not all tried, of any story those of four. What a fold forgets within an event is not seen.

use super::{worlds::could_be_told, *};
use crate::base::time::Duration;
use std::collections::BTreeMap;

/// The judge and the recheck of a case agree on all variations of a story.
#[track_caller]
pub(super) fn agree(case: &Case<'_>, story: &[Signal]) {
    let mut checker = case.build();
    let mut odd: BTreeMap<&str, String> = BTreeMap::new();
    for variation in retold(story).into_iter().chain(told_later(story)) {
        for (property, why) in disagreements(case, checker.as_mut(), &variation) {
            odd.entry(property)
                .or_insert_with(|| format!("{property} {why} in {}", told(&variation)));
        }
    }
    assert!(odd.is_empty(), "{}", odd.into_values().collect::<Vec<_>>().join("\n"));
    folds_tell_apart(case, story);
}

/// A story and all that are near it, at the same times, as far as a world could tell them.
fn retold(story: &[Signal]) -> Vec<Vec<Signal>> {
    let mut all = vec![story.to_vec()];
    let places = 0..story.len();
    for one in places.clone() {
        let without = left_out(story, one);
        all.extend((one..without.len()).map(|other| left_out(&without, other)));
        all.extend(places.clone().filter(|other| *other > one).map(|at| swapped(story, one, at)));
        all.extend((0..3).map(|node| moved(story, one, NodeId(node))));
        all.push(repeated(story, one));
        all.push(without);
    }
    all.retain(|varied| could_be_told(varied, story));
    all
}

/// The same story with a pause in it, of almost nothing or of an event's length.
fn told_later(story: &[Signal]) -> impl Iterator<Item = Vec<Signal>> {
    let pauses = [Duration::from_nanos(1), Duration::from_millis(1)];
    (0..story.len()).flat_map(move |one| pauses.map(|pause| later(story, one, pause)))
}

fn left_out(story: &[Signal], place: usize) -> Vec<Signal> {
    let mut story = story.to_vec();
    story.remove(place);
    story
}

/// What is said changes places; numbers and times stay.
fn swapped(story: &[Signal], one: usize, other: usize) -> Vec<Signal> {
    let mut swapped = story.to_vec();
    (swapped[one].what, swapped[other].what) = (story[other].what, story[one].what);
    swapped
}

fn moved(story: &[Signal], place: usize, node: NodeId) -> Vec<Signal> {
    let mut story = story.to_vec();
    story[place].what = match story[place].what {
        What::Stated(_, fact) => What::Stated(node, fact),
        What::Replayed(_, fact) => What::Replayed(node, fact),
        What::Crashed(_) => What::Crashed(node),
        What::Booted(_) => What::Booted(node),
        other => other,
    };
    story
}

/// Said once more at the end, by an event of its own.
fn repeated(story: &[Signal], place: usize) -> Vec<Signal> {
    let mut repeated = story.to_vec();
    let last = story[story.len() - 1];
    let event = EventId(last.event.0 + 1);
    repeated.push(Signal { at: last.at, event, what: story[place].what });
    repeated
}

/// All from a place on, so much later.
fn later(story: &[Signal], place: usize, by: Duration) -> Vec<Signal> {
    let mut story = story.to_vec();
    story[place..].iter_mut().for_each(|signal| signal.at += by);
    story
}

/// What exploration judges in part: a loss only once something crashed, and the order of a saga's
/// steps only as far as its end does not matter.
const IN_PART: [&str; 2] = ["durability", "saga.forward_after_pivot"];

/// By property, what judge and recheck do not agree on.
pub(super) fn disagreements(
    case: &Case<'_>,
    checker: &mut dyn Checker,
    story: &[Signal],
) -> Vec<(&'static str, String)> {
    checker.reset();
    let judgements = case.judge(checker, story);
    let broken: Vec<&str> = checker.fork().map(|_| checker.broken()).unwrap_or_default();
    let known = |property: &str| checker.explorable().contains(&property);
    assert!(broken.iter().all(|property| known(property)), "{broken:?} are not all explorable");
    let odd = judgements.into_iter().filter_map(|Judgement { property, verdict, .. }| {
        let recheck = |witness: &Witness| checker.recheck(property, witness, story);
        let is_broken = broken.contains(&property);
        let why = match &verdict {
            Verdict::Violated(witness) => {
                recheck(witness).err().map(|why| format!("{why}: {witness:?}"))
            }
            Verdict::Unknown(_) => None,
            Verdict::Holds | Verdict::NotExercised => {
                let found = witnesses(story).find(|witness| recheck(witness).is_ok());
                found.map(|found| format!("is {verdict:?}, and its recheck accepts {found:?}"))
            }
        };
        let is_violated = matches!(verdict, Verdict::Violated(_));
        let is_missed = is_violated && !is_broken && !IN_PART.contains(&property);
        let differs = known(property) && (is_missed || is_broken && !is_violated);
        let why =
            why.or_else(|| differs.then(|| format!("is {verdict:?}; told one by one: {broken:?}")));
        why.map(|why| (property, why))
    });
    odd.collect()
}

/// Witnesses that cite one event, or two, or three of a short story.
fn witnesses(story: &[Signal]) -> impl Iterator<Item = Witness> {
    let cite = |cited: &[Signal]| evidence::witness(String::new(), cited);
    let behind = move |place: usize| place + 1..story.len();
    let pairs = (0..story.len()).flat_map(move |one| behind(one).map(move |two| (one, two)));
    let short = if story.len() <= SHORT { story.len() } else { 0 };
    let triples = (0..short).flat_map(move |one| {
        behind(one).flat_map(move |two| behind(two).map(move |three| [one, two, three]))
    });
    let singles = story.iter().map(move |signal| cite(&[*signal]));
    singles
        .chain(pairs.map(move |(one, two)| cite(&[story[one], story[two]])))
        .chain(triples.map(move |places| cite(&places.map(|place| story[place]))))
}

/// How many signals a story has at most whose witnesses of three events are all tried.
const SHORT: usize = 8;

/// What became of a beginning: what is broken after it, and after each signal of the rest.
type Fate = Vec<Vec<&'static str>>;

/// Beginnings that a checker folds alike break the same, whatever of the story comes after them.
#[track_caller]
fn folds_tell_apart(case: &Case<'_>, story: &[Signal]) {
    if case.build().fork().is_none() {
        return;
    }
    // What belongs to a number comes in the event of the number, and a crash may cut an instant in
    // two: exploration never looks in between.
    let about_a_key = |signal: &Signal| match signal.what {
        What::Stated(_, fact) | What::Replayed(_, fact) => {
            matches!(fact, Fact::Holds { .. } | Fact::Lacks { .. })
        }
        _ => false,
    };
    for upto in 0..=story.len() {
        let (beginning, rest) = story.split_at(upto);
        let now = beginning.last().map(|last| last.at);
        if rest.first().is_some_and(|next| about_a_key(next) || Some(next.at) == now) {
            continue;
        }
        let mut fates: BTreeMap<u128, (Fate, Vec<Signal>)> = BTreeMap::new();
        let goes_on = |beginning: &Vec<Signal>| could_be_told(&[beginning, rest].concat(), story);
        for beginning in retold(beginning).into_iter().filter(goes_on) {
            let mut checker = case.build();
            for signal in &beginning {
                checker.on_signal(signal);
            }
            let mut fold = Fold::NEW;
            checker.fold(&mut fold);
            let fate = fate(checker.fork().expect("it can be forked").as_mut(), rest);
            let known =
                fates.entry(fold.end()).or_insert_with(|| (fate.clone(), beginning.clone()));
            let [one, other, rest] = [&known.1, &beginning, rest].map(told);
            assert_eq!(known.0, fate, "fold alike:{one}\nand:{other}\nthen:{rest}");
        }
    }
}

fn fate(checker: &mut dyn Checker, rest: &[Signal]) -> Fate {
    let mut fate = vec![checker.broken()];
    for signal in rest {
        checker.on_signal(signal);
        fate.push(checker.broken());
    }
    fate
}

/// A story, a line per signal.
pub(super) fn told(story: &[Signal]) -> String {
    let line = |signal: &Signal| format!("\n  {:?} {} {:?}", signal.event, signal.at, signal.what);
    story.iter().map(line).collect()
}
