//! `explain`: what a word means, wherever in splitbrain it is printed.
//!
//! ```text
//!   protocol · step · check · property · workload · fault · SB0101 · exit-codes
//! ```
//!
//! The texts come from the registry and from the doc comments of steps, so a page exists for every
//! word that a screen can show. An unknown word gets a suggestion and all the kinds there are.

use super::{Environment, exit};
use crate::{
    base::text::diagnostic::{Code as MistakeCode, suggest},
    checkers::{CheckEntry, PropertyInfo},
    engine::{protocol::StepInfo, runner::Runnable},
};

/// Arguments of `explain`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// A protocol, step, check, property, workload, fault, or a code such as SB0101.
    topic: String,
}

pub(super) fn explain(environment: &Environment<'_>, arguments: &Arguments) -> exit::Code {
    let topic = arguments.topic.as_str();
    let page = mistake(topic)
        .or_else(|| protocol(environment, topic))
        .or_else(|| step(environment, topic))
        .or_else(|| check(environment, topic))
        .or_else(|| workload(environment, topic))
        .or_else(|| fault(topic));
    match page {
        Some(page) => {
            environment.print(&page);
            exit::Code::AsExpected
        }
        None => unknown(environment, topic),
    }
}

fn unknown(environment: &Environment<'_>, topic: &str) -> exit::Code {
    let topics = topics(environment);
    let words = topics.iter().flat_map(|(_, words)| words.iter().copied());
    let hint =
        suggest(topic, words).map_or_else(String::new, |near| format!(", did you mean `{near}`?"));
    let lines: Vec<String> = topics
        .iter()
        .map(|(kind, words)| wrap(&format!("{kind}: {}", words.join(", ")), "  "))
        .collect();
    let known = lines.join("\n");
    environment.complain(&format!("error: nothing is called `{topic}`{hint}\n{known}\n"));
    exit::Code::Usage
}

/// Every word that has a page, by kind.
fn topics<'a>(environment: &Environment<'a>) -> [(&'static str, Vec<&'a str>); 7] {
    let registry = environment.registry;
    let properties = registry.checks().iter().flat_map(|check| check.properties);
    let steps = registry.protocols().flat_map(Runnable::steps);
    let codes = MistakeCode::ALL.iter().map(|code| code.as_str());
    [
        ("protocols", registry.protocols().map(Runnable::name).collect()),
        ("steps", steps.map(|step| step.name).collect()),
        ("checks", registry.checks().iter().map(|check| check.name).collect()),
        ("properties", properties.map(|property| property.name).collect()),
        ("workloads", registry.workloads().iter().map(|workload| workload.name).collect()),
        ("faults", FAULTS.iter().map(|fault| fault.0).collect()),
        ("codes", std::iter::once("exit-codes").chain(codes).collect()),
    ]
}

fn mistake(topic: &str) -> Option<String> {
    if topic == "exit-codes" {
        return Some(format!("{}\n", exit::TABLE));
    }
    let code: MistakeCode = topic.parse().ok()?;
    let text = wrap(code.explanation(), "");
    Some(format!("{code}: {}\n\n{text}\n", code.title()))
}

/// The same word whether it is written like the type or like the folder.
fn same(name: &str, topic: &str) -> bool {
    let plain = |text: &str| text.replace(['_', '-'], "").to_lowercase();
    plain(name) == plain(topic)
}

fn protocol(environment: &Environment<'_>, topic: &str) -> Option<String> {
    let protocol = environment.registry.protocols().find(|p| same(p.name(), topic))?;
    let mut page =
        format!("{}: {}\n\nSteps that bear load:\n", protocol.name(), protocol.summary());
    for step in protocol.steps() {
        page.push_str(&step_lines(step));
    }
    page.push_str("\nSettings, with their defaults:\n");
    page.push_str(&indent(&protocol.default_settings()));
    Some(page)
}

fn step_lines(step: &StepInfo) -> String {
    let text = wrap(step.doc.trim(), "      ");
    format!("  {}  without it falls: {}\n{text}\n", step.name, step.guards)
}

