//! The journal alone: whatever a crash leaves is a prefix, whatever is damaged is refused.
//!
//! ```text
//!   Image: append · seal · sync · rotate ──▶ bytes ──damage──▶ read ──▶ entries, or a refusal
//! ```

use super::*;
use crate::engine::disk::SECTOR_BYTES;
use proptest::prelude::*;

/// A journal whose files are plain bytes.
#[derive(Clone, Default)]
struct Image {
    journal: Journal,
    files: Vec<Segment>,
    /// The files as of the last sync.
    synced: Vec<Segment>,
}

impl Image {
    fn new() -> Self {
        let mut image = Self::default();
        image.rotate();
        image
    }

    /// A journal that goes on behind a reading.
    fn reopened(reading: &Reading, files: Vec<Segment>) -> Self {
        let journal = Journal {
            segments: reading.segments.clone(),
            offset: reading.offset,
            last: reading.last,
            synced: reading.last,
            checksum: reading.checksum,
        };
        Self { journal, synced: files.clone(), files }
    }

    fn rotate(&mut self) {
        let number = self.files.len() as u32 + 1;
        self.files.push(Segment { number, bytes: Vec::new() });
        self.journal.note_synced(self.journal.last);
        self.journal.segments.push((number, self.journal.last));
        self.journal.offset = 0;
        self.seal();
        self.sync();
    }

    fn append(&mut self, payload: &[u8]) -> &mut Self {
        self.journal.last = self.journal.last.next();
        self.put(Kind::Change, payload)
    }

    fn seal(&mut self) -> &mut Self {
        self.put(Kind::Seal, &[])
    }

    fn sync(&mut self) -> &mut Self {
        self.journal.note_synced(self.journal.last);
        self.synced.clone_from(&self.files);
        self
    }

    fn put(&mut self, kind: Kind, payload: &[u8]) -> &mut Self {
        let (offset, frame) = self.journal.frame(kind, payload);
        let bytes = &mut self.files.last_mut().expect("a segment").bytes;
        let end = offset as usize + frame.len();
        bytes.resize(bytes.len().max(end), 0);
        bytes[offset as usize..end].copy_from_slice(&frame);
        self
    }

    fn read(&self) -> Reading {
        read(&self.files, Verify::Chained).expect("it is sound")
    }
}

fn payloads(reading: &Reading) -> Vec<&[u8]> {
    reading.entries.iter().map(|entry| &entry.payload[..]).collect()
}

/// Batches of four, each synced and vouched for by the next, in two segments; the last batch is
/// synced, and nothing says so.
fn batches() -> Image {
    let mut image = Image::new();
    for change in 0..16_u8 {
        if change == 8 {
            image.rotate();
        }
        image.append(&[change; 12]);
        if change % 4 == 3 {
            image.sync();
        }
    }
    image
}

#[test]
fn what_was_appended_is_read_back_with_its_positions() {
    let reading = batches().read();
    assert_eq!(reading.entries.len(), 16);
    let sound =
        |(nth, entry): (u32, &Entry)| entry.lsn == Lsn(nth + 1) && entry.payload == [nth as u8; 12];
    assert!((0..).zip(&reading.entries).all(sound));
    assert_eq!((reading.base, reading.last, reading.synced), (Lsn(0), Lsn(16), Lsn(12)));
}

#[test]
fn every_prefix_of_the_bytes_is_a_prefix_of_the_changes() {
    let mut image = Image::new();
    (0..20_u8).for_each(|change| _ = image.append(&vec![change; usize::from(change)]));
    let bytes = image.files[0].bytes.clone();
    let whole = image.read();
    for length in 0..=bytes.len() {
        image.files[0].bytes.truncate(0);
        image.files[0].bytes.extend(&bytes[..length]);
        let reading = image.read();
        assert!(payloads(&whole).starts_with(&payloads(&reading)), "{length} bytes");
    }
}

#[test]
fn every_flipped_bit_is_refused_or_lies_in_what_nothing_vouches_for() {
    let image = batches();
    let whole = image.read();
    let (mut refused, mut cut) = (0, 0);
    for segment in 0..2 {
        for bit in 0..image.files[segment].bytes.len() * 8 {
            let mut image = image.clone();
            image.files[segment].bytes[bit / 8] ^= 1 << (bit % 8);
            match read(&image.files, Verify::Chained) {
                Err(damage) => {
                    assert_eq!(damage.file, file_of(segment as u32 + 1));
                    assert!(damage.lsn <= damage.synced && damage.synced <= Lsn(12), "{damage}");
                    refused += 1;
                }
                Ok(reading) => {
                    assert!(payloads(&whole).starts_with(&payloads(&reading)));
                    assert!(reading.last >= Lsn(12), "bit {bit} of {segment}: {reading:?}");
                    assert!(reading.last < Lsn(16));
                    cut += 1;
                }
            }
        }
    }
    // Twelve changes and the two seals are vouched for, the last four changes are not.
    let (seals, changes) = (2 * 32 * 8, 16 * 48 * 8);
    assert_eq!((refused, cut), (seals + changes * 3 / 4, changes / 4));
}

