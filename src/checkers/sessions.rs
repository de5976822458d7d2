//! Session guarantees: what one client did and saw, it goes on to see.
//!
//! ```text
//!   read your writes       client1  ├─write 1─┤   ├─read→0─┤          refuted
//!   monotonic reads        client1  ├─read→2─┤    ├─read→1─┤          refuted: 2 came after 1
//!   monotonic writes       client1  ├─write 1─┤   ├─write 2─┤         refuted, if somebody sees
//!   writes follow reads    client1  ├─read→1─┤    ├─write 2─┤         2 and after it 1
//! ```
//!
//! Source: Terry and others 1994. The judge is `history/sessions.rs`; here it gets the history of a
//! run, whose sessions are its clients. A witness cites two operations of one session and what puts
//! their versions the other way round. It is checked again by trying every order of the versions
//! that are cited.
//!
//! Limits: registers with unique values, else the verdict is unknown.

use super::{
    CheckEntry, Checker, Finish, Judgement, PropertyInfo, Witness,
    evidence::{self, ensure},
    history::{self, Model, Rules, SESSIONS, engine::Gathered, recheck},
};
use crate::engine::{operations::Operation, signal::Signal};
use recheck::Told;

const SOURCE: &str =
    "Terry and others 1994, Session Guarantees for Weakly Consistent Replicated Data";

/// The line of the registry.
pub(super) const ENTRY: CheckEntry = CheckEntry {
    name: "Sessions",
    properties: &[
        PropertyInfo {
            name: SESSIONS[0],
            demands: "a read returns what its client wrote before, or something newer",
            exercised_by: "reads of registers that their clients had written",
            source: SOURCE,
        },
        PropertyInfo {
            name: SESSIONS[1],
            demands: "a read returns what its client read before, or something newer",
            exercised_by: "reads of registers that their clients had read",
            source: SOURCE,
        },
        PropertyInfo {
            name: SESSIONS[2],
            demands: "nobody sees writes of one client in another order than it wrote them",
            exercised_by: "writes of registers that their clients had written",
            source: SOURCE,
        },
        PropertyInfo {
            name: SESSIONS[3],
            demands: "nobody sees a write and after it what its client had read before",
            exercised_by: "writes of registers that their clients had read",
            source: SOURCE,
        },
    ],
    build: |text, named, _| {
        let settings = named.decode(text)?;
        Ok(Box::new(Sessions { settings, gathered: Gathered::default() }))
    },
};

#[derive(Clone, Copy, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    /// What every register holds at first.
    initial: i64,
}

struct Sessions {
    settings: Settings,
    gathered: Gathered,
}

impl Checker for Sessions {
    fn reset(&mut self) {
        self.gathered.clear();
    }

    fn on_signal(&mut self, signal: &Signal) {
        self.gathered.on_signal(signal);
    }

    fn finish(&mut self, _: &Finish<'_>) -> Vec<Judgement> {
        let (history, initial) = self.gathered.history(self.settings.initial);
        let rules = Rules { initial: vec![initial], ..Rules::of(Model::CasRegister) };
        let findings = history::sessions(&history, &rules).into_iter();
        findings.map(|finding| self.gathered.judgement(finding)).collect()
    }

    fn recheck(&self, property: &str, witness: &Witness, signals: &[Signal]) -> Result<(), String> {
        let Some(guarantee) = SESSIONS.iter().position(|name| *name == property) else {
            return evidence::no_such_property(property);
        };
        let cited = recheck::cited(witness, signals)?;
        let key = cited[0].key();
        ensure(cited.iter().all(|told| told.key() == key), "the operations differ in their key")?;
        let initial = self.settings.initial;
        let demands = demands(&cited, guarantee, initial);
        ensure(!demands.is_empty(), "no two cited operations demand anything")?;
        let mut versions: Vec<i64> = cited.iter().filter_map(|told| told.found(initial)).collect();
        versions.extend(cited.iter().filter_map(Told::left));
        // What an exchange that was not answered expected is a version too.
        versions.extend(demands.iter().map(|(from, ..)| *from));
        versions.retain(|version| *version != initial);
        versions.sort_unstable();
        versions.dedup();
        ensure(!is_orderable(&mut vec![initial], &versions, &demands), "the versions have an order")
    }
}

// The witness, checked again.

/// Which version must come before which; the flag says that both may be one.
type Demand = (i64, i64, bool);

/// What the guarantee demands of the cited operations, and what any order must keep to.
fn demands(cited: &[Told], guarantee: usize, initial: i64) -> Vec<Demand> {
    let found = |told: &Told| told.found(initial);
    let left = |told: &Told| told.left();
    let mut demands = Vec::new();
    for told in cited {
        // One that never took effect left nothing that anybody saw.
        if let Operation::Cas { expected, value, .. } = told.asked {
            demands.push((expected, value, false));
        }
    }
    for (one, other) in cited.iter().flat_map(|one| cited.iter().map(move |other| (one, other))) {
        if !one.came_before(other) {
            continue;
        }
        let in_session = one.client == other.client;
        let real_time = left(one).zip(left(other)).map(|(from, to)| (from, to, false));
        let observed = found(one).zip(found(other)).map(|(from, to)| (from, to, true));
        let own = match guarantee {
            0 => left(one).zip(found(other)).map(|(from, to)| (from, to, true)),
            1 => observed,
            2 => real_time,
            _ => found(one).zip(left(other)).map(|(from, to)| (from, to, false)),
        };
        let background = if guarantee < 2 { real_time } else { observed.filter(|_| in_session) };
        demands.extend(own.filter(|_| in_session).into_iter().chain(background));
    }
    demands
}

