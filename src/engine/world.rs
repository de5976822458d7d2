//! The world: nodes, network, disks and clients, run in virtual time.
//!
//! ```text
//!   reset(seed) ──▶ boot all ──▶ next event ──▶ handler ──▶ effects ──▶ … ──▶ end
//!                                  │ chaos │ heal a core │ quiet tail │
//! ```
//!
//! The timed driver: it takes pending events in order and lets nodes handle them. A node that is
//! busy (it forces, is paused, or a handler takes its time) has one inbox in which deliveries,
//! timers and requests wait in order. A boot is always the same: an empty node, the log replayed
//! record by record, then its boot handler; the first boot reads an empty log.
//!
//! A world is plain data, cloneable and with a digest, so that another driver can run the same
//! protocol code through every order. Generic driver loops over trait objects were rejected: what
//! knows `P::Message` is generic, what does not is not.
//!
//! This file is long because the loop and all that it hands events to are one story.
//!
//! Limits: a run ends at its end, when nothing is pending, or after a fixed number of events,
//! which is reported as such.

use super::{
    core::{Core, Event, FORCING, Failing, PAUSED, SERVING, WaitingOf},
    ctx::Ctx,
    device::Job,
    effects::After,
    faults::{Watch, When},
    files::AfterFailure,
    inject::{Moment, Place, Twist},
    network::{Endpoint, Held, Lost},
    protocol::{Logged, Protocol, SufficientCore},
    runner::{Catalog, Outcome, RunEnd},
    script::{Decision, Otherwise},
    setup::Setup,
    signal::{Signal, What},
    trace::{Kind, Recording},
};
use crate::base::{
    digest::digest,
    draws::{Purpose, below, name_word},
    ids::{NodeId, NodeSet, OpId, Seed, Topic},
    queue::Class,
    time::Time,
};
use std::sync::Arc;

/// More events than this in one run are a livelock.
pub(super) const EVENTS_MAX: u64 = 20_000_000;

/// Those who fold signals into verdicts.
pub trait Judge {
    /// Takes one signal, in order.
    fn on_signal(&mut self, signal: &Signal);
}

/// Nobody judges.
impl Judge for () {
    fn on_signal(&mut self, _: &Signal) {}
}

/// A small distributed system and everything around it.
#[derive(Clone, Debug)]
pub struct World<P: Protocol> {
    config: Arc<P::Config>,
    pub(super) states: Vec<P>,
    pub(super) core: Core<P>,
    /// Whether some rule cuts handlers effect by effect.
    cuts_effects: bool,
}

impl<P: Protocol> World<P> {
    /// A world that has yet to be [`World::reset`].
    pub fn new(config: Arc<P::Config>, setup: Arc<Setup>, catalog: Arc<Catalog>) -> Self {
        let nodes = catalog.nodes.len() as u16;
        let cuts_effects = setup.rules.iter().any(|r| matches!(r.when, When::EachEffect { .. }));
        Self {
            states: (0..nodes).map(|node| P::new(&config, NodeId(node))).collect(),
            core: Core::new(setup, catalog),
            config,
            cuts_effects,
        }
    }

    /// Starts over: the first instant of the run of this seed. Keeps all memory.
    pub fn reset(&mut self, seed: Seed, recording: Recording) {
        self.core.reset(seed, recording);
        let nodes = self.states.len() as u16;
        self.core.schedule_rules();
        self.core.schedule_clients();
        if let Some(at) = self.core.setup.heal_at {
            self.core.put(at, Class::Fault, Event::Heal);
        }
        for node in 0..nodes {
            self.boot(NodeId(node));
        }
    }

    /// Runs to the end and hands every signal on.
    pub fn run(&mut self, judge: &mut dyn Judge) -> RunEnd {
        self.run_until(Time::MAX, judge)
    }

