//! Evidence: how a witness cites events, and how a recheck finds them again.
//!
//! ```text
//!   judge:    Signal ──cite──▶ Citation { event, at, node, says }
//!   recheck:  Citation ──find──▶ position in all signals ──▶ plain questions: known? up? settled?
//! ```
//!
//! One function puts a signal into words, so a citation is found again by its number, time, place
//! and words together; a citation with any of them wrong is refused. The questions scan the list
//! of signals each time and keep nothing: they share no line with the folds of the judges. Parsing
//! the words back was rejected, for then the words could never be improved.
//!
//! Limits: scans cost the length of the run; they are made for a witness, not for every run.

use super::{Citation, Witness};
use crate::{
    base::ids::{NodeId, TxnId},
    engine::{
        facts::{Decision, Fact, SagaEnd, Vote},
        signal::{Signal, What},
    },
};

/// A witness that cites these signals in the order of their times.
pub fn witness(sentence: String, cited: &[Signal]) -> Witness {
    let mut cited = cited.to_vec();
    cited.sort_by_key(|signal| (signal.at, signal.event));
    Witness { sentence, citations: cited.iter().map(cite).collect() }
}

fn cite(signal: &Signal) -> Citation {
    Citation {
        event: signal.event,
        at: signal.at,
        node: place(&signal.what),
        says: says(&signal.what),
    }
}

/// The node that a signal is about.
pub fn place(what: &What) -> Option<NodeId> {
    match *what {
        What::Stated(node, _)
        | What::Replayed(node, _)
        | What::Crashed(node)
        | What::Booted(node) => Some(node),
        What::Invoked(..) | What::Ended(..) | What::Disturbed | What::Healed => None,
    }
}

/// What a signal says, without saying where.
fn says(what: &What) -> String {
    match what {
        What::Stated(_, fact) => fact_says(fact),
        What::Replayed(_, fact) => format!("{} (replayed)", fact_says(fact)),
        What::Crashed(_) => "crashed".to_owned(),
        What::Booted(_) => "booted".to_owned(),
        What::Invoked(op, client, operation) => format!("{client} asked {operation:?} as {op}"),
        What::Ended(op, ending) => format!("{op} ended {ending:?} for its client"),
        What::Disturbed => "a fault had an effect".to_owned(),
        What::Healed => "faults are over".to_owned(),
    }
}

fn fact_says(fact: &Fact) -> String {
    match fact {
        Fact::Voted(txn, Vote::Yes) => format!("voted yes on {txn}"),
        Fact::Voted(txn, Vote::No) => format!("voted no on {txn}"),
        Fact::Decided(txn, decision) => format!("decided {} on {txn}", decision_word(*decision)),
        Fact::Declined(txn) => format!("declined {txn}"),
        Fact::TimedOut(txn) => format!("gave up waiting for {txn}"),
        Fact::RestsOn(txn, nodes) => {
            format!("rested the commit of {txn} on the yes of {} nodes", nodes.len())
        }
        Fact::Remembers(txn) => format!("began to remember {txn}"),
        Fact::Forgot(txn) => format!("forgot {txn}"),
        Fact::Stages { txn, key, before, after } => {
            format!("staged {before} -> {after} of key {key} for {txn}")
        }
        Fact::Accepted(item) => format!("accepted item {item}"),
        Fact::TookEffect(item) => format!("item {item} took effect"),
        Fact::Holds { key, value, beside: 0 } => format!("held {value} in register {key}"),
        Fact::Holds { key, value, .. } => format!("held {value} beside it in register {key}"),
        Fact::Logged { lsn, key, value } => format!("logged {value} for key {key} at {lsn}"),
        Fact::Synced(upto) => format!("had synced all up to {upto}"),
        Fact::Applied(lsn) => format!("applied the change at {lsn}"),
        Fact::Recovered(upto) => format!("recovered all up to {upto}"),
        Fact::Planned { saga, step, .. } => format!("planned step {step} of saga {saga}"),
        Fact::DidStep(saga, step) => format!("did step {step} of saga {saga}"),
        Fact::UndidStep(saga, step) => format!("undid step {step} of saga {saga}"),
        Fact::Tombstoned(saga, step) => format!("barred step {step} of saga {saga}"),
        Fact::Moves { saga, account, by } => {
            format!("changed balance {account} by {by} for saga {saga}")
        }
        Fact::SagaEnded(saga, end) => format!("ended saga {saga}: {}", end_word(*end)),
        Fact::Lacks { key } => format!("held nothing in register {key}"),
        Fact::Commits { number, key, event } => {
            format!("committed event {event} of key {key} as number {number}")
        }
        Fact::Publishes { key, event } => format!("published event {event} of key {key}"),
        Fact::Charges { key, amount } => format!("charged {amount} under key {key}"),
        Fact::Own { kind, key, value } => format!("stated {kind} of {key} with {value}"),
        Fact::Refuses(lsn) => format!("refused to serve: damage at {lsn}"),
    }
}

fn end_word(end: SagaEnd) -> &'static str {
    match end {
        SagaEnd::Done => "done",
        SagaEnd::Compensated => "compensated",
        SagaEnd::Partial => "as far as its plan keeps",
        SagaEnd::Parked => "parked",
    }
}

