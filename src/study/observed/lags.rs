//! Lags: how late events take effect, how far copies are behind, and what they never come to show.
//!
//! ```text
//!   source     commits 5: a=7 ────┬─────────▶
//!   consumer                      ├── lag ─▶ event 5 takes effect, for the first time
//!   copy                          └── lag ─▶ applied 5, or a later commit of the same key
//! ```
//!
//! An event that never takes effect has no lag: look at `Violations` of `publication.no_loss`.
//! Copies are measured as in the check `CopyLag`, but for all changes and not only for those that are
//! too late. A change that a later one of its key overtook is shown by that one. What is still under
//! way when the run is over counts as missed, so a study leaves time for it; so does a row that was
//! deleted before any copy showed its key, which the check lets pass.

use crate::{
    base::{
        ids::NodeId,
        table::Table,
        time::{Duration, Time},
    },
    engine::{
        facts::Fact,
        signal::{Signal, What},
    },
};

/// Folds signals into the lags of effects.
#[derive(Default)]
pub(super) struct EffectLags {
    committed: Table<u64, Time>,
    effects: Table<u64, ()>,
    seen: Vec<Duration>,
}

impl EffectLags {
    pub(super) fn reset(&mut self) {
        self.committed.clear();
        self.effects.clear();
        self.seen.clear();
    }

    pub(super) fn lags(&self) -> &[Duration] {
        &self.seen
    }

    pub(super) fn on_signal(&mut self, signal: &Signal) {
        let What::Stated(_, fact) = signal.what else { return };
        match fact {
            Fact::Commits { event, .. } => _ = self.committed.insert(event, signal.at),
            Fact::TookEffect(event) if self.effects.insert(event, ()).is_none() => {
                if let Some(&at) = self.committed.get(&event) {
                    self.seen.push(signal.at.saturating_since(at));
                }
            }
            _ => {}
        }
    }
}

/// Folds signals into the lags of copies.
#[derive(Default)]
pub(super) struct CopyLags {
    /// The commit that each copy speaks of.
    about: Table<NodeId, u64>,
    /// By key and number, when it was committed.
    open: Table<(u32, u64), Time>,
    over: Vec<Duration>,
}

impl CopyLags {
    pub(super) fn reset(&mut self) {
        self.about.clear();
        self.open.clear();
        self.over.clear();
    }

    pub(super) fn lags(&self) -> &[Duration] {
        &self.over
    }

    pub(super) fn missed(&self) -> u64 {
        self.open.len() as u64
    }

    pub(super) fn on_signal(&mut self, signal: &Signal) {
        let What::Stated(node, fact) = signal.what else { return };
        match fact {
            Fact::Commits { number, key, .. } => {
                self.about.remove(&node);
                self.open.insert((key, number), signal.at);
            }
            Fact::Applied(number) => _ = self.about.insert(node, number),
            Fact::Holds { key, .. } | Fact::Lacks { key } => {
                let Some(&number) = self.about.get(&node) else { return };
                self.show(key, number, signal.at);
            }
            _ => {}
        }
    }

    fn show(&mut self, key: u32, number: u64, at: Time) {
        while let Some((&(key, number), &since)) = self.open.range((key, 0)..=(key, number)).next()
        {
            self.open.remove(&(key, number));
            self.over.push(at.saturating_since(since));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::EventId;

    #[test]
    fn a_change_is_behind_until_it_or_a_later_one_of_its_key_shows() {
        let commits = |number, key| (0, Fact::Commits { number, key, event: number });
        let mut lags = CopyLags::default();
        let told = [
            (3, commits(1, 5)),
            (4, commits(2, 5)),
            (5, commits(3, 6)),
            (9, (1, Fact::Applied(2))),
            (9, (1, Fact::Lacks { key: 5 })),
        ];
        for (at, (node, fact)) in told {
            let what = What::Stated(NodeId(node), fact);
            lags.on_signal(&Signal { at: Time::from_nanos(at), event: EventId(1), what });
        }
        assert_eq!(lags.lags(), [Duration::from_nanos(6), Duration::from_nanos(5)]);
        assert_eq!(lags.missed(), 1);
    }

    #[test]
    fn a_lag_lasts_from_the_commit_to_the_first_effect() {
        let node = NodeId(1);
        let commit = |event| What::Stated(node, Fact::Commits { number: event, key: 0, event });
        let effect = |event| What::Stated(node, Fact::TookEffect(event));
        let mut lags = EffectLags::default();
        let story =
            [(3, commit(1)), (4, commit(2)), (9, effect(2)), (10, effect(1)), (11, effect(1))];
        for (at, what) in story {
            lags.on_signal(&Signal { at: Time::from_nanos(at), event: EventId(at as u32), what });
        }
        assert_eq!(lags.seen.iter().map(|lag| lag.as_nanos()).collect::<Vec<_>>(), [5, 7]);
    }
}
