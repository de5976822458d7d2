//! Replays, branches and comparisons, as a library and as a user meets them.
//!
//! ```text
//!   run --record ──▶ replay: the same bits      a changed file ──▶ 5, and the first event that differs
//!   stepper: there and back ──▶ the same state  drop the decisive message ──▶ the other verdict, kept
//! ```
//!
//! What a replay names as the first difference is compared with one that is computed here from the
//! entries of two runs, field by field and without the words that recordings keep.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use serde_json::Value;
use splitbrain::{
    base::{ids::EventId, ids::NodeId, ids::Seed, text::source::Edited, time::Duration},
    checkers::Verdict,
    engine::trace::{Entry, Kind, Recording},
    scenario::{load::edit, load::load, plan::Plan, registry::Registry, run::Run},
    search::{
        branch::{Change, branch, kept},
        stepper::Stepper,
    },
};
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

const HELPS: &str = "scenarios/two_phase_commit/cooperative_termination_helps.ron";
const PARTITION: &str = "scenarios/two_phase_commit/partition.ron";
const WINDOW: &str = "scenarios/two_phase_commit/coordinator_dies_in_the_window.ron";

/// What came of a call.
#[derive(Debug)]
struct Told {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_splitbrain"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments).env_remove("CLICOLOR_FORCE");
    command
}

fn splitbrain(arguments: &[&str]) -> Told {
    said(arguments, "")
}