/// Is there an order of the versions that begins like this and meets all demands?
fn is_orderable(begun: &mut Vec<i64>, versions: &[i64], demands: &[Demand]) -> bool {
    // What came too early was refused when it was placed.
    let broken = |&(from, to, or_same): &Demand| {
        begun.contains(&to) && (!begun.contains(&from) || from == to && !or_same)
    };
    if demands.iter().any(broken) {
        return false;
    }
    if begun.len() > versions.len() {
        return true;
    }
    for &next in versions {
        if !begun.contains(&next) {
            begun.push(next);
            let found = is_orderable(begun, versions, demands);
            begun.pop();
            if found {
                return true;
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::super::litmus::registers::{asked, read, told, write};
    use super::super::litmus::*;
    use super::*;
    use crate::engine::signal::What;

    #[test]
    fn a_client_sees_its_own_write() {
        legal(SESSIONS[0], &[write(1, 0, 5), read(2, 0, 5)].concat());
        let sentence = illegal(SESSIONS[0], &[write(1, 0, 5), read(2, 0, 0)].concat());
        assert_eq!(
            sentence,
            "client1 does not see its own write: `write 5`, then `read -> 0` on key 7"
        );
        untested(SESSIONS[0], &[write(1, 0, 5), read(2, 1, 0)].concat());
    }

    #[test]
    fn a_client_does_not_go_back() {
        let story =
            |then| [write(1, 0, 5), write(2, 0, 6), read(3, 1, 6), read(4, 1, then)].concat();
        legal(SESSIONS[1], &story(6));
        illegal(SESSIONS[1], &story(5));
        illegal(SESSIONS[2], &story(5));
    }

    #[test]
    fn writes_of_a_client_come_in_its_order() {
        let story = |one, other| {
            [write(1, 0, 5), write(2, 0, 6), read(3, 1, one), read(4, 1, other)].concat()
        };
        legal(SESSIONS[2], &story(5, 6));
        illegal(SESSIONS[2], &story(6, 5));
    }

    #[test]
    fn a_write_comes_after_what_its_client_had_read() {
        let story = |one, other| {
            let written = [write(1, 0, 5), read(2, 1, 5), write(3, 1, 6)];
            [written.concat(), [read(4, 2, one), read(5, 2, other)].concat()].concat()
        };
        legal(SESSIONS[3], &story(5, 6));
        illegal(SESSIONS[3], &story(6, 5));
    }

    #[test]
    fn equal_values_leave_it_unknown() {
        let story = [write(1, 0, 5), write(2, 0, 5), read(3, 0, 5)].concat();
        Case::of("Sessions").gives(SESSIONS[0], &tell(&story), "unknown");
    }

    fn exchange(op: u32, client: u16, (expected, value): (i64, i64)) -> [What; 2] {
        [asked(op, client, Operation::Cas { key: 7, expected, value }), told(op, None)]
    }

    #[test]
    fn an_exchange_leaves_a_newer_version_than_it_expected() {
        let story = |first, then| {
            let exchanged = [write(1, 0, 5), exchange(2, 0, (5, 6))];
            [exchanged.concat(), [read(3, 1, first), read(4, 1, then)].concat()].concat()
        };
        legal(SESSIONS[1], &story(5, 6));
        illegal(SESSIONS[1], &story(6, 5));
    }

    #[test]
    fn an_exchange_without_an_answer_refutes_nothing_by_itself() {
        let signals = tell(&[write(1, 0, 5), exchange(2, 0, (5, 6)), read(3, 0, 6)].concat());
        for guarantee in SESSIONS {
            Case::of("Sessions").refuses(guarantee, &signals, &[2]);
            Case::of("Sessions").refuses(guarantee, &signals, &[0, 1, 2, 3, 4, 5]);
        }
    }

    #[test]
    fn a_client_may_see_the_same_version_again_but_not_write_it_twice() {
        let signals = tell(&[write(1, 0, 5), read(2, 0, 5), read(3, 0, 5)].concat());
        let case = Case::of("Sessions");
        case.gives(SESSIONS[0], &signals, "holds");
        case.refuses(SESSIONS[0], &signals, &[0, 1, 2, 3]);
        case.gives(SESSIONS[1], &signals, "holds");
        case.refuses(SESSIONS[1], &signals, &[2, 3, 4, 5]);
        // What a client reads before it writes it can come in no order.
        illegal(SESSIONS[3], &[read(1, 0, 5), write(2, 0, 5)].concat());
    }
}
