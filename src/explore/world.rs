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
    monitors::{MonitorId, Monitors, Teller, memories_key},
};
use crate::{
    base::{
        digest::{Fold, digest},
        ids::{NodeId, OpId, Seed},
    },
    checkers::{Checker, PropertyInfo},
    engine::{
        operations::{Answer, Ending},
        runner::Catalog,
        signal::What,
        untimed::{
            Coverage, MessageId, NotExplorable, Outcome, OutcomeId, SituationId, Stimulus, Timers,
            Untimed, UntimedOptions,
            asked::{Asked, first_operations},
            observe::Observation,
        },
    },
    scenario::plan::Plan,
};
use std::{cell::RefCell, ops::Range, sync::Arc};

// Steps in words, and what shows a violation.
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
        Self { catalog, options, asked, expected, judged, not_judged, inner: RefCell::new(inner) }
    }

    /// Why the exploration broke off, if it did: then nothing that it found counts.
    pub fn refused(&self) -> Option<Refused> {
        self.inner.borrow().refused
    }

    /// The properties that are judged.
    pub fn judged(&self) -> &[PropertyInfo] {
        &self.judged
    }

    /// Properties of the scenario that need a clock or an end to be judged.
    pub fn not_judged(&self) -> &[PropertyInfo] {
        &self.not_judged
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

    /// The key that a state of a timed world has here, from what was seen of it and from its
    /// checkers. `None` when it is outside the budgets.
    ///
    /// # Panics
    /// When the network is a multiset, which a timed world keeps no account of.
    pub fn observed_key(
        &self,
        observed: &Observation,
        checkers: &[Box<dyn Checker>],
    ) -> Option<u128> {
        assert_eq!(self.options.network, Network::Set, "a timed world knows a set of messages");
        let crashes = u16::try_from(observed.crashes).ok()?;
        let crashes = self.options.budgets.crashes.checked_sub(crashes)?;
        let left = Budgets { crashes, ..self.options.budgets };
        let mut fold = Fold::NEW;
        wide(&mut fold, observed.nodes.iter().copied().fold(0, u128::wrapping_add));
        wide(&mut fold, observed.sent.iter().copied().fold(0, u128::wrapping_add));
        fold_left(&mut fold, left);
        for asked in &self.asked {
            let of = &observed.operations;
            let operation = of.iter().find(|operation| operation.op == asked.entry.op);
            let stage = match operation {
                None => Stage::ToBeAsked,
                Some(operation) => operation.ending.map_or(Stage::Open, Stage::Ended),
            };
            let is_asked = operation.is_some_and(|operation| operation.is_asked);
            let answers = operation.map_or(0, |operation| {
                operation.answers.iter().copied().fold(0, u128::wrapping_add)
            });
            fold_operation(&mut fold, stage, is_asked, answers);
        }
        let memories = match self.options.checks {
            Checks::Explorable => memories_key(checkers),
            Checks::Off => memories_key(&[]),
        };
        wide(&mut fold, memories);
        Some(fold.end())
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

/// The enumeration of the steps from one state.
struct Walk<'a> {
    model: &'a WorldModel,
    state: &'a WorldState,
    next: WorldState,
    ordinal: u32,
    found: &'a mut dyn FnMut(Ordinal, Move, &WorldState),
}

impl Walk<'_> {
    fn node(&mut self, node: NodeId) {
        let at = self.state.nodes[usize::from(node.0)];
        let (is_up, takes_input, is_forcing) = {
            let inner = self.model.inner.borrow();
            let situation = inner.untimed.situation(at);
            (situation.is_up, situation.takes_input, situation.is_forcing)
        };
        if !is_up {
            self.stimulate(node, Stimulus::Boot);
            return self.misses(node);
        }
        if takes_input {
            self.inputs(node, at);
        }
        if is_forcing {
            self.stimulate(node, Stimulus::Durable);
        }
        if self.state.left.crashes > 0 {
            self.ways(node, Stimulus::Crash, false);
        }
    }

    fn inputs(&mut self, node: NodeId, at: SituationId) {
        let mut latest = None;
        for place in 0..self.state.messages.len() {
            let message = self.state.messages[place];
            if latest == Some(message) || self.receiver(message) != node {
                continue; // Copies of one message are alike.
            }
            latest = Some(message);
            self.stimulate(node, Stimulus::Deliver(message));
        }
        let (timers, local) = {
            let inner = self.model.inner.borrow();
            let situation = inner.untimed.situation(at);
            (situation.timers.clone(), situation.local.clone())
        };
        let mut latest = None;
        for message in local {
            if latest != Some(message) {
                latest = Some(message);
                self.stimulate(node, Stimulus::Local(message));
            }
        }
        for (asked, operation) in self.model.asked.iter().zip(&self.state.operations) {
            if asked.entry.node == node && operation.is_asked {
                self.stimulate(node, Stimulus::Request(asked.entry.op));
            }
        }
        match (self.state.left.firings, self.model.options.network) {
            (Some(0), _) => {}
            (None, Network::Multiset) if !timers.is_empty() => {
                self.model.inner.borrow_mut().refused = Some(Refused::UnboundedFirings);
            }
            _ => timers.into_iter().for_each(|timer| self.stimulate(node, Stimulus::Timer(timer))),
        }
    }

    fn receiver(&self, message: MessageId) -> NodeId {
        self.model.inner.borrow().untimed.message(message).to
    }

    /// A stimulus in every way, and cut by a crash where one is left.
    fn stimulate(&mut self, node: NodeId, stimulus: Stimulus) {
        self.ways(node, stimulus, false);
        if self.state.left.crashes > 0 {
            self.ways(node, stimulus, true);
        }
    }

    fn ways(&mut self, node: NodeId, stimulus: Stimulus, cut: bool) {
        let at = self.state.nodes[usize::from(node.0)];
        for way in self.model.outcomes(at, stimulus, cut) {
            let way = OutcomeId(way);
            self.next.clone_from(self.state);
            let step = (node, stimulus, way);
            let crashes = cut || stimulus == Stimulus::Crash;
            self.next.go(self.model, &mut self.model.inner.borrow_mut(), step, crashes);
            self.found(Move::Node { node, stimulus, way });
        }
    }

    /// Messages that arrive at a node that is down; in a set they may still arrive later.
    fn misses(&mut self, node: NodeId) {
        if self.model.options.network == Network::Set {
            return;
        }
        let mut messages = self.state.messages.clone();
        messages.dedup();
        for message in messages {
            if self.receiver(message) == node {
                self.take(message);
                self.found(Move::Miss(message));
            }
        }
    }

    fn links(&mut self) {
        let mut messages = self.state.messages.clone();
        messages.dedup();
        for message in messages {
            if self.state.left.losses > 0 {
                self.take(message);
                self.next.left.losses -= 1;
                self.found(Move::Lose(message));
            }
            if self.state.left.duplicates > 0 {
                self.next.clone_from(self.state);
                self.next.add(message, &self.model.inner.borrow());
                self.next.left.duplicates -= 1;
                self.found(Move::Duplicate(message));
            }
        }
    }

    fn take(&mut self, message: MessageId) {
        self.next.clone_from(self.state);
        self.next.remove(message, &self.model.inner.borrow());
    }

    fn clients(&mut self) {
        let operations = &self.state.operations;
        for (place, asked) in self.model.asked.iter().enumerate() {
            let op = asked.entry.op;
            match operations[place].stage {
                Stage::ToBeAsked => {
                    let ended = |op: OpId| {
                        matches!(operations[place_of(&self.model.asked, op)].stage, Stage::Ended(_))
                    };
                    if asked.waits_for.is_none_or(ended) {
                        self.invoke(place, asked);
                    }
                    return; // In order.
                }
                Stage::Open => {
                    for number in 0..32 {
                        if operations[place].answers >> number & 1 == 1 {
                            self.end(place, Teller::Answered(op, number));
                            self.found(Move::Answer(op, number));
                        }
                    }
                    self.end(place, Teller::GaveUp(op));
                    self.found(Move::GiveUp(op));
                }
                Stage::Ended(_) => {}
            }
        }
    }

    fn invoke(&mut self, place: usize, asked: &Asked) {
        let entry = asked.entry;
        self.next.clone_from(self.state);
        let open = OperationState { stage: Stage::Open, is_asked: true, answers: 0 };
        self.next.operations[place] = open;
        let told = [What::Invoked(entry.op, entry.client, entry.operation)];
        self.tell(Teller::Invoked(entry.op), &told);
        self.found(Move::Invoke(entry.op));
    }

    fn end(&mut self, place: usize, teller: Teller) {
        self.next.clone_from(self.state);
        let (op, ending) = match teller {
            Teller::Answered(op, number) => {
                (op, self.model.inner.borrow().answers[usize::from(number)].into())
            }
            Teller::GaveUp(op) | Teller::Invoked(op) => (op, Ending::Unknown),
            Teller::Outcome(_) => unreachable!("nodes end no operation"),
        };
        let operation = &mut self.next.operations[place];
        (operation.stage, operation.answers) = (Stage::Ended(ending), 0);
        self.tell(teller, &[What::Ended(op, ending)]);
    }

    fn tell(&mut self, teller: Teller, told: &[What]) {
        let monitors = &mut self.model.inner.borrow_mut().monitors;
        self.next.told = monitors.after(self.next.told, teller, told);
    }

    fn found(&mut self, step: Move) {
        self.next.seal(&self.model.inner.borrow());
        (self.found)(Ordinal(self.ordinal), step, &self.next);
        self.ordinal += 1;
    }
}

