//! Chance in faults: when random rules strike, what a seed's swarm has, and what a budget refuses.
//!
//! ```text
//!   reset ──▶ draw_swarm ──▶ schedule what strikes by the clock
//!   each force, each handler ──▶ does a rule strike here? ──▶ would it break too much? ──▶ strike
//! ```
//!
//! A rule by time draws how often it strikes and then when, so that most runs see it; a rate per
//! tick leaves most runs untouched. A rule by step draws by the step's name. The budget steers
//! random rules only: what a scenario schedules or aims at an event is meant to happen. What a
//! strike does is in `inject.rs`.

use super::{
    core::{CellOf, Core, DOWN, Doom, Event, PAUSED},
    faults::{Budget, DiskFate, Swarm, What, When},
    inject::Twist,
    protocol::{Protocol, Tolerance},
};
use crate::base::{
    draws::{Key, Purpose, below, name_word},
    ids::{EventId, NodeId, NodeSet},
    queue::Class,
    sampler::Law,
    time::{Duration, Time},
};
use std::sync::Arc;

/// A handler that has more effects than this is never cut after them by a rule at each effect.
const EFFECTS_MAX: u32 = 32;

impl<P: Protocol> Core<P> {
    /// Rules that strike at forces; a force is named by the record that asks for it.
    pub(super) fn each_force(&mut self, node: NodeId, record: (u64, u16), asked: EventId) {
        if self.setup.rules.is_empty() {
            return;
        }
        let setup = Arc::clone(&self.setup);
        for (rule, definition) in setup.rules.iter().enumerate() {
            let When::EachForce { chance, nodes } = &definition.when else { continue };
            if !(nodes.is_empty() || nodes.contains(&node)) || !self.arm(rule) {
                continue;
            }
            let name = self.names.endpoints[usize::from(node.0)];
            let key = self.draws.key(Purpose::Faults, [self.rules[rule].word, name, record.0, 0]);
            if self.happens(rule, *chance, key) {
                self.rules[rule].asked = asked;
                self.strike(rule as u16, Some(node), &mut Twist::default());
            }
        }
    }

    /// Rules that strike at effects: draws, for the handler about to run, after how many effects it
    /// is cut. `what` names the handler's event.
    pub(super) fn each_effect(&mut self, node: NodeId, what: [u64; 2]) {
        let setup = Arc::clone(&self.setup);
        for (rule, definition) in setup.rules.iter().enumerate() {
            let When::EachEffect { chance, nodes } = &definition.when else { continue };
            if !(nodes.is_empty() || nodes.contains(&node)) || !self.arm(rule) {
                continue;
            }
            let name = self.names.endpoints[usize::from(node.0)];
            let word = self.rules[rule].word;
            let key = self.draws.key(Purpose::Faults, [word, name, what[0], what[1]]);
            let first = self.attempt(key) * (EFFECTS_MAX / 8);
            let cut = (0..EFFECTS_MAX).find(|i| chance.happens(key.word(first + i / 8, i % 8)));
            let spared = self.cell(node).is_doomed() || self.cell(node).is_down();
            if let Some(effects_left) = cut.filter(|_| !spared) {
                self.rules[rule].strike = key.word(first + effects_left / 8, effects_left % 8);
                self.doom_handler(rule as u16, node, &definition.what, effects_left);
            }
        }
    }

    fn doom_handler(&mut self, rule: u16, node: NodeId, what: &What, effects_left: u32) {
        let What::Crash { down, disk, keeps, .. } = what else { return };
        if self.exceeds_budget(rule, what, Some(node)) {
            self.rules[usize::from(rule)].counts.refused += 1;
            return;
        }
        let down = self.span(rule, down);
        let wipe = *disk == DiskFate::Wipe;
        // It fires when it falls between two effects: the handler may have fewer.
        let strike = self.rules[usize::from(rule)].strike;
        let doom = Doom {
            rule,
            effects_left,
            at_end: false,
            keeps: *keeps,
            strike,
            handler: Some((self.cause, effects_left)),
            down,
            wipe,
        };
        self.cell(node).set_doom(Some(doom));
    }

