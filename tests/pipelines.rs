//! Pipelines: test reports, annotations, profiles, floors, quarantine, and the recipes.
//!
//! ```text
//!   a sweep that finds something ──▶ JUnit read back as XML · annotation lines · summary · folders
//!   settings file ──▶ what a sweep does       recipes ──▶ YAML that parses, commands that exist
//! ```
//!
//! Every test starts the binary, with the variables of CI services taken away or planted. The
//! report is read by a parser that is not ours.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use roxmltree::{Document, Node};
use serde_yaml_ng::Value as Yaml;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const SWARM: &str = "scenarios/two_phase_commit/swarm.ron";
const HAPPY: &str = "scenarios/two_phase_commit/happy_path.ron";
const WINDOW: &str = "scenarios/two_phase_commit/coordinator_dies_in_the_window.ron";
const BROKEN: [&str; 2] = ["--set", "ablate=[\"AwaitEveryVote\"]"];

const VARIABLES: [&str; 12] = [
    "CI_NODE_INDEX",
    "CI_NODE_TOTAL",
    "CIRCLE_NODE_INDEX",
    "CIRCLE_NODE_TOTAL",
    "BUILDKITE_PARALLEL_JOB",
    "BUILDKITE_PARALLEL_JOB_COUNT",
    "GITHUB_SHA",
    "CI_COMMIT_SHA",
    "CIRCLE_SHA1",
    "BUILDKITE_COMMIT",
    "GIT_COMMIT",
    "GITHUB_STEP_SUMMARY",
];

struct Told {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// A new and empty folder for one test.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("pipelines").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Calls `splitbrain` with these variables of a CI service and no others.
fn call_with(variables: &[(&str, &str)], home: &Path, arguments: &[&str]) -> Told {
    let mut command = Command::new(env!("CARGO_BIN_EXE_splitbrain"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments);
    if arguments[0] == "sweep" {
        command.arg("--out").arg(home.join("memory"));
    }
    for variable in VARIABLES {
        command.env_remove(variable);
    }
    command.envs(variables.iter().copied());
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    Told { code: output.status.code(), stdout, stderr }
}

fn call(home: &Path, arguments: &[&str]) -> Told {
    call_with(&[], home, arguments)
}

fn path(home: &Path, name: &str) -> String {
    home.join(name).to_str().unwrap().to_owned()
}

/// What a case of a report came to, with its message: `failure`, `error`, `skipped` or `passed`.
fn outcome<'a>(case: &Node<'a, 'a>) -> (&'a str, &'a str) {
    let bad = case
        .children()
        .find(|child| ["failure", "error", "skipped"].contains(&child.tag_name().name()));
    bad.map_or(("passed", ""), |bad| {
        (bad.tag_name().name(), bad.attribute("message").unwrap_or_default())
    })
}

fn cases<'a>(report: &'a Document<'a>) -> Vec<Node<'a, 'a>> {
    report.descendants().filter(|node| node.has_tag_name("testcase")).collect()
}

fn named<'a>(cases: &[Node<'a, 'a>], name: &str) -> Node<'a, 'a> {
    let is_named = |case: &&Node<'_, '_>| case.attribute("name").unwrap().starts_with(name);
    *cases.iter().find(is_named).unwrap_or_else(|| panic!("no case {name}"))
}

/// What every reader of JUnit relies on.
fn is_sound(report: &Document<'_>) {
    let root = report.root_element();
    assert_eq!(root.tag_name().name(), "testsuites");
    let count = |node: &Node<'_, '_>, name: &str| -> usize {
        node.attribute(name).unwrap().parse().unwrap()
    };
    let mut sums = [0_usize; 2];
    for suite in root.children().filter(Node::is_element) {
        assert_eq!(suite.tag_name().name(), "testsuite");
        let cases: Vec<_> = suite.children().filter(|n| n.has_tag_name("testcase")).collect();
        let of = |what: &str| cases.iter().filter(|case| outcome(case).0 == what).count();
        assert_eq!(count(&suite, "tests"), cases.len());
        assert_eq!(count(&suite, "failures"), of("failure"));
        assert_eq!(count(&suite, "errors"), of("error"));
        assert_eq!(count(&suite, "skipped"), of("skipped"));
        let names: Vec<_> = cases.iter().map(|case| case.attribute("name").unwrap()).collect();
        let distinct: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(distinct.len(), names.len(), "a case is there twice: {names:?}");
        sums = [sums[0] + cases.len(), sums[1] + of("failure")];
    }
    assert_eq!([count(&root, "tests"), count(&root, "failures")], sums);
}

