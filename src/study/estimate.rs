//! Estimates: from what every seed showed to one number and where it may lie.
//!
//! ```text
//!   mean      Σx / Σn over seeds          Student's t over seeds: each seed is one batch
//!   share     Σk / Σn                     Wilson, with as many trials as the seeds are worth
//!   quantile  the value of rank ⌈qn⌉      two order statistics, by the binomial law of ranks
//! ```
//!
//! Operations of one run share its weather, so they are not independent trials; seeds are. A mean
//! is therefore judged by its spread between seeds (batch means with ratios: Cochran, *Sampling
//! Techniques*, 1977, section 6.4), and a share or a quantile by an *effective* number of trials: those
//! there were, divided by how much more seeds differ than independent trials would (Kish's design
//! effect; Korn & Graubard, *Survey Methodology* 24, 1998). With one operation per seed this is the
//! textbook's interval. Sums stay integers until here and are taken in the order of seeds, so that
//! the result does not depend on who ran them. A bootstrap was rejected: it draws.
//!
//! Limits: 95 % and nothing else; every value of a quantile is kept, 8 bytes each.

use crate::search::statistics::Interval;

/// What one seed showed: a sum and out of how many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pair {
    /// The sum, or the hits.
    pub sum: u64,
    /// The operations, or the trials.
    pub of: u64,
}

/// What the seeds of a cell showed about one measure, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Samples {
    /// One per seed.
    pub pairs: Vec<Pair>,
    /// The values of all seeds, for quantiles; `pairs[i].of` of them belong to seed i.
    pub values: Vec<u64>,
}

impl Samples {
    /// Adds what later seeds showed.
    pub fn append(&mut self, mut later: Self) {
        self.pairs.append(&mut later.pairs);
        self.values.append(&mut later.values);
    }
}

/// What becomes of samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Statistic {
    /// Sum over number.
    Mean,
    /// Hits over trials.
    Share,
    /// The value below or at which this share lies.
    Quantile(f64),
}

/// A number, where it may lie, and what it rests on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The number; none without a trial.
    pub value: Option<f64>,
    /// The 95 % interval; none where nothing can be said.
    pub interval: Option<Interval>,
    /// Where it may lie within four standard deviations: what a formula is held to.
    pub tolerance: Option<Interval>,
    /// Trials: operations, doubts or seeds.
    pub trials: u64,
}

impl Statistic {
    /// The estimate from samples.
    pub fn estimate(self, samples: &Samples) -> Estimate {
        let trials: u64 = samples.pairs.iter().map(|pair| pair.of).sum();
        if trials == 0 {
            return Estimate { value: None, interval: None, tolerance: None, trials };
        }
        let (value, [interval, tolerance]) = match self {
            Self::Mean => mean(&samples.pairs),
            Self::Share => share(&samples.pairs),
            Self::Quantile(at) => quantile(samples, at),
        };
        Estimate { value: Some(value), interval, tolerance, trials }
    }
}

/// The 97.5 % quantile of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;
/// How many standard deviations a formula may be off: more happens once in sixteen thousand cells.
const TOLERATED: f64 = 4.0;

/// The 95 % interval, and the one of tolerance.
type Intervals = [Option<Interval>; 2];

/// A ratio of sums over seeds.
struct Ratio {
    value: f64,
    /// Its variance if seeds vary as they did.
    variance: f64,
    /// Seeds that had a trial.
    seeds: u64,
    trials: u128,
}

fn ratio(pairs: impl Iterator<Item = Pair> + Clone) -> Ratio {
    let (mut sum, mut trials, mut seeds) = (0_u128, 0_u128, 0_u64);
    for pair in pairs.clone() {
        (sum, trials) = (sum + u128::from(pair.sum), trials + u128::from(pair.of));
        seeds += u64::from(pair.of > 0);
    }
    let (value, all) = (sum as f64 / trials as f64, trials as f64);
    let residuals: f64 = pairs
        .map(|pair| pair.sum as f64 - value * pair.of as f64)
        .map(|residual| residual * residual)
        .sum();
    Ratio { value, variance: residuals / (all * all), seeds, trials }
}

fn mean(pairs: &[Pair]) -> (f64, Intervals) {
    let Ratio { value, variance, seeds, .. } = ratio(pairs.iter().copied());
    let within = |deviations: f64| {
        (1 < seeds).then(|| {
            let unbiased = variance * seeds as f64 / (seeds - 1) as f64;
            let half = deviations / Z * student(seeds - 1) * libm::sqrt(unbiased);
            Interval { low: value - half, high: value + half }
        })
    };
    (value, [Z, TOLERATED].map(within))
}

fn share(pairs: &[Pair]) -> (f64, Intervals) {
    let (share, trials) = effective(pairs.iter().copied());
    let within = |deviations| trials.map(|trials| wilson(share, trials, deviations));
    (share, [Z, TOLERATED].map(within))
}

