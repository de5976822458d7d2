//! The smallest part of an illegal history that is illegal by itself, and what was legal instead.
//!
//! ```text
//!   all calls ──▶ the shortest beginning that is illegal ──▶ let go of calls while it stays so
//!                    └─ its last answer could have been …       observers: as if never made
//!                                                               others: may happen any time or never
//! ```
//!
//! To let go of a call is to demand less: an observer is left out, and of any other call only the
//! invocation counts, as if nobody knew its answer. So what is illegal without it shows that the
//! whole is, and the calls that remain *cannot be explained even if all others may have happened at
//! any time or not at all*. Leaving writes out altogether was rejected: a read of the missing value
//! would then be the smallest illegal history of all.
//!
//! Limits: smallest means that no single call can be let go; a smaller set of others may exist.
//! Searches are counted, and calls whose part could not be judged within the count stay.

use super::{
    Proof, Rules,
    calls::{Action, Call, History, Seen, SeenList, Value},
    linearizable::{Said, judge, key_name, order, relevant},
    models::Model,
};

/// How many configurations each attempt may meet, and all of them together.
const ATTEMPT_MAX: u64 = 20_000;
const ATTEMPTS_MAX: u64 = 200_000;

/// How many answers are tried out for what would have been legal, in how many configurations each,
/// and how many are told. A legal one is mostly found at once.
const TRIED_MAX: usize = 24;
const TRY_MAX: u64 = 2_000;
const TOLD_MAX: usize = 6;

/// The proof that illegal calls on one object are illegal.
pub(super) fn smallest(history: &History, calls: Vec<Call>, rules: &Rules) -> Proof {
    let mut part = Part { history, rules, budget: ATTEMPTS_MAX };
    let calls = part.shortest_beginning(calls);
    let last = last_to_end(&calls);
    let few = match judge(history, &calls, rules).0 {
        Said::Illegal(few) => few,
        Said::Legal | Said::GaveUp(_) => calls.clone(),
    };
    let kept = part.let_go(&few);
    let rest = part.without(&few, &kept);
    let proven: Vec<Call> = rest.iter().filter(|call| call.ended.is_some()).copied().collect();
    let context = rest.iter().filter(|call| call.ended.is_none()).copied().collect();
    let legal = last.map_or_else(Vec::new, |last| part.legal_instead(&calls, last));
    let sentence = part.sentence(&proven, last.map(|last| calls[last]), &legal);
    Proof { sentence, calls: proven, context, legal }
}

struct Part<'h> {
    history: &'h History,
    rules: &'h Rules,
    budget: u64,
}

