//! Short histories of recoveries: legal ones, and illegal ones that differ in one event.
//!
//! ```text
//!   p1 logs 7, logs 8, syncs the first ─╳ boots ── and says …     legal · illegal by one word of it
//! ```
//!
//! Each clause has both, and stories drawn at random hold the judge to its own recheck.

use super::super::litmus::log::*;
use super::super::litmus::registers::{asked, told};
use super::super::litmus::*;
use super::*;
use crate::engine::operations::Operation;

/// p1 logs 7 and 8 for register 5, crashes, and says this.
fn after_a_crash(says: &[What]) -> Vec<What> {
    let before = [logged(P1, 1, 7), logged(P1, 2, 8), synced(P1, 1), crash(P1), boot(P1)];
    [&before[..], says].concat()
}

#[test]
fn what_is_served_is_what_a_prefix_of_the_log_comes_to() {
    legal(PREFIX, &after_a_crash(&[recovered(P1, 2), holds(P1, 8)]));
    legal(PREFIX, &after_a_crash(&[recovered(P1, 1), holds(P1, 7)]));
    legal(PREFIX, &after_a_crash(&[recovered(P1, 0)]));
    let sentence = illegal(PREFIX, &after_a_crash(&[recovered(P1, 1), holds(P1, 8)]));
    let wanted = "p1 recovered all up to 1 at 5ms; register 5 holds 8, and 7 was logged last";
    assert_eq!(sentence, wanted);
    let sentence = illegal(PREFIX, &after_a_crash(&[recovered(P1, 0), holds(P1, 7)]));
    assert!(sentence.ends_with("register 5 holds 7, and nothing was logged for it"), "{sentence}");
    untested(PREFIX, &[boot(P1), recovered(P1, 0), logged(P1, 1, 7)]);
}

#[test]
fn all_that_the_prefix_comes_to_is_served() {
    let sentence =
        illegal(PREFIX, &after_a_crash(&[recovered(P1, 2), synced(P1, 2), holds(P1, 8)]));
    assert!(sentence.ends_with("register 5 holds nothing, and 8 was logged last"), "{sentence}");
    illegal(PREFIX, &after_a_crash(&[recovered(P1, 2), holds(P2, 8)]));
    let twice = illegal(PREFIX, &after_a_crash(&[recovered(P1, 2), holds(P1, 7), holds(P1, 8)]));
    assert!(twice.ends_with("it holds 7 and 8 in register 5"), "{twice}");
}

#[test]
fn a_crash_at_that_instant_may_cut_what_is_told() {
    let story = |crashed| {
        let says = [(0, logged(P1, 1, 7)), (1, boot(P1)), (2, recovered(P1, 1))];
        tell_at(&[&says[..], &[(crashed, DISTURBED), (crashed, crash(P1))]].concat())
    };
    Case::of("Recovery").gives(PREFIX, &story(2), "holds");
    Case::of("Recovery").gives(PREFIX, &story(3), "violated");
}

#[test]
fn the_log_goes_on_where_the_recovery_ended() {
    legal(PREFIX, &after_a_crash(&[recovered(P1, 1), holds(P1, 7), logged(P1, 2, 9)]));
    let sentence =
        illegal(PREFIX, &after_a_crash(&[recovered(P1, 1), holds(P1, 7), logged(P1, 3, 9)]));
    assert_eq!(sentence, "p1 logged at 3 at 7ms; the log ended at 1");
    let sentence =
        illegal(PREFIX, &after_a_crash(&[recovered(P1, 2), holds(P1, 8), logged(P1, 2, 9)]));
    let wanted = "p1 logged 9 for key 5 at 2 at 7ms, where 8 for key 5 stands";
    assert_eq!(sentence, wanted);
    legal(PREFIX, &after_a_crash(&[recovered(P1, 2), holds(P1, 8), logged(P1, 2, 8)]));
    let sentence = illegal(PREFIX, &after_a_crash(&[recovered(P1, 3), holds(P1, 8)]));
    assert_eq!(sentence, "p1 recovered all up to 3 at 5ms; the log ended at 2");
}

#[test]
fn what_was_cut_is_no_part_of_the_log_any_more() {
    let cut = [recovered(P1, 1), holds(P1, 7), crash(P1), boot(P1)];
    let again =
        |upto, value| after_a_crash(&[&cut[..], &[recovered(P1, upto), holds(P1, value)]].concat());
    legal(PREFIX, &again(1, 7));
    illegal(PREFIX, &again(2, 8));
    let story = |value| {
        let then = [logged(P1, 2, 9), crash(P1), boot(P1), recovered(P1, 2), holds(P1, value)];
        after_a_crash(&[&cut[..2], &then].concat())
    };
    legal(PREFIX, &story(9));
    illegal(PREFIX, &story(8));
}

