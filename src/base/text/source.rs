//! The source map: where every part of a scenario's text is.
//!
//! ```text
//! protocol: TwoPhaseCommit(participants: 3)      Field
//! ^^^^^^^^                                         name
//!           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^          value: Node.span
//!           ^^^^^^^^^^^^^^                            name
//!                         ^^^^^^^^^^^^^^^^^           body
//!                          ^^^^^^^^^^^^^^^            kind: Fields
//! ```
//!
//! A tree of byte spans beside the text, which stays the only truth: paths are looked up in it,
//! edits replace a span of it, and mistakes point into it. A tree of values was rejected, because
//! the one `ron` offers drops names and forgets places.
//! Limits: it knows shapes and no types. A bare `5s` is let through as a scalar, so that the
//! reader of values can ask for the quotes; escapes in strings are not judged either.

mod edit;
mod path;
mod scan;

use super::diagnostic::Diagnostic;

pub use self::edit::{Edited, Insertion, splice};
pub use self::path::PathError;

/// A part of a text by byte offsets, the end excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Where it begins.
    pub start: usize,
    /// Where it has ended.
    pub end: usize,
}

impl Span {
    /// The part of `text`; empty when the span lies outside of it.
    pub fn of(self, text: &str) -> &str {
        text.get(self.start..self.end).unwrap_or("")
    }

    /// Whether it has no length.
    pub fn is_empty(self) -> bool {
        self.end <= self.start
    }

    /// Whether the two share a byte, or one is empty and lies in or at the edge of the other.
    pub fn touches(self, other: Span) -> bool {
        let shared = self.start.max(other.start)..self.end.min(other.end);
        let empty = self.is_empty() || other.is_empty();
        shared.start < shared.end || (empty && shared.start == shared.end)
    }
}

/// The map of one text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// The one value the text consists of.
    pub root: Node,
}

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// All of it, without comments before and after.
    pub span: Span,
    /// The name of its struct or variant.
    pub name: Option<Span>,
    /// The brackets and what is between them.
    pub body: Option<Span>,
    /// Its shape.
    pub kind: Kind,
}

/// The shape of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A number, a text, a character, `true` or `false`.
    Scalar,
    /// A bare name, `()` or `Name()`.
    Unit,
    /// `(name: value, …)`, with or without a name in front.
    Fields(Vec<Field>),
    /// `(value, …)`, with or without a name in front.
    Tuple(Vec<Node>),
    /// `[value, …]`.
    List(Vec<Node>),
    /// `{key: value, …}`.
    Map(Vec<(Node, Node)>),
}

/// A named value between parentheses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The name, without the colon.
    pub name: Span,
    /// The value.
    pub value: Node,
}

impl Tree {
    /// The map of a whole file.
    ///
    /// # Errors
    /// The first place at which the text is not RON.
    pub fn parse(text: &str) -> Result<Tree, Diagnostic> {
        Tree::parse_part(text, Span { start: 0, end: text.len() })
    }

    /// The map of one value in a file, with spans that count in the whole file.
    ///
    /// # Errors
    /// The first place at which the part is not RON.
    pub fn parse_part(text: &str, part: Span) -> Result<Tree, Diagnostic> {
        scan::scan(text, part).map(|root| Tree { root })
    }

    /// The value at a path such as `faults.window.do.down` or `checks[0]`.
    ///
    /// # Errors
    /// Which part of the path leads nowhere, and what there is instead.
    pub fn find(&self, text: &str, path: &str) -> Result<&Node, PathError> {
        path::find(&self.root, text, path)
    }
}

impl Node {
    /// Its text.
    pub fn text<'t>(&self, text: &'t str) -> &'t str {
        self.span.of(text)
    }

    /// The name of its struct or variant.
    pub fn name<'t>(&self, text: &'t str) -> Option<&'t str> {
        self.name.map(|name| word(text, name))
    }

    /// The token that stands for all of it: the name, the opening bracket or the scalar.
    pub fn anchor(&self) -> Span {
        let first = Span { start: self.span.start, end: self.span.start + 1 };
        match self.kind {
            Kind::Scalar => self.span,
            _ => self.name.unwrap_or(first),
        }
    }

    /// Its named values; none when it has another shape.
    pub fn fields(&self) -> &[Field] {
        if let Kind::Fields(fields) = &self.kind { fields } else { &[] }
    }

    /// Its values by position; none when it has another shape.
    pub fn items(&self) -> &[Node] {
        if let Kind::Tuple(items) | Kind::List(items) = &self.kind { items } else { &[] }
    }

    /// The value of the first field of this name.
    pub fn field(&self, text: &str, name: &str) -> Option<&Node> {
        let field = self.fields().iter().find(|field| field.name(text) == name);
        field.map(|field| &field.value)
    }

    /// The content of a string without escapes; `None` for anything else.
    pub fn string<'t>(&self, text: &'t str) -> Option<&'t str> {
        let quoted = self.text(text).trim_start_matches('r').trim_matches('#');
        let content = quoted.strip_prefix('"')?.strip_suffix('"')?;
        matches!(self.kind, Kind::Scalar).then_some(content)
    }

    /// The values directly inside, keys of maps included.
    pub fn children(&self) -> Vec<&Node> {
        match &self.kind {
            Kind::Scalar | Kind::Unit => Vec::new(),
            Kind::Fields(fields) => fields.iter().map(|field| &field.value).collect(),
            Kind::Tuple(items) | Kind::List(items) => items.iter().collect(),
            Kind::Map(entries) => entries.iter().flat_map(|(key, value)| [key, value]).collect(),
        }
    }

    /// Whether it is a bare quantity such as `5s`, which RON wants in quotes.
    pub fn is_bare_quantity(&self, text: &str) -> bool {
        let word = self.text(text);
        let numeric = word.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
        matches!(self.kind, Kind::Scalar) && numeric && !is_number(word)
    }
}

