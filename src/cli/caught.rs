//! Panics caught: what a handler says when it stops, and where, on the thread that asked.
//!
//! ```text
//!   caught(f) ── listens on this thread ── f panics ──▶ hook notes message and place ──▶ Err
//!   other threads, and panics of our own ──▶ the usual hook
//! ```
//!
//! The hook is the process's, so it is set once and asks each thread whether it listens. Setting
//! and resetting it around every call was rejected: two threads would put back each other's hooks.

use std::{
    cell::{Cell, RefCell},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Once,
};

std::thread_local! {
    static LISTENS: Cell<bool> = const { Cell::new(false) };
    static HEARD: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Calls a function; a panic becomes its message and place.
pub(super) fn caught<T>(function: impl FnOnce() -> T) -> Result<T, String> {
    listen_from_now_on();
    let outer = LISTENS.replace(true);
    let result = catch_unwind(AssertUnwindSafe(function));
    LISTENS.set(outer);
    result.map_err(|_| HEARD.take().unwrap_or_default())
}

fn listen_from_now_on() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if LISTENS.get() {
                HEARD.set(Some(info.to_string()));
            } else {
                usual(info);
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_thread_hears_its_own_panic() {
        std::thread::scope(|scope| {
            for thread in 0..8 {
                scope.spawn(move || {
                    for round in 0..50 {
                        let said = caught(|| assert!(round < 0, "{thread} in round {round}"));
                        let said = said.expect_err("it panicked");
                        assert!(said.contains(&format!("{thread} in round {round}")), "{said}");
                        assert!(said.contains("caught.rs"), "{said}");
                        assert_eq!(caught(|| round), Ok(round));
                    }
                });
            }
        });
    }
}
