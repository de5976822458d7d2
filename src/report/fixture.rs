//! A small commit protocol and three runs of it: something real for the tests of reports to show.
//!
//! ```text
//!   client ──transfer──▶ c ──Prepare──▶ p1 p2 p3 ──Yes──▶ c ──Decide──▶ p1 p2 p3
//!                                        p ──Ask──▶ c        while in doubt, again and again
//! ```
//!
//! It has what pictures need (forces, timers, doubt, locks, retries) and nothing else. Runs built
//! by hand, entry by entry, were rejected: they would show what no engine ever records.

use crate::{
    base::{
        ids::{EventId, NodeId, NodeSet, OpId, Seed, TxnId},
        quantity::Probability,
        sampler::{Law, Sampler},
        time::{Duration, Time},
    },
    checkers::{Citation, Judgement, Verdict, Witness},
    engine::{
        clients::{Again, Draw, Request, Target, Workload},
        ctx::Ctx,
        facts::{Decision, Fact, Facts, Vote},
        faults::{CutAt, DiskFate, Keeps, Rule, Span, Victim, What, When},
        network::{Direction, Held, Link, Order},
        operations::{Answer, Operation},
        protocol::{Logged, Placement, Protocol},
        runner::{Configured, With},
        setup::Setup,
        signal::{Signal, What as Said},
        trace::Recording,
        world::Judge,
    },
    scenario::run::{RuleReport, Run},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Message {
    Prepare(TxnId),
    Yes(TxnId),
    Decide(TxnId, Decision),
    Ask(TxnId),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Record {
    Prepared(TxnId),
    Decided(TxnId, Decision),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Timer {
    Ask(TxnId),
}

crate::steps! {
    /// The steps of the fixture.
    pub(crate) enum Step {
        /// The vote is on disk before it leaves.
        ForcePromise => "durability",
        /// The decision is on disk before it leaves.
        ForceDecision => "atomicity",
    }
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Config {
    pub(crate) names: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self { names: ["c", "p1", "p2", "p3"].map(str::to_owned).to_vec() }
    }
}

/// The first node decides, the others vote.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Votes {
    nodes: u16,
    decided: BTreeMap<TxnId, Decision>,
    in_doubt: Vec<TxnId>,
    yes: BTreeMap<TxnId, NodeSet>,
}

type Hands<'a> = Ctx<'a, Votes>;
const ASK_AGAIN: Duration = Duration::from_millis(500);
const DECIDES: NodeId = NodeId(0);

impl Votes {
    fn voters(&self) -> NodeSet {
        (1..self.nodes).map(NodeId).collect()
    }

    fn ask(txn: TxnId, ctx: &mut Hands<'_>) {
        ctx.send(DECIDES, Message::Ask(txn));
        ctx.set_timer(ASK_AGAIN, Timer::Ask(txn));
    }

    fn on_prepare(&mut self, txn: TxnId, ctx: &mut Hands<'_>) {
        let promise = ctx.force(Step::ForcePromise, Record::Prepared(txn));
        self.apply(promise);
        ctx.send(DECIDES, Message::Yes(txn));
        ctx.set_timer(ASK_AGAIN, Timer::Ask(txn));
    }

    fn on_yes(&mut self, from: NodeId, txn: TxnId, ctx: &mut Hands<'_>) {
        let votes = self.yes.entry(txn).or_default();
        votes.insert(from);
        if votes.len() + 1 == u32::from(self.nodes) && !self.decided.contains_key(&txn) {
            let decision = ctx.force(Step::ForceDecision, Record::Decided(txn, Decision::Commit));
            self.apply(decision);
            ctx.broadcast(self.voters(), &Message::Decide(txn, Decision::Commit));
            ctx.reply(txn.into(), Answer::Done);
        }
    }

    fn on_ask(&mut self, from: NodeId, txn: TxnId, ctx: &mut Hands<'_>) {
        let known = self.decided.get(&txn).copied();
        let decision = known.or((!self.yes.contains_key(&txn)).then_some(Decision::Abort));
        if let Some(decision) = decision {
            ctx.send(from, Message::Decide(txn, decision));
        }
    }

    fn on_decide(&mut self, txn: TxnId, decision: Decision, ctx: &mut Hands<'_>) {
        if !self.decided.contains_key(&txn) {
            let decided = ctx.write(Record::Decided(txn, decision));
            self.apply(decided);
            ctx.cancel_timer(Timer::Ask(txn));
        }
    }
}

impl Protocol for Votes {
    const NAME: &'static str = "Votes";
    const SUMMARY: &'static str = "a commit protocol for tests";
    type Config = Config;
    type Message = Message;
    type Record = Record;
    type Timer = Timer;
    type Step = Step;

    fn topology(config: &Config) -> Vec<Placement> {
        let mut names = config.names.iter().cloned();
        let first = names.next().map(|name| Placement::new(name, "coordinator").serving_clients());
        first.into_iter().chain(names.map(|name| Placement::new(name, "participant"))).collect()
    }

    fn new(config: &Config, _: NodeId) -> Self {
        let nodes = config.names.len() as u16;
        Self { nodes, decided: BTreeMap::new(), in_doubt: Vec::new(), yes: BTreeMap::new() }
    }

    fn on_boot(&mut self, ctx: &mut Hands<'_>) {
        for txn in self.in_doubt.clone() {
            Self::ask(txn, ctx);
        }
    }

    fn on_request(&mut self, op: OpId, _: Operation, ctx: &mut Hands<'_>) {
        self.yes.insert(op.into(), NodeSet::EMPTY);
        ctx.broadcast(self.voters(), &Message::Prepare(op.into()));
    }

    fn on_message(&mut self, from: NodeId, message: Message, ctx: &mut Hands<'_>) {
        match message {
            Message::Prepare(txn) => self.on_prepare(txn, ctx),
            Message::Yes(txn) => self.on_yes(from, txn, ctx),
            Message::Decide(txn, decision) => self.on_decide(txn, decision, ctx),
            Message::Ask(txn) => self.on_ask(from, txn, ctx),
        }
    }

    fn on_timer(&mut self, timer: Timer, ctx: &mut Hands<'_>) {
        let Timer::Ask(txn) = timer;
        Self::ask(txn, ctx);
    }

    fn apply(&mut self, record: Logged<Record>) {
        match record.into_inner() {
            Record::Prepared(txn) => self.in_doubt.push(txn),
            Record::Decided(txn, decision) => {
                self.in_doubt.retain(|known| *known != txn);
                self.decided.insert(txn, decision);
            }
        }
    }

    fn facts(record: &Record, facts: &mut Facts) {
        match *record {
            Record::Prepared(txn) => {
                facts.state(Fact::Voted(txn, Vote::Yes));
                facts.state(Fact::Stages { txn, key: 7, before: 0, after: 1 });
            }
            Record::Decided(txn, decision) => facts.state(Fact::Decided(txn, decision)),
        }
    }

    fn waiting(&self) -> Option<String> {
        let txn = self.in_doubt.first()?;
        Some(format!("in doubt about {txn}"))
    }
}

#[derive(Clone, Debug)]
struct Transfers {
    clients: u16,
    each: u64,
}

impl Workload for Transfers {
    fn clients(&self) -> u16 {
        self.clients
    }
    fn first(&self, draw: &mut Draw<'_>) -> Duration {
        Duration::from_millis(40 + draw.below("first", 10))
    }
    fn next(&self, draw: &mut Draw<'_>) -> Request {
        let more = draw.nth() + 1 < self.each;
        Request {
            operation: Operation::Transfer { from: 0, to: 1, amount: 5 },
            target: Target::Any,
            again: if more { Again::Thinking(Duration::from_millis(30)) } else { Again::Never },
        }
    }
}

/// Gathers what a run says.
#[derive(Default)]
struct Gathers(Vec<Signal>);

impl Judge for Gathers {
    fn on_signal(&mut self, signal: &Signal) {
        self.0.push(*signal);
    }
}

/// A run to be: names, clients, faults.
pub(crate) struct Sketch {
    names: Vec<String>,
    clients: u16,
    each: u64,
    rules: Vec<Rule>,
    lossy: bool,
}

impl Sketch {
    /// The coordinator dies with all votes in hand and is back five seconds later.
    pub(crate) fn coordinator_crash() -> Self {
        let down = Span::For(fixed("5s"));
        let node = Victim::OneOf(vec![DECIDES]);
        let what = What::Crash {
            node,
            down,
            cut: CutAt::Boundary,
            disk: DiskFate::Keep,
            keeps: Keeps::default(),
        };
        let at = Time::from_micros(59_000);
        let rules = vec![Rule { id: "crash_c".to_owned(), when: When::At(at), what }];
        Self { names: Config::default().names, clients: 1, each: 1, rules, lossy: false }
    }

    /// Two clients, twenty transfers, a lossy network, a cut, a crash.
    pub(crate) fn busy() -> Self {
        let what = What::Cut {
            groups: vec![0, 0, 1, 1],
            span: Span::For(fixed("400ms")),
            direction: Direction::Both,
            held: Held::Drop,
        };
        let cut = Rule { id: "split".to_owned(), when: When::At(Time::from_millis(110)), what };
        let node = Victim::OneOf(vec![NodeId(1)]);
        let down = Span::For(fixed("300ms"));
        let what = What::Crash {
            node,
            down,
            cut: CutAt::Boundary,
            disk: DiskFate::Keep,
            keeps: Keeps::default(),
        };
        let crash =
            Rule { id: "crash_p1".to_owned(), when: When::At(Time::from_millis(760)), what };
        let names = Config::default().names;
        Self { names, clients: 2, each: 10, rules: vec![cut, crash], lossy: true }
    }

    /// Nobody asks for anything.
    pub(crate) fn idle() -> Self {
        let names = Config::default().names;
        Self { names, clients: 0, each: 0, rules: Vec::new(), lossy: false }
    }

    /// The same with other node names.
    pub(crate) fn named(self, names: [&str; 4]) -> Self {
        Self { names: names.map(str::to_owned).to_vec(), ..self }
    }

    /// Runs it.
    pub(crate) fn run(self, seed: u64) -> Run {
        let with = With::<Votes>::new(Config { names: self.names.clone() });
        let (clients, rules) = (self.clients, self.rules.clone());
        let mut simulation = with.simulation(Arc::new(self.setup()));
        simulation.reset(Seed(seed), Recording::Full);
        let mut kept = Gathers::default();
        let end = simulation.run(&mut kept);
        let counts = simulation.rules().into_iter().zip(&rules);
        let reports = counts.map(|(counts, rule)| RuleReport {
            id: rule.id.clone(),
            class: rule.what.class(),
            random: false,
            counts,
        });
        let mut run = Run {
            title: "2PC: the coordinator dies in the window".to_owned(),
            name: "coordinator-crash".to_owned(),
            protocol: "Votes".to_owned(),
            seed: Seed(seed),
            catalog: with.catalog(),
            clients,
            end,
            hash: simulation.trace().hash(),
            judgements: Vec::new(),
            counters: simulation.counters().clone(),
            history: simulation.history().to_vec(),
            entries: simulation.entries().to_vec(),
            decisions: Vec::new(),
            signals: kept.0,
            rules: reports.collect(),
            waiting: simulation.waiting(),
        };
        run.judgements = judgements(&run);
        run
    }

    fn setup(self) -> Setup {
        let one_in_ten =
            if self.lossy { Probability::from_ratio(1, 10) } else { Probability::NEVER };
        let link = Link {
            latency: uniform("1ms", "4ms"),
            distance: Duration::ZERO,
            loss: one_in_ten,
            duplication: one_in_ten,
            corruption: Probability::NEVER,
            replay: Probability::NEVER,
            replay_after: fixed("1s"),
            order: Order::Independent,
        };
        let client_link = Link {
            loss: Probability::NEVER,
            duplication: Probability::NEVER,
            latency: fixed("1ms"),
            ..link.clone()
        };
        Setup {
            link,
            client_link,
            force: uniform("2ms", "3ms"),
            until: Time::from_secs(6),
            rules: self.rules,
            heal_at: Some(Time::from_secs(6)),
            end: Time::from_secs(7),
            ..Setup::calm(Arc::new(Transfers { clients: self.clients, each: self.each }))
        }
    }
}

/// Verdicts as checkers would give them; the violated one cites the latest Yes and its crash.
fn judgements(run: &Run) -> Vec<Judgement> {
    let voted = |signal: &&Signal| matches!(signal.what, Said::Stated(_, Fact::Voted(..)));
    let crashed = |signal: &&Signal| matches!(signal.what, Said::Crashed(_));
    let holds = |property, note: &str| Judgement {
        property,
        verdict: Verdict::Holds,
        exercised: 1,
        note: note.to_owned(),
    };
    let mut judged = vec![holds("atomicity", "1 transaction decided, all agree")];
    if let (Some(vote), Some(crash)) =
        (run.signals.iter().find(voted), run.signals.iter().find(crashed))
    {
        let cite = |signal: &Signal, node, says: &str| Citation {
            event: signal.event,
            at: signal.at,
            node: Some(NodeId(node)),
            says: says.to_owned(),
        };
        let sentence = "p1 was in doubt about t1 for 5.0s (limit 1s)".to_owned();
        let citations =
            vec![cite(vote, 1, "voted yes on t1"), cite(crash, 0, "crashed before deciding")];
        let verdict = Verdict::Violated(Witness { sentence, citations });
        let note = String::new();
        judged.push(Judgement { property: "no_blocking", verdict, exercised: 3, note });
    }
    let verdict = Verdict::NotExercised;
    judged.push(Judgement {
        property: "durability",
        verdict,
        exercised: 0,
        note: "no acknowledged transaction met a crash".to_owned(),
    });
    judged
}

/// A run with nothing recorded.
pub(crate) fn unrecorded() -> Run {
    let mut run = Sketch::idle().run(1);
    run.entries.clear();
    run.signals.clear();
    run
}

/// A run of which one event was recorded.
pub(crate) fn one_event() -> Run {
    let mut run = Sketch::coordinator_crash().run(42);
    run.entries.retain(|entry| entry.event == EventId(5));
    run.signals.clear();
    run
}

/// A run whose names and texts try to break out of whatever holds them.
pub(crate) fn hostile() -> Run {
    let names = ["<b>&\"'", "]]><script>", "\u{202e}p2\u{1b}[31m", "p3\n\t\u{0}節点節点節点"];
    let mut run = Sketch::coordinator_crash().named(names).run(42);
    run.title = "<svg onload=alert(1)> & \"more\" \u{7}".to_owned();
    for entry in &mut run.entries {
        entry.text = format!("<a href='x'>{}\u{1b}]0;\u{fffe}</a>,\"\n", entry.text);
    }
    for rule in &mut run.rules {
        rule.id = "\"><x>,\n".to_owned();
    }
    run
}

/// Compares with what was read and kept; `SPLITBRAIN_BLESS=1` keeps what is new, to be read.
#[expect(clippy::disallowed_methods, reason = "only a test asks whether to keep what it sees")]
pub(crate) fn golden(name: &str, told: &str) {
    let path = format!("{}/tests/golden/report/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var("SPLITBRAIN_BLESS").is_ok() {
        std::fs::write(&path, told).expect("a golden can be written");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == told, "{path} is not what came out:\n{told}");
}

fn fixed(span: &str) -> Sampler {
    let span = span.parse().expect("the fixture states sound spans");
    Law::Fixed(span).compile().expect("a fixed law compiles")
}

fn uniform(least: &str, most: &str) -> Sampler {
    let span = |text: &str| text.parse().expect("the fixture states sound spans");
    Law::Uniform(span(least), span(most)).compile().expect("an ordered law compiles")
}
