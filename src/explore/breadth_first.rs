//! Breadth first: level by level through all states, each expanded once.
//!
//! ```text
//!   level 1 ──▶ level 2 ──▶ … ──▶ nothing new: exhausted
//!     │           └ states in the order (parent, ordinal), so the first violation is the
//!     │             smallest of the shallowest level, and its path the shortest
//!     └ an initial state has depth 1
//! ```
//!
//! The result depends on the model and the options alone. Bounds are counts, never times: who wants
//! a time limit breaks off in the progress callback. Depth first was rejected, although it needs no
//! frontier: its counterexamples are long.
//!
//! With symmetry, one state stands for all its renamings. A counterexample is then led back to a
//! path of real states, and judged again there.
//!
//! Limits: a state is one when its key is one; where keys are digests, two of a billion states share
//! one with a chance below 10⁻²⁰. The frontier (two levels of states) is held beside the set.

use super::{
    model::{Model, Ordinal, Path, Violation, nth_initial},
    seen::{Inserted, STATES_MAX, Seen, StateId},
};
use std::ops::ControlFlow;

/// Whether renamings of a state count as one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Symmetry {
    /// Every state counts.
    #[default]
    Off,
    /// States are counted modulo renaming, where the model has one.
    Reduce,
}

/// What to do when a promise is broken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnViolation {
    /// Stop at the first.
    #[default]
    Stop,
    /// Go on, and keep the first of each property.
    Collect,
}

/// Bounds and choices of a search.
#[derive(Clone, Debug)]
pub struct Options {
    /// The most distinct states.
    pub states_max: u32,
    /// The most levels; an initial state has depth 1.
    pub depth_max: u32,
    /// Whether renamings count as one.
    pub symmetry: Symmetry,
    /// What to do when a promise is broken.
    pub on_violation: OnViolation,
    /// How many generated states lie between two calls of the progress callback; at least 1.
    pub progress_every: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            states_max: STATES_MAX,
            depth_max: u32::MAX,
            symmetry: Symmetry::Off,
            on_violation: OnViolation::Stop,
            progress_every: 1 << 18,
        }
    }
}

/// How far a search has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// States in the set.
    pub distinct: u32,
    /// States generated, initial ones included.
    pub generated: u64,
    /// The level whose states are being expanded.
    pub depth: u32,
    /// States of that level.
    pub frontier: u32,
    /// Memory of the set, in bytes.
    pub seen_bytes: u64,
}

/// A bound that can cut a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// There were more states than [`Options::states_max`].
    States,
    /// There were states deeper than [`Options::depth_max`].
    Depth,
}

/// Why a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Every reachable state was expanded.
    Exhausted,
    /// A bound left states out.
    Cut(Bound),
    /// A promise was broken, and the search was to stop there.
    Violated,
    /// The progress callback broke off.
    Interrupted,
}

/// A broken promise and the shortest way to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counterexample {
    /// What is broken.
    pub violation: Violation,
    /// How to come there.
    pub path: Path,
    /// The steps of the path, in words.
    pub story: Vec<String>,
}

/// How often a kind of action was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The kind.
    pub kind: String,
    /// States that it generated.
    pub generated: u64,
    /// Of these, states not seen before.
    pub new: u64,
}

/// What a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Distinct states.
    pub distinct: u32,
    /// States generated, initial ones included.
    pub generated: u64,
    /// States first reached at each depth; the initial ones stand first.
    pub levels: Vec<u32>,
    /// Why it ended.
    pub end: End,
    /// States that were expanded and lead to no other state.
    pub terminal: u32,
    /// The first violation of each property, in the order in which they were found.
    pub violations: Vec<Counterexample>,
    /// The kinds of actions, where the model names them; what was never taken has count 0.
    pub taken: Vec<Taken>,
    /// Memory of the set of states seen, in bytes.
    pub seen_bytes: u64,
}

impl Report {
    /// The depth of the deepest state; an initial state has depth 1.
    pub fn depth(&self) -> u32 {
        self.levels.len() as u32
    }

    /// Whether every reachable state was expanded.
    pub fn is_exhausted(&self) -> bool {
        self.end == End::Exhausted
    }

    /// States generated per hundred distinct ones.
    pub fn generated_percent(&self) -> u64 {
        self.generated * 100 / u64::from(self.distinct.max(1))
    }
}

/// What a search leaves: its report, and the set of states it saw.
#[derive(Clone, Debug)]
pub struct Explored {
    /// What was found.
    pub report: Report,
    /// The keys seen; with symmetry, those of the representatives.
    pub seen: Seen,
}

