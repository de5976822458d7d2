//! `list`: what there is to name in a scenario, and the scenarios themselves.
//!
//! ```text
//!   scenarios ◀─ files      protocols · workloads · checks ◀─ registry      mistakes ◀─ codes
//!   metrics · closed-forms ◀─ tables of studies      profiles ◀─ settings of pipelines
//! ```
//!
//! Everything comes from the registry and from the files, so a list cannot be out of date; a page
//! of documentation kept by hand was rejected for that reason.

use super::{Environment, Format, exit::Code, files::scenario_files, pipeline::settings};
use crate::{
    base::text::{diagnostic::Code as MistakeCode, source::Tree},
    study::{
        closed_forms::{self, ClosedForm},
        metrics,
    },
};
use clap::ValueEnum;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Arguments of `list`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// What to list.
    #[arg(default_value = "scenarios")]
    what: What,

    /// Where scenarios are looked for.
    #[arg(default_value = "scenarios")]
    path: PathBuf,
}

/// What can be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    /// Scenario files with their titles.
    Scenarios,
    /// Protocols.
    Protocols,
    /// Workloads.
    Workloads,
    /// Checks and the properties they judge.
    Checks,
    /// Codes of mistakes.
    Mistakes,
    /// What a study can measure.
    Metrics,
    /// Formulas a study can compare with.
    ClosedForms,
    /// Profiles of pipelines, with all that they say or inherit.
    Profiles,
}

pub(super) fn list(environment: &Environment<'_>, arguments: &Arguments) -> Code {
    let rows = match arguments.what {
        What::Scenarios => match scenarios(&arguments.path) {
            Ok(rows) => rows,
            Err(error) => return environment.usage(&error),
        },
        What::Protocols => {
            let protocols = environment.registry.protocols();
            protocols.map(|p| (p.name().to_owned(), p.summary().to_owned())).collect()
        }
        What::Workloads => {
            let workloads = environment.registry.workloads().iter();
            workloads.map(|w| (w.name.to_owned(), w.summary.to_owned())).collect()
        }
        What::Checks => checks(environment),
        What::Metrics => {
            let all = metrics::ALL.iter();
            all.map(|metric| (metric.name.to_owned(), metric.summary.to_owned())).collect()
        }
        What::ClosedForms => {
            let about = |form: &ClosedForm| format!("{} ({})", form.formula, form.source);
            closed_forms::ALL.iter().map(|form| (form.name.to_owned(), about(form))).collect()
        }
        What::Profiles => match environment.settings(None) {
            Ok(settings) => {
                settings.profiles.iter().map(|p| (p.name.clone(), p.describe())).collect()
            }
            Err(code) => return code,
        },
        What::Mistakes => {
            let codes = MistakeCode::ALL.iter();
            codes.map(|code| (code.as_str().to_owned(), code.title().to_owned())).collect()
        }
    };
    if rows.is_empty() {
        let missing = match arguments.what {
            What::Profiles => format!("there is no profile in {}\n", settings::PATH),
            _ => format!("no scenario (*.ron) in {}\n", arguments.path.display()),
        };
        environment.complain(&missing);
        return Code::NothingToRun;
    }
    show(environment, &rows);
    Code::AsExpected
}

type Rows = Vec<(String, String)>;

fn checks(environment: &Environment<'_>) -> Rows {
    let entries = environment.registry.checks().iter();
    let properties = entries.flat_map(|entry| entry.properties.iter().map(move |p| (entry, p)));
    properties
        .map(|(entry, property)| {
            (format!("{} ({})", property.name, entry.name), property.demands.to_owned())
        })
        .collect()
}

fn scenarios(path: &Path) -> Result<Rows, String> {
    let files = scenario_files(&[path.to_owned()])?;
    let rows = files.into_iter().map(|file| {
        let text = std::fs::read_to_string(&file)
            .map_err(|error| format!("failed to read {}: {error}", file.display()))?;
        Ok((file.display().to_string(), title(&text).unwrap_or_else(|| "?".to_owned())))
    });
    rows.collect()
}

fn title(text: &str) -> Option<String> {
    let tree = Tree::parse(text).ok()?;
    tree.root.field(text, "title")?.string(text).map(str::to_owned)
}

fn show(environment: &Environment<'_>, rows: &Rows) {
    match environment.format {
        Format::Human => {
            let width = rows.iter().map(|row| row.0.chars().count()).max().unwrap_or_default();
            for (name, about) in rows {
                environment.print(&format!("{name:<width$}  {about}\n"));
            }
        }
        Format::Json => {
            let all: Vec<_> =
                rows.iter().map(|row| json!({"name": row.0, "about": row.1})).collect();
            environment.print(&format!("{}\n", serde_json::Value::from(all)));
        }
        Format::Jsonl => {
            for (name, about) in rows {
                environment.print(&format!("{}\n", json!({"name": name, "about": about})));
            }
        }
    }
}
