//! Kept cells: what a study has measured so far, one line per complete cell.
//!
//! ```text
//!   DIR/cells.jsonl    {"key":"…","first_hash":"…","estimates":[["bits","bits","bits","n"],…]}
//! ```
//!
//! A line is written when a cell is complete and never changed; a line that was torn by the end of
//! the process is not read. Numbers are kept by their bits, so that a table made of kept cells
//! equals one made of new ones to the last digit. Losing the file loses time and nothing else.

use crate::{
    search::statistics::Interval,
    study::{estimate::Estimate, run::Measured},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
};

/// The complete cells of one folder.
pub(super) struct Kept {
    path: PathBuf,
    cells: BTreeMap<String, Measured>,
    file: File,
}

/// A number by its bits, if there is one.
type Number = Option<String>;
/// Value and ends of its interval; trials; ends of what is tolerated.
type Bits = (Number, Number, Number, String, Number, Number);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    key: String,
    first_hash: String,
    estimates: Vec<Bits>,
}

impl Kept {
    /// Reads what is kept in a folder, or forgets it when a fresh start is wanted.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub(super) fn open(folder: &Path, fresh: bool) -> Result<Self, String> {
        let path = folder.join("cells.jsonl");
        let failed = |error| format!("failed to write {}: {error}", path.display());
        std::fs::create_dir_all(folder).map_err(failed)?;
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let lines = text.lines().filter(|_| !fresh);
        let known: Vec<(Row, Measured)> = lines.filter_map(read).collect();
        let mut options = OpenOptions::new();
        let file = options.create(true).append(!fresh).write(true).truncate(fresh);
        let mut file = file.open(&path).map_err(failed)?;
        // A torn line must not swallow the next one.
        if !fresh && !text.is_empty() && !text.ends_with('\n') {
            file.write_all(b"\n").map_err(failed)?;
        }
        let cells = known.into_iter().map(|(row, measured)| (row.key, measured)).collect();
        Ok(Self { path, cells, file })
    }

    /// What is kept of a cell.
    pub(super) fn get(&self, key: &str) -> Option<Measured> {
        self.cells.get(key).cloned()
    }

    /// Keeps a complete cell.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn keep(&mut self, key: &str, measured: &Measured) -> Result<(), String> {
        let bits = |number: f64| format!("{:016x}", number.to_bits());
        let estimates = measured.estimates.iter().map(|estimate| {
            let ends = |interval: Option<Interval>| {
                interval.map(|Interval { low, high }| (bits(low), bits(high))).unzip()
            };
            let ((low, high), (least, most)) = (ends(estimate.interval), ends(estimate.tolerance));
            (estimate.value.map(bits), low, high, estimate.trials.to_string(), least, most)
        });
        let row = Row {
            key: key.to_owned(),
            first_hash: format!("{:032x}", measured.first_hash),
            estimates: estimates.collect(),
        };
        let line = serde_json::to_string(&row).expect("texts are JSON") + "\n";
        let written = self.file.write_all(line.as_bytes());
        written.map_err(|error| format!("failed to write {}: {error}", self.path.display()))
    }
}

/// One line; nothing when it is torn or of another kind.
fn read(line: &str) -> Option<(Row, Measured)> {
    let row: Row = serde_json::from_str(line).ok()?;
    let number = |bits: &String| u64::from_str_radix(bits, 16).ok().map(f64::from_bits);
    let between = |low: &Number, high: &Number| {
        let ends = low.as_ref().and_then(number).zip(high.as_ref().and_then(number));
        ends.map(|(low, high)| Interval { low, high })
    };
    let estimates = row.estimates.iter().map(|(value, low, high, trials, least, most)| {
        Some(Estimate {
            value: value.as_ref().and_then(number),
            interval: between(low, high),
            tolerance: between(least, most),
            trials: trials.parse().ok()?,
        })
    });
    let estimates = estimates.collect::<Option<Vec<_>>>()?;
    let first_hash = u128::from_str_radix(&row.first_hash, 16).ok()?;
    Some((row, Measured { estimates, first_hash }))
}

/// Writes a file as a whole: whoever reads it sees the old text or the new one.
///
/// # Errors
/// When it cannot be written.
pub(super) fn write_whole(path: &Path, text: &str) -> Result<(), String> {
    let failed = |error| format!("failed to write {}: {error}", path.display());
    let part = path.with_extension("part");
    std::fs::write(&part, text).map_err(failed)?;
    std::fs::rename(&part, path).map_err(failed)
}
