//! The command line as a user meets it: arguments in, two streams and an exit code out.
//!
//! ```text
//!   arguments ──▶ splitbrain ──▶ stdout: results     stderr: mistakes     exit code: the answer
//! ```
//!
//! Every test starts the binary. What a screen looks like is the business of the golden files of
//! the reports; here it is what scripts rely on: exit codes, JSON, equal bytes, quiet ends of
//! pipes, and that every word that is listed can be explained.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "common/faulty.rs"]
#[allow(dead_code, reason = "only its types are needed here")]
mod faulty;

use serde_json::Value;
use splitbrain::scenario::registry::Registry;
use std::{
    fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Command, Output, Stdio},
};

const HAPPY: &str = "scenarios/two_phase_commit/happy_path.ron";
const WINDOW: &str = "scenarios/two_phase_commit/coordinator_dies_in_the_window.ron";

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_splitbrain"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments);
    for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        command.env_remove(variable);
    }
    command
}

/// What came of a call.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl From<Output> for Told {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        Self { code: output.status.code(), stdout, stderr }
    }
}

fn splitbrain(arguments: &[&str]) -> Told {
    command(arguments).output().unwrap().into()
}

/// Calls it, and demands that all is well.
fn well(arguments: &[&str]) -> String {
    let told = splitbrain(arguments);
    assert_eq!(told.code, Some(0), "{arguments:?}: {}{}", told.stdout, told.stderr);
    assert!(!told.stdout.is_empty(), "{arguments:?} prints nothing");
    told.stdout
}

/// Calls it, and demands a mistake of the user's; gives what it says.
fn wrong(arguments: &[&str]) -> String {
    let told = splitbrain(arguments);
    assert_eq!(told.code, Some(2), "{arguments:?}: {}{}", told.stdout, told.stderr);
    assert_eq!(told.stdout, "", "{arguments:?}");
    told.stderr
}

/// A new and empty folder for one test.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("cli").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// The happy path with a part replaced, as a file.
fn altered(name: &str, old: &str, new: &str) -> String {
    let text = fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(HAPPY)).unwrap();
    assert!(text.contains(old), "{old}");
    let path = folder(name).join("altered.ron");
    fs::write(&path, text.replace(old, new)).unwrap();
    path.to_str().unwrap().to_owned()
}

// Exit codes.

#[test]
fn help_lists_the_options_of_a_command_and_all_exit_codes() {
    let help = well(&["run", "--help"]);
    for option in ["--seed", "--set", "--until", "--trace", "--report", "--verify-determinism"] {
        assert!(help.contains(option), "{option} is not in\n{help}");
    }
    let help = well(&["--help"]);
    assert!(help.contains("Exit codes:") && help.contains("nothing to run"), "{help}");
}

#[test]
fn a_run_as_expected_exits_with_0_also_when_a_violation_is_what_is_expected() {
    assert!(well(&["run", HAPPY]).contains("seed 1"));
    let screen = well(&["run", WINDOW]);
    assert!(screen.contains("as the scenario says"), "{screen}");
}

#[test]
fn an_expected_violation_that_does_not_occur_exits_with_1() {
    let told = splitbrain(&["run", HAPPY, "--set", "expect=Violates(\"no_blocking\")"]);
    assert_eq!(told.code, Some(1), "{}", told.stderr);
    assert!(told.stdout.contains("no_blocking is not violated"), "{}", told.stdout);
}

#[test]
fn a_violation_that_nobody_expects_exits_with_1() {
    let told = splitbrain(&["run", WINDOW, "--set", "expect=Holds"]);
    assert_eq!(told.code, Some(1), "{}", told.stderr);
    assert!(told.stdout.contains("no_blocking is violated"), "{}", told.stdout);
}

