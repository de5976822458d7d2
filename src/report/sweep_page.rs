//! The page of a sweep: which property held in how many seeds, and the smallest seed of each failure.
//!
//! ```text
//!   case            agreement        no_blocking          a row per scenario and variation
//!   partition       1000 of 1000     ✗ 12 of 1000         violated / put to the test, with interval
//!   failures        fingerprint · seeds · smallest · what its witness says · the command
//! ```
//!
//! It is a document without a program: nothing in it needs one, and its policy allows none. What it
//! is told is plain numbers and words, for reports do not know how sweeps are made. Zero of n is
//! never shown as zero: the bound stands beside it.

use super::{page::document, svg::escape};
use std::fmt::Write as _;

/// A scenario with one variation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Case {
    /// Its title.
    pub title: String,
    /// The file and what was varied.
    pub name: String,
    /// What is expected, and whether it is so, in words.
    pub expected: String,
    /// Whether it is.
    pub standing: Standing,
    /// How many seeds were run.
    pub seeds: u64,
    /// By property, in the order of the scenario.
    pub properties: Vec<Cell>,
    /// Kinds of failures, the most important first.
    pub failures: Vec<Failure>,
    /// Rules with the number of seeds in which they had an effect.
    pub rules: Vec<(String, String, u64)>,
    /// What more is to be said: bounds, early ends.
    pub notes: Vec<String>,
}

/// Whether something is as expected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// It is.
    Met,
    /// Too little was put to the test to say.
    #[default]
    Undecided,
    /// It is not.
    NotMet,
}

impl Standing {
    fn mark(self) -> &'static str {
        match self {
            Self::Met => "✓",
            Self::Undecided => "?",
            Self::NotMet => "✗",
        }
    }
}

/// What came of one property.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cell {
    /// The property.
    pub property: String,
    /// Seeds in which it was violated, given up, put to the test.
    pub violated: u64,
    /// Seeds in which its checker gave up.
    pub unknown: u64,
    /// Seeds in which it was put to the test.
    pub exercised: u64,
    /// The 95 % interval of the share that violates it, in words.
    pub share: String,
    /// Whether its violation is expected.
    pub is_expected: bool,
}

/// One kind of failure.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Failure {
    /// What tells it from others.
    pub fingerprint: String,
    /// In how many seeds.
    pub seeds: u64,
    /// The 95 % interval of its share, in words.
    pub share: String,
    /// The smallest seed that shows it.
    pub smallest: u64,
    /// What its witness says.
    pub sentence: String,
    /// The command that writes the report of that seed.
    pub command: String,
    /// Whether it is expected.
    pub is_expected: bool,
}

const STYLE: &str = concat!(
    include_str!("page/page.css"),
    include_str!("page/parts.css"),
    include_str!("page/sweep.css")
);

/// The page of some sweeps.
pub fn sweep_page(title: &str, command: &str, cases: &[Case]) -> String {
    let mut out = document::head(title, "", STYLE);
    let seeds: u64 = cases.iter().map(|case| case.seeds).sum();
    let count = |standing| cases.iter().filter(|case| case.standing == standing).count();
    let rest = match (count(Standing::Undecided), count(Standing::NotMet)) {
        (0, 0) => String::new(),
        (undecided, 0) => format!(", {undecided} undecided"),
        (0, not) => format!(", {not} not"),
        (undecided, not) => format!(", {undecided} undecided, {not} not"),
    };
    let met = count(Standing::Met);
    _ = writeln!(
        out,
        "<header><h1>{}</h1><p class=\"address\">{met} of {} as expected{rest} · {seeds} runs</p></header>\n<main>",
        escape(title),
        cases.len()
    );
    grid(&mut out, cases);
    for case in cases {
        told(&mut out, case);
    }
    _ = writeln!(
        out,
        "<p class=\"again\">Again: <code>{}</code></p>\n</main>\n</body>\n</html>",
        escape(command)
    );
    out
}

/// A row per case, a column per property.
fn grid(out: &mut String, cases: &[Case]) {
    let mut properties: Vec<&str> = Vec::new();
    for cell in cases.iter().flat_map(|case| &case.properties) {
        if !properties.contains(&cell.property.as_str()) {
            properties.push(&cell.property);
        }
    }
    *out += "<h2>Verdicts</h2>\n<div class=\"scroll\"><table class=\"grid\"><thead><tr><th scope=\"col\">case</th>";
    for property in &properties {
        // A long name may break behind its first part.
        _ = write!(out, "<th scope=\"col\">{}</th>", escape(property).replace('.', ".<wbr>"));
    }
    *out += "</tr></thead>\n<tbody>\n";
    for case in cases {
        // A long path may break at its folders.
        let name = escape(&case.name).replace('/', "/<wbr>");
        let mark = case.standing.mark();
        _ = write!(out, "<tr><th scope=\"row\">{mark} {name}</th>");
        for property in &properties {
            let cell = case.properties.iter().find(|cell| cell.property == *property);
            *out += &cell.map_or_else(|| "<td></td>".to_owned(), |cell| verdict(cell, case.seeds));
        }
        *out += "</tr>\n";
    }
    *out += "</tbody></table></div>\n";
}

