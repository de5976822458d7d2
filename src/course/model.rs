//! The shape of an exercise's file, as serde reads it.
//!
//! ```text
//!   Exercise( title, level, minutes,
//!             answers:   [(file, questions, solution, wrong)],
//!             scenarios: [(file, fence, demands, witnesses, perturb, solution, wrong)],
//!             hints, aha )
//! ```
//!
//! A solution and a typical wrong answer are edits of the start, like `--set`: so it is plain what
//! they change, and a start that is mended mends them too. Whole files were rejected: three copies
//! of a scenario drift apart. Answers come before scenarios: who predicts first, learns.

use crate::{base::quantity::Probability, scenario::model::Raw};
use serde::Deserialize;

/// The version of this format.
pub const FORMAT_VERSION: u32 = 1;

/// `course.ron`: what is not in the folders of the exercises.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename = "Course", deny_unknown_fields)]
pub struct CourseFile {
    /// Which version of this format.
    pub format_version: u32,
    /// What the course is called.
    pub title: String,
    /// Exercises that are planned.
    #[serde(default)]
    pub to_come: Vec<ToCome>,
}

/// An exercise that is planned.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToCome {
    /// Its place in the course.
    pub number: u16,
    /// Its name.
    pub id: String,
    /// One line about it.
    pub title: String,
    /// What it waits for.
    pub needs: String,
}

/// `exercise.ron`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename = "Exercise", deny_unknown_fields)]
pub struct ExerciseFile {
    /// Which version of this format.
    pub format_version: u32,
    /// One line about it.
    pub title: String,
    /// What it asks for.
    pub level: Level,
    /// How long it takes a student.
    pub minutes: u16,
    /// What is to be answered, first.
    #[serde(default)]
    pub answers: Vec<AnswersPart>,
    /// What is to be edited, then.
    #[serde(default)]
    pub scenarios: Vec<ScenarioPart>,
    /// Where to look, what to think of, what to write.
    pub hints: Vec<String>,
    /// What is understood when it is solved.
    pub aha: String,
}

/// What an exercise asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Level {
    /// One value.
    A,
    /// Several values.
    B,
    /// Rust.
    C,
}

/// A scenario to edit.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScenarioPart {
    /// The file.
    pub file: String,
    /// What is to be reached, in one line.
    pub goal: String,
    /// What it is worth.
    pub points: u32,
    /// The paths that may change.
    pub fence: Vec<String>,
    /// What must come out.
    pub demands: Vec<Claim>,
    /// What must have happened, or the run proves nothing.
    pub witnesses: Vec<Claim>,
    /// How many seeds a student sees.
    #[serde(default = "seeds")]
    pub seeds: u64,
    /// The same in other circumstances.
    #[serde(default)]
    pub perturb: Vec<Perturbation>,
    /// Which claim the start does not meet.
    pub start_fails: String,
    /// Edits of the start that solve it.
    pub solution: Vec<(String, String)>,
    /// Edits of the start that do not.
    pub wrong: Vec<Wrong>,
}

/// Questions to answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswersPart {
    /// The file.
    pub file: String,
    /// What is asked, in one line.
    pub goal: String,
    /// What it is worth.
    pub points: u32,
    /// The questions.
    pub questions: Vec<Question>,
    /// Edits of the start that answer them.
    pub solution: Vec<(String, String)>,
    /// Edits of the start that do not.
    pub wrong: Vec<Wrong>,
}

fn seeds() -> u64 {
    100
}

/// The same scenario in other circumstances.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Perturbation {
    /// In words: `a slow network`.
    pub name: String,
    /// What is edited.
    pub set: Vec<(String, String)>,
}

/// A typical wrong answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wrong {
    /// In words.
    pub name: String,
    /// Edits of the start.
    pub set: Vec<(String, String)>,
    /// Which claim it does not meet.
    pub fails: String,
    /// What whoever gives it has not yet understood.
    pub because: String,
}

/// Something that many seeds show, or do not.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Claim {
    /// No seed violates it, and one at least puts it to the test.
    Holds {
        /// The property.
        property: String,
    },
    /// At least this share of seeds violates it.
    Violates {
        /// The property.
        property: String,
        /// The share.
        seeds: Probability,
    },
    /// At least this share of seeds puts it to the test.
    Exercised {
        /// The property.
        property: String,
        /// The share.
        seeds: Probability,
    },
    /// In at least this share of seeds the fault had an effect.
    Effect {
        /// The rule's id.
        rule: String,
        /// The share.
        seeds: Probability,
    },
    /// In at least this share of seeds the step was passed.
    Passed {
        /// The step.
        step: String,
        /// The share.
        seeds: Probability,
    },
    /// Over all seeds, not more than this.
    AtMost {
        /// A metric of studies.
        measure: Raw,
        /// As the metric's unit is written: `"10%"`, `"5ms"`, `"7.5"`.
        bound: String,
    },
    /// Over all seeds, not less than this.
    AtLeast {
        /// A metric of studies.
        measure: Raw,
        /// As the metric's unit is written.
        bound: String,
    },
}

/// A question.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The field of the file that answers it.
    pub field: String,
    /// In words.
    pub asks: String,
    /// What is right.
    pub right: Right,
}

/// What answer is right.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Right {
    /// A seed in which a property is violated.
    Seed {
        /// The scenario.
        scenario: String,
        /// The property.
        violates: String,
    },
    /// One of these words.
    Word {
        /// What can be chosen.
        of: Vec<String>,
        /// What is right.
        is: String,
    },
    /// What is measured, more or less.
    Measured {
        /// The scenario.
        scenario: String,
        /// A metric of studies.
        measure: Raw,
        /// How far off it may be, as a share of what is measured.
        within: Probability,
    },
}

/// One file that a student edits.
#[derive(Clone, Copy, Debug)]
pub enum Part<'a> {
    /// Answers.
    Answers(&'a AnswersPart),
    /// A scenario.
    Scenario(&'a ScenarioPart),
}

impl ExerciseFile {
    /// What is to be done, in order.
    pub fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        let answers = self.answers.iter().map(Part::Answers);
        answers.chain(self.scenarios.iter().map(Part::Scenario))
    }
}

impl<'a> Part<'a> {
    /// The file that a student edits.
    pub fn file(self) -> &'a str {
        match self {
            Self::Scenario(part) => &part.file,
            Self::Answers(part) => &part.file,
        }
    }

    /// What is to be reached, in one line.
    pub fn goal(self) -> &'a str {
        match self {
            Self::Scenario(part) => &part.goal,
            Self::Answers(part) => &part.goal,
        }
    }

    /// What it is worth.
    pub fn points(self) -> u32 {
        match self {
            Self::Scenario(part) => part.points,
            Self::Answers(part) => part.points,
        }
    }

    /// Edits of the start that solve it.
    pub fn solution(self) -> &'a [(String, String)] {
        match self {
            Self::Scenario(part) => &part.solution,
            Self::Answers(part) => &part.solution,
        }
    }

    /// Typical wrong answers.
    pub fn wrong(self) -> &'a [Wrong] {
        match self {
            Self::Scenario(part) => &part.wrong,
            Self::Answers(part) => &part.wrong,
        }
    }

    /// Which claim the start does not meet; an unanswered question is enough for answers.
    pub fn start_fails(self) -> &'a str {
        match self {
            Self::Scenario(part) => &part.start_fails,
            Self::Answers(part) => part.questions.first().map_or("", |question| &question.field),
        }
    }
}
