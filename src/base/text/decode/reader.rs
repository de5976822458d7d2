//! Reading a value from the source map, to learn where it is wrong.
//!
//! ```text
//! type ──asks for a number──▶ Reader { node } ──▶ the text of the node, as a number
//!      ──asks for a struct──▶                 ──▶ access: a Reader for each value inside
//! ```
//!
//! A serde deserializer over the tree of spans: each value is read by a reader that knows its
//! node, so the place of an error is never reconstructed. It accepts what `ron` accepts as nearly
//! as our own types need it; where the two differ, `ron` has already decided, and the words of
//! `ron` are shown. The header of `decode` says why there are two readers.
//! Limits: byte strings, ranges and 128-bit numbers are not read.

use std::collections::BTreeSet;

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Visitor};

use super::super::diagnostic::Code;
use super::super::source::{Kind, Node, Span};
use super::access::{Entries, Fields, Items};
use super::locate::Repairs;
use super::trouble::{Cause, Names, Place, Trouble};

/// The name by which `ron` asks for the text of a value.
const RAW_VALUE: &str = "$ron::private::RawValue";

/// One value on its way to a type.
#[derive(Clone, Copy)]
pub(super) struct Reader<'t> {
    pub(super) text: &'t str,
    pub(super) node: &'t Node,
    /// The way to the value from where the reading began.
    pub(super) path: &'t str,
    /// The innermost field or variant that holds the value.
    pub(super) field: &'t str,
    pub(super) repairs: &'t Repairs,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str, root: &'t Node, repairs: &'t Repairs) -> Self {
        Reader { text, node: root, path: "", field: "", repairs }
    }

    pub(super) fn read<'de, S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Trouble> {
        match self.repairs.stand_in((self.node.span.start, "")) {
            Some(stand_in) => stand_in.give(seed).map_err(|trouble| trouble.or_at(|| self.place())),
            None => seed.deserialize(self).map_err(|trouble| trouble.or_at(|| self.place())),
        }
    }

    pub(super) fn place(&self) -> Place {
        let span = self.node.span;
        let drawable = !span.is_empty() && !span.of(self.text).contains('\n');
        let anchor = self.node.anchor();
        Place {
            span: if drawable { span } else { anchor },
            anchor,
            start: span.start,
            name: self.node.name(self.text).unwrap_or(self.path).to_owned(),
            field: self.field.to_owned(),
        }
    }

    /// The place of one token of this value.
    pub(super) fn place_at(&self, span: Span) -> Place {
        Place { span, ..self.place() }
    }

    /// The same reader at a value inside of this one.
    pub(super) fn inside<'i>(&self, node: &'i Node, path: &'i str, field: &'i str) -> Reader<'i>
    where
        't: 'i,
    {
        Reader { text: self.text, node, path, field, repairs: self.repairs }
    }

    /// The name, unless it was taken off before the reading began.
    pub(super) fn own_name(&self) -> Option<&'t str> {
        let inside = self.node.name.filter(|name| self.node.span.start <= name.start);
        inside.and_then(|_| self.node.name(self.text))
    }

    pub(super) fn is_bare(&self) -> bool {
        matches!(self.node.kind, Kind::Unit) && self.node.body.is_none()
    }

    fn is_empty_round(&self) -> bool {
        matches!(self.node.kind, Kind::Unit) && self.node.body.is_some()
    }

    fn check_name(&self, expected: &str) -> Result<(), Trouble> {
        match (self.own_name(), self.node.name) {
            (Some(name), Some(span)) if name != expected => {
                let trouble = self.kind(format!("`{expected}` or no name"));
                Err(trouble.or_at(|| self.place_at(span)))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn kind<S: Into<String>>(&self, expected: S) -> Trouble {
        let found = self.describe();
        Trouble::new(Cause::Kind { expected: expected.into(), found, help: None })
    }

    fn kind_with_help(&self, expected: String, help: Option<String>) -> Trouble {
        Trouble::new(Cause::Kind { expected, found: self.describe(), help })
    }

    fn describe(&self) -> String {
        let text = self.node.text(self.text);
        let what = match &self.node.kind {
            Kind::Scalar if text.contains('"') => "text",
            Kind::Scalar if text.contains('\'') => "a character",
            Kind::Scalar if matches!(text, "true" | "false") => return format!("`{text}`"),
            Kind::Scalar => return format!("the number `{text}`"),
            Kind::Unit if self.own_name().is_none() => "`()`",
            Kind::Unit => return format!("the name `{text}`"),
            Kind::Fields(_) => "named fields",
            Kind::Tuple(_) => "values without names",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map in braces",
        };
        match self.own_name() {
            Some(name) => format!("`{name}` with {what}"),
            None => what.to_owned(),
        }
    }

    fn scalar<T: DeserializeOwned>(&self, expected: &str) -> Result<T, Trouble> {
        if !matches!(self.node.kind, Kind::Scalar) {
            return Err(self.kind(expected));
        }
        ron::from_str(self.node.text(self.text)).map_err(|error| match error.code {
            ron::Error::IntegerOutOfBounds => {
                Trouble::new(Cause::Range { expected: expected.to_owned() })
            }
            _ => self.kind(expected),
        })
    }

    fn string(&self) -> Result<String, Trouble> {
        let text = self.node.text(self.text);
        let is_text = self.node.string(self.text).is_some();
        match ron::from_str::<String>(text) {
            Ok(content) if is_text => Ok(content),
            Err(error) if is_text => {
                let message = format!("this text cannot be read: {}", error.code);
                Err(Trouble::new(Cause::Refused { code: Code::Syntax, message }))
            }
            _ => {
                let word = matches!(self.node.kind, Kind::Scalar) || self.is_bare();
                let help = word.then(|| format!("write \"{text}\""));
                Err(self.kind_with_help("text in quotes".to_owned(), help))
            }
        }
    }

    /// The values between parentheses by their names; none for `()`.
    pub(super) fn fields<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
        if !matches!(self.node.kind, Kind::Fields(_) | Kind::Unit) {
            return Err(self.kind("named fields in parentheses"));
        }
        self.check_duplicates()?;
        let value = visitor.visit_map(Fields::new(self))?;
        let complete = self.repairs.made_up_fields(self.node.span.start).is_empty();
        if self.is_bare() && complete {
            return Err(self.kind(format!("parentheses, `{}()`", self.node.text(self.text))));
        }
        Ok(value)
    }

    fn check_duplicates(&self) -> Result<(), Trouble> {
        let mut seen = BTreeSet::new();
        for field in self.node.fields() {
            let name = field.name(self.text);
            let skipped = self.repairs.skipped.contains(&field.name.start);
            if !skipped && !seen.insert(name) {
                let trouble = Trouble::new(Cause::Duplicate { field: name.to_owned() });
                let place = Place { start: field.name.start, ..self.place_at(field.name) };
                return Err(trouble.or_at(|| place));
            }
        }
        Ok(())
    }

    /// The values between parentheses by their order.
    pub(super) fn values<'de, V: Visitor<'de>>(
        self,
        count: usize,
        visitor: V,
    ) -> Result<V::Value, Trouble> {
        let plural = if count == 1 { "value" } else { "values" };
        let expected = format!("{count} {plural} in parentheses");
        if !matches!(self.node.kind, Kind::Tuple(_)) && !self.is_empty_round() {
            return Err(self.kind(expected));
        }
        let items = self.node.items();
        let mut access = Items::new(self);
        let value = visitor.visit_seq(&mut access)?;
        let Some(extra) = items.get(access.taken()) else { return Ok(value) };
        let trouble = Trouble::new(Cause::Length { expected, found: items.len() });
        Err(trouble.or_at(|| self.place_at(extra.span)))
    }

    /// The only value between parentheses.
    pub(super) fn only(&self) -> Result<Reader<'t>, Trouble> {
        match (&self.node.kind, self.node.items()) {
            (Kind::Tuple(_), [only]) => {
                Ok(self.inside(only, self.path, self.own_name().unwrap_or(self.field)))
            }
            _ => Err(self.kind("one value in parentheses")),
        }
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident $number:ty)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
            let expected = format!("a whole number from {} to {}", <$number>::MIN, <$number>::MAX);
            visitor.$visit(self.scalar::<$number>(&expected)?)
        })*
    };
}

