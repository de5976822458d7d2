//! Replicas: they come to hold the same, and they keep what clients were told is written.
//!
//! ```text
//!   r1   holds 7 ────────────────────── 9        agree: ∀ replicas up in the end, faults over:
//!   r2   holds 7 ─────╳ crash   boot ── 7               held(r1, key) = held(r2, key)
//!
//!   k1   ├─write 9─┤ done                        keep: ok(w) ⇒ somebody holds w in the end, or
//!   k2               ├─write 7─┤                       holds a write that was not done before w began
//! ```
//!
//! Sources: agreement is eventual consistency as Vogels 2009 defines it, looked at from inside; to
//! keep is the D of ACID (Härder & Reuter 1983) for a register that others overwrite. A write that
//! replaced an acknowledged one must have been able to come after it: a value that was there before
//! and is there in the end has lost it, however good its timestamp.
//!
//! Asking clients was rejected here (other checks do): they see one replica at a time, and only
//! where they look. Whether a replica *may* hold several values beside each other is its business.
//!
//! Limits: a replica that never held a register is not compared. What a node that is down held
//! counts as kept, and is not compared. Values must be unique. A node that stays cut off after
//! faults are over cannot agree: list the check where every replica can be reached.

use super::{
    CheckEntry, Checker, Finish, Judgement, NoSettings, PropertyInfo, Witness,
    evidence::{self, Found, ensure, find, witness},
    knowledge::{ByNode, Weather, count, judge, judge_at_rest, order},
};
use crate::{
    base::{
        ids::{NodeId, OpId},
        table::Table,
    },
    engine::{
        facts::Fact,
        operations::{Ending, Operation},
        runner::Catalog,
        signal::{Signal, What},
    },
};
use std::sync::Arc;

const AGREE: &str = "replicas_agree";
const KEEP: &str = "replicas_keep";

/// The line of the registry for those that come to hold the same.
pub(super) const AGREE_ENTRY: CheckEntry = CheckEntry {
    name: "ReplicasAgree",
    properties: &[PropertyInfo {
        name: AGREE,
        demands: "once faults are over, all replicas that held a register hold the same in it",
        exercised_by: "registers that two replicas have held",
        source: "Vogels 2009, Eventually Consistent, from inside",
    }],
    build: |text, named, catalog| {
        named.decode::<NoSettings>(text)?;
        Ok(Box::new(Replicas::asked(Question::Agree, catalog)))
    },
};

/// The line of the registry for those that keep what clients were told.
pub(super) const KEEP_ENTRY: CheckEntry = CheckEntry {
    name: "ReplicasKeep",
    properties: &[PropertyInfo {
        name: KEEP,
        demands: "an acknowledged write is held in the end, or was replaced by one that was not \
                  done before it began",
        exercised_by: "acknowledged writes before another write to their register, or a boot",
        source: "Haerder & Reuter 1983, Principles of Transaction-Oriented Database Recovery",
    }],
    build: |text, named, catalog| {
        named.decode::<NoSettings>(text)?;
        Ok(Box::new(Replicas::asked(Question::Keep, catalog)))
    },
};

/// Which of the two is judged: not who promises the one promises the other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Question {
    Agree,
    Keep,
}

struct Replicas {
    question: Question,
    catalog: Arc<Catalog>,
    weather: Weather,
    nodes: ByNode<Replica>,
    writes: Table<OpId, Write>,
    last_boot: Option<Signal>,
}

/// What one node holds now.
#[derive(Default)]
struct Replica {
    down: bool,
    booted: Option<Signal>,
    /// By register; without values where it holds nothing any more.
    held: Table<u32, Vec<(i64, Signal)>>,
}

/// A write as its client saw it.
struct Write {
    key: u32,
    value: i64,
    invoked: Signal,
    done: Option<Signal>,
}

impl Checker for Replicas {
    fn reset(&mut self) {
        self.weather = Weather::default();
        self.nodes.iter_mut().for_each(|replica| *replica = Replica::default());
        self.writes.clear();
        self.last_boot = None;
    }

    fn on_signal(&mut self, signal: &Signal) {
        self.weather.on_signal(signal);
        match signal.what {
            What::Stated(node, Fact::Holds { key, value, beside })
            | What::Replayed(node, Fact::Holds { key, value, beside }) => {
                let values = self.nodes.of(node).held.entry_or_default(key);
                if beside == 0 {
                    values.clear();
                }
                values.push((value, *signal));
            }
            What::Crashed(node) => self.nodes.of(node).down = true,
            What::Booted(node) => {
                let replica = self.nodes.of(node);
                (replica.down, replica.booted) = (false, Some(*signal));
                replica.held.values_mut().for_each(Vec::clear);
                self.last_boot = Some(*signal);
            }
            What::Invoked(op, _, Operation::Write { key, value }) => {
                self.writes.insert(op, Write { key, value, invoked: *signal, done: None });
            }
            What::Ended(op, Ending::Ok(_)) => {
                if let Some(write) = self.writes.get_mut(&op) {
                    write.done = Some(*signal);
                }
            }
            _ => {}
        }
    }

