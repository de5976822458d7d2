//! The table: every cell with its numbers, their intervals and what formulas say; for readers, for
//! programs, and as the text that stands beside the chart.
//!
//! ```text
//!   loss  participants   aborted                   closed form
//!   1%    3              5.77 % [5.33, 6.25]       5.852 %        screen   csv   json
//! ```
//!
//! Made of the study and its estimates and nothing else: no path, no clock, no machine, so that
//! equal studies give equal bytes. On a screen numbers have four digits that count; for programs
//! they have all of them, and shares stay parts of one.

use super::{
    estimate::Estimate,
    file::{Measure, Study},
    grid::Cell,
    metrics::Unit,
    run::Measured,
};
use crate::{report::charts::cell as csv_cell, search::statistics::Interval};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// A study that is complete.
pub struct Told<'a> {
    /// The study.
    pub study: &'a Study,
    /// Its cells.
    pub cells: &'a [Cell],
    /// What came of each.
    pub measured: &'a [Measured],
    /// The first seed.
    pub first: u64,
    /// How many seeds each cell ran.
    pub seeds: u64,
}

impl Told<'_> {
    /// The screen: the table and what it rests on.
    pub fn screen(&self) -> String {
        let Study { title, finding, .. } = self.study;
        format!("{}\n{}\n\n{}\n{}", inert(title), inert(finding), self.rows(), self.basis())
    }

    /// The text that stands beside the charts, as Markdown.
    pub fn caption(&self) -> String {
        let Study { title, finding, .. } = self.study;
        let (title, finding) = (inert(title), inert(finding));
        format!("# {title}\n\n{finding}\n\n```text\n{}\n{}```\n", self.rows(), self.basis())
    }

    /// The name of each axis's point of a cell.
    fn labels(&self, cell: &Cell) -> Vec<String> {
        let axes = self.study.axes.iter().zip(&cell.points);
        axes.map(|(axis, point)| inert(&axis.points[*point].label)).collect()
    }

    fn rows(&self) -> String {
        let mut head: Vec<String> = self.study.axes.iter().map(|axis| inert(&axis.name)).collect();
        for measure in &self.study.measures {
            head.push(inert(&measure.name));
            if measure.closed_form.is_some() {
                head.push("closed form".to_owned());
            }
        }
        let mut rows = vec![head];
        for (cell, measured) in self.cells.iter().zip(self.measured) {
            let mut row = self.labels(cell);
            let all = self.study.measures.iter().zip(&measured.estimates).zip(&cell.closed_forms);
            for ((measure, estimate), form) in all {
                row.push(shown_estimate(estimate, measure.metric.unit));
                if measure.closed_form.is_some() {
                    row.push(held_against(*form, estimate, measure.metric.unit));
                }
            }
            rows.push(row);
        }
        aligned(&rows)
    }

    /// What the numbers rest on.
    fn basis(&self) -> String {
        let (cells, last) = (self.cells.len(), self.first + (self.seeds - 1));
        let mut rows = vec![vec![
            "seeds".to_owned(),
            format!(
                "{} to {last} in each of {cells} cells; in brackets 95 % intervals",
                self.first
            ),
        ]];
        if 1 < cells {
            let words = "all cells run the same seeds, so that they err together";
            rows.push(vec![String::new(), words.to_owned()]);
        }
        for (place, measure) in self.study.measures.iter().enumerate() {
            let n = self.trials(place);
            let metric = measure.node.text(&self.study.text);
            let name = measure.metric.name;
            let unit = measure.metric.unit.words();
            // The name alone says nothing that the metric does not.
            let metric =
                if metric == name { String::new() } else { format!("{}: ", inert(metric)) };
            let words = format!("{metric}{} ({unit}; n = {n})", measure.metric.summary);
            rows.push(vec![inert(&measure.name), words]);
            rows.extend(self.agreement(place, measure));
        }
        aligned(&rows)
    }

    /// How many trials a cell rests on: `10000`, or `800 to 1000`.
    pub(super) fn trials(&self, measure: usize) -> String {
        let trials = || self.measured.iter().map(|cell| cell.estimates[measure].trials);
        match (trials().min().unwrap_or(0), trials().max().unwrap_or(0)) {
            (least, most) if least == most => format!("{least}"),
            (least, most) => format!("{least} to {most}"),
        }
    }

    fn agreement(&self, place: usize, measure: &Measure) -> Vec<Vec<String>> {
        let Some(form) = measure.closed_form.as_ref().map(|form| form.form) else {
            return Vec::new();
        };
        let count = |of: fn(&Estimate) -> Option<Interval>| {
            let (mut inside, mut compared) = (0, 0);
            for (cell, measured) in self.cells.iter().zip(self.measured) {
                if let (Some(form), Some(interval)) =
                    (cell.closed_forms[place], of(&measured.estimates[place]))
                {
                    compared += 1;
                    inside += usize::from(lies_in(form, interval));
                }
            }
            format!("{inside} of {compared} cells")
        };
        let formula = format!("{}: {} ({})", form.name, form.formula, form.source);
        let [tolerated, inside] = [count(|one| one.tolerance), count(|one| one.interval)];
        let words = format!(
            "within four standard deviations in {tolerated}; inside the interval in {inside}"
        );
        vec![vec!["closed form".to_owned(), formula], vec![String::new(), words]]
    }

    /// Comma-separated values: one line per cell.
    pub fn csv(&self) -> String {
        let mut head: Vec<String> =
            self.study.axes.iter().map(|axis| csv_cell(&axis.name)).collect();
        for measure in &self.study.measures {
            let columns = ["", "_low", "_high", "_n", "_closed_form"];
            let columns = &columns[..4 + usize::from(measure.closed_form.is_some())];
            head.extend(columns.iter().map(|end| csv_cell(&format!("{}{end}", measure.name))));
        }
        let mut table = head.join(",") + ",seeds\n";
        let number =
            |number: Option<f64>| number.map_or(String::new(), |number| number.to_string());
        for (cell, measured) in self.cells.iter().zip(self.measured) {
            let mut row: Vec<String> = self.labels(cell).iter().map(|l| csv_cell(l)).collect();
            for (place, measure) in self.study.measures.iter().enumerate() {
                let Estimate { value, interval, trials, .. } = measured.estimates[place];
                let ends = interval.map(|Interval { low, high }| (low, high)).unzip();
                row.extend([value, ends.0, ends.1].map(number));
                row.push(trials.to_string());
                if measure.closed_form.is_some() {
                    row.push(number(cell.closed_forms[place]));
                }
            }
            _ = writeln!(table, "{},{}", row.join(","), self.seeds);
        }
        table
    }

    /// One object per cell.
    pub fn objects(&self) -> Vec<Value> {
        let cells = self.cells.iter().zip(self.measured);
        cells.map(|(cell, measured)| self.object(cell, measured)).collect()
    }

    fn object(&self, cell: &Cell, measured: &Measured) -> Value {
        let axes = self.study.axes.iter().map(|axis| axis.name.clone());
        let points = axes.zip(self.labels(cell).into_iter().map(Value::from));
        let mut measures = serde_json::Map::new();
        for (place, measure) in self.study.measures.iter().enumerate() {
            let Estimate { value, interval, trials, .. } = measured.estimates[place];
            let interval = interval.map(|Interval { low, high }| [low, high]);
            let mut object = json!({
                "metric": measure.metric.name,
                "unit": if measure.metric.unit == Unit::Share { "share" }
                        else { measure.metric.unit.words() },
                "value": value,
                "interval": interval,
                "n": trials,
            });
            if measure.closed_form.is_some() {
                object["closed_form"] = json!(cell.closed_forms[place]);
                object["within_tolerance"] =
                    json!(fits(cell.closed_forms[place], &measured.estimates[place]));
            }
            measures.insert(measure.name.clone(), object);
        }
        let edits: Vec<Value> =
            cell.edits.iter().map(|(path, value)| json!({"path": path, "value": value})).collect();
        json!({
            "schema": "splitbrain.study_cell/1",
            "point": Value::Object(points.collect()),
            "sets": edits,
            "first_seed": self.first.to_string(),
            "seeds": self.seeds,
            "measures": measures,
        })
    }

    /// The one document of all cells.
    pub fn document(&self) -> Value {
        json!({
            "schema": "splitbrain.study/1",
            "title": self.study.title,
            "finding": self.study.finding,
            "cells": self.objects(),
        })
    }
}

