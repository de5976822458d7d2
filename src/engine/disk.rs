//! A node's raw files: sectors that are seen at once and survive only once they are synced.
//!
//! ```text
//!   write ──▶ seen (cache) ──sync──▶ flying ──done──▶ stable        a crash keeps stable, and any
//!               dirty sectors          │lie                        subset of what is not
//!                                      └──▶ drive ──next honest sync──▶ stable
//!   create · rename · remove ──▶ names as seen ──sync of the names──▶ names that survive
//! ```
//!
//! A sector is written whole or not at all; a write of several sectors may tear. So with k unsynced
//! sectors a crash leaves one of 2^k images of a file and no other. Changes of names survive as a
//! *prefix*, since a file system's own journal keeps their order; a file whose name did not survive
//! is gone however well its content was synced.
//!
//! Sectors in one typed log with holes were rejected: replay would have to say what a missing
//! record means. Protocols that know only records use `log.rs`; those that bring their own bytes
//! use this, and both meet the same crashes and the same faults.
//!
//! This file is long because what survives a crash is told in one place.
//!
//! Limits: the cache writes nothing back on its own, so of several unsynced versions of a sector
//! only the latest (and the one that is flying) can survive. A file never becomes shorter. A disk
//! that lies about contents tells the truth about names.

use crate::base::draws::{below, name_word};
use serde::{Serialize, Serializer};
use std::{collections::BTreeMap, fmt, ops::Range};

/// How many bytes a disk writes whole or not at all.
pub const SECTOR_BYTES: usize = 512;

/// What a file is called: a word, and a number where there are several.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct FileName(&'static str, Option<u32>);

impl FileName {
    /// The only file of this name.
    pub const fn only(word: &'static str) -> Self {
        Self(word, None)
    }

    /// One of many: `log.3`.
    pub const fn numbered(word: &'static str, number: u32) -> Self {
        Self(word, Some(number))
    }

    /// The word.
    pub fn word(self) -> &'static str {
        self.0
    }

    /// What names the draws about it.
    pub(super) fn draw_word(self) -> u64 {
        name_word(self.0).wrapping_add(self.1.map_or(0, |number| u64::from(number) + 1))
    }

    /// The number, if it has one.
    pub fn number(self) -> Option<u32> {
        self.1
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Some(number) => write!(f, "{}.{number}", self.0),
            None => f.write_str(self.0),
        }
    }
}

impl fmt::Debug for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A file, whatever it is called at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct FileId(u32);

impl FileId {
    pub(super) const fn word(self) -> u64 {
        self.0 as u64
    }
}

/// A position in the order in which something was done to a file or to the names.
pub(super) type Upto = u32;

/// Sectors on their way to the platter.
type Batch = Vec<(u32, Sector)>;

/// The bytes of one sector.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sector(Box<[u8]>);

impl Serialize for Sector {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

fn as_bytes<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}

/// One file: what a reader sees, what would survive now, and what is between the two.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
struct File {
    #[serde(serialize_with = "as_bytes")]
    seen: Vec<u8>,
    #[serde(serialize_with = "as_bytes")]
    stable: Vec<u8>,
    /// Sectors written and not handed to a sync, lowest first.
    dirty: Vec<u32>,
    /// What a sync is writing.
    flying: Option<Batch>,
    /// What a disk that lied keeps in its own cache.
    drive: Vec<Batch>,
    written: Upto,
    synced: Upto,
    /// Bits that flipped and that nobody has read since.
    #[serde(skip)]
    rotten: Vec<Rot>,
}

/// A flipped bit: where, what stands there now, and the rule that did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rot {
    at: u32,
    byte: u8,
    rule: u16,
}

/// A change of the names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
enum NameChange {
    Bind(FileName, FileId),
    Rename(FileName, FileName),
    Remove(FileName),
}

/// Names, each with its file, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
struct Names(Vec<(FileName, FileId)>);

impl Names {
    fn get(&self, name: FileName) -> Option<FileId> {
        let place = self.0.binary_search_by_key(&name, |&(name, _)| name).ok()?;
        Some(self.0[place].1)
    }

