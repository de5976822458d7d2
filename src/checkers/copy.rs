//! A copy of a table: it misses no change, never goes back, and comes to hold what the source holds.
//!
//! ```text
//!   source   commits 1: a=7   2: b=3   3: a=9   4: b deleted
//!   copy     applied 1: a=7            3: a=9   2: b=3   4: b deleted
//!
//!   order       per key: the numbers shown rise, and each with what the source committed under it
//!   complete    in the end: of every key, the copy is at its last commit
//!   converges   in the end: what the copy holds = what the source holds, deletions included
//! ```
//!
//! Sources: the promises of capturing from a log, Das and others 2012 (Databus), section 2: at least
//! once, in the order of the source, and the copy in a state that the source had. Order is demanded
//! per key; for whole commits see `whole_commits.rs`, for how far behind it may be `copy_lag.rs`.
//!
//! Whoever states `Commits` and then what a key is, is the source; who states `Applied` and then what
//! a key is, a copy. Several copies may share the keys: who never showed a key has no part in it.
//! `replicas.rs` was not enough: it compares whoever held a register and knows no source, so a copy
//! that has too much or nothing would agree, and it knows no deletions.
//!
//! *In the end* is said of changes that lie at least `within` before the end of the run, and so does
//! the end of faults: a run that ends early enough would break any promise.
//!
//! This file is long because the three promises share one fold. Limits: one source. What a crash took
//! back at the source was never committed. A source or a copy that is down in the end is not compared.

use super::{
    CheckEntry, Checker, Finish, Judgement, PropertyInfo, Witness,
    evidence::{self, Found, ensure, find, witness},
    knowledge::{ByNode, Weather, count, judge, judge_at_rest},
    numbered::{About, about},
};
use crate::{
    base::{
        digest::Fold,
        ids::NodeId,
        table::Table,
        time::{Duration, Time},
    },
    engine::{
        facts::Fact,
        runner::Catalog,
        signal::{Signal, What},
    },
};
use serde::Deserialize;
use std::sync::Arc;

const ORDER: &str = "copy.order";
const COMPLETE: &str = "copy.complete";
const CONVERGES: &str = "copy.converges";
const SOURCE: &str = "Das and others 2012, All Aboard the Databus!, section 2";

/// The line of the registry.
pub(super) const ENTRY: CheckEntry = CheckEntry {
    name: "Copy",
    properties: &[
        PropertyInfo {
            name: ORDER,
            demands: "of each key, a copy shows states that the source committed, and none of them \
                      after a later one",
            exercised_by: "states that copies showed after another state of the same key",
            source: SOURCE,
        },
        PropertyInfo {
            name: COMPLETE,
            demands: "copies are at the last commit of every key, at the latest `within` after it and \
                      the end of faults",
            exercised_by: "keys of the source that were committed more than once, that long ago",
            source: SOURCE,
        },
        PropertyInfo {
            name: CONVERGES,
            demands: "copies hold what the source holds, and nothing else, at the latest `within` \
                      after the last commit of a key and the end of faults",
            exercised_by: "keys that the source committed, that long ago",
            source: SOURCE,
        },
    ],
    build: |text, named, catalog| {
        let Settings { within } = named.decode(text)?;
        Ok(Box::new(Copy {
            catalog: Arc::clone(catalog),
            within,
            due: Time::ZERO,
            weather: Weather::default(),
            nodes: ByNode::default(),
            back: None,
            steps: 0,
        }))
    },
};

/// What a scenario may set.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    /// How long a change may take once faults are over.
    within: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { within: Duration::from_millis(500) }
    }
}

#[derive(Clone)]
struct Copy {
    catalog: Arc<Catalog>,
    within: Duration,
    /// What is later than this has time still; known when the run is over.
    due: Time,
    weather: Weather,
    nodes: ByNode<Place>,
    /// The first copy that went back: where, what was shown before, and what then.
    back: Option<(NodeId, Shown, Shown)>,
    /// States that came after another one of their key.
    steps: u64,
}

