//! Saga strips: the steps and compensations of each saga, a row per saga.
//!
//! ```text
//!   saga 4   ▬●▬●▬▬▬●▬▬▌          ● a step took effect
//!   saga 5     ▬●▬●▬░▲░▲░▌        ▲ its compensation did; shaded: on the way back
//!   saga 6       ▬✕▬●▬            ✕ a compensation came first: the step will be refused
//! ```
//!
//! An area of sagas under way says how many turned back and hides which, and from where. Marks
//! stand where something took effect, at the resource and not at whoever keeps the saga's state,
//! which hears of it later.
//!
//! Limits: the longest sagas, as many as fit; the table has all.

use super::{
    Chart,
    frame::{CAREFUL, DANGER, INK, Key, QUIET, Shape, seconds},
    levels::stated,
    strips::{self, Bar, Mark, ROWS_MAX, Row},
};
use crate::{
    base::time::{Duration, Time},
    engine::facts::{Fact, SagaEnd},
    report::text::{count, rough},
    scenario::run::Run,
};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Deed {
    Did,
    Undid,
    /// Its compensation came first.
    Barred,
}

impl Deed {
    const fn word(self) -> &'static str {
        match self {
            Self::Did => "did",
            Self::Undid => "undid",
            Self::Barred => "barred",
        }
    }
}

/// One saga, from its plan to its end.
struct Saga {
    began: Time,
    deeds: Vec<(Time, u16, Deed)>,
    ended: Option<(Time, SagaEnd)>,
}

impl Saga {
    fn length(&self, end: Time) -> Duration {
        self.ended.map_or(end, |(at, _)| at).saturating_since(self.began)
    }

    fn number_of(&self, deed: Deed) -> u64 {
        self.deeds.iter().filter(|(.., known)| *known == deed).count() as u64
    }
}

/// The strips of all sagas; nothing without sagas.
pub(super) fn saga_strips(run: &Run) -> Option<Chart> {
    let sagas = sagas(run);
    let end = run.end.quiet_at;
    let (id, longest) = sagas.iter().max_by_key(|(id, saga)| (saga.length(end), Reverse(**id)))?;
    let mut title = finding(*id, longest, &sagas, end);
    let mut drawn: Vec<(&u64, &Saga)> = sagas.iter().collect();
    if drawn.len() > ROWS_MAX {
        drawn.sort_by_key(|(id, saga)| (Reverse(saga.length(end)), **id));
        drawn.truncate(ROWS_MAX);
        _ = write!(title, ", the longest {ROWS_MAX} drawn");
    }
    drawn.sort_by_key(|(id, saga)| (saga.began, **id));
    let rows: Vec<Row> = drawn.iter().map(|(id, saga)| row(**id, saga, end)).collect();
    let description = "A row per saga, from its plan to its end. A circle is a step that took \
                       effect, a triangle its compensation, a cross a compensation that came \
                       before its step.";
    let keys = [
        Key { name: "under way", colour: QUIET, shape: Shape::Area(UNDER_WAY) },
        Key { name: "on the way back", colour: CAREFUL, shape: Shape::Area(BACK) },
        Key { name: "stuck", colour: DANGER, shape: Shape::Area(STUCK) },
        Key { name: "step", colour: INK, shape: Shape::Circle },
        Key { name: "compensation", colour: CAREFUL, shape: Shape::Triangle },
        Key { name: "compensation before its step", colour: DANGER, shape: Shape::Cross },
    ];
    let svg = strips::draw(run, (&title, description), &keys, &rows);
    Some(Chart { title, svg, csv: table(&sagas) })
}

fn sagas(run: &Run) -> BTreeMap<u64, Saga> {
    let mut sagas: BTreeMap<u64, Saga> = BTreeMap::new();
    let mut known = BTreeSet::new();
    for (at, _, fact) in stated(run) {
        let (id, step, deed) = match fact {
            Fact::Planned { saga, .. } => {
                let new = Saga { began: at, deeds: Vec::new(), ended: None };
                sagas.entry(saga).or_insert(new);
                continue;
            }
            Fact::SagaEnded(saga, end) => {
                if let Some(saga) = sagas.get_mut(&saga) {
                    saga.ended.get_or_insert((at, end));
                }
                continue;
            }
            Fact::DidStep(saga, step) => (saga, step, Deed::Did),
            Fact::UndidStep(saga, step) => (saga, step, Deed::Undid),
            Fact::Tombstoned(saga, step) => (saga, step, Deed::Barred),
            _ => continue,
        };
        // A crash may have taken it back before it was stated again: both count.
        if let Some(saga) = sagas.get_mut(&id).filter(|_| known.insert((id, step, deed, at))) {
            saga.deeds.push((at, step, deed));
        }
    }
    sagas
}

