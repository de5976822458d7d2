//! The witnesses of recovery, checked against the signals alone.
//!
//! ```text
//!   witness ──citations found again──▶ the lineage told anew ──▶ is the clause broken just there?
//! ```
//!
//! The lineage is told again from the beginning for each question, and contents of a recovery are
//! read off the signals directly behind it: nothing is shared with the folds of the judges.

use super::super::{
    Witness,
    evidence::{self, Found, ensure, find, place, stated},
    lineage::Name,
};
use super::{ACKNOWLEDGED, IDEMPOTENT, PREFIX, READ, REFUSAL};
use crate::{
    base::ids::{NodeId, OpId},
    engine::{
        facts::Fact,
        operations::{Ending, Operation},
        signal::{Signal, What},
    },
};

pub(super) fn recheck(property: &str, witness: &Witness, signals: &[Signal]) -> Result<(), String> {
    let cited = find(witness, signals)?;
    match property {
        PREFIX => no_prefix(&cited, signals),
        ACKNOWLEDGED => is_lost(&cited, signals, |op| told(signals, op)),
        READ => is_lost(&cited, signals, |op| was_read(signals, op)),
        IDEMPOTENT => comes_to_something_else(&cited, signals),
        REFUSAL => refuses_wrongly(&cited, signals),
        _ => evidence::no_such_property(property),
    }
}

/// The lineage after these signals, and who serves it.
pub(in crate::checkers) fn lineage(signals: &[Signal]) -> (Vec<Name>, Option<NodeId>) {
    let (mut log, mut serving) = (Vec::new(), None);
    for (_, node, fact) in stated(signals) {
        match fact {
            Fact::Logged { lsn, key, value }
                if *serving.get_or_insert(node) == node && lsn == log.len() as u64 + 1 =>
            {
                log.push((key, value));
            }
            Fact::Recovered(upto) => {
                serving = (!log.is_empty()).then_some(node);
                log.truncate(upto as usize);
            }
            _ => {}
        }
    }
    (log, serving)
}

/// Whether a recovery took over the log of another node.
pub(in crate::checkers) fn takes_over(signals: &[Signal], position: usize, node: NodeId) -> bool {
    let (log, serving) = lineage(&signals[..position]);
    !log.is_empty() && serving.is_some_and(|other| other != node)
}

/// The recoveries among the cited, in their order.
pub(in crate::checkers) fn recoveries(cited: &[Found]) -> Vec<(usize, NodeId, u64)> {
    let recovered = |&(position, signal): &Found| match signal.what {
        What::Stated(node, Fact::Recovered(upto)) => Some((position, node, upto)),
        _ => None,
    };
    let mut found: Vec<_> = cited.iter().filter_map(recovered).collect();
    found.sort_unstable();
    found
}

/// What a node says that it holds directly after a recovery, and whether that is all.
fn contents(signals: &[Signal], position: usize, node: NodeId) -> (Vec<Name>, bool) {
    let mut holds = Vec::new();
    for signal in &signals[position + 1..] {
        match signal.what {
            What::Disturbed | What::Healed => {}
            What::Stated(at, Fact::Holds { key, value, .. }) if at == node => {
                holds.push((key, value));
            }
            What::Crashed(at) => {
                return (holds, at != node || signal.at != signals[position].at);
            }
            _ => break,
        }
    }
    (holds, true)
}

/// The last value of each key.
fn last_of_each(told: &[Name]) -> Vec<Name> {
    let mut last: Vec<Name> = Vec::new();
    for &(key, value) in told {
        last.retain(|(known, _)| *known != key);
        last.push((key, value));
    }
    last.sort_unstable();
    last
}

fn no_prefix(cited: &[Found], signals: &[Signal]) -> Result<(), String> {
    let recovered = recoveries(cited);
    let [(position, node, upto)] = recovered.as_slice() else {
        let [(position, Signal { what, .. })] = cited else {
            return Err("one change is needed, or one recovery".to_owned());
        };
        return is_misfit(*what, &signals[..*position]);
    };
    if cited.len() == 1 {
        let length = lineage(&signals[..*position]).0.len() as u64;
        return ensure(*upto > length, "the log went as far");
    }
    let (told, is_whole) = contents(signals, *position, *node);
    let wanted = last_of_each(&lineage(&signals[..=*position]).0);
    let is_of_it = |(at, signal): &Found| match signal.what {
        What::Stated(by, Fact::Holds { .. }) => by == *node && at > position,
        What::Stated(_, Fact::Logged { .. }) => at < position,
        _ => at == position,
    };
    ensure(cited.iter().all(is_of_it), "something else is cited")?;
    let contradicts = |&(key, value): &Name| {
        told.iter().any(|&(other, its)| other == key && its != value)
            || !wanted.contains(&(key, value))
    };
    let misses = |(key, _): &Name| is_whole && told.iter().all(|(other, _)| other != key);
    let holds_wrong = cited.iter().any(|(at, signal)| match signal.what {
        What::Stated(_, Fact::Holds { key, value, .. }) => {
            at - position <= told.len() + disturbed(signals, *position, *at)
                && contradicts(&(key, value))
        }
        What::Stated(_, Fact::Logged { key, value, .. }) => {
            wanted.contains(&(key, value)) && misses(&(key, value))
        }
        _ => false,
    });
    ensure(holds_wrong, "the node holds what the log comes to")
}

