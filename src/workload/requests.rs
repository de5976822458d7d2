//! Requests: a list of operations at given instants, by one client. For scripts and exact counts.
//!
//! ```text
//!   Requests([
//!       (at: "0ms", ask: Transfer(from: 0, to: 1, amount: 5)),
//!       (at: "10ms", ask: Audit),
//!   ])
//! ```
//!
//! Nothing is drawn. Instants must not go back; a workload of random operations is elsewhere.

use super::WorkloadEntry;
use crate::{
    base::{
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
pub(super) const ENTRY: WorkloadEntry =
    WorkloadEntry { name: "Requests", summary: "a list of requests at given instants", build };

/// Its settings: the list.
#[derive(Clone, Debug, Deserialize)]
struct Requests(Vec<At>);

/// One request.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct At {
    /// When, from the start.
    at: Duration,
    /// For what.
    ask: Operation,
}

fn build(text: &str, named: &Named<'_>) -> Result<Arc<dyn Workload>, Vec<Diagnostic>> {
    let requests: Requests = named.decode(text)?;
    let bad = |reason: &str| {
        Err(vec![Diagnostic::error(Code::BadSetting, named.name_span, reason).label("here")])
    };
    if requests.0.is_empty() {
        return bad("there is at least one request");
    }
    if requests.0.windows(2).any(|pair| pair[1].at < pair[0].at) {
        return bad("requests come in the order of their instants");
    }
    Ok(Arc::new(requests))
}

impl Workload for Requests {
    fn clients(&self) -> u16 {
        1
    }

    fn first(&self, _: &mut Draw<'_>) -> Duration {
        self.0[0].at
    }

    fn next(&self, draw: &mut Draw<'_>) -> Request {
        let nth = draw.nth() as usize;
        let again = match self.0.get(nth + 1) {
            Some(next) => Again::After(next.at - self.0[nth].at),
            None => Again::Never,
        };
        Request { operation: self.0[nth].ask, target: Target::Any, again }
    }
}
