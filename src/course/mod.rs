//! The course: exercises that check themselves.
//!
//! ```text
//!   book/course/01_…/{exercise.ron, task.md, scenario.ron}
//!        └ Course ──▶ Exercise ──▶ parts
//!   what a student wrote ──fence──▶ only what may change ──claims──▶ seeds × variations ──▶ Report
//!                                                                        └ grade · audit · page
//! ```
//!
//! An exercise is data: files to edit, what may change in them, what must come out, what must have
//! been dangerous, and which wrong answers must not pass. So a new one is a new folder and no code.
//! Exercises that check what a student wrote by comparing it with a solution were rejected: there
//! are several right answers, and only runs tell.
//!
//! Nothing here touches files or threads; the command line hands texts and workers in.

// What a file says, and every mistake in it.
pub mod model;

// All exercises, from the texts of their files.
pub mod load;

// What a student may change.
pub mod fence;

// What must come out, and what must have been dangerous.
pub mod claims;

// A scenario under many seeds and variations.
pub mod trial;

// Questions with a file of answers.
mod answers;

// One exercise, judged.
pub mod verify;

// The exercises themselves, judged.
pub mod audit;

// Points, and files for graders.
pub mod grade;

// The pages of the book.
pub mod page;
