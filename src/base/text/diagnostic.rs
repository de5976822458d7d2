//! A mistake in a scenario file: what is wrong, where, and what to do about it.
//!
//! ```text
//! error[SB0201]: no node is called `coordnator`      severity, code, message
//!  --> scenarios/2pc.ron:9:58                        span
//!   |
//! 9 | … do: Crash(node: "coordnator", down: "1s"))],
//!   |                   ^^^^^^^^^^^^ not a node        label
//!   |
//!   = help: did you mean `coordinator`?              help
//! ```
//!
//! A diagnostic is plain data with byte offsets, so that the same value becomes this picture, a
//! JSON line or an editor's squiggle. `annotate-snippets` draws it because it is what rustc draws
//! with; `miette` was rejected for the size of its tree.
//! Limits: one file per diagnostic, and columns count characters, not terminal cells.

mod code;

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

pub use self::code::Code;
use super::source::Span;

/// One mistake, or one doubtful thing, in a scenario file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether the file can be used all the same.
    pub severity: Severity,
    /// The kind of mistake, which `explain` describes.
    pub code: Code,
    /// One sentence without a full stop.
    pub message: String,
    /// The offending token.
    pub span: Span,
    /// A few words under the token; may be empty.
    pub label: String,
    /// Other places that help to understand.
    pub secondary: Vec<Label>,
    /// What to do about it, a line each.
    pub help: Vec<String>,
}

/// Whether a file with this diagnostic can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file is refused.
    Error,
    /// The file is used, and is probably not what was meant.
    Warning,
}

/// A few words at a second place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// The words.
    pub text: String,
}

/// A file as the user knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source<'a> {
    /// The path that is printed.
    pub name: &'a str,
    /// The text that all spans count in.
    pub text: &'a str,
}

/// Whether to colour what is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// Plain text.
    Never,
    /// With terminal escapes.
    Always,
}

impl Diagnostic {
    /// An error at `span`.
    pub fn error(code: Code, span: Span, message: impl Into<String>) -> Self {
        Diagnostic {
            severity: Severity::Error,
            code,
            message: message.into(),
            span,
            label: String::new(),
            secondary: Vec::new(),
            help: Vec::new(),
        }
    }

    /// A warning at `span`.
    pub fn warning(code: Code, span: Span, message: impl Into<String>) -> Self {
        Diagnostic { severity: Severity::Warning, ..Self::error(code, span, message) }
    }

    /// The same, with a few words under the token.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// The same, with one more line of help.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// The same, with a few words at a second place.
    pub fn secondary(mut self, span: Span, text: impl Into<String>) -> Self {
        self.secondary.push(Label { span, text: text.into() });
        self
    }

    /// The same, with "did you mean" and the list of what there is: `known` is what they are
    /// called in the plural, such as `fields` or `nodes`.
    pub fn suggest<'a>(
        self,
        word: &str,
        known: &str,
        candidates: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let candidates: Vec<&str> = candidates.into_iter().collect();
        let list = match candidates.as_slice() {
            [] => format!("there are no {known} here"),
            some => format!("{known}: {}", some.join(", ")),
        };
        match suggest(word, candidates) {
            Some(near) => self.help(format!("did you mean `{near}`? {list}")),
            None => self.help(list),
        }
    }
}

/// The diagnostics as text for a terminal, an empty line between two.
pub fn render(diagnostics: &[Diagnostic], source: &Source, colour: Colour) -> String {
    let renderer = match colour {
        Colour::Never => Renderer::plain(),
        Colour::Always => Renderer::styled(),
    };
    let mut rendered = String::new();
    for diagnostic in diagnostics {
        if !rendered.is_empty() {
            rendered.push('\n');
        }
        rendered.push_str(renderer.render(&[group(diagnostic, source)]).trim_end());
        rendered.push('\n');
    }
    rendered
}

fn group<'a>(diagnostic: &'a Diagnostic, source: &Source<'a>) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let label = Some(diagnostic.label.as_str()).filter(|label| !label.is_empty());
    let primary = AnnotationKind::Primary.span(drawable(source.text, diagnostic.span));
    let secondary = diagnostic.secondary.iter().map(|other| {
        AnnotationKind::Context.span(drawable(source.text, other.span)).label(other.text.as_str())
    });
    let snippet = Snippet::source(source.text)
        .path(source.name)
        .annotation(primary.label(label))
        .annotations(secondary);
    level
        .primary_title(diagnostic.message.as_str())
        .id(diagnostic.code.as_str())
        .element(snippet)
        .elements(diagnostic.help.iter().map(|help| Level::HELP.message(help.as_str())))
}

/// The span cut down to what lies in the text, so that a stale span draws badly and never panics.
fn drawable(text: &str, span: Span) -> Range<usize> {
    let start = boundary(text, span.start);
    start..boundary(text, span.end).max(start)
}

