//! The tally: what is counted over seeds. Two tallies add up to one, in any order.
//!
//! ```text
//!   block 0: Tally ─┐
//!   block 1: Tally ─┼─ add ──▶ Tally of all seeds       counts add, of equal failures the
//!   block 2: Tally ─┘                                   smallest seed stays
//! ```
//!
//! Adding is commutative and associative, so that the same seeds give the same tally however they
//! are shared out, over threads or machines. Its size does not depend on the number of seeds: it
//! grows with properties, rules and *distinct* failures. Keeping a line per seed was rejected; a
//! seed can be run again.

use super::{
    fingerprint::{Fingerprint, PANIC},
    lines::{as_hex, as_text},
};
use crate::{
    base::ids::Seed,
    checkers::{Judgement, Verdict},
    engine::faults::RuleCounts,
    scenario::plan::Plan,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The name under which a run that differs the second time is counted.
pub const NONDETERMINISM: &str = "nondeterminism";

/// What was counted over some seeds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tally {
    /// How many seeds were run.
    pub seeds: u64,
    /// How many of them were run a second time, in another world.
    pub twice: u64,
    /// Seeds in which something failed that nobody expects.
    pub failing: u64,
    /// Runs that were stopped because they had more events than any run should.
    pub cut_off: u64,
    /// The sum of the hashes of all runs: equal sweeps have equal sums.
    #[serde(with = "as_hex")]
    pub hashes: u128,
    /// By property.
    pub properties: BTreeMap<String, PropertyTally>,
    /// By rule.
    pub rules: BTreeMap<String, RuleTally>,
    /// What failed, by fingerprint; told in lines of its own.
    #[serde(skip)]
    pub failures: BTreeMap<Fingerprint, Failure>,
}

/// In how many seeds a property held and did not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PropertyTally {
    /// Seeds in which it was put to the test.
    pub exercised: u64,
    /// Seeds in which it was violated.
    pub violated: u64,
    /// Seeds in which its checker gave up.
    pub unknown: u64,
    /// Occasions on which it could have been violated, over all seeds.
    pub occasions: u64,
}

/// What a rule did, over all seeds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleTally {
    /// Seeds in which it made a difference.
    pub effective: u64,
    /// Occasions on which it could have struck.
    pub armed: u64,
    /// Strikes that the budget refused.
    pub refused: u64,
    /// Strikes.
    pub fired: u64,
    /// Differences it made.
    pub effects: u64,
}

/// One kind of failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// In how many seeds.
    pub seeds: u64,
    /// The smallest of them.
    #[serde(with = "as_text")]
    pub smallest: u64,
    /// The hash of the run with the smallest seed; zero for one that had no end.
    #[serde(with = "as_hex")]
    pub hash: u128,
    /// What its witness, or the panic, says.
    pub sentence: String,
}

impl Tally {
    /// Nothing counted yet, for a plan.
    pub fn of(plan: &Plan) -> Self {
        let properties = plan.checks.iter().flat_map(|check| check.properties);
        Self {
            properties: properties.map(|p| (p.name.to_owned(), PropertyTally::default())).collect(),
            rules: plan.setup.rules.iter().map(|r| (r.id.clone(), RuleTally::default())).collect(),
            ..Self::default()
        }
    }

    /// Counts the judgement of one seed on one property.
    pub(super) fn judged(&mut self, judgement: &Judgement) {
        let tally = entry(&mut self.properties, judgement.property);
        tally.exercised += u64::from(judgement.exercised > 0);
        tally.occasions += judgement.exercised;
        tally.violated += u64::from(matches!(judgement.verdict, Verdict::Violated(_)));
        tally.unknown += u64::from(matches!(judgement.verdict, Verdict::Unknown(_)));
    }

    /// Counts what a rule did in one seed.
    pub(super) fn ruled(&mut self, id: &str, counts: RuleCounts) {
        let tally = entry(&mut self.rules, id);
        tally.effective += u64::from(counts.effects > 0);
        tally.armed += counts.armed;
        tally.refused += counts.refused;
        tally.fired += counts.fired;
        tally.effects += counts.effects;
    }

