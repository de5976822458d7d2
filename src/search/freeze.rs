//! Freezing: a recorded run as a scenario in which nothing is left to chance.
//!
//! ```text
//!   Run { history, entries, decisions } ──▶ Draft { operations, faults, decisions by name }
//!      a strike by the clock ──▶ At(instant)          a strike at a message ──▶ its fate, by name
//!      a cut at an effect    ──▶ Inside(handler, i)   a strike at a force   ──▶ Before(force, nth)
//! ```
//!
//! Every rule becomes one fault for each of its strikes, with the victim and the span that were
//! drawn; every message that did not take the usual time becomes a line. What the frozen scenario
//! does with any seed is what the run did. Copying the random laws and fixing a seed was rejected:
//! no part of such a file could be taken away without moving the others.
//!
//! This file is long because everything that a run decides is put into names in one place.
//!
//! Limits: the laws of handlers that take time stay as they are, and shuffled ties become insertion
//! order; where that matters the frozen run differs, and whoever freezes finds out by running it.

use crate::{
    base::{
        ids::{EventId, NodeId, Topic},
        sampler::Sampler,
        text::source::Tree,
        time::{Duration, Time},
    },
    engine::{
        faults::{Keeps, Pattern, Rule, Span, Victim, Watch, What, When as Trigger},
        network::{Direction, Order},
        runner::Catalog,
        script::{Awaited, Carried, Decision, MessageName, Otherwise, Strike, StruckAt, Travel},
        setup::Setup,
        trace::{Entry, Kind},
    },
    scenario::{
        model::{self, Do, Event, Expect, Fault, Group, SpanText, When, Who},
        plan::Plan,
        run::Run,
        script::{
            ChoiceLine, ClockLine, FateText, MessageLine, REPLY, REQUEST, ScriptText, SpanLine,
        },
        write::{Asked, Draft},
    },
};
use std::collections::{BTreeMap, BTreeSet};

/// Writes a recorded run down. What it violates is what the draft expects.
pub fn freeze(plan: &Plan, run: &Run) -> Draft {
    let setup = &plan.setup;
    let usual = Usual::of(setup);
    let freezer = Freezer { plan, run, usual, catalog: &run.catalog };
    Draft {
        story: Vec::new(),
        title: plan.title.clone(),
        protocol: raw(plan, "protocol").unwrap_or_else(|| plan.protocol.clone()),
        latency: usual.latency,
        client_latency: usual.client_latency,
        order: match setup.link.order {
            Order::Independent => model::Order::Independent,
            Order::Fifo => model::Order::Fifo,
        },
        force: usual.force,
        geometry: plan.setup.geometry,
        service: raw(plan, "service"),
        patience: setup.patience,
        operations: freezer.operations(),
        faults: freezer.faults(),
        script: freezer.script(),
        ablate: steps(setup.ablated, &run.catalog),
        checks: raw(plan, "checks").unwrap_or_else(|| "[]".to_owned()),
        expect: violations(run),
        run_for: setup.end.saturating_since(Time::ZERO),
        quiet_tail: setup.heal_at.map(|at| setup.end.saturating_since(at)),
    }
}

/// What a run violates, as a scenario expects it.
pub fn violations(run: &Run) -> Expect {
    use crate::checkers::Verdict;
    let violated = run.judgements.iter().filter(|j| matches!(j.verdict, Verdict::Violated(_)));
    let mut properties: Vec<String> = violated.map(|j| j.property.to_owned()).collect();
    match properties.len() {
        0 => Expect::Holds,
        1 => Expect::Violates(properties.remove(0)),
        _ => Expect::ViolatesAll(properties),
    }
}

/// The text of a field of the scenario, as its author wrote it.
fn raw(plan: &Plan, path: &str) -> Option<String> {
    let tree = Tree::parse(&plan.text).ok()?;
    let node = tree.root.field(&plan.text, path)?;
    Some(node.text(&plan.text).to_owned())
}