#[test]
fn a_seal_vouches_for_the_last_batch() {
    let mut image = batches();
    image.seal().sync();
    let place = image.files[1].bytes.len() - 32 - 48;
    image.files[1].bytes[place + 40] ^= 1;
    let damage = read(&image.files, Verify::Chained).expect_err("it was synced");
    let report = "log.2 is damaged at byte 368: change @16 should be there, and everything up to \
                  @16 was synced";
    assert_eq!(damage.to_string(), report);
}

#[test]
fn any_subset_of_unsynced_sectors_leaves_a_prefix_with_all_that_was_synced() {
    let mut image = Image::new();
    (0..5_u8).for_each(|change| _ = image.append(&[change; 12]));
    image.sync();
    for change in 5..60_u8 {
        image.append(&[change; 12]);
    }
    let whole = image.read();
    let (before, after) = (&image.synced[0].bytes, &image.files[0].bytes);
    let sectors = after.len().div_ceil(SECTOR_BYTES);
    for survivors in 0..1_u32 << sectors {
        let mut bytes = before.clone();
        for sector in (0..sectors).filter(|sector| survivors >> sector & 1 == 1) {
            let (start, end) =
                (sector * SECTOR_BYTES, after.len().min((sector + 1) * SECTOR_BYTES));
            bytes.resize(bytes.len().max(end), 0);
            bytes[start..end].copy_from_slice(&after[start..end]);
        }
        let files = [Segment { number: 1, bytes }];
        let reading = read(&files, Verify::Chained).expect("torn, not damaged");
        assert!(payloads(&whole).starts_with(&payloads(&reading)));
        assert!(reading.last >= Lsn(5), "{survivors:b}");
    }
}

/// Changes 1 to 20 were written, and the crash took the sector of change 5; change 5 is written
/// anew, and right behind it stands the old change 6.
fn rewritten() -> Vec<Segment> {
    let mut image = Image::new();
    (1..5_u8).for_each(|change| _ = image.append(&[change; 12]));
    image.sync();
    let hole = image.files[0].bytes.len();
    (5..20_u8).for_each(|change| _ = image.append(&[change; 12]));
    image.files[0].bytes[hole..hole + 48].fill(0);
    let reading = image.read();
    assert_eq!(reading.last, Lsn(4), "the tail is cut");
    let mut image = Image::reopened(&reading, image.files);
    image.append(&[99; 12]);
    image.files
}

#[test]
fn what_stood_behind_a_cut_does_not_rise_again() {
    let reading = read(&rewritten(), Verify::Chained).expect("it is sound");
    assert_eq!(reading.last, Lsn(5));
    let reading = read(&rewritten(), Verify::Alone).expect("nobody looked");
    assert_eq!(reading.last, Lsn(19), "without the chain it does");
}

#[test]
fn without_checksums_a_torn_change_is_believed() {
    let mut image = batches();
    image.files[1].bytes[32 + 40] ^= 1;
    let reading = read(&image.files, Verify::Nothing).expect("nobody looked");
    assert_eq!(reading.entries.len(), 16);
    assert_ne!(payloads(&reading), payloads(&batches().read()));
}

#[test]
fn a_segment_that_is_missing_is_refused_when_a_later_one_vouches_for_it() {
    let mut image = batches();
    image.rotate();
    image.files.remove(1);
    let damage = read(&image.files, Verify::Chained).expect_err("a segment is missing");
    assert_eq!((damage.lsn, damage.synced), (Lsn(9), Lsn(16)));
}

#[test]
fn a_segment_whose_beginning_was_torn_is_begun_again() {
    let mut image = batches();
    image.files.push(Segment { number: 3, bytes: vec![0; 32] });
    let reading = image.read();
    assert_eq!((reading.last, reading.segments.len()), (Lsn(16), 2));
}

#[test]
fn without_old_segments_the_log_begins_later() {
    let mut image = batches();
    image.files.remove(0);
    let reading = image.read();
    assert_eq!((reading.base, reading.last, reading.entries.len()), (Lsn(8), Lsn(16), 8));
}

proptest! {
    #[test]
    fn any_log_is_read_back(
        changes in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..90), 0..6_u8), 0..60),
    ) {
        let mut image = Image::new();
        for (payload, then) in &changes {
            image.append(payload);
            match then {
                0 => image.rotate(),
                1 => _ = image.seal(),
                2 => _ = image.sync(),
                _ => {}
            }
        }
        let written: Vec<&[u8]> = changes.iter().map(|(payload, _)| &payload[..]).collect();
        let reading = image.read();
        prop_assert_eq!(payloads(&reading), written);
        prop_assert_eq!(reading.offset, image.journal.offset);
        prop_assert_eq!(reading.checksum, image.journal.checksum);
    }
}
