//! Litmus: histories told by hand, as short as a history can be, and what checkers say of them.
//!
//! ```text
//!   [yes(P1, 1), rests(C, 1, &[P1]), commit(C, 1)] ──▶ legal(…) · illegal(…) · untested(…)
//!                                       illegal also: the witness passes its recheck,
//!                                                     a spoilt one does not
//! ```
//!
//! Every clause of every property has a legal and an illegal history that differ in one event; they
//! stand in the files of the checkers. Here are the words to tell them, and what must hold for all
//! checkers alike: new names change no verdict, a reset checker is as good as new, and whatever is
//! found in random histories passes its recheck.

use super::*;
use crate::base::text::{decode::decode_named, source::Tree};
use crate::{
    base::ids::{ClientId, NodeSet, OpId, TxnId},
    engine::{
        facts::{Decision, Fact, SagaEnd, Vote},
        operations::{Ending, Operation},
        runner::Outcome,
        signal::What,
    },
};
use proptest::prelude::*;

mod chance;
mod variations;
mod worlds;

pub(super) const C: u16 = 0;
pub(super) const P1: u16 = 1;
pub(super) const P2: u16 = 2;
pub(super) const DISTURBED: What = What::Disturbed;
pub(super) const HEALED: What = What::Healed;

pub(super) fn fact(node: u16, fact: Fact) -> What {
    What::Stated(NodeId(node), fact)
}
pub(super) fn yes(node: u16, txn: u32) -> What {
    fact(node, Fact::Voted(TxnId(txn), Vote::Yes))
}
pub(super) fn no(node: u16, txn: u32) -> What {
    fact(node, Fact::Voted(TxnId(txn), Vote::No))
}
pub(super) fn commit(node: u16, txn: u32) -> What {
    fact(node, Fact::Decided(TxnId(txn), Decision::Commit))
}
pub(super) fn abort(node: u16, txn: u32) -> What {
    fact(node, Fact::Decided(TxnId(txn), Decision::Abort))
}
pub(super) fn timed_out(node: u16, txn: u32) -> What {
    fact(node, Fact::TimedOut(TxnId(txn)))
}
pub(super) fn rests(node: u16, txn: u32, on: &[u16]) -> What {
    fact(node, Fact::RestsOn(TxnId(txn), on.iter().map(|&node| NodeId(node)).collect()))
}
pub(super) fn remembers(node: u16, txn: u32) -> What {
    fact(node, Fact::Remembers(TxnId(txn)))
}
pub(super) fn forgot(node: u16, txn: u32) -> What {
    fact(node, Fact::Forgot(TxnId(txn)))
}
pub(super) fn stages(node: u16, txn: u32, key: u32, (before, after): (i64, i64)) -> What {
    fact(node, Fact::Stages { txn: TxnId(txn), key, before, after })
}
pub(super) fn accepted(node: u16, item: u64) -> What {
    fact(node, Fact::Accepted(item))
}
pub(super) fn effect(node: u16, item: u64) -> What {
    fact(node, Fact::TookEffect(item))
}
pub(super) fn crash(node: u16) -> What {
    What::Crashed(NodeId(node))
}
pub(super) fn boot(node: u16) -> What {
    What::Booted(NodeId(node))
}
pub(super) fn asked(txn: u32) -> What {
    What::Invoked(OpId(txn), ClientId(0), Operation::Audit)
}
pub(super) fn told_ok(txn: u32) -> What {
    What::Ended(OpId(txn), Ending::Ok(None))
}
/// Calls on one register, by several clients.
pub(super) mod registers {
    use super::*;

    pub(in crate::checkers) fn asked(op: u32, client: u16, operation: Operation) -> What {
        What::Invoked(OpId(op), ClientId(client), operation)
    }

    pub(in crate::checkers) fn told(op: u32, answer: Option<i64>) -> What {
        What::Ended(OpId(op), Ending::Ok(answer))
    }

    pub(in crate::checkers) fn write(op: u32, client: u16, value: i64) -> [What; 2] {
        [asked(op, client, Operation::Write { key: 7, value }), told(op, None)]
    }

