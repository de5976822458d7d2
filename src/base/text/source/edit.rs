//! Edits from the command line: the text of a scenario with some parts replaced.
//!
//! ```text
//! --set network.loss=5%     network: (latency: …, loss: "0.1%")
//!                                                       ^^^^^^ replaced by "5%"
//! --set network.dup=1%      network: (latency: …, loss: "0.1%", dup: "1%")
//!                                                             ^^^^^^^^^^^ inserted
//! ```
//!
//! The edited text is loaded like any file, so that a flag can say all that a file can and nothing
//! else. What was put in is remembered, so that a mistake in it can name the flag. Patching typed
//! values was rejected: each type would need a setter by name.
//! Limits: nothing is deleted, and no item is appended to a list; replace the list.

use super::path::{Part, PathError, not_found, reach, unwrapped};
use super::{Kind, Node, Span, Tree};
use crate::base::text::diagnostic::Diagnostic;

/// A text with parts put in by flags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edited {
    /// The text as it is now.
    pub text: String,
    /// What was put in, oldest first, by places in the text as it is now.
    pub insertions: Vec<Insertion>,
}

/// A part that a flag put in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Insertion {
    /// Where it is.
    pub span: Span,
    /// The flag as the user could have written it.
    pub flag: String,
}

/// The text with the value at one path replaced, as `--set path=value` does it.
///
/// # Errors
/// When the path leads nowhere, or the value is not RON.
pub fn splice(text: &str, path: &str, value: &str) -> Result<Edited, PathError> {
    let mut edited = Edited::new(text);
    edited.set(path, value, &format!("--set {path}={value}"))?;
    Ok(edited)
}

impl Edited {
    /// A text without edits.
    pub fn new(text: impl Into<String>) -> Self {
        Edited { text: text.into(), insertions: Vec::new() }
    }

    /// Replaces the value at a path, or adds the field it names. Nothing changes on an error.
    ///
    /// The value is RON; a bare quantity such as `5s` gets its quotes here.
    ///
    /// # Errors
    /// When the path leads nowhere, or the value is not RON.
    pub fn set(&mut self, path: &str, value: &str, flag: &str) -> Result<(), PathError> {
        let value = as_ron(value)?;
        let tree = Tree::parse(&self.text).map_err(|wrong| PathError::Source(Box::new(wrong)))?;
        let reached = reach(&tree.root, &self.text, path)?;
        let Some(first) = reached.missing.first() else {
            let span = reached.node.span;
            self.replace(span, "", &value, "", flag);
            return Ok(());
        };
        let no_place = || not_found(&reached, *first, &self.text);
        let field = field_text(&reached.missing, &value).ok_or_else(no_place)?;
        let place = unwrapped(reached.node, &self.text);
        let (at, before, after) = room_for_field(place).ok_or_else(no_place)?;
        self.replace(Span { start: at, end: at }, before, &field, after, flag);
        Ok(())
    }

    /// The flag that put in what lies at this place, the latest when there are several.
    pub fn flag_at(&self, span: Span) -> Option<&str> {
        let touching = self.insertions.iter().rev().find(|made| made.span.touches(span));
        touching.map(|made| made.flag.as_str())
    }

    /// Lets each diagnostic on a part that a flag put in say so.
    pub fn name_flags(&self, diagnostics: &mut [Diagnostic]) {
        for diagnostic in diagnostics {
            if let Some(flag) = self.flag_at(diagnostic.span) {
                diagnostic.help.push(format!("this part comes from `{flag}`"));
            }
        }
    }

    /// Replaces a part and moves the remembered places along; `before` and `after` are put around
    /// the insertion and do not belong to it.
    fn replace(&mut self, part: Span, before: &str, value: &str, after: &str, flag: &str) {
        let put_in = format!("{before}{value}{after}");
        self.text.replace_range(part.start..part.end, &put_in);
        let moved = |at: usize| at - part.end + part.start + put_in.len();
        self.insertions.retain(|made| {
            part.is_empty() || made.span.start < part.start || part.end < made.span.end
        });
        for made in &mut self.insertions {
            if part.end <= made.span.start {
                made.span.start = moved(made.span.start);
            }
            if part.end <= made.span.end && (part.start < made.span.end || !part.is_empty()) {
                made.span.end = moved(made.span.end);
            }
        }
        let start = part.start + before.len();
        let span = Span { start, end: start + value.len() };
        self.insertions.push(Insertion { span, flag: flag.to_owned() });
    }
}