/// Explores a model, calling `progress` every so many generated states.
///
/// # Panics
/// When the model gives other successors the second time it is asked.
pub fn breadth_first<M: Model>(
    model: &M,
    options: &Options,
    progress: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
) -> Explored {
    let mut search = Search::new(model, options);
    let mut at = 0;
    model.initial(&mut |state| {
        search.take(None, Ordinal(at), state);
        at += 1;
    });
    while search.end_level() {
        search.expand_level(progress);
    }
    search.finish()
}

/// What a counterexample rests on.
#[derive(Clone, Copy)]
enum Judged {
    State,
    Stuck,
}

struct Search<'a, M: Model> {
    model: &'a M,
    options: &'a Options,
    seen: Seen,
    /// States of the level that is being expanded; the first has the id `level_start`.
    level: Vec<M::State>,
    level_start: u32,
    /// States of the next level, as far as they are known.
    next: Vec<M::State>,
    levels: Vec<u32>,
    generated: u64,
    terminal: u32,
    kinds: Vec<Taken>,
    broken: Vec<(Violation, StateId, Judged)>,
    end: Option<End>,
}

impl<'a, M: Model> Search<'a, M> {
    fn new(model: &'a M, options: &'a Options) -> Self {
        let kinds = model.kinds().into_iter();
        Self {
            model,
            options,
            seen: Seen::new(options.states_max),
            level: Vec::new(),
            level_start: 0,
            next: Vec::new(),
            levels: Vec::new(),
            generated: 0,
            terminal: 0,
            kinds: kinds.map(|kind| Taken { kind, generated: 0, new: 0 }).collect(),
            broken: Vec::new(),
            end: None,
        }
    }

    /// Closes the level that was filled; answers whether there is something to expand.
    fn end_level(&mut self) -> bool {
        self.level_start += self.level.len() as u32;
        std::mem::swap(&mut self.level, &mut self.next);
        self.next.clear();
        if !self.level.is_empty() {
            self.levels.push(self.level.len() as u32);
        }
        self.end.is_none() && !self.level.is_empty()
    }

    fn expand_level(&mut self, progress: &mut dyn FnMut(&Progress) -> ControlFlow<()>) {
        let level = std::mem::take(&mut self.level);
        let mut report_at = self.next_report();
        for (offset, state) in level.iter().enumerate() {
            self.expand(StateId(self.level_start + offset as u32), state);
            if self.end.is_some() {
                break;
            }
            if self.generated >= report_at {
                report_at = self.next_report();
                if progress(&self.progress(level.len() as u32)).is_break() {
                    self.end = Some(End::Interrupted);
                    break;
                }
            }
        }
        self.level = level;
    }

    fn next_report(&self) -> u64 {
        let every = self.options.progress_every.max(1);
        (self.generated / every + 1) * every
    }

    fn progress(&self, frontier: u32) -> Progress {
        Progress {
            distinct: self.seen.len(),
            generated: self.generated,
            depth: self.levels.len() as u32,
            frontier,
            seen_bytes: self.seen.bytes(),
        }
    }

    #[inline]
    fn expand(&mut self, id: StateId, state: &M::State) {
        let model = self.model;
        let own = model.key(state);
        let mut moved = false;
        model.successors(state, &mut |ordinal, next| {
            moved = moved || model.key(next) != own;
            self.take(Some(id), ordinal, next);
        });
        if !moved && self.end.is_none() {
            self.terminal += 1;
            if let Some(violation) = model.stuck(state) {
                self.note(violation, id, Judged::Stuck);
            }
        }
    }

    /// Takes a generated state in, if it is new and fits.
    #[inline]
    fn take(&mut self, parent: Option<StateId>, ordinal: Ordinal, state: &M::State) {
        if self.end.is_some() {
            return;
        }
        self.generated += 1;
        let representative = self.representative(state);
        let state = representative.as_ref().unwrap_or(state);
        let key = self.model.key(state);
        if self.levels.len() as u64 >= u64::from(self.options.depth_max) {
            if !self.seen.contains(key) {
                self.end = Some(End::Cut(Bound::Depth));
            }
            return self.count(parent, ordinal, 0);
        }
        match self.seen.insert(key, parent, ordinal) {
            Inserted::Known(_) => self.count(parent, ordinal, 0),
            Inserted::Full => self.end = Some(End::Cut(Bound::States)),
            Inserted::New(id) => {
                self.count(parent, ordinal, 1);
                self.next.push(state.clone());
                if let Some(violation) = self.model.violated(state) {
                    self.note(violation, id, Judged::State);
                }
            }
        }
    }

    #[inline]
    fn representative(&self, state: &M::State) -> Option<M::State> {
        match self.options.symmetry {
            Symmetry::Off => None,
            Symmetry::Reduce => self.model.canonical(state),
        }
    }