/// What one node says of keys.
#[derive(Clone, Default)]
struct Place {
    down: bool,
    /// What the next word about a key belongs to.
    about: Option<About>,
    /// As a source: what its log tells now, by key and number.
    commits: Table<(u32, u64), Shown>,
    /// As a copy: what it is at now, by key.
    held: Table<u32, Shown>,
    /// As a copy: all that it ever showed, by key and number; of two states under one number both.
    shown: Table<(u32, u64, Option<i64>), Signal>,
    /// As a copy: the latest that it ever showed, by key.
    latest: Table<u32, Shown>,
}

/// What a key is, by the commit of this number.
#[derive(Clone, Copy)]
struct Shown {
    number: u64,
    key: u32,
    value: Option<i64>,
    signal: Signal,
}

impl Checker for Copy {
    fn reset(&mut self) {
        self.weather = Weather::default();
        self.nodes.iter_mut().for_each(|place| *place = Place::default());
        (self.back, self.steps) = (None, 0);
    }

    fn on_signal(&mut self, signal: &Signal) {
        self.weather.on_signal(signal);
        match signal.what {
            What::Stated(node, fact) => self.learn(node, fact, signal, Since::Now),
            What::Replayed(node, fact) => self.learn(node, fact, signal, Since::Before),
            What::Crashed(node) => self.nodes.of(node).down = true,
            What::Booted(node) => {
                let place = self.nodes.of(node);
                (place.down, place.about) = (false, None);
                place.commits.clear();
                place.held.clear();
            }
            What::Invoked(..) | What::Ended(..) | What::Disturbed | What::Healed => {}
        }
    }

    fn finish(&mut self, finish: &Finish<'_>) -> Vec<Judgement> {
        self.due = finish.end.end.saturating_sub(self.within);
        vec![self.order(), self.complete(finish), self.converges(finish)]
    }

    fn recheck(&self, property: &str, witness: &Witness, signals: &[Signal]) -> Result<(), String> {
        let cited = find(witness, signals)?;
        match property {
            ORDER => is_out_of_order(&cited, signals),
            COMPLETE => is_missed(&cited, signals, self.due),
            CONVERGES => differs(&cited, signals, self.due),
            _ => evidence::no_such_property(property),
        }
    }

    fn explorable(&self) -> &'static [&'static str] {
        &[ORDER]
    }

    fn fork(&self) -> Option<Box<dyn Checker>> {
        Some(Box::new(self.clone()))
    }

    fn fold(&self, fold: &mut Fold) {
        fold.word(u64::from(self.back.is_some()));
        for (node, place) in self.nodes.iter() {
            fold.words([u64::from(node.0), u64::from(place.down)]);
            fold.words([place.commits.len() as u64, place.shown.len() as u64]);
            for ((key, number), commit) in &place.commits {
                fold_state(fold, (*key, *number, commit.value));
            }
            place.shown.keys().for_each(|state| fold_state(fold, *state));
            place.latest.values().for_each(|l| fold_state(fold, (l.key, l.number, None)));
        }
    }

    fn broken(&mut self) -> Vec<&'static str> {
        let is_broken = self.back.is_some() || self.phantom().is_some();
        is_broken.then_some(ORDER).into_iter().collect()
    }
}

fn fold_state(fold: &mut Fold, (key, number, value): (u32, u64, Option<i64>)) {
    fold.words([u64::from(key), number]);
    fold.words([u64::from(value.is_some()), value.unwrap_or_default() as u64]);
}

/// Whether something is said for the first time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Since {
    Now,
    Before,
}

// The judge.

impl Copy {
    fn learn(&mut self, node: NodeId, fact: Fact, signal: &Signal, since: Since) {
        let place = self.nodes.of(node);
        let (key, value) = match fact {
            Fact::Commits { .. } | Fact::Applied(_) => return place.about = About::of(fact),
            Fact::Holds { key, value, .. } => (key, Some(value)),
            Fact::Lacks { key } => (key, None),
            _ => return,
        };
        match place.about {
            None => {}
            Some(About::Commit(number)) => {
                let commit = Shown { number, key, value, signal: *signal };
                place.commits.insert((key, number), commit);
            }
            Some(About::Copy(number)) => {
                let state = Shown { number, key, value, signal: *signal };
                place.held.insert(key, state);
                if since == Since::Now {
                    self.show(node, state);
                }
            }
        }
    }