// Test reports.

#[test]
fn a_violated_check_is_a_failure_with_its_story_and_its_command() {
    let home = folder("violated");
    let junit = path(&home, "deep/report.xml");
    let told = call(&home, &["sweep", SWARM, "-n", "300", "--junit", &junit, BROKEN[0], BROKEN[1]]);
    assert_eq!(told.code, Some(1), "{}", told.stderr);
    let text = fs::read_to_string(&junit).unwrap();
    let report = Document::parse(&text).unwrap();
    is_sound(&report);
    let cases = cases(&report);
    let failures: Vec<_> = cases.iter().filter(|case| outcome(case).0 == "failure").collect();
    assert!(!failures.is_empty(), "{text}");
    for case in failures {
        let name = case.attribute("name").unwrap();
        assert!(told.stdout.contains(name), "the screen does not tell of {name}");
        let failure = case.children().find(|child| child.has_tag_name("failure")).unwrap();
        let story = failure.text().unwrap();
        let property = name.split('/').next().unwrap();
        let shown = |line: &&str| line.contains(property) && line.contains("VIOLATED");
        assert!(story.lines().any(|line| shown(&line)), "{name} has no story:\n{story}");
        let command = format!("splitbrain run {SWARM} --seed ");
        let again = story.lines().find(|line| line.starts_with(&command)).unwrap();
        let seed = again[command.len()..].split(' ').next().unwrap();
        let run = ["run", SWARM, "--seed", seed, BROKEN[0], BROKEN[1]];
        let shown_again = call(&home, &run);
        assert_eq!(shown_again.code, Some(1));
        let sentence = outcome(case).1.split(" (in ").next().unwrap();
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words(&shown_again.stdout).contains(&words(sentence)), "{sentence}");
        let line: usize = case.attribute("line").unwrap().parse().unwrap();
        let source = fs::read_to_string(SWARM).unwrap();
        assert!(source.lines().nth(line - 1).unwrap().contains("AtomicCommit"), "line {line}");
    }
    let passed = cases.iter().filter(|case| outcome(case).0 == "passed");
    assert!(passed.count() > 0, "some promises hold all the same");
}

#[test]
fn equal_sweeps_write_equal_reports_and_a_merge_writes_the_same() {
    let home = folder("merged");
    let fixed = ["sweep", SWARM, "-n", "600", "--vary", "network.loss=0%,5%"];
    let fixed = [&fixed[..], &BROKEN].concat();
    let whole = path(&home, "whole.xml");
    call(&home, &[&fixed[..], &["--junit", &whole, "-j", "1"]].concat());
    let again = path(&home, "again.xml");
    call(&home, &[&fixed[..], &["--junit", &again, "-j", "3"]].concat());
    let mut parts = Vec::new();
    for part in ["1", "2"] {
        let node = [("CI_NODE_INDEX", part), ("CI_NODE_TOTAL", "2")];
        let arguments = [&fixed[..], &["-f", "jsonl", "--partition", "ci"]].concat();
        let told = call_with(&node, &home, &arguments);
        assert!(told.stdout.contains(&format!("\"index\":{part},\"of\":2")), "{}", told.stdout);
        let file = path(&home, part);
        fs::write(&file, told.stdout).unwrap();
        parts.push(file);
    }
    let merged = path(&home, "merged.xml");
    let told = call(&home, &["merge", &parts[0], &parts[1], "--junit", &merged]);
    assert_eq!(told.code, Some(1), "{}", told.stderr);
    let read = |path: &str| fs::read_to_string(path).unwrap();
    assert_eq!(read(&whole), read(&again));
    assert_eq!(read(&whole), read(&merged));
    let text = read(&whole);
    let report = Document::parse(&text).unwrap();
    is_sound(&report);
    let suites: Vec<_> = report.root_element().children().filter(Node::is_element).collect();
    assert_eq!(suites.len(), 2);
    assert!(suites[1].attribute("name").unwrap().contains("[network.loss=5%]"));
}

