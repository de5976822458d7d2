//! The history of a run, from what it tells its judges.
//!
//! ```text
//!   Invoked(o7, k2, Write { key: 3, value: 5 })   ──▶ call 7 of client 2, open
//!   Ended(o7, Ok(None))       it took effect before now
//!   Ended(o7, NotDone)        it never happened: left out
//!   Ended(o7, Unknown)        it may happen any time from its invocation on, or never
//! ```
//!
//! Reads, writes and compare-and-sets are calls on registers; a read that was answered without a
//! value saw the initial one. Signals rather than the list of the history are read, because a proof
//! is checked again from signals alone. Transfers, audits and a protocol's own requests are about
//! something else and left out.
//!
//! Limits: one value per answer, so lists, sets, queues and locks are judged from files only.

use super::{
    Finding, Ruling,
    calls::{Action, Call, History, Moment, Seen, Value, Whose},
};
use crate::{
    base::{ids::OpId, table::Table},
    checkers::{Judgement, Verdict, evidence::witness},
    engine::{
        operations::{Ending, Operation},
        signal::{Signal, What},
    },
};
use std::collections::BTreeMap;

/// Gathers the calls on registers from signals.
#[derive(Clone, Debug, Default)]
pub struct Gathered {
    calls: Vec<Gathering>,
    /// Where each operation stands in `calls`.
    places: Table<OpId, usize>,
}

#[derive(Clone, Copy, Debug)]
struct Gathering {
    invoked: Signal,
    process: u32,
    operation: Operation,
    ended: Option<(Signal, Ending)>,
    /// The calls from this place on were invoked after it had ended.
    followed_from: usize,
}

/// What a client did or heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::checkers) enum Step {
    /// It asked.
    Invoked(OpId, Operation),
    /// It heard, or gave up.
    Ended(OpId, Ending),
}

impl Gathered {
    /// Forgets everything.
    pub fn clear(&mut self) {
        self.calls.clear();
        self.places.clear();
    }

    /// Takes one signal.
    pub fn on_signal(&mut self, signal: &Signal) {
        match signal.what {
            What::Invoked(op, client, operation)
                if is_of_registers(operation) && !self.places.contains_key(&op) =>
            {
                self.places.insert(op, self.calls.len());
                let process = u32::from(client.0);
                let (invoked, ended, followed_from) = (*signal, None, usize::MAX);
                self.calls.push(Gathering { invoked, process, operation, ended, followed_from });
            }
            What::Ended(op, ending) => {
                let followed_from = self.calls.len();
                if let Some(&place) = self.places.get(&op) {
                    let call = &mut self.calls[place];
                    if call.ended.is_none() {
                        (call.ended, call.followed_from) = (Some((*signal, ending)), followed_from);
                    }
                }
            }
            _ => {}
        }
    }

    /// What checkers say of a finding: its proof cites the invocations of its calls, and the ends
    /// of those whose answers count.
    pub(in crate::checkers) fn judgement(&self, finding: Finding) -> Judgement {
        let Finding { property, ruling, exercised, note } = finding;
        let verdict = match ruling {
            Ruling::Holds => Verdict::Holds,
            Ruling::Unknown(why) => Verdict::Unknown(why),
            Ruling::NotExercised => Verdict::NotExercised,
            Ruling::Violated(proof) => {
                let calls = proof.calls.iter().chain(&proof.context);
                let cited: Vec<Signal> = calls.flat_map(|call| self.signals(call)).collect();
                Verdict::Violated(witness(proof.sentence, &cited))
            }
        };
        Judgement { property, verdict, exercised, note }
    }

    /// What clients did and heard, one after the other, without times. Of ends between the same two
    /// invocations the order is not known, and no judge asks for it.
    pub(in crate::checkers) fn steps(&self) -> impl Iterator<Item = Step> {
        let op_of: BTreeMap<usize, OpId> =
            self.places.iter().map(|(&op, &place)| (place, op)).collect();
        let mut steps = Vec::with_capacity(2 * self.calls.len());
        for (place, call) in self.calls.iter().enumerate() {
            let op = op_of[&place];
            steps.push(((place, 1), Step::Invoked(op, call.operation)));
            let ended = call.ended.map(|(_, ending)| Step::Ended(op, ending));
            steps.extend(ended.map(|step| ((call.followed_from, 0), step)));
        }
        steps.sort_by_key(|(order, _)| *order);
        steps.into_iter().map(|(_, step)| step)
    }

    /// The signals of a call: of its invocation, and of its end if it has one.
    fn signals(&self, call: &Call) -> impl Iterator<Item = Signal> {
        let of_call = self.calls.iter().find(|gathered| {
            u64::from(gathered.invoked.event.0) == call.invoked.event
                && gathered.process == call.process
        });
        let ended = of_call.and_then(|gathered| gathered.ended).map(|(signal, _)| signal);
        let ended = ended.filter(|_| call.ended.is_some());
        of_call.map(|gathered| gathered.invoked).into_iter().chain(ended)
    }

    /// The history, and the value of what registers hold at first, which is also what a read saw
    /// that was answered without a value.
    pub fn history(&self, initial: i64) -> (History, Value) {
        let mut history = History { whose: Whose::Clients, ..History::default() };
        let initial = history.names.number(initial);
        for gathered in &self.calls {
            let Gathering { invoked, process, operation, ended, .. } = *gathered;
            let moment =
                |signal: Signal| Moment { rank: 0, event: signal.event.0.into(), at: signal.at };
            let (answer, ended) = match ended {
                Some((_, Ending::NotDone)) => continue,
                Some((signal, Ending::Ok(answer))) => (answer, Some(moment(signal))),
                Some((_, Ending::Unknown)) | None => (None, None),
            };
            let mut number = |value: i64| history.names.number(value);
            let (key, action) = match operation {
                Operation::Read { key } => {
                    let seen = answer.map_or(initial, &mut number);
                    let seen = if ended.is_some() { Seen::One(seen) } else { Seen::Anything };
                    (key, Action::Read(seen))
                }
                Operation::Write { key, value } => (key, Action::Write(number(value))),
                Operation::Cas { key, expected, value } => {
                    (key, Action::Cas { expected: number(expected), new: number(value) })
                }
                _ => continue,
            };
            let key = number(key.into());
            history.add(Call { process, key, action, invoked: moment(invoked), ended });
        }
        history.rank();
        (history, initial)
    }
}

fn is_of_registers(operation: Operation) -> bool {
    matches!(operation, Operation::Read { .. } | Operation::Write { .. } | Operation::Cas { .. })
}
