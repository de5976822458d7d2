//! An index by content: finds the number of a thing that is kept elsewhere.
//!
//! ```text
//!   hash ──▶ slot ──▶ number ──is it the same?──▶ found
//!              └── next slot ◀──no──┘        empty ──▶ new: the caller keeps it under the next number
//! ```
//!
//! Open addressing over one vector of numbers, at most half full, doubled when it is. The things lie
//! flat in their owner, so that a million of them cost no allocation each. `HashMap` was rejected
//! because its order is an accident, `BTreeMap` because it compares along a path of allocations.
//!
//! Limits: nothing is ever taken out.

/// Numbers of things by their hashes.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    /// The number plus one, or zero where nothing is.
    slots: Vec<u32>,
    len: u32,
}

impl Index {
    /// The number of the thing that `is_same` finds, or `Err` with the number it shall have: that
    /// of all things before it. `hash_of` tells the hash of a thing kept before.
    pub(super) fn find_or_add(
        &mut self,
        hash: u64,
        is_same: impl Fn(u32) -> bool,
        hash_of: impl Fn(u32) -> u64,
    ) -> Result<u32, u32> {
        if 2 * self.len as usize >= self.slots.len() {
            self.grow(hash_of);
        }
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        while let Some(number) = self.slots[slot].checked_sub(1) {
            if is_same(number) {
                return Ok(number);
            }
            slot = (slot + 1) & mask;
        }
        self.len += 1;
        self.slots[slot] = self.len;
        Err(self.len - 1)
    }

    /// How many words of eight bytes it fills.
    pub(super) fn kept(&self) -> usize {
        size_of_val(&self.slots[..]) / size_of::<u64>()
    }

    #[cold]
    fn grow(&mut self, hash_of: impl Fn(u32) -> u64) {
        let room = (2 * self.slots.len()).max(64);
        self.slots.clear();
        self.slots.resize(room, 0);
        for number in 0..self.len {
            let mut slot = hash_of(number) as usize & (room - 1);
            while self.slots[slot] != 0 {
                slot = (slot + 1) & (room - 1);
            }
            self.slots[slot] = number + 1;
        }
    }
}

/// A hash of words, well mixed in its low bits.
pub(super) fn hash(words: &[u64]) -> u64 {
    let mix = |hash: u64, word: &u64| {
        let wide = u128::from(hash ^ word) * 0x9e37_79b9_7f4a_7c15;
        (wide >> 64) as u64 ^ wide as u64
    };
    words.iter().fold(0x243f_6a88_85a3_08d3, mix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thing_is_found_under_its_first_number_however_many_there_are() {
        let (mut index, mut kept) = (Index::default(), Vec::new());
        for round in 0..2 {
            for thing in 0..5_000_u64 {
                // Four things share each hash.
                let hash_of = |thing: u64| hash(&[thing / 4]);
                let found = index.find_or_add(
                    hash_of(thing),
                    |number| kept[number as usize] == thing,
                    |number| hash_of(kept[number as usize]),
                );
                if round == 0 {
                    assert_eq!(found, Err(thing as u32));
                    kept.push(thing);
                } else {
                    assert_eq!(found, Ok(thing as u32));
                }
            }
        }
        assert!(index.slots.len() <= 4 * kept.len(), "it stays small");
    }
}
