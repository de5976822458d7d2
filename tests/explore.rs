//! Every order: shipped protocols exhausted, counts made by hand, and the two drivers compared.
//!
//! ```text
//!   scenario text ──▶ WorldModel ──breadth first──▶ counts · coverage · stories
//! ```

#[path = "explore/command.rs"]
mod command;
#[path = "explore/differential.rs"]
mod differential;
#[path = "explore/known_answers.rs"]
mod known_answers;
#[path = "explore/shipped.rs"]
mod shipped;
#[path = "explore/toy.rs"]
mod toy;

use splitbrain::{
    base::text::source::Edited,
    explore::{
        breadth_first::{Explored, Options, breadth_first},
        world::{WorldModel, WorldOptions},
    },
    scenario::{load::load, plan::Plan, registry::Registry},
};
use std::ops::ControlFlow;

/// Transfers out of one account under two-phase commit, with further fields.
fn plan(settings: &str, fields: &str) -> Plan {
    let run = if fields.contains("run:") { "" } else { "run: (for: \"2s\")," };
    let text = format!(
        r#"Scenario(
            title: "transfers",
            protocol: TwoPhaseCommit({settings}),
            workload: Requests([
                (at: "0ms", ask: Transfer(from: 0, to: 1, amount: 5)),
                (at: "1s", ask: Transfer(from: 0, to: 2, amount: 7)),
            ]),
            checks: [AtomicCommit, Durability, Conservation],
            {fields}
            {run}
        )"#
    );
    let loaded = load(&Registry::built_in(), "small", &Edited::new(text));
    loaded.unwrap_or_else(|error| panic!("{:?}", error.mistakes))
}

/// Explores all of it, or up to the first violation.
fn explore(plan: &Plan, options: WorldOptions) -> (WorldModel, Explored) {
    let model = WorldModel::new(plan, options);
    let explored = breadth_first(&model, &Options::default(), &mut |_| ControlFlow::Continue(()));
    assert_eq!(model.refused(), None);
    (model, explored)
}
