//! Staleness: how many newer versions a read missed that were written before it began.
//!
//! ```text
//!   write 1 ├──┤   write 2 ├──┤   write 3 ├──┤  ├─ read ─┤ = 1      misses two versions
//! ```
//!
//! A write is newer than another if it began when or after the other had ended; a read misses it if it had
//! been answered ok before the read began. Writes that overlap the read or each other are given to
//! the benefit of the store, so that a read is counted only when every order of writes makes it
//! stale. Values of a register are told apart, so each read names its write; a read of what nobody
//! wrote saw the initial value, which is older than all (k-staleness: Bailis et al., PVLDB 5(8),
//! 2012, section 3.1).
//!
//! Limits: it looks at all writes of a key for every read, once per run.

use super::{Metric, pairs};
use crate::{
    base::{
        table::Table,
        text::{
            decode::Named,
            diagnostic::{Code, Diagnostic},
        },
        time::Time,
    },
    engine::operations::{Ending, HistoryEntry, Operation},
    scenario::plan::Plan,
    study::estimate::{Pair, Statistic},
};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Options {
    versions: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { versions: 1 }
    }
}

/// The metric `Stale`.
pub(super) fn stale(text: &str, named: &Named<'_>, _: &Plan) -> Result<Metric, Vec<Diagnostic>> {
    let Options { versions } = named.decode(text)?;
    if versions == 0 {
        let reason = "a read that misses no version is not stale: `versions` is at least 1";
        return Err(vec![Diagnostic::error(Code::BadSetting, named.name_span, reason)]);
    }
    Ok(pairs(Statistic::Share, move |run| count(run.history, versions)))
}

/// One write of a register.
#[derive(Clone, Copy)]
struct Written {
    value: i64,
    began: Time,
    /// When it was answered ok.
    ended: Option<Time>,
}

/// Reads that miss so many versions, of all that were answered ok.
fn count(history: &[HistoryEntry], versions: u64) -> Pair {
    let mut written: Table<u32, Vec<Written>> = Table::new();
    for entry in history {
        let Operation::Write { key, value } = entry.operation else { continue };
        let ended = match entry.ending {
            Some((at, Ending::Ok(_))) => Some(at),
            _ => None,
        };
        let write = Written { value, began: entry.invoked_at, ended };
        written.entry_or_default(key).push(write);
    }
    let mut pair = Pair::default();
    for entry in history {
        let (Operation::Read { key }, Some((_, Ending::Ok(seen)))) =
            (entry.operation, entry.ending)
        else {
            continue;
        };
        let writes = written.get(&key).map_or(&[][..], Vec::as_slice);
        let missed = missed(writes, seen, entry.invoked_at);
        pair = Pair { sum: pair.sum + u64::from(versions <= missed), of: pair.of + 1 };
    }
    pair
}

/// How many versions newer than what was seen had been answered before the read began.
fn missed(writes: &[Written], seen: Option<i64>, read_began: Time) -> u64 {
    let own = writes.iter().find(|write| Some(write.value) == seen);
    // A write without an answer may take effect at any time, so nothing is surely newer.
    let since = match own {
        None => Some(None),
        Some(own) => own.ended.map(Some),
    };
    let Some(since) = since else { return 0 };
    let newer = |write: &&Written| since.is_none_or(|since| since <= write.began);
    let before = |write: &&Written| write.ended.is_some_and(|ended| ended <= read_began);
    writes.iter().filter(newer).filter(before).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(value: i64, began: u64, ended: Option<u64>) -> Written {
        let ended = ended.map(Time::from_nanos);
        Written { value, began: Time::from_nanos(began), ended }
    }

    #[test]
    fn a_read_misses_what_was_answered_before_it_began_and_begun_after_what_it_saw() {
        let writes = [write(1, 0, Some(5)), write(2, 10, Some(15)), write(3, 20, Some(25))];
        let missed = |seen, at| missed(&writes, seen, Time::from_nanos(at));
        assert_eq!(missed(Some(1), 30), 2);
        assert_eq!(missed(Some(3), 30), 0);
        assert_eq!(missed(Some(0), 30), 3, "the initial value is older than all");
        assert_eq!(missed(Some(1), 24), 1, "the third had not been answered");
    }

    #[test]
    fn what_overlaps_or_was_never_answered_is_no_proof() {
        let writes = [write(1, 0, Some(12)), write(2, 10, Some(15)), write(3, 20, None)];
        let missed = |seen, at| missed(&writes, seen, Time::from_nanos(at));
        assert_eq!(missed(Some(1), 30), 0);
        assert_eq!(missed(Some(3), 30), 0);
    }
}
