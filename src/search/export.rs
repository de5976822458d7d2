//! Export: a path of the explorer as a scenario that does the same in time.
//!
//! ```text
//!   act ──▶ run what there is so far, recorded ──▶ its name (which message? which force?) ──▶ one line more
//!   all acts ──▶ whatever else was sent is lost ──▶ run: the same property, the same shape?
//! ```
//!
//! The path says what happens next, time has to say when. Messages and forces take as long as the
//! next act asks for; reads and calls of a node to itself take none; a timer fires when the protocol
//! said, so the rest is placed around it. The scenario is built by running it: each act is looked up
//! in a recording of what was built so far, so that names and counts are the engine's own. Solving
//! for all instants at once was rejected: a wrong guess would show only in the end.
//!
//! This file is long because every kind of act is placed here, each by looking at a run.
//!
//! Limits: an order that needs a timer to be late, a client to be patient and impatient at once, or
//! something to come between a sync and the call behind it or between two reads, has no scenario.
//! Whether there is one is decided by running it, never assumed.

use super::{
    fingerprint::shape,
    freeze::{freeze, inside, listed, name_actor, violations},
};
use crate::{
    base::{
        ids::{ClientId, EventId, NodeId, OpId, Seed},
        text::source::Edited,
        time::{Duration, Time},
    },
    checkers::Verdict,
    engine::{
        device::Geometry,
        faults::CutAt,
        network::Endpoint,
        operations::HistoryEntry,
        script::{Awaited, Carried, Decision, MessageName, Otherwise, SpanName},
        trace::{Entry, Kind, Recording},
    },
    explore::{
        breadth_first::Counterexample,
        world::{
            WorldModel,
            acts::{Act, Happens},
        },
    },
    scenario::{
        load::load,
        model::{Do, Event, Expect, Fault, SpanText, When, Who},
        plan::Plan,
        registry::Registry,
        run::Run,
        script::{ChoiceLine, FateText, MessageLine, REPLY, REQUEST, ScriptText, SpanLine},
        write::{Asked, Draft},
    },
};

/// How far apart acts are that nothing else places.
const STEP: Duration = Duration::from_micros(100);

/// As good as no time.
const INSTANT: Duration = Duration::from_nanos(1);

/// What is longer than any run.
const NEVER: Duration = Duration::from_secs(3600);

/// How far ahead a timer is looked for.
const AHEAD: Duration = Duration::from_secs(120);

/// Why a path has no scenario.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotExported {
    /// Something does not happen in time.
    #[error("no latencies fit: step {step} ({what}) does not happen in time")]
    DoesNotHappen {
        /// Which step, from 1.
        step: usize,
        /// What it is.
        what: String,
    },
    /// It was built, and violates something else or nothing.
    #[error("no latencies fit: in time, timers fire between the steps, and then {0}")]
    NotTheSame(String),
    /// It could not be read back.
    #[error("the scenario cannot be loaded: {0}")]
    NotLoaded(String),
}

/// Writes a path down as a scenario, and runs it: it violates the same property, in the same shape.
///
/// # Errors
/// When no such scenario was found.
pub fn export(
    registry: &Registry,
    plan: &Plan,
    model: &WorldModel,
    found: &Counterexample,
) -> Result<Draft, NotExported> {
    let acts = model.acts(&found.path);
    let mut exporter = Exporter::new(registry, plan);
    for (place, act) in acts.iter().enumerate() {
        let happened = exporter.act(act)?;
        if !happened {
            let what = found.story[place].clone();
            return Err(NotExported::DoesNotHappen { step: place + 1, what });
        }
    }
    exporter.finish(plan, model, found)
}

struct Exporter<'a> {
    registry: &'a Registry,
    draft: Draft,
    /// What clients could ask, for as long as none has.
    spare: Option<Asked>,
    now: Duration,
    /// Messages that a line names already, with the instant of sending.
    placed: Vec<(MessageName, usize)>,
    /// Forces and syncs that a line names, or that a crash ended.
    done: Vec<SpanName>,
    invoked: Vec<(OpId, Duration, HistoryEntry)>,
    /// The latest crash of each node: its fault and its instant.
    crashed: Vec<(NodeId, usize, Duration)>,
    choices_made: usize,
}

