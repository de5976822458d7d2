//! What all charts share: size, ranges, colours, bands of faults, and the way around traps.
//!
//! ```text
//!   Frame::draw ──plotters──▶ svg ──described──▶ role, title, desc, style for dark
//! ```
//!
//! A title stands on the left of its own line and the key below it, since a title that says what was
//! found is long, and one in the middle would run into the key.
//!
//! Three traps of the chart library are met here and nowhere else: an infinite range makes it loop
//! for ever, so every range comes from [`range`]; its default mesh is hundreds of lines, so it is
//! off; and it writes no title, so the finished text gets one. Colours are fixed in the picture; a
//! style sheet maps each of them for dark pages, since a rule outweighs an attribute.

use super::super::{spans::Spans, svg::escape, text::inert};
use crate::{base::time::Time, scenario::run::Run};
use plotters::{
    coord::{Shift, types::RangedCoordf64},
    element::{Circle, Cross, Text, TriangleMarker},
    prelude::*,
    style::TextStyle,
};
use std::ops::Range;

/// How wide a chart is.
pub(super) const WIDTH: u32 = 960;
/// How high title and key are.
pub(super) const HEAD: u32 = 64;
/// Why drawing cannot fail.
pub(super) const SOUND: &str = "a picture in memory takes whatever is drawn";

pub(super) const INK: RGBColor = RGBColor(0x25, 0x63, 0xA8);
pub(super) const CAREFUL: RGBColor = RGBColor(0xB8, 0x5C, 0x00);
pub(super) const DANGER: RGBColor = RGBColor(0xC0, 0x39, 0x2B);
pub(super) const LOCKED: RGBColor = RGBColor(0x8E, 0x3B, 0x9E);
pub(super) const QUIET: RGBColor = RGBColor(0x66, 0x70, 0x85);
pub(super) const TEXT: RGBColor = RGBColor(0x1D, 0x24, 0x30);

/// Each colour that is drawn, and what it is on a dark page.
const DARK: [(&str, &str); 7] = [
    ("#FFFFFF", "#14181f"),
    ("#1D2430", "#e4e8ef"),
    ("#667085", "#98a2b3"),
    ("#2563A8", "#7db4f0"),
    ("#B85C00", "#f2ab5e"),
    ("#C0392B", "#ff7a6b"),
    ("#8E3B9E", "#d79be3"),
];

pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub(super) type Plane<'a, 'b> =
    ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// A picture to be drawn in.
pub(super) struct Frame<'a> {
    pub(super) title: &'a str,
    pub(super) description: &'a str,
    pub(super) height: u32,
}

impl Frame<'_> {
    /// Draws, and describes what was drawn.
    pub(super) fn draw(&self, drawing: impl FnOnce(&Area<'_>)) -> String {
        let mut svg = String::new();
        {
            let root = SVGBackend::with_string(&mut svg, (WIDTH, self.height)).into_drawing_area();
            root.fill(&WHITE).expect(SOUND);
            drawing(&root);
            root.present().expect(SOUND);
        }
        self.described(&svg)
    }

    /// The place for points, below title and key, with so many pixels for what stands left of it.
    pub(super) fn plane<'a, 'b>(
        &self,
        root: &'a Area<'b>,
        keys: &[Key<'_>],
        left: u32,
        (across, up): (Range<f64>, Range<f64>),
    ) -> Plane<'a, 'b> {
        self.head(root, keys);
        plane(root, (HEAD, left), (across, up))
    }

    /// The title, and the key below it.
    pub(super) fn head(&self, root: &Area<'_>, keys: &[Key<'_>]) {
        let title = ascii(self.title);
        let style = caption(title.len());
        root.draw(&Text::new(title, (14, 10), style)).expect(SOUND);
        let mut x = 14;
        for key in keys {
            key.draw(root, (x, 44));
            let name = ascii(key.name);
            let room = 44 + 7 * name.len() as i32;
            root.draw(&Text::new(name, (x + 24, 37), small(QUIET))).expect(SOUND);
            x += room;
        }
    }

    fn described(&self, svg: &str) -> String {
        let (head, body) = svg.split_once('>').expect("an SVG document begins with its root");
        let mut rules = String::new();
        for (light, dark) in DARK {
            for attribute in ["fill", "stroke"] {
                let rule = format!(".chart [{attribute}='{light}']{{{attribute}:{dark}}}\n");
                rules += &rule;
            }
        }
        let (title, description) = (escape(self.title), escape(self.description));
        format!(
            "{head} role=\"img\" class=\"chart\">\n<title>{title}</title>\n\
             <desc>{description}</desc>\n<style>\n@media (prefers-color-scheme:dark){{\n\
             {rules}}}\n</style>{body}"
        )
    }
}

