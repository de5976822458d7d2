//! Derived numbers that the write-ahead log must reproduce, and what its recovery costs.
//!
//! ```text
//!   scenario text ──▶ a long run ──▶ latencies and forces ──▶ the renewal-reward result
//! ```
//!
//! Group commit, derived. Writes arrive as a Poisson process of rate λ; a force takes φ; one is in
//! flight, and all who wait join the next; an idle disk begins at once. During a force come A
//! writes, Poisson with mean a = λφ. If A > 0 the next force begins at once with A writes; else it
//! begins with the next write, after a mean idle time of 1/λ, with 1. Forces are renewals:
//!
//! ```text
//!   batch    B = max(A, 1)           mean  a + e^−a
//!   cycle    φ + idle if A = 0       mean  φ + e^−a / λ                 (and B = λ · cycle)
//!   latency  of a write that comes during a force: what is left of it, φ/2 on average, and φ
//!            of a write that comes to an idle disk: φ
//!            mean  φ · (3a/2 + e^−a) / (a + e^−a)
//! ```
//!
//! Means over so many writes have standard errors far below the half percent that is demanded.

use splitbrain::{
    base::{ids::Seed, text::source::Edited, time::Duration},
    engine::{
        facts::Fact,
        operations::Ending,
        signal::What,
        trace::{Entry, Kind, Recording},
    },
    scenario::{load::load, plan::Plan, registry::Registry, run::Run},
};

fn plan(text: String) -> Plan {
    load(&Registry::built_in(), "truth", &Edited::new(text)).unwrap_or_else(|error| {
        panic!("{:?}", error.mistakes.iter().map(|m| &m.message).collect::<Vec<_>>())
    })
}

/// One server with an endless log, at no distance from its clients.
fn server(protocol: &str, disk: &str, workload: &str, faults: &str, span: &str) -> Plan {
    plan(format!(
        r#"Scenario(
            title: "truth",
            protocol: Wal({protocol}, seal: Never, segment_bytes: 4000000000),
            network: (latency: Fixed("0s"), client: (latency: Fixed("0s"))),
            disk: ({disk}),
            workload: {workload},
            patience: "1000000s",
            faults: [{faults}],
            checks: [],
            run: (for: "{span}"),
        )"#
    ))
}

