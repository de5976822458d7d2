//! What a run shows to metrics: counters, the history, verdicts, and how long nodes were in doubt.
//!
//! ```text
//!   Runner ──signals──▶ Doubts          a Yes is stated ──────── the decision is stated
//!      └──▶ Judged, counters, history       p1 ├──────── in doubt ────────┤
//! ```
//!
//! Nothing is recorded for it: doubts are folded from signals while the run goes on, everything
//! else lies in the world when it is over. A doubt begins when a node's Yes counts and ends when
//! its decision counts, goes on while the node is down, and ends with the run if nothing else ends
//! it, as in the check `NoBlocking`. A Yes that a crash destroyed ends at the boot that misses it.
//! How far copies are behind their source is folded along, in `observed/lags.rs`.

mod lags;

use crate::{
    base::{
        ids::{NodeId, TxnId},
        table::Table,
        time::{Duration, Time},
    },
    checkers::Judgement,
    engine::{
        counters::Counters,
        facts::{Fact, Vote},
        operations::HistoryEntry,
        runner::{Catalog, Outcome, RunEnd},
        signal::{Signal, What},
        world::Judge,
    },
    scenario::plan::Judged,
};
use lags::Lags;

/// One finished run, as metrics see it.
pub struct Observed<'a> {
    /// Names.
    pub catalog: &'a Catalog,
    /// What it cost.
    pub counters: &'a Counters,
    /// What clients saw.
    pub history: &'a [HistoryEntry],
    /// The verdicts.
    pub judgements: &'a [Judgement],
    /// How long nodes were in doubt, in the order in which doubts ended.
    pub doubts: &'a [Duration],
    /// How far copies were behind, for each change that one came to show.
    pub lags: &'a [Duration],
    /// How many changes no copy came to show.
    pub missed: u64,
}

/// Folds signals into doubts.
#[derive(Default)]
pub struct Doubts {
    open: Table<(NodeId, TxnId), Doubt>,
    decided: Table<(NodeId, TxnId), ()>,
    over: Vec<Duration>,
    copies: Lags,
}

#[derive(Clone, Copy)]
struct Doubt {
    since: Time,
    /// When a boot began that has not shown the Yes.
    lapsed: Option<Time>,
    /// Whether it began by reading a log, and may end in the same instant.
    replayed: bool,
}

impl Judge for Doubts {
    fn on_signal(&mut self, signal: &Signal) {
        self.copies.on_signal(signal);
        match signal.what {
            What::Stated(node, fact) => self.on_fact(node, fact, signal.at, false),
            What::Replayed(node, fact) => self.on_fact(node, fact, signal.at, true),
            What::Booted(node) => self.on_boot(node, signal.at),
            _ => {}
        }
    }
}

impl Doubts {
    /// Forgets all, before another run.
    pub fn reset(&mut self) {
        self.open.clear();
        self.decided.clear();
        self.over.clear();
        self.copies.reset();
    }

    /// The run is over, and with it every doubt.
    pub fn finish(&mut self, end: &RunEnd) -> &[Duration] {
        let end = if end.outcome == Outcome::LimitReached { end.quiet_at } else { end.end };
        while let Some((_, doubt)) = self.open.pop_first() {
            self.close(doubt, end);
        }
        &self.over
    }

    fn on_fact(&mut self, node: NodeId, fact: Fact, at: Time, replayed: bool) {
        match fact {
            Fact::Voted(txn, Vote::Yes) => self.on_yes((node, txn), at, replayed),
            Fact::Decided(txn, _) => {
                self.decided.insert((node, txn), ());
                if let Some(doubt) = self.open.remove(&(node, txn)) {
                    self.close(doubt, at);
                }
            }
            _ => {}
        }
    }

    fn on_yes(&mut self, place: (NodeId, TxnId), at: Time, replayed: bool) {
        if self.decided.contains_key(&place) {
            return;
        }
        let fresh = Doubt { since: at, lapsed: None, replayed };
        match self.open.get_mut(&place) {
            Some(doubt) if doubt.lapsed.is_none_or(|lapsed| lapsed == at) => doubt.lapsed = None,
            Some(doubt) => {
                let over = std::mem::replace(doubt, fresh);
                self.close(over, at);
            }
            None => _ = self.open.insert(place, fresh),
        }
    }