/// Whether a formula lies in an interval, but for the rounding of floats.
pub fn lies_in(form: f64, Interval { low, high }: Interval) -> bool {
    let slack = 1e-9 * form.abs();
    low - slack <= form && form <= high + slack
}

/// Whether a formula is within four standard deviations of an estimate, where both are there.
pub fn fits(form: Option<f64>, estimate: &Estimate) -> Option<bool> {
    form.zip(estimate.tolerance).map(|(form, tolerance)| lies_in(form, tolerance))
}

/// What a formula says, and whether that is what was measured.
fn held_against(form: Option<f64>, estimate: &Estimate, unit: Unit) -> String {
    let Some(number) = form else { return "-".to_owned() };
    let verdict = match fits(form, estimate) {
        Some(true) => " fits",
        Some(false) => " DIFFERS",
        None => "",
    };
    shown(number, unit) + verdict
}

/// A number with four digits that count, and its unit where the column does not say it.
pub(super) fn shown(number: f64, unit: Unit) -> String {
    match unit {
        Unit::Share => format!("{} %", digits(number * 100.0)),
        Unit::Milliseconds => format!("{} ms", digits(number)),
        Unit::PerOperation | Unit::PerRun => digits(number),
    }
}

fn shown_estimate(estimate: &Estimate, unit: Unit) -> String {
    let Some(value) = estimate.value else { return "no trial".to_owned() };
    let factor = if unit == Unit::Share { 100.0 } else { 1.0 };
    match estimate.interval {
        None => shown(value, unit),
        Some(Interval { low, high }) => {
            let [low, high] = [low, high].map(|end| digits(end * factor));
            format!("{} [{low}, {high}]", shown(value, unit))
        }
    }
}

