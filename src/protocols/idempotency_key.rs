//! Idempotency keys: a client asks until it is answered, and is charged once.
//!
//! ```text
//!  client  front        server         database      provider
//!    ├────▶│              │               │             │
//!    │     ● force        │               │             │
//!    │     ├─ Request ───▶│               │             │   again, of another server,
//!    │     │              ├─ Find ───────▶│             │   until it is answered
//!    │     │              │◀───── nothing ┤             │
//!    │     │   Local:     ├─ charge, key ▶● force       │   one transaction
//!    │     │   External:  ├─ Reserve ────▶● force       │   the key is ours for a while
//!    │     │              ├─ Order, derived key ───────▶● force   a repeat: the same receipt
//!    │     │              │◀──────────────────── receipt┤
//!    │     │              ├─ Remember ───▶● force       │
//!    │     │◀──── receipt ┤               │             │
//!    │◀────┤              │               │             │
//!
//!   found: answered ─▶ the same answer        reserved ─▶ "in progress", come again
//!          another body ─▶ refused            reserved too long ─▶ reserve again and go on
//! ```
//!
//! The price: two round trips and a force more for every charge, and a row that is kept for as long
//! as anybody may ask again. A key that expires earlier is as good as none.
//!
//! Servers keep nothing: what a server knows of a request travels with each message, so any server
//! may answer a repeat, and a crash of one loses no more than a message. Servers that keep keys by
//! themselves were rejected: a repeat goes to another server exactly when the first one has
//! trouble. A row is written only over the version that was read, which is a unique key and a
//! compare-and-set in one; a lock around a look and a charge was rejected, for its owner may die.
//!
//! No transaction spans the database and a provider outside. Hence the key that is derived from the
//! client's: a reservation alone keeps others away while nothing fails, and whoever takes one over
//! cannot know whether its owner has called. Where the provider ignores keys, a crash between call
//! and answer charges twice or never, whatever is done here.
//!
//! After Helland (2012), Idempotence Is Not a Medical Condition; Leach (2017), Implementing
//! Stripe-like Idempotency Keys in Postgres. This file is long because a pattern is one file; the
//! front, the database's side and the provider stand apart.
//!
//! Limits: nobody resumes a charge that no client asks for any more; a key is kept by the wall clock
//! of the database; a packet that the network keeps for longer than that is a new request.

use crate::{
    base::{
        ids::{NodeId, OpId, Topic},
        table::Table,
        time::Time,
    },
    blocks::{
        database::{self, Version},
        rpc::{self, CallId, Caller, Ended, Steps},
    },
    embed,
    engine::{
        ctx,
        facts::{Fact, Facts},
        operations::Operation,
        protocol::{Alternative, BadSetting, Logged, Placement, Protocol},
    },
    steps,
};
use front::Front;
use provider::{Booked, Order, Provider};
use serde::{Deserialize, Serialize};
use settings::{KeysIn, Variant};
use store::Store;

pub use settings::Config;

// Settings, and who is who.
pub mod settings;

// The clients' side: asks again until it is answered.
mod front;

// The shared database: one statement, one transaction.
mod store;

// Somebody else's service, which takes the money.
mod provider;

/// What a client wants: the amount is the whole body of its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    key: u64,
    amount: i64,
}

/// What became of a charge, for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It was made; the number of its receipt.
    Charged(u64),
    /// It was not made and will not be.
    Declined,
}

/// What one who asks for a charge hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// This became of it.
    Ended(Outcome),
    /// The key belongs to a request with another body.
    AnotherBody,
    /// Somebody is at it, or nobody knows yet: come again.
    InProgress,
}

/// A request at a server. It travels with every message, so that servers keep nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    front: NodeId,
    call: CallId,
    charge: Charge,
}

/// A transaction that a server wants. What carries a version is done if the key's row is of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Statement {
    /// Charge, and know nothing of a key.
    Charge,
    /// Charge under a new key, and remember that.
    ChargeAndRemember,
    /// Keep others from the key for a while.
    Reserve(Version),
    /// Remember under the key what became of its request.
    Remember(Version, Outcome),
}

/// What a transaction came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Committed {
    /// It is charged, under this receipt.
    Charged(u64),
    /// The key is reserved, at this version.
    Reserved(Version),
    /// This is remembered.
    Remembered(Outcome),
}

