//! No blocking: nobody stays in doubt for long.
//!
//! ```text
//!   p1   ──yes────────────── in doubt: locks held ───────────────decided──▶
//!           └──────── for all doubts d:  end(d) − begin(d) ≤ limit ────┘
//! ```
//!
//! Source: Skeen 1981 calls a protocol non-blocking if no operational site must wait for a failed
//! one; this is the same with a number. A doubt begins when a node knows its Yes and no decision,
//! and ends when it knows a decision, when a boot shows that the Yes is lost, or with the run. It
//! goes on while the node is down: the locks are on its disk. A boot that shows a Yes whose
//! decision is lost begins a new doubt. A doubt of exactly `limit` is allowed.
//!
//! To count only doubts under faults was rejected: who blocks without a fault blocks worse.
//!
//! Limits: the end of the run is not among the signals, so a recheck takes it from `finish`.

use super::{
    CheckEntry, Checker, Finish, Judgement, PropertyInfo, Witness,
    evidence::{self, ensure, find, witness},
    knowledge::{Knowledge, count, judge},
};
use crate::{
    base::{
        ids::{NodeId, TxnId},
        table::Table,
        time::{Duration, Time},
    },
    engine::{
        facts::{Fact, Vote},
        runner::{Catalog, Outcome},
        signal::{Signal, What},
    },
};
use std::sync::Arc;

const NO_BLOCKING: &str = "no_blocking";

/// The line of the registry.
pub(super) const ENTRY: CheckEntry = CheckEntry {
    name: "NoBlocking",
    properties: &[PropertyInfo {
        name: NO_BLOCKING,
        demands: "no node stays in doubt about a transaction for longer than the limit",
        exercised_by: "doubts during which a fault struck or a node was down",
        source: "Skeen 1981, Nonblocking Commit Protocols",
    }],
    build: |text, named, catalog| Ok(Box::new(NoBlocking::new(named.decode(text)?, catalog))),
};

#[derive(Clone, Copy, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    /// The longest doubt that is allowed.
    limit: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { limit: Duration::from_secs(1) }
    }
}

struct NoBlocking {
    limit: Duration,
    catalog: Arc<Catalog>,
    knowledge: Knowledge,
    open: Table<(NodeId, TxnId), Doubt>,
    longest: Option<Past>,
    /// Doubts that a fault put to the test, and all doubts.
    tested: u64,
    doubts: u64,
    end: Option<Time>,
}

#[derive(Clone, Copy)]
struct Doubt {
    vote: Signal,
    tested: bool,
    /// When a boot began whose replay has not shown the vote.
    lapsed: Option<Time>,
}

/// A doubt that is over.
#[derive(Clone, Copy)]
struct Past {
    node: NodeId,
    txn: TxnId,
    vote: Signal,
    lasted: Duration,
    decision: Option<Signal>,
}

impl Checker for NoBlocking {
    fn reset(&mut self) {
        self.knowledge.reset();
        self.open.clear();
        (self.longest, self.end) = (None, None);
        (self.tested, self.doubts) = (0, 0);
    }

    fn on_signal(&mut self, signal: &Signal) {
        self.knowledge.on_signal(signal);
        match signal.what {
            What::Stated(node, fact) | What::Replayed(node, fact) => {
                self.on_fact(node, fact, signal);
            }
            What::Booted(node) => self.on_boot(node, signal.at),
            What::Disturbed | What::Crashed(_) => {
                self.open.values_mut().for_each(|doubt| doubt.tested = true);
            }
            What::Invoked(..) | What::Ended(..) | What::Healed => {}
        }
    }

