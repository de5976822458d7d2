//! The summary: what a sweep found, on one screen, and is it bad?
//!
//! ```text
//!   title               seeds
//!   checks     property   held, violated, put to the test
//!   failures   fingerprint   count, share with interval, smallest seed, what its witness says
//!   faults · twice · hashes · expected · bound
//!   next       the command that shows the smallest failing seed again
//! ```
//!
//! Made of the head and the tally and nothing else, so that a merged sweep reads like one that was
//! run on one machine. There is no time of the wall in it. Plain text without colours: the words
//! carry the meaning.

use super::{
    fingerprint::Fingerprint,
    quarantine::Known,
    statistics::{Interval, percent, upper_bound, wilson},
    sweep::{Ending, Head, Swept},
    tally::{Failure, PropertyTally, RuleTally},
    verdict::verdict,
};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// So many groups of failures are shown.
const GROUPS_MAX: usize = 8;

/// The screen of a sweep.
pub fn screen(head: &Head, swept: &Swept) -> String {
    let mut screen = Screen { head, swept, out: String::new() };
    screen.title();
    screen.checks();
    screen.failures();
    screen.faults();
    screen.sums();
    screen.expected();
    screen.next();
    screen.out
}

/// The command that runs a seed of a sweep.
pub fn reproduce(head: &Head, seed: u64) -> String {
    command(&head.scenario, seed, &[&head.sets[..], &head.variation].concat())
}

/// The command that runs a seed of a scenario with some parts replaced.
pub fn command(scenario: &str, seed: u64, sets: &[(String, String)]) -> String {
    let mut command = format!("splitbrain run {} --seed {seed}", quoted(scenario));
    for (path, value) in sets {
        _ = write!(command, " --set {}", quoted(&format!("{path}={value}")));
    }
    command
}

/// A word as a shell takes it.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./=,:%".contains(c);
    if word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// One line without control codes: names and texts come from files that anyone may have written.
fn inert(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '·' } else { c }).collect()
}

/// The groups of failures: unexpected before expected, the most frequent first.
pub fn groups<'t>(head: &Head, swept: &'t Swept) -> Vec<(&'t Fingerprint, &'t Failure)> {
    let mut groups: Vec<_> = swept.tally.failures.iter().collect();
    groups.sort_by_key(|(what, failure)| {
        let expected = head.expects(what) || head.quarantined(what).is_some();
        (expected, std::cmp::Reverse(failure.seeds), *what)
    });
    groups
}

/// The smallest seed that shows what is most wrong: unexpected failures before expected ones.
pub fn smallest(head: &Head, swept: &Swept) -> Option<u64> {
    let unexpected = head.unexpected(&swept.tally);
    let smallest = unexpected.iter().map(|(_, failure)| failure.smallest).min();
    smallest.or_else(|| swept.tally.failures.values().map(|failure| failure.smallest).min())
}

fn stopped(ending: Ending) -> Option<&'static str> {
    match ending {
        Ending::Complete => None,
        Ending::FailuresMax => Some("stopped: there were enough distinct failures"),
        Ending::TimeLimit => Some("stopped at the time limit"),
        Ending::Interrupted => Some("interrupted"),
    }
}

struct Screen<'a> {
    head: &'a Head,
    swept: &'a Swept,
    out: String,
}

