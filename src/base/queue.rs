//! The event queue: keys of one word and a half, in the order in which a run handles them.
//!
//! ```text
//!  u128 key = time 64 │ class 3 │ sequence 37 │ slot 24       payloads stay in the caller's slab
//!  few pending: one descending vector, popping is free       more: a heap with four children
//!  thousands: a wheel of buckets of time
//! ```
//!
//! At one instant the order is defined: fault, disk, delivery, timer, the end of an operation, the
//! begin of one, then the order of insertion. Ends come first so that a client that asks again at
//! once does so after it has heard, whether its next question is planned then or was long ago.
//!
//! A cancelled entry is not searched for: the caller compares the low half of the popped key with
//! what its slot remembers, and calls [`Queue::retain`] when the dead outnumber the living. A binary heap of whole events was rejected: it moves payloads, and costs half as much
//! again where few events wait.
//!
//! Limits: 16 million pending events, 2^37 insertions in a run; both are asserted.

// Buckets of time, for thousands.
mod wheel;

use super::time::Time;
use wheel::{Fit, Wheel};

const FEW: usize = 24;
const MANY: usize = 2048;
const TURNING: &str = "the shape is that of a wheel";
const SLOT_BITS: u32 = 24;
const SEQUENCE_BITS: u32 = 37;

/// What kind of event it is: the order at equal times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// A scheduled fault, a restart, the end of a cut.
    Fault,
    /// A force has reached the disk.
    Disk,
    /// A message arrives.
    Delivery,
    /// A timer fires.
    Timer,
    /// An operation ends: its client is answered or gives up.
    End,
    /// A client invokes.
    Invoke,
}

/// The low half of a key: unique among all entries of a run, and the slot of the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag(u64);

impl Tag {
    /// No entry has this tag.
    pub const NONE: Self = Self(u64::MAX);

    /// Joins what makes an entry unique.
    ///
    /// # Panics
    /// When the slot or the sequence number outgrows its bits.
    #[inline]
    pub fn new(class: Class, sequence: u64, slot: u32) -> Self {
        assert!(slot < 1 << SLOT_BITS, "more than 16 million events are pending");
        assert!(sequence < 1 << SEQUENCE_BITS, "a run has more than 2^37 events");
        Self((class as u64) << 61 | sequence << SLOT_BITS | u64::from(slot))
    }

    /// Where the payload lies.
    #[inline]
    pub fn slot(self) -> u32 {
        (self.0 & ((1 << SLOT_BITS) - 1)) as u32
    }
}

/// Pending events by time, class and order of insertion.
#[derive(Clone, Debug, Default)]
pub struct Queue {
    /// Those that are not on the wheel.
    keys: Vec<u128>,
    shape: Shape,
    /// There once it has been needed.
    wheel: Option<Box<Wheel>>,
    /// The wheel has been tried in this run, and times are too much alike for it.
    crowded: bool,
    /// The wheel has turned to another bucket since somebody asked.
    has_turned: bool,
}

/// How the keys are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Shape {
    /// Descending, smallest last.
    #[default]
    Sorted,
    /// Four children per parent, smallest first.
    Heap,
    /// Buckets of time.
    Wheel,
}

impl Queue {
    /// Forgets all entries and keeps the memory.
    pub fn clear(&mut self) {
        self.keys.clear();
        (self.shape, self.crowded, self.has_turned) = (Shape::Sorted, false, false);
        if let Some(wheel) = &mut self.wheel
            && wheel.len() > 0
        {
            wheel.clear();
        }
    }

    /// How many entries there are, cancelled ones included.
    pub fn len(&self) -> usize {
        self.keys.len() + self.wheel.as_ref().map_or(0, |wheel| wheel.len())
    }

    /// True when nothing is pending.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds an entry.
    #[inline]
    pub fn push(&mut self, at: Time, tag: Tag) {
        let key = u128::from(at.as_nanos()) << 64 | u128::from(tag.0);
        if self.shape != Shape::Sorted {
            return self.push_among_many(key);
        }
        let mut place = self.keys.len();
        if place >= FEW {
            self.keys.reverse();
            self.shape = Shape::Heap;
            return self.sift_up(key);
        }
        self.keys.push(key);
        while place > 0 && self.keys[place - 1] < key {
            self.keys[place] = self.keys[place - 1];
            place -= 1;
        }
        self.keys[place] = key;
    }

