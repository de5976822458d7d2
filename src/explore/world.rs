//! Whole worlds as a model: nodes in situations, what is under way, what clients wait for, what may
//! still go wrong.
//!
//! ```text
//!   WorldState { situation of each node, messages, operations, budgets left, memories of checks }
//!      ├─ deliver m · fire a timer · disk done · boot · request arrives     each uncut, or cut by a crash
//!      ├─ crash · lose m · duplicate m                                      while budgets last
//!      └─ a client asks · is answered · gives up
//! ```
//!
//! Time stands still: whatever may happen next, happens next on some path. The protocol's handlers
//! and the effects code are those of timed runs ([`crate::engine::untimed`]); here their outcomes
//! are put together. By default the network is a *set*: a message once sent may arrive any number
//! of times or never, so losing and copying cost nothing and protocols that retransmit stay
//! finite. As a *multiset* copies count, losses and copies are steps with a budget, and so are
//! firings of timers, since each may send again.
//!
//! A key is a sum over nodes, a sum over messages, and the rest in order: nothing in it tells when
//! or in which order things came about. Budgets left are part of a state.
//!
//! Limits: partitions, pauses and slow parts of a scenario are left out; a request and an answer of
//! a client arrive at most once, or never, and answers to an operation that has ended are dropped.

use super::{
    model::{Model, Ordinal, Violation},
    monitors::{MonitorId, Monitors},
};
use crate::{
    base::{
        ids::{NodeId, OpId, Seed},
        time::Time,
    },
    checkers::PropertyInfo,
    engine::{
        operations::{Answer, Ending},
        runner::Catalog,
        untimed::{
            Coverage, MessageId, NotExplorable, OutcomeId, SituationId, Stimulus, Timers, Untimed,
            UntimedOptions,
            asked::{Asked, first_operations},
        },
    },
    scenario::plan::Plan,
};
use std::{cell::RefCell, ops::Range, sync::Arc};
use walk::Walk;

// What a state is, its steps, the steps in words, and what shows a violation.
pub mod acts;
mod key;
mod walk;
pub mod witness;
mod words;

/// What a network does with copies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// A message once sent may arrive any number of times, or never.
    #[default]
    Set,
    /// A message arrives once for each time it was sent or copied, unless it is lost.
    Multiset,
}

/// How often things may go wrong, over a whole path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budgets {
    /// Crashes.
    pub crashes: u16,
    /// Lost messages; they cost nothing in a set.
    pub losses: u16,
    /// Copied messages; they cost nothing in a set.
    pub duplicates: u16,
    /// Timers that fire, if that is limited.
    pub firings: Option<u32>,
}

/// Whether clients may stop waiting for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// At any time after they asked.
    Ends,
    /// They wait for longer than the scenario runs, so never.
    OutlastsTheRun,
}

/// Whether the checks of the scenario walk along.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Checks {
    /// Those that can be explored.
    #[default]
    Explorable,
    /// None of them.
    Off,
}

/// What is explored, besides the scenario.
#[derive(Clone, Debug)]
pub struct WorldOptions {
    /// What the network does with copies.
    pub network: Network,
    /// Which timers may fire first.
    pub timers: Timers,
    /// How often things may go wrong.
    pub budgets: Budgets,
    /// How many operations clients ask for.
    pub operations: usize,
    /// Whose workload it is.
    pub seed: Seed,
    /// Whether checks walk along.
    pub checks: Checks,
}

impl Default for WorldOptions {
    fn default() -> Self {
        Self {
            network: Network::default(),
            timers: Timers::default(),
            budgets: Budgets::default(),
            operations: 1,
            seed: Seed(1),
            checks: Checks::default(),
        }
    }
}

/// Why a scenario cannot be explored like this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The protocol asks for what has no meaning without time.
    #[error(transparent)]
    NotExplorable(#[from] NotExplorable),
    /// Timers fire for ever, and each firing may add a message.
    #[error(
        "the protocol sets timers, and in a multiset every firing may add a message: bound them"
    )]
    UnboundedFirings,
    /// An operation may get more different answers than are kept.
    #[error("clients may get more than 32 different answers: that is too many to explore")]
    TooManyAnswers,
}