fn finding(id: u64, longest: &Saga, sagas: &BTreeMap<u64, Saga>, end: Time) -> String {
    let mut lengths: Vec<Duration> = sagas.values().map(|saga| saga.length(end)).collect();
    lengths.sort_unstable();
    let half = rough(lengths[(lengths.len() - 1) / 2]);
    let span = rough(longest.length(end));
    let steps = count(longest.number_of(Deed::Did), "step");
    let back = match longest.number_of(Deed::Undid) {
        0 => String::new(),
        undone => format!(" and {undone} back"),
    };
    let is_stuck = |saga: &&Saga| matches!(saga.ended, None | Some((_, SagaEnd::Parked)));
    let stuck = match sagas.values().filter(is_stuck).count() {
        0 => String::new(),
        stuck => format!(", {stuck} stuck"),
    };
    let took = if longest.ended.is_some() { "took" } else { "is open after" };
    let number = sagas.len();
    format!(
        "Saga {id} {took} {span}, {steps} forth{back}; half took {half} at most{stuck} (n = {number})"
    )
}

/// How dense states are drawn.
const UNDER_WAY: f64 = 0.3;
const BACK: f64 = 0.4;
const STUCK: f64 = 0.3;

fn row(id: u64, saga: &Saga, end: Time) -> Row {
    let until = saga.ended.map_or(end, |(at, _)| at);
    let back = saga.deeds.iter().filter(|(.., deed)| *deed != Deed::Did).map(|(at, ..)| *at);
    let back = back.min().filter(|at| *at < until);
    let bar = |since: Time, until: Time, high, colour, dense| Bar {
        span: (seconds(since), seconds(until)),
        high,
        colour,
        dense,
    };
    let mut bars = vec![bar(saga.began, until, 0.3, QUIET, UNDER_WAY)];
    bars.extend(back.map(|since| bar(since, until, 0.6, CAREFUL, BACK)));
    match saga.ended {
        Some((at, SagaEnd::Parked)) => bars.push(bar(at, end, 0.6, DANGER, STUCK)),
        None => bars.push(bar(saga.began, end, 0.6, DANGER, STUCK)),
        Some((_, SagaEnd::Done | SagaEnd::Compensated | SagaEnd::Partial)) => {}
    }
    let marks = saga.deeds.iter().map(|(at, _, deed)| {
        let (colour, shape) = match deed {
            Deed::Did => (INK, Shape::Circle),
            Deed::Undid => (CAREFUL, Shape::Triangle),
            Deed::Barred => (DANGER, Shape::Cross),
        };
        Mark { at: seconds(*at), colour, shape }
    });
    Row { name: format!("saga {id}"), bars, marks: marks.collect() }
}

fn table(sagas: &BTreeMap<u64, Saga>) -> String {
    let mut csv = "saga,at_ns,what,step\n".to_owned();
    for (id, saga) in sagas {
        _ = writeln!(csv, "{id},{},began,", saga.began.as_nanos());
        for (at, step, deed) in &saga.deeds {
            _ = writeln!(csv, "{id},{},{},{step}", at.as_nanos(), deed.word());
        }
        if let Some((at, end)) = saga.ended {
            _ = writeln!(csv, "{id},{},{end:?},", at.as_nanos());
        }
    }
    csv
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_begins_with_the_first_compensation_and_a_parked_saga_stays() {
        let at = Time::from_millis;
        let deeds =
            vec![(at(10), 0, Deed::Did), (at(30), 1, Deed::Barred), (at(40), 0, Deed::Undid)];
        let mut saga = Saga { began: at(0), deeds, ended: Some((at(50), SagaEnd::Compensated)) };
        let spans = |saga: &Saga| -> Vec<(f64, f64)> {
            row(4, saga, at(100)).bars.iter().map(|bar| bar.span).collect()
        };
        assert_eq!(spans(&saga), [(0.0, 0.05), (0.03, 0.05)]);
        saga.ended = Some((at(50), SagaEnd::Parked));
        assert_eq!(spans(&saga)[2], (0.05, 0.1));
        saga.ended = None;
        assert_eq!(spans(&saga), [(0.0, 0.1), (0.03, 0.1), (0.0, 0.1)]);
        assert_eq!(row(4, &saga, at(100)).marks.len(), 3);
    }
}
