//! Faults carried out: triggers watched, victims drawn, budgets kept, effects counted.
//!
//! ```text
//!   watch(Before │ After, place) ──▶ strike(rule) ──▶ crash · pause · cut · slow · jump …
//!   Strike (scheduled, by time) ───▶      │
//!                                         └─▶ refused, when a random rule would break too much
//! ```
//!
//! A crash of the node whose handler is running cannot happen under its feet: it is written down as
//! a *doom*, the handler's later effects come to nothing, and the node dies when it returns. A
//! crash by time does the same to the node's next handler, at once or after some of its effects,
//! because effects share one instant and no clock could ever fall between them.
//!
//! This file is long because what each fault does is told in one place.
//!
//! Everything here is cold: an event that no rule watches pays one load and one test.

use super::{
    core::{Core, DOWN, Doom, Event, Failing, PAUSED},
    effects::After,
    faults::{CutAt, DiskFate, Keeps, Pattern, RuleState, Span, Victim, Watch, What, When},
    network::{Cut, Endpoint, Lost, Slowness},
    protocol::Protocol,
    script::{Decision, Otherwise},
    signal,
    trace::Kind,
};
use crate::base::{
    draws::{Key, Purpose, below, name_word},
    ids::{NodeId, NodeSet, Topic},
    quantity::Probability,
    queue::Class,
    time::{Duration, Time},
};
use std::sync::Arc;

/// Which side of an event a trigger is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    Before,
    After,
}

/// An event that rules may watch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) watch: Watch,
    pub(super) label: u16,
    pub(super) node: NodeId,
    pub(super) peer: Option<NodeId>,
    pub(super) topic: Topic,
}

impl Place {
    pub(super) fn step(node: NodeId, step: u16) -> Self {
        Self { watch: Watch::Step, label: step, node, peer: None, topic: Topic::NONE }
    }
}

/// What rules do to the message at hand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Twist {
    pub(super) lost: Option<Lost>,
    pub(super) delay: Duration,
    pub(super) copies: u16,
}

fn matches(pattern: &Pattern, place: Place) -> bool {
    let among = |nodes: &[NodeId], node| nodes.is_empty() || nodes.contains(&node);
    pattern.watch == place.watch
        && pattern.label.is_none_or(|label| label == place.label)
        && among(&pattern.nodes, place.node)
        && (pattern.peers.is_empty()
            || place.peer.is_some_and(|peer| pattern.peers.contains(&peer)))
        && pattern.topic.is_none_or(|topic| topic == place.topic.0)
}

impl<P: Protocol> Core<P> {
    /// Lets every rule that watches this place act on it.
    #[cold]
    pub(super) fn watch(&mut self, moment: Moment, place: Place, twist: &mut Twist) -> After {
        let setup = Arc::clone(&self.setup);
        let mut after = After::GoesOn;
        for (rule, definition) in setup.rules.iter().enumerate() {
            if let When::Inside(pattern, nth, effects) = &definition.when {
                let here = moment == Moment::Before && matches(pattern, place);
                if here && self.is_nth(rule, *nth) {
                    self.strike_inside(rule as u16, place.node, *effects);
                }
                continue;
            }
            let strikes = match &definition.when {
                When::Before(pattern, nth) if moment == Moment::Before => {
                    matches(pattern, place) && self.is_nth(rule, *nth)
                }
                When::After(pattern, nth) if moment == Moment::After => {
                    matches(pattern, place) && self.is_nth(rule, *nth)
                }
                When::EachMessage { chance, pattern } if moment == Moment::Before => {
                    matches(pattern, place) && self.arm(rule) && {
                        let key = self.message_key(rule, place);
                        self.happens(rule, *chance, key)
                    }
                }
                _ => false,
            };
            if strikes && self.strike(rule as u16, Some(place.node), twist) == After::Crashes {
                after = After::Crashes;
            }
        }
        after
    }

    fn message_key(&self, rule: usize, place: Place) -> Key {
        let end = |node: NodeId| self.names.endpoints[usize::from(node.0)];
        let link = end(place.node) ^ place.peer.map_or(0, |peer| end(peer).rotate_left(23));
        let label = self.catalog.message_words[usize::from(place.label)];
        self.draws.key(Purpose::Faults, [self.rules[rule].word, link, label, place.topic.0])
    }

