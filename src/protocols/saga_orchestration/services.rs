//! The services of orchestrated sagas: each takes its steps and takes them back, in one local
//! transaction each.
//!
//! ```text
//!   Do ──▶ effect known? ──yes──▶ what was answered then
//!            └──no──▶ refuse │ ● force { effect, balances } ──▶ Did
//!   Undo ─▶ effect done? ──yes──▶ ● force { effect undone, balances back } ──▶ Undid
//!            └──no──▶ ● force tombstone ──▶ Undid          a Do that comes now is refused
//! ```
//!
//! A service knows a step by its saga and number. What it remembers of a step and what the step
//! changes are one record, so that no crash falls between them.
//!
//! Balances come in pairs, as in a ledger: what leaves one account of a service enters another of
//! the same service. Limits: effects are remembered for ever; a balance may be overdrawn by a
//! compensation, never by a step.

use super::{
    At, Ctx, Job, Message, Order, Refusal, Step,
    settings::{Action, Config, Plan, Refuse, Update},
    telling::Tell,
};
use crate::{
    base::ids::{NodeId, Topic},
    blocks::database::{self, Database, Retention, Transaction},
    engine::{
        facts::{Fact, Facts, StepKind},
        protocol::Logged,
    },
};
use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc};

crate::tables! {
    /// What a service stores.
    pub enum Row by Table {
        /// What became of a step, by saga and number.
        Effects(Effect),
        /// Accounts.
        Ledger(Line),
    }
}

/// What became of a step here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    at: At,
    fate: Fate,
    /// Which way its balances went.
    moved: Option<Move>,
}

/// What a step was, or will not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Fate {
    Done,
    /// For good.
    Refused,
    Undone,
    /// Its compensation came first.
    Tombstone,
}

/// What leaves one account for another, and what they held before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Move {
    from: u32,
    to: u32,
    amount: i64,
    before: (i64, i64),
}

/// An account: its balance, and who has changed it last, by how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    account: u32,
    balance: i64,
    saga: u64,
    by: i64,
    /// The saga that may yet take its change back, under a semantic lock.
    holder: Option<u64>,
}

/// The state of a service.
#[derive(Clone, Debug, Serialize)]
pub struct Services {
    // Replayed from the log.
    database: Database<Row>,
    // A setting.
    #[serde(skip_serializing)]
    plan: Arc<Plan>,
}

impl Services {
    pub(super) fn new(plan: Arc<Plan>) -> Self {
        Self { database: Database::new(Retention::Nothing), plan }
    }
}

/// A step, forward.
impl Services {
    pub(super) fn on_do(&mut self, from: NodeId, job: Job, ctx: &mut Ctx<'_>) {
        let at = job.at;
        match self.fate(at) {
            Some(Fate::Refused | Fate::Undone | Fate::Tombstone) => {
                return ctx.send(from, Message::Refused(at));
            }
            Some(Fate::Done) if ctx.step(Step::IdempotentStep) => {
                return ctx.send(from, Message::Did(at));
            }
            Some(Fate::Done) | None => {}
        }
        let plan = self.plan.clone();
        let planned = plan.step(at.step);
        let moved = self.movement(planned.action, job.order, ctx.config());
        let may_refuse = planned.kind != StepKind::Retriable;
        if may_refuse && self.refuses(at, moved, &planned.name, ctx) {
            return self.refuse(from, job, ctx);
        }
        self.put(Effect { at, fate: Fate::Done, moved }, holder(job, planned.kind, ctx), ctx);
        ctx.send(from, Message::Did(at));
    }

    /// A refusal that a compensation follows is for good: a repeat of the step might find what it
    /// lacked, when nobody waits for it any more.
    fn refuse(&mut self, from: NodeId, job: Job, ctx: &mut Ctx<'_>) {
        if job.refusal == Refusal::Final && ctx.step(Step::RememberRefusal) {
            self.put(Effect { at: job.at, fate: Fate::Refused, moved: None }, None, ctx);
        }
        ctx.send(from, Message::Refused(job.at));
    }

