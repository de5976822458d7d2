//! Recovery: the checkpoint, the pages it names, and what the log has behind it.
//!
//! ```text
//!   checkpoint ── intact? ──▶ pages ── intact, in place, not older than it says? ──▶ log ── sound?
//!       ──▶ no gap between the three ──▶ redo what a page does not have ──▶ serve, or follow
//! ```
//!
//! Recovery adds to the log what says that the rest is there and takes nothing away, so a crash at
//! any point of it is followed by the same recovery. Whatever does not fit is a refusal with its reason:
//! a node that serves nothing can be repaired, one that serves less than it promised cannot.
//!
//! After Mohan and others (1992), section 6: analysis is the checkpoint, redo is here, and nothing
//! is undone.

use super::{
    CHECKPOINT, Ctx, Duty, PAGES, PRIMARY, STEPS, SUCCESSION, Step, Timer, Wal,
    pages::{Change, Checkpoint, Page, Refusal},
    settings::{Acknowledge, Interval, Sealing, Takeover},
};
use crate::{
    base::ids::Lsn,
    blocks::journal::{self, Journal, Reading, Verify},
    engine::{disk::SECTOR_BYTES, facts::Fact},
};

impl Wal {
    pub(super) fn recover(&mut self, ctx: &mut Ctx<'_>) -> Result<(), Refusal> {
        let segments = journal::segments(ctx);
        let checkpoint = ctx.read_file(CHECKPOINT, 0..u32::MAX);
        let pages = ctx.read_file(PAGES, 0..u32::MAX);
        self.duty = match ctx.me() {
            PRIMARY if ctx.config().takeover == Takeover::Never => Duty::Primary,
            PRIMARY if ctx.step(Step::HoldLease) => Duty::Candidate,
            PRIMARY => Duty::Primary,
            _ if ctx.file_length(SUCCESSION).is_some() => Duty::Successor,
            _ => Duty::Standby,
        };
        let checkpoint =
            Checkpoint::decode(&checkpoint).map_err(|flaw| Refusal::about(CHECKPOINT, flaw))?;
        self.load_pages(&pages, &checkpoint, ctx)?;
        let reading = journal::read(&segments, verify(ctx))
            .map_err(|damage| Refusal { lsn: damage.lsn, why: damage.to_string() })?;
        self.compare(&reading, &checkpoint)?;
        for entry in &reading.entries {
            let change = Change::decode(&entry.payload);
            self.redo(entry.lsn, change, ctx);
            match self.duty {
                Duty::Standby => ctx.state(Fact::Applied(u64::from(entry.lsn.0))),
                _ if self.has_standby(ctx) => _ = self.to_ship.insert(entry.lsn, change),
                _ => {}
            }
        }
        self.checkpoint_at = checkpoint.redo;
        self.journal = Journal::open(&reading, STEPS, ctx);
        if reading.last > Lsn(0) {
            ctx.state(Fact::Synced(u64::from(reading.last.0))); // What was read is on the platter.
        }
        self.vouch_for(&reading, ctx);
        match self.duty {
            Duty::Standby => self.shipped = reading.last,
            Duty::Candidate => {}
            _ => self.state_recovered(ctx),
        }
        Ok(())
    }

    /// What was found is sealed before it is served, so that damage to it is never taken for a torn
    /// tail from here on.
    fn vouch_for(&mut self, reading: &Reading, ctx: &mut Ctx<'_>) {
        self.vouched = reading.synced;
        let vouches = ctx.config().seal != Sealing::Never;
        if vouches && reading.synced < reading.last && ctx.has_room() {
            self.journal.seal(ctx);
            ctx.sync_file(Step::ForceBeforeAcknowledge, self.journal.file());
            self.vouched = reading.last;
        }
    }

    fn load_pages(
        &mut self,
        bytes: &[u8],
        checkpoint: &Checkpoint,
        ctx: &mut Ctx<'_>,
    ) -> Result<(), Refusal> {
        let checks = if ctx.step(Step::CheckPages) { Verify::Chained } else { Verify::Nothing };
        for (number, sector) in (0..).zip(bytes.chunks(SECTOR_BYTES)) {
            let page = Page::decode(sector, number, ctx.config().keys_per_page, checks);
            let about = |flaw| Refusal::about(format_args!("page {number}"), flaw);
            if let Some(page) = page.map_err(about)? {
                self.pages.insert(number, page);
            }
        }
        for &(number, written) in &checkpoint.pages {
            let found = self.pages.get(&number).map_or(Lsn(0), |page| page.lsn);
            if found < written && checks != Verify::Nothing {
                let why = format!("page {number} has change {found}, and {written} was written");
                return Err(Refusal { lsn: written, why });
            }
        }
        Ok(())
    }

    /// Whether the log reaches from the checkpoint to the latest page.
    fn compare(&self, reading: &Reading, checkpoint: &Checkpoint) -> Result<(), Refusal> {
        let (base, last, redo) = (reading.base, reading.last, checkpoint.redo);
        if base > redo {
            let why = format!("the log begins behind {base}, and the checkpoint needs {redo}");
            return Err(Refusal { lsn: redo.next(), why });
        }
        let latest = self.pages.values().map(|page| page.lsn).fold(redo, Lsn::max);
        if last < latest {
            let why = format!("the log ends at {last}, and pages know {latest}");
            return Err(Refusal { lsn: last.next(), why });
        }
        Ok(())
    }

    pub(super) fn state_recovered(&self, ctx: &mut Ctx<'_>) {
        ctx.state(Fact::Recovered(u64::from(self.journal.last().0)));
        let keys = u32::from(ctx.config().keys_per_page);
        for (number, page) in &self.pages {
            let held = (number * keys..).zip(&page.values).filter(|(_, value)| **value != 0);
            for (key, &value) in held {
                ctx.state(Fact::Holds { key, value, beside: 0 });
            }
        }
    }

    pub(super) fn set_timers(&self, ctx: &mut Ctx<'_>) {
        let config = ctx.config();
        if let Acknowledge::Interval(pause) = config.acknowledge {
            ctx.set_timer(pause, Timer::Force);
        }
        if let Interval::Every(pause) = config.checkpoint {
            ctx.set_timer(pause, Timer::Checkpoint);
        }
        match (&self.duty, config.takeover) {
            _ if self.has_standby(ctx) => {
                ctx.set_timer(config.ship_interval, Timer::Ship);
            }
            (Duty::Standby, Takeover::After { silence, .. }) => {
                ctx.set_timer(silence, Timer::TakeOver);
            }
            _ => {}
        }
    }
}

fn verify(ctx: &mut Ctx<'_>) -> Verify {
    if !ctx.step(Step::Checksum) {
        Verify::Nothing
    } else if !ctx.step(Step::ChainChecksums) {
        Verify::Alone
    } else {
        Verify::Chained
    }
}
