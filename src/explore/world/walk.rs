//! The steps from one state: what may happen next, in a stable order.
//!
//! ```text
//!   node by node: boot │ messages, calls, requests, timers · disk · crash     each in every way
//!   clients: ask, hear, give up        links of a multiset: lose, copy
//! ```
//!
//! One scratch state is filled for each step and lent out, so a step that leads to a known state
//! allocates nothing.

use super::{
    Inner, Move, Network, OperationState, Patience, Refused, Stage, WorldModel, WorldState,
    place_of,
};
use crate::{
    base::ids::{NodeId, OpId},
    engine::{
        operations::Ending,
        signal::What,
        untimed::{DiskIs, MessageId, Outcome, OutcomeId, SituationId, Stimulus, asked::Asked},
    },
    explore::{model::Ordinal, monitors::Teller},
};

/// The enumeration of the steps from one state.
pub(super) struct Walk<'a> {
    pub(super) model: &'a WorldModel,
    pub(super) state: &'a WorldState,
    pub(super) next: WorldState,
    pub(super) ordinal: u32,
    pub(super) found: &'a mut dyn FnMut(Ordinal, Move, &WorldState),
}

impl Walk<'_> {
    pub(super) fn node(&mut self, node: NodeId) {
        let at = self.state.nodes[usize::from(node.0)];
        let (is_up, takes_input, disk) = {
            let inner = self.model.inner.borrow();
            let situation = inner.untimed.situation(at);
            (situation.is_up, situation.takes_input, situation.disk)
        };
        if !is_up {
            self.stimulate(node, Stimulus::Boot);
            return self.misses(node);
        }
        if takes_input {
            self.inputs(node, at);
        }
        if disk != DiskIs::Idle {
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
    pub(super) fn stimulate(&mut self, node: NodeId, stimulus: Stimulus) {
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

    pub(super) fn links(&mut self) {
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

    pub(super) fn clients(&mut self) {
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
                    if self.model.patience == Patience::Ends {
                        self.end(place, Teller::GaveUp(op));
                        self.found(Move::GiveUp(op));
                    }
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
}
