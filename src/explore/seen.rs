//! The set of states seen: a key, and where it was first reached from.
//!
//! ```text
//!   key ──scatter──▶ slots: [ · 7 · 0 3 · ]      open addressing, at most 5 of 8 in use
//!                             │
//!                             ▼
//!   entries: chunks of { key 16, parent 4, ordinal 4 } in the order of discovery
//! ```
//!
//! A state costs 24 bytes and its share of the slots, 6.4 to 12.8 bytes: at most 37. Paths are not
//! stored; parents lead back to an initial state. Entries lie in chunks that never move, so memory
//! does not double while the set grows, and slots are rebuilt from the entries.
//!
//! Keys in the slots were rejected: growing would renumber all parents. Nothing here is ever
//! iterated in the order of the slots.

use super::model::Ordinal;
use crate::base::draws::fold_product;

const CHUNK: usize = 1 << 14;
const EMPTY: u32 = u32::MAX;

/// The most states that a set can hold.
pub const STATES_MAX: u32 = u32::MAX - 1;

/// A state in the set, numbered in the order of discovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StateId(pub u32);

#[derive(Clone, Copy, Debug)]
struct Entry {
    high: u64,
    low: u64,
    parent: u32,
    ordinal: Ordinal,
}

/// What became of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// It was not in the set, and is now.
    New(StateId),
    /// It was in the set, which is unchanged.
    Known(StateId),
    /// It was not in the set, and there is no room for it.
    Full,
}

/// All states seen.
#[derive(Clone, Debug)]
pub struct Seen {
    slots: Vec<u32>,
    chunks: Vec<Vec<Entry>>,
    used: u32,
    states_max: u32,
}

impl Seen {
    /// An empty set with room for so many states (at most [`STATES_MAX`]).
    pub fn new(states_max: u32) -> Self {
        let states_max = states_max.min(STATES_MAX);
        Self { slots: vec![EMPTY; 64], chunks: Vec::new(), used: 0, states_max }
    }

