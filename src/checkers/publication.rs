//! Publication: what a database commits is heard outside, in its order, and what it never committed
//! is not.
//!
//! ```text
//!   database    commits(e, number) ──▶ ──╳ ──▶ (again)         lost, if e never takes effect
//!   broker                    publishes(e) ── publishes(e)     phantom, if e is not committed
//!   receiver                            took_effect(e)         twice? out of order?
//!
//!   no loss        at rest, known commits(e) ⇒ known took_effect(e)
//!   no phantom     at rest, ever publishes(e) ⇒ known commits(e)
//!   order          first effects of one key, as they come: their numbers rise
//!   exactly once   Σ over all nodes and times of stated took_effect(e)  ≤  1
//! ```
//!
//! Source: Gray & Reuter 1993, section 10.2, for queues in and beside a database; Richardson 2018,
//! section 3.3, for the outbox. The order is that of *commits*: numbers that a transaction took
//! before it committed have another one, and sorting by them hides the very mistake.
//!
//! A commit that a crash took back is no commit, so what was published of it is a phantom. That an
//! event is published before it is committed is no fault as long as it is committed in the end: one
//! that judged each instant would condemn an order that only a crash can break, and no crash came.
//! Of a node that is down in the end nothing is demanded, and what it knew before counts.
//!
//! *At rest* is when faults are over, and both that and the event lie at least `within` before the
//! end of the run. Without such a bound any run is a loss that ends early enough, and shrinking a
//! failure would find just that.
//!
//! Limits: an event that never takes effect has no place in the order; that it is missing is a loss.
//! A log that is cut must restate what it still vouches for.

use super::{
    CheckEntry, Checker, Finish, Judgement, PropertyInfo, Witness,
    evidence::{self, find, place, witness},
    knowledge::{ByNode, Weather, count, judge, judge_at_rest, order},
};
use crate::{
    base::{
        digest::Fold,
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

mod recheck;
#[cfg(test)]
mod tests;

const NO_LOSS: &str = "publication.no_loss";
const NO_PHANTOM: &str = "publication.no_phantom";
const ORDER: &str = "publication.order";
const EXACTLY_ONCE: &str = "publication.exactly_once";

const SOURCE: &str = "Gray & Reuter 1993, Transaction Processing, section 10.2; Richardson 2018, \
                      Microservices Patterns, section 3.3";

/// The line of the registry.
pub(super) const ENTRY: CheckEntry = CheckEntry {
    name: "Publication",
    properties: &[
        PropertyInfo {
            name: NO_LOSS,
            demands: "every committed event is published and takes effect, at the latest `within` \
                      after its commit and the end of faults",
            exercised_by: "events committed that long before the end of a run whose faults are over",
            source: SOURCE,
        },
        PropertyInfo {
            name: NO_PHANTOM,
            demands: "every event that was ever published is committed, at the latest `within` after \
                      that and the end of faults",
            exercised_by: "events published that long before the end of a run whose faults are over",
            source: SOURCE,
        },
        PropertyInfo {
            name: ORDER,
            demands: "events of one key first take effect in the order of their commits",
            exercised_by: "first effects behind another one of their key",
            source: SOURCE,
        },
        PropertyInfo {
            name: EXACTLY_ONCE,
            demands: "no event takes effect twice",
            exercised_by: "events that took effect",
            source: SOURCE,
        },
    ],
    build: |text, named, catalog| {
        let Settings { within } = named.decode(text)?;
        Ok(Box::new(Publication::new(catalog, within)))
    },
};

/// What a scenario may set.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    /// How long an event may take once faults are over.
    within: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { within: Duration::from_millis(500) }
    }
}

#[derive(Clone)]
struct Publication {
    catalog: Arc<Catalog>,
    within: Duration,
    weather: Weather,
    /// What is later than this has time still; known when the run is over.
    due: Time,
    nodes: ByNode<Known>,
    /// Each event that was ever committed, as it was committed last.
    commits: Table<u64, Commit>,
    /// The first time that each event stood in a broker's log.
    published: Table<u64, Signal>,
    /// The first effect of each event.
    effects: Table<u64, Signal>,
    /// Events in the order of their first effects.
    sequence: Vec<u64>,
    /// The first event that took effect twice.
    twice: Option<(u64, Signal, Signal)>,
}

/// What one node knows now.
#[derive(Clone, Default)]
struct Known {
    down: bool,
    commits: Table<u64, Commit>,
    effects: Table<u64, ()>,
}

#[derive(Clone, Copy)]
struct Commit {
    number: u64,
    key: u32,
    signal: Signal,
}

