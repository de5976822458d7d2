//! Setups for the tests of blocks: calm, lossy, crashing, and a workload of appends.
//!
//! ```text
//!   calm(Appends) ──▶ lossy ──▶ crashing      half a second of work, healed at 1 s, over at 4 s
//! ```

use splitbrain::{
    base::{
        ids::NodeId,
        quantity::Probability,
        sampler::{Law, Sampler},
        time::{Duration, Time},
    },
    engine::{
        clients::{Again, Draw, Request, Target, Workload},
        faults::{CutAt, DiskFate, Keeps, Pattern, Rule, Span, Victim, Watch, What, When},
        operations::Operation,
        setup::Setup,
    },
};
use std::sync::Arc;

/// Each client appends every so often; keys go round, values count.
#[derive(Debug)]
pub(crate) struct Appends {
    pub(crate) clients: u16,
    pub(crate) every: Duration,
    pub(crate) keys: u64,
    /// Every which item of client 0 is special; 0 for none.
    pub(crate) special_every: u64,
    /// The value of special items.
    pub(crate) special: i64,
}

impl Default for Appends {
    fn default() -> Self {
        Self { clients: 2, every: Duration::from_millis(20), keys: 6, special_every: 0, special: 0 }
    }
}

impl Workload for Appends {
    fn clients(&self) -> u16 {
        self.clients
    }

    fn first(&self, draw: &mut Draw<'_>) -> Duration {
        Duration::from_micros(draw.below("first", 20_000))
    }

    fn next(&self, draw: &mut Draw<'_>) -> Request {
        let nth = draw.nth();
        let may = draw.client().0 == 0 && self.special_every > 0;
        let special = may && nth % self.special_every == self.special_every - 1;
        let value = if special { self.special } else { nth as i64 };
        let operation = Operation::Append { key: (nth % self.keys) as u32, value };
        Request { operation, target: Target::Any, again: Again::After(self.every) }
    }
}

/// Appends for half a second, and time to come to rest.
pub(crate) fn calm(workload: Appends) -> Setup {
    let (until, end) = (Time::from_millis(500), Time::from_secs(4));
    let heal_at = Some(Time::from_secs(1));
    Setup { until, heal_at, end, ..Setup::calm(Arc::new(workload)) }
}

/// Every fifth message is lost, every fifth comes twice, and all overtake each other.
pub(crate) fn lossy(mut setup: Setup) -> Setup {
    let one_in_five = Probability::from_ratio(1, 5);
    (setup.link.loss, setup.link.duplication) = (one_in_five, one_in_five);
    let (least, most) = (Duration::from_micros(500), Duration::from_millis(30));
    setup.link.latency = sampler(Law::Uniform(least, most));
    setup
}

/// Any effect of any handler of these nodes (of all, if none is named) may be the last one before
/// a crash, until the healing.
pub(crate) fn crashing(mut setup: Setup, one_in: u64, nodes: &[u16]) -> Setup {
    let nodes = nodes.iter().map(|&node| NodeId(node)).collect();
    let when = When::EachEffect { chance: Probability::from_ratio(1, one_in), nodes };
    setup.rules.push(Rule { id: "crash".to_owned(), when, what: crash(50) });
    setup
}

/// The node at hand crashes for so long.
pub(crate) fn crash(millis: u64) -> What {
    What::Crash {
        node: Victim::Actor,
        down: Span::For(sampler(Law::Fixed(Duration::from_millis(millis)))),
        cut: CutAt::Anywhere,
        disk: DiskFate::Keep,
        keeps: Keeps::default(),
    }
}

/// Any event of a kind.
pub(crate) fn any(watch: Watch) -> Pattern {
    Pattern { watch, label: None, nodes: vec![], peers: vec![], topic: None }
}

pub(crate) fn sampler(law: Law) -> Sampler {
    law.compile().expect("a test knows that it is there")
}
