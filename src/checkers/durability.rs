//! Durability: what a client was told is done stays done.
//!
//! ```text
//!   client   ◀──ok(o7)──────────────────────────────────────────── the end
//!   p1       yes(t7) ─╳ crash   boot ── replay ──▶ knows commit(t7), or is still bound by its yes?
//!
//!   for all o: ok(o) ⇒ commit(o) was decided, and
//!              ∀ p ∈ S, commit(o) resting on S, p up in the end: knows(p, commit) ∨ doubts(p)
//! ```
//!
//! Source: Härder & Reuter 1983, the D of ACID. A yes without a decision is enough, since the node
//! can still ask; so is a commit decided after the answer, by the end. A node that is down in the
//! end is not judged: its disk says nothing until it boots. A transaction that left no trace
//! only read, and has nothing to keep. An unacknowledged commit may be lost.
//!
//! Reading the values back was rejected: it needs a reader in every scenario and blames no node.
//!
//! Limits: an operation and its transaction have the same number, and only operations whose `Ok`
//! means a commit may be judged. Nodes that cut their logs must keep the decision in a record.

use super::{
    CheckEntry, Checker, Finish, Judgement, NoSettings, PropertyInfo, Witness,
    evidence::{self, Found, ensure, find, witness},
    knowledge::{ByNode, Knowledge, Known, Weather, count, judge, order},
};
use crate::{
    base::{
        digest::{Fold, digest},
        ids::{NodeId, NodeSet, TxnId},
        table::Table,
    },
    engine::{
        facts::{Decision, Fact, Vote},
        operations::Ending,
        runner::Catalog,
        signal::{Signal, What},
    },
};
use std::sync::Arc;

const DURABILITY: &str = "durability";

/// The line of the registry.
pub(super) const ENTRY: CheckEntry = CheckEntry {
    name: "Durability",
    properties: &[PropertyInfo {
        name: DURABILITY,
        demands: "what was acknowledged is known in the end to all nodes that it concerns",
        exercised_by: "boots of nodes that an acknowledged transaction concerns",
        source: "Haerder & Reuter 1983, Principles of Transaction-Oriented Database Recovery",
    }],
    build: |text, named, catalog| {
        named.decode::<NoSettings>(text)?;
        Ok(Box::new(Durability::new(catalog)))
    },
};

#[derive(Clone)]
struct Durability {
    catalog: Arc<Catalog>,
    knowledge: Knowledge,
    weather: Weather,
    txns: Table<TxnId, Txn>,
    /// Nodes that an acknowledged transaction concerns, and how often they booted after it.
    concerned: NodeSet,
    boots: u64,
    last_boot: ByNode<Option<Signal>>,
}

/// What was ever said about a transaction.
#[derive(Clone, Copy, Default)]
struct Txn {
    acknowledged: Option<Signal>,
    commit: Option<Signal>,
    /// Somebody logged something about it; one that only reads may leave no trace at all.
    traced: bool,
    rests_on: NodeSet,
}

impl Checker for Durability {
    fn reset(&mut self) {
        self.knowledge.reset();
        self.weather = Weather::default();
        self.txns.clear();
        (self.concerned, self.boots) = (NodeSet::EMPTY, 0);
        self.last_boot.iter_mut().for_each(|boot| *boot = None);
    }

    fn on_signal(&mut self, signal: &Signal) {
        self.knowledge.on_signal(signal);
        self.weather.on_signal(signal);
        match signal.what {
            What::Ended(op, Ending::Ok(_)) => {
                let txn = self.txns.entry_or_default(op.into());
                txn.acknowledged.get_or_insert(*signal);
                self.concerned = self.concerned.union(txn.rests_on);
            }
            What::Booted(node) => {
                self.boots += u64::from(self.concerned.contains(node));
                *self.last_boot.of(node) = Some(*signal);
            }
            What::Stated(_, Fact::Decided(txn, Decision::Commit)) => {
                self.txns.entry_or_default(txn).commit.get_or_insert(*signal);
            }
            What::Stated(_, Fact::Voted(txn, _) | Fact::Decided(txn, Decision::Abort)) => {
                self.txns.entry_or_default(txn).traced = true;
            }
            What::Stated(_, Fact::RestsOn(txn, nodes)) => {
                let txn = self.txns.entry_or_default(txn);
                txn.rests_on = txn.rests_on.union(nodes);
                if txn.acknowledged.is_some() {
                    self.concerned = self.concerned.union(txn.rests_on);
                }
            }
            _ => {}
        }
    }

    fn finish(&mut self, _: &Finish<'_>) -> Vec<Judgement> {
        let acknowledged = || self.txns.iter().filter(|(_, said)| said.acknowledged.is_some());
        let lost = acknowledged().filter_map(|(&txn, said)| self.loss(txn, said));
        let broken = lost.min_by_key(|(ok, _)| order(ok)).map(|(_, witness)| witness);
        let promised = count(acknowledged().count() as u64, "transaction", "transactions");
        let boots = count(self.boots, "boot", "boots");
        vec![judge(DURABILITY, broken, self.boots, format!("{promised} acknowledged, {boots}"))]
    }

