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

use super::{fingerprint::Fingerprint, freeze};
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
use std::collections::BTreeMap;

/// What shrinking came to.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The scenario, without a story.
    pub draft: Draft,
    /// Its run, recorded.
    pub run: Run,
    /// How large the frozen run was.
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
}

/// Shrinks the run of a seed while it fails in the wanted way.
///
/// # Errors
/// When the run does not fail so, or cannot be frozen.
pub fn shrink(
    registry: &Registry,
    plan: &Plan,
    seed: Seed,
    wanted: &Fingerprint,
    runs_max: u32,
) -> Result<Shrunk, NotShrunk> {
    let run = plan.runner().run(seed, Recording::Full);
    if !fails_so(&run, wanted) {
        return Err(NotShrunk::NoSuchFailure(wanted.property.clone()));
    }
    shrink_draft(registry, freeze::freeze(plan, &run), wanted, runs_max)
}

/// Shrinks what is a script already.
///
/// # Errors
/// When it does not fail in the wanted way.
pub fn shrink_draft(
    registry: &Registry,
    frozen: Draft,
    wanted: &Fingerprint,
    runs_max: u32,
) -> Result<Shrunk, NotShrunk> {
    let mut shrinker = Shrinker {
        registry,
        wanted,
        runs: 0,
        runs_max,
        best: frozen.clone(),
        tried: BTreeMap::new(),
    };
    if !shrinker.fails(&frozen) {
        return Err(NotShrunk::NotFrozen(wanted.property.clone()));
    }
    shrinker.calm_down();
    while shrinker.thin_out() | shrinker.simplify() {}
    shrinker.finish(frozen.size())
}

/// Whether a run fails with a fingerprint.
pub fn fails_so(run: &Run, wanted: &Fingerprint) -> bool {
    let fingerprint = |judgement| Fingerprint::of(judgement, &run.catalog);
    run.judgements.iter().filter_map(fingerprint).any(|found| found == *wanted)
}

struct Shrinker<'a> {
    registry: &'a Registry,
    wanted: &'a Fingerprint,
    runs: u32,
    runs_max: u32,
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
        if self.runs >= self.runs_max {
            return false;
        }
        self.runs += 1;
        let fails = match load(self.registry, "candidate", &Edited::new(text)) {
            Ok(plan) => {
                let (_, judgements) = plan.runner().judge(Seed(1));
                let fingerprint = |judgement| Fingerprint::of(judgement, &plan.catalog);
                judgements.iter().filter_map(fingerprint).any(|found| found == *self.wanted)
            }
            Err(_) => false,
        };
        self.tried.insert(name, fails);
        fails
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
        let mut changed = false;
        let mut size = list(&mut self.best).len();
        while size > 0 {
            let mut from = 0;
            while from < list(&mut self.best).len() {
                let gone = self.attempt(|draft| {
                    let items = list(draft);
                    let until = (from + size).min(items.len());
                    items.drain(from..until);
                });
                changed |= gone;
                from += if gone { 0 } else { size };
            }
            size /= 2;
        }
        changed
    }

    /// The best so far, run with everything recorded.
    fn recorded(&self, draft: &Draft) -> Run {
        let plan = load(self.registry, "shrunk", &Edited::new(draft.text()));
        let plan = plan.expect("what was adopted could be loaded");
        plan.runner().run(Seed(1), Recording::Full)
    }

    fn finish(mut self, before: Size) -> Result<Shrunk, NotShrunk> {
        self.best.expect = freeze::violations(&self.recorded(&self.best));
        let run = self.recorded(&self.best);
        assert!(fails_so(&run, self.wanted), "the fingerprint was kept all the way");
        let cut_short = self.runs >= self.runs_max;
        Ok(Shrunk { draft: self.best, run, before, runs: self.runs, cut_short })
    }
}
