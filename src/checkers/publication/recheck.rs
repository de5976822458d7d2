//! Witnesses of publication, checked again from the signals alone.
//!
//! ```text
//!   loss        the commit is known in the end, no effect is · cited as published ⇔ it was
//!   phantom     it was published, and nobody knows a commit in the end
//!   inversion   two first effects of one key, their commits the other way round
//!   twice       two effects of one event
//! ```
//!
//! Plain questions over the list of signals, nothing of which the judge uses: what a fold could get
//! wrong, a scan does not get wrong in the same way.

use super::super::evidence::{Found, ensure, is_up, known, nodes, settled, was_stated};
use crate::{
    base::time::Time,
    engine::{
        facts::Fact,
        signal::{Signal, What},
    },
};

type Outcome = Result<(), String>;

/// The only fact among the cited that a question finds.
fn only<T>(cited: &[Found], of: impl Fn(&What) -> Option<T>, what: &str) -> Result<T, String> {
    let mut found = cited.iter().filter_map(|(_, signal)| of(&signal.what));
    let first = found.next().ok_or_else(|| format!("no {what} is cited"))?;
    ensure(found.next().is_none(), "more is cited than is needed")?;
    Ok(first)
}

/// What a signal says at its node, be it new or replayed.
fn fact(what: &What) -> Option<Fact> {
    match what {
        What::Stated(_, fact) | What::Replayed(_, fact) => Some(*fact),
        _ => None,
    }
}

fn commit(what: &What) -> Option<(u64, u32, u64)> {
    match fact(what) {
        Some(Fact::Commits { number, key, event }) => Some((number, key, event)),
        _ => None,
    }
}

fn published(what: &What) -> Option<u64> {
    match what {
        What::Stated(_, Fact::Publishes { event, .. }) => Some(*event),
        _ => None,
    }
}

fn effect(what: &What) -> Option<u64> {
    match what {
        What::Stated(_, Fact::TookEffect(event)) => Some(*event),
        _ => None,
    }
}

/// Whether anybody knows it in the end.
fn is_known(signals: &[Signal], is: impl Fn(Fact) -> bool) -> bool {
    nodes(signals).into_iter().any(|node| known(signals, node).any(|(_, fact)| is(fact)))
}

/// Whether faults were over, and that early enough.
fn at_rest(signals: &[Signal], due: Time) -> Outcome {
    ensure(settled(signals), "faults were never over")?;
    let late = signals.iter().any(|signal| signal.what == What::Healed && signal.at > due);
    ensure(!late, "faults were over too late")
}

fn is_commit_of(fact: Fact, event: u64) -> bool {
    matches!(fact, Fact::Commits { event: of, .. } if of == event)
}

pub(super) fn is_lost(cited: &[Found], signals: &[Signal], due: Time) -> Outcome {
    at_rest(signals, due)?;
    let (_, _, event) = only(cited, commit, "commit")?;
    let at = cited.iter().find(|(_, signal)| commit(&signal.what).is_some());
    let node = at.and_then(|(_, signal)| super::place(&signal.what));
    let (Some((position, signal)), Some(node)) = (at, node) else {
        return Err("no node is cited".to_owned());
    };
    ensure(signal.at <= due, "it has time still")?;
    ensure(is_up(signals, node), "the node is down")?;
    let survived = known(signals, node).any(|(at, _)| at == *position);
    ensure(survived, "the commit did not survive")?;
    ensure(!is_known(signals, |fact| fact == Fact::TookEffect(event)), "it has an effect")?;
    let ever = signals.iter().any(|signal| published(&signal.what) == Some(event));
    ensure(cited.len() == 1 + usize::from(ever), "whether it was published is not cited")?;
    if ever {
        ensure(only(cited, published, "publication")? == event, "the events differ")?;
    }
    Ok(())
}

pub(super) fn is_phantom(cited: &[Found], signals: &[Signal], due: Time) -> Outcome {
    at_rest(signals, due)?;
    let event = only(cited, published, "publication")?;
    let is_due = |(_, signal): &Found| published(&signal.what).is_none() || signal.at <= due;
    ensure(cited.iter().all(is_due), "it has time still")?;
    ensure(!is_known(signals, |fact| is_commit_of(fact, event)), "it is committed")?;
    let ever = signals.iter().any(|signal| match signal.what {
        What::Stated(_, fact) => is_commit_of(fact, event),
        _ => false,
    });
    ensure(cited.len() == 1 + usize::from(ever), "whether it was ever committed is not cited")?;
    if ever {
        ensure(only(cited, commit, "commit")?.2 == event, "the events differ")?;
    }
    Ok(())
}

pub(super) fn is_inverted(cited: &[Found], signals: &[Signal]) -> Outcome {
    let effects: Vec<(usize, u64)> =
        cited.iter().filter_map(|(at, signal)| Some((*at, effect(&signal.what)?))).collect();
    let [one, other] = effects[..] else { return Err("two effects are needed".to_owned()) };
    ensure(cited.len() == 4, "two effects and two commits are needed")?;
    let (early, late) = if one.0 < other.0 { (one, other) } else { (other, one) };
    for (position, event) in [early, late] {
        let before = &signals[..position];
        ensure(!was_stated(before, Fact::TookEffect(event)), "it had an effect before")?;
    }
    let commit_of = |event: u64| {
        let mut commits = cited.iter().filter_map(|(_, signal)| commit(&signal.what));
        commits.find(|(_, _, of)| *of == event).ok_or("a commit is not cited")
    };
    let (first, second) = (commit_of(early.1)?, commit_of(late.1)?);
    ensure(first.1 == second.1, "their keys differ")?;
    ensure(first.0 > second.0, "they took effect in the order of their commits")
}

pub(super) fn is_twice(cited: &[Found]) -> Outcome {
    let [(_, one), (_, other)] = cited else { return Err("two effects are needed".to_owned()) };
    match (effect(&one.what), effect(&other.what)) {
        (Some(one), Some(other)) => ensure(one == other, "the events differ"),
        _ => Err("a cited event is not a new effect".to_owned()),
    }
}
