//! A recorded run: a file from which anybody can tell whether a run is still the same.
//!
//! ```text
//!   { schema, epoch, scenario, text, digest, seed, trace_hash, verdicts,
//!     strings: [words…], event: [Δ…], at: [Δns…], word: [32 bits…], told: [string…],
//!     stride, prefixes: [hash…] }
//! ```
//!
//! The file holds the scenario's whole text, so it means the same wherever it is read, and one
//! column per part of an event, so that a replay in another build can say *which* event differs
//! and what it was when it was recorded. A hash per run would say only that something differs; a
//! hash per stretch, in which of a thousand events.
//!
//! Limits: the first 100,000 events are kept, marks of steps left out; behind them, prefix hashes
//! tell in which stride two runs part. A word has 32 bits here: one in four billion changes of
//! one event would go unseen, and the hash of the whole run still tells that there is one.

use super::divergence::Happening;
use crate::{
    base::{
        digest::Fold,
        ids::{EventId, Seed},
        time::{Duration, Time},
    },
    checkers::Judgement,
    engine::trace::{ENGINE_EPOCH, Trace},
    scenario::run::Run,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of what the file looks like, and what it is recognised by.
pub const SCHEMA: &str = "splitbrain.run/1";

/// So many events are kept one by one.
pub const KEPT_MAX: usize = 100_000;

/// A recorded run.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedRun {
    schema: String,
    /// The version of everything that a hash depends on.
    pub epoch: u32,
    /// The path of the scenario file, as it was given.
    pub scenario: String,
    /// The scenario's short name.
    pub name: String,
    /// The edits that are in the text.
    pub sets: Vec<(String, String)>,
    /// The digest of the text.
    pub digest: String,
    /// The scenario's text with its edits: what was run.
    pub text: String,
    seed: String,
    /// Where the run was cut short, in nanoseconds, if it was.
    pub until_ns: Option<u64>,
    trace_hash: String,
    /// What was judged: the property, and the verdict in a word.
    pub verdicts: Vec<(String, String)>,
    /// How many events there were, marks of steps left out.
    pub events: u64,
    strings: Vec<String>,
    event: Vec<u32>,
    at: Vec<u64>,
    word: Vec<u32>,
    told: Vec<u32>,
    stride: u32,
    prefixes: Vec<String>,
}

/// What was run, besides the run itself.
#[derive(Clone, Copy, Debug)]
pub struct Provenance<'a> {
    /// The path of the scenario file.
    pub scenario: &'a str,
    /// Its text with its edits.
    pub text: &'a str,
    /// The edits.
    pub sets: &'a [(String, String)],
    /// Where the run was cut short.
    pub until: Option<Duration>,
}

