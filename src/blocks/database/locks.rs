//! Locks on rows, with one queue per row: who asks first is served first.
//!
//! ```text
//!   row 7   holders [t3 shared, t5 shared]   waiting [t3 exclusive] [t8 exclusive] [t9 shared]
//!                                                     upgrades first ──▶ the rest as they came
//!   t3 waits for t5 · t8 waits for t3 and t5 · t9 waits for t8, so it does not starve it
//! ```
//!
//! A lock is granted when nothing that stands before it is in its way, so nobody is overtaken but
//! by a holder that wants more. Waiting is the host's business: it parks its transaction, and
//! [`Locks::release`] names those that go on. A deadlock is looked for when somebody begins to
//! wait ([`Locks::deadlock`]), since only then can a cycle close; how long to wait at most is a
//! timer of the host, and *wait-die* a look at [`Locks::blockers`].
//!
//! The number of a transaction is its age: higher is younger. One that is tried again under its old
//! number grows old and is spared. Here, locks belong to transactions and not to connections, are
//! kept in memory only and die in a crash, as in every database that logs its changes. Granting
//! whatever is compatible, in any order, was rejected: readers would starve writers.
//!
//! After Gray & Reuter (1993), *Transaction Processing*, chapter 8. Limits: rows only, no ranges
//! and no intentions; a transaction waits for one lock at a time.

use crate::base::{ids::TxnId, table::Table};
use serde::Serialize;

/// Who else may hold the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Mode {
    /// Others that read.
    Shared,
    /// Nobody.
    Exclusive,
}

/// What became of a request for a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "who waits may not go on"]
pub enum Asked {
    /// The transaction holds it.
    Granted,
    /// It stands in the queue; some [`Locks::release`] will name it.
    Waits,
}

/// The locks of one node.
#[derive(Clone, Debug, Serialize)]
pub struct Locks<R> {
    queues: Table<R, Queue>,
    /// Where each transaction waits that does.
    waits_at: Table<TxnId, R>,
}

#[derive(Clone, Debug, Default, Serialize)]
struct Queue {
    holders: Vec<Claim>,
    /// First those that hold the row already and want more, then the others as they came.
    waiting: Vec<Claim>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
struct Claim {
    txn: TxnId,
    mode: Mode,
}

impl<R> Default for Locks<R> {
    fn default() -> Self {
        Self { queues: Table::new(), waits_at: Table::new() }
    }
}

impl<R: Copy + Ord> Locks<R> {
    /// Asks for a row. Who holds it in this mode or a stronger one gets it again.
    ///
    /// # Panics
    /// When the transaction already waits for a lock.
    pub fn acquire(&mut self, txn: TxnId, row: R, mode: Mode) -> Asked {
        assert!(!self.waits(txn), "{txn} waits for a lock and asks for another");
        let queue = self.queues.entry_or_default(row);
        if queue.held_by(txn).is_some_and(|held| held >= mode) {
            return Asked::Granted;
        }
        let place = queue.enqueue(Claim { txn, mode });
        if queue.blockers(place).next().is_some() {
            self.waits_at.insert(txn, row);
            return Asked::Waits;
        }
        queue.grant(place);
        Asked::Granted
    }

    /// Gives up all that a transaction holds, and its place in a queue if it waits. Returns those
    /// that hold now what they waited for: the host lets them go on, in this order.
    #[must_use = "those named here wait for a word from the host"]
    pub fn release(&mut self, txn: TxnId) -> Vec<TxnId> {
        self.waits_at.remove(&txn);
        let mut granted = Vec::new();
        for queue in self.queues.values_mut() {
            if queue.forget(txn) {
                queue.settle(&mut granted);
            }
        }
        self.queues.retain(|_, queue| !queue.holders.is_empty());
        for txn in &granted {
            self.waits_at.remove(txn);
        }
        granted
    }

    /// What a transaction may do with a row.
    pub fn held(&self, txn: TxnId, row: R) -> Option<Mode> {
        self.queues.get(&row)?.held_by(txn)
    }

    /// Does it wait for a lock?
    pub fn waits(&self, txn: TxnId) -> bool {
        self.waits_at.contains_key(&txn)
    }

