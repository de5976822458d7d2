//! Events in columns: one list per field, numbers as steps from the one before.
//!
//! ```text
//!   entries[window] ──▶ { first, at: [Δns…], kind: […], who: […], peer, label, cause, text }
//!   all entries ──────▶ overview: how many events fall into each slice of time, per endpoint
//! ```
//!
//! A column parses ten times faster than a list of objects and takes a quarter of the room. The
//! overview counts every event, also those that the window leaves out.

use super::{
    super::{
        spans::simulated,
        words::{Words, is_everywhere, meaning, symbol},
    },
    strings::Strings,
};
use crate::{
    base::{
        ids::{EventId, TxnId},
        time::Time,
    },
    engine::{
        facts::Fact,
        network::Endpoint,
        script::Decision,
        signal::What,
        trace::{Entry, Kind},
    },
    scenario::run::Run,
};
use serde::Serialize;
use std::{collections::BTreeMap, ops::Range};

/// The events of the window.
#[derive(Serialize)]
pub(super) struct Events {
    /// The number of the first one; the others follow without gaps.
    first: u32,
    /// What kinds there are.
    kinds: Vec<KindRow>,
    at: Vec<u64>,
    kind: Vec<u8>,
    who: Vec<u16>,
    peer: Vec<u16>,
    label: Vec<u16>,
    /// How far back the cause is; 0 where there is none in the window.
    cause: Vec<u32>,
    text: Vec<u32>,
    /// Arrivals that came too late for whoever waited for them.
    late: Vec<u32>,
}

/// A kind of event.
#[derive(Serialize)]
struct KindRow {
    /// Its name in the program: `Send`, `Lose(Cut)`.
    code: String,
    /// Its name for people.
    name: &'static str,
    symbol: char,
    /// Whether it happens nowhere in particular.
    everywhere: bool,
}

impl Events {
    pub(super) fn of(
        run: &Run,
        words: &Words<'_>,
        window: Range<usize>,
        strings: &mut Strings,
    ) -> Self {
        let entries = &run.entries[window];
        let first = entries.first().map_or(1, |entry| entry.event.0);
        let mut events = Self {
            first,
            kinds: Vec::new(),
            at: Vec::new(),
            kind: Vec::new(),
            who: Vec::new(),
            peer: Vec::new(),
            label: Vec::new(),
            cause: Vec::new(),
            text: Vec::new(),
            late: late(run, entries),
        };
        let mut kinds: Vec<Kind> = Vec::new();
        let mut before = Time::ZERO;
        for entry in entries {
            events.at.push(entry.at.saturating_since(before).as_nanos());
            before = entry.at;
            let kind = events.kind_row(&mut kinds, entry.kind);
            events.kind.push(kind);
            events.who.push(entry.who.0);
            events.peer.push(entry.peer.0);
            events.label.push(entry.label);
            let is_told = first <= entry.cause.0 && entry.cause < entry.event;
            events.cause.push(if is_told { entry.event.0 - entry.cause.0 } else { 0 });
            events.text.push(strings.place(words.what(entry)));
        }
        events
    }

    fn kind_row(&mut self, known: &mut Vec<Kind>, kind: Kind) -> u8 {
        if let Some(place) = known.iter().position(|one| *one == kind) {
            return place as u8;
        }
        known.push(kind);
        self.kinds.push(KindRow {
            code: format!("{kind:?}"),
            name: meaning(kind),
            symbol: symbol(kind),
            everywhere: is_everywhere(kind),
        });
        known.len() as u8 - 1
    }
}

/// Arrivals whose receiver gave up waiting for their transaction while they were on their way.
fn late(run: &Run, entries: &[Entry]) -> Vec<u32> {
    let mut gave_up: BTreeMap<(Endpoint, TxnId), Time> = BTreeMap::new();
    for signal in &run.signals {
        if let What::Stated(node, Fact::TimedOut(txn)) = signal.what {
            gave_up.entry((node.into(), txn)).or_insert(signal.at);
        }
    }
    let topics: BTreeMap<EventId, TxnId> = run
        .decisions
        .iter()
        .filter_map(|decision| match decision {
            Decision::Message(sent, name, _) => {
                Some((*sent, TxnId(u32::try_from(name.topic.0).ok()?)))
            }
            _ => None,
        })
        .collect();
    let is_late = |entry: &&Entry| {
        let sent = || run.entries.binary_search_by_key(&entry.cause, |one| one.event).ok();
        let topic = topics.get(&entry.cause);
        let gave_up = topic.and_then(|txn| gave_up.get(&(entry.who, *txn)));
        gave_up.is_some_and(|at| {
            *at < entry.at && sent().is_some_and(|sent| run.entries[sent].at <= *at)
        })
    };
    let arrivals = entries.iter().filter(|entry| entry.kind == Kind::Deliver);
    arrivals.filter(is_late).map(|entry| entry.event.0).collect()
}

/// How many events there are where and when, in a whole run.
#[derive(Serialize)]
pub(super) struct Overview {
    /// How many slices the run is cut into.
    slices: usize,
    /// For each endpoint, how many events fall into each slice.
    counts: Vec<Vec<u32>>,
}

const SLICES: u64 = 480;

impl Overview {
    pub(super) fn of(run: &Run) -> Self {
        let ends = run.catalog.nodes.len() + usize::from(run.clients);
        let mut counts = vec![vec![0; SLICES as usize]; ends];
        let end = simulated(run).as_nanos().max(1);
        for entry in run.entries.iter().filter(|entry| !is_everywhere(entry.kind)) {
            let slice = u128::from(entry.at.as_nanos()) * u128::from(SLICES) / u128::from(end);
            let slice = slice.min(u128::from(SLICES) - 1) as usize;
            if let Some(counts) = counts.get_mut(usize::from(entry.who.0)) {
                counts[slice] += 1;
            }
        }
        Self { slices: SLICES as usize, counts }
    }
}
