//! Two-phase commit: every node commits a transaction, or none does.
//!
//! ```text
//!  client     coordinator              participant
//!    ├─ request ─▶│                         │
//!    │            ● force Collecting            presumed commit only
//!    │            ├── Prepare ─────────────▶│   phase 1: can you?
//!    │            │                         ● force Prepared
//!    │            │◀── Yes, ReadOnly, No ───┤
//!    │            ● force Decided               the commit point
//!    │◀─ answer ──┤                         │
//!    │            ├── Decide ──────────────▶│   phase 2: do it
//!    │            │                         ● force Outcome
//!    │            │◀────────────────── Ack ─┤
//!    │            ● write End                   now it may forget
//! ```
//!
//! The price: a participant that said Yes is *in doubt*. It may neither commit nor abort until
//! somebody who knows answers, and it keeps its locks until then, so one dead coordinator blocks
//! them all. With cooperative termination it asks the other participants too, which fails only when
//! all that can be reached are in doubt themselves.
//!
//! What a coordinator answers about a transaction that it has forgotten is its *presumption*:
//! presuming abort saves the records and acknowledgements of aborts, presuming commit those of
//! commits, at the price of one forced record before the first vote. Forgetting is real: the record
//! `End`, or nothing at all.
//!
//! Follows Bernstein, Hadzilacos & Goodman (1987), chapter 7, and Mohan, Lindsay & Obermarck (1986)
//! for the presumptions and the read-only vote. Their sessions deliver in order and once; links
//! here do not, so a refusal under presumed commit is forced too, a refusal under presumed abort is
//! forced before a peer hears of it, and participants remember the
//! outcomes of a whole run. Gray & Lamport's (2006) accounting, in which a resource manager begins
//! and nobody acknowledges or forgets, is `begin: ResourceManager`.
//!
//! This file is long because a pattern is one file; it reads in the order in which the protocol
//! runs, and only the settings stand apart. Limits: locks are not waited for (a conflict is a No), prepares go out in parallel.

use crate::{
    base::{
        ids::{NodeId, NodeSet, OpId, Topic, TxnId},
        table::Table,
    },
    engine::{
        ctx,
        facts::{Decision, Fact, Facts, Vote},
        operations::{Answer, Operation},
        protocol::{Alternative, BadSetting, Logged, Placement, Protocol},
    },
};
use serde::{Deserialize, Serialize};
use settings::{Begin, COORDINATOR, Presumption, ReadOnlyVotes, Refuse, Termination};

pub use settings::Config;

// Who takes part, what is presumed, who is patient how long.
pub mod settings;

/// One variant per arrow in the diagram; then what repairs a lost `Decide`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// A resource manager has promised, and asks the coordinator to go on.
    Begin(TxnId, Operation),
    /// Can you?
    Prepare(Proposal),
    /// I can, and will not abort on my own.
    Yes(TxnId),
    /// I changed nothing: leave me out of phase 2.
    ReadOnly(TxnId),
    /// I have aborted.
    No(TxnId),
    /// Do it, or undo it.
    Decide(TxnId, Decision, Presume),
    /// Done, durably.
    Ack(TxnId),
    /// What became of it?
    Inquire(TxnId, Presume),
    /// The same question, among participants.
    AskCohort(TxnId, Presume),
}

/// What a participant is asked to promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    txn: TxnId,
    operation: Operation,
    presume: Presume,
    cohort: NodeSet,
}

/// What survives a crash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// Coordinator, presumed commit: "I ask these, and have not decided."
    Collecting(TxnId, NodeSet),
    /// Coordinator: the outcome.
    Decided(Verdict),
    /// Coordinator: "everyone knows; I need not."
    End(TxnId),
    /// Participant: "I can commit, and will not abort on my own."
    Prepared(Promise),
    /// Participant: "I have aborted, before promising anything."
    Refused(TxnId),
    /// The same without a force: should a crash take it back, the next `Prepare` is judged anew.
    Declined(TxnId),
    /// Participant: what became of a promise.
    Outcome(TxnId, Decision),
}

/// A coordinator's decision, with all that is needed to spread it after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    txn: TxnId,
    decision: Decision,
    presume: Presume,
    inform: NodeSet,
    because: Because,
    memory: Memory,
}

/// Why a coordinator decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Because {
    Voted,
    TimedOut,
}

/// How long a coordinator remembers a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Memory {
    /// The presumption says the same.
    None,
    UntilAcked,
    Forever,
}

