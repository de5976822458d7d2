//! The story of a failing seed: the screen that `run` shows of it, without colours.
//!
//! ```text
//!   plan + smallest seed ──run again, recorded──▶ screen ──▶ test report, summary
//!   head of a merged sweep ──its file, if it is still the same text──▶ plan
//! ```
//!
//! Sweeps record nothing, so the seed is run once more; that takes no time beside the sweep.
//! Citing only the witness's sentence was rejected: who reads a report in a browser has no terminal
//! at hand, and the screen is what the command would show.
//!
//! Limits: a run that panics has no screen.

use crate::{
    base::{ids::Seed, text::source::Edited},
    cli::{Environment, caught::caught},
    engine::trace::Recording,
    report::screen::{Colour, Surroundings, screen},
    scenario::{load::load, plan::Plan},
    search::{summary::reproduce, sweep::Head},
};
use std::path::Path;

/// The screen of one seed of a sweep; empty if it has none.
pub(in crate::cli) fn of_seed(plan: &Plan, head: &Head, seed: u64) -> String {
    let run = caught(|| plan.runner().run(Seed(seed), Recording::Full));
    let surroundings =
        Surroundings { expected: None, reproduce: reproduce(head, seed), reports: Vec::new() };
    run.map_or_else(|_| String::new(), |run| screen(&run, &surroundings, Colour::Never))
}

/// The plan of a sweep that was run elsewhere, if its file is here and says the same.
pub(in crate::cli) fn of_merged(environment: &Environment<'_>, head: &Head) -> Option<Plan> {
    let path = Path::new(&head.scenario);
    let mut edited = Edited::new(std::fs::read_to_string(path).ok()?);
    for (path, value) in head.sets.iter().chain(&head.variation) {
        edited.set(path, value, "--set").ok()?;
    }
    let stem = path.file_stem()?.to_string_lossy();
    let plan = load(environment.registry, &stem, &edited).ok()?;
    let again = Head::new(&plan, head.scenario.clone(), head.seeds.clone(), head.slice);
    (again.digest == head.digest && again.epoch == head.epoch).then_some(plan)
}
