//! The binary: hands the built-in registry to the command line.
//!
//! A program of your own that adds a protocol looks just like this, with one more line.

use splitbrain::{cli, scenario::registry::Registry};
use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main_with(&Registry::built_in())
}
