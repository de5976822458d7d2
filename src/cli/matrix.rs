//! `matrix`: every single fault at every event of a calm run, as a map of verdicts.
//!
//! ```text
//!   file ──▶ calm run ──▶ one run per fault ──▶ map · counts · cells that fall ──▶ exit code
//!                                     └ --cell ID -o FILE: the scenario of one of them
//! ```
//!
//! A property that the scenario expects to fall may fall in any cell and has to fall in one; one
//! that a time limit decides may fall, since faults here outlast all patience; any other violation
//! is a finding. A matrix in which nothing was put to the test decides nothing. Files are written
//! only when somebody names them.

use super::{Environment, Format, caught::caught, exit::Code, files::Loaded, run::path_and_value};
use crate::{
    base::{ids::Seed, text::diagnostic::suggest, time::Duration},
    engine::trace::Kind,
    report::{
        charts,
        heat_map::{self, HeatMap, Shade},
    },
    scenario::model::Expect,
    search::matrix::{self, Cell, Grade, Matrix, Order, Returns, TIMED, Verdict},
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, fmt::Write, path::PathBuf};

/// Arguments of `matrix`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// A scenario file: its protocol, links, workload and checks are used, its faults are not.
    #[arg(value_name = "SCENARIO")]
    path: PathBuf,

    /// How many operations clients ask for: the first ones of the workload.
    #[arg(short = 'k', long, value_name = "K", default_value = "2",
          value_parser = clap::value_parser!(u16).range(1..=1000))]
    operations: u16,

    /// The seed that draws the operations, and the coins of a protocol that tosses any.
    #[arg(long, short, default_value = "1")]
    seed: u64,

    /// Also crash each node so that it does not come back before the healing.
    #[arg(long)]
    forever: bool,

    /// Also run so many pairs of faults, drawn by the seed.
    #[arg(long, value_name = "N", default_value = "0",
          value_parser = clap::value_parser!(u64).range(..=1_000_000))]
    pairs: u64,

    /// Replace a part of the file before it is read: `protocol.presume=Commit`.
    #[arg(long = "set", value_name = "PATH=VALUE", value_parser = path_and_value)]
    sets: Vec<(String, String)>,

    /// Give the scenario of this cell instead of the map.
    #[arg(long, value_name = "ID")]
    cell: Option<String>,

    /// Where the scenario of the cell goes; to the terminal when left out.
    #[arg(long, short, value_name = "FILE", requires = "cell")]
    out: Option<PathBuf>,

    /// Draw the map into this file.
    #[arg(long, value_name = "FILE", conflicts_with = "cell")]
    svg: Option<PathBuf>,
}

/// Cells that only may-fall properties concern are listed up to here; the rest is counted.
const LISTED_MAX: usize = 12;

pub(super) fn matrix(environment: &Environment<'_>, arguments: &Arguments) -> Code {
    if arguments.path.is_dir() {
        let path = arguments.path.display();
        return environment.usage(&format!("{path} is a folder: a matrix is of one scenario"));
    }
    let loaded = match environment.load_all(std::slice::from_ref(&arguments.path), &arguments.sets)
    {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    let file = loaded.first().expect("one path, one file");
    let order = Order {
        registry: environment.registry,
        plan: &file.plan,
        seed: Seed(arguments.seed),
        operations: usize::from(arguments.operations),
        returns: if arguments.forever { Returns::LaterAndNever } else { Returns::Later },
        pairs: arguments.pairs,
        catch: &|function| caught(function),
    };
    match matrix::matrix(&order) {
        Ok(matrix) => Teller { environment, arguments, file, matrix: &matrix }.tell(),
        Err(trouble @ matrix::Trouble::Draft(_)) => {
            environment.complain(&format!("error: {trouble}\n"));
            Code::OurBug
        }
        Err(trouble @ matrix::Trouble::NoOperations) => {
            environment.complain(&format!("error: {}: {trouble}\n", arguments.path.display()));
            Code::NothingToRun
        }
        Err(trouble @ matrix::Trouble::Panic(_)) => {
            environment.complain(&format!("error: {}: {trouble}\n", arguments.path.display()));
            Code::NotAsExpected
        }
    }
}

struct Teller<'a> {
    environment: &'a Environment<'a>,
    arguments: &'a Arguments,
    file: &'a Loaded,
    matrix: &'a Matrix,
}

