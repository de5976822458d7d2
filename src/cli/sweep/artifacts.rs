//! What a sweep leaves behind: for each distinct failure a shrunk scenario, its screen, a picture.
//!
//! ```text
//!   fingerprint ──smallest seed──▶ shrink ──▶ DIR/path/of/scenario/[variant/]property-shape/
//!                                              scenario.ron · run.txt · space_time.svg
//! ```
//!
//! One folder per failure and not per seed: a thousand seeds with one bug are one thing to look
//! at. Failures that the scenario expects are left out, since nobody has to look at them. A failure
//! that cannot be shrunk says why, and the sweep goes on. The folder names everything that tells two
//! finds of a sweep apart: the file with its path, what `--vary` and `--set` made of it, and the
//! fingerprint. Between two failures it is asked whether to stop.

use super::{Case, Session};
use crate::{
    base::ids::Seed,
    cli::shrink::{find_name, folder_of, shrunk, sizes, write},
    report::{
        screen::{Colour, Surroundings, screen},
        space_time::{SpaceTimeOptions, space_time},
    },
    search::{
        fingerprint::Fingerprint,
        shrink::Shrunk,
        sweep::{Halt, Swept},
        tally::Failure,
    },
};
use std::path::PathBuf;

/// Runs spent on one failure at most.
const RUNS_MAX: u32 = 5_000;

impl Session<'_> {
    /// Shrinks every distinct failure that nobody expects, and keeps it if a folder is given; stops
    /// between two of them when somebody interrupts or the time is up.
    pub(super) fn shrink_all(&self, case: &Case, swept: &Swept) -> Result<(), String> {
        let failures = swept.tally.unexpected(&case.head.expect);
        for (place, (fingerprint, failure)) in failures.iter().enumerate() {
            if self.threads.halt() != Halt::Done {
                let left = failures.len() - place;
                self.tell(&format!(
                    "\nstopped   {left} of {} failures are not shrunk\n",
                    failures.len()
                ));
                return Ok(());
            }
            let told = self.shrink_one(case, fingerprint, failure)?;
            self.tell(&told);
        }
        Ok(())
    }

    fn tell(&self, text: &str) {
        if self.environment.format == super::Format::Human {
            self.environment.print(text);
        }
    }

    fn shrink_one(
        &self,
        case: &Case,
        fingerprint: &Fingerprint,
        failure: &Failure,
    ) -> Result<String, String> {
        let (plan, seed) = (&case.file.plan, Seed(failure.smallest));
        match shrunk(self.environment, plan, seed, fingerprint, RUNS_MAX) {
            Err(why) => Ok(format!("\nshrunk    {fingerprint}@{seed}: {why}\n")),
            Ok(shrunk) => {
                let after = sizes(shrunk.before, shrunk.draft.size());
                let mut told = format!("\nshrunk    {fingerprint}@{seed}: {after}\n");
                for line in shrunk.draft.story.iter().skip(3) {
                    told += &format!("  {line}\n");
                }
                if let Some(folder) = self.keep(case, fingerprint, &shrunk)? {
                    told += &format!("kept      {}\n", folder.display());
                }
                Ok(told)
            }
        }
    }

    /// Writes a shrunk failure into a folder of its own.
    fn keep(
        &self,
        case: &Case,
        fingerprint: &Fingerprint,
        shrunk: &Shrunk,
    ) -> Result<Option<PathBuf>, String> {
        let Some(home) = &self.arguments.artifacts else { return Ok(None) };
        let edits = [&case.head.sets[..], &case.head.variation].concat();
        let folder = home.join(folder_of(&case.file.path, &edits)).join(find_name(fingerprint));
        let run = &shrunk.seen.run;
        let surroundings = Surroundings {
            expected: None,
            reproduce: format!("splitbrain run {}", folder.join("scenario.ron").display()),
            reports: Vec::new(),
        };
        let files = [
            ("scenario.ron", shrunk.draft.text()),
            ("run.txt", screen(run, &surroundings, Colour::Never)),
            ("space_time.svg", space_time(run, SpaceTimeOptions::default())),
        ];
        for (file, text) in files {
            let path = folder.join(file);
            write(&path, &text)
                .map_err(|error| format!("failed to write {}: {error}", path.display()))?;
        }
        Ok(Some(folder))
    }
}
