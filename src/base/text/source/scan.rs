//! The scanner: RON text to a tree of spans.
//!
//! ```text
//! value ── "…" r#"…"# 'c' b"…"       scalar
//!       ├─ 5  -1.5e3  0.1%  50/s     scalar (a quantity is let through)
//!       ├─ Name                      unit
//!       ├─ Name? ( … )               unit, fields or tuple
//!       ├─ [ … ]                     list
//!       └─ { k: v, … }               map
//! ```
//!
//! Hand-written descent with one function per line above. Running `ron` itself was rejected: it
//! reports one mistake by line and column and keeps no places of what it understood.
//! Limits: attributes at the top are skipped and not obeyed, depth is bounded, and ranges are
//! scanned as one number.

use super::super::diagnostic::{Code, Diagnostic};
use super::{Field, Kind, Node, Span};

/// How many brackets may be open at once.
const DEPTH_MAX: usize = 128;

type Scanned<T> = Result<T, Diagnostic>;

/// The one value in this part of the text.
pub(super) fn scan(text: &str, part: Span) -> Scanned<Node> {
    let whole = text.get(..part.end).unwrap_or(text);
    let mut scanner = Scanner { text: whole, at: part.start.min(whole.len()), open: Vec::new() };
    if part.start == 0 {
        scanner.attributes()?;
    }
    let root = scanner.value()?;
    scanner.blank()?;
    if scanner.at < whole.len() {
        return Err(scanner.trailing());
    }
    Ok(root)
}

struct Scanner<'t> {
    text: &'t str,
    at: usize,
    /// The open brackets, outermost first.
    open: Vec<usize>,
}

impl Scanner<'_> {
    fn value(&mut self) -> Scanned<Node> {
        self.blank()?;
        let start = self.at;
        if self.scalar()? {
            return Ok(self.node(start, None, None, Kind::Scalar));
        }
        match self.peek() {
            Some('(') => self.round(None),
            Some('[') => self.list(),
            Some('{') => self.map(),
            _ => self.named(),
        }
    }

    /// A name, and the parentheses after it when there are some.
    fn named(&mut self) -> Scanned<Node> {
        let Some(name) = self.identifier() else {
            return Err(self.unexpected("a value"));
        };
        self.blank()?;
        if self.peek() == Some('(') {
            return self.round(Some(name));
        }
        self.at = name.end;
        let constant = matches!(name.of(self.text), "true" | "false" | "inf" | "NaN");
        Ok(if constant {
            self.node(name.start, None, None, Kind::Scalar)
        } else {
            self.node(name.start, Some(name), None, Kind::Unit)
        })
    }

    /// Parentheses: nothing, fields or values by position.
    fn round(&mut self, name: Option<Span>) -> Scanned<Node> {
        let open = self.open()?;
        let (mut fields, mut items) = (Vec::new(), Vec::new());
        while !self.closed(')')? {
            let token = self.token();
            if matches!(self.peek(), None | Some(']' | '}')) {
                return Err(self.unexpected("`)`").help("a `)` is missing before it"));
            }
            let name = self.field_name()?;
            let others = if name.is_some() { items.len() } else { fields.len() };
            if 0 < others {
                return Err(mixed(token, open));
            }
            match name {
                Some(name) => fields.push(Field { name, value: self.value()? }),
                None => items.push(self.value()?),
            }
            self.comma(')')?;
        }
        let kind = match (fields.is_empty(), items.is_empty()) {
            (true, true) => Kind::Unit,
            (false, _) => Kind::Fields(fields),
            (true, false) => Kind::Tuple(items),
        };
        let body = Span { start: open, end: self.at };
        Ok(self.node(name.map_or(open, |name| name.start), name, Some(body), kind))
    }

    fn list(&mut self) -> Scanned<Node> {
        let open = self.open()?;
        let mut items = Vec::new();
        while !self.closed(']')? {
            items.push(self.value()?);
            self.comma(']')?;
        }
        let body = Span { start: open, end: self.at };
        Ok(self.node(open, None, Some(body), Kind::List(items)))
    }

    fn map(&mut self) -> Scanned<Node> {
        let open = self.open()?;
        let mut entries = Vec::new();
        while !self.closed('}')? {
            let key = self.value()?;
            self.blank()?;
            if !self.take(":") {
                return Err(self.unexpected("`:` after this key"));
            }
            entries.push((key, self.value()?));
            self.comma('}')?;
        }
        let body = Span { start: open, end: self.at };
        Ok(self.node(open, None, Some(body), Kind::Map(entries)))
    }

    fn node(&self, start: usize, name: Option<Span>, body: Option<Span>, kind: Kind) -> Node {
        Node { span: Span { start, end: self.at }, name, body, kind }
    }

    /// The name before a colon; nothing is consumed when there is none.
    fn field_name(&mut self) -> Scanned<Option<Span>> {
        let start = self.at;
        if let Some(name) = self.identifier() {
            self.blank()?;
            if self.take(":") {
                return Ok(Some(name));
            }
        }
        self.at = start;
        Ok(None)
    }
}