    /// Counts an occasion; false when the rule is off.
    pub(super) fn arm(&mut self, rule: usize) -> bool {
        let state = &mut self.rules[rule];
        state.counts.armed += u64::from(!state.off);
        !state.off
    }

    fn is_nth(&mut self, rule: usize, nth: u32) -> bool {
        let armed = self.arm(rule);
        let state = &mut self.rules[rule];
        state.seen += 1;
        armed && state.seen == nth
    }

    /// A draw about the current strike of a rule.
    pub(super) fn draw(&self, rule: u16, what: &str) -> u64 {
        let RuleState { word, strike, .. } = self.rules[usize::from(rule)];
        self.draws.key(Purpose::Faults, [word, name_word(what), strike, 0]).word(0, 0)
    }

    /// Draws whether a rule strikes at the step that a key names.
    pub(super) fn happens(&mut self, rule: usize, chance: Probability, key: Key) -> bool {
        let word = key.word(self.attempt(key), 0);
        self.rules[rule].strike = word;
        chance.happens(word)
    }

    /// Names a strike that no step names by its number.
    fn number_strike(&mut self, rule: u16) {
        let state = &mut self.rules[usize::from(rule)];
        state.strike = state.counts.fired + state.counts.refused;
    }

    pub(super) fn span(&self, rule: u16, span: &Span) -> Option<Duration> {
        match span {
            Span::For(law) => Some(law.sample(self.draw(rule, "span"))),
            Span::Forever => None,
        }
    }

    pub(super) fn victim(&self, rule: u16, victim: &Victim, actor: Option<NodeId>) -> NodeId {
        match victim {
            Victim::Actor => actor.expect("only a triggered rule names the actor"),
            Victim::OneOf(nodes) => {
                nodes[below(self.draw(rule, "who"), nodes.len() as u64) as usize]
            }
        }
    }

    /// Counts a difference that a rule made.
    pub(super) fn effect_of(&mut self, rule: u16) {
        let counts = &mut self.rules[usize::from(rule)].counts;
        counts.effects += 1;
        if counts.effects == 1 {
            let event = self.trace.latest();
            self.signal(event, signal::What::Disturbed);
        }
    }

    /// Carries a rule out. `actor` is the node at which a trigger fired; if that node is to crash,
    /// the answer says so and the caller lets it die.
    pub(super) fn strike(&mut self, rule: u16, actor: Option<NodeId>, twist: &mut Twist) -> After {
        let setup = Arc::clone(&self.setup);
        let definition = &setup.rules[usize::from(rule)];
        if self.rules[usize::from(rule)].off {
            return After::GoesOn;
        }
        if !matches!(definition.when, When::EachMessage { .. } | When::EachForce { .. }) {
            self.number_strike(rule);
        }
        if definition.when.is_random() && self.exceeds_budget(rule, &definition.what, actor) {
            self.rules[usize::from(rule)].counts.refused += 1;
            let nowhere = (Endpoint::default(), Endpoint::default());
            self.note(Kind::Refuse, nowhere, rule, 0, || definition.id.clone());
            return After::GoesOn;
        }
        if self.trace.records() {
            self.write_down(rule, definition, actor);
        }
        let after = self.inflict(rule, &definition.what, actor, twist);
        self.rules[usize::from(rule)].counts.fired += 1;
        after
    }

    /// A crash that falls after some effects of the handler about to run, or at its end.
    fn strike_inside(&mut self, rule: u16, node: NodeId, effects_left: u32) {
        let setup = Arc::clone(&self.setup);
        let definition = &setup.rules[usize::from(rule)];
        let What::Crash { down, disk, keeps, .. } = &definition.what else {
            unreachable!("only crashes fall inside handlers")
        };
        self.number_strike(rule);
        if self.trace.records() {
            self.write_down(rule, definition, Some(node));
        }
        self.rules[usize::from(rule)].counts.fired += 1;
        let down = self.span(rule, down);
        let strike = self.rules[usize::from(rule)].strike;
        let wipe = *disk == DiskFate::Wipe;
        let doom = Doom {
            rule,
            effects_left,
            at_end: true,
            keeps: *keeps,
            strike,
            handler: None,
            down,
            wipe,
        };
        self.cell(node).set_doom(Some(doom));
    }

