//! What a whole run comes to: how operations were spread over latencies, and what it cost in messages.
//!
//! ```text
//!   distribution   100 % ┤      ▁▔▔▔     the share that was answered ok within so long
//!   doubts         100 % ┤  ▁▔▔▔▔▔▔▔     the share of doubts that had ended after so long
//!   messages       Yes ▬▬▬▬▬▬▬ 57        a bar per kind: arrived, and what did not
//! ```
//!
//! A cumulative curve shows every span without a choice of bins. Messages that nodes send to
//! themselves are calls and cost nothing, so they are not counted. Records stand below messages,
//! since a protocol that saves the one often pays with the other.

use super::{
    Chart,
    frame::{self, DANGER, Frame, INK, Key, LOCKED, QUIET, Scale, Shape, TEXT, ascii, cell},
    over_time::took,
};
use crate::{
    base::time::Duration,
    engine::counters::MessageCounts,
    report::{
        spans::{Spans, simulated},
        text::rough,
    },
    scenario::run::Run,
};
use plotters::{
    element::{PathElement, Text},
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};
use std::fmt::Write as _;

/// How latencies of operations that were answered ok are spread; nothing where none was.
pub(super) fn distribution(run: &Run) -> Option<Chart> {
    let mut spans: Vec<_> = run.history.iter().filter_map(took).collect();
    spans.sort_unstable();
    let (number, all) = (spans.len(), run.history.len());
    let most = *spans.last()?;
    let quantile = |percent: usize| rough(spans[(number * percent).div_ceil(100).max(1) - 1]);
    let title = format!(
        "Answered ok: half within {}, 99 % within {}, all within {} (n = {number} of {all})",
        quantile(50),
        quantile(99),
        rough(most)
    );
    let description = "The share of operations answered ok that took no longer than so long.";
    let frame = Frame { title: &title, description, height: 320 };
    let svg = spread(&frame, &spans, number, ["latency (ms)", "answered ok (%)"]);
    let mut csv = "latency_ns,answered_within\n".to_owned();
    for (nth, span) in spans.iter().enumerate() {
        _ = writeln!(csv, "{},{}", span.as_nanos(), nth + 1);
    }
    Some(Chart { title, svg, csv })
}

/// How long doubts lasted; nothing where nobody was in doubt.
pub(super) fn doubts(run: &Run) -> Option<Chart> {
    let (doubts, end) = (Spans::of(run).doubts, simulated(run));
    let mut all: Vec<(Duration, bool)> =
        doubts.iter().map(|doubt| (doubt.length(end), doubt.until.is_some())).collect();
    all.sort_unstable();
    let number = all.len();
    let ended: Vec<Duration> = all.iter().filter(|one| one.1).map(|one| one.0).collect();
    let half = all.get(number.checked_sub(1)? / 2).map_or(Duration::ZERO, |one| one.0);
    let open = number - ended.len();
    let longest = rough(all.last()?.0);
    let last = if open == 0 { String::new() } else { format!(", {open} never ended") };
    let title = format!(
        "In doubt: half for {} at most, the longest for {longest}{last} (n = {number})",
        rough(half)
    );
    let description = "The share of doubts that had ended after so long.";
    let frame = Frame { title: &title, description, height: 320 };
    let svg = spread(&frame, &ended, number, ["in doubt (ms)", "decided (%)"]);
    let mut csv = "in_doubt_ns,ended\n".to_owned();
    for (length, is_ended) in &all {
        _ = writeln!(csv, "{},{is_ended}", length.as_nanos());
    }
    Some(Chart { title, svg, csv })
}

/// The curve of spans, shortest first, as shares of so many.
fn spread(frame: &Frame<'_>, spans: &[Duration], number: usize, axes: [&str; 2]) -> String {
    let milliseconds = |span: &Duration| span.as_nanos() as f64 / 1e6;
    frame.draw(|root| {
        let scale = Scale::of(spans.iter().map(milliseconds));
        let mut chart = frame.plane(root, &[], 64, (scale.range.clone(), frame::range(0.0, 104.0)));
        let mut mesh = chart.configure_mesh();
        mesh.disable_mesh().x_desc(axes[0]).y_desc(axes[1]);
        mesh.axis_style(QUIET).label_style(frame::small(TEXT));
        let (across, up) = (|value: &f64| scale.label(*value), |value: &f64| frame::short(*value));
        mesh.x_label_formatter(&across).y_label_formatter(&up);
        mesh.draw().expect(frame::SOUND);
        let mut path = vec![(scale.range.start, 0.0)];
        for (nth, span) in spans.iter().enumerate() {
            let x = scale.place(milliseconds(span));
            let before = path.last().map_or(0.0, |point| point.1);
            path.push((x, before));
            path.push((x, (nth + 1) as f64 * 100.0 / number as f64));
        }
        path.push((scale.range.end, path.last().map_or(0.0, |point| point.1)));
        let line = PathElement::new(frame::thin(&chart, &path), INK.stroke_width(2));
        chart.plotting_area().draw(&line).expect(frame::SOUND);
    })
}

const ROW: i32 = 26;
const LEFT: i32 = 190;

/// A kind of message or record, and how many there were.
struct Row {
    name: String,
    sent: u64,
    /// How many of them did not arrive.
    lost: u64,
    colour: RGBColor,
}

