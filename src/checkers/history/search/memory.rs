//! What a search remembers: the configurations met so far, flat and in few words.
//!
//! ```text
//!   configuration = passed, state │ certain calls that are open │ unknown calls in the order
//!                   └──────────── a group has these in common ┘   └ fewer can do as much as more
//! ```
//!
//! Remembering all minimal sets of a group exactly was rejected: there may be as many as there are
//! sets, and looking through them costs more than the search saves.

use super::{
    super::index::{Index, hash},
    State,
};

/// The configurations met so far, each in the same number of words: what is certain first, then
/// which unknown calls are in the order.
///
/// An unknown call need not be in the order. So of two configurations that differ in those alone,
/// whatever can follow the one with more of them can follow the one with fewer: where the latter
/// was met, the former is nothing new. Looking through all that differ so would cost more than it
/// saves, so only the last few are.
pub(super) struct Memory {
    certain: usize,
    stride: usize,
    words: Vec<u64>,
    index: Index,
    /// By what is certain: the last configuration met. Behind each, the one before.
    groups: Index,
    last: Vec<u32>,
    before: Vec<u32>,
}

/// How many configurations of a group are looked at.
const LAST: usize = 16;
/// No configuration.
const NONE: u32 = u32::MAX;

impl Memory {
    pub(super) fn new(certain: usize, stride: usize) -> Self {
        let (index, groups) = (Index::default(), Index::default());
        let (words, last, before) = (Vec::new(), Vec::new(), Vec::new());
        Self { certain, stride, words, index, groups, last, before }
    }

    /// How many words it fills.
    pub(super) fn kept(&self) -> usize {
        let links = size_of_val(&self.last[..]) + size_of_val(&self.before[..]);
        self.words.len() + self.index.kept() + self.groups.kept() + links / size_of::<u64>()
    }

    /// Remembers a configuration; says whether it may do something that none met before can.
    pub(super) fn is_new(&mut self, passed: u32, state: State, open: &[u64]) -> bool {
        let len = self.words.len();
        self.words.push(u64::from(passed) << 32 | u64::from(state));
        self.words.extend_from_slice(open);
        let number = (len / self.stride) as u32;
        let is_new = if self.certain == self.stride {
            self.is_added(number)
        } else {
            self.leads_its_group(number)
        };
        if !is_new {
            self.words.truncate(len);
        }
        is_new
    }

    fn is_added(&mut self, number: u32) -> bool {
        let (words, stride) = (&self.words, self.stride);
        let at = |number| entry(words, stride, number);
        let is_same = |known| at(known) == at(number);
        self.index.find_or_add(hash(at(number)), is_same, |known| hash(at(known))).is_err()
    }

    /// Whether none of the last few that differ in unknown calls alone can do as much; then it is
    /// the next of them.
    fn leads_its_group(&mut self, number: u32) -> bool {
        let (words, stride, last) = (&self.words, self.stride, &self.last);
        let at = |number| entry(words, stride, number).split_at(self.certain);
        let (certain, used) = at(number);
        let known = |group: u32| at(last[group as usize]).0;
        let is_same = |group| known(group) == certain;
        let group = self.groups.find_or_add(hash(certain), is_same, |group| hash(known(group)));
        let before = group.map_or(NONE, |group| last[group as usize]);
        let mut met = before;
        for _ in 0..LAST {
            if met == NONE {
                break;
            }
            if at(met).1.iter().zip(used).all(|(fewer, used)| fewer & !used == 0) {
                return false;
            }
            met = self.before[met as usize];
        }
        if !self.is_added(number) {
            return false;
        }
        self.before.push(before);
        match group {
            Ok(group) => self.last[group as usize] = number,
            Err(_) => self.last.push(number),
        }
        true
    }
}

fn entry(words: &[u64], stride: usize, number: u32) -> &[u64] {
    &words[number as usize * stride..(number as usize + 1) * stride]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_search_remembers_counts_as_room() {
        let mut memory = Memory::new(2, 2);
        for state in 0..100 {
            assert!(memory.is_new(0, state, &[0]));
        }
        assert_eq!(memory.kept(), 200 + 256 / 2);
        let mut memory = Memory::new(1, 2);
        for state in 0..100 {
            assert!(memory.is_new(0, state, &[0]));
        }
        assert_eq!(memory.kept(), 200 + 2 * 256 / 2 + 2 * 100 / 2);
    }

    #[test]
    fn a_configuration_is_new_unless_one_with_fewer_unknown_calls_was_met() {
        let mut memory = Memory::new(2, 3);
        let mut is_new = |certain, unknown| memory.is_new(7, 1, &[certain, unknown]);
        assert!(is_new(0b1, 0b0110));
        assert!(!is_new(0b1, 0b0110), "the same");
        assert!(!is_new(0b1, 0b1110), "one more");
        assert!(is_new(0b1, 0b1100), "another instead");
        assert!(is_new(0b1, 0b0100), "one less");
        assert!(!is_new(0b1, 0b0101), "more than that");
        assert!(is_new(0b0, 0b0110), "what is certain differs");
        assert!(memory.is_new(8, 1, &[0b1, 0b0110]) && memory.is_new(7, 2, &[0b1, 0b0110]));
    }

    #[test]
    fn the_same_configuration_is_never_new_however_many_differ_in_unknown_calls() {
        let mut memory = Memory::new(1, 2);
        for round in 0..2 {
            for unknown in (0..1_u64 << 10).filter(|calls| calls.count_ones() == 5) {
                assert_eq!(memory.is_new(0, 0, &[unknown]), round == 0);
            }
        }
    }
}
