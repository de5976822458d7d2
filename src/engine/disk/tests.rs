//! Raw files against a naive oracle, and all images of a crash counted.
//!
//! ```text
//!   writes, syncs (honest, lying, failed), crash ──▶ disk    what a reader finds
//!                                               └──▶ oracle  per sector: every version, and where it is
//! ```
//!
//! The oracle keeps every version of every sector for ever, and says of each only whether it is in
//! the cache, on its way, in the disk's own cache, stable or given up. It allows after a crash what
//! is not older than the last stable version, and nothing else.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

const FILE: FileName = FileName::only("log");
const SECTORS: u32 = 4;

/// Where a version of a sector is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Cache,
    Flying,
    Drive,
    Stable,
    GivenUp,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// From which sector on, how many.
    Write(u32, u32),
    Begin,
    Land,
    Lie,
    Fail,
    Crash(u64),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (0..SECTORS, 1..3_u32).prop_map(|(from, count)| Step::Write(from, count)),
        3 => Just(Step::Begin),
        2 => Just(Step::Land),
        1 => Just(Step::Lie),
        1 => Just(Step::Fail),
        1 => any::<u64>().prop_map(Step::Crash),
    ]
}

/// Every version of each sector, oldest first; 0 is what was there before any.
#[derive(Default)]
struct Oracle {
    sectors: BTreeMap<u32, Vec<(u8, Place)>>,
}

impl Oracle {
    fn write(&mut self, sector: u32, version: u8) {
        let versions = self.sectors.entry(sector).or_default();
        if let Some((_, place)) = versions.iter_mut().find(|(_, place)| *place == Place::Cache) {
            *place = Place::GivenUp; // Overwritten in the cache.
        }
        versions.push((version, Place::Cache));
    }

    fn move_all(&mut self, from: Place, to: Place) {
        let all = self.sectors.values_mut().flatten();
        all.filter(|(_, place)| *place == from).for_each(|(_, place)| *place = to);
    }

    fn seen(&self, sector: u32) -> u8 {
        let versions = self.sectors.get(&sector).map_or(&[][..], Vec::as_slice);
        versions.last().map_or(0, |(version, _)| *version)
    }

    /// What may be there after a crash.
    fn allowed(&self, sector: u32) -> Vec<u8> {
        let versions = self.sectors.get(&sector).map_or(&[][..], Vec::as_slice);
        let stable = versions.iter().rposition(|(_, place)| *place == Place::Stable);
        let newer = versions[stable.map_or(0, |stable| stable + 1)..].iter();
        let at_risk = [Place::Cache, Place::Flying, Place::Drive];
        let lucky = newer.filter(|(_, place)| at_risk.contains(place)).map(|(version, _)| *version);
        std::iter::once(stable.map_or(0, |stable| versions[stable].0)).chain(lucky).collect()
    }

    fn crash(&mut self, found: &[u8]) {
        for (sector, versions) in &mut self.sectors {
            let version = found.get(*sector as usize).copied().unwrap_or(0);
            *versions = vec![(version, Place::Stable)];
        }
    }
}

/// The version that each sector shows; all bytes of a sector are of one version.
fn shown(disk: &Disk) -> Vec<u8> {
    let Some(file) = disk.find(FILE) else { return Vec::new() };
    let bytes = disk.read(file, 0..u32::MAX);
    assert_eq!(bytes.len() % SECTOR_BYTES, 0, "whole sectors were written");
    let sectors = bytes.chunks(SECTOR_BYTES);
    sectors
        .map(|sector| {
            assert!(sector.iter().all(|byte| *byte == sector[0]), "a sector is written as a whole");
            sector[0]
        })
        .collect()
}

/// An empty file whose name is stable.
fn named() -> (Disk, FileId) {
    let mut disk = Disk::default();
    let file = disk.create(FILE);
    disk.take_off_names();
    disk.land_names(1);
    (disk, file)
}

