//! What sagas can do is what an enumeration that knows nothing of them says: no more and no less.
//!
//! ```text
//!   sagas/complete.rs   a recursion over plans: all complete histories of one saga, and of two
//!   here                seeds under wide latencies, until each of them was seen, and no other
//! ```
//!
//! Histories are the effects at the resources, in the order of the world. Which step failed does not
//! show, so histories that differ only in that count once. A set can be smaller than the enumeration
//! for want of seeds only, so the number of seeds is a limit that fails the test, not a sample.

#[path = "sagas/complete.rs"]
#[expect(dead_code, reason = "the judge's tests use the rest")]
mod complete;
#[path = "sagas/heard.rs"]
mod heard;
#[path = "sagas/naive.rs"]
#[expect(dead_code, reason = "the judge's tests use the rest")]
mod naive;

use heard::Ear;
use naive::{Deed, Effect};
use splitbrain::{
    base::{ids::Seed, text::source::Edited},
    scenario::{load::load, plan::Plan, registry::Registry},
};
use std::collections::BTreeSet;

const SEEDS_MAX: u64 = 400_000;

/// An effect that can be sorted: of which saga, whether it undoes, which step.
type Line = (u64, bool, u16);

fn line((saga, (deed, step)): (u64, Effect)) -> Line {
    (saga, deed == Deed::Undo, step)
}

/// A row of steps, each behind the one before.
fn chain(steps: usize, extra: &str) -> String {
    let one = |k: usize| match k {
        0 => format!(r#"(name: "s0"{extra})"#),
        k => format!(r#"(name: "s{k}"{extra}, after: ["s{}"])"#, k - 1),
    };
    format!("[{}]", (0..steps).map(one).collect::<Vec<_>>().join(", "))
}

/// So many orders at once, in a world in which nothing is lost and everything takes its time.
fn world(protocol: &str, orders: u64) -> Plan {
    let order =
        |n: u64| format!(r#"(at: "1ms", client: {n}, ask: Own(kind: 1, key: 0, value: 1))"#);
    let orders: Vec<String> = (1..=orders).map(order).collect();
    let text = format!(
        r#"Scenario(
            title: "every history",
            protocol: {protocol},
            network: (
                latency: LogUniform("100us", "60ms"),
                client: (latency: LogUniform("100us", "2s")),
            ),
            disk: (force: Fixed("10us")),
            workload: Requests([{}]),
            patience: "100s",
            checks: [Saga],
            run: (for: "30s", quiet_tail: "20s"),
        )"#,
        orders.join(", ")
    );
    load(&Registry::built_in(), "every history", &Edited::new(text)).expect("it is sound")
}

fn orchestrated(steps: &str, orders: u64) -> Plan {
    let patient = r#"call: (timeout: "20s"), compensation: (timeout: "20s")"#;
    world(
        &format!(r#"SagaOrchestration(steps: {steps}, refuse: Chance("50%"), {patient})"#),
        orders,
    )
}

/// Runs seeds until all that is expected was seen; whatever else is seen fails.
fn sees_exactly(plan: &Plan, expected: &BTreeSet<Vec<Line>>) {
    let mut runner = plan.runner();
    let mut seen = BTreeSet::new();
    for seed in 1..=SEEDS_MAX {
        let mut ear = Ear::default();
        let judged = runner.judged_before(Seed(seed), &mut ear);
        let first = ear.ends.iter().map(|(saga, _)| *saga).min().expect("a saga ended");
        let history: Vec<Line> =
            ear.effects.iter().map(|&(saga, effect)| line((saga - first, effect))).collect();
        assert!(expected.contains(&history), "seed {seed} shows {history:?}: {judged:?}");
        seen.insert(history);
        if seen.len() == expected.len() {
            println!("{} histories, all seen by seed {seed}", seen.len());
            return;
        }
    }
    let missing: Vec<_> = expected.difference(&seen).collect();
    panic!("{} of {} were not seen: {missing:?}", missing.len(), expected.len());
}

fn of_one(histories: &[Vec<Effect>]) -> BTreeSet<Vec<Line>> {
    let lines = |history: &Vec<Effect>| history.iter().map(|&effect| line((0, effect))).collect();
    histories.iter().map(lines).collect()
}

/// All ways in which two histories of these interleave, without the ends.
fn of_two(histories: &[Vec<Effect>]) -> BTreeSet<Vec<Line>> {
    let mut all = BTreeSet::new();
    complete::two_interleaved(histories, |history| {
        let effects = history.iter().filter_map(|&(saga, event)| match event {
            complete::Event::Effect(effect) => Some(line((saga, effect))),
            complete::Event::End(_) => None,
        });
        all.insert(effects.collect());
    });
    all
}

#[test]
fn an_orchestrated_saga_has_every_complete_history_and_no_other() {
    for steps in 1..=4 {
        let histories = complete::of_chain(steps);
        let expected = of_one(&histories);
        assert_eq!(expected.len(), steps + 1, "all done, or failed at one of the steps");
        sees_exactly(&orchestrated(&chain(steps, ", service: Order"), 1), &expected);
    }
    let diamond = r#"[(name: "a", service: Order), (name: "b", service: Inventory, after: ["a"]),
        (name: "c", service: Payment, after: ["a"])]"#;
    let expected = of_one(&complete::histories(&[0b000, 0b001, 0b001]));
    assert_eq!(expected.len(), 6, "of seven, two differ only in which step failed first");
    sees_exactly(&orchestrated(diamond, 1), &expected);
}

#[test]
fn two_orchestrated_sagas_interleave_in_every_way_and_no_other() {
    let steps = r#"[(name: "a", service: Order), (name: "b", service: Payment, after: ["a"])]"#;
    let expected = of_two(&complete::of_chain(2));
    // Of effects 0, 2 or 2 each: the sum of all ways to choose, C(a + b, a).
    assert_eq!(expected.len(), 1 + 4 + 4 * 6);
    sees_exactly(&orchestrated(steps, 2), &expected);
}

/// The first step takes the order and cannot fail, so the history in which nothing happens is none.
fn choreographed(steps: usize) -> Vec<Vec<Effect>> {
    complete::of_chain(steps).into_iter().filter(|history| !history.is_empty()).collect()
}

fn choreography(steps: usize, orders: u64) -> Plan {
    let mut plan = chain(steps, "");
    plan.truncate(plan.len() - 2);
    plan += ", kind: Pivot)]";
    // In one partition the events of two sagas would keep their order.
    let broker = "broker: (partitions: 2)";
    world(&format!(r#"SagaChoreography(steps: {plan}, refuse: Chance("50%"), {broker})"#), orders)
}

#[test]
fn a_choreographed_saga_has_every_complete_history_and_no_other() {
    for steps in 2..=4 {
        let expected = of_one(&choreographed(steps));
        assert_eq!(expected.len(), steps, "all done, or failed at one but the first");
        sees_exactly(&choreography(steps, 1), &expected);
    }
}

#[test]
fn two_choreographed_sagas_interleave_in_every_way_and_no_other() {
    let expected = of_two(&choreographed(2));
    assert_eq!(expected.len(), 4 * 6);
    sees_exactly(&choreography(2, 2), &expected);
}
