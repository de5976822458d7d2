//! Knowledge: what every node knows now about every transaction, and whether faults are over.
//!
//! ```text
//!   Stated, Replayed ──▶ learn        Booted ──▶ the node knows nothing, its replay follows
//!   Crashed ──▶ down: what it knew stays on its disk until the boot tells what survived
//! ```
//!
//! Several judges ask the same question, so they share this fold; each keeps by itself what was
//! *ever* said. A vector by node, then a table by transaction: transactions come in order, so the
//! tables grow at their ends. One table by (node, transaction) was rejected, since every insertion
//! would move the entries of all nodes behind.
//!
//! Limits: only what concerns transactions. Of two decisions the node knows the later one.

use super::{Finish, Judgement, Verdict, Witness};
use crate::{
    base::{
        digest::Fold,
        ids::{NodeId, TxnId},
        table::Table,
    },
    engine::{
        facts::{Decision, Fact, Vote},
        runner::Outcome,
        signal::{Signal, What},
    },
};

/// What one node knows of one transaction.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known {
    /// It voted Yes.
    pub yes: Option<Signal>,
    /// It has decided.
    pub decided: Option<Decision>,
    /// It must remember it.
    pub remembers: Option<Signal>,
}

/// What all nodes know.
#[derive(Clone, Debug, Default)]
pub struct Knowledge {
    nodes: ByNode<Mind>,
}

#[derive(Clone, Debug, Default)]
struct Mind {
    down: bool,
    txns: Table<TxnId, Known>,
}

impl Knowledge {
    /// Nobody knows anything, all are up.
    pub fn reset(&mut self) {
        for mind in self.nodes.iter_mut() {
            mind.down = false;
            mind.txns.clear();
        }
    }

    /// Takes one signal.
    pub fn on_signal(&mut self, signal: &Signal) {
        match signal.what {
            What::Stated(node, fact) | What::Replayed(node, fact) => {
                self.learn(node, fact, signal);
            }
            What::Crashed(node) => self.nodes.of(node).down = true,
            What::Booted(node) => {
                let mind = self.nodes.of(node);
                mind.down = false;
                mind.txns.clear();
            }
            What::Invoked(..) | What::Ended(..) | What::Disturbed | What::Healed => {}
        }
    }

    fn learn(&mut self, node: NodeId, fact: Fact, signal: &Signal) {
        let txns = &mut self.nodes.of(node).txns;
        match fact {
            Fact::Voted(txn, Vote::Yes) => txns.entry_or_default(txn).yes = Some(*signal),
            Fact::Decided(txn, decision) => txns.entry_or_default(txn).decided = Some(decision),
            Fact::Remembers(txn) => txns.entry_or_default(txn).remembers = Some(*signal),
            Fact::Forgot(txn) => txns.entry_or_default(txn).remembers = None,
            // No other word leaves a transaction known in another way.
            _ => {}
        }
    }

    /// What each node that is up knows of each transaction.
    pub fn of_the_living(&self) -> impl Iterator<Item = (NodeId, TxnId, &Known)> {
        let living = self.nodes.iter().filter(|(_, mind)| !mind.down);
        living
            .flat_map(|(node, mind)| mind.txns.iter().map(move |(&txn, known)| (node, txn, known)))
    }

    /// Folds in who is down and what each node that is up knows; of one that is down, its boot will
    /// tell.
    pub fn fold(&self, fold: &mut Fold) {
        for (node, mind) in self.nodes.iter() {
            fold.words([u64::from(node.0), u64::from(mind.down)]);
        }
        for (node, txn, known) in self.of_the_living() {
            let decided = match known.decided {
                None => 0,
                Some(Decision::Commit) => 1,
                Some(Decision::Abort) => 2,
            };
            fold.words([u64::from(node.0), u64::from(txn.0)]);
            fold.words([decided, u64::from(known.yes.is_some())]);
        }
    }

