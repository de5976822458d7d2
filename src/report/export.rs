//! A run for other tools: its client history, a log for ShiViz, a trace for Perfetto.
//!
//! ```text
//!   history    history.jsonl    one event of a client per line; `splitbrain judge` reads it
//!   shiviz     shiviz.log       (?<host>\S*) (?<clock>{.*})\n(?<event>.*)
//!                               c {"c":4,"p1":1}
//!                               c → p1  Prepare(t3)
//!   perfetto   perfetto.json    Chrome trace events: a process per node, slices for operations,
//!                               flow arrows for messages, faults on a track of their own
//! ```
//!
//! Vector clocks are not carried along by a run but put together here, from the cause of each entry
//! and the order of each node. A lost message tells its receiver nothing and is left out of them.
//! A client that has two operations open at once becomes two processes in a history, since a process
//! of a history waits for its answer.
//!
//! Limits: ShiViz and Perfetto need a recorded run.

use super::words::{Words, operation_words};
use crate::{
    base::{ids::EventId, time::Time},
    engine::{
        operations::{Ending, HistoryEntry, Operation},
        trace::{Entry, Kind},
    },
    scenario::run::Run,
};
use serde::Serialize;
use serde_json::{Value as Json, json};
use std::fmt::Write;

/// Which process speaks for each operation of a history, in their order: the client, or further
/// processes where it has several open.
fn processes(run: &Run) -> Vec<u64> {
    let clients = u64::from(run.clients.max(1));
    // When each process is free again.
    let mut busy: Vec<Vec<Option<Time>>> = vec![Vec::new(); clients as usize];
    let of_entry = |entry: &HistoryEntry| {
        let client = usize::from(entry.client.0);
        if client >= busy.len() {
            busy.resize(client + 1, Vec::new());
        }
        let slots = &mut busy[client];
        let is_free = |until: &Option<Time>| until.is_some_and(|until| until <= entry.invoked_at);
        let slot = slots.iter().position(is_free).unwrap_or_else(|| {
            slots.push(None);
            slots.len() - 1
        });
        slots[slot] = entry.ending.map(|(at, _)| at);
        slot as u64 * clients + client as u64
    };
    run.history.iter().map(of_entry).collect()
}

#[derive(Serialize)]
struct Line {
    index: usize,
    time: u64,
    process: u64,
    #[serde(rename = "type")]
    kind: &'static str,
    f: &'static str,
    key: Option<u32>,
    value: Json,
}

/// What clients saw, as lines of JSON.
pub fn history(run: &Run) -> String {
    let mut events: Vec<(Time, u8, usize, bool)> = Vec::new();
    for (place, entry) in run.history.iter().enumerate() {
        // In one instant answers come before new questions, but not before their own.
        events.push((entry.invoked_at, 1, place, false));
        if let Some((at, _)) = entry.ending {
            let phase = if at == entry.invoked_at { 2 } else { 0 };
            events.push((at, phase, place, true));
        }
    }
    events.sort_unstable();
    let processes = processes(run);
    let mut lines = String::new();
    for (index, (at, _, place, is_end)) in events.into_iter().enumerate() {
        let entry = &run.history[place];
        let ending = entry.ending.filter(|_| is_end).map(|(_, ending)| ending);
        let (f, key, asked) = asked(entry.operation);
        let (kind, value) = match ending {
            None => ("invoke", asked),
            Some(Ending::NotDone) => ("fail", asked),
            Some(Ending::Unknown) => ("info", asked),
            Some(Ending::Ok(answer)) => match entry.operation {
                Operation::Read { .. } | Operation::Audit => ("ok", Json::from(answer)),
                _ => ("ok", asked),
            },
        };
        let process = processes[place];
        let line = Line { index, time: at.as_nanos(), process, kind, f, key, value };
        lines += &serde_json::to_string(&line).expect("a line of names and numbers is JSON");
        lines.push('\n');
    }
    lines
}

