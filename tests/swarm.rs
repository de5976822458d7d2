//! The swarm: nothing that two-phase commit promises breaks, and leaving out a step breaks it.
use splitbrain::{
    base::{ids::Seed, text::source::Edited},
    checkers::Verdict,
    scenario::{
        load::{edit, load},
        plan::Plan,
        registry::Registry,
    },
};
use std::collections::BTreeMap;

fn swarm(sets: &[(&str, &str)]) -> Plan {
    let text = std::fs::read_to_string("scenarios/two_phase_commit/swarm.ron").unwrap();
    let sets: Vec<(String, String)> =
        sets.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let edited: Edited = edit(&text, &sets).unwrap();
    load(&Registry::built_in(), "swarm", &edited).unwrap_or_else(|e| panic!("{:?}", e.mistakes))
}

#[test]
fn sound() {
    let plan = swarm(&[]);
    let mut runner = plan.runner();
    let mut seen: BTreeMap<&str, (u64, u64, u64)> = BTreeMap::new();
    let mut effects: BTreeMap<String, (u64, u64, u64)> = BTreeMap::new();
    let n: u64 = std::env::var("N").ok().and_then(|n| n.parse().ok()).unwrap_or(300);
    let begin = std::time::Instant::now();
    let mut events = 0;
    for seed in 1..=n {
        let (_, judgements) = runner.judge(Seed(seed));
        events += runner.simulation().counters().events;
        for j in judgements {
            let e = seen.entry(j.property).or_default();
            match j.verdict {
                Verdict::Holds => e.0 += 1,
                Verdict::Violated(w) => {
                    e.1 += 1;
                    if e.1 < 3 {
                        println!("seed {seed} {} {}", j.property, w.sentence)
                    }
                }
                _ => e.2 += 1,
            }
        }
        for r in runner.rules() {
            let e = effects.entry(r.id).or_default();
            e.0 += r.counts.fired;
            e.1 += r.counts.effects;
            e.2 += u64::from(r.counts.effects > 0);
        }
    }
    println!("{:?} {events} events", begin.elapsed());
    for (p, e) in &seen {
        println!("{p:32} holds {} violated {} other {}", e.0, e.1, e.2);
    }
    for (p, e) in &effects {
        println!("{p:32} {e:?}");
    }
    assert!(seen.values().all(|e| e.1 == 0));
}
#[test]
fn ablated() {
    for step in splitbrain::protocols::all()[0].steps() {
        let plan = swarm(&[("ablate", &format!("[\"{}\"]", step.name))]);
        let mut runner = plan.runner();
        let mut first = None;
        let mut others: BTreeMap<&str, u64> = BTreeMap::new();
        let mut hits = 0;
        let mut n = 0;
        for seed in 1..=300 {
            n = seed;
            for j in runner.judge(Seed(seed)).1 {
                if let Verdict::Violated(_) = j.verdict {
                    *others.entry(j.property).or_default() += 1;
                    if j.property == step.guards {
                        hits += 1;
                        first.get_or_insert(seed);
                    }
                }
            }
        }
        println!("{:18} {:28} first {first:?} hits {hits}/{n} {others:?}", step.name, step.guards);
    }
}
