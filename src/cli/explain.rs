//! `explain`: what a word means, wherever in splitbrain it is printed.
//!
//! ```text
//!   protocol · step · check · property · workload · fault · word · SB0101 · exit-codes
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
    /// A protocol, step, check, property, workload, fault, word, or a code such as SB0101.
    topic: String,
}

pub(super) fn explain(environment: &Environment<'_>, arguments: &Arguments) -> exit::Code {
    let topic = arguments.topic.as_str();
    let page = mistake(topic)
        .or_else(|| protocol(environment, topic))
        .or_else(|| step(environment, topic))
        .or_else(|| check(environment, topic))
        .or_else(|| workload(environment, topic))
        .or_else(|| fault(topic))
        .or_else(|| word(topic));
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
fn topics<'a>(environment: &Environment<'a>) -> [(&'static str, Vec<&'a str>); 8] {
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
        ("words", WORDS.iter().map(|word| word.0).collect()),
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
    (
        "StallDisk",
        "Forces, syncs and reads of a node complete only when the stall is over, in their order.",
    ),
    (
        "FailForce",
        "The next force of a node fails, and the node stops, like a database that cannot trust its \
         log any more. If it is the sync of a raw file that fails, what it was to write counts as \
         clean from then on, as on Linux, and the protocol says what becomes of the node: it stops, \
         asks again (which succeeds and has written nothing), or goes on as if nothing had happened.",
    ),
    (
        "BadDisk",
        "A node's disk is bad in one of five ways. `how: Lies`, for a while: it says that data is \
         safe and has it only in a cache of its own. `how: Full`, for a while: no file becomes \
         longer. `how: Slow(10)`, for a while: everything takes ten times as long. \
         `how: Rots(file: Some(\"log\"), sector: Some(3))`, once: a bit flips for good. \
         `how: Misdirects`, once: a sector of the next sync lands in the wrong place. The first \
         three take `for`; lies and slowness concern typed logs too, the rest only raw files.",
    ),
    (
        "Lies",
        "BadDisk(how: Lies): a sync or force says that data is safe while the disk has it in a cache \
         of its own. A crash then keeps any subset of those sectors, or a prefix of those records. \
         The next honest sync of anything on this disk writes all of it. Changes of names are told \
         truthfully. The effect is counted when a crash loses what a lie had called safe.",
    ),
    (
        "Full",
        "BadDisk(how: Full): files cannot become longer. A write that needs room is dropped as a \
         whole and the next sync of any file fails; a protocol can ask before it writes. \
         Overwriting what is there goes on to work.",
    ),
    (
        "Rots",
        "BadDisk(how: Rots()): one bit of a stable sector flips for good. The node sees it after its \
         next crash, for until then it reads its cache. `file` names the files by their word, \
         `sector` counts their stable sectors from 0; what is left out is drawn. The effect is \
         counted when the damaged sector is read.",
    ),
    (
        "Misdirects",
        "BadDisk(how: Misdirects): the first sector of the next sync lands half the file further. \
         Its own place keeps what it had, and what stood at the other place is gone; both show \
         after the next crash.",
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

fn word(topic: &str) -> Option<String> {
    let (name, text) = WORDS.iter().find(|word| same(word.0, topic))?;
    Some(format!("{name}\n\n{}\n", wrap(text, "")))
}

/// When faults strike, and what reports and scenarios say of disks.
const WORDS: &[(&str, &str)] = &[
    ("At", "when: At(\"1s\"): at this instant of true time, whatever the protocol is doing."),
    (
        "Times",
        "when: Times(count: (0, 2), within: (\"1s\", \"4s\")): a number of times that is drawn, at \
         instants that are drawn. A number rather than a rate, so that most runs see the fault.",
    ),
    (
        "EachMessage",
        "when: EachMessage(chance: \"1/3\", label: \"Yes\", to: \"c\"): at each message that fits, \
         with this chance. EachForce and EachEffect do the same at forces and at effects.",
    ),
    (
        "Before",
        "when: Before(event: Step(\"ForceDecision\"), nth: 1): just before the nth event that fits. \
         An event is a Step, Send, Deliver, Force or Timer with a name, a Boot, or a Request; \
         `node`, `peer` and `topic` narrow it down. `explain` of a protocol lists its steps, \
         `run --trace` shows all events.",
    ),
    (
        "After",
        "when: After(event: Send(\"Decide\"), nth: 1): just after the nth event that fits. After a \
         Force is when the record is durable.",
    ),
    (
        "Inside",
        "when: Inside(event: Deliver(\"Yes\"), effects: 2): in the handler of the nth event that \
         fits, after so many of its effects. For crashes.",
    ),
    (
        "raw-files",
        "Files of bytes, for protocols that bring their own format. A write is seen at once and \
         survives a crash only once a sync has covered it. Sectors of 512 bytes are written whole or \
         not at all; a write of several may tear. So with k unsynced sectors a crash leaves one of \
         2^k images. A file whose name is not synced is gone, however well its content is.",
    ),
    (
        "sync",
        "Waiting until the disk has what was written: sync of a file for its content, sync of the \
         names for what was created, renamed and removed. What a handler lists behind a sync happens \
         after it. One sync of a file is under way at a time; those who wait share the next one \
         (group commit). It costs a draw of the law of forces, a seek for each run of sectors away \
         from the head, and the transfer of each sector.",
    ),
    (
        "sectors",
        "`sectors:` of a crash lists which unsynced sectors survive, counted from 0 in the order of \
         files and of when they were handed to the disk. Left out, they are drawn: none, all, a \
         prefix, or any subset, each equally often.",
    ),
    (
        "names",
        "`names:` of a crash says how many unsynced changes of file names survive. They survive as a \
         prefix, for file systems keep their order in a journal of their own.",
    ),
];

/// A text in lines of at most 92 characters behind an indentation.
pub(super) fn wrap(text: &str, indentation: &str) -> String {
    let mut lines = vec![String::from(indentation)];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is always a line");
        if line.len() > indentation.len() && line.chars().count() + word.chars().count() >= 92 {
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
