//! Pace: when a client asks again. A part that workloads share.
//!
//! ```text
//!   rate: "50/s"     open loop: asks at this rate, answered or not
//!   think: "10ms"    closed loop: asks again after the answer
//! ```
//!
//! Arrivals of the open loop are a Poisson process, which queueing formulas assume and which makes
//! operations overlap; a fixed pace was rejected, for it hides every race.

use crate::{
    base::{
        quantity::Rate,
        sampler::{Law, Sampler},
        time::Duration,
    },
    engine::clients::{Again, Draw},
};

/// When a client asks again.
#[derive(Debug)]
pub(super) enum Pace {
    /// After pauses of this law.
    Open(Sampler),
    /// So long after an answer.
    Closed(Duration),
}

impl Pace {
    /// A Poisson process.
    pub(super) fn open(rate: Rate) -> Self {
        let law = Law::Exponential { floor: Duration::ZERO, mean: rate.mean_interval() };
        Self::Open(law.compile().expect("a rate has a mean interval above zero"))
    }

    /// What two settings say, of which at most one may be given.
    ///
    /// # Errors
    /// A reason when both are.
    pub(super) fn of(rate: Option<Rate>, think: Option<Duration>) -> Result<Self, &'static str> {
        match (rate, think) {
            (Some(_), Some(_)) => Err("a client asks at a `rate` or thinks for a while, not both"),
            (Some(rate), None) => Ok(Self::open(rate)),
            (None, think) => Ok(Self::Closed(think.unwrap_or_default())),
        }
    }

    /// How long after the start a client first asks.
    pub(super) fn first(&self, draw: &mut Draw<'_>) -> Duration {
        match self {
            Self::Open(law) => law.sample(draw.word("first")),
            Self::Closed(_) => Duration::ZERO,
        }
    }

    /// When it asks again, after an operation that is not its last.
    pub(super) fn again(&self, draw: &mut Draw<'_>) -> Again {
        match self {
            Self::Open(law) => Again::After(law.sample(draw.word("pause"))),
            Self::Closed(think) => Again::Thinking(*think),
        }
    }
}
