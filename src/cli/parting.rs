//! Two runs that part, in lines: what they share, and how each of them goes on.
//!
//! ```text
//!   the same for 56 events, then at 0.051000s:
//!   A  #57  0.051000s  p2 → c  Yes(t3)
//!   B  #57  0.053100s  c  timer VoteDeadline(t3)
//!      #58  0.053100s  c → p1  Decide(t3, Abort)
//! ```
//!
//! `diff` and the branches of `replay -i` tell of two runs in these lines. A few events behind the
//! first one show where each future is going; what comes later follows from them.

use crate::{
    engine::trace::Kind,
    report::words::{Words, clipped},
    scenario::run::Run,
    search::divergence::{Alike, Divergence, Happening, first_difference, happenings},
};
use std::fmt::Write as _;

/// How wide a line about an event is at most.
pub(super) const WIDTH: usize = 120;

/// Everything that happened in a run, in words: those that recordings keep.
pub(super) fn told(run: &Run) -> Vec<Happening> {
    let words = Words::of(run);
    happenings(run, |entry| words.line(entry))
}

/// The same for people: of a message that is lost, its fate comes first.
pub(super) fn told_fate_first(run: &Run) -> Vec<Happening> {
    let words = Words::of(run);
    happenings(run, |entry| {
        let line = words.line(entry);
        match entry.kind {
            Kind::Lose(_) => fate_first(&line).unwrap_or(line),
            _ => line,
        }
    })
}

/// `p1 → c  Yes(t1)  lost: …` as `p1 → c  lost: …  Yes(t1)`: long payloads are clipped, and what
/// became of the message is what matters.
fn fate_first(line: &str) -> Option<String> {
    let (message, why) = line.rsplit_once("  lost: ")?;
    let (ends, payload) = message.split_once("  ")?;
    Some(format!("{ends}  lost: {why}  {payload}"))
}

/// Where two runs part: in words if a reader can see it, else to the bit.
pub(super) fn parting<'r>(one: &'r [Happening], other: &'r [Happening]) -> Option<Divergence<'r>> {
    let in_words = first_difference(one, other, Alike::InWords);
    in_words.or_else(|| first_difference(one, other, Alike::ToTheBit))
}

/// The lines about two runs that part; `more` events of each follow the first.
pub(super) fn lines(heads: [&str; 2], runs: [&[Happening]; 2], more: usize) -> String {
    let Some(divergence) = parting(runs[0], runs[1]) else {
        return format!("the same {} events\n", runs[0].len());
    };
    let at = divergence.at().as_seconds_text(6);
    let mut lines = format!("the same for {} events, then at {at}:\n", divergence.same);
    let width = heads.iter().map(|head| head.chars().count()).max().unwrap_or(0);
    for (head, run) in heads.iter().zip(runs) {
        let ahead = run.iter().skip(divergence.same).take(1 + more);
        let mut head = *head;
        for happening in ahead.clone() {
            let told = clipped(&format!("  {head:width$}  {}", line(happening)), WIDTH);
            _ = writeln!(lines, "{told}");
            head = "";
        }
        if ahead.len() == 0 {
            _ = writeln!(lines, "  {head:width$}  nothing: the run is over");
        }
    }
    if divergence.reads_alike() {
        lines += "  (they read alike and differ in something that is not told)\n";
    }
    lines
}

/// One happening in a line.
pub(super) fn line(happening: &Happening) -> String {
    let Happening { event, at, told, .. } = happening;
    format!("{:6}  {}  {told}", event.to_string(), at.as_seconds_text(6))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fate_of_a_message_stands_before_its_payload() {
        let told = fate_first("p1 → c  Yes(t1, 2  b)  lost: dropped by the link");
        assert_eq!(told.as_deref(), Some("p1 → c  lost: dropped by the link  Yes(t1, 2  b)"));
    }
}
