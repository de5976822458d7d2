//! Memory: which seeds failed last time, for `--failed`.
//!
//! ```text
//!   sweep ──▶ reports/failed.json { scenario, sets, variation, seeds } ──▶ sweep --failed
//! ```
//!
//! One small file beside the reports, which version control ignores. A sweep replaces what is known
//! of its own scenarios and leaves the rest. Losing the file loses nothing but convenience.

use super::vary::Set;
use crate::search::sweep::Head;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What is known of the last sweeps.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Memory {
    failed: Vec<Failed>,
}

#[derive(Serialize, Deserialize)]
struct Failed {
    scenario: String,
    edits: Vec<Set>,
    seeds: Vec<String>,
}

fn edits(head: &Head) -> Vec<Set> {
    head.sets.iter().chain(&head.variation).cloned().collect()
}

impl Memory {
    fn path(folder: &Path) -> PathBuf {
        folder.join("failed.json")
    }

    /// What is remembered; nothing when there is no such file or it cannot be read.
    pub(super) fn load(folder: &Path) -> Self {
        let text = std::fs::read_to_string(Self::path(folder)).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// The seeds that failed last time, ascending.
    pub(super) fn seeds(&self, scenario: &str, edits: &[Set]) -> Vec<u64> {
        let known = self.failed.iter().find(|f| f.scenario == scenario && f.edits == edits);
        let seeds = known.map_or(&[][..], |failed| &failed.seeds);
        seeds.iter().filter_map(|seed| seed.parse().ok()).collect()
    }

    /// Replaces what is known of a scenario.
    pub(super) fn learn(&mut self, head: &Head, seeds: &[u64]) {
        let edits = edits(head);
        self.failed.retain(|known| known.scenario != head.scenario || known.edits != edits);
        if !seeds.is_empty() {
            let seeds = seeds.iter().map(u64::to_string).collect();
            self.failed.push(Failed { scenario: head.scenario.clone(), edits, seeds });
        }
    }

    /// Writes it down; nothing is created as long as there is nothing to remember.
    pub(super) fn save(&self, folder: &Path) -> Result<(), String> {
        let path = Self::path(folder);
        if self.failed.is_empty() && !path.exists() {
            return Ok(());
        }
        let failed = |error| format!("failed to write {}: {error}", path.display());
        std::fs::create_dir_all(folder).map_err(failed)?;
        let text = serde_json::to_string(self).expect("names and numbers are JSON");
        std::fs::write(&path, text + "\n").map_err(failed)
    }
}
