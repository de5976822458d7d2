//! Named draws: every random decision is looked up by what it is about, not by when it is made.
//!
//! ```text
//!  seed ──ChaCha8──▶ 8 key words, one per purpose
//!  (purpose, four words that name the decision) ──fold──▶ Key ──(attempt, i)──▶ word
//! ```
//!
//! The fate of `Prepare` for t3 from c to p2, second attempt, is the same word whatever else
//! happens in the run: adding a heartbeat, a node or a fault moves no other draw. So variants run
//! under the same weather, and taking a fault away changes nothing but the fault.
//!
//! A stream of random numbers was rejected (every new call would shift all later ones), and so was
//! a fresh ChaCha stream per name (it costs fifty times as much as a multiplication).
//! ChaCha8 is the root of all randomness; names are folded into its words by a wide product.
//!
//! Limits: a draw is as stable as its name; shuffled ties are named by the number of the event.
//! Words are for simulation, not for secrets. Two names that fold to one key share their draws;
//! with 64 bits that needs billions of names.

use super::{digest::fold_text, ids::Seed};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
const STIR: u64 = 0xE703_7ED1_A0B4_28DB;

/// What a draw is for. Each purpose has a key word of its own, so one can be drawn anew while the
/// others stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Loss, copies and latency of messages.
    Network,
    /// Duration of forces; what a crash leaves of an unsynced tail.
    Disk,
    /// Offset and drift of each node's clock.
    Clock,
    /// When a fault rule strikes, whom, and for how long.
    Faults,
    /// What clients ask for, and when.
    Workload,
    /// Which fault classes a seed has, and the core that is healed.
    Swarm,
    /// Choices that a protocol makes itself.
    Node,
    /// The order of events at one instant, where a scenario shuffles it.
    Tie,
}

/// All randomness of one run.
#[derive(Clone, Debug)]
pub struct Draws {
    roots: [u64; 8],
}

/// A named decision, ready to give the words of any attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key(u64);

/// Multiplies two words into one: the high half of the product folded onto the low half.
#[inline]
pub(crate) fn fold_product(x: u64, y: u64) -> u64 {
    let product = u128::from(x) * u128::from(y);
    (product as u64) ^ ((product >> 64) as u64)
}

impl Draws {
    /// The draws of a seed: one block of ChaCha8 gives the eight key words.
    pub fn new(seed: Seed) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.0.to_le_bytes());
        let mut chacha = ChaCha8Rng::from_seed(key);
        Self { roots: std::array::from_fn(|_| chacha.next_u64()) }
    }

    /// Names a decision by up to four words (names hashed by [`name_word`], topics, positions).
    #[inline]
    pub fn key(&self, purpose: Purpose, [a, b, c, d]: [u64; 4]) -> Key {
        let root = self.roots[purpose as usize];
        let other = self.roots[(purpose as usize + 1) % 8];
        let left = root ^ a.rotate_left(17) ^ c;
        let right = other ^ b ^ d.wrapping_mul(GOLDEN);
        Key(fold_product(left, right))
    }
}

impl Key {
    /// Word `index` (0 to 7) of the given attempt at this decision.
    #[inline]
    pub fn word(self, attempt: u32, index: u32) -> u64 {
        debug_assert!(index < 8, "an attempt has eight words");
        let place = (u64::from(attempt) << 3) + u64::from(index);
        let x = self.0.wrapping_add(place).wrapping_mul(GOLDEN) ^ self.0;
        fold_product(x, x ^ STIR)
    }
}

/// How often each decision has been drawn in a run: each key has a count of its own.
///
/// A table of fixed size, in which keys share counts, was tried and rejected: a heartbeat that
/// shares a count with a message moves its draws, within a few runs of thirty messages each. This one
/// grows with the number of names, keeps its memory, and is emptied by a stamp.
#[derive(Clone, Debug)]
pub struct Attempts {
    cells: Vec<Cell>,
    /// The stamp of this run; a cell with another one is empty.
    run: u32,
    used: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    key: u64,
    run: u32,
    count: u32,
}