macro_rules! scalars {
    ($($method:ident $visit:ident $expected:literal)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
            visitor.$visit(self.scalar($expected)?)
        })*
    };
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Trouble;

    numbers! {
        deserialize_i8 visit_i8 i8
        deserialize_i16 visit_i16 i16
        deserialize_i32 visit_i32 i32
        deserialize_i64 visit_i64 i64
        deserialize_u8 visit_u8 u8
        deserialize_u16 visit_u16 u16
        deserialize_u32 visit_u32 u32
        deserialize_u64 visit_u64 u64
    }

    scalars! {
        deserialize_bool visit_bool "`true` or `false`"
        deserialize_f32 visit_f32 "a number"
        deserialize_f64 visit_f64 "a number"
        deserialize_char visit_char "a character in single quotes"
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
        visitor.visit_string(self.string()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
        visitor.visit_string(self.string()?)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
        match self.own_name() {
            Some(name) if self.is_bare() => visitor.visit_str(name),
            _ => visitor.visit_string(self.string()?),
        }
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
        let text = self.node.text(self.text);
        match &self.node.kind {
            Kind::Unit => visitor.visit_unit(),
            Kind::Fields(_) => self.fields(visitor),
            Kind::Tuple(items) => self.values(items.len(), visitor),
            Kind::List(_) => visitor.visit_seq(Items::new(self)),
            Kind::Map(entries) => visitor.visit_map(Entries::new(self, entries)),
            Kind::Scalar if matches!(text, "true" | "false") => self.deserialize_bool(visitor),
            Kind::Scalar if text.contains('"') => self.deserialize_str(visitor),
            Kind::Scalar if text.contains('\'') => self.deserialize_char(visitor),
            Kind::Scalar => match (self.scalar("a number"), self.scalar("a number")) {
                (Ok(whole), _) => visitor.visit_u64(whole),
                (_, Ok(whole)) => visitor.visit_i64(whole),
                _ => self.deserialize_f64(visitor),
            },
        }
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
        self.deserialize_any(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
        self.deserialize_any(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
        match self.own_name() {
            Some("None") if self.is_bare() => visitor.visit_none(),
            Some("Some") if !self.is_bare() => {
                let inner = self.inside(self.only()?.node, self.path, self.field);
                let place = Place { start: self.node.span.start, ..inner.place() };
                visitor.visit_some(inner).map_err(|trouble| trouble.or_at(|| place))
            }
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
        if self.is_empty_round() { visitor.visit_unit() } else { Err(self.kind("`()`")) }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Trouble> {
        self.check_name(name)?;
        if self.is_bare() { visitor.visit_unit() } else { self.deserialize_unit(visitor) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Trouble> {
        if name == RAW_VALUE {
            return visitor.visit_str(self.node.text(self.text));
        }
        self.check_name(name)?;
        let inner = self.only()?;
        let place = Place { start: self.node.span.start, ..inner.place() };
        visitor.visit_newtype_struct(inner).map_err(|trouble| trouble.or_at(|| place))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
        match self.node.kind {
            Kind::List(_) => visitor.visit_seq(Items::new(self)),
            _ => Err(self.kind("a list in square brackets")),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        count: usize,
        visitor: V,
    ) -> Result<V::Value, Trouble> {
        self.values(count, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        count: usize,
        visitor: V,
    ) -> Result<V::Value, Trouble> {
        self.check_name(name)?;
        self.values(count, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
        match &self.node.kind {
            Kind::Map(entries) => visitor.visit_map(Entries::new(self, entries)),
            _ => Err(self.kind("a map in braces")),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: Names,
        visitor: V,
    ) -> Result<V::Value, Trouble> {
        self.check_name(name)?;
        self.fields(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: Names,
        visitor: V,
    ) -> Result<V::Value, Trouble> {
        if self.own_name().is_some() {
            return visitor.visit_enum(self);
        }
        let choice = self.node.string(self.text).filter(|content| names.contains(content));
        let help = choice.map(|content| format!("write it without quotes: {content}"));
        Err(self.kind_with_help(format!("one of {}", names.join(", ")), help))
    }
}
