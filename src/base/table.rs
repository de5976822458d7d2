//! A map for small keyed state: a vector of pairs, sorted by key.
//!
//! ```text
//!   get(t7) ──binary search──▶ [ (t2, …) | (t5, …) | (t7, …) | (t9, …) ]
//!   insert(t6) ─────────────────────────────────▲ the tail moves up
//! ```
//!
//! Protocols keep a handful of open transactions, votes, timers. For those a sorted vector beats a
//! tree: one allocation that survives `clear`, neighbours in memory, iteration in key order (so a
//! run does not depend on where things lie). `BTreeMap` was rejected because it allocates and
//! frees nodes for ever in steady state; hashed maps because their order is an accident.
//!
//! Limits: insertion and removal move the entries behind, so beyond some thousand entries that
//! come and go in random order a tree is faster. Keys appended in order stay cheap at any size.

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use std::borrow::Borrow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Bound, RangeBounds};

/// A map from `K` to `V`, ordered by key, with the names of `BTreeMap`.
///
/// Allocates only to grow beyond the most entries it ever held; `clear`, `remove` and `retain`
/// keep the room.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Table<K, V> {
    /// Strictly ascending by key.
    entries: Vec<(K, V)>,
}

impl<K, V> Table<K, V> {
    /// An empty table; allocates nothing yet.
    pub const fn new() -> Self {
        Self { entries: Vec::new() }
    }

    /// An empty table with room for `capacity` entries.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { entries: Vec::with_capacity(capacity) }
    }

    /// How many entries there are.
    #[inline]
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// True without entries.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Removes every entry and keeps the room.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// The entry with the smallest key.
    pub fn first(&self) -> Option<(&K, &V)> {
        self.entries.first().map(pair)
    }

    /// The entry with the largest key.
    pub fn last(&self) -> Option<(&K, &V)> {
        self.entries.last().map(pair)
    }

    /// Removes and returns the entry with the smallest key; the others move down.
    pub fn pop_first(&mut self) -> Option<(K, V)> {
        (!self.entries.is_empty()).then(|| self.entries.remove(0))
    }

    /// All entries, in key order.
    #[inline]
    pub fn iter(&self) -> Iter<'_, K, V> {
        self.entries.iter().map(pair)
    }

    /// All entries in key order, with values that may be changed.
    #[inline]
    pub fn iter_mut(&mut self) -> IterMut<'_, K, V> {
        self.entries.iter_mut().map(pair_mut)
    }

    /// All keys, in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &K> + DoubleEndedIterator + Clone {
        self.entries.iter().map(|(key, _)| key)
    }

    /// All values, in the order of their keys.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &V> + DoubleEndedIterator + Clone {
        self.entries.iter().map(|(_, value)| value)
    }

    /// All values in the order of their keys, to be changed.
    pub fn values_mut(&mut self) -> impl ExactSizeIterator<Item = &mut V> + DoubleEndedIterator {
        self.entries.iter_mut().map(|(_, value)| value)
    }

    /// Keeps the entries for which `keep` is true, asked in key order.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        self.entries.retain_mut(|(key, value)| keep(key, value));
    }
}

