//! Texts of a page, each kept once: an event names its words by a number.
//!
//! Numbers are given in the order of first use, so that equal runs give equal pages. Most events of
//! a run say what others said before; columns of numbers are a fifth of the same texts written out.

use std::collections::BTreeMap;

/// Texts and their numbers, in the order of first use.
#[derive(Default)]
pub(super) struct Strings {
    places: BTreeMap<String, u32>,
}

impl Strings {
    /// The number of a text.
    pub(super) fn place(&mut self, text: String) -> u32 {
        let next = self.places.len() as u32;
        *self.places.entry(text).or_insert(next)
    }

    /// All texts, by their numbers.
    pub(super) fn all(self) -> Vec<String> {
        let mut all: Vec<(String, u32)> = self.places.into_iter().collect();
        all.sort_unstable_by_key(|(_, place)| *place);
        all.into_iter().map(|(text, _)| text).collect()
    }
}
