//! Worlds: what every run keeps to, whatever a protocol does and however wrong it is.
//!
//! ```text
//!   story ──signal by signal──▶ World ──▶ the rules that it breaks
//!   a variation is worth judging if it breaks no rule that the story it came from keeps
//! ```
//!
//! Stories are varied blindly, and some of what comes out no engine would let happen: checkers owe
//! nothing there. These are rules of the engine and of what facts mean, not of protocols: a rule that
//! a protocol could break would hide the bugs that checkers are for. Where a story breaks one on
//! purpose, so may what comes of it.

use super::*;
use std::collections::{BTreeMap, BTreeSet};

/// What a world keeps to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rule {
    /// A node that is down says nothing, and neither crashes nor boots twice in a row.
    Silence,
    /// A node replays what it said, in order.
    Replay,
    /// A crash takes the end of what a node said, and nothing from the middle.
    NoGaps,
    /// Clients ask before they are told, and what is accepted was asked for.
    Asked,
    /// An operation is asked and ends once; faults are over once.
    Once,
    /// A key that is staged lives on one node; a step and its compensation take effect at one.
    OneHome,
    /// One node commits, with numbers that rise.
    OneSource,
    /// What a commit makes of its keys follows at once, and nothing else is said of them.
    Whole,
    /// A log grows one by one.
    OneByOne,
    /// What is synced or applied was logged.
    Logged,
    /// A node recovers once a life.
    OneRecovery,
    /// A plan is told before anything happens; what is over for good is not parked.
    Planned,
}

/// Whether a world could tell a story that is a variation of this one.
pub(super) fn could_be_told(story: &[Signal], original: &[Signal]) -> bool {
    let nodes = evidence::nodes(original).into_iter();
    let boots_first = |node: &NodeId, story: &[Signal]| {
        let first = story.iter().find(|signal| place(&signal.what) == Some(*node));
        first.is_some_and(|first| first.what == What::Booted(*node))
    };
    let mut began = nodes.filter(|node| boots_first(node, original));
    began.all(|node| boots_first(&node, story))
        && World::of(story, original).broken.is_subset(&World::of(original, original).broken)
}

/// A world in the course of a story.
#[derive(Default)]
struct World {
    broken: BTreeSet<Rule>,
    nodes: BTreeMap<NodeId, Place>,
    /// Operations that somebody is heard to ask at some time.
    asks: Vec<OpId>,
    asked: Vec<OpId>,
    told: Vec<OpId>,
    staged: BTreeMap<u32, NodeId>,
    steps: BTreeMap<(u64, u16), NodeId>,
    source: Option<NodeId>,
    /// The keys of the commit that the source speaks of, of which it has said nothing yet.
    untold: Vec<u32>,
    logged: Vec<u64>,
    begun: Vec<u64>,
    over: Vec<u64>,
    healed: bool,
}

/// What one node has said.
#[derive(Default)]
struct Place {
    down: bool,
    /// Since its last boot, replayed or stated.
    log: Vec<Fact>,
    /// What it may still replay.
    before: Vec<Fact>,
}

impl World {
    fn of(story: &[Signal], original: &[Signal]) -> Self {
        let asks = |signal: &Signal| match signal.what {
            What::Invoked(op, ..) => Some(op),
            _ => None,
        };
        let mut world =
            Self { asks: original.iter().filter_map(asks).collect(), ..Self::default() };
        for signal in story {
            world.goes_on(signal.what);
        }
        world
    }

    fn keeps(&mut self, rule: Rule, is_kept: bool) {
        if !is_kept {
            self.broken.insert(rule);
        }
    }

    fn goes_on(&mut self, what: What) {
        match what {
            What::Stated(node, fact) => {
                self.mean(node, fact);
                self.belong(node, fact);
                let place = self.nodes.entry(node).or_default();
                place.before.clear();
                place.log.push(fact);
                let is_up = !place.down;
                self.keeps(Rule::Silence, is_up);
            }
            What::Replayed(node, fact) => {
                self.belong(node, fact);
                self.replay(node, fact);
            }
            What::Crashed(node) => {
                let was_down =
                    std::mem::replace(&mut self.nodes.entry(node).or_default().down, true);
                self.keeps(Rule::Silence, !was_down);
            }
            What::Booted(node) => self.boot(node),
            What::Invoked(op, ..) => {
                self.keeps(Rule::Asked, !self.told.contains(&op));
                self.keeps(Rule::Once, !self.asked.contains(&op));
                self.asked.push(op);
            }
            What::Ended(op, _) => {
                self.keeps(Rule::Asked, self.was_asked(op));
                self.keeps(Rule::Once, !self.told.contains(&op));
                self.told.push(op);
            }
            What::Healed => {
                let was_healed = std::mem::replace(&mut self.healed, true);
                self.keeps(Rule::Once, !was_healed);
            }
            What::Disturbed => {}
        }
    }