/// What stands under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    version: Version,
    row: KeyRow,
    reservation: Reservation,
}

/// How old a reservation is, if there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reservation {
    /// Its owner may still be at it.
    Fresh,
    /// Anybody may take it over.
    Lapsed,
}

/// One variant per arrow in the diagram.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// Between fronts and servers.
    Front(rpc::Message<Charge, Reply>),
    /// From a server to the database: what stands under the key?
    Find(Job),
    /// From the database: this, and a transaction that was asked for is not done.
    Found(Job, Option<Known>),
    /// From a server to the database.
    Execute(Job, Statement),
    /// From the database: it is done.
    Done(Job, Committed),
    /// Between servers and the provider.
    Provider(rpc::Message<Order, Reply>),
}

/// What survives a crash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// At a front: a client asks.
    Asked(OpId, Charge),
    /// At a front: nobody waits any more. A hint.
    Closed(OpId),
    /// At the database.
    Database(database::Record<Row>),
    /// At the provider.
    Booked(Booked),
}

/// What wakes a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Timer {
    /// Of the calls of a front or a server.
    Call(rpc::Timer),
    /// At a front: somebody was at it; it may be done by now.
    AskAgain(OpId),
    /// At a front: it has asked for long enough.
    GiveUp(OpId),
    /// At the database: who has reserved the key has had time enough.
    Lapse(u64),
    /// At the database: some keys may have expired.
    Sweep,
}

embed!(rpc::Message<Charge, Reply> as Message::Front);
embed!(rpc::Message<Order, Reply> as Message::Provider);
embed!(database::Record<Row> as Record::Database);
embed!(rpc::Timer as Timer::Call);

crate::tables! {
    /// What the servers share.
    pub enum Row by Name {
        /// What is known of each idempotency key.
        Keys(KeyRow),
        /// Charges that were made here, by the numbers of their receipts.
        Charges(Charge),
    }
}

/// What is known of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRow {
    /// The body of the request that it belongs to; elsewhere a hash of it.
    amount: i64,
    /// What became of it; `None` while somebody is at it.
    outcome: Option<Outcome>,
    /// When that was remembered, where keys expire.
    at: Option<Time>,
}

steps! {
    /// The steps that carry the guarantees. A scenario may leave one out to show what it buys.
    pub enum Step {
        /// A front keeps a request on its disk before it asks: a crash does not end its asking.
        ForceRequest => "idempotency.answered",
        /// What is not answered is asked again.
        RetryRequest => "idempotency.answered",
        /// A key's row is written over the version that was read, or not at all: of two servers
        /// that found nothing, one charges.
        CompareVersion => "idempotency.one_charge",
        /// The charge and its key are one transaction: no crash falls between them.
        ChargeWithKey => "idempotency.one_charge",
        /// What the database has answered is on its disk.
        ForceCommit => "idempotency.answered_charged",
        /// A key that belongs to a request with another body is refused.
        CompareBody => "idempotency.refuses_another_body",
        /// A refusal is an answer, and is remembered like one.
        RememberDecline => "idempotency.same_answer",
        /// The provider is called by one server at a time, as long as nothing fails.
        ReserveFirst => "idempotency.one_charge",
        /// The provider hears the same key from whoever calls for the same request.
        DeriveKey => "idempotency.one_charge",
        /// A reservation ends by itself: its owner may be dead.
        ExpireReservation => "idempotency.answered",
        /// Whoever finds that somebody is at it says so, and says nothing final.
        SayInProgress => "idempotency.refused_uncharged",
        /// Silence of the provider is no answer, and is not remembered as one.
        RememberOnlyAnswers => "idempotency.refused_uncharged",
        /// What the provider has answered is on its disk.
        ForceBooking => "idempotency.answered_charged",
    }
}

type Ctx<'a> = ctx::Ctx<'a, IdempotencyKey>;

/// One node, by its role.
#[derive(Clone, Debug, Serialize)]
pub enum IdempotencyKey {
    /// Asks on behalf of clients.
    Front(Front),
    /// Charges, or has the provider charge.
    Server(Server),
    /// Keeps what servers know.
    Store(Store),
    /// Somebody else's.
    Provider(Provider),
}

