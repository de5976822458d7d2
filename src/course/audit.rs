//! The exercises themselves, judged: who starts fails, who solves passes, who errs fails.
//!
//! ```text
//!   start                    visible seeds   fails, for the stated reason
//!   solution                 visible and held-out seeds   passes
//!   each typical wrong answer                fails, for the stated reason
//!   task, hints, fence       written, three, and wide enough for the solution
//! ```
//!
//! An exercise that passes at the start teaches nothing, one whose solution fails is cruel, and one
//! that lets a typical error through teaches the error. So all three are run.

use super::{
    claims::Stands,
    load::{Course, Exercise},
    model::{Part, Wrong},
    trial::Bench,
    verify::{Outcome, Refusal, Report, Seeds, Trouble, edited, verify},
};

/// How many hints an exercise has: where to look, what to think of, what to write.
const HINTS: usize = 3;

/// What was found of one exercise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// What is in order, a line each.
    pub good: Vec<String>,
    /// What is not.
    pub bad: Vec<String>,
}

/// What is wrong with a course as a whole.
pub fn audit_course(course: &Course) -> Vec<String> {
    let mut bad = Vec::new();
    for pair in course.exercises.windows(2) {
        if pair[0].number == pair[1].number {
            bad.push(format!("{} and {} have one number", pair[0].folder, pair[1].folder));
        }
    }
    for planned in &course.to_come {
        if course.exercises.iter().any(|done| done.id == planned.id) {
            bad.push(format!("{} is there and still said to come", planned.id));
        }
    }
    bad
}

/// Judges an exercise with so many held-out seeds of a salt.
///
/// # Errors
/// When its file is wrong, or somebody interrupts.
pub fn audit(
    bench: &Bench<'_>,
    exercise: &Exercise,
    held_out: (&str, u64),
) -> Result<Audit, Trouble> {
    let mut audit = Audit::default();
    let hints = exercise.file.hints.len();
    audit.note(hints == HINTS, format!("there are {hints} hints of {HINTS}"));
    audit.note(exercise.start("task.md").starts_with("# "), "the task has a title".to_owned());
    audit.note(exercise.file.parts().next().is_some(), "there is something to do".to_owned());
    for part in exercise.file.parts() {
        let auditor = Auditor { bench, exercise, part, held_out };
        auditor.start(&mut audit)?;
        auditor.solution(&mut audit)?;
        audit.note(!part.wrong().is_empty(), format!("{}: there are wrong answers", part.file()));
        for wrong in part.wrong() {
            auditor.wrong(wrong, &mut audit)?;
        }
    }
    Ok(audit)
}

impl Audit {
    fn note(&mut self, is_good: bool, line: String) {
        if is_good { self.good.push(line) } else { self.bad.push(line) }
    }
}

struct Auditor<'a> {
    bench: &'a Bench<'a>,
    exercise: &'a Exercise,
    part: Part<'a>,
    held_out: (&'a str, u64),
}

impl Auditor<'_> {
    fn judge(&self, text: &str, seeds: Seeds<'_>) -> Result<Report, Trouble> {
        verify(self.bench, self.exercise, (self.part, text), seeds)
    }

    fn start(&self, audit: &mut Audit) -> Result<(), Trouble> {
        let text = self.exercise.start(self.part.file());
        let report = self.judge(text, Seeds::Visible)?;
        let file = self.part.file();
        Self::must_fail(&format!("{file}: the start"), &report, self.part.start_fails(), audit);
        Ok(())
    }

    fn solution(&self, audit: &mut Audit) -> Result<(), Trouble> {
        let file = self.part.file();
        let text = match edited(self.exercise.start(file), self.part.solution()) {
            Ok(text) => text,
            Err(error) => {
                audit.bad.push(format!("{file}: the solution cannot be written: {error}"));
                return Ok(());
            }
        };
        let (salt, count) = self.held_out;
        let all = [
            ("the seeds that are seen", Seeds::Visible),
            ("those that are not", Seeds::HeldOut { salt, count }),
        ];
        for (name, seeds) in all {
            let report = self.judge(&text, seeds)?;
            let passed = report.outcome == Outcome::Passed;
            let why = if passed { String::new() } else { format!(", but {}", reason(&report)) };
            audit.note(passed, format!("{file}: the solution passes with {name}{why}"));
        }
        Ok(())
    }

    fn wrong(&self, wrong: &Wrong, audit: &mut Audit) -> Result<(), Trouble> {
        let file = self.part.file();
        match edited(self.exercise.start(file), &wrong.set) {
            Ok(text) => {
                let report = self.judge(&text, Seeds::Visible)?;
                let what = format!("{file}: `{}`", wrong.name);
                Self::must_fail(&what, &report, &wrong.fails, audit);
            }
            Err(error) => audit.bad.push(format!("{file}: `{}`: {error}", wrong.name)),
        }
        Ok(())
    }

    /// A report must fail, and this claim among others must be why.
    fn must_fail(what: &str, report: &Report, claim: &str, audit: &mut Audit) {
        let here = report.found.iter();
        let there = report.elsewhere.iter().flat_map(|one| &one.found);
        let mut broken =
            here.chain(there).filter(|found| found.stands != Stands::Met && found.name == claim);
        let judged = matches!(report.outcome, Outcome::Failed | Outcome::Inconclusive);
        match broken.next() {
            Some(found) if judged => {
                audit.good.push(format!("{what} does not pass: {}", found.says));
            }
            _ => {
                let why = reason(report);
                audit.bad.push(format!("{what} shall not pass because of {claim}; it is {why}"));
            }
        }
    }
}

/// What a report comes to, in a line.
fn reason(report: &Report) -> String {
    let word = report.outcome.word();
    match (&report.refusal, report.first_broken()) {
        (Some(Refusal::Fence(lines)), _) => format!("{word}: {}", lines.join("; ")),
        (Some(Refusal::Mistakes(error)), _) => format!("{word}: {}", error.mistakes[0].message),
        (None, Some((found, []))) => format!("{word}: {}", found.says),
        (None, Some((found, sets))) => format!("{word} under {sets:?}: {}", found.says),
        (None, None) => word.to_owned(),
    }
}
