//! Messages as arrows: their fate by the kind of line, their label where it fits.
//!
//! ```text
//!   ●──────▶○ delivered     ●- - -╳ lost     ●══════▶○ a copy     ●- -  still under way
//! ```
//!
//! Labels stand upright, never along the arrow, and only where no other label stands; whoever
//! points at an arrow is told everything. Colours repeat what labels say.

use super::{
    super::{
        svg::{Ends, Point, Svg, point},
        words::Words,
    },
    labels::{Labels, around, width},
    layout::Layout,
};
use crate::{
    base::ids::EventId,
    engine::trace::{Entry, Kind},
    scenario::run::Run,
};
use std::collections::BTreeSet;

/// Draws all messages of the window.
pub(super) fn messages(
    svg: &mut Svg,
    run: &Run,
    words: &Words<'_>,
    layout: &Layout,
    labels: &mut Labels,
) {
    let mut arrived = BTreeSet::new();
    let shown = &layout.entries;
    for entry in shown {
        match entry.kind {
            Kind::Deliver | Kind::End | Kind::Lose(_) => {
                if let Some(sent) = send_of(run, entry) {
                    arrived.insert(sent.event);
                    arrow(svg, words, layout, (sent, entry), labels);
                }
            }
            _ => {}
        }
    }
    let leaves = |kind| matches!(kind, Kind::Send | Kind::Reply | Kind::Invoke);
    for sent in shown.iter().filter(|entry| leaves(entry.kind)) {
        if !arrived.contains(&sent.event) {
            under_way(svg, words, layout, sent);
        }
    }
}

fn find(run: &Run, event: EventId) -> Option<&Entry> {
    let place = run.entries.binary_search_by_key(&event, |entry| entry.event).ok()?;
    run.entries.get(place)
}

/// The entry by which a message left.
fn send_of<'a>(run: &'a Run, entry: &Entry) -> Option<&'a Entry> {
    let cause = find(run, entry.cause);
    let sent = |sent: &&Entry| matches!(sent.kind, Kind::Send | Kind::Invoke);
    let replied = |sent: &&Entry| sent.kind == Kind::Reply;
    match entry.kind {
        Kind::Deliver => cause.filter(sent),
        // A reply that is lost at once names its handler, and stands right behind the reply.
        Kind::Lose(_) => cause
            .filter(sent)
            .or_else(|| find(run, EventId(entry.event.0.checked_sub(1)?)).filter(replied)),
        _ => cause.filter(replied),
    }
}

fn class(words: &Words<'_>, sent: &Entry) -> String {
    if words.is_client(sent.who) || words.is_client(sent.peer) {
        return "message client".to_owned();
    }
    format!("message m{}", sent.label % 8)
}

fn arrow(
    svg: &mut Svg,
    words: &Words<'_>,
    layout: &Layout,
    (sent, arrival): (&Entry, &Entry),
    labels: &mut Labels,
) {
    let (Some(from), Some(to)) = (layout.x(sent.who), layout.x(sent.peer)) else { return };
    if sent.who == sent.peer {
        return; // A message to oneself is a call.
    }
    let Some(below) = layout.y(arrival.event) else { return };
    let above = layout.y(sent.event).unwrap_or_else(|| layout.y_at(sent.at, Some(sent.who)));
    let (mut start, mut end) = (point(from, above), point(to, below));
    let span = arrival.at.saturating_since(sent.at);
    let mut class = class(words, sent);
    if let Kind::Lose(_) = arrival.kind {
        class += " lost";
        // Lost at once, it still shows where it wanted to go; lost late, it nearly got there.
        let reached = if below - above < 8.0 { 0.45 } else { 0.8 };
        end = point(from + (to - from) * reached, below.max(above + 9.0));
    }
    svg.group(&class, &format!("{}, after {span}", words.line(arrival)));
    start = toward(start, end, 5.0);
    if let Kind::Lose(_) = arrival.kind {
        svg.line("shaft", start, end);
        cross(svg, end);
    } else {
        end = toward(end, start, 6.0);
        shaft(svg, start, end, words.is_copy(arrival.event));
        head(svg, start, end);
    }
    // What a client asks stands beside the place where it asks.
    if sent.kind != Kind::Invoke {
        label(words, (sent, start, end), labels);
    }
    svg.end();
}

/// A message that had not arrived when the picture ends.
fn under_way(svg: &mut Svg, words: &Words<'_>, layout: &Layout, sent: &Entry) {
    let (Some(from), Some(to)) = (layout.x(sent.who), layout.x(sent.peer)) else { return };
    let Some(y) = layout.y(sent.event) else { return };
    let title = format!("{}: does not arrive in this picture", words.line(sent));
    svg.group(&(class(words, sent) + " lost"), &title);
    svg.line("shaft", point(from, y), point(from + (to - from) * 0.3, y + 12.0));
    svg.end();
}

/// The point so far from `start` in the direction of `end`.
fn toward(start: Point, end: Point, distance: f64) -> Point {
    let (x, y) = (end.x - start.x, end.y - start.y);
    let length = (x * x + y * y).sqrt().max(1.0);
    point(start.x + x / length * distance, start.y + y / length * distance)
}

fn shaft(svg: &mut Svg, start: Point, end: Point, is_copy: bool) {
    if !is_copy {
        svg.line("shaft", start, end);
        return;
    }
    for offset in [-1.8, 1.8] {
        let shifted = |at: Point| point(at.x, at.y + offset);
        svg.line("shaft", shifted(start), shifted(end));
    }
}

fn head(svg: &mut Svg, start: Point, end: Point) {
    let back = toward(end, start, 8.0);
    let (x, y) = ((end.x - back.x) * 0.42, (end.y - back.y) * 0.42);
    svg.path(
        "head",
        &[end, point(back.x - y, back.y + x), point(back.x + y, back.y - x)],
        Ends::Joined,
    );
}

fn cross(svg: &mut Svg, at: Point) {
    let arm = 4.5;
    svg.line("cross", point(at.x - arm, at.y - arm), point(at.x + arm, at.y + arm));
    svg.line("cross", point(at.x - arm, at.y + arm), point(at.x + arm, at.y - arm));
}

/// Writes the message, or the name of its kind, at the first place along the arrow that is free.
fn label(words: &Words<'_>, (sent, start, end): (&Entry, Point, Point), labels: &mut Labels) {
    let whole = words.what(sent);
    let kind = whole.split(['(', ' ', '{']).next().unwrap_or_default();
    let length = (end.x - start.x).abs();
    for text in [whole.as_str(), kind] {
        let fits = |along: &f64| width(text) / 2.0 + 6.0 <= length * along.min(1.0 - along);
        let free = |along: f64| {
            let x = start.x + (end.x - start.x) * along;
            let y = start.y + (end.y - start.y) * along - 4.0;
            labels.place("label", around(point(x, y), text), text)
        };
        if [0.5, 0.38, 0.62, 0.28, 0.72].into_iter().filter(fits).any(free) {
            return;
        }
    }
}
