//! Published and derived numbers that quorum replication must reproduce, read from the history.
//!
//! ```text
//!   scenario text ──▶ seeds ──▶ what clients saw, and when ──▶ the tables of the papers
//! ```
//!
//! Probabilistically bounded staleness (Bailis, Venkataraman, Franklin, Hellerstein & Stoica,
//! PVLDB 5(8), 2012): of N = 3 replicas R answer a read and W hold a write, and each leg of each
//! message follows a law that was fitted to a production system. The protocol file runs over the
//! engine's network; no other model is beside it. Then closed forms: staleness in versions,
//! availability, and what clocks that disagree lose.
//!
//! A probability may be off by four standard deviations of its estimate. A quantile is judged by the
//! share of values below it, so that heavy tails need no variance. Long runs stand behind an
//! optimized build.

use splitbrain::{
    base::{ids::Seed, text::source::Edited, time::Duration},
    engine::{
        operations::{Ending, HistoryEntry, Operation},
        trace::Recording,
    },
    scenario::{load::load, plan::Plan, registry::Registry},
};

fn plan(text: String) -> Plan {
    load(&Registry::built_in(), "truth", &Edited::new(text)).unwrap_or_else(|error| {
        panic!("{:?}", error.mistakes.iter().map(|m| &m.message).collect::<Vec<_>>())
    })
}

// Probabilistically bounded staleness.

/// The laws of an environment: a write's way to the disk, and the three other legs.
struct Environment {
    name: &'static str,
    write: &'static str,
    others: &'static str,
    /// How far apart sites are; coordinators and replicas of one number share one.
    distance: &'static str,
}

const SSD_LEG: &str = concat!(
    r#"Mixture([("91.22%", Pareto(scale: "235us", shape: "10")), "#,
    r#"("8.78%", Exponential(floor: "0s", mean: "602410ns"))])"#
);
const DISK_LEG: &str = concat!(
    r#"Mixture([("38%", Pareto(scale: "1.05ms", shape: "1.51")), "#,
    r#"("62%", Exponential(floor: "0s", mean: "5464481ns"))])"#
);
/// With the shape of the authors' own program (3.5), to which the published table belongs.
const YMMR_WRITE: &str = concat!(
    r#"Mixture([("93.9%", Pareto(scale: "3ms", shape: "3.5")), "#,
    r#"("6.1%", Exponential(floor: "0s", mean: "357142857ns"))])"#
);
/// With the shape that the paper prints.
const YMMR_WRITE_AS_PRINTED: &str = concat!(
    r#"Mixture([("93.9%", Pareto(scale: "3ms", shape: "3.35")), "#,
    r#"("6.1%", Exponential(floor: "0s", mean: "357142857ns"))])"#
);
const YMMR_OTHER: &str = concat!(
    r#"Mixture([("98.2%", Pareto(scale: "1.5ms", shape: "3.8")), "#,
    r#"("1.8%", Exponential(floor: "0s", mean: "46082949ns"))])"#
);

const SSD: Environment =
    Environment { name: "LNKD-SSD", write: SSD_LEG, others: SSD_LEG, distance: "0s" };
const DISK: Environment =
    Environment { name: "LNKD-DISK", write: DISK_LEG, others: SSD_LEG, distance: "0s" };
const YMMR: Environment =
    Environment { name: "YMMR", write: YMMR_WRITE, others: YMMR_OTHER, distance: "0s" };
const WAN: Environment =
    Environment { name: "WAN", write: DISK_LEG, others: SSD_LEG, distance: "75ms" };

