//! Changes of a text: what is kept of the old one, what is dropped, what comes in between.
//!
//! ```text
//!   old   State { calls: {7: Open, 8: Open}, next: 9, … }
//!   new   State { calls: {7: Done, 8: Open}, next: 9, … }
//!         ╰─── kept 19 ───╯╰dropped 4, "Done" in its place╯     one hunk per place that differs
//! ```
//!
//! A state that is printed is long, and a step changes a few places of it. Its parts (what stands
//! between commas and brackets) that occur once in both texts are anchors; the longest run of them
//! in the same order stays, and between two of them only the ends that are alike (the idea of
//! Cohen's patience diff). The shortest change of all is not looked for, since it takes the square
//! of the length where this takes hardly more than the length.

use std::{collections::BTreeMap, ops::Range};

/// One place that differs, in letters as JavaScript counts them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hunk<'a> {
    /// So much of the old text stays since the last hunk.
    pub(super) keep: u32,
    /// So much of it goes.
    pub(super) drop: u32,
    /// What comes instead.
    pub(super) insert: &'a str,
}

/// What makes a new text of an old one, from left to right.
pub(super) fn between<'a>(old: &str, new: &'a str) -> Vec<Hunk<'a>> {
    let mut hunks = Vec::new();
    let mut done = 0;
    let mut add = |gap: &Gap| {
        let gap = gap.trimmed(old, new);
        if gap.old.is_empty() && gap.new.is_empty() {
            return;
        }
        let (keep, drop) = (letters(&old[done..gap.old.start]), letters(&old[gap.old.clone()]));
        hunks.push(Hunk { keep, drop, insert: &new[gap.new.clone()] });
        done = gap.old.end;
    };
    let whole = Gap { old: 0..old.len(), new: 0..new.len() }.trimmed(old, new);
    let mut from = (whole.old.start, whole.new.start);
    for (one, other) in anchors(&old[whole.old.clone()], &new[whole.new.clone()]) {
        let (one, other) = (shifted(one, whole.old.start), shifted(other, whole.new.start));
        add(&Gap { old: from.0..one.start, new: from.1..other.start });
        from = (one.end, other.end);
    }
    add(&Gap { old: from.0..whole.old.end, new: from.1..whole.new.end });
    hunks
}

/// A part of the old text, and what stands there in the new one.
struct Gap {
    old: Range<usize>,
    new: Range<usize>,
}

impl Gap {
    /// Without what is alike at both ends.
    fn trimmed(&self, old: &str, new: &str) -> Self {
        let (one, other) = (&old[self.old.clone()], &new[self.new.clone()]);
        let alike = |pairs: &mut dyn Iterator<Item = (char, char)>| -> usize {
            pairs.take_while(|(one, other)| one == other).map(|(one, _)| one.len_utf8()).sum()
        };
        let front = alike(&mut one.chars().zip(other.chars()));
        let (one, other) = (&one[front..], &other[front..]);
        let back = alike(&mut one.chars().rev().zip(other.chars().rev()));
        Self {
            old: self.old.start + front..self.old.end - back,
            new: self.new.start + front..self.new.end - back,
        }
    }
}

fn letters(text: &str) -> u32 {
    text.chars().map(|letter| letter.len_utf16() as u32).sum()
}

fn shifted(range: Range<usize>, by: usize) -> Range<usize> {
    range.start + by..range.end + by
}

/// Where parts stand that both texts have once, as many as are in the same order in both.
fn anchors(old: &str, new: &str) -> Vec<(Range<usize>, Range<usize>)> {
    /// Shorter texts are cheaper as a whole.
    const LONG: usize = 48;
    if old.len() < LONG || new.len() < LONG {
        return Vec::new();
    }
    let mut places: BTreeMap<&str, [Vec<Range<usize>>; 2]> = BTreeMap::new();
    for (side, text) in [old, new].into_iter().enumerate() {
        for part in parts(text) {
            places.entry(&text[part.clone()]).or_default()[side].push(part);
        }
    }
    let mut once: Vec<(Range<usize>, Range<usize>)> = places
        .into_values()
        .filter_map(|sides| match sides.each_ref().map(Vec::as_slice) {
            [[one], [other]] => Some((one.clone(), other.clone())),
            _ => None,
        })
        .collect();
    once.sort_by_key(|(one, _)| one.start);
    rising(&once)
}

/// What stands between commas and brackets, each with its end.
fn parts(text: &str) -> Vec<Range<usize>> {
    let marks = text.match_indices([',', '{', '[', '(', '·']);
    let ends = marks.map(|(at, mark)| at + mark.len()).chain([text.len()]);
    let parts = ends.scan(0, |start, end| Some(std::mem::replace(start, end)..end));
    parts.filter(|part| !part.is_empty()).collect()
}

/// A longest choice of pairs whose second places rise as their first ones do.
fn rising(pairs: &[(Range<usize>, Range<usize>)]) -> Vec<(Range<usize>, Range<usize>)> {
    // For each length the pair with the least end of a choice so long, and before each pair its own.
    let (mut ends, mut before): (Vec<usize>, Vec<Option<usize>>) = (Vec::new(), Vec::new());
    for (place, (_, other)) in pairs.iter().enumerate() {
        let length = ends.partition_point(|end| pairs[*end].1.start < other.start);
        before.push(length.checked_sub(1).map(|last| ends[last]));
        if length == ends.len() { ends.push(place) } else { ends[length] = place }
    }
    let mut chosen = Vec::new();
    let mut next = ends.last().copied();
    while let Some(place) = next {
        chosen.push(pairs[place].clone());
        next = before[place];
    }
    chosen.reverse();
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Does to a text what the page's program does.
    fn applied(old: &str, hunks: &[Hunk<'_>]) -> String {
        let units: Vec<u16> = old.encode_utf16().collect();
        let (mut at, mut new) = (0, Vec::new());
        for hunk in hunks {
            new.extend_from_slice(&units[at..at + hunk.keep as usize]);
            new.extend(hunk.insert.encode_utf16());
            at += (hunk.keep + hunk.drop) as usize;
        }
        new.extend_from_slice(&units[at..]);
        String::from_utf16(&new).expect("letters stay whole")
    }

    proptest! {
        #[test]
        fn changes_make_the_new_text_of_the_old_one(old in "[abé😀,{]{0,120}", new in "[abé😀,{]{0,120}") {
            prop_assert_eq!(applied(&old, &between(&old, &new)), new);
        }

        #[test]
        fn lists_that_lose_and_gain_parts_are_put_together_again(
            old in proptest::collection::vec(0_u16..300, 0..60),
            new in proptest::collection::vec(0_u16..300, 0..60),
        ) {
            let (old, new) = (format!("{old:?}"), format!("{new:?}"));
            prop_assert_eq!(applied(&old, &between(&old, &new)), new);
        }
    }

    #[test]
    fn far_apart_places_are_two_hunks_and_what_is_between_stays() {
        let between_them: String = (10..60).map(|id| format!(" {id}: Waiting,")).collect();
        let old = format!("Calls {{ 1: Open,{between_them} 99: Open }}");
        let new = format!("Calls {{ 1: Done,{between_them} 99: Closed }}");
        let hunks = between(&old, &new);
        let inserted: usize = hunks.iter().map(|hunk| hunk.insert.len()).sum();
        assert!(hunks.len() == 2 && inserted < 24, "{hunks:?}");
        assert_eq!(between(&old, &old), []);
    }
}
