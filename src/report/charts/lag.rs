//! Lag: how far each copy of a log is behind, in changes and in time, until it takes over.
//!
//! ```text
//!   changes  ▁▂▁▃▁▂│        logged by somebody and not applied by the copy
//!   ms       ╱│╱╱│╱│        for how long the oldest of these has been in a log
//!                  └ takes over
//! ```
//!
//! Changes say what is lost when the copy takes over now; time says how old a reader of the copy
//! sees the world. A copy that takes over is no copy any more, and its curve ends there.
//!
//! Limits: copies that state what they apply; a queue between two databases has charts of its own.

use super::{
    Chart,
    frame::{cell, seconds},
    levels::Logs,
    lines::{self, Curve, Fill, Names, Panel, Values, looks, steps, teeth},
};
use crate::{
    base::{
        ids::NodeId,
        time::{Duration, Time},
    },
    engine::{facts::Fact, signal::What},
    report::text::{count, rough},
    scenario::run::Run,
};
use std::{collections::BTreeMap, fmt::Write as _};

/// How far a copy is behind from an instant on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Behind {
    at: Time,
    /// So many changes.
    changes: u64,
    /// Since when the oldest of them has been in a log.
    since: Option<Time>,
}

/// All that is known of one copy.
#[derive(Debug, Default, PartialEq, Eq)]
struct Copy {
    line: Vec<Behind>,
    took_over: Option<Time>,
}

/// How far each copy is behind; nothing where nothing is applied elsewhere.
pub(super) fn lag(run: &Run) -> Option<Chart> {
    let copies = copies(run);
    let worst = |copy: &Copy| copy.line.iter().map(|now| now.changes).max().unwrap_or(0);
    let (node, copy) = copies.iter().max_by_key(|(_, copy)| worst(copy))?;
    let applied = |what: &What| matches!(what, What::Stated(_, Fact::Applied(_)));
    let number = run.signals.iter().filter(|signal| applied(&signal.what)).count();
    let end = run.end.quiet_at;
    let over = match copy.took_over.zip(copy.line.last()) {
        Some((at, last)) => {
            let at = at.as_seconds_text(2);
            format!("; it took over at {at}, {} behind", count(last.changes, "change"))
        }
        None => String::new(),
    };
    let (most, longest) = (count(worst(copy), "change"), rough(copy.longest(end)));
    let node = run.catalog.node(*node);
    let title = format!("{node} was up to {most} and {longest} behind{over} (n = {number})");
    let description = "A curve per copy. Above, how many changes it had not applied; below, for \
                       how long the oldest of these had been logged. It ends where a copy takes over.";
    let svg = draw(run, (&title, description), &copies);
    let mut csv = "node,at_ns,changes_behind,oldest_since_ns\n".to_owned();
    for (node, copy) in &copies {
        let node = cell(run.catalog.node(*node));
        for Behind { at, changes, since } in &copy.line {
            let since = since.map_or_else(String::new, |since| since.as_nanos().to_string());
            _ = writeln!(csv, "{node},{},{changes},{since}", at.as_nanos());
        }
    }
    Some(Chart { title, svg, csv })
}

fn draw(run: &Run, words: (&str, &str), copies: &BTreeMap<NodeId, Copy>) -> String {
    let (mut changes, mut ages) = (Vec::new(), Vec::new());
    for (nth, (node, copy)) in copies.iter().enumerate() {
        let (colour, width) = looks(nth);
        let name = match copy.took_over {
            Some(_) => format!("{} takes over", run.catalog.node(*node)),
            None => run.catalog.node(*node).to_owned(),
        };
        let until = copy.took_over.unwrap_or(run.end.quiet_at);
        let levels = copy.line.iter().map(|now| (seconds(now.at), now.changes as f64));
        let path = steps(std::iter::once((0.0, 0.0)).chain(levels), seconds(until));
        let fill = Fill::Nothing;
        changes.push(Curve { name: name.clone(), colour, width, path, fill });
        let oldest: Vec<_> = copy.line.iter().map(|now| (now.at, now.since)).collect();
        ages.push(Curve { name, colour, width, path: teeth(&oldest, until), fill });
    }
    let panels = [
        Panel { unit: "changes behind", values: Values::Whole, curves: changes },
        Panel { unit: "ms behind", values: Values::Any, curves: ages },
    ];
    lines::draw(run, words, Names::AtEnds, &panels)
}

fn copies(run: &Run) -> BTreeMap<NodeId, Copy> {
    let (mut logs, mut copies) = (Logs::default(), BTreeMap::<NodeId, Copy>::new());
    // When each change was first in a log.
    let mut logged: BTreeMap<u64, Time> = BTreeMap::new();
    for signal in &run.signals {
        let is_known = match signal.what {
            What::Stated(node, fact) => {
                if let Fact::Logged { lsn, .. } = fact {
                    logged.entry(lsn).or_insert(signal.at);
                }
                if let (Fact::Recovered(_), Some(copy)) = (fact, copies.get_mut(&node)) {
                    copy.took_over.get_or_insert(signal.at);
                }
                logs.take(node, fact)
            }
            What::Crashed(node) => logs.crash(node),
            _ => continue,
        };
        if !is_known {
            continue;
        }
        let head = logs.logged.values().max().copied().unwrap_or(0);
        // What a crash took was never there.
        while logged.last_key_value().is_some_and(|(lsn, _)| *lsn > head) {
            logged.pop_last();
        }
        for (node, applied) in &logs.applied {
            let copy = copies.entry(*node).or_default();
            if copy.took_over.is_none() {
                let since = logged.range(applied + 1..).next().map(|(_, at)| *at);
                let changes = head.saturating_sub(*applied);
                copy.turn(Behind { at: signal.at, changes, since });
            }
        }
    }
    copies
}

impl Copy {
    /// Of several readings in one instant the last counts; what changes nothing is left out.
    fn turn(&mut self, now: Behind) {
        if self.line.last().is_some_and(|last| last.at == now.at) {
            self.line.pop();
        }
        let is_new = |last: &Behind| (last.changes, last.since) != (now.changes, now.since);
        if self.line.last().is_none_or(is_new) {
            self.line.push(now);
        }
    }

    /// For how long anything was behind at most.
    fn longest(&self, end: Time) -> Duration {
        let until = self.took_over.unwrap_or(end);
        let ends = self.line.iter().skip(1).map(|next| next.at).chain([until]);
        let ages = self.line.iter().zip(ends);
        let ages = ages.filter_map(|(now, until)| Some(until.saturating_since(now.since?)));
        ages.max().unwrap_or(Duration::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_behind_longest_is_counted_until_it_is_applied_or_the_copy_takes_over() {
        let at = Time::from_millis;
        let mut copy = Copy::default();
        copy.turn(Behind { at: at(10), changes: 1, since: Some(at(10)) });
        copy.turn(Behind { at: at(10), changes: 2, since: Some(at(10)) });
        copy.turn(Behind { at: at(30), changes: 2, since: Some(at(10)) });
        copy.turn(Behind { at: at(40), changes: 1, since: Some(at(35)) });
        assert_eq!(copy.line.len(), 2, "one per instant, and only what is new");
        assert_eq!(copy.longest(at(50)), Duration::from_millis(30));
        copy.took_over = Some(at(90));
        assert_eq!(copy.longest(at(500)), Duration::from_millis(55));
    }
}