    /// Whether an operation was asked by now, or is one that nobody is ever heard to ask.
    fn was_asked(&self, op: OpId) -> bool {
        self.asked.contains(&op) || !self.asks.contains(&op)
    }

    fn replay(&mut self, node: NodeId, fact: Fact) {
        let place = self.nodes.entry(node).or_default();
        let next = place.before.iter().position(|known| *known == fact);
        place.before.drain(..next.map_or(0, |next| next + 1));
        place.log.push(fact);
        let is_up = !place.down;
        self.keeps(Rule::Silence, is_up);
        self.keeps(Rule::Replay, next.is_some());
        self.keeps(Rule::NoGaps, next.is_none_or(|next| next == 0));
    }

    fn boot(&mut self, node: NodeId) {
        if self.source == Some(node) {
            self.untold.clear();
        }
        let is_first = !self.nodes.contains_key(&node);
        let place = self.nodes.entry(node).or_default();
        place.before = std::mem::take(&mut place.log);
        let was_down = std::mem::replace(&mut place.down, false);
        self.keeps(Rule::Silence, was_down || is_first);
    }

    /// What a new fact means beside the others.
    fn mean(&mut self, node: NodeId, fact: Fact) {
        let log = self.nodes.get(&node).map_or(&[][..], |place| &place.log);
        let (rule, is_kept) = match fact {
            Fact::Accepted(item) => (Rule::Asked, self.was_asked(OpId(item as u32))),
            Fact::Stages { key, .. } => {
                (Rule::OneHome, *self.staged.entry(key).or_insert(node) == node)
            }
            Fact::Logged { lsn, .. } => {
                let end = log.iter().rev().find_map(|known| match *known {
                    Fact::Logged { lsn, .. } => Some(lsn),
                    Fact::Recovered(upto) => Some(upto),
                    _ => None,
                });
                self.logged.push(lsn);
                (Rule::OneByOne, lsn == end.unwrap_or(0) + 1)
            }
            Fact::Applied(lsn) => {
                (Rule::Logged, self.source.is_some() || self.logged.contains(&lsn))
            }
            Fact::Synced(upto) => (Rule::Logged, upto == 0 || self.logged.contains(&upto)),
            Fact::Recovered(_) => {
                let recovers = |known: &Fact| matches!(known, Fact::Recovered(_));
                (Rule::OneRecovery, !log.iter().any(recovers))
            }
            Fact::Planned { saga, .. } => {
                let is_early = !self.begun.contains(&saga);
                (Rule::Planned, is_early && !self.told.contains(&OpId(saga as u32)))
            }
            Fact::SagaEnded(saga, SagaEnd::Parked) => (Rule::Planned, !self.over.contains(&saga)),
            Fact::SagaEnded(saga, _) => {
                self.begun.push(saga);
                self.over.push(saga);
                return;
            }
            Fact::DidStep(saga, step)
            | Fact::UndidStep(saga, step)
            | Fact::Tombstoned(saga, step) => {
                self.begun.push(saga);
                (Rule::OneHome, *self.steps.entry((saga, step)).or_insert(node) == node)
            }
            _ => return,
        };
        self.keeps(rule, is_kept);
    }

    /// What belongs to a commit comes together.
    fn belong(&mut self, node: NodeId, fact: Fact) {
        match fact {
            Fact::Commits { number, key, .. } => {
                let log = self.nodes.get(&node).map_or(&[][..], |place| &place.log);
                let rises = log.iter().all(|known| match *known {
                    Fact::Commits { number: before, key: of, .. } => {
                        before < number || before == number && of != key
                    }
                    _ => true,
                });
                let is_part =
                    |last: &Fact| matches!(last, Fact::Commits { number: of, .. } if *of == number);
                let is_told = self.untold.is_empty() || log.last().is_some_and(is_part);
                let is_source = *self.source.get_or_insert(node) == node;
                self.untold.push(key);
                self.keeps(Rule::OneSource, rises && is_source);
                self.keeps(Rule::Whole, is_told);
            }
            Fact::Holds { key, .. } | Fact::Lacks { key } if self.source == Some(node) => {
                let place = self.untold.iter().position(|untold| *untold == key);
                place.map(|place| self.untold.remove(place));
                self.keeps(Rule::Whole, place.is_some());
            }
            _ => {}
        }
    }
}
