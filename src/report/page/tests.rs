//! The page as a program reads it: what is in the data, and that nothing in it can act.
//!
//! ```text
//!   run ──page──▶ document ──taken apart──▶ columns ──put together──▶ the entries of the run
//! ```
//!
//! What the page's own program makes of the data is tested in a browser (`tests/browser.rs`); here
//! the data is put together again in Rust and compared with the run that it came from.

use super::*;
use crate::report::fixture::{Sketch, hostile};

#[test]
fn a_window_holds_what_is_violated() {
    let run = Sketch::coordinator_crash().run(42);
    assert_eq!(window(&run, usize::MAX), 0..run.entries.len());
    for most in [10, 50, 100] {
        let range = window(&run, most);
        assert_eq!(range.len(), most);
        let cited = run.judgements.iter().find_map(|judgement| match &judgement.verdict {
            Verdict::Violated(witness) => Some(witness.citations[0].event),
            _ => None,
        });
        let cited = cited.expect("it is violated");
        assert!(run.entries[range].iter().any(|entry| entry.event == cited));
    }
}

#[test]
fn events_can_be_put_together_again_from_their_columns() {
    for run in [Sketch::busy().run(7), hostile()] {
        let (words, mut strings) = (Words::of(&run), Strings::default());
        let events = Events::of(&run, &words, 0..run.entries.len(), &mut strings);
        let value = serde_json::to_value(&events).expect("JSON");
        let strings = strings.all();
        let number = |column: &str, place: usize| value[column][place].as_u64().expect("a number");
        let mut at = 0;
        for (place, entry) in run.entries.iter().enumerate() {
            at += number("at", place);
            assert_eq!(at, entry.at.as_nanos());
            let kind = &value["kinds"][number("kind", place) as usize]["code"];
            assert_eq!(*kind, format!("{:?}", entry.kind));
            assert_eq!(number("who", place), u64::from(entry.who.0));
            assert_eq!(strings[number("text", place) as usize], words.what(entry));
            let cause = number("cause", place);
            let cause = if cause == 0 { 0 } else { u64::from(entry.event.0) - cause };
            assert_eq!(cause, u64::from(entry.cause.0), "{entry:?}");
        }
    }
}

#[test]
fn the_overview_counts_every_event_of_a_place() {
    let run = Sketch::busy().run(7);
    let value = serde_json::to_value(Overview::of(&run)).expect("JSON");
    let counts = value["counts"].as_array().expect("a list per endpoint");
    let sum: u64 = counts
        .iter()
        .flat_map(|of| of.as_array().expect("numbers"))
        .filter_map(serde_json::Value::as_u64)
        .sum();
    let placed =
        run.entries.iter().filter(|entry| !crate::report::words::is_everywhere(entry.kind));
    assert_eq!(sum, placed.count() as u64);
}