fn steps(mask: u64, catalog: &Catalog) -> Vec<String> {
    let steps = catalog.steps.iter().enumerate().filter(|(place, _)| mask >> place & 1 == 1);
    steps.map(|(_, step)| step.name.to_owned()).collect()
}

/// What messages and forces take that no line names: the median of each law, to one digit.
#[derive(Clone, Copy, Debug)]
struct Usual {
    latency: Duration,
    client_latency: Duration,
    force: Duration,
}

impl Usual {
    fn of(setup: &Setup) -> Self {
        let median = |law: &Sampler| rounded(law.sample(u64::MAX / 2));
        Self {
            latency: median(&setup.link.latency),
            client_latency: median(&setup.client_link.latency),
            force: median(&setup.force),
        }
    }
}

/// A span to its first digit, rounded up.
pub(super) fn rounded(span: Duration) -> Duration {
    rounded_to(span, 1)
}

/// A span to its first digits, rounded up.
pub(super) fn rounded_to(span: Duration, digits: u32) -> Duration {
    let nanos = span.as_nanos();
    let length = nanos.checked_ilog10().map_or(1, |log| log + 1);
    let unit = 10_u64.pow(length.saturating_sub(digits));
    Duration::from_nanos(nanos.div_ceil(unit).saturating_mul(unit))
}

/// Names for the strikes of rules: the rule's own for the first one, then with the next number
/// that is free.
struct Names<'a> {
    taken: BTreeSet<String>,
    times: BTreeMap<&'a str, u32>,
}

impl<'a> Names<'a> {
    fn of(rules: &'a [Rule]) -> Self {
        let taken = rules.iter().map(|rule| rule.id.clone()).collect();
        Self { taken, times: BTreeMap::new() }
    }

    fn next(&mut self, rule: &'a str) -> String {
        let times = self.times.entry(rule).or_default();
        loop {
            *times += 1;
            if *times == 1 {
                return rule.to_owned();
            }
            let name = format!("{rule}_{times}");
            if self.taken.insert(name.clone()) {
                return name;
            }
        }
    }
}

struct Freezer<'a> {
    plan: &'a Plan,
    run: &'a Run,
    usual: Usual,
    catalog: &'a Catalog,
}

