//! One exercise, judged: the fence, the scenario, the claims, in this order.
//!
//! ```text
//!   a student's file ──▶ mistakes? ──▶ fence ──▶ demands and witnesses ──▶ passed │ failed
//!                          refused      refused                              │ inconclusive
//! ```
//!
//! A part passes when every demand is met and every witness was seen, as it is and in every other
//! circumstance. A witness that was not seen makes the part inconclusive, whatever the demands say.

use super::{
    answers,
    claims::{Found, Stands},
    fence::breaches,
    load::Exercise,
    model::{AnswersPart, Part, ScenarioPart},
    trial::{self, Bench, NoTrial, Variation},
};
use crate::{
    base::{
        ids::Seed,
        text::{
            diagnostic::{Diagnostic, position},
            source::{Edited, Tree},
        },
    },
    engine::trace::Recording,
    report::story::story,
    scenario::load::{LoadError, edit, load},
    search::sweep::Halt,
};

/// Which seeds are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seeds<'a> {
    /// Those that a student sees.
    Visible,
    /// So many that a salt draws.
    HeldOut {
        /// The salt.
        salt: &'a str,
        /// How many.
        count: u64,
    },
}

/// What came of a part.
#[derive(Clone, Debug)]
pub struct Report {
    /// The file.
    pub file: String,
    /// What was to be reached.
    pub goal: String,
    /// What it is worth.
    pub points: u32,
    /// Whether it is.
    pub outcome: Outcome,
    /// What was found, as it is: one line per claim.
    pub found: Vec<Found>,
    /// What was found in other circumstances: their names, and what does not stand there.
    pub elsewhere: Vec<Elsewhere>,
    /// Why the file was not run.
    pub refusal: Option<Refusal>,
}

/// What does not stand in another circumstance.
#[derive(Clone, Debug)]
pub struct Elsewhere {
    /// In words.
    pub name: String,
    /// What was edited.
    pub sets: Vec<(String, String)>,
    /// What does not stand; nothing when all does.
    pub found: Vec<Found>,
}

/// Whether a part is solved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is.
    Passed,
    /// It is not.
    Failed,
    /// The run was not dangerous, or a checker gave up.
    Inconclusive,
    /// The file has mistakes, or more was changed than may be.
    Refused,
}

/// Why a file was not run.
#[derive(Clone, Debug)]
pub enum Refusal {
    /// It has mistakes.
    Mistakes(LoadError),
    /// More was changed than may be: lines.
    Fence(Vec<String>),
}

/// Why nothing could be judged.
#[derive(Clone, Debug)]
pub enum Trouble {
    /// The exercise itself is wrong.
    Exercise(LoadError),
    /// Somebody interrupted.
    Interrupted,
}

impl Outcome {
    /// In one word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Inconclusive => "inconclusive",
            Self::Refused => "refused",
        }
    }
}

impl Report {
    fn new(part: Part<'_>) -> Self {
        let (file, goal, points) = (part.file().to_owned(), part.goal().to_owned(), part.points());
        let (found, elsewhere, refusal) = (Vec::new(), Vec::new(), None);
        Self { file, goal, points, outcome: Outcome::Passed, found, elsewhere, refusal }
    }

    fn refused(part: Part<'_>, refusal: Refusal) -> Self {
        Self { outcome: Outcome::Refused, refusal: Some(refusal), ..Self::new(part) }
    }

    /// The points that were reached.
    pub fn score(&self) -> u32 {
        if self.outcome == Outcome::Passed { self.points } else { 0 }
    }

    /// The first thing that does not stand, and under which edits.
    pub fn first_broken(&self) -> Option<(&Found, &[(String, String)])> {
        let here = self.found.iter().map(|found| (found, &[][..]));
        let elsewhere = self.elsewhere.iter();
        let there = elsewhere.flat_map(|one| one.found.iter().map(|found| (found, &one.sets[..])));
        here.chain(there).find(|(found, _)| found.stands != Stands::Met)
    }
}

