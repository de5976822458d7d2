//! The desk: the folder in which a student works, and the note of what is done.
//!
//! ```text
//!   course/01_two_phase_blocking/{task.md, scenario.ron}      written by `init`, edited by hand
//!   course/progress.json                                      solved, hints read
//! ```
//!
//! The note is a convenience: it says where one was, and no grade is taken from it. Nothing of a
//! student's is ever written over; `reset` keeps what was there.

use crate::course::load::{Course, Exercise, Files};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

/// The note's file.
const PROGRESS: &str = "progress.json";

/// A student's folder.
pub(super) struct Desk {
    root: PathBuf,
}

/// What is done.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Progress {
    #[serde(default)]
    solved: BTreeSet<String>,
    #[serde(default)]
    hints: BTreeMap<String, usize>,
}

impl Progress {
    pub(super) fn is_solved(&self, id: &str) -> bool {
        self.solved.contains(id)
    }

    pub(super) fn solve(&mut self, id: &str) {
        self.solved.insert(id.to_owned());
    }

    pub(super) fn reopen(&mut self, id: &str) {
        self.solved.remove(id);
    }

    /// How many hints have been read.
    pub(super) fn hints(&self, id: &str) -> usize {
        self.hints.get(id).copied().unwrap_or_default()
    }

    pub(super) fn read_hint(&mut self, id: &str, count: usize) {
        self.hints.insert(id.to_owned(), count);
    }
}

impl Desk {
    /// The folder that has exercises in it: the one that is given, or this one, or `course` in it,
    /// or the one above, for whoever stands in the folder of an exercise.
    pub(super) fn find(given: Option<&Path>, course: &Course) -> Result<Self, String> {
        let guesses = given.map_or_else(
            || [".", "course", ".."].map(PathBuf::from).to_vec(),
            |given| vec![given.to_owned()],
        );
        let is_desk = |root: &&PathBuf| {
            course.exercises.iter().any(|one| root.join(&one.folder).join("task.md").is_file())
        };
        match guesses.iter().find(is_desk) {
            Some(root) => Ok(Self { root: root.clone() }),
            None => Err("there are no exercises here; `splitbrain exercise init` writes them to \
                         `course`, and `--in FOLDER` says where they are"
                .to_owned()),
        }
    }

    pub(super) fn path(&self, exercise: &Exercise, file: &str) -> PathBuf {
        let root = if self.root == Path::new(".") { Path::new("") } else { &self.root };
        root.join(&exercise.folder).join(file)
    }

    /// What a student has written; empty when it cannot be read.
    pub(super) fn text(&self, exercise: &Exercise, file: &str) -> String {
        fs::read_to_string(self.path(exercise, file)).unwrap_or_default()
    }

    /// The note; an empty one when there is none, or it cannot be read.
    pub(super) fn progress(&self) -> Progress {
        let text = fs::read_to_string(self.root.join(PROGRESS)).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    pub(super) fn save(&self, progress: &Progress) -> Result<(), String> {
        let path = self.root.join(PROGRESS);
        let text = serde_json::to_string_pretty(progress).expect("a note is plain data");
        fs::write(&path, text + "\n")
            .map_err(|error| format!("failed to write {}: {error}", path.display()))
    }

    /// Puts the files of an exercise back; what was changed goes to `.bak`. Says what it did.
    pub(super) fn reset(&self, exercise: &Exercise) -> Result<Vec<String>, String> {
        let mut lines = Vec::new();
        for (name, text) in &exercise.files {
            let path = self.path(exercise, name);
            let shown = path.display().to_string();
            let failed = |error| format!("failed to write {shown}: {error}");
            let now = fs::read_to_string(&path).ok();
            if now.as_ref() == Some(text) {
                continue;
            }
            if now.is_some() {
                let kept = unused(&path);
                fs::rename(&path, &kept).map_err(failed)?;
                lines.push(format!("kept yours as {}", kept.display()));
            }
            write(&path, text).map_err(failed)?;
            lines.push(format!("wrote {shown} as it was"));
        }
        if lines.is_empty() {
            lines.push("nothing was changed".to_owned());
        }
        Ok(lines)
    }
}

/// A name beside a file that nothing has yet: `scenario.ron.bak`, `scenario.ron.bak2`.
fn unused(path: &Path) -> PathBuf {
    let name = |number: usize| {
        let number = if number == 1 { String::new() } else { number.to_string() };
        PathBuf::from(format!("{}.bak{number}", path.display()))
    };
    let mut number = 1;
    while name(number).exists() {
        number += 1;
    }
    name(number)
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)
}

/// Writes the files that are not there yet, and says how many.
pub(super) fn write_new(folder: &Path, files: &Files) -> Result<usize, String> {
    let mut written = 0;
    for (name, text) in files {
        let path = folder.join(name);
        if !path.exists() {
            write(&path, text)
                .map_err(|error| format!("failed to write {}: {error}", path.display()))?;
            written += 1;
        }
    }
    Ok(written)
}

/// All texts below a folder, by path with slashes.
pub(super) fn read_all(folder: &Path) -> Result<Files, String> {
    let failed = |error| format!("failed to read {}: {error}", folder.display());
    let mut files = Files::new();
    gather(folder, "", &mut files).map_err(failed)?;
    Ok(files)
}

fn gather(folder: &Path, prefix: &str, files: &mut Files) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            gather(&entry.path(), &format!("{name}/"), files)?;
        } else if [".ron", ".md"].iter().any(|ending| name.ends_with(ending)) {
            files.insert(name, fs::read_to_string(entry.path())?);
        }
    }
    Ok(())
}
