//! What a pipeline is told: one suite per scenario and variant, one case per promise or failure.
//!
//! ```text
//!   Swept ─┐                                         ┌─ JUnit       a file for test reports
//!   Run   ─┴─▶ Suite { cases: passed, failed, … } ──┼─ annotations one line per distinct failure
//!                └ story of the smallest seed        └─ summary     a page of Markdown
//! ```
//!
//! A case is a property, and each distinct failure is a case of its own, named by its fingerprint:
//! a page that compares two pipelines then tells a new bug from a known one. One case per seed was
//! rejected, for a thousand drown a page; one per scenario, because it says red and not why. A
//! case is failed or undecided if and only if the command does not exit with 0.
//!
//! Limits: stories are told of the first failures; the others have their sentence and command.

pub(super) mod github;
pub(super) mod junit;
pub(super) mod service;
pub(super) mod settings;
mod single;
mod story;

use super::Environment;
use crate::{
    base::text::diagnostic::position,
    scenario::plan::Plan,
    search::{
        fingerprint::Fingerprint,
        floors::Floor,
        summary::reproduce,
        sweep::{Head, Swept},
        tally::{Failure as Group, PropertyTally},
        verdict::{Verdict, verdict},
    },
};
pub(super) use single::OfRun;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};
pub(super) use story::{of_merged, of_seed};

/// What is told of one scenario with one variation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Suite {
    /// The file, as it was given.
    pub(super) scenario: String,
    /// What `--vary` made of it; empty when nothing varies.
    pub(super) variant: String,
    /// Its title.
    pub(super) title: String,
    /// The seeds, in words.
    pub(super) seeds: String,
    pub(super) cases: Vec<Case>,
}

/// What is told of one promise, or of one way to break it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Case {
    /// A property, a fingerprint, or what else went wrong.
    pub(super) name: String,
    /// The line of the scenario that asks for it, from 1.
    pub(super) line: usize,
    pub(super) outcome: Outcome,
}

/// What came of it. Each but the first has a sentence that says why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Passed,
    Failed(Failed),
    Undecided(String),
    /// Not put to the test, or in quarantine.
    Skipped(String),
}

/// A failure that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failed {
    /// One sentence.
    pub(super) sentence: String,
    /// What happened, on a screen of plain text; empty where it is not known.
    pub(super) story: String,
    /// The command that shows it again.
    pub(super) reproduce: String,
    /// The folder that was kept of it.
    pub(super) artifacts: Option<PathBuf>,
}

/// Tells the story of a failing seed: a screen, or nothing.
pub(super) type Tell<'a> = &'a dyn Fn(u64) -> String;

/// Folders that were kept, by fingerprint.
pub(super) type Kept = BTreeMap<String, PathBuf>;

impl Suite {
    /// What is told of a sweep. `lines` says where a property is asked for.
    pub(super) fn of_sweep(
        head: &Head,
        swept: &Swept,
        lines: &dyn Fn(&str) -> usize,
        tell: Tell<'_>,
        kept: &Kept,
    ) -> Self {
        let verdict = verdict(head, swept);
        let mut cases = Vec::new();
        for property in &head.properties {
            let outcome = of_property(head, swept, property, &verdict);
            cases.extend(outcome.map(|outcome| Case {
                name: property.clone(),
                line: lines(property),
                outcome,
            }));
        }
        for (what, group) in &swept.tally.failures {
            let outcome = of_failure(head, (what, group), &verdict, tell, kept);
            let line = lines(&what.property);
            cases.extend(outcome.map(|outcome| Case { name: what.to_string(), line, outcome }));
        }
        let variation = head.variation.iter().map(|(path, value)| format!("{path}={value}"));
        let mut suite = Self {
            scenario: head.scenario.clone(),
            variant: variation.collect::<Vec<_>>().join(" "),
            title: head.title.clone(),
            seeds: head.seeds.to_string(),
            cases,
        };
        suite.tells_the_verdict(&verdict);
        suite
    }

    /// A sweep that is not as expected has a case that says so, whatever it was.
    fn tells_the_verdict(&mut self, verdict: &Verdict) {
        let Some(why) = verdict.why() else { return };
        if self.cases.iter().any(|case| case.outcome.is_bad()) {
            return;
        }
        let outcome = match verdict {
            Verdict::Undecided(_) => Outcome::Undecided(why.to_owned()),
            _ => Outcome::Failed(Failed {
                sentence: why.to_owned(),
                story: String::new(),
                reproduce: format!("splitbrain sweep {}", self.scenario),
                artifacts: None,
            }),
        };
        self.cases.push(Case { name: "expectation".to_owned(), line: 1, outcome });
    }
}

