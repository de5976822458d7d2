//! The settings of the write-ahead log: when a write is acknowledged, what is written behind, who
//! follows.
//!
//! ```text
//!   Wal(acknowledge: Group(window: "0s"), checkpoint: Every("50ms"), standby: Synchronous, …)
//! ```
//!
//! Apart from the protocol, because a student of the one need not read the other. Settings that
//! contradict each other are refused here, with the reason.

use crate::{
    base::{ids::NodeId, time::Duration},
    engine::protocol::{BadSetting, Placement, SufficientCore, Tolerance},
};
use serde::Deserialize;

/// Settings of the protocol.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// When a write is acknowledged.
    pub acknowledge: Acknowledge,
    /// When it is made durable that a batch was synced.
    pub seal: Sealing,
    /// How often pages are written out and the log is cut.
    pub checkpoint: Interval,
    /// The pause between two pages of a checkpoint.
    pub page_pause: Duration,
    /// How many keys share a page.
    pub keys_per_page: u16,
    /// From how many bytes on a segment of the log is full.
    pub segment_bytes: u32,
    /// Whether a second node gets the log, and who waits for it.
    pub standby: Standby,
    /// Whether the second node succeeds the first.
    pub takeover: Takeover,
    /// The pause before what was shipped and not acknowledged is shipped again.
    pub ship_interval: Duration,
}

/// When a write is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Acknowledge {
    /// Once its own force is done.
    EachCommit,
    /// Once a force is done that it shares with all who came in the meantime.
    Group {
        /// How long an idle disk waits for company.
        window: Duration,
    },
    /// At once; the log is forced now and then.
    Interval(Duration),
    /// At once; the log is forced when it has to be.
    Never,
}

/// When it is made durable that a batch was synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Sealing {
    /// With the next batch.
    Never,
    /// With the next batch, or when none has come for so long.
    WhenIdle(Duration),
    /// Before the batch is acknowledged.
    BeforeAcknowledge,
}

/// How often something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Interval {
    /// Never.
    Never,
    /// With this pause.
    Every(Duration),
}

/// Whether a second node gets the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Standby {
    /// There is no second node.
    Absent,
    /// It gets the log, and nobody waits for it.
    Asynchronous,
    /// A write is acknowledged once it is synced there too.
    Synchronous,
}

/// Whether the second node succeeds the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Takeover {
    /// It does not.
    Never,
    /// It does when it has not heard of the first for long enough.
    After {
        /// How long, on the clock of the standby.
        silence: Duration,
        /// How long the first may serve, on its own clock, after it asked the standby that answered.
        lease: Duration,
    },
}

/// The node that clients write to at first.
pub(super) const PRIMARY: NodeId = NodeId(0);
/// The node that gets the log.
pub(super) const STANDBY: NodeId = NodeId(1);

/// So many keys fit in a sector beside the head of a page.
pub(super) const KEYS_PER_PAGE_MAX: u16 = 60;

impl Default for Config {
    fn default() -> Self {
        Self {
            acknowledge: Acknowledge::Group { window: Duration::ZERO },
            seal: Sealing::WhenIdle(Duration::from_millis(5)),
            checkpoint: Interval::Every(Duration::from_millis(100)),
            page_pause: Duration::from_millis(1),
            keys_per_page: 4,
            segment_bytes: 4096,
            standby: Standby::Absent,
            takeover: Takeover::Never,
            ship_interval: Duration::from_millis(10),
        }
    }
}

impl Config {
    pub(super) fn topology(&self) -> Vec<Placement> {
        let primary = Placement::new("p", "primary").serving_clients();
        let standby = (self.standby != Standby::Absent).then(|| {
            let standby = Placement::new("s", "standby");
            match self.takeover {
                Takeover::Never => standby,
                Takeover::After { .. } => standby.serving_clients(),
            }
        });
        [primary].into_iter().chain(standby).collect()
    }

    /// A node that is alone is all there is. Two of which one succeeds the other need both at first.
    pub(super) fn sufficient_core(&self) -> SufficientCore {
        SufficientCore { always: (0..self.topology().len()).collect(), others_min: 0 }
    }

    pub(super) fn tolerance() -> Tolerance {
        Tolerance { unavailable_max: u16::MAX, amnesia_max: 0 }
    }

    /// What could be read and makes no sense.
    pub(super) fn validate(&self) -> Vec<BadSetting> {
        let mut bad = Vec::new();
        let mut say = |field, reason: &str| {
            bad.push(BadSetting { field, reason: reason.to_owned() });
        };
        if !(1..=KEYS_PER_PAGE_MAX).contains(&self.keys_per_page) {
            say("keys_per_page", &format!("a page has room for 1 to {KEYS_PER_PAGE_MAX} keys"));
        }
        if self.segment_bytes < 512 {
            say("segment_bytes", "a segment has at least one sector of 512 bytes");
        }
        let zero = Duration::ZERO;
        if self.checkpoint == Interval::Every(zero) {
            say("checkpoint", "the pause must be longer than nothing");
        }
        if self.acknowledge == Acknowledge::Interval(zero) {
            say("acknowledge", "the pause must be longer than nothing");
        }
        if self.ship_interval.is_zero() {
            say("ship_interval", "the pause must be longer than nothing");
        }
        self.contradictions(&mut say);
        bad
    }

    fn contradictions(&self, say: &mut impl FnMut(&'static str, &str)) {
        let waits = matches!(self.acknowledge, Acknowledge::EachCommit | Acknowledge::Group { .. });
        if !waits && self.seal == Sealing::BeforeAcknowledge {
            say("seal", "nothing waits for a seal when nothing waits for a force");
        }
        if !waits && self.standby == Standby::Synchronous {
            say("standby", "who does not wait for the own disk need not wait for another's");
        }
        if let Takeover::After { silence, lease } = self.takeover {
            if self.standby == Standby::Absent {
                say("takeover", "there is nobody to take over: write `standby: Synchronous`");
            }
            if silence <= lease {
                say("takeover", "the standby must be silent for longer than the lease lasts");
            }
            if lease <= self.ship_interval {
                say("takeover", "a lease must last longer than the `ship_interval` that renews it");
            }
        }
    }
}
