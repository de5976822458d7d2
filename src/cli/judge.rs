//! `judge`: whether a history keeps a promise, whoever recorded it.
//!
//! ```text
//!   splitbrain judge history.jsonl --model register --level linearizable
//!
//!   {"index":0,"time":0,"process":0,"type":"invoke","f":"write","key":"x","value":1}
//!   {"index":1,"time":10,"process":0,"type":"ok","f":"write","key":"x","value":1}
//!   {"index":2,"time":20,"process":1,"type":"invoke","f":"read","key":"x","value":null}
//!   {"index":3,"time":30,"process":1,"type":"ok","f":"read","key":"x","value":null}
//!                                   │
//!                                   └──▶ verdict · the calls that show it · what was legal instead
//! ```
//!
//! The format is told in `checkers/history/lines.rs`, and `run --export history` writes it. A file
//! that is no history is refused with all its mistakes and their lines, and nothing is judged. The
//! exit code is 0 when the promise is kept, 1 when not, 3 when that is unknown or nothing in the
//! history could have broken it.

use super::{Environment, Format, exit::Code};
use crate::{
    base::time::Duration,
    checkers::history::{
        Bounds, Finding, Model, Proof, Rules, Ruling, STATES_MAX,
        calls::{Call, History, Value},
        linearizable,
        lines::{self, CasFail},
        sessions, staleness,
    },
    report::{intervals, json::SCHEMA},
};
use clap::ValueEnum;
use serde_json::{Value as Json, json};
use std::{fmt::Write, path::PathBuf};

/// What a history looks like, for `judge --help`.
const FORMAT: &str = r#"A history has one JSON object per line and event:

  {"index":0,"time":0,"process":0,"type":"invoke","f":"write","key":"x","value":1}
  {"index":1,"time":150,"process":1,"type":"invoke","f":"read","key":"x","value":null}
  {"index":2,"time":400,"process":0,"type":"ok","f":"write","key":"x","value":1}
  {"index":3,"time":900,"process":1,"type":"ok","f":"read","key":"x","value":1}

  index    a number of its own for every line, ascending
  time     nanoseconds, never going back; on every line or on none
  process  who: a number, one call at a time; lines of "nemesis" are skipped
  type     invoke · ok: it took effect · fail: it did not and never will · info: nobody knows
  f        register: read, write · cas-register: also cas [expected, new]
           kv-append: read, write, append · set: add, remove, contains [element, found], read
           queue: enqueue, dequeue · stack: push, pop · mutex: acquire, release
  key      which object; left out when there is one only
  value    what is written or was seen; null where nothing is known yet, or nothing was there

`splitbrain run FILE --export history` writes such a history."#;

/// Arguments of `judge`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = FORMAT)]
pub(super) struct Arguments {
    /// The history: one JSON object per line and event.
    #[arg(value_name = "HISTORY")]
    path: PathBuf,

    /// What kind of object it is about.
    #[arg(long, value_parser = model, value_name = "MODEL",
          help = "What kind of object it is about: register, cas-register, kv-append, set, queue, \
                  stack or mutex")]
    model: Model,

    /// What is promised.
    #[arg(long, default_value = "linearizable")]
    level: Level,

    /// What an object holds at first, as JSON: a value, or a list; `held` for a mutex.
    #[arg(long, value_name = "VALUE")]
    initial: Option<String>,

    /// What a failed cas says: that another value was there, or nothing.
    #[arg(long, value_name = "MEANING", default_value = "unknown")]
    cas_fail: Failed,

    /// Staleness: a read returns one of the last so many versions.
    #[arg(long, value_name = "K")]
    versions: Option<u64>,

    /// Staleness: what a read returns was not overwritten for longer.
    #[arg(long, value_name = "DURATION")]
    lag: Option<Duration>,

    /// How many configurations the search may meet for each object before it gives up.
    #[arg(long, value_name = "N", default_value_t = STATES_MAX)]
    states: u64,

    /// Write a picture of the calls that show the violation.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// What is promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Level {
    /// Calls take effect one by one, each between its invocation and its end.
    Linearizable,
    /// What one process did and saw, it goes on to see: four guarantees.
    Sessions,
    /// Reads are behind by some versions and for some time at most.
    Staleness,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Failed {
    /// The register held another value.
    Mismatch,
    /// It did not happen, for whatever reason.
    Unknown,
}

fn model(text: &str) -> Result<Model, String> {
    let names = Model::ALL.map(Model::name);
    Model::ALL.into_iter().find(|model| model.name() == text).ok_or_else(|| {
        let near = crate::base::text::diagnostic::suggest(text, names);
        let hint = near.map_or_else(String::new, |near| format!("did you mean `{near}`? "));
        format!("{hint}models: {}", names.join(", "))
    })
}

