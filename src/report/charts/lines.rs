//! Curves over time, in panels below each other that share the axis of time.
//!
//! ```text
//!   title
//!   ── ok  ── asked            names in a key, or at the ends of the curves
//!   12 │  ▁▃▅▃▁       p1       a panel per unit: two of them instead of two axes in one
//!      └────────────────
//!   ms │ ╱╲╱╱│  ╱     p1
//!      └──────────────── time
//! ```
//!
//! A level holds from one instant to the next and is drawn as steps; an age grows by itself and
//! falls when the oldest goes, and is drawn as teeth. Nodes are named where their curves end, since
//! a reader who has to go back and forth to a key of seven nodes gives up.

use super::frame::{
    self, Area, CAREFUL, DANGER, Frame, HEAD, INK, Key, LOCKED, QUIET, Shape, seconds,
};
use crate::{base::time::Time, report::spans::Spans, scenario::run::Run};
use plotters::{
    element::{PathElement, Polygon, Text},
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

/// One curve, corner by corner, in seconds and in the unit of its panel.
pub(super) struct Curve {
    /// What it shows.
    pub(super) name: String,
    /// The colour of line and area.
    pub(super) colour: RGBColor,
    /// How wide the line is.
    pub(super) width: u32,
    /// Its corners.
    pub(super) path: Vec<(f64, f64)>,
    /// Whether what is below it is filled.
    pub(super) fill: Fill,
}

/// What is below a curve.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fill {
    Nothing,
    Area,
}

/// Where curves are named.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// Below the title.
    InKey,
    /// Where they end.
    AtEnds,
}

/// What can stand on an axis.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Values {
    /// There is no half of anything that is counted.
    Whole,
    Any,
}

/// Curves of one unit.
pub(super) struct Panel<'a> {
    /// The unit, beside the axis.
    pub(super) unit: &'a str,
    pub(super) values: Values,
    /// Areas first: they hide nothing that comes after them.
    pub(super) curves: Vec<Curve>,
}

/// How dense an area is.
const DENSE: f64 = 0.3;

/// Colours of curves that differ only by their node.
const COLOURS: [RGBColor; 5] = [INK, CAREFUL, LOCKED, DANGER, QUIET];

/// The colour and the width of one of several curves of a kind.
pub(super) fn looks(nth: usize) -> (RGBColor, u32) {
    (COLOURS[nth % COLOURS.len()], 2 + (nth / COLOURS.len()) as u32)
}

impl Curve {
    fn key(&self) -> Key<'_> {
        let shape = match self.fill {
            Fill::Nothing => Shape::Line(self.width),
            Fill::Area => Shape::Area(DENSE),
        };
        Key { name: &self.name, colour: self.colour, shape }
    }

    fn draw(&self, chart: &frame::Plane<'_, '_>) {
        let path = frame::thin(chart, &self.path);
        if let (Fill::Area, Some(first), Some(last)) = (self.fill, path.first(), path.last()) {
            let ground = [(last.0, 0.0), (first.0, 0.0)];
            let area: Vec<_> = path.iter().copied().chain(ground).collect();
            let area = Polygon::new(area, self.colour.mix(DENSE).filled());
            chart.plotting_area().draw(&area).expect(frame::SOUND);
        }
        let path = PathElement::new(path, self.colour.stroke_width(self.width));
        chart.plotting_area().draw(&path).expect(frame::SOUND);
    }
}

/// A picture of panels, with the bands of faults.
pub(super) fn draw(
    run: &Run,
    (title, description): (&str, &str),
    names: Names,
    panels: &[Panel<'_>],
) -> String {
    let each = if panels.len() == 1 { 340 - HEAD } else { 210 };
    let frame = Frame { title, description, height: HEAD + each * panels.len() as u32 };
    frame.draw(|root| {
        let mut keys: Vec<Key<'_>> = Vec::new();
        for curve in panels.iter().flat_map(|panel| &panel.curves) {
            if names == Names::InKey && keys.iter().all(|key| key.name != curve.name) {
                keys.push(curve.key());
            }
        }
        frame.head(root, &keys);
        let (_, below) = root.split_vertically(HEAD as i32);
        let areas = below.split_evenly((panels.len(), 1));
        for (nth, (area, panel)) in areas.iter().zip(panels).enumerate() {
            let across = if nth + 1 == panels.len() { "time (s)" } else { "" };
            let chart = panel.draw(run, area, across);
            if names == Names::AtEnds {
                name_ends(root, &chart, &panel.curves);
            }
        }
    })
}

impl Panel<'_> {
    fn draw<'a, 'b>(&self, run: &Run, area: &'a Area<'b>, across: &str) -> frame::Plane<'a, 'b> {
        let values = || self.curves.iter().flat_map(|curve| &curve.path).map(|point| point.1);
        let least = values().fold(0.0, f64::min);
        let mut most = values().fold(0.0, f64::max);
        if self.values == Values::Whole || most - least < 1e-9 {
            most = most.max(1.0);
        }
        let room = (most - least) * 0.2;
        let up = frame::range(if least < 0.0 { least - room } else { 0.0 }, most + room);
        let mut chart = frame::plane(area, (0, 64), (frame::time_range(run), up));
        frame::bands(&mut chart, run, &Spans::of(run));
        let label = |value: &f64| match self.values {
            Values::Whole if value.fract() != 0.0 => String::new(),
            _ => frame::short(*value),
        };
        frame::axes(&mut chart, across, self.unit, Some(&label));
        self.curves.iter().for_each(|curve| curve.draw(&chart));
        chart
    }
}