/// The value as RON text, with quotes around a bare quantity.
fn as_ron(value: &str) -> Result<String, PathError> {
    let value = value.trim();
    let refused = |reason| PathError::Value { value: value.to_owned(), reason: Box::new(reason) };
    let root = Tree::parse(value).map_err(refused)?.root;
    let text = root.text(value);
    Ok(if root.is_bare_quantity(value) { format!("\"{text}\"") } else { text.to_owned() })
}

/// `a: (b: value)` for the missing parts `a` and `b`; nothing when one of them is a number.
fn field_text(missing: &[Part], value: &str) -> Option<String> {
    let mut names = Vec::new();
    for part in missing {
        let Part::Name(name) = part else { return None };
        let is_word = name.chars().all(|c| c == '_' || c.is_alphanumeric());
        let starts = !name.starts_with(|c: char| c.is_numeric());
        names.push(Some(*name).filter(|_| is_word && starts)?);
    }
    let closing = ")".repeat(names.len() - 1);
    Some(format!("{}: {value}{closing}", names.join(": (")))
}

/// Where a further field goes, and what to write before and after it.
///
/// Right behind the last value: a trailing comma or comment then follows the new field, and
/// neither needs to be understood.
fn room_for_field(node: &Node) -> Option<(usize, &'static str, &'static str)> {
    match (&node.kind, node.body) {
        (Kind::Fields(fields), _) => fields.last().map(|last| (last.value.span.end, ", ", "")),
        (Kind::Unit, Some(body)) => Some((body.start + 1, "", "")),
        (Kind::Unit, None) => Some((node.span.end, "(", ")")),
        (Kind::Scalar | Kind::Tuple(_) | Kind::List(_) | Kind::Map(_), _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::text::diagnostic::Code;

    fn set(text: &str, path: &str, value: &str) -> String {
        let edited = splice(text, path, value).unwrap_or_else(|wrong| panic!("{wrong}"));
        Tree::parse(&edited.text).expect("a test knows that it is there");
        edited.text
    }

    #[test]
    fn a_value_of_every_shape_is_replaced() {
        for (text, path, value, expected) in [
            ("(a: 1, b: 2)", "a", "3", "(a: 3, b: 2)"),
            ("(a: \"x\" /* c */)", "a", "\"y\"", "(a: \"y\" /* c */)"),
            ("(a: B(c: 1))", "a.c", "D(e: 2)", "(a: B(c: D(e: 2)))"),
            ("(a: B(c: 1))", "a", "D", "(a: D)"),
            ("(a: [1, 2, 3])", "a[1]", "[]", "(a: [1, [], 3])"),
            ("(a: ((1, 2)))", "a[0][1]", "{}", "(a: ((1, {})))"),
            ("(a: {\"k\": 1})", "a.k", "2", "(a: {\"k\": 2})"),
            ("(a: [(id: \"x\", v: 1)])", "a.x.v", "2", "(a: [(id: \"x\", v: 2)])"),
            ("(a: Some(1))", "a", "None", "(a: None)"),
        ] {
            assert_eq!(set(text, path, value), expected);
        }
    }

    #[test]
    fn a_missing_field_is_added_whatever_the_parentheses_look_like() {
        for (text, path, expected) in [
            ("(a: 1)", "b", "(a: 1, b: 9)"),
            ("(a: 1,)", "b", "(a: 1, b: 9,)"),
            ("(a: 1, // c\n)", "b", "(a: 1, b: 9, // c\n)"),
            ("(a: 1 // c)\n)", "b", "(a: 1, b: 9 // c)\n)"),
            ("(a: 1 /* ) */ )", "b", "(a: 1, b: 9 /* ) */ )"),
            ("()", "b", "(b: 9)"),
            ("( /* c */ )", "b", "(b: 9 /* c */ )"),
            ("(// c\n)", "b", "(b: 9// c\n)"),
            ("(p: TwoPhase)", "p.b", "(p: TwoPhase(b: 9))"),
            ("(p: TwoPhase())", "p.b", "(p: TwoPhase(b: 9))"),
            ("(p: Some((a: 1)))", "p.b", "(p: Some((a: 1, b: 9)))"),
            ("(a: 1)", "n.loss", "(a: 1, n: (loss: 9))"),
        ] {
            assert_eq!(set(text, path, "9"), expected);
        }
    }

    #[test]
    fn a_bare_quantity_is_quoted_and_other_values_are_left_alone() {
        for (value, expected) in [
            ("5s", "(a: \"5s\")"),
            ("0.1%", "(a: \"0.1%\")"),
            ("50/s", "(a: \"50/s\")"),
            (" 100ms ", "(a: \"100ms\")"),
            ("1/1000", "(a: \"1/1000\")"),
            ("5", "(a: 5)"),
            ("\"5s\"", "(a: \"5s\")"),
            ("Abort", "(a: Abort)"),
            ("true", "(a: true)"),
            ("1 // one", "(a: 1)"),
        ] {
            assert_eq!(set("(a: 0)", "a", value), expected);
        }
    }

    #[test]
    fn a_value_that_is_no_ron_or_a_path_that_leads_nowhere_changes_nothing() {
        let mut edited = Edited::new("(a: [1], b: 2)");
        for (path, value) in
            [("a", "1, b: 3"), ("a", "(1"), ("a", ""), ("a[1]", "2"), ("a.x", "1"), ("b.x", "1")]
        {
            assert!(edited.set(path, value, "--set").is_err(), "{path}={value}");
        }
        assert!(edited.set("a-b", "1", "--set").is_err());
        assert_eq!(edited, Edited::new("(a: [1], b: 2)"));
    }

    #[test]
    fn later_edits_move_the_places_of_earlier_ones() {
        let mut edited = Edited::new("(a: 1, b: 2)");
        edited.set("b", "22", "--set b=22").expect("a test knows that it is there");
        edited.set("a", "(x: 1)", "--set a").expect("a test knows that it is there");
        edited.set("c", "3", "--set c=3").expect("a test knows that it is there");
        edited.set("a.x", "4", "--set a.x=4").expect("a test knows that it is there");
        assert_eq!(edited.text, "(a: (x: 4), b: 22, c: 3)");
        let places: Vec<(&str, &str)> = edited
            .insertions
            .iter()
            .map(|made| (made.flag.as_str(), made.span.of(&edited.text)))
            .collect();
        assert_eq!(
            places,
            [
                ("--set b=22", "22"),
                ("--set a", "(x: 4)"),
                ("--set c=3", "c: 3"),
                ("--set a.x=4", "4")
            ]
        );
        edited.set("a", "7", "--set a=7").expect("a test knows that it is there");
        let flags: Vec<&str> = edited.insertions.iter().map(|made| made.flag.as_str()).collect();
        assert_eq!(flags, ["--set b=22", "--set c=3", "--set a=7"]);
    }

    #[test]
    fn a_mistake_in_an_edit_names_its_flag() {
        let edited = splice("(network: (loss: \"1%\"))", "network.los", "5%")
            .expect("a test knows that it is there");
        let start = edited.text.find("los:").expect("a test knows that it is there");
        let inside = Diagnostic::error(Code::UnknownField, Span { start, end: start + 3 }, "");
        let outside = Diagnostic::error(Code::UnknownField, Span { start: 1, end: 8 }, "");
        let mut both = [inside, outside];
        edited.name_flags(&mut both);
        assert_eq!(both[0].help, ["this part comes from `--set network.los=5%`"]);
        assert!(both[1].help.is_empty());
    }
}