/// What is asked for: its name, which object it is about, and with what.
fn asked(operation: Operation) -> (&'static str, Option<u32>, Json) {
    match operation {
        Operation::Transfer { from, to, amount } => ("transfer", None, json!([from, to, amount])),
        Operation::Audit => ("audit", None, Json::Null),
        Operation::Read { key } => ("read", Some(key), Json::Null),
        Operation::Write { key, value } => ("write", Some(key), json!(value)),
        Operation::Cas { key, expected, value } => ("cas", Some(key), json!([expected, value])),
        Operation::Append { key, value } => ("append", Some(key), json!(value)),
        Operation::Delete { key } => ("delete", Some(key), Json::Null),
        Operation::Rename { from, to } => ("rename", None, json!([from, to])),
        Operation::Charge { key, amount } => ("charge", Some(key), json!(amount)),
        Operation::Own { kind, key, value } => ("own", Some(key), json!([kind, value])),
    }
}

/// Is it an event of the node or client where it stands?
fn is_local(kind: Kind) -> bool {
    match kind {
        Kind::Send
        | Kind::Deliver
        | Kind::Write
        | Kind::Force
        | Kind::Durable
        | Kind::FileWrite
        | Kind::Sync
        | Kind::Synced
        | Kind::SyncFailed
        | Kind::Read
        | Kind::Timer
        | Kind::Crash
        | Kind::Boot
        | Kind::Pause
        | Kind::Resume
        | Kind::Invoke
        | Kind::Reply
        | Kind::End => true,
        Kind::Lose(_)
        | Kind::Step
        | Kind::Cut
        | Kind::Mend
        | Kind::Disturb
        | Kind::Refuse
        | Kind::Heal => false,
    }
}

/// The recording as a log that ShiViz draws.
pub fn shiviz(run: &Run) -> String {
    let words = Words::of(run);
    let hosts = run.catalog.nodes.len() + usize::from(run.clients);
    let names: Vec<String> = (0..hosts)
        .map(|host| {
            let name = words.name(crate::engine::network::Endpoint(host as u16));
            name.split_whitespace().collect::<Vec<_>>().join("_")
        })
        .collect();
    let mut log = "(?<host>\\S*) (?<clock>{.*})\\n(?<event>.*)\n\n".to_owned();
    for (entry, clock) in run.entries.iter().zip(clocks(run, hosts)) {
        if !is_local(entry.kind) {
            continue;
        }
        let ticks = names.iter().zip(&clock).filter(|(_, ticks)| **ticks > 0);
        let ticks: Vec<String> =
            ticks.map(|(name, ticks)| format!("{}:{ticks}", Json::from(name.as_str()))).collect();
        let host = &names[usize::from(entry.who.0)];
        _ = writeln!(log, "{host} {{{}}}\n{}", ticks.join(","), words.what(entry));
    }
    log
}

/// The vector clock of every entry: what stood before it at the same place and what caused it, and
/// one tick if it is an event of that place.
fn clocks(run: &Run, hosts: usize) -> Vec<Vec<u32>> {
    let mut clocks: Vec<Vec<u32>> = Vec::with_capacity(run.entries.len());
    let mut latest: Vec<Option<usize>> = vec![None; hosts];
    let place_of =
        |event: EventId| run.entries.binary_search_by_key(&event, |entry| entry.event).ok();
    for (place, entry) in run.entries.iter().enumerate() {
        let who = usize::from(entry.who.0);
        let mut clock = vec![0; hosts];
        let cause = place_of(entry.cause).filter(|cause| *cause < place);
        let before = latest.get(who).copied().flatten().filter(|_| is_local(entry.kind));
        for known in [before, cause].into_iter().flatten() {
            for (tick, other) in clock.iter_mut().zip(&clocks[known]) {
                *tick = (*tick).max(*other);
            }
        }
        if is_local(entry.kind)
            && let Some(tick) = clock.get_mut(who)
        {
            *tick += 1;
            latest[who] = Some(place);
        }
        clocks.push(clock);
    }
    clocks
}

