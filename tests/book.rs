//! The book says what is so: every transcript, figure and reference page is made again and compared.
//!
//! ```text
//!   ```console blocks ──▶ run in order, in a folder with scenarios/ ──▶ the same bytes
//!   figures/window@1.in_doubt.svg ──▶ the scenario that the page names ──▶ the same bytes
//!   reference/*.md ◀── list, explain, --help ── the registries
//!   SUMMARY.md ◀──▶ every page, every link, every anchor
//! ```
//!
//! `SPLITBRAIN_BLESS=1` writes transcripts, figures and reference pages anew. A crate for
//! transcripts was rejected: what is needed is a command, its output and its exit code, and the
//! folder with the scenarios. Blocks of RON are loaded by `documents.rs`.
//!
//! A transcript is `$ splitbrain …`, what is printed, and `? 1` where the exit code is not 0. A
//! command may end in `| head -12` or `| tail -5`, which are done here and not by a shell.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn source() -> PathBuf {
    root().join("book/src")
}

fn is_blessing() -> bool {
    std::env::var_os("SPLITBRAIN_BLESS").is_some()
}

/// All files below a folder with one of these endings, as paths from `book/src`.
fn files(ending: &str) -> Vec<String> {
    fn gather(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { gather(&path, found) } else { found.push(path) }
        }
    }
    let mut found = Vec::new();
    gather(&source(), &mut found);
    let names = found.iter().map(|path| path.strip_prefix(source()).unwrap());
    let mut names: Vec<String> = names.map(|path| path.to_str().unwrap().to_owned()).collect();
    names.retain(|name| name.ends_with(ending));
    names.sort();
    names
}

fn page(name: &str) -> String {
    fs::read_to_string(source().join(name)).unwrap_or_default()
}

/// A new folder with a copy of the scenarios, in which a reader could stand.
fn folder(name: &str) -> PathBuf {
    fn copy(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            let copied = to.join(path.file_name().unwrap());
            if path.is_dir() {
                copy(&path, &copied);
            } else {
                fs::copy(&path, copied).unwrap();
            }
        }
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("book").join(name.replace('/', "_"));
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    copy(&root().join("scenarios"), &folder.join("scenarios"));
    folder
}

/// Words as a shell takes them apart: blanks part them, single and double quotes do not.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('\'' | '"', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (' ', None) => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// Runs the binary in a folder: what it prints, and its exit code unless that is 0.
fn run(folder: &Path, arguments: &[String]) -> (String, Option<i32>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_splitbrain"));
    command.current_dir(folder).args(arguments);
    for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS"] {
        command.env_remove(variable);
    }
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout) + &text(output.stderr), output.status.code().filter(|code| *code != 0))
}

/// What a transcript's command prints, with its exit code.
fn transcript(folder: &Path, line: &str) -> String {
    let (command, cut) = line.split_once(" | ").map_or((line, None), |(c, cut)| (c, Some(cut)));
    let mut arguments = words(command);
    assert_eq!(arguments.first().map(String::as_str), Some("splitbrain"), "{line}");
    arguments.remove(0);
    let (printed, code) = run(folder, &arguments);
    let mut lines: Vec<&str> = printed.lines().collect();
    let count = |cut: &str| cut.split('-').nth(1).unwrap().parse::<usize>().unwrap();
    match cut {
        Some(cut) if cut.starts_with("head -") => lines.truncate(count(cut)),
        Some(cut) if cut.starts_with("tail -") => {
            lines.drain(..lines.len().saturating_sub(count(cut)));
        }
        Some(cut) => panic!("{cut} is neither head nor tail"),
        None => {}
    }
    let lines: String = lines.iter().flat_map(|line| [line.trim_end(), "\n"]).collect();
    // The exit code belongs to the last command of a pipe, which always succeeds.
    let code = code.filter(|_| cut.is_none());
    code.map_or(lines.clone(), |code| format!("{lines}? {code}\n"))
}

/// A page with what its transcripts print now.
fn retold(name: &str) -> (String, usize) {
    let folder = folder(name);
    let (mut text, mut count, mut inside) = (String::new(), 0, false);
    for line in page(name).lines() {
        match line {
            "```console" => inside = true,
            "```" => inside = false,
            _ => {}
        }
        if !inside || line == "```console" {
            text += &format!("{line}\n");
        } else if let Some(command) = line.strip_prefix("$ ") {
            count += 1;
            text += &format!("{line}\n{}", transcript(&folder, command));
        }
    }
    (text, count)
}

