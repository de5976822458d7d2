//! Scribe: one node that writes sectors of a raw file, and reads them back when asked.
//!
//! ```text
//!   Write(key, value)    `width` sectors of `log` from sector `key` on, each full of `value`; sync; Done
//!   Append(key, value)   an empty file page.key; sync of the names if `value` is 1; Done
//!   Read(key)            the first byte of sector `key`; 0 where there is none
//!   Audit                how many files there are
//! ```

use serde::{Deserialize, Serialize};
use splitbrain::{
    base::ids::{NodeId, OpId},
    engine::{
        ctx,
        disk::{FileName, SECTOR_BYTES},
        facts::Facts,
        files::AfterFailure,
        operations::{Answer, Operation},
        protocol::{Logged, Placement, Protocol},
    },
};

splitbrain::steps! {
    /// What it does before it answers.
    pub enum Step {
        /// The content is on disk.
        SyncLog => "nothing",
        /// The names are on disk.
        SyncNames => "nothing",
    }
}

/// How it syncs.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    pub grouped: bool,
    pub width: u32,
    pub after: After,
}

impl Default for Config {
    fn default() -> Self {
        Self { grouped: false, width: 1, after: After::Stop }
    }
}

/// What it does when a sync fails.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) enum After {
    Stop,
    Retry,
    Ignore,
}

/// The node; it keeps nothing in memory.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Scribe;

type Ctx<'a> = ctx::Ctx<'a, Scribe>;

const LOG: FileName = FileName::only("log");
const SECTOR: u32 = SECTOR_BYTES as u32;

impl Protocol for Scribe {
    const NAME: &'static str = "Scribe";
    const SUMMARY: &'static str = "one node writes sectors and reads them back";
    type Config = Config;
    type Message = ();
    type Record = ();
    type Timer = ();
    type Step = Step;

    fn topology(_: &Config) -> Vec<Placement> {
        vec![Placement::new("s", "scribe").serving_clients()]
    }

    fn new(_: &Config, _: NodeId) -> Self {
        Self
    }

    fn on_boot(&mut self, ctx: &mut Ctx<'_>) {
        if ctx.file_length(LOG).is_none() {
            ctx.create_file(LOG);
            ctx.sync_names(Step::SyncNames);
        }
    }

    fn on_request(&mut self, op: OpId, operation: Operation, ctx: &mut Ctx<'_>) {
        match operation {
            Operation::Write { key, value } => {
                let bytes = vec![value as u8; (ctx.config().width * SECTOR) as usize];
                ctx.write_file(LOG, key * SECTOR, bytes);
                if ctx.config().grouped {
                    ctx.sync_file_grouped(Step::SyncLog, LOG);
                } else {
                    ctx.sync_file(Step::SyncLog, LOG);
                }
                ctx.reply(op, Answer::Done);
            }
            Operation::Append { key, value } => {
                ctx.create_file(FileName::numbered("page", key));
                if value == 1 {
                    ctx.sync_names(Step::SyncNames);
                }
                ctx.reply(op, Answer::Done);
            }
            Operation::Read { key } => {
                let bytes = ctx.read_file(LOG, key * SECTOR..(key + 1) * SECTOR);
                let first = bytes.first().copied().unwrap_or(0);
                ctx.reply(op, Answer::Value(i64::from(first)));
            }
            _ => {
                let files = ctx.file_names().len() as i64;
                ctx.reply(op, Answer::Value(files));
            }
        }
    }

    fn on_failed_sync(&mut self, ctx: &mut Ctx<'_>) -> AfterFailure {
        match ctx.config().after {
            After::Stop => AfterFailure::Stop,
            After::Retry => AfterFailure::Retry,
            After::Ignore => AfterFailure::Ignore,
        }
    }

    fn on_message(&mut self, _: NodeId, (): (), _: &mut Ctx<'_>) {}
    fn on_timer(&mut self, (): (), _: &mut Ctx<'_>) {}
    fn apply(&mut self, _: Logged<()>) {}
    fn facts((): &(), _: &mut Facts) {}
}