/// How many messages of each kind were sent, and how many of them did not arrive; below, records.
pub(super) fn messages(run: &Run) -> Option<Chart> {
    let kinds = kinds(run);
    let total: u64 = kinds.iter().map(|(_, counts)| counts.sent).sum();
    let ok = run.counters.operations.ok;
    let per = |count: u64| count as f64 / ok as f64;
    let records = records(run);
    let mut rows: Vec<Row> = kinds
        .iter()
        .map(|(name, counts)| {
            let lost = lost(counts).min(counts.sent);
            Row { name: name.clone(), sent: counts.sent, lost, colour: INK }
        })
        .collect();
    rows.first()?;
    rows.extend(records.iter().filter(|(_, count)| *count > 0).map(|(name, count)| Row {
        name: (*name).to_owned(),
        sent: *count,
        lost: 0,
        colour: LOCKED,
    }));
    let forced = records[0].1;
    let each = if ok == 0 {
        String::new()
    } else {
        let writes = match forced {
            0 => String::new(),
            _ => format!(" and {:.1} forced writes", per(forced)),
        };
        format!(", {:.1} messages{writes} for each", per(total))
    };
    let title = format!("{total} messages for {ok} operations answered ok{each} (n = {total})");
    let svg = draw_rows(&title, &rows);
    let mut csv = "what,sent,delivered,copied,dropped,corrupt,cut,dead,overflowed\n".to_owned();
    for (name, c) in &kinds {
        let name = cell(name);
        _ = writeln!(
            csv,
            "{name},{},{},{},{},{},{},{},{}",
            c.sent, c.delivered, c.copied, c.dropped, c.corrupt, c.cut, c.dead, c.overflowed
        );
    }
    for (name, count) in records {
        _ = writeln!(csv, "{name},{count},,,,,,,");
    }
    Some(Chart { title, svg, csv })
}

/// Kinds of messages, the most frequent first.
fn kinds(run: &Run) -> Vec<(String, MessageCounts)> {
    let roles = 0..run.catalog.roles.len();
    let counted = |label: usize| {
        let zero = MessageCounts::default();
        roles.clone().fold(zero, |sum, role| sum.plus(run.counters.messages_of(role, label)))
    };
    let names = run.catalog.messages.names().iter().enumerate();
    let mut kinds: Vec<(String, MessageCounts)> = names
        .map(|(label, name)| (name.clone(), counted(label)))
        .filter(|(_, counts)| counts.sent > 0)
        .collect();
    kinds.sort_by(|one, other| (other.1.sent, &one.0).cmp(&(one.1.sent, &other.0)));
    kinds
}

fn lost(counts: &MessageCounts) -> u64 {
    counts.dropped + counts.corrupt + counts.cut + counts.dead + counts.overflowed
}

/// How many records were forced, and how many were not.
fn records(run: &Run) -> [(&'static str, u64); 2] {
    let (mut forced, mut unforced) = (0, 0);
    for role in 0..run.catalog.roles.len() {
        for label in 0..run.catalog.records.names().len() {
            let counts = run.counters.records_of(role, label);
            forced += counts.forced;
            unforced += counts.unforced;
        }
    }
    [("forced writes", forced), ("unforced writes", unforced)]
}

const KEYS: [Key<'static>; 3] = [
    Key { name: "messages", colour: INK, shape: Shape::Area(1.0) },
    Key { name: "of these, not arrived", colour: DANGER, shape: Shape::Area(0.35) },
    Key { name: "records", colour: LOCKED, shape: Shape::Area(1.0) },
];

fn draw_rows(title: &str, rows: &[Row]) -> String {
    let description = "A bar per kind of message: what was sent, with what did not arrive at its \
                       end; and a bar for records that were forced, and for those that were not.";
    let most = rows.iter().map(|row| row.sent).max().unwrap_or(1).max(1) as f64;
    let top = frame::HEAD as i32 + 4;
    let height = (top + ROW * rows.len() as i32 + 20) as u32;
    let frame = Frame { title, description, height };
    frame.draw(|root| {
        frame.head(root, &KEYS);
        let room = f64::from(frame::WIDTH) - f64::from(LEFT) - 170.0;
        for (row, nth) in rows.iter().zip(0..) {
            let y = top + ROW * nth;
            let name: String = ascii(&row.name).chars().take(24).collect();
            let end_of_name = frame::small(TEXT).pos(Pos::new(HPos::Right, VPos::Top));
            root.draw(&Text::new(name, (LEFT - 10, y + 3), end_of_name)).expect(frame::SOUND);
            let end = LEFT + (row.sent as f64 / most * room).max(1.0) as i32;
            let gone = end - (row.lost as f64 / most * room) as i32;
            let bar = |from: i32, to: i32, style: ShapeStyle| {
                root.draw(&Rectangle::new([(from, y), (to, y + 17)], style)).expect(frame::SOUND);
            };
            bar(LEFT, gone, row.colour.filled());
            if gone < end {
                bar(gone, end, DANGER.mix(0.35).filled());
                bar(gone, end, DANGER.stroke_width(1));
            }
            let mut told = row.sent.to_string();
            if row.lost > 0 {
                _ = write!(told, ", {} not arrived", row.lost);
            }
            root.draw(&Text::new(told, (end + 8, y + 3), frame::small(TEXT))).expect(frame::SOUND);
        }
    })
}
