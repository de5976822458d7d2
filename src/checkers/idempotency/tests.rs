//! Short histories of charges, legal and illegal, and all short ones against the definition.
//!
//! ```text
//!   three requests × what each hears × rows of charges ──judge──▶ the same as the definition says
//! ```

use super::super::litmus::*;
use super::*;
use crate::base::ids::ClientId;

fn asks(op: u32, amount: i64) -> What {
    What::Invoked(OpId(op), ClientId(0), Operation::Charge { key: 7, amount })
}

fn ok(op: u32, receipt: i64) -> What {
    What::Ended(OpId(op), Ending::Ok(Some(receipt)))
}

fn refused(op: u32) -> What {
    What::Ended(OpId(op), Ending::NotDone)
}

fn silent(op: u32) -> What {
    What::Ended(OpId(op), Ending::Unknown)
}

fn charges(node: u16, amount: i64) -> What {
    fact(node, Fact::Charges { key: 7, amount })
}

#[test]
fn a_key_is_charged_once_over_all_nodes_and_times() {
    legal(ONE_CHARGE, &[charges(P1, 10), fact(P1, Fact::Charges { key: 8, amount: 10 })]);
    let sentence = illegal(ONE_CHARGE, &[charges(P1, 10), charges(P2, 10)]);
    assert_eq!(sentence, "p1 charged 10 under key 7 at 0s, and p2 charged 10 at 1ms");
    illegal(ONE_CHARGE, &[charges(P1, 10), charges(P1, 11)]);
    untested(ONE_CHARGE, &[asks(1, 10), refused(1)]);
}

#[test]
fn a_replayed_charge_is_the_same_charge() {
    let story = |last| [charges(P1, 10), crash(P1), boot(P1), last];
    legal(ONE_CHARGE, &story(again(charges(P1, 10))));
    illegal(ONE_CHARGE, &story(charges(P1, 10)));
}

#[test]
fn who_asks_for_the_same_hears_the_same() {
    let story = |end| [asks(1, 10), asks(2, 10), ok(1, 3), end];
    legal(SAME_ANSWER, &story(ok(2, 3)));
    illegal(SAME_ANSWER, &story(ok(2, 4)));
    let sentence = illegal(SAME_ANSWER, &story(refused(2)));
    assert_eq!(
        sentence,
        "to a charge of 10 under key 7 the answer was ok with 3 for o1, and not done for o2"
    );
    untested(SAME_ANSWER, &story(silent(2)));
    untested(SAME_ANSWER, &[asks(1, 10), asks(2, 11), ok(1, 3), refused(2)]);
}

#[test]
fn of_two_bodies_under_a_key_one_is_done() {
    let story = |end| [asks(1, 10), asks(2, 11), charges(P1, 10), ok(1, 3), end];
    legal(ANOTHER_BODY, &story(refused(2)));
    let sentence = illegal(ANOTHER_BODY, &story(ok(2, 3)));
    assert_eq!(sentence, "10 was done under key 7 at 2ms, and 11 at 4ms");
    illegal(ANOTHER_BODY, &story(charges(P2, 11)));
    untested(ANOTHER_BODY, &[asks(1, 10), asks(2, 10), ok(1, 3), ok(2, 3)]);
}

#[test]
fn what_was_answered_ok_is_charged_in_the_end() {
    legal(ANSWERED_CHARGED, &[asks(1, 10), charges(P1, 10), ok(1, 3)]);
    let sentence = illegal(ANSWERED_CHARGED, &[asks(1, 10), ok(1, 3)]);
    assert_eq!(
        sentence,
        "o1 was told at 1ms that 10 is charged under key 7, and in the end it is not"
    );
    let story = |last| [asks(1, 10), charges(P1, 10), ok(1, 3), crash(P1), boot(P1), last];
    legal(ANSWERED_CHARGED, &story(again(charges(P1, 10))));
    illegal(ANSWERED_CHARGED, &story(HEALED));
    legal(ANSWERED_CHARGED, &[asks(1, 10), charges(P1, 10), ok(1, 3), crash(P1)]);
    untested(ANSWERED_CHARGED, &[asks(1, 10), charges(P1, 10), refused(1)]);
}

#[test]
fn what_was_refused_is_never_charged() {
    legal(REFUSED_UNCHARGED, &[asks(1, 10), asks(2, 11), charges(P1, 10), refused(2)]);
    let sentence = illegal(REFUSED_UNCHARGED, &[asks(1, 10), refused(1), charges(P1, 10)]);
    assert_eq!(
        sentence,
        "o1 was told at 1ms that 10 is not charged under key 7, and p1 charged it at 2ms"
    );
    illegal(REFUSED_UNCHARGED, &[asks(1, 10), charges(P1, 10), refused(1)]);
    untested(REFUSED_UNCHARGED, &[asks(1, 10), charges(P1, 10), ok(1, 3)]);
}

