//! From a part of a scenario's text to a typed value, with every mistake on its own token.
//!
//! ```text
//! text ──ron──▶ value                               the judge
//!        │
//!        └ refused ──▶ quantities without quotes ──┐
//!                      locate: serde over the tree ├──▶ diagnostics
//!                      of spans, repaired and read │
//!                      again; else ron's own words ┘
//! ```
//!
//! `ron` alone decides what is accepted. Only when it refuses is the text read a second time, by a
//! deserializer over the source map whose only purpose is to know where it is; it repairs what it
//! finds and goes on, so that all mistakes of a part are shown at once. Mapping ron's positions
//! to tokens was tried on paper and rejected: ron points at the end of a value for a quantity
//! that is wrong and at a closing parenthesis for a field that is missing, and stops at the first.
//! Limits: extensions enabled by an attribute hold only when the whole file is decoded.

mod access;
mod locate;
mod reader;
mod stand_in;
mod trouble;

use ron::extensions::Extensions;
use serde::de::DeserializeOwned;

use super::diagnostic::{Code, Diagnostic};
use super::source::{Node, Span, Tree};

/// Reads one value of a text; the first mistake when it cannot be read.
///
/// # Errors
/// The first mistake, on the token that is wrong.
pub fn decode<T: DeserializeOwned>(text: &str, span: Span) -> Result<T, Diagnostic> {
    decode_all(text, span).map_err(|mut wrong| wrong.swap_remove(0))
}

/// Reads one value of a text; every mistake when it cannot be read, in the order of the text and
/// at least one.
///
/// # Errors
/// Every mistake, at least one.
pub fn decode_all<T: DeserializeOwned>(text: &str, span: Span) -> Result<T, Vec<Diagnostic>> {
    let root = Tree::parse_part(text, span).map_err(|wrong| vec![wrong])?.root;
    read(span.of(text)).map_err(|error| mistakes::<T>(text, &root, span, &error))
}

/// A value that is looked up by its name, such as a protocol, a workload or a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named<'t> {
    /// The name.
    pub name: &'t str,
    /// Where the name is.
    pub name_span: Span,
    /// Where the parentheses after it are; empty and right behind it when there are none.
    pub arguments: Span,
}

/// Takes `TwoPhaseCommit(participants: 3)` or `AtomicCommit` apart, without knowing its type.
///
/// # Errors
/// When there is no name, such as a text in quotes.
pub fn decode_named<'t>(text: &'t str, node: &Node) -> Result<Named<'t>, Diagnostic> {
    let (Some(name), Some(name_span)) = (node.name(text), node.name) else {
        let message = "expected a name, such as `AtomicCommit` or `NoBlocking(limit: \"1s\")`";
        let wrong = Diagnostic::error(Code::WrongType, node.anchor(), message);
        return Err(match node.string(text) {
            Some(content) => wrong.help(format!("write it without quotes: {content}")),
            None => wrong.label("has no name"),
        });
    };
    let bare = Span { start: node.span.end, end: node.span.end };
    Ok(Named { name, name_span, arguments: node.body.unwrap_or(bare) })
}

impl Named<'_> {
    /// The text of the arguments as a struct without a name; `()` when there are none.
    pub fn arguments_text<'t>(&self, text: &'t str) -> &'t str {
        if self.arguments.is_empty() { "()" } else { self.arguments.of(text) }
    }

    /// Reads the arguments as a struct; every mistake when they cannot be read.
    ///
    /// # Errors
    /// Every mistake, at least one.
    pub fn decode<T: DeserializeOwned>(&self, text: &str) -> Result<T, Vec<Diagnostic>> {
        let mut root = if self.arguments.is_empty() {
            let kind = super::source::Kind::Unit;
            Node { span: self.arguments, name: None, body: Some(self.arguments), kind }
        } else {
            Tree::parse_part(text, self.arguments).map_err(|wrong| vec![wrong])?.root
        };
        read(self.arguments_text(text)).map_err(|error| {
            root.name = Some(self.name_span);
            mistakes::<T>(text, &root, self.arguments, &error)
        })
    }
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, ron::de::SpannedError> {
    ron::Options::default().with_default_extension(Extensions::IMPLICIT_SOME).from_str(text)
}

/// What is wrong with a value that ron refuses.
fn mistakes<T: DeserializeOwned>(
    text: &str,
    root: &Node,
    part: Span,
    error: &ron::de::SpannedError,
) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    bare_quantities(text, root, &mut found);
    let bare: Vec<Span> = found.iter().map(|diagnostic| diagnostic.span).collect();
    let located = locate::locate::<T>(text, root);
    found.extend(located.into_iter().filter(|diagnostic| !bare.contains(&diagnostic.span)));
    if found.is_empty() {
        found.push(in_the_words_of_ron(text, root, part, error));
    }
    found.sort_by_key(|diagnostic| diagnostic.span);
    found
}

/// Quantities without quotes, which no type can make sense of.
fn bare_quantities(text: &str, node: &Node, found: &mut Vec<Diagnostic>) {
    if node.is_bare_quantity(text) {
        let word = node.text(text);
        let wrong =
            Diagnostic::error(Code::BadQuantity, node.span, format!("`{word}` needs quotes"));
        found.push(wrong.label("neither a number nor text").help(format!("write \"{word}\"")));
    }
    for child in node.children() {
        bare_quantities(text, child, found);
    }
}

/// The last resort: ron's message, on the innermost value at ron's position.
fn in_the_words_of_ron(
    text: &str,
    root: &Node,
    part: Span,
    error: &ron::de::SpannedError,
) -> Diagnostic {
    let at = part.start + offset(part.of(text), error.span.end);
    let mut node = root;
    while let Some(inner) = node.children().into_iter().find(|child| holds(child.span, at)) {
        node = inner;
    }
    Diagnostic::error(Code::Unreadable, node.anchor(), error.code.to_string())
}

fn holds(span: Span, at: usize) -> bool {
    span.start <= at && at <= span.end
}

/// The byte offset of a line and column of ron, which counts characters from 1.
fn offset(text: &str, position: ron::error::Position) -> usize {
    let line_start = match position.line.checked_sub(2) {
        Some(newlines) => {
            text.match_indices('\n').nth(newlines).map_or(text.len(), |(at, _)| at + 1)
        }
        None => 0,
    };
    let column = text[line_start..].char_indices().nth(position.col.saturating_sub(1));
    column.map_or(text.len(), |(at, _)| line_start + at)
}

#[cfg(test)]
mod tests;
