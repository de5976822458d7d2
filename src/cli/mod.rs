//! The command line: one file per subcommand, and the only place for arguments, files, threads.
//!
//! ```text
//!   main_with(registry) ── run · sweep · study · explore · shrink · why · replay · check · … ──▶ exit code
//!   stdout: results        stderr: progress and diagnostics
//! ```
//!
//! A protocol from another crate gets all of this by calling [`main_with`] with a registry of its
//! own. Results go to stdout and nothing else does, so that `--format json > file` is clean.
//! Wall-clock times are never printed: equal runs print equal bytes.
//!
//! The exit code is the answer, whoever reads the rest: when a reader closes the pipe, nothing more
//! is printed, and the work goes on to its end. Ending there was rejected: `sweep … | head` was
//! green whatever it found. A panic that nobody caught is a bug of ours and exits with 70.

mod ablate;
mod address;
mod caught;
mod check;
mod completions;
mod diff;
mod exercise;
mod explain;
mod explore;
mod files;
mod judge;
mod list;
mod matrix;
mod merge;
mod new;
mod parting;
mod pipeline;
mod replay;
mod report;
mod run;
mod shrink;
mod study;
mod sweep;
mod threads;
mod why;

// Exit codes, documented.
pub mod exit;

use crate::scenario::registry::Registry;
use clap::{Parser, Subcommand, ValueEnum};
use std::{
    ffi::OsString,
    io::ErrorKind,
    process::ExitCode,
    sync::atomic::{AtomicBool, Ordering},
};

/// A deterministic simulator of distributed systems: every bug is an address, scenario@seed.
#[derive(Debug, Parser)]
#[command(name = "splitbrain", version, max_term_width = 100, after_help = exit::TABLE)]
struct Arguments {
    #[command(subcommand)]
    command: Command,

    /// How results are written.
    #[arg(long, short = 'f', global = true, default_value = "human", help_heading = "Output")]
    format: Written,

    /// When to use colours.
    #[arg(long, global = true, default_value = "auto", help_heading = "Output")]
    color: clap::ColorChoice,
}

/// How results are written, as somebody asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Written {
    /// For reading.
    Human,
    /// One JSON document.
    Json,
    /// One JSON object per line.
    Jsonl,
    /// For reading, with annotations and a summary for GitHub Actions (run, sweep and merge).
    Github,
}

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// For reading.
    Human,
    /// One JSON document.
    Json,
    /// One JSON object per line.
    Jsonl,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run one seed of each scenario and say what happened.
    Run(run::Arguments),
    /// Go through every order, loss and crash within budgets.
    Explore(explore::Arguments),
    /// Run many seeds of each scenario and say what fails, how often and in which seed.
    Sweep(Box<sweep::Arguments>),
    /// Measure a grid of settings over many seeds, and draw it beside closed forms.
    Study(study::Arguments),
    /// Put the parts of a sweep together that were run apart.
    Merge(merge::Arguments),
    /// Leave each load-bearing step out, and see what falls, how soon and how often.
    Ablate(ablate::Arguments),
    /// Do every single fault at every event of a calm run, one run each.
    Matrix(matrix::Arguments),
    /// Reduce a failing run to the few things that it needs, and write them as a scenario.
    Shrink(shrink::Arguments),
    /// Change one thing of a failing run after the other: what does the failure need?
    Why(why::Arguments),
    /// Run a run again: is it the same, to the last bit?
    Replay(replay::Arguments),
    /// Write a run as one page for a browser, to look at, keep and pass on.
    Report(report::Arguments),
    /// Compare two runs: where they part, and what differs in the end.
    Diff(diff::Arguments),
    /// Judge a recorded history: linearizability, session guarantees, staleness.
    Judge(judge::Arguments),
    /// Look for mistakes in scenario files without showing a run.
    Check(check::Arguments),
    /// List scenarios, protocols, workloads, checks or mistakes.
    List(list::Arguments),
    /// Explain a protocol, a step, a check, a property, a fault, or a mistake's code.
    Explain(explain::Arguments),
    /// Learn by exercises that check themselves; grade and audit them.
    Exercise(exercise::Arguments),
    /// Write a commented starter.
    New(new::Arguments),
    /// Write a completion script for a shell.
    Completions(completions::Arguments),
}

/// What every subcommand needs.
struct Environment<'a> {
    registry: &'a Registry,
    format: Format,
    /// A pipeline of GitHub Actions hears of failures.
    annotates: bool,
    colour: clap::ColorChoice,
    /// Nobody reads results any more, or they cannot be written.
    is_mute: AtomicBool,
    /// Results could not be written, and somebody wants them.
    is_torn: AtomicBool,
}

