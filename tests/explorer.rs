//! The explorer against a search that anyone can check: a queue and a map, on random graphs.
//!
//! ```text
//!   random graph ──breadth_first──▶ report ══ distances of the naive search ◀──queue── random graph
//! ```
//!
//! Distinct states, depths, bounds and the first violation follow from the distances alone.

use proptest::prelude::*;
use splitbrain::explore::{
    breadth_first::{
        Bound, End, Explored, OnViolation, Options, Progress, Symmetry, breadth_first,
    },
    model::{Model, Ordinal, Violation, replay},
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    ops::ControlFlow,
};

#[derive(Clone, Debug)]
struct Graph {
    initial: Vec<u8>,
    edges: Vec<Vec<u8>>,
    bad: BTreeSet<u8>,
}

impl Model for Graph {
    type State = u8;

    fn initial(&self, found: &mut impl FnMut(&u8)) {
        self.initial.iter().for_each(found);
    }

    fn successors(&self, &state: &u8, found: &mut impl FnMut(Ordinal, &u8)) {
        for (index, next) in self.edges[usize::from(state)].iter().enumerate() {
            // With gaps, as models with fixed ordinals have them.
            found(Ordinal(index as u32 * 3), next);
        }
    }

    fn key(&self, &state: &u8) -> u128 {
        u128::from(state) << 77 | u128::from(state)
    }

    fn violated(&self, state: &u8) -> Option<Violation> {
        self.bad.contains(state).then(|| Violation::new("bad", format!("at {state}")))
    }

    fn describe(&self, state: &u8, ordinal: Ordinal) -> String {
        format!("{state} by {}", ordinal.0)
    }
}

fn graphs() -> impl Strategy<Value = Graph> {
    (1..30_u8).prop_flat_map(|nodes| {
        let node = move || 0..nodes;
        let edges = prop::collection::vec(prop::collection::vec(node(), 0..4), nodes as usize);
        let initial = prop::collection::vec(node(), 1..3);
        let bad = prop::collection::btree_set(node(), 0..4);
        (initial, edges, bad).prop_map(|(initial, edges, bad)| Graph { initial, edges, bad })
    })
}

/// The states in the order of discovery, each with its depth and a shortest way to it.
fn naive(graph: &Graph) -> Vec<(u8, u32, Vec<Ordinal>)> {
    let (mut order, mut known) = (Vec::new(), BTreeSet::new());
    let starts = graph.initial.iter().map(|&state| (state, 1, Vec::new()));
    let mut queue: VecDeque<_> = starts.collect();
    while let Some((state, depth, path)) = queue.pop_front() {
        if !known.insert(state) {
            continue;
        }
        for (index, &next) in graph.edges[usize::from(state)].iter().enumerate() {
            let mut longer: Vec<Ordinal> = path.clone();
            longer.push(Ordinal(index as u32 * 3));
            queue.push_back((next, depth + 1, longer));
        }
        order.push((state, depth, path));
    }
    order
}

fn explore(graph: &Graph, options: &Options) -> Explored {
    breadth_first(graph, options, &mut |_: &Progress| ControlFlow::Continue(()))
}

fn collect() -> Options {
    Options { on_violation: OnViolation::Collect, ..Options::default() }
}

proptest! {
    #[test]
    fn it_finds_what_a_naive_search_finds(graph in graphs()) {
        let (naive, explored) = (naive(&graph), explore(&graph, &collect()));
        let report = &explored.report;
        let mut levels = BTreeMap::new();
        for (_, depth, _) in &naive {
            *levels.entry(*depth).or_insert(0) += 1;
        }
        prop_assert_eq!(&report.levels, &levels.into_values().collect::<Vec<u32>>());
        prop_assert_eq!((report.distinct as usize, report.end), (naive.len(), End::Exhausted));
        let edges: usize = naive.iter().map(|(state, ..)| graph.edges[usize::from(*state)].len()).sum();
        prop_assert_eq!(report.generated as usize, graph.initial.len() + edges);
        let ends = |state: u8| graph.edges[usize::from(state)].iter().all(|&next| next == state);
        let terminal = naive.iter().filter(|(state, ..)| ends(*state)).count();
        prop_assert_eq!(report.terminal as usize, terminal);
        for state in 0..graph.edges.len() as u8 {
            let reached = naive.iter().any(|(known, ..)| *known == state);
            prop_assert_eq!(explored.seen.contains(graph.key(&state)), reached);
        }
    }

    #[test]
    fn the_violation_it_stops_at_is_the_first_of_the_naive_search(graph in graphs()) {
        let report = explore(&graph, &Options::default()).report;
        let first = naive(&graph).into_iter().find(|(state, ..)| graph.bad.contains(state));
        prop_assert_eq!(report.end == End::Violated, first.is_some());
        if let Some((state, depth, path)) = first {
            let [found] = &report.violations[..] else { panic!("one: {:?}", report.violations) };
            prop_assert_eq!(&found.violation.witness, &format!("at {state}"));
            prop_assert_eq!(&found.path.steps, &path);
            prop_assert_eq!((report.depth(), found.story.len() + 1), (depth, depth as usize));
            let states = replay(&graph, &found.path).expect("the path is one of the graph");
            prop_assert_eq!(states.last(), Some(&state));
        } else {
            prop_assert_eq!(report.end, End::Exhausted);
        }
    }

    #[test]
    fn it_says_which_bound_cut_it_and_only_then(
        graph in graphs(), states_max in 0..32_u32, depth_max in 0..12_u32,
    ) {
        let naive = naive(&graph);
        let all = naive.len() as u32;
        let report = explore(&graph, &Options { states_max, ..collect() }).report;
        let end = if all <= states_max { End::Exhausted } else { End::Cut(Bound::States) };
        prop_assert_eq!((report.distinct, report.end), (all.min(states_max), end));

        let report = explore(&graph, &Options { depth_max, ..collect() }).report;
        let shallow = naive.iter().filter(|(_, depth, _)| *depth <= depth_max).count() as u32;
        let end = if shallow == all { End::Exhausted } else { End::Cut(Bound::Depth) };
        prop_assert_eq!((report.distinct, report.end), (shallow, end));
    }

    #[test]
    fn without_a_symmetry_reducing_changes_nothing(graph in graphs()) {
        let reduced = explore(&graph, &Options { symmetry: Symmetry::Reduce, ..collect() });
        prop_assert_eq!(reduced.report, explore(&graph, &collect()).report);
    }
}
