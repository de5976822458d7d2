//! The timeline: a run on a terminal, one line per event, one lifeline per node.
//!
//! ```text
//!     time       c  p1 p2
//!     0.049s     ●  │  │   c → p1  Prepare(t0)
//!     0.052s     │  ○  │   p1 ← c  Prepare(t0)
//!                │  ▣  │   p1  forces Prepared(t0)
//!                ╎  ┃  │   ⋯ 4.8s ⋯           ╎ down   ┃ in doubt
//! ```
//!
//! Logs scroll down and are read across, so time runs down and words stand at the right. Rounds of
//! retries are told once and counted, and long silence is one line: a run of five seconds that
//! asks the same question ten times fits a screen. Arrows between the columns were rejected: an
//! arrival is many lines below its send, and what crosses them would be drawn over.
//!
//! Limits: with more nodes than fit, lifelines are left out and the words carry everything.

use super::{
    rounds::{Row, rounds},
    spans::{Condition, Lifeline, Spans, typical_pause},
    text::{clip, columns, fill, instant, rough},
    words::{Words, cited, is_everywhere, meaning, symbol},
};
use crate::{
    base::{
        ids::{EventId, NodeId},
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
    fmt::Write as _,
};

/// What of a run is shown, and how wide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimelineOptions {
    /// How many columns a line may take; at least 40.
    pub width: usize,
    /// The first instant shown.
    pub from: Option<Time>,
    /// The last instant shown.
    pub to: Option<Time>,
    /// Which events are shown.
    pub only: Filter,
}

impl Default for TimelineOptions {
    fn default() -> Self {
        Self { width: 100, from: None, to: None, only: Filter::default() }
    }
}

/// Which events are shown. An empty part asks for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Those at one of these endpoints, or with one at the other end; empty for all.
    pub ends: BTreeSet<Endpoint>,
    /// Those whose words contain this, such as `t3`.
    pub containing: Option<String>,
    /// These; empty for all.
    pub events: BTreeSet<EventId>,
}

impl Filter {
    fn keeps(&self, entry: &Entry, words: &Words<'_>) -> bool {
        let near = self.ends.is_empty()
            || is_everywhere(entry.kind)
            || self.ends.contains(&entry.who)
            || self.ends.contains(&entry.peer);
        let listed = self.events.is_empty() || self.events.contains(&entry.event);
        let told = |part: &String| words.line(entry).contains(part.as_str());
        near && listed && self.containing.as_ref().is_none_or(told)
    }
}

/// The timeline of a recorded run.
pub fn timeline(run: &Run, options: &TimelineOptions) -> String {
    let words = Words::of(run);
    let entries: Vec<&Entry> = run
        .entries
        .iter()
        .filter(|entry| options.from.is_none_or(|from| from <= entry.at))
        .filter(|entry| options.to.is_none_or(|to| entry.at <= to))
        .filter(|entry| options.only.keeps(entry, &words))
        .collect();
    if entries.is_empty() {
        return "no events were recorded that match\n".to_owned();
    }
    Timeline::new(run, words, options.width.max(WIDTH_MIN)).draw(&entries)
}

const WIDTH_MIN: usize = 40;
const NAME_COLUMNS_MAX: usize = 8;
/// How many typical pauses make a silence.
const SILENCE: u64 = 20;

struct Timeline<'a> {
    words: Words<'a>,
    lanes: Vec<Lane>,
    /// Properties that cite an event.
    cited: BTreeMap<EventId, Vec<&'static str>>,
    width: usize,
    time_width: usize,
    out: String,
}

/// One lifeline.
struct Lane {
    end: Endpoint,
    name: String,
    width: usize,
    lifeline: Lifeline,
}

impl<'a> Timeline<'a> {
    fn new(run: &'a Run, words: Words<'a>, width: usize) -> Self {
        let (lanes, cited) = (lanes(run, &words, width), cited(run));
        Self { words, lanes, cited, width, time_width: 0, out: String::new() }
    }

    fn draw(mut self, entries: &[&Entry]) -> String {
        let silence = typical_pause(entries.iter().map(|entry| entry.at)) * SILENCE;
        let rows = rounds(entries, |event| self.cited.contains_key(&event));
        let times = times(entries, &rows);
        self.time_width = times.iter().map(|time| columns(time)).max().unwrap_or(0);
        self.head();
        let mut latest = entries[0].at;
        for (row, time) in rows.iter().zip(&times) {
            latest = match *row {
                Row::One(place) => {
                    self.silence(latest, entries[place].at, silence);
                    self.event(entries[place], time);
                    entries[place].at
                }
                Row::More { length, times, last } => {
                    self.more(length, times, entries[last].at);
                    entries[last].at
                }
            };
        }
        self.legend(entries);
        self.out
    }

    fn push(&mut self, line: &str) {
        let line = clip(line.trim_end(), self.width);
        _ = writeln!(self.out, "{line}");
    }

    fn head(&mut self) {
        let names: String = self.lanes.iter().map(|lane| fill(&lane.name, lane.width)).collect();
        let line = format!("{}  {names}", fill("time", self.time_width));
        self.push(&line);
    }

    fn event(&mut self, entry: &Entry, time: &str) {
        let cells: String = self.lanes.iter().map(|lane| lane.cell(entry)).collect();
        let left = format!("{}  {cells} ", fill(time, self.time_width));
        let cited = self.cited.get(&entry.event);
        let note = cited.map_or_else(String::new, |by| format!("  ◄ {}", by.join(", ")));
        let room = self.width.saturating_sub(columns(&left) + columns(&note));
        let mut words = self.words.line(entry);
        if self.lanes.is_empty() {
            words = format!("{} {words}", symbol(entry.kind));
        }
        self.push(&format!("{left}{}{note}", clip(&words, room)));
    }

