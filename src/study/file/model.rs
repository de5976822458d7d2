//! The shape of a study file, as serde reads it.
//!
//! ```text
//!   Study( title, finding, scenario: Raw, variants, vary, seeds, measure: [Raw], charts )
//! ```
//!
//! What is [`Raw`] is read from its own text: values as they will stand in the scenario, metrics
//! and formulas by the entry of their name. No `untagged`, `tag` or `flatten`: with them, errors
//! point at the wrong place.

use super::AxisScale;
use serde::{Deserialize, Deserializer, de::IgnoredAny};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "some fields are read from their own text")]
pub(super) struct Study {
    pub(super) title: String,
    pub(super) finding: String,
    pub(super) scenario: Raw,
    #[serde(default)]
    pub(super) variants: Vec<Variants>,
    #[serde(default)]
    pub(super) vary: Vec<Vary>,
    pub(super) seeds: u64,
    pub(super) measure: Vec<Measure>,
    #[serde(default)]
    pub(super) charts: Vec<Chart>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Variants {
    pub(super) name: String,
    pub(super) of: Vec<Variant>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Variant {
    pub(super) name: String,
    pub(super) set: Vec<(String, Raw)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "values are read from their own text")]
pub(super) struct Vary {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) values: Vec<Raw>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "metrics and formulas are read from their own text")]
pub(super) struct Measure {
    pub(super) name: String,
    pub(super) metric: Raw,
    #[serde(default)]
    pub(super) closed_form: Raw,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Chart {
    #[serde(default)]
    pub(super) finding: Option<String>,
    pub(super) x: String,
    pub(super) y: String,
    #[serde(default)]
    pub(super) x_scale: AxisScale,
    #[serde(default)]
    pub(super) y_scale: AxisScale,
    #[serde(default)]
    pub(super) only: Vec<(String, String)>,
}

/// Anything.
#[derive(Default)]
pub(super) struct Raw;

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}
