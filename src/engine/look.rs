//! Looking into a world: what a node is at an instant, in words.
//!
//! ```text
//!   node c   up, waits for a force
//!     state   in_doubt {t3: …} · locks {4: t3}         log     @7 Decided(t3, Commit)  not durable
//!     timers  VoteDeadline(t4) at 0.153s               behind  send p1 Decide(t3, Commit)
//! ```
//!
//! For people who step through a run. Nothing here is on the way of a run, and looking changes
//! nothing. Memory of a node that is down is gone, so its state is not shown. A state is shown as
//! `Debug` prints it, since that is how messages and records read in a timeline; RON of the same
//! was tried and loses the short names of ids.

use super::{
    core::{Core, DOWN, Effect, EffectOf, Event, EventOf, FORCING, PAUSED, SERVING},
    network::Endpoint,
    protocol::{Circuit, Protocol},
    world::World,
};
use crate::base::{
    ids::{EventId, Lsn, NodeId},
    quantity::Offset,
    time::Time,
};

/// A node at an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeView {
    /// What it is doing; more than one thing may be so.
    pub conditions: Vec<Condition>,
    /// The fields of its state, each with its value; nothing while it is down.
    pub state: Vec<(String, String)>,
    /// Its log, oldest first.
    pub log: Vec<LogLine>,
    /// Timers that are set, and when they are due in true time; `None` for one that is due and
    /// waits until the node is free.
    pub timers: Vec<(String, Option<Time>)>,
    /// Effects that wait behind a force, in order.
    pub behind_force: Vec<String>,
    /// What waits until the node is free, in order.
    pub inbox: Vec<String>,
}

/// What instruments on a node show, for curves over time: numbers and switches instead of words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gauges {
    /// True time.
    pub at: Time,
    /// How far its wall clock is ahead.
    pub clock: Offset,
    /// How many events wait until it is free.
    pub inbox: usize,
    /// What its circuit breakers do, by callee; none while it is down.
    pub breakers: Vec<(NodeId, Circuit)>,
}

/// What a node is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It has no memory.
    Down,
    /// It is up.
    Up,
    /// It waits for its disk.
    Forcing,
    /// It handles nothing.
    Paused,
    /// A handler is taking its time.
    Serving,
}

/// One record of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Its position.
    pub position: Lsn,
    /// The record in words.
    pub record: String,
    /// Whether a crash would leave it there for certain.
    pub on_disk: OnDisk,
}

/// Whether a record would survive a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDisk {
    /// It would.
    Durable,
    /// A crash now might lose it.
    NotYet,
}

/// A message on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnderWay {
    /// The event at which it was sent; a message to itself names its handler instead.
    pub sent: EventId,
    /// From where.
    pub from: Endpoint,
    /// To where.
    pub to: Endpoint,
    /// When it will arrive, if nothing happens to it.
    pub arrives: Time,
    /// The message in words.
    pub message: String,
}

impl<P: Protocol> World<P> {
    /// A node as it is now.
    pub fn look(&self, node: NodeId) -> NodeView {
        let log = &self.core.cells[usize::from(node.0)].log;
        let durable = log.durable();
        let record = |(position, entry): (Lsn, &super::log::Entry<P::Record>)| LogLine {
            position,
            record: format!("{:?}", entry.record),
            on_disk: if position <= durable { OnDisk::Durable } else { OnDisk::NotYet },
        };
        NodeView { log: log.entries().map(record).collect(), ..self.glance(node) }
    }

    /// The same without its log, for whoever looks after every event: a log only grows, and what
    /// is added to it is in the trace.
    pub fn glance(&self, node: NodeId) -> NodeView {
        let place = usize::from(node.0);
        let cell = &self.core.cells[place];
        let state = if cell.is_down() { Vec::new() } else { fields(&self.states[place]) };
        let timer = |(timer, slot): &(P::Timer, Option<u32>)| {
            (format!("{timer:?}"), slot.and_then(|slot| self.core.due(slot)))
        };
        let mut timers: Vec<(String, Option<Time>)> = cell.timers.iter().map(timer).collect();
        timers.sort_by(|one, other| (one.1, &one.0).cmp(&(other.1, &other.0)));
        let waiting = cell.serving.iter().chain(&cell.inbox);
        NodeView {
            conditions: conditions(cell.busy),
            state,
            log: Vec::new(),
            timers,
            behind_force: cell.held.iter().map(|effect| self.core.effect_words(effect)).collect(),
            inbox: waiting.filter_map(|waiting| self.core.event_words(&waiting.event)).collect(),
        }
    }

    /// What the instruments on a node show now; cheap, and formats nothing.
    pub fn gauges(&self, node: NodeId) -> Gauges {
        let place = usize::from(node.0);
        let (cell, now) = (&self.core.cells[place], self.core.now);
        let shown = cell.clock.read(now).as_nanos();
        let ahead = i128::from(shown) - i128::from(now.as_nanos());
        let ahead = i64::try_from(ahead).unwrap_or(if ahead < 0 { i64::MIN } else { i64::MAX });
        let breakers = if cell.is_down() { Vec::new() } else { self.states[place].breakers() };
        Gauges { at: now, clock: Offset::from_nanos(ahead), inbox: cell.inbox.len(), breakers }
    }

