//! Virtual time: a point on the run's clock and a span between two points.
//!
//! ```text
//!   Time::ZERO ──────●───────────●──────────────────────▶ Time::MAX, "never"
//!                    t           u          u - t: Duration,  t + Duration: Time
//! ```
//!
//! Both are whole nanoseconds in 64 bits, which is 584 years. Adding saturates: a point that far
//! away is never reached. `std::time::Duration` was rejected: it is twelve bytes wide, prints a
//! micro sign, and cannot be told from a point in time.
//!
//! Written by serde as a plain integer, which is what digests need; read by serde from text with a
//! unit (`"1.5ms"`), which is what people write. The two are not inverse; `Display` and `FromStr`
//! are, and `serialize_as_text` writes what `FromStr` reads.

use super::decimal::{
    Decimal, QuantityError, Scaled, Shape, deserialize_text, without_trailing_zeros,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, Sub, SubAssign};
use std::str::FromStr;

const MICROSECOND: u64 = 1_000;
const MILLISECOND: u64 = 1_000 * MICROSECOND;
const SECOND: u64 = 1_000 * MILLISECOND;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

/// The units of time and their nanoseconds.
pub(crate) const UNITS: &[(&str, u64)] = &[
    ("ns", 1),
    ("us", MICROSECOND),
    ("ms", MILLISECOND),
    ("s", SECOND),
    ("min", MINUTE),
    ("h", HOUR),
];

static DURATION: Shape = Shape { what: "a duration", example: "5s", units: UNITS };
static TIME: Shape = Shape { what: "a point in time", example: "5s", units: UNITS };

/// A point in virtual time: nanoseconds since the run began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
#[serde(transparent)]
pub struct Time(u64);

impl Time {
    /// The beginning of the run.
    pub const ZERO: Self = Self(0);
    /// Never: later than anything that happens.
    pub const MAX: Self = Self(u64::MAX);

    /// The point `nanos` nanoseconds after the beginning.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// The point `micros` microseconds after the beginning. Panics beyond 584 years.
    pub const fn from_micros(micros: u64) -> Self {
        Self(nanos_in(micros, MICROSECOND))
    }

    /// The point `millis` milliseconds after the beginning. Panics beyond 584 years.
    pub const fn from_millis(millis: u64) -> Self {
        Self(nanos_in(millis, MILLISECOND))
    }

    /// The point `secs` seconds after the beginning. Panics beyond 584 years.
    pub const fn from_secs(secs: u64) -> Self {
        Self(nanos_in(secs, SECOND))
    }

    /// Nanoseconds since the beginning.
    #[inline]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The span since `earlier`, zero when `earlier` is in fact later.
    #[inline]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration(self.0.saturating_sub(earlier.0))
    }

    /// The span since `earlier`, `None` when `earlier` is in fact later.
    pub fn checked_since(self, earlier: Self) -> Option<Duration> {
        self.0.checked_sub(earlier.0).map(Duration)
    }

    /// The point `span` before this one, but not before the beginning.
    #[inline]
    pub const fn saturating_sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(span.0))
    }

    /// The point `span` after this one, `None` when it lies beyond 584 years.
    pub fn checked_add(self, span: Duration) -> Option<Self> {
        self.0.checked_add(span.0).map(Self)
    }

    /// For timelines: seconds with a fixed number of decimals, as `0.055s`.
    ///
    /// `decimals` is 0 to 9; what lies behind them is cut, so no point is shown later than it is.
    pub const fn as_seconds_text(self, decimals: usize) -> SecondsText {
        SecondsText { nanos: self.0, decimals, never: self.0 == u64::MAX }
    }
}

/// A span of virtual time in nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
#[serde(transparent)]
pub struct Duration(u64);

impl Duration {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// Longer than any run: 584 years.
    pub const MAX: Self = Self(u64::MAX);

    /// `nanos` nanoseconds.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// `micros` microseconds. Panics beyond 584 years.
    pub const fn from_micros(micros: u64) -> Self {
        Self(nanos_in(micros, MICROSECOND))
    }

