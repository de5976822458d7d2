//! Legal and illegal histories of a copy, each pair apart in one event.
//!
//! ```text
//!   source C   commit(n, key, value)        copies P1, P2   copied(n, key, value)
//! ```
//!
//! A value of `None` is a deletion. All but the last test are about key 5.

use super::{
    super::litmus::{
        C, Case, DISTURBED, HEALED, P1, P2, again, boot, crash, fact, illegal, legal, tell,
        tell_at, untested,
    },
    COMPLETE, CONVERGES, ORDER,
};
use crate::engine::{facts::Fact, signal::What};

fn now(node: u16, key: u32, value: Option<i64>) -> What {
    match value {
        Some(value) => fact(node, Fact::Holds { key, value, beside: 0 }),
        None => fact(node, Fact::Lacks { key }),
    }
}

fn commit(number: u64, value: Option<i64>) -> [What; 2] {
    [fact(C, Fact::Commits { number, key: 5, event: number }), now(C, 5, value)]
}

fn copied(node: u16, number: u64, value: Option<i64>) -> [What; 2] {
    [fact(node, Fact::Applied(number)), now(node, 5, value)]
}

fn replayed(words: [What; 2]) -> [What; 2] {
    words.map(again)
}

/// Seven, then nine, at the source.
fn two_commits() -> [[What; 2]; 2] {
    [commit(1, Some(7)), commit(2, Some(9))]
}

fn story(parts: &[[What; 2]]) -> Vec<What> {
    parts.concat()
}

#[test]
fn a_copy_shows_the_states_of_a_key_in_their_order() {
    let [one, two] = two_commits();
    let shown = |first: [What; 2], second: [What; 2]| story(&[one, two, first, second]);
    legal(ORDER, &shown(copied(P1, 1, Some(7)), copied(P1, 2, Some(9))));
    let sentence = illegal(ORDER, &shown(copied(P1, 2, Some(9)), copied(P1, 1, Some(7))));
    assert_eq!(
        sentence,
        "p1 went back at 7ms: it showed key 5 = 7 of commit 1 after key 5 = 9 of commit 2"
    );
    legal(ORDER, &shown(copied(P1, 2, Some(9)), copied(P1, 2, Some(9))));
    untested(ORDER, &story(&[one, copied(P1, 1, Some(7))]));
}

#[test]
fn a_copy_shows_no_state_that_the_source_did_not_commit() {
    let [one, two] = two_commits();
    let shown = |last| story(&[one, two, copied(P1, 1, Some(7)), last]);
    legal(ORDER, &shown(copied(P1, 2, Some(9))));
    illegal(ORDER, &shown(copied(P1, 2, Some(900))));
    illegal(ORDER, &shown(copied(P1, 2, None)));
    illegal(ORDER, &shown(copied(P1, 3, Some(9))));
}

#[test]
fn what_a_crash_took_back_was_not_committed() {
    let [one, two] = two_commits();
    let shown = [one, two, copied(P1, 1, Some(7)), copied(P1, 2, Some(9))];
    let crashed =
        |kept: &[[What; 2]]| [&story(&shown)[..], &[crash(C), boot(C)], &story(kept)].concat();
    legal(ORDER, &crashed(&[replayed(one), replayed(two)]));
    illegal(ORDER, &crashed(&[replayed(one)]));
    illegal(ORDER, &crashed(&[replayed(one), commit(2, Some(8))]));
}

#[test]
fn every_key_comes_to_its_last_commit() {
    let [one, two] = two_commits();
    legal(COMPLETE, &story(&[one, two, copied(P1, 2, Some(9))]));
    let sentence = illegal(COMPLETE, &story(&[one, two, copied(P1, 1, Some(7))]));
    assert_eq!(
        sentence,
        "commit 2 made it key 5 = 9 at 3ms, and in the end p1 is still at key 5 = 7 of commit 1"
    );
    illegal(COMPLETE, &story(&[one, two]));
    illegal(COMPLETE, &story(&[one, commit(2, None), copied(P1, 1, Some(7))]));
    legal(COMPLETE, &story(&[one, commit(2, None)]));
    untested(COMPLETE, &story(&[one, copied(P1, 1, Some(7))]));
}

#[test]
fn a_copy_that_lost_what_it_showed_is_not_there_and_one_that_is_down_need_not_be() {
    let [one, two] = two_commits();
    let shown = story(&[one, two, copied(P1, 1, Some(7)), copied(P1, 2, Some(9))]);
    let then = |rest: &[What]| [&shown[..], &[crash(P1)], rest, &[HEALED]].concat();
    legal(COMPLETE, &then(&[&[boot(P1)][..], &replayed(copied(P1, 2, Some(9)))].concat()));
    illegal(COMPLETE, &then(&[&[boot(P1)][..], &replayed(copied(P1, 1, Some(7)))].concat()));
    illegal(COMPLETE, &then(&[boot(P1)]));
    legal(COMPLETE, &then(&[]));
    legal(CONVERGES, &then(&[]));
}

