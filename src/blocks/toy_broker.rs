//! A toy broker: one log of events, to which many publish and from which many read.
//!
//! ```text
//!   publisher                    broker                      reader
//!      ├── Publish(id, event) ─────▶│                           │
//!      │                            ● force Appended, grouped   │
//!      │◀────────── Published(id) ──┤                           │
//!      │                            │◀───────── Fetch(offset) ──┤
//!      │                            ├── Batch(offset, events) ─▶│
//! ```
//!
//! The price: who publishes must repeat it until it is answered, and who reads must remember how
//! far. In return the broker remembers nobody: a repeated id is answered and not appended again, and
//! an offset means the same event for ever. Appends share forces (group commit), so memory is
//! ahead of the disk; the answers wait for it, so nothing is read that a crash could take back.
//!
//! It stands beside the full broker (`blocks/broker.rs`) because it is the least that can be
//! embedded: the protocol `Relay` shows with it how a block lives in a host, on one page, and its
//! recorded runs stay as they are. A pattern that needs groups, retention or dead letters takes the
//! other.
//!
//! Limits: one node, one topic, no retention; every id ever seen is kept.
//! After Kreps, Narkhede & Rao (2011), Kafka, whose readers also pull and keep their own offset.

use crate::{
    base::ids::{NodeId, Topic},
    engine::{
        ctx::Ctx,
        protocol::{Logged, Protocol},
    },
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// More events than this are not sent in one message.
const BATCH_MAX: usize = 16;

/// One variant per arrow in the diagram.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message<E> {
    /// To the broker: keep this event.
    Publish {
        /// What repeats of it are known by.
        id: u64,
        /// The event.
        event: E,
    },
    /// From the broker: the event of this id is kept.
    Published(u64),
    /// To the broker: what stands here and after?
    Fetch {
        /// How many events come before.
        offset: u64,
    },
    /// From the broker: this does.
    Batch {
        /// How many events come before.
        offset: u64,
        /// Events in the order of the log; none when there is nothing new.
        events: Vec<E>,
    },
}

/// What survives a crash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record<E> {
    /// The next event of the log.
    Appended {
        /// Its id.
        id: u64,
        /// The event.
        event: E,
    },
}

/// What a protocol must be able to say to embed a broker.
pub trait Host<E>: Protocol<Message: From<Message<E>>, Record: From<Record<E>>> {}

impl<E, P> Host<E> for P where P: Protocol<Message: From<Message<E>>, Record: From<Record<E>>> {}

/// The state of a broker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Broker<E> {
    // Replayed from the log.
    events: Vec<E>,
    known: BTreeSet<u64>,
    // Lost in a crash: nothing.
}

impl<E> Default for Broker<E> {
    fn default() -> Self {
        Self { events: Vec::new(), known: BTreeSet::new() }
    }
}

impl<E: Clone> Broker<E> {
    /// Handles a message to the broker. `durable` is the host's name for the force of an append.
    ///
    /// # Panics
    /// When handed what a broker says to others.
    pub fn on_message<P: Host<E>>(
        &mut self,
        from: NodeId,
        message: Message<E>,
        durable: P::Step,
        ctx: &mut Ctx<'_, P>,
    ) {
        match message {
            Message::Publish { id, event } => self.on_publish(from, id, event, durable, ctx),
            Message::Fetch { offset } => self.on_fetch(from, offset, ctx),
            Message::Published(_) | Message::Batch { .. } => unreachable!("a broker says this"),
        }
    }

    /// Redo.
    pub fn apply(&mut self, record: Logged<Record<E>>) {
        let Record::Appended { id, event } = record.into_inner();
        self.known.insert(id);
        self.events.push(event);
    }

    fn on_publish<P: Host<E>>(
        &mut self,
        from: NodeId,
        id: u64,
        event: E,
        durable: P::Step,
        ctx: &mut Ctx<'_, P>,
    ) {
        if !self.known.contains(&id) {
            self.apply(ctx.force_grouped(durable, Record::Appended { id, event }));
        }
        ctx.send(from, Message::Published(id));
    }

    fn on_fetch<P: Host<E>>(&self, from: NodeId, offset: u64, ctx: &mut Ctx<'_, P>) {
        let skipped = usize::try_from(offset).unwrap_or(usize::MAX);
        let events = self.events.iter().skip(skipped).take(BATCH_MAX).cloned().collect();
        ctx.send(from, Message::Batch { offset, events });
    }
}

impl<E> Message<E> {
    /// The conversation it belongs to: an event's, or a stretch of the log's.
    pub fn topic(&self) -> Topic {
        match self {
            Self::Publish { id, .. } | Self::Published(id) => Topic(id + 1),
            Self::Fetch { offset } | Self::Batch { offset, .. } => Topic(offset + 1),
        }
    }
}
