//! Counts that can be made by hand: only what matters is in the key, and nothing is forgotten.
//!
//! ```text
//!   n messages to n nodes      2^n          n timers in any order       2^n
//!   … each may be lost         3^n          … one after the other       n + 1
//!   n to one that remembers    Σ n!/(n−k)!  a timer that is set anew    1, for ever
//! ```
//!
//! An event number, a time, an attempt or the order of arrival in a key would raise every one of
//! them; a part of the world left out of the key would lower one.

use crate::toy::plan;
use splitbrain::{
    engine::untimed::Timers,
    explore::{
        breadth_first::{Options, breadth_first},
        world::{Budgets, Network, Refused, WorldModel, WorldOptions},
    },
};
use std::ops::ControlFlow;

/// No client asks anything.
fn quiet() -> WorldOptions {
    WorldOptions { operations: 0, ..WorldOptions::default() }
}

fn count(settings: &str, options: WorldOptions) -> u32 {
    let plan = plan(settings, "");
    let (_, explored) = crate::explore(&plan, options);
    assert!(explored.report.is_exhausted());
    explored.report.distinct
}

fn multiset(budgets: Budgets) -> WorldOptions {
    WorldOptions { network: Network::Multiset, budgets, ..quiet() }
}

#[test]
fn messages_to_as_many_nodes_arrive_in_two_to_the_n_ways() {
    for n in 1..=6_u32 {
        let settings = format!("receivers: {n}, messages: 1");
        assert_eq!(count(&settings, quiet()), 1 << n, "as a set, {n}");
        assert_eq!(count(&settings, multiset(Budgets::default())), 1 << n, "as a multiset, {n}");
        let lossy = Budgets { losses: n as u16, ..Budgets::default() };
        assert_eq!(count(&settings, multiset(lossy)), 3_u32.pow(n), "with losses, {n}");
    }
}

#[test]
fn a_node_that_remembers_the_order_tells_all_orders_apart() {
    for (n, ways) in [(1, 2), (2, 5), (3, 16), (4, 65), (5, 326), (6, 1957)] {
        let settings = format!("receivers: 1, messages: {n}, memory: Order");
        assert_eq!(count(&settings, multiset(Budgets::default())), ways, "{n} messages");
        let calls = format!("calls: {n}, memory: Order");
        assert_eq!(count(&calls, quiet()), ways, "{n} calls of itself");
    }
}

#[test]
fn a_copy_is_one_message_more() {
    // One message, one copy allowed: not copied and under way, not copied and arrived; copied with
    // 2, 1 or 0 under way, where the receiver remembers how often it came.
    let budgets = Budgets { duplicates: 1, ..Budgets::default() };
    let settings = "receivers: 1, messages: 1, memory: Order";
    assert_eq!(count(settings, multiset(budgets)), 5);
}

fn timers(spans: &[(u64, u64)]) -> String {
    let list: Vec<String> =
        spans.iter().map(|(least, most)| format!("(\"{least}ms\", \"{most}ms\")")).collect();
    format!("timers: [{}]", list.join(", "))
}

#[test]
fn timers_fire_in_any_order_or_in_the_order_of_their_spans() {
    let ordered = || WorldOptions { timers: Timers::Ordered, ..quiet() };
    for n in 1..=5_u32 {
        let spans: Vec<_> = (1..=u64::from(n)).map(|nth| (10 * nth, 10 * nth)).collect();
        assert_eq!(count(&timers(&spans), quiet()), 1 << n, "async, {n}");
        assert_eq!(count(&timers(&spans), ordered()), n + 1, "ordered, {n}");
    }
    // A timer that was set first may be overtaken as long as the spans overlap.
    assert_eq!(count(&timers(&[(10, 30), (20, 40)]), ordered()), 4);
    assert_eq!(count(&timers(&[(10, 20), (20, 40)]), ordered()), 3);
    assert_eq!(count(&timers(&[(20, 40), (10, 20)]), ordered()), 4);
}

#[test]
fn what_goes_on_for_ever_is_one_state() {
    let again = format!("{}, again: true", timers(&[(10, 10)]));
    assert_eq!(count(&again, quiet()), 1);
    let three = format!("{}, again: true", timers(&[(10, 10), (5, 5), (20, 20)]));
    assert_eq!(count(&three, quiet()), 1);
}

#[test]
fn a_budget_of_firings_is_part_of_a_state() {
    let budgets = Budgets { firings: Some(3), ..Budgets::default() };
    let again = format!("{}, again: true", timers(&[(10, 10)]));
    assert_eq!(count(&again, WorldOptions { budgets, ..quiet() }), 4);
}

#[test]
fn choices_and_coins_branch_and_certain_coins_do_not() {
    assert_eq!(count("ways: 3", quiet()), 3);
    assert_eq!(count("ways: 16", quiet()), 16);
    assert_eq!(count("ways: 3, coin: \"10%\"", quiet()), 6);
    assert_eq!(count("coin: \"100%\"", quiet()), 1);
    assert_eq!(count("coin: \"0%\"", quiet()), 1);
}

#[test]
fn a_force_and_a_crash_make_seven_states() {
    // With the crash still to come: forcing; durable. After it: down with nothing; down with the
    // record, which counted before or only survived by luck; forcing again; durable.
    let budgets = Budgets { crashes: 1, ..Budgets::default() };
    assert_eq!(count("force: true", WorldOptions { budgets, ..quiet() }), 7);
    assert_eq!(count("force: true", quiet()), 2);
}

#[test]
fn an_operation_goes_its_way_once() {
    // To be asked; asked; forcing its promise; forcing what is done; answer under way; answered.
    // The client may give up in each of the four states between, and the node goes on.
    assert_eq!(count("", WorldOptions::default()), 10);
}

#[test]
fn a_protocol_that_reads_clocks_is_refused_and_so_are_endless_copies() {
    let refused = |settings: &str, options: WorldOptions| {
        let plan = plan(settings, "");
        let model = WorldModel::new(&plan, options);
        breadth_first(&model, &Options::default(), &mut |_| ControlFlow::Continue(()));
        model.refused()
    };
    let clock = refused("clock: true", quiet());
    assert!(clock.is_some_and(|why| why.to_string().contains("reads clocks")), "{clock:?}");
    let timers = timers(&[(10, 10)]);
    let endless = refused(&timers, multiset(Budgets::default()));
    assert_eq!(endless, Some(Refused::UnboundedFirings));
    let bounded = Budgets { firings: Some(1), ..Budgets::default() };
    assert_eq!(refused(&timers, multiset(bounded)), None);
}

#[test]
fn a_planted_swap_of_force_and_answer_is_found() {
    let budgets = Budgets { crashes: 1, ..Budgets::default() };
    let options = || WorldOptions { budgets, ..WorldOptions::default() };
    let sound = plan("", "Durability");
    let (_, explored) = crate::explore(&sound, options());
    assert!(explored.report.is_exhausted() && explored.report.violations.is_empty());

    let swapped = plan("first: Answer", "Durability");
    let (model, explored) = crate::explore(&swapped, options());
    let found = &explored.report.violations[0];
    assert_eq!(found.violation.property, "durability");
    // Asked, promised, answered with a crash before the force, and the client hears of it.
    assert_eq!(found.story.len(), 4, "{:#?}", found.story);
    assert!(found.story[2].contains("crashes after its first effect: answers o1 Done"));
    assert!(!model.witness(&swapped, found).is_empty());
}
