//! Write-ahead log: a change is acknowledged once the log has it, and its page is written later.
//!
//! ```text
//!  client      primary                                        standby
//!    ├─ write ──▶│  append to log.N (cache)                       │
//!    │           ● force the log: one at a time,                  │
//!    │           │  who comes meanwhile joins the next            │
//!    │           ├── Ship ───────────────────────────────────────▶│
//!    │           │                                                ● force its log
//!    │           │◀────────────────────────────────────── Shipped ┤
//!    │◀── done ──┤  (synchronous: only now)                       │
//!    │           │  checkpoint, while writes go on:
//!    │           │  page after page ──▶ ● force pages ──▶ ● checkpoint.tmp ──▶ rename ──▶ ● names
//!    │           │  then segments of the log before it go
//!    │           ╳  crash: checkpoint ──▶ pages ──▶ redo what the log has behind it ──▶ serve
//! ```
//!
//! Appending costs one force and no seek, however many pages the changes touch, and one force
//! serves all who wait. The price is recovery, and a rule for every arrow above: nothing is
//! acknowledged, *shown* or shipped that a crash could still take back, no page is ahead of the log,
//! no log goes before the checkpoint stands. Leave one out and some crash finds it.
//!
//! After a crash, a log that ends early is cut, and one that is damaged is refused: `journal.rs`
//! tells them apart. Pages carry number, LSN and checksum; the checkpoint says which LSN each has
//! at least, so a page that is old or in the wrong place is refused as well.
//!
//! Two nodes cannot tell a dead peer from a cut link. Where the standby may take over, the primary
//! serves only while a lease holds that the standby renews, and the standby waits for longer than
//! any lease it granted can last: never two at once, and none while the standby is away. A standby
//! that has taken over stays alone, and the old primary never serves again.
//!
//! Follows Mohan and others (1992), ARIES, without undo, for a change is a transaction; Gray &
//! Reuter (1993), chapters 9 and 12, for group commit, log shipping and takeover.
//!
//! This file is long because it reads in the order in which a change goes: steps, state, requests,
//! answers, forces. What happens behind a change stands apart: `wal/checkpoints.rs`,
//! `wal/recovery.rs`, `wal/standby.rs`.
//!
//! A disk that lies about a sync is outside the promise. A standby helps where the primary is gone
//! for good; a primary that comes back believes its own files and does not ask the standby, so that
//! what the disk lost is lost, and nobody notices.
//!
//! Limits: all pages fit in memory, and there are at most 65,536 of them; a standby begins together
//! with its primary; leases need clocks that are not set back and drift less than `silence` exceeds
//! `lease`.

use crate::{
    base::{
        ids::{Lsn, NodeId, OpId, Topic},
        table::Table,
        time::Time,
    },
    blocks::journal::{self, Journal},
    engine::{
        ctx,
        disk::FileName,
        facts::{Fact, Facts},
        files::AfterFailure,
        operations::{Answer, Operation},
        protocol::{BadSetting, Logged, Placement, Protocol, SufficientCore, Tolerance},
    },
};
use pages::{Change, Page};
use serde::{Deserialize, Serialize};
use settings::{Acknowledge, PRIMARY, STANDBY, Sealing, Standby};

pub use settings::Config;

// When a write is acknowledged, what is written behind, who follows.
pub mod settings;

// Pages go out one by one, and the log before them goes.
mod checkpoints;

// Pages, the checkpoint and changes as bytes.
mod pages;

// From the files back to what is served.
mod recovery;

// The standby: shipping, leases, takeover.
mod standby;

const PAGES: FileName = FileName::only("pages");
const CHECKPOINT: FileName = FileName::only("checkpoint");
const NEW_CHECKPOINT: FileName = FileName::only("checkpoint.tmp");
/// It is there once the standby has taken over.
const SUCCESSION: FileName = FileName::only("succession");

/// The page file has no place for more pages.
const PAGES_MAX: u32 = 1 << 16;

/// More changes than this are not shipped in one message.
const SHIPMENT_MAX: usize = 64;