fn step(environment: &Environment<'_>, topic: &str) -> Option<String> {
    let protocols = environment.registry.protocols();
    let pages: Vec<String> = protocols
        .flat_map(|protocol| protocol.steps().iter().map(move |step| (protocol.name(), step)))
        .filter(|(_, step)| same(step.name, topic))
        .map(|(protocol, step)| step_page(protocol, step))
        .collect();
    (!pages.is_empty()).then(|| pages.join("\n"))
}

fn step_page(protocol: &str, step: &StepInfo) -> String {
    let StepInfo { name, guards, doc } = step;
    let text = wrap(doc.trim(), "");
    format!(
        "{name} (a step of {protocol})\n\n{text}\n\n\
         Leave it out with --set 'ablate=[\"{name}\"]'; then {guards} falls.\n"
    )
}

fn check(environment: &Environment<'_>, topic: &str) -> Option<String> {
    let checks = environment.registry.checks();
    if let Some(entry) = checks.iter().find(|check| same(check.name, topic)) {
        let pages: Vec<String> =
            entry.properties.iter().map(|property| property_page(entry, property)).collect();
        return Some(pages.join("\n"));
    }
    checks.iter().find_map(|entry| {
        let property = entry.properties.iter().find(|property| same(property.name, topic))?;
        Some(property_page(entry, property))
    })
}

fn property_page(entry: &CheckEntry, property: &PropertyInfo) -> String {
    format!(
        "{} (judged by {})\n  Demands    {}\n  Exercised  {}\n  Source     {}\n",
        property.name, entry.name, property.demands, property.exercised_by, property.source
    )
}

fn workload(environment: &Environment<'_>, topic: &str) -> Option<String> {
    let workloads = environment.registry.workloads();
    let entry = workloads.iter().find(|workload| same(workload.name, topic))?;
    Some(format!("{} (a workload): {}\n", entry.name, entry.summary))
}

fn fault(topic: &str) -> Option<String> {
    let (name, text) = FAULTS.iter().find(|fault| same(fault.0, topic))?;
    Some(format!("{name} (a fault)\n\n{}\n", wrap(text, "")))
}

/// What each fault does, exactly.
const FAULTS: &[(&str, &str)] = &[
    (
        "Crash",
        "A node loses its memory, its timers and its inbox; messages it has sent live on. Its log \
         keeps all that is durable and a drawn prefix of the rest (`disk: Wipe` empties it). It \
         boots after `down` by replaying the log. A trigger cuts the handler exactly where it \
         fires. A crash by the clock strikes at once or, as often, after some of the effects of \
         the node's next handler, because effects share an instant and no clock could fall \
         between them; `cut: Boundary` asks for the former. At equal times faults come before \
         disk completions, those before deliveries, timers and clients: a crash at the instant \
         of an arrival loses the message.",
    ),
    ("Pause", "A node handles nothing for a while. Its clock goes on; messages and timers wait."),
    ("Slow", "Each handler of a node takes `service`: the node answers, but late."),
    ("StallDisk", "Forces of a node complete only when the stall is over."),
    (
        "FailForce",
        "The next force of a node fails, and the node stops, like a database that \
      cannot trust its log any more.",
    ),
    (
        "Cut",
        "Nothing crosses between the groups, judged when messages arrive. A node in no group \
      reaches all others: that makes a bridge. `held: Hold` keeps messages until the end.",
    ),
    ("CutOneWay", "Nothing gets from the first group to the second; the way back is open."),
    ("SlowLink", "Messages take `factor` times as long."),
    ("JumpClock", "A node's wall clock is set forward or back; its timers do not notice."),
    (
        "Lose",
        "The message at hand is lost: with `EachMessage`, `Before(event: Send(…))` or \
      `Before(event: Deliver(…))`.",
    ),
    ("Delay", "The message at hand takes longer."),
    ("Duplicate", "The message at hand arrives more than once, each time with its own latency."),
];

/// Breaks a text into lines of at most 92 characters behind an indentation.
fn wrap(text: &str, indentation: &str) -> String {
    let mut lines = vec![String::from(indentation)];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is always a line");
        if line.len() + word.len() > 92 && line.len() > indentation.len() {
            lines.push(format!("{indentation}{word}"));
        } else {
            if line.len() > indentation.len() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.join("\n")
}

fn indent(text: &str) -> String {
    text.lines().flat_map(|line| ["  ", line, "\n"]).collect()
}