/// A write is acknowledged, or read, before or after a recovery up to there.
fn heard(heard: &[What], upto: u64) -> Vec<What> {
    let before = [write(1, 7), logged(P1, 1, 7), synced(P1, 1)];
    let value: &[What] = if upto == 1 { &[holds(P1, 7)] } else { &[] };
    let after = [&[crash(P1), boot(P1), recovered(P1, upto)][..], value].concat();
    [&before[..], heard, &after].concat()
}

#[test]
fn every_acknowledged_write_is_recovered() {
    legal(ACKNOWLEDGED, &heard(&[told_ok(1)], 1));
    let sentence = illegal(ACKNOWLEDGED, &heard(&[told_ok(1)], 0));
    let wanted = "the client was told at 3ms that 7 is in register 5; p1 recovered all up to 0 at \
                  6ms, and it was logged at 1";
    assert_eq!(sentence, wanted);
    untested(ACKNOWLEDGED, &heard(&[], 0));
    let unsure = What::Ended(crate::base::ids::OpId(1), crate::engine::operations::Ending::Unknown);
    untested(ACKNOWLEDGED, &heard(&[unsure], 0));
}

#[test]
fn a_write_that_was_acknowledged_and_never_logged_is_lost() {
    let story = |logs| [write(1, 7), logs, told_ok(1), boot(P1), recovered(P1, 1), holds(P1, 7)];
    legal(ACKNOWLEDGED, &story(logged(P1, 1, 7)));
    let sentence = illegal(ACKNOWLEDGED, &story(DISTURBED));
    assert!(sentence.ends_with("and it was never logged"), "{sentence}");
}

#[test]
fn an_answer_may_arrive_after_the_recovery() {
    let story = |between| [&heard(&[], 0)[..], &[between, told_ok(1)]].concat();
    legal(
        ACKNOWLEDGED,
        &[&heard(&[], 1)[..], &[told_ok(1), recovered(P1, 1), holds(P1, 7)]].concat(),
    );
    illegal(ACKNOWLEDGED, &story(DISTURBED));
    untested(ACKNOWLEDGED, &story(logged(P1, 1, 7)));
}

#[test]
fn every_write_that_was_read_is_recovered() {
    let read = [asked(2, 1, Operation::Read { key: 5 }), told(2, Some(7))];
    legal(READ, &heard(&read, 1));
    let sentence = illegal(READ, &heard(&read, 0));
    let wanted = "7 was read from register 5 at 4ms; p1 recovered all up to 0 at 7ms, and it was \
                  logged at 1";
    assert_eq!(sentence, wanted);
    untested(READ, &heard(&read[..1], 0));
    untested(READ, &heard(&[read[0], told(2, Some(0))], 0));
    illegal(READ, &[&heard(&read[..1], 0)[..], &read[1..]].concat());
}

#[test]
fn another_node_that_takes_over_is_not_judged_here() {
    let story = |by| [write(1, 7), logged(P1, 1, 7), told_ok(1), crash(P1), recovered(by, 0)];
    illegal(ACKNOWLEDGED, &story(P1));
    untested(ACKNOWLEDGED, &story(P2));
    let later = [crash(P2), boot(P2), recovered(P2, 0)];
    let case = Case::of("Recovery");
    case.gives(ACKNOWLEDGED, &tell(&[&story(P2)[..], &later].concat()), "holds");
}

#[test]
fn a_second_recovery_comes_to_the_same() {
    let again = |between, upto, value: &[What]| {
        let first = [recovered(P1, 1), holds(P1, 7), between, crash(P1), boot(P1)];
        after_a_crash(&[&first[..], &[recovered(P1, upto)], value].concat())
    };
    legal(IDEMPOTENT, &again(DISTURBED, 1, &[holds(P1, 7)]));
    let sentence = illegal(IDEMPOTENT, &again(DISTURBED, 0, &[]));
    let wanted = "p1 recovered at 5ms and again at 10ms, with nothing logged since; up to 1, then up \
                  to 0";
    assert_eq!(sentence, wanted);
    illegal(IDEMPOTENT, &again(DISTURBED, 2, &[holds(P1, 8)]));
    illegal(IDEMPOTENT, &again(DISTURBED, 1, &[holds(P1, 8)]));
    illegal(IDEMPOTENT, &again(DISTURBED, 1, &[]));
    untested(IDEMPOTENT, &again(logged(P1, 2, 9), 1, &[holds(P1, 7)]));
    untested(IDEMPOTENT, &after_a_crash(&[recovered(P1, 1), holds(P1, 7)]));
}