    pub(in crate::checkers) fn read(op: u32, client: u16, seen: i64) -> [What; 2] {
        [asked(op, client, Operation::Read { key: 7 }), told(op, Some(seen))]
    }
}

/// Facts about a log of bytes; all is about register 5.
pub(super) mod log {
    use super::*;

    pub(in crate::checkers) fn write(op: u32, value: i64) -> What {
        What::Invoked(OpId(op), ClientId(0), Operation::Write { key: 5, value })
    }
    pub(in crate::checkers) fn logged(node: u16, lsn: u64, value: i64) -> What {
        fact(node, Fact::Logged { lsn, key: 5, value })
    }
    pub(in crate::checkers) fn holds(node: u16, value: i64) -> What {
        fact(node, Fact::Holds { key: 5, value, beside: 0 })
    }
    pub(in crate::checkers) fn synced(node: u16, upto: u64) -> What {
        fact(node, Fact::Synced(upto))
    }
    pub(in crate::checkers) fn applied(node: u16, lsn: u64) -> What {
        fact(node, Fact::Applied(lsn))
    }
    pub(in crate::checkers) fn recovered(node: u16, upto: u64) -> What {
        fact(node, Fact::Recovered(upto))
    }
    pub(in crate::checkers) fn refuses(node: u16, lsn: u64) -> What {
        fact(node, Fact::Refuses(lsn))
    }
}

/// The same fact, replayed.
pub(super) fn again(what: What) -> What {
    match what {
        What::Stated(node, fact) => What::Replayed(node, fact),
        other => other,
    }
}

/// One event per signal, one millisecond apart.
pub(super) fn tell(story: &[What]) -> Vec<Signal> {
    let timed: Vec<_> = story.iter().enumerate().map(|(at, &what)| (at as u64, what)).collect();
    tell_at(&timed)
}

/// One event per signal, at these milliseconds.
pub(super) fn tell_at(story: &[(u64, What)]) -> Vec<Signal> {
    let numbered = (1..).zip(story);
    let signal =
        |(event, &(at, what))| Signal { at: Time::from_millis(at), event: EventId(event), what };
    numbered.map(signal).collect()
}

/// A check, what it is told besides signals, and the signals.
pub(super) struct Case<'a> {
    pub(super) check: &'a str,
    pub(super) settings: &'a str,
    pub(super) end: Time,
    pub(super) outcome: Outcome,
    pub(super) waiting: Vec<(NodeId, String)>,
}

impl<'a> Case<'a> {
    pub(super) fn of(check: &'a str) -> Self {
        Self {
            check,
            settings: "()",
            end: Time::from_secs(1),
            outcome: Outcome::Finished,
            waiting: Vec::new(),
        }
    }

    fn build(&self) -> Box<dyn Checker> {
        let catalog = Arc::new(Catalog::named(&["c", "p1", "p2", "p3"]));
        let entry = all().into_iter().find(|entry| entry.name == self.check);
        let text = format!("{}{}", self.check, self.settings);
        let node = Tree::parse(&text).expect("a check as a scenario writes it").root;
        let named = decode_named(&text, &node).expect("a check has a name");
        (entry.expect("a registered check").build)(&text, &named, &catalog).expect("settings")
    }

    fn judge(&self, checker: &mut dyn Checker, signals: &[Signal]) -> Vec<Judgement> {
        for signal in signals {
            checker.on_signal(signal);
        }
        let end = RunEnd {
            outcome: self.outcome,
            quiet_at: signals.last().map_or(Time::ZERO, |last| last.at),
            progress_at: Time::ZERO,
            end: self.end,
            healed: false,
        };
        checker.finish(&Finish { end: &end, waiting: &self.waiting, history: &[] })
    }

