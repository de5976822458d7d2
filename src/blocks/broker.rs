//! A broker: durable, partitioned logs of events, read by groups of consumers at their own pace.
//!
//! ```text
//!   producer                        broker                         consumer
//!      ├── Publish(partition, event) ──▶│                              │
//!      │                                ● force Appended, grouped      │
//!      │◀──────────────── Published ────┤                              │
//!      │                                │◀──── Poll(done so far, …) ───┤  on boot, now and then
//!      │                                ├── Assigned(partitions) ─────▶│  when it must change
//!      │                                ├── Batch(events) ────────────▶│  now, or once there are any
//!      │                                │                              ● effect and position: one
//!      │                                │◀───────────── Ack(done) ─────┤  record of the host
//!      │                                ● write Committed              │
//!      │                                │◀──────────── Failed(at) ─────┤  or its session times out:
//!      │                                ● force DeadLettered           │  that was an attempt
//! ```
//!
//! Pull, not push: a consumer says how far it is, and the broker answers from there, at once or when
//! something comes (so an idle consumer hears of an event as fast as by push). An answer that is lost
//! is asked for again; nothing is sent to who is slow, and redelivery needs no timer per event.
//! Every `Poll` says all that a consumer knows, so a broker that forgot its members, or a consumer
//! that was assigned something else meanwhile, is set right by the next one. Who owns a partition
//! is a function of who is there; sticky assignment was rejected as state that could be wrong.
//!
//! Appends share forces, so memory is ahead of the disk; what others are told waits for the disk.
//! Commits are only written: what a crash takes back is delivered again. An attempt at an event is
//! counted when its consumer reports a failure or is lost with this event alone in hand, and not
//! when a batch is lost on the way. What a consumer was lost with, many events at once, is tried
//! one by one until it is clear which of them kills. Retention works at checkpoints, which keep the log itself bounded.
//!
//! A consumer that polls twice from one place has lost what it was sent, and gets it again.
//!
//! Limits: one node. A partition that changes hands is delivered again from the last commit, so
//! effects happen once only where both consumers keep them in one place, or know events by id. A
//! consumer that dies of other causes `k` times with the same event alone in hand makes it a dead
//! letter, and a `Joins` that the network repeats late is taken for a death. While suspects are
//! tried, their consumer reads nothing else. Dead letters are kept until somebody looks.
//! After Kreps, Narkhede & Rao (2011), Kafka; its KIP-98 (idempotent producers), KIP-932 (counts
//! of deliveries).

mod consumer;
mod groups;
mod kept;
mod producer;
mod settings;

pub use consumer::{Consumer, Delivery};
pub use kept::{Entry, Kept, Origin};
pub use producer::{Acked, Producer, Sending};
pub use settings::{Checkpoints, DeadLetters, Producers, Retention, Settings, Unread};

use crate::{
    base::{
        ids::{NodeId, Topic},
        time::Time,
    },
    engine::{
        ctx::Ctx,
        protocol::{Logged, Protocol},
    },
};
use groups::Group;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A named stream of events, cut into partitions. ([`Topic`] is the engine's word for the
/// conversation that a message belongs to.)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TopicId(pub u16);

impl TopicId {
    /// Where events go that failed too often, all into partition 0. Subscribe to it like to any
    /// other; retention does not touch it.
    pub const DEAD_LETTERS: Self = Self(u16::MAX);
}

/// One ordered log of a topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Partition {
    /// Of which topic.
    pub topic: TopicId,
    /// From 0.
    pub number: u16,
}

/// How many events of a partition come before; an event's offset never changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Offset(pub u64);

/// A place in a partition: of the event that stands there, or between all before it and the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// In which partition.
    pub partition: Partition,
    /// Behind how many events.
    pub offset: Offset,
}

impl Position {
    /// Behind the event that stands here.
    #[must_use]
    pub fn next(self) -> Self {
        Self { offset: Offset(self.offset.0 + 1), ..self }
    }

