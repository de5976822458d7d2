//! Steps of a world in words, as a story would tell them.
//!
//! ```text
//!   p1 gets Prepare(t1) from c: forces Prepared(t1)
//!   c gets Yes(t1) from p2, and crashes after 3 effects: forces Decided(t1)
//! ```
//!
//! The effects are those that the engine itself recorded when the step is run once more.

use super::{Move, WorldModel, WorldState, place_of};
use crate::{
    base::ids::NodeId,
    engine::{
        trace::{Entry, Kind},
        untimed::{Cut, FilesKept, OutcomeId, Stimulus},
    },
};
use std::fmt::Write;

impl WorldModel {
    /// A step in words.
    pub(super) fn words(&self, state: &WorldState, step: Move) -> String {
        let text = |message| {
            let inner = self.inner.borrow();
            let message = inner.untimed.message(message);
            let (from, to) = (self.catalog.node(message.from), self.catalog.node(message.to));
            format!("{} from {from} to {to}", message.text)
        };
        match step {
            Move::Node { node, stimulus, way } => self.node_words(state, node, stimulus, way),
            Move::Invoke(op) => {
                let entry = self.asked[place_of(&self.asked, op)].entry;
                let node = self.catalog.node(entry.node);
                format!("a client asks {node} for {:?} ({op})", entry.operation)
            }
            Move::Answer(op, number) => {
                let answer = self.inner.borrow().answers[usize::from(number)];
                format!("the client of {op} is answered: {answer:?}")
            }
            Move::GiveUp(op) => format!("the client of {op} gives up"),
            Move::Miss(message) => format!("{} finds it down and is lost", text(message)),
            Move::Lose(message) => format!("{} is lost", text(message)),
            Move::Duplicate(message) => format!("{} is copied", text(message)),
        }
    }

    fn node_words(
        &self,
        state: &WorldState,
        node: NodeId,
        stimulus: Stimulus,
        way: OutcomeId,
    ) -> String {
        let inner = &mut *self.inner.borrow_mut();
        let at = state.nodes[usize::from(node.0)];
        let name = self.catalog.node(node);
        let outcome = inner.untimed.outcome(way).clone();
        let mut words = match stimulus {
            Stimulus::Boot => format!("{name} boots and replays its log"),
            Stimulus::Deliver(message) | Stimulus::Local(message) => {
                let message = inner.untimed.message(message);
                format!("{name} gets {} from {}", message.text, self.catalog.node(message.from))
            }
            Stimulus::Request(op) => format!("{name} gets the request {op}"),
            Stimulus::Timer(place) => {
                format!("the timer {} of {name} fires", inner.untimed.timer_text(at, place))
            }
            Stimulus::Durable => format!("the disk of {name} is done"),
            Stimulus::Crash => format!("{name} crashes"),
        };
        match outcome.cut {
            Cut::Nowhere => {}
            Cut::After(0) => words.push_str(", and crashes before it does anything"),
            Cut::After(1) => words.push_str(", and crashes after its first effect"),
            Cut::After(effects) => {
                _ = write!(words, ", and crashes after {effects} effects");
            }
        }
        if outcome.kept + outcome.lost > 0 {
            let (kept, all) = (outcome.kept, outcome.kept + outcome.lost);
            _ = write!(words, " ({kept} of {all} unsynced records survive)");
        }
        if let Some(files) = outcome.files {
            let kept: Vec<String> = (0..files.sectors_all.min(64))
                .filter(|sector| files.sectors >> sector & 1 == 1)
                .map(|sector| sector.to_string())
                .collect();
            let kept = if kept.is_empty() { "none".to_owned() } else { kept.join(", ") };
            let FilesKept { sectors_all, names, names_all, .. } = files;
            _ = write!(
                words,
                " (of {sectors_all} unsynced sectors survive {kept}; of {names_all} changes of \
                 names {names})"
            );
        }
        let effects = inner.untimed.entries(at, stimulus, way);
        let effects: Vec<String> = effects.iter().filter_map(|entry| self.effect(entry)).collect();
        if !effects.is_empty() {
            words.push_str(": ");
            words.push_str(&effects.join(", "));
        }
        words
    }

    fn effect(&self, entry: &Entry) -> Option<String> {
        let text = &entry.text;
        match entry.kind {
            Kind::Send => Some(format!("sends {text} to {}", self.catalog.endpoint(entry.peer))),
            Kind::Force => Some(format!("forces {text}")),
            Kind::Write => Some(format!("writes {text}")),
            Kind::FileWrite => Some(text.clone()),
            Kind::Sync => Some(format!("syncs {text}")),
            Kind::Reply => Some(format!("answers {text}")),
            _ => None,
        }
    }
}
