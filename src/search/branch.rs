//! Branches: the same run under the same weather, with one decision taken otherwise.
//!
//! ```text
//!   run, event #57 ──▶ the message that it is about, by name ──▶ one line of `script`  ┐
//!   run, event #57 ──▶ what a rule can wait for there        ──▶ one fault             ├─▶ text
//!                                                  load ◀── run ◀── does it part there? ┘
//! ```
//!
//! Draws are named, so a decision more in the script moves no other one: whatever differs in a
//! branch follows from it. A branch is a scenario's text and nothing else; what is shown is what
//! is saved. Steering the world by hand was rejected: such a future could not be run again.
//!
//! Limits: a crash can be aimed behind a send, a step, or the event that a handler begins with;
//! elsewhere it falls at the next instant. A branch needs the seed of its origin.

use super::{
    divergence::{Alike, Happening, first_difference, happenings},
    freeze::{self, Occasion},
};
use crate::{
    base::{
        ids::{EventId, NodeId, Seed},
        text::source::{Edited, Kind as Shape, PathError, Tree},
        time::Duration,
    },
    engine::{
        faults::{CutAt, DiskFate},
        network::Lost,
        runner::Catalog,
        script::{Carried, Decision, MessageName, Travel},
        trace::{Entry, Kind, Recording},
    },
    scenario::{
        load::load,
        model::{Do, Event, Fault, SpanText, When, Who},
        plan::Plan,
        registry::Registry,
        run::Run,
        script::{FateText, MessageLine, REPLY, REQUEST},
        write::{expected, line},
    },
};

/// A message with more letters than this is told by its label.
const TEXT_MAX: usize = 40;

/// One decision that is taken otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The message that an event is about is lost.
    Lose(EventId),
    /// It arrives so much later.
    Delay(EventId, Duration),
    /// It arrives once, so long after it was sent.
    Deliver(EventId, Duration),
    /// It arrives before anything else happens after an event.
    First {
        /// An event of the message.
        message: EventId,
        /// After this one.
        after: EventId,
    },
    /// A node crashes right after an event.
    Crash {
        /// Which.
        node: NodeId,
        /// After this one.
        after: EventId,
        /// For how long it is down.
        down: Duration,
    },
}

/// Another future.
pub struct Branch {
    /// The scenario with the decision in it.
    pub plan: Plan,
    /// Its run, recorded.
    pub run: Run,
    /// The decision in words.
    pub says: String,
}

/// Takes a decision otherwise and runs the same seed again.
///
/// # Errors
/// Why there is no such decision, or why it changes nothing.
pub fn branch(
    registry: &Registry,
    plan: &Plan,
    run: &Run,
    change: Change,
) -> Result<Branch, String> {
    let origin = Origin { registry, plan, run };
    match change {
        Change::Lose(event) => {
            let (message, travel) = origin.message(event)?;
            if travel == Travel::Lost {
                return Err(format!("the message of {event} is lost as it is"));
            }
            origin.decided(message, FateText::Lost, "is lost")
        }
        Change::Delay(event, by) => {
            let (message, travel) = origin.message(event)?;
            let Travel::Takes(spans) = travel else {
                let hint = format!("`deliver {} 5ms` lets it arrive", event.0);
                return Err(format!("the message of {event} is lost: {hint}"));
            };
            let later = spans.into_iter().map(|span| span + by).collect();
            origin.decided(message, takes(later), &format!("arrives {by} later"))
        }
        Change::Deliver(event, span) => {
            let (message, _) = origin.message(event)?;
            let says = format!("arrives {span} after it was sent");
            origin.decided(message, FateText::Takes(span), &says)
        }
        Change::First { message, after } => origin.first(message, after),
        Change::Crash { node, after, down } => origin.crash(node, after, down),
    }
}

/// The text of a branch as a scenario to keep: its story on top, its verdicts as what is expected.
pub fn kept(branch: &Branch, origin: &str) -> String {
    let title = format!("{}: a branch", branch.plan.title);
    let mut edited = Edited::new(branch.plan.text.clone());
    let sets = [("title", line(&title)), ("expect", expected(&freeze::violations(&branch.run)))];
    for (path, value) in sets {
        let set = edited.set(path, &value, path);
        set.expect("a scenario that was loaded has a title and may expect something");
    }
    let says = branch.says.replace(char::is_control, " ");
    format!(
        "// A branch of {origin}: {says}.\n// Everything else is decided by the seed, so it shows \
         this with seed {}.\n//\n{}",
        branch.run.seed, edited.text
    )
}

