//! What a world *is*: a digest in which two worlds that will behave alike are equal.
//!
//! ```text
//!   states ‖ logs ‖ waiting effects, in order     +     pending events, as a sum without order
//! ```
//!
//! Nothing positional enters: no event numbers, times, slots or draws. With ids of messages in it,
//! equal states reached in different ways would never be merged, and a search through all orders
//! would not end. What belongs to the scenario (fault rules, clients that will ask) stays out too.

use super::{
    core::{Event, EventOf},
    protocol::Protocol,
    world::World,
};
use crate::base::digest::{Fold, digest};

impl<P: Protocol> World<P> {
    /// What this world is: states, logs, waiting effects, and pending events as a multiset.
    /// Nothing positional enters: no event numbers, times, slots or draws.
    pub fn digest(&self) -> u128 {
        let mut fold = Fold::NEW;
        for (state, cell) in self.states.iter().zip(&self.core.cells) {
            fold.word(u64::from(cell.busy));
            if !cell.is_down() {
                fold.word(digest(state).fold.short());
            }
            fold.word(u64::from(cell.log.durable().0));
            cell.log.entries().for_each(|(_, entry)| fold.word(digest(&entry.record).fold.short()));
            if !cell.disk.is_unused() {
                fold.word(digest(&cell.disk).fold.short());
            }
            cell.parked.iter().for_each(|parked| fold.word(digest(parked).fold.short()));
            cell.held.iter().for_each(|effect| fold.word(digest(effect).fold.short()));
        }
        let pending = self.core.pending().map(pending_digest::<P>);
        let sum = pending.fold(0_u128, u128::wrapping_add);
        fold.word(sum as u64);
        fold.word((sum >> 64) as u64);
        fold.end()
    }
}

/// One pending event, without anything positional.
fn pending_digest<P: Protocol>(event: &EventOf<P>) -> u128 {
    let mut fold = Fold::NEW;
    match event {
        Event::Deliver(envelope) => {
            fold.word(1 << 32 | u64::from(envelope.from.0) << 16 | u64::from(envelope.to.0));
            fold.word(envelope.digest);
        }
        Event::Timer { node, timer } => {
            fold.word(2 << 32 | u64::from(node.0));
            fold.word(digest(timer).fold.short());
        }
        Event::Durable { node, job, .. } => {
            fold.word(3 << 32 | u64::from(node.0));
            fold.word(digest(job).fold.short());
        }
        Event::Request { op, node } => {
            fold.word(4 << 32 | u64::from(node.0));
            fold.word(u64::from(op.0));
        }
        Event::Answer { op, answer, .. } => {
            fold.word(5 << 32 | u64::from(op.0));
            fold.word(digest(answer).fold.short());
        }
        Event::Boot { node, .. } => fold.word(6 << 32 | u64::from(node.0)),
        Event::Served { node, .. } => fold.word(7 << 32 | u64::from(node.0)),
        _ => return 0, // The rest belongs to the scenario, not to the system.
    }
    fold.end()
}