    fn refuses(&self, at: At, moved: Option<Move>, name: &str, ctx: &mut Ctx<'_>) -> bool {
        let short = moved.is_some_and(|moved| moved.before.0 < moved.amount);
        let held = |account| self.holder(account).is_some_and(|holder| holder != at.saga);
        short
            || moved.is_some_and(|moved| held(moved.from) || held(moved.to))
            || match &ctx.config().refuse {
                Refuse::Never => false,
                Refuse::Chance(chance) => ctx.chance("refuse", topic(at), *chance),
                Refuse::Always(names) => names.iter().any(|known| known == name),
            }
    }
}

/// A step, backward.
impl Services {
    pub(super) fn on_undo(&mut self, from: NodeId, job: Job, ctx: &mut Ctx<'_>) {
        let at = job.at;
        match self.fate(at) {
            Some(Fate::Refused | Fate::Tombstone) => {}
            Some(Fate::Undone) if ctx.step(Step::IdempotentCompensation) => {}
            Some(Fate::Done) if self.is_changed_since(at, ctx.config()) => return, // A person must look.
            Some(Fate::Done | Fate::Undone) => self.undo(at, ctx),
            None if ctx.step(Step::UndoOnlyWhatIsDone) => self.bar(at, ctx),
            None => {
                let moved = self.movement(self.plan.step(at.step).action, job.order, ctx.config());
                let now = Effect { at, fate: Fate::Undone, moved: moved.map(Move::reversed) };
                self.put(now, None, ctx);
            }
        }
        ctx.send(from, Message::Undid(at));
    }

    /// The compensation has overtaken its step.
    fn bar(&mut self, at: At, ctx: &mut Ctx<'_>) {
        if ctx.step(Step::LeaveTombstone) {
            self.put(Effect { at, fate: Fate::Tombstone, moved: None }, None, ctx);
        }
    }

    fn undo(&mut self, at: At, ctx: &mut Ctx<'_>) {
        let effect = self.database.get(Effects, at).copied();
        let effect = effect.expect("only what is there is undone");
        let back = effect.moved.map(|moved| match effect.fate {
            Fate::Done => moved.reversed(),
            _ => moved, // It was reversed when it was undone first.
        });
        self.put(Effect { at, fate: Fate::Undone, moved: back }, None, ctx);
    }

    /// Whether others have changed what a compensation would overwrite, where it looks again first.
    fn is_changed_since(&self, at: At, config: &Config) -> bool {
        let moved = self.database.get(Effects, at).and_then(|effect| effect.moved);
        let is_changed = |moved: Move| {
            moved.sides().iter().any(|&(account, by, before)| {
                self.database.get(Ledger, account).map(|line| line.balance) != Some(before + by)
            })
        };
        config.update == Update::Reread && moved.is_some_and(is_changed)
    }

    /// The saga is over, and others may have what it held.
    pub(super) fn on_release(&mut self, from: NodeId, Job { at, .. }: Job, ctx: &mut Ctx<'_>) {
        let held: Vec<Line> = self.database.scan(Ledger).map(|(_, line)| *line).collect();
        let mut txn = self.database.begin();
        for line in held.into_iter().filter(|line| line.holder == Some(at.saga)) {
            txn.put(Ledger, line.account, Line { by: 0, holder: None, ..line });
        }
        if !txn.is_read_only() {
            let record = txn.commit();
            self.commit(record, ctx);
        }
        ctx.send(from, Message::Released(at));
    }
}

/// The tables.
impl Services {
    /// Redo: one record is one local transaction.
    pub(super) fn apply(&mut self, record: Logged<database::Record<Row>>) {
        self.database.apply(record);
    }

    fn commit(&mut self, record: database::Record<Row>, ctx: &mut Ctx<'_>) {
        self.apply(ctx.force(Step::ForceEffect, record));
    }

    fn put(&mut self, effect: Effect, holder: Option<u64>, ctx: &mut Ctx<'_>) {
        let Config { stock, credit, update, .. } = *ctx.config();
        let saga = effect.at.saga;
        let undoes = effect.fate == Fate::Undone;
        let mut txn = self.database.begin();
        txn.put(Effects, effect.at, effect);
        if let Some(moved) = effect.moved {
            for (account, by, before) in moved.sides() {
                let balance = balance(&mut txn, account, (stock, credit));
                let by = match update {
                    Update::BeforeImage | Update::Reread if undoes => before - balance,
                    Update::BeforeImage | Update::Reread | Update::Commutative => by,
                };
                let line = Line { account, balance: balance + by, saga, by, holder };
                txn.put(Ledger, account, line);
            }
        }
        let record = txn.commit();
        self.commit(record, ctx);
    }

