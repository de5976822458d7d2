//! The values inside of a value: items, fields, entries, and what a variant holds.
//!
//! ```text
//! [a, b]         Items     `groups[0]`, `groups[1]`
//! (x: a, y: b)   Fields    `x`, `y`, then the made-up ones for those that are missing
//! {k: a}         Entries   `k`
//! Name …         the name chooses the variant, the rest is one of the above
//! ```
//!
//! Here each value gets the words it is called by in messages.
//! Limits: a path is words for people; it is not always one that `--set` would take.

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};

use super::super::source::{Field, Node};
use super::reader::Reader;
use super::trouble::{Names, Place, StandInKey, Trouble};

/// The items of a list or tuple.
pub(super) struct Items<'t> {
    reader: Reader<'t>,
    at: usize,
}

impl<'t> Items<'t> {
    pub(super) fn new(reader: Reader<'t>) -> Self {
        Items { reader, at: 0 }
    }

    /// How many were read.
    pub(super) fn taken(&self) -> usize {
        self.at
    }
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Trouble;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Trouble> {
        let Some(item) = self.reader.node.items().get(self.at) else { return Ok(None) };
        let path = format!("{}[{}]", self.reader.path, self.at);
        let field = match (self.reader.own_name(), self.reader.field) {
            (Some(name), _) => name.to_owned(),
            (None, "") => String::new(),
            (None, field) => format!("{field}[{}]", self.at),
        };
        self.at += 1;
        self.reader.inside(item, &path, &field).read(seed).map(Some)
    }
}

/// The fields of a struct that are not skipped, and those made up for missing ones.
pub(super) struct Fields<'t> {
    reader: Reader<'t>,
    fields: std::slice::Iter<'t, Field>,
    /// The field whose name was read last; nothing when it is a made-up one.
    value: Option<&'t Field>,
    made_up: Vec<StandInKey>,
}

impl<'t> Fields<'t> {
    pub(super) fn new(reader: Reader<'t>) -> Self {
        let made_up = reader.repairs.made_up_fields(reader.node.span.start);
        Fields { reader, fields: reader.node.fields().iter(), value: None, made_up }
    }
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Trouble;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Trouble> {
        let skipped = &self.reader.repairs.skipped;
        self.value = self.fields.find(|field| !skipped.contains(&field.name.start));
        let (name, span) = match (self.value, self.made_up.last()) {
            (Some(field), _) => (field.name(self.reader.text), field.name),
            (None, Some((_, name))) => (*name, self.reader.node.anchor()),
            (None, None) => return Ok(None),
        };
        let place = || Place { start: span.start, ..self.reader.place_at(span) };
        let key = seed.deserialize(StrDeserializer::<Trouble>::new(name));
        key.map(Some).map_err(|trouble| trouble.or_at(place))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Trouble> {
        if let Some(field) = self.value {
            let name = field.name(self.reader.text);
            let separator = if self.reader.path.is_empty() { "" } else { "." };
            let path = format!("{}{separator}{name}", self.reader.path);
            return self.reader.inside(&field.value, &path, name).read(seed);
        }
        let stand_in = self.made_up.pop().and_then(|key| self.reader.repairs.stand_in(key));
        stand_in.ok_or_else(|| self.reader.kind("a field"))?.give(seed)
    }
}

/// The entries of a map.
pub(super) struct Entries<'t> {
    reader: Reader<'t>,
    entries: &'t [(Node, Node)],
    at: usize,
}

impl<'t> Entries<'t> {
    pub(super) fn new(reader: Reader<'t>, entries: &'t [(Node, Node)]) -> Self {
        Entries { reader, entries, at: 0 }
    }
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Trouble;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Trouble> {
        let Some((key, _)) = self.entries.get(self.at) else { return Ok(None) };
        self.reader.inside(key, self.reader.path, self.reader.field).read(seed).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Trouble> {
        let (key, value) = &self.entries[self.at];
        self.at += 1;
        let field = key.string(self.reader.text).unwrap_or(key.text(self.reader.text));
        let path = format!("{}.{field}", self.reader.path);
        self.reader.inside(value, &path, field).read(seed)
    }
}

impl<'de> EnumAccess<'de> for Reader<'_> {
    type Error = Trouble;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Trouble> {
        let name = self.own_name().unwrap_or_default();
        let variant = seed.deserialize(StrDeserializer::<Trouble>::new(name));
        let place = || self.place_at(self.node.anchor());
        variant.map(|variant| (variant, self)).map_err(|trouble| trouble.or_at(place))
    }
}

impl<'de> VariantAccess<'de> for Reader<'_> {
    type Error = Trouble;

    fn unit_variant(self) -> Result<(), Trouble> {
        let name = self.own_name().unwrap_or_default();
        if self.is_bare() { Ok(()) } else { Err(self.kind(format!("the bare name `{name}`"))) }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Trouble> {
        self.only()?.read(seed)
    }

    fn tuple_variant<V: Visitor<'de>>(self, count: usize, visitor: V) -> Result<V::Value, Trouble> {
        self.values(count, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: Names, visitor: V) -> Result<V::Value, Trouble> {
        self.fields(visitor)
    }
}