#[test]
fn a_report_is_red_if_and_only_if_the_command_is() {
    let home = folder("red");
    let junit = path(&home, "report.xml");
    let unmet = ["--set", "expect=Violates(\"durability\")"];
    let calls: [(&[&str], i32); 7] = [
        (&["run", HAPPY, WINDOW], 0),
        (&["sweep", WINDOW, "-n", "300"], 0),
        (&["run", HAPPY, unmet[0], unmet[1]], 1),
        (&["sweep", HAPPY, "-n", "50", unmet[0], unmet[1]], 1),
        (&["sweep", HAPPY, "-n", "50"], 3),
        (&["sweep", WINDOW, "-n", "50", "--require-exercised", "no_blocking=101"], 3),
        (&["run", SWARM, "--seed", "9", "--set", "ablate=[\"AwaitEveryVote\"]"], -1),
    ];
    for (arguments, code) in calls {
        let told = call(&home, &[arguments, &["--junit", &junit]].concat());
        if code >= 0 {
            assert_eq!(told.code, Some(code), "{arguments:?}: {}{}", told.stdout, told.stderr);
        }
        let text = fs::read_to_string(&junit).unwrap();
        let report = Document::parse(&text).unwrap();
        is_sound(&report);
        let bad = |case: &Node<'_, '_>| ["failure", "error"].contains(&outcome(case).0);
        let is_red = cases(&report).iter().any(bad);
        assert_eq!(is_red, told.code != Some(0), "{arguments:?}: {text}");
    }
}

#[test]
fn a_failed_run_is_told_with_its_screen() {
    let home = folder("run");
    let junit = path(&home, "report.xml");
    let told = call(&home, &["run", WINDOW, "--set", "expect=Holds", "--junit", &junit]);
    assert_eq!(told.code, Some(1), "{}", told.stderr);
    let text = fs::read_to_string(&junit).unwrap();
    let report = Document::parse(&text).unwrap();
    let case = named(&cases(&report), "no_blocking");
    assert!(outcome(&case).1.contains("in doubt about t15"), "{text}");
    let failure = case.children().find(|child| child.has_tag_name("failure")).unwrap();
    let story = failure.text().unwrap();
    assert!(story.contains("c crashed") && story.contains("splitbrain run"), "{story}");
}

// GitHub.

#[test]
fn every_distinct_failure_is_one_annotation_and_a_page_in_the_summary() {
    let home = folder("github");
    let summary = path(&home, "summary.md");
    fs::write(&summary, "what came before\n").unwrap();
    let arguments = ["sweep", SWARM, "-n", "300", "--format", "github", BROKEN[0], BROKEN[1]];
    let told = call_with(&[("GITHUB_STEP_SUMMARY", &summary)], &home, &arguments);
    assert_eq!(told.code, Some(1), "{}", told.stderr);
    let json: serde_json::Value = serde_json::from_str(
        &call(&home, &["sweep", SWARM, "-n", "300", "-f", "json", BROKEN[0], BROKEN[1]]).stdout,
    )
    .unwrap();
    let failures = json[0]["failures"].as_array().unwrap();
    let lines: Vec<_> = told.stdout.lines().filter(|line| line.starts_with("::error ")).collect();
    assert!(!failures.is_empty());
    assert_eq!(lines.len(), failures.len(), "{}", told.stdout);
    let page = fs::read_to_string(&summary).unwrap();
    assert!(page.starts_with("what came before\n### splitbrain"), "{page}");
    for failure in failures {
        let name = failure["fingerprint"].as_str().unwrap();
        let is_told = |line: &&&str| line.contains(&format!("title={name}::"));
        let line = lines.iter().find(is_told).unwrap_or_else(|| panic!("{name}: {lines:?}"));
        assert!(line.starts_with(&format!("::error file={SWARM},line=")), "{line}");
        assert!(line.contains("%0Asplitbrain run "), "{line}");
        assert!(page.contains(&format!("<b>{name}</b>")), "{page}");
    }
    assert!(page.contains("VIOLATED"), "the story is in the summary: {page}");
}

