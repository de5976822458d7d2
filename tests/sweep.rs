//! Sweeps: the same seeds give the same bytes, whoever runs them and in how many parts.
//!
//! ```text
//!   1, 2, 7 threads ─┐                             panics, expectations, limits of a sweep:
//!   3 slices, merged ┼──▶ equal bytes              small scenarios with known answers
//!   one whole sweep ─┘
//! ```
//!
//! Most tests start the binary, since threads and files are its business. A protocol that panics
//! and one that remembers across runs are planted here, to see that a sweep finds both.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "common/faulty.rs"]
mod faulty;

use serde_json::Value;
use splitbrain::{
    base::text::source::Edited,
    scenario::{load::load, plan::Plan, registry::Registry},
    search::{
        seeds::{Seeds, Slice},
        sweep::{Ending, Head, OneByOne, Order, Swept, sweep},
        verdict::verdict,
    },
};
use std::{
    fs,
    io::{BufRead, BufReader},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

const SWARM: &str = "scenarios/two_phase_commit/swarm.ron";
const WINDOW: &str = "scenarios/two_phase_commit/coordinator_dies_in_the_window.ron";
const HAPPY: &str = "scenarios/two_phase_commit/happy_path.ron";
const BROKEN: [&str; 2] = ["--set", "ablate=[\"ForceDecision\"]"];

struct Told {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// Calls `splitbrain`; what it remembers goes to a folder of the test's own.
fn call(name: &str, arguments: &[&str]) -> Told {
    let mut command = Command::new(env!("CARGO_BIN_EXE_splitbrain"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments);
    if arguments[0] == "sweep" {
        command.arg("--out").arg(folder(name).join("reports"));
    }
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    Told { code: output.status.code(), stdout, stderr }
}

fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("sweep").join(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn fresh(name: &str) -> PathBuf {
    let folder = folder(name);
    fs::remove_dir_all(&folder).unwrap();
    self::folder(name)
}

/// Calls it, and demands a mistake of the user's; gives what it says.
fn wrong(arguments: &[&str]) -> String {
    let told = call("wrong", arguments);
    assert_eq!(told.code, Some(2), "{arguments:?}: {}{}", told.stdout, told.stderr);
    assert_eq!(told.stdout, "", "{arguments:?}");
    told.stderr
}

// Equal bytes.

#[test]
fn one_two_and_seven_threads_give_the_same_bytes() {
    for format in ["human", "json", "jsonl"] {
        let with = |threads| {
            let fixed = ["sweep", SWARM, "-n", "700", "--start", "3", "-f", format, "-j", threads];
            call("threads", &[&fixed[..], &BROKEN].concat())
        };
        let one = with("1");
        assert_eq!(one.code, Some(1), "{}", one.stderr);
        assert!(one.stdout.contains("atomic_commit.agreement"), "{}", one.stdout);
        for threads in ["2", "7"] {
            assert_eq!(with(threads).stdout, one.stdout, "{format}, {threads} threads");
        }
    }
}

#[test]
fn three_parts_merged_give_the_bytes_of_the_whole() {
    let fixed = ["sweep", SWARM, HAPPY, "-n", "1000", "--vary", "network.loss=0%,5%"];
    let fixed = [&fixed[..], &["--set", "ablate=[\"StayInDoubt\"]"]].concat();
    let whole = |format| call("whole", &[&fixed[..], &["-f", format]].concat());
    let parts: Vec<String> = (1..=3)
        .map(|part| {
            let slice = format!("slice:{part}/3");
            let arguments = [&fixed[..], &["-f", "jsonl", "--partition", &slice]].concat();
            let path = folder("parts").join(format!("{part}.jsonl"));
            fs::write(&path, call("parts", &arguments).stdout).unwrap();
            path.to_str().unwrap().to_owned()
        })
        .collect();
    for format in ["human", "json", "jsonl"] {
        let shuffled = ["merge", &parts[2], &parts[0], &parts[1], "-f", format];
        let (merged, whole) = (call("merged", &shuffled), whole(format));
        assert_eq!(merged.stdout, whole.stdout, "{format}: {}", merged.stderr);
        assert_eq!(merged.code, whole.code, "{format}");
    }
    let twice = wrong(&["merge", &parts[0], &parts[1], &parts[2], &parts[1]]);
    assert!(twice.contains("twice"), "{twice}");
    let missing = wrong(&["merge", &parts[0], &parts[2]]);
    assert!(missing.contains("block 1 is missing"), "{missing}");
}

#[test]
fn parts_of_different_sweeps_are_not_merged() {
    let part = |name: &str, more: &[&str]| {
        let arguments = ["sweep", HAPPY, "-n", "300", "-f", "jsonl"];
        let path = folder("strangers").join(name);
        fs::write(&path, call("strangers", &[&arguments[..], more].concat()).stdout).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let one = part("1", &["--partition", "slice:1/2"]);
    let other = part("2", &["--partition", "slice:2/2", "--set", "network.loss=1%"]);
    assert!(wrong(&["merge", &one, &other]).contains("the text of"), "another text");
    let text = fs::read_to_string(&one).unwrap();
    let altered = |name: &str, from: &str, to: &str| {
        assert!(text.contains(from), "{from} is not in {text}");
        let path = folder("strangers").join(name);
        fs::write(&path, text.replace(from, to)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let whole = part("3", &["--partition", "slice:2/2"]);
    assert_eq!(call("strangers", &["merge", &one, &whole]).code, Some(3), "these two do fit");
    let epoch = format!("\"epoch\":{}", splitbrain::engine::trace::ENGINE_EPOCH);
    let old = altered("epoch", &epoch, "\"epoch\":999");
    assert!(wrong(&["merge", &old, &whole]).contains("epochs"), "another epoch");
    let version = format!("\"version\":\"{}\"", env!("CARGO_PKG_VERSION"));
    let old = altered("version", &version, "\"version\":\"0.0.0\"");
    assert!(wrong(&["merge", &old, &whole]).contains("versions"), "another version");
    let cut_short = text.lines().next().unwrap();
    fs::write(folder("strangers").join("cut"), cut_short).unwrap();
    let cut = folder("strangers").join("cut");
    assert!(wrong(&["merge", cut.to_str().unwrap()]).contains("no end"), "cut short");
    assert!(wrong(&["merge", HAPPY]).contains(":1: no JSON"), "no lines at all");
}

#[test]
fn a_part_without_blocks_is_as_good_as_the_others() {
    for part in ["1", "2", "3", "4"] {
        let slice = format!("slice:{part}/4");
        let told = call("empty", &["sweep", HAPPY, "-n", "600", "--partition", &slice]);
        assert_eq!(told.code, Some(0), "{part}: {}", told.stdout);
    }
}

#[test]
fn a_part_that_was_damaged_is_refused_with_its_line() {
    let sweep = ["sweep", SWARM, "-n", "300", "-f", "jsonl", "--set", "ablate=[\"HoldLocks\"]"];
    let text = call("damaged", &sweep).stdout;
    let merged = |name: &str, text: &str| {
        let path = folder("damaged").join(name);
        fs::write(&path, text).unwrap();
        call("damaged", &["merge", path.to_str().unwrap()])
    };
    assert_eq!(merged("whole", &text).code, Some(1));
    let of = |line: &str| text.lines().position(|one| one.contains(line)).unwrap();
    let (header, block) = (0, of("\"type\":\"block\""));
    let (failure, end) = (of("\"type\":\"failure\""), of("\"type\":\"end\""));
    // Every number of these lines in turn, one too few, one too many and far too many.
    let mut altered = 0;
    for line in [header, block, failure, end] {
        let whole = text.lines().nth(line).unwrap();
        let values: Value = serde_json::from_str(whole).unwrap();
        for (path, number) in numbers(&values, String::new()) {
            let is_shared = path == "/epoch" || path == "/seeds/Range/first";
            if is_shared || path.ends_with("_min") || path.ends_with("/hash") {
                continue; // What only other parts could contradict, and the hash of one seed.
            }
            for other in [number.wrapping_sub(1), number.wrapping_add(1), u64::MAX, 6] {
                if other == number {
                    continue;
                }
                let mut damaged = values.clone();
                let place = damaged.pointer_mut(&path).unwrap();
                *place = if place.is_string() { other.to_string().into() } else { other.into() };
                let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
                lines[line] = damaged.to_string();
                let told = merged("damaged.jsonl", &(lines.join("\n") + "\n"));
                if line == failure && path.ends_with("smallest") && told.code == Some(1) {
                    continue; // Another seed of the same block.
                }
                assert_eq!(told.code, Some(2), "{path} {number} -> {other}: {}", told.stderr);
                assert!(told.stderr.contains("damaged.jsonl"), "{}", told.stderr);
                altered += 1;
            }
        }
    }
    assert!(altered > 100, "{altered}");
    let lines: Vec<&str> = text.lines().collect();
    let one = lines[block].replace("\"seeds\":256", "\"seeds\":25");
    let told = merged("one.jsonl", &text.replace(lines[block], &one));
    let place = format!("one.jsonl:{}: block 0 has 256 seeds by the header", block + 1);
    assert!(told.stderr.contains(&place), "{}", told.stderr);
}

/// The numbers in a line, with where they stand.
fn numbers(value: &Value, path: String) -> Vec<(String, u64)> {
    match value {
        Value::Number(number) => number.as_u64().map(|number| (path, number)).into_iter().collect(),
        Value::String(text) => text.parse().ok().map(|number| (path, number)).into_iter().collect(),
        Value::Object(object) => {
            let inner = object.iter().flat_map(|(key, value)| {
                numbers(value, format!("{path}/{}", key.replace('~', "~0").replace('/', "~1")))
            });
            inner.collect()
        }
        Value::Array(list) => {
            let inner = list.iter().enumerate();
            inner.flat_map(|(place, value)| numbers(value, format!("{path}/{place}"))).collect()
        }
        _ => Vec::new(),
    }
}

#[test]
fn a_list_of_seeds_sums_to_the_hashes_of_its_seeds() {
    let told = call("list", &["sweep", HAPPY, "--seeds", "5,9..11", "-f", "json"]);
    let object: Value = serde_json::from_str(&told.stdout).unwrap();
    let sum = object[0]["counts"]["hashes"].as_str().unwrap();
    let hash = |seed: &str| {
        let run: Value =
            serde_json::from_str(&call("list", &["run", HAPPY, "-s", seed, "-f", "json"]).stdout)
                .unwrap();
        u128::from_str_radix(run[0]["trace_hash"].as_str().unwrap(), 16).unwrap()
    };
    let wanted = ["5", "9", "10", "11"].map(hash).into_iter().fold(0, u128::wrapping_add);
    assert_eq!(sum, format!("{wanted:032x}"));
}

// What is expected.

#[test]
fn an_expected_violation_must_show_in_as_many_seeds_as_the_scenario_says() {
    let needs = |seeds: &str| {
        let sweep = format!("sweep=(in: {seeds})");
        call("needs", &["sweep", WINDOW, "-n", "20", "--set", &sweep])
    };
    assert_eq!(needs("20").code, Some(0));
    let told = needs("21");
    assert_eq!(told.code, Some(1));
    assert!(told.stdout.contains("in 20 of 20 seeds, expected in at least 21"), "{}", told.stdout);
}

#[test]
fn a_property_that_too_few_seeds_put_to_the_test_is_inconclusive() {
    let told = call("untested", &["sweep", HAPPY, "-n", "20"]);
    assert_eq!(told.code, Some(3));
    assert!(told.stdout.contains("proves nothing about it"), "{}", told.stdout);
    let exercised = |seeds: &str| {
        let sweep = format!("sweep=(exercised: {seeds})");
        let checks = "checks=[Conservation]";
        call("untested", &["sweep", HAPPY, "-n", "20", "--set", &sweep, "--set", checks]).code
    };
    assert_eq!((exercised("20"), exercised("21")), (Some(0), Some(3)));
}

#[test]
fn a_green_sweep_states_its_bound_and_that_it_is_no_proof() {
    let told = call("bound", &["sweep", SWARM, "-n", "300"]);
    assert_eq!(told.code, Some(0), "{}", told.stdout);
    for words in ["at most 0.99 %", "this is not a proof", "as the scenario says"] {
        assert!(told.stdout.contains(words), "{words} is not in {}", told.stdout);
    }
}

#[test]
fn the_last_line_reproduces_the_smallest_failing_seed() {
    let told = call("next", &[&["sweep", SWARM, "-n", "300"][..], &BROKEN].concat());
    let last = told.stdout.lines().last().unwrap();
    let command = last.split_once("splitbrain ").unwrap().1.replace('\'', "");
    let words: Vec<&str> = command.split(' ').collect();
    let run = call("next", &words);
    assert_eq!(run.code, Some(1), "{command}: {}{}", run.stdout, run.stderr);
    assert!(run.stdout.contains("VIOLATED") || run.stdout.contains("violated"), "{}", run.stdout);
}

#[test]
fn failing_seeds_are_remembered_and_run_again() {
    fresh("memory");
    let sweep =
        |more: &[&str]| call("memory", &[&["sweep", SWARM, "-f", "json"][..], more].concat());
    let none = sweep(&["--failed"]);
    assert_eq!((none.code, none.stdout.as_str()), (Some(4), ""));
    assert!(none.stderr.contains("nothing is known to have failed"), "{}", none.stderr);
    let counts = |told: &Told| {
        let object: Value = serde_json::from_str(&told.stdout).unwrap();
        let of = |name: &str| object[0]["counts"][name].as_u64().unwrap();
        (of("seeds"), of("failing"))
    };
    let (_, failing) = counts(&sweep(&[&["-n", "300"][..], &BROKEN].concat()));
    assert!(failing > 3);
    let again = sweep(&[&["--failed"][..], &BROKEN].concat());
    assert_eq!(counts(&again), (failing, failing));
    assert_eq!(sweep(&["--failed"]).code, Some(4), "the scenario as it stands never failed");
}

/// The scenarios that were kept below a folder, sorted.
fn kept(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(kept(&path));
        } else if path.ends_with("scenario.ron") {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn every_find_of_a_grid_is_kept_and_runs_again() {
    let home = fresh("artifacts").join("finds");
    let vary = ["--vary", "protocol.presume=Abort,Nothing", "--artifacts", home.to_str().unwrap()];
    let ablate = ["--set", "ablate=[\"AwaitEveryVote\"]"];
    let told = call("artifacts", &[&["sweep", SWARM, "-n", "40"][..], &ablate, &vary].concat());
    assert_eq!(told.code, Some(1), "{}", told.stderr);
    let said: Vec<&str> =
        told.stdout.lines().filter_map(|line| line.strip_prefix("kept      ")).collect();
    assert!(
        said.len() >= 4 && said.iter().any(|kept| kept.contains("presume=Nothing")),
        "{said:?}"
    );
    assert_eq!(kept(&home).len(), said.len(), "each in a folder of its own: {said:?}");
    for path in kept(&home) {
        let run = call("artifacts", &["run", path.to_str().unwrap()]);
        assert_eq!(run.code, Some(0), "it expects what it shows: {}{}", run.stdout, run.stderr);
    }
}

#[test]
fn shrinking_stops_at_the_time_limit_too() {
    let broken = ["--set", "ablate=[\"AwaitEveryVote\"]", "--shrink", "--time-limit"];
    let told =
        call("stopped", &[&["sweep", SWARM, "-n", "100000000"][..], &broken, &["1s"]].concat());
    assert_eq!(told.code, Some(1), "{}", told.stderr);
    assert!(told.stdout.contains("failures are not shrunk"), "{}", told.stdout);
    assert!(!told.stdout.contains("\nshrunk "), "the time was up before: {}", told.stdout);
}

#[test]
fn a_grid_sweeps_every_variant() {
    let told = call(
        "grid",
        &[
            "sweep",
            HAPPY,
            "-n",
            "3",
            "--dry-run",
            "--vary",
            "network.loss=0%,1%",
            "--vary",
            "protocol.participants=3,4",
        ],
    );
    assert_eq!(told.code, Some(0));
    assert_eq!(told.stdout.lines().count(), 4, "{}", told.stdout);
    assert!(told.stdout.contains("network.loss=1% protocol.participants=3: seeds 1 to 3"));
}

#[test]
fn bad_flags_and_impossible_combinations_are_refused_with_a_reason() {
    let table: [(&[&str], &str); 17] = [
        (&["-n", "0"], "at least 1"),
        (&["--start", "18446744073709551615", "-n", "2"], "beyond"),
        (&["--seeds", "1,2", "--start", "3"], "--start"),
        (&["--seeds", "1,2", "-n", "3"], "cannot be used with"),
        (&["--seeds", "9..3"], "empty range"),
        (&["--seeds", "x"], "no seed"),
        (&["--partition", "slice:3/2"], "no slice 3"),
        (&["--partition", "slice:0/2"], "counted from 1"),
        (&["--partition", "half"], "slice:1/4"),
        (&["--partition", "slice:1/2", "--max-failures", "1"], "cannot be used with"),
        (&["--partition", "slice:1/2", "--time-limit", "1s"], "cannot be used with"),
        (&["--failed", "-n", "3"], "cannot be used with"),
        (&["--max-failures", "0"], "at least 1"),
        (&["-j", "0"], "1..=1024"),
        (&["--vary", "network.los=1%,2%"], "los"),
        (&["--vary", "network.loss=1%", "--set", "network.loss=2%"], "both set and varied"),
        (&["--time-limit", "soon"], "soon"),
    ];
    for (flags, reason) in table {
        let said = wrong(&[&["sweep", HAPPY][..], flags].concat());
        assert!(said.contains(reason), "{flags:?}: {said}");
    }
    assert!(wrong(&["sweep"]).contains("SCENARIO"));
    assert!(wrong(&["merge", "absent.jsonl"]).contains("absent.jsonl"));
}

#[test]
fn a_sweep_without_time_counts_what_is_complete() {
    let told = call("late", &["sweep", HAPPY, "-n", "100000000", "--time-limit", "0s"]);
    assert_eq!(told.code, Some(3), "{}", told.stdout);
    assert!(told.stdout.contains("stopped at the time limit, after 0 of"), "{}", told.stdout);
}

#[cfg(unix)]
#[test]
fn an_interrupt_prints_what_is_complete_and_exits_with_130() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_splitbrain"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["sweep", HAPPY, "-n", "100000000", "-f", "jsonl", "--out"])
        .arg(folder("interrupt"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let begun = [lines.next().unwrap().unwrap(), lines.next().unwrap().unwrap()];
    assert!(begun[0].contains("header") && begun[1].contains("block"), "{begun:?}");
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let end: Value = serde_json::from_str(rest.last().unwrap()).unwrap();
    assert_eq!((&end["type"], &end["ending"]), (&"end".into(), &"interrupted".into()));
    let blocks = 1 + rest.iter().filter(|line| line.contains("\"type\":\"block\"")).count() as u64;
    assert_eq!(
        (end["blocks"].as_u64(), end["counts"]["seeds"].as_u64()),
        (Some(blocks), Some(blocks * 256))
    );
}

// Planted: a protocol that panics, one that remembers, and where a sweep stops.

fn plan(protocol: &str) -> Plan {
    let text = format!(
        r#"Scenario(title: "planted", protocol: {protocol}, workload: Appends(rate: "20/s", until: "1s"),
            network: (latency: Uniform("1ms", "30ms")), checks: [Progress], run: (for: "2s"))"#
    );
    let registry =
        Registry::built_in().with_protocol::<faulty::Panics>().with_protocol::<faulty::Remembers>();
    load(&registry, "planted", &Edited::new(text)).unwrap_or_else(|e| panic!("{:?}", e.mistakes))
}

fn swept(plan: &Plan, seeds: &Seeds, failures_max: Option<u64>) -> Swept {
    let catch = |function: &mut dyn FnMut()| {
        catch_unwind(AssertUnwindSafe(function)).map_err(|payload| {
            payload.downcast_ref::<String>().cloned().unwrap_or_else(|| "panicked".to_owned())
        })
    };
    let order = Order { plan, seeds, slice: Slice::WHOLE, failures_max, catch: &catch };
    sweep(&order, &OneByOne, &mut |_, _| {})
}

#[test]
fn a_panic_is_a_finding_with_a_seed_and_not_the_end() {
    let plan = plan("Panics");
    let seeds = Seeds::range(1, 600).unwrap();
    let swept = swept(&plan, &seeds, None);
    assert_eq!((swept.tally.seeds, swept.ending), (600, Ending::Complete));
    let (what, failure) = swept.tally.failures.first_key_value().expect("some seeds panic");
    assert_eq!((what.property.as_str(), swept.tally.failures.len()), ("panic", 1));
    assert!(failure.seeds > 0 && failure.seeds < 600, "{failure:?}");
    assert!(failure.sentence.contains("too late"), "{failure:?}");
    assert_eq!(swept.failed[0], failure.smallest);
    let head = Head::new(&plan, "planted.ron".to_owned(), seeds, Slice::WHOLE);
    assert_eq!(verdict(&head, &swept).word(), "not_as_expected");
}

#[test]
fn a_protocol_that_remembers_across_runs_is_caught() {
    let plan = plan("Remembers");
    let seeds = Seeds::range(1, 256).unwrap();
    let swept = swept(&plan, &seeds, None);
    let findings: Vec<_> = swept.tally.failures.keys().map(|what| what.property.as_str()).collect();
    assert_eq!(findings, ["nondeterminism"]);
    assert_eq!(swept.tally.twice, 4);
    let head = Head::new(&plan, "planted.ron".to_owned(), seeds, Slice::WHOLE);
    assert_eq!(verdict(&head, &swept).word(), "diverged");
}

#[test]
fn enough_distinct_failures_end_a_sweep_between_two_blocks() {
    let plan = plan("Panics");
    let seeds = Seeds::range(1, 10_000).unwrap();
    let one = swept(&plan, &seeds, Some(1));
    assert_eq!((one.tally.seeds, one.ending), (256, Ending::FailuresMax));
    let two = swept(&plan, &Seeds::range(1, 600).unwrap(), Some(2));
    assert_eq!((two.tally.seeds, two.ending), (600, Ending::Complete));
}
