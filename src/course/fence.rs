//! The edit fence: what a student may change, and what was changed besides.
//!
//! ```text
//!   start    faults: [(id: "window", when: At("1s"), do: Crash(node: Node("c"), down: "5s"))]
//!   student  faults: [(id: "window", when: At("2s"), do: Crash(node: Node("c"), down: "0s"))]
//!   fence    faults.window.when            changed besides: faults.window.do.down
//! ```
//!
//! Two texts are compared as trees, so that spaces, comments, trailing commas and the order of
//! fields are free. Without a fence an exercise is solved by deleting the fault. A fence made of
//! what must *stay* was rejected: a new field of scenarios would then be open by accident.
//!
//! Limits: scalars are compared as they are written, so that `1_000` is not `1000`.

use crate::base::text::source::{Kind, Node, Span, Tree};

/// Something that was changed and may not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// The path.
    pub path: String,
    /// Where it stands in the student's text; where it should, when it is gone.
    pub span: Span,
    /// As it was; empty when it is new.
    pub was: String,
}

/// What was changed outside of the fence, in the order of the start.
pub fn breaches(
    (start, from): (&Tree, &str),
    (tree, text): (&Tree, &str),
    fence: &[String],
) -> Vec<Breach> {
    let mut walk = Walk { from, text, fence, found: Vec::new() };
    walk.compare(&start.root, &tree.root, "");
    walk.found
}

struct Walk<'a> {
    from: &'a str,
    text: &'a str,
    fence: &'a [String],
    found: Vec<Breach>,
}

impl Walk<'_> {
    /// Whether all below a path may change.
    fn is_open(&self, path: &str) -> bool {
        self.fence.iter().any(|open| open == path)
    }

    fn compare(&mut self, was: &Node, is: &Node, path: &str) {
        if self.is_open(path) {
            return;
        }
        if was.name(self.from) != is.name(self.text) {
            return self.breach(path, is.span, was.text(self.from));
        }
        match (&was.kind, &is.kind) {
            // `Quorum` and `Quorum()` are alike, and both may gain a field.
            (Kind::Fields(_) | Kind::Unit, Kind::Fields(_) | Kind::Unit) => {
                self.fields(was, is, path);
            }
            (Kind::List(before), Kind::List(now)) | (Kind::Tuple(before), Kind::Tuple(now)) => {
                self.items((before, was), (now, is), path);
            }
            _ if was.text(self.from) == is.text(self.text) => {}
            _ => self.breach(path, is.span, was.text(self.from)),
        }
    }

    fn fields(&mut self, was: &Node, is: &Node, path: &str) {
        for field in was.fields() {
            let name = field.name(self.from);
            let path = joined(path, name);
            match is.field(self.text, name) {
                Some(value) => self.compare(&field.value, value, &path),
                None if self.is_open(&path) => {}
                None => self.breach(&path, is.anchor(), field.value.text(self.from)),
            }
        }
        for field in is.fields() {
            let name = field.name(self.text);
            let path = joined(path, name);
            if was.field(self.from, name).is_none() && !self.is_open(&path) {
                self.breach(&path, field.name, "");
            }
        }
    }

    /// Items are known by their `id`, where they have one, and else by their place.
    fn items(&mut self, (before, was): (&[Node], &Node), (now, is): (&[Node], &Node), path: &str) {
        if before.len() != now.len() {
            return self.breach(path, is.anchor(), was.text(self.from));
        }
        for (place, (one, other)) in before.iter().zip(now).enumerate() {
            let id = one.field(self.from, "id").and_then(|id| id.string(self.from));
            let name = id.or(one.name(self.from)).unwrap_or_default();
            let path = match name {
                "" => format!("{path}[{place}]"),
                name => joined(path, name),
            };
            self.compare(one, other, &path);
        }
    }

    fn breach(&mut self, path: &str, span: Span, was: &str) {
        let path = if path.is_empty() { "the whole file" } else { path };
        self.found.push(Breach { path: path.to_owned(), span, was: was.to_owned() });
    }
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: &str = r#"Scenario(
        protocol: Quorum(n: 3),
        faults: [(id: "window", when: At("1s"), do: Crash(node: Node("c"), down: "5s"))],
        checks: [Linearizable, NoBlocking(limit: "1s")],
    )"#;

    fn broken(text: &str, fence: &[&str]) -> Vec<(String, String)> {
        let tree = |text| Tree::parse(text).expect("a test knows that it is there");
        let fence: Vec<String> = fence.iter().map(|&path| path.to_owned()).collect();
        let found = breaches((&tree(START), START), (&tree(text), text), &fence);
        found.into_iter().map(|breach| (breach.path, breach.was)).collect()
    }

    #[test]
    fn spaces_comments_commas_and_the_order_of_fields_are_free() {
        let text = "Scenario(checks:[Linearizable,NoBlocking(limit:\"1s\",)],// why\n\
                    faults:[(when:At(\"1s\"),id:\"window\",do:Crash(down:\"5s\",node:Node(\"c\")))],\
                    protocol: Quorum( n : 3 ))";
        assert_eq!(broken(text, &[]), []);
    }

    #[test]
    fn what_is_fenced_in_may_change_and_nothing_else() {
        let text = START.replace("\"1s\"), do", "\"2s\"), do").replace("\"5s\"", "\"0s\"");
        let down = ("faults.window.do.down".to_owned(), "\"5s\"".to_owned());
        assert_eq!(broken(&text, &["faults.window.when"]), std::slice::from_ref(&down));
        assert_eq!(broken(&text, &["faults"]), []);
        assert_eq!(broken(&text, &[]).len(), 2);
        assert_eq!(broken(&text, &["faults.window.when", "faults.window.do"]), []);
    }

    #[test]
    fn a_field_may_be_added_where_the_fence_names_it() {
        let text = START.replace("n: 3", "n: 3, r: One");
        assert_eq!(broken(&text, &["protocol.r"]), []);
        assert_eq!(broken(&text, &["protocol.w"]), [("protocol.r".to_owned(), String::new())]);
        assert_eq!(broken(START, &["protocol.r"]), []);
    }

    #[test]
    fn nothing_may_be_deleted_or_called_otherwise() {
        let gone = START.replace("protocol: Quorum(n: 3),", "");
        assert_eq!(broken(&gone, &["faults"])[0].0, "protocol");
        let fewer = START.replace("Linearizable, ", "");
        assert_eq!(broken(&fewer, &[])[0].0, "checks");
        let other = START.replace("Quorum", "Relay");
        let was = ("protocol".to_owned(), "Quorum(n: 3)".to_owned());
        assert_eq!(broken(&other, &["protocol.n"]), [was]);
        assert_eq!(broken("Study()", &[])[0].0, "the whole file");
    }
}
