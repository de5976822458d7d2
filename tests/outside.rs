//! A crate outside: `new protocol` writes it, cargo builds it, and its own command line finds its
//! planted bug.
//!
//! ```text
//!   splitbrain new protocol box_office ──▶ = tests/outside/ ──cargo build──▶ box_office
//!     run · sweep · ablate · explore · shrink · why · reports · check, with its own protocol
//! ```
//!
//! What is under test is the seam: a protocol, a check and a workload that the library has never
//! heard of are run, suggested, explored and shrunk like those that it brings along. The crate is
//! built into the target directory of this one, with the versions of its lock file, so that only the
//! library is compiled again, and nothing is asked of a network.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

const UNDER_FAULTS: &str = "scenarios/box_office/under_faults.ron";
const PLANTED: &str = "scenarios/planted/silence_is_no_answer.ron";

struct Told {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

fn told(command: &mut Command) -> Told {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    Told { code: output.status.code(), stdout, stderr }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A new and empty folder.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("outside").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn new_protocol(path: &Path) -> Told {
    let mut command = Command::new(env!("CARGO_BIN_EXE_splitbrain"));
    told(command.args(["new", "protocol"]).arg(path).arg("--library").arg(root()))
}

/// The crate as it was written, and its program.
fn built() -> &'static (PathBuf, PathBuf) {
    static BUILT: OnceLock<(PathBuf, PathBuf)> = OnceLock::new();
    BUILT.get_or_init(|| {
        let home = folder("built").join("box_office");
        let written = new_protocol(&home);
        assert_eq!(written.code, Some(0), "{}", written.stderr);
        fs::copy(root().join("Cargo.lock"), home.join("Cargo.lock")).unwrap();
        let program = Path::new(env!("CARGO_BIN_EXE_splitbrain"));
        let target = program.parent().unwrap().parent().unwrap();
        let mut cargo = Command::new(env!("CARGO"));
        let cargo = cargo.args(["build", "--offline", "--target-dir"]).arg(target);
        for quick in ["opt-level=0", "debug=false"] {
            cargo.args(["--config", &format!("profile.dev.package.splitbrain.{quick}")]);
        }
        let built = told(cargo.current_dir(&home));
        assert_eq!(built.code, Some(0), "{}", built.stderr);
        assert!(!built.stderr.contains("warning"), "{}", built.stderr);
        (home, target.join("debug").join(format!("box_office{}", std::env::consts::EXE_SUFFIX)))
    })
}

/// Calls the program of the crate, where the crate is.
fn call(arguments: &[&str]) -> Told {
    let (home, program) = built();
    told(Command::new(program).current_dir(home).args(arguments))
}

/// Calls it, and demands that all is well.
fn well(arguments: &[&str]) -> String {
    let told = call(arguments);
    assert_eq!(told.code, Some(0), "{arguments:?}: {}{}", told.stdout, told.stderr);
    told.stdout
}

/// The smallest seed that shows the planted bug, by a sweep.
fn planted() -> String {
    let told = call(&["sweep", PLANTED, "-n", "1000", "-f", "json"]);
    assert_eq!(told.code, Some(1), "{}", told.stderr);
    let json: Value = serde_json::from_str(&told.stdout).unwrap();
    let failures = json[0]["failures"].as_array().unwrap();
    assert_eq!(failures.len(), 1, "one bug is one failure: {failures:?}");
    assert!(failures[0]["fingerprint"].as_str().unwrap().starts_with("seats.refused_unsold/"));
    failures[0]["smallest_seed"].as_str().unwrap().to_owned()
}

#[test]
fn the_crate_in_this_folder_is_what_new_protocol_writes() {
    let home = folder("written").join("box_office");
    assert_eq!(new_protocol(&home).code, Some(0));
    let mut files = Vec::new();
    gather(&home, &mut files);
    let mut kept = Vec::new();
    gather(&root().join("tests/outside"), &mut kept);
    let relative = |files: &[PathBuf], from: &Path| -> Vec<PathBuf> {
        files.iter().map(|file| file.strip_prefix(from).unwrap().to_owned()).collect()
    };
    assert_eq!(relative(&files, &home), relative(&kept, &root().join("tests/outside")));
    for (file, kept) in files.iter().zip(&kept) {
        let here = format!("path = {:?}", root().display().to_string());
        let text = fs::read_to_string(file).unwrap().replace(&here, "path = \"../..\"");
        assert_eq!(text, fs::read_to_string(kept).unwrap(), "{}", kept.display());
    }
    let again = new_protocol(&home);
    assert_eq!(again.code, Some(2));
    assert!(again.stderr.contains("exists and is left as it is"), "{}", again.stderr);
}

fn gather(folder: &Path, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() && !path.ends_with("target") {
            gather(&path, files);
        } else if path.is_file() && !path.ends_with("Cargo.lock") {
            files.push(path);
        }
    }
}