    fn inflict(
        &mut self,
        rule: u16,
        what: &What,
        actor: Option<NodeId>,
        twist: &mut Twist,
    ) -> After {
        match what {
            What::Crash { node, down, cut, disk, keeps } => {
                let down = self.span(rule, down);
                let doom = Doom {
                    rule,
                    effects_left: 0,
                    at_end: true,
                    keeps: *keeps,
                    strike: self.rules[usize::from(rule)].strike,
                    handler: None,
                    down,
                    wipe: *disk == DiskFate::Wipe,
                };
                return self.doom(self.victim(rule, node, actor), actor, doom, *cut);
            }
            What::Pause { node, span } => self.pause(rule, self.victim(rule, node, actor), span),
            What::Slow { node, span, service } => {
                self.slow(rule, self.victim(rule, node, actor), span, *service);
            }
            What::StallDisk { node, span } => {
                let node = self.victim(rule, node, actor);
                let until = self.span(rule, span).map_or(Time::MAX, |span| self.now + span);
                self.cell(node).stalled = Some((until, rule));
                self.disturb(node, rule);
            }
            What::BadDisk { node, how, span } => {
                let node = self.victim(rule, node, actor);
                let until = self.span(rule, span).map_or(Time::MAX, |span| self.now + span);
                self.spoil(rule, node, how, until);
                self.disturb(node, rule);
            }
            What::FailForce { node, down, keeps } => {
                let node = self.victim(rule, node, actor);
                let (down, keeps) = (self.span(rule, down), *keeps);
                let strike = self.rules[usize::from(rule)].strike;
                self.cell(node).failing = Some(Failing { rule, strike, down, keeps });
                self.disturb(node, rule);
            }
            What::Cut { groups, span, direction, held } => {
                self.cut(rule, span, |id, until| Cut {
                    id,
                    rule,
                    groups: groups.clone(),
                    direction: *direction,
                    held: *held,
                    until,
                });
            }
            What::SlowLink { from, to, factor, span } => {
                self.slow_link(rule, from, to, *factor, span);
            }
            What::JumpClock { node, by } => {
                let node = self.victim(rule, node, actor);
                self.cell(node).clock.jump(*by, rule);
                self.disturb(node, rule);
            }
            What::Lose | What::Delay(_) | What::Duplicate(_) => self.twist(rule, what, twist),
        }
        After::GoesOn
    }

    /// What a rule does to the message at hand.
    fn twist(&mut self, rule: u16, what: &What, twist: &mut Twist) {
        match what {
            What::Lose => twist.lost = Some(Lost::Dropped),
            What::Delay(law) => twist.delay += law.sample(self.draw(rule, "delay")),
            What::Duplicate(copies) => twist.copies += copies,
            _ => unreachable!("everything else is done to nodes and links"),
        }
        self.effect_of(rule);
    }

    fn disturb(&mut self, node: NodeId, rule: u16) {
        let setup = Arc::clone(&self.setup);
        let end = Endpoint::from(node);
        self.note(Kind::Disturb, (end, end), rule, 0, || {
            let rule = &setup.rules[usize::from(rule)];
            format!("{} ({})", rule.what.class(), rule.id)
        });
    }

    /// Decides where a crash falls.
    fn doom(&mut self, node: NodeId, actor: Option<NodeId>, mut doom: Doom, cut: CutAt) -> After {
        if self.cell(node).is_down() {
            return After::GoesOn; // It fired, and had no effect.
        }
        if actor == Some(node) {
            self.cell(node).set_doom(Some(doom));
            return After::Crashes;
        }
        if let Some(effects) = self.cut_after(doom.rule, actor, cut) {
            doom.effects_left = effects;
            self.cell(node).set_doom(Some(doom));
            return After::GoesOn;
        }
        self.crash(node, doom);
        After::GoesOn
    }

    /// After how many effects of its next handler a node is to crash; `None` for at once.
    pub(super) fn cut_after(&self, rule: u16, actor: Option<NodeId>, cut: CutAt) -> Option<u32> {
        const EFFECTS_MAX: u64 = 6;
        let word = self.draw(rule, "cut");
        match cut {
            CutAt::Effects(effects) => Some(effects),
            CutAt::Anywhere if actor.is_none() && word >> 63 == 1 => {
                Some(below(word << 1, EFFECTS_MAX) as u32)
            }
            CutAt::Anywhere | CutAt::Boundary => None,
        }
    }

