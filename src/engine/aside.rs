//! What is set aside: where every order is explored, time decides nothing and latencies are not
//! drawn; where a timed run is compared with that, it keeps what it ever sent.
//!
//! ```text
//!   handler ──effects.rs──▶ send · set_timer · force · reply · chance
//!                             │ Untimed: put into the tray, the explorer decides
//!                             └ Timed: noted as the past, and time goes on as usual
//! ```
//!
//! The same effects code runs in both cases and asks at the very last moment, so that marks,
//! triggers, crashes and the order of effects cannot differ. A trait for two kinds of worlds was
//! rejected: it would double the code that must be alike. A run that nobody explores pays one test
//! of a pointer per effect.
//!
//! Limits: the past keeps what was sent for ever, since a set of messages never shrinks.

use super::{
    core::{Core, Envelope},
    ctx::Delay,
    device::Job,
    disk::Survivors,
    operations::Answer,
    protocol::Protocol,
    untimed::FilesKept,
};
use crate::base::{
    digest::{Fold, digest},
    ids::{NodeId, OpId},
    time::Duration,
};
use serde::Serialize;
use std::collections::{BTreeSet, VecDeque};

/// Where things are set aside.
#[derive(Clone, Debug)]
pub(super) enum Aside<M, T> {
    /// Time does not decide.
    Untimed(Tray<M, T>),
    /// Time decides, and this is noted.
    Timed(Past),
}

pub(super) type AsideOf<P> = Aside<<P as Protocol>::Message, <P as Protocol>::Timer>;

/// What one handler leaves behind, for the explorer to decide.
#[derive(Clone, Debug)]
pub(super) struct Tray<M, T> {
    /// Messages to other nodes, in the order of sending.
    pub(super) sent: Vec<Envelope<M>>,
    /// Messages of the node to itself that it has not handled.
    pub(super) local: Vec<Envelope<M>>,
    pub(super) answers: Vec<(OpId, Answer)>,
    /// What the disk is to do, one after the other.
    pub(super) jobs: VecDeque<Job>,
    /// Timers that are set, in the order of setting.
    pub(super) armed: Vec<Armed<T>>,
    /// Which possibility to take at each branch, and out of how many. Grows when it is too short.
    pub(super) script: Vec<(u64, u64)>,
    pub(super) branches: usize,
    pub(super) read_clock: bool,
    /// What a crash left of raw files.
    pub(super) files: Option<FilesKept>,
}

/// A timer that is set, and how long it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Armed<T> {
    pub(super) timer: T,
    pub(super) least: Duration,
    pub(super) most: Duration,
}

/// What a timed run ever sent. Keys, not messages.
#[derive(Clone, Debug, Default)]
pub(super) struct Past {
    pub(super) sent: BTreeSet<u128>,
    pub(super) answers: BTreeSet<(OpId, u128)>,
    /// Requests that a handler has begun with.
    pub(super) handled: BTreeSet<OpId>,
}

impl<M, T> Default for Tray<M, T> {
    fn default() -> Self {
        Self {
            sent: Vec::new(),
            local: Vec::new(),
            answers: Vec::new(),
            jobs: VecDeque::new(),
            armed: Vec::new(),
            script: Vec::new(),
            branches: 0,
            read_clock: false,
            files: None,
        }
    }
}

impl<M, T> Tray<M, T> {
    /// The possibility to take at the next branch.
    fn choose(&mut self, bound: u64) -> u64 {
        if bound == 1 {
            return 0;
        }
        if self.branches == self.script.len() {
            self.script.push((0, bound));
        }
        let (chosen, out_of) = self.script[self.branches];
        assert_eq!(out_of, bound, "a handler branches alike when it is run again");
        self.branches += 1;
        chosen
    }

    /// Turns the script to the next way through all branches; false when there is none left.
    pub(super) fn turn(&mut self) -> bool {
        while let Some((chosen, out_of)) = self.script.pop() {
            if chosen + 1 < out_of {
                self.script.push((chosen + 1, out_of));
                return true;
            }
        }
        false
    }
}

/// What a message is, wherever and however often it was sent: both ends and the content.
pub(super) fn message_key<M: Serialize>(envelope: &Envelope<M>) -> u128 {
    let mut fold = digest(&envelope.message).fold;
    fold.word(u64::from(envelope.from.0) << 16 | u64::from(envelope.to.0));
    fold.end()
}

/// What an answer is.
pub(super) fn answer_key(answer: Answer) -> u128 {
    digest(&answer).fold.end()
}