/// A participant's promise, with the values that it will have if it commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promise {
    txn: TxnId,
    presume: Presume,
    cohort: NodeSet,
    writes: [Option<Change>; 2],
}

/// The change of one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Change {
    account: u32,
    before: i64,
    after: i64,
}

/// What wakes a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Timer {
    /// Silence is a No.
    VotesDue(TxnId),
    /// Somebody has not acknowledged.
    Resend(TxnId),
    /// Still in doubt.
    Inquire(TxnId),
}

crate::steps! {
    /// The steps that carry the guarantees. A scenario may leave one out to show what it buys.
    pub enum Step {
        /// The promise is on disk before the Yes leaves: a Yes that a crash can take back is none.
        ForcePromise => "durability",
        /// Locks are kept from the promise to the outcome, not released with the Yes.
        HoldLocks => "conservation",
        /// Under presumed commit the coordinator logs whom it asks before it asks: else a crash
        /// would leave undecided transactions that are presumed to be committed.
        ForceCollecting => "atomic_commit.agreement",
        /// Nothing is committed before everyone has said Yes.
        AwaitEveryVote => "atomic_commit.validity",
        /// The decision is on disk before anyone hears of it.
        ForceDecision => "atomic_commit.agreement",
        /// The outcome is on disk before the acknowledgement: afterwards nobody else knows it.
        ForceOutcome => "atomic_commit.stability",
        /// Whoever said Yes waits for the answer instead of deciding alone.
        StayInDoubt => "atomic_commit.agreement",
        /// A coordinator that is still collecting votes does not answer by presumption.
        WaitToAnswer => "atomic_commit.agreement",
        /// The coordinator remembers what the presumption does not say until everyone has it.
        AwaitEveryAck => "atomic_commit.agreement",
        /// The decision is sent again until it is acknowledged, or it is remembered for ever.
        ResendDecision => "forgetting",
        /// A participant that recovers in doubt takes its locks before it takes requests.
        RestoreLocks => "conservation",
    }
}

/// What a coordinator answers about what it does not remember.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Presume {
    /// It aborted, but every outcome is logged and acknowledged all the same.
    Nothing,
    /// It aborted.
    Abort,
    /// It committed.
    Commit,
}

type Ctx<'a> = ctx::Ctx<'a, TwoPhaseCommit>;

/// One node: coordinator, participant, or (co-located) both.
#[derive(Clone, Debug, Default, Serialize)]
pub struct TwoPhaseCommit {
    // Replayed from the log.
    collecting: Table<TxnId, NodeSet>,
    decided: Table<TxnId, Verdict>,
    in_doubt: Table<TxnId, Promise>,
    outcomes: Table<TxnId, Decision>,
    declined: Table<TxnId, ()>,
    balances: Table<u32, i64>,
    // Lost in a crash.
    ballots: Table<TxnId, Ballot>,
    missing_acks: Table<TxnId, NodeSet>,
    locks: Table<u32, TxnId>,
}

/// The votes on one transaction so far.
#[derive(Clone, Copy, Debug, Serialize)]
struct Ballot {
    presume: Presume,
    cohort: NodeSet,
    yes: NodeSet,
    read_only: NodeSet,
    no: NodeSet,
}

impl Ballot {
    fn is_complete(&self) -> bool {
        self.yes.union(self.read_only).union(self.no) == self.cohort
    }
}

impl Protocol for TwoPhaseCommit {
    const NAME: &'static str = "TwoPhaseCommit";
    const SUMMARY: &'static str = "atomic commit by one coordinator; blocks while it is down";
    const EXAMPLE_WORKLOAD: &'static str =
        r#"Transfers(clients: 1, rate: "20/s", accounts: 10, until: "2s")"#;
    const EXAMPLE_CHECKS: &'static str = "AtomicCommit, Conservation";
    const ALTERNATIVES: &'static [Alternative] = settings::ALTERNATIVES;
    type Config = Config;
    type Message = Message;
    type Record = Record;
    type Timer = Timer;
    type Step = Step;

    fn on_request(&mut self, op: OpId, operation: Operation, ctx: &mut Ctx<'_>) {
        match ctx.config().begin {
            Begin::Coordinator => self.begin(op.into(), operation, NodeSet::EMPTY, ctx),
            Begin::ResourceManager { .. } => self.promise_and_begin(op.into(), operation, ctx),
        }
    }

