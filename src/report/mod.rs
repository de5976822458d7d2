//! Reports: a finished run as text, pictures and data, for people and for programs.
#[cfg(test)]
mod fixture;
/// t
pub mod highlights;
/// t
pub mod json;
mod rounds;
/// t
pub mod screen;
/// t
pub mod space_time;
mod spans;
mod svg;
mod text;
/// t
pub mod timeline;
mod words;