fn write(disk: &mut Disk, sector: u32, version: u8) {
    disk.write(FILE, sector * SECTOR_BYTES as u32, &[version; SECTOR_BYTES]);
}

fn sync(disk: &mut Disk, file: FileId) {
    disk.take_off(file);
    disk.land(file, disk.written(file));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_crash_leaves_what_the_oracle_allows(steps in prop::collection::vec(any_step(), 1..40)) {
        let (mut disk, _) = named();
        let mut oracle = Oracle::default();
        let mut version = 0;
        for step in steps {
            let file = disk.find(FILE).expect("its name is stable");
            match step {
                Step::Write(from, count) => for sector in from..(from + count).min(SECTORS) {
                    version += 1;
                    write(&mut disk, sector, version);
                    oracle.write(sector, version);
                    // A gap before it reads as zeros, and is written with it.
                    for gap in 0..sector {
                        if oracle.sectors.get(&gap).is_none_or(Vec::is_empty) {
                            oracle.write(gap, 0);
                        }
                    }
                },
                Step::Begin if !disk.is_flying(file) => {
                    disk.take_off(file);
                    oracle.move_all(Place::Cache, Place::Flying);
                }
                Step::Land if disk.is_flying(file) => {
                    disk.empty_drives();
                    disk.land(file, disk.written(file));
                    oracle.move_all(Place::Drive, Place::Stable);
                    oracle.move_all(Place::Flying, Place::Stable);
                }
                Step::Lie if disk.is_flying(file) => {
                    disk.pretend(file, disk.written(file));
                    oracle.move_all(Place::Flying, Place::Drive);
                }
                Step::Fail if disk.is_flying(file) => {
                    disk.drop_flying(file);
                    oracle.move_all(Place::Flying, Place::GivenUp);
                }
                Step::Crash(sectors) => {
                    disk.crash(Survivors { sectors, names: 0 });
                    disk.lose_the_cache();
                    let found = shown(&disk);
                    for sector in 0..SECTORS {
                        let version = found.get(sector as usize).copied().unwrap_or(0);
                        let allowed = oracle.allowed(sector);
                        prop_assert!(allowed.contains(&version), "{version} of {allowed:?}");
                    }
                    oracle.crash(&found);
                }
                _ => {}
            }
            let seen: Vec<u8> = (0..SECTORS).map(|sector| oracle.seen(sector)).collect();
            let mut shown = shown(&disk);
            shown.resize(SECTORS as usize, 0);
            if !matches!(step, Step::Crash(_)) {
                prop_assert_eq!(shown, seen, "all that was written is seen at once");
            }
        }
    }
}

/// What all files hold after each possible crash.
fn images(disk: &Disk) -> Vec<BTreeMap<FileName, Vec<u8>>> {
    let (sectors, names) = disk.unsynced();
    let choices = (0..1_u64 << sectors).flat_map(|sectors| (0..=names).map(move |n| (sectors, n)));
    choices
        .map(|(sectors, names)| {
            let mut disk = disk.clone();
            disk.crash(Survivors { sectors, names });
            let held = disk.names().map(|name| {
                let file = disk.find(name).expect("a name leads to a file");
                (name, disk.read(file, 0..u32::MAX).to_vec())
            });
            held.collect()
        })
        .collect()
}

#[test]
fn k_unsynced_sectors_leave_two_to_the_k_images() {
    for k in 0..=6_u32 {
        let (mut disk, file) = named();
        (0..6).for_each(|sector| write(&mut disk, sector, 1));
        sync(&mut disk, file);
        (0..k).for_each(|sector| write(&mut disk, sector, 2));
        assert_eq!(disk.unsynced(), (k, 0));
        let images: BTreeSet<_> = images(&disk).into_iter().collect();
        assert_eq!(images.len(), 1 << k);
    }
}

