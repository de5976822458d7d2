//! Merging: the parts of a sweep, run on several machines, become the sweep they are parts of.
//!
//! ```text
//!   slice 1: header block 0 block 2 end ─┐
//!                                        ├─ same head? every block once? ──▶ 0 1 2 3 ──▶ Swept
//!   slice 2: header block 1 block 3 end ─┘
//! ```
//!
//! Parts must agree in everything but the slice: file, text, epoch, version, seeds. A block that is
//! there twice or nowhere is an error and not a warning, since a share computed from the rest would
//! look the same and be wrong. The parts' own sums are not trusted: all is added up again.
//!
//! Limits: the blocks of all parts are held in memory while they are merged.

use super::{
    lines::{Group, Line},
    seeds::Slice,
    sweep::{Ending, Head, Swept},
    tally::Tally,
};
use std::collections::BTreeMap;

/// A whole sweep, put together from parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// What was swept.
    pub head: Head,
    /// Its blocks.
    pub blocks: BTreeMap<u64, Tally>,
    /// What came of it.
    pub swept: Swept,
}

/// What one file says of one sweep.
struct Part {
    head: Head,
    blocks: Vec<(u64, Tally)>,
    ended: bool,
}

/// Merges files of lines, given as names and texts: all sweeps in them, in their order.
///
/// # Errors
/// In which file the parts do not fit together, and why.
pub fn merge(files: &[(String, String)]) -> Result<Vec<Merged>, String> {
    let mut read = Vec::new();
    for (name, text) in files {
        read.push((name.as_str(), parts(text).map_err(|error| format!("{name}:{error}"))?));
    }
    let sweeps = read.first().map_or(0, |(_, parts)| parts.len());
    if let Some((name, parts)) = read.iter().find(|(_, parts)| parts.len() != sweeps) {
        let (first, _) = &read[0];
        let count = parts.len();
        return Err(format!(
            "{name} has {count} sweeps and {first} has {sweeps}: not of one sweep"
        ));
    }
    let mut columns: Vec<Vec<(&str, Part)>> = (0..sweeps).map(|_| Vec::new()).collect();
    for (name, parts) in read {
        columns.iter_mut().zip(parts).for_each(|(column, part)| column.push((name, part)));
    }
    columns.into_iter().map(whole).collect()
}

/// The sweeps in one file.
fn parts(text: &str) -> Result<Vec<Part>, String> {
    let mut parts: Vec<Part> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let place = |error: String| format!("{}: {error}", number + 1);
        let line = Line::read(line).map_err(place)?;
        let open = parts.last_mut().filter(|part| !part.ended);
        match (line, open) {
            (Line::Header(head), None) => {
                parts.push(Part { head: *head, blocks: Vec::new(), ended: false });
            }
            (Line::Block { block, counts }, Some(part)) => part.blocks.push((block, counts)),
            (Line::Failure(group) | Line::Finding(group), Some(part)) => {
                let Group { fingerprint, failure } = group;
                let block = part.blocks.last_mut();
                let (_, tally) = block.ok_or_else(|| place("a failure of no block".to_owned()))?;
                tally.add_failure(fingerprint, failure);
            }
            (Line::End { ending, blocks, .. }, Some(part)) => {
                part.ended = true;
                if ending != Ending::Complete {
                    return Err(place("this part was stopped before its end".to_owned()));
                }
                if blocks != part.blocks.len() as u64 {
                    let said = format!("{blocks} blocks are announced");
                    return Err(place(format!("{said}, and {} are here", part.blocks.len())));
                }
            }
            (Line::Header(_), Some(_)) => {
                return Err(place("the sweep before has no end".to_owned()));
            }
            (_, None) => return Err(place("a line of no sweep: the header is missing".to_owned())),
        }
    }
    match parts.last() {
        None => Err(" there is no sweep in it".to_owned()),
        Some(part) if !part.ended => Err(" it has no end: the sweep was cut short".to_owned()),
        Some(_) => Ok(parts),
    }
}

/// One sweep from its parts.
fn whole(parts: Vec<(&str, Part)>) -> Result<Merged, String> {
    let (first, part) = &parts[0];
    let head = Head { slice: Slice::WHOLE, ..part.head.clone() };
    for (name, part) in &parts {
        let own = Head { slice: Slice::WHOLE, ..part.head.clone() };
        if own != head {
            let what = difference(&head, &own);
            return Err(format!("{first} and {name} are not parts of one sweep: {what}"));
        }
    }
    let mut blocks: BTreeMap<u64, (&str, Tally)> = BTreeMap::new();
    for (name, part) in parts {
        for (block, tally) in part.blocks {
            if head.seeds.blocks() <= block {
                return Err(format!("{name}: there is no block {block} in this sweep"));
            }
            if let Some((other, _)) = blocks.insert(block, (name, tally)) {
                return Err(format!("block {block} is there twice, in {other} and in {name}"));
            }
        }
    }
    if let Some(missing) = (0..head.seeds.blocks()).find(|block| !blocks.contains_key(block)) {
        let (have, all) = (blocks.len(), head.seeds.blocks());
        return Err(format!("block {missing} is missing: {have} of {all} blocks are here"));
    }
    let blocks: BTreeMap<u64, Tally> =
        blocks.into_iter().map(|(block, (_, tally))| (block, tally)).collect();
    let mut tally = Tally::default();
    for block in blocks.values() {
        tally.add(block.clone());
    }
    let swept = Swept { tally, failed: Vec::new(), ending: Ending::Complete };
    Ok(Merged { head, blocks, swept })
}

/// In what two heads differ, in the words of someone who looks for the mistake.
fn difference(one: &Head, other: &Head) -> String {
    let pair = |what: &str, one: &dyn std::fmt::Display, other: &dyn std::fmt::Display| {
        format!("{what} {one} and {other}")
    };
    if one.epoch != other.epoch {
        return pair("engine epochs", &one.epoch, &other.epoch);
    }
    if one.version != other.version {
        return pair("versions", &one.version, &other.version);
    }
    if one.scenario != other.scenario {
        return pair("scenarios", &one.scenario, &other.scenario);
    }
    if one.digest != other.digest {
        return format!("the text of {} differs", one.scenario);
    }
    if one.seeds != other.seeds {
        return pair("seeds", &one.seeds, &other.seeds);
    }
    "their headers differ".to_owned()
}