/// A share, and how many independent trials it is worth: never more than there were. None when
/// all trials are of one seed and were more than one, since nothing tells how alike they are.
fn effective(pairs: impl Iterator<Item = Pair> + Clone) -> (f64, Option<f64>) {
    let Ratio { value, variance, seeds, trials } = ratio(pairs);
    let trials = trials as f64;
    let independent = value * (1.0 - value) / trials;
    let worth = trials * (independent / variance.max(f64::MIN_POSITIVE)).min(1.0);
    // Where all trials agree there is no spread to compare.
    let worth = if independent <= 0.0 { trials } else { worth };
    (value, (1 < seeds || trials <= 1.0).then_some(worth))
}

/// Wilson's interval (1927) of a share over so many trials, which need not be a whole number: all
/// probabilities of which the share is no further off than so many of their standard deviations.
fn wilson(share: f64, trials: f64, deviations: f64) -> Interval {
    let square = deviations * deviations;
    let middle = share + square / (2.0 * trials);
    let spread = share * (1.0 - share) / trials + square / (4.0 * trials * trials);
    let (width, scale) = (deviations * libm::sqrt(spread), 1.0 + square / trials);
    let low = if share <= 0.0 { 0.0 } else { ((middle - width) / scale).max(0.0) };
    let high = if 1.0 <= share { 1.0 } else { ((middle + width) / scale).min(1.0) };
    Interval { low, high }
}

fn quantile(samples: &Samples, at: f64) -> (f64, Intervals) {
    let mut sorted = samples.values.clone();
    sorted.sort_unstable();
    let count = sorted.len() as f64;
    let value = sorted[rank(at * count, sorted.len())];
    let mut rest = samples.values.as_slice();
    let below: Vec<Pair> =
        samples.pairs.iter().map(|pair| below(&mut rest, *pair, value)).collect();
    let (_, trials) = effective(below.into_iter());
    let within = |deviations: f64| {
        trials.and_then(|trials| {
            let half = deviations * libm::sqrt(at * (1.0 - at) / trials) * count;
            let (low, high) = (at * count - half, at * count + half + 1.0);
            // Beyond the least and the greatest value nothing is known.
            let known = 1.0 <= low && high <= count;
            let place = |rank: f64| sorted[self::rank(rank, sorted.len())] as f64;
            known.then(|| Interval { low: place(low), high: place(high) })
        })
    };
    (value as f64, [Z, TOLERATED].map(within))
}

/// How many values of one seed lie at or below a value.
fn below(rest: &mut &[u64], pair: Pair, value: u64) -> Pair {
    let (own, later) = rest.split_at(pair.of as usize);
    *rest = later;
    Pair { sum: own.iter().filter(|own| **own <= value).count() as u64, of: pair.of }
}

/// The place of the value of a rank that is counted from 1 and rounded up.
fn rank(rank: f64, count: usize) -> usize {
    (libm::ceil(rank) as usize).clamp(1, count) - 1
}

