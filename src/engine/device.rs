//! What a node's disk is asked to do, one thing at a time, and what is wrong with it.
//!
//! ```text
//!   force (log) ┐
//!   sync (file) ├──▶ Job ──▶ the disk works on one after the other ──▶ done ──▶ what waited goes on
//!   sync (names)│            seek + sectors + the law of a force
//!   read        ┘
//! ```
//!
//! The head stays where the last transfer ended: appending to a log costs no seek, pages here and
//! there cost one each. Seeks and transfers have fixed costs, so that only the law of a force is
//! drawn; a disk model with rotation was rejected, for nothing here depends on it.
//!
//! This file is long because all that a disk is asked for comes through the one queue.

use super::{
    core::{Core, Event, Failing},
    disk::{FileId, FileName, Load, SECTOR_BYTES, Survivors, Upto},
    effects::After,
    faults::{Keeps, Trouble},
    protocol::Protocol,
    script::{Awaited, Otherwise},
    trace::Kind,
};
use crate::base::{
    digest::digest,
    draws::{Purpose, below},
    ids::{EventId, Lsn, NodeId},
    queue::Class,
    time::{Duration, Time},
};
use serde::Serialize;
use std::fmt;

/// Something that the disk does, and how far things have come once it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) enum Job {
    /// The typed log is durable up to here.
    Log(Lsn),
    /// A file is synced up to here.
    File(FileId, Upto),
    /// The names of files are.
    Names(Upto),
    /// So many reads are done.
    Read(u32),
}

/// What a protocol asks to be synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) enum Target {
    /// The content of a file.
    File(FileName),
    /// The names of all files.
    Names,
}

/// An effect on raw files that nobody waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) enum FileEffect {
    Create(FileName),
    Write(FileName, u32, Vec<u8>),
    Rename(FileName, FileName),
    Remove(FileName),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(name) => write!(f, "{name}"),
            Self::Names => f.write_str("the names"),
        }
    }
}

impl fmt::Display for FileEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create(name) => write!(f, "creates {name}"),
            Self::Write(name, offset, bytes) => {
                write!(f, "writes {} bytes to {name} at {offset}", bytes.len())
            }
            Self::Rename(from, to) => write!(f, "renames {from} to {to}"),
            Self::Remove(name) => write!(f, "removes {name}"),
        }
    }
}

/// The disk as a machine: where its head is, when it is free, what is wrong with it.
#[derive(Clone, Debug, Default)]
pub(super) struct Device {
    pub(super) free_at: Time,
    head: Option<(FileId, u32)>,
    reads: u32,
    reads_done: u32,
    pub(super) lies: Option<(Time, u16)>,
    pub(super) full: Option<(Time, u16)>,
    pub(super) slow: Option<(Time, u16, u32)>,
    pub(super) misdirects: Option<u16>,
    /// A rule whose lies have left something in the disk's own cache.
    lied: Option<u16>,
    /// A write found no room: the next sync says so.
    refused: Option<u16>,
}

/// What a disk costs besides the law of a force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Geometry {
    /// Moving the head to where it is not.
    pub seek: Duration,
    /// Transferring one sector.
    pub sector: Duration,
}

impl Device {
    /// What moving and transferring costs; the head is at the end then.
    fn transfer(&mut self, geometry: Geometry, file: FileId, load: Load) -> (Duration, u32) {
        if load.sectors == 0 {
            return (Duration::ZERO, 0);
        }
        let goes_on = matches!(self.head, Some((at, sector))
            if at == file && (load.first == sector || load.first == sector + 1));
        let seeks = load.runs - u32::from(goes_on);
        self.head = Some((file, load.last));
        let moving = geometry.seek * u64::from(seeks);
        (moving + geometry.sector * u64::from(load.sectors), seeks)
    }

    /// What a crash of the node takes from it.
    pub(super) fn forget(&mut self, now: Time) {
        (self.free_at, self.head) = (now, None);
        (self.reads, self.reads_done, self.refused) = (0, 0, None);
    }

    /// Faults are over.
    pub(super) fn repair(&mut self) {
        (self.lies, self.full, self.slow, self.misdirects) = (None, None, None, None);
    }

    fn is_lying(&self, now: Time) -> Option<u16> {
        self.lies.filter(|&(until, _)| now < until).map(|(_, rule)| rule)
    }
}

impl<P: Protocol> Core<P> {
    /// Whether a job is done.
    pub(super) fn is_done(&mut self, node: NodeId, job: Job) -> bool {
        let cell = self.cell(node);
        match job {
            Job::Log(upto) => upto <= cell.log.durable(),
            Job::File(file, upto) => upto <= cell.disk.synced(file),
            Job::Names(upto) => upto <= cell.disk.changes_synced(),
            Job::Read(nth) => nth <= cell.device.reads_done,
        }
    }

