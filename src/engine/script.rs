//! A script: decisions that are written down by name instead of being drawn.
//!
//! ```text
//!   draw by name ──▶ is the name in the script? ──yes──▶ what it says
//!                                └──no──▶ Otherwise::Drawn: the draw · Otherwise::Calm: nothing odd
//!   a recorded run ──▶ Decision, Decision, … ──▶ a script that repeats it without any seed
//! ```
//!
//! A script names the same decisions that draws are named by: the second `Prepare` for t3 from c to
//! p2, the coin that p1 tossed about t7. So it survives changes of the code around it, and every
//! subset of a script is a script: what is not in it happens as if nothing odd had been decided.
//! A list of draws in the order in which they were made was rejected, for one decision less would
//! give all later ones a new meaning.
//!
//! Limits: how long handlers occupy a node and the order of events at one instant are not in it.

use super::{
    faults::{Keeps, What},
    network::Endpoint,
};
use crate::base::{
    draws::name_word,
    ids::{EventId, NodeId, NodeSet, OpId, Topic},
    quantity::{Offset, PartsPerMillion},
    time::{Duration, Time},
};

/// Decisions by name. The default decides nothing.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// What becomes of decisions that are not in it.
    pub otherwise: Otherwise,
    messages: Vec<(MessageName, Travel)>,
    spans: Vec<(SpanName, Duration)>,
    choices: Vec<(ChoiceName, u64)>,
    clocks: Vec<(Endpoint, (Offset, PartsPerMillion))>,
    core: Option<NodeSet>,
}

/// What becomes of decisions that a script does not name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Otherwise {
    /// They are drawn.
    #[default]
    Drawn,
    /// Nothing odd happens: no chance comes true, choices are 0, timers run their shortest, a crash
    /// keeps nothing of the unsynced log. Links and disks follow their laws.
    Calm,
}

/// What travels over a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Carried {
    /// A message between nodes, by its label.
    Message(u16),
    /// What a client asks.
    Request,
    /// What a node answers a client.
    Reply,
}

/// The name of a message: how often it was sent on this link, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MessageName {
    /// The sender.
    pub from: Endpoint,
    /// The receiver.
    pub to: Endpoint,
    /// What it is.
    pub carried: Carried,
    /// The conversation; the operation's number for requests and replies.
    pub topic: Topic,
    /// Which of them, from 1.
    pub nth: u32,
}

/// What becomes of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Travel {
    /// It does not arrive.
    Lost,
    /// It arrives so often, each time so long after it was sent; at least once.
    Takes(Vec<Duration>),
}

/// The name of a span that a node waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SpanName {
    /// Where.
    pub node: NodeId,
    /// For what.
    pub awaited: Awaited,
    /// Which of them, from 1.
    pub nth: u32,
}

/// What a node waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Awaited {
    /// The disk, asked on behalf of a record with this label.
    Force(u16),
    /// A timer with this label whose span the protocol leaves to chance.
    Timer(u16),
    /// A sync of raw files in this step.
    Sync(u16),
}

/// The name of a choice that a protocol makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChoiceName {
    /// Where.
    pub node: NodeId,
    /// The word of its label.
    pub label: u64,
    /// What it is about.
    pub topic: Topic,
    /// Which of them, from 1.
    pub nth: u32,
}

impl ChoiceName {
    /// The `nth` choice (from 1) with a label, at a node, about a topic.
    pub fn new(node: NodeId, label: &str, topic: Topic, nth: u32) -> Self {
        Self { node, label: name_word(label), topic, nth }
    }
}

impl Script {
    /// A script that decides nothing yet.
    pub fn new(otherwise: Otherwise) -> Self {
        Self { otherwise, ..Self::default() }
    }

    /// Decides about a message. The last word about a name counts.
    pub fn decide_message(&mut self, name: MessageName, travel: Travel) {
        put(&mut self.messages, name, travel);
    }

    /// Decides how long a node waits.
    pub fn decide_span(&mut self, name: SpanName, span: Duration) {
        put(&mut self.spans, name, span);
    }

    /// Decides a choice: 0 and 1 for a chance, the number that is chosen otherwise.
    pub fn decide_choice(&mut self, name: ChoiceName, value: u64) {
        put(&mut self.choices, name, value);
    }

    /// Decides how wrong the clock of a node or of a client is.
    pub fn decide_clock(&mut self, whose: Endpoint, offset: Offset, drift: PartsPerMillion) {
        put(&mut self.clocks, whose, (offset, drift));
    }

    /// Decides whom the healing repairs.
    pub fn decide_core(&mut self, core: NodeSet) {
        self.core = Some(core);
    }

    /// Whether anything is decided about messages.
    #[inline]
    pub(super) fn has_messages(&self) -> bool {
        !self.messages.is_empty()
    }

