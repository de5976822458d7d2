//! The shortest histories of each clause, legal and illegal in pairs that differ in one event, and
//! histories that others have published.
//!
//! ```text
//!   story("0: write 1 @0..10", "1: read 1 @5..20", …)      process: function values @ begin..end
//!   @5..   open: nobody knows
//! ```

use crate::naive::{Op, What, history, is_linearizable, rules};
use crate::small::check;
use splitbrain::{
    base::time::Duration,
    checkers::history::{Bounds, Model, Ruling, SESSIONS, linearizable, sessions, staleness},
};

/// A history in short: `0: write 1 @0..10`.
pub(crate) fn story(lines: &[&str]) -> Vec<Op> {
    let op = |line: &&str| {
        let (process, rest) = line.split_once(": ").expect("a process and a call");
        let (what, span) = rest.split_once(" @").expect("a call and its span");
        let (invoked, ended) = span.split_once("..").expect("a beginning and an end");
        let words: Vec<&str> = what.split(' ').collect();
        let number = |place: usize| words[place].parse::<i64>().expect("a number");
        let maybe = |place: usize| (words[place] != "null").then(|| number(place));
        let list = || words[1..].iter().map(|word| word.parse().expect("a number")).collect();
        let what = match words[0] {
            "read" => What::Read(maybe(1)),
            "write" => What::Write(number(1)),
            "cas" => What::Cas(maybe(1), number(2)),
            "mismatch" => What::Mismatch(maybe(1)),
            "list" => What::ReadList(list()),
            "replace" => What::Replace(list()),
            "append" => What::Append(number(1)),
            "add" => What::Add(number(1)),
            "remove" => What::Remove(number(1)),
            "has" => What::Contains(number(1), true),
            "lacks" => What::Contains(number(1), false),
            "set" => What::ReadSet(list()),
            "enqueue" => What::Enqueue(number(1)),
            "dequeue" if words[1] == "?" => What::Dequeue(None),
            "pop" if words[1] == "?" => What::Pop(None),
            "dequeue" => What::Dequeue(Some(maybe(1))),
            "push" => What::Push(number(1)),
            "pop" => What::Pop(Some(maybe(1))),
            "acquire" => What::Acquire,
            "release" => What::Release,
            other => panic!("{other}"),
        };
        let invoked = invoked.parse().expect("a moment");
        let ended = (!ended.is_empty()).then(|| ended.parse().expect("a moment"));
        Op { process: process.parse().expect("a number"), invoked, ended, what }
    };
    lines.iter().map(op).collect()
}

#[track_caller]
fn legal(model: Model, lines: &[&str]) {
    let ops = story(lines);
    assert!(is_linearizable(&ops), "the definition says otherwise");
    check(model, &ops, true);
}

