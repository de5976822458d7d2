//! Remembered answers: a map that forgets its oldest entries, as every memory of ids must.
//!
//! ```text
//!   insert(id, answer) ──▶ [ (3, …) (4, …) (5, …) ]──▶ out of the window: forgotten
//!   get(id) ──▶ Some(answer)   a repeat        None   new, or so old that nobody can tell
//! ```
//!
//! What an idempotent receiver keeps: ids of events that took effect, answers to requests. The
//! window is part of the promise: a repeat that comes later than the window is taken for new. It is
//! filled by the host's `apply`, so that a replay forgets the same entries; hence ages are counted
//! from the instants in records and not from when they are read again.

use crate::{
    base::time::{Duration, Time},
    engine::{ctx::Ctx, protocol::Protocol},
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// How much is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Window {
    /// All of it.
    Forever,
    /// The last so many.
    Last(u32),
    /// What came in the last so long, on the node's own clock.
    For(Duration),
}

impl Window {
    /// What goes into the record of an entry: the time, where the window is one of time.
    pub fn stamp<P: Protocol>(self, ctx: &mut Ctx<'_, P>) -> Option<Time> {
        matches!(self, Self::For(_)).then(|| ctx.now())
    }
}

/// A map with a window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(deserialize = "K: Ord + Deserialize<'de>, V: Deserialize<'de>"))]
pub struct Remembered<K, V> {
    window: Window,
    values: BTreeMap<K, (V, Option<Time>)>,
    /// Oldest first.
    order: VecDeque<K>,
}

impl<K: Ord + Clone, V> Remembered<K, V> {
    /// An empty one.
    pub fn new(window: Window) -> Self {
        Self { window, values: BTreeMap::new(), order: VecDeque::new() }
    }

    /// Remembers a value and forgets what is out of the window by now. An entry that is in the
    /// window already keeps its value and its place.
    pub fn insert(&mut self, key: K, value: V, at: Option<Time>) {
        self.forget(at); // Before, or an old entry of this key would stand in the way of the new.
        if !self.values.contains_key(&key) {
            self.values.insert(key.clone(), (value, at));
            self.order.push_back(key);
        }
        self.forget(at);
    }

    /// What is remembered of a key. `now` is what [`Window::stamp`] says, so that nothing older
    /// than the window is found, whenever something last came.
    pub fn get(&self, key: &K, now: Option<Time>) -> Option<&V> {
        let (value, at) = self.values.get(key)?;
        (!self.is_over(*at, now)).then_some(value)
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    fn forget(&mut self, now: Option<Time>) {
        while let Some(key) = self.order.front() {
            let many = matches!(self.window, Window::Last(max) if self.order.len() > max as usize);
            let at = self.values.get(key).and_then(|(_, at)| *at);
            if !many && !self.is_over(at, now) {
                break;
            }
            self.values.remove(key);
            self.order.pop_front();
        }
    }

    fn is_over(&self, at: Option<Time>, now: Option<Time>) -> bool {
        let Window::For(span) = self.window else { return false };
        at.zip(now).is_some_and(|(at, now)| now.saturating_since(at) > span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_so_many_are_remembered_in_the_order_they_came() {
        let mut remembered = Remembered::new(Window::Last(2));
        for key in [1, 2, 1, 3] {
            remembered.insert(key, key * 10, None);
        }
        assert_eq!(
            [1, 2, 3].map(|key| remembered.get(&key, None).copied()),
            [None, Some(20), Some(30)]
        );
        assert_eq!(remembered.len(), 2);
    }

    #[test]
    fn a_repeat_after_the_window_is_taken_for_new_and_one_within_it_is_not() {
        let at = |millis| Some(Time::from_millis(millis));
        let mut remembered = Remembered::new(Window::For(Duration::from_millis(100)));
        remembered.insert(1, "answer", at(5));
        assert_eq!(remembered.get(&1, at(105)), Some(&"answer"));
        assert_eq!(remembered.get(&1, at(106)), None);
        remembered.insert(1, "anew", at(106));
        assert_eq!(remembered.get(&1, at(107)), Some(&"anew"));
        remembered.insert(2, "other", at(207));
        assert_eq!(remembered.len(), 1);
    }
}
