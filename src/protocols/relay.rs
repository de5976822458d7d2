//! Relay: what a producer accepts takes effect at the consumer exactly once.
//!
//! ```text
//!  client     producer                   broker                   consumer
//!    ├─ Append ──▶│                         │                         │
//!    │            ● force Accepted          │                         │
//!    │◀─── Done ──┤                         │                         │
//!    │            ├── Publish ─────────────▶│                         │  again, until
//!    │            │                         ● force Appended          │  it is answered
//!    │            │◀─────────── Published ──┤                         │
//!    │            │                         │◀──────────────── Fetch ─┤  now and then
//!    │            │                         ├── Batch ───────────────▶│
//!    │            │                         │                         ● force Took, per item
//!    │            │                         │                         ● write Moved
//! ```
//!
//! The price: no delivery is exactly once. Each leg repeats until it is answered, so the consumer
//! remembers every item that it ever took; and *done* tells the client that the item will take
//! effect, not that it has.
//!
//! The effect and the memory of it are one record, so no crash falls between them. The position in
//! the broker's log is a hint and costs no force: after a crash it may be too low, and what is
//! fetched again is known. Forcing position and effect together would do without the memory, as
//! long as no item enters the broker's log twice.
//!
//! Limits: one broker, one consumer. Links may lose, repeat, delay and reorder; nodes may crash and
//! come back with their disk. The parts are *Guaranteed Delivery* and *Idempotent Receiver* of
//! Hohpe & Woolf (2003); why no network does it alone: Saltzer, Reed & Clark (1984).

use crate::{
    base::{
        ids::{NodeId, OpId, Topic},
        table::Table,
        time::Duration,
    },
    blocks::toy_broker::{self, Broker},
    embed,
    engine::{
        ctx,
        facts::{Fact, Facts},
        operations::{Answer, Operation},
        protocol::{BadSetting, Logged, Placement, Protocol},
    },
    steps,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// How many producers there are, and how patient everyone is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Nodes that accept items.
    pub producers: u16,
    /// How often the consumer asks for more.
    pub poll_interval: Duration,
    /// How long a producer waits before it publishes an item again.
    pub retry_interval: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            producers: 1,
            poll_interval: Duration::from_millis(20),
            retry_interval: Duration::from_millis(50),
        }
    }
}

impl Config {
    /// The producers come first, then the broker, then the consumer.
    fn broker(&self) -> NodeId {
        NodeId(self.producers)
    }
}

/// What a client wants delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// The number of the operation that asked for it.
    pub id: u64,
    /// Where it belongs.
    pub key: u32,
    /// What it says.
    pub value: i64,
}

/// Everyone talks to the broker, and only to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// To and from the broker.
    Broker(toy_broker::Message<Item>),
}

/// What survives a crash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// At a producer: "it will take effect".
    Accepted(Item),
    /// At the broker.
    Broker(toy_broker::Record<Item>),
    /// At the consumer: the effect, and the memory of it.
    Took(Item),
    /// At the consumer: where to read on.
    Moved(u64),
}

embed!(toy_broker::Message<Item> as Message::Broker);
embed!(toy_broker::Record<Item> as Record::Broker);

/// What wakes a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Timer {
    /// At a producer: this item may not have arrived.
    Retry(u64),
    /// At the consumer: there may be more.
    Poll,
}

steps! {
    /// The steps that carry the guarantees.
    pub enum Step {
        /// An item is on the producer's disk before the client hears of it.
        ForceAccept => "delivery.at_least_once",
        /// It is published until the broker has answered.
        RetryPublish => "delivery.at_least_once",
        /// It is on the broker's disk before the producer stops to care.
        ForceAppend => "delivery.at_least_once",
        /// What has taken effect is not taken again.
        Deduplicate => "delivery.at_most_once",
        /// The effect is on disk before it counts: nobody acts on what a crash may take back.
        ForceEffect => "delivery.at_most_once",
    }
}

type Ctx<'a> = ctx::Ctx<'a, Relay>;

/// One node, by its role.
#[derive(Clone, Debug, Serialize)]
pub enum Relay {
    /// Accepts items and publishes them.
    Producer(Producer),
    /// Keeps them in order.
    Broker(Broker<Item>),
    /// Lets each take effect.
    Consumer(Consumer),
}

/// The state of a producer.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Producer {
    // Replayed from the log.
    accepted: Table<u64, Item>,
    // Lost in a crash; then all is published again, and the broker knows it.
    published: BTreeSet<u64>,
}

/// The state of a consumer.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Consumer {
    // Replayed from the log.
    took: BTreeSet<u64>,
    offset: u64,
    // Lost in a crash: nothing.
}

