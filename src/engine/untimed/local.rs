//! One step of one node: a situation is loaded into a world, the handler runs, the rest is read off.
//!
//! ```text
//!   situation ──load──▶ World<P> ──stimulus, doom, script──▶ capture ──▶ number ──▶ Outcome
//! ```
//!
//! Branches are taken by running the handler again with the next script: the first run writes down
//! how many ways each branch has, and the script is turned like an odometer. A cut is a doom that
//! falls after i effects, for i = 0, 1, … until it finds no effect to fall between.

use super::{
    Coverage, Cut, Handler, MessageId, MessageInfo, NotExplorable, Outcome, OutcomeId, Situation,
    SituationId, Stimulus, Timers, Untimed, UntimedOptions,
    key::{Parts, comes_first, timers_key},
};
use crate::base::{
    ids::{EventId, NodeId, Seed},
    table::Table,
    time::Time,
};
use crate::engine::{
    aside::{Armed, Aside, Tray, message_key},
    core::{CellOf, DOWN, Doom, Envelope, Event, FORCING, Waiting},
    device::Job,
    faults::{CutAt, DiskFate, Keeps, Rule, RuleCounts, Span, Victim, What as Fault, When},
    protocol::Protocol,
    runner::Catalog,
    script::Script,
    setup::Setup,
    trace::{Entry, Recording},
    world::World,
};
use std::{
    collections::{BTreeMap, VecDeque},
    ops::Range,
    sync::Arc,
};

/// The nodes of `P`, one event at a time.
pub(in crate::engine) struct Nodes<P: Protocol> {
    world: World<P>,
    options: UntimedOptions,
    places: Vec<Place<P>>,
    place_of: BTreeMap<u128, SituationId>,
    envelopes: Vec<Envelope<P::Message>>,
    messages: Vec<MessageInfo>,
    message_of: BTreeMap<u128, MessageId>,
    outcomes: Vec<Outcome>,
    coverage: Coverage,
}

/// A situation with its types, and what is known of its future.
struct Place<P: Protocol> {
    shown: Situation,
    state: P,
    cell: CellOf<P>,
    jobs: VecDeque<Job>,
    armed: Vec<Armed<P::Timer>>,
    whole: Table<Stimulus, Range<u32>>,
    cut: Table<Stimulus, Range<u32>>,
}

/// A handler's run, before it is numbered.
struct Ran {
    crashed: bool,
    outcome: Outcome,
}

impl<P: Protocol> Nodes<P> {
    /// The nodes of a protocol under a setup, of which only what is ablated counts.
    pub(in crate::engine) fn new(
        config: Arc<P::Config>,
        setup: &Setup,
        catalog: Arc<Catalog>,
        options: UntimedOptions,
    ) -> Self {
        let setup = Setup {
            rules: vec![any_crash()],
            service: Vec::new(),
            heal_at: None,
            script: Script::default(),
            ..setup.clone()
        };
        let mut world = World::new(config, Arc::new(setup), catalog);
        world.core.reset(Seed(0), Recording::HashOnly);
        world.core.aside = Some(Box::new(Aside::Untimed(Tray::default())));
        options.operations.iter().for_each(|entry| world.core.history.push(*entry));
        Self {
            world,
            options,
            places: Vec::new(),
            place_of: BTreeMap::new(),
            envelopes: Vec::new(),
            messages: Vec::new(),
            message_of: BTreeMap::new(),
            outcomes: Vec::new(),
            coverage: Coverage::default(),
        }
    }

    fn tray(&mut self) -> &mut Tray<P::Message, P::Timer> {
        self.world.core.tray().expect("nothing here has a time")
    }

    /// Puts a situation into the world.
    fn load(&mut self, at: SituationId, cut: Cut, script: Vec<(u64, u64)>) {
        let place = &self.places[at.0 as usize];
        let node = usize::from(place.shown.node.0);
        self.world.states[node].clone_from(&place.state);
        self.world.core.cells[node].clone_from(&place.cell);
        if let Cut::After(effects) = cut {
            self.world.core.cells[node].doom = Some(doom(u32::from(effects)));
        }
        let local = place.shown.local.iter();
        let local = local.map(|message| self.envelopes[message.0 as usize].clone()).collect();
        let (jobs, armed) = (place.jobs.clone(), place.armed.clone());
        *self.tray() = Tray { local, jobs, armed, script, ..Tray::default() };
        self.world.core.signals.clear();
        self.world.core.counters.reset();
        self.world.core.rules[0].counts = RuleCounts::default();
        self.world.core.cause = EventId(0);
    }

