//! Litmus for atomic commit: for each clause a legal and an illegal history that differ in one event.
//!
//! ```text
//!   AC1 … AC5 ──▶ legal · illegal · untested      witnesses ──▶ refused where they show nothing
//! ```

use super::{super::litmus::*, *};
use crate::{base::time::Time, engine::runner::Outcome};
use proptest::prelude::*;

#[test]
fn two_nodes_that_decide_differently_disagree() {
    legal(AGREEMENT, &[commit(C, 1), commit(P1, 1)]);
    let sentence = illegal(AGREEMENT, &[commit(C, 1), abort(P1, 1)]);
    assert_eq!(sentence, "c decided commit on t1 at 0s, p1 decided abort on t1 at 1ms");
}

#[test]
fn what_a_node_said_before_its_crash_still_counts_for_agreement() {
    let story = |last| [commit(C, 1), DISTURBED, crash(C), boot(C), last];
    legal(AGREEMENT, &story(commit(P1, 1)));
    illegal(AGREEMENT, &story(abort(P1, 1)));
}

#[test]
fn decisions_of_one_node_or_on_different_transactions_cannot_disagree() {
    untested(AGREEMENT, &[commit(C, 1), abort(P1, 2)]);
    untested(AGREEMENT, &[commit(C, 1), abort(C, 1)]);
}

#[test]
fn a_node_that_decides_the_other_way_after_a_crash_is_unstable() {
    let story = |last| [commit(C, 1), crash(C), boot(C), last];
    legal(STABILITY, &story(commit(C, 1)));
    legal(STABILITY, &story(abort(C, 2)));
    legal(STABILITY, &story(abort(P1, 1)));
    illegal(STABILITY, &story(abort(C, 1)));
}

#[test]
fn a_node_that_decides_twice_without_a_crash_is_unstable_too() {
    untested(STABILITY, &[commit(C, 1), commit(C, 1)]);
    illegal(STABILITY, &[commit(C, 1), abort(C, 1)]);
}

#[test]
fn stability_is_tested_only_by_boots_after_a_decision() {
    untested(STABILITY, &[boot(C), commit(C, 1)]);
    legal(STABILITY, &[boot(C), commit(C, 1), crash(C), boot(C)]);
}

#[test]
fn a_commit_rests_on_every_yes_stated_before_it() {
    let story = |voter| [yes(P1, 1), yes(voter, 1), commit(C, 1), rests(C, 1, &[P1, P2])];
    legal(VALIDITY, &story(P2));
    let sentence = illegal(VALIDITY, &story(C));
    assert!(sentence.contains("on the yes of p2, which had not voted yes"), "{sentence}");
    illegal(VALIDITY, &[rests(C, 1, &[P1]), commit(C, 1), yes(P1, 1)]);
}

#[test]
fn no_one_commits_what_somebody_voted_no_on() {
    legal(VALIDITY, &[no(P1, 2), commit(C, 1)]);
    illegal(VALIDITY, &[no(P1, 1), commit(C, 1)]);
    illegal(VALIDITY, &[commit(C, 1), no(P1, 1)]);
    untested(VALIDITY, &[no(P1, 1), abort(C, 1)]);
}

#[test]
fn an_abort_needs_a_no_a_time_out_or_a_fault() {
    legal(NONTRIVIALITY, &[yes(P1, 1), commit(C, 1)]);
    let sentence = illegal(NONTRIVIALITY, &[yes(P1, 1), abort(C, 1)]);
    assert_eq!(sentence, "c aborted t1 at 1ms without fault, time-out or no");
    untested(NONTRIVIALITY, &[no(P1, 1), abort(C, 1)]);
    untested(NONTRIVIALITY, &[yes(P1, 1), timed_out(C, 1), abort(C, 1)]);
    untested(NONTRIVIALITY, &[yes(P1, 1), DISTURBED, abort(C, 1)]);
    untested(NONTRIVIALITY, &[abort(C, 1), DISTURBED]);
}

#[test]
fn everyone_who_voted_yes_decides_in_the_end() {
    legal(TERMINATION, &[yes(P1, 1), DISTURBED, HEALED, abort(P1, 1)]);
    illegal(TERMINATION, &[yes(P1, 1), DISTURBED, HEALED, abort(C, 1)]);
    illegal(TERMINATION, &[yes(P1, 1)]);
    untested(TERMINATION, &[yes(P1, 1), DISTURBED]);
    untested(TERMINATION, &[no(P1, 1), HEALED]);
}