impl Protocol for Relay {
    const NAME: &'static str = "Relay";
    const SUMMARY: &'static str = "items go through a broker and take effect exactly once";
    const EXAMPLE_WORKLOAD: &'static str = r#"Appends(clients: 1, rate: "20/s", until: "2s")"#;
    const EXAMPLE_CHECKS: &'static str = "Delivery, Progress";

    type Config = Config;
    type Message = Message;
    type Record = Record;
    type Timer = Timer;
    type Step = Step;

    fn on_request(&mut self, op: OpId, operation: Operation, ctx: &mut Ctx<'_>) {
        match self {
            Self::Producer(producer) => producer.on_request(op, operation, ctx),
            Self::Broker(_) | Self::Consumer(_) => ctx.reply(op, Answer::NotDone),
        }
    }

    fn on_message(&mut self, from: NodeId, Message::Broker(message): Message, ctx: &mut Ctx<'_>) {
        use toy_broker::Message::{Batch, Fetch, Publish, Published};
        match (self, message) {
            (Self::Producer(producer), Published(id)) => producer.on_published(id, ctx),
            (Self::Broker(broker), message) => {
                broker.on_message(from, message, Step::ForceAppend, ctx);
            }
            (Self::Consumer(consumer), Batch { offset, events }) => {
                consumer.on_batch(offset, &events, ctx);
            }
            (Self::Producer(_), Publish { .. } | Fetch { .. } | Batch { .. })
            | (Self::Consumer(_), Publish { .. } | Fetch { .. } | Published(_)) => {
                unreachable!("{from} sent it to the wrong role")
            }
        }
    }

    fn on_timer(&mut self, timer: Timer, ctx: &mut Ctx<'_>) {
        match (self, timer) {
            (Self::Producer(producer), Timer::Retry(id)) => producer.retry(id, ctx),
            (Self::Consumer(consumer), Timer::Poll) => consumer.poll(ctx),
            (Self::Producer(_), Timer::Poll)
            | (Self::Consumer(_), Timer::Retry(_))
            | (Self::Broker(_), Timer::Retry(_) | Timer::Poll) => {
                unreachable!("nobody sets the timer of another role")
            }
        }
    }

    /// Redo: the log is the state, so recovery takes the same path as normal operation.
    fn apply(&mut self, record: Logged<Record>) {
        match self {
            Self::Producer(producer) => producer.apply(record),
            Self::Broker(broker) => {
                if let Some(record) = record.narrow() {
                    broker.apply(record);
                }
            }
            Self::Consumer(consumer) => consumer.apply(record),
        }
    }

    /// After replay: publish what may not have arrived, ask for more.
    fn on_boot(&mut self, ctx: &mut Ctx<'_>) {
        match self {
            Self::Producer(producer) => producer.publish_all(ctx),
            Self::Broker(_) => {} // It waits to be asked.
            Self::Consumer(consumer) => consumer.poll(ctx),
        }
    }

    fn new(config: &Config, me: NodeId) -> Self {
        match me.0.cmp(&config.broker().0) {
            std::cmp::Ordering::Less => Self::Producer(Producer::default()),
            std::cmp::Ordering::Equal => Self::Broker(Broker::default()),
            std::cmp::Ordering::Greater => Self::Consumer(Consumer::default()),
        }
    }

    fn topology(config: &Config) -> Vec<Placement> {
        let name = |nth: u16| if nth == 1 { "producer".into() } else { format!("producer{nth}") };
        let producers = (1..=config.producers)
            .map(|nth| Placement::new(name(nth), "producer").serving_clients());
        let others = [Placement::new("broker", "broker"), Placement::new("consumer", "consumer")];
        producers.chain(others).collect()
    }

    fn validate(config: &Config) -> Vec<BadSetting> {
        let Config { producers, poll_interval, retry_interval } = *config;
        let findings = [
            (producers == 0, "producers", "somebody must accept items: 1 or more"),
            (poll_interval.is_zero(), "poll_interval", "it must be longer than nothing"),
            (retry_interval.is_zero(), "retry_interval", "it must be longer than nothing"),
        ];
        let bad = findings.into_iter().filter(|(bad, ..)| *bad);
        bad.map(|(_, field, reason)| BadSetting { field, reason: reason.to_owned() }).collect()
    }

    fn facts(record: &Record, facts: &mut Facts) {
        match record {
            Record::Accepted(item) => facts.state(Fact::Accepted(item.id)),
            Record::Took(item) => facts.state(Fact::TookEffect(item.id)),
            Record::Broker(_) | Record::Moved(_) => {}
        }
    }