/// How far an operation has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    ToBeAsked,
    Open,
    Ended(Ending),
}

/// An operation in a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct OperationState {
    stage: Stage,
    /// Whether its request is under way.
    is_asked: bool,
    /// Answers under way, as bits by number.
    answers: u32,
}

/// A state of a world.
#[derive(Clone, Debug)]
pub struct WorldState {
    key: u128,
    nodes: Vec<SituationId>,
    /// Sorted; in a multiset with copies.
    messages: Vec<MessageId>,
    operations: Vec<OperationState>,
    left: Budgets,
    told: MonitorId,
    /// Sums of the keys of nodes and messages.
    nodes_sum: u128,
    messages_sum: u128,
}

/// A step from a state to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Move {
    Node {
        node: NodeId,
        stimulus: Stimulus,
        way: OutcomeId,
    },
    Invoke(OpId),
    Answer(OpId, u8),
    GiveUp(OpId),
    /// It arrives at a node that is down.
    Miss(MessageId),
    Lose(MessageId),
    Duplicate(MessageId),
}

/// A scenario as a model.
pub struct WorldModel {
    catalog: Arc<Catalog>,
    options: WorldOptions,
    patience: Patience,
    asked: Vec<Asked>,
    /// What the scenario expects to be broken: named first where several properties are.
    expected: Vec<String>,
    judged: Vec<PropertyInfo>,
    not_judged: Vec<PropertyInfo>,
    inner: RefCell<Inner>,
}

struct Inner {
    untimed: Box<dyn Untimed>,
    monitors: Monitors,
    answers: Vec<Answer>,
    refused: Option<Refused>,
}

impl WorldModel {
    /// The world of a scenario, without its faults.
    pub fn new(plan: &Plan, options: WorldOptions) -> Self {
        let catalog = plan.catalog.clone();
        let asked = first_operations(&plan.setup, &catalog, options.seed, options.operations);
        let operations = asked.iter().map(|asked| asked.entry).collect();
        let outlasts = plan.setup.end < Time::ZERO + plan.setup.patience;
        let patience = if outlasts { Patience::OutlastsTheRun } else { Patience::Ends };
        let untimed_options = UntimedOptions { timers: options.timers, operations };
        let untimed = plan.configured.untimed(&plan.setup, untimed_options);
        let checkers = match options.checks {
            Checks::Explorable => plan.checkers(),
            Checks::Off => Vec::new(),
        };
        let explorable: Vec<_> = checkers.iter().flat_map(|one| one.explorable()).collect();
        let properties = plan.checks.iter().flat_map(|check| check.properties);
        let (judged, not_judged) =
            properties.copied().partition(|property| explorable.contains(&&property.name));
        let monitors = Monitors::new(checkers);
        let inner = Inner { untimed, monitors, answers: Vec::new(), refused: None };
        let expected = plan.expect.violations().into_iter().map(str::to_owned).collect();
        let inner = RefCell::new(inner);
        Self { catalog, options, patience, asked, expected, judged, not_judged, inner }
    }

    /// Why the exploration broke off, if it did: then nothing that it found counts.
    pub fn refused(&self) -> Option<Refused> {
        self.inner.borrow().refused
    }

    /// The properties that are judged.
    pub fn judged(&self) -> &[PropertyInfo] {
        &self.judged
    }

    /// Whether a property was put to the test on some path that was explored so far.
    pub fn is_tested(&self, property: &str) -> bool {
        self.inner.borrow().monitors.is_tested(property)
    }

    /// Properties of the scenario that need a clock or an end to be judged.
    pub fn not_judged(&self) -> &[PropertyInfo] {
        &self.not_judged
    }

    /// Whether clients may stop waiting.
    pub fn patience(&self) -> Patience {
        self.patience
    }

