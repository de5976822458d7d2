//! Atomic commit: all or nothing, everywhere, for ever.
//!
//! ```text
//!   for all txns t, nodes n, m                                     Bernstein, Hadzilacos & Goodman
//!   AC1 agreement      decided(n,t,x) ∧ decided(m,t,y) ⇒ x = y             (n ≠ m)
//!   AC2 stability      decided(n,t,x) ∧ later decided(n,t,y) ⇒ x = y
//!   AC3 validity       commit(t) rests on S ⇒ ∀ p ∈ S: p voted yes before; no one voted no
//!   AC4 nontriviality  no fault ∧ no vote no ∧ no time-out ⇒ t is not aborted
//!   AC5 termination    no fault, or faults over ⇒ in the end: voted yes ⇒ decided   (if up)
//! ```
//!
//! Source: Bernstein, Hadzilacos & Goodman 1987, chapter 7. A decision is a record that counts,
//! not a message; what was ever stated is never taken back, so AC1 and AC2 hold across crashes. A
//! node that contradicts itself breaks AC2 only. AC3 looks at the votes stated before the commit
//! names what it rests on. AC5 asks what nodes know *now*: a vote that a crash took binds nobody,
//! a decision that a crash took must be taken again.
//!
//! One verdict for all five was rejected: an ablation is judged by *which* of them falls.
//!
//! Limits: being in doubt while a fault lasts is no violation here; that is `no_blocking`.

mod recheck;
mod stands;

use self::stands::{Stand, Stands};
use super::{
    CheckEntry, Checker, Finish, Judgement, NoSettings, PropertyInfo, Witness,
    evidence::{self, decision_word, find, place, witness},
    knowledge::{ByNode, Knowledge, Weather, count, judge, judge_at_rest, order, violated},
};
use crate::{
    base::{
        digest::{Fold, digest},
        ids::{NodeId, NodeSet, TxnId},
        table::Table,
    },
    engine::{
        facts::{Decision, Fact, Vote},
        runner::Catalog,
        signal::{Signal, What},
    },
};
use std::sync::Arc;

const AGREEMENT: &str = "atomic_commit.agreement";
const STABILITY: &str = "atomic_commit.stability";
const VALIDITY: &str = "atomic_commit.validity";
const NONTRIVIALITY: &str = "atomic_commit.nontriviality";
const TERMINATION: &str = "atomic_commit.termination";

/// The line of the registry.
pub(super) const ENTRY: CheckEntry = CheckEntry {
    name: "AtomicCommit",
    properties: &[
        PropertyInfo {
            name: AGREEMENT,
            demands: "all nodes that decide a transaction decide it alike",
            exercised_by: "transactions decided by two nodes or more",
            source: "Bernstein, Hadzilacos & Goodman 1987, chapter 7, AC1",
        },
        PropertyInfo {
            name: STABILITY,
            demands: "a node never reverses its decision, not even after a crash",
            exercised_by: "boots of a node that had decided something before",
            source: "Bernstein, Hadzilacos & Goodman 1987, chapter 7, AC2",
        },
        PropertyInfo {
            name: VALIDITY,
            demands: "a commit rests on the yes of everyone it concerns, and no one voted no",
            exercised_by: "transactions committed",
            source: "Bernstein, Hadzilacos & Goodman 1987, chapter 7, AC3",
        },
        PropertyInfo {
            name: NONTRIVIALITY,
            demands: "without fault, time-out or no, a transaction is not aborted",
            exercised_by: "transactions decided without a no and a time-out, in a run without faults",
            source: "Bernstein, Hadzilacos & Goodman 1987, chapter 7, AC4",
        },
        PropertyInfo {
            name: TERMINATION,
            demands: "once faults are over, everyone who voted yes gets to decide",
            exercised_by: "yes votes that nodes know at the end of a run whose faults are over",
            source: "Bernstein, Hadzilacos & Goodman 1987, chapter 7, AC5",
        },
    ],
    build: |text, named, catalog| {
        named.decode::<NoSettings>(text)?;
        Ok(Box::new(AtomicCommit::new(catalog)))
    },
};

#[derive(Clone)]
struct AtomicCommit {
    catalog: Arc<Catalog>,
    knowledge: Knowledge,
    weather: Weather,
    txns: Table<TxnId, Txn>,
    /// Every decision ever stated.
    stands: Stands,
    /// The first commit that names a node which had not voted Yes.
    unfounded: Option<(Signal, TxnId, NodeId)>,
    has_decided: ByNode<bool>,
    boots_of_deciders: u64,
}

