//! Claims: what must come out of many seeds, and what must have happened in them.
//!
//! ```text
//!   Claim ──names looked up in a plan──▶ Ready ──seed by seed──▶ Tally ──▶ Found { stands, says }
//!   Holds(property: "no_blocking")                                  met │ broken │ inconclusive
//! ```
//!
//! A demand and a witness are the same kind of sentence; what differs is what follows when it is
//! not met. A demand that is not met is a wrong answer. A witness that is not met means that nothing
//! dangerous happened, so that the demands prove nothing: inconclusive, and never a pass.
//! Measures are the metrics of studies, so that a student can draw what an exercise counts.

use super::model::Claim;
use crate::{
    base::{
        quantity::Probability,
        text::{
            decode::decode_named,
            diagnostic::{Code, Diagnostic},
            source::Node,
        },
        time::Duration,
    },
    checkers::Verdict,
    scenario::plan::Plan,
    study::{
        estimate::Samples,
        metrics::{self, Metric, Unit, fraction},
        observed::Observed,
    },
};

/// A claim whose names have been looked up.
pub(super) struct Ready {
    /// What it is called where something is said to fail: the property, rule, step or metric.
    pub(super) name: String,
    kind: Kind,
}

enum Kind {
    Holds(usize),
    Violates(usize, f64),
    Exercised(usize, f64),
    Effect(usize, f64),
    Passed(usize, f64),
    Measure(Box<Measured>),
}

struct Measured {
    metric: Metric,
    unit: Unit,
    bound: f64,
    side: Side,
    /// As the exercise writes it.
    text: String,
}

#[derive(Clone, Copy, PartialEq)]
enum Side {
    AtMost,
    AtLeast,
}

/// What seeds showed.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub(super) seeds: u64,
    /// One per claim.
    counts: Vec<Count>,
    /// The first seed that came to no end, and what it said.
    pub(super) trouble: Option<(u64, String)>,
}

#[derive(Clone, Debug, Default)]
struct Count {
    /// Seeds that show it.
    shown: u64,
    /// Seeds that could have.
    exercised: u64,
    /// The first seed that does, and the first that does not.
    first: [Option<u64>; 2],
    samples: Samples,
}

/// How a claim stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stands {
    /// It is met.
    Met,
    /// It is not.
    Broken,
    /// Nothing was put to the test, or a checker gave up.
    Inconclusive,
}

/// What was found of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What it is called.
    pub name: String,
    /// How it stands.
    pub stands: Stands,
    /// In words.
    pub says: String,
    /// A seed to look at.
    pub seed: Option<u64>,
}

/// Looks up the names of a claim. `node` is where it stands in `text`.
///
/// # Errors
/// Every mistake in it: these are mistakes of the exercise.
pub(super) fn ready(
    claim: &Claim,
    (text, node): (&str, &Node),
    plan: &Plan,
) -> Result<Ready, Vec<Diagnostic>> {
    let unknown = |code, what: &str, name: &str| {
        let message = format!("`{name}` is no {what} of this scenario");
        vec![Diagnostic::error(code, node.anchor(), message)]
    };
    let property = |name: &String| {
        let judged = plan.checks.iter().flat_map(|check| check.properties);
        let place = judged.map(|property| property.name).position(|known| known == name);
        place.ok_or_else(|| unknown(Code::UnknownProperty, "property", name))
    };
    let (name, kind) = match claim {
        Claim::Holds { property: name } => (name, Kind::Holds(property(name)?)),
        Claim::Violates { property: name, seeds } => {
            (name, Kind::Violates(property(name)?, fraction(*seeds)))
        }
        Claim::Exercised { property: name, seeds } => {
            (name, Kind::Exercised(property(name)?, fraction(*seeds)))
        }
        Claim::Effect { rule, seeds } => {
            let place = plan.setup.rules.iter().position(|known| known.id == *rule);
            let place = place.ok_or_else(|| unknown(Code::BadSetting, "fault rule", rule))?;
            (rule, Kind::Effect(place, fraction(*seeds)))
        }
        Claim::Passed { step, seeds } => {
            let place = plan.catalog.steps.iter().position(|known| known.name == step);
            let place = place.ok_or_else(|| unknown(Code::UnknownStep, "step", step))?;
            (step, Kind::Passed(place, fraction(*seeds)))
        }
        Claim::AtMost { bound, .. } => return measure((text, node), bound, Side::AtMost, plan),
        Claim::AtLeast { bound, .. } => return measure((text, node), bound, Side::AtLeast, plan),
    };
    Ok(Ready { name: name.clone(), kind })
}

