//! A node at an instant, in lines: what it is doing, its state, log, timers and what it waits for.
//!
//! ```text
//!   p1  up · waits for its disk
//!     in_doubt  {t3: Promise { … }}
//!     log       @6 Prepared(t3, …)  not yet durable      5 more before
//!     timers    Inquire(t3) at 0.153s
//! ```
//!
//! What is empty is left out. In an overview each part is one line, cut where it does not fit;
//! alone, a node is told in full. The state comes field by field as the engine looks at it; how it
//! changed since is left to the reader, who can step back.

use super::text::{clip, columns, fill, inert};
use crate::engine::look::{Condition, LogLine, NodeView, OnDisk};
use std::fmt::Write as _;

/// How much of a node is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// A line per part, at most so wide.
    Overview,
    /// Everything.
    Full,
}

const WIDTH: usize = 110;
const LOG_LINES: usize = 3;

/// A node in lines.
pub fn standing(name: &str, view: &NodeView, detail: Detail) -> String {
    let mut parts: Vec<(String, String)> = Vec::new();
    for (field, value) in &view.state {
        if !matches!(value.as_str(), "{}" | "[]" | "None" | "0" | "false" | "\"\"") {
            parts.push((field.clone(), value.clone()));
        }
    }
    parts.extend(log(&view.log, detail));
    let timers = view.timers.iter().map(|(timer, due)| match due {
        Some(at) => format!("{timer} at {}", at.as_seconds_text(3)),
        None => format!("{timer}, due"),
    });
    parts.extend(list("timers", timers.collect(), detail));
    parts.extend(list("behind", view.behind_force.clone(), detail));
    parts.extend(list("inbox", view.inbox.clone(), detail));
    let width = parts.iter().map(|(part, _)| columns(part)).max().unwrap_or(0);
    let conditions: Vec<&str> = view.conditions.iter().map(|one| condition(*one)).collect();
    let mut lines = format!("{}  {}\n", inert(name), conditions.join(" · "));
    for (part, value) in parts {
        let line = format!("  {}  {}", fill(&part, width), inert(&value));
        let line = if detail == Detail::Overview { clip(&line, WIDTH) } else { line };
        _ = writeln!(lines, "{}", line.trim_end());
    }
    lines
}

/// What a node is doing, in words.
pub(super) fn condition(condition: Condition) -> &'static str {
    match condition {
        Condition::Down => "down, its memory is gone",
        Condition::Up => "up",
        Condition::Forcing => "waits for its disk",
        Condition::Paused => "paused",
        Condition::Serving => "a handler is taking its time",
    }
}

/// The log as lines: the last few of it in an overview, with a word about those before.
fn log(log: &[LogLine], detail: Detail) -> Vec<(String, String)> {
    let shown = match detail {
        Detail::Overview => LOG_LINES.min(log.len()),
        Detail::Full => log.len(),
    };
    let more = log.len() - shown;
    let mut lines: Vec<String> = Vec::new();
    if more > 0 {
        lines.push(format!("… {more} before"));
    }
    lines.extend(log[more..].iter().map(|one| {
        let durable = if one.on_disk == OnDisk::Durable { "" } else { "  (not yet durable)" };
        format!("{} {}{durable}", one.position, one.record)
    }));
    named("log", lines)
}

fn list(name: &str, items: Vec<String>, detail: Detail) -> Vec<(String, String)> {
    match detail {
        Detail::Overview if !items.is_empty() => named(name, vec![items.join(" · ")]),
        _ => named(name, items),
    }
}

/// The name stands before the first line only.
fn named(name: &str, lines: Vec<String>) -> Vec<(String, String)> {
    let head = |nth: usize| if nth == 0 { name.to_owned() } else { String::new() };
    lines.into_iter().enumerate().map(|(nth, line)| (head(nth), line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{ids::Lsn, time::Time};

    fn view() -> NodeView {
        let line = |position, on_disk| LogLine {
            position: Lsn(position),
            record: format!("Prepared(t{position})"),
            on_disk,
        };
        NodeView {
            conditions: vec![Condition::Up, Condition::Forcing],
            state: vec![
                ("in_doubt".to_owned(), "{t5: \u{1b}[31m}".to_owned()),
                ("locks".to_owned(), "{}".to_owned()),
            ],
            log: (1..=4)
                .map(|n| line(n, OnDisk::Durable))
                .chain([line(5, OnDisk::NotYet)])
                .collect(),
            timers: vec![("Inquire(t5)".to_owned(), Some(Time::from_millis(153)))],
            behind_force: vec![format!("send {} to c", "Yes".repeat(60))],
            inbox: Vec::new(),
        }
    }

    #[test]
    fn an_overview_fits_and_tells_the_latest() {
        let told = standing("p1", &view(), Detail::Overview);
        assert!(told.starts_with("p1  up · waits for its disk\n"), "{told}");
        assert!(told.contains("@5 Prepared(t5)  (not yet durable)") && told.contains("… 2 before"));
        assert!(told.contains("timers    Inquire(t5) at 0.153s"), "{told}");
        assert!(!told.contains("locks") && !told.contains("inbox"), "{told}");
        assert!(told.lines().all(|line| columns(line) <= WIDTH));
        assert!(!told.contains('\u{1b}'));
    }

    #[test]
    fn a_node_in_full_leaves_nothing_out_but_what_is_empty() {
        let told = standing("p1", &view(), Detail::Full);
        assert!(told.contains("@1 Prepared(t1)") && told.contains(&"Yes".repeat(60)), "{told}");
        assert!(!told.contains("locks"), "{told}");
    }
}
