//! `exercise`: the course, from the first file to the grade.
//!
//! ```text
//!   student   init ──▶ list ──▶ verify · watch ◀──▶ hint · reset
//!   teacher   grade ──▶ points, JSON, JUnit, Gradescope      audit ──▶ are the exercises sound?
//! ```
//!
//! The exercises are in the program; `--course` takes them from a folder instead. What a student
//! has written stays in the folder that `init` made, with a note of what is solved and how many
//! hints were read. What is solved is not taken from that note for a grade.

mod desk;
mod grading;
mod show;
mod watch;

use self::desk::{Desk, Progress};
use super::{
    Environment, Format,
    caught::caught,
    exit::Code,
    explain::wrap,
    threads::{INTERRUPTED, Threads, count, listen_to_interrupts},
};
use crate::{
    base::text::diagnostic::suggest,
    course::{
        load::{Course, Exercise, Files, built_in},
        model::Part,
        trial::Bench,
        verify::{Outcome, Refusal, Report, Seeds, Trouble, told, verify},
    },
    search::block::Catch,
};
use clap::Subcommand;
use std::path::{Path, PathBuf};

/// Arguments of `exercise`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,

    /// Take the exercises from this folder, not from the program.
    #[arg(long, global = true, value_name = "FOLDER")]
    course: Option<PathBuf>,

    /// Where the student's files are; here or in `course` when left out.
    #[arg(long = "in", global = true, value_name = "FOLDER")]
    desk: Option<PathBuf>,

    /// How many threads; one per core when left out.
    #[arg(short, long, global = true, value_name = "THREADS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Write the files of all exercises into a folder.
    Init {
        /// Where.
        #[arg(default_value = "course")]
        folder: PathBuf,
    },
    /// List the exercises: what is solved, what is there, what is still to come.
    List,
    /// Judge an exercise; the next one that is not solved when left out.
    Verify(Which),
    /// Show the next hint, of three.
    Hint(Which),
    /// Judge an exercise again whenever one of its files is saved.
    Watch(Which),
    /// Put back the files of an exercise as they were; yours are kept as `.bak`.
    Reset(Which),
    /// Give points: visible seeds and held-out ones must pass.
    Grade(grading::Grade),
    /// Test the exercises: starts fail, solutions pass, typical wrong answers fail.
    Audit(grading::Audit),
}

#[derive(Clone, Debug, clap::Args)]
struct Which {
    /// Its number or its name.
    exercise: Option<String>,
}

pub(super) fn exercise(environment: &Environment<'_>, arguments: &Arguments) -> Code {
    let files = match &arguments.course {
        None => built_in(),
        Some(folder) => match desk::read_all(folder) {
            Ok(files) => files,
            Err(error) => return environment.usage(&error),
        },
    };
    let course = match Course::read(&files) {
        Ok(course) => course,
        Err(wrong) => return environment.refuse(&wrong.file, &wrong.error),
    };
    listen_to_interrupts();
    let school = School { environment, arguments, course: &course };
    match &arguments.what {
        What::Init { folder } => school.init(folder),
        What::List => school.list(),
        What::Verify(which) => school.with(which, School::verify),
        What::Hint(which) => school.with(which, School::hint),
        What::Watch(which) => school.with(which, School::watch),
        What::Reset(which) => school.with(which, School::reset),
        What::Grade(grade) => school.grade(grade),
        What::Audit(audit) => school.audit(audit),
    }
}

/// Everything that a subcommand needs.
struct School<'a> {
    environment: &'a Environment<'a>,
    arguments: &'a Arguments,
    course: &'a Course,
}