impl Freezer<'_> {
    fn name(&self, node: NodeId) -> String {
        self.catalog.node(node).to_owned()
    }

    fn operations(&self) -> Vec<Asked> {
        let of = |entry: &crate::engine::operations::HistoryEntry| Asked {
            at: entry.invoked_at.saturating_since(Time::ZERO),
            client: entry.client.0 + 1,
            op: Some(entry.op.0),
            node: Some(self.name(entry.node)),
            ask: entry.operation,
        };
        self.run.history.iter().map(of).collect()
    }

    fn script(&self) -> ScriptText {
        let mut script = ScriptText { otherwise: Otherwise::Calm, ..ScriptText::default() };
        for decision in &self.run.decisions {
            match decision {
                Decision::Message(_, name, travel) => {
                    script.messages.extend(self.message(*name, travel));
                }
                Decision::Span(name, takes) => {
                    let (labels, list) = match name.awaited {
                        Awaited::Force(_) | Awaited::Sync(_) if *takes == self.usual.force => {
                            continue;
                        }
                        Awaited::Force(_) => (&self.catalog.records, &mut script.forces),
                        Awaited::Timer(_) => (&self.catalog.timers, &mut script.timers),
                        Awaited::Sync(step) => {
                            let label = self.catalog.steps[usize::from(step)].name.to_owned();
                            let (node, nth) = (self.name(name.node), name.nth);
                            script.syncs.push(SpanLine { node, label, nth, takes: *takes });
                            continue;
                        }
                    };
                    let (Awaited::Force(label) | Awaited::Timer(label) | Awaited::Sync(label)) =
                        name.awaited;
                    let label = labels.names()[usize::from(label)].clone();
                    let (node, nth) = (self.name(name.node), name.nth);
                    list.push(SpanLine { node, label, nth, takes: *takes });
                }
                Decision::Choice(name, label, is) if *is != 0 => script.choices.push(ChoiceLine {
                    node: self.name(name.node),
                    label: label.clone(),
                    topic: name.topic.0,
                    nth: name.nth,
                    is: *is,
                }),
                Decision::Clock(whose, offset, drift)
                    if offset.as_nanos() != 0 || drift.as_parts() != 0 =>
                {
                    let (node, offset, drift) = (self.catalog.endpoint(*whose), *offset, *drift);
                    script.clocks.push(ClockLine { node, offset, drift });
                }
                Decision::Core(core) => {
                    script.core = Some(core.iter().map(|node| self.name(node)).collect());
                }
                Decision::Choice(..)
                | Decision::Clock(..)
                | Decision::Strike(_)
                | Decision::Kept { .. } => {}
            }
        }
        script
    }

    /// A line for a message that did not travel as usual.
    fn message(&self, name: MessageName, travel: &Travel) -> Option<MessageLine> {
        let (label, usual) = match name.carried {
            Carried::Message(label) => {
                (self.catalog.messages.names()[usize::from(label)].clone(), self.usual.latency)
            }
            Carried::Request => (REQUEST.to_owned(), self.usual.client_latency),
            Carried::Reply => (REPLY.to_owned(), self.usual.client_latency),
        };
        let fate = match travel {
            Travel::Lost => FateText::Lost,
            Travel::Takes(spans) if spans[..] == [usual] => return None,
            Travel::Takes(spans) if spans.len() == 1 => FateText::Takes(spans[0]),
            Travel::Takes(spans) => FateText::Copies(spans.clone()),
        };
        Some(MessageLine {
            from: self.catalog.endpoint(name.from),
            to: self.catalog.endpoint(name.to),
            label,
            topic: name.topic.0,
            nth: name.nth,
            fate,
        })
    }

    /// One fault for each strike.
    fn faults(&self) -> Vec<Fault> {
        let kept: BTreeMap<(u16, u64), Keeps> = self
            .run
            .decisions
            .iter()
            .filter_map(|decision| match decision {
                Decision::Kept { rule, strike, keeps } => Some(((*rule, *strike), *keeps)),
                _ => None,
            })
            .collect();
        let strikes = self.run.decisions.iter().filter_map(|decision| match decision {
            Decision::Strike(strike) => Some(strike),
            _ => None,
        });
        let mut names = Names::of(&self.plan.setup.rules);
        strikes
            .filter_map(|strike| {
                let when = self.when(strike)?;
                let rule = &self.plan.setup.rules[usize::from(strike.rule)];
                let id = names.next(&rule.id);
                let kept = kept.get(&(strike.rule, strike.strike)).copied();
                let mut done = self.done(&strike.what, kept);
                if !matches!(when, When::At(_)) {
                    name_actor(&mut done, &when);
                }
                Some(Fault { id, when, r#do: done })
            })
            .collect()
    }

    fn when(&self, strike: &Strike) -> Option<When> {
        match strike.place {
            StruckAt::Message => None, // The decision about the message says what came of it.
            StruckAt::Clock => Some(When::At(strike.at)),
            StruckAt::Trigger => Some(self.trigger(strike.rule)),
            StruckAt::Force { asked } => Some(self.force(self.entry(asked)?, strike.at)),
            StruckAt::Inside { handler, effects } => {
                let entry = self.entry(handler)?;
                Some(inside(self.run, entry, effects))
            }
        }
    }

    /// The force or sync that was asked for at an event. A sync that began on its own, behind the
    /// one that it had waited for, is named by its instant: just after it, for others may have ended
    /// right then.
    fn force(&self, asked: &Entry, at: Time) -> When {
        let (event, entry) = match asked.kind {
            Kind::Force => {
                let label = &self.catalog.records.names()[usize::from(asked.label)];
                (Event::Force(label.clone()), asked)
            }
            Kind::Sync => {
                let step = self.catalog.steps[usize::from(asked.label)].name.to_owned();
                let mut passed = self.run.entries.iter().rev().filter(|entry| {
                    entry.event < asked.event && (entry.kind, entry.who) == (Kind::Step, asked.who)
                });
                (Event::Step(step), passed.next().expect("a sync belongs to a step"))
            }
            _ => return When::At(at + Duration::from_nanos(1)),
        };
        let Occasion { node, nth, .. } = Occasion::of(self.run, entry);
        When::Before { event, nth, node, peer: None, topic: None }
    }

    fn entry(&self, event: EventId) -> Option<&Entry> {
        let place = self.run.entries.binary_search_by_key(&event, |entry| entry.event);
        place.ok().map(|place| &self.run.entries[place])
    }

    /// The trigger of a rule, in names.
    fn trigger(&self, rule: u16) -> When {
        let names = |nodes: &[NodeId]| nodes.first().map(|&node| self.name(node));
        let parts = |pattern: &Pattern| {
            let topic = pattern.topic.and_then(|topic| u32::try_from(topic).ok());
            (self.watched(pattern), names(&pattern.nodes), names(&pattern.peers), topic)
        };
        match &self.plan.setup.rules[usize::from(rule)].when {
            Trigger::Before(pattern, nth) => {
                let (event, node, peer, topic) = parts(pattern);
                When::Before { event, nth: *nth, node, peer, topic }
            }
            Trigger::After(pattern, nth) => {
                let (event, node, peer, topic) = parts(pattern);
                When::After { event, nth: *nth, node, peer, topic }
            }
            Trigger::Inside(pattern, nth, effects) => {
                let (event, node, peer, topic) = parts(pattern);
                When::Inside { event, effects: *effects, nth: *nth, node, peer, topic }
            }
            _ => unreachable!("only triggered rules strike at triggers"),
        }
    }

    fn watched(&self, pattern: &Pattern) -> Event {
        let label = usize::from(pattern.label.unwrap_or(0));
        match pattern.watch {
            Watch::Step => Event::Step(self.catalog.steps[label].name.to_owned()),
            Watch::Send => Event::Send(self.catalog.messages.names()[label].clone()),
            Watch::Deliver => Event::Deliver(self.catalog.messages.names()[label].clone()),
            Watch::Force => Event::Force(self.catalog.records.names()[label].clone()),
            Watch::Timer => Event::Timer(self.catalog.timers.names()[label].clone()),
            Watch::Boot => Event::Boot,
            Watch::Request => Event::Request,
        }
    }

    /// What a strike did, in names.
    fn done(&self, what: &What, kept: Option<Keeps>) -> Do {
        let who = |victim: &Victim| match victim {
            Victim::Actor => Who::Actor,
            Victim::OneOf(nodes) => Who::Node(self.name(nodes[0])),
        };
        let nodes =
            |nodes: &[NodeId]| Group::Nodes(nodes.iter().map(|&node| self.name(node)).collect());
        match what {
            What::Crash { node, down, cut, disk, keeps } => Do::Crash {
                node: who(node),
                down: span(down),
                cut: *cut,
                disk: *disk,
                keeps: kept.unwrap_or(*keeps).records,
                sectors: sectors(kept.unwrap_or(*keeps)),
                names: kept.unwrap_or(*keeps).names,
            },
            What::Pause { node, span: long } => Do::Pause { node: who(node), r#for: span(long) },
            What::Slow { node, span: long, service } => {
                Do::Slow { node: who(node), service: *service, r#for: span(long) }
            }
            What::StallDisk { node, span: long } => {
                Do::StallDisk { node: who(node), r#for: span(long) }
            }
            What::BadDisk { node, how, span: long } => {
                let lasts = how.lasts().then(|| span(long));
                Do::BadDisk { node: who(node), how: how.clone(), r#for: lasts }
            }
            What::FailForce { node, down, keeps } => {
                let kept = kept.unwrap_or(*keeps);
                let (keeps, names, sectors) = (kept.records, kept.names, sectors(kept));
                Do::FailForce { node: who(node), down: span(down), keeps, sectors, names }
            }
            What::Cut { groups, span: long, direction, held } => {
                let mut sides = self.sides(groups);
                match direction {
                    Direction::Both => Do::Cut { groups: sides, r#for: span(long), held: *held },
                    Direction::OneWay => {
                        let (to, from) = (sides.remove(1), sides.remove(0));
                        Do::CutOneWay { from, to, r#for: span(long), held: *held }
                    }
                }
            }
            What::SlowLink { from, to, factor, span: long } => Do::SlowLink {
                from: nodes(from),
                to: nodes(to),
                factor: *factor,
                r#for: span(long),
            },
            What::JumpClock { node, by } => Do::JumpClock { node: who(node), by: *by },
            What::Lose | What::Delay(_) | What::Duplicate(_) => Do::Lose,
        }
    }

    /// The sides of a cut, in the order of their numbers.
    fn sides(&self, groups: &[u8]) -> Vec<Group> {
        let nodes = self.catalog.nodes.len();
        let last = groups.iter().copied().filter(|group| *group != u8::MAX).max().unwrap_or(0);
        let members =
            |side: u8| groups.iter().enumerate().filter(move |(_, group)| **group == side);
        (0..=last)
            .map(|side| {
                if members(side).any(|(end, _)| end >= nodes) {
                    return Group::Clients;
                }
                let names = members(side).map(|(end, _)| self.catalog.nodes[end].clone());
                Group::Nodes(names.collect())
            })
            .collect()
    }
}

/// A trigger at one node hits that node as its actor.
pub(super) fn name_actor(done: &mut Do, when: &When) {
    let (When::Before { node: at, .. }
    | When::After { node: at, .. }
    | When::Inside { node: at, .. }) = when
    else {
        return;
    };
    let (Do::Crash { node: who, .. }
    | Do::Pause { node: who, .. }
    | Do::Slow { node: who, .. }
    | Do::StallDisk { node: who, .. }
    | Do::BadDisk { node: who, .. }
    | Do::FailForce { node: who, .. }
    | Do::JumpClock { node: who, .. }) = done
    else {
        return;
    };
    let is_actor = match (&*who, at) {
        (Who::Node(name), Some(at)) => name == at,
        _ => matches!(when, When::Inside { .. }),
    };
    if is_actor {
        *who = Who::Actor;
    }
    if let Do::Crash { cut, node: Who::Actor, .. } = done {
        *cut = crate::engine::faults::CutAt::default(); // A trigger says where it falls.
    }
}

/// The node that a fault hits, if it hits one.
pub(super) fn victim(fault: &Fault) -> Option<String> {
    let (Do::Crash { node, .. }
    | Do::Pause { node, .. }
    | Do::Slow { node, .. }
    | Do::StallDisk { node, .. }
    | Do::BadDisk { node, .. }
    | Do::FailForce { node, .. }
    | Do::JumpClock { node, .. }) = &fault.r#do
    else {
        return None;
    };
    match (node, &fault.when) {
        (Who::Node(name), _) => Some(name.clone()),
        (
            Who::Actor,
            When::Before { node, .. } | When::After { node, .. } | When::Inside { node, .. },
        ) => node.clone(),
        _ => None,
    }
}

/// Surviving sectors as a scenario lists them.
fn sectors(kept: Keeps) -> Option<Vec<u8>> {
    kept.sectors.map(listed)
}

/// Sectors as a scenario lists them.
pub(super) fn listed(bits: u64) -> Vec<u8> {
    (0..64).filter(|sector| bits >> sector & 1 == 1).collect()
}

/// How long a fault lasts.
pub(super) fn span_of(what: &mut Do) -> Option<&mut SpanText> {
    match what {
        Do::Crash { down, .. } | Do::FailForce { down, .. } => Some(down),
        Do::Pause { r#for, .. }
        | Do::Slow { r#for, .. }
        | Do::StallDisk { r#for, .. }
        | Do::Cut { r#for, .. }
        | Do::CutOneWay { r#for, .. }
        | Do::SlowLink { r#for, .. } => Some(r#for),
        Do::Delay { by } => Some(by),
        Do::BadDisk { r#for, .. } => r#for.as_mut(),
        Do::JumpClock { .. } | Do::Lose | Do::Duplicate { .. } => None,
    }
}

/// A span of which nothing is left to draw.
fn span(span: &Span) -> SpanText {
    match span {
        Span::For(law) => {
            let fixed = law.sample(0);
            SpanText::Between(fixed, fixed)
        }
        Span::Forever => SpanText::Forever,
    }
}

/// How a trigger names one event among all that are like it.
#[derive(Debug)]
pub(super) struct Occasion {
    pub(super) node: Option<String>,
    /// Who sent the message, where that has to be said.
    pub(super) peer: Option<String>,
    /// The conversation, where there is one.
    pub(super) topic: Option<u32>,
    /// Which of them it is, counted from 1.
    pub(super) nth: u32,
}

impl Occasion {
    /// The occasion of an event of the run. What a node tells itself is delivered without having
    /// been sent, and its conversation is not in the run: where there is such, a message that was
    /// sent is counted among those of its sender.
    pub(super) fn of(run: &Run, entry: &Entry) -> Self {
        let about = topic(run, entry);
        let itself = |other: &Entry| is_like(other, entry) && other.peer == other.who;
        let is_message =
            handler(&run.catalog, entry).is_some_and(|event| matches!(event, Event::Deliver(_)));
        let told = is_message && about.is_some() && run.entries.iter().any(itself);
        let alike = |other: &&Entry| {
            is_like(other, entry)
                && other.event <= entry.event
                && (!told || other.peer == entry.peer)
                && (about.is_none() || topic(run, other) == about)
        };
        Self {
            node: Some(run.catalog.endpoint(entry.who)),
            peer: told.then(|| run.catalog.endpoint(entry.peer)),
            topic: about,
            nth: run.entries.iter().filter(alike).count() as u32,
        }
    }
}

fn is_like(one: &Entry, other: &Entry) -> bool {
    (one.kind, one.label, one.who) == (other.kind, other.label, other.who)
}

/// The conversation of a message that was sent or handled, if it has one.
fn topic(run: &Run, entry: &Entry) -> Option<u32> {
    let sent = match entry.kind {
        Kind::Send => entry.event,
        Kind::Deliver => entry.cause,
        _ => return None,
    };
    let of = |decision: &Decision| match decision {
        Decision::Message(event, name, _) if *event == sent => Some(name.topic),
        _ => None,
    };
    let topic = run.decisions.iter().find_map(of).filter(|topic| *topic != Topic::NONE)?;
    u32::try_from(topic.0).ok()
}

/// The event of a handler, as a trigger names it; `None` for what is no handler.
pub(super) fn handler(catalog: &Catalog, entry: &Entry) -> Option<Event> {
    match entry.kind {
        Kind::Deliver if entry.label == u16::MAX => Some(Event::Request),
        Kind::Deliver => {
            Some(Event::Deliver(catalog.messages.names()[usize::from(entry.label)].clone()))
        }
        Kind::Timer => Some(Event::Timer(catalog.timers.names()[usize::from(entry.label)].clone())),
        Kind::Boot => Some(Event::Boot),
        _ => None,
    }
}

/// The trigger that cuts a handler after some of its effects.
pub(super) fn inside(run: &Run, entry: &Entry, effects: u32) -> When {
    let event = handler(&run.catalog, entry).expect("a handler was cut");
    let Occasion { node, peer, topic, nth } = Occasion::of(run, entry);
    When::Inside { event, effects, nth, node, peer, topic }
}

/// A message that is lost, as a script writes it.
pub(super) fn lost(catalog: &Catalog, name: MessageName) -> Option<MessageLine> {
    let Carried::Message(label) = name.carried else { return None };
    Some(MessageLine {
        from: catalog.endpoint(name.from),
        to: catalog.endpoint(name.to),
        label: catalog.messages.names()[usize::from(label)].clone(),
        topic: name.topic.0,
        nth: name.nth,
        fate: FateText::Lost,
    })
}
