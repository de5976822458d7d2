//! Witnesses of a path: what a checker cites, by the steps of the path.
//!
//! ```text
//!   path ──steps──▶ signals, numbered by step ──▶ fresh checkers ──finish──▶ citations
//! ```
//!
//! While states are explored a checker only says that something is broken; which events show it is
//! asked once, of the one path that is shown, through the judge of timed runs.

use super::{Move, WorldModel, WorldState};
use crate::{
    base::{ids::EventId, time::Time},
    checkers::{Finish, Verdict, Witness},
    engine::{
        operations::Ending,
        signal::{Signal, What},
    },
    explore::{
        breadth_first::Counterexample,
        model::{Ordinal, replay},
        monitors::PATH_END,
    },
    scenario::plan::Plan,
};

/// An event that shows a violation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shows {
    /// Which step of the path, from 1.
    pub step: u32,
    /// Where, and what: `p1 decided abort on t1`.
    pub what: String,
}

impl WorldModel {
    /// The events on a path that show its violation, as the checks of the scenario cite them; none
    /// where they would not cite it.
    pub fn witness(&self, plan: &Plan, found: &Counterexample) -> Vec<Shows> {
        let citations = self.judged_witness(plan, found).map_or_else(Vec::new, |one| one.citations);
        let shows = citations.into_iter().map(|citation| {
            let place = citation.node.map(|node| format!("{} ", self.catalog.node(node)));
            let what = format!("{}{}", place.unwrap_or_default(), citation.says);
            Shows { step: citation.event.0, what }
        });
        shows.collect()
    }

    /// What a function makes of the witness of a path, such as its shape.
    pub fn witness_shape<T>(
        &self,
        plan: &Plan,
        found: &Counterexample,
        shape: impl FnOnce(&Witness) -> T,
    ) -> Option<T> {
        self.judged_witness(plan, found).as_ref().map(shape)
    }

    fn judged_witness(&self, plan: &Plan, found: &Counterexample) -> Option<Witness> {
        let mut checkers = plan.checkers();
        for signal in &self.signals(found) {
            for checker in &mut checkers {
                checker.on_signal(signal);
            }
        }
        let finish = Finish { end: &PATH_END, waiting: &[], history: &[] };
        let mut judgements = checkers.iter_mut().flat_map(|checker| checker.finish(&finish));
        let broken = judgements.find(|one| one.property == found.violation.property)?;
        match broken.verdict {
            Verdict::Violated(witness) => Some(witness),
            _ => None,
        }
    }

    /// What every step of a path told, numbered by step.
    fn signals(&self, found: &Counterexample) -> Vec<Signal> {
        let states = replay(self, &found.path).expect("a path stays in its model");
        let mut signals = Vec::new();
        for (place, (state, &ordinal)) in states.iter().zip(&found.path.steps).enumerate() {
            let event = EventId(place as u32 + 1);
            // Steps follow each other; what happened in one instant would count as concurrent.
            let at = Time::from_nanos(u64::from(event.0));
            let told = self.told(state, ordinal);
            signals.extend(told.into_iter().map(|what| Signal { at, event, what }));
        }
        signals
    }

    fn told(&self, state: &WorldState, ordinal: Ordinal) -> Vec<What> {
        let step = self.step_at(state, ordinal);
        let inner = self.inner.borrow();
        match step {
            Move::Node { way, .. } => inner.untimed.outcome(way).signals.clone(),
            Move::Invoke(op) => {
                let asked = self.asked.iter().find(|asked| asked.entry.op == op);
                let entry = asked.expect("only what is asked is invoked").entry;
                vec![What::Invoked(op, entry.client, entry.operation)]
            }
            Move::Answer(op, number) => {
                vec![What::Ended(op, inner.answers[usize::from(number)].into())]
            }
            Move::GiveUp(op) => vec![What::Ended(op, Ending::Unknown)],
            Move::Miss(_) | Move::Lose(_) | Move::Duplicate(_) => Vec::new(),
        }
    }
}
