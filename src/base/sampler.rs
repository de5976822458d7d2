//! Latency laws: one random word in, one span of time out.
//!
//! ```text
//!    Law (what a scenario says) ── compile ──▶ Sampler (what the engine asks)
//!
//!    latency ▲              ╭  highest
//!            │           ╭──╯      Every law is its inverse distribution function, so a
//!            │  ╭────────╯         larger word never gives a smaller latency.
//!     lowest │──╯
//!            └───────────────▶ word, 0 … 2^64 − 1
//! ```
//!
//! One word per value, whatever the law: swapping a law moves no other draw, and lowering a word
//! makes a message faster, which is how a failing run is simplified. Rejection and the ziggurat
//! were rejected for that reason; floats because their functions differ by platform.
//!
//! A mixture is the one exception to the picture: its word first chooses the part and then the value
//! within it, so it rises only within a part. Its inverse has no formula, and a table would be
//! wrong where it matters, in the tail.
//!
//! Limits: values are whole nanoseconds, rounded down; exponential tails end at 64·ln 2, some 44
//! times the mean, and Pareto tails where as rare a value stands; logarithms are good to 2e-6.

use super::logarithm::{
    EXPONENT_BITS, high_half, log2, minus_ln, minus_log2, times_ln_2, times_power_of_two,
};
use super::quantity::{Exponent, Probability};
use super::time::{Duration, serialize_as_text};
use serde::{Deserialize, Serialize};

/// How long something takes, as a scenario states it: `Uniform("1ms", "9ms")`.
///
/// Reading checks the form only; [`validate`](Self::validate) checks the sense.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Law {
    /// Always the same.
    Fixed(#[serde(serialize_with = "serialize_as_text")] Duration),
    /// Every span from the first to the second, both included, alike.
    Uniform(
        #[serde(serialize_with = "serialize_as_text")] Duration,
        #[serde(serialize_with = "serialize_as_text")] Duration,
    ),
    /// At least `floor`, and memoryless beyond it.
    Exponential {
        /// The least there is.
        #[serde(serialize_with = "serialize_as_text")]
        floor: Duration,
        /// The mean of the whole, floor included.
        #[serde(serialize_with = "serialize_as_text")]
        mean: Duration,
    },
    /// From the first to the second span, every order of magnitude alike.
    LogUniform(
        #[serde(serialize_with = "serialize_as_text")] Duration,
        #[serde(serialize_with = "serialize_as_text")] Duration,
    ),
    /// At least `scale`, with a heavy tail: P(more than x) = (scale / x)^shape.
    Pareto {
        /// The least there is.
        #[serde(serialize_with = "serialize_as_text")]
        scale: Duration,
        /// How thin the tail is; above 1, so that there is a mean.
        shape: Exponent,
    },
    /// As measured: straight lines between the given quantiles, from `0%` to `100%`.
    Quantiles(Vec<Quantile>),
    /// One law or another, each for its share of all values; the shares add up to `100%`.
    Mixture(Vec<Part>),
}

/// One measured point, `("99%", "20ms")`: that share of all values is at most that long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quantile(
    /// The share of values, `0%` to `100%`.
    pub Probability,
    /// The value that this share does not exceed.
    #[serde(serialize_with = "serialize_as_text")]
    pub Duration,
);

/// One part of a mixture, `("8%", Fixed("5ms"))`: that share of all values follows that law.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part(
    /// The share of values, above `0%`.
    pub Probability,
    /// What they follow.
    pub Law,
);

