//! Ledger: a front node hands items to a back node until they are counted, each of them once.
//!
//! ```text
//!  client     front                 back
//!    ├─ any ──▶ ● force Accepted      │
//!    │◀─ Done ──┤── Count(i) ────────▶│  again and again, until it is answered
//!    │          │                     ● force Counted, unless it is      Forgetful: every time
//!    │          │◀──────── Counted(i) ┤
//! ```
//!
//! The planted bug is the classic one: who retries needs somebody who remembers. Limits: the memory
//! of what was counted is never cut.

use serde::{Deserialize, Serialize};
use splitbrain::{
    base::{
        ids::{NodeId, OpId, Topic},
        time::Duration,
    },
    engine::{
        ctx,
        facts::{Fact, Facts},
        operations::{Answer, Operation},
        protocol::{Logged, Placement, Protocol},
    },
};
use std::collections::BTreeSet;

splitbrain::steps! {
    /// Its forces.
    pub(crate) enum Step {
        /// An item is on disk before the client hears of it.
        ForceAccepted => "delivery.at_least_once",
        /// It is on disk of the receiver before the sender stops to care.
        ForceCounted => "delivery.at_least_once",
    }
}

/// Right or wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum Variant {
    /// What was counted is not counted again.
    #[default]
    Sound,
    /// Whatever arrives is counted.
    Forgetful,
}

/// Which of them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    variant: Variant,
}

/// What is said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Message {
    Count(u64),
    Counted(u64),
}

/// What survives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Record {
    Accepted(u64),
    Counted(u64),
}

/// What wakes the front node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Timer {
    Again(u64),
}

/// One node of either role.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Ledger {
    // Replayed from the log.
    accepted: BTreeSet<u64>,
    counted: BTreeSet<u64>,
    // Lost in a crash: what the back node has answered.
    answered: BTreeSet<u64>,
}

type Ctx<'a> = ctx::Ctx<'a, Ledger>;

impl Protocol for Ledger {
    const NAME: &'static str = "Ledger";
    const SUMMARY: &'static str = "items are handed on until they are counted";
    type Config = Config;
    type Message = Message;
    type Record = Record;
    type Timer = Timer;
    type Step = Step;

    fn topology(_: &Config) -> Vec<Placement> {
        vec![Placement::new("front", "front").serving_clients(), Placement::new("back", "back")]
    }

    fn new(_: &Config, _: NodeId) -> Self {
        Self::default()
    }

    fn on_boot(&mut self, ctx: &mut Ctx<'_>) {
        self.accepted.iter().for_each(|&item| hand_on(item, ctx));
    }

    fn on_request(&mut self, op: OpId, _: Operation, ctx: &mut Ctx<'_>) {
        let item = u64::from(op.0);
        self.apply(ctx.force(Step::ForceAccepted, Record::Accepted(item)));
        ctx.reply(op, Answer::Done);
        hand_on(item, ctx);
    }

    fn on_message(&mut self, from: NodeId, message: Message, ctx: &mut Ctx<'_>) {
        match message {
            Message::Count(item) => {
                let forgets = ctx.config().variant == Variant::Forgetful;
                if forgets || !self.counted.contains(&item) {
                    self.apply(ctx.force(Step::ForceCounted, Record::Counted(item)));
                }
                ctx.send(from, Message::Counted(item));
            }
            Message::Counted(item) => {
                self.answered.insert(item);
                ctx.cancel_timer(Timer::Again(item));
            }
        }
    }

    fn on_timer(&mut self, Timer::Again(item): Timer, ctx: &mut Ctx<'_>) {
        if !self.answered.contains(&item) {
            hand_on(item, ctx);
        }
    }

    fn apply(&mut self, record: Logged<Record>) {
        match record.into_inner() {
            Record::Accepted(item) => self.accepted.insert(item),
            Record::Counted(item) => self.counted.insert(item),
        };
    }

    fn facts(record: &Record, facts: &mut Facts) {
        facts.state(match *record {
            Record::Accepted(item) => Fact::Accepted(item),
            Record::Counted(item) => Fact::TookEffect(item),
        });
    }

    fn topic(message: &Message) -> Topic {
        let (Message::Count(item) | Message::Counted(item)) = *message;
        Topic(item)
    }
}

fn hand_on(item: u64, ctx: &mut Ctx<'_>) {
    ctx.send(NodeId(1), Message::Count(item));
    ctx.set_timer(Duration::from_millis(20), Timer::Again(item));
}
