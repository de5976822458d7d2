//! history.jsonl: what is read, what is refused and on which line, and what `judge` answers.
//!
//! ```text
//!   text ──read──▶ calls, or every mistake with its line
//!   file ──splitbrain judge──▶ exit code · screen · JSON · picture
//! ```

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use serde_json::Value as Json;
use splitbrain::checkers::history::{
    Model, Rules, Ruling, linearizable,
    lines::{CasFail, read},
};
use std::{fs, path::PathBuf, process::Command};

/// Lines with an index and a time of their own: `(process, type, f, value)`.
fn lines(events: &[(u32, &str, &str, &str)]) -> String {
    let line = |(index, (process, kind, f, value)): (usize, &(u32, &str, &str, &str))| {
        format!(
            "{{\"index\":{index},\"time\":{},\"process\":{process},\"type\":\"{kind}\",\
             \"f\":\"{f}\",\"key\":\"x\",\"value\":{value}}}\n",
            10 * index
        )
    };
    events.iter().enumerate().map(line).collect()
}

#[track_caller]
fn words(model: Model, events: &[(u32, &str, &str, &str)]) -> Vec<String> {
    let history = read(&lines(events), model, CasFail::Mismatch).unwrap();
    history.calls.iter().map(|call| history.words(call.action)).collect()
}

#[test]
fn every_function_of_every_model_is_read() {
    let pair = |f, asked, answered| [(0, "invoke", f, asked), (0, "ok", f, answered)];
    let cases = [
        (Model::Register, pair("read", "null", "7"), "read -> 7"),
        (Model::Register, pair("read", "null", "\"a\""), "read -> \"a\""),
        (Model::Register, pair("write", "true", "true"), "write true"),
        (Model::Register, pair("write", "7", "null"), "write 7"),
        (Model::CasRegister, pair("cas", "[1,2]", "[1,2]"), "cas 1 -> 2"),
        (Model::KvAppend, pair("append", "1", "1"), "append 1"),
        (Model::KvAppend, pair("read", "null", "[1,2]"), "read -> [1,2]"),
        (Model::KvAppend, pair("read", "null", "\"ab\""), "read -> [\"a\",\"b\"]"),
        (Model::KvAppend, pair("write", "[1]", "null"), "write [1]"),
        (Model::Set, pair("add", "1", "1"), "add 1"),
        (Model::Set, pair("remove", "1", "null"), "remove 1"),
        (Model::Set, pair("contains", "1", "true"), "contains 1 -> true"),
        (Model::Set, pair("read", "null", "[2,1]"), "read -> [2,1]"),
        (Model::Queue, pair("enqueue", "1", "1"), "enqueue 1"),
        (Model::Queue, pair("dequeue", "null", "1"), "dequeue -> 1"),
        (Model::Queue, pair("dequeue", "null", "null"), "dequeue -> null"),
        (Model::Stack, pair("push", "1", "1"), "push 1"),
        (Model::Stack, pair("pop", "null", "1"), "pop -> 1"),
        (Model::Mutex, pair("acquire", "null", "null"), "acquire"),
        (Model::Mutex, pair("release", "null", "null"), "release"),
    ];
    for (model, events, wanted) in cases {
        assert_eq!(words(model, &events), [wanted]);
    }
}

#[test]
fn what_failed_is_left_out_and_what_is_unknown_stays_open() {
    let events = [
        (0, "invoke", "write", "1"),
        (1, "invoke", "write", "2"),
        (2, "invoke", "write", "3"),
        (3, "invoke", "cas", "[1,2]"),
        (0, "fail", "write", "1"),
        (1, "info", "write", "2"),
        (3, "fail", "cas", "[1,2]"),
        (0, "invoke", "write", "4"),
    ];
    assert_eq!(
        words(Model::CasRegister, &events),
        ["write 2", "write 3", "cas 1: mismatch", "write 4"]
    );
    let history = read(&lines(&events), Model::CasRegister, CasFail::Unknown).unwrap();
    assert_eq!(history.calls.len(), 3);
    assert!(history.calls.iter().all(|call| call.ended.is_none()));
}

#[test]
fn what_a_failed_cas_says_is_for_the_reader_to_tell() {
    let events = [
        (0, "invoke", "write", "1"),
        (0, "ok", "write", "1"),
        (1, "invoke", "cas", "[1,2]"),
        (1, "fail", "cas", "[1,2]"),
    ];
    for (cas_fail, is_legal) in [(CasFail::Unknown, true), (CasFail::Mismatch, false)] {
        let history = read(&lines(&events), Model::CasRegister, cas_fail).unwrap();
        let ruling = linearizable(&history, &Rules::of(Model::CasRegister)).ruling;
        assert_eq!(!matches!(ruling, Ruling::Violated(_)), is_legal, "{ruling:?}");
    }
}

