//! Saga: all of it happens, or what happened is taken back, backwards and once.
//!
//! ```text
//!   plan       0 ──▶ 1 ──▶ 3      σ(k): what stands of step k at its resource: do, undo, bar
//!               ╲──▶ 2 ──╱        k ◁ d: d rests on k, by `after`, directly or through others
//!
//!   termination             faults over ⇒ every saga ends, as Done: all k stand · Compensated: none
//!                           · Partial: of those done, exactly the kept · Parked: counted
//!   reverse_order           undo(k) ⇒ no d with k ◁ d stands            a kept d may stay, not follow
//!   at_most_once            #do(k) ≤ 1, #undo(k) ≤ 1
//!   no_orphan_compensation  undo(k) ⇒ do(k) before it; bar(k) ⇒ no do(k) after it
//!   no_skipped_compensation end Compensated or Partial ⇒ no step that had to be undone stands
//!   forward_after_pivot     no undo while the pivot stands; after the first undo no do but a late one
//!   balance                 Compensated: Σ moves = 0 per account; Done: Σ moves = 0 over all accounts
//! ```
//!
//! Source: Garcia-Molina & Salem 1987, with a partial order in place of the sequence. A step that
//! was under way when compensation began may still take effect: the resource cannot know. Such a
//! *late* step is legal if it can be undone, rests on nothing that is undone already, and does not
//! stand when the saga is over (a kept one may, where the plan keeps it). A step that rests on an
//! undone one is never legal: its own compensation had to come first, and to bar it. So a saga that
//! goes back to a savepoint and then forward again must be told as two sagas.
//!
//! An effect counts while its resource has it: one that a crash took did not happen, so that doing
//! it again is not twice, and a compensation of it is an orphan. That differs from `Delivery` on
//! purpose: there a receiver speaks, here a database. Orders are judged when an effect is stated;
//! what a log tells again restores it in its old place. `Skipped` is judged when the end is stated,
//! termination at rest: so a late undo breaks the former only, a do after its undo the latter.
//!
//! Forgetting sagas that ended was rejected: late effects, lost ones and second ends come later.
//!
//! A saga has the number of the operation that asked for it, if a client is to be judged too.
//!
//! Limits: which accounts a step should move is unknown, so errors that cancel out are not seen.
//! Whether steps wait for those they rest on is not judged while nothing is undone. Of a node that
//! is down in the end nothing is demanded, and what it knew before counts.

mod judge;
mod moment;
mod recheck;
mod story;
#[cfg(test)]
mod tests;

use super::{
    CheckEntry, Checker, Finish, Judgement, NoSettings, PropertyInfo, Witness, evidence,
    knowledge::{ByNode, Weather},
};
use crate::{
    base::{digest::Fold, table::Table},
    engine::{
        facts::{Fact, SagaEnd},
        operations::Ending,
        runner::Catalog,
        signal::{Signal, What},
    },
};
use moment::Breach;
use std::sync::Arc;
use story::Story;

const TERMINATION: &str = "saga.termination";
const REVERSE_ORDER: &str = "saga.reverse_order";
const AT_MOST_ONCE: &str = "saga.at_most_once";
const NO_ORPHAN: &str = "saga.no_orphan_compensation";
const NO_SKIPPED: &str = "saga.no_skipped_compensation";
const FORWARD: &str = "saga.forward_after_pivot";
const BALANCE: &str = "saga.balance";

/// The properties that an event breaks for ever, in the order of their slots.
const AT_ONCE: [&str; 5] = [REVERSE_ORDER, AT_MOST_ONCE, NO_ORPHAN, NO_SKIPPED, FORWARD];

const SOURCE: &str = "Garcia-Molina & Salem 1987, Sagas";

/// The line of the registry.
pub(super) const ENTRY: CheckEntry = CheckEntry {
    name: "Saga",
    properties: &[
        PropertyInfo {
            name: TERMINATION,
            demands: "once faults are over, every saga has ended, and what stands of its steps is \
                      what its end says: all, none, or exactly what its plan keeps; and no client \
                      heard that a compensated one was done",
            exercised_by: "sagas that began, at the end of a run whose faults are over",
            source: SOURCE,
        },
        PropertyInfo {
            name: REVERSE_ORDER,
            demands: "no step is undone while a step that rests on it is still done",
            exercised_by: "compensations of steps on which a step rests that was done",
            source: SOURCE,
        },
        PropertyInfo {
            name: AT_MOST_ONCE,
            demands: "at its resource no step takes effect twice, and no compensation does",
            exercised_by: "effects of steps and of compensations",
            source: "Gray & Reuter 1993, Transaction Processing, section 10.2",
        },
        PropertyInfo {
            name: NO_ORPHAN,
            demands: "nothing is undone that was not done, and what was barred is never done",
            exercised_by: "compensations, and steps barred by one that came first",
            source: SOURCE,
        },
        PropertyInfo {
            name: NO_SKIPPED,
            demands: "when a saga ends compensated or in its partial plan, every step done that \
                      its plan does not keep is undone",
            exercised_by: "such ends of sagas that had done a step to be undone",
            source: SOURCE,
        },
        PropertyInfo {
            name: FORWARD,
            demands: "once the pivot is done nothing is undone, and once something is undone no \
                      step takes effect but a late one that rests on nothing undone and is undone too",
            exercised_by: "compensations, and steps that take effect after one",
            source: "Richardson 2018, Microservices Patterns, section 4.3, after Mehrotra et al. 1992",
        },
        PropertyInfo {
            name: BALANCE,
            demands: "a compensated saga changed no balance, a finished one made and lost nothing",
            exercised_by: "sagas that changed balances and ended, of a run whose faults are over",
            source: "Gray & Reuter 1993, Transaction Processing, section 1.2",
        },
    ],
    build: |text, named, catalog| {
        named.decode::<NoSettings>(text)?;
        Ok(Box::new(Saga::new(catalog)))
    },
};

