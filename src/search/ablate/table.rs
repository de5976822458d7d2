//! The detection report: a row per step, for a terminal, a book and a program.
//!
//! ```text
//!   2 finds in 250 seeds  ──Wilson──▶  a share of 0.22 % to 2.9 %, 0.80 % seen
//!   seeds to a find       P(W > w) = (1 − p)^w       ├─ 1 ──── 87 ──────────────── 1678 ─┤
//! ```
//!
//! How many seeds it takes to find that a step is missing follows from the share: seeds are
//! independent draws, so the wait is geometric. The median is that of the share that was seen; 95 %
//! of all waits lie in the interval even if the share lies at either end of its own, so that few
//! finds make it wide. Taking the waits between finds themselves was rejected: a few of them know
//! nothing of their tails, and the one that the seeds ended knows only that it was longer.

use super::{Ablated, Finds, Outcome, Red, Row};
use crate::search::statistics::{percent, upper_bound, wilson};
use serde_json::{Value, json};
use std::{collections::BTreeMap, fmt::Write};

/// What was done, for whoever reads what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The protocol.
    pub protocol: String,
    /// What makes this variant: paths and values, by `--set` and `--vary`.
    pub edits: Vec<(String, String)>,
    /// The scenarios, in the order in which they were looked in.
    pub places: Vec<String>,
    /// Scenarios of the protocol that cannot be read with these edits.
    pub left_out: Vec<String>,
    /// The first seed.
    pub start: u64,
    /// How many seeds for each step.
    pub seeds: u64,
    /// What the shrunk find of each row needs, when that was asked for.
    pub shrunk: Vec<Option<String>>,
    /// What it means that nothing passes a step.
    pub absent: Absent,
}

/// What it means that nothing passes a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// This variant does without it.
    Allowed,
    /// Nobody looks at it: all scenarios of the protocol were there.
    Missed,
}

/// What a report comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every step is caught, and nothing falls with all steps in place.
    Caught,
    /// Something falls with all steps in place, or a step is not caught.
    Failed(Vec<String>),
    /// None of the steps is passed.
    Nothing,
}

/// How many seeds it takes to a find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waits {
    /// At least every other find takes no longer, at the share that was seen.
    pub median: u64,
    /// At most one find in forty takes less, for any share in its interval.
    pub low: u64,
    /// At most one find in forty takes more, for any share in its interval.
    pub high: u64,
}

impl Waits {
    /// When so many of so many seeds find it.
    ///
    /// # Panics
    /// When there is no find, or more than seeds.
    pub fn of(found: u64, seeds: u64) -> Self {
        assert!(found > 0, "a step that was caught was caught in a seed");
        let interval = wilson(found, seeds);
        Self {
            median: wait(found as f64 / seeds as f64, 0.5),
            low: wait(interval.high, 0.025),
            high: wait(interval.low, 0.975),
        }
    }
}

/// The least number of seeds that find something with this chance, when a seed does with `share`.
fn wait(share: f64, chance: f64) -> u64 {
    let seeds = libm::log1p(-chance) / libm::log1p(-share);
    libm::ceil(seeds).max(1.0) as u64
}

/// Judges a report.
pub fn verdict(head: &Head, ablated: &Ablated) -> Verdict {
    let mut failures: Vec<String> =
        ablated.red.iter().map(|red| format!("{} (no step left out)", told(red, head))).collect();
    for Row { step, outcome } in &ablated.rows {
        failures.extend(match outcome {
            Outcome::Missed { seeds, .. } => {
                let bound = percent(upper_bound(*seeds));
                let (name, guards) = (step.name, step.guards);
                Some(format!(
                    "{name} is missed by nobody: {guards} holds without it in {seeds} seeds (it falls in at most {bound})"
                ))
            }
            Outcome::NotJudged => {
                Some(format!("{} guards {}, which no scenario checks", step.name, step.guards))
            }
            Outcome::NotHere if head.absent == Absent::Missed => {
                Some(format!("{} is passed in no scenario", step.name))
            }
            Outcome::Caught(_) | Outcome::NotHere => None,
        });
    }
    if !failures.is_empty() {
        return Verdict::Failed(failures);
    }
    let is_here = |row: &Row| row.outcome != Outcome::NotHere;
    if ablated.rows.iter().any(is_here) { Verdict::Caught } else { Verdict::Nothing }
}

fn told(red: &Red, head: &Head) -> String {
    format!("{} is violated in {}@{}", red.what, head.places[red.place], red.seed)
}

/// What the columns of a row say.
struct Cells {
    step: String,
    property: String,
    share: String,
    interval: String,
    waits: String,
    first: String,
    others: String,
    shrunk: String,
}