    /// Asks for a sync of what was written so far, and waits for it.
    pub(super) fn sync(&mut self, node: NodeId, step: u16, target: Target) -> After {
        if self.reach(node, step) == After::Crashes {
            return After::Crashes;
        }
        self.file_note(node, Kind::Sync, step, || target.to_string());
        let disk = &self.cell(node).disk;
        let job = match target {
            Target::File(name) => {
                let Some(file) = disk.find(name) else { return After::GoesOn };
                Job::File(file, disk.written(file))
            }
            Target::Names => Job::Names(disk.changed()),
        };
        self.begin(node, job, step);
        After::Waits(job, u16::MAX)
    }

    /// Lets the disk begin with a sync, unless it is at one of the same: then the next takes all
    /// that wait.
    pub(super) fn begin(&mut self, node: NodeId, job: Job, step: u16) {
        let geometry = self.setup.geometry;
        let cell = self.cell(node);
        let (word, takes) = match job {
            Job::File(file, _) if cell.disk.is_flying(file) => return,
            Job::Names(_) if cell.disk.are_names_flying() => return,
            Job::File(file, _) => {
                let name = cell.disk.name_of(file);
                let load = cell.disk.take_off(file);
                let (takes, seeks) = cell.device.transfer(geometry, file, load);
                self.counters.disk.sectors_written += u64::from(load.sectors);
                self.counters.disk.seeks += u64::from(seeks);
                (name.map_or(file.word(), FileName::draw_word), takes)
            }
            Job::Names(_) => {
                cell.disk.take_off_names();
                (3, geometry.seek)
            }
            Job::Log(_) | Job::Read(_) => unreachable!("these begin elsewhere"),
        };
        let job = match job {
            Job::File(file, _) => Job::File(file, self.cell(node).disk.written(file)),
            job => job,
        };
        self.counters.flushes += 1;
        let latest = self.trace.latest();
        self.each_force(node, (word, u16::MAX), latest);
        if self.aside.is_some() && self.leave_job(node, job) {
            return;
        }
        let name = self.names.endpoints[usize::from(node.0)];
        let key = self.draws.key(Purpose::Disk, [name, 2, word, u64::from(step)]);
        let attempt = self.attempt(key);
        let mut force = self.setup.force.sample(key.word(attempt, 0));
        if self.spans_matter() {
            force = self.awaited(node, Awaited::Sync(step), force);
        }
        self.work(node, job, force + takes);
    }

    /// The time of a read, which the node waits for.
    pub(super) fn fetch(
        &mut self,
        node: NodeId,
        name: FileName,
        first: u32,
        sectors: u32,
    ) -> After {
        let geometry = self.setup.geometry;
        let Some(file) = self.cell(node).disk.find(name) else { return After::GoesOn };
        let load = Load { sectors, runs: 1, first, last: first + sectors.saturating_sub(1) };
        let (takes, seeks) = self.cell(node).device.transfer(geometry, file, load);
        self.counters.disk.sectors_read += u64::from(sectors);
        self.counters.disk.seeks += u64::from(seeks);
        self.file_note(node, Kind::Read, u16::MAX, || name.to_string());
        let bytes = first * SECTOR_BYTES as u32..(first + sectors) * SECTOR_BYTES as u32;
        for rule in self.cell(node).disk.meet_rot(file, bytes) {
            self.effect_of(rule);
        }
        let device = &mut self.cell(node).device;
        device.reads += 1;
        let job = Job::Read(device.reads);
        if !(self.aside.is_some() && self.leave_job(node, job)) {
            self.work(node, job, takes);
        }
        After::Waits(job, u16::MAX)
    }

    /// Puts a job behind what the disk is already at.
    pub(super) fn work(&mut self, node: NodeId, job: Job, mut takes: Duration) {
        let now = self.now;
        let device = &mut self.cell(node).device;
        if let Some((until, rule, factor)) = device.slow
            && now < until
        {
            takes = takes * u64::from(factor);
            self.effect_of(rule);
        }
        let cell = self.cell(node);
        let at = cell.device.free_at.max(now) + takes;
        cell.device.free_at = at;
        let incarnation = cell.incarnation;
        self.put(at, Class::Disk, Event::Durable { node, incarnation, job });
    }

