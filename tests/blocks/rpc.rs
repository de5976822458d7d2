//! What calls promise, judged at the end of runs by what all disks and all clients say.
//!
//! ```text
//!   accepted at callers ──▶ effects at servers, each at most once ──▶ the same answer ──▶ clients
//!      └── every one is answered in the end, or was never sent and has no effect
//! ```

use crate::{
    desk::{Config, Desk, HedgeTo, How, Step},
    weather::{Appends, calm, crashing, lossy},
};
use splitbrain::{
    base::{
        ids::{NodeId, Seed},
        quantity::Probability,
        time::{Duration, Time},
    },
    blocks::{
        remembered::Window,
        rpc::{BreakerPolicy, CallId, Hedge, Jitter, Retry, Settings},
    },
    engine::{
        network::Endpoint,
        operations::Ending,
        protocol::Step as _,
        runner::{Configured, Simulation, With},
        setup::Setup,
        trace::Recording,
        world::World,
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

pub(crate) fn config(change: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::default();
    change(&mut config);
    config
}

pub(crate) fn world(config: Config, setup: Setup) -> World<Desk> {
    With::new(config).world(Arc::new(setup))
}

pub(crate) fn run(world: &mut World<Desk>, seed: u64) {
    world.reset(Seed(seed), Recording::HashOnly);
    world.run(&mut ());
}

pub(crate) fn label(name: &str) -> usize {
    let catalog = With::<Desk>::new(Config::default()).catalog();
    usize::from(catalog.messages.find(name).expect("a label of the host"))
}

/// What all disks say at the end.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) accepted: BTreeSet<CallId>,
    pub(crate) ended: BTreeMap<CallId, How>,
    pub(crate) letters: usize,
    /// Of all servers.
    pub(crate) effects: BTreeMap<CallId, Vec<i64>>,
    clients: Vec<(CallId, Ending)>,
}

pub(crate) fn look(world: &World<Desk>, config: &Config) -> Told {
    let mut told = Told::default();
    for node in 0..config.callers + config.servers {
        match world.state(NodeId(node)) {
            Desk::Caller(calling) => {
                told.accepted.extend(calling.accepted.keys().copied());
                told.ended.extend(calling.ended.iter().map(|(id, how)| (*id, *how)));
                told.letters += calling.letters.iter().count();
            }
            Desk::Server(serving) => {
                for (id, answer) in &serving.effects {
                    told.effects.entry(*id).or_default().push(*answer);
                }
            }
        }
    }
    let ended = world.history().iter().filter_map(|e| Some((e.op, e.ending?.1)));
    told.clients.extend(ended.map(|(op, ending)| (CallId(op.0.into()), ending)));
    told
}

impl Told {
    /// The property that fell, if one did.
    pub(crate) fn falls(&self) -> Option<&'static str> {
        let effect = |id: &CallId| self.effects.get(id).map_or(0, Vec::len);
        if self.effects.keys().any(|id| !self.accepted.contains(id)) {
            return Some("no_stranger");
        }
        let answered = |id: &CallId| matches!(self.ended.get(id), Some(How::Answered(_)));
        let refused = |(id, how): (&CallId, &How)| *how == How::NeverSent && effect(id) > 0;
        let not_done =
            |(id, ending): &(CallId, Ending)| *ending == Ending::NotDone && effect(id) > 0;
        if self.ended.iter().any(refused) || self.clients.iter().any(not_done) {
            return Some("never_sent");
        }
        if self.effects.values().any(|answers| answers.len() > 1) {
            return Some("at_most_once");
        }
        let agree = |id: &CallId, answer: i64| self.effects.get(id).is_some_and(|a| *a == [answer]);
        let agrees = |(id, how): (&CallId, &How)| match how {
            How::Answered(answer) => agree(id, *answer),
            How::NeverSent => true,
        };
        let heard = |(id, ending): &(CallId, Ending)| match ending {
            Ending::Ok(answer) => agree(id, answer.expect("an answer is a sum")),
            Ending::NotDone | Ending::Unknown => true,
        };
        if !self.ended.iter().all(agrees) || !self.clients.iter().all(heard) {
            return Some("durable");
        }
        let is_over = |id: &CallId| answered(id) || self.ended.contains_key(id);
        (!self.accepted.iter().all(is_over)).then_some("answered")
    }
}

