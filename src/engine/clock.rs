//! A node's own clock: what it reads is never true time.
//!
//! ```text
//!   wall(t) = t + offset + drift·t + jumps          timers: a monotonic clock, drift only
//! ```
//!
//! Offset and drift are drawn per node by its name; jumps are faults and move the wall clock
//! alone, as an operator or a time daemon would. Letting nodes read true time was rejected: a
//! protocol that orders events by it looks correct until it meets two machines.

use crate::base::{
    draws::{Draws, Purpose},
    quantity::{Offset, PartsPerMillion},
    time::{Duration, Time},
};

/// How far the clocks of a system may be apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClockLaw {
    /// Each node's offset lies within plus and minus this.
    pub offset_max: Duration,
    /// Each node's drift lies within plus and minus this.
    pub drift_max: PartsPerMillion,
}

/// One node's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Clock {
    offset: i64,
    drift: PartsPerMillion,
    /// The rule that last set it wrong, until somebody reads it.
    pub(super) jumped_by: Option<u16>,
}

impl Clock {
    /// Draws a node's clock.
    pub(super) fn draw(law: ClockLaw, draws: &Draws, name: u64) -> Self {
        let key = draws.key(Purpose::Clock, [name, 0, 0, 0]);
        let within = |word: u64, bound: u64| {
            let span = u128::from(bound) * 2 + 1;
            (((u128::from(word) * span) >> 64) as i64) - bound as i64
        };
        Self {
            offset: within(key.word(0, 0), law.offset_max.as_nanos()),
            drift: PartsPerMillion::new(within(
                key.word(0, 1),
                u64::from(law.drift_max.as_parts().unsigned_abs()),
            ) as i32),
            jumped_by: None,
        }
    }

    /// A clock that is wrong by this much.
    pub(super) fn fixed((offset, drift): (Offset, PartsPerMillion)) -> Self {
        Self { offset: offset.as_nanos(), drift, jumped_by: None }
    }

    /// How wrong it is: offset and drift.
    pub(super) fn wrong_by(&self) -> (Offset, PartsPerMillion) {
        (Offset::from_nanos(self.offset), self.drift)
    }

    /// What it shows at an instant of true time.
    pub(super) fn read(&self, now: Time) -> Time {
        let drifted = self.drift.scale(now.saturating_since(Time::ZERO));
        Offset::from_nanos(self.offset).shift(Time::from_nanos(drifted.as_nanos()))
    }

    /// Sets it forward or back.
    pub(super) fn jump(&mut self, by: Offset, rule: u16) {
        self.offset = self.offset.saturating_add(by.as_nanos());
        self.jumped_by = Some(rule);
    }

    /// How long a span of its own time takes in true time, rounded up.
    pub(super) fn true_span(&self, own: Duration) -> Duration {
        let parts = self.drift.as_parts();
        if parts == 0 {
            return own;
        }
        let factor = (1_000_000 + i64::from(parts)) as u128;
        let nanos = (u128::from(own.as_nanos()) * 1_000_000).div_ceil(factor);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::Seed;

    #[test]
    fn clocks_stay_within_their_law_and_differ_by_name() {
        let law =
            ClockLaw { offset_max: Duration::from_millis(5), drift_max: PartsPerMillion::new(200) };
        let draws = Draws::new(Seed(3));
        let clocks: Vec<Clock> = (0..50).map(|name| Clock::draw(law, &draws, name)).collect();
        assert!(clocks.iter().all(|clock| clock.offset.abs() <= 5_000_000));
        assert!(clocks.iter().all(|clock| clock.drift.as_parts().abs() <= 200));
        assert!(clocks.windows(2).any(|pair| pair[0].offset != pair[1].offset));
    }

    #[test]
    fn a_jump_moves_the_wall_clock_and_no_timer() {
        let mut clock = Clock::default();
        clock.jump(Offset::from_nanos(-500), 0);
        assert_eq!(clock.read(Time::from_nanos(2_000)), Time::from_nanos(1_500));
        assert_eq!(clock.true_span(Duration::from_nanos(70)), Duration::from_nanos(70));
    }

    #[test]
    fn a_fast_clock_waits_less_true_time() {
        let clock = Clock { offset: 0, drift: PartsPerMillion::new(250_000), jumped_by: None };
        assert_eq!(clock.true_span(Duration::from_secs(5)), Duration::from_secs(4));
        assert_eq!(clock.read(Time::from_secs(4)), Time::from_secs(5));
    }
}