/// Two events of one key whose first effects came in the wrong order.
struct Inversion {
    early: (u64, Commit, Signal),
    late: (u64, Commit, Signal),
}

impl Checker for Publication {
    fn reset(&mut self) {
        self.weather = Weather::default();
        self.due = Time::ZERO;
        self.nodes.iter_mut().for_each(Known::forget);
        self.commits.clear();
        self.published.clear();
        self.effects.clear();
        self.sequence.clear();
        self.twice = None;
    }

    fn on_signal(&mut self, signal: &Signal) {
        self.weather.on_signal(signal);
        match signal.what {
            What::Stated(node, fact) => {
                self.nodes.of(node).learn(fact, signal);
                self.learn(fact, signal);
            }
            What::Replayed(node, fact) => self.nodes.of(node).learn(fact, signal),
            What::Crashed(node) => self.nodes.of(node).down = true,
            What::Booted(node) => self.nodes.of(node).forget(),
            What::Invoked(..) | What::Ended(..) | What::Disturbed | What::Healed => {}
        }
    }

    fn finish(&mut self, finish: &Finish<'_>) -> Vec<Judgement> {
        self.due = finish.end.end.saturating_sub(self.within);
        vec![self.no_loss(finish), self.no_phantom(finish), self.order(), self.exactly_once()]
    }

    fn recheck(&self, property: &str, witness: &Witness, signals: &[Signal]) -> Result<(), String> {
        let cited = find(witness, signals)?;
        match property {
            NO_LOSS => recheck::is_lost(&cited, signals, self.due),
            NO_PHANTOM => recheck::is_phantom(&cited, signals, self.due),
            ORDER => recheck::is_inverted(&cited, signals),
            EXACTLY_ONCE => recheck::is_twice(&cited),
            _ => evidence::no_such_property(property),
        }
    }

    fn explorable(&self) -> &'static [&'static str] {
        &[ORDER, EXACTLY_ONCE]
    }

    fn fork(&self) -> Option<Box<dyn Checker>> {
        Some(Box::new(self.clone()))
    }

    fn fold(&self, fold: &mut Fold) {
        fold.words([u64::from(self.twice.is_some()), self.commits.len() as u64]);
        for (&event, commit) in &self.commits {
            fold.words([event, commit.number, u64::from(commit.key)]);
        }
        self.sequence.iter().for_each(|event| fold.word(*event));
    }

    fn broken(&mut self) -> Vec<&'static str> {
        let inverted = self.inversion().map(|_| ORDER);
        inverted.into_iter().chain(self.twice.map(|_| EXACTLY_ONCE)).collect()
    }
}

// What is known.

impl Known {
    fn forget(&mut self) {
        self.down = false;
        self.commits.clear();
        self.effects.clear();
    }

    fn learn(&mut self, fact: Fact, signal: &Signal) {
        match fact {
            Fact::Commits { number, key, event } => {
                self.commits.insert(event, Commit { number, key, signal: *signal });
            }
            Fact::TookEffect(event) => _ = self.effects.insert(event, ()),
            _ => {}
        }
    }
}

impl Publication {
    fn new(catalog: &Arc<Catalog>, within: Duration) -> Self {
        Self {
            catalog: Arc::clone(catalog),
            within,
            weather: Weather::default(),
            due: Time::ZERO,
            nodes: ByNode::default(),
            commits: Table::new(),
            published: Table::new(),
            effects: Table::new(),
            sequence: Vec::new(),
            twice: None,
        }
    }

    /// What was ever said, whatever became of it.
    fn learn(&mut self, fact: Fact, signal: &Signal) {
        match fact {
            Fact::Commits { number, key, event } => {
                self.commits.insert(event, Commit { number, key, signal: *signal });
            }
            Fact::Publishes { event, .. } => {
                self.published.or_insert_with(event, || *signal);
            }
            Fact::TookEffect(event) => self.on_effect(event, signal),
            _ => {}
        }
    }

    fn on_effect(&mut self, event: u64, signal: &Signal) {
        match self.effects.get(&event) {
            None => {
                self.effects.insert(event, *signal);
                self.sequence.push(event);
            }
            Some(first) if self.twice.is_none() => self.twice = Some((event, *first, *signal)),
            Some(_) => {}
        }
    }
}

// The judge.

impl Publication {
    /// Whether something has had all the time that it may take.
    fn is_due(&self, signal: &Signal) -> bool {
        signal.at <= self.due && self.weather.healed().is_none_or(|healed| healed.at <= self.due)
    }

