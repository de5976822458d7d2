//! Desk: the smallest host of calls. Callers take orders, servers add them up.
//!
//! ```text
//!   client ──Append──▶ caller ── Request ──▶ server { effect, answer } in one record
//!                        ● Accepted            answer: the sum so far, so no two are alike
//!          ◀── Value ────┤ answered
//!          ◀── NotDone ──┤ never sent          unknown: a letter, tried again now and then
//! ```

use serde::{Deserialize, Serialize};
use splitbrain::{
    base::{
        ids::{NodeId, OpId, Topic},
        time::{Duration, Time},
    },
    blocks::{
        remembered::Window,
        rpc::{
            self, Answered, CallId, Caller, DeadLetterQueue, Ended, GivenUp, Outcome, Server,
            Settings, Steps, Targets, Why,
        },
    },
    engine::{
        ctx,
        facts::Facts,
        operations::{Answer, Operation},
        protocol::{Logged, Placement, Protocol},
    },
};
use std::collections::BTreeMap;

splitbrain::steps! {
    /// Those of the host and of the block.
    pub(crate) enum Step {
        /// A call is on the caller's disk before its request leaves.
        ForceAccept => "no_stranger",
        /// What was not answered is asked again.
        Retry => "answered",
        /// Dead letters are tried again.
        Redrive => "answered",
        /// After a crash, what is open is called again.
        Resume => "answered",
        /// That a call was refused is on disk before the client hears of it.
        ForceRefusal => "never_sent",
        /// An effect is on the server's disk before the caller hears of it.
        ForceEffect => "durable",
        /// A server knows a repeat.
        KnowRepeats => "at_most_once",
        /// Effect and answer are one record.
        OneRecord => "at_most_once",
    }
}

/// How many there are, and how they work.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) callers: u16,
    pub(crate) servers: u16,
    pub(crate) calls: Settings,
    pub(crate) window: Window,
    /// Whom a hedge asks.
    pub(crate) hedge: HedgeTo,
    /// How often letters are tried again; never when zero.
    pub(crate) redrive: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) enum HedgeTo {
    Same,
    Next,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            callers: 1,
            servers: 1,
            calls: Settings::default(),
            window: Window::Forever,
            hedge: HedgeTo::Same,
            redrive: Duration::ZERO,
        }
    }
}

