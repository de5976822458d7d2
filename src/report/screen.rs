//! The screen: what happened in one run, and is it bad?
//!
//! ```text
//!   title            seed · nodes · time · events
//!   highlights
//!   checks           property  verdict  why
//!   witness · expected · costs · faults · run · reports · next
//! ```
//!
//! One screen, most important first, and the command that shows it again last, where the eye ends
//! up. Words carry every meaning, colour only repeats it. Nothing of the machine or of the clock
//! on the wall is printed: two equal runs print equal bytes. A table with borders was rejected: it
//! takes room from the sentences.

use super::{
    highlights::{Highlight, highlights},
    spans::simulated,
    text::{clip, columns, count, fill, inert, wrap},
};
use crate::{
    base::time::Time,
    checkers::{Judgement, Verdict, Witness},
    engine::{runner::Outcome, trace::ENGINE_EPOCH},
    scenario::run::{RuleReport, Run},
};
use anstyle::{AnsiColor, Style};
use std::fmt::Write as _;

/// What a scenario expected, as whoever judges expectations says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// What was expected: `no_blocking violated`.
    pub text: String,
    /// Whether it came so.
    pub met: bool,
}

/// What stands on the screen besides the run itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surroundings {
    /// What the scenario expected, if it said so.
    pub expected: Option<Expected>,
    /// The command that shows the same again.
    pub reproduce: String,
    /// Files that were written.
    pub reports: Vec<String>,
}

/// Whether the screen has colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// Plain text.
    Never,
    /// With escape codes.
    Always,
}

/// The screen of one run.
pub fn screen(run: &Run, surroundings: &Surroundings, colour: Colour) -> String {
    let mut screen = Screen { out: String::new(), colour };
    screen.title(run);
    screen.highlights(run);
    screen.checks(run);
    screen.witnesses(run);
    if let Some(expected) = &surroundings.expected {
        screen.expected(expected);
    }
    screen.waiting(run);
    screen.costs(run);
    screen.faults(&run.rules);
    screen.address(run, surroundings);
    screen.out
}

const WIDTH: usize = 100;
/// How wide the first column is, with the gap behind it.
const MARGIN: usize = 10;
const LIST_MAX: usize = 12;
const CITATIONS_MAX: usize = 8;

const BAD: Style = AnsiColor::Red.on_default().bold();
const GOOD: Style = AnsiColor::Green.on_default();
const CAREFUL: Style = AnsiColor::Yellow.on_default();
const FAINT: Style = Style::new().dimmed();
const STRONG: Style = Style::new().bold();
const PLAIN: Style = Style::new();

struct Screen {
    out: String,
    colour: Colour,
}

impl Screen {
    fn paint(&self, style: Style, text: &str) -> String {
        match self.colour {
            Colour::Never => text.to_owned(),
            Colour::Always => format!("{style}{text}{style:#}"),
        }
    }

    fn line(&mut self, line: &str) {
        _ = writeln!(self.out, "{line}");
    }

    /// Text behind a word in the margin, wrapped. The word stands in the first line only.
    fn block(&mut self, word: &str, lead: &str, text: &str) {
        let indent = MARGIN + columns(lead);
        for (nth, part) in wrap(text, WIDTH - indent).iter().enumerate() {
            let margin = if nth == 0 { fill(word, MARGIN) } else { " ".repeat(MARGIN) };
            let lead = if nth == 0 { lead.to_owned() } else { " ".repeat(columns(lead)) };
            self.line(format!("{}{lead}{part}", self.paint(FAINT, &margin)).trim_end());
        }
    }

    /// Lines behind a word in the margin, the first few of them.
    fn list(&mut self, word: &str, lines: &[String]) {
        for (nth, line) in lines.iter().take(LIST_MAX).enumerate() {
            self.block(if nth == 0 { word } else { "" }, "", line);
        }
        if LIST_MAX < lines.len() {
            self.block("", "", &format!("and {} more", lines.len() - LIST_MAX));
        }
    }

    fn title(&mut self, run: &Run) {
        let nodes = count(run.catalog.nodes.len() as u64, "node");
        let time = simulated(run).as_seconds_text(1);
        let events = count(run.counters.events, "event");
        let facts = format!("seed {} · {nodes} · {time} simulated · {events}", run.seed);
        let room = WIDTH - columns(&facts) - 2;
        let title = inert(&run.title);
        if columns(&title) <= room {
            let title = self.paint(STRONG, &fill(&title, room));
            self.line(&format!("{title}  {facts}"));
        } else {
            self.line(&self.paint(STRONG, &clip(&title, WIDTH)));
            self.line(&facts);
        }
        if run.end.outcome == Outcome::LimitReached {
            let text = "stopped early: it handled more events than any run should";
            self.line(&self.paint(CAREFUL, text));
        }
        self.line("");
    }