/// Calls are given up soon, kept as letters, and tried again; breakers open.
fn stubborn() -> Config {
    config(|config| {
        (config.callers, config.servers) = (2, 2);
        config.redrive = Duration::from_millis(150);
        let (base, cap) = (Duration::from_millis(5), Duration::from_millis(40));
        config.calls = Settings {
            timeout: Duration::from_millis(70),
            attempts_max: 3,
            retry: Retry::Exponential { base, cap, jitter: Jitter::Full },
            breaker: BreakerPolicy::On {
                failures: 3,
                window: Duration::from_millis(200),
                open_for: Duration::from_millis(40),
                probes: 1,
            },
            ..Settings::default()
        };
    })
}

fn weather() -> Setup {
    crashing(lossy(calm(Appends::default())), 40, &[])
}

#[test]
fn every_call_has_one_effect_and_one_answer_when_nothing_goes_wrong() {
    let config = stubborn();
    let mut world = world(config.clone(), calm(Appends::default()));
    run(&mut world, 1);
    let told = look(&world, &config);
    assert_eq!((told.falls(), told.accepted.len(), told.effects.len()), (None, 50, 50));
    let requests = world.counters().messages_of(0, label("Call.Request"));
    let responses = world.counters().messages_of(1, label("Call.Response"));
    assert_eq!((requests.sent, responses.sent), (50, 50));
}

#[test]
fn no_call_has_two_effects_or_two_answers_through_loss_repeats_and_crashes() {
    let config = stubborn();
    let mut world = world(config.clone(), weather());
    let [mut accepted, mut refused, mut crashes, mut requests] = [0; 4];
    for seed in 0..400 {
        run(&mut world, seed);
        let told = look(&world, &config);
        assert_eq!((told.falls(), told.letters), (None, 0), "seed {seed}");
        accepted += told.accepted.len() as u64;
        refused += told.ended.values().filter(|how| **how == How::NeverSent).count() as u64;
        crashes += world.counters().nodes.crashes;
        requests += world.counters().messages_of(0, label("Call.Request")).sent;
    }
    assert!(
        accepted > 10_000 && refused > 300 && crashes > 3_000,
        "{accepted} {refused} {crashes}"
    );
    assert!(requests > accepted * 3 / 2, "{requests} for {accepted}");
}

#[test]
fn hedges_to_the_same_server_have_one_effect() {
    let config = config(|config| {
        config.calls.hedge = Hedge::After(Duration::from_millis(5));
        (config.calls.attempts_max, config.hedge) = (u16::MAX, HedgeTo::Same);
    });
    let mut world = world(config.clone(), weather());
    for seed in 0..200 {
        run(&mut world, seed);
        assert_eq!(look(&world, &config).falls(), None, "seed {seed}");
    }
}

/// In this weather every step but one is needed; where letters are tried again, they make up for
/// retries, so retries are tried where there are no letters.
fn trial(step: &str) -> Config {
    let mut config = stubborn();
    if step == "Retry" {
        (config.calls.attempts_max, config.redrive) = (u16::MAX, Duration::ZERO);
        config.calls.breaker = BreakerPolicy::Off;
    }
    config
}

#[test]
fn without_any_one_step_of_a_call_the_property_it_guards_falls() {
    for step in ["ForceAccept", "Retry"] {
        let config = trial(step);
        let mut sound = world(config.clone(), weather());
        for seed in 0..400 {
            run(&mut sound, seed);
            assert_eq!(look(&sound, &config).falls(), None, "seed {seed}");
        }
    }
    for (step, info) in Step::ALL.iter().enumerate() {
        let config = trial(info.name);
        let mut world = world(config.clone(), Setup { ablated: 1 << step, ..weather() });
        let fallen = (0..400).filter_map(|seed| {
            run(&mut world, seed);
            look(&world, &config).falls()
        });
        let fallen: Vec<_> = fallen.collect();
        assert!(fallen.contains(&info.guards), "{} is not load-bearing: {fallen:?}", info.name);
    }
}

/// All answers are lost and repeats come every D: one takes effect again iff the last effect is
/// longer ago than the window w, so the first repeat iff D > w.
#[test]
fn a_late_repeat_has_another_effect_exactly_when_it_is_later_than_the_window() {
    let every = Duration::from_millis(50);
    let spans = [1, every.as_nanos() - 1, every.as_nanos(), every.as_nanos() + 1, 99_999_999];
    for window in spans.map(Duration::from_nanos) {
        for attempts_max in 1..=4 {
            let config = config(|config| {
                config.window = Window::For(window);
                config.calls.timeout = Duration::from_millis(30);
                config.calls.retry = Retry::Fixed(Duration::from_millis(20));
                config.calls.attempts_max = attempts_max;
            });
            let mut setup = calm(Appends { clients: 1, ..Appends::default() });
            (setup.until, setup.heal_at) = (Time::from_millis(21), None);
            lose(&mut setup, 0, 100);
            let mut world = world(config.clone(), setup);
            run(&mut world, 3);
            let period = window.as_nanos() / every.as_nanos() + 1; // In repeats.
            let expected = u64::from(attempts_max).div_ceil(period) as usize;
            let effects = look(&world, &config).effects;
            assert!(!effects.is_empty());
            let as_expected = effects.values().all(|answers| answers.len() == expected);
            assert!(as_expected, "{window:?}, {attempts_max} attempts: {effects:?}");
            assert!(attempts_max != 2 || (expected == 2) == (every > window));
        }
    }
}

