//! The gallery: what runs, sweeps and studies look like, kept in the repository byte for byte.
//!
//! ```text
//!   scenarios, studies ──▶ pages, charts with their tables, an index ──equal?──▶ reports/gallery/
//! ```
//!
//! `SPLITBRAIN_BLESS=1 cargo test --test gallery` writes it anew, and whoever does so looks at it. A
//! picture that changes without a reason is a mistake in the engine or in the pictures; a test that
//! compares pixels would find only half of them. Files that nothing makes any more are an error too.

use splitbrain::{
    base::{ids::Seed, text::source::Edited},
    engine::{facts::Fact, signal::What, trace::Recording},
    report::{
        charts,
        page::{PageOptions, page},
    },
    scenario::{load::load, plan::Plan, registry::Registry, run::Run},
};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Runs with a page and charts: the scenario, and what there is to see.
const RUNS: [(&str, &str); 3] = [
    (
        "two_phase_commit/coordinator_dies_in_the_window",
        "Three participants are blocked for five seconds, because the coordinator died with the decision.",
    ),
    ("two_phase_commit/duplicate_and_late_messages", "Copies and late votes change nothing."),
    (
        "quorum/partial_quorums_are_stale",
        "A read quorum that misses the write quorum returns what has been overwritten.",
    ),
];

/// Studies, with the seeds that the gallery spends on each.
const STUDIES: [(&str, u32); 4] = [
    ("in_doubt_by_downtime", 60),
    ("quorum_availability", 60),
    ("presumptions_abort", 20),
    ("presumptions_commit", 20),
];

/// All of it may not be larger.
const BYTES_MAX: usize = 5 << 20;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn home() -> PathBuf {
    root().join("reports/gallery")
}

fn plan(scenario: &str) -> Plan {
    let text =
        fs::read_to_string(root().join(format!("scenarios/{scenario}.ron"))).expect("a scenario");
    let name = scenario.rsplit('/').next().expect("a name");
    load(&Registry::built_in(), name, &Edited::new(text)).expect("it is sound")
}

fn recorded(plan: &Plan) -> Run {
    plan.runner().run(Seed(1), Recording::Full)
}

type Files = BTreeMap<String, String>;

/// The page and the charts of a run.
fn run_files(files: &mut Files, scenario: &str) -> String {
    let plan = plan(scenario);
    let run = recorded(&plan);
    let met = plan.expectation(&run.judgements);
    assert_eq!(met, splitbrain::scenario::plan::Met::Yes, "{scenario}");
    let options = PageOptions {
        command: format!("splitbrain run scenarios/{scenario}.ron --seed 1 --report"),
        expected: format!("{}, as the scenario says", plan.expect.describe()),
        ..PageOptions::default()
    };
    let folder = scenario.replace('/', "-");
    files.insert(format!("{folder}/report.html"), page(&run, &plan, &options));
    let mut list = String::new();
    for (name, chart) in charts::all(&run) {
        _ = writeln!(
            list,
            "<li><a href=\"{folder}/{name}.svg\">{}</a> (<a href=\"{folder}/{name}.csv\">numbers</a>)</li>",
            chart.title.replace('&', "&amp;").replace('<', "&lt;")
        );
        files.insert(format!("{folder}/{name}.svg"), chart.svg);
        files.insert(format!("{folder}/{name}.csv"), chart.csv);
    }
    format!(
        "<h3><a href=\"{folder}/report.html\">{}</a></h3>\n<!--what-->\n<ul>\n{list}</ul>\n",
        plan.title
    )
}

/// Calls the program in a folder of its own.
fn splitbrain(arguments: &[&str]) {
    let told = Command::new(env!("CARGO_BIN_EXE_splitbrain"))
        .current_dir(root())
        .args(arguments)
        .output()
        .expect("it starts");
    let told =
        String::from_utf8_lossy(&told.stderr).into_owned() + &String::from_utf8_lossy(&told.stdout);
    assert!(!told.contains("error"), "{arguments:?}: {told}");
}

