//! Deliveries and nothing else: how many states and orders a few messages have.
//!
//! ```text
//!   Independent   m1 ─▶ n1   m2 ─▶ n2   m3 ─▶ n3       2ⁿ states, n! schedules of 1 trace
//!   OneLog        m1, m2, m3 ─▶ log                    Σ n!/(n−k)! states, n! logs
//!   TwoSenders    a1 a2 a3 ─▶ log ◀─ b1 b2 b3          C(2k+2, k+1) − 1 states, C(2k, k) logs
//! ```
//!
//! Counts that anyone can check by hand. A log remembers the order of its messages, so that every
//! order that matters is a terminal state of its own.

use crate::explore::model::{Model, Ordinal, Violation};

/// The most messages to nodes of their own, to a log, and of each of two senders.
pub(super) const INDEPENDENT_MAX: u32 = 24;
pub(super) const LOG_MAX: u32 = 10;
pub(super) const SENDERS_MAX: u32 = 12;

/// Where the messages go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Each to a node of its own.
    Independent,
    /// All to one node that keeps a log.
    OneLog,
    /// From two senders, each in order, to one node that keeps a log.
    TwoSenders,
}

/// The model.
#[derive(Clone, Copy, Debug)]
pub struct Deliveries {
    /// How many messages; with two senders, of each.
    pub messages: u32,
    /// Where they go.
    pub destination: Destination,
}

/// A one, and after it the log: in the lowest bits what came last.
#[derive(Clone, Copy)]
struct Log {
    word: u64,
    width: u32,
}

impl Log {
    fn entries(self) -> impl Iterator<Item = u32> {
        let count = self.word.ilog2() / self.width;
        let mask = (1 << self.width) - 1;
        (0..count).map(move |index| (self.word >> (index * self.width)) as u32 & mask)
    }

    fn with(self, entry: u32) -> u64 {
        self.word << self.width | u64::from(entry)
    }
}

impl Deliveries {
    fn log(self, word: u64) -> Log {
        Log { word, width: if self.destination == Destination::OneLog { 4 } else { 1 } }
    }
}

impl Model for Deliveries {
    type State = u64;

    fn initial(&self, found: &mut impl FnMut(&u64)) {
        found(&u64::from(self.destination != Destination::Independent));
    }

    fn successors(&self, &state: &u64, found: &mut impl FnMut(Ordinal, &u64)) {
        let senders = if self.destination == Destination::TwoSenders { 2 } else { self.messages };
        for message in 0..senders {
            let log = self.log(state);
            let (possible, next) = match self.destination {
                Destination::Independent => (state >> message & 1 == 0, state | 1 << message),
                Destination::OneLog => {
                    (log.entries().all(|entry| entry != message), log.with(message))
                }
                Destination::TwoSenders => {
                    let arrived = log.entries().filter(|&entry| entry == message).count();
                    (arrived < self.messages as usize, log.with(message))
                }
            };
            if possible {
                found(Ordinal(message), &next);
            }
        }
    }

    fn key(&self, &state: &u64) -> u128 {
        u128::from(state)
    }

    fn violated(&self, _: &u64) -> Option<Violation> {
        None
    }

    fn describe(&self, _: &u64, ordinal: Ordinal) -> String {
        match self.destination {
            Destination::Independent => format!("m{0} arrives at n{0}", ordinal.0 + 1),
            Destination::OneLog => format!("m{} arrives", ordinal.0 + 1),
            Destination::TwoSenders => format!("the next of sender {} arrives", ordinal.0 + 1),
        }
    }
}
