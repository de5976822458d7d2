//! Litmus histories of publication, and a naive judge of small ones.
//!
//! ```text
//!   every history of six facts about two events ──▶ judge ═══ definition, word for word
//! ```

use super::super::litmus::*;
use super::*;
use crate::engine::runner::Outcome;

const SERVICE: u16 = C;
const BROKER: u16 = P1;
const RECEIVER: u16 = P2;

fn commits(event: u64, number: u64) -> What {
    fact(SERVICE, Fact::Commits { number, key: 5, event })
}

fn publishes(event: u64) -> What {
    fact(BROKER, Fact::Publishes { key: 5, event })
}

fn takes(event: u64) -> What {
    effect(RECEIVER, event)
}

#[test]
fn what_is_committed_takes_effect() {
    let story = |last| [commits(7, 1), publishes(7), DISTURBED, HEALED, last];
    legal(NO_LOSS, &story(takes(7)));
    let sentence = illegal(NO_LOSS, &story(takes(8)));
    let wanted = "c committed event 7 of key 5 as number 1 at 0s; it was published at 1ms and has \
                  no effect";
    assert_eq!(sentence, wanted);
    let sentence = illegal(NO_LOSS, &[commits(7, 1)]);
    let wanted = "c committed event 7 of key 5 as number 1 at 0s, and it was never published";
    assert_eq!(sentence, wanted);
}

#[test]
fn a_commit_or_an_effect_that_a_crash_took_is_none() {
    let lost = [commits(7, 1), crash(SERVICE), boot(SERVICE), HEALED];
    untested(NO_LOSS, &lost);
    illegal(NO_LOSS, &[&lost[..], &[again(commits(7, 1))]].concat());
    let story = |survived| {
        [commits(7, 1), publishes(7), takes(7), crash(RECEIVER), boot(RECEIVER), survived, HEALED]
    };
    legal(NO_LOSS, &story(again(takes(7))));
    illegal(NO_LOSS, &story(DISTURBED));
}

#[test]
fn of_a_node_that_is_down_nothing_is_demanded_and_what_it_knew_counts() {
    untested(NO_LOSS, &[commits(7, 1), crash(SERVICE), HEALED]);
    legal(NO_LOSS, &[commits(7, 1), takes(7), crash(RECEIVER), HEALED]);
    legal(NO_PHANTOM, &[commits(7, 1), publishes(7), crash(SERVICE), HEALED]);
}

#[test]
fn what_is_published_is_committed_before_or_after() {
    legal(NO_PHANTOM, &[commits(7, 1), publishes(7)]);
    legal(NO_PHANTOM, &[publishes(7), commits(7, 1)]);
    let sentence = illegal(NO_PHANTOM, &[publishes(7), commits(8, 1)]);
    assert_eq!(sentence, "p1 published event 7 at 0s, and it was never committed");
    untested(NO_PHANTOM, &[commits(7, 1), takes(7)]);
}

#[test]
fn a_commit_that_a_crash_took_back_leaves_a_phantom() {
    let story =
        |survived| [commits(7, 1), publishes(7), crash(SERVICE), boot(SERVICE), survived, HEALED];
    legal(NO_PHANTOM, &story(again(commits(7, 1))));
    let sentence = illegal(NO_PHANTOM, &story(DISTURBED));
    assert_eq!(sentence, "p1 published event 7 at 1ms; a crash took back its commit of 0s");
}

#[test]
fn nothing_is_demanded_of_the_end_while_faults_last() {
    untested(NO_LOSS, &[commits(7, 1), DISTURBED]);
    untested(NO_PHANTOM, &[publishes(7), DISTURBED]);
    let case = Case { outcome: Outcome::LimitReached, ..Case::of("Publication") };
    case.gives(NO_LOSS, &tell(&[commits(7, 1)]), "unknown");
}

#[test]
fn who_has_time_still_has_lost_nothing() {
    let case = Case { settings: "(within: \"990ms\")", ..Case::of("Publication") };
    let at = |at, what| tell_at(&[(at, what)]);
    case.gives(NO_LOSS, &at(10, commits(7, 1)), "violated");
    case.gives(NO_LOSS, &at(11, commits(7, 1)), "not_exercised");
    case.gives(NO_PHANTOM, &at(10, publishes(7)), "violated");
    case.gives(NO_PHANTOM, &at(11, publishes(7)), "not_exercised");
    let healed =
        |at| tell_at(&[(1, commits(7, 1)), (2, publishes(8)), (3, DISTURBED), (at, HEALED)]);
    for property in [NO_LOSS, NO_PHANTOM] {
        case.gives(property, &healed(10), "violated");
        case.gives(property, &healed(11), "not_exercised");
    }
}

