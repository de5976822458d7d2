//! `run`: one seed of each scenario, and on one screen what happened and whether it is bad.
//!
//! ```text
//!   load all ──▶ run(seed) ──▶ screen · timeline · json ──▶ reports ──▶ the gravest exit code
//! ```
//!
//! Every file is loaded before any is run. A run is recorded in full, since somebody looks; its
//! hash is the same as that of a run that is only hashed, which `--verify-determinism` checks. A
//! panic in a handler is a finding about the protocol with a seed, not the end of the program.

use super::{
    Environment, Format,
    caught::caught,
    exit::Code,
    files::Loaded,
    pipeline::{OfRun, Suite},
};
use crate::{
    base::{
        ids::Seed,
        time::{Duration, Time},
    },
    checkers::Verdict,
    engine::{
        runner::Outcome,
        trace::{ENGINE_EPOCH, Recording},
    },
    report::{
        charts::{self, Chart},
        export, json,
        page::{PageOptions, page},
        screen::{Colour, Expected, Surroundings, screen},
        space_time::{SpaceTimeOptions, space_time},
        timeline::{TimelineOptions, timeline},
        words::Words,
    },
    scenario::{
        plan::{Met, Plan, Runner},
        run::{RuleReport, Run},
    },
    search::{
        divergence::happenings,
        fingerprint::PANIC,
        recording::{Provenance, RecordedRun},
        tally::NONDETERMINISM,
    },
};
use indicatif::ProgressBar;
use std::{
    io::IsTerminal,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Arguments of `run`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Scenario files, or folders of them.
    #[arg(required = true, value_name = "SCENARIO")]
    paths: Vec<PathBuf>,

    /// The seed: a number, or `random`.
    #[arg(long, short, default_value = "1", value_parser = seed)]
    seed: Seed,

    /// Replace a part of each file before it is read: `network.loss=5%`.
    #[arg(long = "set", value_name = "PATH=VALUE", value_parser = path_and_value)]
    sets: Vec<(String, String)>,

    /// Stop at this instant.
    #[arg(long, value_name = "DURATION")]
    until: Option<Duration>,

    /// Print the timeline of everything that happened.
    #[arg(long)]
    trace: bool,

    /// Write the run as a page for a browser, and its pictures; with a file, only the page.
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    #[expect(clippy::option_option, reason = "not wanted, wanted, and wanted in that file")]
    report: Option<Option<PathBuf>>,

    /// Write the run for other tools: `history`, `shiviz`, `perfetto`.
    #[arg(long, value_name = "FORMATS", value_delimiter = ',')]
    export: Vec<Export>,

    /// Where reports go.
    #[arg(long, value_name = "FOLDER", default_value = "reports")]
    out: PathBuf,

    /// Write the run to a file from which `replay` can tell whether it is still the same.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,

    /// Run everything twice and compare, event by event.
    #[arg(long)]
    verify_determinism: bool,

    /// Write a test report there.
    #[arg(long, value_name = "FILE", help_heading = "Pipelines")]
    junit: Option<PathBuf>,
}

/// A form of a run that another tool reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Export {
    /// What clients saw: history.jsonl, for `judge`.
    History,
    /// A log with vector clocks: shiviz.log.
    Shiviz,
    /// Chrome trace events: perfetto.json.
    Perfetto,
}

impl Export {
    fn of(self, run: &Run) -> (&'static str, String) {
        match self {
            Self::History => ("history.jsonl", export::history(run)),
            Self::Shiviz => ("shiviz.log", export::shiviz(run)),
            Self::Perfetto => ("perfetto.json", export::perfetto(run)),
        }
    }
}

fn seed(text: &str) -> Result<Seed, String> {
    if text == "random" {
        return Ok(Seed(random_seed()));
    }
    text.parse().map(Seed).map_err(|_| "a seed is a number, or `random`".to_owned())
}

/// The one place that asks the operating system for chance; the seed it gives is printed.
#[expect(clippy::disallowed_methods, reason = "somebody asked for a random seed")]
fn random_seed() -> u64 {
    rand::random::<u64>() >> 11 // Short enough for JavaScript's numbers, should one meet it.
}