/// Shares of requests and of responses, in percent, that are lost between caller 1 and server 1.
pub(crate) fn lose(setup: &mut Setup, requests: u64, responses: u64) {
    let (caller, server) = (Endpoint(0), Endpoint(1));
    for (ends, percent) in [((caller, server), requests), ((server, caller), responses)] {
        let mut link = setup.link.clone();
        link.loss = Probability::from_ratio(percent, 100);
        setup.links.push((ends, link));
    }
}

/// Sends 1/((1−a)(1−b)) and deliveries 1/(1−b) where calls are never given up; (1−(1−s)^k)/s sends
/// and a share of (1−s)^k unknown, with s = (1−a)(1−b), where they have k attempts.
#[test]
fn sends_deliveries_and_unknown_ends_equal_the_closed_forms() {
    for (a, b, attempts_max) in [(10, 10, u16::MAX), (30, 5, u16::MAX), (25, 0, 3), (20, 40, 2)] {
        let config = config(|config| {
            config.calls.retry = Retry::Immediate;
            config.calls.attempts_max = attempts_max;
        });
        let mut setup = calm(Appends { clients: 1, ..Appends::default() });
        (setup.until, setup.end, setup.heal_at) = (Time::from_secs(20), Time::from_secs(60), None);
        lose(&mut setup, a, b);
        let mut world = world(config.clone(), setup);
        let [mut calls, mut sends, mut deliveries, mut unknown] = [0.0; 4];
        for seed in 0..8 {
            run(&mut world, seed);
            let told = look(&world, &config);
            let requests = world.counters().messages_of(0, label("Call.Request"));
            calls += told.accepted.len() as f64;
            sends += requests.sent as f64;
            deliveries += requests.delivered as f64;
            unknown += told.letters as f64;
        }
        let [a, b] = [a, b].map(|percent| percent as f64 / 100.0);
        let success = (1.0 - a) * (1.0 - b);
        let fails = (1.0 - success).powi(i32::from(attempts_max.min(1_000)));
        let mean = (1.0 - fails) / success;
        // No limit on attempts spreads more than any.
        let error = ((1.0 - success) / (success * success) / calls).sqrt();
        assert!((sends / calls - mean).abs() <= 4.0 * error, "{} for {mean}", sends / calls);
        let arrive = mean * (1.0 - a);
        assert!((deliveries / calls - arrive).abs() <= 4.0 * error, "{deliveries} of {calls}");
        let error = (fails * (1.0 - fails) / calls).sqrt();
        assert!((unknown / calls - fails).abs() <= 4.0 * error, "{unknown} of {calls}: {fails}");
    }
}

#[test]
fn a_seed_of_calls_always_runs_alike() {
    let mut first = world(stubborn(), weather());
    let mut second = world(stubborn(), weather());
    run(&mut second, 1); // What ran before does not matter.
    for seed in 0..10 {
        run(&mut first, seed);
        run(&mut second, seed);
        assert_eq!(first.trace().hash(), second.trace().hash());
        assert_eq!(first.digest(), second.digest());
    }
}

#[test]
fn settings_of_calls_read_as_a_scenario_writes_them_and_nonsense_is_refused() {
    let text = r#"(timeout: "50ms", attempts_max: 5, hedge: After("10ms"), budget: Unlimited,
        retry: Exponential(base: "10ms", cap: "2s", jitter: Full),
        breaker: On(failures: 5, window: "1s", open_for: "500ms", probes: 1))"#;
    let settings: Settings = ron::from_str(text).expect("this is how it is written");
    assert_eq!(settings.validate("calls"), []);
    assert!(ron::from_str::<Settings>("(attempts: 3)").is_err());
    let breaker = BreakerPolicy::On {
        failures: 0,
        window: Duration::ZERO,
        open_for: Duration::ZERO,
        probes: 1,
    };
    let bad = Settings { timeout: Duration::ZERO, attempts_max: 0, breaker, ..settings };
    assert_eq!(bad.validate("calls").len(), 5, "and no hedge comes before such a timeout");
}
