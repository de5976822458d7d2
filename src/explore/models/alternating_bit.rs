//! The alternating bit protocol: reliable transfer over two queues that lose messages.
//!
//! ```text
//!   sender ──(bit, value)──▶ [ message queue, loses any ] ──▶ receiver
//!          ◀──[ acknowledgement queue, loses any ]──bit──
//! ```
//!
//! `AlternatingBit` of Lamport, *Specifying Systems*, 2002, chapter 14, as in the TLA+ examples,
//! with two data values. A step that would make a queue longer than the bound is left out, as the
//! published constraint does.
//!
//! Known counts: 240 states, depth 10 with queues of at most two.

use crate::explore::model::{Model, Ordinal, Violation};

/// The longest queues of this model.
pub(super) const QUEUE_MAX: u32 = 8;

const VALUES: u32 = 2;

const KINDS: [&str; 7] = [
    "the sender sends a new value",
    "the sender sends again",
    "the receiver takes a message",
    "the receiver acknowledges",
    "the sender takes an acknowledgement",
    "a message is lost",
    "an acknowledgement is lost",
];

/// The model, with queues of at most so many (1 to 8).
#[derive(Clone, Copy, Debug)]
pub struct AlternatingBit {
    /// The longest that each queue may be.
    pub queue_max: u32,
}

/// A queue of small numbers, packed: the first in the lowest bits, a one above the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Queue<const WIDTH: u32>(u32);

impl<const WIDTH: u32> Queue<WIDTH> {
    const EMPTY: Self = Self(1);

    fn len(self) -> u32 {
        self.0.ilog2() / WIDTH
    }

    fn at(self, index: u32) -> u32 {
        self.0 >> (index * WIDTH) & ((1 << WIDTH) - 1)
    }

    fn push(self, value: u32) -> Self {
        let end = self.len() * WIDTH;
        Self(self.0 & !(1 << end) | (1 << WIDTH | value) << end)
    }

    fn without(self, index: u32) -> Self {
        let below = (1 << (index * WIDTH)) - 1;
        Self(self.0 & below | self.0 >> WIDTH & !below)
    }
}

/// Everything: what each side remembers, and what is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    messages: Queue<2>,
    acknowledgements: Queue<1>,
    /// The bit of the value being sent, and the last one acknowledged.
    sender_bit: u32,
    acknowledged_bit: u32,
    receiver_bit: u32,
    sent: u32,
    received: u32,
}

impl State {
    /// The message that carries the value being sent.
    fn message(self) -> u32 {
        self.sender_bit << 1 | self.sent
    }
}

impl AlternatingBit {
    fn sender_steps(self, state: State, found: &mut impl FnMut(Ordinal, &State)) {
        let idle = state.sender_bit == state.acknowledged_bit;
        let room = state.messages.len() < self.queue_max;
        if idle && room {
            for sent in 0..VALUES {
                let fresh = State { sent, sender_bit: 1 - state.sender_bit, ..state };
                let messages = state.messages.push(fresh.message());
                found(ordinal(0, sent), &State { messages, ..fresh });
            }
        }
        if !idle && room {
            let messages = state.messages.push(state.message());
            found(ordinal(1, 0), &State { messages, ..state });
        }
    }

    fn receiver_steps(self, state: State, found: &mut impl FnMut(Ordinal, &State)) {
        if state.messages != Queue::EMPTY {
            let first = state.messages.at(0);
            let messages = state.messages.without(0);
            let (receiver_bit, received) = (first >> 1, first & 1);
            found(ordinal(2, 0), &State { messages, receiver_bit, received, ..state });
        }
        if state.acknowledgements.len() < self.queue_max {
            let acknowledgements = state.acknowledgements.push(state.receiver_bit);
            found(ordinal(3, 0), &State { acknowledgements, ..state });
        }
    }

    fn queue_steps(state: State, found: &mut impl FnMut(Ordinal, &State)) {
        if state.acknowledgements != Queue::EMPTY {
            let acknowledged_bit = state.acknowledgements.at(0);
            let acknowledgements = state.acknowledgements.without(0);
            found(ordinal(4, 0), &State { acknowledgements, acknowledged_bit, ..state });
        }
        for index in 0..state.messages.len() {
            found(ordinal(5, index), &State { messages: state.messages.without(index), ..state });
        }
        for index in 0..state.acknowledgements.len() {
            let acknowledgements = state.acknowledgements.without(index);
            found(ordinal(6, index), &State { acknowledgements, ..state });
        }
    }
}

fn ordinal(kind: u32, detail: u32) -> Ordinal {
    Ordinal(kind << 8 | detail)
}

impl Model for AlternatingBit {
    type State = State;

    fn initial(&self, found: &mut impl FnMut(&State)) {
        for choice in 0..8 {
            let (bit, sent, received) = (choice >> 2, choice >> 1 & 1, choice & 1);
            found(&State {
                messages: Queue::EMPTY,
                acknowledgements: Queue::EMPTY,
                sender_bit: bit,
                acknowledged_bit: bit,
                receiver_bit: bit,
                sent,
                received,
            });
        }
    }

    fn successors(&self, &state: &State, found: &mut impl FnMut(Ordinal, &State)) {
        self.sender_steps(state, found);
        self.receiver_steps(state, found);
        Self::queue_steps(state, found);
    }

    fn key(&self, state: &State) -> u128 {
        let bits = [state.sender_bit, state.acknowledged_bit, state.receiver_bit];
        let small = [state.sent, state.received].into_iter().chain(bits);
        let small = small.fold(0, |word, bit| word << 1 | u128::from(bit));
        small << 64 | u128::from(state.messages.0) << 32 | u128::from(state.acknowledgements.0)
    }

    /// While a value is not acknowledged, the bit tells it from the one before.
    fn violated(&self, state: &State) -> Option<Violation> {
        let open = state.sender_bit != state.acknowledged_bit;
        let taken = state.receiver_bit == state.sender_bit;
        let wrong = open && taken && state.received != state.sent;
        wrong.then(|| Violation::new("delivery.value", "the receiver took a value for another"))
    }

    fn kinds(&self) -> Vec<String> {
        KINDS.map(String::from).to_vec()
    }

    fn kind(&self, ordinal: Ordinal) -> usize {
        (ordinal.0 >> 8) as usize
    }

    fn describe(&self, _: &State, ordinal: Ordinal) -> String {
        let (what, detail) = (KINDS[self.kind(ordinal)], ordinal.0 & 0xFF);
        match self.kind(ordinal) {
            0 => format!("{what}: {}", ["a", "b"][detail as usize]),
            5 | 6 => format!("{what}: number {} in the queue", detail + 1),
            _ => String::from(what),
        }
    }
}
