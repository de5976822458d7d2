//! Delivery: an accepted item takes effect, and only once.
//!
//! ```text
//!   sender    accepted(i) ──▶ ──╳ ──▶ ──▶ (again and again)
//!   receiver                           took effect(i)   a second time? refused
//!
//!   at least once   faults over ⇒ in the end: known accepted(i) ⇒ known took_effect(i)
//!   at most once    Σ over all nodes and times of stated took_effect(i)  ≤  1
//! ```
//!
//! Source: Gray & Reuter 1993, section 10.2, recoverable queues. Together: exactly once, *as seen
//! at the receiver's log*. An effect that a crash took is no effect for "at least once", so an item
//! acknowledged before it was on disk shows; for "at most once" it was one, because others may have
//! seen it. A replayed effect is the same effect. Of a node that is down in the end nothing is
//! demanded, and what it knew before counts.
//!
//! Counting messages was rejected: they may be repeated at will, effects may not.
//!
//! Limits: who accepted and who must receive is not compared. A log that is cut must restate.

use super::{
    CheckEntry, Checker, Finish, Judgement, NoSettings, PropertyInfo, Witness,
    evidence::{self, Found, ensure, find, place, witness},
    knowledge::{ByNode, Weather, count, judge, judge_at_rest, order},
};
use crate::{
    base::{digest::Fold, table::Table},
    engine::{
        facts::Fact,
        runner::Catalog,
        signal::{Signal, What},
    },
};
use std::sync::Arc;

const AT_LEAST_ONCE: &str = "delivery.at_least_once";
const AT_MOST_ONCE: &str = "delivery.at_most_once";

/// The line of the registry.
pub(super) const ENTRY: CheckEntry = CheckEntry {
    name: "Delivery",
    properties: &[
        PropertyInfo {
            name: AT_LEAST_ONCE,
            demands: "once faults are over, every accepted item has taken effect",
            exercised_by: "accepted items that nodes know at the end of a run whose faults are over",
            source: "Gray & Reuter 1993, Transaction Processing, section 10.2",
        },
        PropertyInfo {
            name: AT_MOST_ONCE,
            demands: "no item takes effect twice",
            exercised_by: "items that took effect",
            source: "Gray & Reuter 1993, Transaction Processing, section 10.2",
        },
    ],
    build: |text, named, catalog| {
        named.decode::<NoSettings>(text)?;
        Ok(Box::new(Delivery {
            catalog: Arc::clone(catalog),
            weather: Weather::default(),
            nodes: ByNode::default(),
            effects: Table::new(),
            twice: None,
        }))
    },
};

#[derive(Clone)]
struct Delivery {
    catalog: Arc<Catalog>,
    weather: Weather,
    nodes: ByNode<Items>,
    /// The first effect of each item.
    effects: Table<u64, Signal>,
    /// The first item that took effect twice.
    twice: Option<(u64, Signal, Signal)>,
}

/// What one node knows now.
#[derive(Clone, Default)]
struct Items {
    down: bool,
    accepted: Table<u64, Signal>,
    effects: Table<u64, ()>,
}

impl Checker for Delivery {
    fn reset(&mut self) {
        self.weather = Weather::default();
        self.nodes.iter_mut().for_each(Items::forget);
        self.effects.clear();
        self.twice = None;
    }

    fn on_signal(&mut self, signal: &Signal) {
        self.weather.on_signal(signal);
        match signal.what {
            What::Stated(node, fact) => {
                self.nodes.of(node).learn(fact, signal);
                if let Fact::TookEffect(item) = fact {
                    self.on_effect(item, signal);
                }
            }
            What::Replayed(node, fact) => self.nodes.of(node).learn(fact, signal),
            What::Crashed(node) => self.nodes.of(node).down = true,
            What::Booted(node) => self.nodes.of(node).forget(),
            What::Invoked(..) | What::Ended(..) | What::Disturbed | What::Healed => {}
        }
    }

