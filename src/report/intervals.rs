//! A few calls as intervals: a picture in text for a terminal, and the same as SVG.
//!
//! ```text
//!   process 0  ├─ write 1 ─┤                                       0s to 10ns
//!   process 0                ├─ write 2 ─┤                         20ns to 30ns
//!   process 1                              ├─ read -> 1 ─┤         31ns to 40ns
//!   process 2      ├─ write 3 ╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌▶       from 5ns on, or never
//! ```
//!
//! What matters in a proof is which call ended before which began, so moments stand in their order
//! and take as much room as the words between them need. A scale of true time was rejected: calls of
//! a millisecond that are seconds apart would be dots.

use super::{
    svg::{Svg, point},
    text::{clip, columns, fill, inert},
};
use crate::checkers::history::{
    Proof,
    calls::{Call, History},
};

/// How much room words get at most.
const WORDS_MAX: usize = 44;

/// A call with where it is drawn, in columns.
struct Bar {
    who: String,
    words: String,
    when: String,
    from: usize,
    /// `None` when it is open.
    to: Option<usize>,
    is_context: bool,
}

struct Picture {
    bars: Vec<Bar>,
    width: usize,
}

impl Picture {
    fn of(history: &History, proof: &Proof) -> Self {
        let proven = proof.calls.iter().map(|call| (call, false));
        let context = proof.context.iter().map(|call| (call, true));
        let mut calls: Vec<(&Call, bool)> = proven.chain(context).collect();
        calls.sort_by_key(|(call, _)| call.invoked.rank);
        let words = |call: &Call| clip(&inert(&history.words(call.action)), WORDS_MAX);
        // (rank, call, is its end)
        let mut moments: Vec<(u32, usize, bool)> = Vec::new();
        for (place, (call, _)) in calls.iter().enumerate() {
            moments.push((call.invoked.rank, place, false));
            moments.extend(call.ended.map(|ended| (ended.rank, place, true)));
        }
        moments.sort_unstable();
        let (mut from, mut to) = (vec![0; calls.len()], vec![None; calls.len()]);
        let mut column = 0;
        for (_, place, is_end) in moments {
            if is_end {
                column = column.max(from[place] + columns(&words(calls[place].0)) + 5);
                to[place] = Some(column);
            } else {
                from[place] = column;
            }
            column += 2;
        }
        let open = calls.iter().enumerate().filter(|(place, _)| to[*place].is_none());
        let ends = open.map(|(place, (call, _))| from[place] + columns(&words(call)) + 6);
        let width = ends.max().unwrap_or(0).max(column);
        let bars = calls.iter().enumerate().map(|(place, (call, is_context))| Bar {
            who: history.whose.name(call.process),
            words: words(call),
            when: when(call),
            from: from[place],
            to: to[place],
            is_context: *is_context,
        });
        Self { bars: bars.collect(), width }
    }
}

fn when(call: &Call) -> String {
    let event = call.invoked.event;
    match call.ended {
        Some(ended) => format!("{} to {}  (#{event}, #{})", call.invoked.at, ended.at, ended.event),
        None => format!("from {} on, or never  (#{event})", call.invoked.at),
    }
}

/// The calls of a proof, a line each, in the order of their invocations.
pub fn text(history: &History, proof: &Proof) -> String {
    let picture = Picture::of(history, proof);
    let name = picture.bars.iter().map(|bar| columns(&bar.who)).max().unwrap_or(0);
    let mut lines = String::new();
    for bar in &picture.bars {
        let before = " ".repeat(bar.from);
        let drawn = if let Some(to) = bar.to {
            let rest = to - bar.from - columns(&bar.words) - 4;
            format!("{before}├─ {} {}┤", bar.words, "─".repeat(rest))
        } else {
            let rest = picture.width - bar.from - columns(&bar.words) - 5;
            format!("{before}├─ {} {}▶", bar.words, "╌".repeat(rest))
        };
        let line =
            format!("{}  {}  {}", fill(&bar.who, name), fill(&drawn, picture.width + 1), bar.when);
        lines += line.trim_end();
        lines.push('\n');
    }
    lines
}

const COLUMN: f64 = 8.0;
const ROW: f64 = 34.0;
const LEFT: f64 = 110.0;
const TOP: f64 = 40.0;