    /// Whether a random fault would break more than the protocol claims to survive.
    pub(super) fn exceeds_budget(&self, rule: u16, what: &What, actor: Option<NodeId>) -> bool {
        let Budget::Enforce(tolerance) = self.setup.budget else { return false };
        let Tolerance { unavailable_max, amnesia_max } = tolerance;
        let (hit, wipes) = match what {
            What::Crash { node, disk, .. } => {
                (NodeSet::of(self.victim(rule, node, actor)), u16::from(*disk == DiskFate::Wipe))
            }
            What::Pause { node, .. } | What::FailForce { node, .. } => {
                (NodeSet::of(self.victim(rule, node, actor)), 0)
            }
            What::Cut { groups, .. } => (self.minority(groups), 0),
            _ => return false,
        };
        let broken = self.unavailable().union(hit).len();
        broken > u32::from(unavailable_max) || self.wiped + wipes > amnesia_max && wipes > 0
    }

    /// Nodes that are down, about to be, paused, or cut off from the larger side.
    fn unavailable(&self) -> NodeSet {
        let broken = |cell: &CellOf<P>| {
            cell.busy & (DOWN | PAUSED) != 0 || cell.is_doomed() || cell.failing.is_some()
        };
        let nodes = self.cells.iter().enumerate().filter(|(_, cell)| broken(cell));
        let down: NodeSet = nodes.map(|(node, _)| NodeId(node as u16)).collect();
        self.network.cuts.iter().fold(down, |set, cut| set.union(self.minority(&cut.groups)))
    }

    /// The nodes outside the largest group.
    fn minority(&self, groups: &[u8]) -> NodeSet {
        let nodes = &groups[..groups.len().min(self.cells.len())];
        let size = |group: u8| nodes.iter().map(|&member| u32::from(member == group)).sum::<u32>();
        let largest = nodes.iter().copied().max_by_key(|&group| (size(group), u8::MAX - group));
        let outside =
            nodes.iter().enumerate().filter(|&(_, &g)| Some(g) != largest && g != u8::MAX);
        outside.map(|(node, _)| NodeId(node as u16)).collect()
    }

    /// Turns whole classes off for this seed, and schedules what strikes by the clock.
    pub(super) fn schedule_rules(&mut self) {
        self.draw_swarm();
        let setup = Arc::clone(&self.setup);
        for (rule, definition) in setup.rules.iter().enumerate() {
            let word = self.rules[rule].word;
            let key = self.draws.key(Purpose::Faults, [word, name_word("when"), 0, 0]);
            match &definition.when {
                When::At(at) => self.schedule(rule, *at),
                When::Times { count, within } => {
                    let times =
                        count.0 + below(key.word(0, 0), u64::from(count.1 - count.0) + 1) as u16;
                    let width = (within.1 - within.0).as_nanos().saturating_add(1);
                    for strike in 1..=u32::from(times) {
                        let after = Duration::from_nanos(below(key.word(strike, 0), width));
                        self.schedule(rule, within.0 + after);
                    }
                }
                When::Poisson { mean, within } => self.schedule_poisson(rule, key, *mean, *within),
                _ => {}
            }
        }
    }

    fn schedule_poisson(&mut self, rule: usize, key: Key, mean: Duration, within: (Time, Time)) {
        let law = Law::Exponential { floor: Duration::ZERO, mean };
        let pause = law.compile().expect("a positive mean was asked for when the file was read");
        let mut at = within.0;
        for strike in 0..10_000 {
            at += pause.sample(key.word(strike, 0));
            if at > within.1 {
                return;
            }
            self.schedule(rule, at);
        }
    }

    fn schedule(&mut self, rule: usize, at: Time) {
        if self.rules[rule].off {
            return;
        }
        self.rules[rule].counts.armed += 1;
        self.put(at, Class::Fault, Event::Strike(rule as u16));
    }

    fn draw_swarm(&mut self) {
        if self.setup.swarm == Swarm::Off {
            return;
        }
        let mode = self.draws.key(Purpose::Swarm, [name_word("mode"), 0, 0, 0]).word(0, 0);
        let draws = self.draws.clone();
        let keeps = |class: &str| match below(mode, 10) {
            0 => false,
            1 => true,
            _ => draws.key(Purpose::Swarm, [name_word(class), 0, 0, 0]).word(0, 0) >> 63 == 0,
        };
        let setup = Arc::clone(&self.setup);
        for (rule, definition) in setup.rules.iter().enumerate() {
            let random = definition.when.is_random();
            self.rules[rule].off = random && !keeps(definition.what.class());
        }
        self.network.lossy = keeps("loss");
        self.network.duplicating = keeps("duplication");
    }
}
