//! Seats: what clients were told, held against each other and against what the office wrote.
//!
//! ```text
//!   seats.sold_once        no two operations are told yes for one seat
//!   seats.refused_unsold   an operation that is told no has no sale, now or later
//! ```
//!
//! A checker folds signals and knows no protocol: it sees what clients asked and heard, and the
//! facts that records state. Its witness is checked again by a second function, which looks at the
//! signals alone.

use crate::protocol::{BUY, SOLD};
use serde::Deserialize;
use splitbrain::{
    base::{digest::Fold, ids::OpId, table::Table},
    checkers::{
        CheckEntry, Checker, Finish, Judgement, PropertyInfo, Witness, ensure, find, judge,
        no_such_property, witness,
    },
    engine::{
        facts::Fact,
        operations::{Ending, Operation},
        signal::{Signal, What},
    },
};

const SOLD_ONCE: &str = "seats.sold_once";
const REFUSED_UNSOLD: &str = "seats.refused_unsold";

/// The line of the registry.
pub const ENTRY: CheckEntry = CheckEntry {
    name: "Seats",
    properties: &[
        PropertyInfo {
            name: SOLD_ONCE,
            demands: "no two clients are told that they have the same seat",
            exercised_by: "answers about a seat that somebody has been told to have",
            source: "the starter of BoxOffice",
        },
        PropertyInfo {
            name: REFUSED_UNSOLD,
            demands: "a client that is told no has not bought the seat",
            exercised_by: "clients that are told no",
            source: "the starter of BoxOffice",
        },
    ],
    build: |text, named, _| {
        named.decode::<NoSettings>(text)?;
        Ok(Box::new(Seats::default()))
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoSettings {}

#[derive(Clone, Default)]
struct Seats {
    wanted: Table<OpId, u32>,
    /// The yes for each seat.
    sold: Table<u32, Signal>,
    /// The no for each operation.
    refused: Table<OpId, Signal>,
    /// The sale to each operation, as the office wrote it.
    written: Table<OpId, Signal>,
    contested: u64,
    twice: Option<(u32, Signal, Signal)>,
    refused_and_sold: Option<(OpId, Signal, Signal)>,
}

impl Seats {
    fn told(&mut self, op: OpId, ending: Ending, signal: &Signal) {
        let Some(&seat) = self.wanted.get(&op) else { return };
        let earlier = self.sold.get(&seat).copied();
        self.contested += u64::from(earlier.is_some() && ending != Ending::Unknown);
        match (ending, earlier) {
            (Ending::Ok(_), None) => _ = self.sold.insert(seat, *signal),
            (Ending::Ok(_), Some(first)) => _ = self.twice.get_or_insert((seat, first, *signal)),
            (Ending::NotDone, _) => {
                self.refused.insert(op, *signal);
                self.compare(op);
            }
            (Ending::Unknown, _) => {}
        }
    }

    fn compare(&mut self, op: OpId) {
        if let (Some(no), Some(sale)) = (self.refused.get(&op), self.written.get(&op)) {
            self.refused_and_sold.get_or_insert((op, *no, *sale));
        }
    }
}

impl Checker for Seats {
    fn reset(&mut self) {
        *self = Self::default();
    }

    fn on_signal(&mut self, signal: &Signal) {
        match signal.what {
            What::Invoked(op, _, Operation::Own { kind: BUY, key: seat, .. }) => {
                self.wanted.insert(op, seat);
            }
            What::Ended(op, ending) => self.told(op, ending, signal),
            What::Stated(_, Fact::Own { kind: SOLD, key, .. }) => {
                let op = OpId(u32::try_from(key).expect("it was a number of an operation"));
                self.written.insert(op, *signal);
                self.compare(op);
            }
            _ => {}
        }
    }

    fn finish(&mut self, _: &Finish<'_>) -> Vec<Judgement> {
        let twice = self.twice.map(|(seat, one, other)| {
            let said =
                format!("seat {seat} was given away at {}, and again at {}", one.at, other.at);
            witness(said, &[one, other])
        });
        let both = self.refused_and_sold.map(|(op, no, sale)| {
            let said =
                format!("{op} was told no at {}, and was sold its seat at {}", no.at, sale.at);
            witness(said, &[no, sale])
        });
        let refused = self.refused.keys().len() as u64;
        vec![
            judge(SOLD_ONCE, twice, self.contested, format!("{} late comers", self.contested)),
            judge(REFUSED_UNSOLD, both, refused, format!("{refused} refused")),
        ]
    }

    fn recheck(&self, property: &str, witness: &Witness, signals: &[Signal]) -> Result<(), String> {
        let cited = find(witness, signals)?;
        let [(_, one), (_, other)] = cited.as_slice() else {
            return Err("two events are needed".to_owned());
        };
        let seat = |op| {
            signals.iter().find_map(|signal| match signal.what {
                What::Invoked(asked, _, Operation::Own { kind: BUY, key, .. }) if asked == op => {
                    Some(key)
                }
                _ => None,
            })
        };
        match (property, one.what, other.what) {
            (SOLD_ONCE, What::Ended(a, Ending::Ok(_)), What::Ended(b, Ending::Ok(_))) => {
                ensure(a != b && seat(a).is_some() && seat(a) == seat(b), "not the same seat")
            }
            (REFUSED_UNSOLD, one, other) => {
                let is_both = |no, sale| match (no, sale) {
                    (
                        What::Ended(op, Ending::NotDone),
                        What::Stated(_, Fact::Own { kind, key, .. }),
                    ) => kind == SOLD && key == u64::from(op.0),
                    _ => false,
                };
                ensure(is_both(one, other) || is_both(other, one), "not told no and sold")
            }
            (SOLD_ONCE, ..) => Err("nobody was told yes twice".to_owned()),
            _ => no_such_property(property),
        }
    }

    // Where every order is explored: both can be broken by a part of a run.

    fn explorable(&self) -> &'static [&'static str] {
        &[SOLD_ONCE, REFUSED_UNSOLD]
    }

    fn fork(&self) -> Option<Box<dyn Checker>> {
        Some(Box::new(self.clone()))
    }

    fn fold(&self, fold: &mut Fold) {
        for (op, seat) in self.wanted.iter() {
            fold.word(u64::from(op.0));
            fold.word(u64::from(*seat));
            fold.word(u64::from(self.refused.contains_key(op)));
            fold.word(u64::from(self.written.contains_key(op)));
        }
        self.sold.keys().for_each(|seat| fold.word(u64::from(*seat) + 1));
        fold.word(u64::from(self.twice.is_some()));
        fold.word(u64::from(self.refused_and_sold.is_some()));
    }

    fn broken(&mut self) -> Vec<&'static str> {
        let sold = self.twice.map(|_| SOLD_ONCE);
        sold.into_iter().chain(self.refused_and_sold.map(|_| REFUSED_UNSOLD)).collect()
    }
}
