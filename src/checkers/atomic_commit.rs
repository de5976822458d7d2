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
mod tests {
    use super::{super::litmus::*, *};
    use crate::{base::time::Time, engine::runner::Outcome};
    use proptest::prelude::*;

    #[test]
    fn two_nodes_that_decide_differently_disagree() {
        legal(AGREEMENT, &[commit(C, 1), commit(P1, 1)]);
        let sentence = illegal(AGREEMENT, &[commit(C, 1), abort(P1, 1)]);
        assert_eq!(sentence, "c decided commit on t1 at 0s, p1 decided abort on t1 at 1ms");
    }

    #[test]
    fn what_a_node_said_before_its_crash_still_counts_for_agreement() {
        let story = |last| [commit(C, 1), DISTURBED, crash(C), boot(C), last];
        legal(AGREEMENT, &story(commit(P1, 1)));
        illegal(AGREEMENT, &story(abort(P1, 1)));
    }

    #[test]
    fn decisions_of_one_node_or_on_different_transactions_cannot_disagree() {
        untested(AGREEMENT, &[commit(C, 1), abort(P1, 2)]);
        untested(AGREEMENT, &[commit(C, 1), abort(C, 1)]);
    }

    #[test]
    fn a_node_that_decides_the_other_way_after_a_crash_is_unstable() {
        let story = |last| [commit(C, 1), crash(C), boot(C), last];
        legal(STABILITY, &story(commit(C, 1)));
        legal(STABILITY, &story(abort(C, 2)));
        legal(STABILITY, &story(abort(P1, 1)));
        illegal(STABILITY, &story(abort(C, 1)));
    }

    #[test]
    fn a_node_that_decides_twice_without_a_crash_is_unstable_too() {
        untested(STABILITY, &[commit(C, 1), commit(C, 1)]);
        illegal(STABILITY, &[commit(C, 1), abort(C, 1)]);
    }

    #[test]
    fn stability_is_tested_only_by_boots_after_a_decision() {
        untested(STABILITY, &[boot(C), commit(C, 1)]);
        legal(STABILITY, &[boot(C), commit(C, 1), crash(C), boot(C)]);
    }

    #[test]
    fn a_commit_rests_on_every_yes_stated_before_it() {
        let story = |voter| [yes(P1, 1), yes(voter, 1), commit(C, 1), rests(C, 1, &[P1, P2])];
        legal(VALIDITY, &story(P2));
        let sentence = illegal(VALIDITY, &story(C));
        assert!(sentence.contains("on the yes of p2, which had not voted yes"), "{sentence}");
        illegal(VALIDITY, &[rests(C, 1, &[P1]), commit(C, 1), yes(P1, 1)]);
    }

    #[test]
    fn no_one_commits_what_somebody_voted_no_on() {
        legal(VALIDITY, &[no(P1, 2), commit(C, 1)]);
        illegal(VALIDITY, &[no(P1, 1), commit(C, 1)]);
        illegal(VALIDITY, &[commit(C, 1), no(P1, 1)]);
        untested(VALIDITY, &[no(P1, 1), abort(C, 1)]);
    }

    #[test]
    fn an_abort_needs_a_no_a_time_out_or_a_fault() {
        legal(NONTRIVIALITY, &[yes(P1, 1), commit(C, 1)]);
        let sentence = illegal(NONTRIVIALITY, &[yes(P1, 1), abort(C, 1)]);
        assert_eq!(sentence, "c aborted t1 at 1ms without fault, time-out or no");
        untested(NONTRIVIALITY, &[no(P1, 1), abort(C, 1)]);
        untested(NONTRIVIALITY, &[yes(P1, 1), timed_out(C, 1), abort(C, 1)]);
        untested(NONTRIVIALITY, &[yes(P1, 1), DISTURBED, abort(C, 1)]);
        untested(NONTRIVIALITY, &[abort(C, 1), DISTURBED]);
    }

    #[test]
    fn everyone_who_voted_yes_decides_in_the_end() {
        legal(TERMINATION, &[yes(P1, 1), DISTURBED, HEALED, abort(P1, 1)]);
        illegal(TERMINATION, &[yes(P1, 1), DISTURBED, HEALED, abort(C, 1)]);
        illegal(TERMINATION, &[yes(P1, 1)]);
        untested(TERMINATION, &[yes(P1, 1), DISTURBED]);
        untested(TERMINATION, &[no(P1, 1), HEALED]);
    }