    /// Runs until nothing is left to happen up to this instant; can be called again to go on.
    pub fn run_until(&mut self, until: Time, judge: &mut dyn Judge) -> RunEnd {
        let end = self.core.setup.end;
        let outcome = loop {
            if !self.core.signals.is_empty() {
                self.hand_on(judge);
            }
            if self.core.counters.events == EVENTS_MAX {
                break Outcome::LimitReached;
            }
            let next = self.core.next(end.min(until));
            let Some(waiting) = next else { break Outcome::Finished };
            self.core.counters.events += 1;
            self.dispatch(waiting);
        };
        let Core { now, progress_at, .. } = self.core;
        RunEnd { outcome, quiet_at: now, progress_at, end, healed: self.core.healed }
    }

    fn hand_on(&mut self, judge: &mut dyn Judge) {
        let mut signals = std::mem::take(&mut self.core.signals);
        signals.drain(..).for_each(|signal| judge.on_signal(&signal));
        self.core.signals = signals;
    }

    /// What every node that is up still waits for, in words.
    pub fn waiting(&self) -> Vec<(NodeId, String)> {
        let nodes = self.states.iter().zip(&self.core.cells).enumerate();
        nodes
            .filter_map(|(node, (state, cell))| {
                let what =
                    if cell.is_down() { Some("it is down".to_owned()) } else { state.waiting() };
                what.map(|what| (NodeId(node as u16), what))
            })
            .collect()
    }

    /// What the run cost so far.
    pub fn counters(&self) -> &super::counters::Counters {
        &self.core.counters
    }

    /// The hash of what happened so far, and its recording.
    pub fn trace(&self) -> &super::trace::Trace {
        &self.core.trace
    }

    /// How many messages of a label that nodes of a role sent are under way: on the wire, held at
    /// a cut, or waiting for their receiver.
    pub fn in_flight(&self, role: usize, label: usize) -> u64 {
        let waiting =
            self.core.cells.iter().flat_map(|cell| cell.inbox.iter().chain(&cell.serving));
        let events = self.core.pending().chain(waiting.map(|waiting| &waiting.event));
        let under_way = events.filter(|event| match event {
            Event::Deliver(envelope) => {
                usize::from(envelope.label) == label
                    && usize::from(self.core.role(envelope.from)) == role
            }
            _ => false,
        });
        under_way.count() as u64
    }

    /// The state of a node, for looking at.
    pub fn state(&self, node: NodeId) -> &P {
        &self.states[usize::from(node.0)]
    }

    pub(super) fn dispatch(&mut self, waiting: WaitingOf<P>) {
        self.core.cause = waiting.cause;
        match waiting.event {
            // The way of most events, in one piece: nothing is asked twice, and nothing moves.
            Event::Deliver(envelope) if self.takes_at_once(envelope.to) => {
                self.deliver(envelope.to, envelope);
            }
            Event::Deliver(_) => self.arrive(waiting),
            Event::Request { op, node } => self.requested(waiting, op, node),
            Event::Timer { node, ref timer } => {
                let timers = &mut self.core.cell(node).timers;
                let set = timers.iter_mut().find(|(known, _)| known == timer);
                set.expect("a timer that fires was set").1 = None;
                self.admit(node, waiting);
            }
            Event::Durable { node, incarnation, job } => {
                if self.is_current(node, incarnation) {
                    self.synced(node, job);
                }
            }
            Event::Served { node, incarnation } => {
                if self.is_current(node, incarnation) {
                    self.core.cell(node).busy &= !SERVING;
                    if !self.is_paused(node) {
                        self.end_service(node);
                    }
                }
            }
            Event::Boot { node, incarnation } => {
                if self.is_current(node, incarnation)
                    && self.core.cell(node).is_down()
                    && !self.core.is_frozen(node)
                {
                    self.boot(node);
                }
            }
            Event::Resume { node, ticket } => {
                let current = self.core.cell(node).pauses == ticket;
                if current && self.is_paused(node) && !self.core.is_frozen(node) {
                    self.resume(node);
                }
            }
            Event::EndSlow { node, ticket } => {
                if self.core.cell(node).spells == ticket && !self.core.is_frozen(node) {
                    self.core.cell(node).slowed = None;
                }
            }
            Event::EndCut(id) | Event::EndSlowLink(id) => {
                if !self.core.healed {
                    self.core.mend(id); // Afterwards what is left of it is frozen.
                }
            }
            Event::Strike(rule) => {
                _ = self.core.strike(rule, None, &mut Twist::default());
            }
            Event::Invoke(client) => self.core.invoke(client),
            Event::Answer { op, node, answer } => {
                let ends = (node.into(), self.core.client_of(op));
                if !self.stopped(ends, &waiting) {
                    self.core.answered(op, answer);
                }
            }
            Event::GiveUp(op) => self.core.give_up(op),
            Event::Heal => self.heal(),
            Event::Free => unreachable!("a free slot is never pending"),
        }
    }