    fn change(&mut self, change: NameChange) {
        match change {
            NameChange::Bind(name, file) => self.bind(name, file),
            NameChange::Remove(name) => self.0.retain(|&(known, _)| known != name),
            NameChange::Rename(from, to) => {
                if let Some(file) = self.get(from) {
                    self.0.retain(|&(known, _)| known != from);
                    self.bind(to, file);
                }
            }
        }
    }

    fn bind(&mut self, name: FileName, file: FileId) {
        match self.0.binary_search_by_key(&name, |&(name, _)| name) {
            Ok(place) => self.0[place].1 = file,
            Err(place) => self.0.insert(place, (name, file)),
        }
    }
}

/// All files of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Disk {
    files: BTreeMap<FileId, File>,
    names: Names,
    stable_names: Names,
    /// Changes that the stable names do not have, oldest first.
    changes: Vec<NameChange>,
    /// How many of them a sync is writing.
    flying_changes: Option<Upto>,
    changed: Upto,
    changes_synced: Upto,
    last_file: FileId,
}

/// What a sync has to write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Load {
    /// Sectors in all.
    pub(super) sectors: u32,
    /// Runs of neighbouring sectors.
    pub(super) runs: u32,
    /// The first sector, to see whether the head has to move for it.
    pub(super) first: u32,
    /// The last one: there the head is then.
    pub(super) last: u32,
}

/// What a crash left of files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Leftover {
    /// Unsynced sectors that survived.
    pub(super) kept: u32,
    /// Those that did not.
    pub(super) lost: u32,
    /// Changes of names that survived.
    pub(super) names_kept: u32,
    /// Those that did not.
    pub(super) names_lost: u32,
    /// Sectors lost of which a disk had said that they were safe.
    pub(super) lied: u32,
}

/// Which of the unsynced survive. Beyond the first 64, a sector shares the fate of the one 64 before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Survivors {
    /// One bit per unsynced sector, in the order of [`Disk::unsynced`].
    pub(super) sectors: u64,
    /// How many changes of names.
    pub(super) names: u32,
}

impl Survivors {
    /// Those that two words choose: none, all, a prefix, or any subset, each equally often.
    pub(super) fn drawn(words: [u64; 3], sectors: u32, names: u32) -> Self {
        let prefix = below(words[1], u64::from(sectors.min(63)) + 1);
        let sectors = match words[0] >> 62 {
            0 => 0,
            1 => u64::MAX,
            2 => (1 << prefix) - 1,
            _ => words[1],
        };
        Self { sectors, names: below(words[2], u64::from(names) + 1) as u32 }
    }

    fn keeps(self, place: u32) -> bool {
        self.sectors >> (place % 64) & 1 == 1
    }
}

impl Disk {
    /// Whether nothing was ever stored.
    pub(super) fn is_unused(&self) -> bool {
        self.last_file == FileId(0)
    }

    pub(super) fn clear(&mut self) {
        if !self.is_unused() {
            *self = Self::default();
        }
    }

    pub(super) fn names(&self) -> impl Iterator<Item = FileName> {
        self.names.0.iter().map(|&(name, _)| name)
    }

    pub(super) fn find(&self, name: FileName) -> Option<FileId> {
        self.names.get(name)
    }

    /// What a file is called now, if anything.
    pub(super) fn name_of(&self, file: FileId) -> Option<FileName> {
        self.names.0.iter().find(|&&(_, named)| named == file).map(|&(name, _)| name)
    }

    fn file(&self, file: FileId) -> &File {
        self.files.get(&file).expect("a file that is named is there")
    }

    /// How long a file is, as seen.
    pub(super) fn length(&self, name: FileName) -> Option<u32> {
        self.find(name).map(|file| self.file(file).seen.len() as u32)
    }

    /// What a file holds in a range, as seen; shorter where the file ends.
    pub(super) fn read(&self, file: FileId, range: Range<u32>) -> &[u8] {
        let seen = &self.file(file).seen;
        let end = seen.len().min(range.end as usize);
        &seen[end.min(range.start as usize)..end]
    }

