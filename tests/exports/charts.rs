//! Charts against the trace: what a table says is counted again, and what is drawn stands where it says.
//!
//! ```text
//!   trace ──counted the slow way──▶ = table.csv ──its own axes──▶ = shapes of chart.svg
//! ```
//!
//! The counts here share nothing with the code of the charts but the trace. Where a shape should
//! stand is worked out from the size of the picture and the rules that its axes follow; a shape
//! that is a pixel off passes, one that is missing does not.

use super::RUNS;
use splitbrain::{
    base::{
        ids::{NodeId, Seed},
        text::source::Edited,
    },
    engine::{
        facts::{Fact, Vote},
        look::Condition,
        operations::{Ending, Operation},
        signal::What,
        trace::{Kind, Recording},
    },
    report::charts::{self, Chart},
    scenario::{load::load, plan::Plan, registry::Registry, run::Run},
    search::stepper::Stepper,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

const WINDOW: &str = "scenarios/two_phase_commit/coordinator_dies_in_the_window.ron";
const SLOW: &str = "scenarios/two_phase_commit/gray_coordinator.ron";
const STANDBY: &str = "scenarios/wal/an_asynchronous_standby_loses_the_lag.ron";
const BREAKER: &str = "scenarios/saga_orchestration/breaker_opens.ron";
const SKEW: &str = "scenarios/quorum/skewed_clocks_lose_the_later_write.ron";
const RELAY: &str = "book/course/00_hello_drop/first.ron";

const WIDTH: f64 = 960.0;
const HEAD: f64 = 64.0;
const MARGIN: f64 = 14.0;
const BELOW: f64 = 40.0;

const INK: &str = "#2563A8";
const CAREFUL: &str = "#B85C00";
const DANGER: &str = "#C0392B";
const LOCKED: &str = "#8E3B9E";

/// A run, and one of its charts.
struct Drawn {
    plan: Plan,
    run: Run,
    chart: Chart,
    rows: Vec<Vec<String>>,
}

fn drawn(path: &str, name: &str) -> Drawn {
    let full = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let text = std::fs::read_to_string(full).expect("a scenario");
    let plan = load(&Registry::built_in(), "run", &Edited::new(text)).expect("it is sound");
    let run = plan.runner().run(Seed(1), Recording::Full);
    let chart = charts::all(&run, &plan).into_iter().find(|(known, _)| *known == name);
    let chart = chart.unwrap_or_else(|| panic!("{path} has no chart {name}")).1;
    let cells = |line: &str| line.split(',').map(str::to_owned).collect();
    let rows = chart.csv.lines().skip(1).map(cells).collect();
    Drawn { plan, run, chart, rows }
}

fn number(cell: &str) -> u64 {
    cell.parse().unwrap_or_else(|_| panic!("`{cell}` is a number"))
}

/// A shape of a picture: its kind and its attributes.
struct Shape<'a>(&'a str);

impl<'a> Shape<'a> {
    fn text(&self, key: &str) -> &'a str {
        let from =
            self.0.find(&format!(" {key}=\"")).unwrap_or_else(|| panic!("{key} of {}", self.0));
        let value = &self.0[from + key.len() + 3..];
        &value[..value.find('"').expect("it is closed")]
    }

    fn number(&self, key: &str) -> f64 {
        self.text(key).parse().unwrap_or_else(|_| panic!("{key} of {}", self.0))
    }

    fn points(&self) -> Vec<(f64, f64)> {
        let points = self.text("points").split_whitespace().map(|point| {
            let (x, y) = point.split_once(',').expect("a point");
            (x.parse().expect("a number"), y.parse().expect("a number"))
        });
        points.collect()
    }
}

