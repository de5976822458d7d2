//! A value made up for one that is wrong or missing, so that reading goes on behind the mistake.
//!
//! ```text
//! Crash()          `node` is missing ──▶ stand-in for `node` ──▶ `down` is missing, too
//! ```
//!
//! It gives each type the simplest value the type asks for: zero, nothing, the first variant. Text
//! is harder, because our own types refuse most of it; there the stand-in offers another sample
//! each time it is refused. The value read in the end is thrown away.
//! Limits: a type that refuses every sample ends the search, and the mistakes behind it are found
//! when this one is mended.

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use super::trouble::{Cause, Names, StandInKey, Trouble};

/// What to offer where text is wanted, one after the other.
const SAMPLES: [&str; 6] = ["1s", "1%", "1/s", "1", "p1", "100%"];

/// How deep made-up structs may nest; only a type that contains itself gets there.
const DEPTH_MAX: usize = 16;

/// The made-up value.
#[derive(Clone, Copy)]
pub(super) struct StandIn {
    key: StandInKey,
    sample: usize,
    depth: usize,
}

/// Whether there is a sample of this number to offer.
pub(super) fn has_sample(sample: usize) -> bool {
    sample < SAMPLES.len()
}

impl StandIn {
    pub(super) fn new(key: StandInKey, sample: usize) -> Self {
        StandIn { key, sample, depth: 0 }
    }

    /// Lets a type read it.
    pub(super) fn give<'de, S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Trouble> {
        let refused = |_| Trouble::new(Cause::StandIn { key: self.key });
        if DEPTH_MAX < self.depth {
            return Err(refused(Trouble::custom("")));
        }
        seed.deserialize(StandIn { depth: self.depth + 1, ..self }).map_err(refused)
    }

    fn text(self) -> &'static str {
        SAMPLES[self.sample % SAMPLES.len()]
    }
}

macro_rules! give {
    ($($method:ident => $visit:ident($value:expr))*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
            visitor.$visit($value)
        })*
    };
}

impl<'de> Deserializer<'de> for StandIn {
    type Error = Trouble;

    give! {
        deserialize_bool => visit_bool(false)
        deserialize_i8 => visit_i8(1)
        deserialize_i16 => visit_i16(1)
        deserialize_i32 => visit_i32(1)
        deserialize_i64 => visit_i64(1)
        deserialize_u8 => visit_u8(1)
        deserialize_u16 => visit_u16(1)
        deserialize_u32 => visit_u32(1)
        deserialize_u64 => visit_u64(1)
        deserialize_f32 => visit_f32(1.0)
        deserialize_f64 => visit_f64(1.0)
        deserialize_char => visit_char('a')
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
        visitor.visit_str(self.text())
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
        visitor.visit_str(self.text())
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
        visitor.visit_str(self.text())
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
        visitor.visit_str(self.text())
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
        visitor.visit_bytes(&[])
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
        visitor.visit_bytes(&[])
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
        visitor.visit_none()
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
        visitor.visit_unit()
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Trouble> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Trouble> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
        visitor.visit_seq(Several { value: self, count: 0, names: &[] })
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        count: usize,
        visitor: V,
    ) -> Result<V::Value, Trouble> {
        visitor.visit_seq(Several { value: self, count, names: &[] })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        count: usize,
        visitor: V,
    ) -> Result<V::Value, Trouble> {
        self.deserialize_tuple(count, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
        visitor.visit_map(Several { value: self, count: 0, names: &[] })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: Names,
        visitor: V,
    ) -> Result<V::Value, Trouble> {
        visitor.visit_map(Several { value: self, count: 0, names })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: Names,
        visitor: V,
    ) -> Result<V::Value, Trouble> {
        visitor.visit_enum(Several { value: self, count: 0, names })
    }
}

/// Several made-up values, with names or without.
struct Several {
    value: StandIn,
    count: usize,
    names: Names,
}

impl<'de> SeqAccess<'de> for Several {
    type Error = Trouble;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Trouble> {
        if self.count == 0 {
            return Ok(None);
        }
        self.count -= 1;
        self.value.give(seed).map(Some)
    }
}

impl<'de> MapAccess<'de> for Several {
    type Error = Trouble;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Trouble> {
        let Some((name, others)) = self.names.split_first() else { return Ok(None) };
        self.names = others;
        seed.deserialize(StrDeserializer::<Trouble>::new(name)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Trouble> {
        self.value.give(seed)
    }
}

impl<'de> EnumAccess<'de> for Several {
    type Error = Trouble;
    type Variant = StandIn;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, StandIn), Trouble> {
        let name = self.names.first().copied().unwrap_or_default();
        let variant = seed.deserialize(StrDeserializer::<Trouble>::new(name))?;
        Ok((variant, self.value))
    }
}

impl<'de> VariantAccess<'de> for StandIn {
    type Error = Trouble;

    fn unit_variant(self) -> Result<(), Trouble> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Trouble> {
        self.give(seed)
    }

    fn tuple_variant<V: Visitor<'de>>(self, count: usize, visitor: V) -> Result<V::Value, Trouble> {
        visitor.visit_seq(Several { value: self, count, names: &[] })
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        names: Names,
        visitor: V,
    ) -> Result<V::Value, Trouble> {
        visitor.visit_map(Several { value: self, count: 0, names })
    }
}