    /// All that wait, by number.
    pub fn waiting(&self) -> impl Iterator<Item = TxnId> + '_ {
        self.waits_at.keys().copied()
    }

    /// Whom a transaction waits for: holders in its way, then those before it in the queue.
    pub fn blockers(&self, txn: TxnId) -> impl Iterator<Item = TxnId> + '_ {
        let queue = self.waits_at.get(&txn).and_then(|row| self.queues.get(row));
        queue.into_iter().flat_map(move |queue| {
            let place = queue.waiting.iter().position(|claim| claim.txn == txn);
            queue.blockers(place.expect("who waits stands in the queue"))
        })
    }

    /// Looks for a cycle of transactions that wait for each other through this one, and names its
    /// youngest, which the host must abort. There may be another cycle: ask until there is none.
    pub fn deadlock(&self, txn: TxnId) -> Option<TxnId> {
        let (mut seen, mut path) = (Vec::new(), vec![txn]);
        let found = self.leads_back(txn, &mut seen, &mut path);
        found.then(|| path.into_iter().max().expect("a cycle has members"))
    }

    /// Whether the first of the path can be reached from its last; the path is then the cycle.
    fn leads_back(&self, last: TxnId, seen: &mut Vec<TxnId>, path: &mut Vec<TxnId>) -> bool {
        for next in self.blockers(last) {
            if next == path[0] {
                return true;
            }
            if seen.contains(&next) {
                continue;
            }
            seen.push(next);
            path.push(next);
            if self.leads_back(next, seen, path) {
                return true;
            }
            path.pop();
        }
        false
    }
}

impl Queue {
    fn held_by(&self, txn: TxnId) -> Option<Mode> {
        self.holders.iter().find(|claim| claim.txn == txn).map(|claim| claim.mode)
    }

    /// Gives a claim its place: behind all others, or behind all other upgrades.
    fn enqueue(&mut self, claim: Claim) -> usize {
        let is_upgrade = |claim: &Claim| self.held_by(claim.txn).is_some();
        let upgrades = self.waiting.iter().take_while(|claim| is_upgrade(claim)).count();
        let place = if is_upgrade(&claim) { upgrades } else { self.waiting.len() };
        self.waiting.insert(place, claim);
        place
    }

    /// Who is in the way of the claim at this place.
    fn blockers(&self, place: usize) -> impl Iterator<Item = TxnId> + '_ {
        let wanted = self.waiting[place];
        let before = self.holders.iter().chain(&self.waiting[..place]);
        before.filter(move |claim| claim.excludes(wanted)).map(|claim| claim.txn)
    }

    fn grant(&mut self, place: usize) -> TxnId {
        let claim = self.waiting.remove(place);
        match self.holders.iter_mut().find(|held| held.txn == claim.txn) {
            Some(held) => held.mode = claim.mode,
            None => self.holders.push(claim),
        }
        claim.txn
    }

    /// Whether there was anything to forget.
    fn forget(&mut self, txn: TxnId) -> bool {
        let before = self.holders.len() + self.waiting.len();
        self.holders.retain(|claim| claim.txn != txn);
        self.waiting.retain(|claim| claim.txn != txn);
        self.holders.len() + self.waiting.len() < before
    }

    /// Grants from the front of the queue as long as nothing is in the way.
    fn settle(&mut self, granted: &mut Vec<TxnId>) {
        while !self.waiting.is_empty() && self.blockers(0).next().is_none() {
            granted.push(self.grant(0));
        }
    }
}

impl Claim {
    fn excludes(self, other: Self) -> bool {
        let shared = (self.mode, other.mode) == (Mode::Shared, Mode::Shared);
        self.txn != other.txn && !shared
    }
}

#[cfg(test)]
mod tests {
    use super::{Asked::*, Mode::*, *};
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    const T1: TxnId = TxnId(1);
    const T2: TxnId = TxnId(2);
    const T3: TxnId = TxnId(3);
    const T4: TxnId = TxnId(4);

