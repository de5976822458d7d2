//! Staleness: by how many versions, and for how long, a read was behind.
//!
//! ```text
//!   write 1 ├──┤   write 2 ├──┤   write 3 ├──┤      read→1 ├──┤
//!              │              ▲              ▲             ▲
//!              └ in place     └ overwritten: stale since   └ 2 versions behind
//!
//!   versions  the writes that began when the version read was in place and ended before the read
//!             began                                      ≤ k − 1: one of the last k versions
//!   time      from the first end of such a write to the invocation of the read     ≤ t
//! ```
//!
//! Source: k-atomicity and Δ-atomicity, Golab, Li & Shah 2011; the questions are those of Bailis
//! and others 2012. Only what is certain counts: a version is in place when its write or some read
//! of it has ended, and a write that overlaps the read or the version's write counts for nothing.
//! So k = 1 and t = 0 are what a regular register promises. Deciding whether *some* order of
//! overlapping writes keeps within k was rejected: for k above 2 nobody knows how, fast.
//!
//! Limits: registers with unique values. A read of what nobody wrote leaves the verdict unknown.

use super::{
    Finding, Proof, Rules, Ruling,
    calls::{Action, Call, History, Seen, Value},
    linearizable::key_name,
};
use crate::base::time::{Duration, Time};

/// The names of the properties.
pub const STALENESS: [&str; 2] = ["staleness.versions", "staleness.time"];

/// How stale reads may be. Without a bound, the worst is told and nothing is demanded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// A read returns one of the last so many versions.
    pub versions: Option<u64>,
    /// What a read returns was not overwritten for longer.
    pub time: Option<Duration>,
}

/// How far a read was behind.
#[derive(Clone, Copy, Debug)]
struct Lag {
    versions: u64,
    time: Duration,
    read: Call,
    /// The write that was read, the first newer one, and the last newer one.
    read_from: Option<Call>,
    overwritten_by: Option<Call>,
    newest: Option<Call>,
}

/// Judges a history of registers.
pub fn staleness(history: &History, rules: &Rules, bounds: Bounds) -> Vec<Finding> {
    let mut calls = history.calls.clone();
    calls.sort_by_key(|call| call.key);
    let (mut unknown, mut lags) = (None, Vec::new());
    for object in calls.chunk_by(|one, other| one.key == other.key) {
        match on_object(history, object, rules.initial_value()) {
            Ok(of_object) => lags.extend(of_object),
            Err(why) => unknown = unknown.or(Some(why)),
        }
    }
    let exercised = lags.len() as u64;
    let stale = lags.iter().filter(|lag| lag.versions > 0).count();
    let versions = lags.iter().max_by_key(|lag| lag.versions);
    let time = lags.iter().max_by_key(|lag| lag.time);
    let finding = |property, is_bounded: bool, broken: Option<Proof>, worst: String| {
        let ruling = match (&unknown, broken) {
            (_, Some(proof)) => Ruling::Violated(proof),
            (Some(why), None) => Ruling::Unknown(why.clone()),
            (None, None) if !is_bounded || exercised == 0 => Ruling::NotExercised,
            (None, None) => Ruling::Holds,
        };
        let bound = if is_bounded { "" } else { ", without a bound" };
        let worst = if stale == 0 { String::new() } else { format!(", at worst by {worst}") };
        let note = format!("{stale} of {exercised} reads stale{worst}{bound}");
        Finding { property, ruling, exercised, note }
    };
    let too_old = versions.filter(|lag| bounds.versions.is_some_and(|k| lag.versions >= k));
    let too_late = time.filter(|lag| bounds.time.is_some_and(|t| lag.time > t));
    vec![
        finding(
            STALENESS[0],
            bounds.versions.is_some(),
            too_old.map(|lag| proof(history, lag)),
            count_versions(versions.map_or(0, |lag| lag.versions)),
        ),
        finding(
            STALENESS[1],
            bounds.time.is_some(),
            too_late.map(|lag| proof(history, lag)),
            format!("{}", time.map_or(Duration::ZERO, |lag| lag.time)),
        ),
    ]
}

fn made(call: &Call) -> Option<Value> {
    match call.action {
        Action::Write(value) | Action::Cas { new: value, .. } => Some(value),
        _ => None,
    }
}

fn seen(call: &Call) -> Option<Value> {
    match call.action {
        Action::Read(Seen::One(value)) | Action::Cas { expected: value, .. } => {
            call.ended.map(|_| value)
        }
        _ => None,
    }
}

/// A version: its write, and from when on it is in place for certain.
#[derive(Clone, Copy)]
struct Version {
    value: Value,
    write: Option<usize>,
    in_place: Option<u32>,
}

