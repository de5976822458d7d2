//! `completions`: a completion script for a shell, on stdout.
//!
//! Generated from the same definition as the help, so it cannot fall behind; nothing is installed.

use super::{Environment, exit::Code};
use clap::CommandFactory;
use clap_complete::Shell;

/// Arguments of `completions`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Which shell.
    shell: Shell,
}

pub(super) fn completions(environment: &Environment<'_>, arguments: &Arguments) -> Code {
    let mut command = super::Arguments::command();
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "splitbrain", &mut script);
    environment.print(&String::from_utf8_lossy(&script));
    Code::AsExpected
}
