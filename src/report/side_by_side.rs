//! Two runs side by side: their verdicts and what was counted, as far as it differs.
//!
//! ```text
//!   verdicts             as it was  branch
//!     no_blocking        holds      violated   p3 in doubt about t15 for 5.0s
//!   counters             as it was  branch
//!     messages.Yes.sent  58         61
//! ```
//!
//! Counters are those of the JSON line, by their paths there, so that a reader of one knows the
//! other. What is alike is left out and counted, unless everything is asked for.

use super::{
    json::run_object,
    text::{columns, fill, inert},
};
use crate::{checkers::Verdict, scenario::run::Run};
use serde_json::Value;
use std::{collections::BTreeMap, fmt::Write as _};

/// Which rows are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// Those that differ.
    Different,
    /// All of them.
    All,
}

/// One property or counter in two runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What it is called.
    pub name: String,
    /// What it is in each run; `None` where the run has no such thing.
    pub values: [Option<String>; 2],
    /// More about it, for people.
    pub note: String,
}

impl Row {
    /// Whether the runs differ in it.
    pub fn differs(&self) -> bool {
        self.values[0] != self.values[1]
    }
}

/// The verdicts of two runs, property by property.
pub fn verdicts(runs: [&Run; 2]) -> Vec<Row> {
    let mut names: Vec<&'static str> = Vec::new();
    for judgement in runs.iter().flat_map(|run| &run.judgements) {
        if !names.contains(&judgement.property) {
            names.push(judgement.property);
        }
    }
    let row = |name: &'static str| {
        let judged = runs.map(|run| run.judgements.iter().find(|one| one.property == name));
        let words = |one: &crate::checkers::Judgement| one.verdict.word().replace('_', " ");
        let sentence = |one: &crate::checkers::Judgement| match &one.verdict {
            Verdict::Violated(witness) => Some(inert(&witness.sentence)),
            _ => None,
        };
        let note = judged.iter().flatten().filter_map(|one| sentence(one)).next_back();
        Row {
            name: name.to_owned(),
            values: judged.map(|one| one.map(words)),
            note: note.unwrap_or_default(),
        }
    };
    names.into_iter().map(row).collect()
}

/// Everything that was counted in two runs, by its path in the JSON line.
pub fn counters(runs: [&Run; 2]) -> Vec<Row> {
    let counted = runs.map(|run| {
        let object = run_object(run, "", "", "");
        let mut flat = BTreeMap::new();
        flatten("", &object["counters"], &mut flat);
        flat
    });
    let mut names: Vec<&String> = counted.iter().flat_map(BTreeMap::keys).collect();
    names.sort();
    names.dedup();
    let row = |name: &String| Row {
        name: inert(name),
        values: [0, 1].map(|side| counted[side].get(name).cloned()),
        note: String::new(),
    };
    names.into_iter().map(row).collect()
}

fn flatten(path: &str, value: &Value, into: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                flatten(&path, field, into);
            }
        }
        other => _ = into.insert(path.to_owned(), other.to_string()),
    }
}

/// Rows as an aligned table with a title and a head for each run.
pub fn table(title: &str, heads: [&str; 2], rows: &[Row], which: Rows) -> String {
    let shown: Vec<&Row> = rows.iter().filter(|row| which == Rows::All || row.differs()).collect();
    let alike = rows.len() - shown.len();
    if shown.is_empty() {
        return format!("{title}  all {alike} are alike\n");
    }
    let value = |row: &Row, side: usize| row.values[side].clone().unwrap_or_else(|| "-".to_owned());
    let names = shown.iter().map(|row| columns(&row.name) + 2).chain([columns(title)]);
    let name_width = names.max().unwrap_or(0);
    let widths = [0, 1].map(|side| {
        let values = shown.iter().map(|row| columns(&value(row, side)));
        values.chain([columns(heads[side])]).max().unwrap_or(0)
    });
    let line = |name: &str, values: [&str; 2], note: &str| {
        let cells = [fill(values[0], widths[0]), fill(values[1], widths[1])];
        format!("{}  {}  {}  {note}", fill(name, name_width), cells[0], cells[1])
    };
    let mut lines = format!("{}\n", line(title, heads, "").trim_end());
    for row in shown {
        let (name, values) = (format!("  {}", row.name), [value(row, 0), value(row, 1)]);
        let told = line(&name, [&values[0], &values[1]], &row.note);
        _ = writeln!(lines, "{}", told.trim_end());
    }
    if alike > 0 {
        let are = if alike == 1 { "is" } else { "are" };
        _ = writeln!(lines, "  ({alike} more {are} alike)");
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::{super::fixture::Sketch, *};

    #[test]
    fn equal_runs_differ_in_nothing_and_others_in_what_was_counted() {
        let (one, other) = (Sketch::busy().run(7), Sketch::busy().run(8));
        assert!(counters([&one, &one]).iter().all(|row| !row.differs()));
        assert_eq!(
            table("counters", ["A", "B"], &verdicts([&one, &one])[..0], Rows::All),
            "counters  all 0 are alike\n"
        );
        let rows = counters([&one, &other]);
        let told = table("counters", ["A", "B"], &rows, Rows::Different);
        let differing = rows.iter().filter(|row| row.differs()).count();
        assert!(0 < differing && differing < rows.len());
        assert_eq!(told.lines().count(), differing + 2, "{told}");
        let all = table("counters", ["A", "B"], &rows, Rows::All);
        assert_eq!(all.lines().count(), rows.len() + 1, "{all}");
    }

    #[test]
    fn a_property_that_only_one_run_judges_has_a_row() {
        let (judged, mut other) = (Sketch::coordinator_crash().run(42), Sketch::busy().run(7));
        other.judgements.clear();
        let rows = verdicts([&judged, &other]);
        assert!(rows.iter().all(|row| row.values[1].is_none() && row.differs()));
        assert!(rows.iter().any(|row| row.note.contains("in doubt")), "{rows:?}");
    }
}
