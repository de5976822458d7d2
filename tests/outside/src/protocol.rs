//! BoxOffice: every seat is sold once, and who is told no has not bought it.
//!
//! ```text
//!   client        desk                       office
//!     ├─ seat ─────▶│                           │
//!     │             ├── Reserve(op, seat) ─────▶│
//!     │             │                           ● force Sold
//!     │             │◀─────── Granted │ Refused ┤
//!     │◀─ yes │ no ─┤
//! ```
//!
//! A starter: replace it by a protocol of your own. It shows what each part is for. A desk keeps
//! nothing on disk; the office is the only one that knows what is sold.
//!
//! The bug that is planted here: a desk that hears nothing may tell its client *no*
//! (`on_silence: Refuse`), although the office may have sold the seat to it. Silence is no answer.

use serde::{Deserialize, Serialize};
use splitbrain::{
    base::{
        ids::{NodeId, OpId, Topic},
        table::Table,
        time::Duration,
    },
    engine::{
        ctx,
        facts::{Fact, Facts},
        operations::{Answer, Operation},
        protocol::{Alternative, BadSetting, Logged, Placement, Protocol},
    },
};

/// The number of the operation that asks for a seat.
pub const BUY: u32 = 1;
/// The number of the fact that a seat is sold: the operation is its key, the seat its value.
pub const SOLD: u32 = 1;

/// What a scenario may set.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Nodes that serve clients.
    pub desks: u16,
    /// How long a desk waits for the office.
    pub patience: Duration,
    /// What it does then.
    pub on_silence: Silence,
}

/// What a desk makes of silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Silence {
    /// It asks again.
    AskAgain,
    /// It tells the client no: the planted bug.
    Refuse,
}

impl Default for Config {
    fn default() -> Self {
        Self { desks: 2, patience: Duration::from_millis(20), on_silence: Silence::AskAgain }
    }
}

impl Config {
    /// The desks come first, then the office.
    fn office(&self) -> NodeId {
        NodeId(self.desks)
    }
}

/// One variant per arrow in the diagram.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// From a desk: this operation wants this seat.
    Reserve(OpId, u32),
    /// From the office: it has it.
    Granted(OpId),
    /// From the office: somebody else has it.
    Refused(OpId),
}

/// What survives a crash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// At the office: this operation has bought this seat.
    Sold(OpId, u32),
}

/// What wakes a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Timer {
    /// At a desk: the office has not answered.
    Silence(OpId),
}

splitbrain::steps! {
    /// The steps that carry the guarantees, each with the property that falls without it.
    pub enum Step {
        /// A sale is on disk before anybody hears of it.
        ForceSale => "seats.sold_once",
        /// An operation that asks again gets the answer it got.
        RecogniseRetry => "seats.refused_unsold",
    }
}

type Ctx<'a> = ctx::Ctx<'a, BoxOffice>;

/// One node, by its role.
#[derive(Clone, Debug, Serialize)]
pub enum BoxOffice {
    /// Serves clients.
    Desk(Desk),
    /// Knows what is sold.
    Office(Office),
}

/// The state of a desk.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Desk {
    // Lost in a crash: which seat each open operation wants.
    open: Table<OpId, u32>,
}

/// The state of the office.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Office {
    // Replayed from the log: who has which seat.
    sold: Table<u32, OpId>,
}

impl Protocol for BoxOffice {
    const NAME: &'static str = "BoxOffice";
    const SUMMARY: &'static str = "every seat is sold once, and who is told no has not bought it";
    const EXAMPLE_WORKLOAD: &'static str =
        r#"Visitors(clients: 2, seats: 5, rate: "50/s", until: "2s")"#;
    const EXAMPLE_CHECKS: &'static str = "Seats";
    const ALTERNATIVES: &'static [Alternative] =
        &[Alternative { settings: &[("on_silence", "AskAgain")], called: "asking again" }];

    type Config = Config;
    type Message = Message;
    type Record = Record;
    type Timer = Timer;
    type Step = Step;

    fn on_request(&mut self, op: OpId, operation: Operation, ctx: &mut Ctx<'_>) {
        match (self, operation) {
            (Self::Desk(desk), Operation::Own { kind: BUY, key: seat, .. }) => {
                desk.open.insert(op, seat);
                reserve(op, seat, ctx);
            }
            _ => ctx.reply(op, Answer::NotDone), // Not in our vocabulary.
        }
    }

