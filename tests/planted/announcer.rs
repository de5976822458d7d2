//! Announcer: a tiny atomic commit that presumes abort, and two ways to get it wrong.
//!
//! ```text
//!  client      c                     p1, p2
//!    ├─ any ──▶│── Prepare ───────────▶│
//!    │         │                       ● force Prepared
//!    │         │◀──────────────── Yes ─┤  both, before the deadline
//!    │         ● force Committed       │
//!    │         │── Decide ────────────▶│          SendFirst: Decide leaves before the force
//!    │◀─ Done ─┤                       ● force Learned
//!    │         │◀──────────── Inquiry ─┤  in doubt for long    Impatient: aborts instead
//!    │         │── Decide ────────────▶│  abort, if c knows nothing of it
//! ```
//!
//! Whoever wrote this did not look for a bug that splitbrain is known to find: both are mistakes
//! that people make. Limits: two participants, who always vote yes.

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
        /// The vote is on disk before it leaves.
        ForcePrepared => "durability",
        /// The decision is on disk before it leaves.
        ForceCommitted => "atomic_commit.agreement",
        /// What a participant has learned is on disk.
        ForceLearned => "atomic_commit.stability",
    }
}

/// Right, or wrong in one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum Variant {
    /// As in the diagram.
    #[default]
    Sound,
    /// The coordinator sends its decision before it forces it.
    SendFirst,
    /// A participant in doubt aborts when its timer fires.
    Impatient,
}

/// Which of them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    variant: Variant,
}

/// What is said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Message {
    Prepare(TxnId),
    Yes(TxnId),
    Inquiry(TxnId),
    Decide(TxnId, Decision),
}

/// What survives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Record {
    Prepared(TxnId),
    Committed(TxnId),
    GaveUp(TxnId),
    Learned(TxnId, Decision),
}

/// What wakes a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Timer {
    Deadline(TxnId),
    InDoubt(TxnId),
}

/// One node of either role.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Announcer {
    // Replayed from the log.
    prepared: BTreeSet<TxnId>,
    decided: BTreeMap<TxnId, Decision>,
    // Lost in a crash: the votes of what is not decided yet.
    votes: BTreeMap<TxnId, NodeSet>,
}

type Ctx<'a> = ctx::Ctx<'a, Announcer>;

const COORDINATOR: NodeId = NodeId(0);

fn participants() -> NodeSet {
    [NodeId(1), NodeId(2)].into_iter().collect()
}

impl Protocol for Announcer {
    const NAME: &'static str = "Announcer";
    const SUMMARY: &'static str = "a tiny atomic commit that presumes abort";
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
        let in_doubt = self.prepared.iter().filter(|txn| !self.decided.contains_key(txn));
        in_doubt.for_each(|&txn| inquire(txn, ctx));
    }

    fn on_request(&mut self, op: OpId, _: Operation, ctx: &mut Ctx<'_>) {
        let txn = TxnId::from(op);
        self.votes.insert(txn, NodeSet::default());
        ctx.broadcast(participants(), &Message::Prepare(txn));
        ctx.set_timer(Duration::from_millis(50), Timer::Deadline(txn));
    }

    fn on_message(&mut self, from: NodeId, message: Message, ctx: &mut Ctx<'_>) {
        match message {
            Message::Prepare(txn) => self.on_prepare(txn, ctx),
            Message::Yes(txn) => self.on_yes(from, txn, ctx),
            Message::Inquiry(txn) => self.on_inquiry(from, txn, ctx),
            Message::Decide(txn, decision) => self.on_decide(txn, decision, ctx),
        }
    }

    fn on_timer(&mut self, timer: Timer, ctx: &mut Ctx<'_>) {
        match timer {
            Timer::Deadline(txn) => self.on_deadline(txn, ctx),
            Timer::InDoubt(txn) => self.on_doubt(txn, ctx),
        }
    }

    fn apply(&mut self, record: Logged<Record>) {
        match record.into_inner() {
            Record::Prepared(txn) => _ = self.prepared.insert(txn),
            Record::Committed(txn) => _ = self.decided.insert(txn, Decision::Commit),
            Record::GaveUp(txn) => _ = self.decided.insert(txn, Decision::Abort),
            Record::Learned(txn, decision) => _ = self.decided.insert(txn, decision),
        }
    }

    fn facts(record: &Record, facts: &mut Facts) {
        match *record {
            Record::Prepared(txn) => facts.state(Fact::Voted(txn, Vote::Yes)),
            Record::Committed(txn) => {
                facts.state(Fact::RestsOn(txn, participants()));
                facts.state(Fact::Decided(txn, Decision::Commit));
            }
            Record::GaveUp(txn) => {
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
            | Message::Inquiry(txn)
            | Message::Decide(txn, _) => txn.into(),
        }
    }
}

