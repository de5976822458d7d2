//! Sets by their elements: an order that is legal for a set is legal for each element by itself.
//!
//! ```text
//!   add 1 · remove 2 · read→[1,3]          1:  add · contains→true
//!                                   ──▶    2:  remove · contains→false
//!                                          3:  contains→true            nobody added it: illegal
//! ```
//!
//! What is left of a history when only one element counts is a history of one bit, and judged in
//! hardly more steps than it has calls. If any of them is illegal, so is the whole. If none is, the
//! whole may still be, because reads of the whole set tie the elements together; then a search of
//! the whole has to say. Horn & Kroening 2015 split histories where that is exact; here it is a
//! short cut to the common verdict, which a search of the whole finds only after all its orders.
//!
//! Limits: histories with very many reads of large sets are not split.

use super::{
    Rules,
    calls::{Action, Call, History, SeenList, Value},
    linearizable::{order, relevant},
    search::Found,
};

/// How many calls all elements together may have at most.
const CALLS_MAX: usize = 1 << 21;

/// Calls that have no legal order because of one element, and how many configurations were met
/// until one was found.
pub(super) fn illegal_part(
    history: &History,
    calls: &[Call],
    rules: &Rules,
) -> (Option<Vec<Call>>, u64) {
    let elements = elements(history, calls, &rules.initial);
    let reads = calls.iter().filter(|call| matches!(call.action, Action::ReadSet(_))).count();
    let mut met = 0;
    if reads == 0 || reads.saturating_mul(elements.len()) > CALLS_MAX {
        return (None, met);
    }
    let (by_element, reads) = split(history, calls);
    for element in elements {
        let from = by_element.partition_point(|(about, _)| *about < element);
        let own = by_element[from..].iter().take_while(|(about, _)| *about == element);
        let mut part: Vec<Call> = own.map(|(_, call)| *call).collect();
        part.extend(reads.iter().map(|(call, seen)| Call {
            action: Action::Contains(element, seen.binary_search(&element).is_ok()),
            ..**call
        }));
        part.sort_unstable_by_key(|call| call.invoked.rank);
        let initial = rules.initial.iter().filter(|&&held| held == element).copied().collect();
        let sought =
            order(history, &relevant(history, &part), &Rules { initial, ..rules.clone() }, None);
        met += sought.met;
        if sought.found == Found::Nothing {
            return (Some(about(history, calls, (element, rules))), met);
        }
    }
    (None, met)
}

/// Every element that anybody speaks of, once.
fn elements(history: &History, calls: &[Call], initial: &[Value]) -> Vec<Value> {
    let mut elements = initial.to_vec();
    for call in calls {
        match call.action {
            Action::ReadSet(SeenList::One(list)) => elements.extend(history.of(list)),
            action => elements.extend(element_of(action)),
        }
    }
    elements.sort_unstable();
    elements.dedup();
    elements
}

fn element_of(action: Action) -> Option<Value> {
    match action {
        Action::Add(value) | Action::Remove(value) | Action::Contains(value, _) => Some(value),
        _ => None,
    }
}

/// The calls about one element each, sorted by it, and the reads with what they saw, sorted.
type Split<'c> = (Vec<(Value, Call)>, Vec<(&'c Call, Vec<Value>)>);

fn split<'c>(history: &History, calls: &'c [Call]) -> Split<'c> {
    let own = calls.iter().filter_map(|call| Some((element_of(call.action)?, *call)));
    let mut by_element: Vec<(Value, Call)> = own.collect();
    by_element.sort_by_key(|(element, _)| *element);
    let reads = calls.iter().filter_map(|call| match call.action {
        Action::ReadSet(SeenList::One(list)) => {
            let mut seen = history.of(list).to_vec();
            seen.sort_unstable();
            Some((call, seen))
        }
        _ => None,
    });
    (by_element, reads.collect())
}

/// Calls for which there is no legal order: those on the element where they suffice, else all. A
/// read of the whole set without what put the other elements there would be illegal for another
/// reason.
fn about(history: &History, calls: &[Call], (element, rules): (Value, &Rules)) -> Vec<Call> {
    let own = calls.iter().filter(|call| element_of(call.action) == Some(element));
    let own = relevant(history, &own.copied().collect::<Vec<_>>());
    match order(history, &own, rules, None).found {
        Found::Nothing => own,
        Found::Order(_) | Found::GaveUp(_) => calls.to_vec(),
    }
}
