//! What a host stores: tables, each with a type of row, declared once with [`tables!`](crate::tables).
//!
//! ```text
//!   tables! { enum Row by Name { Orders(Order), Outbox(Event) } }
//!
//!   Row::Orders(order)     any row, as records hold it         Orders     the table, as code says it:
//!   Name::Orders           a table, as records name it                    put(Orders, 7, order)
//!   Orders@7               a row's place: table and key
//! ```
//!
//! One enum of rows makes one type of record, of transaction and of database, and replay needs no
//! registry of types. The unit struct of each table puts the right row type beside each key, so
//! that no protocol has to take a row apart that it knows. Tables as fields of a host's struct were
//! rejected: a transaction over two of them could not be one record without more macro than this.
//!
//! Limits: a key is one number, or two (a stream and a place in it, an order and its line).

use crate::base::ids::{OpId, TxnId};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::fmt;

/// All rows of a database, in one enum.
pub trait Schema: Clone + fmt::Debug + Eq + Serialize + DeserializeOwned + 'static {
    /// The names of its tables.
    type Name: Copy + fmt::Debug + Ord + Serialize + DeserializeOwned;
}

/// One table of a database.
pub trait Table: Copy {
    /// The database that it belongs to.
    type Schema: Schema;
    /// What it stores.
    type Row: 'static;
    /// What records call it.
    const NAME: <Self::Schema as Schema>::Name;

    /// A row of it as any row.
    fn any(row: Self::Row) -> Self::Schema;

    /// The row that any row is.
    ///
    /// # Panics
    /// When it is of another table.
    fn typed(any: &Self::Schema) -> &Self::Row;
}

/// What a row is found by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key(pub u64, pub u64);

/// The place of a row: a table, and a key in it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RowId<N> {
    /// Which table.
    pub table: N,
    /// Which row of it.
    pub key: Key,
}

impl<N> RowId<N> {
    pub(super) fn of<T>(_: T, key: impl Into<Key>) -> Self
    where
        T: Table<Schema: Schema<Name = N>>,
    {
        Self { table: T::NAME, key: key.into() }
    }
}

macro_rules! key_from {
    ($($number:ty),+) => {
        $(impl From<$number> for Key {
            fn from(number: $number) -> Self {
                Self(u64::from(number), 0)
            }
        })+
    };
}

key_from!(u16, u32, u64);

impl From<OpId> for Key {
    fn from(op: OpId) -> Self {
        Self(u64::from(op.0), 0)
    }
}

impl From<TxnId> for Key {
    fn from(txn: TxnId) -> Self {
        Self(u64::from(txn.0), 0)
    }
}

impl From<(u64, u64)> for Key {
    fn from((first, second): (u64, u64)) -> Self {
        Self(first, second)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self(number, 0) => write!(f, "{number}"),
            Self(first, second) => write!(f, "{first}.{second}"),
        }
    }
}

/// As short as the `Display`, for timelines.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<N: fmt::Debug> fmt::Display for RowId<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}@{}", self.table, self.key)
    }
}

impl<N: fmt::Debug> fmt::Debug for RowId<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Declares the tables of a database: an enum of all rows, an enum of the tables' names, and a unit
/// struct for each table.
///
/// ```
/// #[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
/// pub struct Order { amount: i64 }
///
/// splitbrain::tables! {
///     /// What an order service stores.
///     pub enum Row by Name {
///         /// Orders, by their number.
///         Orders(Order),
///         /// Which order each event is about, in the order of publication.
///         Outbox(u64),
///     }
/// }
/// use splitbrain::blocks::database::{Database, Retention};
///
/// let mut database = Database::<Row>::new(Retention::Nothing);
/// let mut txn = database.begin();
/// txn.put(Orders, 7_u64, Order { amount: 5 });
/// assert_eq!(txn.get(Orders, 7_u64).map(|order| order.amount), Some(5));
/// drop(txn); // Aborted: it leaves no trace.
/// assert_eq!(database.get(Orders, 7_u64), None);
/// ```
#[macro_export]
macro_rules! tables {
    (
        $(#[$outer:meta])*
        $visible:vis enum $schema:ident by $names:ident {
            $($(#[doc = $doc:literal])+ $table:ident($row:ty)),+ $(,)?
        }
    ) => {
        $(#[$outer])*
        #[derive(Clone, Debug, PartialEq, Eq, ::serde::Serialize, ::serde::Deserialize)]
        $visible enum $schema {
            $($(#[doc = $doc])+ $table($row)),+
        }

        /// The names of the tables.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord,
            ::serde::Serialize, ::serde::Deserialize,
        )]
        $visible enum $names {
            $($(#[doc = $doc])+ $table),+
        }

        impl $crate::blocks::database::Schema for $schema {
            type Name = $names;
        }

        $(
            $(#[doc = $doc])+
            #[derive(Clone, Copy, Debug)]
            $visible struct $table;

            impl $crate::blocks::database::Table for $table {
                type Schema = $schema;
                type Row = $row;
                const NAME: $names = $names::$table;

                fn any(row: $row) -> $schema {
                    $schema::$table(row)
                }

                #[allow(unreachable_patterns, reason = "a database may have only one table")]
                fn typed(any: &$schema) -> &$row {
                    match any {
                        $schema::$table(row) => row,
                        _ => unreachable!("a row stands in the table that it was put into"),
                    }
                }
            }
        )+
    };
}
