//! Quorum replication: a register on N replicas, of which R answer a read and W hold a write.
//!
//! ```text
//!  client     coordinator                     replica × N
//!    ├─ write ──▶│                                │
//!    │           ├── Query ──────────────────────▶│   order by a query only: which tag is the
//!    │           │◀────────────────────── State ──┤   greatest? (wait for R)
//!    │           ├── Store ──────────────────────▶│
//!    │           │                                ● force Kept
//!    │           │◀───────────────────── Stored ──┤
//!    │◀── done ──┤   wait for W
//!    ├─ read ───▶│
//!    │           ├── Query ──────────────────────▶│
//!    │           │◀────────────────────── State ──┤   wait for R, take the newest
//!    │           ├── Store ──────────────────────▶│   write it back to those without it (wait
//!    │           │◀───────────────────── Stored ──┤   for W), or after the answer, or never
//!    │◀─ value ──┤
//! ```
//!
//! If R + W > N, every read meets every write that was done before it. That alone is not
//! linearizable: while a write is on its way, one read may see it and a later one may not, unless
//! the first *writes back* what it is going to answer. And a clock says which write is newer only
//! as well as clocks agree; a *query* for the greatest tag needs none. Majorities, write-back and
//! query together are the ABD register, `mode: Abd`.
//!
//! The rest is for availability and repair. A replica that does not answer is represented by the
//! next one on the ring, which keeps a *hint* and hands it over later; if stand-ins count, the
//! quorum is *sloppy* and need not meet any other. Replicas compare what they hold now and then.
//!
//! Follows DeCandia et al. (2007) for rings, hints and sloppy quorums; Attiya, Bar-Noy & Dolev
//! (1995) for the register and its write-back; Lynch & Shvartsman (1997) for many writers. A
//! coordinator keeps nothing durable: what it was doing when it crashed is left half done.
//!
//! This file is long because a pattern is one file; it reads in the order in which an operation
//! runs. Limits: no deletes; membership is fixed; where siblings are kept, the coordinator
//! remembers what each client has seen (in Dynamo the client carries it), and a read answers one
//! of them. Replicas compare lists of tags, not Merkle trees.

use crate::{
    base::{
        ids::{ClientId, NodeId, NodeSet, OpId, Topic},
        table::Table,
    },
    engine::{
        ctx::{self, Delay},
        facts::{Fact, Facts},
        operations::{Answer, Operation},
        protocol::{BadSetting, Logged, Placement, Protocol, SufficientCore, Tolerance},
    },
};
use serde::{Deserialize, Serialize};
use settings::{Ask, Handoff, Intersection, Interval, Order, ReadRepair};
use versions::{Seen, Siblings, Tag, Version, Versions};

pub use settings::Config;

// Who holds what, how many must answer, what repairs it.
pub mod settings;

// What a replica holds of one key, and which version replaces which.
pub mod versions;

/// One variant per arrow in the diagram; then what repairs replicas behind the clients' backs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// What do you hold of this key?
    Query(OpId, u32),
    /// This.
    State(OpId, Versions),
    /// Hold this.
    Store(Copy),
    /// I do, durably; or I keep it for that home.
    Stored(OpId, Option<NodeId>),
    /// From a stand-in to a home: this came while you did not answer.
    Hint(u32, Versions),
    /// I hold it, durably.
    Taken(u32, Versions),
    /// The tags of everything that I hold and you should.
    Tags(Vec<(u32, Vec<Tag>)>),
    /// What I hold where we differ.
    Rows(Vec<(u32, Versions)>),
}

/// What a replica is asked to hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copy {
    op: OpId,
    key: u32,
    versions: Versions,
    /// Keep it for this home, which does not answer.
    home: Option<NodeId>,
}

/// What survives a crash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// "This is what I hold of the key."
    Kept(u32, Versions),
    /// "This I keep for a home that did not answer."
    Hinted(NodeId, u32, Versions),
    /// "The home has it."
    HandedOver(NodeId, u32),
}

/// What wakes a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Timer {
    /// Somebody has not answered: ask again.
    Resend(OpId),
    /// Somebody has not answered: ask a stand-in.
    Suspect(OpId),
    /// The operation takes too long: forget it.
    Deadline(OpId),
    /// There are hints to hand over.
    HandOver,
    /// Compare with another replica.
    Compare,
}