    /// All judgements; a violation must pass its recheck, and no spoilt one may.
    pub(super) fn judgements(&self, signals: &[Signal]) -> Vec<Judgement> {
        let mut checker = self.build();
        let judgements = self.judge(checker.as_mut(), signals);
        for Judgement { property, verdict, .. } in &judgements {
            if let Verdict::Violated(witness) = verdict {
                let recheck = |witness: &Witness| checker.recheck(property, witness, signals);
                assert_eq!(recheck(witness), Ok(()), "{property}: {witness:?} in {signals:#?}");
                for spoilt in spoilt(witness) {
                    assert!(recheck(&spoilt).is_err(), "{property} accepted {spoilt:?}");
                }
                assert!(checker.recheck("no_such_property", witness, signals).is_err());
            }
        }
        checker.reset();
        assert_eq!(self.judge(checker.as_mut(), signals), judgements, "after a reset");
        judgements
    }

    /// No recheck accepts a witness that cites these signals, by their places.
    #[track_caller]
    pub(super) fn refuses(&self, property: &str, signals: &[Signal], places: &[usize]) {
        let mut checker = self.build();
        self.judge(checker.as_mut(), signals);
        let cited: Vec<Signal> = places.iter().map(|&place| signals[place]).collect();
        let witness = evidence::witness(String::new(), &cited);
        let answer = checker.recheck(property, &witness, signals);
        assert!(answer.is_err(), "{property} accepted {witness:?} of {signals:#?}");
    }

    pub(super) fn judgement(&self, property: &str, signals: &[Signal]) -> Judgement {
        let judgements = self.judgements(signals);
        let of_property = judgements.into_iter().find(|judged| judged.property == property);
        of_property.expect("a property of the check")
    }

    #[track_caller]
    pub(super) fn gives(&self, property: &str, signals: &[Signal], word: &str) -> Judgement {
        let judgement = self.judgement(property, signals);
        assert_eq!(judgement.verdict.word(), word, "{judgement:?} of {signals:#?}");
        variations::agree(self, signals);
        judgement
    }
}

/// The witness with one thing wrong: an event's number, its node, its time, its words, its all.
fn spoilt(witness: &Witness) -> Vec<Witness> {
    let mut spoilt = vec![Witness { citations: Vec::new(), ..witness.clone() }];
    for place in 0..witness.citations.len() {
        let mut with = |change: fn(&mut Citation)| {
            let mut copy = witness.clone();
            change(&mut copy.citations[place]);
            spoilt.push(copy);
        };
        with(|citation| citation.event.0 += 1_000);
        with(|citation| citation.node = Some(NodeId(60)));
        with(|citation| citation.at = Time::MAX);
        with(|citation| citation.says.push('7'));
    }
    spoilt
}

#[track_caller]
pub(super) fn legal(property: &str, story: &[What]) {
    Case::of(owner(property)).gives(property, &tell(story), "holds");
}

/// The sentence of the witness.
#[track_caller]
pub(super) fn illegal(property: &str, story: &[What]) -> String {
    sentence(Case::of(owner(property)).gives(property, &tell(story), "violated"))
}

#[track_caller]
pub(super) fn untested(property: &str, story: &[What]) {
    Case::of(owner(property)).gives(property, &tell(story), "not_exercised");
}

pub(super) fn sentence(judgement: Judgement) -> String {
    match judgement.verdict {
        Verdict::Violated(witness) => witness.sentence,
        other => panic!("not violated: {other:?}"),
    }
}

fn owner(property: &str) -> &'static str {
    let has = |entry: &CheckEntry| entry.properties.iter().any(|info| info.name == property);
    all().iter().find(|entry| has(entry)).expect("a registered property").name
}

#[test]
fn every_check_judges_its_properties_in_order_and_an_empty_run_tests_none() {
    for entry in all() {
        let judgements = Case::of(entry.name).judgements(&[]);
        let names: Vec<_> = judgements.iter().map(|judged| judged.property).collect();
        let listed: Vec<_> = entry.properties.iter().map(|info| info.name).collect();
        assert_eq!(names, listed);
        assert!(judgements.iter().all(|judged| judged.verdict == Verdict::NotExercised));
    }
}

#[test]
fn what_can_be_explored_is_judged_and_nothing_is_broken_before_anything_happens() {
    for entry in all() {
        let mut checker = Case::of(entry.name).build();
        let judged = |name: &str| entry.properties.iter().any(|info| info.name == name);
        assert!(checker.explorable().iter().all(|name| judged(name)), "{}", entry.name);
        let is_forked = checker.fork().is_some();
        assert_eq!(is_forked, !checker.explorable().is_empty(), "{}", entry.name);
        assert_eq!(checker.broken(), Vec::<&str>::new(), "{}", entry.name);
    }
}

