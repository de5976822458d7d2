//! `sweep`: many seeds of each scenario; what fails, how often, and the seed to look at.
//!
//! ```text
//!   files × --vary ──▶ cases ──▶ seeds in blocks, over threads ──▶ one screen or lines per case
//!                                      └ Ctrl-C or --time-limit: what is complete so far
//! ```
//!
//! Everything that may depend on the machine is here: threads, the wall clock, signals, files. What
//! is printed does not, whatever `-j` says, unless the sweep was stopped by a clock or a user.

mod artifacts;
mod chosen;
mod memory;
mod page;
pub(super) mod vary;

use self::{chosen::Chosen, memory::Memory, vary::Vary};
use super::{
    Environment, Format,
    caught::caught,
    exit::Code,
    files::{Loaded, scenario_files},
    pipeline::{Kept, Suite, floors_are_known, line_of, of_seed, service::Partition},
    threads::{Deadline, INTERRUPTED, Threads, count, listen_to_interrupts},
};
use crate::{
    base::time::Duration,
    search::{
        floors::Floor,
        lines::{Line, block_lines},
        quarantine::Day,
        seeds::{Seeds, Slice},
        summary,
        sweep::{Ending, Halt, Head, Order, Swept, sweep as search},
        tally::Tally,
        verdict::{Verdict, verdict},
    },
};
use indicatif::{ProgressBar, ProgressDrawTarget};
use std::{io::IsTerminal, path::PathBuf};

/// Arguments of `sweep`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Scenario files, or folders of them.
    #[arg(required = true, value_name = "SCENARIO")]
    paths: Vec<PathBuf>,

    /// How many seeds; 1000 unless the profile says otherwise.
    #[arg(short, long = "count", value_name = "N")]
    n: Option<u64>,

    /// The first seed; 1 unless the profile says otherwise.
    #[arg(long, value_name = "SEED")]
    start: Option<u64>,

    /// Derive the first seed from a text, such as the commit: each has seeds of its own.
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["start", "seeds", "failed"])]
    rotate: Option<String>,

    /// These seeds: `3,17,100..200`.
    #[arg(long, value_name = "LIST", conflicts_with_all = ["n", "start"])]
    seeds: Option<Seeds>,

    /// The seeds that failed last time.
    #[arg(long, conflicts_with_all = ["n", "start", "seeds", "partition"])]
    failed: bool,

    /// Stop after so much time on the wall, shared out among scenarios and variants; what is
    /// complete by then counts.
    #[arg(long, value_name = "DURATION", conflicts_with = "partition")]
    time_limit: Option<Duration>,

    /// Stop after so many distinct failures that nobody expects.
    #[arg(long, value_name = "K", conflicts_with = "partition")]
    max_failures: Option<u64>,

    /// How many threads; one per core when left out.
    #[arg(short, long, value_name = "THREADS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,

    /// Replace a part of each file before it is read: `network.loss=5%`.
    #[arg(long = "set", value_name = "PATH=VALUE", value_parser = super::run::path_and_value)]
    sets: Vec<(String, String)>,

    /// Sweep each of these values: `network.loss=0%,5%`; more than one makes a grid.
    #[arg(long, value_name = "PATH=V1,V2", value_parser = vary::vary)]
    vary: Vec<Vary>,

    /// Only a part of the seeds, such as `slice:1/4`, or what the CI service says: `ci`; `merge`
    /// puts parts together.
    #[arg(long, value_name = "slice:M/N|ci", help_heading = "Pipelines")]
    partition: Option<Partition>,

    /// What this profile of the settings says, where the command line does not.
    #[arg(long, value_name = "NAME", help_heading = "Pipelines")]
    profile: Option<String>,

    /// The settings; `scenarios/splitbrain.ron` if it is there.
    #[arg(long, value_name = "FILE", help_heading = "Pipelines")]
    config: Option<PathBuf>,

    /// In how many seeds what is checked must have been put to the test, at least, in place of what
    /// the scenario says: `20`, `5%`, `durability=5%`, or a fault by its id, `window=50%`.
    #[arg(long, value_name = "FLOOR", value_delimiter = ',', help_heading = "Pipelines")]
    require_exercised: Vec<Floor>,

    /// Write a test report there.
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run", help_heading = "Pipelines")]
    junit: Option<PathBuf>,

    /// The day by which quarantines expire; today at Greenwich unless given.
    #[arg(long, value_name = "DAY", help_heading = "Pipelines")]
    today: Option<Day>,

    /// Shrink the smallest seed of every distinct failure that nobody expects.
    #[arg(long, conflicts_with_all = ["partition", "dry_run"])]
    shrink: bool,

    /// Keep a folder per distinct failure there: the shrunk scenario, its run and a picture.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["partition", "dry_run"])]
    artifacts: Option<PathBuf>,

    /// Write what was found as a page for a browser.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["partition", "dry_run"])]
    report: Option<PathBuf>,

    /// Say what would be run, and run nothing.
    #[arg(long)]
    dry_run: bool,

    /// Where it is remembered which seeds failed.
    #[arg(long, value_name = "FOLDER", default_value = "reports")]
    out: PathBuf,
}

