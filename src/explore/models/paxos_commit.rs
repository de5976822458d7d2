//! Paxos Commit: one instance of Paxos for each resource manager's vote, three acceptors.
//!
//! ```text
//!   rm ──2a, ballot 0: prepared or aborted──▶ acceptors ──2b──▶ leader ──▶ Commit or Abort
//!   leader ──1a, ballot 1──▶ acceptors ──1b──▶ leader ──2a, ballot 1──▶ acceptors
//!
//!   row of an rm:  per acceptor: 2b of ballot 1 │ 2b of ballot 0 │ 1b     2a, 2a │ 1a │ state
//! ```
//!
//! `PaxosCommit` of Gray & Lamport, *Consensus on Transaction Commit*, ACM TODS 31(1), 2006, as in
//! the TLA+ examples, with ballots 0 and 1 and majorities of two out of three. Messages are never
//! removed. An acceptor's state is not stored: with one ballot above 0 it is what it has sent (a 1b
//! or a 2b of ballot 1 is a promise, its last 2b is what it accepted).
//!
//! Known counts: 1,321,761 states, depth 28 with two resource managers.

use super::{
    packed::{Field, sort_rows},
    words::{AGREEMENT, disagreement},
};
use crate::explore::model::{Model, Ordinal, Violation};

/// The most resource managers of this model.
pub(super) const NODES_MAX: u32 = 5;