#[test]
fn a_client_that_gives_up_was_not_answered() {
    legal(ANSWERED, &[asks(1, 10), accepted(P1, 1), refused(1)]);
    let sentence = illegal(ANSWERED, &[asks(1, 10), accepted(P1, 1), silent(1)]);
    assert_eq!(sentence, "p1 accepted o1 at 1ms, and its client gave up waiting at 2ms");
    untested(ANSWERED, &[asks(1, 10), silent(1)]);
    untested(ANSWERED, &[asks(1, 10), accepted(P1, 1)]);
}

/// The definitions as they stand in the header, over all answers and charges, and nothing else.
fn broken(story: &[What]) -> Vec<&'static str> {
    let bodies: BTreeMap<OpId, (u32, i64)> = story
        .iter()
        .filter_map(|what| match *what {
            What::Invoked(op, _, Operation::Charge { key, amount }) => Some((op, (key, amount))),
            _ => None,
        })
        .collect();
    let ends: Vec<((u32, i64), Ending)> = story
        .iter()
        .filter_map(|what| match *what {
            What::Ended(op, ending) => Some((bodies[&op], ending)),
            _ => None,
        })
        .collect();
    let charged: Vec<i64> = story
        .iter()
        .filter_map(|what| match *what {
            What::Stated(_, Fact::Charges { amount, .. }) => Some(amount),
            _ => None,
        })
        .collect();
    let is_ok = |ending: Ending| matches!(ending, Ending::Ok(_));
    let is_answer = |ending: Ending| ending != Ending::Unknown;
    let differ = ends.iter().any(|(body, one)| {
        let other = |(of, two): &((u32, i64), Ending)| of == body && two != one && is_answer(*two);
        is_answer(*one) && ends.iter().any(other)
    });
    let ok = ends.iter().filter(|(_, end)| is_ok(*end)).map(|((_, amount), _)| *amount);
    let mut done: Vec<i64> = charged.iter().copied().chain(ok.clone()).collect();
    done.sort_unstable();
    done.dedup();
    let refused = |((_, amount), end): &((u32, i64), Ending)| {
        *end == Ending::NotDone && charged.contains(amount)
    };
    let verdicts = [
        (charged.len() > 1, ONE_CHARGE),
        (differ, SAME_ANSWER),
        (done.len() > 1, ANOTHER_BODY),
        (charged.is_empty() && ok.count() > 0, ANSWERED_CHARGED),
        (ends.iter().any(refused), REFUSED_UNCHARGED),
        (ends.iter().any(|(_, end)| *end == Ending::Unknown), ANSWERED), // All are accepted.
    ];
    verdicts.into_iter().filter(|(broken, _)| *broken).map(|(_, property)| property).collect()
}

/// Two or three requests of two amounts with every ending, around every row of up to two charges.
#[test]
fn every_short_history_is_judged_as_the_definitions_say() {
    let endings: [fn(u32, i64) -> What; 3] = [ok, |op, _| refused(op), |op, _| silent(op)];
    let ends: Vec<[usize; 3]> = (0..27).map(|n| [n % 3, n / 3 % 3, n / 9]).collect();
    let rows: [&[i64]; 6] = [&[], &[10], &[11], &[10, 10], &[10, 11], &[11, 11]];
    let mut judged = 0;
    for (row, ends) in rows.iter().flat_map(|row| ends.iter().map(move |ends| (row, ends))) {
        for (amounts, receipts) in [([10, 10, 11], [1, 1, 1]), ([10, 11, 11], [1, 2, 3])] {
            let ops = || (1..=3_u32).zip(amounts);
            let asked = ops().flat_map(|(op, amount)| [asks(op, amount), accepted(P2, op.into())]);
            let charged = row.iter().map(|&amount| charges(P1, amount));
            let ended = (1..=3_u32)
                .zip(ends)
                .zip(receipts)
                .map(|((op, end), receipt)| endings[*end](op, receipt));
            let story: Vec<What> = asked.chain(charged).chain(ended).collect();
            let judgements = Case::of("Idempotency").judgements(&tell(&story));
            assert_eq!(super::super::knowledge::violated(&judgements), broken(&story), "{story:?}");
            judged += 1;
        }
    }
    assert_eq!(judged, 324);
}
