//! Transfers: clients move random amounts between random accounts.
//!
//! ```text
//!   Transfers(clients: 2, rate: "50/s", accounts: 20)     open loop: asks at this rate, answered or not
//!   Transfers(clients: 2, think: "10ms", accounts: 20)    closed loop: asks again after the answer
//! ```
//!
//! The two accounts of a transfer always differ.

use super::{WorkloadEntry, pace::Pace};
use crate::{
    base::{
        quantity::{Probability, Rate},
        text::{
            decode::Named,
            diagnostic::{Code, Diagnostic},
        },
        time::Duration,
    },
    engine::{
        clients::{Again, Draw, Request, Target, Workload},
        operations::Operation,
    },
};
use serde::Deserialize;
use std::sync::Arc;

/// Its line in the registry.
pub(super) const ENTRY: WorkloadEntry = WorkloadEntry {
    name: "Transfers",
    summary: "clients move random amounts between random accounts",
    build,
};

/// Its settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Transfers {
    /// How many clients.
    clients: u16,
    /// How often each asks: open loop.
    rate: Option<Rate>,
    /// How long each thinks after an answer: closed loop.
    think: Option<Duration>,
    /// How many accounts there are.
    accounts: u32,
    /// The largest amount; the smallest is 1.
    amount_max: u32,
    /// How likely an operation is an audit instead of a transfer.
    audits: Probability,
    /// How many operations each client asks for; no limit when left out.
    operations_max: Option<u64>,
    /// From when on nothing new is asked.
    until: Option<Duration>,
}

impl Default for Transfers {
    fn default() -> Self {
        Self {
            clients: 1,
            rate: None,
            think: None,
            accounts: 10,
            amount_max: 10,
            audits: Probability::NEVER,
            operations_max: None,
            until: None,
        }
    }
}

fn build(text: &str, named: &Named<'_>) -> Result<Arc<dyn Workload>, Vec<Diagnostic>> {
    let settings: Transfers = named.decode(text)?;
    let bad = |reason: &str| {
        Err(vec![Diagnostic::error(Code::BadSetting, named.name_span, reason).label("here")])
    };
    if settings.accounts < 2 {
        return bad("a transfer needs two accounts");
    }
    if settings.amount_max == 0 || settings.clients == 0 {
        return bad("there is at least one client, and an amount of at least 1");
    }
    let pace = match Pace::of(settings.rate, settings.think) {
        Ok(pace) => pace,
        Err(reason) => return bad(reason),
    };
    Ok(Arc::new(Resolved { settings, pace }))
}

#[derive(Debug)]
struct Resolved {
    settings: Transfers,
    pace: Pace,
}

impl Workload for Resolved {
    fn clients(&self) -> u16 {
        self.settings.clients
    }

    fn until(&self) -> Option<Duration> {
        self.settings.until
    }

    fn first(&self, draw: &mut Draw<'_>) -> Duration {
        self.pace.first(draw)
    }

    fn next(&self, draw: &mut Draw<'_>) -> Request {
        let last = self.settings.operations_max.is_some_and(|most| draw.nth() + 1 >= most);
        let again = if last { Again::Never } else { self.pace.again(draw) };
        Request { operation: self.operation(draw), target: Target::Any, again }
    }
}

impl Resolved {
    fn operation(&self, draw: &mut Draw<'_>) -> Operation {
        if self.settings.audits.happens(draw.word("audit")) {
            return Operation::Audit;
        }
        let accounts = u64::from(self.settings.accounts);
        let from = draw.below("from", accounts);
        let to = (from + 1 + draw.below("to", accounts - 1)) % accounts;
        let amount = 1 + draw.below("amount", u64::from(self.settings.amount_max)) as i64;
        Operation::Transfer { from: from as u32, to: to as u32, amount }
    }
}