impl<'a> School<'a> {
    fn threads(&self) -> Threads<'static> {
        let (count, interrupted) = (count(self.arguments.jobs), &INTERRUPTED);
        Threads { count, deadline: None, jobs_min: 0, interrupted }
    }

    fn bench<'b>(&'b self, threads: &'b Threads<'b>) -> Bench<'b> {
        let catch: &Catch = &|function| caught(function);
        Bench { registry: self.environment.registry, workers: threads, catch }
    }

    fn desk(&self) -> Result<Desk, Code> {
        Desk::find(self.arguments.desk.as_deref(), self.course)
            .map_err(|error| self.environment.usage(&error))
    }

    /// The exercise that is meant: by name, or the next one that is not solved.
    fn meant(&self, which: &Which, progress: &Progress) -> Result<&'a Exercise, Code> {
        let exercises = &self.course.exercises;
        if let Some(wanted) = &which.exercise {
            return self
                .course
                .find(wanted.trim_end_matches('/'))
                .ok_or_else(|| self.unknown(wanted));
        }
        let open = exercises.iter().find(|exercise| !progress.is_solved(&exercise.id));
        open.or(exercises.last()).ok_or(Code::NothingToRun)
    }

    fn unknown(&self, wanted: &str) -> Code {
        let planned = self.course.to_come.iter();
        let mut planned =
            planned.filter(|one| one.id == wanted || one.number.to_string() == wanted);
        if let Some(one) = planned.next() {
            let message = format!("{} is still to come: it waits for {}", one.id, one.needs);
            return self.environment.usage(&message);
        }
        let names: Vec<&str> = self.course.exercises.iter().map(|one| one.id.as_str()).collect();
        let near = suggest(wanted, names.iter().copied())
            .map_or_else(String::new, |near| format!(", did you mean `{near}`?"));
        let names = names.join(", ");
        self.environment
            .usage(&format!("no exercise is called `{wanted}`{near}\nexercises: {names}"))
    }

    fn with(&self, which: &Which, act: fn(&Self, &Desk, &Exercise) -> Code) -> Code {
        let desk = match self.desk() {
            Ok(desk) => desk,
            Err(code) => return code,
        };
        match self.meant(which, &desk.progress()) {
            Ok(exercise) => act(self, &desk, exercise),
            Err(code) => code,
        }
    }

    fn init(&self, folder: &Path) -> Code {
        let mut files = Files::new();
        for exercise in &self.course.exercises {
            for (name, text) in &exercise.files {
                files.insert(format!("{}/{name}", exercise.folder), text.clone());
            }
        }
        match desk::write_new(folder, &files) {
            Ok(0) => self.environment.print("nothing is new\n"),
            Ok(written) => {
                let shown = folder.display();
                let first = self.course.exercises.first().map_or("", |one| one.folder.as_str());
                self.environment.print(&format!(
                    "wrote {written} files of {} exercises to {shown}\n\
                     next  cd {shown} && splitbrain exercise watch\n      \
                     and read {first}/task.md beside it\n",
                    self.course.exercises.len()
                ));
            }
            Err(error) => return self.environment.usage(&error),
        }
        Code::AsExpected
    }

    fn list(&self) -> Code {
        let desk = Desk::find(self.arguments.desk.as_deref(), self.course).ok();
        let progress = desk.map(|desk| desk.progress()).unwrap_or_default();
        self.environment.print(&match self.environment.format {
            Format::Human => show::list(self.course, &progress),
            Format::Json | Format::Jsonl => {
                format!("{}\n", show::list_json(self.course, &progress))
            }
        });
        Code::AsExpected
    }

    fn hint(&self, desk: &Desk, exercise: &Exercise) -> Code {
        let hints = &exercise.file.hints;
        let mut progress = desk.progress();
        let seen = progress.hints(&exercise.id);
        let shown = (seen + 1).min(hints.len());
        for (place, hint) in hints.iter().take(shown).enumerate() {
            let text = wrap(hint, "  ");
            let number = place + 1;
            self.environment.print(&format!("hint {number} of {}\n{text}\n", hints.len()));
        }
        if seen >= hints.len() {
            self.environment.print("there are no more hints\n");
        }
        progress.read_hint(&exercise.id, shown);
        self.saved(desk, &progress)
    }

    fn reset(&self, desk: &Desk, exercise: &Exercise) -> Code {
        match desk.reset(exercise) {
            Ok(lines) => {
                for line in lines {
                    self.environment.print(&format!("{line}\n"));
                }
                let mut progress = desk.progress();
                progress.reopen(&exercise.id);
                self.saved(desk, &progress)
            }
            Err(error) => self.environment.usage(&error),
        }
    }

    fn saved(&self, desk: &Desk, progress: &Progress) -> Code {
        match desk.save(progress) {
            Ok(()) => Code::AsExpected,
            Err(error) => self.environment.usage(&error),
        }
    }

    fn verify(&self, desk: &Desk, exercise: &Exercise) -> Code {
        let reports = match self.judged(desk, exercise, Seeds::Visible) {
            Ok(reports) => reports,
            Err(code) => return code,
        };
        let texts: Vec<String> =
            reports.iter().map(|report| desk.text(exercise, &report.file)).collect();
        let is_solved = reports.iter().all(|report| report.outcome == Outcome::Passed);
        let mut progress = desk.progress();
        if is_solved {
            progress.solve(&exercise.id);
        }
        match self.environment.format {
            Format::Human => self.tell(desk, exercise, (&reports, &texts), &progress),
            Format::Json | Format::Jsonl => {
                let object = show::verify_json(exercise, &reports);
                self.environment.print(&format!("{object}\n"));
            }
        }
        let code = self.saved(desk, &progress);
        reports.iter().map(exit_code).fold(code, Code::or_graver)
    }

    fn tell(
        &self,
        desk: &Desk,
        exercise: &Exercise,
        (reports, texts): (&[Report], &[String]),
        progress: &Progress,
    ) {
        self.environment.print(&show::title(exercise));
        for (report, text) in reports.iter().zip(texts) {
            let path = desk.path(exercise, &report.file);
            self.environment.print(&show::report(report, &path));
            if let Some(Refusal::Mistakes(error)) = &report.refusal {
                self.environment.refuse(&path.display().to_string(), error);
            }
            if report.outcome != Outcome::Passed {
                let story = self.story(text, report);
                self.environment.print(&show::story(&story));
                let read = progress.hints(&exercise.id);
                return self.environment.print(&show::next_hint(exercise, read));
            }
        }
        let open = self.course.exercises.iter().find(|one| !progress.is_solved(&one.id));
        self.environment.print(&show::solved(exercise, open));
    }

    /// The story of the first failing seed.
    fn story(&self, text: &str, report: &Report) -> Vec<String> {
        let threads = self.threads();
        told(&self.bench(&threads), text, report)
    }

    /// Judges every part with what the student wrote.
    fn judged(
        &self,
        desk: &Desk,
        exercise: &Exercise,
        seeds: Seeds<'_>,
    ) -> Result<Vec<Report>, Code> {
        let mut reports = Vec::new();
        for part in exercise.file.parts() {
            let path = desk.path(exercise, part.file());
            let text = std::fs::read_to_string(&path).map_err(|error| {
                let path = path.display();
                self.environment.usage(&format!("failed to read {path}: {error}"))
            })?;
            reports.push(self.part(exercise, (part, &text), seeds)?);
        }
        Ok(reports)
    }

    fn part(
        &self,
        exercise: &Exercise,
        (part, text): (Part<'_>, &str),
        seeds: Seeds<'_>,
    ) -> Result<Report, Code> {
        let threads = self.threads();
        verify(&self.bench(&threads), exercise, (part, text), seeds)
            .map_err(|trouble| self.trouble(exercise, trouble))
    }

    fn trouble(&self, exercise: &Exercise, trouble: Trouble) -> Code {
        match trouble {
            Trouble::Interrupted => Code::Interrupted,
            Trouble::Exercise(error) => {
                let name = format!("{}/exercise.ron", exercise.folder);
                self.environment.complain("the exercise itself is wrong:\n");
                self.environment.refuse(&name, &error)
            }
        }
    }
}

/// What a part exits with.
fn exit_code(report: &Report) -> Code {
    match report.outcome {
        Outcome::Passed => Code::AsExpected,
        Outcome::Failed => Code::NotAsExpected,
        Outcome::Inconclusive => Code::Inconclusive,
        Outcome::Refused => Code::Usage,
    }
}
