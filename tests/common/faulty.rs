//! Two planted protocols: one panics in some seeds, one remembers across runs.
//!
//! ```text
//!   a ── Item(n) ──▶ b      Panics: the first item to arrive is not the first one
//!                           Remembers: n comes from a counter of the whole process
//! ```

use serde::{Deserialize, Serialize};
use splitbrain::{
    base::ids::{NodeId, OpId},
    engine::{
        ctx,
        facts::Facts,
        operations::Operation,
        protocol::{Logged, Placement, Protocol},
    },
};
use std::sync::atomic::{AtomicU32, Ordering};

splitbrain::steps! {
    /// Their steps.
    pub(crate) enum Step {
        /// None is ever taken.
        Nothing => "nothing",
    }
}

/// No settings.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {}

/// What a sends to b.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Message {
    /// With its number.
    Item(u32),
}

/// What survives: nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Record {
    /// Never written.
    Nothing,
}

/// What wakes a node: nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Timer {
    /// Never set.
    Nothing,
}

static EVER_ASKED: AtomicU32 = AtomicU32::new(0);

macro_rules! planted {
    ($name:ident, $number:expr, $arrives:expr) => {
        /// One node of it.
        #[derive(Clone, Debug, Default, Serialize)]
        pub(crate) struct $name {
            asked: u32,
            seen: u32,
        }

        impl Protocol for $name {
            const NAME: &'static str = stringify!($name);
            const SUMMARY: &'static str = "planted";
            type Config = Config;
            type Message = Message;
            type Record = Record;
            type Timer = Timer;
            type Step = Step;

            fn topology(_: &Config) -> Vec<Placement> {
                vec![
                    Placement::new("a", "sender").serving_clients(),
                    Placement::new("b", "receiver"),
                ]
            }

            fn new(_: &Config, _: NodeId) -> Self {
                Self::default()
            }

            fn on_boot(&mut self, _: &mut ctx::Ctx<'_, Self>) {}

            fn on_request(&mut self, _: OpId, _: Operation, ctx: &mut ctx::Ctx<'_, Self>) {
                self.asked += 1;
                let number: fn(u32) -> u32 = $number;
                ctx.send(NodeId(1), Message::Item(number(self.asked)));
            }

            fn on_message(&mut self, _: NodeId, message: Message, _: &mut ctx::Ctx<'_, Self>) {
                let Message::Item(number) = message;
                self.seen += 1;
                let arrives: fn(u32, u32) = $arrives;
                arrives(number, self.seen);
            }

            fn on_timer(&mut self, _: Timer, _: &mut ctx::Ctx<'_, Self>) {}

            fn apply(&mut self, _: Logged<Record>) {}

            fn facts(_: &Record, _: &mut Facts) {}
        }
    };
}

planted!(Panics, |asked| asked, |number, seen| {
    assert!(seen > 1 || number == 1, "item 1 comes too late: {number} is here");
});
planted!(Remembers, |_| EVER_ASKED.fetch_add(1, Ordering::Relaxed), |_, _| {});