/// The state of a server.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Server {
    // Replayed from the log: nothing.
    // Lost in a crash.
    caller: Caller<Order>,
    /// Whom a call to the provider is for, and the version of the reservation.
    jobs: Table<CallId, (Job, Version)>,
    /// Where keys are kept in memory.
    memory: Table<u64, (i64, Outcome)>,
}

impl Protocol for IdempotencyKey {
    const NAME: &'static str = "IdempotencyKey";
    const SUMMARY: &'static str = "clients ask again until they are answered, and are charged once";
    const EXAMPLE_WORKLOAD: &'static str = r#"Charges(clients: 2, rate: "20/s", until: "2s")"#;
    const EXAMPLE_CHECKS: &'static str = "Idempotency, Progress";
    const ALTERNATIVES: &'static [Alternative] = settings::ALTERNATIVES;

    type Config = Config;
    type Message = Message;
    type Record = Record;
    type Timer = Timer;
    type Step = Step;

    fn on_request(&mut self, op: OpId, operation: Operation, ctx: &mut Ctx<'_>) {
        match self {
            Self::Front(front) => front.on_request(op, operation, ctx),
            Self::Server(_) | Self::Store(_) | Self::Provider(_) => {
                unreachable!("clients ask fronts")
            }
        }
    }

    fn on_message(&mut self, from: NodeId, message: Message, ctx: &mut Ctx<'_>) {
        use rpc::Message::{Request, Response};
        match (self, message) {
            (Self::Server(server), Message::Front(Request { id, body })) => {
                server.on_request(Job { front: from, call: id, charge: body }, ctx);
            }
            (Self::Front(front), Message::Front(Response { id, answer })) => {
                front.on_reply(from, (id, answer), ctx);
            }
            (Self::Store(store), Message::Find(job)) => {
                ctx.send(from, Message::Found(job, store.known(job.charge.key)));
            }
            (Self::Server(server), Message::Found(job, known)) => server.on_found(job, known, ctx),
            (Self::Store(store), Message::Execute(job, statement)) => {
                store.on_statement(from, job, statement, ctx);
            }
            (Self::Server(server), Message::Done(job, committed)) => {
                server.on_done(job, committed, ctx);
            }
            (Self::Provider(provider), Message::Provider(Request { id, body })) => {
                provider.on_order(from, id, body, ctx);
            }
            (Self::Server(server), Message::Provider(Response { id, answer })) => {
                server.on_provider_reply(from, (id, answer), ctx);
            }
            (
                Self::Front(_) | Self::Server(_) | Self::Store(_) | Self::Provider(_),
                Message::Front(_)
                | Message::Find(_)
                | Message::Found(..)
                | Message::Execute(..)
                | Message::Done(..)
                | Message::Provider(_),
            ) => unreachable!("{from} sent it to the wrong role"),
        }
    }

    fn on_timer(&mut self, timer: Timer, ctx: &mut Ctx<'_>) {
        match (self, timer) {
            (Self::Front(front), Timer::Call(timer)) => front.on_call_timer(timer, ctx),
            (Self::Front(front), Timer::AskAgain(op)) => front.ask(op, ctx),
            (Self::Front(front), Timer::GiveUp(op)) => front.give_up(op, ctx),
            (Self::Server(server), Timer::Call(timer)) => server.on_call_timer(timer, ctx),
            (Self::Store(store), Timer::Lapse(key)) => store.lapse(key),
            (Self::Store(store), Timer::Sweep) => store.sweep(ctx),
            (
                Self::Front(_) | Self::Server(_) | Self::Store(_) | Self::Provider(_),
                Timer::Call(_)
                | Timer::AskAgain(_)
                | Timer::GiveUp(_)
                | Timer::Lapse(_)
                | Timer::Sweep,
            ) => unreachable!("nobody sets the timer of another role"),
        }
    }

    /// Redo: the log is the state, so recovery takes the same path as normal operation.
    fn apply(&mut self, record: Logged<Record>) {
        match self {
            Self::Front(front) => front.apply(record),
            Self::Server(_) => unreachable!("a server logs nothing"),
            Self::Store(store) => {
                if let Some(record) = record.narrow() {
                    store.apply(record);
                }
            }
            Self::Provider(provider) => provider.apply(record),
        }
    }

