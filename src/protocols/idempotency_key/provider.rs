//! The provider: somebody else's service, which takes the money.
//!
//! ```text
//!   Order { key }  known? ──yes──▶ the receipt that was given before
//!                    └──no──▶ ● force: charged or declined, and the key with it ──▶ receipt
//! ```
//!
//! What real providers promise their callers is the pattern once more: one transaction of charge
//! and key, remembered for a while, refused for another body. One that ignores keys is a setting.
//! Limits: it is one node with a disk of its own, and may be down.

use super::{Charge, Ctx, Outcome, Record, Reply, Step};
use crate::{
    base::{
        ids::{NodeId, Topic},
        time::Time,
    },
    blocks::{
        remembered::{Remembered, Window},
        rpc::{self, CallId},
    },
    engine::protocol::Logged,
};
use serde::{Deserialize, Serialize};

use super::settings::ProviderKeys;

/// What a server asks of the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// By what it knows a repeat.
    pub(super) key: Option<u64>,
    /// What to charge, and, as a note that it does not read, for which request.
    pub(super) charge: Charge,
}

/// What became of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Booked {
    order: Order,
    outcome: Outcome,
    /// When, where keys are remembered for a time.
    at: Option<Time>,
}

impl Booked {
    /// What was charged.
    pub(super) fn charge(&self) -> Option<Charge> {
        matches!(self.outcome, Outcome::Charged(_)).then_some(self.order.charge)
    }
}

/// The state of the provider; all of it is replayed from its log.
#[derive(Clone, Debug, Serialize)]
pub struct Provider {
    receipts: u64,
    /// How long keys are honoured, if they are.
    window: Option<Window>,
    known: Remembered<u64, (i64, Outcome)>,
}

impl Provider {
    pub(super) fn new(keys: ProviderKeys) -> Self {
        let window = match keys {
            ProviderKeys::Honoured(window) => Some(window),
            ProviderKeys::Ignored => None,
        };
        let known = Remembered::new(window.unwrap_or(Window::Forever));
        Self { receipts: 0, window, known }
    }

    pub(super) fn on_order(&mut self, from: NodeId, id: CallId, order: Order, ctx: &mut Ctx<'_>) {
        let now = self.window.and_then(|window| window.stamp(ctx));
        let key = order.key.filter(|_| self.window.is_some());
        let answer = match key.and_then(|key| self.known.get(&key, now)) {
            Some((amount, _)) if *amount != order.charge.amount => Reply::AnotherBody,
            Some((_, outcome)) => Reply::Ended(*outcome),
            None => Reply::Ended(self.book(order, now, ctx)),
        };
        let message: rpc::Message<Order, Reply> = rpc::Message::Response { id, answer };
        ctx.send(from, message);
    }

    fn book(&mut self, order: Order, at: Option<Time>, ctx: &mut Ctx<'_>) -> Outcome {
        let declined = ctx.chance("decline", Topic(order.charge.key), ctx.config().decline);
        let outcome =
            if declined { Outcome::Declined } else { Outcome::Charged(self.receipts + 1) };
        let booked = Record::Booked(Booked { order, outcome, at });
        self.apply(ctx.force(Step::ForceBooking, booked));
        outcome
    }

    pub(super) fn apply(&mut self, record: Logged<Record>) {
        let Record::Booked(Booked { order, outcome, at }) = record.into_inner() else { return };
        if let Outcome::Charged(receipt) = outcome {
            self.receipts = receipt;
        }
        if let (Some(key), Some(_)) = (order.key, self.window) {
            self.known.insert(key, (order.charge.amount, outcome), at);
        }
    }
}