#[track_caller]
fn refused(model: Model, text: &str, wanted: &[(usize, &str)]) {
    let mistakes = read(text, model, CasFail::Unknown).unwrap_err();
    let told: Vec<_> = mistakes.iter().map(|m| (m.line, m.message.as_str())).collect();
    assert_eq!(told.len(), wanted.len(), "{told:#?}");
    for ((line, message), (wanted_line, part)) in told.iter().zip(wanted) {
        assert!(line == wanted_line && message.contains(part), "{line}: {message}, not {part}");
    }
}

#[test]
fn all_mistakes_are_told_at_once_with_their_lines() {
    let text = r#"
{"index":0,"time":0,"process":0,"type":"invoke","f":"write","key":"x","value":1}
{"index":0,"time":1,"process":1,"type":"invoke","f":"read","key":"x","value":null}
{"index":2,"time":2,"process":2,"type":"ok","f":"read","key":"x","value":1}
{"index":3,"time":3,"process":0,"type":"invoke","f":"read","key":"x","value":null}
{"index":4,"time":4,"process":3,"type":"invoke","f":"wriet","key":"x","value":1}
{"index":5,"time":5,"process":4,"type":"begin","f":"write","key":"x","value":1}
{"index":6,"time":2,"process":1,"type":"ok","f":"read","key":"y","value":[1]}
not json
{"time":9,"process":5,"type":"invoke","f":"write","key":"x","value":1}
"#;
    refused(
        Model::Register,
        text,
        &[
            (3, "index 0 is that of line 2 already"),
            (4, "process 2 has no call open that this could end"),
            (5, "process 0 has a call open since line 2"),
            (6, "did you mean `write`?"),
            (7, "`type` is \"begin\""),
            (8, "time goes back from 3 to 2"),
            (8, "`key` is another than in line 3"),
            (8, "read has a number"),
            (9, "this is no JSON"),
            (10, "`index` is missing"),
        ],
    );
}

#[test]
fn wrong_values_are_refused_by_type() {
    for (model, f, asked, answered, part) in [
        (Model::CasRegister, "cas", "1", "null", "[expected, new]"),
        (Model::CasRegister, "cas", "[1,[2]]", "null", "each part of a cas"),
        (Model::Register, "write", "[1]", "null", "write has a number"),
        (Model::Register, "write", "1", "2", "`value` is 2, and in line 1 1"),
        (Model::KvAppend, "read", "null", "7", "read has a list"),
        (Model::KvAppend, "append", "null", "null", "append has a `value`"),
        (Model::Set, "contains", "1", "1", "true or false"),
        (Model::Queue, "enqueue", "null", "null", "enqueue has a `value`"),
        (Model::Queue, "dequeue", "null", "[1]", "dequeue has a number"),
    ] {
        let text = lines(&[(0, "invoke", f, asked), (0, "ok", f, answered)]);
        let mistakes = read(&text, model, CasFail::Unknown).unwrap_err();
        assert!(mistakes[0].message.contains(part), "{mistakes:?}");
    }
    let text = r#"{"index":0,"time":0,"process":-1,"type":"invoke","f":"read","kye":"x"}"#;
    refused(Model::Register, text, &[(1, "did you mean `key`?"), (1, "`process` is a number")]);
}

#[test]
fn a_line_that_cannot_be_read_brings_no_mistakes_after_it() {
    let text =
        lines(&[(0, "invoke", "raed", "null"), (0, "ok", "read", "1"), (1, "ok", "read", "1")]);
    refused(Model::Register, &text, &[(1, "did you mean `read`?"), (3, "process 1 has no call")]);
}

#[test]
fn times_are_on_every_line_or_on_none_and_a_nemesis_is_skipped() {
    let untimed = r#"{"index":0,"process":0,"type":"invoke","f":"write","value":1}
{"index":1,"process":"nemesis","type":"info","f":"start","value":"partition"}
{"index":2,"process":0,"type":"ok","f":"write","value":1}
{"index":5,"process":0,"type":"invoke","f":"read"}"#;
    assert_eq!(read(untimed, Model::Register, CasFail::Unknown).unwrap().calls.len(), 2);
    let mixed = untimed.replace("{\"index\":5,", "{\"index\":5,\"time\":3,");
    refused(Model::Register, &mixed, &[(4, "lines before have no `time`")]);
}

#[test]
fn lines_ascend_by_index_and_may_share_a_time() {
    let text = r#"{"index":5,"time":7,"process":0,"type":"invoke","f":"write","key":"x","value":1}
{"index":6,"time":7,"process":1,"type":"invoke","f":"write","key":"x","value":2}
"#;
    assert_eq!(read(text, Model::Register, CasFail::Unknown).unwrap().calls.len(), 2);
    let text = text.replace("\"index\":6", "\"index\":4");
    refused(Model::Register, &text, &[(2, "index 4 comes after 5 in line 1")]);
}

