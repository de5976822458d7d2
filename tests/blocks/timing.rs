//! When calls do what: pauses, budgets, breakers, hedges, to the nanosecond where nothing is drawn.
//!
//! ```text
//!   client ─1 ms─▶ caller ─1 ms─▶ server ─1 ms─▶ caller      no force takes time
//!   ask at t        attempt at t+1   arrival at t+2   answer at t+3, or timeout at t+1+timeout
//! ```

use crate::{
    desk::{Config, Desk, HedgeTo, How},
    rpc::{config, label, look, lose, run, world},
    weather::sampler,
};
use splitbrain::{
    base::{
        ids::{NodeId, Seed},
        sampler::Law,
        time::{Duration, Time},
    },
    blocks::rpc::{BreakerPolicy, Budget, CallId, Hedge, Jitter, Retry, Settings, State, Why},
    engine::{
        clients::{Again, Draw, Request, Target, Workload},
        faults::{Rule, Span, What, When},
        network::{Direction, Held},
        operations::{Ending, Operation},
        runner::Simulation,
        setup::Setup,
        trace::Recording,
        world::World,
    },
};
use std::sync::Arc;

const CALLER: NodeId = NodeId(0);
const SERVER: NodeId = NodeId(1);

/// One client asks at these milliseconds; its call number n has the id n.
#[derive(Debug)]
struct Asks(Vec<u64>);

impl Workload for Asks {
    fn clients(&self) -> u16 {
        1
    }

    fn first(&self, _: &mut Draw<'_>) -> Duration {
        Duration::from_millis(self.0[0])
    }

