//! One frame of a log: a change or a seal, as bytes that vouch for themselves.
//!
//! ```text
//!   0         4          8     16       24       28     32
//!   checksum  previous   lsn   synced   length   kind   payload … zeros up to a multiple of 8
//!   └ CRC-32C of all that follows it, the zeros included; numbers are little-endian
//! ```
//!
//! `previous` is the checksum of the frame before, so that frames form a chain: a frame that an
//! earlier life of the log left behind a cut does not fit the one that now stands before it. It is
//! a field of its own, and not the seed of the checksum, so that a frame can be recognised behind
//! damage, where the one before it cannot be read. `synced` is how far the log was known to be
//! synced when the frame was written; it turns what stands behind damage into a witness.
//!
//! A format with a commit mark per batch was rejected: each frame is its own batch mark.

use super::Verify;
use crate::base::ids::Lsn;

/// Frames begin at multiples of this, so that those behind damage can be found.
pub(super) const ALIGNMENT: usize = 8;

const HEADER_BYTES: usize = 32;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A change, at a position of its own.
    Change = 1,
    /// No change: it says again how far the log is synced. It has the position before it.
    Seal = 2,
}

/// A frame, its payload still in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub(super) previous: u32,
    pub(super) lsn: Lsn,
    pub(super) synced: Lsn,
    pub(super) kind: Kind,
    pub(super) payload: &'a [u8],
}

impl Frame<'_> {
    /// Adds the bytes of this frame, and gives its checksum.
    pub(super) fn encode(&self, bytes: &mut Vec<u8>) -> u32 {
        let start = bytes.len();
        let length = u32::try_from(self.payload.len()).expect("a payload is far below 4 GiB");
        bytes.extend([0; 4]);
        bytes.extend(self.previous.to_le_bytes());
        bytes.extend(u64::from(self.lsn.0).to_le_bytes());
        bytes.extend(u64::from(self.synced.0).to_le_bytes());
        bytes.extend(length.to_le_bytes());
        bytes.extend((self.kind as u32).to_le_bytes());
        bytes.extend(self.payload);
        bytes.resize(start + size(self.payload.len()), 0);
        let checksum = crc32c::crc32c(&bytes[start + 4..]);
        bytes[start..start + 4].copy_from_slice(&checksum.to_le_bytes());
        checksum
    }
}

/// How many bytes a frame with so long a payload takes.
pub(super) const fn size(payload: usize) -> usize {
    (HEADER_BYTES + payload).next_multiple_of(ALIGNMENT)
}

/// The frame at the beginning of these bytes with its checksum, if there is one.
pub(super) fn decode(bytes: &[u8], verify: Verify) -> Option<(Frame<'_>, u32)> {
    let header: &[u8; HEADER_BYTES] = bytes.first_chunk()?;
    let word = |at: usize| u32::from_le_bytes([0, 1, 2, 3].map(|byte| header[at + byte]));
    let lsn = |at: usize| (word(at + 4) == 0).then(|| Lsn(word(at)));
    let length = word(24) as usize;
    let kind = match word(28) {
        1 => Kind::Change,
        2 => Kind::Seal,
        _ => return None,
    };
    let payload = bytes.get(HEADER_BYTES..HEADER_BYTES.checked_add(length)?)?;
    let checksum = word(0);
    if verify != Verify::Nothing && crc32c::crc32c(bytes.get(4..size(length))?) != checksum {
        return None;
    }
    Some((Frame { previous: word(4), lsn: lsn(8)?, synced: lsn(16)?, kind, payload }, checksum))
}