    #[inline(never)]
    fn push_among_many(&mut self, key: u128) {
        if self.shape == Shape::Wheel {
            let fit = self.wheel.as_mut().expect(TURNING).push(key);
            return self.fit(fit);
        }
        self.sift_up(key);
        if self.keys.len() > MANY && !self.crowded {
            self.wheel.get_or_insert_default().fill(&mut self.keys);
            self.shape = Shape::Wheel;
        }
    }

    #[inline(never)]
    fn pop_from_wheel(&mut self) -> Option<u128> {
        let (key, has_turned, fit) = self.wheel.as_mut().expect(TURNING).pop()?;
        self.has_turned = has_turned;
        self.fit(fit);
        Some(key)
    }

    /// Keeps the wheel, builds it anew for as many keys as there are now, or goes back to a heap.
    #[inline]
    fn fit(&mut self, fit: Fit) {
        if fit != Fit::Well {
            self.rebuild(fit);
        }
    }

    #[cold]
    fn rebuild(&mut self, fit: Fit) {
        let wheel = self.wheel.as_mut().expect(TURNING);
        wheel.empty_into(&mut self.keys);
        self.crowded |= fit == Fit::Crowded;
        if self.keys.len() > MANY && !self.crowded {
            return wheel.fill(&mut self.keys);
        }
        self.keys.sort_unstable(); // A sorted vector is a heap.
        self.shape = Shape::Heap;
    }

    /// Takes the first entry.
    #[inline]
    pub fn pop(&mut self) -> Option<(Time, Tag)> {
        let key = match self.shape {
            Shape::Sorted => self.keys.pop(),
            Shape::Heap => self.sift_down(),
            Shape::Wheel => self.pop_from_wheel(),
        }?;
        Some((Time::from_nanos((key >> 64) as u64), Tag(key as u64)))
    }

    /// When the first entry is due.
    #[inline]
    pub fn next_at(&self) -> Option<Time> {
        let key = match self.shape {
            Shape::Sorted => self.keys.last().copied(),
            Shape::Heap => self.keys.first().copied(),
            Shape::Wheel => self.wheel.as_ref().and_then(|wheel| wheel.first()),
        }?;
        Some(Time::from_nanos((key >> 64) as u64))
    }

    /// Whether a new batch of entries has come up since this was last asked. There are batches only
    /// among thousands of entries.
    #[inline]
    pub fn has_turned(&mut self) -> bool {
        std::mem::take(&mut self.has_turned)
    }

    /// The entries of the batch that has come up, in no order: for those who fetch what lies behind
    /// them in good time.
    pub fn batch(&self) -> impl Iterator<Item = Tag> {
        let wheel = self.wheel.iter().filter(|_| self.shape == Shape::Wheel);
        wheel.flat_map(|wheel| wheel.due()).map(|&key| Tag(key as u64))
    }

