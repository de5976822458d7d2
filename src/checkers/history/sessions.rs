//! Session guarantees: what one client did and saw, it goes on to see.
//!
//! ```text
//!   read your writes      write a ··· read→b    a ≤ b      ··· within one session, the first ended
//!   monotonic reads       read→a  ··· read→b    a ≤ b          before the second was invoked
//!   monotonic writes      write a ··· write b   a < b
//!   writes follow reads   read→a  ··· write b   a < b
//!
//!   broken  ⇔  no order of the versions of an object has all these pairs in it,
//!              and one of the pairs is a reason for that
//! ```
//!
//! Source: Terry and others 1994, Session guarantees for weakly consistent replicated data. Clients
//! see no order of versions, so one is looked for. The initial version is the first; a
//! compare-and-set puts its versions in order. For the first two guarantees the order must also
//! keep to real time: what was written after another write had ended is newer. For the last two it
//! must be the order in which every session saw versions come, since that is how an observer tells
//! the order in which replicas applied them. A list shows its past, so there the definitions of the
//! paper are judged as they stand, see `sessions/lists.rs`.
//!
//! To demand real time for the last two as well was rejected: then they could never be broken.
//!
//! Limits: values must be unique. Of writes without an answer nothing is demanded, but what follows
//! them. Objects are judged one by one, although the paper's sessions span them.

mod lists;

use super::{
    Finding, Proof, Rules, Ruling,
    calls::{Action, Call, History, Seen, Value},
    cycles::Graph,
    linearizable::key_name,
    models::Model,
};

/// The names of the properties.
pub const SESSIONS: [&str; 4] = [
    "sessions.read_your_writes",
    "sessions.monotonic_reads",
    "sessions.monotonic_writes",
    "sessions.writes_follow_reads",
];

/// One of the four.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guarantee {
    ReadYourWrites,
    MonotonicReads,
    MonotonicWrites,
    WritesFollowReads,
}

impl Guarantee {
    const ALL: [Self; 4] = [
        Self::ReadYourWrites,
        Self::MonotonicReads,
        Self::MonotonicWrites,
        Self::WritesFollowReads,
    ];

    /// What comes first, and what comes second.
    fn roles(self) -> [Role; 2] {
        match self {
            Self::ReadYourWrites => [Role::Writes, Role::Reads],
            Self::MonotonicReads => [Role::Reads, Role::Reads],
            Self::MonotonicWrites => [Role::Writes, Role::Writes],
            Self::WritesFollowReads => [Role::Reads, Role::Writes],
        }
    }

    fn demands(self) -> &'static str {
        match self {
            Self::ReadYourWrites => "does not see its own write",
            Self::MonotonicReads => "sees an older version than before",
            Self::MonotonicWrites => "wrote in an order that others see reversed",
            Self::WritesFollowReads => "wrote after what it had read, and others see it before",
        }
    }

    /// May both versions be one?
    fn allows_same(self) -> bool {
        matches!(self, Self::ReadYourWrites | Self::MonotonicReads)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Reads,
    Writes,
}

impl Role {
    fn fits(self, action: Action) -> bool {
        match action {
            Action::Read(Seen::One(_)) | Action::ReadList(_) => self == Self::Reads,
            Action::Write(_) | Action::Extend(_) => self == Self::Writes,
            Action::Cas { .. } => true,
            _ => false,
        }
    }

    /// What was not answered certainly saw nothing; what it would have made may come any time.
    fn counts(self, call: &Call) -> bool {
        self == Self::Writes || call.ended.is_some()
    }

    /// The version that a call on a register saw or made.
    fn version(self, action: Action) -> Option<Value> {
        match (self, action) {
            (Self::Reads, Action::Read(Seen::One(value)) | Action::Cas { expected: value, .. })
            | (Self::Writes, Action::Write(value) | Action::Cas { new: value, .. }) => Some(value),
            _ => None,
        }
    }
}

/// A demand: two calls of one session of which the first ended before the second began.
#[derive(Clone, Copy, Debug)]
struct Pair {
    first: usize,
    second: usize,
}

/// What came of one guarantee on one object.
struct Outcome {
    pairs: u64,
    broken: Option<Proof>,
}