#[test]
fn a_key_is_one_number_or_text() {
    for key in ["[1]", "{}"] {
        let text = format!(
            "{{\"index\":0,\"process\":0,\"type\":\"invoke\",\"f\":\"read\",\"key\":{key}}}"
        );
        refused(Model::Register, &text, &[(1, "`key` is a number or a text")]);
    }
}

#[test]
fn a_misspelt_field_is_told_once() {
    let text = r#"{"index":0,"process":0,"type":"invoke","f":"read","kye":"x"}
{"index":1,"process":0,"type":"ok","f":"read","key":"x","value":1}"#;
    refused(Model::Register, text, &[(1, "did you mean `key`?")]);
}

#[test]
fn a_store_holds_texts_when_something_whole_is_one() {
    let elements = [(0, "invoke", "append", "\"a\""), (0, "ok", "append", "\"a\"")];
    let read_list = [(0, "invoke", "read", "null"), (0, "ok", "read", "[\"a\"]")];
    let told = words(Model::KvAppend, &[elements, read_list].concat());
    assert_eq!(told, ["append \"a\"", "read -> [\"a\"]"]);
    let unanswered = [(0, "invoke", "write", "\"ab\"")];
    assert_eq!(words(Model::KvAppend, &unanswered), ["write [\"a\",\"b\"]"]);
}

#[test]
fn in_a_store_of_texts_everything_is_a_text_and_elsewhere_a_list() {
    let text = [(0, "invoke", "append", "\"bc\""), (0, "ok", "append", "\"bc\"")];
    let read = |seen| [(1, "invoke", "read", "null"), (1, "ok", "read", seen)];
    let told = words(Model::KvAppend, &[text, read("\"abc\"")].concat());
    assert_eq!(told, ["append [\"b\",\"c\"]", "read -> [\"a\",\"b\",\"c\"]"]);
    let number = [(0, "invoke", "append", "5"), (0, "ok", "append", "5")];
    let told = words(Model::KvAppend, &[number, read("[5]")].concat());
    assert_eq!(told, ["append 5", "read -> [5]"]);
    assert_eq!(words(Model::KvAppend, &read("[]")), ["read -> []"]);
    let mixed = [&text[..], &read("\"bc\""), &number, &read("[\"b\"]")].concat();
    let wanted =
        [(5, "append has a text, as elsewhere, not 5"), (8, "read has a text, as elsewhere, not")];
    refused(Model::KvAppend, &lines(&mixed), &wanted);
    refused(Model::KvAppend, &lines(&read("7")), &[(2, "read has a list as its `value`, not 7")]);
}

#[test]
fn the_most_negative_numbers_keep_their_digits() {
    for number in ["-9223372036854775808", "-9223372032559808513", "-9223372032559808512"] {
        let events = [(0, "invoke", "write", number), (0, "ok", "write", number)];
        assert_eq!(words(Model::Register, &events), [format!("write {number}")]);
    }
}

// The command.

