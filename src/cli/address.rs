//! Addresses of runs: what a person pastes to have the same run again.
//!
//! ```text
//!   scenarios/two_phase_commit/partition.ron@7      a file and a seed
//!   partition@7     two_phase_commit/partition@7    its name, looked up under scenarios/
//!   partition@7-3ce8e2                              and the first digits of its trace hash
//!   partition.run                                   a file that `run --record` wrote
//! ```
//!
//! A recorded run has its scenario in it, edits included, and that is what is run: the file where
//! the scenario came from may have changed since.
//!
//! A hash in an address is a promise: whoever runs the address and finds another hash runs
//! something else, and has to say so. A name that two scenarios share is refused rather than
//! guessed.
//!
//! Limits: edits are not part of an address; they are given beside it with `--set`.

use super::{
    Environment,
    exit::Code,
    files::{Loaded, scenario_files},
    run::cut_short,
};
use crate::{
    base::{ids::Seed, text::diagnostic::suggest},
    search::recording::{RecordedRun, SCHEMA},
};
use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

/// Where scenarios are looked up by name.
const HOME: &str = "scenarios";
/// No recorded run is larger.
const BYTES_MAX: u64 = 64 << 20;

/// Arguments that name one run; to be flattened into those of a command.
#[derive(Debug, clap::Args)]
pub(super) struct RunArguments {
    /// The run: FILE@SEED, NAME@SEED, either with -HASH behind it, or a recorded run's file.
    #[arg(value_name = "RUN")]
    pub(super) run: String,

    /// Replace a part of the scenario before it is read: `network.loss=5%`.
    #[arg(long = "set", value_name = "PATH=VALUE", value_parser = super::run::path_and_value)]
    pub(super) sets: Vec<(String, String)>,

    /// The trace hash that the run must have, or its first digits.
    #[arg(long, value_name = "HEX")]
    pub(super) expect_hash: Option<HashPrefix>,
}

/// The first digits of a trace hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HashPrefix(String);

impl HashPrefix {
    /// Whether a hash begins like this.
    pub(super) fn fits(&self, hash: u128) -> bool {
        format!("{hash:032x}").starts_with(&self.0)
    }
}

impl fmt::Display for HashPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for HashPrefix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.to_ascii_lowercase();
        let hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        if hex && (4..=32).contains(&digits.len()) {
            return Ok(Self(digits));
        }
        Err(format!("`{text}` is no trace hash: write 4 to 32 hex digits, such as c0ffee"))
    }
}

/// An address, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// A path or a name.
    pub(super) scenario: String,
    /// The seed.
    pub(super) seed: Seed,
    /// The hash that it promises.
    pub(super) hash: Option<HashPrefix>,
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((scenario, rest)) = text.rsplit_once('@') else {
            return Err(format!("`{text}` names no seed: write {text}@1 for its run with seed 1"));
        };
        if scenario.is_empty() {
            return Err(format!("`{text}` names no scenario: write FILE{text} or NAME{text}"));
        }
        let (seed, hash) = match rest.split_once('-') {
            Some((seed, hash)) => (seed, Some(hash)),
            None => (rest, None),
        };
        let seed = seed
            .parse()
            .map_err(|_| format!("`{seed}` in `{text}` is no seed: a seed is a number"))?;
        let hash = hash.map(str::parse).transpose()?;
        Ok(Self { scenario: scenario.to_owned(), seed: Seed(seed), hash })
    }
}

/// One run that was named: its scenario, loaded, and what it is expected to be.
pub(super) struct NamedRun {
    /// The scenario with its edits.
    pub(super) file: Loaded,
    /// The seed.
    pub(super) seed: Seed,
    /// The edits.
    pub(super) sets: Vec<(String, String)>,
    /// The hash that was promised.
    pub(super) hash: Option<HashPrefix>,
    /// The recording that it comes from, and its file; none where it was edited.
    pub(super) recorded: Option<(PathBuf, RecordedRun)>,
}

impl NamedRun {
    /// The address of the run once its hash is known, with its edits, as arguments of a command.
    pub(super) fn arguments(&self, hash: u128) -> String {
        if let Some((path, _)) = &self.recorded {
            return path.display().to_string();
        }
        let short = format!("{hash:032x}");
        let mut words = format!("{}@{}-{}", self.file.path.display(), self.seed, &short[..6]);
        for (path, value) in &self.sets {
            words += &format!(" --set '{}'", format!("{path}={value}").replace('\'', "'\\''"));
        }
        words
    }
}