#[test]
fn a_setting_that_no_check_knows_is_refused() {
    let catalog = Arc::new(Catalog::named(&["c"]));
    for entry in all() {
        let text = format!("{}(colour: 7)", entry.name);
        let node = Tree::parse(&text).expect("a check as a scenario writes it").root;
        let named = decode_named(&text, &node).expect("a check has a name");
        assert!((entry.build)(&text, &named, &catalog).is_err(), "{}", entry.name);
    }
}

/// Facts of three nodes, three transactions; a key lives on one node.
fn any_signal() -> impl Strategy<Value = What> {
    let place = || (0..3_u16, 0..3_u32);
    prop_oneof![
        6 => place().prop_map(|(node, txn)| yes(node, txn)),
        1 => place().prop_map(|(node, txn)| no(node, txn)),
        5 => place().prop_map(|(node, txn)| commit(node, txn)),
        2 => place().prop_map(|(node, txn)| abort(node, txn)),
        1 => place().prop_map(|(node, txn)| timed_out(node, txn)),
        3 => (place(), 1..8_u16).prop_map(|((node, txn), on)| {
            let on: Vec<u16> = (0..3).filter(|bit| on >> bit & 1 == 1).collect();
            rests(node, txn, &on)
        }),
        2 => place().prop_map(|(node, txn)| remembers(node, txn)),
        2 => place().prop_map(|(node, txn)| forgot(node, txn)),
        6 => (place(), 0..2_u32, 0..3_i64, 0..3_i64).prop_map(|((node, txn), key, before, after)| {
            stages(node, txn, u32::from(node) * 2 + key, (before, after))
        }),
        2 => place().prop_map(|(node, item)| accepted(node, u64::from(item))),
        2 => place().prop_map(|(node, item)| effect(node, u64::from(item))),
        1 => (0..3_u16).prop_map(crash),
        2 => (0..3_u32).prop_map(told_ok),
        1 => Just(DISTURBED),
        1 => Just(HEALED),
        12 => any_signal_of_a_log(),
        4 => (place(), 1..4_u64).prop_map(|((node, event), number)| {
            fact(node, Fact::Commits { number, key: event % 2, event: event.into() })
        }),
        2 => place().prop_map(|(node, event)| {
            fact(node, Fact::Publishes { key: event % 2, event: event.into() })
        }),
    ]
}

/// Facts of a log of two registers with three values, and of those who read and write them.
fn any_signal_of_a_log() -> impl Strategy<Value = What> {
    let place = || (0..3_u16, 0..4_u64);
    let name = || (0..2_u32, 0..3_i64);
    prop_oneof![
        6 => (place(), name()).prop_map(|((node, lsn), (key, value))| {
            fact(node, Fact::Logged { lsn, key, value })
        }),
        2 => place().prop_map(|(node, lsn)| log::synced(node, lsn)),
        3 => place().prop_map(|(node, lsn)| log::applied(node, lsn)),
        4 => place().prop_map(|(node, lsn)| log::recovered(node, lsn)),
        1 => place().prop_map(|(node, lsn)| log::refuses(node, lsn + 1)),
        3 => (0..3_u16, name()).prop_map(|(node, (key, value))| {
            fact(node, Fact::Holds { key, value, beside: 0 })
        }),
        // Values that clients write are unique.
        3 => (0..2_u32, 0..2_u32).prop_map(|(op, key)| {
            registers::asked(op, 0, Operation::Write { key, value: i64::from(op) + 1 })
        }),
        1 => (0..2_u32).prop_map(|key| registers::asked(2, 1, Operation::Read { key })),
        2 => (0..3_i64).prop_map(|value| registers::told(2, Some(value))),
    ]
}

