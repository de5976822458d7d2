//! Curves: one number against another, with intervals, and a formula as a dashed line beside it.
//!
//! ```text
//!   y │        ┬        ○ ┬  measured, with its interval      finding as the title
//!     │    ┬   ○ - - -    ┴
//!     │ - -○ - ┴        - - -  closed form                    n and interval below
//!     └──┴───┴───┴── x
//! ```
//!
//! Where there is a formula the points stand alone on its line, so that a point beside the line is
//! seen; without one the points are joined. Names have nothing between them: there nothing is
//! joined, the formula is a stroke at each name, and lines stand side by side. The axes are drawn here and not by the chart library:
//! it has no axis of names, and its logarithmic ticks vanish on short ranges. Colour is never alone:
//! every line has a mark of its own.
//!
//! Limits: eight lines; labels are ASCII; what is zero has no place on a logarithmic axis and is
//! left out, which the notes say.

use super::super::text::wrap;
use super::frame::{self, Area, CAREFUL, DANGER, Frame, INK, LOCKED, QUIET, SOUND, TEXT, ascii};
use plotters::{
    element::{Circle, Cross, DashedPathElement, PathElement, Rectangle, Text, TriangleMarker},
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

/// A picture of lines.
#[derive(Clone, Debug, PartialEq)]
pub struct Curves {
    /// What was found, as a sentence.
    pub title: String,
    /// What a reader who sees nothing should know.
    pub description: String,
    /// Below the picture: n, intervals, the formula.
    pub notes: Vec<String>,
    /// Across.
    pub x: Axis,
    /// Up.
    pub y: Axis,
    /// At most eight.
    pub lines: Vec<Line>,
}

/// One axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// What it shows, with its unit.
    pub label: String,
    /// How it grows.
    pub steps: Steps,
}

/// How an axis grows.
#[derive(Clone, Debug, PartialEq)]
pub enum Steps {
    /// In equal steps.
    Equal,
    /// In equal factors.
    Factors,
    /// A place for each name: 0, 1, 2, …
    Names(Vec<String>),
}

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Its name; may be empty when it is the only one.
    pub name: String,
    /// What was measured.
    pub marks: Vec<Mark>,
    /// What the formula says, from left to right.
    pub formula: Vec<(f64, f64)>,
}

/// One measured point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mark {
    /// Where on x.
    pub x: f64,
    /// The estimate.
    pub y: f64,
    /// Its interval, from low to high.
    pub interval: Option<(f64, f64)>,
}

const HEIGHT: u32 = 480;
const LEFT: f64 = 76.0;
/// Room for the names of lines.
const NAMES: f64 = 210.0;
const LINE: i32 = 16;
const COLOURS: [RGBColor; 6] = [INK, CAREFUL, LOCKED, DANGER, TEXT, QUIET];
/// So many letters of the title fit on one line.
const TITLE_WIDTH: usize = 92;

impl Curves {
    /// The picture, an SVG document.
    pub fn draw(&self) -> String {
        let title = ascii(&self.title);
        let frame = Frame { title: &title, description: &self.description, height: HEIGHT };
        frame.draw(|root| {
            let left_out = self.left_out();
            let plane = Plane::new(self);
            for (line, text) in wrap(&title, TITLE_WIDTH).iter().enumerate() {
                write(root, text, (14, 10 + 22 * line as i32), frame::caption(0));
            }
            plane.axes(self, root);
            for (place, line) in self.lines.iter().enumerate() {
                plane.line(root, line, place);
            }
            self.names(&plane, root);
            self.told(left_out, root);
        })
    }

    /// Marks that a logarithmic axis has no place for.
    fn left_out(&self) -> usize {
        let marks = self.lines.iter().flat_map(|line| &line.marks);
        marks.filter(|mark| !self.x.has(mark.x) || !self.y.has(mark.y)).count()
    }

    fn names(&self, plane: &Plane<'_>, root: &Area<'_>) {
        let x = (plane.right + 22.0) as i32;
        let mut y = plane.top as i32 + 4;
        let named = self.lines.iter().filter(|line| !line.name.is_empty());
        for (place, line) in named.enumerate() {
            mark(root, (x, y + 6), place);
            let name: String = ascii(&line.name).chars().take(27).collect();
            write(root, &name, (x + 12, y), frame::small(TEXT));
            y += LINE + 2;
        }
        if self.lines.iter().any(|line| !line.formula.is_empty()) {
            let ends = [(x - 8, y + 6), (x + 8, y + 6)];
            if self.x.is_of_names() {
                root.draw(&PathElement::new(ends.to_vec(), TEXT)).expect(SOUND);
            } else {
                root.draw(&DashedPathElement::new(ends, 4, 3, TEXT.stroke_width(1))).expect(SOUND);
            }
            write(root, "closed form", (x + 12, y), frame::small(TEXT));
        }
    }

