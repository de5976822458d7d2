//! Seeds: which ones a sweep runs, in blocks that do not depend on who runs them.
//!
//! ```text
//!   seeds  1 … 256 │ 257 … 512 │ 513 … 768 │ …      slice 2 of 3 has the blocks 1, 4, 7, …
//!   block     0          1           2
//! ```
//!
//! Seeds are plain numbers one after the other: the key of every draw is made by ChaCha8, so that
//! neighbours have nothing in common. A block is large enough that handing it out costs nothing and
//! small enough that a sweep can stop between two.
//!
//! Limits: a list of seeds is held in memory, a range is not.

use crate::base::ids::Seed;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// How many seeds a block has; the last one may have fewer.
pub const BLOCK: u64 = 256;

/// The seeds of a sweep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Seeds {
    /// So many, one after the other.
    Range {
        /// The first one.
        #[serde(with = "super::lines::as_text")]
        first: u64,
        /// How many.
        #[serde(with = "super::lines::as_text")]
        count: u64,
    },
    /// These, ascending.
    List(#[serde(with = "super::lines::as_texts")] Vec<u64>),
}

impl Seeds {
    /// A range of seeds.
    ///
    /// # Errors
    /// When there is none, or the last one would not fit into 64 bits.
    pub fn range(first: u64, count: u64) -> Result<Self, String> {
        if count == 0 {
            return Err("a sweep of no seeds shows nothing: -n is at least 1".to_owned());
        }
        match first.checked_add(count - 1) {
            Some(_) => Ok(Self::Range { first, count }),
            None => Err(format!("{count} seeds from {first} on go beyond {}", u64::MAX)),
        }
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        match self {
            Self::Range { count, .. } => *count,
            Self::List(seeds) => seeds.len() as u64,
        }
    }

    /// How many blocks they make.
    pub fn blocks(&self) -> u64 {
        self.count().div_ceil(BLOCK)
    }

    /// The seeds of a block.
    pub fn block(&self, block: u64) -> impl Iterator<Item = Seed> + '_ {
        let from = block * BLOCK;
        let to = (from + BLOCK).min(self.count());
        (from..to).map(move |place| match self {
            Self::Range { first, .. } => Seed(first + place),
            Self::List(seeds) => Seed(seeds[place as usize]),
        })
    }
}

/// As a reader would say it: `1 to 1000`.
impl fmt::Display for Seeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Range { first, count: 1 } => write!(f, "{first}"),
            Self::Range { first, count } => write!(f, "{first} to {}", first + (count - 1)),
            Self::List(seeds) if seeds.len() <= 8 => {
                let seeds: Vec<String> = seeds.iter().map(u64::to_string).collect();
                write!(f, "{}", seeds.join(", "))
            }
            Self::List(seeds) => write!(f, "{} and {} more", seeds[0], seeds.len() - 1),
        }
    }
}

/// How many seeds a list may name.
const LISTED_MAX: u64 = 1_000_000;

/// A list such as `3,17,100..200`, the ends included.
impl FromStr for Seeds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut seeds = Vec::new();
        for part in text.split(',') {
            let (first, last) = part.split_once("..").unwrap_or((part, part));
            let number = |text: &str| {
                text.trim().parse::<u64>().map_err(|_| {
                    format!("`{part}` is no seed: write numbers and ranges, such as 3,17,100..200")
                })
            };
            let (first, last) = (number(first)?, number(last)?);
            if last < first {
                return Err(format!("`{part}` is an empty range: the lesser seed comes first"));
            }
            if last - first >= LISTED_MAX || seeds.len() as u64 >= LISTED_MAX {
                return Err(format!("a list has at most {LISTED_MAX} seeds: use --start and -n"));
            }
            seeds.extend(first..=last);
        }
        seeds.sort_unstable();
        seeds.dedup();
        Ok(Self::List(seeds))
    }
}

/// Which part of all blocks: the `index`-th of `of`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slice {
    /// Which one, from 1.
    pub index: u64,
    /// Of how many.
    pub of: u64,
}

impl Slice {
    /// All of it.
    pub const WHOLE: Self = Self { index: 1, of: 1 };

    /// The blocks of this slice: every `of`-th.
    pub fn blocks(self, all: u64) -> u64 {
        all.saturating_sub(self.index - 1).div_ceil(self.of)
    }

    /// The number of its `nth` block (from 0) among all blocks.
    pub fn block(self, nth: u64) -> u64 {
        self.index - 1 + nth * self.of
    }
}

/// `slice:2/3`, as on the command line.
impl FromStr for Slice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.strip_prefix("slice:").and_then(|rest| rest.split_once('/'));
        let numbers = parts.map(|(index, of)| (index.parse(), of.parse()));
        let Some((Ok(index), Ok(of))) = numbers else {
            return Err("write it as slice:1/4, the first of four slices".to_owned());
        };
        if !(1..=of).contains(&index) {
            return Err(format!(
                "slices are counted from 1 to {of}, and there is no slice {index}"
            ));
        }
        Ok(Self { index, of })
    }
}

impl fmt::Display for Slice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "slice:{}/{}", self.index, self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(seeds: &Seeds, block: u64) -> Vec<u64> {
        seeds.block(block).map(|seed| seed.0).collect()
    }

    #[test]
    fn a_range_is_cut_into_blocks_of_consecutive_seeds() {
        let seeds = Seeds::range(7, 600).expect("it is sound");
        assert_eq!(seeds.blocks(), 3);
        assert_eq!(numbers(&seeds, 0), (7..263).collect::<Vec<_>>());
        assert_eq!(numbers(&seeds, 2), (519..607).collect::<Vec<_>>());
        assert_eq!(seeds.to_string(), "7 to 606");
    }

    #[test]
    fn no_seeds_and_seeds_beyond_the_last_are_refused() {
        assert!(Seeds::range(1, 0).is_err_and(|reason| reason.contains("at least 1")));
        assert!(Seeds::range(u64::MAX, 2).is_err());
        assert_eq!(numbers(&Seeds::range(u64::MAX, 1).expect("one fits"), 0), [u64::MAX]);
    }

    #[test]
    fn a_list_is_sorted_and_has_no_seed_twice() {
        assert_eq!("9,3..5,4".parse(), Ok(Seeds::List(vec![3, 4, 5, 9])));
        for (text, reason) in
            [("x", "no seed"), ("5..3", "empty"), ("", "no seed"), ("0..9999999", "at most")]
        {
            assert!(text.parse::<Seeds>().is_err_and(|said| said.contains(reason)), "{text}");
        }
    }

    #[test]
    fn slices_share_out_all_blocks_and_none_twice() {
        for of in 1..=5 {
            let slices = (1..=of).map(|index| Slice { index, of });
            let mut blocks: Vec<u64> =
                slices.flat_map(|s| (0..s.blocks(17)).map(move |nth| s.block(nth))).collect();
            blocks.sort_unstable();
            assert_eq!(blocks, (0..17).collect::<Vec<_>>(), "{of} slices");
        }
        assert_eq!(Slice { index: 3, of: 3 }.blocks(2), 0);
    }

    #[test]
    fn a_slice_that_does_not_exist_is_refused() {
        assert_eq!("slice:2/3".parse(), Ok(Slice { index: 2, of: 3 }));
        for text in ["slice:3/2", "slice:0/2", "slice:1/0", "1/2", "slice:a/2", "hash:1/2"] {
            assert!(text.parse::<Slice>().is_err(), "{text}");
        }
    }
}
