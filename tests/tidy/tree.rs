//! Which files the house rules look at.
//!
//! ```text
//!   src ── top-level modules      tests      scenarios/<pattern>/*.ron      all that is published
//! ```
//!
//! Folders are listed rather than asked of a version control tool, so that the rules hold in an
//! unpacked archive too. A folder that does not exist has no files.

use crate::source::Source;
use std::{fs, path::Path};

/// What is made rather than written, and so not looked at.
const MADE: [&str; 4] = [".git", "book/book", "reports", "target"];

/// All of src.
pub(crate) fn src() -> Vec<Source> {
    rust_below("src")
}

/// Some top-level modules of src.
pub(crate) fn modules(names: &[&str]) -> Vec<Source> {
    src().into_iter().filter(|source| names.contains(&source.top())).collect()
}

/// All of src below the command line.
pub(crate) fn below_cli() -> Vec<Source> {
    src().into_iter().filter(|source| !["cli", "main"].contains(&source.top())).collect()
}

/// All of src and tests.
pub(crate) fn all_rust() -> Vec<Source> {
    src().into_iter().chain(rust_below("tests")).collect()
}

/// The names of the files beside a registry: `two_phase_commit`. What is below one of them is its own.
pub(crate) fn registered(folder: &str) -> Vec<String> {
    let beside =
        |source: &Source| source.path.matches('/').count() == folder.matches('/').count() + 1;
    let files = rust_below(folder).into_iter().filter(beside);
    let stems = files.map(|source| String::from(source.stem()));
    stems.filter(|stem| stem != "mod").collect()
}

/// Every scenario: `scenarios/two_phase_commit/coordinator_dies_in_the_window.ron`.
pub(crate) fn scenarios() -> Vec<String> {
    let mut files = with_extension("ron", files_below("scenarios"));
    files.retain(|path| path != "scenarios/splitbrain.ron"); // The settings of pipelines.
    files
}

/// Every file that somebody wrote, text or not.
pub(crate) fn written() -> Vec<String> {
    let mut files = files_below("");
    files.extend(files_below("reports/gallery"));
    files
}

/// The text of a file; nothing if it is missing or not text.
pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_default()
}

fn rust_below(folder: &str) -> Vec<Source> {
    let paths = with_extension("rs", files_below(folder)).into_iter();
    paths.map(|path| Source::new(path.clone(), read(&path))).collect()
}

fn with_extension(extension: &str, mut paths: Vec<String>) -> Vec<String> {
    paths.retain(|path| Path::new(path).extension().is_some_and(|end| end == extension));
    paths
}

/// Paths from the root of the repository, with slashes, in order.
fn files_below(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join(folder)).into_iter().flatten() {
        let entry = entry.expect("a folder of the repository can be listed");
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
        match entry.path().is_dir() {
            _ if MADE.contains(&path.as_str()) => {}
            true => found.extend(files_below(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
