//! The sweep: blocks run by whoever there is, folded in the order of their seeds.
//!
//! ```text
//!   Order { plan, seeds, slice, failures_max }
//!      │            ┌ thread ─ Worker ─ block 2 ┐
//!      └─ Workers ──┼ thread ─ Worker ─ block 0 ┼──▶ fold 0, 1, 2, … ──▶ Swept { tally, ending }
//!                   └ thread ─ Worker ─ block 1 ┘        └ enough failures? stop here
//! ```
//!
//! Only the folder decides when to stop, and only between two blocks, so that the outcome does not
//! depend on who was quick: blocks beyond the stop are thrown away. A work-stealing pool was
//! rejected: there is nothing to steal, and a dependency more.
//!
//! Limits: a sweep that a time limit or a user stops ends at a block that depends on the machine;
//! what it says of the seeds before that is exact.

use super::{
    block::{Block, Catch, Worker},
    fingerprint::Fingerprint,
    floors::Floor,
    quarantine::Known,
    seeds::{Seeds, Slice},
    tally::{Failure, Tally},
};
use crate::{base::digest::digest, engine::trace::ENGINE_EPOCH, scenario::plan::Plan};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;

/// Everything about a sweep that is known before it begins; sweeps with equal heads are parts of
/// one, but for the slice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The file, as it was given.
    pub scenario: String,
    /// Its title.
    pub title: String,
    /// The protocol.
    pub protocol: String,
    /// The digest of its text, edits included.
    pub digest: String,
    /// The version of the engine's behaviour.
    pub epoch: u32,
    /// The version of splitbrain.
    pub version: String,
    /// Edits by `--set`.
    pub sets: Vec<(String, String)>,
    /// The edits that make this variant, by `--vary`.
    pub variation: Vec<(String, String)>,
    /// All seeds, those of other slices included.
    pub seeds: Seeds,
    /// Which part of the blocks.
    pub slice: Slice,
    /// The properties that are to be violated; empty when all are to hold.
    pub expect: Vec<String>,
    /// In how many seeds they are to be violated, at least.
    pub violated_min: u64,
    /// In how many seeds each property is to be put to the test, at least, when all are to hold.
    pub exercised_min: u64,
    /// The properties, in the order of the scenario.
    pub properties: Vec<String>,
    /// The rules, in the order of the scenario, each with its class.
    pub rules: Vec<(String, String)>,
    /// What is to be put to the test besides, and in how many seeds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub floors: Vec<Floor>,
    /// Failures that are known and do not count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub known: Vec<Known>,
}

impl Head {
    /// The head of a sweep of these seeds.
    pub fn new(plan: &Plan, scenario: String, seeds: Seeds, slice: Slice) -> Self {
        let properties = plan.checks.iter().flat_map(|check| check.properties);
        let rules = plan.setup.rules.iter();
        Self {
            scenario,
            title: plan.title.clone(),
            protocol: plan.protocol.clone(),
            digest: format!("{:032x}", digest(plan.text.as_str()).fold.end()),
            epoch: ENGINE_EPOCH,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            sets: Vec::new(),
            variation: Vec::new(),
            seeds,
            slice,
            expect: plan.expect.violations().into_iter().map(str::to_owned).collect(),
            violated_min: plan.sweep.r#in,
            exercised_min: plan.sweep.exercised,
            properties: properties.map(|property| property.name.to_owned()).collect(),
            rules: rules.map(|rule| (rule.id.clone(), rule.what.class().to_owned())).collect(),
            floors: Vec::new(),
            known: Vec::new(),
        }
    }

    /// Whether the scenario expects this failure.
    pub fn expects(&self, what: &Fingerprint) -> bool {
        self.expect.contains(&what.property)
    }

    /// The entry of the quarantine that sets this failure aside.
    pub fn quarantined(&self, what: &Fingerprint) -> Option<&Known> {
        self.known.iter().find(|known| known.covers(what))
    }

    /// The failures that nobody expects and nobody has set aside, in the order of their names.
    pub fn unexpected<'t>(&self, tally: &'t Tally) -> Vec<(&'t Fingerprint, &'t Failure)> {
        let counts =
            |(what, _): &(&Fingerprint, _)| !self.expects(what) && self.quarantined(what).is_none();
        tally.failures.iter().filter(counts).collect()
    }
}