#[test]
fn copies_come_to_hold_what_the_source_holds() {
    let [one, two] = two_commits();
    let first = copied(P1, 1, Some(7));
    legal(CONVERGES, &story(&[one, two, first, copied(P1, 2, Some(9))]));
    let sentence = illegal(CONVERGES, &story(&[one, two, first, copied(P1, 2, Some(8))]));
    assert_eq!(sentence, "in the end it is key 5 = 9 at the source, and p1 has key 5 = 8");
    illegal(CONVERGES, &story(&[one]));
    illegal(CONVERGES, &story(&[one, first, copied(P1, 2, None)]));
    let gone = commit(2, None);
    legal(CONVERGES, &story(&[one, gone, first, copied(P1, 2, None)]));
    illegal(CONVERGES, &story(&[one, gone, first]));
}

#[test]
fn where_copies_share_keys_each_answers_for_what_it_has_shown() {
    let [one, two] = two_commits();
    let first = copied(P1, 1, Some(7));
    illegal(COMPLETE, &story(&[one, two, first, copied(P2, 2, Some(9))]));
    illegal(CONVERGES, &story(&[one, two, first, copied(P2, 2, Some(9))]));
    illegal(CONVERGES, &story(&[one, commit(2, None), first, copied(P2, 2, None)]));
    legal(CONVERGES, &story(&[one, two, copied(P2, 2, Some(9))]));
}

#[test]
fn nothing_is_demanded_of_the_end_while_faults_last() {
    let [one, two] = two_commits();
    let late = [&story(&[one, two, copied(P1, 1, Some(7))])[..], &[DISTURBED]].concat();
    untested(COMPLETE, &late);
    untested(CONVERGES, &late);
    illegal(COMPLETE, &[&late[..], &[HEALED]].concat());
}

#[test]
fn what_came_too_late_has_time_still() {
    let (one, two) = (commit(1, Some(7)), commit(2, Some(9)));
    let shown = copied(P1, 1, Some(7));
    // The run ends at 1 s, and copies have half of it.
    let gives = |changed, healed, word| {
        let at = |at: u64, words: [What; 2]| words.map(|what| (at, what));
        let story = [at(0, one), at(1, shown), at(changed, two)].concat();
        let mut story = [&story[..], &[(healed, HEALED), (600, DISTURBED)]].concat();
        story.sort_by_key(|(at, _)| *at);
        for property in [COMPLETE, CONVERGES] {
            let judgement = Case::of("Copy").gives(property, &tell_at(&story), word);
            assert_eq!(judgement.exercised, u64::from(word == "violated"), "{judgement:?}");
        }
    };
    gives(500, 500, "violated");
    gives(501, 501, "not_exercised");
    gives(501, 500, "not_exercised");
    gives(500, 501, "not_exercised");
}

#[test]
fn a_witness_that_cites_something_else_than_what_a_copy_holds_is_refused() {
    let signals = tell(&story(&[commit(1, Some(7)), copied(P1, 1, Some(8))]));
    let case = Case::of("Copy");
    case.gives(CONVERGES, &signals, "violated");
    case.refuses(CONVERGES, &signals, &[1, 2]);
}

/// The definition once more, written as it reads, over every short history of two values and a
/// deletion: what copies show at the end against what the source holds.
#[test]
fn the_judge_agrees_with_the_definition_on_every_short_history() {
    let values = [Some(7), Some(9), None];
    let mut stories = 0;
    for first in values {
        for second in values {
            let commits = [commit(1, first), commit(2, second)];
            let right = [first, second];
            let shows = (1..=2).flat_map(|number| values.map(|value| (number, value)));
            let shows: Vec<(u64, Option<i64>)> = shows.collect();
            for one in &shows {
                for two in &shows {
                    let copies = [copied(P1, one.0, one.1), copied(P1, two.0, two.1)];
                    let told = story(&[commits[0], commits[1], copies[0], copies[1]]);
                    let is_true = |(number, value): &(u64, Option<i64>)| {
                        right[*number as usize - 1] == *value
                    };
                    let ordered = one.0 <= two.0 && is_true(one) && is_true(two);
                    expect(ORDER, ordered, &told);
                    expect(COMPLETE, two.0 == 2, &told);
                    expect(CONVERGES, two.1 == second, &told);
                    stories += 1;
                }
            }
        }
    }
    assert_eq!(stories, 9 * 36);
}

fn expect(property: &str, holds: bool, told: &[What]) {
    if holds {
        legal(property, told);
    } else {
        illegal(property, told);
    }
}