/// Four digits that count, and no more than nine decimals.
fn digits(number: f64) -> String {
    if number.abs() < 5e-10 {
        return "0".to_owned();
    }
    let before = libm::floor(libm::log10(number.abs())) as i32 + 1;
    let decimals = (4 - before).clamp(0, 9) as usize;
    let text = format!("{number:.decimals$}");
    if !text.contains('.') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Rows in columns, two spaces between, an end of line behind each.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column| {
        rows.iter().map(|row| row.get(column).map_or(0, |text: &String| text.chars().count())).max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths);
        let line: Vec<String> = cells.map(|(cell, width)| format!("{cell:<width$}")).collect();
        text += line.join("  ").trim_end();
        text.push('\n');
    }
    text
}

/// One line without control codes: names come from files that anyone may have written.
fn inert(text: &str) -> String {
    text.chars().map(|symbol| if symbol.is_control() { '·' } else { symbol }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_show_four_digits_that_count() {
        for (number, told) in [
            (0.0, "0"),
            (0.058_519_8, "0.05852"),
            (5.0, "5"),
            (23.000_000_01, "23"),
            (1_364.25, "1364"),
            (123_456.0, "123456"),
            (-0.5, "-0.5"),
        ] {
            assert_eq!(digits(number), told);
        }
        assert_eq!(shown(0.058_520, Unit::Share), "5.852 %");
    }

    #[test]
    fn a_formula_lies_in_an_interval_of_no_width_but_for_rounding() {
        let point = Interval { low: 23.000_000_000_000_004, high: 23.000_000_000_000_004 };
        assert!(lies_in(23.0, point) && !lies_in(23.001, point));
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [vec!["a".to_owned(), "bb".into()], vec!["ccc".into(), "d".into()]];
        assert_eq!(aligned(&rows), "a    bb\nccc  d\n");
    }
}
