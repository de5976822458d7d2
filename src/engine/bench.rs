//! A bench for one handler: give it a state and an event, look at the list of its effects.
//!
//! ```text
//!   apply(records) ──▶ state ──message │ timer │ request │ boot──▶ [Mark, Force, Write, Send, …]
//! ```
//!
//! Nothing is performed: every effect is parked as data, as if behind a force, and then handed out
//! in order. The node's state does change, as it would. So a unit test of a handler needs no
//! network, no clock and no fault, and says what a crash could leave out: everything from some
//! place in the list on. A mock of [`Ctx`] was rejected; it would drift from the real one.
//!
//! Limits: an ablated force is listed as what it becomes, a mark and a write. Draws are those of
//! seed 0.

use super::{
    core::{Core, Effect, EffectOf},
    ctx::{Ctx, Delay},
    facts::Fact,
    operations::{Answer, Operation},
    protocol::{Logged, Protocol, Step},
    runner::{Catalog, Configured, With},
    setup::Setup,
};
use crate::base::{
    ids::{NodeId, OpId},
    time::Time,
};
use std::sync::Arc;

/// One effect of a handler, with names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listed<M, R, T> {
    /// A message to this node.
    Send(String, M),
    /// A force under the name of a step: what follows waits for it.
    Force(&'static str, R),
    /// A record that is written without a force.
    Write(R),
    /// A record that replaces the log.
    Checkpoint(R),
    /// Something is done to raw files, in words.
    File(String),
    /// A sync under the name of a step, and of what: what follows waits for it.
    Sync(&'static str, String),
    /// A fact is stated.
    State(Fact),
    /// A named step is passed.
    Mark(&'static str),
    /// A timer is set.
    SetTimer(Delay, T),
    /// A timer is taken back.
    CancelTimer(T),
    /// A client is answered.
    Reply(OpId, Answer),
}

/// One effect of a handler of `P`.
pub type Told<P> =
    Listed<<P as Protocol>::Message, <P as Protocol>::Record, <P as Protocol>::Timer>;

/// The nodes of a protocol, of which one handles one event at a time. They begin with empty logs
/// and have not run their boot handlers.
pub struct Bench<P: Protocol> {
    config: P::Config,
    catalog: Arc<Catalog>,
    states: Vec<P>,
    core: Core<P>,
}

impl<P: Protocol> Bench<P> {
    /// Sets the nodes up.
    pub fn new(config: P::Config) -> Self {
        let catalog = With::<P>::new(config.clone()).catalog();
        let core = Core::new(Arc::new(Setup::calm(Arc::new(()))), catalog.clone());
        let nodes = (0..catalog.nodes.len() as u16).map(NodeId);
        Self { states: nodes.map(|node| P::new(&config, node)).collect(), config, catalog, core }
    }

    /// Leaves a step out from now on.
    pub fn ablate(&mut self, step: P::Step) -> &mut Self {
        Arc::make_mut(&mut self.core.setup).ablated |= 1 << step.index();
        self
    }

    /// Moves time on; the clocks of all nodes are right.
    pub fn at(&mut self, now: Time) -> &mut Self {
        self.core.now = now;
        self
    }

    /// Lets a node replay records.
    pub fn apply(&mut self, node: &str, records: impl IntoIterator<Item = P::Record>) -> &mut Self {
        let node = self.node(node);
        let state = &mut self.states[usize::from(node.0)];
        records.into_iter().for_each(|record| state.apply(Logged::new(record)));
        self
    }

    /// The state of a node.
    pub fn state(&self, node: &str) -> &P {
        &self.states[usize::from(self.node(node).0)]
    }

    /// What a node does after its log was replayed.
    pub fn boot(&mut self, node: &str) -> Vec<Told<P>> {
        self.handle(node, P::on_boot)
    }

    /// What a node does about a message.
    pub fn message(
        &mut self,
        node: &str,
        from: &str,
        message: impl Into<P::Message>,
    ) -> Vec<Told<P>> {
        let from = self.node(from);
        self.handle(node, |state, ctx| state.on_message(from, message.into(), ctx))
    }

    /// What a node does about a timer.
    pub fn timer(&mut self, node: &str, timer: impl Into<P::Timer>) -> Vec<Told<P>> {
        self.handle(node, |state, ctx| state.on_timer(timer.into(), ctx))
    }

    /// What a node does about a client's request.
    pub fn request(&mut self, node: &str, op: OpId, operation: Operation) -> Vec<Told<P>> {
        self.handle(node, |state, ctx| state.on_request(op, operation, ctx))
    }

    fn handle(
        &mut self,
        node: &str,
        handler: impl FnOnce(&mut P, &mut Ctx<'_, P>),
    ) -> Vec<Told<P>> {
        let node = self.node(node);
        let mut ctx = Ctx::listing(node, &self.config, &mut self.core);
        handler(&mut self.states[usize::from(node.0)], &mut ctx);
        let cell = self.core.cell(node);
        cell.held_records = 0;
        let effects = std::mem::take(&mut cell.held);
        effects.into_iter().map(|effect| self.told(effect)).collect()
    }

    fn told(&self, effect: EffectOf<P>) -> Told<P> {
        let name = |step: u16| self.catalog.steps[usize::from(step)].name;
        match effect {
            Effect::Send(to, message) => Listed::Send(self.catalog.node(to).to_owned(), message),
            Effect::Force(step, record, _) => Listed::Force(name(step), record),
            Effect::Write(record) => Listed::Write(record),
            Effect::Checkpoint(record) => Listed::Checkpoint(record),
            Effect::Mark(step) => Listed::Mark(name(step)),
            Effect::SetTimer(delay, timer) => Listed::SetTimer(delay, timer),
            Effect::CancelTimer(timer) => Listed::CancelTimer(timer),
            Effect::Reply(op, answer) => Listed::Reply(op, answer),
            Effect::File(effect) => Listed::File(effect.to_string()),
            Effect::Sync(step, target, _) => Listed::Sync(name(step), target.to_string()),
            Effect::Fetch(file, ..) => Listed::File(format!("reads {file}")),
            Effect::State(fact) => Listed::State(fact),
        }
    }

    fn node(&self, name: &str) -> NodeId {
        let known = self.catalog.find_node(name);
        known.unwrap_or_else(|| panic!("no node is called {name:?}: {:?}", self.catalog.nodes))
    }
}