#[test]
fn a_usage_mistake_exits_with_2_and_a_near_word_is_suggested() {
    assert!(wrong(&["run"]).contains("SCENARIO"));
    assert!(wrong(&["rum", HAPPY]).contains("'run'"));
    assert!(wrong(&["run", HAPPY, "--sede", "4"]).contains("--seed"));
    assert!(wrong(&["run", HAPPY, "--seed", "four"]).contains("a seed is a number"));
    assert!(wrong(&["run", HAPPY, "--until", "4sec"]).contains("units are"));
    assert!(wrong(&["run", "scenarios/absent.ron"]).contains("scenarios/absent.ron"));
}

#[test]
fn a_rule_that_never_fires_exits_with_2() {
    let rule = r#"faults: [(id: "late", when: Before(event: Step("ForceDecision"), nth: 9999), do: Crash(node: Actor, down: "1s"))], run:"#;
    let path = altered("never_fires", "run:", rule);
    for subcommand in ["run", "check"] {
        let told = splitbrain(&[subcommand, &path]);
        assert_eq!(told.code, Some(2), "{}", told.stdout);
        assert!(told.stderr.contains("error[SB0501]") && told.stderr.contains("`late`"));
    }
}

#[test]
fn an_empty_folder_exits_with_4() {
    let empty = folder("empty");
    for subcommand in ["run", "check"] {
        let told = splitbrain(&[subcommand, empty.to_str().unwrap()]);
        assert_eq!((told.code, told.stdout.as_str()), (Some(4), ""));
        assert!(told.stderr.contains("no scenario"), "{}", told.stderr);
    }
}

#[test]
fn one_bad_file_among_good_ones_keeps_all_of_them_from_running() {
    let told = splitbrain(&["run", HAPPY, "tests/malformed/unknown_step.ron"]);
    assert_eq!((told.code, told.stdout.as_str()), (Some(2), ""));
    assert!(told.stderr.ends_with("1 of 2 files cannot be run\n"), "{}", told.stderr);
}

// Determinism.

#[test]
fn the_same_seed_twice_gives_the_same_bytes_and_another_seed_does_not() {
    for format in ["human", "json", "jsonl"] {
        let run =
            |seed| splitbrain(&["run", WINDOW, "--trace", "--format", format, "--seed", seed]);
        assert_eq!(run("7"), run("7"), "{format}");
        assert_ne!(run("7").stdout, run("8").stdout, "{format}");
    }
}

#[test]
fn determinism_is_verified_on_request() {
    well(&["run", "scenarios", "--verify-determinism"]);
}

#[test]
fn a_random_seed_is_printed_so_that_the_run_can_be_had_again() {
    let line: Value =
        serde_json::from_str(&well(&["run", HAPPY, "-s", "random", "-f", "jsonl"])).unwrap();
    let seed = line["seed"].as_str().unwrap();
    let again: Value =
        serde_json::from_str(&well(&["run", HAPPY, "-s", seed, "-f", "jsonl"])).unwrap();
    assert_eq!(line, again);
}

// JSON.

fn is_text_of(value: &Value, choices: &[&str]) {
    assert!(value.as_str().is_some_and(|text| choices.contains(&text)), "{value} of {choices:?}");
}

fn has_the_shape_of_a_run(run: &Value) {
    is_text_of(&run["type"], &["run"]);
    assert_eq!(run["schema"], "splitbrain.event/1");
    assert!(run["scenario"].as_str().unwrap().contains(".ron"), "{run}");
    assert!(run["seed"].as_str().unwrap().parse::<u64>().is_ok(), "{run}");
    is_text_of(&run["verdict"], &["holds", "violated", "unknown"]);
    assert!(run["expected"].is_string(), "{run}");
    let hash = run["trace_hash"].as_str().unwrap();
    assert!(hash.chars().filter(char::is_ascii_hexdigit).count() >= 32, "{hash}");
    assert!(run["counters"]["events"].as_u64().unwrap() > 0);
    assert!(run["counters"]["messages"].is_object() && run["counters"]["records"].is_object());
    let checks = run["checks"].as_array().unwrap();
    assert!(!checks.is_empty());
    checks.iter().for_each(has_the_shape_of_a_check);
}

