//! Choreographed sagas: services hear what others did and do the next thing; nobody is in charge.
//!
//! ```text
//!  client   order        broker        inventory   payment   shipping   notification
//!    ├─────▶│              │               │          │          │           │
//!    │      ● force        │               │          │          │           │
//!    │      ├─ did order ─▶●──────────────▶│─────────▶│          │           │
//!    │      │              │               ● force    ● force    │           │
//!    │      │              ●◀ did inventory┤          │          │           │
//!    │      │              ●◀──────────── did payment ┤          │           │
//!    │      │              ├──────── both ──────────────────────▶│           │
//!    │      │              │               │          │          ● force     │  the pivot
//!    │      │              ●◀────────────────────── did shipping ┤           │
//!    │      │              ├────────────────────────────────────────────────▶│
//!    │      │◀─────────────●◀─────────────────────────────── did notification ┤
//!    │◀─────┤ ● force the end
//!
//!   did k                 who waits for k, and has heard of all it waits for, takes its step
//!   failed k, undid k     "k is out": who waits for k will not take its step: it is out, too
//!                         who has done its step and hears that all above it are out undoes it
//! ```
//!
//! The price: nobody knows where a saga stands. It is a rule of each service that all of them
//! together come to an end, and the rule must be complete: an event that nobody hears leaves the
//! saga where it is, for ever. In return no service calls another one, and any may be down.
//!
//! The rule is local: a service listens to its neighbours in the plan. So the reverse order needs
//! no conductor, since whoever undoes its step has heard that everything above it is gone, and a
//! failure that cannot travel down to a step that waits meets it there as a *tombstone*. Letting
//! everyone hear of every failure was rejected: it saves a hop and undoes steps whose successors may
//! yet happen. Races are decided by the pivot: who wants a saga cancelled (a client, the order
//! service when it has waited long enough, a letter that nobody could read) asks the pivot, which
//! goes out if it has not been done, and does not listen otherwise. Silence decides nothing.
//!
//! What a service does about an event, the place of that event in the broker's log and the event that
//! it publishes are one record, so no crash falls between them: a transactional inbox and outbox.
//!
//! Follows Garcia-Molina & Salem (1987) for sagas, Richardson (2018, Microservices Patterns,
//! sections 3.3 and 4.2) for choreography and transactional messaging. This file is long because a
//! pattern is one file; the plan and the subscriptions stand apart. Limits: backward recovery before
//! the pivot, forward behind it; services remember sagas for ever; a timeout counts anew after a crash.

use crate::{
    base::{
        ids::{NodeId, OpId, Topic},
        table::Table,
    },
    blocks::broker::{
        self, Acked, Batch, Broker, Consumer, Delivery, Partition, Position, Producer, TopicId,
    },
    embed,
    engine::{
        ctx,
        facts::{Facts, SagaEnd, StepKind},
        operations::{Answer, Operation},
        orders::OrderRequest,
        protocol::{Alternative, BadSetting, Logged, Placement, Protocol},
    },
};
use serde::{Deserialize, Serialize};
use settings::{Action, Place, Planned, ROOT, Refuse, bit};
use turn::{Account, Deed, Fate, Heard, Move, Saga, opening};

pub use settings::Config;
pub use turn::Turn;

// The plan of steps, and who hears what.
pub mod settings;

// One local transaction, and what it leaves behind.
mod turn;

/// Everyone talks to the broker, and only to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// To and from the broker.
    Broker(broker::Message<Event>),
}

/// What one service tells all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    saga: u64,
    order: Order,
    what: What,
}

/// What a client wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    customer: u32,
    item: u32,
    quantity: i64,
}

/// What happened, to which step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// It took effect.
    Did(u16),
    /// It was refused, for good.
    Failed(u16),
    /// It has no effect any more, or never will.
    Undid(u16),
    /// Somebody wishes that it never happens.
    Cancel(u16),
}

/// What happened, as a table of subscriptions says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// A step took effect.
    Did,
    /// It was refused.
    Failed,
    /// It was undone, or barred before it happened.
    Undid,
    /// Somebody wishes that it never happens.
    Cancel,
}

