//! Staleness: reads return one of the last versions, or what was newest a short while ago.
//!
//! ```text
//!   write 1 ├──┤   write 2 ├──┤            read→1 ├──┤
//!                             └──── t ────────────┘     1 version and t behind
//!   k: 1, t: "0s"   as a regular register      k: 2   the newest or the one before
//! ```
//!
//! Source: Golab, Li & Shah 2011; Bailis and others 2012. The judge is `history/staleness.rs`; here
//! it gets the history of a run. Only what is certain counts: writes that had ended before the read
//! began, and that began when the version read was in place. Without a bound nothing is demanded,
//! and the worst is told. A witness cites the read, the write it saw, and two newer writes; it is
//! checked again by counting once more.
//!
//! Limits: registers with unique values, else the verdict is unknown.

use super::{
    CheckEntry, Checker, Finish, Judgement, PropertyInfo, Witness,
    evidence::{self, ensure},
    history::{self, Bounds, Model, Rules, STALENESS, engine::Gathered, recheck},
};
use crate::{base::time::Duration, engine::signal::Signal};
use recheck::Told;

const SOURCE: &str = "Golab, Li & Shah 2011; Bailis and others 2012, Probabilistically Bounded \
                      Staleness";

/// The line of the registry.
pub(super) const ENTRY: CheckEntry = CheckEntry {
    name: "Staleness",
    properties: &[
        PropertyInfo {
            name: STALENESS[0],
            demands: "a read returns one of the last k versions that were written when it began",
            exercised_by: "reads that began when a write of their register had ended",
            source: SOURCE,
        },
        PropertyInfo {
            name: STALENESS[1],
            demands: "what a read returns was overwritten no longer than t before it began",
            exercised_by: "reads that began when a write of their register had ended",
            source: SOURCE,
        },
    ],
    build: |text, named, _| {
        let settings = named.decode(text)?;
        Ok(Box::new(Staleness { settings, gathered: Gathered::default() }))
    },
};

#[derive(Clone, Copy, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    /// Of how many versions a read may return one.
    k: Option<u64>,
    /// For how long what it returns may have been overwritten.
    t: Option<Duration>,
    /// What every register holds at first.
    initial: i64,
}

struct Staleness {
    settings: Settings,
    gathered: Gathered,
}

impl Checker for Staleness {
    fn reset(&mut self) {
        self.gathered.clear();
    }

    fn on_signal(&mut self, signal: &Signal) {
        self.gathered.on_signal(signal);
    }

    fn finish(&mut self, _: &Finish<'_>) -> Vec<Judgement> {
        let Settings { k, t, initial } = self.settings;
        let (history, initial) = self.gathered.history(initial);
        let rules = Rules { initial: vec![initial], ..Rules::of(Model::CasRegister) };
        let findings = history::staleness(&history, &rules, Bounds { versions: k, time: t });
        findings.into_iter().map(|finding| self.gathered.judgement(finding)).collect()
    }

    fn recheck(&self, property: &str, witness: &Witness, signals: &[Signal]) -> Result<(), String> {
        let initial = self.settings.initial;
        let cited = recheck::cited(witness, signals)?;
        let all = recheck::all(signals);
        // An exchange reads as well as it writes, and what was seen may be written later: any of
        // those cited may be the read.
        let mut found = Err("no read is cited".to_owned());
        for read in cited.iter().filter(|told| told.found(initial).is_some()) {
            found = self.is_stale(property, read, (&cited, &all));
            if found.is_ok() {
                break;
            }
        }
        found
    }
}

impl Staleness {
    /// Whether this read was too far behind, as far as what is cited goes.
    fn is_stale(
        &self,
        property: &str,
        read: &Told,
        (cited, all): (&[Told], &[Told]),
    ) -> Result<(), String> {
        let Settings { k, t, initial } = self.settings;
        let newer = newer_than_seen(read, all, initial);
        ensure(
            cited
                .iter()
                .filter(|told| told.op != read.op)
                .all(|told| told.left().is_some() && told.key() == read.key()),
            "a cited operation is no write of the register",
        )?;
        let first = newer.iter().filter_map(Told::ended).min();
        let since = first.map(|first| read.invoked.at.saturating_since(first.at));
        match property {
            name if name == STALENESS[0] => {
                ensure(k.is_some_and(|k| newer.len() as u64 >= k), "the read is new enough")
            }
            name if name == STALENESS[1] => ensure(
                t.is_some_and(|t| since.is_some_and(|since| since > t)),
                "the read is in time",
            ),
            _ => evidence::no_such_property(property),
        }
    }
}

