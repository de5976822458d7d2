//! The trace: everything that happened, folded into one hash and, when someone looks, recorded.
//!
//! ```text
//!   note(kind, who, with whom, label, content) ──▶ 128-bit fold, prefix every so often
//!                                              └─▶ Recording::Full: Entry { cause, text }
//! ```
//!
//! Runs are deterministic, so nothing needs recording until it is asked for: the seed is run again
//! with recording on, and the hash must be the same. The hash covers sends, arrivals, records,
//! faults and what clients saw; it does not cover step marks, counters or causes, so that naming
//! one more step changes no hash. Every entry names its cause (the send of an arrival, the force
//! of a completion), which with the order per node is the happens-before relation; vector clocks
//! can be derived from it and are not carried along.
//!
//! Limits: a recording holds every entry and a text for each message.

use super::network::{Endpoint, Lost};
use crate::base::{digest::Fold, ids::EventId, ids::Seed, time::Time};

/// The version of everything that a hash depends on. It is part of a run's address: a seed found
/// under another epoch runs something else.
pub const ENGINE_EPOCH: u32 = 2;

/// Whether a run is recorded or only hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Recording {
    /// Only the hash.
    #[default]
    HashOnly,
    /// The hash and every entry.
    Full,
}

/// What kind of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A message left.
    Send,
    /// A message was handled.
    Deliver,
    /// A message did not arrive.
    Lose(Lost),
    /// A record was written without a force.
    Write,
    /// A record was handed to a force.
    Force,
    /// A force reached the disk.
    Durable,
    /// A named step was passed.
    Step,
    /// A timer fired.
    Timer,
    /// A node lost its memory.
    Crash,
    /// A node came up and replayed its log.
    Boot,
    /// A node stopped handling events.
    Pause,
    /// It went on.
    Resume,
    /// A cut began.
    Cut,
    /// A cut ended.
    Mend,
    /// Something else was disturbed: a clock, a disk, a link.
    Disturb,
    /// A random rule was held back by the budget.
    Refuse,
    /// A client asked.
    Invoke,
    /// A node answered a client.
    Reply,
    /// An operation ended for its client.
    End,
    /// Faults are over.
    Heal,
    /// A raw file, or the names of files, changed in the cache.
    FileWrite,
    /// A sync was asked for.
    Sync,
    /// A sync is done.
    Synced,
    /// A sync failed.
    SyncFailed,
    /// A file was read.
    Read,
}

impl Kind {
    const fn code(self) -> u64 {
        match self {
            Self::Send => 1,
            Self::Deliver => 2,
            Self::Lose(lost) => 3 + lost as u64,
            Self::Write => 10,
            Self::Force => 11,
            Self::Durable => 12,
            Self::Step => 13,
            Self::Timer => 14,
            Self::Crash => 15,
            Self::Boot => 16,
            Self::Pause => 17,
            Self::Resume => 18,
            Self::Cut => 19,
            Self::Mend => 20,
            Self::Disturb => 21,
            Self::Refuse => 22,
            Self::Invoke => 23,
            Self::Reply => 24,
            Self::End => 25,
            Self::Heal => 26,
            Self::FileWrite => 27,
            Self::Sync => 28,
            Self::Synced => 29,
            Self::SyncFailed => 30,
            Self::Read => 31,
        }
    }
}

/// One entry of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number.
    pub event: EventId,
    /// The entry that made it possible; `EventId(0)` where nothing did.
    pub cause: EventId,
    /// True time.
    pub at: Time,
    /// What kind of thing.
    pub kind: Kind,
    /// Where.
    pub who: Endpoint,
    /// The other end, for messages; else the same.
    pub peer: Endpoint,
    /// The label of the message, record, timer or step.
    pub label: u16,
    /// All that the hash of a run covers of it, in one word.
    pub word: u64,
    /// The message, record or reason in words.
    pub text: String,
}

/// The hash of a run so far, and its recording.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    fold: Fold,
    events: u32,
    stride: u32,
    /// Events until the next prefix is kept; a division per event would cost more than the fold.
    until_prefix: u32,
    prefixes: Vec<u64>,
    pub(super) recording: Recording,
    pub(super) entries: Vec<Entry>,
}

/// When, what and where an event was, in one word.
#[inline]
fn place(at: Time, kind: Kind, (who, peer): (Endpoint, Endpoint), label: u16) -> u64 {
    let place = u64::from(label) << 32 | u64::from(who.0) << 16 | u64::from(peer.0);
    at.as_nanos().rotate_left(20) ^ kind.code() << 56 ^ place
}

const STRIDE_MIN: u32 = 1024;
const PREFIXES_MAX: usize = 4096;

impl Trace {
    /// Starts over. The seed goes in first: two seeds differ even if nothing random happens.
    pub(super) fn reset(&mut self, seed: Seed, recording: Recording) {
        self.fold = Fold::NEW;
        self.fold.word(u64::from(ENGINE_EPOCH));
        self.fold.word(seed.0);
        (self.events, self.stride, self.recording) = (0, STRIDE_MIN, recording);
        self.until_prefix = STRIDE_MIN;
        self.prefixes.clear();
        self.entries.clear();
    }

    /// Whether texts are wanted.
    #[inline]
    pub(super) fn records(&self) -> bool {
        self.recording == Recording::Full
    }

    /// The number of the latest event.
    #[inline]
    pub fn latest(&self) -> EventId {
        EventId(self.events)
    }

    /// Counts and folds an event; [`Trace::record`] may add its entry.
    #[inline]
    pub(super) fn note(
        &mut self,
        at: Time,
        kind: Kind,
        (who, peer): (Endpoint, Endpoint),
        label: u16,
        content: u64,
    ) -> EventId {
        self.events += 1;
        if !matches!(kind, Kind::Step) {
            self.fold.word(place(at, kind, (who, peer), label));
            self.fold.word(content);
        }
        self.until_prefix -= 1;
        if self.until_prefix == 0 {
            self.keep_prefix();
        }
        EventId(self.events)
    }

    #[cold]
    fn keep_prefix(&mut self) {
        self.prefixes.push(self.fold.short());
        if self.prefixes.len() == PREFIXES_MAX {
            let mut place = 0;
            self.prefixes.retain(|_| {
                place += 1;
                place % 2 == 0
            });
            self.stride *= 2;
        }
        self.until_prefix = self.stride;
    }

    /// Adds the entry of the latest event.
    #[cold]
    pub(super) fn record(&mut self, mut entry: Entry, content: u64) {
        let mut fold = Fold::NEW;
        fold.word(place(entry.at, entry.kind, (entry.who, entry.peer), entry.label));
        fold.word(content);
        entry.word = fold.short();
        self.entries.push(entry);
    }

    /// The hash of the whole run so far.
    pub fn hash(&self) -> u128 {
        self.fold.end()
    }

    /// Hashes of prefixes, each as far apart as [`Trace::stride`] says: two runs that differ do so
    /// in the first stride whose prefix differs.
    pub fn prefixes(&self) -> &[u64] {
        &self.prefixes
    }

    /// How many events lie between two prefixes.
    pub fn stride(&self) -> u32 {
        self.stride
    }
}
