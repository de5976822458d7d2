//! Texts of a page, each kept once: an event names its words by a number.

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