/// A place for points in a part of a picture, with so much room above it and left of it.
pub(super) fn plane<'a, 'b>(
    area: &'a Area<'b>,
    (above, left): (u32, u32),
    (across, up): (Range<f64>, Range<f64>),
) -> Plane<'a, 'b> {
    ChartBuilder::on(area)
        .margin(14)
        .margin_top(above)
        .x_label_area_size(40)
        .y_label_area_size(left)
        .build_cartesian_2d(across, up)
        .expect(SOUND)
}

/// What a colour and a shape stand for.
#[derive(Clone)]
pub(super) struct Key<'a> {
    /// In words.
    pub(super) name: &'a str,
    /// The colour.
    pub(super) colour: RGBColor,
    /// The shape.
    pub(super) shape: Shape,
}

/// A shape in a key.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    /// A line so wide.
    Line(u32),
    /// An area so dense, with its border.
    Area(f64),
    Circle,
    Triangle,
    Cross,
}

impl Key<'_> {
    fn draw(&self, root: &Area<'_>, (x, y): (i32, i32)) {
        let Self { colour, .. } = *self;
        let middle = (x + 9, y);
        match self.shape {
            Shape::Line(width) => {
                let line = PathElement::new(vec![(x, y), (x + 18, y)], colour.stroke_width(width));
                root.draw(&line)
            }
            Shape::Area(dense) => {
                let corners = [(x + 2, y - 5), (x + 18, y + 5)];
                root.draw(&Rectangle::new(corners, colour.mix(dense).filled())).expect(SOUND);
                root.draw(&Rectangle::new(corners, colour.stroke_width(1)))
            }
            Shape::Circle => root.draw(&Circle::new(middle, 4, colour.filled())),
            Shape::Triangle => root.draw(&TriangleMarker::new(middle, 5, colour.filled())),
            Shape::Cross => root.draw(&Cross::new(middle, 5, colour.stroke_width(2))),
        }
        .expect(SOUND);
    }
}

/// A path without the points that no pixel tells apart: of those in one column the first, the
/// lowest, the highest and the last.
pub(super) fn thin(chart: &Plane<'_, '_>, path: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let column = |point: &(f64, f64)| chart.backend_coord(point).0;
    let mut thin: Vec<(f64, f64)> = Vec::new();
    for points in path.chunk_by(|one, other| column(one) == column(other)) {
        let by_height = |one: &&(f64, f64), other: &&(f64, f64)| one.1.total_cmp(&other.1);
        let [lowest, highest] = [points.iter().min_by(by_height), points.iter().max_by(by_height)];
        let kept = [points.first(), lowest, highest, points.last()];
        for point in kept.into_iter().flatten() {
            if thin.last() != Some(point) {
                thin.push(*point);
            }
        }
    }
    thin
}

/// A range that every chart survives: finite, and longer than nothing.
pub(super) fn range(least: f64, most: f64) -> Range<f64> {
    const FAR: f64 = 1e12;
    let finite = |value: f64| if value.is_finite() { value.clamp(-FAR, FAR) } else { 0.0 };
    let (least, most) = (finite(least), finite(most));
    if least + 1e-9 < most { least..most } else { least..least + 1.0 }
}

/// The axis of time that all charts of a run share.
pub(super) fn time_range(run: &Run) -> Range<f64> {
    range(0.0, seconds(run.end.quiet_at) * 1.02)
}

pub(super) fn seconds(at: Time) -> f64 {
    at.as_nanos() as f64 / 1e9
}

/// An axis that is straight, or logarithmic where values are far apart.
pub(super) struct Scale {
    pub(super) range: Range<f64>,
    logarithmic: bool,
}

impl Scale {
    /// A scale for values that are not negative.
    pub(super) fn of(values: impl Iterator<Item = f64>) -> Self {
        const FAR_APART: f64 = 30.0;
        let (mut least, mut most) = (f64::MAX, LEAST);
        for value in values {
            (least, most) = (least.min(value.max(LEAST)), most.max(value));
        }
        let logarithmic = least * FAR_APART < most;
        let range = if logarithmic {
            range(libm::log10(least).floor(), libm::log10(most * 1.8))
        } else {
            range(0.0, most * 1.15)
        };
        Self { range, logarithmic }
    }