impl Drawn {
    /// The shapes of a kind in a colour, without those of the key above the picture.
    fn shapes(&self, kind: &str, colour: &str) -> Vec<Shape<'_>> {
        let body = self.chart.svg.split_once("</style>").expect("a style sheet").1;
        let shapes = body.split('<').filter(|shape| shape.starts_with(&format!("{kind} ")));
        let place = |shape: &Shape<'_>| match kind {
            "rect" => shape.number("y"),
            "circle" => shape.number("cy"),
            "line" => shape.number("y1"),
            _ => shape.points().iter().map(|point| point.1).fold(0.0, f64::max),
        };
        let shapes = shapes.map(Shape).filter(|shape| shape.0.contains(&format!("\"{colour}\"")));
        shapes.filter(|shape| place(shape) > 52.0).collect()
    }

    /// Where an instant stands, in a picture with so much room left of it.
    fn x(&self, nanos: u64, left: f64) -> f64 {
        let share = nanos as f64 / (self.run.end.quiet_at.as_nanos() as f64 * 1.02);
        MARGIN + left + share * (WIDTH - 2.0 * MARGIN - left)
    }

    /// Where a name ends: the room left of a picture of rows.
    fn left_of<'a>(names: impl Iterator<Item = &'a str>) -> f64 {
        names.map(|name| 24.0 + 7.0 * name.len().min(22) as f64).fold(64.0, f64::max)
    }

    /// Whether a line in a colour goes through a place, give or take a pixel and a half.
    fn line_covers(&self, colour: &str, (x, y): (f64, f64)) -> bool {
        const NEAR: f64 = 1.5;
        let near =
            |one: f64, from: f64, to: f64| from.min(to) - NEAR <= one && one <= from.max(to) + NEAR;
        self.shapes("polyline", colour).iter().any(|line| {
            let points = line.points();
            points.windows(2).any(|pair| {
                let [(x0, y0), (x1, y1)] = [pair[0], pair[1]];
                if !near(x, x0, x1) || !near(y, y0, y1) {
                    return false;
                }
                let slope = if (x1 - x0).abs() < 1.0 { return true } else { (y1 - y0) / (x1 - x0) };
                (y0 + slope * (x - x0) - y).abs() <= NEAR + slope.abs() * NEAR
            })
        })
    }

    /// Where a value stands in one of several panels whose axis goes from zero to so much.
    fn y(panel: usize, panels: usize, value: f64, most: f64) -> f64 {
        let each = if panels == 1 { 340.0 - HEAD } else { 210.0 };
        let (top, bottom) =
            (HEAD + each * panel as f64, HEAD + each * (panel + 1) as f64 - MARGIN - BELOW);
        bottom - value / (most * 1.2) * (bottom - top)
    }
}

#[test]
fn every_chart_says_how_many_and_has_a_table_and_the_bands_of_faults() {
    let over_time = [
        "in_doubt",
        "locks",
        "sagas",
        "saga_strips",
        "breakers",
        "backlog",
        "inboxes",
        "at_risk",
        "lag",
        "syncs",
        "clocks",
        "staleness",
        "divergence",
        "answers",
        "latency",
    ];
    let mut seen = BTreeSet::new();
    for path in RUNS.into_iter().chain([SLOW, BREAKER, SKEW]) {
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path))
            .expect("a scenario");
        let plan = load(&Registry::built_in(), "run", &Edited::new(text)).expect("it is sound");
        let run = plan.runner().run(Seed(1), Recording::Full);
        let down = run.entries.iter().filter(|entry| entry.kind == Kind::Crash).count();
        let cuts = run.entries.iter().filter(|entry| entry.kind == Kind::Cut).count();
        let charts = charts::all(&run, &plan);
        for (name, chart) in &charts {
            assert!(chart.title.contains("(n = "), "{path}: {}", chart.title);
            assert!(chart.csv.lines().count() > 1, "{path}: {name} has a table");
            let bands = chart.svg.matches("opacity=\"0.08\" fill=\"#C0392B\"").count();
            // The key of time in doubt has one more.
            let own = usize::from(*name == "in_doubt");
            let panels = if ["backlog", "lag"].contains(name) { 2 } else { 1 };
            if over_time.contains(name) {
                assert_eq!(bands, (down + cuts) * panels + own, "{path}: {name}");
            }
            seen.insert(*name);
        }
        assert_eq!(charts, charts::all(&run, &plan), "{path}: the same bytes");
    }
    let missing: Vec<&&str> = over_time.iter().filter(|name| !seen.contains(**name)).collect();
    assert!(missing.is_empty(), "no run shows {missing:?}");
}

