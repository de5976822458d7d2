//! `ablate`: leave each load-bearing step out, and see which property falls, how soon, how often.
//!
//! ```text
//!   two_phase_commit ──▶ scenarios/two_phase_commit/*.ron in which all holds, the swarm first
//!   files            ──▶ themselves
//!        × --vary    ──▶ one table each: step · property · share of seeds · seeds to a find
//! ```
//!
//! A step that nobody misses fails the command, and so does a scenario in which something falls
//! with every step in place. A step that a variant does without is shown as such; only when all
//! scenarios of a protocol are there as they are, each step has to be passed in one of them.

use super::{
    Environment, Format,
    caught::caught,
    exit::Code,
    files::scenario_files,
    run::path_and_value,
    sweep::vary::{self, Set, Vary},
    threads::Threads,
};
use crate::{
    base::{ids::Seed, text::diagnostic::suggest},
    engine::runner::Runnable,
    scenario::{
        load::{edit, load},
        model::Expect,
        plan::Plan,
        write::Size,
    },
    search::ablate::{
        Ablated, Order, Outcome, Place, ablate as search, shrunk,
        table::{self, Absent, Head, Verdict},
    },
    search::shrink::Tools,
};
use std::{
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

/// Arguments of `ablate`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// A protocol, such as `two_phase_commit`, for all its scenarios; or scenario files.
    #[arg(required = true, value_name = "PROTOCOL|SCENARIO")]
    targets: Vec<String>,

    /// How many seeds for each step and scenario.
    #[arg(short, long = "count", value_name = "N", default_value = "500",
          value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    n: u64,

    /// The first seed.
    #[arg(long, value_name = "SEED", default_value = "1")]
    start: u64,

    /// Only this step; may be given more than once.
    #[arg(long = "step", value_name = "NAME")]
    steps: Vec<String>,

    /// How many threads; one per core when left out.
    #[arg(short, long, value_name = "THREADS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,

    /// Replace a part of each file before it is read: `protocol.presume=Commit`.
    #[arg(long = "set", value_name = "PATH=VALUE", value_parser = path_and_value)]
    sets: Vec<(String, String)>,

    /// A table for each of these values: `protocol.presume=Abort,Commit`.
    #[arg(long, value_name = "PATH=V1,V2", value_parser = vary::vary)]
    vary: Vec<Vary>,

    /// Also shrink the first find of each step, and say how little it needs.
    #[arg(long)]
    shrink: bool,

    /// Write the tables as Markdown, for a book.
    #[arg(long, conflicts_with = "format")]
    markdown: bool,
}

/// A shrink of one find may take so many runs.
const SHRINK_RUNS_MAX: u32 = 2_000;
/// Where the scenarios of protocols are.
const SCENARIOS: &str = "scenarios";

/// What is to be ablated.
struct Target {
    files: Vec<PathBuf>,
    /// Whether these are all scenarios of a protocol, so that those which do not fit are skipped.
    protocol: Option<&'static str>,
}

pub(super) fn ablate(environment: &Environment<'_>, arguments: &Arguments) -> Code {
    match cases(environment, arguments) {
        Ok(cases) => tell(environment, arguments, &cases),
        Err(code) => code,
    }
}

/// The scenarios of one variant, and which steps to leave out.
struct Case {
    edits: Vec<Set>,
    places: Vec<Place>,
    left_out: Vec<String>,
    steps: Vec<usize>,
    absent: Absent,
}

/// Loads everything before anything is run.
fn cases(environment: &Environment<'_>, arguments: &Arguments) -> Result<Vec<Case>, Code> {
    let usage = |reason: String| environment.usage(&reason);
    if arguments.start.checked_add(arguments.n).is_none() {
        return Err(usage("there are no such seeds: --start and -n go beyond 2^64".to_owned()));
    }
    let target = target(environment, &arguments.targets).map_err(usage)?;
    let grid = vary::grid(&arguments.vary, &arguments.sets).map_err(usage)?;
    let mut cases = Vec::new();
    for variation in &grid {
        let edits = [&arguments.sets[..], variation].concat();
        cases.push(case(environment, arguments, &target, edits)?);
    }
    Ok(cases)
}

fn case(
    environment: &Environment<'_>,
    arguments: &Arguments,
    target: &Target,
    edits: Vec<Set>,
) -> Result<Case, Code> {
    let (places, left_out) = match target.protocol {
        Some(name) => scenarios_of(environment, name, &target.files, &edits)?,
        None => (as_given(environment, &target.files, &edits)?, Vec::new()),
    };
    let Some(first) = places.first() else {
        environment.complain("no scenario of this protocol expects that everything holds\n");
        return Err(Code::NothingToRun);
    };
    let steps = steps(&first.plan, &arguments.steps).map_err(|error| environment.usage(&error))?;
    let whole = target.protocol.is_some() && edits.is_empty();
    let absent = if whole { Absent::Missed } else { Absent::Allowed };
    Ok(Case { edits, places, left_out, steps, absent })
}