impl<'a> Exporter<'a> {
    fn new(registry: &'a Registry, plan: &Plan) -> Self {
        let run = plan.runner().run(Seed(1), Recording::Full);
        let mut draft = freeze(plan, &run);
        draft.script = ScriptText { otherwise: Otherwise::Calm, ..ScriptText::default() };
        (draft.latency, draft.client_latency) = (NEVER, NEVER);
        (draft.force, draft.patience) = (NEVER, NEVER);
        (draft.quiet_tail, draft.service) = (None, None);
        draft.geometry = Geometry::default();
        let spare = draft.operations.first().cloned();
        draft.operations.clear();
        draft.faults.clear();
        draft.expect = Expect::Holds;
        Self {
            registry,
            draft,
            spare,
            now: Duration::ZERO,
            placed: Vec::new(),
            done: Vec::new(),
            invoked: Vec::new(),
            crashed: Vec::new(),
            choices_made: 0,
        }
    }

    /// Runs what there is so far, a while longer.
    fn played(&self, longer: Duration) -> Result<(Plan, Run), NotExported> {
        let mut draft = self.draft.clone();
        draft.run_for = self.now + longer;
        if draft.operations.is_empty() {
            // There is one at least, and this one comes too late.
            draft.operations.extend(self.spare.clone());
            draft.operations.iter_mut().for_each(|asked| asked.at = draft.run_for);
        }
        let plan = load(self.registry, "counterexample", &Edited::new(draft.text()));
        let plan = plan.map_err(|error| {
            let first = error.mistakes.first();
            NotExported::NotLoaded(first.map_or_else(String::new, |one| one.message.clone()))
        })?;
        let run = plan.runner().run(Seed(1), Recording::Full);
        Ok((plan, run))
    }

    fn act(&mut self, act: &Act) -> Result<bool, NotExported> {
        let Happens::Timer(node, text) = &act.what else {
            self.now += STEP;
            let happened = self.place(act)?;
            self.settle(act)?;
            return Ok(happened);
        };
        let (_, run) = self.played(AHEAD)?;
        let now = Time::ZERO + self.now;
        let fires = run.entries.iter().find(|entry| {
            let is_it = entry.kind == Kind::Timer && entry.who == Endpoint::from(*node);
            is_it && entry.at > now && entry.text == *text
        });
        let Some(fires) = fires else { return Ok(false) };
        self.now = fires.at.saturating_since(Time::ZERO);
        self.cut(*node, act);
        self.settle(act)?;
        Ok(true)
    }

    fn place(&mut self, act: &Act) -> Result<bool, NotExported> {
        match &act.what {
            Happens::Boot(node) => self.boot(*node, act),
            Happens::Deliver { from, to, text } if from == to => match act.cut {
                Some(effects) => self.cut_call(*to, text, effects, act),
                None => Ok(true), // A call is made at once.
            },
            Happens::Deliver { from, to, text } => {
                self.cut(*to, act);
                let ends = (Endpoint::from(*from), Endpoint::from(*to));
                self.arrive(ends, |name, entry| {
                    matches!(name.carried, Carried::Message(_)) && entry.text == *text
                })
            }
            Happens::Timer(..) => unreachable!("a timer has an instant of its own"),
            Happens::Durable(node) => {
                self.cut(*node, act);
                self.force(*node)
            }
            Happens::Read(_) => Ok(act.cut.is_none()), // It takes no time.
            Happens::Crash(node) => {
                self.crash(*node, CutAt::Boundary, act);
                Ok(true)
            }
            Happens::Invoke(entry) => self.invoke(entry),
            Happens::Request(op) => {
                let Some((client, node)) = self.ends_of(*op) else { return Ok(false) };
                self.cut(node, act);
                let (_, run) = self.played(Duration::ZERO)?;
                let ends = (run.catalog.client_end(client), Endpoint::from(node));
                self.arrive(ends, |name, _| {
                    name.carried == Carried::Request && name.topic.0 == u64::from(op.0)
                })
            }
            Happens::Answer(op, answer) => {
                let Some((client, node)) = self.ends_of(*op) else { return Ok(false) };
                let (_, run) = self.played(Duration::ZERO)?;
                let ends = (Endpoint::from(node), run.catalog.client_end(client));
                let text = format!("{op} {answer:?}");
                self.arrive(ends, |name, entry| {
                    name.carried == Carried::Reply && entry.text == text
                })
            }
            Happens::GiveUp(op) => {
                let asked = self.invoked.iter().find(|(asked, ..)| asked == op);
                let Some((_, at, _)) = asked else { return Ok(false) };
                self.draft.patience = self.now - *at;
                Ok(true)
            }
            Happens::Link => Ok(true),
        }
    }

