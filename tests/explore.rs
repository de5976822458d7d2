//! Every order.
#[path = "explore/differential.rs"]
mod differential;

use splitbrain::{
    base::text::source::Edited,
    explore::{
        breadth_first::{Explored, Options, breadth_first},
        world::{Budgets, Checks, Network, WorldModel, WorldOptions},
    },
    scenario::{load::load, plan::Plan, registry::Registry},
};
use std::ops::ControlFlow;

fn plan(settings: &str, fields: &str) -> Plan {
    let text = format!(
        r#"Scenario(
            title: "one transaction",
            protocol: TwoPhaseCommit({settings}),
            workload: Requests([(at: "0ms", ask: Transfer(from: 0, to: 1, amount: 5))]),
            checks: [AtomicCommit, Durability, Conservation],
            {fields}
            run: (for: "3s"),
        )"#
    );
    load(&Registry::built_in(), "small", &Edited::new(text))
        .unwrap_or_else(|e| panic!("{:?}", e.mistakes))
}

fn explore(plan: &Plan, options: WorldOptions) -> (WorldModel, Explored) {
    let model = WorldModel::new(plan, options);
    let explored = breadth_first(&model, &Options::default(), &mut |_| ControlFlow::Continue(()));
    assert_eq!(model.refused(), None);
    (model, explored)
}

#[test]
fn try_it() {
    for (settings, network, budgets, checks) in [
        ("participants: 2", Network::Set, Budgets::default(), Checks::Off),
        ("participants: 2", Network::Set, Budgets::default(), Checks::Explorable),
        (
            "participants: 2",
            Network::Set,
            Budgets { crashes: 1, ..Budgets::default() },
            Checks::Off,
        ),
        (
            "participants: 2",
            Network::Set,
            Budgets { crashes: 1, ..Budgets::default() },
            Checks::Explorable,
        ),
        (
            "participants: 2, presume: Commit",
            Network::Set,
            Budgets { crashes: 1, ..Budgets::default() },
            Checks::Explorable,
        ),
        (
            "participants: 2, presume: Mixed",
            Network::Set,
            Budgets { crashes: 1, ..Budgets::default() },
            Checks::Explorable,
        ),
        (
            "participants: 2",
            Network::Multiset,
            Budgets { crashes: 1, losses: 1, firings: Some(1), ..Budgets::default() },
            Checks::Explorable,
        ),
        (
            "participants: 2",
            Network::Multiset,
            Budgets { crashes: 1, losses: 1, firings: Some(2), ..Budgets::default() },
            Checks::Explorable,
        ),
    ] {
        let plan = plan(settings, "");
        let model = WorldModel::new(
            &plan,
            WorldOptions { network, budgets, checks, ..WorldOptions::default() },
        );
        let start = std::time::Instant::now();
        let explored = breadth_first(
            &model,
            &Options { states_max: 3_000_000, ..Options::default() },
            &mut |_| ControlFlow::Continue(()),
        );
        let r = &explored.report;
        println!(
            "{settings} {network:?} {budgets:?} {checks:?}: {:?} {} {} {:?} depth {} in {:?} memories {} situations",
            r.end,
            r.distinct,
            r.generated,
            model.refused(),
            r.depth(),
            start.elapsed(),
            model.memories()
        );
        for v in &r.violations {
            println!("{:?}", v.violation);
            for (i, l) in v.story.iter().enumerate() {
                println!("  {i} {l}");
            }
        }
        if checks == Checks::Explorable && budgets.crashes == 1 && network == Network::Set {
            println!("{:#?}", model.coverage().steps);
            for (h, t) in &model.coverage().handlers {
                println!("{h:?} {t:?}");
            }
        }
    }
}
