//! Sets of small numbers, each kept once and known by a number.
//!
//! ```text
//!   {2} of 4      node ──┬── left {0,1}: 0 = none
//!                        └── right {2,3} ──┬── 2: 1 = all       with or without one element:
//!                                          └── 3: 0 = none      one new node per level
//! ```
//!
//! A binary tree over the elements in which equal halves are one node, so that two sets are equal
//! when their numbers are, and a set with one element more shares all but a path. Words of bits
//! were rejected: ten thousand states of ten thousand elements would be twelve megabytes.
//!
//! Limits: nothing is ever taken out.

use super::index::{Index, hash};

/// The number of a set, within the levels of its owner.
pub(super) type Subset = u32;

/// The set without elements.
pub(super) const NONE: Subset = 0;
/// The set of all elements of a level: only leaves are told so.
const ALL: Subset = 1;

/// All sets met so far over `0..2^levels`.
#[derive(Clone, Debug)]
pub(super) struct Subsets {
    levels: u32,
    /// The halves of each; those of the first two are never asked for.
    nodes: Vec<[Subset; 2]>,
    index: Index,
}

impl Subsets {
    /// Only the empty set, over at least so many elements.
    pub(super) fn over(elements: usize) -> Self {
        let levels = elements.next_power_of_two().trailing_zeros();
        let mut subsets =
            Self { levels, nodes: vec![[NONE; 2], [ALL; 2]], index: Index::default() };
        for nodes in [NONE, ALL] {
            let added = subsets.index.find_or_add(0, |_| false, |_| 0);
            assert_eq!(added, Err(nodes), "a new index begins at zero");
        }
        subsets
    }

    /// Whether a set has an element.
    pub(super) fn has(&self, mut set: Subset, element: u32) -> bool {
        for level in (0..self.levels).rev() {
            if set == NONE {
                return false;
            }
            set = self.nodes[set as usize][(element >> level & 1) as usize];
        }
        set == ALL
    }

    /// The set with an element.
    pub(super) fn with(&mut self, set: Subset, element: u32) -> Subset {
        self.changed(set, element, (self.levels, ALL))
    }

    /// The set without an element.
    pub(super) fn without(&mut self, set: Subset, element: u32) -> Subset {
        self.changed(set, element, (self.levels, NONE))
    }

    fn changed(&mut self, set: Subset, element: u32, (level, leaf): (u32, Subset)) -> Subset {
        let Some(below) = level.checked_sub(1) else { return leaf };
        let mut halves = if set == NONE { [NONE; 2] } else { self.nodes[set as usize] };
        let half = (element >> below & 1) as usize;
        halves[half] = self.changed(halves[half], element, (below, leaf));
        self.node(halves)
    }

    fn node(&mut self, halves: [Subset; 2]) -> Subset {
        if halves == [NONE; 2] {
            return NONE;
        }
        let nodes = &mut self.nodes;
        let found = self.index.find_or_add(
            hash_of(halves),
            |number| number > ALL && nodes[number as usize] == halves,
            |number| hash_of(nodes[number as usize]),
        );
        found.unwrap_or_else(|number| {
            nodes.push(halves);
            number
        })
    }

    /// How many words of eight bytes they fill.
    pub(super) fn kept(&self) -> usize {
        size_of_val(&self.nodes[..]) / size_of::<u64>() + self.index.kept()
    }
}

fn hash_of([left, right]: [Subset; 2]) -> u64 {
    hash(&[u64::from(left) << 32 | u64::from(right)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn a_subset_does_what_a_set_does(
            elements in 1..40_u32,
            steps in prop::collection::vec((any::<bool>(), any::<u32>()), 0..60),
        ) {
            let mut subsets = Subsets::over(elements as usize);
            let (mut subset, mut model) = (NONE, BTreeSet::new());
            for (put, element) in steps {
                let element = element % elements;
                if put {
                    subset = subsets.with(subset, element);
                    model.insert(element);
                } else {
                    subset = subsets.without(subset, element);
                    model.remove(&element);
                }
                for element in 0..elements {
                    prop_assert_eq!(subsets.has(subset, element), model.contains(&element));
                }
                let anew = model.iter().fold(NONE, |set, &element| subsets.with(set, element));
                prop_assert_eq!(anew, subset, "kept once");
            }
        }
    }
}
