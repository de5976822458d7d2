//! The tail: which share of operations had no answer yet after so long, down to the last one.
//!
//! ```text
//!   100 % ┤▔▔▔╲
//!    10 % ┤    ╲___          equal steps down are factors of ten
//!     1 % ┤        ╲__╳      a cross: what never had an answer
//! ```
//!
//! A curve of shares on an equal axis shows how most clients fare; the few that wait longest are a
//! pixel in it. Here each factor of ten takes the same room. What was never answered never leaves
//! the curve, so a client who gave up counts as one who would still wait; dropping those would make
//! a system look faster the more answers it loses.

use super::{
    Chart,
    frame::{self, DANGER, Frame, INK, Key, QUIET, Scale, Shape, TEXT},
};
use crate::{
    base::time::Duration,
    engine::operations::{Ending, HistoryEntry},
    report::text::{count, rough},
    scenario::run::Run,
};
use plotters::{
    element::{Cross, PathElement},
    prelude::*,
};
use std::fmt::Write as _;

/// Fewer than so many have no tail.
const ENOUGH: usize = 20;

/// How long operations waited for an answer, the longest told best; nothing where few were asked.
pub(super) fn tail(run: &Run) -> Option<Chart> {
    let mut waited: Vec<Duration> = run.history.iter().filter_map(waited).collect();
    waited.sort_unstable();
    let number = run.history.len();
    if number < ENOUGH || waited.is_empty() {
        return None;
    }
    let title = finding(&waited, number);
    let svg = draw(&title, &waited, number);
    let mut csv = "waited_ns,still_waiting\n".to_owned();
    for (nth, span) in waited.iter().enumerate() {
        _ = writeln!(csv, "{},{}", span.as_nanos(), number - nth - 1);
    }
    Some(Chart { title, svg, csv })
}

/// How long an operation waited for its answer, good or bad.
fn waited(entry: &HistoryEntry) -> Option<Duration> {
    match entry.ending? {
        (at, Ending::Ok(_) | Ending::NotDone) => Some(at.saturating_since(entry.invoked_at)),
        (_, Ending::Unknown) => None,
    }
}

/// How long those waited who waited longest, for shares that there are enough of.
fn finding(waited: &[Duration], number: usize) -> String {
    let never = number - waited.len();
    let mut told = Vec::new();
    for one_in in [10, 100, 1000].into_iter().filter(|one_in| one_in * 2 <= number) {
        let verb = if told.is_empty() { " waited" } else { "" };
        if let Some(span) = waited.get(number - number / one_in - 1) {
            told.push(format!("1 in {one_in}{verb} longer than {}", rough(*span)));
        }
    }
    if let (true, Some(span)) = (told.is_empty(), waited.get(number - number / 2 - 1)) {
        told.push(format!("Half waited longer than {}", rough(*span)));
    }
    if never > 0 {
        told.push(format!("{} never answered", count(never as u64, "operation")));
    }
    format!("{} (n = {number})", told.join(", "))
}

fn draw(title: &str, waited: &[Duration], number: usize) -> String {
    let description = "The share of operations that had no answer after so long, on an axis of \
                       factors of ten. A cross stands for those that never had one.";
    let never = number - waited.len();
    let keys = [
        Key { name: "without an answer yet", colour: INK, shape: Shape::Line(2) },
        Key { name: "never answered", colour: DANGER, shape: Shape::Cross },
    ];
    let keys = if never == 0 { &keys[..1] } else { &keys[..] };
    let frame = Frame { title, description, height: 320 };
    frame.draw(|root| {
        let milliseconds = |span: &Duration| span.as_nanos() as f64 / 1e6;
        let scale = Scale::of(waited.iter().map(milliseconds));
        let share = |left: usize| libm::log10(left as f64 / number as f64);
        let up = frame::range(share(1) - 0.25, 0.1);
        let floor = up.start;
        let mut chart = frame.plane(root, keys, 64, (scale.range.clone(), up));
        let mut mesh = chart.configure_mesh();
        mesh.disable_mesh().x_desc("waited (ms)").y_desc("without an answer (%)");
        mesh.axis_style(QUIET).label_style(frame::small(TEXT));
        let (across, up) = (|value: &f64| scale.label(*value), |place: &f64| percent(*place));
        mesh.x_label_formatter(&across).y_label_formatter(&up);
        mesh.draw().expect(frame::SOUND);
        let mut path = vec![(scale.range.start, 0.0)];
        for (nth, span) in waited.iter().enumerate() {
            let (x, left) = (scale.place(milliseconds(span)), number - nth - 1);
            let before = path.last().map_or(0.0, |point| point.1);
            path.push((x, before));
            path.push((x, if left == 0 { floor } else { share(left) }));
        }
        if never > 0 {
            path.push((scale.range.end, share(never)));
        }
        let line = PathElement::new(frame::thin(&chart, &path), INK.stroke_width(2));
        chart.plotting_area().draw(&line).expect(frame::SOUND);
        if never > 0 {
            let cross = Cross::new((scale.range.end, share(never)), 5, DANGER.stroke_width(2));
            chart.plotting_area().draw(&cross).expect(frame::SOUND);
        }
    })
}

/// A place on the axis of shares, where it is a power of ten.
fn percent(place: f64) -> String {
    let whole = (place - place.round()).abs() < 1e-6;
    if whole { frame::short(libm::exp10(place.round()) * 100.0) } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_title_tells_of_shares_that_there_are_enough_of() {
        let waited: Vec<Duration> = (1..=98).map(Duration::from_millis).collect();
        let told = finding(&waited, 100);
        assert_eq!(told, "1 in 10 waited longer than 90ms, 2 operations never answered (n = 100)");
        let waited: Vec<Duration> = (1..=150).map(Duration::from_millis).collect();
        let told = finding(&waited, 200);
        let expected = "Half waited longer than 100ms, 50 operations never answered (n = 200)";
        assert_eq!(told, expected);
    }

    #[test]
    fn only_factors_of_ten_are_told_on_the_axis() {
        assert_eq!(["100", "1", ""].map(str::to_owned), [0.0, -2.0, -0.5].map(percent));
    }
}
