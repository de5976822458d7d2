//! What happens at one node, as a shape on its lifeline and a word beside it.
//!
//! ```text
//!   ○ receive   ● send   ◷ timer   ▣ force   ■ durable   ▢ write   ◆ step   ✖ crash   ▲ boot
//! ```
//!
//! Shapes tell kinds apart without colour. Words beside them are cut where the next column
//! begins; the whole text shows when a shape is pointed at.

use super::{
    super::{
        svg::{Ends, Point, Svg, point},
        text::clip,
        words::{Words, is_everywhere},
    },
    labels::Labels,
    layout::{Layout, Row, has_shape},
    letters,
};
use crate::engine::trace::{Entry, Kind};

/// Draws all shapes.
pub(super) fn shapes(svg: &mut Svg, words: &Words<'_>, layout: &Layout) {
    for row in &layout.rows {
        let entries = layout.row(row);
        for entry in entries {
            if let (Some(x), false) = (layout.x(entry.who), is_everywhere(entry.kind)) {
                svg.group("", &format!("{} {}", entry.event, words.line(entry)));
                shape(svg, entry, entries, point(x, row.y));
                svg.end();
            }
        }
        everywhere(svg, words, entries, layout, row);
    }
    svg.break_line();
}

fn shape(svg: &mut Svg, entry: &Entry, row: &[Entry], at: Point) {
    match entry.kind {
        Kind::Deliver => svg.circle("shape", at, 4.5),
        Kind::Send | Kind::Reply => {
            let shares = row.iter().any(|other| has_shape(other.kind) && other.who == entry.who);
            if !shares {
                svg.circle("solid", at, 4.0);
            }
        }
        Kind::Timer => clock(svg, at),
        Kind::Force | Kind::Sync => {
            square(svg, "shape", at, 6.0);
            square(svg, "solid", at, 2.2);
        }
        Kind::Durable | Kind::Synced => square(svg, "solid", at, 5.0),
        Kind::Write | Kind::FileWrite => square(svg, "shape", at, 5.5),
        Kind::Crash => {
            let (least, most) = (at.x - 7.0, at.x + 7.0);
            svg.line("crash", point(least, at.y - 7.0), point(most, at.y + 7.0));
            svg.line("crash", point(least, at.y + 7.0), point(most, at.y - 7.0));
        }
        Kind::Boot => triangle(svg, at),
        Kind::Step => {
            let centre = point(at.x - 11.0, at.y);
            diamond(svg, centre);
        }
        Kind::Pause | Kind::Resume | Kind::Disturb | Kind::SyncFailed | Kind::Read => {
            square(svg, "shape", at, 3.0);
        }
        Kind::Invoke | Kind::End => svg.circle("solid", at, 3.2),
        Kind::Lose(_) | Kind::Cut | Kind::Mend | Kind::Refuse | Kind::Heal => {}
    }
}

fn square(svg: &mut Svg, class: &str, at: Point, half: f64) {
    svg.rect(class, point(at.x - half, at.y - half), point(half * 2.0, half * 2.0), 1.0);
}

fn clock(svg: &mut Svg, at: Point) {
    svg.circle("shape", at, 5.5);
    let hands = [point(at.x, at.y - 3.8), at, point(at.x + 3.0, at.y)];
    svg.path("stroke", &hands, Ends::Loose);
}

fn triangle(svg: &mut Svg, at: Point) {
    let corners =
        [point(at.x, at.y - 7.0), point(at.x + 7.0, at.y + 5.0), point(at.x - 7.0, at.y + 5.0)];
    svg.path("boot", &corners, Ends::Joined);
}

fn diamond(svg: &mut Svg, at: Point) {
    let corners = [
        point(at.x, at.y - 3.5),
        point(at.x + 3.5, at.y),
        point(at.x, at.y + 3.5),
        point(at.x - 3.5, at.y),
    ];
    svg.path("step", &corners, Ends::Joined);
}

/// A line across all columns, for what happens nowhere in particular.
fn everywhere(svg: &mut Svg, words: &Words<'_>, entries: &[Entry], layout: &Layout, row: &Row) {
    for entry in entries.iter().filter(|entry| is_everywhere(entry.kind)) {
        let text = words.line(entry);
        svg.group("", &text);
        svg.line("gap", point(92.0, row.y), point(layout.right, row.y));
        svg.text("local", point(98.0, row.y - 4.0), &clip(&text, letters(layout.right - 110.0)));
        svg.end();
    }
}

/// Places words beside the shapes that have something to say.
pub(super) fn label(words: &Words<'_>, layout: &Layout, labels: &mut Labels) {
    for row in &layout.rows {
        for entry in layout.row(row) {
            let Some(x) = layout.x(entry.who) else { continue };
            let text = match entry.kind {
                Kind::Force
                | Kind::Write
                | Kind::Timer
                | Kind::Disturb
                | Kind::Invoke
                | Kind::FileWrite
                | Kind::Sync
                | Kind::SyncFailed
                | Kind::Read => words.what(entry),
                Kind::Crash => "crashes".to_owned(),
                Kind::Durable => "durable".to_owned(),
                Kind::Synced => "synced".to_owned(),
                Kind::Boot if 0 < entry.at.as_nanos() => "boots".to_owned(),
                _ => continue,
            };
            let text = clip(&text, letters(layout.spacing() - 26.0));
            // What a client asks stands above the arrow that leaves there.
            let y = if entry.kind == Kind::Invoke { row.y - 5.0 } else { row.y + 4.0 };
            _ = labels.place("local", point(x + 13.0, y), &text);
        }
    }
}
