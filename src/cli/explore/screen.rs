//! The screen of an exploration: what was explored, whether all of it, and the shortest story.
//!
//! ```text
//!   explored   2PC: one transaction
//!   network    a set: a message once sent may arrive any number of times, or never
//!   budgets    1 crash between any two effects
//!   exhausted: every order within these budgets
//!   4,864 distinct states, 40,000 generated, depth 24
//! ```
//!
//! A count of states means nothing without the bounds it was made within, so both stand on one
//! screen, and a search that a bound has cut never reads like one that has ended. A property that no
//! order put to the test did not hold: it is told apart, and where there is no other, an
//! exploration decides nothing.

use crate::{
    checkers::PropertyInfo,
    cli::exit::Code,
    engine::{network::Order, untimed::Timers},
    explore::{
        breadth_first::{Bound, Counterexample, End, Explored, Report},
        models::ModelEntry,
        world::{Checks, Network, Patience, WorldModel, WorldOptions},
    },
    scenario::plan::Plan,
};
use serde_json::json;
use std::fmt::Write;

/// What there is to show of one scenario.
pub(super) struct Shown<'a> {
    pub(super) plan: &'a Plan,
    pub(super) path: String,
    pub(super) model: &'a WorldModel,
    pub(super) explored: &'a Explored,
    pub(super) options: WorldOptions,
    /// Losses and copies that were asked for.
    pub(super) free: (u16, u16),
    pub(super) command: String,
}

/// What came of it, compared with what the scenario expects.
pub(super) enum Verdict {
    /// As it expects.
    Met(String),
    /// Otherwise, and how.
    NotMet(String),
    /// A bound came first, or what it expects is not judged here.
    Open(String),
}

impl Verdict {
    pub(super) fn code(&self) -> Code {
        match self {
            Self::Met(_) => Code::AsExpected,
            Self::NotMet(_) => Code::NotAsExpected,
            Self::Open(_) => Code::Inconclusive,
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Met(text) | Self::NotMet(text) | Self::Open(text) => text,
        }
    }
}

