//! What a sweep does: the command line over a profile over the defaults.
//!
//! ```text
//!   arguments ──▶ profile of scenarios/splitbrain.ron ──▶ defaults      the first that says so
//!                 quarantine of the same file ──today──▶ what does not count
//! ```
//!
//! Everything that depends on the surroundings is settled here, once, before anything runs: which
//! part of the work, which commit, which day. Later stages see numbers.

use super::Arguments;
use crate::{
    base::{digest::fold_text, text::diagnostic::suggest, time::Duration},
    cli::{
        Environment,
        exit::Code,
        pipeline::{
            service::{commit, today, variable},
            settings::{self, Choice, Profile, Settings},
        },
    },
    scenario::load::LoadError,
    search::{
        floors::Floor,
        quarantine::Known,
        seeds::{Seeds, Slice},
    },
};
use std::path::Path;

/// How many seeds, when nobody says.
const COUNT: u64 = 1_000;

/// Rotating seeds begin at multiples of this, so that two ranges are the same or have nothing in
/// common as long as a sweep has no more seeds.
const STRIDE: u64 = 1 << 20;

/// What a sweep does.
#[derive(Debug)]
pub(super) struct Chosen {
    /// The seeds, unless only those that failed are wanted.
    pub(super) seeds: Seeds,
    pub(super) slice: Slice,
    pub(super) time_limit: Option<Duration>,
    pub(super) threads: Option<u16>,
    pub(super) max_failures: Option<u64>,
    pub(super) floors: Vec<Floor>,
    settings: Settings,
}

impl Chosen {
    /// Settles what is to be done; shows what is wrong with it.
    pub(super) fn of(environment: &Environment<'_>, arguments: &Arguments) -> Result<Self, Code> {
        let mut settings = environment.settings(arguments.config.as_deref())?;
        let usage = |reason: String| environment.usage(&reason);
        let profile = profile(&settings, arguments.profile.as_deref()).map_err(usage)?;
        expire(environment, &mut settings, arguments)?;
        let slice = arguments.partition.map(|partition| partition.slice(&variable));
        let chosen = Self {
            seeds: seeds(arguments, &profile).map_err(usage)?,
            slice: slice.transpose().map_err(usage)?.unwrap_or(Slice::WHOLE),
            time_limit: arguments.time_limit.or(profile.time_limit),
            threads: arguments.jobs.or(profile.threads),
            max_failures: arguments.max_failures.or(profile.max_failures),
            floors: match arguments.require_exercised.as_slice() {
                [] => profile.floors.clone().unwrap_or_default(),
                given => given.to_vec(),
            },
            settings,
        };
        if chosen.max_failures == Some(0) {
            return Err(usage("--max-failures is at least 1".to_owned()));
        }
        let is_limited = chosen.time_limit.is_some() || chosen.max_failures.is_some();
        if arguments.partition.is_some() && is_limited {
            let name = &profile.name;
            return Err(usage(format!(
                "a part must be complete, and the profile `{name}` limits it by time or failures"
            )));
        }
        Ok(chosen)
    }

    /// What is known to fail in a scenario.
    pub(super) fn known(&self, scenario: &Path) -> Vec<Known> {
        let entries = self.settings.quarantine.iter().filter(|entry| entry.is_about(scenario));
        entries.map(|entry| entry.known.clone()).collect()
    }
}

fn profile(settings: &Settings, name: Option<&str>) -> Result<Profile, String> {
    let Some(name) = name else { return Ok(Profile::default()) };
    let known = settings.profiles.iter().find(|profile| profile.name == name);
    known.cloned().ok_or_else(|| {
        let names: Vec<&str> = settings.profiles.iter().map(|p| p.name.as_str()).collect();
        let near = suggest(name, names.iter().copied())
            .map_or_else(String::new, |near| format!(", did you mean `{near}`?"));
        format!("no profile is called `{name}`{near}\nprofiles: {}", names.join(", "))
    })
}

/// Takes what has expired out of the quarantine, and says so.
fn expire(
    environment: &Environment<'_>,
    settings: &mut Settings,
    arguments: &Arguments,
) -> Result<(), Code> {
    if settings.quarantine.is_empty() {
        return Ok(());
    }
    let today = match arguments.today {
        Some(day) => day,
        None => today().map_err(|reason| environment.usage(&reason))?,
    };
    settings.quarantine.retain(|entry| {
        let is_valid = today <= entry.known.until;
        if !is_valid {
            let (scenario, Known { failure, until, reason }) = (&entry.scenario, &entry.known);
            environment.complain(&format!(
                "the quarantine of {failure} in {scenario} has expired on {until}: {reason}\n"
            ));
        }
        is_valid
    });
    Ok(())
}

fn seeds(arguments: &Arguments, profile: &Profile) -> Result<Seeds, String> {
    if let Some(listed) = &arguments.seeds {
        return Ok(listed.clone());
    }
    let count = arguments.n.or(profile.count).unwrap_or(COUNT);
    let rotates = arguments.start.is_none() && profile.seeds == Some(Choice::Rotating);
    let first = match &arguments.rotate {
        Some(text) => rotated(text),
        None if rotates && !arguments.failed => {
            let commit = commit(&variable);
            rotated(&commit.map_err(|why| format!("profile {}: {why}", profile.name))?)
        }
        None => arguments.start.or(profile.start).unwrap_or(1),
    };
    Seeds::range(first, count)
}

/// The first seed for a commit, or whatever the text is. It is below 2^53.
fn rotated(text: &str) -> u64 {
    (fold_text(text) & 0xFFFF_FFFF) * STRIDE + 1
}

impl Environment<'_> {
    /// The settings of pipelines: of this file, of the usual one, or none.
    pub(in crate::cli) fn settings(&self, path: Option<&Path>) -> Result<Settings, Code> {
        let usual = Path::new(settings::PATH);
        let path = match path {
            None if !usual.exists() => return Ok(Settings::default()),
            given => given.unwrap_or(usual),
        };
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| self.usage(&format!("failed to read {name}: {error}")))?;
        settings::load(&text)
            .map_err(|mistakes| self.refuse(&name, &LoadError { text: text.clone(), mistakes }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_commit_has_seeds_of_its_own_that_fit_javascript() {
        let commits: Vec<String> = (0..200).map(|nth| format!("commit {nth}")).collect();
        let mut first: Vec<u64> = commits.iter().map(|commit| rotated(commit)).collect();
        assert!(first.iter().all(|seed| *seed < 1 << 53 && seed % STRIDE == 1));
        assert_eq!(rotated("commit 7"), first[7]);
        first.sort_unstable();
        first.dedup();
        assert_eq!(first.len(), 200);
    }
}