    /// The operations that clients ask for.
    pub fn asked(&self) -> &[Asked] {
        &self.asked
    }

    /// What was explored so far: handlers, where they were cut, named steps.
    pub fn coverage(&self) -> Coverage {
        self.inner.borrow().untimed.coverage().clone()
    }

    /// How many different memories the checks had.
    pub fn memories(&self) -> usize {
        self.inner.borrow().monitors.len()
    }

    fn outcomes(&self, at: SituationId, stimulus: Stimulus, cut: bool) -> Range<u32> {
        let inner = &mut *self.inner.borrow_mut();
        let ways = if cut {
            inner.untimed.cuts(at, stimulus)
        } else {
            inner.untimed.outcomes(at, stimulus)
        };
        ways.unwrap_or_else(|why| {
            inner.refused = Some(why.into());
            0..0
        })
    }

    /// Gives every step from a state, with where it leads.
    fn steps(&self, state: &WorldState, found: &mut dyn FnMut(Ordinal, Move, &WorldState)) {
        if self.inner.borrow().refused.is_some() {
            return;
        }
        let mut walk = Walk { model: self, state, next: state.clone(), ordinal: 0, found };
        for node in 0..state.nodes.len() {
            walk.node(NodeId(node as u16));
        }
        walk.clients();
        if self.options.network == Network::Multiset {
            walk.links();
        }
    }
}

/// The place of an operation among those that are asked.
fn place_of(asked: &[Asked], op: OpId) -> usize {
    let place = asked.iter().position(|asked| asked.entry.op == op);
    place.expect("a node hears only of what clients ask")
}

impl Model for WorldModel {
    type State = WorldState;

    /// Every node has come up, or was cut down while it did.
    fn initial(&self, found: &mut impl FnMut(&WorldState)) {
        let blank = {
            let inner = &mut *self.inner.borrow_mut();
            let nodes = 0..self.catalog.nodes.len() as u16;
            let nodes: Vec<_> = nodes.map(|node| inner.untimed.blank(NodeId(node))).collect();
            let keys = nodes.iter().map(|&at| inner.untimed.situation(at).key);
            let to_be_asked =
                OperationState { stage: Stage::ToBeAsked, is_asked: false, answers: 0 };
            WorldState {
                key: 0,
                nodes_sum: keys.fold(0, u128::wrapping_add),
                nodes,
                messages: Vec::new(),
                messages_sum: 0,
                operations: vec![to_be_asked; self.asked.len()],
                left: self.options.budgets,
                told: MonitorId::default(),
            }
        };
        let mut states = vec![blank];
        for node in 0..self.catalog.nodes.len() as u16 {
            let mut booted = Vec::new();
            for state in &states {
                let keep = &mut |_, _, next: &WorldState| booted.push(next.clone());
                let mut walk =
                    Walk { model: self, state, next: state.clone(), ordinal: 0, found: keep };
                walk.stimulate(NodeId(node), Stimulus::Boot);
            }
            states = booted;
        }
        states.iter().for_each(found);
    }

    fn successors(&self, state: &WorldState, found: &mut impl FnMut(Ordinal, &WorldState)) {
        self.steps(state, &mut |ordinal, _, next| found(ordinal, next));
    }

    fn key(&self, state: &WorldState) -> u128 {
        state.key
    }

    fn violated(&self, state: &WorldState) -> Option<Violation> {
        let inner = self.inner.borrow();
        let broken = inner.monitors.broken(state.told);
        let expected = broken.iter().find(|one| self.expected.iter().any(|name| name == *one));
        let broken = *expected.or(broken.first())?;
        let property = self.judged.iter().find(|property| property.name == broken);
        let demands = property.map_or("", |property| property.demands);
        Some(Violation::new(broken, format!("it demands: {demands}")))
    }

    fn describe(&self, state: &WorldState, ordinal: Ordinal) -> String {
        self.words(state, self.step_at(state, ordinal))
    }
}
