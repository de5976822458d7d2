//! Bus: the smallest host of the broker. Producers accept items, consumers let them take effect.
//!
//! ```text
//!   client ──Append──▶ producer ──▶ broker ──▶ consumer { effect, position } in one record
//!                        poison: a consumer cannot handle it · killer: it may die of it
//! ```

use serde::{Deserialize, Serialize};
use splitbrain::{
    base::ids::{NodeId, OpId, Topic},
    blocks::broker::{
        self, Acked, Broker, Consumer, GroupId, Position, Producer, ProducerId, Sending, Settings,
        Steps, Terms, TopicId,
    },
    engine::{
        ctx,
        facts::Facts,
        operations::{Answer, Operation},
        protocol::{Logged, Placement, Protocol},
    },
};

splitbrain::steps! {
    /// Those of the host and of the block.
    pub(crate) enum Step {
        /// An item is on the producer's disk before the client hears of it.
        ForceAccept => "at_least_once",
        /// It is published until the broker has answered.
        RetryPublish => "at_least_once",
        /// It is on the broker's disk before the producer stops to care.
        ForceAppend => "at_least_once",
        /// The broker knows a repeat.
        KnowRepeats => "at_most_once",
        /// What fails too often moves aside.
        MoveAside => "at_least_once",
        /// That it moved is on the broker's disk before others go on behind it.
        ForceDeadLetter => "at_least_once",
        /// What a consumer died with is tried one by one.
        SingleOut => "only_poison_dies",
        /// What is unread is kept.
        KeepUnread => "at_least_once",
        /// A consumer asks again.
        PollAgain => "at_least_once",
        /// What is done is left out.
        LeaveOut => "at_most_once",
        /// An effect is on disk before the broker hears of it.
        ForceEffect => "at_least_once",
    }
}

pub(crate) const GROUP: GroupId = GroupId(1);
/// The value of an item that consumers cannot handle.
pub(crate) const POISON: i64 = -1;
/// The value of an item that consumers can handle if they live long enough.
pub(crate) const KILLER: i64 = -2;
pub(crate) const TOPIC: TopicId = TopicId(0);

/// How many of each there are.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) producers: u16,
    pub(crate) consumers: u16,
    pub(crate) broker: Settings,
}

impl Default for Config {
    fn default() -> Self {
        let broker = Settings { partitions: 3, ..Settings::default() };
        Self { producers: 2, consumers: 1, broker }
    }
}

impl Config {
    pub(crate) fn broker(&self) -> NodeId {
        NodeId(self.producers)
    }