impl Outcome {
    /// Whether the command cannot exit with 0 after this.
    pub(super) fn is_bad(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::Undecided(_))
    }
}

/// What came of a property, unless its failures tell.
fn of_property(head: &Head, swept: &Swept, name: &String, verdict: &Verdict) -> Option<Outcome> {
    let tally = &swept.tally;
    let counts = tally.properties.get(name).copied().unwrap_or_default();
    let has_failures = head.unexpected(tally).iter().any(|(what, _)| what.property == *name);
    if has_failures {
        return None;
    }
    let PropertyTally { exercised, violated, unknown, .. } = counts;
    if head.expect.contains(name) {
        return Some(match verdict.why() {
            Some(why) if violated < head.violated_min => of_why(verdict, why),
            _ => Outcome::Passed,
        });
    }
    if unknown > 0 {
        return Some(Outcome::Undecided(format!("{name} is unknown in {unknown} seeds")));
    }
    match verdict {
        Verdict::Undecided(why) if why.starts_with(&format!("{name} was put")) => {
            Some(Outcome::Undecided(why.clone()))
        }
        _ if exercised == 0 => Some(Outcome::Skipped("never put to the test".to_owned())),
        _ => Some(Outcome::Passed),
    }
}

fn of_why(verdict: &Verdict, why: &str) -> Outcome {
    match verdict {
        Verdict::Undecided(_) => Outcome::Undecided(why.to_owned()),
        _ => Outcome::Failed(Failed {
            sentence: why.to_owned(),
            story: String::new(),
            reproduce: String::new(),
            artifacts: None,
        }),
    }
}

/// What came of one kind of failure, unless it is expected.
fn of_failure(
    head: &Head,
    (what, group): (&Fingerprint, &Group),
    verdict: &Verdict,
    tell: Tell<'_>,
    kept: &Kept,
) -> Option<Outcome> {
    let Group { seeds, smallest, sentence, .. } = group;
    if head.expects(what) {
        return None;
    }
    let grave = matches!(verdict, Verdict::OurBug(_) | Verdict::Diverged(_)) && what.is_finding();
    if let Some(known) = head.quarantined(what).filter(|_| !grave) {
        let (until, reason) = (known.until, &known.reason);
        return Some(Outcome::Skipped(format!(
            "in quarantine until {until}: {reason} ({seeds} seeds, smallest {smallest}: {sentence})"
        )));
    }
    Some(Outcome::Failed(Failed {
        sentence: format!("{sentence} (in {seeds} seeds, smallest {smallest})"),
        story: tell(*smallest),
        reproduce: reproduce(head, *smallest),
        artifacts: kept.get(&what.to_string()).cloned(),
    }))
}

/// The line of a plan's text on which a property is asked for: that of its check, else the first.
pub(super) fn line_of(plan: &Plan, property: &str) -> usize {
    let judges = |check: &&crate::scenario::plan::CheckUse| {
        check.properties.iter().any(|known| known.name == property)
    };
    let check = plan.checks.iter().find(judges);
    check.map_or(1, |check| position(&plan.text, check.span().start).0)
}

/// Says which floors name something that no scenario has.
pub(super) fn floors_are_known(heads: &[&Head], floors: &[Floor]) -> Result<(), String> {
    let names = || {
        heads.iter().flat_map(|head| {
            head.properties.iter().chain(head.rules.iter().map(|(id, _)| id)).map(String::as_str)
        })
    };
    for floor in floors {
        let Some(name) = floor.of.as_deref() else { continue };
        if !names().any(|known| known == name) {
            let near = crate::base::text::diagnostic::suggest(name, names());
            let near = near.map_or_else(String::new, |near| format!(", did you mean `{near}`?"));
            return Err(format!(
                "--require-exercised {floor}: no scenario here has a property or fault `{name}`{near}"
            ));
        }
    }
    Ok(())
}

impl Environment<'_> {
    /// Writes what a pipeline is told: the file of `--junit`, and annotations where they are wanted.
    pub(super) fn publish(&self, suites: &[Suite], junit: Option<&Path>) -> Result<(), String> {
        if let Some(path) = junit {
            super::shrink::write(path, &junit::report(suites))
                .map_err(|error| format!("failed to write {}: {error}", path.display()))?;
        }
        if !self.annotates {
            return Ok(());
        }
        self.print(&github::annotations(suites));
        let Some(path) = service::variable(github::SUMMARY) else { return Ok(()) };
        github::append(Path::new(&path), &github::summary(suites))
            .map_err(|error| format!("failed to write {path}: {error}"))
    }
}