fn measure(
    (text, node): (&str, &Node),
    bound: &str,
    side: Side,
    plan: &Plan,
) -> Result<Ready, Vec<Diagnostic>> {
    let place = node.field(text, "measure").unwrap_or(node);
    let (name, unit, metric) = metric((text, place), plan)?;
    let Some(bound_value) = number(bound, unit) else {
        let message = format!("`{bound}` is not written in the unit of `{name}`: {}", unit.words());
        return Err(vec![Diagnostic::error(Code::BadQuantity, node.anchor(), message)]);
    };
    let text = bound.to_owned();
    let measured = Measured { metric, unit, bound: bound_value, side, text };
    Ok(Ready { name, kind: Kind::Measure(Box::new(measured)) })
}

/// A metric of studies: its name, its unit, and how to look at runs.
pub(super) fn metric(
    (text, place): (&str, &Node),
    plan: &Plan,
) -> Result<(String, Unit, Metric), Vec<Diagnostic>> {
    let named = decode_named(text, place).map_err(|mistake| vec![mistake])?;
    let Some(entry) = metrics::ALL.iter().find(|entry| entry.name == named.name) else {
        let message = format!("no metric is called `{}`", named.name);
        let known = metrics::ALL.iter().map(|entry| entry.name);
        let wrong = Diagnostic::error(Code::BadSetting, named.name_span, message);
        return Err(vec![wrong.suggest(named.name, "metrics", known)]);
    };
    let metric = entry.build(text, &named, plan)?;
    Ok((named.name.to_owned(), entry.unit, metric))
}

/// A number as a unit is written, in that unit: `"10%"` is 0.1, `"5ms"` is 5.
pub(super) fn number(text: &str, unit: Unit) -> Option<f64> {
    match unit {
        Unit::Share => text.parse::<Probability>().ok().map(fraction),
        Unit::Milliseconds => {
            let nanos = text.parse::<Duration>().ok()?.as_nanos();
            Some(nanos as f64 * unit.factor())
        }
        Unit::PerOperation | Unit::PerRun => {
            text.parse().ok().filter(|value: &f64| value.is_finite())
        }
    }
}

/// A value in the words of its unit.
pub(super) fn shown(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Share => format!("{:.2} %", value * 100.0),
        Unit::Milliseconds => format!("{value:.1} ms"),
        Unit::PerOperation | Unit::PerRun => format!("{value:.2} {}", unit.words()),
    }
}

impl Tally {
    pub(super) fn new(claims: usize) -> Self {
        Self { counts: vec![Count::default(); claims], ..Self::default() }
    }

    /// Adds what a run showed; `effects` are those of the fault rules.
    pub(super) fn add(&mut self, seed: u64, claims: &[Ready], run: &Observed<'_>, effects: &[u64]) {
        self.seeds += 1;
        for (count, claim) in self.counts.iter_mut().zip(claims) {
            let (shows, exercised) = match &claim.kind {
                Kind::Holds(place) | Kind::Violates(place, _) => {
                    let judgement = &run.judgements[*place];
                    let violated = matches!(judgement.verdict, Verdict::Violated(_));
                    let unknown = matches!(judgement.verdict, Verdict::Unknown(_));
                    (violated, judgement.exercised > 0 && !unknown)
                }
                Kind::Exercised(place, _) => (run.judgements[*place].exercised > 0, true),
                Kind::Effect(place, _) => (effects[*place] > 0, true),
                Kind::Passed(place, _) => (run.counters.steps[*place] > 0, true),
                Kind::Measure(measured) => {
                    measured.metric.look(run, &mut count.samples);
                    (false, true)
                }
            };
            count.shown += u64::from(shows);
            count.exercised += u64::from(exercised);
            count.first[usize::from(!shows)].get_or_insert(seed);
        }
    }

