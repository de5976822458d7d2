//! The recheck of conservation: other totals, and the cited stages are the cause.
//!
//! ```text
//!   all signals ──landings of each node──▶ totals, and they differ
//!   cited stages ──▶ all that landed of one transaction, uneven; or one that replaced another value
//! ```
//!
//! It stands apart from the judge: where the judge moves stages from list to list, this looks for
//! the decision behind each stage. Sharing the fold was rejected, for a mistake in it would
//! hide in both.
//!
//! Limits: quadratic in what a node knows; it runs for a witness only.

use super::super::evidence::{self, Found, ensure};
use crate::{
    base::{
        ids::{NodeId, TxnId},
        table::Table,
    },
    engine::{
        facts::{Decision, Fact},
        signal::{Signal, What},
    },
};

/// The total before the first commit and the one in the end.
pub(super) fn totals(signals: &[Signal]) -> (i128, i128) {
    let (mut first, mut last) = (Table::new(), Table::new());
    for signal in signals {
        if let What::Stated(_, fact) | What::Replayed(_, fact) = signal.what
            && let Fact::Stages { key, before, .. } = fact
        {
            first.or_insert_with(key, || before);
            last.or_insert_with(key, || before);
        }
    }
    for node in evidence::nodes(signals) {
        for (_, fact) in landings(signals, node) {
            if let Fact::Stages { key, after, .. } = fact {
                last.insert(key, after);
            }
        }
    }
    let sum = |values: &Table<u32, i64>| values.values().map(|&value| i128::from(value)).sum();
    (sum(&first), sum(&last))
}

/// Are the cited stages a reason for totals that differ?
pub(super) fn cause(cited: &[Found], signals: &[Signal]) -> Result<(), String> {
    let mut stages = Vec::new();
    for (_, signal) in cited {
        let (What::Stated(node, fact) | What::Replayed(node, fact)) = signal.what else {
            return Err("a cited event is not a stage".to_owned());
        };
        let Fact::Stages { txn, before, after, .. } = fact else {
            return Err("a cited event is not a stage".to_owned());
        };
        stages.push((node, fact, txn, i128::from(after) - i128::from(before)));
    }
    let txn = stages[0].2;
    let moved: i128 = stages.iter().map(|&(.., change)| change).sum();
    let landed = evidence::nodes(signals).into_iter().flat_map(|node| landings(signals, node));
    let of_txn = landed.filter(|(_, fact)| staged(fact).is_some_and(|(of, ..)| of == txn));
    let is_all = stages.iter().all(|stage| stage.2 == txn) && of_txn.count() == stages.len();
    match stages[..] {
        _ if is_all && moved != 0 => Ok(()),
        // Cited in the order of staging; landed in either.
        [(node, one, ..), (_, other, ..)] => {
            is_lost(node, one, other, signals).or_else(|_| is_lost(node, other, one, signals))
        }
        _ => Err("neither one uneven transaction nor a lost update".to_owned()),
    }
}

/// Where each stage that a node knows lands in the order of its log, if it lands.
fn landings(signals: &[Signal], node: NodeId) -> Vec<(usize, Fact)> {
    let mut landings = Vec::new();
    for (position, stage) in evidence::known(signals, node) {
        let Fact::Stages { txn, .. } = stage else { continue };
        let mut later = evidence::known(signals, node).skip_while(|&(at, _)| at < position);
        let decided = later.find_map(|(at, fact)| match fact {
            Fact::Decided(of, decision) if of == txn => Some((at, decision)),
            _ => None,
        });
        let committed = || evidence::was_stated(signals, Fact::Decided(txn, Decision::Commit));
        match decided {
            Some((at, Decision::Commit)) => landings.push((at, stage)),
            None if committed() => landings.push((signals.len(), stage)),
            _ => {}
        }
    }
    landings.sort_by_key(|&(at, _)| at);
    landings
}

/// Did `lost` land on another value than it says, the value being told by `known`: the stage that
/// landed on the key before it, or else the first one that was ever staged?
fn is_lost(node: NodeId, known: Fact, lost: Fact, signals: &[Signal]) -> Result<(), String> {
    let Some((_, key, before, _)) = staged(&lost) else { return Err("no stage".to_owned()) };
    let of_key = |fact: &Fact| staged(fact).is_some_and(|(_, of, ..)| of == key);
    let landed = landings(signals, node).into_iter().map(|(_, fact)| fact).filter(of_key);
    let landed: Vec<Fact> = landed.collect();
    let first = evidence::stated(signals).map(|(_, _, fact)| fact).find(of_key);
    let value_told = |predecessor: Option<Fact>| match predecessor {
        Some(fact) => staged(&fact).filter(|_| fact == known).map(|(.., after)| after),
        None => first.filter(|first| *first == known).and_then(|fact| Some(staged(&fact)?.2)),
    };
    let places = (0..landed.len()).filter(|&place| landed[place] == lost);
    let mut values =
        places.filter_map(|place| value_told(place.checked_sub(1).map(|before| landed[before])));
    ensure(values.any(|value| value != before), "the update is not lost")
}

fn staged(fact: &Fact) -> Option<(TxnId, u32, i64, i64)> {
    match *fact {
        Fact::Stages { txn, key, before, after } => Some((txn, key, before, after)),
        _ => None,
    }
}
