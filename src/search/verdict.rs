//! The verdict on a sweep: is it what the scenario expects?
//!
//! ```text
//!   a run differs the second time ─▶ Diverged    a panic of ours ─▶ OurBug
//!   Violates(p)   p violated in ≥ in: seeds, nothing else violated
//!   Holds         nothing violated, each property tested in ≥ exercised: seeds, else Undecided
//!   either        every floor is met, else Undecided; what is in quarantine is not counted
//! ```
//!
//! One function for sweeps and merged parts, so that both exit alike. A sweep in which a property
//! was never put to the test is not green: it proves nothing about it. A part that has no blocks,
//! because there are more slices than blocks, did all it had to do.

use super::{
    fingerprint::PANIC,
    floors::Floor,
    sweep::{Ending, Head, Swept},
    tally::{NONDETERMINISM, Tally},
};

/// What a sweep comes to, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As the scenario says.
    AsExpected,
    /// Something else is violated, or what should be is not.
    NotAsExpected(String),
    /// It proves too little to say.
    Undecided(String),
    /// A run gave another result the second time.
    Diverged(String),
    /// A panic in splitbrain itself.
    OurBug(String),
}

impl Verdict {
    /// The word that files use.
    pub fn word(&self) -> &'static str {
        match self {
            Self::AsExpected => "as_expected",
            Self::NotAsExpected(_) => "not_as_expected",
            Self::Undecided(_) => "inconclusive",
            Self::Diverged(_) => "diverged",
            Self::OurBug(_) => "our_bug",
        }
    }

    /// Why, unless all is as expected.
    pub fn why(&self) -> Option<&str> {
        match self {
            Self::AsExpected => None,
            Self::NotAsExpected(why)
            | Self::Undecided(why)
            | Self::Diverged(why)
            | Self::OurBug(why) => Some(why),
        }
    }
}

/// Judges a sweep. In how many seeds something shows is judged of whole sweeps only: of a part,
/// the merge will tell, and one that was stopped is undecided.
pub fn verdict(head: &Head, swept: &Swept) -> Verdict {
    let tally = &swept.tally;
    if let Some(finding) = finding(head, tally) {
        return finding;
    }
    let of_all = |seeds: u64| format!("in {seeds} of {} seeds", tally.seeds);
    let violated = |property: &str| tally.properties.get(property).map_or(0, |p| p.violated);
    let all = head.properties.iter();
    let counted =
        |property: &str| violated(property).saturating_sub(set_aside(head, tally, property));
    let unexpected =
        all.clone().find(|property| !head.expect.contains(property) && counted(property) > 0);
    if let Some(property) = unexpected {
        let seeds = of_all(counted(property));
        return Verdict::NotAsExpected(format!("{property} is violated {seeds}"));
    }
    let is_part = head.slice.of > 1;
    let has_no_block = is_part && head.slice.blocks(head.seeds.blocks()) == 0;
    if tally.seeds == 0 && !has_no_block {
        return Verdict::Undecided("no seed was run".to_owned());
    }
    let missing = head.expect.iter().find(|property| violated(property) < head.violated_min);
    if let Some(property) = missing.filter(|_| !is_part) {
        let (seeds, least) = (of_all(violated(property)), head.violated_min);
        let why = format!("{property} is violated {seeds}, expected in at least {least}");
        return match swept.ending {
            Ending::Complete | Ending::FailuresMax => Verdict::NotAsExpected(why),
            Ending::TimeLimit | Ending::Interrupted => Verdict::Undecided(why),
        };
    }
    let unknown =
        |property: &&String| tally.properties.get(*property).is_some_and(|p| p.unknown > 0);
    if let Some(property) = all.clone().find(unknown) {
        return Verdict::Undecided(format!("{property} is unknown in some seeds"));
    }
    if tally.cut_off > 0 {
        let seeds = of_all(tally.cut_off);
        return Verdict::Undecided(format!("runs were stopped after too many events {seeds}"));
    }
    let untested = untested(head, tally).filter(|_| !is_part);
    untested.map_or(Verdict::AsExpected, Verdict::Undecided)
}

/// In how many seeds a property is violated in a way that is known.
fn set_aside(head: &Head, tally: &Tally, property: &str) -> u64 {
    let known = tally.failures.iter().filter(|(what, _)| what.property == property);
    let known = known.filter(|(what, _)| head.quarantined(what).is_some());
    known.map(|(_, failure)| failure.seeds).sum()
}

