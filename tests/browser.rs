//! The page of a run in a real browser: it shows what the trace says, obeys keys, and runs nothing.
//!
//! ```text
//!   scenario ──run──▶ Run ──page──▶ file ──▶ headless Chromium ──▶ what stands there
//!                      └──────── the same questions asked of the trace ────┘
//! ```
//!
//! Skipped, with a reason, where there is no browser; with SPLITBRAIN_BROWSER_TESTS=1 it must be
//! there. What the page computes (cones, sequences, intervals, states) is computed here again, the
//! slow and obvious way, from the run. Pictures are not compared pixel by pixel, since fonts differ
//! between machines; where things stand is asked of the page, and single pixels are sampled.

#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a browser is started, and it is measured how soon it answers"
)]

#[path = "browser/driver.rs"]
mod driver;
#[path = "browser/hostile.rs"]
mod hostile;

use driver::Browser;
use serde_json::{Value, json};
use splitbrain::{
    base::{
        ids::{EventId, NodeId, Seed},
        text::source::Edited,
    },
    checkers::Verdict,
    engine::{
        facts::{Fact, Vote},
        signal::What,
        trace::{Kind, Recording},
    },
    report::{
        page::{PageOptions, page},
        words::Words,
    },
    scenario::{load::load, plan::Plan, registry::Registry, run::Run},
    search::stepper::Stepper,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Mutex,
    time::Instant,
};

const WINDOW: &str = "scenarios/two_phase_commit/coordinator_dies_in_the_window.ron";
const LATE: &str = "scenarios/two_phase_commit/duplicate_and_late_messages.ron";
const HAPPY: &str = "scenarios/two_phase_commit/happy_path.ron";

/// One browser at a time: times are measured here.
static ONE: Mutex<()> = Mutex::new(());

/// A page in a browser, and the run that it shows.
struct Shown {
    browser: Browser,
    plan: Plan,
    run: Run,
    path: PathBuf,
}

fn plan_of(path: &str, sets: &[(&str, &str)]) -> Plan {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut edited = Edited::new(std::fs::read_to_string(root.join(path)).expect("a scenario"));
    for (place, value) in sets {
        edited.set(place, value, "--set").expect("a part of it");
    }
    let name = Path::new(path).file_stem().map(|stem| stem.to_string_lossy().into_owned());
    load(&Registry::built_in(), &name.expect("a name"), &edited).expect("it is sound")
}

/// Writes the page of a run, and opens it with what stands behind `#`.
fn shown(plan: Plan, options: &PageOptions, hash: &str) -> Option<Shown> {
    let browser = Browser::open()?;
    let run = plan.runner().run(Seed(1), Recording::Full);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser");
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join(format!("{}-{}.html", plan.name, std::process::id()));
    std::fs::write(&path, page(&run, &plan, options)).expect("it can be written");
    browser.open_file(&path, hash);
    Some(Shown { browser, plan, run, path })
}

fn window(hash: &str) -> Option<Shown> {
    shown(plan_of(WINDOW, &[]), &PageOptions::default(), hash)
}

/// One browser at a time, also after a test that failed.
fn alone() -> std::sync::MutexGuard<'static, ()> {
    ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Shown {
    fn ask(&self, script: &str) -> Value {
        self.browser.script(&format!("return ({script})"))
    }

    fn number(&self, script: &str) -> u64 {
        self.ask(script).as_f64().unwrap_or_else(|| panic!("{script}")) as u64
    }

    fn text(&self, selector: &str) -> String {
        let script =
            "const one = document.querySelector(arguments[0]); return one ? one.textContent : null";
        let text = self.browser.script_with(script, &json!([selector]));
        text.as_str().unwrap_or_else(|| panic!("nothing is {selector}")).to_owned()
    }

    fn press(&self, selector: &str) {
        let script = "document.querySelector(arguments[0]).click()";
        self.browser.script_with(script, &json!([selector]));
    }

    /// Types into a field, as far as the page can tell.
    fn fill(&self, selector: &str, text: &str) {
        let script = "const [selector, text] = arguments, field = document.querySelector(selector); \
                      field.value = text; field.dispatchEvent(new Event('input', {bubbles: true})); \
                      field.dispatchEvent(new Event('change', {bubbles: true}));";
        self.browser.script_with(script, &json!([selector, text]));
    }

    fn hash(&self) -> String {
        self.ask("location.hash").as_str().expect("a text").to_owned()
    }

    /// The number of the selected event; 0 for none.
    fn selected(&self) -> u64 {
        let hash = self.hash();
        let part = hash.trim_start_matches('#').split('&').find_map(|part| part.strip_prefix("e="));
        part.map_or(0, |number| number.parse().expect("a number"))
    }

    fn layout(&self) -> Value {
        self.ask("window.__sb.layout()")
    }

    fn is_quiet(&self) {
        assert_eq!(self.browser.console(), Vec::<String>::new());
    }
}

fn numbers(value: &Value) -> Vec<u64> {
    let list = value.as_array().expect("a list");
    list.iter().map(|one| one.as_f64().expect("a number") as u64).collect()
}