    /// Lets the stimulus happen to the node that is loaded.
    fn stimulate(&mut self, at: SituationId, stimulus: Stimulus) {
        let node = self.places[at.0 as usize].shown.node;
        let waiting = |event| Waiting { cause: EventId(0), event };
        match stimulus {
            Stimulus::Boot => self.world.boot(node),
            Stimulus::Deliver(message) => {
                let envelope = self.envelopes[message.0 as usize].clone();
                self.world.handle(node, waiting(Event::Deliver(envelope)));
            }
            Stimulus::Local(message) => {
                let envelope = self.envelopes[message.0 as usize].clone();
                let local = &mut self.tray().local;
                let place = local.iter().position(|waiting| waiting.message == envelope.message);
                local.remove(place.expect("what arrives was waiting"));
                self.world.handle(node, waiting(Event::Deliver(envelope)));
            }
            Stimulus::Request(op) => self.world.handle(node, waiting(Event::Request { op, node })),
            Stimulus::Timer(place) => {
                let timer = self.tray().armed.remove(usize::from(place)).timer;
                self.world.handle(node, waiting(Event::Timer { node, timer }));
            }
            Stimulus::Durable => {
                let job = self.tray().jobs.pop_front().expect("the disk is at work");
                self.world.synced(node, job);
            }
            Stimulus::Crash => self.world.core.crash(node, doom(0)),
        }
    }

    /// One way, by its cut and the script of its branches.
    fn run(
        &mut self,
        at: SituationId,
        stimulus: Stimulus,
        cut: Cut,
        script: Vec<(u64, u64)>,
    ) -> Result<Ran, NotExplorable> {
        self.load(at, cut, script);
        self.stimulate(at, stimulus);
        if self.tray().read_clock {
            return Err(NotExplorable::ReadsClocks { protocol: P::NAME });
        }
        let node = self.places[at.0 as usize].shown.node;
        let cell = self.world.core.cell(node);
        cell.doom = None; // It found no effect to fall between; the node waits or is done.
        let crashed = cell.is_down();
        let sent = std::mem::take(&mut self.tray().sent);
        let sent = sent.into_iter().map(|envelope| self.number(envelope)).collect();
        let answers = std::mem::take(&mut self.tray().answers);
        let signals = self.world.core.signals.iter().map(|signal| signal.what).collect();
        let branches = self.tray().script.iter().map(|&(chosen, _)| chosen).collect();
        let counts = &self.world.core.counters.nodes;
        let (kept, lost) = (counts.records_kept as u32, counts.records_lost as u32);
        let files = self.tray().files.take();
        let next = self.capture(node);
        Ok(Ran {
            crashed,
            outcome: Outcome { next, sent, answers, signals, cut, kept, lost, files, branches },
        })
    }

    /// All ways through the branches of a stimulus under one cut.
    fn run_all(
        &mut self,
        at: SituationId,
        stimulus: Stimulus,
        cut: Cut,
    ) -> Result<Vec<Ran>, NotExplorable> {
        let mut all = Vec::new();
        let mut script = Vec::new();
        loop {
            let ran = self.run(at, stimulus, cut, script)?;
            self.cover(at, stimulus, &ran);
            all.push(ran);
            if !self.tray().turn() {
                return Ok(all);
            }
            script = std::mem::take(&mut self.tray().script);
        }
    }

