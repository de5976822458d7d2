//! Bugs: which there are, and the scenarios in which they are looked for.
//!
//! ```text
//!   Bug { sound, planted, checks, breaks }     calm(protocol)    one request, fixed latencies
//!                                              swarm(protocol)   loss, copies, crashes at effects
//! ```
//!
//! A scenario takes the text of a protocol's settings, so that the sound variant runs in exactly the
//! weather of the planted one.

use crate::{announcer, ledger, majority};
use splitbrain::{
    base::text::source::Edited,
    scenario::{load::load, plan::Plan, registry::Registry},
};

/// A protocol with a bug that can be switched on.
pub(crate) struct Bug {
    /// Its settings when it is right, and when it is wrong.
    pub(crate) sound: &'static str,
    pub(crate) planted: &'static str,
    /// The checks that judge it.
    pub(crate) checks: &'static str,
    /// The property that falls.
    pub(crate) breaks: &'static str,
}

/// A decision leaves before it is on disk.
pub(crate) const SEND_FIRST: Bug = Bug {
    sound: "Announcer(variant: Sound)",
    planted: "Announcer(variant: SendFirst)",
    checks: "AtomicCommit",
    breaks: "atomic_commit.agreement",
};

/// A participant in doubt aborts.
pub(crate) const IMPATIENT: Bug = Bug { planted: "Announcer(variant: Impatient)", ..SEND_FIRST };

/// What was counted is counted again.
const FORGETFUL: Bug = Bug {
    sound: "Ledger(variant: Sound)",
    planted: "Ledger(variant: Forgetful)",
    checks: "Delivery",
    breaks: "delivery.at_most_once",
};

/// One vote of two is enough.
const HALF: Bug = Bug {
    sound: "Majority(needs: All)",
    planted: "Majority(needs: Half)",
    checks: "AtomicCommit",
    breaks: "atomic_commit.validity",
};

/// All of them.
pub(crate) const BUGS: [Bug; 4] = [SEND_FIRST, IMPATIENT, FORGETFUL, HALF];

/// What splitbrain brings along, and these protocols.
pub(crate) fn registry() -> Registry {
    Registry::built_in()
        .with_protocol::<announcer::Announcer>()
        .with_protocol::<ledger::Ledger>()
        .with_protocol::<majority::Majority>()
}

/// Loads a sound text.
pub(crate) fn plan(text: &str) -> Plan {
    load(&registry(), "planted", &Edited::new(text)).unwrap_or_else(|error| {
        panic!("{:?}\n{text}", error.mistakes);
    })
}

/// One request, and nothing goes wrong.
pub(crate) fn calm(protocol: &str, checks: &str) -> Plan {
    plan(&format!(
        r#"Scenario(
            title: "calm",
            protocol: {protocol},
            network: (latency: Fixed("1ms")),
            workload: Requests([(at: "0ms", ask: Audit)]),
            checks: [{checks}],
            run: (for: "1s"),
        )"#
    ))
}

/// Loss, copies, and crashes between any two effects.
pub(crate) fn swarm(protocol: &str, checks: &str) -> Plan {
    plan(&format!(
        r#"Scenario(
            title: "swarm",
            protocol: {protocol},
            network: (latency: LogUniform("500us", "8ms"), loss: "3%", duplication: "3%"),
            disk: (force: Uniform("200us", "2ms")),
            workload: Appends(clients: 2, rate: "15/s", until: "300ms"),
            faults: [
                (id: "cuts", when: EachEffect(chance: "1%"), do: Crash(node: Actor, down: "20ms..150ms")),
            ],
            swarm: PerSeed,
            checks: [{checks}],
            run: (for: "1500ms", quiet_tail: "1s"),
        )"#
    ))
}