#[test]
fn without_a_summary_file_and_without_failures_nothing_is_annotated() {
    let home = folder("quiet");
    let plain = call(&home, &["sweep", WINDOW, "-n", "100"]);
    let github = call(&home, &["sweep", WINDOW, "-n", "100", "--format", "github"]);
    assert_eq!((plain.code, plain.stdout), (github.code, github.stdout));
}

// Settings.

fn settings(home: &Path, text: &str) -> String {
    let file = home.join("splitbrain.ron");
    fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn a_profile_says_what_the_command_line_leaves_open() {
    let home = folder("profile");
    let text = r#"Pipelines(profiles: [
        (name: "change", count: 300, start: 7),
        (name: "night", inherits: "change", seeds: Rotating),
        (name: "strict", inherits: "change", require_exercised: ["durability=1"]),
    ])"#;
    let file = settings(&home, text);
    let sweep = |more: &[&str], variables: &[(&str, &str)]| {
        let fixed = ["sweep", WINDOW, "--config", &file, "--dry-run"];
        call_with(variables, &home, &[&fixed[..], more].concat())
    };
    let change = sweep(&["--profile", "change"], &[]).stdout;
    assert!(change.contains("seeds 7 to 306,"), "{change}");
    let louder = sweep(&["--profile", "change", "-n", "10", "--start", "3"], &[]).stdout;
    assert!(louder.contains("seeds 3 to 12,"), "{louder}");
    let night = |commit| sweep(&["--profile", "night"], &[("GITHUB_SHA", commit)]).stdout;
    assert_eq!(night("abc"), night("abc"));
    assert_ne!(night("abc"), night("abd"));
    assert_ne!(night("abc"), change);
    let by_hand = sweep(&["--profile", "night", "--rotate", "abc"], &[]).stdout;
    assert_eq!(by_hand, night("abc"), "the commit is said by hand");
    let nowhere = sweep(&["--profile", "night"], &[]);
    assert_eq!(nowhere.code, Some(2));
    assert!(nowhere.stderr.contains("GITHUB_SHA"), "{}", nowhere.stderr);
    let unknown = sweep(&["--profile", "nihgt"], &[]);
    assert!(unknown.stderr.contains("did you mean `night`"), "{}", unknown.stderr);
    let strict = ["sweep", WINDOW, "--config", &file, "--profile", "strict"];
    let strict = call(&home, &strict);
    assert_eq!(strict.code, Some(3), "{}", strict.stdout);
    assert!(strict.stdout.contains("durability was put to the test in 0"), "{}", strict.stdout);
}

#[test]
fn profiles_are_listed_with_what_they_say() {
    let listed = call(&folder("listed"), &["list", "profiles"]);
    assert_eq!(listed.code, Some(0), "{}", listed.stderr);
    let night = listed.stdout.lines().find(|line| line.starts_with("night")).unwrap();
    assert!(night.contains("seeds: Rotating, time_limit: 1200s"), "{night}");
}