    /// A sync is on the platter, or the disk says so.
    pub(super) fn land(&mut self, node: NodeId, job: Job) {
        let now = self.now;
        let cell = self.cell(node);
        let lies = cell.device.is_lying(now);
        match (lies, job) {
            (_, Job::Read(_)) | (Some(_), Job::Names(_)) => {}
            (Some(rule), _) => cell.device.lied = Some(rule),
            (None, _) => self.empty_drive(node), // What is older comes first.
        }
        let cell = self.cell(node);
        match job {
            Job::Log(upto) => {
                cell.flushing = false;
                match lies {
                    Some(_) => cell.log.pretend(upto),
                    None => cell.log.harden(upto),
                }
            }
            Job::File(file, upto) => self.land_file(node, file, upto, lies),
            Job::Names(upto) => cell.disk.land_names(upto),
            Job::Read(nth) => cell.device.reads_done = nth,
        }
    }

    /// A flush that is honest takes all that the disk had in a cache of its own.
    fn empty_drive(&mut self, node: NodeId) {
        let cell = self.cell(node);
        cell.disk.empty_drives();
        cell.log.harden(cell.log.durable());
        cell.device.lied = None;
    }

    fn land_file(&mut self, node: NodeId, file: FileId, upto: Upto, lies: Option<u16>) {
        let cell = self.cell(node);
        if lies.is_some() {
            return cell.disk.pretend(file, upto);
        }
        if let Some(rule) = cell.device.misdirects
            && cell.disk.misdirect(file)
        {
            cell.device.misdirects = None;
            self.effect_of(rule);
        }
        self.cell(node).disk.land(file, upto);
    }

    /// Why a sync fails, if it does: a fault said so, or a write before it found no room.
    pub(super) fn failure(&mut self, node: NodeId, job: Job) -> Option<Failing> {
        if !matches!(job, Job::File(..) | Job::Names(_)) {
            return None;
        }
        let now = self.now;
        let device = &mut self.cell(node).device;
        let room = device.refused.take_if(|_| matches!(job, Job::File(..)));
        let until = device.full.map_or(now, |(until, _)| until);
        let full = room.map(|rule| Failing {
            rule,
            strike: 0,
            down: (until < Time::MAX).then(|| until.saturating_since(now)),
            keeps: Keeps::default(),
        });
        self.cell(node).failing.take().or(full)
    }

    /// Whether a sync is still under way, or about to fail.
    pub(super) fn is_under_way(&mut self, node: NodeId, job: Job) -> bool {
        let disk = &self.cell(node).disk;
        match job {
            Job::File(file, _) => disk.is_flying(file),
            Job::Names(_) => disk.are_names_flying(),
            Job::Log(_) | Job::Read(_) => false,
        }
    }

    /// Whether a sync that the disk is done with fails.
    pub(super) fn will_fail(&mut self, node: NodeId, job: Job) -> bool {
        let cell = self.cell(node);
        match job {
            Job::File(..) => cell.failing.is_some() || cell.device.refused.is_some(),
            Job::Names(_) => cell.failing.is_some(),
            Job::Log(_) | Job::Read(_) => false,
        }
    }

    /// What a failed sync was to write counts as clean from now on.
    pub(super) fn drop_sync(&mut self, node: NodeId, job: Job) {
        let disk = &mut self.cell(node).disk;
        match job {
            Job::File(file, _) => disk.drop_flying(file),
            Job::Names(_) => disk.drop_names(),
            Job::Log(_) | Job::Read(_) => unreachable!("these do not fail here"),
        }
        self.counters.disk.failed_syncs += 1;
        let target = self.target(node, job);
        self.cause = self.file_note(node, Kind::SyncFailed, u16::MAX, || target);
    }

    /// The node takes a failed sync for done.
    pub(super) fn ignore_sync(&mut self, node: NodeId, job: Job) {
        let disk = &mut self.cell(node).disk;
        match job {
            Job::File(file, upto) => disk.ignore(file, upto),
            Job::Names(upto) => disk.ignore_names(upto),
            Job::Log(_) | Job::Read(_) => unreachable!("these do not fail here"),
        }
    }

    /// What somebody waits for and no sync is at is begun.
    pub(super) fn begin_what_waits(&mut self, node: NodeId) {
        if self.cell(node).disk.is_unused() {
            return;
        }
        for place in 0..self.cell(node).parked.len() {
            let parked = self.cell(node).parked[place];
            if matches!(parked.until, Job::File(..) | Job::Names(_))
                && !self.is_done(node, parked.until)
            {
                self.begin(node, parked.until, parked.step);
            }
        }
    }