    /// The rules whose damage a read of this range meets for the first time.
    pub(super) fn meet_rot(&mut self, file: FileId, range: Range<u32>) -> Vec<u16> {
        let Some(file) = self.files.get_mut(&file) else { return Vec::new() };
        let (seen, mut met) = (&file.seen, Vec::new());
        file.rotten.retain(|rot| {
            let is_met = range.contains(&rot.at) && seen.get(rot.at as usize) == Some(&rot.byte);
            met.extend(is_met.then_some(rot.rule));
            !is_met
        });
        met
    }

    /// An empty file under this name; what had the name before loses it.
    pub(super) fn create(&mut self, name: FileName) -> FileId {
        self.last_file.0 += 1;
        self.files.insert(self.last_file, File::default());
        self.change(NameChange::Bind(name, self.last_file));
        self.last_file
    }

    /// Gives a file another name; what had that name before loses it.
    pub(super) fn rename(&mut self, from: FileName, to: FileName) {
        self.change(NameChange::Rename(from, to));
    }

    /// Takes a name away, and with it the file.
    pub(super) fn remove(&mut self, name: FileName) {
        self.change(NameChange::Remove(name));
    }

    fn change(&mut self, change: NameChange) {
        self.names.change(change);
        self.changes.push(change);
        self.changed += 1;
    }

    /// Writes bytes; a gap before them reads as zeros. A name that is not there is created.
    pub(super) fn write(&mut self, name: FileName, offset: u32, bytes: &[u8]) {
        let file = self.find(name).unwrap_or_else(|| self.create(name));
        let file = self.files.get_mut(&file).expect("a file that is named is there");
        let (start, end) = (offset as usize, offset as usize + bytes.len());
        let first = start.min(file.seen.len()) / SECTOR_BYTES;
        if file.seen.len() < end {
            file.seen.resize(end, 0);
        }
        file.seen[start..end].copy_from_slice(bytes);
        for sector in first as u32..end.div_ceil(SECTOR_BYTES) as u32 {
            if let Err(place) = file.dirty.binary_search(&sector) {
                file.dirty.insert(place, sector);
            }
        }
        file.written += 1;
    }

    /// Up to where a sync of this file that begins now or later has to come.
    pub(super) fn written(&self, file: FileId) -> Upto {
        self.files.get(&file).map_or(0, |file| file.written)
    }

    /// The same for the names.
    pub(super) fn changed(&self) -> Upto {
        self.changed
    }

    /// How far a file is synced.
    pub(super) fn synced(&self, file: FileId) -> Upto {
        self.files.get(&file).map_or(Upto::MAX, |file| file.synced)
    }

    /// How far the names are.
    pub(super) fn changes_synced(&self) -> Upto {
        self.changes_synced
    }

    pub(super) fn is_flying(&self, file: FileId) -> bool {
        self.files.get(&file).is_some_and(|file| file.flying.is_some())
    }

    pub(super) fn are_names_flying(&self) -> bool {
        self.flying_changes.is_some()
    }

    /// A sync of a file begins.
    pub(super) fn take_off(&mut self, file: FileId) -> Load {
        let Some(file) = self.files.get_mut(&file) else { return Load::default() };
        assert!(file.flying.is_none(), "one sync of a file at a time");
        let dirty = std::mem::take(&mut file.dirty);
        let load = Load {
            sectors: dirty.len() as u32,
            runs: runs(&dirty),
            first: dirty.first().copied().unwrap_or(0),
            last: dirty.last().copied().unwrap_or(0),
        };
        let copy = |sector| (sector, Sector(sector_of(&file.seen, sector).into()));
        file.flying = Some(dirty.into_iter().map(copy).collect());
        load
    }

    /// A sync of the names begins. Gives how many changes it writes.
    pub(super) fn take_off_names(&mut self) -> u32 {
        assert!(self.flying_changes.is_none(), "one sync of the names at a time");
        self.flying_changes = Some(self.changes.len() as Upto);
        self.changes.len() as u32
    }

    /// A sync is done, and the disk tells the truth: everything before it is on the platter.
    pub(super) fn land(&mut self, file: FileId, upto: Upto) {
        let Some(file) = self.files.get_mut(&file) else { return };
        if let Some(batch) = file.flying.take() {
            for sector in &batch {
                store(&mut file.stable, sector);
            }
        }
        file.synced = file.synced.max(upto);
    }