    /// Whether a message that arrives now is handled now: no cut, a free node, no time that passes.
    #[inline]
    fn takes_at_once(&self, node: NodeId) -> bool {
        self.core.network.is_whole()
            && self.core.setup.service.is_empty()
            && self.core.cells[usize::from(node.0)].is_idle()
    }

    fn is_paused(&mut self, node: NodeId) -> bool {
        self.core.cell(node).busy & PAUSED != 0
    }

    fn is_current(&mut self, node: NodeId, incarnation: u16) -> bool {
        self.core.cell(node).incarnation == incarnation
    }

    /// A message arrives: is the link up, is the node?
    fn arrive(&mut self, waiting: WaitingOf<P>) {
        let Event::Deliver(envelope) = &waiting.event else { return };
        let (from, to) = (Endpoint::from(envelope.from), Endpoint::from(envelope.to));
        let node = envelope.to;
        if let Some(cut) = self.core.network.cut_between(from, to) {
            let (rule, until, held) = (cut.rule, cut.until, cut.held);
            self.core.effect_of(rule);
            if held == Held::Hold && until < Time::MAX {
                self.core.put_caused(until, Class::Delivery, waiting.event, waiting.cause);
                return;
            }
            return self.core.lose(envelope, Lost::Cut);
        }
        if self.core.cell(node).is_down() {
            return self.core.lose(envelope, Lost::Dead);
        }
        self.admit(node, waiting);
    }

    fn requested(&mut self, waiting: WaitingOf<P>, op: OpId, node: NodeId) {
        let ends = (self.core.client_of(op), Endpoint::from(node));
        if self.stopped(ends, &waiting) {
            return;
        }
        if self.core.cell(node).is_down() {
            return self.core.lose_for_client(op, ends, Lost::Dead);
        }
        self.admit(node, waiting);
    }

    /// Whether a cut stops a request or an answer: it is lost, or waits for the end of the cut.
    fn stopped(&mut self, ends: (Endpoint, Endpoint), waiting: &WaitingOf<P>) -> bool {
        let Some(cut) = self.core.network.cut_between(ends.0, ends.1) else { return false };
        let (rule, until, held) = (cut.rule, cut.until, cut.held);
        self.core.effect_of(rule);
        match waiting.event {
            ref event if held == Held::Hold && until < Time::MAX => {
                let class = match event {
                    Event::Answer { .. } => Class::End,
                    _ => Class::Delivery,
                };
                self.core.put_caused(until, class, event.clone(), waiting.cause);
            }
            Event::Request { op, .. } | Event::Answer { op, .. } => {
                self.core.lose_for_client(op, ends, Lost::Cut);
            }
            _ => unreachable!("only requests and answers travel between clients and nodes"),
        }
        true
    }

    /// Lets a node handle an event, now or when it is free.
    fn admit(&mut self, node: NodeId, waiting: WaitingOf<P>) {
        let cell = self.core.cell(node);
        if cell.busy == 0 {
            return self.serve(node, waiting);
        }
        if cell.busy & PAUSED != 0
            && let Some(rule) = cell.paused_by
        {
            self.core.effect_of(rule);
        }
        let waiting_max = self.core.service(node).map_or(u32::MAX, |service| service.queue_max);
        if let Event::Deliver(envelope) = &waiting.event
            && self.core.cell(node).inbox.len() as u64 >= u64::from(waiting_max)
        {
            return self.core.lose(envelope, Lost::Overflow);
        }
        self.core.cell(node).inbox.push_back(waiting);
    }