    fn finish(&mut self, finish: &Finish<'_>) -> Vec<Judgement> {
        vec![match self.question {
            Question::Agree => self.agree(finish),
            Question::Keep => self.keep(),
        }]
    }

    fn recheck(&self, property: &str, witness: &Witness, signals: &[Signal]) -> Result<(), String> {
        let cited = find(witness, signals)?;
        match (property, self.question) {
            (AGREE, Question::Agree) => differs(&cited, signals),
            (KEEP, Question::Keep) => is_lost(&cited, signals),
            _ => evidence::no_such_property(property),
        }
    }
}

// The judge.

impl Replicas {
    fn asked(question: Question, catalog: &Arc<Catalog>) -> Self {
        Self {
            question,
            catalog: Arc::clone(catalog),
            weather: Weather::default(),
            nodes: ByNode::default(),
            writes: Table::new(),
            last_boot: None,
        }
    }

    fn agree(&self, finish: &Finish<'_>) -> Judgement {
        let mut first: Table<u32, (NodeId, &Replica)> = Table::new();
        let (mut compared, mut broken) = (Table::new(), None);
        for (node, replica) in self.nodes.iter().filter(|(_, replica)| !replica.down) {
            for &key in replica.held.keys() {
                let Some(&(other, its)) = first.get(&key) else {
                    first.insert(key, (node, replica));
                    continue;
                };
                compared.insert(key, ());
                if its.values(key) != replica.values(key) && broken.is_none() {
                    broken = Some(self.disagreement(key, [(other, its), (node, replica)]));
                }
            }
        }
        let compared = compared.len() as u64;
        let note = count(compared, "register", "registers") + " compared";
        judge_at_rest(AGREE, (&self.weather, finish), broken, (compared, note))
    }

    fn keep(&self) -> Judgement {
        let done = self.writes.values().filter_map(|write| Some((write, write.done?)));
        let (mut exercised, mut broken) = (0, None);
        for (write, done) in done {
            let later = |other: &&Write| order(&other.invoked) > order(&write.invoked);
            let overwritten =
                self.writes.values().filter(later).any(|other| other.key == write.key);
            let booted = self.last_boot.is_some_and(|boot| boot.at >= done.at);
            exercised += u64::from(overwritten || booted);
            if broken.is_none() {
                broken = self.loss(write, done);
            }
        }
        judge(KEEP, broken, exercised, count(exercised, "write", "writes") + " at stake")
    }

    fn loss(&self, write: &Write, done: Signal) -> Option<Witness> {
        let mut older = Vec::new();
        for (_, replica) in self.nodes.iter() {
            for (value, _) in replica.held.get(&write.key).into_iter().flatten() {
                let of =
                    |(_, other): &(&OpId, &Write)| (other.key, other.value) == (write.key, *value);
                let (_, other) = self.writes.iter().find(of)?; // Nobody knows whose it is.
                let before = other.done.filter(|end| end.at < write.invoked.at);
                older.push((*value, before?)); // Else it may have come after.
            }
        }
        older.sort_unstable_by_key(|(value, _)| *value);
        older.dedup_by_key(|(value, _)| *value);
        let Write { key, value, .. } = *write;
        let told = format!("the client was told at {} that {value} is in register {key}", done.at);
        let values: Vec<String> = older.iter().map(|(value, _)| value.to_string()).collect();
        let sentence = match values.as_slice() {
            [] => format!("{told}; in the end nobody holds anything in it"),
            values => {
                let values = values.join(", ");
                format!("{told}; in the end it holds {values}, which was there before")
            }
        };
        let cited = [write.invoked, done].into_iter().chain(older.into_iter().map(|(_, end)| end));
        Some(witness(sentence, &cited.collect::<Vec<_>>()))
    }

    // The witness.

    fn disagreement(&self, key: u32, pair: [(NodeId, &Replica); 2]) -> Witness {
        let says = pair.map(|(node, replica)| {
            let values = replica.values(key);
            let values: Vec<String> = values.iter().map(ToString::to_string).collect();
            let what = if values.is_empty() { "nothing".to_owned() } else { values.join(" and ") };
            format!("{} holds {what}", self.catalog.node(node))
        });
        let of = |replica: &Replica| {
            let held: Vec<Signal> =
                replica.held.get(&key).into_iter().flatten().map(|(_, signal)| *signal).collect();
            if held.is_empty() { replica.booted.into_iter().collect() } else { held }
        };
        let cited: Vec<Signal> = pair.iter().flat_map(|(_, replica)| of(replica)).collect();
        witness(format!("in the end, {} in register {key}", says.join(" and ")), &cited)
    }
}