impl Law {
    /// Whether the law makes sense.
    ///
    /// # Errors
    /// A sentence that names the values at fault and, where there is one, the way out.
    pub fn validate(&self) -> Result<(), String> {
        match self {
            Self::Uniform(lowest, highest) => ascending("Uniform", *lowest, *highest),
            Self::Exponential { floor, mean } => exceeds(*mean, *floor),
            Self::LogUniform(lowest, _) if lowest.is_zero() => {
                Err("LogUniform begins above zero: the logarithm of 0s does not exist".to_owned())
            }
            Self::LogUniform(lowest, highest) => ascending("LogUniform", *lowest, *highest),
            Self::Pareto { scale, .. } if scale.is_zero() => {
                Err("Pareto begins above zero: its scale is its least value".to_owned())
            }
            Self::Pareto { shape, .. } if *shape <= Exponent::ONE => {
                Err(format!("a Pareto law of shape {shape} has no mean: it lies above 1"))
            }
            Self::Fixed(_) | Self::Pareto { .. } => Ok(()),
            Self::Quantiles(points) => complete(points),
            Self::Mixture(parts) => whole(parts),
        }
    }

    /// The law in the form the engine draws from.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn compile(&self) -> Result<Sampler, String> {
        self.validate()?;
        Ok(Sampler(match self {
            Self::Fixed(span) => Curve::Fixed(span.as_nanos()),
            Self::Uniform(lowest, highest) => {
                Curve::Uniform { lowest: lowest.as_nanos(), width: (*highest - *lowest).as_nanos() }
            }
            Self::Exponential { floor, mean } => Curve::Exponential {
                floor: floor.as_nanos(),
                mean_excess: (*mean - *floor).as_nanos(),
            },
            Self::LogUniform(lowest, highest) => {
                let (lowest, highest) = (lowest.as_nanos(), highest.as_nanos());
                Curve::LogUniform { lowest, highest, octaves: log2(highest) - log2(lowest) }
            }
            Self::Pareto { scale, shape } => {
                let (one, shape) = (Exponent::ONE.as_millionths(), shape.as_millionths());
                let inverse_shape = (u128::from(one) << 64) / u128::from(shape);
                Curve::Pareto { scale: scale.as_nanos(), inverse_shape: inverse_shape as u64 }
            }
            Self::Quantiles(points) => Curve::Quantiles(
                points.windows(2).map(|pair| Line::new(pair[0], pair[1])).collect(),
            ),
            Self::Mixture(parts) => Curve::Mixture(Self::stretches(parts)?),
        }))
    }
}

impl Law {
    /// Lays the parts of a mixture side by side over all words; the last ends where they end.
    fn stretches(parts: &[Part]) -> Result<Box<[(Stretch, Sampler)]>, String> {
        let mut start = 0;
        let mut stretches = Vec::with_capacity(parts.len());
        for (place, Part(share, law)) in parts.iter().enumerate() {
            let last = place + 1 == parts.len();
            let end = if last { u64::MAX } else { start + share.as_word() };
            stretches.push((Stretch::new(start, end), law.compile()?));
            start = end;
        }
        Ok(stretches.into())
    }
}

/// Shares are rounded to 2^64ths each, so their sum may be off by as many.
fn whole(parts: &[Part]) -> Result<(), String> {
    let sum: u128 = parts.iter().map(|Part(share, _)| u128::from(share.as_word())).sum();
    if parts.iter().any(|Part(share, _)| *share == Probability::NEVER) {
        return Err("a part of Mixture has a share above 0%; leave it out for none".to_owned());
    }
    if sum.abs_diff(1 << 64) > parts.len() as u128 {
        return Err("the shares of Mixture add up to 100%".to_owned());
    }
    parts.iter().try_for_each(|Part(_, law)| law.validate())
}

fn ascending(law: &str, lowest: Duration, highest: Duration) -> Result<(), String> {
    if lowest <= highest {
        return Ok(());
    }
    Err(format!("{law} goes from the lower to the higher end, and {lowest} is above {highest}"))
}

fn exceeds(mean: Duration, floor: Duration) -> Result<(), String> {
    if mean > floor {
        return Ok(());
    }
    Err(format!(
        "the mean of Exponential includes its floor and lies above it, and {mean} is not above \
         {floor}; for no spread at all write Fixed"
    ))
}

