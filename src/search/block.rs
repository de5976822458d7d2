//! One block: seeds run one after the other in one world, some of them again in another.
//!
//! ```text
//!   seed ──▶ world ──▶ hash, judgements, rules ──▶ Tally
//!     └─ 1 in 64, and whatever fails ──▶ another world ──▶ the same? else a finding
//! ```
//!
//! A panic in a handler is a finding with a seed. It leaves a world in pieces, so both worlds are
//! built anew after one; catching it is the caller's, since the hook that learns the place of a
//! panic belongs to the process. Which seeds are run twice depends on the seed alone, so that it
//! does not matter who runs the block.
//!
//! Of violations that the scenario expects, only the first of each kind in a block is run again:
//! where every seed violates, a sweep would cost twice as much and prove nothing more.

use super::{
    fingerprint::Fingerprint,
    tally::{NONDETERMINISM, Tally},
};
use crate::{
    base::ids::Seed,
    checkers::Verdict,
    engine::runner::Outcome,
    scenario::plan::{Judged, Plan, Runner},
};

/// Calls a function; a panic in it becomes an error with its message and place.
pub type Catch = dyn Fn(&mut dyn FnMut()) -> Result<(), String> + Sync;

/// Every so many seeds, one is run twice.
const TWICE_EACH: u64 = 64;

/// Two worlds and their checkers, for blocks of one plan.
pub struct Worker<'p> {
    plan: &'p Plan,
    catch: &'p Catch,
    expected: Vec<&'p str>,
    first: Runner<'p>,
    second: Runner<'p>,
}

/// What came of a block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// What was counted.
    pub tally: Tally,
    /// The seeds that failed, in order.
    pub failed: Vec<u64>,
}

impl<'p> Worker<'p> {
    /// Two new worlds.
    pub fn new(plan: &'p Plan, catch: &'p Catch) -> Self {
        let expected = plan.expect.violations();
        Self { plan, catch, expected, first: plan.runner(), second: plan.runner() }
    }

    /// Runs the seeds of a block.
    pub fn block(&mut self, seeds: impl Iterator<Item = Seed>) -> Block {
        let mut block = Block { tally: Tally::of(self.plan), failed: Vec::new() };
        for seed in seeds {
            self.seed(seed, &mut block);
        }
        block
    }

    fn seed(&mut self, seed: Seed, block: &mut Block) {
        let result = attempt(self.catch, &mut self.first, seed);
        let tally = &mut block.tally;
        tally.seeds += 1;
        let found = match &result {
            Ok(judged) => {
                tally.hashes = tally.hashes.wrapping_add(judged.hash);
                tally.cut_off += u64::from(judged.end.outcome == Outcome::LimitReached);
                self.count(judged, tally);
                self.violations(judged)
            }
            Err(panic) => vec![(Fingerprint::of_panic(panic, &self.plan.catalog), one_line(panic))],
        };
        let is_expected = |what: &Fingerprint| self.expected.contains(&what.property.as_str());
        let is_new = found.iter().any(|(what, _)| !tally.failures.contains_key(what));
        let mut fails = found.iter().any(|(what, _)| !is_expected(what));
        let hash = result.as_ref().map_or(0, |judged| judged.hash);
        for (what, sentence) in found {
            tally.failed(what, seed, hash, &sentence);
        }
        if fails || is_new || seed.0.is_multiple_of(TWICE_EACH) {
            tally.twice += 1;
            let again = attempt(self.catch, &mut self.second, seed);
            if let Some(difference) = difference(&result, &again) {
                let what = Fingerprint { property: NONDETERMINISM.to_owned(), shape: 0 };
                tally.failed(what, seed, hash, &difference);
                fails = true;
            }
            if again.is_err() {
                self.second = self.plan.runner();
            }
        }
        if result.is_err() {
            self.first = self.plan.runner();
        }
        if fails {
            tally.failing += 1;
            block.failed.push(seed.0);
        }
    }

    fn count(&self, judged: &Judged, tally: &mut Tally) {
        for judgement in &judged.judgements {
            tally.judged(judgement);
        }
        let rules = self.plan.setup.rules.iter().zip(self.first.simulation().rules());
        for (rule, counts) in rules {
            tally.ruled(&rule.id, counts);
        }
    }

    fn violations(&self, judged: &Judged) -> Vec<(Fingerprint, String)> {
        let violations = judged.judgements.iter().filter_map(|judgement| {
            let Verdict::Violated(witness) = &judgement.verdict else { return None };
            let what = Fingerprint::of(judgement, &self.plan.catalog)?;
            Some((what, witness.sentence.clone()))
        });
        violations.collect()
    }
}

fn attempt(catch: &Catch, runner: &mut Runner<'_>, seed: Seed) -> Result<Judged, String> {
    let mut judged = None;
    catch(&mut || judged = Some(runner.judged(seed)))?;
    Ok(judged.expect("it was judged, or had panicked"))
}

fn one_line(panic: &str) -> String {
    panic.replace('\n', " ")
}

fn difference(one: &Result<Judged, String>, other: &Result<Judged, String>) -> Option<String> {
    match (one, other) {
        _ if one == other => None,
        (Ok(one), Ok(other)) if one.hash != other.hash => Some(format!(
            "run again in another world it gave {:032x} instead of {:032x}",
            other.hash, one.hash
        )),
        (Ok(_), Ok(_)) => Some("judged again it was judged otherwise".to_owned()),
        (Ok(_), Err(panic)) => Some(format!("run again it {}", one_line(panic))),
        (Err(panic), Ok(_)) => Some(format!("run again it ended; before, it {}", one_line(panic))),
        (Err(one), Err(other)) => {
            Some(format!("it {}; run again it {}", one_line(one), one_line(other)))
        }
    }
}
