//! `replay -i`: a run, stepped through by lines of commands.
//!
//! ```text
//!   #57 0.051s> n             what happened next
//!   #61 0.053s> drop 57       another future: where it parts, which verdicts change
//!   #61 0.053s> take          … and on in it, to step or branch again
//! ```
//!
//! Lines in, lines out: the same on a terminal, in a pipe and in a test; a line that was piped is
//! shown behind its prompt, so that a transcript reads like a session. A screen of panels was
//! rejected here: the HTML report is one, and a line can be pasted into a ticket.
//!
//! Limits: a step is one handled event with all that it brings about. An event in the middle of a
//! step can be named and branched at, but the states that are shown are those at its end.

use super::{
    super::{Environment, caught::caught, parting},
    command::{Command, Target, help, parse},
};
use crate::{
    base::{
        ids::{EventId, NodeId, Seed},
        text::diagnostic::suggest,
        time::Time,
    },
    engine::trace::{Entry, Kind},
    report::{
        side_by_side::{Rows, table, verdicts},
        standing::{Detail, standing},
        words::{Words, clipped, symbol},
    },
    scenario::{plan::Plan, run::Run},
    search::{
        branch::{Branch, Change, branch, kept},
        recording,
        stepper::Stepper,
    },
};
use std::{
    io::{BufRead, IsTerminal},
    path::Path,
};

/// A run that is stepped through.
struct Level {
    plan: Plan,
    run: Run,
    stepper: Stepper,
    /// The event that somebody named, within this step; else it is the latest one.
    named: Option<EventId>,
    /// How it came about, for whoever reads a saved branch.
    origin: String,
}

impl Level {
    fn new(plan: Plan, run: Run, origin: String) -> Self {
        let stepper = Stepper::new(&plan, run.seed);
        Self { plan, run, stepper, named: None, origin }
    }

    /// The current event: the one that was named, or the latest.
    fn here(&self) -> EventId {
        self.named.unwrap_or(self.stepper.event())
    }

    fn go(&mut self, place: usize) {
        self.stepper.go(place);
        self.named = None;
    }

    /// The event whose message is meant where none is named: the current one, or where that is
    /// about no message the one that the step began with.
    fn message_here(&self) -> EventId {
        let here = self.here();
        let about = self.entry(here).is_some_and(|entry| is_about_a_message(entry.kind));
        if about { here } else { EventId(self.stepper.before().0 + 1) }
    }

    fn entry(&self, event: EventId) -> Option<&Entry> {
        let place = self.run.entries.binary_search_by_key(&event, |entry| entry.event);
        place.ok().map(|place| &self.run.entries[place])
    }

    fn now(&self) -> Time {
        self.entry(self.here()).map_or(Time::ZERO, |entry| entry.at)
    }
}

fn is_about_a_message(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Send | Kind::Deliver | Kind::Lose(_) | Kind::Invoke | Kind::Reply | Kind::End
    )
}

/// A session with somebody.
pub(super) struct Session<'a> {
    environment: &'a Environment<'a>,
    /// The run that was named, and the branches that were taken.
    levels: Vec<Level>,
    /// The latest branch, not taken yet.
    branch: Option<Branch>,
}

/// Whether the session goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Goes {
    On,
    Ends,
}

const PASSED_MAX: usize = 30;
const FUTURE: usize = 4;

impl<'a> Session<'a> {
    pub(super) fn new(environment: &'a Environment<'a>, plan: Plan, run: Run) -> Self {
        let origin = format!("{}@{}", run.name, run.seed);
        let levels = vec![Level::new(plan, run, origin)];
        Self { environment, levels, branch: None }
    }

