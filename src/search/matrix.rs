//! The single-fault matrix: a calm run, then every single fault at every event of it.
//!
//! ```text
//!               events of the calm run, in order
//!   faults    ┌────────────────────────────────────┐
//!   lost   c  │ . . . . X .      a cell is one run │
//!   crash  p1 │ . . b . . .      its file shows it │
//!   cut    p1 │ . . . . . .      again             │
//!             └────────────────────────────────────┘
//! ```
//!
//! Most failures of real systems need few nodes and few events (Yuan et al., OSDI 2014; Alquraan
//! et al., OSDI 2018), so trying everything once beats drawing much. Every cell is run from the
//! text of its scenario, the same that is written for whoever asks for the cell: what is judged is
//! what can be kept. Building the rules of a cell in memory was rejected for that; reading the text
//! takes less time than running it.
//!
//! What a cell comes to: *violated* when any listed property is, *unknown* when a checker gives up,
//! *not exercised* when the fault changed nothing or no property was put to the test, else *holds*.
//! The scenario's `expect` says which properties may fall; whether nodes are in doubt or wait for
//! long is told and not held against a protocol here, for the matrix makes faults last longer than
//! anyone's patience.
//!
//! Limits: one fault at a time, or sampled pairs; latencies do not vary.
//!
//! This file is long because the matrix, its verdicts and what is told of a cell are one story.

use crate::{
    base::{
        draws::{Draws, Purpose, below, name_word},
        ids::{EventId, NodeId, Seed, TxnId},
        time::{Duration, Time},
    },
    checkers::Verdict as Judged,
    engine::{
        facts::{Fact, Vote},
        signal::{Signal, What},
        trace::{Entry, Kind},
    },
    scenario::{
        model::{self, Expect},
        plan::Plan,
        registry::Registry,
        run::Run,
        script::MessageLine,
        write::Draft,
    },
};
use calm::Calm;
use faults::{Faults, Return, Spans};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

mod calm;
mod faults;

/// Calls a function; a panic in it becomes an error with its message and place.
pub type Catch = dyn Fn(&mut dyn FnMut()) -> Result<(), String>;

/// What to do.
pub struct Order<'a> {
    /// What scenarios can name.
    pub registry: &'a Registry,
    /// The scenario.
    pub plan: &'a Plan,
    /// Draws the operations, and the coins of protocols that toss any.
    pub seed: Seed,
    /// How many operations the clients ask for.
    pub operations: usize,
    /// Whether each crash is also tried without a return.
    pub returns: Returns,
    /// How many pairs of faults to sample.
    pub pairs: u64,
    /// Catches panics.
    pub catch: &'a Catch,
}

/// Whether crashed nodes come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returns {
    /// After a while.
    Later,
    /// After a while, and in cells of their own not before the healing.
    LaterAndNever,
}

/// Why there is no matrix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nobody asks for anything.
    NoOperations,
    /// What was written cannot be read: a mistake of ours.
    Draft(String),
    /// The protocol panics without any fault.
    Panic(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoOperations => f.write_str("no client asks for anything: nothing to disturb"),
            Self::Draft(mistake) => write!(f, "the calm run cannot be written down: {mistake}"),
            Self::Panic(panic) => write!(f, "the calm run panics: {panic}"),
        }
    }
}

/// What came of it.
pub struct Matrix {
    /// The run without a fault.
    pub calm: Cell,
    /// The events that have cells, in order.
    pub columns: Vec<Column>,
    /// Every single fault.
    pub cells: Vec<Cell>,
    /// Sampled pairs of them.
    pub pairs: Vec<Cell>,
    /// How long a slow message takes: longer than the shortest timer.
    pub slow: Duration,
    /// How long faults last, and how long late messages take: longer than anyone waits.
    pub late: Duration,
    /// How many operations there are.
    pub operations: usize,
    /// How many rules of the scenario were left out: random ones, and others.
    pub left_out: (usize, usize),
    draft: Draft,
    title: String,
}

/// An event of the calm run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Which.
    pub event: EventId,
    /// When.
    pub at: Time,
    /// What kind of thing.
    pub kind: Kind,
    /// Where: a node, or a client.
    pub who: String,
    /// What, in words.
    pub says: String,
}

