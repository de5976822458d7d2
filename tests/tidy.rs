//! The house rules, each one a test whose name is the rule.
//!
//! ```text
//!   tidy/tree.rs     which files there are      src · tests · scenarios
//!   tidy/source.rs   what a file says           header · code · imports · functions
//!   tidy/arrows.rs   rules between modules      who may import whom
//!   here             rules within files         every `file:line: what is wrong`, all at once
//! ```
//!
//! A rule that needs a reviewer's mood is a wish, so what a review says twice moves here. Reading
//! words and brackets was preferred to a parser: a rule must be checkable by eye. What clippy can
//! say (`.clippy.toml`, `Cargo.toml`) is said there; what is here too must hold without clippy.
//!
//! To bend a rule, change the table that states it, with a reason beside it.

#[path = "tidy/arrows.rs"]
mod arrows;
#[path = "tidy/source.rs"]
mod source;
#[path = "tidy/tree.rs"]
mod tree;

use source::{Source, line_of, marks};
use tree::{all_rust, below_cli, modules, read, registered, scenarios, src, written};

/// Modules in which a float could make two machines disagree.
const WITHOUT_FLOATS: [&str; 6] = ["base", "blocks", "checkers", "engine", "protocols", "workload"];

/// Where serde makes us name floats in order to refuse them, and the file of serde's own names.
const FLOAT_REFUSALS: [&str; 3] = ["fn serialize_f32(", "fn serialize_f64(", "fn visit_f64<"];
const FLOAT_NAMES: &str = "src/base/labels.rs";

/// Protocols without scenarios, and why.
const WITHOUT_SCENARIOS: [(&str, &str); 1] = [("relay", "a toy that proves the seam")];

/// Files beside a registry that are parts of its entries.
const SHARED_PARTS: [&str; 5] = ["evidence", "knowledge", "lineage", "litmus", "numbered"];

/// Folders of scenarios that are not about one pattern.
const ACROSS_PATTERNS: [&str; 4] = ["course", "regressions", "incidents", "studies"];

#[test]
fn every_file_begins_with_a_header() {
    demand("begin with at least three lines of //!", &all_rust(), |source, broken| {
        let lines = source.header().len();
        if lines < 3 {
            broken.push((1, format!("{lines} lines")));
        }
    });
}

#[test]
fn every_header_has_a_picture() {
    demand("draw a ```text block in the header", &src(), |source, broken| {
        let drawn = source.header().iter().any(|line| line.trim() == "```text");
        if 60 < source.text.lines().count() && !drawn {
            broken.push((1, String::from("no picture")));
        }
    });
}

#[test]
fn a_long_file_says_why_and_none_is_very_long() {
    demand("split it, or say `This file is long because`", &src(), |source, broken| {
        let lines = source.production_lines;
        let excused = source.header().join("").contains("This file is long because");
        if 800 < lines || (500 < lines && !excused) {
            broken.push((1, format!("{lines} lines without tests")));
        }
    });
}

#[test]
fn functions_fit_on_a_screen() {
    demand("a function has at most 70 lines", &src(), |source, broken| {
        for function in source.functions() {
            let lines = function.text.lines().count();
            if 70 < lines {
                broken.push((function.line, format!("{} has {lines}", function.name)));
            }
        }
    });
}

#[test]
fn nothing_is_unwrapped_left_undone_or_printed() {
    let prints = ["print!", "println!", "eprint!", "eprintln!"];
    let undone = [".unwrap()", "todo!", "unimplemented!", "dbg!"];
    let words = [prints, undone].concat();
    forbid("only the command line prints, and an expect says why", &below_cli(), &words);
}

#[test]
fn nothing_depends_on_the_machine() {
    let words = ["HashMap", "HashSet", "Instant", "SystemTime", "thread::", "std::env"];
    forbid("determinism: this lives in cli only", &below_cli(), &words);
}

#[test]
fn no_floats_where_machines_must_agree() {
    let mut sources = modules(&WITHOUT_FLOATS);
    sources.retain(|source| source.path != FLOAT_NAMES);
    demand("integers only", &sources, |source, broken| {
        for (index, line) in source.production.lines().enumerate() {
            let refused = FLOAT_REFUSALS.iter().any(|method| line.contains(method));
            let float = ["f32", "f64"].iter().any(|float| !marks(line, float).is_empty());
            if float && !refused {
                broken.push((index + 1, String::from(line.trim())));
            }
        }
    });
}

#[test]
fn every_exception_to_a_lint_has_a_reason() {
    demand("say `reason =`", &all_rust(), |source, broken| {
        for (line, attribute) in source.attributes() {
            let excepts =
                ["allow(", "expect("].iter().any(|word| !marks(attribute, word).is_empty());
            if excepts && marks(attribute, "reason =").is_empty() {
                broken.push((line, String::from(attribute)));
            }
        }
    });
}

