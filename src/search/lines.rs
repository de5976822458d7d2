//! Lines: a sweep as one JSON object per line, for programs, parts and merging.
//!
//! ```text
//!   header   the scenario, its digest, epoch, version, seeds, slice, what is expected
//!   block    counts of one block          failure │ finding   of that block, one line per fingerprint
//!   …
//!   end      how it ended, how many blocks, and the sums again
//! ```
//!
//! A file of lines is all that `merge` needs; one without an `end` line was cut short. Seeds and
//! hashes are text, since JavaScript loses integers beyond 2^53. A line per seed was rejected: a
//! million seeds would be 200 MB, and any seed can be run again.

use super::{
    fingerprint::Fingerprint,
    sweep::{Ending, Head},
    tally::{Failure, Tally},
};
use serde::{Deserialize, Serialize};

/// The version of what the lines look like.
const SCHEMA: &str = "splitbrain.event/1";

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Line {
    /// What is swept.
    Header(Box<Head>),
    /// What was counted in a block.
    Block {
        /// Its number among all blocks, those of other slices included.
        block: u64,
        /// The counts.
        counts: Tally,
    },
    /// A violated property in the block before.
    Failure(Group),
    /// A run that panicked or differed in the block before.
    Finding(Group),
    /// The end of a sweep.
    End {
        /// How it ended.
        ending: Ending,
        /// How many blocks there are.
        blocks: u64,
        /// The counts of all of them.
        counts: Tally,
    },
}

/// Failures of one kind in one block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Which kind.
    pub fingerprint: Fingerprint,
    /// How often, and where first.
    #[serde(rename = "in")]
    pub failure: Failure,
}

#[derive(Serialize)]
struct Tagged<'a> {
    schema: &'static str,
    #[serde(flatten)]
    line: &'a Line,
}

impl Line {
    /// As text, with the end of the line.
    pub fn write(&self) -> String {
        let tagged = Tagged { schema: SCHEMA, line: self };
        let mut text = serde_json::to_string(&tagged).expect("names and numbers are JSON");
        text.push('\n');
        text
    }

    /// From text.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut value: serde_json::Value =
            serde_json::from_str(text).map_err(|error| format!("no JSON: {error}"))?;
        let object = value.as_object_mut().ok_or("no object")?;
        match object.remove("schema") {
            Some(schema) if schema == SCHEMA => {}
            Some(schema) => return Err(format!("the schema is {schema}, not \"{SCHEMA}\"")),
            None => return Err("no line of a sweep: it has no `schema`".to_owned()),
        }
        serde_json::from_value(value).map_err(|error| format!("no line of a sweep: {error}"))
    }
}

/// A block and its failures.
pub fn block_lines(block: u64, tally: &Tally) -> String {
    let mut text = Line::Block { block, counts: tally.clone() }.write();
    for (what, failure) in &tally.failures {
        let group = Group { fingerprint: what.clone(), failure: failure.clone() };
        let line = if what.is_finding() { Line::Finding(group) } else { Line::Failure(group) };
        text += &line.write();
    }
    text
}

/// A fingerprint is its short form.
impl Serialize for Fingerprint {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A number as text.
pub(super) mod as_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
    pub(in crate::search) fn serialize<S: Serializer>(
        number: &u64,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(number)
    }

    pub(in crate::search) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<u64, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(Error::custom)
    }
}

/// Numbers as texts.
pub(super) mod as_texts {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(in crate::search) fn serialize<S: Serializer>(
        numbers: &[u64],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(numbers.iter().map(u64::to_string))
    }

    pub(in crate::search) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u64>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        texts.iter().map(|text| text.parse().map_err(Error::custom)).collect()
    }
}

/// A hash as 32 hexadecimal digits.
pub(super) mod as_hex {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(in crate::search) fn serialize<S: Serializer>(
        hash: &u128,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{hash:032x}"))
    }

    pub(in crate::search) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<u128, D::Error> {
        u128::from_str_radix(&String::deserialize(deserializer)?, 16).map_err(Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::Seed;

    #[test]
    fn lines_read_back_as_they_were_written() {
        let mut tally = Tally { seeds: 256, hashes: u128::MAX - 4, ..Tally::default() };
        let what = Fingerprint { property: "a.b".to_owned(), shape: 0xabc };
        tally.failed(what, Seed(u64::MAX), 77, "p1 said \"no\"");
        let panic = Fingerprint { property: "panic".to_owned(), shape: 1 };
        tally.failed(panic, Seed(3), 0, "panicked at x");
        let text = block_lines(9, &tally);
        let lines: Vec<Line> = text.lines().map(|line| Line::read(line).expect("ours")).collect();
        assert!(matches!(&lines[0], Line::Block { block: 9, counts } if counts.seeds == 256));
        let Line::Failure(Group { fingerprint, failure }) = &lines[1] else { panic!("{text}") };
        let told = (fingerprint.shape, failure.smallest, failure.hash, failure.sentence.as_str());
        assert_eq!(told, (0xabc, u64::MAX, 77, "p1 said \"no\""));
        assert!(matches!(&lines[2], Line::Finding(_)));
        assert!(text.contains("\"schema\":\"splitbrain.event/1\",\"type\":\"block\""), "{text}");
    }

    #[test]
    fn what_is_no_line_of_a_sweep_is_refused() {
        let other = r#"{"schema":"splitbrain.event/2","type":"end"}"#;
        let unknown = r#"{"schema":"splitbrain.event/1","type":"run"}"#;
        for (text, reason) in [
            ("x", "no JSON"),
            ("[]", "no object"),
            ("{}", "schema"),
            (other, "/2"),
            (unknown, "run"),
        ] {
            assert!(Line::read(text).is_err_and(|said| said.contains(reason)), "{text}");
        }
    }
}