impl Default for Attempts {
    fn default() -> Self {
        Self { cells: vec![Cell::default(); 256], run: 1, used: 0 }
    }
}

impl Attempts {
    /// Forgets all counts, and keeps the memory.
    pub fn clear(&mut self) {
        (self.run, self.used) = (self.run.wrapping_add(1), 0);
        if self.run == 0 {
            self.cells.fill(Cell::default());
            self.run = 1;
        }
    }

    /// The number of this attempt at a decision, from 0.
    #[inline]
    pub fn next(&mut self, key: Key) -> u32 {
        let mask = self.cells.len() - 1;
        let mut place = key.0 as usize & mask;
        loop {
            let cell = &mut self.cells[place];
            if cell.run != self.run {
                *cell = Cell { key: key.0, run: self.run, count: 1 };
                self.used += 1;
                if self.used * 2 > mask {
                    self.grow();
                }
                return 0;
            }
            if cell.key == key.0 {
                cell.count += 1;
                return cell.count - 1;
            }
            place = (place + 1) & mask;
        }
    }

    #[cold]
    fn grow(&mut self) {
        let mask = self.cells.len() * 2 - 1;
        let cells = std::mem::replace(&mut self.cells, vec![Cell::default(); mask + 1]);
        for cell in cells.into_iter().filter(|cell| cell.run == self.run) {
            let mut place = cell.key as usize & mask;
            while self.cells[place].run == self.run {
                place = (place + 1) & mask;
            }
            self.cells[place] = cell;
        }
    }
}

/// The word of a text used in names: node names, labels, rule ids.
pub fn name_word(text: &str) -> u64 {
    fold_text(text)
}

/// A number from 0 to `bound − 1`, monotone in the word.
///
/// # Panics
/// When `bound` is zero.
#[inline]
pub fn below(word: u64, bound: u64) -> u64 {
    assert!(bound > 0, "a choice needs at least one possibility");
    ((u128::from(word) * u128::from(bound)) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(draws: &Draws, label: &str, topic: u64) -> Key {
        draws.key(Purpose::Network, [name_word("c"), name_word("p2"), name_word(label), topic])
    }

    #[test]
    fn a_draw_depends_on_its_name_alone() {
        let draws = Draws::new(Seed(7));
        let before = key(&draws, "Prepare", 3).word(1, 0);
        _ = key(&draws, "Heartbeat", 9).word(5, 2);
        assert_eq!(key(&draws, "Prepare", 3).word(1, 0), before);
        assert_ne!(key(&draws, "Prepare", 4).word(1, 0), before);
        assert_ne!(key(&draws, "Prepare", 3).word(2, 0), before);
        assert_ne!(key(&Draws::new(Seed(8)), "Prepare", 3).word(1, 0), before);
    }

    #[test]
    fn every_decision_counts_its_own_attempts() {
        let draws = Draws::new(Seed(1));
        let mut attempts = Attempts::default();
        for run in 0..3 {
            for attempt in 0..3 {
                for topic in 0..1_000 * (run + 1) {
                    assert_eq!(attempts.next(key(&draws, "Prepare", topic)), attempt);
                }
            }
            attempts.clear();
        }
    }

    #[test]
    fn words_of_a_seed_never_change() {
        let key = key(&Draws::new(Seed(1)), "Prepare", 1);
        let words: Vec<String> = (0..2).map(|i| format!("{:016x}", key.word(0, i))).collect();
        assert_eq!(words, ["ad49664a60f3115f", "d52bd05af93d70d2"]);
    }

    #[test]
    fn below_covers_its_range_evenly() {
        let key = key(&Draws::new(Seed(1)), "Prepare", 1);
        let mut counts = [0; 6];
        for attempt in 0..60_000 {
            counts[below(key.word(attempt, 0), 6) as usize] += 1;
        }
        // Five standard deviations of a binomial of 60,000 at 1/6 are 456.
        assert!(counts.iter().all(|count: &i32| (count - 10_000).abs() < 456), "{counts:?}");
    }
}
