//! The settings of pipelines, `scenarios/splitbrain.ron`: profiles, and what is in quarantine.
//!
//! ```text
//!   Pipelines(
//!     profiles:   [ (name, inherits, count, start, seeds, time_limit, threads, max_failures,
//!                    require_exercised) ],        command line > profile > what it inherits > default
//!     quarantine: [ (scenario, failure, until, reason) ],
//!   )
//! ```
//!
//! What a pipeline does should be said once, in the repository, and not in the dialect of each
//! service. A profile holds what may differ between a pull request and a night: how many seeds,
//! which, for how long, and what must have been put to the test. Where results go is said by the
//! command, since folders belong to the job. A path in the quarantine is the end of a scenario's.
//!
//! Limits: a profile inherits from one that stands before it, so there is no cycle.

use crate::{
    base::{
        text::{
            decode::decode_all,
            diagnostic::{Code, Diagnostic},
            source::{Node, Span, Tree},
        },
        time::Duration,
    },
    search::{
        floors::Floor,
        quarantine::{Day, Known},
    },
};
use serde::Deserialize;
use std::path::Path;

/// Where the settings are looked for.
pub(in crate::cli) const PATH: &str = "scenarios/splitbrain.ron";

/// A settings file that has been read.
#[derive(Debug, Default)]
pub(in crate::cli) struct Settings {
    pub(in crate::cli) profiles: Vec<Profile>,
    pub(in crate::cli) quarantine: Vec<Entry>,
}

/// What is left to its default by a profile is `None` here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::cli) struct Profile {
    pub(in crate::cli) name: String,
    pub(in crate::cli) count: Option<u64>,
    pub(in crate::cli) start: Option<u64>,
    pub(in crate::cli) seeds: Option<Choice>,
    pub(in crate::cli) time_limit: Option<Duration>,
    pub(in crate::cli) threads: Option<u16>,
    pub(in crate::cli) max_failures: Option<u64>,
    pub(in crate::cli) floors: Option<Vec<Floor>>,
}

/// Which seeds a profile takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::cli) enum Choice {
    /// The same in every pipeline.
    Fixed,
    /// Others for every commit.
    Rotating,
}

/// A failure that is set aside in one scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Entry {
    pub(in crate::cli) scenario: String,
    pub(in crate::cli) known: Known,
}

impl Entry {
    /// Whether it is about this scenario file.
    pub(in crate::cli) fn is_about(&self, scenario: &Path) -> bool {
        scenario.ends_with(&self.scenario)
    }
}

/// The file as serde reads it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pipelines {
    #[serde(default)]
    profiles: Vec<ProfileModel>,
    #[serde(default)]
    quarantine: Vec<EntryModel>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProfileModel {
    name: String,
    #[serde(default)]
    inherits: Option<String>,
    #[serde(default)]
    count: Option<u64>,
    #[serde(default)]
    start: Option<u64>,
    #[serde(default)]
    seeds: Option<Choice>,
    #[serde(default)]
    time_limit: Option<Duration>,
    #[serde(default)]
    threads: Option<u16>,
    #[serde(default)]
    max_failures: Option<u64>,
    #[serde(default)]
    require_exercised: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryModel {
    scenario: String,
    failure: String,
    until: String,
    reason: String,
}

/// Whether a text holds settings rather than a scenario.
pub(in crate::cli) fn is_settings(text: &str) -> bool {
    Tree::parse(text).is_ok_and(|tree| tree.root.name(text) == Some("Pipelines"))
}

/// Reads settings.
///
/// # Errors
/// Every mistake in them, in the order of the text.
pub(in crate::cli) fn load(text: &str) -> Result<Settings, Vec<Diagnostic>> {
    let root = Tree::parse(text).map_err(|mistake| vec![mistake])?.root;
    let model: Pipelines = decode_all(text, Span { start: 0, end: text.len() })?;
    let mut reader = Reader { text, root: &root, found: Vec::new() };
    let profiles = reader.profiles(model.profiles);
    let quarantine = reader.quarantine(model.quarantine);
    if reader.found.is_empty() {
        return Ok(Settings { profiles, quarantine });
    }
    reader.found.sort_by_key(|mistake| mistake.span);
    Err(reader.found)
}

struct Reader<'a> {
    text: &'a str,
    root: &'a Node,
    found: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn profiles(&mut self, models: Vec<ProfileModel>) -> Vec<Profile> {
        let mut profiles: Vec<Profile> = Vec::new();
        for (place, model) in models.into_iter().enumerate() {
            if profiles.iter().any(|known| known.name == model.name) {
                let message = format!("there are two profiles `{}`", model.name);
                self.say(("profiles", place, "name"), message);
            }
            let above = self.above(place, model.inherits.as_deref(), &profiles);
            for (field, value) in [("count", model.count), ("max_failures", model.max_failures)] {
                if value == Some(0) {
                    self.say(("profiles", place, field), format!("`{field}` is at least 1"));
                }
            }
            if model.threads == Some(0) {
                self.say(("profiles", place, "threads"), "`threads` is at least 1".to_owned());
            }
            let floors = model.require_exercised.as_ref().map(|texts| self.floors(place, texts));
            profiles.push(above.under(model, floors));
        }
        profiles
    }

    /// The profile that another one inherits from; one that says nothing if there is none.
    fn above(&mut self, place: usize, name: Option<&str>, profiles: &[Profile]) -> Profile {
        let Some(name) = name else { return Profile::default() };
        if let Some(known) = profiles.iter().find(|known| known.name == *name) {
            return known.clone();
        }
        let names = profiles.iter().map(|known| known.name.as_str());
        let at = self.span(("profiles", place, "inherits"));
        let message = format!("no profile above this one is called `{name}`");
        let mistake = Diagnostic::error(Code::BadSetting, at, message);
        self.found.push(mistake.label("here").suggest(name, "profiles", names));
        Profile::default()
    }

    fn floors(&mut self, place: usize, texts: &[String]) -> Vec<Floor> {
        let mut floors = Vec::new();
        for text in texts {
            match text.parse() {
                Ok(floor) => floors.push(floor),
                Err(message) => self.say(("profiles", place, "require_exercised"), message),
            }
        }
        floors
    }

    fn quarantine(&mut self, models: Vec<EntryModel>) -> Vec<Entry> {
        let mut entries = Vec::new();
        for (place, model) in models.into_iter().enumerate() {
            let EntryModel { scenario, failure, until, reason } = model;
            for (field, value) in
                [("scenario", &scenario), ("failure", &failure), ("reason", &reason)]
            {
                if value.trim().is_empty() {
                    let message = format!("a quarantine without a {field} cannot be judged");
                    self.say(("quarantine", place, field), message);
                }
            }
            match until.parse::<Day>() {
                Ok(until) => {
                    entries.push(Entry { scenario, known: Known { failure, until, reason } });
                }
                Err(message) => self.say(("quarantine", place, "until"), message),
            }
        }
        entries
    }

    fn say(&mut self, place: (&str, usize, &str), message: String) {
        let at = self.span(place);
        self.found.push(Diagnostic::error(Code::BadSetting, at, message).label("here"));
    }

    fn span(&self, (list, place, field): (&str, usize, &str)) -> Span {
        let list = self.root.field(self.text, list);
        let item = list.and_then(|list| list.items().get(place));
        let value = item.and_then(|item| item.field(self.text, field));
        value.or(item).unwrap_or(self.root).anchor()
    }
}

