//! The breaker of one callee: after too many failures it is left alone for a while.
//!
//! ```text
//!   Closed ──k failures in a window──▶ Open ──HalfOpen timer──▶ HalfOpen ──all probes answered──▶ Closed
//!                                       ▲                          └──one of them failed──┐
//!                                       └─────────────────────────────────────────────────┘
//! ```
//!
//! No effects here: what a step changes comes back as data, and the caller sets the timers.

use serde::Serialize;

/// What a breaker does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum State {
    /// It lets everything through.
    #[default]
    Closed,
    /// It lets nothing through.
    Open,
    /// It lets some probes through.
    HalfOpen,
}

/// The breaker of one callee.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Breaker {
    /// What it does.
    pub state: State,
    /// Failures within the window while closed.
    failures: u16,
    /// Probes that went out while half open.
    probes: u16,
    answered: u16,
    /// How often it was half open; what an earlier probe finds out too late counts no more.
    turn: u32,
}

/// Whether an attempt may go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) enum Pass {
    /// It may.
    Normal,
    /// It may, and decides whether the breaker closes in this turn.
    Probe(u32),
    /// It may not.
    Refused,
}

/// What a failure did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trip {
    /// Nothing that needs a timer.
    None,
    /// A window begins.
    Window,
    /// It opened.
    Opened,
}

impl Breaker {
    pub(super) fn pass(&mut self, probes_max: u16) -> Pass {
        match self.state {
            State::Closed => Pass::Normal,
            State::HalfOpen if self.probes < probes_max => {
                self.probes += 1;
                Pass::Probe(self.turn)
            }
            State::HalfOpen | State::Open => Pass::Refused,
        }
    }

    pub(super) fn succeeded(&mut self, pass: Pass, probes_max: u16) {
        if self.decides(pass) {
            self.answered += 1;
            if self.answered >= probes_max {
                *self = Self { turn: self.turn, ..Self::default() };
            }
        }
    }

    /// Another node answered first: this attempt found out nothing.
    pub(super) fn abandoned(&mut self, pass: Pass) {
        if self.decides(pass) {
            self.probes -= 1;
        }
    }

    fn decides(&self, pass: Pass) -> bool {
        self.state == State::HalfOpen && pass == Pass::Probe(self.turn)
    }

    pub(super) fn failed(&mut self, pass: Pass, failures_max: u16) -> Trip {
        match self.state {
            State::Closed => {
                self.failures += 1;
                match self.failures {
                    failures if failures >= failures_max => self.open(),
                    1 => Trip::Window,
                    _ => Trip::None,
                }
            }
            State::HalfOpen if self.decides(pass) => self.open(),
            State::HalfOpen | State::Open => Trip::None,
        }
    }

    /// The window is over.
    pub(super) fn forget(&mut self) {
        self.failures = 0;
    }

    /// It was open long enough.
    pub(super) fn half_open(&mut self) {
        *self = Self { state: State::HalfOpen, turn: self.turn + 1, ..Self::default() };
    }

    fn open(&mut self) -> Trip {
        *self = Self { state: State::Open, turn: self.turn, ..Self::default() };
        Trip::Opened
    }
}
