//! Names for things: nodes, clients, operations, transactions, log positions, seeds.
//!
//! ```text
//!  NodeId n2    ClientId k1    OpId o7    TxnId t7    Lsn @17    EventId #301    Seed 42
//! ```
//!
//! Each is a newtype without arithmetic, so that a swapped pair does not compile; each prints in a
//! letter and a number, because a timeline has a hundred columns. A set of nodes is one word of
//! bits rather than a `BTreeSet`: no allocation, and a digest costs one fold.
//!
//! Limits: 65,535 nodes in a world, 64 in a [`NodeSet`].

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($word:ty) $prefix:literal) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        pub struct $name(pub $word);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }

        /// As short as the `Display`, so that a message in a timeline reads `Prepare(t3)`.
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

id! {
    /// A node's position in the topology. Draws use its *name*: adding a node moves none of them.
    NodeId(u16) "n"
}
id! {
    /// A client's position among the workload's clients.
    ClientId(u16) "k"
}
id! {
    /// One client operation, numbered from 1 in the order of invocation.
    OpId(u32) "o"
}
id! {
    /// One transaction. It has the number of the operation that asked for it.
    TxnId(u32) "t"
}
id! {
    /// Position in one node's log: the first record stands at 1, so 0 is "before everything".
    Lsn(u32) "@"
}
id! {
    /// One event of a run, numbered from 1 in the order in which things happened.
    EventId(u32) "#"
}
id! {
    /// What a run's draws are derived from.
    Seed(u64) ""
}

impl From<OpId> for TxnId {
    fn from(op: OpId) -> Self {
        Self(op.0)
    }
}

impl From<TxnId> for OpId {
    fn from(txn: TxnId) -> Self {
        Self(txn.0)
    }
}

impl Lsn {
    /// The position after this one.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// What conversation a message or a choice belongs to (a transaction, an operation, a key).
/// It is part of the name of every draw about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Topic(pub u64);

impl Topic {
    /// No conversation in particular.
    pub const NONE: Self = Self(0);
}

impl From<TxnId> for Topic {
    fn from(txn: TxnId) -> Self {
        Self(u64::from(txn.0))
    }
}

impl From<OpId> for Topic {
    fn from(op: OpId) -> Self {
        Self(u64::from(op.0))
    }
}

/// A set of up to 64 nodes, as bits.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NodeSet(u64);

impl NodeSet {
    /// The empty set.
    pub const EMPTY: Self = Self(0);

    /// The set of just this node.
    pub fn of(node: NodeId) -> Self {
        Self::EMPTY.with(node)
    }

    fn bit(node: NodeId) -> u64 {
        assert!(node.0 < 64, "a NodeSet holds nodes n0 to n63, not {node}");
        1 << node.0
    }

    /// Adds a node.
    pub fn insert(&mut self, node: NodeId) {
        self.0 |= Self::bit(node);
    }

    /// Takes a node out, if it is there.
    pub fn remove(&mut self, node: NodeId) {
        self.0 &= !Self::bit(node);
    }

    /// This set and one more node.
    #[must_use]
    pub fn with(self, node: NodeId) -> Self {
        Self(self.0 | Self::bit(node))
    }

    /// Is the node in the set?
    pub fn contains(self, node: NodeId) -> bool {
        node.0 < 64 && self.0 >> node.0 & 1 == 1
    }

    /// Are all nodes of `other` in this set?
    pub fn contains_all(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// The nodes of this set that are not in `other`.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The nodes of either set.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// How many nodes there are.
    pub fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// True when there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The nodes, lowest first.
    pub fn iter(self) -> impl Iterator<Item = NodeId> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let lowest = rest.trailing_zeros();
            rest &= rest.wrapping_sub(1);
            (lowest < 64).then_some(NodeId(lowest as u16))
        })
    }
}

impl FromIterator<NodeId> for NodeSet {
    fn from_iter<I: IntoIterator<Item = NodeId>>(nodes: I) -> Self {
        nodes.into_iter().fold(Self::EMPTY, Self::with)
    }
}

impl fmt::Debug for NodeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(|node| node.0)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_set_lists_its_nodes_lowest_first() {
        let set: NodeSet = [NodeId(63), NodeId(0), NodeId(5)].into_iter().collect();
        assert_eq!(set.iter().collect::<Vec<_>>(), [NodeId(0), NodeId(5), NodeId(63)]);
        assert_eq!(set.len(), 3);
        assert!(set.contains(NodeId(63)) && !set.contains(NodeId(62)));
        assert!(set.contains_all(NodeSet::of(NodeId(5))));
        assert!(set.minus(set).is_empty());
    }

    #[test]
    #[should_panic(expected = "a NodeSet holds nodes n0 to n63")]
    fn a_node_beyond_the_last_bit_is_refused() {
        _ = NodeSet::EMPTY.with(NodeId(64));
    }

    #[test]
    fn ids_print_as_a_letter_and_a_number() {
        assert_eq!(format!("{} {} {} {}", NodeId(2), TxnId(7), Lsn(17), Seed(42)), "n2 t7 @17 42");
    }
}
