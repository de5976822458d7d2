//! Weather: latencies that are meant to find bugs rather than to be realistic.
//!
//! ```text
//!   Measured   the scenario's own law
//!   Walk       exponential, its mean the law's median: any message may overtake any other
//!   Pos        log-uniform over five decades: one message may wait while others make eight hops
//!   Pct(d)     about d − 1 messages of the run are very late, all others as measured
//!   Swizzle    some nodes' links clog one after the other and come free in another order
//!   Mixed      for each seed one of them: 40 % Pos, 20 % each Measured, Pct(2…4) and Swizzle
//! ```
//!
//! An order of events that measured latencies give once in a million seeds may be what a bug needs.
//! Exponential latencies are a random walk over orders, log-uniform ones are partial order sampling
//! (Yuan, Yang & Gu, CAV 2018), few and huge delays are probabilistic concurrency testing (Burckhardt et
//! al., ASPLOS 2010). A second scheduler that picks the next event was rejected: what is found here
//! is a timed run already, with an address.
//!
//! Every latency keeps its name and its word, and only the law changes; what is late is drawn by the
//! message's own name. Nothing is longer than a cap, a quarter of the quiet tail, so that what is
//! late still arrives while there is time to react; and healing ends the weather. The spread of Pos
//! is from a thirtieth of the median to a thousand times it: timeouts are set at ten to a hundred
//! medians as a rule, so both orders of a message and a timeout occur.
//!
//! Limits: Pct needs to know how many messages a run has; it takes the number of a calm run.

use super::{
    network::{Endpoint, Fate, Link, Network},
    setup::Setup,
};
use crate::base::{
    draws::{Draws, Key, Purpose, below, name_word},
    quantity::Probability,
    sampler::{Law, Sampler},
    time::{Duration, Time},
};

/// How long messages travel: as measured, or as a search wants it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Weather {
    /// By the law of the link.
    #[default]
    Measured,
    /// Exponential, with the law's median as mean.
    Walk,
    /// Log-uniform around the law's median.
    Pos,
    /// One message less than this is very late.
    Pct(u16),
    /// Links of some nodes clog and come free in another order.
    Swizzle,
    /// Each seed draws one.
    Mixed,
}

/// Half of all words lie below it.
const MIDDLE: u64 = 1 << 63;
/// Words about lateness are drawn as those of an attempt that no message reaches.
const LATENESS: u32 = 1 << 30;

/// The weather of a run.
#[derive(Clone, Debug)]
pub(super) struct Sky {
    weather: Weather,
    /// Nothing takes longer.
    cap: Duration,
    /// By link: the default one, the clients' one, then the exceptions.
    laws: Vec<Laws>,
    late: Probability,
    clogs: Vec<Clog>,
}

/// The laws of one link in other weathers; its own where none can be made of it.
#[derive(Clone, Debug)]
struct Laws {
    walk: Sampler,
    pos: Sampler,
    late: Sampler,
}

/// Messages of a node that would arrive from `from` on arrive at `to`.
#[derive(Clone, Copy, Debug)]
struct Clog {
    node: Endpoint,
    from: Time,
    to: Time,
}

impl Sky {
    pub(super) fn new(setup: &Setup) -> Self {
        let cap = match setup.heal_at {
            Some(heal_at) => (setup.end - heal_at) / 4,
            None => setup.end.saturating_since(Time::ZERO) / 10,
        };
        let links = [&setup.link, &setup.client_link].into_iter();
        let mut exceptions: Vec<_> = setup.links.iter().collect();
        exceptions.sort_by_key(|exception| exception.0);
        let links = links.chain(exceptions.into_iter().map(|(_, link)| link));
        let calm = setup.weather == Weather::Measured;
        let laws = if calm { Vec::new() } else { links.map(|l| Laws::of(l, cap)).collect() };
        let (weather, late) = (Weather::Measured, Probability::NEVER);
        Self { weather, cap, laws, late, clogs: Vec::new() }
    }