/// Judges the four guarantees of a history of registers or lists.
pub fn sessions(history: &History, rules: &Rules) -> Vec<Finding> {
    let mut calls = history.calls.clone();
    calls.retain(|call| call.ended.is_some() || !call.action.only_observes());
    calls.sort_by_key(|call| call.key);
    let objects: Vec<&[Call]> = calls.chunk_by(|one, other| one.key == other.key).collect();
    let judge = |(&property, guarantee): (&&'static str, Guarantee)| {
        let (mut exercised, mut broken, mut unknown) = (0, None, None);
        for object in &objects {
            match on_object(history, object, rules, guarantee) {
                Ok(outcome) => {
                    exercised += outcome.pairs;
                    broken = broken.or(outcome.broken);
                }
                Err(why) => unknown = unknown.or(Some(why)),
            }
        }
        let ruling = match (broken, unknown) {
            (Some(proof), _) => Ruling::Violated(proof),
            (None, Some(why)) => Ruling::Unknown(why),
            (None, None) if exercised == 0 => Ruling::NotExercised,
            (None, None) => Ruling::Holds,
        };
        let note = format!("{exercised} pairs of calls put to the test");
        Finding { property, ruling, exercised, note }
    };
    SESSIONS.iter().zip(Guarantee::ALL).map(judge).collect()
}

fn on_object(
    history: &History,
    calls: &[Call],
    rules: &Rules,
    guarantee: Guarantee,
) -> Result<Outcome, String> {
    if rules.model == Model::KvAppend {
        return lists::judge(history, calls, guarantee);
    }
    let versions = Versions::of(history, calls, rules)?;
    Ok(versions.judge(history, calls, guarantee))
}

/// Invocations and ends of all sessions, one session after the other: session, rank, whether it is
/// an end, call.
fn moments(calls: &[Call]) -> Vec<(u32, u32, bool, usize)> {
    let mut moments = Vec::with_capacity(2 * calls.len());
    for (place, call) in calls.iter().enumerate() {
        moments.push((call.process, call.invoked.rank, false, place));
        moments.extend(call.ended.map(|ended| (call.process, ended.rank, true, place)));
    }
    moments.sort_unstable();
    moments
}

/// All pairs in these roles that do not follow from others. Of what ended before the second, only
/// that counts which no other such call came after.
fn pairs(calls: &[Call], [first, second]: [Role; 2]) -> Vec<Pair> {
    let mut pairs = Vec::new();
    let mut latest: Vec<usize> = Vec::new();
    let mut present = None;
    for (session, _, is_end, call) in moments(calls) {
        if present != Some(session) {
            present = Some(session);
            latest.clear();
        }
        if is_end && first.fits(calls[call].action) {
            latest.retain(|&before| !calls[before].came_before(&calls[call]));
            latest.push(call);
        } else if !is_end && second.fits(calls[call].action) && second.counts(&calls[call]) {
            pairs.extend(latest.iter().map(|&first| Pair { first, second: call }));
        }
    }
    pairs
}

/// The versions of a register.
struct Versions {
    /// Sorted; the place of a value is its node.
    values: Vec<Value>,
    initial: Value,
}

impl Versions {
    fn of(history: &History, calls: &[Call], rules: &Rules) -> Result<Self, String> {
        let initial = rules.initial_value();
        let made = calls.iter().filter_map(|call| Role::Writes.version(call.action));
        let mut made: Vec<Value> = made.chain([initial]).collect();
        made.sort_unstable();
        if let Some(twice) = made.windows(2).find(|two| two[0] == two[1]) {
            let (value, key) = (history.names.text(twice[0]), calls[0].key);
            let object = key_name(history, key);
            return Err(format!(
                "{value} is written to {object} more than once, so a read of it \
                                does not say which version it saw"
            ));
        }
        made.extend(calls.iter().filter_map(|call| Role::Reads.version(call.action)));
        made.sort_unstable();
        made.dedup();
        Ok(Self { values: made, initial })
    }

    fn node(&self, value: Value) -> u32 {
        self.values.partition_point(|known| *known < value) as u32
    }

    fn ends(&self, calls: &[Call], roles: [Role; 2], pair: Pair) -> (u32, u32) {
        let version = |role: Role, call: usize| {
            self.node(role.version(calls[call].action).expect("a call in its role has a version"))
        };
        (version(roles[0], pair.first), version(roles[1], pair.second))
    }

    fn judge(&self, history: &History, calls: &[Call], guarantee: Guarantee) -> Outcome {
        let mut graph = Graph::new(self.values.len());
        let initial = self.node(self.initial);
        let others = (0..self.values.len() as u32).filter(|&version| version != initial);
        others.for_each(|version| graph.add(initial, version));
        for call in calls {
            if let Action::Cas { expected, new } = call.action {
                graph.add(self.node(expected), self.node(new));
            }
        }
        let reads = [Role::Reads; 2];
        let seen = if guarantee.allows_same() {
            self.add_real_time(&mut graph, calls);
            Vec::new()
        } else {
            pairs(calls, reads)
        };
        let demanded = pairs(calls, guarantee.roles());
        for (list, roles) in [(&seen, reads), (&demanded, guarantee.roles())] {
            for &pair in list {
                let (from, to) = self.ends(calls, roles, pair);
                if from != to {
                    graph.add(from, to);
                }
            }
        }
        let components = graph.components();
        let mut broken = demanded.iter().filter(|&&pair| {
            let (from, to) = self.ends(calls, guarantee.roles(), pair);
            if from == to {
                !guarantee.allows_same()
            } else {
                components[from as usize] == components[to as usize]
            }
        });
        let first = broken.by_ref().min_by_key(|pair| calls[pair.second].end_rank());
        let proof = first.map(|&pair| {
            let (from, to) = self.ends(calls, guarantee.roles(), pair);
            let back = graph.path(to, from).unwrap_or_default();
            self.proof(history, calls, (guarantee, pair), &back, &seen, &demanded)
        });
        Outcome { pairs: demanded.len() as u64, broken: proof }
    }

