//! The house rules between modules: which arrows there may be.
//!
//! ```text
//!   main → cli → { search, explore, study, course, report } → scenario
//!     scenario → { protocols, workload } → blocks → engine → base      scenario → checkers → engine
//! ```
//!
//! The table is the design, and it is ordered: a row names only rows above it, so a cycle cannot
//! be written down. Looking for cycles in the imports themselves was rejected, because it allows
//! every new arrow that happens to close none.
//!
//! Limits: code under `#[cfg(test)]` may import what it likes.

use crate::{
    demand,
    tree::{modules, registered, src},
};

/// Who may import whom. A row names only rows above it, so there can be no cycle.
const ARROWS: [(&str, &[&str]); 12] = [
    ("base", &[]),
    ("engine", &["base"]),
    ("checkers", &["base", "engine"]),
    ("blocks", &["base", "engine"]),
    ("protocols", &["base", "engine", "blocks"]),
    ("workload", &["base", "engine"]),
    ("scenario", &["base", "engine", "checkers", "protocols", "workload"]),
    ("explore", &["base", "engine", "checkers", "scenario"]),
    ("search", &["base", "engine", "checkers", "scenario", "explore"]),
    ("report", &["base", "engine", "checkers", "scenario"]),
    ("study", &["base", "engine", "checkers", "scenario", "search", "report"]),
    ("course", &["base", "engine", "checkers", "scenario", "search", "report", "study"]),
];

/// Who may import everything.
const ON_TOP: [&str; 3] = ["cli", "lib", "main"];

/// Macros stand at the crate's root, wherever they are written.
const MACROS: [(&str, &str); 3] = [("steps", "engine"), ("embed", "engine"), ("tables", "blocks")];

/// What checkers may know of the engine: what runs tell, and nothing of how they are made.
const SEEN_BY_CHECKERS: [&str; 8] = [
    "facts",
    "operations",
    "protocol::node_set",
    "runner::Catalog",
    "runner::Outcome",
    "runner::RunEnd",
    "signal",
    "trace",
];

#[test]
fn imports_follow_the_arrows() {
    demand("this arrow is forbidden", &src(), |source, broken| {
        for (line, names) in source.imports() {
            let target = names.first().map_or("", String::as_str);
            let is_macro = MACROS.iter().find(|(name, _)| *name == target);
            let target = is_macro.map_or(target, |(_, home)| home);
            if !may_import(source.top(), target) {
                broken.push((line, format!("{} imports {}", source.top(), names.join("::"))));
            }
        }
    });
}

#[test]
fn the_table_of_arrows_has_no_cycle() {
    for (row, (module, imports)) in ARROWS.iter().enumerate() {
        let above = |name: &&str| ARROWS[..row].iter().any(|(module, _)| module == name);
        assert!(imports.iter().all(above), "{module} may import only what stands above it");
    }
}

#[test]
fn every_module_has_its_arrows() {
    demand("this top-level module is not in the table of arrows", &src(), |source, broken| {
        let listed = ARROWS.iter().any(|(name, _)| *name == source.top());
        if !listed && !ON_TOP.contains(&source.top()) {
            broken.push((1, String::from(source.top())));
        }
    });
}

#[test]
fn checkers_see_only_what_a_run_tells() {
    demand(
        "checkers may not use this part of the engine",
        &modules(&["checkers"]),
        |source, broken| {
            for (line, names) in source.imports() {
                let path = names.join("::") + "::";
                let seen = |part: &&str| path.starts_with(&format!("engine::{part}::"));
                if path.starts_with("engine::") && !SEEN_BY_CHECKERS.iter().any(seen) {
                    broken.push((line, names.join("::")));
                }
            }
        },
    );
}

#[test]
fn no_protocol_imports_another() {
    let patterns = registered("src/protocols");
    demand("a pattern is one file", &modules(&["protocols"]), |source, broken| {
        let own = source.path.split('/').nth(2).unwrap_or_default().trim_end_matches(".rs");
        for (line, names) in source.imports() {
            let is_pattern = names.get(1).is_some_and(|name| patterns.contains(name));
            let another = is_pattern && names[0] == "protocols" && names[1] != own;
            if another && source.stem() != "mod" {
                broken.push((line, names.join("::")));
            }
        }
    });
}

fn may_import(from: &str, to: &str) -> bool {
    let listed = |(module, imports): &(&str, &[&str])| *module == from && imports.contains(&to);
    from == to || ON_TOP.contains(&from) || ARROWS.iter().any(listed)
}
