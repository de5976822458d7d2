//! Reports: a finished run as text, pictures and data, for people and for programs.
#[cfg(test)]
mod fixture;
mod text;
mod words;
mod spans;
mod rounds;
/// t
pub mod timeline;
/// t
pub mod highlights;
/// t
pub mod json;
/// t
pub mod screen;
/// t
pub mod space_time;
mod svg;
/// t
pub mod charts;
