//! What a broker must not lose: the logs of all partitions, and how far everyone is.
//!
//! ```text
//!   logs[p]       first ─▶ [ e4 e5 e6 e7 ]      e0‥e3 dropped by retention
//!   committed[g, p] ────────────▲               the group is done with all before
//!   sequences[producer, p]  attempts[g, p]      the last known repeat · failures at the head
//! ```
//!
//! Changes only by redo, so a replay comes to the same. Retention drops events only on the way
//! into a checkpoint: dropping them between two would make a replayed log differ from memory.
//!
//! Limits: one sequence is kept per producer and partition, for ever.

use super::{GroupId, Offset, Partition, Position, ProducerId, Record, Retention, TopicId, Unread};
use crate::base::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// One event in its partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry<E> {
    /// The event.
    pub event: E,
    /// When it came, where retention asks for it.
    pub at: Option<Time>,
    /// Where it failed, if it is a dead letter.
    pub origin: Option<Origin>,
}

/// Where a dead letter comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Who could not handle it.
    pub group: GroupId,
    /// Where it stood.
    pub at: Position,
}

/// One partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Log<E> {
    first: Offset,
    entries: VecDeque<Entry<E>>,
}

/// All that a broker must not lose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept<E> {
    logs: BTreeMap<Partition, Log<E>>,
    sequences: BTreeMap<(ProducerId, Partition), u64>,
    subscribed: BTreeMap<GroupId, Vec<TopicId>>,
    committed: BTreeMap<(GroupId, Partition), Offset>,
    attempts: BTreeMap<(GroupId, Partition), (Offset, u16)>,
    /// Since the last checkpoint.
    records: u32,
}

impl<E> Default for Kept<E> {
    fn default() -> Self {
        Self {
            logs: BTreeMap::new(),
            sequences: BTreeMap::new(),
            subscribed: BTreeMap::new(),
            committed: BTreeMap::new(),
            attempts: BTreeMap::new(),
            records: 0,
        }
    }
}

impl<E> Log<E> {
    fn end(&self) -> Offset {
        Offset(self.first.0 + self.entries.len() as u64)
    }

    fn get(&self, offset: Offset) -> Option<&Entry<E>> {
        self.entries.get(usize::try_from(offset.0.checked_sub(self.first.0)?).ok()?)
    }
}

impl<E> Kept<E> {
    /// The events of a partition that are still there, with their offsets.
    pub fn events(&self, partition: Partition) -> impl Iterator<Item = (Offset, &Entry<E>)> {
        let log = self.logs.get(&partition);
        let first = log.map_or(0, |log| log.first.0);
        let entries = log.into_iter().flat_map(|log| &log.entries);
        entries.enumerate().map(move |(nth, entry)| (Offset(first + nth as u64), entry))
    }

    /// The offset of the first event of a partition that retention has not dropped.
    pub fn first(&self, partition: Partition) -> Offset {
        self.logs.get(&partition).map_or(Offset(0), |log| log.first)
    }

    /// The offset that the next event of a partition will have.
    pub fn end(&self, partition: Partition) -> Offset {
        self.logs.get(&partition).map_or(Offset(0), Log::end)
    }

    /// How many events of a partition a group is done with.
    pub fn committed(&self, group: GroupId, partition: Partition) -> Offset {
        self.committed.get(&(group, partition)).copied().unwrap_or_default()
    }

    /// How often a group failed at an event.
    pub fn attempts(&self, group: GroupId, at: Position) -> u16 {
        match self.attempts.get(&(group, at.partition)) {
            Some(&(offset, attempts)) if offset == at.offset => attempts,
            _ => 0,
        }
    }

    /// What a group reads; `None` for one that never subscribed.
    pub(super) fn topics(&self, group: GroupId) -> Option<&[TopicId]> {
        self.subscribed.get(&group).map(Vec::as_slice)
    }

    pub(super) fn sequence(&self, producer: ProducerId, partition: Partition) -> u64 {
        self.sequences.get(&(producer, partition)).copied().unwrap_or_default()
    }

    /// How many records were logged since the last checkpoint.
    pub fn records(&self) -> u32 {
        self.records
    }

    /// Drops the oldest events as far as retention, and readers where they count, allow.
    pub(super) fn drop_old(&mut self, retention: Retention, unread: Unread, now: Option<Time>) {
        self.records = 0;
        let oldest = now.zip(retention.age_max()).map(|(now, age)| now.saturating_sub(age));
        let Self { logs, subscribed, committed, .. } = self;
        for (partition, log) in logs {
            if partition.topic == TopicId::DEAD_LETTERS {
                continue;
            }
            let readers = subscribed.iter().filter(|(_, topics)| topics.contains(&partition.topic));
            let done = readers.map(|(group, _)| {
                committed.get(&(*group, *partition)).copied().unwrap_or_default()
            });
            let floor = match unread {
                Unread::Keep => Some(done.min().unwrap_or_default()), // Of nobody: all is unread.
                Unread::Drop => None,
            };
            while let Some(entry) = log.entries.front() {
                let many = retention.events_max().is_some_and(|max| max < log.entries.len() as u64);
                let old = entry.at.zip(oldest).is_some_and(|(at, oldest)| at < oldest);
                if !(many || old) || floor.is_some_and(|floor| floor <= log.first) {
                    break;
                }
                log.entries.pop_front();
                log.first.0 += 1;
            }
        }
    }
}

impl<E: Clone> Kept<E> {
    /// Up to so many events from an offset on.
    pub(super) fn read(&self, from: Position, count_max: u16) -> Vec<E> {
        let Some(log) = self.logs.get(&from.partition) else { return Vec::new() };
        let skipped = from.offset.0.saturating_sub(log.first.0);
        let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
        let entries = log.entries.iter().skip(skipped).take(usize::from(count_max));
        entries.map(|entry| entry.event.clone()).collect()
    }

    /// What a record does.
    pub(super) fn redo(&mut self, record: Record<E>) {
        self.records += 1;
        match record {
            Record::Appended { partition, stamp, at, event } => {
                let known = self.sequences.entry((stamp.producer, partition)).or_default();
                *known = stamp.sequence.max(*known);
                self.append(partition, Entry { event, at, origin: None });
            }
            Record::Subscribed { group, topics } => _ = self.subscribed.insert(group, topics),
            Record::Committed { group, done } => self.commit(group, done),
            Record::Attempted { group, at, attempts } => {
                self.attempts.insert((group, at.partition), (at.offset, attempts));
            }
            Record::DeadLettered { group, at } => self.move_aside(group, at),
            Record::Checkpoint(kept) => *self = kept,
        }
    }

    fn append(&mut self, partition: Partition, entry: Entry<E>) {
        let empty = || Log { first: Offset(0), entries: VecDeque::new() };
        self.logs.entry(partition).or_insert_with(empty).entries.push_back(entry);
    }

    fn commit(&mut self, group: GroupId, done: Position) {
        let key = (group, done.partition);
        let committed = self.committed.entry(key).or_default();
        *committed = done.offset.max(*committed);
        if self.attempts.get(&key).is_some_and(|(offset, _)| *offset < done.offset) {
            self.attempts.remove(&key);
        }
    }

    fn move_aside(&mut self, group: GroupId, at: Position) {
        let entry = self.logs.get(&at.partition).and_then(|log| log.get(at.offset)).cloned();
        if let Some(entry) = entry {
            let dead = Partition { topic: TopicId::DEAD_LETTERS, number: 0 };
            self.append(dead, Entry { origin: Some(Origin { group, at }), ..entry });
        }
        self.commit(group, at.next());
    }
}
