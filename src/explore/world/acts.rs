//! The steps of a path for whoever wants to do the same in time.
//!
//! ```text
//!   path ──▶ Act { what happens: a message by its text, a timer by its text, …; cut; choices }
//! ```
//!
//! Nothing here is generic and nothing is numbered as the explorer numbers it: a message is known by
//! its ends and its text, as it is in a recording.

use super::{Move, WorldModel, WorldState};
use crate::{
    base::ids::{NodeId, OpId},
    engine::{
        operations::{Answer, HistoryEntry},
        untimed::{Cut, FilesKept, OutcomeId, Stimulus},
    },
    explore::model::{Ordinal, Path, replay},
};

/// A step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// What happens.
    pub what: Happens,
    /// After how many effects a crash cuts it, if one does.
    pub cut: Option<u32>,
    /// How many unsynced records survive its crash.
    pub kept: u32,
    /// What survives of raw files, where something is at risk.
    pub files: Option<FilesKept>,
    /// What the protocol chooses, in order.
    pub choices: Vec<u64>,
}

/// What happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happens {
    /// A node comes up.
    Boot(NodeId),
    /// A message arrives.
    Deliver {
        /// The sender; the receiver itself for a call.
        from: NodeId,
        /// The receiver.
        to: NodeId,
        /// The message, as a recording writes it.
        text: String,
    },
    /// A timer fires.
    Timer(NodeId, String),
    /// A disk is done with a force or a sync.
    Durable(NodeId),
    /// A disk has read a file.
    Read(NodeId),
    /// A node crashes between two handlers.
    Crash(NodeId),
    /// A client asks.
    Invoke(HistoryEntry),
    /// What it asks arrives.
    Request(OpId),
    /// It is answered.
    Answer(OpId, Answer),
    /// It gives up.
    GiveUp(OpId),
    /// A message is lost or copied: what becomes of it says so.
    Link,
}

impl WorldModel {
    /// The steps of a path.
    ///
    /// # Panics
    /// When the path is not one of this model.
    pub fn acts(&self, path: &Path) -> Vec<Act> {
        let states = replay(self, path).expect("a path stays in its model");
        let steps = states.iter().zip(&path.steps);
        steps.map(|(state, &ordinal)| self.act(state, self.step_at(state, ordinal))).collect()
    }

    /// The step with this number.
    pub(super) fn step_at(&self, state: &WorldState, ordinal: Ordinal) -> Move {
        let mut step = None;
        self.steps(state, &mut |at, taken, _| {
            if at == ordinal {
                step = Some(taken);
            }
        });
        step.expect("a path stays in its model")
    }

    fn act(&self, state: &WorldState, step: Move) -> Act {
        let what = match step {
            Move::Node { node, stimulus, way } => return self.node_act(state, node, stimulus, way),
            Move::Invoke(op) => {
                let asked = self.asked.iter().find(|asked| asked.entry.op == op);
                Happens::Invoke(asked.expect("only what is asked is invoked").entry)
            }
            Move::Answer(op, number) => {
                Happens::Answer(op, self.inner.borrow().answers[usize::from(number)])
            }
            Move::GiveUp(op) => Happens::GiveUp(op),
            Move::Miss(_) | Move::Lose(_) | Move::Duplicate(_) => Happens::Link,
        };
        Act { what, cut: None, kept: 0, files: None, choices: Vec::new() }
    }

    fn node_act(
        &self,
        state: &WorldState,
        node: NodeId,
        stimulus: Stimulus,
        way: OutcomeId,
    ) -> Act {
        let inner = self.inner.borrow();
        let outcome = inner.untimed.outcome(way);
        let at = state.nodes[usize::from(node.0)];
        let is_reading = inner.untimed.is_reading(at);
        let what = match stimulus {
            Stimulus::Boot => Happens::Boot(node),
            Stimulus::Deliver(message) | Stimulus::Local(message) => {
                let message = inner.untimed.message(message);
                let (from, to, text) = (message.from, message.to, message.text.clone());
                Happens::Deliver { from, to, text }
            }
            Stimulus::Request(op) => Happens::Request(op),
            Stimulus::Timer(place) => Happens::Timer(node, inner.untimed.timer_text(at, place)),
            Stimulus::Durable if is_reading => Happens::Read(node),
            Stimulus::Durable => Happens::Durable(node),
            Stimulus::Crash => Happens::Crash(node),
        };
        let cut = match outcome.cut {
            Cut::Nowhere => None,
            Cut::After(effects) => Some(u32::from(effects)),
        };
        // The last branches of a crash say what survives: of an unsynced tail, of each sector, of
        // the names.
        let mut choices = outcome.branches.clone();
        let tail = usize::from(outcome.kept + outcome.lost > 0);
        let files = outcome.files.map_or(0, |files| {
            files.sectors_all.min(64) as usize + usize::from(files.names_all > 0)
        });
        choices.truncate(choices.len() - tail - files);
        Act { what, cut, kept: outcome.kept, files: outcome.files, choices }
    }
}
