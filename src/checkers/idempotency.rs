//! Idempotency: what is asked for under one key happens once, and whoever asks hears the same.
//!
//! ```text
//!   k1   ├─ charge(7, 10€) ──╌╌╌ ok, receipt 3 ┤
//!   k2        ├─ charge(7, 10€) ─ ok, receipt 3 ┤        k3  ├─ charge(7, 11€) ─ not done ┤
//!   resource          ● charges(7, 10€)
//!
//!   one_charge            Σ over all nodes and times of stated charges(k)  ≤  1
//!   same_answer           answered(o) ∧ answered(p) ∧ body(o) = body(p)  ⇒  answer(o) = answer(p)
//!   refuses_another_body  |{amount : charged(k, amount) ∨ ok(o: charge(k, amount))}|  ≤  1
//!   answered_charged      ok(o: charge(k, _))  ⇒  in the end charged(k) is known
//!   refused_uncharged     not done(o: charge(k, amount))  ⇒  never charges(k, amount)
//!   answered              accepted(o) ∧ ended(o)  ⇒  ended(o) ≠ unknown
//! ```
//!
//! Body means key and amount together. Source: Helland 2012, Idempotence Is Not a Medical
//! Condition, for one effect and one answer; Jena & Dalal (draft-ietf-httpapi-idempotency-key-header)
//! for the refusal of another body. "In progress" is no answer and never reaches a client.
//!
//! Counting requests at servers was rejected: they may repeat, charges may not. A charge that a
//! crash takes back before it was durable was never stated, and one that was stated counts for ever.
//!
//! Who asks a node that is down is not heard, and no protocol can help that: hence *accepted*.
//!
//! Limits: keys are for ever, so a protocol that lets them expire is judged as one that promises
//! that nobody asks again. Operations that are open in the end are not judged.

use super::{
    CheckEntry, Checker, Finish, Judgement, NoSettings, PropertyInfo, Witness,
    evidence::{self, find, place, witness},
    knowledge::{ByNode, count, judge, order},
};
use crate::{
    base::{digest::Fold, ids::OpId, table::Table},
    engine::{
        facts::Fact,
        operations::{Ending, Operation},
        runner::Catalog,
        signal::{Signal, What},
    },
};
use std::{collections::BTreeMap, sync::Arc};

const ONE_CHARGE: &str = "idempotency.one_charge";
const SAME_ANSWER: &str = "idempotency.same_answer";
const ANOTHER_BODY: &str = "idempotency.refuses_another_body";
const ANSWERED_CHARGED: &str = "idempotency.answered_charged";
const REFUSED_UNCHARGED: &str = "idempotency.refused_uncharged";
const ANSWERED: &str = "idempotency.answered";
const HELLAND: &str = "Helland 2012, Idempotence Is Not a Medical Condition";
const HEADER: &str = "Jena & Dalal, The Idempotency-Key HTTP Header Field, IETF draft, section 2";

/// The line of the registry.
pub(super) const ENTRY: CheckEntry = CheckEntry {
    name: "Idempotency",
    properties: &[
        PropertyInfo {
            name: ONE_CHARGE,
            demands: "a key is charged at most once",
            exercised_by: "charges",
            source: HELLAND,
        },
        PropertyInfo {
            name: SAME_ANSWER,
            demands: "all who ask for the same under a key and are answered hear the same",
            exercised_by: "answered requests for what another one was answered about, too",
            source: HELLAND,
        },
        PropertyInfo {
            name: ANOTHER_BODY,
            demands: "of requests with one key and different amounts, those of one amount are done",
            exercised_by: "answered requests whose key was asked for with another amount, too",
            source: HEADER,
        },
        PropertyInfo {
            name: ANSWERED_CHARGED,
            demands: "what a client was told is charged stays charged",
            exercised_by: "requests that were answered ok",
            source: HELLAND,
        },
        PropertyInfo {
            name: REFUSED_UNCHARGED,
            demands: "what a client was told is not done is never charged",
            exercised_by: "requests that were answered not done",
            source: HELLAND,
        },
        PropertyInfo {
            name: ANSWERED,
            demands: "every request that was accepted is answered before its client gives up",
            exercised_by: "accepted requests that ended",
            source: "Gilbert & Lynch 2002, Brewer's conjecture",
        },
    ],
    build: |text, named, catalog| {
        named.decode::<NoSettings>(text)?;
        Ok(Box::new(Idempotency {
            catalog: Arc::clone(catalog),
            requests: Table::new(),
            charges: Vec::new(),
            nodes: ByNode::default(),
        }))
    },
};