#[test]
fn a_page_opens_without_a_word_and_asks_for_nothing() {
    let _alone = alone();
    let Some(shown) = window("") else { return };
    shown.is_quiet();
    let asked = shown.ask("performance.getEntriesByType('resource').map((one) => one.name)");
    assert_eq!(asked, json!([]), "nothing but the file itself");
    let chips: Vec<String> = shown
        .run
        .judgements
        .iter()
        .map(|one| format!("{} {}", one.property, one.verdict.word().replace('_', " ")))
        .collect();
    let told = shown.ask("[...document.querySelectorAll('.chip')].map((one) => one.textContent.slice(2).replace(/\\s+/g, ' '))");
    assert_eq!(told, json!(chips));
    for tab in ["state", "operations", "checks", "charts", "scenario", "event"] {
        shown.press(&format!("#tab-{tab}"));
        shown.browser.settle();
        assert!(!shown.text("#panel").is_empty(), "{tab}");
    }
    shown.is_quiet();
    let charts = "[...document.images].every((one) => one.complete && one.naturalWidth > 100)";
    shown.press("#tab-charts");
    shown.browser.settle();
    assert_eq!(shown.ask("document.images.length >= 2"), true);
    assert_eq!(shown.ask(charts), true);
}

#[test]
fn blocked_intervals_are_those_of_the_trace() {
    let _alone = alone();
    let Some(shown) = window("#f=") else { return };
    // From the signals, without the reports' own fold: from the first yes to the decision.
    let mut since: BTreeMap<(NodeId, String), u64> = BTreeMap::new();
    let mut expected: BTreeSet<(String, String, u64, u64)> = BTreeSet::new();
    for signal in &shown.run.signals {
        match signal.what {
            What::Stated(node, Fact::Voted(txn, Vote::Yes)) => {
                since.entry((node, txn.to_string())).or_insert(signal.at.as_nanos());
            }
            What::Stated(node, Fact::Decided(txn, _)) => {
                if let Some(began) = since.remove(&(node, txn.to_string())) {
                    let name = shown.run.catalog.node(node).to_owned();
                    expected.insert((name, txn.to_string(), began, signal.at.as_nanos()));
                }
            }
            _ => {}
        }
    }
    assert!(since.is_empty(), "all doubts of this run end");
    assert!(expected.iter().any(|(.., began, ended)| ended - began > 5_000_000_000));
    let layout = shown.layout();
    let text = |strip: &Value, key: &str| strip[key].as_str().expect("a text").to_owned();
    let number = |strip: &Value, key: &str| strip[key].as_f64().expect("a number");
    let strips = layout["strips"].as_array().expect("a list");
    let told: BTreeSet<(String, String, u64, u64)> = strips
        .iter()
        .map(|one| {
            let span = (number(one, "since") as u64, number(one, "until") as u64);
            (text(one, "node"), text(one, "about"), span.0, span.1)
        })
        .collect();
    assert_eq!(told, expected);
    // What is painted, frame by frame: every strip begins and ends at the height of its instant.
    let mut painted: BTreeMap<(String, String), (u64, u64)> = BTreeMap::new();
    let height = shown.number("document.getElementById('scroller').scrollHeight");
    for top in (0..height).step_by(500) {
        let script =
            "document.getElementById('scroller').scrollTop = arguments[0]; window.__sb.paint()";
        shown.browser.script_with(script, &json!([top]));
        for one in shown.layout()["drawn"].as_array().expect("a list") {
            let span = (number(one, "since") as u64, number(one, "until") as u64);
            painted.insert((text(one, "node"), text(one, "about")), span);
        }
    }
    assert_eq!(painted.len(), expected.len(), "every strip is painted somewhere");
    for (node, about, began, ended) in &expected {
        let (since, until) = painted[&(node.clone(), about.clone())];
        assert!(since.abs_diff(*began) < 1_000, "{node} {about}: {since} for {began}");
        // A strip is never thinner than two pixels.
        assert!(
            until >= since && until.abs_diff(*ended) < 1_000_000,
            "{node} {about}: {until} for {ended}"
        );
    }
}

#[test]
fn a_blocked_node_is_seen_at_a_glance() {
    let _alone = alone();
    let Some(shown) = window("#f=t15&s=time") else { return };
    shown.browser.settle();
    // In true time, five of the seven seconds of every participant are painted as doubt.
    let script = "const pen = document.getElementById('canvas').getContext('2d'), height = document.getElementById('canvas').height; \
        const ground = [...pen.getImageData(3, 40, 1, 1).data].join(); const found = {}; \
        for (const strip of window.__sb.layout().strips) { if (strip.about !== 't15') continue; \
          const x = window.__sb.xOf(strip.node); let painted = 0; \
          for (let y = Math.ceil(strip.y0) + 2; y < strip.y1 - 2 && y < height; y++) painted += [...pen.getImageData(x + 3, y, 1, 1).data].join() !== ground ? 1 : 0; \
          const after = [...pen.getImageData(x + 4, Math.round(strip.y1) + 40, 1, 1).data].join() !== ground; \
          found[strip.node] = {share: painted / (Math.floor(strip.y1) - Math.ceil(strip.y0) - 3), after}; } return found";
    let found = shown.browser.script(script);
    for node in ["p1", "p2", "p3"] {
        assert!(found[node]["share"].as_f64().expect("a share") > 0.98, "{node}: {found}");
        assert_eq!(found[node]["after"], false, "{node} is free afterwards: {found}");
    }
}