fn finding(head: &Head, tally: &Tally) -> Option<Verdict> {
    let findings = tally.failures.iter().filter(|(what, _)| what.is_finding());
    let mut worst = None;
    for (what, failure) in findings {
        let why = format!("seed {}: {}", failure.smallest, failure.sentence);
        if what.property == PANIC && is_ours(&failure.sentence) {
            return Some(Verdict::OurBug(why));
        }
        if what.property == NONDETERMINISM {
            worst = Some(Verdict::Diverged(why));
        } else if worst.is_none() && head.quarantined(what).is_none() {
            worst = Some(Verdict::NotAsExpected(why));
        }
    }
    worst
}

/// Whether a panic came from splitbrain and not from a protocol.
pub fn is_ours(panic: &str) -> bool {
    let place = panic.split_whitespace().nth(2).unwrap_or_default();
    ["src/engine/", "src/base/", "src/checkers/"].iter().any(|ours| place.contains(ours))
}

/// What too few seeds put to the test: a property when all is to hold, or what a floor names.
fn untested(head: &Head, tally: &Tally) -> Option<String> {
    let to_hold = head.properties.iter().filter(|_| head.expect.is_empty());
    let general = head.floors.iter().filter(|floor| floor.of.is_none());
    let general = general.map(|floor| floor.least.of(tally.seeds)).max();
    let general = general.unwrap_or(head.exercised_min);
    let of_properties = to_hold.map(|property| (property, general));
    let named = head
        .floors
        .iter()
        .filter_map(|floor| Some((floor.of.as_ref()?, floor.least.of(tally.seeds))));
    of_properties.chain(named).find_map(|(name, least)| {
        let seen = match Floor::seen(name, tally) {
            None if head.properties.contains(name) => 0,
            seen => seen?, // A floor of another scenario.
        };
        (seen < least).then(|| {
            format!(
                "{name} was put to the test in {seen} of {} seeds, and {least} are needed: this \
                 sweep proves nothing about it",
                tally.seeds
            )
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::{
        fingerprint::Fingerprint,
        quarantine::Known,
        seeds::{Seeds, Slice},
        tally::{Failure, PropertyTally},
    };

    fn head(expect: &[&str]) -> Head {
        Head {
            scenario: "a.ron".to_owned(),
            title: String::new(),
            protocol: String::new(),
            digest: String::new(),
            epoch: 1,
            version: String::new(),
            sets: Vec::new(),
            variation: Vec::new(),
            seeds: Seeds::List(vec![1]),
            slice: Slice::WHOLE,
            expect: expect.iter().map(|&name| name.to_owned()).collect(),
            violated_min: 2,
            exercised_min: 3,
            properties: vec!["p".to_owned(), "q".to_owned()],
            rules: Vec::new(),
            floors: Vec::new(),
            known: Vec::new(),
        }
    }

    fn tally(p: [u64; 3], q: [u64; 3]) -> Tally {
        let counts = |[exercised, violated, unknown]: [u64; 3]| PropertyTally {
            exercised,
            violated,
            unknown,
            occasions: exercised,
        };
        let properties = [("p".to_owned(), counts(p)), ("q".to_owned(), counts(q))];
        Tally { seeds: 9, properties: properties.into(), ..Tally::default() }
    }

    fn word(expect: &[&str], tally: &Tally) -> &'static str {
        verdict(&head(expect), &swept(tally)).word()
    }

    fn swept(tally: &Tally) -> Swept {
        Swept { tally: tally.clone(), failed: Vec::new(), ending: Ending::Complete }
    }

    #[test]
    fn a_part_and_a_sweep_cut_short_are_not_blamed_for_what_they_did_not_see() {
        let nothing = swept(&tally([2, 0, 0], [9, 0, 0]));
        let part = Head { slice: Slice { index: 1, of: 2 }, ..head(&[]) };
        assert_eq!(verdict(&part, &nothing), Verdict::AsExpected);
        let part = Head { slice: Slice { index: 1, of: 2 }, ..head(&["p"]) };
        assert_eq!(verdict(&part, &nothing), Verdict::AsExpected);
        let stopped = Swept { ending: Ending::TimeLimit, ..nothing };
        assert_eq!(verdict(&head(&["p"]), &stopped).word(), "inconclusive");
    }

    #[test]
    fn what_holds_was_put_to_the_test_in_enough_seeds() {
        assert_eq!(word(&[], &tally([3, 0, 0], [9, 0, 0])), "as_expected");
        assert_eq!(word(&[], &tally([2, 0, 0], [9, 0, 0])), "inconclusive");
        assert_eq!(word(&[], &tally([3, 0, 1], [9, 0, 0])), "inconclusive");
        assert_eq!(word(&[], &tally([2, 1, 0], [9, 0, 0])), "not_as_expected");
    }

    #[test]
    fn a_general_floor_holds_where_all_is_to_hold_and_a_named_one_everywhere() {
        let tested = swept(&tally([5, 2, 0], [9, 0, 0]));
        let with = |expect: &[&str], floor: &str| {
            let floors = vec![floor.parse().expect("a floor")];
            verdict(&Head { floors, ..head(expect) }, &tested).word()
        };
        for (floor, word) in [("5", "as_expected"), ("6", "as_expected"), ("p=5", "as_expected")] {
            assert_eq!(with(&["p"], floor), word, "{floor}");
        }
        assert_eq!(with(&["p"], "p=6"), "inconclusive");
        assert_eq!(with(&["p"], "q=99%"), "as_expected");
        assert_eq!(with(&["p"], "somebody=5"), "as_expected");
        let tested = swept(&tally([5, 0, 0], [9, 0, 0]));
        let all_hold = |floor: &str| {
            let floors = vec![floor.parse().expect("a floor")];
            verdict(&Head { floors, ..head(&[]) }, &tested).word()
        };
        assert_eq!((all_hold("5"), all_hold("6")), ("as_expected", "inconclusive"));
        assert_eq!((all_hold("50%"), all_hold("60%")), ("as_expected", "inconclusive"));
        let tested = swept(&tally([2, 0, 0], [9, 0, 0]));
        let floors = vec!["2".parse().expect("a floor")];
        let word = verdict(&Head { floors, ..head(&[]) }, &tested).word();
        assert_eq!(word, "as_expected", "it stands in place of the scenario's own three");
    }

    #[test]
    fn what_is_in_quarantine_is_not_counted_and_everything_else_is() {
        let known = |failure: &str| Known {
            failure: failure.to_owned(),
            until: "2026-12-31".parse().expect("a day"),
            reason: "known".to_owned(),
        };
        let mut tally = tally([9, 2, 0], [9, 0, 0]);
        for (shape, seeds) in [(1, 1), (2, 1)] {
            let what = Fingerprint { property: "p".to_owned(), shape };
            let sentence = String::new();
            tally.add_failure(what, Failure { seeds, smallest: 4, hash: 0, sentence });
        }
        let with = |known| verdict(&Head { known, ..head(&[]) }, &swept(&tally)).word();
        assert_eq!(with(vec![known("p/000001")]), "not_as_expected");
        assert_eq!(with(vec![known("p/000001"), known("p/000002")]), "as_expected");
        assert_eq!(with(vec![known("p")]), "as_expected");
        assert_eq!(with(vec![known("q")]), "not_as_expected");
    }

    #[test]
    fn an_expected_violation_shows_in_enough_seeds_and_no_other_shows() {
        assert_eq!(word(&["p"], &tally([9, 2, 0], [0, 0, 0])), "as_expected");
        assert_eq!(word(&["p"], &tally([9, 1, 0], [9, 0, 0])), "not_as_expected");
        assert_eq!(word(&["p"], &tally([9, 2, 0], [9, 1, 0])), "not_as_expected");
        assert_eq!(word(&["p", "q"], &tally([9, 2, 0], [9, 2, 0])), "as_expected");
    }

    #[test]
    fn a_run_that_was_stopped_and_a_sweep_of_nothing_decide_nothing() {
        let cut_off = Tally { cut_off: 1, ..tally([9, 0, 0], [9, 0, 0]) };
        assert_eq!(word(&[], &cut_off), "inconclusive");
        let nothing = Tally { seeds: 0, ..tally([9, 0, 0], [9, 0, 0]) };
        assert_eq!(word(&[], &nothing), "inconclusive");
    }

    #[test]
    fn a_part_without_blocks_is_as_expected_and_one_that_skipped_its_blocks_is_not() {
        let nothing = swept(&Tally::default());
        let part = |index| Head {
            seeds: Seeds::range(1, 600).expect("it is sound"),
            slice: Slice { index, of: 4 },
            ..head(&[])
        };
        assert_eq!(verdict(&part(4), &nothing), Verdict::AsExpected);
        assert_eq!(verdict(&part(3), &nothing).word(), "inconclusive");
    }

    #[test]
    fn findings_come_before_expectations_and_ours_before_yours() {
        let with = |mut tally: Tally, property: &str, sentence: &str| {
            let what = Fingerprint { property: property.to_owned(), shape: 0 };
            let sentence = sentence.to_owned();
            tally.add_failure(what, Failure { seeds: 1, smallest: 4, hash: 0, sentence });
            tally
        };
        let panic =
            with(tally([9, 2, 0], [9, 0, 0]), PANIC, "panicked at src/protocols/a.rs:1:2: x");
        assert_eq!(word(&["p"], &panic), "not_as_expected");
        let diverged = with(panic, NONDETERMINISM, "another hash");
        assert_eq!(word(&["p"], &diverged), "diverged");
        let ours = with(tally([9, 2, 0], [9, 0, 0]), PANIC, "panicked at src/engine/a.rs:1:2: x");
        assert_eq!(word(&["p"], &ours), "our_bug");
    }
}