    fn topic(self) -> Topic {
        let Partition { topic, number } = self.partition;
        let partition = u64::from(topic.0) << 16 | u64::from(number);
        Topic(partition << 32 | (self.offset.0 + 1))
    }
}

/// Consumers that share the work: each event goes to one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct GroupId(pub u16);

/// Who publishes, across its crashes. Sequences are counted per producer and partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ProducerId(pub u32);

/// What an idempotent broker knows an event of a producer by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Who publishes.
    pub producer: ProducerId,
    /// The sequence of what the producer published into this partition before; 0 for nothing. Kept
    /// apart from `sequence − 1` so that numbers of rows will do as sequences.
    pub after: u64,
    /// Its sequence: rising within a producer and a partition, above 0.
    pub sequence: u64,
}

/// Whether a consumer has been heard of since it booted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    /// It begins: what it had in hand is lost.
    Joins,
    /// It goes on.
    Stays,
}

/// One variant per arrow in the diagram.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message<E> {
    /// To the broker: keep this event.
    Publish {
        /// Where.
        partition: Partition,
        /// What repeats of it are known by.
        stamp: Stamp,
        /// The event.
        event: E,
    },
    /// From the broker: the event is kept.
    Published {
        /// Where.
        partition: Partition,
        /// The sequence of its stamp.
        sequence: u64,
    },
    /// To the broker: I am here, this far, and want what follows.
    Poll {
        /// The sender's group.
        group: GroupId,
        /// What the group reads.
        topics: Vec<TopicId>,
        /// Whether it begins or goes on.
        standing: Standing,
        /// Behind what is done, in each partition that it thinks is its own; in all that it ever
        /// read when it joins.
        done: Vec<Position>,
    },
    /// From the broker: these partitions are yours, and no others.
    Assigned {
        /// Of which group.
        group: GroupId,
        /// In order.
        partitions: Vec<Partition>,
    },
    /// To the broker: all before this is done; I want what follows.
    Ack {
        /// The sender's group.
        group: GroupId,
        /// Behind the last event that is done.
        done: Position,
    },
    /// From the broker: events.
    Batch(Batch<E>),
    /// To the broker: all before this is done, and the event here failed.
    Failed {
        /// The sender's group.
        group: GroupId,
        /// Which event.
        at: Position,
        /// Which attempt it was; a repeat of the report has the same.
        attempt: u16,
    },
}

/// Events of one partition in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch<E> {
    /// Of which group.
    pub group: GroupId,
    /// Where the consumer asked.
    pub asked: Position,
    /// How many events were dropped, unread or not, by retention.
    pub expired: Offset,
    /// The offset of the first event: later than asked where the group is done with some, or some
    /// became dead letters, or some expired.
    pub first: Offset,
    /// Which attempt at the first event this is, from 1.
    pub attempt: u16,
    /// The events.
    pub events: Vec<E>,
}

/// What survives a crash of the broker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record<E> {
    /// The next event of a partition.
    Appended {
        /// Of which.
        partition: Partition,
        /// Whose it is.
        stamp: Stamp,
        /// When, on the broker's clock, where retention asks for it.
        at: Option<Time>,
        /// The event.
        event: E,
    },
    /// What a group reads: nothing of it is dropped unread from now on.
    Subscribed {
        /// The group.
        group: GroupId,
        /// Its topics.
        topics: Vec<TopicId>,
    },
    /// A group is done with all before this.
    Committed {
        /// The group.
        group: GroupId,
        /// How far.
        done: Position,
    },
    /// So many attempts at this event failed.
    Attempted {
        /// The group that tried.
        group: GroupId,
        /// Which event.
        at: Position,
        /// How often so far.
        attempts: u16,
    },
    /// It failed too often: it moves to the dead letters, and the group goes on behind it.
    DeadLettered {
        /// The group that tried.
        group: GroupId,
        /// Which event.
        at: Position,
    },
    /// Everything so far, without what retention drops.
    Checkpoint(Kept<E>),
}