#[test]
fn the_overview_alone_says_who_is_blocked_on_what_from_when_to_when() {
    let _alone = alone();
    let Some(shown) = window("") else { return };
    shown.browser.settle();
    let bars = shown.ask("window.__sb.bars()");
    let of = |what: &str| -> Vec<Value> {
        let bars = bars.as_array().expect("a list").iter();
        bars.filter(|one| one["about"] == what).cloned().collect()
    };
    let dead = of("down");
    assert_eq!(dead.len(), 1, "only the coordinator dies: {bars}");
    assert_eq!(dead[0]["node"], "c");
    let blocked = of("t15");
    let who: BTreeSet<&str> = blocked.iter().filter_map(|one| one["node"].as_str()).collect();
    assert_eq!(who, BTreeSet::from(["p1", "p2", "p3"]));
    assert_eq!(blocked.len(), 3, "each of them once");
    // A bar covers its span of the width, in its lane, and says the name and the two instants.
    let wide = shown.number("document.getElementById('minimap').clientWidth") as f64;
    let end = shown.run.end.end.as_nanos() as f64;
    let number = |one: &Value, key: &str| one[key].as_f64().expect("a number");
    for one in &blocked {
        for (edge, instant) in [("x0", "since"), ("x1", "until")] {
            let x = number(one, instant) / end * wide;
            assert!((number(one, edge) - x).abs() < 12.0, "{edge}: {x} in {one}");
        }
        let inside = (number(one, "x0") + 4.0, number(one, "x1") - 4.0);
        let script = "const [x, y] = arguments; return [...document.getElementById('minimap').getContext('2d').getImageData(x, y, 1, 1).data].slice(0, 3).join()";
        let pixel = |x: f64| {
            shown.browser.script_with(script, &json!([x.round(), number(one, "y").round() - 4.0]))
        };
        assert_eq!(pixel(inside.1), pixel((inside.1 + inside.0) * 0.9), "{one}");
        assert_ne!(pixel(inside.1), pixel(inside.1 + 20.0), "{one}");
        let text = one["text"].as_str().expect("a text");
        assert!(text.contains("t15") && text.contains("5.2"), "{text}");
        assert!(number(one, "until") - number(one, "since") > 5e9);
    }
}

#[test]
fn every_event_has_exactly_one_row() {
    let _alone = alone();
    let Some(shown) = window("#f=") else { return };
    let all: Vec<u64> = shown.run.entries.iter().map(|entry| u64::from(entry.event.0)).collect();
    let layout = shown.layout();
    assert_eq!(numbers(&layout["shown"]), all);
    let heights: Vec<f64> = layout["y"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|y| y.as_f64().expect("a height"))
        .collect();
    assert!(heights.windows(2).all(|pair| pair[0] <= pair[1]), "time runs down");
    for arrow in layout["arrows"].as_array().expect("a list") {
        assert!(
            arrow["y0"].as_f64() <= arrow["y1"].as_f64(),
            "no message arrives before it left: {arrow}"
        );
    }
    let walk = "const box = document.getElementById('rows'), seen = new Map(); \
        for (let top = 0; top < box.scrollHeight; top += 180) { box.scrollTop = top; box.dispatchEvent(new Event('scroll')); \
          for (const row of box.querySelectorAll('tr[data-row]')) seen.set(row.getAttribute('aria-rowindex'), \
            [row.dataset.key, row.cells[1].textContent, row.cells[2].textContent, row.cells[4].textContent]); } \
        return [...seen]";
    let rows = shown.browser.script(walk);
    let rows = rows.as_array().expect("a list");
    assert_eq!(rows.len(), shown.run.entries.len());
    let words = Words::of(&shown.run);
    for (place, (row, entry)) in rows.iter().zip(&shown.run.entries).enumerate() {
        assert_eq!(row[0], (place + 2).to_string(), "rows are numbered in order");
        assert_eq!(row[1][0], entry.event.0.to_string());
        let seconds = format!("{:.6} s", entry.at.as_nanos() as f64 / 1e9);
        assert_eq!(row[1][1], seconds);
        let what = row[1][3].as_str().expect("a text");
        assert!(words.line(entry).ends_with(what), "{what} in {}", words.line(entry));
    }
    assert_eq!(
        shown.ask("document.querySelector('#rows table').getAttribute('aria-rowcount')"),
        (all.len() + 1).to_string()
    );
}

#[test]
fn choosing_evidence_shows_it_everywhere() {
    let _alone = alone();
    let Some(shown) = window("") else { return };
    let cited = shown.ask("[...document.querySelectorAll('.evidence button')].map((one) => Number(one.dataset.event))");
    let cited = numbers(&cited);
    assert!(cited.len() >= 2);
    assert_eq!(shown.selected(), cited[0], "the first piece of evidence is chosen at the start");
    for event in cited {
        shown.press(&format!(".evidence button[data-event='{event}']"));
        shown.browser.settle();
        assert_eq!(shown.selected(), event);
        let row = "document.querySelector('#rows tr[aria-selected=true]').dataset.key";
        assert_eq!(shown.ask(row), event.to_string());
        assert!(shown.text("#panel").contains(&format!("#{event} of")));
        assert!(shown.text("#live").contains(&format!("event {event} of")));
        let seen = format!(
            "(() => {{ const l = window.__sb.layout(), y = l.y[l.shown.indexOf({event})], s = document.getElementById('scroller'); \
             return y > s.scrollTop && y < s.scrollTop + s.clientHeight; }})()"
        );
        assert_eq!(shown.ask(&seen), true, "#{event} is in the window of the diagram");
        // The states that are told are those of the node it happened at, after its step.
        shown.press("#tab-state");
        shown.browser.settle();
        let who = shown.run.entries[event as usize - 1].who;
        assert_eq!(
            shown.number("document.getElementById('state-node').value * 1"),
            u64::from(who.0)
        );
        let told = shown.text("#panel .bar");
        let after: Vec<u64> = told
            .split('#')
            .skip(1)
            .filter_map(|part| part.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok())
            .collect();
        assert!(after[0] <= event && event <= after[after.len() - 1], "{told}");
        shown.press("#tab-event");
    }
    // And back: a click on an event in the diagram chooses it.
    let script = "const l = window.__sb.layout(), s = document.getElementById('scroller'), box = s.getBoundingClientRect(); \
        const k = l.y.findIndex((y, k) => y > s.scrollTop + 60 && y < s.scrollTop + 300 && window.__sb.placeOf(l.shown[k]) !== null); \
        const [x, y] = window.__sb.placeOf(l.shown[k]); return [l.shown[k], box.left + x - s.scrollLeft, box.top + y - s.scrollTop]";
    shown.browser.script("document.getElementById('scroller').scrollIntoView()");
    let place = shown.browser.script(script);
    let at = |nth: usize| place[nth].as_f64().expect("a number");
    shown.browser.click(at(1), at(2));
    shown.browser.settle();
    assert_eq!(shown.selected(), at(0) as u64);
}

