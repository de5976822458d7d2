//! Rounds: the same few events again and again, told once and counted.
//!
//! ```text
//!   a b c d  x y z  x z y  y x z  e   ──▶   a b c d  x y z  ⋯ 3 lines, 2 times more ⋯  e
//! ```
//!
//! A node in doubt asks every half second until somebody answers; nobody reads the tenth time.
//! A round is a stretch whose events are those of the stretch before it, in any order, since
//! latencies shuffle them. What a verdict cites is always shown. Naming retries by hand was
//! rejected: a protocol would have to say what a reader can see.
//!
//! Limits: rounds of more than 48 events are not seen.

use super::words::symbol;
use crate::{
    base::ids::EventId,
    engine::trace::{Entry, Kind},
};
use std::collections::BTreeMap;

/// One line of what is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Row {
    /// The entry at this place.
    One(usize),
    /// The `length` rows above, so many times more; the latest event is at the place `last`.
    More { length: usize, times: usize, last: usize },
}

const LENGTH_MAX: usize = 48;

/// Folds entries into rows. `always` tells which are shown in any case.
pub(super) fn rounds(entries: &[&Entry], always: impl Fn(EventId) -> bool) -> Vec<Row> {
    let numbers = numbers(entries, always);
    let mut sums = vec![0_u64];
    for number in &numbers {
        sums.push(sums[sums.len() - 1] + number);
    }
    let (mut rows, mut place) = (Vec::new(), 0);
    while place < numbers.len() {
        let Some((length, times)) = repetition(&numbers, &sums, place) else {
            rows.push(Row::One(place));
            place += 1;
            continue;
        };
        rows.extend((place..place + length).map(Row::One));
        place += length * (times + 1);
        rows.push(Row::More { length, times, last: place - 1 });
    }
    rows
}

/// A number for each entry, the same for those that look the same.
fn numbers(entries: &[&Entry], always: impl Fn(EventId) -> bool) -> Vec<u64> {
    let (mut known, mut numbers) = (BTreeMap::new(), Vec::new());
    for (place, &entry) in entries.iter().enumerate() {
        let why = if let Kind::Lose(lost) = entry.kind { lost as u8 } else { 0 };
        let unique = if always(entry.event) { place + 1 } else { 0 };
        let (who, peer, label, text) = (entry.who, entry.peer, entry.label, entry.text.as_str());
        let next = known.len() as u64;
        let key = (symbol(entry.kind), why, unique, who, peer, label, text);
        numbers.push(*known.entry(key).or_insert(next));
    }
    numbers
}

/// The shortest stretch from `place` on that is repeated at once, and how often.
fn repetition(numbers: &[u64], sums: &[u64], place: usize) -> Option<(usize, usize)> {
    let longest = LENGTH_MAX.min((numbers.len() - place) / 2);
    (1..=longest).find_map(|length| {
        let alike = |other: usize| {
            let sum = |from: usize| sums[from + length] - sums[from];
            sum(place) == sum(other)
                && sorted(&numbers[place..place + length])
                    == sorted(&numbers[other..other + length])
        };
        let others = (place + length..).step_by(length);
        let times = others
            .take_while(|other| other + length <= numbers.len())
            .take_while(|&other| alike(other))
            .count();
        let enough = if length == 1 { 1 } else { 2 };
        (enough <= times).then_some((length, times))
    })
}

fn sorted(numbers: &[u64]) -> Vec<u64> {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    sorted
}

#[cfg(test)]
mod tests {
    use super::{super::fixture::Sketch, *};

    #[test]
    fn retries_in_any_order_are_one_round() {
        let run = Sketch::coordinator_crash().run(42);
        let entries: Vec<&Entry> = run.entries.iter().collect();
        let rows = rounds(&entries, |_| false);
        let more = rows.iter().find(|row| matches!(row, Row::More { .. }));
        assert!(matches!(more, Some(Row::More { length: 9, times: 7.., .. })), "{more:?}");
        let shown = |row: &Row| match row {
            Row::One(_) => 1,
            Row::More { length, times, .. } => length * times,
        };
        assert_eq!(rows.iter().map(shown).sum::<usize>(), entries.len());
    }

    #[test]
    fn what_must_be_shown_is_in_no_round() {
        let run = Sketch::coordinator_crash().run(42);
        let entries: Vec<&Entry> = run.entries.iter().collect();
        let rows = rounds(&entries, |_| true);
        assert_eq!(rows.len(), entries.len());
    }
}
