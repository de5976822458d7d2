//! What each effect does to the world: send, force, write, mark, timer, reply.
//!
//! ```text
//!   transmit ──▶ triggers ──▶ fate ──▶ Deliver × copies
//!   force ──▶ append ──▶ flush … Durable ──▶ facts ──▶ the effects behind it, in order
//! ```
//!
//! A handler's live effects and the effects held behind a force come through the same functions,
//! so a crash can fall before a held one exactly as before a live one. This file is long because
//! every effect is told in one place. Several forces that wait
//! share one flush.

use super::{
    core::{Core, Effect, EffectOf, Envelope, Event, FORCING, Parked, Wait},
    ctx::Delay,
    device::Job,
    faults::Watch,
    inject::{Moment, Place, Twist},
    log::Writing,
    network::{Endpoint, Fate, Lost, Order},
    operations::Answer,
    protocol::Protocol,
    script::{Awaited, Carried, Decision, MessageName, Otherwise, Travel, about},
    trace::Kind,
};
use crate::base::{
    digest::digest,
    draws::{Key, Purpose, below, name_word},
    ids::{EventId, NodeId, OpId, Topic},
    queue::Class,
    time::{Duration, Time},
};

/// What comes after an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// The next one.
    GoesOn,
    /// Nothing until the disk has done this; the label is that of a record.
    Waits(Job, u16),
    /// Nothing: a fault struck the node.
    Crashes,
}

impl<P: Protocol> Core<P> {
    /// Sends a message.
    #[inline]
    pub(super) fn transmit(&mut self, from: NodeId, to: NodeId, message: P::Message) -> After {
        let digest = digest(&message);
        let label = self.catalog.messages.index(&digest);
        let envelope = Envelope { from, to, label, digest: digest.fold.short(), message };
        if from == to {
            let role = self.role(from);
            self.counters.message(role, label).local += 1;
            if self.aside.is_some() && self.leave_local(&envelope) {
                return After::GoesOn;
            }
            self.put(self.now, Class::Delivery, Event::Deliver(envelope));
            return After::GoesOn;
        }
        let topic = P::topic(&envelope.message);
        if self.watched.hit(Watch::Send, label) {
            return self.transmit_watched(envelope, topic);
        }
        self.launch(envelope, topic, &Twist::default());
        After::GoesOn
    }

    /// The same where rules look at such a message before and after it leaves.
    #[inline(never)]
    fn transmit_watched(&mut self, envelope: Envelope<P::Message>, topic: Topic) -> After {
        let Envelope { from, to, label, .. } = envelope;
        let mut twist = Twist::default();
        let place = Place { watch: Watch::Send, label, node: from, peer: Some(to), topic };
        if self.watch(Moment::Before, place, &mut twist) == After::Crashes {
            return After::Crashes;
        }
        self.launch(envelope, topic, &twist);
        self.watch(Moment::After, place, &mut twist)
    }

    /// Decides a message's fate and puts it on its way.
    #[expect(clippy::inline_always, reason = "most messages have no twist: nothing is asked then")]
    #[inline(always)]
    fn launch(&mut self, envelope: Envelope<P::Message>, topic: Topic, twist: &Twist) {
        let ends = (Endpoint::from(envelope.from), Endpoint::from(envelope.to));
        let role = self.role(envelope.from);
        let word = self.catalog.message_words[usize::from(envelope.label)];
        let key = self.names.key(&self.draws, ends, word, topic.0);
        let attempt = self.attempt(key);
        let sent = self.note(Kind::Send, ends, envelope.label, envelope.digest, || {
            format!("{:?}", envelope.message)
        });
        self.counters.message(role, envelope.label).sent += 1;
        if self.aside.is_some() && self.leave_message(&envelope) {
            return;
        }
        let is_plain = self.network.is_simple() && *twist == Twist::default();
        if is_plain && !self.setup.script.has_messages() && !self.trace.records() {
            return self.launch_plainly(envelope, sent, (key, attempt));
        }
        let fate = self.network.fate(ends, Some(envelope.label), key, attempt);
        let fate = self.network.sky.hold(ends, self.now, fate);
        if self.setup.script.has_messages() || self.trace.records() {
            return self.launch_by_name(envelope, sent, (topic, key, attempt), (fate, twist));
        }
        if let Some(why) = twist.lost.or(fate.lost) {
            return self.lose_under_way(&envelope, sent, why);
        }
        for latency in fate.copy.into_iter().chain(fate.replay) {
            self.fly_copy(&envelope, sent, latency);
        }
        for copy in 0..u32::from(twist.copies) {
            let latency = self.network.copy_latency(ends, envelope.label, key, (attempt, copy));
            self.fly_copy(&envelope, sent, latency);
        }
        let at = self.arrival(ends, fate.latency + twist.delay);
        self.put_caused(at, Class::Delivery, Event::Deliver(envelope), sent);
    }

