//! The single-fault matrix as a user meets it: sound protocols stand, planted bugs show, and every
//! cell can be run again from the file that it writes.
//!
//! ```text
//!   calm run ──▶ cells, as many as counted by hand ──▶ each: text ──load──▶ the same run
//!   one step left out ──▶ some cell breaks what the step guards
//! ```
//!
//! Numbers are counted here from the arrow diagram of two-phase commit and not from the code.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "common/faulty.rs"]
#[allow(dead_code, reason = "the other one is for sweeps")]
mod faulty;

use serde_json::Value;
use splitbrain::{
    base::{ids::Seed, text::source::Edited},
    checkers,
    engine::trace::Recording,
    scenario::{
        load::{edit, load},
        plan::{Met, Plan},
        registry::Registry,
    },
    search::matrix::{Grade, Matrix, Order, Returns, Verdict, matrix},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    process::Command,
};

const HAPPY: &str = "scenarios/two_phase_commit/happy_path.ron";
const PRESUMPTIONS: [&str; 4] = ["Nothing", "Abort", "Commit", "Mixed"];

fn plan(sets: &[(&str, &str)]) -> Plan {
    scenario(HAPPY, sets)
}

fn scenario(file: &str, sets: &[(&str, &str)]) -> Plan {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let sets: Vec<(String, String)> =
        sets.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect();
    let edited = edit(&std::fs::read_to_string(path).unwrap(), &sets).unwrap();
    load(&Registry::built_in(), "happy_path", &edited).unwrap()
}

fn run(plan: &Plan, operations: usize, returns: Returns, pairs: u64) -> Matrix {
    let registry = Registry::built_in();
    let catch = |function: &mut dyn FnMut()| {
        function();
        Ok(())
    };
    let (seed, registry) = (Seed(1), &registry);
    matrix(&Order { registry, plan, seed, operations, returns, pairs, catch: &catch }).unwrap()
}

