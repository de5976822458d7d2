//! Large histories, and how much work they take: gates count configurations, times are printed.
//!
//! ```text
//!   unique register   100,000 calls of 20 processes           no search at all
//!   hard              300 calls of 10 … 30 processes, equal values, unknown calls, legal and not
//!   timeouts          103 histories of five clients, 90 calls each, every fifth call unknown
//!   limits            a history made to blow the search: unknown, in bounded room
//! ```

use crate::{
    generated::{Load, Numbers, history_with_timeouts, legal_history, spoil},
    naive::{Op, What, history, rules},
};
use splitbrain::checkers::history::{Model, Rules, Ruling, is_linearizable, linearizable};
use std::time::Instant;

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
    let history = history(&ops);
    assert_eq!(is_linearizable(&history, &rules), None);
    match linearizable(&history, &rules).ruling {
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
