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

/// A run that is shown.
struct Shown {
    /// Its scenario, from the root of the repository.
    scenario: &'static str,
    /// The smallest seed that shows it.
    seed: u64,
    /// What there is to see.
    what: &'static str,
    /// The chart that stands for it in the index.
    face: &'static str,
    extent: Extent,
}

/// How much of a run is kept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    PageAndCharts,
    /// Its page would be too large to keep.
    Charts,
}

/// The runs of each pattern.
const RUNS: [(&str, &[Shown]); 6] = [
    (
        "Relay",
        &[Shown {
            scenario: "book/course/00_hello_drop/first.ron",
            seed: 3,
            what: "One answer in a hundred is lost: a client hears nothing, and its item was \
                   delivered all the same.",
            face: "backlog",
            extent: Extent::PageAndCharts,
        }],
    ),
    (
        "Two-phase commit",
        &[
            Shown {
                scenario: "scenarios/two_phase_commit/coordinator_dies_in_the_window.ron",
                seed: 1,
                what: "Three participants are blocked for five seconds, because the coordinator \
                       died with the decision.",
                face: "in_doubt",
                extent: Extent::PageAndCharts,
            },
            Shown {
                scenario: "scenarios/two_phase_commit/duplicate_and_late_messages.ron",
                seed: 1,
                what: "Copies that come seconds later, in any order, change nothing.",
                face: "doubts",
                extent: Extent::Charts,
            },
            Shown {
                scenario: "scenarios/two_phase_commit/gray_coordinator.ron",
                seed: 1,
                what: "The coordinator is not dead, only slow: what waits for it piles up.",
                face: "inboxes",
                extent: Extent::Charts,
            },
        ],
    ),
    (
        "Quorum",
        &[
            Shown {
                scenario: "scenarios/quorum/partial_quorums_are_stale.ron",
                seed: 1,
                what: "A read quorum that misses the write quorum returns what has been \
                       overwritten.",
                face: "staleness",
                extent: Extent::Charts,
            },
            Shown {
                scenario: "scenarios/quorum/skewed_clocks_lose_the_later_write.ron",
                seed: 1,
                what: "The clock of one coordinator is set back: what is written through it loses \
                       against what was written before.",
                face: "clocks",
                extent: Extent::Charts,
            },
        ],
    ),
    (
        "Write-ahead log",
        &[
            Shown {
                scenario: "scenarios/wal/a_lying_sync_loses.ron",
                seed: 1,
                what: "A disk says that bytes are safe, and they are not: a client was told of a \
                       write that is gone.",
                face: "at_risk",
                extent: Extent::PageAndCharts,
            },
            Shown {
                scenario: "scenarios/wal/an_asynchronous_standby_loses_the_lag.ron",
                seed: 1,
                what: "What the copy had not applied when it took over is lost.",
                face: "lag",
                extent: Extent::Charts,
            },
        ],
    ),
    (
        "Saga, orchestrated",
        &[Shown {
            scenario: "scenarios/saga_orchestration/breaker_opens.ron",
            seed: 1,
            what: "While payment is down its breaker opens, and sagas are undone at once instead \
                   of waiting.",
            face: "breakers",
            extent: Extent::PageAndCharts,
        }],
    ),
    (
        "Saga, choreographed",
        &[Shown {
            scenario: "scenarios/saga_choreography/broker_down.ron",
            seed: 1,
            what: "Sagas stand still while the broker is down, and all of them end.",
            face: "saga_strips",
            extent: Extent::Charts,
        }],
    ),
];

/// Studies, with the seeds that the gallery spends on each.
const STUDIES: [(&str, u32); 9] = [
    ("in_doubt_by_downtime", 60),
    ("presumptions_abort", 20),
    ("presumptions_commit", 20),
    ("quorum_availability", 60),
    ("quorum_latency", 20),
    ("fsync_policy", 60),
    ("group_commit", 10),
    ("saga_anomalies", 60),
    ("saga_against_two_phase_commit", 40),
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
    let path = root().join(scenario);
    let text = fs::read_to_string(&path).expect("a scenario");
    let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
    load(&Registry::built_in(), &name, &Edited::new(text)).expect("it is sound")
}

/// The folder of a run: its pattern and its name.
fn folder(scenario: &str) -> String {
    let path = Path::new(scenario);
    let of = |part: Option<&std::ffi::OsStr>| part.expect("a name").to_string_lossy().into_owned();
    let pattern = of(path.parent().and_then(Path::file_name));
    format!("{pattern}-{}", of(path.file_stem()))
}

fn recorded(plan: &Plan, seed: u64) -> Run {
    plan.runner().run(Seed(seed), Recording::Full)
}

type Files = BTreeMap<String, String>;