/// What survives a crash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// At the broker.
    Broker(broker::Record<Event>),
    /// At a service: one local transaction.
    Turn(Turn),
    /// At a service: what it published is in the broker. A hint.
    Acked(Acked),
    /// Where the position is not part of the transaction: it alone.
    Moved(Position),
    /// Where the event is not part of the transaction: it alone.
    Published(Event),
}

embed!(broker::Message<Event> as Message::Broker);
embed!(broker::Record<Event> as Record::Broker);

/// What wakes a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Timer {
    /// Of a producer, a consumer or the broker.
    Broker(broker::Timer),
    /// The order service has waited long enough.
    SagaTimeout(u64),
}

embed!(broker::Timer as Timer::Broker);

crate::steps! {
    /// The steps that carry the guarantees. A scenario may leave one out to show what it buys.
    pub enum Step {
        /// What a service does is on its disk before anybody hears of it.
        ForceTurn => "saga.termination",
        /// The event is in the record of what it tells of: else a crash between the two keeps the
        /// deed and nobody ever hears of it.
        PublishWithEffect => "saga.termination",
        /// How far a service has read is in the record of what it did: else a crash between the two
        /// leaves an event behind that nobody reads again.
        MoveWithEffect => "saga.termination",
        /// A step is taken once, however often its event comes.
        IdempotentStep => "saga.at_most_once",
        /// It is undone once.
        IdempotentCompensation => "saga.at_most_once",
        /// A step waits until all that it comes after are done.
        AwaitEveryPredecessor => "saga.termination",
        /// What was refused stays refused, though a repeat might find what it lacked.
        RememberRefusal => "saga.reverse_order",
        /// What is done is undone, not only said to be.
        Compensate => "saga.no_skipped_compensation",
        /// A step is undone when all above it are out, not the first of them.
        UndoInReverse => "saga.reverse_order",
        /// What was never done is not undone.
        UndoOnlyWhatIsDone => "saga.no_orphan_compensation",
        /// Whoever is out before its step could happen refuses it from then on.
        LeaveTombstone => "saga.termination",
        /// Who wants to cancel asks the pivot: it may have happened while nobody heard of it.
        AskThePivot => "saga.forward_after_pivot",
        /// Somebody hears of events that could not be read, and gives their sagas an end.
        HearDeadLetters => "saga.termination",
        /// What the broker did not confirm is published again.
        RetryPublish => "saga.termination",
        /// A consumer says again and again how far it is: answers get lost.
        PollAgain => "saga.termination",
        /// An event is on the broker's disk before its producer stops to care.
        ForceAppend => "saga.termination",
        /// What cannot be read moves aside: else all that stands behind it waits.
        DeadLetter => "saga.termination",
        /// That it moved is on disk before its readers go on behind it.
        ForceDeadLetter => "saga.termination",
    }
}

type Ctx<'a> = ctx::Ctx<'a, SagaChoreography>;

/// One node, by its role.
#[derive(Clone, Debug, Serialize)]
pub enum SagaChoreography {
    /// Keeps the events.
    Broker(Broker<Event>),
    /// Takes one step of every saga; the first one takes orders, too.
    Service(Service),
}

/// The state of a service.
#[derive(Clone, Debug, Serialize)]
pub struct Service {
    // A setting.
    place: Place,
    // Replayed from the log, but for what consumer and producer say is lost in a crash.
    sagas: Table<u64, Saga>,
    balances: Table<u32, i64>,
    consumer: Consumer<Event>,
    producer: Producer<Event>,
    // Lost in a crash: who asked for a cancellation, and is not answered.
    asked: Table<u64, Vec<OpId>>,
}

impl Protocol for SagaChoreography {
    const NAME: &'static str = "SagaChoreography";
    const SUMMARY: &'static str = "local transactions that follow each other's events, and go back";
    const EXAMPLE_WORKLOAD: &'static str = r#"Orders(clients: 1, rate: "20/s", until: "2s")"#;
    const EXAMPLE_CHECKS: &'static str = "Saga, Progress";
    const ALTERNATIVES: &'static [Alternative] = settings::ALTERNATIVES;
    type Config = Config;
    type Message = Message;
    type Record = Record;
    type Timer = Timer;
    type Step = Step;