    /// After replay: ask for what is not answered, let reservations lapse, sweep.
    fn on_boot(&mut self, ctx: &mut Ctx<'_>) {
        match self {
            Self::Front(front) => front.on_boot(ctx),
            Self::Store(store) => store.on_boot(ctx),
            Self::Server(_) | Self::Provider(_) => {} // They wait to be asked.
        }
    }

    fn new(config: &Config, me: NodeId) -> Self {
        if me.0 < config.fronts {
            Self::Front(Front::default())
        } else if me == config.database() {
            Self::Store(Store::default())
        } else if me == config.provider() {
            Self::Provider(Provider::new(config.provider_keys))
        } else {
            Self::Server(Server::default())
        }
    }

    fn topology(config: &Config) -> Vec<Placement> {
        config.topology()
    }

    fn validate(config: &Config) -> Vec<BadSetting> {
        config.validate()
    }

    fn facts(record: &Record, facts: &mut Facts) {
        let charged = |&Charge { key, amount }: &Charge| Fact::Charges { key, amount };
        match record {
            Record::Database(database::Record::Committed(commit)) => {
                for change in commit.changes.iter() {
                    if let Some(Row::Charges(charge)) = &change.row {
                        facts.state(charged(charge));
                    }
                }
            }
            Record::Booked(booked) => booked.charge().iter().for_each(|c| facts.state(charged(c))),
            Record::Asked(op, _) => facts.state(Fact::Accepted(op.0.into())),
            Record::Closed(_)
            | Record::Database(database::Record::Truncated(_) | database::Record::Checkpoint(_)) => {
            }
        }
    }

    fn topic(message: &Message) -> Topic {
        match message {
            Message::Front(message) => message.topic(),
            Message::Find(job)
            | Message::Found(job, _)
            | Message::Execute(job, _)
            | Message::Done(job, _) => Topic(job.call.0 + 1),
            Message::Provider(message) => message.topic(),
        }
    }

    fn waiting(&self) -> Option<String> {
        let Self::Front(front) = self else { return None };
        let open = front.open();
        (open > 0).then(|| format!("answers to {open} of its clients' requests"))
    }
}

/// A request comes in.
impl Server {
    fn on_request(&mut self, job: Job, ctx: &mut Ctx<'_>) {
        match ctx.config().keys {
            KeysIn::Database => ctx.send(ctx.config().database(), Message::Find(job)),
            KeysIn::Memory => match self.memory.get(&job.charge.key) {
                Some((amount, _)) if *amount != job.charge.amount => {
                    reply(job, Reply::AnotherBody, ctx);
                }
                Some((_, outcome)) => reply(job, Reply::Ended(*outcome), ctx),
                None => self.charge(job, ctx),
            },
            KeysIn::Nothing => self.charge(job, ctx),
        }
    }

    fn on_found(&mut self, job: Job, known: Option<Known>, ctx: &mut Ctx<'_>) {
        let Some(Known { version, row, reservation }) = known else {
            return self.charge(job, ctx);
        };
        if row.amount != job.charge.amount && ctx.step(Step::CompareBody) {
            reply(job, Reply::AnotherBody, ctx);
        } else if let Some(outcome) = row.outcome {
            reply(job, Reply::Ended(outcome), ctx);
        } else if reservation == Reservation::Lapsed && ctx.step(Step::ExpireReservation) {
            execute(job, Statement::Reserve(version), ctx);
        } else if ctx.step(Step::SayInProgress) {
            reply(job, Reply::InProgress, ctx);
        } else {
            reply(job, Reply::Ended(Outcome::Declined), ctx); // A conflict, taken for a failure.
        }
    }

    fn on_done(&mut self, job: Job, committed: Committed, ctx: &mut Ctx<'_>) {
        match committed {
            Committed::Charged(receipt) => {
                self.remember(job, Version::NONE, Outcome::Charged(receipt), ctx);
            }
            Committed::Reserved(version) => self.order(job, version, ctx),
            Committed::Remembered(outcome) => reply(job, Reply::Ended(outcome), ctx),
        }
    }

    fn remember(&mut self, job: Job, over: Version, outcome: Outcome, ctx: &mut Ctx<'_>) {
        match ctx.config().keys {
            KeysIn::Database => execute(job, Statement::Remember(over, outcome), ctx),
            KeysIn::Memory => {
                self.memory.insert(job.charge.key, (job.charge.amount, outcome));
                reply(job, Reply::Ended(outcome), ctx);
            }
            KeysIn::Nothing => reply(job, Reply::Ended(outcome), ctx),
        }
    }

