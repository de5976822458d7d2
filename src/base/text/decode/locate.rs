//! Finding every mistake in a value that `ron` has refused.
//!
//! ```text
//! read ──▶ trouble ──▶ diagnostic
//!   ▲                     │
//!   └── repairs ◀─────────┘     until nothing is wrong or nothing more can be repaired
//! ```
//!
//! serde stops at the first error, so the value is read again and again, each time with the last
//! mistake repaired: a field that does not exist is passed over, a value that is wrong or missing
//! is made up. Collecting errors inside the types was rejected, because then each type would have
//! to take part.
//! Limits: a mistake that cannot be repaired hides those behind it until it is mended.

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;

use serde::de::DeserializeOwned;

use super::super::diagnostic::Diagnostic;
use super::super::source::Node;
use super::reader::Reader;
use super::stand_in::{StandIn, has_sample};
use super::trouble::{Cause, Repair, StandInKey, Trouble};

/// How often one value is read at most; a file with more mistakes shows the first of them.
const READS_MAX: usize = 200;

/// Every mistake in the value, as far as they can be told apart.
pub(super) fn locate<T: DeserializeOwned>(text: &str, root: &Node) -> Vec<Diagnostic> {
    let mut repairs = Repairs::default();
    let mut found = Found::default();
    for _ in 0..READS_MAX {
        let reader = Reader::new(text, root, &repairs);
        let Err(trouble) = reader.read(PhantomData::<T>) else { break };
        let repair = trouble.repair();
        found.add(trouble);
        if !repair.is_some_and(|repair| repairs.add(repair)) {
            break;
        }
    }
    found.diagnostics
}

/// The mistakes so far; fields that are missing in one value become one mistake.
#[derive(Default)]
struct Found {
    diagnostics: Vec<Diagnostic>,
    missing: BTreeMap<usize, (usize, Vec<&'static str>)>,
}

impl Found {
    fn add(&mut self, trouble: Trouble) {
        if let (Cause::Missing { field }, Some(place)) = (&*trouble.cause, &trouble.place) {
            let next = (self.diagnostics.len(), Vec::new());
            let (at, fields) = self.missing.entry(place.start).or_insert(next);
            fields.push(field);
            let all = place.missing(fields);
            match self.diagnostics.get_mut(*at) {
                Some(one) => *one = all,
                None => self.diagnostics.push(all),
            }
        } else if let Some(diagnostic) = trouble.into_diagnostic()
            && !self.diagnostics.contains(&diagnostic)
        {
            self.diagnostics.push(diagnostic);
        }
    }
}

/// What is read differently from how it is written.
#[derive(Default)]
pub(super) struct Repairs {
    /// The fields that are passed over, by where their names begin.
    pub(super) skipped: BTreeSet<usize>,
    /// The values made up, with the sample each one offers.
    stand_ins: BTreeMap<StandInKey, usize>,
}

impl Repairs {
    /// Whether reading again can come further.
    fn add(&mut self, repair: Repair) -> bool {
        match repair {
            Repair::Skip(start) => self.skipped.insert(start),
            Repair::StandIn(key) => self.stand_ins.insert(key, 0).is_none(),
            Repair::Reshape(key) => self.stand_ins.get_mut(&key).is_some_and(|sample| {
                *sample += 1;
                has_sample(*sample)
            }),
        }
    }

    pub(super) fn stand_in(&self, key: StandInKey) -> Option<StandIn> {
        self.stand_ins.get(&key).map(|sample| StandIn::new(key, *sample))
    }

    /// The stand-ins for the missing fields of the value that begins there.
    pub(super) fn made_up_fields(&self, start: usize) -> Vec<StandInKey> {
        let keys = self.stand_ins.keys().copied();
        keys.filter(|(of, field)| *of == start && !field.is_empty()).collect()
    }
}
