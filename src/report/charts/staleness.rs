//! Staleness: how many newer versions each read missed.
//!
//! ```text
//!   versions  2 │        ✕            a point per read; a cross is stale
//!   behind    0 │ ·· ··· ·  ··
//! ```
//!
//! A write counts only if it had ended before the read began, and began when the version that was
//! read was in place: what overlaps is given to the benefit of the store (Bailis and others, PVLDB
//! 5(8), 2012). Before and after are those of the run's events, since a client may ask again in the
//! instant in which it was answered. The checker of staleness has the same rule; this only draws.

use super::{
    Chart,
    frame::{self, DANGER, Frame, INK, Key, Scale, Shape, cell, seconds},
};
use crate::{
    base::ids::OpId,
    engine::{
        operations::{Ending, HistoryEntry, Operation},
        signal::What,
    },
    report::spans::Spans,
    scenario::run::Run,
};
use plotters::{
    element::{Circle, Cross},
    prelude::*,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

/// When an operation was asked and answered, as places among all that clients saw.
#[derive(Clone, Copy, Default)]
struct Place {
    began: usize,
    ended: usize,
}

/// A write of a register: what, when it was asked, when it was answered ok.
struct Written {
    value: i64,
    began: usize,
    ended: Option<usize>,
}

/// A read that was answered.
struct Reading<'r> {
    entry: &'r HistoryEntry,
    key: u32,
    value: i64,
    /// How many versions it missed.
    missed: u64,
}

/// How many versions each read missed; nothing where no register was read.
pub(super) fn staleness(run: &Run) -> Option<Chart> {
    let places = places(run);
    let writes = writes(run, &places);
    let none = Vec::new();
    let reads = run.history.iter().filter_map(|entry| match (entry.operation, entry.ending) {
        (Operation::Read { key }, Some((_, Ending::Ok(Some(value))))) => {
            let known = writes.get(&key).unwrap_or(&none);
            let asked = places.get(&entry.op)?.began;
            Some(Reading { entry, key, value, missed: missed(asked, value, known) })
        }
        _ => None,
    });
    let reads: Vec<Reading<'_>> = reads.collect();
    let worst = reads.iter().map(|read| read.missed).max()?;
    let title = finding(&reads, worst);
    let svg = draw(run, &title, &reads, worst);
    Some(Chart { title, svg, csv: table(run, &reads) })
}

/// Where every operation stands; the first place is 1, so that what was there at first is older.
fn places(run: &Run) -> BTreeMap<OpId, Place> {
    let mut places: BTreeMap<OpId, Place> = BTreeMap::new();
    for (signal, place) in run.signals.iter().zip(1..) {
        match signal.what {
            What::Invoked(op, ..) => places.entry(op).or_default().began = place,
            What::Ended(op, _) => places.entry(op).or_default().ended = place,
            _ => {}
        }
    }
    places
}

fn writes(run: &Run, places: &BTreeMap<OpId, Place>) -> BTreeMap<u32, Vec<Written>> {
    let mut writes: BTreeMap<u32, Vec<Written>> = BTreeMap::new();
    for entry in &run.history {
        if let (Operation::Write { key, value }, Some(place)) =
            (entry.operation, places.get(&entry.op))
        {
            let is_ok = matches!(entry.ending, Some((_, Ending::Ok(_))));
            let written =
                Written { value, began: place.began, ended: is_ok.then_some(place.ended) };
            writes.entry(key).or_default().push(written);
        }
    }
    writes
}

/// How many writes a read missed that was asked there and returned a value.
fn missed(asked: usize, value: i64, writes: &[Written]) -> u64 {
    // What nobody wrote was there at first, and is older than all.
    let in_place = match writes.iter().find(|write| write.value == value) {
        Some(write) => write.ended,
        None => Some(0),
    };
    let newer = |write: &&Written| {
        in_place.is_some_and(|in_place| in_place <= write.began)
            && write.ended.is_some_and(|ended| ended < asked)
            && write.value != value
    };
    writes.iter().filter(newer).count() as u64
}

fn finding(reads: &[Reading<'_>], worst: u64) -> String {
    let number = reads.len();
    let stale = reads.iter().filter(|read| read.missed > 0).count();
    if stale == 0 {
        return format!("No read missed a write that had ended before it (n = {number})");
    }
    let versions = if worst == 1 { "version" } else { "versions" };
    format!(
        "{stale} of {number} reads were stale, at most {worst} {versions} behind (n = {number})"
    )
}

const KEYS: [Key<'static>; 2] = [
    Key { name: "fresh", colour: INK, shape: Shape::Circle },
    Key { name: "stale", colour: DANGER, shape: Shape::Cross },
];

fn draw(run: &Run, title: &str, reads: &[Reading<'_>], worst: u64) -> String {
    let description = "A point per read: how many newer versions it missed; crosses are stale.";
    let frame = Frame { title, description, height: 320 };
    frame.draw(|root| {
        let scale = Scale::of(std::iter::once(worst.max(1) as f64));
        let ranges = (frame::time_range(run), frame::range(-0.3, scale.range.end));
        let mut chart = frame.plane(root, &KEYS, 64, ranges);
        frame::bands(&mut chart, run, &Spans::of(run));
        let whole =
            |value: &f64| if value.fract() == 0.0 { frame::short(*value) } else { String::new() };
        frame::axes(&mut chart, "time asked (s)", "versions behind", Some(&whole));
        // Points that fall on one pixel are one point.
        let mut drawn = BTreeSet::new();
        for read in reads {
            let place = (seconds(read.entry.invoked_at), read.missed as f64);
            if !drawn.insert(chart.backend_coord(&place)) {
                continue;
            }
            let area = chart.plotting_area();
            if read.missed == 0 {
                area.draw(&Circle::new(place, 3, INK.mix(0.6).filled())).expect(frame::SOUND);
            } else {
                area.draw(&Cross::new(place, 5, DANGER.stroke_width(2))).expect(frame::SOUND);
            }
        }
    })
}

fn table(run: &Run, reads: &[Reading<'_>]) -> String {
    let mut csv = "op,node,key,value,asked_ns,versions_behind\n".to_owned();
    for Reading { entry, key, value, missed } in reads {
        let (node, asked) = (cell(run.catalog.node(entry.node)), entry.invoked_at.as_nanos());
        _ = writeln!(csv, "{},{node},{key},{value},{asked},{missed}", entry.op);
    }
    csv
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_misses_what_ended_before_it_and_began_when_its_version_was_in_place() {
        let write = |value, began, ended| Written { value, began, ended };
        let writes = [write(1, 1, Some(2)), write(2, 3, Some(4)), write(3, 5, None)];
        assert_eq!(missed(6, 0, &writes), 2, "what was there at first is older than all");
        assert_eq!(missed(6, 1, &writes), 1);
        assert_eq!(missed(6, 2, &writes), 0, "a write without an answer may not be there");
        assert_eq!(missed(6, 3, &writes), 0, "nor is its version known to be old");
        let overlapping = [write(1, 1, Some(4)), write(2, 2, Some(3))];
        assert_eq!(missed(5, 1, &overlapping), 0, "what overlaps may be in either order");
    }
}
