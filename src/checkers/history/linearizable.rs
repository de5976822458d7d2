//! Linearizability: every call takes effect at one moment between its invocation and its end.
//!
//! ```text
//!   history ──by key──▶ calls ──leave out what cannot matter──▶ zones, if every value is unique
//!                                                            └─▶ search, else
//!
//!   legal  ⇔  some unknown calls dropped and the rest put in one order, so that
//!             a came before b ⇒ a stands before b, and every answer is right where it stands
//! ```
//!
//! Source: Herlihy & Wing 1990. Objects are judged one by one, which is exact because the property
//! is local. Left out are observers without an answer, and unknown calls whose effect no answer
//! speaks of: dropping those from a legal order leaves a legal order. A set that is never read as a
//! whole is as many objects as it has elements; one that is read is split to find it illegal.
//!
//! Limits: the search counts configurations; beyond its limit the verdict is unknown.

use super::{
    Rules, Ruling,
    calls::{Action, Call, History, Seen, SeenList, Value},
    elements,
    models::{Model, Object, Registers, SequenceModel, SetModel},
    search::{Found, Limit, WORDS_MAX, search},
    witness,
    zones::{self, Zones},
};

/// The name of the property.
pub const LINEARIZABLE: &str = "linearizable";

/// What is said of one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// There is a legal order.
    Legal,
    /// There is none; a part of the calls that shows it.
    Illegal(Vec<Call>),
    /// The search gave up.
    GaveUp(Limit),
}

/// Whether a history is linearizable, without a proof; `None` where the search gave up. Unlike
/// [`linearizable`], it stops at the first object that is not.
pub fn is_linearizable(history: &History, rules: &Rules) -> Option<bool> {
    let mut all = Some(true);
    for calls in objects_of(history, rules.model) {
        match judge(history, &calls, rules).0 {
            Said::Legal => {}
            Said::Illegal(_) => return Some(false),
            Said::GaveUp(_) => all = None,
        }
    }
    all
}

/// Judges a history.
pub fn linearizable(history: &History, rules: &Rules) -> super::Finding {
    let (mut exercised, mut objects, mut gave_up) = (0, 0_u64, None);
    let mut broken = None;
    for calls in objects_of(history, rules.model) {
        objects += 1;
        exercised += tested(&calls);
        match judge(history, &calls, rules).0 {
            Said::Legal => {}
            Said::GaveUp(limit) => gave_up = gave_up.or(Some((calls[0].key, limit))),
            Said::Illegal(_) => broken = broken.or(Some(calls)),
        }
    }
    let ruling = match (broken, gave_up) {
        (Some(calls), _) => Ruling::Violated(witness::smallest(history, calls, rules)),
        (None, Some((key, limit))) => {
            let object = key_name(history, key);
            let limit = match limit {
                Limit::States => format!("met {} configurations", rules.states_max),
                Limit::Room => format!("filled {} MiB", WORDS_MAX >> 17),
            };
            let why = format!("the search for an order of the calls on {object} {limit}");
            Ruling::Unknown(format!("{why}, and may no more"))
        }
        (None, None) if exercised == 0 => Ruling::NotExercised,
        (None, None) => Ruling::Holds,
    };
    let calls = history.calls.len();
    let note = format!("{calls} calls on {objects} objects, {exercised} answers put to the test");
    super::Finding { property: LINEARIZABLE, ruling, exercised, note }
}

/// What a key is called in a sentence.
pub(super) fn key_name(history: &History, key: Value) -> String {
    match key {
        Value::NOTHING => "the object".to_owned(),
        key => format!("key {}", history.names.text(key)),
    }
}

