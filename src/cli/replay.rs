//! `replay`: runs a run again and says whether it is the same to the last bit.
//!
//! ```text
//!   RUN ──▶ run ──▶ as promised? ──yes──▶ the same bits, the verdicts: 0
//!                                └─no───▶ the first event that differs, recorded and now: 5
//! ```
//!
//! The question of a replay is *the same bits?* and its exit code answers that alone; whether the
//! verdicts are what the scenario expects is the question of `run`. A recorded run promises every
//! event and every verdict, an address its hash. An address without a hash promises nothing, so
//! its run is run twice, in two worlds, recorded and only hashed.

mod compare;

use super::{
    Environment, Format,
    address::{NamedRun, RunArguments},
    caught::caught,
    exit::Code,
};
use crate::{
    engine::trace::Recording,
    report::{json, words::Words},
    scenario::run::Run,
    search::{
        divergence::{Happening, happenings},
        recording::verdicts,
    },
};
use compare::{Finding, compare};
use serde_json::{Value, json};

/// Arguments of `replay`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    run: RunArguments,
}

pub(super) fn replay(environment: &Environment<'_>, arguments: &Arguments) -> Code {
    if !arguments.run.sets.is_empty() && std::path::Path::new(&arguments.run.run).is_file() {
        let message = "a recorded run is replayed as it was recorded, without --set; \
                       `splitbrain diff RUN RUN --set-b PATH=VALUE` shows what an edit changes";
        return environment.usage(message);
    }
    let named = match environment.named_run(&arguments.run) {
        Ok(named) => named,
        Err(code) => return code,
    };
    let mut runner = named.file.plan.runner();
    let run = match caught(|| runner.run(named.seed, Recording::Full)) {
        Ok(run) => run,
        Err(panic) => return panicked(environment, &named, &panic),
    };
    let finding = compare(&named, &run, &runner, &told(&run));
    tell(environment, &named, &run, &finding);
    if finding.same { Code::AsExpected } else { Code::Diverged }
}

/// Everything that happened, in words.
fn told(run: &Run) -> Vec<Happening> {
    let words = Words::of(run);
    happenings(run, |entry| words.line(entry))
}

fn panicked(environment: &Environment<'_>, named: &NamedRun, panic: &str) -> Code {
    let plan = &named.file.plan;
    environment.complain(&format!(
        "error[SB0502]: {}@{}: {} panicked: {panic}\n",
        plan.name, named.seed, plan.protocol
    ));
    Code::NotAsExpected
}

fn tell(environment: &Environment<'_>, named: &NamedRun, run: &Run, finding: &Finding) {
    let address = named.arguments(run.hash);
    if environment.format != Format::Human {
        let object = object(run, finding, &address);
        return environment.print(&format!("{object}\n"));
    }
    let mut lines = finding.lines();
    let judged = verdicts(&run.judgements);
    let width = judged.iter().map(|(property, _)| property.len()).max().unwrap_or(0);
    for (nth, (property, verdict)) in judged.iter().enumerate() {
        let margin = if nth == 0 { "verdicts" } else { "" };
        let verdict = verdict.replace('_', " ");
        lines += &format!("{margin:8}  {property:width$}  {verdict}\n");
    }
    environment.print(&format!("{}@{}: {lines}", run.name, run.seed));
    environment.print(&format!("next      splitbrain replay {address}\n"));
}

fn object(run: &Run, finding: &Finding, address: &str) -> Value {
    json!({
        "schema": json::SCHEMA,
        "type": "replay",
        "scenario": run.name,
        "seed": run.seed.to_string(),
        "same": finding.same,
        "says": finding.says,
        "reasons": finding.reasons,
        "divergence": finding.parts.as_ref().map(compare::Parts::object),
        "trace_hash": format!("{:032x}", run.hash),
        "verdicts": verdicts(&run.judgements).into_iter().collect::<std::collections::BTreeMap<_, _>>(),
        "address": address,
    })
}