pub(super) fn judge(environment: &Environment<'_>, arguments: &Arguments) -> Code {
    let path = arguments.path.display();
    let text = match std::fs::read_to_string(&arguments.path) {
        Ok(text) => text,
        Err(error) => return environment.usage(&format!("failed to read {path}: {error}")),
    };
    let cas_fail = match arguments.cas_fail {
        Failed::Mismatch => CasFail::Mismatch,
        Failed::Unknown => CasFail::Unknown,
    };
    let mut history = match lines::read(&text, arguments.model, cas_fail) {
        Ok(history) => history,
        Err(mistakes) => return refuse(environment, arguments, &mistakes),
    };
    if let Err(message) = fits(arguments) {
        return environment.usage(&message);
    }
    let initial = match initial(arguments, &mut history) {
        Ok(initial) => initial,
        Err(message) => return environment.usage(&message),
    };
    let rules = Rules { model: arguments.model, initial, states_max: arguments.states };
    let findings = match arguments.level {
        Level::Linearizable => vec![linearizable(&history, &rules)],
        Level::Sessions => sessions(&history, &rules),
        Level::Staleness => {
            let bounds = Bounds { versions: arguments.versions, time: arguments.lag };
            staleness(&history, &rules, bounds)
        }
    };
    if let (Some(file), Some((property, proof))) = (&arguments.svg, first_proof(&findings)) {
        let title = format!("{path}: {property} is violated");
        if let Err(error) = std::fs::write(file, intervals::svg(&history, proof, &title)) {
            return environment.usage(&format!("failed to write {}: {error}", file.display()));
        }
    }
    show(environment, arguments, &history, &findings);
    code(&findings)
}

fn first_proof(findings: &[Finding]) -> Option<(&'static str, &Proof)> {
    findings.iter().find_map(|finding| match &finding.ruling {
        Ruling::Violated(proof) => Some((finding.property, proof)),
        _ => None,
    })
}

/// The gravest verdict decides; of guarantees that nothing tested, one that was tested is enough.
fn code(findings: &[Finding]) -> Code {
    let any = |fits: fn(&Ruling) -> bool| findings.iter().any(|finding| fits(&finding.ruling));
    if any(|ruling| matches!(ruling, Ruling::Violated(_))) {
        Code::NotAsExpected
    } else if any(|ruling| matches!(ruling, Ruling::Unknown(_)))
        || !any(|ruling| matches!(ruling, Ruling::Holds))
    {
        Code::Inconclusive
    } else {
        Code::AsExpected
    }
}

/// Can this level be judged on this model?
fn fits(arguments: &Arguments) -> Result<(), String> {
    let models: &[Model] = match arguments.level {
        Level::Linearizable => return Ok(()),
        Level::Sessions => &[Model::Register, Model::CasRegister, Model::KvAppend],
        Level::Staleness => &[Model::Register, Model::CasRegister],
    };
    if models.contains(&arguments.model) {
        return Ok(());
    }
    let names: Vec<&str> = models.iter().map(|model| model.name()).collect();
    let level = arguments.level.to_possible_value().map_or(String::new(), |l| l.get_name().into());
    Err(format!("--level {level} is judged on {} only", names.join(", ")))
}

/// What an object holds at first.
fn initial(arguments: &Arguments, history: &mut History) -> Result<Vec<Value>, String> {
    let Some(text) = &arguments.initial else { return Ok(Vec::new()) };
    // What is no JSON is a text without its quotes.
    let json: Json = serde_json::from_str(text).unwrap_or_else(|_| Json::from(text.as_str()));
    let takes_list = match arguments.model {
        Model::Register | Model::CasRegister => false,
        Model::Mutex => {
            return match text.as_str() {
                "held" => Ok(vec![Value::NOTHING]),
                "free" => Ok(Vec::new()),
                _ => Err(format!("--initial of a mutex is `free` or `held`, not {text}")),
            };
        }
        Model::KvAppend | Model::Set | Model::Queue | Model::Stack => true,
    };
    let parts = match json {
        Json::Array(parts) if takes_list => parts,
        Json::Null if takes_list => Vec::new(),
        Json::String(text) if arguments.model == Model::KvAppend => {
            text.chars().map(|symbol| Json::from(symbol.to_string())).collect()
        }
        other if takes_list => return Err(format!("--initial is a list here, not {other}")),
        other => vec![other],
    };
    let values: Option<Vec<Value>> =
        parts.iter().map(|part| lines::scalar(history, part)).collect();
    values.ok_or_else(|| "--initial: values are numbers, texts, true, false or null".to_owned())
}

/// At most so many mistakes are shown; the number of the rest is.
const MISTAKES_MAX: usize = 20;