    #[test]
    fn an_exclusive_lock_is_handed_on_in_the_order_of_the_requests() {
        let mut locks = Locks::default();
        assert_eq!(locks.acquire(T4, 7, Exclusive), Granted);
        for txn in [T2, T3, T1] {
            assert_eq!(locks.acquire(txn, 7, Exclusive), Waits);
        }
        assert_eq!(locks.release(T4), [T2]);
        assert_eq!(locks.release(T2), [T3]);
        assert_eq!(locks.release(T3), [T1]);
        assert_eq!((locks.held(T1, 7), locks.held(T3, 7)), (Some(Exclusive), None));
        assert_eq!(locks.release(T1), []);
        assert!(locks.queues.is_empty());
    }

    #[test]
    fn readers_share_and_do_not_overtake_a_writer() {
        let mut locks = Locks::default();
        assert_eq!(locks.acquire(T1, 7, Shared), Granted);
        assert_eq!(locks.acquire(T2, 7, Shared), Granted);
        assert_eq!(locks.acquire(T3, 7, Exclusive), Waits);
        assert_eq!(locks.acquire(T4, 7, Shared), Waits);
        assert_eq!(locks.blockers(T4).collect::<Vec<_>>(), [T3]);
        assert_eq!(locks.release(T1), []);
        assert_eq!(locks.release(T2), [T3]);
        assert_eq!(locks.release(T3), [T4]);
    }

    #[test]
    fn who_gives_up_waiting_lets_those_behind_go_on() {
        let mut locks = Locks::default();
        assert_eq!(locks.acquire(T1, 7, Shared), Granted);
        assert_eq!(locks.acquire(T2, 7, Exclusive), Waits);
        assert_eq!(locks.acquire(T3, 7, Shared), Waits);
        assert_eq!(locks.acquire(T4, 7, Shared), Waits);
        assert_eq!(locks.release(T2), [T3, T4]);
    }

    #[test]
    fn a_lock_that_is_held_is_granted_again_and_an_upgrade_goes_first() {
        let mut locks = Locks::default();
        assert_eq!(locks.acquire(T1, 7, Shared), Granted);
        assert_eq!(locks.acquire(T2, 7, Shared), Granted);
        assert_eq!(locks.acquire(T3, 7, Exclusive), Waits);
        assert_eq!(locks.acquire(T1, 7, Shared), Granted);
        assert_eq!(locks.acquire(T1, 7, Exclusive), Waits);
        assert_eq!(locks.release(T2), [T1]);
        assert_eq!(locks.acquire(T1, 7, Shared), Granted);
        assert_eq!(locks.held(T1, 7), Some(Exclusive));
        assert_eq!(locks.release(T1), [T3]);
        assert_eq!(locks.acquire(T3, 8, Shared), Granted);
        assert_eq!(locks.acquire(T3, 8, Exclusive), Granted);
    }

    #[test]
    fn of_a_cycle_the_youngest_is_named_whoever_closes_it() {
        for (first, second, third) in [(T1, T2, T3), (T3, T1, T2), (T2, T3, T1)] {
            let mut locks = Locks::default();
            for (txn, row) in [(first, 1), (second, 2), (third, 3)] {
                assert_eq!(locks.acquire(txn, row, Exclusive), Granted);
            }
            assert_eq!(locks.acquire(first, 2, Exclusive), Waits);
            assert_eq!(locks.acquire(second, 3, Exclusive), Waits);
            assert_eq!((locks.deadlock(first), locks.deadlock(second)), (None, None));
            assert_eq!(locks.acquire(third, 1, Exclusive), Waits);
            assert_eq!(locks.deadlock(third), Some(T3));
            assert_eq!(locks.release(T3).len(), 1);
            assert_eq!((locks.deadlock(T1), locks.deadlock(T2)), (None, None));
        }
    }

    #[test]
    fn two_readers_that_both_want_to_write_are_a_deadlock() {
        let mut locks = Locks::default();
        for txn in [T1, T2] {
            assert_eq!(locks.acquire(txn, 7, Shared), Granted);
        }
        assert_eq!(locks.acquire(T2, 7, Exclusive), Waits);
        assert_eq!(locks.acquire(T1, 7, Exclusive), Waits);
        assert_eq!(locks.deadlock(T1), Some(T2));
        assert_eq!(locks.release(T2), [T1]);
        assert_eq!(locks.held(T1, 7), Some(Exclusive));
    }

