//! The settings of calls, as a host's scenario writes them.
//!
//! ```text
//!   calls: (timeout: "50ms", attempts_max: 5, hedge: After("10ms"), budget: Unlimited,
//!           retry: Exponential(base: "10ms", cap: "2s", jitter: Full),
//!           breaker: On(failures: 5, window: "1s", open_for: "500ms", probes: 1))
//! ```
//!
//! Whole numbers and texts with units; a ratio of retries is "so many per hundred calls".

use crate::{
    base::time::Duration,
    engine::{ctx::Delay, protocol::BadSetting},
};
use serde::Deserialize;

/// Settings of calls.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How long an attempt may take.
    pub timeout: Duration,
    /// How many attempts there are, the first included; hedges are not counted.
    pub attempts_max: u16,
    /// What happens between two attempts.
    pub retry: Retry,
    /// How many retries are affordable over all calls.
    pub budget: Budget,
    /// Whether a slow first request gets company.
    pub hedge: Hedge,
    /// When to stop asking a node.
    pub breaker: BreakerPolicy,
}

/// What happens between two attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Retry {
    /// Nothing: there is one attempt.
    Never,
    /// Nothing: the next follows at once.
    Immediate,
    /// Always the same pause.
    Fixed(Duration),
    /// Pauses that double.
    Exponential {
        /// The first.
        base: Duration,
        /// The longest.
        cap: Duration,
        /// How they are spread.
        jitter: Jitter,
    },
}

/// How pauses are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Jitter {
    /// Not at all.
    None,
    /// From nothing to the whole pause.
    Full,
    /// From half the pause to the whole.
    Equal,
}

/// What comes after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backoff {
    /// No other attempt.
    GiveUp,
    /// The next, now.
    Now,
    /// The next, later.
    Later(Delay),
}

impl Retry {
    /// What comes after so many attempts (from 1) failed.
    pub fn after(self, attempts: u16) -> Backoff {
        match self {
            Self::Never => Backoff::GiveUp,
            Self::Immediate => Backoff::Now,
            Self::Fixed(pause) => Backoff::Later(pause.into()),
            Self::Exponential { base, cap, jitter } => {
                let factor = 1_u64.checked_shl(u32::from(attempts) - 1).unwrap_or(u64::MAX);
                let pause = base.checked_mul(factor).map_or(cap, |pause| pause.min(cap));
                Backoff::Later(match jitter {
                    Jitter::None => pause.into(),
                    Jitter::Full => Delay::Between(Duration::ZERO, pause),
                    Jitter::Equal => Delay::Between(pause / 2, pause),
                })
            }
        }
    }
}

/// How many retries are affordable over all calls of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Budget {
    /// All.
    Unlimited,
    /// A share of the calls.
    Limited {
        /// How many retries a hundred calls earn.
        per_hundred_calls: u16,
        /// How many can be saved up; there are so many at first.
        reserve: u16,
    },
}

/// Whether a slow first request gets company.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Hedge {
    /// No.
    Off,
    /// After so long.
    After(Duration),
}

/// When to stop asking a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum BreakerPolicy {
    /// Never.
    Off,
    /// When it fails too often.
    On {
        /// So many failures …
        failures: u16,
        /// … within so long of the first of them.
        window: Duration,
        /// For how long.
        open_for: Duration,
        /// How many calls then find out whether it is back, all of which must be answered.
        probes: u16,
    },
}

impl Default for Settings {
    fn default() -> Self {
        let (base, cap) = (Duration::from_millis(10), Duration::from_secs(1));
        Self {
            timeout: Duration::from_millis(50),
            attempts_max: 5,
            retry: Retry::Exponential { base, cap, jitter: Jitter::Full },
            budget: Budget::Unlimited,
            hedge: Hedge::Off,
            breaker: BreakerPolicy::Off,
        }
    }
}

impl Settings {
    /// What could be read and makes no sense, each finding under the host's name for the field.
    pub fn validate(&self, field: &'static str) -> Vec<BadSetting> {
        let hedge_is_late = matches!(self.hedge, Hedge::After(delay) if delay >= self.timeout);
        let no_failures = matches!(
            self.breaker,
            BreakerPolicy::On { failures, probes, .. } if failures == 0 || probes == 0
        );
        let no_time = matches!(
            self.breaker,
            BreakerPolicy::On { window, open_for, .. } if window.is_zero() || open_for.is_zero()
        );
        let never_doubles = matches!(
            self.retry,
            Retry::Exponential { base, cap, .. } if base.is_zero() || cap < base
        );
        let findings = [
            (self.timeout.is_zero(), "timeout: it must be longer than nothing"),
            (self.attempts_max == 0, "attempts_max: 1 or more"),
            (hedge_is_late, "hedge: sooner than the timeout, else it never happens"),
            (no_failures, "breaker: failures and probes are 1 or more"),
            (no_time, "breaker: window and open_for must be longer than nothing"),
            (never_doubles, "retry: base is longer than nothing and no longer than cap"),
        ];
        let bad = findings.into_iter().filter(|(bad, _)| *bad);
        bad.map(|(_, reason)| BadSetting { field, reason: reason.to_owned() }).collect()
    }
}
