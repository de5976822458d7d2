//! `diff`: two runs by their first difference, then by their verdicts and counters.
//!
//! ```text
//!   RUN A ─┐                ┌─▶ the first event that differs, in words
//!          ├─ run again ────┼─▶ verdicts side by side
//!   RUN B ─┘                └─▶ counters side by side, those that differ
//! ```
//!
//! The two may be two seeds, one seed with and without an edit (`--set-b`), or two recorded runs.
//! Both are run by this program; a run that is not what its address or its file promises is not
//! compared, since the answer would be about something else. Two runs that differ are no failure:
//! the exit code is 0 either way.

use super::{
    Environment, Format,
    address::{NamedRun, RunArguments},
    caught::caught,
    exit::Code,
    parting,
    run::path_and_value,
};
use crate::{
    engine::trace::Recording,
    report::{
        json,
        side_by_side::{Row, Rows, counters, table, verdicts},
    },
    scenario::run::Run,
    search::divergence::Happening,
};
use serde_json::{Value, json};

/// Arguments of `diff`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The first run: FILE@SEED, NAME@SEED, or a recorded run's file.
    #[arg(value_name = "RUN_A")]
    a: String,

    /// The second run.
    #[arg(value_name = "RUN_B")]
    b: String,

    /// Replace a part of both scenarios before they are read: `network.loss=5%`.
    #[arg(long = "set", value_name = "PATH=VALUE", value_parser = path_and_value)]
    sets: Vec<(String, String)>,

    /// Replace a part of the first one's scenario only.
    #[arg(long = "set-a", value_name = "PATH=VALUE", value_parser = path_and_value)]
    sets_a: Vec<(String, String)>,

    /// Replace a part of the second one's scenario only.
    #[arg(long = "set-b", value_name = "PATH=VALUE", value_parser = path_and_value)]
    sets_b: Vec<(String, String)>,

    /// Show how many events of each behind the first difference.
    #[arg(long, value_name = "N", default_value_t = 3)]
    context: usize,

    /// Show verdicts and counters that are alike too.
    #[arg(long)]
    all: bool,
}

/// One of the two.
struct Side {
    named: NamedRun,
    run: Run,
    told: Vec<Happening>,
}

pub(super) fn diff(environment: &Environment<'_>, arguments: &Arguments) -> Code {
    let side = |run: &String, own: &[(String, String)]| {
        let sets = arguments.sets.iter().chain(own).cloned().collect();
        let arguments = RunArguments { run: run.clone(), sets, expect_hash: None };
        side(environment, &arguments)
    };
    let sides = side(&arguments.a, &arguments.sets_a)
        .and_then(|a| Ok([a, side(&arguments.b, &arguments.sets_b)?]));
    let [a, b] = match sides {
        Ok(sides) => sides,
        Err(code) => return code,
    };
    let which = if arguments.all { Rows::All } else { Rows::Different };
    if environment.format == Format::Human {
        environment.print(&human(&a, &b, arguments.context, which));
    } else {
        environment.print(&format!("{}\n", object(&a, &b, which)));
    }
    Code::AsExpected
}

fn side(environment: &Environment<'_>, arguments: &RunArguments) -> Result<Side, Code> {
    let named = environment.named_run(arguments)?;
    let ran = caught(|| named.file.plan.runner().run(named.seed, Recording::Full));
    let run = ran.map_err(|panic| {
        environment.complain(&format!("error[SB0502]: {}: {panic}\n", arguments.run));
        Code::NotAsExpected
    })?;
    let recorded = named.recorded.as_ref().map(|(_, recorded)| recorded.address().1);
    let kept = recorded.is_none_or(|hash| hash == run.hash)
        && named.hash.as_ref().is_none_or(|promised| promised.fits(run.hash));
    if !kept {
        let run = &arguments.run;
        environment.complain(&format!(
            "error: {run} is another run than it was: `splitbrain replay {run}` says where\n"
        ));
        return Err(Code::Diverged);
    }
    let told = parting::told_fate_first(&run);
    Ok(Side { named, run, told })
}

fn human(a: &Side, b: &Side, context: usize, which: Rows) -> String {
    let (runs, heads) = ([&a.run, &b.run], ["A", "B"]);
    let mut lines = String::new();
    for (head, side) in heads.iter().zip([a, b]) {
        let address = side.named.arguments(side.run.hash);
        lines += &format!("{head}  {}@{}  {address}\n", side.run.name, side.run.seed);
    }
    lines += "\n";
    lines += &parting::lines(heads, [&a.told, &b.told], context);
    lines += "\n";
    lines += &table("verdicts", heads, &verdicts(runs), which);
    lines += "\n";
    lines += &table("counters", heads, &counters(runs), which);
    lines
}

fn object(a: &Side, b: &Side, which: Rows) -> Value {
    let runs = [&a.run, &b.run];
    let head = |side: &Side| {
        json!({
            "scenario": side.run.name,
            "seed": side.run.seed.to_string(),
            "trace_hash": format!("{:032x}", side.run.hash),
            "address": side.named.arguments(side.run.hash),
        })
    };
    let happening = |side: Option<&Happening>| {
        side.map(|one| json!({ "event": one.event, "at_ns": one.at.as_nanos(), "says": one.told }))
    };
    let divergence = parting::parting(&a.told, &b.told).map(|parts| {
        json!({
            "same_events": parts.same,
            "at_ns": parts.at().as_nanos(),
            "a": happening(parts.one),
            "b": happening(parts.other),
        })
    });
    let rows = |rows: Vec<Row>| {
        let shown = rows.into_iter().filter(|row| which == Rows::All || row.differs());
        let value = |value: Option<String>| match value.as_deref().map(str::parse::<u64>) {
            Some(Ok(number)) => json!(number),
            _ => json!(value),
        };
        let row = |row: Row| {
            let [a, b] = row.values.map(value);
            json!({ "name": row.name, "a": a, "b": b })
        };
        shown.map(row).collect::<Vec<_>>()
    };
    json!({
        "schema": json::SCHEMA,
        "type": "diff",
        "a": head(a),
        "b": head(b),
        "divergence": divergence,
        "verdicts": rows(verdicts(runs)),
        "counters": rows(counters(runs)),
    })
}