/// Splits `path=value`.
pub(super) fn path_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((path, value)) if !path.is_empty() => Ok((path.to_owned(), value.to_owned())),
        _ => Err("write it as PATH=VALUE, such as network.loss=5%".to_owned()),
    }
}

pub(super) fn run(environment: &Environment<'_>, arguments: &Arguments) -> Code {
    let mut loaded = match environment.load_all(&arguments.paths, &arguments.sets) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    if let Some(Some(_)) = &arguments.report
        && loaded.len() > 1
    {
        return environment.usage("--report=FILE takes one scenario: a page shows one run");
    }
    if let Some(path) = &arguments.record {
        if loaded.len() > 1 {
            return environment.usage("--record takes one scenario: a recorded run is one run");
        }
        if path.extension().is_some_and(|extension| extension == "ron") {
            return environment.usage("--record writes no scenario: choose an ending but .ron");
        }
    }
    let mut code = Code::AsExpected;
    let mut heard = Heard::default();
    let progress = progress(loaded.len());
    for (place, file) in loaded.iter_mut().enumerate() {
        if let Some(until) = arguments.until {
            cut_short(&mut file.plan, until);
        }
        let teller = Teller { environment, arguments, file, first: place == 0 };
        code = code.or_graver(teller.tell(&mut heard));
        progress.inc(1);
    }
    if environment.format == Format::Json {
        environment.print(&format!("{}\n", serde_json::Value::from(heard.objects)));
    }
    match environment.publish(&heard.suites, arguments.junit.as_deref()) {
        Ok(()) => code,
        Err(error) => code.or_graver(environment.usage(&error)),
    }
}

/// What is told at the end, of all runs at once.
#[derive(Default)]
struct Heard {
    objects: Vec<serde_json::Value>,
    suites: Vec<Suite>,
}

/// A bar on stderr while results go to a file or a pipe; nothing where they scroll by.
fn progress(files: usize) -> ProgressBar {
    if files < 2 || std::io::stdout().is_terminal() {
        return ProgressBar::hidden();
    }
    ProgressBar::new(files as u64) // It hides itself where stderr is no terminal.
}

/// Ends a plan's run at an instant, if it does not end before.
pub(super) fn cut_short(plan: &mut Plan, until: Duration) {
    let mut setup = (*plan.setup).clone();
    setup.end = setup.end.min(Time::ZERO + until);
    setup.heal_at = setup.heal_at.filter(|at| *at <= setup.end);
    plan.setup = Arc::new(setup);
}

/// Runs one file and tells of it.
struct Teller<'a> {
    environment: &'a Environment<'a>,
    arguments: &'a Arguments,
    file: &'a Loaded,
    first: bool,
}