#[test]
fn a_node_refuses_only_what_it_had_synced() {
    legal(REFUSAL, &after_a_crash(&[refuses(P1, 1)]));
    let sentence = illegal(REFUSAL, &after_a_crash(&[refuses(P1, 2)]));
    let wanted = "p1 refused at 5ms for damage at 2; it had synced no further than 1: that is a torn \
                  tail";
    assert_eq!(sentence, wanted);
    legal(REFUSAL, &after_a_crash(&[recovered(P1, 2), holds(P1, 8), refuses(P1, 2)]));
    legal(REFUSAL, &after_a_crash(&[recovered(P1, 1), holds(P1, 7)]));
    untested(REFUSAL, &[logged(P1, 1, 7), synced(P1, 1), boot(P1), recovered(P1, 1), holds(P1, 7)]);
}

#[test]
fn a_node_that_refuses_serves_nothing_until_it_boots() {
    for serves in [recovered(P1, 2), logged(P1, 3, 9), applied(P1, 2)] {
        let sentence = illegal(REFUSAL, &after_a_crash(&[refuses(P1, 1), serves]));
        assert!(sentence.starts_with("p1 refused to serve at 5ms, and "), "{sentence}");
        legal(REFUSAL, &after_a_crash(&[refuses(P1, 1), crash(P1), boot(P1), serves]));
    }
}

#[test]
fn a_node_that_refuses_loses_nothing_silently() {
    let story =
        [write(1, 7), logged(P1, 1, 7), synced(P1, 1), told_ok(1), boot(P1), refuses(P1, 1)];
    untested(ACKNOWLEDGED, &story);
    untested(READ, &story);
}

#[test]
fn second_recoveries_count_unless_both_come_to_nothing() {
    let twice = |first, second| {
        let value = |upto| if upto == 1 { holds(P1, 7) } else { DISTURBED };
        let says = [recovered(P1, first), value(first), crash(P1), boot(P1)];
        let story = after_a_crash(&[&says[..], &[recovered(P1, second), value(second)]].concat());
        Case::of("Recovery").judgement(IDEMPOTENT, &tell(&story)).exercised
    };
    assert_eq!([twice(0, 0), twice(0, 1), twice(1, 0), twice(1, 1)], [0, 1, 1, 1]);
}

#[test]
fn a_write_that_stands_twice_in_the_log_is_not_lost_with_the_second() {
    let story = |upto, value| {
        let logs = [write(1, 7), logged(P1, 1, 7), logged(P1, 2, 7), told_ok(1)];
        [&logs[..], &[crash(P1), boot(P1), recovered(P1, upto), value]].concat()
    };
    legal(ACKNOWLEDGED, &story(1, holds(P1, 7)));
    illegal(ACKNOWLEDGED, &story(0, DISTURBED));
}

#[test]
fn faults_between_a_recovery_and_what_it_serves_change_nothing() {
    let story = |value| after_a_crash(&[recovered(P1, 1), DISTURBED, HEALED, holds(P1, value)]);
    legal(PREFIX, &story(7));
    illegal(PREFIX, &story(8));
    illegal(PREFIX, &after_a_crash(&[recovered(P1, 1), DISTURBED, holds(P1, 8)]));
}

#[test]
fn what_another_read_saw_is_not_what_was_lost() {
    let other = [asked(2, 1, Operation::Read { key: 5 }), told(2, Some(0))];
    let read = [asked(3, 1, Operation::Read { key: 5 }), told(3, Some(7))];
    illegal(READ, &heard(&[other, read].concat(), 0));
    legal(READ, &heard(&[other, read].concat(), 1));
}

#[test]
fn a_takeover_that_cuts_nothing_leaves_synced_what_was() {
    let logs = [logged(P1, 1, 7), logged(P1, 2, 8), synced(P1, 2)];
    let story = |upto| [&logs[..], &[recovered(P2, upto), refuses(P1, 2)]].concat();
    legal(REFUSAL, &story(2));
    illegal(REFUSAL, &story(1));
}