    fn told(&self, left_out: usize, root: &Area<'_>) {
        let mut notes = self.notes.clone();
        if 0 < left_out {
            notes.push(format!("{left_out} points at zero have no place on a logarithmic axis"));
        }
        let first = HEIGHT as i32 - 8 - LINE * notes.len() as i32;
        for (line, note) in notes.iter().enumerate() {
            let place = (14, first + LINE * line as i32);
            write(root, &ascii(note), place, frame::small(QUIET));
        }
    }
}

impl Axis {
    fn is_of_names(&self) -> bool {
        matches!(self.steps, Steps::Names(_))
    }

    fn has(&self, value: f64) -> bool {
        value.is_finite() && (self.steps != Steps::Factors || 0.0 < value)
    }

    /// A value as the axis counts: its logarithm where it grows in factors.
    fn counted(&self, value: f64) -> f64 {
        if self.steps == Steps::Factors { libm::log10(value) } else { value }
    }
}

/// Where values stand, in pixels.
struct Plane<'c> {
    curves: &'c Curves,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    x: (f64, f64),
    y: (f64, f64),
}

impl<'c> Plane<'c> {
    fn new(curves: &'c Curves) -> Self {
        let width = f64::from(frame::WIDTH);
        let named =
            curves.lines.iter().any(|line| !line.name.is_empty() || !line.formula.is_empty());
        let notes = f64::from(LINE) * (curves.notes.len() as f64 + 1.0);
        let titles = wrap(&curves.title, TITLE_WIDTH).len() as f64;
        Self {
            curves,
            left: LEFT,
            right: width - if named { NAMES } else { 24.0 },
            top: 22.0 + 22.0 * titles,
            bottom: f64::from(HEIGHT) - 46.0 - notes,
            x: reach(&curves.x, curves.xs()),
            y: reach(&curves.y, curves.ys()),
        }
    }

    fn across(&self, value: f64) -> f64 {
        let (least, most) = self.x;
        let share = (self.curves.x.counted(value) - least) / (most - least);
        self.left + share * (self.right - self.left)
    }

    fn up(&self, value: f64) -> f64 {
        let (least, most) = self.y;
        let share = ((self.curves.y.counted(value) - least) / (most - least)).clamp(0.0, 1.0);
        self.bottom - share * (self.bottom - self.top)
    }

    fn place(&self, (x, y): (f64, f64)) -> (i32, i32) {
        (libm::round(self.across(x)) as i32, libm::round(self.up(y)) as i32)
    }

    fn axes(&self, curves: &Curves, root: &Area<'_>) {
        let [left, right, top, bottom] =
            [self.left, self.right, self.top, self.bottom].map(|at| libm::round(at) as i32);
        let corner = vec![(left, top), (left, bottom), (right, bottom)];
        root.draw(&PathElement::new(corner, QUIET)).expect(SOUND);
        for (value, label) in ticks(&curves.x, self.x) {
            let x = libm::round(self.across(value)) as i32;
            root.draw(&PathElement::new(vec![(x, bottom), (x, bottom + 4)], QUIET)).expect(SOUND);
            write(root, &label, (x, bottom + 7), anchored(HPos::Center, VPos::Top));
        }
        for (value, label) in ticks(&curves.y, self.y) {
            let y = libm::round(self.up(value)) as i32;
            root.draw(&PathElement::new(vec![(left - 4, y), (left, y)], QUIET)).expect(SOUND);
            write(root, &label, (left - 7, y), anchored(HPos::Right, VPos::Center));
        }
        let middle = left.midpoint(right);
        let (x, y) = (ascii(&curves.x.label), ascii(&curves.y.label));
        write(root, &x, (middle, bottom + 24), anchored(HPos::Center, VPos::Top));
        let turned = anchored(HPos::Center, VPos::Top).transform(FontTransform::Rotate270);
        write(root, &y, (6, i32::midpoint(top, bottom)), turned);
    }

