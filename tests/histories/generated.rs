//! Large histories, made up: what clients see of an object while their calls overlap.
//!
//! ```text
//!   intervals ──▶ a moment in each ──▶ effects in the order of the moments ──▶ answers: legal as made
//!                                                           spoil ──▶ one late answer is an old one
//! ```
//!
//! Tests count the work that they take, and benchmarks time it. A crate's generator was rejected:
//! these histories must stay what they are for as long as counts are compared.

use crate::naive::{Op, What};
use splitbrain::checkers::history::Model;

/// A small generator of numbers; not good, and the same everywhere.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// What the processes do.
pub(crate) struct Load {
    pub(crate) model: Model,
    pub(crate) processes: u64,
    pub(crate) calls: usize,
    pub(crate) values: u64,
    /// One in so many calls is never answered; 0 for none.
    pub(crate) unknown: u64,
}

/// A legal history: each call takes effect at a drawn moment of its interval.
pub(crate) fn legal_history(load: &Load, numbers: &mut Numbers) -> Vec<Op> {
    // First the intervals, then the effects in the order of their moments.
    let mut clocks = vec![0_u64; load.processes as usize];
    let mut ops: Vec<(u64, Op)> = Vec::new();
    for place in 0..load.calls {
        let process = place % clocks.len();
        let invoked = clocks[process] + 1 + numbers.below(20);
        let moment = invoked + 1 + numbers.below(40);
        let ended = moment + 1 + numbers.below(40);
        clocks[process] = ended;
        let is_unknown = load.unknown > 0 && numbers.below(load.unknown) == 0;
        // Unique moments: the place is in the last digits.
        let unique = |at: u64| at * 1_000_000 + place as u64;
        let op = Op {
            process: process as u32,
            invoked: unique(invoked),
            ended: (!is_unknown).then(|| unique(ended)),
            what: What::Acquire,
        };
        ops.push((unique(moment), op));
    }
    ops.sort_by_key(|(moment, _)| *moment);
    let (mut value, mut list) = (None, Vec::new());
    for (place, (_, op)) in ops.iter_mut().enumerate() {
        let number =
            if load.values == 0 { place as i64 } else { numbers.below(load.values) as i64 };
        op.what = effect(load.model, (numbers.below(10), number), &mut value, &mut list);
        if op.ended.is_none() {
            op.what = op.what.unanswered();
        }
    }
    ops.into_iter().map(|(_, op)| op).collect()
}

fn effect(
    model: Model,
    (choice, number): (u64, i64),
    value: &mut Option<i64>,
    list: &mut Vec<i64>,
) -> What {
    match model {
        Model::Register | Model::CasRegister if choice < 5 => What::Read(*value),
        Model::CasRegister if choice < 8 => What::Cas(value.replace(number), number),
        Model::Register | Model::CasRegister => {
            *value = Some(number);
            What::Write(number)
        }
        Model::KvAppend if choice < 5 => What::ReadList(list.clone()),
        Model::KvAppend => {
            list.push(number);
            What::Append(number)
        }
        Model::Set if choice < 2 => What::ReadSet(list.clone()),
        Model::Set if choice < 5 => What::Contains(number, list.contains(&number)),
        Model::Set if choice < 7 => {
            list.retain(|known| *known != number);
            What::Remove(number)
        }
        Model::Set => {
            list.retain(|known| *known != number);
            list.push(number);
            What::Add(number)
        }
        Model::Queue if choice < 5 => {
            What::Dequeue(Some((!list.is_empty()).then(|| list.remove(0))))
        }
        Model::Queue => {
            list.push(number);
            What::Enqueue(number)
        }
        Model::Stack if choice < 5 => What::Pop(Some(list.pop())),
        Model::Stack => {
            list.push(number);
            What::Push(number)
        }
        Model::Mutex if value.take().is_some() => What::Release,
        Model::Mutex => {
            *value = Some(1);
            What::Acquire
        }
    }
}

/// Changes one answer late in the history to one that some other call had.
pub(crate) fn spoil(ops: &mut [Op], numbers: &mut Numbers) {
    let observes = |op: &Op| {
        op.ended.is_some()
            && matches!(
                op.what,
                What::Read(_)
                    | What::Dequeue(Some(Some(_)))
                    | What::Pop(Some(Some(_)))
                    | What::Contains(..)
                    | What::ReadList(_)
            )
    };
    let late = ops.len() * 4 / 5;
    let Some(place) = (late..ops.len()).find(|&place| observes(&ops[place])) else { return };
    let early = ops[..ops.len() / 4].iter().filter(|op| {
        std::mem::discriminant(&op.what) == std::mem::discriminant(&ops[place].what) && observes(op)
    });
    let early: Vec<What> = early.map(|op| op.what.clone()).collect();
    if !early.is_empty() {
        ops[place].what = early[numbers.below(early.len() as u64) as usize].clone();
    }
    if let What::Contains(value, found) = ops[place].what {
        ops[place].what = What::Contains(value, !found);
    }
}

/// What five clients do to a register with five values while calls time out: a read, a write or a
/// compare-and-set each, one in five never answered, and a client that waited in vain is replaced.
pub(crate) fn history_with_timeouts(numbers: &mut Numbers, calls: u64) -> Vec<Op> {
    let mut clients: Vec<(u32, u64)> = (0..5).map(|process| (process, 0)).collect();
    let mut effects = Vec::new();
    for call in 0..calls {
        let client = (0..5).min_by_key(|&client| clients[client].1).expect("there are five");
        let (process, free) = clients[client];
        let unique = |at: u64| at * 1_000 + call;
        let (invoked, waits) = (free + 1 + numbers.below(20), 1 + numbers.below(15));
        let ended = (numbers.below(5) > 0).then(|| invoked + waits + 1 + numbers.below(15));
        clients[client] =
            ended.map_or((process + 5, invoked + waits + 100), |ended| (process, ended));
        let op =
            Op { process, invoked: unique(invoked), ended: ended.map(unique), what: What::Acquire };
        effects.push((unique(invoked + waits), op));
    }
    effects.sort_by_key(|(moment, _)| *moment);
    let mut value = None;
    for (_, op) in &mut effects {
        let (old, new) = (Some(numbers.below(5) as i64), numbers.below(5) as i64);
        let is_lost = op.ended.is_none() && numbers.below(2) == 0;
        op.what = match numbers.below(3) {
            0 => What::Read(value),
            1 => What::Write(new),
            _ if value == old || op.ended.is_none() => What::Cas(old, new),
            _ => What::Mismatch(old),
        };
        match op.what {
            What::Write(new) if !is_lost => value = Some(new),
            What::Cas(old, new) if !is_lost && value == old => value = Some(new),
            _ => {}
        }
    }
    effects.into_iter().map(|(_, op)| op).collect()
}
