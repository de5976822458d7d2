//! The lag of a copy: every change shows in it within a limit.
//!
//! ```text
//!   source   commit 5: a=7 ────┬───────────────▶
//!   copy                       └── lag ──▶ applied 5, or a later commit of the same key
//! ```
//!
//! Source: Das and others 2012 (Databus), section 4, which calls it the time line of consumption; the
//! freshness of a replica in words of databases. Measured from the instant at which the source
//! commits to the first instant at which any copy is at this commit of the key or behind it.
//!
//! A limit on versions was rejected: a reader of a copy has a clock and no list of commits.
//!
//! A row that was deleted before any copy ever showed its key is not late: nobody could tell.
//!
//! Limits: what was never shown counts only when the limit had passed before the run was over.

use super::{
    CheckEntry, Checker, Finish, Judgement, PropertyInfo, Witness,
    evidence::{self, ensure, find, witness},
    knowledge::{count, judge, order},
    numbered::{About, Topics, about},
};
use crate::{
    base::{
        ids::NodeId,
        table::Table,
        time::{Duration, Time},
    },
    engine::{
        facts::Fact,
        runner::Catalog,
        signal::{Signal, What},
    },
};
use std::sync::Arc;

const LAG: &str = "copy_lag";

/// The line of the registry.
pub(super) const ENTRY: CheckEntry = CheckEntry {
    name: "CopyLag",
    properties: &[PropertyInfo {
        name: LAG,
        demands: "every change that the source commits shows in a copy within the limit",
        exercised_by: "commits of the source",
        source: "Das and others 2012, All Aboard the Databus!, section 4",
    }],
    build: |text, named, catalog| {
        let Settings { limit } = named.decode(text)?;
        let catalog = Arc::clone(catalog);
        Ok(Box::new(CopyLag {
            catalog,
            limit,
            topics: Topics::default(),
            open: Table::new(),
            shown: Table::new(),
            done: 0,
            longest: Duration::ZERO,
            late: None,
            end: Time::ZERO,
        }))
    },
};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    /// How far behind a copy may be.
    limit: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { limit: Duration::from_secs(1) }
    }
}

struct CopyLag {
    catalog: Arc<Catalog>,
    limit: Duration,
    topics: Topics,
    /// Commits that no copy shows yet, by key and number.
    open: Table<(u32, u64), Signal>,
    /// Keys that a copy ever showed.
    shown: Table<u32, ()>,
    done: u64,
    longest: Duration,
    /// The first commit that came too late, and how late.
    late: Option<(Signal, u32, Duration)>,
    /// When the run was over.
    end: Time,
}

impl Checker for CopyLag {
    fn reset(&mut self) {
        self.topics = Topics::default();
        self.open.clear();
        self.shown.clear();
        (self.done, self.longest, self.late) = (0, Duration::ZERO, None);
    }

    fn on_signal(&mut self, signal: &Signal) {
        self.topics.on_signal(signal);
        if let What::Stated(node, fact) = signal.what {
            self.learn(node, fact, signal);
        }
    }

    fn finish(&mut self, finish: &Finish<'_>) -> Vec<Judgement> {
        self.end = finish.end.end;
        let never = self.open.iter().filter(|(_, commit)| commit.at + self.limit < finish.end.end);
        let never = never.min_by_key(|(_, commit)| order(commit));
        let broken = match (self.late, never) {
            (Some((commit, key, lag)), _) => Some(self.lateness(&commit, key, Some(lag))),
            (None, Some((&(key, _), commit))) => Some(self.lateness(commit, key, None)),
            (None, None) => None,
        };
        let exercised = self.done + self.open.len() as u64;
        let note = format!("{}, {} at most", count(self.done, "change", "changes"), self.longest);
        vec![judge(LAG, broken, exercised, note)]
    }

    fn recheck(&self, property: &str, witness: &Witness, signals: &[Signal]) -> Result<(), String> {
        ensure(property == LAG, "this check does not judge that")?;
        let cited = find(witness, signals)?;
        let [
            (position, Signal { at, what: What::Stated(_, Fact::Commits { number, key, .. }), .. }),
        ] = cited.as_slice()
        else {
            return Err("one commit is needed".to_owned());
        };
        let shown = shown_at(signals, *position, *key, *number);
        ensure(!is_deleted_unseen(signals, *position, *key), "nobody could tell")?;
        ensure(*at + self.limit < shown.unwrap_or(self.end), "it was shown in time, or may be yet")
    }
}

// The judge.

impl CopyLag {
    fn learn(&mut self, node: NodeId, fact: Fact, signal: &Signal) {
        match (fact, self.topics.of(node)) {
            (Fact::Commits { number, key, .. }, _) => {
                self.open.insert((key, number), *signal);
            }
            (Fact::Holds { key, .. } | Fact::Lacks { key }, Some(About::Copy(number))) => {
                self.shown.insert(key, ());
                self.show(key, number, signal.at);
            }
            (Fact::Lacks { key }, Some(About::Commit(_))) if !self.shown.contains_key(&key) => {
                self.open.retain(|(of, _), _| *of != key);
            }
            _ => {}
        }
    }

