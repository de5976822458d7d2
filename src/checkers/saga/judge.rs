//! The judge of sagas: what is said of each property in the end, and in which words.
//!
//! ```text
//!   breaches, kept since they happened ──▶ reverse order · at most once · orphan · skipped · forward
//!   what stands in the end, at rest    ──▶ termination · forward (late steps) · balance
//! ```
//!
//! A breach is put into words here and not when it happens: most runs have none, and a sweep
//! should not pay for sentences. Of several broken sagas the one whose story breaks first is told.

use super::{
    AT_ONCE, BALANCE, FORWARD, Saga, TERMINATION, end_word,
    moment::{Breach, How},
    story::{Effect, Story},
};
use crate::{
    base::{ids::NodeId, time::Duration},
    checkers::{
        Finish, Judgement, Verdict, Witness,
        evidence::{place, witness},
        knowledge::{count, judge, judge_at_rest, order},
    },
    engine::{
        facts::{SagaEnd, StepKind},
        runner::Outcome,
        signal::Signal,
    },
};

impl Saga {
    fn at(&self, signal: &Signal) -> &str {
        place(&signal.what).map_or("a client", |node| self.catalog.node(node))
    }

    fn is_up(&self, node: NodeId) -> bool {
        !self.down.get(node).copied().unwrap_or_default()
    }

    /// A property that events break, judged when they came.
    pub(super) fn at_once(&self, property: &'static str) -> Judgement {
        let slot = AT_ONCE.into_iter().position(|one| one == property);
        let slot = slot.expect("a property that is judged at once");
        let broken = self.breaches[slot].map(|breach| self.tell(&breach));
        let exercised = self.occasions[slot];
        judge(property, broken, exercised, count(exercised, "occasion", "occasions"))
    }

    /// As [`at_once`](Self::at_once); at rest no late step may stand either.
    pub(super) fn forward(&self, finish: &Finish<'_>) -> Judgement {
        let judgement = self.at_once(FORWARD);
        let is_over = finish.end.outcome == Outcome::Finished && self.weather.is_settled();
        if !is_over || matches!(judgement.verdict, Verdict::Violated(_)) {
            return judgement;
        }
        let late = self.stories.iter().filter_map(|(saga, story)| Some((saga, story.late()?)));
        let first = late.min_by_key(|(_, (_, [_, done, _]))| order(done));
        let broken = first.map(|(saga, (step, [undo, done, ended]))| {
            let sentence = format!(
                "step {step} of saga {saga} took effect at {} at {}, after compensation began at \
                 {}, and still stands though the saga ended at {}",
                self.at(&done),
                done.at,
                undo.at,
                ended.at
            );
            witness(sentence, &[undo, done, ended])
        });
        judge(FORWARD, broken, judgement.exercised, judgement.note)
    }

    fn tell(&self, breach: &Breach) -> Witness {
        let Breach { how, saga, step, before, signal } = *breach;
        let (here, at) = (self.at(&signal), signal.at);
        let (other, since) = before.map_or((step, at), |(other, first)| (other, first.at));
        let there = before.map_or(here, |(_, first)| self.at(&first)).to_owned();
        let undid = format!("{here} undid step {step} of saga {saga} at {at}");
        let did = format!("step {step} of saga {saga} took effect at {here} at {at}");
        let sentence = match how {
            How::Twice(Effect::Undo) => {
                format!("{undid}, and {there} had undone it at {since} already")
            }
            How::Twice(_) => format!("{did}, and had done so at {there} at {since} already"),
            How::NeverDone => format!("{undid}, and it was not done"),
            How::Barred => format!("{did}, though {there} had barred it at {since}"),
            How::Overtook => format!(
                "{undid}, while step {other}, which rests on it, was done at {there} since {since}"
            ),
            How::Outlived => format!(
                "{undid}, and {there} had undone step {other}, on which it rests, before, at {since}"
            ),
            How::AfterPivot => {
                format!(
                    "{undid}, though the pivot, step {other}, was done at {there} since {since}"
                )
            }
            How::OnUndone => format!(
                "{did}, though step {other}, on which it rests, was undone at {there} at {since}"
            ),
            How::NoWayBack => format!(
                "{did}, and cannot be undone, though step {other} was undone at {there} at {since}"
            ),
            How::Skipped(end) => format!(
                "saga {saga} ended {} at {at}, and step {other}, done at {there} at {since}, was \
                 not undone",
                end_word(end)
            ),
        };
        let cited: Vec<Signal> =
            before.into_iter().map(|(_, first)| first).chain([signal]).collect();
        witness(sentence, &cited)
    }

    /// Must a saga end? Somebody who is up knows its plan, or nobody does and something stands.
    fn is_owed(&self, story: &Story) -> bool {
        let up = |node| self.is_up(node);
        story.is_planned(up) || !story.is_planned(|_| true) && story.has_effect(up)
    }

    /// The sagas that ended, or should have.
    fn of_run(&self) -> impl Iterator<Item = (&u64, &Story)> {
        let is_of_run = move |story: &Story| self.is_owed(story) || story.end().is_some();
        self.stories.iter().filter(move |(_, story)| is_of_run(story))
    }

