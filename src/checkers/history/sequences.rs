//! Sequences of values, each kept once and known by a number.
//!
//! ```text
//!   0 = [] ──1──▶ [1] ──2──▶ [1,2]        pushed: a child      popped: the parent
//!     └────2──▶ [2] ◀╌╌╌╌╌╌╌╌╌┘ rest       rest: without the first, found once and remembered
//! ```
//!
//! A search compares states all the time. Here two sequences are equal when their numbers are, and
//! a hundred thousand states of a queue share their beginnings. Vectors were rejected: each state
//! would hold a copy of all that stands in it.
//!
//! Limits: nothing is ever taken out.

use super::{
    calls::Value,
    index::{Index, hash},
};

/// The number of a sequence.
pub(super) type Sequence = u32;

/// The sequence without elements.
pub(super) const EMPTY: Sequence = 0;

const UNKNOWN: u32 = u32::MAX;

/// All sequences met so far.
#[derive(Clone, Debug)]
pub(super) struct Sequences {
    nodes: Vec<Node>,
    index: Index,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    parent: Sequence,
    last: Value,
    first: Value,
    length: u32,
    rest: Sequence,
}

impl Sequences {
    /// Only the empty one.
    pub(super) fn new() -> Self {
        let nothing = Value::NOTHING;
        let empty = Node { parent: EMPTY, last: nothing, first: nothing, length: 0, rest: UNKNOWN };
        let mut sequences = Self { nodes: vec![empty], index: Index::default() };
        // The empty sequence takes the first number of the index, under a key of its own.
        let added = sequences.index.find_or_add(hash_of(&empty), |_| false, |_| 0);
        assert_eq!(added, Err(EMPTY), "a new index begins at zero");
        sequences
    }

    /// The sequence with one more element at its end.
    pub(super) fn pushed(&mut self, parent: Sequence, last: Value) -> Sequence {
        let before = self.nodes[parent as usize];
        let first = if before.length == 0 { last } else { before.first };
        let node = Node { parent, last, first, length: before.length + 1, rest: UNKNOWN };
        let nodes = &mut self.nodes;
        let found = self.index.find_or_add(
            hash_of(&node),
            |number| {
                let known = &nodes[number as usize];
                known.parent == parent && known.last == last && known.length == node.length
            },
            |number| hash_of(&nodes[number as usize]),
        );
        found.unwrap_or_else(|number| {
            nodes.push(node);
            number
        })
    }

    /// The sequence with these elements at its end.
    pub(super) fn extended(&mut self, sequence: Sequence, elements: &[Value]) -> Sequence {
        elements.iter().fold(sequence, |sequence, &element| self.pushed(sequence, element))
    }

    /// The last element and all before it; `None` of the empty sequence.
    pub(super) fn popped(&self, sequence: Sequence) -> Option<(Value, Sequence)> {
        let node = self.nodes[sequence as usize];
        (node.length > 0).then_some((node.last, node.parent))
    }

    /// The first element and all behind it; `None` of the empty sequence.
    pub(super) fn shifted(&mut self, sequence: Sequence) -> Option<(Value, Sequence)> {
        let first = self.nodes[sequence as usize].first;
        if self.nodes[sequence as usize].length == 0 {
            return None;
        }
        // Up to a sequence whose rest is known, then down again.
        let mut behind = Vec::new();
        let mut at = sequence;
        let mut rest = loop {
            let node = self.nodes[at as usize];
            if node.rest != UNKNOWN {
                break node.rest;
            }
            behind.push(at);
            if node.length == 1 {
                break EMPTY;
            }
            at = node.parent;
        };
        while let Some(at) = behind.pop() {
            let node = self.nodes[at as usize];
            if node.length > 1 {
                rest = self.pushed(rest, node.last);
            }
            self.nodes[at as usize].rest = rest;
        }
        Some((first, rest))
    }

    /// Its elements.
    pub(super) fn elements(&self, mut sequence: Sequence) -> Vec<Value> {
        let mut elements = Vec::new();
        while let Some((last, before)) = self.popped(sequence) {
            elements.push(last);
            sequence = before;
        }
        elements.reverse();
        elements
    }

    /// How many elements it has.
    pub(super) fn length(&self, sequence: Sequence) -> u32 {
        self.nodes[sequence as usize].length
    }

    /// How many words of eight bytes they fill.
    pub(super) fn kept(&self) -> usize {
        size_of_val(&self.nodes[..]) / size_of::<u64>() + self.index.kept()
    }
}

fn hash_of(node: &Node) -> u64 {
    hash(&[u64::from(node.parent), node.last.as_word(), u64::from(node.length)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value(number: i64) -> Value {
        Value::number(number).expect("a small number")
    }

    proptest! {
        #[test]
        fn a_sequence_does_what_a_vector_does(steps in prop::collection::vec(0..6_i64, 0..60)) {
            let mut sequences = Sequences::new();
            let (mut sequence, mut model) = (EMPTY, Vec::new());
            for step in steps {
                match step {
                    0 => {
                        let popped = sequences.popped(sequence);
                        prop_assert_eq!(popped.map(|(last, _)| last), model.pop());
                        sequence = popped.map_or(EMPTY, |(_, before)| before);
                    }
                    1 => {
                        let shifted = sequences.shifted(sequence);
                        let first = (!model.is_empty()).then(|| model.remove(0));
                        prop_assert_eq!(shifted.map(|(first, _)| first), first);
                        sequence = shifted.map_or(EMPTY, |(_, rest)| rest);
                    }
                    pushed => {
                        sequence = sequences.pushed(sequence, value(pushed));
                        model.push(value(pushed));
                    }
                }
                prop_assert_eq!(&sequences.elements(sequence), &model);
                prop_assert_eq!(sequences.length(sequence) as usize, model.len());
                prop_assert_eq!(sequences.extended(EMPTY, &model), sequence, "kept once");
            }
        }
    }
}