    fn line(&self, root: &Area<'_>, line: &Line, nth: usize) {
        let (curves, colour) = (self.curves, COLOURS[nth % COLOURS.len()]);
        let aside = self.aside(nth);
        let place = |point| {
            let (x, y) = self.place(point);
            (x + aside, y)
        };
        let has = |x: f64, y: f64| curves.x.has(x) && curves.y.has(y);
        let formula = line.formula.iter().filter(|(x, y)| has(*x, *y));
        let formula: Vec<_> = formula.map(|point| place(*point)).collect();
        let marks: Vec<&Mark> = line.marks.iter().filter(|mark| has(mark.x, mark.y)).collect();
        if curves.x.is_of_names() {
            for (x, y) in formula {
                root.draw(&PathElement::new(vec![(x - 8, y), (x + 8, y)], colour)).expect(SOUND);
            }
        } else if formula.is_empty() {
            let joined = marks.iter().map(|mark| place((mark.x, mark.y))).collect::<Vec<_>>();
            root.draw(&PathElement::new(joined, colour.mix(0.6))).expect(SOUND);
        } else {
            let dashes = DashedPathElement::new(formula, 6, 4, colour.stroke_width(1));
            root.draw(&dashes).expect(SOUND);
        }
        for point in marks {
            let at = place((point.x, point.y));
            if let Some((low, high)) = point.interval {
                self.bar(root, at.0, (low, high), colour);
            }
            mark(root, at, nth);
        }
    }

    /// How far beside a name a line stands, so that no line hides another one.
    fn aside(&self, nth: usize) -> i32 {
        let Steps::Names(names) = &self.curves.x.steps else { return 0 };
        let lines = self.curves.lines.len() as f64;
        let room = 0.8 * (self.right - self.left) / names.len().max(1) as f64;
        let apart = (room / lines).min(18.0);
        libm::round((nth as f64 - (lines - 1.0) / 2.0) * apart) as i32
    }

    /// An interval, with a stroke across each end.
    fn bar(&self, root: &Area<'_>, x: i32, (low, high): (f64, f64), colour: RGBColor) {
        let up = |value| libm::round(self.up(value)) as i32;
        let low = if self.curves.y.has(low) { up(low) } else { self.bottom as i32 };
        let high = up(high);
        let strokes =
            [[(x, low), (x, high)], [(x - 3, low), (x + 3, low)], [(x - 3, high), (x + 3, high)]];
        for stroke in strokes {
            root.draw(&PathElement::new(stroke.to_vec(), colour)).expect(SOUND);
        }
    }
}

impl Curves {
    fn xs(&self) -> Vec<f64> {
        let points = self.lines.iter().flat_map(|line| {
            line.marks.iter().map(|mark| mark.x).chain(line.formula.iter().map(|point| point.0))
        });
        points.filter(|x| self.x.has(*x)).collect()
    }

    fn ys(&self) -> Vec<f64> {
        let points = self.lines.iter().flat_map(|line| {
            let ends = line.marks.iter().filter_map(|mark| mark.interval);
            let ends = ends.flat_map(|(low, high)| [low, high]);
            let marks = line.marks.iter().map(|mark| mark.y);
            marks.chain(ends).chain(line.formula.iter().map(|point| point.1))
        });
        points.filter(|y| self.y.has(*y)).collect()
    }
}

/// From where to where an axis goes, as it counts.
fn reach(axis: &Axis, values: Vec<f64>) -> (f64, f64) {
    let counted = || values.iter().map(|value| axis.counted(*value));
    let (least, most) = (counted().fold(f64::MAX, f64::min), counted().fold(f64::MIN, f64::max));
    let range = match &axis.steps {
        Steps::Names(names) => frame::range(-0.5, names.len() as f64 - 0.5),
        Steps::Factors => frame::range(least - 0.08, most + 0.08),
        Steps::Equal => frame::range(least.min(0.0), most + 0.06 * (most - least.min(0.0))),
    };
    (range.start, range.end)
}

/// The ticks of an axis: values and their labels.
fn ticks(axis: &Axis, (least, most): (f64, f64)) -> Vec<(f64, String)> {
    match &axis.steps {
        Steps::Names(names) => {
            let named = names.iter().enumerate();
            named.map(|(place, name)| (place as f64, ascii(name))).collect()
        }
        Steps::Equal => {
            let step = round_step((most - least) / 7.0);
            let (first, last) = (libm::ceil(least / step) as i64, libm::floor(most / step) as i64);
            let all = (first..=last).map(|nth| nth as f64 * step);
            all.map(|value| (value, frame::short(value))).collect()
        }
        Steps::Factors => {
            let decades = libm::floor(least) as i64..=libm::ceil(most) as i64;
            let digits: &[f64] = if most - least < 2.5 { &[1.0, 2.0, 5.0] } else { &[1.0] };
            let all = decades.flat_map(|decade| {
                digits.iter().map(move |digit| digit * libm::exp10(decade as f64))
            });
            let inside = all.filter(|value| (least..=most).contains(&libm::log10(*value)));
            inside.map(|value| (value, frame::short(value))).collect()
        }
    }
}

