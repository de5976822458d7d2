//! The service that runs a pipeline: what its environment variables say.
//!
//! ```text
//!               part of the work                          the commit
//!   GitLab      CI_NODE_INDEX (from 1) / CI_NODE_TOTAL    CI_COMMIT_SHA
//!   CircleCI    CIRCLE_NODE_INDEX (from 0) / …_TOTAL      CIRCLE_SHA1
//!   Buildkite   BUILDKITE_PARALLEL_JOB (from 0) / …_COUNT BUILDKITE_COMMIT
//!   GitHub      none: say --partition slice:M/N           GITHUB_SHA
//! ```
//!
//! Nothing here is read unless somebody asks for it: a command means the same on every machine, and
//! a step of a pipeline can be run again at home by its own words. Turning formats on because a
//! variable is set was rejected for that reason.

use crate::search::{quarantine::Day, seeds::Slice};
use std::str::FromStr;

/// Where a service says which part of the work is meant.
struct Node {
    index: &'static str,
    of: &'static str,
    /// What the first part is called.
    first: u64,
}

const NODES: [Node; 3] = [
    Node { index: "CI_NODE_INDEX", of: "CI_NODE_TOTAL", first: 1 },
    Node { index: "CIRCLE_NODE_INDEX", of: "CIRCLE_NODE_TOTAL", first: 0 },
    Node { index: "BUILDKITE_PARALLEL_JOB", of: "BUILDKITE_PARALLEL_JOB_COUNT", first: 0 },
];

/// Where services say which commit is tested.
const COMMITS: [&str; 5] =
    ["GITHUB_SHA", "CI_COMMIT_SHA", "CIRCLE_SHA1", "BUILDKITE_COMMIT", "GIT_COMMIT"];

/// What is known of the surroundings: the value of a variable, if it is set and not empty.
pub(in crate::cli) type Variable<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The variables of this process.
#[expect(
    clippy::disallowed_methods,
    reason = "the environment is read in cli, when it is asked for"
)]
pub(in crate::cli) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Which part of a sweep is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Partition {
    /// This one.
    Slice(Slice),
    /// The one that the service has given to this job.
    Ci,
}

impl FromStr for Partition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "ci" {
            return Ok(Self::Ci);
        }
        text.parse().map(Self::Slice).map_err(|error| format!("{error}; or `ci`"))
    }
}

impl Partition {
    /// The slice that is meant.
    pub(in crate::cli) fn slice(self, variable: Variable<'_>) -> Result<Slice, String> {
        match self {
            Self::Slice(slice) => Ok(slice),
            Self::Ci => slice_of_service(variable),
        }
    }
}

fn slice_of_service(variable: Variable<'_>) -> Result<Slice, String> {
    let known = NODES.iter().find_map(|node| Some((node, variable(node.of)?)));
    let Some((node, of)) = known else {
        let names: Vec<String> =
            NODES.iter().map(|Node { index, of, .. }| format!("{index} and {of}")).collect();
        return Err(format!(
            "--partition ci reads {}, and none of them is set; say slice:1/4",
            names.join(", or ")
        ));
    };
    let number = |name: &str, value: &str| {
        value.parse::<u64>().map_err(|_| format!("{name} is `{value}`, which is no number"))
    };
    let of = number(node.of, &of)?;
    // GitLab sets only the total for a job that is not split.
    let index = match variable(node.index) {
        None if of == 1 => return Ok(Slice::WHOLE),
        None => return Err(format!("{} is {of}, and {} is not set", node.of, node.index)),
        Some(index) => number(node.index, &index)?,
    };
    let place = index.checked_sub(node.first).map_or(0, |place| place + 1);
    let slice = format!("slice:{place}/{of}").parse();
    slice.map_err(|error: String| format!("{} is {index} of {of}: {error}", node.index))
}

/// The commit that is tested, if a service says so.
pub(in crate::cli) fn commit(variable: Variable<'_>) -> Result<String, String> {
    let commit = COMMITS.iter().find_map(|name| variable(name));
    commit.ok_or_else(|| {
        format!(
            "its seeds rotate with the commit, and none of {} is set: say --rotate COMMIT, or --start 1",
            COMMITS.join(", ")
        )
    })
}

/// Today at Greenwich.
#[expect(clippy::disallowed_types, reason = "what is in quarantine expires by the calendar")]
pub(in crate::cli) fn today() -> Result<Day, String> {
    let now = std::time::SystemTime::now();
    let seconds = now.duration_since(std::time::SystemTime::UNIX_EPOCH).map_or(0, |t| t.as_secs());
    Day::of_epoch_seconds(seconds).ok_or_else(|| "the clock shows no day of a calendar".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(set: &[(&str, &str)]) -> Result<Slice, String> {
        let variable = |name: &str| {
            let found = set.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Partition::Ci.slice(&variable)
    }

    #[test]
    fn every_service_counts_its_jobs_in_its_own_way() {
        let second_of_four = Ok(Slice { index: 2, of: 4 });
        assert_eq!(slice(&[("CI_NODE_INDEX", "2"), ("CI_NODE_TOTAL", "4")]), second_of_four);
        let circle = [("CIRCLE_NODE_INDEX", "1"), ("CIRCLE_NODE_TOTAL", "4")];
        assert_eq!(slice(&circle), second_of_four);
        let kite = [("BUILDKITE_PARALLEL_JOB", "1"), ("BUILDKITE_PARALLEL_JOB_COUNT", "4")];
        assert_eq!(slice(&kite), second_of_four);
        assert_eq!(slice(&[("CI_NODE_TOTAL", "1")]), Ok(Slice::WHOLE));
    }

    #[test]
    fn a_part_that_cannot_be_is_refused() {
        assert!(slice(&[]).is_err_and(|said| said.contains("CI_NODE_INDEX and CI_NODE_TOTAL")));
        assert!(slice(&[("CI_NODE_TOTAL", "4")]).is_err_and(|said| said.contains("is not set")));
        for index in ["0", "5", "x", "-1"] {
            let set = [("CI_NODE_INDEX", index), ("CI_NODE_TOTAL", "4")];
            assert!(slice(&set).is_err_and(|said| said.contains("CI_NODE_INDEX")), "{index}");
        }
    }

    #[test]
    fn a_partition_is_a_slice_or_what_the_service_says() {
        assert_eq!("ci".parse(), Ok(Partition::Ci));
        assert_eq!("slice:2/4".parse(), Ok(Partition::Slice(Slice { index: 2, of: 4 })));
        assert!("half".parse::<Partition>().is_err_and(|said| said.contains("or `ci`")));
    }
}
