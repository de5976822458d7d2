//! Shipping: a node that follows another applies its changes in order, and none that could be lost.
//!
//! ```text
//!   p1   logged 1 2 3 ── synced 2 ──────── synced 3
//!   p2                     applied 1 2 ✓      applied 3 ✓      applied 3 before that: ✗
//!
//!   durable_first   applied(n, lsn) ⇒ who logged it had synced(≥ lsn) before
//!   order           applied(n, lsn) ⇒ n had applied lsn - 1 last, and somebody had logged lsn
//! ```
//!
//! Source: Gray & Reuter 1993, section 12.6, on pairs of systems. A follower that shows what its
//! primary may still lose shows what never happened. After a boot it may begin anywhere in what it
//! had applied, and go through it again in order. Once another node serves the log, it is enough that this one had synced.
//!
//! Judging messages was rejected: what is shipped too early does no harm while nobody sees it.
//!
//! Limits: a change is known by its position. Contents installed as a whole, without their changes,
//! are a gap.

use super::{
    CheckEntry, Checker, Finish, Judgement, NoSettings, PropertyInfo, Witness,
    evidence::{self, Found, ensure, find, place, stated, witness},
    knowledge::{count, judge},
    lineage::Lineage,
    recovery::recheck,
};
use crate::{
    base::{digest::Fold, ids::NodeId},
    engine::{
        facts::Fact,
        runner::Catalog,
        signal::{Signal, What},
    },
};
use std::sync::Arc;

const DURABLE_FIRST: &str = "shipping.durable_first";
const ORDER: &str = "shipping.order";
const SOURCE: &str = "Gray & Reuter 1993, Transaction Processing, section 12.6";

/// The line of the registry.
pub(super) const ENTRY: CheckEntry = CheckEntry {
    name: "Shipping",
    properties: &[
        PropertyInfo {
            name: DURABLE_FIRST,
            demands: "a node applies a shipped change only when the node that logged it has \
                      synced it",
            exercised_by: "shipped changes that were applied",
            source: SOURCE,
        },
        PropertyInfo {
            name: ORDER,
            demands: "a node applies shipped changes in the order of the log, without gaps",
            exercised_by: "shipped changes that were applied",
            source: SOURCE,
        },
    ],
    build: |text, named, catalog| {
        named.decode::<NoSettings>(text)?;
        let (catalog, lineage) = (Arc::clone(catalog), Lineage::default());
        Ok(Box::new(Shipping { catalog, lineage, applied: 0, early: None, unordered: None }))
    },
};

#[derive(Clone)]
struct Shipping {
    catalog: Arc<Catalog>,
    lineage: Lineage,
    applied: u64,
    /// The first violation of each property.
    early: Option<Witness>,
    unordered: Option<Witness>,
}

impl Checker for Shipping {
    fn reset(&mut self) {
        self.lineage.reset();
        (self.applied, self.early, self.unordered) = (0, None, None);
    }

    fn on_signal(&mut self, signal: &Signal) {
        if let What::Stated(node, Fact::Applied(lsn)) = signal.what {
            self.on_applied(node, lsn, signal);
        }
        self.lineage.on_signal(signal);
    }

    fn finish(&mut self, _: &Finish<'_>) -> Vec<Judgement> {
        let note = count(self.applied, "change", "changes") + " applied";
        vec![
            judge(DURABLE_FIRST, self.early.clone(), self.applied, note.clone()),
            judge(ORDER, self.unordered.clone(), self.applied, note),
        ]
    }

    fn recheck(&self, property: &str, witness: &Witness, signals: &[Signal]) -> Result<(), String> {
        let cited = find(witness, signals)?;
        match property {
            DURABLE_FIRST => is_early(&cited, signals),
            ORDER => is_unordered(&cited, signals),
            _ => evidence::no_such_property(property),
        }
    }