    /// Where a value stands.
    pub(super) fn place(&self, value: f64) -> f64 {
        if self.logarithmic { libm::log10(value.max(LEAST)) } else { value }
    }

    /// What stands at a place; on a logarithmic axis only powers of ten are told.
    pub(super) fn label(&self, place: f64) -> String {
        if !self.logarithmic {
            return short(place);
        }
        let whole = (place - place.round()).abs() < 1e-6;
        if whole { short(libm::exp10(place.round())) } else { String::new() }
    }
}

/// The least value of a logarithmic axis.
const LEAST: f64 = 1e-6;

/// A number without needless zeros.
pub(super) fn short(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The style of a title of so many letters: a long one is smaller, so that it ends in the picture.
pub(super) fn caption(letters: usize) -> TextStyle<'static> {
    const SIZE: usize = 21;
    const LETTERS: usize = 88;
    let size = (SIZE * LETTERS / letters.max(LETTERS)).max(12);
    ("sans-serif", size as i32).into_font().color(&TEXT)
}

pub(super) fn small(colour: RGBColor) -> TextStyle<'static> {
    ("sans-serif", 15).into_font().color(&colour)
}

/// Axes without a mesh.
pub(super) fn axes(
    chart: &mut Plane<'_, '_>,
    across: &str,
    up: &str,
    label: Option<&dyn Fn(&f64) -> String>,
) {
    let vertical = chart.plotting_area().get_pixel_range().1;
    let low = vertical.end - vertical.start < 180;
    let mut mesh = chart.configure_mesh();
    mesh.disable_mesh().x_desc(across).axis_style(QUIET).label_style(small(TEXT));
    mesh.x_label_formatter(&|value| short(*value));
    if low {
        mesh.y_labels(5);
    }
    match label {
        Some(label) => mesh.y_desc(up).y_label_formatter(label).draw(),
        None => mesh.disable_y_axis().draw(),
    }
    .expect(SOUND);
}

/// Shades the time in which something was broken, and names it where there is room.
pub(super) fn bands(chart: &mut Plane<'_, '_>, run: &Run, spans: &Spans) {
    let mut bands: Vec<(Time, Option<Time>, String)> = Vec::new();
    bands.extend(
        spans.cuts.iter().map(|cut| (cut.since, cut.until, format!("cut: {}", cut.of.rule))),
    );
    bands.extend(
        spans.down.iter().map(|down| {
            (down.since, down.until, format!("{} down", run.catalog.node(down.of.node)))
        }),
    );
    bands.sort();
    let (across, up) = (time_range(run), chart.y_range());
    let mut free = f64::MIN;
    for (since, until, name) in bands {
        let since = seconds(since).min(across.end);
        let until = until.map_or(across.end, seconds).min(across.end);
        let corners = [(since, up.start), (until, up.end)];
        let band = Rectangle::new(corners, DANGER.mix(0.08).filled());
        let area = chart.plotting_area();
        area.draw(&band).expect(SOUND);
        let width =
            ascii(&name).len() as f64 * 7.0 / f64::from(WIDTH) * (across.end - across.start);
        if free <= since {
            let style = small(DANGER);
            let text = Text::new(ascii(&name), (since, up.end), style);
            area.draw(&text).expect(SOUND);
            free = since + width;
        }
    }
}

/// Text of one byte per letter, whose width can be guessed without a font.
pub(super) fn ascii(text: &str) -> String {
    inert(text).chars().map(|symbol| if symbol.is_ascii() { symbol } else { '?' }).collect()
}

/// A cell of comma-separated values: quoted where needed, and never a formula.
pub fn cell(text: &str) -> String {
    let mut text = inert(text);
    if text.starts_with(['=', '+', '-', '@']) {
        text.insert(0, '\'');
    }
    if text.contains(['"', ',']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_range_is_finite_and_longer_than_nothing() {
        let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, 0.0, -1.0, 5.0];
        for least in odd {
            for most in odd {
                let range = range(least, most);
                assert!(range.start.is_finite() && range.end.is_finite());
                assert!(range.start < range.end, "{least} {most}");
            }
        }
    }

    #[test]
    fn values_far_apart_stand_on_a_logarithmic_axis() {
        let scale = Scale::of([5.0, 5_000.0].into_iter());
        assert!(scale.range.start < 0.5 && 3.9 < scale.range.end && scale.range.end < 4.0);
        assert_eq!((scale.label(2.0), scale.label(2.5)), ("100".to_owned(), String::new()));
        let scale = Scale::of(std::iter::empty());
        assert!(scale.range.start < scale.range.end);
    }
}
