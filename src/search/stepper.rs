//! Stepping through a run, forward and back.
//!
//! ```text
//!   #1 … #4   #9   #12   #13   …        stops: after each handled event that tells something
//!    ◆                    ◆             snapshots: whole worlds, every so many stops
//!    └──────── run on ────▶             back: from the snapshot before
//! ```
//!
//! A stop is the world after one pending event was handled with all that it brought about, so the
//! numbers between two stops are one step. The whole run is gone through once to find the stops;
//! afterwards going anywhere costs at most the way from one snapshot to the next. Undoing events
//! was rejected: a world would have to remember what it was.
//!
//! Limits: at most 64 snapshots are kept; a longer run has longer ways between them.

use crate::{
    base::ids::{EventId, Seed},
    engine::{runner::Simulation, trace::Recording},
    scenario::plan::Plan,
};

const SNAPSHOTS_MAX: usize = 64;
const STRIDE_MIN: usize = 64;

/// A run at one of its stops.
pub struct Stepper {
    world: Box<dyn Simulation>,
    place: usize,
    stops: Vec<EventId>,
    snapshots: Vec<(usize, Box<dyn Simulation>)>,
}

impl Stepper {
    /// Goes through the run of a seed once, and back to its first stop.
    pub fn new(plan: &Plan, seed: Seed) -> Self {
        let mut world = plan.configured.simulation(plan.setup.clone());
        world.reset(seed, Recording::HashOnly);
        let mut stops = vec![world.trace().latest()];
        let mut snapshots = vec![(0, world.fork())];
        let mut stride = STRIDE_MIN;
        while world.step() {
            let latest = world.trace().latest();
            if stops.last() == Some(&latest) {
                continue;
            }
            stops.push(latest);
            let place = stops.len() - 1;
            if place.is_multiple_of(stride) {
                snapshots.push((place, world.fork()));
            }
            if snapshots.len() > SNAPSHOTS_MAX {
                stride *= 2;
                snapshots.retain(|(place, _)| place.is_multiple_of(stride));
            }
        }
        let mut stepper = Self { world, place: stops.len(), stops, snapshots };
        stepper.go(0);
        stepper
    }

    /// How many stops there are; at least one.
    pub fn stops(&self) -> usize {
        self.stops.len()
    }

    /// Which stop this is, from 0.
    pub fn place(&self) -> usize {
        self.place
    }

    /// The latest event.
    pub fn event(&self) -> EventId {
        self.stops[self.place]
    }

    /// The latest event before this stop's own; none at the first stop.
    pub fn before(&self) -> EventId {
        self.place.checked_sub(1).map_or(EventId(0), |place| self.stops[place])
    }

    /// The world at this stop.
    pub fn world(&self) -> &dyn Simulation {
        self.world.as_ref()
    }

    /// The first stop at which an event has happened; the last one for an event that never does.
    pub fn stop_of(&self, event: EventId) -> usize {
        self.stops.partition_point(|stop| *stop < event).min(self.stops.len() - 1)
    }

    /// Goes to a stop; to the last one if there are not so many.
    pub fn go(&mut self, place: usize) {
        let place = place.min(self.stops.len() - 1);
        let nearest = self.snapshots.partition_point(|(known, _)| *known <= place) - 1;
        let (known, snapshot) = &self.snapshots[nearest];
        if place < self.place || self.place < *known {
            self.world = snapshot.fork();
            self.place = *known;
        }
        while self.place < place {
            assert!(self.world.step(), "a run has as many stops as it had before");
            if self.world.trace().latest() == self.stops[self.place + 1] {
                self.place += 1;
            }
        }
    }
}