/// A write to a fresh register, and a read so long after it was done; coordinators are drawn anew
/// for each, are no replicas, and repair nothing.
fn pbs(environment: &Environment, r: u32, w: u32, gap: &str) -> Plan {
    let Environment { write, others, distance, .. } = environment;
    let ends = (1..=3).flat_map(|c| (1..=3).map(move |r| (c, r))).filter(|(c, r)| c != r);
    let links: Vec<String> = ends
        .flat_map(|(c, r)| [(format!("c{c}"), format!("r{r}")), (format!("r{r}"), format!("c{c}"))])
        .map(|(from, to)| format!(r#"(from: "{from}", to: "{to}", distance: "{distance}")"#))
        .collect();
    let links = links.join(", ");
    plan(format!(
        r#"Scenario(
            title: "probabilistically bounded staleness",
            protocol: Quorum(
                n: 3, r: Exactly({r}), w: Exactly({w}), coordinators: 3,
                read_repair: Off, resend: Never, deadline: "1000000s",
            ),
            network: (
                latency: {others},
                labels: [(label: "Store", latency: {write})],
                links: [{links}],
                client: (latency: Fixed("0s")),
            ),
            disk: (force: Fixed("0s")),
            workload: ReadAfterWrite(clients: 1, gap: "{gap}", rounds: {ROUNDS}),
            patience: "1000000s",
            checks: [],
            run: (for: "10000000s"),
        )"#
    ))
}

/// Rounds of one seed.
const ROUNDS: u64 = 5_000;

/// What came of many rounds: latencies in milliseconds, sorted, and how many reads were fresh.
struct Rounds {
    reads: Vec<f64>,
    writes: Vec<f64>,
    fresh: u64,
}

impl Rounds {
    fn of(plan: &Plan, rounds: u64) -> Self {
        let mut all = Self { reads: Vec::new(), writes: Vec::new(), fresh: 0 };
        let mut runner = plan.runner();
        for seed in 1..=rounds / ROUNDS {
            _ = runner.judge(Seed(seed));
            let history = runner.simulation().history();
            assert_eq!(history.len() as u64, 2 * ROUNDS);
            for round in history.chunks(2) {
                all.add(&round[0], &round[1]);
            }
        }
        all.reads.sort_by(f64::total_cmp);
        all.writes.sort_by(f64::total_cmp);
        all
    }

    fn add(&mut self, write: &HistoryEntry, read: &HistoryEntry) {
        let Operation::Write { value, .. } = write.operation else {
            panic!("a round writes first")
        };
        let (wrote, Ending::Ok(None)) = took(write) else { panic!("{write:?}") };
        let (took, Ending::Ok(Some(seen))) = took(read) else { panic!("{read:?}") };
        assert!(seen == value || seen == 0);
        self.writes.push(wrote);
        self.reads.push(took);
        self.fresh += u64::from(seen == value);
    }

    fn count(&self) -> u64 {
        self.reads.len() as u64
    }
}

fn took(entry: &HistoryEntry) -> (f64, Ending) {
    let (at, ending) = entry.ending.expect("every operation ends");
    (millis(at - entry.invoked_at), ending)
}

fn millis(span: Duration) -> f64 {
    span.as_nanos() as f64 / 1e6
}

fn quantile(sorted: &[f64], share: f64) -> f64 {
    sorted[((sorted.len() as f64 * share) as usize).min(sorted.len() - 1)]
}

#[test]
#[ignore = "prints"]
fn print() {
    for environment in [DISK] {
        for (r, w) in [(1, 3)] {
            let start = std::time::Instant::now();
            let rounds = Rounds::of(&pbs(&environment, r, w, "0s"), 2_000_000);
            for q in [0.5, 0.9, 0.99, 0.999, 0.9999] {
                println!("{q} {}", quantile(&rounds.writes, q));
            }
            let above = rounds.writes.iter().filter(|x| **x > 110.285).count();
            println!(
                "{} R{r} W{w}: Lr {:.2} Lw {:.2} above {above} fresh {:.4} {:?}",
                environment.name,
                quantile(&rounds.reads, 0.999),
                quantile(&rounds.writes, 0.999),
                rounds.fresh as f64 / rounds.count() as f64,
                start.elapsed()
            );
        }
    }
}
