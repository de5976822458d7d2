//! What a node is: a key in which two nodes that will behave alike are equal.
//!
//! ```text
//!   log (records, how far durable, how far stated) ‖ memory ‖ disk ‖ parked ‖ held ‖ Σ timers ‖ Σ local
//! ```
//!
//! Positions in the log count from its first record, timers and messages to itself are sums without
//! order, and a node that is down has no memory. Event numbers, incarnations, attempts, slots and
//! times stay out: with any of them in it, equal nodes would never be found equal, and no search
//! would end. One function serves the explorer and the timed world, so that they cannot differ in
//! what they call equal.

use crate::base::{
    digest::{Fold, digest},
    ids::{Lsn, NodeId},
};
use crate::engine::{
    aside::{Armed, fold_wide},
    core::{CellOf, DOWN, FORCING},
    device::Job,
    log::Writing,
    protocol::Protocol,
    untimed::Timers,
};
use std::collections::VecDeque;

/// A node, as far as its key is concerned.
pub(super) struct Parts<'a, P: Protocol> {
    pub(super) node: NodeId,
    pub(super) state: &'a P,
    pub(super) cell: &'a CellOf<P>,
    /// What the disk is to do, one after the other.
    pub(super) jobs: &'a VecDeque<Job>,
    /// The sum of the keys of all timers.
    pub(super) timers: u128,
    /// The sum of the keys of all messages to itself.
    pub(super) local: u128,
}

impl<P: Protocol> Parts<'_, P> {
    /// The key.
    pub(super) fn key(&self) -> u128 {
        let cell = self.cell;
        let log = &cell.log;
        let place = |position: Lsn| u64::from(position.0 - log.base().0);
        let mut fold = Fold::NEW;
        fold.word(u64::from(self.node.0) << 8 | u64::from(cell.busy & (DOWN | FORCING)));
        fold.word(u64::from(log.end().0 - log.base().0));
        fold.word(place(log.durable()));
        fold.word(place(log.stated()));
        for (position, entry) in log.entries() {
            fold_wide(&mut fold, digest(&entry.record).fold.end());
            if position > log.stated() {
                fold.word(u64::from(entry.writing == Writing::Forced));
            }
        }
        if !cell.disk.is_unused() {
            fold_wide(&mut fold, digest(&cell.disk).fold.end());
        }
        if cell.is_down() {
            return fold.end();
        }
        fold_wide(&mut fold, digest(self.state).fold.end());
        let ahead = |job: Job| match job {
            Job::Log(upto) => place(upto),
            Job::File(file, upto) => 1 << 28 | file.word() << 16 | u64::from(upto),
            Job::Names(upto) => 2 << 28 | u64::from(upto),
            Job::Read(nth) => 3 << 28 | u64::from(nth),
        };
        fold.word(self.jobs.len() as u64);
        self.jobs.iter().for_each(|&job| fold.word(ahead(job)));
        fold.word(cell.parked.len() as u64);
        for parked in &cell.parked {
            fold.word(ahead(parked.until) << 32 | u64::from(parked.effects));
        }
        for effect in &cell.held {
            fold_wide(&mut fold, digest(effect).fold.end());
        }
        fold_wide(&mut fold, self.timers);
        fold_wide(&mut fold, self.local);
        fold.end()
    }
}

/// The sum of the keys of timers. Where their order counts, so does which may not overtake which.
pub(super) fn timers_key<P: Protocol>(armed: &[Armed<P::Timer>], timers: Timers) -> u128 {
    let one = |armed: &Armed<P::Timer>| {
        let mut fold = digest(&armed.timer).fold;
        if timers == Timers::Ordered {
            fold.word(armed.least.as_nanos());
            fold.word(armed.most.as_nanos());
        }
        fold.end()
    };
    let mut sum = armed.iter().map(one).fold(0, u128::wrapping_add);
    if timers == Timers::Ordered {
        for (place, later) in armed.iter().enumerate() {
            for earlier in armed[..place].iter().filter(|earlier| comes_first(earlier, later)) {
                let mut fold = Fold::NEW;
                fold_wide(&mut fold, one(earlier));
                fold_wide(&mut fold, one(later));
                sum = sum.wrapping_add(fold.end());
            }
        }
    }
    sum
}

/// Whether a timer that was set earlier fires before one that was set later, however long they run.
pub(super) fn comes_first<T>(earlier: &Armed<T>, later: &Armed<T>) -> bool {
    earlier.most <= later.least
}