    fn explorable(&self) -> &'static [&'static str] {
        &[DURABLE_FIRST, ORDER]
    }

    fn fork(&self) -> Option<Box<dyn Checker>> {
        Some(Box::new(self.clone()))
    }

    fn fold(&self, fold: &mut Fold) {
        fold.words([self.early.is_some(), self.unordered.is_some()].map(u64::from));
        self.lineage.fold(fold);
    }

    fn broken(&mut self) -> Vec<&'static str> {
        let early = self.early.iter().map(|_| DURABLE_FIRST);
        early.chain(self.unordered.iter().map(|_| ORDER)).collect()
    }
}

// The judge.

impl Shipping {
    fn on_applied(&mut self, node: NodeId, lsn: u64, signal: &Signal) {
        let logged = self.lineage.change(lsn).map(|(_, logged)| *logged);
        let origin = logged.and_then(|logged| place(&logged.what));
        if origin == Some(node) {
            return;
        }
        self.applied += 1;
        let (name, at) = (self.catalog.node(node), signal.at);
        let Some((logged, origin)) = logged.zip(origin) else {
            let sentence = format!("{name} applied the change at {lsn} at {at}: nobody logged it");
            self.unordered.get_or_insert_with(|| witness(sentence, &[*signal]));
            return;
        };
        if !self.lineage.goes_on(node, lsn) {
            let last = self.lineage.position(node);
            let sentence =
                format!("{name} applied the change at {lsn} at {at}; it had applied {last} last");
            self.unordered.get_or_insert_with(|| witness(sentence, &[*signal]));
        }
        let sources = [Some(origin), self.lineage.serving()].into_iter().flatten();
        let mut sources = sources.filter(|&source| source != node);
        if !sources.any(|source| self.lineage.synced(source) >= lsn) {
            let sentence = format!(
                "{name} applied the change at {lsn} at {at}; {}, which logged it at {}, had synced \
                 no further than {}",
                self.catalog.node(origin),
                logged.at,
                self.lineage.synced(origin)
            );
            self.early.get_or_insert_with(|| witness(sentence, &[logged, *signal]));
        }
    }
}

// The witness, checked again.

fn the_applied(cited: &[Found]) -> Result<(usize, NodeId, u64), String> {
    let applied = cited.iter().find_map(|&(at, signal)| match signal.what {
        What::Stated(node, Fact::Applied(lsn)) => Some((at, node, lsn)),
        _ => None,
    });
    applied.ok_or_else(|| "no applied change is cited".to_owned())
}

fn is_early(cited: &[Found], signals: &[Signal]) -> Result<(), String> {
    let (at, node, lsn) = the_applied(cited)?;
    let logs = cited.iter().find_map(|&(logged, signal)| match signal.what {
        What::Stated(by, Fact::Logged { lsn: of, .. }) if of == lsn && logged < at => Some(by),
        _ => None,
    });
    let Some(origin) = logs else { return Err("no logging of it is cited".to_owned()) };
    let before = &signals[..at];
    ensure(origin_of(before, lsn) == Some(origin), "another node logged what stands there")?;
    ensure(cited.len() == 2 && origin != node, "a node may apply what it logged")?;
    let serving = recheck::lineage(before).1.filter(|&serving| serving != node);
    let mut sources = [Some(origin), serving].into_iter().flatten();
    ensure(!sources.any(|source| recheck::had_synced(before, source, lsn)), "it was synced")
}

/// Who logged the change that stands at a position of the lineage.
fn origin_of(signals: &[Signal], lsn: u64) -> Option<NodeId> {
    let (mut origins, mut serving) = (Vec::new(), None);
    for (_, node, fact) in stated(signals) {
        match fact {
            Fact::Logged { lsn, .. }
                if *serving.get_or_insert(node) == node && lsn == origins.len() as u64 + 1 =>
            {
                origins.push(node);
            }
            Fact::Recovered(upto) => {
                serving = (!origins.is_empty()).then_some(node);
                origins.truncate(upto as usize);
            }
            _ => {}
        }
    }
    origins.get((lsn as usize).checked_sub(1)?).copied()
}

