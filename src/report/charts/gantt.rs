//! Who was in doubt about what, for how long: bars on one axis of time.
//!
//! ```text
//!   p1  ▐ t0 ▬▬▬▬▬▬▬▬▬▬▬▬▌      thick: in doubt     thin below: its locks
//!   p2  ▐ t0 ▬▬▬▬░░░▬▬▬▬▬▌      pale: the node was down
//! ```
//!
//! A row holds transactions of one node that do not overlap, so that a node with few at a time
//! stays low. Bars are drawn from spans, which come from facts: any protocol that votes has them.
//!
//! Limits: sixty rows; the title says when there were more.

use super::{
    super::{
        spans::{Span, Spans, simulated},
        text::rough,
    },
    Chart,
    frame::{self, CAREFUL, DANGER, Frame, Key, LOCKED, QUIET, Shape, TEXT, ascii, cell, seconds},
};
use crate::{
    base::{
        ids::{NodeId, TxnId},
        time::Time,
    },
    scenario::run::Run,
};
use plotters::{element::Text, prelude::*};
use std::{collections::BTreeMap, fmt::Write as _};

/// The chart of doubts and locks.
pub(super) fn in_doubt(run: &Run) -> Chart {
    let spans = Spans::of(run);
    let mut rows = rows(bars(&spans));
    let left_out = rows.len().saturating_sub(ROWS_MAX);
    rows.truncate(ROWS_MAX);
    let mut title = finding(run, &spans);
    if 0 < left_out {
        _ = write!(title, ", {left_out} more rows left out");
    }
    let height = 150 + rows.len().max(2) as u32 * ROW_HEIGHT;
    let description = "A bar per transaction and node: thick from its promise to the decision, \
                       thin while it holds locks, pale while the node is down.";
    let frame = Frame { title: &title, description, height };
    let svg = frame.draw(|root| draw(&frame, root, run, &spans, &rows));
    Chart { title, svg, csv: table(run, &spans) }
}

const ROWS_MAX: usize = 60;
const ROW_HEIGHT: u32 = 28;
/// Room above the first row, in rows, for the names of faults.
const HEADROOM: f64 = 0.8;

/// One transaction at one node.
struct Bar {
    node: NodeId,
    txn: TxnId,
    doubt: Option<(Time, Option<Time>)>,
    lock: Option<(Time, Option<Time>)>,
}

impl Bar {
    fn since(&self) -> Time {
        let starts = self.doubt.iter().chain(&self.lock).map(|span| span.0);
        starts.min().unwrap_or(Time::ZERO)
    }

    fn until(&self) -> Time {
        let ends = self.doubt.iter().chain(&self.lock).map(|span| span.1.unwrap_or(Time::MAX));
        ends.max().unwrap_or(Time::ZERO)
    }
}

fn bars(spans: &Spans) -> Vec<Bar> {
    let mut bars: BTreeMap<(NodeId, TxnId), Bar> = BTreeMap::new();
    let bar = |node, txn| Bar { node, txn, doubt: None, lock: None };
    for doubt in &spans.doubts {
        let (node, txn) = (doubt.of.node, doubt.of.txn);
        let bar = bars.entry((node, txn)).or_insert_with(|| bar(node, txn));
        bar.doubt = Some(joined(bar.doubt, doubt));
    }
    for lock in &spans.locks {
        let (node, txn) = (lock.of.node, lock.of.txn);
        let bar = bars.entry((node, txn)).or_insert_with(|| bar(node, txn));
        bar.lock = Some(joined(bar.lock, lock));
    }
    let mut bars: Vec<Bar> = bars.into_values().collect();
    bars.sort_by_key(|bar| (bar.node, bar.since(), bar.txn));
    bars
}

/// From the first beginning to the last end.
fn joined<T>(known: Option<(Time, Option<Time>)>, span: &Span<T>) -> (Time, Option<Time>) {
    let Some((since, until)) = known else { return (span.since, span.until) };
    (since.min(span.since), until.zip(span.until).map(|(a, b)| a.max(b)))
}

/// Puts each bar into the first row of its node that is free by then.
fn rows(bars: Vec<Bar>) -> Vec<Vec<Bar>> {
    let mut rows: Vec<Vec<Bar>> = Vec::new();
    for bar in bars {
        let free = |row: &&mut Vec<Bar>| {
            row.last().is_some_and(|last| last.node == bar.node && last.until() < bar.since())
        };
        match rows.iter_mut().find(free) {
            Some(row) => row.push(bar),
            None => rows.push(vec![bar]),
        }
    }
    rows
}

fn finding(run: &Run, spans: &Spans) -> String {
    let end = simulated(run);
    let longest = spans.doubts.iter().max_by_key(|doubt| doubt.length(end));
    let Some(longest) = longest else { return "Nobody was in doubt (n = 0)".to_owned() };
    let (node, txn) = (ascii(run.catalog.node(longest.of.node)), longest.of.txn);
    let (length, number) = (rough(longest.length(end)), spans.doubts.len());
    format!("Longest in doubt: {node} about {txn} for {length} (n = {number})")
}

