//! Ablation: leave one load-bearing step out, and count the seeds in which its property falls.
//!
//! ```text
//!   for each scenario, until a step is caught:
//!     twin: nothing left out ──seeds──▶ which steps are passed at all?   is anything violated?
//!     passed step left out   ──seeds──▶ finds: seeds in which the property it guards is violated
//! ```
//!
//! A step is caught only when the property that its documentation names falls, while the twin, the
//! same scenario with the step kept, is green on the same seeds. Whether a step exists in a variant
//! is seen from the counters of the twin: a step that no seed passes is not in it. The calm run
//! alone was rejected for that, since what recovery does is never passed without a crash.
//!
//! Every step is run with the same number of seeds, so that shares are plain binomials. A panic of
//! a handler is another way to fall; it does not make a step caught.
//!
//! Limits: one step at a time; two that guard the same thing twice over hide each other.

use super::{
    block::Catch,
    fingerprint::Fingerprint,
    shrink::{Tools, shrink},
    sweep::{Halt, Work, Workers},
};
use crate::{
    base::{ids::Seed, text::source::Edited},
    checkers::{Judgement, Verdict},
    engine::protocol::StepInfo,
    scenario::{
        load::load,
        plan::{Judged, Plan},
        write::Size,
    },
};
use std::{collections::BTreeMap, ops::ControlFlow, sync::Arc};

// How the report is written.
pub mod table;

/// A scenario to look in.
pub struct Place {
    /// Its file.
    pub path: String,
    /// What it says.
    pub plan: Plan,
}

/// What to do.
pub struct Order<'a> {
    /// The scenarios, those that find most first.
    pub places: &'a [Place],
    /// The steps to leave out, by index in the catalog.
    pub steps: &'a [usize],
    /// The first seed.
    pub start: u64,
    /// How many seeds for each step and scenario.
    pub seeds: u64,
    /// Catches panics.
    pub catch: &'a Catch,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ablated {
    /// A row per step, in the order asked for.
    pub rows: Vec<Row>,
    /// What is violated although no step is left out.
    pub red: Vec<Red>,
    /// Whether all of it was done.
    pub halt: Halt,
}

/// What came of one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Which.
    pub step: StepInfo,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of leaving a step out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its property falls.
    Caught(Finds),
    /// It does not, in any scenario that judges it.
    Missed {
        /// In how many seeds it was looked for.
        seeds: u64,
        /// What fell instead, in how many seeds.
        others: BTreeMap<String, u64>,
    },
    /// No scenario checks the property.
    NotJudged,
    /// Nothing passes the step, left out or not.
    NotHere,
}

/// The seeds in which a property fell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finds {
    /// In which scenario, as an index.
    pub place: usize,
    /// The seeds, ascending; at least one.
    pub seeds: Vec<u64>,
    /// What fell besides, in how many seeds.
    pub others: BTreeMap<String, u64>,
}

/// A violation without any step left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Red {
    /// In which scenario, as an index.
    pub place: usize,
    /// The first seed.
    pub seed: u64,
    /// What is violated, or that a handler panics.
    pub what: String,
}

/// What fell in some seeds, on its way from whoever ran them.
#[derive(Clone, Debug, Default)]
pub struct Fallen {
    /// By property, the seeds, ascending.
    seeds: BTreeMap<String, Vec<u64>>,
    /// The steps that were passed, as bits.
    passed: u64,
}

/// What a handler's panic is called among properties.
const PANIC: &str = "panic";
/// So many seeds make one job.
const BLOCK: u64 = 25;

/// Leaves each step out in turn.
pub fn ablate(order: &Order<'_>, workers: &dyn Workers<Fallen>) -> Ablated {
    let catalog = &order.places.first().expect("there is a scenario").plan.catalog;
    let mut red = Vec::new();
    let mut open: Vec<(usize, Looked)> =
        order.steps.iter().map(|&step| (step, Looked::default())).collect();
    let mut halt = Halt::Done;
    for (place, here) in order.places.iter().enumerate() {
        let judged = |step: usize| judges(&here.plan, catalog.steps[step].guards);
        let mut round: Vec<usize> = (0..open.len()).filter(|&o| judged(open[o].0)).collect();
        round.retain(|&o| open[o].1.caught.is_none());
        if round.is_empty() || halt != Halt::Done {
            continue;
        }
        let mut twin;
        (twin, halt) = look(order, here, &[None], workers);
        let twin = twin.remove(0);
        for &o in &round {
            let (step, looked) = &mut open[o];
            looked.judged = true;
            looked.passed |= twin.passed >> *step & 1 == 1;
        }
        round.retain(|&o| twin.passed >> open[o].0 & 1 == 1);
        if round.is_empty() || halt != Halt::Done {
            continue; // What nothing passes here, leaving it out cannot change.
        }
        red.extend(twin.seeds.into_iter().map(|(what, seeds)| Red { place, seed: seeds[0], what }));
        let steps: Vec<Option<usize>> = round.iter().map(|&o| Some(open[o].0)).collect();
        let fallen;
        (fallen, halt) = look(order, here, &steps, workers);
        for (&o, fallen) in round.iter().zip(fallen) {
            let (step, looked) = &mut open[o];
            looked.add(place, order.seeds, catalog.steps[*step].guards, fallen);
        }
    }
    let row = |(step, looked): (usize, Looked)| Row {
        step: catalog.steps[step],
        outcome: looked.outcome(),
    };
    Ablated { rows: open.into_iter().map(row).collect(), red, halt }
}

