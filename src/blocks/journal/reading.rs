//! Reading a log back: which changes it holds, where it ends, and whether it may be believed.
//!
//! ```text
//!   seal ─ 1 ─ 2 ─ 3 ─ seal ─ 4 ─ ✗ ·······  6 (synced: 3)      5 was torn: cut behind 4
//!   seal ─ 1 ─ 2 ─ ✗ ─ seal ─ 4 ─ 5 ··········· (synced: 3)     3 was synced: refuse
//! ```
//!
//! Where the chain of frames breaks, either a crash tore what was not synced yet, or something
//! synced was damaged later. The first is cut away, the second must never be served. What tells
//! them apart is evidence behind the break: any intact frame, in place or not, that was written
//! when the missing position was known to be synced. Frames that an earlier life of the log left
//! behind a cut give no false evidence: what they know to be synced lies before that cut.
//!
//! After Alagappan and others (2018), who showed that logs which take every break for a torn tail
//! lose acknowledged data.

use super::{
    Verify, file_of,
    frame::{self, ALIGNMENT, Frame, Kind},
};
use crate::{base::ids::Lsn, engine::disk::FileName};
use std::fmt;

/// The bytes of one segment file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The number in its name.
    pub number: u32,
    /// All of it.
    pub bytes: Vec<u8>,
}

/// A change that was read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its position.
    pub lsn: Lsn,
    /// What the host appended.
    pub payload: Vec<u8>,
}

/// A log that may be believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Its changes, oldest first, without gaps.
    pub entries: Vec<Entry>,
    /// The position before the first of them.
    pub base: Lsn,
    /// The position of the last.
    pub last: Lsn,
    /// How far it says itself that it is synced.
    pub synced: Lsn,
    pub(super) checksum: u32,
    /// Each segment that is part of it, with the position before its first change.
    pub(super) segments: Vec<(u32, Lsn)>,
    /// Where the next frame goes, in the last of them.
    pub(super) offset: u32,
}

/// Why a log must not be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file in which the chain breaks.
    pub file: FileName,
    /// Where, in bytes.
    pub offset: u32,
    /// The position that should be there.
    pub lsn: Lsn,
    /// The position at or behind it that is known to have been synced.
    pub synced: Lsn,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, offset, lsn, synced } = self;
        write!(f, "{file} is damaged at byte {offset}: change {lsn} should be there, and ")?;
        write!(f, "everything up to {synced} was synced")
    }
}

/// Reads a log from its segments, which come in the order of their numbers.
///
/// # Errors
/// When something that was synced is damaged or missing.
pub fn read(segments: &[Segment], verify: Verify) -> Result<Reading, Damage> {
    let mut reader = Reader::new(segments, verify);
    reader.follow();
    match reader.evidence() {
        Some(damage) => Err(damage),
        None => Ok(reader.reading),
    }
}

struct Reader<'a> {
    segments: &'a [Segment],
    verify: Verify,
    reading: Reading,
    /// The segment in which the chain ends.
    place: usize,
}

impl<'a> Reader<'a> {
    fn new(segments: &'a [Segment], verify: Verify) -> Self {
        let (entries, zero) = (Vec::new(), Lsn(0));
        let reading = Reading {
            entries,
            base: zero,
            last: zero,
            synced: zero,
            checksum: 0,
            segments: Vec::new(),
            offset: 0,
        };
        Self { segments, verify, reading, place: 0 }
    }

    /// Follows the chain to its end.
    fn follow(&mut self) {
        let Some(first) = self.first_seal() else { return };
        (self.reading.base, self.reading.last) = (first.lsn, first.lsn);
        self.reading.checksum = first.previous;
        for place in 0..self.segments.len() {
            let offset = std::mem::take(&mut self.reading.offset);
            if !self.continues(place) {
                self.reading.offset = offset;
                return;
            }
            self.place = place;
            self.reading.segments.push((self.segments[place].number, self.reading.last));
            while self.take_frame() {}
        }
    }

    /// The oldest segment tells where the log begins, and is believed.
    fn first_seal(&self) -> Option<Frame<'a>> {
        let (frame, _) = frame::decode(&self.segments.first()?.bytes, self.verify)?;
        (frame.kind == Kind::Seal).then_some(frame)
    }

    /// Whether this segment begins with a seal that fits the last frame before it.
    fn continues(&self, place: usize) -> bool {
        let decoded = frame::decode(&self.segments[place].bytes, self.verify);
        decoded.is_some_and(|(frame, _)| frame.kind == Kind::Seal && self.fits(&frame))
    }

    fn fits(&self, frame: &Frame<'_>) -> bool {
        let expected = match frame.kind {
            Kind::Change => self.reading.last.next(),
            Kind::Seal => self.reading.last,
        };
        let chained = self.verify != Verify::Chained || frame.previous == self.reading.checksum;
        frame.lsn == expected && chained
    }

    fn take_frame(&mut self) -> bool {
        let bytes = &self.segments[self.place].bytes;
        let reading = &self.reading;
        let Some((frame, checksum)) = frame::decode(&bytes[reading.offset as usize..], self.verify)
        else {
            return false;
        };
        if !self.fits(&frame) {
            return false;
        }
        let reading = &mut self.reading;
        if frame.kind == Kind::Change {
            reading.entries.push(Entry { lsn: frame.lsn, payload: frame.payload.to_vec() });
        }
        reading.last = frame.lsn;
        reading.synced = reading.synced.max(frame.synced);
        reading.checksum = checksum;
        let end = reading.offset as usize + frame::size(frame.payload.len());
        reading.offset = end.min(bytes.len()) as u32;
        true
    }

    /// What shows that the chain breaks where something was synced: the latest witness behind it.
    fn evidence(&self) -> Option<Damage> {
        if self.verify == Verify::Nothing {
            return None;
        }
        let rest = self.segments.iter().enumerate().skip(self.place);
        let witnesses = rest.flat_map(|(place, segment)| {
            let from = if place == self.place { self.reading.offset as usize } else { 0 };
            let places = (from..segment.bytes.len()).step_by(ALIGNMENT);
            places.filter_map(|at| frame::decode(&segment.bytes[at..], self.verify))
        });
        let synced = witnesses.map(|(frame, _)| frame.synced).max()?;
        let missing = self.reading.last.next();
        (synced >= missing).then(|| self.damage(missing, synced))
    }

    /// Where a segment has been read to its end, the next one is to blame.
    fn damage(&self, lsn: Lsn, synced: Lsn) -> Damage {
        let here = &self.segments[self.place];
        let ended = self.reading.offset as usize >= here.bytes.len();
        match self.segments.get(self.place + 1).filter(|_| ended) {
            Some(next) => Damage { file: file_of(next.number), offset: 0, lsn, synced },
            None => Damage { file: file_of(here.number), offset: self.reading.offset, lsn, synced },
        }
    }
}