fn study_files(files: &mut Files, study: &str, seeds: u32) -> String {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("gallery").join(study);
    let (file, n) = (format!("scenarios/studies/{study}.ron"), seeds.to_string());
    let folder = out.to_str().expect("a path");
    splitbrain(&["study", &file, "-n", &n, "--fresh", "--out", folder]);
    let mut list = String::new();
    let mut names: Vec<String> = fs::read_dir(&out)
        .expect("it was written")
        .map(|entry| entry.expect("a file").file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".svg") || name.ends_with(".csv"))
        .collect();
    names.sort();
    for name in names {
        let text = fs::read_to_string(out.join(&name)).expect("text");
        if name.ends_with(".svg") {
            _ = writeln!(
                list,
                "<img class=\"chart\" src=\"study-{study}/{name}\" alt=\"{study}\">"
            );
        } else {
            _ = writeln!(list, "<p><a href=\"study-{study}/{name}\">numbers</a></p>");
        }
        files.insert(format!("study-{study}/{name}"), text);
    }
    format!(
        "<h3>{study}</h3>\n<p>{seeds} seeds per point: <code>splitbrain study {file} -n {seeds}</code></p>\n{list}"
    )
}

fn gallery() -> Files {
    let mut files = Files::new();
    let mut index = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
        <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
        <meta name=\"color-scheme\" content=\"light dark\">\n<title>splitbrain: gallery</title>\n\
        <style>body{font:15px/1.5 system-ui,sans-serif;max-width:980px;margin:0 auto;padding:16px}\
        img{max-width:100%;height:auto}</style>\n</head>\n<body>\n<h1>Gallery</h1>\n\
        <p>Each page is one file that opens offline. All of it is made again, byte for byte, by a test.</p>\n\
        <h2>Runs</h2>\n"
        .to_owned();
    for (scenario, what) in RUNS {
        index += &run_files(&mut files, scenario).replace("<!--what-->", &format!("<p>{what}</p>"));
    }
    index += "<h2>Sweeps</h2>\n<p><a href=\"sweep.html\">Every scenario of two-phase commit, 40 seeds each</a></p>\n<h2>Studies</h2>\n";
    for (study, seeds) in STUDIES {
        index += &study_files(&mut files, study, seeds);
    }
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("gallery");
    fs::create_dir_all(&out).expect("a folder");
    let (page, memory) = (out.join("sweep.html"), out.join("memory"));
    let path = |path: &Path| path.to_str().expect("a path").to_owned();
    splitbrain(&[
        "sweep",
        "scenarios/two_phase_commit",
        "-n",
        "40",
        "--report",
        &path(&page),
        "--out",
        &path(&memory),
    ]);
    // The command in it names the file that was written here.
    let text =
        fs::read_to_string(&page).expect("it was written").replace(&path(&page), "sweep.html");
    files.insert("sweep.html".to_owned(), text);
    files.insert("index.html".to_owned(), index + "</body>\n</html>\n");
    files
}

fn kept(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("it can be listed").path();
        if path.is_dir() { kept(&path, files) } else { files.push(path) }
    }
}

#[test]
fn the_gallery_is_what_is_made_today() {
    let made = gallery();
    let bytes: usize = made.values().map(String::len).sum();
    assert!(bytes < BYTES_MAX, "a gallery of {bytes} bytes is too large to keep");
    let mut there = Vec::new();
    kept(&home(), &mut there);
    if std::env::var_os("SPLITBRAIN_BLESS").is_some() {
        for path in there {
            fs::remove_file(path).expect("it can be removed");
        }
        for (name, text) in &made {
            let path = home().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, text).expect("it can be written");
        }
        return;
    }
    for path in there {
        let name =
            path.strip_prefix(home()).expect("below it").to_string_lossy().replace('\\', "/");
        assert!(
            made.contains_key(&name),
            "nothing makes {name} any more; SPLITBRAIN_BLESS=1 removes it"
        );
    }
    for (name, text) in &made {
        let kept = fs::read_to_string(home().join(name)).unwrap_or_default();
        assert!(
            kept == *text,
            "reports/gallery/{name} is out of date; SPLITBRAIN_BLESS=1 writes it anew"
        );
    }
}

#[test]
fn a_chart_without_one_of_its_bars_is_another_chart() {
    let scenario = RUNS[0].0;
    let mut run = recorded(&plan(scenario));
    let read = |name: &str| {
        fs::read_to_string(home().join(scenario.replace('/', "-")).join(name)).expect("it is kept")
    };
    let chart = charts::in_doubt(&run);
    assert!(chart.svg == read("in_doubt.svg") && chart.csv == read("in_doubt.csv"));
    let is_vote = |what: &What| matches!(what, What::Stated(_, Fact::Voted(..)));
    let last =
        run.signals.iter().rposition(|signal| is_vote(&signal.what)).expect("somebody voted");
    run.signals.remove(last);
    let chart = charts::in_doubt(&run);
    assert!(chart.svg != read("in_doubt.svg") && chart.csv != read("in_doubt.csv"));
}
