//! Whole commits: nobody who looks at a copy sees a part of a transaction.
//!
//! ```text
//!   source   commit 7: a deleted, b=3        (a row gets another key)
//!   copy                b=3 ── both ── a deleted            torn for a while
//! ```
//!
//! Source: Das and others 2012 (Databus), section 2, timeline consistency with transaction
//! boundaries; what Gray & Reuter (1993) call isolation, at a copy. For each commit of several keys:
//! once one of its keys is shown as of it or later, all are, at the end of the same instant. The
//! copies are looked at together, as one who reads all of them would.
//!
//! Asking for it of every copy was rejected: whoever spreads keys over partitions gives it up, and
//! says so by not listing this check.
//!
//! Limits: a snapshot that is copied in chunks shows parts of the commits before it, so list this
//! check for tables that were empty. Instants in which several events fall count as one.

use super::{
    CheckEntry, Checker, Finish, Judgement, NoSettings, PropertyInfo, Witness,
    evidence::{self, ensure, find, witness},
    knowledge::{count, judge},
    numbered::{About, Topics, about},
};
use crate::{
    base::{ids::NodeId, table::Table},
    engine::{
        facts::Fact,
        signal::{Signal, What},
    },
};

const WHOLE: &str = "whole_commits";

/// The line of the registry.
pub(super) const ENTRY: CheckEntry = CheckEntry {
    name: "WholeCommits",
    properties: &[PropertyInfo {
        name: WHOLE,
        demands: "copies never show a part of a commit without the rest of it",
        exercised_by: "commits of several keys of which a copy showed something",
        source: "Das and others 2012, All Aboard the Databus!, section 2",
    }],
    build: |text, named, _| {
        named.decode::<NoSettings>(text)?;
        Ok(Box::new(WholeCommits::default()))
    },
};

#[derive(Default)]
struct WholeCommits {
    topics: Topics,
    /// The keys of each commit, and what became of them.
    commits: Table<u64, Vec<(u32, Part)>>,
    /// The commits of a key that are of other keys, too.
    of_key: Table<u32, Vec<u64>>,
    /// By key, the latest that any copy showed.
    shown: Table<u32, u64>,
    /// What was shown at the last instant, with what was shown before.
    fresh: Vec<Fresh>,
    exercised: u64,
    torn: Option<(u64, u32, u32, Signal)>,
}

/// A key that a copy brought from one commit to another.
struct Fresh {
    key: u32,
    before: u64,
    now: u64,
    signal: Signal,
}

/// What a commit makes of a key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Written,
    Deleted,
}

impl Checker for WholeCommits {
    fn reset(&mut self) {
        *self = Self::default();
    }

    fn on_signal(&mut self, signal: &Signal) {
        if self.fresh.first().is_some_and(|fresh| fresh.signal.at < signal.at) {
            self.look();
        }
        self.topics.on_signal(signal);
        if let What::Stated(node, fact) = signal.what {
            self.learn(node, fact, signal);
        }
    }

    fn finish(&mut self, _: &Finish<'_>) -> Vec<Judgement> {
        self.look();
        let broken = self.torn.map(|(number, key, other, signal)| {
            let sentence = format!(
                "at {} key {key} is shown as of commit {number} or later, and key {other}, which it \
                 changed too, as of an earlier one",
                signal.at
            );
            witness(sentence, &[signal])
        });
        let note = count(self.exercised, "commit", "commits") + " of several keys";
        vec![judge(WHOLE, broken, self.exercised, note)]
    }

    fn recheck(&self, property: &str, witness: &Witness, signals: &[Signal]) -> Result<(), String> {
        ensure(property == WHOLE, "this check does not judge that")?;
        let cited = find(witness, signals)?;
        let [(position, cited)] = cited.as_slice() else {
            return Err("one event is needed".to_owned());
        };
        let upto = signals.iter().rposition(|signal| signal.at == cited.at).unwrap_or(*position);
        is_torn(&signals[..=upto], *position)
    }
}

// The judge.

impl WholeCommits {
    fn learn(&mut self, node: NodeId, fact: Fact, signal: &Signal) {
        match (fact, self.topics.of(node)) {
            (Fact::Commits { number, key, .. }, _) => {
                self.commits.entry_or_default(number).push((key, Part::Written));
                self.of_key.entry_or_default(key).push(number);
            }
            (Fact::Lacks { key }, Some(About::Commit(number))) => self.delete(number, key),
            (Fact::Holds { key, .. } | Fact::Lacks { key }, Some(About::Copy(number))) => {
                let latest = self.shown.entry_or_default(key);
                let before = *latest;
                *latest = number.max(before);
                self.fresh.push(Fresh { key, before, now: *latest, signal: *signal });
            }
            _ => {}
        }
    }

    /// The source says that a commit of its deletes a key.
    fn delete(&mut self, number: u64, key: u32) {
        let keys = self.commits.get_mut(&number).into_iter().flatten();
        keys.filter(|(of, _)| *of == key).for_each(|(_, part)| *part = Part::Deleted);
    }

