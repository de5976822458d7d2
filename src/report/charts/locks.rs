//! Locks: which key of which node was held when, and whom that turned away.
//!
//! ```text
//!   p1 key 3   ░░▒▒███▒░  ✕      darker: held for more of that window; a cross: somebody met it
//!   p2 key 7     ░░  ░░
//!              └───────── time
//! ```
//!
//! A lock is a change that is staged for a transaction until that is decided. Somebody meets it
//! whose own transaction wants the key while another one holds it: here that is a vote of No, since
//! no protocol of today waits. Rows are those that were held longest, hot keys first.
//!
//! Limits: which keys a vote of No was about is known of transfers and of operations on one key.

use super::{
    Chart,
    frame::{DANGER, Key, LOCKED, Shape, cell, seconds},
    strips::{self, Bar, Mark, Row},
};
use crate::{
    base::{
        ids::{NodeId, TxnId},
        time::{Duration, Time},
    },
    engine::{
        facts::{Fact, Vote},
        operations::Operation,
        signal::What,
    },
    report::{
        spans::{Lock, Span, Spans, simulated},
        text::{count, rough},
    },
    scenario::run::Run,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

/// How many keys are drawn at most.
const ROWS_MAX: usize = 24;
/// Into how many windows a run is cut.
const WINDOWS: u64 = 60;

/// One key of one node.
#[derive(Default)]
struct Held {
    /// By whom, from when to when.
    spans: Vec<(TxnId, Time, Time)>,
    /// When somebody else wanted it.
    met: Vec<(Time, TxnId)>,
}

impl Held {
    fn time(&self) -> Duration {
        let spans = self.spans.iter().map(|(_, since, until)| until.saturating_since(*since));
        spans.fold(Duration::ZERO, |sum, span| sum + span)
    }
}

type Keys = BTreeMap<(NodeId, u32), Held>;

/// When which key was locked, and who met that; nothing where nothing is locked.
pub(super) fn locks(run: &Run) -> Option<Chart> {
    let locks = Spans::of(run).locks;
    let keys = keys(run, &locks);
    let longest = locks.iter().max_by_key(|lock| lock.length(simulated(run)))?;
    let Lock { txn, node, key } = longest.of;
    let (number, span) = (locks.len(), rough(longest.length(simulated(run))));
    let met: usize = keys.values().map(|held| held.met.len()).sum();
    let met = match met {
        0 => "nobody met a held lock".to_owned(),
        met => format!("{} met a held lock", count(met as u64, "vote")),
    };
    let node = run.catalog.node(node);
    let mut title =
        format!("Locks: {txn} held key {key} of {node} for {span}; {met} (n = {number})");
    let mut hot: Vec<(&(NodeId, u32), &Held)> = keys.iter().collect();
    hot.sort_by_key(|(place, held)| (std::cmp::Reverse(held.time()), **place));
    if hot.len() > ROWS_MAX {
        let number = hot.len();
        _ = write!(title, ", {ROWS_MAX} of {number} keys drawn");
        hot.truncate(ROWS_MAX);
    }
    let rows: Vec<Row> = hot.iter().map(|(place, held)| row(run, **place, held)).collect();
    let description = "A row per key: the darker a window of time, the longer the key was locked \
                       in it. A cross is a vote that found it locked by somebody else.";
    let words = [
        Key { name: "locked", colour: LOCKED, shape: Shape::Area(0.8) },
        Key { name: "met by another transaction", colour: DANGER, shape: Shape::Cross },
    ];
    let svg = strips::draw(run, (&title, description), &words, &rows);
    Some(Chart { title, svg, csv: table(run, &keys) })
}

fn keys(run: &Run, locks: &[Span<Lock>]) -> Keys {
    let (mut keys, end) = (Keys::new(), simulated(run));
    for Span { of, since, until } in locks {
        let held = keys.entry((of.node, of.key)).or_default();
        held.spans.push((of.txn, *since, until.unwrap_or(end)));
    }
    for (at, node, txn, wanted) in refused(run) {
        for key in wanted {
            let Some(held) = keys.get_mut(&(node, key)) else { continue };
            let holds = |(holder, since, until): &(TxnId, Time, Time)| {
                *holder != txn && *since <= at && at < *until
            };
            if held.spans.iter().any(holds) {
                held.met.push((at, txn));
            }
        }
    }
    keys
}

/// Who said No to which transaction when, and the keys that this wanted.
fn refused(run: &Run) -> Vec<(Time, NodeId, TxnId, Vec<u32>)> {
    let operations: BTreeMap<TxnId, Operation> =
        run.history.iter().map(|entry| (entry.op.into(), entry.operation)).collect();
    let mut known = BTreeSet::new();
    let votes = run.signals.iter().filter_map(|signal| match signal.what {
        What::Stated(node, Fact::Voted(txn, Vote::No) | Fact::Declined(txn)) => {
            known.insert((node, txn)).then_some((signal.at, node, txn))
        }
        _ => None,
    });
    votes
        .filter_map(|(at, node, txn)| Some((at, node, txn, wanted(*operations.get(&txn)?))))
        .collect()
}

/// The keys that an operation is about.
fn wanted(operation: Operation) -> Vec<u32> {
    match operation {
        Operation::Read { key }
        | Operation::Write { key, .. }
        | Operation::Cas { key, .. }
        | Operation::Append { key, .. }
        | Operation::Delete { key } => vec![key],
        Operation::Transfer { from, to, .. } | Operation::Rename { from, to } => vec![from, to],
        Operation::Audit | Operation::Charge { .. } | Operation::Own { .. } => Vec::new(),
    }
}

fn row(run: &Run, (node, key): (NodeId, u32), held: &Held) -> Row {
    let width = run.end.quiet_at.as_nanos().div_ceil(WINDOWS).max(1);
    let mut windows: BTreeMap<u64, u64> = BTreeMap::new();
    for (_, since, until) in &held.spans {
        let (since, until) = (since.as_nanos(), until.as_nanos());
        for window in since / width..=until / width {
            let (from, to) = (window * width, (window + 1) * width);
            *windows.entry(window).or_default() += until.min(to) - since.max(from);
        }
    }
    let bars = windows.into_iter().map(|(window, nanos)| Bar {
        span: ((window * width) as f64 / 1e9, ((window + 1) * width) as f64 / 1e9),
        high: 0.8,
        colour: LOCKED,
        dense: 0.12 + 0.75 * (nanos as f64 / width as f64).min(1.0),
    });
    let marks = held.met.iter().map(|(at, _)| Mark {
        at: seconds(*at),
        colour: DANGER,
        shape: Shape::Cross,
    });
    let name = format!("{} key {key}", run.catalog.node(node));
    Row { name, bars: bars.collect(), marks: marks.collect() }
}

fn table(run: &Run, keys: &Keys) -> String {
    let mut csv = "node,key,what,txn,at_ns,until_ns\n".to_owned();
    for ((node, key), held) in keys {
        let node = cell(run.catalog.node(*node));
        for (txn, since, until) in &held.spans {
            let (since, until) = (since.as_nanos(), until.as_nanos());
            _ = writeln!(csv, "{node},{key},held,{txn},{since},{until}");
        }
        for (at, txn) in &held.met {
            _ = writeln!(csv, "{node},{key},met,{txn},{},", at.as_nanos());
        }
    }
    csv
}

#[cfg(test)]
mod tests {
    use super::{super::super::fixture::Sketch, *};

    #[test]
    fn a_window_is_as_dark_as_the_share_of_it_in_which_a_key_is_held() {
        let run = Sketch::coordinator_crash().run(42);
        let end = run.end.quiet_at.as_nanos();
        let width = end.div_ceil(WINDOWS);
        let (txn, at) = (TxnId(1), Time::from_nanos);
        // From the middle of the second window to the end of the third.
        let spans = vec![(txn, at(width * 3 / 2), at(width * 3 - 1))];
        let row = row(&run, (NodeId(1), 7), &Held { spans, met: Vec::new() });
        let dense: Vec<f64> = row.bars.iter().map(|bar| bar.dense).collect();
        assert_eq!(dense.len(), 2);
        assert!((dense[0] - 0.495).abs() < 1e-3 && (dense[1] - 0.87).abs() < 1e-3, "{dense:?}");
        assert_eq!(row.name, "p1 key 7");
    }
}
