//! The settings of orchestrated sagas: the plan of steps, who takes them, what becomes of failures.
//!
//! ```text
//!   steps: [(name: "order", …), (name: "payment", after: ["order"], …), (name: "deliver", steps: […])]
//!      └─ resolve ──▶ Plan: steps numbered from 0, each with the set of those that it waits for
//!
//!   default plan          ┌─▶ inventory ─┐
//!                 order ──┤              ├─▶ shipping (pivot) ──▶ notification (retriable)
//!                         └─▶ payment ───┘
//! ```
//!
//! A step with `steps` of its own is a saga inside the saga. It is unfolded: its first steps wait
//! for what the whole waits for, and whoever waits for the whole waits for its last ones. So it
//! fails where a step of it fails, and is compensated from its end like every other part. One
//! record per inner saga was rejected, since an inner saga that is done and then undone would have
//! two ends.
//!
//! Limits: 32 steps in all. Nothing may be parallel to a pivot but what comes after it.

use crate::{
    base::{ids::NodeId, quantity::Probability, time::Duration},
    blocks::rpc,
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
    /// What a saga consists of.
    pub steps: Vec<StepPlan>,
    /// What becomes of a saga in which a step fails.
    pub recovery: Recovery,
    /// What the orchestrator does about open sagas after a crash.
    pub after_crash: AfterCrash,
    /// How long a saga may go forward; counted anew after a crash. No limit when left out.
    pub saga_timeout: Option<Duration>,
    /// How steps are called that say nothing about it. All attempts together are a step's timeout.
    pub call: rpc::Settings,
    /// How compensations are called. When all attempts are spent, the saga is parked.
    pub compensation: rpc::Settings,
    /// How long to wait before something is tried again that must succeed.
    pub pause: Duration,
    /// Which steps services refuse without a reason of their own.
    pub refuse: Refuse,
    /// Whether what a saga may yet undo is kept from other sagas.
    pub lock: Lock,
    /// How a compensation takes a change of a balance back.
    pub update: Update,
    /// How much of each item there is at first.
    pub stock: i64,
    /// How much each customer may spend.
    pub credit: i64,
    /// What a piece of any item costs.
    pub price: i64,
}

/// One step, or a saga inside the saga.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepPlan {
    /// What others wait for it by.
    pub name: String,
    /// Who takes it.
    #[serde(default)]
    pub service: Service,
    /// What it does; a service that has one business does that when left out.
    #[serde(default)]
    pub action: Option<Action>,
    /// The steps that must be done before.
    #[serde(default)]
    pub after: Vec<String>,
    /// What may become of it.
    #[serde(default = "compensable")]
    pub kind: StepKind,
    /// How it is called, when not like the others.
    #[serde(default)]
    pub call: Option<rpc::Settings>,
    /// The steps that it consists of, if it is a saga itself.
    #[serde(default)]
    pub steps: Vec<StepPlan>,
}

fn compensable() -> StepKind {
    StepKind::Compensable
}

/// The services, each on a node of its own with a database of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Service {
    /// Knows who wants what.
    #[default]
    Order,
    /// Keeps the stock.
    Inventory,
    /// Keeps the money.
    Payment,
    /// Sends parcels: nothing brings them back.
    Shipping,
    /// Tells the customer.
    Notification,
}

impl Service {
    const ALL: [Self; 5] =
        [Self::Order, Self::Inventory, Self::Payment, Self::Shipping, Self::Notification];

    fn name(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Inventory => "inventory",
            Self::Payment => "payment",
            Self::Shipping => "shipping",
            Self::Notification => "notification",
        }
    }

    /// Its node: the orchestrator comes first.
    pub(super) fn node(self) -> NodeId {
        NodeId(self as u16 + 1)
    }

    fn business(self) -> Action {
        match self {
            Self::Inventory => Action::Reserve,
            Self::Payment => Action::Charge,
            Self::Order | Self::Shipping | Self::Notification => Action::Note,
        }
    }
}

/// What a step does at its service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Action {
    /// It makes a note: an order, a parcel, a letter.
    Note,
    /// It moves the quantity from the free to the reserved stock of an item.
    Reserve,
    /// It moves the price from a customer's credit to the shop.
    Charge,
}

/// What becomes of a saga in which a step fails. Steps after the pivot are always tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Recovery {
    /// All that was done is undone.
    Backward,
    /// The step is tried again until it succeeds.
    Forward,
    /// All that was done is undone but what its plan keeps.
    Partial,
    /// It waits until a person decides.
    Manual,
}

/// What the orchestrator does about open sagas after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum AfterCrash {
    /// It goes on where its log ends.
    Resume,
    /// It undoes them, unless they are past the pivot (Garcia-Molina & Salem, section 4).
    Compensate,
}

