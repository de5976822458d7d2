//! `explore`: every order, loss and crash within budgets, of scenarios or of known specifications.
//!
//! ```text
//!   explore FILE --crashes 1 ──▶ WorldModel ──breadth first──▶ exhausted │ cut by a bound │ violated
//!   explore --model two_phase ──▶ a specification with a known count
//! ```
//!
//! What is explored is the protocol's own code over the engine's own effects. Bounds are counts of
//! states and levels; whether one cut the search stands beside every number. Progress goes to
//! stderr, and only to a terminal: rates depend on the machine, results do not.

mod screen;

use super::{Environment, Format, caught::caught, exit::Code, files::Loaded, run::path_and_value};
use crate::{
    base::ids::Seed,
    engine::untimed::{NotExplorable, Timers},
    explore::{
        breadth_first::{End, Options, Progress, Symmetry, breadth_first},
        models::{self, Choice, Crashes},
        world::{Budgets, Checks, Network, Refused, WorldModel, WorldOptions},
    },
    scenario::{
        plan::Plan,
        script::{FateText, MessageLine},
        write::Draft,
    },
    search::export::{NotExported, export},
};
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use screen::Shown;
use std::{ops::ControlFlow, path::PathBuf};

/// So many distinct states are explored where nobody says otherwise.
const STATES_MAX: u32 = 20_000_000;

/// Arguments of `explore`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Scenario files, or folders of them.
    #[arg(required_unless_present = "model", conflicts_with = "model", value_name = "SCENARIO")]
    paths: Vec<PathBuf>,

    /// Explore a specification whose count is known instead; `list` is not a name.
    #[arg(long, value_name = "NAME")]
    model: Vec<String>,

    /// The size of the specification: resource managers, participants, messages.
    #[arg(long, requires = "model", value_name = "N")]
    size: Option<u32>,

    /// How many messages may be lost on one path; free where the network is a set.
    #[arg(long, default_value_t = 0, value_name = "K", help_heading = "Budgets")]
    loss: u16,

    /// How many messages may be copied on one path; free where the network is a set.
    #[arg(
        long,
        default_value_t = 0,
        value_name = "K",
        help_heading = "Budgets",
        conflicts_with = "model"
    )]
    duplicate: u16,

    /// How often nodes may crash on one path, between two handlers or two effects.
    #[arg(long, default_value_t = 0, value_name = "K", help_heading = "Budgets")]
    crashes: u16,

    /// How many timers may fire on one path; a multiset needs a bound.
    #[arg(long, value_name = "K", help_heading = "Budgets", conflicts_with = "model")]
    firings: Option<u32>,

    /// How many operations clients ask for: the first of the workload.
    #[arg(long, default_value_t = 1, value_name = "K", help_heading = "Budgets",
          conflicts_with = "model", value_parser = clap::value_parser!(u16).range(1..))]
    operations: u16,

    /// Which timers may fire: any, or none before another that was set first and is no longer.
    #[arg(long, default_value = "async", conflicts_with = "model")]
    timers: TimersWord,

    /// Whether a message once sent may arrive again and again, or once for each copy.
    #[arg(long, value_name = "NETWORK")]
    network: Option<NetworkWord>,

    /// The seed of the workload.
    #[arg(long, short, default_value_t = 1, conflicts_with = "model")]
    seed: u64,

    /// Stop at so many distinct states.
    #[arg(long, default_value_t = STATES_MAX, value_name = "N", help_heading = "Bounds")]
    max_states: u32,

    /// Stop at this depth; an initial state has depth 1.
    #[arg(long, value_name = "N", help_heading = "Bounds")]
    depth: Option<u32>,

    /// Count states modulo renaming, where a model declares one.
    #[arg(long)]
    symmetry: bool,

    /// Explore without the scenario's checks: by how much they multiply the states.
    #[arg(long, conflicts_with = "model")]
    no_checks: bool,

    /// Write the shortest counterexample as a scenario that does the same in time.
    #[arg(long, short, conflicts_with = "model", value_name = "FILE")]
    output: Option<PathBuf>,

    /// Replace a part of each file before it is read: `protocol.participants=2`.
    #[arg(long = "set", value_name = "PATH=VALUE", value_parser = path_and_value,
          conflicts_with = "model")]
    sets: Vec<(String, String)>,
}

/// What `--timers` says.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum TimersWord {
    /// Any that is set.
    Async,
    /// None before another that was set first and cannot run longer.
    Ordered,
}

/// What `--network` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum NetworkWord {
    /// A message once sent may arrive any number of times, or never.
    Set,
    /// Copies count.
    Multiset,
}

impl Arguments {
    fn options(&self) -> Options {
        let symmetry = if self.symmetry { Symmetry::Reduce } else { Symmetry::Off };
        Options {
            states_max: self.max_states,
            depth_max: self.depth.unwrap_or(u32::MAX),
            symmetry,
            progress_every: 1 << 16,
            ..Options::default()
        }
    }

