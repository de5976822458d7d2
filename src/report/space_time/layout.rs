//! Where things stand: which events share a row, how far apart rows are, which columns there are.
//!
//! ```text
//!   entries ──rows──▶ window of rows ──▶ y of each event      gap ≤ limit: in proportion to time
//!                                                             gap > limit: cut, ⋯ 4.8s ⋯
//! ```
//!
//! One row per event hides a stall of five seconds, true proportion smears a burst into a pixel.
//! So rows are apart in proportion to time, but never nearer than text is high, and long silence
//! is cut and says how long it was. What one node does at one instant shares a row where the
//! shapes allow, so that a broadcast is one dot with many arrows. Rounds of
//! retries are drawn once and counted, as in the timeline.

use super::super::{
    rounds::{Row as Fold, rounds},
    spans::typical_pause,
    words::{Words, cited, is_everywhere},
};
use crate::{
    base::{
        ids::EventId,
        time::{Duration, Time},
    },
    engine::{
        network::Endpoint,
        trace::{Entry, Kind},
    },
    scenario::run::Run,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

/// Everything's place, in pixels.
pub(super) struct Layout {
    pub(super) rows: Vec<Row>,
    /// The entries of the window.
    pub(super) entries: Vec<Entry>,
    /// Rows before and behind the window.
    pub(super) hidden: (usize, usize),
    pub(super) columns: Vec<Column>,
    /// Endpoints that have no column.
    pub(super) left_out: usize,
    /// Silences that were cut.
    pub(super) silences: Vec<Silence>,
    pub(super) bottom: f64,
    pub(super) right: f64,
    y_of: BTreeMap<EventId, f64>,
}

/// Events that share a height.
pub(super) struct Row {
    /// Positions in the layout's entries.
    pub(super) entries: Range<usize>,
    pub(super) at: Time,
    pub(super) who: Endpoint,
    pub(super) y: f64,
}

/// One lifeline.
pub(super) struct Column {
    pub(super) end: Endpoint,
    pub(super) name: String,
    pub(super) x: f64,
}

/// A cut in the scale of time: nothing happened, or the same again.
pub(super) struct Silence {
    pub(super) y: f64,
    /// How long nothing happened.
    pub(super) span: Duration,
    /// What happened again, in words.
    pub(super) again: Option<String>,
}

/// Where the first row stands.
pub(super) const TOP: f64 = 112.0;
/// Where the first column stands.
pub(super) const LEFT: f64 = 150.0;
const ROW: f64 = 19.0;
/// How far rows are apart that are a typical pause apart.
const PAUSE: f64 = 21.0;
const SILENCE: f64 = 52.0;
/// How many typical pauses make a silence.
const SILENCE_PAUSES: u64 = 4;
const ALL_COLUMNS_MAX: usize = 24;
const COLUMNS_MAX: usize = 64;

impl Layout {
    /// Lays out a run: at most so many rows, with the focus among them.
    pub(super) fn of(
        run: &Run,
        words: &Words<'_>,
        rows_max: usize,
        focus: Option<EventId>,
    ) -> Self {
        let (mut entries, folds) = fold(run, focus);
        let mut rows = rows(&entries, &folds);
        let window = window(&rows, &entries, rows_max.max(1), focus);
        let hidden = (window.start, rows.len() - window.end);
        rows.truncate(window.end);
        rows.drain(..window.start);
        let start = rows.first().map_or(0, |row| row.entries.start);
        entries.truncate(rows.last().map_or(start, |row| row.entries.end));
        entries.drain(..start);
        for row in &mut rows {
            row.entries = row.entries.start - start..row.entries.end - start;
        }
        let (columns, left_out) = columns(run, words, &entries);
        let silences = place(&mut rows, &entries, &folds);
        let y_of = rows
            .iter()
            .flat_map(|row| entries[row.entries.clone()].iter().map(|entry| (entry.event, row.y)));
        let y_of = y_of.collect();
        let bottom = rows.last().map_or(TOP, |row| row.y) + 26.0;
        let right = columns.last().map_or(LEFT, |column| column.x) + spacing(columns.len()) * 0.7;
        Self { rows, entries, hidden, columns, left_out, silences, bottom, right, y_of }
    }

    /// The entries of a row.
    pub(super) fn row(&self, row: &Row) -> &[Entry] {
        &self.entries[row.entries.clone()]
    }

    /// The height of an event, if it is in the window.
    pub(super) fn y(&self, event: EventId) -> Option<f64> {
        self.y_of.get(&event).copied()
    }

    /// Where an endpoint's column stands, if it has one.
    pub(super) fn x(&self, end: Endpoint) -> Option<f64> {
        self.columns.iter().find(|column| column.end == end).map(|column| column.x)
    }

    /// How far columns are apart.
    pub(super) fn spacing(&self) -> f64 {
        spacing(self.columns.len())
    }

    /// The height of an instant at an endpoint: that of what happened there then, else between
    /// what happened before and after.
    pub(super) fn y_at(&self, at: Time, end: Option<Endpoint>) -> f64 {
        let from = self.rows.partition_point(|row| row.at < at);
        let here = self.rows[from..].iter().take_while(|row| row.at == at);
        if let Some(row) = here.filter(|row| end.is_none_or(|end| row.who == end)).last() {
            return row.y;
        }
        let (Some(after), Some(before)) = (self.rows.get(from), from.checked_sub(1)) else {
            return if from == 0 { TOP - 14.0 } else { self.bottom };
        };
        let before = &self.rows[before];
        let whole = after.at.saturating_since(before.at).as_nanos().max(1);
        let part = at.saturating_since(before.at).as_nanos();
        before.y + (after.y - before.y) * (part as f64 / whole as f64)
    }
}

fn spacing(columns: usize) -> f64 {
    (1000.0 / columns.max(1) as f64).clamp(110.0, 190.0)
}

/// Whether a kind of event has a shape of its own on the lifeline.
pub(super) const fn has_shape(kind: Kind) -> bool {
    !matches!(kind, Kind::Send | Kind::Reply | Kind::Step | Kind::Lose(_))
}

/// The entries without what happens again and again, and behind which events it was left out.
fn fold(run: &Run, focus: Option<EventId>) -> (Vec<Entry>, BTreeMap<EventId, String>) {
    let entries: Vec<&Entry> = run.entries.iter().collect();
    let cited = cited(run);
    let always = |event| Some(event) == focus || cited.contains_key(&event);
    let (mut kept, mut folds): (Vec<Entry>, _) = (Vec::new(), BTreeMap::new());
    for row in rounds(&entries, always) {
        match row {
            Fold::One(place) => kept.push(entries[place].clone()),
            Fold::More { length, times, last } => {
                let until = entries[last].at.as_seconds_text(3);
                let lines = if length == 1 { "event" } else { &format!("{length} events") };
                let text = format!("the {lines} above ×{}, until {until}", times + 1);
                folds.extend(kept.last().map(|entry| (entry.event, text)));
            }
        }
    }
    (kept, folds)
}

fn rows(entries: &[Entry], folds: &BTreeMap<EventId, String>) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut shapes = 0;
    for (place, entry) in entries.iter().enumerate() {
        let shape = has_shape(entry.kind);
        let folded = place > 0 && folds.contains_key(&entries[place - 1].event);
        if let Some(row) = rows.last_mut()
            && !folded
            && shares(row, entry, &entries[row.entries.clone()], shape && 0 < shapes)
        {
            row.entries.end = place + 1;
            shapes += usize::from(shape);
            continue;
        }
        shapes = usize::from(shape);
        rows.push(Row { entries: place..place + 1, at: entry.at, who: entry.who, y: 0.0 });
    }
    rows
}

