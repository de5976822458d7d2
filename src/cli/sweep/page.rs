//! What the page of a sweep is told: head and tally in plain numbers and words.
//!
//! ```text
//!   Head, Swept ──▶ Case { properties, failures, rules, notes } ──▶ report::sweep_page
//! ```

use super::Session;
use crate::{
    cli::run::write_page,
    report::sweep_page::{Case, Cell, Failure, sweep_page},
    search::{
        statistics::{percent, upper_bound, wilson},
        summary::{groups, reproduce},
        sweep::{Head, Swept},
        verdict::verdict,
    },
};

/// A case as the page shows it.
pub(super) fn case(head: &Head, swept: &Swept) -> Case {
    let tally = &swept.tally;
    let share = |failed: u64| {
        let interval = wilson(failed, tally.seeds);
        format!("{} – {}", percent(interval.low), percent(interval.high))
    };
    let cell = |property: &String| {
        let counts = tally.properties.get(property).copied().unwrap_or_default();
        Cell {
            property: property.clone(),
            violated: counts.violated,
            unknown: counts.unknown,
            exercised: counts.exercised,
            share: share(counts.violated),
            is_expected: head.expect.contains(property),
        }
    };
    let failures = groups(head, swept).into_iter().map(|(what, failure)| Failure {
        fingerprint: what.to_string(),
        seeds: failure.seeds,
        share: share(failure.seeds),
        smallest: failure.smallest,
        sentence: failure.sentence.clone(),
        command: format!("{} --report", reproduce(head, failure.smallest)),
        is_expected: head.expect.contains(&what.property),
    });
    let effective = |id: &String| tally.rules.get(id).map_or(0, |rule| rule.effective);
    let expected = match head.expect.as_slice() {
        [] => "holds".to_owned(),
        properties => format!("violates {}", properties.join(", ")),
    };
    let verdict = verdict(head, swept);
    let mut notes = Vec::new();
    if tally.failing == 0 && tally.seeds > 0 {
        let bound = percent(upper_bound(tally.seeds));
        notes.push(format!(
            "no unexpected failure in {} seeds: with 95 % confidence at most {bound} of all seeds fail; \
             this is not a proof",
            tally.seeds
        ));
    }
    let variation =
        head.variation.iter().chain(&head.sets).map(|(path, value)| format!(" {path}={value}"));
    Case {
        title: head.title.clone(),
        name: head.scenario.clone() + &variation.collect::<String>(),
        expected: match verdict.why() {
            None => format!("{expected}, as the scenario says"),
            Some(why) => format!("{expected}, but {why}"),
        },
        is_met: verdict.why().is_none(),
        seeds: tally.seeds,
        properties: head.properties.iter().map(cell).collect(),
        failures: failures.collect(),
        rules: head
            .rules
            .iter()
            .map(|(id, class)| (id.clone(), class.clone(), effective(id)))
            .collect(),
        notes,
    }
}

impl Session<'_> {
    /// Writes the page, if it is wanted.
    pub(super) fn write_page(&self, cases: &[Case]) -> Result<(), String> {
        let Some(path) = &self.arguments.report else { return Ok(()) };
        let files: Vec<String> =
            self.arguments.paths.iter().map(|path| path.display().to_string()).collect();
        let command = format!("splitbrain sweep {} --report {}", files.join(" "), path.display());
        let written = write_page(path, &sweep_page("A sweep", &command, cases))?;
        self.environment.complain(&format!("wrote {written}\n"));
        Ok(())
    }
}