/// What wakes a node on behalf of this block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Timer {
    /// At a producer: what is under way to this partition may not have arrived.
    Retry(Partition),
    /// At a consumer: tell the broker where it stands.
    Poll(GroupId),
    /// At the broker: nothing was heard of this consumer for too long.
    Session(GroupId, NodeId),
}

/// What a protocol must be able to say to embed a broker.
pub trait Host<E>:
    Protocol<Message: From<Message<E>>, Record: From<Record<E>>, Timer: From<Timer>>
{
}

impl<E, P> Host<E> for P where
    P: Protocol<Message: From<Message<E>>, Record: From<Record<E>>, Timer: From<Timer>>
{
}

/// What a protocol must be able to say to embed a producer or a consumer; what they know and must
/// not lose stands in records of the host.
pub trait Peer<E>: Protocol<Message: From<Message<E>>, Timer: From<Timer>> {}

impl<E, P> Peer<E> for P where P: Protocol<Message: From<Message<E>>, Timer: From<Timer>> {}

/// The host's names for the steps of a broker; `None` for one that the host does not name, which
/// is then always taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steps<S> {
    /// An event, or what a group reads, is on disk before anybody hears of it. Without it
    /// acknowledged events are lost.
    pub append: S,
    /// A repeat is known by its stamp. Without it one event gets two offsets.
    pub deduplicate: Option<S>,
    /// What failed too often moves aside. Without it one event stops its partition for ever.
    pub dead_letter: Option<S>,
    /// That it moved is on disk before its group goes on behind it. Without it a crash makes it
    /// neither done nor a dead letter.
    pub force_dead_letter: S,
    /// What a consumer was lost with is tried one by one. Without it an event that kills its
    /// consumer makes dead letters of innocent ones.
    pub single_out: Option<S>,
    /// What a group has not read is not dropped. Without it a consumer that was away misses some.
    pub keep_unread: Option<S>,
}

impl<S> Steps<S> {
    /// Only forces have a name, and all the same one.
    pub fn forced_by(force: S) -> Self
    where
        S: Copy,
    {
        Self {
            append: force,
            deduplicate: None,
            dead_letter: None,
            force_dead_letter: force,
            single_out: None,
            keep_unread: None,
        }
    }
}

/// On which terms a broker works: settings and names.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a, S> {
    /// The settings.
    pub settings: &'a Settings,
    /// The names of its steps.
    pub steps: Steps<S>,
}

/// Passes a step if it has a name; answers whether it is to be taken.
fn keeps<P: Protocol>(step: Option<P::Step>, ctx: &mut Ctx<'_, P>) -> bool {
    step.is_none_or(|step| ctx.step(step))
}

/// The state of a broker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Broker<E> {
    // Replayed from the log.
    kept: Kept<E>,
    // Lost in a crash: who is there. They say so again.
    groups: BTreeMap<GroupId, Group>,
    redelivered: u64,
}

impl<E> Default for Broker<E> {
    fn default() -> Self {
        Self { kept: Kept::default(), groups: BTreeMap::new(), redelivered: 0 }
    }
}

impl<E: Clone> Broker<E> {
    /// Handles a message to the broker.
    ///
    /// # Panics
    /// When handed what a broker says to others.
    pub fn on_message<P: Host<E>>(
        &mut self,
        from: NodeId,
        message: Message<E>,
        terms: Terms<'_, P::Step>,
        ctx: &mut Ctx<'_, P>,
    ) {
        match message {
            Message::Publish { partition, stamp, event } => {
                self.on_publish(from, (partition, stamp, event), terms, ctx);
            }
            Message::Poll { group, topics, standing, done } => {
                self.on_poll((group, from), (topics, standing, done), terms, ctx);
            }
            Message::Ack { group, done } => self.on_ack((group, from), done, terms, ctx),
            Message::Failed { group, at, attempt } => {
                self.on_failed((group, from), (at, attempt), terms, ctx);
            }
            Message::Published { .. } | Message::Assigned { .. } | Message::Batch(_) => {
                unreachable!("a broker says this")
            }
        }
        self.check_point(terms, ctx);
    }