impl<K: Ord, V> Table<K, V> {
    /// The value of `key`.
    #[inline]
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.position(key).ok().map(|position| &self.entries[position].1)
    }

    /// The value of `key`, to be changed.
    #[inline]
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.position(key).ok().map(|position| &mut self.entries[position].1)
    }

    /// True if `key` has a value.
    #[inline]
    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.position(key).is_ok()
    }

    /// Gives `key` the value `value` and returns the one it had.
    #[inline]
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.position(&key) {
            Ok(position) => Some(std::mem::replace(&mut self.entries[position].1, value)),
            Err(position) => {
                self.entries.insert(position, (key, value));
                None
            }
        }
    }

    /// Takes `key` out and returns its value.
    #[inline]
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.position(key).ok().map(|position| self.entries.remove(position).1)
    }

    /// The value of `key`, made by `make` if there is none yet.
    #[inline]
    pub fn or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        let position = match self.position(&key) {
            Ok(position) => position,
            Err(position) => {
                self.entries.insert(position, (key, make()));
                position
            }
        };
        &mut self.entries[position].1
    }

    /// The value of `key`, the default one if there is none yet.
    #[inline]
    pub fn entry_or_default(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        self.or_insert_with(key, V::default)
    }

    /// The entries whose keys lie in `bounds`, in key order; none if the bounds are reversed.
    pub fn range<Q: Ord + ?Sized>(&self, bounds: impl RangeBounds<Q>) -> Iter<'_, K, V>
    where
        K: Borrow<Q>,
    {
        let below = |bound| self.entries.partition_point(|(key, _)| key.borrow() < bound);
        let up_to = |bound| self.entries.partition_point(|(key, _)| key.borrow() <= bound);
        let start = match bounds.start_bound() {
            Bound::Included(bound) => below(bound),
            Bound::Excluded(bound) => up_to(bound),
            Bound::Unbounded => 0,
        };
        let end = match bounds.end_bound() {
            Bound::Included(bound) => up_to(bound),
            Bound::Excluded(bound) => below(bound),
            Bound::Unbounded => self.len(),
        };
        self.entries[start..end.max(start)].iter().map(pair)
    }

    /// Where `key` is, or where it would be. Keys mostly arrive in order, so the end comes first.
    #[inline]
    fn position<Q: Ord + ?Sized>(&self, key: &Q) -> Result<usize, usize>
    where
        K: Borrow<Q>,
    {
        match self.entries.last() {
            Some((last, _)) if last.borrow() < key => Err(self.len()),
            _ => self.entries.binary_search_by(|(probe, _)| probe.borrow().cmp(key)),
        }
    }
}

/// Entries in key order, as [`Table::iter`] gives them.
pub type Iter<'a, K, V> =
    std::iter::Map<std::slice::Iter<'a, (K, V)>, fn(&'a (K, V)) -> (&'a K, &'a V)>;

/// Entries in key order, as [`Table::iter_mut`] gives them.
pub type IterMut<'a, K, V> =
    std::iter::Map<std::slice::IterMut<'a, (K, V)>, fn(&'a mut (K, V)) -> (&'a K, &'a mut V)>;

fn pair<K, V>((key, value): &(K, V)) -> (&K, &V) {
    (key, value)
}

fn pair_mut<K, V>((key, value): &mut (K, V)) -> (&K, &mut V) {
    (key, value)
}

impl<'a, K, V> IntoIterator for &'a Table<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = Iter<'a, K, V>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a, K, V> IntoIterator for &'a mut Table<K, V> {
    type Item = (&'a K, &'a mut V);
    type IntoIter = IterMut<'a, K, V>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}

impl<K, V> IntoIterator for Table<K, V> {
    type Item = (K, V);
    type IntoIter = std::vec::IntoIter<(K, V)>;
    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

impl<K: Ord, V> Extend<(K, V)> for Table<K, V> {
    /// Inserts one entry after the other; of equal keys the last one stays.
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        for (key, value) in entries {
            self.insert(key, value);
        }
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for Table<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut table = Self::new();
        table.extend(entries);
        table
    }
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for Table<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}

impl<K: Serialize, V: Serialize> Serialize for Table<K, V> {
    /// A map of known length, in key order.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self)
    }
}

impl<'de, K, V> Deserialize<'de> for Table<K, V>
where
    K: Deserialize<'de> + Ord,
    V: Deserialize<'de>,
{
    /// Reads a map in any order; a key that occurs twice is an error.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(TableVisitor(PhantomData))
    }
}

struct TableVisitor<K, V>(PhantomData<(K, V)>);

