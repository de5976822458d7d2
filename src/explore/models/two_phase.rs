//! Two-phase commit as a specification: resource managers vote, a transaction manager decides.
//!
//! ```text
//!   rm: working ──Prepare──▶ prepared ──Commit──▶ committed
//!          │                    └──────Abort────▶ aborted
//!          └──ChooseToAbort──▶ aborted
//!   tm: init ──all votes in──▶ committed      init ──any time──▶ aborted      any ──▶ crashed
//!
//!   row of an rm, six bits:  decision on its way 2 │ vote recorded │ vote on its way │ state 2
//! ```
//!
//! `TwoPhase` of Gray & Lamport, *Consensus on Transaction Commit*, ACM TODS 31(1), 2006, as in the
//! TLA+ examples, with a choice of networks. Votes are spontaneous, and so is the abort of the
//! transaction manager, which stands for its timer. A network that is a set never forgets: what was
//! sent can be received for ever. In the others each message has one envelope per destination, and
//! receiving it takes it away; a transaction manager that has decided drops late votes.
//!
//! Known counts with n resource managers: set 2ⁿ + 4ⁿ + 6ⁿ and depth 3n + 2; envelopes
//! 2ⁿ + 4ⁿ + 8ⁿ; envelopes that may be lost 3ⁿ + 5ⁿ + 12ⁿ; one crash that wipes the transaction
//! manager's memory adds 2ⁿ + 3ⁿ + 4ⁿ to the set and 2ⁿ + 4ⁿ + 6ⁿ − 1 to the envelopes; set, modulo
//! renaming, C(n+1,1) + C(n+3,3) + C(n+5,5).

use super::{
    Crashes, Network,
    packed::sort_rows,
    words::{AGREEMENT, NO_BLOCKING, disagreement},
};
use crate::explore::model::{Model, Ordinal, Violation};

/// The most resource managers of this model.
pub(super) const NODES_MAX: u32 = 10;

const STRIDE: u32 = 6;
/// The lowest bit of every row.
const COLUMN: u64 = {
    let (mut column, mut rm) = (0, 0);
    while rm < NODES_MAX {
        column |= 1 << (rm * STRIDE);
        rm += 1;
    }
    column
};

// The state of a resource manager: the low bit is set in `prepared` and `committed`, the high bit
// once it has decided.
const STATE: u64 = 0b11;
const PREPARED: u64 = 0b01;
const ABORTED: u64 = 0b10;
const COMMITTED: u64 = 0b11;

// Where the other fields of a row begin.
const VOTE_SENT: u32 = 2;
const RECORDED: u32 = 3;
const COMMIT_SENT: u32 = 4;
const ABORT_SENT: u32 = 5;

// The transaction manager, above all rows.
const TM: u32 = NODES_MAX * STRIDE;
const TM_INIT: u64 = 0;
const TM_COMMITTED: u64 = 1;
const TM_ABORTED: u64 = 2;
const TM_CRASHED: u64 = 3;

const KINDS: [&str; 10] = [
    "the tm commits",
    "the tm aborts",
    "the tm crashes",
    "the tm receives the vote of",
    "prepares:",
    "chooses to abort:",
    "learns commit:",
    "learns abort:",
    "lost: the vote of",
    "lost: the decision to",
];
const OF_THE_TM: usize = 3;

/// The model.
#[derive(Clone, Copy, Debug)]
pub struct TwoPhase {
    /// How many resource managers: 1 to 10.
    pub managers: u32,
    /// What may happen to messages.
    pub network: Network,
    /// Whether the transaction manager may crash, once and for good.
    pub crashes: Crashes,
    /// How many votes a commit needs: as many as there are managers, or the protocol is wrong.
    pub votes_needed: u32,
}

impl TwoPhase {
    /// The protocol as published: a commit needs every vote.
    pub fn new(managers: u32, network: Network, crashes: Crashes) -> Self {
        Self { managers, network, crashes, votes_needed: managers }
    }

    /// The lowest bit of each row in use.
    #[inline]
    fn column(self) -> u64 {
        COLUMN & ((1 << (self.managers * STRIDE)) - 1)
    }

    /// The state after an envelope was received; a set keeps it.
    #[inline]
    fn without(self, state: u64, bits: u64) -> u64 {
        match self.network {
            Network::Set => state,
            Network::Multiset | Network::Lossy => state & !bits,
        }
    }