const STYLE: &str = "\
.intervals{font:12px ui-monospace,monospace;background:#fff}\
.intervals text{fill:#1f2328}.intervals .title{font-weight:bold}.intervals .when{fill:#57606a}\
.intervals .call{stroke:#cf222e;stroke-width:3}.intervals .context{stroke:#6e7781;stroke-width:2}\
.intervals .open{stroke-dasharray:4 3}.intervals .end{stroke:#1f2328;stroke-width:1.5}";

/// The same as a picture, with a title.
pub fn svg(history: &History, proof: &Proof, title: &str) -> String {
    let picture = Picture::of(history, proof);
    let rows = picture.bars.len() as f64;
    let whens = picture.bars.iter().map(|bar| columns(&bar.when)).max().unwrap_or(0);
    let right = LEFT + COLUMN * (picture.width as f64 + 2.0);
    let width = (right + COLUMN * whens as f64).max(COLUMN * columns(title) as f64 + 20.0);
    let size = point(width, TOP + ROW * rows + 20.0);
    let mut svg = Svg::open(size, "intervals", title, &proof.sentence);
    svg.style(STYLE);
    svg.text("title", point(10.0, 20.0), title);
    for (bar, row) in picture.bars.iter().zip(0..) {
        let y = TOP + ROW * f64::from(row) + 18.0;
        let x = |column: usize| LEFT + COLUMN * column as f64;
        let to = x(bar.to.unwrap_or(picture.width));
        let kind = if bar.is_context { "context" } else { "call" };
        let class = if bar.to.is_none() { format!("{kind} open") } else { kind.to_owned() };
        svg.group("", &format!("{}: {}, {}", bar.who, bar.words, bar.when));
        svg.text("who", point(10.0, y + 4.0), &bar.who);
        svg.line(&class, point(x(bar.from), y), point(to, y));
        svg.line("end", point(x(bar.from), y - 5.0), point(x(bar.from), y + 5.0));
        if bar.to.is_some() {
            svg.line("end", point(to, y - 5.0), point(to, y + 5.0));
        }
        svg.text("words", point(x(bar.from) + 4.0, y - 6.0), &bar.words);
        svg.text("when", point(right, y + 4.0), &bar.when);
        svg.end();
    }
    svg.close()
}

#[cfg(test)]
mod tests {
    use super::{super::svg::assert_sound, *};
    use crate::checkers::history::{Model, Rules, Ruling, linearizable, lines};

    fn proof(lines: &str) -> (History, Proof) {
        let history = lines::read(lines, Model::Register, lines::CasFail::Unknown);
        let history = history.expect("a history");
        match linearizable(&history, &Rules::of(Model::Register)).ruling {
            Ruling::Violated(proof) => (history, proof),
            other => panic!("{other:?}"),
        }
    }

    const INVERTED: &str = r#"
{"index":0,"time":0,"process":0,"type":"invoke","f":"write","value":"<b>"}
{"index":1,"time":10,"process":1,"type":"invoke","f":"read"}
{"index":2,"time":20,"process":1,"type":"ok","f":"read","value":"<b>"}
{"index":3,"time":30,"process":2,"type":"invoke","f":"read"}
{"index":4,"time":40,"process":2,"type":"ok","f":"read","value":null}"#;

    #[test]
    fn calls_stand_in_their_order_and_words_fit_between() {
        let (history, proof) = proof(INVERTED);
        let wanted = "\
process 0  ├─ write \"<b>\" ╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌▶   from 0s on, or never  (#0)
process 1    ├─ read -> \"<b>\" ─┤                       10ns to 20ns  (#1, #2)
process 2                        ├─ read -> null ─┤    30ns to 40ns  (#3, #4)
";
        assert_eq!(text(&history, &proof), wanted, "{}", text(&history, &proof));
    }

    #[test]
    fn the_picture_can_be_read_back_and_names_every_call() {
        let (history, proof) = proof(INVERTED);
        let svg = svg(&history, &proof, "not linearizable");
        assert_sound(&svg);
        let document = roxmltree::Document::parse(&svg).expect("it is well-formed");
        let titles: Vec<_> = document
            .descendants()
            .filter(|node| node.has_tag_name(("http://www.w3.org/2000/svg", "g")))
            .filter_map(|group| group.first_element_child().and_then(|title| title.text()))
            .collect();
        assert_eq!(titles[1], "process 1: read -> \"<b>\", 10ns to 20ns  (#1, #2)");
        assert_eq!(titles.len(), 3);
    }
}