impl Field {
    /// The name as a word.
    pub fn name<'t>(&self, text: &'t str) -> &'t str {
        word(text, self.name)
    }
}

/// An identifier, without the `r#` of a raw one.
fn word(text: &str, span: Span) -> &str {
    let word = span.of(text);
    word.strip_prefix("r#").unwrap_or(word)
}

/// Whether `ron` knows the word as a number, be it one that is too large.
fn is_number(word: &str) -> bool {
    match ron::from_str::<ron::Value>(word) {
        Ok(_) => true,
        Err(error) => error.code == ron::Error::IntegerOutOfBounds,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_value_knows_its_name_its_body_and_its_fields() {
        let text = "/* x */ TwoPhaseCommit (participants: 3, presume: Abort,) // y";
        let root = Tree::parse(text).expect("a test knows that it is there").root;
        assert_eq!(root.text(text), "TwoPhaseCommit (participants: 3, presume: Abort,)");
        assert_eq!(root.name(text), Some("TwoPhaseCommit"));
        assert_eq!(
            root.body.expect("a test knows that it is there").of(text),
            "(participants: 3, presume: Abort,)"
        );
        assert_eq!(
            root.field(text, "participants").expect("a test knows that it is there").text(text),
            "3"
        );
        assert_eq!(
            root.field(text, "presume").expect("a test knows that it is there").name(text),
            Some("Abort")
        );
        assert_eq!(root.anchor().of(text), "TwoPhaseCommit");
        assert!(root.field(text, "absent").is_none());
    }

    #[test]
    fn a_bare_name_ends_before_what_follows_it() {
        let text = "[Abort // no\n, Commit ()]";
        let root = Tree::parse(text).expect("a test knows that it is there").root;
        let [bare, with_body] = root.items() else { panic!("two items") };
        assert_eq!(bare.text(text), "Abort");
        assert_eq!((bare.body, &bare.kind), (None, &Kind::Unit));
        assert_eq!(with_body.text(text), "Commit ()");
        assert_eq!(with_body.body.expect("a test knows that it is there").of(text), "()");
    }

    #[test]
    fn strings_are_read_in_their_plain_and_raw_forms() {
        for (text, content) in [
            ("\"a\"", Some("a")),
            ("r\"a\"", Some("a")),
            ("r#\"a\"b\"#", Some("a\"b")),
            ("5", None),
        ] {
            assert_eq!(
                Tree::parse(text).expect("a test knows that it is there").root.string(text),
                content
            );
        }
    }

    #[test]
    fn a_bare_quantity_is_told_from_every_kind_of_number() {
        for word in ["5s", "0.1%", "50/s", "100ms", "2min", "400us", "1_000x", "-3s"] {
            let root = Tree::parse(word).expect("a test knows that it is there").root;
            assert_eq!(root.text(word), word);
            assert!(root.is_bare_quantity(word), "{word}");
        }
        let huge = "99999999999999999999999999999999999999999999";
        for word in ["5", "-5", "+0.5", ".5", "1e-3", "0xff", "0b1", "1_000", "7u8", huge] {
            let root = Tree::parse(word).expect("a test knows that it is there").root;
            assert_eq!(root.text(word), word);
            assert!(!root.is_bare_quantity(word), "{word}");
        }
    }

    #[test]
    fn spans_touch_when_they_share_a_byte_or_an_empty_one_lies_at_the_edge() {
        let span = |start, end| Span { start, end };
        assert!(span(1, 3).touches(span(2, 5)));
        assert!(!span(1, 3).touches(span(3, 5)));
        assert!(span(3, 3).touches(span(3, 5)));
        assert!(!span(2, 2).touches(span(3, 5)));
    }
}