    /// Reads lines until somebody ends it or there are no more.
    pub(super) fn talk(&mut self, start: Option<Target>) {
        let typed = std::io::stdin().is_terminal();
        if let Some(target) = start {
            self.told(|session| session.to(target));
        }
        let mut lines = std::io::stdin().lock().lines();
        let mut latest = "n".to_owned();
        loop {
            let prompt = self.prompt();
            self.environment.print(&prompt);
            let Some(Ok(line)) = lines.next() else { break };
            if !typed {
                self.environment.print(&format!("{line}\n"));
            }
            if !line.trim().is_empty() {
                line.trim().clone_into(&mut latest);
            } else if !matches!(latest.split(' ').next(), Some("n" | "next" | "p" | "prev")) {
                continue; // An empty line goes on stepping, and repeats nothing else.
            }
            let line = latest.clone();
            let mut goes = Goes::On;
            self.told(|session| {
                let command = parse(&line)?;
                if command == Command::Quit {
                    goes = Goes::Ends;
                    return Ok(String::new());
                }
                session.obey(command)
            });
            if goes == Goes::Ends {
                return;
            }
        }
        self.environment.print("\n");
    }

    fn told(&mut self, act: impl FnOnce(&mut Self) -> Result<String, String>) {
        match act(self) {
            Ok(text) => self.environment.print(&text),
            Err(error) => self.environment.print(&format!("  {error}\n")),
        }
    }

    fn level(&self) -> &Level {
        self.levels.last().expect("the run that was named stays")
    }

    fn level_mut(&mut self) -> &mut Level {
        self.levels.last_mut().expect("the run that was named stays")
    }

    fn prompt(&self) -> String {
        let level = self.level();
        let branches = "branch ".repeat(self.levels.len() - 1);
        format!("{branches}{} {}> ", level.here(), level.now().as_seconds_text(3))
    }

    fn obey(&mut self, command: Command) -> Result<String, String> {
        let (here, message) = (self.level().here(), self.level().message_here());
        let about = |event: Option<EventId>| event.unwrap_or(message);
        match command {
            Command::Next(count) => self.step(count),
            Command::Previous(count) => self.step_back(count),
            Command::To(target) => self.to(target),
            Command::Find(text) => self.find(&text),
            Command::List(count) => Ok(self.list(count)),
            Command::States => Ok(states(&self.level().run, &self.level().stepper)),
            Command::Node(name) => self.node(&name),
            Command::Flight => Ok(self.flight()),
            Command::Show(event) => self.show(event.unwrap_or(here)),
            Command::Why(event) => why(&self.level().run, event.unwrap_or(here)),
            Command::Verdicts => Ok(self.verdicts()),
            Command::Drop(event) => self.branch_at(Change::Lose(about(event))),
            Command::Delay(event, by) => self.branch_at(Change::Delay(about(event), by)),
            Command::Deliver(event, span) => self.branch_at(Change::Deliver(about(event), span)),
            Command::First(Some(message)) => self.branch_at(Change::First { message, after: here }),
            Command::First(None) => Err("which one? `first EVENT`; `flight` lists them".to_owned()),
            Command::Crash(name, down) => {
                let node = self.find_node(&name)?;
                self.branch_at(Change::Crash { node, after: here, down })
            }
            Command::Take => self.take(),
            Command::Back => self.back(),
            Command::Save(path) => self.save(&path),
            Command::Help => Ok(help()),
            Command::Quit => Ok(String::new()),
        }
    }

    fn step(&mut self, count: usize) -> Result<String, String> {
        let level = self.level_mut();
        let (from, before) = (level.stepper.place(), level.stepper.event());
        level.go(from.saturating_add(count));
        if level.stepper.place() == from {
            return Err("the run ends here".to_owned());
        }
        Ok(self.passed(before))
    }

    fn step_back(&mut self, count: usize) -> Result<String, String> {
        let level = self.level_mut();
        let place = level.stepper.place();
        if place == 0 {
            return Err("the run begins here".to_owned());
        }
        level.go(place.saturating_sub(count));
        let before = level.stepper.before();
        Ok(self.passed(before))
    }

    /// The events since another one, the latest of them if there are many.
    fn passed(&self, before: EventId) -> String {
        let level = self.level();
        let mark = |entry: &Entry| if level.named == Some(entry.event) { '▸' } else { ' ' };
        let until = level.stepper.event();
        let passed: Vec<&Entry> = level
            .run
            .entries
            .iter()
            .filter(|entry| before < entry.event && entry.event <= until)
            .collect();
        let left_out = passed.len().saturating_sub(PASSED_MAX);
        let mut lines = String::new();
        if left_out > 0 {
            lines += &format!("  … {left_out} events\n");
        }
        let words = Words::of(&level.run);
        let shown = passed[left_out..].iter().map(|entry| line(&words, entry, mark(entry)));
        lines + &shown.collect::<String>()
    }

