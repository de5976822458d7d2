//! The passes of shrinking: what is tried, from the large steps to the small ones.
//!
//! ```text
//!   calm_down   whole classes: all latencies, all losses, all crashes, all clocks
//!   thin_out    single faults, operations, decisions
//!   simplify    fewer nodes · cuts into losses · anchors · shorter and rounder spans · a shorter run
//! ```
//!
//! Order matters for speed only: every step is tried again until a whole round changes nothing.
//! Numbers go down by halving the distance to what is usual, and then to their first digit, since a
//! reader asks what 37.2 ms means and not what 40 ms means.

use super::{Shrinker, freeze};
use crate::{
    base::{
        text::source::{Edited, Node, Tree, splice},
        time::Duration,
    },
    engine::{script::Decision, trace::Kind},
    scenario::{
        load::load,
        model::{Do, Fault, Group, SpanText, When, Who},
        script::{FateText, MessageLine, Part, ScriptText},
        write::{Draft, retain_nodes},
    },
};

/// The largest setting of a protocol that is taken for a number of things.
const COUNT_MAX: u64 = 64;
/// How often a distance is halved.
const HALVINGS: u32 = 12;

impl Shrinker<'_> {
    /// Takes whole classes away.
    pub(super) fn calm_down(&mut self) {
        let is_late = |line: &MessageLine| matches!(line.fate, FateText::Takes(_));
        let is_copied = |line: &MessageLine| matches!(line.fate, FateText::Copies(_));
        for part in Part::ALL {
            let all = 0..self.best.script.count(part);
            self.attempt(|draft| draft.script.part(part).remove(all));
            if part == Part::Messages {
                self.attempt(|draft| draft.script.messages.retain(|line| !is_late(line)));
                self.attempt(|draft| draft.script.messages.retain(|line| !is_copied(line)));
            }
        }
        self.attempt(|draft| draft.script.core = None);
        self.attempt(|draft| draft.service = None);
        self.attempt(|draft| draft.faults.clear());
        for class in classes(&self.best.faults) {
            self.attempt(|draft| draft.faults.retain(|fault| class_of(fault) != class));
        }
        self.attempt(|draft| draft.script.messages.retain(|line| !is_late(line)));
    }

    /// Takes single things away. Says whether anything could go.
    pub(super) fn thin_out(&mut self) -> bool {
        let mut changed = self.thin(|draft| &mut draft.faults);
        changed |= self.thin_operations();
        for part in Part::ALL {
            changed |= self.thin_script(part);
        }
        changed
    }

    fn thin_script(&mut self, part: Part) -> bool {
        let lines = self.best.script.count(part);
        self.thin_by(lines, |draft, places| draft.script.part(part).remove(places))
    }

    /// An operation goes with everything that is decided about it, or alone.
    fn thin_operations(&mut self) -> bool {
        let with_decisions = self.thin_by(self.best.operations.len(), |draft, places| {
            let gone = draft.operations.drain(places);
            let gone: Vec<u64> = gone.filter_map(|asked| asked.op.map(u64::from)).collect();
            draft.script.messages.retain(|line| !gone.contains(&line.topic));
            draft.script.choices.retain(|line| !gone.contains(&line.topic));
        });
        with_decisions | self.thin(|draft| &mut draft.operations)
    }

    /// Crashes keep nothing of the unsynced log, if that does as well.
    fn keep_nothing(&mut self) {
        for place in 0..self.best.faults.len() {
            self.attempt(|draft| {
                if let Do::Crash { keeps, sectors, names, .. }
                | Do::FailForce { keeps, sectors, names, .. } = &mut draft.faults[place].r#do
                {
                    // In a calm script nothing is kept.
                    (*keeps, *sectors, *names) = (None, None, None);
                }
            });
        }
    }

    /// Makes what is left easier to read. Says whether anything changed.
    pub(super) fn simplify(&mut self) -> bool {
        let before = self.best.text();
        self.drop_settings();
        self.shrink_settings();
        self.keep_nothing();
        self.cuts_into_losses();
        self.anchor();
        self.shorten_spans();
        self.shorten_messages();
        self.shorten_run();
        self.compress_operations();
        self.renumber();
        self.best.text() != before
    }

    /// Takes settings of the protocol away for which the default does as well.
    fn drop_settings(&mut self) {
        let mut place = 0;
        while let Some(shorter) = without_setting(&self.best.protocol, place) {
            let gone = self.with_protocol(shorter).is_some_and(|candidate| self.adopt(candidate));
            place += usize::from(!gone);
        }
    }

    /// Whole numbers in the protocol's settings, downwards: fewer nodes.
    fn shrink_settings(&mut self) {
        for (path, value) in counts(&self.best.protocol) {
            for smaller in 1..value {
                let edited = splice(&self.best.protocol, &path, &smaller.to_string());
                let candidate = edited.ok().and_then(|edited| self.with_protocol(edited.text));
                if candidate.is_some_and(|candidate| self.adopt(candidate)) {
                    break;
                }
            }
        }
    }

    /// The same draft under other settings, without what names nodes that are gone.
    fn with_protocol(&self, protocol: String) -> Option<Draft> {
        let mut draft = Draft { protocol, ..self.best.clone() };
        let mut bare = draft.clone();
        bare.faults.clear();
        bare.script = ScriptText::default();
        bare.operations.iter_mut().for_each(|asked| asked.node = None);
        let plan = load(self.tools.registry, "bare", &Edited::new(bare.text())).ok()?;
        let exists =
            |name: &str| name.starts_with("client") || plan.catalog.find_node(name).is_some();
        retain_nodes(&mut draft.script, exists);
        draft.faults.retain(|fault| names(fault).iter().all(|name| exists(name)));
        for asked in &mut draft.operations {
            asked.node = asked.node.take().filter(|name| exists(name));
        }
        Some(draft)
    }

    /// A cut as the loss of each message that it stopped, where these are no more to read than the
    /// cut is.
    fn cuts_into_losses(&mut self) {
        let is_cut = |fault: &Fault| matches!(fault.r#do, Do::Cut { .. } | Do::CutOneWay { .. });
        for place in (0..self.best.faults.len()).rev() {
            if !is_cut(&self.best.faults[place]) {
                continue;
            }
            let lost = self.stopped_by_cuts();
            let with_cut = self.best.clone();
            let replaced = self.attempt(|draft| {
                draft.faults.remove(place);
                for line in lost {
                    let alike = |known: &MessageLine| {
                        MessageLine { fate: FateText::Lost, ..known.clone() } == line
                    };
                    draft.script.messages.retain(|known| !alike(known));
                    draft.script.messages.push(line);
                }
            });
            if !replaced {
                continue;
            }
            self.thin_script(Part::Messages);
            if self.best.size().oddities() > with_cut.size().oddities() {
                self.best = with_cut;
            }
        }
    }

    /// The messages that cuts stop in the best so far.
    fn stopped_by_cuts(&self) -> Vec<MessageLine> {
        let run = self.recorded(&self.best).run;
        let cut = Kind::Lose(crate::engine::network::Lost::Cut);
        let stopped: Vec<_> =
            run.entries.iter().filter(|entry| entry.kind == cut).map(|entry| entry.cause).collect();
        let named = |decision: &Decision| match decision {
            Decision::Message(sent, name, _) if stopped.contains(sent) => {
                freeze::lost(&run.catalog, *name)
            }
            _ => None,
        };
        run.decisions.iter().filter_map(named).collect()
    }

    /// How long crashes, pauses and cuts last: as short as it still fails, then to one digit.
    fn shorten_spans(&mut self) {
        for place in 0..self.best.faults.len() {
            let Some(SpanText::Between(span, _)) =
                freeze::span_of(&mut self.best.faults[place].r#do)
            else {
                continue;
            };
            let span = *span;
            self.shorten(Duration::ZERO, span, |draft, shorter| {
                if let Some(span) = freeze::span_of(&mut draft.faults[place].r#do) {
                    *span = SpanText::Between(shorter, shorter);
                }
            });
        }
    }

    fn shorten_messages(&mut self) {
        for place in 0..self.best.script.messages.len() {
            let usual = self.best.latency;
            let FateText::Takes(takes) = self.best.script.messages[place].fate else { continue };
            if takes > usual {
                self.shorten(usual, takes, |draft, shorter| {
                    draft.script.messages[place].fate = FateText::Takes(shorter);
                });
            }
        }
        for place in 0..self.best.script.messages.len() {
            let FateText::Copies(spans) = self.best.script.messages[place].fate.clone() else {
                continue;
            };
            for copy in 0..spans.len() {
                self.shorten(self.best.latency, spans[copy], |draft, shorter| {
                    if let FateText::Copies(spans) = &mut draft.script.messages[place].fate {
                        spans[copy] = shorter;
                    }
                });
            }
        }
    }

    /// Ends the run soon after the failure, without a tail if it needs none.
    fn shorten_run(&mut self) {
        self.attempt(|draft| draft.quiet_tail = None);
        if let Some(tail) = self.best.quiet_tail {
            let rest = self.best.run_for - tail;
            self.shorten(Duration::ZERO, rest, |draft, shorter| draft.run_for = shorter + tail);
            let rest = self.best.run_for - tail;
            self.shorten(Duration::ZERO, tail, |draft, shorter| {
                draft.run_for = rest + shorter;
                draft.quiet_tail = Some(shorter);
            });
        } else {
            let whole = self.best.run_for;
            self.shorten(Duration::ZERO, whole, |draft, shorter| draft.run_for = shorter);
        }
    }

    /// Operations begin as early as they may, in their order.
    fn compress_operations(&mut self) {
        for place in 0..self.best.operations.len() {
            let at = self.best.operations[place].at;
            let earliest = match place.checked_sub(1) {
                Some(before) => self.best.operations[before].at,
                None => Duration::ZERO,
            };
            self.shorten(earliest, at, |draft, shorter| draft.operations[place].at = shorter);
        }
        self.merge_clients();
        self.attempt(|draft| draft.patience = freeze::rounded(draft.patience));
    }

    /// One client asks for everything, unless it would ask before it has heard: then who is told
    /// apart is part of the story.
    fn merge_clients(&mut self) {
        let history = self.recorded(&self.best).run.history;
        let overlap = history
            .windows(2)
            .any(|pair| pair[0].ending.is_none_or(|(ended_at, _)| pair[1].invoked_at < ended_at));
        if !overlap {
            self.attempt(|draft| draft.operations.iter_mut().for_each(|asked| asked.client = 1));
        }
    }

    /// Looks for a small value between two at which it still fails, and one with few digits.
    fn shorten(&mut self, least: Duration, now: Duration, set: impl Fn(&mut Draft, Duration)) {
        if now <= least || self.attempt(|draft| set(draft, least)) {
            return;
        }
        let (mut low, mut high) = (least, now);
        for _ in 0..HALVINGS {
            let middle = low + Duration::from_nanos((high - low).as_nanos() / 2);
            if middle == low || freeze::rounded(middle) >= freeze::rounded(high) {
                break;
            }
            let middle = freeze::rounded(middle).min(high);
            if self.attempt(|draft| set(draft, middle)) {
                high = middle;
            } else {
                low = middle;
            }
        }
        if high == now {
            for digits in 1..=3 {
                let round = freeze::rounded_to(now, digits);
                if round == now || self.attempt(|draft| set(draft, round)) {
                    break;
                }
            }
        }
    }

    /// Operations are counted from 1 in the order in which they are asked.
    fn renumber(&mut self) {
        self.attempt(|draft| {
            let old: Vec<Option<u32>> = draft.operations.iter().map(|asked| asked.op).collect();
            let new = |topic: u64| {
                let place = old.iter().position(|op| op.map(u64::from) == Some(topic));
                place.map_or(topic, |place| place as u64 + 1)
            };
            for (place, asked) in draft.operations.iter_mut().enumerate() {
                asked.op = Some(place as u32 + 1);
            }
            draft.script.messages.iter_mut().for_each(|line| line.topic = new(line.topic));
            draft.script.choices.iter_mut().for_each(|line| line.topic = new(line.topic));
            for fault in &mut draft.faults {
                if let When::Before { topic: Some(topic), .. }
                | When::After { topic: Some(topic), .. }
                | When::Inside { topic: Some(topic), .. } = &mut fault.when
                {
                    *topic = new(u64::from(*topic)) as u32;
                }
            }
        });
    }
}

/// A protocol's text without the setting at a place; `None` behind the last one.
fn without_setting(protocol: &str, place: usize) -> Option<String> {
    let tree = Tree::parse(protocol).ok()?;
    let fields = tree.root.fields();
    let gone = fields.get(place)?;
    let kept = fields.iter().filter(|field| field.value.span != gone.value.span);
    let kept: Vec<String> = kept
        .map(|field| format!("{}: {}", field.name(protocol), field.value.text(protocol)))
        .collect();
    let name = tree.root.name(protocol)?;
    Some(format!("{name}({})", kept.join(", ")))
}

/// Settings that are small whole numbers: their paths and values.
fn counts(protocol: &str) -> Vec<(String, u64)> {
    fn gather(text: &str, node: &Node, path: &str, found: &mut Vec<(String, u64)>) {
        for field in node.fields() {
            let name = field.name(text);
            let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            match field.value.text(text).parse() {
                Ok(value) if value <= COUNT_MAX => found.push((path, value)),
                Ok(_) => {}
                Err(_) => gather(text, &field.value, &path, found),
            }
        }
    }
    let mut found = Vec::new();
    if let Ok(tree) = Tree::parse(protocol) {
        gather(protocol, &tree.root, "", &mut found);
    }
    found
}

fn class_of(fault: &Fault) -> &'static str {
    match &fault.r#do {
        Do::Crash { .. } => "crash",
        Do::Pause { .. } => "pause",
        Do::Slow { .. } => "slow",
        Do::StallDisk { .. } => "stall",
        Do::BadDisk { .. } => "disk",
        Do::FailForce { .. } => "fail",
        Do::Cut { .. } | Do::CutOneWay { .. } => "cut",
        Do::SlowLink { .. } => "slow link",
        Do::JumpClock { .. } => "jump",
        Do::Lose | Do::Delay { .. } | Do::Duplicate { .. } => "message",
    }
}

