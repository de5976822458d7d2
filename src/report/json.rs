//! A run as one JSON object, for programs: the `run` line of the JSON-lines output.
//!
//! ```text
//!   {"schema":"splitbrain.event/1","type":"run","scenario":…,"seed":"42","verdict":…,"checks":[…],
//!    "counters":{"messages":{…},"records":{…},…},"trace_hash":…,"epoch":1,"simulated_ns":…}
//! ```
//!
//! Fields are only ever added under one schema. Seeds and hashes are text, since JavaScript loses
//! integers beyond 2^53. What names things are keys of sorted maps, so equal runs give equal bytes.
//! Only what was counted is listed under a label, so that a wide protocol stays a short line.

use super::{screen::Totals, spans::simulated};
use crate::{
    base::ids::EventId,
    checkers::{Judgement, Verdict},
    engine::{counters::MessageCounts, trace::ENGINE_EPOCH},
    scenario::run::{RuleReport, Run},
};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// The version of what the lines look like.
pub const SCHEMA: &str = "splitbrain.event/1";

/// The `run` object. `verdict` and `expected` are words of whoever judged the whole run.
pub fn run_object(run: &Run, scenario: &str, verdict: &str, expected: &str) -> Value {
    let line = line(run, scenario, verdict, expected);
    serde_json::to_value(line).expect("a line of names and numbers is JSON")
}

/// The same as one line of text, with the fields in their documented order.
pub fn run_line(run: &Run, scenario: &str, verdict: &str, expected: &str) -> String {
    let line = line(run, scenario, verdict, expected);
    serde_json::to_string(&line).expect("a line of names and numbers is JSON")
}

#[derive(Serialize)]
struct Line<'a> {
    schema: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    scenario: &'a str,
    seed: String,
    verdict: &'a str,
    expected: &'a str,
    checks: Vec<Check<'a>>,
    counters: Counted<'a>,
    trace_hash: String,
    epoch: u32,
    simulated_ns: u64,
}

#[derive(Serialize)]
struct Check<'a> {
    name: &'a str,
    verdict: &'static str,
    exercised: u64,
    note: &'a str,
    witness: Option<Shown<'a>>,
}

#[derive(Serialize)]
struct Shown<'a> {
    sentence: &'a str,
    citations: Vec<Cited<'a>>,
}

#[derive(Serialize)]
struct Cited<'a> {
    event: EventId,
    at_ns: u64,
    node: Option<&'a str>,
    says: &'a str,
}

#[derive(Serialize)]
struct Counted<'a> {
    messages: BTreeMap<&'a str, Messages>,
    messages_by_role: BTreeMap<&'a str, BTreeMap<&'a str, u64>>,
    records: BTreeMap<&'a str, BTreeMap<&'a str, Records>>,
    forced: u64,
    unforced: u64,
    sent: u64,
    flushes: u64,
    steps: BTreeMap<&'a str, u64>,
    nodes: Nodes,
    faults: BTreeMap<&'a str, Fault>,
    operations: Operations,
    events: u64,
}

#[derive(Serialize)]
struct Messages {
    sent: u64,
    delivered: u64,
    copied: u64,
    dropped: u64,
    corrupt: u64,
    cut: u64,
    dead: u64,
    overflowed: u64,
    local: u64,
}

#[derive(Serialize)]
struct Records {
    forced: u64,
    unforced: u64,
}

#[derive(Serialize)]
struct Nodes {
    crashes: u64,
    cut_handlers: u64,
    during_force: u64,
    records_lost: u64,
    records_kept: u64,
    recoveries: u64,
}

#[derive(Serialize)]
struct Fault {
    class: &'static str,
    armed: u64,
    refused: u64,
    fired: u64,
    effects: u64,
}

#[derive(Serialize)]
struct Operations {
    invoked: u64,
    ok: u64,
    not_done: u64,
    unknown: u64,
}

fn line<'a>(run: &'a Run, scenario: &'a str, verdict: &'a str, expected: &'a str) -> Line<'a> {
    Line {
        schema: SCHEMA,
        kind: "run",
        scenario,
        seed: run.seed.to_string(),
        verdict,
        expected,
        checks: run.judgements.iter().map(|judgement| check(run, judgement)).collect(),
        counters: counted(run),
        trace_hash: format!("{:032x}", run.hash),
        epoch: ENGINE_EPOCH,
        simulated_ns: simulated(run).as_nanos(),
    }
}

fn check<'a>(run: &'a Run, judgement: &'a Judgement) -> Check<'a> {
    let (witness, note) = match &judgement.verdict {
        Verdict::Violated(witness) => (Some(witness), &judgement.note),
        Verdict::Unknown(reason) => (None, reason),
        Verdict::Holds | Verdict::NotExercised => (None, &judgement.note),
    };
    let witness = witness.map(|witness| {
        let cite = |citation: &'a crate::checkers::Citation| Cited {
            event: citation.event,
            at_ns: citation.at.as_nanos(),
            node: citation.node.map(|node| run.catalog.node(node)),
            says: &citation.says,
        };
        let citations = witness.citations.iter().map(cite).collect();
        Shown { sentence: &witness.sentence, citations }
    });
    let verdict = judgement.verdict.word();
    Check { name: judgement.property, verdict, exercised: judgement.exercised, note, witness }
}

