//! Metrics: what a study can measure, one line of a table each.
//!
//! ```text
//!   name        of one seed            over seeds
//!   Messages    sent / operations      mean            Violations   violated / 1       share
//!   Refused     not done / operations  share           Latency      every latency      quantile
//! ```
//!
//! A metric reads what a run shows anyway (counters, the history, verdicts, doubts) and gives whole
//! numbers; means, shares and quantiles are made of them once, at the end. So a new pattern adds a
//! line here and no statistics. To let files write formulas over counters was rejected: a name can
//! be explained, a formula has to be understood.
//!
//! Limits: a latency is that of an operation that was answered `ok`; what never ended has none, so
//! look at `Unanswered` beside it. Reads are audits and reads, writes all that changes something.

mod staleness;

use super::{
    estimate::{Pair, Samples, Statistic},
    observed::Observed,
};
use crate::{
    base::{
        quantity::Probability,
        text::{
            decode::Named,
            diagnostic::{Code, Diagnostic},
        },
        time::Duration,
    },
    checkers::Verdict,
    engine::operations::{Ending, HistoryEntry, Operation},
    scenario::plan::Plan,
};
use serde::Deserialize;

/// One line of the table.
pub struct MetricEntry {
    /// What files call it.
    pub name: &'static str,
    /// What it measures in.
    pub unit: Unit,
    /// One line about it.
    pub summary: &'static str,
    build: Build,
}

type Build = fn(&str, &Named<'_>, &Plan) -> Result<Metric, Vec<Diagnostic>>;

/// What a number means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// So many of something per operation.
    PerOperation,
    /// So many per run.
    PerRun,
    /// A part of one.
    Share,
    /// Milliseconds of virtual time.
    Milliseconds,
}

impl Unit {
    /// As an axis says it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::PerOperation => "per operation",
            Self::PerRun => "per run",
            Self::Share => "%",
            Self::Milliseconds => "ms",
        }
    }

    /// From what is summed to what is shown.
    pub const fn factor(self) -> f64 {
        match self {
            Self::PerOperation | Self::PerRun | Self::Share => 1.0,
            Self::Milliseconds => 1e-6,
        }
    }
}

