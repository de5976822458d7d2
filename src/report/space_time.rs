//! The space–time diagram: time runs down, nodes are columns, messages are arrows.
//!
//! ```text
//!          client1    c      p1      p2            layout   rows, columns, the scale of time
//!    0.05s    ▮───────▶○                           arrows   messages      labels   words, apart
//!    0.06s    ▮        ●───────▶○                  shapes   what happens at one node
//!             ▮        ✖╲       ▨                  sheet    light and dark
//! ```
//!
//! Kind by shape, type by colour, fate by dash: colour alone never carries meaning. A lifeline is
//! thin when idle, hatched while in doubt, broken while down, so blocking is seen before anything
//! is read. The picture is one file that reaches nowhere: styles inside, no script, no font. A
//! chart library was rejected, for it knows axes and no arrows between them.
//!
//! Limits: a window of so many rows, around what is violated; the picture says what it leaves out.

mod arrows;
mod labels;
mod layout;
mod shapes;
mod sheet;

use super::{
    spans::{Condition, Spans},
    svg::{Ends, Svg, point},
    text::{clip, columns, count, inert, instant, rough},
    words::{Words, cited, ending_words, operation_words},
};
use crate::{
    base::ids::{EventId, NodeId},
    checkers::Verdict,
    engine::operations::Ending,
    scenario::run::Run,
};
use labels::{LETTER, Labels};
use layout::{Layout, TOP};
use std::{collections::BTreeMap, fmt::Write as _};

/// What of a run is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpaceTimeOptions {
    /// How many rows at most.
    pub rows_max: usize,
    /// The event that must be seen; `None` for the first that a violation cites.
    pub focus: Option<EventId>,
}

impl Default for SpaceTimeOptions {
    fn default() -> Self {
        Self { rows_max: 400, focus: None }
    }
}

/// The space–time diagram of a recorded run, as an SVG document.
pub fn space_time(run: &Run, options: SpaceTimeOptions) -> String {
    let words = Words::of(run);
    let focus = options.focus.or_else(|| violated(run));
    let layout = Layout::of(run, &words, options.rows_max, focus);
    let size = point((layout.right + MARGIN_RIGHT).max(640.0), layout.bottom + 96.0);
    let title = format!("{} (seed {})", run.title, run.seed);
    let mut svg = Svg::open(size, "space-time", &title, &description(run, &layout));
    svg.style(sheet::SHEET);
    svg.raw(sheet::HATCH);
    svg.rect("ground", point(0.0, 0.0), size, 0.0);
    svg.break_line();
    let mut picture = Picture { svg, run, words, layout, cited: cited(run) };
    picture.draw();
    picture.svg.close()
}

const MARGIN_RIGHT: f64 = 190.0;
/// Nanoseconds find no room in the margin.
const TIME_LETTERS_MAX: usize = 11;

/// The last event that the first violation cites.
fn violated(run: &Run) -> Option<EventId> {
    run.judgements.iter().find_map(|judgement| match &judgement.verdict {
        Verdict::Violated(witness) => witness.citations.iter().map(|cited| cited.event).min(),
        _ => None,
    })
}

fn description(run: &Run, layout: &Layout) -> String {
    let shown = count(layout.entries.len() as u64, "event");
    let verdicts = run.judgements.iter();
    let verdicts: Vec<String> = verdicts
        .map(|judgement| format!("{} {}", judgement.property, judgement.verdict.word()))
        .collect();
    format!(
        "Space-time diagram of {} events of {}: {shown} shown, time runs down, a column for each \
         of {}. Verdicts: {}.",
        run.entries.len(),
        run.protocol,
        count(layout.columns.len() as u64, "endpoint"),
        if verdicts.is_empty() { "none".to_owned() } else { verdicts.join(", ") },
    )
}

struct Picture<'a> {
    svg: Svg,
    run: &'a Run,
    words: Words<'a>,
    layout: Layout,
    cited: BTreeMap<EventId, Vec<&'static str>>,
}