#[derive(Clone)]
struct Saga {
    catalog: Arc<Catalog>,
    weather: Weather,
    /// Which nodes are down.
    down: ByNode<bool>,
    stories: Table<u64, Story>,
    /// The first breach of each property of [`AT_ONCE`].
    breaches: [Option<Breach>; AT_ONCE.len()],
    /// How often each of them could have been broken.
    occasions: [u64; AT_ONCE.len()],
}

impl Saga {
    fn new(catalog: &Arc<Catalog>) -> Self {
        Self {
            catalog: Arc::clone(catalog),
            weather: Weather::default(),
            down: ByNode::default(),
            stories: Table::new(),
            breaches: [None; AT_ONCE.len()],
            occasions: [0; AT_ONCE.len()],
        }
    }
}

/// The saga that a fact is about.
fn saga_of(fact: Fact) -> Option<u64> {
    match fact {
        Fact::Planned { saga, .. }
        | Fact::DidStep(saga, _)
        | Fact::UndidStep(saga, _)
        | Fact::Tombstoned(saga, _)
        | Fact::Moves { saga, .. }
        | Fact::SagaEnded(saga, _) => Some(saga),
        _ => None,
    }
}

/// The word for an end.
fn end_word(end: SagaEnd) -> &'static str {
    match end {
        SagaEnd::Done => "done",
        SagaEnd::Compensated => "compensated",
        SagaEnd::Partial => "in its partial plan",
        SagaEnd::Parked => "parked",
    }
}

impl Checker for Saga {
    fn reset(&mut self) {
        self.weather = Weather::default();
        self.down.iter_mut().for_each(|down| *down = false);
        self.stories.clear();
        self.breaches = [None; AT_ONCE.len()];
        self.occasions = [0; AT_ONCE.len()];
    }

    fn on_signal(&mut self, signal: &Signal) {
        self.weather.on_signal(signal);
        match signal.what {
            What::Stated(node, fact) => {
                let Some(saga) = saga_of(fact) else { return };
                let story = self.stories.entry_or_default(saga);
                let mut found = |slot: usize, breach: Option<Breach>| {
                    self.occasions[slot] += 1;
                    self.breaches[slot] = self.breaches[slot].or(breach);
                };
                story.judge(saga, fact, signal, &mut found);
                story.learn(node, fact, signal);
            }
            What::Replayed(node, fact) => {
                let Some(saga) = saga_of(fact) else { return };
                self.stories.entry_or_default(saga).learn_again(node, fact, signal);
            }
            What::Crashed(node) => *self.down.of(node) = true,
            What::Booted(node) => {
                *self.down.of(node) = false;
                self.stories.values_mut().for_each(|story| story.lose(node));
            }
            What::Ended(op, Ending::Ok(_)) => {
                if let Some(story) = self.stories.get_mut(&u64::from(op.0)) {
                    story.heard = Some(*signal);
                }
            }
            What::Invoked(..) | What::Ended(..) | What::Disturbed | What::Healed => {}
        }
    }

    fn finish(&mut self, finish: &Finish<'_>) -> Vec<Judgement> {
        vec![
            self.termination(finish),
            self.at_once(REVERSE_ORDER),
            self.at_once(AT_MOST_ONCE),
            self.at_once(NO_ORPHAN),
            self.at_once(NO_SKIPPED),
            self.forward(finish),
            self.balance(finish),
        ]
    }

    fn recheck(&self, property: &str, witness: &Witness, signals: &[Signal]) -> Result<(), String> {
        let mut cited = evidence::find(witness, signals)?;
        cited.sort_by_key(|(position, _)| *position);
        match property {
            TERMINATION => recheck::termination(&cited, signals),
            REVERSE_ORDER => recheck::reverse_order(&cited, signals),
            AT_MOST_ONCE => recheck::at_most_once(&cited, signals),
            NO_ORPHAN => recheck::no_orphan(&cited, signals),
            NO_SKIPPED => recheck::no_skipped(&cited, signals),
            FORWARD => recheck::forward(&cited, signals),
            BALANCE => recheck::balance(&cited, signals),
            _ => evidence::no_such_property(property),
        }
    }

    fn explorable(&self) -> &'static [&'static str] {
        &AT_ONCE
    }

    fn fork(&self) -> Option<Box<dyn Checker>> {
        Some(Box::new(self.clone()))
    }

    fn fold(&self, fold: &mut Fold) {
        for breach in &self.breaches {
            fold.word(u64::from(breach.is_some()));
        }
        for (saga, story) in &self.stories {
            fold.word(*saga);
            story.fold(fold);
        }
    }

    fn broken(&mut self) -> Vec<&'static str> {
        let broken = AT_ONCE.into_iter().zip(&self.breaches);
        broken.filter(|(_, breach)| breach.is_some()).map(|(property, _)| property).collect()
    }
}
