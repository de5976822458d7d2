//! Paths: the names by which `--set` and `--vary` reach into a scenario.
//!
//! ```text
//! network.loss            a field of a field
//! faults[0].do.down       an item by its number, from 0
//! faults.window.do.down   an item by the text of its field `id`
//! checks.NoBlocking.limit an item by its name, when it is the only one
//! ```
//!
//! Names of variants are not part of a path (`protocol.participants`, not
//! `protocol.TwoPhaseCommit.participants`), because a place has one variant at a time.
//! Limits: an id with a dot or a bracket in it is reached by its number only.

use super::super::diagnostic::{Diagnostic, suggest};
use super::{Kind, Node};

/// Why a path leads nowhere, or cannot be set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// The path is not written like one.
    #[error("`{path}` is not a path: write it like faults[0].do.down")]
    Malformed {
        /// The path.
        path: String,
    },
    /// One part of the path names nothing.
    #[error("there is no `{part}` in {place}{}", hint(.known, .suggestion.as_ref()))]
    NotFound {
        /// The part that was not found.
        part: String,
        /// Where it was looked for: the path up to there, in words.
        place: String,
        /// What there is instead.
        known: Vec<String>,
        /// The one most like it.
        suggestion: Option<String>,
    },
    /// The value for the path is not RON.
    #[error("`{value}` is not a value: {}", .reason.message)]
    Value {
        /// The value.
        value: String,
        /// What is wrong in it.
        reason: Box<Diagnostic>,
    },
    /// The text the path is looked up in is not RON.
    #[error("the scenario cannot be read: {}", .0.message)]
    Source(Box<Diagnostic>),
}

fn hint(known: &[String], suggestion: Option<&String>) -> String {
    let list =
        if known.is_empty() { String::new() } else { format!("; there is {}", known.join(", ")) };
    match suggestion {
        Some(near) => format!("; did you mean `{near}`?{}", list.replacen("; there", " there", 1)),
        None => list,
    }
}

/// One part of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part<'p> {
    Name(&'p str),
    Number(usize),
}

/// The deepest value on the way of a path, and the parts that lead on from there into nothing.
pub(super) struct Reached<'n, 'p> {
    pub(super) node: &'n Node,
    pub(super) done: &'p str,
    pub(super) missing: Vec<Part<'p>>,
}

/// The value at a path.
pub(super) fn find<'n>(root: &'n Node, text: &str, path: &str) -> Result<&'n Node, PathError> {
    let reached = reach(root, text, path)?;
    match reached.missing.first() {
        None => Ok(reached.node),
        Some(part) => Err(not_found(&reached, *part, text)),
    }
}

/// Follows a path as far as it leads.
pub(super) fn reach<'n, 'p>(
    root: &'n Node,
    text: &str,
    path: &'p str,
) -> Result<Reached<'n, 'p>, PathError> {
    let parts = parts(path)?;
    let mut reached = Reached { node: root, done: "", missing: Vec::new() };
    for (at, (part, end)) in parts.iter().enumerate() {
        let Some(next) = step(reached.node, *part, text) else {
            reached.missing = parts[at..].iter().map(|(part, _)| *part).collect();
            break;
        };
        reached.node = next;
        reached.done = &path[..*end];
    }
    Ok(reached)
}

/// The error for the first part that leads nowhere.
pub(super) fn not_found(reached: &Reached, part: Part, text: &str) -> PathError {
    let known = known(reached.node, text);
    let place = match reached.done {
        "" => "the scenario".to_owned(),
        done => format!("`{done}`"),
    };
    let (part, suggestion) = match part {
        Part::Name(name) => {
            let near = suggest(name, known.iter().map(String::as_str)).map(str::to_owned);
            (name.to_owned(), near)
        }
        Part::Number(number) => (format!("[{number}]"), None),
    };
    PathError::NotFound { part, place, known, suggestion }
}

/// The parts of a path, each with the offset at which it ends.
fn parts(path: &str) -> Result<Vec<(Part<'_>, usize)>, PathError> {
    let malformed = || PathError::Malformed { path: path.to_owned() };
    let mut parts = Vec::new();
    let mut at = 0;
    while at < path.len() {
        let rest = &path[at..];
        if let Some(bracketed) = rest.strip_prefix('[') {
            let length = bracketed.find(']').ok_or_else(malformed)?;
            let number = bracketed[..length].parse().map_err(|_| malformed())?;
            at += length + 2;
            parts.push((Part::Number(number), at));
        } else {
            let dot = usize::from(0 < at);
            let name = rest.get(dot..).filter(|_| dot == 0 || rest.starts_with('.'));
            let name = name.and_then(|name| name.split(['.', '[']).next()).unwrap_or("");
            if name.is_empty() || name.contains(']') {
                return Err(malformed());
            }
            at += dot + name.len();
            parts.push((Part::Name(name), at));
        }
    }
    if parts.is_empty() { Err(malformed()) } else { Ok(parts) }
}