// Tokens.
impl<'t> Scanner<'t> {
    /// Consumes a scalar that is not a word; says whether there was one.
    fn scalar(&mut self) -> Scanned<bool> {
        let start = self.at;
        let byte = usize::from(self.rest().starts_with('b'));
        let after = &self.rest()[byte..];
        let hashes =
            after.strip_prefix('r').map(|raw| raw.len() - raw.trim_start_matches('#').len());
        match (after.chars().next(), hashes) {
            (Some('"'), _) => self.string(start, byte + 1)?,
            (Some('\''), _) => self.character(start, byte + 1)?,
            (_, Some(hashes)) if after[1 + hashes..].starts_with('"') => {
                self.raw_string(start, byte + hashes + 2, hashes)?;
            }
            (Some('0'..='9' | '+' | '-' | '.'), _) if byte == 0 => self.number(),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn string(&mut self, start: usize, opening: usize) -> Scanned<()> {
        self.at += opening;
        let mut escaped = false;
        let end = self.rest().find(|c| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        self.closing(start, end, 1, "this text")
    }

    fn raw_string(&mut self, start: usize, opening: usize, hashes: usize) -> Scanned<()> {
        self.at += opening;
        let closing = format!("\"{}", "#".repeat(hashes));
        self.closing(start, self.rest().find(&closing), closing.len(), "this raw text")
    }

    fn character(&mut self, start: usize, opening: usize) -> Scanned<()> {
        self.at += opening;
        let line = self.rest().lines().next().unwrap_or("");
        let skipped = match (line.strip_prefix('\\'), line.chars().next()) {
            (Some(escape), _) => 1 + escape.chars().next().map_or(0, char::len_utf8),
            (None, first) => first.map_or(0, char::len_utf8),
        };
        let end = line[skipped..].find('\'').map(|end| skipped + end);
        self.closing(start, end, 1, "this character")
    }

    fn closing(
        &mut self,
        start: usize,
        end: Option<usize>,
        length: usize,
        what: &str,
    ) -> Scanned<()> {
        if let Some(end) = end {
            self.at += end + length;
            return Ok(());
        }
        let line = self.text[start..].lines().next().unwrap_or("");
        let span = Span { start, end: start + line.trim_end().len() };
        Err(Diagnostic::error(Code::Syntax, span, format!("{what} is never closed")))
    }

    /// A number, or a quantity that ought to be in quotes.
    fn number(&mut self) {
        let rest = self.rest();
        let mut before = '+';
        let mut characters = rest.char_indices().peekable();
        let mut end = rest.len();
        while let Some((at, c)) = characters.next() {
            let next = characters.peek().map_or(' ', |(_, next)| *next);
            let inside = match c {
                '_' | '.' | '%' => true,
                '+' | '-' => at == 0 || matches!(before, 'e' | 'E'),
                '/' => next.is_alphanumeric(),
                '=' => before == '.',
                _ => c.is_alphanumeric(),
            };
            if !inside {
                end = at;
                break;
            }
            before = c;
        }
        self.at += end;
    }

    fn identifier(&mut self) -> Option<Span> {
        let start = self.at;
        let rest = self.rest();
        let raw = if rest.starts_with("r#") { 2 } else { 0 };
        let word = &rest[raw..];
        word.chars().next().filter(|c| *c == '_' || c.is_alphabetic())?;
        let length = word.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(word.len());
        self.at += raw + length;
        Some(Span { start, end: self.at })
    }

    /// Skips white space and comments.
    fn blank(&mut self) -> Scanned<()> {
        loop {
            let rest = self.rest();
            let inked = rest.trim_start_matches(|c: char| {
                c.is_whitespace() || matches!(c, '\u{200e}' | '\u{200f}')
            });
            self.at += rest.len() - inked.len();
            if inked.starts_with("//") {
                self.at += inked.find('\n').unwrap_or(inked.len());
            } else if inked.starts_with("/*") {
                self.block_comment()?;
            } else {
                return Ok(());
            }
        }
    }

    /// Skips a comment in which others may be nested.
    fn block_comment(&mut self) -> Scanned<()> {
        let start = self.at;
        let mut nested = 0_usize;
        loop {
            if self.take("/*") {
                nested += 1;
            } else if self.take("*/") {
                nested -= 1;
            } else if let Some(c) = self.peek() {
                self.at += c.len_utf8();
            } else {
                let span = Span { start, end: start + 2 };
                return Err(Diagnostic::error(Code::Syntax, span, "this comment is never closed"));
            }
            if nested == 0 {
                return Ok(());
            }
        }
    }

    /// Skips `#![…]` at the top.
    fn attributes(&mut self) -> Scanned<()> {
        self.blank()?;
        while self.peek() == Some('#') {
            let start = self.at;
            self.at += 1;
            self.blank()?;
            if !self.take("!") {
                return Err(self.unexpected("`!` of an attribute"));
            }
            self.blank()?;
            while self.peek() != Some(']') {
                if self.scalar()? {
                    continue;
                }
                let Some(c) = self.peek() else {
                    return self.closing(start, None, 0, "this attribute");
                };
                self.at += c.len_utf8();
            }
            self.at += 1;
            self.blank()?;
        }
        Ok(())
    }

    fn open(&mut self) -> Scanned<usize> {
        let open = self.at;
        self.open.push(open);
        self.at += 1;
        if self.open.len() <= DEPTH_MAX {
            return Ok(open);
        }
        let message = format!("more than {DEPTH_MAX} brackets are open here");
        Err(Diagnostic::error(Code::Syntax, Span { start: open, end: self.at }, message))
    }

    /// Consumes the closing bracket when it is next.
    fn closed(&mut self, bracket: char) -> Scanned<bool> {
        self.blank()?;
        let closed = self.peek() == Some(bracket);
        if closed {
            self.at += 1;
            self.open.pop();
        }
        Ok(closed)
    }

    /// Consumes a comma, or sees the closing bracket.
    fn comma(&mut self, bracket: char) -> Scanned<()> {
        let before = self.at;
        self.blank()?;
        if self.take(",") || self.peek() == Some(bracket) {
            return Ok(());
        }
        let last = self.text[..before].chars().next_back().map_or(0, char::len_utf8);
        let end = Span { start: before - last, end: before };
        let wrong = self.unexpected(&format!("`,` or `{bracket}`"));
        Err(wrong.secondary(end, "the value before ends here"))
    }

    fn take(&mut self, token: &str) -> bool {
        let taken = self.rest().starts_with(token);
        self.at += if taken { token.len() } else { 0 };
        taken
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }
}

// Mistakes.
impl Scanner<'_> {
    fn unexpected(&self, expected: &str) -> Diagnostic {
        let token = self.token();
        let found = match token.of(self.text) {
            "" => "the end of the text".to_owned(),
            token => format!("`{token}`"),
        };
        let message = format!("expected {expected}, found {found}");
        let wrong = Diagnostic::error(Code::Syntax, token, message).label("unexpected");
        match self.open.last() {
            Some(&start) => wrong.secondary(Span { start, end: start + 1 }, "opened here"),
            None => wrong,
        }
    }

    /// The word or the single character at this place.
    fn token(&self) -> Span {
        let rest = self.rest();
        let word = rest.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(rest.len());
        let length = word.max(rest.chars().next().map_or(0, char::len_utf8));
        Span { start: self.at, end: self.at + length }
    }

    fn trailing(&self) -> Diagnostic {
        let message = "there is text after the end of the value";
        let wrong = Diagnostic::error(Code::Unreadable, self.token(), message);
        match self.peek() {
            Some(')' | ']' | '}') => wrong.help("one bracket too many is closed"),
            _ => wrong,
        }
    }
}

fn mixed(token: Span, open: usize) -> Diagnostic {
    let message = "values with and without a name are mixed in one pair of parentheses";
    Diagnostic::error(Code::Syntax, token, message)
        .label("unlike those before it")
        .secondary(Span { start: open, end: open + 1 }, "opened here")
        .help("name all of them, `name: value`, or none; or close the parenthesis before")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Tree;
    use super::*;

    fn mistake(text: &str) -> (Code, String, String) {
        let wrong = Tree::parse(text).unwrap_err();
        for other in &wrong.secondary {
            assert!(text.get(other.span.start..other.span.end).is_some(), "{text}");
        }
        (wrong.code, wrong.span.of(text).to_owned(), wrong.message)
    }

    fn walk(node: &Node, visit: &mut impl FnMut(&Node)) {
        visit(node);
        node.children().into_iter().for_each(|child| walk(child, visit));
    }

    #[test]
    fn attributes_and_comments_are_skipped() {
        let text = "// a\n#![enable(implicit_some)]\n# ! [schema = \"]\"] /* b /* c */ */ Some(5)";
        let root = Tree::parse(text).expect("a test knows that it is there").root;
        assert_eq!(root.text(text), "Some(5)");
    }

    #[test]
    fn every_scalar_is_one_token() {
        for text in [
            r#""a\"b\\""#,
            "r##\"a\"#b\"##",
            "'\\''",
            "'\"'",
            "b'x'",
            "b\"x\"",
            "'\\u{e9}'",
            "true",
        ] {
            let root = Tree::parse(text).unwrap_or_else(|wrong| panic!("{text}: {wrong:?}")).root;
            assert_eq!((root.kind, root.span.end), (Kind::Scalar, text.len()), "{text}");
        }
    }

    #[test]
    fn a_raw_identifier_is_known_without_its_prefix() {
        let text = "(r#type: r#Fn(1), rx: r)";
        let root = Tree::parse(text).expect("a test knows that it is there").root;
        assert_eq!(
            root.field(text, "type").expect("a test knows that it is there").name(text),
            Some("Fn")
        );
        assert_eq!(
            root.field(text, "rx").expect("a test knows that it is there").name(text),
            Some("r")
        );
    }

    #[test]
    fn maps_know_their_keys_and_values() {
        let text = "{\"a\": 1, (2, 3): [],}";
        let Kind::Map(entries) =
            Tree::parse(text).expect("a test knows that it is there").root.kind
        else {
            panic!("a map")
        };
        let texts: Vec<_> = entries.iter().map(|(k, v)| (k.text(text), v.text(text))).collect();
        assert_eq!(texts, [("\"a\"", "1"), ("(2, 3)", "[]")]);
    }

    #[test]
    fn syntax_mistakes_point_at_the_token_that_is_wrong() {
        for (text, token, message) in [
            ("(a: 1 b: 2)", "b", "expected `,` or `)`, found `b`"),
            ("(a: [1, 2)", ")", "expected `,` or `]`, found `)`"),
            ("(a: , b: 2)", ",", "expected a value, found `,`"),
            ("{1 2}", "2", "expected `:` after this key, found `2`"),
            ("[é b]", "b", "expected `,` or `]`, found `b`"),
            ("(a: 1", "", "expected `,` or `)`, found the end of the text"),
            ("", "", "expected a value, found the end of the text"),
            ("(a: \"x\n)", "\"x", "this text is never closed"),
            ("/* a /* b */ 1", "/*", "this comment is never closed"),
            ("#![x", "#![x", "this attribute is never closed"),
        ] {
            assert_eq!(mistake(text), (Code::Syntax, token.to_owned(), message.to_owned()));
        }
    }

    #[test]
    fn named_and_positional_values_do_not_mix() {
        let (code, token, _) = mistake("Before(Step(\"x\"), nth: 1)");
        assert_eq!((code, token.as_str()), (Code::Syntax, "nth"));
    }

    #[test]
    fn text_after_the_end_is_refused() {
        assert_eq!(mistake("(a: 1))").0, Code::Unreadable);
        assert_eq!(mistake("1 2").1, "2");
    }

    #[test]
    fn a_depth_bomb_is_refused_without_a_stack_overflow() {
        for bracket in ["[", "(", "{", "A(", "(a:"] {
            assert_eq!(mistake(&bracket.repeat(1_000_000)).0, Code::Syntax);
        }
        assert_eq!(mistake(&"/*".repeat(1_000_000)).0, Code::Syntax);
        let nested = format!("{}{}", "[".repeat(DEPTH_MAX), "]".repeat(DEPTH_MAX));
        assert!(Tree::parse(&nested).is_ok());
    }

    #[test]
    fn a_part_is_mapped_with_the_offsets_of_the_whole() {
        let text = "(a: B(c: 1), d: 2)";
        let part = Tree::parse(text)
            .expect("a test knows that it is there")
            .root
            .field(text, "a")
            .expect("a test knows that it is there")
            .clone();
        assert_eq!(
            Tree::parse_part(text, part.span).expect("a test knows that it is there").root,
            part
        );
    }

    fn well_formed() -> impl Strategy<Value = String> {
        let scalar = prop_oneof![
            Just("5".to_owned()),
            Just("\"a \\\" b\"".to_owned()),
            Just("r#\"x\"#".to_owned()),
            Just("'('".to_owned()),
            Just("-1.5e-3".to_owned()),
            Just("Abort".to_owned()),
            Just("true".to_owned()),
            Just("None /* ) */".to_owned()),
        ];
        scalar.prop_recursive(4, 40, 4, |inner| {
            let items = prop::collection::vec(inner, 0..4);
            (items, 0..5, any::<bool>()).prop_map(|(items, shape, comma)| {
                let end = if comma && !items.is_empty() { ",\n// )\n" } else { " " };
                let named: Vec<String> = items.iter().map(|item| format!("f : {item}")).collect();
                let pairs: Vec<String> = items.iter().map(|item| format!("1: {item}")).collect();
                match shape {
                    0 => format!("[{}{end}]", items.join(", ")),
                    1 => format!("Name ({}{end})", items.join(", ")),
                    2 => format!("({}{end})", items.join(" , ")),
                    3 => format!("N( {}{end})", named.join(",")),
                    _ => format!("{{{}{end}}}", pairs.join(",")),
                }
            })
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn no_text_makes_it_panic_and_spans_lie_in_the_text(
            text in "([\\[\\](){},:\"'#!/*\\\\rb5.s%+\\-_ \nAé]|Name|//|r#\"|b'){0,40}"
        ) {
            match Tree::parse(&text) {
                Ok(tree) => walk(&tree.root, &mut |node| {
                    assert!(text.get(node.span.start..node.span.end).is_some());
                    assert!(text.get(node.anchor().start..node.anchor().end).is_some());
                    let _ = node.string(&text);
                }),
                Err(wrong) => {
                    prop_assert!(text.get(wrong.span.start..wrong.span.end).is_some());
                    for other in wrong.secondary {
                        prop_assert!(text.get(other.span.start..other.span.end).is_some());
                    }
                }
            }
        }

        #[test]
        fn every_part_of_a_well_formed_text_scans_again_as_the_same(text in well_formed()) {
            let tree = Tree::parse(&text).expect("a test knows that it is there");
            walk(&tree.root, &mut |node| {
                assert_eq!(&Tree::parse_part(&text, node.span).expect("a test knows that it is there").root, node);
                for child in node.children() {
                    assert!(node.span.start <= child.span.start && child.span.end <= node.span.end);
                }
            });
        }

        #[test]
        fn what_the_scanner_refuses_ron_refuses_too(
            text in well_formed(),
            cut in any::<prop::sample::Index>(),
        ) {
            let whole: Vec<char> = text.chars().collect();
            let text: String = whole[..cut.index(whole.len() + 1)].iter().collect();
            if Tree::parse(&text).is_err() {
                prop_assert!(ron::from_str::<ron::Value>(&text).is_err(), "{text}");
            }
        }
    }
}
