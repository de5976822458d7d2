//! Shrinking: the few faults, operations and decisions that a failure needs.
//!
//! ```text
//!   seed ──run, recorded──▶ freeze ──▶ calm by class ──▶ thin out ──▶ fewer nodes, shorter spans
//!                                        └── each candidate is written, loaded and run; it is kept
//!                                            while the fingerprint is the same
//!        ──▶ anchor to events ──▶ until nothing can be taken away any more
//! ```
//!
//! Every subset of a script is a script, so candidates need no repair: what is taken away happens as
//! if nothing odd had been decided. A candidate goes through the text that will be written in the
//! end, so that what was tried is what is kept. The result is 1-minimal: taking any one fault,
//! operation or decision away loses the fingerprint, which the last round has shown. Shrinking a
//! sequence of draws was rejected: taking one away gives all later ones another meaning.
//!
//! Limits: a bound on the number of runs; a result that ran into it says so.

mod anchors;
mod passes;

use super::{block::Catch, fingerprint::Fingerprint, freeze};
use crate::{
    base::{digest::fold_text, ids::Seed, text::source::Edited},
    engine::trace::Recording,
    scenario::{
        load::load,
        plan::Plan,
        registry::Registry,
        run::Run,
        write::{Draft, Size},
    },
};
use std::{collections::BTreeMap, ops::Range};

/// What shrinking came to.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The scenario, without a story.
    pub draft: Draft,
    /// Its run, recorded.
    pub seen: Seen,
    /// The whole run as a script, before anything was taken away.
    pub frozen: Draft,
    /// How large that was.
    pub before: Size,
    /// How many runs it took.
    pub runs: u32,
    /// Whether the bound on runs ended it before it was minimal.
    pub cut_short: bool,
}

/// Why a run was not shrunk.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotShrunk {
    /// The run does not fail in this way.
    #[error("this run does not violate {0}")]
    NoSuchFailure(String),
    /// The frozen run does not fail in this way.
    #[error(
        "written down as a script, the run no longer violates {0}: something in it is decided by chance and has no name"
    )]
    NotFrozen(String),
    /// The frozen run is no scenario; what is wrong with it.
    #[error("written down as a script, the run cannot be loaded: {0}")]
    NotLoaded(String),
}

/// What shrinking needs besides the run: names, a way to survive panics, and a bound on runs.
#[derive(Clone, Copy)]
pub struct Tools<'a> {
    /// Protocols, workloads and checks by name.
    pub registry: &'a Registry,
    /// Catches panics of handlers, which are failures like others.
    pub catch: &'a Catch,
    /// How many runs there may be.
    pub runs_max: u32,
}

/// Shrinks the run of a seed while it fails in the wanted way.
///
/// # Errors
/// When the run does not fail so, or cannot be frozen.
pub fn shrink(
    tools: Tools<'_>,
    plan: &Plan,
    seed: Seed,
    wanted: &Fingerprint,
) -> Result<Shrunk, NotShrunk> {
    let seen = Seen::of(plan, seed, tools.catch);
    if !seen.fails_so(wanted) {
        return Err(NotShrunk::NoSuchFailure(wanted.to_string()));
    }
    shrink_draft(tools, freeze::freeze(plan, &seen.run), wanted)
}

/// Shrinks what is a script already.
///
/// # Errors
/// When it does not fail in the wanted way.
pub fn shrink_draft(
    tools: Tools<'_>,
    frozen: Draft,
    wanted: &Fingerprint,
) -> Result<Shrunk, NotShrunk> {
    if let Err(error) = load(tools.registry, "frozen", &Edited::new(frozen.text())) {
        return Err(NotShrunk::NotLoaded(error.mistakes[0].message.clone()));
    }
    let (best, tried) = (frozen.clone(), BTreeMap::new());
    let mut shrinker = Shrinker { tools, wanted, runs: 0, best, tried };
    if !shrinker.fails(&frozen) {
        return Err(NotShrunk::NotFrozen(wanted.to_string()));
    }
    shrinker.calm_down();
    while shrinker.thin_out() | shrinker.simplify() {}
    Ok(shrinker.finish(frozen))
}

/// A run, recorded, and the panic that ended it, if one did.
#[derive(Clone, Debug)]
pub struct Seen {
    /// What was recorded.
    pub run: Run,
    /// What the panic said.
    pub panic: Option<String>,
}

