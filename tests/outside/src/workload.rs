//! Visitors: clients that want seats, any of a few, now and then.
//!
//! ```text
//!   Visitors(clients: 2, seats: 5, rate: "50/s", until: "2s")
//! ```
//!
//! A workload is plain data over named draws: what a client asks depends on the seed, its number and
//! the number of its operation, and on nothing that anybody else does.

use crate::protocol::BUY;
use serde::Deserialize;
use splitbrain::{
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
    workload::WorkloadEntry,
};
use std::sync::Arc;

/// The line of the registry.
pub const ENTRY: WorkloadEntry =
    WorkloadEntry { name: "Visitors", summary: "clients that want seats", build };

/// Its settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Visitors {
    /// How many clients.
    clients: u16,
    /// How many seats there are.
    seats: u32,
    /// How often each client asks.
    rate: Rate,
    /// From when on nothing new is asked.
    #[serde(default)]
    until: Option<Duration>,
}

fn build(text: &str, named: &Named<'_>) -> Result<Arc<dyn Workload>, Vec<Diagnostic>> {
    let visitors: Visitors = named.decode(text)?;
    if visitors.clients == 0 || visitors.seats == 0 {
        let reason = "there is at least one client, and one seat";
        let wrong = Diagnostic::error(Code::BadSetting, named.name_span, reason);
        return Err(vec![wrong.label("here")]);
    }
    Ok(Arc::new(visitors))
}

impl Workload for Visitors {
    fn clients(&self) -> u16 {
        self.clients
    }

    fn until(&self) -> Option<Duration> {
        self.until
    }

    fn first(&self, draw: &mut Draw<'_>) -> Duration {
        pause(draw, "first", self.rate)
    }

    fn next(&self, draw: &mut Draw<'_>) -> Request {
        let seat = draw.below("seat", u64::from(self.seats));
        let key = u32::try_from(seat).expect("it is below the number of seats");
        let operation = Operation::Own { kind: BUY, key, value: 0 };
        let again = Again::After(pause(draw, "pause", self.rate));
        Request { operation, target: Target::Any, again }
    }
}

/// Up to twice the mean, evenly.
fn pause(draw: &mut Draw<'_>, label: &str, rate: Rate) -> Duration {
    Duration::from_nanos(draw.below(label, 2 * rate.mean_interval().as_nanos()))
}
