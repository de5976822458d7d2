//! The settings of two-phase commit: who takes part, what is presumed, who is patient how long.
//!
//! ```text
//!   TwoPhaseCommit(participants: 3, presume: Abort, …) ──▶ topology · cohorts · who acknowledges
//! ```
//!
//! Apart from the protocol, because a student of the one need not read the other. Settings that
//! contradict each other are refused here, with the reason; flags that are true or false were
//! rejected, since a scenario should say what it means.

use super::Presume;
use crate::{
    base::{
        ids::{NodeId, NodeSet},
        quantity::Probability,
        time::Duration,
    },
    engine::{
        facts::Decision,
        operations::Operation,
        protocol::{Alternative, BadSetting, Placement},
    },
};
use serde::Deserialize;

/// Settings of the protocol.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How many participants: `p1`, `p2`, …
    pub participants: u16,
    /// The presumption.
    pub presume: Presumption,
    /// Who takes part in a transaction.
    pub enlist: Enlist,
    /// Whether who changed nothing may leave after phase 1 (never when nothing is presumed).
    pub read_only_votes: ReadOnlyVotes,
    /// Whom a participant in doubt asks.
    pub termination: Termination,
    /// Who begins a transaction.
    pub begin: Begin,
    /// Who votes No without a reason of its own.
    pub refuse: Refuse,
    /// What every account holds at first.
    pub opening_balance: i64,
    /// How long the coordinator waits for votes.
    pub vote_deadline: Duration,
    /// How long it waits for acknowledgements before it sends the decision again.
    pub resend_interval: Duration,
    /// How long a participant stays in doubt before it asks (again).
    pub inquiry_interval: Duration,
}

/// What `why` tries in place of the settings of a run that failed.
pub(super) const ALTERNATIVES: &[Alternative] = &[
    Alternative {
        settings: &[("termination", "Cooperative"), ("read_only_votes", "Off")],
        called: "cooperative termination",
    },
    Alternative { settings: &[("presume", "Nothing")], called: "nothing presumed" },
    Alternative { settings: &[("presume", "Abort")], called: "presumed abort" },
    Alternative { settings: &[("presume", "Commit")], called: "presumed commit" },
    Alternative { settings: &[("read_only_votes", "Off")], called: "no read-only votes" },
];

/// Which presumption transactions use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Presumption {
    /// None: the basic protocol.
    Nothing,
    /// Presumed abort.
    Abort,
    /// Presumed commit.
    Commit,
    /// Each transaction draws one of the three.
    Mixed,
}

/// Who takes part in a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Enlist {
    /// Those who keep the accounts.
    Owners,
    /// Everyone.
    All,
}

/// Whether a participant that changed nothing may leave after phase 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum ReadOnlyVotes {
    /// It may.
    On,
    /// It goes through phase 2 like the others.
    Off,
}

/// Whom a participant in doubt asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Termination {
    /// The coordinator.
    Coordinator,
    /// The other participants as well.
    Cooperative,
}

/// Who begins a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Begin {
    /// A node of its own, which clients ask.
    Coordinator,
    /// The first participant, which has promised by then; nobody acknowledges or forgets
    /// (Gray & Lamport 2006, section 3).
    ResourceManager {
        /// Where the coordinator runs.
        coordinator: Seat,
    },
}

/// Where the coordinator of a resource manager runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Seat {
    /// On a node of its own.
    Apart,
    /// On the node that begins.
    CoLocated,
}

/// Who votes No without a reason of its own.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Refuse {
    /// Nobody.
    Never,
    /// Anyone, so likely per vote.
    Chance(Probability),
    /// These participants, always.
    Always(Vec<String>),
}

impl Default for Config {
    fn default() -> Self {
        Self {
            participants: 3,
            presume: Presumption::Abort,
            enlist: Enlist::Owners,
            read_only_votes: ReadOnlyVotes::On,
            termination: Termination::Coordinator,
            begin: Begin::Coordinator,
            refuse: Refuse::Never,
            opening_balance: 100,
            vote_deadline: Duration::from_millis(100),
            resend_interval: Duration::from_millis(50),
            inquiry_interval: Duration::from_millis(50),
        }
    }
}

/// The coordinator comes first, apart or with the first participant.
pub(super) const COORDINATOR: NodeId = NodeId(0);

impl Config {
    fn is_co_located(&self) -> bool {
        self.begin == Begin::ResourceManager { coordinator: Seat::CoLocated }
    }

    pub(super) fn participant(&self, place: u16) -> NodeId {
        NodeId(place + u16::from(!self.is_co_located()))
    }

    pub(super) fn owner(&self, account: u32) -> NodeId {
        self.participant((account % u32::from(self.participants)) as u16)
    }

    pub(super) fn cohort(&self, operation: Operation) -> NodeSet {
        match operation {
            Operation::Transfer { from, to, .. } if self.enlist == Enlist::Owners => {
                NodeSet::of(self.owner(from)).with(self.owner(to))
            }
            _ => (0..self.participants).map(|place| self.participant(place)).collect(),
        }
    }

    /// Whether a decision is acknowledged, and remembered until it is.
    pub(super) fn wants_ack(&self, presume: Presume, decision: Decision) -> bool {
        let presumed = match presume {
            Presume::Nothing => None,
            Presume::Abort => Some(Decision::Abort),
            Presume::Commit => Some(Decision::Commit),
        };
        self.begin == Begin::Coordinator && presumed != Some(decision)
    }

    /// The nodes: a coordinator, unless it sits with a participant, and the participants.
    pub(super) fn topology(&self) -> Vec<Placement> {
        let by_client = self.begin == Begin::Coordinator;
        let coordinator = Placement::new("c", "coordinator");
        let coordinator = if by_client { coordinator.serving_clients() } else { coordinator };
        let participants = (1..=self.participants).map(|place| {
            let node = Placement::new(format!("p{place}"), "participant");
            if place == 1 && !by_client { node.serving_clients() } else { node }
        });
        let coordinator = (!self.is_co_located()).then_some(coordinator);
        coordinator.into_iter().chain(participants).collect()
    }

    /// What could be read and makes no sense.
    pub(super) fn validate(&self) -> Vec<BadSetting> {
        let mut bad = Vec::new();
        let mut say = |field, reason: String| bad.push(BadSetting { field, reason });
        if !(1..=60).contains(&self.participants) {
            let given = self.participants;
            say("participants", format!("there can be 1 to 60 participants, not {given}"));
        }
        if self.begin != Begin::Coordinator && self.enlist != Enlist::All {
            let reason = "a resource manager that begins takes part itself: write `enlist: All`";
            say("begin", reason.to_owned());
        }
        if self.termination == Termination::Cooperative && self.read_only_votes == ReadOnlyVotes::On
        {
            let reason = "a read-only vote leaves no trace, and whoever is asked later would take \
                          it for a refusal: write `read_only_votes: Off`";
            say("termination", reason.to_owned());
        }
        if let Refuse::Always(names) = &self.refuse {
            let known = |name: &String| (1..=self.participants).any(|p| *name == format!("p{p}"));
            for name in names.iter().filter(|name| !known(name)) {
                say("refuse", format!("no participant is called `{name}`"));
            }
        }
        bad
    }
}
