//! Writing scenarios: a script as the text of a file, the same that loading reads.
//!
//! ```text
//!   Draft { protocol, operations, faults, decisions … } ──text()──▶ RON ──load──▶ Plan
//! ```
//!
//! Whoever shrinks a run, keeps a counterexample or saves a branch puts a draft together and writes
//! it. Lines are the model's own types, so what is written is what would be read; protocol and
//! checks are kept as the text that they were. Candidates run through this text too: what is
//! tried is what will be kept. Writing whole scenarios by `ron`'s serializer was rejected, because
//! one line per fault and per message is what a person wants to read and delete.
//!
//! Limits: links and disks of a draft are constant; exceptions are decisions by name.

use super::{
    model::{Expect, Fault, Order},
    script::{Part, ScriptText},
};
use crate::{
    base::time::Duration,
    engine::{device::Geometry, script::Otherwise},
};
use ron::{extensions::Extensions, ser::PrettyConfig};
use serde::Serialize;
use std::fmt::Write;

/// What a client asks, as a script writes it.
pub use crate::workload::requests::Asked;

/// A scenario without randomness, to be written.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Comment lines on top.
    pub story: Vec<String>,
    /// Its title.
    pub title: String,
    /// The protocol with its settings, as text.
    pub protocol: String,
    /// How long messages travel that no decision names.
    pub latency: Duration,
    /// The same between clients and nodes.
    pub client_latency: Duration,
    /// Whether messages of one link keep their order.
    pub order: Order,
    /// How long forces take that no decision names.
    pub force: Duration,
    /// What disks cost besides.
    pub geometry: Geometry,
    /// How long handlers take, as text; nothing where they take no time.
    pub service: Option<String>,
    /// How long clients wait.
    pub patience: Duration,
    /// What clients ask, by instant.
    pub operations: Vec<Asked>,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// What is decided by name.
    pub script: ScriptText,
    /// Steps that are left out.
    pub ablate: Vec<String>,
    /// The checks, as text between brackets.
    pub checks: String,
    /// What is expected of them.
    pub expect: Expect,
    /// How long the run is.
    pub run_for: Duration,
    /// Its last part, if a core is healed.
    pub quiet_tail: Option<Duration>,
}

impl Draft {
    /// The text of the file.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for line in &self.story {
            put(&mut text, format_args!("{}\n", format!("// {line}").trim_end()));
        }
        text += "Scenario(\n";
        field(&mut text, "title", &quoted(&self.title));
        field(&mut text, "protocol", &self.protocol);
        field(&mut text, "network", &self.network());
        field(&mut text, "disk", &self.disk());
        if let Some(service) = &self.service {
            field(&mut text, "service", service);
        }
        let asked = self.operations.iter().map(line).collect::<Vec<_>>();
        field(&mut text, "workload", &format!("Requests({})", list(&asked, 1)));
        field(&mut text, "patience", &quoted(&self.patience.to_string()));
        if !self.faults.is_empty() {
            let faults = self.faults.iter().map(line).collect::<Vec<_>>();
            field(&mut text, "faults", &list(&faults, 1));
        }
        field(&mut text, "script", &self.decisions());
        if !self.ablate.is_empty() {
            field(&mut text, "ablate", &line(&self.ablate));
        }
        field(&mut text, "checks", &self.checks);
        field(&mut text, "expect", &expected(&self.expect));
        field(&mut text, "run", &self.phases());
        text += ")\n";
        text
    }

    fn disk(&self) -> String {
        let Self { force, geometry: Geometry { seek, sector }, .. } = self;
        let mut text = format!("(force: Fixed(\"{force}\")");
        for (name, costs) in [("seek", seek), ("sector", sector)] {
            if *costs != Duration::ZERO {
                put(&mut text, format_args!(", {name}: \"{costs}\""));
            }
        }
        text + ")"
    }

    fn network(&self) -> String {
        let Self { latency, client_latency, order, .. } = self;
        let order = match order {
            Order::Independent => "",
            Order::Fifo => ", order: Fifo",
        };
        let client = format!("client: (latency: Fixed(\"{client_latency}\"))");
        format!("(latency: Fixed(\"{latency}\"){order}, {client})")
    }

    fn decisions(&self) -> String {
        let ScriptText { otherwise, messages, forces, syncs, timers, choices, clocks, core } =
            &self.script;
        let mut text = match otherwise {
            Otherwise::Calm => "(\n        otherwise: Calm,\n".to_owned(),
            Otherwise::Drawn => "(\n".to_owned(),
        };
        section(&mut text, "messages", messages);
        section(&mut text, "forces", forces);
        section(&mut text, "syncs", syncs);
        section(&mut text, "timers", timers);
        section(&mut text, "choices", choices);
        section(&mut text, "clocks", clocks);
        if let Some(core) = core {
            put(&mut text, format_args!("        core: {},\n", line(core)));
        }
        text + "    )"
    }

    fn phases(&self) -> String {
        let tail = self.quiet_tail.map(|tail| format!(", quiet_tail: \"{tail}\""));
        format!("(for: \"{}\"{})", self.run_for, tail.unwrap_or_default())
    }

    /// How much there is to read: faults, operations, decisions about messages, other decisions.
    pub fn size(&self) -> Size {
        let messages = self.script.count(Part::Messages);
        let decisions: usize = Part::ALL.iter().map(|part| self.script.count(*part)).sum();
        Size {
            faults: self.faults.len(),
            operations: self.operations.len(),
            messages,
            others: decisions - messages,
        }
    }
}

