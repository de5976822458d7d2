//! How the house rules see a file of Rust: its header, its code, its imports, its functions.
//!
//! ```text
//!   text ──blank comments and literals──▶ code ──blank what is under cfg(test)──▶ production
//!                                                   └─▶ imports   functions   marks of a word
//! ```
//!
//! Blanking keeps every line and column where it was, so that an offset still tells the line and
//! no rule has to know what a string is. A real parser was rejected: it would be the largest
//! dependency of the crate, for rules that brackets and words can tell.
//!
//! Limits: block comments do not nest, and a path that a macro puts together is not seen.

/// Files of src that their parents include under `#[cfg(test)]`.
const TEST_FILES: [&str; 3] = ["/tests.rs", "/fixture.rs", "/litmus.rs"];

/// One file of Rust.
pub(crate) struct Source {
    /// From the root of the repository, with slashes: `src/engine/ctx.rs`.
    pub(crate) path: String,
    /// As it stands.
    pub(crate) text: String,
    /// Comments, strings and characters blanked.
    pub(crate) code: String,
    /// The code without items under `#[cfg(test)]`.
    pub(crate) production: String,
    /// How many lines are not under `#[cfg(test)]`.
    pub(crate) production_lines: usize,
}

/// A function with its body.
pub(crate) struct Function<'a> {
    pub(crate) line: usize,
    pub(crate) name: &'a str,
    pub(crate) text: &'a str,
}

impl Source {
    pub(crate) fn new(path: String, text: String) -> Self {
        let code = without_comments_and_literals(&text);
        let (mut production, test_lines) = without_items(&code, "#[cfg(test)]");
        let mut production_lines = text.lines().count() - test_lines;
        if TEST_FILES.iter().any(|file| path.starts_with("src/") && path.ends_with(file)) {
            (production, production_lines) = (blank(&code), 0);
        }
        Self { path, text, code, production, production_lines }
    }

    /// The lines of its `//!` comment at the top.
    pub(crate) fn header(&self) -> Vec<&str> {
        self.text.lines().map_while(|line| line.strip_prefix("//!")).collect()
    }

    /// The module at the top level that it belongs to: `engine`, or `lib`, or `main`.
    pub(crate) fn top(&self) -> &str {
        self.path.trim_end_matches(".rs").split('/').nth(1).unwrap_or_default()
    }

    /// What the file is called, without folder and ending.
    pub(crate) fn stem(&self) -> &str {
        self.path.trim_end_matches(".rs").rsplit('/').next().unwrap_or_default()
    }

    /// Every path through `crate::` or `super::`, groups taken apart, named from the crate's root.
    pub(crate) fn imports(&self) -> Vec<(usize, Vec<String>)> {
        let mut found = Vec::new();
        for root in ["crate::", "super::"] {
            for offset in marks(&self.production, root) {
                if !self.production[..offset].ends_with("::") {
                    collect_paths(&self.production, &mut { offset }, "", &mut found);
                }
            }
        }
        let absolute = |path: &String| from_root(self.module(), path);
        found.iter().map(|(line, path)| (*line, absolute(path))).collect()
    }

    /// Its attributes with their lines; what they quote is blank.
    pub(crate) fn attributes(&self) -> Vec<(usize, &str)> {
        let starts = ["#[", "#!["].into_iter();
        let inside = starts
            .flat_map(|open| marks(&self.code, open).into_iter().map(|offset| offset + open.len()));
        let whole = |from: usize| &self.code[from..item_end(&self.code, from)];
        inside.map(|from| (line_of(&self.code, from), whole(from))).collect()
    }

    /// Its functions with a body, those in macros and tests left out.
    pub(crate) fn functions(&self) -> Vec<Function<'_>> {
        let (code, _) = without_items(&self.production, "macro_rules!");
        let named = |offset: &usize| self.production[offset + 3..].starts_with(is_name);
        let starts = marks(&code, "fn ").into_iter().filter(named);
        starts.map(|start| self.function(start)).collect()
    }

    fn function(&self, start: usize) -> Function<'_> {
        let text = &self.production[start..item_end(&self.production, start)];
        let name = text[3..].split(|c| !is_name(c)).next().unwrap_or_default();
        Function { line: line_of(&self.production, start), name, text }
    }

    /// Where it stands in the tree of modules: `engine`, `ctx`.
    fn module(&self) -> Vec<String> {
        let path = self.path.trim_start_matches("src/").trim_end_matches(".rs");
        let names = path.split('/').filter(|name| !["mod", "lib", "main"].contains(name));
        names.map(String::from).collect()
    }
}

