//! What can be said to a stepper, and how a line is read.
//!
//! ```text
//!   "n 3" ──▶ Next(3)      "to 0.2s" ──▶ To(At(200 ms))      "drop" ──▶ Drop(None): here
//! ```
//!
//! A line is a word and its arguments; events are numbers, with or without `#`, and the current
//! event where none is given. What cannot be read is refused with the usage of the nearest
//! command, and nothing happens.

use crate::base::{
    ids::EventId,
    text::diagnostic::suggest,
    time::{Duration, Time},
};

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Next(usize),
    Previous(usize),
    To(Target),
    List(usize),
    States,
    Node(String),
    Flight,
    Show(Option<EventId>),
    Why(Option<EventId>),
    Find(String),
    Verdicts,
    Drop(Option<EventId>),
    Delay(Option<EventId>, Duration),
    Deliver(Option<EventId>, Duration),
    First(Option<EventId>),
    Crash(String, Duration),
    Take,
    Back,
    Save(String),
    Help,
    Quit,
}

/// Where to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Event(EventId),
    At(Time),
    Start,
    End,
}

/// What a command is called, how it is written, and what it does.
const COMMANDS: [(&str, &str, &str); 21] = [
    ("n", "n [COUNT]", "go on to the next event, or by so many"),
    ("p", "p [COUNT]", "go back"),
    ("to", "to EVENT | TIME | start | end", "go there: `to 57`, `to 0.2s`"),
    ("find", "find TEXT", "go on to the next event whose words have this in them"),
    ("l", "l [COUNT]", "list the events around here"),
    ("show", "show [EVENT]", "one event in full"),
    ("state", "state", "every node as it is here"),
    ("node", "node NAME", "one node in full"),
    ("flight", "flight", "the messages that are under way"),
    ("why", "why [EVENT]", "what brought an event about, back to where it began"),
    ("verdicts", "verdicts", "what the whole run was judged"),
    ("drop", "drop [EVENT]", "branch: its message is lost"),
    ("delay", "delay [EVENT] SPAN", "branch: its message arrives that much later"),
    ("deliver", "deliver [EVENT] SPAN", "branch: its message arrives that long after it was sent"),
    ("first", "first EVENT", "branch: its message arrives before anything else happens"),
    ("crash", "crash NODE [SPAN]", "branch: the node crashes here, for 1s if nothing is said"),
    ("take", "take", "go on in the branch"),
    ("back", "back", "leave the branch that was taken"),
    ("save", "save FILE.ron", "write the branch as a scenario"),
    ("help", "help", "this list"),
    ("q", "q", "end"),
];

/// Other words for the same.
const ALIASES: [(&str, &str); 12] = [
    ("next", "n"),
    ("prev", "p"),
    ("previous", "p"),
    ("list", "l"),
    ("states", "state"),
    ("nodes", "state"),
    ("goto", "to"),
    ("quit", "q"),
    ("exit", "q"),
    ("h", "help"),
    ("?", "help"),
    ("lose", "drop"),
];

/// What can be said.
pub(super) fn help() -> String {
    let width = COMMANDS.iter().map(|(_, usage, _)| usage.len()).max().unwrap_or(0);
    let line = |(_, usage, does): &(&str, &str, &str)| format!("  {usage:width$}  {does}\n");
    COMMANDS.iter().map(line).collect()
}

/// Reads a line that is not empty.
pub(super) fn parse(line: &str) -> Result<Command, String> {
    let (word, rest) = line.trim().split_once(char::is_whitespace).unwrap_or((line.trim(), ""));
    let rest = rest.trim();
    let known = ALIASES.iter().find(|(alias, _)| *alias == word).map_or(word, |(_, name)| name);
    let Some((name, usage, _)) = COMMANDS.iter().find(|(name, ..)| *name == known) else {
        let names = COMMANDS.iter().map(|(name, ..)| *name).chain(ALIASES.iter().map(|(a, _)| *a));
        let near = suggest(word, names.filter(|name| name.len() > 1));
        let hint = near.map_or_else(|| ";".into(), |near| format!(", did you mean `{near}`?"));
        return Err(format!("there is no command `{word}`{hint} `help` lists all"));
    };
    read(name, rest).ok_or_else(|| format!("write it as `{usage}`"))
}

