//! Published numbers that two-phase commit must reproduce, read from the engine's counters.
//!
//! ```text
//!   scenario text ──▶ run ──▶ counters at the network and the disk ──▶ the tables of the papers
//! ```
//!
//! Messages, records and forced writes per transaction: Mohan, Lindsay & Obermarck (1986) for
//! basic, presumed abort and presumed commit; Gray & Lamport (2006) for a resource manager that
//! begins. Timing in units of a one-way delay and a forced write. A protocol's own claim about what
//! it sends was rejected as a source; what is counted is what went over the wire.

use splitbrain::{
    base::{ids::Seed, text::source::Edited},
    engine::trace::{Kind, Recording},
    scenario::{load::load, registry::Registry, run::Run},
};

/// One transaction under fixed latencies: a transfer inside one account pair, or an audit.
fn run(settings: &str, ask: &str) -> Run {
    let text = format!(
        r#"Scenario(
            title: "one transaction",
            protocol: TwoPhaseCommit({settings}),
            network: (latency: Fixed("10ms")),
            disk: (force: Fixed("3ms")),
            workload: Requests([(at: "0ms", ask: {ask})]),
            checks: [],
            run: (for: "5s"),
        )"#
    );
    let plan = load(&Registry::built_in(), "one", &Edited::new(text)).unwrap_or_else(|error| {
        panic!("{:?}", error.mistakes.iter().map(|m| &m.message).collect::<Vec<_>>())
    });
    plan.runner().run(Seed(1), Recording::Full)
}

/// What one role logged: all records, and those of them that were forced.
#[derive(Debug, PartialEq, Eq)]
struct Logged {
    records: u64,
    forced: u64,
}

fn logged(records: u64, forced: u64) -> Logged {
    Logged { records, forced }
}

fn messages(run: &Run) -> u64 {
    let catalog = &run.catalog;
    let labels = 0..catalog.messages.names().len();
    (0..catalog.roles.len())
        .flat_map(|role| labels.clone().map(move |label| (role, label)))
        .map(|(role, label)| run.counters.messages_of(role, label).sent)
        .sum()
}

fn logged_by(run: &Run, role: &str) -> Logged {
    let role = run.catalog.roles.iter().position(|known| *known == role);
    let mut sum = logged(0, 0);
    let Some(role) = role else { return sum };
    for label in 0..run.catalog.records.names().len() {
        let counts = run.counters.records_of(role, label);
        sum.records += counts.forced + counts.unforced;
        sum.forced += counts.forced;
    }
    sum
}

fn times(n: u64, each: Logged) -> Logged {
    logged(n * each.records, n * each.forced)
}

fn plus(one: Logged, other: Logged) -> Logged {
    logged(one.records + other.records, one.forced + other.forced)
}

const TRANSFER: &str = "Transfer(from: 0, to: 1, amount: 5)";

fn settings(n: u64, presume: &str, more: &str) -> String {
    format!("participants: {n}, presume: {presume}, enlist: All, {more}")
}

#[test]
fn a_commit_costs_what_mohan_lindsay_and_obermarck_count() {
    for n in 1..=5 {
        for (presume, sent, coordinator, participant) in [
            ("Nothing", 4 * n, logged(2, 1), logged(2, 2)),
            ("Abort", 4 * n, logged(2, 1), logged(2, 2)),
            ("Commit", 3 * n, logged(2, 2), logged(2, 1)),
        ] {
            let run = run(&settings(n, presume, "read_only_votes: Off"), TRANSFER);
            assert_eq!(run.counters.operations.ok, 1, "{presume} {n}");
            assert_eq!(messages(&run), sent, "messages, {presume}, {n} participants");
            assert_eq!(logged_by(&run, "coordinator"), coordinator, "{presume} {n}");
            assert_eq!(logged_by(&run, "participant"), times(n, participant), "{presume} {n}");
        }
    }
}

#[test]
fn read_only_participants_leave_after_phase_one() {
    for n in 1..=5 {
        // Accounts 0 and 1 belong to the first two participants; the others change nothing.
        let updaters = n.min(2);
        let readers = n - updaters;
        for (presume, per_updater, coordinator, participant) in
            [("Abort", 4, logged(2, 1), logged(2, 2)), ("Commit", 3, logged(2, 2), logged(2, 1))]
        {
            let run = run(&settings(n, presume, ""), TRANSFER);
            assert_eq!(run.counters.operations.ok, 1, "{presume} {n}");
            assert_eq!(messages(&run), per_updater * updaters + 2 * readers, "{presume} {n}");
            assert_eq!(logged_by(&run, "coordinator"), coordinator, "{presume} {n}");
            assert_eq!(logged_by(&run, "participant"), times(updaters, participant), "{presume}");
        }
        let audit = run(&settings(n, "Abort", ""), "Audit");
        assert_eq!(messages(&audit), 2 * n, "a transaction that only reads, {n}");
        assert_eq!(logged_by(&audit, "coordinator"), logged(0, 0));
        assert_eq!(logged_by(&audit, "participant"), logged(0, 0));
    }
}

