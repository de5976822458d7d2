//! Words in the diagram: each stands where no other does, and above all lines.
//!
//! ```text
//!   shapes, arrows ──place(text, where it would like to stand)──▶ Labels ──draw──▶ on top
//! ```
//!
//! First come, first served: words beside shapes are placed before those on arrows, which have
//! several places to choose from. A search for the best places was rejected, since a small change
//! of a run would move every word of its picture.

use super::super::{
    svg::{Point, Svg, point},
    text::columns,
};

/// How wide a letter of a label is.
pub(super) const LETTER: f64 = 6.3;

/// Words come from above to below: in a long picture the first are far from the last.
const NEAR_MAX: usize = 4_000;

/// Words and where they stand.
#[derive(Default)]
pub(super) struct Labels(Vec<Label>);

struct Label {
    class: &'static str,
    /// The left end of the base line.
    at: Point,
    width: f64,
    text: String,
}

impl Labels {
    /// Places a text from this point on to the right, if there is room.
    pub(super) fn place(&mut self, class: &'static str, at: Point, text: &str) -> bool {
        let label = Label { class, at, width: width(text), text: text.to_owned() };
        let free = !self.0.iter().rev().take(NEAR_MAX).any(|other| other.overlaps(&label));
        if free {
            self.0.push(label);
        }
        free
    }

    /// Writes them all.
    pub(super) fn draw(&self, svg: &mut Svg) {
        for label in &self.0 {
            svg.text(label.class, label.at, &label.text);
        }
        svg.break_line();
    }
}

impl Label {
    fn overlaps(&self, other: &Self) -> bool {
        const HEIGHT: f64 = 12.0;
        self.at.x < other.at.x + other.width
            && other.at.x < self.at.x + self.width
            && (self.at.y - other.at.y).abs() < HEIGHT
    }
}

/// How wide a text is.
pub(super) fn width(text: &str) -> f64 {
    columns(text) as f64 * LETTER
}

/// The place of a text around its middle.
pub(super) fn around(middle: Point, text: &str) -> Point {
    point(middle.x - width(text) / 2.0, middle.y)
}
