//! A history: the calls of all processes as intervals, in words that every judge understands.
//!
//! ```text
//!   process 0   ├──write 1──┤            ├──read→2──┤
//!   process 1        ├──write 2──╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌▶  unknown: it may take effect any time
//!   moments     0    1      2            3          4    later, or never
//!
//!   a came before b  ⇔  a.ended < b.invoked
//! ```
//!
//! What failed never happened and is left out. Moments are ranks, not times: events of one instant
//! count as concurrent, except that what one process does stays in its order. Comparing times was
//! rejected, since a client that asks again at once would then overlap itself. Values are numbers;
//! a text is numbered when it is read, so that no judge compares or copies text.
//!
//! Limits: four thousand million calls. Keys are independent: no call touches two.

use crate::base::time::Time;
use std::collections::BTreeMap;

/// All calls of a run, and what their values are called.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The calls in the order of their invocations.
    pub calls: Vec<Call>,
    /// The elements of all lists, one list after the other.
    pub elements: Vec<Value>,
    /// The texts that values stand for.
    pub names: Names,
    /// Who calls.
    pub whose: Whose,
}

/// One call and what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Who called.
    pub process: u32,
    /// On which object.
    pub key: Value,
    /// What was asked and answered.
    pub action: Action,
    /// When.
    pub invoked: Moment,
    /// When the answer came; `None` when nobody knows whether it ever took effect.
    pub ended: Option<Moment>,
}

/// A place in a history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// The order that judges go by.
    pub rank: u32,
    /// What a report calls it: the index of a line, or the number of an event.
    pub event: u64,
    /// When it was.
    pub at: Time,
}

/// What was asked and answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// A register was read.
    Read(Seen),
    /// A register was written.
    Write(Value),
    /// A register held what was expected and was written.
    Cas {
        /// What it held.
        expected: Value,
        /// What it holds then.
        new: Value,
    },
    /// A register did not hold what was expected.
    Mismatch {
        /// What it did not hold.
        expected: Value,
    },
    /// A list was read.
    ReadList(SeenList),
    /// A list was replaced.
    Replace(List),
    /// A list was made longer.
    Extend(List),
    /// An element was put into a set.
    Add(Value),
    /// An element was taken out of a set, if it was there.
    Remove(Value),
    /// Somebody asked whether a set has an element.
    Contains(Value, bool),
    /// A set was read.
    ReadSet(SeenList),
    /// A value was put at the end of a queue.
    Enqueue(Value),
    /// The value at the front was taken; [`Value::NOTHING`] from an empty queue.
    Dequeue(Seen),
    /// A value was put on a stack.
    Push(Value),
    /// The value on top was taken; [`Value::NOTHING`] from an empty stack.
    Pop(Seen),
    /// A lock was taken.
    Acquire,
    /// A lock was given back.
    Release,
}

/// What a call returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Seen {
    /// Nobody knows, or it does not matter.
    Anything,
    /// This.
    One(Value),
}

/// The list that a call returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SeenList {
    /// It does not matter which.
    Anything,
    /// This.
    One(List),
}

/// A range of [`History::elements`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct List {
    start: u32,
    end: u32,
}

/// A value or a key: a number stands for itself, anything else for a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value(i64);

impl Value {
    /// The absence of a value, `null`: what a register holds before it is written.
    pub const NOTHING: Self = Self(i64::MIN);
    /// The number one.
    pub(super) const ONE: Self = Self(1);
    const NAMES_END: i64 = i64::MIN + (1 << 32);

    /// A number; `None` for the few that are as negative as names are.
    pub const fn number(number: i64) -> Option<Self> {
        if number < Self::NAMES_END { None } else { Some(Self(number)) }
    }

    /// The bits that tell it from others, for hashes.
    pub(super) const fn as_word(self) -> u64 {
        self.0 as u64
    }
}

/// Texts that stand for values which are no numbers, as JSON writes them.
#[derive(Clone, Debug, Default)]
pub struct Names {
    texts: Vec<String>,
    known: BTreeMap<String, i64>,
}

impl Names {
    /// The value of a number, by name where it has to be.
    pub fn number(&mut self, number: i64) -> Value {
        Value::number(number).unwrap_or_else(|| self.value(&number.to_string()))
    }

    /// The value of a text in JSON: `"abc"`, `true`, `0.5`.
    pub fn value(&mut self, json: &str) -> Value {
        if let Some(&known) = self.known.get(json) {
            return Value(known);
        }
        self.texts.push(json.to_owned());
        let value = i64::MIN + self.texts.len() as i64;
        assert!(value < Value::NAMES_END, "fewer than four thousand million names");
        self.known.insert(json.to_owned(), value);
        Value(value)
    }

    /// How JSON writes a value.
    pub fn text(&self, value: Value) -> String {
        match value {
            Value::NOTHING => "null".to_owned(),
            Value(name) if name < Value::NAMES_END => {
                self.texts[(name - i64::MIN - 1) as usize].clone()
            }
            Value(number) => number.to_string(),
        }
    }
}

/// What those who call are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Whose {
    /// Processes of a recorded history, by number.
    #[default]
    Processes,
    /// Clients of a run, counted from 1 as its reports do.
    Clients,
}

impl Whose {
    /// What a process is called.
    pub fn name(self, process: u32) -> String {
        match self {
            Self::Processes => format!("process {process}"),
            Self::Clients => format!("client{}", process + 1),
        }
    }
}

impl Call {
    /// Did it come before the other in real time?
    pub fn came_before(&self, other: &Self) -> bool {
        self.ended.is_some_and(|ended| ended.rank < other.invoked.rank)
    }

