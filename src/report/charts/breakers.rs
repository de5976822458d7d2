//! Breakers: what each circuit breaker did over time, a strip per caller and callee.
//!
//! ```text
//!   payment   ▁▁▁▁███▄██▄▁▁▁      closed: low, half open: middle, open: high
//!   shipping  ▁▁▁▁▁▁▁▁▁▁▁▁▁▁
//! ```
//!
//! An open breaker answers for its callee, so clients hear No at once while nobody asks: without
//! this strip that looks like a callee that refuses. The height says the state as well as the
//! colour does.
//!
//! Limits: states only; what is left of a budget of retries is not drawn.

use super::{
    Chart,
    frame::{CAREFUL, DANGER, INK, Key, Shape, cell, seconds},
    strips::{self, Bar, Row},
};
use crate::{
    base::{
        ids::NodeId,
        time::{Duration, Time},
    },
    engine::protocol::Circuit,
    report::{
        readings::Readings,
        text::{count, rough},
    },
    scenario::run::Run,
};
use std::{collections::BTreeSet, fmt::Write as _};

/// A breaker in one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Spell {
    circuit: Circuit,
    since: Time,
    until: Time,
}

/// One breaker.
struct Strip {
    caller: NodeId,
    callee: NodeId,
    spells: Vec<Spell>,
}

impl Strip {
    fn opened(&self) -> u64 {
        self.spells.iter().filter(|spell| spell.circuit == Circuit::Open).count() as u64
    }

    fn open_for(&self) -> Duration {
        let open = self.spells.iter().filter(|spell| spell.circuit == Circuit::Open);
        open.fold(Duration::ZERO, |sum, spell| sum + spell.until.saturating_since(spell.since))
    }
}

/// What breakers did; nothing where there are none.
pub(super) fn breakers(run: &Run, readings: &Readings) -> Option<Chart> {
    let end = run.end.quiet_at;
    let strips: Vec<Strip> = readings
        .breakers
        .iter()
        .map(|((caller, callee), line)| Strip {
            caller: *caller,
            callee: *callee,
            spells: spells(line, end),
        })
        .collect();
    let worst = strips.iter().max_by_key(|strip| strip.open_for())?;
    let number = strips.len();
    let title = match worst.opened() {
        0 => format!("No breaker opened (n = {number})"),
        1 => format!(
            "The breaker of {} for {} opened once, for {} (n = {number})",
            run.catalog.node(worst.caller),
            run.catalog.node(worst.callee),
            rough(worst.open_for())
        ),
        opened => format!(
            "The breaker of {} for {} opened {}, {} in all (n = {number})",
            run.catalog.node(worst.caller),
            run.catalog.node(worst.callee),
            count(opened, "time"),
            rough(worst.open_for())
        ),
    };
    let description = "A strip per breaker: low while it is closed, higher while it lets some \
                       probes through, highest while it lets nothing through.";
    let callers: BTreeSet<NodeId> = strips.iter().map(|strip| strip.caller).collect();
    let rows: Vec<Row> = strips.iter().map(|strip| row(run, strip, callers.len())).collect();
    let keys = [
        Key { name: "closed", colour: INK, shape: Shape::Area(CLOSED.1) },
        Key { name: "half open", colour: CAREFUL, shape: Shape::Area(HALF_OPEN.1) },
        Key { name: "open", colour: DANGER, shape: Shape::Area(OPEN.1) },
    ];
    let svg = strips::draw(run, (&title, description), &keys, &rows);
    Some(Chart { title, svg, csv: table(run, &strips) })
}

/// How high and how dense a state is drawn.
const CLOSED: (f64, f64) = (0.2, 0.35);
const HALF_OPEN: (f64, f64) = (0.55, 0.85);
const OPEN: (f64, f64) = (0.86, 0.75);

fn row(run: &Run, strip: &Strip, callers: usize) -> Row {
    let callee = run.catalog.node(strip.callee);
    let name = match callers {
        1 => callee.to_owned(),
        _ => format!("{} for {callee}", run.catalog.node(strip.caller)),
    };
    // Half open is short, and drawn last so that it is not covered.
    let mut spells = strip.spells.clone();
    spells.sort_by_key(|spell| spell.circuit == Circuit::HalfOpen);
    let bars = spells.iter().map(|spell| {
        let (colour, (high, dense)) = match spell.circuit {
            Circuit::Closed => (INK, CLOSED),
            Circuit::HalfOpen => (CAREFUL, HALF_OPEN),
            Circuit::Open => (DANGER, OPEN),
        };
        Bar { span: (seconds(spell.since), seconds(spell.until)), high, colour, dense }
    });
    Row { name, bars: bars.collect(), marks: Vec::new() }
}

fn spells(line: &[(Time, Option<Circuit>)], end: Time) -> Vec<Spell> {
    let ends = line.iter().skip(1).map(|next| next.0).chain([end]);
    let spells = line.iter().zip(ends).filter_map(|((since, circuit), until)| {
        Some(Spell { circuit: (*circuit)?, since: *since, until })
    });
    spells.collect()
}

fn table(run: &Run, strips: &[Strip]) -> String {
    let mut csv = "caller,callee,state,since_ns,until_ns\n".to_owned();
    for strip in strips {
        let [caller, callee] =
            [strip.caller, strip.callee].map(|node| cell(run.catalog.node(node)));
        for Spell { circuit, since, until } in &strip.spells {
            let state = match circuit {
                Circuit::Closed => "closed",
                Circuit::HalfOpen => "half_open",
                Circuit::Open => "open",
            };
            let (since, until) = (since.as_nanos(), until.as_nanos());
            _ = writeln!(csv, "{caller},{callee},{state},{since},{until}");
        }
    }
    csv
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spell_lasts_until_the_next_one_and_none_while_the_caller_is_down() {
        let at = Time::from_millis;
        let line = [
            (at(10), Some(Circuit::Closed)),
            (at(20), Some(Circuit::Open)),
            (at(50), None),
            (at(70), Some(Circuit::Closed)),
        ];
        let spells = spells(&line, at(100));
        let told: Vec<_> = spells.iter().map(|one| (one.circuit, one.since, one.until)).collect();
        let expected = [
            (Circuit::Closed, at(10), at(20)),
            (Circuit::Open, at(20), at(50)),
            (Circuit::Closed, at(70), at(100)),
        ];
        assert_eq!(told, expected);
        let strip = Strip { caller: NodeId(0), callee: NodeId(1), spells };
        assert_eq!((strip.opened(), strip.open_for()), (1, Duration::from_millis(30)));
    }
}