/// What runs blocks: threads, or the caller's own.
pub trait Workers<B = Block> {
    /// Runs the jobs 0 to `jobs` in any order and hands every result to `fold` in the order of
    /// jobs, until it breaks. `make` gives each thread its own function, which need not be sent.
    fn run<'w>(
        &self,
        jobs: u64,
        make: &(dyn Fn() -> Work<'w, B> + Sync),
        fold: &mut dyn FnMut(u64, B) -> ControlFlow<()>,
    ) -> Halt;
}

/// Runs one job after the other.
pub type Work<'w, B = Block> = Box<dyn FnMut(u64) -> B + 'w>;

/// Why the workers stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halt {
    /// All is done, or the folder broke off.
    Done,
    /// The time was up.
    TimeLimit,
    /// Somebody interrupted.
    Interrupted,
}

/// One block after the other, in the thread of the caller.
pub struct OneByOne;

impl<B> Workers<B> for OneByOne {
    fn run<'w>(
        &self,
        jobs: u64,
        make: &(dyn Fn() -> Work<'w, B> + Sync),
        fold: &mut dyn FnMut(u64, B) -> ControlFlow<()>,
    ) -> Halt {
        let mut work = make();
        for job in 0..jobs {
            if fold(job, work(job)).is_break() {
                break;
            }
        }
        Halt::Done
    }
}

/// What to sweep.
pub struct Order<'a> {
    /// The scenario.
    pub plan: &'a Plan,
    /// The seeds.
    pub seeds: &'a Seeds,
    /// Which blocks of them.
    pub slice: Slice,
    /// Stop after so many distinct failures that nobody expects.
    pub failures_max: Option<u64>,
    /// Failures that are known and do not count for that.
    pub known: &'a [Known],
    /// Catches panics.
    pub catch: &'a Catch,
}

/// How a sweep ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// All seeds were run.
    Complete,
    /// There were enough distinct failures.
    FailuresMax,
    /// The time was up.
    TimeLimit,
    /// Somebody interrupted it.
    Interrupted,
}

/// What came of a sweep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Swept {
    /// What was counted over all blocks.
    pub tally: Tally,
    /// Seeds that failed, the smallest first; at most [`FAILED_MAX`].
    pub failed: Vec<u64>,
    /// How it ended.
    pub ending: Ending,
}

/// So many failing seeds are remembered by number; more are only counted.
pub const FAILED_MAX: usize = 1_000;

/// Sweeps. `on_block` sees the number and the tally of each block, in order.
pub fn sweep(
    order: &Order<'_>,
    workers: &dyn Workers,
    on_block: &mut dyn FnMut(u64, &Tally),
) -> Swept {
    let Order { plan, seeds, slice, failures_max, known, catch } = *order;
    let expected = plan.expect.violations();
    let mut swept = Swept { tally: Tally::of(plan), failed: Vec::new(), ending: Ending::Complete };
    let make = || -> Work<'_> {
        let mut worker = Worker::new(plan, catch);
        Box::new(move |job| worker.block(seeds.block(slice.block(job))))
    };
    let jobs = slice.blocks(seeds.blocks());
    let mut fold = |job: u64, block: Block| {
        on_block(slice.block(job), &block.tally);
        swept.tally.add(block.tally);
        let room = FAILED_MAX.saturating_sub(swept.failed.len());
        swept.failed.extend(block.failed.into_iter().take(room));
        let counts = |what: &&Fingerprint| {
            let is_expected = expected.contains(&what.property.as_str());
            !is_expected && !known.iter().any(|known| known.covers(what))
        };
        let distinct = swept.tally.failures.keys().filter(counts).count() as u64;
        if failures_max.is_some_and(|max| max <= distinct) && job + 1 < jobs {
            swept.ending = Ending::FailuresMax;
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    };
    let halt = workers.run(jobs, &make, &mut fold);
    match halt {
        Halt::Done => {}
        Halt::TimeLimit => swept.ending = Ending::TimeLimit,
        Halt::Interrupted => swept.ending = Ending::Interrupted,
    }
    swept
}