    fn on_request(&mut self, op: OpId, operation: Operation, ctx: &mut Ctx<'_>) {
        let Self::Service(service) = self else { return ctx.reply(op, Answer::NotDone) };
        match OrderRequest::of(operation) {
            Some(OrderRequest::Place { customer, item, quantity }) => {
                service.begin(op, Order { customer, item, quantity: quantity.into() }, ctx);
            }
            Some(OrderRequest::Cancel { order }) => service.cancel(op, order, ctx),
            Some(OrderRequest::Decide { .. }) | None => ctx.reply(op, Answer::NotDone),
        }
    }

    fn on_message(&mut self, from: NodeId, Message::Broker(message): Message, ctx: &mut Ctx<'_>) {
        use broker::Message::{Ack, Assigned, Batch, Failed, Poll, Publish, Published};
        match (self, message) {
            (Self::Broker(broker), message) => broker.on_message(from, message, terms(ctx), ctx),
            (Self::Service(service), Published { partition, sequence }) => {
                service.on_published(Acked { partition, sequence }, ctx);
            }
            (Self::Service(service), Assigned { partitions, .. }) => {
                service.consumer.on_assigned(partitions, ctx);
            }
            (Self::Service(service), Batch(batch)) => service.on_batch(batch, ctx),
            (Self::Service(_), Publish { .. } | Poll { .. } | Ack { .. } | Failed { .. }) => {
                unreachable!("{from} sent it to the wrong role")
            }
        }
    }

    fn on_timer(&mut self, timer: Timer, ctx: &mut Ctx<'_>) {
        match (self, timer) {
            (Self::Broker(broker), Timer::Broker(timer)) => {
                broker.on_timer(&timer, terms(ctx), ctx);
            }
            (Self::Service(service), Timer::Broker(timer)) => service.on_broker_timer(&timer, ctx),
            (Self::Service(service), Timer::SagaTimeout(saga)) => service.on_timeout(saga, ctx),
            (Self::Broker(_), Timer::SagaTimeout(_)) => {
                unreachable!("nobody sets the timer of another role")
            }
        }
    }

    /// Redo: the log is the state, so recovery takes the same path as normal operation.
    fn apply(&mut self, record: Logged<Record>) {
        match self {
            Self::Broker(broker) => {
                if let Some(record) = record.narrow() {
                    broker.apply(record);
                }
            }
            Self::Service(service) => service.apply(record),
        }
    }

    /// After replay: publish what may not have arrived, read on, be patient anew.
    fn on_boot(&mut self, ctx: &mut Ctx<'_>) {
        let Self::Service(service) = self else { return }; // The broker waits to be asked.
        service.flush(ctx);
        service.consumer.poll(&ctx.config().broker, ctx);
        if service.place.step == ROOT {
            let open = service.sagas.iter().filter(|(_, saga)| saga.end.is_none());
            open.for_each(|(&number, _)| be_patient(number, ctx));
        }
    }

    fn new(config: &Config, me: NodeId) -> Self {
        if me == config.broker() {
            return Self::Broker(Broker::default());
        }
        let (plan, step) = (config.plan(), me.0);
        let topics = config.topics(&plan, step);
        Self::Service(Service {
            place: config.place(&plan, step),
            sagas: Table::new(),
            balances: Table::new(),
            consumer: Consumer::new(config.broker(), Config::group(me), topics),
            producer: Producer::default(),
            asked: Table::new(),
        })
    }

    fn topology(config: &Config) -> Vec<Placement> {
        config.topology()
    }

    fn validate(config: &Config) -> Vec<BadSetting> {
        config.validate()
    }

    fn facts(record: &Record, facts: &mut Facts) {
        if let Record::Turn(turn) = record {
            turn.state(facts);
        }
    }

    fn topic(Message::Broker(message): &Message) -> Topic {
        message.topic()
    }

    fn waiting(&self) -> Option<String> {
        let Self::Service(service) = self else { return None };
        let open = || service.sagas.iter().find(|(_, saga)| saga.end.is_none());
        let open = if service.place.step == ROOT { open() } else { None };
        let unpublished = service.producer.open();
        match open {
            Some((number, _)) => Some(format!("the end of saga {number}")),
            None if unpublished > 0 => Some(format!("{unpublished} events to be published")),
            None => None,
        }
    }
}