    fn to(&mut self, target: Target) -> Result<String, String> {
        let level = self.level_mut();
        let last = level.run.entries.last().map_or(EventId(0), |entry| entry.event);
        let place = match target {
            Target::Event(event) if event > last || event == EventId(0) => {
                return Err(format!("there is no event {event}: they go from #1 to {last}"));
            }
            Target::Event(event) => level.stepper.stop_of(event),
            Target::At(at) => {
                let until = level.run.entries.partition_point(|entry| entry.at <= at);
                let event = until.checked_sub(1).map(|place| level.run.entries[place].event);
                event.map_or(0, |event| level.stepper.stop_of(event))
            }
            Target::Start => 0,
            Target::End => level.stepper.stops() - 1,
        };
        level.go(place);
        if let Target::Event(event) = target {
            level.named = Some(event);
        }
        let before = level.stepper.before();
        Ok(self.passed(before))
    }

    fn find(&mut self, text: &str) -> Result<String, String> {
        let level = self.level();
        let words = Words::of(&level.run);
        let here = level.here();
        let mut later = level.run.entries.iter().filter(|entry| entry.event > here);
        let found = later.find(|entry| words.line(entry).contains(text));
        match found.map(|entry| entry.event) {
            Some(event) => self.to(Target::Event(event)),
            None => Err(format!("no event after {here} has `{text}` in its words")),
        }
    }

    fn list(&self, count: usize) -> String {
        let level = self.level();
        let words = Words::of(&level.run);
        let here = level.here();
        let entries = &level.run.entries;
        let place = entries.partition_point(|entry| entry.event <= here);
        let (from, until) = (place.saturating_sub(count + 1), (place + count).min(entries.len()));
        let shown = entries[from..until].iter();
        shown
            .map(|entry| line(&words, entry, if entry.event == here { '▸' } else { ' ' }))
            .collect()
    }

    fn show(&self, event: EventId) -> Result<String, String> {
        let level = self.level();
        let entry = level.entry(event).ok_or_else(|| format!("there is no event {event}"))?;
        let (at, told) = (entry.at.as_seconds_text(9), Words::of(&level.run).line(entry));
        let cause = match entry.cause {
            EventId(0) => String::new(),
            cause => format!("  because of {cause}\n"),
        };
        Ok(format!("  {event}  {at}  {} {told}\n{cause}", symbol(entry.kind)))
    }

    fn find_node(&self, name: &str) -> Result<NodeId, String> {
        let catalog = &self.level().run.catalog;
        catalog.find_node(name).ok_or_else(|| {
            let near = suggest(name, catalog.nodes.iter().map(String::as_str));
            let hint = near.map_or_else(|| ";".into(), |near| format!(", did you mean `{near}`?"));
            format!("no node is called `{name}`{hint} there is {}", catalog.nodes.join(", "))
        })
    }

    fn node(&self, name: &str) -> Result<String, String> {
        let view = self.level().stepper.world().look(self.find_node(name)?);
        Ok(standing(name, &view, Detail::Full))
    }

    fn flight(&self) -> String {
        let level = self.level();
        let under_way = level.stepper.world().under_way();
        if under_way.is_empty() {
            return "  nothing is under way\n".to_owned();
        }
        let words = Words::of(&level.run);
        let lines = under_way.iter().map(|message| {
            let (from, to) = (words.name(message.from), words.name(message.to));
            let told = message.message.replace(char::is_control, "·");
            let arrives = message.arrives.as_seconds_text(6);
            format!(
                "  {:6}  {from} → {to}  {told}  arrives at {arrives}\n",
                message.sent.to_string()
            )
        });
        lines.collect()
    }

    fn verdicts(&self) -> String {
        let judged = recording::verdicts(&self.level().run.judgements);
        let width = judged.iter().map(|(property, _)| property.len()).max().unwrap_or(0);
        let line = |(property, verdict): &(String, String)| {
            format!("  {property:width$}  {}\n", verdict.replace('_', " "))
        };
        judged.iter().map(line).collect()
    }

