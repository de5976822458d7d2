//! `check`: looks for mistakes in scenario files, the rules that never fire included.
//!
//! ```text
//!   load ──▶ mistakes on their lines        one run of the default seed ──▶ rules that never fired
//! ```
//!
//! A rule that is scheduled or triggered and never fires shows nothing, and only a run can tell; so
//! `check` runs the default seed, which takes no time worth mentioning.

use super::{
    Environment, Format, caught::caught, exit::Code, pipeline::settings::is_settings,
    run::never_fired,
};
use crate::base::ids::Seed;
use std::path::{Path, PathBuf};

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Scenario files, or folders of them.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// Replace a part of each file before it is read: `network.loss=5%`.
    #[arg(long = "set", value_name = "PATH=VALUE", value_parser = super::run::path_and_value)]
    sets: Vec<(String, String)>,
}

pub(super) fn check(environment: &Environment<'_>, arguments: &Arguments) -> Code {
    let (settings, paths): (Vec<PathBuf>, Vec<PathBuf>) =
        arguments.paths.iter().cloned().partition(|path| holds_settings(path));
    for path in &settings {
        if let Err(code) = environment.settings(Some(path)) {
            return code;
        }
    }
    if paths.is_empty() {
        return without_mistakes(environment, settings.len(), "settings file");
    }
    let loaded = match environment.load_all(&paths, &arguments.sets) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    let mut failed = 0;
    for file in &loaded {
        let mut runner = file.plan.runner();
        if let Err(panic) = caught(|| runner.judge(Seed(1))) {
            failed += 1;
            let path = file.path.display();
            environment.complain(&format!("error[SB0502]: {path}: {panic}\n"));
            continue;
        }
        for message in never_fired(&runner.rules()) {
            failed += 1;
            environment.complain(&format!("error[SB0501]: {}: {message}\n", file.path.display()));
        }
    }
    if failed > 0 {
        return Code::Usage;
    }
    without_mistakes(environment, loaded.len(), "scenario")
}

/// The settings of pipelines are checked when they are named; folders are searched for scenarios.
fn holds_settings(path: &Path) -> bool {
    path.is_file() && is_settings(&std::fs::read_to_string(path).unwrap_or_default())
}

fn without_mistakes(environment: &Environment<'_>, files: usize, noun: &str) -> Code {
    if environment.format == Format::Human {
        let ending = if files == 1 { "" } else { "s" };
        environment.print(&format!("{files} {noun}{ending} without mistakes\n"));
    }
    Code::AsExpected
}
