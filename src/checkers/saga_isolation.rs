//! Saga isolation: what sagas see of each other, and do to each other, before they are over.
//!
//! ```text
//!   saga 1   ├ moves x by −5 ┤                    ├ undoes: x by +5 ┤
//!   saga 2                    ├ moves x by −1 ┤                         saga.dirty_read
//!
//!   saga 1   ├ x: 9 → 4 ┤                         ├ undoes: x := 9 ┤
//!   saga 2                ├ x: 4 → 3 ┤                                  saga.lost_update
//! ```
//!
//! A step that changes a balance has looked at it. The look is *dirty* if the balance then carried
//! a change that its saga took back later. An update is *lost* if a compensation changes a balance
//! by something else than the opposite of what its own saga did to it, after another saga changed
//! it. Sagas promise neither away (Garcia-Molina & Salem 1987 give isolation up), so a scenario asks
//! for this check to count them, or because it takes a countermeasure that prevents them.
//!
//! Judging the order of all reads and writes (Adya 1999) was rejected: with sagas as transactions
//! every run would break it, and only these two have countermeasures in the literature.
//!
//! Limits: a step that was refused is not judged, though what it saw may have been dirty. Effects
//! that a crash takes back count as if they had stayed.

use super::{
    CheckEntry, Checker, Finish, Judgement, NoSettings, PropertyInfo, Witness,
    evidence::{self, Found, ensure, find, witness},
    knowledge::{count, judge},
};
use crate::{
    base::table::Table,
    engine::{
        facts::Fact,
        signal::{Signal, What},
    },
};

const DIRTY_READ: &str = "saga.dirty_read";
const LOST_UPDATE: &str = "saga.lost_update";
const SOURCE: &str = "Richardson 2018, Microservices Patterns, section 4.3";

/// The line of the registry.
pub(super) const ENTRY: CheckEntry = CheckEntry {
    name: "SagaIsolation",
    properties: &[
        PropertyInfo {
            name: DIRTY_READ,
            demands: "no step changes a balance while it carries what another saga takes back later",
            exercised_by: "steps that change a balance which another saga changed before",
            source: SOURCE,
        },
        PropertyInfo {
            name: LOST_UPDATE,
            demands: "a compensation takes back what its own saga did to a balance, and nothing else",
            exercised_by: "compensations of changes of balances",
            source: SOURCE,
        },
    ],
    build: |text, named, _| {
        named.decode::<NoSettings>(text)?;
        Ok(Box::new(SagaIsolation::default()))
    },
};

#[derive(Default)]
struct SagaIsolation {
    /// What the record says that is being told: a compensation, or not.
    undone: Option<(Signal, u64)>,
    /// By balance, all its changes in order.
    accounts: Table<u32, Vec<Move>>,
}

/// A change of a balance.
#[derive(Clone, Copy)]
struct Move {
    saga: u64,
    by: i64,
    way: Way,
    signal: Signal,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Forward,
    Back,
}

impl Checker for SagaIsolation {
    fn reset(&mut self) {
        self.undone = None;
        self.accounts.clear();
    }

    fn on_signal(&mut self, signal: &Signal) {
        let What::Stated(_, fact) = signal.what else { return };
        match fact {
            Fact::UndidStep(saga, _) => self.undone = Some((*signal, saga)),
            Fact::Moves { saga, account, by } => {
                let is_back = self.undone.is_some_and(|(undo, of)| {
                    of == saga && (undo.at, undo.event) == (signal.at, signal.event)
                });
                let way = if is_back { Way::Back } else { Way::Forward };
                let moves = self.accounts.entry_or_default(account);
                moves.push(Move { saga, by, way, signal: *signal });
            }
            _ => {}
        }
    }

    fn finish(&mut self, _: &Finish<'_>) -> Vec<Judgement> {
        vec![self.dirty_reads(), self.lost_updates()]
    }

    fn recheck(&self, property: &str, witness: &Witness, signals: &[Signal]) -> Result<(), String> {
        if property != DIRTY_READ && property != LOST_UPDATE {
            return evidence::no_such_property(property);
        }
        let mut cited = find(witness, signals)?;
        cited.sort_by_key(|(position, _)| *position);
        let [first, between, last] = cited.as_slice() else {
            return Err("three changes of a balance are needed".to_owned());
        };
        let [one, other, back] = [moved(first)?, moved(between)?, moved(last)?];
        ensure(one.1 == other.1 && other.1 == back.1, "they are of different balances")?;
        ensure(one.0 == back.0 && one.0 != other.0, "they are not of two sagas")?;
        let undoes = |found: &Found| {
            signals[..found.0].iter().any(|signal| {
                let same = (signal.at, signal.event) == (found.1.at, found.1.event);
                same && matches!(signal.what, What::Stated(_, Fact::UndidStep(of, _)) if of == back.0)
            })
        };
        ensure(undoes(last) && !undoes(first), "nothing is taken back")?;
        if property == DIRTY_READ {
            return Ok(());
        }
        let own: i128 = signals[..last.0].iter().filter_map(|signal| own_move(signal, one)).sum();
        ensure(i128::from(back.2) != -own, "it takes back what it did")
    }
}

/// Saga, balance and change that a cited signal states.
fn moved(found: &Found) -> Result<(u64, u32, i64), String> {
    match found.1.what {
        What::Stated(_, Fact::Moves { saga, account, by }) => Ok((saga, account, by)),
        _ => Err("a cited event changes no balance".to_owned()),
    }
}

fn own_move(signal: &Signal, (saga, account, _): (u64, u32, i64)) -> Option<i128> {
    match signal.what {
        What::Stated(_, Fact::Moves { saga: of, account: at, by })
            if (of, at) == (saga, account) =>
        {
            Some(by.into())
        }
        _ => None,
    }
}