    pub(super) fn message(&self, name: MessageName) -> Option<&Travel> {
        get(&self.messages, &name)
    }

    /// Whether anything is decided about spans, or left to be calm.
    #[inline]
    pub(super) fn has_spans(&self) -> bool {
        !self.spans.is_empty() || self.otherwise == Otherwise::Calm
    }

    pub(super) fn span(&self, name: SpanName) -> Option<Duration> {
        get(&self.spans, &name).copied()
    }

    /// What is decided about a choice; `None` where it is to be drawn.
    pub(super) fn choice(&self, name: ChoiceName) -> Option<u64> {
        let calm = (self.otherwise == Otherwise::Calm).then_some(0);
        get(&self.choices, &name).copied().or(calm)
    }

    pub(super) fn clock(&self, whose: Endpoint) -> Option<(Offset, PartsPerMillion)> {
        get(&self.clocks, &whose).copied()
    }

    pub(super) fn core(&self) -> Option<NodeSet> {
        self.core
    }
}

fn put<N: Ord, V>(list: &mut Vec<(N, V)>, name: N, value: V) {
    match list.binary_search_by(|(known, _)| known.cmp(&name)) {
        Ok(place) => list[place].1 = value,
        Err(place) => list.insert(place, (name, value)),
    }
}

fn get<'v, N: Ord, V>(list: &'v [(N, V)], name: &N) -> Option<&'v V> {
    let place = list.binary_search_by(|(known, _)| known.cmp(name)).ok()?;
    Some(&list[place].1)
}

/// Something that a recorded run decided, for whoever wants to write it down.
#[derive(Clone, Debug)]
pub enum Decision {
    /// What became of a message when it was sent (the event), as links and rules have it; whether a
    /// cut, a slow link or the order of the link changed that later is not said.
    Message(EventId, MessageName, Travel),
    /// How long a node was to wait.
    Span(SpanName, Duration),
    /// What a protocol chose, with the label in words.
    Choice(ChoiceName, String, u64),
    /// How wrong the clock of a node or a client was at the start.
    Clock(Endpoint, Offset, PartsPerMillion),
    /// A rule struck.
    Strike(Strike),
    /// What a crash that a rule brought about kept of what was not synced.
    Kept {
        /// The rule.
        rule: u16,
        /// Which of its strikes.
        strike: u64,
        /// How many records, and which sectors and names where files were at risk.
        keeps: Keeps,
    },
    /// Whom the healing repaired.
    Core(NodeSet),
}

/// A strike of a rule, with everything that was drawn about it.
#[derive(Clone, Debug)]
pub struct Strike {
    /// The rule.
    pub rule: u16,
    /// Which of its strikes: what names the draws about it.
    pub strike: u64,
    /// When.
    pub at: Time,
    /// At what.
    pub place: StruckAt,
    /// What it did, with nothing left to draw.
    pub what: What,
}

/// Where in a run a rule struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StruckAt {
    /// By the clock, at an instant.
    Clock,
    /// At the event that its trigger waits for.
    Trigger,
    /// At a message that is being sent: the decision about it says what came of it.
    Message,
    /// At a force: the event at which the record that asks for it was handed in. At a sync of raw
    /// files: that at which it was asked for, or the latest one if it had to wait for another sync.
    Force {
        /// The event.
        asked: EventId,
    },
    /// In a handler: the event that it handles, and the effects that were still performed.
    Inside {
        /// The event.
        handler: EventId,
        /// How many effects.
        effects: u32,
    },
}

/// The topic of a request and of its reply.
pub(super) fn about(op: OpId) -> Topic {
    Topic(u64::from(op.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(nth: u32) -> MessageName {
        let carried = Carried::Message(2);
        MessageName { from: Endpoint(0), to: Endpoint(1), carried, topic: Topic(3), nth }
    }

    #[test]
    fn the_last_word_about_a_name_counts_and_other_names_are_not_decided() {
        let mut script = Script::default();
        script.decide_message(name(2), Travel::Lost);
        script.decide_message(name(1), Travel::Takes(vec![Duration::from_millis(3)]));
        script.decide_message(name(2), Travel::Takes(vec![Duration::from_millis(5)]));
        let takes = |millis| Travel::Takes(vec![Duration::from_millis(millis)]);
        assert_eq!(script.message(name(1)), Some(&takes(3)));
        assert_eq!(script.message(name(2)), Some(&takes(5)));
        assert_eq!(script.message(name(3)), None);
    }

    #[test]
    fn a_calm_script_leaves_no_choice_to_chance() {
        let name = ChoiceName::new(NodeId(1), "refuse", Topic(7), 1);
        let mut script = Script::default();
        assert_eq!(script.choice(name), None);
        script.otherwise = Otherwise::Calm;
        assert_eq!(script.choice(name), Some(0));
        script.decide_choice(name, 1);
        assert_eq!(script.choice(name), Some(1));
    }
}
