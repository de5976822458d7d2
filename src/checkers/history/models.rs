//! Models: what an object may answer, one call after the other.
//!
//! ```text
//!   register      read · write                     ┐
//!   cas-register  read · write · cas               ├ registers: a value
//!   mutex         acquire · release                ┘
//!   kv-append     read · write · append            ┐
//!   queue         enqueue · dequeue                ├ sequences of values
//!   stack         push · pop                       ┘
//!   set           add · remove · contains · read     a set of values
//! ```
//!
//! Three models stand behind seven words. A state is one number, so that a search can remember
//! millions of them; what the number means is the model's own. A mutex knows no owner: a release by
//! anyone frees it. A general state type was rejected, because hashing it is what searches spend
//! their time on.

mod register;
mod sequence;
mod set;

pub(super) use self::{
    register::{FREE, HELD, Registers},
    sequence::SequenceModel,
    set::SetModel,
};
use super::calls::Value;

/// What kind of object a history is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// Reads and writes of one value.
    Register,
    /// The same with compare-and-set.
    CasRegister,
    /// Lists that grow at their ends.
    KvAppend,
    /// A set.
    Set,
    /// First in, first out.
    Queue,
    /// Last in, first out.
    Stack,
    /// A lock.
    Mutex,
}

impl Model {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Register,
        Self::CasRegister,
        Self::KvAppend,
        Self::Set,
        Self::Queue,
        Self::Stack,
        Self::Mutex,
    ];

    /// What the command line calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::CasRegister => "cas-register",
            Self::KvAppend => "kv-append",
            Self::Set => "set",
            Self::Queue => "queue",
            Self::Stack => "stack",
            Self::Mutex => "mutex",
        }
    }

    /// What its calls are called in a history file.
    pub const fn functions(self) -> &'static [&'static str] {
        match self {
            Self::Register => &["read", "write"],
            Self::CasRegister => &["read", "write", "cas"],
            Self::KvAppend => &["read", "write", "append"],
            Self::Set => &["add", "remove", "contains", "read"],
            Self::Queue => &["enqueue", "dequeue"],
            Self::Stack => &["push", "pop"],
            Self::Mutex => &["acquire", "release"],
        }
    }
}

/// A state, by a number of the model's own.
pub(super) type State = u32;

/// An object, made for a list of calls, which it knows by their places in the list.
pub(super) trait Object {
    /// How it begins.
    fn initial(&self) -> State;

    /// The state after a call, if the call's answer is right in this state.
    fn step(&mut self, state: State, call: usize) -> Option<State>;

    /// Is nothing lost if this call comes next, provided that it may come at all and is right in
    /// this state?
    fn is_forced(&self, _call: usize) -> bool {
        false
    }

    /// The search has put this call into its order.
    fn take(&mut self, _call: usize) {}

    /// The search has taken it out again.
    fn put_back(&mut self, _call: usize) {}

    /// Is it certain that no order goes on from here, now that this call led here? May say no when
    /// in doubt.
    fn is_hopeless(&self, call: usize, from: State, to: State) -> bool;

    /// What an observer would be told in this state.
    fn shown(&self, state: State) -> Vec<Value>;

    /// How many words its states fill.
    fn kept(&self) -> usize {
        0
    }
}
