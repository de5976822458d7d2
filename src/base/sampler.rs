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
//! Limits: values are whole nanoseconds, rounded down; exponential tails end at 64·ln 2, some 44
//! times the mean; logarithms are good to 2e-6.

use super::logarithm::{EXPONENT_BITS, high_half, log2, minus_ln, times_ln_2, times_power_of_two};
use super::quantity::Probability;
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
    /// As measured: straight lines between the given quantiles, from `0%` to `100%`.
    Quantiles(Vec<Quantile>),
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

impl Law {
    /// Whether the law makes sense.
    ///
    /// # Errors
    /// A sentence that names the values at fault and, where there is one, the way out.
    pub fn validate(&self) -> Result<(), String> {
        match self {
            Self::Fixed(_) => Ok(()),
            Self::Uniform(lowest, highest) => ascending("Uniform", *lowest, *highest),
            Self::Exponential { floor, mean } => exceeds(*mean, *floor),
            Self::LogUniform(lowest, _) if lowest.is_zero() => {
                Err("LogUniform begins above zero: the logarithm of 0s does not exist".to_owned())
            }
            Self::LogUniform(lowest, highest) => ascending("LogUniform", *lowest, *highest),
            Self::Quantiles(points) => complete(points),
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
            Self::Quantiles(points) => Curve::Quantiles(
                points.windows(2).map(|pair| Line::new(pair[0], pair[1])).collect(),
            ),
        }))
    }
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
    Quantiles(Box<[Line]>),
}

impl Sampler {
    /// The span at `word`; never less than at a smaller word. Allocates nothing.
    #[inline]
    pub fn sample(&self, word: u64) -> Duration {
        Duration::from_nanos(match &self.0 {
            Curve::Fixed(nanos) => *nanos,
            Curve::Uniform { lowest, width } => lowest + part_of(*width, word),
            Curve::Exponential { floor, mean_excess } => exponential(*floor, *mean_excess, word),
            Curve::LogUniform { lowest, highest, octaves } => {
                log_uniform(*lowest, *highest, *octaves, word)
            }
            Curve::Quantiles(lines) => on_lines(lines, word),
        })
    }

    /// The least span there is.
    pub fn min(&self) -> Duration {
        self.sample(0)
    }

    /// The greatest span there is; of an exponential law the 2^-64 tail.
    pub fn max(&self) -> Duration {
        self.sample(u64::MAX)
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
            Curve::Quantiles(lines) => lines.iter().map(Line::share_of_mean).sum(),
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

/// The table may overshoot by a millionth, hence the limit.
fn log_uniform(lowest: u64, highest: u64, octaves: u64, word: u64) -> u64 {
    let value = times_power_of_two(lowest, high_half(octaves, word));
    u64::try_from(value).unwrap_or(u64::MAX).min(highest)
}

fn on_lines(lines: &[Line], word: u64) -> u64 {
    match lines.iter().find(|line| word < line.end) {
        Some(line) => line.at(word),
        None => lines.last().map_or(0, |line| line.lowest + line.rise),
    }
}

/// A straight piece of a law, over the words from `start` up to but not including `end`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    start: u64,
    end: u64,
    lowest: u64,
    rise: u64,
    /// The width of the piece, shifted left until its top bit is set, …
    shift: u32,
    /// … and 2^127 divided by that: a multiplication replaces the division in each draw.
    inverse: u64,
}

impl Line {
    fn new(Quantile(share, value): Quantile, Quantile(next_share, next_value): Quantile) -> Self {
        let (start, end) = (share.as_word(), next_share.as_word());
        assert!(start < end, "a validated law has rising shares");
        let shift = (end - start).leading_zeros();
        let inverse = (1_u128 << 127) / u128::from((end - start) << shift);
        let inverse = u64::try_from(inverse).unwrap_or(u64::MAX);
        let (lowest, rise) = (value.as_nanos(), (next_value - value).as_nanos());
        Self { start, end, lowest, rise, shift, inverse }
    }

    #[inline]
    fn at(&self, word: u64) -> u64 {
        let position = u128::from((word - self.start) << self.shift);
        let fraction = (position * u128::from(self.inverse)) >> 63;
        self.lowest + high_half(self.rise, fraction as u64)
    }

    /// The middle value, weighted by the share of words that fall on this line.
    fn share_of_mean(&self) -> u64 {
        high_half(self.lowest + self.rise / 2, self.end - self.start)
    }
}
