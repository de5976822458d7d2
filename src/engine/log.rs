//! A node's disk, as most protocols see it: a log of typed records.
//!
//! ```text
//!   1 ─ 2 ─ 3 ─ 4 │ 5 ─ 6 ─ 7          after a crash: 1‥4 and a prefix of 5‥7
//!         durable ┘         └ written
//! ```
//!
//! A force makes everything before it durable. What was only written is at the mercy of the next
//! crash: the log keeps a *prefix* of its unsynced tail, the first record after it possibly torn
//! and then cut away. Keeping any subset was rejected here: replay would see the third record
//! without the second, which no log with checksums allows; subsets belong to raw files.
//!
//! The log also remembers up to where its records *count* (were stated as facts).

use crate::base::{draws::below, ids::EventId, ids::Lsn};

/// Whether a record was forced or only written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writing {
    /// What follows waits for it.
    Forced,
    /// It is durable some time later, if ever.
    Lazy,
}

/// One record and how it got there.
#[derive(Clone, Debug)]
pub(super) struct Entry<R> {
    pub(super) record: R,
    pub(super) writing: Writing,
    pub(super) event: EventId,
}

/// One node's log.
#[derive(Clone, Debug)]
pub(super) struct Log<R> {
    entries: Vec<Entry<R>>,
    /// Position of the last record that a checkpoint replaced.
    base: Lsn,
    durable: Lsn,
    /// Up to where it is on the platter: less than durable where the disk has lied.
    safe: Lsn,
    stated: Lsn,
}

/// What a crash left of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Remains {
    /// Records lost with the tail.
    pub(super) lost: u32,
    /// Unsynced records that survived all the same.
    pub(super) kept: u32,
    /// Records lost of which the disk had said that they were safe.
    pub(super) lied: u32,
}

impl<R> Log<R> {
    pub(super) fn new() -> Self {
        let none = Lsn(0);
        Self { entries: Vec::new(), base: none, durable: none, safe: none, stated: none }
    }

