//! Thousands of pending keys: a wheel of buckets of time, of which only the first is kept sorted.
//!
//! ```text
//!   time ──▶  │ due: sorted │ later │ later │ … │ later │      far: beyond one turn of the wheel
//!               pop ▲          sorted when its turn comes     dealt out when the wheel gets there
//! ```
//!
//! A heap of a hundred thousand keys is walked through seven levels, each a miss of the cache; here
//! a key is put down once, sorted among a few neighbours and taken up again. The width of a bucket
//! is chosen from the keys that are there when the wheel is built, and anew when there are four
//! times as many or a quarter: a width that the caller would have to know was rejected.
//!
//! Limits: where very many keys share one instant the first bucket becomes long, and inserting
//! into it dear; the wheel then says so, and the queue goes back to its heap.

/// A turn of the wheel.
const BUCKETS: usize = 1 << 12;
/// How many keys a bucket should hold.
const KEYS_WANTED: u64 = 6;
/// A first bucket that is longer than this is no good place to insert into.
const CROWD: usize = 512;

/// How well a wheel suits its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// Well enough.
    Well,
    /// There are far more or far fewer than its buckets were chosen for.
    Otherwise,
    /// Too many lie at one instant.
    Crowded,
}

/// Pending keys: time in the high half, anything in the low half.
#[derive(Clone, Debug)]
pub(super) struct Wheel {
    buckets: Vec<Vec<u128>>,
    /// A bucket is 2^shift nanoseconds wide.
    shift: u32,
    /// The bucket that is due, counted from time zero; it holds the first key.
    at: u64,
    /// Keys in buckets.
    near: usize,
    /// Keys that were beyond the turn when they came.
    far: Vec<u128>,
    /// The bucket of the first of them.
    far_first: u64,
    /// How many keys there were when the width was chosen.
    chosen_for: usize,
}

impl Default for Wheel {
    fn default() -> Self {
        Self {
            buckets: vec![Vec::new(); BUCKETS],
            shift: 0,
            at: 0,
            near: 0,
            far: Vec::new(),
            far_first: u64::MAX,
            chosen_for: 0,
        }
    }
}

fn nanos(key: u128) -> u64 {
    (key >> 64) as u64
}

impl Wheel {
    /// Takes over all keys.
    ///
    /// # Panics
    /// When there are none, or the wheel is not empty.
    pub(super) fn fill(&mut self, keys: &mut Vec<u128>) {
        assert!(self.len() == 0 && !keys.is_empty(), "a wheel is built once, of some keys");
        let middle = keys.len() / 2;
        let first = keys.iter().copied().map(nanos).min().expect("there are some");
        let (_, median, _) = keys.select_nth_unstable(middle);
        let half = nanos(*median) - first;
        let width = (half / (middle as u64 + 1)).saturating_mul(KEYS_WANTED);
        let least = half / (BUCKETS as u64 / 4);
        self.shift = u64::BITS - width.max(least).max(1).leading_zeros();
        self.at = first >> self.shift;
        self.chosen_for = keys.len();
        for key in keys.drain(..) {
            self.put(key);
        }
        self.sort_due();
    }

    pub(super) fn len(&self) -> usize {
        self.near + self.far.len()
    }

    /// Forgets all keys and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.buckets.iter_mut().for_each(Vec::clear);
        self.far.clear();
        (self.near, self.far_first) = (0, u64::MAX);
    }

    /// The first key.
    #[inline]
    pub(super) fn first(&self) -> Option<u128> {
        self.due().last().copied()
    }

    /// The keys of the bucket that is due, last one first.
    pub(super) fn due(&self) -> &Vec<u128> {
        &self.buckets[self.at as usize % BUCKETS]
    }

    /// Adds a key to a wheel that is not empty.
    #[inline]
    pub(super) fn push(&mut self, key: u128) -> Fit {
        if nanos(key) >> self.shift > self.at {
            self.put(key);
        } else {
            let due = &mut self.buckets[self.at as usize % BUCKETS];
            let place = due.partition_point(|&other| other > key);
            due.insert(place, key);
            self.near += 1;
            if due.len() > CROWD {
                return Fit::Crowded;
            }
        }
        if self.len() > 4 * self.chosen_for { Fit::Otherwise } else { Fit::Well }
    }

    fn put(&mut self, key: u128) {
        let bucket = nanos(key) >> self.shift;
        if bucket - self.at < BUCKETS as u64 {
            self.buckets[bucket as usize % BUCKETS].push(key);
            self.near += 1;
        } else {
            self.far_first = self.far_first.min(bucket);
            self.far.push(key);
        }
    }

    /// Takes the first key, and says whether it was the last of its bucket.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<(u128, bool, Fit)> {
        let due = &mut self.buckets[self.at as usize % BUCKETS];
        let key = due.pop()?;
        let is_used_up = due.is_empty();
        self.near -= 1;
        if is_used_up {
            self.turn();
        }
        let is_sparse = self.len() * 4 < self.chosen_for;
        Some((key, is_used_up, if is_sparse { Fit::Otherwise } else { Fit::Well }))
    }

    /// Goes on to the bucket that holds the next key.
    fn turn(&mut self) {
        if self.near == 0 && self.far.is_empty() {
            return;
        }
        let begin = self.at;
        let is_held = |&at: &u64| !self.buckets[at as usize % BUCKETS].is_empty();
        let next = (begin + 1..begin + BUCKETS as u64).find(is_held);
        self.at = next.map_or(self.far_first, |next| next.min(self.far_first));
        if self.far_first <= self.at {
            self.deal();
        }
        self.sort_due();
    }

    /// Deals out the far keys that are within a turn by now.
    fn deal(&mut self) {
        let mut far = std::mem::take(&mut self.far);
        self.far_first = u64::MAX;
        let (at, shift) = (self.at, self.shift);
        far.retain(|&key| {
            let bucket = nanos(key) >> shift;
            let is_far = bucket - at >= BUCKETS as u64;
            if is_far {
                self.far_first = self.far_first.min(bucket);
            } else {
                self.buckets[bucket as usize % BUCKETS].push(key);
                self.near += 1;
            }
            is_far
        });
        self.far = far;
    }

    fn sort_due(&mut self) {
        self.buckets[self.at as usize % BUCKETS].sort_unstable_by(|one, other| other.cmp(one));
    }

    /// All keys, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &u128> {
        self.buckets.iter().flatten().chain(&self.far)
    }

    /// Gives all keys back, in no order, and keeps the memory.
    pub(super) fn empty_into(&mut self, keys: &mut Vec<u128>) {
        keys.extend(self.iter());
        self.clear();
    }
}
