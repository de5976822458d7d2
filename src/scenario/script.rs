//! The script of a scenario: decisions that a file writes down by name, so that nobody draws them.
//!
//! ```text
//!   script: (
//!       otherwise: Calm,
//!       messages: [(from: "c", to: "p1", label: "Prepare", topic: 3, fate: Lost)],
//!       choices: [(node: "p2", label: "refuse", topic: 3, is: 1)],
//!   )
//! ```
//!
//! A shrunk failure is such a file: nothing in it depends on a seed, so it survives changes that
//! give every seed another run. Here are the shape of the field and the step from names to ids;
//! what a script means is told in `engine::script`.

use super::resolve::Resolver;
use crate::{
    base::{
        ids::{ClientId, NodeId, Topic},
        quantity::{Offset, PartsPerMillion},
        text::{
            diagnostic::{Code, Diagnostic},
            source::Node,
        },
        time::{Duration, serialize_as_text},
    },
    engine::{
        network::Endpoint,
        script::{Awaited, Carried, ChoiceName, MessageName, Otherwise, Script, SpanName, Travel},
    },
};
use serde::{Deserialize, Serialize, Serializer};
use std::ops::Range;

/// Decisions by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScriptText {
    /// What becomes of decisions that are not listed.
    pub otherwise: Otherwise,
    /// What becomes of messages.
    pub messages: Vec<MessageLine>,
    /// How long forces take.
    pub forces: Vec<SpanLine>,
    /// How long the forces of syncs take, by their step.
    pub syncs: Vec<SpanLine>,
    /// How long timers run whose span the protocol leaves to chance.
    pub timers: Vec<SpanLine>,
    /// What protocols choose.
    pub choices: Vec<ChoiceLine>,
    /// How wrong clocks are.
    pub clocks: Vec<ClockLine>,
    /// Whom the healing repairs; all nodes in a calm script that does not say.
    pub core: Option<Vec<String>>,
}

/// The lists of a script, by what is decided in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What becomes of messages.
    Messages,
    /// How long forces take.
    Forces,
    /// How long syncs take.
    Syncs,
    /// How long timers run.
    Timers,
    /// What protocols choose.
    Choices,
    /// How wrong clocks are.
    Clocks,
}

impl Part {
    /// All of them, in the order in which they are written.
    pub const ALL: [Self; 6] =
        [Self::Messages, Self::Forces, Self::Syncs, Self::Timers, Self::Choices, Self::Clocks];
}

impl ScriptText {
    /// The lists of decisions with their names, for whoever treats them alike.
    pub fn parts(&mut self) -> [(Part, &mut dyn Lines); 6] {
        // A list more is a mistake here until it is in the list.
        let Self { otherwise: _, messages, forces, syncs, timers, choices, clocks, core: _ } = self;
        [
            (Part::Messages, messages),
            (Part::Forces, forces),
            (Part::Syncs, syncs),
            (Part::Timers, timers),
            (Part::Choices, choices),
            (Part::Clocks, clocks),
        ]
    }

    /// One list of decisions.
    pub fn part(&mut self, wanted: Part) -> &mut dyn Lines {
        let found = self.parts().into_iter().find(|(part, _)| *part == wanted);
        found.expect("every part is a list").1
    }

    /// How many decisions there are in a list.
    pub fn count(&self, part: Part) -> usize {
        match part {
            Part::Messages => self.messages.len(),
            Part::Forces => self.forces.len(),
            Part::Syncs => self.syncs.len(),
            Part::Timers => self.timers.len(),
            Part::Choices => self.choices.len(),
            Part::Clocks => self.clocks.len(),
        }
    }
}

/// A list of decisions, whatever they are about.
pub trait Lines {
    /// Takes the lines at these places away.
    fn remove(&mut self, places: Range<usize>);
    /// Takes lines away that name something else than what is kept.
    fn retain_named(&mut self, exists: &dyn Fn(&str) -> bool);
}