/// What is done in a row, and to whom.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    /// The kind of fault.
    pub kind: &'static str,
    /// The node, client or group.
    pub of: String,
}

/// A fault with its place in the matrix.
#[derive(Clone, Debug)]
struct Fault {
    id: String,
    row: Row,
    column: EventId,
    faults: Vec<model::Fault>,
    messages: Vec<MessageLine>,
}

/// One run with one fault.
#[derive(Clone, Debug)]
pub struct Cell {
    /// What the fault is called.
    pub id: String,
    /// Its row.
    pub row: Row,
    /// Its column: the event at which, or just after which, the fault falls.
    pub column: EventId,
    /// What came of it.
    pub verdict: Verdict,
    /// The longest doubt of any node; nothing when nobody was in doubt.
    pub blocked: Option<Duration>,
    /// The hash of the run.
    pub hash: u128,
    fault: Fault,
}

/// What a cell comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing is violated.
    Holds,
    /// These properties are, in the order of the scenario; `panic` for a handler that panicked.
    Violated(Vec<String>),
    /// A checker gave up.
    Unknown(String),
    /// The fault changed nothing, or no property was put to the test.
    NotExercised,
}

/// What a verdict means to a scenario that expects something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// Nothing was put to the test.
    Untested,
    /// All is well.
    Well,
    /// Only what may fall fell.
    Allowed,
    /// A checker gave up.
    Unknown,
    /// Something fell that must hold.
    Broken,
}

/// Properties that a time limit decides, and that faults beyond all patience may break.
pub const TIMED: [&str; 2] = ["no_blocking", "progress"];
/// What a handler's panic is called among properties.
pub const PANIC: &str = "panic";

impl Verdict {
    /// The word that reports use.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Violated(_) => "violated",
            Self::Unknown(_) => "unknown",
            Self::NotExercised => "not_exercised",
        }
    }

    /// What it means where these properties are expected to fall.
    pub fn grade(&self, expect: &Expect) -> Grade {
        let expected = expect.violations();
        let may_fall = |property: &String| {
            expected.contains(&property.as_str()) || TIMED.contains(&property.as_str())
        };
        match self {
            Self::Holds => Grade::Well,
            Self::NotExercised => Grade::Untested,
            Self::Unknown(_) => Grade::Unknown,
            Self::Violated(properties) if properties.iter().all(may_fall) => Grade::Allowed,
            Self::Violated(_) => Grade::Broken,
        }
    }
}

/// Runs the matrix.
///
/// # Errors
/// Why there is none.
pub fn matrix(order: &Order<'_>) -> Result<Matrix, Trouble> {
    let mut calm = None;
    let attempt = (order.catch)(&mut || {
        let Order { registry, plan, seed, operations, .. } = *order;
        calm = Some(Calm::of(registry, plan, seed, operations));
    });
    attempt.map_err(Trouble::Panic)?;
    let short = calm.expect("it was run, or had panicked")?;
    let spans = spans(order, &short)?;
    let calm = lengthened(order, short, spans.late)?;
    Filler { order, faults: Faults::new(&calm, spans), calm: &calm, cells: Vec::new() }.fill(spans)
}

/// Longer than anyone waits: what timers show when a message does not come, and patience.
fn spans(order: &Order<'_>, calm: &Calm) -> Result<Spans, Trouble> {
    let mut timers = Vec::new();
    let none = Spans { slow: Duration::ZERO, late: Duration::ZERO };
    for fault in Faults::new(calm, none).losses() {
        if let Ok(run) = order.run(&fault.draft(&calm.draft))? {
            timers.extend(fired_timers(&run.entries));
        }
    }
    let patience = order.plan.setup.patience;
    let longest = timers.iter().copied().max().map_or(patience, |longest| longest.max(patience));
    let shortest = timers.into_iter().min().unwrap_or(longest);
    Ok(Spans { slow: beyond(shortest), late: beyond(longest) })
}

/// A quarter longer, in whole milliseconds.
fn beyond(span: Duration) -> Duration {
    let millisecond = Duration::from_millis(1).as_nanos();
    Duration::from_millis((span.as_nanos() / 4).saturating_mul(5).div_ceil(millisecond))
}

