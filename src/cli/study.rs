//! `study`: a grid of settings × seeds, told as a table and as charts, and kept cell by cell.
//!
//! ```text
//!   study.ron ──▶ cells ── not kept yet? ──threads──▶ cells.jsonl, a line per complete cell
//!                   └──────── kept ──────────┐            │
//!   stdout: the table   DIR/table.csv, chart.svg, README.md ◀┘    Ctrl-C: what is kept stays kept
//! ```
//!
//! What is written depends on the study and not on threads, interruptions or paths: a study that
//! was stopped and taken up again gives the bytes of one that was not. A kept cell is believed only
//! when its key fits (text, metrics, seeds, epochs) and its first seed still gives the same run, so
//! that a changed protocol is measured anew.

mod kept;

use self::kept::{Kept, write_whole};
use super::{
    Environment, Format,
    caught::caught,
    exit::Code,
    threads::{INTERRUPTED, Threads, count, listen_to_interrupts},
};
use crate::{
    scenario::load::LoadError,
    search::{summary::command, sweep::Halt},
    study::{
        file::{Base, Study, load},
        grid::{Cell, cells},
        picture::pictures,
        run::{Measured, Order, Trouble, run},
        table::Told,
    },
};
use indicatif::{ProgressBar, ProgressDrawTarget};
use std::{
    io::IsTerminal,
    path::{Path, PathBuf},
};

/// Arguments of `study`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The study file.
    #[arg(value_name = "STUDY")]
    path: PathBuf,

    /// How many seeds each cell runs, instead of what the file says.
    #[arg(short, long = "count", value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    n: Option<u64>,

    /// The first seed.
    #[arg(long, value_name = "SEED", default_value = "1")]
    start: u64,

    /// How many threads; one per core when left out.
    #[arg(short, long, value_name = "THREADS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,

    /// Measure every cell anew, whatever is kept of it.
    #[arg(long)]
    fresh: bool,

    /// Print the table as comma-separated values.
    #[arg(long)]
    csv: bool,

    /// Where the table, the charts and the complete cells go: reports/studies/NAME when left out.
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

pub(super) fn study(environment: &Environment<'_>, arguments: &Arguments) -> Code {
    match Session::new(environment, arguments) {
        Ok(session) => session.study(),
        Err(code) => code,
    }
}

struct Session<'a> {
    environment: &'a Environment<'a>,
    arguments: &'a Arguments,
    study: Study,
    cells: Vec<Cell>,
    /// The scenario file, if the study names one.
    scenario: Option<PathBuf>,
    first: u64,
    seeds: u64,
    out: PathBuf,
}

impl<'a> Session<'a> {
    /// Reads the study and loads every cell; shows all mistakes.
    fn new(environment: &'a Environment<'a>, arguments: &'a Arguments) -> Result<Self, Code> {
        let path = &arguments.path;
        let text = read(environment, path)?;
        let shown = |name: &Path, text: &str, mistakes| {
            let error = LoadError { text: text.to_owned(), mistakes };
            environment.refuse(&name.display().to_string(), &error)
        };
        let study = load(&text).map_err(|mistakes| shown(path, &text, mistakes))?;
        let scenario = match &study.base {
            Base::File { path: named, .. } => Some(path.with_file_name(named)),
            Base::Inline(_) => None,
        };
        let base = scenario.as_ref().map(|scenario| read(environment, scenario)).transpose()?;
        let name = stem(scenario.as_ref().unwrap_or(path));
        let cells = cells(environment.registry, &study, &name, base.as_deref());
        let cells = cells.map_err(|wrong| match wrong.scenario {
            None => shown(path, &text, wrong.mistakes),
            Some(text) => shown(scenario.as_ref().unwrap_or(path), &text, wrong.mistakes),
        })?;
        let (first, seeds) = (arguments.start, arguments.n.unwrap_or(study.seeds));
        if first.checked_add(seeds - 1).is_none() {
            let message = format!("{seeds} seeds from {first} on go beyond {}", u64::MAX);
            return Err(environment.usage(&message));
        }
        let folder = || Path::new("reports/studies").join(stem(path));
        let out = arguments.out.clone().unwrap_or_else(folder);
        Ok(Self { environment, arguments, study, cells, scenario, first, seeds, out })
    }

    fn study(&self) -> Code {
        let measured = match self.measured() {
            Ok(measured) => measured,
            Err(code) => return code,
        };
        let told = Told {
            study: &self.study,
            cells: &self.cells,
            measured: &measured,
            first: self.first,
            seeds: self.seeds,
        };
        self.show(&told);
        match self.write(&told) {
            Ok(()) => Code::AsExpected,
            Err(error) => self.environment.usage(&error),
        }
    }