#[test]
fn changes_of_names_survive_as_a_prefix() {
    let (mut disk, file) = named();
    write(&mut disk, 0, 1);
    sync(&mut disk, file);
    let new = FileName::numbered("new", 2);
    disk.create(new);
    disk.rename(new, FILE);
    let found: Vec<Vec<String>> = images(&disk)
        .iter()
        .map(|image| image.iter().map(|(name, held)| format!("{name} {}", held.len())).collect())
        .collect();
    assert_eq!(found, [vec!["log 512"], vec!["log 512", "new.2 0"], vec!["log 0"]]);
}

#[test]
fn content_that_is_synced_under_a_name_that_is_not_is_gone() {
    let mut disk = Disk::default();
    let file = disk.create(FILE);
    write(&mut disk, 0, 1);
    sync(&mut disk, file);
    let mut lucky = disk.clone();
    disk.crash(Survivors { sectors: u64::MAX, names: 0 });
    assert_eq!(disk.find(FILE), None);
    lucky.crash(Survivors { sectors: 0, names: 1 });
    assert_eq!(shown(&lucky), [1]);
}

#[test]
fn a_retry_after_a_failed_sync_succeeds_and_has_written_nothing() {
    let (mut disk, file) = named();
    write(&mut disk, 0, 1);
    let wanted = disk.written(file);
    disk.take_off(file);
    disk.drop_flying(file);
    assert!(disk.synced(file) < wanted);
    assert_eq!(disk.take_off(file).sectors, 0);
    disk.land(file, wanted);
    assert_eq!(disk.synced(file), wanted);
    assert_eq!((shown(&disk), disk.unsynced()), (vec![1], (0, 0)));
    disk.crash(Survivors { sectors: u64::MAX, names: 0 });
    disk.lose_the_cache();
    assert_eq!(shown(&disk), [0; 0]);
}

#[test]
fn a_misdirected_sector_leaves_its_place_and_takes_another() {
    let (mut disk, file) = named();
    (0..4).for_each(|sector| write(&mut disk, sector, sector as u8 + 1));
    sync(&mut disk, file);
    write(&mut disk, 1, 9);
    disk.take_off(file);
    assert!(disk.misdirect(file));
    disk.land(file, disk.written(file));
    assert_eq!(shown(&disk), [1, 9, 3, 4], "the cache hides it");
    disk.crash(Survivors::default());
    disk.lose_the_cache();
    assert_eq!(shown(&disk), [1, 2, 3, 9]);
}

#[test]
fn rot_shows_after_the_next_crash_and_stays() {
    let (mut disk, file) = named();
    (0..2).for_each(|sector| write(&mut disk, sector, 7));
    sync(&mut disk, file);
    disk.rot(Some("log"), 1, 3);
    let good = vec![7; 2 * SECTOR_BYTES];
    assert_eq!(disk.read(file, 0..u32::MAX), good);
    assert_eq!(disk.meet_rot(file, 0..u32::MAX), [0; 0], "the cache hides it");
    for _ in 0..2 {
        disk.crash(Survivors::default());
        disk.lose_the_cache();
        let file = disk.find(FILE).expect("its name is stable");
        let differ = disk.read(file, 0..u32::MAX).iter().zip(&good).filter(|(is, was)| is != was);
        assert_eq!(differ.count(), 1);
    }
    let file = disk.find(FILE).expect("its name is stable");
    assert_eq!(disk.meet_rot(file, 0..SECTOR_BYTES as u32), [0; 0], "the other sector is sound");
    assert_eq!(disk.meet_rot(file, 0..u32::MAX), [3]);
    assert_eq!(disk.meet_rot(file, 0..u32::MAX), [0; 0], "an effect is counted once");
}

#[test]
fn a_crash_during_a_sync_that_writes_nothing_leaves_no_sync_behind() {
    let (mut disk, file) = named();
    disk.take_off(file);
    disk.take_off_names();
    disk.crash(Survivors::default());
    let file = disk.find(FILE).expect("its name is stable");
    assert!(!disk.is_flying(file) && !disk.are_names_flying());
}