/// The recording as Chrome trace events, which Perfetto and others draw.
pub fn perfetto(run: &Run) -> String {
    let words = Words::of(run);
    let mut events = vec![name_event("process_name", 0, 0, "faults")];
    let hosts = run.catalog.nodes.len() + usize::from(run.clients);
    for host in 0..hosts {
        let end = crate::engine::network::Endpoint(host as u16);
        let role = run.catalog.role_of.get(host).map(|role| run.catalog.roles[usize::from(*role)]);
        events.push(name_event("process_name", host + 1, 0, &words.name(end)));
        events.push(name_event("thread_name", host + 1, 0, role.unwrap_or("client")));
    }
    let end = run.end.quiet_at;
    for (entry, process) in run.history.iter().zip(processes(run)) {
        let slot = process / u64::from(run.clients.max(1));
        let until = entry.ending.map_or(end, |(at, _)| at);
        let host = usize::from(run.catalog.client_end(entry.client).0);
        let outcome = match entry.ending {
            Some((_, Ending::Ok(_))) => "ok",
            Some((_, Ending::NotDone)) => "not done",
            Some((_, Ending::Unknown)) => "unknown",
            None => "open",
        };
        events.push(json!({
            "ph": "X", "cat": "operation", "name": operation_words(entry.operation),
            "pid": host + 1, "tid": slot + 1, "ts": micros(entry.invoked_at),
            "dur": micros(until) - micros(entry.invoked_at), "args": {"outcome": outcome},
        }));
    }
    run.entries.iter().for_each(|entry| events.extend(trace_events(&words, entry)));
    let trace = json!({"displayTimeUnit": "ns", "traceEvents": events});
    format!("{trace}\n")
}

fn name_event(kind: &str, pid: usize, tid: usize, name: &str) -> Json {
    json!({"ph": "M", "name": kind, "pid": pid, "tid": tid, "args": {"name": name}})
}

/// Microseconds, in which such traces count.
fn micros(at: Time) -> f64 {
    at.as_nanos() as f64 / 1_000.0
}

/// A message leaves and arrives in slices of a nanosecond, because arrows begin and end in slices;
/// all else is a moment.
fn trace_events(words: &Words<'_>, entry: &Entry) -> Vec<Json> {
    let (ts, pid) = (micros(entry.at), usize::from(entry.who.0) + 1);
    let what = words.what(entry);
    let args = json!({"event": entry.event.0, "cause": entry.cause.0});
    let slice = |arrow: &str, id: EventId| {
        let mut flow = json!({
            "ph": arrow, "cat": "message", "name": "message", "id": id.0,
            "pid": pid, "tid": 0, "ts": ts,
        });
        if arrow == "f" {
            flow["bp"] = Json::from("e");
        }
        let slice = json!({
            "ph": "X", "cat": "message", "name": what, "pid": pid, "tid": 0, "ts": ts,
            "dur": 0.001, "args": args,
        });
        vec![slice, flow]
    };
    match entry.kind {
        Kind::Send | Kind::Invoke => slice("s", entry.event),
        Kind::Deliver if entry.who != entry.peer => slice("f", entry.cause),
        kind if is_local(kind) => vec![json!({
            "ph": "i", "s": "t", "name": what, "pid": pid, "tid": 0, "ts": ts, "args": args,
        })],
        Kind::Step => Vec::new(),
        _ => vec![json!({
            "ph": "i", "s": "g", "name": what, "pid": 0, "tid": 0, "ts": ts, "args": args,
        })],
    }
}

#[cfg(test)]
mod tests {
    use super::{super::fixture::Sketch, *};
    use crate::checkers::history::{Model, lines};
    use std::collections::{BTreeMap, BTreeSet};

    #[test]
    fn every_operation_is_in_the_history_with_its_end() {
        let run = Sketch::busy().run(7);
        let text = history(&run);
        let events: Vec<Json> =
            text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let ended = run.history.iter().filter(|entry| entry.ending.is_some()).count();
        assert_eq!(events.len(), run.history.len() + ended);
        let mut open: BTreeSet<u64> = BTreeSet::new();
        for (index, event) in events.iter().enumerate() {
            assert_eq!(event["index"], index);
            let process = event["process"].as_u64().expect("a number");
            if event["type"] == "invoke" {
                assert!(open.insert(process), "one call at a time: {event}");
            } else {
                assert!(open.remove(&process), "{event}");
            }
        }
    }