/// Which steps services refuse without a reason of their own. Retriable ones are never refused.
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

/// Whether what a saga may yet undo is kept from other sagas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Lock {
    /// Other sagas read and change it: they may see what never was.
    None,
    /// A balance that a saga has changed is refused to others until that saga is over, which the
    /// services must be told.
    Semantic,
    /// The same for orders that cost so much or more; others run the risk.
    ByValue(i64),
}

impl Config {
    /// Whether an order of so many pieces locks what it changes.
    pub(super) fn locks(&self, quantity: i64) -> bool {
        match self.lock {
            Lock::None => false,
            Lock::Semantic => true,
            Lock::ByValue(least) => least <= quantity * self.price,
        }
    }
}

/// How a compensation takes a change of a balance back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Update {
    /// By the opposite change, whatever others have done since.
    Commutative,
    /// By writing what was there before.
    BeforeImage,
    /// The same, after it has looked that nobody has changed it since. Where somebody has, it does
    /// nothing and answers nothing, so that its saga is parked when all attempts are spent.
    Reread,
}

/// What `why` tries in place of the settings of a run that failed.
pub(super) const ALTERNATIVES: &[Alternative] = &[
    Alternative { settings: &[("lock", "Semantic")], called: "a semantic lock" },
    Alternative { settings: &[("update", "Commutative")], called: "commutative updates" },
    Alternative { settings: &[("recovery", "Forward")], called: "forward recovery" },
    Alternative { settings: &[("recovery", "Backward")], called: "backward recovery" },
];

impl Default for Config {
    fn default() -> Self {
        let call = rpc::Settings {
            timeout: Duration::from_millis(50),
            attempts_max: 5,
            ..rpc::Settings::default()
        };
        Self {
            steps: order_flow(),
            recovery: Recovery::Backward,
            after_crash: AfterCrash::Resume,
            saga_timeout: None,
            call: call.clone(),
            compensation: rpc::Settings { attempts_max: u16::MAX, ..call.clone() },
            pause: Duration::from_millis(20),
            refuse: Refuse::Never,
            lock: Lock::None,
            update: Update::Commutative,
            stock: 100,
            credit: 1_000,
            price: 5,
        }
    }
}

/// The flow of the textbooks.
fn order_flow() -> Vec<StepPlan> {
    let step = |service: Service, after: &[Service], kind| StepPlan {
        name: service.name().to_owned(),
        service,
        action: None,
        after: after.iter().map(|service| service.name().to_owned()).collect(),
        kind,
        call: None,
        steps: Vec::new(),
    };
    vec![
        step(Service::Order, &[], StepKind::Compensable),
        step(Service::Inventory, &[Service::Order], StepKind::Compensable),
        step(Service::Payment, &[Service::Order], StepKind::Compensable),
        step(Service::Shipping, &[Service::Inventory, Service::Payment], StepKind::Pivot),
        step(Service::Notification, &[Service::Shipping], StepKind::Retriable),
    ]
}

/// The steps of every saga, unfolded and numbered.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    pub(super) steps: Vec<Planned>,
}

/// One step of a plan.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    pub(super) name: String,
    pub(super) service: Service,
    pub(super) action: Action,
    /// Those that must be done before, one bit each.
    pub(super) after: u32,
    pub(super) kind: StepKind,
    pub(super) call: rpc::Settings,
}

impl Plan {
    /// Those that wait for a step.
    pub(super) fn before(&self, step: u16) -> impl Iterator<Item = u16> + '_ {
        self.numbers().filter(move |&other| self.step(other).after >> step & 1 == 1)
    }

    pub(super) fn step(&self, step: u16) -> &Planned {
        &self.steps[usize::from(step)]
    }

    pub(super) fn numbers(&self) -> std::ops::Range<u16> {
        0..self.steps.len() as u16
    }

    /// Those that must be done before a step, and before those, and so on.
    fn ancestors(&self, step: u16) -> u32 {
        let mut all = self.step(step).after;
        for number in self.numbers().rev() {
            if all >> number & 1 == 1 {
                all |= self.step(number).after;
            }
        }
        all
    }
}

const STEPS_MAX: usize = 32;

/// The settings as they act.
impl Config {
    /// The steps, unfolded. What cannot be resolved is left out and reported by [`Self::validate`].
    pub(super) fn plan(&self) -> Plan {
        self.resolve().0
    }

    fn resolve(&self) -> (Plan, Vec<String>) {
        let mut unfolding = Unfolding { config: self, plan: Plan::default(), bad: Vec::new() };
        unfolding.unfold(&self.steps, 0);
        (unfolding.plan, unfolding.bad)
    }