/// The calls on each object, in the order of their invocations.
fn objects_of(history: &History, model: Model) -> Vec<Vec<Call>> {
    let whole = |call: &Call| matches!(call.action, Action::ReadSet(_));
    let by_element = model == Model::Set && !history.calls.iter().any(whole);
    let part = |call: &Call| match call.action {
        Action::Add(value) | Action::Remove(value) | Action::Contains(value, _) if by_element => {
            (call.key, value)
        }
        _ => (call.key, Value::NOTHING),
    };
    let mut calls: Vec<_> = history.calls.iter().map(|call| (part(call), *call)).collect();
    calls.sort_by_key(|(part, _)| *part);
    let objects = calls.chunk_by(|one, other| one.0 == other.0);
    objects.map(|object| object.iter().map(|(_, call)| *call).collect()).collect()
}

/// How many answers could have been wrong: those of calls that say something of the state, when
/// some call may have changed it before they ended.
fn tested(calls: &[Call]) -> u64 {
    let changes = |call: &&Call| !call.action.only_observes();
    let first_change = calls.iter().filter(changes).map(|call| call.invoked.rank).min();
    let Some(first_change) = first_change else { return 0 };
    let answers = |call: &&Call| {
        let blind = matches!(
            call.action,
            Action::Write(_)
                | Action::Replace(_)
                | Action::Extend(_)
                | Action::Add(_)
                | Action::Remove(_)
                | Action::Enqueue(_)
                | Action::Push(_)
        );
        !blind && call.ended.is_some_and(|ended| ended.rank > first_change)
    };
    calls.iter().filter(answers).count() as u64
}

/// Judges the calls on one object; also says how many configurations were met.
pub(super) fn judge(history: &History, calls: &[Call], rules: &Rules) -> (Said, u64) {
    // Of calls that cannot matter zones take care themselves, unless a value is then written twice.
    if let Some(said) = by_zones(calls, rules) {
        return (said, 0);
    }
    let calls = relevant(history, calls);
    if let Some(said) = by_zones(&calls, rules) {
        return (said, 0);
    }
    if let Some(part) = taken_too_often(&calls, &rules.initial) {
        return (Said::Illegal(part), 0);
    }
    let (part, met) = elements::illegal_part(history, &calls, rules);
    if let Some(part) = part {
        return (Said::Illegal(part), met);
    }
    let sought = order(history, &calls, rules, None);
    let said = match sought.found {
        Found::Order(_) => Said::Legal,
        Found::Nothing => Said::Illegal(calls),
        Found::GaveUp(limit) => Said::GaveUp(limit),
    };
    (said, met + sought.met)
}

/// What zones say, where they can say anything.
fn by_zones(calls: &[Call], rules: &Rules) -> Option<Said> {
    if !matches!(rules.model, Model::Register | Model::CasRegister) {
        return None;
    }
    match zones::judge(calls, rules.initial_value()) {
        Zones::Legal => Some(Said::Legal),
        Zones::Illegal(part) => {
            Some(Said::Illegal(part.into_iter().map(|place| calls[place]).collect()))
        }
        Zones::NotUnique => None,
    }
}

/// All calls about a value that left a queue or a stack more often than it was put there. A legal
/// order of all calls would hold a legal order of these.
fn taken_too_often(calls: &[Call], initial: &[Value]) -> Option<Vec<Call>> {
    let of_value = |call: &Call| match call.action {
        Action::Enqueue(value) | Action::Push(value) => Some((value, 1)),
        Action::Dequeue(Seen::One(value)) | Action::Pop(Seen::One(value)) => {
            (value != Value::NOTHING).then_some((value, -1))
        }
        _ => None,
    };
    let mut moves: Vec<(Value, i64)> = calls.iter().filter_map(of_value).collect();
    moves.extend(initial.iter().map(|&value| (value, 1)));
    moves.sort_unstable();
    let mut by_value = moves.chunk_by(|one, other| one.0 == other.0);
    let value = by_value.find(|moves| moves.iter().map(|one| one.1).sum::<i64>() < 0)?[0].0;
    let is_about = |call: &&Call| of_value(call).is_some_and(|(about, _)| about == value);
    Some(calls.iter().filter(is_about).copied().collect())
}