    /// A line between events: what the lifelines were like, and words.
    fn between(&mut self, at: Time, words: &str) {
        let cells: String = self.lanes.iter().map(|lane| lane.empty(at)).collect();
        let line = format!("{}  {cells} ⋯ {words} ⋯", fill("", self.time_width));
        self.push(&line);
    }

    fn silence(&mut self, since: Time, until: Time, silence: Duration) {
        let span = until.saturating_since(since);
        if silence < span {
            self.between(since, &rough(span));
        }
    }

    fn more(&mut self, length: usize, times: usize, until: Time) {
        let until_text = until.as_seconds_text(3);
        let lines = if length == 1 { "line" } else { &format!("{length} lines") };
        self.between(until, &format!("the {lines} above ×{}, until {until_text}", times + 1));
    }

    /// The symbols that occur, with what they mean.
    fn legend(&mut self, entries: &[&Entry]) {
        let mut parts: Vec<String> = Vec::new();
        let symbols =
            entries.iter().map(|entry| format!("{} {}", symbol(entry.kind), meaning(entry.kind)));
        let lines = ["╎ down", "┃ in doubt"].map(str::to_owned);
        for part in symbols.chain(if self.lanes.is_empty() { Vec::new() } else { lines.to_vec() }) {
            if !parts.contains(&part) {
                parts.push(part);
            }
        }
        let mut line = String::new();
        self.out.push('\n');
        for part in parts {
            if self.width < columns(&line) + columns(&part) + 2 {
                self.push(&line);
                line.clear();
            }
            line += &part;
            line += "  ";
        }
        self.push(&line);
    }
}

impl Lane {
    /// What it shows at an event.
    fn cell(&self, entry: &Entry) -> String {
        if is_everywhere(entry.kind) {
            return symbol(entry.kind).to_string() + &"╌".repeat(self.width - 1);
        }
        // A lost message is missed where it was to arrive.
        let place = if matches!(entry.kind, Kind::Lose(_)) { entry.peer } else { entry.who };
        if place == self.end {
            fill(&symbol(entry.kind).to_string(), self.width)
        } else {
            self.empty(entry.at)
        }
    }

    /// What it shows where nothing happens.
    fn empty(&self, at: Time) -> String {
        let line = match self.lifeline.at(at) {
            Condition::Idle => "│",
            Condition::InDoubt => "┃",
            Condition::Paused => ":",
            Condition::Down => "╎",
        };
        fill(line, self.width)
    }
}

/// The lifelines that fit: clients and nodes, or nodes alone, or none.
fn lanes(run: &Run, words: &Words<'_>, width: usize) -> Vec<Lane> {
    let nodes = run.catalog.nodes.len() as u16;
    let spans = Spans::of(run);
    let lane = |end: u16| {
        let name = clip(&words.name(Endpoint(end)), NAME_COLUMNS_MAX);
        let width = columns(&name).max(2) + 1;
        Lane { end: Endpoint(end), name, width, lifeline: spans.lifeline(NodeId(end)) }
    };
    let choices = [(nodes..nodes + run.clients).chain(0..nodes), (0..0).chain(0..nodes)];
    for ends in choices {
        let lanes: Vec<Lane> = ends.map(lane).collect();
        if lanes.iter().map(|lane| lane.width).sum::<usize>() <= width * 2 / 5 {
            return lanes;
        }
    }
    Vec::new()
}

/// The time of each row, in as many decimals as tell it from the one above; nothing where it is
/// the same.
fn times(entries: &[&Entry], rows: &[Row]) -> Vec<String> {
    let mut above = None;
    let time = |row: &Row| match *row {
        Row::One(place) => {
            let at = entries[place].at;
            let before = above.replace(at);
            if before == Some(at) { String::new() } else { instant(at, before) }
        }
        Row::More { last, .. } => {
            above = Some(entries[last].at);
            String::new()
        }
    };
    rows.iter().map(time).collect()
}

#[cfg(test)]
mod tests {
    use super::{
        super::fixture::{Sketch, golden, hostile, one_event, unrecorded},
        *,
    };

    fn widest(text: &str) -> usize {
        text.lines().map(columns).max().unwrap_or(0)
    }

    #[test]
    fn a_blocked_run_is_told_in_a_screen() {
        let run = Sketch::coordinator_crash().run(42);
        let told = timeline(&run, &TimelineOptions::default());
        golden("timeline.txt", &told);
    }

    #[test]
    fn no_line_is_wider_than_it_may_be() {
        for run in [Sketch::busy().run(7), hostile(), one_event(), unrecorded()] {
            for width in [40, 72, 100] {
                let told = timeline(&run, &TimelineOptions { width, ..Default::default() });
                assert!(widest(&told) <= width, "{told}");
                assert!(told.chars().all(|symbol| symbol == '\n' || !symbol.is_control()));
                assert_eq!(told, timeline(&run, &TimelineOptions { width, ..Default::default() }));
            }
        }
    }

    #[test]
    fn a_filter_keeps_what_it_asks_for() {
        let run = Sketch::busy().run(7);
        let only = Filter { containing: Some("t3".to_owned()), ..Filter::default() };
        let from = Some(Time::from_millis(50));
        let told = timeline(&run, &TimelineOptions { from, only, ..Default::default() });
        let lines = told.lines().skip(1).take_while(|line| !line.is_empty());
        assert!(lines.filter(|line| !line.contains('⋯')).all(|line| line.contains("t3")), "{told}");
        let only = Filter { containing: Some("nowhere".to_owned()), ..Filter::default() };
        let told = timeline(&run, &TimelineOptions { only, ..Default::default() });
        assert_eq!(told, "no events were recorded that match\n");
    }
}
