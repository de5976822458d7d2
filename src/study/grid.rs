//! The grid: every combination of points, each a scenario of its own.
//!
//! ```text
//!   axes a(1,2) × b(x,y) ──▶ (1,x) (1,y) (2,x) (2,y)      the last axis changes fastest
//!   one cell = text + edits ──load──▶ Plan · metrics with their options · closed forms
//! ```
//!
//! All cells are loaded before any is run, so that a mistake in the last one leaves nothing
//! half-done. A mistake in a value is shown where the value stands in the study, any other one in
//! the scenario. The scenario of an inline study is loaded with the rest of the file blanked out,
//! so that its positions are those of the study.

use super::{
    closed_forms::Value,
    file::{Axis, Base, FormUse, From, Measure, Study},
    metrics::Metric,
};
use crate::{
    base::{
        digest::digest,
        text::{
            decode::decode_named,
            diagnostic::{Code, Diagnostic},
            source::{Edited, Span, Tree},
        },
    },
    engine::trace::ENGINE_EPOCH,
    scenario::{load::load, plan::Plan, registry::Registry},
};

/// To be counted up when a metric or an estimate changes its meaning, so that nothing old is kept.
const STUDY_EPOCH: u32 = 1;

/// One cell.
pub struct Cell {
    /// Its point on every axis.
    pub points: Vec<usize>,
    /// What is different about it: paths and values.
    pub edits: Vec<(String, String)>,
    /// Its scenario.
    pub plan: Plan,
    /// What is measured, in the order of the study.
    pub metrics: Vec<Metric>,
    /// What each measure is compared with.
    pub closed_forms: Vec<Option<f64>>,
}

/// Mistakes that belong to one text.
pub struct Wrong {
    /// The text with the mistakes; none when it is the study's own.
    pub scenario: Option<String>,
    /// The mistakes.
    pub mistakes: Vec<Diagnostic>,
}

impl Wrong {
    fn here(mistakes: Vec<Diagnostic>) -> Self {
        Self { scenario: None, mistakes }
    }
}

/// The cells of a study. `base` is the text of its scenario file; without one the scenario is in
/// the study itself.
///
/// # Errors
/// All mistakes of the first cell that cannot be run.
pub fn cells(
    registry: &Registry,
    study: &Study,
    name: &str,
    base: Option<&str>,
) -> Result<Vec<Cell>, Wrong> {
    let text = match (&study.base, base) {
        (Base::Inline(span), _) => blanked(&study.text, *span),
        (Base::File { .. }, Some(text)) => text.to_owned(),
        (Base::File { span, path }, None) => {
            let message = format!("`{path}` was not read");
            return Err(Wrong::here(vec![Diagnostic::error(Code::Unreadable, *span, message)]));
        }
    };
    let combinations = combinations(&study.axes).into_iter();
    combinations.map(|points| cell(registry, study, (name, &text), points)).collect()
}

/// Every combination of points, the last axis changing fastest.
pub fn combinations(axes: &[Axis]) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new()];
    for axis in axes {
        let with = |points: &Vec<usize>, point| [&points[..], &[point]].concat();
        let each = |points: &Vec<usize>| {
            (0..axis.points.len()).map(|point| with(points, point)).collect::<Vec<_>>()
        };
        all = all.iter().flat_map(each).collect();
    }
    all
}

/// A text of which everything outside of a span is blank, with its lines where they were.
fn blanked(text: &str, span: Span) -> String {
    let blank = |part: &str| {
        part.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect::<String>()
    };
    blank(&text[..span.start]) + span.of(text) + &blank(&text[span.end..])
}

fn cell(
    registry: &Registry,
    study: &Study,
    (name, text): (&str, &str),
    points: Vec<usize>,
) -> Result<Cell, Wrong> {
    let edited = edited(study, text, &points)?;
    let plan = load(registry, name, &edited.text).map_err(|error| {
        let (own, other): (Vec<_>, Vec<_>) =
            error.mistakes.into_iter().partition(|mistake| edited.home(mistake).is_some());
        if own.is_empty() {
            let inline = matches!(study.base, Base::Inline(_)) && points.is_empty();
            let text = (!inline).then_some(error.text);
            return Wrong { scenario: text, mistakes: other };
        }
        Wrong::here(own.into_iter().filter_map(|mistake| edited.at_home(mistake)).collect())
    })?;
    let metrics = metrics(study, &plan).map_err(Wrong::here)?;
    let forms = study.measures.iter().map(|measure| closed_form(study, measure, (&points, &plan)));
    let closed_forms = forms.collect::<Result<_, _>>().map_err(|one| Wrong::here(vec![one]))?;
    let edits = edited.edits.into_iter().map(|(path, value, _)| (path, value)).collect();
    Ok(Cell { points, edits, plan, metrics, closed_forms })
}

