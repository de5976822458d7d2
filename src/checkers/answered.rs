//! Answered: no client gives up waiting.
//!
//! ```text
//!   k1   ├─ read ──┤ 7                           answered.reads    ∀ read o: ended(o) ≠ unknown
//!   k2   ├─ write ─────────────── patience ─╌╌   answered.writes   ∀ other o: the same
//! ```
//!
//! Availability as Gilbert & Lynch (2002) mean it: every request that a living client makes is
//! answered, here within the patience of the scenario. Reads and writes are judged apart, since
//! quorums trade the one for the other. A refusal is an answer.
//!
//! Counting a share of answers was rejected: how many fail depends on how many ask.
//!
//! Limits: an operation that is open at the end of the run is not judged.

use super::{
    CheckEntry, Checker, Finish, Judgement, NoSettings, PropertyInfo, Witness,
    evidence::{self, ensure, find, witness},
    knowledge::{count, judge},
};
use crate::{
    base::{ids::OpId, table::Table},
    engine::{
        operations::{Ending, Operation},
        signal::{Signal, What},
    },
};

const READS: &str = "answered.reads";
const WRITES: &str = "answered.writes";
const SOURCE: &str = "Gilbert & Lynch 2002, Brewer's conjecture";

/// The line of the registry.
pub(super) const ENTRY: CheckEntry = CheckEntry {
    name: "Answered",
    properties: &[
        PropertyInfo {
            name: READS,
            demands: "every read is answered before its client gives up",
            exercised_by: "reads that ended",
            source: SOURCE,
        },
        PropertyInfo {
            name: WRITES,
            demands: "every operation but reads is answered before its client gives up",
            exercised_by: "other operations that ended",
            source: SOURCE,
        },
    ],
    build: |text, named, _| {
        named.decode::<NoSettings>(text)?;
        Ok(Box::new(Answered::default()))
    },
};

#[derive(Default)]
struct Answered {
    open: Table<OpId, Signal>,
    reads: Tally,
    writes: Tally,
}

#[derive(Default)]
struct Tally {
    ended: u64,
    unanswered: u64,
    first: Option<(Signal, Signal)>,
}

fn is_read(invoked: &Signal) -> bool {
    matches!(invoked.what, What::Invoked(_, _, Operation::Read { .. } | Operation::Audit))
}

impl Checker for Answered {
    fn reset(&mut self) {
        *self = Self::default();
    }

    fn on_signal(&mut self, signal: &Signal) {
        match signal.what {
            What::Invoked(op, ..) => _ = self.open.insert(op, *signal),
            What::Ended(op, ending) => {
                let Some(invoked) = self.open.remove(&op) else { return };
                let tally = if is_read(&invoked) { &mut self.reads } else { &mut self.writes };
                tally.ended += 1;
                if ending == Ending::Unknown {
                    tally.unanswered += 1;
                    tally.first.get_or_insert((invoked, *signal));
                }
            }
            _ => {}
        }
    }

    fn finish(&mut self, _: &Finish<'_>) -> Vec<Judgement> {
        let judged = |property, Tally { ended, unanswered, first }: &Tally| {
            let broken = first.map(|(invoked, ended)| {
                let What::Invoked(op, client, asked) = invoked.what else {
                    unreachable!("an invocation is kept")
                };
                let sentence = format!(
                    "{client} asked {asked:?} as {op} at {} and gave up waiting at {}",
                    invoked.at, ended.at
                );
                witness(sentence, &[invoked, ended])
            });
            let note = count(*unanswered, "operation", "operations");
            judge(property, broken, *ended, format!("{note} of {ended} unanswered"))
        };
        vec![judged(READS, &self.reads), judged(WRITES, &self.writes)]
    }

    fn recheck(&self, property: &str, witness: &Witness, signals: &[Signal]) -> Result<(), String> {
        if property != READS && property != WRITES {
            return evidence::no_such_property(property);
        }
        let cited = find(witness, signals)?;
        let [(_, invoked), (_, ended)] = cited.as_slice() else {
            return Err("an invocation and its end are needed".to_owned());
        };
        match (invoked.what, ended.what) {
            (What::Invoked(op, ..), What::Ended(of, Ending::Unknown)) if op == of => {
                ensure(is_read(invoked) == (property == READS), "the other property's business")
            }
            _ => Err("the client did not give up this operation".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::litmus::*;
    use super::*;
    use crate::base::ids::ClientId;

    fn read(op: u32) -> What {
        What::Invoked(OpId(op), ClientId(0), Operation::Read { key: 5 })
    }

    fn write(op: u32) -> What {
        What::Invoked(OpId(op), ClientId(1), Operation::Write { key: 5, value: 7 })
    }

    fn given_up(op: u32) -> What {
        What::Ended(OpId(op), Ending::Unknown)
    }

    #[test]
    fn who_is_told_anything_is_answered() {
        legal(READS, &[read(1), told_ok(1)]);
        legal(WRITES, &[write(1), What::Ended(OpId(1), Ending::NotDone)]);
        let sentence = illegal(READS, &[read(1), given_up(1)]);
        assert_eq!(sentence, "k0 asked Read { key: 5 } as o1 at 0s and gave up waiting at 1ms");
    }

    #[test]
    fn reads_and_writes_are_judged_apart() {
        let story = [read(1), write(2), told_ok(1), given_up(2)];
        legal(READS, &story);
        illegal(WRITES, &story);
        untested(WRITES, &[read(1), given_up(1)]);
    }

    #[test]
    fn an_open_operation_is_not_judged() {
        untested(READS, &[read(1)]);
        legal(READS, &[read(1), read(2), told_ok(2)]);
    }

    #[test]
    fn those_that_gave_up_are_counted() {
        let story = [read(1), read(2), read(3), given_up(1), told_ok(2), given_up(3)];
        let judgement = Case::of("Answered").gives(READS, &tell(&story), "violated");
        assert_eq!((judgement.exercised, &*judgement.note), (3, "2 operations of 3 unanswered"));
    }
}