    fn world(&self) -> WorldOptions {
        WorldOptions {
            network: match self.network {
                None | Some(NetworkWord::Set) => Network::Set,
                Some(NetworkWord::Multiset) => Network::Multiset,
            },
            timers: match self.timers {
                TimersWord::Async => Timers::Async,
                TimersWord::Ordered => Timers::Ordered,
            },
            budgets: self.budgets(),
            operations: usize::from(self.operations),
            seed: Seed(self.seed),
            checks: if self.no_checks { Checks::Off } else { Checks::Explorable },
        }
    }

    /// In a set losses and copies are free: a budget of them would only multiply the states.
    fn budgets(&self) -> Budgets {
        let &Self { crashes, firings, .. } = self;
        let multiset = self.network == Some(NetworkWord::Multiset);
        let (losses, duplicates) = if multiset { (self.loss, self.duplicate) } else { (0, 0) };
        Budgets { crashes, losses, duplicates, firings }
    }

    /// The command that explores a file like this again.
    fn command(&self, file: &Loaded) -> String {
        use std::fmt::Write;
        let mut command = format!("splitbrain explore {}", file.path.display());
        let counts = [
            ("loss", u64::from(self.loss), 0),
            ("duplicate", u64::from(self.duplicate), 0),
            ("crashes", u64::from(self.crashes), 0),
            ("operations", u64::from(self.operations), 1),
            ("seed", self.seed, 1),
            ("max-states", u64::from(self.max_states), u64::from(STATES_MAX)),
        ];
        for (name, count, _) in counts.iter().filter(|(_, count, usual)| count != usual) {
            _ = write!(command, " --{name} {count}");
        }
        if let Some(firings) = self.firings {
            _ = write!(command, " --firings {firings}");
        }
        if self.network == Some(NetworkWord::Multiset) {
            command += " --network multiset";
        }
        if matches!(self.timers, TimersWord::Ordered) {
            command += " --timers ordered";
        }
        if let Some(depth) = self.depth {
            _ = write!(command, " --depth {depth}");
        }
        if self.no_checks {
            command += " --no-checks";
        }
        for (path, value) in &self.sets {
            let quoted = format!("{path}={value}").replace('\'', "'\\''");
            _ = write!(command, " --set '{quoted}'");
        }
        command
    }
}

pub(super) fn explore(environment: &Environment<'_>, arguments: &Arguments) -> Code {
    if !arguments.model.is_empty() {
        return explore_models(environment, arguments);
    }
    if arguments.symmetry {
        return environment.usage(
            "--symmetry needs a renaming of nodes, and no protocol declares one: \
             it can be used with --model",
        );
    }
    let loaded = match environment.load_all(&arguments.paths, &arguments.sets) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    let mut code = Code::AsExpected;
    let mut objects = Vec::new();
    for (place, file) in loaded.iter().enumerate() {
        if place > 0 && environment.format == Format::Human {
            environment.print("\n");
        }
        code = code.or_graver(explore_file(environment, arguments, file, &mut objects));
    }
    if environment.format == Format::Json {
        environment.print(&format!("{}\n", serde_json::Value::from(objects)));
    }
    code
}

fn explore_file(
    environment: &Environment<'_>,
    arguments: &Arguments,
    file: &Loaded,
    objects: &mut Vec<serde_json::Value>,
) -> Code {
    let plan = &file.plan;
    let model = WorldModel::new(plan, arguments.world());
    let searched = caught(|| {
        search(&arguments.options(), |options, watch| {
            breadth_first(&model, options, &mut |progress| {
                if model.refused().is_some() { ControlFlow::Break(()) } else { watch(progress) }
            })
        })
    });
    let explored = match searched {
        Ok(explored) => explored,
        Err(panic) => return panicked(environment, arguments, file, &panic),
    };
    if let Some(refused) = model.refused() {
        return environment.usage(&format!("{}: {}", file.path.display(), reason(refused)));
    }
    let shown = Shown {
        plan,
        path: file.path.display().to_string(),
        model: &model,
        explored: &explored,
        options: arguments.world(),
        free: (arguments.loss, arguments.duplicate),
        command: arguments.command(file),
    };
    match environment.format {
        Format::Human => environment.print(&shown.screen()),
        Format::Json => objects.push(shown.object()),
        Format::Jsonl => environment.print(&format!("{}\n", shown.object())),
    }
    let code = shown.verdict().code();
    match (&arguments.output, explored.report.violations.first()) {
        (Some(output), Some(found)) => {
            let exported = export(environment.registry, plan, &model, found);
            code.or_graver(write(environment, output, plan, exported))
        }
        _ => code,
    }
}

/// Writes a counterexample, or says why there is none in time.
fn write(
    environment: &Environment<'_>,
    output: &std::path::Path,
    plan: &Plan,
    exported: Result<Draft, NotExported>,
) -> Code {
    let draft = match exported {
        Ok(draft) => draft,
        Err(why) => {
            environment.complain(&format!("unknown: {why}\n"));
            return Code::Inconclusive;
        }
    };
    let name = output.display();
    if let Err(error) = std::fs::write(output, draft.text()) {
        return environment.usage(&format!("failed to write {name}: {error}"));
    }
    environment
        .complain(&format!("written to {name}; see it with: splitbrain run {name} --trace\n"));
    if let Some(beyond) = beyond(plan, &draft) {
        environment.complain(&format!("note: {beyond}\n"));
    }
    Code::AsExpected
}