    #[test]
    fn a_history_of_registers_can_be_read_back() {
        use crate::{
            base::ids::{ClientId, NodeId, OpId},
            engine::operations::HistoryEntry,
        };
        let mut run = Sketch::busy().run(7);
        let entry = |op, client, operation, at, ending| HistoryEntry {
            op: OpId(op),
            client: ClientId(client),
            node: NodeId(0),
            operation,
            invoked_at: Time::from_nanos(at),
            invoked: EventId(op),
            ending,
        };
        let until = |at, ending| Some((Time::from_nanos(at), ending));
        let (read, write) = (Operation::Read { key: 3 }, Operation::Write { key: 3, value: 5 });
        run.clients = 2;
        run.history = vec![
            entry(1, 0, write, 10, until(20, Ending::Ok(None))),
            entry(2, 1, read, 15, until(40, Ending::Ok(Some(5)))),
            entry(3, 0, read, 20, until(30, Ending::Unknown)),
            entry(4, 1, write, 35, None),
            entry(
                5,
                0,
                Operation::Cas { key: 3, expected: 5, value: 6 },
                50,
                until(50, Ending::NotDone),
            ),
        ];
        let text = history(&run);
        let read = lines::read(&text, Model::CasRegister, lines::CasFail::Unknown);
        let read = read.unwrap_or_else(|mistakes| panic!("{mistakes:?} in {text}"));
        let words: Vec<String> = read
            .calls
            .iter()
            .map(|call| format!("{} {}", call.process, read.words(call.action)))
            .collect();
        assert_eq!(words, ["0 write 5", "1 read -> 5", "0 read -> ?", "3 write 5"]);
    }

    #[test]
    fn what_arrives_knows_all_that_its_sender_knew() {
        let run = Sketch::coordinator_crash().run(42);
        let log = shiviz(&run);
        let lines: Vec<&str> = log.lines().collect();
        assert_eq!(lines[..2], ["(?<host>\\S*) (?<clock>{.*})\\n(?<event>.*)", ""]);
        let mut own: BTreeMap<&str, u64> = BTreeMap::new();
        for event in lines[2..].chunks(2) {
            let (host, clock) = event[0].split_once(' ').expect("a host and its clock");
            let clock: BTreeMap<String, u64> = serde_json::from_str(clock).expect("JSON");
            let ticks = own.entry(host).or_default();
            *ticks += 1;
            assert_eq!(clock[host], *ticks, "each event is one tick of its host");
            for (other, known) in &clock {
                assert!(*known <= own.get(other.as_str()).copied().unwrap_or(0), "no future");
            }
        }
        let hosts = run.catalog.nodes.len() + usize::from(run.clients);
        let clocks = clocks(&run, hosts);
        let place = |event| run.entries.iter().position(|entry| entry.event == event);
        let arrivals = run.entries.iter().zip(&clocks).filter(|(e, _)| e.kind == Kind::Deliver);
        let mut checked = 0;
        for (arrival, clock) in arrivals {
            let sent = &clocks[place(arrival.cause).expect("an arrival was sent")];
            assert!(sent.iter().zip(clock).all(|(before, after)| before <= after));
            checked += 1;
        }
        assert!(checked > 5);
    }

    #[test]
    fn every_arrow_of_a_trace_has_a_beginning() {
        let run = Sketch::busy().run(7);
        let trace: Json = serde_json::from_str(&perfetto(&run)).expect("JSON");
        let events = trace["traceEvents"].as_array().expect("a list");
        let ids = |phase: &str| -> BTreeSet<u64> {
            let of_phase = events.iter().filter(|event| event["ph"] == phase);
            of_phase.map(|event| event["id"].as_u64().expect("a number")).collect()
        };
        assert!(!ids("f").is_empty() && ids("f").is_subset(&ids("s")));
        let slices = events.iter().filter(|event| event["cat"] == "operation").count();
        assert_eq!(slices, run.history.len());
        let is_placed = |event: &Json| event["ph"] == "M" || event["ts"].as_f64() >= Some(0.0);
        assert!(events.iter().all(is_placed));
    }
}