impl Part<'_> {
    /// Is it certain that these calls are illegal?
    fn is_illegal(&mut self, calls: &[Call]) -> bool {
        let rules = Rules { states_max: self.budget.min(ATTEMPT_MAX), ..self.rules.clone() };
        let (said, met) = judge(self.history, calls, &rules);
        self.budget = self.budget.saturating_sub(met + 1 + calls.len() as u64 / 16);
        matches!(said, Said::Illegal(_))
    }

    /// The calls up to the first end at which they are illegal.
    fn shortest_beginning(&mut self, calls: Vec<Call>) -> Vec<Call> {
        let mut ends: Vec<u32> =
            calls.iter().filter_map(|call| call.ended).map(|end| end.rank).collect();
        ends.sort_unstable();
        let (mut legal, mut illegal) = (0, ends.len());
        let mut shortest = calls;
        while legal + 1 < illegal {
            let middle = usize::midpoint(legal, illegal);
            let beginning = until(&shortest, ends[middle - 1]);
            if self.is_illegal(&beginning) {
                (illegal, shortest) = (middle, beginning);
            } else {
                legal = middle;
            }
        }
        shortest
    }

    /// Which calls have to be kept: chunks are let go, ever smaller ones, the earliest first.
    fn let_go(&mut self, calls: &[Call]) -> Vec<bool> {
        let mut kept: Vec<bool> = calls.iter().map(|call| call.ended.is_some()).collect();
        let mut chunk = calls.len().next_power_of_two();
        loop {
            let mut progress = false;
            let places: Vec<usize> = (0..calls.len()).filter(|&place| kept[place]).collect();
            for few in places.chunks(chunk) {
                mark(&mut kept, few, false);
                let rest = self.without(calls, &kept);
                if self.budget > 0 && self.is_illegal(&rest) {
                    progress = true;
                } else {
                    mark(&mut kept, few, true);
                }
            }
            if chunk > 1 {
                chunk /= 2;
            } else if !progress {
                return kept;
            }
        }
    }

    /// What is demanded when only some calls are kept.
    fn without(&self, calls: &[Call], kept: &[bool]) -> Vec<Call> {
        let weaker = calls.iter().zip(kept).filter_map(|(call, kept)| match kept {
            true => Some(*call),
            false if call.action.only_observes() => None,
            false => Some(Call { ended: None, action: call.action.unanswered(), ..*call }),
        });
        relevant(self.history, &weaker.collect::<Vec<_>>())
    }

    /// Answers that the last call to end could have had, in words.
    fn legal_instead(&mut self, calls: &[Call], last: usize) -> Vec<String> {
        let mut legal = Vec::new();
        for action in self.alternatives(calls, last) {
            let mut changed = calls.to_vec();
            changed[last].action = action;
            let rules = Rules { states_max: TRY_MAX, ..self.rules.clone() };
            if legal.len() < TOLD_MAX && judge(self.history, &changed, &rules).0 == Said::Legal {
                legal.push(self.history.words(action));
            }
        }
        legal.extend(self.list_instead(calls, last));
        legal
    }

    /// The call with each answer that it might have had, the latest values first.
    fn alternatives(&self, calls: &[Call], last: usize) -> Vec<Action> {
        let answer: fn(Value, Action) -> Action = match calls[last].action {
            Action::Read(_) => |value, _| Action::Read(Seen::One(value)),
            Action::Dequeue(_) => |value, _| Action::Dequeue(Seen::One(value)),
            Action::Pop(_) => |value, _| Action::Pop(Seen::One(value)),
            Action::Cas { .. } => |expected, action| match action {
                Action::Cas { new, .. } => Action::Cas { expected, new },
                other => other,
            },
            Action::Contains(value, found) => return vec![Action::Contains(value, !found)],
            _ => return Vec::new(),
        };
        let mut values: Vec<Value> = calls.iter().rev().filter_map(given).collect();
        values.push(match self.rules.model {
            Model::Register | Model::CasRegister => self.rules.initial_value(),
            _ => Value::NOTHING,
        });
        let mut tried: Vec<Action> = Vec::new();
        for value in values {
            let action = answer(value, calls[last].action);
            if action != calls[last].action && !tried.contains(&action) && tried.len() < TRIED_MAX {
                tried.push(action);
            }
        }
        tried
    }

    /// A list that the last call could have returned.
    fn list_instead(&self, calls: &[Call], last: usize) -> Option<String> {
        let mut changed = calls.to_vec();
        changed[last].action = match calls[last].action {
            Action::ReadList(_) => Action::ReadList(SeenList::Anything),
            Action::ReadSet(_) => Action::ReadSet(SeenList::Anything),
            _ => return None,
        };
        let observer = changed[last];
        let changed = relevant(self.history, &changed);
        let place = changed.iter().position(|call| *call == observer);
        let rules = Rules { states_max: ATTEMPT_MAX, ..self.rules.clone() };
        let sought = order(self.history, &changed, &rules, place);
        let was_found = matches!(sought.found, super::search::Found::Order(_));
        was_found.then(|| format!("read -> {}", self.history.list_text(&sought.shown)))
    }

    fn sentence(&self, calls: &[Call], last: Option<Call>, legal: &[String]) -> String {
        let history = self.history;
        let object = calls.first().map_or(String::new(), |call| key_name(history, call.key));
        let Some(last) = last else { return format!("{object}: no order explains the answers") };
        let who = history.whose.name(last.process);
        let what = history.words(last.action);
        let at = last.ended.map_or(last.invoked.at, |ended| ended.at);
        let mut sentence = format!(
            "no order of the calls on {object} explains that {who} was answered `{what}` at {at}"
        );
        if !legal.is_empty() {
            sentence += "; legal was ";
            sentence += &legal.join(" or ");
        }
        sentence
    }
}

/// What a call would have left behind, or found by another.
fn given(call: &Call) -> Option<Value> {
    match call.action {
        Action::Write(value)
        | Action::Cas { new: value, .. }
        | Action::Enqueue(value)
        | Action::Push(value) => Some(value),
        _ => None,
    }
}

fn mark(kept: &mut [bool], places: &[usize], keep: bool) {
    for &place in places {
        kept[place] = keep;
    }
}

fn last_to_end(calls: &[Call]) -> Option<usize> {
    let ended = calls.iter().enumerate().filter(|(_, call)| call.ended.is_some());
    ended.max_by_key(|(_, call)| call.end_rank()).map(|(place, _)| place)
}

/// The history as it was at a moment: what had not ended then was open.
fn until(calls: &[Call], rank: u32) -> Vec<Call> {
    let begun = calls.iter().filter(|call| call.invoked.rank < rank);
    let as_it_was = begun.map(|call| {
        if call.end_rank() <= rank {
            *call
        } else {
            Call { ended: None, action: call.action.unanswered(), ..*call }
        }
    });
    as_it_was.collect()
}