fn classes(faults: &[Fault]) -> Vec<&'static str> {
    let mut classes: Vec<_> = faults.iter().map(class_of).collect();
    classes.sort_unstable();
    classes.dedup();
    classes
}

/// The nodes that a fault names.
fn names(fault: &Fault) -> Vec<&str> {
    let mut names = Vec::new();
    if let When::Before { node, peer, .. }
    | When::After { node, peer, .. }
    | When::Inside { node, peer, .. } = &fault.when
    {
        names.extend(node.as_deref());
        names.extend(peer.as_deref());
    }
    let groups: Vec<&Group> = match &fault.r#do {
        Do::Cut { groups, .. } => groups.iter().collect(),
        Do::CutOneWay { from, to, .. } | Do::SlowLink { from, to, .. } => vec![from, to],
        _ => Vec::new(),
    };
    for group in groups {
        if let Group::Nodes(nodes) = group {
            names.extend(nodes.iter().map(String::as_str));
        }
    }
    match &fault.r#do {
        Do::Crash { node, .. }
        | Do::Pause { node, .. }
        | Do::Slow { node, .. }
        | Do::StallDisk { node, .. }
        | Do::BadDisk { node, .. }
        | Do::FailForce { node, .. }
        | Do::JumpClock { node, .. } => {
            if let Who::Node(name) = node {
                names.push(name);
            }
        }
        Do::Cut { .. }
        | Do::CutOneWay { .. }
        | Do::SlowLink { .. }
        | Do::Lose
        | Do::Delay { .. }
        | Do::Duplicate { .. } => {}
    }
    names
}
