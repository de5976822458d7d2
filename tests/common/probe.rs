//! Probe: one node asks, its peers answer. Nothing depends on what arrives, so every fault shows
//! exactly where it strikes.
//!
//! ```text
//!   a ── Ask(n) ──▶ p1, p2, …            every so often, by a timer, answered or not
//!   a ◀─ Answer(n, clock) ── p1          after forcing Heard(n), where that is asked for
//!        p1 ── Gossip(n) ──▶ p2 ──▶ …    where that is asked for
//!   a ── Beat ──▶ p1, p2, …              a heartbeat, where that is asked for
//!   a ◀─ Back(records) ── p1             after a boot that found records
//! ```

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]

use serde::{Deserialize, Serialize};
use splitbrain::{
    base::{
        ids::{NodeId, OpId, Topic},
        text::source::Edited,
        time::Duration,
    },
    engine::{
        ctx,
        facts::Facts,
        network::Endpoint,
        operations::{Answer, Operation},
        protocol::{Logged, Placement, Protocol, SufficientCore},
        trace::{Entry, Kind},
    },
    scenario::{
        load::{LoadError, load},
        plan::Plan,
        registry::Registry,
        run::Run,
    },
};

splitbrain::steps! {
    /// Its only step.
    pub enum Step {
        /// What was heard is on disk before it is answered.
        ForceHeard => "nothing",
    }
}

/// Who asks whom, and how often.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// How many peers.
    pub peers: u16,
    /// How many questions.
    pub asks: u32,
    /// The pause before each.
    pub every: Duration,
    /// The pause between heartbeats; none when zero.
    pub beat: Duration,
    /// Whether peers force before they answer.
    pub force: bool,
    /// Whether each peer tells the next.
    pub gossip: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            peers: 2,
            asks: 3,
            every: Duration::from_millis(10),
            beat: Duration::ZERO,
            force: false,
            gossip: false,
        }
    }
}

/// What is said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Message {
    /// A question, by number.
    Ask(u32),
    /// Its answer, with the milliseconds on the peer's clock.
    Answer(u32, u64),
    /// The question, passed on.
    Gossip(u32),
    /// A heartbeat.
    Beat,
    /// "I was down and know so many records."
    Back(u32),
}

/// What survives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Record {
    /// This question.
    Heard(u32),
}

/// What wakes the asker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Timer {
    /// The next question.
    Ask(u32),
    /// The next heartbeat.
    Beat,
}

/// One node.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Probe {
    heard: u32,
}

type Ctx<'a> = ctx::Ctx<'a, Probe>;

const ASKER: NodeId = NodeId(0);

fn peers(ctx: &Ctx<'_>) -> impl Iterator<Item = NodeId> + use<> {
    (1..=ctx.config().peers).map(NodeId)
}

impl Protocol for Probe {
    const NAME: &'static str = "Probe";
    const SUMMARY: &'static str = "one node asks, its peers answer";
    type Config = Config;
    type Message = Message;
    type Record = Record;
    type Timer = Timer;
    type Step = Step;

    fn topology(config: &Config) -> Vec<Placement> {
        let peers = (1..=config.peers).map(|nth| Placement::new(format!("p{nth}"), "peer"));
        std::iter::once(Placement::new("a", "asker").serving_clients()).chain(peers).collect()
    }

    fn new(_: &Config, _: NodeId) -> Self {
        Self::default()
    }

    fn on_boot(&mut self, ctx: &mut Ctx<'_>) {
        if ctx.me() == ASKER {
            let (every, beat) = (ctx.config().every, ctx.config().beat);
            ctx.set_timer(every, Timer::Ask(1));
            if !beat.is_zero() {
                ctx.set_timer(beat, Timer::Beat);
            }
        } else if self.heard > 0 {
            ctx.send(ASKER, Message::Back(self.heard));
        }
    }

    fn on_request(&mut self, op: OpId, _: Operation, ctx: &mut Ctx<'_>) {
        ctx.reply(op, Answer::Done);
    }

    fn on_message(&mut self, _: NodeId, message: Message, ctx: &mut Ctx<'_>) {
        let Message::Ask(number) = message else { return };
        let &Config { peers, force, gossip, .. } = ctx.config();
        if force {
            self.apply(ctx.force(Step::ForceHeard, Record::Heard(number)));
        }
        let clock = ctx.now().as_nanos() / 1_000_000;
        ctx.send(ASKER, Message::Answer(number, clock));
        if gossip {
            ctx.send(NodeId(ctx.me().0 % peers + 1), Message::Gossip(number));
        }
    }

