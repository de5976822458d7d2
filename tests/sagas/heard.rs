//! Who hears what the resources of sagas say: the effects of steps, in the order of the world.
//!
//! An ear sits behind the checkers of a run. What a crash takes is not taken back here, so it is for
//! runs without crashes.

use crate::naive::{Deed, Effect};
use splitbrain::engine::{
    facts::{Fact, SagaEnd},
    signal::{Signal, What},
    world::Judge,
};

/// What was heard in one run, of which saga.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ear {
    /// Effects of steps.
    pub(crate) effects: Vec<(u64, Effect)>,
    /// Ends.
    pub(crate) ends: Vec<(u64, SagaEnd)>,
}

impl Judge for Ear {
    fn on_signal(&mut self, signal: &Signal) {
        let What::Stated(_, fact) = signal.what else { return };
        let (saga, effect) = match fact {
            Fact::DidStep(saga, step) => (saga, (Deed::Do, step)),
            Fact::UndidStep(saga, step) => (saga, (Deed::Undo, step)),
            Fact::SagaEnded(saga, end) => {
                return self.ends.push((saga, end));
            }
            _ => return,
        };
        self.effects.push((saga, effect));
    }
}