    /// The same where the network is simple and nothing else has a say: most messages of a sweep.
    #[inline]
    fn launch_plainly(
        &mut self,
        envelope: Envelope<P::Message>,
        sent: EventId,
        (key, attempt): (Key, u32),
    ) {
        let Some((latency, copy)) = self.network.simple_fate(key, attempt) else {
            return self.lose_under_way(&envelope, sent, Lost::Dropped);
        };
        if let Some(latency) = copy {
            self.fly_copy(&envelope, sent, latency);
        }
        self.put_caused(self.now + latency, Class::Delivery, Event::Deliver(envelope), sent);
    }

    /// The same where a script may know better, or somebody writes down what becomes of messages.
    #[cold]
    fn launch_by_name(
        &mut self,
        envelope: Envelope<P::Message>,
        sent: EventId,
        (topic, key, attempt): (Topic, Key, u32),
        (fate, twist): (Fate, &Twist),
    ) {
        let ends = (Endpoint::from(envelope.from), Endpoint::from(envelope.to));
        let carried = Carried::Message(envelope.label);
        let name = MessageName { from: ends.0, to: ends.1, carried, topic, nth: attempt + 1 };
        let copies = (0..u32::from(twist.copies))
            .map(|copy| self.network.copy_latency(ends, envelope.label, key, (attempt, copy)));
        let (lost, travel) = match self.setup.script.message(name) {
            Some(scripted) => (Some(Lost::Dropped), scripted.clone()),
            None if twist.lost.or(fate.lost).is_some() => (twist.lost.or(fate.lost), Travel::Lost),
            None => {
                let whole = fate.copy.into_iter().chain(fate.replay).chain(copies);
                let whole = whole.chain([fate.latency + twist.delay]);
                (None, Travel::Takes(whole.collect()))
            }
        };
        match &travel {
            Travel::Lost => {
                let why = lost.expect("what is lost is lost for a reason");
                self.lose_under_way(&envelope, sent, why);
            }
            Travel::Takes(spans) => {
                let (last, copies) = spans.split_last().expect("what travels arrives once or more");
                for &span in copies {
                    self.fly_copy(&envelope, sent, span);
                }
                let at = self.arrival(ends, *last);
                self.put_caused(at, Class::Delivery, Event::Deliver(envelope), sent);
            }
        }
        if self.trace.records() {
            self.ledger.push(Decision::Message(sent, name, travel));
        }
    }

    fn fly_copy(&mut self, envelope: &Envelope<P::Message>, sent: EventId, latency: Duration) {
        let role = self.role(envelope.from);
        self.counters.message(role, envelope.label).copied += 1;
        let at = self.arrival((envelope.from.into(), envelope.to.into()), latency);
        self.put_caused(at, Class::Delivery, Event::Deliver(envelope.clone()), sent);
    }

    /// A message is lost as it leaves: its sending is the cause.
    fn lose_under_way(&mut self, envelope: &Envelope<P::Message>, sent: EventId, why: Lost) {
        let handled = std::mem::replace(&mut self.cause, sent);
        self.lose(envelope, why);
        self.cause = handled;
    }

    /// What becomes of a request or an answer, by its name.
    pub(super) fn client_travel(
        &mut self,
        ends: (Endpoint, Endpoint),
        carried: Carried,
        (op, sent): (OpId, EventId),
    ) -> Option<Duration> {
        let word = match carried {
            Carried::Reply => self.catalog.reply_word,
            Carried::Request | Carried::Message(_) => self.catalog.request_word,
        };
        let key = self.names.key(&self.draws, ends, word, u64::from(op.0));
        let attempt = self.attempt(key);
        let fate = self.network.fate(ends, None, key, attempt);
        let drawn = fate.lost.is_none().then_some(fate.latency);
        if !self.setup.script.has_messages() && !self.trace.records() {
            return drawn;
        }
        let name =
            MessageName { from: ends.0, to: ends.1, carried, topic: about(op), nth: attempt + 1 };
        let travels = match self.setup.script.message(name) {
            Some(Travel::Lost) => None,
            Some(Travel::Takes(spans)) => spans.last().copied(),
            None => drawn,
        };
        if self.trace.records() {
            let travel = travels.map_or(Travel::Lost, |span| Travel::Takes(vec![span]));
            self.ledger.push(Decision::Message(sent, name, travel));
        }
        travels
    }