#[test]
fn scenario_types_use_only_what_ron_reads_well() {
    let words = ["skip", "untagged", "flatten", "tag ="];
    demand(
        "RON cannot read this strictly",
        &modules(&["protocols", "blocks", "scenario"]),
        |source, broken| {
            for (line, attribute) in source.attributes() {
                let serde = attribute.starts_with("serde(");
                // What is left out when writing is nothing that reading could miss.
                let attribute = attribute.replace("skip_serializing", "");
                if serde && words.iter().any(|word| attribute.contains(word)) {
                    broken.push((line, attribute));
                }
            }
        },
    );
}

#[test]
fn dispatch_names_every_message() {
    demand("on_message has one arm per message", &modules(&["protocols"]), |source, broken| {
        for function in source.functions() {
            if function.name == "on_message" {
                let arms = marks(function.text, "_ =>").into_iter();
                let line = |offset| function.line - 1 + line_of(function.text, offset);
                broken.extend(arms.map(|offset| (line(offset), String::from("_ =>"))));
            }
        }
    });
}

#[test]
fn every_protocol_and_checker_is_in_its_registry() {
    let mut holes = Vec::new();
    for folder in ["src/protocols", "src/checkers"] {
        let path = format!("{folder}/mod.rs");
        let registry = Source::new(path.clone(), read(&path)).production;
        let listed = |name: &String| !marks(&registry, &format!("{name}::")).is_empty();
        let files = registered(folder).into_iter();
        let files = files.filter(|name| !SHARED_PARTS.contains(&name.as_str()));
        let missing = files.filter(|name| !listed(name));
        holes.extend(missing.map(|name| format!("{folder}/{name}.rs:1: not in {folder}/mod.rs")));
    }
    refuse("the registry names every file, as `name::…`", &holes);
}

#[test]
fn patterns_and_scenarios_belong_together() {
    let patterns = registered("src/protocols");
    let scenarios = scenarios();
    let folder = |path: &String| String::from(path.split('/').nth(1).unwrap_or_default());
    let strays = scenarios.iter().filter(|path| !patterns.contains(&folder(path)));
    let strays = strays.filter(|path| !ACROSS_PATTERNS.contains(&folder(path).as_str()));
    let bare = patterns.iter().filter(|name| !scenarios.iter().any(|path| folder(path) == **name));
    let bare = bare.filter(|name| WITHOUT_SCENARIOS.iter().all(|(exempt, _)| exempt != name));
    let mut holes: Vec<_> = strays.map(|path| format!("{path}:1: no such pattern")).collect();
    holes.extend(bare.map(|name| format!("src/protocols/{name}.rs:1: no scenarios/{name}/*.ron")));
    refuse("a folder of scenarios is called like its pattern", &holes);
}

#[test]
fn every_scenario_begins_with_its_story() {
    let untold = |path: &&String| {
        let text = read(path);
        let story: Vec<_> = text.lines().take_while(|line| line.starts_with("//")).collect();
        story.len() < 2 && story.concat().chars().count() < 60
    };
    let untold: Vec<_> =
        scenarios().iter().filter(untold).map(|path| format!("{path}:1")).collect();
    refuse("begin with a comment of two lines or sixty characters", &untold);
}

#[test]
fn no_file_names_a_path_of_one_machine() {
    let paths = ["work/", "tmp/bash"].map(|path| format!("/{path}"));
    let mut found = Vec::new();
    for file in written() {
        for (index, line) in read(&file).to_lowercase().lines().enumerate() {
            let named = |path: &String| {
                line.match_indices(path.as_str()).any(|(at, _)| {
                    !line[..at].ends_with(|c: char| c.is_alphanumeric() || "_-./~".contains(c))
                })
            };
            if paths.iter().any(named) {
                found.push(format!("{file}:{}: {line}", index + 1));
            }
        }
    }
    refuse("paths begin at the repository's root", &found);
}

/// Applies a rule to each file and fails with all that is broken, as lines and what is there.
fn demand(rule: &str, sources: &[Source], check: impl Fn(&Source, &mut Vec<(usize, String)>)) {
    let mut found = Vec::new();
    for source in sources {
        let mut broken = Vec::new();
        check(source, &mut broken);
        broken.sort();
        found.extend(broken.iter().map(|(line, what)| format!("{}:{line}: {what}", source.path)));
    }
    refuse(rule, &found);
}

/// Fails wherever one of these words stands in code.
fn forbid(rule: &str, sources: &[Source], words: &[&str]) {
    demand(rule, sources, |source, broken| {
        for word in words {
            let lines = marks(&source.production, word).into_iter();
            let lines = lines.map(|offset| line_of(&source.production, offset));
            broken.extend(lines.map(|line| (line, String::from(*word))));
        }
    });
}

fn refuse(rule: &str, found: &[String]) {
    assert!(found.is_empty(), "{rule}:\n  {}\n", found.join("\n  "));
}
