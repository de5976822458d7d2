//! Numbered words: which commit a word about a key belongs to.
//!
//! ```text
//!   source   commits 5 ──▶ holds a=7        what commit 5 made of a
//!   copy     applied 5 ──▶ holds a=7        what a shows at a copy that is at commit 5
//!            booted    ──▶ holds a=7        nobody knows
//! ```
//!
//! A number in every fact about a key was rejected: most who hold registers know no numbers. The
//! judges fold [`Topics`] along the run; [`about`] scans back for a recheck.
//!
//! Limits: a node that is a source of some keys and a copy of others says which before each word.

use super::knowledge::ByNode;
use crate::{
    base::ids::NodeId,
    engine::{
        facts::Fact,
        signal::{Signal, What},
    },
};

/// What the next words of a node about keys belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// It is the source, and this is its commit.
    Commit(u64),
    /// It is a copy, and at this commit of the source.
    Copy(u64),
}

impl About {
    /// What a fact says the next words belong to, if it says so.
    pub(super) fn of(fact: Fact) -> Option<Self> {
        match fact {
            Fact::Commits { number, .. } => Some(Self::Commit(number)),
            Fact::Applied(number) => Some(Self::Copy(number)),
            _ => None,
        }
    }
}

/// What each node speaks of, in the course of a run.
#[derive(Default)]
pub(super) struct Topics(ByNode<Option<About>>);

impl Topics {
    /// Takes one signal, in order. A node that boots has to say anew what it speaks of.
    pub(super) fn on_signal(&mut self, signal: &Signal) {
        match signal.what {
            What::Booted(node) => *self.0.of(node) = None,
            What::Stated(node, fact) | What::Replayed(node, fact) => {
                let about = self.0.of(node);
                *about = About::of(fact).or(*about);
            }
            _ => {}
        }
    }

    /// What the next words of a node belong to.
    pub(super) fn of(&self, node: NodeId) -> Option<About> {
        self.0.get(node).copied().flatten()
    }
}

/// What the word at a position belongs to: the last that its node said of it since it booted.
pub(super) fn about(signals: &[Signal], node: NodeId, position: usize) -> Option<About> {
    let before = signals[..position].iter().rev();
    let mut before = before.take_while(|signal| signal.what != What::Booted(node));
    before.find_map(|signal| match signal.what {
        What::Stated(at, fact) | What::Replayed(at, fact) if at == node => About::of(fact),
        _ => None,
    })
}