// The witness, checked again.

/// The writes that ended before a read and began when what it saw was in place.
fn newer_than_seen(read: &Told, all: &[Told], initial: i64) -> Vec<Told> {
    let of_key = || all.iter().filter(|told| told.key() == read.key());
    let seen = read.found(initial);
    let has_it = |told: &&Told| told.left() == seen || told.found(initial) == seen;
    let in_place = of_key().filter(has_it).filter_map(Told::ended).min();
    let newer = of_key().filter(|write| {
        let is_newer = seen == Some(initial) || in_place.is_some_and(|since| since < write.invoked);
        write.left().is_some() && write.came_before(read) && is_newer
    });
    newer.copied().collect()
}

#[cfg(test)]
mod tests {
    use super::super::litmus::registers::{asked, read, told, write};
    use super::super::litmus::*;
    use super::*;
    use crate::engine::operations::Operation;

    /// Written at 1, 3 and 5 ms, read from 6 ms on.
    fn story(seen: i64) -> Vec<crate::engine::signal::Signal> {
        tell(&[write(1, 0, 4), write(2, 0, 5), write(3, 0, 6), read(4, 1, seen)].concat())
    }

    #[test]
    fn a_read_is_behind_by_versions_and_by_time() {
        for (seen, versions, millis) in [(6, 0, 0), (5, 1, 1), (4, 2, 3), (0, 3, 5)] {
            for (k, t, words) in [
                (versions + 1, millis, ["holds", "holds"]),
                (
                    versions.max(1),
                    millis.max(1) - 1,
                    if seen == 6 { ["holds"; 2] } else { ["violated"; 2] },
                ),
            ] {
                let settings = format!("(k: {k}, t: \"{t}ms\")");
                let case = Case { settings: &settings, ..Case::of("Staleness") };
                case.gives(STALENESS[0], &story(seen), words[0]);
                case.gives(STALENESS[1], &story(seen), words[1]);
            }
        }
    }

    #[test]
    fn the_read_of_a_witness_is_found_though_what_it_saw_was_exchanged_in_later() {
        let cas = |op, client, (expected, value)| {
            let operation = Operation::Cas { key: 7, expected, value };
            [asked(op, client, operation), told(op, None)]
        };
        let foreseen = [read(1, 1, 2), cas(2, 0, (0, 1)), cas(3, 1, (2, 3)), cas(4, 0, (3, 2))];
        let case = Case { settings: "(k: 1)", ..Case::of("Staleness") };
        let judgement = case.gives(STALENESS[0], &tell(&foreseen.concat()), "violated");
        assert!(sentence(judgement).contains("was answered `cas 2 -> 3`"));
    }

    #[test]
    fn one_version_is_no_plural() {
        let case = Case { settings: "(k: 1)", ..Case::of("Staleness") };
        let judged = sentence(case.gives(STALENESS[0], &story(5), "violated"));
        let told = "1 version behind; that was overwritten at 5ms, 1ms before the call began";
        assert!(judged.ends_with(told), "{judged}");
    }

    #[test]
    fn without_a_bound_the_worst_is_told_and_nothing_demanded() {
        let judgement = Case::of("Staleness").gives(STALENESS[0], &story(4), "not_exercised");
        assert_eq!(judgement.note, "1 of 1 reads stale, at worst by 2 versions, without a bound");
    }

    #[test]
    fn a_witness_that_cites_another_read_beside_the_stale_one_is_refused() {
        let signals =
            tell(&[write(1, 0, 4), write(2, 0, 5), read(3, 1, 4), read(4, 1, 5)].concat());
        let case = Case { settings: "(k: 1)", ..Case::of("Staleness") };
        case.gives(STALENESS[0], &signals, "violated");
        case.refuses(STALENESS[0], &signals, &[4, 5, 6, 7]);
    }
}
