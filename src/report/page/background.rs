//! What is behind the events: who there is, what lasted, what clients asked, verdicts and rules.
//!
//! ```text
//!   catalog ──▶ ends      spans ──▶ doubts · locks · down · paused · cuts
//!   history ──▶ operations    judgements ──▶ checks    rules, strikes ──▶ lines of the scenario
//! ```
//!
//! Endpoints keep their numbers; `ends` gives their names and the order of their columns: clients,
//! then nodes. Instants are nanoseconds, and a span without an end lasted to the end of the run.

use super::super::{
    spans::{Span, Spans},
    text::inert,
    words::{Words, ending_words, operation_words},
};
use crate::{
    base::{
        ids::EventId,
        text::source::{Node, Tree},
        time::Time,
    },
    checkers::{Judgement, Verdict},
    engine::{
        network::Endpoint,
        operations::{Ending, HistoryEntry},
        script::{Decision, StruckAt},
        trace::Kind,
    },
    scenario::{plan::Plan, run::Run},
};
use serde::Serialize;

/// A node or a client.
#[derive(Serialize)]
pub(super) struct End {
    name: String,
    role: String,
}

/// All endpoints, by their numbers.
pub(super) fn ends(run: &Run, words: &Words<'_>) -> Vec<End> {
    let nodes = run.catalog.nodes.len() as u16;
    let role = |end: u16| match run.catalog.role_of.get(usize::from(end)) {
        Some(role) => run.catalog.roles[usize::from(*role)].to_owned(),
        None => "client".to_owned(),
    };
    (0..nodes + run.clients)
        .map(|end| End { name: words.name(Endpoint(end)), role: role(end) })
        .collect()
}

/// What is behind the events of a run.
#[derive(Serialize)]
pub(super) struct Background {
    doubts: Vec<Lasting>,
    locks: Vec<Lasting>,
    down: Vec<Lasting>,
    paused: Vec<Lasting>,
    cuts: Vec<Lasting>,
    healed: Option<u64>,
    operations: Vec<Asked>,
    checks: Vec<Check>,
    rules: Vec<RuleRow>,
}

/// Something that lasted: at a node, about something.
#[derive(Serialize)]
struct Lasting {
    node: u16,
    about: String,
    since: u64,
    until: Option<u64>,
}

impl Lasting {
    fn new<T>(span: &Span<T>, node: u16, about: String) -> Self {
        let until = span.until.map(Time::as_nanos);
        Self { node, about, since: span.since.as_nanos(), until }
    }
}

impl Background {
    pub(super) fn of(run: &Run, plan: &Plan, spans: &Spans) -> Self {
        let doubt = |span: &Span<_>| {
            let super::super::spans::Doubt { txn, node } = span.of;
            Lasting::new(span, node.0, txn.to_string())
        };
        let lock = |span: &Span<_>| {
            let super::super::spans::Lock { txn, node, key } = span.of;
            Lasting::new(span, node.0, format!("{txn} key {key}"))
        };
        let down = spans.down.iter().map(|span| {
            let about = span.of.forcing.as_deref().map_or_else(String::new, inert);
            Lasting::new(span, span.of.node.0, about)
        });
        let paused = spans.paused.iter().map(|span| Lasting::new(span, span.of.0, String::new()));
        let cuts = spans.cuts.iter().map(|span| Lasting::new(span, 0, inert(&span.of.rule)));
        Self {
            doubts: spans.doubts.iter().map(doubt).collect(),
            locks: spans.locks.iter().map(lock).collect(),
            down: down.collect(),
            paused: paused.collect(),
            cuts: cuts.collect(),
            healed: spans.healed_at.map(Time::as_nanos),
            operations: operations(run),
            checks: run.judgements.iter().map(|judgement| check(run, judgement)).collect(),
            rules: rules(run, plan),
        }
    }
}

/// An operation of a client.
#[derive(Serialize)]
struct Asked {
    op: String,
    client: u16,
    node: u16,
    what: String,
    since: u64,
    until: Option<u64>,
    /// `ok`, `not done`, `unknown` or `open`.
    fate: &'static str,
    ending: String,
    event: u32,
    /// The event at which the client knew; 0 when it never did.
    ended: u32,
}