impl WorldState {
    /// A node goes this way.
    fn go(
        &mut self,
        WorldModel { options, asked, .. }: &WorldModel,
        inner: &mut Inner,
        (node, stimulus, way): (NodeId, Stimulus, OutcomeId),
        crashes: bool,
    ) {
        match stimulus {
            Stimulus::Deliver(message) if options.network == Network::Multiset => {
                self.remove(message, inner);
            }
            Stimulus::Request(op) => self.operations[place_of(asked, op)].is_asked = false,
            Stimulus::Timer(_) => {
                self.left.firings = self.left.firings.map(|firings| firings - 1);
            }
            _ => {}
        }
        self.left.crashes -= u16::from(crashes);
        let Inner { untimed, monitors, answers, refused } = inner;
        let Outcome { next, sent, answers: told, signals, .. } = untimed.outcome(way);
        let place = &mut self.nodes[usize::from(node.0)];
        let before = untimed.situation(*place).key;
        let after = untimed.situation(*next).key;
        self.nodes_sum = self.nodes_sum.wrapping_sub(before).wrapping_add(after);
        *place = *next;
        for &message in sent {
            let at = self.messages.binary_search(&message);
            if at.is_err() || options.network == Network::Multiset {
                self.messages.insert(at.unwrap_or_else(|at| at), message);
                self.messages_sum = self.messages_sum.wrapping_add(untimed.message(message).key);
            }
        }
        for &(op, answer) in told {
            let operation = &mut self.operations[place_of(asked, op)];
            let known = answers.iter().position(|known| *known == answer);
            let number = known.unwrap_or_else(|| {
                answers.push(answer);
                answers.len() - 1
            });
            if number >= 32 {
                *refused = Some(Refused::TooManyAnswers);
            } else if operation.stage == Stage::Open {
                operation.answers |= 1 << number;
            }
        }
        self.told = monitors.after(self.told, Teller::Outcome(way), signals);
    }

