//! Runs for other tools: what ShiViz and Perfetto would read is read here, by their rules; and charts,
//! which are read the same way.
//!
//! ```text
//!   a run of every pattern ─▶ shiviz.log     ─▶ host, clock, event ─▶ the order of the trace, and no more
//!                          ─▶ perfetto.json  ─▶ slices, arrows      ─▶ every message, every operation
//!                          ─▶ chart.svg, csv ─▶ shapes, rows        ─▶ counts from the trace
//! ```
//!
//! The readers follow what the two tools document: the log's own expression and the rules of vector
//! clocks, and the fields that the trace event format asks of each phase. The tools themselves need
//! a browser and a network and were left out.

// What charts show, against the trace.
#[path = "exports/charts.rs"]
mod charts;

use serde_json::Value as Json;
use splitbrain::{
    base::{ids::Seed, text::source::Edited},
    engine::trace::{Kind, Recording},
    report::export,
    scenario::{load::load, registry::Registry, run::Run},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

/// A run of each pattern.
const RUNS: [&str; 6] = [
    "book/course/00_hello_drop/first.ron",
    "scenarios/two_phase_commit/coordinator_dies_in_the_window.ron",
    "scenarios/quorum/small_register.ron",
    "scenarios/wal/an_asynchronous_standby_loses_the_lag.ron",
    "scenarios/saga_orchestration/small_saga.ron",
    "scenarios/saga_choreography/small_saga.ron",
];

fn runs() -> Vec<(&'static str, Run)> {
    let run = |path: &'static str| {
        let full = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        let text = std::fs::read_to_string(full).expect("a scenario");
        let plan = load(&Registry::built_in(), "run", &Edited::new(text)).expect("it is sound");
        (path, plan.runner().run(Seed(1), Recording::Full))
    };
    RUNS.into_iter().map(run).collect()
}

/// One event of a log as ShiViz takes it apart.
struct Logged {
    host: String,
    clock: BTreeMap<String, u64>,
}

/// `(?<host>\S*) (?<clock>{.*})\n(?<event>.*)`, after the line with the expression and an empty one.
fn read(log: &str) -> Vec<Logged> {
    let mut lines = log.lines();
    assert_eq!(lines.next(), Some(r"(?<host>\S*) (?<clock>{.*})\n(?<event>.*)"));
    assert_eq!(lines.next(), Some(""));
    let mut events = Vec::new();
    while let Some(line) = lines.next() {
        let (host, clock) = line.split_once(' ').expect("a host, a blank, a clock");
        let clock = serde_json::from_str(clock).expect("a clock is an object of numbers");
        let text = lines.next().expect("an event has a line of its own");
        assert!(!text.is_empty() && !host.contains(char::is_whitespace));
        events.push(Logged { host: host.to_owned(), clock });
    }
    events
}

#[test]
fn shiviz_reads_every_log_and_sees_the_order_of_the_trace() {
    for (path, run) in runs() {
        let events = read(&export::shiviz(&run));
        assert!(events.len() > 20, "{path}: {} events", events.len());
        let mut latest: BTreeMap<&str, &BTreeMap<String, u64>> = BTreeMap::new();
        for Logged { host, clock } in &events {
            let before = latest.insert(host, clock);
            let own = before.map_or(0, |before| before[host]);
            assert_eq!(clock[host], own + 1, "{path}: {host} ticks once per event");
            for (other, ticks) in before.into_iter().flatten() {
                assert!(clock.get(other) >= Some(ticks), "{path}: {host} forgets nothing");
            }
            for (other, ticks) in clock {
                let known = latest.get(other.as_str()).map_or(0, |clock| clock[other]);
                assert!(*ticks <= known, "{path}: {host} knows no future of {other}");
            }
        }
    }
}