    #[inline]
    fn count(&mut self, parent: Option<StateId>, ordinal: Ordinal, new: u64) {
        if parent.is_some() && !self.kinds.is_empty() {
            let taken = &mut self.kinds[self.model.kind(ordinal)];
            taken.generated += 1;
            taken.new += new;
        }
    }

    #[cold]
    fn note(&mut self, violation: Violation, id: StateId, judged: Judged) {
        if self.broken.iter().all(|(known, ..)| known.property != violation.property) {
            self.broken.push((violation, id, judged));
        }
        if self.options.on_violation == OnViolation::Stop {
            self.end = Some(End::Violated);
        }
    }

    fn finish(self) -> Explored {
        let violations = self.broken.iter().map(|broken| self.counterexample(broken)).collect();
        let report = Report {
            distinct: self.seen.len(),
            generated: self.generated,
            end: self.end.unwrap_or(End::Exhausted),
            terminal: self.terminal,
            violations,
            seen_bytes: self.seen.bytes(),
            levels: self.levels,
            taken: self.kinds,
        };
        Explored { report, seen: self.seen }
    }

    /// Leads a broken promise back to an initial state, and judges it again where the path ends.
    fn counterexample(&self, (found, id, judged): &(Violation, StateId, Judged)) -> Counterexample {
        let ancestry = self.seen.ancestry(*id);
        let (_, start) = self.seen.origin(ancestry[0]);
        let mut state = nth_initial(self.model, start).expect("a model has its initial states");
        let (mut steps, mut story) = (Vec::new(), Vec::new());
        for next in &ancestry[1..] {
            let key = self.seen.key(*next);
            let (ordinal, then) =
                self.step_to(&state, key).expect("a model gives the same successors twice");
            story.push(self.model.describe(&state, ordinal));
            steps.push(ordinal);
            state = then;
        }
        let again = match judged {
            Judged::State => self.model.violated(&state),
            Judged::Stuck => self.model.stuck(&state),
        };
        let violation = again.expect("a promise is broken in every renaming of a state");
        assert_eq!(violation.property, found.property, "renaming changes no property");
        Counterexample { violation, path: Path { start, steps }, story }
    }