impl<T: Named> Lines for Vec<T> {
    fn remove(&mut self, places: Range<usize>) {
        self.drain(places);
    }

    fn retain_named(&mut self, exists: &dyn Fn(&str) -> bool) {
        self.retain(|line| line.names().into_iter().all(exists));
    }
}

/// A line that names nodes and clients.
trait Named {
    fn names(&self) -> Vec<&str>;
}

impl Named for MessageLine {
    fn names(&self) -> Vec<&str> {
        vec![&self.from, &self.to]
    }
}

impl Named for SpanLine {
    fn names(&self) -> Vec<&str> {
        vec![&self.node]
    }
}

impl Named for ChoiceLine {
    fn names(&self) -> Vec<&str> {
        vec![&self.node]
    }
}

impl Named for ClockLine {
    fn names(&self) -> Vec<&str> {
        vec![&self.node]
    }
}

/// What becomes of one message.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MessageLine {
    /// The sender: a node, or `client1`.
    pub from: String,
    /// The receiver.
    pub to: String,
    /// The label of the message; `request` and `reply` between clients and nodes.
    pub label: String,
    /// The conversation: a transaction's or an operation's number.
    #[serde(default, skip_serializing_if = "is_none")]
    pub topic: u64,
    /// Which of them, from 1.
    #[serde(default = "first", skip_serializing_if = "is_first")]
    pub nth: u32,
    /// What becomes of it.
    pub fate: FateText,
}

/// What becomes of a message.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub enum FateText {
    /// It does not arrive.
    Lost,
    /// It arrives so long after it was sent.
    Takes(#[serde(serialize_with = "serialize_as_text")] Duration),
    /// It arrives several times, each so long after it was sent.
    Copies(#[serde(serialize_with = "as_texts")] Vec<Duration>),
}

/// How long one force or timer takes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SpanLine {
    /// Where.
    pub node: String,
    /// The label of the record or of the timer, or the step.
    pub label: String,
    /// Which of them, from 1.
    #[serde(default = "first", skip_serializing_if = "is_first")]
    pub nth: u32,
    /// How long.
    #[serde(serialize_with = "serialize_as_text")]
    pub takes: Duration,
}

/// One choice of a protocol.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ChoiceLine {
    /// Where.
    pub node: String,
    /// What the protocol calls it.
    pub label: String,
    /// What it is about: a transaction's number.
    #[serde(default, skip_serializing_if = "is_none")]
    pub topic: u64,
    /// Which of them, from 1.
    #[serde(default = "first", skip_serializing_if = "is_first")]
    pub nth: u32,
    /// What is chosen: 1 for a chance that comes true.
    pub is: u64,
}

/// The clock of a node or of a client.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ClockLine {
    /// Whose.
    pub node: String,
    /// How far off it is.
    pub offset: Offset,
    /// How fast it goes wrong.
    pub drift: PartsPerMillion,
}