    fn topic(Message::Broker(message): &Message) -> Topic {
        message.topic()
    }

    fn waiting(&self) -> Option<String> {
        let Self::Producer(Producer { accepted, published }) = self else { return None };
        let open = accepted.keys().filter(|id| !published.contains(id)).count();
        (open > 0).then(|| format!("{open} of its items to be published"))
    }
}

/// Accepting: once it is on disk, it will take effect.
impl Producer {
    fn on_request(&mut self, op: OpId, operation: Operation, ctx: &mut Ctx<'_>) {
        let Operation::Append { key, value } = operation else {
            return ctx.reply(op, Answer::NotDone);
        };
        let item = Item { id: u64::from(op.0), key, value };
        self.apply(ctx.force(Step::ForceAccept, Record::Accepted(item)));
        ctx.reply(op, Answer::Done);
        publish(item, ctx);
    }

    fn apply(&mut self, record: Logged<Record>) {
        if let Record::Accepted(item) = record.into_inner() {
            self.accepted.insert(item.id, item);
        }
    }
}

/// Publishing: again and again, until the broker has answered.
impl Producer {
    fn publish_all(&mut self, ctx: &mut Ctx<'_>) {
        self.accepted.values().for_each(|&item| publish(item, ctx));
    }

    fn retry(&mut self, id: u64, ctx: &mut Ctx<'_>) {
        if let Some(&item) = self.accepted.get(&id)
            && ctx.step(Step::RetryPublish)
        {
            publish(item, ctx);
        }
    }

    fn on_published(&mut self, id: u64, ctx: &mut Ctx<'_>) {
        self.published.insert(id);
        ctx.cancel_timer(Timer::Retry(id));
    }
}

fn publish(item: Item, ctx: &mut Ctx<'_>) {
    let (broker, retry_interval) = (ctx.config().broker(), ctx.config().retry_interval);
    ctx.send(broker, toy_broker::Message::Publish { id: item.id, event: item });
    ctx.set_timer(retry_interval, Timer::Retry(item.id));
}

/// Taking: each item once, however often it comes.
impl Consumer {
    fn poll(&mut self, ctx: &mut Ctx<'_>) {
        let (broker, poll_interval) = (ctx.config().broker(), ctx.config().poll_interval);
        ctx.send(broker, toy_broker::Message::Fetch { offset: self.offset });
        ctx.set_timer(poll_interval, Timer::Poll);
    }

    fn on_batch(&mut self, offset: u64, items: &[Item], ctx: &mut Ctx<'_>) {
        if offset != self.offset || items.is_empty() {
            return; // An answer that comes late or twice, or nothing new.
        }
        for &item in items {
            self.take(item, ctx);
        }
        self.apply(ctx.write(Record::Moved(offset + items.len() as u64)));
    }

    fn take(&mut self, item: Item, ctx: &mut Ctx<'_>) {
        if ctx.step(Step::Deduplicate) && self.took.contains(&item.id) {
            return;
        }
        self.apply(ctx.force(Step::ForceEffect, Record::Took(item)));
    }

