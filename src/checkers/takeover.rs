//! Takeover: a node that serves another one's log has what the way of copying promises.
//!
//! ```text
//!   p1   logged 1 2 3 4 5 6   acknowledged 1 … 5 ─╳
//!   p2   applied 1 2 3                               recovered 3: 2 acknowledged writes lost, lag 3
//!
//!   synchronous    acknowledged ⇒ p2 has it          ✗
//!   asynchronous   acknowledged and applied by p2 ⇒ p2 has it, and all else that p2 had said   ✓
//! ```
//!
//! Source: Gray & Reuter 1993, section 12.6: what pairs call *1-safe* and *2-safe*. An asynchronous
//! pair loses the lag, which is counted, and no more. What the former node logs and acknowledges
//! after another one serves is lost too. The node that logged is judged by `recovery.rs`.
//!
//! One property for both ways was rejected: then a wrong mode in a scenario would go unseen.
//!
//! Limits: see `lineage.rs`. That somebody takes over at all is not demanded.

use super::{
    CheckEntry, Checker, Finish, Judgement, PropertyInfo, Witness,
    evidence::{self, Found, ensure, find, stated, witness},
    knowledge::{count, judge},
    lineage::{How, Lineage, Name, Recovered, Turn},
    recovery::recheck,
};
use crate::{
    base::{digest::Fold, ids::NodeId},
    engine::{
        facts::Fact,
        operations::Ending,
        runner::Catalog,
        signal::{Signal, What},
    },
};
use std::sync::Arc;

const ACKNOWLEDGED: &str = "takeover.acknowledged";
const BOUNDED: &str = "takeover.bounded_by_lag";
const SOURCE: &str = "Gray & Reuter 1993, Transaction Processing, section 12.6";

/// The line of the registry.
pub(super) const ENTRY: CheckEntry = CheckEntry {
    name: "Takeover",
    properties: &[
        PropertyInfo {
            name: ACKNOWLEDGED,
            demands: "a node that takes over has every acknowledged write; in asynchronous mode \
                      every one that it had applied",
            exercised_by: "takeovers after a write was acknowledged",
            source: SOURCE,
        },
        PropertyInfo {
            name: BOUNDED,
            demands: "a node that takes over has all that it had said to have: only the lag is \
                      lost",
            exercised_by: "takeovers",
            source: SOURCE,
        },
    ],
    build: |text, named, catalog| {
        let Settings { mode } = named.decode(text)?;
        Ok(Box::new(Takeover::new(mode, catalog)))
    },
};

#[derive(Clone, Copy, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    /// When a write is acknowledged.
    mode: Mode,
}

/// What a write waits for before it is acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
enum Mode {
    /// The other node has it.
    #[default]
    Synchronous,
    /// Only the node that logs it.
    Asynchronous,
}

#[derive(Clone)]
struct Takeover {
    mode: Mode,
    catalog: Arc<Catalog>,
    lineage: Lineage,
    counts: Counts,
    /// The first violation of each property.
    lost: Option<Witness>,
    unbounded: Option<Witness>,
}

/// What happened, for the note.
#[derive(Clone, Copy, Default)]
struct Counts {
    takeovers: u64,
    with_writes: u64,
    lost: u64,
    lag: u64,
}

impl Checker for Takeover {
    fn reset(&mut self) {
        self.lineage.reset();
        (self.counts, self.lost, self.unbounded) = (Counts::default(), None, None);
    }

    fn on_signal(&mut self, signal: &Signal) {
        match self.lineage.on_signal(signal) {
            Turn::Recovered(recovered) if recovered.how == How::Takeover => {
                self.on_takeover(&recovered, signal);
            }
            Turn::Told(name) | Turn::Astray(name) => self.on_told(name),
            _ => {}
        }
    }

    fn finish(&mut self, _: &Finish<'_>) -> Vec<Judgement> {
        let Counts { takeovers, with_writes, lost, lag } = self.counts;
        let writes = count(lost, "acknowledged write", "acknowledged writes");
        let note =
            format!("{}, {writes} lost, lag {lag}", count(takeovers, "takeover", "takeovers"));
        vec![
            judge(ACKNOWLEDGED, self.lost.clone(), with_writes, note.clone()),
            judge(BOUNDED, self.unbounded.clone(), takeovers, note),
        ]
    }