/// How much there is in a draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Faults.
    pub faults: usize,
    /// Operations of clients.
    pub operations: usize,
    /// Decisions about messages.
    pub messages: usize,
    /// Decisions about forces, timers, choices and clocks.
    pub others: usize,
}

impl Size {
    /// Everything that went wrong: faults, and decisions that are not as usual.
    pub fn oddities(&self) -> usize {
        self.faults + self.messages + self.others
    }
}

fn put(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).expect("a text takes whatever is written to it");
}

fn field(text: &mut String, name: &str, value: &str) {
    put(text, format_args!("    {name}: {value},\n"));
}

fn section<T: Serialize>(text: &mut String, name: &str, lines: &[T]) {
    if !lines.is_empty() {
        let lines: Vec<String> = lines.iter().map(line).collect();
        put(text, format_args!("        {name}: {},\n", list(&lines, 2)));
    }
}

/// One line per item.
fn list(lines: &[String], depth: usize) -> String {
    let indent = "    ".repeat(depth);
    let items: String = lines.iter().map(|line| format!("{indent}    {line},\n")).collect();
    format!("[\n{items}{indent}]")
}

/// A value on one line, as a person would write it.
///
/// # Panics
/// When the value cannot be written as RON; the model's own lines can.
pub fn line<T: Serialize>(value: &T) -> String {
    let pretty = PrettyConfig::new().depth_limit(0).separate_tuple_members(false);
    let options = ron::Options::default().with_default_extension(Extensions::IMPLICIT_SOME);
    let written = options.to_string_pretty(value, pretty);
    written.expect("the lines of a script are plain data")
}

fn quoted(text: &str) -> String {
    line(&text)
}

/// What is expected, as a scenario writes it.
pub fn expected(expect: &Expect) -> String {
    match expect.violations().as_slice() {
        [] => "Holds".to_owned(),
        [property] => format!("Violates({})", quoted(property)),
        properties => format!("ViolatesAll({})", line(&properties)),
    }
}

/// Takes lines away that name nodes which are not there.
pub fn retain_nodes(script: &mut ScriptText, exists: impl Fn(&str) -> bool) {
    for (_, lines) in script.parts() {
        lines.retain_named(&exists);
    }
    if let Some(core) = &mut script.core {
        core.retain(|node| exists(node));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::text::source::Edited,
        scenario::{
            load::load,
            model::{Do, Event, SpanText, When, Who},
            registry::Registry,
            script::{FateText, MessageLine},
        },
    };

    fn draft() -> Draft {
        let millis = Duration::from_millis;
        let asked = |at, op| Asked {
            at,
            client: 1,
            op: Some(op),
            node: Some("c".to_owned()),
            ask: crate::engine::operations::Operation::Transfer { from: 0, to: 1, amount: 5 },
        };
        let event = Event::Deliver("Yes".to_owned());
        let (node, peer, topic) = (Some("c".to_owned()), None, None);
        Draft {
            story: vec!["The coordinator \"dies\".".to_owned()],
            title: "a \"quoted\" title".to_owned(),
            protocol: "TwoPhaseCommit(participants: 2)".to_owned(),
            latency: millis(1),
            client_latency: millis(2),
            order: Order::Fifo,
            force: millis(3),
            geometry: Geometry::default(),
            service: None,
            patience: millis(500),
            operations: vec![asked(millis(0), 4), asked(millis(7), 9)],
            faults: vec![Fault {
                id: "window".to_owned(),
                when: When::Inside { event, effects: 1, nth: 2, node, peer, topic },
                r#do: Do::Crash {
                    node: Who::Actor,
                    down: SpanText::Between(millis(20), millis(20)),
                    cut: crate::engine::faults::CutAt::default(),
                    disk: crate::engine::faults::DiskFate::default(),
                    sectors: None,
                    names: None,
                    keeps: Some(0),
                },
            }],
            script: ScriptText {
                otherwise: Otherwise::Calm,
                messages: vec![MessageLine {
                    from: "c".to_owned(),
                    to: "p1".to_owned(),
                    label: "Prepare".to_owned(),
                    topic: 4,
                    nth: 1,
                    fate: FateText::Copies(vec![millis(1), millis(30)]),
                }],
                core: Some(vec!["c".to_owned(), "p1".to_owned()]),
                ..ScriptText::default()
            },
            ablate: vec!["ForceDecision".to_owned()],
            checks: "[AtomicCommit, Durability]".to_owned(),
            expect: Expect::ViolatesAll(vec![
                "durability".to_owned(),
                "atomic_commit.agreement".to_owned(),
            ]),
            run_for: millis(4000),
            quiet_tail: Some(millis(1000)),
        }
    }

    #[test]
    fn what_is_written_can_be_read_and_says_the_same() {
        let text = draft().text();
        let plan = load(&Registry::built_in(), "draft", &Edited::new(&text))
            .unwrap_or_else(|error| panic!("{:?}\n{text}", error.mistakes));
        assert_eq!(plan.title, "a \"quoted\" title");
        assert_eq!(plan.setup.rules.len(), 1);
        assert_eq!(plan.setup.targets.len(), 1);
        let fault = r#"(id: "window", when: Inside(event: Deliver("Yes"), effects: 1, nth: 2, node: "c"), do: Crash(node: Actor, down: "20ms", keeps: 0)),"#;
        assert!(text.contains(fault), "{text}");
        let message =
            r#"(from: "c", to: "p1", label: "Prepare", topic: 4, fate: Copies(["1ms", "30ms"])),"#;
        assert!(text.contains(message), "{text}");
    }
}