/// One file with one variation.
struct Case {
    file: Loaded,
    head: Head,
}

pub(super) fn sweep(environment: &Environment<'_>, arguments: &Arguments) -> Code {
    let settled = Chosen::of(environment, arguments)
        .and_then(|chosen| Ok((cases(environment, arguments, &chosen)?, chosen)));
    let (cases, chosen) = match settled {
        Ok(settled) => settled,
        Err(code) => return code,
    };
    if arguments.dry_run {
        return dry_run(environment, &cases);
    }
    listen_to_interrupts();
    let session = Session {
        environment,
        arguments,
        failures_max: chosen.max_failures,
        seeds: page::seeds(&chosen.seeds),
        threads: Threads {
            count: count(chosen.threads),
            deadline: chosen.time_limit.map(deadline),
            // Who comes last has some time too, unless nobody has any.
            jobs_min: u64::from(chosen.time_limit.is_none_or(|limit| !limit.is_zero())),
            interrupted: &INTERRUPTED,
        },
    };
    session.sweep_all(&cases)
}

/// Every file with every variation, loaded, each with its seeds.
fn cases(
    environment: &Environment<'_>,
    arguments: &Arguments,
    chosen: &Chosen,
) -> Result<Vec<Case>, Code> {
    let usage = |reason: String| environment.usage(&reason);
    let grid = vary::grid(&arguments.vary, &arguments.sets).map_err(usage)?;
    let memory = Memory::load(&arguments.out);
    let mut cases = Vec::new();
    let files = scenario_files(&arguments.paths).map_err(usage)?;
    if files.is_empty() {
        environment.complain("there is no scenario (*.ron) here\n");
        return Err(Code::NothingToRun);
    }
    for path in files {
        for variation in &grid {
            let edits = [&arguments.sets[..], variation].concat();
            let loaded = environment.load_all(std::slice::from_ref(&path), &edits)?;
            for file in loaded {
                let scenario = file.path.display().to_string();
                let failed = memory.seeds(&scenario, &edits);
                let seeds = match (arguments.failed, failed.is_empty()) {
                    (false, _) => chosen.seeds.clone(),
                    (true, true) => continue,
                    (true, false) => Seeds::List(failed),
                };
                let head = Head {
                    sets: arguments.sets.clone(),
                    variation: variation.clone(),
                    floors: chosen.floors.clone(),
                    known: chosen.known(&file.path),
                    ..Head::new(&file.plan, scenario, seeds, chosen.slice)
                };
                cases.push(Case { file, head });
            }
        }
    }
    if cases.is_empty() {
        let folder = arguments.out.display();
        environment.complain(&format!(
            "nothing is known to have failed: {folder}/failed.json tells of no seeds of these scenarios\n"
        ));
        return Err(Code::NothingToRun);
    }
    let heads: Vec<&Head> = cases.iter().map(|case| &case.head).collect();
    floors_are_known(&heads, &chosen.floors).map_err(usage)?;
    Ok(cases)
}

fn deadline(limit: Duration) -> Deadline {
    Deadline::now() + std::time::Duration::from_nanos(limit.as_nanos())
}

fn dry_run(environment: &Environment<'_>, cases: &[Case]) -> Code {
    for Case { head, .. } in cases {
        let text = match environment.format {
            Format::Human => {
                let variation =
                    head.variation.iter().map(|(path, value)| format!(" {path}={value}"));
                let blocks = head.slice.blocks(head.seeds.blocks());
                format!(
                    "{}{}: seeds {}, {blocks} of {} blocks\n",
                    head.scenario,
                    variation.collect::<String>(),
                    head.seeds,
                    head.seeds.blocks()
                )
            }
            Format::Json | Format::Jsonl => Line::Header(Box::new(head.clone())).write(),
        };
        environment.print(&text);
    }
    Code::AsExpected
}

struct Session<'a> {
    environment: &'a Environment<'a>,
    arguments: &'a Arguments,
    failures_max: Option<u64>,
    /// All the seeds, as arguments.
    seeds: String,
    threads: Threads<'a>,
}