    fn on_message(&mut self, from: NodeId, message: Message, ctx: &mut Ctx<'_>) {
        match message {
            Message::Begin(txn, operation) => self.begin(txn, operation, NodeSet::of(from), ctx),
            Message::Prepare(proposal) => self.on_prepare(from, proposal, ctx),
            Message::Yes(txn) => self.on_yes(from, txn, ctx),
            Message::ReadOnly(txn) => self.on_read_only(from, txn, ctx),
            Message::No(txn) => self.on_no(from, txn, ctx),
            Message::Decide(txn, decision, presume) => self.on_decide(txn, decision, presume, ctx),
            Message::Ack(txn) => self.on_ack(from, txn, ctx),
            Message::Inquire(txn, presume) => self.on_inquire(from, txn, presume, ctx),
            Message::AskCohort(txn, presume) => self.on_ask_cohort(from, txn, presume, ctx),
        }
    }

    fn on_timer(&mut self, timer: Timer, ctx: &mut Ctx<'_>) {
        match timer {
            Timer::VotesDue(txn) => self.decide(txn, Decision::Abort, Because::TimedOut, ctx),
            Timer::Resend(txn) => self.resend(txn, ctx),
            Timer::Inquire(txn) => self.inquire(txn, ctx),
        }
    }

    /// Redo: the log is the state, so recovery takes the same path as normal operation.
    fn apply(&mut self, record: Logged<Record>) {
        match record.into_inner() {
            Record::Collecting(txn, cohort) => _ = self.collecting.insert(txn, cohort),
            Record::Decided(verdict) => {
                self.collecting.remove(&verdict.txn);
                if verdict.memory != Memory::None {
                    self.decided.insert(verdict.txn, verdict);
                }
            }
            Record::End(txn) => _ = self.decided.remove(&txn),
            Record::Prepared(promise) => _ = self.in_doubt.insert(promise.txn, promise),
            Record::Refused(txn) => _ = self.outcomes.insert(txn, Decision::Abort),
            Record::Declined(txn) => _ = self.declined.insert(txn, ()),
            Record::Outcome(txn, decision) => self.settle(txn, decision),
        }
    }

    /// After replay: decide what I left open, tell what I decided, ask about what I promised.
    fn on_boot(&mut self, ctx: &mut Ctx<'_>) {
        if !self.in_doubt.is_empty() && ctx.step(Step::RestoreLocks) {
            self.restore_locks();
        }
        for (txn, cohort) in &self.collecting.clone() {
            self.abort_collecting(*txn, *cohort, ctx);
        }
        for (txn, verdict) in &self.decided.clone() {
            if verdict.memory == Memory::UntilAcked {
                self.missing_acks.insert(*txn, verdict.inform);
                self.resend(*txn, ctx);
            }
        }
        for (txn, _) in &self.in_doubt.clone() {
            self.inquire(*txn, ctx);
        }
    }

    fn new(_: &Config, _: NodeId) -> Self {
        Self::default()
    }

    fn topology(config: &Config) -> Vec<Placement> {
        config.topology()
    }

    fn validate(config: &Config) -> Vec<BadSetting> {
        config.validate()
    }

    fn facts(record: &Record, facts: &mut Facts) {
        match record {
            Record::Collecting(..) => {}
            Record::Decided(verdict) => verdict.state(facts),
            Record::End(txn) => facts.state(Fact::Forgot(*txn)),
            Record::Prepared(promise) => {
                facts.state(Fact::Voted(promise.txn, Vote::Yes));
                for Change { account: key, before, after } in promise.changes() {
                    facts.state(Fact::Stages { txn: promise.txn, key, before, after });
                }
            }
            Record::Refused(txn) => {
                facts.state(Fact::Voted(*txn, Vote::No));
                facts.state(Fact::Decided(*txn, Decision::Abort));
            }
            Record::Declined(txn) => facts.state(Fact::Declined(*txn)),
            Record::Outcome(txn, decision) => facts.state(Fact::Decided(*txn, *decision)),
        }
    }

    fn topic(message: &Message) -> Topic {
        match message {
            Message::Prepare(proposal) => proposal.txn.into(),
            Message::Begin(txn, _)
            | Message::Yes(txn)
            | Message::ReadOnly(txn)
            | Message::No(txn)
            | Message::Decide(txn, ..)
            | Message::Ack(txn)
            | Message::Inquire(txn, _)
            | Message::AskCohort(txn, _) => (*txn).into(),
        }
    }

