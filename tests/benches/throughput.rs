//! How much fits into a second: `cargo bench --bench throughput`.
//!
//! ```text
//!   runs       a seed of a shipped swarm, from reset to verdict            events per second
//!   sweeps     the same through the sweep, one core and two                seeds per second
//!   explorer   two-phase commit with seven managers, whole worlds          generated states
//!   judges     registers of 100,000 calls, 103 histories full of timeouts  calls
//! ```
//!
//! Everything goes the way that the command line goes: scenarios from their files, behind the runner
//! that knows no protocol, trace hash and counters on. Ratios to a loop written by hand are the
//! business of `ratios`, since they need both halves within a moment.
//!
//! `cargo bench --bench throughput -- explorer` measures one group.

#![expect(
    clippy::option_option,
    reason = "nothing known, known to be nothing, and a number are three things here"
)]

#[path = "../histories/generated.rs"]
mod generated;
#[path = "../histories/naive.rs"]
#[expect(dead_code, reason = "the definitions are for the tests")]
mod naive;

use divan::{Bencher, counter::ItemsCount};
use splitbrain::{
    base::{ids::Seed, text::source::Edited},
    scenario::{load::load, plan::Plan, registry::Registry},
};

fn main() {
    divan::main();
}

/// A shipped scenario.
fn plan(name: &str) -> Plan {
    let path = format!("{}/scenarios/{name}.ron", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).expect("the scenario is there");
    load(&Registry::built_in(), name, &Edited::new(text)).expect("the scenario is sound")
}

/// Seeds that are run in turn, so that no single one decides.
const SEEDS: u64 = 64;

mod runs {
    use super::*;

    #[divan::bench(args = [
        "two_phase_commit/swarm",
        "saga_orchestration/swarm",
        "saga_choreography/swarm",
        "quorum/swarm",
        "wal/swarm",
    ])]
    fn a_seed(bencher: Bencher<'_, '_>, name: &str) {
        let plan = plan(name);
        let mut runner = plan.runner();
        let mut events = 0;
        for seed in 1..=SEEDS {
            runner.judge(Seed(seed));
            events += runner.simulation().counters().events;
        }
        bencher.counter(ItemsCount::new(events / SEEDS)).bench_local({
            let mut seed = 0;
            move || {
                seed = seed % SEEDS + 1;
                runner.judge(Seed(seed))
            }
        });
    }
}

mod sweeps {
    use super::*;

    /// Seeds that each thread runs.
    const EACH: u64 = 512;

    #[divan::bench(args = [1, 2], sample_count = 10)]
    fn two_phase_commit(bencher: Bencher<'_, '_>, threads: u64) {
        let plan = plan("two_phase_commit/swarm");
        bencher.counter(ItemsCount::new(threads * EACH)).bench_local(|| {
            std::thread::scope(|scope| {
                for thread in 0..threads {
                    let plan = &plan;
                    scope.spawn(move || {
                        let mut runner = plan.runner();
                        for seed in thread * EACH + 1..=(thread + 1) * EACH {
                            divan::black_box(runner.judge(Seed(seed)));
                        }
                    });
                }
            });
        });
    }
}

mod explorer {
    use super::*;
    use splitbrain::explore::{
        breadth_first::{Explored, Options, Symmetry, breadth_first},
        models::{Crashes, Network, two_phase::TwoPhase},
        world::{WorldModel, WorldOptions},
    };
    use std::ops::ControlFlow;

    /// Some of these worlds have no end.
    const STATES_MAX: u32 = 100_000;

    fn two_phase(symmetry: Symmetry) -> Explored {
        let model = TwoPhase::new(7, Network::Set, Crashes::None);
        let options = Options { symmetry, ..Options::default() };
        breadth_first(&model, &options, &mut |_| ControlFlow::Continue(()))
    }

    #[divan::bench(args = [Symmetry::Off, Symmetry::Reduce], sample_count = 10)]
    fn two_phase_commit_of_seven(bencher: Bencher<'_, '_>, symmetry: Symmetry) {
        let generated = two_phase(symmetry).report.generated;
        bencher.counter(ItemsCount::new(generated)).bench_local(|| two_phase(symmetry));
    }

    #[divan::bench(args = ["quorum/small_register", "saga_choreography/small_saga"], sample_count = 5)]
    fn whole_worlds(bencher: Bencher<'_, '_>, name: &str) {
        let plan = plan(name);
        let explore = || {
            let model = WorldModel::new(&plan, WorldOptions::default());
            let options = Options { states_max: STATES_MAX, ..Options::default() };
            breadth_first(&model, &options, &mut |_| ControlFlow::Continue(()))
        };
        let generated = explore().report.generated;
        bencher.counter(ItemsCount::new(generated)).bench_local(explore);
    }
}

mod judges {
    use super::*;
    use crate::{
        generated::{Load, Numbers, history_with_timeouts, legal_history, spoil},
        naive::{Op, history, rules},
    };
    use splitbrain::checkers::history::{Model, calls::History, is_linearizable, linearizable};

    const CALLS: usize = 100_000;

    fn unique_register() -> Vec<Op> {
        let model = Model::Register;
        let load = Load { model, processes: 20, calls: CALLS, values: 0, unknown: 50 };
        legal_history(&load, &mut Numbers(1))
    }

    #[divan::bench(sample_count = 20)]
    fn unique_register_legal(bencher: Bencher<'_, '_>) {
        let history = history(&unique_register());
        let rules = rules(Model::Register);
        bencher.counter(ItemsCount::new(CALLS)).bench_local(|| linearizable(&history, &rules));
    }

    #[divan::bench(sample_count = 20)]
    fn unique_register_illegal_with_its_smallest_witness(bencher: Bencher<'_, '_>) {
        let mut ops = unique_register();
        spoil(&mut ops, &mut Numbers(2));
        let history = history(&ops);
        let rules = rules(Model::Register);
        bencher.counter(ItemsCount::new(CALLS)).bench_local(|| linearizable(&history, &rules));
    }

    /// Every other one with a wrong answer in it.
    fn timeouts(count: u64) -> Vec<History> {
        let one = |seed| {
            let mut numbers = Numbers(seed);
            let mut ops = history_with_timeouts(&mut numbers, 90);
            if seed % 2 == 1 {
                spoil(&mut ops, &mut numbers);
            }
            history(&ops)
        };
        (0..count).map(one).collect()
    }

    #[divan::bench(args = [103], sample_count = 20)]
    fn verdicts_on_histories_full_of_timeouts(bencher: Bencher<'_, '_>, count: u64) {
        let histories = timeouts(count);
        let rules = rules(Model::CasRegister);
        bencher.counter(ItemsCount::new(count * 90)).bench_local(|| {
            histories
                .iter()
                .filter(|history| is_linearizable(history, &rules) == Some(true))
                .count()
        });
    }

    #[divan::bench(args = [103], sample_count = 20)]
    fn histories_full_of_timeouts_with_the_smallest_witnesses(
        bencher: Bencher<'_, '_>,
        count: u64,
    ) {
        let histories = timeouts(count);
        let rules = rules(Model::CasRegister);
        bencher.counter(ItemsCount::new(count * 90)).bench_local(|| {
            histories.iter().map(|history| linearizable(history, &rules)).collect::<Vec<_>>()
        });
    }
}