impl Config {
    fn targets(&self, ask: Ask) -> Targets {
        let server = |key: u32| NodeId(self.callers + (key % u32::from(self.servers)) as u16);
        let hedge = match self.hedge {
            HedgeTo::Same => server(ask.key),
            HedgeTo::Next => server(ask.key + 1),
        };
        Targets { first: server(ask.key), hedge }
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ask {
    pub(crate) key: u32,
    pub(crate) value: i64,
}

/// How a call ended, on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum How {
    Answered(i64),
    NeverSent,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Message {
    Call(rpc::Message<Ask, i64>),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Record {
    Accepted(CallId, Ask),
    Ended(CallId, How),
    Letter(GivenUp<Ask>),
    Took(CallId, i64, Option<Answered<i64>>),
    Remembered(Answered<i64>),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Timer {
    Call(rpc::Timer),
    Redrive,
}

splitbrain::embed!(rpc::Message<Ask, i64> as Message::Call);
splitbrain::embed!(rpc::Timer as Timer::Call);

type Ctx<'a> = ctx::Ctx<'a, Desk>;

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Calling {
    // Replayed from the log.
    pub(crate) accepted: BTreeMap<CallId, Ask>,
    pub(crate) ended: BTreeMap<CallId, How>,
    pub(crate) letters: DeadLetterQueue<Ask>,
    // Lost in a crash.
    pub(crate) caller: Caller<Ask>,
    pub(crate) given_up: Vec<(CallId, Why, u16)>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Serving {
    // Replayed from the log.
    pub(crate) effects: Vec<(CallId, i64)>,
    pub(crate) sum: i64,
    pub(crate) server: Server<i64>,
    // Lost in a crash.
    pub(crate) arrivals: Vec<(Time, CallId)>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) enum Desk {
    Caller(Calling),
    Server(Serving),
}

impl Protocol for Desk {
    const NAME: &'static str = "Desk";
    const SUMMARY: &'static str = "a host of calls";

    type Config = Config;
    type Message = Message;
    type Record = Record;
    type Timer = Timer;
    type Step = Step;

    fn topology(config: &Config) -> Vec<Placement> {
        let callers = (1..=config.callers)
            .map(|nth| Placement::new(format!("caller{nth}"), "caller").serving_clients());
        let servers =
            (1..=config.servers).map(|nth| Placement::new(format!("server{nth}"), "server"));
        callers.chain(servers).collect()
    }

    fn new(config: &Config, me: NodeId) -> Self {
        if me.0 < config.callers {
            return Self::Caller(Calling {
                accepted: BTreeMap::new(),
                ended: BTreeMap::new(),
                letters: DeadLetterQueue::default(),
                caller: Caller::default(),
                given_up: Vec::new(),
            });
        }
        let server = Server::new(config.window);
        Self::Server(Serving { effects: Vec::new(), sum: 0, server, arrivals: Vec::new() })
    }

    fn on_boot(&mut self, ctx: &mut Ctx<'_>) {
        let Self::Caller(calling) = self else { return };
        if !ctx.config().redrive.is_zero() {
            ctx.set_timer(ctx.config().redrive, Timer::Redrive);
        }
        let is_open = |id: &CallId| {
            !calling.ended.contains_key(id) && calling.letters.iter().all(|l| l.id != *id)
        };
        let open = calling.accepted.iter().filter(|(id, _)| is_open(id));
        let open: Vec<_> = open.map(|(id, ask)| (*id, *ask)).collect();
        if !open.is_empty() && ctx.step(Step::Resume) {
            for (id, ask) in open {
                self.resume(id, ask, ctx);
            }
        }
    }

    fn on_request(&mut self, op: OpId, operation: Operation, ctx: &mut Ctx<'_>) {
        let Operation::Append { key, value } = operation else { panic!("nobody asks for it") };
        let (id, ask) = (CallId(op.0.into()), Ask { key, value });
        self.apply(ctx.force(Step::ForceAccept, Record::Accepted(id, ask)));
        let Self::Caller(calling) = self else { return };
        let config = ctx.config();
        let ended = calling.caller.call(id, (config.targets(ask), ask), &config.calls, ctx);
        self.end(ended, ctx);
    }

    fn on_message(&mut self, from: NodeId, Message::Call(message): Message, ctx: &mut Ctx<'_>) {
        match (&mut *self, message) {
            (Self::Caller(calling), rpc::Message::Response { id, answer }) => {
                let settings = &ctx.config().calls;
                let ended = calling.caller.on_response(from, (id, answer), settings, ctx);
                self.end(ended, ctx);
            }
            (Self::Server(serving), rpc::Message::Request { id, body }) => {
                serving.arrivals.push((ctx.now(), id));
                if serving.server.is_new(from, id, Some(Step::KnowRepeats), ctx) {
                    self.take(from, id, body, ctx);
                }
            }
            (_, message) => panic!("{message:?} went to the wrong role"),
        }
    }

    fn on_timer(&mut self, timer: Timer, ctx: &mut Ctx<'_>) {
        let Self::Caller(calling) = self else { panic!("a server has no timers") };
        match timer {
            Timer::Call(timer) => {
                let steps = Steps { retry: Some(Step::Retry) };
                let settings = &ctx.config().calls;
                let ended = calling.caller.on_timer(timer, (settings, steps), ctx);
                self.end(ended, ctx);
            }
            Timer::Redrive => {
                ctx.set_timer(ctx.config().redrive, Timer::Redrive);
                let letters: Vec<_> = calling.letters.iter().map(|l| (l.id, l.body)).collect();
                if !letters.is_empty() && ctx.step(Step::Redrive) {
                    for (id, ask) in letters {
                        self.resume(id, ask, ctx);
                    }
                }
            }
        }
    }

    fn apply(&mut self, record: Logged<Record>) {
        match (self, record.into_inner()) {
            (Self::Caller(calling), Record::Accepted(id, ask)) => {
                calling.accepted.insert(id, ask);
            }
            (Self::Caller(calling), Record::Ended(id, how)) => {
                calling.ended.insert(id, how);
                calling.letters.take(id);
            }
            (Self::Caller(calling), Record::Letter(letter)) => calling.letters.keep(letter),
            (Self::Server(serving), Record::Took(id, value, answered)) => {
                serving.sum += value;
                serving.effects.push((id, serving.sum));
                if let Some(answered) = answered {
                    serving.server.remember(answered);
                }
            }
            (Self::Server(serving), Record::Remembered(answered)) => {
                serving.server.remember(answered);
            }
            (_, record) => unreachable!("{record:?} is of the other role"),
        }
    }

    fn facts(_: &Record, _: &mut Facts) {}

    fn topic(Message::Call(message): &Message) -> Topic {
        message.topic()
    }
}

impl Desk {
    fn resume(&mut self, id: CallId, ask: Ask, ctx: &mut Ctx<'_>) {
        let Self::Caller(calling) = self else { return };
        let config = ctx.config();
        let ended = calling.caller.resume(id, (config.targets(ask), ask), &config.calls, ctx);
        self.end(ended, ctx);
    }

    /// What becomes of a call that ended. An answer is only written: what is forgotten of it is
    /// asked again.
    fn end(&mut self, ended: Option<Ended<Ask, i64>>, ctx: &mut Ctx<'_>) {
        let Some(Ended { id, outcome }) = ended else { return };
        let op = OpId(id.0 as u32);
        match outcome {
            Outcome::Answered(answer) => {
                self.apply(ctx.write(Record::Ended(id, How::Answered(answer))));
                ctx.reply(op, Answer::Value(answer));
            }
            Outcome::Unknown(letter) => {
                let Self::Caller(calling) = self else { return };
                calling.given_up.push((id, letter.why, letter.attempts));
                self.apply(ctx.write(Record::Letter(letter)));
            }
            Outcome::NeverSent(_) => {
                let record = Record::Ended(id, How::NeverSent);
                self.apply(ctx.force(Step::ForceRefusal, record));
                ctx.reply(op, Answer::NotDone);
            }
        }
    }

    fn take(&mut self, from: NodeId, id: CallId, ask: Ask, ctx: &mut Ctx<'_>) {
        let Self::Server(serving) = self else { return };
        let answer = serving.sum + ask.value;
        let answered = serving.server.answered(id, answer, ctx);
        if ctx.step(Step::OneRecord) {
            let record = Record::Took(id, ask.value, Some(answered));
            self.apply(ctx.force(Step::ForceEffect, record));
        } else {
            self.apply(ctx.force(Step::ForceEffect, Record::Took(id, ask.value, None)));
            self.apply(ctx.force(Step::ForceEffect, Record::Remembered(answered)));
        }
        ctx.send(from, rpc::Message::<Ask, i64>::Response { id, answer });
    }
}
