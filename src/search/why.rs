//! Why: but-for causes. The same weather, one thing changed: does it still fail?
//!
//! ```text
//!   shrunk ──┬─ without one fault, loss, delay or choice ──▶ holds │ still violated │ fails otherwise
//!            └─ a delay or an absence a little shorter ─────▶ up to which length it holds
//!   whole  ──┬─ with an ablated step put back ──────────────▶ …
//!            └─ with another setting of the protocol ───────▶ …
//! ```
//!
//! What is taken away is taken from the shrunk script, since only what a failure needs can be its
//! cause. Another protocol is asked of the whole run: it sends other messages, and they shall meet
//! every cut and every crash that the run had. In a shrunk script a cut may have become the loss of
//! the one message that it stopped, and a cure found there would cure nothing.
//!
//! Decisions have names, so whatever is not changed stays exactly as it was: the question "would it
//! have happened without this?" has an exact answer. A statistical answer (how often do runs with
//! this fault fail?) was rejected: it blames whatever happens often.
//!
//! Limits: one thing at a time; two causes of which each would do show up as no cause at all. A
//! length is searched by halving, as if longer were always worse.

use super::{
    fingerprint::Fingerprint,
    freeze,
    shrink::{Seen, Shrunk, Tools},
};
use crate::{
    base::{ids::Seed, text::source::Edited, time::Duration},
    engine::{faults::Trouble, protocol::Alternative},
    scenario::{
        load::load,
        model::{Do, Fault, Group, SpanText},
        script::{ChoiceLine, ClockLine, FateText, MessageLine, Part, ScriptText, SpanLine},
        write::Draft,
    },
};

/// How often a length is halved.
const HALVINGS: u32 = 14;

/// One thing that was changed, and what came of it. It was changed in the shrunk script or in the
/// whole one, by its kind.
#[derive(Clone, Debug)]
pub struct Changed {
    /// What was changed, in words: `without the crash of c (window)`.
    pub what: String,
    /// Which kind of change.
    pub kind: Kind,
    /// What came of it.
    pub outcome: Outcome,
    /// The changed run, recorded, where it holds.
    pub seen: Option<Seen>,
    /// The changed scenario.
    pub draft: Draft,
}

/// Kinds of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A fault, a loss, a delay or a choice is taken away.
    Without,
    /// It lasts less long.
    Shorter,
    /// An ablated step is put back.
    Restored,
    /// The protocol has another setting.
    Setting,
}

/// What came of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The failure is gone, and there is no other.
    Holds,
    /// It fails as before.
    StillViolated,
    /// It fails in another way.
    Otherwise(Vec<Fingerprint>),
}

/// Changes one thing of a failure after the other.
pub fn why(
    tools: Tools<'_>,
    shrunk: &Shrunk,
    wanted: &Fingerprint,
    alternatives: &[Alternative],
) -> Vec<Changed> {
    let small = Asker { tools, draft: &shrunk.draft, wanted };
    let mut changed = small.without();
    changed.extend(small.shorter());
    let whole = Asker { tools, draft: &shrunk.frozen, wanted };
    changed.extend(whole.restored());
    changed.extend(alternatives.iter().filter_map(|one| whole.setting(one)));
    changed
}

struct Asker<'a> {
    tools: Tools<'a>,
    draft: &'a Draft,
    wanted: &'a Fingerprint,
}