fn complete(points: &[Quantile]) -> Result<(), String> {
    let share = |point: Option<&Quantile>| point.map(|Quantile(share, _)| *share);
    if share(points.first()) != Some(Probability::NEVER) {
        return Err("Quantiles begins with the least value, at \"0%\"".to_owned());
    }
    if share(points.last()) != Some(Probability::ALWAYS) {
        return Err("Quantiles ends with the greatest value, at \"100%\"".to_owned());
    }
    points.windows(2).try_for_each(|pair| rises(pair[0], pair[1]))
}

fn rises(
    Quantile(share, value): Quantile,
    Quantile(next_share, next_value): Quantile,
) -> Result<(), String> {
    if next_share <= share {
        return Err(format!("the shares of Quantiles rise, and {next_share} follows {share}"));
    }
    if next_value < value {
        return Err(format!(
            "the values of Quantiles never fall, and {next_value} follows {value}"
        ));
    }
    Ok(())
}

/// A law ready to draw from: a pure function from words to spans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sampler(Curve);

/// All times are in nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Curve {
    Fixed(u64),
    Uniform { lowest: u64, width: u64 },
    Exponential { floor: u64, mean_excess: u64 },
    LogUniform { lowest: u64, highest: u64, octaves: u64 },
    Pareto { scale: u64, inverse_shape: u64 },
    Quantiles(Box<[Line]>),
    Mixture(Box<[(Stretch, Sampler)]>),
}

impl Sampler {
    /// The span at `word`; never less than at a smaller word (of one part). Allocates nothing.
    #[inline]
    pub fn sample(&self, word: u64) -> Duration {
        Duration::from_nanos(match &self.0 {
            Curve::Fixed(nanos) => *nanos,
            Curve::Uniform { lowest, width } => lowest + part_of(*width, word),
            Curve::Exponential { floor, mean_excess } => exponential(*floor, *mean_excess, word),
            Curve::LogUniform { lowest, highest, octaves } => {
                log_uniform(*lowest, *highest, *octaves, word)
            }
            Curve::Pareto { scale, inverse_shape } => pareto(*scale, *inverse_shape, word),
            Curve::Quantiles(lines) => on_lines(lines, word),
            Curve::Mixture(parts) => return of_parts(parts, word),
        })
    }

    /// The least span there is.
    pub fn min(&self) -> Duration {
        match &self.0 {
            Curve::Mixture(parts) => {
                let least = parts.iter().map(|(_, law)| law.min()).min();
                least.expect("a validated mixture has parts")
            }
            _ => self.sample(0),
        }
    }

    /// The greatest span there is; of an exponential or Pareto law the 2^-64 tail.
    pub fn max(&self) -> Duration {
        match &self.0 {
            Curve::Mixture(parts) => {
                let greatest = parts.iter().map(|(_, law)| law.max()).max();
                greatest.expect("a validated mixture has parts")
            }
            _ => self.sample(u64::MAX),
        }
    }

    /// The mean, to a few nanoseconds or millionths.
    pub fn mean(&self) -> Duration {
        Duration::from_nanos(match &self.0 {
            Curve::Fixed(nanos) => *nanos,
            Curve::Uniform { lowest, width } => lowest + width / 2,
            Curve::Exponential { floor, mean_excess } => floor + mean_excess,
            Curve::LogUniform { lowest, highest, octaves } => {
                let (rise, logarithm) = (highest - lowest, times_ln_2(*octaves));
                let mean = (u128::from(rise) << EXPONENT_BITS).checked_div(logarithm.into());
                mean.map_or(*lowest, |mean| u64::try_from(mean).unwrap_or(u64::MAX))
                    .clamp(*lowest, *highest)
            }
            Curve::Pareto { scale, inverse_shape } => {
                let share = u128::from(inverse_shape.wrapping_neg()); // 1 − 1/shape
                u64::try_from((u128::from(*scale) << 64) / share).unwrap_or(u64::MAX)
            }
            Curve::Quantiles(lines) => lines.iter().map(Line::share_of_mean).sum(),
            Curve::Mixture(parts) => {
                let share =
                    |(of, law): &(Stretch, Self)| high_half(law.mean().as_nanos(), of.width());
                parts.iter().map(share).sum()
            }
        })
    }
}