fn is_unordered(cited: &[Found], signals: &[Signal]) -> Result<(), String> {
    let (at, node, lsn) = the_applied(cited)?;
    ensure(cited.len() == 1, "something else is cited")?;
    let before = &signals[..at];
    let Some(origin) = origin_of(before, lsn) else { return Ok(()) };
    ensure(origin != node, "a node may apply what it logged")?;
    let (mut length, mut serving, mut last, mut furthest) = (0, None, 0, 0);
    for (_, by, fact) in stated(before) {
        match fact {
            Fact::Logged { lsn, .. } if *serving.get_or_insert(by) == by && lsn == length + 1 => {
                length = lsn;
                furthest = if by == node { furthest.max(lsn) } else { furthest };
                last = if by == node { furthest } else { last };
            }
            Fact::Recovered(upto) => {
                serving = (length > 0).then_some(by);
                length = length.min(upto);
                furthest = if by == node { upto } else { furthest.min(upto) };
                last = if by == node { upto } else { last.min(upto) };
            }
            Fact::Applied(lsn) if by == node => (last, furthest) = (lsn, furthest.max(lsn)),
            _ => {}
        }
    }
    let goes_on = lsn == last + 1 || recheck::is_from_disk(before, node) && lsn <= furthest + 1;
    ensure(!goes_on, "it is the next one")
}

#[cfg(test)]
mod tests {
    use super::super::litmus::log::*;
    use super::super::litmus::*;
    use super::*;

    #[test]
    fn a_change_is_applied_elsewhere_once_it_is_synced() {
        let story = |upto| [logged(P1, 1, 7), logged(P1, 2, 8), synced(P1, upto), applied(P2, 1)];
        legal(DURABLE_FIRST, &story(1));
        legal(DURABLE_FIRST, &story(2));
        let sentence = illegal(DURABLE_FIRST, &story(0));
        let wanted = "p2 applied the change at 1 at 3ms; p1, which logged it at 0s, had synced no \
                      further than 0";
        assert_eq!(sentence, wanted);
        untested(DURABLE_FIRST, &story(1)[..3]);
        untested(DURABLE_FIRST, &[logged(P1, 1, 7), applied(P1, 1)]);
    }

    #[test]
    fn what_a_recovery_cut_has_to_be_synced_anew() {
        let story = |last| {
            let before = [logged(P1, 1, 7), synced(P1, 1), crash(P1), boot(P1), recovered(P1, 0)];
            [&before[..], &[logged(P1, 1, 8), last, applied(P2, 1)]].concat()
        };
        legal(DURABLE_FIRST, &story(synced(P1, 1)));
        illegal(DURABLE_FIRST, &story(DISTURBED));
    }

    #[test]
    fn what_came_back_from_the_disk_is_synced() {
        let story = |turn| [logged(P1, 1, 7), turn, boot(P1), recovered(P1, 1), applied(P2, 1)];
        legal(DURABLE_FIRST, &story(crash(P1)));
        illegal(DURABLE_FIRST, &[logged(P1, 1, 7), recovered(P1, 1), applied(P2, 1)]);
    }

    #[test]
    fn a_node_that_took_over_vouches_for_the_log() {
        let story = |by| {
            [logged(P1, 1, 7), synced(by, 1), crash(P1), recovered(P2, 1), boot(P1), applied(C, 1)]
        };
        legal(DURABLE_FIRST, &story(P2));
        legal(DURABLE_FIRST, &story(P1));
        illegal(DURABLE_FIRST, &story(C));
    }

