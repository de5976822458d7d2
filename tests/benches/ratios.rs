//! How many times the floor a run costs: `cargo bench --bench ratios`.
//!
//! ```text
//!   round:  floor │ splitbrain │ floor │ splitbrain │ …   median of each, median of the rounds' ratios
//!
//!   ratios FILTER    only the lines whose name holds it         ratios --once NAME HALF    one half,
//!                                                               for a counter of instructions
//! ```
//!
//! Floor and splitbrain take turns within every round, so that a noisy machine hits both; what is
//! printed is the processor's time of this thread. A framework that measures one thing after the
//! other was rejected for ratios: a neighbour that wakes up between the two would be in the result.
//!
//! Limits: the floor sorts stale timers instead of taking them back, and makes no copies of messages.

#![expect(clippy::disallowed_methods, reason = "this is about time")]

mod floor;
mod loops;

use cpu_time::ThreadTime;
use floor::{Binary, Floor, Pending, Wheel};
use loops::{DELAY_NANOS, holders_by_hand, plan, players_by_hand, quorum_by_hand};
use splitbrain::base::ids::Seed;
use std::{fmt::Write, hint::black_box};

const ROUNDS: usize = 9;
/// One in a billion, as a word of 32 bits that is not zero.
const RARE: u32 = 4;
const ONE_PERCENT: u32 = u32::MAX / 100;

/// Something that is measured in two halves. Each half runs once and says how many messages were
/// delivered.
struct Pair {
    name: &'static str,
    /// What one of it is called, for the columns.
    unit: &'static str,
    target: f64,
    floor: Half,
    splitbrain: Half,
}

type Half = Box<dyn FnMut(u64) -> u64>;

fn by_hand<Q: Pending + 'static>(
    loss: u32,
    nodes: impl Fn() -> Vec<Box<dyn floor::Node>> + 'static,
) -> Half {
    Box::new(move |seed| {
        let mut world = Floor::<Q>::new(nodes(), seed, loss, DELAY_NANOS);
        black_box(world.run());
        world.delivered
    })
}

/// A scenario's run: set-up is what a sweep does between two seeds.
fn simulated(protocol: String, loss: &'static str) -> Half {
    let plan = Box::leak(Box::new(plan(&protocol, loss)));
    let mut runner = plan.runner();
    Box::new(move |seed| {
        black_box(runner.judge(Seed(seed)));
        let counters = runner.simulation().counters();
        counters.messages_delivered()
    })
}

fn pairs() -> Vec<Pair> {
    let mut pairs = vec![
        Pair {
            name: "ping-pong",
            unit: "message",
            target: 2.0,
            floor: by_hand::<Binary>(RARE, || players_by_hand(1_000_000)),
            splitbrain: simulated("PingPong(upto: 1000000)".to_owned(), "0.0000001%"),
        },
        Pair {
            name: "quorum of five",
            unit: "message",
            target: 1.5,
            floor: by_hand::<Binary>(ONE_PERCENT, || quorum_by_hand(100_000)),
            splitbrain: simulated("QuorumLoop(upto: 100000)".to_owned(), "1%"),
        },
        tiny("a quorum's 200 messages, set up anew", &QUORUM, 20, 10_000),
        tiny("200 messages, set up anew", &PLAYERS, 200, 10_000),
        tiny("4 messages, set up anew", &PLAYERS, 4, 200_000),
    ];
    for (name, nodes, each) in [
        ("10 nodes, 100 pending", 10, 10),
        ("100 nodes, 1,000 pending", 100, 10),
        ("1,000 nodes, 10,000 pending", 1_000, 10),
        ("10,000 nodes, 100,000 pending", 10_000, 10),
    ] {
        let upto = 1_000_000 / (u32::from(nodes) * each);
        let hand = move || holders_by_hand(nodes, each, upto);
        let floor = if nodes < 1_000 {
            by_hand::<Binary>(RARE, hand)
        } else {
            by_hand::<Wheel>(RARE, hand)
        };
        let protocol = format!("Tokens(nodes: {nodes}, each: {each}, upto: {upto})");
        let splitbrain = simulated(protocol, "0.0000001%");
        pairs.push(Pair { name, unit: "message", target: 1.5, floor, splitbrain });
    }
    pairs
}

/// A small system in both halves.
struct Small {
    by_hand: fn(u32) -> Vec<Box<dyn floor::Node>>,
    protocol: &'static str,
}

const PLAYERS: Small = Small { by_hand: players_by_hand, protocol: "PingPong" };
const QUORUM: Small = Small { by_hand: quorum_by_hand, protocol: "QuorumLoop" };

/// Short runs, many of them: what is between two runs counts.
fn tiny(name: &'static str, small: &'static Small, upto: u32, runs: u64) -> Pair {
    let mut one = by_hand::<Binary>(RARE, move || (small.by_hand)(upto));
    let protocol = format!("{}(upto: {upto})", small.protocol);
    let mut other = simulated(protocol, "0.0000001%");
    let many = move |half: &mut Half, seed: u64| {
        (0..runs).map(|run| u64::from(half(seed * runs + run) > 0)).sum()
    };
    Pair {
        name,
        unit: "run",
        target: 1.5,
        floor: Box::new(move |seed| many(&mut one, seed)),
        splitbrain: Box::new(move |seed| many(&mut other, seed)),
    }
}

/// Nanoseconds per unit.
fn timed(half: &mut Half, seed: u64) -> f64 {
    let begin = ThreadTime::now();
    let units = half(seed);
    begin.elapsed().as_nanos() as f64 / units.max(1) as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn measure(pair: &mut Pair) -> String {
    let Pair { name, unit, target, floor, splitbrain } = pair;
    for half in [&mut *floor, &mut *splitbrain] {
        timed(half, 1); // Memory is warm from here on.
    }
    let rounds: Vec<(f64, f64)> =
        (2..2 + ROUNDS as u64).map(|seed| (timed(floor, seed), timed(splitbrain, seed))).collect();
    let ratios: Vec<f64> = rounds.iter().map(|(floor, ours)| ours / floor).collect();
    let (least, most) = ratios
        .iter()
        .fold((f64::MAX, 0.0_f64), |(least, most), &ratio| (least.min(ratio), most.max(ratio)));
    let half = |which: fn(&(f64, f64)) -> f64| median(rounds.iter().map(which).collect());
    let (floor, ours, ratio) = (half(|r| r.0), half(|r| r.1), median(ratios));
    let mut line = String::new();
    write!(line, "{name:<38}{floor:>10.1}{ours:>12.1} ns/{unit:<9}{ratio:>6.2}x ").expect("text");
    write!(line, "({least:.2} … {most:.2})   at most {target:.1}x").expect("text");
    line
}

#[expect(clippy::print_stdout, reason = "the result")]
fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|one| one != "--bench").collect();
    let mut pairs = pairs();
    if let [flag, name, half] = &arguments[..]
        && flag == "--once"
    {
        let pair = pairs.iter_mut().find(|pair| pair.name == name).expect("no such name");
        let half = if half == "floor" { &mut pair.floor } else { &mut pair.splitbrain };
        println!("{} units", half(1) + half(2));
        return;
    }
    println!("{:<38}{:>10}{:>12}{:>23}", "", "floor", "splitbrain", "median of ratios");
    for pair in &mut pairs {
        if arguments.first().is_none_or(|filter| pair.name.contains(filter.as_str())) {
            println!("{}", measure(pair));
        }
    }
}
