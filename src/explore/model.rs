//! What can be explored: a transition system with a stable order of successors.
//!
//! ```text
//!   initial ──▶ state ──(ordinal 0)──▶ state        a path is a start and a list of ordinals,
//!                 ├────(ordinal 3)──▶ state         replayed from the initial state
//!                 └────(ordinal 4)──▶ state
//! ```
//!
//! States are lent to the explorer and cloned only when they are new, so that a model of packed
//! words pays nothing, and a model of whole worlds can build successors in one scratch world.
//! Handing over a list of actions and applying them one by one was rejected: it computes every
//! guard twice, and small models spend their time there.
//!
//! Limits: a model is a pure function. The same state must always give the same successors in the
//! same order; replaying a counterexample asserts it.

use std::borrow::Cow;

/// Which successor of a state: ascending in the order in which the model gives them. Numbers may
/// be left out, so a model can give each of its actions a fixed one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ordinal(pub u32);

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The property: the same word everywhere.
    pub property: Cow<'static, str>,
    /// What shows it, in one sentence.
    pub witness: String,
}

impl Violation {
    /// A violation of the named property, and the sentence that shows it.
    pub fn new(property: &'static str, witness: impl Into<String>) -> Self {
        Self { property: Cow::Borrowed(property), witness: witness.into() }
    }
}

/// A transition system.
pub trait Model {
    /// A state, or a handle of one. Cloned once per distinct state.
    type State: Clone;

    /// Gives every initial state.
    fn initial(&self, found: &mut impl FnMut(&Self::State));

    /// Gives every successor of a state, with ascending ordinals. A successor may equal the state.
    fn successors(&self, state: &Self::State, found: &mut impl FnMut(Ordinal, &Self::State));

    /// What the state is, in 128 bits: its packed words, or a digest of all of it. Two states are
    /// one exactly when their keys are equal. Keys need not be scattered.
    fn key(&self, state: &Self::State) -> u128;

    /// The promise that this state breaks, if it breaks one.
    fn violated(&self, state: &Self::State) -> Option<Violation>;

    /// The promise that is broken where no other state can follow. By default such an end is fine.
    fn stuck(&self, _state: &Self::State) -> Option<Violation> {
        None
    }

    /// The one state that stands for all renamings of this one, where the model has a symmetry.
    /// It must be the same for all of them (a true orbit), or the reduction counts some twice.
    fn canonical(&self, _state: &Self::State) -> Option<Self::State> {
        None
    }

    /// Kinds of actions, for the count of how often each was taken. By default there are none.
    fn kinds(&self) -> Vec<String> {
        Vec::new()
    }

    /// The kind of an action, as an index into [`Model::kinds`]; asked only where there are some.
    fn kind(&self, _ordinal: Ordinal) -> usize {
        0
    }

    /// What happens on the way from a state to its successor, in a few words.
    fn describe(&self, state: &Self::State, ordinal: Ordinal) -> String;
}

/// How to come to a state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path {
    /// Which initial state, by its position.
    pub start: Ordinal,
    /// Which successor, at each step.
    pub steps: Vec<Ordinal>,
}

/// The states on a path, the initial one first; none where the path leaves the model.
pub fn replay<M: Model>(model: &M, path: &Path) -> Option<Vec<M::State>> {
    let mut states = vec![nth_initial(model, path.start)?];
    for &ordinal in &path.steps {
        let next = step(model, states.last()?, ordinal)?;
        states.push(next);
    }
    Some(states)
}

/// The successor with this ordinal.
pub fn step<M: Model>(model: &M, state: &M::State, ordinal: Ordinal) -> Option<M::State> {
    let mut wanted = None;
    model.successors(state, &mut |found, next| {
        if found == ordinal && wanted.is_none() {
            wanted = Some(next.clone());
        }
    });
    wanted
}

/// The initial state in this position.
pub fn nth_initial<M: Model>(model: &M, position: Ordinal) -> Option<M::State> {
    let (mut at, mut wanted) = (0, None);
    model.initial(&mut |state| {
        if at == position.0 {
            wanted = Some(state.clone());
        }
        at += 1;
    });
    wanted
}