/// Judges one part of an exercise, of which a student wrote `text`.
///
/// # Errors
/// When the exercise is wrong, or somebody interrupts.
pub fn verify(
    bench: &Bench<'_>,
    exercise: &Exercise,
    (part, text): (Part<'_>, &str),
    seeds: Seeds<'_>,
) -> Result<Report, Trouble> {
    let mistake = |mistake| {
        let error = LoadError { text: text.to_owned(), mistakes: vec![mistake] };
        Report::refused(part, Refusal::Mistakes(error))
    };
    let tree = match Tree::parse(text) {
        Ok(tree) => tree,
        Err(wrong) => return Ok(mistake(wrong)),
    };
    let start = exercise.start(part.file());
    let wrong = |mistakes| Trouble::Exercise(LoadError { text: exercise.text.clone(), mistakes });
    let from = Tree::parse(start).map_err(|mistake| wrong(vec![mistake]))?;
    let fence = fence(part);
    let broken = breaches((&from, start), (&tree, text), &fence);
    if !broken.is_empty() {
        let lines = broken.into_iter().map(|breach| {
            let (line, _) = position(text, breach.span.start);
            let was = if breach.was.is_empty() { "nothing" } else { &breach.was };
            format!("line {line}: you changed {}, which was {was}", breach.path)
        });
        let open = format!("this exercise lets you change {}", fence.join(", "));
        let lines = lines.chain([open]).collect();
        return Ok(Report::refused(part, Refusal::Fence(lines)));
    }
    let judge = Judge { bench, exercise, text };
    match part {
        Part::Scenario(scenario) => judge.scenario(scenario, seeds),
        Part::Answers(answers) => judge.answers(answers, &tree),
    }
}

/// The paths that may change.
fn fence(part: Part<'_>) -> Vec<String> {
    match part {
        Part::Scenario(part) => part.fence.clone(),
        Part::Answers(part) => part.questions.iter().map(|asked| asked.field.clone()).collect(),
    }
}

struct Judge<'a> {
    bench: &'a Bench<'a>,
    exercise: &'a Exercise,
    text: &'a str,
}