impl Asker<'_> {
    fn see(&self, draft: &Draft) -> Option<Seen> {
        let plan = load(self.tools.registry, "changed", &Edited::new(draft.text())).ok()?;
        Some(Seen::of(&plan, Seed(1), self.tools.catch))
    }

    fn ask(&self, kind: Kind, what: String, draft: Draft) -> Option<Changed> {
        let seen = self.see(&draft)?;
        let found = seen.fingerprints();
        let outcome = if found.contains(self.wanted) {
            Outcome::StillViolated
        } else if found.is_empty() {
            Outcome::Holds
        } else {
            Outcome::Otherwise(found)
        };
        let seen = (outcome == Outcome::Holds).then_some(seen);
        Some(Changed { what, kind, outcome, seen, draft })
    }

    /// The settings of the protocol, those that are left out included.
    fn settings(&self, draft: &Draft) -> Option<String> {
        let plan = load(self.tools.registry, "changed", &Edited::new(draft.text())).ok()?;
        Some(plan.configured.settings())
    }

    fn still_violated(&self, draft: &Draft) -> bool {
        self.see(draft).is_some_and(|seen| seen.fails_so(self.wanted))
    }

    /// Each thing that went wrong, taken away.
    fn without(&self) -> Vec<Changed> {
        let Draft { faults, script, .. } = self.draft;
        let fault = |place: usize| {
            let what = fault_words(&faults[place]);
            self.less(what, |draft| drop(draft.faults.remove(place)))
        };
        let mut changed: Vec<Changed> = (0..faults.len()).filter_map(fault).collect();
        for part in Part::ALL {
            let line = |place: usize| {
                let what = decision_words(script, part, place);
                self.less(what, |draft| draft.script.part(part).remove(place..place + 1))
            };
            changed.extend((0..script.count(part)).filter_map(line));
        }
        changed
    }

    fn less(&self, what: String, take_away: impl FnOnce(&mut Draft)) -> Option<Changed> {
        let mut draft = self.draft.clone();
        take_away(&mut draft);
        self.ask(Kind::Without, format!("without {what}"), draft)
    }

    /// Each absence and delay: up to which length it holds.
    fn shorter(&self) -> Vec<Changed> {
        let mut changed = Vec::new();
        for place in 0..self.draft.faults.len() {
            let mut fault = self.draft.faults[place].clone();
            let Some(&mut SpanText::Between(long, _)) = freeze::span_of(&mut fault.r#do) else {
                continue;
            };
            let set = |draft: &mut Draft, shorter| {
                if let Some(span) = freeze::span_of(&mut draft.faults[place].r#do) {
                    *span = SpanText::Between(shorter, shorter);
                }
            };
            let what = |span| match (&fault.r#do, freeze::victim(&fault)) {
                (Do::Crash { .. }, Some(node)) => format!("with {node} down for less than {span}"),
                _ => format!("with {} shorter than {span}", fault_words(&fault)),
            };
            changed.extend(self.threshold(Duration::ZERO, long, set, what));
        }
        for place in 0..self.draft.script.messages.len() {
            let line = &self.draft.script.messages[place];
            let FateText::Takes(long) = line.fate else { continue };
            let set = |draft: &mut Draft, shorter| {
                draft.script.messages[place].fate = FateText::Takes(shorter);
            };
            let what = |span| format!("with {} delayed by less than {span}", named(line));
            changed.extend(self.threshold(self.draft.latency, long, set, what));
        }
        changed
    }

    /// The longest span at which the failure is gone, between one where it is and one where it
    /// is not; nothing when it fails even at the shortest.
    fn threshold(
        &self,
        least: Duration,
        long: Duration,
        set: impl Fn(&mut Draft, Duration),
        what: impl Fn(Duration) -> String,
    ) -> Option<Changed> {
        let with = |span| {
            let mut draft = self.draft.clone();
            set(&mut draft, span);
            draft
        };
        if least >= long || self.still_violated(&with(least)) {
            return None;
        }
        let (mut holds, mut fails) = (least, long);
        for _ in 0..HALVINGS {
            let middle = holds + Duration::from_nanos((fails - holds).as_nanos() / 2);
            let middle = Duration::from_nanos(middle.as_nanos() / 10_000 * 10_000);
            if middle <= holds || middle >= fails {
                break;
            }
            if self.still_violated(&with(middle)) {
                fails = middle;
            } else {
                holds = middle;
            }
        }
        self.ask(Kind::Shorter, what(fails), with(holds))
    }

    /// Each ablated step, put back.
    fn restored(&self) -> Vec<Changed> {
        let back = |place: usize| {
            let mut draft = self.draft.clone();
            let step = draft.ablate.remove(place);
            self.ask(Kind::Restored, format!("with the step {step}"), draft)
        };
        (0..self.draft.ablate.len()).filter_map(back).collect()
    }

    /// Another setting of the protocol; nothing where it is the setting, or makes no sense here.
    fn setting(&self, alternative: &Alternative) -> Option<Changed> {
        let Alternative { settings, called } = *alternative;
        let mut edited = Edited::new(&self.draft.protocol);
        for (field, value) in settings {
            edited.set(field, value, called).ok()?;
        }
        let draft = Draft { protocol: edited.text, ..self.draft.clone() };
        if self.settings(&draft)? == self.settings(self.draft)? {
            return None; // It may be the default and stand nowhere.
        }
        self.ask(Kind::Setting, format!("with {called}"), draft)
    }
}