fn cells(head: &Head, place: usize, Row { step, outcome }: &Row) -> Cells {
    let mut cells = Cells {
        step: step.name.to_owned(),
        property: step.guards.to_owned(),
        share: String::new(),
        interval: String::new(),
        waits: String::new(),
        first: String::new(),
        others: String::new(),
        shrunk: head.shrunk.get(place).cloned().flatten().unwrap_or_default(),
    };
    match outcome {
        Outcome::Caught(Finds { seeds, others: also, .. }) => {
            let found = seeds.len() as u64;
            let interval = wilson(found, head.seeds);
            let Waits { median, low, high } = Waits::of(found, head.seeds);
            cells.share = percent(found as f64 / head.seeds as f64);
            cells.interval = format!("{} to {}", percent(interval.low), percent(interval.high));
            cells.waits = format!("{median} ({low} to {high})");
            cells.first = seeds[0].to_string();
            cells.others = others(also);
        }
        Outcome::Missed { others: also, .. } => {
            "MISSED".clone_into(&mut cells.share);
            cells.others = others(also);
        }
        Outcome::NotJudged => "not judged".clone_into(&mut cells.share),
        Outcome::NotHere => "not in this variant".clone_into(&mut cells.share),
    }
    cells
}

/// What fell besides, most often first.
fn others(others: &BTreeMap<String, u64>) -> String {
    let mut others: Vec<(&String, u64)> =
        others.iter().map(|(what, seeds)| (what, *seeds)).collect();
    others.sort_by_key(|&(what, seeds)| (std::cmp::Reverse(seeds), what));
    others.iter().map(|(what, _)| what.as_str()).collect::<Vec<_>>().join(", ")
}

/// The variant in words; nothing when nothing was changed.
fn variant(head: &Head) -> String {
    let edits = head.edits.iter().map(|(path, value)| format!("{path} = {value}"));
    edits.collect::<Vec<_>>().join(", ")
}

/// Where it was looked, and that all is well with every step in place.
fn sources(head: &Head, ablated: &Ablated, code: &str) -> String {
    let mut used: Vec<&str> = Vec::new();
    for row in &ablated.rows {
        let place = match &row.outcome {
            Outcome::Caught(finds) => finds.place,
            _ => 0,
        };
        let path = head.places[place].as_str();
        if !used.contains(&path) {
            used.push(path);
        }
    }
    let paths: Vec<String> = used.iter().map(|path| format!("{code}{path}{code}")).collect();
    let upto = head.start + head.seeds - 1;
    format!("{} seeds for each step, {} to {upto}, of {}", head.seeds, head.start, paths.join(", "))
}

fn twin(head: &Head, ablated: &Ablated) -> String {
    match ablated.red.as_slice() {
        [] => format!(
            "with every step in place nothing falls in these seeds (in at most {} of all seeds)",
            percent(upper_bound(head.seeds))
        ),
        _ => "things fall although every step is in place: nothing can be said".to_owned(),
    }
}

/// The report for a terminal.
pub fn screen(head: &Head, ablated: &Ablated) -> String {
    let mut text = String::new();
    let variant = variant(head);
    let colon = if variant.is_empty() { "" } else { ": " };
    _ = writeln!(text, "{}{colon}{variant}", head.protocol);
    _ = writeln!(text, "{}\n{}\n", sources(head, ablated, ""), twin(head, ablated));
    let rows: Vec<Cells> =
        ablated.rows.iter().enumerate().map(|(place, row)| cells(head, place, row)).collect();
    let mut lines = vec![[
        "step left out",
        "guards",
        "falls in",
        "95 % interval",
        "seeds to a find",
        "first",
        "shrunk",
        "also falls",
    ]];
    lines.extend(rows.iter().map(|row| {
        let Cells { step, property, share, interval, waits, first, shrunk, others } = row;
        [step, property, share, interval, waits, first, shrunk, others].map(String::as_str)
    }));
    let width = |column: usize| lines.iter().map(|line| line[column].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..lines[0].len()).map(width).collect();
    for line in &lines {
        let mut whole = String::new();
        for (column, cell) in line.iter().enumerate() {
            let is_empty = lines[1..].iter().all(|line| line[column].is_empty());
            if !is_empty {
                _ = write!(whole, "{cell:<0$}  ", widths[column]);
            }
        }
        _ = writeln!(text, "  {}", whole.trim_end());
    }
    text.push('\n');
    for path in &head.left_out {
        _ = writeln!(text, "left out  {path}: it cannot be read with these settings");
    }
    text + &conclusion(head, ablated)
}

fn conclusion(head: &Head, ablated: &Ablated) -> String {
    let mut text = String::new();
    let caught = ablated.rows.iter().filter_map(|row| match &row.outcome {
        Outcome::Caught(finds) => Some((row, finds)),
        _ => None,
    });
    let number = caught.clone().count();
    if let Some((row, finds)) = caught.clone().next() {
        let mut edits = String::new();
        for (path, value) in &head.edits {
            _ = write!(edits, " --set '{path}={value}'");
        }
        let (path, seed, step) = (&head.places[finds.place], finds.seeds[0], row.step.name);
        _ = writeln!(
            text,
            "again     splitbrain run {path} --seed {seed}{edits} --set 'ablate=[\"{step}\"]'"
        );
    }
    match verdict(head, ablated) {
        Verdict::Caught => {
            let here = ablated.rows.iter().filter(|row| row.outcome != Outcome::NotHere).count();
            _ = writeln!(text, "caught    {number} of {here} steps");
        }
        Verdict::Nothing => text.push_str("nothing   none of these steps is passed here\n"),
        Verdict::Failed(failures) => {
            for failure in failures {
                _ = writeln!(text, "FAILED    {failure}");
            }
        }
    }
    text
}

