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
//! look the same and be wrong. A part is a file that may have been damaged or edited, so nothing in
//! it is believed unseen: a block counts the seeds that the header gives it and none more often, and
//! the sum at the end of a part is that of its blocks. A mistake is told with its file and line.
//!
//! Limits: the blocks of all parts are held in memory while they are merged. Who alters all parts
//! alike, or a count and its sum, is believed.

use super::{
    lines::{Group, Line},
    seeds::{Seeds, Slice},
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
                sound_head(&head).map_err(place)?;
                parts.push(Part { head: *head, blocks: Vec::new(), ended: false });
            }
            (Line::Block { block, counts }, Some(part)) => {
                sound_block(&part.head, block, &counts).map_err(place)?;
                part.blocks.push((block, counts));
            }
            (Line::Failure(group) | Line::Finding(group), Some(part)) => {
                add_group(part, group).map_err(place)?;
            }
            (Line::End { ending, blocks, counts }, Some(part)) => {
                part.ended = true;
                if ending != Ending::Complete {
                    return Err(place("this part was stopped before its end".to_owned()));
                }
                if blocks != part.blocks.len() as u64 {
                    let said = format!("{blocks} blocks are announced");
                    return Err(place(format!("{said}, and {} are here", part.blocks.len())));
                }
                sound_end(part, &counts).map_err(place)?;
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

/// What an honest header cannot say.
fn sound_head(Head { seeds, slice, .. }: &Head) -> Result<(), String> {
    match seeds {
        Seeds::Range { first, count } => _ = Seeds::range(*first, *count)?,
        Seeds::List(seeds) if seeds.is_empty() => return Err("it lists no seed".to_owned()),
        Seeds::List(seeds) if seeds.is_sorted_by(|one, next| one < next) => {}
        Seeds::List(_) => return Err("its seeds are not in ascending order".to_owned()),
    }
    let Slice { index, of } = *slice;
    if (1..=of).contains(&index) { Ok(()) } else { Err(format!("there is no slice {index}/{of}")) }
}

/// No occasion, and no strike of a rule, is counted so often in one block: the sums fit then.
const OCCASIONS_MAX: u64 = 1 << 40;

/// What the counts of an honest block cannot be.
fn sound_block(Head { seeds, slice, .. }: &Head, block: u64, counts: &Tally) -> Result<(), String> {
    if seeds.blocks() <= block {
        return Err(format!("there is no block {block} in this sweep"));
    }
    if block % slice.of != slice.index - 1 {
        return Err(format!("block {block} is not in {slice}"));
    }
    let run = seeds.block(block).count() as u64;
    if counts.seeds != run {
        let said = counts.seeds;
        return Err(format!("block {block} has {run} seeds by the header, and counts {said}"));
    }
    let at_most = |what: &str, count: u64, most: u64| {
        let why = || format!("block {block} counts {what} {count} times, {most} are possible");
        if count <= most { Ok(()) } else { Err(why()) }
    };
    at_most("second runs", counts.twice, run)?;
    at_most("failing seeds", counts.failing, run)?;
    at_most("runs that were cut off", counts.cut_off, run)?;
    for (name, property) in &counts.properties {
        at_most(&format!("seeds that put {name} to the test"), property.exercised, run)?;
        at_most(&format!("violations of {name}"), property.violated, run)?;
        at_most(&format!("seeds that leave {name} unknown"), property.unknown, run)?;
        at_most(&format!("occasions of {name}"), property.occasions, OCCASIONS_MAX)?;
    }
    for (id, rule) in &counts.rules {
        at_most(&format!("seeds that {id} changes"), rule.effective, run)?;
        for count in [rule.armed, rule.refused, rule.fired, rule.effects] {
            at_most(&format!("strikes of {id}"), count, OCCASIONS_MAX)?;
        }
    }
    Ok(())
}

/// Adds a group of failures to the block before it.
fn add_group(part: &mut Part, Group { fingerprint, failure }: Group) -> Result<(), String> {
    let seeds = &part.head.seeds;
    let Some((block, tally)) = part.blocks.last_mut() else {
        return Err("a failure of no block".to_owned());
    };
    let (smallest, many) = (failure.smallest, failure.seeds);
    if !seeds.block(*block).any(|seed| seed.0 == smallest) {
        return Err(format!("seed {smallest} of {fingerprint} is not in block {block}"));
    }
    if many == 0 || tally.seeds < many || tally.failures.contains_key(&fingerprint) {
        let run = tally.seeds;
        return Err(format!("{fingerprint} cannot be in {many} of the {run} seeds of its block"));
    }
    tally.failures.insert(fingerprint, failure);
    Ok(())
}

/// The blocks of a part add up to what its end says, and their failures to their violations.
fn sound_end(part: &Part, counts: &Tally) -> Result<(), String> {
    let mut sum = Tally::default();
    for (block, tally) in &part.blocks {
        for (name, property) in &tally.properties {
            let groups = tally.failures.iter().filter(|(what, _)| what.property == *name);
            let grouped: u64 = groups.map(|(_, failure)| failure.seeds).sum();
            if grouped != property.violated {
                let violated = property.violated;
                return Err(format!(
                    "block {block} counts {violated} violations of {name}, and its failures {grouped}"
                ));
            }
        }
        sum.add(Tally { failures: BTreeMap::new(), ..tally.clone() });
    }
    if !part.blocks.is_empty() && sum != *counts {
        return Err("the blocks of this part do not add up to its end".to_owned());
    }
    Ok(())
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
