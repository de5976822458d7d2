//! Reports: a finished run as text, pictures and data, for people and for programs.
#[cfg(test)]
mod fixture;
mod text;
mod words;
mod spans;