#[derive(Clone)]
struct Idempotency {
    catalog: Arc<Catalog>,
    requests: Table<OpId, Request>,
    /// Whatever was stated, in order.
    charges: Vec<(Body, Signal)>,
    /// The keys that each node knows to be charged.
    nodes: ByNode<Table<u64, ()>>,
}

/// What is asked for: a key, and an amount under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Body {
    key: u64,
    amount: i64,
}

#[derive(Clone, Copy)]
struct Request {
    body: Body,
    accepted: Option<Signal>,
    ended: Option<(Ending, Signal)>,
}

/// A request that a client was answered.
#[derive(Clone, Copy)]
struct Answered {
    op: OpId,
    body: Body,
    /// Not unknown.
    ending: Ending,
    signal: Signal,
}

impl Checker for Idempotency {
    fn reset(&mut self) {
        self.requests.clear();
        self.charges.clear();
        self.nodes.iter_mut().for_each(Table::clear);
    }

    fn on_signal(&mut self, signal: &Signal) {
        match signal.what {
            What::Invoked(op, _, Operation::Charge { key, amount }) => {
                let body = Body { key: key.into(), amount };
                self.requests.insert(op, Request { body, accepted: None, ended: None });
            }
            What::Ended(op, ending) => {
                if let Some(request) = self.requests.get_mut(&op) {
                    request.ended = Some((ending, *signal));
                }
            }
            What::Stated(_, Fact::Accepted(op)) => {
                if let Some(request) = self.requests.get_mut(&OpId(op as u32)) {
                    request.accepted.get_or_insert(*signal);
                }
            }
            What::Stated(node, Fact::Charges { key, amount }) => {
                self.charges.push((Body { key, amount }, *signal));
                self.nodes.of(node).insert(key, ());
            }
            What::Replayed(node, Fact::Charges { key, .. }) => {
                self.nodes.of(node).insert(key, ());
            }
            What::Booted(node) => self.nodes.of(node).clear(),
            What::Invoked(..)
            | What::Stated(..)
            | What::Replayed(..)
            | What::Crashed(_)
            | What::Disturbed
            | What::Healed => {}
        }
    }

    fn finish(&mut self, _: &Finish<'_>) -> Vec<Judgement> {
        vec![
            self.one_charge(),
            self.same_answer(),
            self.refuses_another_body(),
            self.answered_charged(),
            self.refused_uncharged(),
            self.all_answered(),
        ]
    }

    fn recheck(&self, property: &str, witness: &Witness, signals: &[Signal]) -> Result<(), String> {
        let cited = find(witness, signals)?;
        match property {
            ONE_CHARGE => recheck::two_charges(&cited),
            SAME_ANSWER => recheck::two_answers(&cited, signals),
            ANOTHER_BODY => recheck::two_bodies(&cited, signals),
            ANSWERED_CHARGED => recheck::uncharged(&cited, signals),
            REFUSED_UNCHARGED => recheck::refused_and_charged(&cited, signals),
            ANSWERED => recheck::unanswered(&cited, signals),
            _ => evidence::no_such_property(property),
        }
    }

