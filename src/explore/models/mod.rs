//! Specifications whose state counts are known, and the registry that offers them by name.
//!
//! ```text
//!   name, size, network ──ModelEntry::explore──▶ checks the choice ──▶ breadth_first ──▶ Explored
//! ```
//!
//! They prove the explorer: every count in a file's header is published or derived by hand, and a
//! test demands it exactly. They also show what a protocol promises at the level of its paper,
//! without disks, timers and retries. The protocols of `protocols/` are explored as they are; these
//! are not their replacement.
//!
//! Adding a model: one file, one line in [`all`].

pub mod alternating_bit;
pub mod atomic_commitment;
pub mod backup_coordinator;
pub mod deliveries;
pub mod paxos_commit;
pub mod simple_allocator;
pub mod transaction_commit;
pub mod two_phase;

// Shared parts: bits of a word, names of properties.
mod packed;
mod words;

use super::breadth_first::{Explored, Options, Progress, Symmetry, breadth_first};
use alternating_bit::AlternatingBit;
use atomic_commitment::{AtomicCommitment, Broadcast};
use backup_coordinator::BackupCoordinator;
use deliveries::{Deliveries, Destination};
use paxos_commit::PaxosCommit;
use simple_allocator::SimpleAllocator;
use std::ops::{ControlFlow, RangeInclusive};
use transaction_commit::TransactionCommit;
use two_phase::TwoPhase;

/// What may happen to a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// What was sent may arrive any number of times, or never.
    #[default]
    Set,
    /// Each message arrives once.
    Multiset,
    /// Each message arrives once or is lost.
    Lossy,
}

impl Network {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Set, Self::Multiset, Self::Lossy];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::Multiset => "multiset",
            Self::Lossy => "lossy",
        }
    }
}

/// Whether the coordinator may crash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Crashes {
    /// Nobody crashes, other than the model's own steps say.
    #[default]
    None,
    /// The coordinator may crash once, and stays down.
    Coordinator,
}

/// Which instance of a model to explore.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// Its size; the usual one if nothing is said.
    pub size: Option<u32>,
    /// The network, where the model has a choice.
    pub network: Option<Network>,
    /// Whether the coordinator may crash, where the model has a choice.
    pub crashes: Crashes,
}

/// What a model's size counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Size {
    /// `resource managers`, `messages`.
    pub of: &'static str,
    /// The sizes that fit into a packed state.
    pub range: RangeInclusive<u32>,
    /// The size of the published count.
    pub usual: u32,
}

/// What a model lets one choose besides its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freedom {
    /// Whether it has a choice of networks and crashes.
    pub network: bool,
    /// Whether states can be counted modulo renaming.
    pub symmetry: bool,
}

/// A line of the registry of models.
pub struct ModelEntry {
    /// What a command line calls it.
    pub name: &'static str,
    /// What it is, in a few words.
    pub summary: &'static str,
    /// Where it comes from.
    pub source: &'static str,
    /// What its size counts.
    pub size: Size,
    /// What else can be chosen.
    pub freedom: Freedom,
    run: Run,
}

/// Explores an instance whose choice was checked.
type Run = fn(Instance, &Options, &mut Watch<'_>) -> Explored;

/// Sees how far a search has come, and may break it off.
pub type Watch<'a> = dyn FnMut(&Progress) -> ControlFlow<()> + 'a;

/// A choice with nothing left open.
#[derive(Clone, Copy)]
struct Instance {
    size: u32,
    network: Network,
    crashes: Crashes,
}

/// Why a choice was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The size does not fit.
    #[error("{model} takes {least} to {most} {of}, not {given}")]
    Size {
        /// The model.
        model: &'static str,
        /// What its size counts.
        of: &'static str,
        /// The least and the most of them.
        least: u32,
        /// See `least`.
        most: u32,
        /// What was asked for.
        given: u32,
    },
    /// The model has one network, and crashes of its own or none.
    #[error("{model} has no choice of networks and crashes")]
    Network {
        /// The model.
        model: &'static str,
    },
    /// The model has no renaming.
    #[error("{model} has no symmetry: each of its parts has a place of its own")]
    Symmetry {
        /// The model.
        model: &'static str,
    },
}

impl ModelEntry {
    /// Explores an instance.
    ///
    /// # Errors
    /// What the model cannot be or has no choice of; nothing was explored then.
    pub fn explore(
        &self,
        choice: &Choice,
        options: &Options,
        watch: &mut Watch<'_>,
    ) -> Result<Explored, Refusal> {
        let size = choice.size.unwrap_or(self.size.usual);
        let (model, of) = (self.name, self.size.of);
        let (&least, &most) = (self.size.range.start(), self.size.range.end());
        if !self.size.range.contains(&size) {
            return Err(Refusal::Size { model, of, least, most, given: size });
        }
        let chosen = choice.network.is_some() || choice.crashes != Crashes::None;
        if chosen && !self.freedom.network {
            return Err(Refusal::Network { model });
        }
        if options.symmetry == Symmetry::Reduce && !self.freedom.symmetry {
            return Err(Refusal::Symmetry { model });
        }
        let network = choice.network.unwrap_or_default();
        Ok((self.run)(Instance { size, network, crashes: choice.crashes }, options, watch))
    }
}

/// Explores the model that an instance stands for.
macro_rules! run {
    ($instance:ident => $model:expr) => {{
        fn run($instance: Instance, options: &Options, watch: &mut Watch<'_>) -> Explored {
            breadth_first(&$model, options, watch)
        }
        run
    }};
}