    fn waiting(&self) -> Option<String> {
        if let Some((txn, _)) = self.in_doubt.first() {
            return Some(format!("it is in doubt about {txn}"));
        }
        if let Some((txn, _)) = self.ballots.first() {
            return Some(format!("it collects votes on {txn}"));
        }
        let missing = self.missing_acks.first();
        missing.map(|(txn, nodes)| format!("it misses {} acknowledgements of {txn}", nodes.len()))
    }
}

/// Phase 1: collect promises.
impl TwoPhaseCommit {
    fn begin(&mut self, txn: TxnId, operation: Operation, yes: NodeSet, ctx: &mut Ctx<'_>) {
        if self.ballots.contains_key(&txn) || self.decided.contains_key(&txn) {
            return; // Asked twice.
        }
        let config = ctx.config();
        let presume = choose_presumption(txn, ctx);
        let cohort = config.cohort(operation);
        if presume == Presume::Commit {
            self.apply(ctx.force(Step::ForceCollecting, Record::Collecting(txn, cohort)));
        }
        let (read_only, no) = (NodeSet::EMPTY, NodeSet::EMPTY);
        self.ballots.insert(txn, Ballot { presume, cohort, yes, read_only, no });
        let proposal = Proposal { txn, operation, presume, cohort };
        ctx.broadcast(cohort.minus(yes), &Message::Prepare(proposal));
        ctx.set_timer(config.vote_deadline, Timer::VotesDue(txn));
        if cohort == yes {
            self.tally(txn, ctx);
        }
    }

    fn on_prepare(&mut self, from: NodeId, proposal: Proposal, ctx: &mut Ctx<'_>) {
        let txn = proposal.txn;
        match self.outcomes.get(&txn) {
            Some(Decision::Abort) => return ctx.send(from, Message::No(txn)),
            Some(Decision::Commit) => return, // A late repeat: nobody counts it.
            None if self.declined.contains_key(&txn) => return ctx.send(from, Message::No(txn)),
            None if self.in_doubt.contains_key(&txn) => {
                return ctx.send(from, Message::Yes(txn));
            }
            None => {}
        }
        let config = ctx.config();
        let idle = self.changes(proposal.operation, ctx).iter().all(Option::is_none);
        let may_leave =
            config.read_only_votes == ReadOnlyVotes::On && proposal.presume != Presume::Nothing;
        if idle && may_leave {
            ctx.send(from, Message::ReadOnly(txn));
        } else if self.refuses(txn, proposal.operation, ctx) {
            self.vote_no(from, proposal, ctx);
        } else {
            self.promise(proposal, ctx);
            ctx.send(from, Message::Yes(txn));
        }
    }

    fn promise(&mut self, proposal: Proposal, ctx: &mut Ctx<'_>) {
        let Proposal { txn, operation, presume, cohort } = proposal;
        let promise = Promise { txn, presume, cohort, writes: self.changes(operation, ctx) };
        self.apply(ctx.force(Step::ForcePromise, Record::Prepared(promise)));
        if ctx.step(Step::HoldLocks) {
            self.lock(&promise);
        }
        ctx.set_timer(ctx.config().inquiry_interval, Timer::Inquire(txn));
    }

    /// Presuming abort, a refusal is not forced. A crash may take it back, and then a `Prepare` that
    /// comes again may get a Yes: that is consistent as long as the refusal was told to nobody but
    /// the coordinator, which counts a No for good.
    fn vote_no(&mut self, coordinator: NodeId, proposal: Proposal, ctx: &mut Ctx<'_>) {
        let txn = proposal.txn;
        let record = match proposal.presume {
            Presume::Abort => ctx.write(Record::Declined(txn)),
            Presume::Nothing | Presume::Commit => {
                ctx.force(Step::ForceOutcome, Record::Refused(txn))
            }
        };
        self.apply(record);
        ctx.send(coordinator, Message::No(txn));
    }

    fn on_yes(&mut self, from: NodeId, txn: TxnId, ctx: &mut Ctx<'_>) {
        let Some(ballot) = self.ballots.get_mut(&txn) else {
            return; // Already decided, or forgotten in a crash.
        };
        ballot.yes.insert(from);
        self.tally(txn, ctx);
    }

