//! Quarantine: failures that are known, for whom it may concern and until when.
//!
//! ```text
//!   (scenario, property[/shape], until, reason) ──not yet expired──▶ shown, counted, not judged
//!                                              └─expired──────────▶ judged like any other
//! ```
//!
//! A sweep that is red for a known reason hides the next one, and a scenario that expects the bug
//! would bless it. So a known failure is set aside by its fingerprint, with a date on which it
//! counts again: nothing is set aside for ever. Quarantine by seed was rejected, since a seed means
//! another run after the next change.
//!
//! Limits: panics of splitbrain itself and runs that differ the second time always count.

use super::fingerprint::Fingerprint;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A day of the civil calendar: `2026-12-31`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Day(NaiveDate);

impl Day {
    /// The day, so many seconds after 1970 began at Greenwich.
    pub fn of_epoch_seconds(seconds: u64) -> Option<Self> {
        let instant = chrono::DateTime::from_timestamp(i64::try_from(seconds).ok()?, 0)?;
        Some(Self(instant.date_naive()))
    }
}

impl FromStr for Day {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
        let day = day.filter(|day| day.to_string() == text).map(Self);
        day.ok_or_else(|| format!("`{text}` is no day: write it as 2026-12-31"))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.to_string()
    }
}

impl TryFrom<String> for Day {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// A failure that is known and does not count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// A property, or one failure of it as `sweep` prints it: `no_blocking/3f2a9c`.
    pub failure: String,
    /// The last day on which it does not count.
    pub until: Day,
    /// Why it is set aside; a link, best of all.
    pub reason: String,
}

impl Known {
    /// Whether this is the failure.
    pub fn covers(&self, what: &Fingerprint) -> bool {
        self.failure == what.property || self.failure == what.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_strictly_and_ordered() {
        let day = |text: &str| text.parse::<Day>();
        assert!(day("2026-12-31") < day("2027-01-01"));
        for text in ["2026-2-3", "2026-02-30", "tomorrow", "", "2026-12-31 "] {
            assert!(day(text).is_err_and(|said| said.contains("no day")), "{text}");
        }
        assert_eq!(Day::of_epoch_seconds(1_767_225_599), day("2025-12-31").ok());
        assert_eq!(Day::of_epoch_seconds(1_767_225_600), day("2026-01-01").ok());
    }

    #[test]
    fn a_property_covers_all_its_failures_and_a_fingerprint_one() {
        let what = Fingerprint { property: "a.b".to_owned(), shape: 0x3f };
        let known = |failure: &str| Known {
            failure: failure.to_owned(),
            until: "2026-12-31".parse().expect("a day"),
            reason: String::new(),
        };
        assert!(known("a.b").covers(&what) && known("a.b/00003f").covers(&what));
        assert!(!known("a").covers(&what) && !known("a.b/00003e").covers(&what));
    }
}