/// Whether an event is about a word, by cause and by place, the slow way.
struct Order<'a> {
    run: &'a Run,
    before: Vec<Option<usize>>,
}

impl<'a> Order<'a> {
    fn of(run: &'a Run) -> Self {
        let mut latest: BTreeMap<u16, usize> = BTreeMap::new();
        let mut before = Vec::new();
        for (place, entry) in run.entries.iter().enumerate() {
            let everywhere =
                matches!(entry.kind, Kind::Cut | Kind::Mend | Kind::Refuse | Kind::Heal);
            if everywhere || matches!(entry.kind, Kind::Lose(_)) {
                before.push(None);
            } else {
                before.push(latest.insert(entry.who.0, place));
            }
        }
        Self { run, before }
    }

    fn cause(&self, place: usize) -> Option<usize> {
        let cause = self.run.entries[place].cause;
        (cause != EventId(0) && (cause.0 as usize) <= place).then(|| cause.0 as usize - 1)
    }

    /// Everything before an event: along causes only, or along places too.
    fn past(&self, place: usize, places_too: bool) -> BTreeSet<usize> {
        let (mut past, mut open) = (BTreeSet::new(), vec![place]);
        while let Some(one) = open.pop() {
            let parents = [self.cause(one), self.before[one].filter(|_| places_too)];
            open.extend(parents.into_iter().flatten().filter(|parent| past.insert(*parent)));
        }
        past
    }
}

#[test]
fn sequences_and_cones_are_those_of_the_trace() {
    let _alone = alone();
    let Some(shown) = window("#f=") else { return };
    let (order, words) = (Order::of(&shown.run), Words::of(&shown.run));
    let lines: Vec<String> = shown.run.entries.iter().map(|entry| words.line(entry)).collect();
    let with = |word: &str| -> BTreeSet<usize> {
        (0..lines.len()).filter(|place| lines[*place].contains(word)).collect()
    };
    let then = |first: &BTreeSet<usize>, word: &str, places_too: bool| -> BTreeSet<usize> {
        let follows = |place: &usize| !order.past(*place, places_too).is_disjoint(first);
        with(word).into_iter().filter(follows).collect()
    };
    let yes = then(&with("Prepare("), "Yes(", false);
    let late = then(&yes, "Decide(", true);
    for (query, expected) in [
        ("Prepare(", with("Prepare(")),
        ("Prepare( -> Yes(", yes.clone()),
        ("Prepare( -> Yes( ->> Decide(", late),
        ("crashes ->> Inquire(t15", then(&with("crashes"), "Inquire(t15", true)),
        ("Decided( -> Prepare(", then(&with("Decided("), "Prepare(", false)),
    ] {
        shown.fill("#search", query);
        let told = numbers(&shown.ask("window.__sb.found()"));
        let expected: Vec<u64> = expected.iter().map(|place| *place as u64 + 1).collect();
        assert_eq!(told, expected, "{query}");
    }
    assert!(!yes.is_empty());
    shown.fill("#search", "Prepare( -> Yes(");
    shown.press("#next");
    assert_eq!(shown.selected(), {
        let here = 1;
        yes.iter().map(|place| *place as u64 + 1).find(|event| *event > here).expect("one")
    });
    for event in [1071, 3689, 2000] {
        let cone = numbers(&shown.ask(&format!("window.__sb.cone({event})")));
        let past = order.past(event - 1, true);
        for (place, told) in cone.iter().enumerate() {
            let expected = if place == event - 1 {
                3
            } else if past.contains(&place) {
                1
            } else if place > event - 1 && order.past(place, true).contains(&(event - 1)) {
                2
            } else {
                0
            };
            if place % 7 == 0 || expected == 1 {
                assert_eq!(*told, expected, "#{} from #{event}", place + 1);
            }
        }
    }
}

