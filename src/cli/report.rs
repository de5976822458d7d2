//! `report`: a run as one page for a browser.
//!
//! ```text
//!   RUN ──▶ run ──▶ the hash it promises? ──yes──▶ one HTML file: 0
//!                                          └─no──▶ nothing is written: 5
//! ```
//!
//! A page of another run than the one that was named would be worse than none. The exit code says
//! whether there is a page, and nothing about the verdicts in it: that is `run`'s business.

use super::{
    Environment, Format,
    address::RunArguments,
    caught::caught,
    exit::Code,
    run::{expectation, write_page},
};
use crate::{
    engine::trace::Recording,
    report::{
        json,
        page::{PageOptions, page},
    },
};
use std::path::PathBuf;

/// Arguments of `report`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    run: RunArguments,

    /// The file to write; reports/NAME/SEED/report.html when left out.
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,

    /// Details of so many events at most, around what is violated.
    #[arg(long, value_name = "N", default_value = "50000", value_parser = clap::value_parser!(u32).range(100..))]
    events_max: u32,
}

pub(super) fn report(environment: &Environment<'_>, arguments: &Arguments) -> Code {
    let named = match environment.named_run(&arguments.run) {
        Ok(named) => named,
        Err(code) => return code,
    };
    let plan = &named.file.plan;
    let run = match caught(|| plan.runner().run(named.seed, Recording::Full)) {
        Ok(run) => run,
        Err(panic) => {
            environment.complain(&format!(
                "error[SB0502]: {}@{}: {} panicked: {panic}\n",
                plan.name, named.seed, plan.protocol
            ));
            return Code::NotAsExpected;
        }
    };
    let recorded = named.recorded.as_ref().map(|(_, recorded)| recorded.address().1);
    let promised = named.hash.as_ref().is_none_or(|hash| hash.fits(run.hash));
    if !promised || recorded.is_some_and(|hash| hash != run.hash) {
        environment.complain(&format!(
            "error: {} is another run by now: its trace hash is {:032x}; `splitbrain replay {}` \
             says where it parts\n",
            arguments.run.run, run.hash, arguments.run.run
        ));
        return Code::Diverged;
    }
    let met = plan.expectation(&run.judgements);
    let options = PageOptions {
        command: format!("splitbrain report {}", named.arguments(run.hash)),
        expected: expectation(&plan.expect.describe(), &met).text,
        events_max: arguments.events_max as usize,
    };
    let usual = || PathBuf::from(format!("reports/{}/{}/report.html", run.name, run.seed));
    let path = arguments.out.clone().unwrap_or_else(usual);
    match write_page(&path, &page(&run, plan, &options)) {
        Ok(path) if environment.format == Format::Human => environment.print(&format!("{path}\n")),
        Ok(path) => {
            let object = serde_json::json!({
                "schema": json::SCHEMA, "type": "report", "scenario": run.name,
                "seed": run.seed.to_string(), "trace_hash": format!("{:032x}", run.hash), "file": path,
            });
            environment.print(&format!("{object}\n"));
        }
        Err(error) => return environment.usage(&error),
    }
    Code::AsExpected
}
