//! Echo: two nodes throw a ball. The smallest protocol that uses every effect.
//!
//! ```text
//!   a ── Ball(n) ──▶ b ── Ball(n + 1) ──▶ a …      every tenth ball is forced, a timer is set anew
//! ```
//!
//! For measuring the engine, so it keeps no state that could allocate.

use serde::{Deserialize, Serialize};
use splitbrain::{
    base::{
        ids::{NodeId, OpId},
        time::Duration,
    },
    engine::{
        ctx,
        facts::Facts,
        operations::Operation,
        protocol::{Logged, Placement, Protocol},
    },
};

splitbrain::steps! {
    /// Its steps.
    pub(crate) enum Step {
        /// Every tenth ball is on disk.
        ForceCount => "nothing",
    }
}

/// How many balls are thrown.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// How many.
    pub(crate) balls: u32,
    /// Every how many are forced; 0 for none.
    pub(crate) force_every: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { balls: 200, force_every: 10 }
    }
}

/// The ball.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Message {
    /// With its number.
    Ball(u32),
}

/// What survives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Record {
    /// The count so far.
    Count(u32),
}

/// What wakes a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Timer {
    /// The ball was lost: throw it again.
    Again(u32),
}

/// One thrower.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Echo {
    seen: u32,
}

type Ctx<'a> = ctx::Ctx<'a, Echo>;

impl Protocol for Echo {
    const NAME: &'static str = "Echo";
    const SUMMARY: &'static str = "two nodes throw a ball";
    type Config = Config;
    type Message = Message;
    type Record = Record;
    type Timer = Timer;
    type Step = Step;

    fn topology(_: &Config) -> Vec<Placement> {
        vec![Placement::new("a", "thrower").serving_clients(), Placement::new("b", "thrower")]
    }

    fn new(_: &Config, _: NodeId) -> Self {
        Self::default()
    }

    fn on_boot(&mut self, ctx: &mut Ctx<'_>) {
        if ctx.me() == NodeId(0) {
            self.throw(1, ctx);
        }
    }

    fn on_request(&mut self, _: OpId, _: Operation, _: &mut Ctx<'_>) {}

    fn on_message(&mut self, _: NodeId, Message::Ball(number): Message, ctx: &mut Ctx<'_>) {
        if number > self.seen && number <= ctx.config().balls {
            ctx.cancel_timer(Timer::Again(self.seen));
            self.throw(number + 1, ctx);
        }
    }

    fn on_timer(&mut self, Timer::Again(number): Timer, ctx: &mut Ctx<'_>) {
        self.throw(number, ctx);
    }

    fn apply(&mut self, record: Logged<Record>) {
        let Record::Count(count) = record.into_inner();
        self.seen = count;
    }

    fn facts(_: &Record, _: &mut Facts) {}
}

impl Echo {
    fn throw(&mut self, number: u32, ctx: &mut Ctx<'_>) {
        let every = ctx.config().force_every;
        if every > 0 && number.is_multiple_of(every) {
            let counted = ctx.force(Step::ForceCount, Record::Count(number));
            self.apply(counted);
        }
        self.seen = number;
        let other = NodeId(1 - ctx.me().0);
        ctx.send(other, Message::Ball(number));
        ctx.set_timer(Duration::from_millis(50), Timer::Again(number));
    }
}