/// The next larger of 1, 2, 5 times a power of ten.
fn round_step(step: f64) -> f64 {
    let decade = libm::exp10(libm::floor(libm::log10(step)));
    let fits = [1.0, 2.0, 5.0].into_iter().find(|digit| step <= digit * decade * 1.000_001);
    fits.unwrap_or(10.0) * decade
}

fn anchored(across: HPos, up: VPos) -> TextStyle<'static> {
    frame::small(TEXT).pos(Pos::new(across, up))
}

fn write(root: &Area<'_>, text: &str, place: (i32, i32), style: TextStyle<'_>) {
    root.draw(&Text::new(text, place, style)).expect(SOUND);
}

/// The mark of a line: its shape and its colour.
fn mark(root: &Area<'_>, place: (i32, i32), nth: usize) {
    let colour = COLOURS[nth % COLOURS.len()];
    let (x, y) = place;
    match nth % 4 {
        0 => root.draw(&Circle::new(place, 4, colour.filled())),
        1 => root.draw(&TriangleMarker::new(place, 6, colour.filled())),
        2 => root.draw(&Rectangle::new([(x - 3, y - 3), (x + 4, y + 4)], colour.filled())),
        _ => root.draw(&Cross::new(place, 4, colour.stroke_width(2))),
    }
    .expect(SOUND);
}

#[cfg(test)]
mod tests {
    use super::super::super::svg::assert_sound;
    use super::*;

    fn axis(steps: Steps) -> Axis {
        Axis { label: "loss (%)".to_owned(), steps }
    }

    fn labels(steps: Steps, reach: (f64, f64)) -> Vec<String> {
        ticks(&axis(steps), reach).into_iter().map(|(_, label)| label).collect()
    }

    fn curves(values: &[f64], x: Steps, y: Steps) -> Curves {
        let mark =
            |(x, y): (usize, &f64)| Mark { x: x as f64, y: *y, interval: Some((*y, y * 2.0)) };
        let marks: Vec<Mark> = values.iter().enumerate().map(mark).collect();
        let formula = marks.iter().map(|mark| (mark.x, mark.y)).collect();
        let lines = vec![Line { name: "<b>".to_owned(), marks, formula }];
        let (title, description) = ("It grows".to_owned(), "A line.".to_owned());
        Curves { title, description, notes: vec!["n = 3".into()], x: axis(x), y: axis(y), lines }
    }

    #[test]
    fn ticks_are_round_numbers() {
        assert_eq!(labels(Steps::Equal, (0.0, 10.6)), ["0", "2", "4", "6", "8", "10"]);
        assert_eq!(
            labels(Steps::Equal, (0.0, 0.31)),
            ["0", "0.05", "0.1", "0.15", "0.2", "0.25", "0.3"]
        );
        assert_eq!(labels(Steps::Factors, (0.0, 2.0)), ["1", "2", "5", "10", "20", "50", "100"]);
        assert_eq!(labels(Steps::Factors, (0.0, 4.0)), ["1", "10", "100", "1000", "10000"]);
        let names = Steps::Names(vec!["a".into(), "b".into()]);
        assert_eq!(labels(names, (-0.5, 1.5)), ["a", "b"]);
    }

    #[test]
    fn whatever_is_measured_can_be_drawn() {
        let odd = [0.0, 1e-9, 1e12, f64::NAN, f64::INFINITY, -5.0];
        for values in [&odd[..], &[], &[3.0], &[0.0, 0.0]] {
            for x in [Steps::Equal, Steps::Factors, Steps::Names(vec!["a".into(); values.len()])] {
                for y in [Steps::Equal, Steps::Factors] {
                    let curves = curves(values, x.clone(), y);
                    assert_sound(&curves.draw());
                    assert_eq!(curves.draw(), curves.draw());
                }
            }
        }
    }

    #[test]
    fn a_zero_on_a_logarithmic_axis_is_left_out_and_told() {
        let drawn = curves(&[0.0, 1.0], Steps::Equal, Steps::Factors).draw();
        assert!(drawn.contains("1 points at zero have no place"), "{drawn}");
    }

    #[test]
    fn a_long_title_takes_two_lines_and_no_name_is_markup() {
        let long = "a finding ".repeat(12);
        assert_eq!(wrap(&long, TITLE_WIDTH).len(), 2);
        assert!(!curves(&[1.0], Steps::Equal, Steps::Equal).draw().contains("<b>"));
    }
}
