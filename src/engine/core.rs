//! The core of a world: all that is not a node's own state.
//!
//! ```text
//!   World<P> { states: Vec<P>, core: Core<P> }     a handler borrows its node and the core, side by side
//!   Core: slab of events ◀─ queue of keys · cells (one per node) · network · rules · clients · trace
//! ```
//!
//! This split is what lets a handler's effects act at once, without a list between them: the node
//! is borrowed from `states`, everything it can touch is here. What an effect does is in
//! `effects.rs`, what faults do in `inject.rs`, what clients do in `asking.rs`; here are the data,
//! the slab and the reset.
//!
//! This file is long because the data of a world are told in one place.
//!
//! In steady state nothing is allocated per event: slots, inboxes, timers and logs are cleared and
//! kept. One struct per concern was tried in the mind and rejected: the borrow of the slab and of
//! one cell at a time would turn into a dozen parameters.

use super::{
    aside::AsideOf,
    clock::Clock,
    counters::Counters,
    device::{Device, FileEffect, Job, Target},
    disk::{Disk, FileName},
    facts::{Fact, Facts},
    faults::{Keeps, RuleState, Watched},
    log::Log,
    network::{Endpoint, LinkNames, Lost, Network},
    operations::{Answer, History},
    protocol::Protocol,
    runner::Catalog,
    script::{Awaited, Decision, SpanName},
    setup::{Service, Setup, Ties},
    signal::{Signal, What},
    trace::{Entry, Kind, Recording, Trace},
    weather::Sky,
};
use crate::base::{
    draws::{Attempts, Draws, Key, Purpose, name_word},
    ids::{ClientId, EventId, NodeId, OpId, Seed},
    queue::{Class, Queue, Tag},
    time::{Duration, Time},
};
use serde::Serialize;
use std::{collections::VecDeque, sync::Arc};

/// A pending event.
#[derive(Clone, Debug)]
pub(super) enum Event<M, T> {
    Free,
    Deliver(Envelope<M>),
    Request { op: OpId, node: NodeId },
    Answer { op: OpId, node: NodeId, answer: Answer },
    Timer { node: NodeId, timer: T },
    Durable { node: NodeId, incarnation: u16, job: Job },
    Served { node: NodeId, incarnation: u16 },
    Boot { node: NodeId, incarnation: u16 },
    Resume { node: NodeId, ticket: u32 },
    EndSlow { node: NodeId, ticket: u32 },
    EndCut(u32),
    EndSlowLink(u32),
    Strike(u16),
    Invoke(ClientId),
    GiveUp(OpId),
    Heal,
}

/// A message under way.
#[derive(Clone, Debug)]
pub(super) struct Envelope<M> {
    pub(super) from: NodeId,
    pub(super) to: NodeId,
    pub(super) label: u16,
    pub(super) digest: u64,
    pub(super) message: M,
}

#[derive(Clone, Debug)]
struct Slot<M, T> {
    tag: Tag,
    cause: EventId,
    event: Event<M, T>,
}

/// An event that waits until its node is free.
#[derive(Clone, Debug)]
pub(super) struct Waiting<M, T> {
    pub(super) cause: EventId,
    pub(super) event: Event<M, T>,
}

/// An effect that waits behind a force: plain data, cloneable and digestible.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) enum Effect<M, R, T> {
    Send(NodeId, M),
    SetTimer(super::ctx::Delay, T),
    CancelTimer(T),
    Force(u16, R, Wait),
    Write(R),
    Checkpoint(R),
    Mark(u16),
    Reply(OpId, Answer),
    File(Box<FileEffect>),
    Sync(u16, Target, Wait),
    Fetch(FileName, u32, u32),
    State(Fact),
}

impl<M, R, T> Effect<M, R, T> {
    /// Whether it changes the log or files, which have the order in which memory saw the changes.
    pub(super) fn logs(&self) -> bool {
        matches!(
            self,
            Self::Force(..) | Self::Write(_) | Self::Checkpoint(_) | Self::File(_) | Self::Sync(..)
        )
    }
}

