//! Threads: run the blocks of a sweep and hand their results over in order.
//!
//! ```text
//!            ┌─ job 4 ─▶ thread ─┐
//!   dealer ──┼─ job 5 ─▶ thread ─┼─ (job, result) ▶ waiting ─▶ in order ─▶ fold
//!            └─ job 6 ─▶ thread ─┘                     └ never more than a few ahead
//! ```
//!
//! One thread deals: it gives a free thread the next block, folds what is next in order, and looks
//! at the clock and at Ctrl-C in between. A counter that threads draw from was tried on paper and
//! rejected: a slow block would let the others run ahead without bound, and their results wait in
//! memory. When time is up the blocks under way are finished, so the seeds done have no gap.

use crate::search::sweep::{Halt, Work, Workers};
use std::{
    collections::BTreeMap,
    ops::ControlFlow,
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::{self, ScopedJoinHandle},
    time::Duration,
};

/// The instant of the wall clock at which a sweep stops.
#[expect(clippy::disallowed_types, reason = "a limit of wall time is what was asked for")]
pub(in crate::cli) type Deadline = std::time::Instant;

/// How far the dealer lets threads run ahead of the fold, per thread.
const AHEAD: u64 = 4;
/// How often the dealer looks at the clock and at Ctrl-C.
const GLANCE: Duration = Duration::from_millis(50);

/// Threads that run blocks.
pub(in crate::cli) struct Threads<'a> {
    pub(in crate::cli) count: usize,
    pub(in crate::cli) deadline: Option<Deadline>,
    pub(in crate::cli) interrupted: &'a AtomicBool,
}

struct Done<R> {
    thread: usize,
    job: u64,
    result: R,
}

impl<R: Send> Workers<R> for Threads<'_> {
    fn run<'w>(
        &self,
        jobs: u64,
        make: &(dyn Fn() -> Work<'w, R> + Sync),
        fold: &mut dyn FnMut(u64, R) -> ControlFlow<()>,
    ) -> Halt {
        thread::scope(|scope| {
            let (done, results) = channel();
            let mut hands = Vec::new();
            for thread in 0..self.count {
                let (hand, deals) = channel();
                let done = done.clone();
                let worker = scope.spawn(move || work_off(thread, make, &deals, &done));
                hands.push((hand, worker));
            }
            Dealer { threads: self, jobs, hands, results, next: 0, running: 0 }.deal(fold)
        })
    }
}

fn work_off<'w, R>(
    thread: usize,
    make: &(dyn Fn() -> Work<'w, R> + Sync),
    deals: &Receiver<u64>,
    done: &Sender<Done<R>>,
) {
    let mut work = make();
    for job in deals {
        if done.send(Done { thread, job, result: work(job) }).is_err() {
            break;
        }
    }
}

struct Dealer<'a, 's, R> {
    threads: &'a Threads<'a>,
    jobs: u64,
    hands: Vec<(Sender<u64>, ScopedJoinHandle<'s, ()>)>,
    results: Receiver<Done<R>>,
    next: u64,
    running: usize,
}

impl<R> Dealer<'_, '_, R> {
    fn deal(mut self, fold: &mut dyn FnMut(u64, R) -> ControlFlow<()>) -> Halt {
        let mut free: Vec<usize> = (0..self.hands.len()).rev().collect();
        let mut waiting = BTreeMap::new();
        let mut folded = 0;
        loop {
            let halt = self.halt();
            while halt == Halt::Done && self.next < self.limit(folded) {
                let Some(thread) = free.pop() else { break };
                self.give(thread);
            }
            if self.running == 0 {
                return if folded == self.jobs { Halt::Done } else { halt };
            }
            let Some(Done { thread, job, result }) = self.result() else { continue };
            self.running -= 1;
            free.push(thread);
            waiting.insert(job, result);
            while let Some(result) = waiting.remove(&folded) {
                if fold(folded, result).is_break() {
                    return Halt::Done;
                }
                folded += 1;
            }
        }
    }

    fn limit(&self, folded: u64) -> u64 {
        self.jobs.min(folded + AHEAD * self.hands.len() as u64)
    }

    fn give(&mut self, thread: usize) {
        let given = self.hands[thread].0.send(self.next);
        given.expect("a thread waits for jobs until the dealer is gone");
        self.next += 1;
        self.running += 1;
    }

    fn halt(&self) -> Halt {
        if self.threads.interrupted.load(Ordering::Relaxed) {
            return Halt::Interrupted;
        }
        let late = self.threads.deadline.is_some_and(|deadline| deadline <= Deadline::now());
        if late { Halt::TimeLimit } else { Halt::Done }
    }

    fn result(&self) -> Option<Done<R>> {
        match self.results.recv_timeout(GLANCE) {
            Ok(done) => Some(done),
            Err(RecvTimeoutError::Timeout) => {
                let lost = self.hands.iter().any(|(_, worker)| worker.is_finished());
                assert!(!lost, "a thread of a sweep stopped: a panic outside of a run is ours");
                None
            }
            Err(RecvTimeoutError::Disconnected) => panic!("all threads of a sweep stopped"),
        }
    }
}