    fn finish(&mut self, finish: &Finish<'_>) -> Vec<Judgement> {
        vec![self.at_least_once(finish), self.at_most_once()]
    }

    fn recheck(&self, property: &str, witness: &Witness, signals: &[Signal]) -> Result<(), String> {
        let cited = find(witness, signals)?;
        match property {
            AT_LEAST_ONCE => without_effect(&cited, signals),
            AT_MOST_ONCE => two_effects(&cited),
            _ => evidence::no_such_property(property),
        }
    }

    fn explorable(&self) -> &'static [&'static str] {
        &[AT_MOST_ONCE]
    }

    fn fork(&self) -> Option<Box<dyn Checker>> {
        Some(Box::new(self.clone()))
    }

    fn fold(&self, fold: &mut Fold) {
        fold.word(u64::from(self.twice.is_some()));
        self.effects.keys().for_each(|item| fold.word(*item));
    }

    fn broken(&mut self) -> Vec<&'static str> {
        self.twice.map(|_| AT_MOST_ONCE).into_iter().collect()
    }
}

// The judge.

impl Items {
    fn forget(&mut self) {
        self.down = false;
        self.accepted.clear();
        self.effects.clear();
    }

    fn learn(&mut self, fact: Fact, signal: &Signal) {
        match fact {
            Fact::Accepted(item) => {
                self.accepted.or_insert_with(item, || *signal);
            }
            Fact::TookEffect(item) => {
                self.effects.insert(item, ());
            }
            _ => {}
        }
    }
}

impl Delivery {
    fn on_effect(&mut self, item: u64, signal: &Signal) {
        match self.effects.get(&item) {
            None => {
                self.effects.insert(item, *signal);
            }
            Some(first) if self.twice.is_none() => self.twice = Some((item, *first, *signal)),
            Some(_) => {}
        }
    }

    fn at_least_once(&self, finish: &Finish<'_>) -> Judgement {
        let living = || self.nodes.iter().filter(|(_, items)| !items.down);
        let accepted = || living().flat_map(|(_, items)| items.accepted.iter());
        let took_effect =
            |item: &u64| self.nodes.iter().any(|(_, items)| items.effects.contains_key(item));
        let missing = accepted().filter(|(item, _)| !took_effect(item));
        let broken = missing.min_by_key(|(_, signal)| order(signal)).map(|(item, signal)| {
            let (node, at) = (self.at(signal), signal.at);
            let sentence = format!("{node} accepted item {item} at {at}, and it has no effect");
            witness(sentence, &[*signal])
        });
        let exercised = accepted().count() as u64;
        let note = count(exercised, "item", "items") + " accepted";
        judge_at_rest(AT_LEAST_ONCE, (&self.weather, finish), broken, (exercised, note))
    }

    fn at_most_once(&self) -> Judgement {
        let broken = self.twice.map(|(item, one, other)| {
            let (first, again) = (self.at(&one), self.at(&other));
            let sentence = format!(
                "item {item} took effect at {first} at {}, and again at {again} at {}",
                one.at, other.at
            );
            witness(sentence, &[one, other])
        });
        let exercised = self.effects.len() as u64;
        judge(AT_MOST_ONCE, broken, exercised, count(exercised, "effect", "effects"))
    }

    fn at(&self, signal: &Signal) -> &str {
        place(&signal.what).map_or("a client", |node| self.catalog.node(node))
    }
}

// The witness, checked again.

fn without_effect(cited: &[Found], signals: &[Signal]) -> Result<(), String> {
    let [(position, Signal { what, .. })] = cited else {
        return Err("one event is needed".to_owned());
    };
    let (What::Stated(node, Fact::Accepted(item)) | What::Replayed(node, Fact::Accepted(item))) =
        *what
    else {
        return Err("the cited event accepts no item".to_owned());
    };
    ensure(evidence::settled(signals), "faults were never over")?;
    ensure(evidence::is_up(signals, node), "the node is down")?;
    let mut known = evidence::known(signals, node);
    ensure(known.any(|(at, _)| at == *position), "the acceptance did not survive")?;
    let has_effect =
        |node| evidence::known(signals, node).any(|(_, fact)| fact == Fact::TookEffect(item));
    ensure(!evidence::nodes(signals).into_iter().any(has_effect), "the item has an effect")
}