fn terms<'a>(ctx: &Ctx<'a>) -> broker::Terms<'a, Step> {
    let steps = broker::Steps {
        append: Step::ForceAppend,
        deduplicate: None,
        dead_letter: Some(Step::DeadLetter),
        force_dead_letter: Step::ForceDeadLetter,
        single_out: None,
        keep_unread: None,
    };
    broker::Terms { settings: &ctx.config().broker, steps }
}

/// The order service: where sagas begin.
impl Service {
    fn begin(&mut self, op: OpId, order: Order, ctx: &mut Ctx<'_>) {
        let saga = u64::from(op.0);
        if self.sagas.contains_key(&saga) {
            return; // Asked twice.
        }
        let steps = ctx.config().plan().steps.into_iter();
        let plan = steps.map(|planned| (planned.after, planned.kind)).collect();
        let deed = Some(Deed { fate: Fate::Done, moved: None });
        let publishes = Some(What::Did(ROOT));
        self.commit(Turn { plan, deed, publishes, ..self.turn(saga, order) }, ctx);
        be_patient(saga, ctx);
        self.flush(ctx);
    }

    /// A client thinks better of it. It is answered when the saga is over.
    fn cancel(&mut self, op: OpId, order: OpId, ctx: &mut Ctx<'_>) {
        let number = u64::from(order.0);
        if self.sagas.get(&number).is_none_or(|saga| saga.end.is_some()) {
            return ctx.reply(op, Answer::NotDone);
        }
        self.asked.entry_or_default(number).push(op);
        self.on_timeout(number, ctx);
    }

    /// Nothing was heard of the pivot for long enough.
    fn on_timeout(&mut self, number: u64, ctx: &mut Ctx<'_>) {
        let Some(&saga) = self.sagas.get(&number) else { return };
        if saga.end.is_none()
            && let Some(turn) = self.wish(number, saga, ctx)
        {
            self.commit(turn, ctx);
            self.flush(ctx);
        }
    }

    /// Wishes that the saga is cancelled, if nobody has yet.
    fn wish(&self, number: u64, saga: Saga, ctx: &mut Ctx<'_>) -> Option<Turn> {
        let cancel = What::Cancel(self.place.pivot);
        if saga.heard.has(cancel) {
            return None;
        }
        let asks = ctx.step(Step::AskThePivot);
        let publishes = Some(if asks { cancel } else { What::Undid(self.place.pivot) });
        Some(Turn { heard: Some(cancel), publishes, ..self.turn(number, saga.order) })
    }

    /// Nobody could read this event. If what it tells of can be undone, the saga is cancelled, else
    /// it stays as it is until a person looks.
    fn on_letter(&mut self, at: Position, event: Event, ctx: &mut Ctx<'_>) {
        let Event { saga: number, order, what } = event;
        let at = Some(at);
        let unheard = Turn { at, ..self.turn(number, order) };
        let open = self.sagas.get(&number).copied().filter(|saga| saga.end.is_none());
        let Some(saga) = open else { return self.commit(unheard, ctx) };
        if !ctx.step(Step::HearDeadLetters) {
            return self.commit(unheard, ctx);
        }
        let turn = match what {
            What::Did(step) if ctx.config().plan().step(step).can_be_undone() => {
                self.wish(number, saga, ctx).map_or(unheard, |turn| Turn { at, ..turn })
            }
            What::Did(_) | What::Failed(_) | What::Undid(_) | What::Cancel(_) => {
                ctx.cancel_timer(Timer::SagaTimeout(number));
                Turn { end: Some(SagaEnd::Parked), ..unheard }
            }
        };
        self.commit(turn, ctx);
    }

