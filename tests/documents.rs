//! Every scenario in a document can be loaded.
//!
//! ```text
//!   README.md · book/**.md · "//!" and "///" of src ──▶ blocks of RON ──Scenario(…──▶ load
//!   README.md ──▶ its screen, its picture, its commands, its links, its table
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

/// Calls `splitbrain` at the root of the repository.
fn call(arguments: &[&str]) -> std::process::Output {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_splitbrain"));
    command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap()
}

fn readme() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap()
}

#[test]
fn every_picture_of_the_book_is_what_its_scenario_draws() {
    let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("book/pictures");
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pictures");
    let mut seen = 0;
    for entry in fs::read_dir(pictures).unwrap() {
        let scenario = entry.unwrap().path();
        if scenario.extension().is_none_or(|extension| extension != "ron") {
            continue;
        }
        let name = scenario.file_stem().unwrap().to_str().unwrap();
        let (file, folder) = (scenario.to_str().unwrap(), out.to_str().unwrap());
        let run = call(&["run", file, "--report", "--out", folder]);
        assert!(run.status.success(), "{file}: {}", String::from_utf8_lossy(&run.stdout));
        let drawn = fs::read(out.join(name).join("1/space_time.svg")).unwrap();
        let kept = fs::read(scenario.with_extension("svg")).unwrap();
        assert!(drawn == kept, "{file} draws another picture: run it with --report and keep that");
        seen += 1;
    }
    assert!(seen > 0, "there are pictures");
}

#[test]
fn every_command_in_the_readme_is_one_of_this_program() {
    let readme = readme();
    let commands: Vec<&str> = readme.split('`').filter(|s| s.starts_with("splitbrain ")).collect();
    assert!(commands.len() > 15, "{commands:?}");
    for command in commands {
        let mut words = command.split(' ').skip(1);
        let help = call(&[words.next().unwrap(), "--help"]);
        let help = String::from_utf8(help.stdout).unwrap();
        for option in words.filter(|word| word.starts_with('-')) {
            assert!(help.contains(option), "{option} of `{command}` is not in its help");
        }
    }
}

/// The targets of all links of a text.
fn links(text: &str) -> Vec<&str> {
    text.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect()
}

#[test]
fn every_link_of_the_readme_into_the_repository_leads_somewhere() {
    let readme = readme();
    let inside = links(&readme).into_iter().filter(|link| !link.starts_with("https://"));
    for link in inside {
        let path = link.split('#').next().unwrap();
        assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(path).exists(), "{link}");
    }
}

#[test]
fn every_cell_of_the_comparison_names_its_source() {
    let readme = readme();
    let table = readme.split("## Beside others").nth(1).unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| |"));
    let mut seen = 0;
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
        assert_eq!(cells.len(), 5, "{row}");
        for cell in &cells[1..] {
            assert!(!links(cell).is_empty(), "`{cell}` has no source");
            let bare = cell.split('[').next().unwrap().trim();
            assert!(bare.is_empty(), "`{bare}` stands outside of a link");
        }
        seen += 1;
    }
    assert_eq!(seen, 9, "one row each");
}

#[test]
fn the_program_in_the_readme_is_the_one_that_is_built() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let built = fs::read_to_string(root.join("tests/outside/src/main.rs")).unwrap();
    let readme = readme();
    let shown = readme.split("```rust\n").nth(1).unwrap().split("```").next().unwrap();
    for line in shown.lines() {
        assert!(built.lines().any(|built| built.trim() == line.trim()), "{line}");
    }
}