    fn highlights(&mut self, run: &Run) {
        let highlights = highlights(run);
        let times: Vec<String> = highlights.iter().map(when).collect();
        let width = times.iter().map(|time| columns(time)).max().unwrap_or(0);
        for (highlight, time) in highlights.iter().zip(&times) {
            let lead = format!("  {}  {} ", fill(time, width), highlight.symbol);
            let indent = columns(&lead);
            for (nth, part) in wrap(&highlight.text, WIDTH - indent).iter().enumerate() {
                let lead = if nth == 0 { lead.clone() } else { " ".repeat(indent) };
                self.line(&format!("{lead}{part}"));
            }
        }
        if !highlights.is_empty() {
            self.line("");
        }
    }

    fn checks(&mut self, run: &Run) {
        let names = run.judgements.iter().map(|judgement| columns(judgement.property));
        let width = names.max().unwrap_or(0) + 2;
        for (nth, judgement) in run.judgements.iter().enumerate() {
            let (verdict, style) = verdict(&judgement.verdict);
            let name = fill(judgement.property, width);
            let why = why(judgement);
            let indent = MARGIN + width + VERDICT_WIDTH;
            let parts = wrap(&why, WIDTH.saturating_sub(indent).max(20));
            let margin = self.paint(FAINT, &fill(if nth == 0 { "checks" } else { "" }, MARGIN));
            let verdict = self.paint(style, &fill(verdict, VERDICT_WIDTH));
            self.line(format!("{margin}{name}{verdict}{}", parts[0]).trim_end());
            for part in &parts[1..] {
                self.line(&format!("{}{part}", " ".repeat(indent)));
            }
        }
        if run.judgements.is_empty() {
            self.block("checks", "", "none: nothing was judged");
        }
    }

    fn witnesses(&mut self, run: &Run) {
        let mut lines = Vec::new();
        for judgement in &run.judgements {
            let Verdict::Violated(witness) = &judgement.verdict else { continue };
            lines.extend(cited(run, witness));
        }
        self.list("witness", &lines);
    }

    fn expected(&mut self, expected: &Expected) {
        let (met, style) = if expected.met { ("met: ", GOOD) } else { ("NOT MET: ", BAD) };
        let lead = self.paint(style, met);
        let margin = self.paint(FAINT, &fill("expected", MARGIN));
        let indent = MARGIN + columns(met);
        let parts = wrap(&inert(&expected.text), WIDTH - indent);
        self.line(&format!("{margin}{lead}{}", parts[0]));
        for part in &parts[1..] {
            self.line(&format!("{}{part}", " ".repeat(indent)));
        }
    }

    fn waiting(&mut self, run: &Run) {
        let tell = |(node, what): &(crate::base::ids::NodeId, String)| {
            format!("{}: {}", inert(run.catalog.node(*node)), inert(what))
        };
        let lines: Vec<String> = run.waiting.iter().map(tell).collect();
        self.list("waiting", &lines);
    }

    fn costs(&mut self, run: &Run) {
        let totals = Totals::of(run);
        let operations = run.counters.operations;
        let mut text = format!(
            "{} · {} + {} unforced · {} of {} ok, {} not done, {} unknown",
            count(totals.messages, "message"),
            count(totals.forced, "forced write"),
            totals.unforced,
            operations.ok,
            count(operations.invoked, "operation"),
            operations.not_done,
            operations.unknown,
        );
        let ended = operations.ok + operations.not_done + operations.unknown;
        if ended < operations.invoked {
            _ = write!(text, ", {} open", operations.invoked - ended);
        }
        self.block("costs", "", &text);
    }

    fn faults(&mut self, rules: &[RuleReport]) {
        let width = rules.iter().map(|rule| columns(&inert(&rule.id))).max().unwrap_or(0).min(30);
        let lines: Vec<String> = rules.iter().map(|rule| fault(rule, width)).collect();
        self.list("faults", &lines);
    }

    fn address(&mut self, run: &Run, surroundings: &Surroundings) {
        let (name, seed, hash) = (inert(&run.name), run.seed, run.hash);
        let text = format!("{name}@{seed} · epoch {ENGINE_EPOCH} · trace {hash:032x}");
        self.block("run", "", &text);
        let reports: Vec<String> = surroundings.reports.iter().map(|path| inert(path)).collect();
        self.list("reports", &reports);
        // Not wrapped: it is there to be copied.
        let margin = self.paint(FAINT, &fill("next", MARGIN));
        let command = self.paint(PLAIN.bold(), &inert(&surroundings.reproduce));
        self.line(&format!("{margin}{command}"));
    }
}

