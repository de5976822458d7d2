//! What the outbox costs, against closed forms.
//!
//! ```text
//!   lost requests and answers   sends 1/((1−a)(1−b)), deliveries 1/(1−b)
//!   polling every T             lag (T − f)²/2T + 3d + 2f on average; tailing 3d + 2f
//!   a dual write whose memory holds L seconds of events, and a crash      Poisson(λL) are lost
//! ```
//!
//! Means may be off by four standard deviations of their estimate. The model of the lag: questions
//! come every T, so an order waits T/2 on average; its row, the event and the batch are a message
//! each, d long; broker and consumer force it, f long each. A question that comes while the order is
//! being forced waits for the disk and finds it: of an interval T that part f waits for nothing, which
//! leaves (T − f)²/2T, and T/2 for a fast disk.

use splitbrain::{
    base::{
        ids::Seed,
        text::source::Edited,
        time::{Duration, Time},
    },
    engine::{
        facts::Fact,
        signal::{Signal, What},
        trace::Recording,
        world::Judge,
    },
    scenario::{load::load, plan::Plan, registry::Registry},
};
use std::collections::BTreeMap;

fn plan(protocol: &str, workload: &str, more: &str) -> Plan {
    let text = format!(
        r#"Scenario(
            title: "orders",
            protocol: Outbox({protocol}),
            network: (latency: Fixed("1ms")),
            disk: (force: Fixed("500us")),
            workload: {workload},
            checks: [Publication],
            budget: Unlimited,
            {more}
        )"#
    );
    load(&Registry::built_in(), "orders", &Edited::new(text)).unwrap_or_else(|error| {
        panic!("{:?}", error.mistakes.iter().map(|m| &m.message).collect::<Vec<_>>())
    })
}

fn near(measured: f64, expected: f64, deviation: f64, trials: u64) {
    let tolerance = 4.0 * deviation / (trials as f64).sqrt();
    let off = (measured - expected).abs();
    assert!(off <= tolerance, "{measured} is not {expected} within {tolerance}");
}

/// Instants of commits and of first effects.
#[derive(Default)]
struct Watch {
    committed: BTreeMap<u64, Time>,
    effects: BTreeMap<u64, Time>,
}

impl Judge for Watch {
    fn on_signal(&mut self, signal: &Signal) {
        match signal.what {
            What::Stated(_, Fact::Commits { event, .. }) => {
                self.committed.insert(event, signal.at);
            }
            What::Stated(_, Fact::TookEffect(event)) => {
                self.effects.entry(event).or_insert(signal.at);
            }
            _ => {}
        }
    }
}

impl Watch {
    fn lags(&self) -> Vec<f64> {
        let lag = |(event, at): (&u64, &Time)| {
            let span: Duration = at.saturating_since(self.committed[event]);
            span.as_nanos() as f64 / 1e6
        };
        self.effects.iter().map(lag).collect()
    }
}