impl Environment<'_> {
    /// Finds and loads the run that somebody named; says what is wrong when there is none.
    pub(super) fn named_run(&self, arguments: &RunArguments) -> Result<NamedRun, Code> {
        let RunArguments { run, sets, expect_hash } = arguments;
        let mut named = match read_recording(Path::new(run)) {
            Some(Ok(recorded)) => self.recorded_run(Path::new(run), recorded, sets)?,
            Some(Err(error)) => return Err(self.usage(&format!("{run}: {error}"))),
            None => self.addressed_run(run, sets)?,
        };
        if let Some(expected) = expect_hash {
            if named.hash.as_ref().is_some_and(|promised| promised != expected) {
                let message =
                    format!("`{run}` promises another hash than --expect-hash {expected}");
                return Err(self.usage(&message));
            }
            named.hash = Some(expected.clone());
        }
        Ok(named)
    }

    fn recorded_run(
        &self,
        path: &Path,
        recorded: RecordedRun,
        sets: &[(String, String)],
    ) -> Result<NamedRun, Code> {
        let mut file = self.load_recorded(path, &recorded, sets)?;
        if let Some(until) = recorded.until() {
            cut_short(&mut file.plan, until);
        }
        let (seed, _) = recorded.address();
        let edits = recorded.sets.iter().chain(sets).cloned().collect();
        let recorded = sets.is_empty().then(|| (path.to_owned(), recorded));
        Ok(NamedRun { file, seed, sets: edits, hash: None, recorded })
    }

    fn addressed_run(&self, run: &str, sets: &[(String, String)]) -> Result<NamedRun, Code> {
        let address: Address =
            run.parse().map_err(|error: String| self.usage(&advised(run, error)))?;
        let path = find(&address.scenario).map_err(|error| self.usage(&error))?;
        let mut loaded = self.load_all(&[path], sets)?;
        let file = loaded.pop().expect("one path is one file or an error");
        let Address { seed, hash, .. } = address;
        Ok(NamedRun { file, seed, sets: sets.to_vec(), hash, recorded: None })
    }
}

/// An error in an address; what does not exist needs no advice about seeds.
fn advised(run: &str, error: String) -> String {
    match find(run) {
        Err(missing) if !run.contains('@') => missing,
        _ => error,
    }
}

/// The recording in a file; `None` where there is no file, or a scenario.
fn read_recording(path: &Path) -> Option<Result<RecordedRun, String>> {
    let is_scenario = path.extension().is_some_and(|extension| extension == "ron");
    let length = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?.len();
    if is_scenario {
        return None;
    }
    if length > BYTES_MAX {
        return Some(Err("no recorded run is that large".to_owned()));
    }
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => return Some(Err(format!("failed to read it: {error}"))),
    };
    let read = RecordedRun::read(&text);
    Some(read.map_err(|error| {
        if text.contains(SCHEMA) {
            format!("a damaged recorded run: {error}")
        } else {
            "neither a scenario (*.ron) nor a run that `run --record` wrote".to_owned()
        }
    }))
}

/// The scenario file of a path or name.
fn find(scenario: &str) -> Result<PathBuf, String> {
    let path = Path::new(scenario);
    if path.is_dir() {
        return Err(format!("`{scenario}` is a folder: a run is one scenario's"));
    }
    if path.exists() {
        return Ok(path.to_owned());
    }
    let with_extension = PathBuf::from(format!("{scenario}.ron"));
    if with_extension.is_file() {
        return Ok(with_extension);
    }
    let known = scenario_files(&[PathBuf::from(HOME)]).unwrap_or_default();
    let wanted = scenario.strip_suffix(".ron").unwrap_or(scenario);
    let called: Vec<&PathBuf> =
        known.iter().filter(|file| file.with_extension("").ends_with(wanted)).collect();
    match called.as_slice() {
        [one] => Ok((*one).clone()),
        [] => Err(missing(scenario, &known)),
        several => {
            let list: Vec<String> = several.iter().map(|file| file.display().to_string()).collect();
            Err(format!("`{scenario}` is the name of several scenarios: {}", list.join(", ")))
        }
    }
}

fn missing(scenario: &str, known: &[PathBuf]) -> String {
    let stems: Vec<String> = known
        .iter()
        .filter_map(|file| file.file_stem().map(|stem| stem.to_string_lossy().into_owned()))
        .collect();
    let name =
        Path::new(scenario).file_stem().map_or_else(String::new, |s| s.to_string_lossy().into());
    match suggest(&name, stems.iter().map(String::as_str)) {
        Some(near) => format!("there is no scenario `{scenario}`, did you mean `{near}`?"),
        None if known.is_empty() => {
            format!("there is no file `{scenario}`, and no {HOME}/ here to look it up in")
        }
        None => format!("there is no scenario `{scenario}`; `splitbrain list scenarios` shows all"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Result<Address, String> {
        text.parse()
    }

    #[test]
    fn an_address_is_a_scenario_a_seed_and_perhaps_a_hash() {
        let plain = address("a@b/partition.ron@7").expect("it is one");
        assert_eq!((plain.scenario.as_str(), plain.seed), ("a@b/partition.ron", Seed(7)));
        assert_eq!(plain.hash, None);
        let hashed = address("partition@18446744073709551615-C0FFEE").expect("it is one");
        assert_eq!(hashed.seed, Seed(u64::MAX));
        assert_eq!(hashed.hash.map(|hash| hash.to_string()).as_deref(), Some("c0ffee"));
    }

    #[test]
    fn what_is_wrong_with_an_address_is_said() {
        for (text, reason) in [
            ("partition", "names no seed"),
            ("@7", "names no scenario"),
            ("partition@", "is no seed"),
            ("partition@seven", "is no seed"),
            ("partition@-7", "is no seed"),
            ("partition@7-", "is no trace hash"),
            ("partition@7-coffee", "is no trace hash"),
            ("partition@7-abc", "is no trace hash"),
            ("partition@18446744073709551616", "is no seed"),
        ] {
            let said = address(text).expect_err(text);
            assert!(said.contains(reason), "{text}: {said}");
        }
    }

    #[test]
    fn a_prefix_fits_a_hash_with_its_leading_zeros() {
        let prefix = |text: &str| text.parse::<HashPrefix>().expect("hex");
        assert!(prefix("00c0").fits(0x00c0_ffee << 96));
        assert!(!prefix("c0ff").fits(0x00c0_ffee << 96));
    }
}
