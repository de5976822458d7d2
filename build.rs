//! Puts the exercises of the course into the library, so that the installed program has them.
//!
//! ```text
//!   book/course/**  ──▶  OUT_DIR/course.rs: [("00_hello_drop/task.md", include_str!("…")), …]
//! ```
//!
//! A table of every file below the folder, in order. A new exercise is a new folder and no code: a
//! macro that lists a folder was rejected, because cargo does not see it when a file is added.

use std::{
    fmt::Write,
    fs, io,
    path::{Path, PathBuf},
};

const COURSE: &str = "book/course";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed={COURSE}");
    let mut paths = Vec::new();
    gather(Path::new(COURSE), &mut paths)?;
    paths.sort();
    let mut table = String::from("&[\n");
    for path in paths {
        let path = path.to_string_lossy().replace('\\', "/");
        let name = path.trim_start_matches(COURSE).trim_start_matches('/');
        let file = format!("concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/{path}\")");
        _ = writeln!(table, "    ({name:?}, include_str!({file})),");
    }
    table.push_str("]\n");
    let out = std::env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?;
    fs::write(Path::new(&out).join("course.rs"), table)
}

fn gather(folder: &Path, paths: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_hidden =
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if path.is_dir() {
            gather(&path, paths)?;
        } else if !is_hidden {
            paths.push(path);
        }
    }
    Ok(())
}