impl Teller<'_> {
    fn tell(&self, heard: &mut Heard) -> Code {
        let seed = self.arguments.seed;
        let plan = &self.file.plan;
        let mut runner = plan.runner();
        let mut suite = OfRun::new(plan, &self.file.path.display().to_string(), seed);
        let run = match caught(|| runner.run(seed, Recording::Full)) {
            Ok(run) => run,
            Err(panic) => {
                let code = self.panicked(&panic);
                suite.failed(PANIC, panic, String::new(), self.reproduce());
                heard.suites.push(suite.done());
                return code;
            }
        };
        if self.arguments.verify_determinism
            && let Err(difference) = verify(plan, &mut runner, &run)
        {
            self.environment.complain(&format!("error: {}@{seed}: {difference}\n", plan.name));
            suite.failed(NONDETERMINISM, difference, String::new(), self.reproduce());
            heard.suites.push(suite.done());
            return Code::Diverged;
        }
        let met = plan.expectation(&run.judgements);
        let mut code = self.code(&run, &met);
        match self.reports(&run, &met).and_then(|reports| self.recorded(&run, &runner, reports)) {
            Ok(reports) => self.show(&run, &met, reports, &mut heard.objects),
            Err(error) => code = self.environment.usage(&error),
        }
        suite.judged(&run, &met, &self.reproduce());
        for message in never_fired(&run.rules) {
            if self.arguments.until.is_none() {
                let path = self.file.path.display();
                self.environment.complain(&format!("error[SB0501]: {path}: {message}\n"));
                code = code.or_graver(Code::Usage);
                suite.failed("faults", message, String::new(), self.reproduce());
            }
        }
        heard.suites.push(suite.done());
        code
    }

    fn code(&self, run: &Run, met: &Met) -> Code {
        match met {
            _ if run.end.outcome == Outcome::LimitReached => {
                let message = format!(
                    "{}@{}: stopped after {} events at {}: a livelock, or far too long a run\n",
                    run.name, run.seed, run.counters.events, run.end.quiet_at
                );
                self.environment.complain(&message);
                Code::Inconclusive
            }
            Met::Yes => Code::AsExpected,
            Met::No(_) => Code::NotAsExpected,
            Met::Undecided(_) => Code::Inconclusive,
        }
    }

    fn panicked(&self, panic: &str) -> Code {
        let (plan, seed) = (&self.file.plan, self.arguments.seed);
        self.environment.complain(&format!(
            "error[SB0502]: {}@{seed}: {} panicked: {panic}\n{}\n",
            plan.name,
            plan.protocol,
            self.reproduce()
        ));
        if panic.contains("src/engine/") || panic.contains("src/base/") {
            self.environment.complain("this is a bug in splitbrain, not in your scenario\n");
            return Code::OurBug;
        }
        Code::NotAsExpected
    }

    fn show(
        &self,
        run: &Run,
        met: &Met,
        reports: Vec<String>,
        objects: &mut Vec<serde_json::Value>,
    ) {
        let expected = self.file.plan.expect.describe();
        match self.environment.format {
            Format::Human => {
                if !self.first {
                    self.environment.print("\n");
                }
                if self.arguments.trace {
                    let shown = timeline(run, &TimelineOptions::default());
                    self.environment.print(&format!("{shown}\n"));
                }
                let surroundings = Surroundings {
                    expected: Some(expectation(&expected, met)),
                    reproduce: self.reproduce(),
                    reports,
                };
                self.environment.print(&screen(run, &surroundings, Colour::Always));
            }
            Format::Json | Format::Jsonl => {
                let path = self.file.path.display().to_string();
                let verdict = verdict(run);
                if self.environment.format == Format::Jsonl {
                    let line = json::run_line(run, &path, verdict, &expected);
                    self.environment.print(&format!("{line}\n"));
                } else {
                    objects.push(json::run_object(run, &path, verdict, &expected));
                }
            }
        }
    }

    /// The command that shows this run again.
    fn reproduce(&self) -> String {
        use std::fmt::Write;
        let path = self.file.path.display();
        let mut command = format!("splitbrain run {path} --seed {}", self.arguments.seed);
        for (path, value) in &self.arguments.sets {
            let quoted = format!("{path}={value}").replace('\'', "'\\''");
            _ = write!(command, " --set '{quoted}'");
        }
        if let Some(until) = self.arguments.until {
            _ = write!(command, " --until {until}");
        }
        command
    }

    /// Writes the pictures, if they are wanted, and gives their paths.
    fn reports(&self, run: &Run, met: &Met) -> Result<Vec<String>, String> {
        let folder = self.arguments.out.join(&run.name).join(run.seed.to_string());
        let exports: Vec<_> = self.arguments.export.iter().map(|export| export.of(run)).collect();
        let mut written = Vec::new();
        if !exports.is_empty() {
            written = write_all(&folder, &exports)?;
        }
        let Some(wanted) = &self.arguments.report else { return Ok(written) };
        let expected = expectation(&self.file.plan.expect.describe(), met).text;
        let options = PageOptions { command: self.reproduce(), expected, ..PageOptions::default() };
        let page = page(run, &self.file.plan, &options);
        if let Some(path) = wanted {
            written.push(write_page(path, &page)?);
            return Ok(written);
        }
        let files = [
            ("report.html", page),
            ("space_time.svg", space_time(run, SpaceTimeOptions::default())),
        ];
        written.extend(write_all(&folder, &files)?);
        for (name, Chart { svg, csv, .. }) in charts::all(run, &self.file.plan) {
            let (picture, table) = (format!("{name}.svg"), format!("{name}.csv"));
            written.extend(write_all(&folder, &[(&picture, svg), (&table, csv)])?);
        }
        Ok(written)
    }

    /// Writes the run to a file, if that is wanted, and adds its path to those of the reports.
    fn recorded(
        &self,
        run: &Run,
        runner: &Runner<'_>,
        mut reports: Vec<String>,
    ) -> Result<Vec<String>, String> {
        let Some(path) = &self.arguments.record else { return Ok(reports) };
        let words = Words::of(run);
        let from = Provenance {
            scenario: &self.file.path.display().to_string(),
            text: &self.file.plan.text,
            sets: &self.arguments.sets,
            until: self.arguments.until,
        };
        let happenings = happenings(run, |entry| words.line(entry));
        let recorded = RecordedRun::of(run, from, &happenings, runner.simulation().trace());
        std::fs::write(path, recorded.write())
            .map_err(|error| format!("failed to write {}: {error}", path.display()))?;
        reports.push(path.display().to_string());
        Ok(reports)
    }
}