    /// All entries with their times, cancelled ones included, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (Time, Tag)> {
        let turning = self.wheel.iter().flat_map(|wheel| wheel.iter());
        let keys = self.keys.iter().chain(turning);
        keys.map(|&key| (Time::from_nanos((key >> 64) as u64), Tag(key as u64)))
    }

    /// Drops the entries that the caller no longer knows.
    pub fn retain(&mut self, mut known: impl FnMut(Tag) -> bool) {
        if self.shape == Shape::Wheel {
            let wheel = self.wheel.as_mut().expect(TURNING);
            wheel.empty_into(&mut self.keys);
            self.shape = Shape::Heap;
        }
        self.keys.retain(|&key| known(Tag(key as u64)));
        if self.shape == Shape::Heap {
            self.keys.sort_unstable(); // A sorted vector is a heap.
        }
    }

    #[inline(never)]
    fn sift_up(&mut self, key: u128) {
        let mut place = self.keys.len();
        self.keys.push(key);
        while place > 0 {
            let parent = (place - 1) >> 2;
            if self.keys[parent] <= key {
                break;
            }
            self.keys[place] = self.keys[parent];
            place = parent;
        }
        self.keys[place] = key;
    }

    #[inline(never)]
    fn sift_down(&mut self) -> Option<u128> {
        let last = self.keys.pop()?;
        if self.keys.is_empty() {
            self.shape = Shape::Sorted;
            return Some(last);
        }
        let first = self.keys[0];
        let mut place = 0;
        while let Some((child, key)) = self.least_child(place)
            && key < last
        {
            self.keys[place] = key;
            place = child;
        }
        self.keys[place] = last;
        if self.keys.len() <= FEW / 3 {
            self.keys.sort_unstable_by(|a, b| b.cmp(a));
            self.shape = Shape::Sorted;
        }
        Some(first)
    }

    #[inline]
    fn least_child(&self, parent: usize) -> Option<(usize, u128)> {
        let first = 4 * parent + 1;
        let end = (first + 4).min(self.keys.len());
        (first..end).map(|child| (child, self.keys[child])).min_by_key(|&(_, key)| key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn equal_times_come_out_by_class_and_then_by_insertion() {
        let mut queue = Queue::default();
        let order = [
            Class::Invoke,
            Class::End,
            Class::Timer,
            Class::Delivery,
            Class::Delivery,
            Class::Disk,
            Class::Fault,
        ];
        for (sequence, class) in order.into_iter().enumerate() {
            queue.push(Time::from_nanos(5), Tag::new(class, sequence as u64, sequence as u32));
        }
        let popped: Vec<u32> =
            std::iter::from_fn(|| queue.pop()).map(|(_, tag)| tag.slot()).collect();
        assert_eq!(popped, [6, 5, 3, 4, 2, 1, 0]);
    }

    /// Times as simulations have them: a little after the latest one that was popped, sometimes much.
    fn thousands(seed: u64, spread: u64, instants: u64) {
        let (mut queue, mut model, mut now) = (Queue::default(), BTreeSet::new(), 0);
        let mut word = seed;
        for sequence in 0..30_000_u64 {
            word = word.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
            let grows = sequence < 12_000 || (word >> 40) % 5 < 2;
            if grows {
                let far = if (word >> 33).is_multiple_of(97) { 1_000 } else { 1 };
                let at = now + (word >> 20) % instants * spread * far;
                queue.push(Time::from_nanos(at), Tag::new(Class::Timer, sequence, sequence as u32));
                model.insert((at, sequence as u32));
            } else {
                let expected = model.pop_first();
                now = expected.map_or(now, |(at, _)| at);
                assert_eq!(queue.pop().map(|(at, tag)| (at.as_nanos(), tag.slot())), expected);
            }
            if sequence.is_multiple_of(9_973) {
                queue.retain(|tag| !tag.slot().is_multiple_of(3));
                model.retain(|&(_, slot)| !slot.is_multiple_of(3));
            }
            assert_eq!(queue.len(), model.len());
            assert_eq!(queue.next_at().map(Time::as_nanos), model.first().map(|entry| entry.0));
        }
        let rest: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        assert!(rest.iter().map(|(at, tag)| (at.as_nanos(), tag.slot())).eq(model));
    }

    #[test]
    fn thousands_of_entries_come_out_in_order_however_their_times_lie() {
        for (seed, spread, instants) in
            [(1, 1_000, 9_000), (2, 1, 3), (3, 1, 1), (4, 1 << 40, 1_000), (5, 7, 1 << 20)]
        {
            thousands(seed, spread, instants);
        }
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_sorted_set(steps in prop::collection::vec((any::<bool>(), 0u64..40), 0..400)) {
            let mut queue = Queue::default();
            let mut model = BTreeSet::new();
            for (sequence, (pop, at)) in steps.into_iter().enumerate() {
                if pop {
                    let expected = model.pop_first();
                    prop_assert_eq!(queue.pop().map(|(at, tag)| (at.as_nanos(), tag.slot())), expected);
                } else {
                    queue.push(Time::from_nanos(at), Tag::new(Class::Timer, sequence as u64, sequence as u32));
                    model.insert((at, sequence as u32));
                }
                prop_assert_eq!(queue.len(), model.len());
                prop_assert_eq!(queue.next_at().map(Time::as_nanos), model.first().map(|entry| entry.0));
            }
        }

        #[test]
        fn retain_keeps_the_order(times in prop::collection::vec(0u64..40, 0..100)) {
            let mut queue = Queue::default();
            for (slot, at) in times.iter().enumerate() {
                queue.push(Time::from_nanos(*at), Tag::new(Class::Timer, slot as u64, slot as u32));
            }
            queue.retain(|tag| tag.slot() % 2 == 0);
            let mut expected: Vec<(u64, u32)> =
                times.iter().enumerate().filter(|(slot, _)| slot % 2 == 0).map(|(slot, at)| (*at, slot as u32)).collect();
            expected.sort_unstable();
            let popped: Vec<(u64, u32)> =
                std::iter::from_fn(|| queue.pop()).map(|(at, tag)| (at.as_nanos(), tag.slot())).collect();
            prop_assert_eq!(popped, expected);
        }
    }
}
