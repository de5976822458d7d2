//! Linearizable: clients see one register per key, whose calls take effect one after the other.
//!
//! ```text
//!   client1   ├──write 1──┤                  ├──read→1──┤   refuted: 2 was there for certain
//!   client2                 ├──write 2──┤
//! ```
//!
//! Source: Herlihy & Wing 1990. The judge is `history/linearizable.rs`; here it gets the history of
//! a run. A witness cites the answers that cannot be explained, and the invocations of all else
//! that could have helped. It is checked again by trying every order of what is cited, after a look
//! at all signals for anybody else who wrote what was seen.
//!
//! Limits: answers hold one value, so only registers are judged. Unknown beyond `states_max`.

use super::{
    CheckEntry, Checker, Finish, Judgement, PropertyInfo, Witness,
    evidence::{self, ensure},
    history::{self, Model, Rules, engine::Gathered, recheck},
};
use crate::engine::{operations::Operation, signal::Signal};
use recheck::Told;
use std::collections::BTreeSet;

/// The line of the registry.
pub(super) const ENTRY: CheckEntry = CheckEntry {
    name: "Linearizable",
    properties: &[PropertyInfo {
        name: history::LINEARIZABLE,
        demands: "every register answers as if its calls took effect one by one, each between \
                  its invocation and its end",
        exercised_by: "answers of registers that somebody had begun to write before they came",
        source: "Herlihy & Wing 1990, Linearizability",
    }],
    build: |text, named, _| Ok(Box::new(Linearizable::new(named.decode(text)?))),
};

#[derive(Clone, Copy, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    /// What clients may call.
    model: Registers,
    /// What every register holds at first.
    initial: i64,
    /// How many configurations the search may meet.
    states_max: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
enum Registers {
    /// Reads and writes.
    Register,
    /// Compare-and-sets too.
    CasRegister,
}

impl Default for Settings {
    fn default() -> Self {
        Self { model: Registers::CasRegister, initial: 0, states_max: history::STATES_MAX }
    }
}

struct Linearizable {
    settings: Settings,
    gathered: Gathered,
}

impl Checker for Linearizable {
    fn reset(&mut self) {
        self.gathered.clear();
    }

    fn on_signal(&mut self, signal: &Signal) {
        self.gathered.on_signal(signal);
    }

    fn finish(&mut self, _: &Finish<'_>) -> Vec<Judgement> {
        let Settings { model, initial, states_max } = self.settings;
        let model = match model {
            Registers::Register => Model::Register,
            Registers::CasRegister => Model::CasRegister,
        };
        let (history, initial) = self.gathered.history(initial);
        if let Some(call) = history.calls.iter().find(|call| !model.knows(call.action)) {
            let why = format!(
                "{} asked for `{}`, which no register knows: set `model: CasRegister`",
                history.whose.name(call.process),
                history.words(call.action)
            );
            return vec![unknown(why)];
        }
        let rules = Rules { model, initial: vec![initial], states_max };
        vec![self.gathered.judgement(history::linearizable(&history, &rules))]
    }

    fn recheck(&self, property: &str, witness: &Witness, signals: &[Signal]) -> Result<(), String> {
        if property != history::LINEARIZABLE {
            return evidence::no_such_property(property);
        }
        let cited = recheck::cited(witness, signals)?;
        let initial = self.settings.initial;
        nobody_else_wrote(&cited, &recheck::all(signals), initial)?;
        let mut orders = Orders { cited: &cited, initial, met: BTreeSet::new() };
        ensure(!orders.is_legal(0, initial), "the cited operations can be put in order")
    }
}

fn unknown(why: String) -> Judgement {
    let verdict = super::Verdict::Unknown(why);
    Judgement { property: history::LINEARIZABLE, verdict, exercised: 0, note: String::new() }
}

impl Linearizable {
    fn new(settings: Settings) -> Self {
        Self { settings, gathered: Gathered::default() }
    }
}

// The witness, checked again.

/// Whoever may have written what a cited operation found is cited, unless it came too late.
fn nobody_else_wrote(cited: &[Told], all: &[Told], initial: i64) -> Result<(), String> {
    let key = cited[0].key();
    ensure(cited.iter().all(|told| told.key() == key), "the cited operations differ in their key")?;
    let last = cited.iter().filter_map(Told::ended).max();
    let Some(last) = last else { return Err("no answer is cited".to_owned()) };
    let found: Vec<i64> = cited.iter().filter_map(|told| needs(told, initial)).collect();
    for other in all.iter().filter(|told| told.key() == key) {
        let wrote_it = other.left().is_some_and(|left| found.contains(&left));
        let is_cited = cited.iter().any(|told| told.op == other.op);
        let in_time = other.invoked < last;
        ensure(is_cited || !wrote_it || !in_time, "another operation may have written that value")?;
    }
    Ok(())
}

/// What a register must hold for an operation to take effect with the answer that it had.
fn needs(told: &Told, initial: i64) -> Option<i64> {
    match told.asked {
        Operation::Cas { expected, .. } => Some(expected),
        _ => told.found(initial),
    }
}

/// All orders of up to 64 operations.
struct Orders<'c> {
    cited: &'c [Told],
    initial: i64,
    met: BTreeSet<(u64, i64)>,
}

impl Orders<'_> {
    /// Is there a legal order of those that are not yet placed, from this value on?
    fn is_legal(&mut self, placed: u64, value: i64) -> bool {
        let left = |place: &usize| placed >> place & 1 == 0;
        let rest: Vec<usize> = (0..self.cited.len().min(64)).filter(left).collect();
        if rest.iter().all(|&place| self.cited[place].ended().is_none()) {
            return true;
        }
        if !self.met.insert((placed, value)) {
            return false;
        }
        for &next in &rest {
            let told = self.cited[next];
            if rest.iter().any(|&other| self.cited[other].came_before(&told)) {
                continue;
            }
            let fits = needs(&told, self.initial).is_none_or(|needed| needed == value);
            if fits && self.is_legal(placed | 1 << next, told.left().unwrap_or(value)) {
                return true;
            }
        }
        false
    }
}
