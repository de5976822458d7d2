//! Atomic commitment with crashes, and three ways to broadcast the decision.
//!
//! ```text
//!   coordinator: request ──▶ votes, or a crash noticed ──▶ decision ──▶ broadcast, one by one
//!   participant: vote ──▶ decide         Simple: as soon as the decision is there
//!                     └▶ forward ──▶ decide      Reliable: after forwarding it to everyone
//!                     └▶ decide ──▶ forward      LateForward: the other way round, and wrong
//!
//!   row of a participant:  forward 2n │ broadcast │ collected │ request │ sent │ decision │ up │ vote
//! ```
//!
//! Babaoglu & Toueg, *Understanding Non-Blocking Atomic Commitment*, in Mullender (ed.),
//! *Distributed Systems*, 1993; `ACP_SB`, `ACP_NB` and `ACP_NB_WRONG` of the TLA+ examples. Anyone
//! may crash and nobody recovers. Messages are fields that the other side reads. A failure is
//! noticed by reading whether the other is up: timeouts are perfect here.
//!
//! Known counts: simple with three participants 54,944 states, depth 21; reliable with two
//! 4,284, depth 19. The simple one blocks; the late forward lets two decide differently.
//!
//! Blocking is judged state by state: no step but a crash would change anything, and someone who is
//! up has not decided. That suffices here, because nobody can go round in circles.

use super::{
    packed::{Field, sort_rows},
    words::{AGREEMENT, NO_BLOCKING, NONTRIVIALITY, VALIDITY},
};
use crate::explore::model::{Model, Ordinal, Violation};

/// The most participants where decisions are forwarded, and where they are not.
pub(super) const FORWARDING_MAX: u32 = 5;
pub(super) const SIMPLE_MAX: u32 = 12;

const VOTE: Field = Field::new(0, 1);
const UP: Field = Field::new(1, 1);
const DECISION: Field = Field::new(2, 2);
const VOTE_SENT: Field = Field::new(4, 1);
const REQUEST: Field = Field::new(5, 1);
const COLLECTED: Field = Field::new(6, 2);
const BROADCAST: Field = Field::new(8, 2);
const FORWARD: u32 = 10;

const COORDINATOR_UP: Field = Field::new(125, 1);
const COORDINATOR_DECISION: Field = Field::new(126, 2);

// Votes. Collected ones have `WAITING` beside.
const NO: u32 = 0;
const YES: u32 = 1;
const WAITING: u32 = 2;

// Decisions, as made, broadcast and forwarded.
const NONE: u32 = 0;
const COMMIT: u32 = 1;
const ABORT: u32 = 2;

/// How a decision spreads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broadcast {
    /// From the coordinator to each participant.
    Simple,
    /// A participant forwards it to all others before it decides.
    Reliable,
    /// A participant decides first and forwards afterwards.
    LateForward,
}

/// The model.
#[derive(Clone, Copy, Debug)]
pub struct AtomicCommitment {
    /// How many participants: 1 to 12 for a simple broadcast, 1 to 5 otherwise.
    pub participants: u32,
    /// How the decision spreads.
    pub broadcast: Broadcast,
}

const KINDS: [&str; 15] = [
    "the coordinator decides",
    "the coordinator crashes",
    "asked:",
    "vote collected:",
    "crash noticed:",
    "decision broadcast to",
    "votes:",
    "aborts on its own vote:",
    "aborts, as it was not asked:",
    "takes the decision of the coordinator:",
    "takes a forwarded decision:",
    "forwards:",
    "decides:",
    "aborts on a timeout:",
    "crashes:",
];
const COORDINATOR_CRASH: u32 = 1;
const CRASH: u32 = 14;
const OF_THE_COORDINATOR: u32 = 2;

/// A kind, a participant and, where two are concerned, the other one.
fn ordinal(kind: u32, i: u32, j: u32) -> Ordinal {
    Ordinal(kind << 8 | i << 4 | j)
}

