//! All histories up to a small size: what the judge says, the definition says.
//!
//! ```text
//!   overlaps of n calls, each ended or open  ×  words from an alphabet  ──▶  judge = definition
//!                                              and of a proof: illegal by itself, nothing to spare,
//!                                              and what it calls legal instead is
//! ```
//!
//! The number of histories is part of each test, so that a generator that went silent would show.

use crate::naive::{
    Op, What, history, is_linearizable, keeps_guarantee, list_keeps_guarantee, op_of, rules,
    worst_lag,
};
use splitbrain::{
    base::time::Duration,
    checkers::history::{
        self as judges, Bounds, Model, Proof, Ruling, linearizable, sessions, staleness,
    },
};

/// All ways in which `n` calls can overlap, in the order of their invocations: when each is invoked
/// and when it ends, or not at all.
pub(crate) fn overlaps(n: usize) -> Vec<Vec<(u64, Option<u64>)>> {
    fn go(
        n: usize,
        now: u64,
        calls: &mut Vec<(u64, Option<u64>)>,
        never: &mut Vec<bool>,
        all: &mut Vec<Vec<(u64, Option<u64>)>>,
    ) {
        let waits = |place: usize| calls[place].1.is_none() && !never[place];
        if calls.len() == n && !(0..n).any(waits) {
            all.push(calls.clone());
        }
        for place in 0..calls.len() {
            if calls[place].1.is_none() && !never[place] {
                calls[place].1 = Some(now);
                go(n, now + 1, calls, never, all);
                calls[place].1 = None;
            }
        }
        if calls.len() < n {
            for open in [false, true] {
                calls.push((now, None));
                never.push(open);
                go(n, now + 1, calls, never, all);
                calls.pop();
                never.pop();
            }
        }
    }
    let mut all = Vec::new();
    go(n, 1, &mut Vec::new(), &mut Vec::new(), &mut all);
    all
}

/// All words of a length over an alphabet.
fn words(alphabet: &[What], length: usize, visit: &mut impl FnMut(&[What])) {
    let mut places = vec![0; length];
    loop {
        let word: Vec<What> = places.iter().map(|&place| alphabet[place].clone()).collect();
        visit(&word);
        let Some(next) = places.iter().rposition(|&place| place + 1 < alphabet.len()) else {
            return;
        };
        places[next] += 1;
        places[next + 1..].fill(0);
    }
}

/// Judges every history of so many calls; gives how many there were and how many are illegal.
fn compare(model: Model, alphabet: &[What], calls: usize) -> (u64, u64) {
    let overlaps = overlaps(calls);
    let (mut count, mut illegal) = (0, 0);
    words(alphabet, calls, &mut |word| {
        for overlap in &overlaps {
            let timed = word.iter().zip(overlap).zip(0..);
            let ops: Vec<Op> = timed
                .map(|((what, &(invoked, ended)), process)| {
                    let what = if ended.is_some() { what.clone() } else { what.unanswered() };
                    Op { process, invoked, ended, what }
                })
                .collect();
            let is_legal = is_linearizable(&ops);
            count += 1;
            illegal += u64::from(!is_legal);
            check(model, &ops, is_legal);
        }
    });
    (count, illegal)
}

/// The judge agrees, and its proof stands.
#[track_caller]
pub(crate) fn check(model: Model, ops: &[Op], is_legal: bool) {
    let (history, rules) = (history(ops), rules(model));
    let finding = linearizable(&history, &rules);
    assert_eq!(judges::is_linearizable(&history, &rules), Some(is_legal), "{ops:#?}");
    match finding.ruling {
        Ruling::Holds | Ruling::NotExercised => assert!(is_legal, "judged legal: {ops:#?}"),
        Ruling::Violated(proof) => {
            assert!(!is_legal, "judged illegal: {ops:#?}");
            stands(ops, &proof);
        }
        Ruling::Unknown(why) => panic!("{why}: {ops:#?}"),
    }
}

