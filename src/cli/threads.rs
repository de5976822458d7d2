//! Threads: run the blocks of a sweep or a study and hand their results over in order.
//!
//! ```text
//!            ┌─ job 4 ─▶ thread ─┐
//!   dealer ──┼─ job 5 ─▶ thread ─┼─ (job, block) ─▶ waiting ─▶ in order ─▶ fold
//!            └─ job 6 ─▶ thread ─┘                     └ never more than a few ahead
//! ```
//!
//! One thread deals: it gives a free thread the next block, folds what is next in order, and looks
//! at the clock and at Ctrl-C in between. A counter that threads draw from was tried on paper and
//! rejected: a slow block would let the others run ahead without bound, and their results wait in
//! memory. When time is up the blocks under way are finished, so the seeds done have no gap.

use super::exit::Code;
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
#[derive(Clone, Copy)]
pub(in crate::cli) struct Threads<'a> {
    pub(in crate::cli) count: usize,
    pub(in crate::cli) deadline: Option<Deadline>,
    /// So many jobs are run even when the time is up.
    pub(in crate::cli) jobs_min: u64,
    pub(in crate::cli) interrupted: &'a AtomicBool,
}

/// Set when somebody pressed Ctrl-C.
pub(super) static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// The first Ctrl-C asks for what there is; the second one ends us at once.
pub(super) fn listen_to_interrupts() {
    let heard = || {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            std::process::exit(i32::from(Code::Interrupted as u8));
        }
    };
    _ = ctrlc::set_handler(heard); // Without it, Ctrl-C ends us without a word.
}

/// How many threads: as many as were asked for, or one per core.
pub(super) fn count(jobs: Option<u16>) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    jobs.map_or_else(cores, usize::from)
}

impl Threads<'_> {
    /// The instant by which one of so many jobs that are left has had its share of the time.
    pub(in crate::cli) fn share(&self, left: usize) -> Option<Deadline> {
        let now = Deadline::now();
        let left = u32::try_from(left.max(1)).unwrap_or(u32::MAX);
        self.deadline.map(|deadline| now + deadline.saturating_duration_since(now) / left)
    }

    /// Whether to stop, and why.
    pub(in crate::cli) fn halt(&self) -> Halt {
        if self.interrupted.load(Ordering::Relaxed) {
            return Halt::Interrupted;
        }
        let late = self.deadline.is_some_and(|deadline| deadline <= Deadline::now());
        if late { Halt::TimeLimit } else { Halt::Done }
    }
}

struct Done<B> {
    thread: usize,
    job: u64,
    block: B,
}

impl<B: Send> Workers<B> for Threads<'_> {
    fn run<'w>(
        &self,
        jobs: u64,
        make: &(dyn Fn() -> Work<'w, B> + Sync),
        fold: &mut dyn FnMut(u64, B) -> ControlFlow<()>,
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

fn work_off<'w, B>(
    thread: usize,
    make: &(dyn Fn() -> Work<'w, B> + Sync),
    deals: &Receiver<u64>,
    done: &Sender<Done<B>>,
) {
    let mut work = make();
    for job in deals {
        if done.send(Done { thread, job, block: work(job) }).is_err() {
            break;
        }
    }
}

struct Dealer<'a, 's, B> {
    threads: &'a Threads<'a>,
    jobs: u64,
    hands: Vec<(Sender<u64>, ScopedJoinHandle<'s, ()>)>,
    results: Receiver<Done<B>>,
    next: u64,
    running: usize,
}

impl<B> Dealer<'_, '_, B> {
    fn deal(mut self, fold: &mut dyn FnMut(u64, B) -> ControlFlow<()>) -> Halt {
        let mut free: Vec<usize> = (0..self.hands.len()).rev().collect();
        let mut waiting = BTreeMap::new();
        let mut folded = 0;
        loop {
            let halt = self.threads.halt();
            while self.goes_on(halt) && self.next < self.limit(folded) {
                let Some(thread) = free.pop() else { break };
                self.give(thread);
            }
            if self.running == 0 {
                return if folded == self.jobs { Halt::Done } else { halt };
            }
            let Some(Done { thread, job, block }) = self.result() else { continue };
            self.running -= 1;
            free.push(thread);
            waiting.insert(job, block);
            while let Some(block) = waiting.remove(&folded) {
                if fold(folded, block).is_break() {
                    return Halt::Done;
                }
                folded += 1;
            }
        }
    }

    fn goes_on(&self, halt: Halt) -> bool {
        match halt {
            Halt::Done => true,
            Halt::TimeLimit => self.next < self.threads.jobs_min,
            Halt::Interrupted => false,
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

    fn result(&self) -> Option<Done<B>> {
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
