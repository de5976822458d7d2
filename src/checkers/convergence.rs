//! Convergence: once nobody writes and faults are over, all reads of a register agree.
//!
//! ```text
//!   writes  ├──┤  ├──┤                    faults ─── healed
//!                    └ the last end ────────────────┴──── within ────▶ from here on
//!                                                          read→2   read→2   one value
//! ```
//!
//! Source: Vogels 2009, Eventually consistent; the bound makes a promise of it that a run can break.
//! Reads count that begin at least `within` after the last write of their register has ended for
//! its client, or was given up, and after faults are over.
//!
//! Comparing the replicas themselves was rejected: what no client can see may differ for ever.
//!
//! Limits: says nothing of *which* value is read; that is the business of linearizability. A
//! register with an open write is not judged.

use super::{
    CheckEntry, Checker, Finish, Judgement, PropertyInfo, Witness,
    evidence::{self, ensure, witness},
    history::recheck::{self, Told},
    knowledge::{Weather, count, judge},
};
use crate::{
    base::{
        ids::OpId,
        table::Table,
        time::{Duration, Time},
    },
    engine::{
        operations::{Ending, Operation},
        runner::Catalog,
        signal::{Signal, What},
    },
};
use std::sync::Arc;

const CONVERGENCE: &str = "convergence";

/// The line of the registry.
pub(super) const ENTRY: CheckEntry = CheckEntry {
    name: "Convergence",
    properties: &[PropertyInfo {
        name: CONVERGENCE,
        demands: "some time after the last write and the last fault, all reads of a register agree",
        exercised_by: "such reads, from the second of a register on",
        source: "Vogels 2009, Eventually Consistent",
    }],
    build: |text, named, catalog| {
        let settings: Settings = named.decode(text)?;
        Ok(Box::new(Convergence {
            settings,
            catalog: Arc::clone(catalog),
            weather: Weather::default(),
            operations: Table::new(),
        }))
    },
};

#[derive(Clone, Copy, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    /// How long the replicas may take.
    within: Duration,
    /// What a read saw that was answered without a value.
    initial: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { within: Duration::from_secs(1), initial: 0 }
    }
}

struct Convergence {
    settings: Settings,
    catalog: Arc<Catalog>,
    weather: Weather,
    operations: Table<OpId, (Signal, Option<(Signal, Ending)>)>,
}

impl Checker for Convergence {
    fn reset(&mut self) {
        self.weather = Weather::default();
        self.operations.clear();
    }

    fn on_signal(&mut self, signal: &Signal) {
        self.weather.on_signal(signal);
        match signal.what {
            What::Invoked(op, ..) => {
                self.operations.or_insert_with(op, || (*signal, None));
            }
            What::Ended(op, ending) => {
                if let Some((_, ended)) = self.operations.get_mut(&op) {
                    ended.get_or_insert((*signal, ending));
                }
            }
            _ => {}
        }
    }

    fn finish(&mut self, _: &Finish<'_>) -> Vec<Judgement> {
        if !self.weather.is_settled() {
            return vec![judge(CONVERGENCE, None, 0, "faults were never over".to_owned())];
        }
        let mut first_reads: Table<u32, (Signal, Signal, i64)> = Table::new();
        let (mut exercised, mut broken) = (0, None);
        let writes = self.last_writes();
        for (invoked, ended) in self.operations.values() {
            let What::Invoked(_, client, Operation::Read { key }) = invoked.what else { continue };
            let Some((ended, Ending::Ok(seen))) = *ended else { continue };
            let seen = seen.unwrap_or(self.settings.initial);
            let since = self.weather.healed().map_or(Time::ZERO, |healed| healed.at);
            let since = since.max(writes.get(&key).copied().unwrap_or(Time::ZERO));
            let due = since.checked_add(self.settings.within);
            if due.is_none_or(|due| invoked.at < due) {
                continue;
            }
            let Some((first_asked, first, value)) = first_reads.get(&key).copied() else {
                first_reads.insert(key, (*invoked, ended, seen));
                continue;
            };
            exercised += 1;
            if value != seen && broken.is_none() {
                let reader = self.catalog.endpoint(self.catalog.client_end(client));
                let sentence = format!(
                    "{reader} read {seen} from key {key} at {}, and {value} was read at {}: the \
                     last write or fault was over at {since}",
                    ended.at, first.at
                );
                broken = Some(witness(sentence, &[first_asked, first, *invoked, ended]));
            }
        }
        let note = count(exercised, "read", "reads") + " compared with the first one";
        vec![judge(CONVERGENCE, broken, exercised, note)]
    }

    fn recheck(&self, property: &str, witness: &Witness, signals: &[Signal]) -> Result<(), String> {
        if property != CONVERGENCE {
            return evidence::no_such_property(property);
        }
        let cited = recheck::cited(witness, signals)?;
        let [one, other] = cited.as_slice() else { return Err("two reads are needed".to_owned()) };
        let is_read = |told: &Told| matches!(told.asked, Operation::Read { .. });
        ensure(is_read(one) && is_read(other), "a cited operation is no read")?;
        ensure(one.key() == other.key(), "the registers differ")?;
        let initial = self.settings.initial;
        ensure(one.found(initial).is_some() && other.found(initial).is_some(), "no answer")?;
        ensure(one.found(initial) != other.found(initial), "the reads agree")?;
        ensure(evidence::settled(signals), "faults were never over")?;
        let since = quiet_since(signals, one.key())?;
        let is_due = |told: &Told| told.invoked.at.saturating_since(since) >= self.settings.within;
        ensure(since <= one.invoked.at && since <= other.invoked.at, "somebody still wrote")?;
        ensure(is_due(one) && is_due(other), "the replicas still had time")
    }
}