    fn recheck(&self, property: &str, witness: &Witness, signals: &[Signal]) -> Result<(), String> {
        if property != DURABILITY {
            return evidence::no_such_property(property);
        }
        let cited = find(witness, signals)?;
        let Some(txn) = cited.iter().find_map(|(_, signal)| acknowledged(signal)) else {
            return Err("no acknowledgement is cited".to_owned());
        };
        let commit = Fact::Decided(txn, Decision::Commit);
        if cited.len() == 1 {
            let [yes, no] = [Vote::Yes, Vote::No].map(|vote| Fact::Voted(txn, vote));
            let traces = [yes, no, Fact::Decided(txn, Decision::Abort)];
            let traced = traces.iter().any(|fact| evidence::was_stated(signals, *fact));
            ensure(traced, "nobody logged anything about it: it changed nothing")?;
            return ensure(!evidence::was_stated(signals, commit), "the commit was decided");
        }
        let is_commit = |what| matches!(what, What::Stated(_, fact) if fact == commit);
        let has_commit = cited.iter().any(|(_, signal)| is_commit(signal.what));
        ensure(has_commit, "no commit of it is cited")?;
        forgotten(&cited, txn, signals)
    }

    fn explorable(&self) -> &'static [&'static str] {
        &[DURABILITY]
    }

    fn fork(&self) -> Option<Box<dyn Checker>> {
        Some(Box::new(self.clone()))
    }

    fn fold(&self, fold: &mut Fold) {
        fold.words([u64::from(self.weather.is_disturbed()), self.txns.len() as u64]);
        for (txn, said) in &self.txns {
            let flags = [said.acknowledged.is_some(), said.commit.is_some(), said.traced];
            fold.word(u64::from(txn.0));
            fold.words(flags.map(u64::from));
            fold.word(digest(&said.rests_on).fold.short());
        }
        self.knowledge.fold(fold);
    }

    /// Without a crash nothing is lost yet: what is not durable now may be in a moment.
    fn broken(&mut self) -> Vec<&'static str> {
        let lost = |(txn, said): (&TxnId, &Txn)| self.loss(*txn, said).is_some();
        let broken = self.weather.is_disturbed() && self.txns.iter().any(lost);
        broken.then_some(DURABILITY).into_iter().collect()
    }
}

// The judge.

impl Durability {
    fn new(catalog: &Arc<Catalog>) -> Self {
        Self {
            catalog: Arc::clone(catalog),
            knowledge: Knowledge::default(),
            weather: Weather::default(),
            txns: Table::new(),
            concerned: NodeSet::EMPTY,
            boots: 0,
            last_boot: ByNode::default(),
        }
    }

    /// How an acknowledged transaction was lost, if it was.
    fn loss(&self, txn: TxnId, said: &Txn) -> Option<(Signal, Witness)> {
        let ok = said.acknowledged?;
        let Some(commit) = said.commit else {
            return said.traced.then(|| (ok, never_committed(txn, &ok)));
        };
        let knows = |known: Known| match known.decided {
            Some(decision) => decision == Decision::Commit,
            None => known.yes.is_some(),
        };
        let mut living = said.rests_on.iter().filter(|&node| !self.knowledge.is_down(node));
        let node = living.find(|&node| !knows(self.knowledge.get(node, txn)))?;
        Some((ok, self.forgotten_by(node, txn, (ok, commit))))
    }

    // The witness.

    fn forgotten_by(&self, node: NodeId, txn: TxnId, (ok, commit): (Signal, Signal)) -> Witness {
        let name = self.catalog.node(node);
        let told = format!("the client was told at {} that {txn} is done", ok.at);
        match self.last_boot.get(node).copied().flatten() {
            Some(boot) => {
                let sentence =
                    format!("{told}; {name} booted at {} and knows nothing of it", boot.at);
                witness(sentence, &[commit, ok, boot])
            }
            None => witness(format!("{told}; {name} knows nothing of it"), &[commit, ok]),
        }
    }
}

fn never_committed(txn: TxnId, ok: &Signal) -> Witness {
    let at = ok.at;
    let sentence =
        format!("the client was told at {at} that {txn} is done; no node ever committed it");
    witness(sentence, &[*ok])
}

// The witness, checked again.

fn acknowledged(signal: &Signal) -> Option<TxnId> {
    match signal.what {
        What::Ended(op, Ending::Ok(_)) => Some(op.into()),
        _ => None,
    }
}