#[test]
fn every_transcript_is_what_its_command_prints() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for name in files(".md").into_iter().filter(|name| !name.starts_with("reference/")) {
        if !page(&name).contains("```console") {
            continue;
        }
        let (now, transcripts) = retold(&name);
        count += transcripts;
        if is_blessing() {
            fs::write(source().join(&name), &now).unwrap();
        }
        let written = page(&name);
        if now != written {
            let differs = now.lines().zip(written.lines()).find(|(now, written)| now != written);
            wrong.push(format!("{name}: {differs:?} (now, written)"));
        }
    }
    assert!(count >= 20, "{count} transcripts");
    assert!(wrong.is_empty(), "SPLITBRAIN_BLESS=1 writes anew:\n{}", wrong.join("\n"));
}

/// The figures that pages show: page, path of the scenario, seed, and which picture.
///
/// `figures/two_phase_commit--partition@1.in_doubt.svg` is `in_doubt.svg` of
/// `scenarios/two_phase_commit/partition.ron` with seed 1.
fn figures() -> Vec<(String, String, String, String)> {
    let mut found = Vec::new();
    for name in files(".md") {
        let text = page(&name);
        let mut rest = text.as_str();
        while let Some((_, after)) = rest.split_once("figures/") {
            rest = after;
            let file = after.split(')').next().unwrap();
            let (scenario, picture) = file.split_once('@').unwrap();
            let (seed, kind) = picture.split_once('.').unwrap();
            let scenario = format!("scenarios/{}.ron", scenario.replace("--", "/"));
            found.push((file.to_owned(), scenario, seed.to_owned(), kind.to_owned()));
        }
    }
    found.sort();
    found.dedup();
    found
}

#[test]
fn every_figure_is_what_its_run_draws() {
    let folder = folder("figures");
    let figures = figures();
    assert!(figures.len() >= 3, "{} figures", figures.len());
    for (file, scenario, seed, kind) in &figures {
        let arguments = ["run", scenario, "--seed", seed, "--report", "--out", "drawn"];
        let (printed, _) = run(&folder, &arguments.map(str::to_owned));
        let stem = Path::new(scenario).file_stem().unwrap().to_str().unwrap();
        let drawn = folder.join("drawn").join(stem).join(seed).join(kind);
        let drawn = fs::read_to_string(&drawn).unwrap_or_else(|_| panic!("{drawn:?}: {printed}"));
        let path = source().join("figures").join(file);
        if is_blessing() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &drawn).unwrap();
        }
        let written = fs::read_to_string(&path).unwrap_or_default();
        assert!(drawn == written, "{file} is out of date; SPLITBRAIN_BLESS=1 draws it anew");
    }
    let shown: BTreeSet<&str> = figures.iter().map(|figure| figure.0.as_str()).collect();
    for file in files(".svg") {
        let file = file.trim_start_matches("figures/");
        assert!(shown.contains(file), "{file} is shown on no page");
    }
}

/// The targets of the links of a page, those to elsewhere left out.
fn links(text: &str) -> Vec<String> {
    let mut inside = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
        }
        if inside {
            continue;
        }
        let targets = line.match_indices("](").map(|(at, _)| &line[at + 2..]);
        let targets = targets.map(|rest| rest.split(')').next().unwrap());
        found.extend(targets.filter(|to| !to.contains("://")).map(str::to_owned));
    }
    found
}