    /// What disks that lied still hold reaches the platter.
    pub(super) fn empty_drives(&mut self) {
        for file in self.files.values_mut() {
            file.drive.drain(..).flatten().for_each(|sector| store(&mut file.stable, &sector));
        }
    }

    /// A sync is done, and the disk lies: it has everything in a cache of its own.
    pub(super) fn pretend(&mut self, file: FileId, upto: Upto) {
        let Some(file) = self.files.get_mut(&file) else { return };
        file.drive.extend(file.flying.take());
        file.synced = file.synced.max(upto);
    }

    /// A sync failed. As on Linux its sectors count as clean from now on: they are seen until the
    /// next crash, and the next sync says that all is well without having written them.
    pub(super) fn drop_flying(&mut self, file: FileId) {
        if let Some(file) = self.files.get_mut(&file) {
            file.flying = None;
        }
    }

    /// A sync failed, and the node takes it for done.
    pub(super) fn ignore(&mut self, file: FileId, upto: Upto) {
        if let Some(file) = self.files.get_mut(&file) {
            file.synced = file.synced.max(upto);
        }
    }

    /// One sector of what is flying lands half the file further: its place keeps what it had, and
    /// what stood there is gone. Says whether there was a wrong place for it.
    pub(super) fn misdirect(&mut self, file: FileId) -> bool {
        let Some(file) = self.files.get_mut(&file) else { return false };
        let sectors = file.stable.len().div_ceil(SECTOR_BYTES) as u32;
        let Some(batch) = file.flying.as_mut() else { return false };
        let Some(first) = batch.first_mut().filter(|_| sectors > 1) else { return false };
        let meant = first.0;
        first.0 = (meant + sectors.div_ceil(2)) % sectors;
        first.0 != meant
    }

    /// A sync of the names is done.
    pub(super) fn land_names(&mut self, upto: Upto) {
        let flying = self.flying_changes.take().unwrap_or(0);
        for change in self.changes.drain(..flying as usize) {
            self.stable_names.change(change);
        }
        self.changes_synced = self.changes_synced.max(upto);
        self.forget_the_nameless();
    }

    /// A sync of the names failed: the changes are seen until the next crash, and then gone.
    pub(super) fn drop_names(&mut self) {
        if let Some(flying) = self.flying_changes.take() {
            self.changes.drain(..flying as usize);
        }
    }

    pub(super) fn ignore_names(&mut self, upto: Upto) {
        self.changes_synced = self.changes_synced.max(upto);
    }

    /// Files that no name leads to, seen or stable or to come, take no room.
    fn forget_the_nameless(&mut self) {
        let Self { files, names, stable_names, changes, .. } = self;
        files.retain(|&file, _| {
            let among = |names: &Names| names.0.iter().any(|&(_, named)| named == file);
            let to_come =
                |change: &NameChange| matches!(change, NameChange::Bind(_, f) if *f == file);
            among(names) || among(stable_names) || changes.iter().any(to_come)
        });
    }

    /// How many sectors and changes of names a crash would put at risk.
    pub(super) fn unsynced(&self) -> (u32, u32) {
        let of = |file: &File| {
            let moving = file.drive.iter().chain(&file.flying).map(Vec::len);
            (file.dirty.len() + moving.sum::<usize>()) as u32
        };
        (self.files.values().map(of).sum(), self.changes.len() as u32)
    }

    /// A crash: what is stable stays, and of the rest what survives by the choice given.
    pub(super) fn crash(&mut self, survivors: Survivors) -> Leftover {
        let mut left = Leftover::default();
        let mut place = 0;
        for file in self.files.values_mut() {
            file.crash(&mut left, || {
                place += 1;
                survivors.keeps(place - 1)
            });
        }
        let changes = std::mem::take(&mut self.changes);
        left.names_kept = survivors.names.min(changes.len() as u32);
        left.names_lost = changes.len() as u32 - left.names_kept;
        for change in changes.into_iter().take(left.names_kept as usize) {
            self.stable_names.change(change);
        }
        self.names.clone_from(&self.stable_names);
        (self.flying_changes, self.changed, self.changes_synced) = (None, 0, 0);
        self.forget_the_nameless();
        self.number_anew();
        left
    }

