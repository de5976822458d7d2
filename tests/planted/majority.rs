//! Majority: an atomic commit that logs before it asks, and counts votes wrongly if told to.
//!
//! ```text
//!  client      c                     p1, p2
//!    ├─ any ──▶● force Began           │
//!    │         │── Prepare ───────────▶● force Voted
//!    │         │◀──────────────── Yes ─┤  All: of both          Half: of one of the two
//!    │         ● force Committed       │  or Aborted, at the deadline and after a crash
//!    │◀─ Done ─┤── Decide ────────────▶● force Learned
//!    │         │◀──────────────── Ack ─┤  Decide again, until both have answered
//! ```
//!
//! Half of the votes is a quorum for a register, where any two majorities meet. A commit rests on
//! everyone it concerns. Limits: two participants, who always vote yes.

use serde::{Deserialize, Serialize};
use splitbrain::{
    base::{
        ids::{NodeId, NodeSet, OpId, Topic, TxnId},
        time::Duration,
    },
    engine::{
        ctx,
        facts::{Decision, Fact, Facts, Vote},
        operations::{Answer, Operation},
        protocol::{Logged, Placement, Protocol},
    },
};
use std::collections::{BTreeMap, BTreeSet};

splitbrain::steps! {
    /// Its forces.
    #[expect(clippy::enum_variant_names, reason = "a step that is no force is not needed")]
    pub(crate) enum Step {
        /// The coordinator knows after a crash what it asked for.
        ForceBegan => "atomic_commit.termination",
        /// The vote is on disk before it leaves.
        ForceVoted => "durability",
        /// The decision is on disk before it leaves.
        ForceDecided => "atomic_commit.agreement",
        /// What a participant has learned is on disk before it says so.
        ForceLearned => "atomic_commit.stability",
    }
}

/// How many votes make a commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum Needs {
    /// All of them.
    #[default]
    All,
    /// Half of them.
    Half,
}

/// How many votes make a commit.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    needs: Needs,
}

/// What is said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Message {
    Prepare(TxnId),
    Yes(TxnId),
    Decide(TxnId, Decision),
    Ack(TxnId),
}

/// What survives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Record {
    Began(TxnId),
    Voted(TxnId),
    Committed(TxnId),
    Aborted(TxnId),
    Learned(TxnId, Decision),
}

/// What wakes the coordinator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Timer {
    Deadline(TxnId),
    Again(TxnId),
}

/// One node of either role.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Majority {
    // Replayed from the log.
    began: BTreeSet<TxnId>,
    voted: BTreeSet<TxnId>,
    decided: BTreeMap<TxnId, Decision>,
    // Lost in a crash.
    votes: BTreeMap<TxnId, NodeSet>,
    acks: BTreeMap<TxnId, NodeSet>,
}

type Ctx<'a> = ctx::Ctx<'a, Majority>;

fn participants() -> NodeSet {
    [NodeId(1), NodeId(2)].into_iter().collect()
}

impl Protocol for Majority {
    const NAME: &'static str = "Majority";
    const SUMMARY: &'static str = "an atomic commit that may count wrongly";
    type Config = Config;
    type Message = Message;
    type Record = Record;
    type Timer = Timer;
    type Step = Step;

    fn topology(_: &Config) -> Vec<Placement> {
        let coordinator = Placement::new("c", "coordinator").serving_clients();
        let [one, two] = ["p1", "p2"].map(|name| Placement::new(name, "participant"));
        vec![coordinator, one, two]
    }

    fn new(_: &Config, _: NodeId) -> Self {
        Self::default()
    }

    fn on_boot(&mut self, ctx: &mut Ctx<'_>) {
        for txn in self.began.clone() {
            if self.decided.contains_key(&txn) {
                self.tell(txn, ctx);
            } else {
                self.decide(Record::Aborted(txn), txn, ctx);
            }
        }
    }

    fn on_request(&mut self, op: OpId, _: Operation, ctx: &mut Ctx<'_>) {
        let txn = TxnId::from(op);
        self.apply(ctx.force(Step::ForceBegan, Record::Began(txn)));
        ctx.broadcast(participants(), &Message::Prepare(txn));
        ctx.set_timer(Duration::from_millis(50), Timer::Deadline(txn));
    }