/// How long each timer ran that fired.
fn fired_timers(entries: &[Entry]) -> impl Iterator<Item = Duration> {
    let set = |fired: &Entry| {
        let place = entries.binary_search_by_key(&fired.cause, |entry| entry.event).ok()?;
        Some(fired.at.saturating_since(entries[place].at))
    };
    entries.iter().filter(|entry| entry.kind == Kind::Timer).filter_map(set)
}

/// The calm run, long enough for a fault, a late message and what both bring about.
fn lengthened(order: &Order<'_>, calm: Calm, late: Duration) -> Result<Calm, Trouble> {
    let ends = calm.ends().saturating_since(Time::ZERO);
    let tail = calm.draft.quiet_tail.unwrap_or(Duration::ZERO);
    let run_for = calm.draft.run_for.max(ends + late * 3 + tail);
    let draft = Draft { run_for, ..calm.draft };
    let run = order.run(&draft)?.map_err(Trouble::Panic)?;
    Ok(Calm { draft, run })
}

impl Order<'_> {
    /// Runs a draft; a panic is an error inside.
    fn run(&self, draft: &Draft) -> Result<Result<Run, String>, Trouble> {
        let mut run = None;
        let attempt = (self.catch)(&mut || run = Some(calm::run(self.registry, draft, self.seed)));
        match (attempt, run) {
            (Err(panic), _) => Ok(Err(panic)),
            (Ok(()), run) => run.expect("it ran").map(Ok),
        }
    }
}

impl Fault {
    /// The calm draft with this fault.
    fn draft(&self, calm: &Draft) -> Draft {
        let mut draft = calm.clone();
        draft.faults.clone_from(&self.faults);
        draft.script.messages.clone_from(&self.messages);
        draft
    }

    /// Two faults at once.
    fn with(&self, other: &Self) -> Self {
        let mut both = self.clone();
        both.id = format!("{}~{}", self.id, other.id);
        both.row = Row { kind: "pair", of: String::new() };
        both.messages.extend(other.messages.iter().cloned());
        for fault in &other.faults {
            let id = format!("{}_too", fault.id);
            both.faults.push(model::Fault { id, ..fault.clone() });
        }
        both
    }
}

struct Filler<'a> {
    order: &'a Order<'a>,
    calm: &'a Calm,
    faults: Faults<'a>,
    cells: Vec<Cell>,
}

