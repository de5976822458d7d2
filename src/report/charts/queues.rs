//! Queues: how much waits, and for how long the oldest has: items, events to publish, busy nodes.
//!
//! ```text
//!   backlog      accepted and without effect      Accepted ─▶ TookEffect
//!   unpublished  committed and not published      Commits ─▶ Publishes
//!   inboxes      events that wait for a node      read from its instruments
//!
//!   depth  ▁▂▅▇▂▁        how many
//!   age    ╱│╱╱╱│╱│      for how long the oldest has waited
//! ```
//!
//! The age says more than the depth: ten items that pass are a queue that works, one that stays is
//! one that does not. So both stand below each other on one axis of time. What a node holds in its
//! inbox no fact tells; those readings come from its instruments, and only for runs in which
//! handlers take time, since otherwise nothing but a disk makes a node wait.
//!
//! Limits: inboxes have no ages.

use super::{
    Chart,
    frame::{DANGER, INK, cell, seconds},
    levels::{area, levels, most, nanos, stated},
    lines::{self, Curve, Fill, Names, Panel, Values, looks, steps, teeth},
};
use crate::{
    base::time::{Duration, Time},
    engine::facts::Fact,
    report::{
        readings::Readings,
        text::{count, rough},
    },
    scenario::run::Run,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

/// What waits: when it began to, and until when; `None` for ever.
type Waiting = BTreeMap<u64, (Time, Option<Time>)>;

/// How a queue is spoken of.
struct Queue {
    /// `item`, in the title.
    thing: &'static str,
    /// What waits.
    waiting: &'static str,
    /// The unit of the depth, and the head of the table.
    unit: &'static str,
    head: &'static str,
}

/// How many items were accepted and had no effect yet; nothing where nothing is accepted.
pub(super) fn backlog(run: &Run) -> Option<Chart> {
    let began = |fact| if let Fact::Accepted(item) = fact { Some(item) } else { None };
    let ended = |fact| if let Fact::TookEffect(item) = fact { Some(item) } else { None };
    let queue = Queue {
        thing: "item",
        waiting: "accepted, without effect",
        unit: "items",
        head: "item,accepted_ns,effect_ns",
    };
    depth_and_age(run, &queue, &waiting(run, began, ended))
}

/// How many changes were committed and not published yet; nothing where nothing is published.
pub(super) fn unpublished(run: &Run) -> Option<Chart> {
    let began = |fact| if let Fact::Commits { event, .. } = fact { Some(event) } else { None };
    let ended = |fact| if let Fact::Publishes { event, .. } = fact { Some(event) } else { None };
    let queue = Queue {
        thing: "event",
        waiting: "committed, not published",
        unit: "events",
        head: "event,committed_ns,published_ns",
    };
    depth_and_age(run, &queue, &waiting(run, began, ended))
}

fn waiting(
    run: &Run,
    began: impl Fn(Fact) -> Option<u64>,
    ended: impl Fn(Fact) -> Option<u64>,
) -> Waiting {
    let mut waiting = Waiting::new();
    for (at, _, fact) in stated(run) {
        if let Some(item) = began(fact) {
            waiting.entry(item).or_insert((at, None));
        }
        if let Some((_, until)) = ended(fact).and_then(|item| waiting.get_mut(&item)) {
            until.get_or_insert(at);
        }
    }
    waiting
}

fn depth_and_age(run: &Run, queue: &Queue, items: &Waiting) -> Option<Chart> {
    let end = run.end.quiet_at;
    let waited = |(at, until): &(Time, Option<Time>)| until.unwrap_or(end).saturating_since(*at);
    let longest: Duration = items.values().map(waited).max()?;
    let depth = levels(items.values().copied());
    let (number, most) = (items.len(), most(&depth));
    let still = match items.values().filter(|(_, until)| until.is_none()).count() {
        0 => String::new(),
        lost => format!(", {lost} of them for ever"),
    };
    let things = count(most, queue.thing);
    let title = format!(
        "At most {things} waited at once, the longest for {}{still} (n = {number})",
        rough(longest)
    );
    let description = "Above, how many waited at each instant; below, for how long the oldest of \
                       them had waited.";
    let ages = Curve {
        name: "age of the oldest".to_owned(),
        colour: DANGER,
        width: 2,
        path: teeth(&oldest(items), end),
        fill: Fill::Nothing,
    };
    let depth = area(queue.waiting, INK, run, &depth);
    let panels = [
        Panel { unit: queue.unit, values: Values::Whole, curves: vec![depth] },
        Panel { unit: "milliseconds", values: Values::Any, curves: vec![ages] },
    ];
    let svg = lines::draw(run, (&title, description), Names::InKey, &panels);
    let mut csv = format!("{}\n", queue.head);
    for (item, (began, until)) in items {
        _ = writeln!(csv, "{item},{},{}", began.as_nanos(), nanos(*until));
    }
    Some(Chart { title, svg, csv })
}

/// Since when the oldest of all that wait has waited, from each instant on at which that changes.
fn oldest(items: &Waiting) -> Vec<(Time, Option<Time>)> {
    let mut changes: Vec<(Time, bool, (Time, u64))> = Vec::new();
    for (item, &(began, until)) in items {
        changes.push((began, false, (began, *item)));
        changes.extend(until.map(|until| (until, true, (began, *item))));
    }
    changes.sort_unstable();
    let (mut open, mut oldest) = (BTreeSet::new(), Vec::new());
    for (at, is_over, item) in changes {
        if is_over {
            open.remove(&item);
        } else {
            open.insert(item);
        }
        let first = open.first().map(|item: &(Time, u64)| item.0);
        if oldest.last().is_none_or(|last: &(Time, Option<Time>)| last.1 != first) {
            oldest.push((at, first));
        }
    }
    oldest
}

/// How many events waited for each node; nothing where handlers take no time.
pub(super) fn inboxes(run: &Run, readings: &Readings) -> Option<Chart> {
    let lines: Vec<(&str, &Vec<(Time, u64)>)> = run
        .catalog
        .nodes
        .iter()
        .zip(&readings.inboxes)
        .filter(|(_, line)| !line.is_empty())
        .map(|(node, line)| (node.as_str(), line))
        .collect();
    let deepest = |line: &[(Time, u64)]| most(line);
    let (node, line) = lines.iter().max_by_key(|(_, line)| deepest(line))?;
    let (number, most) = (run.catalog.nodes.len(), deepest(line));
    let title = format!(
        "{node}: up to {} waited at once, {} in all with some waiting (n = {number})",
        count(most, "event"),
        rough(busy(line, run.end.quiet_at))
    );
    let description = "A line of steps per node: how many events waited until it was free.";
    let end = seconds(run.end.quiet_at);
    let curves = lines.iter().enumerate().map(|(nth, (node, line))| {
        let levels = line.iter().map(|(at, many)| (seconds(*at), *many as f64));
        let path = steps(std::iter::once((0.0, 0.0)).chain(levels), end);
        let (colour, width) = looks(nth);
        Curve { name: (*node).to_owned(), colour, width, path, fill: Fill::Nothing }
    });
    let curves = curves.collect();
    let panel = Panel { unit: "events waiting", values: Values::Whole, curves };
    let svg = lines::draw(run, (&title, description), Names::AtEnds, &[panel]);
    let mut csv = "node,at_ns,waiting\n".to_owned();
    for (node, line) in lines {
        for (at, many) in line {
            _ = writeln!(csv, "{},{},{many}", cell(node), at.as_nanos());
        }
    }
    Some(Chart { title, svg, csv })
}

/// For how long in all anything waited.
fn busy(line: &[(Time, u64)], end: Time) -> Duration {
    let ends = line.iter().skip(1).map(|next| next.0).chain([end]);
    let spans = line.iter().zip(ends).filter(|(now, _)| now.1 > 0);
    spans.fold(Duration::ZERO, |sum, (now, until)| sum + until.saturating_since(now.0))
}

#[cfg(test)]
mod tests {
    use super::{super::super::fixture::Sketch, *};
    use crate::{
        base::ids::{EventId, NodeId},
        engine::signal::{Signal, What},
    };

    #[test]
    fn the_oldest_is_the_one_that_has_waited_longest_of_those_that_still_wait() {
        let at = Time::from_millis;
        let items = Waiting::from([
            (1, (at(10), Some(at(50)))),
            (2, (at(20), None)),
            (3, (at(5), Some(at(15)))),
        ]);
        let expected = [(at(5), Some(at(5))), (at(15), Some(at(10))), (at(50), Some(at(20)))];
        assert_eq!(oldest(&items), expected);
    }

    #[test]
    fn what_is_committed_waits_until_it_is_published() {
        let mut run = Sketch::idle().run(1);
        let at = Time::from_millis;
        for (instant, fact) in [
            (10, Fact::Commits { number: 1, key: 1, event: 7 }),
            (20, Fact::Commits { number: 2, key: 1, event: 8 }),
            (30, Fact::Publishes { key: 1, event: 7 }),
            (40, Fact::Publishes { key: 1, event: 7 }),
            (60, Fact::Publishes { key: 1, event: 9 }),
        ] {
            let what = What::Stated(NodeId(0), fact);
            run.signals.push(Signal { at: at(instant), event: EventId(1), what });
        }
        run.end.quiet_at = at(100);
        let chart = unpublished(&run).expect("something waits");
        let title = "At most 2 events waited at once, the longest for 80ms, 1 of them for ever \
                     (n = 2)";
        assert_eq!(chart.title, title);
        let csv = "event,committed_ns,published_ns\n7,10000000,30000000\n8,20000000,\n";
        assert_eq!(chart.csv, csv);
        assert_eq!(backlog(&run), None, "nothing was accepted");
    }

    #[test]
    fn a_node_is_busy_while_something_waits() {
        let at = Time::from_millis;
        let line = [(at(10), 2), (at(15), 0), (at(20), 1)];
        assert_eq!(busy(&line, at(100)), Duration::from_millis(85));
    }
}