#[test]
fn the_tail_counts_those_without_an_answer_after_so_long() {
    for path in [WINDOW, SLOW] {
        let tail = drawn(path, "tail");
        let (all, mut never) = (tail.run.history.len(), 0);
        let mut waited: Vec<u64> = Vec::new();
        for entry in &tail.run.history {
            match entry.ending {
                Some((at, Ending::Ok(_) | Ending::NotDone)) => {
                    waited.push(at.as_nanos() - entry.invoked_at.as_nanos());
                }
                Some((_, Ending::Unknown)) | None => never += 1,
            }
        }
        assert_eq!(tail.rows.len(), waited.len(), "{path}");
        for (place, row) in tail.rows.iter().enumerate() {
            let (span, left) = (number(&row[0]), number(&row[1]) as usize);
            let longer = waited.iter().filter(|one| **one > span).count() + never;
            let alike = waited.iter().filter(|one| **one == span).count();
            assert!(longer <= left && left < longer + alike, "{path}: {left} after {span}ns");
            if place + 1 == tail.rows.len() {
                assert_eq!(left, never, "{path}");
            }
        }
        // Down from 100 % to the share of the last one, on an axis of factors of ten.
        let least = libm::log10(1.0 / all as f64) - 0.25;
        let (top, bottom) = (HEAD, 320.0 - MARGIN - BELOW);
        let y = |left: u64| {
            top + (0.1 - libm::log10(left as f64 / all as f64)) / (0.1 - least) * (bottom - top)
        };
        let line = tail.shapes("polyline", INK).swap_remove(0).points();
        for row in tail.rows.iter().filter(|row| row[1] != "0") {
            let wanted = y(number(&row[1]));
            let reached = line.windows(2).any(|pair| {
                pair[0].1.min(pair[1].1) - 1.5 <= wanted && wanted <= pair[0].1.max(pair[1].1) + 1.5
            });
            assert!(reached, "{path}: {row:?} at {wanted}");
        }
        assert_eq!(tail.shapes("line", DANGER).len(), if never == 0 { 0 } else { 2 }, "{path}");
    }
}

#[test]
fn a_key_is_locked_from_the_promise_to_the_decision_and_met_by_those_who_hear_no() {
    let locks = drawn(SLOW, "locks");
    let run = &locks.run;
    let mut open: BTreeMap<(NodeId, u32, String), u64> = BTreeMap::new();
    let mut expected: BTreeSet<Vec<String>> = BTreeSet::new();
    let operations: BTreeMap<String, Operation> = run
        .history
        .iter()
        .map(|entry| (splitbrain::base::ids::TxnId::from(entry.op).to_string(), entry.operation))
        .collect();
    let mut no = BTreeSet::new();
    for signal in &run.signals {
        let What::Stated(node, fact) = signal.what else { continue };
        let (name, at) = (run.catalog.node(node), signal.at.as_nanos());
        match fact {
            Fact::Stages { txn, key, .. } => {
                _ = open.entry((node, key, txn.to_string())).or_insert(at);
            }
            Fact::Decided(txn, _) => {
                let txn = txn.to_string();
                let ended: Vec<_> =
                    open.keys().filter(|held| held.0 == node && held.2 == txn).cloned().collect();
                for held in ended {
                    let since = open.remove(&held).expect("it was there");
                    expected.insert(
                        [
                            name,
                            &held.1.to_string(),
                            "held",
                            &txn,
                            &since.to_string(),
                            &at.to_string(),
                        ]
                        .map(str::to_owned)
                        .to_vec(),
                    );
                }
            }
            _ => {}
        }
        if let Fact::Voted(txn, Vote::No) | Fact::Declined(txn) = fact
            && no.insert((node, txn))
            && let Operation::Transfer { from, to, .. } = operations[&txn.to_string()]
        {
            for key in [from, to] {
                if open.keys().any(|held| held.0 == node && held.1 == key) {
                    let met =
                        [name, &key.to_string(), "met", &txn.to_string(), &at.to_string(), ""];
                    expected.insert(met.map(str::to_owned).to_vec());
                }
            }
        }
    }
    assert!(open.is_empty(), "all locks of this run are given back");
    let told: BTreeSet<Vec<String>> = locks.rows.iter().cloned().collect();
    assert_eq!(told, expected);
    let met = expected.iter().filter(|row| row[2] == "met").count();
    assert!(met > 0, "some vote met a lock: {}", locks.chart.title);
    // The hottest keys have a row each, hottest first, and a window is dark if the key was held.
    let mut hot: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for row in locks.rows.iter().filter(|row| row[2] == "held") {
        *hot.entry((&row[0], &row[1])).or_default() += number(&row[5]) - number(&row[4]);
    }
    let mut by_time: Vec<_> = hot.iter().map(|(key, time)| (*time, *key)).collect();
    by_time.sort_by_key(|one| std::cmp::Reverse(one.0));
    let drawn = by_time.len().min(24);
    let names: Vec<String> =
        by_time[..drawn].iter().map(|(_, (node, key))| format!("{node} key {key}")).collect();
    let left = Drawn::left_of(names.iter().map(String::as_str));
    let rects = locks.shapes("rect", LOCKED);
    let width = run.end.quiet_at.as_nanos().div_ceil(60);
    let (_, hottest) = by_time[0];
    for row in locks
        .rows
        .iter()
        .filter(|row| (row[0].as_str(), row[1].as_str()) == hottest && row[2] == "held")
    {
        let x = locks.x(number(&row[4]) / width * width, left);
        assert!(rects.iter().any(|one| (one.number("x") - x).abs() < 2.0), "{row:?} at {x}");
    }
}