/// What the arguments name: one protocol, or files.
fn target(environment: &Environment<'_>, targets: &[String]) -> Result<Target, String> {
    let known = || environment.registry.protocols().map(Runnable::name);
    let is_meant = |given: &str, name: &str| given == name || given == snake_case(name);
    let protocol = known().find(|name| is_meant(&targets[0], name));
    if let Some(name) = protocol {
        if targets.len() > 1 {
            return Err("a protocol stands alone: its scenarios are found by its name".to_owned());
        }
        let folder = Path::new(SCENARIOS).join(snake_case(name));
        let files = scenario_files(std::slice::from_ref(&folder))
            .map_err(|error| format!("the scenarios of {name} are looked up here: {error}"))?;
        return Ok(Target { files: swarm_first(files), protocol });
    }
    let looks_like_a_name = !targets[0].contains(['/', '.']);
    if looks_like_a_name && !Path::new(&targets[0]).exists() {
        let names: Vec<String> = known().map(snake_case).collect();
        let hint = suggest(&targets[0], names.iter().map(String::as_str)).map_or_else(
            || format!("protocols: {}", names.join(", ")),
            |like| format!("did you mean `{like}`?"),
        );
        return Err(format!("`{}` is neither a protocol nor a file: {hint}", targets[0]));
    }
    let paths: Vec<PathBuf> = targets.iter().map(PathBuf::from).collect();
    Ok(Target { files: scenario_files(&paths)?, protocol: None })
}

