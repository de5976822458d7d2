//! Clocks: how far each node's clock was from true time.
//!
//! ```text
//!   ms   0 │──────────────── 4 others
//!          │       │
//!     -700 │       └───────── c1          a jump is upright, a drift is a slope
//! ```
//!
//! No node can read this, and no fact states it: it comes from the instruments of the simulation.
//! Nodes that agree all the time share one curve, since five lines on top of each other look like
//! one and are named like none.
//!
//! Limits: clocks of nodes; what a logical clock adds to one is a matter of its protocol.

use super::{
    Chart,
    frame::{cell, seconds},
    lines::{self, Curve, Fill, Names, Panel, Values, looks},
};
use crate::{
    base::time::{Duration, Time},
    report::{readings::Readings, text::rough},
    scenario::run::Run,
};
use std::{cmp::Reverse, fmt::Write as _};

type Line = [(Time, i64)];

/// How far clocks were from true time; nothing where all were right.
pub(super) fn clocks(run: &Run, readings: &Readings) -> Option<Chart> {
    let lines = &readings.clocks;
    let number = lines.len();
    let wrong = |line: &Line| line.iter().map(|now| now.1.unsigned_abs()).max().unwrap_or(0);
    let worst = (0..number).max_by_key(|node| (wrong(&lines[*node]), usize::MAX - node))?;
    if wrong(&lines[worst]) == 0 {
        return None;
    }
    let (at, by) = *lines[worst].iter().max_by_key(|now| (now.1.unsigned_abs(), Reverse(now.0)))?;
    let side = if by < 0 { "behind" } else { "ahead of" };
    let span = rough(Duration::from_nanos(by.unsigned_abs()));
    let (node, at) = (&run.catalog.nodes[worst], at.as_seconds_text(2));
    let right = lines.iter().filter(|line| wrong(line) == 0).count();
    let others = match right {
        0 => String::new(),
        right => format!(", {right} were right all the time"),
    };
    let title = format!(
        "The clock of {node} was up to {span} {side} true time, first at {at}{others} (n = {number})"
    );
    let description = "A curve per clock: how far it is ahead of true time, or behind below zero.";
    let curves = alike(lines).into_iter().enumerate().map(|(nth, nodes)| {
        let path = lines[nodes[0]].iter().map(|(at, by)| (seconds(*at), *by as f64 / 1e6));
        let (colour, width) = looks(nth);
        let name = named(run, &nodes);
        Curve { name, colour, width, path: path.collect(), fill: Fill::Nothing }
    });
    let curves = curves.collect();
    let panel = Panel { unit: "ahead of true time (ms)", values: Values::Any, curves };
    let svg = lines::draw(run, (&title, description), Names::AtEnds, &[panel]);
    let mut csv = "node,at_ns,ahead_ns\n".to_owned();
    for (node, line) in run.catalog.nodes.iter().zip(lines) {
        for (at, by) in line {
            _ = writeln!(csv, "{},{},{by}", cell(node), at.as_nanos());
        }
    }
    Some(Chart { title, svg, csv })
}

/// Nodes whose clocks agree all the time, the ones that are wrong first.
fn alike(lines: &[Vec<(Time, i64)>]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for node in 0..lines.len() {
        match groups.iter_mut().find(|group| lines[group[0]] == lines[node]) {
            Some(group) => group.push(node),
            None => groups.push(vec![node]),
        }
    }
    groups.sort_by_key(|group| lines[group[0]].iter().all(|now| now.1 == 0));
    groups
}

fn named(run: &Run, nodes: &[usize]) -> String {
    const NAMES_MAX: usize = 3;
    if nodes.len() > NAMES_MAX {
        return format!("{} others", nodes.len());
    }
    let names: Vec<&str> = nodes.iter().map(|node| run.catalog.nodes[*node].as_str()).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::{super::super::fixture::Sketch, *};

    #[test]
    fn clocks_that_agree_share_a_curve_and_right_ones_make_no_chart() {
        let (run, at) = (Sketch::idle().run(1), Time::from_millis);
        let right = vec![(at(0), 0), (at(900), 0)];
        let mut readings = Readings { clocks: vec![right; 4], ..Readings::default() };
        assert_eq!(clocks(&run, &readings), None);
        readings.clocks[2] = vec![(at(0), 0), (at(400), 0), (at(400), -7_000_000)];
        assert_eq!(alike(&readings.clocks), [vec![2], vec![0, 1, 3]]);
        let chart = clocks(&run, &readings).expect("one of them is wrong");
        let told = "The clock of p2 was up to 7.0ms behind true time, first at 0.40s, 3 were right all \
                    the time (n = 4)";
        assert_eq!(chart.title, told);
        assert_eq!(chart.csv.lines().count(), 1 + 3 * 2 + 3);
    }
}
