//! Charts: how long operations took, and how long nodes were in doubt; each with its table.
//!
//! ```text
//!   in doubt     p1 ▬▬▬▬▬▬▬▬▬     a bar per transaction and node, broken while the node is down
//!   doubts       ▁▂▅▇█            for how long, of all of them
//!   locks        ░▒█▒░ ✕          a row per key: held for how much of each window, and who met it
//!   sagas        ▁▂▃▂▁            under way and being undone, stacked
//!   saga_strips  ▬●▬●▬▲▬          a row per saga: its steps and compensations
//!   breakers     ▁▁██▄▁           a row per caller and callee: closed, half open, open
//!   backlog      ▁▃▅▃▁            accepted and without effect, and for how long the oldest is
//!   unpublished  ▁▃▅▃▁            the same of changes that others are to hear of
//!   inboxes      ▁▃▅▃▁            events that wait until a node is free
//!   at risk      ▁▂▁▂▁            logged and not yet synced: what a crash would lose
//!   lag          ▁▂▁▂▁            how far each copy is behind, in changes and in time
//!   syncs        ▁▅▇▅▁            asked of disks and done, per window of time
//!   clocks       ──┐__            how far each clock is from true time
//!   staleness    ·  ✕  ·          a point per read: how many newer versions it missed
//!   divergence   ▁▂▂▁             registers that replicas hold differently
//!   answers      ▔▔▁▁▔            asked, ok, not done, unknown, per window of time
//!   latency      ·  ·· ·  ▲  ✕    a point per operation, its shape says how it ended
//!   distribution ▁▂▅▇█            how latencies are spread
//!   tail         ▔▔╲_             the same for the few that wait longest
//!   messages     ▬▬▬▬             by kind, and forced writes
//! ```
//!
//! A run has those charts that its facts, its history and its instruments have something for; none
//! asks which protocol it was. All charts of a run share the axis of time and the bands of faults, so that
//! they can be read below each other. A title says what was found and out of how many. The axes
//! are drawn by `plotters`, which stays behind this module (see `frame` for its traps).
//!
//! Limits: labels are ASCII, since the width of others is not known without a font.

// One number against another, with intervals and formulas.
pub mod curves;

mod breakers;
mod clocks;
mod frame;
mod gantt;
mod heat;
mod lag;
mod levels;
mod lines;
mod locks;
mod over_time;
mod queues;
mod saga_strips;
mod staleness;
mod strips;
mod syncs;
mod tail;
mod totals;

pub use frame::cell;

use super::{
    heat_map::HeatMap,
    readings::Readings,
    spans::Spans,
    words::{ending_words, operation_words},
};
use crate::{
    base::time::{Duration, Time},
    engine::operations::{Ending, HistoryEntry},
    scenario::{plan::Plan, run::Run},
};
use frame::{CAREFUL, DANGER, Frame, INK, Key, Scale, Shape, TEXT, seconds};
use plotters::{
    element::{Circle, Cross, PathElement, TriangleMarker},
    prelude::*,
};
use std::collections::BTreeSet;

/// A chart and the table behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chart {
    /// What was found, as a sentence.
    pub title: String,
    /// The picture, an SVG document.
    pub svg: String,
    /// The same as comma-separated values.
    pub csv: String,
}

/// The time from in doubt to decided, per node and transaction, with locks held meanwhile.
pub fn in_doubt(run: &Run) -> Chart {
    gantt::in_doubt(run)
}

/// Every chart that a run of this plan has something for, each with its name.
///
/// # Panics
/// When the run is not one of this plan.
pub fn all(run: &Run, plan: &Plan) -> Vec<(&'static str, Chart)> {
    read(run, &Readings::of(run, plan))
}