/// Folds all of a digest in.
pub(super) fn fold_wide(fold: &mut Fold, digest: u128) {
    fold.word(digest as u64);
    fold.word((digest >> 64) as u64);
}

impl<P: Protocol> Core<P> {
    pub(super) fn tray(&mut self) -> Option<&mut Tray<P::Message, P::Timer>> {
        match self.aside.as_deref_mut() {
            Some(Aside::Untimed(tray)) => Some(tray),
            _ => None,
        }
    }

    pub(super) fn past(&mut self) -> Option<&mut Past> {
        match self.aside.as_deref_mut() {
            Some(Aside::Timed(past)) => Some(past),
            _ => None,
        }
    }

    /// Sets a message aside; true where time does not decide when it arrives.
    #[cold]
    pub(super) fn leave_message(&mut self, envelope: &Envelope<P::Message>) -> bool {
        if let Some(past) = self.past() {
            past.sent.insert(message_key(envelope));
            return false;
        }
        self.tray().is_some_and(|tray| {
            tray.sent.push(envelope.clone());
            true
        })
    }

    /// The same for a message of a node to itself.
    #[cold]
    pub(super) fn leave_local(&mut self, envelope: &Envelope<P::Message>) -> bool {
        self.tray().is_some_and(|tray| {
            tray.local.push(envelope.clone());
            true
        })
    }

    /// The same for a force that the disk begins with.
    #[cold]
    pub(super) fn leave_force(&mut self, node: NodeId) -> bool {
        let end = self.cell(node).log.end();
        if !self.leave_job(node, Job::Log(end)) {
            return false;
        }
        self.cell(node).flushing = true;
        true
    }

    /// The same for anything that the disk is to do.
    #[cold]
    pub(super) fn leave_job(&mut self, _: NodeId, job: Job) -> bool {
        self.tray().is_some_and(|tray| {
            tray.jobs.push_back(job);
            true
        })
    }

    /// The same for a timer.
    #[cold]
    pub(super) fn leave_timer(&mut self, node: NodeId, delay: Delay, timer: &P::Timer) -> bool {
        let Some(tray) = self.tray() else { return false };
        let (least, most) = match delay {
            Delay::Exactly(span) => (span, span),
            Delay::Between(least, most) => (least, most),
        };
        tray.armed.push(Armed { timer: timer.clone(), least, most });
        self.cell(node).timers.push((timer.clone(), None));
        true
    }

    /// A timer is taken back, or set anew.
    #[cold]
    pub(super) fn disarm(&mut self, timer: &P::Timer) {
        if let Some(tray) = self.tray() {
            tray.armed.retain(|armed| armed.timer != *timer);
        }
    }

    /// The same for an answer.
    #[cold]
    pub(super) fn leave_answer(&mut self, op: OpId, answer: Answer) -> bool {
        if let Some(past) = self.past() {
            past.answers.insert((op, answer_key(answer)));
            return false;
        }
        self.tray().is_some_and(|tray| {
            tray.answers.push((op, answer));
            true
        })
    }

    /// A handler begins with a request.
    #[cold]
    pub(super) fn note_handled(&mut self, op: OpId) {
        if let Some(past) = self.past() {
            past.handled.insert(op);
        }
    }

    /// A handler reads its clock.
    #[cold]
    pub(super) fn note_clock_read(&mut self) {
        if let Some(tray) = self.tray() {
            tray.read_clock = true;
        }
    }

    /// Where every possibility is explored: the one whose turn it is.
    #[cold]
    pub(super) fn choose(&mut self, bound: u64) -> Option<u64> {
        self.tray().map(|tray| tray.choose(bound))
    }

    /// How much of the unsynced tail of a log survives, where it is the turn of each possibility.
    #[cold]
    pub(super) fn remainder(&mut self, node: NodeId) -> Option<u32> {
        let tail = self.cell(node).log.at_risk();
        self.choose(u64::from(tail) + 1).map(|kept| kept as u32)
    }

    /// Which unsynced sectors and changes of names survive, where it is the turn of each subset.
    #[cold]
    pub(super) fn each_survivor(&mut self, all: u32, names: u32) -> Option<Survivors> {
        self.tray()?;
        let each = (0..all.min(64)).map(|place| self.choose(2).unwrap_or(0) << place);
        let sectors = each.fold(0, |all, one| all | one);
        let (sectors_all, names_all) = (all, names);
        let names = self.choose(u64::from(names) + 1).unwrap_or(0) as u32;
        let files = FilesKept { sectors, sectors_all, names, names_all };
        self.tray()?.files = Some(files);
        Some(Survivors { sectors, names })
    }
}