impl Filler<'_> {
    fn fill(mut self, spans: Spans) -> Result<Matrix, Trouble> {
        let marked = [self.faults.losses(), self.faults.delays()].concat();
        for fault in marked {
            self.add(fault)?;
        }
        self.crashes()?;
        self.disk_crashes()?;
        for fault in self.faults.cuts() {
            self.add(fault)?;
        }
        let pairs = self.pairs()?;
        let Self { order, calm, cells, .. } = self;
        Ok(Matrix {
            calm: calm_cell(calm),
            columns: columns(&calm.run, &cells),
            cells,
            pairs,
            slow: spans.slow,
            late: spans.late,
            operations: calm.draft.operations.len(),
            left_out: calm::left_out(order.plan),
            draft: calm.draft.clone(),
            title: order.plan.title.clone(),
        })
    }

    /// Runs a fault and keeps its cell; gives the run, unless a handler panicked.
    fn add(&mut self, fault: Fault) -> Result<Option<Run>, Trouble> {
        let (cell, run) = self.cell(fault)?;
        self.cells.push(cell);
        Ok(run)
    }

    fn cell(&self, fault: Fault) -> Result<(Cell, Option<Run>), Trouble> {
        let ran = self.order.run(&fault.draft(&self.calm.draft))?;
        let (verdict, blocked, hash) = match &ran {
            Ok(run) => (verdict(run), blocked(run), run.hash),
            Err(_) => (Verdict::Violated(vec![PANIC.to_owned()]), None, 0),
        };
        let (id, row, column) = (fault.id.clone(), fault.row.clone(), fault.column);
        Ok((Cell { id, row, column, verdict, blocked, hash, fault }, ran.ok()))
    }

    fn returns(&self) -> &'static [Return] {
        match self.order.returns {
            Returns::Later => &[Return::Later],
            Returns::LaterAndNever => &[Return::Later, Return::Never],
        }
    }

    /// Each handler, cut after 0, 1, 2, … effects, until the crash finds none to fall behind.
    fn crashes(&mut self) -> Result<(), Trouble> {
        for &back in self.returns() {
            for handler in self.faults.handlers() {
                for effects in 0.. {
                    let mut fault = self.faults.crash(&handler, effects, 0, back);
                    let Some(run) = self.add(fault.clone())? else { break };
                    fault.column = before_crash(&run).unwrap_or(fault.column);
                    self.cells.last_mut().expect("it was just added").column = fault.column;
                    let lost = run.counters.nodes.records_lost as u32;
                    if lost > 0 {
                        let kept = self.faults.crash(&handler, effects, lost, back);
                        self.add(Fault { column: fault.column, ..kept })?;
                    }
                    if run.counters.nodes.cut_handlers == 0 {
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    fn disk_crashes(&mut self) -> Result<(), Trouble> {
        for &back in self.returns() {
            for force in self.faults.forces() {
                let Some(run) = self.add(self.faults.disk_crash(force, 0, back))? else { continue };
                let lost = run.counters.nodes.records_lost as u32;
                if lost > 0 {
                    self.add(self.faults.disk_crash(force, lost, back))?;
                }
            }
        }
        Ok(())
    }

    /// Pairs of different cells, drawn by name; one that is drawn again is one pair less.
    fn pairs(&self) -> Result<Vec<Cell>, Trouble> {
        let all = self.cells.len() as u64;
        let draws = Draws::new(self.order.seed);
        let mut pairs = BTreeSet::new();
        for pair in 0..self.order.pairs {
            let key = draws.key(Purpose::Swarm, [name_word("pair"), pair, 0, 0]);
            let one = below(key.word(0, 0), all);
            let other = (one + 1 + below(key.word(1, 0), all.max(2) - 1)) % all;
            pairs.insert((one.min(other) as usize, one.max(other) as usize));
        }
        let fault =
            |(one, other): &(usize, usize)| self.cells[*one].fault.with(&self.cells[*other].fault);
        pairs.iter().map(|pair| Ok(self.cell(fault(pair))?.0)).collect()
    }
}

fn calm_cell(calm: &Calm) -> Cell {
    let id = "calm".to_owned();
    let row = Row { kind: "calm", of: String::new() };
    let column = EventId(0);
    let (faults, messages) = (Vec::new(), Vec::new());
    let fault = Fault { id: id.clone(), row: row.clone(), column, faults, messages };
    let (verdict, blocked) = (verdict(&calm.run), blocked(&calm.run));
    Cell { id, row, column, verdict, blocked, hash: calm.run.hash, fault }
}

/// The last event before the crash, which the calm run has too.
fn before_crash(run: &Run) -> Option<EventId> {
    let crash = run.entries.iter().position(|entry| entry.kind == Kind::Crash)?;
    Some(run.entries[crash.checked_sub(1)?].event)
}

fn verdict(run: &Run) -> Verdict {
    let judgements = || run.judgements.iter();
    let violated = judgements().filter(|judged| matches!(judged.verdict, Judged::Violated(_)));
    let violated: Vec<String> = violated.map(|judged| judged.property.to_owned()).collect();
    if !violated.is_empty() {
        return Verdict::Violated(violated);
    }
    let unknown = judgements().find_map(|judged| match &judged.verdict {
        Judged::Unknown(why) => Some(format!("{}: {why}", judged.property)),
        _ => None,
    });
    if let Some(why) = unknown {
        return Verdict::Unknown(why);
    }
    let idle = !run.rules.is_empty() && run.rules.iter().all(|rule| rule.counts.effects == 0);
    let tested = judgements().any(|judged| judged.verdict == Judged::Holds);
    if idle || !tested { Verdict::NotExercised } else { Verdict::Holds }
}

/// The longest time that a node was in doubt about a transaction.
fn blocked(run: &Run) -> Option<Duration> {
    let mut open: BTreeMap<(NodeId, TxnId), Time> = BTreeMap::new();
    let mut decided: BTreeSet<(NodeId, TxnId)> = BTreeSet::new();
    let mut lapsed: BTreeMap<(NodeId, TxnId), Time> = BTreeMap::new();
    let mut longest = None;
    let mut end = |since: Time, at: Time| {
        longest = longest.max(Some(at.saturating_since(since)));
    };
    for Signal { at, what, .. } in &run.signals {
        let fact = match what {
            What::Stated(node, fact) | What::Replayed(node, fact) => Some((*node, *fact)),
            What::Booted(node) => {
                let here = |place: &(NodeId, TxnId)| place.0 == *node;
                decided.retain(|place| !here(place));
                lapsed.extend(open.iter().filter(|(place, _)| here(place)));
                open.retain(|place, _| !here(place));
                None
            }
            _ => None,
        };
        match fact {
            Some((node, Fact::Voted(txn, Vote::Yes))) => {
                let since = lapsed.remove(&(node, txn)).unwrap_or(*at);
                if !decided.contains(&(node, txn)) {
                    open.entry((node, txn)).or_insert(since);
                }
            }
            Some((node, Fact::Decided(txn, _))) => {
                decided.insert((node, txn));
                lapsed.remove(&(node, txn));
                if let Some(since) = open.remove(&(node, txn)) {
                    end(since, *at);
                }
            }
            _ => {}
        }
    }
    for since in open.into_values() {
        end(since, run.end.end);
    }
    longest
}

fn columns(run: &Run, cells: &[Cell]) -> Vec<Column> {
    let has_cells = |entry: &&Entry| cells.iter().any(|cell| cell.column == entry.event);
    let column = |entry: &Entry| Column {
        event: entry.event,
        at: entry.at,
        kind: entry.kind,
        who: run.catalog.endpoint(entry.who),
        says: says(run, entry),
    };
    run.entries.iter().filter(has_cells).map(column).collect()
}

fn says(run: &Run, entry: &Entry) -> String {
    let text = &entry.text;
    let peer = run.catalog.endpoint(entry.peer);
    match entry.kind {
        Kind::Send => format!("sends {text} to {peer}"),
        Kind::Deliver => format!("handles {text} from {peer}"),
        Kind::Write => format!("writes {text}"),
        Kind::Force => format!("forces {text}"),
        Kind::Sync => format!("syncs {text}"),
        Kind::Durable | Kind::Synced => "has it on disk".to_owned(),
        Kind::Read => format!("reads {text}"),
        Kind::Step => format!("passes {}", run.catalog.steps[usize::from(entry.label)].name),
        Kind::Timer => format!("wakes up: {text}"),
        Kind::Boot => "starts".to_owned(),
        Kind::Invoke => format!("asks {text}"),
        Kind::Reply => format!("answers {text}"),
        _ => text.clone(),
    }
}

impl Matrix {
    /// All cells, the calm run first.
    pub fn all(&self) -> impl Iterator<Item = &Cell> {
        std::iter::once(&self.calm).chain(&self.cells).chain(&self.pairs)
    }

    /// The cell with this id.
    pub fn find(&self, id: &str) -> Option<&Cell> {
        self.all().find(|cell| cell.id == id)
    }

    /// The scenario of a cell, as the text of a file: it expects what came of the cell. No scenario
    /// can expect a panic: of one the story tells, and the file expects that all holds.
    pub fn scenario(&self, cell: &Cell) -> String {
        let mut draft = cell.fault.draft(&self.draft);
        let mut violated = match &cell.verdict {
            Verdict::Violated(properties) => properties.clone(),
            _ => Vec::new(),
        };
        let panics = violated.iter().any(|property| property == PANIC);
        violated.retain(|property| property != PANIC);
        draft.title = format!("{}: {}", self.title, cell.id);
        draft.story = vec![
            format!("A calm run of {} operations and one thing that goes wrong:", self.operations),
            format!("{}. Nothing is left to chance.", cell.id),
        ];
        if panics {
            draft.story.push("A handler panics.".to_owned());
        }
        draft.expect = match violated.as_slice() {
            [] => Expect::Holds,
            [property] => Expect::Violates(property.clone()),
            _ => Expect::ViolatesAll(violated),
        };
        draft.text()
    }
}
