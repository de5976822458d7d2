//! The floor: how fast a loop is that somebody writes by hand for one protocol.
//!
//! ```text
//!   heap ──earliest──▶ reachable? ──▶ fold into the hash ──▶ one virtual call ──▶ send: loss, delay
//! ```
//!
//! It does what no simulator can leave out: a binary heap of events that hold their payload, draws
//! of loss and of delay for each message from one stream of ChaCha8, a test of whether receiver and
//! link are up, and a hash of 128 bits over everything that happened. It has no names, no log, no
//! rules, no clocks, no timers that can be taken back, no clients and no record of what happened.
//! A floor without those draws and the hash was rejected: the ratio to it would mean nothing.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::{cmp::Reverse, collections::BinaryHeap};

const STIR: u64 = 0xE703_7ED1_A0B4_28DB;

/// What a node gets: a label and a number, as small as a message can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Message {
    pub(crate) label: u16,
    pub(crate) number: u32,
}

/// A node that handles messages.
pub(crate) trait Node {
    /// The first thing it does.
    fn begin(&mut self, me: u16, net: &mut Net);
    /// A message has arrived; a timer arrives as a message from itself.
    fn on_message(&mut self, me: u16, from: u16, message: Message, net: &mut Net);
}

/// Pending events, earliest first.
pub(crate) trait Pending: Default {
    fn push(&mut self, event: Event);
    fn pop(&mut self) -> Option<Event>;
    fn clear(&mut self);
}

/// A message under way; ordered by its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Event {
    /// Nanoseconds above, order of insertion below.
    key: u128,
    from: u16,
    to: u16,
    message: Message,
}

/// What sends, and what a node sees of the world.
#[derive(Debug)]
pub(crate) struct Net {
    now: u64,
    sequence: u64,
    rng: ChaCha8Rng,
    /// Out of 2^32.
    loss: u32,
    /// Nanoseconds.
    delay: (u64, u64),
    /// What was sent in the handler that runs.
    sent: Vec<Event>,
}

impl Net {
    /// Sends a message: it may be lost, and takes some time.
    #[inline]
    pub(crate) fn send(&mut self, from: u16, to: u16, message: Message) {
        let lost = self.rng.random::<u32>() < self.loss;
        let (least, most) = self.delay;
        let delay = least + self.rng.random_range(0..=most - least);
        if !lost {
            self.put(delay, from, to, message);
        }
    }

    /// Wakes a node after a while.
    #[inline]
    pub(crate) fn wake(&mut self, node: u16, after: u64, message: Message) {
        self.put(after, node, node, message);
    }

    #[inline]
    fn put(&mut self, after: u64, from: u16, to: u16, message: Message) {
        self.sequence += 1;
        let key = u128::from(self.now + after) << 64 | u128::from(self.sequence);
        self.sent.push(Event { key, from, to, message });
    }
}

/// A world of nodes.
pub(crate) struct Floor<Q> {
    nodes: Vec<Box<dyn Node>>,
    up: Vec<bool>,
    side: Vec<u8>,
    pending: Q,
    net: Net,
    hash: [u64; 2],
    pub(crate) delivered: u64,
}

impl<Q: Pending> Floor<Q> {
    /// A world in which messages take between `delay.0` and `delay.1` nanoseconds and one of
    /// 2^32 / `loss` is lost.
    pub(crate) fn new(nodes: Vec<Box<dyn Node>>, seed: u64, loss: u32, delay: (u64, u64)) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(seed);
        let count = nodes.len();
        Self {
            nodes,
            up: vec![true; count],
            side: vec![0; count],
            pending: Q::default(),
            net: Net { now: 0, sequence: 0, rng, loss, delay, sent: Vec::new() },
            hash: [0; 2],
            delivered: 0,
        }
    }

    /// Runs until nothing is pending; gives the hash.
    pub(crate) fn run(&mut self) -> u128 {
        self.pending.clear();
        for (me, node) in self.nodes.iter_mut().enumerate() {
            node.begin(me as u16, &mut self.net);
        }
        loop {
            for event in self.net.sent.drain(..) {
                self.pending.push(event);
            }
            let Some(event) = self.pending.pop() else { break };
            let Event { key, from, to, message } = event;
            self.net.now = (key >> 64) as u64;
            let (sender, receiver) = (usize::from(from), usize::from(to));
            if !self.up[receiver] || self.side[sender] != self.side[receiver] {
                continue;
            }
            self.fold(event);
            self.delivered += u64::from(from != to);
            self.nodes[receiver].on_message(to, from, message, &mut self.net);
        }
        u128::from(self.hash[0]) << 64 | u128::from(self.hash[1])
    }

    #[inline]
    fn fold(&mut self, event: Event) {
        let ends = u64::from(event.from) << 48 | u64::from(event.to) << 32;
        let words = [self.net.now, ends | u64::from(event.message.number)];
        for word in words {
            let product = u128::from(self.hash[0] ^ word) * u128::from(STIR);
            self.hash = [product as u64 ^ self.hash[1], (product >> 64) as u64];
        }
    }
}

/// The heap of the standard library.
#[derive(Default)]
pub(crate) struct Binary(BinaryHeap<Reverse<Event>>);

impl Pending for Binary {
    #[inline]
    fn push(&mut self, event: Event) {
        self.0.push(Reverse(event));
    }
    #[inline]
    fn pop(&mut self) -> Option<Event> {
        self.0.pop().map(|Reverse(event)| event)
    }
    fn clear(&mut self) {
        self.0.clear();
    }
}

/// Buckets of a hundred microseconds on a wheel, each sorted when it comes up: the best that was
/// found for many thousand events of delays that are alike.
pub(crate) struct Wheel {
    buckets: Vec<Vec<Event>>,
    at: usize,
    held: usize,
}

const BUCKET_NANOS: u64 = 1 << 17;
const BUCKETS: usize = 1 << 10;

impl Default for Wheel {
    fn default() -> Self {
        Self { buckets: vec![Vec::new(); BUCKETS], at: 0, held: 0 }
    }
}

impl Pending for Wheel {
    #[inline]
    fn push(&mut self, event: Event) {
        let place = ((event.key >> 64) as u64 / BUCKET_NANOS) as usize;
        self.held += 1;
        let bucket = &mut self.buckets[place % BUCKETS];
        if place == self.at {
            let before = bucket.partition_point(|other| other.key > event.key);
            return bucket.insert(before, event);
        }
        assert!(place - self.at < BUCKETS, "delays are shorter than the wheel");
        bucket.push(event);
    }
    #[inline]
    fn pop(&mut self) -> Option<Event> {
        if self.held == 0 {
            return None;
        }
        loop {
            if let Some(event) = self.buckets[self.at % BUCKETS].pop() {
                self.held -= 1;
                return Some(event);
            }
            self.at += 1;
            self.buckets[self.at % BUCKETS].sort_unstable_by_key(|event| Reverse(event.key));
        }
    }
    fn clear(&mut self) {
        self.buckets.iter_mut().for_each(Vec::clear);
        (self.at, self.held) = (0, 0);
    }
}