    fn next(&self, draw: &mut Draw<'_>) -> Request {
        let nth = draw.nth() as usize;
        let again = self
            .0
            .get(nth + 1)
            .map_or(Again::Never, |next| Again::After(Duration::from_millis(next - self.0[nth])));
        let operation = Operation::Append { key: 0, value: 1 };
        Request { operation, target: Target::Node(CALLER), again }
    }
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn asks(at: impl IntoIterator<Item = u64>) -> Setup {
    let asks = Asks(at.into_iter().collect());
    let end = Time::from_millis(asks.0.last().expect("somebody asks") + 20_000);
    let force = sampler(Law::Fixed(Duration::ZERO));
    let setup = Setup::calm(Arc::new(asks));
    Setup { until: end, end, force, patience: Duration::from_secs(30), ..setup }
}

/// A server that hears everything and whose answers are lost.
fn mute(mut setup: Setup) -> Setup {
    lose(&mut setup, 0, 100);
    setup
}

fn arrivals(world: &World<Desk>, node: NodeId) -> Vec<(Time, CallId)> {
    let Desk::Server(serving) = world.state(node) else { panic!("a server is one") };
    serving.arrivals.clone()
}

fn given_up(world: &World<Desk>) -> Vec<(CallId, Why, u16)> {
    let Desk::Caller(calling) = world.state(CALLER) else { panic!("a caller is one") };
    calling.given_up.clone()
}

/// The pauses before each further attempt of calls to a mute server, by call.
fn pauses(retry: Retry, calls: u64, attempts_max: u16) -> Vec<Vec<u64>> {
    let timeout = millis(10);
    let config = config(|config| {
        config.calls = Settings { timeout, attempts_max, retry, ..Settings::default() };
    });
    let mut world = world(config, mute(asks((0..calls).map(|nth| nth * 7))));
    run(&mut world, 5);
    let unknown: Vec<_> = (1..=calls).map(|id| (CallId(id), Why::Attempts, attempts_max)).collect();
    let mut ended = given_up(&world);
    ended.sort_unstable_by_key(|(id, ..)| *id);
    assert_eq!(ended, unknown, "all attempts are made, and none more");
    let arrivals = arrivals(&world, SERVER);
    let of = |id| {
        let times = arrivals.iter().filter(|(_, known)| *known == CallId(id));
        let times: Vec<_> = times.map(|(at, _)| at.as_nanos()).collect();
        times.windows(2).map(|pair| pair[1] - pair[0] - timeout.as_nanos()).collect()
    };
    (1..=calls).map(of).collect()
}

#[test]
fn silence_ends_a_call_as_unknown_whether_it_happened_or_not() {
    for (requests, responses, effects) in [(100, 0, 0), (0, 100, 1)] {
        let config = Config::default();
        let mut setup = asks([0]);
        lose(&mut setup, requests, responses);
        let mut world = world(config.clone(), setup);
        run(&mut world, 1);
        assert_eq!(given_up(&world), [(CallId(1), Why::Attempts, 5)]);
        let told = look(&world, &config);
        assert_eq!((told.effects.len(), told.ended.len(), told.letters), (effects, 0, 1));
        assert_eq!(world.history()[0].ending.map(|(_, ending)| ending), None, "no guess");
    }
}

#[test]
fn pauses_that_are_not_drawn_are_exact() {
    let base = millis(4);
    let cap = millis(50);
    let doubling = Retry::Exponential { base, cap, jitter: Jitter::None };
    for (retry, expected) in [
        (Retry::Immediate, [0, 0, 0, 0, 0, 0]),
        (Retry::Fixed(millis(3)), [3, 3, 3, 3, 3, 3]),
        (doubling, [4, 8, 16, 32, 50, 50]),
    ] {
        let expected = expected.map(|pause: u64| millis(pause).as_nanos());
        assert!(pauses(retry, 3, 7).iter().all(|pauses| *pauses == expected), "{retry:?}");
    }
    let never = pauses(Retry::Immediate, 2, 1);
    assert!(never.iter().all(Vec::is_empty), "one attempt: {never:?}");
}

/// Full jitter is even between nothing and the pause, equal jitter between half of it and all.
#[test]
fn pauses_that_are_drawn_are_spread_evenly_within_their_bounds() {
    let (base, cap) = (millis(4), millis(50));
    for (jitter, least) in [(Jitter::Full, 0.0), (Jitter::Equal, 0.5)] {
        let calls = 2_000;
        let drawn = pauses(Retry::Exponential { base, cap, jitter }, calls, 7);
        for (nth, whole) in [4.0, 8.0, 16.0, 32.0, 50.0, 50.0].into_iter().enumerate() {
            let parts = drawn.iter().map(|pauses| pauses[nth] as f64 / 1e6 / whole);
            assert!(parts.clone().all(|part| (least..=1.0).contains(&part)), "{jitter:?} {nth}");
            let width = 1.0 - least;
            let mean = parts.clone().sum::<f64>() / calls as f64;
            let error = width / (12.0 * calls as f64).sqrt();
            assert!(
                (mean - f64::midpoint(1.0, least)).abs() <= 4.0 * error,
                "{jitter:?} {nth}: {mean}"
            );
            let low = parts.filter(|part| *part < least + width / 10.0).count() as f64;
            let error = (0.09 * calls as f64).sqrt();
            assert!((low - calls as f64 / 10.0).abs() <= 4.0 * error, "{jitter:?} {nth}: {low}");
        }
    }
}

#[test]
fn no_retry_at_all_is_one_attempt() {
    let config = config(|config| config.calls.retry = Retry::Never);
    let mut world = world(config, mute(asks([0])));
    run(&mut world, 1);
    assert_eq!(given_up(&world), [(CallId(1), Why::Attempts, 1)]);
}

/// The reserve, then as many retries as the calls since have earned.
#[test]
fn retries_stop_when_the_budget_is_spent() {
    for (calls, per_hundred_calls, reserve) in [(41, 10, 3), (41, 50, 2), (30, 0, 7), (9, 10, 0)] {
        let config = config(|config| {
            config.calls.retry = Retry::Immediate;
            config.calls.budget = Budget::Limited { per_hundred_calls, reserve };
        });
        let mut world = world(config, mute(asks((0..calls).map(|nth| nth * 1_000))));
        run(&mut world, 1);
        let requests = world.counters().messages_of(0, label("Call.Request")).sent;
        let earned = match reserve {
            0 => 0, // Nothing can be saved up.
            _ => (calls - 1) * u64::from(per_hundred_calls) / 100,
        };
        assert_eq!(requests, calls + u64::from(reserve) + earned, "{per_hundred_calls} {reserve}");
        let ends = given_up(&world);
        assert_eq!(ends.len() as u64, calls);
        assert!(ends.iter().any(|(_, why, _)| *why == Why::Budget));
    }
}

fn breaker(failures: u16, window: u64, probes: u16) -> Config {
    config(|config| {
        config.calls = Settings {
            timeout: millis(10),
            attempts_max: 1,
            breaker: BreakerPolicy::On {
                failures,
                window: millis(window),
                open_for: millis(50),
                probes,
            },
            ..Settings::default()
        };
    })
}

/// Nothing crosses between caller and server 1 for so many milliseconds from the start.
fn cut(mut setup: Setup, until: u64) -> Setup {
    let span = Span::For(sampler(Law::Fixed(millis(until))));
    let groups = vec![0, 1, u8::MAX, u8::MAX];
    let what = What::Cut { groups, span, direction: Direction::Both, held: Held::Drop };
    setup.rules.push(Rule { id: "cut".to_owned(), when: When::At(Time::from_millis(0)), what });
    setup
}

/// When the breaker changes, in milliseconds, and to what.
fn changes(world: &mut World<Desk>) -> Vec<(u64, State)> {
    world.reset(Seed(1), Recording::HashOnly);
    let mut changes = vec![(0, State::Closed)];
    for at in 0..1_000 {
        world.run_until(Time::from_millis(at), &mut ());
        let Desk::Caller(calling) = world.state(CALLER) else { panic!("a caller is one") };
        let state = calling.caller.breaker(SERVER).state;
        if changes.last().is_some_and(|(_, last)| *last != state) {
            changes.push((at, state));
        }
    }
    changes
}

/// Timeouts at 11, 21, 31: open at 31, half open at 81. The probe of 91 times out at 101: open until
/// 151. The probe of 161 is answered at 163.
#[test]
fn a_breaker_opens_after_so_many_failures_and_closes_after_a_probe() {
    let config = breaker(3, 100, 1);
    // Refused: 40 (open), 95 (another probes), 145 (open), 161 (another probes).
    let setup = cut(asks([0, 10, 20, 40, 90, 95, 145, 160, 161, 170]), 120);
    let mut world = world(config.clone(), setup);
    let expected = [
        (0, State::Closed),
        (31, State::Open),
        (81, State::HalfOpen),
        (101, State::Open),
        (151, State::HalfOpen),
        (163, State::Closed),
    ];
    assert_eq!(changes(&mut world), expected);
    let told = look(&world, &config);
    let refused: Vec<_> =
        told.ended.iter().filter(|(_, how)| **how == How::NeverSent).map(|(id, _)| id.0).collect();
    assert_eq!(refused, [4, 6, 7, 9]);
    let ends: Vec<_> = world.history().iter().map(|entry| entry.ending.map(|end| end.1)).collect();
    let not_done = ends.iter().filter(|ending| **ending == Some(Ending::NotDone)).count();
    assert_eq!((not_done, told.effects.len()), (4, 2));
    assert_eq!(given_up(&world).len(), 4, "what timed out is unknown");
}

#[test]
fn failures_that_are_further_apart_than_the_window_open_nothing() {
    // Timeouts at 11 and 36: a window of 24 that began at 11 is over by then, one of 26 is not.
    for (window, opens) in [(24, false), (26, true)] {
        let mut world = world(breaker(2, window, 1), cut(asks([0, 25]), 900));
        let opened = changes(&mut world).contains(&(36, State::Open));
        assert_eq!(opened, opens, "{window}");
    }
}

#[test]
fn a_breaker_with_two_probes_closes_after_both_and_opens_after_one_that_fails() {
    // Open at 21, half open at 71.
    let mut healed = world(breaker(2, 100, 2), cut(asks([0, 10, 80, 90]), 75));
    let closes = changes(&mut healed);
    assert_eq!(closes[2..], [(71, State::HalfOpen), (93, State::Closed)]);
    // The first probe is lost in the cut and times out at 91; the answer of the second, which
    // left at 90, comes at 92, too late to close anything.
    let mut torn = world(breaker(2, 100, 2), cut(asks([0, 10, 80, 89]), 85));
    let opens = changes(&mut torn);
    assert_eq!(opens[2..4], [(71, State::HalfOpen), (91, State::Open)]);
    assert_eq!(opens[4..], [(141, State::HalfOpen)]);
}

/// Server 1 is cut off for ever; hedges to server 2 answer every call, and no answer of server 2
/// says that server 1 is back.
#[test]
fn an_answer_to_a_hedge_closes_no_breaker_of_the_node_that_was_silent() {
    let config = config(|config| {
        *config = breaker(2, 100, 1);
        (config.servers, config.hedge) = (2, HedgeTo::Next);
        config.calls.hedge = Hedge::After(millis(5));
    });
    // Without a hedge two calls fail at first: server 2 is cut off as well, until 30.
    let mut setup = cut(asks([0, 10, 80, 100]), 900);
    let span = Span::For(sampler(Law::Fixed(millis(30))));
    let groups = vec![0, u8::MAX, 1, u8::MAX];
    let what = What::Cut { groups, span, direction: Direction::Both, held: Held::Drop };
    setup.rules.push(Rule { id: "second".to_owned(), when: When::At(Time::from_millis(0)), what });
    let mut world = world(config.clone(), setup);
    let expected = [(0, State::Closed), (21, State::Open), (71, State::HalfOpen)];
    assert_eq!(changes(&mut world), expected);
    // Both probes were answered by the hedge, and the second was still allowed.
    assert_eq!(arrivals(&world, NodeId(2)).len(), 2);
    assert_eq!(look(&world, &config).ended.len(), 2);
}

/// With legs Exp(mean m) and a hedge after d: P(L > t) = e^(−t/m) up to d and e^(−(2t−d)/m) beyond;
/// mean m(1 − e^(−d/m)/2).
#[test]
fn the_first_answer_wins_and_the_tail_has_its_closed_form() {
    let (mean, delay, calls) = (20_u64, 30_u64, 20_000_u64);
    let config = config(|config| {
        config.calls.timeout = Duration::from_secs(10);
        config.calls.hedge = Hedge::After(millis(delay));
    });
    let mut setup = asks((0..calls).map(|nth| nth * 3));
    setup.by_label = vec![None; label("Call.Response").max(label("Call.Request")) + 1];
    let law = Law::Exponential { floor: Duration::ZERO, mean: millis(mean) };
    setup.by_label[label("Call.Request")] = Some(sampler(law));
    setup.by_label[label("Call.Response")] = Some(sampler(Law::Fixed(Duration::ZERO)));
    let mut world = world(config.clone(), setup);
    run(&mut world, 9);
    let told = look(&world, &config);
    assert_eq!((told.ended.len() as u64, told.falls()), (calls, None), "one effect each");
    // A millisecond from the client and one back to it.
    let ends = world.history().iter().map(|entry| {
        let (at, _) = entry.ending.expect("every call is answered");
        at.saturating_since(entry.invoked_at).as_nanos() as f64 / 1e6 - 2.0
    });
    let latencies: Vec<f64> = ends.collect();
    let (m, d, n) = (mean as f64, delay as f64, calls as f64);
    let tail = |t: f64| libm::exp(if t <= d { -t / m } else { -(2.0 * t - d) / m });
    for t in [5.0, 20.0, 29.0, 31.0, 40.0, 60.0, 80.0] {
        let share = latencies.iter().filter(|latency| **latency > t).count() as f64 / n;
        let error = (tail(t) * (1.0 - tail(t)) / n).sqrt();
        assert!((share - tail(t)).abs() <= 4.0 * error, "{t}: {share} for {}", tail(t));
    }
    let average = latencies.iter().sum::<f64>() / n;
    let squares: f64 = latencies.iter().map(|latency| (latency - average).powi(2)).sum();
    let expected = m * (1.0 - libm::exp(-d / m) / 2.0);
    assert!((average - expected).abs() <= 4.0 * (squares / n / n).sqrt(), "{average} {expected}");
    let hedged = world.counters().messages_of(0, label("Call.Request")).sent as f64 / n - 1.0;
    let error = (tail(d) * (1.0 - tail(d)) / n).sqrt();
    assert!((hedged - tail(d)).abs() <= 4.0 * error, "{hedged} of the calls were hedged");
}

/// What is given up is kept, on disk, and tried again once the server is back.
#[test]
fn dead_letters_are_kept_until_they_are_answered() {
    let config = config(|config| {
        (config.calls.attempts_max, config.redrive) = (2, millis(200));
    });
    let mut world = world(config.clone(), cut(asks([0, 10, 20]), 500));
    world.reset(Seed(1), Recording::HashOnly);
    world.run_until(Time::from_millis(190), &mut ());
    let told = look(&world, &config);
    assert_eq!((told.letters, told.ended.len(), told.effects.len()), (3, 0, 0));
    assert!(given_up(&world).iter().all(|(_, why, tries)| (*why, *tries) == (Why::Attempts, 2)));
    world.run(&mut ());
    let told = look(&world, &config);
    assert_eq!((told.letters, told.effects.len(), told.falls()), (0, 3, None));
}
