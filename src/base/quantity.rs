//! What scenario files measure in, besides time: probabilities, rates, drifts and offsets.
//!
//! ```text
//!   "0.1%"  "1/64"   Probability       a fraction in 2^64ths, compared with a random word
//!   "50/s"           Rate              how often something happens on average
//!   "-200ppm"        PartsPerMillion   how much too fast a clock runs
//!   "+5ms"           Offset            how far ahead a clock is
//!   "3.35"           Exponent          the shape of a heavy tail
//! ```
//!
//! All are text in a scenario, integers inside, and text again in serde and in reports; reading
//! back what was printed gives the same value. Floats and bare numbers were rejected: `0.1` says
//! neither "a tenth" nor "a tenth of a percent", and both have been meant.
//!
//! Limits: a probability is exact to 2^-64, a rate to a millionth of an event, a drift to 1 ppm,
//! an exponent to a millionth.

use super::decimal::{Decimal, Scaled, Shape, deserialize_text, without_trailing_zeros};
use super::time::{Duration, Time, UNITS, nanos_of};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

pub use super::decimal::QuantityError;

const MILLION: u64 = 1_000_000;

static PROBABILITY: Shape = Shape { what: "a probability", example: "0.1%", units: &[("%", 100)] };
static RATE: Shape = Shape { what: "a rate", example: "50/s", units: UNITS };
static DRIFT: Shape = Shape { what: "a drift", example: "-200ppm", units: &[("ppm", 1)] };
static EXPONENT: Shape = Shape { what: "an exponent", example: "3.35", units: &[] };
static OFFSET: Shape = Shape { what: "an offset", example: "+5ms", units: UNITS };

/// How likely something is, as a number of 2^64ths; `u64::MAX` stands for certainty.
///
/// Read from a percentage (`"12.5%"`) or a fraction (`"1/64"`), rounded to the nearest 2^64th.
/// Only 0 is [`NEVER`](Self::NEVER) and only 100 % is [`ALWAYS`](Self::ALWAYS).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Probability(u64);

impl Probability {
    /// Impossible; also the default.
    pub const NEVER: Self = Self(0);
    /// Certain.
    pub const ALWAYS: Self = Self(u64::MAX);

    /// `numerator / denominator`, rounded to the nearest 2^64th.
    ///
    /// Panics unless `numerator <= denominator` and `denominator` is positive.
    pub fn from_ratio(numerator: u64, denominator: u64) -> Self {
        assert!(numerator <= denominator, "a probability is at most one");
        assert!(denominator > 0, "a fraction has a denominator");
        Self::from_fraction(numerator.into(), denominator.into())
    }

    /// The number of 2^64ths; `u64::MAX` for certainty.
    pub const fn as_word(self) -> u64 {
        self.0
    }

    /// True with this probability when `word` is uniform over all 2^64 words.
    ///
    /// Small words happen first: what happens at a word also happens at any smaller one.
    #[inline]
    pub const fn happens(self, word: u64) -> bool {
        word < self.0 || self.0 == u64::MAX
    }

    /// Long division in binary, since the product with 2^64 would not fit.
    fn from_fraction(numerator: u128, denominator: u128) -> Self {
        if numerator == 0 || numerator == denominator {
            return if numerator == 0 { Self::NEVER } else { Self::ALWAYS };
        }
        let (mut quotient, mut rest) = (0_u64, numerator);
        for _ in 0..u64::BITS {
            rest *= 2;
            let bit = rest >= denominator;
            rest -= if bit { denominator } else { 0 };
            quotient = quotient << 1 | u64::from(bit);
        }
        let rounded = quotient.saturating_add(u64::from(rest * 2 >= denominator));
        Self(rounded.clamp(1, u64::MAX - 1))
    }
}

macro_rules! debug_as_written {
    ($($quantity:ident)*) => {
        $(impl fmt::Debug for $quantity {
            /// As a scenario writes it, quotes included.
            fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
                write!(f, "\"{self}\"")
            }
        })*
    };
}

debug_as_written! { Probability Rate PartsPerMillion Offset Exponent }

