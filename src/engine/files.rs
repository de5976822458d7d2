//! What a handler may ask of raw files: the part of [`Ctx`] for protocols that bring their own bytes.
//!
//! ```text
//!   write · create · rename · remove     at once, seen by the next read, lost by a crash
//!   sync · sync_grouped · sync_names     what follows waits until the disk is done
//!   read                                 the bytes at once; what follows waits for the disk
//!   state                                a fact, where the order of effects has it
//! ```
//!
//! The rules are those of records: a crash may fall between any two effects, what stands behind a
//! sync happens after it, and behind a grouped one later handlers go on, their effects waiting in
//! turn. Completions as events of their own were rejected: recovery would be a state machine where
//! a loop says it.
//!
//! A sync may fail; what becomes of the node then says
//! [`Protocol::on_failed_sync`].
//!
//! Limits: what a handler has written behind a blocking sync it cannot read in the same handler.

use super::{
    core::Effect,
    ctx::Ctx,
    device::{FileEffect, Target},
    disk::{FileName, SECTOR_BYTES},
    facts::Fact,
    protocol::Protocol,
};
use std::ops::Range;

/// What a node does when a sync of its files has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterFailure {
    /// It stops, as after a crash: what it believes of its files is no longer true.
    Stop,
    /// It asks for the sync again. On Linux that succeeds without having written anything.
    Retry,
    /// It goes on as if the sync had succeeded.
    Ignore,
}

impl<P: Protocol> Ctx<'_, P> {
    /// The names of all files, in their order.
    pub fn file_names(&mut self) -> Vec<FileName> {
        self.disk().names().collect()
    }

    /// How long a file is, in bytes; `None` when there is none of this name.
    pub fn file_length(&mut self, name: FileName) -> Option<u32> {
        self.disk().length(name)
    }

    /// Whether files can become longer now. A write that finds no room is dropped, and the next
    /// sync of any file fails.
    pub fn has_room(&mut self) -> bool {
        let me = self.me();
        self.core().has_room(me)
    }

    /// The bytes of a file in a range, fewer where it ends; none when it does not exist. What the
    /// handler asks for afterwards waits until the disk has delivered them.
    ///
    /// # Panics
    /// When the handler has changed files behind a sync: it would read the past.
    pub fn read_file(&mut self, name: FileName, range: Range<u32>) -> Vec<u8> {
        assert!(!self.has_parked_changes(), "a handler does not read what it has yet to write");
        let Some(file) = self.disk().find(name) else { return Vec::new() };
        let bytes = self.disk().read(file, range.clone()).to_vec();
        let first = range.start / SECTOR_BYTES as u32;
        let end = (range.start as usize + bytes.len()).div_ceil(SECTOR_BYTES) as u32;
        self.fetch(name, first, end.saturating_sub(first));
        bytes
    }

    /// Writes bytes at an offset, into a new file when there is none of this name. They are seen at
    /// once, and a crash leaves any subset of their sectors until a sync has covered them.
    pub fn write_file(&mut self, name: FileName, offset: u32, bytes: impl Into<Vec<u8>>) {
        self.touch(|| FileEffect::Write(name, offset, bytes.into()));
    }

    /// An empty file under this name; what had the name before loses it.
    pub fn create_file(&mut self, name: FileName) {
        self.touch(|| FileEffect::Create(name));
    }

    /// Gives a file another name, in place of the file that had it. Atomic, and durable only after
    /// [`Ctx::sync_names`].
    pub fn rename_file(&mut self, from: FileName, to: FileName) {
        self.touch(|| FileEffect::Rename(from, to));
    }

    /// Takes a file away; durable only after [`Ctx::sync_names`].
    pub fn remove_file(&mut self, name: FileName) {
        self.touch(|| FileEffect::Remove(name));
    }

    /// Waits until what was written to a file is on the platter: what follows happens after that,
    /// and the node takes no input until then. Where the scenario leaves the step out, nothing is
    /// synced.
    pub fn sync_file(&mut self, step: P::Step, name: FileName) {
        self.sync_for(step, Target::File(name), super::core::Wait::Node);
    }

    /// Like [`Ctx::sync_file`], but the node goes on handling events while the disk works; syncs of
    /// a file that wait share the next one.
    pub fn sync_file_grouped(&mut self, step: P::Step, name: FileName) {
        self.sync_for(step, Target::File(name), super::core::Wait::Handler);
    }

    /// Waits until the names of all files are durable: what was created, renamed, removed.
    pub fn sync_names(&mut self, step: P::Step) {
        self.sync_for(step, Target::Names, super::core::Wait::Node);
    }

    /// States what the files of this node now say, for those who judge: the counterpart of
    /// [`Protocol::facts`] for protocols without typed records. Behind a sync it counts once that
    /// is done.
    pub fn state(&mut self, fact: Fact) {
        if self.acts_now() {
            let me = self.me();
            self.core().state_fact(me, fact);
        } else {
            self.park(|| Effect::State(fact));
        }
    }
}