const VERDICT_WIDTH: usize = 15;

fn verdict(verdict: &Verdict) -> (&'static str, Style) {
    match verdict {
        Verdict::Holds => ("holds", GOOD),
        Verdict::Violated(_) => ("VIOLATED", BAD),
        Verdict::Unknown(_) => ("unknown", CAREFUL),
        Verdict::NotExercised => ("not exercised", CAREFUL),
    }
}

/// The sentence behind a verdict.
fn why(judgement: &Judgement) -> String {
    match &judgement.verdict {
        Verdict::Violated(witness) => inert(&witness.sentence),
        Verdict::Unknown(reason) => inert(reason),
        Verdict::Holds | Verdict::NotExercised => inert(&judgement.note),
    }
}

/// The events that a witness rests on, a line each.
fn cited(run: &Run, witness: &Witness) -> Vec<String> {
    let tell = |citation: &crate::checkers::Citation| {
        let time = citation.at.as_seconds_text(3);
        let node =
            citation.node.map_or_else(String::new, |node| inert(run.catalog.node(node)) + " ");
        format!("{time}  {node}{} (event {})", inert(&citation.says), citation.event)
    };
    let mut lines: Vec<String> = witness.citations.iter().take(CITATIONS_MAX).map(tell).collect();
    if CITATIONS_MAX < witness.citations.len() {
        lines.push(format!("and {} more", witness.citations.len() - CITATIONS_MAX));
    }
    lines
}

fn fault(rule: &RuleReport, width: usize) -> String {
    let counts = rule.counts;
    let effects = match counts.effects {
        _ if counts.fired == 0 => String::new(),
        0 => " without effect".to_owned(),
        effects => format!(" with {}", count(effects, "effect")),
    };
    let refused =
        if counts.refused == 0 { String::new() } else { format!(", refused {}", counts.refused) };
    let id = fill(&inert(&rule.id), width);
    format!("{id}  {} fired {}{effects}{refused}", rule.class, counts.fired)
}

fn when(highlight: &Highlight) -> String {
    let tell = |at: Time| at.as_seconds_text(3).to_string();
    match highlight.until {
        Some(until) => format!("{} … {}", tell(highlight.at), tell(until)),
        None => tell(highlight.at),
    }
}

/// Sums over all roles and labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    /// Messages sent.
    pub(super) messages: u64,
    /// Records logged with a force.
    pub(super) forced: u64,
    /// Records logged without.
    pub(super) unforced: u64,
}

impl Totals {
    /// The sums of a run.
    pub(super) fn of(run: &Run) -> Self {
        let (catalog, counters) = (&run.catalog, &run.counters);
        let mut totals = Self::default();
        for role in 0..catalog.roles.len() {
            for label in 0..catalog.messages.names().len() {
                totals.messages += counters.messages_of(role, label).sent;
            }
            for label in 0..catalog.records.names().len() {
                totals.forced += counters.records_of(role, label).forced;
                totals.unforced += counters.records_of(role, label).unforced;
            }
        }
        totals
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::fixture::{Sketch, golden, hostile, one_event, unrecorded},
        *,
    };

    fn surroundings() -> Surroundings {
        let text = "no_blocking violated".to_owned();
        Surroundings {
            expected: Some(Expected { text, met: true }),
            reproduce: "splitbrain run scenarios/coordinator-crash.ron --seed 42".to_owned(),
            reports: vec!["reports/coordinator-crash/42/index.html".to_owned()],
        }
    }

    #[test]
    fn a_blocked_run_fills_one_screen() {
        let run = Sketch::coordinator_crash().run(42);
        let told = screen(&run, &surroundings(), Colour::Never);
        golden("screen.txt", &told);
    }

    #[test]
    fn no_line_is_wider_than_a_hundred_columns() {
        for run in [Sketch::busy().run(7), hostile(), one_event(), unrecorded()] {
            let told = screen(&run, &surroundings(), Colour::Never);
            assert!(told.lines().all(|line| columns(line) <= WIDTH), "{told}");
            assert!(told.chars().all(|symbol| symbol == '\n' || !symbol.is_control()));
        }
    }

    #[test]
    fn colours_change_nothing_but_colours() {
        let run = Sketch::coordinator_crash().run(42);
        let coloured = screen(&run, &surroundings(), Colour::Always);
        let plain = screen(&run, &surroundings(), Colour::Never);
        assert_ne!(coloured, plain);
        let trimmed =
            |text: &str| text.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>();
        assert_eq!(trimmed(&anstream::adapter::strip_str(&coloured).to_string()), trimmed(&plain));
    }
}