    fn no_loss(&self, finish: &Finish<'_>) -> Judgement {
        let living = || self.nodes.iter().filter(|(_, known)| !known.down);
        let all = || living().flat_map(|(_, known)| known.commits.iter());
        let commits = || all().filter(|(_, commit)| self.is_due(&commit.signal));
        let took_effect =
            |event: &u64| self.nodes.iter().any(|(_, known)| known.effects.contains_key(event));
        let lost = commits().filter(|(event, _)| !took_effect(event));
        let first = lost.min_by_key(|(_, commit)| order(&commit.signal));
        let broken = first.map(|(&event, commit)| self.loss(event, commit));
        let exercised = commits().count() as u64;
        let note = count(exercised, "event", "events") + " committed";
        judge_at_rest(NO_LOSS, (&self.weather, finish), broken, (exercised, note))
    }

    fn no_phantom(&self, finish: &Finish<'_>) -> Judgement {
        let is_committed =
            |event: &u64| self.nodes.iter().any(|(_, known)| known.commits.contains_key(event));
        let published = || self.published.iter().filter(|(_, signal)| self.is_due(signal));
        let phantoms = published().filter(|(event, _)| !is_committed(event));
        let first = phantoms.min_by_key(|(_, signal)| order(signal));
        let broken = first.map(|(&event, signal)| self.phantom(event, signal));
        let exercised = published().count() as u64;
        let note = count(exercised, "event", "events") + " published";
        judge_at_rest(NO_PHANTOM, (&self.weather, finish), broken, (exercised, note))
    }

    fn order(&self) -> Judgement {
        let broken = self.inversion().map(|inversion| self.inverted(&inversion));
        let mut keys: Table<u32, ()> = Table::new();
        let known = self.sequence.iter().filter_map(|event| self.commits.get(event));
        let behind = known.filter(|commit| keys.insert(commit.key, ()).is_some());
        let exercised = behind.count() as u64;
        let note = count(exercised, "effect", "effects") + " behind another of the key";
        judge(ORDER, broken, exercised, note)
    }

    fn exactly_once(&self) -> Judgement {
        let broken = self.twice.map(|(event, one, other)| {
            let (first, again) = (self.at(&one), self.at(&other));
            let sentence = format!(
                "event {event} took effect at {first} at {}, and again at {again} at {}",
                one.at, other.at
            );
            witness(sentence, &[one, other])
        });
        let exercised = self.effects.len() as u64;
        judge(EXACTLY_ONCE, broken, exercised, count(exercised, "effect", "effects"))
    }

    /// The first effect whose key had one of a later commit before, and that one.
    fn inversion(&self) -> Option<Inversion> {
        let mut latest: Table<u32, (u64, Commit, Signal)> = Table::new();
        for event in &self.sequence {
            let (Some(&commit), Some(&effect)) = (self.commits.get(event), self.effects.get(event))
            else {
                continue; // It was never committed, which is judged elsewhere.
            };
            let late = (*event, commit, effect);
            match latest.get(&commit.key) {
                Some(&early) if early.1.number > commit.number => {
                    return Some(Inversion { early, late });
                }
                _ => _ = latest.insert(commit.key, late),
            }
        }
        None
    }

    // The witness.

    fn loss(&self, event: u64, commit: &Commit) -> Witness {
        let Commit { number, key, signal } = *commit;
        let committed = format!(
            "{} committed event {event} of key {key} as number {number} at {}",
            self.at(&signal),
            signal.at
        );
        match self.published.get(&event) {
            None => witness(format!("{committed}, and it was never published"), &[signal]),
            Some(published) => {
                let sentence =
                    format!("{committed}; it was published at {} and has no effect", published.at);
                witness(sentence, &[signal, *published])
            }
        }
    }

    fn phantom(&self, event: u64, published: &Signal) -> Witness {
        let at = format!("{} published event {event} at {}", self.at(published), published.at);
        match self.commits.get(&event) {
            None => witness(format!("{at}, and it was never committed"), &[*published]),
            Some(Commit { signal, .. }) => {
                let sentence = format!("{at}; a crash took back its commit of {}", signal.at);
                witness(sentence, &[*published, *signal])
            }
        }
    }

    fn inverted(&self, Inversion { early, late }: &Inversion) -> Witness {
        let says = |(event, commit, effect): &(u64, Commit, Signal)| {
            format!("event {event} (commit {}) at {}", commit.number, effect.at)
        };
        let node = self.at(&early.2);
        let key = early.1.key;
        let sentence =
            format!("of key {key}, {} took effect at {node} before {}", says(early), says(late));
        witness(sentence, &[early.1.signal, early.2, late.1.signal, late.2])
    }

    fn at(&self, signal: &Signal) -> &str {
        place(&signal.what).map_or("a client", |node| self.catalog.node(node))
    }
}
