//! The producer's side of a broker: what is queued is published, again and again, until answered.
//!
//! ```text
//!   host's record ──apply──▶ enqueue ──flush──▶ Publish … Published ──▶ Acked, for a record of the
//!                            forget ◀────────────────────────────────────────  host: a hint
//! ```
//!
//! The queue is rebuilt from the host's records: a host that logs its state change and the event
//! in one record and enqueues in `apply` has an outbox. What was acknowledged is a hint that needs
//! no force: without it events are published again, and an idempotent broker knows them. Up to
//! `in_flight_max` events are under way to a partition; order is the broker's business (it takes
//! an event only behind its predecessor). One in flight everywhere was rejected as a default: a
//! round trip per event and partition.

use super::{Message, Partition, Peer, ProducerId, Producers, Settings, Stamp, Timer, keeps};
use crate::{
    base::{ids::NodeId, table::Table},
    engine::ctx::Ctx,
};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// To whom a producer publishes, as whom, and how.
#[derive(Clone, Copy, Debug)]
pub struct Sending<'a> {
    /// The broker.
    pub broker: NodeId,
    /// Who publishes.
    pub producer: ProducerId,
    /// The settings that it shares with the broker.
    pub settings: &'a Settings,
}

/// Everything up to this sequence is in the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acked {
    /// In which partition.
    pub partition: Partition,
    /// The sequence.
    pub sequence: u64,
}

/// The state of a producer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Producer<E> {
    queues: Table<Partition, Queue<E>>,
}

/// What goes to one partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Queue<E> {
    // Replayed from the host's log.
    last: u64,
    open: VecDeque<Open<E>>,
    // Lost in a crash.
    /// How many of the first are under way.
    in_flight: u16,
}

/// An event that is not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Open<E> {
    after: u64,
    sequence: u64,
    event: E,
}

impl<E> Default for Producer<E> {
    fn default() -> Self {
        Self { queues: Table::new() }
    }
}

/// What the host's `apply` calls.
impl<E> Producer<E> {
    /// Puts an event at the end of what goes to a partition; the sequence that it got.
    pub fn enqueue(&mut self, partition: Partition, event: E) -> u64 {
        let sequence = self.last(partition) + 1;
        self.enqueue_as(partition, sequence, event);
        sequence
    }

    /// The same under a sequence of the host's, such as the number of a row.
    ///
    /// # Panics
    /// When the sequence is not above all that were enqueued for this partition.
    pub fn enqueue_as(&mut self, partition: Partition, sequence: u64, event: E) {
        let queue = self.queue(partition);
        assert!(sequence > queue.last, "sequences rise: {sequence} after {}", queue.last);
        queue.open.push_back(Open { after: queue.last, sequence, event });
        queue.last = sequence;
    }

    /// Stops caring for what a host's record says was acknowledged.
    pub fn forget(&mut self, acked: Acked) {
        let queue = self.queue(acked.partition);
        queue.last = queue.last.max(acked.sequence);
        queue.settle_upto(acked.sequence);
    }

    /// The last sequence that was enqueued for a partition.
    pub fn last(&self, partition: Partition) -> u64 {
        self.queues.get(&partition).map_or(0, |queue| queue.last)
    }

    /// How many events are not known to be in the broker.
    pub fn open(&self) -> usize {
        self.queues.values().map(|queue| queue.open.len()).sum()
    }

    fn queue(&mut self, partition: Partition) -> &mut Queue<E> {
        let empty = || Queue { last: 0, open: VecDeque::new(), in_flight: 0 };
        self.queues.or_insert_with(partition, empty)
    }
}

impl<E: Clone> Producer<E> {
    /// As a crash would leave it, for a checkpoint of the host's.
    #[must_use]
    pub fn at_rest(&self) -> Self {
        let mut resting = self.clone();
        resting.queues.values_mut().for_each(|queue| queue.in_flight = 0);
        resting
    }

    /// Publishes what may go out: after something was enqueued, and on boot.
    pub fn flush<P: Peer<E>>(&mut self, sending: Sending<'_>, ctx: &mut Ctx<'_, P>) {
        for (&partition, queue) in &mut self.queues {
            queue.fill(partition, sending, ctx);
        }
    }

    /// Nothing was heard for a while: all that is under way goes out again. `retry` is the host's
    /// name for doing so.
    pub fn on_timer<P: Peer<E>>(
        &mut self,
        partition: Partition,
        retry: Option<P::Step>,
        sending: Sending<'_>,
        ctx: &mut Ctx<'_, P>,
    ) {
        if self.queues.get(&partition).is_some_and(|queue| !queue.open.is_empty())
            && keeps(retry, ctx)
        {
            let queue = self.queue(partition);
            queue.in_flight = 0;
            queue.fill(partition, sending, ctx);
        }
    }

    /// The broker has it. Answers what the host may log, when there is news.
    pub fn on_published<P: Peer<E>>(
        &mut self,
        acked: Acked,
        sending: Sending<'_>,
        ctx: &mut Ctx<'_, P>,
    ) -> Option<Acked> {
        let Acked { partition, sequence } = acked;
        let queue = self.queue(partition);
        let (before, open) = (queue.settled(), queue.open.len());
        match sending.settings.producers {
            Producers::Idempotent => queue.settle_upto(sequence),
            Producers::Plain => queue.settle_only(sequence),
        }
        if queue.open.is_empty() {
            ctx.cancel_timer(Timer::Retry(partition));
        } else if queue.open.len() < open {
            queue.fill(partition, sending, ctx);
        }
        let sequence = queue.settled();
        (before < sequence).then_some(Acked { partition, sequence })
    }
}

impl<E> Queue<E> {
    /// Everything up to here is acknowledged.
    fn settled(&self) -> u64 {
        self.open.front().map_or(self.last, |open| open.after)
    }

    /// A broker that takes events in order has all before the one that it answers.
    fn settle_upto(&mut self, sequence: u64) {
        while self.open.front().is_some_and(|open| open.sequence <= sequence) {
            self.open.pop_front();
            self.in_flight = self.in_flight.saturating_sub(1);
        }
    }

    fn settle_only(&mut self, sequence: u64) {
        let sent = usize::from(self.in_flight);
        let place = self.open.iter().take(sent).position(|open| open.sequence == sequence);
        if let Some(place) = place {
            self.open.remove(place);
            self.in_flight -= 1;
        }
    }
}

impl<E: Clone> Queue<E> {
    /// Sends as many as may be under way.
    fn fill<P: Peer<E>>(
        &mut self,
        partition: Partition,
        sending: Sending<'_>,
        ctx: &mut Ctx<'_, P>,
    ) {
        let Sending { broker, producer, settings } = sending;
        let upto = self.open.len().min(usize::from(settings.in_flight_max));
        for open in self.open.range(usize::from(self.in_flight).min(upto)..upto) {
            let stamp = Stamp { producer, after: open.after, sequence: open.sequence };
            ctx.send(broker, Message::Publish { partition, stamp, event: open.event.clone() });
        }
        if usize::from(self.in_flight) < upto {
            self.in_flight = upto as u16;
            ctx.set_timer(settings.retry_interval, Timer::Retry(partition));
        }
    }
}