    /// Handles an event, at once or after the time that handlers take on this node.
    #[inline]
    fn serve(&mut self, node: NodeId, waiting: WaitingOf<P>) {
        let cell = self.core.cell(node);
        let slowed = cell.slowed;
        let incarnation = cell.incarnation;
        let mut takes = None;
        if !self.core.setup.service.is_empty() {
            takes = self.core.service_time(node, event_word::<P>(&waiting.event));
        }
        if let Some((span, rule)) = slowed {
            self.core.effect_of(rule);
            takes = Some(takes.map_or(span, |usual| usual.max(span)));
        }
        let Some(span) = takes else { return self.handle(node, waiting) };
        let cell = self.core.cell(node);
        cell.busy |= SERVING;
        cell.serving = Some(waiting);
        let at = self.core.now + span;
        self.core.put(at, Class::Timer, Event::Served { node, incarnation });
    }

    /// Lets a node that has become free take what waits in its inbox.
    fn drain(&mut self, node: NodeId) {
        while self.core.cell(node).busy == 0 {
            let Some(waiting) = self.core.cell(node).inbox.pop_front() else { return };
            self.serve(node, waiting);
        }
    }

    fn resume(&mut self, node: NodeId) {
        self.core.cell(node).busy &= !PAUSED;
        self.core.cell(node).paused_by = None;
        self.core.note_at(node, Kind::Resume, 0);
        while let Some((job, cause)) = self.core.cell(node).synced.pop_front() {
            self.core.cause = cause;
            if self.core.is_under_way(node, job) {
                self.synced(node, job);
            } else {
                self.core.go_on(node, job);
            }
        }
        if self.core.cell(node).busy & SERVING == 0 {
            self.end_service(node);
        }
    }

    /// The disk has done something, paused node or not; what waits for it is the node's business.
    pub(super) fn synced(&mut self, node: NodeId, job: Job) {
        let (cause, now) = (self.core.cause, self.core.now);
        let cell = self.core.cell(node);
        if let Some((until, rule)) = cell.stalled
            && now < until
        {
            let incarnation = cell.incarnation;
            self.core.put(until, Class::Disk, Event::Durable { node, incarnation, job });
            return self.core.effect_of(rule);
        }
        if matches!(job, Job::Log(_))
            && let Some(failing) = cell.failing.take()
        {
            return self.core.fail_force(node, failing);
        }
        if self.is_paused(node) && self.core.will_fail(node, job) {
            self.core.cell(node).synced.push_back((job, cause)); // It hears of it when it goes on.
            return;
        }
        if let Some(failing) = self.core.failure(node, job) {
            return self.sync_failed(node, job, failing);
        }
        let cell = self.core.cell(node);
        if cell.busy & PAUSED != 0 {
            cell.synced.push_back((job, cause));
            if let Some(rule) = cell.paused_by {
                self.core.effect_of(rule);
            }
            return self.core.land(node, job);
        }
        self.core.durable(node, job);
        self.drain(node);
    }

    /// A sync of raw files failed: the protocol says what becomes of the node.
    fn sync_failed(&mut self, node: NodeId, job: Job, failing: Failing) {
        self.core.drop_sync(node, job);
        let step = self.core.cell(node).parked.iter().find(|parked| match (parked.until, job) {
            (Job::File(waits, _), Job::File(failed, _)) => waits == failed,
            (Job::Names(_), Job::Names(_)) => true,
            _ => false,
        });
        let step = step.map_or(0, |parked| parked.step);
        let mut ctx = Ctx::urgent(node, self.config.as_ref(), &mut self.core);
        let then = self.states[usize::from(node.0)].on_failed_sync(&mut ctx);
        match then {
            AfterFailure::Stop => return self.core.fail_force(node, failing),
            AfterFailure::Retry => self.core.begin(node, job, step),
            AfterFailure::Ignore => {
                self.core.ignore_sync(node, job);
                self.core.go_on(node, job);
            }
        }
        self.core.effect_of(failing.rule);
        self.drain(node);
    }