fn step<'n>(node: &'n Node, part: Part, text: &str) -> Option<&'n Node> {
    let node = unwrapped(node, text);
    match (part, &node.kind) {
        (Part::Number(number), _) => node.items().get(number),
        (Part::Name(name), Kind::Fields(_)) => node.field(text, name),
        (Part::Name(name), Kind::Map(entries)) => {
            let entry = entries.iter().find(|(key, _)| key_text(key, text) == name);
            entry.map(|(_, value)| value)
        }
        (Part::Name(name), Kind::List(items)) => item(items, name, text),
        (Part::Name(_), Kind::Scalar | Kind::Unit | Kind::Tuple(_)) => None,
    }
}

/// The value inside `Some(…)`, which paths do not mention.
pub(super) fn unwrapped<'n>(node: &'n Node, text: &str) -> &'n Node {
    match node.items() {
        [inner] if node.name(text) == Some("Some") => unwrapped(inner, text),
        _ => node,
    }
}

/// An item by its id, else by its name when no other has it, else by its number.
fn item<'n>(items: &'n [Node], name: &str, text: &str) -> Option<&'n Node> {
    let by_id = items.iter().find(|item| id(item, text) == Some(name));
    let mut namesakes = items.iter().filter(|item| item.name(text) == Some(name));
    by_id.or_else(|| match (namesakes.next(), namesakes.next()) {
        (Some(only), None) => Some(only),
        _ => name.parse::<usize>().ok().and_then(|number| items.get(number)),
    })
}

fn id<'t>(node: &Node, text: &'t str) -> Option<&'t str> {
    node.field(text, "id").and_then(|id| id.string(text))
}

fn key_text<'t>(key: &Node, text: &'t str) -> &'t str {
    key.string(text).unwrap_or(key.text(text))
}

/// What a path may go on with.
fn known(node: &Node, text: &str) -> Vec<String> {
    let node = unwrapped(node, text);
    match &node.kind {
        Kind::Scalar | Kind::Unit => Vec::new(),
        Kind::Fields(fields) => fields.iter().map(|field| field.name(text).to_owned()).collect(),
        Kind::Map(entries) => {
            entries.iter().map(|(key, _)| key_text(key, text).to_owned()).collect()
        }
        Kind::Tuple(items) => (0..items.len()).map(|number| format!("[{number}]")).collect(),
        Kind::List(items) => items.iter().enumerate().map(|entry| item_name(entry, text)).collect(),
    }
}

fn item_name((number, item): (usize, &Node), text: &str) -> String {
    let name = id(item, text).or_else(|| item.name(text)).or_else(|| item.string(text));
    name.map_or_else(|| format!("[{number}]"), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::super::Tree;
    use super::*;

    const TEXT: &str = r#"Scenario(
        protocol: TwoPhaseCommit(participants: 3, presume: Abort),
        network: Some((latency: Quantiles([("0%", "400us")]), loss: "0.1%")),
        faults: [
            (id: "window", do: Crash(node: Actor, down: "5s")),
            (id: "cut", do: Cut(groups: [Nodes(["p1"]), Rest], for: "1s")),
        ],
        checks: [AtomicCommit, NoBlocking(limit: "1s")],
        ablate: ["ForceDecision"],
        weights: {"p1": 4},
    )"#;

    fn at(path: &str) -> Result<&'static str, PathError> {
        let tree = Tree::parse(TEXT).expect("a test knows that it is there");
        tree.find(TEXT, path).map(|node| node.span.of(TEXT))
    }

    #[test]
    fn a_path_leads_to_the_text_of_its_value() {
        for (path, value) in [
            ("protocol.participants", "3"),
            ("network.loss", "\"0.1%\""),
            ("network.latency[0][0][1]", "\"400us\""),
            ("faults[0].do.down", "\"5s\""),
            ("faults.window.do.down", "\"5s\""),
            ("faults.cut.do.groups.Nodes[0][0]", "\"p1\""),
            ("faults.cut.do.groups[1]", "Rest"),
            ("checks.NoBlocking.limit", "\"1s\""),
            ("checks.0", "AtomicCommit"),
            ("ablate", "[\"ForceDecision\"]"),
            ("weights.p1", "4"),
        ] {
            assert_eq!(at(path).as_deref(), Ok(value), "{path}");
        }
    }

    #[test]
    fn a_part_that_is_not_there_is_named_with_what_is() {
        for (path, message) in [
            (
                "network.los",
                "there is no `los` in `network`; did you mean `loss`? there is latency, loss",
            ),
            (
                "faults.windw.do",
                "there is no `windw` in `faults`; did you mean `window`? there is window, cut",
            ),
            ("faults[2]", "there is no `[2]` in `faults`; there is window, cut"),
            ("protocol.participants.x", "there is no `x` in `protocol.participants`"),
            ("checks.Zebra", "there is no `Zebra` in `checks`; there is AtomicCommit, NoBlocking"),
        ] {
            assert_eq!(at(path).unwrap_err().to_string(), message);
        }
        let wrong = at("netwrk.loss").unwrap_err().to_string();
        assert!(wrong.starts_with("there is no `netwrk` in the scenario; did you mean `network`?"));
    }

    #[test]
    fn a_path_that_is_not_written_like_one_is_refused() {
        for path in ["", ".", "a.", "a..b", ".a", "a[", "a[x]", "a]", "a[0]b", "a[-1]", "[é"] {
            assert!(matches!(at(path), Err(PathError::Malformed { .. })), "{path}");
        }
    }
}