    /// The crash before it lasts until now, and has ended what the disk was at.
    fn boot(&mut self, node: NodeId, act: &Act) -> Result<bool, NotExported> {
        let crash = self.crashed.iter().rfind(|(crashed, ..)| *crashed == node);
        let Some(&(_, fault, at)) = crash else { return Ok(false) };
        let (_, run) = self.played(Duration::ZERO)?;
        self.done.extend(begun(&run, node));
        if let Do::Crash { down, .. } = &mut self.draft.faults[fault].r#do {
            *down = SpanText::Between(self.now - at, self.now - at);
        }
        self.cut_boot(node, act);
        Ok(true)
    }

    fn invoke(&mut self, entry: &HistoryEntry) -> Result<bool, NotExported> {
        self.invoked.push((entry.op, self.now, *entry));
        self.draft.operations.push(Asked {
            at: self.now,
            client: entry.client.0 + 1,
            op: Some(entry.op.0),
            node: None,
            ask: entry.operation,
        });
        let (_, run) = self.played(Duration::ZERO)?;
        let node = run.catalog.node(entry.node).to_owned();
        self.draft.operations.last_mut().expect("it was just added").node = Some(node);
        Ok(true)
    }

    fn ends_of(&self, op: OpId) -> Option<(ClientId, NodeId)> {
        let asked = self.invoked.iter().find(|(asked, ..)| *asked == op);
        asked.map(|(.., entry)| (entry.client, entry.node))
    }

    /// Lets a message arrive now: the first that fits and has not arrived, or one of them again.
    fn arrive(
        &mut self,
        ends: (Endpoint, Endpoint),
        fits: impl Fn(MessageName, &Entry) -> bool,
    ) -> Result<bool, NotExported> {
        let (_, run) = self.played(Duration::ZERO)?;
        let now = Time::ZERO + self.now;
        let fitting: Vec<(MessageName, Time)> = run
            .decisions
            .iter()
            .filter_map(|decision| match decision {
                Decision::Message(event, name, _) if (name.from, name.to) == ends => {
                    let entry = entry(&run, *event)?;
                    (entry.at < now && fits(*name, entry)).then_some((*name, entry.at))
                }
                _ => None,
            })
            .collect();
        let placed = |name: &MessageName| self.placed.iter().find(|(known, _)| known == name);
        let fresh = fitting.iter().find(|(name, _)| placed(name).is_none());
        let Some(&(name, sent)) = fresh.or(fitting.last()) else { return Ok(false) };
        let takes = now.saturating_since(sent);
        if let Some(&(_, line)) = placed(&name) {
            let fate = &mut self.draft.script.messages[line].fate;
            let mut copies = match fate {
                FateText::Lost => Vec::new(),
                FateText::Takes(span) => vec![*span],
                FateText::Copies(spans) => spans.clone(),
            };
            copies.push(takes);
            *fate = FateText::Copies(copies);
            return Ok(true);
        }
        self.placed.push((name, self.draft.script.messages.len()));
        self.draft.script.messages.push(message_line(&run, name, FateText::Takes(takes)));
        Ok(true)
    }

    /// Lets the disk of a node be done now with what it began first. When that was is seen when it
    /// takes next to no time.
    fn force(&mut self, node: NodeId) -> Result<bool, NotExported> {
        let (_, run) = self.played(Duration::ZERO)?;
        let under_way = begun(&run, node).find(|name| !self.done.contains(name));
        let Some(name) = under_way else { return Ok(false) };
        self.done.push(name);
        let ended = ends(&run, node).count();
        let (script, nth) = (&mut self.draft.script, name.nth);
        let (label, lines) = match name.awaited {
            Awaited::Force(label) => {
                (run.catalog.records.names()[usize::from(label)].clone(), &mut script.forces)
            }
            Awaited::Sync(step) => {
                (run.catalog.steps[usize::from(step)].name.to_owned(), &mut script.syncs)
            }
            Awaited::Timer(_) => unreachable!("no disk runs a timer"),
        };
        let node_name = run.catalog.node(node).to_owned();
        lines.push(SpanLine { node: node_name, label, nth, takes: INSTANT });
        let (_, run) = self.played(Duration::ZERO)?;
        let Some(at) = ends(&run, node).nth(ended) else { return Ok(false) };
        let script = &mut self.draft.script;
        let lines = match name.awaited {
            Awaited::Sync(_) => &mut script.syncs,
            Awaited::Force(_) | Awaited::Timer(_) => &mut script.forces,
        };
        let line = lines.last_mut().expect("it was just added");
        line.takes = (Time::ZERO + self.now).saturating_since(at) + INSTANT;
        Ok(true)
    }

    /// A crash inside a call of a node to itself, which was made when it was asked for.
    fn cut_call(
        &mut self,
        node: NodeId,
        text: &str,
        effects: u32,
        act: &Act,
    ) -> Result<bool, NotExported> {
        let (_, run) = self.played(Duration::ZERO)?;
        let end = Endpoint::from(node);
        let is_it = |entry: &&Entry| {
            (entry.kind, entry.who, entry.peer) == (Kind::Deliver, end, end) && entry.text == text
        };
        let Some(call) = run.entries.iter().rfind(is_it) else { return Ok(false) };
        self.crash(node, CutAt::Boundary, act);
        self.crashed.last_mut().expect("it was just added").2 =
            call.at.saturating_since(Time::ZERO);
        let fault = self.draft.faults.last_mut().expect("it was just added");
        fault.when = inside(&run, call, effects);
        name_actor(&mut fault.r#do, &fault.when);
        Ok(true)
    }

    /// A crash inside the handler that runs now.
    fn cut(&mut self, node: NodeId, act: &Act) {
        if let Some(effects) = act.cut {
            self.crash(node, CutAt::Effects(effects), act);
        }
    }

    /// A node that boots is no victim before: its crash waits for the boot.
    fn cut_boot(&mut self, node: NodeId, act: &Act) {
        let Some(effects) = act.cut else { return };
        let before = self.crashed.iter().filter(|(crashed, ..)| *crashed == node).count();
        self.crash(node, CutAt::Boundary, act);
        let fault = self.draft.faults.last_mut().expect("it was just added");
        let name = match &fault.r#do {
            Do::Crash { node: Who::Node(name), .. } => name.clone(),
            _ => return,
        };
        let (nth, peer, topic) = (before as u32 + 1, None, None);
        fault.when =
            When::Inside { event: Event::Boot, effects, nth, node: Some(name), peer, topic };
        if let Do::Crash { node, .. } = &mut fault.r#do {
            *node = Who::Actor;
        }
    }

    fn crash(&mut self, node: NodeId, cut: CutAt, act: &Act) {
        let name = match self.played(Duration::ZERO) {
            Ok((_, run)) => run.catalog.node(node).to_owned(),
            Err(_) => return,
        };
        self.crashed.push((node, self.draft.faults.len(), self.now));
        self.draft.faults.push(Fault {
            id: format!("crash_{}", self.crashed.len()),
            when: When::At(Time::ZERO + self.now),
            r#do: Do::Crash {
                node: Who::Node(name),
                down: SpanText::Forever,
                cut,
                disk: crate::engine::faults::DiskFate::default(),
                keeps: Some(act.kept),
                sectors: act.files.map(|files| listed(files.sectors)),
                names: act.files.map(|files| files.names),
            },
        });
    }

    /// What the protocol chose in this act is what the path chose.
    fn settle(&mut self, act: &Act) -> Result<(), NotExported> {
        for &is in &act.choices {
            let (_, run) = self.played(Duration::ZERO)?;
            let mut choices = run.decisions.iter().filter_map(|decision| match decision {
                Decision::Choice(name, label, _) => Some((*name, label.clone())),
                _ => None,
            });
            let Some((name, label)) = choices.nth(self.choices_made) else { continue };
            self.choices_made += 1;
            let node = run.catalog.node(name.node).to_owned();
            let (topic, nth) = (name.topic.0, name.nth);
            self.draft.script.choices.push(ChoiceLine { node, label, topic, nth, is });
        }
        Ok(())
    }

    /// Everything else is lost, and then it must be the same.
    fn finish(
        mut self,
        plan: &Plan,
        model: &WorldModel,
        found: &Counterexample,
    ) -> Result<Draft, NotExported> {
        let (_, run) = self.played(STEP)?;
        self.draft.run_for = self.now + STEP;
        for decision in &run.decisions {
            match decision {
                Decision::Message(_, name, _) if self.placed.iter().all(|(one, _)| one != name) => {
                    self.draft.script.messages.push(message_line(&run, *name, FateText::Lost));
                }
                _ => {}
            }
        }
        let millisecond = Duration::from_millis(1);
        (self.draft.latency, self.draft.client_latency) = (millisecond, millisecond);
        let property: &str = &found.violation.property;
        self.draft.expect = Expect::Violates(property.to_owned());
        let (_, run) = self.played(STEP)?;
        let judged = run.judgements.iter().find(|judgement| judgement.property == property);
        let Some(Verdict::Violated(witness)) = judged.map(|judgement| &judgement.verdict) else {
            return Err(NotExported::NotTheSame(format!("{property} is not violated")));
        };
        let seen = shape(witness, &run.catalog);
        let wanted = model.witness_shape(plan, found, |witness| shape(witness, &plan.catalog));
        if wanted.as_ref().is_some_and(|wanted| *wanted != seen) {
            return Err(NotExported::NotTheSame(format!("{property} is violated otherwise")));
        }
        self.draft.expect = violations(&run);
        self.draft.story.clone_from(&found.story);
        Ok(self.draft)
    }
}