impl Shown<'_> {
    fn report(&self) -> &Report {
        &self.explored.report
    }

    /// Whether the outcome is what the scenario expects.
    pub(super) fn verdict(&self) -> Verdict {
        let expected = self.plan.expect.violations();
        let says = self.plan.expect.describe();
        let judged = |property: &str| self.model.judged().iter().any(|one| one.name == property);
        let report = self.report();
        if let Some(found) = report.violations.first() {
            let property: &str = &found.violation.property;
            return if expected.contains(&property) {
                Verdict::Met(format!("{says}, as the scenario says"))
            } else {
                Verdict::NotMet(format!("{says}, but {property} is violated"))
            };
        }
        if report.end != End::Exhausted {
            return Verdict::Open(format!("{says}, but a bound came first"));
        }
        match expected.iter().find(|property| judged(property)) {
            Some(property) => Verdict::NotMet(format!("{says}, but no order violates {property}")),
            None if expected.is_empty() => self.held(says),
            None => Verdict::Open(format!("{says}, which cannot be judged without a clock")),
        }
    }

    /// All was to hold, and nothing is broken: was anything put to the test?
    fn held(&self, says: String) -> Verdict {
        let tested = |property: &PropertyInfo| self.model.is_tested(property.name);
        let all = self.model.judged();
        if !all.iter().any(tested) {
            return Verdict::Open(format!("{says}, but nothing was put to the test"));
        }
        if !all.iter().all(tested) {
            return Verdict::Met(format!("{says}, as far as it was put to the test"));
        }
        Verdict::Met(format!("{says}, as the scenario says"))
    }

    /// One screen for reading.
    pub(super) fn screen(&self) -> String {
        let report = self.report();
        let mut text = format!("explored   {}\n", self.plan.title);
        let mut line = |name: &str, value: &str| _ = writeln!(text, "{name:<10} {value}");
        line("scenario", &format!("{} ({})", self.path, self.plan.protocol));
        for asked in self.model.asked() {
            let entry = asked.entry;
            let node = self.plan.catalog.node(entry.node);
            line("operation", &format!("{} of {node}: {:?}", entry.op, entry.operation));
        }
        line("network", &self.network());
        line("timers", self.timers());
        line("budgets", &self.budgets());
        line("left out", &self.left_out());
        text.push('\n');
        text += &ending(report);
        text += &counts(report);
        self.judged(&mut text);
        self.probes(&mut text);
        for found in &report.violations {
            text += &story(found);
            for shows in self.model.witness(self.plan, found) {
                _ = writeln!(text, "witness    {} (step {})", shows.what, shows.step);
            }
        }
        _ = writeln!(text, "\nexpected   {}", self.verdict().text());
        _ = writeln!(text, "again      {}", self.command);
        text
    }

    /// What the scenario says and the exploration does without.
    fn left_out(&self) -> String {
        let setup = &self.plan.setup;
        let singles = setup.links.iter().map(|(_, link)| link);
        let mut links = [&setup.link, &setup.client_link].into_iter().chain(singles);
        let mut parts = Vec::new();
        if !setup.rules.is_empty() {
            parts.push(format!("the scenario's own faults ({})", setup.rules.len()));
        }
        if links.any(|link| link.order == Order::Fifo) {
            parts.push("the order that its links keep (network.order: Fifo)".to_owned());
        }
        parts.push("all latencies".to_owned());
        parts.join(", ")
    }

    fn network(&self) -> String {
        match self.options.network {
            Network::Set if self.free != (0, 0) => {
                "a set: a message once sent may arrive any number of times, or never; \
                 losses and copies are free, whatever their budget"
                    .to_owned()
            }
            Network::Set => {
                "a set: a message once sent may arrive any number of times, or never".to_owned()
            }
            Network::Multiset => "a multiset: a message arrives once for each copy".to_owned(),
        }
    }

    fn timers(&self) -> &'static str {
        match self.options.timers {
            Timers::Async => "async: any timer that is set may fire",
            Timers::Ordered => "ordered: none before one that was set first and is no longer",
        }
    }

    fn budgets(&self) -> String {
        let budgets = self.options.budgets;
        let mut parts = vec![match budgets.crashes {
            0 => "no crash".to_owned(),
            1 => "1 crash, between any two effects".to_owned(),
            more => format!("{more} crashes, between any two effects"),
        }];
        if self.options.network == Network::Multiset {
            parts.push(format!("{} losses", budgets.losses));
            parts.push(format!("{} copies", budgets.duplicates));
        }
        if let Some(firings) = budgets.firings {
            parts.push(format!("{firings} firings of timers"));
        }
        if self.model.patience() == Patience::OutlastsTheRun {
            parts.push("clients wait for as long as it takes".to_owned());
        }
        parts.join(", ")
    }

    fn judged(&self, text: &mut String) {
        let report = self.report();
        let broken = |name: &str| report.violations.iter().any(|v| v.violation.property == name);
        let unbroken = |tested: bool| {
            let all = self.model.judged().iter().map(|property| property.name);
            let listed = all.filter(|name| !broken(name) && self.model.is_tested(name) == tested);
            listed.collect::<Vec<_>>().join(", ")
        };
        let word = if report.is_exhausted() { "holds" } else { "unbroken" };
        for (word, names) in [(word, unbroken(true)), ("not exercised", unbroken(false))] {
            if !names.is_empty() {
                _ = writeln!(text, "{word:<10} {names}");
            }
        }
        let others: Vec<_> = self.model.not_judged().iter().map(|one| one.name).collect();
        if self.options.checks == Checks::Off {
            _ = writeln!(text, "not judged the checks were left out");
        } else if !others.is_empty() {
            let others = others.join(", ");
            _ = writeln!(text, "not judged {others}: these need a clock, or an end");
        }
    }

    fn probes(&self, text: &mut String) {
        let coverage = self.model.coverage();
        let cuts: usize = coverage.handlers.values().map(|tested| tested.cuts.len()).sum();
        let handlers = coverage.handlers.len();
        let steps = self.plan.catalog.steps;
        let never = steps.iter().enumerate().filter(|(step, _)| !coverage.steps.contains(step));
        let never: Vec<_> = never.map(|(_, step)| step.name).collect();
        let mut probes = format!("{handlers} handlers ran");
        if self.options.budgets.crashes > 0 {
            _ = write!(probes, ", cut by crashes in {cuts} places");
        }
        let passed = steps.len() - never.len();
        _ = write!(probes, ", {passed} of {} steps passed", steps.len());
        if !never.is_empty() {
            _ = write!(probes, " (never: {})", never.join(", "));
        }
        _ = writeln!(text, "probes     {probes}");
    }

    /// The same for programs.
    pub(super) fn object(&self) -> serde_json::Value {
        let coverage = self.model.coverage();
        let name = |place: &usize| self.plan.catalog.steps[*place].name;
        let handlers: Vec<_> = coverage
            .handlers
            .iter()
            .map(|(handler, tested)| {
                json!({
                    "role": handler.role,
                    "event": handler.event,
                    "effects_max": tested.effects_max,
                    "cuts": tested.cuts,
                })
            })
            .collect();
        let names =
            |all: &[PropertyInfo]| all.iter().map(|property| property.name).collect::<Vec<_>>();
        let judged = self.model.judged().iter().copied();
        let idle: Vec<_> = judged.filter(|one| !self.model.is_tested(one.name)).collect();
        let budgets = self.options.budgets;
        let mut object = report_object(self.report());
        object["scenario"] = self.plan.name.clone().into();
        object["file"] = self.path.clone().into();
        object["protocol"] = self.plan.protocol.clone().into();
        object["budgets"] = json!({
            "network": match self.options.network {
                Network::Set => "set",
                Network::Multiset => "multiset",
            },
            "timers": match self.options.timers {
                Timers::Async => "async",
                Timers::Ordered => "ordered",
            },
            "crashes": budgets.crashes,
            "losses": budgets.losses,
            "duplicates": budgets.duplicates,
            "firings": budgets.firings,
            "operations": self.model.asked().len(),
        });
        object["judged"] = names(self.model.judged()).into();
        object["not_exercised"] = names(&idle).into();
        object["left_out"] = self.left_out().into();
        object["not_judged"] = names(self.model.not_judged()).into();
        object["steps_passed"] = coverage.steps.iter().map(name).collect::<Vec<_>>().into();
        object["handlers"] = handlers.into();
        object["expected"] = self.plan.expect.describe().into();
        object["met"] = match self.verdict() {
            Verdict::Met(_) => true.into(),
            Verdict::NotMet(_) => false.into(),
            Verdict::Open(_) => serde_json::Value::Null,
        };
        object["command"] = self.command.clone().into();
        object
    }
}