    /// `millis` milliseconds. Panics beyond 584 years.
    pub const fn from_millis(millis: u64) -> Self {
        Self(nanos_in(millis, MILLISECOND))
    }

    /// `secs` seconds. Panics beyond 584 years.
    pub const fn from_secs(secs: u64) -> Self {
        Self(nanos_in(secs, SECOND))
    }

    /// The span in nanoseconds.
    #[inline]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// True for no time at all.
    #[inline]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The sum, `None` when it is longer than 584 years.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference, `None` when it is negative.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// The span `factor` times over, `None` when it is longer than 584 years.
    pub fn checked_mul(self, factor: u64) -> Option<Self> {
        self.0.checked_mul(factor).map(Self)
    }

    /// For timelines: seconds with a fixed number of decimals, as `0.055s`; the rest is cut.
    ///
    /// `decimals` is 0 to 9.
    pub const fn as_seconds_text(self, decimals: usize) -> SecondsText {
        SecondsText { nanos: self.0, decimals, never: false }
    }
}

const fn nanos_in(count: u64, unit: u64) -> u64 {
    match count.checked_mul(unit) {
        Some(nanos) => nanos,
        None => panic!("a time fits 64 bits of nanoseconds"),
    }
}

impl Add<Duration> for Time {
    type Output = Self;
    /// Saturates at [`Time::MAX`].
    #[inline]
    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl AddAssign<Duration> for Time {
    #[inline]
    fn add_assign(&mut self, span: Duration) {
        *self = *self + span;
    }
}

impl Sub for Time {
    type Output = Duration;
    /// Panics when `earlier` is later: a span is not negative.
    #[inline]
    fn sub(self, earlier: Self) -> Duration {
        assert!(earlier <= self, "the subtracted time is the earlier one");
        Duration(self.0 - earlier.0)
    }
}

impl Add for Duration {
    type Output = Self;
    /// Saturates at [`Duration::MAX`].
    #[inline]
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Duration {
    #[inline]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Duration {
    type Output = Self;
    /// Saturates at [`Duration::ZERO`].
    #[inline]
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl SubAssign for Duration {
    #[inline]
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Mul<u64> for Duration {
    type Output = Self;
    /// Saturates at [`Duration::MAX`].
    #[inline]
    fn mul(self, factor: u64) -> Self {
        Self(self.0.saturating_mul(factor))
    }
}

impl Div<u64> for Duration {
    type Output = Self;
    /// Cuts the rest; panics when `divisor` is zero.
    #[inline]
    fn div(self, divisor: u64) -> Self {
        Self(self.0 / divisor)
    }
}

impl Div for Duration {
    type Output = u64;
    /// How often `other` fits; panics when it is zero.
    #[inline]
    fn div(self, other: Self) -> u64 {
        self.0 / other.0
    }
}

impl Sum for Duration {
    fn sum<I: Iterator<Item = Self>>(spans: I) -> Self {
        spans.fold(Self::ZERO, Self::add)
    }
}

impl fmt::Display for Time {
    /// As a [`Duration`] since the beginning, or `never`.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if *self == Self::MAX {
            return f.pad("never");
        }
        Duration(self.0).fmt(f)
    }
}

impl fmt::Debug for Duration {
    /// As a scenario writes it, quotes included, so that settings are shown the way they are set.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl fmt::Display for Duration {
    /// Exact, in the largest of s, ms, us and ns that keeps the number at 1 or more: `12.5ms`.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let (unit, size, width) = match self.0 {
            0 | SECOND.. => ("s", SECOND, 9),
            MILLISECOND.. => ("ms", MILLISECOND, 6),
            MICROSECOND.. => ("us", MICROSECOND, 3),
            _ => ("ns", 1, 0),
        };
        f.pad(&(without_trailing_zeros(self.0 / size, self.0 % size, width) + unit))
    }
}

/// Seconds with a fixed number of decimals; made by `as_seconds_text`, printed by `Display`.
#[derive(Debug, Clone, Copy)]
pub struct SecondsText {
    nanos: u64,
    decimals: usize,
    never: bool,
}