#[test]
fn clocks_order_two_events_exactly_where_one_could_know_of_the_other() {
    let (path, run) = runs().swap_remove(1);
    let events = read(&export::shiviz(&run));
    // The same order from the trace: causes, and what came before at the same place.
    let is_placed = |kind: Kind| {
        !matches!(
            kind,
            Kind::Step | Kind::Cut | Kind::Mend | Kind::Disturb | Kind::Refuse | Kind::Heal
        ) && !matches!(kind, Kind::Lose(_))
    };
    let entries = &run.entries;
    let mut before: Vec<Vec<usize>> = Vec::new();
    let mut latest: BTreeMap<u16, usize> = BTreeMap::new();
    for (place, entry) in entries.iter().enumerate() {
        let cause = (entry.cause.0 as usize).checked_sub(1).filter(|cause| *cause < place);
        let own = is_placed(entry.kind).then(|| latest.insert(entry.who.0, place)).flatten();
        before.push([cause, own].into_iter().flatten().collect());
    }
    let placed: Vec<usize> = (0..entries.len()).filter(|k| is_placed(entries[*k].kind)).collect();
    assert_eq!(placed.len(), events.len(), "{path}");
    let past = |place: usize| {
        let (mut past, mut open) = (BTreeSet::new(), vec![place]);
        while let Some(one) = open.pop() {
            open.extend(before[one].iter().copied().filter(|parent| past.insert(*parent)));
        }
        past
    };
    for late in (40..events.len()).step_by(211) {
        let past = past(placed[late]);
        for early in 0..late {
            let Logged { host, clock } = &events[early];
            let knows = events[late].clock.get(host) >= Some(&clock[host]);
            assert_eq!(knows, past.contains(&placed[early]), "{path}: {early} and {late}");
        }
    }
}

#[test]
fn perfetto_finds_what_it_asks_of_every_phase() {
    for (path, run) in runs() {
        let trace: Json = serde_json::from_str(&export::perfetto(&run)).expect("JSON");
        let events = trace["traceEvents"].as_array().expect("a list");
        let (mut named, mut slices, mut arrows) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
        let mut operations = 0;
        for event in events {
            let number = |key: &str| event[key].as_f64();
            let at = (event["pid"].as_u64(), event["tid"].as_u64(), number("ts").map(f64::to_bits));
            assert!(at.0.is_some() && at.1.is_some() && event["name"].is_string(), "{event}");
            match event["ph"].as_str().expect("a phase") {
                "M" => _ = named.insert((at.0, event["args"]["name"].as_str().expect("a name"))),
                "X" => {
                    assert!(number("dur") >= Some(0.0) && number("ts") >= Some(0.0), "{event}");
                    operations += usize::from(event["cat"] == "operation");
                    slices.insert(at);
                }
                phase @ ("s" | "f") => {
                    assert!(phase == "s" || event["bp"] == "e", "it ends in its slice: {event}");
                    arrows.push((phase == "s", event["id"].as_u64().expect("a number"), at));
                }
                "i" => assert!(["g", "p", "t"].iter().any(|scope| event["s"] == *scope), "{event}"),
                other => panic!("{path}: nobody knows the phase {other}"),
            }
        }
        assert_eq!(operations, run.history.len(), "{path}");
        let placed = named.iter().map(|(pid, _)| *pid).collect::<BTreeSet<_>>();
        assert_eq!(placed.len(), 1 + run.catalog.nodes.len() + usize::from(run.clients), "{path}");
        let starts: BTreeSet<u64> = arrows.iter().filter(|one| one.0).map(|one| one.1).collect();
        for (is_start, id, at) in &arrows {
            assert!(slices.contains(at), "{path}: arrow {id} has a slice at its end");
            assert!(*is_start || starts.contains(id), "{path}: arrow {id} begins somewhere");
        }
        let delivered =
            run.entries.iter().filter(|one| one.kind == Kind::Deliver && one.who != one.peer);
        let ends = arrows.iter().filter(|one| !one.0).count();
        assert!(ends >= delivered.count(), "{path}: every message that arrived is an arrow");
    }
}
