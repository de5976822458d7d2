//! Appends: clients hand in items, one after the other, for streams and queues.
//!
//! ```text
//!   Appends(clients: 1, rate: "20/s", keys: 4)       item = client · 1,000,000 + its number
//! ```
//!
//! Values are unique over the run, so that a checker can tell a lost item from a repeated one.
//! Limits: a million items per client.

use super::{WorkloadEntry, pace::Pace};
use crate::{
    base::{
        quantity::Rate,
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

const ITEMS_MAX: u64 = 1_000_000;

/// Its line in the registry.
pub(super) const ENTRY: WorkloadEntry =
    WorkloadEntry { name: "Appends", summary: "clients hand in items for streams", build };

/// Its settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Appends {
    /// How many clients.
    #[serde(default = "one")]
    clients: u16,
    /// How often each asks.
    rate: Rate,
    /// How many streams there are.
    #[serde(default = "one_key")]
    keys: u32,
    /// From when on nothing new is asked.
    #[serde(default)]
    until: Option<Duration>,
}

fn one() -> u16 {
    1
}

fn one_key() -> u32 {
    1
}

fn build(text: &str, named: &Named<'_>) -> Result<Arc<dyn Workload>, Vec<Diagnostic>> {
    let settings: Appends = named.decode(text)?;
    if settings.clients == 0 || settings.keys == 0 {
        let reason = "there is at least one client, and one stream";
        return Err(vec![
            Diagnostic::error(Code::BadSetting, named.name_span, reason).label("here"),
        ]);
    }
    let pace = Pace::open(settings.rate);
    Ok(Arc::new(Resolved { settings, pace }))
}

#[derive(Debug)]
struct Resolved {
    settings: Appends,
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
        let key = draw.below("key", u64::from(self.settings.keys)) as u32;
        let value = u64::from(draw.client().0) * ITEMS_MAX + draw.nth();
        let last = draw.nth() + 1 == ITEMS_MAX;
        let again = if last { Again::Never } else { self.pace.again(draw) };
        let operation = Operation::Append { key, value: value as i64 };
        Request { operation, target: Target::Any, again }
    }
}
