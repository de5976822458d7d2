//! The pages of the book: an index of the course, and one page per exercise.
//!
//! ```text
//!   task.md ─┬─ what may change · what is demanded ─ hints, folded ─▶ book/src/course/01_….md
//!            └ all exercises, and those to come ─▶ book/src/course/exercises.md
//! ```
//!
//! Pages are made of the same data that `verify` runs, so that they cannot say anything else. A
//! test writes them anew and compares. Solutions are not in them.

use super::{
    load::{Course, Exercise},
    model::{Level, Part},
};

/// What a level asks for.
pub fn level_words(level: Level) -> &'static str {
    match level {
        Level::A => "A: one value",
        Level::B => "B: several values",
        Level::C => "C: Rust",
    }
}

/// The first line of every page that is made.
const MADE: &str =
    "<!-- Written by a test from book/course; SPLITBRAIN_BLESS=1 writes it anew. -->\n\n";

/// The index of the course.
pub fn index(course: &Course) -> String {
    let mut page = format!("{MADE}# Exercises\n\n");
    page += "| | exercise | level | minutes | points |\n|---|---|---|---|---|\n";
    for exercise in &course.exercises {
        let Exercise { number, folder, file, .. } = exercise;
        let level = level_words(file.level);
        page += &format!(
            "| {number} | [{}]({folder}.md) | {level} | {} | {} |\n",
            file.title,
            file.minutes,
            exercise.points()
        );
    }
    page += "\n## Still to come\n\n";
    if course.to_come.is_empty() {
        page += "Nothing: all exercises are there.\n";
        return page;
    }
    page += "These exercises are planned and cannot be done yet.\n\n";
    page += "| | exercise | waits for |\n|---|---|---|\n";
    for planned in &course.to_come {
        page += &format!("| {} | {} | {} |\n", planned.number, planned.title, planned.needs);
    }
    page
}

/// The page of an exercise.
pub fn exercise(exercise: &Exercise) -> String {
    let Exercise { number, id, file, .. } = exercise;
    let mut page = format!("{MADE}{}\n", exercise.start("task.md").trim_end());
    page += "\n## What is judged\n";
    for part in file.parts() {
        page += &format!("\n**`{}`** ({} points): {}\n\n", part.file(), part.points(), part.goal());
        match part {
            Part::Scenario(part) => {
                page += &format!("- may change: `{}`\n", part.fence.join("`, `"));
                let others = part.perturb.iter().map(|one| one.name.as_str());
                let others: Vec<&str> = others.collect();
                let seeds = part.seeds;
                page += &format!("- seeds 1 to {seeds}; for grading, others\n");
                if !others.is_empty() {
                    page += &format!("- also with {}\n", others.join(", with "));
                }
            }
            Part::Answers(part) => {
                for question in &part.questions {
                    page += &format!("- `{}`: {}\n", question.field, question.asks);
                }
            }
        }
    }
    page += &format!("\n```text\nsplitbrain exercise verify {id}\n```\n\n## Hints\n");
    for (place, hint) in file.hints.iter().enumerate() {
        let hint = hint.split_whitespace().collect::<Vec<_>>().join(" ");
        page +=
            &format!("\n<details><summary>Hint {}</summary>\n\n{hint}\n\n</details>\n", place + 1);
    }
    page += &format!(
        "\n---\nExercise {number} · level {} · about {} minutes\n",
        level_words(file.level),
        file.minutes
    );
    page
}
