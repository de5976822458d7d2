//! Recovery: a node that comes back serves a prefix of its log that holds all that clients know.
//!
//! ```text
//!   p1   logged 1 2 3 4 5   synced 3   acknowledged 1 2 3   read 2 ─╳ boot ── recovered u, holds …
//!
//!   prefix         holds = what changes 1..=u come to, and the log goes on from u + 1
//!   acknowledged   u ≥ 3                 read   u ≥ 2
//!   idempotent     a second recovery, with nothing logged since, comes to the same
//!   refusal        refuses(lsn) ⇒ lsn was synced; and who refuses serves nothing until it boots
//! ```
//!
//! Source: Mohan and others 1992 (ARIES); Gray & Reuter 1993, chapters 9 to 11. A node that refuses
//! to serve has lost nothing silently, so nothing is demanded of what it acknowledged. Judged is
//! the node that logged; what another one makes of its log is `takeover.rs`. An answer that reaches
//! its client after the recovery counts like one before it.
//!
//! Reading the values back was rejected: registers that were written again hide what is lost.
//!
//! Limits: what `Holds` states directly behind `Recovered` is all that the node holds, unless it
//! crashes at that instant. See `lineage.rs` for the others.

use super::{
    CheckEntry, Checker, Finish, Judgement, NoSettings, PropertyInfo, Witness,
    evidence::witness,
    knowledge::{ByNode, count, judge},
    lineage::{How, Lineage, Name, Recovered, Turn, Write},
};
use crate::{
    base::{digest::Fold, ids::NodeId, table::Table},
    engine::{
        facts::Fact,
        runner::Catalog,
        signal::{Signal, What},
    },
};
use std::sync::Arc;

// The witness, checked again; others that judge the same log ask the same questions.
pub(in crate::checkers) mod recheck;
#[cfg(test)]
mod tests;

const PREFIX: &str = "recovery.prefix";
const ACKNOWLEDGED: &str = "recovery.acknowledged";
const READ: &str = "recovery.read";
const IDEMPOTENT: &str = "recovery.idempotent";
const REFUSAL: &str = "recovery.refusal";
const NAMES: [&str; 5] = [PREFIX, ACKNOWLEDGED, READ, IDEMPOTENT, REFUSAL];
const ARIES: &str = "Mohan and others 1992, ARIES";

/// The line of the registry.
pub(super) const ENTRY: CheckEntry = CheckEntry {
    name: "Recovery",
    properties: &[
        PropertyInfo {
            name: PREFIX,
            demands: "what a node serves after a recovery is what a prefix of the log comes to, \
                      and the log goes on from there",
            exercised_by: "recoveries of a log with changes in it",
            source: ARIES,
        },
        PropertyInfo {
            name: ACKNOWLEDGED,
            demands: "a node that recovers its own log has every write that a client was told is \
                      done",
            exercised_by: "recoveries after a write was acknowledged",
            source: "Haerder & Reuter 1983, Principles of Transaction-Oriented Database Recovery",
        },
        PropertyInfo {
            name: READ,
            demands: "a node that recovers its own log has every write that a client has read",
            exercised_by: "recoveries after a read saw a write",
            source: "Gray & Reuter 1993, Transaction Processing, chapter 9",
        },
        PropertyInfo {
            name: IDEMPOTENT,
            demands: "a second recovery with nothing logged in between comes to the same",
            exercised_by: "second recoveries of a log with changes in it",
            source: ARIES,
        },
        PropertyInfo {
            name: REFUSAL,
            demands: "a node refuses to serve only for damage to what it had synced, and then \
                      serves nothing until it boots again; a torn tail is cut",
            exercised_by: "refusals, and recoveries with changes that were not synced",
            source: "Prabhakaran and others 2005, IRON File Systems",
        },
    ],
    build: |text, named, catalog| {
        named.decode::<NoSettings>(text)?;
        Ok(Box::new(Recovery {
            catalog: Arc::clone(catalog),
            lineage: Lineage::default(),
            open: None,
            last: None,
            refused: ByNode::default(),
            broken: Default::default(),
            exercised: [0; 5],
        }))
    },
};