    /// A handler that took its time runs.
    fn end_service(&mut self, node: NodeId) {
        if let Some(served) = self.core.cell(node).serving.take() {
            self.handle(node, served);
        }
        self.drain(node);
    }

    /// Runs a handler, with the triggers around it.
    #[inline]
    pub(super) fn handle(&mut self, node: NodeId, waiting: WaitingOf<P>) {
        self.core.cause = waiting.cause;
        match waiting.event {
            Event::Deliver(envelope) => self.deliver(node, envelope),
            Event::Timer { timer, .. } => self.fire(node, timer),
            Event::Request { op, .. } => {
                let client = self.core.client_of(op);
                if self.core.aside.is_some() {
                    self.core.note_handled(op);
                }
                let ends = (Endpoint::from(node), client);
                let content = u64::from(op.0);
                self.core.cause =
                    self.core.note(Kind::Deliver, ends, u16::MAX, content, || op.to_string());
                let operation = self.core.entry(op).operation;
                let (watch, topic) = (Watch::Request, super::script::about(op));
                let place = Place { watch, label: 0, node, peer: None, topic };
                let watched = self.core.watched.hit(Watch::Request, 0);
                if watched && !self.survives(Moment::Before, place) {
                    return;
                }
                self.with(node, [u64::from(op.0), 1], |state, ctx| {
                    state.on_request(op, operation, ctx);
                });
                if watched && !self.core.cell(node).is_down() {
                    self.survives(Moment::After, place);
                }
            }
            _ => unreachable!("only deliveries, timers and requests wait for a node"),
        }
    }

    #[inline]
    fn deliver(&mut self, node: NodeId, envelope: super::core::Envelope<P::Message>) {
        let (from, label) = (envelope.from, envelope.label);
        let ends = (Endpoint::from(node), Endpoint::from(from));
        let watched = self.core.watched.hit(Watch::Deliver, label);
        let topic = if watched { P::topic(&envelope.message) } else { Topic::NONE };
        let place = Place { watch: Watch::Deliver, label, node, peer: Some(from), topic };
        if watched && !self.survives(Moment::Before, place) {
            let why = if self.core.cell(node).is_down() { Lost::Dead } else { Lost::Dropped };
            return self.core.lose(&envelope, why);
        }
        let super::core::Envelope { digest, message, .. } = envelope;
        self.core.cause =
            self.core.note(Kind::Deliver, ends, label, digest, || format!("{message:?}"));
        let role = self.core.role(from);
        self.core.counters.message(role, label).delivered += 1;
        self.with(node, [digest, 2], |state, ctx| state.on_message(from, message, ctx));
        if watched && !self.core.cell(node).is_down() {
            self.survives(Moment::After, place);
        }
    }

    fn fire(&mut self, node: NodeId, timer: P::Timer) {
        let timers = &mut self.core.cell(node).timers;
        let due = timers.iter().position(|(set, slot)| *set == timer && slot.is_none());
        let Some(due) = due else { return }; // Cancelled or set anew while it waited.
        timers.swap_remove(due);
        let digest = digest(&timer);
        let label = self.core.catalog.timers.index(&digest);
        let watched = self.core.watched.hit(Watch::Timer, label);
        let place = Place { watch: Watch::Timer, label, node, peer: None, topic: Topic::NONE };
        if watched && !self.survives(Moment::Before, place) {
            return;
        }
        let end = Endpoint::from(node);
        let content = digest.fold.short();
        self.core.cause =
            self.core.note(Kind::Timer, (end, end), label, content, || format!("{timer:?}"));
        self.with(node, [content, 3], |state, ctx| state.on_timer(timer, ctx));
        if watched && !self.core.cell(node).is_down() {
            self.survives(Moment::After, place);
        }
    }