#[test]
fn every_step_and_compensation_of_a_saga_is_a_mark_in_its_row() {
    let strips = drawn(BREAKER, "saga_strips");
    let run = &strips.run;
    let mut expected: BTreeSet<Vec<String>> = BTreeSet::new();
    let (mut began, mut ended) = (BTreeMap::new(), BTreeMap::new());
    for signal in &run.signals {
        let What::Stated(_, fact) = signal.what else { continue };
        let at = signal.at.as_nanos();
        let (saga, what, step) = match fact {
            Fact::Planned { saga, .. } => {
                began.entry(saga).or_insert(at);
                continue;
            }
            Fact::SagaEnded(saga, _) => {
                ended.entry(saga).or_insert(at);
                continue;
            }
            Fact::DidStep(saga, step) => (saga, "did", step),
            Fact::UndidStep(saga, step) => (saga, "undid", step),
            Fact::Tombstoned(saga, step) => (saga, "barred", step),
            _ => continue,
        };
        let row = [saga.to_string(), at.to_string(), what.to_owned(), step.to_string()];
        expected.insert(row.to_vec());
    }
    let is_deed = |row: &&Vec<String>| ["did", "undid", "barred"].contains(&row[2].as_str());
    let told: BTreeSet<Vec<String>> = strips.rows.iter().filter(is_deed).cloned().collect();
    assert_eq!(told, expected);
    let of = |what: &str| told.iter().filter(|row| row[2] == what).count();
    assert!(of("did") > 100 && of("undid") > 5, "{}", strips.chart.title);
    assert_eq!(strips.rows.iter().filter(|row| row[2] == "began").count(), began.len());
    // Sixty rows, the longest sagas, in the order in which they began.
    let end = run.end.quiet_at.as_nanos();
    let mut rows: Vec<(u64, u64)> = began.iter().map(|(saga, at)| (*at, *saga)).collect();
    rows.sort_by_key(|(at, saga)| (std::cmp::Reverse(ended.get(saga).unwrap_or(&end) - at), *saga));
    rows.truncate(60);
    rows.sort_unstable();
    let names: Vec<String> = rows.iter().map(|(_, saga)| format!("saga {saga}")).collect();
    let left = Drawn::left_of(names.iter().map(String::as_str));
    let bottom = HEAD + 60.0 + (rows.len() as f64 + 1.0) * 22.0 - MARGIN - BELOW;
    let high = (bottom - HEAD) / (rows.len() as f64 + 0.9);
    let mut marks = 0;
    for (shape, colour, what) in [("circle", INK, "did"), ("polygon", CAREFUL, "undid")] {
        let shapes = strips.shapes(shape, colour);
        let places: Vec<(f64, f64)> = shapes
            .iter()
            .map(|one| match shape {
                "circle" => (one.number("cx"), one.number("cy")),
                _ => one.points()[0],
            })
            .collect();
        for row in told.iter().filter(|row| row[2] == what) {
            let nth = rows.iter().position(|(_, saga)| saga.to_string() == row[0]);
            let Some(nth) = nth else { continue };
            let (x, y) = (
                strips.x(number(&row[1]), left),
                bottom - (rows.len() as f64 - nth as f64 - 0.5) * high,
            );
            let near = |(one, other): &(f64, f64)| (one - x).abs() < 2.0 && (other - y).abs() < 7.0;
            assert!(places.iter().any(near), "{row:?} at {x}, {y}");
            marks += 1;
        }
        assert!(places.len() <= told.len(), "and nothing else is marked");
    }
    assert!(marks > 50);
}

