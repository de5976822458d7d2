//! `why`: what a failure needs, and what would have prevented it.
//!
//! ```text
//!   scenario@seed ──shrink──▶ script ──one change at a time──▶ holds │ still violated │ otherwise
//! ```
//!
//! The run is shrunk first, since only what a failure needs can be its cause; other settings of the
//! protocol are asked of the whole run, whose faults are all there to meet them. A line per change,
//! what prevents it first. The exit code says whether there was something to explain, and nothing
//! about the scenario: that is `run`'s business.

use super::{
    Environment, Format,
    exit::Code,
    shrink::{FailureArguments, Picked, catch, pick, shrunk, sizes},
};
use crate::{
    report::story::{learned, story},
    scenario::run::Run,
    search::{
        shrink::{Shrunk, Tools},
        why::{Changed, Kind, Outcome, why as search},
    },
};

/// Arguments of `why`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    failure: FailureArguments,
}

pub(super) fn why(environment: &Environment<'_>, arguments: &Arguments) -> Code {
    let Picked { named, wanted, seen, .. } = match pick(environment, &arguments.failure) {
        Ok(picked) => picked,
        Err(code) => return code,
    };
    let plan = &named.file.plan;
    let shrunk = match shrunk(environment, plan, named.seed, &wanted, arguments.failure.budget) {
        Ok(shrunk) => shrunk,
        Err(why) => {
            environment.complain(&format!("error: {why}\n"));
            return Code::Inconclusive;
        }
    };
    let tools =
        Tools { registry: environment.registry, catch: &catch, runs_max: arguments.failure.budget };
    let mut protocols = environment.registry.protocols();
    let protocol = protocols.find(|known| known.name() == plan.protocol);
    let alternatives = protocol.map_or(&[][..], |protocol| protocol.alternatives());
    let changed = search(tools, &shrunk, &wanted, alternatives);
    match environment.format {
        Format::Human => {
            let head = format!("{wanted} in {}@{}", plan.name, named.seed);
            environment.print(&told(&head, &shrunk, &seen.run, &changed));
        }
        Format::Json | Format::Jsonl => {
            let causes: Vec<_> = changed.iter().map(|one| object(one, &seen.run)).collect();
            let object = serde_json::json!({
                "schema": "splitbrain.event/1",
                "type": "why",
                "scenario": named.file.path.display().to_string(),
                "seed": named.seed.to_string(),
                "fingerprint": wanted.to_string(),
                "causes": causes,
            });
            environment.print(&format!("{object}\n"));
        }
    }
    Code::AsExpected
}

/// `whole` is the run that was shrunk.
fn told(head: &str, shrunk: &Shrunk, whole: &Run, changed: &[Changed]) -> String {
    let mut text = format!("{head}\nshrunk to {}\n\n", sizes(shrunk.before, shrunk.draft.size()));
    for line in story(&shrunk.seen.run) {
        text += &format!("  {line}\n");
    }
    text += "\nThe same weather, one thing changed (settings and steps in the whole run):\n";
    let mut changed: Vec<&Changed> = changed.iter().collect();
    changed.sort_by_key(|one| rank(&one.outcome));
    let width = changed.iter().map(|one| one.what.chars().count()).max().unwrap_or(0);
    for one in changed {
        let room = " ".repeat(width - one.what.chars().count());
        text += &format!("  {}{room}  {}\n", one.what, outcome(one, whole));
    }
    text
}

fn rank(outcome: &Outcome) -> u8 {
    match outcome {
        Outcome::Holds => 0,
        Outcome::Otherwise(_) => 1,
        Outcome::StillViolated => 2,
    }
}

fn outcome(one: &Changed, whole: &Run) -> String {
    match &one.outcome {
        Outcome::StillViolated => "still violated".to_owned(),
        Outcome::Otherwise(found) => {
            let found: Vec<String> = found.iter().map(ToString::to_string).collect();
            format!("fails otherwise: {}", found.join(", "))
        }
        Outcome::Holds => match how(one, whole) {
            Some(how) => format!("holds: {how}"),
            None => "holds".to_owned(),
        },
    }
}

/// How another setting prevents the failure.
fn how(one: &Changed, whole: &Run) -> Option<String> {
    let seen = one.seen.as_ref().filter(|_| one.kind == Kind::Setting)?;
    learned(whole, &seen.run)
}

fn object(one: &Changed, whole: &Run) -> serde_json::Value {
    let kind = match one.kind {
        Kind::Without => "without",
        Kind::Shorter => "shorter",
        Kind::Restored => "restored",
        Kind::Setting => "setting",
    };
    let outcome = match &one.outcome {
        Outcome::Holds => "holds",
        Outcome::StillViolated => "still_violated",
        Outcome::Otherwise(_) => "otherwise",
    };
    serde_json::json!({
        "change": one.what, "kind": kind, "outcome": outcome, "how": how(one, whole),
    })
}