#[test]
fn when_nothing_is_presumed_readers_go_through_phase_two_like_the_others() {
    for n in 1..=5 {
        let run = run(&settings(n, "Nothing", ""), TRANSFER);
        assert_eq!(messages(&run), 4 * n);
        assert_eq!(logged_by(&run, "participant"), times(n, logged(2, 2)));
    }
}

#[test]
fn an_abort_costs_what_mohan_lindsay_and_obermarck_count() {
    for n in 1..=5_u64 {
        for no in 1..=n {
            let yes = n - no;
            let names: Vec<String> = (1..=no).map(|p| format!("\"p{p}\"")).collect();
            let refuse = format!("read_only_votes: Off, refuse: Always([{}])", names.join(", "));
            for (presume, sent, coordinator, of_yes, of_no) in [
                ("Nothing", 2 * n + 2 * yes, logged(2, 1), logged(2, 2), logged(1, 1)),
                ("Abort", 2 * n + yes, logged(1, 0), logged(2, 1), logged(1, 0)),
            ] {
                let run = run(&settings(n, presume, &refuse), TRANSFER);
                assert_eq!(run.counters.operations.not_done, 1, "{presume} {n} {no}");
                assert_eq!(messages(&run), sent, "messages, {presume}, {yes} yes, {no} no");
                assert_eq!(logged_by(&run, "coordinator"), coordinator, "{presume} {yes} {no}");
                let participants = plus(times(yes, of_yes), times(no, of_no));
                assert_eq!(logged_by(&run, "participant"), participants, "{presume} {yes} {no}");
            }
        }
    }
}

#[test]
fn a_commit_that_a_resource_manager_begins_costs_what_gray_and_lamport_count() {
    for n in 1..=5 {
        for (seat, sent) in [("Apart", 3 * n - 1), ("CoLocated", 3 * n - 3)] {
            let begin =
                format!("read_only_votes: Off, begin: ResourceManager(coordinator: {seat})");
            let run = run(&settings(n, "Abort", &begin), TRANSFER);
            assert_eq!(run.counters.operations.ok, 1, "{seat} {n}");
            assert_eq!(messages(&run), sent, "messages, {seat}, {n} resource managers");
            let logs = plus(logged_by(&run, "coordinator"), logged_by(&run, "participant"));
            assert_eq!(logs.forced, n + 1, "stable writes, {seat}, {n}");
        }
    }
}

/// When something first happened, in milliseconds after the first Prepare left.
fn first(run: &Run, kind: Kind, label: &str, node: &str) -> u64 {
    let catalog = &run.catalog;
    let labels = match kind {
        Kind::Force | Kind::Write => &catalog.records,
        _ => &catalog.messages,
    };
    let at = |kind: Kind, label: u16, who: Option<&str>| {
        let entry = run.entries.iter().find(|entry| {
            entry.kind == kind
                && entry.label == label
                && who.is_none_or(|who| catalog.endpoint(entry.who) == who)
        });
        entry.expect("it happens in every commit").at
    };
    let prepare = catalog.messages.find("Prepare").expect("a label");
    let label = labels.find(label).expect("a label");
    (at(kind, label, Some(node)) - at(Kind::Send, prepare, None)).as_nanos() / 1_000_000
}

#[test]
fn a_commit_takes_as_long_as_delays_and_forces_add_up_to() {
    let (delay, force) = (10, 3);
    let run = run(&settings(3, "Abort", "read_only_votes: Off"), TRANSFER);
    for participant in ["p1", "p2", "p3"] {
        assert_eq!(first(&run, Kind::Force, "Prepared", participant), delay);
        assert_eq!(first(&run, Kind::Send, "Yes", participant), delay + force);
        assert_eq!(first(&run, Kind::Deliver, "Decide", participant), 3 * delay + 2 * force);
        assert_eq!(first(&run, Kind::Force, "Outcome", participant), 3 * delay + 2 * force);
    }
    assert_eq!(first(&run, Kind::Deliver, "Yes", "c"), 2 * delay + force);
    assert_eq!(first(&run, Kind::Send, "Decide", "c"), 2 * delay + 2 * force);
}

#[test]
fn a_participant_is_in_doubt_from_its_promise_until_it_hears_the_decision() {
    let (delay, force) = (10, 3);
    let run = run(&settings(3, "Abort", "read_only_votes: Off"), TRANSFER);
    let promised = delay + force;
    let heard = first(&run, Kind::Deliver, "Decide", "p1");
    assert_eq!(heard - promised, 2 * delay + force);
}