/// The nearest place at or before an offset at which the text may be cut.
fn boundary(text: &str, offset: usize) -> usize {
    let offset = offset.min(text.len());
    (0..=offset).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// The line and the column of a byte offset, both from 1; columns count characters.
pub fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..boundary(text, offset)];
    let line = before.matches('\n').count() + 1;
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (line, before[line_start..].chars().count() + 1)
}

/// The candidate a mistyped word most likely stands for; the first of equals.
///
/// Measured by edits that include a swap of neighbours, without regard to case, `-` and `_`.
/// Three letters in five must be right: a stricter bound would miss short names, and a wrong
/// suggestion costs little beside the full list that is printed with it.
pub fn suggest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = folded(word);
    let near = candidates.into_iter().filter_map(|candidate| {
        let folded = folded(candidate);
        let length = word.chars().count().max(folded.chars().count());
        let edits = strsim::damerau_levenshtein(&word, &folded);
        // Edits per letter, in thousandths, so that long names may have more of them.
        (5 * edits <= 2 * length).then(|| (1000 * edits / length.max(1), candidate))
    });
    near.min_by_key(|(edits, _)| *edits).map(|(_, candidate)| candidate)
}

fn folded(word: &str) -> String {
    word.chars().filter(|c| !matches!(c, '-' | '_')).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Scenario(\n    faults: [(do: Crash(node: \"coordnator\"))],\n)\n";

    fn span_of(part: &str) -> Span {
        let start = TEXT.find(part).expect("a test knows that it is there");
        Span { start, end: start + part.len() }
    }

    fn sample() -> Diagnostic {
        let message = "no node is called `coordnator`";
        Diagnostic::error(Code::UnknownNode, span_of("\"coordnator\""), message)
            .label("not a node")
            .suggest("coordnator", "nodes", ["coordinator", "p1", "p2"])
    }

    #[test]
    fn an_error_is_drawn_on_its_source_line_with_code_and_help() {
        let source = Source { name: "scenarios/2pc.ron", text: TEXT };
        let expected = r#"error[SB0201]: no node is called `coordnator`
 --> scenarios/2pc.ron:2:31
  |
2 |     faults: [(do: Crash(node: "coordnator"))],
  |                               ^^^^^^^^^^^^ not a node
  |
  = help: did you mean `coordinator`? nodes: coordinator, p1, p2
"#;
        assert_eq!(render(&[sample()], &source, Colour::Never), expected);
    }

    #[test]
    fn a_second_place_is_drawn_with_its_own_label() {
        let source = Source { name: "x.ron", text: TEXT };
        let diagnostic = sample().secondary(span_of("Crash"), "of this crash");
        let drawn = render(&[diagnostic], &source, Colour::Never);
        assert!(drawn.contains("of this crash"), "{drawn}");
    }

    #[test]
    fn several_are_separated_by_an_empty_line_and_warnings_say_so() {
        let source = Source { name: "x.ron", text: TEXT };
        let warning = Diagnostic::warning(Code::NeverFires, span_of("Crash"), "it never fires");
        let drawn = render(&[sample(), warning], &source, Colour::Never);
        assert!(drawn.contains("\n\nwarning[SB0306]: it never fires\n"), "{drawn}");
    }

    #[test]
    fn colour_is_only_there_when_asked_for() {
        let source = Source { name: "x.ron", text: TEXT };
        assert!(render(&[sample()], &source, Colour::Always).contains('\u{1b}'));
        assert!(!render(&[sample()], &source, Colour::Never).contains('\u{1b}'));
    }

    #[test]
    fn a_span_outside_the_text_or_inside_a_character_is_drawn_without_a_panic() {
        let source = Source { name: "x.ron", text: "é\n" };
        for (start, end) in [(1, 1), (1, 3), (0, 99), (99, 99), (3, 0)] {
            let diagnostic = Diagnostic { span: Span { start, end }, ..sample() };
            assert!(render(&[diagnostic], &source, Colour::Never).contains("SB0201"));
        }
        let nothing = Source { name: "x.ron", text: "" };
        assert!(render(&[sample()], &nothing, Colour::Never).contains("SB0201"));
    }

    #[test]
    fn positions_count_lines_and_characters_from_one() {
        let text = "aé\nüb";
        assert_eq!(position(text, 0), (1, 1));
        assert_eq!(position(text, 3), (1, 3));
        assert_eq!(position(text, 4), (2, 1));
        assert_eq!(position(text, 6), (2, 2));
        assert_eq!(position(text, 99), (2, 3));
    }

    #[test]
    fn a_suggestion_is_near_and_a_stranger_gets_none() {
        let names = ["latency", "loss", "duplicate"];
        assert_eq!(suggest("los", names), Some("loss"));
        assert_eq!(suggest("Latncy", names), Some("latency"));
        assert_eq!(suggest("zebra", names), None);
        assert_eq!(suggest("no-blocking", ["no_blocking"]), Some("no_blocking"));
        assert_eq!(suggest("crahs", ["Cut", "Crash"]), Some("Crash"));
        assert_eq!(suggest("p4", ["p1", "p2"]), None);
        assert_eq!(suggest("abc", ["abd", "abe"]), Some("abd"));
    }
}