    /// When a message with this latency arrives.
    #[inline]
    fn arrival(&mut self, (from, to): (Endpoint, Endpoint), mut latency: Duration) -> Time {
        if let Some((factor, rule)) = self.network.slowness(from, to) {
            latency = latency * u64::from(factor);
            self.effect_of(rule);
        }
        let at = self.now + latency;
        match self.network.order(from, to) {
            Order::Independent => at,
            Order::Fifo => self.network.in_order(from, to, at),
        }
    }

    /// Appends a record and asks the disk for it.
    pub(super) fn force(&mut self, node: NodeId, step: u16, record: P::Record) -> After {
        if self.reach(node, step) == After::Crashes {
            return After::Crashes;
        }
        let digest = digest(&record);
        let label = self.catalog.records.index(&digest);
        let place = Place { watch: Watch::Force, label, node, peer: None, topic: Topic::NONE };
        if self.watched.hit(Watch::Force, label)
            && self.watch(Moment::Before, place, &mut Twist::default()) == After::Crashes
        {
            return After::Crashes;
        }
        let role = self.role(node);
        self.counters.record(role, label).forced += 1;
        let end = Endpoint::from(node);
        let event = self
            .note(Kind::Force, (end, end), label, digest.fold.short(), || format!("{record:?}"));
        let upto = self.cell(node).log.append(record, Writing::Forced, event);
        let record = (digest.fold.short(), label);
        (self.cell(node).asked_for, self.cell(node).asked_at) = (record, event);
        self.flush(node, record);
        After::Waits(Job::Log(upto), label)
    }

    /// Appends a record that nobody waits for.
    pub(super) fn write(&mut self, node: NodeId, record: P::Record) {
        let digest = digest(&record);
        let label = self.catalog.records.index(&digest);
        let role = self.role(node);
        self.counters.record(role, label).unforced += 1;
        let end = Endpoint::from(node);
        let event = self
            .note(Kind::Write, (end, end), label, digest.fold.short(), || format!("{record:?}"));
        self.cell(node).log.append(record, Writing::Lazy, event);
        self.state_facts(node);
    }

    /// Replaces the log by one record.
    pub(super) fn checkpoint(&mut self, node: NodeId, record: P::Record) {
        let digest = digest(&record);
        let label = self.catalog.records.index(&digest);
        let end = Endpoint::from(node);
        let event = self.note(Kind::Write, (end, end), label, digest.fold.short(), || {
            format!("checkpoint {record:?}")
        });
        self.cell(node).log.checkpoint(record, event);
    }

    /// Passes a named step that is no force.
    pub(super) fn mark(&mut self, node: NodeId, step: u16) -> After {
        if self.reach(node, step) == After::Crashes {
            return After::Crashes;
        }
        if !self.watched.hit(Watch::Step, step) {
            return After::GoesOn;
        }
        self.watch(Moment::After, Place::step(node, step), &mut Twist::default())
    }

    /// Reaches a named step: everything before it has happened. *After* a force is for later.
    pub(super) fn reach(&mut self, node: NodeId, step: u16) -> After {
        self.counters.steps[usize::from(step)] += 1;
        let end = Endpoint::from(node);
        self.note(Kind::Step, (end, end), step, 0, String::new);
        if !self.watched.hit(Watch::Step, step) {
            return After::GoesOn;
        }
        self.watch(Moment::Before, Place::step(node, step), &mut Twist::default())
    }

