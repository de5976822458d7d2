//! A timed world, seen as the explorer sees worlds: for comparing the two drivers.
//!
//! ```text
//!   World<P> ──compare()──▶ keeps what it sends      step() ──▶ observe() ──▶ keys of its parts
//! ```
//!
//! Between any two events a timed world is in some state. If every such state of every seed lies in
//! the explored set, neither driver can do what the other cannot; no test of one of them alone
//! shows that. What waits in an inbox is still under way here: an explorer that lets messages wait
//! need not let nodes queue them.
//!
//! Limits: only for messages as a set and timers in any order, and without pauses, slow nodes and
//! failing disks.

use super::{
    Timers,
    key::{Parts, timers_key},
};
use crate::base::{
    ids::{NodeId, OpId},
    time::Duration,
};
use crate::engine::{
    aside::{Armed, Aside, Past, message_key},
    core::Event,
    operations::Ending,
    protocol::Protocol,
    world::{Judge, World},
};
use std::collections::BTreeSet;

/// A timed world in parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observation {
    /// The key of every node.
    pub nodes: Vec<u128>,
    /// The keys of all messages ever sent.
    pub sent: BTreeSet<u128>,
    /// The operations that were invoked, in order.
    pub operations: Vec<ObservedOperation>,
    /// How often nodes crashed.
    pub crashes: u64,
}

/// An operation in a timed world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedOperation {
    /// Its number.
    pub op: OpId,
    /// How it ended, if it did.
    pub ending: Option<Ending>,
    /// Whether no handler has begun with its request.
    pub is_asked: bool,
    /// The keys of all answers ever sent.
    pub answers: BTreeSet<u128>,
}

impl<P: Protocol> World<P> {
    /// Makes the world keep what it sends. To be called before it is reset, once per seed.
    pub fn compare(&mut self) {
        self.core.aside = Some(Box::new(Aside::Timed(Past::default())));
    }

    /// Lets one event happen, and hands its signals on; false when nothing is left to happen.
    pub fn step(&mut self, judge: &mut dyn Judge) -> bool {
        let end = self.core.setup.end;
        let next = self.core.next(end);
        let goes_on = next.is_some();
        if let Some(waiting) = next {
            self.core.counters.events += 1;
            self.dispatch(waiting);
        }
        self.tell(judge);
        goes_on
    }

    /// Hands on what was signalled since, such as the boots of a world that was just reset.
    pub fn tell(&mut self, judge: &mut dyn Judge) {
        for signal in std::mem::take(&mut self.core.signals) {
            judge.on_signal(&signal);
        }
    }

    /// What the world is between two events.
    ///
    /// # Panics
    /// When the world was not told to [`World::compare`].
    pub fn observe(&self) -> Observation {
        let Some(Aside::Timed(past)) = self.core.aside.as_deref() else {
            panic!("a world is compared only when it keeps what it sends");
        };
        let operations = self.core.history.entries().iter().map(|entry| ObservedOperation {
            op: entry.op,
            ending: entry.ending.map(|(_, ending)| ending),
            is_asked: !past.handled.contains(&entry.op),
            answers: answers(past, entry.op),
        });
        Observation {
            nodes: (0..self.states.len() as u16).map(|node| self.node_key(NodeId(node))).collect(),
            sent: past.sent.clone(),
            operations: operations.collect(),
            crashes: self.core.counters.nodes.crashes,
        }
    }

    fn node_key(&self, node: NodeId) -> u128 {
        let cell = &self.core.cells[usize::from(node.0)];
        let waiting = cell.inbox.iter().map(|waiting| &waiting.event);
        let events = || self.core.pending().chain(waiting.clone());
        let mut jobs: Vec<_> = self
            .core
            .pending_by_time()
            .filter_map(|(due, _, event)| match event {
                Event::Durable { node: at, incarnation, job } => {
                    ((*at, *incarnation) == (node, cell.incarnation)).then_some((due, *job))
                }
                _ => None,
            })
            .collect();
        jobs.sort_by_key(|&(due, _)| due);
        let jobs = jobs.into_iter().map(|(_, job)| job).collect();
        let local = events().filter_map(|event| match event {
            Event::Deliver(envelope) if (envelope.from, envelope.to) == (node, node) => {
                Some(message_key(envelope))
            }
            _ => None,
        });
        let local = local.fold(0, u128::wrapping_add);
        let zero = Duration::ZERO;
        let armed = cell.timers.iter();
        let armed: Vec<Armed<P::Timer>> = armed
            .map(|(timer, _)| Armed { timer: timer.clone(), least: zero, most: zero })
            .collect();
        let timers = timers_key::<P>(&armed, Timers::Async);
        let state = &self.states[usize::from(node.0)];
        Parts { node, state, cell, jobs: &jobs, timers, local }.key()
    }
}

fn answers(past: &Past, op: OpId) -> BTreeSet<u128> {
    let of = past.answers.iter().filter(|(answered, _)| *answered == op);
    of.map(|(_, key)| *key).collect()
}