/// What the disk tells a node, then one variant per arrow to the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// To itself: a force of the log is done.
    Forced(Force),
    /// To itself: the pages of a checkpoint are synced.
    PagesSynced,
    /// To the standby: these changes follow, and I am alive.
    Ship(Shipment),
    /// To the primary: I have synced so much; you asked at this time on your clock.
    Shipped(Lsn, Time),
    /// To the primary: I have taken over.
    Succeeded,
}

/// A force of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Force {
    /// It covers all changes up to here.
    upto: Lsn,
    /// It makes durable that these were synced before.
    vouches: Lsn,
}

/// What the standby gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shipment {
    /// The position before the first change.
    after: Lsn,
    changes: Vec<Change>,
    /// When it left, on the clock of the primary.
    sent: Time,
}

/// What wakes a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Timer {
    /// The window of a group is over, or the interval between two forces.
    Force,
    /// No batch has come for a while: say that the last one was synced.
    Seal,
    /// Begin a checkpoint.
    Checkpoint,
    /// Write the next page of the checkpoint.
    WritePage,
    /// Ship what is not acknowledged, or show that I am alive.
    Ship,
    /// Nothing was heard of the primary.
    TakeOver,
}

crate::steps! {
    /// The steps that carry the guarantees. A scenario may leave one out to show what it buys.
    pub enum Step {
        /// The log is synced before a write is acknowledged.
        ForceBeforeAcknowledge => "recovery.acknowledged",
        /// A read waits until what it shows is durable: it may be a write that nobody has
        /// acknowledged yet.
        ReadOnlyDurable => "recovery.read",
        /// Recovery believes no frame of the log whose checksum does not fit.
        Checksum => "recovery.prefix",
        /// Nor one that does not follow the frame before it: it may be older than a cut.
        ChainChecksums => "recovery.prefix",
        /// Nor a page that is damaged, old, or another one.
        CheckPages => "recovery.prefix",
        /// The log is synced up to the latest change of a page before the page is written.
        LogBeforePage => "recovery.refusal",
        /// Pages are synced before a checkpoint says that they are there: else a mere crash leaves
        /// files that must be refused.
        SyncPages => "progress",
        /// A checkpoint is synced before it takes the place of the last one, for the same reason.
        SyncCheckpoint => "progress",
        /// The log is kept until the checkpoint that does without it is durable: else a crash leaves
        /// a gap between the two.
        KeepLogUntilCheckpoint => "progress",
        /// The name of a new file is durable before anything relies on the file.
        SyncNames => "recovery.acknowledged",
        /// A node whose sync has failed stops: to ask again would succeed and write nothing.
        StopAfterFailedSync => "recovery.acknowledged",
        /// What is shipped is durable here first.
        ForceBeforeShipping => "shipping.durable_first",
        /// A synchronous standby has synced a change before it is acknowledged.
        AwaitStandby => "takeover.acknowledged",
        /// The primary serves only while the standby has promised not to.
        HoldLease => "linearizable",
        /// It is durable that the standby has taken over before it serves.
        SyncSuccession => "takeover.acknowledged",
    }
}

type Ctx<'a> = ctx::Ctx<'a, Wal>;

/// One node: primary, or standby.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Wal {
    // Read back from the files.
    journal: Journal,
    pages: Table<u32, Page>,
    checkpoint_at: Lsn,
    duty: Duty,
    // Lost in a crash.
    /// Up to where it is durable that the log was synced.
    vouched: Lsn,
    forcing: Forcing,
    /// What clients are told once all up to a position is safe.
    waiting: Vec<(Lsn, OpId, Answer)>,
    /// A checkpoint under way.
    writing: Option<Writing>,
    /// Changes that the standby may not have, oldest first.
    to_ship: Table<Lsn, Change>,
    /// Up to where the standby has synced, as far as this node knows.
    shipped: Lsn,
    lease_ends: Time,
}