#[test]
fn sends_and_deliveries_under_loss_equal_their_closed_forms() {
    for (requests, answers) in [(10, 10), (30, 0), (0, 30), (20, 40)] {
        let lost = |id: &str, percent: u32, label: &str| {
            let at = format!(r#"EachMessage(chance: "{percent}%", label: "Broker.{label}")"#);
            format!(r#"(id: "{id}", when: {at}, do: Lose),"#)
        };
        let rules = [("requests", requests, "Publish"), ("answers", answers, "Published")];
        let rules = rules.into_iter().filter(|(_, percent, _)| *percent > 0);
        let rules: String = rules.map(|(id, percent, label)| lost(id, percent, label)).collect();
        let plan = plan(
            r#"publish: Tailing(interval: "10s"), batch_max: 64,
               broker: (partitions: 32, producers: Plain, in_flight_max: 1, dead_letters: Never,
                   retry_interval: "20ms", checkpoints: ByHost)"#,
            r#"Appends(clients: 4, rate: "50/s", keys: 32, until: "20s")"#,
            &format!(r#"faults: [{rules}], run: (for: "40s", quiet_tail: "5s"),"#),
        );
        let run = plan.runner().run(Seed(1), Recording::HashOnly);
        let catalog = &run.catalog;
        let role = |name: &str| catalog.roles.iter().position(|role| *role == name);
        let (relay, broker) = (role("relay").expect("a role"), role("broker").expect("a role"));
        let label = |names: &[String], name: &str| {
            names.iter().position(|known| known == name).expect("a label")
        };
        let sent = label(catalog.messages.names(), "Broker.Publish");
        let kept = label(catalog.records.names(), "Broker.Appended");
        let events = run.counters.operations.ok;
        assert!(events > 3_900, "{events}");
        let mean = |count: u64| count as f64 / events as f64;
        let (a, b) = (f64::from(requests) / 100.0, f64::from(answers) / 100.0);
        let succeeds = (1.0 - a) * (1.0 - b);
        let sends = mean(run.counters.messages_of(relay, sent).sent);
        near(sends, 1.0 / succeeds, (1.0 - succeeds).sqrt() / succeeds, events);
        let deliveries = mean(run.counters.records_of(broker, kept).forced);
        near(deliveries, 1.0 / (1.0 - b), b.sqrt() / (1.0 - b), events);
        println!("a {a} b {b}: {sends:.4} sends, {deliveries:.4} deliveries of {events} events");
    }
}

/// Orders so far apart that none waits for another.
const SPARSE: &str = r#"Appends(rate: "2/s", until: "600s")"#;
const IDEMPOTENT: &str = r#"broker: (producers: Idempotent, in_flight_max: 16,
    poll_interval: "1s", session_timeout: "10s")"#;

fn lags(publish: &str) -> Vec<f64> {
    let protocol = format!("publish: {publish}, {IDEMPOTENT}");
    let plan = plan(&protocol, SPARSE, r#"run: (for: "610s"),"#);
    let mut watch = Watch::default();
    plan.runner().judged_before(Seed(1), &mut watch);
    assert_eq!(watch.effects.len(), watch.committed.len());
    watch.lags()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// In milliseconds, like all that follows.
const FORCE: f64 = 0.5;
const THREE_MESSAGES_AND_TWO_FORCES: f64 = 3.0 + 2.0 * FORCE;

#[test]
fn polling_adds_half_an_interval_on_average() {
    for interval in [10_u32, 40, 100] {
        let lags = lags(&format!(r#"Polling(cursor: ByCommit, interval: "{interval}ms")"#));
        let interval = f64::from(interval);
        let waits = (interval - FORCE).powi(2) / (2.0 * interval);
        let expected = waits + THREE_MESSAGES_AND_TWO_FORCES;
        println!("every {interval} ms: {:.3} ms, expected {expected}", mean(&lags));
        near(mean(&lags), expected, interval / 12_f64.sqrt(), lags.len() as u64);
        assert!(lags.iter().all(|lag| *lag >= THREE_MESSAGES_AND_TWO_FORCES));
    }
}

#[test]
fn tailing_adds_nothing() {
    let lags = lags(r#"Tailing(interval: "1s")"#);
    let is_exact = |lag: &&f64| (**lag - THREE_MESSAGES_AND_TWO_FORCES).abs() < 1e-9;
    let exact = lags.iter().filter(is_exact).count();
    assert!(exact * 100 > lags.len() * 97, "{exact} of {}", lags.len());
    assert!(mean(&lags) < THREE_MESSAGES_AND_TWO_FORCES + 0.1, "{}", mean(&lags));
}

/// The broker goes, the service remembers what it could not publish, and dies L later.
#[test]
fn a_crash_takes_what_a_dual_write_has_in_memory() {
    const SEEDS: u64 = 60;
    for lasts in [100_u32, 400] {
        let dies = 300 + lasts;
        let plan = plan(
            r"publish: DualWrite(order: DatabaseFirst),
               broker: (producers: Plain, in_flight_max: 5, dead_letters: Never)",
            r#"Appends(clients: 2, rate: "50/s", until: "1s")"#,
            &format!(
                r#"faults: [
                    (id: "broker", when: At("300ms"), do: Crash(node: Node("broker"), down: "600ms", cut: Boundary)),
                    (id: "service", when: At("{dies}ms"), do: Crash(node: Node("orders"), down: "10ms", cut: Boundary)),
                ],
                run: (for: "4s", quiet_tail: "2s"),"#
            ),
        );
        let mut runner = plan.runner();
        let mut lost = 0;
        for seed in 1..=SEEDS {
            let mut watch = Watch::default();
            runner.judged_before(Seed(seed), &mut watch);
            lost += watch.committed.len() - watch.effects.len();
        }
        let expected = 100.0 * f64::from(lasts) / 1e3;
        let measured = lost as f64 / SEEDS as f64;
        println!("{lasts} ms in memory: {measured} lost, expected {expected}");
        near(measured, expected, expected.sqrt(), SEEDS);
    }
}
