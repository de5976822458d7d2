//! What a service of a choreographed saga remembers, and the record of one local transaction.
//!
//! ```text
//!   event ──▶ Turn { where it stood, what was heard, what was done, what is published } ──▶ disk
//!               └──redo──▶ Saga { heard: sets of steps, deed, end }, balances
//!               └──state─▶ facts: planned, did, undid, barred, moved, ended
//! ```
//!
//! What was heard is kept as sets, so that neither order nor repetition of events matters: a list of
//! states per saga was rejected, since it would need a transition for every order in which events may
//! come. Balances come in pairs, as in a ledger: what leaves one account of a service enters another.
//!
//! Limits: sagas are remembered for ever.

use super::{
    Order, What,
    settings::{Config, bit},
};
use crate::{
    blocks::broker::Position,
    engine::facts::{Fact, Facts, SagaEnd, StepKind},
};
use serde::{Deserialize, Serialize};

/// All that a service does about one event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// The step of the service.
    pub(super) step: u16,
    pub(super) saga: u64,
    pub(super) order: Order,
    /// What the saga sets out to do, where it begins: which steps each waits for, and its kind.
    pub(super) plan: Vec<(u32, StepKind)>,
    /// Where the event stands in the broker's log.
    pub(super) at: Option<Position>,
    pub(super) heard: Option<What>,
    pub(super) deed: Option<Deed>,
    pub(super) publishes: Option<What>,
    pub(super) end: Option<SagaEnd>,
}

/// What becomes of a step at its service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Deed {
    pub(super) fate: Fate,
    pub(super) moved: Option<Move>,
}

/// What a step was, or will not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Fate {
    Done,
    Refused,
    Undone,
    /// It was out before it could happen.
    Tombstone,
}

/// What leaves one account for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Move {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) amount: i64,
}

/// What a service knows of a saga.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Saga {
    pub(super) order: Order,
    pub(super) heard: Heard,
    pub(super) deed: Option<Deed>,
    pub(super) end: Option<SagaEnd>,
}

/// The events that were heard. Sets, so that neither order nor repetition matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Heard {
    pub(super) did: u32,
    pub(super) out: u32,
    pub(super) cancel: u32,
}

impl Turn {
    /// What it states.
    pub(super) fn state(&self, facts: &mut Facts) {
        let saga = self.saga;
        for (step, &(after, kind)) in (0..).zip(&self.plan) {
            facts.state(Fact::Planned { saga, step, after, kind });
        }
        if let Some(deed) = self.deed {
            match deed.fate {
                Fate::Done => facts.state(Fact::DidStep(saga, self.step)),
                Fate::Undone => facts.state(Fact::UndidStep(saga, self.step)),
                Fate::Tombstone => facts.state(Fact::Tombstoned(saga, self.step)),
                Fate::Refused => {}
            }
            for (account, by) in deed.sides().filter(|(_, by)| *by != 0) {
                facts.state(Fact::Moves { saga, account, by });
            }
        }
        if let Some(end) = self.end {
            facts.state(Fact::SagaEnded(saga, end));
        }
    }
}

impl Saga {
    pub(super) fn of(order: Order) -> Self {
        Self { order, heard: Heard::default(), deed: None, end: None }
    }
}

impl Heard {
    pub(super) fn with(mut self, what: What) -> Self {
        match what {
            What::Did(step) => self.did |= bit(step),
            What::Failed(step) | What::Undid(step) => self.out |= bit(step),
            What::Cancel(step) => self.cancel |= bit(step),
        }
        self
    }

    pub(super) fn has(self, what: What) -> bool {
        self.with(what) == self
    }
}

impl Deed {
    /// Each account that it changes, and by how much.
    pub(super) fn sides(self) -> impl Iterator<Item = (u32, i64)> {
        let sides = |Move { from, to, amount }| [(from, -amount), (to, amount)];
        self.moved.into_iter().flat_map(sides)
    }
}

impl Move {
    pub(super) fn reversed(self) -> Self {
        Self { from: self.to, to: self.from, ..self }
    }
}

/// What an account is about; with the number of an item or a customer it is the account.
#[derive(Clone, Copy)]
pub(super) enum Account {
    Free,
    Reserved,
    Credit,
    Earned,
}

const ACCOUNT_KINDS: u32 = 4;

impl Account {
    pub(super) fn number(self, of: u32) -> u32 {
        of.wrapping_mul(ACCOUNT_KINDS) + self as u32
    }
}

/// What an account held before any saga.
pub(super) fn opening(account: u32, config: &Config) -> i64 {
    match account % ACCOUNT_KINDS {
        kind if kind == Account::Free as u32 => config.stock,
        kind if kind == Account::Credit as u32 => config.credit,
        _ => 0,
    }
}
