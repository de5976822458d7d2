//! How messages and records of orchestrated sagas read on a timeline.
//!
//! ```text
//!   orchestrator → payment   Undo(step 2 of saga 1)
//!   payment                  forces undid step 2 of saga 1; balance 14 by +5, balance 15 by -5
//!   orchestrator             forces saga 1 goes back: done, undone, undone, waits, waits; compensated
//! ```
//!
//! So a timeline reads like the table of a textbook: the step, its state, its compensation. What
//! compiles itself (`derive`) was rejected: it begins with tables and versions, and lines are short.

use super::{
    At, Job, Record,
    journal::{Course, End, Row, Saga, State},
};
use crate::{blocks::database, engine::facts::SagaEnd};
use std::fmt::{Debug, Formatter, Result};

impl Debug for At {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self { saga, step } = self;
        write!(f, "step {step} of saga {saga}")
    }
}

impl Debug for Job {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        self.at.fmt(f)
    }
}

impl Debug for Record {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Saga(database::Record::Committed(commit)) => {
                let rows = commit.changes.iter().map(|change| &change.row);
                list(f, rows.filter(|row| !matches!(row, Some(Row::Plans(_)))))
            }
            Self::Service(database::Record::Committed(commit)) => {
                list(f, commit.changes.iter().filter_map(|change| change.row.as_ref()))
            }
            Self::Saga(other) => other.fmt(f),
            Self::Service(other) => other.fmt(f),
        }
    }
}

fn list<T: Tell>(f: &mut Formatter<'_>, parts: impl Iterator<Item = T>) -> Result {
    for (nth, part) in parts.enumerate() {
        if nth > 0 {
            f.write_str("; ")?;
        }
        part.tell(f)?;
    }
    Ok(())
}

/// What is told in words.
pub(super) trait Tell {
    /// Writes them.
    fn tell(&self, f: &mut Formatter<'_>) -> Result;
}

impl Tell for &Option<Row> {
    fn tell(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Some(Row::Sagas(saga)) => saga.tell(f),
            Some(Row::Ends(End { end, .. })) => f.write_str(match end {
                SagaEnd::Done => "all done",
                SagaEnd::Compensated => "compensated",
                SagaEnd::Partial => "ends in its partial plan",
                SagaEnd::Parked => "parked",
            }),
            Some(Row::Plans(_)) => Ok(()),
            None => f.write_str("taken up again"),
        }
    }
}

impl Tell for Saga {
    fn tell(&self, f: &mut Formatter<'_>) -> Result {
        let goes = match self.course {
            Course::Forward => "goes on",
            Course::Backward => "goes back",
        };
        write!(f, "saga {} {goes}: ", self.number)?;
        for (nth, state) in self.steps.iter().enumerate() {
            f.write_str(if nth > 0 { ", " } else { "" })?;
            f.write_str(match state {
                State::Waits => "waits",
                State::Called => "called",
                State::Done => "done",
                State::Refused => "refused",
                State::Undone => "undone",
            })?;
        }
        Ok(())
    }
}
