//! What a handler may ask for. Each call is an effect, performed in the order of the calls.
//!
//! ```text
//!   Live ──force──▶ Parked     behind a force: effects wait as data until the disk is done
//!     └──crash────▶ Dead       a crash fell here: nothing happens any more
//!   Behind                     an earlier handler's grouped force is unfinished: records go to
//!                              the log at once, everything else waits; records too if one of
//!                              the earlier handler's still waits, for the log keeps their order
//!     └──overtake──▶ Overtaking   the handler says that what it does shows nothing unfinished
//! ```
//!
//! Nobody else runs at the instant of a handler, so a live effect may act at once; a list exists
//! only behind a force. The observable order is the same as if all effects were listed first and
//! then performed one by one, which is how to think of it: a crash may fall between any two.
//! Collecting every effect in a list was rejected, for it costs a third of the engine's speed.
//!
//! By default the node is busy while it forces, like a thread blocked on fsync. With
//! [`Ctx::force_grouped`] it goes on handling events; its memory then shows what is not yet
//! durable, so all its later effects queue behind the unfinished force.
//!
//! What logs a record gives it back as it was handed in, so a building block that logs its own
//! record applies its own record and need not know what its host makes of it.

use super::{
    core::{Core, Effect, EffectOf, FORCING, Parked, Wait},
    device::{FileEffect, Job, Target},
    disk::{Disk, FileName},
    effects::After,
    operations::Answer,
    protocol::{Logged, Protocol, Step},
    script::{ChoiceName, Decision},
};
use crate::base::{
    draws::{Purpose, below, name_word},
    ids::{ClientId, NodeId, NodeSet, OpId, Topic},
    quantity::Probability,
    time::{Duration, Time},
};
use serde::{Deserialize, Serialize};

/// How long a timer runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Delay {
    /// Exactly this long on the node's clock.
    Exactly(Duration),
    /// Drawn evenly between the two.
    Between(Duration, Duration),
}

impl From<Duration> for Delay {
    fn from(span: Duration) -> Self {
        Self::Exactly(span)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Live,
    Behind,
    Overtaking,
    Parked,
    Dead,
}

/// A handler's hands. See the module for what order and crashes mean.
pub struct Ctx<'a, P: Protocol> {
    me: NodeId,
    config: &'a P::Config,
    core: &'a mut Core<P>,
    mode: Mode,
    effects_left: u32,
    /// How many effects this handler has parked since its last force.
    parked: u32,
    force: Option<Forced>,
    waits: Wait,
}

/// The force that a handler's later effects wait for.
#[derive(Clone, Copy)]
struct Forced {
    until: Job,
    step: u16,
    label: u16,
}

impl<'a, P: Protocol> Ctx<'a, P> {
    pub(super) fn new(me: NodeId, config: &'a P::Config, core: &'a mut Core<P>) -> Self {
        let cell = core.cell(me);
        let mode = match cell.held_records {
            0 if cell.parked.is_empty() => Mode::Live,
            0 => Mode::Behind,
            _ => Mode::Parked, // The log keeps the order in which memory saw the records.
        };
        let effects_left = cell.doom().map_or(u32::MAX, |doom| doom.effects_left);
        Self { me, config, core, mode, effects_left, parked: 0, force: None, waits: Wait::Handler }
    }

    /// Hands that only list: every effect is parked, as if behind a force that never ends.
    pub(super) fn listing(me: NodeId, config: &'a P::Config, core: &'a mut Core<P>) -> Self {
        Self { mode: Mode::Parked, ..Self::new(me, config, core) }
    }

    /// Hands whose effects come before all that waits: for what cannot wait for a disk that failed.
    pub(super) fn urgent(me: NodeId, config: &'a P::Config, core: &'a mut Core<P>) -> Self {
        Self { mode: Mode::Live, effects_left: u32::MAX, ..Self::new(me, config, core) }
    }

    /// This node.
    pub fn me(&self) -> NodeId {
        self.me
    }

