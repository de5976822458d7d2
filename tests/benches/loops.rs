//! Three small protocols, each twice: by hand on the floor, and as splitbrain runs it.
//!
//! ```text
//!   PingPong     a ⇄ b                              one message under way, pure latency
//!   QuorumLoop   leader ──▶ 5 replicas ──▶ leader   three answers begin the next round, or a timer
//!   Tokens       n0 ─▶ n7 ─▶ … among N nodes        K·N messages under way at any time
//! ```
//!
//! Both halves send the same messages for the same reasons, so that what differs is the machine
//! below them. Splitbrain's half is built from a scenario, through the registry and behind the
//! object-safe runner, as every run is: a world built by hand would flatter.

use super::floor::{self, Message as Plain, Net};
use serde::{Deserialize, Serialize};
use splitbrain::{
    base::{
        ids::{NodeId, OpId},
        text::source::Edited,
        time::Duration,
    },
    engine::{
        ctx,
        facts::Facts,
        operations::Operation,
        protocol::{Logged, Placement, Protocol},
    },
    scenario::{load::load, plan::Plan, registry::Registry},
};

/// Messages take between one and nine milliseconds.
pub(crate) const DELAY_NANOS: (u64, u64) = (1_000_000, 9_000_000);
const AGAIN_AFTER_MILLIS: u64 = 50;
const REPLICAS: u16 = 5;
const MAJORITY: u32 = 3;

splitbrain::steps! {
    /// They promise nothing.
    pub(crate) enum Step {
        /// None is ever taken.
        Nothing => "nothing",
    }
}

/// How much there is to do.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Size {
    /// How many nodes, where that can be chosen.
    nodes: u16,
    /// How many tokens each node begins with.
    each: u32,
    /// Balls, rounds, or how often a token is handed on.
    upto: u32,
}

impl Default for Size {
    fn default() -> Self {
        Self { nodes: 2, each: 1, upto: 100 }
    }
}

/// What is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Message {
    /// To the other player, or to the next node.
    Ball(u32),
    /// To a replica.
    Ask(u32),
    /// To the leader.
    Answer(u32),
    /// Never sent; a rule of every scenario waits for it.
    Never,
}

/// What survives: nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Record {
    /// Never written.
    Nothing,
}

/// What wakes the leader.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Timer {
    /// A round is not over yet.
    Again(u32),
}

