//! What changes in the course of a run: answers per window, and replicas that differ.
//!
//! ```text
//!   answers      asked ▔▔▔▁▁▁   ok ▔▔▔▁▁▁      steps, a window each; where no answer comes is the title
//!   divergence   ▁▂▂▁▁▁                        how many registers are held differently
//! ```
//!
//! Both read what checkers read, history and facts, and know no protocol. What was asked is an area
//! and what came of it are lines, so that the gap between the two is seen and not worked out.

use super::{
    Chart,
    frame::{CAREFUL, DANGER, INK, QUIET, seconds},
    lines::{self, Curve, Fill, Names, Panel, Values, steps},
};
use crate::{
    base::{
        ids::NodeId,
        time::{Duration, Time},
    },
    engine::{
        facts::Fact,
        operations::{Ending, HistoryEntry},
        signal::What,
    },
    report::text::rough,
    scenario::run::Run,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

/// Into how many windows a run is cut.
const WINDOWS: u64 = 48;

/// What came of operations, in windows of time: asked, ok, not done, unknown.
pub(super) fn answers(run: &Run) -> Chart {
    let end = run.end.quiet_at.as_nanos().max(1);
    let width = end.div_ceil(WINDOWS).max(1);
    let windows = end.div_ceil(width) as usize;
    let mut counts = vec![[0_u64; 4]; windows];
    let place = |at: Time| ((at.as_nanos() / width) as usize).min(windows - 1);
    for entry in &run.history {
        counts[place(entry.invoked_at)][0] += 1;
        if let Some((at, ending)) = entry.ending {
            let column = match ending {
                Ending::Ok(_) => 1,
                Ending::NotDone => 2,
                Ending::Unknown => 3,
            };
            counts[place(at)][column] += 1;
        }
    }
    let title = drought(run);
    let per_second = |column: usize| {
        let rate = |count: u64| count as f64 * 1e9 / width as f64;
        let window = |(nth, counts): (usize, &[u64; 4])| {
            (nth as f64 * width as f64 / 1e9, rate(counts[column]))
        };
        steps(counts.iter().enumerate().map(window), seconds(run.end.quiet_at))
    };
    let line = |name: &str, colour, width, column, fill| {
        let path = per_second(column);
        Curve { name: name.to_owned(), colour, width, path, fill }
    };
    let curves = vec![
        line("asked", QUIET, 1, 0, Fill::Area),
        line("not done", CAREFUL, 2, 2, Fill::Nothing),
        line("unknown", DANGER, 2, 3, Fill::Nothing),
        line("ok", INK, 3, 1, Fill::Nothing),
    ];
    let description = "Steps, one per window of time: operations asked for, and how they ended.";
    let panel = Panel { unit: "operations per second", values: Values::Whole, curves };
    let svg = lines::draw(run, (&title, description), Names::InKey, &[panel]);
    let mut csv = "from_ns,asked,ok,not_done,unknown\n".to_owned();
    for (nth, [asked, ok, not_done, unknown]) in counts.iter().enumerate() {
        _ = writeln!(csv, "{},{asked},{ok},{not_done},{unknown}", nth as u64 * width);
    }
    Chart { title, svg, csv }
}

/// The longest time in which clients waited and none was answered.
fn drought(run: &Run) -> String {
    let number = run.history.len();
    let mut answered: Vec<Time> = run
        .history
        .iter()
        .filter_map(|entry| match entry.ending {
            Some((at, Ending::Ok(_))) => Some(at),
            _ => None,
        })
        .collect();
    answered.sort_unstable();
    let (Some(first), Some(last)) = (
        run.history.iter().map(|entry| entry.invoked_at).min(),
        run.history.iter().map(|entry| entry.invoked_at).max(),
    ) else {
        return "Nobody asked for anything (n = 0)".to_owned();
    };
    let mut marks = vec![first];
    marks.extend(answered.iter().copied().filter(|at| *at < last));
    marks.push(last.max(first));
    let longest = marks.windows(2).max_by_key(|pair| pair[1].saturating_since(pair[0]));
    let (from, to) = longest.map_or((first, last), |pair| (pair[0], pair[1]));
    let span = rough(to.saturating_since(from));
    let (from, ok) = (from.as_seconds_text(1), answered.len());
    format!(
        "{ok} of {number} operations ok; the longest time without one: {span} from {from} on (n = {number})"
    )
}

/// How many registers replicas hold differently; nothing where no two nodes hold the same one.
pub(super) fn divergence(run: &Run) -> Option<Chart> {
    let mut held: BTreeMap<u32, BTreeMap<NodeId, BTreeSet<i64>>> = BTreeMap::new();
    let mut points: Vec<(Time, u64)> = Vec::new();
    let mut differing: BTreeSet<u32> = BTreeSet::new();
    for signal in &run.signals {
        let (What::Stated(node, Fact::Holds { key, value, beside })
        | What::Replayed(node, Fact::Holds { key, value, beside })) = signal.what
        else {
            continue;
        };
        let values = held.entry(key).or_default().entry(node).or_default();
        if beside == 0 {
            values.clear();
        }
        values.insert(value);
        let replicas = &held[&key];
        let one = replicas.values().next();
        let differs = replicas.values().any(|values| Some(values) != one);
        if differs {
            differing.insert(key);
        } else {
            differing.remove(&key);
        }
        points.push((signal.at, differing.len() as u64));
    }
    points.dedup_by(|later, earlier| {
        later.0 == earlier.0 && {
            earlier.1 = later.1;
            true
        }
    });
    if held.values().all(|replicas| replicas.len() < 2) {
        return None;
    }
    let most = points.iter().map(|point| point.1).max()?;
    let (number, last) = (held.len(), points.last().map_or(0, |point| point.1));
    let since = points.iter().rev().take_while(|point| point.1 == 0).last();
    let settled = match since {
        Some((at, _)) => format!("all the same from {} on", at.as_seconds_text(2)),
        None => format!("{last} at the end"),
    };
    let title = format!(
        "Registers that replicas hold differently: at most {most}, {settled} (n = {number})"
    );
    let levels = points.iter().map(|(at, many)| (seconds(*at), *many as f64));
    let path = steps(levels, seconds(run.end.quiet_at));
    let (name, fill) = ("different".to_owned(), Fill::Area);
    let curves = vec![Curve { name, colour: INK, width: 2, path, fill }];
    let description =
        "A line of steps: how many registers are held differently by those that hold them.";
    let panel = Panel { unit: "registers", values: Values::Whole, curves };
    let svg = lines::draw(run, (&title, description), Names::InKey, &[panel]);
    let mut csv = "at_ns,registers_held_differently\n".to_owned();
    for (at, many) in points {
        _ = writeln!(csv, "{},{many}", at.as_nanos());
    }
    Some(Chart { title, svg, csv })
}

/// How long an operation took that was answered ok.
pub(super) fn took(entry: &HistoryEntry) -> Option<Duration> {
    match entry.ending {
        Some((at, Ending::Ok(_))) => Some(at.saturating_since(entry.invoked_at)),
        _ => None,
    }
}