fn shares(row: &Row, entry: &Entry, others: &[Entry], crowded: bool) -> bool {
    let together = |kind| others.iter().all(|other| other.kind == kind);
    let lost_at_once = matches!(entry.kind, Kind::Lose(_))
        && others.iter().any(|other| other.event == entry.cause && other.kind == Kind::Send);
    let lost_later = matches!(entry.kind, Kind::Lose(_)) && !lost_at_once;
    row.at == entry.at
        && !is_everywhere(entry.kind)
        && !others.iter().any(|other| is_everywhere(other.kind))
        && (entry.kind == Kind::Boot && together(Kind::Boot)
            || row.who == entry.who && !crowded && !lost_later)
}

/// The rows that are shown: with the focus three quarters down, so that one sees what led to it.
fn window(rows: &[Row], entries: &[Entry], most: usize, focus: Option<EventId>) -> Range<usize> {
    if rows.len() <= most {
        return 0..rows.len();
    }
    let shows =
        |row: &Row, event| entries[row.entries.clone()].iter().any(|entry| entry.event == event);
    let at = focus.and_then(|event| rows.iter().position(|row| shows(row, event))).unwrap_or(0);
    let start = at.saturating_sub(most * 3 / 4).min(rows.len() - most);
    start..start + most
}

/// Gives each row its height; returns the silences that were cut.
fn place(rows: &mut [Row], entries: &[Entry], folds: &BTreeMap<EventId, String>) -> Vec<Silence> {
    let typical = typical_pause(rows.iter().map(|row| row.at));
    let (mut silences, mut y) = (Vec::new(), TOP);
    for place in 0..rows.len() {
        if let Some(before) = place.checked_sub(1) {
            let span = rows[place].at.saturating_since(rows[before].at);
            let again = folds.get(&entries[rows[before].entries.end - 1].event).cloned();
            if again.is_some() || typical * SILENCE_PAUSES < span {
                silences.push(Silence { y: y + SILENCE / 2.0, span, again });
                y += SILENCE;
            } else {
                let share = span.as_nanos() as f64 / typical.as_nanos() as f64;
                y += (share * PAUSE).max(ROW);
            }
        }
        rows[place].y = y;
    }
    silences
}

