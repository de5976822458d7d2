//! The page of a run: one HTML file that shows all of it and reaches nowhere.
//!
//! ```text
//!   Run, Plan ──▶ events · states · background ──JSON──┐
//!   page/*.js, page/*.css ──────────────────────────────┴─▶ document ──▶ one file, sealed
//! ```
//!
//! The page holds data and a small program that draws it: nothing is fetched, and whoever attaches
//! the file to a ticket attaches the whole run. The program is plain JavaScript in files beside
//! this one; a framework with a build step was rejected, since a report must still open in ten
//! years. Verdicts and evidence are in the markup itself and can be read without any script.
//!
//! Limits: details of so many events, around what is violated; the overview covers all of them.

mod background;
mod changes;
pub(super) mod document;
mod events;
mod states;
mod strings;

use super::{charts, spans::Spans, words::Words};
use crate::{
    base::ids::EventId,
    checkers::Verdict,
    engine::trace::ENGINE_EPOCH,
    scenario::{plan::Plan, run::Run},
};
use background::Background;
use events::{Events, Overview};
use serde::Serialize;
use states::States;
use std::ops::Range;
use strings::Strings;

/// What a page says beside the run itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageOptions {
    /// The command that runs it again.
    pub command: String,
    /// Whether the run is what its scenario expects, in words.
    pub expected: String,
    /// Details of so many events at most.
    pub events_max: usize,
}

impl Default for PageOptions {
    fn default() -> Self {
        Self { command: String::new(), expected: String::new(), events_max: 50_000 }
    }
}

/// A recorded run as an HTML document. Equal runs give equal bytes.
///
/// # Panics
/// When the run was not recorded from this plan.
pub fn page(run: &Run, plan: &Plan, options: &PageOptions) -> String {
    let words = Words::of(run);
    let spans = Spans::of(run);
    let window = window(run, options.events_max);
    let mut strings = Strings::default();
    let data = Data {
        schema: "splitbrain.report/1",
        about: About::of(run, options),
        ends: background::ends(run, &words),
        events: Events::of(run, &words, window.clone(), &mut strings),
        overview: Overview::of(run),
        background: Background::of(run, plan, &spans),
        states: States::of(run, plan, window, &mut strings),
        charts: charts::all(run, plan)
            .into_iter()
            .map(|(name, chart)| Picture::of(name, chart))
            .collect(),
        scenario: &plan.text,
        strings: strings.all(),
    };
    document::document(run, options, &data)
}

/// Everything that the page's program reads.
#[derive(Serialize)]
struct Data<'a> {
    schema: &'static str,
    about: About<'a>,
    ends: Vec<background::End>,
    events: Events,
    overview: Overview,
    background: Background,
    states: States,
    charts: Vec<Picture>,
    scenario: &'a str,
    strings: Vec<String>,
}

#[derive(Serialize)]
struct About<'a> {
    title: &'a str,
    name: &'a str,
    protocol: &'a str,
    seed: String,
    hash: String,
    epoch: u32,
    command: &'a str,
    end: u64,
    total: usize,
    nodes: usize,
}

impl<'a> About<'a> {
    fn of(run: &'a Run, options: &'a PageOptions) -> Self {
        Self {
            title: &run.title,
            name: &run.name,
            protocol: &run.protocol,
            seed: run.seed.to_string(),
            hash: format!("{:032x}", run.hash),
            epoch: ENGINE_EPOCH,
            command: &options.command,
            end: super::spans::simulated(run).as_nanos(),
            total: run.entries.len(),
            nodes: run.catalog.nodes.len(),
        }
    }
}

/// A chart with its table.
#[derive(Serialize)]
struct Picture {
    name: &'static str,
    title: String,
    svg: String,
    /// The head and the first rows of its table.
    csv: String,
    /// How many rows there are in all.
    rows: usize,
}

impl Picture {
    fn of(name: &'static str, charts::Chart { title, svg, csv }: charts::Chart) -> Self {
        /// Nobody reads on, and the whole table can be had as a file.
        const ROWS_MAX: usize = 500;
        let rows = csv.lines().count().saturating_sub(1);
        let csv = csv.split_inclusive('\n').take(ROWS_MAX + 1).collect();
        Self { name, title, svg, csv, rows }
    }
}

/// The entries that are told in detail: with what is violated three quarters down.
fn window(run: &Run, most: usize) -> Range<usize> {
    let all = run.entries.len();
    if all <= most {
        return 0..all;
    }
    let cited = run.judgements.iter().filter_map(|judgement| match &judgement.verdict {
        Verdict::Violated(witness) => witness.citations.iter().map(|one| one.event).min(),
        _ => None,
    });
    let focus = cited.min().unwrap_or(EventId(1));
    let place = run.entries.partition_point(|entry| entry.event < focus);
    let start = place.saturating_sub(most * 3 / 4).min(all - most);
    start..start + most
}

#[cfg(test)]
mod tests;
