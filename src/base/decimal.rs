//! A decimal number with a unit, read from text exactly.
//!
//! ```text
//!   "-1.25ms"  ──split──▶  sign −   digits 125   decimals 2   unit "ms"
//!                          └── to_integer(1_000_000) ──▶ 1_250_000
//! ```
//!
//! Every quantity in `base` is read through this one file, so that a wrong unit gives the same
//! sort of message everywhere. Reading through a float was rejected: `0.1` would not be a tenth,
//! and the digits lost would depend on the size of the number.
//!
//! Limits: 36 significant digits, no exponents, no digit separators, no blanks.

use serde::de::{self, Deserializer, Visitor};
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

/// More digits than any quantity needs, few enough that 10^digits fits a `u128`.
const DIGITS_MAX: usize = 36;

/// Why a text is not the quantity it should be.
///
/// The run has not begun when this appears; the user corrects the text and starts again.
/// `Display` is a sentence without the code, so that a command line can show it as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// No number, no unit, an unknown unit, or a value the quantity cannot have (`SB0107`).
    #[error("{0}")]
    Malformed(String),
    /// A number too large, or too small, for the type that holds it (`SB0108`).
    #[error("{0}")]
    Overflow(String),
    /// A probability above 100 % (`SB0302`).
    #[error("{0}")]
    AboveCertain(String),
}

impl QuantityError {
    /// The code under which the error is explained, such as `SB0107`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "SB0107",
            Self::Overflow(_) => "SB0108",
            Self::AboveCertain(_) => "SB0302",
        }
    }
}

/// What a quantity looks like; the source of all its error messages.
pub(crate) struct Shape {
    /// With its article, as in "is not a duration".
    pub(crate) what: &'static str,
    /// A text that is right.
    pub(crate) example: &'static str,
    /// Each unit and how many of the smallest unit it holds, smallest first.
    pub(crate) units: &'static [(&'static str, u64)],
}

impl Shape {
    /// The name and size of `unit`, or an error that lists what was allowed.
    pub(crate) fn unit(
        &self,
        text: &str,
        unit: &str,
    ) -> Result<(&'static str, u64), QuantityError> {
        if unit.is_empty() {
            return Err(self.missing_unit(text));
        }
        let known = self.units.iter().find(|(name, _)| *name == unit);
        known.copied().ok_or_else(|| self.unknown_unit(text, unit))
    }

    /// The text has a number and nothing behind it.
    pub(crate) fn missing_unit(&self, text: &str) -> QuantityError {
        let Self { what, example, .. } = self;
        let allowed = self.allowed();
        QuantityError::Malformed(format!(
            "`{text}` has no unit: write {what} as text such as \"{example}\"; {allowed}"
        ))
    }

    /// The text is not a number followed by a unit.
    pub(crate) fn malformed(&self, text: &str, problem: &str) -> QuantityError {
        let Self { what, example, .. } = self;
        QuantityError::Malformed(format!(
            "`{text}` is not {what}: {problem}; write it like \"{example}\""
        ))
    }

    /// The number does not fit.
    pub(crate) fn overflow(&self, text: &str, limit: &str) -> QuantityError {
        QuantityError::Overflow(format!("`{text}` does not fit {}: {limit}", self.what))
    }

    fn unknown_unit(&self, text: &str, unit: &str) -> QuantityError {
        let hint = self.hint(unit).map_or(String::new(), |hint| format!("did you mean `{hint}`? "));
        let allowed = self.allowed();
        QuantityError::Malformed(format!("`{text}` has an unknown unit `{unit}`: {hint}{allowed}"))
    }

    /// The unit the user probably had in mind, if this shape has it.
    fn hint(&self, unit: &str) -> Option<&'static str> {
        let meant = match unit.trim().to_lowercase().as_str() {
            "nsec" | "nsecs" | "nano" | "nanos" | "nanosecond" | "nanoseconds" => "ns",
            "\u{b5}s" | "\u{3bc}s" | "usec" | "usecs" | "micro" | "micros" | "microsecond"
            | "microseconds" => "us",
            "msec" | "msecs" | "milli" | "millis" | "millisecond" | "milliseconds" => "ms",
            "sec" | "secs" | "second" | "seconds" => "s",
            "m" | "mins" | "minute" | "minutes" => "min",
            "hr" | "hrs" | "hour" | "hours" => "h",
            "percent" | "pct" => "%",
            other => return self.names().find(|name| *name == other),
        };
        self.names().find(|name| *name == meant)
    }

    fn allowed(&self) -> String {
        let names: Vec<_> = self.names().collect();
        match names.as_slice() {
            [only] => format!("the unit is {only}"),
            all => format!("units are {}", all.join(", ")),
        }
    }

    fn names(&self) -> impl Iterator<Item = &'static str> {
        self.units.iter().map(|(name, _)| *name)
    }
}