/// Who waits for a force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) enum Wait {
    /// The whole node, like a thread blocked on fsync.
    Node,
    /// Only what stands behind it: group commit.
    Handler,
}

/// Effects that wait until the disk has done something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Parked {
    pub(super) until: Job,
    pub(super) effects: u32,
    pub(super) step: u16,
    pub(super) label: u16,
}

/// A crash that is due: after so many more effects, or at the end of the handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Doom {
    pub(super) rule: u16,
    pub(super) effects_left: u32,
    pub(super) at_end: bool,
    /// What survives of what was not synced.
    pub(super) keeps: Keeps,
    /// What the draws about it are named by.
    pub(super) strike: u64,
    /// The handler that it was drawn for, and after how many effects, if for one.
    pub(super) handler: Option<(EventId, u32)>,
    pub(super) down: Option<Duration>,
    pub(super) wipe: bool,
}

/// The next force fails, and the node stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Failing {
    pub(super) rule: u16,
    pub(super) strike: u64,
    pub(super) down: Option<Duration>,
    pub(super) keeps: Keeps,
}

/// The node is down.
pub(super) const DOWN: u8 = 1;
/// It waits for a force.
pub(super) const FORCING: u8 = 2;
/// It is paused.
pub(super) const PAUSED: u8 = 4;
/// A handler is taking its time.
pub(super) const SERVING: u8 = 8;

/// What the engine keeps of one node. What every event asks for comes first and fills one line of
/// the cache: with ten thousand nodes each further line is a miss per message.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(super) struct Cell<M, R, T> {
    pub(super) busy: u8,
    /// Whether there is a doom: who has none looks no further, for the doom lies lines away.
    doomed: bool,
    pub(super) incarnation: u16,
    /// How many of the held effects change the log.
    pub(super) held_records: u32,
    /// A gray failure: what each handler takes, and the rule.
    pub(super) slowed: Option<(Duration, u16)>,
    /// Who waits for which position, oldest first.
    pub(super) parked: VecDeque<Parked>,
    /// The effects of those who wait, flat and in order.
    pub(super) held: VecDeque<Effect<M, R, T>>,
    /// Timers that are set, and the slot of each; `None` once it is due and waits in the inbox.
    pub(super) timers: Vec<(T, Option<u32>)>,
    pub(super) clock: Clock,
    /// The latest pause and the latest slow spell: the end of an earlier one ends nothing.
    pub(super) pauses: u32,
    pub(super) spells: u32,
    pub(super) flushing: bool,
    pub(super) booted: bool,
    /// The digest and the label of the record that last asked for a force.
    pub(super) asked_for: (u64, u16),
    /// The event at which it did.
    pub(super) asked_at: EventId,
    pub(super) log: Log<R>,
    pub(super) disk: Disk,
    pub(super) device: Device,
    pub(super) inbox: VecDeque<Waiting<M, T>>,
    pub(super) serving: Option<Waiting<M, T>>,
    doom: Option<Doom>,
    pub(super) paused_by: Option<u16>,
    /// What the disk has done while the node was paused: what waits for it goes on later.
    pub(super) synced: VecDeque<(Job, EventId)>,
    pub(super) stalled: Option<(Time, u16)>,
    pub(super) failing: Option<Failing>,
}

impl<M, R, T> Cell<M, R, T> {
    fn new() -> Self {
        Self {
            busy: 0,
            doomed: false,
            incarnation: 0,
            pauses: 0,
            spells: 0,
            flushing: false,
            asked_for: (0, 0),
            asked_at: EventId(0),
            booted: false,
            clock: Clock::default(),
            log: Log::new(),
            disk: Disk::default(),
            device: Device::default(),
            timers: Vec::new(),
            parked: VecDeque::new(),
            held: VecDeque::new(),
            held_records: 0,
            inbox: VecDeque::new(),
            serving: None,
            doom: None,
            paused_by: None,
            synced: VecDeque::new(),
            slowed: None,
            stalled: None,
            failing: None,
        }
    }

