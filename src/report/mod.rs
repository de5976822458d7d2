//! Reports: a finished run as text, pictures and data, for people and for programs.
//!
//! ```text
//!             ┌─▶ screen ◀─ highlights     one run on one screen
//!   Run ──────┼─▶ timeline                 every event, a line each
//!   (words,   ├─▶ space_time               every event, a picture
//!             ├─▶ page                     all of it, to walk through in a browser
//!    spans)   ├─▶ charts                   latency, time in doubt
//!             ├─▶ json                     one object for programs
//!             └─▶ export                   history, ShiViz, Perfetto
//!   Proof ──────▶ intervals                the calls that show a violation
//! ```
//!
//! Every report reads a [`Run`](crate::scenario::run::Run) and returns a `String`; who asked
//! decides where it goes, so nothing here touches files, clocks or the environment, and equal runs
//! give equal bytes. Floats live here and nowhere else. A common document model behind text and
//! pictures was rejected: what they share is the words for an event and the spans of a state.

// What happened in one run, and is it bad: for a person.
pub mod screen;

// The few lines that tell a run at a glance.
pub mod highlights;

// The story of a failure.
pub mod story;

// Every event, a line each.
pub mod timeline;

// Every event, a picture.
pub mod space_time;

// Latency and time in doubt, with their tables.
pub mod charts;

// Rows of faults, columns of events.
pub mod heat_map;

// All of a run in one file for a browser.
pub mod page;

// Many seeds on one page.
pub mod sweep_page;

// One object for programs.
pub mod json;

// A node at an instant.
pub mod standing;

// Two runs.
pub mod side_by_side;
// A few calls of a history, as a picture in text and in SVG.
pub mod intervals;

// The same run for other tools.
pub mod export;

// What instruments on nodes showed.
mod readings;

mod rounds;
mod spans;
mod svg;
mod text;

// One event in words.
pub mod words;

#[cfg(test)]
mod fixture;
