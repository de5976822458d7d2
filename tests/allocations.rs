//! Once warm, the engine allocates nothing per event.
//!
//! ```text
//!   seeds to warm up ──▶ reset + run of further seeds, with every allocation counted ──▶ none
//! ```
//!
//! A counting allocator around the system's, in a test binary of its own, since allocations of
//! other tests would be counted too. Instruction counts and times were rejected as a guard: they
//! depend on the machine, this number does not.

#[path = "common/counting.rs"]
mod counting;
#[path = "common/echo.rs"]
mod echo;

use echo::{Config, Echo};
use splitbrain::{
    base::{
        ids::Seed,
        quantity::Probability,
        sampler::Law,
        time::{Duration, Time},
    },
    engine::{runner::With, setup::Setup, trace::Recording, world::World},
};
use std::sync::Arc;

#[global_allocator]
static COUNTING: counting::Counting = counting::Counting;

/// Loss, duplicates, timers and forces: everything but crashes and clients.
fn world(balls: u32) -> World<Echo> {
    let mut setup = Setup::calm(Arc::new(()));
    let law = Law::Uniform(Duration::from_millis(1), Duration::from_millis(9));
    setup.link.latency = law.compile().expect("the law makes sense");
    setup.link.loss = Probability::from_ratio(1, 100);
    setup.link.duplication = Probability::from_ratio(1, 100);
    setup.end = Time::from_secs(150);
    With::<Echo>::new(Config { balls, force_every: 10 }).world(Arc::new(setup))
}

fn allocations_and_events(world: &mut World<Echo>, seed: u64) -> (u64, u64) {
    let before = counting::allocations();
    world.reset(Seed(seed), Recording::HashOnly);
    world.run(&mut ());
    (counting::allocations() - before, world.counters().events)
}

#[test]
fn a_warm_world_allocates_nothing_per_event() {
    let mut world = world(20_000);
    for seed in 1..=3 {
        allocations_and_events(&mut world, seed);
    }
    for seed in 1..=8 {
        let (allocations, events) = allocations_and_events(&mut world, seed);
        assert!(events > 20_000, "the run has to be long enough to mean something: {events}");
        assert_eq!(allocations, 0, "seed {seed}, {events} events");
    }
}
