//! What a student reads: the list, a judgement, the way on.
//!
//! ```text
//!   1  Where two-phase commit blocks
//!   scenario.ron  Every held-out seed blocks
//!     ✔ no_blocking is violated in 100 of 100 seeds
//!     ✘ …                                     demands, then witnesses, in the order of the exercise
//! ```
//!
//! A mark never stands alone: the words beside it say the same. What stands is said in a line; what
//! does not stand is said first with its numbers, then as the story of one seed.

use super::{super::explain::wrap, desk::Progress};
use crate::course::{
    claims::{Found, Stands},
    load::{Course, Exercise},
    page::level_words,
    verify::{Outcome, Refusal, Report},
};
use serde_json::{Value, json};
use std::path::Path;

pub(super) fn list(course: &Course, progress: &Progress) -> String {
    let mut text = format!("{}\n\n", course.title);
    let ids = course.exercises.iter().map(|one| &one.id);
    let ids = ids.chain(course.to_come.iter().map(|one| &one.id));
    let width = ids.map(String::len).max().unwrap_or_default();
    for exercise in &course.exercises {
        let Exercise { number, id, file, .. } = exercise;
        let mark = if progress.is_solved(id) { "✔ solved" } else { "· open  " };
        text += &format!(
            "{mark}  {number:>2}  {id:<width$}  {} ({}, {} min)\n",
            file.title,
            level_words(file.level).replace(": ", ", "),
            file.minutes
        );
    }
    if !course.to_come.is_empty() {
        text += "\nstill to come\n";
        for one in &course.to_come {
            let (number, id) = (one.number, &one.id);
            text += &format!(
                "{:10}{number:>2}  {id:<width$}  {} (waits for {})\n",
                "", one.title, one.needs
            );
        }
    }
    text
}

pub(super) fn list_json(course: &Course, progress: &Progress) -> Value {
    let there = course.exercises.iter().map(|one| {
        json!({
            "number": one.number, "id": one.id, "title": one.file.title,
            "level": format!("{:?}", one.file.level), "minutes": one.file.minutes,
            "points": one.points(), "solved": progress.is_solved(&one.id),
        })
    });
    let planned = course.to_come.iter().map(
        |one| json!({ "number": one.number, "id": one.id, "title": one.title, "needs": one.needs }),
    );
    json!({
        "schema": "splitbrain.course/1",
        "title": course.title,
        "exercises": there.collect::<Vec<_>>(),
        "to_come": planned.collect::<Vec<_>>(),
    })
}

pub(super) fn title(exercise: &Exercise) -> String {
    format!("{}  {}\n", exercise.number, exercise.file.title)
}

/// What came of one part.
pub(super) fn report(report: &Report, path: &Path) -> String {
    let word = report.outcome.word();
    let mut text = format!("\n{}: {word}\n  {}\n", report.file, report.goal);
    match &report.refusal {
        Some(Refusal::Fence(lines)) => {
            for line in lines {
                text += &format!("  ✘ {line}\n");
            }
            return text;
        }
        Some(Refusal::Mistakes(_)) => return text,
        None => {}
    }
    report.found.iter().for_each(|found| text += &line(found, ""));
    for one in &report.elsewhere {
        if one.found.is_empty() {
            text += &format!("  ✔ the same with {}\n", one.name);
        }
        one.found.iter().for_each(|found| text += &line(found, &format!("with {}: ", one.name)));
    }
    if report.outcome == Outcome::Inconclusive {
        text +=
            "  nothing dangerous happened, or nothing was put to the test: this proves nothing\n";
    }
    if let Some((Found { seed: Some(seed), .. }, sets)) = report.first_broken() {
        let path = path.display();
        text += &format!("\n  look  splitbrain run {path} --seed {seed}");
        for (path, value) in sets {
            let quoted = format!("{path}={value}").replace('\'', "'\\''");
            text += &format!(" --set '{quoted}'");
        }
        text += "\n";
    }
    text
}

fn line(found: &Found, place: &str) -> String {
    let mark = match found.stands {
        Stands::Met => "✔",
        Stands::Broken => "✘",
        Stands::Inconclusive => "?",
    };
    format!("  {mark} {place}{}\n", found.says)
}

pub(super) fn story(lines: &[String]) -> String {
    lines.iter().map(|line| format!("        {line}\n")).collect()
}

pub(super) fn next_hint(exercise: &Exercise, read: usize) -> String {
    let (id, all) = (&exercise.id, exercise.file.hints.len());
    format!("\nnext  splitbrain exercise hint {id}      {read} of {all} read\n")
}

/// What was understood, and what comes next.
pub(super) fn solved(exercise: &Exercise, open: Option<&Exercise>) -> String {
    let mut text = format!("\nsolved\n{}\n", wrap(&exercise.file.aha, "  "));
    text += &match open {
        Some(next) => format!("\nnext  {}/task.md: {}\n", next.folder, next.file.title),
        None => "\nThat was the last one.\n".to_owned(),
    };
    text
}

pub(super) fn verify_json(exercise: &Exercise, reports: &[Report]) -> Value {
    let found = |found: &Found, place: &str| {
        json!({
            "claim": found.name, "stands": found.stands == Stands::Met, "says": found.says,
            "seed": found.seed.map(|seed| seed.to_string()), "with": place,
        })
    };
    let parts = reports.iter().map(|report| {
        let here = report.found.iter().map(|one| found(one, ""));
        let elsewhere = report.elsewhere.iter();
        let there = elsewhere.flat_map(|at| at.found.iter().map(|one| found(one, &at.name)));
        json!({
            "file": report.file, "outcome": report.outcome.word(),
            "found": here.chain(there).collect::<Vec<_>>(),
        })
    });
    json!({
        "schema": "splitbrain.verify/1", "id": exercise.id,
        "solved": reports.iter().all(|report| report.outcome == Outcome::Passed),
        "parts": parts.collect::<Vec<_>>(),
    })
}
