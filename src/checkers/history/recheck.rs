//! Witnesses about client histories, checked again: plain questions, asked of all signals.
//!
//! ```text
//!   witness ──find──▶ cited signals ──▶ Told { asked, answered }   an answer counts if it is cited
//!   all signals ────────────────────▶ Told                         who else wrote that value?
//! ```
//!
//! Nothing here is shared with the judges: calls are put together anew, what came before what is
//! read off the list of signals, and orders are tried one after the other. That is slow, and right
//! for the few calls that a witness cites.

use crate::{
    base::{
        ids::{ClientId, OpId},
        table::Table,
        time::Time,
    },
    checkers::{Witness, evidence},
    engine::{
        operations::{Ending, Operation},
        signal::{Signal, What},
    },
};

/// One operation, as the signals tell it.
#[derive(Clone, Copy, Debug)]
pub(in crate::checkers) struct Told {
    pub(in crate::checkers) op: OpId,
    pub(in crate::checkers) client: ClientId,
    pub(in crate::checkers) asked: Operation,
    pub(in crate::checkers) invoked: Point,
    pub(in crate::checkers) answered: Option<(Point, Ending)>,
}

/// When something was: true time, and how often its client had gone on by then in that instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::checkers) struct Point {
    pub(in crate::checkers) at: Time,
    turn: u32,
    is_end: bool,
}

impl Told {
    /// Which register it is about.
    pub(in crate::checkers) fn key(&self) -> Option<u32> {
        match self.asked {
            Operation::Read { key } | Operation::Write { key, .. } | Operation::Cas { key, .. } => {
                Some(key)
            }
            _ => None,
        }
    }

    /// What it certainly found, if it was answered.
    pub(in crate::checkers) fn found(&self, initial: i64) -> Option<i64> {
        match (self.asked, self.answered?.1) {
            (Operation::Read { .. }, Ending::Ok(seen)) => Some(seen.unwrap_or(initial)),
            (Operation::Cas { expected, .. }, Ending::Ok(_)) => Some(expected),
            _ => None,
        }
    }

    /// What it left behind, if it took effect.
    pub(in crate::checkers) fn left(&self) -> Option<i64> {
        match self.asked {
            Operation::Write { value, .. } | Operation::Cas { value, .. } => Some(value),
            _ => None,
        }
    }

    /// When it ended, if it certainly took effect.
    pub(in crate::checkers) fn ended(&self) -> Option<Point> {
        self.answered.map(|(at, _)| at)
    }

    /// Did it end before the other was invoked?
    pub(in crate::checkers) fn came_before(&self, other: &Self) -> bool {
        self.ended().is_some_and(|ended| ended < other.invoked)
    }
}

/// All operations on registers but those that were never done.
pub(in crate::checkers) fn all(signals: &[Signal]) -> Vec<Told> {
    let mut endings: Table<OpId, Ending> = Table::new();
    for signal in signals {
        if let What::Ended(op, ending) = signal.what {
            endings.or_insert_with(op, || ending);
        }
    }
    let mut told: Vec<Told> = Vec::new();
    let mut places: Table<OpId, usize> = Table::new();
    let mut clock = Clock::default();
    for signal in signals {
        match signal.what {
            What::Invoked(op, client, asked) if !places.contains_key(&op) => {
                let invoked = Point { at: signal.at, turn: 0, is_end: false };
                let new = Told { op, client, asked, invoked, answered: None };
                if new.key().is_some() && endings.get(&op) != Some(&Ending::NotDone) {
                    places.insert(op, told.len());
                    told.push(Told { invoked: clock.tick(signal.at, client, false), ..new });
                }
            }
            What::Ended(op, ending) => {
                let Some(&place) = places.get(&op) else { continue };
                let known = &mut told[place];
                if known.answered.is_none() && matches!(ending, Ending::Ok(_)) {
                    known.answered = Some((clock.tick(signal.at, known.client, true), ending));
                }
            }
            _ => {}
        }
    }
    told
}

/// The operations that a witness cites; an answer that it does not cite does not count.
pub(in crate::checkers) fn cited(
    witness: &Witness,
    signals: &[Signal],
) -> Result<Vec<Told>, String> {
    let found = evidence::find(witness, signals)?;
    let mut cited = all(signals);
    let is_cited = |wanted: &dyn Fn(&What) -> bool| found.iter().any(|(_, s)| wanted(&s.what));
    cited.retain(|told| is_cited(&|what| matches!(what, What::Invoked(op, ..) if *op == told.op)));
    for told in &mut cited {
        if !is_cited(&|what| matches!(what, What::Ended(op, _) if *op == told.op)) {
            told.answered = None;
        }
    }
    for (_, signal) in &found {
        let of_cited = |op: OpId| cited.iter().any(|told| told.op == op);
        let stands = match signal.what {
            What::Invoked(op, ..) | What::Ended(op, _) => of_cited(op),
            _ => false,
        };
        evidence::ensure(stands, "a cited event is no part of a cited operation on a register")?;
    }
    evidence::ensure(!cited.is_empty(), "no operation is cited")?;
    Ok(cited)
}

/// How often each client ended something and then asked again, within the present instant.
#[derive(Default)]
struct Clock {
    now: Time,
    turns: Table<ClientId, (u32, bool)>,
}

impl Clock {
    fn tick(&mut self, at: Time, client: ClientId, is_end: bool) -> Point {
        if self.now != at {
            self.now = at;
            self.turns.clear();
        }
        let (turn, was_end) = self.turns.entry_or_default(client);
        *turn += u32::from(*was_end && !is_end);
        *was_end = is_end;
        Point { at, turn: *turn, is_end }
    }
}
