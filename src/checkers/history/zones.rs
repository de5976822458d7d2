//! Registers whose values are written once: legal or not in the time it takes to sort.
//!
//! ```text
//!   write 1   ├────┤                        cluster of 1: its write and all its reads
//!   read→1          ├───┤    ├────┤         zone of 1:    from the first end to the last invocation
//!                  ▐█████████▌
//!
//!   forward zone ▐███▌  the first end comes first: the value stood there all the while
//!   backward zone ▐░░▌  the last invocation comes first: one moment within is enough
//! ```
//!
//! Source: Gibbons & Korach 1997, Testing shared memories. With reads that say which write they
//! saw, a history is linearizable if and only if no read ends before its write begins or saw what
//! was never written, no two forward zones overlap, and no backward zone lies within a forward
//! one. The initial value is a write before everything. A write of which nobody knows whether it
//! happened counts if it was read, and then its end is the end of time.
//!
//! Limits: reads and writes only, and every value at most once, the initial one included.

use super::calls::{Action, Call, Seen, Value};

/// What the zones say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Zones {
    /// There is a legal order.
    Legal,
    /// There is none, because of these calls; at most six.
    Illegal(Vec<usize>),
    /// A value is written twice, or there are other calls than reads and writes.
    NotUnique,
}

/// A moment that is before all ranks, or behind them, or a rank.
type Point = i64;

const BEFORE_ALL: Point = -1;

/// A value's write and reads.
#[derive(Clone, Copy, Debug)]
struct Cluster {
    first_end: Point,
    first_to_end: Option<usize>,
    last_invoked: Point,
    last_to_invoke: Option<usize>,
    write: Option<usize>,
}

impl Cluster {
    fn is_forward(&self) -> bool {
        self.first_end < self.last_invoked
    }

    /// The calls that make the zone what it is.
    fn calls(&self) -> impl Iterator<Item = usize> {
        [self.write, self.first_to_end, self.last_to_invoke].into_iter().flatten()
    }
}

/// Judges reads and writes of one register.
pub(super) fn judge(calls: &[Call], initial: Value) -> Zones {
    let mut accesses: Vec<(Value, bool, u32)> = Vec::with_capacity(calls.len());
    for (call, place) in calls.iter().zip(0..) {
        match call.action {
            Action::Write(value) => accesses.push((value, false, place)),
            Action::Read(Seen::One(value)) if call.ended.is_some() => {
                accesses.push((value, true, place));
            }
            Action::Read(_) => {}
            _ => return Zones::NotUnique,
        }
    }
    accesses.sort_unstable();
    if !are_unique(&accesses, initial) {
        return Zones::NotUnique;
    }
    let mut clusters = Vec::new();
    for of_value in accesses.chunk_by(|one, other| one.0 == other.0) {
        match cluster(calls, of_value, initial) {
            Ok(cluster) => clusters.extend(cluster),
            Err(illegal) => return Zones::Illegal(illegal),
        }
    }
    conflict(&mut clusters).map_or(Zones::Legal, Zones::Illegal)
}

fn are_unique(accesses: &[(Value, bool, u32)], initial: Value) -> bool {
    let is_second = |two: &[(Value, bool, u32)]| two[0].0 == two[1].0 && !two[0].1 && !two[1].1;
    let rewrites = |access: &(Value, bool, u32)| access.0 == initial && !access.1;
    !accesses.windows(2).any(is_second) && !accesses.iter().any(rewrites)
}

/// The cluster of one value's accesses, the write first; `None` if it need not have happened.
fn cluster(
    calls: &[Call],
    accesses: &[(Value, bool, u32)],
    initial: Value,
) -> Result<Option<Cluster>, Vec<usize>> {
    let (value, first_reads, first) = accesses[0];
    let write = (!first_reads).then_some(first as usize);
    let reads = || accesses[usize::from(write.is_some())..].iter().map(|read| read.2 as usize);
    let end = |call: usize| calls[call].ended.map_or(Point::MAX, |ended| ended.rank.into());
    let invoked = |call: usize| Point::from(calls[call].invoked.rank);
    if write.is_none() && value != initial {
        return Err(vec![first as usize]);
    }
    if let Some(write) = write {
        if let Some(read) = reads().find(|&read| end(read) < invoked(write)) {
            return Err(vec![write, read]);
        }
        if calls[write].ended.is_none() && reads().next().is_none() {
            return Ok(None);
        }
    }
    let first_read = reads().min_by_key(|&read| end(read));
    let last_read = reads().max_by_key(|&read| invoked(read));
    let mut cluster = Cluster {
        first_end: write.map_or(BEFORE_ALL, end),
        first_to_end: None,
        last_invoked: write.map_or(BEFORE_ALL, invoked),
        last_to_invoke: None,
        write,
    };
    if let Some(read) = first_read.filter(|&read| end(read) < cluster.first_end) {
        (cluster.first_end, cluster.first_to_end) = (end(read), Some(read));
    }
    if let Some(read) = last_read.filter(|&read| invoked(read) > cluster.last_invoked) {
        (cluster.last_invoked, cluster.last_to_invoke) = (invoked(read), Some(read));
    }
    Ok(Some(cluster))
}

/// Two zones that cannot both be.
fn conflict(clusters: &mut [Cluster]) -> Option<Vec<usize>> {
    clusters.sort_unstable_by_key(|cluster| cluster.first_end.min(cluster.last_invoked));
    let both = |one: &Cluster, other: &Cluster| {
        let mut calls: Vec<usize> = one.calls().chain(other.calls()).collect();
        calls.sort_unstable();
        calls.dedup();
        calls
    };
    let mut forward: Option<&Cluster> = None;
    for cluster in &*clusters {
        // Zones come by their left ends, so only the latest forward one can reach this far.
        // The same comparison tells of a forward zone that it overlaps, and of a backward zone that
        // it lies within.
        if let Some(before) = forward
            && cluster.first_end < before.last_invoked
        {
            return Some(both(before, cluster));
        }
        if cluster.is_forward() {
            forward = Some(cluster);
        }
    }
    None
}