fn operations(run: &Run) -> Vec<Asked> {
    let mut ends = std::collections::BTreeMap::new();
    for entry in run.entries.iter().filter(|entry| entry.kind == Kind::End) {
        let op = entry.text.split(' ').next().unwrap_or_default();
        ends.insert(op, entry.event.0);
    }
    let asked = |entry: &HistoryEntry| {
        let op = entry.op.to_string();
        let fate = match entry.ending {
            Some((_, Ending::Ok(_))) => "ok",
            Some((_, Ending::NotDone)) => "not done",
            Some((_, Ending::Unknown)) => "unknown",
            None => "open",
        };
        Asked {
            client: run.catalog.client_end(entry.client).0,
            node: entry.node.0,
            what: operation_words(entry.operation),
            since: entry.invoked_at.as_nanos(),
            until: entry.ending.map(|(at, _)| at.as_nanos()),
            fate,
            ending: entry.ending.map_or_else(|| "open".to_owned(), |(_, end)| ending_words(end)),
            event: entry.invoked.0,
            ended: ends.get(op.as_str()).copied().unwrap_or(0),
            op,
        }
    };
    run.history.iter().map(asked).collect()
}

/// The verdict on one property.
#[derive(Serialize)]
struct Check {
    property: &'static str,
    verdict: &'static str,
    note: String,
    citations: Vec<Cited>,
}

#[derive(Serialize)]
struct Cited {
    event: u32,
    says: String,
}

fn check(run: &Run, Judgement { property, verdict, note, .. }: &Judgement) -> Check {
    let cited = match verdict {
        Verdict::Violated(witness) => witness.citations.as_slice(),
        _ => &[],
    };
    let citations = cited.iter().map(|one| {
        let place =
            one.node.map_or_else(String::new, |node| format!("{} ", inert(run.catalog.node(node))));
        Cited { event: one.event.0, says: format!("{place}{}", inert(&one.says)) }
    });
    let note = match verdict {
        Verdict::Unknown(why) => inert(why),
        _ => inert(note),
    };
    Check { property, verdict: verdict.word(), note, citations: citations.collect() }
}

/// A rule of the scenario, with what became of it.
#[derive(Serialize)]
struct RuleRow {
    id: String,
    class: &'static str,
    /// The lines of the scenario where it stands, from 1; none for one that is written nowhere.
    lines: Option<(usize, usize)>,
    fired: u64,
    effects: u64,
    /// Events that it brought about.
    events: Vec<u32>,
}

fn rules(run: &Run, plan: &Plan) -> Vec<RuleRow> {
    let tree = Tree::parse(&plan.text).ok();
    let faults = tree.as_ref().and_then(|tree| tree.find(&plan.text, "faults").ok());
    let row = |(place, rule): (usize, &crate::scenario::run::RuleReport)| {
        let named = |node: &&Node| {
            let id = node.field(&plan.text, "id").and_then(|id| id.string(&plan.text));
            id == Some(rule.id.as_str())
        };
        let written = faults.and_then(|faults| faults.items().iter().find(named));
        RuleRow {
            id: inert(&rule.id),
            class: rule.class,
            lines: written.map(|node| lines(&plan.text, node)),
            fired: rule.counts.fired,
            effects: rule.counts.effects,
            events: struck(run, place as u16),
        }
    };
    run.rules.iter().enumerate().map(row).collect()
}

fn lines(text: &str, node: &Node) -> (usize, usize) {
    let line = |offset: usize| text[..offset].matches('\n').count() + 1;
    (line(node.span.start), line(node.span.end))
}

/// The events at which a rule shows: cuts and disturbances name it; a crash, a pause or a lost
/// message is found by the strike that brought it about.
fn struck(run: &Run, rule: u16) -> Vec<u32> {
    let named = run
        .entries
        .iter()
        .filter(|entry| matches!(entry.kind, Kind::Cut | Kind::Disturb) && entry.label == rule);
    let mut events: Vec<EventId> = named.map(|entry| entry.event).collect();
    for decision in &run.decisions {
        let Decision::Strike(strike) = decision else { continue };
        if strike.rule != rule {
            continue;
        }
        let since = match strike.place {
            StruckAt::Inside { handler, .. } => handler,
            _ => EventId(0),
        };
        let broke = run.entries.iter().find(|entry| {
            matches!(entry.kind, Kind::Crash | Kind::Pause)
                && strike.at <= entry.at
                && since <= entry.event
        });
        let is_crash = matches!(run.rules[usize::from(rule)].class, "crash" | "pause");
        events.extend(broke.filter(|_| is_crash).map(|entry| entry.event));
    }
    events.sort_unstable();
    events.dedup();
    events.into_iter().map(|event| event.0).collect()
}
