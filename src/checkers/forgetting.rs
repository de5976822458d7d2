//! Forgetting: whoever must remember a transaction gets to forget it.
//!
//! ```text
//!   c   commit(t3), remembers(t3) ──ack──ack──▶ forgot(t3)         its log can be cut
//!
//!   faults over ⇒ in the end, for all n up, t: remembers(n, t) ⇒ forgot(n, t) after it
//! ```
//!
//! Source: Mohan, Lindsay & Obermarck 1986, section 3: a coordinator keeps a transaction until all
//! who may ask have acknowledged. A node remembers what its log tells now: a record of forgetting
//! that a crash took must be written again. A node that is down in the end is not judged.
//!
//! A bound on the size of the log was rejected: it would need a number for every scenario.
//!
//! Limits: whether it forgot too early is not judged here; then somebody blocks or decides wrong.

use super::{
    CheckEntry, Checker, Finish, Judgement, NoSettings, PropertyInfo, Witness,
    evidence::{self, ensure, find, witness},
    knowledge::{Knowledge, Weather, count, judge_at_rest, order},
};
use crate::engine::{
    facts::Fact,
    runner::Catalog,
    signal::{Signal, What},
};
use std::sync::Arc;

const FORGETTING: &str = "forgetting";

/// The line of the registry.
pub(super) const ENTRY: CheckEntry = CheckEntry {
    name: "Forgetting",
    properties: &[PropertyInfo {
        name: FORGETTING,
        demands: "once faults are over, whatever had to be remembered gets forgotten",
        exercised_by: "transactions that some node had to remember, in a run whose faults are over",
        source: "Mohan, Lindsay & Obermarck 1986, Transaction Management in R*, section 3",
    }],
    build: |text, named, catalog| {
        named.decode::<NoSettings>(text)?;
        Ok(Box::new(Forgetting {
            catalog: Arc::clone(catalog),
            knowledge: Knowledge::default(),
            weather: Weather::default(),
            remembered: 0,
        }))
    },
};

struct Forgetting {
    catalog: Arc<Catalog>,
    knowledge: Knowledge,
    weather: Weather,
    remembered: u64,
}

impl Checker for Forgetting {
    fn reset(&mut self) {
        self.knowledge.reset();
        self.weather = Weather::default();
        self.remembered = 0;
    }

    fn on_signal(&mut self, signal: &Signal) {
        self.knowledge.on_signal(signal);
        self.weather.on_signal(signal);
        let begins = matches!(signal.what, What::Stated(_, Fact::Remembers(_)));
        self.remembered += u64::from(begins);
    }

    fn finish(&mut self, finish: &Finish<'_>) -> Vec<Judgement> {
        let living = self.knowledge.of_the_living();
        let kept = living.filter_map(|(node, txn, known)| Some((node, txn, known.remembers?)));
        let first = kept.min_by_key(|(.., signal)| order(signal));
        let broken = first.map(|(node, txn, signal)| {
            let node = self.catalog.node(node);
            let since = signal.at;
            let sentence = format!("{node} remembers {txn} since {since} and never forgot it");
            witness(sentence, &[signal])
        });
        let note = count(self.remembered, "transaction", "transactions") + " remembered";
        let rest = (&self.weather, finish);
        vec![judge_at_rest(FORGETTING, rest, broken, (self.remembered, note))]
    }

    fn recheck(&self, property: &str, witness: &Witness, signals: &[Signal]) -> Result<(), String> {
        if property != FORGETTING {
            return evidence::no_such_property(property);
        }
        let [(position, signal)] = find(witness, signals)?[..] else {
            return Err("one event is needed".to_owned());
        };
        let (What::Stated(node, Fact::Remembers(txn)) | What::Replayed(node, Fact::Remembers(txn))) =
            signal.what
        else {
            return Err("the cited event begins no memory".to_owned());
        };
        ensure(evidence::settled(signals), "faults were never over")?;
        ensure(evidence::is_up(signals, node), "the node is down")?;
        let known: Vec<_> = evidence::known(signals, node).collect();
        ensure(known.iter().any(|&(at, _)| at == position), "the memory did not survive")?;
        let mut later = known.iter().filter(|&&(at, _)| at > position);
        ensure(!later.any(|&(_, fact)| fact == Fact::Forgot(txn)), "it was forgotten")
    }
}

#[cfg(test)]
mod tests {
    use super::super::litmus::*;
    use super::*;
    use crate::engine::runner::Outcome;

    #[test]
    fn what_is_remembered_gets_forgotten() {
        legal(FORGETTING, &[remembers(C, 1), forgot(C, 1)]);
        legal(FORGETTING, &[remembers(C, 1), DISTURBED, HEALED, forgot(C, 1)]);
        illegal(FORGETTING, &[remembers(C, 1), DISTURBED, HEALED, forgot(C, 2)]);
        illegal(FORGETTING, &[remembers(C, 1), forgot(P1, 1)]);
        let sentence = illegal(FORGETTING, &[forgot(C, 1), remembers(C, 1)]);
        assert_eq!(sentence, "c remembers t1 since 1ms and never forgot it");
    }

    #[test]
    fn a_forgetting_that_a_crash_took_must_happen_again() {
        let story = |survived| {
            let before = [remembers(C, 1), forgot(C, 1), crash(C), boot(C), HEALED];
            [&before[..], &[again(remembers(C, 1)), survived]].concat()
        };
        legal(FORGETTING, &story(again(forgot(C, 1))));
        illegal(FORGETTING, &story(HEALED));
    }

    #[test]
    fn who_is_down_or_lost_the_memory_is_not_judged() {
        legal(FORGETTING, &[remembers(C, 1), HEALED, crash(C)]);
        legal(FORGETTING, &[remembers(C, 1), HEALED, crash(C), boot(C)]);
    }

    #[test]
    fn without_memory_or_with_faults_to_the_end_nothing_is_tested() {
        untested(FORGETTING, &[forgot(C, 1), HEALED]);
        untested(FORGETTING, &[remembers(C, 1), DISTURBED]);
        let case = Case { outcome: Outcome::LimitReached, ..Case::of("Forgetting") };
        case.gives(FORGETTING, &tell(&[remembers(C, 1)]), "unknown");
    }
}
