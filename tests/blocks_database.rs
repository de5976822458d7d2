//! The local database inside a small host, through crashes at every effect, and under replay.
//!
//! ```text
//!   client ─ Transfer ─▶ bank ── lock, think, lock, think, commit ──▶ Accounts · Orders · Outbox
//!                          │◀─ Fetch(after) ──┤ replica
//!                          ├── Changes ──────▶│   its database applies the very same commits
//!                          └── Snapshot ─────▶│   when it comes too late
//! ```
//!
//! Transfers hold their locks over several handlers and take them in the order in which the client
//! names them, so they wait, and deadlock. Every commit writes three tables; the stream of changes
//! is judged by a replica whose database accepts nothing but the next commit. What must hold is
//! read off the final states and the history, by code that knows nothing of the block's inside.

use serde::{Deserialize, Serialize};
use splitbrain::{
    base::{
        digest::digest,
        ids::{NodeId, OpId, Seed, Topic, TxnId},
        quantity::Probability,
        sampler::{Law, Sampler},
        time::{Duration, Time},
    },
    blocks::database::{
        self, Asked, Commit, Database, Draft, Mode, OutOfReach, Refused, Retention, Version,
    },
    embed,
    engine::{
        bench::Bench,
        clients::{Again, Draw, Request, Target, Workload},
        ctx::{self, Delay},
        facts::Facts,
        faults::{CutAt, DiskFate, Rule, Span, Victim, What, When},
        operations::{Answer, Ending, Operation},
        protocol::{Logged, Placement, Protocol, Step as _},
        runner::{Simulation, With},
        setup::Setup,
        trace::Recording,
        world::World,
    },
    steps, tables,
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

const BANK: NodeId = NodeId(0);
const REPLICA: NodeId = NodeId(1);
const ACCOUNTS: u32 = 4;
const INITIAL: i64 = 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Order {
    from: u32,
    to: u32,
    amount: i64,
}

tables! {
    /// What the bank stores.
    enum Row by Name {
        /// Balances by account.
        Accounts(i64),
        /// Transfers by operation.
        Orders(Order),
        /// Operations to be published, by number.
        Outbox(u64),
    }
}

steps! {
    enum Step {
        /// A commit is on disk before anyone hears of it.
        ForceCommit => "durability",
        /// The youngest of a cycle is aborted.
        BreakDeadlocks => "progress",
        /// The replica asks for what follows what is on its disk.
        ForceCopy => "durability",
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
enum Forces {
    #[default]
    Alone,
    Grouped,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
struct Config {
    forces: Forces,
    retention: Retention,
    /// A checkpoint after so many commits; 0 for never.
    checkpoint_every: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Message {
    Fetch(Version),
    Changes(Vec<Commit<Row>>),
    Snapshot(database::Record<Row>),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Record {
    Database(database::Record<Row>),
}

embed!(database::Record<Row> as Record::Database);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Timer {
    Think(TxnId),
    Poll,
}

/// A transfer that is under way.
#[derive(Clone, Debug, Serialize)]
struct Work {
    order: Order,
    locked: usize,
    draft: Draft<Row>,
}

#[derive(Clone, Debug, Serialize)]
struct Host {
    // Replayed from the log.
    database: Database<Row>,
    // Lost in a crash.
    open: BTreeMap<TxnId, Work>,
    /// Who waits for which account, in the order of the requests.
    asked: BTreeMap<u32, VecDeque<TxnId>>,
    late: u32,
}

type Ctx<'a> = ctx::Ctx<'a, Host>;

impl Protocol for Host {
    const NAME: &'static str = "Host";
    const SUMMARY: &'static str = "a bank and its replica";
    type Config = Config;
    type Message = Message;
    type Record = Record;
    type Timer = Timer;
    type Step = Step;

    fn topology(_: &Config) -> Vec<Placement> {
        let bank = Placement::new("bank", "bank").serving_clients();
        vec![bank, Placement::new("replica", "replica")]
    }

    fn new(config: &Config, _: NodeId) -> Self {
        let database = Database::new(config.retention);
        Self { database, open: BTreeMap::new(), asked: BTreeMap::new(), late: 0 }
    }

    fn on_boot(&mut self, ctx: &mut Ctx<'_>) {
        if ctx.me() == REPLICA {
            self.poll(ctx);
        }
    }

    fn on_request(&mut self, op: OpId, operation: Operation, ctx: &mut Ctx<'_>) {
        let Operation::Transfer { from, to, amount } = operation else { unreachable!() };
        let order = Order { from, to, amount };
        self.open.insert(op.into(), Work { order, locked: 0, draft: Draft::default() });
        self.ask(op.into(), ctx);
    }

    fn on_message(&mut self, from: NodeId, message: Message, ctx: &mut Ctx<'_>) {
        match message {
            Message::Fetch(after) => self.on_fetch(from, after, ctx),
            Message::Changes(commits) => self.on_changes(commits, ctx),
            Message::Snapshot(record) => self.on_snapshot(record, ctx),
        }
    }

    fn on_timer(&mut self, timer: Timer, ctx: &mut Ctx<'_>) {
        match timer {
            Timer::Think(txn) => self.go_on(txn, ctx),
            Timer::Poll => self.poll(ctx),
        }
    }

    fn apply(&mut self, record: Logged<Record>) {
        self.database.apply(record.narrow().expect("there are no other records"));
    }

    fn facts(_: &Record, _: &mut Facts) {}

    fn topic(message: &Message) -> Topic {
        match message {
            Message::Fetch(after) => Topic(after.0),
            Message::Changes(_) | Message::Snapshot(_) => Topic::NONE,
        }
    }

    fn waiting(&self) -> Option<String> {
        (!self.open.is_empty()).then(|| format!("{:?}", self.open.keys()))
    }
}

/// The bank.
impl Host {
    fn ask(&mut self, txn: TxnId, ctx: &mut Ctx<'_>) {
        let account = self.open[&txn].account();
        match self.database.lock(txn, Accounts, account, Mode::Exclusive) {
            Asked::Granted => Self::think(txn, ctx),
            Asked::Waits => {
                self.asked.entry(account).or_default().push_back(txn);
                while let Some(victim) = self.database.locks().deadlock(txn) {
                    if !ctx.step(Step::BreakDeadlocks) {
                        break;
                    }
                    self.end(victim, Answer::NotDone, ctx);
                }
            }
        }
    }

    fn think(txn: TxnId, ctx: &mut Ctx<'_>) {
        let (least, most) = (Duration::from_millis(1), Duration::from_millis(4));
        ctx.set_timer(Delay::Between(least, most), Timer::Think(txn));
    }

    /// It holds the account that it asked for last.
    fn go_on(&mut self, txn: TxnId, ctx: &mut Ctx<'_>) {
        let Some(work) = self.open.get_mut(&txn) else { return };
        let (order, account) = (work.order, work.account());
        work.locked += 1;
        let pays = work.locked == 1;
        assert_eq!(
            self.database.locks().held(txn, row(account)),
            Some(Mode::Exclusive),
            "nobody goes on without its lock"
        );
        let mut this = self.database.resume(std::mem::take(&mut work.draft));
        let amount = if pays { -order.amount } else { order.amount };
        let balance = this.get(Accounts, account).copied().unwrap_or(INITIAL) + amount;
        this.put(Accounts, account, balance);
        work.draft = this.set_aside();
        match pays {
            _ if balance < 0 => self.end(txn, Answer::NotDone, ctx),
            true => self.ask(txn, ctx),
            false => self.commit(txn, ctx),
        }
    }

    fn commit(&mut self, txn: TxnId, ctx: &mut Ctx<'_>) {
        let work = self.open.get_mut(&txn).expect("it goes on");
        let (order, draft) = (work.order, std::mem::take(&mut work.draft));
        let mut this = self.database.resume(draft);
        this.insert(Orders, txn, order).expect("an operation is asked for once");
        let number = this.take_number(Outbox);
        this.put(Outbox, number, u64::from(txn.0));
        let validated = this.validate_writes().and_then(|()| this.validate_reads());
        assert_eq!(validated, Ok::<(), Refused<Name>>(()), "locks kept others out");
        let record = this.commit();
        let logged = match ctx.config().forces {
            Forces::Alone => ctx.force(Step::ForceCommit, record),
            Forces::Grouped => ctx.force_grouped(Step::ForceCommit, record),
        };
        self.database.apply(logged);
        self.end(txn, Answer::Done, ctx);
        let every = ctx.config().checkpoint_every;
        if every > 0 && self.database.version().0.is_multiple_of(every) {
            let record = self.database.checkpoint();
            self.database.apply(ctx.checkpoint(record));
        }
    }

    /// Answers, and lets those go on that waited for its locks: in the order in which they asked.
    fn end(&mut self, txn: TxnId, answer: Answer, ctx: &mut Ctx<'_>) {
        self.open.remove(&txn);
        self.asked.values_mut().for_each(|queue| queue.retain(|&waiting| waiting != txn));
        ctx.cancel_timer(Timer::Think(txn));
        ctx.reply(txn.into(), answer);
        for next in self.database.release(txn) {
            let queue = self.asked.get_mut(&self.open[&next].account());
            let first = queue.and_then(VecDeque::pop_front);
            assert_eq!(first, Some(next), "locks are granted first come, first served");
            Self::think(next, ctx);
        }
    }

    fn on_fetch(&mut self, from: NodeId, after: Version, ctx: &mut Ctx<'_>) {
        let (kept_after, last) = (self.database.changes_kept_after(), self.database.version());
        if ctx.config().retention == Retention::UntilTruncated
            && kept_after < after
            && after <= last
        {
            let record = self.database.truncate_changes(after);
            self.database.apply(ctx.write(record));
        }
        match self.database.changes_after(after) {
            Ok(commits) => {
                let commits: Vec<_> = commits.take(4).cloned().collect();
                if !commits.is_empty() {
                    ctx.send(from, Message::Changes(commits));
                }
            }
            Err(OutOfReach::TooLate { .. }) => {
                self.late += 1;
                ctx.send(from, Message::Snapshot(self.database.checkpoint()));
            }
            Err(OutOfReach::Ahead { .. }) => {} // The bank has lost what it had shown.
        }
    }
}

impl Work {
    /// The account that it holds or asks for.
    fn account(&self) -> u32 {
        if self.locked == 0 { self.order.from } else { self.order.to }
    }
}

fn row(account: u32) -> database::RowId<Name> {
    database::RowId { table: Name::Accounts, key: account.into() }
}

/// The replica.
impl Host {
    fn poll(&mut self, ctx: &mut Ctx<'_>) {
        ctx.send(BANK, Message::Fetch(self.database.version()));
        ctx.set_timer(Duration::from_millis(20), Timer::Poll);
    }

    fn on_changes(&mut self, commits: Vec<Commit<Row>>, ctx: &mut Ctx<'_>) {
        for commit in commits {
            if commit.version > self.database.version() {
                let record = database::Record::Committed(commit);
                self.database.apply(ctx.force(Step::ForceCopy, record));
            }
        }
    }

    fn on_snapshot(&mut self, record: database::Record<Row>, ctx: &mut Ctx<'_>) {
        let database::Record::Checkpoint(snapshot) = &record else { return };
        if snapshot.version() > self.database.version() {
            self.database.apply(ctx.checkpoint(record));
        }
    }
}

#[derive(Debug)]
struct Transfers;

impl Workload for Transfers {
    fn clients(&self) -> u16 {
        4
    }

    fn first(&self, draw: &mut Draw<'_>) -> Duration {
        Duration::from_micros(draw.below("first", 10_000))
    }

    fn next(&self, draw: &mut Draw<'_>) -> Request {
        let from = draw.below("from", u64::from(ACCOUNTS)) as u32;
        let to = (from + 1 + draw.below("to", u64::from(ACCOUNTS) - 1) as u32) % ACCOUNTS;
        let amount = 1 + draw.below("amount", 8) as i64;
        let operation = Operation::Transfer { from, to, amount };
        Request { operation, target: Target::Any, again: Again::After(Duration::from_millis(12)) }
    }
}

fn sampler(law: Law) -> Sampler {
    law.compile().expect("a test knows that it is there")
}

fn calm() -> Setup {
    let (until, end) = (Time::from_millis(300), Time::from_secs(4));
    let heal_at = Some(Time::from_secs(1));
    let (least, most) = (Duration::from_micros(500), Duration::from_millis(10));
    let mut setup = Setup { until, heal_at, end, ..Setup::calm(Arc::new(Transfers)) };
    setup.patience = Duration::from_secs(2);
    setup.link.latency = sampler(Law::Uniform(least, most));
    setup
}

/// A crash at each effect of each handler, now and then; links that lose and repeat.
fn crashing() -> Setup {
    let mut setup = calm();
    let one_in_ten = Probability::from_ratio(1, 10);
    (setup.link.loss, setup.link.duplication) = (one_in_ten, one_in_ten);
    let what = What::Crash {
        node: Victim::Actor,
        down: Span::For(sampler(Law::Fixed(Duration::from_millis(30)))),
        cut: CutAt::Anywhere,
        disk: DiskFate::Keep,
        keeps: splitbrain::engine::faults::Keeps::default(),
    };
    let when = When::EachEffect { chance: Probability::from_ratio(1, 60), nodes: vec![] };
    setup.rules.push(Rule { id: "crash".to_owned(), when, what });
    setup
}

fn variants() -> Vec<Config> {
    let all = |forces| {
        [(Retention::UntilTruncated, 0), (Retention::UntilTruncated, 5), (Retention::Last(3), 5)]
            .map(|(retention, checkpoint_every)| Config { forces, retention, checkpoint_every })
    };
    [all(Forces::Alone), all(Forces::Grouped)].concat()
}

fn world(config: Config, setup: Setup) -> World<Host> {
    With::new(config).world(Arc::new(setup))
}

fn run(world: &mut World<Host>, seed: u64) {
    world.reset(Seed(seed), Recording::HashOnly);
    world.run(&mut ());
}

/// What is wrong at the end of a run.
fn broken(world: &World<Host>) -> Option<String> {
    let (bank, replica) = (&world.state(BANK).database, &world.state(REPLICA).database);
    for entry in world.history() {
        let order = bank.get(Orders, entry.op);
        match entry.ending {
            Some((_, Ending::Ok(_))) if order.is_none() => {
                return Some(format!("{} was acknowledged and is lost", entry.op));
            }
            Some((_, Ending::NotDone)) if order.is_some() => {
                return Some(format!("{} was refused and is there", entry.op));
            }
            _ => {}
        }
    }
    let mut balances = BTreeMap::new();
    let mut published = Vec::new();
    for (number, &op) in bank.scan(Outbox) {
        let Some(&Order { from, to, amount }) = bank.get(Orders, op) else {
            return Some(format!("{number} publishes an order that is not there"));
        };
        *balances.entry(from).or_insert(INITIAL) -= amount;
        *balances.entry(to).or_insert(INITIAL) += amount;
        published.push(bank.row_version(Orders, op));
    }
    let stored: BTreeMap<_, _> =
        bank.scan(Accounts).map(|(key, &row)| (key.0 as u32, row)).collect();
    if balances != stored || stored.values().any(|&balance| balance < 0) {
        return Some(format!("orders say {balances:?}, accounts {stored:?}"));
    }
    let every: Vec<_> = (1..=bank.version().0).map(Version).collect();
    if published != every || bank.scan(Orders).count() != every.len() {
        return Some(format!("numbers {published:?}, commits up to {}", bank.version()));
    }
    let rows = |database: &Database<Row>| {
        let accounts: Vec<_> = database.scan(Accounts).map(|(key, &row)| (key, row)).collect();
        let orders: Vec<_> = database.scan(Orders).map(|(key, &row)| (key, row)).collect();
        let versions: Vec<_> =
            accounts.iter().map(|&(key, _)| database.row_version(Accounts, key)).collect();
        (database.version(), accounts, orders, versions)
    };
    if rows(bank) != rows(replica) {
        return Some(format!("bank {:?}, replica {:?}", rows(bank), rows(replica)));
    }
    let waiting = world.waiting();
    (!waiting.is_empty()).then(|| format!("{waiting:?}"))
}

#[test]
fn nothing_is_lost_torn_or_forgotten_when_nothing_goes_wrong() {
    for config in variants() {
        let mut world = world(config, calm());
        for seed in 0..5 {
            run(&mut world, seed);
            assert_eq!(broken(&world), None, "{config:?} seed {seed}");
            let unanswered = |ending| matches!(ending, None | Some((_, Ending::Unknown)));
            let asked = world.history();
            assert!(!asked.iter().any(|entry| unanswered(entry.ending)), "{config:?} seed {seed}");
        }
    }
}

#[test]
fn nothing_is_lost_torn_or_forgotten_through_crashes() {
    for config in variants() {
        let mut world = world(config, crashing());
        let (mut crashes, mut commits, mut deadlocks) = (0, 0, 0);
        for seed in 0..200 {
            run(&mut world, seed);
            assert_eq!(broken(&world), None, "{config:?} seed {seed}");
            crashes += world.counters().nodes.crashes;
            commits += world.state(BANK).database.version().0;
            deadlocks += world.counters().steps[Step::BreakDeadlocks.index()];
        }
        println!("{config:?}: {crashes} crashes, {commits} commits, {deadlocks} deadlocks");
        assert!(crashes > 1000 && commits > 2000 && deadlocks > 200, "too little happened");
    }
}

#[test]
fn a_reader_that_comes_too_late_starts_from_a_snapshot() {
    let config = Config { retention: Retention::Last(1), ..Config::default() };
    let mut world = world(config, calm());
    run(&mut world, 1);
    assert_eq!(broken(&world), None);
    assert!(world.state(BANK).late > 0, "it was never too late");
}

#[test]
fn without_the_force_of_a_commit_an_acknowledged_one_is_lost() {
    let mut setup = crashing();
    setup.ablated = 1 << Step::ForceCommit.index();
    setup.rules.iter_mut().for_each(|rule| {
        let chance = Probability::from_ratio(1, 60);
        rule.when = When::EachEffect { chance, nodes: vec![BANK] };
    });
    let config = Config { retention: Retention::Last(100), ..Config::default() };
    let mut world = world(config, setup);
    let lost = (0..50).filter(|&seed| {
        run(&mut world, seed);
        broken(&world).is_some_and(|what| what.contains("was acknowledged and is lost"))
    });
    let lost = lost.count();
    println!("{lost} of 50 seeds lose an acknowledged commit");
    assert!(lost > 25, "only {lost} of 50 seeds");
}

#[test]
fn without_breaking_deadlocks_transfers_wait_for_ever() {
    let mut setup = calm();
    setup.ablated = 1 << Step::BreakDeadlocks.index();
    let mut world = world(Config::default(), setup);
    let stuck = (0..20).filter(|&seed| {
        run(&mut world, seed);
        !world.waiting().is_empty()
    });
    assert!(stuck.count() > 10);
}

#[test]
fn a_seed_always_runs_alike() {
    for config in variants() {
        let (mut first, mut second) = (world(config, crashing()), world(config, crashing()));
        run(&mut second, 1); // What ran before does not matter.
        for seed in 0..10 {
            run(&mut first, seed);
            run(&mut second, seed);
            assert_eq!(first.trace().hash(), second.trace().hash());
            assert_eq!(first.digest(), second.digest());
        }
    }
}

// Long logs.

/// The records of a long life.
fn long_log(commits: u64) -> Vec<Record> {
    let mut database: Database<Row> = Database::new(Retention::Last(1000));
    let commit = |nth: u64| {
        let order = Order { from: nth as u32 % 1000, to: (nth as u32 + 1) % 1000, amount: 1 };
        let mut txn = database.begin();
        txn.put(Accounts, order.from, nth as i64);
        txn.put(Orders, nth, order);
        txn.put(Outbox, nth, nth);
        let database::Record::Committed(Commit { changes, .. }) = txn.commit() else {
            unreachable!("a commit is one")
        };
        Record::Database(database::Record::Committed(Commit { version: Version(nth), changes }))
    };
    (1..=commits).map(commit).collect()
}

fn replay(log: &[Record]) -> Bench<Host> {
    let mut bench = Bench::new(Config { retention: Retention::Last(1000), ..Config::default() });
    bench.apply("bank", log.iter().cloned());
    bench
}

#[test]
fn a_checkpoint_replays_to_what_a_long_log_replays_to() {
    let log = long_log(5_000);
    let whole = replay(&log);
    let checkpoint = Record::Database(whole.state("bank").database.checkpoint());
    let short = replay(&[checkpoint]);
    let of = |bench: &Bench<Host>| digest(&bench.state("bank").database).fold.end();
    assert_eq!(of(&whole), of(&short));
    assert_eq!(whole.state("bank").database.version(), Version(5_000));
}

#[test]
#[ignore = "a measurement, for a release build"]
#[expect(clippy::disallowed_types, reason = "this is about wall time")]
fn how_long_the_replay_of_a_long_log_takes() {
    let log = long_log(100_000);
    let begin = std::time::Instant::now();
    let bench = replay(&log);
    let took = begin.elapsed();
    println!("{} commits of 3 rows in {took:?}", bench.state("bank").database.version());
}