    fn reset(&mut self, clock: Clock) {
        (self.busy, self.incarnation) = (0, 0);
        (self.pauses, self.spells) = (0, 0);
        (self.flushing, self.booted, self.clock) = (false, false, clock);
        self.log.clear();
        self.disk.clear();
        self.device = Device::default();
        self.timers.clear();
        self.parked.clear();
        self.held.clear();
        self.held_records = 0;
        self.inbox.clear();
        (self.serving, self.paused_by) = (None, None);
        self.set_doom(None);
        self.synced.clear();
        (self.slowed, self.stalled, self.failing) = (None, None, None);
    }

    #[inline]
    pub(super) fn is_down(&self) -> bool {
        self.busy & DOWN != 0
    }

    /// Whether an event that comes now is handled now, in no time.
    #[inline]
    pub(super) fn is_idle(&self) -> bool {
        self.busy == 0 && self.slowed.is_none()
    }

    pub(super) fn is_doomed(&self) -> bool {
        self.doomed
    }

    #[inline]
    pub(super) fn doom(&mut self) -> Option<&mut Doom> {
        if self.doomed { self.doom.as_mut() } else { None }
    }

    pub(super) fn set_doom(&mut self, doom: Option<Doom>) {
        (self.doomed, self.doom) = (doom.is_some(), doom);
    }

    #[inline]
    pub(super) fn take_doom(&mut self) -> Option<Doom> {
        if !std::mem::take(&mut self.doomed) {
            return None;
        }
        self.doom.take()
    }
}

pub(super) type CellOf<P> =
    Cell<<P as Protocol>::Message, <P as Protocol>::Record, <P as Protocol>::Timer>;
pub(super) type EventOf<P> = Event<<P as Protocol>::Message, <P as Protocol>::Timer>;
pub(super) type WaitingOf<P> = Waiting<<P as Protocol>::Message, <P as Protocol>::Timer>;
pub(super) type EffectOf<P> =
    Effect<<P as Protocol>::Message, <P as Protocol>::Record, <P as Protocol>::Timer>;

/// All that is not a node's own state.
#[derive(Clone, Debug)]
pub(super) struct Core<P: Protocol> {
    pub(super) now: Time,
    sequence: u64,
    queue: Queue,
    slab: Vec<Slot<P::Message, P::Timer>>,
    free: Vec<u32>,
    dead: usize,
    pub(super) cells: Vec<CellOf<P>>,
    pub(super) setup: Arc<Setup>,
    pub(super) catalog: Arc<Catalog>,
    pub(super) draws: Draws,
    attempts: Attempts,
    pub(super) names: LinkNames,
    pub(super) network: Network,
    pub(super) rules: Vec<RuleState>,
    pub(super) watched: Watched,
    pub(super) next_disturbance: u32,
    pub(super) healed: bool,
    pub(super) wiped: u16,
    pub(super) history: History,
    pub(super) asked: Vec<u64>,
    pub(super) counters: Counters,
    pub(super) trace: Trace,
    pub(super) signals: Vec<Signal>,
    /// What chance decided, when somebody records.
    pub(super) ledger: Vec<Decision>,
    facts: Facts,
    /// What is set aside where time does not decide, or where somebody compares; mostly nothing.
    pub(super) aside: Option<Box<AsideOf<P>>>,
    /// The event that is being handled: the cause of what it brings about.
    pub(super) cause: EventId,
    /// When something last counted: a record stated a fact, or an operation ended.
    pub(super) progress_at: Time,
}

