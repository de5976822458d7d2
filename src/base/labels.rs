//! Labels: the names of a protocol's messages, records and timers, known before any run.
//!
//! ```text
//!  enum Message { Broker(broker::Message), Reserve(u64) }
//!       ──▶  Broker.Publish  Broker.Fetch  Reserve            dense indexes 0, 1, 2
//! ```
//!
//! A derived `Deserialize` tells the names of all variants to whoever pretends to have data for
//! it, so a deserializer that only listens learns them without a value: no list to keep in step,
//! and no procedural macro. A message of a block that is embedded as a newtype variant is called
//! by the path (`Broker.Publish`), else all of a broker's messages would bear one name.
//!
//! Limits: one level of nesting; 65,535 labels. What is no enum has one label, its type's name.

use super::digest::Digest;
use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, Visitor};
use std::cell::Cell;

/// The labels of one enum, by dense index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    names: Vec<String>,
    /// Index of the first label of each outer variant.
    first: Vec<u16>,
}

impl Labels {
    /// Asks a type for its variants.
    pub fn of<T: DeserializeOwned>() -> Self {
        let mut labels = Self::default();
        for (index, outer) in variants::<T>(None).iter().enumerate() {
            labels.first.push(labels.names.len() as u16);
            let nested = variants::<T>(Some(index as u32));
            if nested.is_empty() {
                labels.names.push((*outer).to_owned());
            }
            labels.names.extend(nested.iter().map(|inner| format!("{outer}.{inner}")));
        }
        if labels.names.is_empty() {
            labels.names.push(type_word::<T>().to_owned());
        }
        labels
    }

    /// The index of the label of a value, from its digest.
    #[inline]
    pub fn index(&self, digest: &Digest) -> u16 {
        self.first.get(usize::from(digest.variant)).map_or(0, |first| first + digest.nested)
    }

    /// The names, by index.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The name at an index, `?` where there is none.
    pub fn name(&self, index: u16) -> &str {
        self.names.get(usize::from(index)).map_or("?", String::as_str)
    }

    /// The index of a name.
    pub fn find(&self, name: &str) -> Option<u16> {
        self.names.iter().position(|known| known == name).map(|index| index as u16)
    }
}

/// The name of a type without its path and parameters.
fn type_word<T>() -> &'static str {
    let name = std::any::type_name::<T>();
    let name = name.split('<').next().unwrap_or(name);
    name.rsplit("::").next().unwrap_or(name)
}

/// The variants of `T`, or of what its variant `inside` directly holds. Empty for what is no enum.
fn variants<T: DeserializeOwned>(inside: Option<u32>) -> &'static [&'static str] {
    let heard = Cell::new(&[][..]);
    _ = T::deserialize(Listener { heard: &heard, inside }); // It always fails, having heard.
    heard.get()
}

struct Listener<'a> {
    heard: &'a Cell<&'static [&'static str]>,
    inside: Option<u32>,
}

type Refusal = de::value::Error;

fn refuse<T>() -> Result<T, Refusal> {
    Err(de::Error::custom("this deserializer only listens"))
}

impl<'de> Deserializer<'de> for Listener<'_> {
    type Error = Refusal;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Refusal> {
        refuse()
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        if self.inside.is_some() {
            return visitor.visit_enum(self);
        }
        self.heard.set(variants);
        refuse()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

impl<'de> de::EnumAccess<'de> for Listener<'_> {
    type Error = Refusal;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Refusal> {
        let index = self.inside.unwrap_or_default();
        let chosen = seed.deserialize(de::value::U32Deserializer::<Refusal>::new(index))?;
        Ok((chosen, Self { heard: self.heard, inside: None }))
    }
}

impl<'de> de::VariantAccess<'de> for Listener<'_> {
    type Error = Refusal;

    fn unit_variant(self) -> Result<(), Refusal> {
        refuse()
    }
    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Refusal> {
        seed.deserialize(self)
    }
    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Refusal> {
        refuse()
    }
    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Refusal> {
        refuse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::digest::digest;
    use serde::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize)]
    enum Inner {
        Publish(u8),
        Fetch { offset: u8 },
    }

    #[derive(Serialize, Deserialize)]
    enum Outer {
        Broker(Inner),
        Reserve(u64),
        Pair(u8, Inner),
        Stop,
    }

    #[test]
    fn nested_newtype_variants_are_called_by_their_path() {
        let labels = Labels::of::<Outer>();
        assert_eq!(labels.names(), ["Broker.Publish", "Broker.Fetch", "Reserve", "Pair", "Stop"]);
        let name = |value: &Outer| labels.name(labels.index(&digest(value))).to_owned();
        assert_eq!(name(&Outer::Broker(Inner::Fetch { offset: 1 })), "Broker.Fetch");
        assert_eq!(name(&Outer::Pair(1, Inner::Publish(2))), "Pair");
        assert_eq!(name(&Outer::Stop), "Stop");
        assert_eq!(name(&Outer::Reserve(7)), "Reserve");
    }

    #[test]
    fn what_is_no_enum_is_called_by_its_type() {
        assert_eq!(Labels::of::<u64>().names(), ["u64"]);
        assert_eq!(Labels::of::<std::num::Wrapping<u8>>().names(), ["Wrapping"]);
        assert_eq!(Labels::of::<u64>().index(&digest(&7_u64)), 0);
    }
}