/// The same with what instruments have shown.
fn read(run: &Run, readings: &Readings) -> Vec<(&'static str, Chart)> {
    let has_doubts = !Spans::of(run).doubts.is_empty();
    let charts = [
        ("in_doubt", has_doubts.then(|| in_doubt(run))),
        ("doubts", totals::doubts(run)),
        ("locks", locks::locks(run)),
        ("sagas", levels::sagas(run)),
        ("saga_strips", saga_strips::saga_strips(run)),
        ("breakers", breakers::breakers(run, readings)),
        ("backlog", queues::backlog(run)),
        ("unpublished", queues::unpublished(run)),
        ("inboxes", queues::inboxes(run, readings)),
        ("at_risk", levels::at_risk(run)),
        ("lag", lag::lag(run)),
        ("syncs", syncs::syncs(run)),
        ("clocks", clocks::clocks(run, readings)),
        ("staleness", staleness::staleness(run)),
        ("divergence", over_time::divergence(run)),
        ("answers", (!run.history.is_empty()).then(|| over_time::answers(run))),
        ("latency", Some(latency(run))),
        ("distribution", totals::distribution(run)),
        ("tail", tail::tail(run)),
        ("messages", totals::messages(run)),
    ];
    charts.into_iter().filter_map(|(name, chart)| Some((name, chart?))).collect()
}

/// What came of every fault at every event.
pub fn heat(map: &HeatMap) -> String {
    heat::heat(map)
}

/// The latency of every operation over time. What never ended is drawn at the end of the run.
pub fn latency(run: &Run) -> Chart {
    let mut points: Vec<Dot> = run.history.iter().map(|entry| dot(run, entry)).collect();
    points.sort_by_key(|dot| (dot.at, dot.took));
    let title = finding(&points);
    let description = "A point per operation: when it was asked across, how long it took up. \
                       Circles are done, triangles not done, crosses unknown or open. Strokes \
                       are quantiles of those done, for each sixteenth of the run.";
    let frame = Frame { title: &title, description, height: 420 };
    let svg = frame.draw(|root| {
        let milliseconds = points.iter().map(|dot| dot.took.as_nanos() as f64 / 1e6);
        let scale = Scale::of(milliseconds);
        let ranges = (frame::time_range(run), scale.range.clone());
        let mut chart = frame.plane(root, &KEYS, 64, ranges);
        frame::bands(&mut chart, run, &Spans::of(run));
        let label = |value: &f64| scale.label(*value);
        frame::axes(&mut chart, "time asked (s)", "latency (ms)", Some(&label));
        draw_points(&mut chart, &points, &scale);
        draw_quantiles(&chart, &points, &scale);
    });
    Chart { title, svg, csv: table(run) }
}

/// How an operation ended, as far as shapes go.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Done,
    NotDone,
    Unknown,
}

struct Dot {
    at: Time,
    took: Duration,
    fate: Fate,
}

fn dot(run: &Run, entry: &HistoryEntry) -> Dot {
    let (ended, fate) = match entry.ending {
        Some((at, Ending::Ok(_))) => (at, Fate::Done),
        Some((at, Ending::NotDone)) => (at, Fate::NotDone),
        Some((at, Ending::Unknown)) => (at, Fate::Unknown),
        None => (run.end.quiet_at, Fate::Unknown),
    };
    Dot { at: entry.invoked_at, took: ended.saturating_since(entry.invoked_at), fate }
}

fn finding(points: &[Dot]) -> String {
    let of = |fate| points.iter().filter(|dot| dot.fate == fate).count();
    let (done, not_done, unknown) = (of(Fate::Done), of(Fate::NotDone), of(Fate::Unknown));
    let number = points.len();
    format!("Operations: {done} ok, {not_done} not done, {unknown} unknown (n = {number})")
}

fn draw_points(chart: &mut frame::Plane<'_, '_>, points: &[Dot], scale: &Scale) {
    // Points that fall on one pixel are one point.
    let mut drawn = BTreeSet::new();
    for dot in points {
        let place = (seconds(dot.at), scale.place(dot.took.as_nanos() as f64 / 1e6));
        if !drawn.insert((dot.fate, chart.backend_coord(&place))) {
            continue;
        }
        let series = chart.plotting_area();
        match dot.fate {
            Fate::Done => series.draw(&Circle::new(place, 3, INK.mix(0.75).filled())),
            Fate::NotDone => series.draw(&TriangleMarker::new(place, 5, CAREFUL.filled())),
            Fate::Unknown => series.draw(&Cross::new(place, 5, DANGER.stroke_width(2))),
        }
        .expect(frame::SOUND);
    }
}