    #[inline]
    fn tm_steps(self, state: u64, found: &mut impl FnMut(Ordinal, &u64)) {
        let tm = state >> TM;
        let column = self.column();
        if tm == TM_INIT {
            let recorded = (state >> RECORDED & column).count_ones();
            if recorded >= self.votes_needed {
                found(ordinal(0, 0), &(state | column << COMMIT_SENT | TM_COMMITTED << TM));
            }
            found(ordinal(1, 0), &(state | column << ABORT_SENT | TM_ABORTED << TM));
        }
        if self.crashes == Crashes::Coordinator && tm != TM_CRASHED {
            found(ordinal(2, 0), &(state & !(column << RECORDED) | TM_CRASHED << TM));
        }
        let listens = match self.network {
            Network::Set => tm == TM_INIT,
            Network::Multiset | Network::Lossy => tm != TM_CRASHED,
        };
        if listens {
            for row in rows(state >> VOTE_SENT & column) {
                let recorded = u64::from(tm == TM_INIT) << RECORDED << row;
                let next = self.without(state, 1 << VOTE_SENT << row) | recorded;
                found(ordinal(3, row), &next);
            }
        }
    }

    #[inline]
    fn rm_steps(self, state: u64, found: &mut impl FnMut(Ordinal, &u64)) {
        let column = self.column();
        let working = !(state | state >> 1) & column;
        for row in rows(working) {
            found(ordinal(4, row), &(state | (PREPARED | 1 << VOTE_SENT) << row));
        }
        for row in rows(working) {
            found(ordinal(5, row), &(state | ABORTED << row));
        }
        for row in rows(state >> COMMIT_SENT & column) {
            let next = state & !(STATE << row) | COMMITTED << row;
            found(ordinal(6, row), &self.without(next, 1 << COMMIT_SENT << row));
        }
        for row in rows(state >> ABORT_SENT & column) {
            let next = state & !(STATE << row) | ABORTED << row;
            found(ordinal(7, row), &self.without(next, 1 << ABORT_SENT << row));
        }
    }

    fn losses(self, state: u64, found: &mut impl FnMut(Ordinal, &u64)) {
        let column = self.column();
        for row in rows(state >> VOTE_SENT & column) {
            found(ordinal(8, row), &(state & !(1 << VOTE_SENT << row)));
        }
        for row in rows((state >> COMMIT_SENT | state >> ABORT_SENT) & column) {
            let envelope = (1 << COMMIT_SENT | 1 << ABORT_SENT) << row;
            found(ordinal(9, row), &(state & !envelope));
        }
    }

    fn first(mask: u64) -> Option<u32> {
        (mask != 0).then(|| mask.trailing_zeros() / STRIDE)
    }
}

/// The places of the set bits, ascending.
#[inline]
fn rows(mut mask: u64) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let row = mask.trailing_zeros();
        mask &= mask.wrapping_sub(1);
        (row < 64).then_some(row)
    })
}

#[inline]
fn ordinal(kind: u32, row: u32) -> Ordinal {
    Ordinal(kind << 8 | row)
}

impl Model for TwoPhase {
    type State = u64;

    fn initial(&self, found: &mut impl FnMut(&u64)) {
        found(&0);
    }

    #[inline]
    fn successors(&self, &state: &u64, found: &mut impl FnMut(Ordinal, &u64)) {
        self.tm_steps(state, found);
        self.rm_steps(state, found);
        if self.network == Network::Lossy {
            self.losses(state, found);
        }
    }

    #[inline]
    fn key(&self, &state: &u64) -> u128 {
        u128::from(state)
    }

    #[inline]
    fn violated(&self, &state: &u64) -> Option<Violation> {
        let (decided, low) = (state >> 1 & self.column(), state & self.column());
        let both = Self::first(decided & low).zip(Self::first(decided & !low));
        both.map(|(committed, aborted)| disagreement(AGREEMENT, committed, aborted))
    }

    fn stuck(&self, &state: &u64) -> Option<Violation> {
        let in_doubt = Self::first(state & !(state >> 1) & self.column());
        in_doubt.map(|rm| Violation::new(NO_BLOCKING, format!("rm{} stays in doubt", rm + 1)))
    }

    fn canonical(&self, &state: &u64) -> Option<u64> {
        Some(sort_rows(u128::from(state), self.managers, STRIDE) as u64)
    }

    fn kinds(&self) -> Vec<String> {
        KINDS.map(String::from).to_vec()
    }

    #[inline]
    fn kind(&self, ordinal: Ordinal) -> usize {
        (ordinal.0 >> 8) as usize
    }

    fn describe(&self, _: &u64, ordinal: Ordinal) -> String {
        let (kind, rm) = (self.kind(ordinal), (ordinal.0 & 0xFF) / STRIDE + 1);
        if kind < OF_THE_TM {
            return String::from(KINDS[kind]);
        }
        format!("{} rm{rm}", KINDS[kind])
    }
}
