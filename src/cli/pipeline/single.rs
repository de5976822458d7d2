//! What a pipeline is told of a single run: one case per property.
//!
//! ```text
//!   judgements + expectation ──▶ passed │ failed, with the screen │ undecided │ skipped
//!   panic · not deterministic · a rule that never fired ──▶ a failed case of its own
//! ```
//!
//! A run is small enough to be told whole, so every failure carries its screen. The case of a
//! violated property has the property's name, not a fingerprint: one run breaks it in one way.

use super::{Case, Failed, Outcome, Suite, line_of};
use crate::{
    base::ids::Seed,
    checkers::{Judgement, Verdict},
    engine::runner::Outcome as RunOutcome,
    report::screen::{Colour, Surroundings, screen},
    scenario::{
        plan::{Met, Plan},
        run::Run,
    },
};

/// The suite of a run, while it is being told.
pub(in crate::cli) struct OfRun<'a> {
    plan: &'a Plan,
    suite: Suite,
}

impl<'a> OfRun<'a> {
    /// Nothing told yet.
    pub(in crate::cli) fn new(plan: &'a Plan, scenario: &str, seed: Seed) -> Self {
        let suite = Suite {
            scenario: scenario.to_owned(),
            variant: String::new(),
            title: plan.title.clone(),
            seeds: seed.to_string(),
            cases: Vec::new(),
        };
        Self { plan, suite }
    }

    /// Something went wrong that is no property.
    pub(in crate::cli) fn failed(
        &mut self,
        name: &str,
        sentence: String,
        story: String,
        reproduce: String,
    ) {
        let failed = Failed { sentence, story, reproduce, artifacts: None };
        self.add(name, Outcome::Failed(failed));
    }

    /// Tells of every property, and of the expectation when no property says why it is not met.
    pub(in crate::cli) fn judged(&mut self, run: &Run, met: &Met, reproduce: &str) {
        let surroundings =
            Surroundings { expected: None, reproduce: reproduce.to_owned(), reports: Vec::new() };
        let failed = |sentence: String| {
            Outcome::Failed(Failed {
                sentence,
                story: screen(run, &surroundings, Colour::Never),
                reproduce: reproduce.to_owned(),
                artifacts: None,
            })
        };
        let expected = self.plan.expect.violations();
        for Judgement { property, verdict, .. } in &run.judgements {
            let is_expected = expected.contains(property);
            let outcome = match verdict {
                Verdict::Violated(_) if is_expected => Outcome::Passed,
                Verdict::Violated(witness) => failed(witness.sentence.clone()),
                _ if is_expected => {
                    failed(format!("{property} is not violated, and the scenario expects it"))
                }
                Verdict::Holds => Outcome::Passed,
                Verdict::Unknown(why) => Outcome::Undecided(why.clone()),
                Verdict::NotExercised => Outcome::Skipped("not put to the test".to_owned()),
            };
            self.add(property, outcome);
        }
        if run.end.outcome == RunOutcome::LimitReached {
            let why = format!("stopped after {} events", run.counters.events);
            self.add("expectation", Outcome::Undecided(why));
        }
        if self.suite.cases.iter().any(|case| case.outcome.is_bad()) {
            return;
        }
        match met {
            Met::Yes => {}
            Met::No(why) => self.add("expectation", failed(why.clone())),
            Met::Undecided(why) => self.add("expectation", Outcome::Undecided(why.clone())),
        }
    }

    /// The suite, told.
    pub(in crate::cli) fn done(self) -> Suite {
        self.suite
    }

    fn add(&mut self, name: &str, outcome: Outcome) {
        let line = line_of(self.plan, name);
        self.suite.cases.push(Case { name: name.to_owned(), line, outcome });
    }
}
