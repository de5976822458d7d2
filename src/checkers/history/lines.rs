//! Histories as files: one JSON object per line and event, as `history.jsonl` of a run has them.
//!
//! ```text
//!   {"index":0,"time":0,"process":0,"type":"invoke","f":"write","key":"x","value":1}
//!   {"index":1,"time":150,"process":1,"type":"invoke","f":"read","key":"x","value":null}
//!   {"index":2,"time":400,"process":0,"type":"ok","f":"write","key":"x","value":1}
//!   {"index":3,"time":900,"process":1,"type":"ok","f":"read","key":"x","value":1}
//!
//!   index    a number of its own for every line, ascending
//!   time     nanoseconds since the beginning, never going back; on every line or on none
//!   process  who: a number; one call at a time. Lines of the process "nemesis" are skipped
//!   type     invoke   a call begins
//!            ok       it took effect, and this is the answer
//!            fail     it did not happen and never will (for cas see below)
//!            info     nobody knows: it may take effect any time from its invocation on, or never
//!   f        what is asked, and what `value` is:
//!            register      read: null, then what was seen · write: what is written
//!            cas-register  the same, and cas: [expected, new]
//!            kv-append     read: null, then a list (or a text) · write: a list (or a text)
//!                          append: one element (or a text that is added at the end)
//!            set           add, remove: the element · contains: the element, then true or false
//!                          read: null, then a list in any order
//!            queue         enqueue: the element · dequeue: null, then the element; null if empty
//!            stack         push: the element · pop: null, then the element; null if empty
//!            mutex         acquire, release: null
//!   key      which object; null or missing when there is one only
//!   value    a number, a text, true, false, null, or a list where one is asked for
//! ```
//!
//! A call without a second line is still open, which is the same as info. Whether a failed cas saw
//! another value than it expected (`mismatch`) or failed for whatever reason (`unknown`) is told by
//! whoever asks for a verdict, since histories do not say. Fields of other names are ignored, for
//! recorders add their own, unless they look like a misspelt one of these.
//!
//! Every line is read, and all mistakes are told at once with their lines.

mod pairs;

use super::{
    calls::{History, Value},
    models::Model,
};
use crate::base::{text::diagnostic::suggest, time::Time};
use serde_json::{Map, Value as Json};
use std::cmp::Ordering;

/// What a failed compare-and-set says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CasFail {
    /// The register held another value than expected.
    Mismatch,
    /// It did not happen, for whatever reason.
    #[default]
    Unknown,
}

/// Something in a file that is no history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where, counted from 1.
    pub line: usize,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// Reads a history of a kind of object.
///
/// # Errors
/// Every mistake, in the order of the lines.
pub fn read(text: &str, model: Model, cas_fail: CasFail) -> Result<History, Vec<Mistake>> {
    let mut pairs = pairs::Pairs::new(model, cas_fail, is_text(text, model));
    let (mut order, mut mistakes) = (Order::default(), Vec::new());
    for (line, content) in (1..).zip(text.lines()) {
        if content.trim().is_empty() {
            continue;
        }
        let mut told = Vec::new();
        match event(line, content, model, &mut told) {
            Read::Event(event) => {
                order.check(&event, &mut told);
                pairs.take(event, &mut told);
            }
            Read::Skipped => {}
            Read::Nothing(process) => pairs.is_confused(process),
        }
        mistakes.extend(told.into_iter().map(|message| Mistake { line, message }));
    }
    if mistakes.is_empty() { Ok(pairs.finish()) } else { Err(mistakes) }
}

/// The value of a scalar in JSON; `None` for lists and objects.
pub fn scalar(history: &mut History, json: &Json) -> Option<Value> {
    match json {
        Json::Null => Some(Value::NOTHING),
        Json::Number(number) => Some(match number.as_i64() {
            Some(number) => history.names.number(number),
            None => history.names.value(&number.to_string()),
        }),
        Json::Bool(_) | Json::String(_) => Some(history.names.value(&json.to_string())),
        Json::Array(_) | Json::Object(_) => None,
    }
}

/// A list of characters rather than of elements: some value of a key-value store is a text.
fn is_text(text: &str, model: Model) -> bool {
    let holds_text = |line: &str| {
        let event: Option<Json> = serde_json::from_str(line).ok();
        event.is_some_and(|event| {
            let whole = event["f"] != "append" && (event["f"] == "write" || event["type"] == "ok");
            whole && event["value"].is_string()
        })
    };
    model == Model::KvAppend && text.lines().any(holds_text)
}

/// One line, taken apart.
struct Event {
    line: usize,
    index: u64,
    at: Option<Time>,
    process: u32,
    kind: Kind,
    function: &'static str,
    key: Json,
    value: Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Invoke,
    Ok,
    Fail,
    Info,
}

/// What a line is.
enum Read {
    Event(Event),
    /// About something else.
    Skipped,
    /// Not to be understood; of which process, if that could be read.
    Nothing(Option<u32>),
}

const FIELDS: [&str; 7] = ["index", "time", "process", "type", "f", "key", "value"];