/// How many signals between two positions say nothing of nodes.
fn disturbed(signals: &[Signal], from: usize, to: usize) -> usize {
    signals[from..to].iter().filter(|signal| place(&signal.what).is_none()).count()
}

fn is_misfit(what: What, before: &[Signal]) -> Result<(), String> {
    let What::Stated(node, Fact::Logged { lsn, key, value }) = what else {
        return Err("no change is cited".to_owned());
    };
    let (log, serving) = lineage(before);
    ensure(serving.is_none_or(|serving| serving == node), "the node does not serve")?;
    let there = (lsn as usize).checked_sub(1).and_then(|place| log.get(place));
    let fits = lsn == log.len() as u64 + 1 || there == Some(&(key, value));
    ensure(!fits, "the change fits the log")
}

/// The write that an operation was told to be done.
pub(in crate::checkers) fn told(signals: &[Signal], op: OpId) -> Option<Name> {
    match asked(signals, op)? {
        Operation::Write { key, value } => Some((key, value)),
        _ => None,
    }
}

fn was_read(signals: &[Signal], op: OpId) -> Option<Name> {
    let Operation::Read { key } = asked(signals, op)? else { return None };
    signals.iter().find_map(|signal| match signal.what {
        What::Ended(of, Ending::Ok(Some(value))) if of == op => Some((key, value)),
        _ => None,
    })
}

fn asked(signals: &[Signal], op: OpId) -> Option<Operation> {
    let mut asked = signals.iter().rev().filter_map(|signal| match signal.what {
        What::Invoked(of, _, operation) if of == op => Some(operation),
        _ => None,
    });
    asked.next()
}

/// Has a node that recovered its own log lost a write that a client heard of?
fn is_lost(
    cited: &[Found],
    signals: &[Signal],
    heard: impl Fn(OpId) -> Option<Name>,
) -> Result<(), String> {
    let recovered = recoveries(cited);
    let [(position, node, _)] = recovered.as_slice() else {
        return Err("one recovery is needed".to_owned());
    };
    ensure(!takes_over(signals, *position, *node), "it took over another node's log")?;
    let heard = cited.iter().find_map(|&(at, signal)| match signal.what {
        What::Ended(op, Ending::Ok(_)) => Some((at, heard(op)?)),
        _ => None,
    });
    let Some((heard_at, name)) = heard else { return Err("nobody heard of it".to_owned()) };
    stands_no_more(signals, (*position, heard_at), name)?;
    let about = |(_, signal): &Found| match signal.what {
        What::Stated(_, Fact::Logged { key, value, .. })
        | What::Invoked(_, _, Operation::Write { key, value }) => (key, value) == name,
        What::Ended(..) | What::Stated(_, Fact::Recovered(_)) => true,
        _ => false,
    };
    ensure(cited.iter().all(about), "something else is cited")
}

