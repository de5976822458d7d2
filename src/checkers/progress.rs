//! Progress: when faults are over, nobody waits for ever.
//!
//! ```text
//!   chaos ──healed──▶ quiet tail ──▶ the end: waiting(n) = ∅ for all nodes n that are up
//!                                     └─ else: "p1 waits for the decision on t3, …"
//! ```
//!
//! Source: Alpern & Schneider 1985, liveness, made finite: the quiet tail is the "eventually".
//! Every node says by itself what it waits for, so a stuck run names its knot. A node that is down
//! when faults are over was left out of the repair on purpose and is not judged.
//!
//! Judging by "no event for a while" was rejected: heartbeats and retries go on in a livelock.
//!
//! Limits: as good as what protocols say of themselves. What nodes wait for is not among the
//! signals: a recheck takes it from `finish`, and the signals must show that they fell silent.

use super::{
    CheckEntry, Checker, Finish, Judgement, NoSettings, PropertyInfo, Witness,
    evidence::{self, ensure, find, place, witness},
    knowledge::{ByNode, Knowledge, Weather, count, judge_at_rest},
};
use crate::{
    base::ids::NodeId,
    engine::{
        runner::Catalog,
        signal::{Signal, What},
    },
};
use std::sync::Arc;

const PROGRESS: &str = "progress";

/// The line of the registry.
pub(super) const ENTRY: CheckEntry = CheckEntry {
    name: "Progress",
    properties: &[PropertyInfo {
        name: PROGRESS,
        demands: "once faults are over, no node still waits in the end",
        exercised_by: "operations asked and facts stated in a run whose faults are over",
        source: "Alpern & Schneider 1985, Defining Liveness, bounded by the quiet tail",
    }],
    build: |text, named, catalog| {
        named.decode::<NoSettings>(text)?;
        Ok(Box::new(Progress {
            catalog: Arc::clone(catalog),
            knowledge: Knowledge::default(),
            weather: Weather::default(),
            begun: 0,
            last: ByNode::default(),
            waiting: Vec::new(),
        }))
    },
};

struct Progress {
    catalog: Arc<Catalog>,
    knowledge: Knowledge,
    weather: Weather,
    begun: u64,
    /// The last signal of each node.
    last: ByNode<Option<Signal>>,
    /// Who waits in the end, as `finish` told.
    waiting: Vec<NodeId>,
}

impl Checker for Progress {
    fn reset(&mut self) {
        self.knowledge.reset();
        self.weather = Weather::default();
        self.begun = 0;
        self.last.iter_mut().for_each(|last| *last = None);
        self.waiting.clear();
    }

    fn on_signal(&mut self, signal: &Signal) {
        self.knowledge.on_signal(signal);
        self.weather.on_signal(signal);
        self.begun += u64::from(matches!(signal.what, What::Invoked(..) | What::Stated(..)));
        if let Some(node) = place(&signal.what) {
            *self.last.of(node) = Some(*signal);
        }
    }

    fn finish(&mut self, finish: &Finish<'_>) -> Vec<Judgement> {
        let living = finish.waiting.iter().filter(|(node, _)| !self.knowledge.is_down(*node));
        self.waiting.clear();
        self.waiting.extend(living.map(|(node, _)| *node));
        let broken = (!self.waiting.is_empty()).then(|| self.witness(finish.waiting));
        let exercised = self.begun.max(u64::from(broken.is_some()));
        let note = count(self.begun, "thing", "things") + " begun";
        let rest = (&self.weather, finish);
        vec![judge_at_rest(PROGRESS, rest, broken, (exercised, note))]
    }

    fn recheck(&self, property: &str, witness: &Witness, signals: &[Signal]) -> Result<(), String> {
        if property != PROGRESS {
            return evidence::no_such_property(property);
        }
        ensure(evidence::settled(signals), "faults were never over")?;
        let cited = find(witness, signals)?;
        let last = |node| signals.iter().rposition(|signal| place(&signal.what) == Some(node));
        let mut nodes = Vec::new();
        for (position, signal) in cited {
            let Some(node) = place(&signal.what) else {
                ensure(signal.what == What::Healed, "an event of no node, nor the end of faults")?;
                continue;
            };
            ensure(self.waiting.contains(&node), "the node waits for nothing")?;
            ensure(evidence::is_up(signals, node), "the node is down")?;
            ensure(last(node) == Some(position), "the node was not silent after that")?;
            ensure(witness.sentence.contains(self.catalog.node(node)), "the node is not named")?;
            nodes.push(node);
        }
        let is_shown = |node: &NodeId| nodes.contains(node) || last(*node).is_none();
        ensure(!self.waiting.is_empty(), "nobody waits")?;
        ensure(self.waiting.iter().all(is_shown), "somebody who waits is left out")?;
        Ok(())
    }
}

// The witness.

impl Progress {
    fn witness(&self, waiting: &[(NodeId, String)]) -> Witness {
        let living = waiting.iter().filter(|(node, _)| self.waiting.contains(node));
        let said: Vec<String> = living
            .map(|(node, what)| format!("{} waits for {what}", self.catalog.node(*node)))
            .collect();
        let last = self.waiting.iter().filter_map(|&node| *self.last.get(node)?);
        let cited: Vec<Signal> = self.weather.healed().into_iter().chain(last).collect();
        witness(said.join(", "), &cited)
    }
}

#[cfg(test)]
mod tests {
    use super::super::litmus::*;
    use super::*;
    use crate::{checkers::Judgement, engine::runner::Outcome};

    fn gives(waiting: &[(u16, &str)], story: &[What], word: &str) -> Judgement {
        let named = waiting.iter().map(|&(node, what)| (NodeId(node), what.to_owned()));
        let case = Case { waiting: named.collect(), ..Case::of("Progress") };
        case.gives(PROGRESS, &tell(story), word)
    }

    #[test]
    fn nobody_waits_once_faults_are_over() {
        let story = [boot(P1), boot(P2), yes(P1, 1), DISTURBED, HEALED];
        gives(&[], &story, "holds");
        let waiting = [(P1, "the decision on t1"), (P2, "a lock")];
        let sentence = sentence(gives(&waiting, &story, "violated"));
        assert_eq!(sentence, "p1 waits for the decision on t1, p2 waits for a lock");
    }

    #[test]
    fn who_waits_without_any_fault_is_stuck_too() {
        gives(&[], &[boot(P1), asked(1)], "holds");
        gives(&[(P1, "a lock")], &[boot(P1), asked(1)], "violated");
    }

    #[test]
    fn a_node_left_out_of_the_repair_is_not_judged() {
        let story = [boot(P1), yes(P1, 1), crash(P1), HEALED];
        gives(&[(P1, "it is down")], &story, "holds");
        gives(&[(P1, "it is down"), (C, "an ack")], &story, "violated");
    }

    #[test]
    fn waiting_under_faults_or_without_work_tests_nothing() {
        gives(&[(P1, "a lock")], &[boot(P1), asked(1), DISTURBED], "not_exercised");
        gives(&[], &[boot(P1)], "not_exercised");
    }

    #[test]
    fn a_run_that_was_cut_off_says_nothing() {
        let case = Case { outcome: Outcome::LimitReached, ..Case::of("Progress") };
        case.gives(PROGRESS, &tell(&[yes(P1, 1)]), "unknown");
    }
}