    fn show(&mut self, node: NodeId, state: Shown) {
        let place = self.nodes.of(node);
        place.shown.or_insert_with((state.key, state.number, state.value), || state.signal);
        let before = place.latest.get(&state.key).copied();
        self.steps += u64::from(before.is_some());
        match before {
            Some(before) if before.number > state.number => {
                self.back = self.back.or(Some((node, before, state)));
            }
            _ => _ = place.latest.insert(state.key, state),
        }
    }

    /// A state that some copy showed and the source never committed.
    fn phantom(&self) -> Option<(NodeId, Shown)> {
        for (node, place) in self.nodes.iter() {
            for (&(key, number, value), &signal) in &place.shown {
                let commit = self.nodes.iter().find_map(|(_, at)| at.commits.get(&(key, number)));
                if commit.is_none_or(|commit| commit.value != value) {
                    return Some((node, Shown { number, key, value, signal }));
                }
            }
        }
        None
    }

    fn order(&self) -> Judgement {
        let phantom = || {
            let (node, state) = self.phantom()?;
            let (node, at) = (self.catalog.node(node), state.signal.at);
            let Shown { number, key, .. } = state;
            let says = state.words();
            let sentence = format!(
                "{node} showed {says} at {at}, as of commit {number}, and no such commit of key \
                 {key} is known at the source"
            );
            Some(witness(sentence, &[state.signal]))
        };
        let back = self.back.map(|(node, before, now)| {
            let sentence = format!(
                "{} went back at {}: it showed {} of commit {} after {} of commit {}",
                self.catalog.node(node),
                now.signal.at,
                now.words(),
                now.number,
                before.words(),
                before.number
            );
            witness(sentence, &[before.signal, now.signal])
        });
        let note = count(self.steps, "step", "steps") + " from one state to another";
        judge(ORDER, back.or_else(phantom), self.steps, note)
    }

    /// The last commit of every key, as the source knows it, with the number of them; not of keys
    /// that have time still.
    fn last(&self) -> Table<u32, (Shown, u64)> {
        let mut last: Table<u32, (Shown, u64)> = Table::new();
        let sources = self.nodes.iter().filter(|(_, place)| !place.down);
        for commit in sources.flat_map(|(_, place)| place.commits.values()) {
            let before = last.get(&commit.key).map_or(0, |(_, commits)| *commits);
            last.insert(commit.key, (*commit, before + 1)); // Numbers rise within a key.
        }
        let settled = self.weather.healed().is_none_or(|healed| healed.at <= self.due);
        last.retain(|_, (commit, _)| settled && commit.signal.at <= self.due);
        last
    }

    fn copies(&self) -> impl Iterator<Item = (NodeId, &Place)> {
        self.nodes.iter().filter(|(_, place)| !place.latest.is_empty())
    }

    fn complete(&self, finish: &Finish<'_>) -> Judgement {
        let is_any_down = self.copies().any(|(_, place)| place.down);
        let (mut broken, mut exercised) = (None, 0);
        for (commit, commits) in self.last().values() {
            exercised += u64::from(*commits > 1);
            let living = self.copies().filter(|(_, place)| !place.down);
            let mut part = living.filter(|(_, at)| at.latest.contains_key(&commit.key)).peekable();
            let nobody = part.peek().is_none() && commit.value.is_some() && !is_any_down;
            let is_at = |at: &Place| at.held.get(&commit.key).map_or(0, |state| state.number);
            let late = part.find(|(_, at)| is_at(at) < commit.number);
            if broken.is_none() && (nobody || late.is_some()) {
                broken = Some(self.missed(commit, late));
            }
        }
        let note = count(exercised, "key", "keys") + " changed more than once";
        judge_at_rest(COMPLETE, (&self.weather, finish), broken, (exercised, note))
    }

