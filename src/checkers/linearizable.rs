//! Linearizable: clients see one register per key, whose calls take effect one after the other.
//!
//! ```text
//!   client1   ├──write 1──┤                  ├──read→1──┤   refuted: 2 was there for certain
//!   client2                 ├──write 2──┤
//! ```
//!
//! Source: Herlihy & Wing 1990. The judge is `history/linearizable.rs`; here it gets the history of
//! a run. A witness cites the answers that cannot be explained, and the invocations of all else
//! that could have helped. It is checked again by trying every order of what is cited, after a look
//! at all signals for anybody else who wrote what was seen.
//!
//! Where every order is explored, the judge walks along as the set of all that a register may be
//! (`linearizable/configurations.rs`); a test holds that it breaks just where the judge would.
//!
//! Limits: answers hold one value, so only registers are judged. Unknown beyond `states_max`.

use super::{
    CheckEntry, Checker, Finish, Judgement, PropertyInfo, Witness,
    evidence::{self, ensure},
    history::{
        self, Model, Rules,
        calls::{Action, Call},
        engine::{Gathered, Step},
        recheck,
    },
};
use crate::{
    base::digest::Fold,
    engine::{operations::Operation, signal::Signal},
};
use configurations::Configurations;
use recheck::Told;
use std::collections::BTreeSet;

// All that a register may be by now, where every order is explored.
mod configurations;

/// The line of the registry.
pub(super) const ENTRY: CheckEntry = CheckEntry {
    name: "Linearizable",
    properties: &[PropertyInfo {
        name: history::LINEARIZABLE,
        demands: "every register answers as if its calls took effect one by one, each between \
                  its invocation and its end",
        exercised_by: "answers of registers that somebody had begun to write before they came",
        source: "Herlihy & Wing 1990, Linearizability",
    }],
    build: |text, named, _| Ok(Box::new(Linearizable::new(named.decode(text)?))),
};

#[derive(Clone, Copy, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    /// What clients may call.
    model: Registers,
    /// What every register holds at first.
    initial: i64,
    /// How many configurations the search may meet.
    states_max: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
enum Registers {
    /// Reads and writes.
    Register,
    /// Compare-and-sets too.
    CasRegister,
}

impl Default for Settings {
    fn default() -> Self {
        Self { model: Registers::CasRegister, initial: 0, states_max: history::STATES_MAX }
    }
}

struct Linearizable {
    settings: Settings,
    gathered: Gathered,
}

impl Checker for Linearizable {
    fn reset(&mut self) {
        self.gathered.clear();
    }

    fn on_signal(&mut self, signal: &Signal) {
        self.gathered.on_signal(signal);
    }

    fn finish(&mut self, _: &Finish<'_>) -> Vec<Judgement> {
        let Settings { model, initial, states_max } = self.settings;
        let model = match model {
            Registers::Register => Model::Register,
            Registers::CasRegister => Model::CasRegister,
        };
        let (history, initial) = self.gathered.history(initial);
        let compares = |call: &&Call| matches!(call.action, Action::Cas { .. });
        if model == Model::Register
            && let Some(call) = history.calls.iter().find(compares)
        {
            let why = format!(
                "{} asked for `{}`, which no register knows: set `model: CasRegister`",
                history.whose.name(call.process),
                history.words(call.action)
            );
            return vec![unknown(why)];
        }
        let rules = Rules { model, initial: vec![initial], states_max };
        vec![self.gathered.judgement(history::linearizable(&history, &rules))]
    }

    fn recheck(&self, property: &str, witness: &Witness, signals: &[Signal]) -> Result<(), String> {
        if property != history::LINEARIZABLE {
            return evidence::no_such_property(property);
        }
        let cited = recheck::cited(witness, signals)?;
        let initial = self.settings.initial;
        nobody_else_wrote(&cited, &recheck::all(signals), initial)?;
        let mut orders = Orders { cited: &cited, initial, met: BTreeSet::new() };
        ensure(!orders.is_legal(0, initial), "the cited operations can be put in order")
    }

    fn explorable(&self) -> &'static [&'static str] {
        &[history::LINEARIZABLE]
    }

    fn fork(&self) -> Option<Box<dyn Checker>> {
        Some(Box::new(Self { settings: self.settings, gathered: self.gathered.clone() }))
    }

    fn fold(&self, fold: &mut Fold) {
        match self.configurations() {
            Some(configurations) => configurations.fold(fold),
            None => fold.word(u64::MAX),
        }
    }

    /// An answer that nothing explains is explained by nothing that comes later.
    fn broken(&mut self) -> Vec<&'static str> {
        let is_illegal = self.configurations().is_some_and(|all| all.is_illegal());
        is_illegal.then_some(history::LINEARIZABLE).into_iter().collect()
    }
}

fn unknown(why: String) -> Judgement {
    let verdict = super::Verdict::Unknown(why);
    Judgement { property: history::LINEARIZABLE, verdict, exercised: 0, note: String::new() }
}

impl Linearizable {
    fn new(settings: Settings) -> Self {
        Self { settings, gathered: Gathered::default() }
    }

