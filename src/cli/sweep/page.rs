//! What the page of a sweep is told: head and tally in plain numbers and words.
//!
//! ```text
//!   Head, Swept ──▶ Case { properties, failures, rules, notes } ──▶ report::sweep_page
//! ```

use super::Session;
use crate::{
    cli::run::write_page,
    report::sweep_page::{Case, Cell, Failure, Standing, sweep_page},
    search::{
        seeds::Seeds,
        statistics::{percent, upper_bound, wilson},
        summary::{groups, quoted, reproduce},
        sweep::{Head, Swept},
        verdict::{Verdict, verdict},
    },
};
use std::{fmt::Write as _, path::Path};

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
        standing: match verdict {
            Verdict::AsExpected => Standing::Met,
            Verdict::Undecided(_) => Standing::Undecided,
            Verdict::NotAsExpected(_) | Verdict::Diverged(_) | Verdict::OurBug(_) => {
                Standing::NotMet
            }
        },
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

/// Seeds as arguments of `sweep`.
pub(super) fn seeds(seeds: &Seeds) -> String {
    match seeds {
        Seeds::Range { first: 1, count } => format!("-n {count}"),
        Seeds::Range { first, count } => format!("-n {count} --start {first}"),
        Seeds::List(seeds) => {
            let seeds: Vec<String> = seeds.iter().map(u64::to_string).collect();
            format!("--seeds {}", seeds.join(","))
        }
    }
}

impl Session<'_> {
    /// Writes the page, if it is wanted.
    pub(super) fn write_page(&self, cases: &[Case]) -> Result<(), String> {
        let Some(path) = &self.arguments.report else { return Ok(()) };
        let written = write_page(path, &sweep_page("A sweep", &self.command(path), cases))?;
        self.environment.complain(&format!("wrote {written}\n"));
        Ok(())
    }

    /// What writes the same page again.
    fn command(&self, page: &Path) -> String {
        let mut command = "splitbrain sweep".to_owned();
        for path in &self.arguments.paths {
            _ = write!(command, " {}", quoted(&path.display().to_string()));
        }
        _ = write!(command, " {}", self.seeds);
        for (path, value) in &self.arguments.sets {
            _ = write!(command, " --set {}", quoted(&format!("{path}={value}")));
        }
        for vary in &self.arguments.vary {
            _ = write!(command, " --vary {}", quoted(&vary.to_string()));
        }
        command + &format!(" --report {}", quoted(&page.display().to_string()))
    }
}