fn refuse(
    environment: &Environment<'_>,
    arguments: &Arguments,
    mistakes: &[lines::Mistake],
) -> Code {
    let path = arguments.path.display().to_string();
    if environment.format != Format::Human {
        let objects = mistakes.iter().map(|mistake| {
            json!({
                "schema": SCHEMA,
                "type": "mistake",
                "file": path,
                "line": mistake.line,
                "severity": "error",
                "message": mistake.message,
            })
        });
        print_objects(environment, objects.collect());
    }
    for mistake in mistakes.iter().take(MISTAKES_MAX) {
        environment.complain(&format!("error: {path}:{}: {}\n", mistake.line, mistake.message));
    }
    if let Some(more) = mistakes.len().checked_sub(MISTAKES_MAX).filter(|more| *more > 0) {
        environment.complain(&format!("and {more} more\n"));
    }
    let functions = arguments.model.functions().join(", ");
    let model = arguments.model.name();
    environment.complain(&format!("this is no history of a {model} ({functions})\n"));
    Code::Usage
}

fn print_objects(environment: &Environment<'_>, objects: Vec<Json>) {
    if environment.format == Format::Json {
        environment.print(&format!("{}\n", Json::from(objects)));
    } else {
        for object in objects {
            environment.print(&format!("{object}\n"));
        }
    }
}

fn show(
    environment: &Environment<'_>,
    arguments: &Arguments,
    history: &History,
    findings: &[Finding],
) {
    if environment.format != Format::Human {
        let objects = findings.iter().map(|finding| object(arguments, history, finding));
        return print_objects(environment, objects.collect());
    }
    let name = findings.iter().map(|finding| finding.property.len()).max().unwrap_or(0);
    let mut page = String::new();
    for finding in findings {
        let Finding { property, ruling, note, .. } = finding;
        let (word, note) = match ruling {
            Ruling::Holds => ("holds", note),
            Ruling::Violated(_) => ("VIOLATED", note),
            Ruling::Unknown(why) => ("unknown", why),
            Ruling::NotExercised => ("not exercised", note),
        };
        _ = writeln!(page, "{property:name$}  {word:13}  {note}");
    }
    for finding in findings {
        if let Ruling::Violated(proof) = &finding.ruling {
            _ = write!(page, "\n{}", proof_text(history, finding.property, proof));
        }
    }
    if let (Some(file), Some(_)) = (&arguments.svg, first_proof(findings)) {
        _ = writeln!(page, "\npicture  {}", file.display());
    }
    environment.print(&page);
}

fn proof_text(history: &History, property: &str, proof: &Proof) -> String {
    let mut text = format!("{property}: {}\n\n", proof.sentence);
    for line in intervals::text(history, proof).lines() {
        _ = writeln!(text, "  {line}");
    }
    if !proof.context.is_empty() {
        let note = "an arrow: whether and when it took effect is left open, and does not help";
        _ = writeln!(text, "  {note}");
    }
    if !proof.legal.is_empty() {
        _ = writeln!(text, "legal instead: {}", proof.legal.join(", "));
    }
    text
}

fn object(arguments: &Arguments, history: &History, finding: &Finding) -> Json {
    let level = arguments.level.to_possible_value().map_or(String::new(), |l| l.get_name().into());
    let (verdict, witness, note) = match &finding.ruling {
        Ruling::Holds => ("holds", Json::Null, &finding.note),
        Ruling::NotExercised => ("not_exercised", Json::Null, &finding.note),
        Ruling::Unknown(why) => ("unknown", Json::Null, why),
        Ruling::Violated(proof) => {
            let calls = |calls: &[Call]| {
                calls.iter().map(|call| call_object(history, call)).collect::<Vec<_>>()
            };
            let witness = json!({
                "sentence": proof.sentence,
                "calls": calls(&proof.calls),
                "context": calls(&proof.context),
                "legal": proof.legal,
            });
            ("violated", witness, &finding.note)
        }
    };
    json!({
        "schema": SCHEMA,
        "type": "judgement",
        "history": arguments.path.display().to_string(),
        "model": arguments.model.name(),
        "level": level,
        "property": finding.property,
        "verdict": verdict,
        "exercised": finding.exercised,
        "note": note,
        "witness": witness,
    })
}

fn call_object(history: &History, call: &Call) -> Json {
    json!({
        "process": call.process,
        "key": history.names.text(call.key),
        "call": history.words(call.action),
        "invoked": call.invoked.event,
        "invoked_ns": call.invoked.at.as_nanos(),
        "ended": call.ended.map(|ended| ended.event),
        "ended_ns": call.ended.map(|ended| ended.at.as_nanos()),
    })
}