impl Session<'_> {
    fn sweep_all(&self, cases: &[Case]) -> Code {
        let mut code = Code::AsExpected;
        let mut objects = Vec::new();
        let mut suites = Vec::new();
        let mut memory = Memory::load(&self.arguments.out);
        let mut told = Vec::new();
        for (place, case) in cases.iter().enumerate() {
            let swept = self.sweep(case, cases.len() - place);
            if place > 0 && self.environment.format == Format::Human {
                self.environment.print("\n");
            }
            show(self.environment, &case.head, &swept, &mut objects);
            if case.head.slice == Slice::WHOLE {
                memory.learn(&case.head, &swept.failed);
            }
            code = code.or_graver(exit_code(&case.head, &swept));
            let mut kept = Kept::new();
            if self.arguments.report.is_some() {
                told.push(page::case(&case.head, &swept));
            }
            if self.arguments.shrink || self.arguments.artifacts.is_some() {
                code = code.or_graver(match self.shrink_all(case, &swept, &mut kept) {
                    Ok(()) => Code::AsExpected,
                    Err(error) => self.environment.usage(&error),
                });
            }
            suites.extend(self.told(case, &swept, &kept));
            if self.threads.halt() == Halt::Interrupted {
                code = code.or_graver(Code::Interrupted);
                break;
            }
        }
        if self.environment.format == Format::Json {
            self.environment.print(&format!("{}\n", serde_json::Value::from(objects)));
        }
        let published = self.environment.publish(&suites, self.arguments.junit.as_deref());
        let published = published.and_then(|()| self.write_page(&told));
        match published.and_then(|()| memory.save(&self.arguments.out)) {
            Ok(()) => code,
            Err(error) => code.or_graver(self.environment.usage(&error)),
        }
    }

    /// What the pipeline is told, if it wants to hear anything.
    fn told(&self, Case { file, head }: &Case, swept: &Swept, kept: &Kept) -> Option<Suite> {
        (self.arguments.junit.is_some() || self.environment.annotates).then(|| {
            let lines = |property: &str| line_of(&file.plan, property);
            let tell = |seed| of_seed(&file.plan, head, seed);
            Suite::of_sweep(head, swept, &lines, &tell, kept)
        })
    }

    /// Sweeps one of so many cases that are left, in its share of the time that is left.
    fn sweep(&self, Case { file, head }: &Case, left: usize) -> Swept {
        let threads = Threads { deadline: self.threads.share(left), ..self.threads };
        let lines = self.environment.format == Format::Jsonl;
        if lines {
            self.environment.print(&Line::Header(Box::new(head.clone())).write());
        }
        let mut progress = Progress::new(self.environment, head);
        let mut blocks = 0;
        let mut on_block = |block: u64, tally: &Tally| {
            blocks += 1;
            if lines {
                self.environment.print(&block_lines(block, tally));
            }
            progress.add(tally.seeds);
        };
        let order = Order {
            plan: &file.plan,
            seeds: &head.seeds,
            slice: head.slice,
            failures_max: self.failures_max,
            known: &head.known,
            catch: &|function| caught(function),
        };
        let swept = search(&order, &threads, &mut on_block);
        progress.bar.finish_and_clear();
        if lines {
            self.environment.print(&end_line(&swept, blocks));
        }
        swept
    }
}

/// The last line of a sweep.
pub(super) fn end_line(swept: &Swept, blocks: u64) -> String {
    Line::End { ending: swept.ending, blocks, counts: swept.tally.clone() }.write()
}

/// Shows what came of a sweep, or keeps it for the one document of `--format json`.
pub(super) fn show(
    environment: &Environment<'_>,
    head: &Head,
    swept: &Swept,
    objects: &mut Vec<serde_json::Value>,
) {
    match environment.format {
        Format::Human => environment.print(&summary::screen(head, swept)),
        Format::Json => objects.push(summary::object(head, swept)),
        Format::Jsonl => {}
    }
}

/// What a sweep exits with.
pub(super) fn exit_code(head: &Head, swept: &Swept) -> Code {
    let code = match verdict(head, swept) {
        Verdict::AsExpected => Code::AsExpected,
        Verdict::NotAsExpected(_) => Code::NotAsExpected,
        Verdict::Undecided(_) => Code::Inconclusive,
        Verdict::Diverged(_) => Code::Diverged,
        Verdict::OurBug(_) => Code::OurBug,
    };
    match swept.ending {
        Ending::Interrupted => code.or_graver(Code::Interrupted),
        Ending::Complete | Ending::FailuresMax | Ending::TimeLimit => code,
    }
}

/// A bar on a terminal, elsewhere a line for every tenth of a long sweep.
struct Progress<'a> {
    environment: &'a Environment<'a>,
    bar: ProgressBar,
    name: String,
    done: u64,
    all: u64,
}

/// Sweeps shorter than this tell nothing on the way.
const LONG: u64 = 10_000;

impl<'a> Progress<'a> {
    fn new(environment: &'a Environment<'a>, head: &Head) -> Self {
        let all = head.seeds.count() / head.slice.of;
        let bar = ProgressBar::with_draw_target(Some(all), ProgressDrawTarget::stderr());
        Self { environment, bar, name: head.scenario.clone(), done: 0, all }
    }

    fn add(&mut self, seeds: u64) {
        self.bar.inc(seeds);
        let tenth = |done: u64| done * 10 / self.all.max(1);
        let before = tenth(self.done);
        self.done += seeds;
        if LONG <= self.all && !std::io::stderr().is_terminal() && before < tenth(self.done) {
            let Self { name, done, all, .. } = self;
            self.environment.complain(&format!("{name}: {done} of {all} seeds\n"));
        }
    }
}
