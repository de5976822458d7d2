//! Registers: clients read and write single registers.
//!
//! ```text
//!   Registers(clients: 3, rate: "20/s", keys: 2, reads: "50%")     open loop: asks at this rate
//!   Registers(clients: 3, think: "5ms", keys: 100, skew: Zipf)     closed loop: asks after the answer
//!
//!   value = client · 1,000,000 + the number of its operation + 1
//! ```
//!
//! Values are unique over the run and never zero, so that a read tells which write it saw, or that
//! it saw none: what a checker would otherwise have to guess, exponentially. Under `Zipf` the key
//! of rank k is asked for in proportion to 1/k, as Zipf found for words and many found for caches.
//!
//! Limits: a million operations per client, as many keys.

use super::{WorkloadEntry, pace::Pace};
use crate::{
    base::{
        draws::below,
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
pub(super) const ENTRY: WorkloadEntry =
    WorkloadEntry { name: "Registers", summary: "clients read and write registers", build };

/// Its settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Registers {
    /// How many clients.
    clients: u16,
    /// How often each asks: open loop.
    rate: Option<Rate>,
    /// How long each thinks after an answer: closed loop.
    think: Option<Duration>,
    /// How many registers there are.
    keys: u32,
    /// How likely each is chosen.
    skew: Skew,
    /// How likely an operation is a read instead of a write.
    reads: Probability,
    /// Clients of which the first so many only write and the others only read, instead of `reads`.
    writers: Option<u16>,
    /// How many operations of each client may be writes, from its first on: afterwards it reads.
    reads_only_after: Option<u64>,
    /// How many operations each client asks for; no limit when left out.
    operations_max: Option<u64>,
    /// From when on nothing new is asked.
    until: Option<Duration>,
}

/// How likely each key is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
enum Skew {
    /// All alike.
    Uniform,
    /// Key k in proportion to 1/(k + 1).
    Zipf,
}

impl Default for Registers {
    fn default() -> Self {
        Self {
            clients: 1,
            rate: None,
            think: None,
            keys: 1,
            skew: Skew::Uniform,
            reads: Probability::from_ratio(1, 2),
            writers: None,
            reads_only_after: None,
            operations_max: None,
            until: None,
        }
    }
}

fn build(text: &str, named: &Named<'_>) -> Result<Arc<dyn Workload>, Vec<Diagnostic>> {
    let settings: Registers = named.decode(text)?;
    let bad = |reason: &str| {
        Err(vec![Diagnostic::error(Code::BadSetting, named.name_span, reason).label("here")])
    };
    if settings.clients == 0 || !(1..=KEYS_MAX).contains(&settings.keys) {
        return bad("there is at least one client, and one to a million registers");
    }
    if settings.operations_max.is_some_and(|most| most > OPERATIONS_MAX) {
        return bad("a client asks for at most a million operations");
    }
    if settings.writers.is_some_and(|writers| writers > settings.clients) {
        return bad("there are more `writers` than clients");
    }
    let pace = match Pace::of(settings.rate, settings.think) {
        Ok(pace) => pace,
        Err(reason) => return bad(reason),
    };
    let weights = match settings.skew {
        Skew::Uniform => Vec::new(),
        Skew::Zipf => zipf(settings.keys),
    };
    Ok(Arc::new(Resolved { settings, pace, weights }))
}

/// One over the rank, summed up, in parts of 2^32.
fn zipf(keys: u32) -> Vec<u64> {
    let mut sum = 0;
    let add = |rank: u64| {
        sum += (1 << 32) / rank;
        sum
    };
    (1..=u64::from(keys)).map(add).collect()
}

#[derive(Debug)]
struct Resolved {
    settings: Registers,
    pace: Pace,
    /// Of each key and all before it; empty when all are alike.
    weights: Vec<u64>,
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
        let key = self.key(draw);
        let reads = match self.settings.writers {
            Some(writers) => draw.client().0 >= writers,
            None => self.settings.reads.happens(draw.word("read")),
        };
        let late = self.settings.reads_only_after.is_some_and(|writes| draw.nth() >= writes);
        if reads || late {
            return Operation::Read { key };
        }
        let value = u64::from(draw.client().0) * OPERATIONS_MAX + draw.nth() + 1;
        Operation::Write { key, value: value as i64 }
    }

    fn key(&self, draw: &mut Draw<'_>) -> u32 {
        let word = draw.word("key");
        match self.weights.last() {
            None => below(word, u64::from(self.settings.keys)) as u32,
            Some(&sum) => {
                let weight = below(word, sum);
                self.weights.partition_point(|&upto| upto <= weight) as u32
            }
        }
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
    fn no_value_is_written_twice_and_none_is_zero() {
        let text = r#"Registers(clients: 3, keys: 2, reads: "30%")"#;
        let mut values: Vec<i64> = (0..3)
            .flat_map(|client| operations(text, client, 1000))
            .filter_map(|operation| match operation {
                Operation::Write { value, .. } => Some(value),
                _ => None,
            })
            .collect();
        let count = values.len();
        assert!((1_900..2_300).contains(&count), "{count} of 3000 are writes");
        values.sort_unstable();
        values.dedup();
        assert_eq!(values.len(), count);
        assert!(values[0] > 0);
    }

    #[test]
    fn the_first_clients_write_and_the_others_read_where_the_scenario_says_so() {
        let text = "Registers(clients: 3, writers: 1)";
        let writes = |client| {
            operations(text, client, 50).iter().all(|o| matches!(o, Operation::Write { .. }))
        };
        let reads = |client| {
            operations(text, client, 50).iter().all(|o| matches!(o, Operation::Read { .. }))
        };
        assert!(writes(0) && reads(1) && reads(2));
    }

    #[test]
    fn a_client_only_reads_after_its_last_write() {
        let text = r#"Registers(reads: "0%", reads_only_after: 3)"#;
        let story = operations(text, 0, 10);
        let is_write = |operation: &Operation| matches!(operation, Operation::Write { .. });
        assert!(story[..3].iter().all(is_write) && !story[3..].iter().any(is_write));
    }

    #[test]
    fn a_skewed_key_is_asked_for_in_proportion_to_one_over_its_rank() {
        const ASKED: usize = 60_000;
        let text = "Registers(keys: 4, skew: Zipf)";
        let mut counts = [0_usize; 4];
        for operation in operations(text, 0, ASKED as u64) {
            let (Operation::Read { key } | Operation::Write { key, .. }) = operation else {
                unreachable!("registers are read and written")
            };
            counts[key as usize] += 1;
        }
        for (rank, count) in (1..).zip(counts) {
            // 1 + 1/2 + 1/3 + 1/4 = 25/12; five standard deviations are less than 610.
            assert!(count.abs_diff(ASKED * 12 / (25 * rank)) < 610, "{counts:?}");
        }
    }

    #[test]
    fn settings_that_make_no_sense_are_refused() {
        for text in [
            "Registers(clients: 0)",
            "Registers(keys: 0)",
            "Registers(clients: 1, writers: 2)",
            "Registers(operations_max: 1000001)",
            r#"Registers(rate: "5/s", think: "1ms")"#,
        ] {
            assert!(workload(text).is_err(), "{text}");
        }
    }
}
