//! `exercise grade` and `exercise audit`: what teachers run.
//!
//! ```text
//!   grade  a student's folder × (visible seeds, held-out seeds of a salt) ──▶ points, files
//!   audit  the exercises ──▶ starts fail, solutions pass, typical wrong answers fail
//! ```
//!
//! A grade is a result and no judgement: whatever the points, the command exits with 0 when it
//! could grade. A file that cannot be read counts as the file that was handed out.

use super::School;
use crate::{
    cli::{Format, exit::Code},
    course::{
        audit::{audit, audit_course},
        grade::{Graded, as_gradescope, as_json, as_junit, part_grade, total},
        load::Exercise,
        verify::{Outcome, Report, Seeds},
    },
};
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub(super) struct Grade {
    /// Only these; all when left out.
    exercises: Vec<String>,

    /// From which held-out seeds are drawn: one per term, or one per student.
    #[arg(long, default_value = "splitbrain")]
    salt: String,

    /// How many held-out seeds.
    #[arg(long, value_name = "N", default_value = "200", value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,

    /// Write the grade as JSON there.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Write it as a JUnit report there.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,

    /// Write it as Gradescope's `results.json` there.
    #[arg(long, value_name = "FILE")]
    gradescope: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Audit {
    /// Only these; all when left out.
    exercises: Vec<String>,

    /// How many held-out seeds a solution must pass.
    #[arg(long, value_name = "N", default_value = "1000", value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,

    /// From which they are drawn.
    #[arg(long, default_value = "audit")]
    salt: String,

    /// Say what is in order, too.
    #[arg(long, short)]
    verbose: bool,
}

impl School<'_> {
    fn chosen(&self, wanted: &[String]) -> Result<Vec<&Exercise>, Code> {
        if wanted.is_empty() {
            return Ok(self.course.exercises.iter().collect());
        }
        let find = |name: &String| self.course.find(name).ok_or_else(|| self.unknown(name));
        wanted.iter().map(find).collect()
    }

    pub(super) fn grade(&self, arguments: &Grade) -> Code {
        let graded = match self.graded(arguments) {
            Ok(graded) => graded,
            Err(code) => return code,
        };
        let files = [
            (&arguments.json, format!("{:#}\n", as_json(self.course, &graded))),
            (&arguments.junit, as_junit(self.course, &graded)),
            (&arguments.gradescope, format!("{:#}\n", as_gradescope(&graded))),
        ];
        for (path, text) in files {
            if let Some(path) = path
                && let Err(error) = write(path, &text)
            {
                return self
                    .environment
                    .usage(&format!("failed to write {}: {error}", path.display()));
            }
        }
        match self.environment.format {
            Format::Human => self.environment.print(&table(&graded)),
            Format::Json | Format::Jsonl => {
                self.environment.print(&format!("{}\n", as_json(self.course, &graded)));
            }
        }
        Code::AsExpected
    }

    fn graded(&self, arguments: &Grade) -> Result<Vec<Graded<'_>>, Code> {
        let desk = self.desk()?;
        let held_out = Seeds::HeldOut { salt: &arguments.salt, count: arguments.seeds };
        let mut graded = Vec::new();
        for exercise in self.chosen(&arguments.exercises)? {
            let mut parts = Vec::new();
            for part in exercise.file.parts() {
                let path = desk.path(exercise, part.file());
                let text = std::fs::read_to_string(&path)
                    .unwrap_or_else(|_| exercise.start(part.file()).to_owned());
                let visible = self.part(exercise, (part, &text), Seeds::Visible)?;
                // Whoever fails with the seeds one can see need not be tried with others.
                let other = match visible.outcome {
                    Outcome::Passed => self.part(exercise, (part, &text), held_out)?,
                    _ => visible.clone(),
                };
                parts.push([visible, other]);
            }
            graded.push(Graded { exercise, parts });
        }
        Ok(graded)
    }

    pub(super) fn audit(&self, arguments: &Audit) -> Code {
        let chosen = match self.chosen(&arguments.exercises) {
            Ok(chosen) => chosen,
            Err(code) => return code,
        };
        let mut bad = 0;
        for line in audit_course(self.course) {
            bad += 1;
            self.environment.print(&format!("✘ {line}\n"));
        }
        let threads = self.threads();
        let bench = self.bench(&threads);
        for exercise in chosen {
            let held_out = (arguments.salt.as_str(), arguments.seeds);
            let found = match audit(&bench, exercise, held_out) {
                Ok(found) => found,
                Err(trouble) => return self.trouble(exercise, trouble),
            };
            bad += found.bad.len();
            let word = if found.bad.is_empty() { "sound" } else { "UNSOUND" };
            let proofs = found.good.len();
            self.environment.print(&format!("{}: {word}, {proofs} proofs\n", exercise.folder));
            let good = found.good.iter().filter(|_| arguments.verbose);
            good.for_each(|line| self.environment.print(&format!("  ✔ {line}\n")));
            found.bad.iter().for_each(|line| self.environment.print(&format!("  ✘ {line}\n")));
        }
        if bad > 0 { Code::NotAsExpected } else { Code::AsExpected }
    }
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, text)
}

fn table(graded: &[Graded<'_>]) -> String {
    let mut text = String::new();
    for Graded { exercise, parts } in graded {
        text += &format!("{}  {}\n", exercise.number, exercise.file.title);
        for part in parts {
            let (score, outcome, says) = part_grade(part);
            let Report { file, points, .. } = &part[0];
            text += &format!("  {score:>2} of {points:>2}  {file}: {}: {says}\n", outcome.word());
        }
    }
    let (score, all) = total(graded);
    text + &format!("\n{score} of {all} points\n")
}
