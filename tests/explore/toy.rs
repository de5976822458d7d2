//! Toy: the smallest protocol with messages, timers, choices and forces, for counting by hand.
//!
//! ```text
//!   a ── 1, 2, … ──▶ b1, b2, …        at boot, as its settings say; what arrives is remembered
//! ```

use serde::{Deserialize, Serialize};
use splitbrain::{
    base::{
        ids::{NodeId, NodeSet, OpId, TxnId},
        quantity::Probability,
        text::source::Edited,
        time::Duration,
    },
    engine::{
        ctx::{self, Delay},
        facts::{Decision, Fact, Facts, Vote},
        operations::{Answer, Operation},
        protocol::{Logged, Placement, Protocol},
    },
    scenario::{load::load, plan::Plan, registry::Registry},
};

splitbrain::steps! {
    /// Its only step.
    pub(crate) enum Step {
        /// What is done is on disk before it is told.
        ForceDone => "durability",
    }
}

/// What happens at boot.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// How many other nodes.
    pub(crate) receivers: u16,
    /// How many messages each of them is sent.
    pub(crate) messages: u32,
    /// How many messages the first node sends to itself.
    pub(crate) calls: u32,
    /// Whether the order of arrival is remembered.
    pub(crate) memory: Memory,
    /// The timers of the first node: the least and the most.
    pub(crate) timers: Vec<(Duration, Duration)>,
    /// Whether a timer that has fired is set again.
    pub(crate) again: bool,
    /// How many ways the first node can choose.
    pub(crate) ways: u64,
    /// How likely a coin of the first node shows its head.
    pub(crate) coin: Probability,
    /// Whether the first node forces a record when it has none.
    pub(crate) force: bool,
    /// Whether it looks at its clock.
    pub(crate) clock: bool,
    /// What comes first when a client asks.
    pub(crate) first: First,
}

/// What is remembered of what arrives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum Memory {
    /// Which.
    #[default]
    Set,
    /// In which order, too.
    Order,
}

/// The order of two effects that a planted bug swaps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum First {
    /// As it should be.
    #[default]
    Force,
    /// Swapped.
    Answer,
}

/// What is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Message {
    /// A number.
    Number(u32),
}

/// What survives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Record {
    /// This will be done, if it can.
    Promised(TxnId),
    /// This was done.
    Done(TxnId),
}

/// What wakes a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Timer {
    /// By its place.
    Nth(u32),
}

/// One node.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Toy {
    done: Vec<TxnId>,
    got: Vec<u32>,
    fired: Vec<u32>,
    chosen: u64,
    head: bool,
}

type Ctx<'a> = ctx::Ctx<'a, Toy>;

impl Protocol for Toy {
    const NAME: &'static str = "Toy";
    const SUMMARY: &'static str = "for counting by hand";
    type Config = Config;
    type Message = Message;
    type Record = Record;
    type Timer = Timer;
    type Step = Step;

    fn topology(config: &Config) -> Vec<Placement> {
        let receivers = (1..=config.receivers).map(|nth| Placement::new(format!("b{nth}"), "b"));
        std::iter::once(Placement::new("a", "a").serving_clients()).chain(receivers).collect()
    }

    fn new(_: &Config, _: NodeId) -> Self {
        Self::default()
    }

    fn on_boot(&mut self, ctx: &mut Ctx<'_>) {
        if ctx.me() != NodeId(0) {
            return;
        }
        let config = ctx.config();
        for receiver in 1..=config.receivers {
            (1..=config.messages)
                .for_each(|number| ctx.send(NodeId(receiver), Message::Number(number)));
        }
        (1..=config.calls).for_each(|number| ctx.send(NodeId(0), Message::Number(number)));
        for (place, &(least, most)) in config.timers.iter().enumerate() {
            ctx.set_timer(Delay::Between(least, most), Timer::Nth(place as u32));
        }
        if config.ways > 0 {
            self.chosen = ctx.choose("way", TxnId(1), config.ways);
        }
        self.head = ctx.chance("coin", TxnId(1), config.coin);
        if config.clock {
            self.chosen = ctx.now().as_nanos();
        }
        if config.force && self.done.is_empty() {
            self.apply(ctx.force(Step::ForceDone, Record::Done(TxnId(1))));
        }
    }

    fn on_request(&mut self, op: OpId, _: Operation, ctx: &mut Ctx<'_>) {
        self.apply(ctx.force(Step::ForceDone, Record::Promised(op.into())));
        if ctx.config().first == First::Answer {
            ctx.reply(op, Answer::Done);
        }
        self.apply(ctx.force(Step::ForceDone, Record::Done(op.into())));
        if ctx.config().first == First::Force {
            ctx.reply(op, Answer::Done);
        }
    }

    fn on_message(&mut self, _: NodeId, Message::Number(number): Message, ctx: &mut Ctx<'_>) {
        if ctx.config().memory == Memory::Order || !self.got.contains(&number) {
            self.got.push(number);
        }
        if ctx.config().memory == Memory::Set {
            self.got.sort_unstable();
        }
    }

    fn on_timer(&mut self, Timer::Nth(place): Timer, ctx: &mut Ctx<'_>) {
        if ctx.config().again {
            let (least, most) = ctx.config().timers[place as usize];
            return ctx.set_timer(Delay::Between(least, most), Timer::Nth(place));
        }
        self.fired.push(place);
        self.fired.sort_unstable();
    }

    fn apply(&mut self, record: Logged<Record>) {
        if let Record::Done(txn) = record.into_inner() {
            self.done.push(txn);
        }
    }

    fn facts(record: &Record, facts: &mut Facts) {
        match record {
            Record::Promised(txn) => facts.state(Fact::Voted(*txn, Vote::Yes)),
            Record::Done(txn) => {
                facts.state(Fact::Decided(*txn, Decision::Commit));
                facts.state(Fact::RestsOn(*txn, NodeSet::of(NodeId(0))));
            }
        }
    }
}

/// A scenario of it: settings, and what clients ask.
pub(crate) fn plan(settings: &str, checks: &str) -> Plan {
    let text = format!(
        r#"Scenario(
            title: "toy",
            protocol: Toy({settings}),
            workload: Requests([(at: "0ms", ask: Audit)]),
            checks: [{checks}],
            run: (for: "3s"), // Longer than a client waits.
        )"#
    );
    let registry = Registry::built_in().with_protocol::<Toy>();
    load(&registry, "toy", &Edited::new(text)).unwrap_or_else(|error| panic!("{error:?}"))
}