    /// Counts a failure of one seed.
    pub(super) fn failed(&mut self, what: Fingerprint, seed: Seed, hash: u128, sentence: &str) {
        let known = self.failures.get_mut(&what);
        if let Some(known) = known.filter(|known| known.smallest < seed.0) {
            known.seeds += 1;
            return;
        }
        let failure = Failure { seeds: 1, smallest: seed.0, hash, sentence: sentence.to_owned() };
        self.add_failure(what, failure);
    }

    /// Adds a group of equal failures.
    pub fn add_failure(&mut self, what: Fingerprint, other: Failure) {
        match self.failures.get_mut(&what) {
            None => {
                self.failures.insert(what, other);
            }
            Some(known) => {
                let seeds = known.seeds + other.seeds;
                if other.smallest < known.smallest {
                    *known = other;
                }
                known.seeds = seeds;
            }
        }
    }

    /// Adds what was counted over other seeds.
    pub fn add(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.twice += other.twice;
        self.failing += other.failing;
        self.cut_off += other.cut_off;
        self.hashes = self.hashes.wrapping_add(other.hashes);
        for (name, counts) in other.properties {
            let tally = entry(&mut self.properties, &name);
            tally.exercised += counts.exercised;
            tally.violated += counts.violated;
            tally.unknown += counts.unknown;
            tally.occasions += counts.occasions;
        }
        for (id, counts) in other.rules {
            let tally = entry(&mut self.rules, &id);
            tally.effective += counts.effective;
            tally.armed += counts.armed;
            tally.refused += counts.refused;
            tally.fired += counts.fired;
            tally.effects += counts.effects;
        }
        for (what, failure) in other.failures {
            self.add_failure(what, failure);
        }
    }
}

impl Fingerprint {
    /// Whether it is not a violated property but a run that went wrong altogether.
    pub fn is_finding(&self) -> bool {
        [PANIC, NONDETERMINISM].contains(&self.property.as_str())
    }
}

/// The entry of a name, looked up without allocating when it is there.
fn entry<'t, T: Default>(table: &'t mut BTreeMap<String, T>, name: &str) -> &'t mut T {
    if !table.contains_key(name) {
        table.insert(name.to_owned(), T::default());
    }
    table.get_mut(name).expect("it was inserted just now")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(seed: u64, property: &str) -> Tally {
        let mut tally =
            Tally { seeds: 1, hashes: u128::MAX - u128::from(seed), ..Tally::default() };
        let what = Fingerprint { property: property.to_owned(), shape: 7 };
        tally.failed(what, Seed(seed), 5, &format!("seed {seed}"));
        tally.ruled("a", RuleCounts { armed: seed, effects: seed % 2, ..RuleCounts::default() });
        tally
    }

    #[test]
    fn the_order_of_adding_does_not_matter() {
        let parts = [tally(3, "p"), tally(1, "q"), tally(2, "p"), tally(9, "p")];
        let sum = |order: [usize; 4]| {
            order.iter().fold(Tally::default(), |mut sum, &part| {
                sum.add(parts[part].clone());
                sum
            })
        };
        let one = sum([0, 1, 2, 3]);
        assert_eq!(one, sum([3, 2, 1, 0]));
        assert_eq!(one, sum([2, 0, 3, 1]));
        assert_eq!((one.seeds, one.rules["a"].armed, one.rules["a"].effective), (4, 15, 3));
    }

    #[test]
    fn the_smallest_seed_speaks_for_its_group() {
        let mut sum = tally(3, "p");
        sum.add(tally(2, "p"));
        sum.add(tally(9, "p"));
        let failure = sum.failures.values().next().expect("one group");
        assert_eq!((failure.seeds, failure.smallest, failure.sentence.as_str()), (3, 2, "seed 2"));
    }
}