#[test]
fn a_breaker_is_open_from_a_timeout_to_its_timer_and_lets_nothing_through() {
    let strips = drawn(BREAKER, "breakers");
    let run = &strips.run;
    let spells = |state: &str| -> Vec<(u64, u64, NodeId)> {
        let rows = strips.rows.iter().filter(|row| row[2] == state);
        let node =
            |name: &str| run.catalog.nodes.iter().position(|known| known == name).expect("a node");
        rows.map(|row| (number(&row[3]), number(&row[4]), NodeId(node(&row[1]) as u16))).collect()
    };
    let timers = |word: &str| -> BTreeSet<u64> {
        let fired =
            run.entries.iter().filter(|one| one.kind == Kind::Timer && one.text.contains(word));
        fired.map(|one| one.at.as_nanos()).collect()
    };
    let (open, half) = (spells("open"), spells("half_open"));
    assert!(open.len() >= 2, "{}", strips.chart.title);
    let began: BTreeSet<u64> = half.iter().map(|one| one.0).collect();
    assert_eq!(began, timers("HalfOpen"), "half open begins when the timer fires");
    let caller = NodeId(0);
    for (since, until, callee) in &open {
        assert!(timers("Timeout").contains(since), "it opens when an answer is missing");
        assert!(began.contains(until), "and stays so until it is half open");
        let sent = run.entries.iter().filter(|one| {
            let at = one.at.as_nanos();
            // What undoes a step is called without a breaker.
            one.kind == Kind::Send
                && one.text.starts_with("Do(")
                && one.who == caller.into()
                && one.peer == (*callee).into()
                && *since < at
                && at < *until
        });
        assert_eq!(sent.count(), 0, "no step is asked of {callee} from {since} to {until}");
    }
    let callees: BTreeSet<&str> = strips.rows.iter().map(|row| row[1].as_str()).collect();
    let left = Drawn::left_of(callees.into_iter());
    let is_band = |one: &Shape<'_>| one.text("opacity") == "0.08";
    let bars: Vec<f64> = strips
        .shapes("rect", DANGER)
        .iter()
        .filter(|one| !is_band(one))
        .map(|one| one.number("x"))
        .collect();
    assert_eq!(bars.len(), open.len(), "a bar per spell");
    for (since, ..) in &open {
        let x = strips.x(*since, left);
        assert!(bars.iter().any(|bar| (bar - x).abs() < 2.0), "{since} at {x}");
    }
}

