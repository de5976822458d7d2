//! What a whole run comes to: how operations were spread over latencies, and what it cost in messages.
//!
//! ```text
//!   distribution   100 % ┤      ▁▔▔▔     the share that was answered ok within so long
//!   messages       Yes ▬▬▬▬▬▬▬ 57        a bar per kind: arrived, and what did not
//! ```
//!
//! A cumulative curve shows every latency without a choice of bins. Messages that nodes send to
//! themselves are calls and cost nothing, so they are not counted.

use super::{
    Chart,
    frame::{self, DANGER, Frame, INK, QUIET, Scale, TEXT, ascii, cell},
    over_time::took,
};
use crate::{engine::counters::MessageCounts, report::text::rough, scenario::run::Run};
use plotters::{
    element::{PathElement, Text},
    prelude::*,
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
    let milliseconds = |span: crate::base::time::Duration| span.as_nanos() as f64 / 1e6;
    let svg = Frame { title: &title, description, height: 320 }.draw(|root| {
        let scale = Scale::of(spans.iter().map(|span| milliseconds(*span)));
        let mut chart = ChartBuilder::on(root)
            .caption(&title, frame::caption())
            .margin(14)
            .x_label_area_size(40)
            .y_label_area_size(64)
            .build_cartesian_2d(scale.range.clone(), frame::range(0.0, 104.0))
            .expect(frame::SOUND);
        let mut mesh = chart.configure_mesh();
        mesh.disable_mesh().x_desc("latency (ms)").y_desc("answered ok (%)");
        mesh.axis_style(QUIET).label_style(frame::small(TEXT));
        let (across, up) = (|value: &f64| scale.label(*value), |value: &f64| frame::short(*value));
        mesh.x_label_formatter(&across).y_label_formatter(&up);
        mesh.draw().expect(frame::SOUND);
        let mut path = vec![(scale.range.start, 0.0)];
        for (nth, span) in spans.iter().enumerate() {
            let x = scale.place(milliseconds(*span));
            let before = path.last().map_or(0.0, |point| point.1);
            path.push((x, before));
            path.push((x, (nth + 1) as f64 * 100.0 / number as f64));
        }
        path.push((scale.range.end, 100.0));
        let mut last = None;
        // Points that fall on one pixel are one point.
        path.retain(|point| {
            let place = chart.backend_coord(point);
            last.replace(place) != Some(place)
        });
        let line = PathElement::new(path, INK.stroke_width(2));
        chart.plotting_area().draw(&line).expect(frame::SOUND);
    });
    let mut csv = "latency_ns,answered_within\n".to_owned();
    for (nth, span) in spans.iter().enumerate() {
        _ = writeln!(csv, "{},{}", span.as_nanos(), nth + 1);
    }
    Some(Chart { title, svg, csv })
}

const ROW: i32 = 26;
const LEFT: i32 = 190;
const TOP: i32 = 56;

/// How many messages of each kind were sent, and how many of them did not arrive.
pub(super) fn messages(run: &Run) -> Option<Chart> {
    let counted = |label: usize| {
        let roles = 0..run.catalog.roles.len();
        roles.fold(MessageCounts::default(), |sum, role| {
            sum.plus(run.counters.messages_of(role, label))
        })
    };
    let names = run.catalog.messages.names().iter().enumerate();
    let mut rows: Vec<(String, MessageCounts)> = names
        .map(|(label, name)| (name.clone(), counted(label)))
        .filter(|(_, counts)| counts.sent > 0)
        .collect();
    rows.sort_by(|one, other| (other.1.sent, &one.0).cmp(&(one.1.sent, &other.0)));
    let total: u64 = rows.iter().map(|(_, counts)| counts.sent).sum();
    let ok = run.counters.operations.ok;
    let most = rows.first()?.1.sent as f64;
    let per = if ok == 0 {
        String::new()
    } else {
        format!(", {:.1} for each that was ok", total as f64 / ok as f64)
    };
    let title = format!("{total} messages for {ok} operations answered ok{per} (n = {total})");
    let lost = |counts: &MessageCounts| {
        counts.dropped + counts.corrupt + counts.cut + counts.dead + counts.overflowed
    };
    let description =
        "A bar per kind of message: what was sent, with what did not arrive at its end.";
    let height = (TOP + ROW * rows.len() as i32 + 24) as u32;
    let svg = Frame { title: &title, description, height }.draw(|root| {
        root.draw(&Text::new(ascii(&title), (LEFT, 14), frame::caption())).expect(frame::SOUND);
        let room = f64::from(frame::WIDTH) - f64::from(LEFT) - 160.0;
        for ((name, counts), nth) in rows.iter().zip(0..) {
            let y = TOP + ROW * nth;
            let name: String = ascii(name).chars().take(24).collect();
            let x = LEFT - 10 - name.len() as i32 * 7;
            root.draw(&Text::new(name, (x, y + 4), frame::small(TEXT))).expect(frame::SOUND);
            let end = LEFT + (counts.sent as f64 / most * room).max(1.0) as i32;
            let gone = end - ((lost(counts).min(counts.sent)) as f64 / most * room) as i32;
            let bar = |from: i32, to: i32, style: ShapeStyle| {
                root.draw(&Rectangle::new([(from, y), (to, y + 17)], style)).expect(frame::SOUND);
            };
            bar(LEFT, gone, INK.filled());
            if gone < end {
                bar(gone, end, DANGER.mix(0.35).filled());
                bar(gone, end, DANGER.stroke_width(1));
            }
            let missing = if lost(counts) == 0 {
                String::new()
            } else {
                format!(", {} not arrived", lost(counts))
            };
            let told = format!("{}{missing}", counts.sent);
            root.draw(&Text::new(told, (end + 8, y + 4), frame::small(TEXT))).expect(frame::SOUND);
        }
    });
    let mut csv = "message,sent,delivered,copied,dropped,corrupt,cut,dead,overflowed\n".to_owned();
    for (name, c) in &rows {
        let name = cell(name);
        _ = writeln!(
            csv,
            "{name},{},{},{},{},{},{},{},{}",
            c.sent, c.delivered, c.copied, c.dropped, c.corrupt, c.cut, c.dead, c.overflowed
        );
    }
    Some(Chart { title, svg, csv })
}
