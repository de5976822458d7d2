//! From names to ids: turns the fault rules of a file into rules of the engine, and says what is
//! wrong with them on the line where it stands.
//!
//! ```text
//!   model::Fault ──resolve──▶ engine::faults::Rule
//!         └─ unknown node, role, step or label · empty window · after the end · cannot fire
//! ```
//!
//! Reading a file tells that the shape is right; what types cannot tell is found here. Findings are
//! collected and never stop at the first. Positions come from the tree of spans: a name is found
//! again as the string inside its rule, which is exact as long as a rule does not write one name in
//! two places with two meanings.
//!
//! This file is long because every kind of fault is resolved in one place.

use super::model::{self, Do, Event, Fault, Group, SpanText, When, Who};
use crate::{
    base::{
        ids::NodeId,
        labels::Labels,
        quantity::Probability,
        sampler::{Law, Sampler},
        text::{
            diagnostic::{Code, Diagnostic},
            source::{Node, Span as TextSpan},
        },
        time::{Duration, Time},
    },
    engine::{
        faults::{Keeps, Pattern, Rule, Span, Trouble, Victim, Watch, What, When as Engine},
        network::Direction,
        runner::Catalog,
    },
};

/// What names mean in one scenario, and where to report those that mean nothing.
pub(super) struct Resolver<'a> {
    pub(super) text: &'a str,
    pub(super) catalog: &'a Catalog,
    pub(super) clients: u16,
    pub(super) end: Time,
    pub(super) found: Vec<Diagnostic>,
}