/// What was ever stated about a transaction.
#[derive(Clone, Copy, Default)]
struct Txn {
    yes: NodeSet,
    no: Option<Signal>,
    commit: Option<Signal>,
    abort: Option<Signal>,
    excused: bool,
}

impl Checker for AtomicCommit {
    fn reset(&mut self) {
        self.knowledge.reset();
        self.weather = Weather::default();
        self.txns.clear();
        self.stands.clear();
        self.unfounded = None;
        self.has_decided.iter_mut().for_each(|has| *has = false);
        self.boots_of_deciders = 0;
    }

    fn on_signal(&mut self, signal: &Signal) {
        self.knowledge.on_signal(signal);
        self.weather.on_signal(signal);
        match signal.what {
            What::Stated(node, fact) => self.on_fact(node, fact, signal),
            What::Booted(node) => self.boots_of_deciders += u64::from(*self.has_decided.of(node)),
            _ => {}
        }
    }

    fn finish(&mut self, finish: &Finish<'_>) -> Vec<Judgement> {
        self.stands.sort();
        vec![
            self.agreement(),
            self.stability(),
            self.validity(),
            self.nontriviality(),
            self.termination(finish),
        ]
    }

    fn recheck(&self, property: &str, witness: &Witness, signals: &[Signal]) -> Result<(), String> {
        let cited = find(witness, signals)?;
        match property {
            AGREEMENT => recheck::opposed(&cited, |one, other| one != other),
            STABILITY => recheck::opposed(&cited, |one, other| one == other),
            VALIDITY => recheck::unfounded(&cited, signals),
            NONTRIVIALITY => recheck::aborted_for_nothing(&cited, signals),
            TERMINATION => recheck::still_in_doubt(&cited, signals),
            _ => evidence::no_such_property(property),
        }
    }

    fn explorable(&self) -> &'static [&'static str] {
        &[AGREEMENT, STABILITY, VALIDITY, NONTRIVIALITY]
    }

    fn fork(&self) -> Option<Box<dyn Checker>> {
        Some(Box::new(self.clone()))
    }

    fn fold(&self, fold: &mut Fold) {
        let flags = [self.weather.is_disturbed(), self.unfounded.is_some()];
        fold.words(flags.map(u64::from));
        fold.word(self.txns.len() as u64);
        for (txn, said) in &self.txns {
            let said_so =
                [said.excused, said.no.is_some(), said.commit.is_some(), said.abort.is_some()];
            fold.word(u64::from(txn.0));
            fold.words(said_so.map(u64::from));
            fold.word(digest(&said.yes).fold.short());
        }
        self.stands.fold(fold);
    }

    fn broken(&mut self) -> Vec<&'static str> {
        self.stands.sort();
        let judgements =
            [self.agreement(), self.stability(), self.validity(), self.nontriviality()];
        violated(&judgements)
    }
}

// The judge.

impl AtomicCommit {
    fn new(catalog: &Arc<Catalog>) -> Self {
        Self {
            catalog: Arc::clone(catalog),
            knowledge: Knowledge::default(),
            weather: Weather::default(),
            txns: Table::new(),
            stands: Stands::default(),
            unfounded: None,
            has_decided: ByNode::default(),
            boots_of_deciders: 0,
        }
    }

    fn on_fact(&mut self, node: NodeId, fact: Fact, signal: &Signal) {
        match fact {
            Fact::Voted(txn, Vote::Yes) if node.0 < 64 => {
                self.txns.entry_or_default(txn).yes.insert(node);
            }
            Fact::Voted(txn, Vote::No) => {
                self.txns.entry_or_default(txn).no.get_or_insert(*signal);
            }
            Fact::TimedOut(txn) | Fact::Declined(txn) => {
                self.txns.entry_or_default(txn).excused = true;
            }
            Fact::RestsOn(txn, nodes) => {
                let missing = nodes.minus(self.txns.entry_or_default(txn).yes);
                let first = missing.iter().next().map(|missing| (*signal, txn, missing));
                self.unfounded = self.unfounded.or(first);
            }
            Fact::Decided(txn, decision) => {
                self.stands.push(Stand { txn, node, decision, signal: *signal });
                *self.has_decided.of(node) = true;
                let txn = self.txns.entry_or_default(txn);
                let first = match decision {
                    Decision::Commit => &mut txn.commit,
                    Decision::Abort => &mut txn.abort,
                };
                first.get_or_insert(*signal);
            }
            _ => {}
        }
    }

