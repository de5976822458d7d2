//! Versions: what a replica holds of one key, and which version replaces which.
//!
//! ```text
//!   newest     {5:a} + {7:b}                    = {7:b}            the greater tag wins
//!   siblings   {c1.1:a} + {c2.1:b past c1.1}    = {c2.1:b}         b had seen a
//!              {c1.1:a} + {c2.1:b}              = {c1.1:a, c2.1:b} neither had seen the other
//! ```
//!
//! A tag is a pair: a time (of a clock, or a counter) and a writer, so that no two writes have the
//! same. Where siblings are kept, a version also says what its writer had seen, as a vector: the
//! *dotted version vectors* of Preguiça, Baquero, Almeida, Fonte & Gonçalves (2010). Plain vectors
//! per server were rejected: two blind writes through one server could not be told apart.
//!
//! Limits: vectors never shrink. Values are numbers.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What becomes of versions of which neither writer had seen the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Siblings {
    /// All stay, for a reader to reconcile.
    Kept,
    /// The one with the greatest tag stays.
    Dropped,
}

/// Which of two versions is newer: by time, then by writer.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Tag {
    /// A clock's nanoseconds, or a counter.
    pub time: u64,
    /// Whose write it is. Tells nothing about time.
    pub writer: u32,
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.time, self.writer)
    }
}

/// What somebody has seen: of each writer everything up to a counter. Sorted by writer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen(Vec<(u32, u64)>);

impl Seen {
    /// Whether the version of this tag was seen.
    pub fn covers(&self, tag: Tag) -> bool {
        let found = self.0.binary_search_by_key(&tag.writer, |(writer, _)| *writer);
        found.is_ok_and(|place| tag.time <= self.0[place].1)
    }

    fn add(&mut self, Tag { time, writer }: Tag) {
        match self.0.binary_search_by_key(&writer, |(writer, _)| *writer) {
            Ok(place) => self.0[place].1 = time.max(self.0[place].1),
            Err(place) => self.0.insert(place, (writer, time)),
        }
    }

    /// Sees a write of one's own, if everything that its writer had numbered before was seen. With a
    /// gap it would cover a stranger's write, and the next one would replace what nobody had read.
    pub fn add_own(&mut self, tag: Tag) {
        let before = Tag { time: tag.time - 1, ..tag };
        if before.time == 0 || self.covers(before) {
            self.add(tag);
        }
    }

    /// Sees what `other` has seen.
    pub fn join(&mut self, other: &Self) {
        other.0.iter().for_each(|&(writer, time)| self.add(Tag { time, writer }));
    }
}

/// One written value.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// When and by whom it was written.
    pub tag: Tag,
    /// What was written.
    pub value: i64,
    /// What its writer had seen; empty where siblings are not kept.
    pub past: Seen,
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{:?}", self.value, self.tag)
    }
}

/// What is held of one key: nothing, one version, or siblings. Sorted by tag.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions(Vec<Version>);

impl Versions {
    /// Just this one.
    pub fn of(version: Version) -> Self {
        Self(vec![version])
    }

    /// Was the key never written, as far as this shows?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, by tag.
    pub fn iter(&self) -> impl Iterator<Item = &Version> {
        self.0.iter()
    }

    /// Their tags, which tell whether two replicas hold the same.
    pub fn tags(&self) -> Vec<Tag> {
        self.0.iter().map(|version| version.tag).collect()
    }

    /// The greatest tag; before everything for a key that was never written.
    pub fn newest(&self) -> Tag {
        self.0.last().map_or(Tag::default(), |version| version.tag)
    }

    /// The value of the greatest tag; zero for a key that was never written.
    pub fn value(&self) -> i64 {
        self.0.last().map_or(0, |version| version.value)
    }

    /// Everything that a client who reads this has seen.
    pub fn seen(&self) -> Seen {
        let mut seen = Seen::default();
        for version in &self.0 {
            seen.join(&version.past);
            seen.add(version.tag);
        }
        seen
    }

    /// The counter of a writer's latest write among them, or that they had seen.
    pub fn counter(&self, writer: u32) -> u64 {
        let seen = self.seen();
        let of = seen.0.iter().find(|(known, _)| *known == writer);
        of.map_or(0, |(_, counter)| *counter)
    }

    /// Takes in what somebody else holds. Idempotent, commutative, associative.
    pub fn merge(&mut self, other: &Self, siblings: Siblings) {
        for version in &other.0 {
            match self.0.binary_search_by_key(&version.tag, |held| held.tag) {
                Ok(_) => {}
                Err(place) => self.0.insert(place, version.clone()),
            }
        }
        match siblings {
            Siblings::Dropped => drop(self.0.drain(..self.0.len().saturating_sub(1))),
            Siblings::Kept => self.drop_what_was_seen(),
        }
    }