    /// How a saga ends with what was heard of it; nobody else asks.
    fn end_of(&self, saga: Saga, heard: Heard, reaction: Reaction) -> Option<SagaEnd> {
        let is_over = !matches!(saga.end, None | Some(SagaEnd::Parked));
        let last = self.place.last;
        match reaction {
            _ if self.place.step != ROOT => None,
            Reaction::Undo => Some(SagaEnd::Compensated),
            _ if !is_over && heard.did & last == last => Some(SagaEnd::Done),
            Reaction::Take | Reaction::Bar | Reaction::None => None,
        }
    }

    fn answer(&mut self, number: u64, end: SagaEnd, ctx: &mut Ctx<'_>) {
        let (placed, cancelled) = match end {
            SagaEnd::Done => (Answer::Done, Answer::NotDone),
            SagaEnd::Compensated => (Answer::NotDone, Answer::Done),
            SagaEnd::Parked | SagaEnd::Partial => return, // Nobody knows yet.
        };
        ctx.cancel_timer(Timer::SagaTimeout(number));
        ctx.reply(OpId(number as u32), placed);
        for op in self.asked.remove(&number).unwrap_or_default() {
            ctx.reply(op, cancelled);
        }
    }
}

fn be_patient(saga: u64, ctx: &mut Ctx<'_>) {
    if let Some(limit) = ctx.config().saga_timeout {
        ctx.set_timer(limit, Timer::SagaTimeout(saga));
    }
}

/// What a service does about an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reaction {
    /// It takes its step, or refuses to.
    Take,
    /// It undoes it.
    Undo,
    /// It will never take it.
    Bar,
    None,
}

/// Every service: hear, do, tell.
impl Service {
    fn on_event(&mut self, at: Position, event: Event, ctx: &mut Ctx<'_>) {
        let Event { saga: number, order, what } = event;
        let saga = self.sagas.get(&number).copied().unwrap_or_else(|| Saga::of(order));
        let heard = saga.heard.with(what);
        let reaction = self.react(saga, heard, what, ctx);
        let end = self.end_of(saga, heard, reaction);
        let turn = Turn { at: Some(at), heard: Some(what), end, ..self.turn(number, order) };
        let turn = match reaction {
            Reaction::Take => self.take(turn, ctx),
            Reaction::Undo => self.undo(turn, saga, ctx),
            Reaction::Bar if ctx.step(Step::LeaveTombstone) => {
                let deed = Some(Deed { fate: Fate::Tombstone, moved: None });
                Turn { deed, publishes: Some(What::Undid(self.place.step)), ..turn }
            }
            Reaction::Bar => {
                Turn { heard: None, publishes: Some(What::Undid(self.place.step)), ..turn }
            }
            Reaction::None => turn,
        };
        self.commit(turn, ctx);
        if let Some(end) = end {
            self.answer(number, end, ctx);
        }
    }

    /// The rule, from what is done here and what was heard, in whatever order.
    fn react(&self, saga: Saga, heard: Heard, what: What, ctx: &mut Ctx<'_>) -> Reaction {
        let Planned { after, above, .. } = self.place.planned;
        let undoes = self.place.planned.can_be_undone();
        let is_above = matches!(what, What::Failed(s) | What::Undid(s) if above & bit(s) != 0);
        let is_before = matches!(what, What::Did(s) if after & bit(s) != 0);
        let all_out = undoes && heard.out & above == above;
        let some_out = undoes && heard.out & above != 0;
        match saga.deed.map(|deed| deed.fate) {
            None if all_out && !ctx.step(Step::UndoOnlyWhatIsDone) => Reaction::Undo,
            None if all_out
                || heard.out & after != 0
                || heard.has(What::Cancel(self.place.step)) =>
            {
                Reaction::Bar
            }
            None if self.is_ready(heard, ctx) => Reaction::Take,
            Some(Fate::Done) if all_out => Reaction::Undo,
            Some(Fate::Done) if some_out && !ctx.step(Step::UndoInReverse) => Reaction::Undo,
            Some(Fate::Done) if is_before && !ctx.step(Step::IdempotentStep) => Reaction::Take,
            Some(Fate::Undone) if is_above && !ctx.step(Step::IdempotentCompensation) => {
                Reaction::Undo
            }
            None | Some(_) => Reaction::None,
        }
    }

