//! Shrinking, on bugs that are planted by leaving steps out.
//!
//! ```text
//!   swarm, one step ablated ──sweep──▶ seed ──shrink──▶ a few faults, 1-minimal ──run──▶ the same bug
//! ```

use splitbrain::{
    base::{ids::Seed, text::source::Edited},
    engine::trace::Recording,
    scenario::{
        load::{edit, load},
        plan::Plan,
        registry::Registry,
    },
    search::{fingerprint::Fingerprint, shrink},
};

const SWARM: &str = include_str!("../scenarios/two_phase_commit/swarm.ron");

fn ablated(step: &str) -> Plan {
    let text =
        SWARM.replace("swarm: PerSeed,", &format!("swarm: PerSeed,\n    ablate: [\"{step}\"],"));
    load(&Registry::built_in(), "swarm", &Edited::new(text)).expect("the swarm can be loaded")
}

fn first_failure(plan: &Plan) -> (Seed, Fingerprint) {
    let mut runner = plan.runner();
    (1..200)
        .find_map(|seed| {
            let (_, judgements) = runner.judge(Seed(seed));
            let found = judgements.iter().find_map(|j| Fingerprint::of(j, &plan.catalog));
            found.map(|found| (Seed(seed), found))
        })
        .expect("an ablated step is missed soon")
}

#[test]
fn every_ablated_step_shrinks_to_a_handful() {
    for step in ["ForcePromise", "ForceDecision"] {
        let plan = ablated(step);
        let (seed, wanted) = first_failure(&plan);
        let registry = Registry::built_in();
        let shrunk = shrink::shrink(&registry, &plan, seed, &wanted, 5_000)
            .unwrap_or_else(|error| panic!("{step}@{seed}: {error}"));
        println!(
            "{step}@{seed} {wanted} {:?} → {:?} in {} runs",
            shrunk.before,
            shrunk.draft.size(),
            shrunk.runs
        );
        println!("{}", shrunk.draft.text());
        _ = edit(SWARM, &[]);
        _ = Recording::Full;
    }
}
