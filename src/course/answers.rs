//! Answers: a file of predictions and findings, each held against a run.
//!
//! ```text
//!   Answers(seed: 17, in_doubt: "5s")
//!           │         └ Measured(InDoubt(at: "100%")) over the seeds of the scenario ± 10 %
//!           └ Seed(violates: "answered.writes"): run, and look
//! ```
//!
//! What is right is not written down but run, where that can be: so an exercise whose scenario is
//! changed does not keep an old truth. A question that nobody has answered yet holds `"?"`.

use super::{
    claims::{Found, Stands, metric, number, shown},
    load::Exercise,
    model::{AnswersPart, Question, Right},
    trial::Bench,
};
use crate::{
    base::{
        ids::Seed,
        text::{
            diagnostic::{Code, Diagnostic},
            source::{Edited, Node, Tree},
        },
    },
    checkers::Verdict,
    scenario::{load::load, plan::Plan},
    study::{
        estimate::Samples,
        metrics::fraction,
        observed::{Watch, observed},
    },
};

/// What stands where nothing was answered yet.
const OPEN: &str = "?";
/// How many seeds a measurement takes.
const SEEDS: u64 = 50;

/// How each question is answered. `place` is where the part stands in the exercise's text.
///
/// # Errors
/// Mistakes of the exercise.
pub(super) fn found(
    bench: &Bench<'_>,
    exercise: &Exercise,
    (part, place): (&AnswersPart, &Node),
    (tree, text): (&Tree, &str),
) -> Result<Vec<Found>, Vec<Diagnostic>> {
    let nodes = place.field(&exercise.text, "questions").map_or(&[][..], Node::items);
    let mut all = Vec::new();
    for (question, node) in part.questions.iter().zip(nodes) {
        let answer = tree.root.field(text, &question.field);
        let answer = answer.map_or(OPEN, |node| node.string(text).unwrap_or(node.text(text)));
        let asked = Asked { bench, exercise, question, node };
        let (stands, says) = match answer.trim() {
            "" | OPEN => (Stands::Broken, format!("not answered yet: {}", question.asks)),
            answer => asked.judge(answer)?,
        };
        all.push(Found { name: question.field.clone(), stands, says, seed: None });
    }
    Ok(all)
}

struct Asked<'a> {
    bench: &'a Bench<'a>,
    exercise: &'a Exercise,
    question: &'a Question,
    node: &'a Node,
}

type Judged = Result<(Stands, String), Vec<Diagnostic>>;

fn broken(says: String) -> (Stands, String) {
    (Stands::Broken, says)
}

impl Asked<'_> {
    fn judge(&self, answer: &str) -> Judged {
        match &self.question.right {
            Right::Seed { scenario, violates } => self.seed(answer, scenario, violates),
            Right::Word { of, is } => Ok(self.word(answer, of, is)),
            Right::Measured { scenario, within, .. } => {
                self.measured(answer, scenario, fraction(*within))
            }
        }
    }

    fn plan(&self, scenario: &str) -> Result<Plan, Vec<Diagnostic>> {
        let text = self.exercise.start(scenario);
        let name = scenario.trim_end_matches(".ron");
        load(self.bench.registry, name, &Edited::new(text)).map_err(|error| {
            let message = format!("{scenario} cannot be loaded: {}", error.mistakes[0].message);
            vec![Diagnostic::error(Code::BadSetting, self.node.anchor(), message)]
        })
    }

    fn word(&self, answer: &str, of: &[String], is: &str) -> (Stands, String) {
        let field = &self.question.field;
        if !of.iter().any(|word| word == answer) {
            return broken(format!("{field}: write one of {}, not `{answer}`", of.join(", ")));
        }
        if answer != is {
            return broken(format!("{field}: it is not {answer}: {}", self.question.asks));
        }
        (Stands::Met, format!("{field}: {answer}"))
    }

    fn seed(&self, answer: &str, scenario: &str, violates: &str) -> Judged {
        let field = &self.question.field;
        let Ok(seed) = answer.parse::<u64>() else {
            return Ok(broken(format!("{field}: a seed is a number, not `{answer}`")));
        };
        let plan = self.plan(scenario)?;
        let mut judgements = Vec::new();
        let ran = (self.bench.catch)(&mut || (_, judgements) = plan.runner().judge(Seed(seed)));
        if let Err(panic) = ran {
            return Ok(broken(format!("{field}: {scenario}@{seed} panicked: {panic}")));
        }
        let own = judgements.iter().find(|judgement| judgement.property == violates);
        match own.map(|judgement| &judgement.verdict) {
            Some(Verdict::Violated(witness)) => {
                let sentence = &witness.sentence;
                Ok((Stands::Met, format!("{field}: {seed} violates {violates}: {sentence}")))
            }
            Some(_) => {
                Ok(broken(format!("{field}: {violates} is not violated in {scenario}@{seed}")))
            }
            None => {
                let message = format!("{scenario} does not judge {violates}");
                Err(vec![Diagnostic::error(Code::UnknownProperty, self.node.anchor(), message)])
            }
        }
    }

    fn measured(&self, answer: &str, scenario: &str, within: f64) -> Judged {
        let field = &self.question.field;
        let plan = self.plan(scenario)?;
        let right = self.node.field(&self.exercise.text, "right");
        let place = right.and_then(|right| right.field(&self.exercise.text, "measure"));
        let place = place.unwrap_or(self.node);
        let (name, unit, metric) = metric((&self.exercise.text, place), &plan)?;
        let Some(said) = number(answer, unit) else {
            let unit = unit.words();
            return Ok(broken(format!("{field}: `{answer}` is not in the unit of {name}: {unit}")));
        };
        let mut samples = Samples::default();
        let mut look = || {
            let (mut runner, mut watch) = (plan.runner(), Watch::default());
            for seed in 1..=SEEDS {
                watch.reset();
                let judged = runner.judged_before(Seed(seed), &mut watch);
                let simulation = runner.simulation();
                let shown = (simulation.counters(), simulation.history());
                metric.look(&observed(&plan.catalog, shown, &judged, &mut watch), &mut samples);
            }
        };
        if let Err(panic) = (self.bench.catch)(&mut look) {
            return Ok(broken(format!("{field}: {scenario} panicked: {panic}")));
        }
        let Some(value) = metric.statistic.estimate(&samples).value else {
            let message = format!("there is nothing to measure for {name}");
            return Err(vec![Diagnostic::error(Code::BadSetting, place.anchor(), message)]);
        };
        let value = value * unit.factor();
        if (said - value).abs() > within * value.abs() {
            return Ok(broken(format!(
                "{field}: {} is further than {:.0} % from what {SEEDS} seeds of {scenario} show",
                shown(said, unit),
                within * 100.0
            )));
        }
        let (said, value) = (shown(said, unit), shown(value, unit));
        Ok((Stands::Met, format!("{field}: you said {said}, and it is {value}")))
    }
}