/// What a node does for clients.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
enum Duty {
    /// Serve them, while the lease lasts where there is one.
    #[default]
    Primary,
    /// Serve them with the first lease since the boot.
    Candidate,
    /// Follow the primary.
    Standby,
    /// Serve them in its place.
    Successor,
    /// Nothing: the standby has taken over.
    Succeeded,
    /// Nothing: this is wrong with the files.
    Refusing(String),
}

/// Whether the log is being forced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
enum Forcing {
    #[default]
    No,
    /// When the window is over.
    Soon,
    Now,
}

/// A checkpoint under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Writing {
    redo: Lsn,
    /// Pages still to be written, the last first.
    left: Vec<u32>,
}

impl Protocol for Wal {
    const NAME: &'static str = "Wal";
    const SUMMARY: &'static str = "registers on a write-ahead log, with checkpoints and a standby";
    const EXAMPLE_WORKLOAD: &'static str =
        r#"Registers(clients: 2, rate: "50/s", keys: 8, until: "2s")"#;
    const EXAMPLE_CHECKS: &'static str = "Linearizable, Progress";
    type Config = Config;
    type Message = Message;
    type Record = ();
    type Timer = Timer;
    type Step = Step;

    fn on_request(&mut self, op: OpId, operation: Operation, ctx: &mut Ctx<'_>) {
        match operation {
            _ if !self.may_serve(ctx) => refuse(op, ctx),
            Operation::Write { key, .. } if place(key, ctx).0 >= PAGES_MAX => refuse(op, ctx),
            Operation::Write { key, value } => self.write(op, Change { key, value }, ctx),
            Operation::Read { key } => self.read(op, key, ctx),
            _ => refuse(op, ctx),
        }
    }

    fn on_message(&mut self, from: NodeId, message: Message, ctx: &mut Ctx<'_>) {
        match message {
            Message::Forced(force) => self.on_forced(force, ctx),
            Message::PagesSynced => self.finish_checkpoint(ctx),
            Message::Ship(shipment) => self.on_ship(from, shipment, ctx),
            Message::Shipped(upto, asked) => self.on_shipped(upto, asked, ctx),
            Message::Succeeded => self.stand_down(),
        }
    }

    fn on_timer(&mut self, timer: Timer, ctx: &mut Ctx<'_>) {
        match timer {
            Timer::Force => self.force_at_last(ctx),
            Timer::Seal => self.seal(ctx),
            Timer::Checkpoint => self.begin_checkpoint(ctx),
            Timer::WritePage => self.write_page(ctx),
            Timer::Ship => self.ship_again(ctx),
            Timer::TakeOver => self.take_over(ctx),
        }
    }

    /// After the crash: files first, then the world.
    fn on_boot(&mut self, ctx: &mut Ctx<'_>) {
        if let Err(refusal) = self.recover(ctx) {
            ctx.state(Fact::Refuses(u64::from(refusal.lsn.0)));
            self.duty = Duty::Refusing(refusal.why);
            return;
        }
        self.set_timers(ctx);
    }

    /// Files that lost what they were asked to keep are not asked again.
    fn on_failed_sync(&mut self, ctx: &mut Ctx<'_>) -> AfterFailure {
        if ctx.step(Step::StopAfterFailedSync) { AfterFailure::Stop } else { AfterFailure::Retry }
    }

    fn new(_: &Config, _: NodeId) -> Self {
        Self::default()
    }

    fn topology(config: &Config) -> Vec<Placement> {
        config.topology()
    }

    fn validate(config: &Config) -> Vec<BadSetting> {
        config.validate()
    }

    fn sufficient_core(config: &Config) -> SufficientCore {
        config.sufficient_core()
    }

    fn tolerance(_: &Config) -> Tolerance {
        Config::tolerance()
    }

    /// Everything is in the files: there are no typed records.
    fn apply(&mut self, record: Logged<()>) {
        record.into_inner();
    }

    fn facts((): &(), _: &mut Facts) {}

    fn topic(message: &Message) -> Topic {
        match message {
            Message::Ship(shipment) => Topic(u64::from(shipment.after.0) + 1),
            Message::Shipped(upto, _) => Topic(u64::from(upto.0) + 1),
            Message::Forced(_) | Message::PagesSynced | Message::Succeeded => Topic::NONE,
        }
    }