/// The calls of a proof are illegal, and not without any of them.
fn stands(ops: &[Op], proof: &Proof) {
    let mut part: Vec<Op> = proof.calls.iter().map(|call| op_of(ops, call).clone()).collect();
    let kept = part.len();
    for call in &proof.context {
        let op = op_of(ops, call);
        part.push(Op { ended: None, what: op.what.unanswered(), ..op.clone() });
    }
    assert!(!is_linearizable(&part), "the proof is legal: {proof:#?} of {ops:#?}");
    for spared in 0..kept {
        let mut less = part.clone();
        if less[spared].what.is_observer() {
            less.remove(spared);
        } else {
            less[spared].ended = None;
            less[spared].what = less[spared].what.unanswered();
        }
        assert!(is_linearizable(&less), "call {spared} can be spared: {proof:#?} of {ops:#?}");
    }
    let last = proof.calls.iter().max_by_key(|call| call.end_rank()).expect("a proof has calls");
    let last = op_of(ops, last);
    let end = last.ended.expect("the last call has ended");
    for legal in &proof.legal {
        let Some(seen) =
            legal.strip_prefix("read -> ").filter(|_| matches!(last.what, What::Read(_)))
        else {
            continue;
        };
        let begun = ops.iter().filter(|op| op.invoked < end).map(|op| Op {
            ended: op.ended.filter(|ended| *ended <= end),
            what: if op == last { What::Read(seen.parse().ok()) } else { op.what.clone() },
            ..op.clone()
        });
        let begun: Vec<Op> = begun
            .map(|op| match op.ended {
                Some(_) => op,
                None => Op { what: op.what.unanswered(), ..op },
            })
            .filter(|op| op.ended.is_some() || !op.what.is_observer())
            .collect();
        assert!(is_linearizable(&begun), "{legal} is not legal: {proof:#?} of {ops:#?}");
    }
}

#[test]
fn registers_with_unique_values_are_judged_like_the_definition_says() {
    let alphabet = [
        What::Write(1),
        What::Write(2),
        What::Read(None),
        What::Read(Some(1)),
        What::Read(Some(2)),
    ];
    for calls in 1..=4 {
        let (count, illegal) = compare(Model::Register, &alphabet, calls);
        println!("{count} histories of {calls} calls, {illegal} illegal");
        assert!(illegal > 0 && count > illegal);
    }
}

#[test]
fn compare_and_set_registers_are_judged_like_the_definition_says() {
    let alphabet = [
        What::Write(1),
        What::Read(None),
        What::Read(Some(1)),
        What::Read(Some(2)),
        What::Cas(None, 2),
        What::Cas(Some(1), 2),
        What::Cas(Some(2), 1),
        What::Mismatch(Some(1)),
    ];
    for calls in 1..=3 {
        let (count, illegal) = compare(Model::CasRegister, &alphabet, calls);
        assert!(illegal > 0 && count > illegal);
    }
}

#[test]
fn growing_lists_are_judged_like_the_definition_says() {
    let alphabet = [
        What::Append(1),
        What::Append(2),
        What::ReadList(vec![]),
        What::ReadList(vec![1]),
        What::ReadList(vec![1, 2]),
        What::ReadList(vec![2, 1]),
        What::ReadList(vec![1, 1]),
        What::Replace(vec![2]),
        What::Replace(vec![]),
    ];
    for calls in 1..=3 {
        let (count, illegal) = compare(Model::KvAppend, &alphabet, calls);
        assert!(illegal > 0 && count > illegal);
    }
    let (count, illegal) = compare(Model::KvAppend, &alphabet[..6], 4);
    assert!(illegal > 0 && count > illegal);
}

#[test]
fn sets_are_judged_like_the_definition_says() {
    let alphabet = [
        What::Add(1),
        What::Remove(1),
        What::Contains(1, true),
        What::Contains(1, false),
        What::ReadSet(vec![]),
        What::ReadSet(vec![1]),
        What::Add(2),
        What::ReadSet(vec![2, 1]),
    ];
    for calls in 1..=3 {
        let (count, illegal) = compare(Model::Set, &alphabet, calls);
        assert!(illegal > 0 && count > illegal);
    }
    let (count, illegal) = compare(Model::Set, &alphabet[..4], 4);
    assert!(illegal > 0 && count > illegal);
}

#[test]
fn queues_are_judged_like_the_definition_says() {
    let dequeue = |seen| What::Dequeue(Some(seen));
    let alphabet =
        [What::Enqueue(1), What::Enqueue(2), dequeue(None), dequeue(Some(1)), dequeue(Some(2))];
    for calls in 1..=4 {
        let (count, illegal) = compare(Model::Queue, &alphabet, calls);
        assert!(illegal > 0 && count > illegal);
    }
}

#[test]
fn stacks_are_judged_like_the_definition_says() {
    let pop = |seen| What::Pop(Some(seen));
    let alphabet = [What::Push(1), What::Push(2), pop(None), pop(Some(1)), pop(Some(2))];
    for calls in 1..=4 {
        let (count, illegal) = compare(Model::Stack, &alphabet, calls);
        assert!(illegal > 0 && count > illegal);
    }
}

#[test]
fn locks_are_judged_like_the_definition_says() {
    for calls in 1..=5 {
        let (count, illegal) = compare(Model::Mutex, &[What::Acquire, What::Release], calls);
        assert!(illegal > 0 && count > illegal);
    }
}