/// The lags of the reads of one register that began when some write had ended.
fn on_object(history: &History, calls: &[Call], initial: Value) -> Result<Vec<Lag>, String> {
    let versions = versions(history, calls, initial)?;
    // Finished writes by their invocations, and behind each the first end from there on.
    let mut writes: Vec<usize> = (0..calls.len())
        .filter(|&call| made(&calls[call]).is_some() && calls[call].ended.is_some())
        .collect();
    writes.sort_by_key(|&call| calls[call].invoked.rank);
    let mut first_ends = vec![usize::MAX; writes.len() + 1];
    for place in (0..writes.len()).rev() {
        let later = first_ends[place + 1];
        let is_sooner =
            later == usize::MAX || calls[writes[place]].end_rank() < calls[later].end_rank();
        first_ends[place] = if is_sooner { writes[place] } else { later };
    }
    let mut by_end: Vec<usize> = (0..writes.len()).collect();
    by_end.sort_by_key(|&place| calls[writes[place]].end_rank());
    let mut reads: Vec<usize> =
        (0..calls.len()).filter(|&call| seen(&calls[call]).is_some()).collect();
    reads.sort_by_key(|&call| calls[call].invoked.rank);
    let (mut ended, mut next) = (Counts::new(writes.len()), by_end.into_iter().peekable());
    let (mut lags, mut newest) = (Vec::new(), None);
    for read in reads {
        let began = calls[read].invoked;
        while let Some(place) = next.next_if(|&place| calls[writes[place]].end_rank() < began.rank)
        {
            ended.add(place);
            newest = Some(writes[place]);
        }
        if newest.is_none() {
            continue;
        }
        let value = seen(&calls[read]).expect("reads have seen something");
        let version = find(&versions, value).filter(|version| version.in_place.is_some());
        let version = version.expect("a version that was read is in place at some time");
        let in_place = version.in_place.expect("as above");
        // Every write is newer than the initial version, the one of the first moment too.
        let is_older =
            |&write: &usize| version.write.is_some() && calls[write].invoked.rank <= in_place;
        let from = writes.partition_point(is_older);
        let behind = ended.from(from);
        let overwritten_by = Some(first_ends[from]).filter(|_| behind > 0);
        let since = overwritten_by.and_then(|write| calls[write].ended);
        lags.push(Lag {
            versions: behind,
            time: since.map_or(Duration::ZERO, |since| began.at.saturating_since(since.at)),
            read: calls[read],
            read_from: version.write.map(|write| calls[write]),
            overwritten_by: overwritten_by.map(|write| calls[write]),
            newest: newest.filter(|_| behind > 0).map(|write| calls[write]),
        });
    }
    Ok(lags)
}

fn find(versions: &[Version], value: Value) -> Option<Version> {
    let place = versions.binary_search_by_key(&value, |version| version.value).ok()?;
    Some(versions[place])
}

fn versions(history: &History, calls: &[Call], initial: Value) -> Result<Vec<Version>, String> {
    let writes = calls.iter().enumerate().filter_map(|(place, call)| {
        made(call).map(|value| Version {
            value,
            write: Some(place),
            in_place: call.ended.map(|ended| ended.rank),
        })
    });
    let first = Version { value: initial, write: None, in_place: Some(0) };
    let mut versions: Vec<Version> = writes.chain([first]).collect();
    versions.sort_by_key(|version| version.value);
    let object = || key_name(history, calls[0].key);
    if let Some(twice) = versions.windows(2).find(|two| two[0].value == two[1].value) {
        let value = history.names.text(twice[0].value);
        return Err(format!("{value} is written to {} more than once", object()));
    }
    for call in calls {
        let Some(value) = seen(call) else { continue };
        let Ok(place) = versions.binary_search_by_key(&value, |version| version.value) else {
            let value = history.names.text(value);
            return Err(format!("{value} was read from {} and nobody wrote it", object()));
        };
        let in_place = versions[place].in_place.unwrap_or(u32::MAX);
        versions[place].in_place = Some(in_place.min(call.end_rank()));
    }
    Ok(versions)
}

fn proof(history: &History, lag: &Lag) -> Proof {
    let mut calls = vec![lag.read];
    let others = [lag.read_from, lag.overwritten_by, lag.newest];
    calls.extend(others.into_iter().flatten());
    calls.sort_by_key(|call| call.invoked.rank);
    calls.dedup();
    let since = lag.overwritten_by.and_then(|call| call.ended).map_or(Time::ZERO, |ended| ended.at);
    // A client may ask again in the instant in which somebody else was answered.
    let before = match lag.time {
        Duration::ZERO => "in the instant in which the call began".to_owned(),
        time => format!("{time} before the call began"),
    };
    let sentence = format!(
        "{} was answered `{}` on {} at {}, {} behind; that was overwritten at {since}, {before}",
        history.whose.name(lag.read.process),
        history.words(lag.read.action),
        key_name(history, lag.read.key),
        lag.read.ended.map_or(lag.read.invoked.at, |ended| ended.at),
        count_versions(lag.versions),
    );
    let newest = lag.newest.and_then(|write| made(&write));
    let legal = newest.map(|value| history.words(Action::Read(Seen::One(value))));
    Proof { sentence, calls, context: Vec::new(), legal: legal.into_iter().collect() }
}

fn count_versions(number: u64) -> String {
    format!("{number} version{}", if number == 1 { "" } else { "s" })
}

/// How many places of a row are marked, from any place on: a tree of sums.
struct Counts {
    sums: Vec<u64>,
    marked: u64,
}

impl Counts {
    fn new(places: usize) -> Self {
        Self { sums: vec![0; places + 1], marked: 0 }
    }

    fn add(&mut self, place: usize) {
        self.marked += 1;
        let mut at = place + 1;
        while at < self.sums.len() {
            self.sums[at] += 1;
            at += at & at.wrapping_neg();
        }
    }

    /// The marked places from this one on.
    fn from(&self, place: usize) -> u64 {
        let (mut before, mut at) = (0, place);
        while at > 0 {
            before += self.sums[at];
            at &= at - 1;
        }
        self.marked - before
    }
}