/// A write that is in the lineage neither after a recovery nor when a client has heard of it, and
/// was there before the recovery or never.
pub(in crate::checkers) fn stands_no_more(
    signals: &[Signal],
    (recovered, heard): (usize, usize),
    name: Name,
) -> Result<(), String> {
    let stands = |upto: usize| lineage(&signals[..upto]).0.contains(&name);
    let until = recovered.max(heard);
    ensure(!stands(recovered + 1), "the recovery has it")?;
    let logged = stated(signals).filter(
        |(_, _, fact)| matches!(fact, Fact::Logged { key, value, .. } if (*key, *value) == name),
    );
    let logged: Vec<(usize, NodeId)> = logged.map(|(at, node, _)| (at, node)).collect();
    let is_astray = |&(at, node): &(usize, NodeId)| {
        at < recovered && lineage(&signals[..at]).1.is_some_and(|serving| serving != node)
    };
    let went_astray = logged.iter().any(is_astray);
    let logged: Vec<usize> = logged.into_iter().map(|(at, _)| at).collect();
    let is_before = logged.iter().any(|&at| at < recovered && stands(at + 1));
    let is_known = signals[..heard].iter().any(|signal| match signal.what {
        What::Invoked(_, _, Operation::Write { key, value })
        | What::Stated(_, Fact::Logged { key, value, .. }) => (key, value) == name,
        _ => false,
    });
    let lost_before = stated(signals).any(|(at, _, fact)| {
        (heard..recovered).contains(&at) && matches!(fact, Fact::Recovered(_))
    });
    ensure(is_before || heard < recovered, "it came after the recovery")?;
    ensure(is_before || is_known, "nobody ever wrote it")?;
    ensure(is_before || !lost_before, "it was lost before")?;
    ensure(!is_before || stands(recovered), "it was lost before")?;
    ensure(is_before || !went_astray, "it was lost where it was logged")?;
    let again = |&at: &usize| at > recovered && at < until && stands(at + 1);
    ensure(!logged.iter().any(again), "it was logged again")
}

fn comes_to_something_else(cited: &[Found], signals: &[Signal]) -> Result<(), String> {
    let recovered = recoveries(cited);
    let [(one, node, first), (other, again, second)] = recovered.as_slice() else {
        return Err("two recoveries are needed".to_owned());
    };
    ensure(node == again, "two nodes recovered")?;
    let between = stated(&signals[..*other]).filter(|(at, ..)| at > one);
    let logs = |fact: &Fact| matches!(fact, Fact::Logged { .. } | Fact::Recovered(_));
    ensure(between.into_iter().all(|(_, _, fact)| !logs(&fact)), "the log went on in between")?;
    if first != second {
        return Ok(());
    }
    let [(one, one_whole), (other, other_whole)] =
        [*one, *other].map(|position| contents(signals, position, *node));
    let (one, other) = (last_of_each(&one), last_of_each(&other));
    let lacks = |has: &[Name], others: &[Name], is_whole: bool| {
        has.iter().any(|&(key, value)| match others.iter().find(|(of, _)| *of == key) {
            Some((_, its)) => *its != value,
            None => is_whole,
        })
    };
    let differ = lacks(&one, &other, other_whole) || lacks(&other, &one, one_whole);
    ensure(differ, "both hold the same")
}

fn refuses_wrongly(cited: &[Found], signals: &[Signal]) -> Result<(), String> {
    let refuses = |&(at, signal): &Found| match signal.what {
        What::Stated(node, Fact::Refuses(lsn)) => Some((at, node, lsn)),
        _ => None,
    };
    let Some((refused, node, lsn)) = cited.iter().find_map(refuses) else {
        return Err("no refusal is cited".to_owned());
    };
    let Some((after, signal)) = cited.iter().find(|(at, _)| *at > refused) else {
        ensure(cited.len() == 1, "something else is cited")?;
        return ensure(!had_synced(&signals[..refused], node, lsn), "the node had synced it");
    };
    let serves = matches!(signal.what,
        What::Stated(by, Fact::Recovered(_) | Fact::Logged { .. } | Fact::Applied(_)) if by == node);
    ensure(serves, "the node did not serve")?;
    let booted = signals[refused..*after].iter().any(|signal| signal.what == What::Booted(node));
    ensure(!booted, "the node booted in between")
}

/// Whether a node had said that a position is synced, or had it back from its disk, since the
/// lineage was last cut before that position.
pub(in crate::checkers) fn had_synced(before: &[Signal], node: NodeId, lsn: u64) -> bool {
    let cut = stated(before).filter_map(|(at, _, fact)| match fact {
        Fact::Recovered(upto) if upto < lsn => Some(at),
        _ => None,
    });
    let since = cut.last().map_or(0, |at| at + 1);
    stated(before).filter(|(at, by, _)| *at >= since && *by == node).any(|(at, _, fact)| match fact
    {
        Fact::Synced(upto) => upto >= lsn,
        Fact::Recovered(upto) => upto >= lsn && is_from_disk(&before[..at], node),
        _ => false,
    })
}

/// Whether a node has logged and applied nothing since it booted.
pub(in crate::checkers) fn is_from_disk(before: &[Signal], node: NodeId) -> bool {
    let last = before.iter().rev().find(|signal| match signal.what {
        What::Booted(at) | What::Stated(at, Fact::Logged { .. } | Fact::Applied(_)) => at == node,
        _ => false,
    });
    last.is_some_and(|last| last.what == What::Booted(node))
}