    /// Adds what later seeds showed.
    pub(super) fn append(&mut self, later: Self) {
        self.seeds += later.seeds;
        self.trouble = self.trouble.take().or(later.trouble);
        for (count, later) in self.counts.iter_mut().zip(later.counts) {
            count.shown += later.shown;
            count.exercised += later.exercised;
            for (first, later) in count.first.iter_mut().zip(later.first) {
                *first = first.or(later);
            }
            count.samples.append(later.samples);
        }
    }

    /// How each claim stands.
    pub(super) fn found(&self, claims: &[Ready]) -> Vec<Found> {
        let all = claims.iter().zip(&self.counts);
        all.map(|(claim, count)| claim.found(count, self.seeds)).collect()
    }
}

impl Ready {
    fn found(&self, count: &Count, seeds: u64) -> Found {
        let name = &self.name;
        let (stands, says, seed) = match &self.kind {
            Kind::Holds(_) => held(name, count, seeds),
            Kind::Violates(_, least) => share(count, seeds, *least, &format!("{name} is violated")),
            Kind::Exercised(_, least) => {
                share(count, seeds, *least, &format!("{name} is put to the test"))
            }
            Kind::Effect(_, least) => {
                share(count, seeds, *least, &format!("the fault `{name}` has an effect"))
            }
            Kind::Passed(_, least) => {
                share(count, seeds, *least, &format!("the step {name} is passed"))
            }
            Kind::Measure(measured) => measured.found(name, count),
        };
        Found { name: name.clone(), stands, says, seed }
    }
}

fn held(name: &str, count: &Count, seeds: u64) -> (Stands, String, Option<u64>) {
    if count.shown > 0 {
        let says = format!("{name} is violated in {} of {seeds} seeds", count.shown);
        return (Stands::Broken, says, count.first[0]);
    }
    if count.exercised == 0 {
        let says = format!("{name} was put to the test in none of {seeds} seeds");
        return (Stands::Inconclusive, says, None);
    }
    let says = format!("{name} holds in {seeds} seeds, put to the test in {}", count.exercised);
    (Stands::Met, says, None)
}

/// A share of seeds that is to be large enough.
fn share(count: &Count, seeds: u64, least: f64, what: &str) -> (Stands, String, Option<u64>) {
    let says = format!("{what} in {} of {seeds} seeds", count.shown);
    if count.shown as f64 >= least * seeds as f64 && seeds > 0 {
        return (Stands::Met, says, None);
    }
    let wanted = if least >= 1.0 { "all".to_owned() } else { format!("{} %", least * 100.0) };
    (Stands::Broken, format!("{says}; it takes {wanted}"), count.first[1])
}

impl Measured {
    fn found(&self, name: &str, count: &Count) -> (Stands, String, Option<u64>) {
        let Some(value) = self.metric.statistic.estimate(&count.samples).value else {
            return (Stands::Inconclusive, format!("nothing to measure for {name}"), None);
        };
        let value = value * self.unit.factor();
        let (met, words) = match self.side {
            Side::AtMost => (value <= self.bound, "at most"),
            Side::AtLeast => (value >= self.bound, "at least"),
        };
        let stands = if met { Stands::Met } else { Stands::Broken };
        let says =
            format!("{name} is {}; it shall be {words} {}", shown(value, self.unit), self.text);
        (stands, says, None)
    }
}
