//! Rows: clients write, delete and rename the rows of a table, and read some.
//!
//! ```text
//!   Rows(clients: 3, rate: "20/s", keys: 8, deletes: "20%", renames: "10%")    open loop
//!   Rows(clients: 3, think: "5ms", keys: 8)                                    closed loop
//!
//!   one draw: │ reads │ deletes │ renames │        writes        │
//!   value = client · 1,000,000 + the number of its operation + 1
//! ```
//!
//! Values are unique over the run and above zero, so that a copy tells which write it shows. Rows
//! that are not there are deleted and renamed in vain; to ask only for what is there was rejected, for
//! a client would have to know the table.
//!
//! Limits: a million operations per client, as many keys; all keys alike.

use super::{WorkloadEntry, pace::Pace};
use crate::{
    base::{
        quantity::{Probability, Rate},
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
const KEYS_MAX: u32 = 1_000_000;

/// Its line in the registry.
pub(super) const ENTRY: WorkloadEntry = WorkloadEntry {
    name: "Rows",
    summary: "clients write, delete and rename the rows of a table",
    build,
};

/// Its settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Rows {
    /// How many clients.
    clients: u16,
    /// How often each asks: open loop.
    rate: Option<Rate>,
    /// How long each thinks after an answer: closed loop.
    think: Option<Duration>,
    /// How many keys there are.
    keys: u32,
    /// The share of reads.
    reads: Probability,
    /// The share of deletions.
    deletes: Probability,
    /// The share of renames, from any key to any other.
    renames: Probability,
    /// How many operations each client asks for; no limit when left out.
    operations_max: Option<u64>,
    /// From when on nothing new is asked.
    until: Option<Duration>,
}

impl Default for Rows {
    fn default() -> Self {
        Self {
            clients: 1,
            rate: None,
            think: None,
            keys: 8,
            reads: Probability::NEVER,
            deletes: Probability::from_ratio(1, 5),
            renames: Probability::from_ratio(1, 10),
            operations_max: None,
            until: None,
        }
    }
}

fn build(text: &str, named: &Named<'_>) -> Result<Arc<dyn Workload>, Vec<Diagnostic>> {
    let settings: Rows = named.decode(text)?;
    let bad = |reason: &str| {
        Err(vec![Diagnostic::error(Code::BadSetting, named.name_span, reason).label("here")])
    };
    if settings.clients == 0 || !(1..=KEYS_MAX).contains(&settings.keys) {
        return bad("there is at least one client, and one to a million keys");
    }
    if settings.operations_max.is_some_and(|most| most > OPERATIONS_MAX) {
        return bad("a client asks for at most a million operations");
    }
    if settings.keys < 2 && settings.renames != Probability::NEVER {
        return bad("a row gets another key only where there are two");
    }
    let shares = [settings.reads, settings.deletes, settings.renames];
    let sum: u128 = shares.iter().map(|share| u128::from(share.as_word())).sum();
    if sum > u128::from(Probability::ALWAYS.as_word()) {
        return bad("reads, deletes and renames are more than all operations");
    }
    let pace = match Pace::of(settings.rate, settings.think) {
        Ok(pace) => pace,
        Err(reason) => return bad(reason),
    };
    Ok(Arc::new(Resolved { settings, pace }))
}

#[derive(Debug)]
struct Resolved {
    settings: Rows,
    pace: Pace,
}

impl Workload for Resolved {
    fn clients(&self) -> u16 {
        self.settings.clients
    }

    fn until(&self) -> Option<Duration> {
        self.settings.until
    }

    fn first(&self, draw: &mut Draw<'_>) -> Duration {
        self.pace.first(draw)
    }

    fn next(&self, draw: &mut Draw<'_>) -> Request {
        let most = self.settings.operations_max.unwrap_or(OPERATIONS_MAX);
        let last = draw.nth() + 1 >= most;
        let again = if last { Again::Never } else { self.pace.again(draw) };
        Request { operation: self.operation(draw), target: Target::Any, again }
    }
}

impl Resolved {
    fn operation(&self, draw: &mut Draw<'_>) -> Operation {
        let Rows { keys, reads, deletes, renames, .. } = self.settings;
        let key = draw.below("key", keys.into()) as u32;
        let mut rest = draw.word("kind");
        let mut falls = |share: Probability| {
            let hit = share.happens(rest);
            rest = rest.saturating_sub(share.as_word());
            hit
        };
        if falls(reads) {
            return Operation::Read { key };
        }
        if falls(deletes) {
            return Operation::Delete { key };
        }
        if falls(renames) {
            let to = (key + 1 + draw.below("to", u64::from(keys) - 1) as u32) % keys;
            return Operation::Rename { from: key, to };
        }
        let value = u64::from(draw.client().0) * OPERATIONS_MAX + draw.nth() + 1;
        Operation::Write { key, value: value as i64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{
        draws::Draws,
        ids::{ClientId, Seed},
        text::decode::decode_named,
        text::source::Tree,
    };

    fn workload(text: &str) -> Result<Arc<dyn Workload>, Vec<Diagnostic>> {
        let tree = Tree::parse(text).expect("it can be read");
        let named = decode_named(text, &tree.root).expect("it has a name");
        build(text, &named)
    }

    fn operations(text: &str, client: u16, count: u64) -> Vec<Operation> {
        let workload = workload(text).expect("it makes sense");
        let draws = Draws::new(Seed(1));
        let draw = |nth| workload.next(&mut Draw::new(&draws, ClientId(client), nth)).operation;
        (0..count).map(draw).collect()
    }

    #[test]
    fn operations_come_in_the_shares_that_were_asked_for() {
        const ASKED: usize = 40_000;
        let text = r#"Rows(keys: 5, reads: "10%", deletes: "20%", renames: "30%")"#;
        let (mut reads, mut deletes, mut renames) = (0_usize, 0_usize, 0_usize);
        for operation in operations(text, 0, ASKED as u64) {
            match operation {
                Operation::Read { .. } => reads += 1,
                Operation::Delete { .. } => deletes += 1,
                Operation::Rename { from, to } => {
                    assert!(from != to && to < 5);
                    renames += 1;
                }
                _ => {}
            }
        }
        for (count, percent) in [(reads, 10), (deletes, 20), (renames, 30)] {
            // Four standard deviations of a count are below 370.
            assert!(count.abs_diff(ASKED * percent / 100) < 370, "{count} for {percent} %");
        }
    }

    #[test]
    fn no_value_is_written_twice_and_none_is_zero() {
        let text = r#"Rows(clients: 3, deletes: "30%")"#;
        let of = |client| operations(text, client, 1000);
        let mut values: Vec<i64> = (0..3)
            .flat_map(of)
            .filter_map(|operation| match operation {
                Operation::Write { value, .. } => Some(value),
                _ => None,
            })
            .collect();
        let count = values.len();
        assert!((1_650..1_950).contains(&count), "{count} of 3000 are writes");
        values.sort_unstable();
        values.dedup();
        assert_eq!(values.len(), count);
        assert!(values[0] > 0);
    }

    #[test]
    fn settings_that_make_no_sense_are_refused() {
        for text in [
            "Rows(clients: 0)",
            "Rows(keys: 0)",
            "Rows(keys: 1)",
            r#"Rows(reads: "50%", deletes: "51%")"#,
            "Rows(operations_max: 1000001)",
            r#"Rows(rate: "5/s", think: "1ms")"#,
        ] {
            assert!(workload(text).is_err(), "{text}");
        }
    }
}
