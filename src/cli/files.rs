//! Scenario files: found in folders, read, loaded, and their mistakes shown.
//!
//! ```text
//!   paths ──▶ *.ron, sorted ──▶ text ──sets──▶ Plan │ rendered mistakes
//! ```
//!
//! All files are loaded before any is run, so that a mistake in the third leaves nothing half-done.

use super::{Environment, Format, exit::Code, pipeline::settings::is_settings};
use crate::{
    base::text::{
        diagnostic::{Colour, Diagnostic, Severity, Source, position, render},
        source::Edited,
    },
    scenario::{
        load::{LoadError, edit, load},
        plan::Plan,
    },
    search::recording::RecordedRun,
    study::file::is_study,
};
use anstream::AutoStream;
use std::path::{Path, PathBuf};

/// A file that could be loaded.
pub(super) struct Loaded {
    pub(super) path: PathBuf,
    pub(super) plan: Plan,
}

/// The scenario files behind paths: files as they are, folders with all `*.ron` below, sorted, but
/// for studies and for the settings of pipelines.
pub(super) fn scenario_files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, String> {
    let mut files = Vec::new();
    for path in paths {
        let read = |error| format!("failed to read {}: {error}", path.display());
        if std::fs::metadata(path).map_err(read)?.is_dir() {
            let from = files.len();
            gather(path, &mut files).map_err(read)?;
            files[from..].sort();
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

fn gather(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            gather(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "ron")
            && !is_something_else(&std::fs::read_to_string(&path).unwrap_or_default())
        {
            files.push(path);
        }
    }
    Ok(())
}

/// Whether a file that ends in `.ron` is no scenario, and not by mistake.
fn is_something_else(text: &str) -> bool {
    is_study(text) || is_settings(text)
}

impl Environment<'_> {
    /// Loads every file; shows all mistakes of all files and gives the code when there are any.
    pub(super) fn load_all(
        &self,
        paths: &[PathBuf],
        sets: &[(String, String)],
    ) -> Result<Vec<Loaded>, Code> {
        let files = scenario_files(paths).map_err(|error| self.usage(&error))?;
        if files.is_empty() {
            self.complain("there is no scenario (*.ron) here\n");
            return Err(Code::NothingToRun);
        }
        let mut loaded = Vec::new();
        let mut failed = 0;
        let mut mistakes = Vec::new();
        for path in &files {
            match self.load_one(path, sets, &mut mistakes) {
                Ok(plan) => loaded.push(Loaded { path: path.clone(), plan }),
                Err(code) => {
                    failed += 1;
                    if code != Code::Usage {
                        return Err(code);
                    }
                }
            }
        }
        if self.format == Format::Json && failed > 0 {
            self.print(&format!("{}\n", serde_json::Value::from(mistakes)));
        }
        if failed > 0 {
            if files.len() > 1 {
                self.complain(&format!("{failed} of {} files cannot be run\n", files.len()));
            }
            return Err(Code::Usage);
        }
        Ok(loaded)
    }

    fn load_one(
        &self,
        path: &Path,
        sets: &[(String, String)],
        mistakes: &mut Vec<serde_json::Value>,
    ) -> Result<Plan, Code> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| self.usage(&format!("failed to read {name}: {error}")))?;
        let stem = path.file_stem().map_or_else(String::new, |s| s.to_string_lossy().into_owned());
        self.load_text((&name, &stem), &text, sets, mistakes)
    }

    /// Loads a scenario that has been read: `name` is the file's, `stem` the scenario's.
    fn load_text(
        &self,
        (name, stem): (&str, &str),
        text: &str,
        sets: &[(String, String)],
        mistakes: &mut Vec<serde_json::Value>,
    ) -> Result<Plan, Code> {
        let edited: Edited = match edit(text, sets) {
            Ok(edited) => edited,
            Err(error) => return Err(self.usage(&format!("{name}: {error}"))),
        };
        load(self.registry, stem, &edited).map_err(|error| {
            self.show_mistakes(name, &error, mistakes);
            Code::Usage
        })
    }

    /// Loads the scenario that a recorded run has in it, and shows its mistakes if it has any.
    pub(super) fn load_recorded(
        &self,
        path: &Path,
        recorded: &RecordedRun,
        sets: &[(String, String)],
    ) -> Result<Loaded, Code> {
        let mut mistakes = Vec::new();
        let name = path.display().to_string();
        let loaded = self.load_text((&name, &recorded.name), &recorded.text, sets, &mut mistakes);
        if self.format == Format::Json && !mistakes.is_empty() {
            self.print(&format!("{}\n", serde_json::Value::from(mistakes)));
        }
        loaded.map(|plan| Loaded { path: PathBuf::from(&recorded.scenario), plan })
    }

    /// Shows the mistakes of one file.
    pub(super) fn refuse(&self, name: &str, error: &LoadError) -> Code {
        let mut kept = Vec::new();
        self.show_mistakes(name, error, &mut kept);
        if self.format == Format::Json {
            self.print(&format!("{}\n", serde_json::Value::from(kept)));
        }
        Code::Usage
    }

    pub(super) fn usage(&self, message: &str) -> Code {
        self.complain(&format!("error: {message}\n"));
        Code::Usage
    }

    /// Shows mistakes at once, or keeps them for the one document of `--format json`.
    fn show_mistakes(&self, name: &str, error: &LoadError, kept: &mut Vec<serde_json::Value>) {
        let objects = error.mistakes.iter().map(|one| mistake_object(name, &error.text, one));
        match self.format {
            Format::Human => {
                let source = Source { name, text: &error.text };
                let shown = render(&error.mistakes, &source, stderr_colour());
                self.complain(&format!("{shown}\n"));
            }
            Format::Json => kept.extend(objects),
            Format::Jsonl => objects.for_each(|object| self.print(&format!("{object}\n"))),
        }
    }
}

fn stderr_colour() -> Colour {
    match AutoStream::choice(&std::io::stderr()) {
        anstream::ColorChoice::Never => Colour::Never,
        _ => Colour::Always,
    }
}

/// A mistake as one JSON object.
fn mistake_object(name: &str, text: &str, mistake: &Diagnostic) -> serde_json::Value {
    let (line, column) = position(text, mistake.span.start);
    let severity = match mistake.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    serde_json::json!({
        "schema": "splitbrain.event/1",
        "type": "mistake",
        "file": name,
        "line": line,
        "column": column,
        "code": mistake.code.as_str(),
        "severity": severity,
        "message": mistake.message,
        "help": mistake.help,
    })
}