#[test]
fn a_name_that_cannot_be_is_refused() {
    let home = folder("refused");
    for (name, said) in [("quorum", "already"), ("7up", "begins with a letter"), ("std", "meaning")]
    {
        let told = new_protocol(&home.join(name));
        assert_eq!(told.code, Some(2), "{name}");
        assert!(told.stderr.contains(said), "{}", told.stderr);
        assert!(!home.join(name).exists(), "{name} is half written");
    }
}

#[test]
fn its_protocol_check_and_workload_are_listed_explained_and_suggested() {
    for (kind, name) in
        [("protocols", "BoxOffice"), ("checks", "seats.sold_once"), ("workloads", "Visitors")]
    {
        assert!(well(&["list", kind]).contains(name), "{kind}");
    }
    assert!(well(&["list", "protocols"]).contains("TwoPhaseCommit"), "those inside are there too");
    assert!(well(&["explain", "ForceSale"]).contains("on disk"));
    assert!(well(&["explain", "seats.refused_unsold"]).contains("told no"));
    let wrong = call(&["check", PLANTED, "--set", "protocol=BoxOfice()"]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.stderr.contains("did you mean `BoxOffice`"), "{}", wrong.stderr);
    assert!(well(&["check", "scenarios"]).contains("2 scenarios without mistakes"));
}

#[test]
fn it_runs_with_reports_and_holds_under_faults() {
    let out = folder("reports").to_str().unwrap().to_owned();
    let screen = well(&["run", UNDER_FAULTS, "--report", "--out", &out, "--verify-determinism"]);
    assert!(screen.contains("seats.sold_once"), "{screen}");
    let picture = Path::new(&out).join("under_faults/1/space_time.svg");
    assert!(fs::read_to_string(picture).unwrap().contains("office"));
    let floors = ["--require-exercised", "90%,crashes=50%"];
    let sweep = well(&["sweep", UNDER_FAULTS, "-n", "500", floors[0], floors[1]]);
    assert!(sweep.contains("this is not a proof"), "{sweep}");
}

#[test]
fn each_of_its_steps_is_missed_when_it_is_left_out() {
    let json = well(&["ablate", "box_office", "-n", "300", "-f", "json"]);
    for (step, property) in
        [("ForceSale", "seats.sold_once"), ("RecogniseRetry", "seats.refused_unsold")]
    {
        assert!(json.contains(step) && json.contains(property), "{step}: {json}");
    }
}

#[test]
fn its_planted_bug_is_found_shrunk_explained_and_cured() {
    let seed = planted();
    let address = format!("{PLANTED}@{seed}");
    let shrunk = folder("shrunk").join("found.ron").to_str().unwrap().to_owned();
    well(&["shrink", &address, "-o", &shrunk]);
    let kept = fs::read_to_string(&shrunk).unwrap();
    assert!(kept.contains("Violates(\"seats.refused_unsold\")"), "{kept}");
    let again = well(&["run", &shrunk]);
    assert!(again.contains("was told no"), "{again}");
    let why = well(&["why", &address]);
    assert!(why.contains("asking again"), "{why}");
    let cured = ["--set", "protocol.on_silence=AskAgain"];
    well(&["sweep", PLANTED, "-n", "1000", cured[0], cured[1]]);
}

#[test]
fn its_planted_bug_is_found_in_some_order_and_without_it_there_is_none() {
    let found = call(&["explore", PLANTED]);
    assert_eq!(found.code, Some(1), "{}{}", found.stdout, found.stderr);
    assert!(found.stdout.contains("seats.refused_unsold"), "{}", found.stdout);
    // One seat, so that somebody is refused.
    let cured = ["--set", "protocol.on_silence=AskAgain", "--set", "workload.seats=1"];
    let budgets = ["--operations", "2", "--crashes", "1"];
    let exhausted = well(&[&["explore", PLANTED][..], &cured, &budgets].concat());
    assert!(exhausted.contains("exhausted"), "{exhausted}");
}

#[test]
fn a_failing_sweep_of_it_writes_a_test_report() {
    let junit = folder("junit").join("report.xml").to_str().unwrap().to_owned();
    let told = call(&["sweep", PLANTED, "-n", "1000", "--junit", &junit]);
    assert_eq!(told.code, Some(1));
    let text = fs::read_to_string(&junit).unwrap();
    let report = roxmltree::Document::parse(&text).unwrap();
    let failure = report.descendants().find(|node| node.has_tag_name("failure")).unwrap();
    assert!(failure.text().unwrap().contains("office"), "{text}");
}