    /// Nobody waits for a file any more: they are numbered in the order of their names, so that
    /// two nodes that hold the same are the same.
    fn number_anew(&mut self) {
        let mut files = BTreeMap::new();
        for (nth, (_, named)) in (1..).zip(&mut self.stable_names.0) {
            let file = self.files.remove(named).expect("a file has one name");
            *named = FileId(nth);
            files.insert(*named, file);
        }
        self.names.clone_from(&self.stable_names);
        (self.last_file, self.files) = (FileId(files.len() as u32), files);
    }

    /// What is read from now on is what survived, damage included.
    pub(super) fn lose_the_cache(&mut self) {
        for file in self.files.values_mut().filter(|file| file.seen != file.stable) {
            file.seen.clone_from(&file.stable);
        }
    }

    /// How many stable sectors the files of this word have; of all files without one.
    pub(super) fn stable_sectors(&self, word: Option<&str>) -> u32 {
        self.places(word).map(|(_, sectors)| sectors).sum()
    }

    fn places(&self, word: Option<&str>) -> impl Iterator<Item = (FileId, u32)> {
        let named = self.stable_names.0.iter();
        let named = named.filter(move |(name, _)| word.is_none_or(|word| name.word() == word));
        named.map(|&(_, file)| (file, self.file(file).stable.len().div_ceil(SECTOR_BYTES) as u32))
    }

    /// One bit of the `nth` of these sectors flips for good; it is seen after the next crash.
    pub(super) fn rot(&mut self, word: Option<&str>, mut nth: u32, rule: u16) {
        let found = self.places(word).find_map(|(file, sectors)| {
            if nth < sectors {
                return Some(file);
            }
            nth -= sectors;
            None
        });
        let Some(file) = found.and_then(|found| self.files.get_mut(&found)) else { return };
        let start = nth as usize * SECTOR_BYTES;
        let length = (file.stable.len() - start).min(SECTOR_BYTES);
        let at = start + (nth as usize * 37 + 11) % length;
        file.stable[at] ^= 0x10;
        file.rotten.push(Rot { at: at as u32, byte: file.stable[at], rule });
    }
}

/// Puts a sector in its place; the file then reaches at least to its end.
fn store(stable: &mut Vec<u8>, (sector, bytes): &(u32, Sector)) {
    let start = *sector as usize * SECTOR_BYTES;
    let end = start + bytes.0.len();
    if stable.len() < end {
        stable.resize(end, 0);
    }
    stable[start..end].copy_from_slice(&bytes.0);
}

#[cfg(test)]
mod tests;

fn sector_of(bytes: &[u8], sector: u32) -> &[u8] {
    let start = sector as usize * SECTOR_BYTES;
    &bytes[start..bytes.len().min(start + SECTOR_BYTES)]
}

/// How many runs of neighbours there are in a sorted list.
fn runs(sectors: &[u32]) -> u32 {
    let breaks = sectors.windows(2).filter(|pair| pair[1] != pair[0] + 1).count();
    if sectors.is_empty() { 0 } else { breaks as u32 + 1 }
}

impl File {
    fn crash(&mut self, left: &mut Leftover, mut keeps: impl FnMut() -> bool) {
        let copy = |sector| (sector, Sector(sector_of(&self.seen, sector).into()));
        let cached: Batch = self.dirty.drain(..).map(copy).collect();
        let lies = self.drive.len();
        let batches = self.drive.drain(..).chain(self.flying.take()).chain([cached]);
        for (nth, batch) in batches.enumerate() {
            for sector in &batch {
                if keeps() {
                    store(&mut self.stable, sector);
                    left.kept += 1;
                } else {
                    left.lost += 1;
                    left.lied += u32::from(nth < lies);
                }
            }
        }
        self.seen.clone_from(&self.stable);
        (self.written, self.synced) = (0, 0);
    }
}