impl<P: Protocol> Core<P> {
    pub(super) fn new(setup: Arc<Setup>, catalog: Arc<Catalog>) -> Self {
        let nodes = catalog.nodes.len();
        let clients = usize::from(setup.workload.clients());
        let network = Network::new(
            nodes as u16,
            setup.link.clone(),
            setup.client_link.clone(),
            setup.links.clone(),
            setup.by_label.clone(),
            Sky::new(&setup),
        );
        Self {
            now: Time::ZERO,
            sequence: 0,
            queue: Queue::default(),
            slab: Vec::new(),
            free: Vec::new(),
            dead: 0,
            cells: (0..nodes).map(|_| Cell::new()).collect(),
            draws: Draws::new(Seed(0)),
            attempts: Attempts::default(),
            names: LinkNames {
                endpoints: (0..nodes + clients)
                    .map(|end| name_word(&catalog.endpoint(Endpoint(end as u16))))
                    .collect(),
            },
            network,
            rules: setup.rules.iter().map(RuleState::new).collect(),
            watched: Watched::by(&setup.rules),
            next_disturbance: 0,
            healed: false,
            wiped: 0,
            history: History::default(),
            asked: vec![0; clients],
            counters: Counters::new(
                catalog.roles.len(),
                catalog.messages.names().len(),
                catalog.records.names().len(),
                catalog.steps.len(),
            ),
            trace: Trace::default(),
            signals: Vec::new(),
            ledger: Vec::new(),
            facts: Facts::default(),
            aside: None,
            cause: EventId(0),
            progress_at: Time::ZERO,
            setup,
            catalog,
        }
    }

    /// Whether a decision may be scripted, or is to be written down.
    #[inline]
    pub(super) fn spans_matter(&self) -> bool {
        self.setup.script.has_spans() || self.trace.records()
    }

    /// Starts over with a seed. Keeps all memory.
    pub(super) fn reset(&mut self, seed: Seed, recording: Recording) {
        self.draws = Draws::new(seed);
        (self.now, self.sequence, self.dead) = (Time::ZERO, 0, 0);
        self.queue.clear();
        self.slab.clear();
        self.free.clear();
        self.attempts.clear();
        self.network.reset();
        let nodes = &self.names.endpoints[..self.cells.len()];
        self.network.sky.reset(&self.setup, &self.draws, nodes);
        self.rules.iter_mut().for_each(RuleState::reset);
        (self.next_disturbance, self.healed, self.wiped) = (0, false, 0);
        self.history.clear();
        self.asked.fill(0);
        self.counters.reset();
        self.trace.reset(seed, recording);
        self.signals.clear();
        self.ledger.clear();
        (self.cause, self.progress_at) = (EventId(0), Time::ZERO);
        for (node, cell) in self.cells.iter_mut().enumerate() {
            let drawn = Clock::draw(self.setup.clocks, &self.draws, self.names.endpoints[node]);
            let whose = Endpoint(node as u16);
            cell.reset(self.setup.script.clock(whose).map_or(drawn, Clock::fixed));
        }
        if recording == Recording::Full {
            self.write_clocks_down();
        }
    }

    pub(super) fn cell(&mut self, node: NodeId) -> &mut CellOf<P> {
        &mut self.cells[usize::from(node.0)]
    }

    /// Schedules an event; the event being handled is its cause.
    #[inline]
    pub(super) fn put(&mut self, at: Time, class: Class, event: EventOf<P>) -> u32 {
        self.put_caused(at, class, event, self.cause)
    }