impl Replica {
    fn values(&self, key: u32) -> Vec<i64> {
        let held = self.held.get(&key).into_iter().flatten();
        let mut values: Vec<i64> = held.map(|(value, _)| *value).collect();
        values.sort_unstable();
        values
    }
}

// The witness, checked again.

/// What a node holds in a register in the end; of one that is down, what it held before.
fn held(signals: &[Signal], node: NodeId, key: u32) -> Vec<i64> {
    let mut values = Vec::new();
    for (_, fact) in evidence::known(signals, node) {
        if let Fact::Holds { key: of, value, beside } = fact
            && of == key
        {
            if beside == 0 {
                values.clear();
            }
            values.push(value);
        }
    }
    values.sort_unstable();
    values
}

fn differs(cited: &[Found], signals: &[Signal]) -> Result<(), String> {
    ensure(evidence::settled(signals), "faults were never over")?;
    let mut nodes: Vec<NodeId> =
        cited.iter().filter_map(|(_, signal)| evidence::place(&signal.what)).collect();
    nodes.sort_unstable();
    nodes.dedup();
    let [one, other] = nodes.as_slice() else { return Err("two nodes are needed".to_owned()) };
    let key = cited.iter().find_map(|(_, signal)| match signal.what {
        What::Stated(_, Fact::Holds { key, .. }) | What::Replayed(_, Fact::Holds { key, .. }) => {
            Some(key)
        }
        _ => None,
    });
    let Some(key) = key else { return Err("no register is cited".to_owned()) };
    for node in [*one, *other] {
        ensure(evidence::is_up(signals, node), "a node is down")?;
        let ever = signals.iter().any(|signal| {
            matches!(signal.what, What::Stated(at, Fact::Holds { key: of, .. })
                if at == node && of == key)
        });
        ensure(ever, "a node never held the register")?;
    }
    ensure(held(signals, *one, key) != held(signals, *other, key), "they hold the same")
}

fn is_lost(cited: &[Found], signals: &[Signal]) -> Result<(), String> {
    let asked = cited.iter().find_map(|(_, signal)| match signal.what {
        What::Invoked(op, _, Operation::Write { key, value }) => Some((op, key, value, signal.at)),
        _ => None,
    });
    let Some((op, key, value, began)) = asked else { return Err("no write is cited".to_owned()) };
    let is_done =
        |signal: &Signal| matches!(signal.what, What::Ended(of, Ending::Ok(_)) if of == op);
    ensure(cited.iter().any(|(_, signal)| is_done(signal)), "no end of it is cited")?;
    for node in evidence::nodes(signals) {
        for other in held(signals, node, key) {
            ensure(other != value, "somebody holds it")?;
            let before = signals.iter().any(|signal| {
                signal.at < began
                    && matches!(signal.what, What::Ended(of, Ending::Ok(_))
                    if wrote(signals, of, key, other))
            });
            ensure(before, "what is held may have come after it")?;
        }
    }
    let older = |signal: &Signal| match signal.what {
        What::Invoked(of, ..) => of == op,
        What::Ended(of, _) => of == op || signal.at < began,
        _ => false,
    };
    ensure(cited.iter().all(|(_, signal)| older(signal)), "something else is cited")
}

fn wrote(signals: &[Signal], op: OpId, key: u32, value: i64) -> bool {
    let write = Operation::Write { key, value };
    signals.iter().any(
        |signal| matches!(signal.what, What::Invoked(of, _, asked) if of == op && asked == write),
    )
}

#[cfg(test)]
mod tests {
    use super::super::litmus::*;
    use super::*;
    use crate::{base::ids::ClientId, engine::runner::Outcome};

    fn holds(node: u16, value: i64) -> What {
        fact(node, Fact::Holds { key: 5, value, beside: 0 })
    }

    fn holds_too(node: u16, value: i64) -> What {
        fact(node, Fact::Holds { key: 5, value, beside: 1 })
    }

    fn write(op: u32, value: i64) -> What {
        What::Invoked(OpId(op), ClientId(0), Operation::Write { key: 5, value })
    }

    #[test]
    fn replicas_agree_once_faults_are_over() {
        let story = |last| [holds(P1, 7), holds(P2, 7), holds(P1, 9), DISTURBED, HEALED, last];
        legal(AGREE, &story(holds(P2, 9)));
        let sentence = illegal(AGREE, &story(holds(P2, 8)));
        assert_eq!(sentence, "in the end, p1 holds 9 and p2 holds 8 in register 5");
        untested(AGREE, &[holds(P1, 7), holds(P2, 8), DISTURBED]);
        untested(AGREE, &[holds(P1, 7)]);
    }