impl Picture<'_> {
    fn draw(&mut self) {
        let spans = Spans::of(self.run);
        self.heading();
        self.cuts(&spans);
        self.citations();
        self.times();
        self.lifelines(&spans);
        self.operations();
        self.names();
        self.silences();
        let mut labels = Labels::default();
        shapes::label(&self.words, &self.layout, &mut labels);
        arrows::messages(&mut self.svg, self.run, &self.words, &self.layout, &mut labels);
        shapes::shapes(&mut self.svg, &self.words, &self.layout);
        labels.draw(&mut self.svg);
        self.rings();
        self.legend();
    }

    fn heading(&mut self) {
        let room = ((self.layout.right + MARGIN_RIGHT) / 9.0) as usize;
        self.svg.text("heading", point(24.0, 32.0), &clip(&inert(&self.run.title), room));
        let Run { name, seed, protocol, .. } = self.run;
        let mut line = format!("{name}@{seed} · {protocol}");
        let (before, behind) = self.layout.hidden;
        if 0 < before + behind {
            let (first, rows) = (before + 1, self.layout.rows.len());
            _ = write!(line, " · rows {first} to {} of {}", before + rows, before + rows + behind);
        }
        if 0 < self.layout.left_out {
            _ = write!(line, " · {} without a column", self.layout.left_out);
        }
        self.svg.text("faint", point(24.0, 52.0), &line);
        self.svg.break_line();
        if self.layout.rows.is_empty() {
            self.svg.text("faint", point(24.0, TOP), "no events were recorded");
        }
    }

    fn cuts(&mut self, spans: &Spans) {
        let right = self.layout.right;
        for cut in &spans.cuts {
            let above = self.layout.y_at(cut.since, None);
            let below = cut.until.map_or(self.layout.bottom, |until| self.layout.y_at(until, None));
            if below <= above {
                continue;
            }
            let text = format!("cut: {}", inert(&cut.of.rule));
            self.svg.group("", &text);
            self.svg.rect("band", point(92.0, above), point(right - 92.0, below - above), 3.0);
            let bracket = [
                point(right + 2.0, above),
                point(right + 9.0, above),
                point(right + 9.0, below),
                point(right + 2.0, below),
            ];
            self.svg.path("bracket", &bracket, Ends::Loose);
            self.svg.text(
                "fault",
                point(right + 16.0, f64::midpoint(above, below) + 4.0),
                &clip(&text, 24),
            );
            self.svg.end();
        }
    }

    /// Rows that a violation rests on.
    fn citations(&mut self) {
        let right = self.layout.right;
        let mut latest = f64::MIN;
        for (event, by) in &self.cited {
            let Some(y) = self.layout.y(*event) else { continue };
            self.svg.rect("cited", point(18.0, y - 9.5), point(right - 18.0, 19.0), 3.0);
            if latest < y {
                let text = format!("◄ {}", by.join(", "));
                self.svg.text("verdict", point(right + 16.0, y + 4.0), &clip(&text, 26));
                latest = y;
            }
        }
        self.svg.break_line();
    }

    fn times(&mut self) {
        let (mut above, mut low) = (None, f64::MIN);
        for row in &self.layout.rows {
            let time = instant(row.at, above);
            if above == Some(row.at) || row.y < low + 14.0 || TIME_LETTERS_MAX < time.len() {
                continue;
            }
            self.svg.text("time", point(84.0, row.y + 4.0), &time);
            (above, low) = (Some(row.at), row.y);
        }
        self.svg.break_line();
    }

    fn lifelines(&mut self, spans: &Spans) {
        for column in &self.layout.columns {
            let mut condition = Condition::Idle;
            let mut above = TOP - 20.0;
            let lifeline = spans.lifeline(NodeId(column.end.0));
            for &(at, next) in lifeline.changes() {
                let y = self.layout.y_at(at, Some(column.end)).max(above);
                segment(&mut self.svg, condition, column.x, (above, y));
                (condition, above) = (next, y);
            }
            segment(&mut self.svg, condition, column.x, (above, self.layout.bottom));
            self.svg.break_line();
        }
    }

    /// What clients wait for, as bars on their lifelines.
    fn operations(&mut self) {
        for entry in &self.run.history {
            let end = self.run.catalog.client_end(entry.client);
            let Some(x) = self.layout.x(end) else { continue };
            let above = self.layout.y_at(entry.invoked_at, Some(end)).max(TOP - 14.0);
            let below = entry
                .ending
                .map_or(self.layout.bottom, |ending| self.layout.y_at(ending.0, Some(end)));
            if below <= above {
                continue;
            }
            let (class, ending) = match entry.ending {
                Some((_, Ending::NotDone)) => ("operation not-done", "not done".to_owned()),
                Some((_, ending @ Ending::Ok(_))) => ("operation", ending_words(ending)),
                Some((_, ending)) => ("operation unknown", ending_words(ending)),
                None => ("operation unknown", "still open".to_owned()),
            };
            let title = format!("{} {}: {ending}", entry.op, operation_words(entry.operation));
            self.svg.group("", &title);
            self.svg.rect(class, point(x - 4.0, above), point(8.0, below - above), 2.0);
            self.svg.end();
        }
    }

    fn names(&mut self) {
        let room = self.layout.spacing() - 16.0;
        for column in &self.layout.columns {
            let name = clip(&column.name, (room / 7.5) as usize);
            let width = (columns(&name) as f64 * 7.5 + 18.0).min(room + 10.0);
            for y in [TOP - 32.0, self.layout.bottom + 14.0] {
                self.svg.rect(
                    "box",
                    point(column.x - width / 2.0, y - 14.0),
                    point(width, 21.0),
                    4.0,
                );
                self.svg.text("name", point(column.x, y + 1.0), &name);
            }
        }
        self.svg.break_line();
    }

    /// Cuts in the scale of time.
    fn silences(&mut self) {
        let (left, right) = (92.0, self.layout.right);
        for silence in &self.layout.silences {
            let mut zigzag = Vec::new();
            let mut x = left;
            while x <= right {
                let up = if zigzag.len() % 2 == 0 { -3.0 } else { 3.0 };
                zigzag.push(point(x, silence.y + up));
                x += 9.0;
            }
            self.svg.path("gap", &zigzag, Ends::Loose);
            let text = format!("⋯ {} ⋯", rough(silence.span));
            self.svg.text("time", point(84.0, silence.y + 4.0), &text);
            if let Some(again) = &silence.again {
                self.svg.text("again", point(left + 8.0, silence.y - 7.0), again);
            }
        }
        self.svg.break_line();
    }

    fn rings(&mut self) {
        for event in self.cited.keys() {
            let place = self.run.entries.binary_search_by_key(event, |entry| entry.event);
            let Some(entry) = place.ok().map(|place| &self.run.entries[place]) else { continue };
            if let (Some(x), Some(y)) = (self.layout.x(entry.who), self.layout.y(*event)) {
                self.svg.circle("ring", point(x, y), 10.5);
            }
        }
        self.svg.break_line();
    }

    fn legend(&mut self) {
        let y = self.layout.bottom + 54.0;
        let lines = [
            "● send · ○ receive · ◷ timer · ▣ force · ■ durable · ▢ write · ◆ step · ✖ crash · ▲ boot",
            "solid: delivered · dashed ╳: lost · double: one more copy · hatched: in doubt · \
             dotted: down · ringed: a violation rests on it",
        ];
        for (nth, line) in lines.iter().enumerate() {
            self.svg.text("faint", point(24.0, y + nth as f64 * 18.0), line);
        }
        self.svg.break_line();
    }
}

