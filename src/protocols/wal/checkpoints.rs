//! Fuzzy checkpoints: pages are written one by one while writes go on, then the log before them goes.
//!
//! ```text
//!   redo = end of the log ──▶ dirty pages, one by one ──▶ ● pages ──▶ ● checkpoint.tmp
//!                                                     ──▶ rename ──▶ ● names ──▶ segments go
//! ```
//!
//! A page may go out with changes behind `redo`: recovery skips what a page has already. It may not
//! go out ahead of the log, and the log may not go ahead of the checkpoint. Stopping the server for
//! a checkpoint was rejected: it would make a crash cheap and every day slow.
//!
//! After Mohan and others (1992), section 5.4, without a table of transactions: a change is one.

use super::{
    CHECKPOINT, Ctx, Duty, Message, NEW_CHECKPOINT, PAGES, Step, Timer, Wal, Writing,
    pages::Checkpoint, settings::Interval,
};
use crate::{base::ids::Lsn, engine::disk::SECTOR_BYTES};

impl Wal {
    /// What the log holds up to here will be in the pages: all that are dirty now are written.
    pub(super) fn begin_checkpoint(&mut self, ctx: &mut Ctx<'_>) {
        if let Interval::Every(pause) = ctx.config().checkpoint {
            ctx.set_timer(pause, Timer::Checkpoint);
        }
        let redo = match self.duty {
            // What it has not said to have must stay in its log: it says so when it boots.
            Duty::Standby => self.shipped,
            _ => self.journal.last(),
        };
        if self.writing.is_some() || redo == self.checkpoint_at || !ctx.has_room() {
            return;
        }
        if !ctx.step(Step::KeepLogUntilCheckpoint) {
            self.cut_log(redo, ctx);
        }
        let dirty = self.pages.iter().rev().filter(|(_, page)| page.is_dirty());
        self.writing = Some(Writing { redo, left: dirty.map(|(number, _)| *number).collect() });
        self.write_page(ctx);
    }

    pub(super) fn write_page(&mut self, ctx: &mut Ctx<'_>) {
        let Some(Writing { left, .. }) = &mut self.writing else { return };
        let Some(number) = left.pop() else {
            ctx.sync_file_grouped(Step::SyncPages, PAGES);
            return ctx.send(ctx.me(), Message::PagesSynced);
        };
        let page = self.pages.get_mut(&number).expect("a page that is dirty is there");
        if page.lsn > self.journal.synced() {
            ctx.sync_file(Step::LogBeforePage, self.journal.file());
        }
        page.written = page.lsn;
        ctx.write_file(PAGES, number * SECTOR_BYTES as u32, page.encode(number));
        ctx.set_timer(ctx.config().page_pause, Timer::WritePage);
    }

    pub(super) fn finish_checkpoint(&mut self, ctx: &mut Ctx<'_>) {
        let Some(Writing { redo, .. }) = self.writing.take() else { return };
        if !ctx.has_room() {
            return;
        }
        ctx.create_file(NEW_CHECKPOINT);
        ctx.write_file(NEW_CHECKPOINT, 0, Checkpoint::of(redo, &self.pages).encode());
        ctx.sync_file(Step::SyncCheckpoint, NEW_CHECKPOINT);
        ctx.rename_file(NEW_CHECKPOINT, CHECKPOINT);
        ctx.sync_names(Step::SyncNames);
        self.checkpoint_at = redo;
        self.cut_log(redo, ctx);
    }

    /// What the checkpoint has and the standby does not miss can go.
    fn cut_log(&mut self, redo: Lsn, ctx: &mut Ctx<'_>) {
        let upto = if self.has_standby(ctx) { redo.min(self.shipped) } else { redo };
        self.journal.truncate(upto, ctx);
    }
}