#[test]
fn the_state_of_any_node_at_any_step_is_that_of_the_world() {
    let _alone = alone();
    let Some(shown) = window("#f=&tab=state") else { return };
    let mut stepper = Stepper::new(&shown.plan, Seed(1));
    let nodes = shown.run.catalog.nodes.len() as u16;
    let read = "const fields = {}; for (const row of document.querySelectorAll('#panel .state tr')) { \
        const value = row.cells[1].cloneNode(true); value.querySelectorAll('del').forEach((one) => one.remove()); \
        fields[row.dataset.field] = {value: value.textContent, changed: row.classList.contains('changed')}; } return fields";
    for event in [3862_u32, 1, 4, 100, 1071, 1200, 3689, 2500, 700] {
        let stop = stepper.stop_of(EventId(event));
        for node in 0..nodes {
            let name = shown.run.catalog.node(NodeId(node));
            shown.browser.script_with(
                "const [hash] = arguments; location.hash = hash; window.dispatchEvent(new HashChangeEvent('hashchange'))",
                &json!([format!("#e={event}&f=&tab=state&n={name}")]),
            );
            let told = shown.browser.script(read);
            stepper.go(stop);
            let now = stepper.world().look(NodeId(node));
            for (field, value) in &now.state {
                assert_eq!(
                    told[field]["value"],
                    value.as_str(),
                    "{field} of {name} after #{event}"
                );
            }
            if now.state.is_empty() {
                assert!(
                    told["condition"]["value"].as_str().is_some_and(|told| told.contains("down")),
                    "{told}"
                );
            }
            if stop > 0 {
                stepper.go(stop - 1);
                let old: BTreeMap<String, String> =
                    stepper.world().look(NodeId(node)).state.into_iter().collect();
                for (field, value) in &now.state {
                    let changed = old.get(field).is_none_or(|old| old != value);
                    assert_eq!(told[field]["changed"], changed, "{field} of {name} after #{event}");
                }
            }
        }
    }
    shown.is_quiet();
}

#[test]
fn everything_can_be_done_with_keys() {
    let _alone = alone();
    let Some(shown) = window("#f=") else { return };
    let press = |keys: &str| {
        shown.browser.keys(keys);
        shown.selected()
    };
    assert_eq!(press("j"), 1);
    assert_eq!(press("jj"), 3);
    assert_eq!(press("k"), 2);
    let there = press("l");
    let place = |event: u64| shown.run.entries[event as usize - 1].who;
    assert!(there > 2 && place(there) == place(2), "the next one at the same place");
    assert_eq!(press("h"), 2);
    let evidence = press("v");
    assert_eq!(place(evidence).0, 3, "evidence is at p3");
    assert!(press("v") > evidence);
    press("f");
    assert!(shown.hash().contains("cone=past"));
    press("F");
    assert!(shown.hash().contains("cone=future"));
    press("c");
    assert!(shown.hash().contains("cone=concurrent"));
    press("s");
    assert!(shown.hash().contains("tab=state"));
    press("x");
    assert!(shown.hash().contains("hide=p3"), "{}", shown.hash());
    press("a");
    assert!(!shown.hash().contains("hide="));
    press("0");
    assert!(shown.hash().contains("s=time"));
    press("+");
    assert!(shown.hash().contains("z=1.5"));
    press("1");
    assert!(!shown.hash().contains("s=time") && !shown.hash().contains("z="));
    press("/");
    assert_eq!(shown.ask("document.activeElement.id"), "search");
    press("crashes\u{e007}");
    let crash = shown.run.entries.iter().find(|entry| entry.kind == Kind::Crash).expect("one");
    assert_eq!(shown.selected(), u64::from(crash.event.0), "Enter goes to what is found");
    press("\u{e00c}\u{e00c}");
    press("?");
    assert_eq!(shown.ask("document.getElementById('help').open"), true);
    press("\u{e00c}");
    assert_eq!(shown.ask("document.getElementById('help').open"), false);
    // In the table itself, arrows move and the focus follows.
    shown.browser.script("document.querySelector('#rows tr[tabindex=\"0\"]').focus()");
    let before = shown.selected();
    assert_eq!(press("\u{e015}"), before + 1);
    assert_eq!(shown.ask("document.activeElement.dataset.key"), (before + 1).to_string());
    shown.is_quiet();
}

#[test]
fn filters_hide_and_count_and_hidden_places_leave_bridges() {
    let _alone = alone();
    let Some(shown) = window("#f=") else { return };
    let all = shown.run.entries.len();
    assert!(shown.text("#count").contains(&format!("all {all} events")));
    shown.press("#kinds input[value=Step]");
    let steps = shown.run.entries.iter().filter(|entry| entry.kind == Kind::Step).count();
    assert!(shown.text("#count").starts_with(&format!("{} of {all}", all - steps)));
    assert_eq!(numbers(&shown.layout()["shown"]).len(), all - steps);
    shown.press("#everything");
    assert!(shown.text("#count").contains(&format!("all {all} events")));
    let bridges = |layout: &Value| {
        let arrows = layout["arrows"].as_array().expect("a list").clone();
        arrows.into_iter().filter(|one| one["kind"] == "bridge").collect::<Vec<_>>()
    };
    assert!(bridges(&shown.layout()).is_empty());
    shown.press("#nodes input[value='0']");
    let layout = shown.layout();
    assert!(!layout["columns"].as_array().expect("a list").contains(&json!("c")));
    let found = bridges(&layout);
    assert!(!found.is_empty(), "what went through the hidden coordinator is still connected");
    let order = Order::of(&shown.run);
    for bridge in found {
        let place = |key: &str| bridge[key].as_f64().expect("a number") as usize - 1;
        assert!(order.past(place("arrival"), true).contains(&place("sent")), "{bridge}");
    }
    shown.press("#everything");
    shown.fill("#search", "kind=crash");
    shown.press("#only");
    let crashes = shown.run.entries.iter().filter(|entry| entry.kind == Kind::Crash).count();
    assert_eq!(numbers(&shown.layout()["shown"]).len(), crashes);
    shown.is_quiet();
}

