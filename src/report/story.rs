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
    checkers::Verdict,
    engine::trace::{Entry, Kind},
    scenario::run::Run,
};

/// How many lines a story has at most.
const LINES_MAX: usize = 10;

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
    for least in 1..=3 {
        if told.len() > LINES_MAX {
            told.retain(|(weight, _)| *weight > least);
        }
    }
    let left_out = told.len().saturating_sub(LINES_MAX);
    told.truncate(LINES_MAX);
    let mut lines: Vec<String> = told.iter().map(|(_, entry)| line(&words, entry)).collect();
    if left_out > 0 {
        lines.push(format!("… and {left_out} more"));
    }
    lines.extend(sentences(run));
    lines
}

fn line(words: &Words<'_>, entry: &Entry) -> String {
    format!("{:>9}  {}", entry.at.to_string(), words.line(entry))
}

/// What is violated, in the words of the witnesses.
fn sentences(run: &Run) -> Vec<String> {
    let sentence = |judgement: &crate::checkers::Judgement| match &judgement.verdict {
        Verdict::Violated(witness) => Some(format!("{}: {}", judgement.property, witness.sentence)),
        _ => None,
    };
    run.judgements.iter().filter_map(sentence).collect()
}
