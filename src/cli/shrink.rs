//! `shrink`: a failing run as a scenario with the few things that it needs.
//!
//! ```text
//!   scenario@seed ──▶ script ──▶ fewer and fewer ──▶ a file that fails in the same way, for ever
//! ```
//!
//! The file has no randomness and no seed in it, tells its own story in a comment, and expects its
//! own failure, so it can be kept: `run` it after the repair, and it says that the failure is gone.
//! What fails how is told by fingerprint; a failure of another kind that comes up on the way is
//! not followed.

use super::{
    Environment, Format,
    address::{NamedRun, RunArguments},
    caught::caught,
    exit::Code,
};
use crate::{
    base::{digest::fold_text, ids::Seed},
    checkers::Verdict,
    engine::trace::ENGINE_EPOCH,
    report::story::story,
    scenario::{plan::Plan, write::Size},
    search::{
        fingerprint::Fingerprint,
        shrink::{Seen, Shrunk, Tools, shrink as search},
    },
};
use std::path::{Component, Path, PathBuf};

/// What is said of a result that could be smaller.
const CUT_SHORT: &str = "the budget of runs was used up: not minimal";

/// Arguments that name a failure; to be flattened into those of a command.
#[derive(Debug, clap::Args)]
pub(super) struct FailureArguments {
    #[command(flatten)]
    run: RunArguments,

    /// Which failure is meant: a property, or a fingerprint as `sweep` prints it.
    #[arg(long, value_name = "FAILURE")]
    keep: Option<String>,

    /// How many runs to spend on shrinking at most.
    #[arg(long, value_name = "RUNS", default_value = "5000", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) budget: u32,
}

/// Arguments of `shrink`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    failure: FailureArguments,

    /// Where to write the scenario; `-` for stdout.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn shrink(environment: &Environment<'_>, arguments: &Arguments) -> Code {
    let picked = match pick(environment, &arguments.failure) {
        Ok(picked) => picked,
        Err(code) => return code,
    };
    let Picked { named, wanted, .. } = &picked;
    match shrunk(environment, &named.file.plan, named.seed, wanted, arguments.failure.budget) {
        Ok(shrunk) => deliver(environment, arguments, &picked, shrunk),
        Err(why) => {
            environment.complain(&format!("error: {why}\n"));
            Code::Inconclusive
        }
    }
}

/// A run that fails, and the failure that is meant.
pub(super) struct Picked {
    pub(super) named: NamedRun,
    pub(super) wanted: Fingerprint,
    pub(super) seen: Seen,
}

/// Runs what was named and picks the failure that is meant; says why there is none.
pub(super) fn pick(
    environment: &Environment<'_>,
    FailureArguments { run, keep, .. }: &FailureArguments,
) -> Result<Picked, Code> {
    let named = environment.named_run(run)?;
    let seen = Seen::of(&named.file.plan, named.seed, &catch);
    let hash = seen.run.hash;
    if let Some(promised) = named.hash.as_ref().filter(|promised| !promised.fits(hash)) {
        environment.complain(&format!(
            "error: this is another run: its hash is {hash:032x}, not {promised}… (epoch {ENGINE_EPOCH})\n",
        ));
        return Err(Code::Diverged);
    }
    match wanted(&named.file.plan, &seen, keep.as_deref()) {
        Ok(wanted) => Ok(Picked { named, wanted, seen }),
        Err(Refused::NothingFails) => {
            environment.complain("nothing to do: this run violates nothing\n");
            Err(Code::NothingToRun)
        }
        Err(Refused::Usage(why)) => Err(environment.usage(&why)),
    }
}

/// Panics become messages.
pub(super) fn catch(work: &mut dyn FnMut()) -> Result<(), String> {
    caught(work)
}

/// Shrinks and puts the story on top.
pub(super) fn shrunk(
    environment: &Environment<'_>,
    plan: &Plan,
    seed: Seed,
    wanted: &Fingerprint,
    runs_max: u32,
) -> Result<Shrunk, String> {
    let tools = Tools { registry: environment.registry, catch: &catch, runs_max };
    let mut shrunk = search(tools, plan, seed, wanted).map_err(|error| error.to_string())?;
    shrunk.draft.title = format!("{}, shrunk from seed {seed}", plan.title);
    shrunk.draft.story = told(plan, seed, wanted, &shrunk);
    Ok(shrunk)
}

/// The comment on top of the file.
fn told(plan: &Plan, seed: Seed, wanted: &Fingerprint, shrunk: &Shrunk) -> Vec<String> {
    let mut lines = vec![
        format!("{wanted}, found in {}@{seed} (epoch {ENGINE_EPOCH}).", plan.name),
        format!("Shrunk in {} runs: {}.", shrunk.runs, sizes(shrunk.before, shrunk.draft.size())),
    ];
    if shrunk.cut_short {
        lines[1] += &format!(" But {CUT_SHORT}.");
    }
    lines.push(String::new());
    lines.extend(story(&shrunk.seen.run));
    lines.extend(shrunk.seen.panic.iter().map(|panic| panic.replace('\n', " ")));
    lines
}

pub(super) fn sizes(before: Size, after: Size) -> String {
    format!(
        "{} → {} faults, {} → {} operations, {} → {} messages and {} → {} other decisions",
        before.faults,
        after.faults,
        before.operations,
        after.operations,
        before.messages,
        after.messages,
        before.others,
        after.others,
    )
}

enum Refused {
    NothingFails,
    Usage(String),
}