    fn explorable(&self) -> &'static [&'static str] {
        &[ONE_CHARGE, SAME_ANSWER, ANOTHER_BODY, REFUSED_UNCHARGED]
    }

    fn fork(&self) -> Option<Box<dyn Checker>> {
        Some(Box::new(self.clone()))
    }

    /// Requests with what they ask for and how they ended; how often which body was charged.
    fn fold(&self, fold: &mut Fold) {
        for (op, Request { body, ended, .. }) in &self.requests {
            for word in [u64::from(op.0), body.key, body.amount as u64] {
                fold.word(word);
            }
            match ended {
                None => fold.word(0),
                Some((Ending::Unknown, _)) => fold.word(1),
                Some((Ending::NotDone, _)) => fold.word(2),
                Some((Ending::Ok(None), _)) => fold.word(3),
                Some((Ending::Ok(Some(value)), _)) => {
                    fold.word(4);
                    fold.word(*value as u64);
                }
            }
        }
        let mut charges: Vec<Body> = self.charges.iter().map(|(body, _)| *body).collect();
        charges.sort_unstable();
        for Body { key, amount } in charges {
            fold.word(key);
            fold.word(amount as u64);
        }
    }

    fn broken(&mut self) -> Vec<&'static str> {
        super::knowledge::violated(&[
            self.one_charge(),
            self.same_answer(),
            self.refuses_another_body(),
            self.refused_uncharged(),
        ])
    }
}

// The judge.

impl Answered {
    fn is_ok(&self) -> bool {
        matches!(self.ending, Ending::Ok(_))
    }
}

impl Idempotency {
    fn answered(&self) -> impl Iterator<Item = Answered> {
        self.requests.iter().filter_map(|(&op, &Request { body, ended, .. })| match ended? {
            (Ending::Unknown, _) => None,
            (ending, signal) => Some(Answered { op, body, ending, signal }),
        })
    }

    fn one_charge(&self) -> Judgement {
        let mut first: BTreeMap<u64, (i64, Signal)> = BTreeMap::new();
        let broken = self.charges.iter().find_map(|&(Body { key, amount }, signal)| {
            let Some(&(before, earlier)) = first.get(&key) else {
                first.insert(key, (amount, signal));
                return None;
            };
            let sentence = format!(
                "{} charged {before} under key {key} at {}, and {} charged {amount} at {}",
                self.at(&earlier),
                earlier.at,
                self.at(&signal),
                signal.at
            );
            Some(witness(sentence, &[earlier, signal]))
        });
        let exercised = self.charges.len() as u64;
        judge(ONE_CHARGE, broken, exercised, count(exercised, "charge", "charges"))
    }

    fn same_answer(&self) -> Judgement {
        let mut by_body: BTreeMap<Body, Vec<Answered>> = BTreeMap::new();
        for one in self.answered() {
            by_body.entry(one.body).or_default().push(one);
        }
        let groups = || by_body.iter().filter(|(_, group)| group.len() > 1);
        let differ = groups().filter_map(|(body, group)| {
            let mut group = group.clone();
            group.sort_by_key(|one| (one.signal.at, one.signal.event));
            let other = *group.iter().find(|one| one.ending != group[0].ending)?;
            Some((*body, group[0], other))
        });
        let broken = differ.min_by_key(|(_, _, other)| (other.signal.at, other.signal.event)).map(
            |(Body { key, amount }, one, other)| {
                let sentence = format!(
                    "to a charge of {amount} under key {key} the answer was {} for {}, and {} for {}",
                    words(one.ending),
                    one.op,
                    words(other.ending),
                    other.op
                );
                witness(sentence, &[one.signal, other.signal])
            },
        );
        let exercised = groups().map(|(_, group)| group.len() as u64).sum();
        judge(SAME_ANSWER, broken, exercised, count(exercised, "answer", "answers") + " to repeats")
    }