/// Writes the parts of a protocol that are alike in all of them.
macro_rules! protocol {
    ($name:ident, $nodes:expr) => {
        impl Protocol for $name {
            const NAME: &'static str = stringify!($name);
            const SUMMARY: &'static str = "for measuring";
            type Config = Size;
            type Message = Message;
            type Record = Record;
            type Timer = Timer;
            type Step = Step;

            fn topology(size: &Size) -> Vec<Placement> {
                let nodes: fn(&Size) -> u16 = $nodes;
                let name = |node| Placement::new(format!("n{node}"), "node");
                let first = name(0).serving_clients();
                std::iter::once(first).chain((1..nodes(size)).map(name)).collect()
            }

            fn new(_: &Size, _: NodeId) -> Self {
                Self::default()
            }

            fn on_boot(&mut self, ctx: &mut ctx::Ctx<'_, Self>) {
                self.begin(ctx);
            }

            fn on_request(&mut self, _: OpId, _: Operation, _: &mut ctx::Ctx<'_, Self>) {}

            fn on_message(&mut self, from: NodeId, message: Message, ctx: &mut ctx::Ctx<'_, Self>) {
                self.hear(from, message, ctx);
            }

            fn on_timer(&mut self, Timer::Again(round): Timer, ctx: &mut ctx::Ctx<'_, Self>) {
                self.again(round, ctx);
            }

            fn apply(&mut self, _: Logged<Record>) {}

            fn facts(_: &Record, _: &mut Facts) {}
        }
    };
}

/// Two players.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct PingPong;

protocol!(PingPong, |_| 2);

#[expect(clippy::unused_self, reason = "called as the methods of those that have a state")]
impl PingPong {
    fn begin(&mut self, ctx: &mut ctx::Ctx<'_, Self>) {
        if ctx.me() == NodeId(0) {
            ctx.send(NodeId(1), Message::Ball(1));
        }
    }

    fn hear(&mut self, from: NodeId, message: Message, ctx: &mut ctx::Ctx<'_, Self>) {
        let Message::Ball(number) = message else { return };
        if number < ctx.config().upto {
            ctx.send(from, Message::Ball(number + 1));
        }
    }

    fn again(&mut self, _: u32, _: &mut ctx::Ctx<'_, Self>) {}
}

/// A leader and its replicas.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct QuorumLoop {
    round: u32,
    answers: u32,
}

protocol!(QuorumLoop, |_| REPLICAS + 1);

impl QuorumLoop {
    fn begin(&mut self, ctx: &mut ctx::Ctx<'_, Self>) {
        if ctx.me() == NodeId(0) {
            self.next(ctx);
        }
    }

    fn next(&mut self, ctx: &mut ctx::Ctx<'_, Self>) {
        ctx.cancel_timer(Timer::Again(self.round));
        self.round += 1;
        if self.round <= ctx.config().upto {
            self.ask(ctx);
        }
    }

    fn ask(&mut self, ctx: &mut ctx::Ctx<'_, Self>) {
        self.answers = 0;
        for replica in 1..=REPLICAS {
            ctx.send(NodeId(replica), Message::Ask(self.round));
        }
        ctx.set_timer(Duration::from_millis(AGAIN_AFTER_MILLIS), Timer::Again(self.round));
    }

    fn hear(&mut self, from: NodeId, message: Message, ctx: &mut ctx::Ctx<'_, Self>) {
        match message {
            Message::Ask(round) => ctx.send(from, Message::Answer(round)),
            Message::Answer(round) if round == self.round => {
                self.answers += 1;
                if self.answers == MAJORITY {
                    self.next(ctx);
                }
            }
            Message::Answer(_) | Message::Ball(_) | Message::Never => {}
        }
    }

    fn again(&mut self, round: u32, ctx: &mut ctx::Ctx<'_, Self>) {
        if round == self.round {
            self.ask(ctx);
        }
    }
}

/// One of many nodes that hand tokens on.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Tokens;

protocol!(Tokens, |size| size.nodes);

/// Where a token goes next: anywhere but here, and the same on both sides.
fn next_of(me: u16, number: u32, nodes: u16) -> u16 {
    let (me, nodes) = (u32::from(me), u32::from(nodes));
    let ahead = (me * 5 + number.wrapping_mul(7)) % (nodes - 1) + 1;
    ((me + ahead) % nodes) as u16
}

#[expect(clippy::unused_self, reason = "called as the methods of those that have a state")]
impl Tokens {
    fn begin(&mut self, ctx: &mut ctx::Ctx<'_, Self>) {
        for token in 0..ctx.config().each {
            let to = next_of(ctx.me().0, token, ctx.config().nodes);
            ctx.send(NodeId(to), Message::Ball(ctx.config().upto));
        }
    }

    fn hear(&mut self, _: NodeId, message: Message, ctx: &mut ctx::Ctx<'_, Self>) {
        let Message::Ball(left) = message else { return };
        if left > 1 {
            let to = next_of(ctx.me().0, left, ctx.config().nodes);
            ctx.send(NodeId(to), Message::Ball(left - 1));
        }
    }

    fn again(&mut self, _: u32, _: &mut ctx::Ctx<'_, Self>) {}
}

/// A scenario of one of them: loss and copies are drawn for each message, a trigger is armed, the
/// trace is hashed. `rare` is how likely a message is lost, as a scenario says it.
///
/// # Panics
/// When the scenario is not sound.
pub(crate) fn plan(protocol: &str, loss: &str) -> Plan {
    let text = format!(
        r#"Scenario(
    title: "measured",
    protocol: {protocol},
    network: (latency: Uniform("1ms", "9ms"), loss: "{loss}", duplication: "0.0000001%"),
    workload: Appends(rate: "1/s", until: "1ns"),
    faults: [(id: "armed", when: Before(event: Deliver("Never")), do: Crash(node: Actor, down: "1s"))],
    checks: [],
    run: (for: "100000s"),
)"#
    );
    let registry = Registry::built_in()
        .with_protocol::<PingPong>()
        .with_protocol::<QuorumLoop>()
        .with_protocol::<Tokens>();
    load(&registry, "measured", &Edited::new(text))
        .unwrap_or_else(|error| panic!("{:?}", error.mistakes))
}

// By hand.

const BALL: u16 = 0;
const ASK: u16 = 1;
const ANSWER: u16 = 2;
const AGAIN: u16 = 3;

/// A player, by hand.
pub(crate) struct HandPlayer {
    pub(crate) upto: u32,
}

impl floor::Node for HandPlayer {
    fn begin(&mut self, me: u16, net: &mut Net) {
        if me == 0 {
            net.send(0, 1, Plain { label: BALL, number: 1 });
        }
    }

    fn on_message(&mut self, me: u16, from: u16, message: Plain, net: &mut Net) {
        if message.number < self.upto {
            net.send(me, from, Plain { label: BALL, number: message.number + 1 });
        }
    }
}

/// The leader, by hand.
#[derive(Default)]
pub(crate) struct HandLeader {
    pub(crate) upto: u32,
    round: u32,
    answers: u32,
}

impl HandLeader {
    /// A leader of so many rounds.
    pub(crate) fn of(upto: u32) -> Self {
        Self { upto, ..Self::default() }
    }

    fn next(&mut self, net: &mut Net) {
        self.round += 1;
        if self.round <= self.upto {
            self.ask(net);
        }
    }

    fn ask(&mut self, net: &mut Net) {
        self.answers = 0;
        for replica in 1..=REPLICAS {
            net.send(0, replica, Plain { label: ASK, number: self.round });
        }
        net.wake(0, AGAIN_AFTER_MILLIS * 1_000_000, Plain { label: AGAIN, number: self.round });
    }
}

impl floor::Node for HandLeader {
    fn begin(&mut self, _: u16, net: &mut Net) {
        self.next(net);
    }

    fn on_message(&mut self, _: u16, _: u16, message: Plain, net: &mut Net) {
        if message.number != self.round {
            return;
        }
        if message.label == AGAIN {
            return self.ask(net);
        }
        self.answers += 1;
        if self.answers == MAJORITY {
            self.next(net);
        }
    }
}

/// A replica, by hand.
pub(crate) struct HandReplica;

impl floor::Node for HandReplica {
    fn begin(&mut self, _: u16, _: &mut Net) {}

    fn on_message(&mut self, me: u16, from: u16, message: Plain, net: &mut Net) {
        net.send(me, from, Plain { label: ANSWER, number: message.number });
    }
}

/// One of many nodes, by hand.
pub(crate) struct HandHolder {
    pub(crate) nodes: u16,
    pub(crate) each: u32,
    pub(crate) upto: u32,
}

impl floor::Node for HandHolder {
    fn begin(&mut self, me: u16, net: &mut Net) {
        for token in 0..self.each {
            net.send(me, next_of(me, token, self.nodes), Plain { label: BALL, number: self.upto });
        }
    }

    fn on_message(&mut self, me: u16, _: u16, message: Plain, net: &mut Net) {
        let left = message.number;
        if left > 1 {
            net.send(me, next_of(me, left, self.nodes), Plain { label: BALL, number: left - 1 });
        }
    }
}

/// The nodes of a quorum loop, by hand.
pub(crate) fn quorum_by_hand(rounds: u32) -> Vec<Box<dyn floor::Node>> {
    let leader: Box<dyn floor::Node> = Box::new(HandLeader::of(rounds));
    let replicas = (0..REPLICAS).map(|_| Box::new(HandReplica) as Box<dyn floor::Node>);
    std::iter::once(leader).chain(replicas).collect()
}

/// The nodes of a game, by hand.
pub(crate) fn players_by_hand(upto: u32) -> Vec<Box<dyn floor::Node>> {
    (0..2).map(|_| Box::new(HandPlayer { upto }) as Box<dyn floor::Node>).collect()
}

/// Many nodes, by hand.
pub(crate) fn holders_by_hand(nodes: u16, each: u32, upto: u32) -> Vec<Box<dyn floor::Node>> {
    let holder = |_| Box::new(HandHolder { nodes, each, upto }) as Box<dyn floor::Node>;
    (0..nodes).map(holder).collect()
}