/// The forces and syncs that the disk of a node began with, in order.
fn begun(run: &Run, node: NodeId) -> impl Iterator<Item = SpanName> {
    run.decisions.iter().filter_map(move |decision| match decision {
        Decision::Span(name, _) if name.node == node => match name.awaited {
            Awaited::Force(_) | Awaited::Sync(_) => Some(*name),
            Awaited::Timer(_) => None,
        },
        _ => None,
    })
}

/// When the disk of a node was done with them.
fn ends(run: &Run, node: NodeId) -> impl Iterator<Item = Time> {
    let end = Endpoint::from(node);
    let done = |kind| matches!(kind, Kind::Durable | Kind::Synced | Kind::SyncFailed);
    let entries = run.entries.iter().filter(move |entry| entry.who == end && done(entry.kind));
    entries.map(|entry| entry.at)
}

fn entry(run: &Run, event: EventId) -> Option<&Entry> {
    let place = run.entries.binary_search_by_key(&event, |entry| entry.event);
    place.ok().map(|place| &run.entries[place])
}

fn message_line(run: &Run, name: MessageName, fate: FateText) -> MessageLine {
    let label = match name.carried {
        Carried::Message(label) => run.catalog.messages.names()[usize::from(label)].clone(),
        Carried::Request => REQUEST.to_owned(),
        Carried::Reply => REPLY.to_owned(),
    };
    MessageLine {
        from: run.catalog.endpoint(name.from),
        to: run.catalog.endpoint(name.to),
        label,
        topic: name.topic.0,
        nth: name.nth,
        fate,
    }
}