    /// Reads the world off: the situation that the node is in now.
    fn capture(&mut self, node: NodeId) -> SituationId {
        let cell = &self.world.core.cells[usize::from(node.0)];
        let down = cell.is_down();
        let tray = self.tray();
        let local = std::mem::take(&mut tray.local);
        let (jobs, armed) = (std::mem::take(&mut tray.jobs), std::mem::take(&mut tray.armed));
        let (local, jobs, armed) =
            if down { (Vec::new(), VecDeque::new(), Vec::new()) } else { (local, jobs, armed) };
        // What a node tells itself is no message that others could name.
        let mut local: Vec<MessageId> =
            local.into_iter().map(|envelope| self.number(envelope)).collect();
        local.sort_unstable();
        let keys = local.iter().map(|message| self.messages[message.0 as usize].key);
        let local_key = keys.fold(0, u128::wrapping_add);
        let cell = &self.world.core.cells[usize::from(node.0)];
        let state = &self.world.states[usize::from(node.0)];
        let timers = timers_key::<P>(&armed, self.options.timers);
        let key = Parts { node, state, cell, jobs: &jobs, timers, local: local_key }.key();
        if let Some(&known) = self.place_of.get(&key) {
            return known;
        }
        let id = SituationId(self.places.len() as u32);
        let shown = Situation {
            node,
            key,
            is_up: !down,
            takes_input: !down && cell.busy & FORCING == 0,
            is_forcing: !jobs.is_empty(),
            timers: self.may_fire(&armed),
            local,
        };
        let (state, cell) = (state.clone(), cell.clone());
        let (whole, cut) = (Table::new(), Table::new());
        self.places.push(Place { shown, state, cell, jobs, armed, whole, cut });
        self.place_of.insert(key, id);
        id
    }

    fn may_fire(&self, armed: &[Armed<P::Timer>]) -> Vec<u16> {
        let free = |place: &usize| match self.options.timers {
            Timers::Async => true,
            Timers::Ordered => {
                !armed[..*place].iter().any(|earlier| comes_first(earlier, &armed[*place]))
            }
        };
        (0..armed.len()).filter(free).map(|place| place as u16).collect()
    }

    fn number(&mut self, envelope: Envelope<P::Message>) -> MessageId {
        let key = message_key(&envelope);
        if let Some(&known) = self.message_of.get(&key) {
            return known;
        }
        let id = MessageId(self.messages.len() as u32);
        let (from, to) = (envelope.from, envelope.to);
        let text = format!("{:?}", envelope.message);
        self.messages.push(MessageInfo { from, to, key, text });
        self.envelopes.push(envelope);
        self.message_of.insert(key, id);
        id
    }

    fn keep(&mut self, outcomes: impl IntoIterator<Item = Outcome>) -> Range<u32> {
        let start = self.outcomes.len() as u32;
        self.outcomes.extend(outcomes);
        start..self.outcomes.len() as u32
    }

    /// Notes which handler ran how far, and which steps it passed.
    fn cover(&mut self, at: SituationId, stimulus: Stimulus, ran: &Ran) {
        let counters = &self.world.core.counters;
        let passed = counters.steps.iter().enumerate().filter(|(_, passed)| **passed > 0);
        self.coverage.steps.extend(passed.map(|(step, _)| step));
        if stimulus == Stimulus::Crash {
            return;
        }
        let sent: u64 = counters.messages.iter().map(|counts| counts.sent + counts.local).sum();
        let logged: u64 =
            counters.records.iter().map(|counts| counts.forced + counts.unforced).sum();
        let effects = (sent + logged) as u32 + ran.outcome.answers.len() as u32;
        let handler = self.handler(at, stimulus);
        let tested = self.coverage.handlers.entry(handler).or_default();
        if ran.crashed {
            tested.cuts.insert(effects);
        } else {
            tested.effects_max = tested.effects_max.max(effects);
        }
    }

    fn handler(&self, at: SituationId, stimulus: Stimulus) -> Handler {
        let catalog = &self.world.core.catalog;
        let place = &self.places[at.0 as usize];
        let role = catalog.roles[usize::from(catalog.role_of[usize::from(place.shown.node.0)])];
        let event = match stimulus {
            Stimulus::Boot => "boot".to_owned(),
            Stimulus::Deliver(message) | Stimulus::Local(message) => {
                let label = self.envelopes[message.0 as usize].label;
                catalog.messages.name(label).to_owned()
            }
            Stimulus::Request(_) => "request".to_owned(),
            Stimulus::Timer(timer) => {
                let timer = &place.armed[usize::from(timer)].timer;
                let label = catalog.timers.index(&crate::base::digest::digest(timer));
                catalog.timers.name(label).to_owned()
            }
            Stimulus::Durable => match place.cell.parked.front() {
                Some(parked) => format!("after {}", catalog.steps[usize::from(parked.step)].name),
                None => "durable".to_owned(),
            },
            Stimulus::Crash => "crash".to_owned(),
        };
        Handler { role, event }
    }
}