/// A scenario's text with the edits of a cell, and where each of them stands in the study.
struct Changed {
    text: Edited,
    edits: Vec<(String, String, Span)>,
}

fn edited(study: &Study, text: &str, points: &[usize]) -> Result<Changed, Wrong> {
    let mut changed = Changed { text: Edited::new(text), edits: Vec::new() };
    for (axis, point) in study.axes.iter().zip(points) {
        for edit in &axis.points[*point].edits {
            let flag = changed.edits.len().to_string();
            changed.text.set(&edit.path, &edit.value, &flag).map_err(|error| {
                let wrong = Diagnostic::error(Code::UnknownRule, edit.span, error.to_string());
                Wrong::here(vec![wrong.label(format!("for `{}`", edit.path))])
            })?;
            changed.edits.push((edit.path.clone(), edit.value.clone(), edit.span));
        }
    }
    Ok(changed)
}

impl Changed {
    /// The place in the study of what a mistake is about.
    fn home(&self, mistake: &Diagnostic) -> Option<&(String, String, Span)> {
        let flag = self.text.flag_at(mistake.span)?;
        self.edits.get(flag.parse::<usize>().ok()?)
    }

    /// The same mistake, at its place in the study.
    fn at_home(&self, mistake: Diagnostic) -> Option<Diagnostic> {
        let (path, _, span) = self.home(&mistake)?.clone();
        let mut help = mistake.help;
        help.retain(|line| !line.starts_with("this part comes from"));
        help.push(format!("it is put at `{path}` of the scenario"));
        let secondary = Vec::new();
        Some(Diagnostic { span, secondary, help, ..mistake })
    }
}

fn metrics(study: &Study, plan: &Plan) -> Result<Vec<Metric>, Vec<Diagnostic>> {
    let mut metrics = Vec::new();
    let mut mistakes = Vec::new();
    for measure in &study.measures {
        let named = decode_named(&study.text, &measure.node);
        let named = named.expect("it was read when the study was loaded");
        match measure.metric.build(&study.text, &named, plan) {
            Ok(metric) => metrics.push(metric),
            Err(wrong) => mistakes.extend(wrong),
        }
    }
    if mistakes.is_empty() { Ok(metrics) } else { Err(mistakes) }
}

fn closed_form(
    study: &Study,
    measure: &Measure,
    (points, plan): (&[usize], &Plan),
) -> Result<Option<f64>, Diagnostic> {
    let Some(FormUse { form, arguments }) = &measure.closed_form else { return Ok(None) };
    let wrong = |span, reason| Diagnostic::error(Code::BadSetting, span, reason).label("here");
    let tree = Tree::parse(&plan.text).expect("a scenario that was loaded can be read");
    let mut values: Vec<Value> = Vec::new();
    for (argument, (_, kind)) in arguments.iter().zip(form.parameters) {
        let text = match &argument.from {
            From::Given(text) => text,
            From::Axis(axis) => &study.axes[*axis].points[points[*axis]].label,
            From::Path(path) => {
                let node = tree.find(&plan.text, path);
                let node = node.map_err(|error| wrong(argument.span, error.to_string()))?;
                node.string(&plan.text).unwrap_or(node.text(&plan.text))
            }
        };
        values.push(kind.read(text).map_err(|reason| wrong(argument.span, reason))?);
    }
    Ok(form.evaluate(&values))
}

impl Cell {
    /// What its result depends on, besides the code: text, measures, seeds, epochs.
    pub fn key(&self, study: &Study, first: u64, seeds: u64) -> String {
        let metrics: Vec<&str> =
            study.measures.iter().map(|measure| measure.node.text(&study.text)).collect();
        let version = env!("CARGO_PKG_VERSION");
        let all =
            (self.plan.text.trim(), metrics, first, seeds, ENGINE_EPOCH, STUDY_EPOCH, version);
        format!("{:032x}", digest(&all).fold.end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::file::Point;

    #[test]
    fn a_grid_has_every_combination_once_and_one_cell_without_axes() {
        let axis = |points: usize| Axis {
            name: String::new(),
            points: (0..points).map(|_| Point { label: String::new(), edits: vec![] }).collect(),
        };
        let grid = combinations(&[axis(2), axis(3)]);
        assert_eq!(grid, [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]]);
        assert_eq!(combinations(&[]), [Vec::<usize>::new()]);
    }

    #[test]
    fn what_is_blanked_keeps_lines_and_offsets() {
        let text = "é(\n a: X(1),\n)";
        let start = text.find('X').expect("it is there");
        let blanked = blanked(text, Span { start, end: start + 4 });
        assert_eq!(blanked.len(), text.len());
        assert_eq!(blanked.find("X(1)"), Some(start));
        assert_eq!(blanked.lines().count(), text.lines().count());
    }
}