    fn apply(&mut self, record: Logged<Record>) {
        match record.into_inner() {
            Record::Took(item) => _ = self.took.insert(item.id),
            Record::Moved(offset) => self.offset = offset,
            Record::Accepted(_) | Record::Broker(_) => {} // Of other roles.
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::{
            ids::Seed,
            quantity::Probability,
            sampler::{Law, Sampler},
            time::Time,
        },
        engine::{
            bench::{self, Bench},
            clients::{Again, Draw, Request, Target, Workload},
            faults::{CutAt, DiskFate, Rule, Span, Victim, What, When},
            operations::{Ending, HistoryEntry},
            protocol::Step as _,
            runner::{Simulation, With},
            setup::Setup,
            signal::{self, Signal},
            trace::Recording,
            world::{Judge, World},
        },
    };
    use std::{collections::BTreeMap, sync::Arc};

    type Told = bench::Told<Relay>;

    const ITEM: Item = Item { id: 7, key: 1, value: 10 };
    const OP: OpId = OpId(7);

    fn bench() -> Bench<Relay> {
        Bench::new(Config::default())
    }

    fn to_broker(message: toy_broker::Message<Item>) -> Told {
        Told::Send("broker".to_owned(), message.into())
    }

    fn publish_item() -> [Told; 2] {
        let publish = toy_broker::Message::Publish { id: 7, event: ITEM };
        let retry = Duration::from_millis(50).into();
        [to_broker(publish), Told::SetTimer(retry, Timer::Retry(7))]
    }

    fn batch(offset: u64) -> toy_broker::Message<Item> {
        toy_broker::Message::Batch { offset, events: vec![ITEM] }
    }

    #[test]
    fn the_producer_answers_only_after_its_force() {
        let append = Operation::Append { key: 1, value: 10 };
        let told = bench().request("producer", OP, append);
        let force = Told::Force("ForceAccept", Record::Accepted(ITEM));
        assert_eq!(told[..2], [force, Told::Reply(OP, Answer::Done)]);
        assert_eq!(told[2..], publish_item());
    }

    #[test]
    fn an_ablated_force_is_a_mark_and_a_write() {
        let append = Operation::Append { key: 1, value: 10 };
        let told = bench().ablate(Step::ForceAccept).request("producer", OP, append);
        assert_eq!(told[..2], [Told::Mark("ForceAccept"), Told::Write(Record::Accepted(ITEM))]);
    }

    #[test]
    fn the_producer_publishes_until_it_is_answered_and_again_after_a_crash() {
        let mut bench = bench();
        bench.apply("producer", [Record::Accepted(ITEM)]);
        assert_eq!(bench.boot("producer"), publish_item());
        let told = bench.timer("producer", Timer::Retry(7));
        assert_eq!(told[0], Told::Mark("RetryPublish"));
        assert_eq!(told[1..], publish_item());
        let told = bench.message("producer", "broker", toy_broker::Message::Published(7));
        assert_eq!(told, [Told::CancelTimer(Timer::Retry(7))]);
        assert_eq!(bench.state("producer").waiting(), None);
    }

    #[test]
    fn the_broker_answers_a_repeat_without_appending_it() {
        let mut bench = bench();
        let publish = toy_broker::Message::Publish { id: 7, event: ITEM };
        let told = bench.message("broker", "producer", publish.clone());
        let appended = toy_broker::Record::Appended { id: 7, event: ITEM };
        let answer = Told::Send("producer".to_owned(), toy_broker::Message::Published(7).into());
        assert_eq!(told, [Told::Force("ForceAppend", appended.into()), answer.clone()]);
        assert_eq!(bench.message("broker", "producer", publish), [answer]);
    }

    #[test]
    fn the_consumer_applies_an_event_once() {
        let mut bench = bench();
        let dedupe = Told::Mark("Deduplicate");
        let told = bench.message("consumer", "broker", batch(0));
        let force = Told::Force("ForceEffect", Record::Took(ITEM));
        assert_eq!(told, [dedupe.clone(), force, Told::Write(Record::Moved(1))]);
        assert_eq!(bench.message("consumer", "broker", batch(0)), []);
        let told = bench.message("consumer", "broker", batch(1));
        assert_eq!(told, [dedupe, Told::Write(Record::Moved(2))]);
    }

    #[derive(Debug)]
    struct Appends;

    impl Workload for Appends {
        fn clients(&self) -> u16 {
            2
        }

        fn first(&self, draw: &mut Draw<'_>) -> Duration {
            Duration::from_micros(draw.below("first", 20_000))
        }

        fn next(&self, draw: &mut Draw<'_>) -> Request {
            let operation = Operation::Append { key: 0, value: draw.nth() as i64 };
            let again = Again::After(Duration::from_millis(20));
            Request { operation, target: Target::Any, again }
        }
    }

    /// How often each item was accepted and took effect.
    #[derive(Debug, Default, PartialEq)]
    struct Tally(BTreeMap<u64, (u32, u32)>);

    impl Judge for Tally {
        fn on_signal(&mut self, signal: &Signal) {
            match signal.what {
                signal::What::Stated(_, Fact::Accepted(id)) => self.0.entry(id).or_default().0 += 1,
                signal::What::Stated(_, Fact::TookEffect(id)) => {
                    self.0.entry(id).or_default().1 += 1;
                }
                _ => {}
            }
        }
    }

    impl Tally {
        /// The property that fell, if one did.
        fn falls(&self) -> Option<&'static str> {
            if self.0.values().any(|&(_, took)| took > 1) {
                return Some("delivery.at_most_once");
            }
            self.0.values().any(|&(_, took)| took == 0).then_some("delivery.at_least_once")
        }
    }

    fn calm() -> Setup {
        let (until, end) = (Time::from_millis(500), Time::from_secs(3));
        let heal_at = Some(Time::from_secs(1));
        Setup { until, heal_at, end, ..Setup::calm(Arc::new(Appends)) }
    }

    fn lossy() -> Setup {
        let mut setup = calm();
        let one_in_five = Probability::from_ratio(1, 5);
        (setup.link.loss, setup.link.duplication) = (one_in_five, one_in_five);
        let (least, most) = (Duration::from_micros(500), Duration::from_millis(30));
        setup.link.latency = sampler(Law::Uniform(least, most));
        setup
    }