    /// Something is done to files that nobody waits for.
    pub(super) fn touch(&mut self, node: NodeId, effect: FileEffect) {
        let (end, content) = (node.into(), digest(&effect).fold.short());
        self.note(Kind::FileWrite, (end, end), u16::MAX, content, || effect.to_string());
        match effect {
            FileEffect::Write(name, offset, bytes) => {
                let end = offset + bytes.len() as u32;
                let grows = self.cell(node).disk.length(name).unwrap_or(0) < end;
                if grows && !self.has_room(node) {
                    let full = self.cell(node).device.full;
                    self.cell(node).device.refused = full.map(|(_, rule)| rule);
                    return;
                }
                self.cell(node).disk.write(name, offset, &bytes);
            }
            FileEffect::Create(name) => _ = self.cell(node).disk.create(name),
            FileEffect::Rename(from, to) => self.cell(node).disk.rename(from, to),
            FileEffect::Remove(name) => self.cell(node).disk.remove(name),
        }
    }

    /// Whether files can become longer.
    pub(super) fn has_room(&mut self, node: NodeId) -> bool {
        let now = self.now;
        match self.cell(node).device.full {
            Some((until, rule)) if now < until => {
                self.effect_of(rule);
                false
            }
            _ => true,
        }
    }

    /// A rule makes a disk bad.
    pub(super) fn spoil(&mut self, rule: u16, node: NodeId, how: &Trouble, until: Time) {
        let drawn = self.draw(rule, "sector");
        let device = &mut self.cell(node).device;
        match how {
            Trouble::Lies => device.lies = Some((until, rule)),
            Trouble::Full => device.full = Some((until, rule)),
            Trouble::Slow(factor) => device.slow = Some((until, rule, *factor)),
            Trouble::Misdirects => device.misdirects = Some(rule),
            Trouble::Rots { file, sector } => {
                let disk = &mut self.cell(node).disk;
                let sectors = disk.stable_sectors(file.as_deref());
                let nth = sector.unwrap_or_else(|| below(drawn, u64::from(sectors.max(1))) as u32);
                disk.rot(file.as_deref(), nth, rule);
            }
        }
    }

    /// What is wrong with a disk, with nothing left to draw.
    pub(super) fn settled_trouble(&self, rule: u16, node: NodeId, how: &Trouble) -> Trouble {
        let Trouble::Rots { file, sector: None } = how else { return how.clone() };
        let sectors = self.cells[usize::from(node.0)].disk.stable_sectors(file.as_deref());
        let drawn = self.draw(rule, "sector");
        let sector = Some(below(drawn, u64::from(sectors.max(1))) as u32);
        Trouble::Rots { file: file.clone(), sector }
    }

    /// Files meet a crash. Gives which of the unsynced sectors survived, if any were at risk.
    pub(super) fn crash_files(
        &mut self,
        node: NodeId,
        keeps: Keeps,
        words: [u64; 3],
    ) -> Option<Survivors> {
        let disk = &mut self.cell(node).disk;
        let (sectors, names) = disk.unsynced();
        if (sectors, names) == (0, 0) {
            disk.crash(Survivors::default());
            self.cell(node).device.lied = None;
            return None;
        }
        let calm = self.setup.script.otherwise == Otherwise::Calm;
        let drawn = match self.each_survivor(sectors, names) {
            Some(chosen) => chosen,
            None if calm => Survivors::default(),
            None => Survivors::drawn(words, sectors, names),
        };
        let survivors = Survivors {
            sectors: keeps.sectors.unwrap_or(drawn.sectors),
            names: keeps.names.unwrap_or(drawn.names),
        };
        let left = self.cell(node).disk.crash(survivors);
        let counts = &mut self.counters.disk;
        counts.sectors_lost += u64::from(left.lost);
        counts.sectors_kept += u64::from(left.kept);
        counts.names_lost += u64::from(left.names_lost);
        if let Some(rule) = self.cell(node).device.lied.take().filter(|_| left.lied > 0) {
            self.effect_of(rule);
        }
        Some(survivors)
    }

    /// A disk that lied lost records of the log.
    pub(super) fn lost_by_lies(&mut self, node: NodeId) {
        if let Some(rule) = self.cell(node).device.lied {
            self.effect_of(rule);
        }
    }

    /// What a job was about, in words, when somebody records.
    fn target(&self, node: NodeId, job: Job) -> String {
        let disk = &self.cells[usize::from(node.0)].disk;
        match job {
            _ if !self.trace.records() => String::new(),
            Job::File(file, _) => disk.name_of(file).map_or_else(String::new, |n| n.to_string()),
            _ => Target::Names.to_string(),
        }
    }

    /// A sync is done.
    pub(super) fn note_synced(&mut self, node: NodeId, job: Job) {
        let target = self.target(node, job);
        self.cause = self.file_note(node, Kind::Synced, u16::MAX, || target);
    }

    fn file_note(
        &mut self,
        node: NodeId,
        kind: Kind,
        label: u16,
        text: impl FnOnce() -> String,
    ) -> EventId {
        let end = node.into();
        self.note(kind, (end, end), label, 0, text)
    }
}
