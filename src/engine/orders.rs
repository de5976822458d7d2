//! Orders: what a client of a shop asks for, in the words of [`Operation::Own`].
//!
//! ```text
//!   kind  1 place     key = customer             value = item · 2^32 + quantity
//!         2 cancel    key = the order's number   value = 0
//!         3 decide    key = the order's number   value = 0 undo it · 1 try again
//! ```
//!
//! A transfer is an order, too: who pays is the customer, who is paid the item, the amount how much.
//! So one workload can be asked of sagas and of transactions.
//!
//! An order is called by the number of the operation that placed it. The words stand here so that
//! the workload that asks and the protocols that answer agree without knowing each other. Three
//! operations of the shared vocabulary were rejected: no other pattern would understand them.
//!
//! Limits: an item has 31 bits, a quantity 32.

use super::operations::Operation;
use crate::base::ids::OpId;

/// The kind of an operation that places an order.
pub const PLACE_ORDER: u32 = 1;
/// The kind of an operation that cancels an order.
pub const CANCEL_ORDER: u32 = 2;
/// The kind of an operation by which a person decides about an order that waits for one.
pub const OPERATOR_DECIDES: u32 = 3;

const QUANTITY_BITS: u32 = 32;
const UNDO: i64 = 0;
const TRY_AGAIN: i64 = 1;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderRequest {
    /// So much of an item, for a customer.
    Place {
        /// Who pays.
        customer: u32,
        /// What is bought; below 2^31.
        item: u32,
        /// How much of it.
        quantity: u32,
    },
    /// An order is wanted no more.
    Cancel {
        /// The operation that placed it.
        order: OpId,
    },
    /// A person has looked at an order that waits for one.
    Decide {
        /// The operation that placed it.
        order: OpId,
        /// What shall become of it.
        way: Way,
    },
}

/// What a person decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// All that is done of it shall be undone.
    Undo,
    /// What failed shall be tried again.
    TryAgain,
}

impl OrderRequest {
    /// What an operation asks; `None` if it is not about an order or makes no sense.
    pub fn of(operation: Operation) -> Option<Self> {
        let (kind, key, value) = match operation {
            Operation::Own { kind, key, value } => (kind, key, value),
            Operation::Transfer { from: customer, to: item, amount } => {
                let quantity = u32::try_from(amount).ok()?;
                return Some(Self::Place { customer, item, quantity });
            }
            _ => return None,
        };
        let order = OpId(key);
        match (kind, value) {
            (PLACE_ORDER, 0..) => {
                let (item, quantity) = ((value >> QUANTITY_BITS) as u32, value as u32);
                Some(Self::Place { customer: key, item, quantity })
            }
            (CANCEL_ORDER, 0) => Some(Self::Cancel { order }),
            (OPERATOR_DECIDES, UNDO) => Some(Self::Decide { order, way: Way::Undo }),
            (OPERATOR_DECIDES, TRY_AGAIN) => Some(Self::Decide { order, way: Way::TryAgain }),
            _ => None,
        }
    }
}

impl From<OrderRequest> for Operation {
    fn from(request: OrderRequest) -> Self {
        let own = |kind, key, value| Self::Own { kind, key, value };
        match request {
            OrderRequest::Place { customer, item, quantity } => {
                let value = i64::from(item) << QUANTITY_BITS | i64::from(quantity);
                own(PLACE_ORDER, customer, value)
            }
            OrderRequest::Cancel { order } => own(CANCEL_ORDER, order.0, 0),
            OrderRequest::Decide { order, way: Way::Undo } => own(OPERATOR_DECIDES, order.0, UNDO),
            OrderRequest::Decide { order, way: Way::TryAgain } => {
                own(OPERATOR_DECIDES, order.0, TRY_AGAIN)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_is_what_is_understood() {
        let order = OpId(7);
        for request in [
            OrderRequest::Place { customer: 0, item: 0, quantity: 0 },
            OrderRequest::Place { customer: u32::MAX, item: (1 << 31) - 1, quantity: u32::MAX },
            OrderRequest::Place { customer: 3, item: 2, quantity: 5 },
            OrderRequest::Cancel { order },
            OrderRequest::Decide { order, way: Way::Undo },
            OrderRequest::Decide { order, way: Way::TryAgain },
        ] {
            assert_eq!(OrderRequest::of(request.into()), Some(request));
        }
    }

    #[test]
    fn what_makes_no_sense_asks_for_nothing() {
        for (kind, value) in
            [(0, 0), (4, 0), (PLACE_ORDER, -1), (CANCEL_ORDER, 1), (OPERATOR_DECIDES, 2)]
        {
            assert_eq!(OrderRequest::of(Operation::Own { kind, key: 1, value }), None);
        }
        assert_eq!(OrderRequest::of(Operation::Read { key: 1 }), None);
        assert_eq!(OrderRequest::of(Operation::Transfer { from: 1, to: 2, amount: -3 }), None);
    }

    #[test]
    fn a_transfer_is_an_order() {
        let transfer = Operation::Transfer { from: 1, to: 2, amount: 3 };
        let order = OrderRequest::Place { customer: 1, item: 2, quantity: 3 };
        assert_eq!(OrderRequest::of(transfer), Some(order));
    }
}