#[derive(Clone)]
struct Recovery {
    catalog: Arc<Catalog>,
    lineage: Lineage,
    /// A recovery whose contents are still being told.
    open: Option<Served>,
    /// The one before, with nothing logged since.
    last: Option<Served>,
    refused: ByNode<Option<Signal>>,
    /// The first violation of each property.
    broken: [Option<Witness>; 5],
    exercised: [u64; 5],
}

/// What a node said when it had recovered.
#[derive(Clone)]
struct Served {
    node: NodeId,
    upto: u64,
    signal: Signal,
    holds: Table<u32, (i64, Signal)>,
    /// Whether it came to tell everything.
    whole: bool,
}

impl Checker for Recovery {
    fn reset(&mut self) {
        self.lineage.reset();
        (self.open, self.last) = (None, None);
        self.refused.iter_mut().for_each(|refused| *refused = None);
        (self.broken, self.exercised) = (Default::default(), [0; 5]);
    }

    fn on_signal(&mut self, signal: &Signal) {
        match (signal.what, &mut self.open) {
            (What::Disturbed | What::Healed, _) => return,
            (What::Stated(node, Fact::Holds { key, value, .. }), Some(open))
                if open.node == node =>
            {
                if let Some((before, _)) = open.holds.insert(key, (value, *signal))
                    && before != value
                {
                    let sentence = format!("it holds {before} and {value} in register {key}");
                    let cited = [open.signal, *signal];
                    self.breaks(PREFIX, || witness(sentence, &cited));
                }
                return;
            }
            (What::Crashed(node), Some(open)) if open.node == node => {
                open.whole = open.signal.at != signal.at;
            }
            _ => {}
        }
        self.close();
        self.on_refusal(signal);
        match self.lineage.on_signal(signal) {
            Turn::Recovered(recovered) => self.on_recovered(&recovered, signal),
            Turn::Misfit => self.on_misfit(signal),
            Turn::Told(name) => self.lost_late(ACKNOWLEDGED, name, signal),
            Turn::Read(name) => self.lost_late(READ, name, signal),
            Turn::Astray(_) | Turn::Nothing => {}
        }
        if matches!(signal.what, What::Stated(_, Fact::Logged { .. })) {
            self.last = None;
        }
    }

    fn finish(&mut self, _: &Finish<'_>) -> Vec<Judgement> {
        self.close();
        let words = [
            ("recovery", "recoveries"),
            ("recovery with acknowledged writes", "recoveries with acknowledged writes"),
            ("recovery with writes read", "recoveries with writes read"),
            ("second recovery", "second recoveries"),
            ("refusal or unsynced tail", "refusals or unsynced tails"),
        ];
        let judged = NAMES.iter().zip(words).zip(&self.broken).zip(self.exercised);
        let judged = judged.map(|(((&name, (one, many)), broken), exercised)| {
            judge(name, broken.clone(), exercised, count(exercised, one, many))
        });
        judged.collect()
    }

    fn recheck(&self, property: &str, witness: &Witness, signals: &[Signal]) -> Result<(), String> {
        recheck::recheck(property, witness, signals)
    }

    fn explorable(&self) -> &'static [&'static str] {
        &NAMES
    }

    fn fork(&self) -> Option<Box<dyn Checker>> {
        Some(Box::new(self.clone()))
    }

    fn fold(&self, fold: &mut Fold) {
        self.broken.iter().for_each(|broken| fold.word(u64::from(broken.is_some())));
        self.lineage.fold(fold);
        for served in [&self.open, &self.last].into_iter().flatten() {
            fold.words([u64::from(served.node.0), served.upto, u64::from(served.whole)]);
            fold.word(served.holds.len() as u64);
            for (key, (value, _)) in &served.holds {
                fold.words([u64::from(*key), value.cast_unsigned()]);
            }
        }
        fold.words([self.open.is_some(), self.last.is_some()].map(u64::from));
        for (node, refused) in self.refused.iter() {
            fold.words([u64::from(node.0), u64::from(refused.is_some())]);
        }
    }

    fn broken(&mut self) -> Vec<&'static str> {
        let mut at_the_end = self.clone();
        at_the_end.close();
        let broken = NAMES.iter().zip(&at_the_end.broken).filter(|(_, broken)| broken.is_some());
        broken.map(|(&name, _)| name).collect()
    }
}