impl AtomicCommitment {
    fn stride(self) -> u32 {
        match self.broadcast {
            Broadcast::Simple => FORWARD,
            Broadcast::Reliable | Broadcast::LateForward => FORWARD + 2 * self.participants,
        }
    }

    fn get(self, state: u128, field: Field, i: u32) -> u32 {
        field.row(i, self.stride()).of(state)
    }

    fn set(self, state: u128, field: Field, i: u32, value: u32) -> u128 {
        field.row(i, self.stride()).set(state, value)
    }

    fn everyone(self) -> std::ops::Range<u32> {
        0..self.participants
    }

    fn all(self, state: u128, field: Field, wanted: u32) -> bool {
        self.everyone().all(|i| self.get(state, field, i) == wanted)
    }

    fn any(self, state: u128, field: Field, wanted: u32) -> bool {
        self.everyone().any(|i| self.get(state, field, i) == wanted)
    }

    fn coordinator_steps(self, state: u128, found: &mut impl FnMut(Ordinal, &u128)) {
        let open = COORDINATOR_DECISION.of(state) == NONE;
        if open && !self.any(state, COLLECTED, WAITING) {
            let commit = self.all(state, COLLECTED, YES);
            let decision = if commit { COMMIT } else { ABORT };
            found(ordinal(0, 0, 0), &COORDINATOR_DECISION.set(state, decision));
        }
        found(ordinal(COORDINATOR_CRASH, 0, 0), &COORDINATOR_UP.set(state, 0));
        let asked = self.all(state, REQUEST, 1);
        for kind in 2..6 {
            for i in self.everyone() {
                if let Some(next) = self.coordinator_step(state, kind, i, asked) {
                    found(ordinal(kind, i, 0), &next);
                }
            }
        }
    }

    fn coordinator_step(self, state: u128, kind: u32, i: u32, asked: bool) -> Option<u128> {
        let get = |field| self.get(state, field, i);
        let decision = COORDINATOR_DECISION.of(state);
        let collects = asked && decision == NONE && get(COLLECTED) == WAITING;
        let voted = get(VOTE_SENT) == 1;
        match kind {
            2 if get(REQUEST) == 0 => Some(self.set(state, REQUEST, i, 1)),
            3 if collects && voted => Some(self.set(state, COLLECTED, i, get(VOTE))),
            4 if collects && !voted && get(UP) == 0 => Some(COORDINATOR_DECISION.set(state, ABORT)),
            5 if decision != NONE && get(BROADCAST) == NONE => {
                Some(self.set(state, BROADCAST, i, decision))
            }
            _ => None,
        }
    }

    /// What participant `i`, which is up, may do without another participant.
    fn own_step(self, state: u128, kind: u32, i: u32) -> Option<u128> {
        let get = |field| self.get(state, field, i);
        let decide = |decision| Some(self.set(state, DECISION, i, decision));
        let open = get(DECISION) == NONE;
        let coordinator_up = COORDINATOR_UP.of(state) == 1;
        match kind {
            6 if get(REQUEST) == 1 => Some(self.set(state, VOTE_SENT, i, 1)),
            7 if open && get(VOTE_SENT) == 1 && get(VOTE) == NO => decide(ABORT),
            8 if open && !coordinator_up && get(REQUEST) == 0 => decide(ABORT),
            9 if get(BROADCAST) != NONE => self.take(state, i, get(BROADCAST)),
            12 if self.broadcast == Broadcast::Reliable && self.forwarded_to_all(state, i) => {
                decide(self.forward(state, i, i))
            }
            13 if open && !coordinator_up && self.nothing_on_its_way(state) => decide(ABORT),
            CRASH => Some(self.set(state, UP, i, 0)),
            _ => None,
        }
    }