    fn waiting(&self) -> Option<String> {
        if let Duty::Refusing(why) = &self.duty {
            return Some(format!("a repair of its files: {why}"));
        }
        let (lsn, op, _) = self.waiting.first()?;
        Some(format!("everything up to {lsn} to be safe, for {op}"))
    }
}

/// A request comes in.
impl Wal {
    /// Into the log and into memory; the page is written some time later.
    fn write(&mut self, op: OpId, change: Change, ctx: &mut Ctx<'_>) {
        if !ctx.has_room() {
            return refuse(op, ctx);
        }
        let lsn = self.log(change, ctx);
        self.answer_when_safe(lsn, op, Answer::Done, ctx);
    }

    fn read(&mut self, op: OpId, key: u32, ctx: &mut Ctx<'_>) {
        let (number, slot) = place(key, ctx);
        let page = self.pages.get(&number);
        let (lsn, value) = page.map_or((Lsn(0), 0), |page| (page.lsn, page.values[slot]));
        if lsn > self.safe(ctx) && !ctx.step(Step::ReadOnlyDurable) {
            ctx.overtake();
            return ctx.reply(op, Answer::Value(value));
        }
        self.answer_when_safe(lsn, op, Answer::Value(value), ctx);
    }

    fn log(&mut self, change: Change, ctx: &mut Ctx<'_>) -> Lsn {
        if self.journal.segment_bytes() >= ctx.config().segment_bytes {
            self.journal.rotate(STEPS, ctx);
            ctx.state(Fact::Synced(u64::from(self.journal.last().0)));
        }
        let Change { key, value } = change;
        ctx.state(Fact::Logged { lsn: u64::from(self.journal.last().next().0), key, value });
        let lsn = self.journal.append(&change.encode(), ctx);
        self.redo(lsn, change, ctx);
        if self.has_standby(ctx) {
            self.to_ship.insert(lsn, change);
            if !ctx.step(Step::ForceBeforeShipping) {
                self.ship(lsn, ctx);
            }
        }
        lsn
    }

    /// The change takes effect in memory, in normal operation and in recovery.
    fn redo(&mut self, lsn: Lsn, change: Change, ctx: &Ctx<'_>) {
        let (number, slot) = place(change.key, ctx);
        if number >= PAGES_MAX {
            return; // Nobody logs this: it is damage, believed where nobody checks the frames.
        }
        let page = self.pages.entry_or_default(number);
        page.values.resize(usize::from(ctx.config().keys_per_page), 0);
        if lsn > page.lsn {
            (page.lsn, page.values[slot]) = (lsn, change.value);
        }
    }
}

/// Nothing is answered before it is safe.
impl Wal {
    /// Up to where nothing that the settings guard against can take a change back.
    fn safe(&self, ctx: &mut Ctx<'_>) -> Lsn {
        let config = ctx.config();
        let here = match config.acknowledge {
            Acknowledge::Interval(_) | Acknowledge::Never => self.journal.last(),
            Acknowledge::EachCommit | Acknowledge::Group { .. } => self.guarded(ctx),
        };
        let awaits = self.has_standby(ctx) && config.standby == Standby::Synchronous;
        if awaits && ctx.step(Step::AwaitStandby) { here.min(self.shipped) } else { here }
    }

    /// Up to where another force would not help.
    fn guarded(&self, ctx: &Ctx<'_>) -> Lsn {
        match ctx.config().seal {
            Sealing::BeforeAcknowledge => self.vouched,
            Sealing::Never | Sealing::WhenIdle(_) => self.journal.synced(),
        }
    }

    fn answer_when_safe(&mut self, lsn: Lsn, op: OpId, answer: Answer, ctx: &mut Ctx<'_>) {
        if lsn <= self.safe(ctx) {
            ctx.overtake();
            return ctx.reply(op, answer);
        }
        self.waiting.push((lsn, op, answer));
        self.ask_for_force(ctx);
    }

