//! What a sweep holds does not grow with how many seeds there are, nor with how long they run.
//!
//! ```text
//!   1,024 seeds at once │ the worst 64 of them      4 s │ 80 s of gossip      the same peak
//!   operations: each costs what the history and the checks keep of it, and nothing per event
//! ```
//!
//! Bytes in use are counted by the allocator, so the numbers do not depend on the machine's noise.
//! The resident set was rejected: it keeps what was once used.

#[path = "common/counting.rs"]
mod counting;
#[path = "common/pattern.rs"]
mod pattern;

use counting::peak_of;
use pattern::scenario;
use splitbrain::{
    scenario::plan::Plan,
    search::{
        seeds::{Seeds, Slice},
        sweep::{OneByOne, Order, Swept, sweep},
    },
};

#[global_allocator]
static COUNTING: counting::Counting = counting::Counting;

/// The peak of a sweep of so many seeds, and what came of it.
fn swept(plan: &Plan, first: u64, seeds: u64) -> (u64, Swept) {
    let seeds = Seeds::range(first, seeds).expect("there is at least one");
    let catch = |run: &mut dyn FnMut()| {
        run();
        Ok(())
    };
    let order = Order {
        plan,
        seeds: &seeds,
        slice: Slice::WHOLE,
        failures_max: None,
        known: &[],
        catch: &catch,
    };
    peak_of(|| sweep(&order, &OneByOne, &mut |_, _| {}))
}

fn sixteen_times_the_seeds() {
    let plan = scenario("two_phase_commit/swarm", &[]);
    swept(&plan, 1, 1_024);
    let parts = (0..16).map(|part| swept(&plan, part * 64 + 1, 64).0);
    let worst = parts.max().expect("there are sixteen");
    let (all, swept) = swept(&plan, 1, 1_024);
    println!("1,024 seeds hold {all} bytes at most, the worst 64 of them {worst}");
    assert_eq!(swept.tally.seeds, 1_024);
    // Each part of a world keeps the room of its own worst seed.
    assert!(all < worst * 5 / 4, "{all} bytes for 1,024 seeds, {worst} for the worst 64");
}

fn twenty_times_as_long() {
    let gossip = |length| {
        let sets = [("run.for", length), ("run.quiet_tail", "\"1s\"")];
        scenario("quorum/anti_entropy_converges", &sets)
    };
    let (short, long) = (gossip("\"4s\""), gossip("\"80s\""));
    let events = |plan: &Plan| {
        let mut runner = plan.runner();
        runner.judge(splitbrain::base::ids::Seed(1));
        runner.simulation().counters().events
    };
    let ((first, _), (second, _)) = (swept(&short, 1, 64), swept(&long, 1, 64));
    println!("runs of {} events hold {first} bytes, of {} {second}", events(&short), events(&long));
    assert!(events(&long) > 4 * events(&short));
    assert!(second < first * 11 / 10, "{first} bytes for 4 s, {second} for 80 s");
}

/// One test, since the allocator counts for all that run at the same time.
#[test]
fn a_sweep_holds_no_more_for_more_seeds_and_longer_runs() {
    sixteen_times_the_seeds();
    twenty_times_as_long();
}