    pub(super) fn termination(&self, finish: &Finish<'_>) -> Judgement {
        let broken = self.of_run().filter_map(|(saga, story)| self.unfinished(*saga, story));
        let broken = broken.min_by_key(|(since, _)| order(since)).map(|(_, witness)| witness);
        let exercised = self.of_run().count() as u64;
        let parked = self.of_run().filter_map(|(_, story)| story.end());
        let parked = parked.filter(|(end, _)| *end == SagaEnd::Parked);
        let ages = parked.map(|(_, since)| finish.end.end.saturating_since(since.at));
        let ages: Vec<Duration> = ages.collect();
        let mut note = count(exercised, "saga", "sagas");
        if let Some(oldest) = ages.iter().max() {
            note += &format!(", {} parked, the oldest for {oldest}", ages.len());
        }
        judge_at_rest(TERMINATION, (&self.weather, finish), broken, (exercised, note))
    }

    /// Since when a saga is not as it should be in the end, and why.
    fn unfinished(&self, saga: u64, story: &Story) -> Option<(Signal, Witness)> {
        if let Some([(one, first), (other, second)]) = story.two_ends() {
            let sentence = format!(
                "saga {saga} ended {} at {}, and {} at {}",
                end_word(one),
                first.at,
                end_word(other),
                second.at
            );
            return Some((second, witness(sentence, &[first, second])));
        }
        let Some((end, ended)) = story.end() else {
            let since = story.beginning()?;
            let place = self.at(&since);
            let sentence = format!("saga {saga}, known at {place} since {}, never ended", since.at);
            return Some((since, witness(sentence, &[since])));
        };
        if let (SagaEnd::Compensated, Some(heard)) = (end, story.heard) {
            let sentence = format!(
                "saga {saga} ended compensated at {}, but its client heard at {} that it was done",
                ended.at, heard.at
            );
            return Some((ended, witness(sentence, &[ended, heard])));
        }
        let (step, is, deed) = story.steps().into_iter().find_map(|step| {
            let (is, deed) = misfit(story, end, step)?;
            Some((step, is, deed))
        })?;
        let sentence = format!(
            "saga {saga} ended {} at {}, but its step {step} {is}",
            end_word(end),
            ended.at
        );
        let cited: Vec<Signal> = deed.into_iter().chain([ended]).collect();
        Some((ended, witness(sentence, &cited)))
    }

    pub(super) fn balance(&self, finish: &Finish<'_>) -> Judgement {
        let (mut exercised, mut total, mut broken) = (0, 0, None);
        for (saga, story) in self.stories.iter().filter(|(_, story)| !story.moves.is_empty()) {
            total += story.moves.iter().map(|one| i128::from(one.by)).sum::<i128>();
            let judged = match story.end() {
                Some((SagaEnd::Partial | SagaEnd::Parked, _)) => false,
                Some(_) => true,
                None => !story.is_planned(|_| true),
            };
            exercised += u64::from(judged);
            if judged && broken.is_none() {
                broken = uneven(*saga, story);
            }
        }
        let note = count(exercised, "saga", "sagas") + &format!(", all moves add up to {total}");
        judge_at_rest(BALANCE, (&self.weather, finish), broken, (exercised, note))
    }
}

/// Why a step does not fit the end of its saga, and the effect that shows it.
fn misfit(story: &Story, end: SagaEnd, step: u16) -> Option<(&'static str, Option<Signal>)> {
    let (standing, undone) = (story.standing(step), story.undone(step));
    let is_kept = story.kind(step) == StepKind::Kept;
    match (end, standing) {
        (SagaEnd::Done, _) if undone.is_some() => Some(("was undone", undone)),
        (SagaEnd::Done, None) => Some(("was not done", None)),
        (SagaEnd::Partial, None) if is_kept && undone.is_some() => {
            Some(("was undone, and should be kept", undone))
        }
        (SagaEnd::Compensated, Some(done)) => Some(("is done", Some(done))),
        (SagaEnd::Partial, Some(done)) if !is_kept => Some(("is done", Some(done))),
        (SagaEnd::Parked, _)
        | (SagaEnd::Done | SagaEnd::Partial, Some(_))
        | (SagaEnd::Compensated | SagaEnd::Partial, None) => None,
    }
}

/// What a saga left on the balances, if it is not what its end says.
fn uneven(saga: u64, story: &Story) -> Option<Witness> {
    let sum = |account: Option<u32>| -> i128 {
        let of = story.moves.iter().filter(|one| account.is_none_or(|of| of == one.account));
        of.map(|one| i128::from(one.by)).sum()
    };
    let end = story.end();
    let ended = end.map(|(_, signal)| signal);
    let how = end.map_or("is known to nobody".to_owned(), |(end, ended)| {
        format!("ended {} at {}", end_word(end), ended.at)
    });
    let moves = |account: Option<u32>| -> Vec<Signal> {
        let of = story.moves.iter().filter(|one| account.is_none_or(|of| of == one.account));
        of.map(|one| one.signal).chain(ended).collect()
    };
    if matches!(end, Some((SagaEnd::Done, _))) {
        let left = sum(None);
        let sentence = format!("saga {saga} {how}, and all that it moved adds up to {left:+}");
        return (left != 0).then(|| witness(sentence, &moves(None)));
    }
    let accounts = story.moves.iter().map(|one| one.account);
    let account = accounts.filter(|account| sum(Some(*account)) != 0).min()?;
    let left = sum(Some(account));
    let sentence = format!("saga {saga} {how}, and changed balance {account} by {left:+}");
    Some(witness(sentence, &moves(Some(account))))
}
