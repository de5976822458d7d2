//! What changes in the course of a run: answers per window, replicas that differ; and how steps are drawn.
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
    frame::{self, CAREFUL, DANGER, Frame, INK, Key, QUIET, Shape, seconds},
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
    report::{spans::Spans, text::rough},
    scenario::run::Run,
};
use plotters::{
    element::{PathElement, Polygon},
    prelude::*,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

/// Into how many windows a run is cut.
const WINDOWS: u64 = 48;

/// Steps: what holds from each instant on.
pub(super) struct Steps {
    /// In the key.
    pub(super) name: &'static str,
    /// The colour of line and area.
    pub(super) colour: RGBColor,
    /// How wide the line is.
    pub(super) width: u32,
    /// Instants in seconds, and what holds from there on.
    pub(super) points: Vec<(f64, f64)>,
    /// Whether what is below the line is filled.
    pub(super) fill: Fill,
}

/// What is below a line of steps.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fill {
    Nothing,
    Area,
}

impl Steps {
    fn key(&self) -> Key {
        let shape = match self.fill {
            Fill::Nothing => Shape::Line(self.width),
            Fill::Area => Shape::Area(DENSE),
        };
        Key { name: self.name, colour: self.colour, shape }
    }

    /// Every corner of the line.
    fn path(&self) -> Vec<(f64, f64)> {
        let mut path: Vec<(f64, f64)> = Vec::new();
        for &(at, value) in &self.points {
            path.extend(path.last().map(|&(_, before)| (at, before)));
            path.push((at, value));
        }
        path
    }
}

/// How dense an area is.
const DENSE: f64 = 0.3;

/// A picture of steps over time, with the bands of faults. Areas hide nothing that comes after them.
pub(super) fn draw_steps(
    run: &Run,
    title: &str,
    description: &str,
    up: &str,
    lines: &[Steps],
) -> String {
    let most = lines.iter().flat_map(|line| &line.points).map(|point| point.1).fold(1.0, f64::max);
    let frame = Frame { title, description, height: 340 };
    frame.draw(|root| {
        let keys: Vec<Key> = lines.iter().map(Steps::key).collect();
        let ranges = (frame::time_range(run), frame::range(0.0, most * 1.2));
        let mut chart = frame.plane(root, &keys, 64, ranges);
        frame::bands(&mut chart, run, &Spans::of(run));
        // There is no half of anything that is counted here.
        let whole =
            |value: &f64| if value.fract() == 0.0 { frame::short(*value) } else { String::new() };
        frame::axes(&mut chart, "time (s)", up, Some(&whole));
        for line in lines {
            let path = frame::thin(&chart, &line.path());
            if let (Fill::Area, Some(first), Some(last)) = (line.fill, path.first(), path.last()) {
                let ground = [(last.0, 0.0), (first.0, 0.0)];
                let area: Vec<_> = path.iter().copied().chain(ground).collect();
                let area = Polygon::new(area, line.colour.mix(DENSE).filled());
                chart.plotting_area().draw(&area).expect(frame::SOUND);
            }
            let path = PathElement::new(path, line.colour.stroke_width(line.width));
            chart.plotting_area().draw(&path).expect(frame::SOUND);
        }
    })
}

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
        counts.iter().enumerate().map(window).collect()
    };
    let line = |name, colour, width, column, fill| {
        let points = per_second(column);
        Steps { name, colour, width, points, fill }
    };
    let lines = [
        line("asked", QUIET, 1, 0, Fill::Area),
        line("not done", CAREFUL, 2, 2, Fill::Nothing),
        line("unknown", DANGER, 2, 3, Fill::Nothing),
        line("ok", INK, 3, 1, Fill::Nothing),
    ];
    let description = "Steps, one per window of time: operations asked for, and how they ended.";
    let svg = draw_steps(run, &title, description, "operations per second", &lines);
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
    let mut line: Vec<(f64, f64)> =
        points.iter().map(|(at, many)| (seconds(*at), *many as f64)).collect();
    line.push((seconds(run.end.quiet_at), last as f64));
    let fill = Fill::Area;
    let lines = [Steps { name: "different", colour: INK, width: 2, points: line, fill }];
    let description =
        "A line of steps: how many registers are held differently by those that hold them.";
    let svg = draw_steps(run, &title, description, "registers", &lines);
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