/// The longest delay that the scenario's own links would never take.
fn beyond(plan: &Plan, draft: &Draft) -> Option<String> {
    let most = plan.setup.link.latency.max();
    let spans = draft.script.messages.iter().filter_map(|line| match &line.fate {
        FateText::Lost => None,
        FateText::Takes(span) => Some((line, *span)),
        FateText::Copies(spans) => spans.iter().max().map(|span| (line, *span)),
    });
    let (line, span) = spans.max_by_key(|(_, span)| *span)?;
    let MessageLine { label, from, to, .. } = line;
    (span > most).then(|| {
        format!(
            "{label} from {from} to {to} takes {span}; the scenario's links take {most} at most"
        )
    })
}

fn reason(refused: Refused) -> String {
    match refused {
        Refused::UnboundedFirings => format!("{refused} with --firings, or leave --network set"),
        Refused::NotExplorable(NotExplorable::ReadsClocks { .. }) | Refused::TooManyAnswers => {
            refused.to_string()
        }
    }
}

fn panicked(
    environment: &Environment<'_>,
    arguments: &Arguments,
    file: &Loaded,
    panic: &str,
) -> Code {
    let plan = &file.plan;
    let (name, protocol) = (&plan.name, &plan.protocol);
    environment.complain(&format!(
        "error[SB0502]: {name}: {protocol} panicked on some path: {panic}\n{}\n",
        arguments.command(file)
    ));
    if panic.contains("src/engine/") || panic.contains("src/explore/") {
        environment.complain("this is a bug in splitbrain, not in your scenario\n");
        return Code::OurBug;
    }
    Code::NotAsExpected
}

/// Searches with a line of progress on stderr, if that is a terminal.
fn search<T>(options: &Options, run: impl FnOnce(&Options, &mut models::Watch<'_>) -> T) -> T {
    let line = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{spinner} {human_pos} states, {per_sec}, {msg}");
    line.set_style(style.expect("the template names fields that there are"));
    let explored = run(options, &mut |progress: &Progress| {
        line.set_position(u64::from(progress.distinct));
        let Progress { depth, frontier, seen_bytes, .. } = *progress;
        line.set_message(format!("depth {depth}, {frontier} in front, {} MB", seen_bytes >> 20));
        ControlFlow::Continue(())
    });
    line.finish_and_clear();
    explored
}

/// Why budgets are refused that a specification would not keep to.
fn not_for_models(arguments: &Arguments) -> Option<&'static str> {
    if arguments.loss > 0 && arguments.network != Some(NetworkWord::Multiset) {
        return Some(
            "--loss of a model needs --network multiset: in a set messages may never arrive",
        );
    }
    if arguments.loss > 1 {
        return Some("--loss of a model is 0 or 1: no message is lost, or any may be");
    }
    (arguments.crashes > 1)
        .then_some("--crashes of a model is 0 or 1: its coordinator crashes once, and stays down")
}

fn explore_models(environment: &Environment<'_>, arguments: &Arguments) -> Code {
    if let Some(reason) = not_for_models(arguments) {
        return environment.usage(reason);
    }
    let known = models::all();
    let choice = Choice {
        size: arguments.size,
        network: arguments.network.map(|word| match word {
            NetworkWord::Set => models::Network::Set,
            NetworkWord::Multiset if arguments.loss > 0 => models::Network::Lossy,
            NetworkWord::Multiset => models::Network::Multiset,
        }),
        crashes: if arguments.crashes > 0 { Crashes::Coordinator } else { Crashes::None },
    };
    let mut code = Code::AsExpected;
    let mut objects = Vec::new();
    for name in &arguments.model {
        let Some(entry) = known.iter().find(|entry| entry.name == name) else {
            let names: Vec<_> = known.iter().map(|entry| entry.name).collect();
            let message = format!("no model is called {name:?}; there are: {}", names.join(", "));
            return environment.usage(&message);
        };
        let searched =
            search(&arguments.options(), |options, watch| entry.explore(&choice, options, watch));
        let explored = match searched {
            Ok(explored) => explored,
            Err(refusal) => return environment.usage(&refusal.to_string()),
        };
        code = code.or_graver(match explored.report.end {
            End::Exhausted => Code::AsExpected,
            End::Violated => Code::NotAsExpected,
            End::Cut(_) | End::Interrupted => Code::Inconclusive,
        });
        match environment.format {
            Format::Human => environment.print(&screen::model_screen(entry, &explored)),
            Format::Json => objects.push(screen::model_object(entry, &explored)),
            Format::Jsonl => {
                environment.print(&format!("{}\n", screen::model_object(entry, &explored)));
            }
        }
    }
    if environment.format == Format::Json {
        environment.print(&format!("{}\n", serde_json::Value::from(objects)));
    }
    code
}