#[test]
fn mistakes_in_settings_are_shown_where_they_stand() {
    let home = folder("mistakes");
    let file = settings(&home, "Pipelines(\n    profiles: [(name: \"a\", cuont: 3)],\n)");
    for arguments in [&["sweep", WINDOW, "--config", &file][..], &["check", &file]] {
        let told = call(&home, arguments);
        assert_eq!(told.code, Some(2), "{arguments:?}");
        assert!(told.stderr.contains("splitbrain.ron:2:"), "{}", told.stderr);
        assert!(told.stderr.contains("did you mean `count`"), "{}", told.stderr);
    }
    let usual = call(&home, &["check", "scenarios/splitbrain.ron"]);
    assert_eq!(usual.code, Some(0), "{}", usual.stderr);
    let missing = call(&home, &["sweep", WINDOW, "--config", "nowhere.ron"]);
    assert_eq!(missing.code, Some(2), "{}", missing.stderr);
}

#[test]
fn a_floor_that_is_not_met_is_undecided_and_one_of_nothing_is_a_mistake() {
    let home = folder("floors");
    let sweep =
        |floor: &str| call(&home, &["sweep", WINDOW, "-n", "100", "--require-exercised", floor]);
    assert_eq!(sweep("no_blocking=100%").code, Some(0));
    assert_eq!(sweep("window=90%").code, Some(0), "a fault may have a floor as well");
    assert_eq!(sweep("1").code, Some(0), "what is demonstrated needs no other promise tested");
    let below = sweep("durability=5%");
    assert_eq!(below.code, Some(3));
    assert!(below.stdout.contains("and 5 are needed"), "{}", below.stdout);
    let unknown = sweep("durabilty=1");
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.stderr.contains("did you mean `durability`"), "{}", unknown.stderr);
}

#[test]
fn a_known_failure_does_not_count_until_its_day_has_passed() {
    let home = folder("quarantine");
    let fixed = ["sweep", SWARM, "-n", "300", BROKEN[0], BROKEN[1]];
    let json = call(&home, &[&fixed[..], &["-f", "json"]].concat()).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let failures = json[0]["failures"].as_array().unwrap();
    let entries: Vec<String> = failures
        .iter()
        .map(|failure| {
            let name = failure["fingerprint"].as_str().unwrap();
            format!(
                "(scenario: \"two_phase_commit/swarm.ron\", failure: \"{name}\", \
                 until: \"2026-12-31\", reason: \"see the ticket\")"
            )
        })
        .collect();
    let sweep = |entries: &[String], today: &str| {
        let text = format!("Pipelines(quarantine: [{}])", entries.join(", "));
        let file = settings(&home, &text);
        let junit = path(&home, "report.xml");
        let more = ["--config", &file, "--today", today, "--junit", &junit, "--format", "github"];
        (call(&home, &[&fixed[..], &more].concat()), fs::read_to_string(&junit).unwrap())
    };
    let (told, report) = sweep(&entries, "2026-12-31");
    assert_eq!(told.code, Some(0), "{}", told.stdout);
    assert!(told.stdout.contains("in quarantine until 2026-12-31: see the ticket"));
    assert!(told.stdout.contains("::warning file="), "{}", told.stdout);
    let report = Document::parse(&report).unwrap();
    is_sound(&report);
    let aside = cases(&report);
    let aside = aside.iter().filter(|case| outcome(case).1.contains("see the ticket"));
    assert_eq!(aside.count(), entries.len());
    let (expired, _) = sweep(&entries, "2027-01-01");
    assert_eq!(expired.code, Some(1), "{}", expired.stdout);
    assert!(expired.stderr.contains("has expired on 2026-12-31"), "{}", expired.stderr);
    let (another, _) = sweep(&entries[1..], "2026-12-31");
    assert_eq!(another.code, Some(1), "what is not listed counts");
    let stale = entries[0].replace("atomic_commit.", "never.");
    let (stale, _) = sweep(&[&entries[..], &[stale]].concat(), "2026-12-31");
    assert!(stale.stdout.contains("and not seen here"), "{}", stale.stdout);
}

