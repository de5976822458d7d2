//! `completions`: a completion script for a shell, on stdout.
//!
//! Generated from the same definition as the help, so it cannot fall behind; nothing is installed.

use super::exit::Code;
use clap::CommandFactory;
use clap_complete::Shell;

/// Arguments of `completions`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Which shell.
    shell: Shell,
}

pub(super) fn completions(arguments: &Arguments) -> Code {
    let mut command = super::Arguments::command();
    clap_complete::generate(arguments.shell, &mut command, "splitbrain", &mut std::io::stdout());
    Code::AsExpected
}