    fn is_ready(&self, heard: Heard, ctx: &mut Ctx<'_>) -> bool {
        let after = self.place.planned.after;
        let done = heard.did & after;
        done == after || (done != 0 && !ctx.step(Step::AwaitEveryPredecessor))
    }

    fn take(&self, turn: Turn, ctx: &mut Ctx<'_>) -> Turn {
        let moved = self.movement(turn.order, ctx);
        let (fate, publishes) = if self.refuses(turn.saga, moved, ctx) {
            (Fate::Refused, Some(What::Failed(self.place.step)))
        } else {
            (Fate::Done, Some(What::Did(self.place.step)))
        };
        let moved = moved.filter(|_| fate == Fate::Done);
        let is_kept = fate == Fate::Done || ctx.step(Step::RememberRefusal);
        let deed = is_kept.then_some(Deed { fate, moved });
        Turn { deed, publishes, ..turn }
    }

    fn undo(&self, turn: Turn, saga: Saga, ctx: &mut Ctx<'_>) -> Turn {
        // Nobody waits for the end of what begins a saga.
        let publishes = (self.place.step != ROOT).then_some(What::Undid(self.place.step));
        if !ctx.step(Step::Compensate) {
            return Turn { publishes, ..turn };
        }
        let moved = match saga.deed {
            Some(Deed { fate: Fate::Undone, moved }) => moved, // The same once more.
            Some(Deed { moved, .. }) => moved.map(Move::reversed),
            None => self.movement(turn.order, ctx).map(Move::reversed),
        };
        Turn { deed: Some(Deed { fate: Fate::Undone, moved }), publishes, ..turn }
    }

    fn movement(&self, order: Order, ctx: &Ctx<'_>) -> Option<Move> {
        let Order { customer, item, quantity } = order;
        let (from, to, of, amount) = match self.place.planned.action {
            Action::Note => return None,
            Action::Reserve => (Account::Free, Account::Reserved, item, quantity),
            Action::Charge => {
                (Account::Credit, Account::Earned, customer, quantity * ctx.config().price)
            }
        };
        Some(Move { from: from.number(of), to: to.number(of), amount })
    }

    fn refuses(&self, saga: u64, moved: Option<Move>, ctx: &mut Ctx<'_>) -> bool {
        if self.place.planned.kind == StepKind::Retriable {
            return false;
        }
        let config = ctx.config();
        let balance = |account| self.balances.get(&account).copied().unwrap_or_default();
        let held = |account| opening(account, config) + balance(account);
        moved.is_some_and(|moved| held(moved.from) < moved.amount)
            || match &config.refuse {
                Refuse::Never => false,
                Refuse::Chance(chance) => ctx.chance("refuse", Topic(saga + 1), *chance),
                Refuse::Always(names) => {
                    names.iter().any(|name| name == config.name(self.place.step))
                }
            }
    }
}

/// Events in and out.
impl Service {
    fn on_batch(&mut self, batch: Batch<Event>, ctx: &mut Ctx<'_>) {
        let partition = batch.asked.partition;
        let mut is_news = false;
        for Delivery { at, attempt, event } in self.consumer.fresh(batch, None, ctx) {
            if self.is_poison(event, at, ctx) {
                self.consumer.fail(at, attempt, ctx);
                return self.flush(ctx); // What stands behind it comes again.
            }
            is_news = true;
            if at.partition.topic == TopicId::DEAD_LETTERS {
                self.on_letter(at, event, ctx);
            } else {
                self.on_event(at, event, ctx);
            }
        }
        if is_news {
            self.flush(ctx);
            self.consumer.ack(partition, ctx);
        }
    }

    fn is_poison(&self, event: Event, at: Position, ctx: &Ctx<'_>) -> bool {
        ctx.config().poison.as_ref().is_some_and(|poison| {
            poison.event == event.what.kind()
                && poison.customer == event.order.customer
                && poison.at == ctx.config().name(self.place.step)
                && at.partition.topic != TopicId::DEAD_LETTERS // A letter is looked at from outside.
        })
    }

    fn on_published(&mut self, acked: Acked, ctx: &mut Ctx<'_>) {
        let sending = ctx.config().sending(ctx.me());
        if let Some(acked) = self.producer.on_published(acked, sending, ctx) {
            self.apply(ctx.write(Record::Acked(acked)));
        }
    }

