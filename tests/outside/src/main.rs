//! The program: the command line of splitbrain with a protocol, a check and a workload more.
//!
//! ```text
//!   Registry::built_in() + BoxOffice + Seats + Visitors ──▶ run, sweep, ablate, explore, shrink, …
//! ```
//!
//! Begin with `cargo run -- run scenarios/box_office/under_faults.ron`.

mod checker;
mod protocol;
mod workload;

use splitbrain::{cli, scenario::registry::Registry};
use std::process::ExitCode;

fn main() -> ExitCode {
    let registry = Registry::built_in()
        .with_protocol::<protocol::BoxOffice>()
        .with_check(checker::ENTRY)
        .with_workload(workload::ENTRY);
    cli::main_with(&registry)
}