    fn on_boot(&mut self, booted: NodeId, at: Time) {
        self.decided.retain(|(node, _), ()| *node != booted);
        for ((node, _), doubt) in &mut self.open {
            if *node == booted && doubt.lapsed.is_none() {
                doubt.lapsed = Some(at);
            }
        }
    }

    fn close(&mut self, doubt: Doubt, at: Time) {
        let at = doubt.lapsed.unwrap_or(at);
        let lasted = at.saturating_since(doubt.since);
        // A log that shows the Yes and then the decision shows no doubt.
        if !(doubt.replayed && lasted.is_zero()) {
            self.over.push(lasted);
        }
    }
}

/// A run of a plan, observed.
pub fn observed<'a>(
    catalog: &'a Catalog,
    (counters, history): (&'a Counters, &'a [HistoryEntry]),
    judged: &'a Judged,
    doubts: &'a mut Doubts,
) -> Observed<'a> {
    let judgements = &judged.judgements;
    doubts.finish(&judged.end);
    let Doubts { over: doubts, copies, .. } = &*doubts;
    let (lags, missed) = (copies.lags(), copies.missed());
    Observed { catalog, counters, history, judgements, doubts, lags, missed }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{base::ids::EventId, engine::facts::Decision};

    const YES: Fact = Fact::Voted(TxnId(1), Vote::Yes);
    const COMMIT: Fact = Fact::Decided(TxnId(1), Decision::Commit);

    fn doubts(signals: &[(u64, What)]) -> Vec<u64> {
        let mut doubts = Doubts::default();
        for &(at, what) in signals {
            doubts.on_signal(&Signal { at: Time::from_nanos(at), event: EventId(at as u32), what });
        }
        let at = Time::from_nanos;
        let (quiet_at, progress_at, end) = (at(50), at(50), at(100));
        let end = RunEnd { outcome: Outcome::Finished, quiet_at, progress_at, end, healed: false };
        doubts.finish(&end).iter().map(|lasted| lasted.as_nanos()).collect()
    }

    #[test]
    fn a_doubt_lasts_from_the_yes_to_the_decision_or_to_the_end() {
        let node = NodeId(1);
        assert_eq!(doubts(&[(3, What::Stated(node, YES)), (9, What::Stated(node, COMMIT))]), [6]);
        assert_eq!(doubts(&[(3, What::Stated(node, YES))]), [97]);
        assert_eq!(
            doubts(&[(3, What::Stated(node, COMMIT)), (9, What::Stated(node, YES))]),
            [0_u64; 0]
        );
    }

    #[test]
    fn a_crash_does_not_end_a_doubt_unless_it_destroyed_the_yes() {
        let node = NodeId(1);
        let until_boot = [(3, What::Stated(node, YES)), (5, What::Crashed(node))];
        let kept = [(8, What::Booted(node)), (8, What::Replayed(node, YES))];
        let decided = [(20, What::Stated(node, COMMIT))];
        assert_eq!(doubts(&[&until_boot[..], &kept, &decided].concat()), [17]);
        assert_eq!(doubts(&[&until_boot[..], &kept[..1], &decided].concat()), [5]);
    }

    #[test]
    fn a_log_with_both_shows_no_doubt() {
        let node = NodeId(1);
        let before = [(3, What::Stated(node, YES)), (5, What::Stated(node, COMMIT))];
        let boot = [(8, What::Booted(node)), (8, What::Replayed(node, YES))];
        let read = [(8, What::Replayed(node, COMMIT))];
        assert_eq!(doubts(&[&before[..], &boot, &read].concat()), [2]);
        // An unforced decision may be lost: then the doubt begins again.
        assert_eq!(
            doubts(&[&before[..], &boot, &[(30, What::Stated(node, COMMIT))]].concat()),
            [2, 22]
        );
    }
}
