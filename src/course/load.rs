//! The exercises of a course, from the texts of their files.
//!
//! ```text
//!   course.ron                                title, what is to come
//!   01_two_phase_blocking/exercise.ron        what is demanded            kept from students
//!                        /task.md             what is asked               written out by `init`
//!                        /scenario.ron        where one starts            written out by `init`
//! ```
//!
//! Paths are names in a map, so that a course from a folder and the one that is built in are read
//! alike. The order of folders is the order of the course.

use super::model::{CourseFile, ExerciseFile, FORMAT_VERSION, Part, ToCome};
use crate::{
    base::text::{
        decode::decode_all,
        diagnostic::{Code, Diagnostic},
        source::Span,
    },
    scenario::load::LoadError,
};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

/// Texts by path, with slashes.
pub type Files = BTreeMap<String, String>;

/// A course.
pub struct Course {
    /// What it is called.
    pub title: String,
    /// What can be done, in order.
    pub exercises: Vec<Exercise>,
    /// What is planned, in order.
    pub to_come: Vec<ToCome>,
}

/// An exercise.
pub struct Exercise {
    /// Its place in the course.
    pub number: u16,
    /// Its name, without its number.
    pub id: String,
    /// Its folder: number and name.
    pub folder: String,
    /// What it says.
    pub file: ExerciseFile,
    /// The text of that, which spans count in.
    pub text: String,
    /// The files that a student gets, by name.
    pub files: Files,
}

/// A course that cannot be used.
#[derive(Debug)]
pub struct CourseError {
    /// The file.
    pub file: String,
    /// What is wrong in it.
    pub error: LoadError,
}

/// The name of the file that students do not get.
const KEPT: &str = "exercise.ron";

/// The course that is built in.
pub fn built_in() -> Files {
    const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/course.rs"));
    FILES.iter().map(|&(path, text)| (path.to_owned(), text.to_owned())).collect()
}

impl Course {
    /// Reads a course.
    ///
    /// # Errors
    /// The first file that cannot be used, with every mistake in it.
    pub fn read(files: &Files) -> Result<Self, CourseError> {
        let text = files.get("course.ron").map_or("", String::as_str);
        let course: CourseFile = decoded("course.ron", text)?;
        if course.format_version != FORMAT_VERSION {
            return Err(version("course.ron", text, course.format_version));
        }
        let mut folders: BTreeMap<&str, Files> = BTreeMap::new();
        for (path, text) in files {
            if let Some((folder, name)) = path.split_once('/') {
                folders.entry(folder).or_default().insert(name.to_owned(), text.clone());
            }
        }
        let exercises = folders.into_iter().map(|(folder, files)| exercise(folder, files));
        let exercises: Vec<Exercise> = exercises.collect::<Result<_, _>>()?;
        Ok(Self { title: course.title, exercises, to_come: course.to_come })
    }

    /// The exercise that is meant by a number, a name, or the name of its folder.
    pub fn find(&self, wanted: &str) -> Option<&Exercise> {
        let number = wanted.parse::<u16>().ok();
        self.exercises.iter().find(|exercise| {
            number == Some(exercise.number) || wanted == exercise.id || wanted == exercise.folder
        })
    }
}

impl Exercise {
    /// The text of a file that students get; empty when there is none.
    pub fn start(&self, file: &str) -> &str {
        self.files.get(file).map_or("", String::as_str)
    }

    /// What all its parts are worth.
    pub fn points(&self) -> u32 {
        self.file.parts().map(Part::points).sum()
    }
}

fn exercise(folder: &str, mut files: Files) -> Result<Exercise, CourseError> {
    let name = format!("{folder}/{KEPT}");
    let text = files.remove(KEPT).unwrap_or_default();
    let file: ExerciseFile = decoded(&name, &text)?;
    if file.format_version != FORMAT_VERSION {
        return Err(version(&name, &text, file.format_version));
    }
    let named = folder.split_once('_').and_then(|(number, id)| Some((number.parse().ok()?, id)));
    let Some((number, id)) = named else {
        let message = format!("call the folder of an exercise 07_its_name, not `{folder}`");
        return Err(refused(&name, &text, message));
    };
    if let Some(part) = file.parts().find(|part| !files.contains_key(part.file())) {
        return Err(refused(&name, &text, format!("there is no file `{}`", part.file())));
    }
    if !files.contains_key("task.md") {
        return Err(refused(&name, &text, "there is no file `task.md`".to_owned()));
    }
    Ok(Exercise { number, id: id.to_owned(), folder: folder.to_owned(), file, text, files })
}

fn decoded<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, CourseError> {
    let whole = Span { start: 0, end: text.len() };
    decode_all(text, whole).map_err(|mistakes| CourseError {
        file: file.to_owned(),
        error: LoadError { text: text.to_owned(), mistakes },
    })
}

fn version(file: &str, text: &str, version: u32) -> CourseError {
    let message = format!("this splitbrain reads format {FORMAT_VERSION}, and this is {version}");
    refused(file, text, message)
}

fn refused(file: &str, text: &str, message: String) -> CourseError {
    let span = Span { start: 0, end: text.len().min(1) };
    let mistakes = vec![Diagnostic::error(Code::BadSetting, span, message)];
    CourseError { file: file.to_owned(), error: LoadError { text: text.to_owned(), mistakes } }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TASK: &str = "01_a/task.md";

    fn files(exercise: &str) -> Files {
        let course = "Course(format_version: 1, title: \"t\")";
        let all = [("course.ron", course), ("01_a/exercise.ron", exercise), (TASK, "# A")];
        all.map(|(path, text)| (path.to_owned(), text.to_owned())).into()
    }

    fn exercise(version: u32, parts: &str) -> String {
        format!(
            "Exercise(format_version: {version}, title: \"t\", level: A, minutes: 5, \
             answers: [{parts}], hints: [], aha: \"a\")"
        )
    }

    fn message(files: &Files) -> String {
        let error = Course::read(files).err().expect("it cannot be used");
        let all: Vec<_> = error.error.mistakes.iter().map(|one| &*one.message).collect();
        format!("{}: {}", error.file, all.join("; "))
    }

    #[test]
    fn an_exercise_is_found_by_number_name_and_folder() {
        let course = Course::read(&files(&exercise(1, ""))).expect("it can be used");
        for name in ["1", "01", "a", "01_a"] {
            assert_eq!(course.find(name).map(|exercise| &*exercise.id), Some("a"), "{name}");
        }
        assert!(course.find("2").is_none() && course.find("b").is_none());
    }

    #[test]
    fn what_cannot_be_used_is_named_with_its_file() {
        let newer = message(&files(&exercise(2, "")));
        assert_eq!(newer, "01_a/exercise.ron: this splitbrain reads format 1, and this is 2");
        let part =
            "(file: \"b.ron\", goal: \"g\", points: 1, questions: [], solution: [], wrong: [])";
        assert!(message(&files(&exercise(1, part))).ends_with("there is no file `b.ron`"));
        let misspelt = message(&files(&exercise(1, "").replace("minutes", "minuets")));
        let both = "missing field `minutes` in `Exercise`; unknown field `minuets` in `Exercise`";
        assert_eq!(misspelt, format!("01_a/exercise.ron: {both}"));
        let mut without = files(&exercise(1, ""));
        without.remove(TASK);
        assert!(message(&without).ends_with("there is no file `task.md`"));
    }
}