impl Judge<'_> {
    fn wrong(&self, mistakes: Vec<Diagnostic>) -> Trouble {
        Trouble::Exercise(LoadError { text: self.exercise.text.clone(), mistakes })
    }

    fn exercise_tree(&self) -> Result<Tree, Trouble> {
        Tree::parse(&self.exercise.text).map_err(|mistake| self.wrong(vec![mistake]))
    }

    fn answers(&self, part: &AnswersPart, tree: &Tree) -> Result<Report, Trouble> {
        let exercise = self.exercise_tree()?;
        let mut parts = self.exercise.file.answers.iter();
        let nth = parts.position(|known| known.file == part.file).unwrap_or_default();
        let place = trial::place_of(&exercise, &self.exercise.text, ("answers", nth));
        let place = place.unwrap_or(&exercise.root);
        let told = (tree, self.text);
        let found = answers::found(self.bench, self.exercise, (part, place), told);
        let mut report = Report::new(Part::Answers(part));
        report.found = found.map_err(|mistakes| self.wrong(mistakes))?;
        report.outcome = outcome(&report.found, report.found.len());
        Ok(report)
    }

    fn scenario(&self, part: &ScenarioPart, seeds: Seeds<'_>) -> Result<Report, Trouble> {
        let exercise = self.exercise_tree()?;
        let mut parts = self.exercise.file.scenarios.iter();
        let nth = parts.position(|known| known.file == part.file).unwrap_or_default();
        let place = trial::place_of(&exercise, &self.exercise.text, ("scenarios", nth));
        let place = (&*self.exercise.text, place.unwrap_or(&exercise.root));
        let name = part.file.trim_end_matches(".ron");
        let variations = match trial::variations(self.bench, (name, self.text), part, place) {
            Ok(variations) => variations,
            Err(NoTrial::Exercise(mistakes)) => return Err(self.wrong(mistakes)),
            Err(NoTrial::Scenario(error)) => {
                return Ok(Report::refused(Part::Scenario(part), Refusal::Mistakes(error)));
            }
        };
        let seeds = match seeds {
            Seeds::Visible => trial::visible(part.seeds),
            Seeds::HeldOut { salt, count } => trial::held_out(&self.exercise.id, salt, count),
        };
        self.tried(part, &variations, &seeds)
    }

    fn tried(
        &self,
        part: &ScenarioPart,
        variations: &[Variation<'_>],
        seeds: &[u64],
    ) -> Result<Report, Trouble> {
        let (tallies, halt) = trial::run(self.bench, variations, seeds);
        if halt != Halt::Done {
            return Err(Trouble::Interrupted);
        }
        let mut report = Report::new(Part::Scenario(part));
        for (variation, tally) in variations.iter().zip(&tallies) {
            let mut found = tally.found(&variation.claims);
            if let Some((seed, what)) = &tally.trouble {
                let says = format!("the run with seed {seed} came to no end: {what}");
                let (name, stands) = ("panic".to_owned(), Stands::Broken);
                found.insert(0, Found { name, stands, says, seed: Some(*seed) });
            }
            let demands = part.demands.len() + usize::from(tally.trouble.is_some());
            for witness in found.iter_mut().skip(demands) {
                if witness.stands == Stands::Broken {
                    witness.stands = Stands::Inconclusive;
                }
            }
            report.outcome = graver(report.outcome, outcome(&found, demands));
            if variation.name.is_empty() {
                report.found = found;
            } else {
                found.retain(|found| found.stands != Stands::Met);
                let (name, sets) = (variation.name.to_owned(), variation.sets.to_vec());
                report.elsewhere.push(Elsewhere { name, sets, found });
            }
        }
        Ok(report)
    }
}

/// What follows from claims, of which the first so many are demands.
fn outcome(found: &[Found], demands: usize) -> Outcome {
    let (demands, witnesses) = found.split_at(demands.min(found.len()));
    let any = |found: &[Found], stands| found.iter().any(|one| one.stands == stands);
    if witnesses.iter().any(|witness| witness.stands != Stands::Met) {
        return Outcome::Inconclusive;
    }
    if any(demands, Stands::Broken) {
        return Outcome::Failed;
    }
    if any(demands, Stands::Inconclusive) { Outcome::Inconclusive } else { Outcome::Passed }
}

/// A wrong answer is told before one that proves nothing.
fn graver(one: Outcome, other: Outcome) -> Outcome {
    let gravity = |outcome| match outcome {
        Outcome::Passed => 0,
        Outcome::Inconclusive => 1,
        Outcome::Failed => 2,
        Outcome::Refused => 3,
    };
    if gravity(one) < gravity(other) { other } else { one }
}

/// The story of the first seed in which something is broken: lines.
pub fn told(bench: &Bench<'_>, text: &str, report: &Report) -> Vec<String> {
    let Some((Found { seed: Some(seed), stands: Stands::Broken, .. }, sets)) =
        report.first_broken()
    else {
        return Vec::new();
    };
    let Ok(edited) = edit(text, sets) else { return Vec::new() };
    let name = report.file.trim_end_matches(".ron");
    let Ok(plan) = load(bench.registry, name, &edited) else { return Vec::new() };
    let mut lines = Vec::new();
    let mut tell = || lines = story(&plan.runner().run(Seed(*seed), Recording::Full));
    // A run that panics has no story; its message has been told.
    _ = (bench.catch)(&mut tell);
    lines
}

/// A text with edits: a solution, or a typical wrong answer.
///
/// # Errors
/// Which path does not exist, or what is wrong with the value.
pub fn edited(text: &str, sets: &[(String, String)]) -> Result<String, String> {
    let edited: Result<Edited, _> = edit(text, sets);
    edited.map(|edited| edited.text).map_err(|error| error.to_string())
}