    fn missed(&self, commit: &Shown, late: Option<(NodeId, &Place)>) -> Witness {
        let Shown { number, key, signal, .. } = *commit;
        let says = commit.words();
        let what = match late.and_then(|(node, at)| Some((node, at.held.get(&key)?))) {
            Some((node, state)) => format!(
                "{} is still at {} of commit {}",
                self.catalog.node(node),
                state.words(),
                state.number
            ),
            None => "no copy ever showed it".to_owned(),
        };
        let sentence =
            format!("commit {number} made it {says} at {}, and in the end {what}", signal.at);
        witness(sentence, &[signal])
    }

    fn converges(&self, finish: &Finish<'_>) -> Judgement {
        let is_any_down = self.copies().any(|(_, place)| place.down);
        let (mut broken, mut exercised) = (None, 0);
        for (commit, _) in self.last().values() {
            exercised += 1;
            let living = self.copies().filter(|(_, place)| !place.down);
            let held = living.filter_map(|(node, at)| Some((node, at.held.get(&commit.key)?)));
            let held = held.filter(|(_, state)| state.value.is_some());
            let (mut same, mut other) = (is_any_down, None);
            for (node, state) in held {
                if state.value == commit.value {
                    same = true;
                } else {
                    other = other.or(Some((node, *state)));
                }
            }
            let lacks = commit.value.is_some() && !same;
            if broken.is_none() && (other.is_some() || lacks) {
                broken = Some(self.difference(commit, other));
            }
        }
        let note = count(exercised, "key", "keys") + " compared";
        judge_at_rest(CONVERGES, (&self.weather, finish), broken, (exercised, note))
    }

    fn difference(&self, commit: &Shown, other: Option<(NodeId, Shown)>) -> Witness {
        let says = commit.words();
        let (what, cited) = match other {
            Some((node, state)) => {
                let what = format!("{} has {}", self.catalog.node(node), state.words());
                (what, vec![commit.signal, state.signal])
            }
            None => ("no copy has it".to_owned(), vec![commit.signal]),
        };
        witness(format!("in the end it is {says} at the source, and {what}"), &cited)
    }
}

impl Shown {
    fn words(&self) -> String {
        match self.value {
            Some(value) => format!("key {} = {value}", self.key),
            None => format!("key {} deleted", self.key),
        }
    }
}

// The witness, checked again.

/// What a signal says of a key, with where it stands and the commit it belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Said {
    position: usize,
    source: bool,
    number: u64,
    key: u32,
    value: Option<i64>,
}

fn said(signals: &[Signal], position: usize) -> Option<(NodeId, Said)> {
    let (node, key, value) = about_key(&signals[position].what)?;
    let (source, number) = match about(signals, node, position)? {
        About::Commit(number) => (true, number),
        About::Copy(number) => (false, number),
    };
    Some((node, Said { position, source, number, key, value }))
}

fn about_key(what: &What) -> Option<(NodeId, u32, Option<i64>)> {
    match *what {
        What::Stated(node, Fact::Holds { key, value, .. })
        | What::Replayed(node, Fact::Holds { key, value, .. }) => Some((node, key, Some(value))),
        What::Stated(node, Fact::Lacks { key }) | What::Replayed(node, Fact::Lacks { key }) => {
            Some((node, key, None))
        }
        _ => None,
    }
}

/// All that a node knows of a key in the end.
fn known(signals: &[Signal], node: NodeId, key: u32) -> Vec<Said> {
    let positions = evidence::known(signals, node).map(|(position, _)| position);
    let all = positions.filter_map(|position| said(signals, position));
    all.map(|(_, said)| said).filter(|said| said.key == key).collect()
}

