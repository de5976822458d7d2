//! What was promised of a run, and what came.
//!
//! ```text
//!   recorded:  epoch · text · every event · verdicts  ┐
//!   address:   the first digits of the hash           ├──▶ same? · where they part · why, perhaps
//!   nothing:   a second run                           ┘
//! ```
//!
//! A difference is named by its first event, recorded and now. Why there is one can only be
//! guessed from outside the run: another engine epoch, a text that somebody edited, or, where both
//! are as they were, other code.

use super::super::address::NamedRun;
use crate::{
    engine::trace::ENGINE_EPOCH,
    scenario::{load::edit, plan::Runner, run::Run},
    search::{
        divergence::{Alike, Divergence, Happening, first_difference},
        recording::{RecordedRun, verdicts},
    },
};
use serde_json::{Value, json};

/// What came of a comparison.
pub(super) struct Finding {
    /// Whether everything is as promised.
    pub(super) same: bool,
    /// The answer in a sentence.
    pub(super) says: String,
    /// What explains it, or what else a reader should know.
    pub(super) reasons: Vec<String>,
    /// Where the runs part, if they do and it is known.
    pub(super) parts: Option<Parts>,
}

/// Where two runs part: how much they share, and what came next in each.
pub(super) struct Parts {
    same: usize,
    recorded: Option<Happening>,
    now: Option<Happening>,
}

impl From<Divergence<'_>> for Parts {
    fn from(divergence: Divergence<'_>) -> Self {
        let Divergence { same, one, other } = divergence;
        Self { same, recorded: one.cloned(), now: other.cloned() }
    }
}

impl Parts {
    pub(super) fn object(&self) -> Value {
        let side = |side: &Option<Happening>| {
            side.as_ref().map(
                |one| json!({ "event": one.event, "at_ns": one.at.as_nanos(), "says": one.told }),
            )
        };
        let (recorded, now) = (side(&self.recorded), side(&self.now));
        json!({ "same_events": self.same, "recorded": recorded, "now": now })
    }

    fn lines(&self) -> String {
        let side = |word: &str, side: &Option<Happening>| match side {
            Some(Happening { event, at, told, .. }) => {
                format!("  {word:8}  {event}  {}  {told}\n", at.as_seconds_text(6))
            }
            None => format!("  {word:8}  nothing: the run was over\n"),
        };
        side("recorded", &self.recorded) + &side("now", &self.now)
    }
}

impl Finding {
    fn same(says: String) -> Self {
        Self { same: true, says, reasons: Vec::new(), parts: None }
    }

    fn other(says: String) -> Self {
        Self { same: false, ..Self::same(says) }
    }

    /// The answer as lines.
    pub(super) fn lines(&self) -> String {
        let mut lines = format!("{}\n", self.says);
        if let Some(parts) = &self.parts {
            lines += &parts.lines();
        }
        for reason in &self.reasons {
            lines += &format!("note      {reason}\n");
        }
        lines
    }
}

/// Compares a run with what was promised of it. `now` is everything that happened.
pub(super) fn compare(
    named: &NamedRun,
    run: &Run,
    runner: &Runner<'_>,
    now: &[Happening],
) -> Finding {
    let mut finding = match &named.recorded {
        Some((_, recorded)) => with_recording(recorded, run, runner, now),
        None if named.hash.is_none() => twice(named, run),
        None => Finding::same(String::new()),
    };
    if let Some(promised) = &named.hash {
        if !promised.fits(run.hash) {
            finding.same = false;
            finding.says = format!(
                "another run: its trace hash is {:032x} and does not begin with {promised}",
                run.hash
            );
            finding.reasons.push(format!(
                "the scenario, its edits or splitbrain changed since; this is epoch {ENGINE_EPOCH}"
            ));
        } else if finding.says.is_empty() {
            finding.says = format!("the same bits: the trace hash begins with {promised}");
        }
    }
    finding
}

fn twice(named: &NamedRun, run: &Run) -> Finding {
    let (again, judgements) = named.file.plan.runner().judge(named.seed);
    if again == run.hash && judgements == run.judgements {
        let mut finding = Finding::same("the same bits twice".to_owned());
        finding.reasons.push("the address promises no hash to compare with".to_owned());
        return finding;
    }
    Finding::other(format!("not deterministic: {:032x}, then {again:032x}", run.hash))
}

