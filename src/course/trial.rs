//! A trial: one scenario under many seeds, as it is and in other circumstances.
//!
//! ```text
//!   text ──set──▶ variation: as it is · a slow network · five participants
//!                     └ × blocks of seeds, over workers ──▶ a tally of claims per variation
//! ```
//!
//! Seeds that a student sees are 1 to n; those for grading are drawn from a salt, so that an answer
//! that fits only the seeds one has seen does not pass, and so that a grader can draw others for
//! each student and still get the same grade on every machine.

use super::claims::{Ready, Tally, ready};
use super::model::{Claim, Perturbation, ScenarioPart};
use crate::{
    base::{
        digest::Fold,
        ids::Seed,
        text::{
            diagnostic::{Code, Diagnostic},
            source::{Edited, Node, Tree},
        },
    },
    engine::runner::Outcome,
    scenario::{
        load::{LoadError, edit, load},
        plan::{Plan, Runner},
        registry::Registry,
    },
    search::{
        block::Catch,
        sweep::{Halt, Work, Workers},
    },
    study::observed::{Watch, observed},
};
use std::ops::ControlFlow;

/// How many seeds one job runs.
const BLOCK: usize = 25;

/// What runs trials.
pub struct Bench<'a> {
    /// What scenarios may name.
    pub registry: &'a Registry,
    /// Threads.
    pub workers: &'a dyn Workers<Counted>,
    /// Catches panics.
    pub catch: &'a Catch,
}

/// What came of a job.
pub struct Counted(Tally);

/// One scenario in one circumstance.
pub(super) struct Variation<'a> {
    /// In words; empty as it is.
    pub(super) name: &'a str,
    /// What was edited.
    pub(super) sets: &'a [(String, String)],
    pub(super) plan: Plan,
    pub(super) claims: Vec<Ready>,
}

/// Why there is no trial.
pub(super) enum NoTrial {
    /// What was handed in cannot be loaded.
    Scenario(LoadError),
    /// The exercise is wrong: mistakes in its text, or in a perturbation.
    Exercise(Vec<Diagnostic>),
}

/// The seeds that a student sees.
pub(super) fn visible(count: u64) -> Vec<u64> {
    (1..=count).collect()
}

/// Seeds for grading: drawn from the exercise's name and a salt.
pub(super) fn held_out(id: &str, salt: &str, count: u64) -> Vec<u64> {
    let draw = |nth: u64| {
        let mut fold = Fold::default();
        for text in [id, salt] {
            fold.word(text.len() as u64);
            fold.bytes(text.as_bytes());
        }
        fold.word(nth);
        // Short enough for JavaScript's numbers.
        (fold.end() as u64) >> 11
    };
    (0..count).map(draw).collect()
}

/// A scenario as it is and as each perturbation makes it. `place` is where the part stands in the
/// exercise's text.
pub(super) fn variations<'a>(
    bench: &Bench<'_>,
    (name, text): (&str, &str),
    part: &'a ScenarioPart,
    (exercise, place): (&str, &Node),
) -> Result<Vec<Variation<'a>>, NoTrial> {
    let as_it_is = load(bench.registry, name, &Edited::new(text)).map_err(NoTrial::Scenario)?;
    let mut all = vec![variation(("", &[]), as_it_is, part, (exercise, place))?];
    for Perturbation { name: circumstance, set } in &part.perturb {
        let edited = edit(text, set);
        let edited = edited.map_err(|error| {
            let message = format!("the perturbation `{circumstance}`: {error}");
            NoTrial::Exercise(vec![Diagnostic::error(Code::BadSetting, place.anchor(), message)])
        })?;
        let plan = load(bench.registry, name, &edited).map_err(NoTrial::Scenario)?;
        all.push(variation((circumstance, set), plan, part, (exercise, place))?);
    }
    Ok(all)
}

/// The claims of a part in the order of its file: demands, then witnesses.
pub(super) fn claims(part: &ScenarioPart) -> impl Iterator<Item = &Claim> {
    part.demands.iter().chain(&part.witnesses)
}