impl fmt::Display for Probability {
    /// The shortest percentage that reads back as this value.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if *self == Self::ALWAYS {
            return f.pad("100%");
        }
        // In 2^-64ths of a percent the neighbours lie 100 away, so an error below 50 is none.
        let percent = u128::from(self.0) * 100;
        let (mut digits, mut rest) = (percent >> 64, u128::from(percent as u64));
        let (mut width, mut half_gap) = (0, 50_u128);
        while rest >= half_gap && (1 << 64) - rest >= half_gap {
            digits = digits * 10 + ((rest * 10) >> 64);
            rest = u128::from((rest * 10) as u64);
            (width, half_gap) = (width + 1, half_gap * 10);
        }
        digits += u128::from(rest >= half_gap);
        let scale = 10_u128.pow(width);
        let (whole, fraction) = ((digits / scale) as u64, (digits % scale) as u64);
        f.pad(&(without_trailing_zeros(whole, fraction, width as usize) + "%"))
    }
}

impl FromStr for Probability {
    type Err = QuantityError;
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let (numerator, denominator) = match text.split_once('/') {
            Some((above, below)) => (whole_number(above, text)?, whole_number(below, text)?),
            None => percentage(text)?,
        };
        if denominator == 0 {
            return Err(PROBABILITY.malformed(text, "it divides by zero"));
        }
        if numerator > denominator {
            return Err(QuantityError::AboveCertain(format!(
                "the probability `{text}` is above 100%, which is certain already"
            )));
        }
        Ok(Self::from_fraction(numerator, denominator))
    }
}

fn percentage(text: &str) -> Result<(u128, u128), QuantityError> {
    let decimal = Decimal::split(text, &PROBABILITY)?;
    if decimal.sign.is_some() {
        return Err(PROBABILITY.malformed(text, "it has no sign"));
    }
    let (_, size) = PROBABILITY.unit(text, decimal.unit)?;
    // At most 36 digits, so the hundredfold still fits twice into 128 bits.
    Ok((decimal.digits, 10_u128.pow(decimal.decimals) * u128::from(size)))
}

fn whole_number(part: &str, text: &str) -> Result<u128, QuantityError> {
    let decimal = Decimal::split(part, &PROBABILITY)?;
    let whole = decimal.sign.is_none() && decimal.decimals == 0 && decimal.unit.is_empty();
    if !whole {
        return Err(PROBABILITY.malformed(text, "a fraction has two whole numbers, as 1/64"));
    }
    Ok(decimal.digits)
}

/// How often something happens on average: a number of events, exact to a millionth, per unit.
///
/// Two rates are equal when they are written alike: `60/min` is not `1/s`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    events_millionths: u64,
    unit: &'static str,
    unit_nanos: u64,
}

impl Rate {
    /// `events` per second. Panics unless it lies between one and 10^9.
    pub fn per_second(events: u64) -> Self {
        assert!((1..=1_000_000_000).contains(&events), "a rate is at most one per nanosecond");
        Self { events_millionths: events * MILLION, unit: "s", unit_nanos: 1_000_000_000 }
    }

    /// The mean time from one event to the next, to the nearest nanosecond and at least one.
    pub fn mean_interval(self) -> Duration {
        let events = u128::from(self.events_millionths);
        let nanos = (u128::from(self.unit_nanos) * u128::from(MILLION) + events / 2) / events;
        Duration::from_nanos(nanos as u64)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let (whole, rest) = (self.events_millionths / MILLION, self.events_millionths % MILLION);
        f.pad(&format!("{}/{}", without_trailing_zeros(whole, rest, 6), self.unit))
    }
}

impl FromStr for Rate {
    type Err = QuantityError;
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let decimal = Decimal::split(text, &RATE)?;
        let (unit, unit_nanos) = RATE.unit(text, per(decimal.unit, text)?)?;
        let events = match decimal.scaled(MILLION) {
            Scaled::Whole(events) => events,
            Scaled::Broken => return Err(RATE.malformed(text, "it has more than six decimals")),
            Scaled::TooLarge => return Err(too_fast(text)),
        };
        if decimal.sign.is_some() || events == 0 {
            return Err(RATE.malformed(text, "it is a positive number; leave it out for none"));
        }
        if events > u128::from(unit_nanos) * u128::from(MILLION) {
            return Err(too_fast(text));
        }
        Ok(Self { events_millionths: events as u64, unit, unit_nanos })
    }
}

/// What follows the slash; nothing at all stays nothing, the missing unit.
fn per<'a>(unit: &'a str, text: &str) -> Result<&'a str, QuantityError> {
    match unit.strip_prefix('/') {
        None if !unit.is_empty() => {
            Err(RATE.malformed(text, "a number per unit of time has a `/`"))
        }
        name => Ok(name.unwrap_or_default()),
    }
}