impl fmt::Display for SecondsText {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if self.never {
            return f.pad("never");
        }
        let digits = format!("{}.{:09}", self.nanos / SECOND, self.nanos % SECOND);
        let cut = if self.decimals == 0 { 10 } else { 9_usize.saturating_sub(self.decimals) };
        f.pad(&format!("{}s", &digits[..digits.len() - cut]))
    }
}

impl FromStr for Duration {
    type Err = QuantityError;
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        nanos_from_text(text, &DURATION).map(Self)
    }
}

impl FromStr for Time {
    type Err = QuantityError;
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        if text == "never" {
            return Ok(Self::MAX);
        }
        nanos_from_text(text, &TIME).map(Self)
    }
}

fn nanos_from_text(text: &str, shape: &Shape) -> Result<u64, QuantityError> {
    let decimal = Decimal::split(text, shape)?;
    if decimal.sign.is_some() {
        return Err(shape.malformed(text, "it has no sign"));
    }
    let (_, size) = shape.unit(text, decimal.unit)?;
    nanos_of(&decimal, size, text, shape)
}

/// The unsigned nanoseconds of a number of units.
pub(crate) fn nanos_of(
    decimal: &Decimal,
    size: u64,
    text: &str,
    shape: &Shape,
) -> Result<u64, QuantityError> {
    let nanos = match decimal.scaled(size) {
        Scaled::Whole(nanos) => u64::try_from(nanos).ok(),
        Scaled::Broken => {
            return Err(shape.malformed(text, "it is not a whole number of nanoseconds"));
        }
        Scaled::TooLarge => None,
    };
    nanos.ok_or_else(|| shape.overflow(text, "the limit is 584 years"))
}