    fn recheck(&self, property: &str, witness: &Witness, signals: &[Signal]) -> Result<(), String> {
        let cited = find(witness, signals)?;
        match property {
            ACKNOWLEDGED => is_lost(&cited, signals, self.mode),
            BOUNDED => is_more_than_the_lag(&cited, signals),
            _ => evidence::no_such_property(property),
        }
    }

    fn explorable(&self) -> &'static [&'static str] {
        &[ACKNOWLEDGED, BOUNDED]
    }

    fn fork(&self) -> Option<Box<dyn Checker>> {
        Some(Box::new(self.clone()))
    }

    fn fold(&self, fold: &mut Fold) {
        fold.words([self.lost.is_some(), self.unbounded.is_some()].map(u64::from));
        self.lineage.fold(fold);
    }

    fn broken(&mut self) -> Vec<&'static str> {
        let lost = self.lost.iter().map(|_| ACKNOWLEDGED);
        lost.chain(self.unbounded.iter().map(|_| BOUNDED)).collect()
    }
}

// The judge.

impl Takeover {
    fn new(mode: Mode, catalog: &Arc<Catalog>) -> Self {
        Self {
            mode,
            catalog: Arc::clone(catalog),
            lineage: Lineage::default(),
            counts: Counts::default(),
            lost: None,
            unbounded: None,
        }
    }

    fn on_takeover(&mut self, recovered: &Recovered, signal: &Signal) {
        let Recovered { node, upto, length, reached, ref lost, .. } = *recovered;
        let told = |name: &Name| self.lineage.write(*name).is_some_and(|w| w.told.is_some());
        let told: Vec<Name> = lost.iter().copied().filter(told).collect();
        let lag = length.saturating_sub(upto);
        self.counts.takeovers += 1;
        self.counts.with_writes += u64::from(self.lineage.count(|write| write.told.is_some()) > 0);
        self.counts.lost += told.len() as u64;
        self.counts.lag += lag;
        let (name, at) = (self.catalog.node(node), signal.at);
        let writes = count(told.len() as u64, "acknowledged write", "acknowledged writes");
        let told_of = format!("{name} took over at {at} with all up to {upto}");
        if upto < reached {
            let sentence = format!("{told_of}, and had said to have all up to {reached}");
            self.unbounded.get_or_insert_with(|| witness(sentence, &[*signal]));
        }
        let demanded = told.into_iter().filter(|&name| self.is_demanded(name, reached));
        let demanded: Vec<Name> = demanded.collect();
        if let Some(first) = self.lineage.earliest(&demanded, |write| write.told) {
            let says = format!("{told_of}: {writes} lost, lag {lag}");
            self.loses(first, &says);
        }
    }

    /// Whether a write must survive a takeover by a node that had come so far.
    fn is_demanded(&self, name: Name, reached: u64) -> bool {
        let logged = self.lineage.write(name).and_then(|write| write.logged);
        self.mode == Mode::Synchronous || logged.is_some_and(|(lsn, _)| lsn <= reached)
    }

    /// A client is told of a write that is lost already, or was told of one that goes astray.
    fn on_told(&mut self, name: Name) {
        let Some(write) = self.lineage.write(name) else { return };
        let (how, by) = match write.lost {
            Some((How::Takeover, by)) if write.logged.is_some() => (How::Takeover, by),
            Some((How::Astray, by)) => (How::Astray, by),
            _ => return, // One that was never logged may still come.
        };
        self.counts.lost += 1;
        self.counts.with_writes += 1;
        if self.mode == Mode::Asynchronous {
            return;
        }
        let node = evidence::place(&by.what).map_or("a client", |node| self.catalog.node(node));
        let says = match how {
            How::Astray => format!("{node} logged it at {}, and served no more", by.at),
            _ => format!("{node} took over at {} without it", by.at),
        };
        self.loses(name, &says);
    }

    // The witness.

    fn loses(&mut self, name: Name, says: &str) {
        let Some(write) = self.lineage.write(name) else { return };
        let (Some(told), Some((_, by))) = (write.told, write.lost) else { return };
        let (key, value) = name;
        let sentence =
            format!("the client was told at {} that {value} is in register {key}; {says}", told.at);
        let cited = [told, by].into_iter().chain(write.asked);
        let cited: Vec<_> = cited.chain(write.logged.map(|(_, logged)| logged)).collect();
        self.lost.get_or_insert_with(|| witness(sentence, &cited));
    }
}