    /// The first successor whose representative has this key.
    fn step_to(&self, state: &M::State, key: u128) -> Option<(Ordinal, M::State)> {
        let mut wanted = None;
        self.model.successors(state, &mut |ordinal, next| {
            if wanted.is_some() {
                return;
            }
            let representative = self.representative(next);
            if self.model.key(representative.as_ref().unwrap_or(next)) == key {
                wanted = Some((ordinal, next.clone()));
            }
        });
        wanted
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::replay;
    use super::*;

    /// Two counters from 0 to `top`, each raised by one; the sum `forbidden` breaks a promise.
    struct Counters {
        top: u32,
        forbidden: u32,
    }

    impl Model for Counters {
        type State = (u32, u32);

        fn initial(&self, found: &mut impl FnMut(&Self::State)) {
            found(&(0, 0));
        }

        fn successors(&self, &(x, y): &Self::State, found: &mut impl FnMut(Ordinal, &Self::State)) {
            if x < self.top {
                found(Ordinal(0), &(x + 1, y));
            }
            if y < self.top {
                found(Ordinal(1), &(x, y + 1));
            }
            found(Ordinal(2), &(x, y));
        }

        fn key(&self, &(x, y): &Self::State) -> u128 {
            u128::from(x) << 32 | u128::from(y)
        }

        fn violated(&self, &(x, y): &Self::State) -> Option<Violation> {
            (x + y == self.forbidden).then(|| Violation::new("sum", format!("{x} + {y}")))
        }

        fn stuck(&self, &(x, y): &Self::State) -> Option<Violation> {
            Some(Violation::new("end", format!("{x}, {y}")))
        }

        fn canonical(&self, &(x, y): &Self::State) -> Option<Self::State> {
            Some((x.min(y), x.max(y)))
        }

        fn kinds(&self) -> Vec<String> {
            ["left", "right", "rest", "never"].map(String::from).to_vec()
        }

        fn kind(&self, ordinal: Ordinal) -> usize {
            ordinal.0 as usize
        }

        fn describe(&self, &(x, y): &Self::State, ordinal: Ordinal) -> String {
            format!("{x},{y} by {}", ordinal.0)
        }
    }

    fn go_on(_: &Progress) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn explore(model: &Counters, change: impl Fn(&mut Options)) -> Report {
        let mut options = Options { on_violation: OnViolation::Collect, ..Options::default() };
        change(&mut options);
        breadth_first(model, &options, &mut go_on).report
    }

    const CALM: Counters = Counters { top: 3, forbidden: 99 };

    #[test]
    fn everything_is_found_once_and_level_by_level() {
        let report = explore(&CALM, |_| {});
        assert_eq!((report.distinct, report.depth(), report.end), (16, 7, End::Exhausted));
        assert_eq!(report.levels, [1, 2, 3, 4, 3, 2, 1]);
        // One initial state; twelve steps per counter, and every state rests.
        assert_eq!(report.generated, 1 + 12 + 12 + 16);
        assert_eq!(report.generated_percent(), 4100 / 16);
        // Each level begins with the larger x, so (x, y) is first reached from (x, y − 1).
        let taken: Vec<_> = report.taken.iter().map(|kind| (kind.generated, kind.new)).collect();
        assert_eq!(taken, [(12, 3), (12, 12), (16, 0), (0, 0)]);
    }

    #[test]
    fn only_a_state_without_a_way_out_is_terminal() {
        let report = explore(&CALM, |_| {});
        assert_eq!(report.terminal, 1);
        assert_eq!(report.violations.len(), 1);
        assert_eq!(report.violations[0].violation, Violation::new("end", "3, 3"));
        assert_eq!(report.violations[0].path.steps.len(), 6);
    }

    #[test]
    fn the_first_violation_is_the_shortest_and_smallest() {
        let model = Counters { top: 3, forbidden: 4 };
        let report = explore(&model, |options| options.on_violation = OnViolation::Stop);
        assert_eq!(report.end, End::Violated);
        let [found] = &report.violations[..] else { panic!("one: {:?}", report.violations) };
        assert_eq!(found.violation, Violation::new("sum", "3 + 1"));
        assert_eq!(found.path.steps, [0, 0, 0, 1].map(Ordinal));
        assert_eq!(found.story, ["0,0 by 0", "1,0 by 0", "2,0 by 0", "3,0 by 1"]);
        let states = replay(&model, &found.path).expect("the path is one of the model");
        assert_eq!(states.last(), Some(&(3, 1)));
    }

    #[test]
    fn collecting_keeps_the_first_of_each_property_and_exhausts() {
        let report = explore(&Counters { top: 3, forbidden: 4 }, |_| {});
        let names: Vec<_> =
            report.violations.iter().map(|found| found.violation.property.as_ref()).collect();
        assert_eq!((names, report.end), (vec!["sum", "end"], End::Exhausted));
        assert_eq!(report.distinct, 16);
    }

    #[test]
    fn a_bound_is_named_exactly_when_it_cuts() {
        let states = |states_max| explore(&CALM, |options| options.states_max = states_max);
        let cut = (15, End::Cut(Bound::States));
        assert_eq!((states(15).distinct, states(15).end), cut);
        assert_eq!((states(16).distinct, states(16).end), (16, End::Exhausted));
        let depth = |depth_max| explore(&CALM, |options| options.depth_max = depth_max);
        assert_eq!((depth(6).depth(), depth(6).end), (6, End::Cut(Bound::Depth)));
        assert_eq!((depth(6).distinct, depth(6).terminal), (15, 0));
        assert_eq!((depth(7).depth(), depth(7).end), (7, End::Exhausted));
        assert_eq!((depth(0).distinct, depth(0).end), (0, End::Cut(Bound::Depth)));
    }

    #[test]
    fn symmetry_counts_orbits_and_keeps_the_verdict() {
        for forbidden in 0..=7 {
            let model = Counters { top: 3, forbidden };
            let all = explore(&model, |_| {});
            let orbits = explore(&model, |options| options.symmetry = Symmetry::Reduce);
            assert_eq!((all.distinct, orbits.distinct), (16, 10));
            let shortest = |report: &Report| {
                let found = report.violations.iter();
                let found = found.map(|f| (f.violation.property.clone(), f.path.steps.len()));
                found.collect::<Vec<_>>()
            };
            assert_eq!(shortest(&all), shortest(&orbits));
            for found in &orbits.violations {
                let states = replay(&model, &found.path).expect("the path is one of the model");
                let end = states.last().expect("a path has a start");
                let judged = [model.violated(end), model.stuck(end)];
                assert!(judged.contains(&Some(found.violation.clone())));
            }
        }
    }

    #[test]
    fn the_callback_sees_progress_and_can_break_off() {
        let options = Options { progress_every: 10, ..Options::default() };
        let mut seen = Vec::new();
        let explored = breadth_first(&CALM, &options, &mut |progress| {
            seen.push(*progress);
            if seen.len() == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert_eq!(explored.report.end, End::Interrupted);
        assert!(seen[0].generated >= 10 && seen[1].generated >= 20, "{seen:?}");
        assert_eq!(explored.report.distinct, seen[1].distinct);
    }

    #[test]
    fn the_same_search_gives_the_same_report() {
        let model = Counters { top: 9, forbidden: 5 };
        assert_eq!(explore(&model, |_| {}), explore(&model, |_| {}));
    }
}