    fn on_message(&mut self, from: NodeId, message: Message, ctx: &mut Ctx<'_>) {
        match message {
            Message::Prepare(txn) => self.on_prepare(txn, ctx),
            Message::Yes(txn) => self.on_yes(from, txn, ctx),
            Message::Decide(txn, decision) => self.on_decide(txn, decision, ctx),
            Message::Ack(txn) => self.acks.entry(txn).or_default().insert(from),
        }
    }

    fn on_timer(&mut self, timer: Timer, ctx: &mut Ctx<'_>) {
        match timer {
            Timer::Deadline(txn) if self.decided.contains_key(&txn) => {}
            Timer::Deadline(txn) => {
                self.decide(Record::Aborted(txn), txn, ctx);
                ctx.reply(txn.into(), Answer::NotDone);
            }
            Timer::Again(txn) => self.tell(txn, ctx),
        }
    }

    fn apply(&mut self, record: Logged<Record>) {
        match record.into_inner() {
            Record::Began(txn) => _ = self.began.insert(txn),
            Record::Voted(txn) => _ = self.voted.insert(txn),
            Record::Committed(txn) => _ = self.decided.insert(txn, Decision::Commit),
            Record::Aborted(txn) => _ = self.decided.insert(txn, Decision::Abort),
            Record::Learned(txn, decision) => _ = self.decided.insert(txn, decision),
        }
    }

    fn facts(record: &Record, facts: &mut Facts) {
        match *record {
            Record::Began(_) => {}
            Record::Voted(txn) => facts.state(Fact::Voted(txn, Vote::Yes)),
            Record::Committed(txn) => {
                facts.state(Fact::RestsOn(txn, participants()));
                facts.state(Fact::Decided(txn, Decision::Commit));
            }
            Record::Aborted(txn) => {
                facts.state(Fact::TimedOut(txn));
                facts.state(Fact::Decided(txn, Decision::Abort));
            }
            Record::Learned(txn, decision) => facts.state(Fact::Decided(txn, decision)),
        }
    }

    fn topic(message: &Message) -> Topic {
        match *message {
            Message::Prepare(txn)
            | Message::Yes(txn)
            | Message::Decide(txn, _)
            | Message::Ack(txn) => txn.into(),
        }
    }
}

/// The coordinator.
impl Majority {
    fn on_yes(&mut self, from: NodeId, txn: TxnId, ctx: &mut Ctx<'_>) {
        if self.decided.contains_key(&txn) {
            return;
        }
        let votes = self.votes.entry(txn).or_default();
        votes.insert(from);
        let needed = match ctx.config().needs {
            Needs::All => participants().len(),
            Needs::Half => participants().len() / 2,
        };
        if votes.len() >= needed {
            ctx.cancel_timer(Timer::Deadline(txn));
            self.decide(Record::Committed(txn), txn, ctx);
            ctx.reply(txn.into(), Answer::Done);
        }
    }

    fn decide(&mut self, record: Record, txn: TxnId, ctx: &mut Ctx<'_>) {
        self.apply(ctx.force(Step::ForceDecided, record));
        self.tell(txn, ctx);
    }

    fn tell(&mut self, txn: TxnId, ctx: &mut Ctx<'_>) {
        let heard = self.acks.get(&txn).copied().unwrap_or_default();
        let missing = participants().minus(heard);
        if let (false, Some(&decision)) = (missing.is_empty(), self.decided.get(&txn)) {
            ctx.broadcast(missing, &Message::Decide(txn, decision));
            ctx.set_timer(Duration::from_millis(30), Timer::Again(txn));
        }
    }
}

/// A participant.
impl Majority {
    fn on_prepare(&mut self, txn: TxnId, ctx: &mut Ctx<'_>) {
        if self.decided.contains_key(&txn) {
            return;
        }
        if !self.voted.contains(&txn) {
            self.apply(ctx.force(Step::ForceVoted, Record::Voted(txn)));
        }
        ctx.send(NodeId(0), Message::Yes(txn));
    }

    fn on_decide(&mut self, txn: TxnId, decision: Decision, ctx: &mut Ctx<'_>) {
        if !self.decided.contains_key(&txn) {
            self.apply(ctx.force(Step::ForceLearned, Record::Learned(txn, decision)));
        }
        ctx.send(NodeId(0), Message::Ack(txn));
    }
}
