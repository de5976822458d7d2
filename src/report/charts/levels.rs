//! What is open at each instant: sagas under way, changes that a crash would lose.
//!
//! ```text
//!   sagas     ▁▃▅▅▂▁    under way; below, darker: being undone      Planned ─▶ UndidStep ─▶ SagaEnded
//!   at risk   ▁▂▁▂▁▂    logged and not synced, nor applied elsewhere  Logged ─▶ Synced, Applied
//! ```
//!
//! Both are counts of what facts began and have not ended. They say in one picture what a log of
//! facts says in thousands of lines: how long the tail of undoing is, how much a crash would cost
//! at that moment.
//!
//! Limits: what a node replays after a crash was counted when it was first stated.

use super::{
    Chart,
    frame::{CAREFUL, DANGER, INK, LOCKED, seconds},
    lines::{self, Curve, Fill, Names, Panel, Values, steps},
};
use crate::{
    base::{ids::NodeId, time::Time},
    engine::{
        facts::{Fact, SagaEnd},
        signal::What,
    },
    scenario::run::Run,
};
use std::{collections::BTreeMap, fmt::Write as _};

/// One saga: from its plan to its end.
struct Saga {
    began: Time,
    undoing: Option<Time>,
    ended: Option<(Time, SagaEnd)>,
}

/// How many sagas are under way, and how many of them are being undone; nothing without sagas.
pub(super) fn sagas(run: &Run) -> Option<Chart> {
    let mut sagas: BTreeMap<u64, Saga> = BTreeMap::new();
    for (at, _, fact) in stated(run) {
        match fact {
            Fact::Planned { saga, .. } => {
                let new = Saga { began: at, undoing: None, ended: None };
                sagas.entry(saga).or_insert(new);
            }
            Fact::UndidStep(saga, _) | Fact::Tombstoned(saga, _) => {
                if let Some(saga) = sagas.get_mut(&saga).filter(|saga| saga.ended.is_none()) {
                    saga.undoing.get_or_insert(at);
                }
            }
            Fact::SagaEnded(saga, end) => {
                if let Some(saga) = sagas.get_mut(&saga) {
                    saga.ended.get_or_insert((at, end));
                }
            }
            _ => {}
        }
    }
    if sagas.is_empty() {
        return None;
    }
    let end = |saga: &Saga| saga.ended.map(|(at, _)| at);
    let open = levels(sagas.values().map(|saga| (saga.began, end(saga))));
    let undone = sagas.values().filter_map(|saga| saga.undoing.map(|since| (since, end(saga))));
    let undoing = levels(undone);
    let title = saga_finding(&sagas, most(&open));
    let description = "Areas of steps: how many sagas are under way, and how many of these are \
                       being undone.";
    let curves =
        vec![area("under way", INK, run, &open), area("being undone", CAREFUL, run, &undoing)];
    let panel = Panel { unit: "sagas", values: Values::Whole, curves };
    let svg = lines::draw(run, (&title, description), Names::InKey, &[panel]);
    let mut csv = "saga,began_ns,undoing_ns,ended_ns,ended\n".to_owned();
    for (id, saga) in &sagas {
        let (undoing, ended) = (nanos(saga.undoing), nanos(end(saga)));
        let how = saga.ended.map_or(String::new(), |(_, end)| format!("{end:?}"));
        _ = writeln!(csv, "{id},{},{undoing},{ended},{how}", saga.began.as_nanos());
    }
    Some(Chart { title, svg, csv })
}

fn saga_finding(sagas: &BTreeMap<u64, Saga>, most: u64) -> String {
    let of = |wanted: Option<SagaEnd>| {
        sagas.values().filter(|saga| saga.ended.map(|(_, end)| end) == wanted).count()
    };
    let (done, undone) = (of(Some(SagaEnd::Done)), of(Some(SagaEnd::Compensated)));
    let mut title = format!("Sagas: {done} done, {undone} undone");
    for (count, words) in [
        (of(Some(SagaEnd::Partial)), "undone in part"),
        (of(Some(SagaEnd::Parked)), "waiting for a person"),
        (of(None), "open at the end"),
    ] {
        if count > 0 {
            _ = write!(title, ", {count} {words}");
        }
    }
    _ = write!(title, "; at most {most} at once (n = {})", sagas.len());
    title
}

/// What is known of logs at some instant.
#[derive(Default)]
pub(super) struct Logs {
    /// The last change in the log of each node.
    pub(super) logged: BTreeMap<NodeId, u64>,
    synced: BTreeMap<NodeId, u64>,
    /// The last change that each copy shows.
    pub(super) applied: BTreeMap<NodeId, u64>,
}

impl Logs {
    /// A node crashed: what it had not synced is gone, and no longer at risk.
    pub(super) fn crash(&mut self, node: NodeId) -> bool {
        let synced = self.synced.get(&node).copied().unwrap_or(0);
        self.logged.get_mut(&node).is_some_and(|logged| {
            *logged = synced.min(*logged);
            true
        })
    }

    /// Takes a fact in; gives whether it was about logs.
    pub(super) fn take(&mut self, node: NodeId, fact: Fact) -> bool {
        match fact {
            Fact::Logged { lsn, .. } => _ = self.logged.insert(node, lsn),
            Fact::Synced(upto) => {
                let known = self.synced.entry(node).or_default();
                *known = upto.max(*known);
            }
            Fact::Recovered(upto) => {
                self.logged.insert(node, upto);
                self.synced.insert(node, upto);
                self.applied.remove(&node);
            }
            Fact::Applied(lsn) => _ = self.applied.insert(node, lsn),
            _ => return false,
        }
        true
    }

