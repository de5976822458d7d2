//! What changes in the course of a run: answers per window, replicas that differ, reads that are behind.
//!
//! ```text
//!   answers      asked ▔▔▔▁▁▁   ok ▔▔▔▁▁▁      steps, a window each; where no answer comes is the title
//!   divergence   ▁▂▂▁▁▁                        how many registers are held differently
//!   staleness    ·  ·   ✕                      a point per read: how many newer versions it missed
//! ```
//!
//! All three read what checkers read, history and facts, and know no protocol. Staleness counts a
//! write only if it had ended before the read began, and began when the version read was in place:
//! what overlaps is given to the benefit of the store (Bailis and others, PVLDB 5(8), 2012).

use super::{
    Chart,
    frame::{self, CAREFUL, DANGER, Frame, INK, QUIET, Scale, cell, seconds},
};
use crate::{
    base::{
        ids::NodeId,
        time::{Duration, Time},
    },
    engine::{
        facts::Fact,
        operations::{Ending, HistoryEntry, Operation},
        signal::What,
    },
    report::{spans::Spans, text::rough},
    scenario::run::Run,
};
use plotters::{
    element::{Circle, Cross, PathElement, Text},
    prelude::*,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

/// Into how many windows a run is cut.
const WINDOWS: u64 = 48;

/// A line of steps: what holds from each instant on.
struct Steps {
    name: &'static str,
    colour: RGBColor,
    width: u32,
    points: Vec<(f64, f64)>,
}

/// A picture of steps over time, with the bands of faults.
fn draw_steps(run: &Run, title: &str, description: &str, up: &str, lines: &[Steps]) -> String {
    let most = lines.iter().flat_map(|line| &line.points).map(|point| point.1).fold(1.0, f64::max);
    Frame { title, description, height: 320 }.draw(|root| {
        let mut chart = ChartBuilder::on(root)
            .caption(title, frame::caption())
            .margin(14)
            .x_label_area_size(40)
            .y_label_area_size(64)
            .build_cartesian_2d(frame::time_range(run), frame::range(0.0, most * 1.2))
            .expect(frame::SOUND);
        frame::bands(&mut chart, run, &Spans::of(run));
        frame::axes(&mut chart, "time (s)", up, Some(&|value: &f64| frame::short(*value)));
        for (nth, line) in lines.iter().enumerate() {
            let mut path: Vec<(f64, f64)> = Vec::new();
            for &(at, value) in &line.points {
                path.extend(path.last().map(|&(_, before)| (at, before)));
                path.push((at, value));
            }
            let style = line.colour.stroke_width(line.width);
            chart.plotting_area().draw(&PathElement::new(path, style)).expect(frame::SOUND);
            let x = frame::WIDTH as i32 - 110 * (lines.len() - nth) as i32;
            let key = PathElement::new(vec![(x, 34), (x + 18, 34)], style);
            root.draw(&key).expect(frame::SOUND);
            let text = Text::new(line.name, (x + 24, 28), frame::small(QUIET));
            root.draw(&text).expect(frame::SOUND);
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
    let lines = [
        Steps { name: "asked", colour: QUIET, width: 1, points: per_second(0) },
        Steps { name: "ok", colour: INK, width: 3, points: per_second(1) },
        Steps { name: "not done", colour: CAREFUL, width: 1, points: per_second(2) },
        Steps { name: "unknown", colour: DANGER, width: 1, points: per_second(3) },
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

/// How many registers replicas hold differently; nothing where no replica holds any.
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
    let lines = [Steps { name: "different", colour: INK, width: 2, points: line }];
    let description =
        "A line of steps: how many registers are held differently by those that hold them.";
    let svg = draw_steps(run, &title, description, "registers", &lines);
    let mut csv = "at_ns,registers_held_differently\n".to_owned();
    for (at, many) in points {
        _ = writeln!(csv, "{},{many}", at.as_nanos());
    }
    Some(Chart { title, svg, csv })
}

/// A write of a register: what, when it was asked, when it was answered ok.
struct Written {
    value: i64,
    began: Time,
    ended: Option<Time>,
}

/// How many versions each read missed; nothing where no register was read.
pub(super) fn staleness(run: &Run) -> Option<Chart> {
    let mut writes: BTreeMap<u32, Vec<Written>> = BTreeMap::new();
    for entry in &run.history {
        if let Operation::Write { key, value } = entry.operation {
            let ended = match entry.ending {
                Some((at, Ending::Ok(_))) => Some(at),
                _ => None,
            };
            writes.entry(key).or_default().push(Written { value, began: entry.invoked_at, ended });
        }
    }
    let reads: Vec<(&HistoryEntry, u32, i64)> = run
        .history
        .iter()
        .filter_map(|entry| match (entry.operation, entry.ending) {
            (Operation::Read { key }, Some((_, Ending::Ok(Some(value))))) => {
                Some((entry, key, value))
            }
            _ => None,
        })
        .collect();
    let missed = |entry: &HistoryEntry, key: u32, value: i64| {
        let known = writes.get(&key).map_or(&[][..], Vec::as_slice);
        // What nobody wrote was there at first, and is older than all.
        let in_place = match known.iter().find(|write| write.value == value) {
            Some(write) => write.ended,
            None => Some(Time::ZERO),
        };
        let newer = |write: &&Written| {
            in_place.is_some_and(|in_place| in_place <= write.began)
                && write.ended.is_some_and(|ended| ended < entry.invoked_at)
                && write.value != value
        };
        known.iter().filter(newer).count() as u64
    };
    let points: Vec<(&HistoryEntry, u32, i64, u64)> = reads
        .iter()
        .map(|&(entry, key, value)| (entry, key, value, missed(entry, key, value)))
        .collect();
    let number = points.len();
    let worst = points.iter().map(|point| point.3).max()?;
    let stale = points.iter().filter(|point| point.3 > 0).count();
    let title = if stale == 0 {
        format!("No read missed a write that had ended before it (n = {number})")
    } else {
        let versions = if worst == 1 { "version" } else { "versions" };
        format!(
            "{stale} of {number} reads were stale, at most {worst} {versions} behind (n = {number})"
        )
    };
    let description = "A point per read: how many newer versions it missed; crosses are stale.";
    let svg = Frame { title: &title, description, height: 320 }.draw(|root| {
        let scale = Scale::of(std::iter::once(worst.max(1) as f64));
        let mut chart = ChartBuilder::on(root)
            .caption(&title, frame::caption())
            .margin(14)
            .x_label_area_size(40)
            .y_label_area_size(64)
            .build_cartesian_2d(frame::time_range(run), frame::range(-0.3, scale.range.end))
            .expect(frame::SOUND);
        frame::bands(&mut chart, run, &Spans::of(run));
        let whole =
            |value: &f64| if value.fract() == 0.0 { frame::short(*value) } else { String::new() };
        frame::axes(&mut chart, "time asked (s)", "versions behind", Some(&whole));
        let mut drawn = BTreeSet::new();
        for (entry, .., missed) in &points {
            let place = (seconds(entry.invoked_at), *missed as f64);
            if !drawn.insert(chart.backend_coord(&place)) {
                continue;
            }
            let area = chart.plotting_area();
            if *missed == 0 {
                area.draw(&Circle::new(place, 3, INK.mix(0.6).filled())).expect(frame::SOUND);
            } else {
                area.draw(&Cross::new(place, 5, DANGER.stroke_width(2))).expect(frame::SOUND);
            }
        }
    });
    let mut csv = "op,node,key,value,asked_ns,versions_behind\n".to_owned();
    for (entry, key, value, missed) in points {
        let node = cell(run.catalog.node(entry.node));
        _ = writeln!(
            csv,
            "{},{node},{key},{value},{},{missed}",
            entry.op,
            entry.invoked_at.as_nanos()
        );
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