fn two_effects(cited: &[Found]) -> Result<(), String> {
    let [(_, one), (_, other)] = cited else { return Err("two effects are needed".to_owned()) };
    match (one.what, other.what) {
        (What::Stated(_, Fact::TookEffect(one)), What::Stated(_, Fact::TookEffect(other))) => {
            ensure(one == other, "the items differ")
        }
        _ => Err("a cited event is not a new effect".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::litmus::*;
    use super::*;
    use crate::engine::runner::Outcome;

    #[test]
    fn an_accepted_item_takes_effect() {
        legal(AT_LEAST_ONCE, &[accepted(P1, 7), DISTURBED, HEALED, effect(P2, 7)]);
        let sentence = illegal(AT_LEAST_ONCE, &[accepted(P1, 7), DISTURBED, HEALED, effect(P2, 8)]);
        assert_eq!(sentence, "p1 accepted item 7 at 0s, and it has no effect");
        illegal(AT_LEAST_ONCE, &[accepted(P1, 7)]);
    }

    #[test]
    fn an_effect_that_a_crash_took_is_no_effect() {
        let story =
            |survived| [accepted(P1, 7), effect(P2, 7), crash(P2), boot(P2), survived, HEALED];
        legal(AT_LEAST_ONCE, &story(again(effect(P2, 7))));
        illegal(AT_LEAST_ONCE, &story(DISTURBED));
    }

    #[test]
    fn an_acceptance_that_is_lost_or_on_a_node_that_is_down_demands_nothing() {
        untested(AT_LEAST_ONCE, &[accepted(P1, 7), crash(P1), boot(P1), HEALED]);
        untested(AT_LEAST_ONCE, &[accepted(P1, 7), crash(P1), HEALED]);
        legal(AT_LEAST_ONCE, &[accepted(P1, 7), effect(P2, 7), crash(P2), HEALED]);
    }

    #[test]
    fn nothing_is_demanded_while_faults_last() {
        untested(AT_LEAST_ONCE, &[accepted(P1, 7), DISTURBED]);
        let case = Case { outcome: Outcome::LimitReached, ..Case::of("Delivery") };
        case.gives(AT_LEAST_ONCE, &tell(&[accepted(P1, 7)]), "unknown");
    }

    #[test]
    fn an_item_takes_effect_once_over_all_nodes_and_times() {
        legal(AT_MOST_ONCE, &[effect(P1, 7), effect(P1, 8)]);
        illegal(AT_MOST_ONCE, &[effect(P1, 7), effect(P1, 7)]);
        let sentence = illegal(AT_MOST_ONCE, &[effect(P1, 7), effect(P2, 7)]);
        assert_eq!(sentence, "item 7 took effect at p1 at 0s, and again at p2 at 1ms");
        untested(AT_MOST_ONCE, &[accepted(P1, 7)]);
    }

    #[test]
    fn a_replayed_effect_is_the_same_effect() {
        let story = |last| [effect(P1, 7), crash(P1), boot(P1), last];
        legal(AT_MOST_ONCE, &story(again(effect(P1, 7))));
        illegal(AT_MOST_ONCE, &story(effect(P1, 7)));
    }

    #[test]
    fn the_first_effect_too_many_is_told() {
        let sentence = illegal(AT_MOST_ONCE, &[effect(P1, 7), effect(P2, 7), effect(C, 7)]);
        assert_eq!(sentence, "item 7 took effect at p1 at 0s, and again at p2 at 1ms");
    }
}
