//! The binary: hands the built-in registry to the command line.
fn main() {
    splitbrain::cli::main_with(splitbrain::scenario::registry::Registry::built_in());
}