/// One transfer between two participants that both take part.
fn one_transfer() -> Plan {
    plan(&[
        ("protocol", "TwoPhaseCommit(participants: 2, presume: Abort, enlist: All)"),
        ("workload", r#"Requests([(at: "0ms", ask: Transfer(from: 0, to: 1, amount: 5))])"#),
    ])
}

#[test]
fn the_number_of_cells_is_that_of_the_diagram() {
    let matrix = run(&one_transfer(), 1, Returns::Later, 0);
    let mut counted: BTreeMap<&str, usize> = BTreeMap::new();
    for cell in &matrix.cells {
        *counted.entry(cell.row.kind).or_default() += 1;
    }
    // Prepare, Yes, Decide and Ack between the coordinator and two participants.
    let messages = 4 * 2;
    let with_client = messages + 2;
    // One for each effect and one before all of them.
    let boots = 3;
    let request = 1 + 3; // Two Prepare, a timer.
    let prepare = 1 + 4; // A force, the mark of the locks, a timer, Yes.
    let first_yes = 1 + 1; // The mark that votes are awaited.
    let second_yes = 1 + 7; // A timer off, a force, an answer, two Decide, a mark, a timer.
    let decide = 1 + 3; // A timer off, a force, Ack.
    let first_ack = 1;
    let second_ack = 1 + 2; // A timer off, a record that is not forced.
    let crash = boots
        + request
        + 2 * prepare
        + first_yes
        + second_yes
        + 2 * decide
        + first_ack
        + second_ack;
    // Prepared and Outcome twice, Decided once.
    let forces = 5;
    // Three sides, three ways; a start, the request, four messages sent and handled, three records.
    let (sides, phases) = (3, 1 + 1 + 4 + 4 + 3);
    let wanted = [
        ("lost", with_client),
        ("slow", with_client),
        ("late", with_client),
        ("twice", messages),
        ("again late", messages),
        ("crash", crash),
        ("crash kept", 1), // Only the record that is not forced can be kept by luck.
        ("crash forcing", forces),
        ("crash forcing kept", forces),
        ("cut", sides * phases),
        ("mute", sides * phases),
        ("deaf", sides * phases),
    ];
    assert_eq!(counted, BTreeMap::from(wanted));
    let forever = run(&one_transfer(), 1, Returns::LaterAndNever, 0);
    assert_eq!(forever.cells.len(), matrix.cells.len() + crash + 1 + 2 * forces);
    let ids: BTreeSet<&String> = forever.cells.iter().map(|cell| &cell.id).collect();
    assert_eq!(ids.len(), forever.cells.len(), "every cell has a name of its own");
}

#[test]
fn no_single_fault_and_no_sampled_pair_breaks_two_phase_commit() {
    for presume in PRESUMPTIONS {
        let plan = plan(&[("protocol.presume", presume), ("workload.clients", "2")]);
        let matrix = run(&plan, 3, Returns::LaterAndNever, 300);
        assert!(matrix.cells.len() > 500 && matrix.pairs.len() > 250);
        let grades = |wanted| {
            let graded = matrix.all().filter(|cell| cell.verdict.grade(&plan.expect) == wanted);
            graded.map(|cell| cell.id.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(grades(Grade::Broken), [""; 0], "{presume}");
        assert_eq!(grades(Grade::Unknown), [""; 0], "{presume}");
        assert!(grades(Grade::Well).len() > matrix.cells.len() / 3, "{presume}");
        assert!(!grades(Grade::Allowed).is_empty(), "a dead coordinator blocks somebody");
    }
}

#[test]
fn a_missing_step_shows_in_the_matrix() {
    let cases = [
        ("Abort", "ForcePromise", "durability", 2),
        ("Abort", "HoldLocks", "conservation", 5),
        // One fault makes one node commit by presumption, and the money is short; it takes two
        // for a second node to abort.
        ("Commit", "ForceCollecting", "conservation", 5),
        ("Abort", "AwaitEveryVote", "atomic_commit.validity", 2),
        ("Abort", "ForceDecision", "atomic_commit.agreement", 2),
        ("Abort", "ForceOutcome", "atomic_commit.stability", 2),
        ("Abort", "StayInDoubt", "atomic_commit.agreement", 2),
        ("Abort", "WaitToAnswer", "atomic_commit.agreement", 2),
        ("Abort", "AwaitEveryAck", "atomic_commit.agreement", 2),
        ("Abort", "ResendDecision", "forgetting", 2),
    ];
    for (presume, step, property, operations) in cases {
        let ablate = format!("[\"{step}\"]");
        let plan = plan(&[("protocol.presume", presume), ("ablate", &ablate)]);
        let matrix = run(&plan, operations, Returns::Later, 0);
        let falls = |cell: &&splitbrain::search::matrix::Cell| match &cell.verdict {
            Verdict::Violated(properties) => properties.iter().any(|known| known == property),
            _ => false,
        };
        let cell = matrix.cells.iter().find(falls);
        let cell = cell.unwrap_or_else(|| panic!("no cell breaks {property} without {step}"));
        assert_eq!(cell.verdict.grade(&plan.expect), Grade::Broken);
        println!("{step:16} {property:26} {}", cell.id);
    }
}

const SMALL_LOG: &str = "scenarios/wal/small_log.ron";

#[test]
fn no_single_fault_breaks_a_log_and_a_missing_force_shows() {
    let broken = |sets: &[(&str, &str)]| {
        let plan = scenario(SMALL_LOG, sets);
        let matrix = run(&plan, 2, Returns::Later, 200);
        let graded = matrix.all().filter(|cell| {
            matches!(cell.verdict.grade(&plan.expect), Grade::Broken | Grade::Unknown)
        });
        let graded: Vec<Verdict> = graded.map(|cell| cell.verdict.clone()).collect();
        (matrix.cells.len(), graded)
    };
    let (cells, graded) = broken(&[]);
    assert!(cells > 20, "{cells} cells");
    assert_eq!(graded, []);
    let (_, graded) = broken(&[("ablate", "[\"ForceBeforeAcknowledge\"]")]);
    let lost = |verdict: &Verdict| {
        matches!(verdict, Verdict::Violated(properties)
            if properties.iter().any(|property| property == "recovery.acknowledged"))
    };
    assert!(graded.iter().any(lost), "{graded:?}");
}

#[test]
fn the_file_of_a_cell_gives_the_verdict_of_the_cell() {
    let ablate = r#"["ForceDecision"]"#;
    let plans = [
        plan(&[("protocol.presume", "Mixed"), ("protocol.refuse", r#"Chance("30%")"#)]),
        plan(&[("protocol.presume", "Commit"), ("ablate", ablate)]),
        plan(&[("service", r#"[(nodes: Role("participant"), time: Uniform("1ms", "3ms"))]"#)]),
        scenario(SMALL_LOG, &[]),
        scenario("scenarios/wal/happy_path.ron", &[("ablate", r#"["SyncNames"]"#)]),
    ];
    for plan in plans {
        let matrix = run(&plan, 2, Returns::LaterAndNever, 40);
        for cell in matrix.all() {
            let text = matrix.scenario(cell);
            let again = load(&Registry::built_in(), "cell", &Edited::new(text.as_str())).unwrap();
            let run = again.runner().run(Seed(1), Recording::Full);
            assert_eq!(run.hash, cell.hash, "{}\n{text}", cell.id);
            let violated = run
                .judgements
                .iter()
                .filter(|judgement| matches!(judgement.verdict, checkers::Verdict::Violated(_)));
            let violated: Vec<&str> = violated.map(|judgement| judgement.property).collect();
            let wanted: Vec<&str> = match &cell.verdict {
                Verdict::Violated(properties) => properties.iter().map(String::as_str).collect(),
                _ => Vec::new(),
            };
            assert_eq!(violated, wanted, "{}", cell.id);
            assert_eq!(again.expectation(&run.judgements), Met::Yes, "{}", cell.id);
            let doubt = run.judgements.iter().find(|j| j.property == "no_blocking");
            let Some(doubt) = doubt else { continue };
            let longest = cell.blocked.map(|blocked| format!("longest doubt {blocked} of "));
            let longest = longest.unwrap_or_else(|| "nobody was in doubt".to_owned());
            assert!(doubt.note.starts_with(&longest), "{}: {} {longest}", cell.id, doubt.note);
        }
    }
}

#[test]
fn the_file_of_a_cell_that_panics_can_be_loaded_and_panics_again() {
    let registry = Registry::built_in().with_protocol::<faulty::Panics>();
    let text = r#"Scenario(title: "planted", protocol: Panics,
        workload: Appends(rate: "20/s", until: "1s"), checks: [Progress], run: (for: "2s"))"#;
    let plan = load(&registry, "planted", &Edited::new(text)).unwrap();
    let catch = |function: &mut dyn FnMut()| {
        catch_unwind(AssertUnwindSafe(function)).map_err(|_| "it panicked".to_owned())
    };
    let order = Order {
        registry: &registry,
        plan: &plan,
        seed: Seed(1),
        operations: 2,
        returns: Returns::Later,
        pairs: 0,
        catch: &catch,
    };
    let matrix = matrix(&order).unwrap();
    let panics = Verdict::Violated(vec!["panic".to_owned()]);
    let cell = matrix.all().find(|cell| cell.verdict == panics).unwrap();
    assert_eq!(cell.verdict.grade(&plan.expect), Grade::Broken);
    let text = matrix.scenario(cell);
    assert!(text.contains("A handler panics."), "{text}");
    let again = load(&registry, "cell", &Edited::new(text.as_str()))
        .unwrap_or_else(|error| panic!("{:?}\n{text}", error.mistakes));
    assert!(catch(&mut || _ = again.runner().run(Seed(1), Recording::Full)).is_err(), "{text}");
}

#[test]
fn without_operations_there_is_no_matrix() {
    let plan = plan(&[("workload.until", "0ms")]);
    let registry = Registry::built_in();
    let catch = |function: &mut dyn FnMut()| {
        function();
        Ok(())
    };
    let returns = Returns::Later;
    let order = Order {
        registry: &registry,
        plan: &plan,
        seed: Seed(1),
        operations: 2,
        returns,
        pairs: 0,
        catch: &catch,
    };
    assert!(matrix(&order).is_err());
}

/// Calls splitbrain: exit code, stdout, stderr.
fn splitbrain(arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_splitbrain"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments);
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("matrix").join(name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).unwrap();
    }
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn the_map_tells_the_same_as_its_data() {
    let (code, screen, _) = splitbrain(&["matrix", HAPPY]);
    assert_eq!(code, Some(0), "{screen}");
    assert_eq!(splitbrain(&["matrix", HAPPY]).1, screen, "equal runs print equal bytes");
    let (code, json, _) = splitbrain(&["matrix", HAPPY, "--format", "json"]);
    assert_eq!(code, Some(0));
    let document: Value = serde_json::from_str(&json).unwrap();
    let cells = document["cells"].as_array().unwrap();
    assert_eq!(cells[0]["id"], "calm");
    assert!(screen.contains(&format!("{} single faults", cells.len() - 1)), "{screen}");
    let verdicts = |word: &str| cells[1..].iter().filter(|cell| cell["verdict"] == word).count();
    for word in ["holds", "violated", "not_exercised"] {
        assert_eq!(document["counts"][word], verdicts(word), "{word}");
    }
    let columns = document["columns"].as_array().unwrap();
    let widest = screen.lines().find(|line| line.contains("what  ")).unwrap();
    let events = widest.split_whitespace().last().unwrap();
    assert_eq!(events.chars().count(), columns.len());
    let (_, lines, _) = splitbrain(&["matrix", HAPPY, "--format", "jsonl"]);
    assert_eq!(lines.lines().count(), cells.len() + 1);
}

#[test]
fn a_planted_bug_exits_with_1_and_the_command_shows_it_again() {
    let folder = folder("planted");
    let file = folder.join("cell.ron").display().to_string();
    let ablate = "ablate=[\"ForceDecision\"]";
    let (code, screen, _) = splitbrain(&["matrix", HAPPY, "--set", ablate]);
    assert_eq!(code, Some(1), "{screen}");
    let id = "crash.Deliver-Yes.p1.c.t1.after3";
    let listed = screen.lines().find(|line| line.contains(id)).unwrap();
    assert!(listed.contains("atomic_commit.agreement"), "{listed}");
    let again = ["matrix", HAPPY, "--set", ablate, "--cell", id, "-o", &file];
    let (code, _, stderr) = splitbrain(&again);
    assert_eq!(code, Some(0), "{stderr}");
    let (code, screen, stderr) = splitbrain(&["run", &file]);
    assert_eq!(code, Some(0), "the file expects what the cell shows: {screen}{stderr}");
    assert!(screen.contains("atomic_commit.agreement"), "{screen}");
    let (_, printed, _) = splitbrain(&again[..6]);
    assert_eq!(printed, std::fs::read_to_string(&file).unwrap());
}

#[test]
fn what_the_scenario_expects_to_fall_may_fall() {
    let ablate = ["--set", "ablate=[\"ResendDecision\"]"];
    let (code, screen, _) = splitbrain(&[&["matrix", HAPPY][..], &ablate].concat());
    assert_eq!(code, Some(1), "{screen}");
    let expect = ["--set", "expect=Violates(\"forgetting\")"];
    let (code, screen, _) = splitbrain(&[&["matrix", HAPPY][..], &ablate, &expect].concat());
    assert_eq!(code, Some(0), "{screen}");
    assert!(screen.contains("violates forgetting"), "{screen}");
}

#[test]
fn what_the_scenario_expects_to_fall_has_to_fall_in_some_cell() {
    let expect = ["--set", "expect=Violates(\"conservation\")"];
    let (code, screen, _) = splitbrain(&[&["matrix", HAPPY][..], &expect].concat());
    assert_eq!(code, Some(1), "{screen}");
    assert!(screen.contains("but no single fault breaks conservation"), "{screen}");
}

#[test]
fn a_matrix_that_puts_nothing_to_the_test_is_inconclusive() {
    // Nobody keeps anything: no transaction ever commits.
    let refuse = ["--set", "checks=[Durability]", "--set", "protocol.refuse=Chance(\"100%\")"];
    let (code, screen, _) = splitbrain(&[&["matrix", HAPPY][..], &refuse].concat());
    assert_eq!(code, Some(3), "{screen}");
    assert!(screen.contains("but nothing was put to the test"), "{screen}");
}

#[test]
fn the_picture_is_an_svg_with_a_square_for_every_place_that_has_a_cell() {
    let path = folder("picture").join("map.svg").display().to_string();
    let (code, screen, _) = splitbrain(&["matrix", HAPPY, "--svg", &path]);
    assert_eq!(code, Some(0));
    let text = std::fs::read_to_string(&path).unwrap();
    let document = roxmltree::Document::parse(&text).unwrap();
    let tags = |name: &str| {
        let nodes = document.descendants().filter(|node| node.tag_name().name() == name);
        nodes.count()
    };
    let from = screen.lines().position(|line| line.contains("where  ")).unwrap() + 1;
    let map = screen.lines().skip(from).take_while(|line| !line.is_empty());
    let width = screen.lines().nth(from).unwrap();
    assert!(width.contains("lost"), "{screen}");
    let left = screen.lines().nth(from - 1).unwrap().find("c123").unwrap();
    let places: usize =
        map.map(|line| line.chars().skip(left).filter(|shade| *shade != ' ').count()).sum();
    assert!(places > 300, "{screen}");
    let (background, legend) = (1, 5);
    assert_eq!(tags("rect"), places + background + legend);
    assert!(tags("text") > 20 && tags("title") == 1 && tags("desc") == 1);
}

#[test]
fn bad_flags_are_refused_with_reasons() {
    let cases: &[(&[&str], &str)] = &[
        (&["matrix"], "SCENARIO"),
        (&["matrix", "scenarios"], "is a folder"),
        (&["matrix", "scenarios/none.ron"], "failed to read"),
        (&["matrix", HAPPY, HAPPY], "unexpected argument"),
        (&["matrix", HAPPY, "-k", "0"], "0 is not in"),
        (&["matrix", HAPPY, "--pairs", "many"], "invalid"),
        (&["matrix", HAPPY, "-o", "x.ron"], "--cell"),
        (&["matrix", HAPPY, "--cell", "calm", "--svg", "x.svg"], "cannot be used with"),
        (&["matrix", HAPPY, "--cell", "lost.Prepare.c.p1.t7"], "did you mean `lost."),
        (&["matrix", HAPPY, "--set", "network.los=5%"], "los"),
        (&["matrix", HAPPY, "--svg", "/nowhere/at/all.svg"], "failed to write"),
    ];
    for (arguments, reason) in cases {
        let (code, stdout, stderr) = splitbrain(arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {stdout}{stderr}");
        assert_eq!(stdout, "", "{arguments:?}");
        assert!(stderr.contains(reason), "{arguments:?}: {stderr}");
    }
}