/// Which events the drawn arrows of a kind arrive at.
fn arrivals(layout: &Value, kind: &str) -> BTreeSet<u64> {
    let arrows = layout["arrows"].as_array().expect("a list").iter();
    let of_kind = arrows.filter(|one| one["kind"] == kind);
    of_kind.map(|one| one["arrival"].as_f64().expect("a number") as u64).collect()
}

#[test]
fn lost_and_copied_messages_are_drawn_as_such() {
    let _alone = alone();
    let plan = plan_of(LATE, &[]);
    let Some(shown) = shown(plan, &PageOptions::default(), "#f=") else { return };
    let mut seen = BTreeSet::new();
    let arrived =
        shown.run.entries.iter().filter(|one| one.kind == Kind::Deliver && one.who != one.peer);
    let copies = arrived.filter(|one| !seen.insert(one.cause));
    let copies: BTreeSet<u64> = copies.map(|one| u64::from(one.event.0)).collect();
    assert!(!copies.is_empty());
    assert_eq!(arrivals(&shown.layout(), "copy"), copies);
    let Some(shown) = window("#f=") else { return };
    let lost = shown.run.entries.iter().filter(|one| matches!(one.kind, Kind::Lose(_)));
    let lost: BTreeSet<u64> = lost.map(|one| u64::from(one.event.0)).collect();
    assert!(!lost.is_empty());
    assert_eq!(arrivals(&shown.layout(), "lost"), lost);
}

#[test]
fn votes_that_come_after_the_coordinator_gave_up_are_drawn_as_late() {
    let _alone = alone();
    // A vote may be under way for 100 ms on each leg; a deadline below that is missed by many.
    let plan = plan_of(LATE, &[("protocol.vote_deadline", "\"60ms\"")]);
    let Some(shown) = shown(plan, &PageOptions::default(), "#f=") else { return };
    let run = &shown.run;
    let mut gave_up: BTreeMap<(u16, String), u64> = BTreeMap::new();
    for signal in &run.signals {
        if let What::Stated(node, Fact::TimedOut(txn)) = signal.what {
            gave_up.entry((node.0, txn.to_string())).or_insert(signal.at.as_nanos());
        }
    }
    let (words, mut first) = (Words::of(run), BTreeSet::new());
    let arrived = run
        .entries
        .iter()
        .filter(|one| one.kind == Kind::Deliver && one.who != one.peer && first.insert(one.cause));
    let is_late = |one: &&splitbrain::engine::trace::Entry| {
        let line = words.line(one);
        let sent = run.entries[one.cause.0 as usize - 1].at.as_nanos();
        let mut names = line.split(|c: char| !c.is_ascii_alphanumeric());
        names.any(|name| {
            let at = gave_up.get(&(one.who.0, name.to_owned()));
            at.is_some_and(|at| sent <= *at && *at < one.at.as_nanos())
        })
    };
    let late: BTreeSet<u64> = arrived.filter(is_late).map(|one| u64::from(one.event.0)).collect();
    assert!(late.len() > 5, "some votes come after the coordinator gave up");
    assert_eq!(arrivals(&shown.layout(), "late"), late);
}

#[test]
fn a_view_comes_back_from_its_address() {
    let _alone = alone();
    let Some(shown) = window("#f=") else { return };
    for hash in [
        "#e=1071&f=t15&r=0&tab=state&n=p2",
        "#e=100&f=&q=Prepare+-%3E+Yes&only=1&hide=p1%2Cclient1&kinds=Step%2CTimer&s=order",
        "#e=20&f=&cone=past&s=time&z=2.000&tab=scenario",
    ] {
        shown.browser.open_file(&shown.path, hash);
        assert_eq!(shown.hash(), hash);
        let before = shown.layout();
        shown.browser.script("location.reload()");
        shown.browser.settle();
        assert_eq!(shown.hash(), hash);
        assert_eq!(shown.layout(), before);
    }
    // An address that makes no sense is as good as none.
    shown.browser.open_file(&shown.path, "#e=999999&hide=nobody&s=sideways&z=-3&tab=<b>&n=x&f=");
    assert_eq!(shown.selected(), 0);
    assert_eq!(numbers(&shown.layout()["shown"]).len(), shown.run.entries.len());
    shown.is_quiet();
}