    /// A node whose doom was written down dies now.
    pub(super) fn die(&mut self, node: NodeId) {
        let doom = self.cell(node).take_doom().expect("only a doomed node dies");
        self.counters.nodes.cut_handlers += 1;
        self.rules[usize::from(doom.rule)].counts.fired += u64::from(!doom.at_end);
        if self.trace.records() {
            self.write_down_cut(&doom, node);
        }
        self.crash(node, doom);
    }

    /// After a handler and all that it parked: a doom that found no effect to fall between falls
    /// now; one that was drawn for this handler alone is lifted.
    #[inline]
    pub(super) fn end_handler(&mut self, node: NodeId) {
        match self.cell(node).take_doom() {
            Some(doom) if doom.at_end => self.crash(node, doom),
            _ => {}
        }
    }

    /// Memory gone, timers gone, a prefix of the unsynced log kept; what was sent lives on.
    pub(super) fn crash(&mut self, node: NodeId, doom: Doom) {
        let name = self.names.endpoints[usize::from(node.0)];
        let rule = self.rules[usize::from(doom.rule)].word;
        let key = self.draws.key(Purpose::Disk, [name, 1, rule, doom.strike]);
        let forcing = !self.cell(node).parked.is_empty();
        let calm = self.setup.script.otherwise == Otherwise::Calm;
        self.forget(node);
        let keeps = if self.aside.is_some() { self.remainder(node) } else { None };
        let cell = self.cell(node);
        let remains = match keeps.or(doom.keeps.records) {
            Some(keeps) => cell.log.crash_keeping(keeps),
            None if calm => cell.log.crash_keeping(0),
            None => cell.log.crash(key.word(0, 0)),
        };
        if remains.lied > 0 {
            self.lost_by_lies(node);
        }
        let words = [key.word(0, 1), key.word(0, 2), key.word(0, 3)];
        let files = self.crash_files(node, doom.keeps, words);
        self.cell(node).disk.lose_the_cache();
        if doom.wipe {
            let cell = self.cell(node);
            cell.log.clear();
            cell.disk.clear();
            self.wiped += 1;
        }
        if self.trace.records() {
            let keeps = Keeps {
                records: Some(remains.kept),
                sectors: files.map(|files| files.sectors),
                names: files.map(|files| files.names),
            };
            let (rule, strike) = (doom.rule, doom.strike);
            self.ledger.push(Decision::Kept { rule, strike, keeps });
        }
        let counts = &mut self.counters.nodes;
        counts.crashes += 1;
        counts.during_force += u64::from(forcing);
        counts.records_lost += u64::from(remains.lost);
        counts.records_kept += u64::from(remains.kept);
        self.cause = self.note_at(node, Kind::Crash, u64::from(doom.rule));
        self.effect_of(doom.rule);
        self.signal(self.cause, signal::What::Crashed(node));
        if let Some(down) = doom.down {
            let incarnation = self.cell(node).incarnation;
            self.put(self.now + down, Class::Fault, Event::Boot { node, incarnation });
        }
    }

    /// Drops everything that a crash takes.
    fn forget(&mut self, node: NodeId) {
        let now = self.now;
        let cell = self.cell(node);
        cell.incarnation += 1;
        cell.pauses += 1; // A pause does not outlive the process.
        cell.busy = DOWN;
        (cell.flushing, cell.paused_by) = (false, None);
        cell.set_doom(None);
        cell.synced.clear();
        cell.device.forget(now);
        cell.parked.clear();
        cell.held.clear();
        cell.held_records = 0;
        let mut timers = std::mem::take(&mut cell.timers);
        timers.drain(..).filter_map(|(_, slot)| slot).for_each(|slot| self.cancel(slot));
        self.cell(node).timers = timers;
        let serving = self.cell(node).serving.take();
        let mut inbox = std::mem::take(&mut self.cell(node).inbox);
        for waiting in serving.into_iter().chain(inbox.drain(..)) {
            match waiting.event {
                Event::Deliver(envelope) => self.lose(&envelope, Lost::Dead),
                Event::Request { op, .. } => {
                    let ends = (self.client_of(op), node.into());
                    self.lose_for_client(op, ends, Lost::Dead);
                }
                _ => {}
            }
        }
        self.cell(node).inbox = inbox;
    }