/// All histories of calls by two processes, of four or more calls those without open ones; the
/// n-th write writes n.
fn by_two(alphabet: &[What], calls: usize, visit: &mut impl FnMut(&[Op])) {
    let mut overlaps = overlaps(calls);
    if calls > 3 {
        overlaps.retain(|overlap| overlap.iter().all(|(_, ended)| ended.is_some()));
    }
    words(alphabet, calls, &mut |word| {
        let mut written = 0;
        let word: Vec<What> = word
            .iter()
            .map(|what| match what {
                What::Write(_) | What::Append(_) => {
                    written += 1;
                    match what {
                        What::Write(_) => What::Write(written),
                        _ => What::Append(written),
                    }
                }
                What::Cas(expected, _) => {
                    written += 1;
                    What::Cas(*expected, written)
                }
                other => other.clone(),
            })
            .collect();
        for overlap in &overlaps {
            for owners in 0..1_u32 << calls {
                let timed = word.iter().zip(overlap).zip(0..);
                let ops: Vec<Op> = timed
                    .map(|((what, &(invoked, ended)), place)| Op {
                        process: owners >> place & 1,
                        invoked,
                        ended,
                        what: what.clone(),
                    })
                    .collect();
                visit(&ops);
            }
        }
    });
}

#[test]
fn session_guarantees_of_registers_are_judged_like_the_definition_says() {
    let alphabet = [
        What::Write(0),
        What::Read(None),
        What::Read(Some(1)),
        What::Read(Some(2)),
        What::Cas(Some(1), 0),
    ];
    let mut broken = [0_u64; 4];
    for calls in 1..=4 {
        let alphabet = if calls == 4 { &alphabet[..4] } else { &alphabet[..] };
        by_two(alphabet, calls, &mut |ops| {
            let findings = sessions(&history(ops), &rules(Model::CasRegister));
            for (guarantee, finding) in findings.iter().enumerate() {
                let keeps = keeps_guarantee(ops, guarantee);
                broken[guarantee] += u64::from(!keeps);
                match &finding.ruling {
                    Ruling::Holds | Ruling::NotExercised => {
                        assert!(keeps, "{} of {ops:#?}", finding.property);
                    }
                    Ruling::Violated(proof) => {
                        assert!(!keeps, "{} of {ops:#?}", finding.property);
                        let part: Vec<Op> =
                            proof.calls.iter().map(|call| op_of(ops, call).clone()).collect();
                        assert!(!keeps_guarantee(&part, guarantee), "{proof:#?} of {ops:#?}");
                    }
                    Ruling::Unknown(why) => panic!("{why}: {ops:#?}"),
                }
            }
        });
    }
    assert!(broken.iter().all(|count| *count > 100), "{broken:?}");
}

#[test]
fn session_guarantees_of_lists_are_judged_like_the_definition_says() {
    let alphabet = [
        What::Append(0),
        What::ReadList(vec![]),
        What::ReadList(vec![1]),
        What::ReadList(vec![2]),
        What::ReadList(vec![1, 2]),
        What::ReadList(vec![2, 1]),
    ];
    let mut broken = [0_u64; 4];
    for calls in 1..=3 {
        by_two(&alphabet, calls, &mut |ops| {
            let findings = sessions(&history(ops), &rules(Model::KvAppend));
            for (guarantee, finding) in findings.iter().enumerate() {
                let keeps = list_keeps_guarantee(ops, guarantee);
                broken[guarantee] += u64::from(!keeps);
                let is_broken = matches!(finding.ruling, Ruling::Violated(_));
                assert_eq!(is_broken, !keeps, "{} of {ops:#?}", finding.property);
            }
        });
    }
    assert!(broken.iter().all(|count| *count > 10), "{broken:?}");
}

#[test]
fn staleness_is_counted_like_the_definition_says() {
    let alphabet = [What::Write(0), What::Read(None), What::Read(Some(1)), What::Read(Some(2))];
    let (mut compared, mut stale) = (0_u64, 0_u64);
    for calls in 1..=4 {
        by_two(&alphabet, calls, &mut |ops| {
            let written = ops.iter().filter(|op| matches!(op.what, What::Write(_))).count() as i64;
            let is_sound = |op: &Op| !matches!(op.what, What::Read(Some(seen)) if seen > written);
            if !ops.iter().all(is_sound) {
                return;
            }
            let (versions, time) = worst_lag(ops);
            compared += 1;
            stale += u64::from(versions > 0);
            let history = history(ops);
            let judged = |k: u64, t: u64| {
                let bounds = Bounds { versions: Some(k), time: Some(Duration::from_nanos(t)) };
                let findings = staleness(&history, &rules(Model::Register), bounds);
                let broken = |place: usize| matches!(findings[place].ruling, Ruling::Violated(_));
                (broken(0), broken(1))
            };
            assert_eq!(judged(versions + 1, time), (false, false), "{ops:#?}");
            let expected = (versions > 0, time > 0);
            assert_eq!(judged(versions.max(1), time.saturating_sub(1)), expected, "{ops:#?}");
        });
    }
    assert!(stale > 1_000 && compared > 2 * stale, "{stale} of {compared}");
}