    fn on_read_only(&mut self, from: NodeId, txn: TxnId, ctx: &mut Ctx<'_>) {
        let Some(ballot) = self.ballots.get_mut(&txn) else { return };
        ballot.read_only.insert(from);
        self.tally(txn, ctx);
    }

    fn on_no(&mut self, from: NodeId, txn: TxnId, ctx: &mut Ctx<'_>) {
        let Some(ballot) = self.ballots.get_mut(&txn) else { return };
        ballot.no.insert(from);
        self.tally(txn, ctx);
    }

    fn tally(&mut self, txn: TxnId, ctx: &mut Ctx<'_>) {
        let Some(&ballot) = self.ballots.get(&txn) else { return };
        if !ballot.is_complete() && ctx.step(Step::AwaitEveryVote) {
            return;
        }
        let decision = if ballot.no.is_empty() { Decision::Commit } else { Decision::Abort };
        self.decide(txn, decision, Because::Voted, ctx);
    }
}

/// Phase 2: spread the decision, then forget it.
impl TwoPhaseCommit {
    fn decide(&mut self, txn: TxnId, decision: Decision, because: Because, ctx: &mut Ctx<'_>) {
        let Some(ballot) = self.ballots.remove(&txn) else { return };
        ctx.cancel_timer(Timer::VotesDue(txn));
        let inform = ballot.cohort.minus(ballot.no).minus(ballot.read_only);
        let memory = memory(ctx.config(), ballot.presume, decision);
        let presume = ballot.presume;
        let verdict = Verdict { txn, decision, presume, inform, because, memory };
        // Presuming abort, a transaction that only read leaves no trace.
        let only_read = decision == Decision::Commit && inform.is_empty();
        let traceless = only_read && presume == Presume::Abort;
        if !traceless {
            self.log_verdict(verdict, ctx);
        }
        if ctx.config().begin == Begin::Coordinator {
            ctx.reply(txn.into(), answer(decision));
        }
        if !traceless {
            self.announce(verdict, ctx);
        }
    }

    /// An abort that is presumed anyway needs no force.
    fn log_verdict(&mut self, verdict: Verdict, ctx: &mut Ctx<'_>) {
        let record = Record::Decided(verdict);
        let abort = (verdict.decision, verdict.presume) == (Decision::Abort, Presume::Abort);
        let presumed = abort && verdict.memory == Memory::None;
        let record =
            if presumed { ctx.write(record) } else { ctx.force(Step::ForceDecision, record) };
        self.apply(record);
    }

    fn announce(&mut self, verdict: Verdict, ctx: &mut Ctx<'_>) {
        let Verdict { txn, decision, presume, inform, .. } = verdict;
        ctx.broadcast(inform, &Message::Decide(txn, decision, presume));
        if verdict.memory == Memory::UntilAcked {
            self.missing_acks.insert(txn, inform);
            self.await_acks(txn, ctx);
        }
    }

    fn await_acks(&mut self, txn: TxnId, ctx: &mut Ctx<'_>) {
        let complete = self.missing_acks.get(&txn).is_none_or(|missing| missing.is_empty());
        if complete || !ctx.step(Step::AwaitEveryAck) {
            return self.forget(txn, ctx);
        }
        ctx.set_timer(ctx.config().resend_interval, Timer::Resend(txn));
    }

    fn on_decide(&mut self, txn: TxnId, decision: Decision, presume: Presume, ctx: &mut Ctx<'_>) {
        if self.in_doubt.contains_key(&txn) {
            return self.learn(txn, decision, ctx);
        }
        if !ctx.config().wants_ack(presume, decision) {
            return;
        }
        if decision == Decision::Abort && !self.outcomes.contains_key(&txn) {
            // I never promised; should `Prepare` still come, I must not.
            self.apply(ctx.force(Step::ForceOutcome, Record::Outcome(txn, decision)));
        }
        ctx.send(COORDINATOR, Message::Ack(txn));
    }

    fn learn(&mut self, txn: TxnId, decision: Decision, ctx: &mut Ctx<'_>) {
        let Some(&promise) = self.in_doubt.get(&txn) else { return };
        let config = ctx.config();
        let outcome = Record::Outcome(txn, decision);
        ctx.cancel_timer(Timer::Inquire(txn));
        if config.wants_ack(promise.presume, decision) {
            self.apply(ctx.force(Step::ForceOutcome, outcome));
            ctx.send(COORDINATOR, Message::Ack(txn));
        } else {
            self.apply(ctx.write(outcome));
        }
        if config.begin != Begin::Coordinator && ctx.me() == config.participant(0) {
            ctx.reply(txn.into(), answer(decision));
        }
    }

