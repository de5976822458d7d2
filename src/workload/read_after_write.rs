//! ReadAfterWrite: each client writes a register of its own and reads it a given while later.
//!
//! ```text
//!   write k ──▶ done ── gap ──▶ read k ──▶ value ── pause ──▶ write k + 1 …
//! ```
//!
//! The experiment of *probabilistically bounded staleness*: how often does a read that begins so
//! long after a write was done miss it? Every round has a fresh register, so that no message of
//! one round can meddle with another, however slow it is. Rounds on one register, spaced out, were
//! rejected: with heavy tails no space is enough.
//!
//! With `writes: k` a round writes its register k times before it reads, each the gap after the
//! one before, for staleness in versions.
//!
//! Source: Bailis, Venkataraman, Franklin, Hellerstein & Stoica (2012). Limits: 60,000 clients with
//! a million operations each.

use super::WorkloadEntry;
use crate::{
    base::{
        text::{
            decode::Named,
            diagnostic::{Code, Diagnostic},
        },
        time::Duration,
    },
    engine::{
        clients::{Again, Draw, Request, Target, Workload},
        operations::Operation,
    },
};
use serde::Deserialize;
use std::sync::Arc;

const OPERATIONS_MAX: u64 = 1_000_000;

/// Its line in the registry.
pub(super) const ENTRY: WorkloadEntry = WorkloadEntry {
    name: "ReadAfterWrite",
    summary: "clients write fresh registers and read each a while later",
    build,
};

/// Its settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ReadAfterWrite {
    /// How many clients.
    clients: u16,
    /// From the end of a write to the beginning of what follows.
    gap: Duration,
    /// From the end of a read to the next write.
    pause: Duration,
    /// How often a register is written before it is read.
    writes: u16,
    /// How many registers each client writes and reads; no limit when left out.
    rounds: Option<u64>,
    /// From when on nothing new is asked.
    until: Option<Duration>,
}

impl Default for ReadAfterWrite {
    fn default() -> Self {
        Self {
            clients: 1,
            gap: Duration::ZERO,
            pause: Duration::ZERO,
            writes: 1,
            rounds: None,
            until: None,
        }
    }
}

impl ReadAfterWrite {
    /// Operations of a round.
    fn length(&self) -> u64 {
        u64::from(self.writes) + 1
    }
}

fn build(text: &str, named: &Named<'_>) -> Result<Arc<dyn Workload>, Vec<Diagnostic>> {
    let settings: ReadAfterWrite = named.decode(text)?;
    let bad = |reason: &str| {
        Err(vec![Diagnostic::error(Code::BadSetting, named.name_span, reason).label("here")])
    };
    if !(1..=60_000).contains(&settings.clients) || settings.writes == 0 {
        return bad("there are 1 to 60000 clients, and at least one write");
    }
    let rounds = settings.rounds.unwrap_or(1);
    if rounds == 0 || rounds.saturating_mul(settings.length()) > OPERATIONS_MAX {
        return bad("there is at least one round, and a million operations are the limit");
    }
    Ok(Arc::new(settings))
}

impl Workload for ReadAfterWrite {
    fn clients(&self) -> u16 {
        self.clients
    }

    fn until(&self) -> Option<Duration> {
        self.until
    }

    fn first(&self, _: &mut Draw<'_>) -> Duration {
        Duration::ZERO
    }

    fn next(&self, draw: &mut Draw<'_>) -> Request {
        let (client, nth) = (u64::from(draw.client().0), draw.nth());
        let (round, place) = (nth / self.length(), nth % self.length());
        let reads = place + 1 == self.length();
        let rounds = self.rounds.unwrap_or(OPERATIONS_MAX / self.length());
        let again = match reads {
            true if round + 1 >= rounds => Again::Never,
            true => Again::Thinking(self.pause),
            false => Again::Thinking(self.gap),
        };
        // Interleaved by client, so that registers come in about the order in which they are used.
        let key = (round * u64::from(self.clients) + client) as u32;
        let value = (client * OPERATIONS_MAX + nth + 1) as i64;
        let operation =
            if reads { Operation::Read { key } } else { Operation::Write { key, value } };
        Request { operation, target: Target::Any, again }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{
        draws::Draws,
        ids::{ClientId, Seed},
    };

    #[test]
    fn each_register_is_written_so_often_and_then_read_once() {
        let millis = Duration::from_millis;
        let workload = ReadAfterWrite {
            clients: 2,
            gap: millis(5),
            pause: millis(9),
            writes: 2,
            rounds: Some(2),
            until: None,
        };
        let draws = Draws::new(Seed(1));
        let story: Vec<_> = (0..6)
            .map(|nth| workload.next(&mut Draw::new(&draws, ClientId(1), nth)))
            .map(|request| (request.operation, request.again))
            .collect();
        let write = |key, value| (Operation::Write { key, value }, Again::Thinking(millis(5)));
        let read = |key, again| (Operation::Read { key }, again);
        let expected = [
            write(1, 1_000_001),
            write(1, 1_000_002),
            read(1, Again::Thinking(millis(9))),
            write(3, 1_000_004),
            write(3, 1_000_005),
            read(3, Again::Never),
        ];
        assert_eq!(story, expected);
    }
}