/// Looks at one run.
type Look = dyn Fn(&Observed<'_>, &mut Vec<u64>) -> Pair + Send + Sync;

/// A metric with its options, for one scenario.
pub struct Metric {
    /// What becomes of what it shows.
    pub statistic: Statistic,
    look: Box<Look>,
}

impl Metric {
    /// Adds what one run shows.
    pub fn look(&self, run: &Observed<'_>, samples: &mut Samples) {
        let pair = (self.look)(run, &mut samples.values);
        samples.pairs.push(pair);
    }
}

impl MetricEntry {
    /// A metric of a scenario.
    ///
    /// # Errors
    /// Every mistake in its options.
    pub fn build(
        &self,
        text: &str,
        named: &Named<'_>,
        plan: &Plan,
    ) -> Result<Metric, Vec<Diagnostic>> {
        (self.build)(text, named, plan)
    }
}

/// Every metric.
pub const ALL: &[MetricEntry] = &[
    MetricEntry {
        name: "Messages",
        unit: Unit::PerOperation,
        summary: "messages sent between nodes, of a `role` or `label` if given",
        build: |text, named, plan| counted(text, named, plan, Of::Messages),
    },
    MetricEntry {
        name: "Records",
        unit: Unit::PerOperation,
        summary: "records logged, forced or not, of a `role` or `label` if given",
        build: |text, named, plan| counted(text, named, plan, Of::Records),
    },
    MetricEntry {
        name: "ForcedWrites",
        unit: Unit::PerOperation,
        summary: "records logged with a force, of a `role` or `label` if given",
        build: |text, named, plan| counted(text, named, plan, Of::Forced),
    },
    MetricEntry {
        name: "Flushes",
        unit: Unit::PerOperation,
        summary: "physical forces, of which several records may share one",
        build: |text, named, _| {
            named.decode::<NoOptions>(text)?;
            Ok(per_operation(|run| run.counters.flushes))
        },
    },
    MetricEntry {
        name: "Steps",
        unit: Unit::PerOperation,
        summary: "how often a load-bearing `step` was passed",
        build: steps,
    },
    MetricEntry {
        name: "Recoveries",
        unit: Unit::PerRun,
        summary: "boots after a crash",
        build: |text, named, _| {
            named.decode::<NoOptions>(text)?;
            Ok(pairs(Statistic::Mean, |run| Pair { sum: run.counters.nodes.recoveries, of: 1 }))
        },
    },
    MetricEntry {
        name: "Availability",
        unit: Unit::Share,
        summary: "operations answered ok, of `Reads` or `Writes` if given",
        build: |text, named, _| ended(text, named, |end| matches!(end, Some(Ending::Ok(_)))),
    },
    MetricEntry {
        name: "Refused",
        unit: Unit::Share,
        summary: "operations answered `not done`, such as aborted transactions",
        build: |text, named, _| ended(text, named, |end| end == Some(Ending::NotDone)),
    },
    MetricEntry {
        name: "Unanswered",
        unit: Unit::Share,
        summary: "operations given up, or open when the run ended",
        build: |text, named, _| {
            ended(text, named, |end| matches!(end, None | Some(Ending::Unknown)))
        },
    },
    MetricEntry {
        name: "Latency",
        unit: Unit::Milliseconds,
        summary: "the latency that the share `at` of ok operations does not exceed",
        build: latency,
    },
    MetricEntry {
        name: "LatencyMean",
        unit: Unit::Milliseconds,
        summary: "the mean latency of ok operations",
        build: latency_mean,
    },
    MetricEntry {
        name: "InDoubt",
        unit: Unit::Milliseconds,
        summary: "how long a node was in doubt, not exceeded by the share `at` of doubts",
        build: |text, named, _| {
            let At { at } = named.decode(text)?;
            Ok(values(at, |run, values| values.extend(run.doubts.iter().map(|d| d.as_nanos()))))
        },
    },
    MetricEntry {
        name: "InDoubtMean",
        unit: Unit::Milliseconds,
        summary: "how long a node was in doubt on average",
        build: |text, named, _| {
            named.decode::<NoOptions>(text)?;
            Ok(pairs(Statistic::Mean, |run| {
                let sum = run.doubts.iter().map(|doubt| doubt.as_nanos()).sum();
                Pair { sum, of: run.doubts.len() as u64 }
            }))
        },
    },
    MetricEntry {
        name: "Lag",
        unit: Unit::Milliseconds,
        summary: "from the commit of a change to its first effect, or until a copy shows it; not \
                  exceeded by the share `at`",
        build: |text, named, _| {
            let At { at } = named.decode(text)?;
            Ok(values(at, |run, values| values.extend(lags(run))))
        },
    },
    MetricEntry {
        name: "LagMean",
        unit: Unit::Milliseconds,
        summary: "from the commit of a change to its first effect, or until a copy shows it, on average",
        build: |text, named, _| {
            named.decode::<NoOptions>(text)?;
            Ok(pairs(Statistic::Mean, |run| Pair {
                sum: lags(run).sum(),
                of: lags(run).count() as u64,
            }))
        },
    },
    MetricEntry {
        name: "ChangesMissed",
        unit: Unit::Share,
        summary: "changes of a source that no copy came to show, nor a later one of the same key",
        build: |text, named, _| {
            named.decode::<NoOptions>(text)?;
            Ok(pairs(Statistic::Share, |run| {
                let of = run.missed + run.copy_lags.len() as u64;
                Pair { sum: run.missed, of }
            }))
        },
    },
    MetricEntry {
        name: "Violations",
        unit: Unit::Share,
        summary: "seeds that violate a `property` of a listed check",
        build: violations,
    },
    MetricEntry {
        name: "Stale",
        unit: Unit::Share,
        summary: "ok reads that miss at least so many `versions` written before they began",
        build: staleness::stale,
    },
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoOptions {}

/// Which operations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
enum Kind {
    #[default]
    All,
    Reads,
    Writes,
}

impl Kind {
    fn has(self, operation: Operation) -> bool {
        let reads = matches!(operation, Operation::Read { .. } | Operation::Audit);
        let own = matches!(operation, Operation::Own { .. });
        match self {
            Self::All => true,
            Self::Reads => reads,
            Self::Writes => !reads && !own,
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct OfKind {
    of: Kind,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct At {
    at: Probability,
}

#[derive(Clone, Copy)]
enum Of {
    Messages,
    Records,
    Forced,
}

/// Which messages or records.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Which {
    role: Option<String>,
    label: Option<String>,
}

fn pairs(
    statistic: Statistic,
    look: impl Fn(&Observed<'_>) -> Pair + Send + Sync + 'static,
) -> Metric {
    Metric { statistic, look: Box::new(move |run, _| look(run)) }
}

fn per_operation(count: impl Fn(&Observed<'_>) -> u64 + Send + Sync + 'static) -> Metric {
    pairs(Statistic::Mean, move |run| Pair { sum: count(run), of: run.counters.operations.invoked })
}

/// How late changes took effect, and how far copies were behind.
fn lags(run: &Observed<'_>) -> impl Iterator<Item = u64> {
    run.effect_lags.iter().chain(run.copy_lags).map(|lag| lag.as_nanos())
}

/// A quantile of all values that runs show.
fn values(
    at: Probability,
    look: impl Fn(&Observed<'_>, &mut Vec<u64>) + Send + Sync + 'static,
) -> Metric {
    let look = move |run: &Observed<'_>, values: &mut Vec<u64>| {
        let before = values.len();
        look(run, values);
        Pair { sum: 0, of: (values.len() - before) as u64 }
    };
    Metric { statistic: Statistic::Quantile(fraction(at)), look: Box::new(look) }
}

/// A probability as a float.
pub fn fraction(probability: Probability) -> f64 {
    if probability == Probability::ALWAYS {
        return 1.0;
    }
    probability.as_word() as f64 / 18_446_744_073_709_551_616.0
}

/// The places of a name in a list: one, or all when none is given.
fn places(
    (text, named, field): (&str, &Named<'_>, &str),
    (wanted, code, what): (Option<&String>, Code, &str),
    known: &[&str],
) -> Result<Vec<usize>, Vec<Diagnostic>> {
    let Some(wanted) = wanted else { return Ok((0..known.len()).collect()) };
    if let Some(place) = known.iter().position(|name| name == wanted) {
        return Ok(vec![place]);
    }
    let (word, list) = (wanted.as_str(), format!("{what}s"));
    let span = super::file::option_span(text, named, field);
    let diagnostic = Diagnostic::error(code, span, format!("there is no {what} `{word}`"));
    Err(vec![diagnostic.suggest(word, &list, known.iter().copied())])
}

fn counted(text: &str, named: &Named<'_>, plan: &Plan, of: Of) -> Result<Metric, Vec<Diagnostic>> {
    let Which { role, label } = named.decode(text)?;
    let catalog = &plan.catalog;
    let labels = match of {
        Of::Messages => &catalog.messages,
        Of::Records | Of::Forced => &catalog.records,
    };
    let labels: Vec<&str> = labels.names().iter().map(|name| &**name).collect();
    let roles = (role.as_ref(), Code::UnknownRole, "role");
    let roles = places((text, named, "role"), roles, &catalog.roles)?;
    let label = (label.as_ref(), Code::UnknownLabel, "label");
    let labels = places((text, named, "label"), label, &labels)?;
    let all = roles.iter().flat_map(|role| labels.iter().map(move |label| (*role, *label)));
    let all: Vec<(usize, usize)> = all.collect();
    Ok(per_operation(move |run| {
        let one = |&(role, label): &(usize, usize)| match of {
            Of::Messages => run.counters.messages_of(role, label).sent,
            Of::Records => {
                let counts = run.counters.records_of(role, label);
                counts.forced + counts.unforced
            }
            Of::Forced => run.counters.records_of(role, label).forced,
        };
        all.iter().map(one).sum()
    }))
}

fn steps(text: &str, named: &Named<'_>, plan: &Plan) -> Result<Metric, Vec<Diagnostic>> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Options {
        step: String,
    }
    let Options { step } = named.decode(text)?;
    let known: Vec<&str> = plan.catalog.steps.iter().map(|step| step.name).collect();
    let wanted = (Some(&step), Code::UnknownStep, "step");
    let step = places((text, named, "step"), wanted, &known)?[0];
    Ok(per_operation(move |run| run.counters.steps[step]))
}

fn ended(
    text: &str,
    named: &Named<'_>,
    hit: fn(Option<Ending>) -> bool,
) -> Result<Metric, Vec<Diagnostic>> {
    let OfKind { of } = named.decode(text)?;
    Ok(pairs(Statistic::Share, move |run| {
        let asked = run.history.iter().filter(|entry| of.has(entry.operation));
        let hits = asked.clone().filter(|entry| hit(entry.ending.map(|(_, ending)| ending)));
        Pair { sum: hits.count() as u64, of: asked.count() as u64 }
    }))
}

/// How long an operation took that was answered ok.
fn took(entry: &HistoryEntry) -> Option<Duration> {
    match entry.ending {
        Some((at, Ending::Ok(_))) => Some(at.saturating_since(entry.invoked_at)),
        _ => None,
    }
}

fn latencies(history: &[HistoryEntry], of: Kind) -> impl Iterator<Item = u64> {
    let asked = history.iter().filter(move |entry| of.has(entry.operation));
    asked.filter_map(took).map(Duration::as_nanos)
}

fn latency(text: &str, named: &Named<'_>, _: &Plan) -> Result<Metric, Vec<Diagnostic>> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Options {
        at: Probability,
        #[serde(default)]
        of: Kind,
    }
    let Options { at, of } = named.decode(text)?;
    Ok(values(at, move |run, values| values.extend(latencies(run.history, of))))
}

fn latency_mean(text: &str, named: &Named<'_>, _: &Plan) -> Result<Metric, Vec<Diagnostic>> {
    let OfKind { of } = named.decode(text)?;
    Ok(pairs(Statistic::Mean, move |run| {
        let add = |pair: Pair, took| Pair { sum: pair.sum + took, of: pair.of + 1 };
        latencies(run.history, of).fold(Pair::default(), add)
    }))
}

fn violations(text: &str, named: &Named<'_>, plan: &Plan) -> Result<Metric, Vec<Diagnostic>> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Options {
        property: String,
    }
    let Options { property } = named.decode(text)?;
    let judged = plan.checks.iter().flat_map(|check| check.properties);
    let known: Vec<&str> = judged.map(|property| property.name).collect();
    let wanted = (Some(&property), Code::UnknownProperty, "property judged by a listed check");
    places((text, named, "property"), wanted, &known)?;
    Ok(pairs(Statistic::Share, move |run| {
        let own = run.judgements.iter().filter(|judgement| judgement.property == property);
        let violated = own.filter(|judgement| matches!(judgement.verdict, Verdict::Violated(_)));
        Pair { sum: u64::from(0 < violated.count()), of: 1 }
    }))
}