// The judge.

fn place_of(property: &str) -> usize {
    NAMES.iter().position(|name| *name == property).expect("a property of this check")
}

impl Recovery {
    fn exercises(&mut self, property: &str, occasions: bool) {
        self.exercised[place_of(property)] += u64::from(occasions);
    }

    fn breaks(&mut self, property: &str, witness: impl FnOnce() -> Witness) {
        self.broken[place_of(property)].get_or_insert_with(witness);
    }

    fn on_recovered(&mut self, recovered: &Recovered, signal: &Signal) {
        let Recovered { node, upto, how, length, synced, .. } = *recovered;
        let name = self.catalog.node(node).to_owned();
        let at = signal.at;
        self.exercises(PREFIX, length > 0);
        if upto > length {
            let sentence =
                format!("{name} recovered all up to {upto} at {at}; the log ended at {length}");
            self.breaks(PREFIX, || witness(sentence, &[*signal]));
        }
        if how == How::Own {
            self.exercises(REFUSAL, length > synced);
            let told = self.lineage.count(|write| write.told.is_some());
            self.exercises(ACKNOWLEDGED, told > 0);
            let read = self.lineage.count(|write| write.read.is_some());
            self.exercises(READ, read > 0);
            for (property, when) in [(ACKNOWLEDGED, told_at as When), (READ, read_at)] {
                if let Some(lost) = self.lineage.earliest(&recovered.lost, when) {
                    self.loses(property, lost);
                }
            }
        }
        let (signal, holds) = (*signal, Table::new());
        self.open = Some(Served { node, upto, signal, holds, whole: true });
    }

    /// A client hears of a write after it was lost. One that was never logged may still come.
    fn lost_late(&mut self, property: &str, name: Name, heard: &Signal) {
        let write = self.lineage.write(name).filter(|write| write.logged.is_some());
        if let Some((How::Own, _)) = write.and_then(|write| write.lost) {
            self.loses_heard(property, name, *heard);
        }
    }

    fn loses(&mut self, property: &str, name: Name) {
        let when = if property == READ { read_at } else { told_at };
        if let Some(heard) = self.lineage.write(name).and_then(when) {
            self.loses_heard(property, name, heard);
        }
    }

    fn on_misfit(&mut self, signal: &Signal) {
        let What::Stated(node, Fact::Logged { lsn, key, value }) = signal.what else { return };
        let (name, length) = (self.catalog.node(node).to_owned(), self.lineage.length());
        let at = signal.at;
        let sentence = match self.lineage.change(lsn) {
            Some(((old_key, old), _)) => format!(
                "{name} logged {value} for key {key} at {lsn} at {at}, where {old} for key \
                 {old_key} stands"
            ),
            None => format!("{name} logged at {lsn} at {at}; the log ended at {length}"),
        };
        self.breaks(PREFIX, || witness(sentence, &[*signal]));
    }

    fn on_refusal(&mut self, signal: &Signal) {
        let (node, serves) = match signal.what {
            What::Booted(node) => {
                *self.refused.of(node) = None;
                return;
            }
            What::Stated(node, Fact::Refuses(lsn)) => {
                let (name, synced) =
                    (self.catalog.node(node).to_owned(), self.lineage.synced(node));
                self.exercises(REFUSAL, true);
                self.refused.of(node).get_or_insert(*signal);
                if lsn > synced {
                    let sentence = format!(
                        "{name} refused at {} for damage at {lsn}; it had synced no further than \
                         {synced}: that is a torn tail",
                        signal.at
                    );
                    self.breaks(REFUSAL, || witness(sentence, &[*signal]));
                }
                return;
            }
            What::Stated(node, Fact::Recovered(_)) => (node, "served"),
            What::Stated(node, Fact::Logged { .. }) => (node, "logged"),
            What::Stated(node, Fact::Applied(_)) => (node, "applied a change"),
            _ => return,
        };
        if let Some(refused) = *self.refused.of(node) {
            let name = self.catalog.node(node).to_owned();
            let (since, at) = (refused.at, signal.at);
            let sentence = format!("{name} refused to serve at {since}, and {serves} at {at}");
            self.breaks(REFUSAL, || witness(sentence, &[refused, *signal]));
        }
    }