fn segment(svg: &mut Svg, condition: Condition, x: f64, (above, below): (f64, f64)) {
    if below <= above {
        return;
    }
    match condition {
        Condition::Idle => svg.line("life", point(x, above), point(x, below)),
        Condition::Paused => svg.line("paused", point(x, above), point(x, below)),
        Condition::Down => svg.line("down", point(x, above), point(x, below)),
        Condition::InDoubt => {
            let (corner, size) = (point(x - 5.0, above), point(10.0, below - above));
            svg.group("", "in doubt");
            svg.rect("doubt", corner, size, 2.0);
            svg.hatched(corner, size);
            svg.end();
        }
    }
}

/// How many letters fit between two columns.
fn letters(room: f64) -> usize {
    (room / LETTER).max(0.0) as usize
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            fixture::{Sketch, hostile, one_event, unrecorded},
            svg::assert_sound,
        },
        *,
    };

    #[test]
    fn every_picture_is_sound_and_the_same_twice() {
        for run in [
            Sketch::coordinator_crash().run(42),
            Sketch::busy().run(7),
            Sketch::idle().run(1),
            hostile(),
            one_event(),
            unrecorded(),
        ] {
            let options = SpaceTimeOptions { rows_max: 300, ..Default::default() };
            let picture = space_time(&run, options);
            assert_sound(&picture);
            assert_eq!(picture, space_time(&run, options));
        }
    }

    #[test]
    fn a_picture_says_what_it_leaves_out() {
        let run = Sketch::busy().run(7);
        let picture = space_time(&run, SpaceTimeOptions { rows_max: 10, ..Default::default() });
        assert!(picture.contains(" of "), "{picture}");
        assert_sound(&picture);
    }

    #[test]
    fn doubt_crash_loss_and_citations_are_drawn() {
        let picture = space_time(&Sketch::coordinator_crash().run(42), SpaceTimeOptions::default());
        for class in ["doubt", "crash", "message m3 lost", "ring", "operation unknown", "gap"] {
            assert!(picture.contains(&format!("class=\"{class}\"")), "{class}");
        }
    }
}
