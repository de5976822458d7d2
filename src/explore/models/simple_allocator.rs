//! An allocator that hands out two resources to clients, and nothing clever.
//!
//! ```text
//!   client: idle ──Request(S)──▶ unsatisfied ⊇ S ──Allocate(part)──▶ holds ──Return(part)──▶ idle
//! ```
//!
//! `SimpleAllocator` of Merz, in the TLA+ examples. A client asks for a set when it has nothing and
//! wants nothing; it gets any free part of what it asked for, and returns any part of what it has.
//!
//! Known counts: 400 states, depth 6 with three clients and two resources.

use super::packed::{Field, sort_rows};
use crate::explore::model::{Model, Ordinal, Violation};

/// The most clients of this model.
pub(super) const NODES_MAX: u32 = 16;

const RESOURCES: u32 = 2;
const SETS: u32 = 1 << RESOURCES;
const STRIDE: u32 = 2 * RESOURCES;
const WANTS: Field = Field::new(0, RESOURCES);
const HOLDS: Field = Field::new(RESOURCES, RESOURCES);

const KINDS: [&str; 3] = ["asks for", "is given", "returns"];

/// The model, with so many clients (1 to 16).
#[derive(Clone, Copy, Debug)]
pub struct SimpleAllocator {
    /// How many.
    pub clients: u32,
}

impl SimpleAllocator {
    fn held(self, state: u128) -> u32 {
        let held = (0..self.clients).map(|client| HOLDS.row(client, STRIDE).of(state));
        held.fold(0, |all, each| all | each)
    }

    fn step(state: u128, kind: u32, client: u32, set: u32, held: u32) -> Option<u128> {
        let (wants, holds) = (WANTS.row(client, STRIDE), HOLDS.row(client, STRIDE));
        let (wanted, own) = (wants.of(state), holds.of(state));
        match kind {
            0 if wanted == 0 && own == 0 => Some(wants.set(state, set)),
            1 if set & !(wanted & !held) == 0 => {
                Some(holds.set(wants.set(state, wanted & !set), own | set))
            }
            2 if set & !own == 0 => Some(holds.set(state, own & !set)),
            _ => None,
        }
    }
}

impl Model for SimpleAllocator {
    type State = u128;

    fn initial(&self, found: &mut impl FnMut(&u128)) {
        found(&0);
    }

    fn successors(&self, &state: &u128, found: &mut impl FnMut(Ordinal, &u128)) {
        let held = self.held(state);
        for kind in 0..KINDS.len() as u32 {
            for client in 0..self.clients {
                for set in 1..SETS {
                    if let Some(next) = Self::step(state, kind, client, set, held) {
                        found(Ordinal(kind << 16 | client << 8 | set), &next);
                    }
                }
            }
        }
    }

    fn key(&self, &state: &u128) -> u128 {
        state
    }

    fn violated(&self, &state: &u128) -> Option<Violation> {
        let held = (0..self.clients).map(|client| HOLDS.row(client, STRIDE).of(state));
        let twice = held.map(u32::count_ones).sum::<u32>() != self.held(state).count_ones();
        twice.then(|| Violation::new("mutual_exclusion", "two clients hold one resource"))
    }

    fn canonical(&self, &state: &u128) -> Option<u128> {
        Some(sort_rows(state, self.clients, STRIDE))
    }

    fn kinds(&self) -> Vec<String> {
        KINDS.map(String::from).to_vec()
    }

    fn kind(&self, ordinal: Ordinal) -> usize {
        (ordinal.0 >> 16) as usize
    }

    fn describe(&self, _: &u128, ordinal: Ordinal) -> String {
        let (client, set) = (ordinal.0 >> 8 & 0xFF, ordinal.0 & 0xFF);
        let names: Vec<String> =
            (0..RESOURCES).filter(|r| set >> r & 1 == 1).map(|r| format!("r{}", r + 1)).collect();
        let what = KINDS[self.kind(ordinal)];
        format!("c{} {what} {}", client + 1, names.join(" and "))
    }
}
