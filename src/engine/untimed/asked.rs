//! What clients ask for where time does not decide: the first operations of a workload, in order.
//!
//! ```text
//!   k1: o1 ─── o3 ──▶         the order of a timed run in which every answer comes at once
//!   k2: ── o2 ───── o4 ──▶    first_operations(3) = o1, o2, o3
//! ```
//!
//! A workload says when clients ask; here only the order of that remains. Whether the answer to one
//! comes before the next is asked is for the explorer to vary, except where a client waits for it.

use crate::base::{
    draws::{Draws, below},
    ids::{ClientId, EventId, NodeId, OpId, Seed},
    time::Time,
};
use crate::engine::{
    clients::{Again, Draw, Target},
    operations::HistoryEntry,
    runner::Catalog,
    setup::Setup,
};

/// An operation that a client will ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// What, by whom, of whom.
    pub entry: HistoryEntry,
    /// The operation whose end the client waits for before it asks.
    pub waits_for: Option<OpId>,
}

/// What one client does next.
struct Next {
    at: Time,
    client: ClientId,
    nth: u64,
    waits_for: Option<OpId>,
}

/// The first operations of a setup's workload under a seed, at most so many.
pub fn first_operations(
    setup: &Setup,
    catalog: &Catalog,
    seed: Seed,
    operations_max: usize,
) -> Vec<Asked> {
    let draws = Draws::new(seed);
    let workload = &setup.workload;
    let first = |client| {
        let at = Time::ZERO + workload.first(&mut Draw::new(&draws, client, 0));
        Next { at, client, nth: 0, waits_for: None }
    };
    let mut next: Vec<Next> = (0..workload.clients()).map(ClientId).map(first).collect();
    let mut asked = Vec::new();
    while asked.len() < operations_max {
        next.retain(|next| next.at < setup.until);
        let earliest = next.iter().enumerate().min_by_key(|(_, next)| (next.at, next.client));
        let Some(place) = earliest.map(|(place, _)| place) else { break };
        let Next { at, client, nth, waits_for } = next.swap_remove(place);
        let mut draw = Draw::new(&draws, client, nth);
        let request = workload.next(&mut draw);
        let node = match request.target {
            Target::Node(node) => node,
            Target::Named(place) => setup.targets[place],
            Target::Any => any(&catalog.serving, draw.word("node")),
        };
        let op = workload.number(client, nth);
        let (operation, invoked_at, invoked) = (request.operation, Time::ZERO, EventId(0));
        let entry = HistoryEntry { op, client, node, operation, invoked_at, invoked, ending: None };
        asked.push(Asked { entry, waits_for });
        let again = match request.again {
            Again::After(pause) => Some((pause, None)),
            Again::Thinking(pause) => Some((pause, Some(op))),
            Again::Never => None,
        };
        if let Some((pause, waits_for)) = again {
            next.push(Next { at: at + pause, client, nth: nth + 1, waits_for });
        }
    }
    asked
}

fn any(serving: &[NodeId], word: u64) -> NodeId {
    serving[below(word, serving.len() as u64) as usize]
}
