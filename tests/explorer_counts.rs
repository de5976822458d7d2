//! Known answers for the explorer: published state counts, closed forms, and counts made by hand.
//!
//! ```text
//!   model ──explore everything──▶ distinct, depth, exhausted ══ the number in the literature
//! ```
//!
//! Distinct states and depth (the initial state has depth 1) do not depend on the checker. How many
//! states are generated does: TLC seems to take a step once for every disjunct and witness of its
//! guard, which explains some of its numbers and not all. Where the numbers are the same, that is
//! demanded too. No number here may be changed to make a test green.

use splitbrain::explore::{
    breadth_first::{End, OnViolation, Options, Progress, Report, Symmetry, breadth_first},
    model::{Model, Ordinal},
    models::{
        self, Choice, Crashes, ModelEntry, Network,
        deliveries::{Deliveries, Destination},
        two_phase::TwoPhase,
    },
};
use std::{collections::BTreeMap, ops::ControlFlow};

fn go_on(_: &Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn entry(name: &str) -> ModelEntry {
    let found = models::all().into_iter().find(|entry| entry.name == name);
    found.unwrap_or_else(|| panic!("no model is called {name}"))
}

fn options(symmetry: Symmetry) -> Options {
    Options { symmetry, on_violation: OnViolation::Collect, ..Options::default() }
}

/// Everything there is, by the path that a command takes.
fn explore(name: &str, choice: Choice, symmetry: Symmetry) -> Report {
    let explored = entry(name).explore(&choice, &options(symmetry), &mut go_on);
    let report = explored.expect("the choice makes sense").report;
    assert_eq!(report.end, End::Exhausted, "{name}");
    report
}

fn of_size(name: &str, size: u32) -> Report {
    explore(name, Choice { size: Some(size), ..Choice::default() }, Symmetry::Off)
}

fn two_phase(size: u32, network: Network, crashes: Crashes) -> Report {
    let choice = Choice { size: Some(size), network: Some(network), crashes };
    explore("two_phase", choice, Symmetry::Off)
}

fn properties(report: &Report) -> Vec<&str> {
    report.violations.iter().map(|found| found.violation.property.as_ref()).collect()
}

fn choose(n: u64, k: u64) -> u64 {
    (0..k).fold(1, |product, i| product * (n - i) / (i + 1))
}

/// 2ⁿ + 4ⁿ + 6ⁿ and its like.
fn powers(n: u32, bases: [u64; 3]) -> u64 {
    bases.iter().map(|base| base.pow(n)).sum()
}

#[test]
fn transaction_commit_has_34_states_at_depth_7() {
    let report = of_size("transaction_commit", 3);
    assert_eq!((report.distinct, report.depth(), report.generated), (34, 7, 94));
    assert_eq!(properties(&report), [""; 0]);
}

#[test]
fn two_phase_over_a_set_has_its_closed_form_and_depth() {
    for n in 1..=6 {
        let report = two_phase(n, Network::Set, Crashes::None);
        assert_eq!(u64::from(report.distinct), powers(n, [2, 4, 6]), "n = {n}");
        assert_eq!(report.depth(), 3 * n + 2, "n = {n}");
        assert_eq!(properties(&report), [""; 0]);
    }
}

#[test]
fn two_phase_generates_as_many_states_as_tlc() {
    for (n, generated) in [(3, 1_146), (4, 8_258), (5, 58_146)] {
        assert_eq!(two_phase(n, Network::Set, Crashes::None).generated, generated, "n = {n}");
    }
}

#[test]
fn two_phase_over_envelopes_has_its_closed_form() {
    for n in 1..=5 {
        let report = two_phase(n, Network::Multiset, Crashes::None);
        assert_eq!(u64::from(report.distinct), powers(n, [2, 4, 8]), "n = {n}");
        assert_eq!(properties(&report), [""; 0]);
    }
}

#[test]
fn two_phase_over_a_lossy_network_has_its_closed_form_and_blocks() {
    for n in 1..=5 {
        let report = two_phase(n, Network::Lossy, Crashes::None);
        assert_eq!(u64::from(report.distinct), powers(n, [3, 5, 12]), "n = {n}");
        assert_eq!(properties(&report), ["no_blocking"]);
    }
}

#[test]
fn one_crash_of_the_coordinator_adds_its_closed_form_and_blocks() {
    for n in 1..=5 {
        let report = two_phase(n, Network::Set, Crashes::Coordinator);
        let expected = powers(n, [2, 4, 6]) + powers(n, [2, 3, 4]);
        assert_eq!(u64::from(report.distinct), expected, "n = {n}");
        assert_eq!(properties(&report), ["no_blocking"]);
    }
}

#[test]
fn one_crash_over_envelopes_has_the_pinned_counts() {
    for (n, pinned) in [(1, 25), (2, 139), (3, 871), (4, 5_935)] {
        let report = two_phase(n, Network::Multiset, Crashes::Coordinator);
        assert_eq!(report.distinct, pinned, "n = {n}");
        let closed = powers(n, [2, 4, 8]) + powers(n, [2, 4, 6]) - 1;
        assert_eq!(u64::from(report.distinct), closed, "n = {n}");
    }
}

#[test]
fn two_phase_modulo_renaming_has_as_many_states_as_there_are_orbits() {
    for n in 1..=7 {
        let choice = Choice { size: Some(n), ..Choice::default() };
        let report = explore("two_phase", choice, Symmetry::Reduce);
        let n = u64::from(n);
        let orbits = choose(n + 1, 1) + choose(n + 3, 3) + choose(n + 5, 5);
        assert_eq!(u64::from(report.distinct), orbits, "n = {n}");
        assert_eq!(u64::from(report.depth()), 3 * n + 2);
    }
}

#[test]
fn a_backup_coordinator_has_1245_states_at_depth_15() {
    let report = of_size("backup_coordinator", 3);
    assert_eq!((report.distinct, report.depth()), (1_245, 15));
    assert_eq!(properties(&report), [""; 0]);
}

#[test]
fn commitment_by_simple_broadcast_has_54944_states_at_depth_21_and_blocks() {
    let report = of_size("blocking_commitment", 3);
    assert_eq!((report.distinct, report.depth()), (54_944, 21));
    assert_eq!(properties(&report), ["no_blocking"]);
}

#[test]
fn commitment_by_reliable_broadcast_has_4284_states_at_depth_19_and_never_blocks() {
    let report = of_size("non_blocking_commitment", 2);
    assert_eq!((report.distinct, report.depth()), (4_284, 19));
    assert_eq!(properties(&report), [""; 0]);
}

#[test]
fn forwarding_after_deciding_lets_two_decide_differently() {
    let report = of_size("late_forward_commitment", 3);
    assert!(properties(&report).contains(&"atomic_commit.agreement"), "{:?}", properties(&report));
}

#[test]
#[cfg_attr(debug_assertions, ignore = "17 million transitions; release only")]
fn paxos_commit_has_1321761_states_at_depth_28() {
    let report = of_size("paxos_commit", 2);
    assert_eq!((report.distinct, report.depth()), (1_321_761, 28));
    assert_eq!(properties(&report), [""; 0]);
}

#[test]
fn a_simple_allocator_has_400_states_at_depth_6() {
    let report = of_size("simple_allocator", 3);
    assert_eq!((report.distinct, report.depth(), report.generated), (400, 6, 1_633));
    assert_eq!(properties(&report), [""; 0]);
}

#[test]
fn the_alternating_bit_has_240_states_at_depth_10() {
    let report = of_size("alternating_bit", 2);
    assert_eq!((report.distinct, report.depth()), (240, 10));
    assert_eq!(properties(&report), [""; 0]);
}

/// How many maximal schedules there are: paths from the initial state to one without successors.
fn schedules<M: Model<State = u64>>(model: &M) -> u64 {
    let (mut level, mut ended) = (BTreeMap::new(), 0);
    model.initial(&mut |&state| _ = level.insert(state, 1_u64));
    while !level.is_empty() {
        let mut next = BTreeMap::new();
        for (state, ways) in level {
            let mut successors = 0;
            model.successors(&state, &mut |_: Ordinal, &successor: &u64| {
                *next.entry(successor).or_insert(0) += ways;
                successors += 1;
            });
            ended += if successors == 0 { ways } else { 0 };
        }
        level = next;
    }
    ended
}

fn factorial(n: u64) -> u64 {
    (1..=n).product()
}

#[test]
fn messages_to_nodes_of_their_own_have_many_schedules_and_one_end() {
    for n in 1..=8_u32 {
        let report = of_size("independent_deliveries", n);
        assert_eq!((report.distinct, report.depth(), report.terminal), (1 << n, n + 1, 1));
        let model = Deliveries { messages: n, destination: Destination::Independent };
        assert_eq!(schedules(&model), factorial(u64::from(n)));
    }
}

#[test]
fn messages_to_a_log_have_as_many_ends_as_schedules() {
    for n in 1..=7_u32 {
        let report = of_size("deliveries_to_a_log", n);
        let all = factorial(u64::from(n));
        let states: u64 = (0..=u64::from(n)).map(|left| all / factorial(left)).sum();
        assert_eq!((u64::from(report.distinct), u64::from(report.terminal)), (states, all));
        let model = Deliveries { messages: n, destination: Destination::OneLog };
        assert_eq!(schedules(&model), all);
    }
}

#[test]
fn two_ordered_streams_interleave_in_binomially_many_ways() {
    for k in 1..=7_u32 {
        let report = of_size("two_fifo_senders", k);
        let k = u64::from(k);
        assert_eq!(u64::from(report.terminal), choose(2 * k, k));
        assert_eq!(u64::from(report.distinct), choose(2 * k + 2, k + 1) - 1);
    }
}

/// States by orbit, without the reduction: the canonical form of every reachable state.
fn orbits<M: Model>(model: &M) -> usize {
    let (mut keys, mut level) = (BTreeMap::new(), Vec::new());
    model.initial(&mut |state| level.push(state.clone()));
    let mut seen = std::collections::BTreeSet::new();
    while let Some(state) = level.pop() {
        if !seen.insert(model.key(&state)) {
            continue;
        }
        let canonical = model.canonical(&state).expect("the model has a symmetry");
        *keys.entry(model.key(&canonical)).or_insert(0) += 1;
        model.successors(&state, &mut |_: Ordinal, next| level.push(next.clone()));
    }
    keys.len()
}

#[test]
fn every_symmetry_counts_the_orbits_that_a_full_search_has() {
    use models::{
        atomic_commitment::{AtomicCommitment, Broadcast},
        backup_coordinator::BackupCoordinator,
        paxos_commit::PaxosCommit,
        simple_allocator::SimpleAllocator,
        transaction_commit::TransactionCommit,
    };
    fn check<M: Model>(model: &M) {
        let reduced = breadth_first(model, &options(Symmetry::Reduce), &mut go_on).report;
        assert_eq!(reduced.distinct as usize, orbits(model));
        let all = breadth_first(model, &options(Symmetry::Off), &mut go_on).report;
        assert!(reduced.distinct < all.distinct);
        assert_eq!(reduced.depth(), all.depth());
        let found = |report: &Report| {
            let found = report.violations.iter();
            let found = found.map(|f| (f.violation.property.clone(), f.path.steps.len()));
            found.collect::<Vec<_>>()
        };
        assert_eq!(found(&reduced), found(&all));
    }
    check(&TransactionCommit { managers: 4 });
    check(&TwoPhase::new(4, Network::Lossy, Crashes::Coordinator));
    check(&BackupCoordinator { managers: 3 });
    check(&SimpleAllocator { clients: 3 });
    check(&PaxosCommit { managers: 1 });
    for broadcast in [Broadcast::Simple, Broadcast::Reliable, Broadcast::LateForward] {
        check(&AtomicCommitment { participants: 2, broadcast });
    }
}

#[test]
fn a_coordinator_content_with_too_few_votes_is_found_out() {
    for symmetry in [Symmetry::Off, Symmetry::Reduce] {
        let wrong =
            TwoPhase { votes_needed: 2, ..TwoPhase::new(3, Network::Multiset, Crashes::None) };
        let options = Options { symmetry, ..Options::default() };
        let report = breadth_first(&wrong, &options, &mut go_on).report;
        assert_eq!(
            (report.end, properties(&report)),
            (End::Violated, vec!["atomic_commit.agreement"])
        );
        // Two prepare and are heard, the third aborts, the coordinator commits, one learns it.
        assert_eq!(report.violations[0].path.steps.len(), 7, "{:?}", report.violations[0].story);
    }
}

#[test]
fn a_counterexample_tells_its_shortest_story() {
    let report = of_size("late_forward_commitment", 2);
    let found = |property| {
        let mut found = report.violations.iter();
        found.find(|found| found.violation.property == property).expect("it is broken")
    };
    let agreement = found("atomic_commit.agreement");
    assert_eq!(agreement.violation.witness, "p1 committed and p2 aborted");
    // Of those with twelve steps, the first in the order of the model.
    assert_eq!(
        agreement.story,
        [
            "asked: p1",
            "asked: p2",
            "votes: p1",
            "vote collected: p1",
            "votes: p2",
            "vote collected: p2",
            "the coordinator decides",
            "decision broadcast to p1",
            "the coordinator crashes",
            "takes the decision of the coordinator: p1",
            "crashes: p1",
            "aborts on a timeout: p2",
        ]
    );
}

#[test]
fn a_name_is_unique_and_every_usual_size_fits() {
    let entries = models::all();
    for (index, entry) in entries.iter().enumerate() {
        assert!(entries[..index].iter().all(|other| other.name != entry.name));
        assert!(entry.size.range.contains(&entry.size.usual), "{}", entry.name);
    }
}

#[test]
fn what_a_model_cannot_be_is_refused_with_a_reason() {
    let refused = |name, choice, symmetry| {
        let refusal = entry(name).explore(&choice, &options(symmetry), &mut go_on).err();
        refusal.map(|refusal| refusal.to_string()).unwrap_or_default()
    };
    let (usual, off) = (Choice::default(), Symmetry::Off);
    assert_eq!(
        refused("two_phase", Choice { size: Some(11), ..usual }, off),
        "two_phase takes 1 to 10 resource managers, not 11"
    );
    assert_eq!(
        refused("paxos_commit", Choice { network: Some(Network::Set), ..usual }, off),
        "paxos_commit has no choice of networks and crashes"
    );
    assert_eq!(
        refused("alternating_bit", usual, Symmetry::Reduce),
        "alternating_bit has no symmetry: each of its parts has a place of its own"
    );
}

#[test]
#[expect(clippy::disallowed_types, reason = "this is about wall time")]
fn two_phase_generates_millions_of_states_a_second() {
    let size = if cfg!(debug_assertions) { 5 } else { 7 };
    let mut best = 0;
    for _ in 0..5 {
        let begin = std::time::Instant::now();
        let report = two_phase(size, Network::Set, Crashes::None);
        let nanos = begin.elapsed().as_nanos().max(1);
        best = best.max(u128::from(report.generated) * 1_000_000_000 / nanos);
        assert_eq!(u64::from(report.distinct), powers(size, [2, 4, 6]));
    }
    println!("two_phase, {size} resource managers: {best} generated states/s at best of 5");
    if !cfg!(debug_assertions) {
        // Well below what one core does, so that a busy machine does not fail it.
        assert!(best >= 1_000_000, "{best} generated states/s");
    }
}