    fn on_broker_timer(&mut self, timer: &broker::Timer, ctx: &mut Ctx<'_>) {
        let config = ctx.config();
        match *timer {
            broker::Timer::Retry(partition) => {
                let sending = config.sending(ctx.me());
                self.producer.on_timer(partition, Some(Step::RetryPublish), sending, ctx);
            }
            broker::Timer::Poll(_) => {
                if ctx.step(Step::PollAgain) {
                    self.consumer.poll(&config.broker, ctx);
                }
            }
            broker::Timer::Session(..) => unreachable!("only a broker waits for consumers"),
        }
    }

    fn flush(&mut self, ctx: &mut Ctx<'_>) {
        self.producer.flush(ctx.config().sending(ctx.me()), ctx);
    }

    /// One record: what was heard and where it stood, what was done, what others shall hear of it.
    fn commit(&mut self, mut turn: Turn, ctx: &mut Ctx<'_>) {
        if let Some(at) = turn.at
            && !ctx.step(Step::MoveWithEffect)
        {
            turn.at = None;
            self.apply(ctx.force(Step::ForceTurn, Record::Moved(at)));
        }
        let Turn { saga, order, publishes, .. } = turn;
        if let Some(what) = publishes
            && !ctx.step(Step::PublishWithEffect)
        {
            turn.publishes = None;
            self.apply(ctx.force(Step::ForceTurn, Record::Turn(turn)));
            let event = Event { saga, order, what };
            self.apply(ctx.force(Step::ForceTurn, Record::Published(event)));
            return;
        }
        self.apply(ctx.force(Step::ForceTurn, Record::Turn(turn)));
    }

    fn turn(&self, saga: u64, order: Order) -> Turn {
        Turn {
            step: self.place.step,
            saga,
            order,
            plan: Vec::new(),
            at: None,
            heard: None,
            deed: None,
            publishes: None,
            end: None,
        }
    }
}

/// Redo.
impl Service {
    fn apply(&mut self, record: Logged<Record>) {
        match record.into_inner() {
            Record::Turn(turn) => self.redo(&turn),
            Record::Acked(acked) => self.producer.forget(acked),
            Record::Moved(at) => self.consumer.took(at),
            Record::Published(event) => self.enqueue(event),
            Record::Broker(_) => unreachable!("a record of another role"),
        }
    }

    fn redo(&mut self, turn: &Turn) {
        let &Turn { saga: number, order, at, heard, deed, publishes, end, .. } = turn;
        if let Some(at) = at {
            self.consumer.took(at);
        }
        let saga = self.sagas.or_insert_with(number, || Saga::of(order));
        saga.heard = heard.map_or(saga.heard, |what| saga.heard.with(what));
        saga.deed = deed.or(saga.deed);
        saga.end = end.or(saga.end);
        for (account, by) in deed.into_iter().flat_map(Deed::sides) {
            *self.balances.entry_or_default(account) += by;
        }
        if let Some(what) = publishes {
            self.enqueue(Event { saga: number, order, what });
        }
    }

    fn enqueue(&mut self, event: Event) {
        let number = (event.saga % u64::from(self.place.partitions)) as u16;
        self.producer.enqueue(Partition { topic: event.what.topic(), number }, event);
    }
}

impl What {
    fn kind(self) -> Kind {
        match self {
            Self::Did(_) => Kind::Did,
            Self::Failed(_) => Kind::Failed,
            Self::Undid(_) => Kind::Undid,
            Self::Cancel(_) => Kind::Cancel,
        }
    }

    /// All that may happen to a step.
    fn all(step: u16) -> [Self; 4] {
        [Self::Did(step), Self::Failed(step), Self::Undid(step), Self::Cancel(step)]
    }

    /// Every event of every step has a topic of its own, cut into partitions by saga.
    fn topic(self) -> TopicId {
        let (Self::Did(step) | Self::Failed(step) | Self::Undid(step) | Self::Cancel(step)) = self;
        TopicId((self.kind() as u16) << 5 | step)
    }
}

#[cfg(test)]
mod tests;
