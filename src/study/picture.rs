//! Pictures: which cells make which line of a chart, and what stands on its axes.
//!
//! ```text
//!   axis x ──▶ numbers with their unit, or names        every other axis ──▶ a line per point
//!   estimates ──▶ marks with intervals                  closed forms ──▶ the dashed line
//! ```
//!
//! How lines are drawn is the report's; here is only what they are. An axis whose points are all
//! percentages, spans of time or numbers is one of numbers; any other has a place for each name.

use super::{
    closed_forms::{Kind, Value},
    estimate::Statistic,
    file::{Axis as GridAxis, AxisScale, Chart},
    grid::Cell,
    metrics::Unit,
    run::Measured,
    table::Told,
};
use crate::{
    report::charts::curves::{Axis, Curves, Line, Mark, Steps},
    search::statistics::Interval,
};
use std::collections::BTreeMap;

/// The pictures of a study, each an SVG document, in the order of the file.
pub fn pictures(told: &Told<'_>) -> Vec<String> {
    told.study.charts.iter().map(|chart| curves(told, chart).draw()).collect()
}

/// What a chart draws.
pub fn curves(told: &Told<'_>, chart: &Chart) -> Curves {
    let measure = &told.study.measures[chart.y];
    let (numbers, unit) = numbers(&told.study.axes[chart.x]);
    let mut lines: BTreeMap<Vec<usize>, Line> = BTreeMap::new();
    for (cell, measured) in told.cells.iter().zip(told.measured) {
        if chart.only.iter().any(|(axis, point)| cell.points[*axis] != *point) {
            continue;
        }
        let others = others(told, chart);
        let key: Vec<usize> = others.iter().map(|axis| cell.points[*axis]).collect();
        let line = lines.entry(key).or_insert_with(|| {
            let names = others.iter().map(|axis| name(told, *axis, cell));
            let name = names.collect::<Vec<_>>().join(", ");
            Line { name, marks: Vec::new(), formula: Vec::new() }
        });
        let place = cell.points[chart.x];
        let x = numbers.as_ref().map_or(place as f64, |numbers| numbers[place]);
        add(line, x, chart.y, measure.metric.unit, (cell, measured));
    }
    let finding = chart.finding.as_ref().unwrap_or(&told.study.finding);
    let x = Axis {
        label: with_unit(&told.study.axes[chart.x].name, unit),
        steps: match (numbers, chart.x_scale) {
            (None, _) => Steps::Names(labels(&told.study.axes[chart.x])),
            (Some(_), AxisScale::Linear) => Steps::Equal,
            (Some(_), AxisScale::Log) => Steps::Factors,
        },
    };
    let linear = chart.y_scale == AxisScale::Linear;
    let y = Axis {
        label: with_unit(&measure.name, measure.metric.unit.words()),
        steps: if linear { Steps::Equal } else { Steps::Factors },
    };
    let description = format!("{}: {} against {}.", told.study.title, y.label, x.label);
    let lines = lines.into_values().collect();
    Curves { title: finding.clone(), description, notes: notes(told, chart), x, y, lines }
}

/// The axes that make lines.
fn others(told: &Told<'_>, chart: &Chart) -> Vec<usize> {
    let fixed = |axis: &usize| chart.only.iter().any(|(fixed, _)| fixed == axis);
    let free = |axis: &usize| *axis != chart.x && !fixed(axis);
    (0..told.study.axes.len()).filter(free).collect()
}

/// What a line is called for one axis: the point alone when it is a word, else with its axis.
fn name(told: &Told<'_>, axis: usize, cell: &Cell) -> String {
    let axis = &told.study.axes[axis];
    let label = &axis.points[cell_point(axis, told, cell)].label;
    let is_number = label.starts_with(|symbol: char| symbol.is_ascii_digit());
    if is_number { format!("{} {label}", axis.name) } else { label.clone() }
}

fn cell_point(axis: &GridAxis, told: &Told<'_>, cell: &Cell) -> usize {
    let place = told.study.axes.iter().position(|other| other.name == axis.name);
    cell.points[place.expect("it is one of the axes")]
}

fn add(line: &mut Line, x: f64, y: usize, unit: Unit, (cell, measured): (&Cell, &Measured)) {
    let scale = |number: f64| if unit == Unit::Share { number * 100.0 } else { number };
    if let Some(form) = cell.closed_forms[y] {
        line.formula.push((x, scale(form)));
    }
    let estimate = measured.estimates[y];
    if let Some(value) = estimate.value {
        let interval = estimate.interval.map(|Interval { low, high }| (scale(low), scale(high)));
        line.marks.push(Mark { x, y: scale(value), interval });
    }
}

fn labels(axis: &GridAxis) -> Vec<String> {
    axis.points.iter().map(|point| point.label.clone()).collect()
}

fn with_unit(name: &str, unit: &str) -> String {
    if unit.is_empty() { name.to_owned() } else { format!("{name} ({unit})") }
}

/// The points of an axis as numbers, with their unit; nothing when they are words.
fn numbers(axis: &GridAxis) -> (Option<Vec<f64>>, &'static str) {
    for (kind, unit, factor) in
        [(Kind::Count, "", 1.0), (Kind::Probability, "%", 100.0), (Kind::Span, "ms", 1.0)]
    {
        let read = axis.points.iter().map(|point| match kind.read(&point.label) {
            Ok(Value::Number(number)) => Some(number * factor),
            Ok(Value::Word(_)) | Err(_) => None,
        });
        if let Some(numbers) = read.collect::<Option<Vec<f64>>>() {
            return (Some(numbers), unit);
        }
    }
    (None, "")
}

fn notes(told: &Told<'_>, chart: &Chart) -> Vec<String> {
    let measure = &told.study.measures[chart.y];
    let what = match told.cells.first().map(|cell| cell.metrics[chart.y].statistic) {
        Some(Statistic::Quantile(_)) => "quantiles",
        Some(Statistic::Share) => "shares",
        Some(Statistic::Mean) | None => "means",
    };
    let (seeds, n) = (told.seeds, told.trials(chart.y));
    let mut notes =
        vec![format!("{what} of n = {n} per point, {seeds} seeds each; bars: 95 % intervals")];
    let fixed = chart.only.iter().map(|(axis, point)| {
        let axis = &told.study.axes[*axis];
        format!("{}: {}", axis.name, axis.points[*point].label)
    });
    let fixed: Vec<String> = fixed.collect();
    if !fixed.is_empty() {
        notes.push(fixed.join(", "));
    }
    if let Some(form) = &measure.closed_form {
        notes.push(format!("closed form: {} ({})", form.form.formula, form.form.source));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::file::Point;

    #[test]
    fn an_axis_of_quantities_is_one_of_numbers() {
        let axis = |labels: &[&str]| GridAxis {
            name: String::new(),
            points: labels
                .iter()
                .map(|label| Point { label: (*label).to_owned(), edits: Vec::new() })
                .collect(),
        };
        assert_eq!(numbers(&axis(&["1", "20"])), (Some(vec![1.0, 20.0]), ""));
        assert_eq!(numbers(&axis(&["0%", "50%"])), (Some(vec![0.0, 50.0]), "%"));
        assert_eq!(numbers(&axis(&["1ms", "2s"])), (Some(vec![1.0, 2_000.0]), "ms"));
        assert_eq!(numbers(&axis(&["Abort", "1"])), (None, ""));
    }
}