fn draw(frame: &Frame<'_>, root: &frame::Area<'_>, run: &Run, spans: &Spans, rows: &[Vec<Bar>]) {
    let across = frame::time_range(run);
    let height = rows.len().max(2) as f64;
    let ranges = (across.clone(), frame::range(0.0, height + HEADROOM));
    let mut chart = frame.plane(root, &KEYS, 110, ranges);
    frame::bands(&mut chart, run, spans);
    frame::axes(&mut chart, "time (s)", "", None);
    for (nth, row) in rows.iter().enumerate() {
        let top = height - nth as f64;
        let column = |at: Time| chart.backend_coord(&(seconds(at).min(across.end), top)).0;
        // Bars that fall on one column are one bar: of many short ones no pixel shows two.
        let mut narrow = None;
        for bar in row {
            let edges = (column(bar.since()), column(bar.until().min(run.end.quiet_at)));
            if edges.0 == edges.1 && narrow.replace(edges.0) == Some(edges.0) {
                continue;
            }
            draw_bar(&chart, bar, top, across.end);
            draw_gaps(&chart, spans, bar, (top, across.end));
        }
        let node = row[0].node;
        if nth == 0 || rows[nth - 1][0].node != node {
            name(root, &chart, run, node, (top, across.end));
        }
    }
}

fn rectangle(
    chart: &frame::Plane<'_, '_>,
    (since, until): (f64, f64),
    (low, high): (f64, f64),
    style: ShapeStyle,
) {
    let shape = Rectangle::new([(since, low), (until, high)], style);
    chart.plotting_area().draw(&shape).expect(frame::SOUND);
}

fn draw_bar(chart: &frame::Plane<'_, '_>, bar: &Bar, top: f64, end: f64) {
    let across = |(since, until): (Time, Option<Time>)| {
        (seconds(since).min(end), until.map_or(end, seconds).min(end))
    };
    if let Some(span) = bar.doubt {
        rectangle(chart, across(span), (top - 0.62, top - 0.1), CAREFUL.mix(0.28).filled());
        rectangle(chart, across(span), (top - 0.62, top - 0.1), CAREFUL.stroke_width(1));
    }
    if let Some(span) = bar.lock {
        rectangle(chart, across(span), (top - 0.86, top - 0.72), LOCKED.mix(0.6).filled());
    }
    let (since, until) = across((bar.since(), Some(bar.until())));
    let left = chart.backend_coord(&(since, top - 0.14));
    let right = chart.backend_coord(&(until, top));
    let text = bar.txn.to_string();
    if text.len() as i32 * 8 + 6 < right.0 - left.0 && bar.doubt.is_some() {
        // Shifted by pixels, so that the text does not touch the end of its bar.
        let text = Text::new(text, (5, 0), frame::small(TEXT));
        let shifted = EmptyElement::at((since, top - 0.14)) + text;
        chart.plotting_area().draw(&shifted).expect(frame::SOUND);
    }
}

/// Makes a bar pale while its node is down.
fn draw_gaps(chart: &frame::Plane<'_, '_>, spans: &Spans, bar: &Bar, (top, end): (f64, f64)) {
    for down in spans.down.iter().filter(|down| down.of.node == bar.node) {
        let since = down.since.max(bar.since());
        let until = down.until.unwrap_or(Time::MAX).min(bar.until());
        if since < until {
            let span = (seconds(since).min(end), seconds(until).min(end));
            rectangle(chart, span, (top - 0.9, top - 0.06), WHITE.mix(0.65).filled());
            rectangle(chart, span, (top - 0.9, top - 0.06), DANGER.stroke_width(1));
        }
    }
}

/// Names a node beside its first row, and draws a line above it.
fn name(
    root: &frame::Area<'_>,
    chart: &frame::Plane<'_, '_>,
    run: &Run,
    node: NodeId,
    (top, end): (f64, f64),
) {
    const LETTERS_MAX: usize = 14;
    rectangle(chart, (0.0, end), (top, top), QUIET.mix(0.5).stroke_width(1));
    let (_, y) = chart.backend_coord(&(0.0, top - 0.16));
    let name: String = ascii(run.catalog.node(node)).chars().take(LETTERS_MAX).collect();
    let x = 112 - name.len() as i32 * 7;
    root.draw(&Text::new(name, (x, y), frame::small(TEXT))).expect(frame::SOUND);
}

const KEYS: [Key<'static>; 3] = [
    Key { name: "in doubt", colour: CAREFUL, shape: Shape::Area(0.28) },
    Key { name: "locks held", colour: LOCKED, shape: Shape::Area(0.6) },
    Key { name: "node down", colour: DANGER, shape: Shape::Area(0.08) },
];

fn table(run: &Run, spans: &Spans) -> String {
    let mut table = "node,txn,what,key,since_ns,until_ns,length_ns\n".to_owned();
    let end = simulated(run);
    let mut add = |node, txn: TxnId, what, key: String, (since, until): (Time, Option<Time>)| {
        let length = until.unwrap_or(end).saturating_since(since).as_nanos();
        let until = until.map_or_else(String::new, |until| until.as_nanos().to_string());
        let (node, since) = (cell(run.catalog.node(node)), since.as_nanos());
        _ = writeln!(table, "{node},{txn},{what},{key},{since},{until},{length}");
    };
    for doubt in &spans.doubts {
        let of = doubt.of;
        add(of.node, of.txn, "in_doubt", String::new(), (doubt.since, doubt.until));
    }
    for lock in &spans.locks {
        let of = lock.of;
        add(of.node, of.txn, "lock", of.key.to_string(), (lock.since, lock.until));
    }
    table
}