/// What is known of a step so far.
#[derive(Default)]
struct Looked {
    judged: bool,
    passed: bool,
    seeds: u64,
    others: BTreeMap<String, u64>,
    caught: Option<Finds>,
}

impl Looked {
    fn add(&mut self, place: usize, seeds: u64, guards: &str, mut of: Fallen) {
        let finds = of.seeds.remove(guards);
        let others = of.seeds.into_iter().map(|(what, seeds)| (what, seeds.len() as u64));
        if let Some(seeds) = finds {
            self.caught = Some(Finds { place, seeds, others: others.collect() });
            return;
        }
        self.seeds += seeds;
        others.for_each(|(what, seeds)| *self.others.entry(what).or_default() += seeds);
    }

    fn outcome(self) -> Outcome {
        match self.caught {
            Some(finds) => Outcome::Caught(finds),
            None if !self.judged => Outcome::NotJudged,
            None if !self.passed => Outcome::NotHere,
            None => Outcome::Missed { seeds: self.seeds, others: self.others },
        }
    }
}

fn judges(plan: &Plan, property: &str) -> bool {
    plan.checks.iter().flat_map(|check| check.properties).any(|known| known.name == property)
}

/// Runs all seeds of a scenario with each of the steps left out, or none; what fell, per step.
fn look(
    order: &Order<'_>,
    place: &Place,
    steps: &[Option<usize>],
    workers: &dyn Workers<Fallen>,
) -> (Vec<Fallen>, Halt) {
    let blocks = order.seeds.div_ceil(BLOCK);
    let jobs = blocks * steps.len() as u64;
    let make = || -> Work<'_, Fallen> {
        Box::new(|job| {
            let (step, block) = (steps[(job / blocks) as usize], job % blocks);
            let from = order.start + block * BLOCK;
            let upto = from.saturating_add(BLOCK).min(order.start + order.seeds);
            fall(&place.plan, step, from..upto, order.catch)
        })
    };
    let mut merged = vec![Fallen::default(); steps.len()];
    let halt = workers.run(jobs, &make, &mut |job, fallen| {
        let of = &mut merged[(job / blocks) as usize];
        of.passed |= fallen.passed;
        for (what, seeds) in fallen.seeds {
            of.seeds.entry(what).or_default().extend(seeds);
        }
        ControlFlow::Continue(())
    });
    (merged, halt)
}

/// Runs some seeds with a step left out.
fn fall(plan: &Plan, step: Option<usize>, seeds: std::ops::Range<u64>, catch: &Catch) -> Fallen {
    let mut setup = (*plan.setup).clone();
    setup.ablated |= step.map_or(0, |step| 1 << step);
    let setup = Arc::new(setup);
    let mut runner = plan.runner_of(setup.clone());
    let mut fallen = Fallen::default();
    for seed in seeds {
        let mut judged = None;
        let caught = catch(&mut || judged = Some(runner.judged(Seed(seed))));
        let (Ok(()), Some(Judged { judgements, .. })) = (caught, judged) else {
            fallen.seeds.entry(PANIC.to_owned()).or_default().push(seed);
            runner = plan.runner_of(setup.clone());
            continue;
        };
        for (step, passed) in runner.simulation().counters().steps.iter().enumerate() {
            fallen.passed |= u64::from(*passed > 0) << step;
        }
        for judgement in judgements.iter().filter(|judgement| is_violated(judgement)) {
            fallen.seeds.entry(judgement.property.to_owned()).or_default().push(seed);
        }
    }
    fallen
}

fn is_violated(judgement: &Judgement) -> bool {
    matches!(judgement.verdict, Verdict::Violated(_))
}

/// How large the smallest script is that shows what the first find of a step shows.
///
/// # Errors
/// Why the find cannot be shrunk.
pub fn shrunk(tools: Tools<'_>, place: &Place, step: usize, seed: Seed) -> Result<Size, String> {
    let guards = place.plan.catalog.steps[step].guards;
    let mut plan = load(tools.registry, &place.plan.name, &Edited::new(place.plan.text.as_str()))
        .map_err(|_| "it cannot be read again".to_owned())?;
    let mut setup = (*plan.setup).clone();
    setup.ablated |= 1 << step;
    plan.setup = Arc::new(setup);
    let (_, judgements) = plan.runner().judge(seed);
    let wanted = judgements
        .iter()
        .filter_map(|judgement| Fingerprint::of(judgement, &plan.catalog))
        .find(|fingerprint| fingerprint.property == guards)
        .ok_or_else(|| format!("{guards} holds in seed {seed}"))?;
    let shrunk = shrink(tools, &plan, seed, &wanted);
    shrunk.map(|shrunk| shrunk.draft.size()).map_err(|error| error.to_string())
}
