//! The settings of choreographed sagas: the plan of steps, who hears which event, what goes wrong.
//!
//! ```text
//!   steps: [(name: "order"), (name: "payment", after: ["order"], …), …]     one service each
//!      └─ resolve ──▶ Plan: steps numbered from 0, each with its neighbours before and behind it
//!
//!   default plan          ┌─▶ inventory ─┐
//!                 order ──┤              ├─▶ shipping (pivot) ──▶ notification (retriable)
//!                         └─▶ payment ───┘
//!
//!   topic of the broker = kind of event · 32 + step       a service is a group, its topics a list
//! ```
//!
//! Who hears what follows from the plan: a service listens to its neighbours. A scenario may write
//! the table out instead, as textbooks print it, and then it may be wrong. A table in the code with
//! a switch for the wrong one was rejected: who reads a scenario should see what nobody hears.
//!
//! Limits: 32 steps. A plan has one first step, which takes orders and is never refused, and one
//! pivot, which decides races: what can be undone comes before it, what cannot fail behind it.

use super::{Kind, What};
use crate::{
    base::{ids::NodeId, quantity::Probability, time::Duration},
    blocks::broker::{self, GroupId, ProducerId, Sending, TopicId},
    engine::{
        facts::StepKind,
        protocol::{Alternative, BadSetting, Placement},
    },
};
use serde::{Deserialize, Serialize};

/// Settings of the protocol.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// What a saga consists of; each step has a service of its own.
    pub steps: Vec<StepPlan>,
    /// Who hears what. When left out, everyone listens to its neighbours in the plan.
    pub subscriptions: Option<Vec<Subscription>>,
    /// How long the order service waits for the pivot before it wants the saga cancelled; counted
    /// anew after a crash. For ever when left out.
    pub saga_timeout: Option<Duration>,
    /// The broker between the services.
    pub broker: broker::Settings,
    /// Which steps services refuse without a reason of their own.
    pub refuse: Refuse,
    /// An event that its consumer cannot read.
    pub poison: Option<Poison>,
    /// How much of each item there is at first.
    pub stock: i64,
    /// How much each customer may spend.
    pub credit: i64,
    /// What a piece of any item costs.
    pub price: i64,
}

/// One step, taken by the service of its name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepPlan {
    /// The step, and its service.
    pub name: String,
    /// What it does.
    #[serde(default)]
    pub action: Action,
    /// The steps that must be done before.
    #[serde(default)]
    pub after: Vec<String>,
    /// What may become of it.
    #[serde(default = "compensable")]
    pub kind: StepKind,
}

fn compensable() -> StepKind {
    StepKind::Compensable
}

/// What a step does at its service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Action {
    /// It makes a note: an order, a parcel, a letter.
    #[default]
    Note,
    /// It moves the quantity from the free to the reserved stock of an item.
    Reserve,
    /// It moves the price from a customer's credit to the shop.
    Charge,
}

/// A line of the table that textbooks print.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subscription {
    /// What happened.
    pub event: Kind,
    /// To which step.
    pub of: String,
    /// Whose services hear of it.
    pub by: Vec<String>,
}

/// Which steps services refuse without a reason of their own: never the first, never a retriable one.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Refuse {
    /// None.
    Never,
    /// Any, so likely.
    Chance(Probability),
    /// These, always.
    Always(Vec<String>),
}

/// What a service cannot read.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Poison {
    /// Events of this kind,
    pub event: Kind,
    /// about orders of this customer,
    pub customer: u32,
    /// at the service of this step.
    pub at: String,
}

/// What `why` tries in place of the settings of a run that failed.
pub(super) const ALTERNATIVES: &[Alternative] = &[
    Alternative { settings: &[("subscriptions", "None")], called: "subscriptions to neighbours" },
    Alternative { settings: &[("poison", "None")], called: "consumers that can read every event" },
    Alternative { settings: &[("refuse", "Never")], called: "services that refuse nothing" },
];

impl Default for Config {
    fn default() -> Self {
        Self {
            steps: order_flow(),
            subscriptions: None,
            saga_timeout: None,
            broker: broker::Settings::default(),
            refuse: Refuse::Never,
            poison: None,
            stock: 100,
            credit: 1_000,
            price: 5,
        }
    }
}

/// The flow of the textbooks.
fn order_flow() -> Vec<StepPlan> {
    let step = |name: &str, action, after: &[&str], kind| StepPlan {
        name: name.to_owned(),
        action,
        after: after.iter().map(|&name| name.to_owned()).collect(),
        kind,
    };
    let both: &[&str] = &["inventory", "payment"];
    vec![
        step("order", Action::Note, &[], StepKind::Compensable),
        step("inventory", Action::Reserve, &["order"], StepKind::Compensable),
        step("payment", Action::Charge, &["order"], StepKind::Compensable),
        step("shipping", Action::Note, both, StepKind::Pivot),
        step("notification", Action::Note, &["shipping"], StepKind::Retriable),
    ]
}