    fn on_ack(&mut self, from: NodeId, txn: TxnId, ctx: &mut Ctx<'_>) {
        let Some(missing) = self.missing_acks.get_mut(&txn) else { return };
        missing.remove(from);
        if missing.is_empty() {
            self.forget(txn, ctx);
        }
    }

    fn forget(&mut self, txn: TxnId, ctx: &mut Ctx<'_>) {
        self.missing_acks.remove(&txn);
        ctx.cancel_timer(Timer::Resend(txn));
        self.apply(ctx.write(Record::End(txn)));
    }

    fn resend(&mut self, txn: TxnId, ctx: &mut Ctx<'_>) {
        let Some(&verdict) = self.decided.get(&txn) else { return };
        let missing = self.missing_acks.get(&txn).copied().unwrap_or_default();
        if verdict.memory == Memory::UntilAcked && ctx.step(Step::ResendDecision) {
            self.announce(Verdict { inform: missing, ..verdict }, ctx);
        }
    }
}

/// In doubt: only others know, so keep asking. This is where two-phase commit blocks.
impl TwoPhaseCommit {
    fn inquire(&mut self, txn: TxnId, ctx: &mut Ctx<'_>) {
        let Some(&promise) = self.in_doubt.get(&txn) else { return };
        if !ctx.step(Step::StayInDoubt) {
            return self.learn(txn, Decision::Abort, ctx);
        }
        let config = ctx.config();
        ctx.send(COORDINATOR, Message::Inquire(txn, promise.presume));
        if config.termination == Termination::Cooperative {
            let others = promise.cohort.minus(NodeSet::of(ctx.me()));
            ctx.broadcast(others, &Message::AskCohort(txn, promise.presume));
        }
        ctx.set_timer(config.inquiry_interval, Timer::Inquire(txn));
    }

    /// What I remember, or what is presumed of what I do not.
    fn on_inquire(&mut self, from: NodeId, txn: TxnId, presume: Presume, ctx: &mut Ctx<'_>) {
        let decision = match (self.decided.get(&txn), presume) {
            (Some(verdict), _) => verdict.decision,
            (None, _) if self.ballots.contains_key(&txn) && ctx.step(Step::WaitToAnswer) => return,
            (None, Presume::Commit) => Decision::Commit,
            (None, Presume::Nothing | Presume::Abort) => Decision::Abort,
        };
        if ctx.config().begin != Begin::Coordinator && !self.decided.contains_key(&txn) {
            self.abort_unbegun(txn, ctx);
        }
        ctx.send(from, Message::Decide(txn, decision, presume));
    }

    /// Where a resource manager begins, its promise may overtake its `Begin`: whoever is told that
    /// nothing is known must be right for ever, so the abort is logged and `Begin` comes too late.
    fn abort_unbegun(&mut self, txn: TxnId, ctx: &mut Ctx<'_>) {
        let verdict = Verdict {
            txn,
            decision: Decision::Abort,
            presume: Presume::Abort,
            inform: NodeSet::EMPTY,
            because: Because::TimedOut,
            memory: Memory::Forever,
        };
        self.apply(ctx.force(Step::ForceDecision, Record::Decided(verdict)));
    }

    /// Who knows tells; who has not voted aborts, and may say so; who is in doubt cannot help.
    fn on_ask_cohort(&mut self, from: NodeId, txn: TxnId, presume: Presume, ctx: &mut Ctx<'_>) {
        if self.in_doubt.contains_key(&txn) {
            return;
        }
        if !self.outcomes.contains_key(&txn) {
            self.apply(ctx.force(Step::ForceOutcome, Record::Refused(txn)));
        }
        let decision = self.outcomes.get(&txn).copied().unwrap_or(Decision::Abort);
        ctx.send(from, Message::Decide(txn, decision, presume));
    }

    /// Presumed commit, recovering: what was begun and not decided must be aborted aloud.
    fn abort_collecting(&mut self, txn: TxnId, cohort: NodeSet, ctx: &mut Ctx<'_>) {
        let presume = Presume::Commit;
        let (yes, read_only, no) = (NodeSet::EMPTY, NodeSet::EMPTY, NodeSet::EMPTY);
        self.ballots.insert(txn, Ballot { presume, cohort, yes, read_only, no });
        self.decide(txn, Decision::Abort, Because::TimedOut, ctx);
    }
}

