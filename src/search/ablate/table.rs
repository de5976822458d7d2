//! The detection report: a row per step, for a terminal, a book and a program.
//!
//! ```text
//!   finds of a step     ·  ·····x···x·x·········x··
//!   runs to a find         └─6──┘└─4─┘2 └───10───┘└2+   each run begins where the last one ended
//! ```
//!
//! How many seeds it takes to find that a step is missing is told by the runs between finds: they
//! are disjoint, so each is a trial of its own. The middle one is the median, and 95 % of them lie
//! in the interval. The run that the seeds ended counts as the longest, which errs on the careful
//! side. The share of seeds has a Wilson interval.

use super::{Ablated, Finds, Outcome, Red, Row};
use crate::search::statistics::{percent, upper_bound, wilson};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fmt::{self, Write},
};

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

/// A number of seeds; a run that the seeds ended took more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wait {
    /// How many.
    pub seeds: u64,
    /// Whether it took more.
    pub more: bool,
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.seeds, if self.more { "+" } else { "" })
    }
}

/// How many seeds it takes to the next find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waits {
    /// In the middle run.
    pub median: Wait,
    /// In the shorter runs.
    pub low: Wait,
    /// In the longer ones.
    pub high: Wait,
}

impl Waits {
    /// The runs between finds, among `seeds` seeds from `start`.
    ///
    /// # Panics
    /// When there is no find.
    pub fn of(finds: &[u64], start: u64, seeds: u64) -> Self {
        assert!(!finds.is_empty(), "a step that was caught was caught in a seed");
        let before = std::iter::once(start.wrapping_sub(1)).chain(finds.iter().copied());
        let mut runs: Vec<u64> =
            finds.iter().zip(before).map(|(find, before)| find.wrapping_sub(before)).collect();
        runs.sort_unstable();
        let open = start + seeds - 1 - finds[finds.len() - 1];
        let longest = runs[runs.len() - 1].max(open);
        let mut runs: Vec<Wait> =
            runs.into_iter().map(|seeds| Wait { seeds, more: false }).collect();
        if open > 0 {
            runs.push(Wait { seeds: longest, more: true });
        }
        let at = |thousandths: usize| runs[(runs.len() * thousandths).div_ceil(1000).max(1) - 1];
        Self { median: at(500), low: at(25), high: at(975) }
    }
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
            let Waits { median, low, high } = Waits::of(seeds, head.start, head.seeds);
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
    text += "| Step left out | Property that falls | Share of seeds | 95 % interval | Seeds to a find: median (95 % of runs) | Also falls |\n";
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
                let Waits { median, low, high } = Waits::of(seeds, head.start, head.seeds);
                object["scenario"] = json!(head.places[*at]);
                object["found"] = json!(seeds.len());
                object["share"] = json!([interval.low, interval.high]);
                object["seeds_to_find"] = json!([low.seeds, median.seeds, high.seeds]);
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

    fn waits(finds: &[u64], seeds: u64) -> String {
        let Waits { median, low, high } = Waits::of(finds, 1, seeds);
        format!("{low} {median} {high}")
    }

    #[test]
    fn runs_begin_where_the_last_one_ended() {
        assert_eq!(waits(&[6, 10, 12, 22], 22), "2 4 10");
        assert_eq!(waits(&[1, 2, 3, 4], 4), "1 1 1");
    }

    #[test]
    fn the_run_that_the_seeds_ended_counts_as_the_longest() {
        assert_eq!(waits(&[6, 10, 12, 22], 24), "2 6 10+");
        assert_eq!(waits(&[3], 100), "3 3 97+");
        assert_eq!(waits(&[90], 100), "90 90 90+");
    }
}
