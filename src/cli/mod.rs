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

mod ablate;
mod address;
mod caught;
mod check;
mod completions;
mod diff;
mod explain;
mod explore;
mod files;
mod judge;
mod list;
mod matrix;
mod merge;
mod new;
mod parting;
mod replay;
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
use std::process::ExitCode;

/// A deterministic simulator of distributed systems: every bug is an address, scenario@seed.
#[derive(Debug, Parser)]
#[command(name = "splitbrain", version, max_term_width = 100, after_help = exit::TABLE)]
struct Arguments {
    #[command(subcommand)]
    command: Command,

    /// How results are written.
    #[arg(long, short = 'f', global = true, default_value = "human", help_heading = "Output")]
    format: Format,

    /// When to use colours.
    #[arg(long, global = true, default_value = "auto", help_heading = "Output")]
    color: clap::ColorChoice,
}

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
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
    /// Write a commented starter.
    New(new::Arguments),
    /// Write a completion script for a shell.
    Completions(completions::Arguments),
}

/// What every subcommand needs.
struct Environment<'a> {
    registry: &'a Registry,
    format: Format,
    colour: clap::ColorChoice,
}

/// Runs the command line with a registry, and gives the code to exit with.
pub fn main_with(registry: &Registry) -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let code = if error.use_stderr() { exit::Code::Usage } else { exit::Code::AsExpected };
            // A closed pipe while printing help is nobody's mistake.
            _ = error.print();
            return code.into();
        }
    };
    let environment = Environment { registry, format: arguments.format, colour: arguments.color };
    environment.choose_colour();
    let code = match arguments.command {
        Command::Run(arguments) => run::run(&environment, &arguments),
        Command::Explore(arguments) => explore::explore(&environment, &arguments),
        Command::Sweep(arguments) => sweep::sweep(&environment, &arguments),
        Command::Study(arguments) => study::study(&environment, &arguments),
        Command::Merge(arguments) => merge::merge(&environment, &arguments),
        Command::Ablate(arguments) => ablate::ablate(&environment, &arguments),
        Command::Matrix(arguments) => matrix::matrix(&environment, &arguments),
        Command::Shrink(arguments) => shrink::shrink(&environment, &arguments),
        Command::Why(arguments) => why::why(&environment, &arguments),
        Command::Replay(arguments) => replay::replay(&environment, &arguments),
        Command::Diff(arguments) => diff::diff(&environment, &arguments),
        Command::Judge(arguments) => judge::judge(&environment, &arguments),
        Command::Check(arguments) => check::check(&environment, &arguments),
        Command::List(arguments) => list::list(&environment, &arguments),
        Command::Explain(arguments) => explain::explain(&environment, &arguments),
        Command::New(arguments) => new::new(&environment, &arguments),
        Command::Completions(arguments) => completions::completions(&environment, &arguments),
    };
    code.into()
}

#[expect(clippy::unused_self, reason = "all output goes through the environment")]
impl Environment<'_> {
    fn choose_colour(&self) {
        let choice = match self.colour {
            clap::ColorChoice::Auto => anstream::ColorChoice::Auto,
            clap::ColorChoice::Always => anstream::ColorChoice::Always,
            clap::ColorChoice::Never => anstream::ColorChoice::Never,
        };
        choice.write_global();
    }

    /// Writes a result to stdout. A reader who has seen enough and closed the pipe ends us quietly.
    fn print(&self, text: &str) {
        use std::io::Write;
        if write!(anstream::stdout(), "{text}").is_err() {
            std::process::exit(0);
        }
    }

    /// Writes a diagnostic to stderr.
    fn complain(&self, text: &str) {
        use std::io::Write;
        _ = write!(anstream::stderr(), "{text}");
    }
}