    /// Is the node down?
    pub fn is_down(&self, node: NodeId) -> bool {
        self.nodes.get(node).is_some_and(|mind| mind.down)
    }

    /// Is any node down?
    pub fn is_any_down(&self) -> bool {
        self.nodes.iter().any(|(_, mind)| mind.down)
    }

    /// What a node knows of a transaction.
    pub fn get(&self, node: NodeId, txn: TxnId) -> Known {
        let mind = self.nodes.get(node);
        mind.and_then(|mind| mind.txns.get(&txn)).copied().unwrap_or_default()
    }
}

/// One value per node, made when the node is first spoken of.
#[derive(Clone, Debug, Default)]
pub struct ByNode<T>(Vec<T>);

impl<T: Default> ByNode<T> {
    /// The value of a node.
    pub fn of(&mut self, node: NodeId) -> &mut T {
        let place = usize::from(node.0);
        if place >= self.0.len() {
            self.0.resize_with(place + 1, T::default);
        }
        &mut self.0[place]
    }

    /// The value of a node, if it was ever spoken of.
    pub fn get(&self, node: NodeId) -> Option<&T> {
        self.0.get(usize::from(node.0))
    }

    /// All values with their nodes.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, &T)> {
        self.0.iter().enumerate().map(|(place, value)| (NodeId(place as u16), value))
    }

    /// All values, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.iter_mut()
    }
}

/// Whether faults had an effect, and whether they are over.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weather {
    disturbed: bool,
    healed: Option<Signal>,
}

impl Weather {
    /// Takes one signal.
    pub fn on_signal(&mut self, signal: &Signal) {
        match signal.what {
            What::Disturbed | What::Crashed(_) => self.disturbed = true,
            What::Healed => self.healed = Some(*signal),
            _ => {}
        }
    }

    /// Did a fault have an effect? A crash is one in any case.
    pub fn is_disturbed(&self) -> bool {
        self.disturbed
    }

    /// The end of faults, if it came.
    pub fn healed(&self) -> Option<Signal> {
        self.healed
    }

    /// Were there no faults, or are they over? Then what should happen must have happened.
    pub fn is_settled(&self) -> bool {
        self.healed.is_some() || !self.disturbed
    }
}

/// Before which signal does a story begin: the earlier one, and of one instant the lower event.
pub fn order(signal: &Signal) -> impl Ord + use<> {
    (signal.at, signal.event)
}

/// The judgement that follows from a witness, if there is one, and from what was exercised.
pub fn judge(
    property: &'static str,
    broken: Option<Witness>,
    exercised: u64,
    note: String,
) -> Judgement {
    let verdict = match broken {
        Some(witness) => Verdict::Violated(witness),
        None if exercised == 0 => Verdict::NotExercised,
        None => Verdict::Holds,
    };
    Judgement { property, verdict, exercised, note }
}

/// The properties that are violated.
pub fn violated(judgements: &[Judgement]) -> Vec<&'static str> {
    let broken = judgements.iter().filter(|one| matches!(one.verdict, Verdict::Violated(_)));
    broken.map(|judgement| judgement.property).collect()
}

/// As [`judge`], for what must happen *in the end*: not exercised while faults may still act,
/// unknown when the run was cut off.
pub fn judge_at_rest(
    property: &'static str,
    (weather, finish): (&Weather, &Finish<'_>),
    broken: Option<Witness>,
    (exercised, note): (u64, String),
) -> Judgement {
    if !weather.is_settled() {
        return judge(property, None, 0, "faults were never over".to_owned());
    }
    if finish.end.outcome == Outcome::LimitReached && exercised > 0 {
        let why = "the run was cut off at its limit of events".to_owned();
        return Judgement { property, verdict: Verdict::Unknown(why), exercised, note };
    }
    judge(property, broken, exercised, note)
}

/// `1 vote`, `2 votes`.
pub fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
