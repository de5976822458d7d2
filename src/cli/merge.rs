//! `merge`: the parts of a sweep, run apart, told as the one sweep they are.
//!
//! ```text
//!   part1.jsonl part2.jsonl part3.jsonl ──▶ one screen, as if one machine had run all
//! ```
//!
//! It refuses what does not fit together rather than adding it up: other texts, versions, seeds,
//! blocks that are there twice or nowhere. What it prints equals what the whole sweep would print,
//! byte for byte, in every format.

use super::{
    Environment, Format,
    exit::Code,
    pipeline::{Kept, Suite, line_of, of_merged, of_seed},
    sweep::{end_line, exit_code, show},
};
use crate::search::{
    lines::{Line, block_lines},
    merge::{Merged, merge as search},
};
use std::path::PathBuf;

/// Arguments of `merge`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// What `sweep --partition … --format jsonl` wrote, one file per part.
    #[arg(required = true, value_name = "FILE")]
    paths: Vec<PathBuf>,

    /// Write a test report there.
    #[arg(long, value_name = "FILE", help_heading = "Pipelines")]
    junit: Option<PathBuf>,
}

pub(super) fn merge(environment: &Environment<'_>, arguments: &Arguments) -> Code {
    let mut files = Vec::new();
    for path in &arguments.paths {
        match std::fs::read_to_string(path) {
            Ok(text) => files.push((path.display().to_string(), text)),
            Err(error) => {
                return environment.usage(&format!("failed to read {}: {error}", path.display()));
            }
        }
    }
    let merged = match search(&files) {
        Ok(merged) => merged,
        Err(error) => return environment.usage(&error),
    };
    let mut code = Code::AsExpected;
    let mut objects = Vec::new();
    let mut suites = Vec::new();
    for (place, sweep) in merged.iter().enumerate() {
        if place > 0 && environment.format == Format::Human {
            environment.print("\n");
        }
        if environment.format == Format::Jsonl {
            print_lines(environment, sweep);
        }
        show(environment, &sweep.head, &sweep.swept, &mut objects);
        code = code.or_graver(exit_code(&sweep.head, &sweep.swept));
        if arguments.junit.is_some() || environment.annotates {
            suites.push(told(environment, sweep));
        }
    }
    if environment.format == Format::Json {
        environment.print(&format!("{}\n", serde_json::Value::from(objects)));
    }
    match environment.publish(&suites, arguments.junit.as_deref()) {
        Ok(()) => code,
        Err(error) => code.or_graver(environment.usage(&error)),
    }
}

/// What a pipeline is told; with stories, if the scenario is here as it was swept.
fn told(environment: &Environment<'_>, Merged { head, swept, .. }: &Merged) -> Suite {
    let plan = of_merged(environment, head);
    let lines = |property: &str| plan.as_ref().map_or(1, |plan| line_of(plan, property));
    let tell = |seed| plan.as_ref().map_or_else(String::new, |plan| of_seed(plan, head, seed));
    Suite::of_sweep(head, swept, &lines, &tell, &Kept::new())
}

fn print_lines(environment: &Environment<'_>, Merged { head, blocks, swept }: &Merged) {
    environment.print(&Line::Header(Box::new(head.clone())).write());
    for (block, tally) in blocks {
        environment.print(&block_lines(*block, tally));
    }
    environment.print(&end_line(swept, blocks.len() as u64));
}