impl SagaIsolation {
    fn dirty_reads(&self) -> Judgement {
        let (mut looks, mut dirty, mut first) = (0, 0, None::<[Signal; 3]>);
        for moves in self.accounts.values() {
            for (place, look) in moves.iter().enumerate() {
                let before = moves[..place].iter().filter(|one| one.saga != look.saga);
                if look.way == Way::Back || before.clone().next().is_none() {
                    continue;
                }
                looks += 1;
                let found = before.clone().rev().find_map(|one| {
                    let takes_back = |m: &&Move| m.saga == one.saga && m.way == Way::Back;
                    let is_over = moves[..place].iter().any(|m| takes_back(&m));
                    let back = moves[place..].iter().find(takes_back).filter(|_| !is_over)?;
                    Some([one.signal, look.signal, back.signal])
                });
                dirty += u64::from(found.is_some());
                first = first.or(found);
            }
        }
        let broken = first.map(|[one, look, back]| {
            let sentence = format!(
                "a step changed a balance at {} that carried a change of another saga, made at {} \
                 and taken back at {}",
                look.at, one.at, back.at
            );
            witness(sentence, &[one, look, back])
        });
        let note = format!("{} of {looks}", count(dirty, "dirty read", "dirty reads"));
        judge(DIRTY_READ, broken, looks, note)
    }

    fn lost_updates(&self) -> Judgement {
        let (mut backs, mut lost, mut first) = (0, 0, None::<[Signal; 3]>);
        for moves in self.accounts.values() {
            for (place, back) in moves.iter().enumerate().filter(|(_, one)| one.way == Way::Back) {
                backs += 1;
                let own = moves[..place].iter().filter(|one| one.saga == back.saga);
                let sum: i128 = own.clone().map(|one| i128::from(one.by)).sum();
                let Some(start) = moves[..place].iter().position(|one| one.saga == back.saga)
                else {
                    continue;
                };
                let other = moves[start..place].iter().find(|one| one.saga != back.saga);
                let found = other.filter(|_| i128::from(back.by) != -sum);
                lost += u64::from(found.is_some());
                first =
                    first.or(found.map(|other| [moves[start].signal, other.signal, back.signal]));
            }
        }
        let broken = first.map(|[one, other, back]| {
            let sentence = format!(
                "a compensation at {} of a change made at {} wiped out what another saga changed \
                 at {}",
                back.at, one.at, other.at
            );
            witness(sentence, &[one, other, back])
        });
        let note = format!("{} of {backs}", count(lost, "lost update", "lost updates"));
        judge(LOST_UPDATE, broken, backs, note)
    }
}

#[cfg(test)]
mod tests {
    use super::super::litmus::*;
    use super::*;

    fn moves(saga: u64, by: i64) -> What {
        fact(P1, Fact::Moves { saga, account: 3, by })
    }
    fn undid(saga: u64) -> What {
        fact(P1, Fact::UndidStep(saga, 0))
    }

    /// Tells a story in which a compensation and what it moves are one record.
    fn story(parts: &[&[What]]) -> Vec<Signal> {
        let mut signals = tell(&parts.iter().map(|part| part[0]).collect::<Vec<_>>());
        for (place, part) in parts.iter().enumerate().rev() {
            for &what in &part[1..] {
                signals.insert(place + 1, Signal { what, ..signals[place] });
            }
        }
        signals
    }

    #[test]
    fn who_changes_what_is_taken_back_later_has_read_dirt() {
        let case = Case::of("SagaIsolation");
        let dirty = [&[moves(1, -5)][..], &[moves(2, -1)], &[undid(1), moves(1, 5)]];
        let judgement = case.gives(DIRTY_READ, &story(&dirty), "violated");
        assert_eq!(judgement.note, "1 dirty read of 1");
        let clean = [&[moves(1, -5)][..], &[undid(1), moves(1, 5)], &[moves(2, -1)]];
        case.gives(DIRTY_READ, &story(&clean), "holds");
        case.gives(DIRTY_READ, &story(&dirty[..2]), "holds");
        case.gives(DIRTY_READ, &story(&dirty[..1]), "not_exercised");
    }

    #[test]
    fn a_compensation_that_restores_an_old_value_loses_what_came_between() {
        let case = Case::of("SagaIsolation");
        let begun = [&[moves(1, -5)][..], &[moves(2, -1)]];
        let lost = [begun[0], begun[1], &[undid(1), moves(1, 6)]];
        let judgement = case.gives(LOST_UPDATE, &story(&lost), "violated");
        assert_eq!(judgement.note, "1 lost update of 1");
        let kept = [begun[0], begun[1], &[undid(1), moves(1, 5)]];
        case.gives(LOST_UPDATE, &story(&kept), "holds");
        case.gives(LOST_UPDATE, &story(&begun), "not_exercised");
    }

    #[test]
    fn changes_of_different_balances_do_not_meet() {
        let of = |saga, account, by| fact(P1, Fact::Moves { saga, account, by });
        for accounts in [[3, 3, 4], [4, 3, 3], [3, 4, 3]] {
            let [one, other, back] = accounts;
            let told = [&[of(1, one, -5)][..], &[of(2, other, -1)], &[undid(1), of(1, back, 6)]];
            let word = if other == one { "holds" } else { "not_exercised" };
            Case::of("SagaIsolation").gives(DIRTY_READ, &story(&told), word);
            Case::of("SagaIsolation").gives(LOST_UPDATE, &story(&told), "holds");
        }
    }
}