fn is_out_of_order(cited: &[Found], signals: &[Signal]) -> Result<(), String> {
    let all: Option<Vec<(NodeId, Said)>> =
        cited.iter().map(|(position, _)| said(signals, *position)).collect();
    let Some(all) = all else { return Err("a cited event shows no key".to_owned()) };
    let is_new = |(_, signal): &Found| matches!(signal.what, What::Stated(..));
    ensure(cited.iter().all(is_new), "a cited event is a repeat")?;
    ensure(all.iter().all(|(_, said)| !said.source), "a cited event is the source's")?;
    match all.as_slice() {
        [(node, state)] => {
            let committed = evidence::nodes(signals).into_iter().any(|at| {
                known(signals, at, state.key).iter().any(|other| {
                    other.source && other.number == state.number && other.value == state.value
                })
            });
            ensure(!committed, &format!("the source committed what {node} showed"))
        }
        [(one, first), (other, second)] => {
            ensure(one == other && first.key == second.key, "they are of two copies or two keys")?;
            let (earlier, later) =
                if first.position < second.position { (first, second) } else { (second, first) };
            ensure(earlier.number > later.number, "the copy went forward")
        }
        _ => Err("one event is needed, or two".to_owned()),
    }
}

/// The last commit of a key that a cited event is; an error where it is none.
fn last_commit(cited: &[Found], signals: &[Signal], due: Time) -> Result<Said, String> {
    ensure(evidence::settled(signals), "faults were never over")?;
    let late = |signal: &Signal| signal.what == What::Healed && signal.at > due;
    ensure(!signals.iter().any(late), "faults were over too late")?;
    let found = cited.iter().filter_map(|(position, _)| said(signals, *position));
    let commit = found.into_iter().find(|(_, said)| said.source);
    let Some((node, commit)) = commit else { return Err("no commit is cited".to_owned()) };
    ensure(evidence::is_up(signals, node), "the source is down")?;
    let last = known(signals, node, commit.key).into_iter().rfind(|said| said.source);
    ensure(last == Some(commit), "it is not the last commit of its key")?;
    ensure(signals[commit.position].at <= due, "it has time still")?;
    Ok(commit)
}

/// What each copy that is up and ever showed a key is at, and whether a copy is down.
fn copies_at(signals: &[Signal], key: u32) -> (Vec<Said>, bool) {
    let new = |position: &usize| matches!(signals[*position].what, What::Stated(..));
    let shown = (0..signals.len()).filter(new).filter_map(|position| said(signals, position));
    let shown: Vec<(NodeId, u32)> =
        shown.filter(|(_, said)| !said.source).map(|(node, said)| (node, said.key)).collect();
    let copies = evidence::nodes(signals).into_iter();
    let copies = copies.filter(|node| shown.iter().any(|(at, _)| at == node));
    let (up, off): (Vec<_>, Vec<_>) = copies.partition(|node| evidence::is_up(signals, *node));
    let down = !off.is_empty();
    let ever = up.into_iter().filter(|node| shown.contains(&(*node, key)));
    let nothing = Said { position: 0, source: false, number: 0, key, value: None };
    let last = |node| known(signals, node, key).into_iter().rfind(|s| !s.source).unwrap_or(nothing);
    (ever.map(last).collect(), down)
}

fn is_missed(cited: &[Found], signals: &[Signal], due: Time) -> Result<(), String> {
    ensure(cited.len() == 1, "one event is needed")?;
    let commit = last_commit(cited, signals, due)?;
    let (copies, down) = copies_at(signals, commit.key);
    if copies.is_empty() {
        return ensure(commit.value.is_some() && !down, "nobody need show it");
    }
    ensure(copies.iter().any(|copy| copy.number < commit.number), "every copy is there")
}

fn differs(cited: &[Found], signals: &[Signal], due: Time) -> Result<(), String> {
    ensure(cited.len() <= 2, "one event is needed, or two")?;
    let commit = last_commit(cited, signals, due)?;
    let (copies, down) = copies_at(signals, commit.key);
    let wrong = |copy: &Said| copy.value.is_some() && copy.value != commit.value;
    if cited.len() == 2 {
        let cites = |copy: &Said| cited.iter().any(|(position, _)| *position == copy.position);
        return ensure(copies.iter().any(|copy| wrong(copy) && cites(copy)), "no copy holds that");
    }
    let same = copies.iter().any(|copy| copy.value == commit.value);
    ensure(commit.value.is_some() && !same && !down, "a copy holds it")
}

#[cfg(test)]
mod tests;