// The judge.

impl Convergence {
    /// When the last write of each register was over; never while one is open.
    fn last_writes(&self) -> Table<u32, Time> {
        let mut last: Table<u32, Time> = Table::new();
        for (invoked, ended) in self.operations.values() {
            let What::Invoked(_, _, asked) = invoked.what else { continue };
            let (Operation::Write { key, .. } | Operation::Cas { key, .. }) = asked else {
                continue;
            };
            let over = ended.map_or(Time::MAX, |(ended, _)| ended.at);
            let last = last.entry_or_default(key);
            *last = over.max(*last);
        }
        last
    }
}

// The witness, checked again.

/// When the last write of a register, and the last fault, were over.
fn quiet_since(signals: &[Signal], key: Option<u32>) -> Result<Time, String> {
    let mut since = Time::ZERO;
    for signal in signals {
        if signal.what == What::Healed {
            since = since.max(signal.at);
        }
        let What::Invoked(op, _, asked) = signal.what else { continue };
        let (Operation::Write { key: of, .. } | Operation::Cas { key: of, .. }) = asked else {
            continue;
        };
        if Some(of) == key {
            let end = |signal: &&Signal| matches!(signal.what, What::Ended(of, _) if of == op);
            let end = signals.iter().find(end).map(|signal| signal.at);
            since = since.max(end.ok_or("a write is still open")?);
        }
    }
    Ok(since)
}

#[cfg(test)]
mod tests {
    use super::super::litmus::registers::{asked, read, told, write};
    use super::super::litmus::*;
    use super::*;

    fn timed(calls: &[(u64, [What; 2])], events: &[(u64, What)]) -> Vec<Signal> {
        let mut story: Vec<(u64, What)> = events.to_vec();
        for &(at, [asks, ends]) in calls {
            story.extend([(at, asks), (at + 1, ends)]);
        }
        story.sort_by_key(|(at, _)| *at);
        tell_at(&story)
    }

    #[test]
    fn late_reads_agree() {
        let story = |seen| {
            timed(&[(0, write(1, 0, 5)), (1_001, read(2, 1, 5)), (1_100, read(3, 0, seen))], &[])
        };
        let case = Case::of("Convergence");
        case.gives(CONVERGENCE, &story(5), "holds");
        let sentence = sentence(case.gives(CONVERGENCE, &story(0), "violated"));
        assert!(sentence.starts_with("client1 read 0 from key 7 at 1.101s, and 5"), "{sentence}");
    }

    #[test]
    fn reads_that_come_too_early_or_while_somebody_writes_do_not_count() {
        let case = Case::of("Convergence");
        let early =
            timed(&[(0, write(1, 0, 5)), (1_000, read(2, 1, 0)), (1_100, read(3, 0, 5))], &[]);
        case.gives(CONVERGENCE, &early, "not_exercised");
        let [asks, _] = write(9, 2, 8);
        let calls = [(0, write(1, 0, 5)), (1_001, read(2, 1, 0)), (1_100, read(3, 0, 5))];
        case.gives(CONVERGENCE, &timed(&calls, &[]), "violated");
        case.gives(CONVERGENCE, &timed(&calls, &[(500, asks)]), "not_exercised");
        case.gives(CONVERGENCE, &timed(&calls, &[(500, DISTURBED)]), "not_exercised");
        case.gives(CONVERGENCE, &timed(&calls, &[(0, DISTURBED), (1, HEALED)]), "violated");
        case.gives(CONVERGENCE, &timed(&calls, &[(0, DISTURBED), (2, HEALED)]), "not_exercised");
    }

    #[test]
    fn a_witness_of_a_read_that_came_too_early_or_before_a_write_was_over_is_refused() {
        let case = Case::of("Convergence");
        let reads = [(1_000, read(2, 1, 0)), (1_100, read(3, 0, 5))];
        let early = timed(&[(0, write(1, 0, 5)), reads[0], reads[1]], &[]);
        case.refuses(CONVERGENCE, &early, &[2, 3, 4, 5]);
        let late = timed(&[(0, read(2, 1, 0)), (1, write(1, 0, 5)), (3, read(3, 0, 5))], &[]);
        let at_once = Case { settings: "(within: \"0s\")", ..Case::of("Convergence") };
        at_once.gives(CONVERGENCE, &late, "not_exercised");
        at_once.refuses(CONVERGENCE, &late, &[0, 1, 4, 5]);
        at_once.refuses(CONVERGENCE, &late, &[0, 2, 4, 5]);
    }

    #[test]
    fn an_exchange_is_no_read_though_it_finds_a_value() {
        let exchange = Operation::Cas { key: 7, expected: 5, value: 6 };
        let [exchanges, done] = [asked(1, 0, exchange), told(1, None)];
        let [asks, sees] = read(2, 1, 6);
        let signals = tell_at(&[(0, exchanges), (0, done), (1, asks), (2, sees)]);
        let case = Case { settings: "(within: \"0s\")", ..Case::of("Convergence") };
        case.gives(CONVERGENCE, &signals, "not_exercised");
        case.refuses(CONVERGENCE, &signals, &[0, 1, 2, 3]);
    }
}
