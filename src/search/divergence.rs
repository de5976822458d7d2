//! Where two runs part: the first thing that happened in one of them and not in the other.
//!
//! ```text
//!   one    a b c d e f …         recorded      same for 3 events,
//!   other  a b c x e g …         now           then d in the one and x in the other
//! ```
//!
//! Runs are compared event by event and only up to there: what comes after the first difference
//! follows from it. Marks of steps are left out, since naming one more step changes no run.
//! An alignment of what comes later was rejected: two futures of one decision share little but
//! their words, and a reader who knows the first difference reads both.

use crate::{
    base::{ids::EventId, time::Time},
    engine::trace::{Entry, Kind},
    scenario::run::Run,
};

/// One thing that happened, as far as comparing goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happening {
    /// Its number in its run.
    pub event: EventId,
    /// True time.
    pub at: Time,
    /// All that the hash of the run covers of it.
    pub word: u64,
    /// What a reader is told of it.
    pub told: String,
}

/// Everything that happened in a recorded run, marks of steps left out. `told` puts it in words.
pub fn happenings(run: &Run, told: impl Fn(&Entry) -> String) -> Vec<Happening> {
    let hashed = run.entries.iter().filter(|entry| entry.kind != Kind::Step);
    hashed
        .map(|entry| {
            let Entry { event, at, word, .. } = *entry;
            Happening { event, at, word, told: told(entry) }
        })
        .collect()
}

/// What makes two happenings the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alike {
    /// All that the hash covers: nothing at all differs. For two runs of one scenario.
    ToTheBit,
    /// The instant and what a reader is told. For runs of different scenarios, in which the same
    /// thing may have another number.
    InWords,
}

/// The first difference between two runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Divergence<'r> {
    /// How many happenings both runs share before it.
    pub same: usize,
    /// What came next in the first run; `None` where it was over.
    pub one: Option<&'r Happening>,
    /// What came next in the second.
    pub other: Option<&'r Happening>,
}

/// The first difference between two runs; `None` where there is none.
pub fn first_difference<'r>(
    one: &'r [Happening],
    other: &'r [Happening],
    alike: Alike,
) -> Option<Divergence<'r>> {
    let same = |(one, other): &(&Happening, &Happening)| match alike {
        Alike::ToTheBit => one.word == other.word,
        Alike::InWords => (one.at, &one.told) == (other.at, &other.told),
    };
    let same = one.iter().zip(other).take_while(same).count();
    let (one, other) = (one.get(same), other.get(same));
    (one.is_some() || other.is_some()).then_some(Divergence { same, one, other })
}

impl Divergence<'_> {
    /// The instant at which the runs part.
    pub fn at(&self) -> Time {
        let instants = [self.one, self.other].into_iter().flatten().map(|happening| happening.at);
        instants.min().expect("where runs differ, at least one of them goes on")
    }

    /// Whether both runs tell the same words here and differ in what is not told.
    pub fn reads_alike(&self) -> bool {
        match (self.one, self.other) {
            (Some(one), Some(other)) => (one.at, &one.told) == (other.at, &other.told),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(words: &[u64]) -> Vec<Happening> {
        let happening = |(place, &word): (usize, &u64)| Happening {
            event: EventId(place as u32 + 1),
            at: Time::from_millis(place as u64),
            word,
            told: format!("{}", word % 100),
        };
        words.iter().enumerate().map(happening).collect()
    }

    #[test]
    fn equal_runs_have_no_difference_and_a_prefix_has_one() {
        let (whole, part) = (run(&[1, 2, 3]), run(&[1, 2]));
        assert_eq!(first_difference(&whole, &whole, Alike::ToTheBit), None);
        assert_eq!(first_difference(&[], &[], Alike::InWords), None);
        let parts = first_difference(&whole, &part, Alike::ToTheBit).expect("one is longer");
        assert_eq!((parts.same, parts.other), (2, None));
        assert_eq!(parts.one.map(|happening| happening.event), Some(EventId(3)));
        assert_eq!(parts.at(), Time::from_millis(2));
    }

    #[test]
    fn what_reads_alike_may_still_differ_to_the_bit() {
        let (one, other) = (run(&[1, 2, 3]), run(&[1, 102, 4]));
        let bits = first_difference(&one, &other, Alike::ToTheBit).expect("they differ");
        assert_eq!((bits.same, bits.reads_alike()), (1, true));
        let words = first_difference(&one, &other, Alike::InWords).expect("they differ");
        assert_eq!((words.same, words.reads_alike()), (2, false));
    }
}