struct Told {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

fn file(name: &str, text: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("histories");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path
}

fn judge(path: &PathBuf, arguments: &[&str]) -> Told {
    let mut command = Command::new(env!("CARGO_BIN_EXE_splitbrain"));
    let output = command.arg("judge").arg(path).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Told { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn stale() -> String {
    lines(&[
        (0, "invoke", "write", "1"),
        (0, "ok", "write", "1"),
        (0, "invoke", "write", "2"),
        (0, "ok", "write", "2"),
        (1, "invoke", "read", "null"),
        (1, "ok", "read", "1"),
    ])
}

#[test]
fn a_violation_is_shown_with_its_calls_and_what_was_legal() {
    let path = file("stale.jsonl", &stale());
    let svg = path.with_extension("svg");
    let told = judge(&path, &["--model", "register", "--svg", svg.to_str().unwrap()]);
    assert_eq!(told.code, Some(1), "{}", told.stderr);
    for part in [
        "linearizable  VIOLATED",
        "process 1 was answered `read -> 1` at 50ns; legal was read -> 2",
        "├─ write 2",
        "legal instead: read -> 2",
    ] {
        assert!(told.stdout.contains(part), "{part} is not in\n{}", told.stdout);
    }
    let picture = fs::read_to_string(&svg).unwrap();
    let picture = roxmltree::Document::parse(&picture).unwrap();
    assert!(picture.descendants().any(|node| node.text() == Some("read -> 1")));
    let told = judge(&path, &["--model", "register", "--format", "jsonl"]);
    let object: Json = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!(object["verdict"], "violated");
    assert_eq!(object["witness"]["legal"][0], "read -> 2");
    assert_eq!(object["witness"]["calls"].as_array().unwrap().len(), 3);
}

#[test]
fn levels_have_verdicts_of_their_own() {
    let path = file("levels.jsonl", &stale());
    let sessions = judge(&path, &["--model", "register", "--level", "sessions"]);
    assert_eq!(sessions.code, Some(0), "{}", sessions.stdout);
    let level = ["--model", "register", "--level", "staleness", "--versions"];
    assert_eq!(judge(&path, &[&level[..], &["2"]].concat()).code, Some(0));
    assert_eq!(judge(&path, &[&level[..], &["1"]].concat()).code, Some(1));
    assert_eq!(judge(&path, &[&level[..], &["2", "--lag", "9ns"]].concat()).code, Some(1));
    let told = judge(&path, &["--model", "queue", "--level", "sessions"]);
    assert_eq!((told.code, told.stdout.as_str()), (Some(2), ""));
}

#[test]
fn exit_codes_are_those_of_every_command() {
    let held = ["--model", "register"];
    let nothing = file("nothing.jsonl", "");
    assert_eq!(judge(&nothing, &held).code, Some(3), "nothing was put to the test");
    let legal = file("legal.jsonl", &stale().replace("\"value\":1}\n{\"index\":6", ""));
    assert_eq!(judge(&legal, &["--model", "mutex"]).code, Some(2));
    let told = judge(&legal, &["--model", "mutex"]);
    assert!(told.stderr.contains(":1: `f` is \"write\""), "{}", told.stderr);
    assert!(told.stderr.contains("acquire, release"), "{}", told.stderr);
    let initial = lines(&[
        (0, "invoke", "read", "null"),
        (0, "ok", "read", "7"),
        (0, "invoke", "write", "1"),
        (1, "invoke", "read", "null"),
        (1, "ok", "read", "7"),
    ]);
    let initial = file("initial.jsonl", &initial);
    assert_eq!(judge(&initial, &held).code, Some(1));
    assert_eq!(judge(&initial, &[&held[..], &["--initial", "7"]].concat()).code, Some(0));
    assert_eq!(judge(&initial, &[&held[..], &["--initial", "[7]"]].concat()).code, Some(2));
    assert_eq!(judge(&PathBuf::from("no_such_file.jsonl"), &held).code, Some(2));
    let locks = lines(&[(0, "invoke", "release", "null"), (0, "ok", "release", "null")]);
    let locks = file("locks.jsonl", &locks);
    assert_eq!(judge(&locks, &["--model", "mutex"]).code, Some(1));
    assert_eq!(judge(&locks, &["--model", "mutex", "--initial", "held"]).code, Some(0));
}

#[test]
fn a_search_that_gives_up_exits_with_3() {
    let values: Vec<String> = (0..12).map(|value| value.to_string()).collect();
    let mut events = vec![(50, "invoke", "write", "[]"), (50, "ok", "write", "[]")];
    for kind in ["invoke", "ok"] {
        for (process, value) in (0..12).zip(&values) {
            events.push((process, kind, "append", value.as_str()));
        }
    }
    events.extend([(50, "invoke", "read", "null"), (50, "ok", "read", "[0,1,2,3,4,5,6,7,8,9,0]")]);
    let path = file("blown.jsonl", &lines(&events));
    let told = judge(&path, &["--model", "kv-append", "--states", "50"]);
    assert_eq!(told.code, Some(3), "{}{}", told.stdout, told.stderr);
    assert!(told.stdout.contains("unknown"), "{}", told.stdout);
}

#[test]
fn what_a_run_exports_other_tools_can_read() {
    let out = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("histories").join("exports");
    let mut command = Command::new(env!("CARGO_BIN_EXE_splitbrain"));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command.args(["run", "scenarios/two_phase_commit/happy_path.ron", "--out"]).arg(&out);
    let output = command.args(["--export", "history,shiviz,perfetto"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let folder = out.join("happy_path").join("1");
    let history = fs::read_to_string(folder.join("history.jsonl")).unwrap();
    let fields = ["index", "time", "process", "type", "f", "key", "value"];
    for line in history.lines() {
        let event: Json = serde_json::from_str(line).unwrap();
        assert!(fields.iter().all(|field| event.get(field).is_some()), "{line}");
    }
    assert!(history.lines().count() > 10);
    let log = fs::read_to_string(folder.join("shiviz.log")).unwrap();
    assert!(log.starts_with("(?<host>"), "{log}");
    let trace: Json =
        serde_json::from_str(&fs::read_to_string(folder.join("perfetto.json")).unwrap()).unwrap();
    assert!(trace["traceEvents"].as_array().unwrap().len() > 10);
}