fn with_recording(
    recorded: &RecordedRun,
    run: &Run,
    runner: &Runner<'_>,
    now: &[Happening],
) -> Finding {
    let (_, hash) = recorded.address();
    let judged = verdicts(&run.judgements);
    let mut finding = if hash != run.hash {
        parted(recorded, runner, now)
    } else if judged == recorded.verdicts {
        Finding::same(format!("the same bits: {} events, the same verdicts", recorded.events))
    } else {
        let mut finding = Finding::other("the same bits, judged otherwise".to_owned());
        finding.reasons = judged_otherwise(&recorded.verdicts, &judged);
        finding
    };
    finding.reasons.extend(reasons(recorded, finding.parts.is_some()));
    finding
}

/// Finds where a run that has another hash parts from the recorded one.
fn parted(recorded: &RecordedRun, runner: &Runner<'_>, now: &[Happening]) -> Finding {
    let kept = recorded.happenings();
    let now = recorded.shortened(now.to_vec());
    let to_the_bit = first_difference(&kept, &now, Alike::ToTheBit);
    let in_words = first_difference(&kept, &now, Alike::InWords);
    let Some(divergence) = to_the_bit else {
        return parted_later(recorded, runner, kept.len());
    };
    let after = |divergence: &Divergence<'_>| {
        let at = divergence.at().as_seconds_text(6);
        format!("another run: the same for {} events, then at {at}", divergence.same)
    };
    if !divergence.reads_alike() {
        return Finding { parts: Some(divergence.into()), ..Finding::other(after(&divergence)) };
    }
    let event = divergence.one.map_or(0, |one| one.event.0);
    let note = format!("#{event} differs already, in something that is not told");
    let shown = in_words.unwrap_or(divergence);
    let reasons = vec![note];
    Finding { parts: Some(shown.into()), reasons, ..Finding::other(after(&shown)) }
}

/// The same for as long as events were kept one by one.
fn parted_later(recorded: &RecordedRun, runner: &Runner<'_>, kept: usize) -> Finding {
    let mut finding = Finding::other(format!("another run: the same for {kept} events"));
    if (kept as u64) < recorded.events && recorded.epoch == ENGINE_EPOCH {
        if let Some((after, stride)) = recorded.first_stride(runner.simulation().trace()) {
            finding.says = format!(
                "another run: the first difference lies in the {stride} events after {after}"
            );
        }
        finding.reasons.push(format!("the file keeps {kept} events one by one"));
    } else {
        let reason = "no event differs: the recorded hash is not that of the recorded events";
        finding.reasons.push(reason.to_owned());
    }
    finding
}

fn judged_otherwise(recorded: &[(String, String)], now: &[(String, String)]) -> Vec<String> {
    let verdict = |list: &[(String, String)], property: &str| {
        let found = list.iter().find(|(known, _)| known == property);
        found.map_or("not judged".to_owned(), |(_, verdict)| verdict.clone())
    };
    let mut properties: Vec<&String> = recorded.iter().chain(now).map(|(name, _)| name).collect();
    properties.sort();
    properties.dedup();
    let both = properties.iter().map(|name| (name, verdict(recorded, name), verdict(now, name)));
    both.filter(|(_, was, is)| was != is)
        .map(|(name, was, is)| format!("{name}: recorded as {was}, now {is}"))
        .collect()
}

/// What may explain a difference, and what a reader of the same bits should know all the same.
fn reasons(recorded: &RecordedRun, parts: bool) -> Vec<String> {
    let mut reasons = Vec::new();
    if recorded.epoch != ENGINE_EPOCH {
        reasons.push(format!(
            "it was recorded under epoch {}, this is epoch {ENGINE_EPOCH}: a seed means another run",
            recorded.epoch
        ));
    }
    if !recorded.is_intact() {
        reasons.push("the scenario in the recording was edited after it was recorded".to_owned());
    }
    if reasons.is_empty() && parts {
        reasons.push("the scenario is as it was recorded: the code is not".to_owned());
    }
    let file = std::fs::read_to_string(&recorded.scenario);
    let current = file.ok().and_then(|text| edit(&text, &recorded.sets).ok());
    if current.is_some_and(|edited| edited.text != recorded.text) {
        reasons.push(format!(
            "{} has another text by now; what was replayed is the recorded one",
            recorded.scenario
        ));
    }
    reasons
}