fn latencies(run: &Run) -> Vec<f64> {
    let ended = run.history.iter().filter_map(|entry| match entry.ending? {
        (at, Ending::Ok(_)) => Some((at - entry.invoked_at).as_nanos() as f64),
        _ => None,
    });
    ended.collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[test]
fn group_commit_is_the_renewal_reward_process_that_it_should_be() {
    const WRITES: u32 = if cfg!(debug_assertions) { 200_000 } else { 400_000 };
    let force_ms = 2.0;
    for (rate, load) in [(50, 0.1), (250, 0.5), (500, 1.0), (1000, 2.0), (5000, 10.0)] {
        let workload =
            format!(r#"Registers(rate: "{rate}/s", reads: "0%", operations_max: {WRITES})"#);
        let protocol = r#"acknowledge: Group(window: "0s"), checkpoint: Never"#;
        let plan = server(protocol, r#"force: Fixed("2ms")"#, &workload, "", "100000s");
        let run = plan.runner().run(Seed(1), Recording::HashOnly);
        let waited = latencies(&run);
        assert_eq!(waited.len(), WRITES as usize);
        // The first boot forces the empty log and its name.
        let batch = f64::from(WRITES) / (run.counters.flushes - 2) as f64;
        let latency = mean(&waited) / 1e6;
        #[expect(clippy::disallowed_methods, reason = "what a closed form gives decides no run")]
        let idle = f64::exp(-load);
        let batch_due = load + idle;
        let latency_due = force_ms * (1.5 * load + idle) / batch_due;
        println!(
            "λφ = {load}: batch {batch:.4} (due {batch_due:.4}), \
             latency {latency:.4} ms (due {latency_due:.4} ms)"
        );
        assert!((batch / batch_due - 1.0).abs() < 0.005);
        assert!((latency / latency_due - 1.0).abs() < 0.005);
    }
}

#[test]
fn each_commit_forces_once_per_write_and_a_group_once_per_batch() {
    let workload = r#"Registers(clients: 8, think: "0s", reads: "0%", operations_max: 50)"#;
    let forces = |acknowledge: &str| {
        let protocol = format!("acknowledge: {acknowledge}, checkpoint: Never");
        let plan = server(&protocol, r#"force: Fixed("2ms")"#, workload, "", "10s");
        let run = plan.runner().run(Seed(1), Recording::HashOnly);
        assert_eq!(run.counters.operations.ok, 400);
        run.counters.flushes - 2
    };
    assert_eq!(forces("EachCommit"), 400);
    // Eight clients in two groups: one is being forced while the other waits.
    assert!((51..=101).contains(&forces(r#"Group(window: "0s")"#)));
}

fn at(entries: &[Entry], kind: Kind, text: &str) -> Vec<u64> {
    let matching = entries.iter().filter(|e| e.kind == kind && e.text.contains(text));
    matching.map(|entry| entry.at.as_nanos()).collect()
}

#[test]
fn a_page_costs_a_seek_and_a_change_in_the_log_costs_none() {
    let workload = r#"Registers(keys: 4000, think: "10ms", reads: "0%", operations_max: 600)"#;
    let disk = r#"force: Fixed("0s"), seek: "8ms", sector: "50us""#;
    let protocol =
        r#"acknowledge: EachCommit, checkpoint: Every("3s"), keys_per_page: 1, page_pause: "1us""#;
    let run = server(protocol, disk, workload, "", "12s").runner().run(Seed(1), Recording::Full);
    let begun = at(&run.entries, Kind::Sync, "pages");
    let done = at(&run.entries, Kind::Synced, "pages");
    let writes = latencies(&run);
    assert_eq!(writes.len(), 600);
    // The first one comes while the empty log is begun: one seek to its file, one to its name.
    assert!((16.1e6..16.2e6).contains(&writes[0]), "{}", writes[0]);
    // Until the first checkpoint the head stays at the log.
    let in_time = run
        .history
        .iter()
        .filter(|entry| entry.ending.is_some_and(|(at, _)| at.as_nanos() < begun[0]));
    let change = mean(&writes[1..in_time.count()]);
    // The first checkpoint makes the file as long as it gets; the second finds its places there.
    let pages = at(&run.entries, Kind::FileWrite, "to pages");
    let pages = pages.iter().filter(|at| (done[0]..=begun[1]).contains(at)).count() as f64;
    let page = (done[1] - begun[1]) as f64 / pages;
    let ratio = page / change;
    println!(
        "a change in the log {:.1} µs, a page somewhere {:.1} µs: {ratio:.0} times as much, \
         for {pages} pages",
        change / 1e3,
        page / 1e3,
    );
    // A change ends in the sector of the last one or in the next: one or two sectors, no seek.
    assert!((50e3..100e3).contains(&change));
    // Few of the pages are neighbours.
    assert!((7.0e6..8.1e6).contains(&page));
}

#[test]
#[expect(clippy::disallowed_types, reason = "this is about wall time")]
fn a_log_of_100_000_changes_is_recovered_well_within_a_second() {
    const CHANGES: u64 = 100_000;
    let workload = format!(
        r#"Registers(clients: 10, keys: 1000, think: "0s", reads: "0%", operations_max: {})"#,
        CHANGES / 10
    );
    let disk = r#"force: Fixed("1ms"), seek: "8ms", sector: "5us""#;
    let crash =
        r#"(id: "crash", when: At("99s"), do: Crash(node: Node("p"), down: "1s", cut: Boundary))"#;
    let protocol = r#"acknowledge: Group(window: "0s"), checkpoint: Never"#;
    let plan = server(protocol, disk, &workload, crash, "110s");
    let mut runner = plan.runner();
    let run = runner.run(Seed(1), Recording::Full);
    let recovered = run.signals.iter().rev().find_map(|signal| match signal.what {
        What::Stated(_, Fact::Recovered(upto)) => Some((signal.at, upto)),
        _ => None,
    });
    let (at, upto) = recovered.expect("it recovers");
    assert_eq!(upto, CHANGES);
    let took = Duration::from_nanos(at.as_nanos() - 100_000_000_000);
    // The node does nothing from 99 s to 100 s: the slowest step of the run is its recovery.
    let mut simulation = runner.simulation().fork();
    simulation.reset(Seed(1), Recording::HashOnly);
    let mut slowest = std::time::Duration::ZERO;
    loop {
        let begin = std::time::Instant::now();
        if !simulation.step() {
            break;
        }
        slowest = slowest.max(begin.elapsed());
    }
    println!("{CHANGES} changes: {slowest:?} of real time, {took} of virtual time");
    if !cfg!(debug_assertions) {
        assert!(slowest < std::time::Duration::from_millis(500), "{slowest:?}");
    }
}