    fn terms(&self) -> Terms<'_, Step> {
        let steps = Steps {
            append: Step::ForceAppend,
            deduplicate: Some(Step::KnowRepeats),
            dead_letter: Some(Step::MoveAside),
            force_dead_letter: Step::ForceDeadLetter,
            single_out: Some(Step::SingleOut),
            keep_unread: Some(Step::KeepUnread),
        };
        Terms { settings: &self.broker, steps }
    }

    fn sending(&self, me: NodeId) -> Sending<'_> {
        let producer = ProducerId(u32::from(me.0));
        Sending { broker: self.broker(), producer, settings: &self.broker }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Item {
    pub(crate) id: u32,
    pub(crate) key: u32,
    pub(crate) value: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Message {
    Broker(broker::Message<Item>),
    /// From a consumer before it handles a killer: what a rule crashes it at.
    Struck,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Record {
    Accepted(Item),
    Acked(Acked),
    Broker(broker::Record<Item>),
    Took(Item, Position),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Timer {
    Broker(broker::Timer),
}

splitbrain::embed!(broker::Message<Item> as Message::Broker);
splitbrain::embed!(broker::Record<Item> as Record::Broker);
splitbrain::embed!(broker::Timer as Timer::Broker);

type Ctx<'a> = ctx::Ctx<'a, Bus>;

#[derive(Clone, Debug, Serialize)]
pub(crate) enum Bus {
    Producer { accepted: Vec<Item>, producer: Producer<Item>, partitions: u16 },
    Broker(Broker<Item>),
    Consumer { effects: Vec<(Position, Item)>, consumer: Consumer<Item> },
}

impl Protocol for Bus {
    const NAME: &'static str = "Bus";
    const SUMMARY: &'static str = "a host of the broker";

    type Config = Config;
    type Message = Message;
    type Record = Record;
    type Timer = Timer;
    type Step = Step;

    fn topology(config: &Config) -> Vec<Placement> {
        let producers = (1..=config.producers)
            .map(|nth| Placement::new(format!("producer{nth}"), "producer").serving_clients());
        let consumers =
            (1..=config.consumers).map(|nth| Placement::new(format!("consumer{nth}"), "consumer"));
        producers.chain([Placement::new("broker", "broker")]).chain(consumers).collect()
    }

    fn new(config: &Config, me: NodeId) -> Self {
        match me.cmp(&config.broker()) {
            std::cmp::Ordering::Less => Self::Producer {
                accepted: Vec::new(),
                producer: Producer::default(),
                partitions: config.broker.partitions,
            },
            std::cmp::Ordering::Equal => Self::Broker(Broker::default()),
            std::cmp::Ordering::Greater => {
                let consumer = Consumer::new(config.broker(), GROUP, vec![TOPIC]);
                Self::Consumer { effects: Vec::new(), consumer }
            }
        }
    }

    fn on_boot(&mut self, ctx: &mut Ctx<'_>) {
        let config = ctx.config();
        match self {
            Self::Producer { producer, .. } => producer.flush(config.sending(ctx.me()), ctx),
            Self::Broker(_) => {}
            Self::Consumer { consumer, .. } => consumer.poll(&config.broker, ctx),
        }
    }

    fn on_request(&mut self, op: OpId, operation: Operation, ctx: &mut Ctx<'_>) {
        let Operation::Append { key, value } = operation else { panic!("nobody asks for it") };
        let record = Record::Accepted(Item { id: op.0, key, value });
        self.apply(ctx.force(Step::ForceAccept, record));
        ctx.reply(op, Answer::Done);
        if let Self::Producer { producer, .. } = self {
            producer.flush(ctx.config().sending(ctx.me()), ctx);
        }
    }

    fn on_message(&mut self, from: NodeId, message: Message, ctx: &mut Ctx<'_>) {
        use broker::Message::{Assigned, Batch, Published};
        let Message::Broker(message) = message else { return };
        let config = ctx.config();
        match (&mut *self, message) {
            (Self::Producer { producer, .. }, Published { partition, sequence }) => {
                let acked = Acked { partition, sequence };
                let acked = producer.on_published(acked, config.sending(ctx.me()), ctx);
                if let Some(acked) = acked {
                    self.apply(ctx.write(Record::Acked(acked)));
                }
            }
            (Self::Broker(broker), message) => {
                broker.on_message(from, message, config.terms(), ctx);
            }
            (Self::Consumer { consumer, .. }, Assigned { partitions, .. }) => {
                consumer.on_assigned(partitions, ctx);
            }
            (Self::Consumer { consumer, .. }, Batch(batch)) => {
                let partition = batch.asked.partition;
                let deliveries = consumer.fresh(batch, Some(Step::LeaveOut), ctx);
                self.take(partition, deliveries, ctx);
            }
            (_, message) => panic!("{message:?} went to the wrong role"),
        }
    }

    fn on_timer(&mut self, Timer::Broker(timer): Timer, ctx: &mut Ctx<'_>) {
        let config = ctx.config();
        match (self, timer) {
            (Self::Producer { producer, .. }, broker::Timer::Retry(partition)) => {
                let (retry, sending) = (Some(Step::RetryPublish), config.sending(ctx.me()));
                producer.on_timer(partition, retry, sending, ctx);
            }
            (Self::Broker(broker), timer) => broker.on_timer(&timer, config.terms(), ctx),
            (Self::Consumer { consumer, .. }, broker::Timer::Poll(_)) => {
                if ctx.step(Step::PollAgain) {
                    consumer.poll(&config.broker, ctx);
                }
            }
            (_, timer) => panic!("{timer:?} rang at the wrong role"),
        }
    }

    fn apply(&mut self, record: Logged<Record>) {
        match self {
            Self::Producer { accepted, producer, partitions } => match record.into_inner() {
                Record::Accepted(item) => {
                    let settings = Settings { partitions: *partitions, ..Settings::default() };
                    accepted.push(item);
                    producer.enqueue(settings.partition(TOPIC, item.key.into()), item);
                }
                Record::Acked(acked) => producer.forget(acked),
                Record::Broker(_) | Record::Took(..) => unreachable!("of other roles"),
            },
            Self::Broker(broker) => broker.apply(record.narrow().expect("a record of the broker")),
            Self::Consumer { effects, consumer } => {
                let Record::Took(item, at) = record.into_inner() else { panic!("of other roles") };
                effects.push((at, item));
                consumer.took(at);
            }
        }
    }

    fn facts(_: &Record, _: &mut Facts) {}

    fn topic(message: &Message) -> Topic {
        match message {
            Message::Broker(message) => message.topic(),
            Message::Struck => Topic::NONE,
        }
    }
}

impl Bus {
    fn take(
        &mut self,
        partition: broker::Partition,
        deliveries: impl Iterator<Item = broker::Delivery<Item>>,
        ctx: &mut Ctx<'_>,
    ) {
        for broker::Delivery { at, attempt, event } in deliveries {
            if event.value == KILLER {
                ctx.send(ctx.config().broker(), Message::Struck);
            }
            if event.value == POISON {
                let Self::Consumer { consumer, .. } = self else { return };
                return consumer.fail(at, attempt, ctx);
            }
            self.apply(ctx.force(Step::ForceEffect, Record::Took(event, at)));
        }
        if let Self::Consumer { consumer, .. } = self {
            consumer.ack(partition, ctx);
        }
    }
}
