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

use super::{Shrinker, freeze};
use crate::{
    engine::trace::{Entry, Kind},
    scenario::{
        model::{Do, Event, Fault, When, Who},
        run::Run,
    },
};

/// How many events on either side are tried.
const NEIGHBOURS_MAX: usize = 3;

impl Shrinker<'_> {
    /// Anchors every fault that strikes by the clock.
    pub(super) fn anchor(&mut self) {
        for place in 0..self.best.faults.len() {
            let When::At(_) = self.best.faults[place].when else { continue };
            let run = self.recorded(&self.best).run;
            let candidates = candidates(&run, &self.best.faults[place]);
            let found = candidates.into_iter().find(|when| {
                self.attempt(|draft| {
                    let fault = &mut draft.faults[place];
                    fault.when = when.clone();
                    freeze::name_actor(&mut fault.r#do, when);
                })
            });
            _ = found; // Without one the instant stays.
        }
    }
}

/// Triggers near the strike of a fault by the clock, the likeliest first.
fn candidates(run: &Run, fault: &Fault) -> Vec<When> {
    let When::At(at) = fault.when else { return Vec::new() };
    let victim = victim(&fault.r#do);
    let crash = run.entries.iter().find(|entry| {
        entry.kind == Kind::Crash
            && victim.is_some_and(|name| run.catalog.endpoint(entry.who) == name)
            && entry.at >= at
    });
    let mut found = Vec::new();
    if let Some(crash) = crash {
        found.extend(cut_handler(run, crash));
    }
    let here = |entry: &&Entry| victim.is_none_or(|name| run.catalog.endpoint(entry.who) == name);
    let before = run.entries.iter().rev().filter(|entry| entry.at <= at).filter(here);
    found.extend(before.filter_map(|entry| trigger(run, entry, Side::After)).take(NEIGHBOURS_MAX));
    let later = run.entries.iter().filter(|entry| entry.at >= at).filter(here);
    found.extend(later.filter_map(|entry| trigger(run, entry, Side::Before)).take(NEIGHBOURS_MAX));
    found
}

/// The node that a fault hits, if it hits one.
fn victim(what: &Do) -> Option<&str> {
    match what {
        Do::Crash { node, .. }
        | Do::Pause { node, .. }
        | Do::Slow { node, .. }
        | Do::StallDisk { node, .. }
        | Do::FailForce { node, .. }
        | Do::JumpClock { node, .. } => match node {
            Who::Node(name) => Some(name),
            Who::Actor | Who::AnyOf(_) | Who::Any => None,
        },
        _ => None,
    }
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
    let (nth, topic) = (freeze::nth(run, entry), freeze::topic(run, entry));
    let (node, peer) = (Some(run.catalog.endpoint(entry.who)), None);
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
