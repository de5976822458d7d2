//! Stands: every decision that was ever stated, and the pairs that contradict each other.
//!
//! ```text
//!   push push push ──sort──▶ [ t1: c, p1, p2 | t2: c, p1 | … ] ──▶ opposite pairs within a group
//! ```
//!
//! A flat list that is sorted once, in the end, keeps its memory from run to run; a table of lists
//! was rejected, since it would allocate for every transaction.
//!
//! Limits: pairs are compared one by one, which is fine for as many decisions as there are nodes.

use super::super::knowledge::order;
use crate::{
    base::{
        digest::Fold,
        ids::{NodeId, TxnId},
    },
    engine::{facts::Decision, signal::Signal},
};

/// A decision that a node stated.
#[derive(Clone, Copy)]
pub(super) struct Stand {
    pub(super) txn: TxnId,
    pub(super) node: NodeId,
    pub(super) decision: Decision,
    pub(super) signal: Signal,
}

/// All of them.
#[derive(Clone, Default)]
pub(super) struct Stands(Vec<Stand>);

impl Stands {
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn push(&mut self, stand: Stand) {
        self.0.push(stand);
    }

    /// Groups them by transaction, for the questions below.
    pub(super) fn sort(&mut self) {
        self.0.sort_by_key(|stand| (stand.txn, stand.node));
    }

    /// Folds in who ever decided what, however often and in whatever order.
    pub(super) fn fold(&self, fold: &mut Fold) {
        let stands = self.0.iter();
        let mut words: Vec<_> =
            stands.map(|stand| (stand.txn, stand.node, stand.decision)).collect();
        words.sort_unstable();
        words.dedup();
        for (txn, node, decision) in words {
            let decision = u64::from(decision == Decision::Commit);
            fold.words([u64::from(txn.0), u64::from(node.0), decision]);
        }
    }

    /// How many transactions were decided by several nodes.
    pub(super) fn shared_txns(&self) -> u64 {
        let several = |stands: &&[Stand]| stands[0].node != stands[stands.len() - 1].node;
        self.by_txn().filter(several).count() as u64
    }

    /// The first two opposite decisions on one transaction that the predicate calls a pair.
    pub(super) fn contradiction(
        &self,
        is_pair: fn(&Stand, &Stand) -> bool,
    ) -> Option<(Stand, Stand)> {
        let pairs = self.by_txn().flat_map(|stands| {
            let with_earlier =
                move |place: usize| stands[..place].iter().map(move |one| (*one, stands[place]));
            (1..stands.len()).flat_map(with_earlier)
        });
        let opposite =
            pairs.filter(|(one, other)| one.decision != other.decision && is_pair(one, other));
        let seen = |stand: &Stand| order(&stand.signal);
        let (one, other) = opposite.min_by_key(|(one, other)| seen(one).max(seen(other)))?;
        Some(if seen(&one) <= seen(&other) { (one, other) } else { (other, one) })
    }

    fn by_txn(&self) -> impl Iterator<Item = &[Stand]> {
        self.0.chunk_by(|one, next| one.txn == next.txn)
    }
}