    /// A decision has come to participant `i`: it decides, or keeps it until it is forwarded.
    fn take(self, state: u128, i: u32, decision: u32) -> Option<u128> {
        if self.broadcast == Broadcast::Reliable {
            let open = self.forward(state, i, i) == NONE;
            return open.then(|| self.set_forward(state, i, i, decision));
        }
        let open = self.get(state, DECISION, i) == NONE;
        open.then(|| self.set(state, DECISION, i, decision))
    }

    /// What participant `i` may do with participant `j`: take what it forwarded, or forward to it.
    fn step_between(self, state: u128, kind: u32, i: u32, j: u32) -> Option<u128> {
        if i == j || self.broadcast == Broadcast::Simple {
            return None;
        }
        let known = match self.broadcast {
            Broadcast::Reliable => self.forward(state, i, i),
            Broadcast::Simple | Broadcast::LateForward => self.get(state, DECISION, i),
        };
        let (given, sent) = (self.forward(state, j, i), self.forward(state, i, j));
        match kind {
            10 if given != NONE => self.take(state, i, given),
            11 if known != NONE && sent == NONE => Some(self.set_forward(state, i, j, known)),
            _ => None,
        }
    }

    fn participant_steps(self, state: u128, found: &mut impl FnMut(Ordinal, &u128)) {
        for kind in 6..=CRASH {
            for i in self.everyone().filter(|&i| self.get(state, UP, i) == 1) {
                if let Some(next) = self.own_step(state, kind, i) {
                    found(ordinal(kind, i, 0), &next);
                }
                for j in self.everyone() {
                    if let Some(next) = self.step_between(state, kind, i, j) {
                        found(ordinal(kind, i, j), &next);
                    }
                }
            }
        }
    }

    /// What participant `i` has forwarded to `j`; to itself, what it will decide.
    fn forward(self, state: u128, i: u32, j: u32) -> u32 {
        self.get(state, Field::new(FORWARD + 2 * j, 2), i)
    }

    fn set_forward(self, state: u128, i: u32, j: u32, decision: u32) -> u128 {
        self.set(state, Field::new(FORWARD + 2 * j, 2), i, decision)
    }

    fn forwarded_to_all(self, state: u128, i: u32) -> bool {
        self.everyone().all(|j| self.forward(state, i, j) != NONE)
    }

    /// Neither the coordinator nor anyone who crashed has told a decision to someone who is up.
    fn nothing_on_its_way(self, state: u128) -> bool {
        let up = |i: u32| self.get(state, UP, i) == 1;
        let told = |k: u32| {
            let crashed = |&j: &u32| !up(j) && self.forward(state, j, k) != NONE;
            self.get(state, BROADCAST, k) != NONE || self.everyone().any(|j| crashed(&j))
        };
        self.broadcast != Broadcast::Simple && self.everyone().all(|k| !up(k) || !told(k))
    }

    fn disagreement(self, state: u128) -> Option<Violation> {
        let find = |wanted| self.everyone().find(|&i| self.get(state, DECISION, i) == wanted);
        let (committed, aborted) = find(COMMIT).zip(find(ABORT))?;
        let witness = format!("p{} committed and p{} aborted", committed + 1, aborted + 1);
        Some(Violation::new(AGREEMENT, witness))
    }

    fn wrong_decision(self, state: u128) -> Option<Violation> {
        let refused = self.everyone().find(|&i| self.get(state, VOTE, i) == NO);
        let failed = COORDINATOR_UP.of(state) == 0 || self.any(state, UP, 0);
        if let Some(refused) = refused.filter(|_| self.any(state, DECISION, COMMIT)) {
            let witness = format!("committed, though p{} voted no", refused + 1);
            return Some(Violation::new(VALIDITY, witness));
        }
        let groundless = refused.is_none() && !failed && self.any(state, DECISION, ABORT);
        groundless
            .then(|| Violation::new(NONTRIVIALITY, "aborted, though all voted yes and are up"))
    }