// The witness, checked again.

/// Up to where a node had said to have the lineage.
fn reached(before: &[Signal], node: NodeId) -> u64 {
    let mut reached = 0;
    let (mut length, mut serving) = (0, None);
    for (_, by, fact) in stated(before) {
        match fact {
            Fact::Logged { lsn, .. } if *serving.get_or_insert(by) == by && lsn == length + 1 => {
                length = lsn;
                reached = if by == node { reached.max(lsn) } else { reached };
            }
            Fact::Recovered(upto) => {
                serving = (length > 0).then_some(by);
                length = length.min(upto);
                reached = if by == node { upto } else { reached.min(upto) };
            }
            Fact::Applied(upto) | Fact::Synced(upto) if by == node => reached = reached.max(upto),
            _ => {}
        }
    }
    reached
}

fn takeover(cited: &[Found], signals: &[Signal]) -> Result<(usize, NodeId, u64), String> {
    let [(position, node, upto)] = recheck::recoveries(cited)[..] else {
        return Err("one recovery is needed".to_owned());
    };
    ensure(recheck::takes_over(signals, position, node), "the log was its own")?;
    Ok((position, node, upto))
}

fn is_more_than_the_lag(cited: &[Found], signals: &[Signal]) -> Result<(), String> {
    let (position, node, upto) = takeover(cited, signals)?;
    ensure(cited.len() == 1, "something else is cited")?;
    ensure(reached(&signals[..position], node) > upto, "it had said no more")
}

fn is_lost(cited: &[Found], signals: &[Signal], mode: Mode) -> Result<(), String> {
    let told = cited.iter().find_map(|&(at, signal)| match signal.what {
        What::Ended(op, Ending::Ok(_)) => Some((at, recheck::told(signals, op)?)),
        _ => None,
    });
    let Some((heard, name)) = told else { return Err("no acknowledgement is cited".to_owned()) };
    let logs = |&(at, signal): &Found| match signal.what {
        What::Stated(node, Fact::Logged { lsn, key, value }) if (key, value) == name => {
            Some((at, node, lsn))
        }
        _ => None,
    };
    let logged = cited.iter().find_map(logs);
    if recheck::recoveries(cited).is_empty() {
        ensure(mode == Mode::Synchronous, "the mode allows it")?;
        let Some((at, node, _)) = logged else { return Err("nobody lost it".to_owned()) };
        let serving = recheck::lineage(&signals[..at]).1;
        ensure(serving.is_some_and(|serving| serving != node), "who logged it served")?;
        let stands = recheck::lineage(&signals[..heard.max(at)]).0.contains(&name);
        return ensure(!stands, "it is in the log");
    }
    let (position, node, _) = takeover(cited, signals)?;
    recheck::stands_no_more(signals, (position, heard), name)?;
    let had = |lsn| lsn <= reached(&signals[..position], node);
    let demanded = mode == Mode::Synchronous || logged.is_some_and(|(.., lsn)| had(lsn));
    ensure(demanded, "the mode allows it")
}

#[cfg(test)]
mod tests {
    use super::super::litmus::log::*;
    use super::super::litmus::*;
    use super::*;
    use crate::engine::operations::Operation;

