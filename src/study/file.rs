//! A study file: what is varied, what is measured, what is drawn; and every mistake in it.
//!
//! ```text
//!   Study( title, finding, scenario: "file.ron" or Scenario(…),
//!          variants: [(name, of: [(name, set: [(path, value)])])],     axes of named edits
//!          vary:     [(name, path, values)],                           axes of values
//!          seeds, measure: [(name, metric, closed_form)], charts: [(x, y, …)] )
//! ```
//!
//! Values stand as they would in the scenario, and are put into its text like `--set`, so that a
//! cell is a scenario and nothing else. Its mistakes are shown where the value stands here. The
//! `finding` is a sentence: it is the title of the chart. A chart puts one axis on x; all axes that
//! are not fixed by `only` make its lines.
//!
//! Limits: a thousand cells, eight lines in a chart.

// The file as serde reads it.
mod model;

use super::{
    closed_forms::{self, ClosedForm},
    metrics::{self, MetricEntry},
};
use crate::base::text::{
    decode::{Named, decode_all, decode_named},
    diagnostic::{Code, Diagnostic},
    source::{Node, Span, Tree},
};
use serde::Deserialize;

/// A study that has been read.
pub struct Study {
    /// Its text; all spans count in it.
    pub text: String,
    /// One line: what is studied.
    pub title: String,
    /// One sentence: what was found.
    pub finding: String,
    /// The scenario that all cells are variants of.
    pub base: Base,
    /// The axes of the grid.
    pub axes: Vec<Axis>,
    /// How many seeds each cell runs.
    pub seeds: u64,
    /// What is measured.
    pub measures: Vec<Measure>,
    /// What is drawn.
    pub charts: Vec<Chart>,
}

/// Where the scenario is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Base {
    /// In a file, by a path from the study's own folder.
    File {
        /// The path.
        path: String,
        /// Where it is named.
        span: Span,
    },
    /// In the study itself.
    Inline(Span),
}

/// One axis of the grid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axis {
    /// Its name.
    pub name: String,
    /// Its points, at least one.
    pub points: Vec<Point>,
}

/// One point of an axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// What tables and charts call it.
    pub label: String,
    /// What it changes.
    pub edits: Vec<Edit>,
}

/// One change of the scenario's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The path.
    pub path: String,
    /// The value.
    pub value: String,
    /// Where the value stands in the study.
    pub span: Span,
}

/// One thing that is measured.
pub struct Measure {
    /// What tables and charts call it.
    pub name: String,
    /// How.
    pub metric: &'static MetricEntry,
    /// Where the metric stands.
    pub node: Node,
    /// What it is compared with.
    pub closed_form: Option<FormUse>,
}

/// A formula with its parameters.
pub struct FormUse {
    /// The formula.
    pub form: &'static ClosedForm,
    /// In the order of the formula's parameters.
    pub arguments: Vec<Argument>,
}

/// A parameter of a formula.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// Where it comes from.
    pub from: From,
    /// Where it is written.
    pub span: Span,
}

/// Where a parameter comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum From {
    /// From the scenario's text at this path.
    Path(String),
    /// It is the point of this axis, by its place.
    Axis(usize),
    /// It is given.
    Given(String),
}

/// One chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chart {
    /// The finding of this chart; the study's own when left out.
    pub finding: Option<String>,
    /// The axis on x, by its place.
    pub x: usize,
    /// The measure on y, by its place.
    pub y: usize,
    /// The scale of x.
    pub x_scale: AxisScale,
    /// The scale of y.
    pub y_scale: AxisScale,
    /// Axes that are fixed: which, and at which point.
    pub only: Vec<(usize, usize)>,
}

/// How an axis grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum AxisScale {
    /// In equal steps.
    #[default]
    Linear,
    /// In equal factors.
    Log,
}

/// So many cells one study may have.
pub const CELLS_MAX: usize = 1_000;
/// So many lines one chart may have.
const LINES_MAX: usize = 8;

/// Whether a text is a study rather than a scenario.
pub fn is_study(text: &str) -> bool {
    let tree = Tree::parse(text);
    tree.is_ok_and(|tree| tree.root.name(text) == Some("Study"))
}