    #[test]
    fn one_wait_can_close_two_cycles() {
        let mut locks = Locks::default();
        for txn in [T2, T3] {
            assert_eq!(locks.acquire(txn, 7, Shared), Granted);
        }
        assert_eq!(locks.acquire(T1, 8, Exclusive), Granted);
        assert_eq!(locks.acquire(T2, 8, Shared), Waits);
        assert_eq!(locks.acquire(T3, 8, Shared), Waits);
        assert_eq!(locks.acquire(T1, 7, Exclusive), Waits);
        let mut victims = Vec::new();
        while let Some(victim) = locks.deadlock(T1) {
            victims.push(victim);
            _ = locks.release(victim);
        }
        victims.sort_unstable();
        assert_eq!(victims, [T2, T3]);
        assert_eq!(locks.held(T1, 7), Some(Exclusive));
    }

    /// What a person would write down: who holds what, and the requests of each row as they came.
    #[derive(Default)]
    struct Naive {
        held: BTreeMap<(u8, TxnId), Mode>,
        asked: Vec<(TxnId, u8, Mode)>,
    }

    impl Naive {
        fn free(&self, txn: TxnId, row: u8, mode: Mode) -> bool {
            let others = self.held.iter().filter(|&(&(r, t), _)| r == row && t != txn);
            others.into_iter().all(|(_, &held)| (held, mode) == (Shared, Shared))
        }

        /// Grants again and again: upgrades of a row first, then the oldest request of the row.
        fn grant(&mut self) -> Vec<TxnId> {
            let mut granted = Vec::new();
            for row in 0..4 {
                loop {
                    let of_row = self.asked.iter().filter(|ask| ask.1 == row);
                    let upgrade = of_row.clone().find(|ask| self.held.contains_key(&(row, ask.0)));
                    let Some(&(txn, _, mode)) = upgrade.or(of_row.clone().next()) else { break };
                    if !self.free(txn, row, mode) {
                        break;
                    }
                    self.held.insert((row, txn), mode);
                    self.asked.retain(|ask| ask.0 != txn);
                    granted.push(txn);
                }
            }
            granted
        }
    }

    proptest! {
        #[test]
        fn locks_agree_with_a_naive_list_and_nobody_waits_for_nothing(
            script in prop::collection::vec((1_u32..7, 0_u8..4, any::<bool>(), 0_u8..5), 1..120),
        ) {
            let (mut locks, mut naive) = (Locks::default(), Naive::default());
            for (txn, row, exclusive, action) in script {
                let (txn, mode) = (TxnId(txn), if exclusive { Exclusive } else { Shared });
                if action == 0 {
                    naive.held.retain(|&(_, holder), _| holder != txn);
                    naive.asked.retain(|ask| ask.0 != txn);
                    prop_assert_eq!(locks.release(txn), naive.grant());
                } else if !locks.waits(txn) {
                    let again = naive.held.get(&(row, txn)).is_some_and(|&held| held >= mode);
                    let asked = locks.acquire(txn, row, mode);
                    if !again {
                        naive.asked.push((txn, row, mode));
                        let granted = naive.grant();
                        prop_assert_eq!(asked == Granted, granted == [txn]);
                    }
                    while let Some(victim) = locks.deadlock(txn) {
                        naive.held.retain(|&(_, holder), _| holder != victim);
                        naive.asked.retain(|ask| ask.0 != victim);
                        prop_assert_eq!(locks.release(victim), naive.grant());
                    }
                }
                for (&(row, txn), &mode) in &naive.held {
                    prop_assert_eq!(locks.held(txn, row), Some(mode));
                    prop_assert!(naive.free(txn, row, mode), "{txn} shares what it may not");
                }
                let waiting: BTreeSet<_> = locks.waiting().collect();
                prop_assert_eq!(&waiting, &naive.asked.iter().map(|ask| ask.0).collect());
                for &txn in &waiting {
                    prop_assert!(locks.blockers(txn).next().is_some(), "{txn} was forgotten");
                    prop_assert_eq!(locks.deadlock(txn), None);
                }
            }
            for txn in 1..7 { // Nobody waits in a circle: once all have gone, nobody waits.
                _ = locks.release(TxnId(txn));
            }
            prop_assert!(locks.queues.is_empty() && locks.waits_at.is_empty());
        }
    }
}
