//! Mistakes in scenario files, as their author sees them on the terminal.
//!
//! ```text
//!   tests/malformed/NAME.ron     //      ^ here      the offending token is below the caret
//!            │                   run: (for: 6s),
//!            └── splitbrain run ──▶ stderr = NAME.txt, one error per caret, exit code 2
//! ```
//!
//! The golden texts say how a mistake reads; the carets say where it is, and were set by hand, so
//! that a wrong position cannot be blessed. `SPLITBRAIN_BLESS=1` writes the golden texts anew; they
//! are to be read before they are kept.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

const FOLDER: &str = "tests/malformed";

fn splitbrain(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_splitbrain"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments).env_remove("CLICOLOR_FORCE");
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The malformed files, as paths from the root of the repository.
fn files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let entries = fs::read_dir(root.join(FOLDER)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name());
    let mut files: Vec<PathBuf> = names
        .map(|name| Path::new(FOLDER).join(name))
        .filter(|path| path.extension().is_some_and(|extension| extension == "ron"))
        .collect();
    files.sort();
    files
}

/// Whether mistakes are to be written down instead of compared.
#[expect(clippy::disallowed_methods, reason = "the person at the keyboard decides")]
fn blesses() -> bool {
    std::env::var("SPLITBRAIN_BLESS").is_ok_and(|value| value == "1")
}

/// The places the carets of a file point at: line and column of tokens, from 1.
fn marked(content: &str) -> BTreeSet<(usize, usize)> {
    let lines: Vec<&str> = content.lines().collect();
    let is_mark = |line: &str| line.starts_with("//") && line.ends_with("^ here");
    let marks = (0..lines.len()).filter(|&number| is_mark(lines[number]));
    let place = |mark: usize| {
        let column = lines[mark].chars().position(|c| c == '^').unwrap();
        let token = (mark..lines.len()).find(|&line| !is_mark(lines[line])).unwrap();
        (token + 1, column + 1)
    };
    marks.map(place).collect()
}

/// The places that the errors on the terminal give.
fn reported(shown: &str, path: &str) -> BTreeSet<(usize, usize)> {
    let arrow = format!("--> {path}:");
    let places = shown.lines().filter_map(|line| line.trim_start().strip_prefix(&arrow));
    places
        .map(|place| {
            let (line, column) = place.split_once(':').unwrap();
            (line.parse().unwrap(), column.parse().unwrap())
        })
        .collect()
}

fn judge(path: &Path) -> Result<(), String> {
    let name = path.to_str().unwrap();
    let content = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("malformed");
    let output = splitbrain(&["run", name, "--report", "--out", out.to_str().unwrap()]);
    let shown = text(&output.stderr);
    let (marked, reported) = (marked(&content), reported(&shown, name));
    let golden = path.with_extension("txt");
    if blesses() {
        fs::write(&golden, &shown).unwrap();
    }
    let expected = fs::read_to_string(&golden).unwrap_or_default();
    let demands = [
        (output.status.code() == Some(2), format!("exits with {:?}", output.status.code())),
        (output.stdout.is_empty(), format!("prints {}", text(&output.stdout))),
        (!out.exists(), "writes files".to_owned()),
        (content.starts_with("// "), "does not begin with what is wrong".to_owned()),
        (!marked.is_empty(), "marks no place".to_owned()),
        (marked == reported, format!("marks {marked:?}, errors are at {reported:?}")),
        (
            shown.matches("error[SB").count() == marked.len(),
            "has more or fewer errors than marks".to_owned(),
        ),
        (shown == expected, format!("says\n{shown}\ninstead of\n{expected}")),
    ];
    match demands.into_iter().find(|(met, _)| !met) {
        Some((_, how)) => Err(format!("{name} {how}")),
        None => Ok(()),
    }
}

#[test]
fn every_malformed_file_is_refused_with_each_mistake_on_its_token() {
    let files = files();
    assert!(files.len() >= 20, "only {} files", files.len());
    let wrong: Vec<String> = files.iter().filter_map(|path| judge(path).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_golden_text_is_left_without_its_scenario() {
    let golden = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER)).unwrap();
    for path in golden.map(|entry| entry.unwrap().path()) {
        assert!(path.with_extension("ron").exists(), "{} tells of nothing", path.display());
    }
}

#[test]
fn a_check_of_the_folder_shows_all_mistakes_of_all_files() {
    if blesses() {
        return; // The golden texts are being written.
    }
    let output = splitbrain(&["check", FOLDER]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let shown = text(&output.stderr);
    let files = files();
    for path in &files {
        let golden = path.with_extension("txt");
        let alone = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(golden)).unwrap();
        assert!(shown.contains(&alone), "{} is not told in full", path.display());
    }
    let sum = format!("{0} of {0} files cannot be run\n", files.len());
    assert!(shown.ends_with(&sum), "{shown}");
}

#[test]
fn mistakes_as_json_are_one_document_with_the_same_places() {
    let path = format!("{FOLDER}/three_shapes.ron");
    let output = splitbrain(&["check", &path, "--format", "json"]);
    assert_eq!(output.status.code(), Some(2));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mistakes = document.as_array().unwrap();
    let place = |mistake: &serde_json::Value, axis: &str| {
        usize::try_from(mistake[axis].as_u64().unwrap()).unwrap()
    };
    let places: BTreeSet<(usize, usize)> =
        mistakes.iter().map(|one| (place(one, "line"), place(one, "column"))).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert_eq!(places, marked(&fs::read_to_string(root.join(&path)).unwrap()));
    assert!(mistakes.iter().all(|one| one["code"].as_str().unwrap().starts_with("SB")));
}