    /// Every cell's numbers, kept ones or new ones.
    fn measured(&self) -> Result<Vec<Measured>, Code> {
        let keys = self.cells.iter().map(|cell| cell.key(&self.study, self.first, self.seeds));
        let keys: Vec<String> = keys.collect();
        let opened = Kept::open(&self.out, self.arguments.fresh);
        let mut kept = opened.map_err(|error| self.environment.usage(&error))?;
        let mut all: Vec<Option<Measured>> = keys.iter().map(|key| kept.get(key)).collect();
        self.doubt(&mut all);
        let wanted: Vec<usize> = (0..all.len()).filter(|cell| all[*cell].is_none()).collect();
        let order = self.order(&wanted);
        let mut progress = Progress::new(self.environment, order.jobs());
        let mut failed = None;
        let mut on_cell = |cell: usize, measured: Measured| {
            if let Err(error) = kept.keep(&keys[cell], &measured) {
                failed = Some(error);
            }
            all[cell] = Some(measured);
        };
        listen_to_interrupts();
        let threads = Threads {
            count: count(self.arguments.jobs),
            deadline: None,
            jobs_min: 0,
            interrupted: &INTERRUPTED,
        };
        let halt = run(&order, &threads, &mut on_cell, &mut || progress.add());
        progress.bar.finish_and_clear();
        if let Some(error) = failed {
            return Err(self.environment.usage(&error));
        }
        let halt = halt.map_err(|trouble| self.tell(&trouble))?;
        let complete = all.iter().flatten().count();
        if halt != Halt::Done {
            let (all, out) = (all.len(), self.out.display());
            self.environment.complain(&format!(
                "interrupted: {complete} of {all} cells are complete and kept in {out}; \
                 the same command goes on from there\n"
            ));
            return Err(Code::Interrupted);
        }
        Ok(all.into_iter().map(|cell| cell.expect("all cells are done")).collect())
    }

    fn order<'s>(&'s self, wanted: &'s [usize]) -> Order<'s> {
        Order {
            study: &self.study,
            cells: &self.cells,
            wanted,
            first: self.first,
            seeds: self.seeds,
            catch: &|function| caught(function),
        }
    }

    /// Forgets kept cells whose first seed runs otherwise by now.
    fn doubt(&self, all: &mut [Option<Measured>]) {
        let order = self.order(&[]);
        for (cell, kept) in all.iter_mut().enumerate() {
            let stale =
                kept.as_ref().is_some_and(|kept| order.first_hash(cell) != Some(kept.first_hash));
            if stale {
                *kept = None;
                let message =
                    format!("cell {}: its runs have changed, so it is measured anew\n", cell + 1);
                self.environment.complain(&message);
            }
        }
    }

    /// Tells of a run that came to no end.
    fn tell(&self, Trouble { cell, seed, what }: &Trouble) -> Code {
        let what = what.replace('\n', " ");
        let scenario = match &self.scenario {
            Some(path) => path.display().to_string(),
            None => "the scenario in the study".to_owned(),
        };
        let command = command(&scenario, *seed, &self.cells[*cell].edits);
        self.environment.complain(&format!(
            "a study rests on runs that end, and one did not: {what}\n  {command}\n"
        ));
        Code::NotAsExpected
    }

    fn show(&self, told: &Told<'_>) {
        let text = match self.environment.format {
            _ if self.arguments.csv => told.csv(),
            Format::Human => told.screen(),
            Format::Json => format!("{}\n", told.document()),
            Format::Jsonl => told.objects().iter().map(|object| format!("{object}\n")).collect(),
        };
        self.environment.print(&text);
    }

    fn write(&self, told: &Told<'_>) -> Result<(), String> {
        let mut files =
            vec![("table.csv".to_owned(), told.csv()), ("README.md".to_owned(), told.caption())];
        for (nth, picture) in pictures(told).into_iter().enumerate() {
            let name = if nth == 0 { "chart.svg".into() } else { format!("chart-{}.svg", nth + 1) };
            files.push((name, picture));
        }
        for (name, text) in &files {
            write_whole(&self.out.join(name), text)?;
        }
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        let out = self.out.display();
        self.environment.complain(&format!("wrote {} to {out}\n", names.join(", ")));
        Ok(())
    }
}

fn read(environment: &Environment<'_>, path: &Path) -> Result<String, Code> {
    std::fs::read_to_string(path)
        .map_err(|error| environment.usage(&format!("failed to read {}: {error}", path.display())))
}

fn stem(path: &Path) -> String {
    path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned())
}

/// A bar on a terminal, elsewhere a line for every tenth of a long study.
struct Progress<'a> {
    environment: &'a Environment<'a>,
    bar: ProgressBar,
    done: u64,
    all: u64,
}

/// Studies of fewer blocks tell nothing on the way.
const LONG: u64 = 1_000;

impl<'a> Progress<'a> {
    fn new(environment: &'a Environment<'a>, all: u64) -> Self {
        let bar = ProgressBar::with_draw_target(Some(all), ProgressDrawTarget::stderr());
        Self { environment, bar, done: 0, all }
    }

    fn add(&mut self) {
        self.bar.inc(1);
        let before = self.done * 10 / self.all;
        self.done += 1;
        let now = self.done * 10 / self.all;
        if LONG <= self.all && before < now && !std::io::stderr().is_terminal() {
            self.environment.complain(&format!("{now}0 % of the study\n"));
        }
    }
}