    /// All that the registers may be by now; `None` where somebody asked for what none of them
    /// knows, of which nothing is said.
    fn configurations(&self) -> Option<Configurations> {
        let knows = |step: &Step| match step {
            Step::Invoked(_, Operation::Cas { .. }) => {
                self.settings.model == Registers::CasRegister
            }
            Step::Invoked(..) | Step::Ended(..) => true,
        };
        let all_known = self.gathered.steps().all(|step| knows(&step));
        all_known.then(|| Configurations::after(self.gathered.steps(), self.settings.initial))
    }
}

// The witness, checked again.

/// Whoever may have written what a cited operation found is cited, unless it came too late.
fn nobody_else_wrote(cited: &[Told], all: &[Told], initial: i64) -> Result<(), String> {
    let key = cited[0].key();
    ensure(cited.iter().all(|told| told.key() == key), "the cited operations differ in their key")?;
    let last = cited.iter().filter_map(Told::ended).max();
    let Some(last) = last else { return Err("no answer is cited".to_owned()) };
    let found: Vec<i64> = cited.iter().filter_map(|told| needs(told, initial)).collect();
    for other in all.iter().filter(|told| told.key() == key) {
        let wrote_it = other.left().is_some_and(|left| found.contains(&left));
        let is_cited = cited.iter().any(|told| told.op == other.op);
        let in_time = other.invoked < last;
        ensure(is_cited || !wrote_it || !in_time, "another operation may have written that value")?;
    }
    Ok(())
}

/// What a register must hold for an operation to take effect with the answer that it had.
fn needs(told: &Told, initial: i64) -> Option<i64> {
    match told.asked {
        Operation::Cas { expected, .. } => Some(expected),
        _ => told.found(initial),
    }
}

/// All orders of up to 64 operations.
struct Orders<'c> {
    cited: &'c [Told],
    initial: i64,
    met: BTreeSet<(u64, i64)>,
}