/// The parts of a text; the unit is not looked at yet.
pub(crate) struct Decimal<'a> {
    /// `+`, `-`, or none.
    pub(crate) sign: Option<char>,
    /// All digits as one integer.
    pub(crate) digits: u128,
    /// How many of them stand behind the point, trailing zeros not counted.
    pub(crate) decimals: u32,
    /// Whatever follows the number.
    pub(crate) unit: &'a str,
}

impl<'a> Decimal<'a> {
    /// Takes `text` apart.
    pub(crate) fn split(text: &'a str, shape: &Shape) -> Result<Self, QuantityError> {
        let sign = text.chars().next().filter(|first| matches!(first, '+' | '-'));
        let unsigned = &text[sign.map_or(0, char::len_utf8)..];
        let (whole, behind) = split_digits(unsigned);
        let (fraction, unit) = match behind.strip_prefix('.') {
            Some(rest) => split_digits(rest),
            None => ("0", behind),
        };
        if whole.is_empty() || fraction.is_empty() {
            return Err(shape.malformed(text, "it needs a number before the unit"));
        }
        let fraction = fraction.trim_end_matches('0');
        if whole.len() + fraction.len() > DIGITS_MAX {
            return Err(shape.overflow(text, "it has too many digits"));
        }
        let digits = whole.bytes().chain(fraction.bytes());
        let digits = digits.fold(0, |sum, digit| sum * 10 + u128::from(digit - b'0'));
        Ok(Self { sign, digits, decimals: fraction.len() as u32, unit })
    }

    /// The unsigned value times `scale`.
    pub(crate) fn scaled(&self, scale: u64) -> Scaled {
        let divisor = 10_u128.pow(self.decimals);
        match self.digits.checked_mul(u128::from(scale)) {
            None => Scaled::TooLarge,
            Some(product) if product.is_multiple_of(divisor) => Scaled::Whole(product / divisor),
            Some(_) => Scaled::Broken,
        }
    }
}

/// A number counted in smaller units.
pub(crate) enum Scaled {
    /// That many of them, exactly.
    Whole(u128),
    /// Not a whole number of them.
    Broken,
    /// Beyond 128 bits.
    TooLarge,
}

fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

/// Writes `whole` and then `fraction`, which has `width` decimals, without trailing zeros.
pub(crate) fn without_trailing_zeros(whole: u64, fraction: u64, width: usize) -> String {
    if fraction == 0 {
        return whole.to_string();
    }
    let padded = format!("{whole}.{fraction:0width$}");
    padded.trim_end_matches('0').to_owned()
}

/// Reads a quantity from a text and from nothing else.
///
/// # Errors
/// The text's own error behind its code (`SB0107: …`); a bare number gets the advice to write a
/// unit.
pub(crate) fn deserialize_text<'de, D, T>(
    deserializer: D,
    shape: &'static Shape,
) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err = QuantityError>,
{
    deserializer.deserialize_any(TextVisitor { shape, result: PhantomData })
}

struct TextVisitor<T> {
    shape: &'static Shape,
    result: PhantomData<T>,
}

impl<T: FromStr<Err = QuantityError>> Visitor<'_> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} such as \"{}\"", self.shape.what, self.shape.example)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(with_code)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
        Err(with_code(self.shape.missing_unit(&number.to_string())))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
        Err(with_code(self.shape.missing_unit(&number.to_string())))
    }

    /// The only float in `base`, and it is refused.
    fn visit_f64<E: de::Error>(self, number: f64) -> Result<T, E> {
        Err(with_code(self.shape.missing_unit(&number.to_string())))
    }
}

fn with_code<E: de::Error>(error: QuantityError) -> E {
    E::custom(format_args!("{}: {error}", error.code()))
}