/// The report as a part of a page in Markdown.
pub fn markdown(head: &Head, ablated: &Ablated) -> String {
    let mut text = String::new();
    let variant = variant(head);
    let title = if variant.is_empty() { head.protocol.clone() } else { format!("`{variant}`") };
    _ = writeln!(text, "### {title}\n");
    text += "| Step left out | Property that falls | Share of seeds | 95 % interval | Seeds to a find: median (95 % of waits) | Also falls |\n";
    text += "|---|---|---:|---:|---:|---|\n";
    for (place, row) in ablated.rows.iter().enumerate() {
        let Cells { step, property, share, interval, waits, others, .. } = cells(head, place, row);
        let others = others.replace(", ", "`, `");
        let others = if others.is_empty() { String::new() } else { format!("`{others}`") };
        _ = writeln!(
            text,
            "| `{step}` | `{property}` | {share} | {interval} | {waits} | {others} |"
        );
    }
    let (sources, twin) = (sources(head, ablated, "`"), twin(head, ablated));
    _ = writeln!(text, "\n{sources}; {twin}.");
    text
}

/// The report for programs.
pub fn object(head: &Head, ablated: &Ablated) -> Value {
    let rows = ablated.rows.iter().enumerate().map(|(place, row)| {
        let mut object = json!({
            "step": row.step.name,
            "guards": row.step.guards,
            "outcome": word(&row.outcome),
        });
        match &row.outcome {
            Outcome::Caught(Finds { place: at, seeds, others }) => {
                let interval = wilson(seeds.len() as u64, head.seeds);
                let Waits { median, low, high } = Waits::of(seeds.len() as u64, head.seeds);
                object["scenario"] = json!(head.places[*at]);
                object["found"] = json!(seeds.len());
                object["share"] = json!([interval.low, interval.high]);
                object["seeds_to_find"] = json!([low, median, high]);
                object["first_seed"] = json!(seeds[0].to_string());
                object["also"] = json!(others);
                object["shrunk"] = json!(head.shrunk.get(place).cloned().flatten());
            }
            Outcome::Missed { seeds, others } => {
                object["seeds"] = json!(seeds);
                object["also"] = json!(others);
            }
            Outcome::NotJudged | Outcome::NotHere => {}
        }
        object
    });
    let failures = match verdict(head, ablated) {
        Verdict::Failed(failures) => failures,
        Verdict::Caught | Verdict::Nothing => Vec::new(),
    };
    json!({
        "schema": "splitbrain.event/1",
        "type": "ablation",
        "protocol": head.protocol,
        "edits": head.edits,
        "scenarios": head.places,
        "start": head.start.to_string(),
        "seeds": head.seeds,
        "steps": rows.collect::<Vec<_>>(),
        "failures": failures,
    })
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Caught(_) => "caught",
        Outcome::Missed { .. } => "missed",
        Outcome::NotJudged => "not_judged",
        Outcome::NotHere => "not_in_this_variant",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The chance that it takes at most so many seeds.
    fn within(share: f64, seeds: u64) -> f64 {
        1.0 - libm::pow(1.0 - share, seeds as f64)
    }

    #[test]
    fn waits_are_those_of_independent_seeds() {
        for (found, seeds) in [(1, 100), (2, 250), (9, 10), (60, 250), (249, 250), (1, 1_000_000)] {
            let Waits { median, low, high } = Waits::of(found, seeds);
            let share = found as f64 / seeds as f64;
            assert!(within(share, median) >= 0.5 && within(share, median - 1) < 0.5);
            let interval = wilson(found, seeds);
            for share in [interval.low, share, interval.high] {
                let inside = within(share, high) - within(share, low - 1);
                assert!(inside >= 0.95, "{found} of {seeds}: {inside} at {share}");
            }
            assert!(within(interval.low, high - 1) < 0.975 || high == 1, "{found} of {seeds}");
            assert!(within(interval.high, low) > 0.025, "{found} of {seeds}");
        }
    }

    #[test]
    fn few_finds_say_little_about_long_waits() {
        // By hand: ln 2 / −ln 0.992 = 86.3, −ln 0.025 / −ln(1 − 0.0022) = 1 678.
        let Waits { median, low, high } = Waits::of(2, 250);
        assert_eq!((low, median), (1, 87));
        assert!((1_650..1_700).contains(&high), "{high}");
        assert_eq!(Waits::of(250, 250), Waits { low: 1, median: 1, high: 1 });
    }
}
