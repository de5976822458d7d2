//! Orders: clients of a shop buy things, and now and then think better of it.
//!
//! ```text
//!   Orders(clients: 3, rate: "20/s", items: 5, customers: 8, cancel: "5%")     open loop
//!   Orders(clients: 3, think: "5ms", quantity_max: 3, until: "2s")             closed loop
//!
//!   place · place · cancel the one before · place …      words: engine/orders.rs
//! ```
//!
//! A cancel follows its order as the next operation of the same client: under a rate it overtakes
//! the order's own flow, after a pause it comes when the order has ended. Cancelling any older
//! order was rejected, for most of them would be over. Items are drawn alike, so that few items
//! mean that they run out.
//!
//! Limits: a million operations per client. A person who decides about a waiting order is not
//! drawn: `Requests` asks that at its instant.

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
        orders::OrderRequest,
    },
};
use serde::Deserialize;
use std::sync::Arc;

const OPERATIONS_MAX: u64 = 1_000_000;
const NUMBERS_MAX: u32 = 1_000_000;

/// Its line in the registry.
pub(super) const ENTRY: WorkloadEntry =
    WorkloadEntry { name: "Orders", summary: "clients place and cancel orders", build };

/// Its settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Orders {
    /// How many clients.
    clients: u16,
    /// How often each asks: open loop.
    rate: Option<Rate>,
    /// How long each thinks after an answer: closed loop.
    think: Option<Duration>,
    /// How many items there are to buy.
    items: u32,
    /// How many customers pay.
    customers: u32,
    /// The most that is bought at once; the least is one.
    quantity_max: u32,
    /// How likely an order is cancelled by the next operation of its client.
    cancel: Probability,
    /// How many operations each client asks for; no limit when left out.
    operations_max: Option<u64>,
    /// From when on nothing new is asked.
    until: Option<Duration>,
}

impl Default for Orders {
    fn default() -> Self {
        Self {
            clients: 1,
            rate: None,
            think: None,
            items: 5,
            customers: 10,
            quantity_max: 1,
            cancel: Probability::NEVER,
            operations_max: None,
            until: None,
        }
    }
}

fn build(text: &str, named: &Named<'_>) -> Result<Arc<dyn Workload>, Vec<Diagnostic>> {
    let settings: Orders = named.decode(text)?;
    let bad = |reason: &str| {
        Err(vec![Diagnostic::error(Code::BadSetting, named.name_span, reason).label("here")])
    };
    let numbers = [settings.items, settings.customers, settings.quantity_max];
    if settings.clients == 0 || !numbers.iter().all(|number| (1..=NUMBERS_MAX).contains(number)) {
        return bad("there is at least one client, and one to a million items, customers, pieces");
    }
    if settings.operations_max.is_some_and(|most| most > OPERATIONS_MAX) {
        return bad("a client asks for at most a million operations");
    }
    match Pace::of(settings.rate, settings.think) {
        Ok(pace) => Ok(Arc::new(Resolved { settings, pace })),
        Err(reason) => bad(reason),
    }
}

#[derive(Debug)]
struct Resolved {
    settings: Orders,
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
        let request = if self.is_cancel(draw) {
            OrderRequest::Cancel { order: self.number(draw.client(), draw.nth() - 1) }
        } else {
            let mut number = |label, bound| draw.below(label, u64::from(bound)) as u32;
            let item = number("item", self.settings.items);
            let customer = number("customer", self.settings.customers);
            let quantity = number("quantity", self.settings.quantity_max) + 1;
            OrderRequest::Place { customer, item, quantity }
        };
        request.into()
    }

    /// Does this operation take back the one before? A cancel itself is not taken back, so in a
    /// row of operations that would all cancel, every other one is an order.
    fn is_cancel(&self, draw: &Draw<'_>) -> bool {
        let cancel = self.settings.cancel;
        if cancel == Probability::ALWAYS {
            return draw.nth() % 2 == 1;
        }
        let would = |nth: &u64| cancel.happens(draw.of(*nth).word("cancel"));
        (1..=draw.nth()).rev().take_while(would).count() % 2 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{
        draws::Draws,
        ids::{ClientId, OpId, Seed},
        text::decode::decode_named,
        text::source::Tree,
    };

    fn workload(text: &str) -> Result<Arc<dyn Workload>, Vec<Diagnostic>> {
        let tree = Tree::parse(text).expect("it can be read");
        let named = decode_named(text, &tree.root).expect("it has a name");
        build(text, &named)
    }

    fn requests(text: &str, client: u16, count: u64) -> Vec<OrderRequest> {
        let workload = workload(text).expect("it makes sense");
        let draws = Draws::new(Seed(1));
        let draw = |nth| workload.next(&mut Draw::new(&draws, ClientId(client), nth)).operation;
        (0..count).map(|nth| OrderRequest::of(draw(nth)).expect("about an order")).collect()
    }

    #[test]
    fn orders_are_for_what_there_is() {
        let text = "Orders(items: 3, customers: 2, quantity_max: 4)";
        let mut seen = [[[0_u32; 5]; 2]; 3];
        for request in requests(text, 0, 2_400) {
            let OrderRequest::Place { customer, item, quantity } = request else {
                panic!("nothing is cancelled: {request:?}")
            };
            seen[item as usize][customer as usize][quantity as usize] += 1;
        }
        for counts in seen.iter().flatten() {
            // 100 of each are expected; five standard deviations are less than 50.
            assert!(counts[0] == 0 && counts[1..].iter().all(|count| count.abs_diff(100) < 50));
        }
    }

    #[test]
    fn a_cancel_takes_back_the_order_before_it() {
        let text = r#"Orders(clients: 3, cancel: "40%")"#;
        let story = requests(text, 2, 4_000);
        let mut cancels = 0;
        for (nth, request) in story.iter().enumerate() {
            if let OrderRequest::Cancel { order } = request {
                assert_eq!(*order, OpId((nth as u32 - 1) * 3 + 2 + 1));
                assert!(matches!(story[nth - 1], OrderRequest::Place { .. }));
                cancels += 1_usize;
            }
        }
        // Of an order and what follows it, 1.4 operations on average, 0.4 are cancels: 1143.
        assert!(cancels.abs_diff(1_143) < 120, "{cancels}");
    }

    #[test]
    fn every_order_is_cancelled_where_the_scenario_says_so() {
        let story = requests(r#"Orders(cancel: "100%")"#, 0, 50);
        let is_order = |request: &OrderRequest| matches!(request, OrderRequest::Place { .. });
        assert!(story.chunks(2).all(|pair| is_order(&pair[0]) && !is_order(&pair[1])));
    }

    #[test]
    fn the_last_operation_is_the_last() {
        let workload = workload("Orders(operations_max: 2)").expect("it makes sense");
        let draws = Draws::new(Seed(1));
        let again = |nth| workload.next(&mut Draw::new(&draws, ClientId(0), nth)).again;
        assert_ne!(again(0), Again::Never);
        assert_eq!(again(1), Again::Never);
    }

    #[test]
    fn settings_that_make_no_sense_are_refused() {
        for text in [
            "Orders(clients: 0)",
            "Orders(items: 0)",
            "Orders(customers: 0)",
            "Orders(quantity_max: 0)",
            "Orders(operations_max: 1000001)",
            r#"Orders(rate: "5/s", think: "1ms")"#,
            "Orders(price: 3)",
        ] {
            assert!(workload(text).is_err(), "{text}");
        }
    }
}