/// `word / 2^64` of all whole numbers from zero to `width`, which are one more than `width`.
#[inline]
fn part_of(width: u64, word: u64) -> u64 {
    let word = u128::from(word);
    ((word * u128::from(width) + word) >> 64) as u64
}

/// The largest words must give the longest spans, hence the complement.
fn exponential(floor: u64, mean_excess: u64, word: u64) -> u64 {
    let times = u128::from(minus_ln(!word));
    let excess = (u128::from(mean_excess) * times) >> EXPONENT_BITS;
    u64::try_from(excess).unwrap_or(u64::MAX).saturating_add(floor)
}

/// The probability of a greater value, to the power of −1/shape.
fn pareto(scale: u64, inverse_shape: u64, word: u64) -> u64 {
    let exponent = high_half(minus_log2(!word), inverse_shape);
    u64::try_from(times_power_of_two(scale, exponent)).unwrap_or(u64::MAX)
}

/// The table may overshoot by a millionth, hence the limit.
fn log_uniform(lowest: u64, highest: u64, octaves: u64, word: u64) -> u64 {
    let value = times_power_of_two(lowest, high_half(octaves, word));
    u64::try_from(value).unwrap_or(u64::MAX).min(highest)
}

fn on_lines(lines: &[Line], word: u64) -> u64 {
    match lines.iter().find(|line| word < line.over.end) {
        Some(line) => line.at(word),
        None => lines.last().map_or(0, |line| line.lowest + line.rise),
    }
}

fn of_parts(parts: &[(Stretch, Sampler)], word: u64) -> Duration {
    match parts.iter().find(|(stretch, _)| word < stretch.end) {
        Some((stretch, law)) => law.sample(stretch.fraction(word)),
        None => parts.last().map_or(Duration::ZERO, |(_, law)| law.sample(u64::MAX)),
    }
}

/// The words from `start` up to but not including `end`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stretch {
    start: u64,
    end: u64,
    /// Its width, shifted left until its top bit is set, …
    shift: u32,
    /// … and 2^127 divided by that: a multiplication replaces the division in each draw.
    inverse: u64,
}

impl Stretch {
    fn new(start: u64, end: u64) -> Self {
        assert!(start < end, "a validated law has rising shares");
        let shift = (end - start).leading_zeros();
        let inverse = (1_u128 << 127) / u128::from((end - start) << shift);
        Self { start, end, shift, inverse: u64::try_from(inverse).unwrap_or(u64::MAX) }
    }

    fn width(&self) -> u64 {
        self.end - self.start
    }

    /// How far into the stretch a word lies, in 2^64ths.
    #[inline]
    fn fraction(&self, word: u64) -> u64 {
        let position = u128::from((word - self.start) << self.shift);
        ((position * u128::from(self.inverse)) >> 63) as u64
    }
}

/// A straight piece of a law.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    over: Stretch,
    lowest: u64,
    rise: u64,
}

impl Line {
    fn new(Quantile(share, value): Quantile, Quantile(next_share, next_value): Quantile) -> Self {
        let over = Stretch::new(share.as_word(), next_share.as_word());
        Self { over, lowest: value.as_nanos(), rise: (next_value - value).as_nanos() }
    }

    #[inline]
    fn at(&self, word: u64) -> u64 {
        self.lowest + high_half(self.rise, self.over.fraction(word))
    }

    /// The middle value, weighted by the share of words that fall on this line.
    fn share_of_mean(&self) -> u64 {
        high_half(self.lowest + self.rise / 2, self.over.width())
    }
}