    fn drop_what_was_seen(&mut self) {
        for place in (0..self.0.len()).rev() {
            let tag = self.0[place].tag;
            if self.0.iter().any(|version| version.past.covers(tag)) {
                self.0.remove(place);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn write(time: u64, writer: u32, value: i64, past: Seen) -> Versions {
        Versions::of(Version { tag: Tag { time, writer }, value, past })
    }

    fn blind(time: u64, writer: u32, value: i64) -> Versions {
        write(time, writer, value, Seen::default())
    }

    fn merged(parts: &[&Versions], siblings: Siblings) -> Versions {
        let mut all = Versions::default();
        for part in parts {
            all.merge(part, siblings);
        }
        all
    }

    fn values(versions: &Versions) -> Vec<i64> {
        versions.iter().map(|version| version.value).collect()
    }

    #[test]
    fn the_greater_tag_wins_whatever_comes_last() {
        let (old, new) = (blind(5, 9, 50), blind(7, 1, 70));
        assert_eq!(merged(&[&old, &new], Siblings::Dropped), new);
        assert_eq!(merged(&[&new, &old], Siblings::Dropped), new);
        assert_eq!(Versions::default().value(), 0);
    }

    #[test]
    fn what_a_writer_had_seen_is_replaced_and_the_rest_stays_beside_it() {
        let first = blind(1, 1, 10);
        let informed = write(1, 2, 20, first.seen());
        let ignorant = blind(1, 3, 30);
        assert_eq!(values(&merged(&[&informed, &first], Siblings::Kept)), [20]);
        let both = merged(&[&first, &ignorant], Siblings::Kept);
        assert_eq!(values(&both), [10, 30]);
        let last = write(2, 2, 40, both.seen());
        assert_eq!(values(&merged(&[&last, &both, &informed], Siblings::Kept)), [20, 40]);
    }

    /// One server, three puts: k1 writes a, k2 writes b without having read, k1 writes c over a.
    #[test]
    fn the_script_of_three_puts_leaves_two_siblings() {
        let (a, b) = (blind(1, 1, 1), blind(2, 1, 2));
        let c = write(3, 1, 3, a.seen());
        assert_eq!(values(&merged(&[&a, &b, &c], Siblings::Kept)), [2, 3]);
    }

    /// What three coordinators spread: each write with all that its coordinator holds, after the
    /// client has read some of what was spread before.
    fn any_writes() -> impl Strategy<Value = Vec<Versions>> {
        let plan = (0..3_u32, prop::collection::vec(any::<bool>(), 8));
        prop::collection::vec(plan, 1..8).prop_map(|plan| {
            let mut held = vec![Versions::default(); 3];
            let mut all: Vec<Versions> = Vec::new();
            for (nth, (writer, saw)) in plan.into_iter().enumerate() {
                let read = all.iter().zip(saw).filter(|(_, saw)| *saw).map(|(write, _)| write);
                let read: Vec<&Versions> = read.collect();
                let past = merged(&read, Siblings::Kept).seen();
                let held = &mut held[writer as usize];
                let number = held.counter(writer) + 1;
                held.merge(&write(number, writer, nth as i64, past), Siblings::Kept);
                all.push(held.clone());
            }
            all
        })
    }

    #[test]
    fn a_blind_write_sees_nothing_of_what_its_coordinator_numbered_before() {
        let mut seen = Seen::default();
        seen.add_own(Tag { time: 2, writer: 1 });
        assert_eq!(seen, Seen::default());
        seen.add_own(Tag { time: 1, writer: 1 });
        seen.add_own(Tag { time: 2, writer: 1 });
        assert!(seen.covers(Tag { time: 2, writer: 1 }));
    }

    proptest! {
        #[test]
        fn merging_depends_neither_on_order_nor_on_repetition(
            (writes, order) in any_writes().prop_flat_map(|writes| {
                let count = writes.len();
                (Just(writes), prop::collection::vec(0..count, 0..20))
            }),
        ) {
            for siblings in [Siblings::Kept, Siblings::Dropped] {
                let all: Vec<&Versions> = writes.iter().collect();
                let expected = merged(&all, siblings);
                let mut shuffled: Vec<&Versions> = order.iter().map(|&at| &writes[at]).collect();
                shuffled.extend(all.iter().rev());
                prop_assert_eq!(&merged(&shuffled, siblings), &expected);
                let (left, right) = all.split_at(all.len() / 2);
                let halves = [merged(left, siblings), merged(right, siblings)];
                prop_assert_eq!(&merged(&[&halves[1], &halves[0]], siblings), &expected);
            }
        }
    }
}