    fn finish(&mut self, finish: &Finish<'_>) -> Vec<Judgement> {
        let cut_off = finish.end.outcome == Outcome::LimitReached;
        let end = if cut_off { finish.end.quiet_at } else { finish.end.end };
        self.end = Some(end);
        while let Some((place, doubt)) = self.open.pop_first() {
            self.close(place, doubt, end, None);
        }
        let longest = self.longest.map_or(Duration::ZERO, |past| past.lasted);
        let broken = self.longest.filter(|past| past.lasted > self.limit);
        let broken = broken.map(|past| self.witness(&past));
        let note = match self.doubts {
            0 => "nobody was in doubt".to_owned(),
            doubts => format!("longest doubt {longest} of {}", count(doubts, "doubt", "doubts")),
        };
        vec![judge(NO_BLOCKING, broken, self.tested, note)]
    }

    fn recheck(&self, property: &str, witness: &Witness, signals: &[Signal]) -> Result<(), String> {
        if property != NO_BLOCKING {
            return evidence::no_such_property(property);
        }
        let cited = find(witness, signals)?;
        let (position, vote) = cited[0];
        let (What::Stated(node, Fact::Voted(txn, Vote::Yes))
        | What::Replayed(node, Fact::Voted(txn, Vote::Yes))) = vote.what
        else {
            return Err("the first cited event is not a yes".to_owned());
        };
        let before = evidence::known_decision(&signals[..position], node, txn);
        ensure(before.is_none(), "the node had decided before")?;
        let over = over(&signals[position..], node, txn);
        let cited_end = cited.get(1).map(|&(at, _)| at);
        let decided = over.filter(|&at| !matches!(signals[position + at].what, What::Booted(_)));
        ensure(cited_end == decided.map(|at| position + at), "the doubt ended otherwise")?;
        let last = signals.last().map_or(vote.at, |last| last.at);
        let until = over.map(|at| signals[position + at].at).or(self.end).unwrap_or(last);
        ensure(until.saturating_since(vote.at) > self.limit, "the doubt was short enough")
    }
}

// The judge.

impl NoBlocking {
    fn new(settings: Settings, catalog: &Arc<Catalog>) -> Self {
        Self {
            limit: settings.limit,
            catalog: Arc::clone(catalog),
            knowledge: Knowledge::default(),
            open: Table::new(),
            longest: None,
            tested: 0,
            doubts: 0,
            end: None,
        }
    }

    fn on_fact(&mut self, node: NodeId, fact: Fact, signal: &Signal) {
        match fact {
            Fact::Voted(txn, Vote::Yes) => self.on_yes(node, txn, signal),
            Fact::Decided(txn, _) => {
                if let Some(doubt) = self.open.remove(&(node, txn)) {
                    self.close((node, txn), doubt, signal.at, Some(*signal));
                }
            }
            _ => {}
        }
    }

    fn on_yes(&mut self, node: NodeId, txn: TxnId, signal: &Signal) {
        if self.knowledge.get(node, txn).decided.is_some() {
            return;
        }
        if let Some(doubt) = self.open.get_mut(&(node, txn)) {
            if doubt.lapsed.is_none_or(|lapsed| lapsed == signal.at) {
                doubt.lapsed = None;
                return;
            }
            let over = *doubt;
            self.close((node, txn), over, signal.at, None);
        }
        let tested = self.knowledge.is_any_down();
        self.open.insert((node, txn), Doubt { vote: *signal, tested, lapsed: None });
    }

    fn on_boot(&mut self, node: NodeId, at: Time) {
        let mut open = std::mem::take(&mut self.open);
        open.retain(|&(of, txn), doubt| {
            let lapsed_before = of == node && doubt.lapsed.is_some();
            if lapsed_before {
                self.close((of, txn), *doubt, at, None);
            } else if of == node {
                doubt.lapsed = Some(at);
            }
            !lapsed_before
        });
        self.open = open;
    }

    /// A doubt is over, at this instant or, if it lapsed before, at that one.
    fn close(
        &mut self,
        (node, txn): (NodeId, TxnId),
        doubt: Doubt,
        until: Time,
        decision: Option<Signal>,
    ) {
        self.doubts += 1;
        self.tested += u64::from(doubt.tested);
        let decision = decision.filter(|_| doubt.lapsed.is_none());
        let lasted = doubt.lapsed.unwrap_or(until).saturating_since(doubt.vote.at);
        if self.longest.is_none_or(|longest| lasted > longest.lasted) {
            self.longest = Some(Past { node, txn, vote: doubt.vote, lasted, decision });
        }
    }