impl RecordedRun {
    /// Records a run. `happenings` are all of it, `trace` is where its prefix hashes come from.
    pub fn of(
        run: &Run,
        from: Provenance<'_>,
        happenings: &[Happening],
        trace: &Trace,
    ) -> RecordedRun {
        let kept = &happenings[..happenings.len().min(KEPT_MAX)];
        let (strings, told) = interned(kept);
        let shown = |hash: &u64| format!("{hash:016x}");
        RecordedRun {
            schema: SCHEMA.to_owned(),
            epoch: ENGINE_EPOCH,
            scenario: from.scenario.to_owned(),
            name: run.name.clone(),
            sets: from.sets.to_vec(),
            digest: digest_of(from.text),
            text: from.text.to_owned(),
            seed: run.seed.to_string(),
            until_ns: from.until.map(Duration::as_nanos),
            trace_hash: format!("{:032x}", run.hash),
            verdicts: verdicts(&run.judgements),
            events: happenings.len() as u64,
            strings,
            event: steps(kept.iter().map(|one| one.event.0)),
            at: steps(kept.iter().map(|one| one.at.as_nanos())),
            word: kept.iter().map(|one| one.word as u32).collect(),
            told,
            stride: trace.stride(),
            prefixes: trace.prefixes().iter().map(shown).collect(),
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: &str) -> Result<RecordedRun, String> {
        let recorded: RecordedRun =
            serde_json::from_str(text).map_err(|error| error.to_string())?;
        if recorded.schema != SCHEMA {
            return Err(format!("its schema is `{}`, not `{SCHEMA}`", recorded.schema));
        }
        recorded.check()?;
        Ok(recorded)
    }

    /// The file's text.
    pub fn write(&self) -> String {
        let text = serde_json::to_string(self).expect("names and numbers are JSON");
        text + "\n"
    }

    fn check(&self) -> Result<(), String> {
        let length = self.event.len();
        if [self.at.len(), self.word.len(), self.told.len()] != [length; 3] {
            return Err("its columns have different lengths".to_owned());
        }
        if self.told.iter().any(|&place| self.strings.len() <= place as usize) {
            return Err("it refers to words that are not in it".to_owned());
        }
        let last_event = self.event.iter().try_fold(0_u32, |sum, step| sum.checked_add(*step));
        let last_at = self.at.iter().try_fold(0_u64, |sum, step| sum.checked_add(*step));
        if last_event.is_none() || last_at.is_none() {
            return Err("its numbers or instants are too large".to_owned());
        }
        if self.events < length as u64 || self.stride == 0 {
            return Err("it has more events than it says".to_owned());
        }
        if self.hash().is_none() {
            return Err("its trace_hash is not 32 hex digits".to_owned());
        }
        if self.seed().is_none() {
            return Err("its seed is not a number".to_owned());
        }
        Ok(())
    }

    fn hash(&self) -> Option<u128> {
        let digits = self.trace_hash.len() == 32;
        digits.then(|| u128::from_str_radix(&self.trace_hash, 16).ok()).flatten()
    }

    fn seed(&self) -> Option<Seed> {
        self.seed.parse().ok().map(Seed)
    }

    /// The seed and the hash of what happened.
    pub fn address(&self) -> (Seed, u128) {
        let address = self.seed().zip(self.hash());
        address.expect("both were looked at when the file was read")
    }

    /// Where the run was cut short, if it was.
    pub fn until(&self) -> Option<Duration> {
        self.until_ns.map(Duration::from_nanos)
    }

    /// Whether the text is the one that was recorded, and not edited in the file.
    pub fn is_intact(&self) -> bool {
        digest_of(&self.text) == self.digest
    }

    /// What was kept of what happened. Words have 32 bits; see [`RecordedRun::shortened`].
    pub fn happenings(&self) -> Vec<Happening> {
        let (mut event, mut at) = (0, 0);
        let columns = self.event.iter().zip(&self.at).zip(self.word.iter().zip(&self.told));
        columns
            .map(|((event_step, at_step), (&word, &told))| {
                (event, at) = (event + event_step, at + at_step);
                Happening {
                    event: EventId(event),
                    at: Time::from_nanos(at),
                    word: u64::from(word),
                    told: self.strings[told as usize].clone(),
                }
            })
            .collect()
    }

    /// Another run's happenings as this file would have kept them.
    pub fn shortened(&self, mut happenings: Vec<Happening>) -> Vec<Happening> {
        if self.event.len() < self.events as usize {
            happenings.truncate(self.event.len());
        }
        for one in &mut happenings {
            one.word &= u64::from(u32::MAX);
        }
        happenings
    }

    /// Where the prefix hashes first differ from those of another run: the number of an event,
    /// and in how many events behind it the difference lies. For what was not kept one by one.
    pub fn first_stride(&self, trace: &Trace) -> Option<(EventId, u32)> {
        let (mine, theirs) = (u64::from(self.stride), u64::from(trace.stride()));
        let stride = mine.max(theirs);
        let every = |hashes: Vec<String>, own: u64| {
            let width = (stride / own) as usize;
            hashes.into_iter().skip(width - 1).step_by(width).collect::<Vec<_>>()
        };
        if !stride.is_multiple_of(mine.min(theirs)) {
            return None; // Strides are doubled; other ones come from another build.
        }
        let shown = trace.prefixes().iter().map(|hash| format!("{hash:016x}")).collect();
        let (mine, theirs) = (every(self.prefixes.clone(), mine), every(shown, theirs));
        let same = mine.iter().zip(&theirs).take_while(|(one, other)| one == other).count();
        Some((EventId((same as u64 * stride) as u32), stride as u32))
    }
}

/// The verdicts of a run, as files keep them.
pub fn verdicts(judgements: &[Judgement]) -> Vec<(String, String)> {
    let word = |one: &Judgement| (one.property.to_owned(), one.verdict.word().to_owned());
    judgements.iter().map(word).collect()
}

/// The digest of a scenario's text.
pub fn digest_of(text: &str) -> String {
    let mut fold = Fold::NEW;
    fold.bytes(text.as_bytes());
    format!("{:032x}", fold.end())
}

/// Each text once, and for each happening which one it is.
fn interned(kept: &[Happening]) -> (Vec<String>, Vec<u32>) {
    let mut places = BTreeMap::new();
    let mut strings = Vec::new();
    let told = kept.iter().map(|one| {
        *places.entry(one.told.as_str()).or_insert_with(|| {
            strings.push(one.told.clone());
            strings.len() as u32 - 1
        })
    });
    let told = told.collect();
    (strings, told)
}

/// The differences between neighbours, from zero; numbers of events and instants never go back.
fn steps<N: Copy + Default + std::ops::Sub<Output = N>>(
    numbers: impl Iterator<Item = N>,
) -> Vec<N> {
    let mut before = N::default();
    let step = |number| number - std::mem::replace(&mut before, number);
    numbers.map(step).collect()
}
