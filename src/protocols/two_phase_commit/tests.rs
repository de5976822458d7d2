//! Handlers of two-phase commit, one at a time: a state and an event in, a list of effects out.
//!
//! ```text
//!   Bench: apply(records) ──▶ one event ──▶ [Force, Send, …]      what a crash may leave out
//! ```
//!
//! Whole runs are judged elsewhere; here is what no run shows, the order of effects in a handler.

use super::*;
use crate::engine::bench::{Bench, Listed, Told};

type Effect = Told<TwoPhaseCommit>;

const T1: TxnId = TxnId(1);
const TRANSFER: Operation = Operation::Transfer { from: 0, to: 1, amount: 5 };

fn bench() -> Bench<TwoPhaseCommit> {
    Bench::new(Config::default())
}

fn proposal(presume: Presume) -> Proposal {
    let cohort = NodeSet::of(NodeId(1)).with(NodeId(2));
    Proposal { txn: T1, operation: TRANSFER, presume, cohort }
}

/// The promise of p1, which keeps account 0.
fn promise(presume: Presume) -> Promise {
    let change = Change { account: 0, before: 100, after: 95 };
    let Proposal { txn, cohort, .. } = proposal(presume);
    Promise { txn, presume, cohort, writes: [Some(change), None] }
}

/// What a crash can come between: records, messages and answers, without timers and marks.
fn visible(effects: Vec<Effect>) -> Vec<Effect> {
    let hidden = |effect: &Effect| {
        matches!(effect, Listed::Mark(_) | Listed::SetTimer(..) | Listed::CancelTimer(_))
    };
    effects.into_iter().filter(|effect| !hidden(effect)).collect()
}

fn to(node: &str, message: Message) -> Effect {
    Listed::Send(node.to_owned(), message)
}

#[test]
fn a_promise_is_forced_before_the_yes_leaves() {
    let effects = bench().message("p1", "c", Message::Prepare(proposal(Presume::Abort)));
    let forced = Listed::Force("ForcePromise", Record::Prepared(promise(Presume::Abort)));
    assert_eq!(visible(effects), [forced, to("c", Message::Yes(T1))]);
}

#[test]
fn a_decision_is_forced_before_anyone_hears_of_it() {
    let mut bench = bench();
    bench.request("c", OpId(1), TRANSFER);
    assert_eq!(visible(bench.message("c", "p1", Message::Yes(T1))), []);
    let effects = visible(bench.message("c", "p2", Message::Yes(T1)));
    assert!(matches!(effects[0], Listed::Force("ForceDecision", Record::Decided(_))));
    let decide = Message::Decide(T1, Decision::Commit, Presume::Abort);
    let told = [Listed::Reply(OpId(1), Answer::Done), to("p1", decide.clone()), to("p2", decide)];
    assert_eq!(effects[1..], told);
}

#[test]
fn presumed_commit_logs_whom_it_asks_before_it_asks() {
    let mut bench =
        Bench::<TwoPhaseCommit>::new(Config { presume: Presumption::Commit, ..Config::default() });
    let effects = visible(bench.request("c", OpId(1), TRANSFER));
    assert!(matches!(effects[0], Listed::Force("ForceCollecting", Record::Collecting(..))));
    assert_eq!(effects.len(), 3, "{effects:?}");
}

#[test]
fn the_outcome_is_forced_before_the_acknowledgement() {
    let mut bench = bench();
    bench.apply("p1", [Record::Prepared(promise(Presume::Abort))]);
    let decide = Message::Decide(T1, Decision::Commit, Presume::Abort);
    let forced = Listed::Force("ForceOutcome", Record::Outcome(T1, Decision::Commit));
    let effects = visible(bench.message("p1", "c", decide));
    assert_eq!(effects, [forced, to("c", Message::Ack(T1))]);
    assert_eq!(bench.state("p1").balances.get(&0), Some(&95));
}

#[test]
fn an_abort_that_is_presumed_costs_no_force_and_no_acknowledgement() {
    let mut bench = bench();
    bench.apply("p1", [Record::Prepared(promise(Presume::Abort))]);
    let decide = Message::Decide(T1, Decision::Abort, Presume::Abort);
    let written = Listed::Write(Record::Outcome(T1, Decision::Abort));
    assert_eq!(visible(bench.message("p1", "c", decide)), [written]);
}

#[test]
fn a_coordinator_answers_what_is_presumed_of_what_it_has_forgotten() {
    for (presume, decision) in [
        (Presume::Nothing, Decision::Abort),
        (Presume::Abort, Decision::Abort),
        (Presume::Commit, Decision::Commit),
    ] {
        let effects = bench().message("c", "p1", Message::Inquire(T1, presume));
        assert_eq!(effects, [to("p1", Message::Decide(T1, decision, presume))]);
    }
}

#[test]
fn a_coordinator_that_still_collects_votes_does_not_answer() {
    let mut bench = bench();
    bench.request("c", OpId(1), TRANSFER);
    let inquire = Message::Inquire(T1, Presume::Abort);
    assert_eq!(visible(bench.message("c", "p1", inquire.clone())), []);
    bench.ablate(Step::WaitToAnswer);
    assert_eq!(visible(bench.message("c", "p1", inquire)).len(), 1);
}

#[test]
fn a_participant_that_boots_in_doubt_takes_its_locks_and_asks() {
    let mut bench = bench();
    bench.apply("p1", [Record::Prepared(promise(Presume::Abort))]);
    let effects = visible(bench.boot("p1"));
    assert_eq!(effects, [to("c", Message::Inquire(T1, Presume::Abort))]);
    assert_eq!(bench.state("p1").locks.get(&0), Some(&T1));
}

#[test]
fn a_late_prepare_meets_the_refusal_that_was_given_before() {
    let mut bench = bench();
    bench.apply("p1", [Record::Declined(T1)]);
    let effects = bench.message("p1", "c", Message::Prepare(proposal(Presume::Abort)));
    assert_eq!(effects, [to("c", Message::No(T1))]);
}

#[test]
fn who_has_not_voted_aborts_durably_before_it_tells_the_cohort() {
    let effects = visible(bench().message("p1", "p2", Message::AskCohort(T1, Presume::Abort)));
    let forced = Listed::Force("ForceOutcome", Record::Refused(T1));
    let decide = Message::Decide(T1, Decision::Abort, Presume::Abort);
    assert_eq!(effects, [forced, to("p2", decide)]);
}