    /// All is told that the last recovery came to.
    fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        let name = self.catalog.node(open.node).to_owned();
        let (upto, at) = (open.upto, open.signal.at);
        if let Some((says, mut cited)) = differs(&self.lineage, &open) {
            let sentence = format!("{name} recovered all up to {upto} at {at}; {says}");
            cited.push(open.signal);
            self.breaks(PREFIX, || witness(sentence, &cited));
        }
        if let Some(last) = self.last.take().filter(|last| last.node == open.node) {
            self.exercises(IDEMPOTENT, upto > 0 || last.upto > 0);
            if let Some((says, mut cited)) = changed(&last, &open) {
                let since = last.signal.at;
                let sentence = format!(
                    "{name} recovered at {since} and again at {at}, with nothing logged since; \
                     {says}"
                );
                cited.extend([last.signal, open.signal]);
                self.breaks(IDEMPOTENT, || witness(sentence, &cited));
            }
        }
        self.last = Some(open);
    }

    // The witness.

    fn loses_heard(&mut self, property: &str, name: Name, heard: Signal) {
        let Some(write) = self.lineage.write(name).copied() else { return };
        let Some((_, recovered)) = write.lost else { return };
        let What::Stated(node, Fact::Recovered(upto)) = recovered.what else { return };
        let (node, (key, value)) = (self.catalog.node(node), name);
        let told = match property {
            READ => format!("{value} was read from register {key} at {}", heard.at),
            _ => format!("the client was told at {} that {value} is in register {key}", heard.at),
        };
        let stood = match write.logged {
            Some((lsn, _)) => format!("it was logged at {lsn}"),
            None => "it was never logged".to_owned(),
        };
        let at = recovered.at;
        let sentence = format!("{told}; {node} recovered all up to {upto} at {at}, and {stood}");
        let cited = [heard, recovered].into_iter().chain(write.asked);
        let cited: Vec<_> = cited.chain(write.logged.map(|(_, logged)| logged)).collect();
        self.breaks(property, || witness(sentence, &cited));
    }
}

type When = fn(&Write) -> Option<Signal>;

fn told_at(write: &Write) -> Option<Signal> {
    write.told
}

fn read_at(write: &Write) -> Option<Signal> {
    write.read
}

/// Where what is served is not what the lineage comes to.
fn differs(lineage: &Lineage, served: &Served) -> Option<(String, Vec<Signal>)> {
    let wanted = lineage.comes_to();
    for (key, (value, held)) in &served.holds {
        match wanted.get(key) {
            Some((right, _)) if right == value => {}
            Some((right, logged)) => {
                let says = format!("register {key} holds {value}, and {right} was logged last");
                return Some((says, vec![*held, *logged]));
            }
            None => {
                let says = format!("register {key} holds {value}, and nothing was logged for it");
                return Some((says, vec![*held]));
            }
        }
    }
    let mut missing = wanted.iter().filter(|(key, _)| !served.holds.contains_key(*key));
    let (key, (value, logged)) = missing.next().filter(|_| served.whole)?;
    let says = format!("register {key} holds nothing, and {value} was logged last");
    Some((says, vec![*logged]))
}

/// Where a second recovery differs from the first.
fn changed(first: &Served, second: &Served) -> Option<(String, Vec<Signal>)> {
    if first.upto != second.upto {
        return Some((format!("up to {}, then up to {}", first.upto, second.upto), Vec::new()));
    }
    for (key, (value, held)) in &first.holds {
        match second.holds.get(key) {
            Some((other, now)) if other != value => {
                let says = format!("register {key} held {value}, then {other}");
                return Some((says, vec![*held, *now]));
            }
            None if second.whole => {
                return Some((format!("register {key} held {value}, then nothing"), vec![*held]));
            }
            _ => {}
        }
    }
    let mut new = second.holds.iter().filter(|(key, _)| !first.holds.contains_key(*key));
    let (key, (value, now)) = new.next().filter(|_| first.whole)?;
    Some((format!("register {key} held nothing, then {value}"), vec![*now]))
}
