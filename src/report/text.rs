//! Text that is safe to show, and how much room it takes.
//!
//! ```text
//!   a name from a scenario ──inert──▶ one line, no control codes ──clip──▶ at most so many columns
//! ```
//!
//! Names and messages come from files that anyone may have written: an escape code in one must
//! not move a cursor, and an override of the writing direction must not turn a verdict around.
//! Refusing such names was rejected: a report has to tell of what it is given.

use crate::base::time::{Duration, Time};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The same text in one line, without anything that acts: control codes and marks that turn the
/// writing direction become `·`.
pub(super) fn inert(text: &str) -> String {
    text.chars().map(|symbol| if acts(symbol) { '·' } else { symbol }).collect()
}

fn acts(symbol: char) -> bool {
    let turns = matches!(symbol, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
        || matches!(symbol, '\u{2028}' | '\u{2029}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    symbol.is_control() || turns || matches!(symbol, '\u{fffe}' | '\u{ffff}')
}

/// How many columns a text takes on a terminal.
pub(super) fn columns(text: &str) -> usize {
    text.width()
}

/// The text, or as much of it as fits so many columns, ending in `…`.
pub(super) fn clip(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    let mut room = width.saturating_sub(1);
    let mut clipped = String::new();
    for symbol in text.chars() {
        let takes = symbol.width().unwrap_or(0);
        if takes > room {
            break;
        }
        room -= takes;
        clipped.push(symbol);
    }
    if width > 0 {
        clipped.push('…');
    }
    clipped
}

/// The text and spaces behind it, in exactly so many columns.
pub(super) fn fill(text: &str, width: usize) -> String {
    let clipped = clip(text, width);
    let rest = width.saturating_sub(columns(&clipped));
    clipped + &" ".repeat(rest)
}

/// The text in lines of at most so many columns, broken at spaces where there are any.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let word = clip(word, width);
        let line = lines.last_mut().expect("there is a line from the start");
        if line.is_empty() {
            line.push_str(&word);
        } else if columns(line) + 1 + columns(&word) <= width {
            line.push(' ');
            line.push_str(&word);
        } else {
            lines.push(word);
        }
    }
    lines
}

/// `1 event`, `2 events`.
pub(super) fn count(number: u64, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}

/// A span in two digits or so: `4.8s`, `120ms`.
pub(super) fn rough(span: Duration) -> String {
    let nanos = span.as_nanos();
    let (unit, size) = match nanos {
        1_000_000_000.. => ("s", 1_000_000_000),
        1_000_000.. => ("ms", 1_000_000),
        1_000.. => ("us", 1_000),
        _ => return format!("{nanos}ns"),
    };
    match nanos / size {
        0..10 => format!("{}.{}{unit}", nanos / size, nanos % size * 10 / size),
        whole => format!("{whole}{unit}"),
    }
}

/// An instant in seconds, with as many decimals as tell it from its neighbour: three as a rule.
pub(super) fn instant(at: Time, neighbour: Option<Time>) -> String {
    let differs = |decimals: usize| {
        neighbour.is_none_or(|other| {
            other == at
                || other.as_seconds_text(decimals).to_string()
                    != at.as_seconds_text(decimals).to_string()
        })
    };
    let decimals = [3, 6].into_iter().find(|decimals| differs(*decimals)).unwrap_or(9);
    at.as_seconds_text(decimals).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escape_codes_and_turned_writing_become_dots() {
        assert_eq!(inert("a\u{1b}[31m\n\u{202e}b"), "a·[31m··b");
    }

    #[test]
    fn spans_are_told_in_about_two_digits() {
        let table =
            [(7, "7ns"), (4_850_000_000, "4.8s"), (62_000_000_000, "62s"), (1_500, "1.5us")];
        for (nanos, told) in table {
            assert_eq!(rough(Duration::from_nanos(nanos)), told);
        }
    }

    #[test]
    fn an_instant_has_more_decimals_only_next_to_one_like_it() {
        let at = Time::from_nanos(55_123_456);
        assert_eq!(instant(at, None), "0.055s");
        assert_eq!(instant(at, Some(at)), "0.055s");
        assert_eq!(instant(at, Some(Time::from_nanos(55_000_000))), "0.055123s");
        assert_eq!(instant(at, Some(Time::from_nanos(55_123_455))), "0.055123456s");
    }

    proptest! {
        #[test]
        fn clipped_and_filled_texts_take_the_room_they_are_given(text: String, width in 0_usize..40) {
            let text = inert(&text);
            prop_assert!(columns(&clip(&text, width)) <= width);
            prop_assert_eq!(columns(&fill(&text, width)), width);
        }

        #[test]
        fn wrapped_lines_fit(text: String, width in 1_usize..40) {
            for line in wrap(&inert(&text), width) {
                prop_assert!(columns(&line) <= width);
            }
        }
    }
}