    fn crashing(mut setup: Setup) -> Setup {
        let what = What::Crash {
            node: Victim::Actor,
            down: Span::For(sampler(Law::Fixed(Duration::from_millis(50)))),
            cut: CutAt::Anywhere,
            disk: DiskFate::Keep,
            keeps: crate::engine::faults::Keeps::default(),
        };
        let when = When::EachEffect { chance: Probability::from_ratio(1, 50), nodes: vec![] };
        setup.rules.push(Rule { id: "crash".to_owned(), when, what });
        setup
    }

    fn sampler(law: Law) -> Sampler {
        law.compile().expect("a test knows that it is there")
    }

    fn world(setup: Setup) -> World<Relay> {
        With::new(Config { producers: 2, ..Config::default() }).world(Arc::new(setup))
    }

    fn run(world: &mut World<Relay>, seed: u64) -> Tally {
        world.reset(Seed(seed), Recording::HashOnly);
        let mut tally = Tally::default();
        world.run(&mut tally);
        tally
    }

    /// Runs seeds; returns how many items and crashes there were in all.
    fn keeps_its_promise(setup: Setup, seeds: u64) -> (usize, u64) {
        let mut world = world(setup);
        let (mut items, mut crashes) = (0, 0);
        for seed in 0..seeds {
            let tally = run(&mut world, seed);
            assert_eq!(tally.falls(), None, "seed {seed}: {tally:?}");
            assert!(tally.0.values().all(|&(accepted, _)| accepted == 1), "seed {seed}");
            assert_eq!(world.waiting(), [], "seed {seed}");
            let done = world.history().iter().filter(|entry| is_done(entry));
            assert!(done.into_iter().all(|entry| tally.0.contains_key(&u64::from(entry.op.0))));
            items += tally.0.len();
            crashes += world.counters().nodes.crashes;
        }
        (items, crashes)
    }

    fn is_done(entry: &HistoryEntry) -> bool {
        matches!(entry.ending, Some((_, Ending::Ok(_))))
    }

    #[test]
    fn every_item_takes_effect_once_when_nothing_goes_wrong() {
        assert_eq!(keeps_its_promise(calm(), 3), (150, 0));
    }

    #[test]
    fn every_item_takes_effect_once_over_lossy_links() {
        assert_eq!(keeps_its_promise(lossy(), 100), (5000, 0));
    }

    #[test]
    fn every_item_takes_effect_once_through_crashes() {
        for setup in [crashing(calm()), crashing(lossy())] {
            let (items, crashes) = keeps_its_promise(setup, 200);
            assert!(items > 2000 && crashes > 2000, "{items} items, {crashes} crashes");
        }
    }

    #[test]
    fn a_seed_always_runs_alike() {
        let mut first = world(crashing(lossy()));
        let mut second = world(crashing(lossy()));
        run(&mut second, 1); // What ran before does not matter.
        for seed in 0..20 {
            assert_eq!(run(&mut first, seed), run(&mut second, seed));
            assert_eq!(first.trace().hash(), second.trace().hash());
            assert_eq!(first.digest(), second.digest());
        }
    }

    #[test]
    fn a_pause_and_a_slow_spell_on_one_node_both_end() {
        let broker = || Victim::OneOf(vec![NodeId(2)]);
        let span = |millis| Span::For(sampler(Law::Fixed(Duration::from_millis(millis))));
        let service = Duration::from_millis(2);
        let slow = |id: &str, at, length| Rule {
            id: id.to_owned(),
            when: When::At(Time::from_millis(at)),
            what: What::Slow { node: broker(), span: span(length), service },
        };
        let what = What::Pause { node: broker(), span: span(100) };
        let pause = Rule { id: "pause".to_owned(), when: When::At(Time::from_millis(50)), what };
        let rules = vec![slow("before", 10, 80), pause, slow("within", 70, 10)];
        keeps_its_promise(Setup { rules, heal_at: None, ..calm() }, 3);
    }

    #[test]
    fn without_any_one_step_the_property_it_guards_falls() {
        for (step, info) in Step::ALL.iter().enumerate() {
            let ablated = Setup { ablated: 1 << step, ..crashing(lossy()) };
            let mut world = world(ablated);
            let fallen = (0..300).filter_map(|seed| run(&mut world, seed).falls());
            let fallen: Vec<_> = fallen.collect();
            assert!(!fallen.is_empty(), "{} is not load-bearing", info.name);
            assert!(fallen.iter().all(|property| *property == info.guards), "{}", info.name);
        }
    }
}