impl Profile {
    /// What it says, its own or inherited, in the words of the file.
    pub(in crate::cli) fn describe(&self) -> String {
        let floors = self.floors.as_ref();
        let floors = floors.map(|floors| floors.iter().map(Floor::to_string).collect::<Vec<_>>());
        let said = [
            self.count.map(|count| format!("count: {count}")),
            self.start.map(|start| format!("start: {start}")),
            self.seeds.map(|seeds| format!("seeds: {seeds:?}")),
            self.time_limit.map(|limit| format!("time_limit: {limit}")),
            self.threads.map(|threads| format!("threads: {threads}")),
            self.max_failures.map(|most| format!("max_failures: {most}")),
            floors.map(|floors| format!("require_exercised: {}", floors.join(" "))),
        ];
        said.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// A profile that says what `model` says, and else what this one does.
    fn under(self, model: ProfileModel, floors: Option<Vec<Floor>>) -> Self {
        Self {
            name: model.name,
            count: model.count.or(self.count),
            start: model.start.or(self.start),
            seeds: model.seeds.or(self.seeds),
            time_limit: model.time_limit.or(self.time_limit),
            threads: model.threads.or(self.threads),
            max_failures: model.max_failures.or(self.max_failures),
            floors: floors.or(self.floors),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = r#"Pipelines(
        profiles: [
            (name: "change", count: 2000, require_exercised: ["1", "durability=5%"]),
            (name: "night", inherits: "change", seeds: Rotating, time_limit: "30min", threads: 4),
        ],
        quarantine: [
            (scenario: "a/b.ron", failure: "p/00003f", until: "2026-12-31", reason: "see #7"),
        ],
    )"#;

    #[test]
    fn a_profile_says_what_it_inherits_unless_it_says_otherwise() {
        let settings = load(SOUND).expect("it is sound");
        let night = &settings.profiles[1];
        assert_eq!((night.count, night.seeds), (Some(2000), Some(Choice::Rotating)));
        assert_eq!(night.floors.as_ref().map(Vec::len), Some(2));
        assert_eq!(settings.profiles[0].seeds, None);
    }

    #[test]
    fn the_end_of_a_path_says_which_scenario_is_meant() {
        let settings = load(SOUND).expect("it is sound");
        let entry = &settings.quarantine[0];
        assert!(entry.is_about(Path::new("scenarios/a/b.ron")));
        assert!(!entry.is_about(Path::new("scenarios/aa/b.ron")));
    }

    #[test]
    fn every_mistake_is_found_where_it_stands() {
        let wrong = [
            (("count: 2000", "count: 0"), "at least 1"),
            (("threads: 4", "threads: 0"), "at least 1"),
            (("count: 2000", "cuont: 2000"), "cuont"),
            (("inherits: \"change\"", "inherits: \"chnage\""), "no profile above"),
            (("name: \"night\"", "name: \"change\""), "two profiles"),
            (("\"1\"", "\"many\""), "no floor"),
            (("2026-12-31", "soon"), "no day"),
            (("see #7", " "), "without a reason"),
            (("Rotating", "Random"), "Random"),
        ];
        for ((from, to), said) in wrong {
            assert!(SOUND.contains(from), "{from}");
            let text = SOUND.replace(from, to);
            let mistakes = load(&text).expect_err(to);
            assert!(mistakes[0].message.contains(said), "{to}: {mistakes:?}");
            let line = |at: usize| text[..at].matches('\n').count();
            let place = SOUND.find(from).expect("it stands there");
            assert_eq!(line(mistakes[0].span.start), line(place), "{to}");
        }
    }

    #[test]
    fn settings_are_told_from_scenarios() {
        assert!(is_settings(SOUND) && is_settings("// why\nPipelines()"));
        assert!(!is_settings("Scenario()") && !is_settings("Study()") && !is_settings(""));
    }
}
