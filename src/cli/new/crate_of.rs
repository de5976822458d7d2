//! `new protocol`: a crate of one's own, which adds a protocol, a check and a workload.
//!
//! ```text
//!   starter/*.txt ──{{Name}}, {{name}}, {{splitbrain}}──▶ NAME/{Cargo.toml, src, scenarios, README.md}
//! ```
//!
//! The starter is a whole protocol with a planted bug rather than empty handlers: something that
//! runs is easier to change than something that does not is to finish. It is built and used by a
//! test, as it is written here. The crate depends on the sources that this program was built from,
//! as long as they are there, and else on the published version.

use crate::{
    cli::{Environment, exit::Code},
    engine::runner::Runnable,
};
use std::path::{Path, PathBuf};

/// Arguments of `new protocol`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Its name, or where to write it: the last part of the path is the name.
    #[arg(value_name = "NAME")]
    path: PathBuf,

    /// Where the sources of splitbrain are, for the new crate to depend on.
    #[arg(long, value_name = "FOLDER")]
    library: Option<PathBuf>,
}

/// The files of the starter: where they go, and what is in them.
const FILES: [(&str, &str); 7] = [
    ("Cargo.toml", include_str!("starter/Cargo.toml.txt")),
    ("README.md", include_str!("starter/README.md.txt")),
    ("src/main.rs", include_str!("starter/main.rs.txt")),
    ("src/protocol.rs", include_str!("starter/protocol.rs.txt")),
    ("src/checker.rs", include_str!("starter/checker.rs.txt")),
    ("src/workload.rs", include_str!("starter/workload.rs.txt")),
    ("scenarios/{{name}}/under_faults.ron", include_str!("starter/under_faults.ron.txt")),
];
const PLANTED: (&str, &str) = (
    "scenarios/planted/silence_is_no_answer.ron",
    include_str!("starter/silence_is_no_answer.ron.txt"),
);

pub(super) fn write(environment: &Environment<'_>, arguments: &Arguments) -> Code {
    let path = &arguments.path;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = match Name::read(&name.unwrap_or_default()) {
        Ok(name) => name,
        Err(why) => return environment.usage(&why),
    };
    let mut known = environment.registry.protocols().map(Runnable::name);
    if known.any(|known| known == name.camel) {
        let camel = &name.camel;
        return environment
            .usage(&format!("there is a protocol `{camel}` already: choose another"));
    }
    if path.exists() {
        return environment.usage(&format!("{} exists and is left as it is", path.display()));
    }
    let library = match dependency(arguments.library.as_deref()) {
        Ok(library) => library,
        Err(why) => return environment.usage(&why),
    };
    for (file, text) in FILES.into_iter().chain([PLANTED]) {
        let fill = |text: &str| name.fill(text).replace("{{splitbrain}}", &library);
        let file = path.join(fill(file));
        if let Err(error) = super::write(&file, &fill(text)) {
            return environment.usage(&format!("failed to write {}: {error}", file.display()));
        }
    }
    let (path, snake) = (path.display(), &name.snake);
    environment.print(&format!(
        "wrote {path}\nnext  cd {path} && cargo run -- run scenarios/{snake}/under_faults.ron\n"
    ));
    Code::AsExpected
}

/// What the crate depends on, as its Cargo.toml says it.
fn dependency(library: Option<&Path>) -> Result<String, String> {
    let built_from = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = library.unwrap_or(built_from);
    if folder.join("Cargo.toml").exists() {
        let folder = std::path::absolute(folder).map_err(|error| error.to_string())?;
        let folder = folder.display().to_string();
        return Ok(format!("splitbrain = {{ path = {folder:?} }}"));
    }
    match library {
        Some(folder) => Err(format!("there is no Cargo.toml in {}", folder.display())),
        None => Ok(format!("splitbrain = \"{}\"", env!("CARGO_PKG_VERSION"))),
    }
}

/// A name in both forms.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Name {
    /// `BoxOffice`, as scenarios say it.
    camel: String,
    /// `box_office`, as files are called.
    snake: String,
}

/// Names that a crate or a type cannot have.
const TAKEN: [&str; 12] = [
    "self",
    "super",
    "crate",
    "type",
    "test",
    "core",
    "std",
    "alloc",
    "proc_macro",
    "splitbrain",
    "serde",
    "protocol",
];

impl Name {
    /// Reads `box_office`, `box-office` or `BoxOffice`.
    fn read(text: &str) -> Result<Self, String> {
        let mut words: Vec<String> = Vec::new();
        let mut is_new = true;
        for c in text.chars() {
            match c {
                '-' | '_' | ' ' => is_new = true,
                c if c.is_ascii_alphanumeric() => {
                    if is_new || c.is_ascii_uppercase() {
                        words.push(String::new());
                    }
                    is_new = false;
                    let word = words.last_mut().expect("a word begins with the first letter");
                    word.push(c.to_ascii_lowercase());
                }
                _ => return Err(format!("`{text}` is no name: write letters, such as box_office")),
            }
        }
        let snake = words.join("_");
        if !snake.starts_with(|c: char| c.is_ascii_lowercase()) {
            return Err(format!(
                "`{text}` is no name: it begins with a letter, such as box_office"
            ));
        }
        if TAKEN.contains(&snake.as_str()) {
            return Err(format!("`{snake}` has a meaning already: choose another name"));
        }
        let camel = words.iter().map(|word| {
            let (first, rest) = word.split_at(1);
            first.to_ascii_uppercase() + rest
        });
        Ok(Self { camel: camel.collect(), snake })
    }

    fn fill(&self, text: &str) -> String {
        text.replace("{{Name}}", &self.camel).replace("{{name}}", &self.snake)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_be_written_in_any_style() {
        for text in ["box_office", "box-office", "BoxOffice", "boxOffice"] {
            let name = Name::read(text).expect("it is one");
            assert_eq!((name.camel.as_str(), name.snake.as_str()), ("BoxOffice", "box_office"));
        }
        for text in ["", "7up", "box.office", "é", "std", "-"] {
            assert!(Name::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn nothing_of_the_starter_is_left_to_fill_in() {
        let name = Name::read("box_office").expect("it is one");
        for (file, text) in FILES.into_iter().chain([PLANTED]) {
            let text = name.fill(text).replace("{{splitbrain}}", "");
            assert!(!text.contains("{{"), "{file}");
        }
    }
}