/// The page and the charts of a run, and what the index says of it.
fn run_files(files: &mut Files, shown: &Shown) -> String {
    let Shown { scenario, seed, what, face, extent } = shown;
    let plan = plan(scenario);
    let run = recorded(&plan, *seed);
    let met = plan.expectation(&run.judgements);
    assert_eq!(met, splitbrain::scenario::plan::Met::Yes, "{scenario}");
    let command = format!("splitbrain run {scenario} --seed {seed} --report");
    let folder = folder(scenario);
    let mut title = escaped(&plan.title);
    if *extent == Extent::PageAndCharts {
        let expected = format!("{}, as the scenario says", plan.expect.describe());
        let options = PageOptions { command: command.clone(), expected, ..PageOptions::default() };
        files.insert(format!("{folder}/report.html"), page(&run, &plan, &options));
        title = format!("<a href=\"{folder}/report.html\">{title}</a>");
    }
    let (mut list, mut picture) = (String::new(), String::new());
    for (name, chart) in charts::all(&run, &plan) {
        let finding = escaped(&chart.title);
        if name == *face {
            picture = picture_of(&format!("{folder}/{name}.svg"), &finding);
        }
        _ = writeln!(
            list,
            "<li><a href=\"{folder}/{name}.svg\">{finding}</a> (<a href=\"{folder}/{name}.csv\">numbers</a>)</li>"
        );
        files.insert(format!("{folder}/{name}.svg"), chart.svg);
        files.insert(format!("{folder}/{name}.csv"), chart.csv);
    }
    assert!(!picture.is_empty(), "{scenario} has no chart {face}");
    format!("<h3>{title}</h3>\n<p>{what} <code>{command}</code></p>\n{picture}<ul>\n{list}</ul>\n")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

/// A picture that can be scrolled where it would be squeezed until nobody can read it.
fn picture_of(path: &str, alt: &str) -> String {
    format!("<div tabindex=\"0\"><img class=\"chart\" src=\"{path}\" alt=\"{alt}\"></div>\n")
}

fn is_picture(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|kind| kind == "svg")
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
        .filter(|name| {
            is_picture(name) || Path::new(name).extension().is_some_and(|kind| kind == "csv")
        })
        .collect();
    // The first chart comes first: `chart.svg`, `chart-2.svg`, …, the table last.
    names.sort_by_key(|name| (!is_picture(name), name.len(), name.clone()));
    for name in names {
        let text = fs::read_to_string(out.join(&name)).expect("text");
        if is_picture(&name) {
            list += &picture_of(&format!("study-{study}/{name}"), study);
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
        div{overflow-x:auto;border:1px solid #8884}img{width:100%;min-width:720px;height:auto;display:block}\
        code{font-size:12px;overflow-wrap:anywhere}</style>\n</head>\n<body>\n<h1>Gallery</h1>\n\
        <p>Each page is one file that opens offline. All of it is made again, byte for byte, by a test.</p>\n"
        .to_owned();
    for (pattern, runs) in RUNS {
        _ = writeln!(index, "<h2>{pattern}</h2>");
        for shown in runs {
            index += &run_files(&mut files, shown);
        }
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

fn is_blessing() -> bool {
    std::env::var_os("SPLITBRAIN_BLESS").is_some()
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
    if is_blessing() {
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
fn a_chart_of_staleness_agrees_with_the_checker() {
    let (plan, mut judged) = (plan("scenarios/quorum/partial_quorums_are_stale.ron"), 0);
    for seed in 1..=5 {
        let run = recorded(&plan, seed);
        let property = |name: &str| run.judgements.iter().find(|one| one.property == name);
        let judgement = property("staleness.versions").expect("it is checked");
        let is_violated = judgement.verdict.word() == "violated";
        let chart = charts::all(&run, &plan).into_iter().find(|(name, _)| *name == "staleness");
        let chart = chart.expect("registers are read").1;
        // The scenario allows the newest version only.
        assert_eq!(chart.csv.lines().skip(1).any(|line| !line.ends_with(",0")), is_violated);
        assert_eq!(chart.title.starts_with("No read missed"), !is_violated, "{}", chart.title);
        judged += u32::from(is_violated);
    }
    assert!(judged > 0, "some seed shows a stale read");
}

#[test]
fn a_chart_without_one_of_its_bars_is_another_chart() {
    if is_blessing() {
        return;
    }
    let scenario = "scenarios/two_phase_commit/coordinator_dies_in_the_window.ron";
    let mut run = recorded(&plan(scenario), 1);
    let read = |name: &str| {
        fs::read_to_string(home().join(folder(scenario)).join(name)).expect("it is kept")
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

#[test]
fn every_file_of_the_gallery_can_be_reached_from_its_index() {
    if is_blessing() {
        return;
    }
    let index = fs::read_to_string(home().join("index.html")).expect("it is kept");
    let mut there = Vec::new();
    kept(&home(), &mut there);
    for path in there {
        let name = path.strip_prefix(home()).expect("below it").to_string_lossy().into_owned();
        let quoted = format!("\"{}\"", name.replace('\\', "/"));
        assert!(name == "index.html" || index.contains(&quoted), "nothing leads to {name}");
    }
}