    #[inline]
    pub(super) fn put_caused(
        &mut self,
        at: Time,
        class: Class,
        event: EventOf<P>,
        cause: EventId,
    ) -> u32 {
        assert!(at >= self.now, "an event cannot be scheduled in the past");
        self.sequence += 1;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slab.push(Slot { tag: Tag::NONE, cause: EventId(0), event: Event::Free });
            self.slab.len() as u32 - 1
        });
        let order = match self.setup.ties {
            Ties::Insertion => self.sequence,
            Ties::Shuffled => self.shuffled(),
        };
        let tag = Tag::new(class, order, slot);
        self.slab[slot as usize] = Slot { tag, cause, event };
        self.queue.push(at, tag);
        slot
    }

    /// A place in the order of its instant that depends on the seed: 13 drawn bits before the low
    /// 24 of the sequence.
    #[cold]
    fn shuffled(&self) -> u64 {
        let word = self.draws.key(Purpose::Tie, [self.sequence, 0, 0, 0]).word(0, 0);
        (word >> 51) << 24 | self.sequence & 0xFF_FFFF
    }

    /// Takes the next event, with its cause, and moves time to it. `None` when nothing is left
    /// before `end`.
    #[inline]
    pub(super) fn next(&mut self, end: Time) -> Option<WaitingOf<P>> {
        loop {
            if self.queue.next_at()? > end {
                return None;
            }
            let (at, tag) = self.queue.pop()?;
            if self.queue.has_turned() {
                self.fetch_batch();
            }
            let slot = &mut self.slab[tag.slot() as usize];
            if slot.tag != tag {
                self.dead = self.dead.saturating_sub(1);
                continue; // Cancelled, and perhaps used again since.
            }
            assert!(at >= self.now, "time never goes back");
            self.now = at;
            slot.tag = Tag::NONE;
            let event = std::mem::replace(&mut slot.event, Event::Free);
            let cause = slot.cause;
            self.free.push(tag.slot());
            return Some(Waiting { cause, event });
        }
    }

    /// Reads what the coming events and their nodes lie on. Among a hundred thousand events nothing
    /// of it is in the cache, and these reads wait for the memory together instead of one by one.
    #[inline(never)]
    fn fetch_batch(&self) {
        let busy = self.queue.batch().map(|tag| match &self.slab[tag.slot() as usize].event {
            Event::Deliver(envelope) => self.cells[usize::from(envelope.to.0)].busy,
            _ => 0,
        });
        std::hint::black_box(busy.fold(0, |all, busy| all | busy));
    }

    /// Cancels a pending event.
    pub(super) fn cancel(&mut self, slot: u32) {
        let entry = &mut self.slab[slot as usize];
        assert!(entry.tag != Tag::NONE, "only a pending event can be cancelled");
        (entry.tag, entry.event) = (Tag::NONE, Event::Free);
        self.free.push(slot);
        self.dead += 1;
        if self.dead > 64 && self.dead * 2 > self.queue.len() {
            let slab = &self.slab;
            self.queue.retain(|tag| slab[tag.slot() as usize].tag == tag);
            self.dead = 0;
        }
    }

    /// A stalled disk works again: its pending force completes now.
    pub(super) fn unstall(&mut self, node: NodeId) {
        if self.cell(node).stalled.take().is_none_or(|(until, _)| until <= self.now) {
            return;
        }
        let current = self.cell(node).incarnation;
        let of = |slot: &Slot<_, _>| match slot.event {
            Event::Durable { node: at, incarnation, .. } => (at, incarnation) == (node, current),
            _ => false,
        };
        let places = (0..self.slab.len()).filter(|&place| of(&self.slab[place]));
        let mut places: Vec<usize> = places.collect();
        places.sort_by_key(|&place| self.due(place as u32));
        for place in places {
            let Slot { cause, event, .. } = self.slab[place].clone();
            self.cancel(place as u32);
            self.put_caused(self.now, Class::Disk, event, cause);
        }
    }

    /// How often a decision has been drawn before, counting this time.
    #[inline]
    pub(super) fn attempt(&mut self, key: Key) -> u32 {
        self.attempts.next(key)
    }

    /// How long a node waits: what the script says of it, or what was drawn. Out of the way where
    /// nobody records and nothing is scripted.
    #[cold]
    pub(super) fn awaited(&mut self, node: NodeId, awaited: Awaited, drawn: Duration) -> Duration {
        let what = match awaited {
            Awaited::Force(label) => u64::from(label) << 1,
            Awaited::Timer(label) => u64::from(label) << 1 | 1,
            Awaited::Sync(step) => u64::from(step) << 1 | 1 << 32,
        };
        let end = self.names.endpoints[usize::from(node.0)];
        let key = self.draws.key(Purpose::Node, [end, name_word("awaited"), what, 1]);
        let name = SpanName { node, awaited, nth: self.attempt(key) + 1 };
        let span = self.setup.script.span(name).unwrap_or(drawn);
        if self.trace.records() {
            self.ledger.push(Decision::Span(name, span));
        }
        span
    }

    /// Notes an event whose text is made only when somebody records.
    #[inline]
    pub(super) fn note(
        &mut self,
        kind: Kind,
        ends: (Endpoint, Endpoint),
        label: u16,
        content: u64,
        text: impl FnOnce() -> String,
    ) -> EventId {
        let event = self.trace.note(self.now, kind, ends, label, content);
        if self.trace.records() {
            let (who, peer) = ends;
            let (at, cause) = (self.now, self.cause);
            let (word, text) = (0, text());
            let entry = Entry { event, cause, at, kind, who, peer, label, word, text };
            self.trace.record(entry, content);
        }
        event
    }

    /// Notes something about one node.
    pub(super) fn note_at(&mut self, node: NodeId, kind: Kind, content: u64) -> EventId {
        let end = Endpoint::from(node);
        self.note(kind, (end, end), 0, content, String::new)
    }

    pub(super) fn signal(&mut self, event: EventId, what: What) {
        self.signals.push(Signal { at: self.now, event, what });
    }

    /// States a fact that no record holds.
    pub(super) fn state_fact(&mut self, node: NodeId, fact: Fact) {
        self.signal(self.cause, What::Stated(node, fact));
        self.progress_at = self.now;
    }

    /// States the facts of all records that count by now.
    pub(super) fn state_facts(&mut self, node: NodeId) {
        let log = &mut self.cells[usize::from(node.0)].log;
        while let Some(entry) = log.next_to_state() {
            P::facts(&entry.record, &mut self.facts);
            for fact in self.facts.drain() {
                let what = What::Stated(node, fact);
                self.signals.push(Signal { at: self.now, event: entry.event, what });
            }
            self.progress_at = self.now;
        }
    }

    /// Tells the facts of a log that is being replayed: as replayed those that were stated before,
    /// as stated those that only luck preserved.
    pub(super) fn replay_facts(&mut self, node: NodeId, event: EventId) {
        let log = &mut self.cells[usize::from(node.0)].log;
        for (position, entry) in log.entries() {
            P::facts(&entry.record, &mut self.facts);
            let known = log.was_stated(position);
            for fact in self.facts.drain() {
                let (event, what) = if known {
                    (event, What::Replayed(node, fact))
                } else {
                    (entry.event, What::Stated(node, fact))
                };
                self.signals.push(Signal { at: self.now, event, what });
            }
        }
        log.state_all();
    }

    /// The law of a node's handlers, if they take time.
    pub(super) fn service(&self, node: NodeId) -> Option<&Service> {
        self.setup.service.iter().find(|service| service.node == node)
    }

    pub(super) fn role(&self, node: NodeId) -> u8 {
        self.catalog.role_of[usize::from(node.0)]
    }

    /// Pending messages and timers folded order-free, for the digest of a world.
    pub(super) fn pending(&self) -> impl Iterator<Item = &EventOf<P>> {
        self.slab.iter().filter(|slot| slot.tag != Tag::NONE).map(|slot| &slot.event)
    }

    /// What is pending, with its time and its cause, in no order. For looking.
    pub(super) fn pending_by_time(&self) -> impl Iterator<Item = (Time, EventId, &EventOf<P>)> {
        self.queue.iter().filter_map(|(at, tag)| {
            let slot = &self.slab[tag.slot() as usize];
            (slot.tag == tag).then_some((at, slot.cause, &slot.event))
        })
    }

    /// When a pending event is due. For looking.
    pub(super) fn due(&self, slot: u32) -> Option<Time> {
        let wanted = self.slab[slot as usize].tag;
        self.queue.iter().find(|(_, tag)| *tag == wanted).map(|(at, _)| at)
    }

    pub(super) fn lose(&mut self, envelope: &Envelope<P::Message>, why: Lost) {
        let role = self.role(envelope.from);
        let counts = self.counters.message(role, envelope.label);
        match why {
            Lost::Dropped => counts.dropped += 1,
            Lost::Corrupt => counts.corrupt += 1,
            Lost::Cut => counts.cut += 1,
            Lost::Dead => counts.dead += 1,
            Lost::Overflow => counts.overflowed += 1,
        }
        let ends = (envelope.from.into(), envelope.to.into());
        self.note(Kind::Lose(why), ends, envelope.label, envelope.digest, || {
            format!("{:?}", envelope.message)
        });
    }
}