#[test]
fn termination_asks_what_nodes_know_now() {
    let story = |survived| {
        [yes(P1, 1), commit(P1, 1), crash(P1), boot(P1), again(yes(P1, 1)), survived, HEALED]
    };
    legal(TERMINATION, &story(again(commit(P1, 1))));
    illegal(TERMINATION, &story(DISTURBED));
    untested(TERMINATION, &[yes(P1, 1), crash(P1), boot(P1), HEALED]);
    untested(TERMINATION, &[yes(P1, 1), crash(P1), HEALED]);
}

#[test]
fn a_run_that_was_cut_off_says_nothing_about_termination() {
    let case = Case { outcome: Outcome::LimitReached, ..Case::of("AtomicCommit") };
    case.gives(TERMINATION, &tell(&[yes(P1, 1)]), "unknown");
    case.gives(AGREEMENT, &tell(&[commit(C, 1), abort(P1, 1)]), "violated");
}

/// Whether a pair of opposite decisions exists, from the definition.
fn by_definition(story: &[What], is_pair: fn(NodeId, NodeId) -> bool) -> bool {
    let said = |what: &What| match *what {
        What::Stated(node, Fact::Decided(txn, decision)) => Some((node, txn, decision)),
        _ => None,
    };
    let said: Vec<_> = story.iter().filter_map(said).collect();
    said.iter().any(|one| {
        let opposite = |other: &&(NodeId, TxnId, Decision)| one.1 == other.1 && one.2 != other.2;
        said.iter().filter(opposite).any(|other| is_pair(one.0, other.0))
    })
}

fn letters() -> Vec<What> {
    let places = [(C, 1), (C, 2), (P1, 1), (P1, 2)];
    let decided = places.iter().flat_map(|&(at, txn)| [commit(at, txn), abort(at, txn)]);
    decided.chain([boot(C)]).collect()
}

fn agrees_with_the_definition(story: &[What]) {
    let judged = Case::of("AtomicCommit").judgements(&tell(story));
    let violated = |place: usize| judged[place].verdict.word() == "violated";
    assert_eq!(violated(0), by_definition(story, |one, other| one != other), "{story:?}");
    assert_eq!(violated(1), by_definition(story, |one, other| one == other), "{story:?}");
}

#[test]
fn all_small_histories_are_judged_as_the_definition_says() {
    let letters = letters();
    let mut stories: Vec<Vec<What>> = vec![vec![]];
    for _ in 0..4 {
        for story in &stories {
            agrees_with_the_definition(story);
        }
        let longer = |story: &Vec<What>| {
            let story = story.clone();
            letters.iter().map(move |&letter| [&story[..], &[letter]].concat())
        };
        stories = stories.iter().flat_map(longer).collect();
    }
    for story in &stories {
        agrees_with_the_definition(story);
    }
}

proptest! {
    #[test]
    fn random_histories_are_judged_as_the_definition_says(
        story in prop::collection::vec(prop::sample::select(letters()), 5..8),
    ) {
        agrees_with_the_definition(&story);
    }
}

#[test]
fn a_witness_of_the_wrong_pair_is_refused() {
    let signals = tell(&[commit(C, 1), abort(P1, 2), commit(P1, 2), abort(P2, 1)]);
    let checker = AtomicCommit::new(&Arc::new(Catalog::named(&["c", "p1", "p2"])));
    let pair = |one: usize, other: usize| witness(String::new(), &[signals[one], signals[other]]);
    let recheck = |property, pair| checker.recheck(property, &pair, &signals).is_ok();
    assert!(recheck(AGREEMENT, pair(0, 3)) && recheck(STABILITY, pair(1, 2)));
    assert!(!recheck(AGREEMENT, pair(0, 1)), "different transactions");
    assert!(!recheck(AGREEMENT, pair(0, 2)), "no contradiction");
    assert!(!recheck(AGREEMENT, pair(1, 2)) && !recheck(STABILITY, pair(0, 3)));
    assert_eq!(signals[3].at, Time::from_millis(3));
}

#[test]
fn a_vote_of_a_node_that_no_set_can_hold_is_no_trouble() {
    let judged = Case::of("AtomicCommit").judgements(&tell(&[yes(64, 1), commit(64, 1)]));
    assert!(judged.iter().all(|judged| judged.verdict.word() != "violated"), "{judged:?}");
}
