//! Conservation: commits move values about and change no total.
//!
//! ```text
//!   key 3   100 ──t1──▶ 90 ──t4──▶ 70      a stage lands when its node decides commit;
//!   key 8   100 ──t1──▶ 110 ─t4──▶ 130     in doubt in the end: if the commit was decided anywhere
//!           ─────────────────────────
//!           Σ first(k)  =  Σ last(k)       over all keys k
//! ```
//!
//! Source: the transfers of Gray & Reuter 1993, section 1.2: a bank neither makes nor loses money.
//! What a node has is what its log tells now: a stage that a crash took has not landed. The first
//! value of a key is the first `before` ever stated. Two things break the sum: a transaction of
//! which only a part landed, or a *lost update*, a stage whose `before` is not the value that it
//! replaces. Errors that cancel out are not seen; an aborted stage counts nowhere.
//!
//! Asking the clients for an audit was rejected: it blames nobody, and reads at one moment only.
//!
//! Limits: a key lives on one node. A workload that pays in or out must not be judged by this. Of
//! a node that is down in the end counts what it knew before. A log that is cut must restate.

mod recheck;

use super::{
    CheckEntry, Checker, Finish, Judgement, NoSettings, PropertyInfo, Witness,
    evidence::{self, ensure, find, witness},
    knowledge::{ByNode, count, judge, order},
};
use crate::{
    base::{
        digest::Fold,
        ids::{NodeId, TxnId},
        table::Table,
    },
    engine::{
        facts::{Decision, Fact},
        runner::Catalog,
        signal::{Signal, What},
    },
};
use std::sync::Arc;

const CONSERVATION: &str = "conservation";

/// The line of the registry.
pub(super) const ENTRY: CheckEntry = CheckEntry {
    name: "Conservation",
    properties: &[PropertyInfo {
        name: CONSERVATION,
        demands: "no commit changes the total of all values",
        exercised_by: "committed transactions that change values",
        source: "Gray & Reuter 1993, Transaction Processing, section 1.2",
    }],
    build: |text, named, catalog| {
        named.decode::<NoSettings>(text)?;
        Ok(Box::new(Conservation::new(catalog)))
    },
};

#[derive(Clone)]
struct Conservation {
    catalog: Arc<Catalog>,
    stages: ByNode<Stages>,
    /// The first stage of each key.
    first: Table<u32, Stage>,
    committed: Table<TxnId, Signal>,
    /// Landed stages in the order of landing, key by key; filled in the end.
    landed: Vec<Stage>,
}

/// What one node has staged, in the order of its log.
#[derive(Clone, Default)]
struct Stages {
    pending: Vec<Stage>,
    landed: Vec<Stage>,
}

#[derive(Clone, Copy)]
struct Stage {
    node: NodeId,
    txn: TxnId,
    key: u32,
    before: i64,
    after: i64,
    signal: Signal,
}

impl Checker for Conservation {
    fn reset(&mut self) {
        for stages in self.stages.iter_mut() {
            stages.pending.clear();
            stages.landed.clear();
        }
        self.first.clear();
        self.committed.clear();
        self.landed.clear();
    }

    fn on_signal(&mut self, signal: &Signal) {
        match signal.what {
            What::Stated(node, fact) => {
                if let Fact::Decided(txn, Decision::Commit) = fact {
                    self.committed.or_insert_with(txn, || *signal);
                }
                self.learn(node, fact, signal);
            }
            What::Replayed(node, fact) => self.learn(node, fact, signal),
            What::Booted(node) => {
                let stages = self.stages.of(node);
                stages.pending.clear();
                stages.landed.clear();
            }
            _ => {}
        }
    }

    fn finish(&mut self, _: &Finish<'_>) -> Vec<Judgement> {
        self.gather();
        let (before, after) = self.totals();
        let broken = (before != after).then(|| self.witness(before, after));
        let mut txns: Vec<TxnId> = self.landed.iter().map(|stage| stage.txn).collect();
        txns.sort_unstable();
        txns.dedup();
        let exercised = txns.len() as u64;
        let note = format!("total {after} after {}", count(exercised, "commit", "commits"));
        vec![judge(CONSERVATION, broken, exercised, note)]
    }

    fn recheck(&self, property: &str, witness: &Witness, signals: &[Signal]) -> Result<(), String> {
        if property != CONSERVATION {
            return evidence::no_such_property(property);
        }
        let cited = find(witness, signals)?;
        let (before, after) = recheck::totals(signals);
        ensure(before != after, "the totals are equal")?;
        let from_to = format!("from {before} to {after}");
        ensure(witness.sentence.contains(&from_to), "the totals are others")?;
        recheck::cause(&cited, signals)
    }