    fn refuses_another_body(&self) -> Judgement {
        let charged = self.charges.iter().copied();
        let ok = self.answered().filter(Answered::is_ok).map(|one| (one.body, one.signal));
        let mut done: Vec<(Body, Signal)> = charged.chain(ok).collect();
        done.sort_by_key(|(_, signal)| (signal.at, signal.event));
        let mut first: BTreeMap<u64, (i64, Signal)> = BTreeMap::new();
        let broken = done.into_iter().find_map(|(Body { key, amount }, signal)| {
            let &mut (before, earlier) = first.entry(key).or_insert((amount, signal));
            (before != amount).then(|| {
                let sentence = format!(
                    "{before} was done under key {key} at {}, and {amount} at {}",
                    earlier.at, signal.at
                );
                witness(sentence, &[earlier, signal])
            })
        });
        let mut amounts: BTreeMap<u64, Vec<i64>> = BTreeMap::new();
        for Request { body, .. } in self.requests.values() {
            amounts.entry(body.key).or_default().push(body.amount);
        }
        let contested =
            |one: &Answered| amounts[&one.body.key].iter().any(|a| *a != one.body.amount);
        let exercised = self.answered().filter(contested).count() as u64;
        let note = count(exercised, "answer", "answers") + " about contested keys";
        judge(ANOTHER_BODY, broken, exercised, note)
    }

    fn answered_charged(&self) -> Judgement {
        let ok = || self.answered().filter(Answered::is_ok);
        let is_known = |key: u64| self.nodes.iter().any(|(_, keys)| keys.contains_key(&key));
        let missing = ok().filter(|one| !is_known(one.body.key));
        let broken = missing.min_by_key(|one| (one.signal.at, one.signal.event)).map(|one| {
            let (Answered { op, body, signal, .. }, key) = (one, one.body.key);
            let sentence = format!(
                "{op} was told at {} that {} is charged under key {key}, and in the end it is not",
                signal.at, body.amount
            );
            witness(sentence, &[signal])
        });
        let exercised = ok().count() as u64;
        judge(ANSWERED_CHARGED, broken, exercised, count(exercised, "answer", "answers") + " ok")
    }

    fn refused_uncharged(&self) -> Judgement {
        let refused = || self.answered().filter(|one| !one.is_ok());
        let mut of: BTreeMap<Body, Signal> = BTreeMap::new();
        for (body, signal) in &self.charges {
            of.entry(*body).or_insert(*signal);
        }
        let charged = refused().filter_map(|one| of.get(&one.body).map(|charge| (one, *charge)));
        let broken = charged.min_by_key(|(one, _)| (one.signal.at, one.signal.event)).map(
            |(Answered { op, body: Body { key, amount }, signal, .. }, charge)| {
                let sentence = format!(
                    "{op} was told at {} that {amount} is not charged under key {key}, and {} \
                     charged it at {}",
                    signal.at,
                    self.at(&charge),
                    charge.at
                );
                witness(sentence, &[signal, charge])
            },
        );
        let exercised = refused().count() as u64;
        judge(REFUSED_UNCHARGED, broken, exercised, count(exercised, "refusal", "refusals"))
    }

    fn all_answered(&self) -> Judgement {
        let ended = || {
            let accepted = self.requests.iter();
            accepted.filter_map(|(op, one)| Some((*op, one.accepted?, one.ended?)))
        };
        let silent = ended().filter(|(_, _, (ending, _))| *ending == Ending::Unknown);
        let broken = silent.min_by(|(.., (_, a)), (.., (_, b))| order(a).cmp(&order(b))).map(
            |(op, accepted, (_, signal))| {
                let sentence = format!(
                    "{} accepted {op} at {}, and its client gave up waiting at {}",
                    self.at(&accepted),
                    accepted.at,
                    signal.at
                );
                witness(sentence, &[accepted, signal])
            },
        );
        let exercised = ended().count() as u64;
        judge(ANSWERED, broken, exercised, count(exercised, "request", "requests") + " ended")
    }

    fn at(&self, signal: &Signal) -> &str {
        place(&signal.what).map_or("a client", |node| self.catalog.node(node))
    }
}

fn words(ending: Ending) -> String {
    match ending {
        Ending::Ok(Some(value)) => format!("ok with {value}"),
        Ending::Ok(None) => "ok".to_owned(),
        Ending::NotDone => "not done".to_owned(),
        Ending::Unknown => "nothing".to_owned(),
    }
}

// The witness, checked again: plain questions to the list of all signals.
mod recheck;

#[cfg(test)]
mod tests;