    /// Draws the weather of a seed.
    pub(super) fn reset(&mut self, setup: &Setup, draws: &Draws, nodes: &[u64]) {
        self.clogs.clear();
        self.late = Probability::NEVER;
        let key = draws.key(Purpose::Swarm, [name_word("weather"), 0, 0, 0]);
        self.weather = match setup.weather {
            Weather::Mixed => match below(key.word(0, 0), 10) {
                0..=3 => Weather::Pos,
                4 | 5 => Weather::Measured,
                6 | 7 => Weather::Pct(2 + below(key.word(0, 1), 3) as u16),
                _ => Weather::Swizzle,
            },
            weather => weather,
        };
        match self.weather {
            Weather::Pct(depth) => {
                let late = u64::from(depth.saturating_sub(1));
                let messages = setup.messages_expected.max(late).max(1);
                self.late = Probability::from_ratio(late, messages);
            }
            Weather::Swizzle => self.clog(setup, draws, nodes),
            _ => {}
        }
    }

    /// Within one spell, links clog in its first half and come free in its second half, each node
    /// at instants of its own.
    fn clog(&mut self, setup: &Setup, draws: &Draws, nodes: &[u64]) {
        let end = setup.heal_at.unwrap_or(setup.end).min(setup.until + self.cap);
        let name = name_word("swizzle");
        let key = draws.key(Purpose::Swarm, [name, 0, 0, 0]);
        let part = |of: Duration, word: u64| {
            Duration::from_nanos(below(word, of.as_nanos().saturating_add(1)))
        };
        let begin = Time::ZERO + part(end.saturating_since(Time::ZERO), key.word(0, 0));
        let octaves = below(key.word(0, 1), 5);
        let half = (self.cap / (1 << octaves)).min(end.saturating_since(begin) / 2);
        for (node, &word) in nodes.iter().enumerate() {
            let key = draws.key(Purpose::Swarm, [name, word, 1, 0]);
            if key.word(0, 0) >> 63 == 0 || half.is_zero() {
                continue;
            }
            let from = begin + part(half, key.word(0, 1));
            let to = begin + half + part(half, key.word(0, 2));
            self.clogs.push(Clog { node: Endpoint(node as u16), from, to });
        }
    }

    /// Whether messages take what their links say.
    #[inline]
    pub(super) fn is_clear(&self) -> bool {
        self.weather == Weather::Measured && self.clogs.is_empty()
    }

    /// Holds a message and its copies back until the links of its ends are free.
    #[inline]
    pub(super) fn hold(&self, ends: (Endpoint, Endpoint), sent: Time, fate: Fate) -> Fate {
        if self.clogs.is_empty() {
            return fate;
        }
        let held = |latency: Duration| self.free(ends, sent + latency).saturating_since(sent);
        Fate {
            lost: fate.lost,
            latency: held(fate.latency),
            copy: fate.copy.map(held),
            replay: fate.replay.map(held),
        }
    }

    /// When a message that would arrive at an instant does arrive.
    fn free(&self, (from, to): (Endpoint, Endpoint), mut at: Time) -> Time {
        let holds = |clog: &&Clog, at: Time| {
            (clog.node == from || clog.node == to) && clog.from <= at && at < clog.to
        };
        while let Some(clog) = self.clogs.iter().find(|clog| holds(clog, at)) {
            at = clog.to;
        }
        at
    }
}

impl Laws {
    fn of(link: &Link, cap: Duration) -> Self {
        let own = &link.latency;
        let median = own.sample(MIDDLE);
        let or_own = |law: Law| law.compile().unwrap_or_else(|_| own.clone());
        let spread = |low: Duration| {
            let high = (median * 1_000).min(cap);
            or_own(Law::LogUniform(low, high))
        };
        Self {
            walk: or_own(Law::Exponential { floor: Duration::ZERO, mean: median }),
            pos: spread(median / 30),
            late: spread(median * 30),
        }
    }
}

impl Network {
    /// The latency of the message or copy whose word this is, in the weather of this run.
    #[inline]
    pub(super) fn latency(&self, law: &Sampler, place: usize, word: u64) -> Duration {
        if self.sky.weather == Weather::Measured || !self.healed.is_empty() {
            return law.sample(word);
        }
        match self.sky.weather {
            Weather::Walk => self.sky.laws[place].walk.sample(word).min(self.sky.cap),
            Weather::Pos => self.sky.laws[place].pos.sample(word),
            _ => law.sample(word),
        }
    }

    /// Makes a message late, if its name says so.
    #[inline]
    pub(super) fn belate(&self, fate: &mut Fate, place: usize, key: Key, attempt: u32) {
        if self.sky.late == Probability::NEVER || !self.healed.is_empty() {
            return;
        }
        if self.sky.late.happens(key.word(attempt, 7)) {
            fate.latency = self.sky.laws[place].late.sample(key.word(attempt + LATENESS, 0));
        }
    }
}