    /// All messages, requests and answers that are on their way, the next to arrive first.
    pub fn under_way(&self) -> Vec<UnderWay> {
        self.core.under_way()
    }
}

fn conditions(busy: u8) -> Vec<Condition> {
    if busy & DOWN != 0 {
        return vec![Condition::Down];
    }
    let others =
        [(FORCING, Condition::Forcing), (PAUSED, Condition::Paused), (SERVING, Condition::Serving)];
    let others = others.into_iter().filter(|(bit, _)| busy & bit != 0);
    std::iter::once(Condition::Up).chain(others.map(|(_, condition)| condition)).collect()
}

impl<P: Protocol> Core<P> {
    fn name(&self, node: NodeId) -> &str {
        self.catalog.node(node)
    }

    fn effect_words(&self, effect: &EffectOf<P>) -> String {
        match effect {
            Effect::Send(to, message) => format!("send {message:?} to {}", self.name(*to)),
            Effect::SetTimer(_, timer) => format!("set timer {timer:?}"),
            Effect::CancelTimer(timer) => format!("cancel timer {timer:?}"),
            Effect::Force(_, record, _) => format!("force {record:?}"),
            Effect::Write(record) => format!("write {record:?}"),
            Effect::Checkpoint(record) => format!("checkpoint {record:?}"),
            Effect::File(effect) => effect.to_string(),
            Effect::Sync(_, target, _) => format!("sync {target}"),
            Effect::Fetch(name, ..) => format!("wait for the bytes of {name}"),
            Effect::State(fact) => format!("state {fact:?}"),
            Effect::Mark(step) => {
                let step = self.catalog.steps.get(usize::from(*step));
                format!("step {}", step.map_or("?", |step| step.name))
            }
            Effect::Reply(op, answer) => format!("answer {op} {answer:?}"),
        }
    }

    fn event_words(&self, event: &EventOf<P>) -> Option<String> {
        match event {
            Event::Deliver(envelope) => {
                Some(format!("{:?} from {}", envelope.message, self.name(envelope.from)))
            }
            Event::Request { op, .. } => Some(format!("request {op}")),
            Event::Timer { timer, .. } => Some(format!("timer {timer:?}")),
            _ => None,
        }
    }

    fn under_way(&self) -> Vec<UnderWay> {
        let mut found: Vec<UnderWay> = self
            .pending_by_time()
            .filter_map(|(arrives, cause, event)| {
                let (from, to, message) = match event {
                    Event::Deliver(envelope) => (
                        Endpoint::from(envelope.from),
                        Endpoint::from(envelope.to),
                        format!("{:?}", envelope.message),
                    ),
                    Event::Request { op, node } => {
                        (self.client_of(*op), Endpoint::from(*node), format!("request {op}"))
                    }
                    Event::Answer { op, node, answer } => {
                        (Endpoint::from(*node), self.client_of(*op), format!("{op} {answer:?}"))
                    }
                    _ => return None,
                };
                Some(UnderWay { sent: cause, from, to, arrives, message })
            })
            .collect();
        found.sort_by_key(|message| (message.arrives, message.sent));
        found
    }
}

/// The fields of a state with their values, as `Debug` shows them; one part without a name where
/// the state has no named fields.
fn fields(state: &impl std::fmt::Debug) -> Vec<(String, String)> {
    let shown = format!("{state:?}");
    let body = shown.split_once(" { ").and_then(|(_, rest)| rest.strip_suffix(" }"));
    let Some(body) = body else { return vec![(String::new(), shown)] };
    let named = |part: &str| match part.split_once(": ") {
        Some((name, value)) => (name.to_owned(), value.to_owned()),
        None => (String::new(), part.to_owned()),
    };
    outermost(body).into_iter().map(named).collect()
}

/// The parts between the commas that stand in no brackets and no text.
fn outermost(text: &str) -> Vec<&str> {
    let (mut parts, mut from, mut depth) = (Vec::new(), 0, 0_u32);
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            '"' => {
                // To the end of the text; a backslash takes the next letter with it.
                while let Some((_, inside)) = letters.next()
                    && inside != '"'
                {
                    if inside == '\\' {
                        letters.next();
                    }
                }
            }
            ',' if depth == 0 => {
                parts.push(text[from..at].trim());
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text[from..].trim());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    #[expect(dead_code, reason = "they are read by what Debug shows")]
    struct Named {
        one: Vec<u8>,
        two: &'static str,
        three: Option<(u8, char)>,
    }

    #[derive(Debug)]
    #[expect(dead_code, reason = "it is read by what Debug shows")]
    struct Tuple(u8, u8);

    #[test]
    fn a_state_is_taken_apart_at_its_own_fields_only() {
        let state = Named { one: vec![1, 2], two: "a, \"b\", {", three: Some((1, 'x')) };
        let told = fields(&state);
        let told: Vec<(&str, &str)> =
            told.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(
            told,
            [("one", "[1, 2]"), ("two", r#""a, \"b\", {""#), ("three", "Some((1, 'x'))")]
        );
        assert_eq!(fields(&Tuple(1, 2)), [(String::new(), "Tuple(1, 2)".to_owned())]);
    }
}