fn counted(run: &Run) -> Counted<'_> {
    let totals = Totals::of(run);
    let counters = &run.counters;
    let steps = run.catalog.steps.iter().zip(&counters.steps);
    Counted {
        messages: messages(run),
        messages_by_role: messages_by_role(run),
        records: records(run),
        forced: totals.forced,
        unforced: totals.unforced,
        sent: totals.messages,
        flushes: counters.flushes,
        steps: steps.map(|(step, times)| (step.name, *times)).collect(),
        nodes: nodes(run),
        faults: run.rules.iter().map(|rule| (rule.id.as_str(), fault(rule))).collect(),
        operations: operations(run),
        events: counters.events,
    }
}

fn nodes(run: &Run) -> Nodes {
    let counts = run.counters.nodes;
    Nodes {
        crashes: counts.crashes,
        cut_handlers: counts.cut_handlers,
        during_force: counts.during_force,
        records_lost: counts.records_lost,
        records_kept: counts.records_kept,
        recoveries: counts.recoveries,
    }
}

fn fault(rule: &RuleReport) -> Fault {
    let counts = rule.counts;
    Fault {
        class: rule.class,
        armed: counts.armed,
        refused: counts.refused,
        fired: counts.fired,
        effects: counts.effects,
    }
}

fn operations(run: &Run) -> Operations {
    let counts = run.counters.operations;
    Operations {
        invoked: counts.invoked,
        ok: counts.ok,
        not_done: counts.not_done,
        unknown: counts.unknown,
    }
}

/// What became of messages, by label, over all senders.
fn messages(run: &Run) -> BTreeMap<&str, Messages> {
    let names = run.catalog.messages.names().iter().enumerate();
    let sum = |label| {
        let roles = 0..run.catalog.roles.len();
        roles.fold(MessageCounts::default(), |sum, role| {
            sum.plus(run.counters.messages_of(role, label))
        })
    };
    let counted = names.map(|(label, name)| (name.as_str(), sum(label)));
    counted
        .filter(|(_, counts)| *counts != MessageCounts::default())
        .map(|(name, counts)| (name, spelled(counts)))
        .collect()
}

fn spelled(counts: MessageCounts) -> Messages {
    Messages {
        sent: counts.sent,
        delivered: counts.delivered,
        copied: counts.copied,
        dropped: counts.dropped,
        corrupt: counts.corrupt,
        cut: counts.cut,
        dead: counts.dead,
        overflowed: counts.overflowed,
        local: counts.local,
    }
}

fn messages_by_role(run: &Run) -> BTreeMap<&str, BTreeMap<&str, u64>> {
    let of_role = |role: usize| {
        let names = run.catalog.messages.names().iter().enumerate();
        let sent =
            names.map(|(label, name)| (name.as_str(), run.counters.messages_of(role, label).sent));
        sent.filter(|(_, sent)| *sent > 0).collect()
    };
    run.catalog.roles.iter().enumerate().map(|(role, name)| (*name, of_role(role))).collect()
}

fn records(run: &Run) -> BTreeMap<&str, BTreeMap<&str, Records>> {
    let of_role = |role: usize| {
        let names = run.catalog.records.names().iter().enumerate();
        let counted =
            names.map(|(label, name)| (name.as_str(), run.counters.records_of(role, label)));
        counted
            .filter(|(_, counts)| counts.forced + counts.unforced > 0)
            .map(|(name, counts)| {
                (name, Records { forced: counts.forced, unforced: counts.unforced })
            })
            .collect()
    };
    run.catalog.roles.iter().enumerate().map(|(role, name)| (*name, of_role(role))).collect()
}

#[cfg(test)]
mod tests {
    use super::{
        super::fixture::{Sketch, hostile, unrecorded},
        *,
    };

    #[test]
    fn a_run_says_what_was_judged_and_what_it_cost() {
        let run = Sketch::coordinator_crash().run(42);
        let object = run_object(&run, "coordinator-crash", "violated", "violated");
        let at = |path: &str| object.pointer(path).expect(path).clone();
        assert_eq!(at("/schema"), SCHEMA);
        assert_eq!(at("/seed"), "42");
        assert_eq!(at("/checks/1/verdict"), "violated");
        assert_eq!(at("/checks/1/witness/citations/1/node"), "c");
        assert_eq!(at("/checks/0/witness"), Value::Null);
        assert_eq!(at("/counters/messages/Prepare/sent"), 3);
        assert_eq!(at("/counters/messages_by_role/participant/Yes"), 3);
        assert_eq!(at("/counters/records/coordinator/Decided/forced"), 1);
        assert_eq!(at("/counters/steps/ForcePromise"), 3);
        assert_eq!(at("/counters/nodes/during_force"), 1);
        assert_eq!(at("/counters/faults/crash_c/effects"), 1);
        assert_eq!(at("/counters/operations/unknown"), 1);
        assert_eq!(at("/trace_hash").as_str().map(str::len), Some(32));
        assert_eq!(at("/simulated_ns"), 7_000_000_000_u64);
    }

    #[test]
    fn the_line_and_the_object_say_the_same() {
        for run in [Sketch::busy().run(7), hostile(), unrecorded()] {
            let line = run_line(&run, "name", "holds", "");
            let object = run_object(&run, "name", "holds", "");
            assert!(line.starts_with(r#"{"schema":"splitbrain.event/1","type":"run","scenario":"#));
            assert!(!line.contains('\n'));
            assert_eq!(serde_json::from_str::<Value>(&line).expect("the line is JSON"), object);
        }
    }
}