/// A crash after so many effects, if there are more.
fn doom(effects_left: u32) -> Doom {
    let (rule, at_end, keeps, strike, handler, down) = (0, false, Keeps::default(), 0, None, None);
    Doom { rule, effects_left, at_end, keeps, strike, handler, down, wipe: false }
}

/// The rule that all crashes here are charged to.
fn any_crash() -> Rule {
    let what = Fault::Crash {
        node: Victim::Actor,
        down: Span::Forever,
        cut: CutAt::Boundary,
        disk: DiskFate::Keep,
        keeps: Keeps::default(),
    };
    Rule { id: "explored".to_owned(), when: When::At(Time::MAX), what }
}

impl<P: Protocol> Untimed for Nodes<P> {
    fn catalog(&self) -> &Arc<Catalog> {
        &self.world.core.catalog
    }

    fn blank(&mut self, node: NodeId) -> SituationId {
        let core = &mut self.world.core;
        core.reset(Seed(0), Recording::HashOnly);
        self.options.operations.iter().for_each(|entry| core.history.push(*entry));
        core.cell(node).busy = DOWN;
        *self.tray() = Tray::default();
        self.capture(node)
    }

    fn outcomes(
        &mut self,
        at: SituationId,
        stimulus: Stimulus,
    ) -> Result<Range<u32>, NotExplorable> {
        if let Some(known) = self.places[at.0 as usize].whole.get(&stimulus) {
            return Ok(known.clone());
        }
        let ways = self.run_all(at, stimulus, Cut::Nowhere)?;
        let range = self.keep(ways.into_iter().map(|ran| ran.outcome));
        self.places[at.0 as usize].whole.insert(stimulus, range.clone());
        Ok(range)
    }

    fn cuts(&mut self, at: SituationId, stimulus: Stimulus) -> Result<Range<u32>, NotExplorable> {
        if let Some(known) = self.places[at.0 as usize].cut.get(&stimulus) {
            return Ok(known.clone());
        }
        let mut found: Vec<Outcome> = Vec::new();
        for effects in 0.. {
            let ways = self.run_all(at, stimulus, Cut::After(effects))?;
            let mut cut = false;
            for Ran { crashed, outcome } in ways {
                cut |= crashed;
                let known = |other: &Outcome| {
                    (other.next, &other.sent, &other.answers, &other.signals)
                        == (outcome.next, &outcome.sent, &outcome.answers, &outcome.signals)
                };
                if crashed && !found.iter().any(known) {
                    found.push(outcome);
                }
            }
            if !cut {
                break;
            }
        }
        let range = self.keep(found);
        self.places[at.0 as usize].cut.insert(stimulus, range.clone());
        Ok(range)
    }

    fn outcome(&self, outcome: OutcomeId) -> &Outcome {
        &self.outcomes[outcome.0 as usize]
    }

    fn situation(&self, at: SituationId) -> &Situation {
        &self.places[at.0 as usize].shown
    }

    fn is_reading(&self, at: SituationId) -> bool {
        matches!(self.places[at.0 as usize].jobs.front(), Some(Job::Read(_)))
    }

    fn message(&self, message: MessageId) -> &MessageInfo {
        &self.messages[message.0 as usize]
    }

    fn timer_text(&self, at: SituationId, place: u16) -> String {
        format!("{:?}", self.places[at.0 as usize].armed[usize::from(place)].timer)
    }

    fn entries(&mut self, at: SituationId, stimulus: Stimulus, way: OutcomeId) -> Vec<Entry> {
        let Outcome { cut, branches, .. } = self.outcome(way).clone();
        self.world.core.trace.reset(Seed(0), Recording::Full);
        let mut script = Vec::new();
        // How many ways a branch has is known once the handler has come to it.
        loop {
            self.load(at, cut, script.clone());
            self.stimulate(at, stimulus);
            let met = self.tray().script.clone();
            if met.len() == script.len() {
                break;
            }
            let chosen = branches[script.len()];
            script.push((chosen, met[script.len()].1));
            self.world.core.trace.reset(Seed(0), Recording::Full);
        }
        let entries = std::mem::take(&mut self.world.core.trace.entries);
        self.world.core.trace.reset(Seed(0), Recording::HashOnly);
        entries
    }

    fn coverage(&self) -> &Coverage {
        &self.coverage
    }
}
