//! The settings of idempotency keys, and who is who.
//!
//! ```text
//!   front1 front2 …  server1 server2 …  database  provider        the provider: only where it charges
//!
//!   retry window    ├── call ── call ── call ─┤ retry_for
//!   key             ├──────────────────────────────────┤ key_life, longer
//!   reservation     ├── lease ──┤ longer than a call of the provider
//! ```
//!
//! A key that lives shorter than clients retry is read and runs: scenarios show what happens then,
//! so it is no mistake that a file is refused for.

use crate::{
    base::{ids::NodeId, quantity::Probability, time::Duration},
    blocks::{remembered::Window, rpc},
    engine::protocol::{Alternative, BadSetting, Placement},
};
use serde::{Deserialize, Serialize};

/// Settings of the protocol.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Nodes that ask on behalf of clients.
    pub fronts: u16,
    /// Nodes that answer them.
    pub servers: u16,
    /// Where charges are made.
    pub charge: Variant,
    /// Where servers look for a key.
    pub keys: KeysIn,
    /// How a front calls one server, before it turns to the next.
    pub call: rpc::Settings,
    /// How long a front goes on asking, counted anew after a crash. For ever when left out.
    pub retry_for: Option<Duration>,
    /// After which time a front asks again that was told that somebody is at it.
    pub pause: Duration,
    /// How a server calls the provider.
    pub provider_call: rpc::Settings,
    /// How long a reservation keeps others away, counted anew after a crash of the database.
    pub lease: Duration,
    /// For how long a key is remembered, by the clock of the database. For ever when left out.
    pub key_life: Option<Duration>,
    /// How often the database looks for keys that have expired.
    pub sweep_interval: Duration,
    /// What the provider does about keys.
    pub provider_keys: ProviderKeys,
    /// How likely a charge is declined, for good.
    pub decline: Probability,
}

/// Where charges are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Variant {
    /// In the database: one transaction with the key.
    Local,
    /// At a provider: no transaction spans both.
    External,
}

/// Where servers look for a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum KeysIn {
    /// In the database that they share.
    Database,
    /// Each in its own memory.
    Memory,
    /// Nowhere.
    Nothing,
}

/// What the provider does about keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum ProviderKeys {
    /// A repeat of a key gets the answer that was given before, for so long.
    Honoured(Window),
    /// Every order is a charge.
    Ignored,
}

/// What `why` tries in place of the settings of a run that failed.
pub(super) const ALTERNATIVES: &[Alternative] = &[
    Alternative { settings: &[("keys", "Database")], called: "keys in the shared database" },
    Alternative { settings: &[("key_life", "None")], called: "keys that never expire" },
    Alternative {
        settings: &[("provider_keys", "Honoured(Forever)")],
        called: "a provider that remembers keys",
    },
];

impl Default for Config {
    fn default() -> Self {
        let patient = rpc::Settings {
            timeout: Duration::from_millis(40),
            attempts_max: 2,
            ..rpc::Settings::default()
        };
        Self {
            fronts: 2,
            servers: 2,
            charge: Variant::Local,
            keys: KeysIn::Database,
            call: patient.clone(),
            retry_for: None,
            pause: Duration::from_millis(20),
            provider_call: patient,
            lease: Duration::from_millis(150),
            key_life: None,
            sweep_interval: Duration::from_millis(200),
            provider_keys: ProviderKeys::Honoured(Window::Forever),
            decline: Probability::NEVER,
        }
    }
}

/// Who is who.
impl Config {
    pub(super) fn topology(&self) -> Vec<Placement> {
        let fronts = (1..=self.fronts)
            .map(|nth| Placement::new(format!("front{nth}"), "front").serving_clients());
        let servers =
            (1..=self.servers).map(|nth| Placement::new(format!("server{nth}"), "server"));
        let provider = match self.charge {
            Variant::Local => None,
            Variant::External => Some(Placement::new("provider", "provider")),
        };
        let database = Placement::new("database", "database");
        fronts.chain(servers).chain([database]).chain(provider).collect()
    }

    /// The server that is asked as `nth`, from 0.
    pub(super) fn server(&self, nth: u32) -> NodeId {
        NodeId(self.fronts + (nth % u32::from(self.servers)) as u16)
    }

    pub(super) fn database(&self) -> NodeId {
        NodeId(self.fronts + self.servers)
    }

    pub(super) fn provider(&self) -> NodeId {
        NodeId(self.fronts + self.servers + 1)
    }
}

/// What could be read and makes no sense.
impl Config {
    pub(super) fn validate(&self) -> Vec<BadSetting> {
        let mut bad = self.call.validate("call");
        bad.extend(self.provider_call.validate("provider_call"));
        let no_time = "it must be longer than nothing";
        let findings = [
            (self.fronts == 0, "fronts", "somebody must ask: 1 or more"),
            (self.servers == 0, "servers", "somebody must answer: 1 or more"),
            (self.pause.is_zero(), "pause", no_time),
            (self.sweep_interval.is_zero(), "sweep_interval", no_time),
            (self.lease.is_zero(), "lease", no_time),
            (self.retry_for == Some(Duration::ZERO), "retry_for", no_time),
        ];
        let found = findings.into_iter().filter(|(bad, ..)| *bad);
        bad.extend(found.map(|(_, field, reason)| BadSetting { field, reason: reason.to_owned() }));
        bad
    }
}
