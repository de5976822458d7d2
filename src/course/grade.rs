//! Points, and files for graders.
//!
//! ```text
//!   visible seeds ──┐
//!   held-out seeds ─┴─ both pass ──▶ the points of a part ──▶ JSON · JUnit · Gradescope
//! ```
//!
//! A part counts as a whole; the parts of an exercise count apart. Equal files give equal bytes on
//! every machine, for a grade is a run. The salt is not in the files, for students read them.

use super::{
    load::{Course, Exercise},
    verify::{Outcome, Report},
};
use serde_json::{Value, json};
use std::fmt::Write;

/// What one exercise is worth, and why.
pub struct Graded<'a> {
    /// The exercise.
    pub exercise: &'a Exercise,
    /// One per part: with visible seeds, and with held-out ones.
    pub parts: Vec<[Report; 2]>,
}

/// What a part comes to: the points, the outcome, and a line about it.
pub fn part_grade([visible, held_out]: &[Report; 2]) -> (u32, Outcome, String) {
    let decisive = if visible.outcome == Outcome::Passed { held_out } else { visible };
    let line = match decisive.first_broken() {
        Some((found, [])) => found.says.clone(),
        Some((found, sets)) => {
            let sets: Vec<String> =
                sets.iter().map(|(path, value)| format!("{path}={value}")).collect();
            format!("{} (with {})", found.says, sets.join(", "))
        }
        None if decisive.outcome == Outcome::Refused => {
            "the file has mistakes, or more was changed than may be".to_owned()
        }
        None => visible.goal.clone(),
    };
    (decisive.score(), decisive.outcome, line)
}

impl Graded<'_> {
    /// The points that were reached.
    pub fn score(&self) -> u32 {
        self.parts.iter().map(|part| part_grade(part).0).sum()
    }
}

/// Points that were reached, and those there are.
pub fn total(graded: &[Graded<'_>]) -> (u32, u32) {
    let score = graded.iter().map(Graded::score).sum();
    (score, graded.iter().map(|one| one.exercise.points()).sum())
}

/// The grade as a JSON document.
pub fn as_json(course: &Course, graded: &[Graded<'_>]) -> Value {
    let (score, score_max) = total(graded);
    let exercises: Vec<Value> = graded.iter().map(exercise_json).collect();
    json!({
        "schema": "splitbrain.grade/1",
        "course": course.title,
        "score": score,
        "max_score": score_max,
        "exercises": exercises,
    })
}

fn exercise_json(graded: &Graded<'_>) -> Value {
    let Graded { exercise, parts } = graded;
    let part = |reports: &[Report; 2]| {
        let (score, outcome, says) = part_grade(reports);
        let [visible, _] = reports;
        json!({
            "file": visible.file,
            "goal": visible.goal,
            "score": score,
            "max_score": visible.points,
            "outcome": outcome.word(),
            "says": says,
        })
    };
    let parts: Vec<Value> = parts.iter().map(part).collect();
    json!({
        "id": exercise.id,
        "number": exercise.number,
        "title": exercise.file.title,
        "score": graded.score(),
        "max_score": exercise.points(),
        "parts": parts,
    })
}

/// The grade as Gradescope's autograder reads it from `results.json`.
pub fn as_gradescope(graded: &[Graded<'_>]) -> Value {
    let mut tests = Vec::new();
    for Graded { exercise, parts } in graded {
        for (number, reports) in parts.iter().enumerate() {
            let (score, outcome, says) = part_grade(reports);
            let [visible, _] = reports;
            tests.push(json!({
                "name": format!("{}: {}", exercise.file.title, visible.goal),
                "number": format!("{}.{}", exercise.number, number + 1),
                "score": score,
                "max_score": visible.points,
                "status": if outcome == Outcome::Passed { "passed" } else { "failed" },
                "output": says,
                "output_format": "text",
                "visibility": "visible",
            }));
        }
    }
    json!({ "score": total(graded).0, "tests": tests })
}

/// The grade as a JUnit report: a suite per exercise, a case per part.
pub fn as_junit(course: &Course, graded: &[Graded<'_>]) -> String {
    let failed = |graded: &Graded<'_>| {
        let outcomes = graded.parts.iter().map(|part| part_grade(part).1);
        outcomes.filter(|outcome| *outcome != Outcome::Passed).count()
    };
    let (tests, failures): (usize, usize) = graded
        .iter()
        .fold((0, 0), |(tests, failures), one| (tests + one.parts.len(), failures + failed(one)));
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let name = escaped(&course.title);
    _ = writeln!(xml, "<testsuites name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\">");
    for one in graded {
        let (id, tests) = (escaped(&one.exercise.id), one.parts.len());
        let failures = failed(one);
        _ = writeln!(xml, "  <testsuite name=\"{id}\" tests=\"{tests}\" failures=\"{failures}\">");
        for reports in &one.parts {
            let (_, outcome, says) = part_grade(reports);
            let case = format!("name=\"{}\" classname=\"{id}\"", escaped(&reports[0].file));
            if outcome == Outcome::Passed {
                _ = writeln!(xml, "    <testcase {case}/>");
            } else {
                let (word, says) = (outcome.word(), escaped(&says));
                _ = writeln!(
                    xml,
                    "    <testcase {case}>\n      <failure type=\"{word}\" message=\"{says}\"/>\n    \
                     </testcase>"
                );
            }
        }
        xml.push_str("  </testsuite>\n");
    }
    xml + "</testsuites>\n"
}

/// A text inside XML: what has a meaning there is written otherwise, what may not be there left out.
fn escaped(text: &str) -> String {
    let allowed = |c: &char| !c.is_control() && !matches!(c, '\u{FFFE}' | '\u{FFFF}');
    let mut safe = String::new();
    for c in text.chars().map(|c| if c == '\n' { ' ' } else { c }).filter(allowed) {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn what_xml_cannot_hold_is_escaped_or_left_out() {
        assert_eq!(escaped("a<b> & \"c\"\u{1b}[1m\n"), "a&lt;b&gt; &amp; &quot;c&quot;[1m ");
    }
}
