//! Floors: in how many seeds of a sweep something must have been put to the test.
//!
//! ```text
//!   12                 every property, in 12 seeds, where all is to hold
//!   5%                 the same as a share of all seeds
//!   durability=10%     this property, or the fault rule of this id, whatever is expected
//! ```
//!
//! A sweep that is below a floor is inconclusive, as one is in which a property was never tested. A
//! floor without a name stands in place of the scenario's `exercised`. It leaves scenarios alone that
//! demonstrate a violation: most of what they list is there to hold besides, and need not be
//! exercised. Floors by occasions rather than by seeds
//! were rejected: one long run would meet them.

use super::tally::Tally;
use crate::base::quantity::Probability;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// How often something must have been put to the test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Floor {
    /// A property, or the id of a fault rule; `None` for every property where all is to hold.
    pub of: Option<String>,
    /// How often.
    pub least: Least,
}

/// A number of seeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Least {
    /// So many.
    Seeds(u64),
    /// Such a share of those that were run.
    Share(Probability),
}

impl Least {
    /// How many of `seeds` seeds that is, rounded up.
    pub fn of(self, seeds: u64) -> u64 {
        match self {
            Self::Seeds(least) => least,
            Self::Share(Probability::ALWAYS) => seeds,
            Self::Share(share) => {
                let part = u128::from(seeds) * u128::from(share.as_word());
                // A share that is written in decimals is a little off as a number of 2^64ths.
                let rounding = u128::from(seeds);
                u64::try_from((part.saturating_sub(rounding)).div_ceil(1 << 64)).unwrap_or(seeds)
            }
        }
    }
}

impl Floor {
    /// In how many seeds of a sweep the property or the rule was put to the test; `None` when there
    /// is no such thing.
    pub fn seen(name: &str, tally: &Tally) -> Option<u64> {
        let property = tally.properties.get(name).map(|property| property.exercised);
        property.or_else(|| tally.rules.get(name).map(|rule| rule.effective))
    }
}

impl FromStr for Floor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (of, least) = match text.rsplit_once('=') {
            Some((of, least)) => (Some(of), least),
            None => (None, text),
        };
        let wrong =
            || format!("`{text}` is no floor: write 12, 5%, durability=12 or durability=5%");
        if of.is_some_and(str::is_empty) {
            return Err(wrong());
        }
        let least = if least.ends_with('%') {
            Least::Share(least.parse().map_err(|_| wrong())?)
        } else {
            Least::Seeds(least.parse().map_err(|_| wrong())?)
        };
        Ok(Self { of: of.map(str::to_owned), least })
    }
}

impl fmt::Display for Floor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(of) = &self.of {
            write!(f, "{of}=")?;
        }
        match self.least {
            Least::Seeds(least) => write!(f, "{least}"),
            Least::Share(share) => write!(f, "{share}"),
        }
    }
}

impl From<Floor> for String {
    fn from(floor: Floor) -> Self {
        floor.to_string()
    }
}

impl TryFrom<String> for Floor {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_floor_reads_back_as_it_was_written() {
        for text in ["12", "5%", "durability=10%", "window=1", "a.b=0.5%"] {
            assert_eq!(text.parse::<Floor>().expect("it is one").to_string(), text);
        }
        for text in ["", "=3", "x=", "-1", "x=y", "101%"] {
            assert!(text.parse::<Floor>().is_err_and(|said| said.contains("no floor")), "{text}");
        }
    }

    #[test]
    fn a_share_is_rounded_up_to_whole_seeds() {
        let least = |text: &str, seeds| text.parse::<Floor>().expect("a floor").least.of(seeds);
        assert_eq!(least("10%", 1_000), 100);
        assert_eq!(least("10%", 1_001), 101);
        assert_eq!(least("33.3%", 1_000), 333);
        assert_eq!((least("100%", 7), least("0%", 7), least("5", 7)), (7, 0, 5));
    }
}
