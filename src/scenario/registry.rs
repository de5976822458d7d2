//! The registry: every protocol, workload and check that a scenario may name.
//!
//! ```text
//!   Registry::built_in() ── protocols · workloads · checks        .with_protocol(…) adds your own
//! ```
//!
//! A protocol from another crate is looked up, suggested and reported like those that are built
//! in; nothing else in the program knows a name. A global list filled by constructors before
//! `main` was rejected: whoever reads `main` should see what is there.

use crate::{
    checkers::{self, CheckEntry},
    engine::{protocol::Protocol, runner::Of, runner::Runnable},
    protocols,
    workload::{self, WorkloadEntry},
};

/// Everything that scenario files can name.
pub struct Registry {
    protocols: Vec<Box<dyn Runnable>>,
    workloads: Vec<WorkloadEntry>,
    checks: Vec<CheckEntry>,
}

impl Registry {
    /// What splitbrain brings along.
    pub fn built_in() -> Self {
        Self { protocols: protocols::all(), workloads: workload::all(), checks: checkers::all() }
    }

    /// Adds a protocol.
    #[must_use]
    pub fn with_protocol<P: Protocol>(mut self) -> Self {
        self.protocols.push(Box::new(Of::<P>::new()));
        self
    }

    /// Adds a workload.
    #[must_use]
    pub fn with_workload(mut self, entry: WorkloadEntry) -> Self {
        self.workloads.push(entry);
        self
    }

    /// Adds a check.
    #[must_use]
    pub fn with_check(mut self, entry: CheckEntry) -> Self {
        self.checks.push(entry);
        self
    }

    /// All protocols.
    pub fn protocols(&self) -> impl Iterator<Item = &dyn Runnable> {
        self.protocols.iter().map(AsRef::as_ref)
    }

    /// All workloads.
    pub fn workloads(&self) -> &[WorkloadEntry] {
        &self.workloads
    }

    /// All checks.
    pub fn checks(&self) -> &[CheckEntry] {
        &self.checks
    }
}
