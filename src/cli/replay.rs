//! `replay`: runs a run again and says whether it is the same to the last bit.
//!
//! ```text
//!   RUN ──▶ run ──▶ hash as promised? ──yes──▶ the same bits, the verdicts: 0
//!                                     └─no───▶ what came instead: 5
//! ```
//!
//! The question of a replay is *the same bits?* and its exit code answers that alone; whether the
//! verdicts are what the scenario expects is the question of `run`. An address without a hash
//! promises nothing, so its run is run twice, in two worlds, recorded and only hashed.

use super::{
    Environment, Format,
    address::{NamedRun, RunArguments},
    caught::caught,
    exit::Code,
};
use crate::{
    engine::trace::{ENGINE_EPOCH, Recording},
    scenario::run::Run,
};

/// Arguments of `replay`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    run: RunArguments,
}

pub(super) fn replay(environment: &Environment<'_>, arguments: &Arguments) -> Code {
    let named = match environment.named_run(&arguments.run) {
        Ok(named) => named,
        Err(code) => return code,
    };
    let plan = &named.file.plan;
    let run = match caught(|| plan.runner().run(named.seed, Recording::Full)) {
        Ok(run) => run,
        Err(panic) => {
            let message = format!("{}@{}: {panic}\n", plan.name, named.seed);
            environment.complain(&format!("error[SB0502]: {message}"));
            return Code::NotAsExpected;
        }
    };
    let told = same_bits(&named, &run);
    tell(environment, &named, &run, &told);
    if told.is_ok() { Code::AsExpected } else { Code::Diverged }
}

/// Whether the run is what was promised, in words.
fn same_bits(named: &NamedRun, run: &Run) -> Result<String, String> {
    if let Some(promised) = &named.hash {
        if promised.fits(run.hash) {
            return Ok(format!("the same bits: its trace hash begins with {promised}"));
        }
        return Err(format!(
            "another run: its trace hash is {:032x} and does not begin with {promised}; the \
             scenario, its edits or splitbrain changed since (this is epoch {ENGINE_EPOCH})",
            run.hash
        ));
    }
    let (again, _) = named.file.plan.runner().judge(named.seed);
    if again == run.hash {
        return Ok("the same bits twice; the address promises no hash to compare with".to_owned());
    }
    Err(format!("not deterministic: {:032x}, and {again:032x} the second time", run.hash))
}

fn tell(environment: &Environment<'_>, named: &NamedRun, run: &Run, told: &Result<String, String>) {
    let (Ok(words) | Err(words)) = told;
    let address = named.arguments(run.hash);
    if environment.format == Format::Human {
        let lines = format!("{}@{}: {words}\n", run.name, run.seed);
        return environment.print(&format!("{lines}next  splitbrain replay {address}\n"));
    }
    let object = serde_json::json!({
        "schema": crate::report::json::SCHEMA,
        "type": "replay",
        "scenario": run.name,
        "seed": run.seed.to_string(),
        "same": told.is_ok(),
        "trace_hash": format!("{:032x}", run.hash),
        "says": words,
        "address": address,
    });
    environment.print(&format!("{object}\n"));
}