fn event(line: usize, content: &str, model: Model, told: &mut Vec<String>) -> Read {
    let fields = match serde_json::from_str(content) {
        Ok(Json::Object(fields)) => fields,
        Ok(_) => {
            told.push("a line is one JSON object".to_owned());
            return Read::Nothing(None);
        }
        Err(error) => {
            told.push(format!("this is no JSON: {error}"));
            return Read::Nothing(None);
        }
    };
    if fields.get("process") == Some(&Json::from("nemesis")) {
        return Read::Skipped;
    }
    let misspelt = |name: &&String| !FIELDS.contains(&name.as_str());
    for name in fields.keys().filter(misspelt) {
        let missing = FIELDS.iter().copied().filter(|field| !fields.contains_key(*field));
        if let Some(meant) = suggest(name, missing) {
            told.push(format!("no field is called `{name}`, did you mean `{meant}`?"));
        }
    }
    let index = number(&fields, "index", told);
    let at = match fields.get("time") {
        None => Some(None),
        Some(_) => number(&fields, "time", told).map(|nanos| Some(Time::from_nanos(nanos))),
    };
    let process = number(&fields, "process", told).and_then(|process| {
        let process = u32::try_from(process).ok();
        if process.is_none() {
            told.push("`process` is a number below four thousand million".to_owned());
        }
        process
    });
    let kind = kind(&fields, told);
    let function = function(&fields, model, told);
    let key = fields.get("key").cloned().unwrap_or(Json::Null);
    if key.is_array() || key.is_object() {
        told.push("`key` is a number or a text".to_owned());
    }
    let value = fields.get("value").cloned().unwrap_or(Json::Null);
    match (index, at, process, kind, function) {
        (Some(index), Some(at), Some(process), Some(kind), Some(function)) if told.is_empty() => {
            Read::Event(Event { line, index, at, process, kind, function, key, value })
        }
        _ => Read::Nothing(process),
    }
}

fn number(fields: &Map<String, Json>, name: &str, told: &mut Vec<String>) -> Option<u64> {
    match fields.get(name) {
        None => told.push(format!("`{name}` is missing")),
        Some(value) => match value.as_u64() {
            Some(number) => return Some(number),
            None => told.push(format!("`{name}` is a number from 0 on, not {value}")),
        },
    }
    None
}

fn kind(fields: &Map<String, Json>, told: &mut Vec<String>) -> Option<Kind> {
    let kinds = [Kind::Invoke, Kind::Ok, Kind::Fail, Kind::Info];
    let words = ["invoke", "ok", "fail", "info"];
    let place = one_of(fields, "type", &words, told)?;
    Some(kinds[place])
}

fn function(
    fields: &Map<String, Json>,
    model: Model,
    told: &mut Vec<String>,
) -> Option<&'static str> {
    let place = one_of(fields, "f", model.functions(), told)?;
    Some(model.functions()[place])
}

/// Which of these words a field holds.
fn one_of(
    fields: &Map<String, Json>,
    name: &str,
    words: &[&'static str],
    told: &mut Vec<String>,
) -> Option<usize> {
    let Some(value) = fields.get(name) else {
        told.push(format!("`{name}` is missing"));
        return None;
    };
    let word = value.as_str();
    let place = word.and_then(|word| words.iter().position(|known| *known == word));
    if place.is_none() {
        let near = word.and_then(|word| suggest(word, words.iter().copied()));
        let hint = near.map_or_else(String::new, |near| format!(", did you mean `{near}`?"));
        told.push(format!("`{name}` is {value}{hint} (one of {})", words.join(", ")));
    }
    place
}

/// What is known of the times of the lines so far.
#[derive(Clone, Copy, Default)]
enum Timed {
    /// There was no line.
    #[default]
    Open,
    /// They have none.
    Without,
    /// They have, and this was the latest.
    Until(Time),
}

/// What must ascend from line to line.
#[derive(Default)]
struct Order {
    last: Option<(u64, usize)>,
    /// Whether lines so far had a time, and the latest.
    timed: Timed,
}

impl Order {
    fn check(&mut self, event: &Event, told: &mut Vec<String>) {
        let here = event.index;
        let last = self.last.map(|(index, line)| (here.cmp(&index), index, line));
        match last {
            Some((Ordering::Equal, _, line)) => {
                told.push(format!("index {here} is that of line {line} already"));
            }
            Some((Ordering::Less, index, line)) => {
                told.push(format!("index {here} comes after {index} in line {line}"));
            }
            Some((Ordering::Greater, ..)) | None => self.last = Some((here, event.line)),
        }
        match (self.timed, event.at) {
            (Timed::Until(_), None) => {
                told.push("`time` is missing, and lines before have it".into());
            }
            (Timed::Without, Some(_)) => told.push("lines before have no `time`".to_owned()),
            (Timed::Until(before), Some(at)) if at < before => {
                let (at, before) = (at.as_nanos(), before.as_nanos());
                told.push(format!("time goes back from {before} to {at}"));
            }
            (_, at) => self.timed = at.map_or(Timed::Without, Timed::Until),
        }
    }
}
