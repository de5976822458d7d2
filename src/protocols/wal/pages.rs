//! Pages, the checkpoint and changes, as bytes in their files.
//!
//! ```text
//!   pages        one sector each:  checksum · number · LSN of its latest change · values …
//!   checkpoint   checksum · count · redo LSN · (page number · LSN as written) …
//!   log          the payload of a frame:  key · value
//! ```
//!
//! A sector is written whole or not at all, so a page cannot tear. It can be old, if its write was
//! lost or went elsewhere, or be another page. So the checkpoint says of each page which LSN it had
//! when it was written: a page may be newer than that, for the next checkpoint may have begun, but
//! never older. A checksum over all pages was rejected: it would forbid exactly that.
//!
//! Limits: a damaged page is not rebuilt from older segments, even where they are still there.

use crate::base::{ids::Lsn, table::Table};
use crate::{blocks::journal::Verify, engine::disk::SECTOR_BYTES};
use serde::{Deserialize, Serialize};
use std::fmt::Display;

const HEAD_BYTES: usize = 16;

/// A page in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Page {
    /// The latest change in it.
    pub(super) lsn: Lsn,
    /// The latest change in it when it was written out last.
    pub(super) written: Lsn,
    /// One value per key, 0 before its first write.
    pub(super) values: Vec<i64>,
}

/// What is wrong with a page or with the checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// The checksum does not fit.
    Damaged,
    /// It is another page.
    Misplaced(u32),
}

/// One change of one register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Change {
    pub(super) key: u32,
    pub(super) value: i64,
}

/// Why a node serves nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The first change that cannot be vouched for; 0 where none in particular.
    pub(super) lsn: Lsn,
    pub(super) why: String,
}

impl Refusal {
    pub(super) fn about(what: impl Display, flaw: Flaw) -> Self {
        let why = match flaw {
            Flaw::Damaged => format!("the checksum of {what} does not fit"),
            Flaw::Misplaced(other) => format!("in place of {what} stands page {other}"),
        };
        Self { lsn: Lsn(0), why }
    }
}

impl Change {
    pub(super) fn encode(self) -> Vec<u8> {
        [&self.key.to_le_bytes()[..], &self.value.to_le_bytes()].concat()
    }

    /// What a frame holds; garbage where nobody checked the frame.
    pub(super) fn decode(payload: &[u8]) -> Self {
        let mut words = Words(payload);
        Self { key: words.next_u32(), value: words.next_u64() as i64 }
    }
}

impl Page {
    /// Whether the page file does not have its latest change.
    pub(super) fn is_dirty(&self) -> bool {
        self.lsn > self.written
    }

    /// Its bytes, at most a sector.
    pub(super) fn encode(&self, number: u32) -> Vec<u8> {
        let mut bytes = vec![0; 4];
        bytes.extend(number.to_le_bytes());
        bytes.extend(u64::from(self.lsn.0).to_le_bytes());
        bytes.extend(self.values.iter().flat_map(|value| value.to_le_bytes()));
        assert!(bytes.len() <= SECTOR_BYTES, "the settings bound how many keys share a page");
        bytes.resize(SECTOR_BYTES, 0);
        sign(&mut bytes);
        bytes
    }

    /// The page in a sector; `None` where none was ever written.
    pub(super) fn decode(
        bytes: &[u8],
        number: u32,
        keys: u16,
        verify: Verify,
    ) -> Result<Option<Self>, Flaw> {
        if bytes.iter().all(|&byte| byte == 0) {
            return Ok(None);
        }
        if verify != Verify::Nothing && !is_signed(bytes) {
            return Err(Flaw::Damaged);
        }
        let mut words = Words(&bytes[4..]);
        let found = words.next_u32();
        if verify != Verify::Nothing && found != number {
            return Err(Flaw::Misplaced(found));
        }
        let lsn = words.next_lsn();
        let values = (0..keys).map(|_| words.next_u64() as i64).collect();
        Ok(Some(Self { lsn, written: lsn, values }))
    }
}

/// From where to redo, and what the page file has at least.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Checkpoint {
    /// Everything up to here is in the pages.
    pub(super) redo: Lsn,
    /// Each page that was ever written, with the latest change in it.
    pub(super) pages: Vec<(u32, Lsn)>,
}

impl Checkpoint {
    pub(super) fn of(redo: Lsn, pages: &Table<u32, Page>) -> Self {
        let written = pages.iter().filter(|(_, page)| page.written > Lsn(0));
        Self { redo, pages: written.map(|(number, page)| (*number, page.written)).collect() }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; 4];
        bytes.extend((self.pages.len() as u32).to_le_bytes());
        bytes.extend(u64::from(self.redo.0).to_le_bytes());
        for (number, lsn) in &self.pages {
            bytes.extend(number.to_le_bytes());
            bytes.extend(u64::from(lsn.0).to_le_bytes());
        }
        sign(&mut bytes);
        bytes
    }

    /// Reads it back; none was written yet where the file is missing.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Flaw> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        if bytes.len() < HEAD_BYTES || !is_signed(bytes) {
            return Err(Flaw::Damaged);
        }
        let mut words = Words(&bytes[4..]);
        let count = words.next_u32();
        let redo = words.next_lsn();
        let pages = (0..count).map(|_| (words.next_u32(), words.next_lsn())).collect();
        Ok(Self { redo, pages })
    }
}

fn sign(bytes: &mut [u8]) {
    let checksum = crc32c::crc32c(&bytes[4..]);
    bytes[..4].copy_from_slice(&checksum.to_le_bytes());
}

fn is_signed(bytes: &[u8]) -> bool {
    bytes.len() >= HEAD_BYTES && bytes[..4] == crc32c::crc32c(&bytes[4..]).to_le_bytes()
}

/// Little-endian numbers, one after the other; zeros where the bytes end.
struct Words<'a>(&'a [u8]);

impl Words<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let mut word = [0; N];
        let length = N.min(self.0.len());
        word[..length].copy_from_slice(&self.0[..length]);
        self.0 = &self.0[length..];
        word
    }

    fn next_u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }

    fn next_u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take())
    }

    fn next_lsn(&mut self) -> Lsn {
        Lsn(self.next_u64() as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_back_where_it_was_written_and_nowhere_else() {
        let page = Page { lsn: Lsn(7), written: Lsn(7), values: vec![5, 0, -3] };
        let bytes = page.encode(4);
        assert_eq!(Page::decode(&bytes, 4, 3, Verify::Chained), Ok(Some(page)));
        assert_eq!(Page::decode(&bytes, 5, 3, Verify::Chained), Err(Flaw::Misplaced(4)));
        assert_eq!(Page::decode(&[0; SECTOR_BYTES], 5, 3, Verify::Chained), Ok(None));
    }

    #[test]
    fn every_flipped_bit_of_a_page_and_of_a_checkpoint_is_seen() {
        let page = Page { lsn: Lsn(7), written: Lsn(7), values: vec![5] };
        let checkpoint = Checkpoint { redo: Lsn(6), pages: vec![(4, Lsn(7)), (9, Lsn(2))] };
        let (page, kept) = (page.encode(4), checkpoint.encode());
        assert_eq!(Checkpoint::decode(&kept), Ok(checkpoint));
        for bit in 0..page.len() * 8 {
            let mut page = page.clone();
            page[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Page::decode(&page, 4, 1, Verify::Chained), Err(Flaw::Damaged), "bit {bit}");
        }
        for bit in 0..kept.len() * 8 {
            let mut kept = kept.clone();
            kept[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Checkpoint::decode(&kept), Err(Flaw::Damaged), "bit {bit}");
        }
    }
}