    #[test]
    fn termination_asks_what_nodes_know_now() {
        let story = |survived| {
            [yes(P1, 1), commit(P1, 1), crash(P1), boot(P1), again(yes(P1, 1)), survived, HEALED]
        };
        legal(TERMINATION, &story(again(commit(P1, 1))));
        illegal(TERMINATION, &story(DISTURBED));
        untested(TERMINATION, &[yes(P1, 1), crash(P1), boot(P1), HEALED]);
        untested(TERMINATION, &[yes(P1, 1), crash(P1), HEALED]);
    }

    #[test]
    fn a_run_that_was_cut_off_says_nothing_about_termination() {
        let case = Case { outcome: Outcome::LimitReached, ..Case::of("AtomicCommit") };
        case.gives(TERMINATION, &tell(&[yes(P1, 1)]), "unknown");
        case.gives(AGREEMENT, &tell(&[commit(C, 1), abort(P1, 1)]), "violated");
    }

    /// Whether a pair of opposite decisions exists, from the definition.
    fn by_definition(story: &[What], is_pair: fn(NodeId, NodeId) -> bool) -> bool {
        let said = |what: &What| match *what {
            What::Stated(node, Fact::Decided(txn, decision)) => Some((node, txn, decision)),
            _ => None,
        };
        let said: Vec<_> = story.iter().filter_map(said).collect();
        said.iter().any(|one| {
            let opposite =
                |other: &&(NodeId, TxnId, Decision)| one.1 == other.1 && one.2 != other.2;
            said.iter().filter(opposite).any(|other| is_pair(one.0, other.0))
        })
    }

    fn letters() -> Vec<What> {
        let places = [(C, 1), (C, 2), (P1, 1), (P1, 2)];
        let decided = places.iter().flat_map(|&(at, txn)| [commit(at, txn), abort(at, txn)]);
        decided.chain([boot(C)]).collect()
    }

    fn agrees_with_the_definition(story: &[What]) {
        let judged = Case::of("AtomicCommit").judgements(&tell(story));
        let violated = |place: usize| judged[place].verdict.word() == "violated";
        assert_eq!(violated(0), by_definition(story, |one, other| one != other), "{story:?}");
        assert_eq!(violated(1), by_definition(story, |one, other| one == other), "{story:?}");
    }

    #[test]
    fn all_small_histories_are_judged_as_the_definition_says() {
        let letters = letters();
        let mut stories: Vec<Vec<What>> = vec![vec![]];
        for _ in 0..4 {
            for story in &stories {
                agrees_with_the_definition(story);
            }
            let longer = |story: &Vec<What>| {
                let story = story.clone();
                letters.iter().map(move |&letter| [&story[..], &[letter]].concat())
            };
            stories = stories.iter().flat_map(longer).collect();
        }
        for story in &stories {
            agrees_with_the_definition(story);
        }
    }

    proptest! {
        #[test]
        fn random_histories_are_judged_as_the_definition_says(
            story in prop::collection::vec(prop::sample::select(letters()), 5..8),
        ) {
            agrees_with_the_definition(&story);
        }
    }

    #[test]
    fn a_witness_of_the_wrong_pair_is_refused() {
        let signals = tell(&[commit(C, 1), abort(P1, 2), commit(P1, 2), abort(P2, 1)]);
        let checker = AtomicCommit::new(&Arc::new(Catalog::named(&["c", "p1", "p2"])));
        let pair =
            |one: usize, other: usize| witness(String::new(), &[signals[one], signals[other]]);
        let recheck = |property, pair| checker.recheck(property, &pair, &signals).is_ok();
        assert!(recheck(AGREEMENT, pair(0, 3)) && recheck(STABILITY, pair(1, 2)));
        assert!(!recheck(AGREEMENT, pair(0, 1)), "different transactions");
        assert!(!recheck(AGREEMENT, pair(0, 2)), "no contradiction");
        assert!(!recheck(AGREEMENT, pair(1, 2)) && !recheck(STABILITY, pair(0, 3)));
        assert_eq!(signals[3].at, Time::from_millis(3));
    }

    #[test]
    fn a_vote_of_a_node_that_no_set_can_hold_is_no_trouble() {
        let judged = Case::of("AtomicCommit").judgements(&tell(&[yes(64, 1), commit(64, 1)]));
        assert!(judged.iter().all(|judged| judged.verdict.word() != "violated"), "{judged:?}");
    }
}
