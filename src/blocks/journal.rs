//! The journal: an append-only log of bytes on raw files, which tells torn from damaged.
//!
//! ```text
//!   log.1  seal ─ change ─ change ─ … ─ seal ─ change │ full: synced, and the next is begun
//!   log.2  seal ─ change ─ …                          │ named durably before it is relied upon
//!          └ each frame: checksum · checksum of the one before · position · known synced · payload
//! ```
//!
//! The host appends payloads and gets positions; it syncs [`Journal::file`] under a step of its own
//! and says so by [`Journal::note_synced`]. What was appended and not synced a crash may tear to
//! any subset of its sectors; [`read`] cuts it at the first frame that does not fit. What was
//! synced and is not there any more is refused, with file, place and position.
//!
//! The two look alike. They are told apart by what later frames say was synced when they were
//! written, so the price is eight bytes per frame, and a *seal*: an empty frame, written once a
//! batch is synced and made durable by the next sync. A length in a header block of its own was
//! rejected, for it costs a seek per batch.
//!
//! Limits: what cannot be told at all is damage to the last batch that no durable frame vouches
//! for. It looks like a torn tail and is cut. A host closes this for old data by sealing when idle,
//! for all data by acknowledging a batch only when its seal is synced too, which doubles the
//! latency. A seal in the sector of its batch dies with that sector. Only a second copy does more.
//!
//! After Mohan and others (1992) for the log, Alagappan and others (2018) for the evidence.

use crate::{
    base::ids::Lsn,
    engine::{ctx::Ctx, disk::FileName, protocol::Protocol},
};
use frame::{Frame, Kind};
use serde::Serialize;

pub use reading::{Damage, Entry, Reading, Segment, read};

// A frame as bytes.
mod frame;

// From bytes back to changes, and the verdict on them.
mod reading;

/// What reading checks. Whoever leaves something out sees what it was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verify {
    /// Each frame, and that it fits the one before.
    Chained,
    /// Each frame by itself.
    Alone,
    /// Positions only.
    Nothing,
}

/// The steps of the host under which the journal syncs when it begins a segment.
#[derive(Clone, Copy, Debug)]
pub struct Steps<S> {
    /// The content of the log.
    pub content: S,
    /// The names of its files.
    pub names: S,
}

/// The end of a log, where it grows. All of it is lost in a crash and read back from the files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Journal {
    /// Each segment with the position before its first change, oldest first.
    segments: Vec<(u32, Lsn)>,
    offset: u32,
    last: Lsn,
    synced: Lsn,
    checksum: u32,
}

fn file_of(segment: u32) -> FileName {
    FileName::numbered("log", segment)
}

/// Reads the bytes of all segments; what the handler does next waits for the disk.
pub fn segments<P: Protocol>(ctx: &mut Ctx<'_, P>) -> Vec<Segment> {
    let names = ctx.file_names().into_iter().filter(|name| name.word() == "log");
    let numbers = names.filter_map(FileName::number).collect::<Vec<_>>();
    let segment = |number| Segment { number, bytes: ctx.read_file(file_of(number), 0..u32::MAX) };
    numbers.into_iter().map(segment).collect()
}

impl Journal {
    /// Goes on where a log that was read ends. Where there is none yet, the first segment is begun,
    /// and what the handler does next waits until it is durable.
    pub fn open<P: Protocol>(
        reading: &Reading,
        steps: Steps<P::Step>,
        ctx: &mut Ctx<'_, P>,
    ) -> Self {
        let mut journal = Self {
            segments: reading.segments.clone(),
            offset: reading.offset,
            last: reading.last,
            // What a crash has left is on the platter: everything read is synced.
            synced: reading.last,
            checksum: reading.checksum,
        };
        if journal.segments.is_empty() {
            journal.begin_segment(1, steps, ctx);
        }
        journal
    }

    /// The file that the next change goes to: what the host syncs.
    pub fn file(&self) -> FileName {
        let (number, _) = self.segments.last().expect("a journal that is open has a segment");
        file_of(*number)
    }

    /// The position of the last change.
    pub fn last(&self) -> Lsn {
        self.last
    }

    /// Up to where the host has said that the log is synced.
    pub fn synced(&self) -> Lsn {
        self.synced
    }

    /// The host has waited for a sync of everything up to here.
    pub fn note_synced(&mut self, upto: Lsn) {
        self.synced = self.synced.max(upto);
    }

    /// How many bytes the last segment has.
    pub fn segment_bytes(&self) -> u32 {
        self.offset
    }

    /// Adds a change, for now only in the cache. Gives its position.
    pub fn append<P: Protocol>(&mut self, payload: &[u8], ctx: &mut Ctx<'_, P>) -> Lsn {
        self.last = self.last.next();
        self.write(Kind::Change, payload, ctx);
        self.last
    }

    /// Adds a seal: with the next sync it is durable that everything synced so far was.
    pub fn seal<P: Protocol>(&mut self, ctx: &mut Ctx<'_, P>) {
        self.write(Kind::Seal, &[], ctx);
    }

    /// Closes the last segment and begins another. What the handler does next waits until the one
    /// is synced and the other is durable, its name included.
    pub fn rotate<P: Protocol>(&mut self, steps: Steps<P::Step>, ctx: &mut Ctx<'_, P>) {
        ctx.sync_file(steps.content, self.file());
        self.note_synced(self.last);
        let (number, _) = self.segments.last().expect("a journal that is open has a segment");
        self.begin_segment(number + 1, steps, ctx);
    }

    fn begin_segment<P: Protocol>(
        &mut self,
        number: u32,
        steps: Steps<P::Step>,
        ctx: &mut Ctx<'_, P>,
    ) {
        self.segments.push((number, self.last));
        self.offset = 0;
        ctx.create_file(self.file());
        self.seal(ctx);
        ctx.sync_file(steps.content, self.file());
        ctx.sync_names(steps.names);
    }

    /// Removes the segments in which no change stands behind this position. That their names are
    /// gone need not be durable: whoever reads them again knows what is in them.
    pub fn truncate<P: Protocol>(&mut self, upto: Lsn, ctx: &mut Ctx<'_, P>) {
        while let [(oldest, _), (_, before_next), ..] = self.segments[..]
            && before_next <= upto
        {
            ctx.remove_file(file_of(oldest));
            self.segments.remove(0);
        }
    }

    fn write<P: Protocol>(&mut self, kind: Kind, payload: &[u8], ctx: &mut Ctx<'_, P>) {
        let (offset, bytes) = self.frame(kind, payload);
        ctx.write_file(self.file(), offset, bytes);
    }

    /// The next frame, and where it goes.
    fn frame(&mut self, kind: Kind, payload: &[u8]) -> (u32, Vec<u8>) {
        let mut bytes = Vec::with_capacity(frame::size(payload.len()));
        let (previous, lsn, synced) = (self.checksum, self.last, self.synced);
        self.checksum = Frame { previous, lsn, synced, kind, payload }.encode(&mut bytes);
        let offset = self.offset;
        self.offset += bytes.len() as u32;
        (offset, bytes)
    }
}

#[cfg(test)]
mod tests;