fn first() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for references")]
fn is_first(nth: &u32) -> bool {
    *nth == 1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for references")]
fn is_none(topic: &u64) -> bool {
    *topic == Topic::NONE.0
}

fn as_texts<S: Serializer>(spans: &[Duration], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(spans.iter().map(ToString::to_string))
}

/// What a client asks, in a script.
pub const REQUEST: &str = "request";
/// What a client is answered, in a script.
pub const REPLY: &str = "reply";

impl Resolver<'_> {
    /// Looks up every name of a script; `root` is its place in the text.
    pub(super) fn script(&mut self, script: &ScriptText, root: &Node) -> Script {
        let mut resolved = Script::new(script.otherwise);
        let text = self.text;
        let list = |field: &str| root.field(text, field).map_or(&[][..], Node::items);
        let (messages, forces, timers) = (list("messages"), list("forces"), list("timers"));
        let (choices, clocks, syncs) = (list("choices"), list("clocks"), list("syncs"));
        for (line, place) in script.messages.iter().zip(messages) {
            self.message_line(line, place, &mut resolved);
        }
        let catalog = self.catalog;
        for (line, place) in script.forces.iter().zip(forces) {
            let label = self.label(&line.label, &catalog.records, "records", place);
            self.span_line(line, label.map(Awaited::Force), place, &mut resolved);
        }
        for (line, place) in script.syncs.iter().zip(syncs) {
            let step = self.step(&line.label, place);
            self.span_line(line, step.map(Awaited::Sync), place, &mut resolved);
        }
        for (line, place) in script.timers.iter().zip(timers) {
            let label = self.label(&line.label, &catalog.timers, "timers", place);
            self.span_line(line, label.map(Awaited::Timer), place, &mut resolved);
        }
        for (line, place) in script.choices.iter().zip(choices) {
            self.nth(line.nth, place);
            if let Some(node) = self.node(&line.node, place) {
                let name = ChoiceName::new(node, &line.label, Topic(line.topic), line.nth);
                resolved.decide_choice(name, line.is);
            }
        }
        for (line, place) in script.clocks.iter().zip(clocks) {
            if let Some(whose) = self.endpoint(&line.node, place) {
                resolved.decide_clock(whose, line.offset, line.drift);
            }
        }
        if let Some(core) = &script.core {
            let place = root.field(self.text, "core").unwrap_or(root);
            let nodes: Vec<NodeId> =
                core.iter().filter_map(|name| self.node(name, place)).collect();
            resolved.decide_core(nodes.into_iter().collect());
        }
        resolved
    }

    fn message_line(&mut self, line: &MessageLine, place: &Node, resolved: &mut Script) {
        self.nth(line.nth, place);
        let catalog = self.catalog;
        let carried = match line.label.as_str() {
            REQUEST => Some(Carried::Request),
            REPLY => Some(Carried::Reply),
            label => self.label(label, &catalog.messages, "messages", place).map(Carried::Message),
        };
        let ends = (self.endpoint(&line.from, place), self.endpoint(&line.to, place));
        let travel = match &line.fate {
            FateText::Lost => Travel::Lost,
            FateText::Takes(span) => Travel::Takes(vec![*span]),
            FateText::Copies(spans) if spans.is_empty() => {
                let message = "a message with no copy at all is `Lost`";
                self.say(Code::BadSetting, place.anchor(), message);
                return;
            }
            FateText::Copies(spans) => Travel::Takes(spans.clone()),
        };
        if let (Some(carried), (Some(from), Some(to))) = (carried, ends) {
            let name = MessageName { from, to, carried, topic: Topic(line.topic), nth: line.nth };
            resolved.decide_message(name, travel);
        }
    }

    fn span_line(
        &mut self,
        line: &SpanLine,
        awaited: Option<Awaited>,
        place: &Node,
        resolved: &mut Script,
    ) {
        self.nth(line.nth, place);
        let node = self.node(&line.node, place);
        if let (Some(node), Some(awaited)) = (node, awaited) {
            resolved.decide_span(SpanName { node, awaited, nth: line.nth }, line.takes);
        }
    }

    /// An end of a link: a node's name, or `client1`.
    fn endpoint(&mut self, name: &str, place: &Node) -> Option<Endpoint> {
        let number = name.strip_prefix("client").and_then(|number| number.parse::<u16>().ok());
        match number {
            Some(number) if (1..=self.clients).contains(&number) => {
                Some(self.catalog.client_end(ClientId(number - 1)))
            }
            Some(_) => {
                let message = format!("there is no `{name}`");
                let help = format!("clients are counted from 1 to {}", self.clients);
                let span = self.find(place, name);
                let diagnostic = Diagnostic::error(Code::UnknownNode, span, message).help(help);
                self.found.push(diagnostic.label("not a client"));
                None
            }
            None => self.node(name, place).map(Endpoint::from),
        }
    }
}
