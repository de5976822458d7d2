//! The event queue: keys of one word and a half, in the order in which a run handles them.
//!
//! ```text
//!  u128 key = time 64 │ class 3 │ sequence 37 │ slot 24       payloads stay in the caller's slab
//!  few pending: one descending vector, popping is free       more: a heap with four children
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

use super::time::Time;

const FEW: usize = 24;
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
    keys: Vec<u128>,
    /// Four children per parent, smallest first; otherwise descending, smallest last.
    heap: bool,
}

impl Queue {
    /// Forgets all entries and keeps the memory.
    pub fn clear(&mut self) {
        self.keys.clear();
        self.heap = false;
    }

    /// How many entries there are, cancelled ones included.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// True when nothing is pending.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Adds an entry.
    #[inline]
    pub fn push(&mut self, at: Time, tag: Tag) {
        let key = u128::from(at.as_nanos()) << 64 | u128::from(tag.0);
        if self.heap {
            return self.sift_up(key);
        }
        let mut place = self.keys.len();
        if place >= FEW {
            self.keys.reverse();
            self.heap = true;
            return self.sift_up(key);
        }
        self.keys.push(key);
        while place > 0 && self.keys[place - 1] < key {
            self.keys[place] = self.keys[place - 1];
            place -= 1;
        }
        self.keys[place] = key;
    }

    /// Takes the first entry.
    #[inline]
    pub fn pop(&mut self) -> Option<(Time, Tag)> {
        let key = if self.heap { self.sift_down() } else { self.keys.pop() }?;
        Some((Time::from_nanos((key >> 64) as u64), Tag(key as u64)))
    }

    /// When the first entry is due.
    pub fn next_at(&self) -> Option<Time> {
        let key = if self.heap { self.keys.first() } else { self.keys.last() }?;
        Some(Time::from_nanos((key >> 64) as u64))
    }

    /// All entries with their times, cancelled ones included, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (Time, Tag)> {
        self.keys.iter().map(|&key| (Time::from_nanos((key >> 64) as u64), Tag(key as u64)))
    }

    /// Drops the entries that the caller no longer knows.
    pub fn retain(&mut self, mut known: impl FnMut(Tag) -> bool) {
        self.keys.retain(|&key| known(Tag(key as u64)));
        if self.heap {
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
            self.heap = false;
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
            self.heap = false;
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