/// A history that a world could tell: who crashed is silent until it boots and replays part of
/// what it stated, in order.
fn any_history(length: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Signal>> {
    prop::collection::vec((any_signal(), any::<u64>()), length).prop_map(|script| {
        let mut story = Vec::new();
        let mut logs: [Vec<What>; 3] = Default::default();
        let (mut asked, mut ended) = (Vec::new(), Vec::new());
        let mut commits = 0;
        for (at, (what, luck)) in (0..).map(|step| step * 100).zip(script) {
            match what {
                What::Crashed(node) => {
                    let log = &mut logs[usize::from(node.0)];
                    story.extend([(at, what), (at + 50, What::Booted(node))]);
                    log.truncate(luck as usize % (log.len() + 1));
                    story.extend(log.iter().map(|&fact| (at + 50, again(fact))));
                }
                // One node commits, with numbers that rise, and says what that makes of the key.
                What::Stated(_, Fact::Commits { key, event, .. }) => {
                    commits += 1;
                    let value = (luck % 3) as i64;
                    let commit = fact(C, Fact::Commits { number: commits, key, event });
                    let both = [commit, fact(C, Fact::Holds { key, value, beside: 0 })];
                    logs[usize::from(C)].extend(both);
                    story.extend(both.map(|what| (at, what)));
                }
                What::Stated(NodeId(C), Fact::Holds { .. }) if commits > 0 => {}
                What::Stated(node, _) => {
                    logs[usize::from(node.0)].push(what);
                    story.push((at, what));
                }
                // Each has a number of its own, ends once, and is not asked for after its end.
                What::Invoked(op, ..) if asked.contains(&op) || ended.contains(&op) => {}
                What::Ended(op, _) if ended.contains(&op) => {}
                What::Invoked(op, ..) => {
                    asked.push(op);
                    story.push((at, what));
                }
                What::Ended(op, _) => {
                    ended.push(op);
                    story.push((at, what));
                }
                other => story.push((at, other)),
            }
        }
        tell_at(&story)
    })
}

/// All nodes and transactions by other names.
fn renamed(signals: &[Signal]) -> Vec<Signal> {
    let node = |node: NodeId| NodeId((node.0 + 2) % 3);
    let txn = |txn: TxnId| TxnId(17 - txn.0);
    let fact = |fact| match fact {
        Fact::Voted(of, vote) => Fact::Voted(txn(of), vote),
        Fact::Decided(of, decision) => Fact::Decided(txn(of), decision),
        Fact::Declined(of) => Fact::Declined(txn(of)),
        Fact::TimedOut(of) => Fact::TimedOut(txn(of)),
        Fact::RestsOn(of, on) => Fact::RestsOn(txn(of), on.iter().map(node).collect::<NodeSet>()),
        Fact::Remembers(of) => Fact::Remembers(txn(of)),
        Fact::Forgot(of) => Fact::Forgot(txn(of)),
        Fact::Stages { txn: of, key, before, after } => {
            Fact::Stages { txn: txn(of), key, before, after }
        }
        // No other word names a transaction or a node.
        other => other,
    };
    let what = |what| match what {
        What::Stated(at, said) => What::Stated(node(at), fact(said)),
        What::Replayed(at, said) => What::Replayed(node(at), fact(said)),
        What::Crashed(at) => What::Crashed(node(at)),
        What::Booted(at) => What::Booted(node(at)),
        What::Ended(op, ending) => What::Ended(OpId(17 - op.0), ending),
        What::Invoked(op, client, asked) => What::Invoked(OpId(17 - op.0), client, asked),
        other @ (What::Disturbed | What::Healed) => other,
    };
    signals.iter().map(|signal| Signal { what: what(signal.what), ..*signal }).collect()
}

proptest! {
    #[test]
    fn other_names_change_no_verdict_and_every_witness_passes_its_recheck(
        signals in any_history(0..40),
    ) {
        for entry in all() {
            let case = Case { end: Time::from_secs(5), ..Case::of(entry.name) };
            let [before, after] = [signals.clone(), renamed(&signals)].map(|signals| {
                let judged = case.judgements(&signals).into_iter();
                let words = judged.map(|judged| (judged.verdict.word(), judged.exercised));
                words.collect::<Vec<_>>()
            });
            prop_assert_eq!(before, after, "{}", entry.name);
        }
    }
}