/// Where an option of a named value stands; the name when it is not written.
pub fn option_span(text: &str, named: &Named<'_>, field: &str) -> Span {
    let tree = Tree::parse_part(text, named.arguments).ok();
    let span = tree.and_then(|tree| tree.root.field(text, field).map(|node| node.span));
    span.unwrap_or(named.name_span)
}

/// Reads a study.
///
/// # Errors
/// Every mistake in it, in the order of the text.
pub fn load(text: &str) -> Result<Study, Vec<Diagnostic>> {
    let whole = Span { start: 0, end: text.len() };
    let root = Tree::parse(text).map_err(|mistake| vec![mistake])?.root;
    let model: model::Study = decode_all(text, whole)?;
    let mut reader = Reader { text, root: &root, found: Vec::new() };
    let study = reader.study(model);
    match study {
        Some(study) if reader.found.is_empty() => Ok(study),
        _ => {
            reader.found.sort_by_key(|mistake| mistake.span);
            Err(reader.found)
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    root: &'a Node,
    found: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn study(&mut self, model: model::Study) -> Option<Study> {
        let base = self.base();
        let mut axes = self.variants(&model.variants);
        axes.extend(self.varied(&model.vary));
        self.axes_make_a_grid(&axes);
        if model.seeds == 0 {
            self.say_at("seeds", Code::ZeroNotAllowed, "a study of no seeds shows nothing");
        }
        let measures: Vec<Measure> = self.measures(&model.measure, &axes);
        let complete = measures.len() == model.measure.len();
        let charts =
            if complete { self.charts(model.charts, &axes, &measures) } else { Vec::new() };
        let (title, finding, seeds) = (model.title, model.finding, model.seeds);
        let text = self.text.to_owned();
        Some(Study { text, title, finding, base: base?, axes, seeds, measures, charts })
    }

    fn say(&mut self, code: Code, span: Span, message: impl Into<String>) {
        self.found.push(Diagnostic::error(code, span, message).label("here"));
    }

    fn say_at(&mut self, field: &str, code: Code, message: &str) {
        let node = self.root.field(self.text, field).unwrap_or(self.root);
        self.say(code, node.anchor(), message);
    }

    fn items(&self, field: &str) -> Vec<Node> {
        self.root.field(self.text, field).map_or_else(Vec::new, |list| list.items().to_vec())
    }

    fn base(&mut self) -> Option<Base> {
        let node = self.root.field(self.text, "scenario")?;
        if let Some(path) = node.string(self.text) {
            return Some(Base::File { path: path.to_owned(), span: node.span });
        }
        if node.name(self.text) == Some("Scenario") {
            return Some(Base::Inline(node.span));
        }
        let message = "expected the path of a scenario file in quotes, or `Scenario(…)`";
        self.say(Code::WrongType, node.anchor(), message);
        None
    }

    fn variants(&mut self, all: &[model::Variants]) -> Vec<Axis> {
        let mut axes = Vec::new();
        for (axis, node) in all.iter().zip(self.items("variants")) {
            let nodes = node.field(self.text, "of").map_or(&[][..], |list| list.items());
            let points = axis.of.iter().zip(nodes).map(|(variant, node)| {
                let edits = node.field(self.text, "set").map_or(&[][..], |list| list.items());
                let edits = variant
                    .set
                    .iter()
                    .zip(edits)
                    .map(|((path, _), pair)| self.edit(path, &pair.items()[1]));
                Point { label: variant.name.clone(), edits: edits.collect() }
            });
            axes.push(Axis { name: axis.name.clone(), points: points.collect() });
        }
        axes
    }

    fn varied(&mut self, all: &[model::Vary]) -> Vec<Axis> {
        let mut axes = Vec::new();
        for (axis, node) in all.iter().zip(self.items("vary")) {
            let values = node.field(self.text, "values").map_or(&[][..], |list| list.items());
            let points = values.iter().map(|value| {
                let label = value.string(self.text).unwrap_or(value.text(self.text));
                Point { label: label.to_owned(), edits: vec![self.edit(&axis.path, value)] }
            });
            axes.push(Axis { name: axis.name.clone(), points: points.collect() });
        }
        axes
    }

    fn edit(&self, path: &str, value: &Node) -> Edit {
        Edit { path: path.to_owned(), value: value.text(self.text).to_owned(), span: value.span }
    }

    /// Names are unique, every axis has a point, and there are not too many cells.
    fn axes_make_a_grid(&mut self, axes: &[Axis]) {
        let nodes = [self.items("variants"), self.items("vary")].concat();
        for (place, (axis, node)) in axes.iter().zip(&nodes).enumerate() {
            let span = node.field(self.text, "name").map_or(node.anchor(), |name| name.span);
            if axes[..place].iter().any(|other| other.name == axis.name) {
                let message = format!("two axes are called `{}`", axis.name);
                self.say(Code::DuplicateField, span, message);
            }
            if axis.points.is_empty() {
                self.say(Code::ZeroNotAllowed, span, "an axis has at least one point");
            }
            for (place, point) in axis.points.iter().enumerate() {
                if axis.points[..place].iter().any(|other| other.label == point.label) {
                    let message = format!("`{}` is listed twice", point.label);
                    let span = point.edits.first().map_or(span, |edit| edit.span);
                    self.say(Code::DuplicateField, span, message);
                }
            }
        }
        let cells = axes.iter().try_fold(1_usize, |all, axis| all.checked_mul(axis.points.len()));
        if cells.is_none_or(|cells| CELLS_MAX < cells) {
            let message = format!("the grid has more than {CELLS_MAX} cells");
            self.say(Code::OutOfRange, self.root.anchor(), message);
        }
    }

    fn measures(&mut self, all: &[model::Measure], axes: &[Axis]) -> Vec<Measure> {
        if all.is_empty() {
            self.say_at("measure", Code::ZeroNotAllowed, "a study measures at least one thing");
        }
        let mut measures: Vec<Measure> = Vec::new();
        for (measure, node) in all.iter().zip(self.items("measure")) {
            if measures.iter().any(|other| other.name == measure.name) {
                let span = node.field(self.text, "name").map_or(node.anchor(), |name| name.span);
                self.say(
                    Code::DuplicateField,
                    span,
                    format!("`{}` is measured twice", measure.name),
                );
            }
            let metric = node.field(self.text, "metric").and_then(|node| self.metric(node));
            let form = node.field(self.text, "closed_form").map(|node| self.form(node, axes));
            let (Some((metric, metric_node)), false) = (metric, matches!(form, Some(None))) else {
                continue;
            };
            let (name, closed_form) = (measure.name.clone(), form.flatten());
            measures.push(Measure { name, metric, node: metric_node, closed_form });
        }
        measures
    }

    fn named<'n>(&mut self, node: &'n Node) -> Option<(&str, &'n Node)> {
        match decode_named(self.text, node) {
            Ok(named) => Some((named.name, node)),
            Err(mistake) => {
                self.found.push(mistake);
                None
            }
        }
    }

    fn metric(&mut self, node: &Node) -> Option<(&'static MetricEntry, Node)> {
        let text = self.text;
        let (name, node) = self.named(node).map(|(name, node)| (name.to_owned(), node))?;
        let known = metrics::ALL.iter().find(|entry| entry.name == name);
        if known.is_none() {
            let names = metrics::ALL.iter().map(|entry| entry.name);
            let message = format!("no metric is called `{name}`");
            let diagnostic = Diagnostic::error(Code::UnknownMetric, node.anchor(), message);
            self.found.push(diagnostic.label("not a metric").suggest(&name, "metrics", names));
        }
        debug_assert!(node.span.end <= text.len(), "a node lies in its text");
        known.map(|entry| (entry, node.clone()))
    }

    fn form(&mut self, node: &Node, axes: &[Axis]) -> Option<FormUse> {
        let name = self.named(node)?.0.to_owned();
        let Some(form) = closed_forms::find(&name) else {
            let names = closed_forms::ALL.iter().map(|form| form.name);
            let message = format!("no closed form is called `{name}`");
            let diagnostic = Diagnostic::error(Code::UnknownClosedForm, node.anchor(), message);
            self.found.push(diagnostic.suggest(&name, "closed forms", names));
            return None;
        };
        let before = self.found.len();
        let known = || form.parameters.iter().map(|(name, _)| *name);
        for field in node.fields() {
            let name = field.name(self.text);
            if !known().any(|known| known == name) {
                let message = format!("`{}` has no parameter `{name}`", form.name);
                let diagnostic = Diagnostic::error(Code::UnknownField, field.name, message);
                self.found.push(diagnostic.suggest(name, "parameters", known()));
            }
        }
        let mut arguments = Vec::new();
        for (name, kind) in form.parameters {
            let Some(value) = node.field(self.text, name) else {
                let message = format!("`{}` needs the parameter `{name}`", form.name);
                self.say(Code::MissingField, node.anchor(), message);
                continue;
            };
            arguments.extend(self.argument(value, *kind, axes));
        }
        (self.found.len() == before).then_some(FormUse { form, arguments })
    }

    fn argument(
        &mut self,
        node: &Node,
        kind: closed_forms::Kind,
        axes: &[Axis],
    ) -> Option<Argument> {
        let span = node.span;
        if let (Some(from), [word]) = (node.name(self.text), node.items()) {
            let word = word.string(self.text);
            match (from, word) {
                ("At", Some(path)) => {
                    return Some(Argument { from: From::Path(path.to_owned()), span });
                }
                ("Axis", Some(name)) => {
                    let names = axes.iter().map(|axis| axis.name.as_str());
                    let axis = self.place("axis", "axes", name, span, names)?;
                    return Some(Argument { from: From::Axis(axis), span });
                }
                _ => {}
            }
        }
        let given = node.string(self.text).unwrap_or(node.text(self.text));
        if let Err(reason) = kind.read(given) {
            let help = "or write `At(\"a.path\")` to read it from the scenario of each cell, or \
                        `Axis(\"its name\")` for the cell's point";
            let diagnostic = Diagnostic::error(Code::BadSetting, span, reason).label("here");
            self.found.push(diagnostic.help(help));
            return None;
        }
        Some(Argument { from: From::Given(given.to_owned()), span })
    }

    fn charts(
        &mut self,
        all: Vec<model::Chart>,
        axes: &[Axis],
        measures: &[Measure],
    ) -> Vec<Chart> {
        let nodes = self.items("charts");
        let charts = all.into_iter().zip(&nodes);
        charts.filter_map(|(chart, node)| self.chart(chart, node, axes, measures)).collect()
    }

    fn chart(
        &mut self,
        chart: model::Chart,
        node: &Node,
        axes: &[Axis],
        measures: &[Measure],
    ) -> Option<Chart> {
        let span = |field| node.field(self.text, field).map_or(node.anchor(), |node| node.span);
        let (at_x, at_y, at_only) = (span("x"), span("y"), span("only"));
        let axis_names = || axes.iter().map(|axis| axis.name.as_str());
        let measure_names = || measures.iter().map(|measure| measure.name.as_str());
        let x = self.place("axis", "axes", &chart.x, at_x, axis_names());
        let y = self.place("measure", "measures", &chart.y, at_y, measure_names());
        let mut only = Vec::new();
        for (name, label) in &chart.only {
            let axis = self.place("axis", "axes", name, at_only, axis_names())?;
            let labels = axes[axis].points.iter().map(|point| point.label.as_str());
            only.push((axis, self.place("point", "points", label, at_only, labels)?));
        }
        let (x, y) = (x?, y?);
        let free = |place: &usize| *place != x && only.iter().all(|(fixed, _)| fixed != place);
        let lines: usize =
            (0..axes.len()).filter(free).map(|place| axes[place].points.len()).product();
        if LINES_MAX < lines {
            let message = format!("{lines} lines are too many for one chart: fix axes by `only`");
            self.say(Code::OutOfRange, node.anchor(), message);
        }
        let (x_scale, y_scale) = (chart.x_scale, chart.y_scale);
        Some(Chart { finding: chart.finding, x, y, x_scale, y_scale, only })
    }

    fn place<'n>(
        &mut self,
        what: &str,
        plural: &str,
        name: &str,
        span: Span,
        known: impl Iterator<Item = &'n str> + Clone,
    ) -> Option<usize> {
        let place = known.clone().position(|known| known == name);
        if place.is_none() {
            let message = format!("no {what} of this study is called `{name}`");
            let diagnostic = Diagnostic::error(Code::UnknownAxis, span, message).label("here");
            self.found.push(diagnostic.suggest(name, plural, known));
        }
        place
    }
}