/// Runs the command line with a registry, and gives the code to exit with: the whole `main` of a
/// program that adds protocols, checks or workloads of its own.
///
/// Arguments come from the process. Results go to stdout, progress and mistakes to stderr, files to
/// where the arguments say. A mistake of the user or a panic of a protocol is told and becomes a
/// [code](exit::Code); nothing is thrown.
pub fn main_with(registry: &Registry) -> ExitCode {
    call(registry, std::env::args_os()).into()
}

/// The same with arguments of the caller, the name of the program first: for tests of a program
/// like that.
pub fn call(registry: &Registry, arguments: impl IntoIterator<Item = OsString>) -> exit::Code {
    let Arguments { command, format, color } = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            let code = if error.use_stderr() { exit::Code::Usage } else { exit::Code::AsExpected };
            // A closed pipe while printing help is nobody's mistake.
            _ = error.print();
            return code;
        }
    };
    let (is_mute, is_torn) = (AtomicBool::new(false), AtomicBool::new(false));
    let annotates = format == Written::Github;
    let format = match format {
        Written::Human | Written::Github => Format::Human,
        Written::Json => Format::Json,
        Written::Jsonl => Format::Jsonl,
    };
    let environment = Environment { registry, format, annotates, colour: color, is_mute, is_torn };
    environment.choose_colour();
    let code = match caught::caught(|| obey(&environment, command)) {
        Ok(code) => code,
        Err(panic) => environment.our_bug(&panic),
    };
    if environment.is_torn.load(Ordering::Relaxed) {
        return code.or_graver(exit::Code::Usage);
    }
    code
}

fn obey(environment: &Environment<'_>, command: Command) -> exit::Code {
    match command {
        Command::Run(arguments) => run::run(environment, &arguments),
        Command::Explore(arguments) => explore::explore(environment, &arguments),
        Command::Sweep(arguments) => sweep::sweep(environment, &arguments),
        Command::Study(arguments) => study::study(environment, &arguments),
        Command::Merge(arguments) => merge::merge(environment, &arguments),
        Command::Ablate(arguments) => ablate::ablate(environment, &arguments),
        Command::Matrix(arguments) => matrix::matrix(environment, &arguments),
        Command::Shrink(arguments) => shrink::shrink(environment, &arguments),
        Command::Why(arguments) => why::why(environment, &arguments),
        Command::Replay(arguments) => replay::replay(environment, &arguments),
        Command::Report(arguments) => report::report(environment, &arguments),
        Command::Diff(arguments) => diff::diff(environment, &arguments),
        Command::Judge(arguments) => judge::judge(environment, &arguments),
        Command::Check(arguments) => check::check(environment, &arguments),
        Command::List(arguments) => list::list(environment, &arguments),
        Command::Explain(arguments) => explain::explain(environment, &arguments),
        Command::Exercise(arguments) => exercise::exercise(environment, &arguments),
        Command::New(arguments) => new::new(environment, &arguments),
        Command::Completions(arguments) => completions::completions(environment, &arguments),
    }
}

impl Environment<'_> {
    fn choose_colour(&self) {
        let choice = match self.colour {
            clap::ColorChoice::Auto => anstream::ColorChoice::Auto,
            clap::ColorChoice::Always => anstream::ColorChoice::Always,
            clap::ColorChoice::Never => anstream::ColorChoice::Never,
        };
        choice.write_global();
    }

    /// Writes a result to stdout, unless a reader who has seen enough has closed the pipe.
    fn print(&self, text: &str) {
        use std::io::Write;
        if self.is_mute.load(Ordering::Relaxed) {
            return;
        }
        let mut stdout = anstream::stdout();
        let Err(error) = write!(stdout, "{text}").and_then(|()| stdout.flush()) else { return };
        self.is_mute.store(true, Ordering::Relaxed);
        if error.kind() != ErrorKind::BrokenPipe {
            self.is_torn.store(true, Ordering::Relaxed);
            self.complain(&format!("error: failed to write results: {error}\n"));
        }
    }

    /// Says that splitbrain is wrong, and what to do about it.
    fn our_bug(&self, panic: &str) -> exit::Code {
        let version = env!("CARGO_PKG_VERSION");
        self.complain(&format!(
            "error: {panic}\nthis is a bug in splitbrain {version}, not in your scenario: please report it \
             with these lines, the command and the scenario\n"
        ));
        exit::Code::OurBug
    }

    /// Writes a diagnostic to stderr.
    #[expect(clippy::unused_self, reason = "all output goes through the environment")]
    fn complain(&self, text: &str) {
        use std::io::Write;
        _ = write!(anstream::stderr(), "{text}");
    }
}
