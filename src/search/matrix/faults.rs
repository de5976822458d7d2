//! Every single fault at every event: what there is to do to a calm run, as lines of a scenario.
//!
//! ```text
//!   each message    lost · slow · late · twice · again, late     script: messages: […]
//!   each handler    a crash after 0, 1, … all of its effects     Inside(event: …, effects: i)
//!   each force      a crash while the disk works on it           At("…")
//!   each phase      every cut of the nodes in two, each way      After(event: …)
//! ```
//!
//! A phase is the first occurrence of each kind of event: the first `Prepare` that leaves, the first
//! that is handled, the first `Prepared` on disk. Faults are anchored to events by name; only a
//! crash during a force is anchored to an instant, for no event lies inside it.
//!
//! Limits: with more than a handful of nodes, cuts are those that isolate one node.

use super::{
    Fault as Marked, Row,
    calm::{Calm, Sent},
};
use crate::{
    base::{
        ids::{EventId, NodeId},
        table::Table,
        time::{Duration, Time},
    },
    engine::{
        faults::{CutAt, DiskFate},
        network::{Endpoint, Held},
        script::{Carried, MessageName},
        trace::{Entry, Kind},
    },
    scenario::{
        model::{Do, Event, Fault, Group, SpanText, When, Who},
        run::Run,
        script::{FateText, MessageLine, REPLY, REQUEST},
    },
};

/// Up to so many nodes, every cut in two is tried: 31 of them.
const NODES_MAX: usize = 6;

/// Everything that can be done to the calm run, but for crashes inside handlers, whose number only
/// running them tells.
pub(super) struct Faults<'a> {
    calm: &'a Calm,
    /// How long faults and delays last.
    spans: Spans,
}

/// How long faults and delays last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spans {
    /// Longer than the shortest timer that anyone sets.
    pub(super) slow: Duration,
    /// Longer than anyone waits.
    pub(super) late: Duration,
}

/// A handler of the calm run.
#[derive(Clone, Debug)]
pub(super) struct Handler {
    /// The event that it handles.
    pub(super) event: EventId,
    /// Where.
    pub(super) node: NodeId,
    trigger: Trigger,
    id: String,
}

#[derive(Clone, Debug)]
struct Trigger {
    event: Event,
    nth: u32,
    node: Option<String>,
    peer: Option<String>,
    topic: Option<u32>,
}

/// How a crash of the matrix ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Return {
    /// The node comes back after a while.
    Later,
    /// It does not, before the healing.
    Never,
}

impl<'a> Faults<'a> {
    pub(super) fn new(calm: &'a Calm, spans: Spans) -> Self {
        Self { calm, spans }
    }

