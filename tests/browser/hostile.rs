//! Hostile: names, messages and states that would do something if they were taken for markup.
//!
//! ```text
//!   "</script><script>…"  ── Say("<img onerror=…>") ──▶  "<b>"      a page may only show them
//! ```

use serde::{Deserialize, Serialize};
use splitbrain::{
    base::{
        ids::{NodeId, OpId},
        time::Duration,
    },
    engine::{
        ctx,
        facts::Facts,
        operations::{Answer, Operation},
        protocol::{Logged, Placement, Protocol},
    },
};

/// Text that sets a mark in the page if anything of it runs.
pub(crate) const EVIL: &str =
    "</script><script>window.pwned=1</script><img src=x onerror=window.pwned=2>";
/// The same as the value of an attribute.
pub(crate) const QUOTED: &str = "\"><svg/onload=window.pwned=3> ' & <!--";

splitbrain::steps! {
    /// Its steps.
    pub(crate) enum Step {
        /// It is on disk.
        ForceIt => "nothing",
    }
}

/// Nothing to set.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {}

/// What is said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Message {
    /// With its words.
    Say(String),
}

/// What survives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Record {
    /// What was said.
    Said(String),
}

/// What wakes a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Timer {
    /// Say it again.
    Again(String),
}

/// One node.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Hostile {
    heard: Vec<String>,
}

type Ctx<'a> = ctx::Ctx<'a, Hostile>;

impl Protocol for Hostile {
    const NAME: &'static str = "Hostile";
    const SUMMARY: &'static str = "names that look like markup";
    type Config = Config;
    type Message = Message;
    type Record = Record;
    type Timer = Timer;
    type Step = Step;

    fn topology(_: &Config) -> Vec<Placement> {
        vec![Placement::new(EVIL, "speaker").serving_clients(), Placement::new(QUOTED, "hearer")]
    }

    fn new(_: &Config, _: NodeId) -> Self {
        Self::default()
    }

    fn on_boot(&mut self, ctx: &mut Ctx<'_>) {
        ctx.set_timer(Duration::from_millis(10), Timer::Again(EVIL.to_owned()));
    }

    fn on_request(&mut self, op: OpId, _: Operation, ctx: &mut Ctx<'_>) {
        ctx.send(NodeId(1), Message::Say(EVIL.to_owned()));
        ctx.reply(op, Answer::Done);
    }

    fn on_message(&mut self, from: NodeId, Message::Say(words): Message, ctx: &mut Ctx<'_>) {
        let said = ctx.force(Step::ForceIt, Record::Said(words));
        self.apply(said);
        if ctx.me() == NodeId(1) {
            ctx.send(from, Message::Say(QUOTED.to_owned()));
        }
    }

    fn on_timer(&mut self, Timer::Again(words): Timer, ctx: &mut Ctx<'_>) {
        if ctx.me() == NodeId(0) {
            ctx.send(NodeId(1), Message::Say(words));
        }
    }

    fn apply(&mut self, record: Logged<Record>) {
        let Record::Said(words) = record.into_inner();
        self.heard.push(words);
    }

    fn facts(_: &Record, _: &mut Facts) {}
}