#[test]
fn first_effects_of_a_key_are_in_the_order_of_commits() {
    let story = |one, other| [commits(7, 1), commits(3, 2), takes(one), takes(other)];
    legal(ORDER, &story(7, 3));
    let sentence = illegal(ORDER, &story(3, 7));
    let wanted =
        "of key 5, event 3 (commit 2) at 2ms took effect at p2 before event 7 (commit 1) at 3ms";
    assert_eq!(sentence, wanted);
    untested(ORDER, &story(7, 9));
    // Only the first effect has a place, and another key has an order of its own.
    legal(ORDER, &[commits(7, 1), commits(3, 2), takes(7), takes(3), takes(7)]);
    let other = fact(SERVICE, Fact::Commits { number: 2, key: 6, event: 3 });
    untested(ORDER, &[commits(7, 1), other, takes(3), takes(7)]);
}

#[test]
fn an_effect_before_its_commit_has_the_place_of_the_commit() {
    legal(ORDER, &[takes(7), takes(3), commits(7, 1), commits(3, 2)]);
    illegal(ORDER, &[takes(7), takes(3), commits(3, 1), commits(7, 2)]);
}

#[test]
fn an_event_takes_effect_once_over_all_nodes_and_times() {
    legal(EXACTLY_ONCE, &[takes(7), takes(8)]);
    let sentence = illegal(EXACTLY_ONCE, &[takes(7), effect(BROKER, 7)]);
    assert_eq!(sentence, "event 7 took effect at p2 at 0s, and again at p1 at 1ms");
    let story = |last| [takes(7), crash(RECEIVER), boot(RECEIVER), last];
    legal(EXACTLY_ONCE, &story(again(takes(7))));
    illegal(EXACTLY_ONCE, &story(takes(7)));
    untested(EXACTLY_ONCE, &[commits(7, 1)]);
}

/// The definitions without a fold: positions in a list.
fn naive(story: &[What]) -> [bool; 4] {
    let first = |wanted: What| story.iter().position(|what| *what == wanted);
    let of = |event: u64| {
        let number = |what: &What| match what {
            What::Stated(_, Fact::Commits { number, event: of, .. }) if *of == event => {
                Some(*number)
            }
            _ => None,
        };
        (story.iter().rev().find_map(number), first(publishes(event)), first(takes(event)))
    };
    let all = [1, 2].map(of);
    let effects = |event| story.iter().filter(|what| **what == takes(event)).count();
    let inverted = |one: usize, other: usize| match (all[one], all[other]) {
        ((Some(number), _, Some(effect)), (Some(before), _, Some(sooner))) => {
            number < before && sooner < effect
        }
        _ => false,
    };
    [
        all.iter().any(|(commit, _, effect)| commit.is_some() && effect.is_none()),
        all.iter().any(|(commit, published, _)| published.is_some() && commit.is_none()),
        inverted(0, 1) || inverted(1, 0),
        effects(1) > 1 || effects(2) > 1,
    ]
}

#[test]
fn every_small_history_is_judged_as_the_definition_says() {
    let mut words = Vec::new();
    for event in [1, 2] {
        words.extend([commits(event, event), publishes(event), takes(event)]);
    }
    words.push(commits(1, 3)); // The first event, committed behind the second.
    let mut broken = [0_u32; 4];
    for length in 0..=4 {
        for code in 0..words.len().pow(length) {
            let mut rest = code;
            let story: Vec<What> = (0..length)
                .map(|_| {
                    let word = words[rest % words.len()];
                    rest /= words.len();
                    word
                })
                .collect();
            let judged = Case::of("Publication").judgements(&tell(&story));
            let found: Vec<bool> =
                judged.iter().map(|one| one.verdict.word() == "violated").collect();
            assert_eq!(found, naive(&story), "{story:?}");
            for (count, found) in broken.iter_mut().zip(found) {
                *count += u32::from(found);
            }
        }
    }
    assert!(broken.iter().all(|count| *count > 10), "{broken:?}");
}

#[test]
fn the_first_effect_too_many_is_told() {
    let story = tell_at(&[(0, commits(7, 1)), (1, takes(7)), (2, takes(7)), (3, takes(7))]);
    let sentence = sentence(Case::of("Publication").gives(EXACTLY_ONCE, &story, "violated"));
    assert!(sentence.contains("2ms") && !sentence.contains("3ms"), "{sentence}");
}
