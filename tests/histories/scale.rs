//! Large histories, and how much work they take: gates count configurations, times are printed.
//!
//! ```text
//!   unique register   100,000 calls of 20 processes           no search at all
//!   hard              300 calls of 10 … 30 processes, equal values, unknown calls, legal and not
//!   timeouts          103 histories of five clients, 90 calls each, every fifth call unknown
//!   limits            a history made to blow the search: unknown, in bounded room
//! ```

use crate::naive::{Op, What, history, rules};
use splitbrain::checkers::history::{Model, Rules, Ruling, linearizable};
use std::time::Instant;

/// A small generator of numbers; not good, and the same everywhere.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// What the processes do.
struct Load {
    model: Model,
    processes: u64,
    calls: usize,
    values: u64,
    /// One in so many calls is never answered; 0 for none.
    unknown: u64,
}

/// A legal history: each call takes effect at a drawn moment of its interval.
fn legal_history(load: &Load, numbers: &mut Numbers) -> Vec<Op> {
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
fn spoil(ops: &mut [Op], numbers: &mut Numbers) {
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

#[test]
fn a_hundred_thousand_calls_on_a_register_with_unique_values_need_no_search() {
    let mut numbers = Numbers(1);
    let load =
        Load { model: Model::Register, processes: 20, calls: 100_000, values: 0, unknown: 50 };
    let mut ops = legal_history(&load, &mut numbers);
    // A search that may not meet a single configuration would give up.
    let rules = Rules { states_max: 0, ..rules(Model::Register) };
    for (is_legal, name) in [(true, "legal"), (false, "illegal")] {
        if !is_legal {
            spoil(&mut ops, &mut numbers);
        }
        let history = history(&ops);
        let start = Instant::now();
        let finding = linearizable(&history, &rules);
        println!("100,000 calls, {name}: {:?}", start.elapsed());
        match finding.ruling {
            Ruling::Holds => assert!(is_legal),
            Ruling::Violated(proof) => {
                assert!(!is_legal && proof.calls.len() <= 6, "{proof:#?}");
            }
            other => panic!("{other:?}"),
        }
    }
}

/// What five clients do to a register with five values while calls time out: a read, a write or a
/// compare-and-set each, one in five never answered, and a client that waited in vain is replaced.
fn history_with_timeouts(numbers: &mut Numbers, calls: u64) -> Vec<Op> {
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

#[test]
fn histories_full_of_timeouts_are_judged_within_few_configurations() {
    const COUNT: u64 = 103;
    let mut all = Vec::new();
    for seed in 0..COUNT {
        let mut numbers = Numbers(seed);
        let mut ops = history_with_timeouts(&mut numbers, 90);
        if seed % 2 == 1 {
            spoil(&mut ops, &mut numbers);
        }
        all.push(history(&ops));
    }
    let rules = rules(Model::CasRegister);
    let start = Instant::now();
    let rulings: Vec<_> = all.iter().map(|one| linearizable(one, &rules).ruling).collect();
    let took = start.elapsed();
    let illegal = rulings.iter().filter(|ruling| matches!(ruling, Ruling::Violated(_))).count();
    let worst = all.iter().map(|one| least_limit(one, Model::CasRegister).unwrap_or(LIMIT));
    let worst = worst.max().expect("there are some");
    println!("{COUNT} histories with timeouts, {illegal} illegal: {took:?}, worst {worst}");
    for (seed, ruling) in rulings.iter().enumerate() {
        assert!(!matches!(ruling, Ruling::Unknown(_)), "{seed}");
        assert!(seed % 2 == 1 || matches!(ruling, Ruling::Holds), "{seed}: legal as made");
    }
    assert!(illegal >= 10, "{illegal}");
    assert!(worst <= 1 << 14, "{worst}");
}

#[test]
fn hard_histories_are_judged_within_few_configurations() {
    for (model, processes, values, unknown) in [
        (Model::Register, 30, 5, 20),
        (Model::CasRegister, 20, 5, 20),
        (Model::CasRegister, 30, 0, 10),
        (Model::KvAppend, 20, 0, 20),
        (Model::Set, 10, 30, 20),
        (Model::Queue, 12, 0, 0),
        (Model::Stack, 8, 0, 0),
        (Model::Mutex, 20, 0, 20),
    ] {
        for is_spoilt in [false, true] {
            let (mut met, mut worst, mut unknowns) = (0_u64, 0_u64, 0);
            let start = Instant::now();
            for seed in 0..20 {
                let mut numbers = Numbers(seed);
                let mut ops = legal_history(
                    &Load { model, processes, calls: 300, values, unknown },
                    &mut numbers,
                );
                if is_spoilt {
                    spoil(&mut ops, &mut numbers);
                }
                let history = history(&ops);
                let limit = least_limit(&history, model);
                unknowns += u64::from(limit.is_none());
                met += limit.unwrap_or(LIMIT);
                worst = worst.max(limit.unwrap_or(LIMIT));
            }
            let name = if is_spoilt { "spoilt" } else { "legal" };
            println!(
                "{:12} {processes} processes {name}: about {} configurations, worst {worst}, \
                 {unknowns} of 20 unknown, {:?} in all",
                model.name(),
                met / 20,
                start.elapsed()
            );
            assert_eq!(unknowns, 0);
        }
    }
}

const LIMIT: u64 = 1 << 20;

/// The least power of two that is enough for a verdict.
fn least_limit(
    history: &splitbrain::checkers::history::calls::History,
    model: Model,
) -> Option<u64> {
    let limits = (6..=20).map(|power| 1 << power);
    limits.into_iter().find(|&states_max| {
        let rules = Rules { states_max, ..rules(model) };
        !matches!(linearizable(history, &rules).ruling, Ruling::Unknown(_))
    })
}

#[test]
fn a_history_that_blows_the_search_is_unknown() {
    // Thirty values are appended at once; what is read then holds one of them twice. That a list is
    // written as a whole keeps the judge from knowing what must come when.
    let op = |process, (invoked, ended), what| Op { process, invoked, ended: Some(ended), what };
    let mut ops = vec![op(0, (0, 1), What::Replace(vec![]))];
    for value in 0..30_u32 {
        let span = (10 + u64::from(value), 100 + u64::from(value));
        ops.push(op(1 + value, span, What::Append(value.into())));
    }
    let read = (0..29).chain([0]).collect();
    ops.push(op(0, (200, 201), What::ReadList(read)));
    let rules = Rules { states_max: 10_000, ..rules(Model::KvAppend) };
    match linearizable(&history(&ops), &rules).ruling {
        Ruling::Unknown(why) => assert!(why.contains("10000"), "{why}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn unknown_calls_that_nobody_sees_cost_no_configurations() {
    let op = |process, (invoked, ended), what| Op { process, invoked, ended, what };
    let unknown = |what: fn(i64) -> What| {
        (0..20).map(move |number| op(10 + number as u32, (number, None), what(100 + number as i64)))
    };
    let list = [
        op(0, (30, Some(31)), What::Replace(vec![1])),
        op(0, (32, Some(33)), What::ReadList(vec![2])),
    ];
    let queue = [
        op(0, (30, Some(31)), What::Enqueue(1)),
        op(1, (32, None), What::Dequeue(None)),
        op(0, (33, Some(34)), What::Dequeue(Some(Some(2)))),
    ];
    for (model, what, seen) in [
        (Model::KvAppend, What::Append as fn(i64) -> What, &list[..]),
        (Model::KvAppend, |number| What::Replace(vec![number]), &list),
        (Model::Queue, What::Enqueue, &queue),
    ] {
        let ops: Vec<Op> = unknown(what).chain(seen.iter().cloned()).collect();
        let limit = least_limit(&history(&ops), model);
        assert_eq!(limit, Some(64), "{model:?}");
    }
}

#[test]
fn a_set_that_is_never_read_whole_is_as_many_searches_as_it_has_elements() {
    // Forty elements are added at once, and one that nobody added is there.
    let op = |process, (invoked, ended), what| Op { process, invoked, ended: Some(ended), what };
    let mut ops: Vec<Op> = (0..40)
        .map(|number| op(number as u32, (number as u64, 100 + number as u64), What::Add(number)))
        .collect();
    ops.push(op(50, (50, 90), What::Contains(99, true)));
    assert_eq!(least_limit(&history(&ops), Model::Set), Some(64));
    ops.push(op(51, (51, 91), What::ReadSet(vec![3])));
    assert_eq!(least_limit(&history(&ops), Model::Set), Some(64), "split to be found illegal");
}