    /// A force is done, or the standby has answered: some need not wait any longer.
    fn answer_waiting(&mut self, ctx: &mut Ctx<'_>) {
        if self.waiting.is_empty() || !self.may_serve(ctx) {
            return;
        }
        let safe = self.safe(ctx);
        self.waiting.retain(|&(lsn, op, answer)| {
            if lsn <= safe {
                ctx.reply(op, answer);
            }
            lsn > safe
        });
    }
}

/// One force at a time, for all who have come by then.
impl Wal {
    fn ask_for_force(&mut self, ctx: &mut Ctx<'_>) {
        if self.forcing != Forcing::No {
            return;
        }
        match ctx.config().acknowledge {
            Acknowledge::Group { window } if !window.is_zero() => {
                self.forcing = Forcing::Soon;
                ctx.set_timer(window, Timer::Force);
            }
            Acknowledge::EachCommit | Acknowledge::Group { .. } => self.force(ctx),
            Acknowledge::Interval(_) | Acknowledge::Never => {}
        }
    }

    fn force(&mut self, ctx: &mut Ctx<'_>) {
        let mut vouches = self.journal.synced();
        let alone = self.journal.last() == vouches;
        let seals = alone || ctx.config().seal == Sealing::BeforeAcknowledge;
        if vouches > self.vouched && seals {
            if ctx.has_room() {
                self.journal.seal(ctx);
            } else {
                vouches = self.vouched;
            }
        }
        let force = Force { upto: self.journal.last(), vouches };
        if ctx.config().acknowledge == Acknowledge::EachCommit {
            ctx.sync_file(Step::ForceBeforeAcknowledge, self.journal.file());
            return self.forced(force, ctx);
        }
        self.forcing = Forcing::Now;
        ctx.sync_file_grouped(Step::ForceBeforeAcknowledge, self.journal.file());
        ctx.send(ctx.me(), Message::Forced(force));
    }

    fn on_forced(&mut self, force: Force, ctx: &mut Ctx<'_>) {
        self.forcing = Forcing::No;
        ctx.overtake();
        self.forced(force, ctx);
    }

    fn forced(&mut self, Force { upto, vouches }: Force, ctx: &mut Ctx<'_>) {
        self.journal.note_synced(upto);
        self.vouched = self.vouched.max(vouches);
        ctx.state(Fact::Synced(u64::from(upto.0)));
        match self.duty {
            Duty::Standby => self.show(upto, ctx),
            _ => self.ship(upto, ctx),
        }
        self.answer_waiting(ctx);
        if self.waiting.iter().any(|&(lsn, ..)| lsn > self.guarded(ctx)) {
            self.ask_for_force(ctx);
        } else if let Sealing::WhenIdle(idle) = ctx.config().seal {
            ctx.set_timer(idle, Timer::Seal);
        }
    }

    /// The window is over, or the interval.
    fn force_at_last(&mut self, ctx: &mut Ctx<'_>) {
        if let Acknowledge::Interval(pause) = ctx.config().acknowledge {
            ctx.set_timer(pause, Timer::Force);
        }
        if self.forcing != Forcing::Now && self.journal.last() > self.vouched {
            self.force(ctx);
        }
    }

    /// The last batch would look like a torn tail if it were damaged: a seal tells them apart.
    fn seal(&mut self, ctx: &mut Ctx<'_>) {
        if self.forcing == Forcing::No && self.journal.synced() > self.vouched && ctx.has_room() {
            self.force(ctx);
        }
    }
}

const STEPS: journal::Steps<Step> =
    journal::Steps { content: Step::ForceBeforeAcknowledge, names: Step::SyncNames };

/// Not done, now or ever.
fn refuse(op: OpId, ctx: &mut Ctx<'_>) {
    ctx.overtake();
    ctx.reply(op, Answer::NotDone);
}

/// The page of a key, and its place there.
fn place(key: u32, ctx: &Ctx<'_>) -> (u32, usize) {
    let keys = u32::from(ctx.config().keys_per_page);
    (key / keys, (key % keys) as usize)
}

#[cfg(test)]
mod tests;