    /// Runs triggers outside handlers; false when the node died of one or was told to lose the
    /// message at hand.
    #[cold]
    fn survives(&mut self, moment: Moment, place: Place) -> bool {
        let mut twist = Twist::default();
        if self.core.watch(moment, place, &mut twist) == After::Crashes {
            self.core.die(place.node);
            return false;
        }
        twist.lost.is_none()
    }

    /// Empty node, replay, boot handler.
    pub(super) fn boot(&mut self, node: NodeId) {
        let cell = self.core.cell(node);
        let again = cell.booted;
        (cell.busy, cell.booted) = (0, true);
        self.core.cause = self.core.note_at(node, Kind::Boot, 0);
        self.core.counters.nodes.recoveries += u64::from(again);
        let event = self.core.cause;
        self.core.signal(event, What::Booted(node));
        self.core.replay_facts(node, event);
        let mut state = P::new(&self.config, node);
        let log = &self.core.cell(node).log;
        let mut place = 0;
        while let Some(entry) = log.get(place) {
            state.apply(Logged::new(entry.record.clone()));
            place += 1;
        }
        self.states[usize::from(node.0)] = state;
        let place = Place { watch: Watch::Boot, label: 0, node, peer: None, topic: Topic::NONE };
        let watched = self.core.watched.hit(Watch::Boot, 0);
        if watched && !self.survives(Moment::Before, place) {
            return;
        }
        self.with(node, [0, 4], super::protocol::Protocol::on_boot);
        if watched && !self.core.cell(node).is_down() {
            self.survives(Moment::After, place);
        }
    }

    /// Calls a handler of a node with its hands on the core.
    #[inline]
    fn with(
        &mut self,
        node: NodeId,
        what: [u64; 2],
        handler: impl FnOnce(&mut P, &mut Ctx<'_, P>),
    ) {
        if self.cuts_effects {
            self.core.each_effect(node, what);
        }
        let mut ctx = Ctx::new(node, self.config.as_ref(), &mut self.core);
        handler(&mut self.states[usize::from(node.0)], &mut ctx);
        ctx.finish();
    }

    /// Draws a sufficient core and repairs it.
    fn heal(&mut self) {
        let core = self.draw_core();
        if self.core.trace.records() {
            self.core.ledger.push(Decision::Core(core));
        }
        for node in self.core.heal(core) {
            self.boot(node);
        }
        for node in core.iter() {
            if self.core.cell(node).busy & PAUSED != 0 {
                self.resume(node);
            }
            if self.core.cell(node).busy & FORCING == 0 {
                self.drain(node);
            }
        }
    }

    fn draw_core(&self) -> NodeSet {
        let script = &self.core.setup.script;
        if let Some(core) = script.core() {
            return core;
        }
        if script.otherwise == Otherwise::Calm {
            return (0..self.states.len() as u16).map(NodeId).collect();
        }
        let SufficientCore { always, others_min } = P::sufficient_core(&self.config);
        let mut core: NodeSet = always.iter().map(|&node| NodeId(node as u16)).collect();
        let key = self.core.draws.key(Purpose::Swarm, [name_word("core"), 0, 0, 0]);
        let nodes = (0..self.states.len() as u16).map(NodeId);
        let mut others: Vec<NodeId> = nodes.filter(|&node| !core.contains(node)).collect();
        let everyone = key.word(0, 0) >> 62 == 0;
        let wanted = if everyone { others.len() } else { usize::from(others_min) };
        for pick in 0..wanted.min(others.len()) {
            let place = below(key.word(1 + pick as u32, 0), others.len() as u64) as usize;
            core.insert(others.swap_remove(place));
        }
        core
    }
}

/// What names the service time of an event: its content.
fn event_word<P: Protocol>(event: &super::core::EventOf<P>) -> u64 {
    match event {
        Event::Deliver(envelope) => envelope.digest,
        Event::Timer { timer, .. } => digest(timer).fold.short(),
        Event::Request { op, .. } => u64::from(op.0),
        _ => 0,
    }
}