fn has_the_shape_of_a_check(check: &Value) {
    assert!(check["name"].is_string(), "{check}");
    is_text_of(&check["verdict"], &["holds", "violated", "unknown", "not_exercised"]);
    assert!(check["exercised"].is_u64(), "{check}");
    if check["verdict"] == "violated" {
        assert!(check["witness"]["sentence"].is_string(), "{check}");
        assert!(!check["witness"]["citations"].as_array().unwrap().is_empty(), "{check}");
    } else {
        assert!(check["witness"].is_null(), "{check}");
    }
}

#[test]
fn json_lines_are_one_object_for_each_run() {
    let lines = well(&["run", "scenarios", "--format", "jsonl"]);
    let runs: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(runs.len() >= 13, "{}", runs.len());
    runs.iter().for_each(has_the_shape_of_a_run);
    assert!(runs.iter().any(|run| run["verdict"] == "violated"));
}

#[test]
fn json_is_one_document_with_the_same_runs() {
    let document: Value =
        serde_json::from_str(&well(&["run", HAPPY, WINDOW, "-f", "json"])).unwrap();
    let lines = well(&["run", HAPPY, WINDOW, "-f", "jsonl"]);
    let runs: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(document, Value::from(runs));
}

#[test]
fn a_large_seed_loses_no_digit() {
    let seed = u64::MAX.to_string();
    let line: Value =
        serde_json::from_str(&well(&["run", HAPPY, "-s", &seed, "-f", "jsonl"])).unwrap();
    assert_eq!(line["seed"], seed.as_str());
}

// Settings.

#[test]
fn a_part_of_the_file_is_set_from_the_command_line() {
    let lossy = well(&["run", HAPPY, "--set", "network.loss=5%", "-f", "jsonl"]);
    assert_ne!(lossy, well(&["run", HAPPY, "-f", "jsonl"]));
    let screen = well(&["run", HAPPY, "--set", "network.loss=5%"]);
    assert!(screen.contains("--set 'network.loss=5%'"), "not to be had again:\n{screen}");
}

#[test]
fn a_wrong_path_says_what_there_is() {
    let said = wrong(&["run", HAPPY, "--set", "network.los=5%"]);
    assert!(said.contains("--set network.los=5%") && said.contains("`loss`"), "{said}");
    let said = wrong(&["run", WINDOW, "--set", "faults.windw.do.down=1s"]);
    assert!(said.contains("did you mean `window`") && said.contains("weather"), "{said}");
}

#[test]
fn a_wrong_value_is_shown_in_its_place_with_the_flag_it_came_from() {
    let said = wrong(&["run", HAPPY, "--set", "network.loss=101%"]);
    assert!(said.contains("error[SB0302]"), "{said}");
    assert!(said.contains("this part comes from `--set network.loss=101%`"), "{said}");
    assert!(wrong(&["run", HAPPY, "--set", "network.loss"]).contains("PATH=VALUE"));
}

#[test]
fn a_run_can_be_stopped_early() {
    let events = |arguments: &[&str]| {
        let line: Value = serde_json::from_str(&well(arguments)).unwrap();
        line["counters"]["events"].as_u64().unwrap()
    };
    let all = events(&["run", HAPPY, "-f", "jsonl"]);
    let part = events(&["run", HAPPY, "-f", "jsonl", "--until", "1s"]);
    assert!(0 < part && part < all, "{part} of {all}");
    assert!(well(&["run", HAPPY, "--until", "1s"]).contains("--until 1s"));
}

#[test]
fn reports_are_written_where_they_are_wanted() {
    let out = folder("reports");
    let screen = well(&["run", HAPPY, "--report", "--out", out.to_str().unwrap()]);
    let picture = out.join("happy_path/1/space_time.svg");
    assert!(picture.exists() && screen.contains("space_time.svg"), "{screen}");
}

// Words.