#[test]
fn the_backlog_is_what_was_accepted_and_had_no_effect_yet() {
    let backlog = drawn(RELAY, "backlog");
    let run = &backlog.run;
    let mut items: BTreeMap<u64, (u64, Option<u64>)> = BTreeMap::new();
    for signal in &run.signals {
        match signal.what {
            What::Stated(_, Fact::Accepted(item)) => {
                items.entry(item).or_insert((signal.at.as_nanos(), None));
            }
            What::Stated(_, Fact::TookEffect(item)) => {
                if let Some((_, effect)) = items.get_mut(&item) {
                    effect.get_or_insert(signal.at.as_nanos());
                }
            }
            _ => {}
        }
    }
    let told: BTreeMap<u64, (u64, Option<u64>)> = backlog
        .rows
        .iter()
        .map(|row| (number(&row[0]), (number(&row[1]), row[2].parse().ok())))
        .collect();
    assert_eq!(told, items);
    let waits = |at: u64| {
        items.values().filter(move |one| one.0 <= at && one.1.is_none_or(|until| at < until))
    };
    let instants: BTreeSet<u64> =
        items.values().flat_map(|one| [Some(one.0), one.1]).flatten().collect();
    let deepest = instants.iter().map(|at| waits(*at).count()).max().expect("one") as f64;
    let age = |at: u64| waits(at - 1).map(|one| at - one.0).max().unwrap_or(0) as f64 / 1e6;
    let oldest = instants.iter().map(|at| age(*at)).fold(0.0, f64::max);
    for at in instants.iter().step_by(7) {
        let x = backlog.x(*at, 64.0);
        let y = Drawn::y(0, 2, waits(*at).count() as f64, deepest);
        assert!(backlog.line_covers(INK, (x, y)), "{} wait at {at}", waits(*at).count());
        let y = Drawn::y(1, 2, age(*at), oldest);
        assert!(backlog.line_covers(DANGER, (x, y)), "the oldest has waited {} at {at}", age(*at));
    }
}

#[test]
fn an_inbox_holds_what_a_slow_node_has_not_come_to() {
    let inboxes = drawn(SLOW, "inboxes");
    let mut stepper = Stepper::new(&inboxes.plan, Seed(1));
    let names = &inboxes.run.catalog.nodes;
    let mut most = 0;
    // After an event the world has not changed until the next one.
    for event in (300..inboxes.run.entries.len()).step_by(97) {
        stepper.go(stepper.stop_of(splitbrain::base::ids::EventId(event as u32)));
        let latest = stepper.world().trace().latest().0 as usize;
        let at = inboxes.run.entries[latest - 1].at.as_nanos();
        if inboxes.run.entries.get(latest).is_none_or(|next| next.at.as_nanos() == at) {
            continue; // More happens in the same instant.
        }
        for (node, name) in names.iter().enumerate() {
            let view = stepper.world().glance(NodeId(node as u16));
            let serving = usize::from(view.conditions.contains(&Condition::Serving));
            let waiting = (view.inbox.len() - serving) as u64;
            let mut known =
                inboxes.rows.iter().filter(|row| row[0] == *name && number(&row[1]) <= at);
            let told = known.next_back().map_or(0, |row| number(&row[2]));
            assert_eq!(told, waiting, "{name} after #{latest}");
            most = most.max(waiting);
        }
    }
    assert!(most > 1, "the slow coordinator has a queue");
}

#[test]
fn a_copy_is_behind_by_what_was_logged_and_it_has_not_applied() {
    let lag = drawn(STANDBY, "lag");
    let run = &lag.run;
    let crash = run.signals.iter().find(|signal| matches!(signal.what, What::Crashed(_)));
    let crash = crash.expect("the primary dies").at.as_nanos();
    let mut logged: BTreeMap<u64, u64> = BTreeMap::new();
    let (mut applied, mut expected) = (0, BTreeMap::new());
    for signal in &run.signals {
        let at = signal.at.as_nanos();
        match signal.what {
            What::Stated(_, Fact::Logged { lsn, .. }) => _ = logged.entry(lsn).or_insert(at),
            What::Stated(_, Fact::Applied(lsn)) => applied = lsn,
            _ => continue,
        }
        if applied > 0 && at < crash {
            let behind = logged.keys().filter(|lsn| **lsn > applied).count() as u64;
            let since = logged.iter().find(|(lsn, _)| **lsn > applied).map(|(_, at)| *at);
            expected.insert(at, (behind, since));
        }
    }
    let told = |at: u64| {
        let row = lag.rows.iter().rfind(|row| number(&row[1]) <= at).expect("it began");
        (number(&row[2]), row[3].parse::<u64>().ok())
    };
    for (at, expected) in &expected {
        assert_eq!(told(*at), *expected, "at {at}");
    }
    let deepest = lag.rows.iter().map(|row| number(&row[2])).max().expect("rows") as f64;
    assert!(deepest > 2.0 && expected.len() > 50, "{}", lag.chart.title);
    assert!(lag.chart.title.contains("took over"), "{}", lag.chart.title);
    for at in expected.keys().step_by(11) {
        let place = (lag.x(*at, 64.0), Drawn::y(0, 2, expected[at].0 as f64, deepest));
        assert!(lag.line_covers(INK, place), "{} behind at {at}", expected[at].0);
    }
}