/// The anchors of a page, as mdBook makes them of titles.
fn anchors(text: &str) -> BTreeSet<String> {
    let titles = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |title: &str| {
        let title = title.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || "-_ ".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    titles.map(anchor).collect()
}

#[test]
fn every_page_is_in_the_summary_and_every_link_leads_somewhere() {
    let pages: BTreeSet<String> = files(".md").into_iter().collect();
    let listed = links(&page("SUMMARY.md"));
    let distinct: BTreeSet<&String> = listed.iter().collect();
    assert_eq!(distinct.len(), listed.len(), "a page is listed twice");
    for name in pages.iter().filter(|name| *name != "SUMMARY.md") {
        assert!(distinct.contains(name), "{name} is not in SUMMARY.md");
        assert!(page(name).contains("# "), "{name} has no title");
    }
    for name in &pages {
        for link in links(&page(name)) {
            let (target, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let here = Path::new(name).parent().unwrap();
            let path = if target.is_empty() { PathBuf::from(name) } else { here.join(target) };
            let text = fs::read_to_string(source().join(&path));
            let text = text.unwrap_or_else(|_| panic!("{name}: {link} leads nowhere"));
            let is_there = anchor.is_empty() || anchors(&text).contains(anchor);
            assert!(is_there, "{name}: there is no {link}");
        }
    }
}

const MADE: &str =
    "<!-- Written by a test from the registries; SPLITBRAIN_BLESS=1 writes it anew. -->\n\n";

fn told(arguments: &[&str]) -> String {
    let arguments: Vec<String> = arguments.iter().map(|&word| word.to_owned()).collect();
    let (printed, code) = run(root(), &arguments);
    assert_eq!(code, None, "{arguments:?}: {printed}");
    printed.lines().flat_map(|line| [line.trim_end(), "\n"]).collect()
}

fn block(text: &str) -> String {
    format!("```text\n{}\n```\n\n", text.trim_end())
}

/// The first words of the lines that `list` prints, each once, in order.
fn listed(what: &str) -> Vec<String> {
    let lines = told(&["list", what]);
    lines.lines().map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
}

/// The subcommands that a help text lists.
fn subcommands(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let lines = lines.take_while(|line| !line.is_empty());
    let lines = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = lines.map(|line| line.split_whitespace().next().unwrap().to_owned());
    names.filter(|name| name != "help").collect()
}

fn commands() -> String {
    fn add(page: &mut String, path: &[&str]) {
        let help = told(&[path, &["--help"]].concat());
        let level = "#".repeat(2 + path.len().saturating_sub(1).min(1));
        let name = [&["splitbrain"], path].concat().join(" ");
        *page += &format!("{level} `{name}`\n\n{}", block(&help));
        for name in subcommands(&help) {
            add(page, &[path, &[name.as_str()]].concat());
        }
    }
    let mut page = format!("{MADE}# Commands\n\n");
    add(&mut page, &[]);
    page
}

/// A page with what `explain` says of each word.
fn explained(title: &str, intro: &str, words: &[String]) -> String {
    let mut page = format!("{MADE}# {title}\n\n{intro}\n\n");
    for word in words {
        page += &format!("## {word}\n\n{}", block(&told(&["explain", word])));
    }
    page
}

/// The words of a kind that can be explained, as they are listed for a word that cannot.
fn explainable(kind: &str) -> Vec<String> {
    let (printed, _) = run(root(), &["explain", "no such word"].map(str::to_owned));
    let lines: Vec<&str> = printed.lines().map(str::trim).collect();
    let from = lines.iter().position(|line| line.starts_with(&format!("{kind}: "))).unwrap();
    let rest = lines[from + 1..].iter().take_while(|line| !line.contains(": "));
    let all: String = std::iter::once(&lines[from]).chain(rest).flat_map(|l| [*l, " "]).collect();
    let words = all.split_once(": ").unwrap().1.split(", ");
    words.map(|word| word.trim().to_owned()).collect()
}

#[test]
fn reference_pages_are_what_the_registries_say() {
    let checks = {
        let lines = told(&["list", "checks"]);
        let names = lines.lines().map(|line| line.split(['(', ')']).nth(1).unwrap().to_owned());
        let mut names: Vec<String> = names.collect();
        names.dedup();
        names
    };
    let protocols = "What each is, its load-bearing steps with the property that falls without \
                     them, and its settings.";
    let checks_intro = "A scenario lists checks; each judges one property or more. What it \
                        demands, and what puts it to the test.";
    let pages = [
        ("commands.md", commands()),
        ("protocols.md", explained("Protocols and their steps", protocols, &listed("protocols"))),
        ("checks.md", explained("Checks and properties", checks_intro, &checks)),
        (
            "workloads.md",
            explained("Workloads", "Who asks for what, and when.", &listed("workloads")),
        ),
        (
            "faults.md",
            explained(
                "Faults",
                "What goes wrong, when it strikes, and what reports say of disks.",
                &[explainable("faults"), explainable("words")].concat(),
            ),
        ),
        (
            "metrics.md",
            format!(
                "{MADE}# Metrics and closed forms\n\nWhat studies and exercises measure.\n\n{}\
                 ## Closed forms\n\nFormulas that a study can stand beside a measurement.\n\n{}",
                block(&told(&["list", "metrics"])),
                block(&told(&["list", "closed-forms"]))
            ),
        ),
        (
            "mistakes.md",
            explained(
                "Mistakes in scenario files",
                "Every mistake has a code; `splitbrain explain SB0201` tells more.",
                &listed("mistakes"),
            ),
        ),
        (
            "exit_codes.md",
            format!(
                "{MADE}# Exit codes\n\nThe exit code is the whole answer for those who read \
                 nothing else.\n\n{}",
                block(splitbrain::cli::exit::TABLE)
            ),
        ),
    ];
    let folder = source().join("reference");
    for (name, page) in &pages {
        if is_blessing() {
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(name), page).unwrap();
        }
        let written = fs::read_to_string(folder.join(name)).unwrap_or_default();
        assert!(*page == written, "{name} is out of date; SPLITBRAIN_BLESS=1 writes it anew");
    }
    assert_eq!(
        files(".md").iter().filter(|name| name.starts_with("reference/")).count(),
        pages.len()
    );
}

#[test]
fn words_are_taken_apart_as_a_shell_does() {
    let line = "splitbrain run a.ron --set 'ablate=[\"X\"]'  --set \"b='c d'\" ''";
    let expected =
        ["splitbrain", "run", "a.ron", "--set", "ablate=[\"X\"]", "--set", "b='c d'", ""];
    assert_eq!(words(line), expected);
}