    #[test]
    fn values_beside_each_other_are_compared_as_a_set() {
        legal(AGREE, &[holds(P1, 7), holds_too(P1, 8), holds(P2, 8), holds_too(P2, 7)]);
        illegal(AGREE, &[holds(P1, 7), holds_too(P1, 8), holds(P2, 8)]);
        legal(AGREE, &[holds(P1, 7), holds_too(P1, 8), holds(P1, 9), holds(P2, 9)]);
    }

    #[test]
    fn what_a_crash_took_is_held_no_longer() {
        let story = |last| [holds(P1, 7), holds(P2, 7), crash(P2), boot(P2), last, HEALED];
        legal(AGREE, &story(again(holds(P2, 7))));
        let sentence = illegal(AGREE, &story(DISTURBED));
        assert_eq!(sentence, "in the end, p1 holds 7 and p2 holds nothing in register 5");
        untested(AGREE, &[holds(P1, 7), holds(P2, 8), crash(P2), HEALED]);
    }

    #[test]
    fn an_acknowledged_write_is_held_or_replaced_by_one_that_may_have_come_after() {
        let story = |last| [write(1, 7), told_ok(1), write(2, 8), told_ok(2), last];
        legal(KEEP, &story(holds(P1, 8)));
        let sentence = illegal(KEEP, &story(holds(P1, 7)));
        let wanted = "the client was told at 3ms that 8 is in register 5; in the end it holds 7, \
                      which was there before";
        assert_eq!(sentence, wanted);
        let concurrent = [write(1, 7), write(2, 8), told_ok(1), told_ok(2)];
        for value in [7, 8] {
            legal(KEEP, &[&concurrent[..], &[holds(P1, value)]].concat());
        }
        legal(KEEP, &[&story(holds(P1, 7))[..], &[holds_too(P1, 8)]].concat());
    }

    #[test]
    fn a_write_that_only_a_lost_disk_held_is_lost() {
        let story =
            |survived| [write(1, 7), holds(P1, 7), told_ok(1), crash(P1), boot(P1), survived];
        legal(KEEP, &story(again(holds(P1, 7))));
        let sentence = illegal(KEEP, &story(DISTURBED));
        assert!(sentence.ends_with("in the end nobody holds anything in it"), "{sentence}");
        untested(KEEP, &[write(1, 7), holds(P1, 7), told_ok(1), crash(P1)]);
    }

    #[test]
    fn a_write_that_nobody_acknowledged_may_be_lost() {
        let ended = |ending| What::Ended(OpId(2), ending);
        for ending in [Ending::Unknown, Ending::NotDone] {
            let story = [write(1, 7), told_ok(1), write(2, 8), ended(ending), holds(P1, 7)];
            legal(KEEP, &story);
        }
    }

    #[test]
    fn a_write_that_was_done_when_another_began_may_have_come_after_it() {
        let story = |began| {
            let calls = [(0, write(1, 7)), (1, told_ok(1)), (began, write(2, 8))];
            tell_at(&[&calls[..], &[(3, told_ok(2)), (4, holds(P1, 7))]].concat())
        };
        Case::of("ReplicasKeep").gives(KEEP, &story(1), "holds");
        Case::of("ReplicasKeep").gives(KEEP, &story(2), "violated");
    }

    #[test]
    fn only_who_wrote_what_is_held_was_there_before() {
        let before = [write(1, 7), told_ok(1)];
        let beside = [write(2, 8), write(3, 9), told_ok(2), told_ok(3), holds(P1, 9)];
        legal(KEEP, &[&before[..], &beside].concat());
    }

    #[test]
    fn a_witness_that_cites_an_end_of_the_instant_of_its_beginning_is_refused() {
        let calls = [(0, write(1, 7)), (1, told_ok(1)), (1, write(3, 9)), (2, told_ok(3))];
        let lost = [(2, write(2, 8)), (3, told_ok(2)), (4, holds(P1, 7))];
        let signals = tell_at(&[&calls[..], &lost].concat());
        let case = Case::of("ReplicasKeep");
        case.gives(KEEP, &signals, "violated");
        case.refuses(KEEP, &signals, &[3, 4, 5]);
    }

    #[test]
    fn a_run_that_was_cut_off_says_something_only_where_something_was_compared() {
        let gives = |story: &[What], word| {
            let case = Case { outcome: Outcome::LimitReached, ..Case::of("ReplicasAgree") };
            case.gives(AGREE, &tell(story), word);
        };
        gives(&[holds(P1, 7)], "not_exercised");
        gives(&[holds(P1, 7), holds(P2, 7)], "unknown");
    }
}