    /// How many changes one crash would lose.
    fn at_risk(&self) -> u64 {
        let of = |(node, logged): (&NodeId, &u64)| {
            logged.saturating_sub(self.synced.get(node).copied().unwrap_or(0))
        };
        self.logged.iter().map(of).max().unwrap_or(0)
    }

    /// How many changes a copy is behind.
    fn behind(&self) -> u64 {
        let logged = self.logged.values().max().copied().unwrap_or(0);
        self.applied.values().map(|applied| logged.saturating_sub(*applied)).max().unwrap_or(0)
    }
}

/// How many changes a crash would lose, and how many a copy is behind; nothing without a log of bytes.
pub(super) fn at_risk(run: &Run) -> Option<Chart> {
    let (mut logs, mut number, mut copied) = (Logs::default(), 0_u64, false);
    let mut points: Vec<(Time, [u64; 2])> = Vec::new();
    for signal in &run.signals {
        let (at, is_known) = match signal.what {
            What::Stated(node, fact) => {
                number += u64::from(matches!(fact, Fact::Logged { .. }));
                copied |= matches!(fact, Fact::Applied(_));
                (signal.at, logs.take(node, fact))
            }
            What::Crashed(node) => (signal.at, logs.crash(node)),
            _ => continue,
        };
        if is_known {
            let now = [logs.at_risk(), logs.behind()];
            match points.last_mut() {
                Some((last, known)) if *last == at => *known = now,
                _ => points.push((at, now)),
            }
        }
    }
    if number == 0 {
        return None;
    }
    let of = |column: usize| -> Vec<(Time, u64)> {
        points.iter().map(|(at, both)| (*at, both[column])).collect()
    };
    let (risk, behind) = (of(0), of(1));
    let copy =
        if copied { format!(", a copy is up to {} behind", most(&behind)) } else { String::new() };
    let title = format!("A crash would lose up to {} changes{copy} (n = {number})", most(&risk));
    let description = "Areas of steps: changes that are logged and not synced; and those that a \
                       copy has not applied yet.";
    let mut curves = vec![area("logged, not synced", DANGER, run, &risk)];
    if copied {
        curves.insert(0, area("logged, not applied by a copy", LOCKED, run, &behind));
    }
    let panel = Panel { unit: "changes", values: Values::Whole, curves };
    let svg = lines::draw(run, (&title, description), Names::InKey, &[panel]);
    let mut csv = "at_ns,not_synced,not_applied\n".to_owned();
    for (at, [risk, behind]) in &points {
        let behind = if copied { behind.to_string() } else { String::new() };
        _ = writeln!(csv, "{},{risk},{behind}", at.as_nanos());
    }
    Some(Chart { title, svg, csv })
}

/// Every fact that was stated, once.
pub(super) fn stated(run: &Run) -> impl Iterator<Item = (Time, NodeId, Fact)> {
    run.signals.iter().filter_map(|signal| match signal.what {
        What::Stated(node, fact) => Some((signal.at, node, fact)),
        _ => None,
    })
}

/// How many spans are open from each instant on at which one begins or ends.
pub(super) fn levels(spans: impl Iterator<Item = (Time, Option<Time>)>) -> Vec<(Time, u64)> {
    let mut changes: BTreeMap<Time, i64> = BTreeMap::new();
    for (since, until) in spans {
        *changes.entry(since).or_default() += 1;
        if let Some(until) = until {
            *changes.entry(until).or_default() -= 1;
        }
    }
    let mut open = 0;
    changes
        .into_iter()
        .map(|(at, change)| {
            open += change;
            (at, u64::try_from(open).expect("nothing ends before it began"))
        })
        .collect()
}

pub(super) fn most(levels: &[(Time, u64)]) -> u64 {
    levels.iter().map(|level| level.1).max().unwrap_or(0)
}

/// Levels as a filled line, from the beginning to the end of the run.
pub(super) fn area(
    name: &str,
    colour: plotters::style::RGBColor,
    run: &Run,
    levels: &[(Time, u64)],
) -> Curve {
    let levels = levels.iter().map(|(at, many)| (seconds(*at), *many as f64));
    let path = steps(std::iter::once((0.0, 0.0)).chain(levels), seconds(run.end.quiet_at));
    Curve { name: name.to_owned(), colour, width: 2, path, fill: Fill::Area }
}

pub(super) fn nanos(at: Option<Time>) -> String {
    at.map_or_else(String::new, |at| at.as_nanos().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_rise_and_fall_with_spans() {
        let at = Time::from_nanos;
        let spans = [(at(1), Some(at(5))), (at(2), None), (at(5), Some(at(5)))];
        let expected = [(at(1), 1), (at(2), 2), (at(5), 1)];
        assert_eq!(levels(spans.into_iter()), expected);
        assert_eq!(most(&expected), 2);
    }

    #[test]
    fn what_is_not_synced_is_at_risk_until_it_is_or_the_node_recovers() {
        let (mut logs, primary, copy) = (Logs::default(), NodeId(0), NodeId(1));
        let logged = |lsn| Fact::Logged { lsn, key: 0, value: 0 };
        for (node, fact, risk, behind) in [
            (primary, logged(1), 1, 0),
            (primary, logged(2), 2, 0),
            (primary, Fact::Synced(1), 1, 0),
            (copy, Fact::Applied(1), 1, 1),
            (primary, logged(3), 2, 2),
            (primary, Fact::Recovered(1), 0, 0),
        ] {
            assert!(logs.take(node, fact));
            assert_eq!((logs.at_risk(), logs.behind()), (risk, behind), "after {fact:?}");
        }
        assert!(!logs.take(primary, Fact::Accepted(1)));
        assert!(logs.take(primary, logged(2)) && logs.crash(primary));
        assert_eq!(logs.at_risk(), 0, "what is lost is not at risk");
    }
}