    /// The orchestrator, then the services.
    pub(super) fn topology() -> Vec<Placement> {
        let orchestrator = Placement::new("orchestrator", "orchestrator").serving_clients();
        let services = Service::ALL.map(|service| Placement::new(service.name(), "service"));
        std::iter::once(orchestrator).chain(services).collect()
    }

    /// What could be read and makes no sense.
    pub(super) fn validate(&self) -> Vec<BadSetting> {
        let (plan, reasons) = self.resolve();
        let mut bad = self.call.validate("call");
        bad.extend(self.compensation.validate("compensation"));
        bad.extend(
            self.steps
                .iter()
                .filter_map(|step| step.call.as_ref())
                .flat_map(|c| c.validate("steps")),
        );
        let mut say = |field, reason| bad.push(BadSetting { field, reason });
        let is_whole = reasons.is_empty();
        let unsound = if is_whole { validate_kinds(&plan) } else { reasons };
        for reason in unsound {
            say("steps", reason);
        }
        if let Refuse::Always(names) = &self.refuse {
            let known = |name: &&String| !plan.steps.iter().any(|step| step.name == **name);
            for name in names.iter().filter(known) {
                say("refuse", format!("no step is called `{name}`"));
            }
        }
        if self.pause.is_zero() {
            say("pause", "it must be longer than nothing".to_owned());
        }
        if self.stock < 0 || self.credit < 0 || self.price < 0 {
            say("stock", "stock, credit and price are 0 or more".to_owned());
        }
        bad
    }
}

/// Each saga must be able to go back before its pivot and forward after it.
fn validate_kinds(plan: &Plan) -> Vec<String> {
    let of_kind = |kind| move |&step: &u16| plan.step(step).kind == kind;
    let pivots: Vec<u16> = plan.numbers().filter(of_kind(StepKind::Pivot)).collect();
    let mut bad = Vec::new();
    if pivots.len() > 1 {
        bad.push("a saga has one pivot at most".to_owned());
    }
    let pivot = pivots.first().copied();
    for step in plan.numbers() {
        let planned = plan.step(step);
        let name = &planned.name;
        match planned.kind {
            StepKind::Pivot => {}
            StepKind::Retriable => {
                if pivot.is_none_or(|pivot| plan.ancestors(step) >> pivot & 1 == 0) {
                    bad.push(format!("`{name}` is retriable, so it comes after a pivot"));
                }
            }
            StepKind::Compensable | StepKind::Kept => {
                if pivot.is_some_and(|pivot| plan.ancestors(pivot) >> step & 1 == 0) {
                    bad.push(format!("`{name}` can be undone, so the pivot comes after it"));
                }
            }
        }
        let undone = |&before: &u16| {
            planned.after >> before & 1 == 1 && plan.step(before).kind != StepKind::Kept
        };
        if planned.kind == StepKind::Kept && plan.numbers().any(|before| undone(&before)) {
            bad.push(format!("`{name}` is kept, so all that it comes after is kept, too"));
        }
    }
    bad
}

/// A plan in the making.
struct Unfolding<'a> {
    config: &'a Config,
    plan: Plan,
    bad: Vec<String>,
}

impl Unfolding<'_> {
    /// Unfolds the steps of one saga that wait for `outer`. Returns its last ones.
    fn unfold(&mut self, steps: &[StepPlan], outer: u32) -> u32 {
        let mut known: Vec<(&str, u32)> = Vec::new();
        let mut awaited = 0;
        for step in steps {
            let mut after = outer;
            for name in &step.after {
                match known.iter().find(|(known, _)| known == name) {
                    Some((_, bits)) => after |= bits,
                    None => self.bad.push(format!("`{name}` does not come before `{}`", step.name)),
                }
            }
            if known.iter().any(|(known, _)| *known == step.name) {
                self.bad.push(format!("two steps are called `{}`", step.name));
            }
            awaited |= after;
            let bits = if step.steps.is_empty() {
                self.add(step, after)
            } else {
                self.unfold(&step.steps, after)
            };
            known.push((&step.name, bits));
        }
        if known.is_empty() {
            self.bad.push("a saga has at least one step".to_owned());
        }
        known.iter().fold(0, |all, (_, bits)| all | bits) & !awaited
    }

    fn add(&mut self, step: &StepPlan, after: u32) -> u32 {
        let StepPlan { name, service, action, kind, call, .. } = step;
        if self.plan.steps.len() == STEPS_MAX {
            self.bad.push(format!("a saga has at most {STEPS_MAX} steps"));
            return 0;
        }
        let (name, service, kind) = (name.clone(), *service, *kind);
        let action = action.unwrap_or(service.business());
        let call = call.clone().unwrap_or_else(|| self.config.call.clone());
        self.plan.steps.push(Planned { name, service, action, after, kind, call });
        1 << (self.plan.steps.len() - 1)
    }
}