    /// Empties the log, as on a new disk.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        (self.base, self.durable, self.safe, self.stated) = (Lsn(0), Lsn(0), Lsn(0), Lsn(0));
    }

    /// The position of the last record.
    pub(super) fn end(&self) -> Lsn {
        Lsn(self.base.0 + self.entries.len() as u32)
    }

    pub(super) fn durable(&self) -> Lsn {
        self.durable
    }

    /// The position before the first record that is there.
    pub(super) fn base(&self) -> Lsn {
        self.base
    }

    /// Up to where records count.
    pub(super) fn stated(&self) -> Lsn {
        self.stated
    }

    /// Adds a record at the end.
    pub(super) fn append(&mut self, record: R, writing: Writing, event: EventId) -> Lsn {
        self.entries.push(Entry { record, writing, event });
        self.end()
    }

    /// Everything up to a position is on the disk.
    pub(super) fn harden(&mut self, upto: Lsn) {
        assert!(upto <= self.end(), "a force cannot make more durable than was appended");
        self.durable = self.durable.max(upto);
        self.safe = self.durable;
    }

    /// The disk says so, and lies: a crash may still take it.
    pub(super) fn pretend(&mut self, upto: Lsn) {
        self.durable = self.durable.max(upto);
    }

    /// Replaces all records so far by one that says the same.
    pub(super) fn checkpoint(&mut self, record: R, event: EventId) {
        let end = self.end();
        self.entries.clear();
        self.entries.push(Entry { record, writing: Writing::Forced, event });
        (self.base, self.durable, self.stated) = (end, end.next(), end.next());
        self.safe = self.durable;
    }

    /// The next record that counts by now and was not yet stated: durable, or written without a
    /// force and not behind a force that is still under way.
    pub(super) fn next_to_state(&mut self) -> Option<&Entry<R>> {
        let next = self.stated.next();
        let entry = self.entries.get((next.0 - self.base.0 - 1) as usize)?;
        let counts = next <= self.durable || entry.writing == Writing::Lazy;
        counts.then(|| {
            self.stated = next;
            entry
        })
    }

    /// How many records a crash may take.
    pub(super) fn at_risk(&self) -> u32 {
        self.end().0 - self.safe.0
    }

    /// The unsynced tail meets a crash: a prefix of it, chosen by the word, survives.
    pub(super) fn crash(&mut self, word: u64) -> Remains {
        self.crash_keeping(below(word, u64::from(self.at_risk()) + 1) as u32)
    }

    /// The same with the length of the prefix that survives, or all there is.
    pub(super) fn crash_keeping(&mut self, records: u32) -> Remains {
        let tail = self.at_risk();
        let kept = records.min(tail);
        let lied = self.durable.0 - self.safe.0;
        self.entries.truncate((self.safe.0 + kept - self.base.0) as usize);
        (self.durable, self.safe) = (self.end(), self.end());
        self.stated = self.stated.min(self.end());
        Remains { lost: tail - kept, kept, lied: lied.saturating_sub(kept) }
    }

    /// Whether a record has been stated before.
    pub(super) fn was_stated(&self, position: Lsn) -> bool {
        position <= self.stated
    }

    /// All records are stated: replay has seen them.
    pub(super) fn state_all(&mut self) {
        self.stated = self.end();
    }

    /// The records with their positions, oldest first.
    pub(super) fn entries(&self) -> impl Iterator<Item = (Lsn, &Entry<R>)> {
        let base = self.base.0;
        self.entries.iter().enumerate().map(move |(i, entry)| (Lsn(base + i as u32 + 1), entry))
    }

    /// A record by its place among those that are there.
    pub(super) fn get(&self, place: usize) -> Option<&Entry<R>> {
        self.entries.get(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(durable: u32, written: u32) -> Log<u32> {
        let mut log = Log::new();
        for record in 1..=durable + written {
            log.append(record, Writing::Lazy, EventId(record));
        }
        log.harden(Lsn(durable));
        log
    }

    fn records(log: &Log<u32>) -> Vec<u32> {
        log.entries().map(|(_, entry)| entry.record).collect()
    }

    #[test]
    fn a_crash_keeps_all_that_is_durable_and_a_prefix_of_the_rest() {
        for (word, kept) in [(0, 0), (u64::MAX / 2, 1), (u64::MAX, 3)] {
            let mut log = log(2, 3);
            assert_eq!(log.crash(word), Remains { lost: 3 - kept, kept, lied: 0 });
            assert_eq!(records(&log), (1..=2 + kept).collect::<Vec<_>>());
            assert_eq!(log.durable(), log.end());
        }
    }

    #[test]
    fn a_forced_record_counts_when_it_is_durable_and_holds_back_what_follows() {
        let mut log = Log::new();
        log.append(1, Writing::Lazy, EventId(1));
        log.append(2, Writing::Forced, EventId(2));
        log.append(3, Writing::Lazy, EventId(3));
        assert_eq!(log.next_to_state().map(|entry| entry.record), Some(1));
        assert!(log.next_to_state().is_none());
        log.harden(Lsn(2));
        assert_eq!(log.next_to_state().map(|entry| entry.record), Some(2));
        assert_eq!(log.next_to_state().map(|entry| entry.record), Some(3));
        assert!(log.next_to_state().is_none());
    }

    #[test]
    fn a_checkpoint_replaces_the_prefix_and_keeps_the_positions() {
        let mut log = log(3, 0);
        log.state_all();
        log.checkpoint(9, EventId(4));
        assert_eq!((log.end(), records(&log)), (Lsn(4), vec![9]));
        assert_eq!(log.append(10, Writing::Forced, EventId(5)), Lsn(5));
        assert!(log.next_to_state().is_none());
        log.harden(Lsn(5));
        assert_eq!(log.next_to_state().map(|entry| entry.record), Some(10));
    }
}