const ACCEPTORS: u32 = 3;
const ORDERS: [[u32; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
const MAJORITIES: [[u32; 2]; 3] = [[0, 1], [0, 2], [1, 2]];

const STRIDE: u32 = 7 + 6 * ACCEPTORS;
const STATE: Field = Field::new(0, 2);
const PHASE_1A: Field = Field::new(2, 1);
/// The 2a of ballot 0 (the resource manager's own) and of ballot 1 (a leader's).
const PHASE_2A: [Field; 2] = [Field::new(3, 2), Field::new(5, 2)];

const COMMIT: Field = Field::new(NODES_MAX * STRIDE, 1);
const ABORT: Field = Field::new(NODES_MAX * STRIDE + 1, 1);

// States of a resource manager.
const WORKING: u32 = 0;
const PREPARED: u32 = 1;
const COMMITTED: u32 = 2;
const ABORTED: u32 = 3;

// Values in messages; a 1b may also say that nothing was accepted.
const UNSENT: u32 = 0;
const VOTE_PREPARED: u32 = 1;
const VOTE_ABORTED: u32 = 2;
const NOTHING_ACCEPTED: u32 = 3;

const KINDS: [&str; 10] = [
    "the leader announces commit",
    "the leader announces abort",
    "prepares:",
    "chooses to abort:",
    "learns commit:",
    "learns abort:",
    "a leader begins ballot 1 for",
    "a leader proposes in ballot 1 for",
    "promises ballot 1 for",
    "accepts for",
];

/// The model, with so many resource managers (1 to 5).
#[derive(Clone, Copy, Debug)]
pub struct PaxosCommit {
    /// How many.
    pub managers: u32,
}

/// The 1b of an acceptor.
fn phase_1b(acceptor: u32) -> Field {
    Field::new(7 + 6 * acceptor, 2)
}

/// The 2b of an acceptor in a ballot.
fn phase_2b(acceptor: u32, ballot: u32) -> Field {
    Field::new(9 + 6 * acceptor + 2 * ballot, 2)
}

fn ordinal(kind: u32, rm: u32, detail: u32) -> Ordinal {
    Ordinal(kind << 8 | rm << 4 | detail)
}

/// One instance of Paxos: the row of one resource manager.
#[derive(Clone, Copy)]
struct Instance {
    state: u128,
    rm: u32,
}

impl Instance {
    fn get(self, field: Field) -> u32 {
        field.row(self.rm, STRIDE).of(self.state)
    }

    fn with(self, field: Field, value: u32) -> u128 {
        field.row(self.rm, STRIDE).set(self.state, value)
    }

    fn decided(self, value: u32) -> bool {
        let accepted = |acceptor, ballot| self.get(phase_2b(acceptor, ballot)) == value;
        let by = |ballot| MAJORITIES.iter().any(|each| each.iter().all(|&a| accepted(a, ballot)));
        by(0) || by(1)
    }

    fn has_promised(self, acceptor: u32) -> bool {
        self.get(phase_1b(acceptor)) != UNSENT || self.get(phase_2b(acceptor, 1)) != UNSENT
    }

    /// What the resource manager does and learns.
    fn rm_steps(self, found: &mut impl FnMut(Ordinal, &u128)) {
        let own = self.get(STATE);
        for (kind, then, vote) in [(2, PREPARED, VOTE_PREPARED), (3, ABORTED, VOTE_ABORTED)] {
            if own == WORKING {
                let voted = Self { state: self.with(PHASE_2A[0], vote), ..self };
                found(ordinal(kind, self.rm, 0), &voted.with(STATE, then));
            }
        }
        for (kind, announced, then) in [(4, COMMIT, COMMITTED), (5, ABORT, ABORTED)] {
            if announced.of(self.state) == 1 {
                found(ordinal(kind, self.rm, 0), &self.with(STATE, then));
            }
        }
    }

    /// A leader begins ballot 1, or proposes what a majority's promises allow.
    fn leader_steps(self, found: &mut impl FnMut(Ordinal, &u128)) {
        found(ordinal(6, self.rm, 0), &self.with(PHASE_1A, 1));
        if self.get(PHASE_2A[1]) != UNSENT {
            return;
        }
        for (detail, majority) in MAJORITIES.iter().enumerate() {
            let promises = majority.map(|acceptor| self.get(phase_1b(acceptor)));
            if promises.contains(&UNSENT) {
                continue;
            }
            // All accepted in ballot 0, where there is one value: whoever names one names it.
            let accepted = promises.into_iter().find(|&value| value != NOTHING_ACCEPTED);
            let next = self.with(PHASE_2A[1], accepted.unwrap_or(VOTE_ABORTED));
            found(ordinal(7, self.rm, detail as u32), &next);
        }
    }

    fn acceptor_steps(self, found: &mut impl FnMut(Ordinal, &u128)) {
        for acceptor in 0..ACCEPTORS {
            if self.get(PHASE_1A) == 1 && !self.has_promised(acceptor) {
                let accepted = self.get(phase_2b(acceptor, 0));
                let says = if accepted == UNSENT { NOTHING_ACCEPTED } else { accepted };
                found(ordinal(8, self.rm, acceptor), &self.with(phase_1b(acceptor), says));
            }
        }
        for acceptor in 0..ACCEPTORS {
            for ballot in 0..2 {
                let value = self.get(PHASE_2A[ballot as usize]);
                let may = ballot == 1 || !self.has_promised(acceptor);
                if value != UNSENT && may {
                    let next = self.with(phase_2b(acceptor, ballot), value);
                    found(ordinal(9, self.rm, acceptor << 1 | ballot), &next);
                }
            }
        }
    }
}

impl PaxosCommit {
    fn instances(self, state: u128) -> impl Iterator<Item = Instance> {
        (0..self.managers).map(move |rm| Instance { state, rm })
    }
}

impl Model for PaxosCommit {
    type State = u128;

    fn initial(&self, found: &mut impl FnMut(&u128)) {
        found(&0);
    }

    fn successors(&self, &state: &u128, found: &mut impl FnMut(Ordinal, &u128)) {
        if self.instances(state).all(|instance| instance.decided(VOTE_PREPARED)) {
            found(ordinal(0, 0, 0), &COMMIT.set(state, 1));
        }
        if self.instances(state).any(|instance| instance.decided(VOTE_ABORTED)) {
            found(ordinal(1, 0, 0), &ABORT.set(state, 1));
        }
        self.instances(state).for_each(|instance| instance.rm_steps(found));
        self.instances(state).for_each(|instance| instance.leader_steps(found));
        self.instances(state).for_each(|instance| instance.acceptor_steps(found));
    }

    fn key(&self, &state: &u128) -> u128 {
        state
    }

    fn violated(&self, &state: &u128) -> Option<Violation> {
        let find = |wanted| self.instances(state).find(|instance| instance.get(STATE) == wanted);
        let both = find(COMMITTED).zip(find(ABORTED));
        both.map(|(committed, aborted)| disagreement(AGREEMENT, committed.rm, aborted.rm))
    }

    /// Resource managers and acceptors can be renamed independently.
    fn canonical(&self, &state: &u128) -> Option<u128> {
        let renamed = ORDERS.map(|order| {
            let mut renamed = state;
            for instance in self.instances(state) {
                for (to, &from) in order.iter().enumerate() {
                    let block = |acceptor| Field::new(7 + 6 * acceptor, 6);
                    let row = block(to as u32).row(instance.rm, STRIDE);
                    renamed = row.set(renamed, instance.get(block(from)));
                }
            }
            sort_rows(renamed, self.managers, STRIDE)
        });
        renamed.into_iter().min()
    }

    fn kinds(&self) -> Vec<String> {
        KINDS.map(String::from).to_vec()
    }

    fn kind(&self, ordinal: Ordinal) -> usize {
        (ordinal.0 >> 8) as usize
    }

    fn describe(&self, _: &u128, ordinal: Ordinal) -> String {
        let (kind, rm, detail) = (ordinal.0 >> 8, ordinal.0 >> 4 & 15, ordinal.0 & 15);
        let what = KINDS[kind as usize];
        match kind {
            0 | 1 => String::from(what),
            8 => format!("a{} {what} rm{}", detail + 1, rm + 1),
            9 => format!("a{} {what} rm{} in ballot {}", (detail >> 1) + 1, rm + 1, detail & 1),
            _ => format!("{what} rm{}", rm + 1),
        }
    }
}
