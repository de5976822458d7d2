//! Running: blocks of seeds over all cells, put together in the order of cells and seeds.
//!
//! ```text
//!   cell 0: block 0, 1, 2   cell 1: block 0, 1, 2 …      one line of jobs for all threads
//!        └─ in order ─▶ samples of a cell ─ all there ─▶ Measured ─▶ kept, told
//! ```
//!
//! All cells are one queue, so that threads stay busy when cells are small. Only one cell's samples
//! are held at a time. A panic or a run without an end makes the study worthless, so the first one
//! in the order of seeds ends it, whoever met it first.

use super::{
    estimate::{Estimate, Samples},
    file::Study,
    grid::Cell,
    observed::{Watch, observed},
};
use crate::{
    base::ids::Seed,
    engine::runner::Outcome,
    scenario::plan::Runner,
    search::{
        block::Catch,
        statistics::Interval,
        sweep::{Halt, Work, Workers},
    },
};
use std::ops::ControlFlow;

/// How many seeds a block has; the last one of a cell may have fewer.
pub const BLOCK: u64 = 32;

/// What to run.
pub struct Order<'a> {
    /// The study.
    pub study: &'a Study,
    /// All its cells.
    pub cells: &'a [Cell],
    /// Which of them are to be run, ascending.
    pub wanted: &'a [usize],
    /// The first seed.
    pub first: u64,
    /// How many seeds each cell runs.
    pub seeds: u64,
    /// Catches panics.
    pub catch: &'a Catch,
}

/// What came of a cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// One per measure, in the unit of its metric.
    pub estimates: Vec<Estimate>,
    /// The hash of the run with the first seed.
    pub first_hash: u128,
}

/// What came of a block.
pub struct Block {
    samples: Vec<Samples>,
    first_hash: u128,
    trouble: Option<Trouble>,
}

/// A run that came to no end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The cell.
    pub cell: usize,
    /// The seed.
    pub seed: u64,
    /// What happened.
    pub what: String,
}

impl Order<'_> {
    fn blocks(&self) -> u64 {
        self.seeds.div_ceil(BLOCK)
    }

    /// All jobs: so many blocks for each wanted cell.
    pub fn jobs(&self) -> u64 {
        self.blocks() * self.wanted.len() as u64
    }

    fn place(&self, job: u64) -> (usize, u64) {
        (self.wanted[(job / self.blocks()) as usize], job % self.blocks())
    }

    /// Runs the first seed of a cell and gives its hash; none when it came to no end.
    pub fn first_hash(&self, cell: usize) -> Option<u128> {
        let mut hash = None;
        let mut runner = self.cells[cell].plan.runner();
        (self.catch)(&mut || hash = Some(runner.judged(Seed(self.first)).hash)).ok()?;
        hash
    }
}

/// Runs the wanted cells. `on_cell` hears of each as soon as it is complete, in order; `on_block`
/// of every block.
///
/// # Errors
/// The first run that came to no end.
pub fn run(
    order: &Order<'_>,
    workers: &dyn Workers<Block>,
    on_cell: &mut dyn FnMut(usize, Measured),
    on_block: &mut dyn FnMut(),
) -> Result<Halt, Trouble> {
    let make = || -> Work<'_, Block> {
        let mut worker = Worker { order, current: None, watch: Watch::default() };
        Box::new(move |job| worker.block(job))
    };
    let mut trouble = None;
    let mut open: Option<(Vec<Samples>, u128)> = None;
    let mut fold = |job: u64, block: Block| {
        if block.trouble.is_some() {
            trouble = block.trouble;
            return ControlFlow::Break(());
        }
        on_block();
        let (cell, place) = order.place(job);
        match &mut open {
            Some((samples, _)) => {
                samples.iter_mut().zip(block.samples).for_each(|(all, later)| all.append(later));
            }
            None => open = Some((block.samples, block.first_hash)),
        }
        if place + 1 == order.blocks() {
            let (samples, first_hash) = open.take().expect("it has at least this block");
            on_cell(cell, measured(order.study, &order.cells[cell], &samples, first_hash));
        }
        ControlFlow::Continue(())
    };
    let halt = workers.run(order.jobs(), &make, &mut fold);
    trouble.map_or(Ok(halt), Err)
}

fn measured(study: &Study, cell: &Cell, samples: &[Samples], first_hash: u128) -> Measured {
    let all = study.measures.iter().zip(&cell.metrics).zip(samples);
    let estimates = all.map(|((measure, metric), samples)| {
        let factor = measure.metric.unit.factor();
        let Estimate { value, interval, tolerance, trials } = metric.statistic.estimate(samples);
        let scaled = |Interval { low, high }| Interval { low: low * factor, high: high * factor };
        let (interval, tolerance) = (interval.map(scaled), tolerance.map(scaled));
        Estimate { value: value.map(|value| value * factor), interval, tolerance, trials }
    });
    Measured { estimates: estimates.collect(), first_hash }
}

struct Worker<'o> {
    order: &'o Order<'o>,
    current: Option<(usize, Runner<'o>)>,
    watch: Watch,
}

impl Worker<'_> {
    fn block(&mut self, job: u64) -> Block {
        let order = self.order;
        let (cell, place) = order.place(job);
        if self.current.as_ref().is_none_or(|(known, _)| *known != cell) {
            self.current = Some((cell, order.cells[cell].plan.runner()));
        }
        let samples = vec![Samples::default(); order.study.measures.len()];
        let mut block = Block { samples, first_hash: 0, trouble: None };
        let from = place * BLOCK;
        for nth in from..(from + BLOCK).min(order.seeds) {
            let seed = order.first + nth;
            match self.seed(cell, Seed(seed), &mut block.samples) {
                Ok(hash) if nth == 0 => block.first_hash = hash,
                Ok(_) => {}
                Err(what) => {
                    block.trouble = Some(Trouble { cell, seed, what });
                    self.current = None;
                    break;
                }
            }
        }
        block
    }

    fn seed(&mut self, cell: usize, seed: Seed, samples: &mut [Samples]) -> Result<u128, String> {
        let (_, runner) = self.current.as_mut().expect("a block begins with a runner");
        let watch = &mut self.watch;
        watch.reset();
        let mut judged = None;
        (self.order.catch)(&mut || judged = Some(runner.judged_before(seed, watch)))?;
        let judged = judged.expect("it was judged, or had panicked");
        if judged.end.outcome == Outcome::LimitReached {
            return Err("it had more events than any run should".to_owned());
        }
        let simulation = runner.simulation();
        let Cell { plan, metrics, .. } = &self.order.cells[cell];
        let shown = (simulation.counters(), simulation.history());
        let run = observed(&plan.catalog, shown, &judged, watch);
        for (metric, samples) in metrics.iter().zip(samples) {
            metric.look(&run, samples);
        }
        Ok(judged.hash)
    }
}
