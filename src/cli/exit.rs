//! Exit codes: the whole answer of a run, for those who read nothing else.
//!
//! ```text
//!   0 as expected   1 not as expected   2 your mistake   3 undecided   4 nothing to do
//!   5 not deterministic   70 our mistake   130 interrupted
//! ```
//!
//! One enum, one table in `--help`; a test holds them together.

use std::process::ExitCode;

/// What a command exits with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Code {
    /// Everything is as the scenarios expect.
    AsExpected = 0,
    /// A checker could not decide, or nothing was put to the test.
    Inconclusive = 3,
    /// A check failed, or an expected violation did not occur.
    NotAsExpected = 1,
    /// There was nothing to run.
    NothingToRun = 4,
    /// A run gave another result the second time.
    Diverged = 5,
    /// A mistake in the arguments or in a scenario.
    Usage = 2,
    /// A bug in splitbrain.
    OurBug = 70,
    /// Interrupted.
    Interrupted = 130,
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code as u8)
    }
}

impl Code {
    /// The graver of two: a bug of ours before a mistake of yours before a failed check.
    #[must_use]
    pub fn or_graver(self, other: Self) -> Self {
        if self.gravity() < other.gravity() { other } else { self }
    }

    fn gravity(self) -> u8 {
        match self {
            Self::AsExpected => 0,
            Self::NothingToRun => 1,
            Self::Inconclusive => 2,
            Self::NotAsExpected => 3,
            Self::Usage => 4,
            Self::Diverged => 5,
            Self::OurBug => 6,
            Self::Interrupted => 7,
        }
    }
}

/// The table in `--help`.
pub const TABLE: &str = "\
Exit codes:
  0    everything is as the scenarios expect
  1    a check failed, or an expected violation did not occur
  2    a mistake in the arguments or in a scenario
  3    inconclusive: a checker could not decide, or nothing was put to the test
  4    there was nothing to run
  5    a run gave another result the second time
  70   a bug in splitbrain
  130  interrupted";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_lists_every_code_and_no_other() {
        let all = [
            Code::AsExpected,
            Code::NotAsExpected,
            Code::Usage,
            Code::Inconclusive,
            Code::NothingToRun,
            Code::Diverged,
            Code::OurBug,
            Code::Interrupted,
        ];
        let listed: Vec<String> = TABLE
            .lines()
            .skip(1)
            .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
            .collect();
        assert_eq!(listed, all.map(|code| (code as u8).to_string()));
    }

    #[test]
    fn the_graver_code_wins() {
        assert_eq!(Code::AsExpected.or_graver(Code::Inconclusive), Code::Inconclusive);
        assert_eq!(Code::NotAsExpected.or_graver(Code::Inconclusive), Code::NotAsExpected);
        assert_eq!(Code::OurBug.or_graver(Code::Usage), Code::OurBug);
    }
}
