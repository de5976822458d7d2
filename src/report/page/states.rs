//! The state of every node at every step, as changes: a page can show any of them.
//!
//! ```text
//!   run again ──after each step──▶ look at the nodes it touched ──▶ field · hunks: keep, drop, insert
//! ```
//!
//! A step is one handled event with all that it brought about, as in `replay`. A field that grows
//! by an entry per transaction would fill a page with copies of itself; what is kept of it is where
//! it differs from what it was, and what stands there now.
//! Snapshots were rejected: the reader's program makes its own as it goes.
//!
//! Limits: states within the window of events that a page tells of, and so many letters in all;
//! after that nothing more is told, and the page says so.

use super::{
    super::{standing::condition, text::inert},
    changes,
    strings::Strings,
};
use crate::{
    base::ids::NodeId,
    engine::{
        look::NodeView,
        runner::Simulation,
        trace::{Entry, Kind, Recording},
    },
    scenario::{plan::Plan, run::Run},
};
use serde::Serialize;
use std::ops::Range;

/// How many letters of states a page takes.
const LETTERS_MAX: usize = 8 << 20;

/// All states of a run.
#[derive(Serialize, Default)]
pub(super) struct States {
    /// The last event of each step, as distances.
    stops: Vec<u32>,
    /// What each node is like, from step to step.
    nodes: Vec<NodeStates>,
    /// The last event whose state is told.
    upto: u32,
}

/// The states of one node: parallel lists, an item per change.
#[derive(Serialize, Default)]
struct NodeStates {
    /// The names of its fields.
    fields: Vec<String>,
    /// At which stop.
    stop: Vec<u32>,
    field: Vec<u16>,
    /// Of how many hunks a change is; these stand in lists of their own.
    hunks: Vec<u32>,
    keep: Vec<u32>,
    drop: Vec<u32>,
    insert: Vec<u32>,
    /// The values as they are now.
    #[serde(skip)]
    values: Vec<String>,
}

impl States {
    /// Runs a run again and looks.
    pub(super) fn of(run: &Run, plan: &Plan, window: Range<usize>, strings: &mut Strings) -> Self {
        let mut world = plan.configured.simulation(plan.setup.clone());
        world.reset(run.seed, Recording::HashOnly);
        let nodes = run.catalog.nodes.len();
        let mut states = Self { nodes: vec_of(nodes), ..Self::default() };
        // What came before the window is one step, whose end is where the telling begins.
        let first = window.start as u32;
        let last = run.entries[window].last().map_or(0, |entry| entry.event.0);
        let (mut before, mut letters) = (0, 0);
        loop {
            let latest = world.trace().latest().0;
            if before < latest && first <= latest {
                let entries = &run.entries[before as usize..latest as usize];
                let stop = states.stops.len() as u32;
                states.stops.push(latest - before);
                for node in touched(entries, nodes, before == 0) {
                    letters += states.nodes[node].take(stop, node, world.as_ref(), strings);
                }
                (before, states.upto) = (latest, latest);
            }
            if last <= before || LETTERS_MAX < letters || !world.step() {
                return states;
            }
        }
    }
}

fn vec_of(nodes: usize) -> Vec<NodeStates> {
    (0..nodes).map(|_| NodeStates::default()).collect()
}

/// The nodes that events are about.
fn touched(entries: &[Entry], nodes: usize, is_first: bool) -> Vec<usize> {
    if is_first || entries.iter().any(|entry| entry.kind == Kind::Heal) {
        return (0..nodes).collect();
    }
    let mut touched: Vec<usize> = entries
        .iter()
        .flat_map(|entry| [entry.who, entry.peer])
        .map(|end| usize::from(end.0))
        .collect();
    touched.retain(|end| *end < nodes);
    touched.sort_unstable();
    touched.dedup();
    touched
}

impl NodeStates {
    /// Notes what has changed; gives how many letters that took.
    fn take(
        &mut self,
        stop: u32,
        node: usize,
        world: &dyn Simulation,
        strings: &mut Strings,
    ) -> usize {
        let told = told(&world.glance(NodeId(node as u16)));
        let mut letters = 0;
        for (name, _) in &told {
            if !self.fields.contains(name) {
                self.fields.push(name.clone());
                self.values.push(String::new());
            }
        }
        for place in 0..self.fields.len() {
            let now = told.iter().find(|(name, _)| *name == self.fields[place]);
            let now = now.map_or("", |(_, value)| value.as_str());
            if self.values[place] == now {
                continue;
            }
            let hunks = changes::between(&self.values[place], now);
            self.stop.push(stop);
            self.field.push(place as u16);
            self.hunks.push(hunks.len() as u32);
            for hunk in hunks {
                letters += hunk.insert.len() + 8;
                self.keep.push(hunk.keep);
                self.drop.push(hunk.drop);
                self.insert.push(strings.place(hunk.insert.to_owned()));
            }
            now.clone_into(&mut self.values[place]);
        }
        letters
    }
}

/// A node in parts: what it does, the fields of its state, and what it waits for.
fn told(view: &NodeView) -> Vec<(String, String)> {
    let conditions: Vec<&str> = view.conditions.iter().map(|one| condition(*one)).collect();
    let mut parts = vec![("condition".to_owned(), conditions.join(" · "))];
    let fields = view.state.iter().map(|(field, value)| {
        let field = if field.is_empty() { "state" } else { field.as_str() };
        (inert(field), inert(value))
    });
    parts.extend(fields);
    let timers = view.timers.iter().map(|(timer, due)| match due {
        Some(at) => format!("{timer} at {}", at.as_seconds_text(6)),
        None => format!("{timer}, due"),
    });
    for (name, items) in [
        ("timers", timers.collect::<Vec<_>>()),
        ("behind the force", view.behind_force.clone()),
        ("waiting", view.inbox.clone()),
    ] {
        if !items.is_empty() {
            parts.push((name.to_owned(), inert(&items.join(" · "))));
        }
    }
    parts
}