#[test]
fn the_time_is_shared_out_so_that_every_scenario_has_some() {
    let home = folder("time");
    let fixed = ["sweep", HAPPY, WINDOW, SWARM, "-n", "100000000", "--time-limit", "1ns"];
    let told = call(&home, &[&fixed[..], &["-f", "json"]].concat());
    let json: serde_json::Value = serde_json::from_str(&told.stdout).unwrap();
    for nth in 0..3 {
        assert_eq!(json[nth]["counts"]["seeds"], 256, "{}", told.stdout);
        assert_eq!(json[nth]["ending"], "time_limit");
    }
}

// Recipes.

/// The commands of a recipe that call splitbrain, with what services put in filled in.
fn commands(recipe: &str) -> Vec<String> {
    let lines = recipe.lines().filter_map(|line| {
        let line = line.trim().trim_start_matches("- ").trim_start_matches("run: ");
        line.starts_with("splitbrain ").then_some(line)
    });
    lines
        .map(|line| {
            let line = line.split(" > ").next().unwrap();
            let line = line.replace("${{ matrix.part }}", "2");
            line.replace("${{ github.sha }}-${{ github.run_id }}", "abc-1")
        })
        .collect()
}

/// The scripts of all jobs: `run` of a step at GitHub, `script` of a job at GitLab.
fn scripts(yaml: &Yaml) -> Vec<String> {
    let mut found = Vec::new();
    for (key, value) in yaml.as_mapping().into_iter().flatten() {
        match (key.as_str(), value) {
            (Some("run"), Yaml::String(line)) => found.push(line.clone()),
            (Some("script"), Yaml::Sequence(lines)) => {
                found.extend(lines.iter().map(|line| line.as_str().unwrap().to_owned()));
            }
            _ => found.extend(scripts(value)),
        }
    }
    for item in yaml.as_sequence().into_iter().flatten() {
        found.extend(scripts(item));
    }
    found
}

#[test]
fn the_commands_of_every_recipe_are_commands_of_this_program() {
    let home = folder("recipes");
    let variables = [("CI_NODE_INDEX", "2"), ("CI_NODE_TOTAL", "4"), ("CI_COMMIT_SHA", "abc")];
    for name in ["github", "gitlab"] {
        let recipe = fs::read_to_string(format!("book/recipes/{name}.yml")).unwrap();
        let yaml: Yaml = serde_yaml_ng::from_str(&recipe).unwrap();
        assert!(scripts(&yaml).concat().contains("splitbrain sweep"), "{name} runs nothing");
        let commands = commands(&recipe);
        assert_eq!(commands.len(), 4, "{name}: {commands:?}");
        for command in commands {
            let swarms = "scenarios/two_phase_commit/swarm.ron scenarios/quorum/swarm.ron";
            let command = command.replace("scenarios/*/swarm.ron", swarms);
            let words: Vec<&str> = command.split(' ').skip(1).collect();
            if words[0] == "run" {
                assert_eq!(words[1], "scenarios"); // That all of them do is for other tests.
                assert!(call(&home, &["run", "--help"]).stdout.contains("--junit"));
                continue;
            }
            if words[0] == "merge" {
                let told = call(&home, &words);
                assert!(told.stderr.contains("failed to read parts/1.jsonl"), "{}", told.stderr);
                continue;
            }
            let mut kept = words.clone();
            for option in ["--artifacts", "--junit"] {
                if let Some(place) = kept.iter().position(|word| *word == option) {
                    kept.drain(place..place + 2); // It writes, and a rehearsal does not.
                }
            }
            let told = call_with(&variables, &home, &[&kept[..], &["--dry-run"]].concat());
            assert_eq!(told.code, Some(0), "{command}: {}", told.stderr);
            assert!(told.stdout.contains("swarm.ron"), "{command}: {}", told.stdout);
            let help = call(&home, &["sweep", "--help"]).stdout;
            for option in words.iter().filter(|word| word.starts_with("--")) {
                assert!(help.contains(*option), "{option} of {command}");
            }
        }
    }
}