    fn witness(&self, past: &Past) -> Witness {
        let Past { node, txn, vote, lasted, decision } = past;
        let node = self.catalog.node(*node);
        let lasted = lasted.as_seconds_text(3);
        let sentence = format!("{node} in doubt about {txn} for {lasted} (limit {})", self.limit);
        match decision {
            Some(decision) => witness(sentence, &[*vote, *decision]),
            None => witness(sentence, &[*vote]),
        }
    }
}

// The witness, checked again.

/// Where a doubt that begins with the first of these signals is over: at a decision, or at a boot
/// that does not show the vote again.
fn over(signals: &[Signal], node: NodeId, txn: TxnId) -> Option<usize> {
    let yes = Fact::Voted(txn, Vote::Yes);
    let mut boot = None;
    for (position, signal) in signals.iter().enumerate() {
        match signal.what {
            What::Booted(of) if of == node && boot.is_some() => return boot,
            What::Booted(of) if of == node => boot = Some(position),
            What::Stated(of, fact) | What::Replayed(of, fact) if of == node && fact == yes => {
                if boot.is_some_and(|boot: usize| signals[boot].at < signal.at) {
                    return boot;
                }
                boot = None;
            }
            What::Stated(of, Fact::Decided(on, _)) | What::Replayed(of, Fact::Decided(on, _))
                if of == node && on == txn =>
            {
                return boot.or(Some(position));
            }
            _ => {}
        }
    }
    boot
}

#[cfg(test)]
mod tests {
    use super::{super::litmus::*, *};
    use crate::checkers::Judgement;

    fn gives(story: &[(u64, What)], word: &str) -> Judgement {
        let case = Case { end: Time::from_secs(10), ..Case::of("NoBlocking") };
        case.gives(NO_BLOCKING, &tell_at(story), word)
    }

    #[test]
    fn a_doubt_of_exactly_the_limit_is_allowed() {
        let story = |decided| [(0, yes(P1, 3)), (1, DISTURBED), (decided, commit(P1, 3))];
        let judgement = gives(&story(1_000), "holds");
        assert_eq!(judgement.note, "longest doubt 1s of 1 doubt");
        let sentence = sentence(gives(&story(1_001), "violated"));
        assert_eq!(sentence, "p1 in doubt about t3 for 1.001s (limit 1s)");
    }

    #[test]
    fn an_open_doubt_lasts_until_the_end_of_the_run() {
        let sentence = sentence(gives(&[(5_000, yes(P1, 3))], "violated"));
        assert_eq!(sentence, "p1 in doubt about t3 for 5.000s (limit 1s)");
        gives(&[(9_500, yes(P1, 3)), (9_600, DISTURBED)], "holds");
    }

    #[test]
    fn the_decision_of_another_node_or_another_transaction_ends_no_doubt() {
        gives(&[(0, yes(P1, 3)), (1, commit(C, 3))], "violated");
        gives(&[(0, yes(P1, 3)), (1, commit(P1, 4))], "violated");
        gives(&[(0, yes(P1, 3)), (1, DISTURBED), (2, commit(P1, 3))], "holds");
    }

    #[test]
    fn a_doubt_goes_on_while_the_node_is_down_if_the_vote_survives() {
        let story =
            |survived| [(0, yes(P1, 3)), (1, crash(P1)), (2_000, boot(P1)), (2_000, survived)];
        gives(&story(again(yes(P1, 3))), "violated");
        assert!(sentence(gives(&story(HEALED), "violated")).contains("2.000s"));
        let short = [(0, yes(P1, 3)), (1, crash(P1)), (900, boot(P1))];
        gives(&short, "holds");
        gives(&[&short[..], &[(900, again(yes(P1, 3)))]].concat(), "violated");
    }

