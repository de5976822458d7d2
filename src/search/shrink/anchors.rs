//! Anchors: faults at instants become faults at events.
//!
//! ```text
//!   At("203ms") crash c      ──▶ After(Deliver("Yes"), nth: 2, node: "c")     what c did last
//!   the same, cut at an effect ─▶ Inside(Deliver("Yes"), nth: 2, effects: 1)  where it was cut
//!   At("203ms") cut {p1}     ──▶ After(Send("Prepare"), …) · Before(…)        what happened around it
//! ```
//!
//! An instant means nothing to a reader and moves with every change of the code; "after the second
//! Yes" is the story. Candidates come from the recorded run, nearest events first, and one is taken
//! if the scenario still fails as before; otherwise the instant stays.

use super::{
    Shrinker,
    freeze::{self, Occasion},
};
use crate::{
    base::time::Time,
    engine::{
        script::Decision,
        trace::{Entry, Kind},
    },
    scenario::{
        model::{Event, Fault, When},
        run::Run,
    },
};

/// How many events on either side are tried.
const NEIGHBOURS_MAX: usize = 3;

impl Shrinker<'_> {
    /// Anchors every fault that strikes by the clock, or at an event that is counted over the whole
    /// run: such a count moves with every operation.
    pub(super) fn anchor(&mut self) {
        for place in 0..self.best.faults.len() {
            if !is_loose(&self.best.faults[place].when) {
                continue;
            }
            let run = self.recorded(&self.best).run;
            let Some(at) = struck_at(&run, place) else { continue };
            let candidates = candidates(&run, &self.best.faults[place], at);
            for when in candidates {
                let anchored = self.attempt(|draft| {
                    let fault = &mut draft.faults[place];
                    freeze::name_actor(&mut fault.r#do, &when);
                    fault.when = when;
                });
                if anchored {
                    break; // Without one it stays as it is.
                }
            }
        }
    }
}

fn is_loose(when: &When) -> bool {
    match when {
        When::At(_) => true,
        When::Before { nth, topic, .. }
        | When::After { nth, topic, .. }
        | When::Inside { nth, topic, .. } => *nth > 1 && topic.is_none(),
        _ => false,
    }
}

/// When a fault struck first.
fn struck_at(run: &Run, place: usize) -> Option<Time> {
    run.decisions.iter().find_map(|decision| match decision {
        Decision::Strike(strike) if usize::from(strike.rule) == place => Some(strike.at),
        _ => None,
    })
}

/// Triggers near the strike of a fault, the likeliest first.
fn candidates(run: &Run, fault: &Fault, at: Time) -> Vec<When> {
    let victim = freeze::victim(fault);
    let is_victim = |entry: &Entry| {
        victim.as_deref().is_none_or(|name| run.catalog.endpoint(entry.who) == name)
    };
    let crash = run.entries.iter().find(|entry| {
        entry.kind == Kind::Crash && victim.is_some() && is_victim(entry) && entry.at >= at
    });
    let mut found = crash.map_or_else(Vec::new, |crash| cut_handler(run, crash));
    let here = |entry: &&Entry| is_victim(entry);
    let before = run.entries.iter().rev().filter(|entry| entry.at <= at).filter(here);
    found.extend(before.filter_map(|entry| trigger(run, entry, Side::After)).take(NEIGHBOURS_MAX));
    let later = run.entries.iter().filter(|entry| entry.at >= at).filter(here);
    found.extend(later.filter_map(|entry| trigger(run, entry, Side::Before)).take(NEIGHBOURS_MAX));
    found.retain(|when| !is_loose(when) || matches!(fault.when, When::At(_)));
    found
}

/// A handler that a crash cut, or came right after: after each possible number of effects.
fn cut_handler(run: &Run, crash: &Entry) -> Vec<When> {
    const EFFECTS_MAX: u32 = 8;
    let handler = run.entries.iter().rev().find(|entry| {
        entry.event < crash.event
            && entry.who == crash.who
            && freeze::handler(&run.catalog, entry).is_some()
    });
    let Some(handler) = handler else { return Vec::new() };
    let mut found = vec![];
    if handler.at == crash.at {
        let cuts = 0..EFFECTS_MAX;
        found.extend(cuts.map(|effects| freeze::inside(run, handler, effects)));
    }
    found
}

/// An event that a trigger can wait for, and a trigger on one side of it.
fn trigger(run: &Run, entry: &Entry, side: Side) -> Option<When> {
    let label = usize::from(entry.label);
    let event = match entry.kind {
        Kind::Send => Event::Send(run.catalog.messages.names()[label].clone()),
        Kind::Force => Event::Force(run.catalog.records.names()[label].clone()),
        _ => freeze::handler(&run.catalog, entry)?,
    };
    let Occasion { node, peer, topic, nth } = Occasion::of(run, entry);
    Some(match side {
        Side::Before => When::Before { event, nth, node, peer, topic },
        Side::After => When::After { event, nth, node, peer, topic },
    })
}

/// Which side of an event a trigger is on.
#[derive(Clone, Copy)]
enum Side {
    Before,
    After,
}
