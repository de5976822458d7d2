//! The shared database: what a server asks of it is one transaction, done in one handler.
//!
//! ```text
//!   Find ──────────────▶ the row of a key, its version, whether its reservation has lapsed
//!   Execute(over v) ──▶ row still of v? ──yes──▶ ● force: charge and key, or key ──▶ Done
//!                              └──no──▶ Found: what stands there instead
//!   Lapse   a reservation has had its time          Sweep   answered keys that are too old go
//! ```
//!
//! The version that a server has read comes back with what it wants written. So a key is inserted
//! once however many found nothing, a reservation is taken over once, and an owner that comes back
//! late cannot write over who took over from it. Locks between two statements were rejected: they
//! would be held across a network, by servers that die.
//!
//! Limits: reservations are counted by timers, anew after a crash: too late is harmless, for their
//! owner is known to be slow. Keys are counted by the wall clock, which somebody may set.

use super::{
    Charge, Charges, Committed, Ctx, Job, KeyRow, Keys, Known, Message, Outcome, Reservation, Row,
    Statement, Step, Timer,
};
use crate::{
    base::ids::NodeId,
    blocks::database::{self, Database, Retention, Transaction, Version},
    engine::protocol::Logged,
};
use serde::Serialize;
use std::collections::BTreeSet;

/// The state of the database node.
#[derive(Clone, Debug, Serialize)]
pub struct Store {
    // Replayed from the log.
    database: Database<Row>,
    // Lost in a crash; then reservations last anew.
    lapsed: BTreeSet<u64>,
}

impl Default for Store {
    fn default() -> Self {
        Self { database: Database::new(Retention::Nothing), lapsed: BTreeSet::new() }
    }
}

impl Store {
    pub(super) fn known(&self, key: u64) -> Option<Known> {
        let row = *self.database.get(Keys, key)?;
        let lapsed = self.lapsed.contains(&key);
        let reservation = if lapsed { Reservation::Lapsed } else { Reservation::Fresh };
        Some(Known { version: self.database.row_version(Keys, key), row, reservation })
    }

    pub(super) fn on_statement(
        &mut self,
        server: NodeId,
        job: Job,
        statement: Statement,
        ctx: &mut Ctx<'_>,
    ) {
        let key = job.charge.key;
        let expected = match statement {
            Statement::Charge => None,
            Statement::ChargeAndRemember => Some(Version::NONE),
            Statement::Reserve(version) | Statement::Remember(version, _) => Some(version),
        };
        if let Some(expected) = expected
            && ctx.step(Step::CompareVersion)
            && self.database.row_version(Keys, key) != expected
        {
            return ctx.send(server, Message::Found(job, self.known(key)));
        }
        let committed = self.commit(job.charge, statement, ctx);
        ctx.send(server, Message::Done(job, committed));
    }

    fn commit(&mut self, charge: Charge, statement: Statement, ctx: &mut Ctx<'_>) -> Committed {
        let Charge { key, amount } = charge;
        let at = ctx.config().key_life.map(|_| ctx.now());
        let row = |outcome| KeyRow { amount, outcome, at };
        let version = self.database.version().next();
        let mut txn = self.database.begin();
        let committed = match statement {
            Statement::Charge => Committed::Charged(book(charge, &mut txn)),
            Statement::ChargeAndRemember => {
                let outcome = Outcome::Charged(book(charge, &mut txn));
                txn.put(Keys, key, row(Some(outcome)));
                Committed::Remembered(outcome)
            }
            Statement::Reserve(_) => {
                txn.put(Keys, key, row(None));
                Committed::Reserved(version)
            }
            Statement::Remember(_, outcome) => {
                txn.put(Keys, key, row(Some(outcome)));
                Committed::Remembered(outcome)
            }
        };
        let record = txn.commit();
        self.database.apply(ctx.force(Step::ForceCommit, record));
        self.wait_for_owner(key, ctx);
        committed
    }

    pub(super) fn apply(&mut self, record: Logged<database::Record<Row>>) {
        self.database.apply(record);
    }

    /// Whoever has reserved a key has had time enough.
    pub(super) fn lapse(&mut self, key: u64) {
        self.lapsed.insert(key);
    }

    /// Whoever has reserved a key has so long, however long ago that was before a crash.
    fn wait_for_owner(&mut self, key: u64, ctx: &mut Ctx<'_>) {
        self.lapsed.remove(&key);
        match self.database.get(Keys, key) {
            Some(KeyRow { outcome: None, .. }) => {
                ctx.set_timer(ctx.config().lease, Timer::Lapse(key));
            }
            Some(_) | None => ctx.cancel_timer(Timer::Lapse(key)),
        }
    }

    pub(super) fn on_boot(&mut self, ctx: &mut Ctx<'_>) {
        let keys: Vec<u64> = self.database.scan(Keys).map(|(key, _)| key.0).collect();
        for key in keys {
            self.wait_for_owner(key, ctx);
        }
        sweep_later(ctx);
    }

    /// Keys expire; reservations do not, for somebody may be at them.
    pub(super) fn sweep(&mut self, ctx: &mut Ctx<'_>) {
        let Some(life) = ctx.config().key_life else { return };
        let now = ctx.now();
        let is_over = |row: &KeyRow| {
            row.outcome.is_some() && row.at.is_some_and(|at| now.saturating_since(at) > life)
        };
        let rows = self.database.scan(Keys).filter(|(_, row)| is_over(row));
        let expired: Vec<_> = rows.map(|(key, _)| key).collect();
        let mut txn = self.database.begin();
        for key in expired {
            txn.delete(Keys, key).expect("a row that was just scanned is there");
        }
        if !txn.is_read_only() {
            let record = txn.commit();
            self.database.apply(ctx.force(Step::ForceCommit, record));
        }
        sweep_later(ctx);
    }
}

fn sweep_later(ctx: &mut Ctx<'_>) {
    if ctx.config().key_life.is_some() {
        ctx.set_timer(ctx.config().sweep_interval, Timer::Sweep);
    }
}

/// Charges; the number is that of the receipt.
fn book(charge: Charge, txn: &mut Transaction<'_, Row>) -> u64 {
    let receipt = txn.take_number(Charges);
    txn.put(Charges, receipt, charge);
    receipt
}