    fn fate(&self, at: At) -> Option<Fate> {
        self.database.get(Effects, at).map(|effect| effect.fate)
    }

    fn holder(&self, account: u32) -> Option<u64> {
        self.database.get(Ledger, account)?.holder
    }

    /// What an action moves, from which balances.
    fn movement(&self, action: Action, order: Order, config: &Config) -> Option<Move> {
        let (from, to, amount) = match action {
            Action::Note => return None,
            Action::Reserve => (
                account(Kind::Free, order.item),
                account(Kind::Reserved, order.item),
                order.quantity,
            ),
            Action::Charge => {
                let price = order.quantity * config.price;
                (
                    account(Kind::Credit, order.customer),
                    account(Kind::Earned, order.customer),
                    price,
                )
            }
        };
        let held = |account| {
            let line = self.database.get(Ledger, account);
            line.map_or(opening(account, (config.stock, config.credit)), |line| line.balance)
        };
        Some(Move { from, to, amount, before: (held(from), held(to)) })
    }
}

/// What the records of a service state.
pub(super) fn facts(record: &database::Record<Row>, facts: &mut Facts) {
    let database::Record::Committed(commit) = record else { return };
    for change in commit.changes.iter() {
        match &change.row {
            Some(Row::Effects(effect)) => effect.state(facts),
            Some(Row::Ledger(line)) if line.by != 0 => {
                let Line { saga, account, by, .. } = *line;
                facts.state(Fact::Moves { saga, account, by });
            }
            Some(Row::Ledger(_)) | None => {}
        }
    }
}

impl Effect {
    fn state(&self, facts: &mut Facts) {
        let At { saga, step } = self.at;
        match self.fate {
            Fate::Done => facts.state(Fact::DidStep(saga, step)),
            Fate::Undone => facts.state(Fact::UndidStep(saga, step)),
            Fate::Tombstone => facts.state(Fact::Tombstoned(saga, step)),
            Fate::Refused => {}
        }
    }
}

impl Tell for &Row {
    fn tell(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Row::Effects(Effect { at, fate, .. }) => {
                let did = match fate {
                    Fate::Done => "did",
                    Fate::Refused => "refused",
                    Fate::Undone => "undid",
                    Fate::Tombstone => "barred",
                };
                write!(f, "{did} {at:?}")
            }
            Row::Ledger(Line { account, by: 0, .. }) => write!(f, "balance {account} is free"),
            Row::Ledger(Line { account, by, .. }) => write!(f, "balance {account} by {by:+}"),
        }
    }
}

impl Move {
    fn reversed(self) -> Self {
        let Self { from, to, amount, before } = self;
        Self { from: to, to: from, amount, before: (before.1, before.0) }
    }

    /// Each account, what it gains, and what it held before the step.
    fn sides(self) -> [(u32, i64, i64); 2] {
        [(self.from, -self.amount, self.before.0), (self.to, self.amount, self.before.1)]
    }
}

/// What an account is about; with the number of an item or a customer it is the account.
#[derive(Clone, Copy)]
enum Kind {
    Free,
    Reserved,
    Credit,
    Earned,
}

const KINDS: u32 = 4;

fn account(kind: Kind, number: u32) -> u32 {
    number.wrapping_mul(KINDS) + kind as u32
}

fn opening(account: u32, (stock, credit): (i64, i64)) -> i64 {
    match account % KINDS {
        kind if kind == Kind::Free as u32 => stock,
        kind if kind == Kind::Credit as u32 => credit,
        _ => 0,
    }
}

fn balance(txn: &mut Transaction<'_, Row>, account: u32, openings: (i64, i64)) -> i64 {
    txn.get(Ledger, account).map_or(opening(account, openings), |line| line.balance)
}

/// Who holds what this step changes: the saga, as long as it may be undone.
fn holder(job: Job, kind: StepKind, ctx: &mut Ctx<'_>) -> Option<u64> {
    let can_be_undone = matches!(kind, StepKind::Compensable | StepKind::Kept);
    let locks = can_be_undone && ctx.config().locks(job.order.quantity);
    (locks && ctx.step(Step::HoldSemanticLock)).then_some(job.at.saga)
}

fn topic(at: At) -> Topic {
    Topic(at.saga * 64 + u64::from(at.step))
}
