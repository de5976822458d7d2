//! Readings: what the instruments on every node showed in the course of a run.
//!
//! ```text
//!   run again ──after each event──▶ gauges of every node ──▶ clocks · inboxes · breakers, as changes
//! ```
//!
//! A trace records what happened and not what a node is: how wrong its clock is, how much waits for
//! it, which breaker of it is open. Runs are deterministic, so the same run is made once more and
//! looked at. Recording all of it in every run was rejected: only pictures ask for it.
//!
//! Limits: between two events nothing is read. A clock that drifts is read at a few hundred
//! instants, and at every jump.

use crate::{
    base::{
        ids::NodeId,
        time::{Duration, Time},
    },
    engine::{faults::What, look::Gauges, protocol::Circuit, runner::Simulation, trace::Recording},
    scenario::{plan::Plan, run::Run},
};
use std::collections::BTreeMap;

/// What one breaker did, from each change on; `None` while its caller is down.
type Switched = Vec<(Time, Option<Circuit>)>;

/// What instruments showed, each list in the order of time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Readings {
    /// By how many nanoseconds each node's clock was ahead.
    pub(super) clocks: Vec<Vec<(Time, i64)>>,
    /// How many events waited for each node; nothing where handlers take no time.
    pub(super) inboxes: Vec<Vec<(Time, u64)>>,
    /// What each breaker did, by caller and callee.
    pub(super) breakers: BTreeMap<(NodeId, NodeId), Switched>,
}

impl Readings {
    /// Runs a run again and reads.
    ///
    /// # Panics
    /// When the run is not one of this plan.
    pub(super) fn of(run: &Run, plan: &Plan) -> Self {
        let is_slow = |rule: &crate::engine::faults::Rule| matches!(rule.what, What::Slow { .. });
        let takes_time = !plan.setup.service.is_empty() || plan.setup.rules.iter().any(is_slow);
        let mut world = plan.configured.simulation(plan.setup.clone());
        world.reset(run.seed, Recording::HashOnly);
        let mut readings = Self::taken(run, world.as_mut());
        assert_eq!(world.trace().hash(), run.hash, "a run is made once more by its plan");
        if !takes_time {
            readings.inboxes.clear();
        }
        readings
    }

    fn taken(run: &Run, world: &mut dyn Simulation) -> Self {
        let nodes = run.catalog.nodes.len();
        let mut readings = Self {
            clocks: vec![Vec::new(); nodes],
            inboxes: vec![Vec::new(); nodes],
            breakers: BTreeMap::new(),
        };
        let mut clocks = vec![Dial::of(run); nodes];
        loop {
            for (node, dial) in clocks.iter_mut().enumerate() {
                let gauges = world.gauges(NodeId(node as u16));
                dial.read(&gauges, &mut readings.clocks[node]);
                readings.take(node, gauges);
            }
            if !world.step() {
                break;
            }
        }
        for (dial, clock) in clocks.iter().zip(&mut readings.clocks) {
            clock.extend(dial.last.filter(|last| clock.last() != Some(last)));
        }
        readings
    }

    fn take(&mut self, node: usize, gauges: Gauges) {
        let (at, inbox) = (gauges.at, gauges.inbox as u64);
        if self.inboxes[node].last().map_or(0, |last| last.1) != inbox {
            put(&mut self.inboxes[node], at, inbox);
        }
        let caller = NodeId(node as u16);
        for (callee, circuit) in &gauges.breakers {
            let line = self.breakers.entry((caller, *callee)).or_default();
            if line.last().is_none_or(|last| last.1 != Some(*circuit)) {
                put(line, at, Some(*circuit));
            }
        }
        // A crash takes them all.
        let of_caller = (caller, NodeId(0))..=(caller, NodeId(u16::MAX));
        for ((_, callee), line) in self.breakers.range_mut(of_caller) {
            let is_there = gauges.breakers.iter().any(|(known, _)| known == callee);
            if !is_there && line.last().is_some_and(|last| last.1.is_some()) {
                put(line, at, None);
            }
        }
    }
}

/// What holds from an instant on; of several things in one instant, the last.
fn put<T>(line: &mut Vec<(Time, T)>, at: Time, value: T) {
    if line.last().is_some_and(|last| last.0 == at) {
        line.pop();
    }
    line.push((at, value));
}

/// Reads one clock now and then, and whenever it jumps.
#[derive(Clone)]
struct Dial {
    every: Duration,
    last: Option<(Time, i64)>,
    kept_at: Option<Time>,
}

impl Dial {
    fn of(run: &Run) -> Self {
        const INSTANTS: u64 = 240;
        let every = Duration::from_nanos(run.end.quiet_at.as_nanos() / INSTANTS);
        Self { every, last: None, kept_at: None }
    }

    fn read(&mut self, gauges: &Gauges, line: &mut Vec<(Time, i64)>) {
        let now = (gauges.at, gauges.clock.as_nanos());
        let jumped = self.last.filter(|last| has_jumped(*last, now));
        if let Some(before) = jumped {
            // What it showed until then, at the same instant: the line is upright there.
            line.push((now.0, before.1));
        }
        let is_due = self.kept_at.is_none_or(|kept| self.every <= now.0.saturating_since(kept));
        if is_due || jumped.is_some() {
            line.push(now);
            self.kept_at = Some(now.0);
        }
        self.last = Some(now);
    }
}

/// Whether a clock went further in between than any drift takes it.
fn has_jumped((before, one): (Time, i64), (after, other): (Time, i64)) -> bool {
    // One that stands still, as before its own first instant, falls behind as fast as time goes.
    one.abs_diff(other) > 1 + after.saturating_since(before).as_nanos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_jumps_when_it_goes_further_than_any_drift_takes_it() {
        let at = Time::from_millis;
        assert!(!has_jumped((at(0), 0), (at(100), -100_000_000)));
        assert!(has_jumped((at(0), 0), (at(100), 120_000_000)));
        assert!(has_jumped((at(5), 10), (at(5), -10)), "in no time it goes nowhere by itself");
    }

    #[test]
    fn of_several_readings_in_one_instant_the_last_counts() {
        let (at, mut line) = (Time::from_millis, Vec::new());
        for (instant, value) in [(1, 1), (1, 2), (2, 0)] {
            put(&mut line, at(instant), value);
        }
        assert_eq!(line, [(at(1), 2), (at(2), 0)]);
    }
}