    fn explorable(&self) -> &'static [&'static str] {
        &[CONSERVATION]
    }

    fn fork(&self) -> Option<Box<dyn Checker>> {
        Some(Box::new(self.clone()))
    }

    fn fold(&self, fold: &mut Fold) {
        for (node, stages) in self.stages.iter() {
            for (kind, list) in [(1, &stages.pending), (2, &stages.landed)] {
                fold.words([kind, u64::from(node.0), list.len() as u64]);
                for stage in list {
                    fold.words([u64::from(stage.txn.0), u64::from(stage.key)]);
                    fold.words([stage.before as u64, stage.after as u64]);
                }
            }
        }
        fold.word(self.first.len() as u64);
        for (&key, first) in &self.first {
            fold.words([u64::from(key), first.before as u64]);
        }
        self.committed.keys().for_each(|txn| fold.word(u64::from(txn.0)));
    }

    fn broken(&mut self) -> Vec<&'static str> {
        self.gather();
        let (before, after) = self.totals();
        (before != after).then_some(CONSERVATION).into_iter().collect()
    }
}

// The judge.

impl Conservation {
    fn new(catalog: &Arc<Catalog>) -> Self {
        Self {
            catalog: Arc::clone(catalog),
            stages: ByNode::default(),
            first: Table::new(),
            committed: Table::new(),
            landed: Vec::new(),
        }
    }

    fn learn(&mut self, node: NodeId, fact: Fact, signal: &Signal) {
        match fact {
            Fact::Stages { txn, key, before, after } => {
                let stage = Stage { node, txn, key, before, after, signal: *signal };
                self.first.or_insert_with(key, || stage);
                self.stages.of(node).pending.push(stage);
            }
            Fact::Decided(txn, decision) => {
                let Stages { pending, landed } = self.stages.of(node);
                if decision == Decision::Commit {
                    landed.extend(pending.iter().filter(|stage| stage.txn == txn));
                }
                pending.retain(|stage| stage.txn != txn);
            }
            _ => {}
        }
    }

    /// Lands what is still pending of committed transactions, and sorts by key.
    fn gather(&mut self) {
        self.landed.clear();
        for stages in self.stages.iter_mut() {
            let committed = |stage: &&Stage| self.committed.contains_key(&stage.txn);
            self.landed.extend(&stages.landed);
            self.landed.extend(stages.pending.iter().filter(committed));
        }
        self.landed.sort_by_key(|stage| stage.key);
    }

    /// The stages that landed on each key, in order.
    fn chains(&self) -> impl Iterator<Item = &[Stage]> {
        self.landed.chunk_by(|one, next| one.key == next.key)
    }

    fn totals(&self) -> (i128, i128) {
        let before: i128 = self.first.values().map(|stage| i128::from(stage.before)).sum();
        let change = |chain: &[Stage]| {
            let first = self.first.get(&chain[0].key).map_or(0, |stage| i128::from(stage.before));
            i128::from(chain[chain.len() - 1].after) - first
        };
        (before, before + self.chains().map(change).sum::<i128>())
    }

    // The witness.

    fn witness(&self, before: i128, after: i128) -> Witness {
        let change = after - before;
        let total = format!("the total went from {before} to {after} ({change:+})");
        if let Some((txn, moved)) = self.uneven() {
            let stages = self.landed.iter().filter(|stage| stage.txn == txn);
            let cited: Vec<Signal> = stages.map(|stage| stage.signal).collect();
            let sentence = format!("{total}: what landed of {txn} makes {moved:+}");
            return witness(sentence, &cited);
        }
        let Some((known, value, lost)) = self.lost_update() else {
            return witness(total, &[]);
        };
        let Stage { node, txn, key, before, .. } = lost;
        let node = self.catalog.node(node);
        let sentence =
            format!("{total}: {txn} changed key {key} of {node} from {before}, not {value}");
        witness(sentence, &[known.signal, lost.signal])
    }

    /// The first transaction of which what landed does not cancel out.
    fn uneven(&self) -> Option<(TxnId, i128)> {
        let mut moved: Table<TxnId, i128> = Table::new();
        for stage in &self.landed {
            *moved.entry_or_default(stage.txn) +=
                i128::from(stage.after) - i128::from(stage.before);
        }
        moved.into_iter().find(|&(_, moved)| moved != 0)
    }

    /// The first stage that replaced another value than it says: the stage that tells the value,
    /// the value, and the one that replaced it.
    fn lost_update(&self) -> Option<(Stage, i64, Stage)> {
        let breaks = self.chains().filter_map(|chain| {
            let first = self.first.get(&chain[0].key)?;
            let begin = std::iter::once((*first, first.before, chain[0]));
            let pairs = chain.windows(2).map(|pair| (pair[0], pair[0].after, pair[1]));
            begin.chain(pairs).find(|(_, value, lost)| lost.before != *value)
        });
        breaks.min_by_key(|(.., lost)| order(&lost.signal))
    }
}