crate::steps! {
    /// The steps that carry the guarantees. A scenario may leave one out to show what it buys.
    pub enum Step {
        /// A replica has a version on disk before it says so.
        ForceReplica => "linearizable",
        /// A replica keeps the newer of two versions, whichever comes last.
        KeepNewest => "linearizable",
        /// A write is done when W replicas hold it, not before.
        WaitForWriteQuorum => "linearizable",
        /// A read is answered when R replicas have answered, not before.
        WaitForReadQuorum => "linearizable",
        /// A writer asks which tag is the greatest before it takes a greater one.
        TagQuery => "linearizable",
        /// What a read is going to answer is held by W replicas before it does.
        WriteBack => "linearizable",
        /// A write that is sent again keeps its tag.
        KeepTag => "linearizable",
        /// What a stand-in keeps does not count for a strict quorum.
        CountHomesOnly => "linearizable",
        /// A read that found stale replicas brings them up to date.
        ReadRepair => "replicas_agree",
        /// A hint is on disk before it is acknowledged.
        ForceHint => "replicas_agree",
        /// A stand-in hands over what it keeps for a home.
        HandOver => "replicas_agree",
        /// It keeps the hint until the home has it.
        AwaitTaken => "replicas_agree",
        /// Replicas compare what they hold now and then.
        Compare => "replicas_agree",
        /// A write is numbered in the log of its coordinator: else a crash would give its number to
        /// another one, which would be taken for it.
        ForceNumber => "replicas_keep",
        /// Versions of which neither writer had seen the other both stay.
        KeepSiblings => "replicas_keep",
    }
}

type Ctx<'a> = ctx::Ctx<'a, Quorum>;

/// One node: replica, coordinator, or both.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Quorum {
    // Replayed from the log.
    kept: Table<u32, Versions>,
    hints: Table<(NodeId, u32), Versions>,
    // Lost in a crash.
    asking: Table<OpId, Asking>,
    storing: Table<OpId, Storing>,
    seen: Table<(ClientId, u32), Seen>,
}

/// An operation that collects what replicas hold.
#[derive(Clone, Debug, Serialize)]
struct Asking {
    key: u32,
    /// The value to be written, or nothing for a read.
    write: Option<i64>,
    asked: NodeSet,
    states: Vec<(NodeId, Versions)>,
    answered: bool,
}

/// An operation that has versions stored.
#[derive(Clone, Debug, Serialize)]
struct Storing {
    key: u32,
    versions: Versions,
    /// The value to be written, or nothing for a read that writes back.
    write: Option<i64>,
    asked: NodeSet,
    holders: NodeSet,
    /// Stand-ins that keep it for a home, and those that were asked to.
    keepers: NodeSet,
    stand_ins: Vec<(NodeId, NodeId)>,
    /// What the client is told once enough hold it, and what it has seen by then.
    answer: Option<Answer>,
    context: Seen,
}

impl Protocol for Quorum {
    const NAME: &'static str = "Quorum";
    const SUMMARY: &'static str = "registers on N replicas: R answer a read, W hold a write";
    const EXAMPLE_WORKLOAD: &'static str =
        r#"Registers(clients: 2, rate: "20/s", keys: 2, until: "2s")"#;
    const EXAMPLE_CHECKS: &'static str = "Linearizable, Progress";
    type Config = Config;
    type Message = Message;
    type Record = Record;
    type Timer = Timer;
    type Step = Step;

    fn on_request(&mut self, op: OpId, operation: Operation, ctx: &mut Ctx<'_>) {
        match operation {
            Operation::Read { key } => self.ask(op, key, None, ctx),
            Operation::Write { key, value } => self.write(op, key, value, ctx),
            _ => ctx.reply(op, Answer::NotDone), // A register cannot compare: no consensus here.
        }
    }

    fn on_message(&mut self, from: NodeId, message: Message, ctx: &mut Ctx<'_>) {
        match message {
            Message::Query(op, key) => ctx.send(from, Message::State(op, self.held(key))),
            Message::State(op, versions) => self.on_state(from, op, versions, ctx),
            Message::Store(copy) => self.on_store(from, copy, ctx),
            Message::Stored(op, home) => self.on_stored(from, op, home, ctx),
            Message::Hint(key, versions) => self.on_hint(from, key, versions, ctx),
            Message::Taken(key, versions) => self.on_taken(from, key, &versions, ctx),
            Message::Tags(rows) => self.on_tags(from, &rows, ctx),
            Message::Rows(rows) => self.on_rows(from, rows, ctx),
        }
    }