/// Writes a page to a file, whose folder is made if need be, and gives its path.
pub(super) fn write_page(path: &Path, page: &str) -> Result<String, String> {
    let failed = |error| format!("failed to write {}: {error}", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    std::fs::write(path, page).map_err(failed)?;
    Ok(path.display().to_string())
}

fn write_all(folder: &Path, files: &[(&str, String)]) -> Result<Vec<String>, String> {
    let failed = |error| format!("failed to write to {}: {error}", folder.display());
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut written = Vec::new();
    for (name, content) in files {
        let path = folder.join(name);
        std::fs::write(&path, content).map_err(failed)?;
        written.push(path.display().to_string());
    }
    Ok(written)
}

/// The verdict on a whole run: the gravest of its properties.
fn verdict(run: &Run) -> &'static str {
    let verdicts = || run.judgements.iter().map(|judgement| &judgement.verdict);
    if verdicts().any(|verdict| matches!(verdict, Verdict::Violated(_))) {
        "violated"
    } else if verdicts().any(|verdict| matches!(verdict, Verdict::Unknown(_))) {
        "unknown"
    } else {
        "holds"
    }
}

/// What was expected, and whether it is so.
pub(super) fn expectation(expected: &str, met: &Met) -> Expected {
    match met {
        Met::Yes => Expected { text: format!("{expected}, as the scenario says"), met: true },
        Met::No(why) | Met::Undecided(why) => {
            Expected { text: format!("{expected}, but {why}"), met: false }
        }
    }
}

/// What to say of the scheduled and triggered rules that never fired.
pub(super) fn never_fired(rules: &[RuleReport]) -> Vec<String> {
    let idle = rules.iter().filter(|rule| !rule.random && rule.counts.fired == 0);
    idle.map(|rule| format!("the rule `{}` never fired: what it waits for did not happen", rule.id))
        .collect()
}

/// Runs again, in the same world and in a new one, recorded and only hashed.
fn verify(plan: &Plan, runner: &mut Runner<'_>, run: &Run) -> Result<(), String> {
    let prefixes = runner.simulation().trace().prefixes().to_vec();
    let stride = runner.simulation().trace().stride();
    let check = |runner: &mut Runner<'_>, how: &str| {
        let (hash, judgements) = runner.judge(run.seed);
        if hash == run.hash && judgements == run.judgements {
            return Ok(());
        }
        let again = runner.simulation().trace().prefixes();
        let same = prefixes.iter().zip(again).take_while(|(one, other)| one == other).count();
        let first = same as u64 * u64::from(stride);
        Err(format!(
            "run {how} gave another result: {hash:032x} instead of {:032x}; the first difference \
             lies in the {stride} events after #{first} (epoch {ENGINE_EPOCH})",
            run.hash
        ))
    };
    check(runner, "again in the same world")?;
    check(&mut plan.runner(), "in a new world")
}