    fn branch_at(&mut self, change: Change) -> Result<String, String> {
        let level = self.level();
        let registry = self.environment.registry;
        let made = caught(|| branch(registry, &level.plan, &level.run, change));
        let made = made.map_err(|panic| format!("that future panics: {panic}"))??;
        let heads = ["as it was", "branch"];
        let told = [parting::told_fate_first(&level.run), parting::told_fate_first(&made.run)];
        let mut lines = format!("  {}\n", made.says);
        lines += &parting::lines(heads, [&told[0], &told[1]], FUTURE);
        lines += &table("verdicts", heads, &verdicts([&level.run, &made.run]), Rows::Different);
        lines += "  `take` goes on in the branch, `save FILE.ron` keeps it\n";
        self.branch = Some(made);
        Ok(lines)
    }

    fn take(&mut self) -> Result<String, String> {
        let Some(Branch { plan, run, says }) = self.branch.take() else {
            return Err("there is no branch to take: `help` lists what makes one".to_owned());
        };
        let place = self.level().stepper.place();
        let origin = format!("{}, {says}", self.level().origin);
        let mut level = Level::new(plan, run, origin);
        level.stepper.go(place);
        self.levels.push(level);
        Ok(String::new())
    }

    fn back(&mut self) -> Result<String, String> {
        if self.levels.len() == 1 {
            return Err("this is the run itself, no branch was taken".to_owned());
        }
        self.levels.pop();
        self.branch = None;
        Ok(String::new())
    }

    fn save(&mut self, path: &str) -> Result<String, String> {
        let Some(branch) = &self.branch else {
            return Err("there is no branch to save: `help` lists what makes one".to_owned());
        };
        if Path::new(path).extension().is_none_or(|extension| extension != "ron") {
            return Err(format!("`{path}` is no name of a scenario: write {path}.ron"));
        }
        if Path::new(path).exists() {
            return Err(format!("`{path}` exists, and nothing is overwritten here"));
        }
        std::fs::write(path, kept(branch, &self.level().origin))
            .map_err(|error| format!("failed to write {path}: {error}"))?;
        let Seed(seed) = branch.run.seed;
        Ok(format!("  wrote {path}\n  splitbrain run {path} --seed {seed}\n"))
    }
}

/// Every node as it is after an event of a run.
pub(super) fn states_at(plan: &Plan, run: &Run, event: EventId) -> String {
    let mut stepper = Stepper::new(plan, run.seed);
    stepper.go(stepper.stop_of(event));
    states(run, &stepper)
}

/// Every node as it is at a stop.
fn states(run: &Run, stepper: &Stepper) -> String {
    let world = stepper.world();
    let nodes = run.catalog.nodes.iter().enumerate();
    nodes
        .map(|(node, name)| standing(name, &world.look(NodeId(node as u16)), Detail::Overview))
        .collect()
}

/// One event in a line.
fn line(words: &Words<'_>, entry: &Entry, mark: char) -> String {
    let (number, at) = (entry.event.to_string(), entry.at.as_seconds_text(6));
    let told = format!("{mark} {number:6}  {at}  {} {}", symbol(entry.kind), words.line(entry));
    clipped(&told, parting::WIDTH) + "\n"
}

/// The chain of causes of an event, the first one on top.
fn why(run: &Run, event: EventId) -> Result<String, String> {
    const CHAIN_MAX: usize = 40;
    let entry = |event: EventId| {
        let place = run.entries.binary_search_by_key(&event, |entry| entry.event);
        place.ok().map(|place| &run.entries[place])
    };
    let mut latest = entry(event).ok_or_else(|| format!("there is no event {event}"))?;
    let mut chain = vec![latest];
    while let Some(cause) = entry(latest.cause)
        && cause.event < latest.event
    {
        chain.push(cause);
        latest = cause;
    }
    let words = Words::of(run);
    let left_out = chain.len().saturating_sub(CHAIN_MAX);
    chain.truncate(CHAIN_MAX);
    let mut lines = String::new();
    if left_out > 0 {
        lines += &format!("  … {left_out} causes before\n");
    }
    Ok(lines + &chain.iter().rev().map(|entry| line(&words, entry, ' ')).collect::<String>())
}