/// Clients, then nodes; where there are too many, those that do something in the window.
fn columns(run: &Run, words: &Words<'_>, entries: &[Entry]) -> (Vec<Column>, usize) {
    let nodes = run.catalog.nodes.len() as u16;
    let all: Vec<Endpoint> = (nodes..nodes + run.clients).chain(0..nodes).map(Endpoint).collect();
    let mut shown = all.clone();
    if ALL_COLUMNS_MAX < all.len() {
        let busy: BTreeSet<Endpoint> = entries
            .iter()
            .filter(|entry| entry.kind != Kind::Boot && !is_everywhere(entry.kind))
            .flat_map(|entry| [entry.who, entry.peer])
            .collect();
        shown.retain(|end| busy.contains(end));
        shown.truncate(COLUMNS_MAX);
    }
    let (left_out, apart) = (all.len() - shown.len(), spacing(shown.len()));
    let place = |(nth, end): (usize, Endpoint)| Column {
        end,
        name: words.name(end),
        x: LEFT + nth as f64 * apart,
    };
    (shown.into_iter().enumerate().map(place).collect(), left_out)
}

#[cfg(test)]
mod tests {
    use super::{super::super::fixture::Sketch, *};

    #[test]
    fn rows_never_come_nearer_than_text_is_high_and_every_event_has_one() {
        let run = Sketch::busy().run(7);
        let layout = Layout::of(&run, &Words::of(&run), usize::MAX, None);
        assert!(run.entries.len() / 2 < layout.entries.len());
        assert!(layout.rows.windows(2).all(|pair| ROW - 0.01 < pair[1].y - pair[0].y));
        assert!(layout.entries.iter().all(|entry| layout.y(entry.event).is_some()));
    }

    #[test]
    fn a_window_contains_its_focus() {
        let run = Sketch::busy().run(7);
        for entry in run.entries.iter().step_by(17) {
            let layout = Layout::of(&run, &Words::of(&run), 20, Some(entry.event));
            assert_eq!(layout.rows.len(), 20);
            assert!(layout.y(entry.event).is_some());
        }
    }
}