/// `TwoPhaseCommit` as its file is called.
fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for (place, letter) in name.chars().enumerate() {
        if letter.is_uppercase() && place > 0 {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

/// The swarm finds most; the others in the order of their names.
fn swarm_first(mut files: Vec<PathBuf>) -> Vec<PathBuf> {
    files.sort_by_key(|path| path.file_stem().is_none_or(|stem| stem != "swarm"));
    files
}

/// The scenarios of a protocol in which all is to hold, and those that cannot be read with edits.
fn scenarios_of(
    environment: &Environment<'_>,
    protocol: &str,
    files: &[PathBuf],
    edits: &[Set],
) -> Result<(Vec<Place>, Vec<String>), Code> {
    let (mut places, mut left_out) = (Vec::new(), Vec::new());
    for loaded in environment.load_all(files, &[])? {
        if loaded.plan.protocol != protocol || loaded.plan.expect != Expect::Holds {
            continue;
        }
        let path = loaded.path.display().to_string();
        let edited = edit(&loaded.plan.text, edits).ok();
        let plan =
            edited.and_then(|text| load(environment.registry, &loaded.plan.name, &text).ok());
        match plan {
            Some(plan) => places.push(Place { path, plan }),
            None => left_out.push(path),
        }
    }
    if places.is_empty() && !left_out.is_empty() {
        // Show what is wrong with the first one, since it is wrong with all.
        let first = PathBuf::from(&left_out[0]);
        environment.load_all(&[first], edits)?;
    }
    Ok((places, left_out))
}

/// Files that somebody named: each has to fit.
fn as_given(
    environment: &Environment<'_>,
    files: &[PathBuf],
    edits: &[Set],
) -> Result<Vec<Place>, Code> {
    let mut places: Vec<Place> = Vec::new();
    for loaded in environment.load_all(files, edits)? {
        let (path, plan) = (loaded.path.display().to_string(), loaded.plan);
        if plan.expect != Expect::Holds {
            let expected = plan.expect.describe();
            return Err(environment.usage(&format!(
                "{path} expects that it {expected}: where things fall anyway, a step left out shows nothing"
            )));
        }
        if let Some(first) = places.first()
            && first.plan.protocol != plan.protocol
        {
            return Err(environment.usage(&format!(
                "{path} is about {}, {} about {}: one protocol at a time",
                plan.protocol, first.path, first.plan.protocol
            )));
        }
        places.push(Place { path, plan });
    }
    Ok(places)
}

/// The steps to leave out, by index.
fn steps(plan: &Plan, names: &[String]) -> Result<Vec<usize>, String> {
    let known = plan.catalog.steps;
    if names.is_empty() {
        return Ok((0..known.len()).collect());
    }
    let find = |name: &String| {
        known.iter().position(|step| step.name == name).ok_or_else(|| {
            let names: Vec<&str> = known.iter().map(|step| step.name).collect();
            let hint = suggest(name, names.iter().copied()).map_or_else(
                || format!("steps: {}", names.join(", ")),
                |like| format!("did you mean `{like}`?"),
            );
            format!("{} has no step `{name}`: {hint}", plan.protocol)
        })
    };
    let mut steps = names.iter().map(find).collect::<Result<Vec<usize>, String>>()?;
    steps.sort_unstable();
    steps.dedup();
    Ok(steps)
}

fn tell(environment: &Environment<'_>, arguments: &Arguments, cases: &[Case]) -> Code {
    let mut code = Code::AsExpected;
    let mut objects = Vec::new();
    for (place, case) in cases.iter().enumerate() {
        let ablated = run(arguments, case);
        let head = head(environment, arguments, case, &ablated);
        match environment.format {
            Format::Human => {
                let gap = if place == 0 { "" } else { "\n" };
                let table = if arguments.markdown {
                    table::markdown(&head, &ablated)
                } else {
                    table::screen(&head, &ablated)
                };
                environment.print(&format!("{gap}{table}"));
            }
            Format::Json => objects.push(table::object(&head, &ablated)),
            Format::Jsonl => environment.print(&format!("{}\n", table::object(&head, &ablated))),
        }
        code = code.or_graver(match table::verdict(&head, &ablated) {
            Verdict::Caught => Code::AsExpected,
            Verdict::Failed(failures) => {
                if arguments.markdown {
                    let told = failures.iter().map(|failure| format!("FAILED    {failure}\n"));
                    environment.complain(&told.collect::<String>());
                }
                Code::NotAsExpected
            }
            Verdict::Nothing => Code::Inconclusive,
        });
    }
    if environment.format == Format::Json {
        environment.print(&format!("{}\n", serde_json::Value::from(objects)));
    }
    code
}

fn run(arguments: &Arguments, case: &Case) -> Ablated {
    /// Ctrl-C ends us as usual: a half-done table says nothing.
    static NEVER: AtomicBool = AtomicBool::new(false);
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let count = arguments.jobs.map_or_else(cores, usize::from);
    let order = Order {
        places: &case.places,
        steps: &case.steps,
        start: arguments.start,
        seeds: arguments.n,
        catch: &|function| caught(function),
    };
    search(&order, &Threads { count, deadline: None, jobs_min: 0, interrupted: &NEVER })
}

fn head(
    environment: &Environment<'_>,
    arguments: &Arguments,
    case: &Case,
    ablated: &Ablated,
) -> Head {
    let (catch, runs_max) = (|function: &mut dyn FnMut()| caught(function), SHRINK_RUNS_MAX);
    let tools = Tools { registry: environment.registry, catch: &catch, runs_max };
    let shrink = |(step, row): (&usize, &crate::search::ablate::Row)| {
        let Outcome::Caught(finds) = &row.outcome else { return None };
        let (place, seed) = (&case.places[finds.place], Seed(finds.seeds[0]));
        Some(match shrunk(tools, place, *step, seed) {
            Ok(size) => needs(size),
            Err(why) => why,
        })
    };
    let rows = case.steps.iter().zip(&ablated.rows);
    Head {
        protocol: case.places[0].plan.protocol.clone(),
        edits: case.edits.clone(),
        places: case.places.iter().map(|place| place.path.clone()).collect(),
        left_out: case.left_out.clone(),
        start: arguments.start,
        seeds: arguments.n,
        shrunk: if arguments.shrink { rows.map(shrink).collect() } else { Vec::new() },
        absent: case.absent,
    }
}

/// What a shrunk find needs.
fn needs(size: Size) -> String {
    let Size { faults, operations, messages, others } = size;
    let parts = [
        (operations, "operation"),
        (faults, "fault"),
        (messages, "message"),
        (others, "other decision"),
    ];
    let told = parts.into_iter().filter(|(number, _)| *number > 0).map(|(number, thing)| {
        let plural = if number == 1 { "" } else { "s" };
        format!("{number} {thing}{plural}")
    });
    told.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_protocol_is_known_by_the_name_of_its_file() {
        assert_eq!(snake_case("TwoPhaseCommit"), "two_phase_commit");
        assert_eq!(snake_case("Relay"), "relay");
    }

    #[test]
    fn the_swarm_comes_first() {
        let files = ["a/b.ron", "a/swarm.ron", "a/x.ron"].map(PathBuf::from).to_vec();
        let wanted = ["a/swarm.ron", "a/b.ron", "a/x.ron"].map(PathBuf::from);
        assert_eq!(swarm_first(files), wanted);
    }
}