    fn run(&self) -> &'a Run {
        &self.calm.run
    }

    fn node(&self, node: NodeId) -> String {
        self.run().catalog.node(node).to_owned()
    }

    fn end(&self, end: Endpoint) -> String {
        self.run().catalog.endpoint(end)
    }

    /// Each message lost. Apart from the others, since it shows how long anyone waits.
    pub(super) fn losses(&self) -> Vec<Marked> {
        let lost = |sent: Sent| self.message(&sent, "lost", FateText::Lost);
        self.calm.sent().map(lost).collect()
    }

    /// Each message slow, late, twice, and once more long after.
    pub(super) fn delays(&self) -> Vec<Marked> {
        let Spans { slow, late } = self.spans;
        let mut marked = Vec::new();
        for sent in self.calm.sent() {
            let takes = sent.takes;
            if takes < slow && slow < late {
                marked.push(self.message(&sent, "slow", FateText::Takes(slow)));
            }
            marked.push(self.message(&sent, "late", FateText::Takes(late)));
            if matches!(sent.name.carried, Carried::Message(_)) {
                let twice = FateText::Copies(vec![takes, takes]);
                marked.push(self.message(&sent, "twice", twice));
                let again = FateText::Copies(vec![takes, late]);
                marked.push(self.message(&sent, "again late", again));
            }
        }
        marked
    }

    fn message(&self, sent: &Sent, kind: &'static str, fate: FateText) -> Marked {
        let MessageName { from, to, carried, topic, nth } = sent.name;
        let label = match carried {
            Carried::Message(label) => self.run().catalog.messages.name(label).to_owned(),
            Carried::Request => REQUEST.to_owned(),
            Carried::Reply => REPLY.to_owned(),
        };
        let (from, to) = (self.end(from), self.end(to));
        let id = format!("{}.{label}.{from}.{to}.t{}{}", dashed(kind), topic.0, repeated(nth));
        let line = MessageLine { from: from.clone(), to, label, topic: topic.0, nth, fate };
        let row = Row { kind, of: from };
        Marked { id, row, column: sent.event, faults: Vec::new(), messages: vec![line] }
    }

    /// Every handler of the calm run.
    pub(super) fn handlers(&self) -> Vec<Handler> {
        let sent: Table<EventId, MessageName> =
            self.calm.sent().map(|sent| (sent.event, sent.name)).collect();
        let mut seen: Vec<Trigger> = Vec::new();
        let mut handlers = Vec::new();
        for entry in &self.run().entries {
            let Some((event, peer, topic)) = self.handled(entry, &sent) else { continue };
            let node = Some(self.end(entry.who));
            let mut trigger = Trigger { event, nth: 1, node, peer, topic };
            trigger.nth += seen.iter().filter(|other| other.is_like(&trigger)).count() as u32;
            seen.push(trigger.clone());
            let id = trigger.id();
            handlers.push(Handler { event: entry.event, node: NodeId(entry.who.0), trigger, id });
        }
        handlers
    }

    /// What a handler handles: the event, its sender, its conversation.
    fn handled(
        &self,
        entry: &Entry,
        sent: &Table<EventId, MessageName>,
    ) -> Option<(Event, Option<String>, Option<u32>)> {
        let catalog = &self.run().catalog;
        let known = |name: &MessageName| u32::try_from(name.topic.0).ok();
        match entry.kind {
            Kind::Boot => Some((Event::Boot, None, None)),
            Kind::Timer => {
                Some((Event::Timer(catalog.timers.name(entry.label).to_owned()), None, None))
            }
            Kind::Deliver if is_request(entry) => {
                Some((Event::Request, None, sent.get(&entry.cause).and_then(known)))
            }
            Kind::Deliver => {
                let label = catalog.messages.name(entry.label).to_owned();
                let topic = sent.get(&entry.cause).and_then(known);
                Some((Event::Deliver(label), Some(self.end(entry.peer)), topic))
            }
            _ => None,
        }
    }

    /// A crash after so many effects of a handler. `keeps` records that no force covers survive.
    pub(super) fn crash(
        &self,
        handler: &Handler,
        effects: u32,
        keeps: u32,
        back: Return,
    ) -> Marked {
        let Trigger { event, nth, node, peer, topic } = handler.trigger.clone();
        let kind = crash_kind(keeps, back);
        let id = format!("{}.{}.after{effects}", dashed(kind), handler.id);
        let when = When::Inside { event, effects, nth, node, peer, topic };
        let fault =
            Fault { id: "crash".to_owned(), when, r#do: self.dies(Who::Actor, keeps, back) };
        let row = Row { kind, of: self.node(handler.node) };
        Marked { id, row, column: handler.event, faults: vec![fault], messages: Vec::new() }
    }

    fn dies(&self, node: Who, keeps: u32, back: Return) -> Do {
        let down = match back {
            Return::Later => SpanText::Between(self.spans.late, self.spans.late),
            Return::Never => SpanText::Forever,
        };
        let cut = CutAt::Boundary;
        let (keeps, sectors, names) = (Some(keeps), None, None);
        Do::Crash { node, down, cut, disk: DiskFate::Keep, keeps, sectors, names }
    }

    /// The instants at which a disk works on a force: the force, and the middle of the wait.
    pub(super) fn forces(&self) -> Vec<(EventId, NodeId, Time)> {
        let entries = &self.run().entries;
        let mut found: Vec<(EventId, NodeId, Time)> = Vec::new();
        for (place, force) in entries.iter().enumerate() {
            let done = |entry: &&Entry| entry.kind == Kind::Durable && entry.who == force.who;
            let Some(durable) = entries[place..].iter().find(done) else { continue };
            let middle = force.at + durable.at.saturating_since(force.at) / 2;
            let node = NodeId(force.who.0);
            let known = found.iter().any(|&(_, at, known)| (at, known) == (node, middle));
            if force.kind == Kind::Force && force.at < middle && !known {
                found.push((force.event, node, middle));
            }
        }
        found
    }

    /// A crash while the disk works.
    pub(super) fn disk_crash(
        &self,
        (force, node, at): (EventId, NodeId, Time),
        keeps: u32,
        back: Return,
    ) -> Marked {
        let entries = &self.run().entries;
        let entry = entries.iter().find(|entry| entry.event == force).expect("it was recorded");
        let label = self.run().catalog.records.name(entry.label);
        let like = |other: &&Entry| {
            (other.kind, other.who, other.label) == (entry.kind, entry.who, entry.label)
                && other.event <= force
        };
        let nth = entries.iter().filter(like).count() as u32;
        let kind = match (keeps, back) {
            (0, Return::Later) => "crash forcing",
            (_, Return::Later) => "crash forcing kept",
            (0, Return::Never) => "gone forcing",
            (_, Return::Never) => "gone forcing kept",
        };
        let name = self.node(node);
        let id = format!("{}.{name}.{label}{}", dashed(kind), repeated(nth));
        let r#do = self.dies(Who::Node(name.clone()), keeps, back);
        let fault = Fault { id: "crash".to_owned(), when: When::At(at), r#do };
        let row = Row { kind, of: name };
        Marked { id, row, column: force, faults: vec![fault], messages: Vec::new() }
    }

    /// Every cut of the nodes in two, both ways and each way, at each phase.
    pub(super) fn cuts(&self) -> Vec<Marked> {
        let sides = sides(self.run().catalog.nodes.len());
        let phases = self.phases();
        let mut marked = Vec::new();
        for side in &sides {
            for (kind, direction) in [("cut", Way::Both), ("mute", Way::Out), ("deaf", Way::In)] {
                let cut = |phase: &(EventId, Event)| self.cut(kind, direction, side, phase);
                marked.extend(phases.iter().map(cut));
            }
        }
        marked
    }

    fn cut(
        &self,
        kind: &'static str,
        way: Way,
        side: &[NodeId],
        (column, event): &(EventId, Event),
    ) -> Marked {
        let catalog = &self.run().catalog;
        let others = (0..catalog.nodes.len() as u16).map(NodeId);
        let others: Vec<NodeId> = others.filter(|node| !side.contains(node)).collect();
        let group =
            |nodes: &[NodeId]| Group::Nodes(nodes.iter().map(|&node| self.node(node)).collect());
        let (side, others) = (group(side), group(&others));
        let of = names(&side);
        let (r#for, held) = (SpanText::Between(self.spans.late, self.spans.late), Held::Drop);
        let r#do = match way {
            Way::Both => Do::Cut { groups: vec![side, others], r#for, held },
            Way::Out => Do::CutOneWay { from: side, to: others, r#for, held },
            Way::In => Do::CutOneWay { from: others, to: side, r#for, held },
        };
        let id = format!("{kind}.{of}.{}", event_id(event));
        let (node, peer, topic) = (None, None, None);
        let when = When::After { event: event.clone(), nth: 1, node, peer, topic };
        let fault = Fault { id: kind.to_owned(), when, r#do };
        let row = Row { kind, of };
        Marked { id, row, column: *column, faults: vec![fault], messages: Vec::new() }
    }

    /// The first occurrence of each kind of event.
    fn phases(&self) -> Vec<(EventId, Event)> {
        let catalog = &self.run().catalog;
        let mut phases: Vec<(EventId, Event)> = Vec::new();
        for entry in &self.run().entries {
            let label = entry.label;
            let event = match entry.kind {
                Kind::Boot => Event::Boot,
                Kind::Send => Event::Send(catalog.messages.name(label).to_owned()),
                Kind::Deliver if is_request(entry) => Event::Request,
                Kind::Deliver => Event::Deliver(catalog.messages.name(label).to_owned()),
                Kind::Force => Event::Force(catalog.records.name(label).to_owned()),
                Kind::Timer => Event::Timer(catalog.timers.name(label).to_owned()),
                _ => continue,
            };
            if phases.iter().all(|(_, known)| *known != event) {
                phases.push((entry.event, event));
            }
        }
        phases
    }
}

#[derive(Clone, Copy)]
enum Way {
    Both,
    Out,
    In,
}

impl Trigger {
    fn is_like(&self, other: &Self) -> bool {
        (&self.event, &self.node, &self.peer, self.topic)
            == (&other.event, &other.node, &other.peer, other.topic)
    }

    fn id(&self) -> String {
        let part = |part: &Option<String>| part.as_ref().map_or(String::new(), |p| format!(".{p}"));
        let topic = self.topic.map_or_else(String::new, |topic| format!(".t{topic}"));
        let (node, peer) = (part(&self.node), part(&self.peer));
        format!("{}{peer}{node}{topic}{}", event_id(&self.event), repeated(self.nth))
    }
}

fn crash_kind(keeps: u32, back: Return) -> &'static str {
    match (keeps, back) {
        (0, Return::Later) => "crash",
        (_, Return::Later) => "crash kept",
        (0, Return::Never) => "gone",
        (_, Return::Never) => "gone kept",
    }
}

fn is_request(entry: &Entry) -> bool {
    entry.kind == Kind::Deliver && entry.label == u16::MAX
}

fn event_id(event: &Event) -> String {
    match event {
        Event::Step(name) => format!("Step-{name}"),
        Event::Send(name) => format!("Send-{name}"),
        Event::Deliver(name) => format!("Deliver-{name}"),
        Event::Force(name) => format!("Force-{name}"),
        Event::Timer(name) => format!("Timer-{name}"),
        Event::Boot => "Boot".to_owned(),
        Event::Request => "Request".to_owned(),
    }
}

/// A kind as part of an id.
fn dashed(kind: &str) -> String {
    kind.replace(' ', "-")
}

/// Which of several with one name; nothing for the first.
fn repeated(nth: u32) -> String {
    if nth == 1 { String::new() } else { format!(".nth{nth}") }
}

fn names(group: &Group) -> String {
    match group {
        Group::Nodes(names) => names.join("+"),
        Group::Role(_) | Group::Rest | Group::Clients => unreachable!("sides name their nodes"),
    }
}

/// One side of every cut in two: the smaller one, or of equal ones that of the first node.
fn sides(nodes: usize) -> Vec<Vec<NodeId>> {
    let all = || (0..nodes as u16).map(NodeId);
    if NODES_MAX < nodes {
        return all().map(|node| vec![node]).collect();
    }
    let halves = 1..(1_u32 << nodes.saturating_sub(1));
    let mut sides: Vec<Vec<NodeId>> = halves
        .map(|others| {
            // The first node is never among the others, so each cut comes once.
            let is_other = |node: &NodeId| others << 1 >> node.0 & 1 == 1;
            let (other, own): (Vec<NodeId>, Vec<NodeId>) = all().partition(is_other);
            if other.len() < own.len() { other } else { own }
        })
        .collect();
    sides.sort_by_key(|side| (side.len(), side.clone()));
    sides
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cut_in_two_comes_once() {
        for nodes in 2..=NODES_MAX {
            let sides = sides(nodes);
            assert_eq!(sides.len(), (1 << (nodes - 1)) - 1);
            for (place, side) in sides.iter().enumerate() {
                assert!(!side.is_empty() && side.len() * 2 <= nodes, "{side:?}");
                let rest = |node: &NodeId| !side.contains(node);
                let rest: Vec<NodeId> = (0..nodes as u16).map(NodeId).filter(rest).collect();
                let again = |other: &Vec<NodeId>| other == side || *other == rest;
                assert!(!sides[..place].iter().any(again), "{side:?} comes twice");
            }
        }
        assert_eq!(sides(1).len(), 0);
        assert_eq!(sides(9).len(), 9);
    }
}