    /// How many states are in it.
    pub fn len(&self) -> u32 {
        self.used
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Adds a key, first reached from `parent` by its successor `ordinal`; no parent for an
    /// initial state.
    #[inline]
    pub fn insert(&mut self, key: u128, parent: Option<StateId>, ordinal: Ordinal) -> Inserted {
        let place = match self.find(key) {
            Ok(known) => return Inserted::Known(known),
            Err(place) => place,
        };
        if self.used == self.states_max {
            return Inserted::Full;
        }
        let id = self.used;
        let parent = parent.map_or(EMPTY, |parent| parent.0);
        self.push(Entry { high: (key >> 64) as u64, low: key as u64, parent, ordinal });
        self.slots[place] = id;
        if self.used as usize * 8 > self.slots.len() * 5 {
            self.grow();
        }
        Inserted::New(StateId(id))
    }

    /// The state with this key, if it is in the set.
    pub fn get(&self, key: u128) -> Option<StateId> {
        self.find(key).ok()
    }

    /// Whether the set has this key.
    pub fn contains(&self, key: u128) -> bool {
        self.find(key).is_ok()
    }

    /// The key of a state.
    ///
    /// # Panics
    /// When the state is not of this set, as everywhere below.
    pub fn key(&self, id: StateId) -> u128 {
        let entry = self.entry(id.0);
        u128::from(entry.high) << 64 | u128::from(entry.low)
    }

    /// Where a state was first reached from, and by which successor; an initial state has no
    /// parent, and its ordinal is its position.
    pub fn origin(&self, id: StateId) -> (Option<StateId>, Ordinal) {
        let entry = self.entry(id.0);
        ((entry.parent != EMPTY).then_some(StateId(entry.parent)), entry.ordinal)
    }

    /// The states on the way to one, an initial one first.
    pub fn ancestry(&self, id: StateId) -> Vec<StateId> {
        let mut ids: Vec<StateId> =
            std::iter::successors(Some(id), |id| self.origin(*id).0).collect();
        ids.reverse();
        ids
    }

    /// The memory that it holds, in bytes.
    pub fn bytes(&self) -> u64 {
        let entries: usize = self.chunks.iter().map(Vec::capacity).sum();
        let slots = self.slots.capacity() * size_of::<u32>();
        (entries * size_of::<Entry>() + slots) as u64
    }

    /// Where the key is, or the empty slot where it belongs.
    #[inline]
    fn find(&self, key: u128) -> Result<StateId, usize> {
        let (high, low) = ((key >> 64) as u64, key as u64);
        let mask = self.slots.len() - 1;
        let mut place = scatter(high, low) as usize & mask;
        loop {
            let id = self.slots[place];
            if id == EMPTY {
                return Err(place);
            }
            let entry = self.entry(id);
            if entry.low == low && entry.high == high {
                return Ok(StateId(id));
            }
            place = (place + 1) & mask;
        }
    }

    #[inline]
    fn entry(&self, id: u32) -> &Entry {
        &self.chunks[id as usize / CHUNK][id as usize % CHUNK]
    }

    #[inline]
    fn push(&mut self, entry: Entry) {
        if (self.used as usize).is_multiple_of(CHUNK) {
            self.chunks.push(self.new_chunk());
        }
        self.chunks.last_mut().expect("a chunk was added").push(entry);
        self.used += 1;
    }

    /// The first chunk grows by itself, so that a set of three states is small.
    fn new_chunk(&self) -> Vec<Entry> {
        if self.chunks.is_empty() { Vec::new() } else { Vec::with_capacity(CHUNK) }
    }

    /// Doubles the slots and finds every entry's place anew. The old slots are freed first.
    #[cold]
    fn grow(&mut self) {
        let size = self.slots.len() * 2;
        self.slots = Vec::new();
        self.slots = vec![EMPTY; size];
        for (id, entry) in self.chunks.iter().flatten().enumerate() {
            let mut place = scatter(entry.high, entry.low) as usize & (size - 1);
            while self.slots[place] != EMPTY {
                place = (place + 1) & (size - 1);
            }
            self.slots[place] = id as u32;
        }
    }
}

/// Spreads packed words over the slots; keys that are digests already lose nothing.
#[inline]
fn scatter(high: u64, low: u64) -> u64 {
    fold_product(low ^ 0x9E37_79B9_7F4A_7C15, high ^ 0xE703_7ED1_A0B4_28DB)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn keys() -> impl Strategy<Value = Vec<u128>> {
        // Few small keys, which repeat; and words that differ in one half only.
        let small = (0..40_u128).boxed();
        let high = (0..40_u128).prop_map(|key| key << 64).boxed();
        prop::collection::vec(prop_oneof![small, high, any::<u128>()], 0..600)
    }

    proptest! {
        #[test]
        fn it_is_a_map_from_keys_to_the_order_of_discovery(keys in keys(), room in 1..400_u32) {
            let mut seen = Seen::new(room);
            let mut model: BTreeMap<u128, u32> = BTreeMap::new();
            for (time, &key) in keys.iter().enumerate() {
                let parent = (!model.is_empty()).then(|| StateId(seen.len() - 1));
                let inserted = seen.insert(key, parent, Ordinal(time as u32));
                let known = model.get(&key).map(|&id| Inserted::Known(StateId(id)));
                let room = model.len() < room as usize;
                let new = if room { Inserted::New(StateId(model.len() as u32)) } else { Inserted::Full };
                prop_assert_eq!(inserted, known.unwrap_or(new));
                if let Inserted::New(id) = inserted {
                    model.insert(key, id.0);
                    prop_assert_eq!(seen.origin(id), (parent, Ordinal(time as u32)));
                }
            }
            prop_assert_eq!(seen.len() as usize, model.len());
            for (&key, &id) in &model {
                prop_assert_eq!(seen.key(StateId(id)), key);
                prop_assert_eq!(seen.get(key), Some(StateId(id)));
                prop_assert_eq!(seen.ancestry(StateId(id)).len(), id as usize + 1);
            }
            prop_assert!(!seen.contains(u128::MAX - 7) || model.contains_key(&(u128::MAX - 7)));
        }
    }

    #[test]
    fn a_state_costs_at_most_forty_bytes() {
        let mut seen = Seen::new(STATES_MAX);
        for key in 0..1_000_000_u128 {
            seen.insert(key * 3, None, Ordinal(0));
            let count = u64::from(seen.len());
            let slack = (CHUNK * size_of::<Entry>()) as u64;
            assert!(seen.bytes() <= 40 * count + slack, "{} bytes for {count}", seen.bytes());
        }
    }
}