/// The steps of every saga, numbered.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    pub(super) steps: Vec<Planned>,
    /// The step that decides races.
    pub(super) pivot: u16,
}

/// One step of a plan.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Planned {
    pub(super) action: Action,
    pub(super) kind: StepKind,
    /// Those that must be done before, one bit each.
    pub(super) after: u32,
    /// Those that wait for it, one bit each.
    pub(super) behind: u32,
    /// Those of them that may fail: when all of these are out, it must not stay.
    pub(super) above: u32,
}

impl Planned {
    /// Whether it is undone when the saga fails.
    pub(super) fn can_be_undone(self) -> bool {
        self.kind == StepKind::Compensable
    }
}

/// What a service knows of the plan.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Place {
    /// Its own step.
    pub(super) step: u16,
    pub(super) planned: Planned,
    /// The step that decides races.
    pub(super) pivot: u16,
    /// The steps that nothing waits for: when they are done, the saga is.
    pub(super) last: u32,
    /// How many partitions each topic has.
    pub(super) partitions: u16,
}

impl Plan {
    pub(super) fn step(&self, step: u16) -> &Planned {
        &self.steps[usize::from(step)]
    }

    fn numbers(&self) -> std::ops::Range<u16> {
        0..self.steps.len() as u16
    }

    fn last(&self) -> u32 {
        self.numbers().filter(|&step| self.step(step).behind == 0).fold(0, |all, s| all | bit(s))
    }

    /// Whose services hear of an event, one bit each, where the plan says so.
    fn listeners(&self, what: What) -> u32 {
        let (What::Did(step) | What::Failed(step) | What::Undid(step) | What::Cancel(step)) = what;
        let Planned { after, behind, above, .. } = *self.step(step);
        match what {
            What::Did(_) if behind == 0 => bit(ROOT),
            What::Did(_) => behind,
            What::Failed(_) | What::Undid(_) => after | above,
            What::Cancel(_) if step == self.pivot => bit(step),
            What::Cancel(_) => 0,
        }
    }
}

/// A set of one step.
pub(super) fn bit(step: u16) -> u32 {
    1 << step
}

/// The step that begins a saga, and its node.
pub(super) const ROOT: u16 = 0;

const STEPS_MAX: usize = 32;

/// The settings as they act.
impl Config {
    /// The steps, numbered. What cannot be resolved is left out and reported by [`Self::validate`].
    pub(super) fn plan(&self) -> Plan {
        let mut plan = Plan::default();
        for step in self.steps.iter().take(STEPS_MAX) {
            let number = plan.steps.len() as u16;
            let before = self.numbers(&step.after).filter(|&before| before < number);
            let after = before.fold(0, |all, before| all | bit(before));
            for (_, planned) in (0..).zip(&mut plan.steps).filter(|(s, _)| after >> s & 1 == 1) {
                planned.behind |= bit(number);
                planned.above |= if step.kind == StepKind::Retriable { 0 } else { bit(number) };
            }
            if step.kind == StepKind::Pivot {
                plan.pivot = number;
            }
            let StepPlan { action, kind, .. } = *step;
            plan.steps.push(Planned { action, kind, after, behind: 0, above: 0 });
        }
        plan
    }

    /// The numbers of those of these steps that there are.
    fn numbers<'a>(&'a self, names: &'a [String]) -> impl Iterator<Item = u16> + 'a {
        names.iter().filter_map(|name| self.number(name))
    }

    fn number(&self, name: &str) -> Option<u16> {
        self.steps.iter().position(|step| step.name == name).map(|place| place as u16)
    }

    pub(super) fn name(&self, step: u16) -> &str {
        &self.steps[usize::from(step)].name
    }

    /// What the service of a step knows of the plan.
    pub(super) fn place(&self, plan: &Plan, step: u16) -> Place {
        let partitions = self.broker.partitions;
        Place { step, planned: *plan.step(step), pivot: plan.pivot, last: plan.last(), partitions }
    }

    /// The services in the order of their steps, then the broker.
    pub(super) fn topology(&self) -> Vec<Placement> {
        let service = |(nth, step): (usize, &StepPlan)| {
            let placement = Placement::new(&step.name, "service");
            if nth == 0 { placement.serving_clients() } else { placement }
        };
        let services = self.steps.iter().enumerate().map(service);
        services.chain([Placement::new("broker", "broker")]).collect()
    }

    pub(super) fn broker(&self) -> NodeId {
        NodeId(self.steps.len() as u16)
    }