    /// A consumer has been silent for a whole session.
    ///
    /// # Panics
    /// When handed a timer of a producer or a consumer.
    pub fn on_timer<P: Host<E>>(
        &mut self,
        timer: &Timer,
        terms: Terms<'_, P::Step>,
        ctx: &mut Ctx<'_, P>,
    ) {
        let Timer::Session(group, node) = *timer else { unreachable!("no timer of a broker") };
        self.leave(group, node, terms, ctx);
        self.check_point(terms, ctx);
    }

    /// Redo.
    pub fn apply(&mut self, record: Logged<Record<E>>) {
        self.kept.redo(record.into_inner());
    }

    /// What is on disk, for looking at.
    pub fn kept(&self) -> &Kept<E> {
        &self.kept
    }

    /// How many events went out more than once since this node booted.
    pub fn redelivered(&self) -> u64 {
        self.redelivered
    }

    fn on_publish<P: Host<E>>(
        &mut self,
        from: NodeId,
        (partition, stamp, event): (Partition, Stamp, E),
        terms: Terms<'_, P::Step>,
        ctx: &mut Ctx<'_, P>,
    ) {
        let published = Message::Published { partition, sequence: stamp.sequence };
        if terms.settings.producers == Producers::Idempotent {
            let known = self.kept.sequence(stamp.producer, partition);
            if stamp.sequence <= known && keeps(terms.steps.deduplicate, ctx) {
                return ctx.send(from, published);
            }
            if stamp.after > known {
                return; // It overtook another; both come again, in order.
            }
        }
        let at = terms.settings.retention.is_by_age().then(|| ctx.now());
        let appended = Record::Appended { partition, stamp, at, event };
        self.apply(ctx.force_grouped(terms.steps.append, appended));
        ctx.send(from, published);
        self.wake(partition, terms, ctx);
    }

    /// Drops what retention does not keep and begins the log anew, when it is time.
    fn check_point<P: Host<E>>(&mut self, terms: Terms<'_, P::Step>, ctx: &mut Ctx<'_, P>) {
        if let Checkpoints::Every(records) = terms.settings.checkpoints
            && self.kept.records() >= records
        {
            let checkpoint = self.checkpoint(terms, ctx);
            self.apply(ctx.checkpoint(checkpoint));
        }
    }

    /// All that must not be lost as one record, without what retention drops: for a host that logs
    /// more than a broker, and so replaces its log itself ([`Checkpoints::ByHost`]).
    pub fn checkpoint<P: Host<E>>(
        &self,
        terms: Terms<'_, P::Step>,
        ctx: &mut Ctx<'_, P>,
    ) -> Record<E> {
        let unread = match terms.settings.unread {
            Unread::Keep if keeps(terms.steps.keep_unread, ctx) => Unread::Keep,
            _ => Unread::Drop,
        };
        let now = terms.settings.retention.is_by_age().then(|| ctx.now());
        let mut kept = self.kept.clone();
        kept.drop_old(terms.settings.retention, unread, now);
        Record::Checkpoint(kept)
    }
}

impl<E> Message<E> {
    /// The conversation it belongs to: an event's, a stretch of a partition's, or a group's.
    pub fn topic(&self) -> Topic {
        match self {
            Self::Publish { partition, stamp: Stamp { sequence, .. }, .. }
            | Self::Published { partition, sequence } => {
                Position { partition: *partition, offset: Offset(*sequence) }.topic()
            }
            Self::Poll { group, .. } | Self::Assigned { group, .. } => {
                Topic(u64::from(group.0) + 1)
            }
            Self::Ack { done: position, .. }
            | Self::Batch(Batch { asked: position, .. })
            | Self::Failed { at: position, .. } => position.topic(),
        }
    }
}