const KEYS: [Key<'static>; 5] = [
    Key { name: "ok", colour: INK, shape: Shape::Circle },
    Key { name: "not done", colour: CAREFUL, shape: Shape::Triangle },
    Key { name: "unknown or open", colour: DANGER, shape: Shape::Cross },
    Key { name: "half of the ok ones within", colour: TEXT, shape: Shape::Line(3) },
    Key { name: "95 % within", colour: TEXT, shape: Shape::Line(1) },
];

/// Quantiles of what was done, one stroke for each part of the run in which enough was.
fn draw_quantiles(chart: &frame::Plane<'_, '_>, points: &[Dot], scale: &Scale) {
    const PARTS: usize = 16;
    const ENOUGH: usize = 8;
    let end = chart.x_range().end;
    let mut parts: Vec<Vec<Duration>> = vec![Vec::new(); PARTS];
    for dot in points.iter().filter(|dot| dot.fate == Fate::Done) {
        let part = (seconds(dot.at) / end * PARTS as f64) as usize;
        parts[part.min(PARTS - 1)].push(dot.took);
    }
    for (nth, took) in parts.iter_mut().enumerate().filter(|(_, took)| took.len() >= ENOUGH) {
        took.sort_unstable();
        let edge = |nth: usize| end * nth as f64 / PARTS as f64;
        for (percent, width) in [(50, 3), (95, 1)] {
            let within = took[(took.len() * percent).div_ceil(100) - 1];
            let y = scale.place(within.as_nanos() as f64 / 1e6);
            let stroke = vec![(edge(nth), y), (edge(nth + 1), y)];
            let stroke = PathElement::new(stroke, TEXT.stroke_width(width));
            chart.plotting_area().draw(&stroke).expect(frame::SOUND);
        }
    }
}

fn table(run: &Run) -> String {
    let mut table = "op,client,node,operation,invoked_ns,ended_ns,latency_ns,ending\n".to_owned();
    for entry in &run.history {
        let (ended, latency, ending) = match entry.ending {
            Some((at, ending)) => {
                let took = at.saturating_since(entry.invoked_at);
                let ended = at.as_nanos().to_string();
                (ended, took.as_nanos().to_string(), ending_words(ending))
            }
            None => (String::new(), String::new(), "open".to_owned()),
        };
        let row = [
            entry.op.to_string(),
            run.catalog.endpoint(run.catalog.client_end(entry.client)),
            run.catalog.node(entry.node).to_owned(),
            operation_words(entry.operation),
            entry.invoked_at.as_nanos().to_string(),
            ended,
            latency,
            ending,
        ];
        table += &(row.map(|text| cell(&text)).join(",") + "\n");
    }
    table
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            fixture::{Sketch, hostile, one_event, unrecorded},
            svg::assert_sound,
        },
        *,
    };

    #[test]
    fn every_chart_is_sound_and_the_same_twice() {
        for run in [
            Sketch::coordinator_crash().run(42),
            Sketch::busy().run(7),
            hostile(),
            one_event(),
            unrecorded(),
        ] {
            for (name, chart) in read(&run, &Readings::default()) {
                assert_sound(&chart.svg);
                assert!(chart.title.contains("(n = "), "{name} says how many: {}", chart.title);
                assert!(chart.csv.lines().count() > 1 || chart.title.contains("(n = 0"), "{name}");
            }
            let readings = Readings::default();
            assert_eq!(read(&run, &readings), read(&run, &readings));
        }
    }

    #[test]
    fn a_table_has_a_row_per_case_and_quotes_what_would_break_it() {
        let run = hostile();
        let table = in_doubt(&run).csv;
        let rows = table.lines().count();
        assert_eq!(rows, 1 + Spans::of(&run).doubts.len() + Spans::of(&run).locks.len());
        assert_eq!(latency(&run).csv.lines().count(), 1 + run.history.len());
        assert_eq!(cell("a,\"b"), "\"a,\"\"b\"");
        assert_eq!(cell("=1+1"), "'=1+1");
    }
}
