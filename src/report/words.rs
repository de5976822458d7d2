//! One recorded event in words, and the symbol that stands for its kind everywhere.
//!
//! ```text
//!   Entry { kind: Send, who, peer, text } ──▶ ●  "c → p1  Prepare(t3)"
//! ```
//!
//! Timeline, space–time diagram and highlights tell of the same events; they take their words from
//! here, so that a reader who knows one of them can read the others. Shapes, not colours, tell the
//! kinds apart. Words made inside the engine were rejected: it knows labels, not readers.
//!
//! Limits: what an entry does not carry is not told; a crash does not name the rule behind it.

use super::text::{clip, inert};
use crate::{
    base::ids::{EventId, OpId},
    checkers::Verdict,
    engine::{
        network::{Endpoint, Lost},
        operations::{Ending, HistoryEntry, Operation},
        trace::{Entry, Kind},
    },
    scenario::run::Run,
};
use std::collections::{BTreeMap, BTreeSet};

/// The symbol of a kind of event.
pub const fn symbol(kind: Kind) -> char {
    match kind {
        Kind::Send | Kind::Reply => '●',
        Kind::Deliver => '○',
        Kind::Lose(_) => '╳',
        Kind::Write | Kind::FileWrite => '▢',
        Kind::Force | Kind::Sync => '▣',
        Kind::Durable | Kind::Synced => '■',
        Kind::SyncFailed => '□',
        Kind::Read => '▤',
        Kind::Step => '·',
        Kind::Timer => '◷',
        Kind::Crash => '✖',
        Kind::Boot => '▲',
        Kind::Pause => '‖',
        Kind::Resume => '▷',
        Kind::Cut => '≠',
        Kind::Mend => '=',
        Kind::Disturb => '~',
        Kind::Refuse => '-',
        Kind::Invoke => '▶',
        Kind::End => '◀',
        Kind::Heal => '✚',
    }
}

/// What a symbol means, for legends.
pub(super) const fn meaning(kind: Kind) -> &'static str {
    match kind {
        Kind::Send | Kind::Reply => "send",
        Kind::Deliver => "receive",
        Kind::Lose(_) => "lost",
        Kind::Write | Kind::FileWrite => "write",
        Kind::Force | Kind::Sync => "force",
        Kind::Durable | Kind::Synced => "durable",
        Kind::SyncFailed => "failed",
        Kind::Read => "read",
        Kind::Step => "step",
        Kind::Timer => "timer",
        Kind::Crash => "crash",
        Kind::Boot => "boot",
        Kind::Pause => "pause",
        Kind::Resume => "resume",
        Kind::Cut => "cut",
        Kind::Mend => "mend",
        Kind::Disturb => "disturb",
        Kind::Refuse => "refused",
        Kind::Invoke => "ask",
        Kind::End => "answer",
        Kind::Heal => "heal",
    }
}

/// Whether an event happens nowhere in particular: a cut and its like.
pub(super) const fn is_everywhere(kind: Kind) -> bool {
    matches!(kind, Kind::Cut | Kind::Mend | Kind::Refuse | Kind::Heal)
}

/// The words for the events of one run.
pub struct Words<'a> {
    run: &'a Run,
    history: BTreeMap<OpId, &'a HistoryEntry>,
    /// Arrivals of a message that had arrived before.
    copies: BTreeSet<EventId>,
    /// What was forced, by the handler that forced it.
    forced: BTreeMap<(Endpoint, EventId), &'a str>,
}

impl<'a> Words<'a> {
    /// Looks through a run once.
    pub fn of(run: &'a Run) -> Self {
        let (mut arrived, mut copies) = (BTreeSet::new(), BTreeSet::new());
        let mut forced = BTreeMap::new();
        for entry in &run.entries {
            match entry.kind {
                Kind::Deliver if !arrived.insert(entry.cause) => _ = copies.insert(entry.event),
                Kind::Force => _ = forced.insert((entry.who, entry.cause), entry.text.as_str()),
                _ => {}
            }
        }
        let history = run.history.iter().map(|entry| (entry.op, entry)).collect();
        Self { run, history, copies, forced }
    }

    /// The name of an endpoint.
    pub fn name(&self, end: Endpoint) -> String {
        inert(&self.run.catalog.endpoint(end))
    }

    /// Whether this is the arrival of a message that had arrived before.
    pub(super) fn is_copy(&self, event: EventId) -> bool {
        self.copies.contains(&event)
    }

    /// Whether an endpoint is a client.
    pub(super) fn is_client(&self, end: Endpoint) -> bool {
        usize::from(end.0) >= self.run.catalog.nodes.len()
    }

    /// What happened, and to whom: `p1 ← c  Prepare(t3)`.
    pub fn line(&self, entry: &Entry) -> String {
        let (who, peer) = (self.name(entry.who), self.name(entry.peer));
        let what = self.what(entry);
        match entry.kind {
            Kind::Send | Kind::Reply | Kind::Lose(_) | Kind::Invoke => {
                format!("{who} → {peer}  {what}")
            }
            Kind::Deliver | Kind::End => format!("{who} ← {peer}  {what}"),
            kind if is_everywhere(kind) => what,
            _ => format!("{who}  {what}"),
        }
    }