    #[test]
    fn changes_are_applied_in_order_and_without_gaps() {
        let log = [logged(P1, 1, 7), logged(P1, 2, 8), logged(P1, 3, 9), synced(P1, 3)];
        let story = |then: &[What]| [&log[..], then].concat();
        legal(ORDER, &story(&[applied(P2, 1), applied(P2, 2), applied(C, 1), applied(P2, 3)]));
        let sentence = illegal(ORDER, &story(&[applied(P2, 1), applied(P2, 3)]));
        assert_eq!(sentence, "p2 applied the change at 3 at 5ms; it had applied 1 last");
        illegal(ORDER, &story(&[applied(P2, 1), applied(P2, 1)]));
        let sentence = illegal(ORDER, &story(&[applied(P2, 2)]));
        assert!(sentence.ends_with("it had applied 0 last"), "{sentence}");
        let sentence = illegal(ORDER, &[logged(P1, 1, 7), synced(P1, 1), applied(P2, 2)]);
        assert!(sentence.ends_with("nobody logged it"), "{sentence}");
        untested(ORDER, &log);
    }

    #[test]
    fn after_a_boot_changes_are_applied_again_from_anywhere() {
        let log = [logged(P1, 1, 7), logged(P1, 2, 8), logged(P1, 3, 9), synced(P1, 3)];
        let seen = [applied(P2, 1), applied(P2, 2), crash(P2), boot(P2)];
        let story = |then: &[What]| [&log[..], &seen, then].concat();
        legal(ORDER, &story(&[applied(P2, 1), DISTURBED, HEALED]));
        legal(ORDER, &story(&[applied(P2, 2), applied(P2, 3)]));
        legal(ORDER, &story(&[applied(P2, 3)]));
        legal(ORDER, &story(&[applied(P2, 1), applied(P2, 2), applied(P2, 3)]));
        illegal(ORDER, &story(&[applied(P2, 1), applied(P2, 3)]));
        let again = [applied(P2, 1), crash(P2), boot(P2), applied(P2, 3)];
        legal(ORDER, &story(&again));
        illegal(
            ORDER,
            &[&log[..], &[applied(P2, 1), crash(P2), boot(P2), applied(P2, 3)]].concat(),
        );
    }

    #[test]
    fn a_witness_that_cites_the_logging_of_another_change_is_refused() {
        let signals = tell(&[logged(P1, 1, 7), logged(P1, 2, 8), applied(P2, 1)]);
        let case = Case::of("Shipping");
        case.gives(DURABLE_FIRST, &signals, "violated");
        case.refuses(DURABLE_FIRST, &signals, &[1, 2]);
    }

    #[test]
    fn who_logged_and_was_succeeded_goes_on_where_its_log_ended() {
        let story = |length: u64| {
            let succeeded = [logged(P1, 1, 7), synced(P1, 1), recovered(P2, 1)];
            let more: Vec<What> = (2..=length).map(|lsn| logged(P2, lsn, 6 + lsn as i64)).collect();
            [&succeeded[..], &more, &[synced(P2, length), applied(P1, length)]].concat()
        };
        legal(ORDER, &story(2));
        illegal(ORDER, &story(3));
    }

    #[test]
    fn what_others_log_or_recover_moves_no_copy_forward() {
        let log = [logged(P1, 1, 7), logged(P1, 2, 8), synced(P1, 2)];
        let booted = [crash(P2), boot(P2)];
        let behind = [applied(P2, 1), applied(P2, 2), booted[0], booted[1], applied(P2, 1)];
        let more = [logged(P1, 3, 9), synced(P1, 3), applied(P2, 3)];
        illegal(ORDER, &[&log[..], &behind, &more].concat());
        let story = |has| {
            let log = [&log[..], &[logged(P1, 3, 9), synced(P1, 3)]].concat();
            let copied: Vec<What> = (1..=has).map(|lsn| applied(P2, lsn)).collect();
            [&log[..], &copied, &[recovered(C, 3)], &booted, &[applied(P2, 3)]].concat()
        };
        legal(ORDER, &story(2));
        illegal(ORDER, &story(1));
    }
}