/// For `#[serde(serialize_with = "…")]`: writes a time or a span as its text, not as an integer,
/// wherever a person, or a scenario file, is to read it back.
///
/// # Errors
/// Those of the serializer.
pub fn serialize_as_text<S: Serializer>(
    value: &impl fmt::Display,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize_text(deserializer, &DURATION)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize_text(deserializer, &TIME)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spans_are_printed_in_the_largest_unit_that_keeps_them_at_one_or_more() {
        let table = [
            (0, "0s"),
            (1, "1ns"),
            (999, "999ns"),
            (1_000, "1us"),
            (400_000, "400us"),
            (12_500_000, "12.5ms"),
            (999_999_999, "999.999999ms"),
            (1_234_567_000, "1.234567s"),
            (5_000_000_000, "5s"),
            (90_000_000_000, "90s"),
        ];
        for (nanos, text) in table {
            assert_eq!(Duration::from_nanos(nanos).to_string(), text);
        }
    }

    #[test]
    fn texts_are_read_exactly_in_every_unit() {
        let table = [
            ("5s", 5_000_000_000),
            ("1.5ms", 1_500_000),
            ("400us", 400_000),
            ("2min", 120_000_000_000),
            ("1h", 3_600_000_000_000),
            ("100ns", 100),
            ("0.1s", 100_000_000),
            ("0s", 0),
            ("1.50000000000000000000s", 1_500_000_000),
            ("18446744073.709551615s", u64::MAX),
        ];
        for (text, nanos) in table {
            assert_eq!(text.parse(), Ok(Duration::from_nanos(nanos)), "{text}");
        }
    }

    #[test]
    fn malformed_durations_say_what_is_wrong_and_what_is_allowed() {
        let units = "units are ns, us, ms, s, min, h";
        let table = [
            ("", "`` is not a duration: it needs a number before the unit; write it like \"5s\""),
            ("s", "`s` is not a duration: it needs a number before the unit; write it like \"5s\""),
            (
                "5.s",
                "`5.s` is not a duration: it needs a number before the unit; write it like \"5s\"",
            ),
            ("-5s", "`-5s` is not a duration: it has no sign; write it like \"5s\""),
            (
                "0.5ns",
                "`0.5ns` is not a duration: it is not a whole number of nanoseconds; \
                 write it like \"5s\"",
            ),
            (
                "5",
                &format!("`5` has no unit: write a duration as text such as \"5s\"; {units}")
                    as &str,
            ),
            ("5sec", &format!("`5sec` has an unknown unit `sec`: did you mean `s`? {units}")),
            ("5 ms", &format!("`5 ms` has an unknown unit ` ms`: did you mean `ms`? {units}")),
            ("5m", &format!("`5m` has an unknown unit `m`: did you mean `min`? {units}")),
            ("5\u{b5}s", &format!("`5µs` has an unknown unit `µs`: did you mean `us`? {units}")),
            ("1e3s", &format!("`1e3s` has an unknown unit `e3s`: {units}")),
        ];
        for (text, message) in table {
            let error = text.parse::<Duration>().expect_err(text);
            assert_eq!((error.code(), error.to_string().as_str()), ("SB0107", message));
        }
    }

    #[test]
    fn durations_beyond_584_years_overflow() {
        for text in ["18446744073.709551616s", "9999999999999h", &"9".repeat(40)] {
            assert_eq!(text.parse::<Duration>().expect_err(text).code(), "SB0108");
        }
    }

    #[test]
    fn serde_reads_text_and_refuses_numbers() {
        assert_eq!(ron::from_str("\"5ms\""), Ok(Duration::from_millis(5)));
        assert_eq!(ron::from_str("\"never\""), Ok(Time::MAX));
        for number in ["5", "-5", "5.5"] {
            let error = ron::from_str::<Duration>(number).expect_err(number).code.to_string();
            assert!(error.starts_with(&format!("SB0107: `{number}` has no unit")), "{error}");
        }
    }

    #[test]
    fn serde_writes_plain_integers() {
        let pair = (Time::from_micros(3), Duration::from_nanos(7));
        assert_eq!(serde_json::to_string(&pair).expect("integers are JSON"), "[3000,7]");
    }

    #[test]
    fn times_saturate_at_never_and_at_the_beginning() {
        let second = Duration::from_secs(1);
        assert_eq!(Time::MAX + second, Time::MAX);
        assert_eq!(Time::MAX.to_string(), "never");
        assert_eq!(Time::ZERO.saturating_sub(second), Time::ZERO);
        assert_eq!(Time::ZERO.saturating_since(Time::MAX), Duration::ZERO);
        assert_eq!(Time::from_secs(3) - Time::from_secs(2), second);
        assert_eq!(Time::ZERO.checked_since(Time::MAX), None);
        assert_eq!(Duration::MAX * 2, Duration::MAX);
        assert_eq!(second - second * 2, Duration::ZERO);
        assert_eq!([second, second / 2].into_iter().sum::<Duration>(), Duration::from_millis(1500));
        assert_eq!(second / Duration::from_millis(300), 3);
    }

    #[test]
    #[should_panic(expected = "the subtracted time is the earlier one")]
    fn a_negative_span_is_a_broken_invariant() {
        let _ = Time::ZERO - Time::MAX;
    }

    #[test]
    fn timelines_cut_seconds_to_fixed_decimals_and_pad_them() {
        let time = Time::from_nanos(12_055_999_999);
        assert_eq!(time.as_seconds_text(3).to_string(), "12.055s");
        assert_eq!(time.as_seconds_text(6).to_string(), "12.055999s");
        assert_eq!(time.as_seconds_text(0).to_string(), "12s");
        assert_eq!(time.as_seconds_text(99).to_string(), "12.055999999s");
        assert_eq!(format!("{:>9}", Time::from_millis(55).as_seconds_text(3)), "   0.055s");
        assert_eq!(Time::MAX.as_seconds_text(3).to_string(), "never");
    }

    proptest! {
        #[test]
        fn a_printed_duration_reads_back_as_itself(nanos: u64) {
            for span in [Duration(nanos), Duration(nanos % SECOND), Duration(nanos % 5_000_000)] {
                prop_assert_eq!(span.to_string().parse(), Ok(span));
            }
            prop_assert_eq!(Time(nanos).to_string().parse(), Ok(Time(nanos)));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text: String, tail in "[0-9.+-]{0,50}[a-z%/]{0,4}") {
            let _ = (text.parse::<Duration>(), tail.parse::<Time>());
        }
    }
}
