//! Requests: a list of operations at given instants. For scripts and exact counts.
//!
//! ```text
//!   Requests([
//!       (at: "0ms", ask: Transfer(from: 0, to: 1, amount: 5)),
//!       (at: "10ms", client: 2, op: 7, node: "c", ask: Audit),
//!   ])
//! ```
//!
//! Nothing is drawn but the node where none is named. Without a client it is the first one; without
//! a number an operation takes the next of its client. A script gives the numbers, so that taking
//! one operation away renumbers no other. Instants must not go back, and what is asked at one
//! instant is asked in the order of the list; a workload of random operations is elsewhere.

use super::WorkloadEntry;
use crate::{
    base::{
        ids::{ClientId, OpId},
        text::{
            decode::Named,
            diagnostic::{Code, Diagnostic},
        },
        time::{Duration, serialize_as_text},
    },
    engine::{
        clients::{Again, Draw, Request, Target, Workload},
        operations::Operation,
    },
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Its line in the registry.
pub(super) const ENTRY: WorkloadEntry =
    WorkloadEntry { name: "Requests", summary: "a list of requests at given instants", build };

/// One request, as a file writes it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// When, from the start.
    #[serde(serialize_with = "serialize_as_text")]
    pub at: Duration,
    /// Which client, counted from 1.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub client: u16,
    /// The number of the operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub op: Option<u32>,
    /// Which node is asked; any that serves clients when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// For what.
    pub ask: Operation,
}

fn one() -> u16 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for references")]
fn is_one(client: &u16) -> bool {
    *client == 1
}

/// The list, by client.
#[derive(Debug)]
struct Requests {
    clients: Vec<Vec<Asked>>,
    listed: Vec<(Duration, ClientId)>,
    named: Vec<String>,
}

fn build(text: &str, named: &Named<'_>) -> Result<Arc<dyn Workload>, Vec<Diagnostic>> {
    /// The settings: one list.
    #[derive(Deserialize)]
    struct List(Vec<Asked>);

    let List(list) = named.decode(text)?;
    let bad = |reason: &str| {
        Err(vec![Diagnostic::error(Code::BadSetting, named.name_span, reason).label("here")])
    };
    if list.is_empty() {
        return bad("there is at least one request");
    }
    if list.windows(2).any(|pair| pair[1].at < pair[0].at) {
        return bad("requests come in the order of their instants");
    }
    if list.iter().any(|asked| asked.client == 0 || asked.op == Some(0)) {
        return bad("clients and operations are counted from 1");
    }
    let requests = Requests::of(list);
    if !requests.has_distinct_numbers() {
        return bad("two requests have the same number: give each an `op` of its own");
    }
    Ok(Arc::new(requests))
}

impl Requests {
    fn of(list: Vec<Asked>) -> Self {
        let mut named: Vec<String> = list.iter().filter_map(|asked| asked.node.clone()).collect();
        named.sort();
        named.dedup();
        let clients = list.iter().map(|asked| asked.client).max().unwrap_or(1);
        let listed = list.iter().map(|asked| (asked.at, ClientId(asked.client - 1))).collect();
        let mut by_client = vec![Vec::new(); usize::from(clients)];
        for asked in list {
            by_client[usize::from(asked.client) - 1].push(asked);
        }
        Self { clients: by_client, listed, named }
    }

    fn has_distinct_numbers(&self) -> bool {
        let of = |(client, list): (usize, &Vec<Asked>)| {
            let client = ClientId(client as u16);
            (0..list.len() as u64).map(|nth| self.number(client, nth)).collect::<Vec<_>>()
        };
        let mut numbers: Vec<OpId> = self.clients.iter().enumerate().flat_map(of).collect();
        numbers.sort();
        numbers.windows(2).all(|pair| pair[0] != pair[1])
    }

    fn asked(&self, client: ClientId, nth: u64) -> Option<&Asked> {
        self.clients[usize::from(client.0)].get(usize::try_from(nth).ok()?)
    }
}

impl Workload for Requests {
    fn clients(&self) -> u16 {
        self.clients.len() as u16
    }

    fn number(&self, client: ClientId, nth: u64) -> OpId {
        let own = self.asked(client, nth).and_then(|asked| asked.op);
        let next = nth * u64::from(self.clients()) + u64::from(client.0) + 1;
        OpId(own.unwrap_or(next as u32))
    }

    fn named(&self) -> Vec<String> {
        self.named.clone()
    }

    fn listed(&self) -> &[(Duration, ClientId)] {
        &self.listed
    }

    fn first(&self, draw: &mut Draw<'_>) -> Duration {
        // A client without a request never asks.
        self.asked(draw.client(), 0).map_or(Duration::from_nanos(u64::MAX), |asked| asked.at)
    }

    fn next(&self, draw: &mut Draw<'_>) -> Request {
        let (client, nth) = (draw.client(), draw.nth());
        let asked = self.asked(client, nth).expect("only what is in the list is asked");
        let again = match self.asked(client, nth + 1) {
            Some(next) => Again::After(next.at - asked.at),
            None => Again::Never,
        };
        let place = |name: &String| self.named.binary_search(name);
        let target = match asked.node.as_ref().map(place) {
            Some(Ok(place)) => Target::Named(place),
            _ => Target::Any,
        };
        Request { operation: asked.ask, target, again }
    }
}
