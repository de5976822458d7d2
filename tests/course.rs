//! The course as students and teachers meet it, and its exercises held to what they promise.
//!
//! ```text
//!   audit ── starts fail, solutions pass, typical wrong answers fail
//!   init ─▶ list ─▶ verify ─▶ hint · reset ─▶ watch ─▶ solved      grade ─▶ points in three formats
//!   book/src/course/*.md ◀── the same data, byte for byte
//! ```
//!
//! Every test starts the binary in a folder of its own. Solutions are taken from the exercises: what
//! is right is said in one place.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use serde_json::Value;
use splitbrain::course::{
    load::{Course, Exercise, built_in},
    model::Part,
    page,
    verify::edited,
};
use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

fn course() -> Course {
    Course::read(&built_in()).map_err(|wrong| wrong.file).unwrap()
}

/// A new and empty folder for one test.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("course").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_splitbrain"));
    command.current_dir(folder).arg("exercise").args(arguments);
    command
}

/// Calls `splitbrain exercise`: exit code, stdout, stderr.
fn call(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = command(folder, arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// A folder with all exercises as they are handed out.
fn desk(name: &str) -> PathBuf {
    let root = folder(name);
    let (code, _, stderr) = call(&root, &["init"]);
    assert_eq!(code, Some(0), "{stderr}");
    root.join("course")
}

fn solve(desk: &Path, id: &str) {
    let course = course();
    let exercise = course.find(id).unwrap();
    for part in exercise.file.parts() {
        let text = edited(exercise.start(part.file()), part.solution()).unwrap();
        fs::write(desk.join(&exercise.folder).join(part.file()), text).unwrap();
    }
}

fn replace(path: &Path, old: &str, new: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(old), "{old} in {text}");
    fs::write(path, text.replace(old, new)).unwrap();
}

#[test]
fn starts_fail_solutions_pass_and_typical_wrong_answers_fail() {
    let (code, stdout, stderr) = call(&folder("audit"), &["audit", "--seeds", "200"]);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    assert_eq!(stdout.matches(": sound").count(), course().exercises.len(), "{stdout}");
}

#[test]
fn an_audit_finds_a_solution_that_fails_a_start_that_passes_and_a_wrong_answer_that_does() {
    let root = folder("audit_of_bad_ones");
    for (path, text) in built_in() {
        if path.starts_with("01_") || path == "course.ron" {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }
    let audit = || {
        let (code, stdout, _) = call(&root, &["--course", ".", "audit", "--seeds", "20"]);
        (code, stdout)
    };
    assert_eq!(audit().0, Some(0));
    let start = root.join("01_two_phase_blocking/scenario.ron");
    let exercise = root.join("01_two_phase_blocking/exercise.ron");
    let (good, solved) = ("At(\"1s\")", "Before(event: Step(\"ForceDecision\"))");
    replace(&start, good, solved);
    let (code, stdout) = audit();
    assert_eq!(code, Some(1));
    assert!(stdout.contains("the start shall not pass"), "{stdout}");
    replace(&start, solved, good);
    let exact = "Before(event: Step(\\\"ForceDecision\\\"), nth: 1)";
    replace(&exercise, exact, "At(\\\"700ms\\\")");
    let (code, stdout) = audit();
    assert_eq!(code, Some(1));
    assert!(stdout.contains("the solution passes with the seeds that are seen, but failed"));
    replace(&exercise, "At(\\\"700ms\\\")", exact);
    replace(&exercise, "At(\\\"503ms\\\")", exact);
    let (code, stdout) = audit();
    assert_eq!(code, Some(1));
    assert!(stdout.contains("`another time of the clock` shall not pass"), "{stdout}");
}

#[test]
fn the_list_says_what_is_there_and_what_is_still_to_come() {
    let desk = desk("list");
    let (code, stdout, _) = call(&desk, &["list"]);
    assert_eq!(code, Some(0));
    let (there, to_come) = stdout.split_once("still to come").unwrap();
    for exercise in &course().exercises {
        assert!(there.contains(&exercise.id) && !to_come.contains(&exercise.id), "{stdout}");
    }
    for planned in &course().to_come {
        assert!(to_come.contains(&planned.id) && to_come.contains(&planned.needs), "{stdout}");
    }
    let planned = &course().to_come[0].id;
    let (code, _, stderr) = call(&desk, &["verify", planned]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("still to come"), "{stderr}");
    let (_, json, _) = call(&desk, &["list", "--format", "json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["exercises"].as_array().unwrap().len(), course().exercises.len());
}

#[test]
fn the_first_exercise_is_solved_by_a_seed_a_word_and_a_number() {
    let desk = desk("first");
    let (code, stdout, _) = call(&desk, &["verify"]);
    assert_eq!(code, Some(1));
    assert!(stdout.contains("not answered yet"), "{stdout}");
    // What the task tells to do: sweep, and take the seed that it names.
    let sweep = Command::new(env!("CARGO_BIN_EXE_splitbrain"))
        .current_dir(desk.join("00_hello_drop"))
        .args(["sweep", "first.ron", "-n", "50"])
        .output()
        .unwrap();
    let told = String::from_utf8(sweep.stdout).unwrap();
    let seed = told.split("smallest seed ").nth(1).unwrap().split([',', '\n']).next().unwrap();
    let answers = desk.join("00_hello_drop/answers.ron");
    replace(&answers, "silent: \"?\"", &format!("silent: {seed}"));
    replace(&answers, "knows: \"?\"", "knows: No");
    replace(&desk.join("00_hello_drop/scenario.ron"), "loss: \"0%\"", "loss: \"3%\"");
    let (code, stdout, stderr) = call(&desk, &["verify"]);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    assert!(stdout.contains("solved") && stdout.contains("next  01_two_phase_blocking/task.md"));
    assert!(call(&desk, &["list"]).1.contains("✔ solved   0  hello_drop"));
}

#[test]
fn only_what_is_fenced_in_may_change() {
    let desk = desk("fence");
    let scenario = desk.join("01_two_phase_blocking/scenario.ron");
    replace(&scenario, "down: \"5s\"", "down: \"9s\"");
    let (code, stdout, _) = call(&desk, &["verify", "1"]);
    assert_eq!(code, Some(2));
    let says = "line 8: you changed faults.window.do.down, which was \"5s\"";
    assert!(stdout.contains(says), "{stdout}");
    let (_, stdout, _) = call(&desk, &["reset", "two_phase_blocking"]);
    assert!(stdout.contains("scenario.ron.bak"), "{stdout}");
    assert!(!fs::read_to_string(&scenario).unwrap().contains("9s"));
    let kept = desk.join("01_two_phase_blocking/scenario.ron.bak");
    assert!(fs::read_to_string(kept).unwrap().contains("9s"));
}

#[test]
fn a_mistake_is_shown_on_its_line() {
    let desk = desk("mistake");
    replace(&desk.join("01_two_phase_blocking/scenario.ron"), "At(\"1s\")", "Bfore(\"1s\")");
    let (code, stdout, stderr) = call(&desk, &["verify", "1"]);
    assert_eq!(code, Some(2));
    assert!(stdout.contains("refused"), "{stdout}");
    assert!(stderr.contains("01_two_phase_blocking/scenario.ron:8:"), "{stderr}");
    assert!(stderr.contains("did you mean `Before`?"), "{stderr}");
}

#[test]
fn a_wrong_answer_tells_the_story_of_a_seed_that_can_be_run_again() {
    let desk = desk("story");
    replace(&desk.join("12_quorum/availability.ron"), "r: One, w: One", "r: Quorum, w: Quorum");
    let (code, stdout, _) = call(&desk, &["verify", "quorum"]);
    assert_eq!(code, Some(1));
    assert!(stdout.contains("linearizable is violated in"), "{stdout}");
    let look = stdout.lines().find(|line| line.contains("look  ")).unwrap();
    let words: Vec<&str> = look.split_whitespace().skip(2).collect();
    let ran = Command::new(env!("CARGO_BIN_EXE_splitbrain"))
        .current_dir(&desk)
        .args(&words)
        .output()
        .unwrap();
    assert_eq!(ran.status.code(), Some(1), "{look}");
    assert!(stdout.contains("linearizable: no order of the calls"), "{stdout}");
}

#[test]
fn there_are_three_hints_one_at_a_time() {
    let desk = desk("hints");
    for shown in 1..=3 {
        let (_, stdout, _) = call(&desk, &["hint", "quorum"]);
        assert_eq!(stdout.matches("hint ").count(), shown, "{stdout}");
    }
    let (_, stdout, _) = call(&desk, &["hint", "quorum"]);
    assert!(stdout.contains("there are no more hints"), "{stdout}");
}

#[test]
fn watch_judges_again_when_a_file_is_saved_and_ends_when_all_is_solved() {
    let desk = desk("watch");
    let mut ids: Vec<String> = course().exercises.into_iter().map(|one| one.id).collect();
    let last = ids.pop().unwrap();
    let solved = serde_json::json!({ "solved": ids, "hints": {} });
    fs::write(desk.join("progress.json"), solved.to_string()).unwrap();
    let mut child = command(&desk, &["watch"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.starts_with("watching")));
    solve(&desk, &last);
    assert!(lines.any(|line| line == "That was the last one."));
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_grade_counts_parts_and_is_the_same_for_every_salt_that_is_the_same() {
    let desk = desk("grade");
    solve(&desk, "two_phase_blocking");
    let scenario = desk.join("00_hello_drop/scenario.ron");
    replace(&scenario, "loss: \"0%\"", "loss: \"4%\"");
    let arguments = ["grade", "--salt", "autumn-7391", "--seeds", "50", "--json", "g.json"];
    let files = ["--junit", "g.xml", "--gradescope", "results.json"];
    let (code, stdout, stderr) = call(&desk, &[&arguments[..], &files].concat());
    assert_eq!(code, Some(0), "{stderr}");
    let read = |name: &str| fs::read_to_string(desk.join(name)).unwrap();
    let json: Value = serde_json::from_str(&read("g.json")).unwrap();
    let all: u32 = course().exercises.iter().map(Exercise::points).sum();
    assert_eq!((&json["score"], &json["max_score"]), (&15.into(), &all.into()), "{stdout}");
    assert_eq!(json["exercises"][0]["score"], 5);
    assert!(!read("g.json").contains("autumn-7391"), "students read this file");
    let scope: Value = serde_json::from_str(&read("results.json")).unwrap();
    assert_eq!(scope["score"], 15);
    let xml = read("g.xml");
    let document = roxmltree::Document::parse(&xml).unwrap();
    let cases = document.descendants().filter(|node| node.has_tag_name("testcase"));
    let failed = document.descendants().filter(|node| node.has_tag_name("failure")).count();
    let parts: usize = course().exercises.iter().map(|one| one.file.parts().count()).sum();
    assert_eq!((cases.count(), failed), (parts, parts - 2));
    let again = call(&desk, &arguments).1;
    assert_eq!(again, stdout);
    // A grade is not taken from the note of what is solved.
    let ids: Vec<String> = course().exercises.into_iter().map(|one| one.id).collect();
    let note = serde_json::json!({ "solved": ids, "hints": {} });
    fs::write(desk.join("progress.json"), note.to_string()).unwrap();
    assert_eq!(call(&desk, &arguments).1, stdout);
}

#[test]
fn an_answer_that_fits_only_the_seeds_one_can_see_gets_no_points() {
    // A course of one exercise whose visible seeds are two, and whose demand two seeds meet by luck.
    let root = folder("lucky");
    for (path, text) in built_in() {
        if path.starts_with("01_") || path == "course.ron" {
            let path = root.join("own").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }
    let exercise = root.join("own/01_two_phase_blocking/exercise.ron");
    replace(&exercise, "        points: 10,\n", "        points: 10,\n        seeds: 1,\n");
    let text = fs::read_to_string(&exercise).unwrap();
    let (head, tail) = text.split_once("        perturb: [").unwrap();
    let (_, tail) = tail.split_once("        ],\n").unwrap();
    fs::write(&exercise, format!("{head}{tail}")).unwrap();
    assert_eq!(call(&root, &["--course", "own", "init"]).0, Some(0));
    let scenario = root.join("course/01_two_phase_blocking/scenario.ron");
    let start = fs::read_to_string(&scenario).unwrap();
    let verified = (0..2_000_u32).find(|millis| {
        fs::write(&scenario, start.replace("At(\"1s\")", &format!("At(\"{millis}ms\")"))).unwrap();
        call(&root, &["--course", "own", "verify", "1"]).0 == Some(0)
    });
    assert!(verified.is_some(), "some instant hits the window of seed 1");
    let (_, stdout, _) = call(&root, &["--course", "own", "grade", "--seeds", "50"]);
    assert!(stdout.contains("0 of 10 points"), "{stdout}");
}

#[test]
fn the_pages_of_the_book_say_what_the_exercises_say() {
    let course = course();
    let mut pages = vec![("exercises.md".to_owned(), page::index(&course))];
    for exercise in &course.exercises {
        pages.push((format!("{}.md", exercise.folder), page::exercise(exercise)));
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("book/src/course");
    for (name, page) in &pages {
        let path = folder.join(name);
        if std::env::var_os("SPLITBRAIN_BLESS").is_some() {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&path, page).unwrap();
        }
        let written = fs::read_to_string(&path).unwrap_or_default();
        assert!(*page == written, "{name} is out of date; SPLITBRAIN_BLESS=1 writes it anew");
    }
}

#[test]
fn no_page_gives_a_solution_away_before_its_third_hint() {
    for exercise in &course().exercises {
        let page = page::exercise(exercise);
        let (before, _) = page.split_once("<summary>Hint 2").unwrap();
        for part in exercise.file.parts() {
            let Part::Scenario(part) = part else { continue };
            for (path, value) in &part.solution {
                let name = path.rsplit('.').next().unwrap();
                let written = format!("{name}: {value}");
                assert!(!before.contains(&written), "{}: {written}", exercise.id);
            }
        }
    }
}