impl Teller<'_> {
    fn tell(&self) -> Code {
        if let Some(id) = &self.arguments.cell {
            return self.one(id);
        }
        if let Some(path) = &self.arguments.svg
            && let Err(error) = std::fs::write(path, charts::heat(&self.map()))
        {
            let path = path.display();
            return self.environment.usage(&format!("failed to write {path}: {error}"));
        }
        match self.environment.format {
            Format::Human => self.environment.print(&self.screen()),
            Format::Json => self.environment.print(&format!("{}\n", self.document())),
            Format::Jsonl => {
                let cells = self.matrix.all().map(|cell| format!("{}\n", self.object(cell)));
                self.environment.print(&cells.collect::<String>());
                self.environment.print(&format!("{}\n", self.summary()));
            }
        }
        self.code()
    }

    /// The scenario of one cell.
    fn one(&self, id: &str) -> Code {
        let Some(cell) = self.matrix.find(id) else {
            let ids = self.matrix.all().map(|cell| cell.id.as_str());
            let hint = suggest(id, ids).map_or_else(
                || "`--format jsonl` lists all cells".to_owned(),
                |like| format!("did you mean `{like}`?"),
            );
            return self.environment.usage(&format!("no cell is called `{id}`: {hint}"));
        };
        let text = self.matrix.scenario(cell);
        let Some(path) = &self.arguments.out else {
            self.environment.print(&text);
            return Code::AsExpected;
        };
        if let Err(error) = std::fs::write(path, text) {
            let path = path.display();
            return self.environment.usage(&format!("failed to write {path}: {error}"));
        }
        let path = path.display();
        self.environment.complain(&format!("wrote {path}; see it with: splitbrain run {path}\n"));
        Code::AsExpected
    }

    fn expect(&self) -> &Expect {
        &self.file.plan.expect
    }

    fn grade(&self, cell: &Cell) -> Grade {
        cell.verdict.grade(self.expect())
    }

    fn code(&self) -> Code {
        self.outcome().0
    }

    /// What the matrix exits with, and why.
    fn outcome(&self) -> (Code, String) {
        let falls = |property: &&str| self.matrix.all().any(|cell| fell(cell, property));
        let missing = self.expect().violations().into_iter().find(|property| !falls(property));
        let gravest = self.matrix.all().map(|cell| self.grade(cell)).max();
        match (gravest.unwrap_or(Grade::Untested), missing) {
            (Grade::Broken, _) => {
                (Code::NotAsExpected, "but a single fault breaks more than that".to_owned())
            }
            (Grade::Unknown, _) => {
                (Code::Inconclusive, "but a checker could not decide".to_owned())
            }
            (_, Some(property)) => {
                (Code::NotAsExpected, format!("but no single fault breaks {property}"))
            }
            (Grade::Untested, None) => {
                (Code::Inconclusive, "but nothing was put to the test".to_owned())
            }
            (Grade::Well | Grade::Allowed, None) => {
                let timed = TIMED.join(" and ");
                let why = format!("no single fault breaks more ({timed} are told, not judged)");
                (Code::AsExpected, why)
            }
        }
    }

    fn of_grade(&self, grade: Grade) -> Vec<&Cell> {
        self.matrix.all().filter(|cell| self.grade(cell) == grade).collect()
    }

    fn map(&self) -> HeatMap {
        let Matrix { columns, cells, .. } = self.matrix;
        let mut rows: Vec<heat_map::Row> = Vec::new();
        for cell in cells {
            let like = |row: &heat_map::Row| row.kind == cell.row.kind && row.of == cell.row.of;
            let column = columns.iter().position(|column| column.event == cell.column);
            let cell_at = (column.expect("a cell has a column"), shade(self.grade(cell)));
            if let Some(row) = rows.iter_mut().find(|row| like(row)) {
                row.cells.push(cell_at);
            } else {
                let (kind, of) = (cell.row.kind.to_owned(), cell.row.of.clone());
                rows.push(heat_map::Row { kind, of, cells: vec![cell_at] });
            }
        }
        let kinds: Vec<String> = rows.iter().map(|row| row.kind.clone()).collect();
        rows.sort_by_key(|row| {
            let kind = kinds.iter().position(|kind| *kind == row.kind);
            (kind, row.of.matches('+').count(), row.of.clone())
        });
        let broken = self.of_grade(Grade::Broken).len();
        HeatMap {
            title: format!(
                "{}: {} of {} single faults break a promise",
                self.file.plan.title,
                broken,
                cells.len()
            ),
            description: "Across, the events of a calm run in order; down, kinds of faults by the \
                          node they are done to; a shade for what came of each."
                .to_owned(),
            columns: columns.iter().map(|column| self.heading(column)).collect(),
            rows,
        }
    }

    fn heading(&self, column: &matrix::Column) -> heat_map::Column {
        let is_node = self.file.plan.catalog.find_node(&column.who).is_some();
        let place = column.who.chars().last().filter(|_| is_node).unwrap_or('*');
        heat_map::Column { what: letter(column.kind), place }
    }

    fn screen(&self) -> String {
        let (matrix, mut text) = (self.matrix, String::new());
        let (random, other) = matrix.left_out;
        let (cells, events) = (matrix.cells.len(), matrix.columns.len());
        _ = writeln!(text, "{}: every single fault at every event", self.file.plan.title);
        _ = writeln!(
            text,
            "\ncalm      {} operations, {events} events; links and disks take their median, nothing is lost",
            matrix.operations
        );
        if random + other > 0 {
            _ = writeln!(text, "left out  {} fault rules of the scenario", random + other);
        }
        let Matrix { slow, late, .. } = matrix;
        _ = writeln!(
            text,
            "faults    last {late}, longer than anyone waits; slow messages take {slow}, longer than the shortest timer\n"
        );
        text += &self.map().text();
        _ = writeln!(text, "\n  {}", HeatMap::legend());
        _ = writeln!(text, "  {WHATS}\n");
        let pairs = match matrix.pairs.len() {
            0 => String::new(),
            pairs => format!(" and {pairs} pairs"),
        };
        _ = writeln!(text, "cells     {cells} single faults{pairs}: {}", self.counts());
        if let Some((longest, cell)) = self.longest() {
            _ = writeln!(text, "in doubt  up to {longest}, in {}", cell.id);
        }
        self.list(&mut text);
        let shown = self.shown();
        if let Some(cell) = shown {
            let command = self.command(cell);
            _ = writeln!(text, "again     {command} -o cell.ron && splitbrain run cell.ron");
        }
        _ = writeln!(text, "{}", self.conclusion());
        text
    }

    /// A cell to show: one that breaks, or may.
    fn shown(&self) -> Option<&Cell> {
        let of = |grade| self.of_grade(grade).into_iter().next();
        of(Grade::Broken).or_else(|| of(Grade::Unknown)).or_else(|| of(Grade::Allowed))
    }

    fn longest(&self) -> Option<(Duration, &Cell)> {
        let judged = |property: &&str| *property == "no_blocking";
        let mut listed = self.file.plan.checks.iter().flat_map(|check| check.properties);
        listed.find(|property| judged(&property.name))?;
        let blocked = self.matrix.cells.iter().filter_map(|cell| Some((cell.blocked?, cell)));
        blocked.reduce(|longest, next| if next.0 > longest.0 { next } else { longest })
    }

    fn counts(&self) -> String {
        let words = |grade: Grade| {
            let cells = self.of_grade(grade).len() - usize::from(grade == self.calm_grade());
            (cells > 0).then(|| format!("{cells} {}", shade(grade).words()))
        };
        let grades = [Grade::Well, Grade::Broken, Grade::Allowed, Grade::Unknown, Grade::Untested];
        grades.into_iter().filter_map(words).collect::<Vec<_>>().join(", ")
    }

    fn calm_grade(&self) -> Grade {
        self.grade(&self.matrix.calm)
    }

    /// The cells in which something fell, the gravest first.
    fn list(&self, text: &mut String) {
        for (grade, title) in
            [(Grade::Broken, "violated"), (Grade::Unknown, "unknown"), (Grade::Allowed, "may fall")]
        {
            let cells = self.of_grade(grade);
            let most = if grade == Grade::Broken { usize::MAX } else { LISTED_MAX };
            let width = cells.iter().take(most).map(|cell| cell.id.len()).max().unwrap_or(0);
            for (place, cell) in cells.iter().take(most).enumerate() {
                let title = if place == 0 { title } else { "" };
                _ = writeln!(text, "{title:<8}  {:<width$}  {}", cell.id, told(cell));
            }
            if cells.len() > most {
                let more = cells.len() - most;
                _ = writeln!(text, "          and {more} more: `--format jsonl` lists all");
            }
        }
    }

    fn conclusion(&self) -> String {
        let (expected, (code, why)) = (self.expect().describe(), self.outcome());
        let mark = if code == Code::AsExpected { ':' } else { ',' };
        format!("expected  {expected}{mark} {why}")
    }

    /// The command that gives the scenario of a cell.
    fn command(&self, cell: &Cell) -> String {
        let Arguments { path, operations, seed, forever, pairs, sets, .. } = self.arguments;
        let mut command = format!("splitbrain matrix {}", path.display());
        if *operations != 2 {
            _ = write!(command, " -k {operations}");
        }
        if *seed != 1 {
            _ = write!(command, " --seed {seed}");
        }
        if *forever {
            command += " --forever";
        }
        if *pairs > 0 {
            _ = write!(command, " --pairs {pairs}");
        }
        for (path, value) in sets {
            let quoted = format!("{path}={value}").replace('\'', "'\\''");
            _ = write!(command, " --set '{quoted}'");
        }
        format!("{command} --cell '{}'", cell.id)
    }

    fn object(&self, cell: &Cell) -> Value {
        let violated = match &cell.verdict {
            Verdict::Violated(properties) => properties.clone(),
            _ => Vec::new(),
        };
        json!({
            "schema": "splitbrain.event/1",
            "type": "cell",
            "id": cell.id,
            "kind": cell.row.kind,
            "of": cell.row.of,
            "event": cell.column.0,
            "verdict": cell.verdict.word(),
            "violated": violated,
            "as_expected": self.grade(cell) < Grade::Unknown,
            "blocked_ns": cell.blocked.map(Duration::as_nanos),
            "hash": format!("{:032x}", cell.hash),
            "command": self.command(cell),
        })
    }

    fn summary(&self) -> Value {
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for cell in self.matrix.cells.iter().chain(&self.matrix.pairs) {
            *counts.entry(cell.verdict.word()).or_default() += 1;
        }
        let columns = self.matrix.columns.iter().map(|column| {
            json!({
                "event": column.event.0,
                "at_ns": column.at.as_nanos(),
                "who": column.who,
                "says": column.says,
            })
        });
        json!({
            "schema": "splitbrain.event/1",
            "type": "matrix",
            "scenario": self.arguments.path.display().to_string(),
            "seed": self.arguments.seed.to_string(),
            "sets": self.arguments.sets,
            "operations": self.matrix.operations,
            "slow_ns": self.matrix.slow.as_nanos(),
            "late_ns": self.matrix.late.as_nanos(),
            "left_out": { "random": self.matrix.left_out.0, "other": self.matrix.left_out.1 },
            "expect": self.expect().violations(),
            "counts": counts,
            "columns": columns.collect::<Vec<_>>(),
        })
    }

    fn document(&self) -> Value {
        let mut document = self.summary();
        let cells: Vec<Value> = self.matrix.all().map(|cell| self.object(cell)).collect();
        document["cells"] = Value::from(cells);
        document
    }
}