fn verdict(cell: &Cell, seeds: u64) -> String {
    let (class, mark) = match cell {
        Cell { violated: 1.., is_expected: true, .. } => ("demonstrated", "✗"),
        Cell { violated: 1.., .. } => ("violated", "✗"),
        Cell { unknown: 1.., .. } => ("unknown", "?"),
        Cell { exercised: 0, .. } => ("not_exercised", "–"),
        _ => ("holds", "✓"),
    };
    let counted = if cell.violated > 0 {
        format!("{} of {seeds}", cell.violated)
    } else if cell.exercised == 0 {
        "not exercised".to_owned()
    } else {
        format!("in {} of {seeds}", cell.exercised)
    };
    let share = escape(&cell.share);
    format!(
        "<td class=\"{class}\" title=\"violated in {} of {seeds} seeds: 95 % interval {share}; \
         put to the test in {}; unknown in {}\"><span aria-hidden=\"true\">{mark}</span> {counted}\
         <span class=\"interval\">{share}</span></td>",
        cell.violated, cell.exercised, cell.unknown
    )
}

fn told(out: &mut String, case: &Case) {
    _ = writeln!(
        out,
        "<section class=\"case\"><h2>{}</h2>\n<p class=\"address\"><code>{}</code> · {} seeds</p>\n\
         <p class=\"expected\">expected: {}</p>",
        escape(&case.title),
        escape(&case.name),
        case.seeds,
        escape(&case.expected)
    );
    if !case.failures.is_empty() {
        *out += "<div class=\"scroll\"><table class=\"failures\"><thead><tr><th scope=\"col\">failure</th>\
                 <th scope=\"col\">seeds</th><th scope=\"col\">smallest</th><th scope=\"col\">what it says</th>\
                 </tr></thead>\n<tbody>\n";
        for failure in &case.failures {
            let expected = if failure.is_expected { " (expected)" } else { "" };
            _ = writeln!(
                out,
                "<tr class=\"{}\"><th scope=\"row\">{}{expected}</th><td>{}<span class=\"interval\">{}\
                 </span></td><td>{}</td><td>{}<br><code>{}</code></td></tr>",
                if failure.is_expected { "demonstrated" } else { "violated" },
                escape(&failure.fingerprint),
                failure.seeds,
                escape(&failure.share),
                failure.smallest,
                escape(&failure.sentence),
                escape(&failure.command)
            );
        }
        *out += "</tbody></table></div>\n";
    }
    for (id, class, effective) in &case.rules {
        let bad = if *effective == 0 { " class=\"idle\"" } else { "" };
        _ = writeln!(
            out,
            "<p{bad}>rule <code>{}</code> ({}): had an effect in {effective} of {} seeds</p>",
            escape(id),
            escape(class),
            case.seeds
        );
    }
    for note in &case.notes {
        _ = writeln!(out, "<p class=\"note\">{}</p>", escape(note));
    }
    *out += "</section>\n";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_shows_every_count_and_lets_nothing_act() {
        let evil = "</td><script>x</script>";
        let cell = |property: &str, violated, exercised| Cell {
            property: property.to_owned(),
            violated,
            exercised,
            share: "0.1 % – 25 %".to_owned(),
            ..Cell::default()
        };
        let case = Case {
            title: evil.to_owned(),
            name: "partition.ron".to_owned(),
            seeds: 40,
            properties: vec![cell("a.b", 3, 40), cell("c", 0, 39), cell("d", 0, 0)],
            failures: vec![Failure {
                sentence: evil.to_owned(),
                smallest: 17,
                seeds: 3,
                ..Failure::default()
            }],
            rules: vec![("window".to_owned(), "crash".to_owned(), 0)],
            ..Case::default()
        };
        let page = sweep_page("A sweep", "splitbrain sweep x", &[case]);
        for told in [
            "✗</span> 3 of 40",
            "in 39 of 40",
            "not exercised",
            "0.1 % – 25 %",
            "<td>17</td>",
            "class=\"idle\"",
        ] {
            assert!(page.contains(told), "{told} in {page}");
        }
        assert!(!page.contains("<script"), "nothing in it runs");
    }
}
