//! Every scenario in a document can be loaded.
//!
//! ```text
//!   README.md · book/**.md · "//!" and "///" of src ──▶ blocks of RON ──Scenario(…──▶ load
//! ```
//!
//! A block that begins with `Scenario(`, comments aside, is a whole file and is held to what a
//! whole file is held to; other blocks show parts of one and are left alone. Loading is all:
//! whether a scenario shows what its text says is for the tests of the scenarios.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use splitbrain::{
    base::text::{diagnostic::position, source::Edited},
    scenario::{load::load, registry::Registry},
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// A block of RON in a document.
struct Block {
    /// The line it begins at, from 1.
    line: usize,
    text: String,
}

fn gather(path: &Path, found: &mut Vec<PathBuf>) {
    if path.is_dir() {
        let entries = fs::read_dir(path).unwrap();
        for entry in entries {
            gather(&entry.unwrap().path(), found);
        }
    } else if path.extension().is_some_and(|extension| extension == "md" || extension == "rs") {
        found.push(path.to_owned());
    }
}

fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for place in ["README.md", "book", "src"] {
        gather(&root.join(place), &mut found);
    }
    found.retain(|path| path.exists() && !path.starts_with(root.join("book/book")));
    found.sort();
    found
}

/// The lines of a document; of source code only the comments, without their slashes.
fn prose(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    let is_code = path.extension().is_some_and(|extension| extension == "rs");
    let comment = |line: &str| {
        let line = line.trim_start();
        let line = line.strip_prefix("//!").or_else(|| line.strip_prefix("///")).unwrap_or("");
        line.strip_prefix(' ').unwrap_or(line).to_owned()
    };
    text.lines().map(|line| if is_code { comment(line) } else { line.to_owned() }).collect()
}

fn blocks(path: &Path) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (number, line) in prose(path).into_iter().enumerate() {
        let fence = line.trim_start().strip_prefix("```");
        match (&mut open, fence) {
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => block.text.push_str(&(line + "\n")),
            (None, Some(language)) => {
                open = Some(Block { line: number + 2, text: String::new() });
                // A block of another language is read to its end and dropped there.
                if language.trim().split(',').next() != Some("ron") {
                    open = open.map(|block| Block { line: 0, ..block });
                }
            }
            (None, None) => {}
        }
    }
    blocks.retain(|block| block.line > 0);
    blocks
}

fn is_scenario(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim_start);
    let first = lines.find(|line| !line.is_empty() && !line.starts_with("//"));
    first.is_some_and(|line| line.starts_with("Scenario("))
}

fn mistakes(path: &Path, block: &Block) -> Vec<String> {
    let Err(error) = load(&Registry::built_in(), "block", &Edited::new(&block.text)) else {
        return Vec::new();
    };
    let place = |at| block.line + position(&error.text, at).0 - 1;
    let mistakes = error.mistakes.iter();
    mistakes
        .map(|one| format!("{}:{}: {}", path.display(), place(one.span.start), one.message))
        .collect()
}

#[test]
fn every_scenario_in_a_document_can_be_loaded() {
    let mut wrong = Vec::new();
    for path in documents() {
        for block in blocks(&path).into_iter().filter(|block| is_scenario(&block.text)) {
            wrong.extend(mistakes(&path, &block));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn blocks_are_told_from_those_of_other_languages_and_know_their_lines() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("blocks.md");
    let text = "# A\n```console\n$ Scenario(\n```\n\n```ron\n// why\nScenario(x: 1)\n```\n";
    fs::write(&path, text).unwrap();
    let blocks = blocks(&path);
    let [block] = &blocks[..] else { panic!("one block of RON") };
    assert_eq!(block.text, "// why\nScenario(x: 1)\n");
    assert!(is_scenario(&block.text) && !is_scenario("(id: \"a\")"));
    assert_eq!(mistakes(&path, block).len(), 2);
    assert!(mistakes(&path, block)[0].contains(":8: "), "{:?}", mistakes(&path, block));
}

#[test]
fn the_screen_in_the_readme_is_what_its_command_prints() {
    let root = env!("CARGO_MANIFEST_DIR");
    let shown = std::process::Command::new(env!("CARGO_BIN_EXE_splitbrain"))
        .args(["run", "scenarios/two_phase_commit/coordinator_dies_in_the_window.ron"])
        .current_dir(root)
        .output()
        .unwrap();
    assert!(shown.status.success());
    let screen = String::from_utf8(shown.stdout).unwrap();
    let readme = std::fs::read_to_string(format!("{root}/README.md")).unwrap();
    assert!(readme.contains(&format!("```text\n{screen}```")), "the README shows another screen");
}