impl Orders<'_> {
    /// Is there a legal order of those that are not yet placed, from this value on?
    fn is_legal(&mut self, placed: u64, value: i64) -> bool {
        let left = |place: &usize| placed >> place & 1 == 0;
        let rest: Vec<usize> = (0..self.cited.len().min(64)).filter(left).collect();
        if rest.iter().all(|&place| self.cited[place].ended().is_none()) {
            return true;
        }
        if !self.met.insert((placed, value)) {
            return false;
        }
        for &next in &rest {
            let told = self.cited[next];
            if rest.iter().any(|&other| self.cited[other].came_before(&told)) {
                continue;
            }
            let fits = needs(&told, self.initial).is_none_or(|needed| needed == value);
            if fits && self.is_legal(placed | 1 << next, told.left().unwrap_or(value)) {
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::litmus::{
            registers::{asked, read, told, write},
            *,
        },
        *,
    };
    use proptest::prelude::*;

    use crate::{
        base::ids::OpId,
        engine::{
            operations::{Ending, Operation},
            signal::What,
        },
    };

    const LINEARIZABLE: &str = history::LINEARIZABLE;

    #[test]
    fn a_read_sees_what_was_written_before_it_began() {
        let story = |seen| [write(1, 0, 5), write(2, 0, 6), read(3, 1, seen)].concat();
        legal(LINEARIZABLE, &story(6));
        let sentence = illegal(LINEARIZABLE, &story(5));
        assert_eq!(
            sentence,
            "no order of the calls on key 7 explains that client2 was answered `read -> 5` at 5ms; \
             legal was read -> 6"
        );
        illegal(LINEARIZABLE, &story(0));
        illegal(LINEARIZABLE, &story(9));
    }

    #[test]
    fn what_was_not_done_never_happened_and_what_is_unknown_may_happen_late() {
        let [asks, _] = write(1, 0, 5);
        let ended = |ending| What::Ended(OpId(1), ending);
        let story =
            |ending, seen| [&[asks, ended(ending)][..], &read(2, 1, 0), &read(3, 1, seen)].concat();
        legal(LINEARIZABLE, &story(Ending::Unknown, 5));
        legal(LINEARIZABLE, &story(Ending::Unknown, 0));
        illegal(LINEARIZABLE, &story(Ending::NotDone, 5));
        untested(LINEARIZABLE, &story(Ending::NotDone, 0));
    }

    #[test]
    fn a_compare_and_set_is_unknown_to_a_plain_register() {
        let cas = asked(1, 0, Operation::Cas { key: 7, expected: 0, value: 5 });
        let story = [&[cas, told(1, None)][..], &read(2, 1, 5)].concat();
        legal(LINEARIZABLE, &story);
        let case = Case { settings: "(model: Register)", ..Case::of("Linearizable") };
        case.gives(LINEARIZABLE, &tell(&story), "unknown");
        let case = Case { settings: "(initial: 3)", ..Case::of("Linearizable") };
        case.gives(LINEARIZABLE, &tell(&story), "violated");
    }

    #[test]
    fn a_witness_that_leaves_out_who_wrote_the_value_is_refused() {
        let story = [write(1, 0, 5), write(2, 1, 6), write(3, 0, 5), read(4, 1, 5)].concat();
        let signals = tell(&story);
        let checker = Linearizable::new(Settings::default());
        let cited = [0, 1, 2, 3, 6, 7].map(|place: usize| signals[place]);
        let lie = evidence::witness(String::new(), &cited);
        assert!(checker.recheck(LINEARIZABLE, &lie, &signals).is_err());
        assert_eq!(
            checker.recheck(LINEARIZABLE, &lie, &[&signals[..4], &signals[6..]].concat()),
            Ok(())
        );
    }

    /// What three clients do to two registers, as a run would tell it.
    pub(in crate::checkers) fn any_client_history() -> impl Strategy<Value = Vec<What>> {
        let step = (0..3_u16, 0..4_u8, 0..4_i64, 0..2_u32);
        prop::collection::vec(step, 0..30).prop_map(|script| {
            let mut open: [Option<(u32, bool)>; 3] = [None; 3];
            let mut story = Vec::new();
            for (op, (client, choice, value, key)) in (1..).zip(script) {
                if let Some((op, reads)) = open[usize::from(client)].take() {
                    let ending = match choice {
                        0 => Ending::Unknown,
                        1 if value == 0 => Ending::NotDone,
                        _ if reads => Ending::Ok(Some(value)),
                        _ => Ending::Ok(None),
                    };
                    story.push(What::Ended(OpId(op), ending));
                } else {
                    let operation = match choice {
                        0 | 1 => Operation::Read { key },
                        2 => Operation::Cas { key, expected: value, value: i64::from(op) % 4 },
                        _ => Operation::Write { key, value: value.max(1) },
                    };
                    open[usize::from(client)] = Some((op, choice < 2));
                    story.push(asked(op, client, operation));
                }
            }
            story
        })
    }

    /// Told after every signal, whether by now something is broken that stays broken.
    fn walked(signals: &[Signal]) -> Vec<bool> {
        let mut walking = Linearizable::new(Settings::default()).fork().expect("it is explorable");
        let step = |signal: &Signal| {
            walking = walking.fork().expect("a copy can be copied");
            walking.on_signal(signal);
            !walking.broken().is_empty()
        };
        signals.iter().map(step).collect()
    }

    fn key(signals: &[Signal]) -> u128 {
        let mut checker = Linearizable::new(Settings::default());
        for signal in signals {
            checker.on_signal(signal);
        }
        let mut fold = Fold::NEW;
        checker.fold(&mut fold);
        fold.end()
    }

    #[test]
    fn pasts_that_leave_the_same_registers_are_one_and_others_are_not() {
        let asks = |op, client| asked(op, client, Operation::Read { key: 7 });
        let key = |story: &[What]| key(&tell(story));
        let one = [write(1, 0, 5), write(2, 0, 6)].concat();
        let other = [write(1, 1, 4), read(2, 2, 4), write(3, 0, 6)].concat();
        assert_eq!(key(&one), key(&other));
        assert_ne!(key(&one), key(&write(1, 0, 5)));
        // What is open may yet be done.
        let open = |operation| key(&[asked(1, 0, operation)]);
        let (read, write) =
            (Operation::Read { key: 7 }, |value| Operation::Write { key: 7, value });
        let exchange = |expected, value| Operation::Cas { key: 7, expected, value };
        let opened = [read, write(5), write(6), exchange(5, 6), exchange(5, 7), exchange(6, 6)];
        let keys: BTreeSet<u128> = opened.map(open).into_iter().collect();
        assert_eq!(keys.len(), opened.len());
        // A read that is open may still answer what was there when it began.
        let before = [&one[..2], &[asks(9, 3)], &one[2..]].concat();
        let after = [&one[..], &[asks(9, 3)]].concat();
        assert_ne!(key(&before), key(&after));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn walking_along_breaks_just_where_the_judge_finds_a_violation(
            story in any_client_history(),
        ) {
            let signals = tell(&story);
            for (count, is_broken) in (1..).zip(walked(&signals)) {
                let judged = Case::of("Linearizable").judgements(&signals[..count]);
                let is_violated = judged[0].verdict.word() == "violated";
                prop_assert_eq!(is_broken, is_violated, "after {} signals", count);
            }
        }

        #[test]
        fn every_witness_about_clients_passes_its_recheck(
            story in any_client_history(),
            pace in 1..4_u64,
        ) {
            // Several events share an instant when the pace is slow.
            let timed: Vec<(u64, What)> =
                story.iter().enumerate().map(|(at, &what)| (at as u64 / pace, what)).collect();
            for check in ["Linearizable", "Sessions", "Staleness", "Convergence"] {
                let settings = match check {
                    "Staleness" => "(k: 1, t: \"0s\")",
                    "Convergence" => "(within: \"1ms\")",
                    _ => "()",
                };
                Case { settings, ..Case::of(check) }.judgements(&tell_at(&timed));
            }
        }
    }
}