    /// At the end of an instant: is what was shown in it whole?
    fn look(&mut self) {
        for Fresh { key, before, now, signal } in std::mem::take(&mut self.fresh) {
            let numbers = self.of_key.get(&key).into_iter().flatten();
            for &number in numbers.filter(|number| (before + 1..=now).contains(number)) {
                let keys = self.commits.get(&number).filter(|keys| keys.len() > 1);
                let Some(keys) = keys else { continue };
                self.exercised += 1;
                // What no copy ever showed is as good as deleted there.
                let is_behind = |(other, part): &&(u32, Part)| {
                    let shown = self.shown.get(other);
                    shown.map_or(*part == Part::Written, |shown| *shown < number)
                };
                if let (Some(&(other, _)), None) = (keys.iter().find(is_behind), self.torn) {
                    self.torn = Some((number, key, other, signal));
                }
            }
        }
    }
}

// The witness, checked again.

/// The commit that a copy is at when it says something of a key at a place.
fn number_at(signals: &[Signal], position: usize) -> Option<(u32, u64)> {
    let What::Stated(node, Fact::Holds { key, .. } | Fact::Lacks { key }) = signals[position].what
    else {
        return None;
    };
    match about(signals, node, position)? {
        About::Copy(number) => Some((key, number)),
        About::Commit(_) => None,
    }
}

/// The number and the key of a commit.
fn part((_, _, fact): (usize, NodeId, Fact)) -> Option<(u64, u32)> {
    match fact {
        Fact::Commits { number, key, .. } => Some((number, key)),
        _ => None,
    }
}

/// At this place a key is shown as of some commit or a later one, and another key of it is not.
fn is_torn(signals: &[Signal], position: usize) -> Result<(), String> {
    let Some((key, upto)) = number_at(signals, position) else {
        return Err("the cited event shows no key".to_owned());
    };
    let shown = |key: u32| {
        let shown = (0..signals.len()).filter_map(|position| number_at(signals, position));
        shown.filter(move |(of, _)| *of == key).map(|(_, number)| number).max()
    };
    let is_deleted = |number: u64, key: u32| {
        evidence::stated(signals).any(|(at, node, fact)| {
            fact == Fact::Lacks { key } && about(signals, node, at) == Some(About::Commit(number))
        })
    };
    let parts: Vec<(u64, u32)> = evidence::stated(signals).filter_map(part).collect();
    let numbers = parts.iter().filter(|(number, of)| *of == key && *number <= upto);
    let is_behind = |&(number, key): &(u64, u32)| {
        shown(key).map_or_else(|| !is_deleted(number, key), |shown| shown < number)
    };
    let torn = numbers
        .flat_map(|(number, _)| parts.iter().filter(move |(of, _)| of == number))
        .any(is_behind);
    ensure(torn, "all of the commits are shown")
}

#[cfg(test)]
mod tests {
    use super::super::litmus::*;
    use super::*;

    fn commits(number: u64, key: u32) -> What {
        fact(C, Fact::Commits { number, key, event: number })
    }
    fn applied(number: u64) -> What {
        fact(P1, Fact::Applied(number))
    }
    fn lacks(key: u32) -> What {
        fact(P1, Fact::Lacks { key })
    }

    fn story(second: u64, number: u64) -> Vec<Signal> {
        let copied =
            [(5, applied(2)), (5, lacks(1)), (second, applied(number)), (second, lacks(2))];
        let source = [(0, commits(2, 1)), (0, commits(2, 2))];
        tell_at(&[&source[..], &copied[..], &[(30, HEALED)]].concat())
    }

    #[test]
    fn a_commit_shows_at_one_instant_or_not_at_all() {
        let case = Case::of("WholeCommits");
        case.gives(WHOLE, &story(5, 2), "holds");
        case.gives(WHOLE, &story(5, 3), "holds");
        case.gives(WHOLE, &story(5, 1), "violated");
        let torn = case.gives(WHOLE, &story(6, 2), "violated");
        assert_eq!(
            sentence(torn),
            "at 5ms key 1 is shown as of commit 2 or later, and key 2, which it changed too, as of \
             an earlier one"
        );
    }

    #[test]
    fn a_key_that_no_copy_ever_showed_is_as_good_as_deleted() {
        let source = |now| [commits(2, 1), commits(2, 2), fact(C, now)];
        let shown = [applied(2), lacks(1), HEALED];
        let story = |now| [&source(now)[..], &shown[..]].concat();
        legal(WHOLE, &story(Fact::Lacks { key: 2 }));
        illegal(WHOLE, &story(Fact::Holds { key: 2, value: 7, beside: 0 }));
    }

    #[test]
    fn a_commit_of_one_key_is_always_whole() {
        untested(WHOLE, &[commits(2, 1), applied(2), lacks(1)]);
    }

    #[test]
    fn a_copy_that_boots_forgets_which_commit_it_spoke_of() {
        let story = |replayed: &[What]| {
            let before = [commits(2, 1), commits(2, 2), applied(2), crash(P1), boot(P1)];
            [&before[..], replayed, &[lacks(1), HEALED]].concat()
        };
        untested(WHOLE, &story(&[]));
        illegal(WHOLE, &story(&[again(applied(2))]));
    }

    #[test]
    fn a_commit_that_is_shown_again_is_put_to_no_new_test() {
        let once = story(5, 2);
        let shown = [(0, commits(2, 1)), (0, commits(2, 2)), (5, applied(2)), (5, lacks(1))];
        let again = [(5, lacks(2)), (9, applied(2)), (9, lacks(1))];
        let twice = tell_at(&[&shown[..], &again].concat());
        let exercised =
            |signals: &[Signal]| Case::of("WholeCommits").gives(WHOLE, signals, "holds").exercised;
        assert_eq!((exercised(&once), exercised(&twice)), (2, 2));
    }
}
