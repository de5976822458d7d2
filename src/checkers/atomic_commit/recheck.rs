//! The recheck of atomic commit: do the cited events contradict the property, by its definition?
//!
//! ```text
//!   agreement, stability   two opposite decisions on one transaction, by two nodes, by one
//!   validity               a commit and a vote that is missing before it, or a no
//!   nontriviality          an abort, and nothing in all signals that excuses it
//!   termination            a yes that its node still knows, and no decision
//! ```
//!
//! It stands apart from the judge and shares no state with it, so that one mistake does not hide in
//! both. Judging again and comparing was rejected: that proves only that the judge is repeatable.
//!
//! Limits: it tells whether a witness is true, not whether it is the first one.

use super::super::evidence::{self, Found, ensure, stated, was_stated};
use crate::{
    base::ids::NodeId,
    engine::{
        facts::{Decision, Fact, Vote},
        signal::{Signal, What},
    },
};

/// Two opposite decisions on one transaction, by such a pair of nodes.
pub(super) fn opposed(cited: &[Found], is_pair: fn(NodeId, NodeId) -> bool) -> Result<(), String> {
    let [(_, one), (_, other)] = cited else { return Err("two decisions are needed".to_owned()) };
    let (
        What::Stated(one_node, Fact::Decided(one_txn, one)),
        What::Stated(other_node, Fact::Decided(other_txn, other)),
    ) = (one.what, other.what)
    else {
        return Err("a cited event is not a decision".to_owned());
    };
    ensure(one_txn == other_txn, "the decisions are on different transactions")?;
    ensure(one != other, "the decisions do not differ")?;
    ensure(is_pair(one_node, other_node), "the decisions are of the wrong nodes")
}

/// A commit without a yes before it, or with a no.
pub(super) fn unfounded(cited: &[Found], signals: &[Signal]) -> Result<(), String> {
    let facts: Vec<_> = cited.iter().map(|(position, signal)| (*position, signal.what)).collect();
    match facts[..] {
        [(position, What::Stated(_, Fact::RestsOn(txn, nodes)))] => {
            let yes = |voter| {
                let mut votes = stated(&signals[..position]);
                votes.any(|(_, node, fact)| node == voter && fact == Fact::Voted(txn, Vote::Yes))
            };
            ensure(!nodes.iter().all(yes), "everyone had voted yes")
        }
        [(_, What::Stated(_, one)), (_, What::Stated(_, other))] => {
            let (Fact::Voted(txn, _) | Fact::Decided(txn, _)) = one else {
                return Err("neither a vote nor a decision".to_owned());
            };
            let pair = [Fact::Voted(txn, Vote::No), Fact::Decided(txn, Decision::Commit)];
            ensure(pair == [one, other] || pair == [other, one], "not a no and a commit of one")
        }
        _ => Err("neither a commit alone nor a no and a commit".to_owned()),
    }
}

/// An abort that nothing excuses.
pub(super) fn aborted_for_nothing(cited: &[Found], signals: &[Signal]) -> Result<(), String> {
    let [(_, Signal { what: What::Stated(_, Fact::Decided(txn, Decision::Abort)), .. })] = cited
    else {
        return Err("the cited event is not an abort".to_owned());
    };
    ensure(evidence::undisturbed(signals), "a fault had an effect")?;
    ensure(!was_stated(signals, Fact::Voted(*txn, Vote::No)), "somebody voted no")?;
    ensure(!was_stated(signals, Fact::Declined(*txn)), "somebody declined")?;
    ensure(!was_stated(signals, Fact::TimedOut(*txn)), "there was a time-out")
}

/// A yes that its node, now up, still knows, and no decision.
pub(super) fn still_in_doubt(cited: &[Found], signals: &[Signal]) -> Result<(), String> {
    let [(position, Signal { what, .. })] = cited else {
        return Err("one vote is needed".to_owned());
    };
    let (What::Stated(node, Fact::Voted(txn, Vote::Yes))
    | What::Replayed(node, Fact::Voted(txn, Vote::Yes))) = *what
    else {
        return Err("the cited event is not a yes".to_owned());
    };
    ensure(evidence::settled(signals), "faults were never over")?;
    ensure(evidence::is_up(signals, node), "the node is down")?;
    let mut known = evidence::known(signals, node);
    ensure(known.any(|(at, _)| at == *position), "the vote did not survive")?;
    let decision = evidence::known_decision(signals, node, txn);
    ensure(decision.is_none(), "the node has decided")
}
