//! Strips: a row for each of many, with what it went through from left to right.
//!
//! ```text
//!   saga 4  ▐▬▬●▬▬●▬▬▬▲▬▲▌            bars are states, marks are what happened
//!   saga 5     ▐▬●▬●▬●▌
//!           └───────────────── time
//! ```
//!
//! Rows keep their height and the picture grows with them, as far as a reader follows. A bar is
//! never thinner than a pixel: what was short was there all the same.

use super::frame::{self, Area, Frame, HEAD, Key, Shape, TEXT, ascii};
use crate::{report::spans::Spans, scenario::run::Run};
use plotters::{
    element::{Circle, Cross, Text, TriangleMarker},
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};
use std::collections::BTreeSet;

/// How many rows are drawn at most.
pub(super) const ROWS_MAX: usize = 60;
const ROW_HEIGHT: u32 = 22;
/// Room above the first row, in rows, for the names of faults.
const HEADROOM: f64 = 0.9;

/// What one went through.
#[derive(Default)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) bars: Vec<Bar>,
    pub(super) marks: Vec<Mark>,
}

/// A state, for as long as it lasted.
pub(super) struct Bar {
    /// From when to when, in seconds.
    pub(super) span: (f64, f64),
    /// How much of the height of the row it takes.
    pub(super) high: f64,
    pub(super) colour: RGBColor,
    pub(super) dense: f64,
}

/// Something that happened at an instant, in seconds.
pub(super) struct Mark {
    pub(super) at: f64,
    pub(super) colour: RGBColor,
    pub(super) shape: Shape,
}

/// A picture of rows, with the bands of faults.
pub(super) fn draw(
    run: &Run,
    (title, description): (&str, &str),
    keys: &[Key<'_>],
    rows: &[Row],
) -> String {
    let number = rows.len().max(2);
    let height = HEAD + 60 + (number as u32 + 1) * ROW_HEIGHT;
    let frame = Frame { title, description, height };
    let longest = rows.iter().map(|row| ascii(&row.name).len().min(LETTERS_MAX)).max();
    let left = (24 + 7 * longest.unwrap_or(0) as u32).max(64);
    frame.draw(|root| {
        let up = frame::range(0.0, number as f64 + HEADROOM);
        let mut chart = frame.plane(root, keys, left, (frame::time_range(run), up));
        frame::bands(&mut chart, run, &Spans::of(run));
        frame::axes(&mut chart, "time (s)", "", None);
        for (nth, row) in rows.iter().enumerate() {
            let middle = number as f64 - nth as f64 - 0.5;
            row.draw(&chart, middle);
            name(root, &chart, &row.name, middle);
        }
    })
}

const LETTERS_MAX: usize = 22;

fn name(root: &Area<'_>, chart: &frame::Plane<'_, '_>, name: &str, middle: f64) {
    let (x, y) = chart.backend_coord(&(0.0, middle));
    let name: String = ascii(name).chars().take(LETTERS_MAX).collect();
    let style = frame::small(TEXT).pos(Pos::new(HPos::Right, VPos::Center));
    root.draw(&Text::new(name, (x - 8, y), style)).expect(frame::SOUND);
}

impl Row {
    fn draw(&self, chart: &frame::Plane<'_, '_>, middle: f64) {
        let area = chart.plotting_area();
        let (across, end) = (area.get_pixel_range().0, chart.x_range().end);
        let pixel = end / f64::from((across.end - across.start).max(1));
        for Bar { span, high, colour, dense } in &self.bars {
            let (since, until) = (span.0.min(end), span.1.min(end).max(span.0 + pixel));
            let corners = [(since, middle - high / 2.0), (until, middle + high / 2.0)];
            let bar = Rectangle::new(corners, colour.mix(*dense).filled());
            area.draw(&bar).expect(frame::SOUND);
        }
        // Marks that fall on one pixel are one mark.
        let mut drawn = BTreeSet::new();
        for Mark { at, colour, shape } in &self.marks {
            let place = (at.min(end), middle);
            let code = match shape {
                Shape::Triangle => 1,
                Shape::Cross => 2,
                _ => 0,
            };
            if !drawn.insert((code, chart.backend_coord(&place))) {
                continue;
            }
            match shape {
                Shape::Triangle => area.draw(&TriangleMarker::new(place, 5, colour.filled())),
                Shape::Cross => area.draw(&Cross::new(place, 4, colour.stroke_width(2))),
                _ => area.draw(&Circle::new(place, 3, colour.filled())),
            }
            .expect(frame::SOUND);
        }
    }
}