    #[test]
    fn a_decision_that_a_crash_took_begins_a_new_doubt() {
        let story = |last| {
            let before = [(0, yes(P1, 3)), (9, commit(P1, 3)), (10, crash(P1)), (20, boot(P1))];
            [&before[..], &[(20, again(yes(P1, 3))), (20, last)]].concat()
        };
        gives(&story(again(commit(P1, 3))), "not_exercised");
        gives(&story(HEALED), "violated");
    }

    #[test]
    fn a_vote_given_again_after_it_was_lost_begins_a_new_doubt() {
        let story = |decided| {
            let before = [(0, yes(P1, 3)), (10, crash(P1)), (20, boot(P1))];
            [&before[..], &[(900, yes(P1, 3)), (decided, commit(P1, 3))]].concat()
        };
        gives(&story(1_900), "holds");
        gives(&story(1_901), "violated");
    }

    #[test]
    fn doubts_without_a_fault_are_not_exercised() {
        let quiet = [(0, yes(P1, 3)), (5, commit(P1, 3))];
        gives(&quiet, "not_exercised");
        gives(&[&quiet[..], &[(6, DISTURBED)]].concat(), "not_exercised");
        gives(&[&[(0, crash(C))], &quiet[..]].concat(), "holds");
    }

    #[test]
    fn the_limit_is_a_setting() {
        let story = tell_at(&[(0, yes(P1, 3)), (1, DISTURBED), (30, commit(P1, 3))]);
        let with = |settings| Case { settings, ..Case::of("NoBlocking") };
        with("(limit: \"30ms\")").gives(NO_BLOCKING, &story, "holds");
        with("(limit: \"29ms\")").gives(NO_BLOCKING, &story, "violated");
    }

    #[test]
    fn a_run_that_was_cut_off_ends_with_its_last_event() {
        let case = Case { outcome: Outcome::LimitReached, ..Case::of("NoBlocking") };
        case.gives(NO_BLOCKING, &tell_at(&[(0, yes(P1, 3)), (900, DISTURBED)]), "holds");
    }

    #[test]
    fn a_witness_that_hides_the_decision_is_refused() {
        let signals = tell_at(&[(0, yes(P1, 3)), (5, commit(P1, 3)), (9_000, DISTURBED)]);
        let catalog = Arc::new(Catalog::named(&["c", "p1"]));
        let checker = NoBlocking::new(Settings::default(), &catalog);
        let lie = witness("p1 in doubt about t3 for 9s".to_owned(), &signals[..1]);
        assert_eq!(
            checker.recheck(NO_BLOCKING, &lie, &signals),
            Err("the doubt ended otherwise".to_owned())
        );
    }

    #[test]
    fn a_vote_that_survives_a_boot_is_as_old_as_it_was() {
        let story = |decided| {
            let before = [(0, yes(P1, 3)), (1, crash(P1)), (900, boot(P1))];
            [&before[..], &[(900, again(yes(P1, 3))), (decided, commit(P1, 3))]].concat()
        };
        gives(&story(1_000), "holds");
        gives(&story(1_001), "violated");
    }

    #[test]
    fn a_vote_is_lost_at_the_first_boot_that_does_not_show_it() {
        let story = |first| {
            let before = [(0, yes(P1, 3)), (1, crash(P1)), (first, boot(P1))];
            [&before[..], &[(1_500, crash(P1)), (2_000, boot(P1))]].concat()
        };
        gives(&story(1_000), "holds");
        assert!(sentence(gives(&story(1_001), "violated")).contains("for 1.001s"));
    }

    #[test]
    fn of_doubts_that_last_alike_the_first_is_told() {
        let sentence = sentence(gives(&[(0, yes(P1, 3)), (0, yes(P2, 3))], "violated"));
        assert_eq!(sentence, "p1 in doubt about t3 for 10.000s (limit 1s)");
    }
}