/// What the letters above the map mean.
const WHATS: &str = "B starts   a asks   s sends   h handles   f forces   d durable   w writes   p passes a step   t timer   r replies   * a client";

fn letter(kind: Kind) -> char {
    match kind {
        Kind::Boot => 'B',
        Kind::Invoke => 'a',
        Kind::Send => 's',
        Kind::Deliver => 'h',
        Kind::Force | Kind::Sync => 'f',
        Kind::Durable | Kind::Synced => 'd',
        Kind::Write | Kind::FileWrite => 'w',
        Kind::Step => 'p',
        Kind::Timer => 't',
        Kind::Reply => 'r',
        _ => 'o',
    }
}

fn shade(grade: Grade) -> Shade {
    match grade {
        Grade::Untested => Shade::Untested,
        Grade::Well => Shade::Well,
        Grade::Allowed => Shade::Allowed,
        Grade::Unknown => Shade::Unknown,
        Grade::Broken => Shade::Broken,
    }
}

/// Whether a property fell in a cell.
fn fell(cell: &Cell, property: &str) -> bool {
    match &cell.verdict {
        Verdict::Violated(properties) => properties.iter().any(|fallen| fallen == property),
        Verdict::Holds | Verdict::Unknown(_) | Verdict::NotExercised => false,
    }
}

/// What came of a cell, in words.
fn told(cell: &Cell) -> String {
    let what = match &cell.verdict {
        Verdict::Violated(properties) => properties.join(", "),
        Verdict::Unknown(why) => why.clone(),
        Verdict::Holds | Verdict::NotExercised => cell.verdict.word().to_owned(),
    };
    match cell.blocked {
        Some(blocked) if what.contains("no_blocking") => format!("{what} ({blocked} in doubt)"),
        _ => what,
    }
}
