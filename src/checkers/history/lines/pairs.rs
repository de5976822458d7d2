//! From lines to calls: each `invoke` finds its `ok`, `fail` or `info`, and values find their types.
//!
//! ```text
//!   invoke(p0, read x) ──▶ open[p0] ──ok(p0, read x, 7)──▶ Call { Read(7), ended }
//!                             ├──fail──▶ nothing: it never happened
//!                             └──info, or the end of the file──▶ Call { Read(?), open }
//! ```
//!
//! Calls keep the order of their first lines. A process has one call open at a time; a second one
//! is a mistake, since nothing says which of the two an answer belongs to.

use super::{CasFail, Event, Kind, scalar};
use crate::{
    base::time::Time,
    checkers::history::{
        calls::{Action, Call, History, List, Moment, Seen, SeenList, Value},
        models::Model,
    },
};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// The history in the making.
pub(super) struct Pairs {
    model: Model,
    cas_fail: CasFail,
    is_text: bool,
    history: History,
    /// The open call of each process: its first line, and its place among the calls.
    open: BTreeMap<u32, (Event, usize)>,
    /// Calls by place; `None` of those that never happened.
    calls: Vec<Option<Call>>,
    /// Processes of which a line could not be read, so that others of theirs may lack it.
    confused: BTreeSet<u32>,
    all_confused: bool,
}

impl Pairs {
    pub(super) fn new(model: Model, cas_fail: CasFail, is_text: bool) -> Self {
        Self {
            model,
            cas_fail,
            is_text,
            history: History::default(),
            open: BTreeMap::new(),
            calls: Vec::new(),
            confused: BTreeSet::new(),
            all_confused: false,
        }
    }

    /// A line of this process, or of any, could not be read.
    pub(super) fn is_confused(&mut self, process: Option<u32>) {
        match process {
            Some(process) => {
                self.confused.insert(process);
            }
            None => self.all_confused = true,
        }
    }

    pub(super) fn take(&mut self, event: Event, told: &mut Vec<String>) {
        let process = event.process;
        let is_confused = self.all_confused || self.confused.contains(&process);
        if event.kind == Kind::Invoke {
            if let Some((before, _)) = self.open.get(&process)
                && !is_confused
            {
                let line = before.line;
                told.push(format!("process {process} has a call open since line {line}"));
            }
            return self.invoke(event, told);
        }
        let Some((invoke, place)) = self.open.remove(&process) else {
            if !is_confused {
                told.push(format!("process {process} has no call open that this could end"));
            }
            return;
        };
        let differs = [
            ("f", invoke.function != event.function),
            ("key", !event.key.is_null() && invoke.key != event.key),
        ];
        for (field, _) in differs.into_iter().filter(|(_, differs)| *differs && !is_confused) {
            told.push(format!("`{field}` is another than in line {}", invoke.line));
        }
        self.end(&invoke, &event, place, told);
    }

    fn invoke(&mut self, event: Event, told: &mut Vec<String>) {
        let key = self.scalar(&event.key).unwrap_or(Value::NOTHING);
        let action = self.asked(&event).unwrap_or_else(|message| {
            told.push(message);
            None
        });
        let invoked = moment(&event);
        let call =
            action.map(|action| Call { process: event.process, key, action, invoked, ended: None });
        self.calls.push(call);
        self.open.insert(event.process, (event, self.calls.len() - 1));
    }

    fn end(&mut self, invoke: &Event, event: &Event, place: usize, told: &mut Vec<String>) {
        let Some(Some(call)) = self.calls.get(place).copied() else { return };
        let action = match (event.kind, call.action) {
            (Kind::Fail, Action::Cas { expected, .. }) if self.cas_fail == CasFail::Mismatch => {
                Ok(Some(Action::Mismatch { expected }))
            }
            (Kind::Fail, _) => {
                self.calls[place] = None;
                return;
            }
            (Kind::Ok, _) => self.answered(call.action, invoke, event),
            (Kind::Info | Kind::Invoke, _) => Ok(None),
        };
        match action {
            Ok(Some(action)) => {
                self.calls[place] = Some(Call { action, ended: Some(moment(event)), ..call });
            }
            Ok(None) => {}
            Err(message) => told.push(message),
        }
    }