    pub(super) fn sending(&self, me: NodeId) -> Sending<'_> {
        let producer = ProducerId(me.0.into());
        Sending { broker: self.broker(), producer, settings: &self.broker }
    }

    /// The group of a service, of which it is the only member.
    pub(super) fn group(me: NodeId) -> GroupId {
        GroupId(me.0)
    }

    /// What a service listens to.
    pub(super) fn topics(&self, plan: &Plan, step: u16) -> Vec<TopicId> {
        let hears = |what: &What| match &self.subscriptions {
            None => plan.listeners(*what) >> step & 1 == 1,
            Some(table) => table.iter().any(|line| {
                line.is_about(*what, self) && line.by.iter().any(|name| name == self.name(step))
            }),
        };
        let of_steps = plan.numbers().flat_map(What::all).filter(hears).map(What::topic);
        // Whoever takes orders cares for what nobody could read.
        let letters = (step == ROOT).then_some(TopicId::DEAD_LETTERS);
        of_steps.chain(letters).collect()
    }
}

impl Subscription {
    fn is_about(&self, what: What, config: &Config) -> bool {
        let (What::Did(step) | What::Failed(step) | What::Undid(step) | What::Cancel(step)) = what;
        self.event == what.kind() && self.of == config.name(step)
    }
}

/// What could be read and makes no sense.
impl Config {
    pub(super) fn validate(&self) -> Vec<BadSetting> {
        let mut bad = self.broker.validate("broker");
        let mut say = |field, reason: String| bad.push(BadSetting { field, reason });
        self.validate_names(&mut say);
        if !self.steps.is_empty() && self.steps.len() <= STEPS_MAX {
            self.validate_kinds(&mut say);
        }
        let (refused, poisoned) = match (&self.refuse, &self.poison) {
            (Refuse::Always(names), poison) => (names.as_slice(), poison),
            (Refuse::Never | Refuse::Chance(_), poison) => (&[][..], poison),
        };
        for name in refused.iter().filter(|name| self.number(name).is_none()) {
            say("refuse", format!("no step is called `{name}`"));
        }
        if refused.iter().any(|name| self.number(name) == Some(ROOT)) {
            say("refuse", "the first step takes orders, and is never refused".to_owned());
        }
        for name in poisoned.iter().map(|poison| &poison.at) {
            if self.number(name).is_none() {
                say("poison", format!("no step is called `{name}`"));
            }
        }
        if self.stock < 0 || self.credit < 0 || self.price < 0 {
            say("stock", "stock, credit and price are 0 or more".to_owned());
        }
        bad
    }

    fn validate_names(&self, say: &mut impl FnMut(&'static str, String)) {
        if self.steps.is_empty() || self.steps.len() > STEPS_MAX {
            say("steps", format!("a saga has 1 to {STEPS_MAX} steps"));
        }
        for (nth, step) in self.steps.iter().enumerate() {
            if step.name == "broker" || self.steps[..nth].iter().any(|s| s.name == step.name) {
                say("steps", format!("another node is called `{}`", step.name));
            }
            for name in &step.after {
                if !self.steps[..nth].iter().any(|before| before.name == *name) {
                    say("steps", format!("`{name}` does not come before `{}`", step.name));
                }
            }
        }
        let lines = self.subscriptions.iter().flatten();
        for name in lines.flat_map(|line| line.by.iter().chain([&line.of])) {
            if self.number(name).is_none() {
                say("subscriptions", format!("no step is called `{name}`"));
            }
        }
    }

    /// Whatever happens before the pivot can be undone, whatever comes behind it succeeds.
    fn validate_kinds(&self, say: &mut impl FnMut(&'static str, String)) {
        let plan = self.plan();
        let pivots = plan.numbers().filter(|&step| plan.step(step).kind == StepKind::Pivot).count();
        if pivots != 1 {
            return say("steps", "a choreographed saga has one pivot: it decides races".to_owned());
        }
        let first = plan.step(ROOT);
        if first.action != Action::Note || first.kind != StepKind::Compensable {
            say("steps", "the first step takes orders: a note that can be undone".to_owned());
        }
        for step in plan.numbers() {
            let name = self.name(step);
            let Planned { kind, after, .. } = *plan.step(step);
            if step != ROOT && after == 0 {
                say("steps", format!("`{name}` waits for nothing, and only the first may"));
            }
            match kind {
                StepKind::Pivot => {}
                StepKind::Compensable if reaches(&plan, step, plan.pivot) => {}
                StepKind::Retriable if reaches(&plan, plan.pivot, step) => {}
                StepKind::Compensable => {
                    say("steps", format!("`{name}` can be undone, so the pivot comes after it"));
                }
                StepKind::Retriable => {
                    say("steps", format!("`{name}` is retriable, so it comes after the pivot"));
                }
                StepKind::Kept => {
                    say("steps", format!("`{name}` is kept: only an orchestrator can do that"));
                }
            }
        }
    }
}

/// Whether a step rests on another, directly or through others.
fn reaches(plan: &Plan, from: u16, to: u16) -> bool {
    let mut reached = bit(from);
    for step in plan.numbers().filter(|&step| step > from) {
        if plan.step(step).after & reached != 0 {
            reached |= bit(step);
        }
    }
    reached >> to & 1 == 1
}