    /// A force failed, and the node stops: what it believes about its log is no longer true.
    pub(super) fn fail_force(&mut self, node: NodeId, failing: Failing) {
        let Failing { rule, strike, down, keeps } = failing;
        let doom = Doom {
            rule,
            effects_left: 0,
            at_end: true,
            keeps,
            strike,
            handler: None,
            down,
            wipe: false,
        };
        self.crash(node, doom);
    }

    fn pause(&mut self, rule: u16, node: NodeId, span: &Span) {
        if self.cell(node).busy & (DOWN | PAUSED) != 0 {
            return;
        }
        let until = self.span(rule, span);
        let cell = self.cell(node);
        cell.busy |= PAUSED;
        cell.paused_by = Some(rule);
        cell.pauses += 1;
        let ticket = cell.pauses;
        self.note_at(node, Kind::Pause, u64::from(rule));
        if let Some(span) = until {
            self.put(self.now + span, Class::Fault, Event::Resume { node, ticket });
        }
    }

    fn slow(&mut self, rule: u16, node: NodeId, span: &Span, service: Duration) {
        let until = self.span(rule, span);
        let cell = self.cell(node);
        cell.slowed = Some((service, rule));
        cell.spells += 1;
        let ticket = cell.spells;
        self.disturb(node, rule);
        if let Some(span) = until {
            self.put(self.now + span, Class::Fault, Event::EndSlow { node, ticket });
        }
    }

    fn cut(&mut self, rule: u16, span: &Span, make: impl FnOnce(u32, Time) -> Cut) {
        self.next_disturbance += 1;
        let id = self.next_disturbance;
        let until = self.span(rule, span).map_or(Time::MAX, |span| self.now + span);
        self.network.cuts.push(make(id, until));
        let nowhere = (Endpoint::default(), Endpoint::default());
        let setup = Arc::clone(&self.setup);
        self.note(Kind::Cut, nowhere, rule, u64::from(id), || {
            setup.rules[usize::from(rule)].id.clone()
        });
        if until < Time::MAX {
            self.put(until, Class::Fault, Event::EndCut(id));
        }
    }

    fn slow_link(&mut self, rule: u16, from: &[NodeId], to: &[NodeId], factor: u32, span: &Span) {
        self.next_disturbance += 1;
        let id = self.next_disturbance;
        let ends = |nodes: &[NodeId]| nodes.iter().copied().map(Endpoint::from).collect();
        let until = self.span(rule, span);
        self.network.slow.push(Slowness { id, rule, from: ends(from), to: ends(to), factor });
        if let Some(span) = until {
            self.put(self.now + span, Class::Fault, Event::EndSlowLink(id));
        }
    }

    /// The end of a cut or of slow links.
    pub(super) fn mend(&mut self, id: u32) {
        let before = self.network.cuts.len();
        self.network.cuts.retain(|cut| cut.id != id);
        self.network.slow.retain(|slow| slow.id != id);
        if self.network.cuts.len() < before {
            let nowhere = (Endpoint::default(), Endpoint::default());
            self.note(Kind::Mend, nowhere, 0, u64::from(id), String::new);
        }
    }

    /// Whether a node stays as broken as it is: outside the core, after the healing.
    pub(super) fn is_frozen(&self, node: NodeId) -> bool {
        self.healed && !self.network.healed.contains(node)
    }

    /// Faults are over: no rule strikes any more, and the core is repaired. The rest stays broken,
    /// for healing everything hides livelocks. Returns the nodes to boot.
    pub(super) fn heal(&mut self, core: NodeSet) -> Vec<NodeId> {
        self.healed = true;
        self.rules.iter_mut().for_each(|rule| rule.off = true);
        self.cells.iter_mut().for_each(|cell| cell.set_doom(None));
        self.network.healed = core;
        self.network.cuts.iter_mut().for_each(|cut| cut.until = Time::MAX);
        let nowhere = (Endpoint::default(), Endpoint::default());
        self.cause = self.note(Kind::Heal, nowhere, 0, 0, || format!("{core:?}"));
        self.signal(self.cause, signal::What::Healed);
        for node in core.iter() {
            let cell = self.cell(node);
            (cell.slowed, cell.failing) = (None, None);
            cell.device.repair();
            self.unstall(node);
        }
        core.iter().filter(|&node| self.cell(node).is_down()).collect()
    }
}