fn fault_words(fault: &Fault) -> String {
    let of = freeze::victim(fault).map_or_else(String::new, |node| format!(" of {node}"));
    let what = match &fault.r#do {
        Do::Crash { .. } => format!("the crash{of}"),
        Do::Pause { .. } => format!("the pause{of}"),
        Do::Slow { .. } => format!("the slowness{of}"),
        Do::StallDisk { .. } => format!("the stalled disk{of}"),
        Do::BadDisk { how, .. } => match how {
            Trouble::Lies => format!("the lies of the disk{of}"),
            Trouble::Full => format!("the full disk{of}"),
            Trouble::Slow(_) => format!("the slow disk{of}"),
            Trouble::Rots { .. } => format!("the rotten sector{of}"),
            Trouble::Misdirects => format!("the misdirected write{of}"),
        },
        Do::FailForce { .. } => format!("the failed force{of}"),
        Do::JumpClock { .. } => format!("the clock jump{of}"),
        Do::Cut { groups, .. } => format!("the cut {}", sides(groups)),
        Do::CutOneWay { from, to, .. } => {
            format!("the cut from {} to {}", side(from), side(to))
        }
        Do::SlowLink { from, to, .. } => {
            format!("the slow link from {} to {}", side(from), side(to))
        }
        Do::Lose => "the loss".to_owned(),
        Do::Delay { .. } => "the delay".to_owned(),
        Do::Duplicate { .. } => "the copy".to_owned(),
    };
    format!("{what} ({})", fault.id)
}

fn sides(groups: &[Group]) -> String {
    groups.iter().map(side).collect::<Vec<_>>().join(" | ")
}

fn side(group: &Group) -> String {
    match group {
        Group::Nodes(names) => names.join(" "),
        Group::Role(role) => role.clone(),
        Group::Rest => "the rest".to_owned(),
        Group::Clients => "clients".to_owned(),
    }
}

/// A message by its name: `Prepare about t3 from c to p1`.
fn named(line: &MessageLine) -> String {
    let MessageLine { from, to, label, topic, nth, .. } = line;
    let about = if *topic == 0 { String::new() } else { format!(" about t{topic}") };
    let again = if *nth == 1 { String::new() } else { format!(" (number {nth})") };
    format!("{label}{about} from {from} to {to}{again}")
}

fn message_words(line: &MessageLine) -> String {
    let what = match &line.fate {
        FateText::Lost => "the loss of".to_owned(),
        FateText::Takes(span) => format!("the {span} on the way of"),
        FateText::Copies(_) => "the copy of".to_owned(),
    };
    format!("{what} {}", named(line))
}

/// One line of a script.
fn decision_words(script: &ScriptText, part: Part, place: usize) -> String {
    match part {
        Part::Messages => message_words(&script.messages[place]),
        Part::Forces => force_words(&script.forces[place]),
        Part::Syncs => sync_words(&script.syncs[place]),
        Part::Timers => timer_words(&script.timers[place]),
        Part::Choices => choice_words(&script.choices[place]),
        Part::Clocks => clock_words(&script.clocks[place]),
    }
}

fn choice_words(ChoiceLine { node, label, topic, .. }: &ChoiceLine) -> String {
    format!("the choice `{label}` of {node} about t{topic}")
}

fn force_words(SpanLine { node, label, takes, .. }: &SpanLine) -> String {
    format!("the {takes} that forcing {label} took on {node}")
}

fn sync_words(SpanLine { node, label, takes, .. }: &SpanLine) -> String {
    format!("the {takes} that the sync of {label} took on {node}")
}

fn timer_words(SpanLine { node, label, takes, .. }: &SpanLine) -> String {
    format!("the {takes} of the timer {label} on {node}")
}

fn clock_words(ClockLine { node, .. }: &ClockLine) -> String {
    format!("the wrong clock of {node}")
}