/// A resource manager that begins (Gray & Lamport): its promise comes first.
impl TwoPhaseCommit {
    fn promise_and_begin(&mut self, txn: TxnId, operation: Operation, ctx: &mut Ctx<'_>) {
        if self.refuses(txn, operation, ctx) {
            return ctx.reply(txn.into(), Answer::NotDone);
        }
        let cohort = ctx.config().cohort(operation);
        self.promise(Proposal { txn, operation, presume: Presume::Abort, cohort }, ctx);
        ctx.send(COORDINATOR, Message::Begin(txn, operation));
    }
}

/// The accounts that transactions are about.
impl TwoPhaseCommit {
    /// What the operation would change here.
    fn changes(&self, operation: Operation, ctx: &Ctx<'_>) -> [Option<Change>; 2] {
        let Operation::Transfer { from, to, amount } = operation else { return [None; 2] };
        let config = ctx.config();
        let change = |account, by: i64| {
            let before = self.balances.get(&account).copied().unwrap_or(config.opening_balance);
            let mine = config.owner(account) == ctx.me();
            mine.then_some(Change { account, before, after: before + by })
        };
        [change(from, -amount), change(to, amount)]
    }

    /// No, because an account is locked or would be overdrawn, or for no reason at all.
    fn refuses(&self, txn: TxnId, operation: Operation, ctx: &mut Ctx<'_>) -> bool {
        let changes = self.changes(operation, ctx);
        let mut changes = changes.iter().flatten();
        let impossible =
            changes.any(|change| self.locks.contains_key(&change.account) || change.after < 0);
        impossible
            || match &ctx.config().refuse {
                Refuse::Never => false,
                Refuse::Chance(chance) => ctx.chance("refuse", txn, *chance),
                Refuse::Always(names) => {
                    let first = ctx.config().participant(0).0;
                    let me = format!("p{}", ctx.me().0 - first + 1);
                    names.contains(&me)
                }
            }
    }

    fn lock(&mut self, promise: &Promise) {
        for change in promise.changes() {
            self.locks.insert(change.account, promise.txn);
        }
    }

    fn restore_locks(&mut self) {
        for (_, promise) in &self.in_doubt.clone() {
            self.lock(promise);
        }
    }

    /// A promise ends: its changes happen or do not, and its locks go.
    fn settle(&mut self, txn: TxnId, decision: Decision) {
        if let Some(promise) = self.in_doubt.remove(&txn)
            && decision == Decision::Commit
        {
            for change in promise.changes() {
                self.balances.insert(change.account, change.after);
            }
        }
        self.locks.retain(|_, holder| *holder != txn);
        self.outcomes.insert(txn, decision);
    }
}

impl Promise {
    fn changes(&self) -> impl Iterator<Item = Change> + use<> {
        self.writes.into_iter().flatten()
    }
}

impl Verdict {
    fn state(&self, facts: &mut Facts) {
        facts.state(Fact::Decided(self.txn, self.decision));
        if self.because == Because::TimedOut {
            facts.state(Fact::TimedOut(self.txn));
        }
        if self.decision == Decision::Commit {
            facts.state(Fact::RestsOn(self.txn, self.inform));
        }
        if self.memory == Memory::UntilAcked {
            facts.state(Fact::Remembers(self.txn));
        }
    }
}

fn choose_presumption(txn: TxnId, ctx: &mut Ctx<'_>) -> Presume {
    match ctx.config().presume {
        Presumption::Nothing => Presume::Nothing,
        Presumption::Abort => Presume::Abort,
        Presumption::Commit => Presume::Commit,
        Presumption::Mixed => match ctx.choose("presume", txn, 3) {
            0 => Presume::Nothing,
            1 => Presume::Abort,
            _ => Presume::Commit,
        },
    }
}

fn memory(config: &Config, presume: Presume, decision: Decision) -> Memory {
    match config.begin {
        Begin::ResourceManager { .. } => Memory::Forever,
        Begin::Coordinator if config.wants_ack(presume, decision) => Memory::UntilAcked,
        Begin::Coordinator => Memory::None,
    }
}

fn answer(decision: Decision) -> Answer {
    match decision {
        Decision::Commit => Answer::Done,
        Decision::Abort => Answer::NotDone,
    }
}

#[cfg(test)]
mod tests;