    fn on_timer(&mut self, timer: Timer, ctx: &mut Ctx<'_>) {
        match timer {
            Timer::Resend(op) => self.resend(op, ctx),
            Timer::Suspect(op) => self.suspect(op, ctx),
            Timer::Deadline(op) => self.give_up(op, ctx),
            Timer::HandOver => self.hand_over(ctx),
            Timer::Compare => self.compare(ctx),
        }
    }

    /// Redo: the log is the state, so recovery takes the same path as normal operation.
    fn apply(&mut self, record: Logged<Record>) {
        match record.into_inner() {
            Record::Kept(key, versions) => _ = self.kept.insert(key, versions),
            Record::Hinted(home, key, versions) => _ = self.hints.insert((home, key), versions),
            Record::HandedOver(home, key) => _ = self.hints.remove(&(home, key)),
        }
    }

    /// After replay: there may be hints to hand over, and something to compare.
    fn on_boot(&mut self, ctx: &mut Ctx<'_>) {
        if !self.hints.is_empty() {
            set_hand_over(ctx);
        }
        if ctx.me().0 < ctx.config().replicas() {
            set_compare(ctx);
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

    fn sufficient_core(config: &Config) -> SufficientCore {
        config.sufficient_core()
    }

    fn tolerance(config: &Config) -> Tolerance {
        config.tolerance()
    }

    fn facts(record: &Record, facts: &mut Facts) {
        let Record::Kept(key, versions) = record else { return };
        for (beside, version) in versions.iter().enumerate() {
            facts.state(Fact::Holds { key: *key, value: version.value, beside: beside as u16 });
        }
    }

    fn topic(message: &Message) -> Topic {
        match message {
            Message::Query(op, _) | Message::State(op, _) | Message::Stored(op, _) => (*op).into(),
            Message::Store(copy) => copy.op.into(),
            Message::Hint(key, _) | Message::Taken(key, _) => Topic(u64::from(*key) << 32),
            Message::Tags(_) | Message::Rows(_) => Topic::NONE,
        }
    }

    fn waiting(&self) -> Option<String> {
        let asking = self.asking.iter().find(|(_, asking)| !asking.answered);
        if let Some((op, asking)) = asking {
            return Some(format!("{} replicas answered its query for {op}", asking.states.len()));
        }
        let storing = self.storing.iter().find(|(_, storing)| storing.answer.is_some());
        storing.map(|(op, storing)| format!("{} replicas hold {op}", storing.holders.len()))
    }
}

/// A write begins: it needs a tag that no other write has.
impl Quorum {
    fn write(&mut self, op: OpId, key: u32, value: i64, ctx: &mut Ctx<'_>) {
        let time = match ctx.config().order() {
            Order::CoordinatorClock => ctx.now().as_nanos(),
            Order::ClientClock => ctx.asked_at(op).as_nanos(),
            Order::Query if ctx.step(Step::TagQuery) => {
                return self.ask(op, key, Some(value), ctx);
            }
            Order::Query => self.held(key).newest().time + 1,
            Order::VersionVectors => return self.write_beside(op, key, value, ctx),
        };
        self.write_tagged(op, key, value, time, ctx);
    }

    fn write_tagged(&mut self, op: OpId, key: u32, value: i64, time: u64, ctx: &mut Ctx<'_>) {
        let tag = Tag { time, writer: writer(op) };
        let versions = Versions::of(Version { tag, value, past: Seen::default() });
        self.store(op, storing(key, versions, Some(value), Answer::Done, ctx), ctx);
    }

    /// The coordinator numbers the write among its own, and spreads it with all that it holds: so
    /// who has seen its number five has seen its number four, or what replaced it.
    fn write_beside(&mut self, op: OpId, key: u32, value: i64, ctx: &mut Ctx<'_>) {
        let me = u32::from(ctx.me().0);
        let past = self.seen.get(&(ctx.asked_by(op), key)).cloned().unwrap_or_default();
        let mut held = self.held(key);
        let tag = Tag { time: held.counter(me) + 1, writer: me };
        let mut context = past.clone();
        context.add_own(tag);
        let written = Versions::of(Version { tag, value, past });
        held.merge(&written, siblings(ctx));
        self.apply(ctx.force(Step::ForceNumber, Record::Kept(key, held.clone())));
        let storing = storing(key, held, Some(value), Answer::Done, ctx);
        self.store(op, Storing { context, ..storing }, ctx);
    }
}

/// A number is unique; its bits in reverse tell nothing about time, which no real node would know.
fn writer(op: OpId) -> u32 {
    op.0.reverse_bits()
}

/// Whether siblings stay, as the order of writes demands and the scenario lets it.
fn siblings(ctx: &mut Ctx<'_>) -> Siblings {
    match ctx.config().order().siblings() {
        Siblings::Kept if !ctx.step(Step::KeepSiblings) => Siblings::Dropped,
        siblings => siblings,
    }
}

/// Asking: what do R replicas hold?
impl Quorum {
    fn ask(&mut self, op: OpId, key: u32, write: Option<i64>, ctx: &mut Ctx<'_>) {
        let asked = whom(key, ctx.config().r(), ctx);
        let states = Vec::new();
        self.asking.insert(op, Asking { key, write, asked, states, answered: false });
        set_timers(op, ctx);
        ctx.broadcast(asked, &Message::Query(op, key));
    }

    /// What this node holds of a key, as a home or for one.
    fn held(&self, key: u32) -> Versions {
        let mut held = self.kept.get(&key).cloned().unwrap_or_default();
        for (_, hint) in self.hints.iter().filter(|((_, of), _)| *of == key) {
            held.merge(hint, Siblings::Dropped);
        }
        held
    }

    fn on_state(&mut self, from: NodeId, op: OpId, versions: Versions, ctx: &mut Ctx<'_>) {
        let Some(asking) = self.asking.get_mut(&op) else {
            return; // Long answered, or forgotten.
        };
        if asking.heard().contains(from) {
            return; // Asked twice.
        }
        asking.states.push((from, versions));
        let enough = asking.states.len() as u32 >= ctx.config().r();
        let goes_on = if asking.answered {
            asking.heard() == asking.asked
        } else {
            enough || !ctx.step(Step::WaitForReadQuorum)
        };
        if goes_on && let Some(asking) = self.asking.remove(&op) {
            self.conclude(op, asking, ctx);
        }
    }

    /// Enough have answered, or all.
    fn conclude(&mut self, op: OpId, mut asking: Asking, ctx: &mut Ctx<'_>) {
        let newest = asking.newest(ctx.config().order().siblings());
        if let Some(value) = asking.write {
            return self.write_tagged(op, asking.key, value, newest.newest().time + 1, ctx);
        }
        let repair = ctx.config().read_repair();
        if repair == ReadRepair::On {
            return self.write_back(op, asking, newest, ctx);
        }
        if !asking.answered {
            self.tell(op, asking.key, Answer::Value(newest.value()), &newest.seen(), ctx);
        }
        asking.answered = true;
        if repair == ReadRepair::Asynchronous && asking.heard() != asking.asked {
            self.asking.insert(op, asking);
        } else {
            cancel_timers(op, ctx);
            repair_stale(op, &asking, &newest, ctx);
        }
    }

    /// Answers the client, and remembers what it has seen.
    fn tell(&mut self, op: OpId, key: u32, answer: Answer, seen: &Seen, ctx: &mut Ctx<'_>) {
        if ctx.config().order() == Order::VersionVectors {
            self.seen.entry_or_default((ctx.asked_by(op), key)).join(seen);
        }
        ctx.reply(op, answer);
    }
}

/// Repair by reads: what was found to be the newest goes to those without it.
impl Quorum {
    /// Before the answer: no later read must find less than this one.
    fn write_back(&mut self, op: OpId, asking: Asking, newest: Versions, ctx: &mut Ctx<'_>) {
        let (key, answer) = (asking.key, Answer::Value(newest.value()));
        let holders = asking.holders(&newest);
        let held = newest.is_empty() || holders.len() >= ctx.config().w();
        if held || !ctx.step(Step::WriteBack) {
            cancel_timers(op, ctx);
            self.tell(op, key, answer, &newest.seen(), ctx);
            return repair_stale(op, &asking, &newest, ctx);
        }
        let context = newest.seen();
        let storing = storing(key, newest, None, answer, ctx);
        self.store(op, Storing { holders, context, ..storing }, ctx);
    }
}

/// After the answer: nobody waits for it.
fn repair_stale(op: OpId, asking: &Asking, newest: &Versions, ctx: &mut Ctx<'_>) {
    let stale = asking.heard().minus(asking.holders(newest));
    let wanted = ctx.config().read_repair() != ReadRepair::Off && !stale.is_empty();
    if wanted && ctx.step(Step::ReadRepair) {
        let copy = Copy { op, key: asking.key, versions: newest.clone(), home: None };
        ctx.broadcast(stale, &Message::Store(copy));
    }
}

impl Asking {
    fn heard(&self) -> NodeSet {
        self.states.iter().map(|(node, _)| *node).collect()
    }

    /// The newest of what was heard, with all siblings.
    fn newest(&self, siblings: Siblings) -> Versions {
        let mut newest = Versions::default();
        self.states.iter().for_each(|(_, versions)| newest.merge(versions, siblings));
        newest
    }

    /// Who answered that it holds just this.
    fn holders(&self, newest: &Versions) -> NodeSet {
        let current = self.states.iter().filter(|(_, versions)| versions == newest);
        current.map(|(node, _)| *node).collect()
    }
}

/// Storing: W replicas shall hold it.
impl Quorum {
    fn store(&mut self, op: OpId, storing: Storing, ctx: &mut Ctx<'_>) {
        let copy = storing.copy(op, None);
        let missing = storing.asked.minus(storing.holders);
        self.storing.insert(op, storing);
        set_timers(op, ctx);
        ctx.broadcast(missing, &Message::Store(copy));
        self.settle(op, ctx);
    }

    fn on_store(&mut self, from: NodeId, copy: Copy, ctx: &mut Ctx<'_>) {
        let Copy { op, key, versions, home } = copy;
        match home {
            None => self.keep(key, &versions, ctx),
            Some(home) => self.keep_for(home, key, versions, ctx),
        }
        ctx.send(from, Message::Stored(op, home));
    }

    /// A replica takes in what somebody else holds.
    fn keep(&mut self, key: u32, versions: &Versions, ctx: &mut Ctx<'_>) {
        let mut kept = self.kept.get(&key).cloned().unwrap_or_default();
        if ctx.step(Step::KeepNewest) {
            kept.merge(versions, siblings(ctx));
        } else {
            kept = versions.clone();
        }
        if self.kept.get(&key) != Some(&kept) {
            self.apply(ctx.force(Step::ForceReplica, Record::Kept(key, kept)));
        }
    }

    fn on_stored(&mut self, from: NodeId, op: OpId, home: Option<NodeId>, ctx: &mut Ctx<'_>) {
        let Some(storing) = self.storing.get_mut(&op) else { return };
        match home {
            None => storing.holders.insert(from),
            Some(_) => storing.keepers.insert(from),
        }
        self.settle(op, ctx);
    }

    /// Answers when enough hold it, and forgets when all do.
    fn settle(&mut self, op: OpId, ctx: &mut Ctx<'_>) {
        let Some(storing) = self.storing.get_mut(&op) else { return };
        let key = storing.key;
        let all = storing.asked.minus(storing.holders).is_empty();
        if storing.answer.is_some() && storing.has_quorum(ctx) {
            let (answer, context) = (storing.answer.take(), std::mem::take(&mut storing.context));
            let answer = answer.expect("it was there a moment ago");
            self.tell(op, key, answer, &context, ctx);
        }
        if all {
            self.storing.remove(&op);
            cancel_timers(op, ctx);
        }
    }
}

impl Storing {
    fn copy(&self, op: OpId, home: Option<NodeId>) -> Copy {
        Copy { op, key: self.key, versions: self.versions.clone(), home }
    }

    fn has_quorum(&self, ctx: &mut Ctx<'_>) -> bool {
        let sloppy = ctx.config().quorum == Intersection::Sloppy;
        let mut count = self.holders.len();
        if !self.keepers.is_empty() && (sloppy || !ctx.step(Step::CountHomesOnly)) {
            count += self.keepers.len();
        }
        count >= ctx.config().w() || !ctx.step(Step::WaitForWriteQuorum)
    }
}

fn storing(
    key: u32,
    versions: Versions,
    write: Option<i64>,
    answer: Answer,
    ctx: &mut Ctx<'_>,
) -> Storing {
    let (holders, keepers, stand_ins) = (NodeSet::EMPTY, NodeSet::EMPTY, Vec::new());
    let (answer, context) = (Some(answer), Seen::default());
    let asked = whom(key, ctx.config().w(), ctx);
    Storing { key, versions, write, asked, holders, keepers, stand_ins, answer, context }
}

/// Whom a coordinator asks about a key: all homes, or as many as it needs.
fn whom(key: u32, needed: u32, ctx: &mut Ctx<'_>) -> NodeSet {
    let mut homes = ctx.config().homes(key);
    if ctx.config().ask == Ask::All {
        return homes;
    }
    while homes.len() > needed {
        let spared = ctx.choose("spared", Topic(u64::from(key)), u64::from(homes.len()));
        let node = homes.iter().nth(spared as usize);
        homes.remove(node.expect("it is one of them"));
    }
    homes
}

/// Patience: who does not answer is asked again, then represented, then given up.
impl Quorum {
    fn resend(&mut self, op: OpId, ctx: &mut Ctx<'_>) {
        if let Some(asking) = self.asking.get(&op) {
            let missing = asking.asked.minus(asking.heard());
            ctx.broadcast(missing, &Message::Query(op, asking.key));
        }
        let Some(storing) = self.storing.get(&op) else { return set_resend(op, ctx) };
        if let Some(value) = storing.write
            && !ctx.step(Step::KeepTag)
        {
            let key = storing.key;
            self.storing.remove(&op);
            return self.write(op, key, value, ctx);
        }
        let missing = storing.asked.minus(storing.holders);
        ctx.broadcast(missing, &Message::Store(storing.copy(op, None)));
        for &(stand_in, home) in &storing.stand_ins {
            if !storing.keepers.contains(stand_in) {
                ctx.send(stand_in, Message::Store(storing.copy(op, Some(home))));
            }
        }
        set_resend(op, ctx);
    }

    /// The next healthy replicas on the ring take the place of those that do not answer.
    fn suspect(&mut self, op: OpId, ctx: &mut Ctx<'_>) {
        let config = ctx.config();
        if let Some(storing) = self.storing.get_mut(&op) {
            let silent = storing.asked.minus(storing.holders);
            for (home, stand_in) in silent.iter().zip(config.stand_ins(storing.key)) {
                storing.stand_ins.push((stand_in, home));
                ctx.send(stand_in, Message::Store(storing.copy(op, Some(home))));
            }
        }
        if let Some(asking) = self.asking.get_mut(&op)
            && config.quorum == Intersection::Sloppy
        {
            let silent = asking.asked.minus(asking.heard());
            let instead = config.stand_ins(asking.key).take(silent.len() as usize);
            let instead: NodeSet = instead.collect();
            asking.asked = asking.asked.union(instead);
            ctx.broadcast(instead, &Message::Query(op, asking.key));
        }
    }

    fn give_up(&mut self, op: OpId, ctx: &mut Ctx<'_>) {
        self.storing.remove(&op);
        if let Some(asking) = self.asking.remove(&op)
            && asking.answered
        {
            let newest = asking.newest(ctx.config().order().siblings());
            repair_stale(op, &asking, &newest, ctx);
        }
        cancel_timers(op, ctx);
    }
}

fn set_timers(op: OpId, ctx: &mut Ctx<'_>) {
    let config = ctx.config();
    set_resend(op, ctx);
    if config.handoff != Handoff::Off {
        ctx.set_timer(config.suspect_after, Timer::Suspect(op));
    }
    ctx.set_timer(config.deadline, Timer::Deadline(op));
}

fn set_resend(op: OpId, ctx: &mut Ctx<'_>) {
    if let Interval::Every(pause) = ctx.config().resend {
        ctx.set_timer(pause, Timer::Resend(op));
    }
}

fn cancel_timers(op: OpId, ctx: &mut Ctx<'_>) {
    for timer in [Timer::Resend(op), Timer::Suspect(op), Timer::Deadline(op)] {
        ctx.cancel_timer(timer);
    }
}

/// Hinted handoff: a stand-in keeps what a home missed, and hands it over.
impl Quorum {
    fn keep_for(&mut self, home: NodeId, key: u32, versions: Versions, ctx: &mut Ctx<'_>) {
        let mut hint = self.hints.get(&(home, key)).cloned().unwrap_or_default();
        hint.merge(&versions, Siblings::Dropped);
        if self.hints.is_empty() {
            set_hand_over(ctx);
        }
        if self.hints.get(&(home, key)) != Some(&hint) {
            self.apply(ctx.force(Step::ForceHint, Record::Hinted(home, key, hint)));
        }
    }

    fn hand_over(&mut self, ctx: &mut Ctx<'_>) {
        if self.hints.is_empty() || !ctx.step(Step::HandOver) {
            return;
        }
        for (&(home, key), hint) in &self.hints.clone() {
            ctx.send(home, Message::Hint(key, hint.clone()));
            if !ctx.step(Step::AwaitTaken) {
                self.apply(ctx.write(Record::HandedOver(home, key)));
            }
        }
        set_hand_over(ctx);
    }

    fn on_hint(&mut self, from: NodeId, key: u32, versions: Versions, ctx: &mut Ctx<'_>) {
        self.keep(key, &versions, ctx);
        ctx.send(from, Message::Taken(key, versions));
    }

    /// A newer hint may have come meanwhile: then the home has not taken all of it.
    fn on_taken(&mut self, home: NodeId, key: u32, versions: &Versions, ctx: &mut Ctx<'_>) {
        if self.hints.get(&(home, key)) == Some(versions) {
            self.apply(ctx.write(Record::HandedOver(home, key)));
        }
    }
}

fn set_hand_over(ctx: &mut Ctx<'_>) {
    if let Handoff::Every(pause) = ctx.config().handoff {
        ctx.set_timer(pause, Timer::HandOver);
    }
}

/// Anti-entropy: two replicas compare what both should hold, and swap what differs.
impl Quorum {
    fn compare(&mut self, ctx: &mut Ctx<'_>) {
        set_compare(ctx);
        if !ctx.step(Step::Compare) {
            return;
        }
        let (me, replicas) = (ctx.me().0, ctx.config().replicas());
        let others = u64::from(replicas - 1).min(16);
        if others > 0 {
            let ahead = 1 + ctx.choose("peer", Topic::NONE, others) as u16;
            let peer = NodeId((me + ahead) % replicas);
            let shared =
                self.kept.iter().filter(|(key, _)| ctx.config().homes(**key).contains(peer));
            let tags = shared.map(|(key, versions)| (*key, versions.tags())).collect();
            ctx.send(peer, Message::Tags(tags));
        }
    }

    fn on_tags(&mut self, from: NodeId, theirs: &[(u32, Vec<Tag>)], ctx: &mut Ctx<'_>) {
        let both = NodeSet::of(from).with(ctx.me());
        let shared = |key: u32| ctx.config().homes(key).contains_all(both);
        let mine = self.kept.keys().copied();
        let mut keys: Vec<u32> = mine.chain(theirs.iter().map(|(key, _)| *key)).collect();
        keys.retain(|key| shared(*key));
        keys.sort_unstable();
        keys.dedup();
        let differing = keys.into_iter().filter_map(|key| {
            let versions = self.kept.get(&key).cloned().unwrap_or_default();
            let theirs = theirs.iter().find(|(of, _)| *of == key);
            let same = theirs.is_some_and(|(_, tags)| *tags == versions.tags());
            (!same).then_some((key, versions))
        });
        let rows: Vec<_> = differing.collect();
        if !rows.is_empty() {
            ctx.send(from, Message::Rows(rows));
        }
    }

    fn on_rows(&mut self, from: NodeId, rows: Vec<(u32, Versions)>, ctx: &mut Ctx<'_>) {
        let mut back = Vec::new();
        for (key, theirs) in rows {
            if !theirs.is_empty() {
                self.keep(key, &theirs, ctx);
            }
            let mine = self.kept.get(&key).cloned().unwrap_or_default();
            if mine != theirs {
                back.push((key, mine));
            }
        }
        if !back.is_empty() {
            ctx.send(from, Message::Rows(back));
        }
    }
}

fn set_compare(ctx: &mut Ctx<'_>) {
    if let Interval::Every(pause) = ctx.config().anti_entropy {
        ctx.set_timer(Delay::Between(pause / 2, pause), Timer::Compare);
    }
}

#[cfg(test)]
mod tests;