impl Seen {
    /// Runs a seed and looks.
    pub fn of(plan: &Plan, seed: Seed, catch: &Catch) -> Self {
        let mut runner = plan.runner();
        let mut run = None;
        let ended = catch(&mut || run = Some(runner.run(seed, Recording::Full)));
        match (ended, run) {
            (Ok(()), Some(run)) => Self { run, panic: None },
            (ended, _) => Self { run: runner.so_far(seed), panic: ended.err() },
        }
    }

    /// The fingerprints of its failures, in the order of the checks.
    pub fn fingerprints(&self) -> Vec<Fingerprint> {
        let of_panic = |panic: &String| Fingerprint::of_panic(panic, &self.run.catalog);
        let judgements = self.run.judgements.iter();
        let violated = judgements.filter_map(|one| Fingerprint::of(one, &self.run.catalog));
        self.panic.iter().map(of_panic).chain(violated).collect()
    }

    /// Whether it fails with a fingerprint.
    pub fn fails_so(&self, wanted: &Fingerprint) -> bool {
        self.fingerprints().contains(wanted)
    }
}

struct Shrinker<'a> {
    tools: Tools<'a>,
    wanted: &'a Fingerprint,
    runs: u32,
    best: Draft,
    /// What became of candidates, by their text.
    tried: BTreeMap<u64, bool>,
}

impl Shrinker<'_> {
    /// Whether a candidate can be loaded and fails in the wanted way.
    fn fails(&mut self, candidate: &Draft) -> bool {
        let text = candidate.text();
        let name = fold_text(&text);
        if let Some(known) = self.tried.get(&name) {
            return *known;
        }
        if self.runs >= self.tools.runs_max {
            return false;
        }
        self.runs += 1;
        let plan = load(self.tools.registry, "candidate", &Edited::new(text));
        let fails = plan.is_ok_and(|plan| self.has_wanted(&plan));
        self.tried.insert(name, fails);
        fails
    }

    /// Whether a run fails in the wanted way; only hashed, for there are many.
    fn has_wanted(&self, plan: &Plan) -> bool {
        let mut runner = plan.runner();
        let mut judgements = Vec::new();
        let ended = (self.tools.catch)(&mut || judgements = runner.judge(Seed(1)).1);
        if let Err(panic) = ended {
            return Fingerprint::of_panic(&panic, &plan.catalog) == *self.wanted;
        }
        let mut found = judgements.iter().filter_map(|one| Fingerprint::of(one, &plan.catalog));
        found.any(|found| found == *self.wanted)
    }

    /// Takes a candidate that still fails.
    fn adopt(&mut self, candidate: Draft) -> bool {
        let fails = self.fails(&candidate);
        if fails {
            self.best = candidate;
        }
        fails
    }

    /// Changes the best so far, if that still fails.
    fn attempt(&mut self, change: impl FnOnce(&mut Draft)) -> bool {
        let mut candidate = self.best.clone();
        change(&mut candidate);
        self.adopt(candidate)
    }

    /// Takes items of a list away, large parts first, until no single one can go.
    fn thin<T>(&mut self, list: impl Fn(&mut Draft) -> &mut Vec<T>) -> bool {
        let length = list(&mut self.best).len();
        self.thin_by(length, |draft, places| drop(list(draft).drain(places)))
    }

    /// The same for things that are more than an item of one list.
    fn thin_by(&mut self, length: usize, remove: impl Fn(&mut Draft, Range<usize>)) -> bool {
        let mut left = length;
        let mut size = length;
        while size > 0 {
            let mut from = 0;
            while from < left {
                let until = (from + size).min(left);
                let gone = self.attempt(|draft| remove(draft, from..until));
                if gone {
                    left -= until - from;
                } else {
                    from += size;
                }
            }
            size /= 2;
        }
        left < length
    }

    /// A draft, run with everything recorded.
    fn recorded(&self, draft: &Draft) -> Seen {
        let plan = load(self.tools.registry, "shrunk", &Edited::new(draft.text()));
        let plan = plan.expect("what was adopted could be loaded");
        Seen::of(&plan, Seed(1), self.tools.catch)
    }

    fn finish(mut self, frozen: Draft) -> Shrunk {
        // Long enough for what is repaired to come to rest: the file shall hold then.
        self.attempt(|draft| draft.run_for += draft.patience);
        self.best.expect = freeze::violations(&self.recorded(&self.best).run);
        let seen = self.recorded(&self.best);
        assert!(seen.fails_so(self.wanted), "the fingerprint was kept all the way");
        let cut_short = self.runs >= self.tools.runs_max;
        let before = frozen.size();
        Shrunk { draft: self.best, seen, frozen, before, runs: self.runs, cut_short }
    }
}