    fn asynchronous() -> Case<'static> {
        Case { settings: "(mode: Asynchronous)", ..Case::of("Takeover") }
    }

    /// p1 logs two writes, p2 has what is given, both are acknowledged, p2 takes over.
    fn story(has: u64, upto: u64) -> Vec<What> {
        let asked = [write(1, 7), write(2, 8)];
        let logs = [logged(P1, 1, 7), synced(P1, 1), logged(P1, 2, 8), synced(P1, 2)];
        let has: Vec<What> = (1..=has).map(|lsn| applied(P2, lsn)).collect();
        let then = [told_ok(1), told_ok(2), crash(P1), recovered(P2, upto)];
        [&asked[..], &logs, &has, &then].concat()
    }

    #[test]
    fn a_synchronous_takeover_has_every_acknowledged_write() {
        legal(ACKNOWLEDGED, &story(2, 2));
        let sentence = illegal(ACKNOWLEDGED, &story(1, 1));
        let wanted = "the client was told at 8ms that 8 is in register 5; p2 took over at 10ms with \
                      all up to 1: 1 acknowledged write lost, lag 1";
        assert_eq!(sentence, wanted);
        untested(ACKNOWLEDGED, &story(2, 2)[..10]);
        untested(ACKNOWLEDGED, &[logged(P1, 1, 7), crash(P1), recovered(P2, 1)]);
    }

    #[test]
    fn an_asynchronous_takeover_may_lose_the_lag_which_is_counted() {
        let lost = |has, upto, word| {
            asynchronous().gives(ACKNOWLEDGED, &tell(&story(has, upto)), word).note
        };
        assert_eq!(lost(1, 1, "holds"), "1 takeover, 1 acknowledged write lost, lag 1");
        assert_eq!(lost(0, 0, "holds"), "1 takeover, 2 acknowledged writes lost, lag 2");
        assert_eq!(lost(2, 1, "violated"), "1 takeover, 1 acknowledged write lost, lag 1");
    }

    #[test]
    fn only_the_lag_is_lost() {
        legal(BOUNDED, &story(1, 1));
        let sentence = illegal(BOUNDED, &story(2, 1));
        assert_eq!(
            sentence,
            "p2 took over at 11ms with all up to 1, and had said to have all up to 2"
        );
        asynchronous().gives(BOUNDED, &tell(&story(1, 1)), "holds");
        asynchronous().gives(BOUNDED, &tell(&story(2, 0)), "violated");
    }

    #[test]
    fn a_recovery_of_the_own_log_is_no_takeover() {
        let own =
            [write(1, 7), logged(P1, 1, 7), told_ok(1), crash(P1), boot(P1), recovered(P1, 0)];
        untested(ACKNOWLEDGED, &own);
        untested(BOUNDED, &own);
    }

    #[test]
    fn an_answer_that_arrives_after_the_takeover_counts() {
        let mut late = story(1, 1);
        late.retain(|what| *what != told_ok(2));
        legal(ACKNOWLEDGED, &late);
        late.push(told_ok(2));
        let sentence = illegal(ACKNOWLEDGED, &late);
        assert!(sentence.ends_with("p2 took over at 9ms without it"), "{sentence}");
        asynchronous().gives(ACKNOWLEDGED, &tell(&late), "holds");
        late.insert(late.len() - 1, logged(P2, 2, 8));
        legal(ACKNOWLEDGED, &late);
    }

    #[test]
    fn a_node_that_was_succeeded_acknowledges_nothing() {
        let two = |by| [write(3, 9), logged(by, 3, 9), told_ok(3)];
        legal(ACKNOWLEDGED, &[&story(2, 2)[..], &two(P2)].concat());
        let sentence = illegal(ACKNOWLEDGED, &[&story(2, 2)[..], &two(P1)].concat());
        assert!(sentence.ends_with("p1 logged it at 13ms, and served no more"), "{sentence}");
    }

    #[test]
    fn a_late_answer_is_one_write_more_at_stake_and_one_more_lost() {
        let mut late = story(1, 1);
        late.retain(|what| *what != told_ok(2));
        let before = asynchronous().judgement(ACKNOWLEDGED, &tell(&late));
        assert_eq!((before.exercised, before.note.contains("0 acknowledged")), (1, true));
        late.push(told_ok(2));
        let after = asynchronous().judgement(ACKNOWLEDGED, &tell(&late));
        assert_eq!(after.exercised, 2);
        assert_eq!(after.note, "1 takeover, 1 acknowledged write lost, lag 1");
    }

    #[test]
    fn a_write_that_was_read_and_never_logged_may_still_come() {
        let asks = registers::asked(2, 1, Operation::Read { key: 5 });
        let read = [write(1, 7), asks, registers::told(2, Some(7))];
        let then = [logged(P1, 1, 8), recovered(P2, 1), told_ok(1)];
        let story = [&read[..], &then].concat();
        untested(ACKNOWLEDGED, &story);
        let told = asynchronous().judgement(ACKNOWLEDGED, &tell(&story));
        assert_eq!(told.note, "1 takeover, 0 acknowledged writes lost, lag 0");
    }
}
