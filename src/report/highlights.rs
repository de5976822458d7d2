//! Highlights: the few lines that tell a run at a glance.
//!
//! ```text
//!   spans ──▶ crashes · cuts · pauses · the longest doubts · healing ──▶ at most eight, by time
//! ```
//!
//! A reader wants to know what broke and what it did before reading any verdict. What is told
//! comes from spans, so it needs no protocol: a crash says which force or step it fell into, and
//! nodes in doubt about one transaction at one time share a line. Telling everything was rejected:
//! that is the timeline. What is left out is counted in the last line.

use super::{
    spans::{Doubt, Down, Span, Spans, simulated},
    text::{count, inert, rough},
    words::{Words, symbol},
};
use crate::{
    base::{
        ids::{NodeId, TxnId},
        time::{Duration, Time},
    },
    engine::trace::{Entry, Kind},
    scenario::run::Run,
};

/// One thing worth a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Highlight {
    /// When it happened or began.
    pub at: Time,
    /// When it ended, if it lasted and ended.
    pub until: Option<Time>,
    /// The symbol of its kind, as in the timeline.
    pub symbol: char,
    /// What happened, in words.
    pub text: String,
}

const LINES_MAX: usize = 8;
const DOUBTS_MAX: usize = 3;

/// The highlights of a recorded run, by time.
pub fn highlights(run: &Run) -> Vec<Highlight> {
    let spans = Spans::of(run);
    let mut lines = blocked(run, &spans);
    lines.extend(spans.healed_at.map(healed));
    let mut faults = crashes(run, &spans);
    faults.extend(spans.cuts.iter().map(|cut| {
        let text = format!("the network was cut ({})", inert(&cut.of.rule));
        lasting(Kind::Cut, cut, text)
    }));
    faults.extend(spans.paused.iter().map(|paused| {
        lasting(Kind::Pause, paused, format!("{} was paused", name(run, paused.of)))
    }));
    faults.extend(disturbances(run));
    faults.sort_by_key(|fault| fault.at);
    let room = LINES_MAX - 1 - lines.len();
    let left_out = faults.len().saturating_sub(room);
    faults.truncate(room);
    lines.extend(faults);
    lines.sort_by_key(|line| (line.at, line.symbol));
    lines.extend((left_out > 0).then(|| rest(run, left_out)));
    lines
}

fn lasting<T>(kind: Kind, span: &Span<T>, text: String) -> Highlight {
    Highlight { at: span.since, until: span.until, symbol: symbol(kind), text }
}

fn name(run: &Run, node: NodeId) -> String {
    inert(run.catalog.node(node))
}

fn healed(at: Time) -> Highlight {
    let text = "faults are over, the core is repaired".to_owned();
    Highlight { at, until: None, symbol: symbol(Kind::Heal), text }
}

fn rest(run: &Run, left_out: usize) -> Highlight {
    let text = format!("and {}", count(left_out as u64, "more fault"));
    Highlight { at: simulated(run), until: None, symbol: '⋯', text }
}

fn crashes(run: &Run, spans: &Spans) -> Vec<Highlight> {
    let words = Words::of(run);
    let tell = |down: &Span<Down>| {
        let fell = match (&down.of.forcing, down.of.step) {
            (Some(record), _) => format!(" while it was forcing {}", inert(record)),
            (None, Some(step)) => format!(" (the last step it passed: {})", words.step(step)),
            (None, None) => String::new(),
        };
        let back = if down.until.is_some() { "" } else { ", and never came back" };
        let text = format!("{} crashed{fell}{back}", name(run, down.of.node));
        lasting(Kind::Crash, down, text)
    };
    spans.down.iter().map(tell).collect()
}

fn disturbances(run: &Run) -> Vec<Highlight> {
    let words = Words::of(run);
    let disturbed = run.entries.iter().filter(|entry| entry.kind == Kind::Disturb);
    let tell = |entry: &Entry| Highlight {
        at: entry.at,
        until: None,
        symbol: symbol(Kind::Disturb),
        text: words.line(entry),
    };
    disturbed.map(tell).collect()
}

/// Nodes in doubt about one transaction over about the same time.
struct Group {
    txn: TxnId,
    nodes: Vec<NodeId>,
    since: Time,
    until: Option<Time>,
}

/// The longest doubts; one is enough when nothing broke.
fn blocked(run: &Run, spans: &Spans) -> Vec<Highlight> {
    let end = simulated(run);
    let mut groups: Vec<Group> = Vec::new();
    for doubt in &spans.doubts {
        // Groups begin in order, so that only the latest few can be near.
        let near = groups.iter_mut().rev().take(16).find(|group| belongs(group, doubt, end));
        match near {
            Some(group) => {
                group.nodes.push(doubt.of.node);
                group.until = group.until.max(doubt.until);
            }
            None => groups.push(Group {
                txn: doubt.of.txn,
                nodes: vec![doubt.of.node],
                since: doubt.since,
                until: doubt.until,
            }),
        }
    }
    let length = |group: &Group| group.until.unwrap_or(end).saturating_since(group.since);
    groups.sort_by_key(|group| (std::cmp::Reverse(length(group)), group.since));
    let calm = spans.down.is_empty() && spans.cuts.is_empty() && spans.paused.is_empty();
    groups.truncate(if calm { 1 } else { DOUBTS_MAX });
    groups.iter().map(|group| tell_group(run, group, length(group))).collect()
}

/// Whether a doubt is about the same transaction and ends, if not begins, at about the same time.
fn belongs(group: &Group, doubt: &Span<Doubt>, end: Time) -> bool {
    let length = doubt.length(end).max(group.until.unwrap_or(end).saturating_since(group.since));
    let near = |a: Time, b: Time| a.max(b).saturating_since(a.min(b)) <= length / 4;
    group.txn == doubt.of.txn
        && group.until.is_some() == doubt.until.is_some()
        && near(group.since, doubt.since)
        && near(group.until.unwrap_or(end), doubt.until.unwrap_or(end))
}

fn tell_group(run: &Run, group: &Group, length: Duration) -> Highlight {
    const NAMES_MAX: usize = 6;
    let mut nodes = group.nodes.clone();
    nodes.sort_unstable();
    let mut names: Vec<String> = nodes.iter().map(|node| name(run, *node)).collect();
    if NAMES_MAX < names.len() {
        let more = names.len() - NAMES_MAX;
        names.truncate(NAMES_MAX);
        names.push(format!("and {more} more"));
    }
    let still = if group.until.is_some() { "" } else { ", to the end" };
    let (names, txn) = (names.join(" "), group.txn);
    let text = format!("{names} in doubt about {txn} for {}{still}", rough(length));
    Highlight { at: group.since, until: group.until, symbol: '┃', text }
}

#[cfg(test)]
mod tests {
    use super::{
        super::fixture::{Sketch, hostile, unrecorded},
        *,
    };

    #[test]
    fn a_blocked_run_is_told_in_three_lines() {
        let told = highlights(&Sketch::coordinator_crash().run(42));
        let texts: Vec<&str> = told.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(
            texts,
            [
                "p1 p2 p3 in doubt about t1 for 5.5s",
                "c crashed while it was forcing Decided(t1, Commit)",
                "faults are over, the core is repaired",
            ]
        );
    }

    #[test]
    fn there_are_never_more_than_eight_lines() {
        for run in [Sketch::busy().run(7), hostile(), unrecorded()] {
            let told = highlights(&run);
            assert!(told.len() <= LINES_MAX);
            assert!(told.iter().all(|line| !line.text.contains(char::is_control)));
        }
    }
}