const SYMMETRIC: Freedom = Freedom { network: false, symmetry: true };
const NONE: Freedom = Freedom { network: false, symmetry: false };
const GRAY_LAMPORT: &str = "Gray & Lamport, Consensus on Transaction Commit, ACM TODS 31(1), 2006";
const BABAOGLU_TOUEG: &str = "Babaoglu & Toueg, Understanding Non-Blocking Atomic Commitment, 1993";
const BY_HAND: &str = "counted by hand";

/// The models.
pub fn all() -> Vec<ModelEntry> {
    [commit_protocols(), other_models()].into_iter().flatten().collect()
}

fn size(of: &'static str, range: RangeInclusive<u32>, usual: u32) -> Size {
    Size { of, range, usual }
}

fn commit_protocols() -> Vec<ModelEntry> {
    let managers = |most, usual| size("resource managers", 1..=most, usual);
    let participants = |most, usual| size("participants", 1..=most, usual);
    vec![
        ModelEntry {
            name: "transaction_commit",
            summary: "the problem: all decide alike, without messages or failures",
            source: GRAY_LAMPORT,
            size: managers(transaction_commit::NODES_MAX, 3),
            freedom: SYMMETRIC,
            run: run!(it => TransactionCommit { managers: it.size }),
        },
        ModelEntry {
            name: "two_phase",
            summary: "two-phase commit, with a choice of networks and a crash",
            source: GRAY_LAMPORT,
            size: managers(two_phase::NODES_MAX, 3),
            freedom: Freedom { network: true, symmetry: true },
            run: run!(it => TwoPhase::new(it.size, it.network, it.crashes)),
        },
        ModelEntry {
            name: "backup_coordinator",
            summary: "two-phase commit with a second coordinator that takes over",
            source: "Demirbas, 2PCwithBTM, TLA+ examples, 2017",
            size: managers(backup_coordinator::NODES_MAX, 3),
            freedom: SYMMETRIC,
            run: run!(it => BackupCoordinator { managers: it.size }),
        },
        ModelEntry {
            name: "paxos_commit",
            summary: "Paxos Commit with three acceptors and ballots 0 and 1",
            source: GRAY_LAMPORT,
            size: managers(paxos_commit::NODES_MAX, 2),
            freedom: SYMMETRIC,
            run: run!(it => PaxosCommit { managers: it.size }),
        },
        ModelEntry {
            name: "blocking_commitment",
            summary: "atomic commitment by simple broadcast: a crash can block",
            source: BABAOGLU_TOUEG,
            size: participants(atomic_commitment::SIMPLE_MAX, 3),
            freedom: SYMMETRIC,
            run: run!(it => AtomicCommitment { participants: it.size, broadcast: Broadcast::Simple }),
        },
        ModelEntry {
            name: "non_blocking_commitment",
            summary: "atomic commitment by reliable broadcast: forward, then decide",
            source: BABAOGLU_TOUEG,
            size: participants(atomic_commitment::FORWARDING_MAX, 2),
            freedom: SYMMETRIC,
            run: run!(it => AtomicCommitment { participants: it.size, broadcast: Broadcast::Reliable }),
        },
        ModelEntry {
            name: "late_forward_commitment",
            summary: "the same with decide before forward, which is wrong",
            source: BABAOGLU_TOUEG,
            size: participants(atomic_commitment::FORWARDING_MAX, 3),
            freedom: SYMMETRIC,
            run: run!(it => AtomicCommitment { participants: it.size, broadcast: Broadcast::LateForward }),
        },
    ]
}

fn other_models() -> Vec<ModelEntry> {
    vec![
        ModelEntry {
            name: "simple_allocator",
            summary: "two resources handed out to clients",
            source: "Merz, SimpleAllocator, TLA+ examples",
            size: size("clients", 1..=simple_allocator::NODES_MAX, 3),
            freedom: SYMMETRIC,
            run: run!(it => SimpleAllocator { clients: it.size }),
        },
        ModelEntry {
            name: "alternating_bit",
            summary: "reliable transfer of two values over queues that lose messages",
            source: "Lamport, Specifying Systems, 2002, chapter 14",
            size: size("messages in a queue", 1..=alternating_bit::QUEUE_MAX, 2),
            freedom: NONE,
            run: run!(it => AlternatingBit { queue_max: it.size }),
        },
        ModelEntry {
            name: "independent_deliveries",
            summary: "messages to nodes of their own: every order is the same",
            source: BY_HAND,
            size: size("messages", 1..=deliveries::INDEPENDENT_MAX, 10),
            freedom: NONE,
            run: run!(it => Deliveries { messages: it.size, destination: Destination::Independent }),
        },
        ModelEntry {
            name: "deliveries_to_a_log",
            summary: "messages to one node that remembers their order: no two are the same",
            source: BY_HAND,
            size: size("messages", 1..=deliveries::LOG_MAX, 6),
            freedom: NONE,
            run: run!(it => Deliveries { messages: it.size, destination: Destination::OneLog }),
        },
        ModelEntry {
            name: "two_fifo_senders",
            summary: "two ordered streams into one node that remembers their order",
            source: BY_HAND,
            size: size("messages of each sender", 1..=deliveries::SENDERS_MAX, 5),
            freedom: NONE,
            run: run!(it => Deliveries { messages: it.size, destination: Destination::TwoSenders }),
        },
    ]
}