#[test]
fn hostile_names_are_only_shown() {
    let _alone = alone();
    let registry = Registry::built_in().with_protocol::<hostile::Hostile>();
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let text = format!(
        "// {evil} <!-- <script>\nScenario(title: \"{evil}\", protocol: Hostile(), network: (latency: Fixed(\"1ms\")),\n\
         workload: Transfers(clients: 1, rate: \"50/s\", accounts: 3, until: \"1s\"),\n\
         faults: [(id: \"{odd}\", when: At(\"200ms\"), do: Cut(groups: [Nodes([\"{evil}\"]), Rest], for: \"100ms\"))],\n\
         checks: [Durability], run: (for: \"2s\"))",
        evil = quoted(hostile::EVIL),
        odd = quoted(hostile::QUOTED),
    );
    let plan = load(&registry, "hostile", &Edited::new(text))
        .unwrap_or_else(|error| panic!("{:?}", error.mistakes));
    let options = PageOptions {
        command: hostile::EVIL.to_owned(),
        expected: hostile::QUOTED.to_owned(),
        ..PageOptions::default()
    };
    let Some(shown) = shown(plan, &options, "") else { return };
    assert_eq!(shown.text("h1"), hostile::EVIL, "it is shown as it is");
    let names = shown.ask("window.__sb.layout().columns");
    assert!(names.as_array().expect("a list").contains(&json!(hostile::QUOTED)), "{names}");
    for tab in ["state", "operations", "checks", "charts", "scenario", "event"] {
        shown.press(&format!("#tab-{tab}"));
        shown.browser.keys("jjjjjj");
        shown.browser.settle();
    }
    shown.fill("#search", hostile::EVIL);
    shown.fill("#focus", hostile::QUOTED);
    shown.press("#everything");
    let strangers = "document.querySelectorAll('script:not([type])').length === 1 && \
        [...document.querySelectorAll('img')].every((one) => one.src.startsWith('data:image/svg+xml')) && \
        document.querySelectorAll('svg, [onerror], [onload], iframe, object').length === 0";
    assert_eq!(shown.ask(strangers), true, "no element came of a name");
    assert_eq!(shown.ask("typeof window.pwned"), "undefined");
    shown.is_quiet();
    // The second fence holds by itself: a script that somebody got in does not run.
    shown.browser.script(
        "const one = document.createElement('script'); one.textContent = 'window.pwned = 4'; document.body.append(one); \
         const box = document.createElement('div'); box.innerHTML = '<img src=x onerror=window.pwned=5>'; document.body.append(box);",
    );
    shown.browser.settle();
    assert_eq!(shown.ask("typeof window.pwned"), "undefined");
    assert!(shown.browser.console().iter().any(|line| line.contains("Content Security Policy")));
}

#[test]
fn it_is_light_and_dark_and_fits_a_narrow_window() {
    let _alone = alone();
    let Some(shown) = window("") else { return };
    let ground = || shown.ask("getComputedStyle(document.body).backgroundColor").to_string();
    let canvas = || {
        shown.ask("[...document.getElementById('canvas').getContext('2d').getImageData(3, 40, 1, 1).data].slice(0, 3).join()").to_string()
    };
    shown.browser.prefer("light");
    shown.browser.settle();
    assert_eq!(
        (ground().as_str(), canvas().as_str()),
        ("\"rgb(255, 255, 255)\"", "\"255,255,255\"")
    );
    shown.browser.prefer("dark");
    shown.browser.settle();
    assert_eq!((ground().as_str(), canvas().as_str()), ("\"rgb(20, 23, 26)\"", "\"20,23,26\""));
    shown.press("#theme");
    shown.browser.settle();
    assert_eq!(canvas(), "\"255,255,255\"", "the reader's choice outweighs the system's");
    for width in [320, 480, 900] {
        shown.browser.size(width, 900);
        for tab in ["event", "state", "operations", "checks", "charts", "scenario"] {
            shown.press(&format!("#tab-{tab}"));
            shown.browser.settle();
            let wide = shown.number("document.documentElement.scrollWidth");
            assert!(wide <= u64::from(width), "{tab} at {width}: {wide}");
        }
    }
    let small = "[...document.querySelectorAll('button, summary, select, [role=tab]')].filter((one) => one.offsetParent && \
        (one.getBoundingClientRect().height < 24 || one.getBoundingClientRect().width < 24)).map((one) => one.textContent)";
    assert_eq!(shown.ask(small), json!([]), "every target is large enough");
    shown.is_quiet();
}

#[test]
fn on_paper_are_the_verdicts_and_no_controls() {
    let _alone = alone();
    let Some(shown) = window("") else { return };
    shown.browser.print_media();
    let seen = |selector: &str| {
        shown.ask(&format!("document.querySelector('{selector}').getClientRects().length > 0"))
    };
    for selector in [".chips", ".evidence", ".story"] {
        assert_eq!(seen(selector), true, "{selector}");
    }
    for selector in [".scrub", "#filters", ".tools", "#canvas", "#rows"] {
        assert_eq!(seen(selector), false, "{selector}");
    }
    assert_eq!(shown.browser.printed_pages(), 1);
}

#[test]
fn those_who_see_nothing_have_the_table_and_hear_what_is_chosen() {
    let _alone = alone();
    let Some(shown) = window("#f=") else { return };
    shown.browser.keys("j");
    shown.browser.settle();
    let nodes = shown.browser.accessible();
    let roles: BTreeSet<&str> =
        nodes.iter().filter_map(|node| node["role"]["value"].as_str()).collect();
    for role in [
        "table",
        "row",
        "columnheader",
        "status",
        "tablist",
        "tab",
        "tabpanel",
        "search",
        "slider",
        "heading",
    ] {
        assert!(roles.contains(role), "{role} in {roles:?}");
    }
    assert!(!roles.contains("Canvas"), "the pictures are for those who see");
    assert!(shown.text("#live").starts_with("event 1 of 3862"));
    let nameless: Vec<&Value> = nodes
        .iter()
        .filter(|node| {
            let role = node["role"]["value"].as_str().unwrap_or_default();
            let named = node["name"]["value"].as_str().is_some_and(|name| !name.trim().is_empty());
            ["button", "textbox", "searchbox", "combobox", "checkbox", "slider", "tab"]
                .contains(&role)
                && !named
        })
        .collect();
    assert!(nameless.is_empty(), "{nameless:?}");
}