/// What came of looking for an order of the calls on one object.
pub(super) struct Sought {
    pub(super) found: Found,
    /// How many configurations were met.
    pub(super) met: u64,
    /// What the observer would have seen in the order that was found.
    pub(super) shown: Vec<Value>,
}

/// Searches for a legal order of the calls on one object.
pub(super) fn order(
    history: &History,
    calls: &[Call],
    rules: &Rules,
    observer: Option<usize>,
) -> Sought {
    let initial = &rules.initial;
    let seek = Seek { calls, states_max: rules.states_max, observer };
    match rules.model {
        Model::Register | Model::CasRegister | Model::Mutex => {
            seek.on(Registers::new(calls, rules.initial_value()))
        }
        Model::KvAppend | Model::Queue | Model::Stack => {
            seek.on(SequenceModel::new(history, calls, initial))
        }
        Model::Set => seek.on(SetModel::new(history, calls, initial)),
    }
}

struct Seek<'c> {
    calls: &'c [Call],
    states_max: u64,
    observer: Option<usize>,
}

impl Seek<'_> {
    fn on(&self, mut object: impl Object) -> Sought {
        let (found, met) = search(self.calls, &mut object, self.states_max);
        let shown = match (&found, self.observer) {
            (Found::Order(order), Some(observer)) => {
                let at = order.iter().find(|(call, _)| *call == observer);
                at.map_or_else(Vec::new, |(_, state)| object.shown(*state))
            }
            _ => Vec::new(),
        };
        Sought { found, met, shown }
    }
}

/// The calls without those that cannot matter: observers that nobody heard of, and unknown calls
/// whose effect no answer speaks of.
pub(super) fn relevant(history: &History, calls: &[Call]) -> Vec<Call> {
    let heard = |call: &&Call| call.ended.is_some() || !call.action.only_observes();
    let mut calls: Vec<Call> = calls.iter().filter(heard).copied().collect();
    // Without a compare-and-set among the unknown, one round is enough.
    for _ in 0..ROUNDS_MAX {
        let Some(observed) = observed(history, &calls) else { break };
        let before = calls.len();
        let is_seen = |value: &Value| observed.binary_search(value).is_ok();
        calls.retain(|call| call.ended.is_some() || can_matter(history, call.action, is_seen));
        if calls.len() == before {
            break;
        }
    }
    calls
}

const ROUNDS_MAX: usize = 8;

/// Can an unknown call matter, given what is seen?
fn can_matter(history: &History, action: Action, is_seen: impl Fn(&Value) -> bool) -> bool {
    match action {
        Action::Write(value)
        | Action::Cas { new: value, .. }
        | Action::Add(value)
        | Action::Enqueue(value)
        | Action::Push(value) => is_seen(&value),
        Action::Replace(list) | Action::Extend(list) => history.of(list).iter().all(is_seen),
        _ => true,
    }
}

/// The values that answers speak of, sorted; `None` when they may speak of any.
fn observed(history: &History, calls: &[Call]) -> Option<Vec<Value>> {
    let mut observed = Vec::new();
    for call in calls {
        let has_ended = call.ended.is_some();
        match call.action {
            Action::Mismatch { .. } => return None,
            Action::Dequeue(Seen::Anything) | Action::Pop(Seen::Anything) if has_ended => {
                return None;
            }
            Action::Read(Seen::One(value))
            | Action::Cas { expected: value, .. }
            | Action::Contains(value, true)
            | Action::Dequeue(Seen::One(value))
            | Action::Pop(Seen::One(value)) => observed.push(value),
            Action::ReadList(SeenList::One(list)) | Action::ReadSet(SeenList::One(list)) => {
                observed.extend(history.of(list));
            }
            _ => {}
        }
    }
    observed.sort_unstable();
    observed.dedup();
    Some(observed)
}