fn too_fast(text: &str) -> QuantityError {
    RATE.overflow(text, "the limit is one per nanosecond")
}

/// How much faster than true time a clock runs, in millionths; negative for a slow clock.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct PartsPerMillion(i32);

impl PartsPerMillion {
    /// A perfect clock; also the default.
    pub const ZERO: Self = Self(0);

    /// Panics unless `parts` lies strictly between −1,000,000 (a clock that stands still) and
    /// 1,000,000 (one that runs twice as fast).
    pub const fn new(parts: i32) -> Self {
        assert!(parts.unsigned_abs() < 1_000_000, "a drift is below a million ppm");
        Self(parts)
    }

    /// The signed number of millionths.
    pub const fn as_parts(self) -> i32 {
        self.0
    }

    /// What such a clock shows of a true `span`, rounded down; saturates.
    #[inline]
    pub fn scale(self, span: Duration) -> Duration {
        let factor = (1_000_000 + i64::from(self.0)) as u128;
        let nanos = u128::from(span.as_nanos()) * factor / 1_000_000;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for PartsPerMillion {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.pad(&format!("{}ppm", self.0))
    }
}

impl FromStr for PartsPerMillion {
    type Err = QuantityError;
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let decimal = Decimal::split(text, &DRIFT)?;
        DRIFT.unit(text, decimal.unit)?;
        if decimal.decimals > 0 {
            return Err(DRIFT.malformed(text, "it is a whole number of ppm"));
        }
        if decimal.digits >= 1_000_000 {
            return Err(DRIFT.overflow(text, "the limit is below a million ppm either way"));
        }
        let parts = decimal.digits as i32;
        Ok(Self(if decimal.sign == Some('-') { -parts } else { parts }))
    }
}

/// A signed span of nanoseconds: how far a clock is ahead, or behind when negative.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Offset(i64);

impl Offset {
    /// Neither ahead nor behind; also the default.
    pub const ZERO: Self = Self(0);

    /// An offset of `nanos` nanoseconds.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// The signed number of nanoseconds.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// `time` moved by this offset; stops at the beginning and at never.
    #[inline]
    pub const fn shift(self, time: Time) -> Time {
        Time::from_nanos(time.as_nanos().saturating_add_signed(self.0))
    }
}

impl fmt::Display for Offset {
    /// As a [`Duration`] behind a sign: `+5ms`, `-3s`, `0s`.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let sign = match self.0 {
            0 => "",
            1.. => "+",
            _ => "-",
        };
        f.pad(&format!("{sign}{}", Duration::from_nanos(self.0.unsigned_abs())))
    }
}

impl FromStr for Offset {
    type Err = QuantityError;
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let decimal = Decimal::split(text, &OFFSET)?;
        let (_, size) = OFFSET.unit(text, decimal.unit)?;
        let nanos = nanos_of(&decimal, size, text, &OFFSET)?;
        let signed = match decimal.sign {
            Some('-') => 0_i64.checked_sub_unsigned(nanos),
            _ => 0_i64.checked_add_unsigned(nanos),
        };
        let too_far = || OFFSET.overflow(text, "the limit is 292 years either way");
        signed.map(Self).ok_or_else(too_far)
    }
}

/// A positive number without a unit, exact to a millionth: the shape of a heavy tail.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Exponent(u64);

impl Exponent {
    /// One.
    pub const ONE: Self = Self(MILLION);

    /// How many millionths it is.
    pub const fn as_millionths(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Exponent {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.pad(&without_trailing_zeros(self.0 / MILLION, self.0 % MILLION, 6))
    }
}

impl FromStr for Exponent {
    type Err = QuantityError;
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let decimal = Decimal::split(text, &EXPONENT)?;
        if !decimal.unit.is_empty() || decimal.sign.is_some() || decimal.digits == 0 {
            return Err(EXPONENT.malformed(text, "it is a positive number without a unit"));
        }
        match decimal.scaled(MILLION) {
            Scaled::Whole(millionths) if millionths <= u128::from(1000 * MILLION) => {
                Ok(Self(millionths as u64))
            }
            Scaled::Whole(_) | Scaled::TooLarge => {
                Err(EXPONENT.overflow(text, "the limit is a thousand"))
            }
            Scaled::Broken => Err(EXPONENT.malformed(text, "it has more than six decimals")),
        }
    }
}

