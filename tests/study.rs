//! Studies: the numbers of papers, equal bytes for any number of threads and any interruption.
//!
//! ```text
//!   scenarios/studies/*.ron ──few seeds──▶ loads, runs, draws       ──many──▶ closed forms
//!   1, 2, 7 threads · stopped and taken up again · kept cells ──▶ equal bytes
//!   bad files ──▶ exit 2, the mistake on its line
//! ```
//!
//! A share may be off by four standard deviations of its estimate and what is certain by nothing.
//! Threads, files and signals are the binary's business, so those tests start it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use splitbrain::{
    base::text::diagnostic::position,
    scenario::registry::Registry,
    search::sweep::OneByOne,
    study::{
        file::{Study, load},
        grid::{Cell, cells},
        metrics::Unit,
        run::{Measured, Order, run},
        table::fits,
    },
};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

const STUDIES: &str = "scenarios/studies";

fn splitbrain(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_splitbrain"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments).env_remove("CLICOLOR_FORCE");
    command
}

fn call(arguments: &[&str]) -> Output {
    splitbrain(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// An empty folder of a test's own.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("study").join(name);
    _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// The studies that are shipped.
fn shipped() -> Vec<String> {
    let entries = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(STUDIES)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut paths: Vec<String> = names.map(|name| format!("{STUDIES}/{name}")).collect();
    paths.sort();
    assert!(5 <= paths.len(), "{paths:?}");
    paths
}

/// A small study: losses by presumption, with chance in every number.
const SMALL: &str = r#"Study(
    title: "small",
    finding: "It depends on the loss",
    scenario: Scenario(
        title: "transfers over lossy links",
        protocol: TwoPhaseCommit(participants: 3, presume: Abort),
        network: (latency: Uniform("1ms", "3ms"), loss: "1%"),
        workload: Transfers(clients: 2, rate: "30/s", accounts: 12, until: "1s"),
        checks: [AtomicCommit, NoBlocking(limit: "100ms")],
        run: (for: "3s"),
    ),
    variants: [(name: "presumption", of: [
        (name: "abort", set: [("protocol.presume", Abort)]),
        (name: "commit", set: [("protocol.presume", Commit)]),
    ])],
    vary: [(name: "loss", path: "network.loss", values: ["0%", "5%", "20%"])],
    seeds: 70,
    measure: [
        (name: "messages", metric: Messages),
        (name: "prepares", metric: Messages(role: "coordinator", label: "Prepare")),
        (name: "promises", metric: Steps(step: "ForcePromise")),
        (name: "ok", metric: Availability(of: Writes)),
        (name: "unanswered", metric: Unanswered),
        (name: "p90", metric: Latency(at: "90%")),
        (name: "mean", metric: LatencyMean(of: Writes)),
        (name: "doubt", metric: InDoubt(at: "50%")),
        (name: "blocked", metric: Violations(property: "no_blocking")),
    ],
    charts: [
        (x: "loss", y: "ok"),
        (finding: "Tails grow", x: "presumption", y: "p90", y_scale: Log, only: [("loss", "5%")]),
    ],
)
"#;

fn small(folder: &Path) -> String {
    let path = folder.join("small.ron");
    fs::write(&path, SMALL).unwrap();
    path.to_str().unwrap().to_owned()
}

/// What lies in a folder, but for the kept cells.
fn written(folder: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.filter(|path| path.file_name().unwrap() != "cells.jsonl");
    files
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect()
}

/// Runs the small study into a folder; gives what it printed and what it wrote.
fn told(study: &str, out: &Path, more: &[&str]) -> (String, BTreeMap<String, String>) {
    let output = call(&[&["study", study, "--out", out.to_str().unwrap()], more].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    (text(&output.stdout), written(out))
}

// Equal bytes.

#[test]
fn one_two_and_seven_threads_give_the_same_bytes() {
    let home = folder("threads");
    let study = small(&home);
    for more in [&[][..], &["--csv"], &["-f", "json"], &["-f", "jsonl"]] {
        let with = |threads: &str| {
            let out = home.join(threads);
            told(&study, &out, &[&["-j", threads, "--fresh"], more].concat())
        };
        let one = with("1");
        let names: Vec<&str> = one.1.keys().map(String::as_str).collect();
        assert_eq!(names, ["README.md", "chart-2.svg", "chart.svg", "table.csv"]);
        assert_eq!(with("2"), one, "{more:?}");
        assert_eq!(with("7"), one, "{more:?}");
        if more == ["--csv"] {
            assert_eq!(one.0, one.1["table.csv"]);
        }
    }
}

#[test]
fn a_study_that_lost_some_cells_and_half_a_line_is_completed_to_the_same_bytes() {
    let home = folder("resumed");
    let study = small(&home);
    let whole = told(&study, &home.join("whole"), &[]);
    let cells = fs::read_to_string(home.join("whole/cells.jsonl")).unwrap();
    assert_eq!(cells.lines().count(), 6);
    let out = home.join("part");
    fs::create_dir_all(&out).unwrap();
    for length in [0, 1, cells.len() / 3, cells.len() / 2, cells.len() - 1] {
        fs::write(out.join("cells.jsonl"), &cells[..length]).unwrap();
        assert_eq!(told(&study, &out, &["-j", "2"]), whole, "{length} bytes of the kept cells");
        let again = fs::read_to_string(out.join("cells.jsonl")).unwrap();
        let whole = |line: &&str| serde_json::from_str::<serde_json::Value>(line).is_ok();
        let torn = again.lines().filter(|line| !whole(line)).count();
        assert_eq!(again.lines().filter(whole).count(), 6, "only what was missing is measured");
        assert!(torn <= 1, "{again}");
    }
}

#[test]
fn a_kept_cell_is_believed_unless_its_runs_changed_or_a_fresh_start_is_wanted() {
    let home = folder("kept");
    let study = small(&home);
    let whole = told(&study, &home, &["--csv"]);
    let path = home.join("cells.jsonl");
    let cells = fs::read_to_string(&path).unwrap();
    let row: serde_json::Value = serde_json::from_str(cells.lines().next().unwrap()).unwrap();
    let trials = format!("\"{}\",", row["estimates"][0][3].as_str().unwrap());
    fs::write(&path, cells.replacen(&trials, "\"123456789\",", 1)).unwrap();
    let believed = told(&study, &home, &["--csv"]).0;
    assert!(believed.contains(",123456789,"), "what is kept is not measured again: {believed}");
    assert_eq!(told(&study, &home, &["--csv", "--fresh"]).0, whole.0);
    // Another hash of the first seed: the protocol or the engine runs otherwise by now.
    let hash = row["first_hash"].as_str().unwrap();
    let doubted = cells.replacen(&trials, "\"123456789\",", 1).replacen(hash, &"0".repeat(32), 1);
    fs::write(&path, doubted).unwrap();
    assert_eq!(told(&study, &home, &["--csv"]).0, whole.0);
    // Other seeds are other cells.
    let other = told(&study, &home, &["--csv", "-n", "64"]).0;
    assert!(other.lines().nth(1).unwrap().ends_with(",64"), "{other}");
}

fn wait_for_cells(child: &mut Child, out: &Path, cells: usize) {
    let path = out.join("cells.jsonl");
    let kept = || fs::read_to_string(&path).unwrap_or_default().matches('\n').count();
    while kept() < cells && child.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
}

#[cfg(unix)]
#[test]
fn a_user_who_interrupts_keeps_what_is_complete_and_goes_on_later() {
    let home = folder("interrupted");
    let study = small(&home);
    let seeds = ["-n", "4000"];
    let whole = told(&study, &home.join("whole"), &seeds);
    let out = home.join("part");
    let arguments = [&["study", &study, "--out", out.to_str().unwrap(), "-j", "2"], &seeds[..]];
    let mut command = splitbrain(&arguments.concat());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for_cells(&mut child, &out, 2);
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "", "half a table is no table");
    let said = text(&output.stderr);
    assert!(said.contains("of 6 cells are complete") && !said.contains(" 0 of 6"), "{said}");
    assert_eq!(told(&study, &out, &seeds), whole);
}

// What is measured.

/// A study, run here in one thread.
fn measured(study: &Study, seeds: u64) -> (Vec<Cell>, Vec<Measured>) {
    let registry = Registry::built_in();
    let cells = cells(&registry, study, "study", None).unwrap_or_else(|wrong| {
        panic!("{:?}", wrong.mistakes.iter().map(|m| &m.message).collect::<Vec<_>>())
    });
    let wanted: Vec<usize> = (0..cells.len()).collect();
    let catch = |function: &mut dyn FnMut()| {
        function();
        Ok(())
    };
    let order = Order { study, cells: &cells, wanted: &wanted, first: 1, seeds, catch: &catch };
    let mut all = Vec::new();
    run(&order, &OneByOne, &mut |_, cell| all.push(cell), &mut || {}).unwrap();
    (cells, all)
}

fn study(name: &str) -> Study {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(STUDIES).join(name);
    load(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Every measurement with a closed form: where, what was measured, the formula, trials, unit.
fn compared(name: &str, seeds: u64) -> Vec<(String, f64, f64, u64, Unit)> {
    let study = study(name);
    let (cells, measured) = measured(&study, seeds);
    let mut compared = Vec::new();
    for (cell, measured) in cells.iter().zip(&measured) {
        for (place, form) in cell.closed_forms.iter().enumerate() {
            let Some(form) = form else { continue };
            let estimate = measured.estimates[place];
            let measure = &study.measures[place];
            let place = format!("{name}: {} at {:?}", measure.name, cell.edits);
            let value = estimate.value.expect("it was measured");
            compared.push((place, value, *form, estimate.trials, measure.metric.unit));
        }
    }
    compared
}

#[test]
fn lost_messages_abort_as_often_as_the_closed_form_says() {
    let compared = compared("abort_by_loss.ron", 2_000);
    assert_eq!(compared.len(), 28);
    for (place, value, p, n, _) in compared {
        assert_eq!(n, 2_000, "one transaction per seed");
        let tolerance = 4.0 * (p * (1.0 - p) / n as f64).sqrt();
        assert!((value - p).abs() <= tolerance, "{place}: {value} instead of {p}");
    }
}

#[test]
fn what_is_certain_equals_its_closed_form() {
    for (name, cells) in [
        ("in_doubt_by_delay.ron", 12),
        ("in_doubt_by_downtime.ron", 7),
        ("presumptions_commit.ron", 54),
        ("presumptions_abort.ron", 36),
    ] {
        let compared = compared(name, 3);
        assert_eq!(compared.len(), cells, "{name}");
        for (place, value, form, ..) in compared {
            assert!((value - form).abs() <= 1e-9 * form, "{place}: {value} instead of {form}");
        }
    }
}

/// What a formula says is within four standard deviations of what was measured; certain numbers
/// are equal.
fn assert_fits(name: &str, seeds: u64, count: usize) {
    let study = study(name);
    let (cells, measured) = measured(&study, seeds);
    let mut compared = 0;
    for (cell, measured) in cells.iter().zip(&measured) {
        for (place, form) in cell.closed_forms.iter().enumerate() {
            let estimate = &measured.estimates[place];
            let Some(fits) = fits(*form, estimate) else { continue };
            compared += 1;
            assert!(fits, "{name}: {form:?} at {:?}, but {estimate:?}", cell.edits);
        }
    }
    assert_eq!(compared, count, "{name}");
}

#[test]
fn staleness_fades_as_the_closed_form_says() {
    assert_fits("staleness_over_time.ron", 10, 40);
    let study = study("staleness_over_time.ron");
    let (cells, measured) = measured(&study, 10);
    for (cell, measured) in cells.iter().zip(&measured) {
        let stale = measured.estimates[0].value.unwrap();
        let is_strict = cell.points[0] == 4;
        assert!(!is_strict || stale <= 0.0, "R + W > N is never stale: {stale}");
        // Later the rarest is too rare for so few seeds.
        let at_once = cell.points[1] == 0;
        assert!(is_strict || !at_once || 0.0 < stale, "R + W <= N is stale at once");
    }
}

#[test]
fn waiting_for_k_of_n_replicas_takes_as_long_as_the_closed_form_says() {
    assert_fits("quorum_latency.ron", 40, 12);
}

#[test]
fn availability_and_staleness_in_versions_are_those_of_the_closed_forms() {
    assert_fits("quorum_availability.ron", 1_000, 24);
    assert_fits("staleness_in_versions.ron", 10, 21);
}

#[test]
fn retries_send_and_arrive_as_often_as_the_closed_forms_say() {
    assert_fits("idempotency_retries.ron", 2_000, 48);
}

#[test]
#[cfg_attr(debug_assertions, ignore = "long; run it with --release")]
fn the_table_of_bailis_and_others_is_reproduced_by_one_study() {
    // 24 latencies of reads, 24 of writes, 16 shares of stale reads.
    assert_fits("pbs.ron", 40, 64);
    assert_fits("t_visibility.ron", 80, 5);
}

#[test]
fn metrics_agree_with_each_other() {
    let study = load(SMALL).unwrap();
    let (cells, all) = measured(&study, 40);
    let of = |name: &str| study.measures.iter().position(|measure| measure.name == name).unwrap();
    for (cell, measured) in cells.iter().zip(&all) {
        let value = |name: &str| measured.estimates[of(name)].value.unwrap();
        assert!(value("prepares") < value("messages"), "{:?}", cell.edits);
        assert!(value("ok") + value("unanswered") <= 1.0);
        assert!(value("mean") < value("p90") * 1.5 && value("doubt") < value("p90") * 10.0);
        for estimate in &measured.estimates {
            let interval = estimate.interval.expect("40 seeds");
            let value = estimate.value.unwrap();
            assert!(interval.low <= value && value <= interval.high, "{estimate:?}");
        }
    }
    let blocked = |cell: usize| all[cell].estimates[of("blocked")].value.unwrap();
    assert!(blocked(0) < blocked(2), "lost messages keep participants in doubt");
}

// What is shipped.

#[test]
fn every_shipped_study_runs_and_its_charts_show_every_cell() {
    for path in shipped() {
        let out = folder("shipped").join(Path::new(&path).file_stem().unwrap());
        let (stdout, files) = told(&path, &out, &["-n", "3", "-j", "2"]);
        let study = load(&fs::read_to_string(&path).unwrap()).unwrap();
        assert!(stdout.starts_with(&study.title), "{stdout}");
        let cells: usize = study.axes.iter().map(|axis| axis.points.len()).product();
        assert_eq!(files["table.csv"].lines().count(), 1 + cells, "{path}");
        for nth in 0..study.charts.len() {
            let name = if nth == 0 { "chart.svg".into() } else { format!("chart-{}.svg", nth + 1) };
            shows(&files[&name], &study, nth, cells, &path);
        }
    }
}

/// The picture says what was found, and has the marks of all its cells.
fn shows(svg: &str, study: &Study, nth: usize, cells: usize, path: &str) {
    let document = roxmltree::Document::parse(svg).unwrap();
    let chart = &study.charts[nth];
    let finding = chart.finding.as_ref().unwrap_or(&study.finding);
    let title = document.descendants().find(|node| node.has_tag_name("title")).unwrap();
    assert_eq!(title.text(), Some(finding.as_str()), "{path}");
    let fixed = chart.only.iter().map(|(axis, _)| study.axes[*axis].points.len());
    let drawn = cells / fixed.product::<usize>();
    let is_mark = |node: &roxmltree::Node<'_, '_>| {
        // Marks are circles, filled triangles and squares, and crosses of two strokes.
        node.has_tag_name("circle")
            || node.has_tag_name("polygon")
            || (node.has_tag_name("rect") && node.attribute("width") == Some("7"))
    };
    let marks = document.descendants().filter(is_mark).count();
    let strokes = document.descendants().filter(|node| node.attribute("stroke-width") == Some("2"));
    let crosses = strokes.count() / 2;
    let lines = document.descendants().filter(|node| node.has_tag_name("text")).count();
    assert!(drawn <= marks + crosses && 4 < lines, "{path}: {drawn} cells, {marks} + {crosses}");
    let dashed = study.measures[chart.y].closed_form.is_some();
    assert_eq!(svg.contains("closed form"), dashed, "{path}");
}

#[test]
fn folders_of_scenarios_are_run_without_the_studies_in_them() {
    let output = call(&["check", "scenarios"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(!text(&call(&["list", "scenarios"]).stdout).contains("studies"));
    for what in ["metrics", "closed-forms"] {
        assert!(10 < text(&call(&["list", what]).stdout).lines().count());
    }
}

// Mistakes.

#[test]
fn a_mistake_is_shown_on_its_token_and_nothing_is_run() {
    let home = folder("mistakes");
    for (right, wrong, token, said) in [
        ("seeds: 70", "seeds: 0", "0,\n    measure", "shows nothing"),
        ("seeds: 70", "sedes: 70", "sedes", "did you mean `seeds`?"),
        ("metric: Messages)", "metric: Mesages)", "Mesages", "did you mean `Messages`?"),
        ("step: \"ForcePromise\"", "step: \"ForcePromis\"", "\"ForcePromis\"", "`ForcePromise`?"),
        ("label: \"Prepare\"", "lable: \"Prepare\"", "lable", "did you mean `label`?"),
        ("role: \"coordinator\"", "role: \"cordinator\"", "\"cordinator\"", "`coordinator`?"),
        ("of: Writes)", "of: Writs)", "Writs", "did you mean `Writes`?"),
        ("at: \"90%\"", "at: \"190%\"", "\"190%\"", "100%"),
        ("\"no_blocking\"", "\"nobody\"", "\"nobody\"", "no_blocking"),
        ("x: \"loss\"", "x: \"los\"", "\"los\"", "did you mean `loss`?"),
        ("y: \"ok\"", "y: \"okay\"", "\"okay\"", "ok"),
        ("(\"loss\", \"5%\")", "(\"loss\", \"6%\")", "[(\"loss\", \"6%\")]", "5%"),
        ("\"20%\"]", "\"120%\"]", "\"120%\"", "it is put at `network.loss`"),
        ("\"20%\"]", "\"5%\"]", "\"5%\"])", "listed twice"),
        ("presume\", Commit", "presume\", Comit", "Comit", "did you mean `Commit`?"),
        ("\"network.loss\"", "\"network[0]\"", "\"0%\"", "there is no `[0]` in `network`"),
        ("loss: \"1%\"),\n        work", "loss: 1%),\n        work", "1%", "write \"1%\""),
        ("network: (", "netwrk: (", "netwrk", "did you mean `network`?"),
        (
            "metric: Messages)",
            "metric: Messages, closed_form: Nonsense)",
            "Nonsense",
            "closed forms:",
        ),
        (
            "metric: Messages)",
            "metric: Messages, closed_form: AtLeastOnceDeliveries(ack_los: \"1%\"))",
            "ack_los",
            "did you mean `ack_loss`?",
        ),
        (
            "metric: Messages)",
            "metric: Messages, closed_form: AtLeastOnceDeliveries(ack_loss: At(\"network.lost\")))",
            "At(\"network.lost\")",
            "did you mean `loss`?",
        ),
        ("seeds: 70,", "seeds: 70", "seeds: 70", "SB0105"),
    ] {
        assert!(SMALL.contains(right), "{right}");
        let content = SMALL.replacen(right, wrong, 1);
        let path = home.join("wrong.ron");
        fs::write(&path, &content).unwrap();
        let out = home.join("out");
        let arguments = ["study", path.to_str().unwrap(), "--out", out.to_str().unwrap()];
        let output = call(&arguments);
        let shown = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{wrong}: {shown}");
        assert_eq!(text(&output.stdout), "", "{wrong}");
        assert!(shown.contains(said), "{wrong}: {shown}");
        assert!(!out.exists(), "{wrong}: nothing is half-done");
        if wrong != "seeds: 70" {
            let (line, column) = position(&content, content.find(token).unwrap());
            assert!(shown.contains(&format!("wrong.ron:{line}:{column}\n")), "{wrong}: {shown}");
        }
    }
}

#[test]
fn a_scenario_that_is_not_there_and_seeds_beyond_the_last_are_refused() {
    let home = folder("absent");
    let path = home.join("absent.ron");
    let start = SMALL.find("Scenario(").unwrap();
    let end = SMALL.find("    variants:").unwrap();
    let content = format!("{}\"nowhere.ron\",\n{}", &SMALL[..start], &SMALL[end..]);
    fs::write(&path, content).unwrap();
    let output = call(&["study", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("nowhere.ron"), "{}", text(&output.stderr));
    let study = small(&home);
    let output = call(&["study", &study, "--start", "18446744073709551615"]);
    assert_eq!(output.status.code(), Some(2));
    let output = call(&["study", "scenarios/two_phase_commit/happy_path.ron"]);
    assert_eq!(output.status.code(), Some(2), "a scenario is no study");
}

#[test]
fn a_study_of_a_scenario_file_equals_the_one_with_the_scenario_inside() {
    let home = folder("file");
    let study = small(&home);
    let inline = told(&study, &home.join("inline"), &["--csv"]).0;
    let start = SMALL.find("Scenario(").unwrap();
    let end = SMALL.find("    variants:").unwrap();
    let scenario = SMALL[start..end].trim_end().trim_end_matches(',');
    fs::write(home.join("scenario.ron"), scenario).unwrap();
    let content = format!("{}\"scenario.ron\",\n{}", &SMALL[..start], &SMALL[end..]);
    fs::write(&study, content).unwrap();
    assert_eq!(told(&study, &home.join("file"), &["--csv"]).0, inline);
}