impl Screen<'_> {
    fn line(&mut self, word: &str, text: &str) {
        let line = format!("{word:<10}{}", inert(text));
        _ = writeln!(self.out, "{}", line.trim_end());
    }

    fn title(&mut self) {
        let Head { title, seeds, slice, .. } = self.head;
        let part = if slice.of > 1 { format!(", {slice} of them") } else { String::new() };
        let title = format!("{}   seeds {seeds}{part}", inert(title));
        _ = writeln!(self.out, "{title}");
        let variation =
            self.head.variation.iter().map(|(path, value)| format!(" · {path}={value}"));
        let variant = format!("{}{}", self.head.scenario, variation.collect::<String>());
        _ = writeln!(self.out, "{}\n", inert(&variant));
    }

    fn checks(&mut self) {
        let head = self.head;
        let width = head.properties.iter().map(String::len).max().unwrap_or(0);
        for (nth, property) in head.properties.iter().enumerate() {
            let counts = self.swept.tally.properties.get(property).copied().unwrap_or_default();
            let verdict = word(counts);
            let told = self.told(counts);
            let word = if nth == 0 { "checks" } else { "" };
            self.line(word, &format!("{property:<width$}  {verdict:<13}  {told}"));
        }
    }

    fn told(&self, counts: PropertyTally) -> String {
        let PropertyTally { exercised, violated, unknown, occasions } = counts;
        let seeds = self.swept.tally.seeds;
        let mut told = match violated {
            0 => String::new(),
            _ => format!("in {violated} of {seeds} seeds, "),
        };
        if unknown > 0 {
            _ = write!(told, "unknown in {unknown}, ");
        }
        _ = match exercised {
            0 => write!(told, "never put to the test"),
            _ => write!(told, "put to the test in {exercised} seeds, {occasions} times"),
        };
        told
    }

    fn failures(&mut self) {
        let groups = groups(self.head, self.swept);
        for (nth, (what, failure)) in groups.iter().take(GROUPS_MAX).enumerate() {
            if nth == 0 {
                self.out.push('\n');
            }
            let share = self.share(failure.seeds);
            let (seeds, smallest) = (plural(failure.seeds, "seed"), failure.smallest);
            let expected = match self.head.quarantined(what) {
                _ if self.head.expects(what) => ", as expected".to_owned(),
                Some(known) => format!(", in quarantine until {}", known.until),
                None => String::new(),
            };
            let told = format!("{what}  {seeds}, {share}; smallest seed {smallest}{expected}");
            self.line(if nth == 0 { "failures" } else { "" }, &told);
            self.line("", &format!("  {}", failure.sentence));
        }
        if GROUPS_MAX < groups.len() {
            let more = plural((groups.len() - GROUPS_MAX) as u64, "kind");
            self.line("", &format!("and {more} more"));
        }
        self.out.push('\n');
    }

    fn share(&self, failed: u64) -> String {
        let seeds = self.swept.tally.seeds;
        let Interval { low, high } = wilson(failed, seeds);
        let share = percent(failed as f64 / seeds as f64);
        format!("{share} ({} to {})", percent(low), percent(high))
    }

    fn faults(&mut self) {
        let rules = &self.swept.tally.rules;
        let of = |id: &String| rules.get(id).copied().unwrap_or_default();
        let idle = self.head.rules.iter().filter(|(id, _)| of(id).effects == 0);
        let idle: Vec<String> = idle
            .map(|(id, class)| {
                let RuleTally { armed, refused, fired, .. } = of(id);
                format!("{id} ({class}: armed {armed}, refused {refused}, fired {fired})")
            })
            .collect();
        if self.head.rules.is_empty() {
            return;
        }
        let shares = self.head.rules.iter().filter(|(id, _)| of(id).effects > 0);
        let seeds = self.swept.tally.seeds.max(1);
        let shares: Vec<String> = shares
            .map(|(id, _)| format!("{id} {}", percent(of(id).effective as f64 / seeds as f64)))
            .collect();
        if !shares.is_empty() {
            self.line("faults", &format!("had an effect in seeds: {}", shares.join(" · ")));
        }
        if !idle.is_empty() {
            self.line("no effect", &idle.join(" · "));
        }
    }

    fn sums(&mut self) {
        let tally = &self.swept.tally;
        let differ = tally.failures.iter().any(|(what, _)| what.property == "nondeterminism");
        let alike = if differ { "not all alike" } else { "all alike" };
        let twice = plural(tally.twice, "seed");
        let text =
            format!("{twice} run in two worlds, {alike}; sum of hashes {:032x}", tally.hashes);
        self.line("repeated", &text);
    }

    fn expected(&mut self) {
        let (head, tally) = (self.head, &self.swept.tally);
        let expected = match head.expect.as_slice() {
            [] => "holds".to_owned(),
            properties => format!("violates {}", properties.join(", ")),
        };
        let verdict = verdict(head, self.swept);
        let text = match verdict.why() {
            None if head.slice.of > 1 => format!("{expected}, as far as this part can tell"),
            None => format!("{expected}, as the scenario says"),
            Some(why) => format!("{expected}, but {why}"),
        };
        self.line("expected", &text);
        for known in &head.known {
            let seen = tally.failures.keys().any(|what| known.covers(what));
            let Known { failure, until, reason } = known;
            let seen = if seen { "" } else { ", and not seen here" };
            self.line("known", &format!("{failure}, in quarantine until {until}{seen}: {reason}"));
        }
        if tally.seeds > 0 && tally.failing == 0 {
            let bound = percent(upper_bound(tally.seeds));
            let seeds = plural(tally.seeds, "seed");
            let what = if head.expect.is_empty() { "no failure" } else { "no other failure" };
            self.line(
                "bound",
                &format!(
                    "{what} in {seeds}: with 95 % confidence at most {bound} of all seeds fail;"
                ),
            );
            self.line("", "this is not a proof");
        }
        if let Some(why) = stopped(self.swept.ending) {
            let (done, all) = (tally.seeds, head.seeds.count());
            self.line("ended", &format!("{why}, after {done} of {all} seeds"));
        }
    }

    fn next(&mut self) {
        if let Some(seed) = smallest(self.head, self.swept) {
            let command = reproduce(self.head, seed);
            self.line("next", &command);
        }
    }
}

fn word(counts: PropertyTally) -> &'static str {
    match counts {
        PropertyTally { violated: 1.., .. } => "VIOLATED",
        PropertyTally { unknown: 1.., .. } => "unknown",
        PropertyTally { exercised: 0, .. } => "not exercised",
        _ => "holds",
    }
}

fn plural(number: u64, thing: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{ending}")
}

/// The same as one JSON object.
pub fn object(head: &Head, swept: &Swept) -> Value {
    let tally = &swept.tally;
    let verdict = verdict(head, swept);
    let failures: Vec<Value> = groups(head, swept)
        .into_iter()
        .map(|(what, failure)| {
            let Interval { low, high } = wilson(failure.seeds, tally.seeds);
            json!({
                "fingerprint": what,
                "expected": head.expects(what),
                "quarantined_until": head.quarantined(what).map(|known| known.until),
                "seeds": failure.seeds,
                "share": [low, high],
                "smallest_seed": failure.smallest.to_string(),
                "hash": format!("{:032x}", failure.hash),
                "sentence": failure.sentence,
                "reproduce": reproduce(head, failure.smallest),
            })
        })
        .collect();
    let bound = (tally.failing == 0).then(|| upper_bound(tally.seeds));
    json!({
        "schema": "splitbrain.event/1",
        "type": "sweep",
        "head": head,
        "ending": swept.ending,
        "verdict": verdict.word(),
        "why": verdict.why(),
        "counts": tally,
        "failures": failures,
        "failing_share_max": bound,
        "note": bound.map(|_| "95 % upper bound; this is not a proof"),
    })
}