/// The words that `explain` knows, as it lists them itself, by kind.
fn topics() -> Vec<(String, Vec<String>)> {
    let said = wrong(&["explain", "zzzzzzzzzz"]);
    let mut topics: Vec<(String, Vec<String>)> = Vec::new();
    for line in said.lines().skip(1) {
        let words = match line.split_once(": ") {
            Some((kind, words)) => {
                topics.push((kind.trim().to_owned(), Vec::new()));
                words
            }
            None => line,
        };
        let words = words.split(',').map(str::trim).filter(|word| !word.is_empty());
        topics.last_mut().unwrap().1.extend(words.map(str::to_owned));
    }
    topics
}

#[test]
fn every_word_that_explain_lists_has_a_page() {
    let topics = topics();
    let kinds: Vec<&str> = topics.iter().map(|(kind, _)| kind.as_str()).collect();
    let expected =
        ["protocols", "steps", "checks", "properties", "workloads", "faults", "words", "codes"];
    assert_eq!(kinds, expected);
    for (kind, words) in &topics {
        assert!(!words.is_empty(), "there are no {kind}");
        for word in words {
            let page = well(&["explain", word]);
            assert!(page.len() > 40 && page.ends_with('\n'), "{word}: {page}");
        }
    }
}

#[test]
fn a_word_that_means_nothing_gets_a_suggestion() {
    assert!(wrong(&["explain", "no_blokcing"]).contains("did you mean `NoBlocking`?"));
    assert!(wrong(&["explain", "ForceDecison"]).contains("did you mean `ForceDecision`?"));
    assert!(wrong(&["explain", "SB011"]).contains("did you mean `SB0"));
}

#[test]
fn every_kind_of_thing_is_listed_for_people_and_for_programs() {
    for kind in ["scenarios", "protocols", "workloads", "checks", "mistakes"] {
        let rows = well(&["list", kind]).lines().count();
        let lines = well(&["list", kind, "-f", "jsonl"]);
        for line in lines.lines() {
            let row: Value = serde_json::from_str(line).unwrap();
            assert!(row["name"].is_string() && row["about"].is_string(), "{row}");
        }
        let document: Value = serde_json::from_str(&well(&["list", kind, "-f", "json"])).unwrap();
        assert_eq!((rows, rows), (lines.lines().count(), document.as_array().unwrap().len()));
    }
    assert!(well(&["list"]).contains(HAPPY));
    assert!(wrong(&["list", "protocol"]).contains("protocols"));
}

#[test]
fn an_empty_list_says_so() {
    let empty = folder("empty_list");
    let told = splitbrain(&["list", "scenarios", empty.to_str().unwrap()]);
    assert_eq!((told.code, told.stdout.as_str()), (Some(4), ""));
    assert!(told.stderr.contains("no scenario"), "{}", told.stderr);
}

// Starters.

/// The protocols there are.
fn protocols() -> Vec<String> {
    let lines = well(&["list", "protocols", "-f", "jsonl"]);
    let names = lines.lines().map(|line| {
        let row: Value = serde_json::from_str(line).unwrap();
        row["name"].as_str().unwrap().to_owned()
    });
    names.collect()
}

#[test]
fn the_starter_of_every_protocol_is_without_mistakes_and_runs_as_expected() {
    let folder = folder("starters");
    for protocol in protocols() {
        let path = folder.join("below").join(format!("{protocol}.ron"));
        let path = path.to_str().unwrap();
        let said = well(&["new", "scenario", path, "--protocol", &protocol]);
        assert!(said.contains(&format!("splitbrain run {path}")), "{said}");
        well(&["check", path]);
        let lines = well(&["run", path, "-f", "jsonl"]);
        let run: Value = serde_json::from_str(&lines).unwrap();
        assert!(run["counters"]["operations"]["ok"].as_u64().unwrap() > 0, "{protocol}: {run}");
        let checks = run["checks"].as_array().unwrap();
        assert!(checks.iter().any(|check| check["verdict"] == "holds"), "{protocol}: {run}");
    }
}

