//! Session guarantees of lists: a list that was read shows its whole past.
//!
//! ```text
//!   read your writes      append a ··· read→L     a in L
//!   monotonic reads       read→L   ··· read→M     L is a beginning of M
//!   monotonic writes      append a ··· append b   whoever reads b reads a before it
//!   writes follow reads   read→L   ··· append b   whoever reads b reads all of L before it
//! ```
//!
//! Source: Terry and others 1994, with the writes of a replica as the list. Most lists that are
//! read are beginnings of others, so only the longest ones are looked at: in each of them an element
//! has a place, a read needs the places of all that it saw, and a session has gone up to the
//! furthest place that it needs. Comparing every pair of calls was rejected: it takes the square of
//! the time, and lists are long.
//!
//! Limits: elements must be unique and lists may only grow; else the verdict is unknown. An append
//! of several elements counts as its last one.

use super::{Guarantee, Outcome, Pair, Role, moments, pairs, proof};
use crate::checkers::history::{
    calls::{Action, Call, History, SeenList, Value},
    linearizable::key_name,
};

/// Judges one guarantee on one list.
pub(super) fn judge(
    history: &History,
    calls: &[Call],
    guarantee: Guarantee,
) -> Result<Outcome, String> {
    let mut elements = Vec::new();
    for call in calls {
        match call.action {
            Action::Extend(list) => elements.extend(history.of(list)),
            Action::Replace(_) => {
                let object = key_name(history, call.key);
                return Err(format!("{object} is written as a whole, so a list loses its past"));
            }
            _ => {}
        }
    }
    elements.sort_unstable();
    if let Some(twice) = elements.windows(2).find(|two| two[0] == two[1]) {
        let (element, object) = (history.names.text(twice[0]), key_name(history, calls[0].key));
        return Err(format!("{element} is appended to {object} more than once"));
    }
    let demanded = pairs(calls, guarantee.roles());
    let broken = match guarantee {
        Guarantee::MonotonicReads => demanded.iter().find_map(|&pair| {
            let [first, second] = [pair.first, pair.second].map(|call| list(history, &calls[call]));
            (!second.starts_with(first)).then_some((pair, None))
        }),
        _ => longest(history, calls).iter().find_map(|&reader| {
            Longest::new(history, calls, reader).broken(guarantee).map(|pair| (pair, Some(reader)))
        }),
    };
    let broken = broken.map(|(pair, reader)| {
        let mut shown = vec![pair.first, pair.second];
        shown.extend(reader.filter(|_| guarantee != Guarantee::ReadYourWrites));
        proof(history, calls, (guarantee, pair), shown, None)
    });
    Ok(Outcome { pairs: demanded.len() as u64, broken })
}

fn list<'h>(history: &'h History, call: &Call) -> &'h [Value] {
    match call.action {
        Action::ReadList(SeenList::One(list)) | Action::Extend(list) => history.of(list),
        _ => &[],
    }
}

/// Reads of the lists that are no beginnings of others, one for each.
fn longest(history: &History, calls: &[Call]) -> Vec<usize> {
    let is_read = |call: &usize| Role::Reads.fits(calls[*call].action);
    let mut reads: Vec<usize> = (0..calls.len()).filter(is_read).collect();
    // A beginning of any list is one of the list that follows in the order of their elements.
    reads.sort_by(|&one, &other| list(history, &calls[one]).cmp(list(history, &calls[other])));
    let mut longest = Vec::new();
    for (place, &read) in reads.iter().enumerate() {
        let next = reads.get(place + 1).map(|&next| list(history, &calls[next]));
        if next.is_none_or(|next| !next.starts_with(list(history, &calls[read]))) {
            longest.push(read);
        }
    }
    longest
}

/// A list that is no beginning of another, and where its elements stand.
struct Longest<'h> {
    history: &'h History,
    calls: &'h [Call],
    list: &'h [Value],
    places: Vec<(Value, usize)>,
}

/// The place of what does not stand in a list.
const NOWHERE: usize = usize::MAX;

impl<'h> Longest<'h> {
    fn new(history: &'h History, calls: &'h [Call], reader: usize) -> Self {
        let list = list(history, &calls[reader]);
        // Of an element that stands there twice the first place counts.
        let mut places: Vec<_> = list.iter().copied().zip(0..).collect();
        places.sort_unstable();
        Self { history, calls, list, places }
    }

    fn place(&self, element: Value) -> usize {
        let at = self.places.partition_point(|(known, _)| *known < element);
        self.places.get(at).filter(|(known, _)| *known == element).map_or(NOWHERE, |known| known.1)
    }

    /// Up to where the list has to go for what a call did or saw; `None` if it need not.
    fn needs(&self, call: usize) -> Option<usize> {
        let elements = list(self.history, &self.calls[call]);
        match self.calls[call].action {
            Action::Extend(_) => elements.last().map(|&own| self.place(own)),
            _ => elements.iter().map(|&seen| self.place(seen)).max(),
        }
    }

    /// Where what came before in its session must stand before, if anywhere.
    fn bound(&self, call: usize) -> Option<usize> {
        let elements = list(self.history, &self.calls[call]);
        match self.calls[call].action {
            Action::Extend(_) => {
                elements.last().map(|&own| self.place(own)).filter(|place| *place != NOWHERE)
            }
            _ => self.list.starts_with(elements).then_some(elements.len()),
        }
    }

    /// Two calls of one session that stand here in the wrong order.
    fn broken(&self, guarantee: Guarantee) -> Option<Pair> {
        let [first, second] = guarantee.roles();
        let moments = moments(self.calls);
        let mut at = 0;
        while at < moments.len() {
            let session = moments[at].0;
            let mut furthest: Option<(usize, usize)> = None;
            while let Some(&(_, _, is_end, call)) =
                moments.get(at).filter(|moment| moment.0 == session)
            {
                at += 1;
                let action = self.calls[call].action;
                if is_end && first.fits(action) {
                    let needs = self.needs(call).map(|needs| (needs, call));
                    furthest = furthest.max(needs);
                } else if !is_end
                    && second.fits(action)
                    && let (Some((needs, first)), Some(bound)) = (furthest, self.bound(call))
                    && needs >= bound
                {
                    return Some(Pair { first, second: call });
                }
            }
        }
        None
    }
}
