//! The witness of a broken promise about keys, checked again on the list of all signals.
//!
//! ```text
//!   ended(o) ──invoked(o)──▶ key and amount        stated charges(k, amount) ──▶ key and amount
//!   charged in the end  =  some node knows a charge under the key since its last boot
//! ```
//!
//! Each question reads the run from its start and keeps nothing: no line is shared with the judge.
//! An answer says only which operation ended; what it asked for stands at its invocation.

use crate::{
    base::ids::OpId,
    checkers::evidence::{self, Found, ensure},
    engine::{
        facts::Fact,
        operations::{Ending, Operation},
        signal::{Signal, What},
    },
};

type Checked = Result<(), String>;

/// Key and amount of what an operation asked for.
fn asked(signals: &[Signal], op: OpId) -> Result<(u64, i64), String> {
    let mut asked = signals.iter().filter_map(|signal| match signal.what {
        What::Invoked(of, _, Operation::Charge { key, amount }) if of == op => {
            Some((u64::from(key), amount))
        }
        _ => None,
    });
    asked.next().ok_or_else(|| format!("{op} asked for no charge"))
}

fn charge(found: &Found) -> Result<(u64, i64), String> {
    match found.1.what {
        What::Stated(_, Fact::Charges { key, amount }) => Ok((key, amount)),
        _ => Err("a cited event is no new charge".to_owned()),
    }
}

fn end(found: &Found) -> Result<(OpId, Ending), String> {
    match found.1.what {
        What::Ended(op, ending) => Ok((op, ending)),
        _ => Err("a cited event ends no operation".to_owned()),
    }
}

/// Key and amount of what is done there: charged, or answered ok.
fn done(found: &Found, signals: &[Signal]) -> Result<(u64, i64), String> {
    match found.1.what {
        What::Ended(op, Ending::Ok(_)) => asked(signals, op),
        _ => charge(found),
    }
}

fn pair(cited: &[Found]) -> Result<[&Found; 2], String> {
    match cited {
        [one, other] => Ok([one, other]),
        _ => Err("two events are needed".to_owned()),
    }
}

pub(super) fn two_charges(cited: &[Found]) -> Checked {
    let [one, other] = pair(cited)?;
    ensure(charge(one)?.0 == charge(other)?.0, "the keys differ")
}

pub(super) fn two_answers(cited: &[Found], signals: &[Signal]) -> Checked {
    let [one, other] = pair(cited)?;
    let ((one, first), (other, second)) = (end(one)?, end(other)?);
    ensure(asked(signals, one)? == asked(signals, other)?, "they asked for different things")?;
    let silent = first == Ending::Unknown || second == Ending::Unknown;
    ensure(!silent, "silence is no answer")?;
    ensure(first != second, "they heard the same")
}

pub(super) fn two_bodies(cited: &[Found], signals: &[Signal]) -> Checked {
    let [one, other] = pair(cited)?;
    let (one, other) = (done(one, signals)?, done(other, signals)?);
    ensure(one.0 == other.0, "the keys differ")?;
    ensure(one.1 != other.1, "the amounts are the same")
}

pub(super) fn uncharged(cited: &[Found], signals: &[Signal]) -> Checked {
    let [answer] = cited else { return Err("one event is needed".to_owned()) };
    let (op, ending) = end(answer)?;
    ensure(matches!(ending, Ending::Ok(_)), "it was not answered ok")?;
    let (wanted, _) = asked(signals, op)?;
    let mut nodes = evidence::nodes(signals).into_iter();
    let is_charged = nodes.any(|node| {
        let mut known = evidence::known(signals, node);
        known.any(|(_, fact)| matches!(fact, Fact::Charges { key, .. } if key == wanted))
    });
    ensure(!is_charged, "it is charged")
}

pub(super) fn refused_and_charged(cited: &[Found], signals: &[Signal]) -> Checked {
    let [one, other] = pair(cited)?;
    let (refusal, charged) = if end(one).is_ok() { (one, other) } else { (other, one) };
    let (op, ending) = end(refusal)?;
    ensure(ending == Ending::NotDone, "it was not refused")?;
    ensure(asked(signals, op)? == charge(charged)?, "something else is charged")
}

pub(super) fn unanswered(cited: &[Found], signals: &[Signal]) -> Checked {
    let [one, other] = pair(cited)?;
    // Who accepts late does so behind the silence.
    let (accepted, silence) = if end(one).is_ok() { (other, one) } else { (one, other) };
    let (op, ending) = end(silence)?;
    asked(signals, op)?;
    ensure(ending == Ending::Unknown, "it was answered")?;
    let was_accepted =
        matches!(accepted.1.what, What::Stated(_, Fact::Accepted(item)) if item == u64::from(op.0));
    ensure(was_accepted, "it was not accepted")
}