/// One span, or several.
fn takes(mut spans: Vec<Duration>) -> FateText {
    match spans.len() {
        1 => FateText::Takes(spans.remove(0)),
        _ => FateText::Copies(spans),
    }
}

/// A message as its name has it, and the event at which it was sent.
struct Message {
    name: MessageName,
    sent: EventId,
}

/// What is branched from.
struct Origin<'a> {
    registry: &'a Registry,
    plan: &'a Plan,
    run: &'a Run,
}

impl Origin<'_> {
    fn entry(&self, event: EventId) -> Result<&Entry, String> {
        let place = self.run.entries.binary_search_by_key(&event, |entry| entry.event);
        place
            .map(|place| &self.run.entries[place])
            .map_err(|_| format!("there is no event {event}"))
    }

    /// The message that an event is about, and what became of it.
    fn message(&self, event: EventId) -> Result<(Message, Travel), String> {
        let entry = self.entry(event)?;
        let about = match entry.kind {
            Kind::Send | Kind::Invoke | Kind::Reply => [entry.event; 2],
            // What is lost on its way to a client names its handler; the reply stands before it.
            Kind::Lose(_) => [entry.cause, EventId(event.0 - 1)],
            Kind::Deliver | Kind::End => [entry.cause; 2],
            _ => return Err(format!("{event} is about no message")),
        };
        let of = |decision: &Decision| match decision {
            Decision::Message(sent, name, travel) if about.contains(sent) => {
                Some((Message { name: *name, sent: *sent }, travel.clone()))
            }
            _ => None,
        };
        let found = self.run.decisions.iter().find_map(of);
        let asked = |message: &Message| message.name.carried == Carried::Request;
        match found {
            Some((message, _)) if entry.kind == Kind::End && asked(&message) => {
                Err(format!("no message brought {event} about: the client gave up"))
            }
            Some(found) => Ok(found),
            None => Err(format!("{event} is about a call of a node to itself: nothing travels")),
        }
    }

    /// The branch in which a script decides about a message.
    fn decided(&self, message: Message, fate: FateText, what: &str) -> Result<Branch, String> {
        let catalog = &self.run.catalog;
        let entry = self.entry(message.sent)?;
        let shown = match message.name.carried {
            Carried::Message(label) if entry.text.chars().count() > TEXT_MAX => {
                format!("{}(…)", catalog.messages.names()[usize::from(label)])
            }
            Carried::Message(_) => entry.text.clone(),
            Carried::Request => format!("the request o{}", message.name.topic.0),
            Carried::Reply => format!("the answer to o{}", message.name.topic.0),
        };
        let MessageName { from, to, .. } = message.name;
        let (from, to) = (catalog.endpoint(from), catalog.endpoint(to));
        let says = format!("{shown} from {from} to {to}, sent at {}, {what}", message.sent);
        let text = self.with_message(&message_line(catalog, message.name, fate));
        let branch = self.run_text(text.map_err(|error| error.to_string())?, says)?;
        match self.parts(&branch) {
            Some(_) => Ok(branch),
            None => Err(format!("{}: that changes nothing", branch.says)),
        }
    }

    fn first(&self, event: EventId, after: EventId) -> Result<Branch, String> {
        let (message, travel) = self.message(event)?;
        if message.sent > after {
            let sent = message.sent;
            return Err(format!("that message is sent at {sent} only: go there first"));
        }
        let (sent_at, here) = (self.entry(message.sent)?.at, self.entry(after)?.at);
        let next = self.run.entries.iter().find(|entry| entry.event > after && entry.at > here);
        let room = next.map_or(u64::MAX, |next| next.at.saturating_since(here).as_nanos());
        let soon = Duration::from_nanos(u64::from(room > 1));
        let span = here.saturating_since(sent_at) + soon;
        let mut spans = match travel {
            Travel::Takes(spans) => spans,
            Travel::Lost => vec![span],
        };
        *spans.last_mut().expect("what travels arrives once or more") = span;
        let (sent, what) = (message.sent, format!("arrives right after {after}"));
        let branch = self.decided(message, takes(spans), &what)?;
        let arrived = self.parts(&branch).is_some_and(|(_, entry)| {
            entry.is_some_and(|entry| {
                entry.cause == sent && matches!(entry.kind, Kind::Deliver | Kind::End)
            })
        });
        if arrived {
            return Ok(branch);
        }
        Err(format!(
            "the message of {sent} cannot be handled right after {after}: it has arrived, its link \
             keeps the order or is slow, or its receiver is busy or down"
        ))
    }

    fn crash(&self, node: NodeId, after: EventId, down: Duration) -> Result<Branch, String> {
        let entry = self.entry(after)?;
        let name = self.run.catalog.node(node).to_owned();
        let shared = self.hashed_until(after);
        let mut triggers = self.triggers(entry, node);
        let next = Duration::from_nanos(1);
        triggers.push((When::At(entry.at + next), Who::Node(name.clone()), CutAt::Boundary));
        let last = triggers.len() - 1;
        let mut refused = String::new();
        for (nth, (when, who, cut)) in triggers.into_iter().enumerate() {
            let down = SpanText::Between(down, down);
            let disk = DiskFate::default();
            let (keeps, sectors, names) = (None, None, None);
            let r#do = Do::Crash { node: who, down, cut, disk, keeps, sectors, names };
            let text = self.with_fault(when, r#do).map_err(|error| error.to_string())?;
            let mut branch = match self.run_text(text, String::new()) {
                Ok(branch) => branch,
                Err(error) => {
                    refused = error;
                    continue;
                }
            };
            let Some((same, Some(first))) = self.parts(&branch) else { continue };
            if !dies_from(&branch.run, first.event, node) {
                continue;
            }
            let before = if self.only_losses(shared, same) { after } else { self.latest(same) };
            if before == after || nth == last {
                branch.says = format!("{name} crashes right after {before}");
                return Ok(branch);
            }
        }
        if refused.is_empty() {
            refused = format!("{name} cannot crash right after {after}: it is down, or healed");
        }
        Err(refused)
    }

    /// Triggers that may strike right after an entry and not later.
    fn triggers(&self, entry: &Entry, node: NodeId) -> Vec<(When, Who, CutAt)> {
        let catalog = &self.run.catalog;
        let here = entry.who == node.into();
        let victim = if here { Who::Actor } else { Who::Node(catalog.node(node).to_owned()) };
        let Occasion { node: at, topic, nth, .. } = Occasion::of(self.run, entry);
        let label = usize::from(entry.label);
        match entry.kind {
            Kind::Send => {
                let event = Event::Send(catalog.messages.names()[label].clone());
                let when = When::After { event, nth, node: at, peer: None, topic };
                vec![(when, victim, CutAt::default())]
            }
            Kind::Step => {
                let event = Event::Step(catalog.steps[label].name.to_owned());
                let when = When::Before { event, nth, node: at, peer: None, topic };
                vec![(when, victim, CutAt::default())]
            }
            _ if here && freeze::handler(catalog, entry).is_some() => {
                vec![(freeze::inside(self.run, entry, 0), victim, CutAt::default())]
            }
            _ => Vec::new(),
        }
    }

    /// The entries that hashes cover.
    fn hashed(&self) -> impl Iterator<Item = &Entry> {
        self.run.entries.iter().filter(|entry| entry.kind != Kind::Step)
    }

    /// How many entries that hashes cover there are up to an event.
    fn hashed_until(&self, event: EventId) -> usize {
        self.hashed().take_while(|entry| entry.event <= event).count()
    }

    /// Whether nothing but the loss of a message that was just sent lies between two counts.
    fn only_losses(&self, shared: usize, same: usize) -> bool {
        let between = self.hashed().skip(shared).take(same.saturating_sub(shared));
        shared <= same && between.into_iter().all(|entry| matches!(entry.kind, Kind::Lose(_)))
    }

    /// The latest of so many entries, with the marks of steps that follow it.
    fn latest(&self, count: usize) -> EventId {
        let next = self.hashed().nth(count).map(|entry| entry.event.0 - 1);
        EventId(next.unwrap_or(self.run.entries.len() as u32))
    }

    /// Where a branch parts from its origin: after how many entries, and with which of its own.
    fn parts<'b>(&self, branch: &'b Branch) -> Option<(usize, Option<&'b Entry>)> {
        let (origin, other) = (silent(self.run), silent(&branch.run));
        let divergence = first_difference(&origin, &other, Alike::ToTheBit)?;
        let event = divergence.other.map(|happening| happening.event);
        let entry = branch.run.entries.iter().find(|entry| Some(entry.event) == event);
        Some((divergence.same, entry))
    }

    fn run_text(&self, text: String, says: String) -> Result<Branch, String> {
        let loaded = load(self.registry, &self.plan.name, &Edited::new(text));
        let mut plan = loaded.map_err(|error| error.mistakes[0].message.clone())?;
        let mut setup = (*plan.setup).clone();
        setup.end = setup.end.min(self.plan.setup.end); // The origin may have been cut short.
        setup.heal_at = setup.heal_at.filter(|at| *at <= setup.end);
        plan.setup = setup.into();
        let Seed(seed) = self.run.seed;
        let run = plan.runner().run(Seed(seed), Recording::Full);
        Ok(Branch { plan, run, says })
    }

    /// The scenario's text with one line about a message, in place of the one that it had.
    fn with_message(&self, message: &MessageLine) -> Result<String, PathError> {
        let (text, path) = (&self.plan.text, "script.messages");
        let tree = Tree::parse(text).map_err(|wrong| PathError::Source(Box::new(wrong)))?;
        let items = tree.find(text, path).map_or(&[][..], |list| list.items());
        let same = items.iter().find(|item| {
            let known = ron::from_str::<MessageLine>(item.text(text));
            known.is_ok_and(|known| MessageLine { fate: message.fate.clone(), ..known } == *message)
        });
        match same {
            Some(item) => {
                let mut changed = text.clone();
                changed.replace_range(item.span.start..item.span.end, &line(message));
                Ok(changed)
            }
            None => with_item(text, path, &line(message)),
        }
    }

    /// The scenario's text with one more fault.
    fn with_fault(&self, when: When, r#do: Do) -> Result<String, PathError> {
        let taken = |id: &String| self.plan.setup.rules.iter().any(|rule| rule.id == *id);
        let ids = (1..).map(|nth| if nth == 1 { "branch".into() } else { format!("branch{nth}") });
        let id = ids.into_iter().find(|id| !taken(id)).expect("one of all numbers is free");
        with_item(&self.plan.text, "faults", &line(&Fault { id, when, r#do }))
    }
}

/// Whether a node dies at an event: what waited for it is lost just before.
fn dies_from(run: &Run, event: EventId, node: NodeId) -> bool {
    let from = run.entries.iter().skip_while(|entry| entry.event < event);
    let lost =
        |entry: &&Entry| matches!(entry.kind, Kind::Lose(Lost::Dead)) && entry.peer == node.into();
    let death = from.into_iter().find(|entry| !lost(entry));
    death.is_some_and(|entry| entry.kind == Kind::Crash && entry.who == node.into())
}

/// Everything that happened, without words.
fn silent(run: &Run) -> Vec<Happening> {
    happenings(run, |_| String::new())
}

fn message_line(catalog: &Catalog, name: MessageName, fate: FateText) -> MessageLine {
    MessageLine {
        from: catalog.endpoint(name.from),
        to: catalog.endpoint(name.to),
        label: match name.carried {
            Carried::Message(label) => catalog.messages.names()[usize::from(label)].clone(),
            Carried::Request => REQUEST.to_owned(),
            Carried::Reply => REPLY.to_owned(),
        },
        topic: name.topic.0,
        nth: name.nth,
        fate,
    }
}

/// A text with one more item at the end of a list, which may not be there yet.
fn with_item(text: &str, path: &str, item: &str) -> Result<String, PathError> {
    let tree = Tree::parse(text).map_err(|wrong| PathError::Source(Box::new(wrong)))?;
    if let Ok(list) = tree.find(text, path)
        && let Shape::List(items) = &list.kind
        && let Some(last) = items.last()
    {
        // Right behind the last one: what comes after it may be a comma, a comment or nothing.
        let mut longer = text.to_owned();
        longer.insert_str(last.span.end, &format!(",\n        {item}"));
        return Ok(longer);
    }
    let mut edited = Edited::new(text);
    edited.set(path, &format!("[{item}]"), path)?;
    Ok(edited.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_goes_behind_the_last_one_whatever_follows_it() {
        for (text, longer) in [
            ("(a: [1])", "(a: [1,\n        9])"),
            ("(a: [1,])", "(a: [1,\n        9,])"),
            ("(a: [1, // one, two\n])", "(a: [1,\n        9, // one, two\n])"),
            ("(a: [\n// nothing\n])", "(a: [9])"),
            ("(b: 1)", "(b: 1, a: [9])"),
        ] {
            assert_eq!(with_item(text, "a", "9").as_deref(), Ok(longer));
        }
    }
}