fn variation<'a>(
    (name, sets): (&'a str, &'a [(String, String)]),
    plan: Plan,
    part: &'a ScenarioPart,
    (exercise, place): (&str, &Node),
) -> Result<Variation<'a>, NoTrial> {
    let listed = |field| place.field(exercise, field).map_or(&[][..], Node::items);
    let nodes = listed("demands").iter().chain(listed("witnesses"));
    let claims = claims(part).zip(nodes);
    let claims = claims.map(|(claim, node)| ready(claim, (exercise, node), &plan));
    let claims = claims.collect::<Result<_, _>>().map_err(NoTrial::Exercise)?;
    Ok(Variation { name, sets, plan, claims })
}

/// Where a scenario of an exercise stands in its text.
pub(super) fn place_of<'n>(
    tree: &'n Tree,
    text: &str,
    (list, nth): (&str, usize),
) -> Option<&'n Node> {
    tree.root.field(text, list)?.items().get(nth)
}

/// Runs every variation with every seed: one tally each. What was interrupted is told.
pub(super) fn run(
    bench: &Bench<'_>,
    variations: &[Variation<'_>],
    seeds: &[u64],
) -> (Vec<Tally>, Halt) {
    let blocks: Vec<&[u64]> = seeds.chunks(BLOCK).collect();
    let catch = bench.catch; // Workers need not be shared between threads.
    let make = || -> Work<'_, Counted> {
        let mut worker = Worker { catch, variations, current: None, watch: Watch::default() };
        let blocks = &blocks;
        Box::new(move |job| {
            let (variation, block) = (job as usize / blocks.len(), job as usize % blocks.len());
            Counted(worker.block(variation, blocks[block]))
        })
    };
    let new = |variation: &Variation<'_>| Tally::new(variation.claims.len());
    let mut tallies: Vec<Tally> = variations.iter().map(new).collect();
    let mut fold = |job: u64, Counted(tally): Counted| {
        tallies[job as usize / blocks.len()].append(tally);
        ControlFlow::Continue(())
    };
    let jobs = (variations.len() * blocks.len()) as u64;
    let halt = bench.workers.run(jobs, &make, &mut fold);
    (tallies, halt)
}

struct Worker<'w> {
    catch: &'w Catch,
    variations: &'w [Variation<'w>],
    current: Option<(usize, Runner<'w>)>,
    watch: Watch,
}

impl Worker<'_> {
    fn block(&mut self, place: usize, seeds: &[u64]) -> Tally {
        let variation = &self.variations[place];
        let mut tally = Tally::new(variation.claims.len());
        for seed in seeds {
            if self.current.as_ref().is_none_or(|(known, _)| *known != place) {
                self.current = Some((place, variation.plan.runner()));
            }
            if let Err(what) = self.seed(variation, *seed, &mut tally) {
                self.current = None;
                tally.trouble.get_or_insert((*seed, what));
            }
        }
        tally
    }

    fn seed(
        &mut self,
        variation: &Variation<'_>,
        seed: u64,
        tally: &mut Tally,
    ) -> Result<(), String> {
        let (_, runner) = self.current.as_mut().expect("a block begins with a runner");
        let watch = &mut self.watch;
        watch.reset();
        let mut judged = None;
        (self.catch)(&mut || judged = Some(runner.judged_before(Seed(seed), watch)))?;
        let judged = judged.expect("it was judged, or had panicked");
        if judged.end.outcome == Outcome::LimitReached {
            return Err("it had more events than any run should".to_owned());
        }
        let effects: Vec<u64> = runner.rules().iter().map(|rule| rule.counts.effects).collect();
        let simulation = runner.simulation();
        let shown = (simulation.counters(), simulation.history());
        let run = observed(&variation.plan.catalog, shown, &judged, watch);
        tally.add(seed, &variation.claims, &run, &effects);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_salt_and_a_name_draw_seeds_of_their_own_and_always_the_same() {
        let drawn = held_out("a", "salt", 100);
        assert_eq!(drawn, held_out("a", "salt", 100));
        assert_eq!(drawn[..10], held_out("a", "salt", 10));
        for other in [held_out("b", "salt", 100), held_out("a", "pepper", 100)] {
            assert!(drawn.iter().all(|seed| !other.contains(seed)));
        }
        assert!(drawn.iter().all(|seed| *seed > 1000 && *seed < 1 << 53));
    }
}