    fn on_timer(&mut self, timer: Timer, ctx: &mut Ctx<'_>) {
        let &Config { asks, every, beat, .. } = ctx.config();
        match timer {
            Timer::Ask(number) => {
                peers(ctx).for_each(|peer| ctx.send(peer, Message::Ask(number)));
                if number < asks {
                    ctx.set_timer(every, Timer::Ask(number + 1));
                }
            }
            Timer::Beat => {
                peers(ctx).for_each(|peer| ctx.send(peer, Message::Beat));
                ctx.set_timer(beat, Timer::Beat);
            }
        }
    }

    fn apply(&mut self, record: Logged<Record>) {
        let Record::Heard(_) = record.into_inner();
        self.heard += 1;
    }

    fn facts(_: &Record, _: &mut Facts) {}

    fn topic(message: &Message) -> Topic {
        match *message {
            Message::Ask(number) | Message::Answer(number, _) | Message::Gossip(number) => {
                Topic(u64::from(number))
            }
            Message::Beat | Message::Back(_) => Topic::NONE,
        }
    }

    fn sufficient_core(_: &Config) -> SufficientCore {
        SufficientCore { always: vec![0], others_min: 1 }
    }
}

/// The text of a scenario of it: settings, fault rules, and further fields. Links and forces take
/// a millisecond unless the fields say otherwise.
pub(crate) fn text(settings: &str, faults: &str, fields: &str) -> String {
    let network = "network: (latency: Fixed(\"1ms\")),";
    let network = if fields.contains("network:") { "" } else { network };
    let run = if fields.contains("run:") { "" } else { "run: (for: \"100ms\")," };
    format!(
        r#"Scenario(
            title: "probe",
            protocol: Probe({settings}),
            {network}
            workload: Requests([(at: "0ms", ask: Audit)]),
            faults: [{faults}],
            checks: [],
            {fields}
            {run}
        )"#
    )
}

/// Loads it, mistakes and all.
pub(crate) fn try_plan(settings: &str, faults: &str, fields: &str) -> Result<Plan, LoadError> {
    let registry = Registry::built_in().with_protocol::<Probe>();
    load(&registry, "probe", &Edited::new(text(settings, faults, fields)))
}

/// Loads a sound one.
pub(crate) fn plan(settings: &str, faults: &str, fields: &str) -> Plan {
    try_plan(settings, faults, fields).unwrap_or_else(|error| panic!("{:#?}", error.mistakes))
}

/// True time in milliseconds.
pub(crate) fn millis(entry: &Entry) -> f64 {
    entry.at.as_nanos() as f64 / 1e6
}

/// The name of an endpoint.
pub(crate) fn name(run: &Run, end: Endpoint) -> String {
    run.catalog.endpoint(end)
}

/// A recording in one short line per entry: `11 a>p1 got Ask(1)`. Step marks are left out.
pub(crate) fn story(run: &Run) -> Vec<String> {
    run.entries.iter().filter_map(|entry| line(run, entry)).collect()
}

/// The lines of a story that tell of one node.
pub(crate) fn story_of(run: &Run, node: &str) -> Vec<String> {
    let lines = story(run).into_iter();
    lines
        .filter(|line| {
            line.split(' ').nth(1).is_some_and(|ends| ends.split('>').any(|end| end == node))
        })
        .collect()
}

fn line(run: &Run, entry: &Entry) -> Option<String> {
    let (who, peer) = (name(run, entry.who), name(run, entry.peer));
    let text = &entry.text;
    let told = match entry.kind {
        Kind::Send => format!("{who}>{peer} {text}"),
        Kind::Deliver => format!("{peer}>{who} got {text}"),
        Kind::Lose(why) => format!("{who}>{peer} {why:?} {text}"),
        Kind::Force => format!("{who} force {text}"),
        Kind::Durable | Kind::Synced => format!("{who} durable"),
        Kind::FileWrite => format!("{who} {text}"),
        Kind::Sync => format!("{who} sync {text}"),
        Kind::SyncFailed => format!("{who} failed {text}"),
        Kind::Read => format!("{who} read {text}"),
        Kind::Timer => format!("{who} timer {text}"),
        Kind::Crash => format!("{who} crash"),
        Kind::Boot => format!("{who} boot"),
        Kind::Pause => format!("{who} pause"),
        Kind::Resume => format!("{who} resume"),
        Kind::Invoke => format!("{who}>{peer} asks"),
        Kind::Reply => format!("{who}>{peer} replies"),
        Kind::End => format!("{who} ends {text}"),
        Kind::Write | Kind::Step | Kind::Cut | Kind::Mend | Kind::Disturb | Kind::Refuse => {
            return None;
        }
        Kind::Heal => "all heal".to_owned(),
    };
    Some(format!("{} {told}", millis(entry)))
}