    /// What happened, without saying to whom.
    pub(super) fn what(&self, entry: &Entry) -> String {
        let text = inert(&entry.text);
        match entry.kind {
            Kind::Deliver if self.is_copy(entry.event) => format!("{text} once more"),
            Kind::Send | Kind::Deliver | Kind::FileWrite => text,
            Kind::Lose(lost) => format!("{text}  lost: {}", self.why(lost, entry.peer)),
            Kind::Write => format!("writes {text}"),
            Kind::Force => format!("forces {text}"),
            Kind::Durable => match self.forced.get(&(entry.who, entry.cause)) {
                Some(record) => format!("durable: {}", inert(record)),
                None => "durable".to_owned(),
            },
            Kind::Sync => format!("syncs {text}"),
            Kind::Synced => format!("synced: {text}"),
            Kind::SyncFailed => format!("the sync of {text} fails"),
            Kind::Read => format!("reads {text}"),
            Kind::Step => format!("step {}", self.step(entry.label)),
            Kind::Timer => format!("timer {text}"),
            Kind::Crash => "crashes".to_owned(),
            Kind::Boot if entry.at.as_nanos() == 0 => "starts".to_owned(),
            Kind::Boot => "boots and replays its log".to_owned(),
            Kind::Pause => "pauses".to_owned(),
            Kind::Resume => "goes on".to_owned(),
            Kind::Cut => format!("the network is cut ({text})"),
            Kind::Mend => "the cut is mended".to_owned(),
            Kind::Disturb => format!("disturbed: {text}"),
            Kind::Refuse => format!("the budget refuses {text}"),
            Kind::Invoke => self.asked(entry).unwrap_or(text),
            Kind::Reply => reply(&text),
            Kind::End => self.ended(entry).unwrap_or(text),
            Kind::Heal => "faults are over, the core is repaired".to_owned(),
        }
    }

    /// The name of a step.
    pub(super) fn step(&self, label: u16) -> &'static str {
        self.run.catalog.steps.get(usize::from(label)).map_or("?", |step| step.name)
    }

    fn why(&self, lost: Lost, receiver: Endpoint) -> String {
        match lost {
            Lost::Dropped => "dropped by the link".to_owned(),
            Lost::Corrupt => "damaged on the way".to_owned(),
            Lost::Cut => "the network is cut".to_owned(),
            Lost::Dead => format!("{} is down", self.name(receiver)),
            Lost::Overflow => format!("the queue of {} is full", self.name(receiver)),
        }
    }

    fn operation(&self, entry: &Entry) -> Option<&'a HistoryEntry> {
        let number = entry.text.strip_prefix('o')?.split(' ').next()?;
        self.history.get(&OpId(number.parse().ok()?)).copied()
    }

    fn asked(&self, entry: &Entry) -> Option<String> {
        let history = self.operation(entry)?;
        Some(format!("{} {}", history.op, operation_words(history.operation)))
    }

    fn ended(&self, entry: &Entry) -> Option<String> {
        let history = self.operation(entry)?;
        Some(format!("{} {}", history.op, ending_words(history.ending?.1)))
    }
}

/// A line that takes at most so many columns on a terminal; what is left out ends in `…`.
pub fn clipped(line: &str, width: usize) -> String {
    clip(line, width)
}

/// `o3 Done` as `o3 done`, `o3 Value(7)` as `o3 value 7`.
fn reply(text: &str) -> String {
    let told = text.replace("NotDone", "not done").replace("Done", "done");
    told.replace("Value(", "value ").replace(')', "")
}

/// What a client asks for, in words.
pub(super) fn operation_words(operation: Operation) -> String {
    match operation {
        Operation::Transfer { from, to, amount } => {
            format!("transfer {amount} from {from} to {to}")
        }
        Operation::Audit => "audit".to_owned(),
        Operation::Read { key } => format!("read {key}"),
        Operation::Write { key, value } => format!("write {key} = {value}"),
        Operation::Cas { key, expected, value } => {
            format!("write {key} = {value} if {expected}")
        }
        Operation::Append { key, value } => format!("append {value} to {key}"),
        Operation::Delete { key } => format!("delete {key}"),
        Operation::Rename { from, to } => format!("rename {from} to {to}"),
        Operation::Charge { key, amount } => format!("charge {amount} under key {key}"),
        Operation::Own { kind, key, value } => format!("request {kind} of {key} with {value}"),
    }
}

/// How an operation ended, in words.
pub(super) fn ending_words(ending: Ending) -> String {
    match ending {
        Ending::Ok(None) => "done".to_owned(),
        Ending::Ok(Some(value)) => format!("done: {value}"),
        Ending::NotDone => "not done".to_owned(),
        Ending::Unknown => "unknown: the client gave up".to_owned(),
    }
}

/// Which properties cite which event as their witness.
pub(super) fn cited(run: &Run) -> BTreeMap<EventId, Vec<&'static str>> {
    let mut cited: BTreeMap<EventId, Vec<&'static str>> = BTreeMap::new();
    for judgement in &run.judgements {
        let Verdict::Violated(witness) = &judgement.verdict else { continue };
        for citation in &witness.citations {
            let by = cited.entry(citation.event).or_default();
            if !by.contains(&judgement.property) {
                by.push(judgement.property);
            }
        }
    }
    cited
}
