//! Each building block alone, in a small host, in a world that loses, repeats, reorders and crashes.
//!
//! ```text
//!   blocks/bus.rs      a host of the broker      blocks/broker.rs   what the broker promises
//!   blocks/desk.rs     a host of calls           blocks/rpc.rs      what calls promise
//!   blocks/weather.rs  setups and rules          blocks/timing.rs   when they do what
//! ```

#[path = "blocks/broker.rs"]
mod broker;
#[path = "blocks/bus.rs"]
mod bus;
#[path = "blocks/desk.rs"]
mod desk;
#[path = "blocks/rpc.rs"]
mod rpc;
#[path = "blocks/timing.rs"]
mod timing;
#[path = "blocks/weather.rs"]
mod weather;