    /// When it ended, as a rank; after everything when that is unknown.
    pub fn end_rank(&self) -> u32 {
        self.ended.map_or(u32::MAX, |ended| ended.rank)
    }
}

impl Action {
    /// Does it leave the object as it is, whatever that is?
    pub fn only_observes(self) -> bool {
        matches!(
            self,
            Self::Read(_)
                | Self::Mismatch { .. }
                | Self::ReadList(_)
                | Self::Contains(..)
                | Self::ReadSet(_)
                | Self::Dequeue(Seen::One(Value::NOTHING))
                | Self::Pop(Seen::One(Value::NOTHING))
        )
    }

    /// The same without the answer, for a call of which none is known.
    pub fn unanswered(self) -> Self {
        match self {
            Self::Dequeue(_) => Self::Dequeue(Seen::Anything),
            Self::Pop(_) => Self::Pop(Seen::Anything),
            other => other,
        }
    }
}

impl History {
    /// Keeps a list.
    pub fn list(&mut self, elements: impl IntoIterator<Item = Value>) -> List {
        let start = self.elements.len() as u32;
        self.elements.extend(elements);
        List { start, end: u32::try_from(self.elements.len()).expect("lists fit in 32 bits") }
    }

    /// The elements of a list.
    pub fn of(&self, list: List) -> &[Value] {
        &self.elements[list.start as usize..list.end as usize]
    }

    /// Adds a call; calls are added in the order of their invocations, and get ranks by
    /// [`History::rank`] once all are there.
    pub fn add(&mut self, call: Call) {
        self.calls.push(call);
    }

    /// Gives every moment its rank. In an instant all that can have been invoked comes first, then
    /// all that ended, then what the same processes went on to do, and so on.
    pub fn rank(&mut self) {
        let mut moments: Vec<(Time, u64, u32)> = Vec::with_capacity(2 * self.calls.len());
        for (call, place) in self.calls.iter().zip(0..) {
            moments.push((call.invoked.at, call.invoked.event, place << 1));
            let ended = call.ended.map(|ended| (ended.at, ended.event, place << 1 | 1));
            moments.extend(ended);
        }
        moments.sort_unstable();
        let mut from = 0;
        while from < moments.len() {
            let instant = moments[from].0;
            let length = moments[from..].iter().take_while(|moment| moment.0 == instant).count();
            if length > 1 {
                self.order_instant(&mut moments[from..from + length]);
            }
            from += length;
        }
        for (&(_, _, code), rank) in moments.iter().zip(0..) {
            let call = &mut self.calls[(code >> 1) as usize];
            match (code & 1, &mut call.ended) {
                (1, Some(ended)) => ended.rank = rank,
                _ => call.invoked.rank = rank,
            }
        }
    }

    /// Orders the events of one instant: each by how often its process has turned from ending to
    /// invoking, invocations before ends.
    fn order_instant(&self, moments: &mut [(Time, u64, u32)]) {
        let mut turns: BTreeMap<u32, (u32, u32)> = BTreeMap::new();
        let mut keys = Vec::with_capacity(moments.len());
        for &moment in moments.iter() {
            let (end, call) = (moment.2 & 1, &self.calls[(moment.2 >> 1) as usize]);
            let (turn, last) = turns.entry(call.process).or_default();
            *turn += u32::from(*last == 1 && end == 0);
            *last = end;
            keys.push((*turn, end, moment));
        }
        keys.sort_by_key(|&(turn, end, (_, event, code))| (turn, end, event, code));
        for (place, key) in keys.into_iter().enumerate() {
            moments[place] = key.2;
        }
    }

    /// What a call asked and answered, in words: `write 1`, `read -> 2`.
    pub fn words(&self, action: Action) -> String {
        let text = |value| self.names.text(value);
        let seen = |seen| match seen {
            Seen::Anything => "?".to_owned(),
            Seen::One(value) => text(value),
        };
        match action {
            Action::Read(value) => format!("read -> {}", seen(value)),
            Action::Write(value) => format!("write {}", text(value)),
            Action::Cas { expected, new } => format!("cas {} -> {}", text(expected), text(new)),
            Action::Mismatch { expected } => format!("cas {}: mismatch", text(expected)),
            Action::ReadList(SeenList::Anything) | Action::ReadSet(SeenList::Anything) => {
                "read -> ?".to_owned()
            }
            Action::ReadList(SeenList::One(list)) | Action::ReadSet(SeenList::One(list)) => {
                format!("read -> {}", self.list_text(self.of(list)))
            }
            Action::Replace(list) => format!("write {}", self.list_text(self.of(list))),
            Action::Extend(list) => match self.of(list) {
                [one] => format!("append {}", text(*one)),
                many => format!("append {}", self.list_text(many)),
            },
            Action::Add(value) => format!("add {}", text(value)),
            Action::Remove(value) => format!("remove {}", text(value)),
            Action::Contains(value, found) => format!("contains {} -> {found}", text(value)),
            Action::Enqueue(value) => format!("enqueue {}", text(value)),
            Action::Dequeue(value) => format!("dequeue -> {}", seen(value)),
            Action::Push(value) => format!("push {}", text(value)),
            Action::Pop(value) => format!("pop -> {}", seen(value)),
            Action::Acquire => "acquire".to_owned(),
            Action::Release => "release".to_owned(),
        }
    }

    /// A list as JSON writes it.
    pub fn list_text(&self, elements: &[Value]) -> String {
        let texts: Vec<String> = elements.iter().map(|value| self.names.text(*value)).collect();
        format!("[{}]", texts.join(","))
    }
}