    /// Edges between writes of which one ended before the other began, by way of one node for each
    /// end: what ended is before it, what begins later is behind it.
    fn add_real_time(&self, graph: &mut Graph, calls: &[Call]) {
        let mut moments = Vec::new();
        for call in calls {
            if let Some(version) = Role::Writes.version(call.action) {
                moments.push((call.invoked.rank, false, version));
                moments.extend(call.ended.map(|ended| (ended.rank, true, version)));
            }
        }
        moments.sort_unstable();
        let mut latest = None;
        for (_, is_end, version) in moments {
            let version = self.node(version);
            if is_end {
                let end = graph.add_node();
                graph.add(version, end);
                if let Some(before) = latest {
                    graph.add(before, end);
                }
                latest = Some(end);
            } else if let Some(end) = latest {
                graph.add(end, version);
            }
        }
    }

    /// The pair, and all calls that put the second version before the first.
    fn proof(
        &self,
        history: &History,
        calls: &[Call],
        (guarantee, pair): (Guarantee, Pair),
        back: &[u32],
        seen: &[Pair],
        demanded: &[Pair],
    ) -> Proof {
        let mut shown = vec![pair.first, pair.second];
        let is_version = |node: &&u32| (**node as usize) < self.values.len();
        let versions: Vec<u32> = back.iter().filter(is_version).copied().collect();
        for step in versions.windows(2) {
            let leads = |roles: [Role; 2], pair: &&Pair| {
                self.ends(calls, roles, **pair) == (step[0], step[1])
            };
            let by_seen = seen.iter().find(|pair| leads([Role::Reads; 2], pair));
            let by_demand = demanded.iter().find(|pair| leads(guarantee.roles(), pair));
            if let Some(pair) = by_seen.or(by_demand) {
                shown.extend([pair.first, pair.second]);
            }
        }
        let writes = |call: &Call, node: u32| {
            Role::Writes.version(call.action).is_some_and(|value| self.node(value) == node)
        };
        for &version in &versions {
            shown.extend(calls.iter().position(|call| writes(call, version)));
        }
        let legal = if guarantee.allows_same() {
            guarantee.roles()[0].version(calls[pair.first].action)
        } else {
            None
        };
        let legal = legal.map(|value| history.words(Action::Read(Seen::One(value))));
        proof(history, calls, (guarantee, pair), shown, legal)
    }
}

/// A proof of these calls, with a sentence about the pair.
fn proof(
    history: &History,
    calls: &[Call],
    (guarantee, pair): (Guarantee, Pair),
    mut shown: Vec<usize>,
    legal: Option<String>,
) -> Proof {
    shown.sort_by_key(|&call| calls[call].invoked.rank);
    shown.dedup();
    let [first, second] = [pair.first, pair.second].map(|call| calls[call]);
    let sentence = format!(
        "{} {}: `{}`, then `{}` on {}",
        history.whose.name(second.process),
        guarantee.demands(),
        history.words(first.action),
        history.words(second.action),
        key_name(history, second.key),
    );
    let calls = shown.into_iter().map(|call| calls[call]).collect();
    Proof { sentence, calls, context: Vec::new(), legal: legal.into_iter().collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{base::time::Time, checkers::history::calls::Moment};

    #[test]
    fn of_what_came_before_a_call_only_the_latest_is_demanded() {
        let mut history = History::default();
        let moment = |at: u64| Moment { rank: 0, event: at, at: Time::from_nanos(at) };
        for place in 0..4_u64 {
            let value = Value::number(place as i64).expect("a small number");
            let action =
                if place < 3 { Action::Write(value) } else { Action::Read(Seen::One(value)) };
            let (invoked, ended) = (moment(10 * place), Some(moment(10 * place + 5)));
            history.add(Call { process: 0, key: Value::NOTHING, action, invoked, ended });
        }
        history.rank();
        let pairs = pairs(&history.calls, [Role::Writes, Role::Reads]);
        let places: Vec<_> = pairs.iter().map(|pair| (pair.first, pair.second)).collect();
        assert_eq!(places, [(2, 3)], "whatever came before the third write follows from it");
    }
}
