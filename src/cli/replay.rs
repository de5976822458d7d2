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

mod command;
mod compare;
mod session;

use super::{
    Environment, Format,
    address::{NamedRun, RunArguments},
    caught::caught,
    exit::Code,
    parting,
};
use crate::{
    base::ids::EventId,
    engine::trace::Recording,
    report::{
        json,
        timeline::{Filter, TimelineOptions, timeline},
    },
    scenario::run::Run,
    search::recording::verdicts,
};
use command::Target;
use compare::{Finding, compare};
use serde_json::{Value, json};
use session::Session;
use std::path::Path;

/// Arguments of `replay`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    run: RunArguments,

    /// Show what happened up to this event or instant, and every node as it is then.
    #[arg(long, value_name = "EVENT|TIME", value_parser = target)]
    to: Option<Target>,

    /// Step through the run, forward and back, and branch it.
    #[arg(long, short)]
    interactive: bool,
}

fn target(text: &str) -> Result<Target, String> {
    command::target(text).ok_or_else(|| "write an event such as 57, or a time such as 0.2s".into())
}

pub(super) fn replay(environment: &Environment<'_>, arguments: &Arguments) -> Code {
    let file = Path::new(&arguments.run.run);
    let recorded = file.is_file() && file.extension().is_none_or(|extension| extension != "ron");
    if recorded && !arguments.run.sets.is_empty() {
        let message = "a recorded run is replayed as it was recorded, without --set; \
                       `splitbrain diff RUN RUN --set-b PATH=VALUE` shows what an edit changes";
        return environment.usage(message);
    }
    if arguments.interactive && environment.format != Format::Human {
        return environment.usage("-i talks to people: it goes with --format human only");
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
    let finding = compare(&named, &run, &runner, &parting::told(&run));
    drop(runner);
    let code = if finding.same { Code::AsExpected } else { Code::Diverged };
    if arguments.interactive {
        environment.print(&format!("{}@{}: {}", run.name, run.seed, finding.lines()));
        environment.print("`help` lists what can be said, an empty line takes another step\n");
        Session::new(environment, named.file.plan, run).talk(arguments.to);
        return code;
    }
    if let Some(target) = arguments.to {
        match shown_to(&named, &run, target) {
            Ok(text) if environment.format == Format::Human => environment.print(&text),
            Ok(_) => {}
            Err(error) => return environment.usage(&error),
        }
    }
    tell(environment, &named, &run, &finding);
    code
}

/// The timeline up to an event, and every node as it is then.
fn shown_to(named: &NamedRun, run: &Run, target: Target) -> Result<String, String> {
    let last = run.entries.last().map_or(EventId(0), |entry| entry.event);
    let event = match target {
        Target::Event(event) if event == EventId(0) || last < event => {
            return Err(format!("there is no event {event}: they go from #1 to {last}"));
        }
        Target::Event(event) => event,
        Target::At(at) => EventId(run.entries.partition_point(|entry| entry.at <= at) as u32),
        Target::Start => EventId(1),
        Target::End => last,
    };
    let only = Filter { events: (1..=event.0).map(EventId).collect(), ..Filter::default() };
    let shown = timeline(run, &TimelineOptions { only, ..TimelineOptions::default() });
    let at = run.entries[event.0 as usize - 1].at.as_seconds_text(6);
    let states = session::states_at(&named.file.plan, run, event);
    Ok(format!("{shown}\nafter {event}, at {at}:\n{states}\n"))
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