/// Text both ways, by `Display` and `FromStr`.
macro_rules! serde_as_text {
    ($($quantity:ident: $shape:ident),*) => {$(
        impl Serialize for $quantity {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $quantity {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserialize_text(deserializer, &$shape)
            }
        }
    )*};
}

serde_as_text!(
    Probability: PROBABILITY, Rate: RATE, PartsPerMillion: DRIFT, Offset: OFFSET, Exponent: EXPONENT
);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn error<T: FromStr<Err = QuantityError> + fmt::Debug>(text: &str) -> String {
        let error = text.parse::<T>().expect_err(text);
        format!("{}: {error}", error.code())
    }

    #[test]
    fn probabilities_are_exact_fractions_of_two_to_the_64() {
        let table = [
            ("0%", 0),
            ("50%", 1 << 63),
            ("12.5%", 1 << 61),
            ("1/64", 1 << 58),
            ("0.1%", 18_446_744_073_709_552),
            ("1/3", 6_148_914_691_236_517_205),
            ("2/3", 12_297_829_382_473_034_411),
            ("100%", u64::MAX),
            ("64/64", u64::MAX),
            ("1/999999999999999999999999999999", 1),
            ("99.99999999999999999999999999%", u64::MAX - 1),
        ];
        for (text, word) in table {
            assert_eq!(text.parse(), Ok(Probability(word)), "{text}");
        }
    }

    #[test]
    fn never_does_not_happen_and_always_does() {
        for word in [0, 1, 1 << 63, u64::MAX] {
            assert!(!Probability::NEVER.happens(word));
            assert!(Probability::ALWAYS.happens(word));
        }
        let half = Probability::from_ratio(1, 2);
        assert!(half.happens((1 << 63) - 1) && !half.happens(1 << 63));
    }

    #[test]
    fn probabilities_are_printed_as_the_shortest_percentage() {
        for text in ["0%", "0.1%", "1%", "12.5%", "33.3%", "99.99%", "100%", "0.000001%"] {
            assert_eq!(text.parse::<Probability>().expect(text).to_string(), text);
        }
        assert_eq!(Probability::from_ratio(1, 64).to_string(), "1.5625%");
        assert_eq!(Probability::from_ratio(1, 3).to_string(), "33.33333333333333333%");
    }

    #[test]
    fn malformed_probabilities_say_what_is_wrong() {
        let table = [
            ("101%", "SB0302: the probability `101%` is above 100%, which is certain already"),
            ("3/2", "SB0302: the probability `3/2` is above 100%, which is certain already"),
            (
                "0.1",
                "SB0107: `0.1` has no unit: write a probability as text such as \"0.1%\"; \
                 the unit is %",
            ),
            ("5e-3", "SB0107: `5e-3` has an unknown unit `e-3`: the unit is %"),
            (
                "1percent",
                "SB0107: `1percent` has an unknown unit `percent`: did you mean `%`? the unit is %",
            ),
            (
                "1/0",
                "SB0107: `1/0` is not a probability: it divides by zero; write it like \"0.1%\"",
            ),
            (
                "1.5/3",
                "SB0107: `1.5/3` is not a probability: a fraction has two whole numbers, as 1/64; \
                 write it like \"0.1%\"",
            ),
            ("-1%", "SB0107: `-1%` is not a probability: it has no sign; write it like \"0.1%\""),
        ];
        for (text, message) in table {
            assert_eq!(error::<Probability>(text), message);
        }
    }

    #[test]
    fn rates_give_the_mean_interval() {
        let table = [
            ("50/s", 20_000_000),
            ("3/min", 20_000_000_000),
            ("1/ms", 1_000_000),
            ("0.02/s", 50_000_000_000),
            ("3/s", 333_333_333),
            ("1/ns", 1),
            ("0.000001/h", 3_600_000_000_000_000_000),
        ];
        for (text, nanos) in table {
            let rate: Rate = text.parse().expect(text);
            assert_eq!(rate.mean_interval(), Duration::from_nanos(nanos), "{text}");
            assert_eq!(rate.to_string(), text);
        }
        assert_eq!(Rate::per_second(50).to_string(), "50/s");
    }

    #[test]
    fn malformed_rates_say_what_is_wrong() {
        let table = [
            ("50", "SB0107: `50` has no unit"),
            ("50s", "SB0107: `50s` is not a rate: a number per unit of time has a `/`"),
            ("50/", "SB0107: `50/` has no unit"),
            ("50/sec", "SB0107: `50/sec` has an unknown unit `sec`: did you mean `s`?"),
            ("0/s", "SB0107: `0/s` is not a rate: it is a positive number"),
            ("-1/s", "SB0107: `-1/s` is not a rate: it is a positive number"),
            ("0.0000001/s", "SB0107: `0.0000001/s` is not a rate: it has more than six decimals"),
            ("2/ns", "SB0108: `2/ns` does not fit a rate: the limit is one per nanosecond"),
        ];
        for (text, beginning) in table {
            let message = error::<Rate>(text);
            assert!(message.starts_with(beginning), "{message}");
        }
    }

    #[test]
    fn a_drifting_clock_scales_spans() {
        let slow: PartsPerMillion = "-200ppm".parse().expect("a drift");
        assert_eq!(slow, PartsPerMillion::new(-200));
        assert_eq!(slow.scale(Duration::from_secs(1)), Duration::from_micros(999_800));
        assert_eq!(PartsPerMillion::new(50).scale(Duration::MAX), Duration::MAX);
        assert_eq!("+50ppm".parse(), Ok(PartsPerMillion::new(50)));
    }

    #[test]
    fn malformed_drifts_and_offsets_say_what_is_wrong() {
        let drift = error::<PartsPerMillion>;
        assert!(drift("5").starts_with("SB0107: `5` has no unit"));
        assert!(drift("0.5ppm").starts_with("SB0107: `0.5ppm` is not a drift: it is a whole"));
        assert!(drift("1000000ppm").starts_with("SB0108: `1000000ppm` does not fit a drift"));
        let offset = error::<Offset>;
        assert!(offset("+-5ms").starts_with("SB0107: `+-5ms` is not an offset"));
        assert!(offset("10000000000s").starts_with("SB0108: `10000000000s` does not fit"));
    }

    #[test]
    fn offsets_shift_times_either_way() {
        let table = [("+5ms", 1_005_000_000), ("-3s", 0), ("0s", 1_000_000_000)];
        for (text, nanos) in table {
            let offset: Offset = text.parse().expect(text);
            assert_eq!(offset.shift(Time::from_secs(1)), Time::from_nanos(nanos));
            assert_eq!(offset.to_string(), text);
        }
    }

    #[test]
    fn serde_is_text_both_ways() {
        let all = "(\"1.5625%\",\"0.5/min\",\"-7ppm\",\"+2.5s\")";
        let read: (Probability, Rate, PartsPerMillion, Offset) =
            ron::from_str(all).expect("four quantities");
        assert_eq!(ron::to_string(&read).expect("text is RON"), all);
        let bare = ron::from_str::<Probability>("0.1").expect_err("no unit").code.to_string();
        assert!(bare.starts_with("SB0107: `0.1` has no unit: write a probability as text such as"));
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back_as_itself(word: u64, nanos: i64, parts in -999_999..=999_999) {
            for probability in [Probability(word), Probability(word >> 40), Probability(!(word >> 40))] {
                prop_assert_eq!(probability.to_string().parse(), Ok(probability));
            }
            prop_assert_eq!(Offset(nanos).to_string().parse(), Ok(Offset(nanos)));
            let drift = PartsPerMillion::new(parts);
            prop_assert_eq!(drift.to_string().parse(), Ok(drift));
        }

        #[test]
        fn a_printed_rate_reads_back_as_itself(millionths in 1..1_000_000_000_u64, unit in 1..6_usize) {
            let (unit, unit_nanos) = UNITS[unit];
            let rate = Rate { events_millionths: millionths, unit, unit_nanos };
            prop_assert_eq!(rate.to_string().parse(), Ok(rate));
        }

        #[test]
        fn no_text_makes_a_parser_panic(text: String, tail in "[+-]?[0-9.]{0,42}[a-z%/]{0,4}[0-9]{0,3}") {
            for text in [text, tail] {
                let _ = (text.parse::<Probability>(), text.parse::<Rate>());
                let _ = (text.parse::<PartsPerMillion>(), text.parse::<Offset>());
            }
        }
    }
}