    fn show(&mut self, key: u32, number: u64, at: Time) {
        let done = self.open.range((key, 0)..=(key, number));
        let done: Vec<((u32, u64), Signal)> = done.map(|(name, commit)| (*name, *commit)).collect();
        for (name, commit) in done {
            self.open.remove(&name);
            let lag = at.saturating_since(commit.at);
            (self.done, self.longest) = (self.done + 1, self.longest.max(lag));
            if self.limit < lag && self.late.is_none() {
                self.late = Some((commit, key, lag));
            }
        }
    }

    fn lateness(&self, commit: &Signal, key: u32, lag: Option<Duration>) -> Witness {
        let node = evidence::place(&commit.what).map_or("a client", |node| self.catalog.node(node));
        let late = match lag {
            Some(lag) => format!("showed in a copy after {lag}"),
            None => "never showed in a copy".to_owned(),
        };
        let sentence = format!("what {node} committed of key {key} at {} {late}", commit.at);
        witness(sentence, &[*commit])
    }
}

// The witness, checked again.

/// Whether a source deleted a key, behind this place and before any copy showed it.
fn is_deleted_unseen(signals: &[Signal], position: usize, key: u32) -> bool {
    for (place, signal) in signals.iter().enumerate() {
        let What::Stated(node, fact) = signal.what else { continue };
        if !matches!(fact, Fact::Holds { key: of, .. } | Fact::Lacks { key: of } if of == key) {
            continue;
        }
        match about(signals, node, place) {
            Some(About::Copy(_)) => return false,
            Some(About::Commit(_)) if place > position && fact == (Fact::Lacks { key }) => {
                return true;
            }
            _ => {}
        }
    }
    false
}

/// When any copy first said, behind this place, that it is at this commit of a key or a later one.
fn shown_at(signals: &[Signal], position: usize, key: u32, number: u64) -> Option<Time> {
    let shows = |(place, signal): &(usize, &Signal)| match signal.what {
        What::Stated(node, Fact::Holds { key: of, .. } | Fact::Lacks { key: of }) if of == key => {
            matches!(about(signals, node, *place), Some(About::Copy(at)) if at >= number)
        }
        _ => false,
    };
    let shown = signals.iter().enumerate().skip(position).find(shows);
    shown.map(|(_, signal)| signal.at)
}

#[cfg(test)]
mod tests {
    use super::super::litmus::*;
    use super::*;

    fn story(shown_at: u64, number: u64) -> Vec<Signal> {
        tell_at(&[
            (0, fact(C, Fact::Commits { number: 2, key: 5, event: 2 })),
            (0, holds()),
            (shown_at, fact(P1, Fact::Applied(number))),
            (shown_at, fact(P1, Fact::Lacks { key: 5 })),
        ])
    }

    #[test]
    fn a_change_shows_within_the_limit_or_a_later_one_does() {
        let case = Case { settings: r#"(limit: "20ms")"#, ..Case::of("CopyLag") };
        case.gives(LAG, &story(20, 2), "holds");
        case.gives(LAG, &story(20, 3), "holds");
        let late = case.gives(LAG, &story(21, 2), "violated");
        assert_eq!(sentence(late), "what c committed of key 5 at 0s showed in a copy after 21ms");
        let never = case.gives(LAG, &story(20, 1), "violated");
        assert_eq!(sentence(never), "what c committed of key 5 at 0s never showed in a copy");
        case.gives(LAG, &tell(&[]), "not_exercised");
    }

    #[test]
    fn a_row_that_was_deleted_before_anybody_saw_it_is_not_late() {
        let case = Case { settings: r#"(limit: "20ms")"#, ..Case::of("CopyLag") };
        let commits = |number| fact(C, Fact::Commits { number, key: 5, event: number });
        let deleted = fact(C, Fact::Lacks { key: 5 });
        let seen = [(1, fact(P1, Fact::Applied(1))), (1, deleted_at(P1))];
        let later = [(30, commits(4)), (31, fact(P1, Fact::Applied(4))), (31, deleted_at(P1))];
        let source = [(2, commits(2)), (2, holds()), (3, commits(3)), (3, deleted)];
        case.gives(LAG, &tell_at(&[&source[..], &later].concat()), "holds");
        case.gives(LAG, &tell_at(&[&seen[..], &source[..]].concat()), "violated");
    }

    fn holds() -> What {
        fact(C, Fact::Holds { key: 5, value: 7, beside: 0 })
    }

    fn deleted_at(node: u16) -> What {
        fact(node, Fact::Lacks { key: 5 })
    }

    #[test]
    fn what_could_still_come_in_time_is_not_late() {
        let case = Case { settings: r#"(limit: "1s")"#, ..Case::of("CopyLag") };
        case.gives(LAG, &story(20, 1), "holds");
    }

    #[test]
    fn a_copy_that_boots_forgets_which_commit_it_spoke_of() {
        let case = Case { settings: r#"(limit: "20ms")"#, ..Case::of("CopyLag") };
        let applied = fact(P1, Fact::Applied(2));
        let commits = fact(C, Fact::Commits { number: 2, key: 5, event: 2 });
        let story = |replayed: &[(u64, What)]| {
            let before = [(0, commits), (0, holds()), (1, applied)];
            let booted = [(2, crash(P1)), (3, boot(P1))];
            tell_at(&[&before[..], &booted, replayed, &[(4, deleted_at(P1))]].concat())
        };
        case.gives(LAG, &story(&[]), "violated");
        case.gives(LAG, &story(&[(3, again(applied))]), "holds");
    }
}