#[cfg(test)]
mod tests {
    use super::super::litmus::*;
    use super::*;

    /// t1 moves ten from key 1 of p1 to key 2 of p2; both are decided like this.
    fn transfer(decided: [What; 2]) -> Vec<What> {
        let staged = [stages(P1, 1, 1, (100, 90)), stages(P2, 1, 2, (50, 60))];
        [&staged[..], &decided].concat()
    }

    #[test]
    fn a_transfer_that_lands_on_one_side_only_changes_the_total() {
        legal(CONSERVATION, &transfer([commit(P1, 1), commit(P2, 1)]));
        let sentence = illegal(CONSERVATION, &transfer([commit(P1, 1), abort(P2, 1)]));
        assert_eq!(sentence, "the total went from 150 to 140 (-10): what landed of t1 makes -10");
    }

    #[test]
    fn a_stage_in_doubt_counts_if_the_commit_was_decided_anywhere() {
        legal(CONSERVATION, &transfer([commit(P1, 1), HEALED]));
        legal(CONSERVATION, &transfer([commit(C, 1), HEALED]));
        untested(CONSERVATION, &transfer([HEALED, HEALED]));
        untested(CONSERVATION, &transfer([abort(P1, 1), abort(P2, 1)]));
    }

    #[test]
    fn a_stage_that_a_crash_took_has_not_landed() {
        let story = |survived: &[What]| {
            let committed = transfer([commit(P1, 1), commit(P2, 1)]);
            [&committed[..], &[crash(P1), boot(P1)], survived].concat()
        };
        let stage = again(stages(P1, 1, 1, (100, 90)));
        legal(CONSERVATION, &story(&[stage, again(commit(P1, 1))]));
        legal(CONSERVATION, &story(&[stage]));
        illegal(CONSERVATION, &story(&[again(commit(P1, 1))]));
        illegal(CONSERVATION, &story(&[]));
    }

    /// Two transfers from key 1 to key 2 of one node; the second one read this.
    fn twice(read: i64) -> Vec<What> {
        let one = [stages(P1, 1, 1, (100, 90)), stages(P1, 1, 2, (50, 60)), commit(P1, 1)];
        let other = [stages(P1, 2, 1, (read, read - 5)), stages(P1, 2, 2, (60, 65)), commit(P1, 2)];
        [one, other].concat()
    }

    #[test]
    fn a_lost_update_changes_the_total() {
        legal(CONSERVATION, &twice(90));
        let sentence = illegal(CONSERVATION, &twice(100));
        let wanted =
            "the total went from 150 to 160 (+10): t2 changed key 1 of p1 from 100, not 90";
        assert_eq!(sentence, wanted);
    }

    #[test]
    fn a_commit_over_an_aborted_value_changes_the_total() {
        let story = |read: i64| {
            let dirty = [stages(P1, 1, 1, (100, 90)), abort(P1, 1), stages(P1, 2, 2, (50, 55))];
            [&dirty[..], &[stages(P1, 2, 1, (read, read - 5)), commit(P1, 2)]].concat()
        };
        legal(CONSERVATION, &story(100));
        illegal(CONSERVATION, &story(90));
    }

    #[test]
    fn one_transaction_may_lose_its_own_update() {
        let story = |read: i64| {
            let stage = |before, after| stages(P1, 1, 1, (before, after));
            [stage(100, 90), stage(read, read + 10), commit(P1, 1)]
        };
        legal(CONSERVATION, &story(90));
        illegal(CONSERVATION, &story(100));
    }

    #[test]
    fn a_witness_of_a_sound_transaction_is_refused() {
        let signals = tell(&twice(100));
        let checker = Conservation::new(&Arc::new(Catalog::named(&["c", "p1"])));
        let recheck = |cited: &[usize], sentence: &str| {
            let cited: Vec<Signal> = cited.iter().map(|&place| signals[place]).collect();
            checker.recheck(CONSERVATION, &witness(sentence.to_owned(), &cited), &signals)
        };
        assert_eq!(recheck(&[0, 3], "from 150 to 160"), Ok(()));
        assert!(recheck(&[0, 3], "from 150 to 170").is_err(), "wrong total");
        assert!(recheck(&[0, 1], "from 150 to 160").is_err(), "cancels out");
        assert!(recheck(&[0], "from 150 to 160").is_err(), "half of it");
        assert!(recheck(&[1, 4], "from 150 to 160").is_err(), "an unbroken chain");
    }
}