    /// Asks the disk to make the log durable, unless it is at it already. The record that asks
    /// names the draws, so that a force more or less moves no other.
    fn flush(&mut self, node: NodeId, record: (u64, u16)) {
        if self.cell(node).flushing {
            return; // The next flush takes all that wait.
        }
        self.counters.flushes += 1;
        let asked = self.cell(node).asked_at;
        self.each_force(node, record, asked);
        if self.aside.is_some() && self.leave_force(node) {
            return;
        }
        let name = self.names.endpoints[usize::from(node.0)];
        let key = self.draws.key(Purpose::Disk, [name, 0, record.0, 0]);
        let attempt = self.attempt(key);
        let mut takes = self.setup.force.sample(key.word(attempt, 0));
        if self.spans_matter() {
            takes = self.awaited(node, Awaited::Force(record.1), takes);
        }
        let cell = self.cell(node);
        cell.flushing = true;
        let job = Job::Log(cell.log.end());
        self.work(node, job, takes);
    }

    /// The disk has done something: what waited for it goes on.
    pub(super) fn durable(&mut self, node: NodeId, job: Job) {
        self.land(node, job);
        self.go_on(node, job);
    }

    /// What waited for the disk goes on.
    pub(super) fn go_on(&mut self, node: NodeId, job: Job) {
        match job {
            Job::Log(upto) => {
                self.cause = self.note_at(node, Kind::Durable, u64::from(upto.0));
                self.state_facts(node);
            }
            Job::File(..) | Job::Names(_) => {
                self.note_synced(node, job);
            }
            Job::Read(_) => {}
        }
        while let Some(&parked) = self.cell(node).parked.front() {
            if !self.is_done(node, parked.until) {
                break;
            }
            if self.passed(node, parked) == After::Crashes {
                return self.die(node);
            }
            match self.release(node, parked.effects) {
                After::GoesOn => _ = self.cell(node).parked.pop_front(),
                After::Waits(..) => break,
                After::Crashes => return self.die(node),
            }
        }
        self.end_flush(node);
    }

    /// The triggers that wait for a force to be durable.
    fn passed(&mut self, node: NodeId, parked: Parked) -> After {
        let twist = &mut Twist::default();
        if matches!(parked.until, Job::Read(_)) {
            return After::GoesOn; // A read is no step.
        }
        if self.watched.hit(Watch::Step, parked.step)
            && self.watch(Moment::After, Place::step(node, parked.step), twist) == After::Crashes
        {
            return After::Crashes;
        }
        let label = parked.label;
        let place = Place { watch: Watch::Force, label, node, peer: None, topic: Topic::NONE };
        if matches!(parked.until, Job::Log(_)) && self.watched.hit(Watch::Force, label) {
            return self.watch(Moment::After, place, twist);
        }
        After::GoesOn
    }

    /// Performs effects that were held, until one of them waits again.
    fn release(&mut self, node: NodeId, effects: u32) -> After {
        for performed in 1..=effects {
            if self.doomed_now(node) {
                return After::Crashes;
            }
            let cell = self.cell(node);
            let effect = cell.held.pop_front();
            let effect = effect.expect("as many effects are held as were counted");
            cell.held_records -= u32::from(effect.logs());
            let (after, step) = self.perform(node, effect);
            match after {
                After::GoesOn => {}
                After::Crashes => return After::Crashes,
                After::Waits(until, label) => {
                    let front = self.cell(node).parked.front_mut();
                    *front.expect("what is released is parked in front") =
                        Parked { until, effects: effects - performed, step, label };
                    return after;
                }
            }
        }
        After::GoesOn
    }

    /// Counts down to a crash between two held effects.
    fn doomed_now(&mut self, node: NodeId) -> bool {
        match self.cell(node).doom() {
            Some(doom) if doom.effects_left == 0 => true,
            Some(doom) => {
                doom.effects_left -= 1;
                false
            }
            None => false,
        }
    }

    fn perform(&mut self, node: NodeId, effect: EffectOf<P>) -> (After, u16) {
        let after = match effect {
            Effect::Send(to, message) => self.transmit(node, to, message),
            Effect::Force(step, record, wait) => {
                if wait == Wait::Node {
                    self.cell(node).busy |= FORCING;
                }
                return (self.force(node, step, record), step);
            }
            Effect::Sync(step, target, wait) => {
                if wait == Wait::Node {
                    self.cell(node).busy |= FORCING;
                }
                return (self.sync(node, step, target), step);
            }
            Effect::Fetch(name, first, sectors) => {
                self.cell(node).busy |= FORCING;
                self.fetch(node, name, first, sectors)
            }
            Effect::File(effect) => {
                self.touch(node, *effect);
                After::GoesOn
            }
            Effect::State(fact) => {
                self.state_fact(node, fact);
                After::GoesOn
            }
            Effect::Mark(step) => self.mark(node, step),
            Effect::Write(record) => {
                self.write(node, record);
                After::GoesOn
            }
            Effect::Checkpoint(record) => {
                self.checkpoint(node, record);
                After::GoesOn
            }
            Effect::SetTimer(delay, timer) => {
                self.set_timer(node, delay, timer);
                After::GoesOn
            }
            Effect::CancelTimer(timer) => {
                self.cancel_timer(node, &timer);
                After::GoesOn
            }
            Effect::Reply(op, answer) => {
                self.reply(node, op, answer);
                After::GoesOn
            }
        };
        (after, 0)
    }