impl<'de, K, V> Visitor<'de> for TableVisitor<K, V>
where
    K: Deserialize<'de> + Ord,
    V: Deserialize<'de>,
{
    type Value = Table<K, V>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut table = Table::new();
        while let Some((key, value)) = map.next_entry()? {
            if table.insert(key, value).is_some() {
                return Err(de::Error::custom("a key occurs twice in the map"));
            }
        }
        Ok(table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[derive(Debug, Clone)]
    enum Action {
        Insert(u8, u16),
        Remove(u8),
        Bump(u8),
        RetainEven,
        PopFirst,
        Clear,
    }

    fn action() -> impl Strategy<Value = Action> {
        prop_oneof![
            8 => (0..32_u8, any::<u16>()).prop_map(|(key, value)| Action::Insert(key, value)),
            4 => (0..32_u8).prop_map(Action::Remove),
            4 => (0..32_u8).prop_map(Action::Bump),
            1 => Just(Action::RetainEven),
            2 => Just(Action::PopFirst),
            1 => Just(Action::Clear),
        ]
    }

    fn apply(action: &Action, table: &mut Table<u8, u16>, model: &mut BTreeMap<u8, u16>) {
        match *action {
            Action::Insert(key, value) => {
                assert_eq!(table.insert(key, value), model.insert(key, value));
            }
            Action::Remove(key) => assert_eq!(table.remove(&key), model.remove(&key)),
            Action::Bump(key) => {
                for value in [table.entry_or_default(key), model.entry(key).or_default()] {
                    *value = value.wrapping_add(1);
                }
            }
            Action::RetainEven => {
                table.retain(|key, _| key % 2 == 0);
                model.retain(|key, _| key % 2 == 0);
            }
            Action::PopFirst => assert_eq!(table.pop_first(), model.pop_first()),
            Action::Clear => (table.clear(), model.clear()).0,
        }
    }

    proptest! {
        #[test]
        fn a_table_behaves_like_a_tree(
            actions in prop::collection::vec(action(), 0..80),
            probe in 0..32_u8,
            end in 0..32_u8,
        ) {
            let (mut table, mut model) = (Table::new(), BTreeMap::new());
            for action in &actions {
                apply(action, &mut table, &mut model);
            }
            prop_assert!(table.iter().eq(model.iter()));
            prop_assert!(table.keys().eq(model.keys()));
            prop_assert!(table.values().eq(model.values()));
            prop_assert_eq!(table.first(), model.first_key_value());
            prop_assert_eq!(table.last(), model.last_key_value());
            prop_assert_eq!(table.get(&probe), model.get(&probe));
            prop_assert_eq!(table.contains_key(&probe), model.contains_key(&probe));
            prop_assert!(table.range(probe..).eq(model.range(probe..)));
            if probe <= end {
                prop_assert!(table.range(probe..=end).eq(model.range(probe..=end)));
            } else {
                prop_assert_eq!(table.range(probe..end).len(), 0);
            }
            prop_assert_eq!(model.into_iter().collect::<Table<_, _>>(), table);
        }
    }

    #[test]
    fn serde_writes_and_reads_a_map_in_key_order() {
        let table: Table<u8, &str> = [(2, "b"), (1, "a")].into_iter().collect();
        let text = ron::to_string(&table).expect("a map of integers is RON");
        assert_eq!(text, "{1:\"a\",2:\"b\"}");
        assert_eq!(ron::from_str(&text), Ok(table));
    }

    #[test]
    fn a_key_that_occurs_twice_is_refused() {
        let error = ron::from_str::<Table<u8, u8>>("{1: 2, 1: 3}").expect_err("1 occurs twice");
        assert!(error.to_string().contains("a key occurs twice"));
    }

    #[test]
    fn a_warm_table_keeps_its_room() {
        let mut table: Table<u8, u8> = (0..20).map(|key| (key, key)).collect();
        let room = table.entries.capacity();
        table.clear();
        table.extend((0..20).rev().map(|key| (key, key)));
        assert_eq!(table.entries.capacity(), room);
    }

    #[test]
    fn values_can_be_changed_in_place() {
        let mut table: Table<u8, u8> = [(1, 1), (2, 2)].into_iter().collect();
        for (_, value) in &mut table {
            *value *= 10;
        }
        table.values_mut().for_each(|value| *value += 1);
        *table.get_mut(&1).expect("1 was inserted") += 1;
        assert_eq!(format!("{table:?}"), "{1: 12, 2: 21}");
        assert_eq!(table.into_iter().last(), Some((2, 21)));
    }
}
