//! A small writer of SVG: elements, escaped text, and nothing that reaches outside.
//!
//! ```text
//!   Svg::open(size, title, description) ── line · rect · path · text · group ──▶ close() ──▶ String
//! ```
//!
//! Every text goes through one escape, coordinates have one decimal, and elements come out in the
//! order of the calls: equal runs give equal bytes. A crate for documents was rejected: the format
//! is a dozen of lines, and what must be right about it (escapes, digits) is ours to promise.

use super::text::inert;
use std::fmt::Write as _;

/// A picture in the making.
pub(super) struct Svg {
    out: String,
    open: Vec<&'static str>,
}

/// A point in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
}

impl Svg {
    /// Begins a picture: its size, the class of its root, what it shows in short and in long.
    pub(super) fn open(size: Point, class: &str, title: &str, description: &str) -> Self {
        let (width, height) = (number(size.x), number(size.y));
        let mut svg = Self { out: String::new(), open: vec!["svg"] };
        _ = writeln!(
            svg.out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" class=\"{}\" width=\"{width}\" \
             height=\"{height}\" viewBox=\"0 0 {width} {height}\">\n<title>{}</title>\n\
             <desc>{}</desc>",
            escape(class),
            escape(title),
            escape(description),
        );
        svg
    }

    /// Adds a style sheet of our own.
    pub(super) fn style(&mut self, sheet: &'static str) {
        debug_assert!(!sheet.contains(['<', '&']), "a style sheet needs no escape");
        _ = writeln!(self.out, "<style>{sheet}</style>");
    }

    /// Adds markup that is our own.
    pub(super) fn raw(&mut self, markup: &'static str) {
        _ = writeln!(self.out, "{markup}");
    }

    /// Begins a group that shows `title` when pointed at.
    pub(super) fn group(&mut self, class: &str, title: &str) {
        _ = write!(self.out, "<g class=\"{}\">", escape(class));
        if !title.is_empty() {
            _ = write!(self.out, "<title>{}</title>", escape(title));
        }
        self.open.push("g");
    }

    /// Ends the latest group.
    pub(super) fn end(&mut self) {
        let element = self.open.pop().expect("a group that ends was begun");
        _ = writeln!(self.out, "</{element}>");
    }

    pub(super) fn line(&mut self, class: &str, from: Point, to: Point) {
        let [x1, y1, x2, y2] = [from.x, from.y, to.x, to.y].map(number);
        let class = escape(class);
        _ = write!(
            self.out,
            "<line class=\"{class}\" x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"/>"
        );
    }

    pub(super) fn rect(&mut self, class: &str, corner: Point, size: Point, radius: f64) {
        let [x, y, width, height] =
            [corner.x, corner.y, size.x.max(0.0), size.y.max(0.0)].map(number);
        let (class, radius) = (escape(class), number(radius));
        _ = write!(
            self.out,
            "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" \
             rx=\"{radius}\"/>"
        );
    }

    /// Hatches a rectangle with the picture's pattern.
    pub(super) fn hatched(&mut self, corner: Point, size: Point) {
        let [x, y, width, height] = [corner.x, corner.y, size.x, size.y].map(number);
        _ = write!(
            self.out,
            "<rect fill=\"url(#space-time-hatch)\" x=\"{x}\" y=\"{y}\" width=\"{width}\" \
             height=\"{height}\"/>"
        );
    }

    pub(super) fn circle(&mut self, class: &str, centre: Point, radius: f64) {
        let [x, y, radius] = [centre.x, centre.y, radius].map(number);
        let class = escape(class);
        _ = write!(self.out, "<circle class=\"{class}\" cx=\"{x}\" cy=\"{y}\" r=\"{radius}\"/>");
    }

    /// Lines through points; closed when `closed`.
    pub(super) fn path(&mut self, class: &str, points: &[Point], ends: Ends) {
        let mut data = String::new();
        for (nth, point) in points.iter().enumerate() {
            let step = if nth == 0 { 'M' } else { 'L' };
            _ = write!(data, "{step}{} {}", number(point.x), number(point.y));
        }
        if ends == Ends::Joined {
            data.push('Z');
        }
        _ = write!(self.out, "<path class=\"{}\" d=\"{data}\"/>", escape(class));
    }

    pub(super) fn text(&mut self, class: &str, at: Point, text: &str) {
        let [x, y] = [at.x, at.y].map(number);
        let (class, text) = (escape(class), escape(text));
        _ = write!(self.out, "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{text}</text>");
    }

    /// Starts a new line of markup.
    pub(super) fn break_line(&mut self) {
        self.out.push('\n');
    }

    /// The finished picture.
    pub(super) fn close(mut self) -> String {
        assert!(self.open == ["svg"], "every group was ended");
        self.out.push_str("</svg>\n");
        self.out
    }
}

/// Whether a path comes back to its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ends {
    /// It does not.
    Loose,
    /// It does.
    Joined,
}

/// A point.
pub(super) const fn point(x: f64, y: f64) -> Point {
    Point { x, y }
}

/// Text for markup: without control codes, and with the five characters that mean something
/// replaced.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for symbol in inert(text).chars() {
        match symbol {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            plain => escaped.push(plain),
        }
    }
    escaped
}

/// A coordinate with at most one decimal.
fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// Panics unless the picture is well-formed, inert, and described.
#[cfg(test)]
pub(super) fn assert_sound(svg: &str) {
    let document = roxmltree::Document::parse(svg).unwrap_or_else(|why| panic!("{why}\n{svg}"));
    let root = document.root_element();
    assert_eq!((root.tag_name().name(), root.attribute("role")), ("svg", Some("img")));
    let has = |name| root.children().any(|child| child.has_tag_name(name));
    let namespace = "http://www.w3.org/2000/svg";
    assert!(has((namespace, "title")) && has((namespace, "desc")), "it is described");
    for node in document.descendants().filter(roxmltree::Node::is_element) {
        let name = node.tag_name().name();
        assert!(!["script", "a", "image", "use", "foreignObject"].contains(&name), "{name}");
        for attribute in node.attributes() {
            assert!(!attribute.name().starts_with("on"), "{}", attribute.name());
            assert!(!attribute.value().contains("NaN") && !attribute.value().contains("inf"));
        }
    }
    assert!(!svg.replace(namespace, "").contains("://"), "nothing reaches outside");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_become_markup() {
        assert_eq!(escape("<b a='1'>&\"\u{0}"), "&lt;b a=&#39;1&#39;&gt;&amp;&quot;·");
        let mut svg = Svg::open(point(1.0, 2.0), "<", "\"><script>", "]]>");
        svg.group("\"", "</title>");
        svg.text("t", point(0.25, -0.04), "<&>");
        svg.end();
        assert_sound(&svg.close());
    }

    #[test]
    fn coordinates_have_at_most_one_decimal() {
        assert_eq!([0.04, -0.04, 1.25, 10.0].map(number), ["0", "0", "1.2", "10"]);
    }
}