/// The coordinator.
impl Announcer {
    fn on_yes(&mut self, from: NodeId, txn: TxnId, ctx: &mut Ctx<'_>) {
        let Some(votes) = self.votes.get_mut(&txn) else { return };
        votes.insert(from);
        if *votes != participants() {
            return;
        }
        self.votes.remove(&txn);
        ctx.cancel_timer(Timer::Deadline(txn));
        let decide = Message::Decide(txn, Decision::Commit);
        if ctx.config().variant == Variant::SendFirst {
            ctx.broadcast(participants(), &decide);
            self.apply(ctx.force(Step::ForceCommitted, Record::Committed(txn)));
        } else {
            self.apply(ctx.force(Step::ForceCommitted, Record::Committed(txn)));
            ctx.broadcast(participants(), &decide);
        }
        ctx.reply(txn.into(), Answer::Done);
    }

    fn on_deadline(&mut self, txn: TxnId, ctx: &mut Ctx<'_>) {
        if self.votes.remove(&txn).is_some() {
            self.apply(ctx.write(Record::GaveUp(txn)));
            ctx.broadcast(participants(), &Message::Decide(txn, Decision::Abort));
            ctx.reply(txn.into(), Answer::NotDone);
        }
    }

    fn on_inquiry(&mut self, from: NodeId, txn: TxnId, ctx: &mut Ctx<'_>) {
        if !self.votes.contains_key(&txn) {
            let known = self.decided.get(&txn).copied();
            ctx.send(from, Message::Decide(txn, known.unwrap_or(Decision::Abort)));
        }
    }
}

/// A participant.
impl Announcer {
    fn on_prepare(&mut self, txn: TxnId, ctx: &mut Ctx<'_>) {
        if self.decided.contains_key(&txn) {
            return;
        }
        if !self.prepared.contains(&txn) {
            self.apply(ctx.force(Step::ForcePrepared, Record::Prepared(txn)));
            ctx.set_timer(Duration::from_millis(30), Timer::InDoubt(txn));
        }
        ctx.send(COORDINATOR, Message::Yes(txn));
    }

    fn on_decide(&mut self, txn: TxnId, decision: Decision, ctx: &mut Ctx<'_>) {
        if !self.decided.contains_key(&txn) {
            ctx.cancel_timer(Timer::InDoubt(txn));
            self.apply(ctx.force(Step::ForceLearned, Record::Learned(txn, decision)));
        }
    }

    fn on_doubt(&mut self, txn: TxnId, ctx: &mut Ctx<'_>) {
        if self.decided.contains_key(&txn) {
            return;
        }
        if ctx.config().variant == Variant::Impatient {
            self.apply(ctx.force(Step::ForceLearned, Record::GaveUp(txn)));
        } else {
            inquire(txn, ctx);
        }
    }
}

fn inquire(txn: TxnId, ctx: &mut Ctx<'_>) {
    ctx.send(COORDINATOR, Message::Inquiry(txn));
    ctx.set_timer(Duration::from_millis(30), Timer::InDoubt(txn));
}