/// Calls it and says something to it.
fn said(arguments: &[&str], lines: &str) -> Told {
    let mut command = command(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Whoever does not listen may have gone before everything is said.
    _ = child.stdin.take().unwrap().write_all(lines.as_bytes());
    let output = child.wait_with_output().unwrap();
    Told {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn wrong(arguments: &[&str]) -> String {
    let told = splitbrain(arguments);
    assert_eq!((told.code, told.stdout.as_str()), (Some(2), ""), "{arguments:?}: {}", told.stderr);
    told.stderr
}

/// A path for one test, with nothing there.
fn place(name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("replay");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    _ = fs::remove_file(&path);
    path.to_str().unwrap().to_owned()
}

/// Records a run and gives the file.
fn recorded(name: &str, scenario: &str, more: &[&str]) -> String {
    let path = place(name);
    let told = splitbrain(&[&["run", scenario, "-f", "jsonl", "--record", &path], more].concat());
    assert!(matches!(told.code, Some(0 | 1)), "{}", told.stderr);
    path
}

/// A recorded run with something changed in it, as another file.
fn tampered(path: &str, name: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut value: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    change(&mut value);
    let changed = place(name);
    fs::write(&changed, value.to_string()).unwrap();
    changed
}

fn replayed(path: &str) -> (Option<i32>, Value) {
    let told = splitbrain(&["replay", path, "-f", "jsonl"]);
    let value = serde_json::from_str(&told.stdout);
    (told.code, value.unwrap_or_else(|_| panic!("{path}: {}", told.stderr)))
}

fn scenarios(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("studies") {
            scenarios(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "ron")
            && !path.ends_with("splitbrain.ron")
        {
            found.push(path);
        }
    }
}

fn plan(path: &str, sets: &[(&str, &str)]) -> Plan {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let sets: Vec<(String, String)> =
        sets.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect();
    let name = Path::new(path).file_stem().unwrap().to_str().unwrap();
    load(&Registry::built_in(), name, &edit(&text, &sets).unwrap()).unwrap()
}

fn run(plan: &Plan, seed: u64) -> Run {
    plan.runner().run(Seed(seed), Recording::Full)
}

/// The first entries in which two runs differ, step marks aside, field by field.
fn first_difference(one: &Run, other: &Run) -> (EventId, EventId) {
    let plain = |run: &Run| -> Vec<Entry> {
        run.entries.iter().filter(|entry| entry.kind != Kind::Step).cloned().collect()
    };
    let (one, other) = (plain(one), plain(other));
    let same = |x: &Entry, y: &Entry| {
        (x.at, x.kind, x.who, x.peer, x.label, &x.text)
            == (y.at, y.kind, y.who, y.peer, y.label, &y.text)
    };
    let place = one.iter().zip(&other).position(|(x, y)| !same(x, y)).expect("they differ");
    (one[place].event, other[place].event)
}

fn verdict(run: &Run, property: &str) -> &'static str {
    run.judgements.iter().find(|one| one.property == property).unwrap().verdict.word()
}

// The same bits.

#[test]
fn every_scenario_replays_to_the_same_bits() {
    let mut files = Vec::new();
    scenarios(&Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios"), &mut files);
    assert!(files.len() > 10);
    for file in files {
        let name = format!("{}.all.run", file.file_stem().unwrap().to_str().unwrap());
        let path = recorded(&name, file.to_str().unwrap(), &["--seed", "3"]);
        let (code, told) = replayed(&path);
        assert_eq!((code, &told["same"]), (Some(0), &Value::from(true)), "{told}");
        assert_eq!(told["seed"], "3");
    }
}

#[test]
fn edits_and_an_early_end_are_part_of_a_recording() {
    let more = ["--set", "network.loss=5%", "--until", "2s"];
    let (code, told) = replayed(&recorded("edited.run", PARTITION, &more));
    assert_eq!((code, &told["same"]), (Some(0), &Value::from(true)), "{told}");
}

#[test]
fn an_address_keeps_what_its_hash_promises() {
    let hash = format!("{:032x}", run(&plan(PARTITION, &[]), 7).hash);
    let address = |digits: &str| format!("partition@7-{digits}");
    assert_eq!(splitbrain(&["replay", &address(&hash[..6])]).code, Some(0));
    assert_eq!(splitbrain(&["replay", &address(&hash.to_uppercase())]).code, Some(0));
    assert_eq!(splitbrain(&["replay", "two_phase_commit/partition@7"]).code, Some(0));
    assert_eq!(splitbrain(&["replay", "partition@7", "--expect-hash", &hash]).code, Some(0));
    let other = if hash.starts_with("0000") { "1111" } else { "0000" };
    for arguments in [
        ["replay", &address(other), "--format", "human"],
        ["replay", "partition@7", "--expect-hash", other],
        ["replay", &format!("partition@8-{}", &hash[..6]), "--format", "human"],
    ] {
        let told = splitbrain(&arguments);
        assert_eq!(told.code, Some(5), "{arguments:?}");
        assert!(told.stdout.contains("another run") && told.stdout.contains("epoch"));
    }
}

#[test]
fn the_address_that_a_replay_prints_names_the_same_run() {
    let first = splitbrain(&["replay", "partition@2", "--set", "network.loss=5%"]);
    let next = first.stdout.lines().last().unwrap().trim_start_matches("next").trim();
    let words: Vec<&str> = next.split(' ').skip(1).map(|word| word.trim_matches('\'')).collect();
    assert_eq!(words[0], "replay");
    assert_eq!(splitbrain(&words).code, Some(0), "{next}");
    let without: Vec<&str> = words[..2].to_vec();
    assert_eq!(splitbrain(&without).code, Some(5), "without its edits it is another run");
}

// Other bits.

#[test]
fn a_changed_scenario_parts_at_the_event_that_the_entries_differ_in() {
    for (nth, (path, value)) in
        [("network.loss", "2%"), ("network.latency", "Uniform(\"1ms\", \"4ms\")")]
            .iter()
            .enumerate()
    {
        let file = recorded("changed.run", PARTITION, &[]);
        let (was, now) = (plan(PARTITION, &[]), plan(PARTITION, &[(path, value)]));
        let (one, other) = (run(&was, 1), run(&now, 1));
        let (recorded_event, event) = first_difference(&one, &other);
        let changed = tampered(&file, &format!("changed{nth}.run"), |value| {
            value["text"] = now.text.clone().into();
        });
        let (code, told) = replayed(&changed);
        assert_eq!((code, &told["same"]), (Some(5), &Value::from(false)), "{told}");
        assert_eq!(told["divergence"]["recorded"]["event"], recorded_event.0, "{told}");
        assert_eq!(told["divergence"]["now"]["event"], event.0, "{told}");
        let shared = other.entries.iter().take_while(|entry| entry.event < event);
        let shared = shared.filter(|entry| entry.kind != Kind::Step).count();
        assert_eq!(told["divergence"]["same_events"], shared, "{told}");
        assert!(told["reasons"].to_string().contains("edited after it was recorded"), "{told}");
    }
}

#[test]
fn a_changed_event_is_named_even_where_its_words_are_the_same() {
    let file = recorded("word.run", PARTITION, &[]);
    let event = {
        let run = run(&plan(PARTITION, &[]), 1);
        let mut hashed = run.entries.iter().filter(|entry| entry.kind != Kind::Step);
        hashed.nth(100).unwrap().event
    };
    let changed = tampered(&file, "word2.run", |value| {
        let word = value["word"][100].as_u64().unwrap();
        value["word"][100] = (word ^ 1).into();
        value["trace_hash"] = "0".repeat(32).into();
    });
    let (code, told) = replayed(&changed);
    assert_eq!(code, Some(5));
    assert_eq!(told["divergence"]["now"]["event"], event.0, "{told}");
    assert!(told["reasons"].to_string().contains("not told"), "{told}");
}

#[test]
fn a_recording_of_another_epoch_or_with_another_verdict_is_told_as_such() {
    let file = recorded("epoch.run", PARTITION, &[]);
    let epoch = tampered(&file, "epoch1.run", |value| {
        value["epoch"] = 1.into();
        value["trace_hash"] = "1".repeat(32).into();
    });
    let (code, told) = replayed(&epoch);
    assert_eq!(code, Some(5));
    assert!(told["reasons"].to_string().contains("recorded under epoch 1"), "{told}");
    let judged = tampered(&file, "judged.run", |value| {
        let verdicts = value["verdicts"].as_array_mut().unwrap();
        let blocking = verdicts.iter_mut().find(|one| one[0] == "no_blocking").unwrap();
        blocking[1] = "holds".into();
    });
    let (code, told) = replayed(&judged);
    assert_eq!((code, &told["says"]), (Some(5), &Value::from("the same bits, judged otherwise")));
    assert!(told["reasons"][0].as_str().unwrap().contains("recorded as holds, now violated"));
}

#[test]
fn a_scenario_file_that_changed_since_is_mentioned_and_not_run() {
    let scenario = place("mine.ron");
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(PARTITION)).unwrap();
    fs::write(&scenario, &text).unwrap();
    let file = recorded("mine.run", &scenario, &[]);
    fs::write(&scenario, text.replace("\"3ms\"", "\"5ms\"")).unwrap();
    let (code, told) = replayed(&file);
    assert_eq!((code, &told["same"]), (Some(0), &Value::from(true)), "{told}");
    assert!(told["reasons"].to_string().contains("another text by now"), "{told}");
    // What the edit did is the question of a comparison.
    let told = splitbrain(&["diff", &file, &format!("{scenario}@1"), "-f", "jsonl"]);
    let value: Value = serde_json::from_str(&told.stdout).unwrap();
    assert!(value["divergence"]["b"]["says"].is_string(), "{value}");
}

#[test]
fn what_is_no_run_is_refused_with_a_reason() {
    let file = recorded("damaged.run", HELPS, &[]);
    let columns = tampered(&file, "damaged1.run", |value| {
        value["at"].as_array_mut().unwrap().pop();
    });
    let words = tampered(&file, "damaged2.run", |value| value["told"][0] = 1_000_000.into());
    let large = tampered(&file, "damaged3.run", |value| value["at"][0] = u64::MAX.into());
    let field = tampered(&file, "damaged4.run", |value| value["sed"] = "1".into());
    let hash = tampered(&file, "damaged5.run", |value| value["trace_hash"] = "xyz".into());
    let text = tampered(&file, "damaged6.run", |value| value["text"] = "Scenario(".into());
    for (run, reason) in [
        (columns.as_str(), "different lengths"),
        (&words, "words that are not in it"),
        (&large, "too large"),
        (&field, "unknown field"),
        (&hash, "32 hex digits"),
        (&text, "error[SB01"),
        ("partition", "write partition@1"),
        ("partitoin", "did you mean `partition`?"),
        ("partitoin@1", "did you mean `partition`?"),
        ("partition@one", "a seed is a number"),
        ("partition@1-xyz", "hex digits"),
        ("@1", "names no scenario"),
        ("scenarios@1", "is a folder"),
        ("Cargo.toml", "neither a scenario"),
        (PARTITION, "names no seed"),
        ("absent/nowhere@1", "there is no scenario"),
    ] {
        let told = wrong(&["replay", run]);
        assert!(told.contains(reason), "{run}: {told}");
    }
    assert!(wrong(&["replay", &file, "--set", "network.loss=1%"]).contains("without --set"));
    assert!(wrong(&["replay", "partition@1", "--expect-hash", "zz"]).contains("hex digits"));
    assert!(wrong(&["replay", "partition@1-aaaa", "--expect-hash", "bbbb"]).contains("promises"));
    assert!(wrong(&["replay", "partition@1", "--to", "999999"]).contains("there is no event"));
    assert!(wrong(&["replay", "partition@1", "--to", "soon"]).contains("write an event"));
    assert!(wrong(&["replay", "partition@1", "-i", "-f", "json"]).contains("--format human"));
    assert!(wrong(&["diff", "partition@1"]).contains("RUN_B"));
    assert!(wrong(&["diff", "partition@1", "partition"]).contains("names no seed"));
    assert!(wrong(&["run", PARTITION, HELPS, "--record", "x.run"]).contains("one scenario"));
    assert!(wrong(&["run", PARTITION, "--record", "x.ron"]).contains("no scenario"));
}

// Stepping.

#[test]
fn going_back_and_forth_gives_the_state_of_the_straight_way() {
    for path in [HELPS, WINDOW, "scenarios/two_phase_commit/swarm.ron", "scenarios/wal/swarm.ron"] {
        let plan = plan(path, &[]);
        let mut straight = plan.configured.simulation(plan.setup.clone());
        straight.reset(Seed(2), Recording::HashOnly);
        let mut states = vec![(straight.trace().latest(), straight.digest())];
        while straight.step() {
            let latest = straight.trace().latest();
            if states.last().unwrap().0 != latest {
                states.push((latest, straight.digest()));
            }
        }
        let mut stepper = Stepper::new(&plan, Seed(2));
        assert_eq!(stepper.stops(), states.len(), "{path}");
        let mut place = 0;
        for _ in 0..60 {
            place = (place * 31 + 17) % states.len();
            stepper.go(place);
            assert_eq!((stepper.event(), stepper.world().digest()), states[place], "{path}");
            stepper.go(place.saturating_sub(1));
            assert_eq!(stepper.world().digest(), states[place.saturating_sub(1)].1, "{path}");
        }
        let hash = straight.trace().hash();
        assert_eq!(hash, run(&plan, 2).hash, "stepping is the run");
    }
}

#[test]
fn the_states_at_an_event_are_shown_behind_the_timeline_up_to_it() {
    let told = splitbrain(&["replay", "cooperative_termination_helps@1", "--to", "21"]);
    assert_eq!(told.code, Some(0), "{}", told.stderr);
    let (timeline, states) = told.stdout.split_once("\nafter #21").unwrap();
    assert!(timeline.contains("Prepare(") && !timeline.contains("Decide("), "{timeline}");
    assert!(states.contains("in_doubt") && states.contains("Prepared("), "{states}");
}

// Branches.

/// The Decide of c to p1, on which everything depends in a run where c dies right after it.
fn decisive(run: &Run) -> EventId {
    let to = |entry: &&Entry| {
        entry.kind == Kind::Send
            && entry.text.starts_with("Decide(t1, Commit")
            && run.catalog.endpoint(entry.peer) == "p1"
    };
    run.entries.iter().find(to).unwrap().event
}

#[test]
fn dropping_the_decisive_message_gives_the_other_verdict_and_a_scenario_that_keeps_it() {
    let origin = plan(HELPS, &[]);
    let was = run(&origin, 1);
    assert_eq!(verdict(&was, "no_blocking"), "holds");
    let event = decisive(&was);
    let saved = place("saved.ron");
    let lines = format!("to {}\ndrop {}\nsave {saved}\nq\n", event.0, event.0);
    let told = said(&["replay", "cooperative_termination_helps@1", "-i"], &lines);
    assert_eq!(told.code, Some(0), "{}", told.stderr);
    assert!(told.stdout.contains("no_blocking  holds      violated"), "{}", told.stdout);
    let again = splitbrain(&["run", &saved, "--seed", "1", "-f", "jsonl"]);
    assert_eq!(again.code, Some(0), "what it shows is what it expects: {}", again.stderr);
    let value: Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(
        (&value["verdict"], &value["expected"]),
        (&Value::from("violated"), &Value::from("violates no_blocking"))
    );
    // The file says the same as the branch itself.
    let made = branch(&Registry::built_in(), &origin, &was, Change::Lose(event)).unwrap();
    assert_eq!(fs::read_to_string(&saved).unwrap(), kept(&made, "cooperative_termination_helps@1"));
    assert_eq!(value["trace_hash"], format!("{:032x}", made.run.hash));
}

#[test]
fn a_branch_differs_from_its_origin_from_the_decision_on() {
    let origin = plan(WINDOW, &[]);
    let was = run(&origin, 1);
    let registry = Registry::built_in();
    let sends = was.entries.iter().filter(|entry| entry.kind == Kind::Send).step_by(61);
    let mut made = 0;
    for send in sends {
        for change in [
            Change::Lose(send.event),
            Change::Delay(send.event, Duration::from_millis(40)),
            Change::Crash {
                node: NodeId(send.who.0),
                after: send.event,
                down: Duration::from_millis(300),
            },
        ] {
            let Ok(branch) = branch(&registry, &origin, &was, change) else { continue };
            let (_, event) = first_difference(&was, &branch.run);
            assert!(event > send.event, "{}: {event}", branch.says);
            let first = branch.run.entries.iter().find(|entry| entry.event == event).unwrap();
            match change {
                Change::Lose(_) => assert!(matches!(first.kind, Kind::Lose(_)), "{first:?}"),
                Change::Crash { .. } => {
                    // What waited for the node is lost with it.
                    let from = branch.run.entries.iter().skip_while(|entry| entry.event < event);
                    let mut from = from.skip_while(|entry| matches!(entry.kind, Kind::Lose(_)));
                    let crash = from.next().unwrap();
                    assert_eq!((crash.kind, crash.who, crash.at), (Kind::Crash, send.who, send.at));
                    assert!(branch.says.ends_with(&format!("right after {}", send.event)));
                }
                _ => {}
            }
            let text = kept(&branch, "here");
            let again = load(&registry, "kept", &Edited::new(text)).unwrap();
            let rerun = run(&again, 1);
            assert_eq!(rerun.hash, branch.run.hash, "{}", branch.says);
            made += 1;
        }
    }
    assert!(made > 20, "{made} branches were looked at");
}

#[test]
fn a_crash_is_aimed_at_steps_handlers_and_instants() {
    let origin = plan(HELPS, &[]);
    let was = run(&origin, 1);
    let registry = Registry::built_in();
    let down = Duration::from_millis(100);
    let mut kinds = std::collections::BTreeMap::new();
    for entry in was.entries.iter().take(60).filter(|entry| entry.who.0 < 4) {
        let change = Change::Crash { node: NodeId(entry.who.0), after: entry.event, down };
        let Ok(branch) = branch(&registry, &origin, &was, change) else { continue };
        let crash = branch.run.entries.iter().find(|entry| entry.kind == Kind::Crash).unwrap();
        assert!(crash.at.saturating_since(entry.at) <= Duration::from_nanos(1), "{}", branch.says);
        let exact = branch.says.ends_with(&format!("right after {}", entry.event));
        *kinds.entry((format!("{:?}", entry.kind), exact)).or_insert(0) += 1;
    }
    for kind in ["Send", "Step", "Deliver", "Boot"] {
        assert!(kinds.contains_key(&(kind.to_owned(), true)), "{kind}: {kinds:?}");
        assert!(!kinds.contains_key(&(kind.to_owned(), false)), "{kind}: {kinds:?}");
    }
}

#[test]
fn a_message_that_is_delivered_first_is_what_happens_next() {
    let origin = plan(PARTITION, &[]);
    let was = run(&origin, 1);
    let registry = Registry::built_in();
    let mut made = 0;
    for (place, send) in was.entries.iter().enumerate().step_by(53) {
        if send.kind != Kind::Send {
            continue;
        }
        let Some(after) = was.entries[place..].iter().find(|entry| entry.at > send.at) else {
            continue;
        };
        let change = Change::First { message: send.event, after: after.event };
        let Ok(branch) = branch(&registry, &origin, &was, change) else { continue };
        let (_, event) = first_difference(&was, &branch.run);
        let first = branch.run.entries.iter().find(|entry| entry.event == event).unwrap();
        assert_eq!((first.kind, first.cause), (Kind::Deliver, send.event), "{}", branch.says);
        made += 1;
    }
    assert!(made > 5, "{made} messages came first");
}

#[test]
fn a_branch_can_be_branched_again_and_a_scripted_message_decided_anew() {
    let origin = plan(HELPS, &[]);
    let registry = Registry::built_in();
    let was = run(&origin, 1);
    let event = decisive(&was);
    let lost = branch(&registry, &origin, &was, Change::Lose(event)).unwrap();
    let error = branch(&registry, &lost.plan, &lost.run, Change::Lose(event)).err().unwrap();
    assert!(error.contains("lost as it is"), "{error}");
    let span = Duration::from_millis(2);
    let healed = branch(&registry, &lost.plan, &lost.run, Change::Deliver(event, span)).unwrap();
    assert_eq!(healed.plan.text.matches("label: \"Decide\"").count(), 1, "{}", healed.plan.text);
    assert_eq!(verdict(&healed.run, "no_blocking"), "holds");
    let other = branch(&registry, &origin, &was, Change::Lose(EventId(1))).err().unwrap();
    assert!(other.contains("about no message"), "{other}");
}

// A session.

#[test]
fn a_session_reads_like_one() {
    let event = decisive(&run(&plan(HELPS, &[]), 1)).0;
    let lines = format!(
        "n\n\np\nto 0.1s\nto {event}\nwhy\nshow\nnode p1\nnode p9\nnode P1\nstate\nflight\nl 2\nfind Decide\n\
         verdicts\nback\ntake\nsave x.ron\ndorp\nto 0\nto 99999\ndrop\ntake\nn\nback\nfirst\nhelp\n"
    );
    let told = said(&["replay", "cooperative_termination_helps@1", "-i"], &lines);
    assert_eq!((told.code, told.stderr.as_str()), (Some(0), ""), "it ends where the lines end");
    for expected in [
        "#4 0.000s> n\n  #5",
        &format!("> to {event}\n"),
        "Decide(t1, Commit",
        "because of #",
        "no node is called `p9`; there is c, p1, p2, p3",
        "no node is called `P1`, did you mean `p1`?",
        "in_doubt",
        "arrives at",
        "no_blocking                  holds",
        "no branch was taken",
        "no branch to take",
        "no branch to save",
        "did you mean `drop`?",
        "there is no event #0",
        "there is no event #99999: they go from #1 to #",
        "is lost\nthe same for",
        "\nbranch #",
        "`first EVENT`",
        "delay [EVENT] SPAN",
    ] {
        assert!(told.stdout.contains(expected), "{expected}\n{}", told.stdout);
    }
    assert!(!Path::new("x.ron").exists());
}

#[test]
fn a_session_about_a_run_that_diverged_says_so_and_ends_with_5() {
    let told = said(&["replay", "partition@1-0000", "-i"], "q\n");
    assert_eq!(told.code, Some(5));
    assert!(told.stdout.contains("another run"), "{}", told.stdout);
}

#[test]
fn nothing_is_overwritten_by_a_branch() {
    let saved = place("kept.ron");
    fs::write(&saved, "mine").unwrap();
    let lines = format!("find Prepare\ndrop\nsave {saved}\nsave {saved}.txt\n");
    let told = said(&["replay", "cooperative_termination_helps@1", "-i"], &lines);
    assert!(told.stdout.contains("exists") && told.stdout.contains("no name of a scenario"));
    assert_eq!(fs::read_to_string(&saved).unwrap(), "mine");
    assert!(!Path::new(&format!("{saved}.txt")).exists());
}

// Comparing.

#[test]
fn a_comparison_names_the_first_event_that_differs() {
    let edit = [("network.loss", "1%")];
    let (one, other) = (run(&plan(PARTITION, &[]), 1), run(&plan(PARTITION, &edit), 1));
    let (a, b) = first_difference(&one, &other);
    let arguments = ["diff", "partition@1", "partition@1", "--set-b", "network.loss=1%"];
    let told = splitbrain(&[&arguments[..], &["-f", "json"]].concat());
    assert_eq!(told.code, Some(0), "{}", told.stderr);
    let value: Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!(value["divergence"]["a"]["event"], a.0, "{value}");
    assert_eq!(value["divergence"]["b"]["event"], b.0, "{value}");
    let counters = value["counters"].as_array().unwrap();
    let dropped = counters.iter().find(|row| row["name"] == "messages.Yes.dropped").unwrap();
    assert_eq!((&dropped["a"], &dropped["b"]), (&Value::from(0), &Value::from(1)));
    assert!(counters.iter().all(|row| row["a"] != row["b"]), "only what differs");
    let human = splitbrain(&arguments).stdout;
    assert!(human.contains(&format!("  A  {a} ")) && human.contains(&format!("  B  {b} ")));
    assert!(human.contains("messages.Yes.dropped"), "{human}");
    let all = splitbrain(&[&arguments[..], &["--all"]].concat()).stdout;
    assert!(all.lines().count() > human.lines().count() && all.contains("conservation"), "{all}");
}

#[test]
fn equal_runs_differ_in_nothing_and_seeds_in_what_happens_first() {
    let told = splitbrain(&["diff", "partition@4", PARTITION_AT_4]);
    assert!(told.stdout.contains("the same ") && told.stdout.contains("are alike"));
    let told = splitbrain(&["diff", "partition@4", "partition@5", "-f", "json"]);
    let value: Value = serde_json::from_str(&told.stdout).unwrap();
    let (one, other) = (run(&plan(PARTITION, &[]), 4), run(&plan(PARTITION, &[]), 5));
    let (a, _) = first_difference(&one, &other);
    assert_eq!(value["divergence"]["a"]["event"], a.0, "{value}");
}

const PARTITION_AT_4: &str = "scenarios/two_phase_commit/partition.ron@4";

#[test]
fn runs_that_are_not_what_they_were_are_not_compared() {
    let file = recorded("compared.run", HELPS, &[]);
    let changed = tampered(&file, "compared1.run", |value| {
        value["trace_hash"] = "0".repeat(32).into();
    });
    for run in [changed.as_str(), "cooperative_termination_helps@1-0000"] {
        let told = splitbrain(&["diff", &file, run]);
        assert_eq!((told.code, told.stdout.as_str()), (Some(5), ""));
        assert!(told.stderr.contains("another run than it was"), "{}", told.stderr);
    }
}

#[test]
fn verdicts_of_two_runs_stand_side_by_side() {
    let arguments =
        ["diff", "cooperative_termination_helps@1", "cooperative_termination_cannot_help@1"];
    let told = splitbrain(&arguments);
    assert_eq!(told.code, Some(0), "{}", told.stderr);
    let row = told.stdout.lines().find(|line| line.contains("no_blocking")).unwrap();
    assert!(row.contains("holds") && row.contains("violated") && row.contains("in doubt"), "{row}");
    let run = run(&plan(arguments_path(), &[]), 1);
    let violated = run.judgements.iter().find(|one| one.property == "no_blocking").unwrap();
    let Verdict::Violated(witness) = &violated.verdict else { panic!("{violated:?}") };
    assert!(row.contains(&witness.sentence[..20]), "{row}");
}

fn arguments_path() -> &'static str {
    "scenarios/two_phase_commit/cooperative_termination_cannot_help.ron"
}
