//! Transfers: clients move random amounts between random accounts.
//!
//! ```text
//!   Transfers(clients: 2, rate: "50/s", accounts: 20)     open loop: asks at this rate, answered or not
//!   Transfers(clients: 2, think: "10ms", accounts: 20)    closed loop: asks again after the answer
//! ```
//!
//! Arrivals of the open loop are a Poisson process, which queueing formulas assume and which makes
//! operations overlap; a fixed pace was rejected, for it hides every race. The two accounts of a
//! transfer always differ.

use super::WorkloadEntry;
use crate::{
    base::{
        quantity::{Probability, Rate},
        sampler::{Law, Sampler},
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
    let pause = match (settings.rate, settings.think) {
        (Some(_), Some(_)) => {
            return bad("a client asks at a `rate` or thinks for a while, not both");
        }
        (Some(rate), None) => Pause::Open(poisson(rate.mean_interval())),
        (None, think) => Pause::Closed(think.unwrap_or_default()),
    };
    Ok(Arc::new(Resolved { settings, pause }))
}

/// Pauses of a Poisson process.
pub(super) fn poisson(mean: Duration) -> Sampler {
    let law = Law::Exponential { floor: Duration::ZERO, mean };
    law.compile().expect("a rate has a mean interval above zero")
}

#[derive(Debug)]
struct Resolved {
    settings: Transfers,
    pause: Pause,
}

#[derive(Debug)]
enum Pause {
    Open(Sampler),
    Closed(Duration),
}

impl Workload for Resolved {
    fn clients(&self) -> u16 {
        self.settings.clients
    }

    fn until(&self) -> Option<Duration> {
        self.settings.until
    }

    fn first(&self, draw: &mut Draw<'_>) -> Duration {
        match &self.pause {
            Pause::Open(law) => law.sample(draw.word("first")),
            Pause::Closed(_) => Duration::ZERO,
        }
    }

    fn next(&self, draw: &mut Draw<'_>) -> Request {
        let last = self.settings.operations_max.is_some_and(|most| draw.nth() + 1 >= most);
        let again = match &self.pause {
            _ if last => Again::Never,
            Pause::Open(law) => Again::After(law.sample(draw.word("pause"))),
            Pause::Closed(think) => Again::Thinking(*think),
        };
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