    fn blocked(self, state: u128) -> Option<Violation> {
        let waits = |&i: &u32| self.get(state, UP, i) == 1 && self.get(state, DECISION, i) == NONE;
        let waiting = self.everyone().find(waits)?;
        let mut moves = false;
        self.successors(&state, &mut |ordinal, &next| {
            let crash = [CRASH, COORDINATOR_CRASH].contains(&(ordinal.0 >> 8));
            moves = moves || (!crash && next != state);
        });
        let witness =
            || format!("p{} is up and waits for a decision that cannot come", waiting + 1);
        (!moves).then(|| Violation::new(NO_BLOCKING, witness()))
    }

    /// The state with the participants called otherwise: `order[i]` is now the `i`-th.
    fn renamed(self, state: u128, order: &[u32]) -> u128 {
        let mut renamed = state;
        for (to, &from) in order.iter().enumerate() {
            for field in [VOTE, UP, DECISION, VOTE_SENT, REQUEST, COLLECTED, BROADCAST] {
                renamed = self.set(renamed, field, to as u32, self.get(state, field, from));
            }
            for (to_other, &other) in order.iter().enumerate() {
                let forwarded = self.forward(state, from, other);
                renamed = self.set_forward(renamed, to as u32, to_other as u32, forwarded);
            }
        }
        renamed
    }
}

impl Model for AtomicCommitment {
    type State = u128;

    fn initial(&self, found: &mut impl FnMut(&u128)) {
        for votes in 0..1_u32 << self.participants {
            let mut state = COORDINATOR_UP.set(0, 1);
            for i in self.everyone() {
                state = self.set(state, VOTE, i, votes >> i & 1);
                state = self.set(state, UP, i, 1);
                state = self.set(state, COLLECTED, i, WAITING);
            }
            found(&state);
        }
    }

    fn successors(&self, &state: &u128, found: &mut impl FnMut(Ordinal, &u128)) {
        if COORDINATOR_UP.of(state) == 1 {
            self.coordinator_steps(state, found);
        }
        self.participant_steps(state, found);
    }

    fn key(&self, &state: &u128) -> u128 {
        state
    }

    fn violated(&self, &state: &u128) -> Option<Violation> {
        let wrong = self.disagreement(state).or_else(|| self.wrong_decision(state));
        wrong.or_else(|| self.blocked(state))
    }

    fn canonical(&self, &state: &u128) -> Option<u128> {
        if self.broadcast == Broadcast::Simple {
            return Some(sort_rows(state, self.participants, self.stride()));
        }
        let mut order: Vec<u32> = self.everyone().collect();
        let mut least = state;
        each_order(&mut order, 0, &mut |order| least = least.min(self.renamed(state, order)));
        Some(least)
    }

    fn kinds(&self) -> Vec<String> {
        KINDS.map(String::from).to_vec()
    }

    fn kind(&self, ordinal: Ordinal) -> usize {
        (ordinal.0 >> 8) as usize
    }

    fn describe(&self, _: &u128, ordinal: Ordinal) -> String {
        let (kind, i, j) = (ordinal.0 >> 8, ordinal.0 >> 4 & 15, ordinal.0 & 15);
        let what = KINDS[kind as usize];
        match kind {
            0..OF_THE_COORDINATOR => String::from(what),
            10 => format!("{what} p{} from p{}", i + 1, j + 1),
            11 => format!("{what} p{} to p{}", i + 1, j + 1),
            _ => format!("{what} p{}", i + 1),
        }
    }
}

/// Every order of the numbers from `fixed` on.
fn each_order(order: &mut [u32], fixed: usize, found: &mut impl FnMut(&[u32])) {
    if fixed == order.len() {
        return found(order);
    }
    for other in fixed..order.len() {
        order.swap(fixed, other);
        each_order(order, fixed + 1, found);
        order.swap(fixed, other);
    }
}