#[test]
fn fifty_thousand_events_open_in_under_three_seconds() {
    let _alone = alone();
    let sets =
        [("workload.rate", "\"900/s\""), ("workload.until", "\"10s\""), ("run.for", "\"12s\"")];
    let plan = plan_of(HAPPY, &sets);
    let options = PageOptions { events_max: 50_000, ..PageOptions::default() };
    let Some(shown) = shown(plan, &options, "#f=") else { return };
    let all = shown.run.entries.len();
    assert!(all > 50_000, "{all}");
    let began = Instant::now();
    shown.browser.open_file(&shown.path, "#f=");
    shown.browser.settle();
    let opened = began.elapsed();
    assert!(opened.as_secs_f64() < 3.0, "it took {opened:?}");
    assert_eq!(numbers(&shown.layout()["shown"]).len(), 50_000);
    let frame = "const began = performance.now(); for (let k = 0; k < 10; k++) { \
        document.getElementById('scroller').scrollTop = k * 40000; window.__sb.paint(); } return (performance.now() - began) / 10";
    let frame = shown.browser.script(frame).as_f64().expect("a time");
    assert!(frame < 100.0, "a frame took {frame} ms");
    assert!(shown.text("#window").contains("only"), "the page says what it leaves out");
    let counted =
        shown.number("window.__sb.overview.counts.flat().reduce((sum, one) => sum + one, 0)");
    assert_eq!(counted, all as u64, "the overview is complete");
    eprintln!(
        "{all} events: opened in {opened:?}, {frame:.1} ms a frame, {} bytes",
        std::fs::metadata(&shown.path).expect("it is there").len()
    );
    shown.is_quiet();
}

#[test]
fn of_two_hundred_thousand_events_those_around_the_violation_are_told() {
    let _alone = alone();
    let sets = [
        ("workload.rate", "\"200/s\""),
        ("workload.accounts", "3000"),
        ("workload.until", "\"14s\""),
        ("run.for", "\"20s\""),
        ("faults.window.when", "Before(event: Step(\"ForceDecision\"), nth: 1500)"),
        ("faults.weather.do.for", "\"5ms\""),
    ];
    let plan = plan_of(WINDOW, &sets);
    let Some(shown) = shown(plan, &PageOptions::default(), "#f=") else { return };
    let all = shown.run.entries.len();
    assert!(all > 200_000, "{all}");
    let began = Instant::now();
    shown.browser.open_file(&shown.path, "#f=");
    shown.browser.settle();
    let opened = began.elapsed();
    assert!(opened.as_secs_f64() < 3.0, "it took {opened:?}");
    // The window holds the evidence, and what came before it is three quarters of it.
    let told = numbers(&shown.layout()["shown"]);
    let (first, last) = (told[0], told[told.len() - 1]);
    assert_eq!((told.len(), last - first), (50_000, 49_999));
    let cited = shown.run.judgements.iter().find_map(|one| match &one.verdict {
        Verdict::Violated(witness) => witness.citations.iter().map(|one| one.event.0).min(),
        _ => None,
    });
    let cited = u64::from(cited.expect("somebody is blocked"));
    assert!(40_000 < first, "it is far from the beginning: {first}");
    assert_eq!(cited - first, 37_500, "#{cited} in the window from #{first}");
    let buttons = shown.ask("[...document.querySelectorAll('.evidence button')].map((one) => Number(one.dataset.event))");
    assert_eq!(numbers(&buttons)[0], cited);
    shown.press(&format!(".evidence button[data-event='{cited}']"));
    shown.press("#tab-state");
    shown.browser.settle();
    assert_eq!(shown.selected(), cited);
    // The state there is that of the world.
    let who = NodeId(shown.run.entries[cited as usize - 1].who.0);
    let mut stepper = Stepper::new(&shown.plan, Seed(1));
    stepper.go(stepper.stop_of(EventId(cited as u32)));
    let now = stepper.world().look(who).state;
    let (field, value) = now.iter().find(|(field, _)| field == "in_doubt").expect("a field");
    let script = format!(
        "(() => {{ const cell = document.querySelector('#panel .state tr[data-field={field}]').cells[1].cloneNode(true); \
         cell.querySelectorAll('del').forEach((one) => one.remove()); return cell.textContent; }})()"
    );
    assert_eq!(shown.ask(&script), value.as_str());
    // What is not told in detail is counted, but for what happens nowhere and is a band.
    let nowhere = |kind: Kind| matches!(kind, Kind::Cut | Kind::Mend | Kind::Refuse | Kind::Heal);
    let placed = shown.run.entries.iter().filter(|entry| !nowhere(entry.kind)).count();
    assert!(placed < all, "the network was cut");
    let counted =
        shown.number("window.__sb.overview.counts.flat().reduce((sum, one) => sum + one, 0)");
    assert_eq!(counted, placed as u64, "the overview is complete");
    assert!(shown.text("#window").contains("only"), "the page says what it leaves out");
    let frame = "const began = performance.now(); for (let k = 0; k < 10; k++) { \
        document.getElementById('scroller').scrollTop = k * 40000; window.__sb.paint(); } return (performance.now() - began) / 10";
    let frame = shown.browser.script(frame).as_f64().expect("a time");
    assert!(frame < 100.0, "a frame took {frame} ms");
    eprintln!(
        "{all} events: opened in {opened:?}, {frame:.1} ms a frame, {} bytes",
        std::fs::metadata(&shown.path).expect("it is there").len()
    );
    shown.is_quiet();
}
