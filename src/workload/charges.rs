//! Charges: clients ask for charges under keys of their own, and at times ask twice.
//!
//! ```text
//!   Charges(clients: 2, rate: "20/s", again: "20%", within: "50ms", other_amount: "5%")
//!
//!   key = client · 1,000,000 + the number of its first operation under it + 1
//!   charge(k, 7) ──within──▶ charge(k, 7)     again: a double click, maybe at another front
//!                └─within──▶ charge(k, 8)     other_amount: another body under the same key
//! ```
//!
//! A repeat is an operation of its own: the client does not know that it asks for the same. Retries
//! of one operation are the business of whoever is asked. Drawing keys from a small set was
//! rejected, for then most repeats would come long after.
//!
//! Limits: a million operations per client. A repeat may follow a repeat.

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

/// Its line in the registry.
pub(super) const ENTRY: WorkloadEntry =
    WorkloadEntry { name: "Charges", summary: "clients charge under keys, at times twice", build };

/// Its settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Charges {
    /// How many clients.
    clients: u16,
    /// How often each asks: open loop.
    rate: Option<Rate>,
    /// How long each thinks after an answer: closed loop.
    think: Option<Duration>,
    /// How likely an operation repeats the key of the one before it.
    again: Probability,
    /// How soon a repeat comes at the latest.
    within: Duration,
    /// How likely a repeat has another amount.
    other_amount: Probability,
    /// The most that is charged at once; the least is one.
    amount_max: u32,
    /// How many operations each client asks for; no limit when left out.
    operations_max: Option<u64>,
    /// From when on nothing new is asked.
    until: Option<Duration>,
}

impl Default for Charges {
    fn default() -> Self {
        Self {
            clients: 1,
            rate: None,
            think: None,
            again: Probability::NEVER,
            within: Duration::from_millis(50),
            other_amount: Probability::NEVER,
            amount_max: 100,
            operations_max: None,
            until: None,
        }
    }
}

fn build(text: &str, named: &Named<'_>) -> Result<Arc<dyn Workload>, Vec<Diagnostic>> {
    let settings: Charges = named.decode(text)?;
    let bad = |reason: &str| {
        Err(vec![Diagnostic::error(Code::BadSetting, named.name_span, reason).label("here")])
    };
    if settings.clients == 0 || settings.amount_max == 0 {
        return bad("there is at least one client, and something to charge");
    }
    if settings.operations_max.is_some_and(|most| most > OPERATIONS_MAX) {
        return bad("a client asks for at most a million operations");
    }
    if settings.again == Probability::ALWAYS {
        return bad("if every operation repeats the one before, there is only one key");
    }
    match Pace::of(settings.rate, settings.think) {
        Ok(pace) => Ok(Arc::new(Resolved { settings, pace })),
        Err(reason) => bad(reason),
    }
}

#[derive(Debug)]
struct Resolved {
    settings: Charges,
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
        let again = if draw.nth() + 1 >= most {
            Again::Never
        } else if self.repeats(&mut draw.of(draw.nth() + 1)) {
            let longest = self.settings.within.as_nanos().saturating_add(1);
            Again::After(Duration::from_nanos(draw.below("within", longest)))
        } else {
            self.pace.again(draw)
        };
        Request { operation: self.charge(draw), target: Target::Any, again }
    }
}

impl Resolved {
    fn charge(&self, draw: &mut Draw<'_>) -> Operation {
        let mut first = draw.nth();
        while self.repeats(&mut draw.of(first)) {
            first -= 1;
        }
        let key = u64::from(draw.client().0) * OPERATIONS_MAX + first + 1;
        let most = u64::from(self.settings.amount_max);
        let amount = 1 + draw.of(first).below("amount", most);
        let is_other =
            first != draw.nth() && self.settings.other_amount.happens(draw.word("other"));
        Operation::Charge { key: key as u32, amount: (amount + u64::from(is_other)) as i64 }
    }

    fn repeats(&self, draw: &mut Draw<'_>) -> bool {
        draw.nth() > 0 && self.settings.again.happens(draw.word("repeats"))
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
    use std::collections::BTreeMap;

    fn workload(text: &str) -> Result<Arc<dyn Workload>, Vec<Diagnostic>> {
        let tree = Tree::parse(text).expect("it can be read");
        let named = decode_named(text, &tree.root).expect("it has a name");
        build(text, &named)
    }

    fn charges(text: &str, count: u64) -> Vec<(u32, i64)> {
        let workload = workload(text).expect("it makes sense");
        let draws = Draws::new(Seed(1));
        let of = |client, nth| match workload
            .next(&mut Draw::new(&draws, ClientId(client), nth))
            .operation
        {
            Operation::Charge { key, amount } => (key, amount),
            other => unreachable!("{other:?}"),
        };
        (0..2)
            .flat_map(|client| (0..count).map(move |nth| (client, nth)))
            .map(|(c, n)| of(c, n))
            .collect()
    }

    #[test]
    fn without_repeats_every_charge_has_a_key_of_its_own() {
        let mut keys: Vec<u32> = charges("Charges(clients: 2)", 500).iter().map(|c| c.0).collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), 1_000);
    }

    #[test]
    fn a_share_repeats_the_key_before_and_a_share_of_these_asks_for_another_amount() {
        let all = charges(r#"Charges(clients: 2, again: "20%", other_amount: "25%")"#, 5_000);
        let mut by_key: BTreeMap<u32, Vec<i64>> = BTreeMap::new();
        for (key, amount) in all {
            by_key.entry(key).or_default().push(amount);
        }
        let repeats: usize = by_key.values().map(|amounts| amounts.len() - 1).sum();
        // Five standard deviations of 10,000 draws with a fifth, and of 2,000 with a quarter.
        assert!(repeats.abs_diff(2_000) < 200, "{repeats}");
        let other = |amounts: &Vec<i64>| amounts[1..].iter().filter(|a| **a != amounts[0]).count();
        let others: usize = by_key.values().map(other).sum();
        assert!(others.abs_diff(repeats / 4) < 100, "{others} of {repeats}");
    }

    #[test]
    fn a_repeat_comes_soon() {
        let text = r#"Charges(rate: "1/s", again: "50%", within: "5ms")"#;
        let workload = workload(text).expect("it makes sense");
        let draws = Draws::new(Seed(1));
        let next = |nth| workload.next(&mut Draw::new(&draws, ClientId(0), nth));
        let key = |nth| match next(nth).operation {
            Operation::Charge { key, .. } => key,
            other => unreachable!("{other:?}"),
        };
        for nth in 0..100 {
            let Again::After(pause) = next(nth).again else { unreachable!("an open loop") };
            assert!(key(nth) != key(nth + 1) || pause <= Duration::from_millis(5));
        }
    }

    #[test]
    fn settings_that_make_no_sense_are_refused() {
        for text in [
            "Charges(clients: 0)",
            "Charges(amount_max: 0)",
            "Charges(operations_max: 1000001)",
            r#"Charges(again: "100%")"#,
            r#"Charges(rate: "5/s", think: "1ms")"#,
        ] {
            assert!(workload(text).is_err(), "{text}");
        }
    }
}