/// The sentence of the proof.
#[track_caller]
fn illegal(model: Model, lines: &[&str]) -> String {
    let ops = story(lines);
    assert!(!is_linearizable(&ops), "the definition says otherwise");
    check(model, &ops, false);
    match linearizable(&history(&ops), &rules(model)).ruling {
        Ruling::Violated(proof) => proof.sentence,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_read_sees_the_last_write_or_one_that_overlaps_it() {
    let register = |seen: &str| {
        vec![
            "0: write 1 @0..10".to_owned(),
            "0: write 2 @20..30".into(),
            format!("1: read {seen} @25..40"),
        ]
    };
    let with = |seen: &str| register(seen).iter().map(String::as_str).collect::<Vec<_>>().join("|");
    for seen in ["1", "2"] {
        legal(Model::Register, &with(seen).split('|').collect::<Vec<_>>());
    }
    for seen in ["null", "7"] {
        illegal(Model::Register, &with(seen).split('|').collect::<Vec<_>>());
    }
    let sentence =
        illegal(Model::Register, &["0: write 1 @0..10", "0: write 2 @20..30", "1: read 1 @31..40"]);
    assert_eq!(
        sentence,
        "no order of the calls on the object explains that process 1 was answered `read -> 1` at \
         40ns; legal was read -> 2"
    );
}

#[test]
fn what_would_have_been_legal_is_told_of_every_kind_of_answer() {
    for (model, lines, legal) in [
        (Model::CasRegister, ["0: write 3 @0..5", "0: cas 1 2 @10..20"], "cas 3 -> 2"),
        (Model::KvAppend, ["0: append 1 @0..5", "0: list @10..20"], "read -> [1]"),
        (Model::Set, ["0: add 1 @0..5", "0: set @10..20"], "read -> [1]"),
        (Model::Set, ["0: add 1 @0..5", "0: lacks 1 @10..20"], "contains 1 -> true"),
        (Model::Queue, ["0: enqueue 1 @0..5", "0: dequeue 2 @10..20"], "dequeue -> 1"),
        (Model::Queue, ["0: enqueue 1 @6..", "0: dequeue 1 @0..5"], "dequeue -> null"),
        (Model::Stack, ["0: push 1 @0..5", "0: pop 2 @10..20"], "pop -> 1"),
    ] {
        let sentence = illegal(model, &lines);
        assert!(sentence.ends_with(&format!("; legal was {legal}")), "{sentence}, not {legal}");
    }
}

#[test]
fn who_took_something_may_have_taken_what_nobody_else_saw() {
    let queue = ["0: enqueue 9 @0..", "1: enqueue 1 @1..5", "2: dequeue ? @6..8"];
    legal(Model::Queue, &[&queue[..], &["2: dequeue 1 @9..12"]].concat());
    illegal(Model::Queue, &[&queue[1..], &["2: dequeue 1 @9..12"]].concat());
    let stack = ["1: push 1 @0..5", "0: push 9 @6..", "2: pop ? @7..8"];
    legal(Model::Stack, &[&stack[..], &["2: pop 1 @9..12"]].concat());
    illegal(Model::Stack, &["1: push 1 @0..5", "2: pop ? @7..8", "2: pop 1 @9..12"]);
}

#[test]
fn a_set_is_illegal_where_one_of_its_elements_is() {
    let before = ["0: add 1 @0..50", "1: add 2 @1..10", "2: remove 2 @20..30", "3: set 1 @31..60"];
    legal(Model::Set, &[&before[..], &["4: lacks 2 @40..45"]].concat());
    illegal(Model::Set, &[&before[..], &["4: has 2 @40..45"]].concat());
    // Each element by itself is legal here; the reads disagree on which came first.
    let both = ["0: add 1 @0..100", "1: add 2 @1..100", "2: set 1 @10..20"];
    legal(Model::Set, &[&both[..], &["3: set 1 2 @11..30"]].concat());
    illegal(Model::Set, &[&both[..], &["3: set 2 @11..30"]].concat());
}

#[test]
fn once_a_new_value_was_read_the_old_one_is_gone() {
    let before = ["0: write 1 @0..10", "0: write 2 @20..90", "1: read 2 @30..40"];
    legal(Model::Register, &[&before[..], &["2: read 1 @39..60"]].concat());
    illegal(Model::Register, &[&before[..], &["2: read 1 @41..60"]].concat());
}

#[test]
fn events_of_one_instant_overlap_but_not_those_of_one_process() {
    legal(Model::Register, &["0: write 1 @0..10", "1: read null @10..20"]);
    let own = story(&["0: write 1 @0..10", "0: read null @10..20"]);
    let ruling = linearizable(&history(&own), &rules(Model::Register)).ruling;
    assert!(matches!(ruling, Ruling::Violated(_)), "{ruling:?}");
    let twice = story(&["0: write 1 @5..10", "0: write 2 @10..10", "0: read 1 @10..10"]);
    let ruling = linearizable(&history(&twice), &rules(Model::Register)).ruling;
    assert!(matches!(ruling, Ruling::Violated(_)), "{ruling:?}");
}

#[test]
fn an_unknown_write_may_take_effect_late_but_not_before_it_was_asked_for() {
    legal(Model::Register, &["0: write 1 @0..", "1: read null @10..20", "1: read 1 @30..40"]);
    illegal(Model::Register, &["0: write 1 @0..", "1: read 1 @10..20", "1: read null @30..40"]);
    illegal(Model::Register, &["1: read 1 @0..5", "0: write 1 @6.."]);
}

#[test]
fn one_version_can_be_exchanged_only_once() {
    legal(Model::CasRegister, &["0: cas null 1 @0..10", "1: cas 1 2 @5..15"]);
    illegal(Model::CasRegister, &["0: cas null 1 @0..10", "1: cas null 2 @5..15"]);
    legal(Model::CasRegister, &["0: write 1 @0..10", "1: mismatch 1 @5..15"]);
    illegal(Model::CasRegister, &["0: write 1 @0..10", "1: mismatch 1 @11..15"]);
}

#[test]
fn lists_grow_in_one_order() {
    let appends = ["0: append 1 @0..10", "1: append 2 @5..15"];
    legal(
        Model::KvAppend,
        &[&appends[..], &["2: list 2 1 @20..30", "3: list 2 1 @40..50"]].concat(),
    );
    illegal(
        Model::KvAppend,
        &[&appends[..], &["2: list 2 1 @20..30", "3: list 1 2 @40..50"]].concat(),
    );
    illegal(Model::KvAppend, &[&appends[..], &["2: list 1 @20..30"]].concat());
    legal(Model::KvAppend, &["0: append 1 @0..10", "0: replace 5 @11..12", "0: list 5 @13..14"]);
}

#[test]
fn an_element_is_in_a_set_from_its_addition_to_its_removal() {
    legal(
        Model::Set,
        &["0: add 1 @0..10", "1: has 1 @5..6", "0: remove 1 @20..30", "1: lacks 1 @31..32"],
    );
    illegal(Model::Set, &["0: add 1 @0..10", "1: lacks 1 @11..12"]);
    legal(Model::Set, &["0: add 1 @0..10", "0: add 2 @11..12", "1: set 2 1 @13..14"]);
    illegal(Model::Set, &["0: add 1 @0..10", "0: add 2 @11..12", "1: set 2 @13..14"]);
    // The elements are looked at one by one only where no list is read.
    illegal(Model::Set, &["0: add 1 @0..10", "0: add 2 @11..30", "1: set 2 @13..14"]);
}

fn refs(lines: &[String]) -> Vec<&str> {
    lines.iter().map(String::as_str).collect()
}

#[test]
fn what_came_first_leaves_a_queue_first_and_a_stack_last() {
    let put = |word: &str| vec![format!("0: {word} 1 @0..10"), format!("0: {word} 2 @11..20")];
    let with = |put: Vec<String>, then: &str| [put, vec![then.to_owned()]].concat().join("|");
    let lines = |text: &str| text.split('|').map(str::to_owned).collect::<Vec<_>>();
    legal(Model::Queue, &refs(&lines(&with(put("enqueue"), "1: dequeue 1 @21..30"))));
    illegal(Model::Queue, &refs(&lines(&with(put("enqueue"), "1: dequeue 2 @21..30"))));
    illegal(Model::Queue, &refs(&lines(&with(put("enqueue"), "1: dequeue null @21..30"))));
    legal(Model::Stack, &refs(&lines(&with(put("push"), "1: pop 2 @21..30"))));
    illegal(Model::Stack, &refs(&lines(&with(put("push"), "1: pop 1 @21..30"))));
    illegal(Model::Stack, &refs(&lines(&with(put("push"), "1: pop null @21..30"))));
}

#[test]
fn a_lock_is_held_once_at_a_time() {
    legal(Model::Mutex, &["0: acquire @0..10", "0: release @11..30", "1: acquire @12..20"]);
    illegal(Model::Mutex, &["0: acquire @0..10", "0: release @21..30", "1: acquire @12..20"]);
    illegal(Model::Mutex, &["0: release @0..10"]);
}

/// Published: the register of Herlihy and Wing's figure 1 (a) and (c) as calls on a queue.
#[test]
fn the_queues_of_herlihy_and_wing_1990() {
    legal(
        Model::Queue,
        &[
            "0: enqueue 1 @0..20",
            "1: enqueue 2 @5..15",
            "1: dequeue 1 @25..40",
            "0: dequeue 2 @30..35",
            "0: enqueue 3 @45..50",
        ],
    );
    illegal(Model::Queue, &["0: enqueue 1 @0..10", "1: enqueue 2 @15..25", "0: dequeue 2 @30..40"]);
    legal(Model::Queue, &["0: enqueue 1 @0..30", "1: dequeue 1 @5..20"]);
    illegal(
        Model::Queue,
        &[
            "0: enqueue 1 @0..30",
            "1: enqueue 2 @5..20",
            "0: dequeue 2 @35..50",
            "1: dequeue 2 @40..60",
        ],
    );
}

/// Published: Attiya, Bar-Noy & Dolev 1995 read twice; without the write-back the second reader may
/// go back, which is Lamport's new/old inversion of 1986.
#[test]
fn a_reader_that_does_not_write_back_inverts_new_and_old() {
    let sentence = illegal(
        Model::Register,
        &["0: write 1 @0..100", "1: read 1 @10..20", "2: read null @30..40"],
    );
    assert!(sentence.contains("process 2 was answered `read -> null`"), "{sentence}");
    assert!(sentence.ends_with("legal was read -> 1"), "{sentence}");
}

#[track_caller]
fn guarantees(lines: &[&str], broken: [bool; 4]) {
    let findings = sessions(&history(&story(lines)), &rules(Model::CasRegister));
    let names: Vec<_> = findings.iter().map(|finding| finding.property).collect();
    assert_eq!(names, SESSIONS);
    let found: Vec<bool> =
        findings.iter().map(|finding| matches!(finding.ruling, Ruling::Violated(_))).collect();
    assert_eq!(found, broken, "{findings:#?}");
}

#[test]
fn each_session_guarantee_falls_by_itself_where_it_can() {
    guarantees(&["0: write 1 @0..10", "0: read 1 @11..20"], [false; 4]);
    guarantees(&["0: write 1 @0..10", "0: read null @11..20"], [true, false, false, false]);
    let versions = ["0: write 1 @0..10", "1: write 2 @11..20"];
    let reads = |one: &str, other: &str| {
        let reads = [format!("2: read {one} @30..40"), format!("2: read {other} @50..60")];
        let lines: Vec<String> = versions.iter().map(|v| (*v).to_owned()).chain(reads).collect();
        lines
    };
    let refs = |lines: &[String]| lines.join("|");
    let going = |one, other, broken| {
        guarantees(&refs(&reads(one, other)).split('|').collect::<Vec<_>>(), broken);
    };
    going("1", "2", [false; 4]);
    going("2", "1", [false, true, false, false]);
    // By one writer, and seen the other way round: either the reader went back, or the writes did.
    guarantees(
        &["0: write 1 @0..10", "0: write 2 @11..20", "2: read 2 @30..40", "2: read 1 @50..60"],
        [false, true, true, false],
    );
    guarantees(
        &[
            "0: write 1 @0..10",
            "1: read 1 @11..20",
            "1: write 2 @21..30",
            "2: read 2 @30..40",
            "2: read 1 @50..60",
        ],
        [false, true, false, true],
    );
    // Overlapping writes have no order in time: then the writes alone are to blame.
    guarantees(
        &[
            "0: write 1 @0..100",
            "1: read 1 @11..20",
            "1: write 2 @21..101",
            "2: read 2 @30..40",
            "2: read 1 @50..60",
        ],
        [false, false, false, true],
    );
}

#[test]
fn values_that_are_written_twice_leave_sessions_and_staleness_unknown() {
    let ops = story(&["0: write 1 @0..10", "1: write 1 @11..20", "0: read 1 @21..30"]);
    let all = sessions(&history(&ops), &rules(Model::Register)).into_iter();
    let all = all.chain(staleness(&history(&ops), &rules(Model::Register), Bounds::default()));
    for finding in all {
        assert!(matches!(finding.ruling, Ruling::Unknown(_)), "{finding:?}");
    }
}

#[test]
fn staleness_counts_versions_and_time() {
    let ops = story(&[
        "0: write 1 @0..10",
        "0: write 2 @20..30",
        "0: write 3 @40..50",
        "1: read 1 @60..70",
    ]);
    let judged = |versions, nanos| {
        let bounds = Bounds { versions: Some(versions), time: Some(Duration::from_nanos(nanos)) };
        let findings = staleness(&history(&ops), &rules(Model::Register), bounds);
        findings.into_iter().map(|finding| finding.ruling).collect::<Vec<_>>()
    };
    assert_eq!(judged(3, 30), [Ruling::Holds, Ruling::Holds]);
    let Ruling::Violated(proof) = &judged(2, 29)[0] else { panic!("2 versions behind") };
    assert_eq!(
        proof.sentence,
        "process 1 was answered `read -> 1` on the object at 70ns, 2 versions behind; that \
         was overwritten at 30ns, 30ns before the call began"
    );
    assert_eq!(proof.legal, ["read -> 3"]);
    assert!(matches!(judged(3, 29)[1], Ruling::Violated(_)));
}

#[test]
fn a_history_in_which_nothing_could_go_wrong_is_not_exercised() {
    for lines in [&[][..], &["0: write 1 @0..10"], &["0: read null @0..10"]] {
        let ruling = linearizable(&history(&story(lines)), &rules(Model::Register)).ruling;
        assert_eq!(ruling, Ruling::NotExercised);
        for finding in sessions(&history(&story(lines)), &rules(Model::Register)) {
            assert_eq!(finding.ruling, Ruling::NotExercised);
        }
    }
}