    fn remove(&mut self, message: MessageId, inner: &Inner) {
        let at = self.messages.binary_search(&message).expect("it is under way");
        self.messages.remove(at);
        self.messages_sum = self.messages_sum.wrapping_sub(inner.untimed.message(message).key);
    }

    fn add(&mut self, message: MessageId, inner: &Inner) {
        let at = self.messages.binary_search(&message).unwrap_or_else(|at| at);
        self.messages.insert(at, message);
        self.messages_sum = self.messages_sum.wrapping_add(inner.untimed.message(message).key);
    }

    /// Computes the key, once everything else is settled.
    fn seal(&mut self, inner: &Inner) {
        let mut fold = Fold::NEW;
        wide(&mut fold, self.nodes_sum);
        wide(&mut fold, self.messages_sum);
        fold_left(&mut fold, self.left);
        for operation in &self.operations {
            let under_way = inner.answers.iter().enumerate();
            let under_way = under_way.filter(|(number, _)| operation.answers >> number & 1 == 1);
            let keys = under_way.map(|(_, answer)| digest(answer).fold.end());
            let answers = keys.fold(0, u128::wrapping_add);
            fold_operation(&mut fold, operation.stage, operation.is_asked, answers);
        }
        wide(&mut fold, inner.monitors.key(self.told));
        self.key = fold.end();
    }
}

/// The place of an operation among those that are asked.
fn place_of(asked: &[Asked], op: OpId) -> usize {
    let place = asked.iter().position(|asked| asked.entry.op == op);
    place.expect("a node hears only of what clients ask")
}

fn fold_left(fold: &mut Fold, left: Budgets) {
    let Budgets { crashes, losses, duplicates, firings } = left;
    fold.word(u64::from(crashes) << 32 | u64::from(losses) << 16 | u64::from(duplicates));
    fold.word(firings.map_or(u64::MAX, u64::from));
}

/// An operation, with the sum of the keys of answers under way; one that has ended hears none.
fn fold_operation(fold: &mut Fold, stage: Stage, is_asked: bool, answers: u128) {
    let (stage, answers) = match stage {
        Stage::ToBeAsked => ([0, 0], 0),
        Stage::Open => ([1, 0], answers),
        Stage::Ended(Ending::Unknown) => ([2, 0], 0),
        Stage::Ended(Ending::NotDone) => ([3, 0], 0),
        Stage::Ended(Ending::Ok(None)) => ([4, 0], 0),
        Stage::Ended(Ending::Ok(Some(value))) => ([5, value as u64], 0),
    };
    fold.word(stage[0] << 1 | u64::from(is_asked));
    fold.word(stage[1]);
    wide(fold, answers);
}

fn wide(fold: &mut Fold, digest: u128) {
    fold.word(digest as u64);
    fold.word((digest >> 64) as u64);
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
        let mut step = None;
        self.steps(state, &mut |at, taken, _| {
            if at == ordinal {
                step = Some(taken);
            }
        });
        step.map_or_else(String::new, |step| self.words(state, step))
    }
}