    fn decline(&mut self, job: Job, over: Version, ctx: &mut Ctx<'_>) {
        if ctx.step(Step::RememberDecline) {
            self.remember(job, over, Outcome::Declined, ctx);
        } else {
            reply(job, Reply::Ended(Outcome::Declined), ctx);
        }
    }
}

/// The key is new: charge, here or elsewhere.
impl Server {
    fn charge(&mut self, job: Job, ctx: &mut Ctx<'_>) {
        let keeps_keys = ctx.config().keys == KeysIn::Database;
        match ctx.config().charge {
            Variant::Local => {
                if ctx.chance("decline", Topic(job.charge.key), ctx.config().decline) {
                    self.decline(job, Version::NONE, ctx);
                } else if keeps_keys && ctx.step(Step::ChargeWithKey) {
                    execute(job, Statement::ChargeAndRemember, ctx);
                } else {
                    execute(job, Statement::Charge, ctx);
                }
            }
            Variant::External if keeps_keys && ctx.step(Step::ReserveFirst) => {
                execute(job, Statement::Reserve(Version::NONE), ctx);
            }
            Variant::External => self.order(job, Version::NONE, ctx),
        }
    }

    /// The key is reserved, or nobody cares: have the provider charge.
    fn order(&mut self, job: Job, reserved: Version, ctx: &mut Ctx<'_>) {
        let id = match reserved {
            Version::NONE => CallId(UNRESERVED | job.call.0),
            Version(number) => CallId(number),
        };
        let Charge { key, amount } = job.charge;
        let derived = ctx.config().keys != KeysIn::Nothing && ctx.step(Step::DeriveKey);
        let order = Order { key: derived.then_some(key), charge: Charge { key, amount } };
        self.jobs.insert(id, (job, reserved));
        let (provider, settings) = (ctx.config().provider(), &ctx.config().provider_call);
        let ended = self.caller.call(id, (provider, order), settings, ctx);
        self.on_ended(ended, ctx);
    }

    fn on_provider_reply(&mut self, from: NodeId, reply: (CallId, Reply), ctx: &mut Ctx<'_>) {
        let ended = self.caller.on_response(from, reply, &ctx.config().provider_call, ctx);
        self.on_ended(ended, ctx);
    }

    fn on_call_timer(&mut self, timer: rpc::Timer, ctx: &mut Ctx<'_>) {
        let terms = (&ctx.config().provider_call, Steps { retry: None });
        let ended = self.caller.on_timer(timer, terms, ctx);
        self.on_ended(ended, ctx);
    }

    fn on_ended(&mut self, ended: Option<Ended<Order, Reply>>, ctx: &mut Ctx<'_>) {
        let Some(Ended { id, outcome }) = ended else { return };
        let Some((job, over)) = self.jobs.remove(&id) else { return };
        match outcome {
            rpc::Outcome::Answered(Reply::Ended(Outcome::Declined)) => self.decline(job, over, ctx),
            rpc::Outcome::Answered(Reply::Ended(outcome @ Outcome::Charged(_))) => {
                self.remember(job, over, outcome, ctx);
            }
            rpc::Outcome::Answered(other) => reply(job, other, ctx),
            rpc::Outcome::Unknown(_) | rpc::Outcome::NeverSent(_) => {
                if ctx.step(Step::RememberOnlyAnswers) {
                    reply(job, Reply::InProgress, ctx); // The reservation will lapse.
                } else {
                    self.remember(job, over, Outcome::Declined, ctx);
                }
            }
        }
    }
}

/// Calls to the provider without a reservation are numbered by who asked.
const UNRESERVED: u64 = 1 << 32;

fn execute(job: Job, statement: Statement, ctx: &mut Ctx<'_>) {
    ctx.send(ctx.config().database(), Message::Execute(job, statement));
}

fn reply(job: Job, reply: Reply, ctx: &mut Ctx<'_>) {
    let message: rpc::Message<Charge, Reply> =
        rpc::Message::Response { id: job.call, answer: reply };
    ctx.send(job.front, message);
}

#[cfg(test)]
mod tests;