/// Whether that was all.
fn ending(report: &Report) -> String {
    match report.end {
        End::Exhausted => "exhausted: every order within these budgets\n".to_owned(),
        End::Cut(Bound::States) => {
            "cut by --max-states: there are states that were not seen\n".to_owned()
        }
        End::Cut(Bound::Depth) => {
            "cut by --depth: there are deeper states that were not seen\n".to_owned()
        }
        End::Violated => "stopped at the first violation: its path is the shortest\n".to_owned(),
        End::Interrupted => "interrupted: there are states that were not seen\n".to_owned(),
    }
}

fn counts(report: &Report) -> String {
    let (distinct, generated) = (u64::from(report.distinct), report.generated);
    format!(
        "states     {} distinct, {} generated, depth {}\n",
        grouped(distinct),
        grouped(generated),
        report.depth()
    )
}

/// A number with a comma at every third digit.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn story(found: &Counterexample) -> String {
    let mut text =
        format!("\nviolated   {}: {}\n", found.violation.property, found.violation.witness);
    for (place, line) in found.story.iter().enumerate() {
        _ = writeln!(text, "{:>5}  {line}", place + 1);
    }
    text
}

fn report_object(report: &Report) -> serde_json::Value {
    let violations: Vec<_> = report
        .violations
        .iter()
        .map(|found| {
            json!({
                "property": found.violation.property,
                "witness": found.violation.witness,
                "steps": found.story,
            })
        })
        .collect();
    json!({
        "schema": "splitbrain.exploration/1",
        "end": match report.end {
            End::Exhausted => "exhausted",
            End::Cut(Bound::States) => "cut_by_states",
            End::Cut(Bound::Depth) => "cut_by_depth",
            End::Violated => "violated",
            End::Interrupted => "interrupted",
        },
        "distinct": report.distinct,
        "generated": report.generated,
        "depth": report.depth(),
        "levels": report.levels,
        "violations": violations,
    })
}

/// A specification for reading.
pub(super) fn model_screen(entry: &ModelEntry, explored: &Explored) -> String {
    let report = &explored.report;
    let mut text = format!("explored   {}: {}\n", entry.name, entry.summary);
    _ = writeln!(text, "source     {}", entry.source);
    text += &ending(report).replace(" within these budgets", "");
    text += &counts(report);
    report.violations.iter().for_each(|found| text += &story(found));
    text
}

/// The same for programs.
pub(super) fn model_object(entry: &ModelEntry, explored: &Explored) -> serde_json::Value {
    let mut object = report_object(&explored.report);
    object["model"] = entry.name.into();
    object
}