/// Writes the name of each curve above its end, or behind one that ends early, and none on top of
/// another or of the names of faults.
fn name_ends(root: &Area<'_>, chart: &frame::Plane<'_, '_>, curves: &[Curve]) {
    const APART: i32 = 16;
    let mut ends: Vec<((i32, i32), &Curve)> = curves
        .iter()
        .filter_map(|curve| Some((chart.backend_coord(curve.path.last()?), curve)))
        .collect();
    ends.sort_by_key(|(at, _)| at.1);
    let (across, vertical) = chart.plotting_area().get_pixel_range();
    let early = across.start + (across.end - across.start) * 3 / 4;
    let mut free = vertical.start + APART;
    for (place, ((x, y), curve)) in ends.iter().enumerate() {
        // Those still to come need their room too.
        let below = (ends.len() - place) as i32 * APART;
        let (x, y, side) = if *x < early {
            (x + 8, y - APART / 2, HPos::Left)
        } else {
            (*x, y - APART - 2, HPos::Right)
        };
        let top = y.max(free).min(vertical.end - below);
        let style = frame::small(curve.colour).pos(Pos::new(side, VPos::Top));
        let text = Text::new(frame::ascii(&curve.name), (x, top), style);
        root.draw(&text).expect(frame::SOUND);
        free = top + APART;
    }
}

/// The corners of steps: what holds from each instant on, up to the end.
pub(super) fn steps(levels: impl IntoIterator<Item = (f64, f64)>, end: f64) -> Vec<(f64, f64)> {
    let mut path: Vec<(f64, f64)> = Vec::new();
    for (at, value) in levels {
        path.extend(path.last().map(|&(_, before)| (at, before)));
        path.push((at, value));
    }
    path.extend(path.last().map(|&(at, value)| (end.max(at), value)));
    path
}

/// The corners of teeth, in milliseconds: since when the oldest has waited, from each instant on.
pub(super) fn teeth(oldest: &[(Time, Option<Time>)], end: Time) -> Vec<(f64, f64)> {
    let age = |at: Time, since: Option<Time>| {
        let waited = since.map_or(0, |since| at.saturating_since(since).as_nanos());
        (seconds(at), waited as f64 / 1e6)
    };
    let (mut path, mut before) = (vec![(0.0, 0.0)], None);
    for &(at, since) in oldest {
        path.push(age(at, before));
        path.push(age(at, since));
        before = since;
    }
    path.push(age(end, before));
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_holds_until_the_next_one_and_to_the_end() {
        let path = steps([(0.0, 0.0), (1.0, 3.0), (4.0, 1.0)], 9.0);
        assert_eq!(path, [(0.0, 0.0), (1.0, 0.0), (1.0, 3.0), (4.0, 3.0), (4.0, 1.0), (9.0, 1.0)]);
        assert_eq!(steps([], 9.0), []);
    }

    #[test]
    fn an_age_grows_by_itself_and_falls_when_the_oldest_goes() {
        let at = Time::from_millis;
        let oldest = [(at(100), Some(at(100))), (at(300), Some(at(250))), (at(400), None)];
        let expected =
            [(0.0, 0.0), (0.1, 0.0), (0.1, 0.0), (0.3, 200.0), (0.3, 50.0), (0.4, 150.0)];
        let path = teeth(&oldest, at(900));
        assert_eq!(path[..6], expected);
        assert_eq!(path[6..], [(0.4, 0.0), (0.9, 0.0)]);
    }
}