/// The word for a decision.
pub fn decision_word(decision: Decision) -> &'static str {
    match decision {
        Decision::Commit => "commit",
        Decision::Abort => "abort",
    }
}

/// A signal and its position among all signals of the run.
pub type Found = (usize, Signal);

/// Finds the cited signals, in the order of the citations; each stands for one citation only.
///
/// # Errors
/// When the witness cites nothing, or something that no signal says.
pub fn find(witness: &Witness, signals: &[Signal]) -> Result<Vec<Found>, String> {
    ensure(!witness.citations.is_empty(), "the witness cites nothing")?;
    let mut found: Vec<Found> = Vec::new();
    for citation in &witness.citations {
        let fits = |&(position, signal): &(usize, &Signal)| {
            signal.event == citation.event
                && found.iter().all(|&(taken, _)| taken != position)
                && cite(signal) == *citation
        };
        let Some((position, &signal)) = signals.iter().enumerate().find(fits) else {
            let Citation { event, at, says, .. } = citation;
            return Err(format!("no signal says \"{says}\" in event {event} at {at}"));
        };
        found.push((position, signal));
    }
    Ok(found)
}

/// `Err(otherwise)` unless it is true.
///
/// # Errors
/// `otherwise`, when it is false.
pub fn ensure(is_true: bool, otherwise: &str) -> Result<(), String> {
    if is_true { Ok(()) } else { Err(otherwise.to_owned()) }
}

/// What a recheck says of a property that is none of the checker's.
///
/// # Errors
/// Always: that is what it is for.
pub fn no_such_property(property: &str) -> Result<(), String> {
    Err(format!("this check does not judge {property}"))
}

/// All facts ever stated, with position and node.
pub fn stated(signals: &[Signal]) -> impl Iterator<Item = (usize, NodeId, Fact)> {
    signals.iter().enumerate().filter_map(|(position, signal)| match signal.what {
        What::Stated(node, fact) => Some((position, node, fact)),
        _ => None,
    })
}

/// Was this fact ever stated, by anyone?
pub fn was_stated(signals: &[Signal], wanted: Fact) -> bool {
    stated(signals).any(|(_, _, fact)| fact == wanted)
}

/// What a node knows at the end: all that it stated or replayed since its last boot.
pub fn known(signals: &[Signal], node: NodeId) -> impl Iterator<Item = (usize, Fact)> {
    let booted = signals.iter().rposition(|signal| signal.what == What::Booted(node));
    signals.iter().enumerate().skip(booted.unwrap_or(0)).filter_map(move |(position, signal)| {
        match signal.what {
            What::Stated(at, fact) | What::Replayed(at, fact) if at == node => {
                Some((position, fact))
            }
            _ => None,
        }
    })
}

/// The last decision on a transaction that a node knows at the end.
pub fn known_decision(signals: &[Signal], node: NodeId, txn: TxnId) -> Option<Decision> {
    let decisions = known(signals, node).filter_map(|(_, fact)| match fact {
        Fact::Decided(of, decision) if of == txn => Some(decision),
        _ => None,
    });
    decisions.last()
}

/// All nodes that the signals speak of.
pub fn nodes(signals: &[Signal]) -> Vec<NodeId> {
    let mut nodes: Vec<_> = signals.iter().filter_map(|signal| place(&signal.what)).collect();
    nodes.sort_unstable();
    nodes.dedup();
    nodes
}

/// Is a node up at the end?
pub fn is_up(signals: &[Signal], node: NodeId) -> bool {
    let turns = [What::Crashed(node), What::Booted(node)];
    let last = signals.iter().rev().find(|signal| turns.contains(&signal.what));
    last.is_none_or(|signal| signal.what == What::Booted(node))
}

/// Did no fault have an effect?
pub fn undisturbed(signals: &[Signal]) -> bool {
    !signals.iter().any(|signal| matches!(signal.what, What::Disturbed | What::Crashed(_)))
}

/// Were there no faults, or are they over?
pub fn settled(signals: &[Signal]) -> bool {
    undisturbed(signals) || signals.iter().any(|signal| signal.what == What::Healed)
}

#[cfg(test)]
mod tests {
    use super::super::litmus::{C, again, commit, fact, tell};
    use super::*;

    #[test]
    fn a_signal_stands_for_one_citation_only() {
        let signals = tell(&[commit(C, 1), again(commit(C, 1))]);
        let cites = |cited: &[Signal]| find(&witness(String::new(), cited), &signals);
        assert_eq!(cites(&signals), Ok(vec![(0, signals[0]), (1, signals[1])]));
        assert!(cites(&[signals[0]; 2]).is_err());
        assert_eq!(cites(&[]), Err("the witness cites nothing".to_owned()));
    }

    #[test]
    fn every_end_of_a_saga_has_words_of_its_own() {
        let says = [
            (SagaEnd::Done, "done"),
            (SagaEnd::Compensated, "compensated"),
            (SagaEnd::Partial, "as far as its plan keeps"),
            (SagaEnd::Parked, "parked"),
        ];
        for (end, word) in says {
            let signals = tell(&[fact(C, Fact::SagaEnded(4, end))]);
            let witness = witness(String::new(), &signals);
            assert_eq!(witness.citations[0].says, format!("ended saga 4: {word}"));
        }
    }
}