fn read(name: &str, rest: &str) -> Option<Command> {
    let words: Vec<&str> = rest.split_whitespace().collect();
    Some(match (name, words.as_slice()) {
        ("n", words) => Command::Next(count(words, 1)?),
        ("p", words) => Command::Previous(count(words, 1)?),
        ("l", words) => Command::List(count(words, 5)?),
        ("to", ["start"]) => Command::To(Target::Start),
        ("to", ["end"]) => Command::To(Target::End),
        ("to", [target]) => Command::To(self::target(target)?),
        ("find", [_, ..]) => Command::Find(rest.to_owned()),
        ("state", []) => Command::States,
        ("node", [name]) => Command::Node((*name).to_owned()),
        ("flight", []) => Command::Flight,
        ("show", words) => Command::Show(here_or(words)?),
        ("why", words) => Command::Why(here_or(words)?),
        ("verdicts", []) => Command::Verdicts,
        ("drop", words) => Command::Drop(here_or(words)?),
        ("delay", [words @ .., span]) => Command::Delay(here_or(words)?, span.parse().ok()?),
        ("deliver", [words @ .., span]) => Command::Deliver(here_or(words)?, span.parse().ok()?),
        ("first", words) => Command::First(here_or(words)?),
        ("crash", [name]) => Command::Crash((*name).to_owned(), Duration::from_millis(1000)),
        ("crash", [name, span]) => Command::Crash((*name).to_owned(), span.parse().ok()?),
        ("take", []) => Command::Take,
        ("back", []) => Command::Back,
        ("save", [_, ..]) => Command::Save(rest.to_owned()),
        ("help", []) => Command::Help,
        ("q", []) => Command::Quit,
        _ => return None,
    })
}

fn count(words: &[&str], usual: usize) -> Option<usize> {
    match words {
        [] => Some(usual),
        [count] => count.parse().ok().filter(|count| *count > 0),
        _ => None,
    }
}

/// An event, or none for the current one; `None` in all where it cannot be read.
#[expect(clippy::option_option, reason = "no event is an answer, and no answer is another")]
fn here_or(words: &[&str]) -> Option<Option<EventId>> {
    match words {
        [] => Some(None),
        [word] => event(word).map(Some),
        _ => None,
    }
}

fn event(word: &str) -> Option<EventId> {
    word.strip_prefix('#').unwrap_or(word).parse().ok().map(EventId)
}

/// An event's number, or an instant.
pub(super) fn target(word: &str) -> Option<Target> {
    let at = |word: &str| word.parse().ok().map(|span: Duration| Target::At(Time::ZERO + span));
    event(word).map(Target::Event).or_else(|| at(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_word_and_its_arguments() {
        let millis = Duration::from_millis;
        for (line, command) in [
            ("n", Command::Next(1)),
            (" next  3 ", Command::Next(3)),
            ("to #57", Command::To(Target::Event(EventId(57)))),
            ("to 200ms", Command::To(Target::At(Time::from_millis(200)))),
            ("find Yes(t3) lost", Command::Find("Yes(t3) lost".to_owned())),
            ("drop", Command::Drop(None)),
            ("drop 9", Command::Drop(Some(EventId(9)))),
            ("delay 9 40ms", Command::Delay(Some(EventId(9)), millis(40))),
            ("delay 40ms", Command::Delay(None, millis(40))),
            ("crash c", Command::Crash("c".to_owned(), millis(1000))),
            ("crash c 2s", Command::Crash("c".to_owned(), millis(2000))),
            ("?", Command::Help),
        ] {
            assert_eq!(parse(line), Ok(command), "{line}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_advice() {
        for (line, advice) in [
            ("n 0", "n [COUNT]"),
            ("n x", "n [COUNT]"),
            ("to", "to EVENT"),
            ("to nowhere", "to EVENT"),
            ("delay 9", "delay [EVENT] SPAN"),
            ("delay 9 40", "delay [EVENT] SPAN"),
            ("crash", "crash NODE"),
            ("drop 1 2", "drop [EVENT]"),
            ("q now", "`q`"),
            ("verdict", "did you mean `verdicts`?"),
            ("stat", "did you mean `state`?"),
            ("xyzzy", "`help` lists all"),
        ] {
            let said = parse(line).expect_err(line);
            assert!(said.contains(advice), "{line}: {said}");
        }
    }

    #[test]
    fn every_command_of_the_list_can_be_read() {
        for (name, usage, _) in COMMANDS {
            let example: Vec<&str> = match name {
                "to" => vec!["to", "57"],
                "delay" | "deliver" => vec![name, "5ms"],
                _ => usage.split_whitespace().filter(|word| !word.starts_with('[')).collect(),
            };
            assert!(parse(&example.join(" ").replace("EVENT", "7")).is_ok(), "{usage}");
        }
        for (_, name) in ALIASES {
            assert!(COMMANDS.iter().any(|(known, ..)| *known == name));
        }
    }
}