    fn end_flush(&mut self, node: NodeId) {
        let cell = self.cell(node);
        if cell.parked.is_empty() {
            cell.busy &= !FORCING;
            return self.end_handler(node);
        }
        let durable = cell.log.durable();
        let waits = cell.parked.front();
        if waits.is_some_and(|parked| matches!(parked.until, Job::Log(upto) if upto > durable)) {
            let record = self.cell(node).asked_for;
            self.flush(node, record);
        }
        self.begin_what_waits(node);
    }

    /// Sets a timer on the node's own clock.
    #[inline]
    pub(super) fn set_timer(&mut self, node: NodeId, delay: Delay, timer: P::Timer) {
        self.cancel_timer(node, &timer);
        if self.aside.is_some() && self.leave_timer(node, delay, &timer) {
            return;
        }
        let own = match delay {
            Delay::Exactly(span) => span,
            Delay::Between(least, most) => self.jitter(node, (least, most), &timer),
        };
        let at = self.now + self.cell(node).clock.true_span(own);
        let slot = self.put(at, Class::Timer, Event::Timer { node, timer: timer.clone() });
        self.cell(node).timers.push((timer, Some(slot)));
    }

    #[cold]
    fn jitter(
        &mut self,
        node: NodeId,
        (least, most): (Duration, Duration),
        timer: &P::Timer,
    ) -> Duration {
        let name = self.names.endpoints[usize::from(node.0)];
        let what = digest(timer);
        let key = self.draws.key(Purpose::Node, [name, name_word("timer"), what.fold.short(), 0]);
        let word = key.word(self.attempt(key), 0);
        let width = (most - least).as_nanos().saturating_add(1);
        let drawn = match self.setup.script.otherwise {
            Otherwise::Drawn => least + Duration::from_nanos(below(word, width)),
            Otherwise::Calm => least,
        };
        if !self.spans_matter() {
            return drawn;
        }
        let label = self.catalog.timers.index(&what);
        self.awaited(node, Awaited::Timer(label), drawn)
    }

    #[inline]
    pub(super) fn cancel_timer(&mut self, node: NodeId, timer: &P::Timer) {
        if self.aside.is_some() {
            self.disarm(timer);
        }
        let timers = &mut self.cell(node).timers;
        if let Some(place) = timers.iter().position(|(set, _)| set == timer)
            && let (_, Some(slot)) = timers.swap_remove(place)
        {
            self.cancel(slot);
        }
    }

    /// Answers a client over its own link.
    pub(super) fn reply(&mut self, node: NodeId, op: OpId, answer: Answer) {
        let Some(entry) = self.history.get(op) else {
            return; // A protocol may answer what nobody asked; nobody listens.
        };
        let client = self.catalog.client_end(entry.client);
        let ends = (Endpoint::from(node), client);
        let sent = self.note(Kind::Reply, ends, 0, u64::from(op.0), || format!("{op} {answer:?}"));
        if self.aside.is_some() && self.leave_answer(op, answer) {
            return;
        }
        match self.client_travel(ends, Carried::Reply, (op, sent)) {
            Some(latency) => {
                let at = self.now + latency;
                self.put_caused(at, Class::End, Event::Answer { op, node, answer }, sent);
            }
            None => self.lose_for_client(op, ends, Lost::Dropped),
        }
    }

    pub(super) fn read_clock(&mut self, node: NodeId) -> Time {
        let now = self.now;
        let cell = self.cell(node);
        let shown = cell.clock.read(now);
        if let Some(rule) = cell.clock.jumped_by.take() {
            self.effect_of(rule);
        }
        shown
    }
}