#[test]
fn the_rules_that_a_starter_offers_as_comments_are_without_mistakes_too() {
    let folder = folder("starter_rules");
    for protocol in protocols() {
        let path = folder.join(format!("{protocol}.ron"));
        well(&["new", "scenario", path.to_str().unwrap(), "--protocol", &protocol]);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("// (id:", "(id:").replace("// expect:", "expect:")).unwrap();
        well(&["check", path.to_str().unwrap()]);
    }
}

#[test]
fn the_settings_that_explain_prints_can_be_written_into_a_scenario() {
    for protocol in protocols() {
        let page = well(&["explain", &protocol]);
        let settings = page.split_once("with their defaults:\n").unwrap().1;
        let path = folder(&format!("settings_{protocol}")).join("all.ron");
        let path = path.to_str().unwrap();
        well(&["new", "scenario", path, "--protocol", &protocol]);
        let given = format!("protocol={}", settings.trim());
        assert!(settings.contains(": "), "{settings}");
        assert_eq!(
            well(&["run", path, "--set", &given, "-f", "jsonl"]),
            well(&["run", path, "-f", "jsonl"]),
        );
    }
}

#[test]
fn a_starter_is_never_written_over_a_file() {
    let path = folder("refuses").join("mine.ron");
    fs::write(&path, "mine").unwrap();
    let said = wrong(&["new", "scenario", path.to_str().unwrap()]);
    assert!(said.contains("exists"), "{said}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
}

#[test]
fn a_starter_for_an_unknown_protocol_suggests_one_and_writes_nothing() {
    let path = folder("unknown_protocol").join("mine.ron");
    let said = wrong(&["new", "scenario", path.to_str().unwrap(), "--protocol", "TwoPhaseComit"]);
    assert!(said.contains("did you mean `TwoPhaseCommit`?"), "{said}");
    assert!(!path.exists());
}

#[test]
fn there_are_completions_for_every_common_shell() {
    for shell in ["bash", "zsh", "fish"] {
        assert!(well(&["completions", shell]).contains("splitbrain"), "{shell}");
    }
}

// The terminal.

/// Reads one line and closes the pipe, as `head -1` does.
fn head(arguments: &[&str]) -> (String, Told) {
    let mut call = command(arguments);
    let mut child = call.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::with_capacity(1, child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (line, child.wait_with_output().unwrap().into())
}

#[test]
fn a_reader_who_has_seen_enough_ends_it_without_a_panic() {
    for arguments in [
        &["run", "scenarios", "--trace", "--seed", "3"][..],
        &["run", "scenarios", "-f", "jsonl"],
        &["list", "mistakes"],
        &["completions", "zsh"],
        &["run", "--help"],
    ] {
        let (line, told) = head(arguments);
        assert!(!line.is_empty(), "{arguments:?}");
        assert_eq!(told.stderr, "", "{arguments:?}");
        assert_eq!(told.code, Some(0), "{arguments:?}");
    }
}

#[test]
fn a_reader_who_leaves_early_changes_neither_the_answer_nor_what_is_kept() {
    let artifacts = folder("left_early").join("finds");
    let out = folder("left_early_out");
    let broken = ["--set", "ablate=[\"HoldLocks\"]", "-f", "jsonl", "--artifacts"];
    let swarm = "scenarios/two_phase_commit/swarm.ron";
    let places = [artifacts.to_str().unwrap(), "--out", out.to_str().unwrap()];
    let sweep = [&["sweep", swarm, "-n", "300"][..], &broken, &places].concat();
    let (line, told) = head(&sweep);
    assert!(line.contains("header"), "{line}");
    assert_eq!((told.code, told.stderr.as_str()), (Some(1), ""), "seeds fail");
    assert!(artifacts.exists() && out.join("failed.json").exists());
}

#[cfg(target_os = "linux")]
#[test]
fn results_that_cannot_be_written_are_a_mistake() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut call = command(&["list", "mistakes"]);
    let told: Told = call.stdout(full).output().unwrap().into();
    assert_eq!(told.code, Some(2), "{}", told.stderr);
    assert!(told.stderr.contains("failed to write results"), "{}", told.stderr);
}

// Our own mistakes.

/// A protocol that panics where nobody expects it: before there is a run.
mod shaky {
    use super::faulty::{Config, Message, Record, Step, Timer};
    use splitbrain::{
        base::ids::{NodeId, OpId},
        engine::{
            ctx::Ctx,
            facts::Facts,
            operations::Operation,
            protocol::{Logged, Placement, Protocol},
        },
    };

    #[derive(Clone, Debug, serde::Serialize)]
    pub(super) struct Shaky;

    impl Protocol for Shaky {
        const NAME: &'static str = "Shaky";
        const SUMMARY: &'static str = "planted";
        type Config = Config;
        type Message = Message;
        type Record = Record;
        type Timer = Timer;
        type Step = Step;

        fn topology(_: &Config) -> Vec<Placement> {
            panic!("there is no such place")
        }

        fn new(_: &Config, _: NodeId) -> Self {
            Self
        }

        fn on_boot(&mut self, _: &mut Ctx<'_, Self>) {}

        fn on_request(&mut self, _: OpId, _: Operation, _: &mut Ctx<'_, Self>) {}

        fn on_message(&mut self, _: NodeId, _: Message, _: &mut Ctx<'_, Self>) {}

        fn on_timer(&mut self, _: Timer, _: &mut Ctx<'_, Self>) {}

        fn apply(&mut self, _: Logged<Record>) {}

        fn facts(_: &Record, _: &mut Facts) {}
    }
}

/// A program with a protocol of its own; the test after this one calls it.
#[test]
#[ignore = "it ends its process"]
fn program_with_a_shaky_protocol() {
    let path = folder("shaky").join("shaky.ron");
    fs::write(&path, r#"Scenario(title: "x", protocol: Shaky, run: (for: "1s"))"#).unwrap();
    let registry = Registry::built_in().with_protocol::<shaky::Shaky>();
    let arguments = ["splitbrain".into(), "check".into(), path.into_os_string()];
    std::process::exit(i32::from(splitbrain::cli::call(&registry, arguments) as u8));
}

#[test]
fn a_panic_that_nobody_caught_exits_with_70_and_says_what_to_do() {
    let mut program = Command::new(std::env::current_exe().unwrap());
    program.args(["--exact", "program_with_a_shaky_protocol", "--ignored", "--nocapture"]);
    let told: Told = program.output().unwrap().into();
    assert_eq!(told.code, Some(70), "{}{}", told.stdout, told.stderr);
    for words in ["there is no such place", "a bug in splitbrain", "please report it"] {
        assert!(told.stderr.contains(words), "{words} is not in {}", told.stderr);
    }
}

#[test]
fn colours_are_there_when_asked_for_and_never_otherwise() {
    let escaped = |told: Told| (told.stdout.contains('\u{1b}'), told.stderr.contains('\u{1b}'));
    let bad = "tests/malformed/unknown_step.ron";
    assert_eq!(escaped(splitbrain(&["run", HAPPY, "--color", "always"])), (true, false));
    assert_eq!(escaped(splitbrain(&["run", bad, "--color", "always"])), (false, true));
    assert_eq!(escaped(splitbrain(&["run", HAPPY, "--color", "never"])), (false, false));
    assert_eq!(escaped(splitbrain(&["run", HAPPY])), (false, false), "into a pipe");
    for path in [HAPPY, bad] {
        let told = command(&["run", path]).env("NO_COLOR", "1").output().unwrap().into();
        assert_eq!(escaped(told), (false, false), "{path}");
        let never = command(&["run", path, "--color", "never"]).env("CLICOLOR_FORCE", "1").output();
        assert_eq!(escaped(never.unwrap().into()), (false, false), "{path}");
    }
}