    fn agreement(&self) -> Judgement {
        let shared = self.stands.shared_txns();
        let broken = self.contradiction(|one, other| one.node != other.node);
        let note = count(shared, "transaction", "transactions") + " decided by several nodes";
        judge(AGREEMENT, broken, shared, note)
    }

    fn stability(&self) -> Judgement {
        let broken = self.contradiction(|one, other| one.node == other.node);
        let note = count(self.boots_of_deciders, "boot", "boots") + " after a decision";
        judge(STABILITY, broken, self.boots_of_deciders, note)
    }

    fn contradiction(&self, is_pair: fn(&Stand, &Stand) -> bool) -> Option<Witness> {
        let (one, other) = self.stands.contradiction(is_pair)?;
        let sentence = format!("{}, {}", self.decided(&one), self.decided(&other));
        Some(witness(sentence, &[one.signal, other.signal]))
    }

    fn decided(&self, stand: &Stand) -> String {
        let Stand { txn, node, decision, signal } = stand;
        let node = self.catalog.node(*node);
        format!("{node} decided {} on {txn} at {}", decision_word(*decision), signal.at)
    }

    fn validity(&self) -> Judgement {
        let commits = self.txns.values().filter(|txn| txn.commit.is_some()).count() as u64;
        let note = count(commits, "commit", "commits");
        let broken = self.without_yes().or_else(|| self.against_no());
        judge(VALIDITY, broken, commits, note)
    }

    fn without_yes(&self) -> Option<Witness> {
        let (signal, txn, missing) = self.unfounded?;
        let sentence = format!(
            "{} rested the commit of {txn} at {} on the yes of {}, which had not voted yes",
            self.at(&signal),
            signal.at,
            self.catalog.node(missing)
        );
        Some(witness(sentence, &[signal]))
    }

    fn against_no(&self) -> Option<Witness> {
        let both = self.txns.iter().filter_map(|(txn, said)| Some((txn, said.no?, said.commit?)));
        let (txn, no, commit) = both.min_by_key(|(_, no, commit)| order(no).max(order(commit)))?;
        let sentence = format!(
            "{} decided commit on {txn} at {}, on which {} voted no at {}",
            self.at(&commit),
            commit.at,
            self.at(&no),
            no.at
        );
        Some(witness(sentence, &[no, commit]))
    }

    fn nontriviality(&self) -> Judgement {
        if self.weather.is_disturbed() {
            return judge(NONTRIVIALITY, None, 0, "the run was disturbed".to_owned());
        }
        let willing = self.txns.iter().filter(|(_, txn)| txn.no.is_none() && !txn.excused);
        let decided = willing.filter(|(_, txn)| txn.commit.or(txn.abort).is_some());
        let exercised = decided.clone().count() as u64;
        let aborted = decided.filter_map(|(txn, said)| Some((txn, said.abort?)));
        let broken = aborted.min_by_key(|(_, abort)| order(abort)).map(|(txn, abort)| {
            let node = self.at(&abort);
            let sentence =
                format!("{node} aborted {txn} at {} without fault, time-out or no", abort.at);
            witness(sentence, &[abort])
        });
        let note = count(exercised, "transaction", "transactions") + " with nothing against them";
        judge(NONTRIVIALITY, broken, exercised, note)
    }

    fn termination(&self, finish: &Finish<'_>) -> Judgement {
        let voted = || {
            let living = self.knowledge.of_the_living();
            living.filter_map(|(node, txn, known)| Some((node, txn, known, known.yes?)))
        };
        let exercised = voted().count() as u64;
        let in_doubt = voted().filter(|(_, _, known, _)| known.decided.is_none());
        let first = in_doubt.min_by_key(|(.., vote)| order(vote));
        let broken = first.map(|(node, txn, _, vote)| {
            let node = self.catalog.node(node);
            let sentence =
                format!("{node} voted yes on {txn} and never decided, faults being over");
            witness(sentence, &[vote])
        });
        let note = count(exercised, "yes vote", "yes votes") + " known at the end";
        judge_at_rest(TERMINATION, (&self.weather, finish), broken, (exercised, note))
    }

    fn at(&self, signal: &Signal) -> &str {
        place(&signal.what).map_or("a client", |node| self.catalog.node(node))
    }
}

#[cfg(test)]
mod tests;