/// Is there a node that the commit rests on, up, and without knowledge of it? If a boot is cited,
/// it must be the last one of such a node.
fn forgotten(cited: &[Found], txn: TxnId, signals: &[Signal]) -> Result<(), String> {
    let booted = cited.iter().find_map(|(position, signal)| match signal.what {
        What::Booted(node) => Some((*position, node)),
        _ => None,
    });
    let rests_on = evidence::stated(signals).filter_map(|(_, _, fact)| match fact {
        Fact::RestsOn(of, nodes) if of == txn => Some(nodes),
        _ => None,
    });
    let ignorant = |node: &NodeId| {
        let yes = Fact::Voted(txn, Vote::Yes);
        let bound = evidence::known(signals, *node).any(|(_, fact)| fact == yes);
        let decision = evidence::known_decision(signals, *node, txn);
        evidence::is_up(signals, *node)
            && !matches!((decision, bound), (Some(Decision::Commit), _) | (None, true))
    };
    let all = rests_on.fold(NodeSet::EMPTY, NodeSet::union);
    let Some((position, node)) = booted else {
        return ensure(all.iter().any(|node| ignorant(&node)), "all know of it");
    };
    let again = signals[position + 1..].iter().any(|signal| signal.what == What::Booted(node));
    ensure(!again, "the node booted again")?;
    ensure(all.contains(node) && ignorant(&node), "the node knows of it, or need not")
}

#[cfg(test)]
mod tests {
    use super::super::litmus::*;
    use super::*;

    /// p1 voted, c committed and told the client; then p1 crashed and this survived.
    fn after_a_crash(survived: &[What]) -> Vec<What> {
        let before =
            [yes(P1, 1), commit(C, 1), rests(C, 1, &[P1]), told_ok(1), crash(P1), boot(P1)];
        [&before[..], survived].concat()
    }

    #[test]
    fn a_node_still_knows_what_was_acknowledged() {
        legal(DURABILITY, &after_a_crash(&[again(commit(P1, 1))]));
        let sentence = illegal(DURABILITY, &after_a_crash(&[]));
        let wanted =
            "the client was told at 3ms that t1 is done; p1 booted at 5ms and knows nothing";
        assert!(sentence.starts_with(wanted), "{sentence}");
        illegal(DURABILITY, &after_a_crash(&[again(commit(P1, 2))]));
        illegal(DURABILITY, &after_a_crash(&[again(commit(P2, 1))]));
    }

    #[test]
    fn a_yes_without_a_decision_is_enough_and_an_abort_is_not() {
        legal(DURABILITY, &after_a_crash(&[again(yes(P1, 1))]));
        illegal(DURABILITY, &after_a_crash(&[again(yes(P1, 1)), abort(P1, 1)]));
    }

    #[test]
    fn a_node_that_learns_it_again_or_stays_down_is_not_blamed() {
        legal(DURABILITY, &after_a_crash(&[commit(P1, 1)]));
        legal(DURABILITY, &after_a_crash(&[again(yes(P1, 1)), crash(P1)]));
        legal(DURABILITY, &after_a_crash(&[crash(P1)]));
    }

    #[test]
    fn an_answer_without_a_commit_is_a_lie() {
        let story = |last| [told_ok(1), boot(P1), last];
        untested(DURABILITY, &story(commit(C, 1)));
        let sentence = illegal(DURABILITY, &story(abort(C, 1)));
        assert!(sentence.ends_with("no node ever committed it"), "{sentence}");
    }

    #[test]
    fn without_acknowledgement_or_boot_nothing_is_tested() {
        let told = [yes(P1, 1), commit(C, 1), rests(C, 1, &[P1]), told_ok(1)];
        untested(DURABILITY, &told);
        untested(DURABILITY, &[&told[..3], &[crash(P1), boot(P1)]].concat());
        untested(DURABILITY, &[&told[..], &[crash(P2), boot(P2)]].concat());
        let ended = |ending| What::Ended(crate::base::ids::OpId(1), ending);
        for ending in [Ending::Unknown, Ending::NotDone] {
            untested(DURABILITY, &[&told[..3], &[ended(ending), crash(P1), boot(P1)]].concat());
        }
    }

    #[test]
    fn a_witness_about_another_node_is_refused() {
        let story = after_a_crash(&[again(commit(P1, 1)), boot(P2)]);
        let signals = tell(&story);
        let checker = Durability::new(&Arc::new(Catalog::named(&["c", "p1", "p2"])));
        for boot in [5, 7] {
            let lie = witness(String::new(), &[signals[1], signals[3], signals[boot]]);
            assert!(checker.recheck(DURABILITY, &lie, &signals).is_err());
        }
    }

    #[test]
    fn a_witness_with_the_boot_of_a_node_that_need_not_know_is_refused() {
        let signals = tell(&after_a_crash(&[crash(P2), boot(P2)]));
        let case = Case::of("Durability");
        case.gives(DURABILITY, &signals, "violated");
        case.refuses(DURABILITY, &signals, &[1, 3, 7]);
    }
}