/// Where a word stands, as a whole: `fn ` is not in `often `, `f64` not in `f64x`.
pub(crate) fn marks(code: &str, word: &str) -> Vec<usize> {
    let glued = |outer: Option<char>, inner: Option<char>| {
        outer.is_some_and(is_name) && inner.is_some_and(is_name)
    };
    let whole = |offset: &usize| {
        let (before, after) = (&code[..*offset], &code[offset + word.len()..]);
        !glued(before.chars().last(), word.chars().next())
            && !glued(after.chars().next(), word.chars().last())
    };
    code.match_indices(word).map(|(offset, _)| offset).filter(whole).collect()
}

/// The number of the line that an offset is on.
pub(crate) fn line_of(code: &str, offset: usize) -> usize {
    1 + code[..offset].matches('\n').count()
}

/// Where an item ends: after its first block, or at a semicolon outside of brackets.
fn item_end(code: &str, from: usize) -> usize {
    let mut depth = 0;
    for (offset, c) in code[from..].char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth == 0 => return from + offset,
            '}' if depth == 1 => return from + offset + 1,
            ')' | ']' | '}' => depth -= 1,
            ';' if depth == 0 => return from + offset + 1,
            _ => {}
        }
    }
    code.len()
}

/// Blanks the items that begin with a marker; also says how many lines they took.
fn without_items(code: &str, marker: &str) -> (String, usize) {
    let (mut kept, mut from, mut lines) = (String::new(), 0, 0);
    for start in marks(code, marker) {
        if from <= start {
            let end = item_end(code, start + marker.len());
            kept += &code[from..start];
            kept += &blank(&code[start..end]);
            lines += 1 + code[start..end].matches('\n').count();
            from = end;
        }
    }
    (kept + &code[from..], lines)
}

fn without_comments_and_literals(text: &str) -> String {
    let (mut code, mut rest) = (String::new(), text);
    while let Some(first) = rest.chars().next() {
        let in_a_word = code.ends_with(is_name);
        let blanked = if in_a_word && first == 'r' { 0 } else { comment_or_literal(rest) };
        if blanked == 0 {
            code.push(if first.is_ascii() { first } else { '?' });
        } else {
            code += &blank(&rest[..blanked]);
        }
        rest = &rest[blanked.max(first.len_utf8())..];
    }
    code
}

/// How long the comment or literal is that a text begins with; nothing for other text.
fn comment_or_literal(text: &str) -> usize {
    let until = |from: usize, end: &str| {
        text[from..].find(end).map_or(text.len(), |length| from + length + end.len())
    };
    let mut chars = text.chars();
    match (chars.next(), chars.next(), chars.next()) {
        (Some('/'), Some('/'), _) => text.find('\n').unwrap_or(text.len()),
        (Some('/'), Some('*'), _) => until(2, "*/"),
        (Some('\''), Some('\\'), Some(_)) => until(3, "'"),
        (Some('\''), Some(inner), Some('\'')) => 2 + inner.len_utf8(),
        (Some('"'), ..) => string(text),
        (Some('r'), Some('"' | '#'), _) => {
            let hashes = text[1..].len() - text[1..].trim_start_matches('#').len();
            let quoted = text[1 + hashes..].starts_with('"');
            if quoted { until(2 + hashes, &format!("\"{}", "#".repeat(hashes))) } else { 0 }
        }
        _ => 0,
    }
}

/// How long the string is that a text begins with.
fn string(text: &str) -> usize {
    let mut escaped = false;
    for (offset, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return offset + 1,
            _ => {}
        }
    }
    text.len()
}

/// The paths that begin at an offset, `a::{b, c::d}` as `a::b` and `a::c::d`, with their lines.
fn collect_paths(code: &str, at: &mut usize, path: &str, found: &mut Vec<(usize, String)>) {
    let skip_blanks = |at: usize| code.len() - code[at..].trim_start().len();
    *at = skip_blanks(*at);
    if code[*at..].starts_with('{') {
        *at += 1;
        while *at < code.len() && !code[*at..].starts_with('}') {
            collect_paths(code, at, path, found);
            *at += code[*at..].find([',', '}']).unwrap_or(code.len() - *at);
            *at = skip_blanks(*at + usize::from(code[*at..].starts_with(',')));
        }
        *at += 1;
        return;
    }
    let rest = &code[*at..];
    let length = rest.find(|c| !is_name(c) && c != '*').unwrap_or(rest.len());
    let path = format!("{path}{}", &rest[..length]);
    let line = line_of(code, *at);
    *at += length;
    if rest[length..].starts_with("::") {
        *at += 2;
        collect_paths(code, at, &(path + "::"), found);
    } else {
        found.push((line, path));
    }
}

/// The names of a path from the crate's root, as seen from a module.
fn from_root(module: Vec<String>, path: &str) -> Vec<String> {
    let mut names = module;
    for name in path.split("::").filter(|name| !name.is_empty()) {
        match name {
            "crate" => names.clear(),
            "super" => _ = names.pop(),
            _ => names.push(String::from(name)),
        }
    }
    names
}

fn blank(text: &str) -> String {
    text.chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect()
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