    fn on_message(&mut self, from: NodeId, message: Message, ctx: &mut Ctx<'_>) {
        match (self, message) {
            (Self::Office(office), Message::Reserve(op, seat)) => office.sell(from, op, seat, ctx),
            (Self::Desk(desk), Message::Granted(op)) => desk.answer(op, Answer::Done, ctx),
            (Self::Desk(desk), Message::Refused(op)) => desk.answer(op, Answer::NotDone, ctx),
            (Self::Office(_), Message::Granted(_) | Message::Refused(_))
            | (Self::Desk(_), Message::Reserve(..)) => {
                unreachable!("{from} sent it to the wrong role")
            }
        }
    }

    fn on_timer(&mut self, Timer::Silence(op): Timer, ctx: &mut Ctx<'_>) {
        let Self::Desk(desk) = self else { unreachable!("only desks set timers") };
        let Some(&seat) = desk.open.get(&op) else { return };
        match ctx.config().on_silence {
            Silence::AskAgain => reserve(op, seat, ctx),
            Silence::Refuse => desk.answer(op, Answer::NotDone, ctx),
        }
    }

    /// Redo: the only place where durable state changes.
    fn apply(&mut self, record: Logged<Record>) {
        if let Self::Office(office) = self {
            office.apply(record);
        }
    }

    fn on_boot(&mut self, _: &mut Ctx<'_>) {} // Desks forget, and the office waits to be asked.

    fn new(config: &Config, me: NodeId) -> Self {
        if me == config.office() {
            Self::Office(Office::default())
        } else {
            Self::Desk(Desk::default())
        }
    }

    fn topology(config: &Config) -> Vec<Placement> {
        let desks = 1..=config.desks;
        let desks = desks.map(|nth| Placement::new(format!("desk{nth}"), "desk").serving_clients());
        desks.chain([Placement::new("office", "office")]).collect()
    }

    fn validate(config: &Config) -> Vec<BadSetting> {
        let findings = [
            (config.desks == 0, "desks", "somebody must serve clients: 1 or more"),
            (config.patience.is_zero(), "patience", "it must be longer than nothing"),
        ];
        let bad = findings.into_iter().filter(|(bad, ..)| *bad);
        bad.map(|(_, field, reason)| BadSetting { field, reason: reason.to_owned() }).collect()
    }

    /// What a record means to checkers.
    fn facts(Record::Sold(op, seat): &Record, facts: &mut Facts) {
        facts.state(Fact::Own { kind: SOLD, key: u64::from(op.0), value: i64::from(*seat) });
    }

    fn topic(message: &Message) -> Topic {
        let (Message::Reserve(op, _) | Message::Granted(op) | Message::Refused(op)) = message;
        Topic(u64::from(op.0))
    }

    fn waiting(&self) -> Option<String> {
        let Self::Desk(Desk { open }) = self else { return None };
        let open = open.keys().len();
        (open > 0).then(|| format!("{open} answers of the office"))
    }
}

/// At a desk.
fn reserve(op: OpId, seat: u32, ctx: &mut Ctx<'_>) {
    let (office, patience) = (ctx.config().office(), ctx.config().patience);
    ctx.send(office, Message::Reserve(op, seat));
    ctx.set_timer(patience, Timer::Silence(op));
}

impl Desk {
    fn answer(&mut self, op: OpId, answer: Answer, ctx: &mut Ctx<'_>) {
        if self.open.remove(&op).is_some() {
            ctx.cancel_timer(Timer::Silence(op));
            ctx.reply(op, answer);
        }
    }
}

/// At the office.
impl Office {
    fn sell(&mut self, desk: NodeId, op: OpId, seat: u32, ctx: &mut Ctx<'_>) {
        let message = match self.sold.get(&seat) {
            None => {
                self.apply(ctx.force(Step::ForceSale, Record::Sold(op, seat)));
                Message::Granted(op)
            }
            Some(&owner) if owner == op && ctx.step(Step::RecogniseRetry) => Message::Granted(op),
            Some(_) => Message::Refused(op),
        };
        ctx.send(desk, message);
    }

    fn apply(&mut self, record: Logged<Record>) {
        let Record::Sold(op, seat) = record.into_inner();
        self.sold.insert(seat, op);
    }
}