/// The 97.5 % quantile of Student's t with so many degrees of freedom: a table, then the expansion
/// around the normal quantile (Abramowitz & Stegun 26.7.5), good to 0.001 there.
fn student(freedom: u64) -> f64 {
    const TABLE: [f64; 10] =
        [12.706_2, 4.302_7, 3.182_4, 2.776_4, 2.570_6, 2.446_9, 2.364_6, 2.306_0, 2.262_2, 2.228_1];
    if let Some(known) = TABLE.get((freedom as usize).saturating_sub(1)) {
        return *known;
    }
    let freedom = freedom as f64;
    let (cube, fifth) = (Z * Z * Z, Z * Z * Z * Z * Z);
    let seventh = fifth * Z * Z;
    Z + (cube + Z) / (4.0 * freedom)
        + (5.0 * fifth + 16.0 * cube + 3.0 * Z) / (96.0 * freedom * freedom)
        + (3.0 * seventh + 19.0 * fifth + 17.0 * cube - 15.0 * Z) / (384.0 * freedom.powi(3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::statistics;

    fn close(value: f64, wanted: f64) {
        assert!((value - wanted).abs() < 1e-4 * wanted.abs().max(1e-3), "{value} is not {wanted}");
    }

    fn pairs(all: &[(u64, u64)]) -> Samples {
        let pairs = all.iter().map(|&(sum, of)| Pair { sum, of }).collect();
        Samples { pairs, values: Vec::new() }
    }

    #[test]
    fn a_mean_of_one_trial_per_seed_has_students_interval() {
        // 1, 2, 3, 4, 5: mean 3, standard error sqrt(2.5 / 5), t(4) = 2.7764.
        let samples = pairs(&[(1, 1), (2, 1), (3, 1), (4, 1), (5, 1)]);
        let estimate = Statistic::Mean.estimate(&samples);
        assert_eq!((estimate.value, estimate.trials), (Some(3.0), 5));
        let interval = estimate.interval.expect("five seeds");
        close(interval.low, 3.0 - 2.7764 * std::f64::consts::FRAC_1_SQRT_2);
        close(interval.high, 3.0 + 2.7764 * std::f64::consts::FRAC_1_SQRT_2);
    }

    #[test]
    fn students_quantiles_are_those_of_the_tables() {
        for (freedom, quantile) in [
            (1, 12.706),
            (4, 2.776),
            (10, 2.228),
            (11, 2.201),
            (20, 2.086),
            (30, 2.042),
            (120, 1.980),
        ] {
            assert!((student(freedom) - quantile).abs() < 1e-3, "{freedom}: {}", student(freedom));
        }
    }

    #[test]
    fn a_share_of_one_trial_per_seed_has_wilsons_interval() {
        let mut all = vec![(0, 1); 133];
        all.extend([(1, 1); 15]);
        let interval = Statistic::Share.estimate(&pairs(&all)).interval.expect("many seeds");
        let wilson = statistics::wilson(15, 148);
        close(interval.low, wilson.low);
        close(interval.high, wilson.high);
        for hits in [0, 1] {
            let interval = Statistic::Share.estimate(&pairs(&[(hits, 1); 20])).interval;
            let wilson = statistics::wilson(20 * hits, 20);
            close(interval.expect("many seeds").low, wilson.low);
            close(interval.expect("many seeds").high, wilson.high);
        }
    }

    #[test]
    fn trials_that_hang_together_are_worth_less() {
        let alone: Vec<_> = (0..1_000).map(|nth| (u64::from(nth % 4 == 0), 1)).collect();
        let together: Vec<_> = (0..100).map(|nth| (10 * u64::from(nth % 4 == 0), 10)).collect();
        let width = |all: &[(u64, u64)]| {
            let estimate = Statistic::Share.estimate(&pairs(all));
            assert_eq!((estimate.value, estimate.trials), (Some(0.25), 1_000));
            estimate.interval.map(|interval| interval.high - interval.low).expect("many seeds")
        };
        assert!(3.0 < width(&together) / width(&alone) && width(&together) / width(&alone) < 3.3);
        assert_eq!(Statistic::Share.estimate(&pairs(&[(3, 10)])).interval, None);
    }

    #[test]
    fn a_quantile_lies_between_order_statistics() {
        let values: Vec<u64> = (1..=1_000).rev().collect();
        let samples = Samples { pairs: vec![Pair { sum: 0, of: 1 }; 1_000], values };
        let estimate = Statistic::Quantile(0.5).estimate(&samples);
        assert_eq!(estimate.value, Some(500.0));
        // 500 ± 1.96 · sqrt(250) = 469.01 … 530.99, rounded outwards by one rank at most.
        let interval = estimate.interval.expect("many seeds");
        assert_eq!((interval.low, interval.high), (470.0, 532.0));
        let tail = Statistic::Quantile(0.999).estimate(&samples);
        assert_eq!((tail.value, tail.interval), (Some(999.0), None), "the tail is too short");
    }

    #[test]
    fn what_is_tolerated_is_four_standard_deviations() {
        // A share: just as far as four deviations of what the formula says, and not of the share.
        let tolerated = Statistic::Share.estimate(&pairs(&[(1, 1); 30])).tolerance;
        assert_eq!(tolerated.map(|interval| interval.high), Some(1.0));
        let mut all = vec![(0, 1); 900];
        all.extend([(1, 1); 100]);
        let Interval { low, high } =
            Statistic::Share.estimate(&pairs(&all)).tolerance.expect("many seeds");
        for end in [low, high] {
            close((0.1 - end).abs(), 4.0 * libm::sqrt(end * (1.0 - end) / 1_000.0));
        }
        // What is certain may be off by nothing.
        let mut one_in_many = vec![(0, 1); 100_000];
        one_in_many[0] = (1, 1);
        let once = Statistic::Share.estimate(&pairs(&one_in_many));
        assert!(once.tolerance.is_some_and(|interval| 0.0 < interval.low), "{once:?}");
        let mean = Statistic::Mean.estimate(&pairs(&[(7, 1); 40])).tolerance.expect("many seeds");
        assert_eq!((mean.low, mean.high), (7.0, 7.0));
    }

    #[test]
    fn without_a_trial_there_is_no_number() {
        for statistic in [Statistic::Mean, Statistic::Share, Statistic::Quantile(0.9)] {
            let estimate = statistic.estimate(&pairs(&[(0, 0), (0, 0)]));
            assert_eq!((estimate.value, estimate.interval), (None, None));
        }
    }
}