#[test]
fn every_sync_of_the_trace_is_counted_in_its_window() {
    for path in [STANDBY, WINDOW, "scenarios/wal/a_failed_sync_that_is_retried_loses.ron"] {
        let syncs = drawn(path, "syncs");
        let from: Vec<u64> = syncs.rows.iter().map(|row| number(&row[0])).collect();
        let width = from[1];
        let mut most = 0;
        for (place, row) in syncs.rows.iter().enumerate() {
            // The last window takes what falls on the end.
            let upto = if place + 1 == from.len() { u64::MAX } else { from[place] + width };
            let of = |kinds: &[Kind]| {
                let here = syncs.run.entries.iter().filter(|one| {
                    let at = one.at.as_nanos();
                    from[place] <= at && at < upto && kinds.contains(&one.kind)
                });
                here.count().to_string()
            };
            let expected = [
                of(&[Kind::Force, Kind::Sync]),
                of(&[Kind::Durable, Kind::Synced]),
                of(&[Kind::SyncFailed]),
            ];
            assert_eq!(row[1..], expected, "{path}: the window from {}", from[place]);
            most = most.max(number(&row[1])).max(number(&row[2]));
        }
        for (place, row) in syncs.rows.iter().enumerate() {
            let x = syncs.x(from[place] + width / 2, 64.0);
            let y = Drawn::y(0, 1, number(&row[2]) as f64, most as f64);
            assert!(syncs.line_covers(INK, (x, y)), "{path}: {row:?}");
        }
        let failed: u64 = syncs.rows.iter().map(|row| number(&row[3])).sum();
        assert_eq!(syncs.chart.title.contains("failed"), failed > 0, "{}", syncs.chart.title);
    }
}

#[test]
fn a_clock_that_is_set_back_is_wrong_from_then_on() {
    let clocks = drawn(SKEW, "clocks");
    let run = &clocks.run;
    let jump = run.entries.iter().find(|one| one.kind == Kind::Disturb).expect("a clock is set");
    let (at, node) = (jump.at.as_nanos(), run.catalog.node(NodeId(jump.who.0)));
    for row in &clocks.rows {
        let (now, ahead) = (number(&row[1]), row[2].as_str());
        let expected: &[&str] = if row[0] != node || now < at {
            &["0"]
        } else if now == at {
            &["0", "-700000000"]
        } else {
            &["-700000000"]
        };
        assert!(expected.contains(&ahead), "{row:?}");
    }
    let at_jump = clocks.rows.iter().filter(|row| row[0] == node && number(&row[1]) == at);
    assert_eq!(at_jump.count(), 2, "it is upright at the jump");
    // From 0 down to -700 ms: the axis goes a fifth of that further at both ends.
    let (top, bottom) = (HEAD, 340.0 - MARGIN - BELOW);
    let y = |ahead: f64| top + (140.0 - ahead) / 980.0 * (bottom - top);
    let [before, after] =
        [at / 2, at + (run.end.quiet_at.as_nanos() - at) / 2].map(|at| clocks.x(at, 64.0));
    assert!(
        clocks.line_covers(INK, (before, y(0.0))) && clocks.line_covers(INK, (after, y(-700.0)))
    );
    assert!(!clocks.line_covers(INK, (after, y(0.0))), "and nowhere else");
    assert!(clocks.chart.title.contains("700ms behind true time"), "{}", clocks.chart.title);
}