    /// The protocol's settings.
    pub fn config(&self) -> &'a P::Config {
        self.config
    }

    /// The node's own wall clock: skewed, drifting, sometimes set back.
    pub fn now(&mut self) -> Time {
        if self.core.aside.is_some() {
            self.core.note_clock_read();
        }
        self.core.read_clock(self.me)
    }

    /// Who asked for an operation.
    pub fn asked_by(&self, op: OpId) -> ClientId {
        self.core.asked_by(op)
    }

    /// When an operation was asked for, on the clock of the client.
    pub fn asked_at(&self, op: OpId) -> Time {
        self.core.asked_at(op)
    }

    /// Sends a message. A message to oneself is a call: it arrives at once, cannot be lost, and is
    /// counted apart.
    #[inline]
    pub fn send(&mut self, to: NodeId, message: impl Into<P::Message>) {
        let message = message.into();
        if self.live() {
            let after = self.core.transmit(self.me, to, message);
            self.go_on(after);
        } else {
            self.park(|| Effect::Send(to, message));
        }
    }

    /// Sends a message to each of these nodes, lowest first.
    pub fn broadcast(&mut self, to: NodeSet, message: &P::Message) {
        for node in to.iter() {
            self.send(node, message.clone());
        }
    }

    /// Writes a record and waits until it is durable: what follows happens after that, and the
    /// node takes no input until then. Where the scenario leaves the step out, the record is only
    /// written.
    #[must_use = "a record changes state by apply"]
    pub fn force<R: Clone + Into<P::Record>>(&mut self, step: P::Step, record: R) -> Logged<R> {
        self.force_for(step, record, Wait::Node)
    }

    /// Like [`Ctx::force`], but the node goes on handling events while the disk works; forces that
    /// wait share the next one.
    #[must_use = "a record changes state by apply"]
    pub fn force_grouped<R: Clone + Into<P::Record>>(
        &mut self,
        step: P::Step,
        record: R,
    ) -> Logged<R> {
        self.force_for(step, record, Wait::Handler)
    }

    fn force_for<R: Clone + Into<P::Record>>(
        &mut self,
        step: P::Step,
        record: R,
        wait: Wait,
    ) -> Logged<R> {
        let index = step.index() as u16;
        if self.core.setup.ablated >> index & 1 == 1 {
            self.step(step);
            return self.write(record);
        }
        let logged = Logged::new(record.clone());
        if self.mode == Mode::Behind || self.live() {
            match self.core.force(self.me, index, record.into()) {
                After::Waits(until, label) => {
                    self.wait_for(Forced { until, step: index, label }, wait);
                }
                After::GoesOn | After::Crashes => self.mode = Mode::Dead,
            }
        } else {
            self.park(|| Effect::Force(index, record.into(), wait));
        }
        logged
    }

    /// Writes a record that becomes durable with the next force, if no crash comes first.
    #[must_use = "a record changes state by apply"]
    pub fn write<R: Clone + Into<P::Record>>(&mut self, record: R) -> Logged<R> {
        let logged = Logged::new(record.clone());
        if self.mode == Mode::Behind || self.follows_grouped_force() || self.live() {
            self.core.write(self.me, record.into());
        } else {
            self.park(|| Effect::Write(record.into()));
        }
        logged
    }

    /// Replaces the whole log by one record that says the same, durably and at once.
    #[must_use = "a record changes state by apply"]
    pub fn checkpoint<R: Clone + Into<P::Record>>(&mut self, record: R) -> Logged<R> {
        let logged = Logged::new(record.clone());
        if self.live() {
            self.core.checkpoint(self.me, record.into());
        } else {
            self.park(|| Effect::Checkpoint(record.into()));
        }
        logged
    }

    /// Marks a named step in the order of effects, and answers whether the scenario keeps it.
    pub fn step(&mut self, step: P::Step) -> bool {
        let index = step.index() as u16;
        if self.mode == Mode::Behind || self.live() {
            let after = self.core.mark(self.me, index);
            self.go_on(after);
        } else {
            self.park(|| Effect::Mark(index));
        }
        self.core.setup.ablated >> index & 1 == 0
    }

    /// Wakes this node later, on its own clock. An equal timer that is set already is replaced.
    #[inline]
    pub fn set_timer(&mut self, delay: impl Into<Delay>, timer: impl Into<P::Timer>) {
        let (delay, timer) = (delay.into(), timer.into());
        if self.live() {
            self.core.set_timer(self.me, delay, timer);
        } else {
            self.park(|| Effect::SetTimer(delay, timer));
        }
    }

    /// Takes a timer back, if it is set.
    pub fn cancel_timer(&mut self, timer: impl Into<P::Timer>) {
        let timer = timer.into();
        if self.live() {
            self.core.cancel_timer(self.me, &timer);
        } else {
            self.park(|| Effect::CancelTimer(timer));
        }
    }

    /// Answers a client.
    pub fn reply(&mut self, op: OpId, answer: Answer) {
        if self.live() {
            self.core.reply(self.me, op, answer);
        } else {
            self.park(|| Effect::Reply(op, answer));
        }
    }

    /// Tosses a coin of this node's, named by a label and a topic.
    pub fn chance(&mut self, label: &str, topic: impl Into<Topic>, chance: Probability) -> bool {
        let sure = matches!(chance, Probability::NEVER | Probability::ALWAYS);
        match self.branch(if sure { 1 } else { 2 }) {
            Some(_) if sure => chance == Probability::ALWAYS,
            Some(comes_true) => comes_true == 1,
            None => self.drawn(label, topic.into(), |word| u64::from(chance.happens(word))) != 0,
        }
    }

    /// What follows in this handler does not wait for grouped forces of earlier handlers: for
    /// effects that show nothing but what is durable, such as an answer about old data. Where a
    /// change of the log or of files waits already, it waits all the same.
    pub fn overtake(&mut self) {
        if self.mode == Mode::Behind {
            self.mode = Mode::Overtaking;
        }
    }

    /// Chooses a number from 0 to `bound − 1` (at most 16 of them, so that all can be explored),
    /// named by a label and a topic.
    ///
    /// # Panics
    /// When `bound` is 0 or above 16.
    pub fn choose(&mut self, label: &str, topic: impl Into<Topic>, bound: u64) -> u64 {
        assert!((1..=16).contains(&bound), "a choice has 1 to 16 possibilities");
        match self.branch(bound) {
            Some(chosen) => chosen,
            None => self.drawn(label, topic.into(), |word| below(word, bound)).min(bound - 1),
        }
    }

    /// Where every possibility is explored: the one whose turn it is.
    fn branch(&mut self, bound: u64) -> Option<u64> {
        if self.core.aside.is_some() { self.core.choose(bound) } else { None }
    }

    fn drawn(&mut self, label: &str, topic: Topic, choose: impl Fn(u64) -> u64) -> u64 {
        let name = self.core.names.endpoints[usize::from(self.me.0)];
        let key = self.core.draws.key(Purpose::Node, [name, name_word(label), topic.0, 0]);
        let attempt = self.core.attempt(key);
        let drawn = choose(key.word(attempt, 0));
        let name = ChoiceName::new(self.me, label, topic, attempt + 1);
        let chosen = self.core.setup.script.choice(name).unwrap_or(drawn);
        if self.core.trace.records() {
            self.core.ledger.push(Decision::Choice(name, label.to_owned(), chosen));
        }
        chosen
    }

    /// Whether the next effect acts at once. Counts down to a crash between two effects.
    #[inline]
    fn live(&mut self) -> bool {
        match self.mode {
            Mode::Live if self.effects_left == 0 => {
                self.mode = Mode::Dead;
                false
            }
            Mode::Live => {
                self.effects_left -= 1;
                true
            }
            Mode::Overtaking => true,
            Mode::Behind | Mode::Parked | Mode::Dead => false,
        }
    }

    /// Whether nothing stands between this handler's grouped force and what comes now: a record
    /// then joins the log at once, so that later handlers can go on sharing forces.
    fn follows_grouped_force(&self) -> bool {
        self.force.is_some() && self.waits == Wait::Handler && self.parked == 0
    }

    #[inline]
    fn go_on(&mut self, after: After) {
        if after == After::Crashes {
            self.mode = Mode::Dead;
        }
    }

    pub(super) fn core(&mut self) -> &mut Core<P> {
        self.core
    }

    pub(super) fn disk(&mut self) -> &mut Disk {
        &mut self.core.cell(self.me).disk
    }

    /// Whether the next effect acts at once, for effects that nobody waits for.
    pub(super) fn acts_now(&mut self) -> bool {
        self.live()
    }

    /// Whether something that changes the log or files waits.
    pub(super) fn has_parked_changes(&mut self) -> bool {
        self.core.cell(self.me).held_records > 0
    }

    /// A change of files joins those before it at once, as records do.
    pub(super) fn touch(&mut self, effect: impl FnOnce() -> FileEffect) {
        if self.touches_now() {
            self.core.touch(self.me, effect());
        } else {
            self.park(|| Effect::File(Box::new(effect())));
        }
    }

    /// Whether something done to files now would be done at once.
    pub(super) fn touches_now(&mut self) -> bool {
        self.mode == Mode::Behind || self.follows_grouped_force() || self.live()
    }

    pub(super) fn sync_for(&mut self, step: P::Step, target: Target, wait: Wait) {
        let index = step.index() as u16;
        if self.core.setup.ablated >> index & 1 == 1 {
            self.step(step);
        } else if self.mode == Mode::Behind || self.live() {
            match self.core.sync(self.me, index, target) {
                After::Waits(until, label) => {
                    self.wait_for(Forced { until, step: index, label }, wait);
                }
                After::GoesOn => {}
                After::Crashes => self.mode = Mode::Dead,
            }
        } else {
            self.park(|| Effect::Sync(index, target, wait));
        }
    }

    pub(super) fn fetch(&mut self, name: FileName, first: u32, sectors: u32) {
        if self.live() {
            if let After::Waits(until, label) = self.core.fetch(self.me, name, first, sectors) {
                self.wait_for(Forced { until, step: 0, label }, Wait::Node);
            }
        } else {
            self.park(|| Effect::Fetch(name, first, sectors));
        }
    }

    #[cold]
    pub(super) fn park(&mut self, effect: impl FnOnce() -> EffectOf<P>) {
        if self.mode == Mode::Dead {
            return;
        }
        self.mode = Mode::Parked;
        self.parked += 1;
        let effect = effect();
        let cell = self.core.cell(self.me);
        cell.held_records += u32::from(effect.logs());
        cell.held.push_back(effect);
    }

    fn wait_for(&mut self, force: Forced, wait: Wait) {
        self.mode = Mode::Parked;
        self.force = Some(force);
        if wait == Wait::Node {
            self.waits = Wait::Node;
        }
    }

    /// The handler has returned: parks what waits, or lets the node die.
    #[inline]
    pub(super) fn finish(self) {
        let Self { me, core, mode, effects_left, parked, force, waits, .. } = self;
        let cell = core.cell(me);
        if let Some(doom) = cell.doom() {
            doom.effects_left = effects_left;
        }
        match mode {
            Mode::Dead => core.die(me),
            Mode::Live => core.end_handler(me),
            Mode::Behind | Mode::Overtaking => {} // A doom may belong to the handler that is still parked.
            Mode::Parked => {
                if let Some(Forced { until, step, label }) = force {
                    cell.parked.push_back(Parked { until, effects: parked, step, label });
                    if waits == Wait::Node {
                        cell.busy |= FORCING;
                    }
                } else {
                    let behind = cell.parked.back_mut();
                    behind.expect("effects park only behind an unfinished force").effects += parked;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::ids::Seed,
        engine::{
            clients::{Again, Draw, Request, Target, Workload},
            facts::Facts,
            operations::Operation,
            protocol::Placement,
            runner::With,
            setup::Setup,
            trace::Recording,
            world::World,
        },
    };
    use std::sync::Arc;

    crate::steps! {
        enum GroupStep {
            /// The first record of a request.
            Force => "order",
        }
    }

    /// For each request forces one record in a group and writes another behind it, at times with
    /// the answer between the two.
    #[derive(Clone, Debug, Default, Serialize)]
    struct Pairs {
        applied: Vec<u32>,
    }

    impl Protocol for Pairs {
        const NAME: &'static str = "Pairs";
        const SUMMARY: &'static str = "two records per request";
        type Config = ();
        type Message = ();
        type Record = u32;
        type Timer = ();
        type Step = GroupStep;

        fn topology((): &()) -> Vec<Placement> {
            vec![Placement::new("node", "node").serving_clients()]
        }

        fn new((): &(), _: NodeId) -> Self {
            Self::default()
        }

        fn on_request(&mut self, op: OpId, _: Operation, ctx: &mut Ctx<'_, Self>) {
            self.apply(ctx.force_grouped(GroupStep::Force, op.0 * 2));
            if op.0 % 8 == 3 {
                ctx.reply(op, Answer::Done);
            }
            self.apply(ctx.write(op.0 * 2 + 1));
            if op.0 % 8 != 3 {
                ctx.reply(op, Answer::Done);
            }
        }

        fn apply(&mut self, record: Logged<u32>) {
            self.applied.push(record.into_inner());
        }

        fn on_boot(&mut self, _: &mut Ctx<'_, Self>) {}
        fn on_message(&mut self, _: NodeId, (): (), _: &mut Ctx<'_, Self>) {}
        fn on_timer(&mut self, (): (), _: &mut Ctx<'_, Self>) {}
        fn facts(_: &u32, _: &mut Facts) {}
    }

    #[derive(Debug)]
    struct Requests;

    impl Workload for Requests {
        fn clients(&self) -> u16 {
            1
        }

        fn first(&self, _: &mut Draw<'_>) -> Duration {
            Duration::ZERO
        }

        fn next(&self, _: &mut Draw<'_>) -> Request {
            let again = Again::After(Duration::from_micros(300));
            Request { operation: Operation::Audit, target: Target::Any, again }
        }
    }

    #[test]
    fn the_log_has_the_order_in_which_records_were_applied() {
        let until = Time::from_millis(10);
        let setup = Setup { until, ..Setup::calm(Arc::new(Requests)) };
        let mut world: World<Pairs> = With::new(()).world(Arc::new(setup));
        world.reset(Seed(0), Recording::HashOnly);
        world.run(&mut ());
        let logged = world.core.cells[0].log.entries().map(|(_, entry)| entry.record);
        assert_eq!(logged.collect::<Vec<_>>(), world.state(NodeId(0)).applied);
        assert_eq!(world.core.counters.operations.ok, 34);
    }
}