/// The failure to keep: the one that was asked for, or the first that the scenario does not
/// expect, or the first.
fn wanted(plan: &Plan, seen: &Seen, keep: Option<&str>) -> Result<Fingerprint, Refused> {
    let failures = seen.fingerprints();
    let Some(first) = failures.first() else {
        return Err(Refused::NothingFails);
    };
    if let Some(keep) = keep {
        let is_meant = |one: &&Fingerprint| one.property == keep || one.to_string() == keep;
        let known = || failures.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let missing =
            || Refused::Usage(format!("this run has no failure `{keep}`; it has {}", known()));
        return failures.iter().find(is_meant).cloned().ok_or_else(missing);
    }
    let expected = plan.expect.violations();
    let unexpected = failures.iter().find(|one| !expected.contains(&one.property.as_str()));
    Ok(unexpected.unwrap_or(first).clone())
}

fn deliver(
    environment: &Environment<'_>,
    arguments: &Arguments,
    picked: &Picked,
    shrunk: Shrunk,
) -> Code {
    let Picked { named, wanted, seen } = picked;
    let text = shrunk.draft.text();
    let to_stdout = arguments.output.as_deref() == Some(Path::new("-"));
    if to_stdout {
        environment.print(&text);
        if shrunk.cut_short {
            environment.complain(&format!("note: {CUT_SHORT}\n"));
        }
        return Code::AsExpected;
    }
    let file = format!("{}-{}.ron", named.seed, find_name(wanted));
    let home = || {
        let folder = Path::new("reports").join("shrunk");
        folder.join(folder_of(&named.file.path, &named.sets)).join(file)
    };
    let path = arguments.output.clone().unwrap_or_else(home);
    if let Err(error) = write(&path, &text) {
        return environment.usage(&format!("failed to write {}: {error}", path.display()));
    }
    let after = shrunk.draft.size();
    match environment.format {
        Format::Human => {
            let mut lines = format!("shrunk    {wanted}\n");
            lines += &format!("from      {}\n", named.arguments(seen.run.hash));
            lines += &format!("size      {}\n", sizes(shrunk.before, after));
            let minimal = if shrunk.cut_short {
                CUT_SHORT.to_owned()
            } else {
                format!(
                    "1-minimal after {} runs: without any one of these it does not fail so",
                    shrunk.runs
                )
            };
            lines += &format!("          {minimal}\n\n");
            for line in shrunk.draft.story.iter().skip(3) {
                lines += &format!("  {line}\n");
            }
            lines += &format!("\nwritten   {}\n", path.display());
            lines +=
                &format!("next      splitbrain run {0} · splitbrain why {0}@1\n", path.display());
            environment.print(&lines);
        }
        Format::Json | Format::Jsonl => {
            let object = serde_json::json!({
                "schema": "splitbrain.event/1",
                "type": "shrunk",
                "fingerprint": wanted.to_string(),
                "seed": named.seed.to_string(),
                "file": path.display().to_string(),
                "runs": shrunk.runs,
                "minimal": !shrunk.cut_short,
                "faults": after.faults,
                "operations": after.operations,
                "messages": after.messages,
                "others": after.others,
                "violated": violated(&shrunk),
            });
            environment.print(&format!("{object}\n"));
        }
    }
    Code::AsExpected
}

fn violated(shrunk: &Shrunk) -> Vec<&'static str> {
    let judgements = shrunk.seen.run.judgements.iter();
    let violated = judgements.filter(|one| matches!(one.verdict, Verdict::Violated(_)));
    violated.map(|one| one.property).collect()
}

/// What a find is called among those of its scenario: property and shape.
pub(super) fn find_name(fingerprint: &Fingerprint) -> String {
    fingerprint.to_string().replace(['/', '.'], "-")
}

/// So long a part of a name may be.
const NAME_MAX: usize = 80;

/// The folder for finds of a scenario with some edits, one for each: `scenarios/swarm/loss=5%`.
pub(super) fn folder_of(scenario: &Path, edits: &[(String, String)]) -> PathBuf {
    let mut folder = PathBuf::new();
    for part in scenario.with_extension("").components() {
        match part {
            Component::Normal(name) => folder.push(name),
            Component::ParentDir => folder.push("up"),
            Component::RootDir | Component::Prefix(_) => folder.push("root"),
            Component::CurDir => {}
        }
    }
    folder.extend(edits.iter().map(|(path, value)| file_name(&format!("{path}={value}"))));
    folder
}

/// A text as the name of a file; where it cannot stand as it is, its digest keeps it apart.
fn file_name(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.=,%".contains(c);
    if text.len() <= NAME_MAX && text.chars().all(plain) {
        return text.to_owned();
    }
    let kept: String = text.chars().filter(|c| plain(*c)).take(NAME_MAX).collect();
    format!("{kept}-{:08x}", fold_text(text) >> 32)
}

/// Writes a file, with the folders above it.
pub(super) fn write(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_gets_folders_of_its_own() {
        let folder = |path: &str, edits: &[(&str, &str)]| {
            let edits = edits.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned()));
            folder_of(Path::new(path), &edits.collect::<Vec<_>>()).display().to_string()
        };
        assert_eq!(folder("a/b.ron", &[]), "a/b");
        assert_eq!(folder("a/b.ron", &[("network.loss", "5%")]), "a/b/network.loss=5%");
        let mut all =
            vec![folder("a/b.ron", &[]), folder("/a/b.ron", &[]), folder("../a/b.ron", &[])];
        let long = "x".repeat(300);
        for value in ["[A]", "(A)", "A", "a b", "ab", &long, &long[1..]] {
            all.push(folder("a/b.ron", &[("c", value)]));
        }
        assert!(all.iter().all(|name| name.split('/').all(|part| part.len() <= NAME_MAX + 9)));
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count, "{all:?}");
    }
}
