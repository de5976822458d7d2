//! A run of 200 messages costs tens of microseconds, not milliseconds.
//!
//! ```text
//!   reset + run of one warm world, many seeds ──▶ median wall time of one run
//! ```
//!
//! The bound is an order of magnitude above what is measured on a slow machine, so it does not
//! flake; it catches an engine that has become a different one. Debug builds only run it.

#[path = "common/echo.rs"]
mod echo;

use echo::{Config, Echo};
use splitbrain::{
    base::{ids::Seed, sampler::Law, time::Duration},
    engine::{runner::With, setup::Setup, trace::Recording},
};
use std::sync::Arc;

#[test]
#[expect(clippy::disallowed_types, reason = "this is about wall time")]
fn a_run_of_200_messages_costs_tens_of_microseconds() {
    let mut setup = Setup::calm(Arc::new(()));
    let law = Law::Uniform(Duration::from_millis(1), Duration::from_millis(9));
    setup.link.latency = law.compile().expect("the law makes sense");
    setup.end = splitbrain::base::time::Time::from_secs(2);
    let mut world = With::<Echo>::new(Config { balls: 200, force_every: 0 }).world(Arc::new(setup));
    let mut times: Vec<u128> = (1..=400)
        .map(|seed| {
            let begin = std::time::Instant::now();
            world.reset(Seed(seed), Recording::HashOnly);
            world.run(&mut ());
            begin.elapsed().as_nanos()
        })
        .collect();
    times.sort_unstable();
    let median = times[times.len() / 2];
    println!("median {median} ns for {} events", world.counters().events);
    assert!(world.counters().events >= 200);
    if !cfg!(debug_assertions) {
        assert!(median < 300_000, "a run of 200 messages took {median} ns");
    }
}