    /// The action of an open call. `Ok(None)` never comes: it stands for a mistake told before.
    fn asked(&mut self, event: &Event) -> Result<Option<Action>, String> {
        let value = &event.value;
        let action = match (self.model, event.function) {
            (Model::KvAppend, "read") => Action::ReadList(SeenList::Anything),
            (Model::KvAppend, "write") => Action::Replace(self.list(value, "write")?),
            (Model::KvAppend, _) => Action::Extend(self.extension(value)?),
            (Model::Set, "read") => Action::ReadSet(SeenList::Anything),
            (Model::Set, "add") => Action::Add(self.element(value, "add")?),
            (Model::Set, "remove") => Action::Remove(self.element(value, "remove")?),
            (Model::Set, _) => Action::Contains(self.element(value, "contains")?, false),
            (Model::Queue, "enqueue") => Action::Enqueue(self.element(value, "enqueue")?),
            (Model::Queue, _) => Action::Dequeue(Seen::Anything),
            (Model::Stack, "push") => Action::Push(self.element(value, "push")?),
            (Model::Stack, _) => Action::Pop(Seen::Anything),
            (Model::Mutex, "acquire") => Action::Acquire,
            (Model::Mutex, _) => Action::Release,
            (_, "write") => {
                Action::Write(self.scalar(value).ok_or_else(|| scalar_wanted("write"))?)
            }
            (_, "cas") => match value.as_array().map(Vec::as_slice) {
                Some([expected, new]) => match (self.scalar(expected), self.scalar(new)) {
                    (Some(expected), Some(new)) => Action::Cas { expected, new },
                    _ => return Err(scalar_wanted("each part of a cas")),
                },
                _ => return Err(format!("a cas has a `value` of [expected, new], not {value}")),
            },
            _ => Action::Read(Seen::Anything),
        };
        Ok(Some(action))
    }

    /// The action of a call that was answered.
    fn answered(
        &mut self,
        asked: Action,
        invoke: &Event,
        event: &Event,
    ) -> Result<Option<Action>, String> {
        let value = &event.value;
        let answered = match asked {
            Action::Read(_) => {
                Action::Read(Seen::One(self.scalar(value).ok_or_else(|| scalar_wanted("read"))?))
            }
            Action::ReadList(_) => Action::ReadList(SeenList::One(self.list(value, "read")?)),
            Action::ReadSet(_) => Action::ReadSet(SeenList::One(self.list(value, "read")?)),
            Action::Dequeue(_) => Action::Dequeue(Seen::One(self.taken(value, "dequeue")?)),
            Action::Pop(_) => Action::Pop(Seen::One(self.taken(value, "pop")?)),
            Action::Contains(element, _) => match value {
                Json::Bool(found) => Action::Contains(element, *found),
                _ => return Err(format!("contains is answered by true or false, not {value}")),
            },
            other => {
                if !value.is_null() && *value != invoke.value {
                    let line = invoke.line;
                    return Err(format!("`value` is {value}, and in line {line} {}", invoke.value));
                }
                other
            }
        };
        Ok(Some(answered))
    }

    fn taken(&mut self, value: &Json, function: &str) -> Result<Value, String> {
        self.scalar(value).ok_or_else(|| scalar_wanted(function))
    }

    /// An element that is put somewhere, which `null` cannot be.
    fn element(&mut self, value: &Json, function: &str) -> Result<Value, String> {
        let element = self.scalar(value).filter(|element| *element != Value::NOTHING);
        element.ok_or_else(|| {
            format!("{function} has a `value`: a number, a text, true or false, not {value}")
        })
    }

    fn scalar(&mut self, value: &Json) -> Option<Value> {
        scalar(&mut self.history, value)
    }

    /// A list as it is read or written whole; `null` is the empty one.
    fn list(&mut self, value: &Json, function: &str) -> Result<List, String> {
        let parts = match value {
            Json::Null => Vec::new(),
            Json::Array(parts) if !self.is_text => parts.clone(),
            Json::String(text) if self.is_text => characters(text),
            _ if self.is_text => {
                return Err(format!("{function} has a text, as elsewhere, not {value}"));
            }
            _ => return Err(format!("{function} has a list as its `value`, not {value}")),
        };
        self.list_of(&parts)
    }

    /// What is appended: one element, or the characters of a text.
    fn extension(&mut self, value: &Json) -> Result<List, String> {
        match value {
            Json::String(text) if self.is_text => self.list_of(&characters(text)),
            _ if self.is_text => Err(format!("append has a text, as elsewhere, not {value}")),
            _ => {
                let element = self.element(value, "append")?;
                Ok(self.history.list([element]))
            }
        }
    }

    fn list_of(&mut self, parts: &[Json]) -> Result<List, String> {
        let values: Option<Vec<Value>> = parts.iter().map(|part| self.scalar(part)).collect();
        match values {
            Some(values) => Ok(self.history.list(values)),
            None => Err("the elements of a list are numbers, texts, true or false".to_owned()),
        }
    }

    pub(super) fn finish(mut self) -> History {
        let calls = std::mem::take(&mut self.calls);
        calls.into_iter().flatten().for_each(|call| self.history.add(call));
        self.history.rank();
        self.history
    }
}

fn scalar_wanted(function: &str) -> String {
    format!("{function} has a number, a text, true, false or null as its `value`")
}

fn characters(text: &str) -> Vec<Json> {
    text.chars().map(|symbol| Json::from(symbol.to_string())).collect()
}

/// When a line was. Without a time the lines themselves are the clock.
fn moment(event: &Event) -> Moment {
    let at = event.at.unwrap_or(Time::from_nanos(event.index));
    Moment { rank: 0, event: event.index, at }
}
