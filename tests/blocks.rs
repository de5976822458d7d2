//! Each building block alone, in a small host, in a world that loses, repeats, reorders and crashes.
//!
//! ```text
//!   blocks/bus.rs      a host of the broker      blocks/broker.rs   what the broker promises
//!   blocks/weather.rs  setups and rules
//! ```

#[path = "blocks/broker.rs"]
mod broker;
#[path = "blocks/bus.rs"]
mod bus;
#[path = "blocks/weather.rs"]
mod weather;