impl Resolver<'_> {
    /// Resolves all rules; `nodes` are their places in the text.
    pub(super) fn rules(&mut self, faults: &[Fault], nodes: &[Node]) -> Vec<Rule> {
        let rules: Vec<Rule> =
            faults.iter().zip(nodes).map(|(fault, node)| self.rule(fault, node)).collect();
        for (place, fault) in faults.iter().enumerate() {
            if let Some(first) = faults[..place].iter().position(|other| other.id == fault.id) {
                let spans = [place, first].map(|rule| self.field(&nodes[rule], "id"));
                self.found.push(
                    Diagnostic::error(
                        Code::DuplicateRule,
                        spans[0],
                        format!("two rules are called `{}`", fault.id),
                    )
                    .label("the second one")
                    .secondary(spans[1], "the first one")
                    .help("draws are keyed by the id: give each rule its own"),
                );
            }
        }
        rules
    }

    fn rule(&mut self, fault: &Fault, node: &Node) -> Rule {
        let when_node = node.field(self.text, "when").unwrap_or(node);
        let do_node = node.field(self.text, "do").unwrap_or(node);
        let when = self.when(&fault.when, when_node);
        let what = self.what(&fault.r#do, do_node);
        self.fits(&when, &what, do_node);
        Rule { id: fault.id.clone(), when, what }
    }

    fn when(&mut self, when: &When, node: &Node) -> Engine {
        match when {
            When::At(at) => {
                self.before_the_end(*at, node);
                Engine::At(*at)
            }
            When::Times { count, within } => {
                if count.0 > count.1 {
                    let message = format!("from {} to {} is an empty range", count.0, count.1);
                    let help = format!("the lesser comes first: ({}, {})", count.1, count.0);
                    let span = self.field(node, "count");
                    let diagnostic = Diagnostic::error(Code::EmptyWindow, span, message);
                    self.found.push(diagnostic.label("here").help(help));
                }
                self.window(*within, node);
                Engine::Times { count: *count, within: *within }
            }
            When::Poisson { mean, within } => {
                if mean.is_zero() {
                    let message = "the mean pause cannot be zero";
                    self.say(Code::ZeroNotAllowed, self.field(node, "mean"), message);
                }
                self.window(*within, node);
                Engine::Poisson { mean: *mean, within: *within }
            }
            When::EachMessage { chance, label, from, to } => {
                self.never_fires(*chance, node);
                let catalog = self.catalog;
                let event = label.as_ref().map(|label| (label, &catalog.messages, "messages"));
                let label =
                    event.and_then(|(label, known, what)| self.label(label, known, what, node));
                let pattern = Pattern {
                    watch: Watch::Send,
                    label,
                    nodes: self.optional(from.as_ref(), node),
                    peers: self.optional(to.as_ref(), node),
                    topic: None,
                };
                Engine::EachMessage { chance: *chance, pattern }
            }
            When::EachForce { chance, nodes } => {
                self.never_fires(*chance, node);
                let nodes = nodes.as_ref().map_or_else(Vec::new, |group| self.group(group, node));
                Engine::EachForce { chance: *chance, nodes }
            }
            When::EachEffect { chance, nodes } => {
                self.never_fires(*chance, node);
                let nodes = nodes.as_ref().map_or_else(Vec::new, |group| self.group(group, node));
                Engine::EachEffect { chance: *chance, nodes }
            }
            When::Before { event, nth, node: at, peer, topic } => {
                self.nth(*nth, node);
                let pattern = self.pattern(event, at.as_ref(), peer.as_ref(), *topic, node);
                Engine::Before(pattern, *nth)
            }
            When::After { event, nth, node: at, peer, topic } => {
                self.nth(*nth, node);
                let pattern = self.pattern(event, at.as_ref(), peer.as_ref(), *topic, node);
                Engine::After(pattern, *nth)
            }
            When::Inside { event, effects, nth, node: at, peer, topic } => {
                self.nth(*nth, node);
                let pattern = self.pattern(event, at.as_ref(), peer.as_ref(), *topic, node);
                self.has_handler(&pattern, node);
                Engine::Inside(pattern, *nth, *effects)
            }
        }
    }

    /// Only what has a handler can be cut inside of it.
    fn has_handler(&mut self, pattern: &Pattern, node: &Node) {
        if matches!(pattern.watch, Watch::Step | Watch::Send | Watch::Force) {
            let message = "only a delivery, a request, a timer and a boot have a handler";
            let help = "use `Before` or `After` with a step, a send or a force";
            let span = self.field(node, "event");
            let diagnostic = Diagnostic::error(Code::NeverFires, span, message).help(help);
            self.found.push(diagnostic.label("no handler"));
        }
    }

    pub(super) fn nth(&mut self, nth: u32, node: &Node) {
        if nth == 0 {
            let message = "events are counted from 1";
            self.say(Code::ZeroNotAllowed, self.field(node, "nth"), message);
        }
    }

    fn pattern(
        &mut self,
        event: &Event,
        at: Option<&String>,
        peer: Option<&String>,
        topic: Option<u32>,
        node: &Node,
    ) -> Pattern {
        let catalog = self.catalog;
        let (watch, label) = match event {
            Event::Step(name) => (Watch::Step, self.step(name, node)),
            Event::Send(name) => {
                (Watch::Send, self.label(name, &catalog.messages, "messages", node))
            }
            Event::Deliver(name) => {
                (Watch::Deliver, self.label(name, &catalog.messages, "messages", node))
            }
            Event::Force(name) => {
                (Watch::Force, self.label(name, &catalog.records, "records", node))
            }
            Event::Timer(name) => (Watch::Timer, self.label(name, &catalog.timers, "timers", node)),
            Event::Boot => (Watch::Boot, None),
            Event::Request => (Watch::Request, None),
        };
        let nodes = self.optional(at, node);
        let peers = self.optional(peer, node);
        let topic = topic.map(u64::from);
        Pattern { watch, label, nodes, peers, topic }
    }

    /// The index of a step's name.
    pub(super) fn step(&mut self, name: &str, node: &Node) -> Option<u16> {
        let steps = self.catalog.steps;
        let found = steps.iter().position(|step| step.name == name);
        if found.is_none() {
            let message = format!("no step is called `{name}`");
            let diagnostic = Diagnostic::error(Code::UnknownStep, self.find(node, name), message)
                .label("not a step")
                .suggest(name, "steps", steps.iter().map(|step| step.name));
            self.found.push(diagnostic);
        }
        found.map(|step| step as u16)
    }

    /// The index of a message's label.
    pub(super) fn message(&mut self, name: &str, node: &Node) -> Option<u16> {
        let catalog = self.catalog;
        self.label(name, &catalog.messages, "messages", node)
    }

    /// How many labels messages have.
    pub(super) fn messages(&self) -> usize {
        self.catalog.messages.names().len()
    }

    pub(super) fn label(
        &mut self,
        name: &str,
        known: &Labels,
        what: &str,
        node: &Node,
    ) -> Option<u16> {
        let found = known.find(name);
        if found.is_none() {
            let message = format!("none of the {what} is called `{name}`");
            let names = known.names().iter().map(String::as_str);
            let diagnostic = Diagnostic::error(Code::UnknownLabel, self.find(node, name), message)
                .label("no such label")
                .suggest(name, what, names);
            self.found.push(diagnostic);
        }
        found
    }

    /// The id of a node's name.
    pub(super) fn node(&mut self, name: &str, node: &Node) -> Option<NodeId> {
        let found = self.catalog.find_node(name);
        if found.is_none() {
            let message = format!("no node is called `{name}`");
            let names = self.catalog.nodes.iter().map(String::as_str);
            let diagnostic = Diagnostic::error(Code::UnknownNode, self.find(node, name), message)
                .label("not a node")
                .suggest(name, "nodes", names);
            self.found.push(match self.catalog.nodes_of(name) {
                Some(nodes) => diagnostic.help(self.role_of(name, &nodes)),
                None => diagnostic,
            });
        }
        found
    }

    /// What to say to someone who wrote a role where a node is wanted.
    fn role_of(&self, role: &str, nodes: &[NodeId]) -> String {
        let names: Vec<&str> = nodes.iter().map(|&node| self.catalog.node(node)).collect();
        format!("`{role}` is a role, played by {}", names.join(", "))
    }

    fn role(&mut self, name: &str, node: &Node) -> Vec<NodeId> {
        let found = self.catalog.nodes_of(name);
        if found.is_none() {
            let message = format!("no role is called `{name}`");
            let roles = self.catalog.roles.iter().copied();
            let diagnostic = Diagnostic::error(Code::UnknownRole, self.find(node, name), message)
                .label("not a role")
                .suggest(name, "roles", roles);
            self.found.push(diagnostic);
        }
        found.unwrap_or_default()
    }

    fn optional(&mut self, name: Option<&String>, node: &Node) -> Vec<NodeId> {
        name.and_then(|name| self.node(name, node)).into_iter().collect()
    }

    /// The nodes of a group that stands alone.
    pub(super) fn group(&mut self, group: &Group, node: &Node) -> Vec<NodeId> {
        match group {
            Group::Nodes(names) => names.iter().filter_map(|name| self.node(name, node)).collect(),
            Group::Role(role) => self.role(role, node),
            Group::Rest => (0..self.catalog.nodes.len() as u16).map(NodeId).collect(),
            Group::Clients => {
                let message = "clients are no nodes: this place takes nodes";
                self.say(Code::UnknownNode, node.anchor(), message);
                Vec::new()
            }
        }
    }

    /// The group number of every endpoint; `u8::MAX` for none.
    fn groups(&mut self, groups: &[Group], node: &Node) -> Vec<u8> {
        let nodes = self.catalog.nodes.len();
        let mut of = vec![u8::MAX; nodes + usize::from(self.clients)];
        if !(2..=200).contains(&groups.len()) {
            let message = "a cut is between two groups or more";
            self.say(Code::BadSetting, self.field(node, "groups"), message);
        }
        let places = node.field(self.text, "groups").map_or(&[][..], Node::items);
        for (number, group) in groups.iter().enumerate() {
            let place = places.get(number).unwrap_or(node);
            let members: Vec<usize> = match group {
                Group::Clients => (nodes..of.len()).collect(),
                Group::Rest => continue,
                _ => self.group(group, place).iter().map(|node| usize::from(node.0)).collect(),
            };
            for member in members {
                if of[member] != u8::MAX {
                    let name = self.catalog.nodes.get(member).map_or("clients", String::as_str);
                    let message = format!("`{name}` is in two groups");
                    self.say(Code::BadSetting, self.find(place, name), message);
                }
                of[member] = number as u8;
            }
        }
        if let Some(rest) = groups.iter().position(|group| matches!(group, Group::Rest)) {
            let free = of[..nodes].iter_mut().filter(|group| **group == u8::MAX);
            free.for_each(|group| *group = rest as u8);
        }
        of
    }

    fn who(&mut self, who: &Who, node: &Node) -> Victim {
        match who {
            Who::Actor => Victim::Actor,
            Who::Node(name) => Victim::OneOf(self.node(name, node).into_iter().collect()),
            Who::AnyOf(role) => Victim::OneOf(self.role(role, node)),
            Who::Any => Victim::OneOf((0..self.catalog.nodes.len() as u16).map(NodeId).collect()),
        }
    }

    /// The span in a field of a fault.
    fn span(&mut self, span: &SpanText, node: &Node, field: &str) -> Span {
        let SpanText::Between(least, most) = span else { return Span::Forever };
        if let Ok(law) = compile(&Law::Uniform(*least, *most)) {
            return Span::For(law);
        }
        let message = format!("from {least} to {most} is an empty range");
        let help = format!("the shorter comes first: \"{most}..{least}\"");
        let diagnostic = Diagnostic::error(Code::EmptyWindow, self.field(node, field), message);
        self.found.push(diagnostic.label("here").help(help));
        Span::Forever
    }

    /// What survives, sectors as bits.
    fn keeps(
        &mut self,
        records: Option<u32>,
        sectors: Option<&[u8]>,
        names: Option<u32>,
        node: &Node,
    ) -> Keeps {
        if let Some(far) = sectors.and_then(|sectors| sectors.iter().find(|&&sector| sector >= 64))
        {
            let message = format!("{far} is no sector: the first 64 unsynced ones count from 0");
            self.say(Code::BadSetting, self.field(node, "sectors"), message);
        }
        let bits = |sectors: &[u8]| {
            sectors.iter().filter(|&&sector| sector < 64).fold(0, |all, sector| all | 1 << sector)
        };
        Keeps { records, sectors: sectors.map(bits), names }
    }

    fn bad_disk(&mut self, who: &Who, how: &Trouble, span: Option<&SpanText>, node: &Node) -> What {
        if how.lasts() != span.is_some() {
            let message = if how.lasts() {
                "this lasts: say how long with `for`"
            } else {
                "this happens once: it has no `for`"
            };
            self.say(Code::BadSetting, self.field(node, "how"), message);
        }
        let span = span.map_or(Span::Forever, |span| self.span(span, node, "for"));
        What::BadDisk { node: self.who(who, node), how: how.clone(), span }
    }

    fn what(&mut self, what: &Do, node: &Node) -> What {
        match what {
            Do::Crash { node: who, down, cut, disk, keeps, sectors, names } => What::Crash {
                node: self.who(who, node),
                down: self.span(down, node, "down"),
                cut: *cut,
                disk: *disk,
                keeps: self.keeps(*keeps, sectors.as_deref(), *names, node),
            },
            Do::Pause { node: who, r#for } => {
                What::Pause { node: self.who(who, node), span: self.span(r#for, node, "for") }
            }
            Do::Slow { node: who, service, r#for } => What::Slow {
                node: self.who(who, node),
                span: self.span(r#for, node, "for"),
                service: *service,
            },
            Do::StallDisk { node: who, r#for } => {
                What::StallDisk { node: self.who(who, node), span: self.span(r#for, node, "for") }
            }
            Do::BadDisk { node: who, how, r#for } => self.bad_disk(who, how, r#for.as_ref(), node),
            Do::FailForce { node: who, down, keeps, sectors, names } => What::FailForce {
                node: self.who(who, node),
                down: self.span(down, node, "down"),
                keeps: self.keeps(*keeps, sectors.as_deref(), *names, node),
            },
            Do::Cut { groups, r#for, held } => What::Cut {
                groups: self.groups(groups, node),
                span: self.span(r#for, node, "for"),
                direction: Direction::Both,
                held: *held,
            },
            Do::CutOneWay { from, to, r#for, held } => What::Cut {
                groups: self.groups(&[from.clone(), to.clone()], node),
                span: self.span(r#for, node, "for"),
                direction: Direction::OneWay,
                held: *held,
            },
            Do::SlowLink { from, to, factor, r#for } => What::SlowLink {
                from: self.group(from, node),
                to: self.group(to, node),
                factor: *factor,
                span: self.span(r#for, node, "for"),
            },
            Do::JumpClock { node: who, by } => {
                What::JumpClock { node: self.who(who, node), by: *by }
            }
            Do::Lose => What::Lose,
            Do::Delay { by } => {
                if *by == SpanText::Forever {
                    let message = "a message that is delayed for ever is lost: write `Lose`";
                    self.say(Code::BadSetting, self.field(node, "by"), message);
                }
                match self.span(by, node, "by") {
                    Span::For(law) => What::Delay(law),
                    Span::Forever => What::Delay(fixed(Duration::ZERO)),
                }
            }
            Do::Duplicate { copies } => What::Duplicate(*copies),
        }
    }

    /// Whether what a rule does can be done when it strikes.
    fn fits(&mut self, when: &Engine, what: &What, node: &Node) {
        let by_message = matches!(what, What::Lose | What::Delay(_) | What::Duplicate(_));
        let at_message = match when {
            Engine::EachMessage { .. } => true,
            Engine::Before(pattern, _) => {
                pattern.watch == Watch::Send
                    || pattern.watch == Watch::Deliver && matches!(what, What::Lose)
            }
            _ => false,
        };
        if by_message && !at_message {
            let message = "there is no message at hand when this rule strikes";
            let help = "use `EachMessage` or `Before(event: Send(…))`";
            let diagnostic = Diagnostic::error(Code::NeverFires, node.anchor(), message).help(help);
            return self.found.push(diagnostic.label("no message"));
        }
        let actor = matches!(
            what,
            What::Crash { node: Victim::Actor, .. }
                | What::Pause { node: Victim::Actor, .. }
                | What::Slow { node: Victim::Actor, .. }
                | What::StallDisk { node: Victim::Actor, .. }
                | What::BadDisk { node: Victim::Actor, .. }
                | What::FailForce { node: Victim::Actor, .. }
                | What::JumpClock { node: Victim::Actor, .. }
        );
        let by_clock =
            matches!(when, Engine::At(_) | Engine::Times { .. } | Engine::Poisson { .. });
        if actor && by_clock {
            let message = "a rule that strikes by the clock has no `Actor`";
            let help = "write `Node(\"name\")`, `AnyOf(\"role\")` or `Any`";
            let span = self.field(node, "node");
            let diagnostic = Diagnostic::error(Code::NeverFires, span, message).help(help);
            return self.found.push(diagnostic.label("no actor"));
        }
        let crash_of_actor = matches!(what, What::Crash { node: Victim::Actor, .. });
        if matches!(when, Engine::EachEffect { .. } | Engine::Inside(..)) && !crash_of_actor {
            let message = "inside a handler a rule can only `Crash(node: Actor)`";
            self.say(Code::NeverFires, node.anchor(), message);
        }
        let disk =
            matches!(what, What::FailForce { .. } | What::StallDisk { .. } | What::BadDisk { .. });
        if matches!(when, Engine::EachForce { .. }) && !disk {
            let message = "`EachForce` can only `FailForce`, `StallDisk` or `BadDisk`";
            self.say(Code::NeverFires, node.anchor(), message);
        }
    }

    fn window(&mut self, (from, to): (Time, Time), node: &Node) {
        let span = self.field(node, "within");
        if from > to {
            let message = format!("from {from} to {to} is an empty window");
            let help = format!("the earlier comes first: (\"{to}\", \"{from}\")");
            let diagnostic = Diagnostic::error(Code::EmptyWindow, span, message);
            self.found.push(diagnostic.label("here").help(help));
        } else if from > self.end {
            let message =
                format!("the fault at {from} can never happen: the run ends at {}", self.end);
            self.say(Code::AfterTheEnd, span, message);
        }
    }

    fn before_the_end(&mut self, at: Time, node: &Node) {
        if at > self.end {
            let span = node.children().first().map_or(node.anchor(), |child| child.span);
            let message =
                format!("the fault at {at} can never happen: the run ends at {}", self.end);
            self.say(Code::AfterTheEnd, span, message);
        }
    }

    fn never_fires(&mut self, chance: Probability, node: &Node) {
        if chance == Probability::NEVER {
            let message = "a chance of 0% never fires: leave the rule out";
            self.say(Code::NeverFires, self.field(node, "chance"), message);
        }
    }

    pub(super) fn say(&mut self, code: Code, span: TextSpan, message: impl Into<String>) {
        self.found.push(Diagnostic::error(code, span, message).label("here"));
    }

    /// Where a field's value stands.
    fn field(&self, node: &Node, name: &str) -> TextSpan {
        node.field(self.text, name).map_or(node.anchor(), |value| value.span)
    }

    /// Where a string stands inside a part of the file.
    pub(super) fn find(&self, node: &Node, content: &str) -> TextSpan {
        fn search<'n>(text: &str, node: &'n Node, content: &str) -> Option<&'n Node> {
            if node.string(text) == Some(content) {
                return Some(node);
            }
            node.children().into_iter().find_map(|child| search(text, child, content))
        }
        search(self.text, node, content).map_or(node.anchor(), |node| node.span)
    }
}

/// A law ready to draw from.
pub(super) fn compile(law: &Law) -> Result<Sampler, String> {
    law.compile()
}

/// A law that always gives the same.
pub(super) fn fixed(span: Duration) -> Sampler {
    Law::Fixed(span).compile().expect("a fixed span is a law")
}

impl From<model::Order> for crate::engine::network::Order {
    fn from(order: model::Order) -> Self {
        match order {
            model::Order::Independent => Self::Independent,
            model::Order::Fifo => Self::Fifo,
        }
    }
}
