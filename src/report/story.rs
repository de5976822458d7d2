//! The story of a failure in a few lines, as a person would tell it over coffee.
//!
//! ```text
//!     0ms  client1 asks c: o2 transfer 8 from 5 to 8
//!     7ms  c crashes                                     what went wrong
//!    31ms  p1 decided abort on t2                        what the witness cites
//! ```
//!
//! Told are what clients asked, what went wrong, what was lost, and the events that the witness
//! cites; the rest is the timeline. When there are too many, operations and losses that no citation
//! rests on go first: a story with gaps is better than a list.

use super::words::{Words, cited};
use crate::{
    base::ids::EventId,
    checkers::{Citation, Judgement, Verdict},
    engine::{
        facts::Fact,
        signal::What,
        trace::{Entry, Kind},
    },
    scenario::run::Run,
};

/// How many lines a story has at most.
const LINES_MAX: usize = 10;
/// How wide what is told may be.
const WIDTH_MAX: usize = 84;

/// The story of a recorded run, in lines without indent.
pub fn story(run: &Run) -> Vec<String> {
    let words = Words::of(run);
    let cited = cited(run);
    let weight = |entry: &Entry| match entry.kind {
        _ if cited.contains_key(&entry.event) => 3,
        Kind::Crash | Kind::Cut | Kind::Pause | Kind::Disturb => 3,
        Kind::Lose(_) | Kind::Boot if entry.at.as_nanos() > 0 => 2,
        Kind::Invoke => 1,
        _ => 0,
    };
    let mut told: Vec<(u32, &Entry)> =
        run.entries.iter().map(|entry| (weight(entry), entry)).filter(|(w, _)| *w > 0).collect();
    for least in 1..3 {
        if told.len() > LINES_MAX {
            told.retain(|(weight, _)| *weight > least);
        }
    }
    let left_out = told.len().saturating_sub(LINES_MAX);
    told.truncate(LINES_MAX);
    let mut lines: Vec<String> = told.iter().map(|(_, entry)| line(run, &words, entry)).collect();
    if left_out > 0 {
        lines.push(format!("… and {left_out} more"));
    }
    lines.extend(sentences(run));
    lines
}

/// An event: as a witness puts it, or in the words of the timeline, cut to a width.
fn line(run: &Run, words: &Words<'_>, entry: &Entry) -> String {
    let judgements = run.judgements.iter();
    let citation = judgements.filter_map(|judgement| match &judgement.verdict {
        Verdict::Violated(witness) => {
            witness.citations.iter().find(|citation| citation.event == entry.event)
        }
        _ => None,
    });
    let told = match citation.into_iter().next() {
        Some(Citation { node: Some(node), says, .. }) => {
            format!("{}  {says}", words.name((*node).into()))
        }
        Some(Citation { node: None, says, .. }) => says.clone(),
        None => words.line(entry),
    };
    format!("{:>9}  {}", entry.at.to_string(), shortened(&told))
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(WIDTH_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// What is violated, in the words of the witnesses.
fn sentences(run: &Run) -> Vec<String> {
    let sentence = |judgement: &Judgement| match &judgement.verdict {
        Verdict::Violated(witness) => Some(format!("{}: {}", judgement.property, witness.sentence)),
        _ => None,
    };
    run.judgements.iter().filter_map(sentence).collect()
}

/// How the nodes that a violation cites came to know in another run what they lacked:
/// `p2 learned it from p1 at 61ms`. Nothing when no citation is about a decision.
pub fn learned(violated: &Run, other: &Run) -> Option<String> {
    let cited = cited(violated);
    let doubt = violated.signals.iter().find_map(|signal| match signal.what {
        What::Stated(node, Fact::Voted(txn, _)) if cited.contains_key(&signal.event) => {
            Some((node, txn))
        }
        _ => None,
    });
    let (node, txn) = doubt?;
    let decided = other.signals.iter().find(
        |signal| matches!(signal.what, What::Stated(at, Fact::Decided(of, _)) if (at, of) == (node, txn)),
    )?;
    let handled = cause(other, decided.event)?;
    let (who, at) = (other.catalog.node(node), decided.at);
    Some(match handled.kind {
        Kind::Deliver => {
            let from = other.catalog.endpoint(handled.peer);
            format!("{who} learned it from {from} at {at}")
        }
        _ => format!("{who} decided it itself at {at}"),
    })
}

/// The handler that brought an event about.
fn cause(run: &Run, event: EventId) -> Option<&Entry> {
    let find = |event: EventId| {
        let place = run.entries.binary_search_by_key(&event, |entry| entry.event).ok()?;
        run.entries.get(place)
    };
    let mut entry = find(event)?;
    for _ in 0..8 {
        if matches!(entry.kind, Kind::Deliver | Kind::Timer | Kind::Boot) {
            return Some(entry);
        }
        entry = find(entry.cause)?;
    }
    None
}
